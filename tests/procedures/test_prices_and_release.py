"""Prices before the term is chosen, and contracts' hand on the draft (N2, N4, decision 2)."""

import json
import re

from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import ArtifactSort

from tests.procedures.harness import Bench, plain
from tests.procedures.people import (
    assert_done,
    assert_ended_as,
    launch,
    mails,
    notes,
    ordered,
    release,
    settings,
    sign,
    writes,
)
from tests.procedures.requests import ADA, MATTHEW, ROBERTA, SAM, TOM, contoso

CONTOSO_TICKET = 700175
VISIO_COST = re.compile(r"(?<![\d:.])(?:5\.04|4\.20|50\.40)(?!\d)")
"""Our cost, as an amount: the seconds of a timestamp may be 04.20 as well."""
"""What Pax8 asks of us for Visio Plan 1: monthly, annual by the month, annual by the year."""


async def seen_by_people(bench: Bench) -> str:
    """Every mail, ticket note, ticket and artifact, in one text."""
    async with get_client() as client:
        artifacts = [str(one.data) for one in await client.read_artifacts(sort=ArtifactSort.CREATED_DESC)]
    told = [f"{mail.subject} {mail.text}" for mail in mails(bench)]
    return "\n".join(
        [
            *artifacts,
            *told,
            json.dumps(bench.sandbox.records("autotask.ticketnotes")),
            json.dumps(bench.sandbox.records("autotask.tickets")),
            json.dumps(bench.sandbox.records("itglue.flexible_assets")),
            json.dumps(bench.sandbox.records("docusign.envelopes")),
        ]
    )


async def test_pricing_confirms_before_the_customer_hears_a_figure(bench: Bench) -> None:
    """N2, annual: unreadable figures and strangers are sent back; the customer gets pricing's; our cost stays ours."""
    run = await launch(bench, contoso(pricing_first=True, term="1-Year", annual_reason="asked for both"))
    assert await bench.waits_for(run) == "pricing"
    assert "5.04" in await bench.form(run), "pricing sees our cost"
    assert not mails(bench, ADA)

    await bench.answer(run, action="confirm prices", decided_by=MATTHEW, monthly_prices="Visio Plan 1 = six")
    assert "'six' is not a price" in await bench.form(run)
    good = {"monthly_prices": "Visio Plan 1 = 6.35", "annual_prices": "Visio Plan 1 = 5.45"}
    await bench.answer(run, action="confirm prices", decided_by=TOM, **good)
    assert "tom@northgate.example may not decide this" in await bench.form(run)
    assert not mails(bench, ADA)

    await bench.answer(run, action="confirm prices", decided_by=MATTHEW, **good)
    assert await bench.waits_for(run) == "term"
    [figures] = mails(bench, ADA)
    assert "6.35 USD" in figures.text and "5.45 USD" in figures.text
    assert mails(bench, MATTHEW, "You chose 'confirm prices'")

    await bench.answer(run, action="customer chose", decided_by=TOM, term="1-Year")
    assert "note: say why" in await bench.form(run), "annual needs a reason"
    await bench.answer(run, action="customer chose", decided_by=TOM, term="1-Year", note="Ada's mail of today")
    await release(bench, run)
    assert_done(await sign(bench, run))
    assert ordered(bench) == [("Visio Plan 1", 3, "1-Year")]
    [billing] = mails(bench, ROBERTA, "begin billing")
    assert "5.45 USD per seat" in billing.text
    seen = await seen_by_people(bench)
    assert not VISIO_COST.findall(seen)


async def test_only_a_term_with_confirmed_prices_can_be_chosen(bench: Bench) -> None:
    """A term that pricing gave no figures for, or that isn't sold, is asked again; yearly bills are twelve months."""
    copilot = contoso(
        product="Copilot for Microsoft 365",
        quote_line="Copilot for Microsoft 365",
        term="1-Year",
        annual_reason="there is no other",
        billing_frequency="Annual",
        pricing_first=True,
    )
    run = await launch(bench, copilot)
    await bench.answer(
        run, action="confirm prices", decided_by=MATTHEW, annual_prices="Copilot for Microsoft 365 = 31.50"
    )
    await bench.answer(run, action="customer chose", decided_by=TOM, term="Monthly")
    assert await bench.waits_for(run) == "term"
    assert "can't be had on the Monthly term" in await bench.form(run)
    await bench.answer(run, action="customer chose", decided_by=TOM, term="1-Year", note="Ada's mail")
    assert await bench.waits_for(run) == "release-1"
    assert "378.00 USD per seat, billed annual" in plain(await bench.form(run)), "31.50 a month, billed by the year"
    await bench.answer(run, action="withdraw", decided_by=TOM, note="enough seen")

    run = await launch(bench, contoso(pricing_first=True))
    await bench.answer(run, action="confirm prices", decided_by=MATTHEW, monthly_prices="Visio Plan 1 = 6.10")
    await bench.answer(run, action="customer chose", decided_by=TOM, term="1-Year", note="Ada's mail")
    assert await bench.waits_for(run) == "term"
    assert "pricing has confirmed no prices for the 1-Year term" in await bench.form(run)
    await bench.answer(run, action="customer chose", decided_by=TOM, term="Monthly")
    assert "6.10 USD per seat, billed monthly" in plain(await bench.form(run))
    await release(bench, run)
    assert_done(await sign(bench, run))
    assert ordered(bench) == [("Visio Plan 1", 3, "Monthly")]


