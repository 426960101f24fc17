"""Nobody is forgotten: mailed again, then somebody else is turned to; and provisioning that takes long (I5, P17)."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Scheduled

from rules.calendar import Calendar
from tasks.case import Case
from tasks.journal import Journal
from tasks.runs import Woken, wake
from tasks.waiting import answers_so_far
from tests.procedures.attacks import memory
from tests.procedures.harness import Bench, plain
from tests.procedures.people import assert_done, launch, launch_to_signature, mails, notes, ordered, release, settings
from tests.procedures.requests import ADA, ROBERTA, SAM, TOM, contoso

CONTOSO_TICKET = 700175
CALENDAR = Calendar(time_zone="America/New_York", country="US", subdivision="NY")


def business_days_later(bench: Bench, days: int) -> None:
    """Move the clock to just after the same hour, so many business days on."""
    moment = CALENDAR.business_moment_after(bench.sandbox.now(), days)
    bench.sandbox.set_clock(moment)
    bench.sandbox.advance(seconds=60)


async def test_nobody_acts_so_they_are_mailed_again_then_others_are_turned_to(bench: Bench) -> None:
    """Contracts: again after one business day, the senior colleague after three; the signer: again, then Tom."""
    run = await launch(bench, contoso())
    assert len(mails(bench, ROBERTA, "please release")) == 1
    began = bench.sandbox.now()
    await bench.reconcile()
    assert len(mails(bench, ROBERTA)) == 1, "no reminder before its time"

    business_days_later(bench, 1)
    await bench.reconcile()
    assert len(mails(bench, ROBERTA, "Reminder:")) == 1
    assert not mails(bench, SAM)
    bench.sandbox.set_clock(CALENDAR.business_moment_after(began, 3))
    bench.sandbox.advance(seconds=60)
    await bench.reconcile()
    [turned] = mails(bench, SAM, "Nobody has acted")
    assert "Roberta Vale was asked twice" in turned.text
    assert "Sam Adeyemi" in plain(await bench.case_file(run))
    await bench.reconcile()
    assert len(mails(bench, SAM)) == 1 and len(mails(bench, ROBERTA, "Reminder:")) == 1

    await bench.answer(run, action="release", decided_by=SAM)
    assert await bench.waits_for(run) == "signature"
    assert not mails(bench, ADA), "DocuSign's own mail is the first"
    began = bench.sandbox.now()
    business_days_later(bench, 3)
    await bench.reconcile()
    [reminder] = mails(bench, ADA, "Reminder:")
    assert "Please sign the agreement" in reminder.text and "Tom Reyes, +1 212 555 0142" in reminder.text
    bench.sandbox.set_clock(CALENDAR.business_moment_after(began, 7))
    bench.sandbox.advance(seconds=60)
    await bench.reconcile()
    [turned] = mails(bench, TOM, "Nobody has acted")
    assert "Ada Byte was asked twice" in turned.text
    assert await bench.waits_for(run) == "signature"


@pytest.mark.parametrize("put_off", [False, True])
async def test_docusigns_word_counts_for_a_run_that_goes_on_by_another(bench: Bench, put_off: bool) -> None:
    """It looked a moment ago, and a colleague has it look again: it reads DocuSign anew only since word has come."""
    run = await launch_to_signature(bench, contoso())
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign")
    async with bench.prefect() as client:
        await client.resume_flow_run(run, run_input={"action": "look again", "decided_by": TOM, "note": ""})
        if put_off:
            later: Any = Scheduled(scheduled_time=datetime.now(UTC) + timedelta(hours=1), name="PutOff")
            await client.set_flow_run_state(run, later, force=True)
    woken = await wake(run, "docusign", "envelope-completed")
    assert woken is (Woken.WOKEN if put_off else Woken.NOT_WAITING)
    assert_done(await bench.play(run))


async def test_stuck_provisioning_is_told_after_a_business_day_and_ordered_once(bench: Bench) -> None:
    """P17: Pax8 shows it pending for ever: billing knows at once, Tom after a day, and a person ends the wait, but not
    before its dates are there; billing gets these in a second mail (P15), and copies the confirmation (P14)."""
    async with settings(provisioning_inline_seconds=0.0, public_folder_alive=True):
        run = await launch_to_signature(bench, contoso())
        bench.sandbox.post("pax8/provisioning", {"mode": "stuck"})
        bench.sandbox.post("pax8/next-order", {"term_end": "missing"})
        bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign")
        await bench.answer(run, action="look again", decided_by="DocuSign webhook")
        assert await bench.waits_for(run) == "provisioning"
        [billing] = mails(bench, ROBERTA, "begin billing")
        assert "Renews not known yet" in billing.text and "Pax8 bills us from the start date" in billing.text
        assert "order confirmation: copy it by hand into the public folder" in billing.text
        assert "PendingManual" in plain(await bench.case_file(run))
        bench.sandbox.advance(seconds=120)
        await bench.reconcile()
        assert not mails(bench, TOM, "provisioning takes long")
        business_days_later(bench, 1)
        await bench.reconcile()
        await bench.reconcile()
        [slow] = mails(bench, TOM, "provisioning takes long")
        assert "Do not order again" in slow.text and "PendingManual" in slow.text
        assert not mails(bench, ADA, "licences are ready")
        await bench.answer(run, action="the licences work", decided_by=TOM, note="Ada opened something")
        assert await bench.waits_for(run) == "provisioning"
        assert "the licences can't be there: Pax8 shows 3 × Visio Plan 1" in plain(await bench.form(run))
        assert not mails(bench, ROBERTA, "dates and subscription ids")
        [bought] = [one for one in bench.sandbox.records("pax8.subscriptions") if one["status"] == "PendingManual"]
        bench.sandbox.post(f"pax8/subscriptions/{bought['id']}/term", {"end": "shown"})
        state = await bench.answer(run, action="the licences work", decided_by=TOM, note="Ada opened Visio")
    assert_done(state)
    assert len(ordered(bench)) == 1
    assert "Ada opened Visio" in notes(bench, CONTOSO_TICKET)["seen working"]
    assert mails(bench, ADA, "licences are ready")
    [rest] = mails(bench, ROBERTA, "dates and subscription ids")
    assert bought["id"] in rest.text and "not known yet" not in rest.text
    assert "Complete the line in the customer's Autotask contract" in rest.text and TOM in rest.cc


@pytest.mark.parametrize("remembered", [True, False], ids=["remembered", "refused before refusals were remembered"])
async def test_a_refused_answer_is_never_taken_later_by_itself(bench: Bench, remembered: bool) -> None:
    """Too early for "no order is there": the clock wakes the run when it would be time, and nothing is ordered.

    Why it was refused stands above the form until somebody answers again; what he says then counts.
    """
    run = await launch_to_signature(bench, contoso())
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign")
    bench.sandbox.post("faults", {"kind": "drop-before", "method": "POST", "path": "pax8/v1/orders$", "skip": 1})
    await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert await bench.waits_for(run) == "unclear-order-1"
    await bench.answer(run, action="no order is there", decided_by=TOM, note="not in the portal")
    assert "too early" in await bench.form(run)
    if not remembered:
        await forget(run, "refused-")
    bench.sandbox.advance(seconds=700)
    await bench.answer(run, action="look again", decided_by="clock")
    assert not ordered(bench)
    assert await bench.waits_for(run) == "unclear-order-1"
    assert ("too early" in await bench.form(run)) is remembered
    await bench.answer(run, action="look again", decided_by=TOM)
    assert "too early" not in await bench.form(run)
    assert not ordered(bench)
    assert_done(await bench.answer(run, action="no order is there", decided_by=TOM, note="looked once more"))
    assert len(ordered(bench)) == 1


async def forget(run: UUID, prefix: str) -> None:
    """Take entries out of a run's memory, as if nothing had written them."""
    async with get_client() as client:
        for key in [key for key in await memory(run) if key.startswith(prefix)]:
            await client.delete_flow_run_input(run, key)


