"""How a bridge ends on every other road: dead paper, a change of mind, late signatures, what a person must do (I4)."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from rules.audited import Kind
from rules.bridge import reminders
from rules.calendar import Calendar
from tasks.agreements import only_ours_was_missing
from tests.procedures.bridges import (
    MINUTE,
    booked,
    bought,
    confirm,
    deadline,
    listed,
    pass_the_cut_off,
    pass_to,
    the_bridge,
)
from tests.procedures.harness import Bench, plain
from tests.procedures.ledger import Ledger, Meant
from tests.procedures.people import (
    WEBHOOK,
    assert_done,
    assert_ended_as,
    launch,
    mails,
    notes,
    ordered,
    paper_says,
    settings,
)
from tests.procedures.requests import ADA, MATTHEW, ROBERTA, SAM, TOM, bridge
from tests.procedures.test_audit import audit, keys, table

VISIO, ANNUALLY = ("Visio Plan 1", 3, "Monthly"), ("Visio Plan 1", 3, "1-Year")
ANNUAL = {"term": "1-Year", "annual_reason": "Ada asked for it."}
REQUEST = 700175
TOP = 4
"""Autotask's number of "Critical"."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CALENDAR = Calendar(time_zone="America/New_York", country="US", subdivision="NY")


def tickets(bench: Bench, part: str) -> list[dict[str, Any]]:
    """Our tickets in whose key this stands."""
    return [one for one in bench.sandbox.records("autotask.tickets") if part in (one["externalID"] or "")]


async def signs(bench: Bench, run: UUID, **who: str) -> Any:
    """The agreement is signed, and DocuSign sends word."""
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", who)
    return await bench.answer(run, action="look again", decided_by=WEBHOOK)


async def bought_with_a_draft(bench: Bench, **changed: Any) -> UUID:
    """A bridge that was confirmed and bought while contracts still has the draft."""
    run = await launch(bench, bridge(**changed))
    await confirm(bench, run)
    assert await bench.waits_for(run) == "agreement-1"
    return run


async def bought_power_bi(bench: Bench) -> UUID:
    """Another annual bridge of the same customer."""
    async with settings(release="sent directly"):
        run = await launch(bench, bridge(**ANNUAL, product="Power BI Pro", quote_line="Power BI Pro"))
        figures = {"monthly_prices": "Power BI Pro = 12.00", "annual_prices": "Power BI Pro = 10.00"}
        await bench.answer(run, action="confirm prices", decided_by=MATTHEW, **figures)
        bench.sandbox.advance(seconds=700)
        await bench.reconcile()
        await confirm(bench, run)
    assert await bench.waits_for(run) == "agreement-1"
    return run


def assert_cancelled_and_told_once(bench: Bench) -> None:
    assert len(booked(bench)) == 1
    assert len(mails(bench, to=ADA, subject="cancelled, it ends on")) == 1
    [ours] = mails(bench, subject="the bridge is cancelled")
    assert set(ours.to) == {TOM, ROBERTA, SAM}  # Roberta is contracts and billing


# An agreement that can't be signed any more


