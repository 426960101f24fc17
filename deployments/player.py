"""Plays the people of a procedure over HTTP: the technician, contracts and the customer of the sandbox."""

import time
from collections.abc import Callable
from typing import Any

import httpx

Say = Callable[[str], None]
PATIENCE = 180.0
BUSY, BUSY_TRIES = 503, 10
"""Prefect's answer while SQLite is locked; the idempotency key makes it safe to ask again."""


class WentWrong(Exception):
    """The procedure did not do what it should; says what was expected and what is there."""


class Player:
    """Starts procedures through Prefect's API, answers their forms, and signs in the sandbox's console."""

    def __init__(self, prefect_api: str, sandbox_url: str) -> None:
        self._prefect = httpx.Client(base_url=prefect_api, timeout=30)
        self._sandbox = httpx.Client(base_url=f"{sandbox_url}/_sandbox", timeout=30)

    def start(self, deployment: str, parameters: dict[str, Any], key: str) -> str:
        """Start a procedure as another system would, with an idempotency key; returns the run's id."""
        found = self._prefect.get(f"/deployments/name/{deployment}/main").raise_for_status().json()
        body = {"parameters": parameters, "idempotency_key": key}
        for _ in range(BUSY_TRIES):
            made = self._prefect.post(f"/deployments/{found['id']}/create_flow_run", json=body)
            if made.status_code != BUSY:
                break
            time.sleep(1)
        return str(made.raise_for_status().json()["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """A flow run as Prefect has it."""
        found: dict[str, Any] = self._prefect.get(f"/flow_runs/{run_id}").raise_for_status().json()
        return found

    def wait_until_waiting(self, run_id: str, wait: str) -> dict[str, Any]:
        """Wait until the run waits for that; raises `WentWrong` when it ends instead, or takes too long."""
        return self._wait(run_id, lambda run: run["state"]["type"] == "PAUSED" and f"wait:{wait}" in run["tags"], wait)

    def wait_until_done(self, run_id: str) -> dict[str, Any]:
        """Wait until the run is completed."""
        return self._wait(run_id, lambda run: run["state"]["type"] == "COMPLETED", "the end")

    def _wait(self, run_id: str, reached: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            run = self.run(run_id)
            if reached(run):
                return run
            if run["state"]["type"] in ("COMPLETED", "FAILED", "CANCELLED"):
                raise WentWrong(f"expected {what}, but the run is {run['state']['name']}: {run['state']['message']}")
            time.sleep(0.3)
        raise WentWrong(f"expected {what} within {PATIENCE:.0f} s; the run is {self.run(run_id)['state']['name']}")

    def answer(self, run_id: str, **form: str) -> None:
        """Answer the form of a waiting run; raises `WentWrong` with Prefect's reason."""
        said = self._prefect.post(f"/flow_runs/{run_id}/resume", json={"run_input": form}).raise_for_status().json()
        if said["status"] != "ACCEPT":
            raise WentWrong(f"the answer was not taken: {said}")

    def envelope_of(self, run: dict[str, Any]) -> str:
        """The DocuSign envelope of a procedure."""
        return next(str(tag).removeprefix("envelope:") for tag in run["tags"] if tag.startswith("envelope:"))

    def sign(self, envelope_id: str) -> None:
        """The customer signs, then we countersign; the sandbox's DocuSign calls the webhook."""
        self._sandbox.post(f"/envelopes/{envelope_id}/sign", json={}).raise_for_status()

    def effects(self) -> list[str]:
        """What happened at the vendors, in order, by the sandbox's ledger."""
        entries = self._sandbox.get("/ledger", params={"effects": "1"}).raise_for_status().json()
        rows = entries["entries"] if isinstance(entries, dict) else entries
        return [effect if isinstance(effect, str) else str(effect) for row in rows if (effect := row.get("effect"))]

    def mails(self) -> list[dict[str, Any]]:
        """Every mail that went out."""
        found: list[dict[str, Any]] = self._sandbox.get("/mails").raise_for_status().json()["mails"]
        return [mail for mail in found if mail["direction"] == "sent"]
