"""B7: the deadline's run, whatever happens to it, to Pax8, to DocuSign and to the bridge's own run (decision 6, I4)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.states import Cancelled, Crashed, Failed, Pending

import vendors.http
from rules.calendar import day_in_words
from tasks.bridges import Bridge
from tests.procedures.bridges import (
    MINUTE,
    booked,
    bought,
    deadline,
    listed,
    pass_the_cut_off,
    pass_to,
    the_bridge,
)
from tests.procedures.harness import Bench
from tests.procedures.people import WEBHOOK, assert_done, assert_ended_as, mails, notes, ordered, paper_says, sign
from tests.procedures.requests import ADA, MATTHEW, ROBERTA, SAM, TOM

VISIO = ("Visio Plan 1", 3, "Monthly")
REQUEST = 700175
TOP = 4
"""Autotask's number of "Critical"."""
ANNUAL = {"term": "1-Year", "annual_reason": "Ada asked for it."}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor's fault isn't tried again within the segment: the next segment does."""
    monkeypatch.setattr("tasks.step.TRANSIENT", ())


async def delete(run: UUID) -> None:
    async with get_client() as client:
        await client.delete_flow_run(run)


def tickets(bench: Bench, ending: str) -> list[dict[str, Any]]:
    """Our tickets whose key ends so."""
    return [one for one in bench.sandbox.records("autotask.tickets") if (one["externalID"] or "").endswith(ending)]


def subscription(bench: Bench, found: Bridge, number: int = 0) -> dict[str, Any]:
    return dict(bench.sandbox.get(f"records/pax8.subscriptions/{found.ids.subscriptions[number]}"))


def deletes(bench: Bench) -> int:
    """How often an end was asked for."""
    return len([one for one in bench.sandbox.ledger(vendor="pax8") if one["method"] == "DELETE"])


def by_hand(found: Bridge, **other: Any) -> dict[str, Any]:
    """What somebody would type who starts the deadline's run by hand."""
    ids = found.ids
    return {
        "reference": ids.reference,
        "ticket_id": ids.ticket_id,
        "reminder_id": ids.reminder_id,
        "envelope": ids.envelope_id,
        "subscriptions": " ".join(ids.subscriptions),
        "contact": ids.contact,
        "requester": ids.requester,
        "senior": ids.senior,
        "procedure_run_id": ids.procedure_run_id,
        **other,
    }


def assert_told_once(bench: Bench) -> None:
    """Customer and everybody of ours were told of the end, once each."""
    assert len(mails(bench, to=ADA, subject="cancelled, it ends on")) == 1
    [ours] = mails(bench, subject="the bridge is cancelled")
    assert set(ours.to) == {TOM, ROBERTA, SAM}


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


async def deadline_runs(bench: Bench, run: UUID) -> list[UUID]:
    found = await the_bridge(bench, run)
    tag = f"deadline-of:{found.ids.reference}"
    return [one.id for one in await bench.runs("signature-deadline") if tag in one.tags]


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


# Pax8


