"""One server on PostgreSQL, the sandbox and the receiver here; a warm worker on each of two hosts."""

import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from deployments.bench.workers import Bench
from deployments.children import Child
from deployments.environment import WORK_POOL
from deployments.hosts.network import HERE, HOSTS, Host, network
from deployments.leftovers import descendants
from deployments.player import Player, WentWrong
from deployments.stack import OWN_POSTGRES, LocalStack

READY_SECONDS = 60.0
NET_PATIENCE = 300.0
LOOK_SECONDS = 0.5
AT_A_TIME = "10"  # runs on a host: so that a quick one doesn't take them all
OVER = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")

Run = dict[str, Any]


class House:
    """The stack, its two workers, and what is asked of both."""

    def __init__(self, stack: LocalStack, workers: dict[str, Child]) -> None:
        self.stack = stack
        self.workers = workers
        self.bench = Bench(stack)
        self.player = Player(stack.prefect_api, stack.sandbox_url)
        self._prefect = httpx.Client(base_url=stack.prefect_api, timeout=60)
        self._sandbox = httpx.Client(base_url=f"{stack.sandbox_url}/_sandbox", timeout=60)

    def prepare(self, customers: int) -> None:
        """As for the measurements; and real time, for a sandbox's clock is read on this machine only (decision 9)."""
        path = "/block_types/slug/countersign-settings/block_documents/name/main"
        block = self._prefect.get(path).raise_for_status().json()
        body = {"data": {**block["data"], "clock_url": ""}, "merge_existing_data": True}
        self._prefect.patch(f"/block_documents/{block['id']}", json=body).raise_for_status()
        self.bench.prepare(customers)
        for name in ("reconcile", "audit"):  # the first is started by `Net`
            found = self._prefect.get(f"/deployments/name/{name}/main").raise_for_status().json()
            for schedule in found["schedules"]:
                path = f"/deployments/{found['id']}/schedules/{schedule['id']}"
                self._prefect.patch(path, json={"active": False}).raise_for_status()

    def runs(self, ids: list[str]) -> list[Run]:
        """These runs as they are now."""
        wanted = {"flow_runs": {"id": {"any_": ids}}, "limit": 200}
        found: list[Run] = self._prefect.post("/flow_runs/filter", json=wanted).raise_for_status().json()
        return found

    def entries(self, since: int = 0) -> list[dict[str, Any]]:
        """The sandbox's ledger: every call that changed something, after that entry."""
        asked: dict[str, str | int] = {"effects": "1", "since": since}
        found: list[dict[str, Any]] = self._sandbox.get("/ledger", params=asked).raise_for_status().json()["entries"]
        return found

    def reconcile(self) -> str:
        """Start the net; the run's id."""
        found = self._prefect.get("/deployments/name/reconcile/main").raise_for_status().json()
        made = self._prefect.post(f"/deployments/{found['id']}/create_flow_run", json={}).raise_for_status().json()
        return str(made["id"])

    def run_processes(self, host: Host) -> set[int]:
        """The processes of the flow runs on that host: what its worker's only child, the zygote, has forked."""
        return {pid for zygote in descendants(self.workers[host.name].pid)[:1] for pid in descendants(zygote)}

    def online(self, name: str) -> bool:
        """Whether that worker is there, and has loaded the flows."""
        asked = self._prefect.post(f"/work_pools/{WORK_POOL}/workers/filter", json={}).raise_for_status().json()
        there = any(one["name"] == f"host-{name}" and one["status"] == "ONLINE" for one in asked)
        return there and "runs start warm" in self.workers[name].log.read_text()


class Net(threading.Thread):
    """Starts reconcile as its schedule would: again `every` seconds after the last one ended, or was lost itself."""

    def __init__(self, house: House, every: float) -> None:
        super().__init__(name="net", daemon=True)
        self.rounds = 0
        self._house, self._every, self._stopped = house, every, threading.Event()

    def __enter__(self) -> "Net":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.join()

    def run(self) -> None:
        while not self._stopped.is_set():
            with suppress(httpx.HTTPError):
                started, self.rounds = self._house.reconcile(), self.rounds + 1
                until = time.monotonic() + NET_PATIENCE
                while time.monotonic() < until and not self._stopped.wait(LOOK_SECONDS):
                    if self._house.runs([started])[0]["state"]["type"] in OVER:
                        break
            self._stopped.wait(self._every)


def kill_all(host: Host) -> int:
    """End everything on that host at once (SIGKILL), also what is being started meanwhile; how many there were."""
    ended: set[int] = set()
    while left := host.processes():
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended.update(left)
        time.sleep(0.02)
    return len(ended)


@contextmanager
def house() -> Iterator[House]:
    """Everything up, and gone afterwards. Each host has a PREFECT_HOME of its own: results are not shared."""
    with network(), tempfile.TemporaryDirectory(prefix="countersign-hosts-") as made, ExitStack() as held:
        home = Path(made)
        home.chmod(0o755)  # PostgreSQL's user must reach it
        direct = {name: ",".join(filter(None, (os.environ.get(name), HERE))) for name in ("NO_PROXY", "no_proxy")}
        stack = held.enter_context(
            LocalStack(
                home / "stack",
                database_url=OWN_POSTGRES,
                worker_type="warm",
                host=HERE,
                with_worker=False,
                extra=direct,
                say=lambda line: print(line, file=sys.stderr),
            )
        )
        workers = {host.name: start_worker(stack, host, home) for host in HOSTS}
        held.callback(lambda: [kill_all(host) for host in HOSTS])
        one = House(stack, workers)
        for name, worker in workers.items():
            worker.wait_until(lambda name=name: one.online(name), "ready", READY_SECONDS)  # type: ignore[misc]
        yield one


def start_worker(stack: LocalStack, host: Host, home: Path) -> Child:
    """`prefect worker start` on that host, with what README.md says that a host needs."""
    own = {"PREFECT_HOME": str(home / f"host-{host.name}")}
    command = (sys.executable, "-m", "prefect", "--no-prompt", "worker", "start", "--pool", WORK_POOL)
    return Child(
        f"worker on host {host.name}",
        [*host.enter, *command, "--type", "warm", "--name", f"host-{host.name}", "--limit", AT_A_TIME],
        cwd=stack.code,
        env={**stack.environment, **own},
        log=stack.logs / f"worker-{host.name}.log",
    )


def until(seen: Any, what: str, seconds: float) -> None:
    """Wait until something is so; raises `WentWrong`."""
    end = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > end:
            raise WentWrong(f"expected within {seconds:.0f} s: {what}")
        time.sleep(LOOK_SECONDS)