@pytest.mark.parametrize(("act", "name"), [("decline", "Declined"), ("void", "Voided"), ("expire", "Expired")])
async def test_a_dead_agreement_ends_the_bridge_with_its_month(bench: Bench, act: str, name: str) -> None:
    """Declined, voided, expired: booked at once, read back, everybody told, the deadline taken off, the end guarded."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.advance(days=3)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/{act}", {})
    assert_ended_as(await bench.answer(run, action="look again", decided_by=WEBHOOK), name)
    assert_cancelled_and_told_once(bench)
    assert (await deadline(bench, run)).state_name == "Taken off"
    assert bench.sandbox.get(f"records/autotask.tickets/{found.ids.reminder_id}")["completedDate"]
    if act != "decline":
        return
    bench.sandbox.post(f"pax8/subscriptions/{found.ids.subscriptions[0]}/seats", {"quantity": 4})
    await pass_to(bench, found.dates.commitment_end - 2 * DAY)
    assert len(booked(bench)) == 2, "dropped by other seats, booked again (S4)"
    await pass_to(bench, found.dates.commitment_end + 35 * HOUR)
    assert [one.state_name for one in await bench.runs("guard-end")] == ["Completed"]
    assert len(mails(bench, to=ADA, subject="cancelled, it ends on")) == 1


@pytest.mark.parametrize(
    ("action", "who", "name"), [("withdraw", TOM, "Withdrawn"), ("refuse the draft", ROBERTA, "Refused")]
)
async def test_a_draft_that_nobody_wants_ends_the_bridge_after_the_cut_off(
    bench: Bench, action: str, who: str, name: str
) -> None:
    """A draft can still be sent and signed, so only the deadline's run may cancel; the customer is told at once."""
    run = await bought_with_a_draft(bench)
    if action == "refuse the draft":
        await bench.answer(run, action=action, decided_by=MATTHEW, note="I would rather not")
        assert "may not decide" in plain(await bench.form(run))
    await bench.answer(run, action=action, decided_by=who, note="Not wanted any more.")
    assert await bench.waits_for(run) == "booked-by-deadline"
    assert booked(bench) == []
    assert len(mails(bench, to=ADA, subject="cancelled, it ends on")) == 1
    found = await pass_the_cut_off(bench, run)
    assert_ended_as(await bench.state(run), name)
    assert_cancelled_and_told_once(bench)
    assert [one["subscription"] for one in booked(bench)] == list(found.ids.subscriptions)
    assert bench.sandbox.effects("envelope sent") == []


async def test_withdrawn_while_the_customer_has_it_it_is_voided_and_cancelled_at_once(bench: Bench) -> None:
    """A voided agreement is dead: no cut-off is waited for."""
    run = await bought(bench)
    await bench.answer(run, action="withdraw", decided_by=TOM)
    assert "say why" in plain(await bench.form(run))
    state = await bench.answer(run, action="withdraw", decided_by=TOM, note="They went elsewhere.")
    assert_ended_as(state, "Withdrawn")
    assert_cancelled_and_told_once(bench)
    assert len(bench.sandbox.effects("envelope voided")) == 1


async def test_reminded_three_times_and_a_bounced_signer_stops_nothing(bench: Bench) -> None:
    """Half way, three business days before, on the day: signer and ours, once each; the bounce is told once; the
    bridge runs on, and is cancelled in the end."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/bounce", {})
    await bench.answer(run, action="look again", decided_by=WEBHOOK)
    await bench.answer(run, action="look again", decided_by=WEBHOOK)
    assert await bench.waits_for(run) == "agreement-1"
    assert len(mails(bench, to=TOM, subject="mail to the signer came back")) == 1
    due = reminders(found.ordered_at, found.dates, CALENDAR)
    assert [one.kind for one in due] == ["half", "three-days", "last-day"]
    for number, one in enumerate(due, start=1):
        await pass_to(bench, one.at + MINUTE)
        await bench.answer(run, action="look again", decided_by=TOM)
        to_signer = mails(bench, to=ADA, subject="please sign by")
        to_us = mails(bench, to=TOM, subject="unsigned, the cut-off is")
        assert (len(to_signer), len(to_us)) == (number, number), one.kind
        assert set(to_us[-1].cc) == {ROBERTA, SAM}
    await pass_the_cut_off(bench, run)
    assert_cancelled_and_told_once(bench)
    assert len(mails(bench, to=ADA, subject="please sign by")) == 3


# The change of mind (Y4)


async def test_a_change_of_mind_in_time_makes_it_monthly(bench: Bench) -> None:
    """The annual agreement is voided, a monthly one drafted, released, signed, kept.

    What strangers and people without the right write isn't even offered.
    """
    run = await bought(bench, **ANNUAL)
    annual = await bench.envelope(run)
    bench.sandbox.advance(hours=2)
    said = {"to": "licences@northgate.example", "subject": "The term", "body": "We would rather have it monthly."}
    bench.sandbox.post("mails", {"from": "rita@contoso.example", **said})
    bench.sandbox.post("mails", {"from": "ada@c0ntoso.example", **said})
    await bench.answer(run, action="look again", decided_by=TOM)
    assert await listed(bench, run) == []
    await bench.answer(run, action="customer wants monthly", decided_by=TOM, evidence="mail:made-up · 0123456789ab")
    assert "choose one of the messages" in plain(await bench.form(run))
    bench.sandbox.post("mails", {"from": ADA, **said})
    await bench.answer(run, action="look again", decided_by=TOM)
    await turns_monthly(bench, run, annual)
    monthly = next(
        one["envelopeId"]
        for one in bench.sandbox.records("docusign.envelopes")
        if one["status"] == "sent" and one["envelopeId"] != annual
    )
    assert "Change of mind" not in await bench.case_file(run)
    bench.sandbox.post(f"envelopes/{monthly}/sign", {})
    assert_done(await bench.answer(run, action="look again", decided_by=WEBHOOK))
    assert ordered(bench) == [VISIO] and booked(bench) == []
    assert len(mails(bench, to=ADA, subject="your licences go on")) == 1
    assert "Ada" not in notes(bench, REQUEST)["change of mind 1"].partition("Evidence")[0]


async def turns_monthly(bench: Bench, run: UUID, annual: str) -> None:
    """Tom shows the customer's one message; annual is voided, and monthly drafted and released."""
    [evidence] = await listed(bench, run)
    await bench.answer(run, action="customer wants monthly", decided_by=TOM, evidence=evidence)
    assert await bench.waits_for(run) == "agreement-2"
    assert bench.sandbox.get(f"records/docusign.envelopes/{annual}")["status"] == "voided"
    await bench.answer(run, action="release the agreement", decided_by=ROBERTA)
    bench.sandbox.advance(seconds=700)
    await bench.reconcile()


