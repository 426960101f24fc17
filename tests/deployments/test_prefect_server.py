"""Prefect's server as we start it: what it is run with, where it listens, and what its garbage collector spares."""

import gc
import sys
import weakref
from pathlib import Path

import pytest

from deployments import prefect_server
from deployments.environment import client_environment, server_environment
from deployments.ports import free_addresses
from deployments.prefect_server import fill_in, spare_what_stays


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


def test_by_hand_it_is_run_as_on_the_stack_and_what_somebody_says_otherwise_stays(tmp_path: Path) -> None:
    addresses = free_addresses()
    client = client_environment(tmp_path, addresses, tmp_path)
    by_the_stack = server_environment(client, tmp_path, addresses, "postgresql+asyncpg://me@db/prefect")
    by_hand = {name: value for name, value in by_the_stack.items() if "SERVICES" not in name and "POOL" not in name}
    fill_in(by_hand)
    assert by_hand == by_the_stack
    own = {"PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "50"}
    fill_in(own)
    assert own["PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE"] == "50"


@pytest.mark.parametrize("words", [[], ["prefect", "server", "start"]])
def test_the_options_of_prefect_server_start_are_passed_on(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """They were dropped: a server told to listen elsewhere listened on loopback."""
    started: list[list[str]] = []
    thresholds = gc.get_threshold()
    monkeypatch.setattr(prefect_server, "fill_in", lambda environment: None)
    monkeypatch.setattr(prefect_server.runpy, "run_module", lambda *_, **__: started.append(sys.argv))
    monkeypatch.setattr(sys, "argv", ["prefect_server.py", *words, "--host", "0.0.0.0"])  # noqa: S104 - not served
    try:
        prefect_server.main()
    finally:
        gc.set_threshold(*thresholds)
    assert started == [["prefect", "server", "start", "--host", "0.0.0.0"]]  # noqa: S104
