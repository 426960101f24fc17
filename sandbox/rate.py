"""How many requests a vendor got within a window of the sandbox's time, for limits to the vendors' sheets."""

from collections import deque
from datetime import datetime, timedelta

from sandbox.core import World


def requests_within(world: World, counter: str, window: timedelta) -> int:
    """Counts this request under the counter's name; returns how many fell within the window, this one included.

    Kept in memory only: a restarted sandbox starts counting anew.
    """
    seen: deque[datetime] = world.memory.setdefault(f"rate.{counter}", deque())
    now = world.now()
    seen.append(now)
    while seen and seen[0] < now - window:
        seen.popleft()
    return len(seen)