async def test_what_pax8_does_not_do_a_person_does_and_we_go_on_trying(bench: Bench) -> None:
    """Refused, then ignored, then hidden: one top-priority ticket, one mail with the last safe moment, a try every
    two hours; a person's own booking is seen, everybody is told, and the guard watches it."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.post("pax8/booked-end", {"mode": "refused"})
    await pass_to(bench, found.dates.cut_off + 2 * MINUTE)
    [planned] = await deadline_runs(bench, run)
    assert (await bench.state(planned)).name == "PutOff"
    [mail] = mails(bench, to=TOM, subject="a person must act")
    assert "can't be cancelled on that date" in mail.text
    assert f"{found.dates.person_by:%B %Y}" in mail.subject and "09:00" in mail.subject, mail.subject
    assert set(mail.to) == {TOM, SAM, ROBERTA}
    [ticket] = tickets(bench, ":deadline")
    assert ticket["priority"] == TOP
    moment = found.dates.cut_off
    for mode in ("ignored", "hidden"):
        bench.sandbox.post("pax8/booked-end", {"mode": mode})
        moment += 3 * HOUR
        await pass_to(bench, moment)
        assert (await bench.state(planned)).name == "PutOff"
    assert deletes(bench) == 3
    assert not mails(bench, to=ADA, subject="cancelled")
    assert await bench.waits_for(run) == "agreement-1", "nobody has ended it yet"

    bench.sandbox.post(
        f"pax8/subscriptions/{found.ids.subscriptions[0]}/end", {"end": found.dates.commitment_end.isoformat()}
    )
    await pass_to(bench, moment + 3 * HOUR)
    assert_done(await bench.state(planned))
    assert deletes(bench) == 3
    assert_told_once(bench)
    assert len(mails(bench, to=TOM, subject="a person must act")) == 1 and len(tickets(bench, ":deadline")) == 1
    assert await bench.waits_for(run) == "late-signature"
    assert len(await bench.runs("guard-end")) == 1


async def test_denied_access_is_told_at_once_with_the_date_and_tried_on(bench: Bench) -> None:
    """A 403 lasts until a person mends it: told once, with the last safe moment; mended, the run goes on by itself, and
    everybody is told once (B7, I4, I5)."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.post("faults", {"vendor": "docusign", "path": "/envelopes", "kind": "403", "times": 999})
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    [planned] = await deadline_runs(bench, run)
    assert (await bench.segment(planned)).name == "PutOff"
    [mail] = mails(bench, to=TOM, subject="a person must act")
    assert set(mail.to) == {TOM, SAM, ROBERTA} and "DocuSign can't be read or written (denies access)" in mail.text, (
        mail.text
    )
    assert f"{found.dates.person_by:%B %Y}" in mail.subject and "09:00" in mail.subject, mail.subject
    assert "Look at the agreement in DocuSign first" in mail.text, "what is signed is not to be cancelled"
    assert tickets(bench, ":hindered")[0]["priority"] == TOP
    bench.sandbox.post("faults", {"vendor": "pax8", "path": "/subscriptions", "kind": "403", "times": 999})
    bench.sandbox.set_clock(found.dates.cut_off + 3 * HOUR)
    assert (await bench.segment(planned)).name == "PutOff", "not even the month's end can be read: tried on"
    assert booked(bench) == [] and len(mails(bench, to=TOM, subject="a person must act")) == 1
    bench.sandbox.http.delete("faults").raise_for_status()
    await pass_to(bench, found.dates.cut_off + 6 * HOUR)
    assert_done(await bench.state(planned))
    assert len(booked(bench)) == 1
    assert_told_once(bench)


@pytest.mark.parametrize("kind", ["403", pytest.param("500-before", marks=pytest.mark.soak)])
async def test_an_unreadable_month_is_a_persons_in_time(bench: Bench, no_patience: None, kind: str) -> None:
    """Pax8 denies access, or is down, from the first look on: who acts is told with the date that the bridge's own run
    remembers; from the last safe moment on it is theirs alone (B7, I4)."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.post("faults", {"vendor": "pax8", "path": "/subscriptions", "kind": kind, "times": 9999})
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    [planned] = await deadline_runs(bench, run)
    for _ in range(1 if kind == "403" else 3):
        assert not mails(bench, to=TOM, subject="a person must act")
        assert (await bench.segment(planned)).name == "PutOff"
    [mail] = mails(bench, to=TOM, subject="a person must act")
    assert found.ids.subscriptions[0] in mail.text and "Pax8 can't be read or written" in mail.text, mail.text
    assert f"{found.dates.person_by:%B %Y}" in mail.subject and "09:00" in mail.subject, mail.subject
    bench.sandbox.set_clock(found.dates.person_by + MINUTE)
    assert_ended_as(await bench.segment(planned), "Handed to a person")
    first, last = mails(bench, to=TOM, subject="a person must act")
    assert "We go on trying" in first.text and "it is yours alone" in last.text
    assert booked(bench) == []


async def test_a_month_that_nobody_knows_is_a_persons_today(bench: Bench) -> None:
    """The same without the bridge's own run: today; after a week without any reading the run has failed, visibly."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    [planned] = await deadline_runs(bench, run)
    await delete(run)
    bench.sandbox.post("faults", {"vendor": "pax8", "path": "/subscriptions", "kind": "403", "times": 9999})
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    assert (await bench.segment(planned)).name == "PutOff"
    assert mails(bench, to=TOM, subject="a person must act today")
    bench.sandbox.set_clock(found.dates.cut_off + 8 * DAY)
    assert (await bench.segment(planned)).is_failed()
    assert mails(bench, to=TOM, subject="can't go on by itself")


