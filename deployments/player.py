"""Plays the people of a procedure over HTTP: the technician, contracts, the customer, and time of the sandbox."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

Say = Callable[[str], None]
PATIENCE = 180.0
NOT_FOUND = 404
BUSY, BUSY_TRIES = 503, 10
"""Prefect's answer while SQLite is locked: a start has its idempotency key, and a form is answered once."""


class WentWrong(Exception):
    """The procedure did not do what it should; says what was expected and what is there."""


class Player:
    """Starts procedures through Prefect's API, answers their forms, and acts in the sandbox's console."""

    def __init__(self, prefect_api: str, sandbox_url: str) -> None:
        self._prefect = httpx.Client(base_url=prefect_api, timeout=120)
        self._sandbox = httpx.Client(base_url=f"{sandbox_url}/_sandbox", timeout=120)

    def start(self, deployment: str, parameters: dict[str, Any], key: str) -> str:
        """Start a procedure as another system would, with an idempotency key; returns the run's id."""
        found = self._prefect.get(f"/deployments/name/{deployment}/main").raise_for_status().json()
        body = {"parameters": parameters, "idempotency_key": key}
        return str(self._insist(f"/deployments/{found['id']}/create_flow_run", body)["id"])

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

    def wait_until_ended(self, run_id: str, name: str) -> dict[str, Any]:
        """Wait until the run has ended under that name, e.g. `Ended unsigned`, which Prefect counts as cancelled."""
        return self._wait(run_id, lambda run: run["state"]["name"] == name, name)

    def wait_until(self, seen: Callable[[], bool], what: str) -> None:
        """Wait until something is to be seen outside."""
        until = time.monotonic() + PATIENCE
        while not seen():
            if time.monotonic() > until:
                raise WentWrong(f"expected within {PATIENCE:.0f} s: {what}")
            time.sleep(0.3)

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
        """Answer the form of a waiting run, again while it is just awake; raises `WentWrong` with Prefect's reason."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            said = self._insist(f"/flow_runs/{run_id}/resume", {"run_input": form})
            if said["status"] == "ACCEPT":
                return
            time.sleep(1)
        raise WentWrong(f"the answer {form} was not taken within {PATIENCE:.0f} s: {said}; {self.run(run_id)['state']}")

    def runs_tagged(self, tag: str) -> list[dict[str, Any]]:
        """Every run that carries a tag."""
        wanted = {"flow_runs": {"tags": {"all_": [tag]}}}
        found: list[dict[str, Any]] = self._prefect.post("/flow_runs/filter", json=wanted).raise_for_status().json()
        return found

    def remembered(self, run_id: str, key: str) -> Any:
        """What a procedure keeps in its run under a name; raises `WentWrong` if it keeps nothing there."""
        found = self._prefect.get(f"/flow_runs/{run_id}/input/{key}")
        if found.status_code == NOT_FOUND:
            raise WentWrong(f"the run {run_id} remembers no {key}")
        return found.raise_for_status().json()

    def reference_of(self, run: dict[str, Any]) -> str:
        """The reference of a procedure, CS-…."""
        return next(str(tag).removeprefix("ref:") for tag in run["tags"] if tag.startswith("ref:"))

    def _insist(self, path: str, body: dict[str, Any]) -> Any:
        """Post to Prefect, again while it is busy."""
        for _ in range(BUSY_TRIES):
            answer = self._prefect.post(path, json=body)
            if answer.status_code != BUSY:
                break
            time.sleep(1)
        return answer.raise_for_status().json()

    def envelope_of(self, run: dict[str, Any]) -> str:
        """The DocuSign envelope of a procedure."""
        return next(str(tag).removeprefix("envelope:") for tag in run["tags"] if tag.startswith("envelope:"))

    def sign(self, envelope_id: str, by: str = "all") -> None:
        """The customer signs, then we countersign, or only one of us; the sandbox's DocuSign calls the webhook."""
        self._sandbox.post(f"/envelopes/{envelope_id}/sign", json={"by": by}).raise_for_status()

    def confirm(self, reference: str, mail: str = "terms-1", text: str = "") -> None:
        """The customer's contact answers one of our mails, by the first sentence that it offers, or in other words."""
        answer = {"text": text} if text else {"sentence": True}
        self._sandbox.post(f"/mails/{quote(f'{reference}/{mail}', safe='')}/answer", json=answer).raise_for_status()

    def lever(self, path: str, body: dict[str, Any]) -> None:
        """Move one of the sandbox's levers: somebody does something outside."""
        self._sandbox.post(f"/{path}", json=body).raise_for_status()

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Every record of a kind that a vendor keeps."""
        found = self._sandbox.get(f"/records/{kind}").raise_for_status().json()["records"]
        return list(found.values())

    def approve(self, relationship_id: str) -> None:
        """The customer's administrator follows the link and approves, as soon as Microsoft lets him."""

        def is_open() -> bool:
            shown = [one for one in self.records("graph.relationships") if one["id"] == relationship_id]
            return bool(shown) and shown[0]["status"] == "approvalPending"

        self.wait_until(is_open, "the relationship awaits approval")
        self.lever(f"graph/relationships/{relationship_id}/approve", {})

    def look_until(self, run_id: str, wait: str) -> None:
        """Have a waiting run look until it waits for that, or, for an empty one, has completed."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            run = self.run(run_id)
            state = run["state"]["type"]
            if (wait and f"wait:{wait}" in run["tags"] and state == "PAUSED") or (not wait and state == "COMPLETED"):
                return
            if state == "PAUSED":
                self.answer(run_id, action="look again", decided_by="clock")
            time.sleep(1)
        raise WentWrong(f"expected {wait or 'the end'} within {PATIENCE:.0f} s")

    def now(self) -> datetime:
        """The sandbox's time."""
        return datetime.fromisoformat(self._sandbox.get("/clock").raise_for_status().json()["now"])

    def move_clock(self, to: datetime) -> None:
        """Move the sandbox's clock to a moment; the stack has reconcile look at once."""
        self._sandbox.post("/clock", json={"now": to.isoformat()}).raise_for_status()

    def effects(self) -> list[str]:
        """What happened at the vendors, in order, by the sandbox's ledger."""
        return [str(effect) for row in self._ledger() if (effect := row.get("effect"))]

    def effects_of(self, name: str) -> list[dict[str, Any]]:
        """Every effect of a name with its facts, in order, by the sandbox's ledger."""
        return [effect for row in self._ledger() for effect in row.get("effects", []) if effect["effect"] == name]

    def _ledger(self) -> list[dict[str, Any]]:
        entries = self._sandbox.get("/ledger", params={"effects": "1"}).raise_for_status().json()
        rows: list[dict[str, Any]] = entries["entries"] if isinstance(entries, dict) else entries
        return rows

    def mails(self) -> list[dict[str, Any]]:
        """Every mail that went out."""
        found: list[dict[str, Any]] = self._sandbox.get("/mails").raise_for_status().json()["mails"]
        return [mail for mail in found if mail["direction"] == "sent"]
