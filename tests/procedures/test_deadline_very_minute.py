"""B7: signed in the deadline's very minute, or by the customer alone: one outcome, told once (I4)."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.states import Pending

from tests.procedures.bridges import (
    MINUTE,
    booked,
    bought,
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
    books_end,
    deadline_runs,
    delete,
    reads_envelope,
    right_after,
    tickets,
    writes_decision,
)
from tests.procedures.harness import Bench
from tests.procedures.people import WEBHOOK, assert_done, assert_ended_as, mails, notes, ordered
from tests.procedures.requests import ADA, MATTHEW, ROBERTA, TOM


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
