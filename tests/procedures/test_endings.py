"""Every end without an order: ended as what it is, told once, taken back where it was out (N4, N5, decision 4)."""

from datetime import timedelta
from typing import Any

import pytest

from tests.procedures.harness import Bench, plain
from tests.procedures.people import assert_ended_as, launch, launch_to_signature, mails, notes, release, settings, sign
from tests.procedures.requests import ADA, JO, MATTHEW, ROBERTA, TOM, contoso

CONTOSO_TICKET = 700175


def assert_told_once_and_nothing_ordered(bench: Bench, name: str, why: str) -> None:
    """One mail to the requester with contracts in copy, one note, no order, no subscription."""
    [mail] = mails(bench, TOM, f"{name.lower()}, nothing was ordered")
    assert ROBERTA in mail.cc
    assert why in mail.text
    assert f"{name}: " in notes(bench, CONTOSO_TICKET)["ended"] and why in notes(bench, CONTOSO_TICKET)["ended"]
    assert not bench.sandbox.effects("order placed")
    assert not [s for s in bench.sandbox.records("pax8.subscriptions") if s["orderId"]]


@pytest.mark.parametrize(
    ("lever", "body", "name", "why"),
    [
        ("decline", {"reason": "too dear"}, "Declined", "ada@contoso.example declined to sign: too dear"),
        ("void", {"reason": "wrong customer"}, "Voided", "wrong customer"),
        ("expire", {}, "Expired", "expired unsigned"),
        ("bounce", {"reason": "550 no such mailbox"}, "Signer bounced", "550 no such mailbox"),
    ],
)
async def test_what_becomes_of_the_envelope_is_what_the_run_ends_as(
    bench: Bench, lever: str, body: dict[str, Any], name: str, why: str
) -> None:
    """Declined, voided, expired, bounced: found by reconcile though no webhook came; a bounced one is voided."""
    run = await launch_to_signature(bench, contoso())
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/{lever}", body)
    await bench.reconcile()
    state = await bench.state(run)
    assert_ended_as(state, name)
    assert why in str(state.message) and "Nothing was ordered" in str(state.message)
    assert f"**{name}**" in await bench.case_file(run)
    await bench.reconcile()
    assert_told_once_and_nothing_ordered(bench, name, why)
    assert not mails(bench, ROBERTA, "without a procedure"), "its procedure has seen to it"
    envelope = bench.sandbox.get(f"records/docusign.envelopes/{await bench.envelope(run)}")
    assert envelope["status"] == ("declined" if lever == "decline" else "voided")


async def withdraw(bench: Bench, run: Any, wait: str) -> None:
    """A colleague withdraws the run from the form of that wait, after having been asked why."""
    assert await bench.waits_for(run) == wait
    await bench.answer(run, action="withdraw", decided_by=JO)
    assert "note: say why" in await bench.form(run)
    state = await bench.answer(run, action="withdraw", decided_by=JO, note="the customer changed their mind")
    assert_ended_as(state, "Withdrawn")
    assert "jo@northgate.example" in plain(await bench.case_file(run))
    assert mails(bench, JO, "You chose 'withdraw'")
    assert_told_once_and_nothing_ordered(bench, "Withdrawn", "the customer changed their mind")


async def test_withdrawn_before_the_customer_has_anything(bench: Bench) -> None:
    """At pricing and at the choice of the term: the customer got at most figures, and no envelope exists."""
    run = await launch(bench, contoso(pricing_first=True))
    await withdraw(bench, run, "pricing")
    assert not mails(bench, ADA)
    bench.sandbox.reset()
    run = await launch(bench, contoso(pricing_first=True))
    await bench.answer(run, action="confirm prices", decided_by=MATTHEW, monthly_prices="Visio Plan 1 = 6.10")
    await withdraw(bench, run, "term")
    assert not bench.sandbox.records("docusign.envelopes")


async def test_withdrawn_while_the_draft_is_looked_at(bench: Bench) -> None:
    """At release and in the minutes to object: the draft never goes out."""
    run = await launch(bench, contoso())
    await withdraw(bench, run, "release-1")
    bench.sandbox.reset()
    async with settings(objection_minutes=10):
        run = await launch(bench, contoso())
        await release(bench, run)
        await withdraw(bench, run, "objection-release-1")
    assert not bench.sandbox.effects("envelope sent")


async def test_withdrawn_while_it_is_out_the_envelope_is_voided(bench: Bench) -> None:
    """The customer can't sign any more what nobody wants any more."""
    run = await launch_to_signature(bench, contoso())
    await withdraw(bench, run, "signature")
    [voided] = bench.sandbox.effects("envelope voided")
    assert "the customer changed their mind" in str(voided)


async def test_withdrawn_after_the_signature_and_before_the_start(bench: Bench) -> None:
    """Signed for a day ahead, withdrawn meanwhile: nothing is ordered on that day."""
    start = bench.sandbox.today() + timedelta(days=5)
    run = await launch_to_signature(bench, contoso(start_date=start.isoformat()))
    await sign(bench, run)
    await withdraw(bench, run, "start-day")
    bench.sandbox.advance(days=6)
    await bench.reconcile()
    assert not bench.sandbox.effects("order placed")


async def test_contracts_refuses_the_draft(bench: Bench) -> None:
    """A refusal needs a reason, ends the run, and sends nothing."""
    run = await launch(bench, contoso())
    await bench.answer(run, action="refuse", decided_by=TOM, note="I'd rather not")
    assert "tom@northgate.example may not decide this" in await bench.form(run)
    await bench.answer(run, action="refuse", decided_by=ROBERTA)
    assert "note: say why" in await bench.form(run)
    state = await bench.answer(run, action="refuse", decided_by=ROBERTA, note="they owe us three months")
    assert_ended_as(state, "Refused")
    assert_told_once_and_nothing_ordered(bench, "Refused", "they owe us three months")
    assert not bench.sandbox.effects("envelope sent")