async def test_a_signature_on_the_voided_annual_agreement_keeps_no_unsigned_monthly_bridge(bench: Bench) -> None:
    """B7, Y4: signed by him alone, then his mind changed; monthly never signed: it ends, and he is told.

    Until then nobody is asked to countersign, and the audit sees the bridge as unsigned.
    """
    run = await bought(bench, **ANNUAL)
    annual = await bench.envelope(run)
    bench.sandbox.post(f"envelopes/{annual}/sign", {"by": "customer"})
    await bench.answer(run, action="look again", decided_by=WEBHOOK)
    assert "role:countersigner" in (await bench.run(run)).tags
    bench.sandbox.advance(hours=2)
    said = {"to": "licences@northgate.example", "subject": "The term", "body": "We would rather have it monthly."}
    bench.sandbox.post("mails", {"from": ADA, **said})
    await bench.answer(run, action="look again", decided_by=TOM)
    await turns_monthly(bench, run, annual)
    assert "role:signer" in (await bench.run(run)).tags, "it is the customer's turn: nobody has signed monthly"
    [subscription] = (seen := await the_bridge(bench, run)).ids.subscriptions
    bench.sandbox.set_clock(seen.dates.cut_off + 2 * MINUTE)
    assert_done(await audit(bench))
    rows, _ = await table(bench)
    assert f"{Kind.BRIDGE_NOT_ENDING.name.lower()}:{subscription}" in keys(rows)
    await pass_the_cut_off(bench, run)
    assert [end["subscription"] for end in booked(bench)] == [subscription]
    assert len(mails(bench, to=ADA, subject="cancelled, it ends on")) == 1
    assert not mails(bench, to=ROBERTA, subject="our own signature is missing")
    said_yes = {str(one["id"]) for one in bench.sandbox.get("mails", direction="received")["mails"]}
    book = Ledger(bench.sandbox, Meant(yes=said_yes))
    assert [one.subscription for one in book.bridges()] == [subscription]
    assert book.all_wrong() == []


@pytest.mark.parametrize(
    ("kept", "edition", "ours"),
    [
        ({"customer-signed-e-1": "then"}, 1, True),
        ({"customer-signed-e-0": "then"}, 2, False),
        ({"customer-signed": "then"}, 1, True),
        ({"customer-signed": "then"}, 2, False),
        ({}, 1, False),
    ],
    ids=["this envelope", "the one before", "kept by an earlier run", "kept by one for the edition before", "nobody"],
)
def test_who_countersigns_is_kept_by_envelope(kept: dict[str, str], edition: int, ours: bool) -> None:
    """B7: the customer's signature on one edition puts nobody's name on the next; old memories mean the first."""
    case: Any = SimpleNamespace(journal=kept, request=SimpleNamespace(edition=edition))
    assert only_ours_was_missing(case, "e-1") == ours


