"""What was measured, as text: medians and spread, the table, and the words below it. Nothing here measures."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

GIB = 1024**3


class NotMeasured(Exception):
    """A procedure didn't go as it should, or not in the time that the measurement waits for it."""


@dataclass
class Measured:
    """What was measured with one worker type or engine; all in seconds."""

    signed_to_ordered: list[float] = field(default_factory=list)
    started_to_sent: list[float] = field(default_factory=list)
    all_waiting: float = 0.0
    all_ordered: float = 0.0
    all_done: float = 0.0


@dataclass(frozen=True)
class Circumstances:
    """Where and when it was measured. `load`: the machine's, over the minute before; `memory` in bytes."""

    day: date
    cores: int
    memory: int
    load: float
    versions: Mapping[str, str]


def spread(seconds: Sequence[float]) -> str:
    """The median, with the least and the most."""
    places = 2 if statistics.median(seconds) >= 0.1 else 3
    return f"{statistics.median(seconds):.{places}f} s ({min(seconds):.{places}f} to {max(seconds):.{places}f})"


def table(results: Mapping[str, Measured], at_once: int) -> str:
    """The results as Markdown, a column for each worker type or engine."""
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


def below(circumstances: Circumstances, alone: int) -> str:
    """One sentence for below the table and the picture: how many, when, on what, with which versions."""
    there = circumstances
    machine = f"{there.cores} cores, {there.memory / GIB:.0f} GiB, load {there.load:.1f} before"
    versions = ", ".join(f"{name} {version}" for name, version in there.versions.items())
    return f"Medians of {alone} (least to most), measured {there.day.isoformat()} on {machine}; {versions}."


def report(results: Mapping[str, Measured], circumstances: Circumstances, alone: int, at_once: int) -> str:
    """The table and the sentence below it, as they stand in the README."""
    return f"{table(results, at_once)}\n\n{below(circumstances, alone)}\n"
