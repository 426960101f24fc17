"""B7: the deadline's run, gone, late, early, twice or lost; months' ends that differ or move; the day after (I4)."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.states import Crashed, Failed, Pending

from rules.calendar import day_in_words
from tasks.bridges import Bridge
from tests.procedures.bridges import (
    MINUTE,
    booked,
    bought,
    deadline,
    pass_the_cut_off,
    pass_to,
    the_bridge,
)
from tests.procedures.deadlines import (
    DAY,
    HOUR,
    REQUEST,
    TOP,
    VISIO,
    assert_told_once,
    by_hand,
    deadline_runs,
    delete,
    subscription,
    tickets,
)
from tests.procedures.harness import Bench
from tests.procedures.people import WEBHOOK, assert_done, assert_ended_as, mails, notes, ordered
from tests.procedures.requests import ADA, ROBERTA, SAM, TOM

# The runs themselves: gone, late, early, twice, lost


async def test_it_works_alone_and_late_and_what_it_booked_stays_booked(bench: Bench) -> None:
    """The bridge's run was deleted, and nothing ran over the cut-off: done two days late, and said so; seats added
    afterwards drop the end, which the guard books again (S4); the day after it is gone."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    late = await deadline(bench, run)
    assert late.name == f"deadline of {found.ids.reference}", "named from its booking on"
    await delete(run)
    await pass_to(bench, found.dates.cut_off + 2 * DAY)
    assert_done(await bench.state(late.id))
    assert (await bench.run(late.id)).name == late.name
    [guard] = await bench.runs("guard-end")
    assert guard.name == f"guard of {found.ids.subscriptions[0]}"
    assert len(booked(bench)) == 1
    assert_told_once(bench)
    assert "We could look only now" in mails(bench, to=ADA, subject="cancelled")[0].text
    assert "cancelled" in notes(bench, found.ids.reminder_id)

    again = await bench.start("signature-deadline", **by_hand(found))
    assert_done(await bench.play(again))
    assert len(booked(bench)) == 1
    assert_told_once(bench)

    bench.sandbox.post(f"pax8/subscriptions/{found.ids.subscriptions[0]}/seats", {"quantity": 5})
    assert subscription(bench, found)["endDate"] is None
    await pass_to(bench, found.dates.cut_off + 3 * DAY + 10 * HOUR)
    assert subscription(bench, found)["endDate"] is not None
    assert len(booked(bench)) == 2
    told = notes(bench, REQUEST)
    assert any("booked again" in stage for stage in told), told
    await pass_to(bench, found.dates.commitment_end + 35 * HOUR)
    [guard] = await bench.runs("guard-end")
    assert guard.state_name == "Completed"
    assert len(booked(bench)) == 2 and not tickets(bench, found.ids.subscriptions[0])