async def test_one_message_changes_one_mind(bench: Bench) -> None:
    """Two bridges of one customer under way: the message that made one monthly doesn't make the other so (B3)."""
    one = await bought(bench, **ANNUAL)
    other = await bought_power_bi(bench)
    bench.sandbox.advance(hours=1)
    said = {"from": ADA, "to": "licences@northgate.example", "subject": "Visio", "body": "Monthly for Visio, please."}
    bench.sandbox.post("mails", said)
    for run in (one, other):
        await bench.answer(run, action="look again", decided_by=TOM)
    confirmed, evidence = await listed(bench, one)
    await bench.answer(one, action="customer wants monthly", decided_by=TOM, evidence=confirmed)
    assert "used for" in plain(await bench.form(one)), "it confirmed the other bridge"
    await bench.answer(one, action="customer wants monthly", decided_by=TOM, evidence=evidence)
    assert await bench.waits_for(one) == "agreement-2"
    await bench.answer(other, action="customer wants monthly", decided_by=TOM, evidence=evidence)
    assert await bench.waits_for(other) == "agreement-1"
    assert "used for" in plain(await bench.form(other))


async def test_a_change_of_mind_comes_too_late_or_after_the_signature(bench: Bench) -> None:
    """Y3 d: received after the day: refused with the date that was missed. Completed before: signed binds (Y4)."""
    run = await bought(bench, **ANNUAL)
    found = await the_bridge(bench, run)
    bench.sandbox.set_clock(found.dates.change_of_mind_until + 5 * MINUTE)
    said = {"to": "licences@northgate.example", "subject": "The term", "body": "Monthly after all, please."}
    bench.sandbox.post("mails", {"from": ADA, **said})
    await bench.answer(run, action="look again", decided_by=TOM)
    [evidence] = await listed(bench, run)
    await bench.answer(run, action="customer wants monthly", decided_by=TOM, evidence=evidence)
    complaint = plain(await bench.form(run))
    assert "too late" in complaint and CALENDAR.in_words(found.dates.change_of_mind_until) in complaint
    assert bench.sandbox.effects("envelope voided") == []
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    await bench.answer(run, action="customer wants monthly", decided_by=TOM, evidence=evidence)
    if await bench.waits_for(run) == "agreement-1":
        assert "Signed binds" in plain(await bench.form(run))
        await bench.answer(run, action="look again", decided_by=WEBHOOK)
    assert await bench.waits_for(run) == "change-over"
    assert bench.sandbox.effects("envelope voided") == [] and ordered(bench) == [VISIO]


# Signed late (Y6)


async def test_signed_late_before_the_bridge_has_ended_it_is_ordered_at_the_change_over(bench: Bench) -> None:
    """Y6: the cancelled bridge runs to its end; the annual term starts a few days before, on a person's word."""
    run = await bought(bench, **ANNUAL)
    found = await pass_the_cut_off(bench, run)
    assert len(booked(bench)) == 1
    bench.sandbox.advance(hours=10)
    await signs(bench, run)
    assert await bench.waits_for(run) == "late-still-wanted"
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    assert await bench.waits_for(run) == "late-still-wanted", "requester or contracts, nobody else"
    await bench.answer(run, action="accept", decided_by=ROBERTA)
    bench.sandbox.advance(seconds=700)
    await bench.reconcile()
    assert await bench.waits_for(run) == "late-order"
    assert ordered(bench) == [VISIO]
    await pass_to(bench, found.dates.change_over + MINUTE)
    assert_done(await bench.state(run))
    assert ordered(bench) == [VISIO, ANNUALLY]
    assert len(booked(bench)) == 1


async def test_signed_after_the_change_over_day_it_is_ordered_at_once(bench: Bench) -> None:
    """Y6: between change-over and end it is ordered as soon as somebody says that it is still wanted."""
    run = await bought(bench, **ANNUAL)
    found = await pass_the_cut_off(bench, run)
    bench.sandbox.set_clock(found.dates.change_over + 6 * HOUR)
    await signs(bench, run)
    await bench.answer(run, action="accept", decided_by=TOM)
    bench.sandbox.advance(seconds=700)
    await bench.reconcile()
    assert_done(await bench.state(run))
    assert ordered(bench) == [VISIO, ANNUALLY]


