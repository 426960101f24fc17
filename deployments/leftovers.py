"""Ends every process of a stack, also those whose parents are gone: found by a mark in their environment.

A process worker starts each flow run in a session of its own, so a killed worker leaves them behind. Each stack
therefore starts this module as its warden: it waits for the end of its standard input, which comes when the stack
is gone, however it went, and then ends what carries the stack's mark. By process id, never by name.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

MARK = "COUNTERSIGN_STACK_ID"
PATIENCE_SECONDS = 8.0
POLL_SECONDS = 0.1


def marked(stack_id: str) -> Iterator[int]:
    """Process ids of this user whose environment carries the mark of that stack. Needs /proc: none elsewhere."""
    wanted = f"{MARK}={stack_id}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:  # gone meanwhile, or another user's
            continue
        if wanted in environment.split(b"\0"):
            yield int(entry.name)


def end_marked(stack_id: str, patience: float = PATIENCE_SECONDS) -> list[int]:
    """End all processes of that stack: asked first, killed after `patience` seconds. Returns whom it asked."""
    asked = list(marked(stack_id))
    _signal_all(asked, signal.SIGTERM)
    pause = threading.Event()
    for _ in range(int(patience / POLL_SECONDS)):
        if not any(True for _ in marked(stack_id)):
            return asked
        pause.wait(POLL_SECONDS)
    _signal_all(list(marked(stack_id)), signal.SIGKILL)
    return asked


def descendants(pid: int) -> list[int]:
    """Process ids of all that this process started, and of what those started. Needs /proc: none elsewhere."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            status = (entry / "stat").read_text()
        except OSError:
            continue
        parents[int(entry.name)] = int(status.rpartition(")")[2].split()[1])
    found: list[int] = []
    wave = {pid}
    while wave:
        wave = {child for child, parent in parents.items() if parent in wave}
        found += wave
    return found


def kill(pids: list[int]) -> None:
    """End these at once (SIGKILL)."""
    _signal_all(pids, signal.SIGKILL)


def _signal_all(pids: list[int], which: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, which)
        except ProcessLookupError:
            continue


def main() -> None:
    """Be the warden: `python -m deployments.leftovers STACK_ID`, with standard input held by the stack."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_marked(sys.argv[1])


if __name__ == "__main__":
    main()