async def test_started_by_hand_too_early_it_puts_itself_off_and_others_identifiers_are_refused(bench: Bench) -> None:
    """Decision 6: early it sleeps until the cut-off; two at the same moment do everything once."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    early = await bench.start("signature-deadline", **by_hand(found))
    state = await bench.play(early)
    assert state.name == "PutOff"
    assert booked(bench) == []
    wrong: list[dict[str, Any]] = [
        {"reminder_id": found.ids.ticket_id},
        {"subscriptions": bench.sandbox.records("pax8.subscriptions")[0]["id"]},
        {"reference": "CS-AAAAAAAAAA"},
        {"subscriptions": " "},
    ]
    for other in wrong:
        state = await bench.play(await bench.start("signature-deadline", **by_hand(found, **other)))
        assert_ended_as(state, "Refused")
    monthly = subscription(bench, found)["commitment"]
    bench.sandbox.change("pax8.subscriptions", found.ids.subscriptions[0], commitment={**monthly, "term": "1-Year"})
    state = await bench.play(await bench.start("signature-deadline", **by_hand(found)))
    assert_ended_as(state, "Refused")  # a bridge is by the month: whoever bought this, it was not one
    bench.sandbox.change("pax8.subscriptions", found.ids.subscriptions[0], commitment=monthly)
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    planned = (await deadline_runs(bench, run))[0]
    for one in (early, planned):
        async with get_client() as client:
            pending: Any = Pending()
            await client.set_flow_run_state(one, pending, force=True)
    await asyncio.gather(bench.run_once(early), bench.run_once(planned))
    await bench.reconcile()
    assert_done(await bench.state(planned))
    later = await bench.state(early)
    assert later.is_completed() or later.name == "Superseded", f"{later}: it has done the same, or left it to the older"
    assert subscription(bench, found)["endDate"]
    assert_told_once(bench)
    assert await bench.waits_for(run) == "late-signature"


async def test_a_deadline_without_a_run_is_booked_anew(bench: Bench) -> None:
    """Deleted, failed, crashed: the net books it anew or sets it going again; at the cut-off it is done once (I5)."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    await delete((await deadline_runs(bench, run))[0])
    await bench.reconcile()
    [anew] = await deadline_runs(bench, run)
    async with get_client() as client:
        failed: Any = Failed(message="by a test")
        await client.set_flow_run_state(anew, failed, force=True)
    await bench.reconcile()
    await bench.reconcile()
    both = await deadline_runs(bench, run)
    assert len(both) == 2
    async with get_client() as client:
        crashed: Any = Crashed(message="by a test")
        await client.set_flow_run_state(both[1], crashed, force=True)
    await bench.reconcile()
    assert booked(bench) == []
    await pass_to(bench, found.dates.cut_off + 2 * MINUTE)
    assert len(booked(bench)) == 1
    assert_told_once(bench)
    assert await bench.waits_for(run) == "late-signature"


async def test_a_deadline_that_refuses_its_own_bridge_is_a_persons_and_one_that_fails_again_waits(bench: Bench) -> None:
    """It won't cancel, so requester, senior and contracts are told once; a second failure is not tried at once (I5)."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.change("autotask.tickets", found.ids.reminder_id, externalID="taken by hand")
    await pass_to(bench, found.dates.cut_off + 2 * MINUTE)
    await bench.reconcile()
    await bench.reconcile()
    [refused] = await deadline_runs(bench, run)
    assert (await bench.state(refused)).name == "Refused"
    [told] = mails(bench, TOM, "the deadline can't do its work")
    assert "reminder" in told.text and "renews after" in told.text
    async with get_client() as client:
        failed: Any = Failed(message="by a test")
        await client.set_flow_run_state(refused, failed, force=True)
    await bench.reconcile()
    second = next(one for one in await deadline_runs(bench, run) if one != refused)
    async with get_client() as client:
        await client.set_flow_run_state(second, failed, force=True)
    await bench.reconcile()
    assert len(await deadline_runs(bench, run)) == 2


async def test_renewed_unsigned_a_person_has_seven_days(bench: Bench) -> None:
    """Nothing ran from before the cut-off until after the month's end: the vendor's exit is named, with its day."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    after = found.dates.commitment_end + 2 * DAY
    await pass_to(bench, after)
    assert_ended_as(await bench.state((await deadline_runs(bench, run))[0]), "Handed to a person")
    assert booked(bench) == []
    assert not mails(bench, to=ADA, subject="cancelled")
    [mail] = mails(bench, to=TOM, subject="a person must act by")
    assert set(mail.to) >= {TOM, SAM}
    assert "renewed unsigned" in mail.text
    assert str(found.dates.term_end + 7 * DAY) in mail.text, mail.text
    [ticket] = [one for one in bench.sandbox.records("autotask.tickets") if ":renewed-" in (one["externalID"] or "")]
    assert ticket["priority"] == TOP and "renewed unsigned" in ticket["description"]
    assert not mails(bench, to=TOM, subject="Tell the customer")

    bench.sandbox.post(f"pax8/subscriptions/{found.ids.subscriptions[0]}/end", {"end": "now"})
    await pass_to(bench, after + 6 * HOUR)
    assert await bench.waits_for(run) == "late-signature", "the bridge's run sees that a person has ended it"


TWO = {"further_lines": "2 | Power BI Pro | Power BI Pro"}


def move_second_end(bench: Bench, found: Bridge, by: timedelta) -> datetime:
    """Pax8 began the second line so much later; the end of its month."""
    end = found.dates.commitment_end + by
    bench.sandbox.post(f"pax8/subscriptions/{found.ids.subscriptions[1]}/term", {"end": end.isoformat()})
    return end