async def test_what_stands_in_the_way_later_is_told_of_too(bench: Bench) -> None:
    """DocuSign denied access, and was told of; mended, but Pax8 refuses every booking: nobody would look again."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.post("faults", {"vendor": "docusign", "path": "/envelopes", "kind": "403", "times": 999})
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    [planned] = await deadline_runs(bench, run)
    assert (await bench.segment(planned)).name == "PutOff"
    bench.sandbox.http.delete("faults").raise_for_status()
    bench.sandbox.post("pax8/booked-end", {"mode": "refused"})
    for hours in (3, 6):
        bench.sandbox.set_clock(found.dates.cut_off + hours * HOUR)
        assert (await bench.segment(planned)).name == "PutOff"
    first, second = mails(bench, to=TOM, subject="a person must act")
    assert "denies access" in first.text and "can't be cancelled on that date" in second.text
    bench.sandbox.set_clock(found.dates.person_by + MINUTE)
    assert_ended_as(await bench.segment(planned), "Handed to a person")
    last = mails(bench, to=TOM, subject="a person must act")[2:]
    assert ["it is yours alone" in one.text for one in last] == [True]
    assert [len(tickets(bench, cause)) for cause in (":hindered", ":deadline", ":unbooked")] == [1, 1, 1]


async def test_denied_access_at_the_last_moment_is_a_persons_alone(bench: Bench) -> None:
    """Two business days before the end nothing is tried any more: handed over, once (B7)."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.post("faults", {"vendor": "docusign", "path": "/envelopes", "kind": "403", "times": 999})
    bench.sandbox.set_clock(found.dates.person_by + MINUTE)
    [planned] = await deadline_runs(bench, run)
    assert_ended_as(await bench.segment(planned), "Handed to a person")
    assert booked(bench) == [] and len(mails(bench, to=TOM, subject="a person must act")) == 1
    bench.sandbox.http.delete("faults").raise_for_status()


async def test_a_hidden_end_goes_to_a_person_and_a_late_one_is_seen(bench: Bench) -> None:
    """Pax8 takes the cancellation and shows no end until two business days before: handed over; two products, of
    which one is booked as it should, are each what they are."""
    run = await bought(bench, further_lines="2 | Power BI Pro | Power BI Pro")
    found = await the_bridge(bench, run)
    hidden, late = found.ids.subscriptions
    bench.sandbox.post("pax8/booked-end", {"mode": "late:5400"})
    await pass_to(bench, found.dates.cut_off + 2 * MINUTE)
    [planned] = await deadline_runs(bench, run)
    assert (await bench.state(planned)).name == "PutOff"
    bench.sandbox.post("pax8/booked-end", {"mode": "hidden"})
    bench.sandbox.change("pax8.subscriptions", hidden, booking=None, endDate=None)
    await pass_to(bench, found.dates.cut_off + 3 * HOUR)
    assert subscription(bench, found, 1)["endDate"] and not subscription(bench, found, 0)["endDate"]
    assert deletes(bench) == 3, "the one that is shown by now isn't booked again"
    await pass_to(bench, found.dates.person_by + MINUTE)
    assert_ended_as(await bench.state(planned), "Handed to a person")
    await bench.reconcile()
    assert len(await deadline_runs(bench, run)) == 1, "handed over: nobody books it again"
    [told] = mails(bench, to=ADA, subject="cancelled")
    assert "Power BI Pro" in told.text and "Visio" not in told.text, "what ends is told of, what doesn't isn't (B7)"
    assert len(mails(bench, to=TOM, subject="it ends on")) == 1
    [guard] = await bench.runs("guard-end")
    assert f"guard-of:{late}" in guard.tags