async def test_woken_five_hundred_times_it_waits_on_and_a_person_is_told(bench: Bench) -> None:
    """A loop of wakings is heard of, by mail and in the ticket, and kills nothing: contracts still decides."""
    run = await launch(bench, contoso())
    waking = json.dumps({"action": "look again", "decided_by": "clock"})
    async with get_client() as client:
        for round_ in range(2, 501):
            key = f"suspended-release-1-{round_}-response"
            await client.create_flow_run_input(run, key=key, value=waking)
    await bench.answer(run, action="look again", decided_by="clock")
    assert await bench.waits_for(run) == "release-1"
    [told] = mails(bench, TOM, "woken 500 times, and still waiting")
    assert "does something wake it for nothing" in told.text
    assert "woken 500 times release-1" in notes(bench, CONTOSO_TICKET)
    await bench.answer(run, action="look again", decided_by="clock")
    assert len(mails(bench, TOM, "and still waiting")) == 1
    await release(bench, run)
    assert await bench.waits_for(run) == "signature"


@pytest.mark.parametrize(("action", "ends"), [("look again", False), ("release", True)])
def test_only_what_people_answer_is_bounded(action: str, ends: bool) -> None:
    """Provisioning is looked at every quarter of an hour, for weeks if need be; five hundred answers are none."""
    answers = {f"suspended-release-1-{n}-response": {"action": action, "decided_by": TOM} for n in range(1, 501)}
    case = Case(uuid4(), set(), Journal(uuid4(), answers))
    with pytest.raises(RuntimeError, match="somebody must look") if ends else nullcontext():
        assert len(answers_so_far(case, "release-1")) == 500
