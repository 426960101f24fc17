"""What the parts of a stack use of the machine: processor time and memory, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

from deployments.leftovers import descendants, marked

TICKS = os.sysconf("SC_CLK_TCK")
PARTS = {
    "server": b"prefect\0server\0start",
    "worker": b"worker\0start",
    "receiver": b"deployments.receiver",
    "sandbox": b"-m\0sandbox\0",
}


@dataclass(frozen=True)
class Usage:
    """Processor seconds used so far, and memory in MB (each process's own share: PSS), of one part."""

    cpu_seconds: float
    memory_mb: float
    processes: int


def usage_of(pids: list[int]) -> Usage:
    """What these processes and all that they started use."""
    everybody = {pid for root in pids for pid in (root, *descendants(root))}
    return Usage(sum(map(_cpu, everybody)), sum(map(_memory, everybody)), len(everybody))


def parts_of(stack_id: str, postgres: int) -> dict[str, Usage]:
    """The parts of a stack, the runs' processes with the worker, and its PostgreSQL, given by its process id.

    Raises RuntimeError for one that isn't there.
    """
    commands = {pid: _command(pid) for pid in marked(stack_id)}
    found = {"PostgreSQL": usage_of([postgres])}
    for part, words in PARTS.items():
        pids = [pid for pid, command in commands.items() if words in command]
        if not pids:
            raise RuntimeError(f"the {part} of the stack isn't there")
        found[part] = usage_of(pids)
    return found


def runs_alive(stack_id: str) -> int:
    """How many processes of the worker are there beside itself and the one that forks."""
    worker = next(pid for pid in marked(stack_id) if PARTS["worker"] in _command(pid))
    return sum(1 for pid in descendants(worker) if b"deployments.worker.zygote" not in _command(pid))


def _command(pid: int) -> bytes:
    return _read(pid, "cmdline")


def _cpu(pid: int) -> float:
    """Its own time, and that of children which have ended."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICKS if fields else 0.0


def _memory(pid: int) -> float:
    for line in _read(pid, "smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _read(pid: int, name: str) -> bytes:
    try:
        return (Path("/proc") / str(pid) / name).read_bytes()
    except OSError:  # gone meanwhile
        return b""
