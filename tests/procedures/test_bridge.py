"""A bridge on its straight roads: confirmed by mail, bought for a month, and brought to each of its ends (B, Y)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from rules.bridge import BridgeDates
from rules.calendar import Calendar
from tests.procedures.bridges import (
    booked,
    bought,
    confirm,
    deadline,
    offered,
    pass_the_cut_off,
    pass_to,
    reference,
    the_bridge,
)
from tests.procedures.harness import Bench
from tests.procedures.people import WEBHOOK, assert_done, mails, notes, ordered, settings
from tests.procedures.requests import ADA, ROBERTA, SAM, TOM

VISIO = ("Visio Plan 1", 3, "Monthly")
ANNUAL = ("Visio Plan 1", 3, "1-Year")
REQUEST = 700175
TOP = 4
"""Autotask's number of "Critical"."""
CALENDAR = Calendar(time_zone="America/New_York", country="US", subdivision="NY")


async def test_confirmed_by_mail_and_signed_in_time_it_is_kept(bench: Bench) -> None:
    """B2 to B6: a month on the offered sentence; signed, the same subscription goes on; nothing is bought twice."""
    run = await bought(bench)
    assert ordered(bench) == [VISIO]
    found = await the_bridge(bench, run)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    assert_done(await bench.answer(run, action="look again", decided_by=WEBHOOK))
    assert ordered(bench) == [VISIO]
    assert (await deadline(bench, run)).state_name == "Taken off"
    assert booked(bench) == []
    reminder = bench.sandbox.get(f"records/autotask.tickets/{found.ids.reminder_id}")
    assert reminder["completedDate"]
    assert not mails(bench, subject="the cut-off is earlier"), "it is as the customer was told"
    await pass_to(bench, found.dates.commitment_end + timedelta(days=1))
    assert booked(bench) == []


async def test_a_cut_off_earlier_than_the_one_confirmed_is_a_persons_call(bench: Bench) -> None:
    """B5: Pax8 ends the month ten days earlier than the terms foretold: Tom and Sam hear both moments, by mail, ticket
    and note."""
    end = bench.sandbox.now().replace(microsecond=0) + timedelta(days=20)
    bench.sandbox.post("pax8/next-order", {"term_end": end.isoformat()})
    found = await the_bridge(bench, await bought(bench))
    assert found.dates.commitment_end == end
    true = CALENDAR.in_words(found.dates.cut_off)
    promised = CALENDAR.in_words(BridgeDates.foretold(bench.sandbox.today(), CALENDAR, 3).cut_off)
    assert promised in mails(bench, to=ADA, subject="please confirm the terms")[0].text
    [mail] = mails(bench, to=TOM, subject="the cut-off is earlier than the customer was told")
    assert set(mail.to) == {TOM, SAM}
    call = f"Call the customer: the agreement must be signed by {true}, not by {promised} as the terms said."
    assert call in mail.text
    [ticket] = [one for one in bench.sandbox.records("autotask.tickets") if ":early" in (one["externalID"] or "")]
    assert call in ticket["description"] and ticket["priority"] == TOP
    assert call in notes(bench, REQUEST)["bridge: earlier cut-off"]


async def test_never_signed_it_is_cancelled_and_everybody_is_told(bench: Bench) -> None:
    """B7: after the cut-off the end is booked, read back, told; the day after it is gone (I4)."""
    run = await bought(bench)
    found = await pass_the_cut_off(bench, run)
    assert [one["subscription"] for one in booked(bench)] == list(found.ids.subscriptions)
    told = mails(bench, to=ADA, subject="cancelled, it ends on")
    assert len(told) == 1
    assert "five business days" in told[0].text
    ours = mails(bench, to=TOM, subject="the bridge is cancelled")
    assert len(ours) == 1
    assert set(ours[0].to) == {TOM, ROBERTA, SAM}  # Roberta is contracts and billing
    assert "cancelled" in notes(bench, found.ids.reminder_id)
    assert await bench.waits_for(run) == "late-signature"
    for day in range(12):
        await pass_to(bench, found.dates.cut_off + timedelta(days=day + 1))
    guards = await bench.runs("guard-end")
    assert [one.state_name for one in guards] == ["Completed"]
    assert len(booked(bench)) == 1


