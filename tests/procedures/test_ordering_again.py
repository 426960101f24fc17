"""What is looked at before each try to order, and what a try that sent nothing leaves behind (A1, N5, I3)."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.procedures.bridges import MINUTE, bought, pass_the_cut_off, pass_to, the_bridge
from tests.procedures.harness import Bench, plain
from tests.procedures.people import WEBHOOK, assert_done, ordered
from tests.procedures.requests import ROBERTA, TOM

VISIO, ANNUALLY = ("Visio Plan 1", 3, "Monthly"), ("Visio Plan 1", 3, "1-Year")
ANNUAL = {"term": "1-Year", "annual_reason": "Ada asked for it."}


def commitment_id(bench: Bench, product: str, term: str) -> str:
    """The id of a product's commitment of that term."""
    commitments = bench.sandbox.get(f"records/pax8.products/{product}")["commitments"]
    return next(str(one["id"]) for one in commitments if one["term"] == term)


def bought_elsewhere(bench: Bench, order: dict[str, Any], term: str, shown: bool = True) -> str:
    """Somebody orders the lines of an order once more in the portal, on that term; the new order's id.

    `shown`: whether the list of orders shows the commitment of its lines.
    """
    lines = []
    for line in order["lineItems"]:
        there = bench.sandbox.get(f"records/pax8.subscriptions/{line['bought']}")
        commitment = {**there["commitment"], "id": commitment_id(bench, line["productId"], term), "term": term}
        free = {"status": "Active", "booking": None, "endDate": None}
        one = {**there, "id": str(uuid4()), "commitment": commitment, **free}
        bench.sandbox.http.put(f"records/pax8.subscriptions/{one['id']}", json=one).raise_for_status()
        shows = {"commitmentTermId": commitment["id"] if shown else None, "subscriptionId": one["id"]}
        lines.append({**line, "id": str(uuid4()), "bought": one["id"], **shows})
    made = {**order, "id": str(uuid4()), "lineItems": lines}
    bench.sandbox.http.put(f"records/pax8.orders/{made['id']}", json=made).raise_for_status()
    return str(made["id"])


async def signs(bench: Bench, run: UUID) -> None:
    """The agreement is signed, and DocuSign sends word."""
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    await bench.answer(run, action="look again", decided_by=WEBHOOK)


@pytest.mark.parametrize("late", [False, True], ids=["at the change-over", "signed late"])
async def test_what_somebody_else_bought_meanwhile_is_not_the_procedures_own(bench: Bench, late: bool) -> None:
    """A1: the same product was bought annually in the portal during the bridge's month: contracts is asked first."""
    run = await bought(bench, **ANNUAL)
    found = await the_bridge(bench, run)
    [order] = bench.sandbox.records("pax8.orders")
    if late:
        await pass_the_cut_off(bench, run)
    bought_elsewhere(bench, order, "1-Year")
    await signs(bench, run)
    if late:
        await bench.answer(run, action="accept", decided_by=TOM)
        bench.sandbox.advance(seconds=700)
        await bench.reconcile()
    await pass_to(bench, found.dates.change_over + MINUTE)
    waits = await bench.waits_for(run)
    assert waits.startswith(("annual-subscribed-1", "late-subscribed-1")), waits
    assert "already has 3 × Visio Plan 1 on the 1-Year term" in plain(await bench.form(run))
    assert ordered(bench) == [VISIO]
    await bench.answer(run, action="accept", decided_by=ROBERTA)
    bench.sandbox.advance(seconds=700)
    await bench.reconcile()
    assert_done(await bench.state(run))
    assert ordered(bench) == [VISIO, ANNUALLY]
