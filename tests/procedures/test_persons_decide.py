"""What only a person decides between signature and order, and who that person is (N5, A1, decision 2)."""

from tests.procedures.harness import Bench, plain
from tests.procedures.people import (
    WEBHOOK,
    assert_done,
    assert_ended_as,
    launch,
    launch_to_signature,
    mails,
    notes,
    ordered,
    paper_says,
    sign,
)
from tests.procedures.requests import ADA, JO, MATTHEW, ROBERTA, SAM, TOM, contoso, fabrikam

CONTOSO_TICKET = 700175
VISIO_1 = "20b09e7a-01a8-5f3f-831c-e24784ed7815"


async def test_more_seats_on_paper_are_ordered_as_signed_if_a_person_says_so(bench: Bench) -> None:
    """The paper says five, three were asked for: the requester chooses, five are ordered, the customer told five."""
    run = await launch_to_signature(bench, contoso())
    paper_says(bench, await bench.envelope(run), Seats1="5")
    await sign(bench, run)
    assert await bench.waits_for(run) == "signed-seats"
    [asked] = mails(bench, TOM, "other seats were signed")
    assert "signed '5', to be ordered '3'" in asked.text and ROBERTA in asked.cc
    assert not bench.sandbox.effects("order placed")
    assert_done(await bench.answer(run, action="order as signed", decided_by=TOM))
    assert ordered(bench) == [("Visio Plan 1", 5, "Monthly")]
    assert "5 × Visio Plan 1" in mails(bench, ADA, "licences are ready")[0].text
    assert "5 × Visio Plan 1" in mails(bench, ROBERTA, "begin billing")[0].text
    assert "tom@northgate.example" in notes(bench, CONTOSO_TICKET)["seats as signed"]


async def test_fewer_seats_on_paper_can_be_started_anew(bench: Bench) -> None:
    """The paper says two: void and start anew orders nothing, and says so."""
    run = await launch_to_signature(bench, contoso())
    paper_says(bench, await bench.envelope(run), Seats1="2")
    await sign(bench, run)
    state = await bench.answer(run, action="void and start anew", decided_by=TOM, note="Ada will sign again")
    assert_ended_as(state, "Void and start anew")
    assert "Ada will sign again" in mails(bench, TOM, "nothing was ordered")[0].text
    assert not bench.sandbox.effects("order placed")


async def test_another_price_on_paper_is_nobodys_to_accept(bench: Bench) -> None:
    """A signed price other than the confirmed one covers nothing: refused, both are told, nothing is ordered."""
    run = await launch_to_signature(bench, contoso())
    paper_says(bench, await bench.envelope(run), UnitPrice1="0.60")
    state = await sign(bench, run)
    assert_ended_as(state, "Refused")
    assert "unit price of Visio Plan 1: signed '0.60', to be ordered '6.00'" in str(state.message)
    assert not bench.sandbox.effects("order placed")


async def test_seats_as_signed_can_lift_a_signer_over_their_limit(bench: Bench) -> None:
    """Frida may sign for 5000: with 400 seats on paper contracts decides first, and only contracts."""
    run = await launch_to_signature(bench, fabrikam())
    paper_says(bench, await bench.envelope(run), Seats1="400")
    await sign(bench, run)
    await bench.answer(run, action="order as signed", decided_by=TOM)
    assert (await bench.waits_for(run)).startswith("signer-frida")
    await bench.answer(run, action="accept", decided_by=TOM)
    assert "tom@northgate.example may not decide this; roberta@northgate.example" in await bench.form(run)
    assert not bench.sandbox.effects("order placed")
    assert_done(await bench.answer(run, action="accept", decided_by=ROBERTA))
    assert ordered(bench) == [("Power BI Pro", 400, "Monthly")]


async def test_an_unauthorised_signer_is_contracts_decision(bench: Bench) -> None:
    """Ben signed, who may only confirm: contracts refuses, then (in another procedure) the service manager accepts."""
    for action, decider, note in (("refuse", ROBERTA, "Ben may not"), ("accept", SAM, "I rang Ada")):
        run = await launch(bench, contoso())
        ben = {"roleName": "Client signer", "name": "Ben Okafor", "email": "ben@contoso.example"}
        envelope = await bench.envelope(run)
        bench.sandbox.post(f"envelopes/{envelope}/edit", {"signers": [ben]})
        await bench.answer(run, action="release", decided_by=ROBERTA)
        await sign(bench, run)
        assert (await bench.waits_for(run)).startswith("signer-ben-contoso")
        assert "is not an authorised contact with the right to sign" in await bench.form(run)
        state = await bench.answer(run, action=action, decided_by=decider, note=note)
        if action == "refuse":
            assert_ended_as(state, "Refused")
            assert not bench.sandbox.effects("order placed")
    assert_done(state)
    assert len(ordered(bench)) == 1


