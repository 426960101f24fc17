"""The whole procedure on Prefect, by worker type: from what wakes a run to what it does.

For each worker type a stack of its own on PostgreSQL, with the sandbox and the receiver. Agreements go out directly
(N4's setting), so that nobody stands between.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deployments.bench.results import Measured, NotMeasured
from deployments.bench_world import add_customers, request_of
from deployments.player import Player
from deployments.stack import OWN_POSTGRES, LocalStack

LOOK_SECONDS = 0.5
"""Calls are timed by the sandbox's ledger, whenever they are looked for; "all waiting" and "all done" by this look."""
PATIENCE = 900.0


class Bench:
    """One stack with its customers."""

    def __init__(self, stack: LocalStack) -> None:
        self._player = Player(stack.prefect_api, stack.sandbox_url)
        self._prefect = httpx.Client(base_url=stack.prefect_api, timeout=60)
        self._sandbox = httpx.Client(base_url=f"{stack.sandbox_url}/_sandbox", timeout=60)
        self._sandbox_url = stack.sandbox_url

    def prepare(self, customers: int) -> None:
        """Settings and customers; provisioning takes no time."""
        path = "/block_types/slug/countersign-settings/block_documents/name/main"
        block = self._prefect.get(path).raise_for_status().json()
        data = {**block["data"], "release": "sent directly"}
        body = {"data": data, "merge_existing_data": True}
        self._prefect.patch(f"/block_documents/{block['id']}", json=body).raise_for_status()
        self._sandbox.post("/pax8/provisioning", json={"mode": "instant"}).raise_for_status()
        add_customers(self._sandbox_url, range(customers))

    def one_by_one(self, customers: range, measured: Measured) -> None:
        """Each alone: start by the API, sign, and wait for its end before the next."""
        for customer in customers:
            began = time.time()
            run = self.start(customer)
            envelope = self._player.envelope_of(self.waiting([run])[0])
            measured.started_to_sent.append(self.when("envelope sent", began) - began)
            began = time.time()
            self._player.sign(envelope)
            self.done([run])
            measured.signed_to_ordered.append(self.when("order placed", began) - began)

    def all_at_once(self, customers: range, measured: Measured) -> None:
        """All started together; when all wait, all signed together. Raises `NotMeasured` unless one order each."""
        ordered_before = len(self.moments("order placed", 0))
        began = time.time()
        runs = [self.start(customer) for customer in customers]
        envelopes = [self._player.envelope_of(run) for run in self.waiting(runs)]
        measured.all_waiting = time.time() - began
        began = time.time()
        for envelope in envelopes:
            self._player.sign(envelope)
        self.done(runs)
        measured.all_done = time.time() - began
        measured.all_ordered = max(self.moments("order placed", began)) - began
        orders = len(self.moments("order placed", 0)) - ordered_before
        if orders != len(customers):
            raise NotMeasured(f"{orders} orders at Pax8, and there should be {len(customers)}: one a customer")

    def start(self, customer: int) -> str:
        return self._player.start("new-subscription", request_of(customer), f"bench-{customer}-{uuid4()}")

    def waiting(self, runs: Sequence[str]) -> list[dict[str, Any]]:
        """The runs, once all wait for the signature."""
        return self._until(runs, lambda run: "wait:signature" in run["tags"] and run["state"]["type"] == "PAUSED")

    def done(self, runs: Sequence[str]) -> list[dict[str, Any]]:
        """The runs, once all are completed."""
        return self._until(runs, lambda run: run["state"]["type"] == "COMPLETED")

    def _until(self, runs: Sequence[str], reached: Any) -> list[dict[str, Any]]:
        """One call a look, for all of them, so that the measuring doesn't weigh on the server."""
        until = time.monotonic() + PATIENCE
        wanted = {"flow_runs": {"id": {"any_": list(runs)}}, "limit": 200}
        while time.monotonic() < until:
            found = self._prefect.post("/flow_runs/filter", json=wanted).raise_for_status().json()
            if all(reached(run) for run in found):
                return list(found)
            ended = [run for run in found if run["state"]["type"] in ("FAILED", "CANCELLED", "CRASHED")]
            if ended:
                raise NotMeasured(f"{ended[0]['name']}: {ended[0]['state']['name']}: {ended[0]['state']['message']}")
            time.sleep(LOOK_SECONDS)
        states = sorted(f"{run['name']}: {run['state']['name']}" for run in found)
        raise NotMeasured(f"not all there after {PATIENCE:.0f} s: {'; '.join(states)[:1000]}")

    def when(self, effect: str, since: float) -> float:
        """The moment of that effect's call at the vendor, by the sandbox's ledger."""
        return min(self.moments(effect, since))

    def moments(self, effect: str, since: float) -> list[float]:
        rows = self._sandbox.get("/ledger", params={"effects": "1"}).raise_for_status().json()["entries"]
        at = [datetime.fromisoformat(row["real_at"]).timestamp() for row in rows if row["effect"] == effect]
        return [moment for moment in at if moment >= since]


def measure(worker_type: str, alone: int, at_once: int, say: Callable[[str], None]) -> Measured:
    """Everything with one worker type, on a stack of its own; the first procedure warms up and isn't counted."""
    measured = Measured()
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as made:
        home = Path(made)
        home.chmod(0o755)  # PostgreSQL's user must reach it
        with LocalStack(home, database_url=OWN_POSTGRES, worker_type=worker_type, say=say) as stack:
            bench = Bench(stack)
            bench.prepare(1 + alone + at_once)
            bench.one_by_one(range(1), Measured())
            bench.one_by_one(range(1, 1 + alone), measured)
            say(f"{worker_type}: {measured}; now {at_once} at once")
            bench.all_at_once(range(1 + alone, 1 + alone + at_once), measured)
            say(f"{worker_type}: {measured}")
    return measured