async def test_annual_follows_before_the_bridge_ends(bench: Bench) -> None:
    """Y5: signed in time, annual is ordered before the bridge's end is booked behind it; service never stops."""
    run = await bought(bench, term="1-Year", annual_reason="Ada asked for it.")
    found = await the_bridge(bench, run)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    await bench.answer(run, action="look again", decided_by=WEBHOOK)
    assert await bench.waits_for(run) == "change-over"
    assert ordered(bench) == [VISIO]
    await pass_to(bench, found.dates.change_over + timedelta(minutes=2))
    assert_done(await bench.state(run))
    assert ordered(bench) == [VISIO, ANNUAL]
    assert [one["subscription"] for one in booked(bench)] == list(found.ids.subscriptions)


async def test_signed_late_it_is_ordered_anew(bench: Bench) -> None:
    """Y6: signed after the cut-off, somebody confirms that it is still wanted, and it is ordered under the paper."""
    run = await bought(bench)
    found = await pass_the_cut_off(bench, run)
    bench.sandbox.set_clock(found.dates.commitment_end + timedelta(days=2))
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    await bench.answer(run, action="look again", decided_by=WEBHOOK)
    assert await bench.waits_for(run) == "late-still-wanted"
    assert ordered(bench) == [VISIO]
    await bench.answer(run, action="accept", decided_by=TOM)
    if (await bench.state(run)).is_paused():
        bench.sandbox.advance(seconds=700)
        await bench.reconcile()
    assert_done(await bench.state(run))
    assert ordered(bench) == [VISIO, VISIO]


async def test_signed_by_the_customer_but_not_by_us_nothing_is_cancelled(bench: Bench) -> None:
    """B7: our own delay cancels nothing; we are pressed, and once we have signed it is kept."""
    run = await bought(bench)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {"by": "customer"})
    found = await pass_the_cut_off(bench, run)
    assert booked(bench) == []
    assert mails(bench, subject="our own signature is missing")
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {"by": "msp"})
    assert_done(await bench.answer(run, action="look again", decided_by=WEBHOOK))
    for day in range(8):
        await pass_to(bench, found.dates.cut_off + timedelta(days=day + 1))
    assert booked(bench) == []
    assert (await deadline(bench, run)).state_name == "Taken off"


@pytest.mark.parametrize(
    "settles",
    [
        pytest.param(True, id="it settles a day later", marks=pytest.mark.soak),
        pytest.param(False, id="it never settles"),
    ],
)
async def test_a_bridge_that_provisions_for_ever_has_its_deadline(bench: Bench, settles: bool) -> None:
    """I4, B4: pending, it renews all the same: reminder and deadline stand once its end shows, and do their work."""
    async with settings(provisioning_inline_seconds=0.0):
        run = await offered(bench)
        bench.sandbox.post("pax8/provisioning", {"mode": "stuck"})
        await confirm(bench, run)
        assert await bench.waits_for(run) == "bridge-provisioning"
        found = await the_bridge(bench, run)
        at = found.dates.cut_off
        assert (await deadline(bench, run)).state_name == "Scheduled"
        assert {"bridge-open", f"sub:{found.ids.subscriptions[0]}"} <= set((await bench.run(run)).tags)
        assert not mails(bench, to=ADA, subject="your licences are ordered")
        if settles:
            bench.sandbox.advance(days=1)
            bench.sandbox.post(f"pax8/subscriptions/{found.ids.subscriptions[0]}/settle")
            await bench.reconcile()
            assert await bench.waits_for(run) == "agreement-1"
            assert len(mails(bench, to=ADA, subject="your licences are ordered")) == 1
        await pass_the_cut_off(bench, run)
    assert [one["subscription"] for one in booked(bench)] == list(found.ids.subscriptions)
    assert (await the_bridge(bench, run)).dates.cut_off == at
    assert len(mails(bench, to=ADA, subject="cancelled, it ends on")) == 1
    reminders = [one for one in bench.sandbox.records("autotask.tickets") if one["id"] == found.ids.reminder_id]
    assert len(reminders) == 1 and len(await bench.runs("signature-deadline")) == 1
    assert ordered(bench) == [VISIO]


