"""What is looked at before each try to order, and what a try that sent nothing leaves behind (A1, N5, I3)."""

import contextlib
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from prefect.exceptions import Abort

from rules.authority import FRESH
from tasks import ordering
from tasks.clock import Clock
from tests.procedures.attacks import checked, orders, paper, try_to_order
from tests.procedures.bridges import MINUTE, bought, pass_the_cut_off, pass_to, the_bridge
from tests.procedures.harness import Bench, plain
from tests.procedures.people import WEBHOOK, assert_done, launch_to_signature, ordered, sign
from tests.procedures.portal import bought_elsewhere, subscribed_elsewhere
from tests.procedures.requests import MATTHEW, ROBERTA, TOM, contoso

VISIO, ANNUALLY = ("Visio Plan 1", 3, "Monthly"), ("Visio Plan 1", 3, "1-Year")
ANNUAL = {"term": "1-Year", "annual_reason": "Ada asked for it."}


def dearer(bench: Bench) -> dict[str, Any]:
    """Visio Plan 1 costs us more from now on; the product."""
    product = next(one for one in bench.sandbox.records("pax8.products") if one["name"].startswith("Visio Plan 1 ["))
    prices = [{**price, "buy": str(float(price["buy"]) + 0.37)} for price in product["prices"]]
    bench.sandbox.change("pax8.products", product["id"], prices=prices)
    return product


async def signs(bench: Bench, run: UUID) -> None:
    """The agreement is signed, and DocuSign sends word."""
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    await bench.answer(run, action="look again", decided_by=WEBHOOK)


@pytest.mark.parametrize(
    "late", [pytest.param(False, id="at the change-over"), pytest.param(True, id="signed late", marks=pytest.mark.soak)]
)
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


async def test_a_refused_order_is_not_tried_again_on_what_was_read_weeks_ago(bench: Bench) -> None:
    """Refused, mended after three weeks: our cost has risen and somebody bought the product: both are asked first."""
    run = await launch_to_signature(bench, contoso())
    bench.sandbox.post("faults", {"kind": "422", "method": "POST", "path": "pax8/v1/orders$", "skip": 1})
    await sign(bench, run)
    assert await bench.waits_for(run) == "order-refused-1"
    bench.sandbox.advance(days=20)
    subscribed_elsewhere(bench, dearer(bench))
    await bench.answer(run, action="accept", decided_by=TOM)
    assert (await bench.waits_for(run)).startswith("cost-risen-")
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    assert (await bench.waits_for(run)).startswith("subscribed-1-")
    assert not ordered(bench)
    assert_done(await bench.answer(run, action="accept", decided_by=ROBERTA))
    assert ordered(bench) == [VISIO]


async def test_an_order_that_failed_is_not_tried_again_on_what_was_read_weeks_ago(bench: Bench) -> None:
    """Pax8 denied access, the run failed, and Retry was pressed after three weeks: what changed is asked first (N5)."""
    run = await launch_to_signature(bench, contoso())
    fault = {"vendor": "pax8", "kind": "403", "method": "POST", "path": "/v1/orders$", "skip": 1, "times": 99}
    bench.sandbox.post("faults", fault)
    await sign(bench, run)
    assert (await bench.state(run)).is_failed()
    bench.sandbox.http.delete("faults").raise_for_status()
    bench.sandbox.advance(days=20)
    subscribed_elsewhere(bench, dearer(bench))
    await bench.segment(run)
    assert (await bench.waits_for(run)).startswith("cost-risen-")
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    assert (await bench.waits_for(run)).startswith("subscribed-1-")
    assert not ordered(bench)
    assert_done(await bench.answer(run, action="accept", decided_by=ROBERTA))
    assert ordered(bench) == [VISIO]


def slow_after_the_marker(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """So many times the vendors take more than five minutes once the marker is written; the markers so far."""
    markers: list[int] = []
    now, add_marker = Clock.now, ordering.add_marker

    async def slowly(*given: Any) -> int:
        markers.append(await add_marker(*given))
        return markers[-1]

    def later(clock: Clock) -> datetime:
        return now(clock) + min(len(markers), times) * (FRESH + MINUTE)

    monkeypatch.setattr(ordering, "add_marker", slowly)
    monkeypatch.setattr(Clock, "now", later)
    return markers


async def test_slow_vendors_between_evidence_and_order_burn_no_paper(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paper is too old once its marker stands: the marker is freed, the paper read anew, and ordered on, once."""
    request = await checked(bench)
    envelope = paper(bench, request)
    markers = slow_after_the_marker(monkeypatch, times=1)
    [outcome] = await try_to_order([(request, envelope)])
    assert outcome.startswith("ordered"), outcome
    assert len(orders(bench)) == 1
    assert len(markers) == 2, "one of each reading"


async def test_a_survivor_whose_paper_is_too_old_frees_no_marker_of_its_successor(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever goes on with the run may have ordered under a marker of its own by then."""
    request = await checked(bench)
    envelope = paper(bench, request)
    slow_after_the_marker(monkeypatch, times=50)
    ours = ordering.assert_run_is_ours
    asked: list[bool] = []

    async def taken_over_when_it_is_too_late() -> None:
        asked.append(True)
        if len(asked) > 1:
            raise Abort("not the run's own any more")
        await ours()

    monkeypatch.setattr(ordering, "assert_run_is_ours", taken_over_when_it_is_too_late)
    with contextlib.suppress(Abort):
        await try_to_order([(request, envelope)])
    assert len(asked) == 2 and not orders(bench)
    titles = [one["title"] for one in bench.sandbox.records("autotask.ticketnotes")]
    assert not [title for title in titles if "not used" in title]
