"""What the warm worker uses of Prefect without its promise: this fails first and says what. And its small parts."""

import inspect
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import anyio
import httpx
import pytest
from prefect import engine, flow_engine, task_engine
from prefect._internal.observers import FlowRunCancellingObserver
from prefect.client import orchestration
from prefect.client.schemas.objects import FlowRun, TaskRun, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.context import refresh_global_settings_context
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging.configuration import setup_logging
from prefect.runner._cancellation_manager import CancellationManager
from prefect.runner._control_channel import ControlChannel
from prefect.runner._flow_run_executor import FlowRunExecutionResult, FlowRunExecutorContext
from prefect.runner._process_manager import ProcessHandle, ProcessManager, create_isolated_termination_scope
from prefect.runner._state_proposer import StateProposer
from prefect.states import AwaitingRetry, Completed, Crashed, Failed, Pending, Running, Scheduled, Suspended
from prefect.utilities.engine import emit_task_run_state_change_event
from prefect.workers.base import BaseWorker

from deployments.environment import TYPE_VARIABLE, UnknownWorkerType, worker_type_from_shell
from deployments.worker import prefect_inside
from deployments.worker.messages import LARGEST, Order, TooLarge, packed, pair, unpacked
from deployments.worker.prefect_inside import StepReports, is_left_behind
from deployments.worker.shortcuts import as_module, wants_csrf
from deployments.worker.warm import RUNS_A_CORE, WarmWorker
from deployments.worker.zygote import fingerprint, preload

ROOT = Path(__file__).parents[2]


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_prefect_knows_the_worker_type_by_the_installed_entry_point() -> None:
    """Fails where `make` has not installed the project into this environment."""
    assert BaseWorker.get_worker_class_from_type("warm") is not None


def test_prefects_executor_is_as_the_worker_uses_it() -> None:
    assert parameters(FlowRunExecutorContext) == []
    assert {"flow_run", "starter", "resolve_flow", "propose_submitting"} <= set(
        parameters(FlowRunExecutorContext.create_executor)
    )
    assert set(FlowRunExecutionResult.__dataclass_fields__) == {"handle", "status_code"}
    assert parameters(ControlChannel.register) == ["self", "flow_run_id"]
    assert parameters(ControlChannel.unregister) == ["self", "flow_run_id"]
    assert parameters(ProcessHandle) == ["_process", "termination_scope"]
    assert parameters(ProcessManager.kill) == ["self", "flow_run_id", "grace_seconds", "force"]
    assert parameters(ProcessManager.get) == ["self", "flow_run_id"]
    assert parameters(ProcessManager.flow_run_ids) == ["self"]
    assert parameters(create_isolated_termination_scope) == ["pid"]
    assert parameters(StateProposer.propose_crashed) == ["self", "flow_run", "message"]


def test_prefects_engine_still_runs_as_a_module_by_the_runs_variables() -> None:
    source = inspect.getsource(engine)
    for used in ('if __name__ == "__main__"', "PREFECT__FLOW_RUN_ID", "configure_from_env()"):
        assert used in source
    control = inspect.getsource(sys.modules["prefect._internal.control_listener"])
    for variable in ("PREFECT__CONTROL_PORT", "PREFECT__CONTROL_TOKEN"):
        assert variable in control
    assert "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS" in inspect.getsource(flow_engine)
    assert parameters(refresh_global_settings_context) == []
    assert "incremental" in parameters(setup_logging)


def test_the_base_workers_own_names_are_as_the_worker_uses_them() -> None:
    worker = WarmWorker(work_pool_name="any")
    assert worker._submitting_flow_run_ids == set()
    assert worker._work_pool is None
    assert worker._limit == RUNS_A_CORE * (os.cpu_count() or 1)
    assert WarmWorker(work_pool_name="any", limit=3)._limit == 3
    for method in ("setup", "teardown", "sync_with_backend", "get_and_submit_flow_runs", "run"):
        assert inspect.iscoroutinefunction(getattr(BaseWorker, method))


def test_a_pool_of_prefects_process_type_serves_it_too() -> None:
    """So that one who changes the worker's type need not move the runs that wait."""
    from prefect.workers.process import ProcessWorker

    pool = WorkPool.model_construct(base_job_template=ProcessWorker.get_default_base_job_template())
    names = set(pool.base_job_template["job_configuration"])
    assert set(WarmWorker.get_default_base_job_template()["job_configuration"]) <= names


