"""Draws the measurement as a PNG: reads JSON on standard input; runs in an environment of its own, with matplotlib.

`{"series": {name: {"signed_to_ordered": [seconds], "started_to_sent": [seconds]}}, "below": text}`; the first
argument is the file to write.
"""

import json
import math
import statistics
import sys
import textwrap
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.ticker import NullFormatter

PANELS = {
    "signed_to_ordered": "agreement signed → the order's POST at Pax8",
    "started_to_sent": "started by the API → envelope sent",
}
COLOURS = ("#8c8c8c", "#0b6e99", "#b8741a", "#6a4c93")


def draw(told: dict[str, Any], file: str) -> None:
    """One picture, a panel for each measure, a row for each worker type or engine, seconds on a log scale."""
    names = list(told["series"])
    figure, panels = plt.subplots(1, 2, figsize=(11, 1.9 + 0.55 * len(names)), sharey=True, sharex=True)
    for panel, (measure, title) in zip(panels, PANELS.items(), strict=True):
        for place, name in enumerate(names):
            _row(panel, place, told["series"][name][measure], COLOURS[place % len(COLOURS)])
        panel.set_title(title, fontsize=11, loc="left")
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter(
            lambda seconds, _: f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"
        )
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.set_xlim(_decades([value for one in told["series"].values() for each in PANELS for value in one[each]]))
        panel.grid(axis="x", which="major", color="#dddddd")
        panel.grid(axis="x", which="minor", color="#f0f0f0")
        panel.set_axisbelow(True)
        for side in ("top", "right", "left"):
            panel.spines[side].set_visible(False)
        panel.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.4, -0.75)
    figure.text(0.01, 0.015, "\n".join(textwrap.wrap(told["below"], 165)), fontsize=8, color="#555555")
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    # No date or version of the library inside: the same numbers give the same file.
    figure.savefig(file, dpi=130, metadata={"Software": None})


def _shown(seconds: float, form: str) -> str:
    """Seconds in words: below one in milliseconds."""
    return f"{seconds:{form}} s" if seconds >= 1 else f"{seconds * 1000:{form}} ms"


def _decades(seconds: list[float]) -> tuple[float, float]:
    """Whole powers of ten around all of them, so that the axis has its labels."""
    return 10.0 ** math.floor(math.log10(min(seconds))), 10.0 ** math.ceil(math.log10(max(seconds)))


def _row(panel: Any, place: int, seconds: list[float], colour: str) -> None:
    """Every measurement as a dot on a line from the least to the most, the median as a bar with its figure."""
    median = statistics.median(seconds)
    panel.plot([min(seconds), max(seconds)], [place, place], color=colour, linewidth=2, alpha=0.5)
    panel.plot(seconds, [place] * len(seconds), "o", color=colour, markersize=4, alpha=0.35, markeredgewidth=0)
    panel.plot([median, median], [place - 0.2, place + 0.2], color=colour, linewidth=3)
    shown = _shown(median, ".2f" if median >= 1 else ".0f")
    panel.annotate(shown, (median, place - 0.24), ha="center", va="bottom", fontsize=9, color=colour)


if __name__ == "__main__":
    draw(json.load(sys.stdin), sys.argv[1])
