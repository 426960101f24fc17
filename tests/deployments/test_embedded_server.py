"""The embedded server's garbage is collected by a thread that may wait, never by the one that serves."""

import gc
import threading
from collections.abc import Iterator

import pytest

from deployments import embedded_server

PATIENCE = 10.0


class Statement:
    """Like a statement that was left unfinished: whoever finishes it waits for somebody else."""

    def __init__(self, finished_by: list[str], may_go_on: threading.Event) -> None:
        self.itself = self  # a cycle: only the garbage collector finds it
        self.finished_by = finished_by
        self.may_go_on = may_go_on

    def __del__(self) -> None:
        self.finished_by.append(threading.current_thread().name)
        self.may_go_on.wait(PATIENCE)


@pytest.fixture
def nobody_else_collects() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("nobody_else_collects")
def test_what_waits_for_the_server_is_finished_beside_it() -> None:
    """The serving thread makes garbage and goes on; what waits for it is let go by it, not after a minute."""
    finished_by: list[str] = []
    may_go_on, ended = threading.Event(), threading.Event()
    collector = threading.Thread(target=embedded_server.collect, args=(ended,), name="collector")
    Statement(finished_by, may_go_on)
    collector.start()
    for _ in range(int(PATIENCE / 0.01)):
        _ = [[] for _ in range(1000)]  # enough to have the garbage collected here, were it not switched off
        if finished_by:
            break
        ended.wait(0.01)
    assert finished_by == ["collector"]
    assert collector.is_alive(), "it waits, and nobody else does"
    may_go_on.set()
    ended.set()
    collector.join(PATIENCE)
    assert not collector.is_alive()
