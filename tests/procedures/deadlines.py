"""What the tests of a bridge's deadline share: its runs, its tickets, and the very moment of a call."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client

import vendors.http
from tasks.bridges import Bridge
from tests.procedures.bridges import (
    the_bridge,
)
from tests.procedures.harness import Bench
from tests.procedures.people import mails
from tests.procedures.requests import ADA, ROBERTA, SAM, TOM

VISIO = ("Visio Plan 1", 3, "Monthly")
REQUEST = 700175
TOP = 4
"""Autotask's number of "Critical"."""
ANNUAL = {"term": "1-Year", "annual_reason": "Ada asked for it."}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def delete(run: UUID) -> None:
    async with get_client() as client:
        await client.delete_flow_run(run)


def tickets(bench: Bench, ending: str) -> list[dict[str, Any]]:
    """Our tickets whose key ends so."""
    return [one for one in bench.sandbox.records("autotask.tickets") if (one["externalID"] or "").endswith(ending)]


def subscription(bench: Bench, found: Bridge, number: int = 0) -> dict[str, Any]:
    return dict(bench.sandbox.get(f"records/pax8.subscriptions/{found.ids.subscriptions[number]}"))


def deletes(bench: Bench) -> int:
    """How often an end was asked for."""
    return len([one for one in bench.sandbox.ledger(vendor="pax8") if one["method"] == "DELETE"])


def by_hand(found: Bridge, **other: Any) -> dict[str, Any]:
    """What somebody would type who starts the deadline's run by hand."""
    ids = found.ids
    return {
        "reference": ids.reference,
        "ticket_id": ids.ticket_id,
        "reminder_id": ids.reminder_id,
        "envelope": ids.envelope_id,
        "subscriptions": " ".join(ids.subscriptions),
        "contact": ids.contact,
        "requester": ids.requester,
        "senior": ids.senior,
        "procedure_run_id": ids.procedure_run_id,
        **other,
    }


def assert_told_once(bench: Bench) -> None:
    """Customer and everybody of ours were told of the end, once each."""
    assert len(mails(bench, to=ADA, subject="cancelled, it ends on")) == 1
    [ours] = mails(bench, subject="the bridge is cancelled")
    assert set(ours.to) == {TOM, ROBERTA, SAM}


async def deadline_runs(bench: Bench, run: UUID) -> list[UUID]:
    found = await the_bridge(bench, run)
    tag = f"deadline-of:{found.ids.reference}"
    return [one.id for one in await bench.runs("signature-deadline") if tag in one.tags]


@asynccontextmanager
async def right_after(what: Callable[[httpx.Request], bool], act: Callable[[], object]) -> AsyncIterator[None]:
    """Let something happen right after the first exchange with a vendor that is meant."""
    done: list[bool] = []

    def see(request: httpx.Request, response: httpx.Response | None) -> None:
        if not done and response is not None and what(request):
            done.append(True)
            act()

    vendors.http.observers.append(see)
    try:
        yield
    finally:
        vendors.http.observers.remove(see)
    assert done, "the moment never came"


def reads_envelope(request: httpx.Request) -> bool:
    return request.method == "GET" and "/envelopes/" in request.url.path


def writes_decision(request: httpx.Request) -> bool:
    return not request.url.path.endswith("/query") and b"Countersign decision" in request.content


def books_end(request: httpx.Request) -> bool:
    return request.method == "DELETE" and "/subscriptions/" in request.url.path
