"""What the warm worker uses of Prefect though Prefect doesn't promise to keep it; a test fails when one of it changes.

The executor is what Prefect's own process worker runs each flow run through: it sees a run that is set to Cancelling
and ends its process, and reports a process that ended badly as Crashed, with the hooks of both.

What is left out, since it keeps a run waiting: the state Submitting between Pending and Running; and in the run's
process the watch for somebody else's suspending it, a thread with a websocket of its own. Our steps ask whether the
run is still Running before they act (the fence), and that is what such a watch is for. And of a step that ends at once,
what it was before it ended.
"""

import asyncio
import functools
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Protocol
from uuid import UUID

import anyio
from anyio.abc import TaskGroup, TaskStatus
from httpx import HTTPError
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, TaskRun, WorkPool
from prefect.exceptions import ObjectNotFound
from prefect.flows import load_flow_from_flow_run
from prefect.logging import get_logger
from prefect.runner._flow_run_executor import FlowRunExecutorContext
from prefect.runner._process_manager import ProcessHandle, create_isolated_termination_scope

from deployments.worker.shortcuts import AskedOnce

CANCEL_AGAIN_SECONDS = (0, 1, 5, 15, 60)
LAST_PROCESS_MAY_LINGER = timedelta(minutes=1)
RUNS_AT_A_TIME = 200
SHOWN_AFTER_SECONDS = 0.5
BEING_TAKEN: ContextVar[FlowRun | None] = ContextVar("being_taken", default=None)


class RunProcess(Protocol):
    """What the executor needs to know of a run's process."""

    pid: int
    returncode: int | None

    async def wait(self) -> int | None: ...


Start = Callable[[Mapping[str, str | None]], Awaitable[RunProcess]]
Report = Callable[..., Awaitable[State[Any] | None]]


class Executor:
    """Prefect's executor for all runs of one worker, where the process worker opens one a run; a context manager."""

    def __init__(self) -> None:
        self._context = FlowRunExecutorContext()
        self._begun = dict[UUID, int]()

    async def __aenter__(self) -> "Executor":
        await self._context.__aenter__()
        manager = self._context._cancellation_manager
        vars(manager)["cancel_by_id"] = insistent(manager.cancel_by_id)
        proposer = self._context._state_proposer
        vars(proposer)["propose_crashed"] = of_our_own(proposer.propose_crashed, self._context.client)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._context.__aexit__(*error)  # type: ignore[arg-type]

    async def execute(self, flow_run: FlowRun, start: Start, status: TaskStatus[int]) -> tuple[int, int | None]:
        """Run it to its process's end; returns process id and exit code, 0 where the engine has told its outcome.

        None as the code: nobody knows. Raises RuntimeError when the process could not be started.
        """
        self._begun[flow_run.id] = flow_run.run_count
        starter = Starter(self._context, start)
        executor = self._context.create_executor(
            flow_run, starter, resolve_flow=load_flow_from_flow_run, propose_submitting=False
        )
        told: list[tuple[int, int | None]] = []

        async def submit(*, task_status: TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED) -> None:
            result = await executor.submit(task_status=task_status)
            if result is not None and result.handle.pid is not None:
                told.append((result.handle.pid, result.status_code))

        async with anyio.create_task_group() as group:
            handle = await group.start(submit)
            if handle.pid is None:
                raise RuntimeError("the flow run's process has no id")
            status.started(handle.pid)
        if not told:
            raise RuntimeError("the flow run's process could not be started")
        return told[0]

    async def heed_what_was_missed(self) -> None:
        """Cancel the runs under way whose cancelling nobody heard, and end processes whose run is to go on without.

        Prefect's observer of cancellations ends for good with half a minute without a server, or when the server
        closes its stream properly. And a process that hangs keeps its place though its run was retried, taken by
        another host, given up or ended meanwhile. Raises HTTPError.
        """
        manager = self._context.process_manager
        here = {run_id: manager.get(run_id) for run_id in manager.flow_run_ids()}
        self._begun = {run_id: self._begun[run_id] for run_id in here if run_id in self._begun}
        for run in await self._as_they_are(list(here)):
            if manager.get(run.id) is not here[run.id]:
                continue  # that process has ended since; a new one would be the run's own
            if run.state_type is StateType.CANCELLING:
                self._context._observer.on_cancelling(run.id)
            elif is_left_behind(run, self._begun.get(run.id, run.run_count), datetime.now(UTC)):
                get_logger("worker.executor").warning("Flow run '%s' left its process behind: it is killed", run.id)
                await manager.kill(run.id, force=True)  # asked first, it would report the run as Crashed

    async def _as_they_are(self, run_ids: list[UUID]) -> list[FlowRun]:
        runs: list[FlowRun] = []
        for place in range(0, len(run_ids), RUNS_AT_A_TIME):
            asked = FlowRunFilter(id=FlowRunFilterId(any_=run_ids[place : place + RUNS_AT_A_TIME]))
            runs += await self._context.client.read_flow_runs(flow_run_filter=asked)
        return runs

    async def end_all(self, patience: float) -> None:
        """Ask every run's process to end, and kill what is left after `patience` seconds."""
        manager = self._context.process_manager
        async with anyio.create_task_group() as group:
            for run_id in manager.flow_run_ids():
                group.start_soon(manager.kill, run_id, patience)


