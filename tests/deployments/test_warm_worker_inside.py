"""What the warm worker uses of Prefect without its promise: this fails first and says what. And its small parts."""

import inspect
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from prefect import engine, flow_engine
from prefect.client.schemas.objects import WorkPool
from prefect.context import refresh_global_settings_context
from prefect.logging.configuration import setup_logging
from prefect.runner._control_channel import ControlChannel
from prefect.runner._flow_run_executor import FlowRunExecutionResult, FlowRunExecutorContext
from prefect.runner._process_manager import ProcessHandle, ProcessManager, create_isolated_termination_scope
from prefect.workers.base import BaseWorker

from deployments.worker.messages import LARGEST, Order, TooLarge, packed, pair, unpacked
from deployments.worker.warm import WarmWorker
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
    assert parameters(ProcessManager.kill)[:3] == ["self", "flow_run_id", "grace_seconds"]
    assert parameters(ProcessManager.flow_run_ids) == ["self"]
    assert parameters(create_isolated_termination_scope) == ["pid"]


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
    for method in ("setup", "teardown", "sync_with_backend", "get_and_submit_flow_runs", "run"):
        assert inspect.iscoroutinefunction(getattr(BaseWorker, method))


def test_a_pool_of_prefects_process_type_serves_it_too() -> None:
    """So that one who changes the worker's type need not move the runs that wait."""
    from prefect.workers.process import ProcessWorker

    pool = WorkPool.model_construct(base_job_template=ProcessWorker.get_default_base_job_template())
    names = set(pool.base_job_template["job_configuration"])
    assert set(WarmWorker.get_default_base_job_template()["job_configuration"]) <= names


def test_importing_all_flows_starts_no_thread_and_opens_no_socket() -> None:
    """A forked process has neither its threads nor the right to its sockets."""
    code = (
        "import sys, os, threading\n"
        "from pathlib import Path\n"
        "from deployments.worker.zygote import preload\n"
        f"failed = preload(Path({str(ROOT)!r}))\n"
        "opened = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')"
        " if os.path.exists(f'/proc/self/fd/{fd}')]\n"
        "print(failed, threading.active_count(), [one for one in opened if 'socket' in one])\n"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip().endswith("{} 1 []"), said.stdout + said.stderr


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