async def test_a_line_that_has_not_renewed_is_booked_beside_one_that_has(bench: Bench) -> None:
    """One line's month is over, the other's isn't: its cut-off has passed, so it is booked, and the customer told of
    it; the one that went on is a person's (B7, I4)."""
    run = await bought(bench, **TWO)
    found = await the_bridge(bench, run)
    move_second_end(bench, found, 4 * DAY)
    bench.sandbox.set_clock(found.dates.commitment_end + 2 * DAY)
    [planned] = await deadline_runs(bench, run)
    assert_ended_as(await bench.segment(planned), "Handed to a person")
    renewed, ending = found.ids.subscriptions
    assert [one["subscription"] for one in booked(bench)] == [ending], booked(bench)
    [mail] = mails(bench, to=TOM, subject="a person must act by")
    assert "renewed unsigned" in mail.text and renewed in mail.text and ending not in mail.text
    [told] = mails(bench, to=ADA, subject="cancelled")
    assert "Power BI Pro" in told.text and "Visio" not in told.text
    [guard] = await bench.runs("guard-end")
    assert f"guard-of:{ending}" in guard.tags


async def test_lines_with_other_ends_are_booked_each_after_its_own_cut_off(bench: Bench, no_patience: None) -> None:
    """B7: until its own cut-off a line may be signed; nobody is asked to book what is only not due yet. Cut off right
    after the first booking, the next segment tells of it."""
    run = await bought(bench, **TWO)
    found = await the_bridge(bench, run)
    second = move_second_end(bench, found, 9 * DAY)
    first_line, second_line = found.ids.subscriptions
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    [planned] = await deadline_runs(bench, run)
    no_mail = {"vendor": "graph", "method": "POST", "path": "/messages$", "kind": "500-before", "times": 999}
    bench.sandbox.post("faults", no_mail)
    for _ in range(2):
        assert (await bench.segment(planned)).name == "PutOff"
        bench.sandbox.http.delete("faults").raise_for_status()
        assert [one["subscription"] for one in booked(bench)] == [first_line]
    [told] = mails(bench, to=ADA, subject="cancelled")
    assert "Visio" in told.text and "Power BI Pro" not in told.text
    assert not mails(bench, to=TOM, subject="a person must act")
    await pass_to(bench, second - 2 * DAY)
    assert_done(await bench.state(planned))
    assert [one["subscription"] for one in booked(bench)] == [first_line, second_line]
    _, told = mails(bench, to=ADA, subject="cancelled")
    assert "Power BI Pro" in told.text and "Visio" not in told.text
    assert len(await bench.runs("guard-end")) == 2
    again = await bench.start("signature-deadline", **by_hand(found))
    assert_done(await bench.play(again))
    assert len(mails(bench, to=ADA, subject="cancelled")) == 2, "a later run of this deadline tells nobody anew"


async def until_the_first_line_has_ended(bench: Bench, mode: str = "shown") -> tuple[UUID, Bridge, UUID, datetime]:
    """Two lines whose months end nine days apart, just after the first one's cut-off."""
    run = await bought(bench, **TWO)
    found = await the_bridge(bench, run)
    second = move_second_end(bench, found, 9 * DAY)
    bench.sandbox.post("pax8/booked-end", {"mode": mode})
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    [planned] = await deadline_runs(bench, run)
    assert (await bench.segment(planned)).name == "PutOff"
    return run, found, planned, second


async def test_a_line_that_a_person_has_alone_keeps_no_other_from_its_own_end(bench: Bench) -> None:
    """B7, I4: refused until its last safe moment, the first line is a person's; the second is booked after its own
    cut-off all the same, and everybody told of it."""
    _, found, planned, second = await until_the_first_line_has_ended(bench, "refused")
    first_line, second_line = found.ids.subscriptions
    bench.sandbox.set_clock(found.dates.person_by + MINUTE)
    assert (await bench.segment(planned)).name == "PutOff", "the other line's cut-off lies ahead"
    alone = mails(bench, to=TOM, subject="a person must act")[-1]
    assert "it is yours alone" in alone.text and first_line in alone.text and second_line not in alone.text
    bench.sandbox.post("pax8/booked-end", {"mode": "shown"})
    bench.sandbox.set_clock(second - 2 * DAY)
    assert_ended_as(await bench.segment(planned), "Handed to a person")
    assert [one["subscription"] for one in booked(bench)] == [second_line], "what a person has alone isn't tried again"
    [told] = mails(bench, to=ADA, subject="cancelled")
    assert "Power BI Pro" in told.text and "Visio" not in told.text


