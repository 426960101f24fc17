"""B7: a deadline whose vendors won't answer, won't book or can't be read: tried on, and a person's in time (I4)."""

from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Cancelled

from tests.procedures.bridges import (
    MINUTE,
    booked,
    bought,
    listed,
    pass_to,
    the_bridge,
)
from tests.procedures.deadlines import (
    ANNUAL,
    DAY,
    HOUR,
    TOP,
    VISIO,
    assert_told_once,
    deadline_runs,
    delete,
    deletes,
    subscription,
    tickets,
)
from tests.procedures.harness import Bench
from tests.procedures.people import assert_done, assert_ended_as, mails, ordered, paper_says, sign
from tests.procedures.requests import ADA, ROBERTA, SAM, TOM

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
    assert tickets(bench, ":hindered-docusign")[0]["priority"] == TOP
    bench.sandbox.post("faults", {"vendor": "pax8", "path": "/subscriptions", "kind": "403", "times": 999})
    bench.sandbox.set_clock(found.dates.cut_off + 3 * HOUR)
    assert (await bench.segment(planned)).name == "PutOff", "not even the month's end can be read: tried on"
    assert booked(bench) == []
    _, other = mails(bench, to=TOM, subject="a person must act")
    assert "Pax8 can't be read" in other.text, "who mends DocuSign's access knows of Pax8's, too"
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
    assert [len(tickets(bench, cause)) for cause in (":hindered-docusign", ":deadline", ":unbooked")] == [1, 1, 1]


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
    assert tickets(bench, ":hindered-pax8")[0]["priority"] == TOP
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
