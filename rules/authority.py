"""What allows a write to the distributor: evidence that was read back, never a claim (decision 1, I1)."""

from datetime import datetime
from typing import Protocol

from rules.order import LicenceOrder


class NotCovered(Exception):
    """The evidence doesn't cover this write. Says what differs, the clause and the way out; nothing was sent."""


class OrderAuthority(Protocol):
    """Anything that can allow an order: it says no by raising `NotCovered`."""

    @property
    def authority_id(self) -> str: ...

    def assert_covers(self, order: LicenceOrder) -> None: ...


class EndAuthority(Protocol):
    """Anything that can allow a booked end: it says no by raising `NotCovered`."""

    @property
    def authority_id(self) -> str: ...

    def assert_covers_end(self, subscription_id: str, cancel_date: datetime) -> None: ...