async def test_signed_between_two_cut_offs_is_a_persons_within_a_day(bench: Bench) -> None:
    """One line is cancelled, the other goes on, and now the customer signs both: somebody settles it (B7)."""
    run, found, planned, _ = await until_the_first_line_has_ended(bench)
    bench.sandbox.post("connect", {"mode": "lost"})
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    bench.sandbox.set_clock(found.dates.cut_off + DAY)
    assert_ended_as(await bench.segment(planned), "Handed to a person")
    [mail] = mails(bench, to=TOM, subject="a person must act")
    assert "part of the bridge was cancelled before" in mail.text
    assert len(booked(bench)) == 1


async def test_declined_between_two_cut_offs_the_rest_is_told_of_by_itself(bench: Bench) -> None:
    """The first line's end was told at its cut-off; declined after that, the customer and billing hear of the other's,
    with its own day; and an end that came as booked is no renewal (B7)."""
    run, _, _, second = await until_the_first_line_has_ended(bench)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/decline", {})
    await bench.play_all()
    await bench.reconcile()
    assert_ended_as(await bench.state(run), "Declined")
    assert len(booked(bench)) == 2
    first, rest = mails(bench, to=ADA, subject="cancelled")
    assert "Visio" in first.text and "Power BI" not in first.text
    assert "Power BI" in rest.text and "Visio" not in rest.text
    assert day_in_words(office_day(second)) in rest.subject, rest.subject
    assert len(mails(bench, subject="the bridge is cancelled")) == 2


async def test_a_line_that_ended_as_booked_is_no_renewal(bench: Bench) -> None:
    """The first line's month is over, as it was booked; the other goes on: nobody is told that the bridge renewed."""
    run, found, planned, _ = await until_the_first_line_has_ended(bench)
    for hours in (1, 20):
        await pass_to(bench, found.dates.commitment_end + hours * HOUR)
        await bench.answer(run, action="look again", decided_by=WEBHOOK)
    assert subscription(bench, found)["status"] == "Cancelled"
    assert not [one for one in mails(bench, to=TOM) if "renewed unsigned" in one.text]
    assert (await bench.state(planned)).name == "PutOff"


def office_day(end: datetime) -> date:
    """The day of a month's end, as the MSP counts it."""
    return end.date() if end.hour >= 5 else (end - DAY).date()


async def test_signed_in_time_while_nothing_ran_it_is_kept(bench: Bench) -> None:
    """Signed before the cut-off, looked at after the month's end: it renewed under a signed agreement."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.set_clock(found.dates.cut_off - HOUR)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    bench.sandbox.set_clock(found.dates.commitment_end + DAY)
    [planned] = await deadline_runs(bench, run)
    assert_done(await bench.segment(planned))
    await bench.reconcile()
    assert_done(await bench.state(run))
    assert booked(bench) == [] and not tickets(bench, ":deadline")
    assert ordered(bench) == [VISIO]


# The month's end


async def test_an_end_that_moved_gives_another_cut_off(bench: Bench) -> None:
    """Somebody moved the month's end in the portal: found the next day, the cut-off is worked out anew, a person is
    told; declined after that, the customer is told the true day."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    earlier = found.dates.commitment_end - 3 * DAY - 6 * HOUR
    bench.sandbox.post(f"pax8/subscriptions/{found.ids.subscriptions[0]}/term", {"end": earlier.isoformat()})
    await pass_to(bench, bench.sandbox.now() + DAY)
    [ticket] = [one for one in bench.sandbox.records("autotask.tickets") if ":moved-" in (one["externalID"] or "")]
    assert ticket["priority"] == TOP
    assert len(await deadline_runs(bench, run)) == 2
    day = earlier.date() if earlier.hour >= 5 else (earlier - DAY).date()
    assert str(day) in ticket["description"], ticket["description"]
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/decline", {})
    assert_ended_as(await bench.answer(run, action="look again", decided_by=WEBHOOK), "Declined")
    [mail] = mails(bench, to=ADA, subject="cancelled, it ends on")
    assert day_in_words(day) in mail.subject, mail.subject
    [one] = booked(bench)
    assert datetime.fromisoformat(one["end"]) == earlier
    assert {(await bench.run(one)).state_name for one in await deadline_runs(bench, run)} == {"Taken off"}


