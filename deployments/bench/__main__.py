"""Measures how long a procedure takes from what wakes it to what it does, and writes it into the README.

`python -m deployments.bench` (`make speed`): the warm worker and Prefect's own, each on a stack of its own on
PostgreSQL with sandbox and receiver, running the whole procedure; then DBOS and Temporal running it in miniature at
the same sandbox: four steps, one wait. One Markdown table and one picture, over those of the last time.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from deployments.bench import engines, workers
from deployments.bench.environments import NoEnvironment, bare, environment
from deployments.bench.results import Circumstances, Measured, NotMeasured, below, report
from deployments.children import ChildFailed
from deployments.environment import WORKER_TYPES
from deployments.postgres import NoPostgres, find_binaries
from deployments.readme import PAGE, put_into
from deployments.stack import CHECKOUT

ALONE, AT_ONCE = 20, 40
COMMAND = "make speed"
PICTURE = CHECKOUT / "deployments" / "pictures" / "speed.png"
NAMES = {
    "process": "Prefect, process worker",
    "warm": "Prefect, our warm worker",
    "dbos": "DBOS (miniature)",
    "temporal": "Temporal (miniature)",
}


def circumstances(compared: Sequence[str]) -> Circumstances:
    """This machine now, and the versions of what is measured."""
    postgres = subprocess.run([find_binaries() / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    versions = {
        "Python": platform.python_version(),
        "Prefect": version("prefect"),
        "PostgreSQL": postgres.stdout.split()[2],
    }
    for engine in compared:
        versions |= engines.versions(engine)
    return Circumstances(
        day=datetime.now(UTC).date(),
        cores=os.cpu_count() or 0,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        load=os.getloadavg()[0],
        versions=versions,
    )


def draw(results: Mapping[str, Measured], caption: str, picture: Path) -> None:
    """Write the picture, in the environment that has the library for it."""
    told = {"series": {name: asdict(one) for name, one in results.items()}, "below": caption}
    command = [str(environment("plot", say) / "python"), "-m", "deployments.bench.plot", str(picture)]
    subprocess.run(command, cwd=CHECKOUT, env=bare(os.environ), input=json.dumps(told), text=True, check=True)  # noqa: S603


def measure(worker_types: Sequence[str], compared: Sequence[str], alone: int, at_once: int) -> dict[str, Measured]:
    """Each after the other, so that none weighs on another."""
    results = {NAMES[kind]: workers.measure(kind, alone, at_once, say) for kind in worker_types}
    return results | {NAMES[engine]: engines.measure(engine, alone, at_once, say) for engine in compared}


def say(text: str) -> None:
    """What happens meanwhile, on standard error."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure; write the table into the README and the picture beside the others, or both into `--out`."""
    parser = argparse.ArgumentParser(prog="deployments.bench", description=__doc__)
    parser.add_argument("--types", nargs="*", choices=WORKER_TYPES, default=list(reversed(WORKER_TYPES)))
    parser.add_argument("--engines", nargs="*", choices=engines.ENGINES, default=list(engines.ENGINES))
    parser.add_argument("--alone", type=int, default=ALONE, help="procedures one by one, for the medians")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="procedures at the same time")
    parser.add_argument("--out", type=Path, help="a directory for speed.md and speed.png; README.md stays as it is")
    chosen = parser.parse_args()
    if not chosen.types and not chosen.engines:
        parser.error("nothing to measure")
    if chosen.alone < 1 or chosen.at_once < 1:
        parser.error("--alone and --at-once are at least 1")
    try:
        for name in (*chosen.engines, "plot"):
            environment(name, say)  # before anything is measured: what can't be installed is said at once
        there = circumstances(chosen.engines)
        results = measure(chosen.types, chosen.engines, chosen.alone, chosen.at_once)
    except (NotMeasured, ChildFailed, NoPostgres, NoEnvironment) as error:
        sys.exit(f"Not measured: {error}")
    text = report(results, there, chosen.alone, chosen.at_once)
    if chosen.out is None:
        PAGE.write_text(put_into(PAGE.read_text(), text, COMMAND))
        picture = PICTURE
    else:
        chosen.out.mkdir(parents=True, exist_ok=True)
        (chosen.out / "speed.md").write_text(text)
        picture = chosen.out / "speed.png"
    print(text)
    draw(results, below(there, chosen.alone), picture)


if __name__ == "__main__":
    main()
