"""What wakes the worker between two polls: Prefect's events say when a run of its pool is to start or to go on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter, EventResourceFilter
from prefect.events.schemas.events import ResourceSpecification
from prefect.logging import get_logger

RECONNECT_SECONDS = 5.0
# The event of a new state leaves the server a moment before the state is committed.
LOOK_AGAIN_SECONDS = (0.015, 0.03, 0.1, 0.3)

Look = Callable[[], Awaitable[set[UUID]]]


async def keep_awake(pool_id: UUID, look: Look) -> None:
    """Call `look`, which returns the runs it found, whenever a run of that pool is scheduled; until cancelled.

    A hint only: without the event stream, and for runs that are due later, the worker's poll finds them.
    """
    heard = True
    while True:
        try:
            async for _ in _listen(pool_id, look):
                heard = True
        except Exception as error:
            if heard:
                why = f"{type(error).__name__}: {error}"
                get_logger("worker.wakes").warning(
                    "No event stream (%s): until it is back, runs wait for the poll", why
                )
            heard = False
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen(pool_id: UUID, look: Look) -> AsyncIterator[None]:
    """Look at each event. Yields when it begins to hear."""
    scheduled = EventFilter(
        event=EventNameFilter(prefix=["prefect.flow-run."]),
        resource=EventResourceFilter(labels=ResourceSpecification({"prefect.state-type": "SCHEDULED"})),
        any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool_id}"]),
    )
    wanted: set[UUID] = set()
    wake = asyncio.Event()

    async def look_for_them() -> None:
        while True:
            await wake.wait()
            wake.clear()
            for pause in LOOK_AGAIN_SECONDS:
                await asyncio.sleep(pause)
                seen = set(wanted)
                wanted.difference_update(await look())
                if not wanted:
                    break
            else:
                wanted.difference_update(seen)  # taken by another worker, or due later

    looking = asyncio.create_task(look_for_them())
    try:
        async with get_events_subscriber(filter=scheduled) as events:
            yield
            wake.set()
            async for event in events:
                wanted.add(UUID(event.resource.id.removeprefix("prefect.flow-run.")))
                wake.set()
    finally:
        looking.cancel()
        await asyncio.wait([looking])
