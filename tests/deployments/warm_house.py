"""A Prefect server, a directory with flows of its own, and warm workers over them, as processes."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deployments.children import Child
from deployments.leftovers import descendants
from deployments.postgres import local_postgres
from deployments.worker.warm import WarmWorker
from tests.procedures.harness import free_port, process, python

ROOT = Path(__file__).parents[2]
POOL = "warm-tests"
FLOWS = """
import asyncio, os, resource, signal, sys, time
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.input import RunInput

from flows.word import WORD


class Answer(RunInput):
    word: str


@flow
async def plain(word: str = ""):
    get_run_logger().info("logged by the run: %s", word)
    print("printed by the run:", word)
    Path(word).write_text(f"{WORD} {os.getpid()} {os.environ.get('FROM_THE_DEPLOYMENT')}") if word else None


@flow(persist_result=True)
async def asks():
    from prefect.flow_runs import suspend_flow_run
    answer = await suspend_flow_run(wait_for_input=Answer, timeout=600, key="once")
    get_run_logger().info("answered: %s", answer.word)


@flow(persist_result=True)
async def lingers():
    import atexit
    from prefect.flow_runs import suspend_flow_run
    atexit.register(time.sleep, 3)
    await suspend_flow_run(wait_for_input=Answer, timeout=600, key="once")


@flow
def slow(seconds: float, diary: str):
    with Path(diary).open("a") as lines:
        lines.write(f"{time.monotonic()} +1\\n")
    time.sleep(seconds)
    with Path(diary).open("a") as lines:
        lines.write(f"{time.monotonic()} -1\\n")


@task
async def done_at_once():
    return 1


@task
async def lasts():
    await asyncio.sleep(1.5)


@flow
async def steps():
    await done_at_once()
    await lasts()


@flow
async def leaves():
    os._exit(7)


@flow
async def killed():
    os.kill(os.getpid(), signal.SIGKILL)


@flow
async def fails():
    raise ValueError("as it should")


@flow
async def hog():
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    bytearray(4 << 30)
"""
NAMES = ("plain", "asks", "lingers", "slow", "steps", "leaves", "killed", "fails", "hog")
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait for a condition; fails the test with `what` when it doesn't come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@dataclass
class House:
    """The server, and what tests ask of it."""

    api: str
    code: Path
    logs: Path
    http: httpx.Client
    environment: dict[str, str]
    workers: int = 0

    @contextmanager
    def worker(self, *options: str, poll_seconds: float = 60, **environment: str) -> Iterator[Child]:
        """A warm worker from its first heartbeat on; its poll is so rare that only events start runs."""
        self.workers += 1
        name = f"worker-{self.workers}"
        given = {**self.environment, "PREFECT_WORKER_QUERY_SECONDS": str(poll_seconds), **environment}
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "warm", "--name", name]
        child = Child(name, [*command, *options], cwd=self.logs, env=given, log=self.logs / f"{name}.log")
        try:
            until(lambda: self.is_online(name) and "runs start warm" in child.log.read_text(), "worker ready")
            yield child
        finally:
            below = descendants(child.pid)
            child.stop(patience=15)
            for pid in below:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def is_online(self, name: str) -> bool:
        asked = self.http.post(f"/work_pools/{POOL}/workers/filter", json={})
        return asked.is_success and any(w["name"] == name and w["status"] == "ONLINE" for w in asked.json())

    def start(self, flow: str, **parameters: Any) -> str:
        """Start a run; returns its id."""
        found = self.http.get(f"/deployments/name/{flow}/test").raise_for_status().json()
        body = {"parameters": parameters}
        made = self.http.post(f"/deployments/{found['id']}/create_flow_run", json=body).raise_for_status().json()
        return str(made["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/flow_runs/{run_id}").raise_for_status().json()
        return found

    def ended(self, run_id: str, seconds: float = 30) -> dict[str, Any]:
        """The run once it has ended."""
        until(lambda: self.run(run_id)["state"]["type"] in FINAL, f"end of {run_id}", seconds)
        return self.run(run_id)

    def is_in(self, run_id: str, state: str, seconds: float = 30) -> dict[str, Any]:
        """The run once it is in that state."""
        until(lambda: self.run(run_id)["state"]["name"] == state, f"{run_id} {state}", seconds)
        return self.run(run_id)

    def steps(self, run_id: str) -> dict[str, tuple[dict[str, Any], list[str]]]:
        """Each step that the run's page shows, by its first word, with the states that it was in."""
        asked = {"flow_runs": {"id": {"any_": [run_id]}}}
        found = self.http.post("/task_runs/filter", json=asked).raise_for_status().json()
        steps = {}
        for one in found:
            states = self.http.get("/task_run_states/", params={"task_run_id": one["id"]}).raise_for_status().json()
            steps[one["name"].partition("-")[0]] = (one, [state["name"] for state in states])
        return steps

    def logged(self, run_id: str) -> list[str]:
        """What the run's page shows of its log."""
        asked = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC"}
        return [line["message"] for line in self.http.post("/logs/filter", json=asked).raise_for_status().json()]


@contextmanager
def house(home: Path) -> Iterator[House]:
    """Everything up, with a deployment named `test` of every flow; the flows lie in a directory of their own."""
    code, logs, port = home / "code", home / "logs", free_port()
    (code / "flows").mkdir(parents=True)
    logs.mkdir()
    (code / "flows" / "__init__.py").touch()
    (code / "flows" / "word.py").write_text('WORD = "first"\n')
    (code / "flows" / "work.py").write_text(FLOWS)
    api = f"http://127.0.0.1:{port}/api"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {
        **inherited,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": api,
        "COUNTERSIGN_HOME": str(code),
    }
    with local_postgres(home / "postgres", logs / "postgres.log") as database:
        command = python("-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
        settings = {
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        }
        server = process(command, f"{api}/health", logs / "server.log", **settings)
        with server, httpx.Client(base_url=api, timeout=30) as http:
            deploy(http, code)
            yield House(api, code, logs, http, environment)


def deploy(http: httpx.Client, code: Path) -> None:
    """The pool, as a worker makes it, unless it is there, and the deployments."""
    if http.get(f"/work_pools/{POOL}").status_code == httpx.codes.NOT_FOUND:
        template = WarmWorker.get_default_base_job_template()
        pool = {"name": POOL, "type": "warm", "base_job_template": template}
        http.post("/work_pools/", json=pool).raise_for_status()
    for name in NAMES:
        flow = http.post("/flows/", json={"name": name}).raise_for_status().json()
        step = {"prefect.deployments.steps.set_working_directory": {"directory": str(code)}}
        body = {
            "name": "test",
            "flow_id": flow["id"],
            "entrypoint": f"flows/work.py:{name}",
            "work_pool_name": POOL,
            "pull_steps": [step],
            "job_variables": {"env": {"FROM_THE_DEPLOYMENT": "yes"}},
        }
        http.post("/deployments/", json=body).raise_for_status()
