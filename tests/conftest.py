"""How tests run: as procedures do under the warm worker, on uvloop's loop; all that look at pages in one process."""

import asyncio
import gc
from collections.abc import Callable, Mapping

import pytest
import uvloop
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling, Scheduling

from deployments.prefect_server import THRESHOLDS

PAGES = "tests/browser/"


class OneStackForThePages(LoadFileScheduling):
    """A process takes a file at a time, as with `--dist loadfile`; the pages' files are one: one stack, one browser."""

    def _split_scope(self, nodeid: str) -> str:
        return PAGES if nodeid.startswith(PAGES) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    return OneStackForThePages(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_asyncio_loop_factories(
    config: pytest.Config,
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Modules and collected tests stay to the end: Python's collector need not go through them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