async def test_an_answer_that_never_came_is_found_done_or_done_later(bench: Bench, no_patience: None) -> None:
    """DELETE cut off after its effect: the next look finds it. Never reaching Pax8: tried on, and a person is told."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    faults = [
        {"vendor": "pax8", "method": "DELETE", "kind": "500-before"},
        {"vendor": "pax8", "method": "DELETE", "kind": "408"},
        {"vendor": "pax8", "method": "DELETE", "kind": "drop-before"},
        {"vendor": "pax8", "method": "DELETE", "kind": "drop-after"},
    ]
    for fault in faults:
        bench.sandbox.post("faults", fault)
    await pass_to(bench, found.dates.cut_off + 2 * MINUTE)
    [planned] = await deadline_runs(bench, run)
    for _ in range(2):
        assert (await bench.state(planned)).name == "PutOff"
        assert booked(bench) == []
        await bench.reconcile()
    [mail] = mails(bench, to=TOM, subject="a person must act")
    assert "can't be read or written" in mail.text
    assert tickets(bench, ":hindered")[0]["priority"] == TOP
    assert len(booked(bench)) == 0 and (await bench.state(planned)).name == "PutOff"
    await bench.reconcile()
    await bench.reconcile()
    assert_done(await bench.state(planned))
    assert len(booked(bench)) == 1
    assert_told_once(bench)


# DocuSign


async def test_unreadable_is_not_unsigned(bench: Bench, no_patience: None) -> None:
    """B7: neither way of reading works: nothing is cancelled, tried again; the list alone is enough."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    envelope = found.ids.envelope_id
    bench.sandbox.post("faults", {"vendor": "docusign", "path": "/envelopes", "kind": "500-before", "times": 999})
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    [planned] = await deadline_runs(bench, run)
    assert (await bench.segment(planned)).name == "PutOff"
    assert booked(bench) == [] and not mails(bench, to=ADA, subject="cancelled")
    bench.sandbox.http.delete("faults").raise_for_status()
    path = f"/envelopes/{envelope}$"
    bench.sandbox.post(
        "faults", {"vendor": "docusign", "method": "GET", "path": path, "kind": "500-before", "times": 99}
    )
    assert_done(await bench.segment(planned))
    assert len(booked(bench)) == 1
    assert_told_once(bench)
    bench.sandbox.http.delete("faults").raise_for_status()


async def test_unreadable_for_days_it_is_a_persons(bench: Bench, no_patience: None) -> None:
    """Two business days before the end a person gets it; the end that they book is seen by the bridge's run, and a
    signature after that is a late one."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.post("faults", {"vendor": "docusign", "path": "/envelopes", "kind": "500-before", "times": 9999})
    bench.sandbox.set_clock(found.dates.person_by + MINUTE)
    [planned] = await deadline_runs(bench, run)
    assert_ended_as(await bench.segment(planned), "Handed to a person")
    [mail] = mails(bench, to=TOM, subject="a person must act")
    assert "DocuSign" in mail.text and booked(bench) == []
    assert tickets(bench, ":unread")[0]["priority"] == TOP
    bench.sandbox.http.delete("faults").raise_for_status()
    bench.sandbox.post(
        f"pax8/subscriptions/{found.ids.subscriptions[0]}/end", {"end": found.dates.commitment_end.isoformat()}
    )
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    await bench.play_all()
    assert await bench.waits_for(run) == "late-still-wanted", "not kept: its end is booked"
    assert not mails(bench, to=ADA, subject="your licences go on")


async def test_signed_in_time_is_a_persons_where_its_run_was_ended_before_it_did_anything(bench: Bench) -> None:
    """Signed, and decided so; other seats on the paper, so a person is asked; then the run is cancelled in the UI: at
    the cut-off somebody is told that nobody does what was signed, and nothing is cancelled (I4, B7)."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    paper_says(bench, await bench.envelope(run), Seats1="30")
    await sign(bench, run)
    assert (await bench.waits_for(run)).startswith("kept-signed-seats")
    async with get_client() as client:
        cancelled: Any = Cancelled(message="by hand")
        await client.set_flow_run_state(run, cancelled, force=True)
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    [planned] = await deadline_runs(bench, run)
    assert_ended_as(await bench.segment(planned), "Handed to a person")
    [mail] = mails(bench, to=TOM, subject="a person must act")
    assert "own run ended as" in mail.text and booked(bench) == []


async def test_an_agreement_that_the_index_does_not_show_yet_is_read_all_the_same(bench: Bench) -> None:
    """More seats, so a second edition; signed at once, and DocuSign's index lags: its run knows it (docusign.md §6)."""
    run = await bought(bench, **ANNUAL)
    await changes_its_mind(bench, run)
    [second] = [one["envelopeId"] for one in bench.sandbox.records("docusign.envelopes") if one["status"] == "sent"]
    found = await the_bridge(bench, run)
    bench.sandbox.post("connect", {"mode": "lost"})
    bench.sandbox.post(f"envelopes/{second}/sign", {})
    bench.sandbox.change("docusign.envelopes", second, statusChangedDateTime="2020-01-01T00:00:00.0000000Z")
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    [planned] = await deadline_runs(bench, run)
    assert_done(await bench.segment(planned))
    assert booked(bench) == [], "signed: nothing is cancelled"


