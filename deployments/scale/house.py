"""A stack on PostgreSQL in which many procedures wait: some real, the others copies of a real one."""

import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deployments.bench_world import add_customers, request_of
from deployments.player import Player, WentWrong
from deployments.postgres import local_postgres
from deployments.scale.copies import Pattern, Renamer, connect, copy, read_pattern, spread_starts
from deployments.scale.usage import Usage, parts_of
from deployments.stack import LocalStack

AT_A_TIME = 20
DAYS = 30
PATIENCE = 1800.0
RECORDS_AT_A_TIME = 500


class House:
    """The stack, its database, and what the people around it do."""

    def __init__(self, stack: LocalStack, database_url: str, data: Path) -> None:
        self.stack = stack
        self.database_url = database_url
        self._data = data
        self.player = Player(stack.prefect_api, stack.sandbox_url)
        self.prefect = httpx.Client(base_url=stack.prefect_api, timeout=120)
        self.sandbox = httpx.Client(base_url=f"{stack.sandbox_url}/_sandbox", timeout=120)

    def prepare(self, customers: int) -> None:
        """Agreements go out directly, provisioning takes no time, the net runs only when it is asked to."""
        path = "/block_types/slug/countersign-settings/block_documents/name/main"
        block = self.prefect.get(path).raise_for_status().json()
        body = {"data": {**block["data"], "release": "sent directly"}, "merge_existing_data": True}
        self.prefect.patch(f"/block_documents/{block['id']}", json=body).raise_for_status()
        self.sandbox.post("/pax8/provisioning", json={"mode": "instant"}).raise_for_status()
        add_customers(self.stack.sandbox_url, range(customers))
        for name in ("reconcile", "audit"):
            found = self.prefect.get(f"/deployments/name/{name}/main").raise_for_status().json()
            for schedule in found["schedules"]:
                self.prefect.patch(
                    f"/deployments/{found['id']}/schedules/{schedule['id']}", json={"active": False}
                ).raise_for_status()

    def wait_for_signatures(self, customers: range) -> list[str]:
        """Start a procedure for each of these customers by the real flow, until all wait; their run ids."""
        runs: list[str] = []
        for start in range(customers.start, customers.stop, AT_A_TIME):
            some = range(start, min(start + AT_A_TIME, customers.stop))
            started = [self.player.start("new-subscription", request_of(n), f"scale-{n}-{uuid4()}") for n in some]
            for run in started:
                self.player.wait_until_waiting(run, "signature")
            runs += started
        return runs

    async def copy_waiting(self, run_id: str, copies: range, without: Iterable[str] = ()) -> Pattern:
        """Let this waiting procedure wait so many times more: rows (but those of `without`) and envelopes."""
        run = self.player.run(run_id)
        envelope = self.player.envelope_of(run)
        connection = await connect(self.database_url)
        try:
            pattern = await read_pattern(connection, run_id, own=(envelope,))
            key = str(run["idempotency_key"])
            named = await copy(connection, pattern, copies, {n: {key: f"{key}-{n}"} for n in copies}, without)
            await spread_starts(connection, [names[run_id] for names in named], DAYS, by_day=False)
        finally:
            await connection.close()
        record = self.sandbox.get(f"/records/docusign.envelopes/{envelope}").raise_for_status().text
        rename = Renamer(record, named[0]) if named else None
        for start in range(0, len(named), RECORDS_AT_A_TIME):
            assert rename is not None  # noqa: S101 - there are copies
            some = {names[envelope]: json.loads(rename(names)) for names in named[start : start + RECORDS_AT_A_TIME]}
            self.put({"docusign.envelopes": some})
        return pattern

    def usage(self) -> dict[str, Usage]:
        """What each part of the stack has used so far."""
        return parts_of(self.stack.stack_id, int((self._data / "postmaster.pid").read_text().split()[0]))

    def put(self, records: dict[str, dict[str, Any]]) -> None:
        """Put records into the sandbox."""
        self.sandbox.post("/records", json={"records": records}).raise_for_status()

    def count(self, **wanted: Any) -> int:
        """How many runs there are of that kind, by Prefect's own filter."""
        found = self.prefect.post("/flow_runs/count", json={"flow_runs": wanted}).raise_for_status().json()
        return int(found)

    def reconcile(self) -> dict[str, Any]:
        """One round of the net, run by the worker; the run as it ended."""
        found = self.prefect.get("/deployments/name/reconcile/main").raise_for_status().json()
        run = self.prefect.post(f"/deployments/{found['id']}/create_flow_run", json={}).raise_for_status().json()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            now = self.player.run(run["id"])
            if now["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                break
            time.sleep(0.5)
        if now["state"]["type"] != "COMPLETED":
            raise WentWrong(f"the net is {now['state']['name']}: {now['state']['message']}")
        return now

    def last_entry(self) -> int:
        """The number of the sandbox's newest entry in its ledger."""
        entries = self.sandbox.get("/ledger", params={"limit": 1}).raise_for_status().json()["entries"]
        return int(entries[-1]["seq"]) if entries else 0

    def calls(self, vendor: str, since: int) -> list[dict[str, Any]]:
        """What was asked of a vendor since that entry."""
        query: dict[str, str | int] = {"vendor": vendor, "since": since}
        found: list[dict[str, Any]] = self.sandbox.get("/ledger", params=query).raise_for_status().json()["entries"]
        return found


@contextmanager
def house() -> Iterator[House]:
    """A stack of its own on a PostgreSQL of its own, in a directory that goes with it."""
    with tempfile.TemporaryDirectory(prefix="countersign-scale-") as made:
        home = Path(made)
        home.chmod(0o755)  # PostgreSQL's user must reach it
        with (
            local_postgres(home / "postgres", home / "postgresql.log") as database_url,
            LocalStack(home / "stack", database_url=database_url, worker_type="warm", say=lambda _: None) as stack,
        ):
            yield House(stack, database_url, home / "postgres")
