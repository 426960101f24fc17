"""A signature in the very moment in which the run suspends is never lost (decision 4)."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.states import Completed, Scheduled

from rules.events import Event, Signed
from rules.people import Person
from tasks.case import Case
from tasks.forms import LookForm
from tasks.journal import Journal
from tasks.office import office, open_office
from tasks.runs import NUDGE, Waking, Woken, wake, wake_again
from tasks.waiting import Wait, wait_for
from tests.procedures.harness import Bench
from tests.procedures.requests import TOM

TRIES = 1000 if os.environ.get("COUNTERSIGN_SOAK") else 40
AT_ONCE = 4
SIGNED: set[str] = set()
BEFORE = Waking(Woken.WOKEN, uuid4())
"""What the receiver knows of a run that it has woken a moment ago, and that has begun since."""


@flow(name="one-wait", persist_result=True)
async def one_wait(number: int, signed_after_its_look: bool = False) -> State[Any]:
    """A procedure that is nothing but the wait for a signature."""
    async with open_office():
        case = await Case.open()
        await case.journal.put("handed-over-001", {"name": "Tom Reyes", "email": TOM, "wait": "launch"})

        async def look(_hinted: bool) -> Event | None:
            if str(case.run_id) in SIGNED:
                return Signed(envelope_id=f"e-{number}", at=office().clock.now())
            if signed_after_its_look:
                SIGNED.add(str(case.run_id))
                assert await wake(case.run_id, "DocuSign", "envelope-completed") is Woken.NOT_WAITING
            return None

        who = Person(name="Ada Byte", email="ada@contoso.example")
        event = await wait_for(case, Wait(name="signature", awaited=who, what="Sign", form=LookForm), look)
        return Completed(message=type(event).__name__)


@pytest_asyncio.fixture(scope="session")
async def waiting_bench(deployments: dict[str, Any], sandbox_url: str) -> AsyncIterator[Bench]:
    async with get_client() as client:
        deployment = await client.create_deployment(flow_id=await client.create_flow(one_wait), name="main")
    yield Bench({"one-wait": one_wait}, {"one-wait": deployment}, None)  # type: ignore[arg-type]


async def one_try(bench: Bench, number: int, delay: float) -> tuple[Woken, float]:
    """Start, sign after `delay` seconds, wake as the receiver does, and play what is due.

    Returns how it was woken, and the seconds that the first segment took.
    """
    run: UUID = await bench.start("one-wait", number=number)

    async def first() -> float:
        began = time.monotonic()
        await bench.segment(run)
        return time.monotonic() - began

    async def webhook() -> Woken:
        await asyncio.sleep(delay)
        SIGNED.add(str(run))
        return (await wake_again(run, "DocuSign", "envelope-completed", random.choice((None, BEFORE)))).became

    took, woken = await asyncio.gather(first(), webhook())
    state = await bench.play(run)
    assert state.is_completed(), f"signed after {delay:.3f} s and {woken.value}: {state.name}"
    assert state.message == "Signed"
    return woken, took


@pytest.mark.timeout(1800)
async def test_a_signature_in_the_very_moment_of_suspending_is_never_lost(waiting_bench: Bench) -> None:
    """Runs that are each signed at another instant of its first segment: every one goes on, with no net below."""
    woken: list[Woken] = []
    segment = 1.0
    for first in range(0, TRIES, AT_ONCE):
        tries = range(first, min(first + AT_ONCE, TRIES))
        within = 1.5 * segment  # of the last ones: the machine is now quick, now slow
        told = await asyncio.gather(*(one_try(waiting_bench, n, random.uniform(0, within)) for n in tries))
        woken += [how for how, _ in told]
        segment = max(took for _, took in told)
    assert woken.count(Woken.WOKEN) > TRIES // 10, "the instants must hit the suspension"


async def test_one_that_was_taken_for_awake_is_woken_all_the_same(waiting_bench: Bench) -> None:
    """It waits, it was put off, it has ended, it is gone."""
    run = await waiting_bench.start("one-wait", number=0)
    assert (await waiting_bench.play(run)).is_paused()
    SIGNED.add(str(run))

    async def again(earlier: Waking = BEFORE) -> Waking:
        return await wake_again(run, "DocuSign", "envelope-completed", earlier)

    woken = await again()
    assert woken.became is Woken.WOKEN
    nudges = len((await Journal.load(run)).starting(NUDGE))
    assert await again(woken) == Waking(Woken.NOT_WAITING, woken.left_in), "not yet begun: it will see it by itself"
    assert len((await Journal.load(run)).starting(NUDGE)) == nudges
    async with get_client() as client:
        at = datetime.now(UTC) + timedelta(hours=1)
        await client.set_flow_run_state(run, Scheduled(scheduled_time=at, name="PutOff"), force=True)
    assert (await again(woken)).became is Woken.WOKEN
    assert (await again()).became is Woken.NOT_WAITING
    assert len((await Journal.load(run)).starting(NUDGE)) == nudges + 2, "due, but who knows for whose word"
    assert (await waiting_bench.play(run)).is_completed()
    assert (await again()).became is Woken.FINISHED
    async with get_client() as client:
        await client.delete_flow_run(run)
    assert (await again()).became is Woken.GONE
    assert (await again(woken)).became is Woken.GONE


async def test_a_signature_between_the_look_and_the_suspension_is_never_lost(waiting_bench: Bench) -> None:
    """The run has looked, is signed, and suspends only then, however much later: it finds the nudge left with it."""
    run = await waiting_bench.start("one-wait", number=0, signed_after_its_look=True)
    assert (await waiting_bench.play(run)).is_completed()