async def test_signed_late_and_not_wanted_any_more_nothing_is_ordered(bench: Bench) -> None:
    """Y6: "still wanted" refused: the bridge ends with its month, and nothing follows it."""
    run = await bought(bench)
    await pass_the_cut_off(bench, run)
    await signs(bench, run)
    assert await bench.waits_for(run) == "late-still-wanted"
    state = await bench.answer(run, action="refuse", decided_by=TOM, note="They bought it elsewhere.")
    assert_ended_as(state, "Refused")
    assert ordered(bench) == [VISIO] and len(booked(bench)) == 1
    assert "Nothing more was ordered" in mails(bench, to=TOM, subject="refused")[-1].text


# The change-over (Y5)


async def test_an_annual_term_that_is_not_active_in_time_is_a_persons(bench: Bench) -> None:
    """Y5: never cancel first: a person is told with the last safe moment, and the end isn't booked behind anything."""
    run = await bought(bench, **ANNUAL)
    found = await the_bridge(bench, run)
    await signs(bench, run)
    bench.sandbox.post("pax8/provisioning", {"mode": "stuck"})
    async with settings(provisioning_inline_seconds=0):
        await pass_to(bench, found.dates.change_over + MINUTE)
    assert ordered(bench) == [VISIO, ANNUALLY] and booked(bench) == []
    assert await bench.waits_for(run) == "annual-provisioning"
    await pass_to(bench, found.dates.book_end_by - DAY + 20 * MINUTE)
    [ticket] = tickets(bench, ":annual-not-active")
    assert ticket["priority"] == TOP and "service must not stop" in ticket["description"]
    asked = mails(bench, to=TOM, subject="a person must act")
    assert any(CALENDAR.in_words(found.dates.book_end_by) in one.subject for one in asked), [m.subject for m in asked]
    await pass_to(bench, found.dates.book_end_by + HOUR)
    annual = next(
        one["id"]
        for one in bench.sandbox.records("pax8.subscriptions")
        if one["commitment"] and one["commitment"]["term"] == "1-Year" and one["orderId"]
    )
    bench.sandbox.post(f"pax8/subscriptions/{annual}/settle", {})
    await pass_to(bench, found.dates.book_end_by + 2 * HOUR)
    assert booked(bench) == [], "less than 48 hours are left"
    assert await bench.waits_for(run) == "by-hand"
    assert tickets(bench, ":unusable")[0]["priority"] == TOP
    assert not mails(bench, to=ROBERTA, subject="the monthly bridge ends on"), "it doesn't, until somebody books it"
    await bench.answer(run, action="it is done", decided_by=TOM, note="Booked.")
    assert await bench.waits_for(run) == "by-hand", "it isn't, whoever says so: it would renew unwatched"
    said = await bench.form(run)
    assert found.ids.subscriptions[0] in said and "Pax8 portal" in said and "it stays" in said
    assert "bridge-open" in ((await bench.run(run)).tags or [])
    end = {"end": found.dates.commitment_end.isoformat()}
    bench.sandbox.post(f"pax8/subscriptions/{annual}/end", end)
    await bench.answer(run, action="it is done", decided_by=TOM, note="Booked on the wrong line.")
    assert await bench.waits_for(run) == "by-hand"
    bench.sandbox.post(f"pax8/subscriptions/{found.ids.subscriptions[0]}/end", end)
    state = await bench.answer(run, action="it is done", decided_by=TOM, note="Booked.")
    assert_ended_as(state, "Handed to a person")
    assert "can't be used" not in (state.message or ""), "the agreement was used: annual runs"
    assert "bridge-open" not in ((await bench.run(run)).tags or [])


async def test_an_annual_order_that_pax8_refuses_is_tried_again_on_a_persons_word(bench: Bench) -> None:
    """The bridge isn't cancelled before the annual one is active; mended, everything follows."""
    run = await bought(bench, **ANNUAL)
    found = await the_bridge(bench, run)
    await signs(bench, run)
    bench.sandbox.post("faults", {"vendor": "pax8", "method": "POST", "path": "/orders$", "kind": "422", "times": 2})
    await pass_to(bench, found.dates.change_over + MINUTE)
    assert (await bench.waits_for(run)).startswith("annual-order-refused")
    assert booked(bench) == [] and ordered(bench) == [VISIO]
    assert mails(bench, to=TOM, subject="the order was refused")
    state = await bench.answer(run, action="accept", decided_by=TOM)
    while state.is_paused() and (await bench.waits_for(run)).startswith("annual-order-refused"):
        state = await bench.answer(run, action="accept", decided_by=TOM)
    assert_done(state)
    assert ordered(bench) == [VISIO, ANNUALLY]
    assert [one["subscription"] for one in booked(bench)] == list(found.ids.subscriptions)


