"""The warm worker while its server answers with errors or not at all: it stays, its runs go on, and it comes back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prefect.workers.base import BaseWorker

from deployments.worker.prefect_inside import Executor
from deployments.worker.warm import WarmWorker
from tests.deployments.gate import Gate, gate_before
from tests.deployments.warm_house import House, house, until
from tests.homes import home_for_stack


@pytest.fixture(scope="module")
def at_home() -> Iterator[House]:
    with home_for_stack() as home, house(home) as one:
        yield one


@pytest.fixture
def gate(at_home: House) -> Iterator[Gate]:
    with gate_before(at_home.api) as one:
        yield one


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary"


@pytest.mark.parametrize("status", [403, pytest.param(500, marks=pytest.mark.soak)])
def test_a_server_that_refuses_for_long_ends_no_worker(at_home: House, gate: Gate, tmp_path: Path, status: int) -> None:
    """PostgreSQL restarts below it, or a proxy has lost its way. Prefect's worker gives up after a dozen looks."""
    told = tmp_path / "told"
    with at_home.worker(poll_seconds=0.1, PREFECT_API_URL=gate.api, PREFECT_WORKER_HEARTBEAT_SECONDS="1") as worker:
        gate.closed_with = status
        until(lambda: gate.refused > 60 or not worker.alive, "many looks in vain")
        assert worker.alive, worker.log.read_text()
        run = at_home.start("plain", word=str(told))
        gate.closed_with = None
        assert at_home.ended(run)["state"]["type"] == "COMPLETED"
        log = worker.log.read_text()
        assert log.count("Looking for runs fails") == 1, "said once, not at each look"
        assert log.count("Looking for runs works again") == 1


def test_a_cancellation_that_nobody_heard_is_found(at_home: House, gate: Gate, diary: Path) -> None:
    """The gate closes each stream of events properly: Prefect's observer takes that for the end, and says nothing."""
    with at_home.worker(poll_seconds=0.5, PREFECT_API_URL=gate.api, PREFECT_WORKER_HEARTBEAT_SECONDS="1"):
        run = at_home.start("slow", seconds=60, diary=str(diary))
        until(diary.exists, "the run has begun")
        cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        at_home.http.post(f"/flow_runs/{run}/set_state", json=cancelling).raise_for_status()
        assert at_home.ended(run)["state"]["name"] == "Cancelled"


def test_a_run_that_is_to_go_on_does_not_wait_for_ever_for_its_last_process(at_home: House, diary: Path) -> None:
    """One that hangs, and that somebody has retried since: it keeps the run's place, and does nothing with it."""
    with at_home.worker("--limit", "1", poll_seconds=0.5, PREFECT_WORKER_HEARTBEAT_SECONDS="1") as worker:
        run = at_home.start("slow", seconds=60, diary=str(diary))
        until(diary.exists, "the run has begun")
        due = (datetime.now(UTC) - timedelta(minutes=2)).isoformat()
        again = {"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}, "force": True}
        at_home.http.post(f"/flow_runs/{run}/set_state", json=again).raise_for_status()
        until(lambda: diary.read_text().count("+1") == 2, "it has begun again")
        assert at_home.run(run)["state"]["type"] == "RUNNING"
        assert worker.alive


@pytest.mark.soak
def test_a_process_whose_run_has_ended_without_it_gives_its_place_back(at_home: House, diary: Path) -> None:
    """One that hangs, and that the net has given up: its place is another run's after a minute."""
    with at_home.worker("--limit", "1", poll_seconds=0.5, PREFECT_WORKER_HEARTBEAT_SECONDS="1") as worker:
        hanging = at_home.start("slow", seconds=600, diary=str(diary))
        until(diary.exists, "the run has begun")
        given_up = {"state": {"type": "CRASHED"}, "force": True}
        at_home.http.post(f"/flow_runs/{hanging}/set_state", json=given_up).raise_for_status()
        other = at_home.start("slow", seconds=0, diary=str(diary))
        until(lambda: at_home.run(other)["state"]["type"] == "COMPLETED", "the other run has its place", 100)
        assert at_home.run(hanging)["state"]["type"] == "CRASHED"
        assert worker.alive


async def test_until_it_has_reached_its_server_once_an_error_is_prefects_to_judge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So a wrong address or a missing right is seen; later the same answer is an outage."""
    refuses = True

    async def sync(_: WarmWorker) -> None:
        if refuses:
            raise httpx.ConnectError("nobody there")

    async def unanswered(*_: object) -> None:
        raise httpx.ConnectError("nobody there")

    class Unanswered:
        read_server_default_result_storage = unanswered

    monkeypatch.setattr(BaseWorker, "sync_with_backend", sync)
    monkeypatch.setattr(Executor, "heed_what_was_missed", unanswered)
    monkeypatch.setattr(WarmWorker, "client", Unanswered())
    worker = WarmWorker(work_pool_name="any")
    with pytest.raises(httpx.ConnectError):
        await worker.sync_with_backend()
    refuses = False
    await worker.sync_with_backend()
    refuses = True
    await worker.sync_with_backend()
