"""Rounds of reconcile and the audit that come late: after an outage all that were missed are due at once."""

from datetime import UTC, datetime, timedelta

from prefect.context import FlowRunContext
from prefect.variables import Variable

CLOCKS_APART = timedelta(seconds=90)
"""So far may the clocks of two hosts be apart; see the README."""


async def is_made_up_for(name: str) -> bool:
    """Whether a round that began after this one was due has come to its end: it has seen all that this one would.

    One that was booked later than it is due counts from its booking; one that was begun before does its work again.
    A moment of the future, from a host whose clock is ahead, makes up for none.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    if run is None or run.run_count > 1 or run.expected_start_time is None or run.created is None:
        return False
    kept = await Variable.aget(variable(name))
    if not kept:
        return False
    began = datetime.fromisoformat(str(kept))
    if is_of_the_future(began):
        return False
    return max(run.expected_start_time, run.created) < began - CLOCKS_APART


def is_of_the_future(moment: datetime) -> bool:
    """Whether no clock of ours can have shown that moment yet, unless it was wrong."""
    return moment > datetime.now(UTC) + CLOCKS_APART


async def remember_begin(name: str, began: datetime) -> None:
    """A round that began then, by a real clock, has come to its end."""
    await Variable.aset(variable(name), began.isoformat(), overwrite=True)


def variable(name: str) -> str:
    """What is kept of the last round that has come to its end: when it began."""
    return f"countersign_{name}_began"
