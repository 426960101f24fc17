"""The sandbox's time: real time plus an offset that the console moves, and the timers that fall due in it."""

import heapq
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sandbox.store import Store

TimerAction = Callable[..., None]


class Clock:
    """Real time plus an offset in seconds, kept over a restart. Every time is an aware UTC datetime."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._as_of: datetime | None = None

    @property
    def offset(self) -> timedelta:
        """How far the sandbox is ahead of the real clock (negative: behind)."""
        kept = self._store.get("sandbox", "clock")
        return timedelta(seconds=kept["offset_seconds"]) if kept else timedelta(0)

    def now(self) -> datetime:
        """The sandbox's time. While a timer runs it is the moment the timer was due, however late it runs."""
        return self._as_of or datetime.now(UTC) + self.offset

    def advance(self, by: timedelta) -> None:
        """Moves the clock. Timers that fall due thereby run at the next `Timers.run_due`."""
        self._store.put("sandbox", "clock", {"offset_seconds": (self.offset + by).total_seconds()})

    def set(self, now: datetime) -> None:
        """Moves the clock to an aware moment."""
        self.advance(now - datetime.now(UTC) - self.offset)

    def pretend(self, moment: datetime | None) -> None:
        """Makes `now` that moment until called with None. For `Timers` only."""
        self._as_of = moment


class Timers:
    """Things that happen by themselves at a moment of the sandbox's time: a renewal, a late mail, an expiry.

    Timers are records, so they survive a restart; an action is a function registered under a name at each start.
    They run in order of their due times, each seeing its own due time as `clock.now()`, so a clock moved by a year
    makes twelve monthly renewals with twelve right dates.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._actions: dict[str, TimerAction] = {}
        self._heap: list[tuple[str, str]] = []
        self.reload()

    def reload(self) -> None:
        """Reads the timers from the store again (at the start, and after a reset)."""
        self._heap = [(timer["due"], key) for key, timer in self._store.items("sandbox.timers")]
        heapq.heapify(self._heap)

    def register(self, action: str, function: TimerAction) -> None:
        """Names the function that a timer calls; do it in the vendor's `routes`, which run at every start."""
        self._actions[action] = function

    def at(self, when: datetime, action: str, **arguments: Any) -> None:
        """Calls the registered action with these JSON-able arguments once the sandbox's time has reached `when`."""
        key, due = str(uuid4()), when.astimezone(UTC).isoformat(timespec="microseconds")
        self._store.put("sandbox.timers", key, {"due": due, "action": action, "arguments": arguments})
        heapq.heappush(self._heap, (due, key))

    def run_due(self) -> None:
        """Runs everything due by now, earliest first; called before every request and a few times a second."""
        now = self._clock.now()
        while self._heap and datetime.fromisoformat(self._heap[0][0]) <= now:
            due, key = heapq.heappop(self._heap)
            timer = self._store.get("sandbox.timers", key)
            if timer is None:
                continue
            self._store.delete("sandbox.timers", key)
            self._clock.pretend(datetime.fromisoformat(due))
            try:
                self._actions[timer["action"]](**timer["arguments"])
            except Exception:  # one timer on an edited record must not stop the sandbox's time
                logging.getLogger("sandbox").exception("the timer %s failed", timer["action"])
            finally:
                self._clock.pretend(None)
