"""Start days ahead, and signatures that come late (N6)."""

from datetime import timedelta

from tests.procedures.harness import Bench, plain
from tests.procedures.people import assert_done, launch_to_signature, mails, ordered, sign
from tests.procedures.requests import ADA, JO, ROBERTA, SAM, TOM, contoso


async def test_a_start_day_ahead_is_slept_until_and_ordered_then(bench: Bench) -> None:
    """Signed today for a day in ten days: nothing is ordered before it, reconcile wakes the run on it."""
    start = bench.sandbox.today() + timedelta(days=10)
    run = await launch_to_signature(bench, contoso(start_date=start.isoformat()))
    await sign(bench, run)
    assert await bench.waits_for(run) == "start-day"
    assert f"Start on {start}" in plain(await bench.case_file(run))

    bench.sandbox.advance(days=9)
    await bench.reconcile()
    await bench.answer(run, action="look again", decided_by=TOM)
    assert await bench.waits_for(run) == "start-day"
    assert not bench.sandbox.effects("order placed")

    bench.sandbox.advance(days=1)
    await bench.reconcile()
    assert_done(await bench.state(run))
    assert ordered(bench) == [("Visio Plan 1", 3, "Monthly")]
    [told] = mails(bench, ADA, "licences are ready")
    [subscription] = [s for s in bench.sandbox.records("pax8.subscriptions") if s["orderId"]]
    first_day = subscription["startDate"][:10]
    assert f"Starts {first_day}" in told.text
    assert f"Start {first_day}" in mails(bench, ROBERTA, "begin billing")[0].text
    assert "You had asked for" not in told.text or first_day > start.isoformat()


async def test_signed_long_after_the_start_it_is_confirmed_then_ordered_at_once(bench: Bench) -> None:
    """Wished for in three days, signed after thirty-one: the requester confirms, the customer hears the true date."""
    start = bench.sandbox.today() + timedelta(days=3)
    run = await launch_to_signature(bench, contoso(start_date=start.isoformat()))
    bench.sandbox.advance(days=31)
    await sign(bench, run)
    assert await bench.waits_for(run) == "late-signature"
    [asked] = mails(bench, TOM, "your decision is needed")
    assert "still wanted" in asked.text
    assert not bench.sandbox.effects("order placed")

    await bench.answer(run, action="accept", decided_by=JO)
    assert "jo@northgate.example may not decide this" in await bench.form(run)
    assert not bench.sandbox.effects("order placed")
    assert_done(await bench.answer(run, action="accept", decided_by=TOM))
    assert len(ordered(bench)) == 1
    [told] = mails(bench, ADA, "licences are ready")
    assert f"You had asked for {start}; it starts on {bench.sandbox.now().date()}." in told.text
    assert not mails(bench, SAM)


async def test_signed_a_day_after_the_start_the_true_day_is_told(bench: Bench) -> None:
    """Wished for tomorrow, signed the day after: ordered at once, without a question, and the true day told."""
    start = bench.sandbox.today() + timedelta(days=1)
    run = await launch_to_signature(bench, contoso(start_date=start.isoformat()))
    bench.sandbox.advance(days=2)
    assert_done(await sign(bench, run))
    [told] = mails(bench, ADA, "licences are ready")
    assert f"You had asked for {start}; it starts on {bench.sandbox.now().date()}." in told.text