async def test_a_signature_on_an_agreement_that_a_later_one_replaced_is_a_persons(bench: Bench) -> None:
    """Two papers, whatever let the first one live: signed is only the first, so nobody cancels and nobody orders."""
    run = await bought(bench, **ANNUAL)
    first = bench.sandbox.get(f"records/docusign.envelopes/{await bench.envelope(run)}")
    await changes_its_mind(bench, run)
    found = await the_bridge(bench, run)
    bench.sandbox.change("docusign.envelopes", first["envelopeId"], status="sent", signers=first["signers"])
    bench.sandbox.post("connect", {"mode": "lost"})
    bench.sandbox.post(f"envelopes/{first['envelopeId']}/sign", {})
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    [planned] = await deadline_runs(bench, run)
    assert_ended_as(await bench.segment(planned), "Handed to a person")
    [mail] = mails(bench, to=TOM, subject="a person must act")
    assert "a later one had replaced" in mail.text and booked(bench) == []
    assert "Book the end" not in mail.text, "whoever follows that cancels what was signed"
    assert ordered(bench) == [VISIO]


async def changes_its_mind(bench: Bench, run: UUID) -> None:
    """The customer would rather have it monthly: annual is voided, the monthly agreement goes out (Y4)."""
    bench.sandbox.advance(hours=2)
    said = {"to": "licences@northgate.example", "subject": "The term", "body": "We would rather have it monthly."}
    bench.sandbox.post("mails", {"from": ADA, **said})
    await bench.answer(run, action="look again", decided_by=TOM)
    [evidence] = await listed(bench, run)
    await bench.answer(run, action="customer wants monthly", decided_by=TOM, evidence=evidence)
    await bench.answer(run, action="release the agreement", decided_by=ROBERTA)
    bench.sandbox.advance(seconds=700)
    await bench.reconcile()


# The very minute


@asynccontextmanager
async def right_after(what: Callable[[httpx.Request], bool], act: Callable[[], object]) -> AsyncIterator[None]:
    """Let something happen right after the first exchange with a vendor that is meant."""
    done: list[bool] = []

    def see(request: httpx.Request, response: httpx.Response | None) -> None:
        if not done and response is not None and what(request):
            done.append(True)
            act()

    vendors.http.observers.append(see)
    try:
        yield
    finally:
        vendors.http.observers.remove(see)
    assert done, "the moment never came"


def reads_envelope(request: httpx.Request) -> bool:
    return request.method == "GET" and "/envelopes/" in request.url.path


def writes_decision(request: httpx.Request) -> bool:
    return not request.url.path.endswith("/query") and b"Countersign decision" in request.content


def books_end(request: httpx.Request) -> bool:
    return request.method == "DELETE" and "/subscriptions/" in request.url.path


@pytest.mark.parametrize(
    ("moment", "is_kept", "by"),
    [
        pytest.param(None, True, "all", id="before the deadline's reading"),
        pytest.param(reads_envelope, True, "all", id="between its reading and its decision"),
        pytest.param(writes_decision, True, "all", id="between its decision and the booking"),
        pytest.param(writes_decision, True, "customer", id="by the customer alone, before the booking"),
        pytest.param(books_end, False, "all", id="right after the booking"),
    ],
)
async def test_a_signature_in_the_very_minute_has_one_outcome(
    bench: Bench, moment: Callable[[httpx.Request], bool] | None, is_kept: bool, by: str
) -> None:
    """Whichever DocuSign said first holds: kept, or cancelled and ordered anew on a person's word; never both."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    envelope = await bench.envelope(run)
    bench.sandbox.set_clock(found.dates.cut_off + MINUTE)
    [planned] = await deadline_runs(bench, run)

    def sign() -> None:
        bench.sandbox.post(f"envelopes/{envelope}/sign", {"by": by})

    if moment is None:
        sign()
        await bench.segment(planned)
    else:
        async with right_after(moment, sign):
            await bench.segment(planned)
    await bench.play_all()
    await bench.reconcile()
    if not is_kept:
        assert len(booked(bench)) == 1
        assert_told_once(bench)
        assert await bench.waits_for(run) == "late-still-wanted"
        assert not mails(bench, to=ADA, subject="your licences go on")
        return
    if by == "customer":
        assert mails(bench, subject="our own signature is missing"), "we are pressed"
        assert (await bench.state(planned)).name == "PutOff"
        bench.sandbox.post(f"envelopes/{envelope}/sign", {"by": "msp"})
        await bench.answer(run, action="look again", decided_by=WEBHOOK)
    assert booked(bench) == []
    assert not mails(bench, to=ADA, subject="cancelled")
    assert_done(await bench.state(run))
    assert len(mails(bench, to=ADA, subject="your licences go on")) == 1
    assert ordered(bench) == [VISIO]


@pytest.mark.parametrize("moment", [reads_envelope, writes_decision], ids=["reading", "deciding"])
async def test_both_runs_awake_at_the_same_moment_come_to_one_end(
    bench: Bench, moment: Callable[[httpx.Request], bool]
) -> None:
    """The bridge's run and the deadline's run look at once, while it is being signed: one of two ends, told once."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    envelope = await bench.envelope(run)
    bench.sandbox.set_clock(found.dates.cut_off + MINUTE)
    [planned] = await deadline_runs(bench, run)
    async with get_client() as client:
        await client.resume_flow_run(run, run_input={"action": "look again", "decided_by": WEBHOOK})
        for one in (run, planned):
            pending: Any = Pending()
            await client.set_flow_run_state(one, pending, force=True)
    async with right_after(moment, lambda: bench.sandbox.post(f"envelopes/{envelope}/sign", {})):
        await asyncio.gather(bench.run_once(run), bench.run_once(planned))
    await bench.play_all()
    await pass_to(bench, found.dates.cut_off + 10 * MINUTE)
    kept, cancelled = mails(bench, to=ADA, subject="your licences go on"), mails(bench, to=ADA, subject="cancelled")
    assert len(kept) + len(cancelled) == 1
    assert len(booked(bench)) == len(cancelled)
    if kept:
        assert_done(await bench.state(run))
    else:
        assert await bench.waits_for(run) == "late-still-wanted"


