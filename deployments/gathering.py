"""Calls for the same run share wakes: DocuSign sends three for one signature, and each costs Prefect several calls."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from tasks.runs import Woken

PAUSE_SECONDS = 1.0
"""Longer than a woken run takes until it has looked and acted: calls within it would only hold it up."""

Wake = Callable[[UUID, str, str], Awaitable[Woken]]


class Gathering:
    """A `wake` whose calls for one run take turns; the first goes through at once.

    A call that comes while another's wake is under way, or within `pause` seconds after it, waits for the next wake
    with all others that wait. So each call is answered by a wake that began after it came, and nothing is lost
    (decision 4). What a wake raises, all that share it get.
    """

    def __init__(self, wake: Wake, pause: float = PAUSE_SECONDS) -> None:
        self._wake = wake
        self._pause = pause
        self._busy: dict[UUID, asyncio.Task[None]] = {}
        self._next: dict[UUID, asyncio.Future[Woken]] = {}

    async def __call__(self, run_id: UUID, source: str, event: str) -> Woken:
        """As the `wake` that it was made with."""
        told = self._next.get(run_id)
        if told is None:
            told = self._next[run_id] = asyncio.get_running_loop().create_future()
            before = self._busy.get(run_id)
            self._busy[run_id] = asyncio.create_task(self._take_turn(before, told, run_id, source, event))
        return await asyncio.shield(told)

    async def _take_turn(
        self, before: asyncio.Task[None] | None, told: asyncio.Future[Woken], run_id: UUID, source: str, event: str
    ) -> None:
        if before is not None:
            await before
        del self._next[run_id]  # whoever comes from here on needs a later one
        try:
            told.set_result(await self._wake(run_id, source, event))
        except Exception as error:
            told.set_exception(error)
        await asyncio.sleep(self._pause)
        if self._busy[run_id] is asyncio.current_task():
            del self._busy[run_id]