async def test_contracts_corrects_prices_and_nobody_else_changes_the_draft(bench: Bench) -> None:
    """A correction lands on the draft; a draft edited by hand in DocuSign is not sent, its differences are shown."""
    run = await launch(bench, contoso())
    envelope = await bench.envelope(run)
    await bench.answer(run, action="correct", decided_by=ROBERTA, prices="Visio Plan 2 = 5.70")
    assert "write 'product = price'" in await bench.form(run)
    await bench.answer(run, action="correct", decided_by=ROBERTA, prices="Visio Plan 1 = 5.70")
    assert await bench.waits_for(run) == "release-2"
    assert "5.70 USD" in await bench.form(run)

    bench.sandbox.post(f"envelopes/{envelope}/edit", {"tabs": {"Seats1": "30", "Term": "1-Year"}})
    await release(bench, run)
    shown = await bench.form(run)
    assert "signed '30', to be ordered '3'" in shown and "term: signed '1-Year'" in shown
    assert not bench.sandbox.effects("envelope sent")

    bench.sandbox.post(f"envelopes/{envelope}/edit", {"tabs": {"Seats1": "3", "Term": "Monthly"}})
    await release(bench, run)
    assert len(bench.sandbox.effects("envelope sent")) == 1
    assert_done(await sign(bench, run))
    assert "5.70 USD per seat" in mails(bench, ROBERTA, "begin billing")[0].text


async def test_a_release_waits_for_that_was_not_me(bench: Bench) -> None:
    """Ten minutes to object: before they are over nothing goes out; an objection ends it; silence sends it."""
    async with settings(objection_minutes=10):
        run = await launch(bench, contoso())
        await release(bench, run)
        assert await bench.waits_for(run) == "objection-release-1"
        [asked] = mails(bench, ROBERTA, "You chose 'release'")
        assert asked.text.count("Not you? Tell Sam") == 1 and SAM in asked.text
        assert "where its form offers 'that was not me' or 'withdraw'" in asked.text
        await bench.reconcile()
        assert not bench.sandbox.effects("envelope sent")
        bench.sandbox.advance(seconds=601)
        await bench.reconcile()
        assert await bench.waits_for(run) == "signature"
        assert len(bench.sandbox.effects("envelope sent")) == 1

        other = await launch(bench, contoso(product="Power BI Pro", quote_line="Power BI Pro"))
        await release(bench, other)
        state = await bench.answer(other, action="that was not me", decided_by=ROBERTA, note="I am on holiday")
        assert_ended_as(state, "Refused")
        assert "I am on holiday" in str(state.message)
    assert len(bench.sandbox.effects("envelope sent")) == 1
    assert not bench.sandbox.effects("order placed")


async def test_sent_directly_where_the_settings_say_so(bench: Bench) -> None:
    """No release is waited for, nor later when the setting is changed; contracts has it by mail (N3)."""
    async with settings(release="sent directly"):
        run = await launch(bench, contoso())
    assert await bench.waits_for(run) == "signature"
    assert len(bench.sandbox.effects("envelope sent")) == 1
    assert "6.00 USD per seat" in mails(bench, ROBERTA, "drafted and sent")[0].text
    await bench.answer(run, action="look again", decided_by=TOM)
    assert await bench.waits_for(run) == "signature", "it is out: nobody is asked to release it any more"


async def given(bench: Bench, send: bool = True, **tabs: str) -> str:
    """Contracts makes an agreement by hand, in DocuSign's own pages."""
    fields = {
        "CustomerName": "Contoso Ltd",
        "Ticket": "T20261118.0012",
        "Term": "Monthly",
        "BillingFrequency": "Monthly",
        "Currency": "USD",
        "StartDate": "on signing",
        "EndDate": "none",
        "Product1": "Visio Plan 1",
        "Seats1": "3",
        "UnitPrice1": "6.00",
        **tabs,
    }
    made = {
        "tabs": fields,
        "customer": {"name": "Ada Byte", "email": ADA},
        "msp": {"name": "Roberta Vale", "email": ROBERTA},
        "send": send,
    }
    return str(bench.sandbox.post("envelopes", made)["envelopeId"])


async def test_an_envelope_made_by_hand_counts_only_if_it_says_what_was_asked_for(bench: Bench) -> None:
    """Other seats, unreadable fields, an unknown id: refused before any write. One that fits is waited for."""
    for envelope, why in (
        (await given(bench, Seats1="4"), "more seats signed of Visio Plan 1"),
        (await given(bench, Term="by the month", Seats1=""), "its fields can't be read as our agreement"),
        ("6d9b3b0e-0000-4000-8000-000000000000", "DocuSign"),
        ("nonsense", "envelope"),
    ):
        before = len(writes(bench))
        run = await launch(bench, contoso(envelope=envelope))
        state = await bench.state(run)
        assert_ended_as(state, "Refused")
        assert "envelope (N4)" in str(state.message) and why in str(state.message)
        assert writes(bench)[before:] == []

    envelope = await given(bench)
    run = await launch(bench, contoso(envelope=envelope))
    assert await bench.waits_for(run) == "signature", "it is out already: nothing to release"
    assert len(bench.sandbox.effects("draft created")) == 3, "contracts' own three, none of ours"
    assert_done(await sign(bench, run))
    assert ordered(bench) == [("Visio Plan 1", 3, "Monthly")]
    assert "made by hand" in notes(bench, CONTOSO_TICKET)["agreement drafted"]
    assert mails(bench, SAM) == []
