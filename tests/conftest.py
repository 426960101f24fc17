"""Every test runs as a procedure does under the warm worker: on uvloop's loop, with a collector that spares what stays."""

import asyncio
import gc
from collections.abc import Callable, Mapping

import pytest
import uvloop

from deployments.prefect_server import THRESHOLDS


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