async def test_what_changed_before_ordering_goes_to_whom_it_concerns(bench: Bench) -> None:
    """Renamed: the requester; our cost risen: pricing; subscribed meanwhile: contracts. Then it is ordered, once."""
    run = await launch_to_signature(bench, contoso())
    product = bench.sandbox.get(f"records/pax8.products/{VISIO_1}")
    prices = [{**price, "buy": str(float(price["buy"]) + 0.37)} for price in product["prices"]]
    bench.sandbox.change("pax8.products", VISIO_1, name="Visio Web Plan [New Commerce Experience]", prices=prices)
    held = next(s for s in bench.sandbox.records("pax8.subscriptions") if s["quantity"] == 12)
    monthly = next(c for c in product["commitments"] if c["term"] == "Monthly")
    extra = {
        **held,
        "id": "0d2d4b5e-1111-4222-8333-944455556666",
        "productId": VISIO_1,
        "productName": "Visio Web Plan [New Commerce Experience]",
        "quantity": 1,
        "commitment": {**held["commitment"], "id": monthly["id"]},
    }
    bench.sandbox.http.put(f"records/pax8.subscriptions/{extra['id']}", json=extra).raise_for_status()

    await sign(bench, run)
    assert (await bench.waits_for(run)).startswith("renamed-1-")
    assert "is called Visio Web Plan" in await bench.form(run)
    await bench.answer(run, action="accept", decided_by=TOM)
    assert (await bench.waits_for(run)).startswith("cost-risen-")
    assert "| Visio Plan 1 | 5.04 | 5.41 |" in await bench.form(run), "pricing sees both costs"
    assert "5.41" not in mails(bench, MATTHEW, "your decision is needed")[0].text
    await bench.answer(run, action="accept", decided_by=ROBERTA)
    assert "roberta@northgate.example may not decide this; matthew@northgate.example" in await bench.form(run)
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    assert (await bench.waits_for(run)).startswith("subscribed-1-")
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    assert "matthew@northgate.example may not decide this; roberta@northgate.example" in await bench.form(run)
    assert not bench.sandbox.effects("order placed")
    assert_done(await bench.answer(run, action="accept", decided_by=ROBERTA))
    assert len(bench.sandbox.effects("order placed")) == 1
    page = await bench.case_file(run)
    assert "5.04" not in page and "5.41" not in page


async def test_handed_over_the_procedure_is_the_colleagues(bench: Bench) -> None:
    """Inactive ones can't take over; Jo does: page and ticket are hers, and what comes goes to her, not to Tom."""
    bench.sandbox.post("settings", {"pax8.mails": "never"})
    run = await launch_to_signature(bench, contoso())
    paper_says(bench, await bench.envelope(run), Seats1="4")
    await sign(bench, run)
    assert await bench.waits_for(run) == "signed-seats"
    await bench.answer(run, action="hand over", decided_by=TOM, colleague="ivy@northgate.example")
    assert "Ivy Grant (ivy@northgate.example) is not active" in await bench.form(run)
    await bench.answer(run, action="hand over", decided_by=TOM, colleague=JO, note="my holiday")
    assert await bench.waits_for(run) == "signed-seats"
    [moved] = mails(bench, JO, "handed over to you")
    assert "The paper has other seats" in moved.text
    page = plain(await bench.case_file(run))
    assert "awaited | Jo Brandt" in page, "it is her turn now"
    assert "Handed over to Jo Brandt" in page and "my holiday" in page
    await bench.answer(run, action="look again", decided_by=WEBHOOK)
    assert plain(await bench.case_file(run)).count("Handed over to Jo Brandt: my holiday") == 1, "as long as it waits"
    told_tom = len(mails(bench, TOM))
    assert_done(await bench.answer(run, action="order as signed", decided_by=JO))
    assert mails(bench, JO, ": done")
    assert len(mails(bench, TOM)) == told_tom, "it isn't his any more"
    assert JO in mails(bench, ROBERTA, "begin billing")[0].cc
    resource = {r["email"]: r["id"] for r in bench.sandbox.records("autotask.resources")}[JO]
    assert bench.sandbox.get(f"records/autotask.tickets/{CONTOSO_TICKET}")["assignedResourceID"] == resource
    bench.sandbox.advance(days=5)
    await bench.reconcile()
    assert mails(bench, JO, "no order confirmation"), "what the net finds later is hers too"
    assert len(mails(bench, TOM)) == told_tom


async def test_looking_again_without_a_signature_waits_on_and_spares_docusign(bench: Bench) -> None:
    """Pressed five times in a quarter of an hour: at most one look at the envelope; later one more; it waits on."""
    run = await launch_to_signature(bench, contoso())
    envelope = await bench.envelope(run)

    def looks() -> int:
        ours = [e for e in bench.sandbox.ledger(vendor="docusign") if e["method"] == "GET"]
        return sum(e["path"].endswith(f"/envelopes/{envelope}") for e in ours)

    before = looks()
    for _ in range(3):
        await bench.answer(run, action="look again", decided_by=TOM, note="she says she signed")
        assert await bench.waits_for(run) == "signature"
    assert looks() == before, "it was looked at when the wait began"
    bench.sandbox.advance(seconds=16 * 60)
    for _ in range(2):
        await bench.answer(run, action="look again", decided_by=TOM)
    assert looks() == before + 1
    assert not bench.sandbox.effects("order placed")
    bench.sandbox.post(f"envelopes/{envelope}/sign")
    assert_done(await bench.answer(run, action="look again", decided_by=WEBHOOK))
