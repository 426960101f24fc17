"""The local stack as a whole, with this checkout's flows: up, hurt, and down without a trace."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.children import ChildFailed
from deployments.leftovers import marked
from deployments.stack import OWN_POSTGRES, LocalStack
from tests.homes import home_for_stack
from vendors.docusign_connect import signature

ROOT = Path(__file__).parents[2]


def until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether a condition came true in time."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.1) for _ in range(int(seconds / 0.1)))


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    """On PostgreSQL: SQLite answers 503 now and then as soon as two things happen at once."""
    with home_for_stack() as home, LocalStack(home, database_url=OWN_POSTGRES) as one:
        yield one


@pytest.fixture
def prefect(stack: LocalStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.prefect_api, timeout=30) as client:
        yield client


def deployment(prefect: httpx.Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = prefect.get(f"/deployments/name/{name}").raise_for_status().json()
    return found


def runs_of(prefect: httpx.Client, flow: str) -> list[dict[str, Any]]:
    wanted = {"flows": {"name": {"any_": [flow]}}, "limit": 200}
    found: list[dict[str, Any]] = prefect.post("/flow_runs/filter", json=wanted).raise_for_status().json()
    return found


def started_runs_of(prefect: httpx.Client, flow: str) -> list[dict[str, Any]]:
    return [run for run in runs_of(prefect, flow) if not run["auto_scheduled"]]


def test_every_deployment_is_there_and_reconcile_has_runs_scheduled(prefect: httpx.Client) -> None:
    for name in ("new-subscription/main", "end-subscription/main", "reconcile/main", "audit/main"):
        assert deployment(prefect, name)["work_pool_name"] == "countersign"
    assert until(lambda: any(run["auto_scheduled"] for run in runs_of(prefect, "reconcile")))


def test_no_deployment_names_a_path_of_this_machine(prefect: httpx.Client) -> None:
    for name in ("new-subscription/main", "end-subscription/main", "reconcile/main"):
        assert str(ROOT) not in str(deployment(prefect, name))


def test_its_blocks_work(stack: LocalStack) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "deployments.check"],
        env=stack.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("works  Countersign") == 7


def test_when_the_sandboxs_clock_is_moved_reconcile_runs_to_its_end(stack: LocalStack, prefect: httpx.Client) -> None:
    before = {run["id"] for run in started_runs_of(prefect, "reconcile")}
    httpx.post(f"{stack.sandbox_url}/_sandbox/clock", json={"advance_days": 1}).raise_for_status()

    def ended() -> list[str]:
        new = [run for run in started_runs_of(prefect, "reconcile") if run["id"] not in before]
        return [run["state_type"] for run in new if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED")]

    assert until(lambda: bool(ended()))
    assert ended() == ["COMPLETED"], (stack.logs / "worker.log").read_text()[-4000:]


def test_the_receiver_knows_the_sandboxs_signature(stack: LocalStack) -> None:
    key = httpx.get(f"{stack.sandbox_url}/_sandbox/credentials").json()["docusign"]["hmac_key"]
    body = b'{"event": "envelope-voided", "generatedDateTime": "2026-11-22T10:00:00Z", "data": {"envelopeId": "e"}}'
    hook = f"{stack.receiver_url}/hooks/docusign"
    signed = httpx.post(hook, content=body, headers={"X-DocuSign-Signature-1": signature(body, key)})
    assert (signed.status_code, signed.json()) == (200, {"outcome": "unknown"})
    assert httpx.post(hook, content=body).status_code == 401


def test_a_killed_worker_is_replaced_and_its_successor_works(stack: LocalStack, prefect: httpx.Client) -> None:
    stack.kill_worker()
    found = deployment(prefect, "reconcile/main")
    run = prefect.post(f"/deployments/{found['id']}/create_flow_run", json={}).raise_for_status().json()
    stack.restart_worker()

    def state() -> str:
        return str(prefect.get(f"/flow_runs/{run['id']}").json()["state_type"])

    assert until(lambda: state() in ("COMPLETED", "FAILED", "CRASHED"))
    assert state() == "COMPLETED"


def test_server_sandbox_and_receiver_come_back_with_what_they_held(stack: LocalStack, prefect: httpx.Client) -> None:
    moved = httpx.get(f"{stack.sandbox_url}/_sandbox/clock").json()["offset_seconds"]
    stack.restart_server()
    stack.restart_sandbox()
    stack.kill_receiver()
    stack.restart_receiver()
    assert deployment(prefect, "reconcile/main")["name"] == "main"
    assert httpx.get(f"{stack.sandbox_url}/_sandbox/clock").json()["offset_seconds"] == moved


@pytest.mark.soak
def test_a_second_set_up_keeps_what_a_person_changed_in_the_settings(stack: LocalStack, prefect: httpx.Client) -> None:
    document = "/block_types/slug/countersign-settings/block_documents/name/main"
    block = prefect.get(document).raise_for_status().json()
    changed = {"data": {**block["data"], "envelope_life_days": 45}, "merge_existing_data": True}
    prefect.patch(f"/block_documents/{block['id']}", json=changed).raise_for_status()
    stack.set_up()
    assert prefect.get(document).json()["data"]["envelope_life_days"] == 45


def test_deploying_again_keeps_a_switched_off_schedule_our_zone_and_the_strictness(
    stack: LocalStack, prefect: httpx.Client
) -> None:
    """`make deploy` is what one does after a pull: what people and the set-up have made of a deployment stays."""
    document = "/block_types/slug/countersign-settings/block_documents/name/main"
    block = prefect.get(document).raise_for_status().json()
    london = {"data": {**block["data"], "time_zone": "Europe/London"}, "merge_existing_data": True}
    prefect.patch(f"/block_documents/{block['id']}", json=london).raise_for_status()
    audit = deployment(prefect, "audit/main")
    [schedule] = audit["schedules"]
    off = f"/deployments/{audit['id']}/schedules/{schedule['id']}"
    prefect.patch(off, json={"active": False}).raise_for_status()
    stack.deploy()
    again = deployment(prefect, "audit/main")
    [kept] = again["schedules"]
    assert (kept["active"], kept["schedule"]["timezone"]) == (False, "Europe/London")
    assert again["parameter_openapi_schema"]["additionalProperties"] is False
    assert [one["active"] for one in deployment(prefect, "reconcile/main")["schedules"]] == [True]
    prefect.patch(off, json={"active": True}).raise_for_status()
    back = {"data": {**block["data"]}, "merge_existing_data": True}
    prefect.patch(f"/block_documents/{block['id']}", json=back).raise_for_status()


def test_a_part_that_ends_by_itself_is_told_with_its_log(stack: LocalStack) -> None:
    stack.raise_if_ended()
    (worker,) = [pid for pid in marked(stack.stack_id) if b"worker\0start" in cmdline(pid)]
    os.kill(worker, signal.SIGKILL)
    told: list[str] = []

    def is_told() -> bool:
        try:
            stack.raise_if_ended()
        except ChildFailed as failed:
            told.append(str(failed))
        return bool(told)

    assert until(is_told)
    assert "worker: ended by itself (ended by SIGKILL)" in told[0]
    assert "worker.log" in told[0]
    stack.restart_worker()


@pytest.fixture
def home() -> Iterator[Path]:
    with home_for_stack() as made:
        yield made


@pytest.mark.parametrize("database", [None, pytest.param(OWN_POSTGRES, marks=pytest.mark.soak)])
def test_a_stack_that_is_killed_leaves_no_process_behind(home: Path, database: str | None) -> None:
    code = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from deployments.stack import OWN_POSTGRES, LocalStack\n"
        f"with LocalStack(Path({str(home)!r}), database_url={database!r}) as stack:\n"
        "    print(stack.stack_id, flush=True)\n"
        "    threading.Event().wait()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    stack_id = next(line.strip() for line in process.stdout if len(line.strip()) == 32)
    assert len(list(marked(stack_id))) >= 4
    process.kill()
    process.wait()
    assert until(lambda: not list(marked(stack_id)))


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
