"""What a measurement says: one figure a row, with the circumstances that it was taken under."""

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from deployments.scale.usage import Usage


@dataclass(frozen=True)
class Row:
    """One figure. `how`: what was done, and under which load of the machine."""

    name: str
    figure: str
    unit: str
    how: str


def row(name: str, figure: float | str, unit: str, how: str) -> Row:
    """A row that also says how busy the machine was: its mean number of waiting processes in the last minute.

    Said at once on standard error, too: what comes after it may go wrong.
    """
    shown = figure if isinstance(figure, str) else f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"
    made = Row(name, shown, unit, f"{how} (load {os.getloadavg()[0]:.1f})")
    print(f"{made.name}: {made.figure} {made.unit}; {made.how}", file=sys.stderr, flush=True)
    return made


def shares(before: Mapping[str, Usage], after: Mapping[str, Usage], count: int) -> str:
    """Processor seconds of each part for one of `count`, the largest first."""
    used = {part: (after[part].cpu_seconds - before[part].cpu_seconds) / count for part in after}
    return ", ".join(f"{part} {seconds:.2f}" for part, seconds in sorted(used.items(), key=lambda one: -one[1]))


def as_table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table, the machine and the day above it."""
    day = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [
        f"{day}, {os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL:",
        "",
        "| what | figure | unit | how |",
        "| :-- | --: | :-- | :-- |",
    ]
    return "\n".join([*lines, *(f"| {one.name} | {one.figure} | {one.unit} | {one.how} |" for one in rows)])