def is_left_behind(run: FlowRun, begun_before: int, now: datetime) -> bool:
    """Whether a process that is still here is its run's no more, for a minute: a sound one would have ended.

    The run should have gone on long ago, or has ended, or a later attempt than the one here, before which it had begun
    `begun_before` times, is under way.
    """
    if run.state is None:
        return False
    if run.state.is_scheduled():
        due = run.next_scheduled_start_time
        return due is not None and now - due > LAST_PROCESS_MAY_LINGER
    left = run.state.is_final() or has_begun_again(run, begun_before)
    return left and now - run.state.timestamp > LAST_PROCESS_MAY_LINGER


def has_begun_again(run: FlowRun, begun_before: int) -> bool:
    """Whether a later attempt is at work than the one before which the run had begun so often."""
    begun = run.run_count - begun_before
    return begun > 1 or (begun == 1 and run.state is not None and run.state.is_pending())


def insistent(cancel: Callable[[UUID], Awaitable[None]]) -> Callable[[UUID], Awaitable[None]]:
    """Cancel again where it failed: one failure would otherwise end the executor, which all runs share.

    A run that is being cancelled isn't cancelled a second time meanwhile, whoever asks.
    """
    under_way: set[UUID] = set()

    async def cancel_in_the_end(run_id: UUID) -> None:
        if run_id in under_way:
            return
        under_way.add(run_id)
        try:
            await try_again_and_again(run_id)
        finally:
            under_way.discard(run_id)

    async def try_again_and_again(run_id: UUID) -> None:
        for pause in CANCEL_AGAIN_SECONDS:
            await anyio.sleep(pause)
            try:
                return await cancel(run_id)
            except Exception:
                get_logger("worker.executor").exception("Flow run %s could not be cancelled", run_id)
        return None

    return cancel_in_the_end


def of_our_own(report: Report, client: PrefectClient) -> Report:
    """Report a run as Crashed only if the attempt that died here is its latest: else another host is at work on it."""

    async def report_of_our_own(flow_run: FlowRun, message: str) -> State[Any] | None:
        if await goes_on_elsewhere(flow_run, client):
            get_logger("worker.executor").info("Flow run '%s' goes on elsewhere: %s", flow_run.id, message)
            return None
        return await report(flow_run, message)

    return report_of_our_own


async def goes_on_elsewhere(flow_run: FlowRun, client: PrefectClient) -> bool:
    """Whether a later attempt than the one that was taken here is the run's own by now; False if nobody can tell."""
    with suppress(ObjectNotFound, HTTPError):
        now = await client.read_flow_run(flow_run.id)
        return now.state is None or now.state.is_scheduled() or has_begun_again(now, flow_run.run_count)
    return False


