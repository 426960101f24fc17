"""More seats of a bridge under way: the agreement goes out anew with the new total, and no date moves (S1, B2, B7)."""

from uuid import UUID

from rules.audited import Kind
from tests.procedures.bridges import MINUTE, booked, bought, pass_the_cut_off, pass_to, the_bridge
from tests.procedures.harness import Bench
from tests.procedures.people import assert_done, launch, mails, notes, sign, writes
from tests.procedures.requests import ADA, ROBERTA, TOM
from tests.procedures.seats import CONTOSO, changes, confirm, held, more, portal_adds
from tests.procedures.test_audit import audit, keys, table

VISIO = "Visio Plan 1"
TICKET = 700175
TOP = 4
"""Autotask's number of "Critical"."""


async def two_more(bench: Bench) -> UUID:
    """A bridge of three Visio whose agreement is out, and two more that the customer confirms."""
    run = await bought(bench)
    seats = await launch(bench, more(product=VISIO, seats_now=3, seats_wanted=5))
    assert_done(await confirm(bench, seats))
    assert changes(bench) == [(3, 5)]
    assert "sent anew with 5 seats" in notes(bench, TICKET)["bridge told"]
    await bench.play_all()
    return run


def seats_on_paper(bench: Bench, envelope: str) -> str:
    signers = bench.sandbox.get(f"records/docusign.envelopes/{envelope}")["signers"]
    return next(tab["value"] for signer in signers for tab in signer["tabs"] if tab["tabLabel"] == "Seats1")


async def test_the_agreement_is_sent_anew_with_the_new_total_and_kept_under_it(bench: Bench) -> None:
    """The old one is void, the new one says five; everybody is told; the cut-off stays; signed, five are kept."""
    run = await bought(bench)
    first, dates = await bench.envelope(run), (await the_bridge(bench, run)).dates
    seats = await launch(bench, more(product=VISIO, seats_now=3, seats_wanted=5))
    assert_done(await confirm(bench, seats))
    await bench.play_all()
    assert await bench.waits_for(run) == "agreement-2"
    assert "ticket completed" not in writes(bench), "the request is not done: its agreement is unsigned"
    assert bench.sandbox.get(f"records/docusign.envelopes/{first}")["status"] == "voided"
    [told] = mails(bench, ADA, "sent anew")
    assert "as before" in told.text
    assert mails(bench, ROBERTA, "sent anew") and mails(bench, TOM, "sent anew")

    await bench.answer(run, action="release the agreement", decided_by=ROBERTA)
    bench.sandbox.advance(seconds=700)
    await bench.reconcile()
    second = next(
        one["envelopeId"]
        for one in bench.sandbox.records("docusign.envelopes")
        if one["envelopeId"] != first and one["status"] == "sent"
    )
    assert seats_on_paper(bench, second) == "5"
    assert (await the_bridge(bench, run)).dates == dates
    bench.sandbox.post(f"envelopes/{second}/sign")
    state = await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert_done(state)
    [asset] = [one for one in bench.sandbox.records("itglue.flexible_assets") if one["name"] == f"{VISIO} (Monthly)"]
    assert asset["traits"]["licence-count"] == 5
    assert held(bench, CONTOSO, VISIO)["quantity"] == 5
    assert not booked(bench)
    assert not mails(bench, TOM, "a person must act"), "what was signed is what there is"


async def test_unsigned_all_seats_end_with_the_month(bench: Bench) -> None:
    """B7: more seats put nothing off."""
    run = await two_more(bench)
    found = await pass_the_cut_off(bench, run)
    [end] = booked(bench)
    assert end["subscription"] == found.ids.subscriptions[0]
    assert end["quantity"] == 5


async def test_seats_that_somebody_added_in_the_portal_change_no_agreement(bench: Bench) -> None:
    """Nobody confirmed them: the agreement stays as it is."""
    run = await bought(bench)
    portal_adds(bench, (await the_bridge(bench, run)).ids.subscriptions[0], 5)
    await bench.answer(run, action="look again", decided_by=TOM)
    assert await bench.waits_for(run) == "agreement-1"
    assert not bench.sandbox.effects("envelope voided")


async def test_a_signature_binds_that_came_before(bench: Bench) -> None:
    """Signed for three while five were confirmed: the two need no contract, and the audit finds that sound (S1)."""
    run = await bought(bench)
    seats = await launch(bench, more(product=VISIO, seats_now=3, seats_wanted=5))
    bench.sandbox.post("connect", {"mode": "lost"})
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign")
    assert_done(await confirm(bench, seats))
    await bench.play_all()
    state = await bench.state(run)
    if not state.is_final():
        await sign(bench, run)
    assert_done(await bench.state(run))
    assert held(bench, CONTOSO, VISIO)["quantity"] == 5
    assert len(bench.sandbox.effects("draft created")) == 1
    assert_done(await audit(bench))
    rows, _ = await table(bench)
    subscription = held(bench, CONTOSO, VISIO)["id"]
    assert not [row for row in rows if subscription in str(row)], "paper says 3, the customer's word 5: that is sound"
    portal_adds(bench, subscription, 6)
    assert_done(await audit(bench))
    rows, _ = await table(bench)
    assert f"{Kind.SEATS_DIFFER.name.lower()}:{subscription}" in keys(rows), "a sixth seat that nobody confirmed"


async def test_seats_added_after_an_annual_agreement_was_signed_are_a_persons(bench: Bench) -> None:
    """Y5: the annual term is ordered as it was signed, for three; the two that end with the bridge are somebody's."""
    run = await bought(bench, term="1-Year", annual_reason="The team stays, and annual is cheaper.")
    await sign(bench, run)
    assert await bench.waits_for(run) == "change-over"
    seats = await launch(bench, more(product=VISIO, seats_now=3, seats_wanted=5))
    assert_done(await confirm(bench, seats))
    assert changes(bench) == [(3, 5)]
    await bench.play_all()
    assert await bench.waits_for(run) == "change-over", "what was signed isn't touched"
    await pass_to(bench, (await the_bridge(bench, run)).dates.change_over + 2 * MINUTE)
    assert_done(await bench.state(run))
    annual = held(bench, CONTOSO, VISIO, term="1-Year")
    assert annual["quantity"] == 3
    [mail] = [one for one in mails(bench, TOM, "a person must act") if "covers fewer seats" in one.text]
    assert "signed 3, there are 5" in mail.text and "add-seats" in mail.text
    [ticket] = [one for one in bench.sandbox.records("autotask.tickets") if "covers fewer seats" in one["title"]]
    assert ticket["priority"] == TOP
