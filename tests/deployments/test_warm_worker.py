"""The warm worker over a real Prefect server: what Prefect's own process worker promises, it keeps too."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound

from deployments.children import Child
from deployments.leftovers import descendants
from deployments.worker.shortcuts import AsManyAsFit
from tests.deployments.warm_house import POOL, House, house, until
from tests.homes import home_for_stack


@pytest.fixture(scope="module")
def at_home() -> Iterator[House]:
    with home_for_stack() as home, house(home) as one:
        yield one


@pytest.fixture(scope="module")
def worker(at_home: House) -> Iterator[Child]:
    with at_home.worker() as one:
        yield one


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary"


def has_begun(diary: Path) -> None:
    until(diary.exists, "the run has begun")


# First those with workers of their own: the shared one, which the rest starts, would take their runs.


def test_many_at_once_are_bounded_by_the_limit(at_home: House, diary: Path) -> None:
    with at_home.worker("--limit", "2"):
        runs = [at_home.start("slow", seconds=1, diary=str(diary)) for _ in range(6)]
        assert {at_home.ended(run)["state"]["type"] for run in runs} == {"COMPLETED"}
    at_once, most = 0, 0
    for line in sorted(diary.read_text().splitlines(), key=lambda line: float(line.split()[0])):
        at_once += int(line.split()[1])
        most = max(most, at_once)
    assert most == 2


@pytest.mark.soak
async def test_no_more_runs_are_asked_for_than_there_are_places(at_home: House) -> None:
    """The server heeds a limit that Prefect's own client never names."""
    started = [at_home.start("plain") for _ in range(5)]
    async with PrefectClient(at_home.api) as client:
        soon = datetime.now(UTC) + timedelta(seconds=10)
        asked = AsManyAsFit(client, 3).get_scheduled_flow_runs_for_work_pool(POOL, [], soon)
        assert [str(one.flow_run.id) for one in await asked] == started[:3], "those that are due first"
        with pytest.raises(ObjectNotFound):
            await AsManyAsFit(client, 3).get_scheduled_flow_runs_for_work_pool("no-such-pool", [], soon)
        for places in (201, -1):  # more than the server heeds; and what it refuses, as one does that is set lower
            asked = AsManyAsFit(client, places).get_scheduled_flow_runs_for_work_pool(POOL, [], soon)
            assert {str(one.flow_run.id) for one in await asked} == set(started)
    with at_home.worker("--limit", "3"):
        assert {at_home.ended(run)["state"]["type"] for run in started} == {"COMPLETED"}


def test_a_run_may_go_on_while_its_last_process_is_still_ending(at_home: House) -> None:
    """It has its place under the limit yet; a second one in its name would end the worker, and all with it."""
    with at_home.worker("--limit", "2", poll_seconds=0.5) as worker:
        run = at_home.start("lingers")
        at_home.is_in(run, "Suspended")
        assert len(descendants(worker.pid)) == 2, "its process lives on"
        at_home.http.post(f"/flow_runs/{run}/resume", json={"run_input": {"word": "yes"}}).raise_for_status()
        beside = at_home.start("plain")  # at its end the worker looks again, and finds the first one scheduled
        assert at_home.ended(beside)["state"]["type"] == "COMPLETED"
        assert at_home.ended(run)["state"]["type"] == "COMPLETED"
        assert worker.alive


def test_a_run_whose_deployment_is_gone_gives_its_place_back(at_home: House) -> None:
    """Prefect cancels it and keeps its place: a worker with a limit would soon take no run any more."""
    found = at_home.http.get("/deployments/name/asks/test").raise_for_status().json()
    body = {name: found[name] for name in ("flow_id", "entrypoint", "pull_steps", "work_pool_name", "job_variables")}
    other = at_home.http.post("/deployments/", json={**body, "name": "soon-gone"}).raise_for_status().json()["id"]
    with at_home.worker("--limit", "1"):
        run = at_home.http.post(f"/deployments/{other}/create_flow_run", json={}).raise_for_status().json()["id"]
        at_home.is_in(run, "Suspended")
        at_home.http.delete(f"/deployments/{other}").raise_for_status()
        at_home.http.post(f"/flow_runs/{run}/resume", json={"run_input": {"word": "yes"}}).raise_for_status()
        at_home.is_in(run, "Cancelled")
        assert at_home.ended(at_home.start("plain"))["state"]["type"] == "COMPLETED"