def in_a_zygote(code: str) -> str:
    """What a fresh Python prints that has imported all flows; `failed` is what could not be."""
    begin = (
        "from pathlib import Path\n"
        "from deployments.worker.zygote import complete_models, preload, read_templates\n"
        f"failed = preload(Path({str(ROOT)!r}))\n"
    )
    command = [sys.executable, "-c", begin + code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_importing_all_flows_starts_no_thread_and_opens_no_socket() -> None:
    """A forked process has neither its threads nor the right to its sockets."""
    said = in_a_zygote(
        "import os, threading\n"
        "complete_models()\n"
        "read_templates()\n"
        "opened = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')"
        " if os.path.exists(f'/proc/self/fd/{fd}')]\n"
        "print(failed, threading.active_count(), [one for one in opened if 'socket' in one])\n"
    )
    assert said.endswith("{} 1 []"), said


def test_models_and_templates_are_ready_before_the_fork() -> None:
    """Else each run's process builds them anew: about a tenth of what it does."""
    said = in_a_zygote(
        "from prefect.client.schemas.objects import FlowRun\n"
        "from prefect.client.schemas.responses import DeploymentResponse\n"
        "from prefect.events.schemas.events import Event\n"
        "from tasks.casefile import environment\n"
        "models = (FlowRun, DeploymentResponse, Event)\n"
        "before = [one.__pydantic_complete__ for one in models]\n"
        "complete_models()\n"
        "read_templates()\n"
        "read = {key[1] for key in environment().cache.keys()}\n"
        "print(any(before), all(one.__pydantic_complete__ for one in models),"
        " read == set(environment().list_templates()))\n"
    )
    assert said.endswith("False True True"), said


def test_what_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "no_such_flow_anywhere.py").touch()
    assert "No module named" in preload(tmp_path)["flows.no_such_flow_anywhere"]


def test_a_changed_new_or_removed_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    one, other = tmp_path / "flows" / "one.py", tmp_path / "flows" / "other.py"
    one.write_text("1")
    seen = [fingerprint(tmp_path)]
    one.write_text("22")
    seen.append(fingerprint(tmp_path))
    other.touch()
    seen.append(fingerprint(tmp_path))
    one.unlink()
    seen.append(fingerprint(tmp_path))
    assert len(set(seen)) == 4
    os.utime(other, ns=(1, 1))
    assert fingerprint(tmp_path) not in seen


def test_an_order_arrives_whole_and_a_larger_one_is_refused() -> None:
    ours, its = pair()
    with ours, its:
        largest = Order(1, {"NAME": "x" * (LARGEST - 200)})
        for order in (largest, Order(2, {"NAME": None}, "/somewhere")):
            ours.send(packed(order))
        assert unpacked(its.recv(LARGEST)) == largest
        assert unpacked(its.recv(LARGEST)) == Order(2, {"NAME": None}, "/somewhere")
        assert its.type == socket.SOCK_SEQPACKET
    with pytest.raises(TooLarge):
        packed(Order(3, {"NAME": "x" * LARGEST}))


GO_THERE = "prefect.deployments.steps.set_working_directory"


@pytest.mark.parametrize(
    ("entrypoint", "steps", "module"),
    [
        ("flows/a.py:b", [{GO_THERE: {"directory": "{{ $COUNTERSIGN_HOME }}"}}], "flows.a.b"),
        ("flows/a.py:b", [{GO_THERE: {"directory": "/code"}}], "flows.a.b"),
        ("flows/a.py:b", [{GO_THERE: {"directory": "/elsewhere"}}], None),
        ("flows/a.py:b", [{GO_THERE: {"directory": "/code"}}, {"prefect.deployments.steps.git_clone": {}}], None),
        ("flows/a.py:b", [{"prefect.deployments.steps.git_clone": {}}], None),
        ("flows/a.py:b", [], None),
        ("flows.a.b", [{GO_THERE: {"directory": "/code"}}], None),
        ("/elsewhere/flows/a.py:b", [{GO_THERE: {"directory": "/code"}}], None),
        (None, None, None),
    ],
)
def test_only_a_deployment_that_runs_the_loaded_code_takes_the_short_way(
    entrypoint: str | None, steps: list[dict[str, object]] | None, module: str | None
) -> None:
    """Any other one is loaded by Prefect, with all its pull steps."""
    deployment = DeploymentResponse.model_construct(entrypoint=entrypoint, pull_steps=steps)
    assert as_module(deployment, Path("/code")) == module


@pytest.mark.parametrize(("status", "wants"), [(422, False), (200, True), (403, True), (500, True), (None, True)])
async def test_csrf_tokens_are_left_out_only_where_the_server_says_that_it_asks_for_none(
    status: int | None, wants: bool
) -> None:
    class Answering:
        async def request(self, method: str, path: str, **_: object) -> httpx.Response:
            asked = httpx.Request(method, f"http://server{path}")
            if status is None:
                raise httpx.ConnectError("nobody there", request=asked)
            answer = httpx.Response(status, request=asked)
            if answer.is_error:
                raise PrefectHTTPStatusError("refused", request=asked, response=answer)
            return answer

    client: Any = Answering()
    assert await wants_csrf(client) is wants


