"""Prefect's server on PostgreSQL, with a garbage collector that leaves alone what stays for good.

Imported modules, routes and compiled statements are some 430,000 objects. Python's collector goes through all of them
now and then: 0.3 s each time, in which the server does nothing else; with many runs at work an eighth of its time
(measured with Prefect 3.8.8, Python 3.11). So what lives once the server is warm is never looked at again, and what
comes later is looked at less often. `python -m deployments.prefect_server` takes the options of `prefect server start`,
whose three words may stand before them (`make scale` finds the server by them), and its settings from the environment;
those of `deployments/environment.py` that the environment leaves open are filled in.
"""

import gc
import os
import runpy
import sys
import threading
from collections.abc import MutableMapping

from deployments.environment import POSTGRES_SETTINGS, SERVER_SETTINGS

WARM_AFTER_SECONDS = 30.0
COMMAND = ["prefect", "server", "start"]
THRESHOLDS = (20_000, 10, 20)
"""New objects before the young ones are gone through; such rounds before the middle ones; of those before all."""


def fill_in(environment: MutableMapping[str, str]) -> None:
    """Put in what a server of ours is run with, wherever the environment doesn't say otherwise."""
    for name, value in {**SERVER_SETTINGS, **POSTGRES_SETTINGS}.items():
        environment.setdefault(name, value)


def spare_what_stays() -> None:
    """Clean up once, and take what is left out of every later collection."""
    gc.collect()
    gc.freeze()


def main() -> None:
    """Run `prefect server start` in this process."""
    fill_in(os.environ)
    gc.set_threshold(*THRESHOLDS)
    warm = threading.Timer(WARM_AFTER_SECONDS, spare_what_stays)
    warm.daemon = True
    warm.start()
    given = sys.argv[1:]
    sys.argv = COMMAND + (given[len(COMMAND) :] if given[: len(COMMAND)] == COMMAND else given)
    try:
        runpy.run_module("prefect", run_name="__main__", alter_sys=True)
    finally:
        warm.cancel()


if __name__ == "__main__":
    main()
