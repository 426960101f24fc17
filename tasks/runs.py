"""Waking, finding and tagging flow runs, over Prefect's own API."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled

from tasks.forms import machine_answer

PROCEDURE = "countersign"
PUT_OFF = "PutOff"
AWAKE = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING)
STANDS_STILL = (StateType.FAILED, StateType.CRASHED)
OPEN_STATES = (StateType.PAUSED, StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED, *STANDS_STILL)
PAGE = 200
TAGS_AT_A_TIME = 50
NUDGE = "nudge-"
RESUME_PATIENCE = 5.0
RESUME_EVERY = 0.2

Wanted = dict[str, dict[str, Any]]


class Woken(StrEnum):
    """What became of waking a run."""

    WOKEN = "woken"
    NOT_WAITING = "not waiting"
    FINISHED = "finished"
    GONE = "gone"


class Waking(NamedTuple):
    """What became of waking a run, and the state that its form's answer left it in, where it was answered.

    As long as that is its state, it has not begun since, and will see whatever happened until then.
    """

    became: Woken
    left_in: UUID | None = None


async def wake(run_id: UUID, source: str, event: str) -> Woken:
    """Resume a waiting run so that it looks at the outside world again.

    NOT_WAITING: it is awake. Then a nudge is left with it, which it finds right after it has suspended, however
    long that takes (`go_on_if_nudged`); one that suspends in between is resumed here. Raises where Prefect can't be
    reached.
    """
    return (await wake_again(run_id, source, event)).became


async def wake_again(run_id: UUID, source: str, event: str, earlier: Waking | None = None) -> Waking:
    """As `wake`, for a source that may have woken it a moment ago: `earlier` is what came of that.

    Such a run is likely to be awake, so the nudge is left before anything else is tried; and none is needed by one
    that has not begun since.
    """
    answer = machine_answer(source, event)
    if earlier is None:
        woken = await resume(run_id, answer)
        if woken.became is not Woken.NOT_WAITING:
            return woken
    async with get_client() as client:
        try:
            if earlier is not None and earlier.left_in is not None:
                now = await client.read_flow_run(run_id)
                if now.state_id == earlier.left_in:
                    return Waking(Woken.NOT_WAITING, earlier.left_in)
            await leave_nudge(client, run_id, answer)
            now = await client.read_flow_run(run_id)
        except (ObjectNotFound, httpx.HTTPStatusError):
            if await is_gone(str(run_id)):
                return Waking(Woken.GONE)
            raise
    if now.state_type in AWAKE and now.state_name != PUT_OFF:  # it finds the nudge when it begins, or suspends
        return Waking(Woken.NOT_WAITING)
    return await resume(run_id, answer, nudged=True)


async def leave_nudge(client: PrefectClient, run_id: UUID, answer: dict[str, str]) -> None:
    """Leave word with a run that has no form to be answered: it finds it when it begins, or when it has suspended."""
    await client.create_flow_run_input(run_id, key=f"{NUDGE}{uuid4().hex}", value=json.dumps(answer))


async def go_on_if_nudged(client: PrefectClient, run_id: UUID, known: Iterable[str]) -> bool:
    """Resume a run that has just suspended, if it was nudged meanwhile; nudges in `known` came before its last look.

    The one who wakes leaves the nudge first and tries again then; the run suspends first and looks for nudges then:
    whichever comes last sees the other.
    """
    nudges = await client.filter_flow_run_input(run_id, key_prefix=NUDGE, limit=1000, exclude_keys=set(known))
    if not nudges:
        return False
    return (await resume(run_id, json.loads(nudges[-1].value), nudged=True)).became is Woken.WOKEN


async def resume(run_id: UUID, answer: dict[str, str], *, nudged: bool = False) -> Waking:
    """Answer a run's form. Reads Prefect's verdict from the body: ACCEPT, REJECT, ABORT (prefect.md, Resume).

    One that was put off has no form: it is left a nudge, unless it was `nudged`, and goes on now.
    """
    tried_until = datetime.now(UTC) + timedelta(seconds=RESUME_PATIENCE)
    async with get_client() as client:
        while True:
            try:
                verdict = await client.resume_flow_run(run_id, run_input=answer)
            except ObjectNotFound:
                return Waking(Woken.GONE)
            except httpx.HTTPStatusError as error:
                if error.response.status_code == 404 or await is_gone(str(run_id)):  # a deleted run is a 500 there
                    return Waking(Woken.GONE)
                if error.response.status_code != 409 or datetime.now(UTC) > tried_until:
                    raise
                await asyncio.sleep(RESUME_EVERY)  # somebody else answered the same form in this very moment
                continue
            if verdict.status is SetStateStatus.ACCEPT:
                return Waking(Woken.WOKEN, verdict.state.id if verdict.state is not None else None)
            if verdict.status is SetStateStatus.REJECT:
                raise ValueError(f"Prefect refused the answer: {getattr(verdict.details, 'reason', None) or ''}")
            run = await client.read_flow_run(run_id)
            if run.state is None or run.state.is_final():
                return Waking(Woken.FINISHED)
            if run.state_name == PUT_OFF:
                if not nudged:
                    await leave_nudge(client, run_id, answer)
                await client.set_flow_run_state(run_id, Scheduled(scheduled_time=datetime.now(UTC)))
                return Waking(Woken.WOKEN)
            return Waking(Woken.NOT_WAITING)


async def find_run_waiting_for(envelope_id: str) -> UUID | None:
    """The procedure that an envelope belongs to, by its tag; an open one before a finished one."""
    runs = [run async for run in runs_tagged([f"envelope:{envelope_id}"])]
    open_runs = [run for run in runs if run.state is not None and not run.state.is_final()]
    found = (open_runs or runs)[:1]
    return found[0].id if found else None


async def is_over(reference: str) -> bool:
    """Whether no run of that reference goes on: every one has ended, or is gone. One that failed may be retried."""
    runs = [run async for run in runs_tagged([f"ref:{reference}"])]
    return all(run.state is not None and run.state.is_final() for run in runs)


async def is_gone(run_id: str) -> bool:
    """Whether Prefect knows no such run any more."""
    async with get_client() as client:
        try:
            await client.read_flow_run(UUID(run_id))
        except (ObjectNotFound, ValueError):
            return True
    return False


async def runs_tagged(tags: Iterable[str], states: Iterable[StateType] = ()) -> AsyncIterator[FlowRun]:
    """All runs that bear every one of these tags, oldest first, a call a page of 200."""
    wanted: Wanted = {"tags": {"all_": list(tags)}}
    if states:
        wanted["state"] = {"type": {"any_": list(states)}}
    async for run in _walk(wanted):
        yield run


async def runs_tagged_any(tags: Iterable[str]) -> list[FlowRun]:
    """All runs that bear at least one of these tags, each once; a call for 50 tags and page of 200."""
    wanted, found = sorted(set(tags)), dict[UUID, FlowRun]()
    for place in range(0, len(wanted), TAGS_AT_A_TIME):
        async for run in _walk({"tags": {"any_": wanted[place : place + TAGS_AT_A_TIME]}}):
            found[run.id] = run
    return list(found.values())


async def runs_of(run_ids: Iterable[UUID]) -> list[FlowRun]:
    """These runs as they are now, a call for 200; those that are gone are missing."""
    wanted, found = list(dict.fromkeys(run_ids)), list[FlowRun]()
    for place in range(0, len(wanted), PAGE):
        found += [run async for run in _walk({"id": {"any_": wanted[place : place + PAGE]}})]
    return found


async def open_runs() -> list[FlowRun]:
    """Every procedure's run, and every booked one, that has not ended or stands still; a call a page of 200.

    The whole of what is open, read once for all who look through it.
    """
    return [run async for run in runs_tagged([PROCEDURE], OPEN_STATES)]


async def _walk(wanted: Wanted) -> AsyncIterator[FlowRun]:
    """Page by the moment for which a run was first expected, which never changes.

    A run that leaves or joins the list meanwhile moves no other from page to page, as a counted offset would.
    """
    after: datetime | None = None
    seen_then: list[UUID] = []
    ids = wanted.get("id", {})
    async with get_client() as client:
        while True:
            here = {"expected_start_time": {"after_": after}, "id": {**ids, "not_any_": seen_then}} if after else {}
            page = await client.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate({**wanted, **here}),
                sort=FlowRunSort.EXPECTED_START_TIME_ASC,
                limit=PAGE,
            )
            for run in page:
                yield run
            if len(page) < PAGE:
                return
            last = page[-1].expected_start_time
            if last is None:
                raise RuntimeError(f"the run {page[-1].id} was never expected: the list can't be read on from it")
            if last != after:
                after, seen_then = last, []
            seen_then += [run.id for run in page if run.expected_start_time == last]


def told_stuck(run: FlowRun) -> str:
    """The tag of a run of whose latest attempt people were told that it can't go on."""
    return f"told-stuck:{run.run_count}"


async def set_tags(run_id: UUID, tags: Iterable[str]) -> None:
    """Replace a run's tags."""
    async with get_client() as client:
        await client.update_flow_run(run_id, tags=sorted(set(tags)))


def tag_value(run: FlowRun, name: str) -> str | None:
    """The value of a `name:value` tag, or None."""
    for tag in run.tags or []:
        if tag.startswith(f"{name}:"):
            return tag.removeprefix(f"{name}:")
    return None
