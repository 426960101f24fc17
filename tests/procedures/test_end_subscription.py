"""The agreed end of a subscription: booked within the term that reaches it, and never forgotten (N7, P18)."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from dateutil.relativedelta import relativedelta
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun

from tests.procedures.harness import Bench
from tests.procedures.people import assert_done, assert_ended_as, launch_to_signature, mails, notes, sign
from tests.procedures.requests import ADA, ROBERTA, SAM, TOM, contoso

CONTOSO_TICKET = 700175


async def ordered_until(bench: Bench, days: int) -> UUID:
    """A monthly subscription that ends with the term reaching a day so many days ahead."""
    end = bench.sandbox.today() + timedelta(days=days)
    run = await launch_to_signature(bench, contoso(end_date=end.isoformat()))
    assert_done(await sign(bench, run))
    return run


def bought(bench: Bench) -> dict[str, Any]:
    [subscription] = [s for s in bench.sandbox.records("pax8.subscriptions") if s["orderId"]]
    return subscription


async def end_run(bench: Bench) -> FlowRun:
    [run] = await bench.runs("end-subscription")
    return run


async def test_an_end_within_the_first_term_is_booked_read_back_and_told(bench: Bench) -> None:
    """A run of its own books the cancellation for the term's end; billing and customer are told once."""
    await ordered_until(bench, days=20)
    booked = await end_run(bench)
    assert booked.state is not None and booked.state.is_scheduled()
    assert not bench.sandbox.effects("end booked"), "by a run of its own"
    assert "cancellation is booked from" in notes(bench, CONTOSO_TICKET)["end scheduled Visio Plan 1"]
    assert "with the term that reaches" in mails(bench, ROBERTA, "begin billing")[0].text

    bench.sandbox.advance(days=2)
    await bench.reconcile()
    assert_done(await bench.state(booked.id))
    assert len(bench.sandbox.effects("end booked")) == 1
    subscription = bought(bench)
    assert subscription["endDate"] == subscription["commitment"]["endDate"]
    assert subscription["status"] == "Active", "it ends at the term's end, not at once"
    [billing] = mails(bench, ROBERTA, "ends on")
    assert "End the line in the customer's Autotask contract" in billing.text
    assert len(mails(bench, ADA, "ends on")) == 1
    await bench.reconcile()
    assert len(await bench.runs("end-subscription")) == 1

    bench.sandbox.advance(days=32)
    assert bought(bench)["status"] == "Cancelled"
    assert bought(bench)["commitment"]["terms"] == 1, "it was not renewed"


async def test_an_end_on_the_anniversary_is_booked_in_the_year_that_ends_on_it(bench: Bench) -> None:
    """Midnight UTC is the eve in New York: the year still reaches the day on the paper, and no second one is bought."""
    bench.sandbox.post("clock", {"to": "next-business-day"})  # a morning: late in the evening it is another day in UTC
    end = bench.sandbox.today() + relativedelta(years=1)
    form = contoso(end_date=end.isoformat(), term="1-Year", annual_reason="Ada wants the lower price.")
    assert_done(await sign(bench, await launch_to_signature(bench, form)))
    assert bought(bench)["commitment"]["endDate"].startswith(end.isoformat())
    assert f"on {end}" in notes(bench, CONTOSO_TICKET)["end scheduled Visio Plan 1"]
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    assert_done(await bench.state((await end_run(bench)).id))
    assert bought(bench)["endDate"] == bought(bench)["commitment"]["endDate"]
    assert bought(bench)["commitment"]["terms"] == 1


async def test_an_end_many_renewals_away_survives_a_lost_run(bench: Bench) -> None:
    """Three months ahead: the term that reaches it is waited for; a run that vanished is booked anew by reconcile."""
    await ordered_until(bench, days=80)
    start = bought(bench)["startDate"][:10]
    async with get_client() as client:
        await client.delete_flow_run((await end_run(bench)).id)
    await bench.reconcile()
    anew = await end_run(bench)
    assert anew.state is not None and anew.state.name == "PutOff", "much too early: it put itself off"
    await bench.reconcile()
    assert len(await bench.runs("end-subscription")) == 1
    assert not bench.sandbox.effects("end booked")

    for _ in range(3):
        bench.sandbox.advance(days=31)
        await bench.reconcile()
        if bench.sandbox.effects("end booked"):
            break
    assert_done(await bench.state(anew.id))
    subscription = bought(bench)
    assert subscription["commitment"]["terms"] == 3
    third_end = bench.sandbox.today().fromisoformat(start) + relativedelta(months=3)
    assert subscription["endDate"].startswith(third_end.isoformat())
    assert len(bench.sandbox.effects("end booked")) == 1