async def test_only_we_are_missing_and_two_business_days_before_a_person_decides(bench: Bench) -> None:
    """B7: pressed once a day; from then on only contracts or the countersigner decide; nothing is cancelled."""
    run = await bought(bench)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {"by": "customer"})
    found = await pass_the_cut_off(bench, run)
    [planned] = await deadline_runs(bench, run)
    pressed = "our own signature is missing"
    assert len(mails(bench, to=ROBERTA, subject=pressed)) == 1
    morning = found.dates.cut_off + 34 * HOUR
    await pass_to(bench, morning)
    await bench.reconcile()
    assert len(mails(bench, to=ROBERTA, subject=pressed)) == 2
    [ticket] = tickets(bench, ":countersign")
    assert ticket["priority"] == TOP
    await pass_to(bench, found.dates.person_by + MINUTE)
    assert await bench.waits_for(planned) == "unsigned-by-us"
    [asked] = mails(bench, to=ROBERTA, subject=f"a person must act before {found.dates.term_end}")
    assert "Nothing is cancelled by itself" in asked.text
    await bench.answer(planned, action="let it renew", decided_by=MATTHEW, note="I think so")
    assert await bench.waits_for(planned) == "unsigned-by-us", "not his to decide"
    await bench.answer(planned, action="end it", decided_by=ROBERTA, note="Booked it.")
    assert await bench.waits_for(planned) == "unsigned-by-us", "Pax8 shows no end: it would renew unwatched"
    said = await bench.form(planned)
    assert found.ids.subscriptions[0] in said and "let it renew" in said
    state = await bench.answer(planned, action="let it renew", decided_by=ROBERTA, note="Signing tomorrow.")
    assert_done(state)
    assert "let it renew" in notes(bench, REQUEST)["unsigned by us"]
    assert booked(bench) == []
    await pass_to(bench, found.dates.commitment_end + DAY)
    assert not [one for one in mails(bench, to=TOM) if "renewed unsigned" in one.text]
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {"by": "msp"})
    assert_done(await bench.answer(run, action="look again", decided_by=WEBHOOK))
    assert booked(bench) == [] and ordered(bench) == [VISIO]


async def test_countersigned_late_with_nobody_to_go_on_is_a_persons(bench: Bench) -> None:
    """The bridge's own run is gone: who countersigns in the last days would wait for what nobody does (I4)."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    [planned] = await deadline_runs(bench, run)
    envelope = await bench.envelope(run)
    bench.sandbox.post(f"envelopes/{envelope}/sign", {"by": "customer"})
    await delete(run)
    bench.sandbox.set_clock(found.dates.person_by + MINUTE)
    await bench.segment(planned)
    assert await bench.waits_for(planned) == "unsigned-by-us"
    bench.sandbox.post(f"envelopes/{envelope}/sign", {"by": "msp"})
    assert_ended_as(await bench.answer(planned, action="look again", decided_by=WEBHOOK), "Handed to a person")
    [ticket] = tickets(bench, ":signed")
    assert ticket["priority"] == TOP and "own run" in ticket["description"]
    assert booked(bench) == [] and mails(bench, to=TOM, subject="a person must act")


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