# A paper that can't be used


async def test_an_end_booked_where_pax8_shows_no_term_counts_as_it_is(bench: Bench) -> None:
    """A person books what the run could not: Pax8 shows that end, and no term to hold it against."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    paper_says(bench, await bench.envelope(run), UnitPrice1="0.60")
    await signs(bench, run)
    bench.sandbox.post("settings", {"pax8.monthly_end_dates": "missing"})
    await bench.answer(run, action="it is done", decided_by=TOM)
    assert await bench.waits_for(run) == "by-hand"
    assert "no end is booked" in await bench.form(run)
    end = {"end": found.dates.commitment_end.isoformat()}
    bench.sandbox.post(f"pax8/subscriptions/{found.ids.subscriptions[0]}/end", end)
    assert_ended_as(await bench.answer(run, action="it is done", decided_by=TOM), "Handed to a person")


async def test_that_a_bridge_stays_is_a_persons_word_with_its_reason(bench: Bench) -> None:
    """Without a reason it is asked again; with one the watch ends, and the ticket says who let it go on, and why."""
    run = await bought(bench)
    paper_says(bench, await bench.envelope(run), UnitPrice1="0.60")
    await signs(bench, run)
    await bench.answer(run, action="it stays", decided_by=TOM)
    assert await bench.waits_for(run) == "by-hand"
    assert "note: say why" in await bench.form(run)
    state = await bench.answer(run, action="it stays", decided_by=TOM, note="Signed anew at the right price.")
    assert_ended_as(state, "Handed to a person")
    assert "Signed anew at the right price." in notes(bench, REQUEST)["bridge stays"]
    assert booked(bench) == []


async def test_a_paper_that_says_something_else_is_a_persons_until_the_bridge_has_ended(bench: Bench) -> None:
    """Another price was signed: nobody cancels by himself what a customer signed for, and nobody lets it renew in
    silence: the last safe moment, reminders, and on renewal the vendor's exit."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    paper_says(bench, await bench.envelope(run), UnitPrice1="0.60")
    await signs(bench, run)
    assert await bench.waits_for(run) == "by-hand"
    [ticket] = tickets(bench, ":unusable")
    assert ticket["priority"] == TOP
    asked = mails(bench, to=TOM, subject="a person must act")
    assert CALENDAR.in_words(found.dates.person_by) in asked[0].subject
    assert "Nothing more was ordered" in mails(bench, to=TOM, subject="refused")[0].text
    await pass_the_cut_off(bench, run)
    assert booked(bench) == [] and not mails(bench, to=ADA, subject="cancelled")
    await pass_to(bench, found.dates.person_by + MINUTE)
    again = [one for one in mails(bench, subject="a person must act") if one not in asked]
    assert again, "nobody did anything: asked again"
    await pass_to(bench, found.dates.commitment_end + DAY)
    [renewed] = tickets(bench, ":renewed-")
    assert str(found.dates.term_end + 7 * DAY) in renewed["description"]
    bench.sandbox.post(f"pax8/subscriptions/{found.ids.subscriptions[0]}/end", {"end": "now"})
    state = await bench.answer(run, action="it is done", decided_by=TOM, note="Cancelled, they sign anew.")
    assert_ended_as(state, "Handed to a person")
    assert ordered(bench) == [VISIO]


async def test_an_end_booked_in_the_portal_is_not_overlooked_when_it_is_signed(bench: Bench) -> None:
    """Signed in time, but somebody had booked an end: kept, and a person is told to take the end away."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    end = {"end": found.dates.commitment_end.isoformat()}
    bench.sandbox.post(f"pax8/subscriptions/{found.ids.subscriptions[0]}/end", end)
    assert_done(await signs(bench, run))
    [ticket] = tickets(bench, ":end-in-spite")
    assert ticket["priority"] == TOP and "take it away" in ticket["description"]
