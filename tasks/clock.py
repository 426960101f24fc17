"""The one clock: UTC, and in the sandbox moved by what its console says (decision 9)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from vendors.http import trusted


@dataclass(frozen=True)
class Clock:
    """Now, as the procedures see it. `offset` is zero everywhere but in the sandbox."""

    offset: timedelta = timedelta(0)

    @classmethod
    async def read(cls, url: str) -> "Clock":
        """Read the sandbox's offset once a segment; no address: the real time. Raises when it can't be read."""
        if not url:
            return cls()
        async with httpx.AsyncClient(timeout=5, verify=trusted()) as client:
            answer = await client.get(url)
            answer.raise_for_status()
            return cls(timedelta(seconds=float(answer.json()["offset_seconds"])))

    def now(self) -> datetime:
        """The present moment, UTC."""
        return datetime.now(UTC) + self.offset

    def real(self, moment: datetime) -> datetime:
        """When a moment of this clock comes on the wall: for what Prefect schedules."""
        return moment - self.offset
