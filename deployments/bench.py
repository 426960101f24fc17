"""How long a run takes from what wakes it to what it does: the warm worker and Prefect's own, in one sitting.

`python -m deployments.bench` (`make bench`): for each worker type a stack of its own on PostgreSQL, with the sandbox
and the receiver; prints one Markdown table. Agreements go out directly (N4's setting), so that nobody stands between.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deployments.bench_world import add_customers, request_of
from deployments.children import ChildFailed
from deployments.environment import WORKER_TYPES
from deployments.player import Player
from deployments.postgres import NoPostgres
from deployments.stack import OWN_POSTGRES, LocalStack

LOOK_SECONDS = 0.1
PATIENCE = 900.0
ALONE, AT_ONCE = 10, 40


class NotMeasured(Exception):
    """A procedure didn't go as it should, or not in the time that the measurement waits for it."""


@dataclass
class Measured:
    """What was measured with one worker type; all in seconds."""

    signed_to_ordered: list[float] = field(default_factory=list)
    started_to_sent: list[float] = field(default_factory=list)
    all_waiting: float = 0.0
    all_ordered: float = 0.0
    all_done: float = 0.0


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
        """All started together; when all wait, all signed together."""
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
        orders = len(self.moments("order placed", 0))
        expected = customers.stop
        if orders != expected:
            raise NotMeasured(f"{orders} orders at Pax8, and there should be {expected}: one a customer")

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


def measure(worker_type: str, alone: int, at_once: int) -> Measured:
    """Everything with one worker type, on a stack of its own; the first procedure warms up and isn't counted."""
    measured = Measured()
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as made:
        home = Path(made)
        home.chmod(0o755)  # PostgreSQL's user must reach it
        with LocalStack(home, database_url=OWN_POSTGRES, worker_type=worker_type, say=_say) as stack:
            bench = Bench(stack)
            bench.prepare(1 + alone + at_once)
            bench.one_by_one(range(1), Measured())
            bench.one_by_one(range(1, 1 + alone), measured)
            _say(f"{worker_type}: {measured}; now {at_once} at once")
            bench.all_at_once(range(1 + alone, 1 + alone + at_once), measured)
            _say(f"{worker_type}: {measured}")
    return measured


def table(results: dict[str, Measured], at_once: int) -> str:
    """The results as Markdown: medians, with the least and the most."""
    rows: list[tuple[str, list[str]]] = [
        ("signed → the order's POST at Pax8", [spread(one.signed_to_ordered) for one in results.values()]),
        ("started by the API → envelope sent", [spread(one.started_to_sent) for one in results.values()]),
        (f"{at_once} started at once → all waiting", [f"{one.all_waiting:.1f} s" for one in results.values()]),
        (f"{at_once} signed at once → all ordered", [f"{one.all_ordered:.1f} s" for one in results.values()]),
        (f"{at_once} signed at once → all done", [f"{one.all_done:.1f} s" for one in results.values()]),
    ]
    lines = [f"| | {' | '.join(results)} |", "| --- |" + " --- |" * len(results)]
    lines += [f"| {what} | {' | '.join(cells)} |" for what, cells in rows]
    return "\n".join(lines)


def spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, and print the table on standard output; what happens meanwhile goes to standard error."""
    parser = argparse.ArgumentParser(prog="deployments.bench", description=__doc__)
    parser.add_argument("--types", nargs="+", choices=WORKER_TYPES, default=list(reversed(WORKER_TYPES)))
    parser.add_argument("--alone", type=int, default=ALONE, help="procedures one by one, for the medians")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="procedures at the same time")
    chosen = parser.parse_args()
    try:
        results = {kind: measure(kind, chosen.alone, chosen.at_once) for kind in chosen.types}
    except (NotMeasured, ChildFailed, NoPostgres) as error:
        sys.exit(f"Not measured: {error}")
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL; {chosen.alone} measurements each:\n"
    )
    print(table(results, chosen.at_once))


if __name__ == "__main__":
    main()
