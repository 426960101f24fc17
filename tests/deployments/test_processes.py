"""The stack's processes: watched while they start, ended by their id, and never left behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.children import Child, ChildFailed
from deployments.leftovers import MARK, descendants, end_marked, marked
from deployments.ports import LOOPBACK, USUAL, free_port, is_free, usual_addresses
from deployments.running import AlreadyRuns, find_running, only_one, stop_running

ROOT = Path(__file__).parents[2]
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def child(tmp_path: Path, code: str, name: str = "part") -> Child:
    command = [sys.executable, "-c", code]
    return Child(name, command, cwd=tmp_path, env={"PATH": os.defpath}, log=tmp_path / f"{name}.log")


def until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether a condition came true in time."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.05) for _ in range(int(seconds / 0.05)))


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_child_that_ends_before_it_is_ready_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    failing = child(tmp_path, "print('the port is taken'); raise SystemExit(3)")
    with pytest.raises(ChildFailed, match=r"(?s)part: ended before ready \(exit 3\).*the port is taken"):
        failing.wait_until(lambda: False, "ready", 30)


def test_a_child_that_does_not_become_ready_is_told_too(tmp_path: Path) -> None:
    slow = child(tmp_path, "print('loading', flush=True); import time; time.sleep(600)")
    with pytest.raises(ChildFailed, match="still not ready"):
        slow.wait_until(lambda: False, "ready", 0.5)
    slow.kill()


def test_the_tail_holds_only_what_was_written_since_this_start(tmp_path: Path) -> None:
    child(tmp_path, "print('the run before')").finish(30)
    second = child(tmp_path, "print('this run'); raise SystemExit(1)")
    with pytest.raises(ChildFailed, match="this run") as failed:
        second.finish(30)
    assert "the run before" not in str(failed.value)


def test_a_child_that_ignores_being_asked_is_killed(tmp_path: Path) -> None:
    stubborn = child(
        tmp_path,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(600)",
    )
    stubborn.wait_until(lambda: "on" in stubborn.tail(), "on", 30)
    stubborn.stop(patience=0.3)
    assert not stubborn.alive


def test_all_that_bears_the_mark_of_a_stack_is_ended_and_nothing_else() -> None:
    ours = [subprocess.Popen(SLEEP, env={**os.environ, MARK: "mine"}, start_new_session=True) for _ in range(2)]
    other = subprocess.Popen(SLEEP, env={**os.environ, MARK: "mine-not"})
    try:
        assert until(lambda: sorted(marked("mine")) == sorted(p.pid for p in ours))
        assert sorted(end_marked("mine")) == sorted(p.pid for p in ours)
        assert all(p.wait(10) == -signal.SIGTERM for p in ours)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_when_the_stack_is_killed_its_warden_ends_what_it_started(tmp_path: Path) -> None:
    """Also a grandchild in a session of its own, as a flow run is."""
    code = (
        "import subprocess, sys\n"
        "warden = subprocess.Popen([sys.executable, '-m', 'deployments.leftovers', 'orphaned'],"
        " stdin=subprocess.PIPE, start_new_session=True)\n"
        "start = 'import subprocess, sys; p = subprocess.Popen([sys.executable, \"-c\",'\n"
        "start += '\"import time; time.sleep(600)\"], start_new_session=True); p.wait()'\n"
        f"subprocess.Popen([sys.executable, '-c', start], env={{'{MARK}': 'orphaned'}}).wait()\n"
    )
    stack = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    assert until(lambda: len(list(marked("orphaned"))) == 2)
    started = list(marked("orphaned"))
    stack.kill()
    stack.wait()
    assert until(lambda: all(gone(pid) for pid in started))


def test_the_descendants_of_a_process_are_found_over_generations() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        assert until(lambda: len(descendants(os.getpid())) >= 2 and len(descendants(parent.pid)) == 1)
        (grandchild,) = descendants(parent.pid)
        assert {parent.pid, grandchild} <= set(descendants(os.getpid()))
        os.kill(grandchild, signal.SIGKILL)
    finally:
        parent.wait(10)


def test_a_taken_port_is_replaced_by_a_free_one_and_the_person_is_told() -> None:
    import socket

    told: list[str] = []
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        assert not is_free(port)
    addresses = usual_addresses(told.append)
    for usual, chosen in zip(
        (USUAL.prefect_port, USUAL.sandbox_port, USUAL.receiver_port),
        (addresses.prefect_port, addresses.sandbox_port, addresses.receiver_port),
        strict=True,
    ):
        assert chosen == usual or any(f"Port {usual} is taken" in line and str(chosen) in line for line in told)


def test_only_one_stack_runs_from_a_home_and_the_second_is_told_where_the_first_is(tmp_path: Path) -> None:
    addresses = usual_addresses(lambda line: None)
    assert find_running(tmp_path) is None
    with only_one(tmp_path, addresses):
        assert find_running(tmp_path) == addresses
        with pytest.raises(AlreadyRuns, match=addresses.ui), only_one(tmp_path, addresses):
            pass
    assert find_running(tmp_path) is None
    assert not stop_running(tmp_path)


def test_stop_ends_the_stack_that_runs_and_waits_for_its_end(tmp_path: Path) -> None:
    code = (
        "import signal, sys, threading\n"
        "from pathlib import Path\n"
        "from deployments.ports import free_addresses\n"
        "from deployments.running import only_one\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        f"with only_one(Path({str(tmp_path)!r}), free_addresses()):\n"
        "    threading.Event().wait()\n"
    )
    stack = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    assert until(lambda: find_running(tmp_path) is not None)
    assert stop_running(tmp_path)
    assert stack.wait(10) == 0


def test_free_ports_are_free() -> None:
    assert is_free(free_port())


@pytest.mark.parametrize("service", ["worker", "receiver"])
def test_what_make_starts_as_a_service_hears_sigterm_and_is_waited_for(tmp_path: Path, service: str) -> None:
    """A supervisor tells make alone; without its shell in between the worker drains before make has ended."""
    stands_for_both = (
        f"#!{sys.executable}\n"
        "import pathlib, signal, sys, time\n"
        "here = pathlib.Path(__file__).parent\n"
        "def drain(*_):\n"
        "    time.sleep(0.5)\n"
        "    (here / 'drained').touch()\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, drain)\n"
        "(here / 'up').touch()\n"
        "time.sleep(20)\n"
    )
    for name in ("prefect", "python"):
        (tmp_path / name).write_text(stands_for_both)
        (tmp_path / name).chmod(0o755)
    command = ["make", "-C", str(ROOT), "--old-file=.venv/.ready", service, f"RUN={tmp_path}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as make:
        assert until((tmp_path / "up").exists)
        os.kill(make.pid, signal.SIGTERM)
        make.wait(timeout=10)
        assert (tmp_path / "drained").exists()