async def test_a_term_whose_end_isnt_shown_is_looked_at_by_a_person(bench: Bench) -> None:
    """Pax8 shows no end of the monthly term: handed to a person once, not tried again for ever."""
    await ordered_until(bench, days=20)
    bench.sandbox.post("settings", {"pax8.monthly_end_dates": "missing"})
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    await bench.reconcile()
    run = await end_run(bench)
    assert run.state is not None
    assert_ended_as(run.state, "Handed to a person")
    [mail] = mails(bench, TOM, "could not be booked")
    assert "shows no end of its term" in mail.text


async def booked_and_guarded(bench: Bench) -> tuple[UUID, FlowRun]:
    """A month whose agreed end is booked, and the run that watches over it."""
    procedure = await ordered_until(bench, days=20)
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    assert len(bench.sandbox.effects("end booked")) == 1
    [guard] = await bench.runs("guard-end")
    return procedure, guard


@pytest.mark.parametrize("the_run_is_gone", [False, True])
async def test_an_agreed_end_that_seats_dropped_is_booked_again(bench: Bench, the_run_is_gone: bool) -> None:
    """Somebody adds seats in the portal, and Pax8 drops the end: the watch books it again on the paper read anew, also
    where Prefect has forgotten the procedure since its first look; the day after, the subscription is gone."""
    procedure, guard = await booked_and_guarded(bench)
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    if the_run_is_gone:
        async with bench.prefect() as client:
            await client.delete_flow_run(procedure)
    bench.sandbox.post(f"pax8/subscriptions/{bought(bench)['id']}/seats", {"quantity": 5})
    assert bought(bench)["endDate"] is None
    bench.sandbox.advance(days=1)
    await bench.reconcile()
    assert bought(bench)["endDate"] == bought(bench)["commitment"]["endDate"]
    assert len(bench.sandbox.effects("end booked")) == 2
    for days in (27, 2):
        bench.sandbox.advance(days=days)
        await bench.reconcile()
    assert bought(bench)["status"] == "Cancelled"
    assert_done(await bench.state(guard.id))


async def test_an_agreed_end_that_somebody_took_away_is_a_persons(bench: Bench) -> None:
    """No seats changed with it: a colleague may know that the customer stays, and is asked, not overruled."""
    _, guard = await booked_and_guarded(bench)
    bench.sandbox.post(f"pax8/subscriptions/{bought(bench)['id']}/end", {"end": None})
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    assert_ended_as(await bench.state(guard.id), "Handed to a person")
    assert len(bench.sandbox.effects("end booked")) == 1 and bought(bench)["endDate"] is None
    [mail] = mails(bench, TOM, "a person must act")
    assert "Ask whether the customer stays" in mail.text and {SAM, ROBERTA} <= set(mail.to)


async def test_a_watch_that_belongs_to_no_procedure_is_refused(bench: Bench) -> None:
    """Its ticket and reference must be those of the procedure whose paper states the end."""
    _, guard = await booked_and_guarded(bench)
    for changed in ({"reference": "CS-0000000000"}, {"ticket_id": 700176}, {"procedure_run_id": "x"}):
        state = await bench.play(await bench.start("guard-end", **{**guard.parameters, **changed}))
        assert_ended_as(state, "Refused")


async def overtaken(bench: Bench) -> FlowRun:
    """Nobody was there to book the end in the month that reached it: the next one runs for three days."""
    await ordered_until(bench, days=20)
    bench.sandbox.advance(days=34)
    await bench.reconcile()
    return await end_run(bench)


async def test_renewed_past_the_agreed_end_is_a_persons_and_no_month_more_is_booked(bench: Bench) -> None:
    """Requester, senior and contracts hear of the vendor's seven days; ended in the portal, the run is done."""
    run = await overtaken(bench)
    assert await bench.waits_for(run.id) == f"renewed-{renewed_on(bench):%Y%m%d}"
    assert not bench.sandbox.effects("end booked")
    assert not mails(bench, ADA, "ends on") and not mails(bench, ROBERTA, "ends on")
    [mail] = mails(bench, TOM, "a person must act")
    assert {SAM, ROBERTA} <= set(mail.to), mail.to
    assert f"by {renewed_on(bench) + timedelta(days=7)}" in mail.text and "agreed for" in mail.text
    bench.sandbox.post(f"pax8/subscriptions/{bought(bench)['id']}/end", {"end": "now"})
    bench.sandbox.advance(days=1)
    await bench.reconcile()
    assert_done(await bench.state(run.id))
    assert len(await bench.runs("end-subscription")) == 1


