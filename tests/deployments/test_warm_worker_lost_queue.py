"""A work pool or queue that somebody deletes: Prefect gives its runs to no worker, the warm worker takes them."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.deployments.warm_house import POOL, House, deploy, house, until
from tests.homes import home_for_stack

SOON = {"PREFECT_WORKER_HEARTBEAT_SECONDS": "1"}


@pytest.fixture(scope="module")
def at_home() -> Iterator[House]:
    with home_for_stack() as home, house(home) as one:
        yield one


def booked(at_home: House, flow: str, after: float, **parameters: object) -> str:
    """A run for a moment; returns its id."""
    found = at_home.http.get(f"/deployments/name/{flow}/test").raise_for_status().json()
    moment = (datetime.now(UTC) + timedelta(seconds=after)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": moment}}
    body = {"parameters": parameters, "state": state}
    made = at_home.http.post(f"/deployments/{found['id']}/create_flow_run", json=body).raise_for_status().json()
    return str(made["id"])


def delete_pool(at_home: House) -> None:
    at_home.http.delete(f"/work_pools/{POOL}").raise_for_status()


def has_looked(at_home: House) -> None:
    """Until the worker has reported twice more: it looks for such runs with each report."""
    for _ in range(2):
        before = beat(at_home)
        until(lambda before=before: beat(at_home) != before, "another report")  # type: ignore[misc]


def beat(at_home: House) -> list[str]:
    found = at_home.http.post(f"/work_pools/{POOL}/workers/filter", json={}).raise_for_status().json()
    return [worker["last_heartbeat_time"] for worker in found]


def resume(at_home: House, run: str) -> None:
    at_home.http.post(f"/flow_runs/{run}/resume", json={"run_input": {"word": "yes"}}).raise_for_status()


def pool_id(at_home: House) -> str | None:
    found = at_home.http.get(f"/work_pools/{POOL}")
    return str(found.json()["id"]) if found.is_success else None


def test_runs_of_a_deleted_pool_go_on_once_their_deployments_have_one_again(at_home: House, tmp_path: Path) -> None:
    """A waiting run that is resumed and a booked one; Prefect offers neither to a worker, whatever is deployed."""
    with at_home.worker(**SOON) as worker:
        waiting = at_home.start("asks")
        at_home.is_in(waiting, "Suspended")
        later = booked(at_home, "plain", 60, word=str(tmp_path / "later"))
        before = pool_id(at_home)
        delete_pool(at_home)
        until(lambda: pool_id(at_home) not in (None, before), "the worker has made the pool anew")
        resume(at_home, waiting)
        overdue = booked(at_home, "plain", -1)
        deploy(at_home.http, at_home.code)
        assert at_home.run(waiting)["work_queue_id"] is None, "it never gets a queue again"
        assert at_home.ended(waiting)["state"]["type"] == "COMPLETED"
        assert at_home.ended(overdue)["state"]["type"] == "COMPLETED", "booked while there was no pool"
        assert at_home.run(later)["state"]["type"] == "SCHEDULED", "not before its time"
        assert at_home.ended(at_home.start("plain"), 10)["state"]["type"] == "COMPLETED", (
            "woken by the new pool's events"
        )
        assert worker.alive


@pytest.mark.soak
def test_runs_without_a_queue_heed_a_paused_pool_and_queue_and_are_taken_once(at_home: House, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    run = booked(at_home, "slow", -1, seconds=0.5, diary=str(diary))
    delete_pool(at_home)
    deploy(at_home.http, at_home.code)
    queue = at_home.http.get(f"/work_pools/{POOL}/queues/default").raise_for_status().json()["id"]
    for path in (f"/work_pools/{POOL}", f"/work_queues/{queue}"):
        at_home.http.patch(path, json={"is_paused": True}).raise_for_status()
        with at_home.worker(**SOON):
            has_looked(at_home)
            assert at_home.run(run)["state"]["type"] == "SCHEDULED", path
        at_home.http.patch(path, json={"is_paused": False}).raise_for_status()
    with at_home.worker(**SOON), at_home.worker(**SOON):
        assert at_home.ended(run)["state"]["type"] == "COMPLETED"
    assert len(diary.read_text().splitlines()) == 2, "begun once and ended once"


def test_a_run_without_a_queue_can_be_executed_by_hand(at_home: House) -> None:
    """What the README says of workers of another type."""
    run = booked(at_home, "plain", -1)
    delete_pool(at_home)
    deploy(at_home.http, at_home.code)
    command = [sys.executable, "-m", "prefect", "flow-run", "execute", run]
    said = subprocess.run(
        command, env=at_home.environment, cwd=at_home.code, capture_output=True, text=True, timeout=60
    )
    assert at_home.run(run)["state"]["type"] == "COMPLETED", said.stdout + said.stderr
