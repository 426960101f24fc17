"""When a call is tried again, and after how long: pure functions, no clock and no dice of their own."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite


@dataclass(frozen=True)
class RetryPolicy:
    """How patient a client is. All durations in seconds.

    `tries` counts the first one. A vendor that asks for a longer pause than `longest_pause` isn't waited for:
    the caller gets the error with `retry_after` and decides.
    """

    tries: int = 4
    first_pause: float = 0.5
    pause_cap: float = 15.0
    longest_pause: float = 60.0


def retry_after(header: str | None, now: datetime) -> float | None:
    """Return the seconds a Retry-After header asks for: whole, fractional, or as an HTTP date; else None."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if isfinite(seconds) else None
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())


def backoff(policy: RetryPolicy, tried: int, dice: float) -> float:
    """Return the pause after the `tried`-th try: exponential, capped, full jitter; `dice` is in [0, 1)."""
    return float(min(policy.pause_cap, policy.first_pause * 2 ** (tried - 1)) * dice)


def pause(policy: RetryPolicy, tried: int, asked: float | None, dice: float) -> float | None:
    """Return how long to wait before the next try, or None to give up.

    What the vendor asked for is the least; jitter comes on top, so that many clients don't return at once.
    """
    if tried >= policy.tries:
        return None
    if asked is None:
        return backoff(policy, tried, dice)
    if asked > policy.longest_pause:
        return None
    return asked + backoff(policy, 1, dice)
