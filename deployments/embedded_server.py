"""Prefect's server on its embedded SQLite, with garbage collected by a thread of its own.

On SQLite a statement that was left to the garbage collector is finished by whichever thread happens to collect, and
that thread then waits for the statement's connection. Is it the server's only thread, and the connection one that waits
for the database's lock, then nobody is left to release that lock: everything stands still for SQLite's whole patience,
a minute (measured with Prefect 3.8.8; PostgreSQL isn't concerned). A thread of its own may wait: the server goes on.
"""

import gc
import runpy
import sys
import threading

EVERY_SECONDS = 0.5
FULL_EVERY = 60
"""A full collection every so many rounds; what lives at the first one is never looked at again, it stays."""


def collect(ended: threading.Event) -> None:
    """Collect in rounds until `ended`; the young generations in each, everything now and then."""
    rounds = 0
    while not ended.wait(EVERY_SECONDS):
        rounds += 1
        full = rounds % FULL_EVERY == 0
        gc.collect(2 if full else 1)
        if rounds == FULL_EVERY:
            gc.freeze()


def main() -> None:
    """Run `prefect server start` in this process, with its settings from the environment."""
    gc.disable()
    ended = threading.Event()
    collector = threading.Thread(target=collect, args=(ended,), name="garbage collector", daemon=True)
    collector.start()
    sys.argv = ["prefect", "server", "start"]
    try:
        runpy.run_module("prefect", run_name="__main__", alter_sys=True)
    finally:
        ended.set()
        collector.join()
        gc.enable()


if __name__ == "__main__":
    main()
