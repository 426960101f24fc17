"""The procedure in miniature as a DBOS workflow; its steps and its wait are kept in PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dbos import DBOS, SetWorkflowID

from deployments.bench.engine.door import Doors, Given, serve
from deployments.bench.engine.vendors import Record, Vendors

PATIENCE_SECONDS = 30 * 24 * 3600.0
TOPIC = "signed"

_opened: list[Vendors] = []


@DBOS.step()
def check(request: Record) -> None:
    """Step 1."""
    _opened[0].check(request)


@DBOS.step()
def send_agreement(request: Record, key: str) -> str:
    """Step 2."""
    return _opened[0].send_agreement(request, key)


@DBOS.step()
def order(request: Record, envelope_id: str) -> str:
    """Step 3."""
    return _opened[0].order(request, envelope_id)


@DBOS.step()
def mail_billing(request: Record, order_id: str, key: str) -> None:
    """Step 4."""
    _opened[0].mail_billing(request, order_id, key)


@DBOS.workflow()
def new_subscription(request: Record, key: str) -> str:
    """Four steps with one wait; returns the order's id."""
    check(request)
    envelope_id = send_agreement(request, key)
    if DBOS.recv(TOPIC, timeout_seconds=PATIENCE_SECONDS) is None:
        raise TimeoutError("nobody signed")
    order_id = str(order(request, envelope_id))
    mail_billing(request, order_id, key)
    return order_id


@asynccontextmanager
async def engine(given: Given) -> AsyncIterator[Doors]:
    """DBOS on the PostgreSQL server whose database is `given.store`."""
    _opened.append(given.vendors)
    DBOS(config={"name": "bench", "system_database_url": given.store, "log_level": "WARNING"})
    await asyncio.to_thread(DBOS.launch)

    def begin(key: str, request: Record) -> None:
        with SetWorkflowID(key):
            DBOS.start_workflow(new_subscription, request, key)

    async def start(key: str, request: Record) -> None:
        await asyncio.to_thread(begin, key, request)

    async def signed(key: str) -> None:
        await asyncio.to_thread(DBOS.send, key, "signed", TOPIC)

    try:
        yield Doors(start, signed)
    finally:
        await asyncio.to_thread(DBOS.destroy)


if __name__ == "__main__":
    serve(engine)