async def test_a_month_without_an_end_is_a_persons(bench: Bench) -> None:
    """Words: none is shown: start and a month are taken, a person is told, and at the cut-off a person books."""
    bench.sandbox.post("pax8/next-order", {"term_end": "missing"})
    run = await bought(bench)
    found = await the_bridge(bench, run)
    assert mails(bench, to=TOM, subject="Pax8 shows no end of the term")
    await pass_to(bench, found.dates.cut_off + 2 * MINUTE)
    assert_ended_as(await bench.state((await deadline_runs(bench, run))[0]), "Handed to a person")
    assert "shows no end of the month" in tickets(bench, ":no-end")[0]["description"]
    bench.sandbox.post(f"pax8/subscriptions/{found.ids.subscriptions[0]}/end", {"end": "now"})
    await pass_to(bench, found.dates.cut_off + 6 * HOUR)
    assert await bench.waits_for(run) == "late-signature"


async def test_an_end_at_another_hour_is_booked_for_exactly_that(bench: Bench) -> None:
    """The term ends in the afternoon: the end booked is that very moment."""
    end = (bench.sandbox.now() + 30 * DAY).replace(hour=21, minute=30, second=0, microsecond=0)
    bench.sandbox.post("pax8/next-order", {"term_end": end.isoformat()})
    run = await bought(bench)
    found = await pass_the_cut_off(bench, run)
    assert found.dates.commitment_end == end
    [one] = booked(bench)
    assert datetime.fromisoformat(one["end"]) == end
    assert day_in_words(found.dates.term_end) in mails(bench, to=ADA, subject="cancelled, it ends on")[0].subject


# The guard


async def test_the_day_after_renewed_in_spite_goes_to_a_person(bench: Bench) -> None:
    """The end was shown, and it renewed all the same: a top-priority ticket within the vendor's seven days."""
    bench.sandbox.post("pax8/booked-end", {"mode": "renews"})
    run = await bought(bench)
    found = await pass_the_cut_off(bench, run)
    await pass_to(bench, found.dates.commitment_end + 35 * HOUR)
    [guard] = await bench.runs("guard-end")
    assert guard.state_name == "Handed to a person"
    [ticket] = [one for one in bench.sandbox.records("autotask.tickets") if ":g" in (one["externalID"] or "")]
    assert ticket["priority"] == TOP and "still Active" in ticket["description"]
    [mail] = mails(bench, to=TOM, subject=f"a person must act by {found.dates.term_end + 7 * DAY}")
    assert set(mail.to) == {TOM, SAM, ROBERTA}


async def test_the_day_after_a_successor_and_a_bill_are_seen(bench: Bench) -> None:
    """Gone, but another one of the product runs, or Pax8's draft invoice still bills it: a person's, each by name."""
    bench.sandbox.post("pax8/booked-end", {"mode": "successor"})
    run = await bought(bench, further_lines="2 | Power BI Pro | Power BI Pro")
    found = await pass_the_cut_off(bench, run)
    bench.sandbox.set_clock(found.dates.commitment_end + 35 * HOUR)
    billed = found.ids.subscriptions[1]
    bench.sandbox.change("pax8.subscriptions", billed, endDate=None)
    await bench.reconcile()
    guards = await bench.runs("guard-end")
    assert [one.state_name for one in guards] == ["Handed to a person"] * 2
    said = {
        one["externalID"].partition(":g")[2]: one["description"]
        for one in bench.sandbox.records("autotask.tickets")
        if ":g" in (one["externalID"] or "")
    }
    assert len(said) == 2
    assert all("a successor that nobody ordered" in text for text in said.values()), said
    assert ["draft invoice" in text for key, text in said.items() if billed.startswith(key)] == [True]
