"""Runs that nobody works on any more: found by their heartbeat, set going again, bounded (I5, prefect.md)."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import runtime
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter
from prefect.settings import get_current_settings
from prefect.states import AwaitingRetry, Cancelled, Crashed

from rules.order import Frozen
from rules.people import Person
from tasks.case import owner_of
from tasks.each import all_of, each
from tasks.journal import Journal
from tasks.letters import Letter
from tasks.mail import send_letter
from tasks.office import office
from tasks.people import colleague
from tasks.runs import PROCEDURE, runs_tagged, set_tags, tag_value

HEARTBEAT = "prefect.flow-run.heartbeat"
MISSED_BEATS = 3
PENDING_FOR = timedelta(minutes=5)
RUNNING_FOR = timedelta(minutes=30)
"""Longer than any stretch between two waits takes: a process that hangs goes on giving signs of life."""
NETS, NET_FOR = ("reconcile", "audit"), timedelta(hours=2)
"""Flows that begin anew by themselves, and how long one of them may take at the most."""
MOST_REVIVALS = 5
REVIVED, GIVEN_UP = "revived:", "given-up:"
REQUESTS = ("checked-request", "checked-seats", "checked-wish")
"""Where a procedure keeps what was asked for, and by whom."""


class Revived(Frozen):
    """A run that was found lost, and what became of it.

    `restarted`, `given up` (a person was told), `refused`, or `ended` (the next round of the net comes by itself).
    """

    run_id: str
    name: str
    was: str
    now: str


async def revive_lost_runs(signatures: Mapping[str, inspect.Signature]) -> list[Revived]:
    """Find runs lost in Pending, Running or Crashed and set them going again, at most five times each.

    Running counts as lost after three missed heartbeats, looked at twice, or after half an hour. A run that crashed
    because its parameters don't fit the flow (`signatures`, by flow name) ends as Refused, naming them. Rounds of
    reconcile and the audit that hang are ended. Raises `PartlyDone`.
    """

    async def revive_crashed(run: FlowRun) -> Revived:
        unknown = await unknown_parameters(run, signatures)
        return await (refuse(run, unknown) if unknown else restart(run, "Crashed"))

    async def revive_pending(run: FlowRun) -> Revived | None:
        late = run.state is not None and datetime.now(UTC) - run.state.timestamp > PENDING_FOR
        return await restart(run, "Pending") if late else None

    async def revive_silent() -> list[Revived]:
        silent = await silent_runs()
        if silent:
            await asyncio.sleep(MISSED_BEATS * beat().total_seconds())
            still = {run.id for run in await silent_runs()}
            silent = [run for run in silent if run.id in still]
        return await each(silent, lambda run: restart(run, "Running"))

    async def those_in(state: StateType, revive: Callable[[FlowRun], Awaitable[Revived | None]]) -> list[Revived]:
        return await each([run async for run in runs_tagged([PROCEDURE], (state,))], revive)

    return await all_of(
        lambda: those_in(StateType.CRASHED, revive_crashed),
        lambda: those_in(StateType.PENDING, revive_pending),
        revive_silent,
        end_hanging_nets,
    )


async def end_hanging_nets() -> list[Revived]:
    """Set rounds of reconcile and the audit that never end to Crashed: the next ones come by themselves.

    Their worker ends the process then, which keeps a place that is the procedures'.
    """
    named = FlowFilter(name=FlowFilterName(any_=list(NETS)))
    running = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])))
    async with get_client() as client:
        runs = await client.read_flow_runs(flow_filter=named, flow_run_filter=running)

    async def end(run: FlowRun) -> Revived | None:
        ours = str(run.id) == runtime.flow_run.id
        if ours or run.state is None or datetime.now(UTC) - run.state.timestamp < NET_FOR:
            return None
        crashed: Any = Crashed(message=f"Running for {NET_FOR}; the next round looks.")
        async with get_client() as client:
            await client.set_flow_run_state(run.id, crashed)
        return Revived(run_id=str(run.id), name=run.name, was="Running", now="ended")

    return await each(runs, end)


def beat() -> timedelta:
    """How often a run's process gives a sign of life. Raises where heartbeats are switched off."""
    seconds = get_current_settings().flows.heartbeat_frequency
    if seconds is None:
        raise RuntimeError("PREFECT_FLOWS_HEARTBEAT_FREQUENCY is not set: lost runs can't be found. Set it to 30.")
    return timedelta(seconds=seconds)


async def silent_runs() -> list[FlowRun]:
    """Running runs whose latest sign of life is three beats old, or whose process hangs."""
    since = datetime.now(UTC) - MISSED_BEATS * beat()
    silent = []
    async with get_client() as client:
        for run in [run async for run in runs_tagged([PROCEDURE], (StateType.RUNNING,))]:
            if run.state is None:
                continue
            if hangs(run) or (run.state.timestamp < since and not await beats_since(client, run, since)):
                silent.append(run)
    return silent


