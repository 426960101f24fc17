"""The server's garbage collector leaves alone what stays, and still collects what comes and goes."""

import gc
import weakref

from deployments.prefect_server import spare_what_stays


class Node:
    """Something that only the collector can free: it refers to itself."""

    def __init__(self) -> None:
        self.me = self


def test_what_is_there_is_spared_and_what_comes_later_is_not() -> None:
    before, kept = gc.get_freeze_count(), [Node() for _ in range(1000)]
    try:
        spare_what_stays()
        assert gc.get_freeze_count() >= before + len(kept)
        later = weakref.ref(Node())
        gc.collect()
        assert later() is None
    finally:
        gc.unfreeze()
