"""The one decorator of every step: a key that outlives the code, a persisted result, retries, and the fence.

A step's key is run + step name + business key, so it doesn't change when the source does (decision 10): a step
that was done last month isn't done again by new code. Two different steps never share a key.
"""

import functools
import hashlib
import inspect
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, cast
from uuid import UUID

from prefect import task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import Abort
from prefect.results import get_result_store
from prefect.settings import get_current_settings
from prefect.tasks import Task, exponential_backoff

from vendors.errors import RateLimited, Unavailable, UnclearOutcome

P = ParamSpec("P")
R = TypeVar("R")

TRANSIENT = (RateLimited, Unavailable, UnclearOutcome)
FOR_MANY = frozenset({"reconcile", "audit"})
"""The flows whose one run works for many procedures."""
RETRIES = 3
NAME_AT_MOST = 100
FENCE_HOLDS = 3.0
"""Seconds for which steps that follow one another take the fence's last answer; before money is written it is asked.

A run goes on elsewhere a minute and more after its last sign of life at the earliest: far later than that.
"""

_found_ours: dict[tuple[UUID, int], float] = {}
"""The run and attempt that were last found to be this process's own: when that was asked, by this host's clock.

Not by its monotonic one, which stands still while a machine sleeps. A guest that was paused may find the time of before
on it for a moment: steps are find-or-create, and what can't be taken back asks anew.
"""


def step(
    *, key: Callable[..., str], retries: int = RETRIES
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Callable[P, Coroutine[Any, Any, R]]]:
    """Make a coroutine function a step. `key` gets the call's arguments by name and returns the business key.

    The function must be find-or-create: it can be cut off at any instant and run again, next week, with new
    code (decision 3). Retried on a vendor's transient faults only. Its result must be JSON: pydantic models
    that only grow. Raises `prefect.exceptions.Abort` where the process is no longer the run's own.
    """

    def decorate(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        name = function.__name__.replace("_", "-")
        signature = inspect.signature(function)

        def cache_key(context: TaskRunContext, arguments: dict[str, Any]) -> str:
            return step_key(str(context.task_run.flow_run_id), name, key(**arguments))

        def run_name(parameters: dict[str, Any]) -> str:
            return f"{name}: {key(**parameters)}"[:NAME_AT_MOST]

        @functools.wraps(function)
        async def fenced(*args: P.args, **kwargs: P.kwargs) -> R:
            await assert_run_is_ours(within=FENCE_HOLDS)
            return await function(*args, **kwargs)

        made: Any = task(
            name=name,
            task_run_name=cast("Any", run_name),
            cache_key_fn=cache_key,
            persist_result=True,
            result_serializer="json",
            cache_result_in_memory=False,
            retries=retries,
            retry_delay_seconds=exponential_backoff(2),
            retry_jitter_factor=0.5,
            retry_condition_fn=worth_retrying,
        )(fenced)

        @functools.wraps(function)
        async def once(*args: P.args, **kwargs: P.kwargs) -> R:
            context = FlowRunContext.get()
            if context is not None and context.flow_run is not None:
                arguments = signature.bind(*args, **kwargs)
                arguments.apply_defaults()
                kept = await result_kept(made, step_key(str(context.flow_run.id), name, key(**arguments.arguments)))
                if kept:
                    return cast("R", kept[0])
            return cast("R", await made(*args, **kwargs))

        return once

    return decorate


async def result_kept(made: Task[..., Any], key: str) -> tuple[Any] | tuple[()]:
    """The result of a step that was done before, as Prefect would find it; empty where there is none.

    Looked up here because a replay is most of what a segment does: as a task run of its own, each finding costs
    20 ms here and three events on the server, to end as "Cached".
    """
    tasks = get_current_settings().tasks
    if tasks.refresh_cache or tasks.disable_caching:
        return ()
    store = await get_result_store().aupdate_for_task(made)
    try:
        record = await store.aread(key)
    except Exception:  # not there, or unreadable: then the step runs, and finds what it did
        return ()
    return (record.result,)


def step_key(run_id: str, name: str, business: str) -> str:
    """The key of a step's result. Hashed, because business keys may hold anything (`../` would fail the task)."""
    return f"{run_id}-{name}-{hashlib.sha256(business.encode()).hexdigest()[:16]}"


def for_whom(subject: str, business: str) -> str:
    """A business key for a step that may run for many procedures in one run: there it names whose it is.

    In a procedure's own run it stays without: what waits since older code finds its results.
    """
    context = FlowRunContext.get()
    name = context.flow.name if context is not None and context.flow is not None else ""
    return f"{subject}/{business}" if name in FOR_MANY else business


async def worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a step failed for a reason that passes by itself."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, TRANSIENT)


async def assert_run_is_ours(within: float = 0.0) -> None:
    """The fence: stop a process that is no longer the run's own (a survivor of a killed worker).

    An answer that is not older than `within` seconds will do: between the fence and a step's effects lie reads of a
    second and more anyway, which is why whatever spends money, ends a subscription, waits or tells an error asks
    anew (the default) right before. Raises `Abort`, on which Prefect ends the process without touching the run's state.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("a step runs inside a flow run only")
    mine = context.flow_run
    asked = time.time()
    if 0 <= asked - _found_ours.get((mine.id, mine.run_count), -math.inf) < within:
        return
    async with get_client() as client:
        now = await client.read_flow_run(mine.id)
    if now.run_count != mine.run_count or now.state is None or not now.state.is_running():
        state = now.state.name if now.state else "gone"
        raise Abort(f"this process (attempt {mine.run_count}) is not the run's own any more: {state}, {now.run_count}")
    _found_ours.clear()
    _found_ours[mine.id, mine.run_count] = asked