def test_sigterm_lets_runs_finish_and_takes_no_more(at_home: House, diary: Path) -> None:
    with at_home.worker() as worker:
        run = at_home.start("slow", seconds=2, diary=str(diary))
        has_begun(diary)
        stopping = threading.Thread(target=worker.stop, args=(15,))
        stopping.start()
        until(lambda: "No more runs are taken" in worker.log.read_text(), "the worker heard it")
        later = at_home.start("plain")
        stopping.join()
        assert at_home.ended(run)["state"]["type"] == "COMPLETED"
        assert at_home.run(later)["state"]["type"] == "SCHEDULED"
    with at_home.worker():
        assert at_home.ended(later)["state"]["type"] == "COMPLETED"


def test_sigterm_ends_what_does_not_finish_in_time_and_says_so(at_home: House, diary: Path) -> None:
    """As with the process worker the run is Crashed; reconcile takes it up."""
    with at_home.worker(COUNTERSIGN_DRAIN_SECONDS="0.2") as worker:
        run = at_home.start("slow", seconds=60, diary=str(diary))
        has_begun(diary)
        worker.stop(15)
    assert at_home.run(run)["state"]["type"] == "CRASHED"


def test_sigterm_is_heard_by_a_worker_in_the_background_of_a_shell(at_home: House) -> None:
    """Such a process ignores SIGINT, into which Prefect turns SIGTERM."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with at_home.worker() as worker:
            signal.signal(signal.SIGINT, before)
            os.kill(worker.pid, signal.SIGTERM)
            until(lambda: not worker.alive, "the worker has ended")
            assert "No more runs are taken" in worker.log.read_text()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_killed_worker_leaves_its_runs_alone(at_home: House, diary: Path) -> None:
    with at_home.worker() as worker:
        run = at_home.start("slow", seconds=1, diary=str(diary))
        has_begun(diary)
        (zygote,) = [p for p in descendants(worker.pid) if p != int(at_home.run(run)["infrastructure_pid"])]
        worker.kill()
        assert at_home.ended(run)["state"]["type"] == "COMPLETED"
        until(lambda: not Path(f"/proc/{zygote}").exists(), "the zygote has ended by itself")


def test_a_run_starts_at_once_in_the_deployments_environment_and_is_logged(
    at_home: House, worker: Child, tmp_path: Path
) -> None:
    """Woken by the event (the poll comes once a minute), with its log on its page and its print in the worker's."""
    began = time.monotonic()
    told = tmp_path / "told"
    run = at_home.start("plain", word=str(told))
    assert at_home.ended(run)["state"]["type"] == "COMPLETED"
    assert time.monotonic() - began < 10
    assert told.read_text().startswith("first ") and told.read_text().endswith(" yes")
    until(lambda: f"logged by the run: {told}" in at_home.logged(run), "the log at the API")
    assert f"printed by the run: {told}" in worker.log.read_text()
    assert at_home.run(run)["infrastructure_pid"]


def test_every_run_has_a_process_of_its_own_that_ends_with_it(at_home: House, worker: Child, tmp_path: Path) -> None:
    files = [tmp_path / str(number) for number in range(3)]
    runs = [at_home.start("plain", word=str(file)) for file in files]
    assert {at_home.ended(run)["state"]["type"] for run in runs} == {"COMPLETED"}
    pids = {int(file.read_text().split()[1]) for file in files}
    assert len(pids) == 3
    until(lambda: not pids & set(descendants(worker.pid)), "their processes are gone")


def test_a_suspended_run_ends_its_process_and_goes_on_at_once_when_answered(at_home: House, worker: Child) -> None:
    run = at_home.start("asks")
    at_home.is_in(run, "Suspended")
    until(lambda: len(descendants(worker.pid)) == 1, "only the zygote is left")
    answer = at_home.http.post(f"/flow_runs/{run}/resume", json={"run_input": {"word": "yes"}})
    assert answer.json()["status"] == "ACCEPT"
    assert at_home.ended(run)["state"]["type"] == "COMPLETED"
    until(lambda: "answered: yes" in at_home.logged(run), "the answer in the log")


@pytest.mark.parametrize(("flow", "state"), [("leaves", "CRASHED"), ("killed", "CRASHED"), ("hog", "FAILED")])
def test_a_run_that_dies_is_reported_and_takes_no_other_with_it(
    at_home: House, worker: Child, diary: Path, flow: str, state: str
) -> None:
    beside = at_home.start("slow", seconds=2, diary=str(diary))
    has_begun(diary)
    assert at_home.ended(at_home.start(flow))["state"]["type"] == state
    assert at_home.ended(beside)["state"]["type"] == "COMPLETED"
    assert worker.alive


