"""Which local stack runs from a home directory: a lock that the system frees with its process, and its addresses."""

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deployments.ports import Addresses


class AlreadyRuns(Exception):
    """A stack runs from this home directory already."""


@contextmanager
def only_one(home: Path, addresses: Addresses) -> Iterator[None]:
    """Hold the home directory for one stack and write down where it listens; raises `AlreadyRuns`."""
    with (home / "stack.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRuns(_in_words(home)) from None
        description = _description(home)
        description.write_text(json.dumps({"pid": os.getpid(), "addresses": asdict(addresses)}))
        try:
            yield
        finally:
            description.unlink(missing_ok=True)


def refuse_second(home: Path) -> None:
    """Raises `AlreadyRuns` when a stack runs from this home directory."""
    if _held(home):
        raise AlreadyRuns(_in_words(home))


def find_running(home: Path) -> Addresses | None:
    """Where the stack of that home directory listens; None when none runs, or one is only just starting."""
    found = _read(home) if _held(home) else None
    return Addresses(**found["addresses"]) if found else None


def stop_running(home: Path) -> bool:
    """Ask the stack of that home directory to end, and wait until it has; False when none runs."""
    found = _read(home) if _held(home) else None
    if found is None:
        return False
    os.kill(found["pid"], signal.SIGTERM)
    with (home / "stack.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
    return True


def _description(home: Path) -> Path:
    return home / "stack.json"


def _read(home: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(_description(home).read_text())
    except (OSError, ValueError):  # not written yet, or just taken away
        return None
    return found


def _in_words(home: Path) -> str:
    found = _read(home)
    where = f"process {found['pid']}, {Addresses(**found['addresses']).ui}" if found else "just starting or ending"
    return f"A stack already runs from {home}: {where}. Stop it with `make stop`."


def _held(home: Path) -> bool:
    """Whether a living process holds the lock."""
    file = home / "stack.lock"
    if not file.exists():
        return False
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