async def hung(bench: Bench) -> tuple[UUID, str, str]:
    """A bridge of two lines, pending, with no end shown; a minute later Visio is there. Then Visio's id, and the
    other's."""
    run = await offered(bench, further_lines="2 | Power BI Pro | Power BI Pro")
    bench.sandbox.post("pax8/provisioning", {"mode": "stuck"})
    bench.sandbox.post("pax8/next-order", {"term_end": "missing"})
    await confirm(bench, run)
    assert await bench.waits_for(run) == "bridge-provisioning"
    pending = {one["productName"]: one["id"] for one in bench.sandbox.records("pax8.subscriptions") if is_pending(one)}
    visio = next(one for name, one in pending.items() if name.startswith("Visio"))
    [other] = [one for one in pending.values() if one != visio]
    bench.sandbox.post(f"pax8/subscriptions/{visio}/term", {"end": "shown"})
    bench.sandbox.post(f"pax8/subscriptions/{visio}/settle")
    return run, visio, other


async def hidden(bench: Bench) -> tuple[UUID, str, str, str]:
    """The same, and the other line isn't shown as the customer's yet; the customer's company at Pax8 comes last."""
    run, visio, other = await hung(bench)
    company = bench.sandbox.get(f"records/pax8.subscriptions/{other}")["companyId"]
    bench.sandbox.change("pax8.subscriptions", other, companyId="not shown yet")
    await pass_to(bench, bench.sandbox.now() + timedelta(minutes=20))
    return run, visio, other, company


def is_pending(one: dict[str, Any]) -> bool:
    return bool(one["status"] == "PendingManual")


async def deadlines(bench: Bench, run: UUID) -> list[tuple[str, set[str]]]:
    """The bridge's deadlines, oldest first: what became of each, and its subscriptions."""
    tag = f"deadline-of:{await reference(bench, run)}"
    runs = [one for one in await bench.runs("signature-deadline") if tag in one.tags]
    return [
        (one.state_name or "", set(one.parameters["subscriptions"].split()))
        for one in sorted(runs, key=lambda one: str(one.created))
    ]


async def test_a_line_that_turns_up_late_hinders_no_other_and_joins_its_deadline(bench: Bench) -> None:
    """B4, B7: what is there has reminder and deadline; what isn't is a person's after a business day, and is added."""
    async with settings(provisioning_inline_seconds=0.0):
        run, visio, other, company = await hidden(bench)
        assert await deadlines(bench, run) == [("Scheduled", {visio})]
        assert {"bridge-open", f"sub:{visio}"} <= set((await bench.run(run)).tags)
        assert not mails(bench, to=TOM, subject="a person must act")
        await pass_to(bench, bench.sandbox.now() + timedelta(days=4))
        [mail] = mails(bench, to=TOM, subject="a person must act before")
        assert "not there yet" in mail.text and SAM in mail.to
        bench.sandbox.change("pax8.subscriptions", other, companyId=company)
        bench.sandbox.post(f"pax8/subscriptions/{other}/term", {"end": "shown"})
        await pass_to(bench, bench.sandbox.now() + timedelta(minutes=20))
        assert await deadlines(bench, run) == [("Replaced", {visio}), ("Scheduled", {visio, other})]
        assert f"sub:{other}" in (await bench.run(run)).tags
        await pass_the_cut_off(bench, run)
    assert {one["subscription"] for one in booked(bench)} == {visio, other}
    assert len(mails(bench, to=ADA, subject="cancelled, it ends on")) == 1
    stuck = [one for one in bench.sandbox.records("autotask.tickets") if ":stuck" in (one["externalID"] or "")]
    assert len(stuck) == 1


