"""Follows the sandbox: when somebody moves its clock, or a person's mail arrives, reconcile runs at once.

In production time doesn't jump, and a reply may wait for reconcile's own 15 minutes; at the console one day is one
click, and so is the customer's answer.
"""

import threading
from collections.abc import Callable

import httpx

RECONCILE = "reconcile/main"
POLL_SECONDS = 0.5
BUSY = 503
"""What Prefect answers while SQLite is locked: the next look tries again, and nobody needs to be told."""
MACHINE = "no-reply@"


class ClockFollower:
    """A thread of the stack that starts one run of reconcile for each move of the clock and each burst of mail."""

    def __init__(self, sandbox_url: str, prefect_api: str, say: Callable[[str], None]) -> None:
        self._sandbox_url = sandbox_url
        self._prefect_api = prefect_api
        self._say = say
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="clock follower", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _follow(self) -> None:
        with httpx.Client(timeout=5) as http:
            acted_on, read_to = self._offset(http), self._mails_since(http, 0)[1]
            unread = False
            while not self._stopped.wait(POLL_SECONDS):
                offset = self._offset(http)
                if offset is not None and offset != acted_on:
                    moved = f"The sandbox's clock was moved ({offset / 3600:+.1f} h from real time)"
                    if acted_on is None or self._reconcile(http, moved):
                        acted_on = offset
                came, read_to = self._mails_since(http, read_to)
                if came:
                    unread = True  # more may follow at once: the next quiet look acts on them together
                elif unread and self._reconcile(http, "A mail has come"):
                    unread = False

    def _offset(self, http: httpx.Client) -> float | None:
        """Seconds by which the sandbox is ahead of real time; None while it is down."""
        try:
            return float(http.get(f"{self._sandbox_url}/_sandbox/clock").raise_for_status().json()["offset_seconds"])
        except httpx.HTTPError:
            return None

    def _mails_since(self, http: httpx.Client, seq: int) -> tuple[bool, int]:
        """Whether people's mail has come since that entry of the ledger, and the newest entry; no while it is down."""
        wanted: dict[str, str | int] = {"since": seq, "effects": "1"}
        try:
            told = http.get(f"{self._sandbox_url}/_sandbox/ledger", params=wanted).raise_for_status().json()
        except httpx.HTTPError:
            return False, seq
        entries = told["entries"]
        senders = [
            str(effect.get("sender", ""))
            for entry in entries
            for effect in entry["effects"]
            if effect["effect"] == "mail received"
        ]
        newest = max((int(entry["seq"]) for entry in entries), default=seq)
        return any(not sender.startswith(MACHINE) for sender in senders), newest

    def _reconcile(self, http: httpx.Client, why: str) -> bool:
        """Whether a run was started; tried again at the next look if not."""
        try:
            deployment = http.get(f"{self._prefect_api}/deployments/name/{RECONCILE}").raise_for_status().json()
            http.post(f"{self._prefect_api}/deployments/{deployment['id']}/create_flow_run", json={}).raise_for_status()
        except httpx.HTTPError as error:
            if isinstance(error, httpx.HTTPStatusError) and error.response.status_code == BUSY:
                return False
            self._say(f"{why}, but {RECONCILE} could not be started: {error}")
            return False
        self._say(f"{why}: {RECONCILE} is started.")
        return True