def test_prefects_names_that_a_forked_process_replaces_are_there() -> None:
    """They are set by name: one that Prefect has renamed would be set for nobody."""
    assert "observe_flow_run_suspension(" in inspect.getsource(flow_engine.BaseFlowRunEngine)
    assert "emit_task_run_state_change_event(" in inspect.getsource(task_engine.AsyncTaskRunEngine.set_state)
    assert parameters(emit_task_run_state_change_event) == [
        "task_run",
        "initial_state",
        "validated_state",
        "follows",
    ]
    assert "ssl.create_default_context(cafile=cert_file)" in inspect.getsource(orchestration)
    for name in ("_give_worker_labels_to_flow_run", "_propose_submitting_state", "_release_limit_slot"):
        assert name in inspect.getsource(BaseWorker._submit_run_and_capture_errors), name
    assert "self._submit_scheduled_flow_runs(" in inspect.getsource(BaseWorker.get_and_submit_flow_runs)
    assert "self._submit_run," in inspect.getsource(BaseWorker._submit_scheduled_flow_runs)
    assert "_mark_flow_run_as_cancelled" in inspect.getsource(BaseWorker._submit_run)


async def test_of_a_step_that_ends_at_once_the_end_alone_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lasts is Running meanwhile, for whoever looks, and one that is tried again is seen to be."""
    monkeypatch.setattr(prefect_inside, "SHOWN_AFTER_SECONDS", 0.05)
    told: list[tuple[TaskRun, str]] = []
    reports = StepReports(lambda task_run, _before, state, *_: told.append((task_run, state.name)))

    def made() -> TaskRun:
        return TaskRun(task_key="a-step", dynamic_key=str(uuid4()))

    quick, slow, failing = made(), made(), made()
    for state in (Pending(), Running(), Completed()):
        reports.report(quick, None, state)
    for state in (Pending(), Running(), AwaitingRetry(), Running(), Failed()):
        reports.report(failing, None, state)
    for state in (Pending(), Running()):
        reports.report(slow, None, state)
    assert [(quick, "Completed"), (failing, "AwaitingRetry"), (failing, "Failed")] == told
    await anyio.sleep(0.1)
    assert told[3:] == [(slow, "Running")]
    reports.report(slow, None, Completed())
    await anyio.sleep(0.1)
    assert told[4:] == [(slow, "Completed")]


def test_a_step_that_is_not_async_is_reported_as_prefect_does() -> None:
    told: list[str] = []
    reports = StepReports(lambda _run, _before, state, *_: told.append(state.name))
    run = TaskRun(task_key="a-step", dynamic_key="1")
    for state in (Pending(), Running(), Completed()):
        reports.report(run, None, state)
    assert told == ["Running", "Completed"]


async def test_a_server_that_does_not_answer_ends_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unanswered(*_: object) -> None:
        raise httpx.ConnectError("nobody there")

    for name in ("_submit_run", "_give_worker_labels_to_flow_run", "get_and_submit_flow_runs"):
        monkeypatch.setattr(BaseWorker, name, unanswered)
    worker, run = WarmWorker(work_pool_name="any", limit=1), FlowRun(flow_id=uuid4())
    worker._limiter = anyio.CapacityLimiter(1)
    worker._limiter.acquire_on_behalf_of_nowait(run.id)
    worker._submitting_flow_run_ids.add(run.id)
    async with anyio.create_task_group() as worker._runs_task_group:
        await worker._give_worker_labels_to_flow_run(run.id)
        await worker._submit_run(run)
    assert worker._limiter.available_tokens == 1
    assert not worker._submitting_flow_run_ids


async def test_while_every_place_is_taken_it_looks_for_nothing_and_does_as_soon_as_one_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []

    async def look(worker: WarmWorker) -> list[FlowRun]:
        looks.append(int(worker.limiter.available_tokens))
        return []

    monkeypatch.setattr(BaseWorker, "get_and_submit_flow_runs", look)
    worker, first, second = WarmWorker(work_pool_name="any", limit=2), uuid4(), uuid4()
    worker._limiter = anyio.CapacityLimiter(2)
    for run in (first, second):
        worker._limiter.acquire_on_behalf_of_nowait(run)
    worker._last_polled_time = datetime.now(UTC) - timedelta(hours=1)
    assert await worker.get_and_submit_flow_runs() == []
    assert looks == []
    assert worker.is_worker_still_polling(query_interval_seconds=1), "it is no less healthy for being full"
    async with anyio.create_task_group() as worker._runs_task_group:
        worker._release_limit_slot(first)
    assert looks == [1]
    async with anyio.create_task_group() as worker._runs_task_group:
        worker._release_limit_slot(second)
    assert looks == [1], "there was a free place already, and nobody was left out"


def test_a_run_that_is_neither_watched_nor_reads_certificates_twice_still_runs() -> None:
    code = (
        "from deployments.worker.prefect_inside import begin_runs_unwatched, share_certificates\n"
        "from prefect import flow_engine\n"
        "from prefect.client import orchestration\n"
        "begin_runs_unwatched(); share_certificates()\n"
        "with flow_engine.observe_flow_run_suspension('any', 'any'): pass\n"
        "orchestration.get_client(sync_client=True); orchestration.get_client()\n"
        "print(orchestration.ssl.create_default_context.cache_info().misses)\n"
    )
    environment = {**os.environ, "PREFECT_API_URL": "http://127.0.0.1:1/api"}
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip().endswith("1"), said.stdout + said.stderr


@pytest.mark.parametrize(("chosen", "used"), [(None, "warm"), ("", "warm"), ("process", "process")])
def test_the_worker_type_is_one_setting(chosen: str | None, used: str) -> None:
    assert worker_type_from_shell({} if chosen is None else {TYPE_VARIABLE: chosen}) == used


def test_an_unknown_worker_type_is_refused_by_name() -> None:
    with pytest.raises(UnknownWorkerType, match="COUNTERSIGN_WORKER_TYPE=docker"):
        worker_type_from_shell({TYPE_VARIABLE: "docker"})


async def test_a_run_that_is_being_cancelled_is_not_cancelled_a_second_time_meanwhile() -> None:
    """Its event and the look at what was missed may both tell of it; a second SIGTERM would cut its hooks short."""
    begun: list[UUID] = []

    async def takes_a_while(run_id: UUID) -> None:
        begun.append(run_id)
        await anyio.sleep(0.05)

    cancel, run, other = prefect_inside.insistent(takes_a_while), uuid4(), uuid4()
    async with anyio.create_task_group() as group:
        for one in (run, run, other):
            group.start_soon(cancel, one)
    assert begun == [run, other]


async def test_a_cancellation_that_fails_is_tried_again_and_ends_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect's executor has one task group for all cancellations: what escapes there ends the worker."""
    monkeypatch.setattr(prefect_inside, "CANCEL_AGAIN_SECONDS", (0, 0, 0))
    tried: list[UUID] = []

    async def fails_once(run_id: UUID) -> None:
        tried.append(run_id)
        if len(tried) == 1:
            raise httpx.ConnectError("the server is just restarting")

    async def fails(run_id: UUID) -> None:
        tried.append(run_id)
        raise httpx.ConnectError("the server is gone")

    run = uuid4()
    await prefect_inside.insistent(fails_once)(run)
    assert tried == [run, run]
    await prefect_inside.insistent(fails)(run)
    assert len(tried) == 5
    assert callable(CancellationManager.cancel_by_id)
    assert "self._observer = FlowRunCancellingObserver(" in inspect.getsource(FlowRunExecutorContext)
    assert FlowRunCancellingObserver(on_cancelling=print).on_cancelling is print
    assert "_cancellation_manager.cancel_by_id" in inspect.getsource(FlowRunExecutorContext)


