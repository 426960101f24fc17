"""`python -m deployments.hosts` (`make hosts`): two hosts, one of which is lost in the middle; prints a table."""

import argparse
import os
import platform
import signal
import sys
from datetime import UTC, datetime

from deployments.bench.results import NotMeasured
from deployments.children import ChildFailed
from deployments.hosts.house import house
from deployments.hosts.network import NoNamespaces, refuse_if_impossible
from deployments.hosts.scenarios import Outcome, lose, one_undisturbed
from deployments.player import WentWrong
from deployments.postgres import NoPostgres

SCENARIOS = ("cut off", "killed")
PROCEDURES, EVERY = 50, 60.0
RESULTS = (
    "Results are not shared: each host keeps its own on its own disk. What the lost host had done was rebuilt by the "
    "other one: each step looks for its effect outside by our reference before it acts, and answers and decisions are "
    "in Prefect's database."
)


def table(outcomes: list[Outcome], every: float) -> str:
    """The outcomes as Markdown, a scenario a column."""
    rows: list[tuple[str, list[str]]] = [
        ("procedures; all waiting after", [f"{o.procedures}; {o.all_waiting:.0f} s" for o in outcomes]),
        ("when host b was lost: done; processes of runs on it", [f"{o.done_by_then}; {o.had_runs}" for o in outcomes]),
        (
            "all then under way in a later attempt or done after",
            [f"{o.last_taken_over:.0f} s" for o in outcomes],
        ),
        (
            "host b back after; old runs' processes alive then",
            [f"{o.cut_for:.0f} s; {o.alive_at_return}" if o.cut_for else "never" for o in outcomes],
        ),
        ("all done after", [f"{o.all_done:.0f} s" for o in outcomes]),
        ("set going again by reconcile; its rounds", [f"{o.taken_over}; {o.rounds}" for o in outcomes]),
        ("a person had to look into Pax8 for", [str(len(o.asked)) for o in outcomes]),
        ("orders at Pax8", [str(o.orders) for o in outcomes]),
        ("doubled or missing effects", [str(len(o.wrong)) for o in outcomes]),
        ("beyond an undisturbed procedure's", [o.beyond or "nothing" for o in outcomes]),
        ("effects after all were done", [str(o.afterwards) for o in outcomes]),
    ]
    day = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [
        f"{day}, {os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL; reconcile starts when host b "
        f"is lost and then {every:.0f} s after each round has ended (by its own schedule: every 900 s):",
        "",
        f"| | {' | '.join(o.name for o in outcomes)} |",
        "| :-- |" + " --: |" * len(outcomes),
        *(f"| {what} | {' | '.join(cells)} |" for what, cells in rows),
    ]
    return "\n".join([*lines, "", RESULTS])


def main() -> int:
    """Play the scenarios and print; 0 only if all procedures were done and nothing twice."""
    parser = argparse.ArgumentParser(prog="deployments.hosts", description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=SCENARIOS, help="of 'cut off' and 'killed'; both by default")
    parser.add_argument("--procedures", type=int, default=PROCEDURES)
    parser.add_argument("--every", type=float, default=EVERY, help="seconds between two rounds of reconcile")
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.scenarios) - set(SCENARIOS)):
        parser.error(f"no such scenario: {', '.join(unknown)}; there are 'cut off' and 'killed'")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that hosts, PostgreSQL and the stack end with it
    outcomes: list[Outcome] = []
    try:
        refuse_if_impossible()
        with house() as held:
            held.prepare(1 + len(chosen.scenarios) * chosen.procedures)
            pattern = one_undisturbed(held)
            for number, name in enumerate(sorted(chosen.scenarios)):  # what is killed stays so: it comes last
                first = 1 + number * chosen.procedures
                customers = range(first, first + chosen.procedures)
                outcomes.append(lose(held, name, customers, pattern, chosen.every))
    except (WentWrong, NotMeasured, ChildFailed, NoPostgres, NoNamespaces) as error:
        print(f"It went wrong: {error}", file=sys.stderr)
        return 1
    print(table(outcomes, chosen.every))
    wrong = [f"{one.name}: {what}" for one in outcomes for what in one.wrong]
    for line in wrong:
        print(f"Wrong: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