async def test_a_person_books_or_leaves_what_has_renewed_past_the_agreed_end(bench: Bench) -> None:
    """Booked in the portal, billing hears of it, and the customer not "as agreed"; withdrawn, nobody starts it anew."""
    run = await overtaken(bench)
    bench.sandbox.post(f"pax8/subscriptions/{bought(bench)['id']}/end", {"end": bought(bench)["commitment"]["endDate"]})
    assert_done(await bench.answer(run.id, action="look again", decided_by=TOM))
    assert len(mails(bench, ROBERTA, "ends on")) == 1 and not mails(bench, ADA, "ends on")

    bench.sandbox.reset()
    await bench.forget_all()
    run = await overtaken(bench)
    state = await bench.answer(run.id, action="withdraw", decided_by=TOM, note="They stay, a paper is on its way.")
    assert_ended_as(state, "Handed to a person")
    await bench.reconcile()
    assert len(await bench.runs("end-subscription")) == 1
    assert not bench.sandbox.effects("end booked")


def renewed_on(bench: Bench) -> date:
    """The eve, in New York, of the midnight UTC at which the second month began."""
    started = datetime.fromisoformat(bought(bench)["startDate"])
    return (started + relativedelta(months=1)).date() - timedelta(days=1)


async def test_an_end_that_cant_be_booked_becomes_a_persons(bench: Bench) -> None:
    """Pax8 refuses: a top-priority ticket, and a mail with the last safe moment to requester and senior colleague."""
    await ordered_until(bench, days=20)
    bench.sandbox.post("settings", {"pax8.lock_hours": 24 * 60})
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    run = await end_run(bench)
    assert run.state is not None
    assert_ended_as(run.state, "Handed to a person")
    [mail] = mails(bench, TOM, "could not be booked")
    assert SAM in mail.to
    assert "locked before its renewal" in mail.text and "By when" in mail.text
    [ticket] = [t for t in bench.sandbox.records("autotask.tickets") if (t["externalID"] or "").endswith(":end")]
    assert "Pax8 portal" in ticket["description"]
    await bench.reconcile()
    assert len(await bench.runs("end-subscription")) == 1, "handed over: nobody books it again"


async def test_an_agreed_end_whose_procedures_run_was_deleted_is_told_once(bench: Bench) -> None:
    """Somebody cleaned up in Prefect: nothing says any more what was agreed, so a person books the end; a ticket."""
    run = await ordered_until(bench, days=20)
    async with get_client() as client:
        await client.delete_flow_run(run)
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    end = await end_run(bench)
    assert end.state is not None
    assert_ended_as(end.state, "Refused")
    await bench.reconcile()
    await bench.reconcile()
    [mail] = mails(bench, SAM, "its agreed end was refused")
    assert ROBERTA in mail.to and "Contoso Ltd" in mail.subject and "Visio Plan 1" in mail.subject
    assert "Pax8 portal" in mail.text and "is not the run of a procedure" in mail.text
    [ticket] = [t for t in bench.sandbox.records("autotask.tickets") if (t["externalID"] or "").endswith(":end")]
    assert "Pax8 portal" in ticket["description"] and bought(bench)["id"] in ticket["description"]
    assert not bench.sandbox.effects("end booked")


async def test_an_end_that_somebody_starts_by_hand_and_is_refused_is_his_own_matter(bench: Bench) -> None:
    """Only what was booked for an agreed end is told: whoever starts the run sees why it was refused."""
    run = await ordered_until(bench, days=20)
    by_hand = await bench.start(
        "end-subscription", subscription_id=bought(bench)["id"], envelope_id="x", procedure_run_id="x"
    )
    assert_ended_as(await bench.play(by_hand), "Refused")
    await bench.reconcile()
    assert not mails(bench, subject="was refused")
    assert "has-agreed-end" in (await bench.run(run)).tags, "not done yet: the run must not be deleted"


async def test_a_procedure_whose_agreed_end_is_booked_is_not_held_for_it_any_more(bench: Bench) -> None:
    """The tag says whose run must stay; played again from its first line, nothing is booked twice."""
    run = await ordered_until(bench, days=20)
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    await bench.reconcile()
    assert "has-agreed-end" not in (await bench.run(run)).tags
    await bench.segment(run)
    await bench.reconcile()
    assert len(await bench.runs("end-subscription")) == 1
    assert len(bench.sandbox.effects("end booked")) == 1