def test_the_death_of_an_old_process_is_not_reported_of_a_run_that_goes_on_elsewhere(
    at_home: House, worker: Child, diary: Path
) -> None:
    """A host that comes back from a cut: what ends there says nothing of the attempt that is under way on another."""
    run = at_home.start("slow", seconds=60, diary=str(diary))
    has_begun(diary)
    until(lambda: at_home.run(run)["infrastructure_pid"] is not None, "the run's process is known")
    for state in ("CRASHED", "PENDING", "RUNNING"):
        body = {"state": {"type": state}, "force": True}
        at_home.http.post(f"/flow_runs/{run}/set_state", json=body).raise_for_status()
    os.kill(int(at_home.run(run)["infrastructure_pid"]), signal.SIGKILL)
    heard = f"{run}' goes on elsewhere"
    until(lambda: heard in worker.log.read_text() or at_home.run(run)["state"]["type"] == "CRASHED", "its end is seen")
    assert at_home.run(run)["state"]["type"] == "RUNNING"


def test_a_business_failure_is_not_taken_for_a_crash(at_home: House, worker: Child) -> None:
    run = at_home.ended(at_home.start("fails"))
    assert run["state"]["type"] == "FAILED"
    assert "as it should" in run["state"]["message"]


def test_a_run_that_blocks_is_ended_by_a_cancellation_in_the_ui(at_home: House, worker: Child, diary: Path) -> None:
    run = at_home.start("slow", seconds=60, diary=str(diary))
    has_begun(diary)
    pid = int(at_home.run(run)["infrastructure_pid"])
    cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    at_home.http.post(f"/flow_runs/{run}/set_state", json=cancelling).raise_for_status()
    assert at_home.ended(run)["state"]["name"] == "Cancelled"
    until(lambda: pid not in descendants(worker.pid), "its process is gone")
    assert diary.read_text().count("-1") == 0


def test_a_run_gets_the_code_that_is_on_the_disk(at_home: House, worker: Child, tmp_path: Path, diary: Path) -> None:
    """Also a module that was loaded before it was changed; a run that is under way meanwhile goes on undisturbed."""
    beside = at_home.start("slow", seconds=4, diary=str(diary))
    has_begun(diary)
    word = at_home.code / "flows" / "word.py"
    word.write_text('WORD = "second"\n')
    try:
        told = tmp_path / "told"
        assert at_home.ended(at_home.start("plain", word=str(told)))["state"]["type"] == "COMPLETED"
        assert told.read_text().startswith("second ")
        assert at_home.ended(beside)["state"]["type"] == "COMPLETED"
    finally:
        word.write_text('WORD = "first"\n')


def test_code_that_cannot_be_loaded_crashes_its_own_runs_only(at_home: House, worker: Child) -> None:
    broken = at_home.code / "flows" / "word.py"
    broken.write_text("this is no Python\n")
    try:
        assert at_home.ended(at_home.start("plain"))["state"]["type"] == "CRASHED"
        assert "Could not load flows.work" in worker.log.read_text()
    finally:
        broken.write_text('WORD = "first"\n')
    assert at_home.ended(at_home.start("plain"))["state"]["type"] == "COMPLETED"


def test_when_the_zygote_is_killed_runs_under_way_end_as_they_do_and_the_next_one_starts(
    at_home: House, worker: Child, diary: Path
) -> None:
    beside = at_home.start("slow", seconds=2, diary=str(diary))
    has_begun(diary)
    (zygote,) = [pid for pid in descendants(worker.pid) if pid != int(at_home.run(beside)["infrastructure_pid"])]
    os.kill(zygote, signal.SIGKILL)
    assert at_home.ended(at_home.start("plain"))["state"]["type"] == "COMPLETED"
    assert at_home.ended(beside)["state"]["type"] == "COMPLETED"


def test_steps_are_shown_with_their_times_and_one_that_lasts_as_running(at_home: House, worker: Child) -> None:
    """A step that ends at once is written down once, at its end, with all that Prefect keeps of it."""
    run = at_home.start("steps")
    until(lambda: at_home.steps(run).get("lasts", (None, []))[1] == ["Running"], "the step is seen at work")
    assert at_home.ended(run)["state"]["type"] == "COMPLETED"
    until(lambda: len(at_home.steps(run).get("lasts", (None, []))[1]) == 2, "all is written down")
    steps = at_home.steps(run)
    assert steps["lasts"][1] == ["Running", "Completed"]
    quick, states = steps["done_at_once"]
    assert states == ["Completed"]
    assert quick["run_count"] == 1
    assert quick["start_time"] <= quick["end_time"]
