"""Prefect's server on PostgreSQL, with a garbage collector that leaves alone what stays for good.

Imported modules, routes and compiled statements are some 430,000 objects. Python's collector goes through all of them
now and then: 0.3 s each time, in which the server does nothing else; with many runs at work an eighth of its time
(measured with Prefect 3.8.8, Python 3.11). So what lives once the server is warm is never looked at again, and what
comes later is looked at less often. `python -m deployments.prefect_server`; words after
it are not read, and `make scale` finds the server by its `prefect server start`.
"""

import gc
import runpy
import sys
import threading

WARM_AFTER_SECONDS = 30.0
THRESHOLDS = (20_000, 10, 20)
"""New objects before the young ones are gone through; such rounds before the middle ones; of those before all."""


def spare_what_stays() -> None:
    """Clean up once, and take what is left out of every later collection."""
    gc.collect()
    gc.freeze()


def main() -> None:
    """Run `prefect server start` in this process, with its settings from the environment."""
    gc.set_threshold(*THRESHOLDS)
    warm = threading.Timer(WARM_AFTER_SECONDS, spare_what_stays)
    warm.daemon = True
    warm.start()
    sys.argv = ["prefect", "server", "start"]
    try:
        runpy.run_module("prefect", run_name="__main__", alter_sys=True)
    finally:
        warm.cancel()


if __name__ == "__main__":
    main()