async def test_a_pending_line_without_an_end_keeps_no_other_from_ending(bench: Bench) -> None:
    """Words, B7: its month is taken to end one after the order; at the cut-off Visio is booked, it is a person's."""
    async with settings(provisioning_inline_seconds=0.0):
        run, visio, other = await hung(bench)
        await pass_to(bench, bench.sandbox.now() + timedelta(days=4))
        assert await deadlines(bench, run) == [("Scheduled", {visio, other})]
        assert mails(bench, to=TOM, subject="a person must act before")
        await pass_the_cut_off(bench, run)
    assert [one["subscription"] for one in booked(bench)] == [visio]
    [told] = mails(bench, to=ADA, subject="cancelled, it ends on")
    assert "Visio" in told.subject and "Power BI" not in told.subject
    [mail] = mails(bench, to=TOM, subject="a person must act today")
    assert other in mail.text and visio not in mail.text
    assert [name for name, _ in await deadlines(bench, run)] == ["Handed to a person"]


async def test_pending_without_an_end_it_has_its_deadline_after_a_business_day(bench: Bench) -> None:
    """Words, I4: a month from the order's day is taken, a person is told; once the end shows it is booked."""
    async with settings(provisioning_inline_seconds=0.0):
        run = await offered(bench)
        bench.sandbox.post("pax8/provisioning", {"mode": "stuck"})
        bench.sandbox.post("pax8/next-order", {"term_end": "missing"})
        await confirm(bench, run)
        day = bench.sandbox.now().date()
        assert await deadlines(bench, run) == []
        await pass_to(bench, bench.sandbox.now() + timedelta(days=4))
        found = await the_bridge(bench, run)
        [subscription] = found.ids.subscriptions
        assert found.dates.start == day
        assert await deadlines(bench, run) == [("Scheduled", {subscription})]
        assert "bridge-open" in (await bench.run(run)).tags
        assert mails(bench, to=TOM, subject="a person must act before")
        assert bench.sandbox.get(f"records/autotask.tickets/{found.ids.reminder_id}")
        bench.sandbox.post(f"pax8/subscriptions/{subscription}/term", {"end": "shown"})
        await pass_the_cut_off(bench, run)
    assert [one["subscription"] for one in booked(bench)] == [subscription]


async def test_a_line_that_turns_up_after_the_cut_off_ends_too_and_everybody_hears_of_it(bench: Bench) -> None:
    """B7: Visio ends with its month; the late one is booked as soon as it is there, and the customer is told of it."""
    async with settings(provisioning_inline_seconds=0.0):
        run, visio, other, company = await hidden(bench)
        await pass_the_cut_off(bench, run)
        assert [one["subscription"] for one in booked(bench)] == [visio]
        bench.sandbox.change("pax8.subscriptions", other, companyId=company)
        bench.sandbox.post(f"pax8/subscriptions/{other}/term", {"end": "shown"})
        for _ in range(2):
            await pass_to(bench, bench.sandbox.now() + timedelta(minutes=20))
    assert await deadlines(bench, run) == [("Completed", {visio}), ("Completed", {visio, other})]
    assert [one["subscription"] for one in booked(bench)] == [visio, other]
    first, second = mails(bench, to=ADA, subject="cancelled, it ends on")
    assert "Power BI" not in first.subject and "Power BI" in second.subject
    assert len(mails(bench, to=TOM, subject="the bridge is cancelled")) == 2
    assert "The cut-off has passed" in mails(bench, to=TOM, subject="a person must act today")[0].text
    assert len(await bench.runs("guard-end")) == 2