def hangs(run: FlowRun) -> bool:
    """Whether it has been Running for longer than any of our procedures does at a stretch."""
    return run.state is not None and datetime.now(UTC) - run.state.timestamp > RUNNING_FOR


async def beats_since(client: PrefectClient, run: FlowRun, since: datetime) -> bool:
    """Whether a run's process has given a sign of life since then."""
    page = await client.read_events(
        EventFilter(
            occurred=EventOccurredFilter(since=since),
            event=EventNameFilter(name=[HEARTBEAT]),
            resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
        ),
        limit=1,
    )
    return bool(page.events)


async def restart(run: FlowRun, was: str) -> Revived:
    """Crashed first, so that a process that is alive after all is fenced; then scheduled again, bounded.

    Lost once more it stays Crashed, which nothing takes for alive, until somebody presses Retry; then it counts anew.
    """
    tags, given_up = set(run.tags or []), f"{GIVEN_UP}{run.run_count}"
    if was == "Crashed" and given_up in tags:
        return Revived(run_id=str(run.id), name=run.name, was=was, now="given up")
    enough = sum(1 for tag in tags if tag.startswith(REVIVED)) >= MOST_REVIVALS
    async with get_client() as client:
        if was == "Running" or (enough and was == "Pending"):
            silent = f"No sign of life for {MISSED_BEATS} beats, looked at twice."
            why = "Never begun." if was == "Pending" else f"Running for {RUNNING_FOR}." if hangs(run) else silent
            crashed: Any = Crashed(message=why)
            verdict = await client.set_flow_run_state(run.id, crashed, force=was == "Pending")
            if verdict.status is not SetStateStatus.ACCEPT:
                return Revived(run_id=str(run.id), name=run.name, was=was, now="finished meanwhile")
        if enough:
            await tell_given_up(run, was)
            await set_tags(run.id, {tag for tag in tags if not tag.startswith((REVIVED, GIVEN_UP))} | {given_up})
            return Revived(run_id=str(run.id), name=run.name, was=was, now="given up")
        await set_tags(run.id, {*tags, f"{REVIVED}{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"})
        again: Any = AwaitingRetry(scheduled_time=datetime.now(UTC), message=f"Found lost ({was}) by reconcile.")
        await client.set_flow_run_state(run.id, again, force=was == "Pending")
    return Revived(run_id=str(run.id), name=run.name, was=was, now="restarted")


async def tell_given_up(run: FlowRun, was: str) -> None:
    """A run that is lost again and again becomes a person's: its owner's, the senior colleague in copy (I5)."""
    owner, settings = await owner_of_run(run), office().settings
    await send_letter(
        tag_value(run, "ref") or str(run.id),
        Letter(
            kind=f"lost-{run.id}-{run.run_count}-{datetime.now(UTC):%Y%m%d}",
            to=(owner,),
            cc=(settings.senior_for(owner.email),),
            subject=f"{run.name}: lost again and again",
            todo="Look at the run's logs and at the worker, mend what ends it, then press Retry on the run's page.",
            facts=(("Lost in", was), ("Set going again", f"{MOST_REVIVALS} times")),
            otherwise="It is not set going again by itself. What was done stays done; a Retry does nothing twice.",
            link=f"{settings.prefect_url}/runs/flow-run/{run.id}",
            link_text="Open the run",
        ),
    )


async def owner_of_run(run: FlowRun) -> Person:
    """Whose a run is: whoever it was handed to, or who asked for it; the first of the senior staff where none knows."""
    journal = await Journal.load(run.id)
    kept = next((found for key in REQUESTS if (found := journal.get(key)) is not None), None)
    owner = owner_of(journal)
    if owner is None and kept is not None:
        owner = Person.model_validate(kept["requester"])
    if owner is None and "@" in str(run.parameters.get("requester")):
        owner = await colleague(str(run.parameters["requester"]))
    return owner or office().settings.senior_staff[0]


async def unknown_parameters(run: FlowRun, signatures: Mapping[str, inspect.Signature]) -> list[str]:
    """The parameters of a crashed run that its flow doesn't know; Prefect's API lets them pass."""
    async with get_client() as client:
        flow = await client.read_flow(run.flow_id)
    signature = signatures.get(flow.name)
    return sorted(set(run.parameters) - set(signature.parameters)) if signature is not None else []


async def refuse(run: FlowRun, unknown: list[str]) -> Revived:
    """End a malformed start as what it is."""
    names = ", ".join(unknown)
    message = f"Refused, nothing has happened outside: unknown parameters {names} (N1). Start again without them."
    state: Any = Cancelled(name="Refused", message=message)
    async with get_client() as client:
        await client.set_flow_run_state(run.id, state, force=True)
    return Revived(run_id=str(run.id), name=run.name, was="Crashed", now="refused")