def seen(state: Any, run_count: int, age: timedelta) -> FlowRun:
    """A run that has been in a state for so long."""
    at = NOON - age
    dated = state.model_copy(update={"timestamp": at})
    return FlowRun(flow_id=uuid4(), state=dated, run_count=run_count, next_scheduled_start_time=at)


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LONG, SHORT = timedelta(minutes=2), timedelta(seconds=30)


@pytest.mark.parametrize(
    ("state", "run_count", "is_left"),
    [
        pytest.param(Pending(), 3, False, id="about to begin here"),
        pytest.param(Running(), 4, False, id="at work here"),
        pytest.param(Suspended(), 4, False, id="it waits, and its process is ending"),
        pytest.param(Scheduled(), 4, True, id="it was to go on"),
        pytest.param(Pending(), 4, True, id="another host has taken it"),
        pytest.param(Running(), 5, True, id="it is at work on another host"),
        pytest.param(Suspended(), 5, True, id="it has been at work on another host, and waits"),
        pytest.param(Crashed(), 4, True, id="given up"),
        pytest.param(Completed(), 5, True, id="another host has brought it to its end"),
    ],
)
def test_a_process_that_is_its_runs_no_more_is_told_from_one_at_work(state: Any, run_count: int, is_left: bool) -> None:
    """Taken here after it had begun three times. A sound process ends within a minute of it."""
    assert is_left_behind(seen(state, run_count, LONG), 3, NOON) is is_left
    assert not is_left_behind(seen(state, run_count, SHORT), 3, NOON)
