"""A whole sandbox on a free port of this process, with the few levers that the stand-ins' tests pull."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from sandbox.app import Sandbox
from sandbox.core import World


@dataclass(frozen=True)
class StandIns:
    """Where it listens, its world (for arranging), and its credentials."""

    base_url: str
    inside: Sandbox
    credentials: dict[str, Any]

    @property
    def world(self) -> World:
        """The world itself, for what a test arranges rather than asks."""
        return self.inside.world

    def control(self, method: str, path: str, json: Any = None) -> Any:
        """Pull a lever below `/_sandbox/`."""
        answer = httpx.request(method, f"{self.base_url}/_sandbox/{path}", json=json, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def effects(self, vendor: str, effect: str | None = None) -> list[dict[str, Any]]:
        """The effects of a vendor in the ledger, oldest first."""
        entries = self.control("GET", f"ledger?effects=1&vendor={vendor}")["entries"]
        told = [one for entry in entries for one in entry["effects"]]
        return [one for one in told if effect in (None, one["effect"])]

    def advance(self, **by: float) -> None:
        """Moves the sandbox's clock: `seconds=` or `days=`."""
        self.control("POST", "clock", {f"advance_{unit}": value for unit, value in by.items()})

    def client(self, path: str, headers: dict[str, str]) -> httpx.Client:
        """A client below a path, with a vendor's headers."""
        return httpx.Client(base_url=f"{self.base_url}{path}", headers=headers, timeout=30)


@contextmanager
def stand_ins(state: Path | None = None) -> Iterator[StandIns]:
    """Serve a sandbox while the block runs: a fresh one in memory, or the one that the file keeps."""
    inside = Sandbox(state)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(inside.asgi, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    patience = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < patience, "the sandbox didn't come up"
        time.sleep(0.01)  # until it listens
    base_url = f"http://127.0.0.1:{port}"
    credentials = httpx.get(f"{base_url}/_sandbox/credentials", timeout=30).raise_for_status().json()
    try:
        yield StandIns(base_url, inside, credentials)
    finally:
        server.should_exit = True
        thread.join(timeout=20)