class Starter:
    """Prefect's `ProcessStarter`: starts a process with the environment that the process worker's runs have."""

    def __init__(self, context: FlowRunExecutorContext, start: Start) -> None:
        self._control = context.control_channel
        self._start = start

    async def start(
        self, flow_run: FlowRun, task_status: TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Start the process, say so, and return when it has ended."""
        port, token = self._control.register(flow_run.id)
        try:
            process = await self._start(
                {
                    "PREFECT__FLOW_RUN_ID": str(flow_run.id),
                    "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",  # they are the executor's
                    "PREFECT__CONTROL_PORT": str(port),
                    "PREFECT__CONTROL_TOKEN": token,
                }
            )
        except BaseException:
            self._control.unregister(flow_run.id)
            raise
        scope = create_isolated_termination_scope(process.pid)
        task_status.started(ProcessHandle(process, termination_scope=scope))  # type: ignore[arg-type]
        await process.wait()


class Prompt:
    """Beside Prefect's base worker: nothing between a run's Pending and its process that could come after it."""

    _limiter: anyio.CapacityLimiter | None
    _runs_task_group: TaskGroup | None
    _submitting_flow_run_ids: set[UUID]
    _work_pool: WorkPool | None
    name: str
    _left_out = False

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        if self._bears_our_labels():
            return
        later = super()._give_worker_labels_to_flow_run  # type: ignore[misc]

        async def give() -> None:
            with suppress(HTTPError):
                await later(flow_run_id)

        if self._runs_task_group is not None:
            self._runs_task_group.start_soon(give)

    def _bears_our_labels(self) -> bool:
        """Whether the run that is being taken was this worker's before."""
        run, pool = BEING_TAKEN.get(), self._work_pool
        ours = {"prefect.worker.name": self.name, "prefect.work-pool.id": str(pool.id) if pool is not None else ""}
        return run is not None and ours.items() <= run.labels.items()

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[Any]) -> list[FlowRun]:
        """As Prefect does it, but for a run that goes on before its last process has gone: that one's place is its own.

        Prefect would ask for a second place in the same name, an error that ends the worker. It is taken when the
        process has gone.
        """
        ending = set(self._limiter.statistics().borrowers) if self._limiter is not None else set()
        others = [one for one in flow_run_response if one.flow_run.id not in ending]
        taken: list[FlowRun] = await super()._submit_scheduled_flow_runs(others)  # type: ignore[misc]
        self._left_out = len(taken) < len(flow_run_response)
        return taken

    def _is_full(self) -> bool:
        """Whether every place is taken. Who is due then is found when one is given back."""
        return self._limiter is not None and self._limiter.available_tokens < 1

    async def _propose_crashed_state(
        self, flow_run: FlowRun, message: str, client: PrefectClient | None = None
    ) -> None:
        """As Prefect does it, of our own attempt only: the base reports a death once more, after the executor."""
        asked: PrefectClient = client or self.client  # type: ignore[attr-defined]
        if not await goes_on_elsewhere(flow_run, asked):
            await super()._propose_crashed_state(flow_run, message, client=client)  # type: ignore[misc]

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """As Prefect does it; a server that doesn't answer must not end the worker with all its runs."""
        BEING_TAKEN.set(flow_run)  # for this task and those that it starts
        try:
            with AskedOnce.taking_a_run():
                await super()._submit_run(flow_run)  # type: ignore[misc]
        except HTTPError as error:
            get_logger("worker").warning("Run %s could not be taken, the next look tries again: %s", flow_run.id, error)
            self._submitting_flow_run_ids.discard(flow_run.id)
            self._release_limit_slot(flow_run.id)

    async def _mark_flow_run_as_cancelled(self, flow_run: FlowRun, *given: Any, **values: Any) -> None:
        """As Prefect does it; a run that was to be taken and whose deployment is gone gives its place back.

        Prefect keeps it: after as many such runs as there are places, a worker with a limit would take none any more.
        """
        try:
            await super()._mark_flow_run_as_cancelled(flow_run, *given, **values)  # type: ignore[misc]
        finally:
            taken = BEING_TAKEN.get()
            if taken is not None and taken.id == flow_run.id:
                self._release_limit_slot(flow_run.id)

    async def _propose_submitting_state(self, _flow_run: FlowRun) -> None:
        return

    def _release_limit_slot(self, flow_run_id: UUID) -> None:
        may_wait = self._left_out or self._is_full()
        super()._release_limit_slot(flow_run_id)  # type: ignore[misc]
        if may_wait and self._limiter is not None and self._runs_task_group is not None:
            self._runs_task_group.start_soon(self.look_again)

    async def look_again(self) -> None:
        """A place is free: whoever found none before may take it."""
        raise NotImplementedError

    def _taken(self) -> set[UUID]:
        """The runs that it has taken and not yet given to a process."""
        return self._submitting_flow_run_ids


def begin_runs_unwatched() -> None:
    """In a process that runs flows: don't wait for, nor keep, the watch for a suspension from outside."""
    from prefect import flow_engine

    vars(flow_engine)["observe_flow_run_suspension"] = lambda *_: nullcontext()


class StepReports:
    """Reports a task run's states to the server, leaving out those that nobody could see.

    Prefect reports Pending, Running and the end, three events that five parts of the server work on; the last one
    holds start, end and count of tries. So Pending is left out, and Running where it is over within half a second: a
    step that takes longer, hangs or dies is shown as Running, one that is tried again as such, and every end at once.
    """

    def __init__(self, report: Callable[..., Any]) -> None:
        self._report = report
        self._unseen: dict[UUID, asyncio.TimerHandle] = {}

    def report(
        self,
        task_run: TaskRun,
        initial_state: State[Any] | None,
        validated_state: State[Any],
        follows: Any = None,
    ) -> Any:
        """In the place of Prefect's function; None, as there, where no event was sent."""
        unseen = self._unseen.pop(task_run.id, None)
        if unseen is not None:
            unseen.cancel()
        if validated_state.is_pending():
            return None
        if validated_state.is_running():
            with suppress(RuntimeError):  # a task that isn't async has no loop to wait on
                self._unseen[task_run.id] = asyncio.get_running_loop().call_later(
                    SHOWN_AFTER_SECONDS, self._report, task_run, initial_state, validated_state
                )
                return None
        return self._report(task_run, initial_state, validated_state, follows)


def report_steps_by_their_ends() -> None:
    """In a process that runs flows: an event for a step that ends at once, where Prefect sends three."""
    from prefect import task_engine
    from prefect.utilities.engine import emit_task_run_state_change_event

    vars(task_engine)["emit_task_run_state_change_event"] = StepReports(emit_task_run_state_change_event).report


def share_certificates() -> None:
    """In a process that runs flows: read the root certificates once for all of Prefect's clients, not for each.

    They all talk to the same server with the same settings.
    """
    from prefect.client import orchestration

    own = vars(ssl).copy()
    own["create_default_context"] = functools.cache(ssl.create_default_context)
    vars(orchestration)["ssl"] = SimpleNamespace(**own)
    orchestration.get_client(sync_client=True)  # made, and never opened: it reads them
