"""Follows the sandbox's clock: when somebody moves it, reconcile runs, so that the days now reached are acted on.

In production time doesn't jump, and reconcile's own 15 minutes suffice; at the console one day is one click.
"""

import threading
from collections.abc import Callable

import httpx

RECONCILE = "reconcile/main"
POLL_SECONDS = 0.5


class ClockFollower:
    """A thread of the stack that starts one run of reconcile for each move of the sandbox's clock."""

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
            acted_on = self._offset(http)
            while not self._stopped.wait(POLL_SECONDS):
                offset = self._offset(http)
                if offset is None or offset == acted_on:
                    continue
                if acted_on is None or self._reconcile(http, offset):
                    acted_on = offset

    def _offset(self, http: httpx.Client) -> float | None:
        """Seconds by which the sandbox is ahead of real time; None while it is down."""
        try:
            return float(http.get(f"{self._sandbox_url}/_sandbox/clock").raise_for_status().json()["offset_seconds"])
        except httpx.HTTPError:
            return None

    def _reconcile(self, http: httpx.Client, offset: float) -> bool:
        """Whether a run was started; tried again at the next look if not."""
        try:
            deployment = http.get(f"{self._prefect_api}/deployments/name/{RECONCILE}").raise_for_status().json()
            http.post(f"{self._prefect_api}/deployments/{deployment['id']}/create_flow_run", json={}).raise_for_status()
        except httpx.HTTPError as error:
            self._say(f"The sandbox's clock was moved, but {RECONCILE} could not be started: {error}")
            return False
        self._say(f"The sandbox's clock was moved ({offset / 3600:+.1f} h from real time): {RECONCILE} is started.")
        return True
