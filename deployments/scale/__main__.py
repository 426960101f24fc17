"""`python -m deployments.scale` (`make scale`): measure with 10,000 waiting procedures.

Prints a table. Where nothing was left out or changed, it also stands in the README, over that of the last time.
"""

import argparse
import signal
import sys
from collections.abc import Collection

from deployments.bench.results import NotMeasured
from deployments.children import ChildFailed
from deployments.player import WentWrong
from deployments.postgres import NoPostgres
from deployments.readme import PAGE, put_into
from deployments.scale.crowd import measure_crowd
from deployments.scale.deadlines import measure_deadlines
from deployments.scale.house import house
from deployments.scale.net import measure_net
from deployments.scale.rows import Row, as_table
from deployments.scale.waiting import measure_waiting

PARTS = ("waiting", "crowd", "net", "deadlines")
MANY, MISSED, DUE, CROWD, SECONDS = 10_000, 50, 200, 100, 60.0
COMMAND = "make scale"


def measure(parts: Collection[str], many: int, missed: int, due: int, crowd: int, seconds: float) -> list[Row]:
    """The rows of these parts: waiting, crowd and net in one stack, deadlines and the crowd alone each in its own.

    Two crowds in one stack would ask Autotask more often than it lets an hour.
    """
    rows: list[Row] = []
    if "crowd" in parts:
        with house() as held:
            held.prepare(1 + crowd)
            held.wait_for_signatures(range(1))  # it loads whatever is loaded late
            rows += measure_crowd(held, range(1, 1 + crowd))
    if {"waiting", "crowd", "net"} & set(parts):
        with house() as held:
            first = missed + 1
            held.prepare(first + crowd)
            pattern, *runs = held.wait_for_signatures(range(first))
            rows += measure_waiting(held, pattern, many, seconds)
            if "net" in parts:
                rows += measure_net(held, runs)
            if "crowd" in parts:  # after the net, which would find their confirmations of orders too
                rows += measure_crowd(held, range(first, first + crowd))
    if "deadlines" in parts:
        with house() as held:
            held.prepare(due + 1)
            rows += measure_deadlines(held, many, due)
    return rows


def main() -> int:
    """Measure and print; 0 only if everything happened that should."""
    parser = argparse.ArgumentParser(prog="deployments.scale", description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--many", type=int, default=MANY, help="procedures that wait")
    parser.add_argument("--missed", type=int, default=MISSED, help="of which the signature was missed")
    parser.add_argument("--due", type=int, default=DUE, help="deadlines that come in the same minute")
    parser.add_argument("--crowd", type=int, default=CROWD, help="procedures at the same time, alone and beside them")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for which the idle stack is watched")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that PostgreSQL and the stack end with it
    try:
        wanted = (chosen.parts, chosen.many, chosen.missed, chosen.due, chosen.crowd, chosen.seconds)
        text = as_table(measure(*wanted))
    except (WentWrong, NotMeasured, ChildFailed, NoPostgres) as error:
        print(f"It went wrong: {error}", file=sys.stderr)
        return 1
    print(text)
    if wanted == (PARTS, MANY, MISSED, DUE, CROWD, SECONDS):
        PAGE.write_text(put_into(PAGE.read_text(), text, COMMAND))
    return 0


if __name__ == "__main__":
    sys.exit(main())
