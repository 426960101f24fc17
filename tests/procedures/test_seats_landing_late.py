"""Seats that an earlier write may have added aren't called "not added" (S1, I1)."""

from typing import Any

import pytest

from rules.authority import NotCovered
from tasks import claims, seats
from tests.procedures.harness import Bench
from tests.procedures.people import assert_done
from tests.procedures.seats import CONTOSO, asked, changes, confirm, held, portal_adds, puts

PUT = {"vendor": "pax8", "method": "PUT", "path": "/subscriptions/[^/]+$", "times": 1}


async def test_a_first_write_that_lands_while_the_evidence_is_read_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first PUT lands late, so the evidence allows no second one: it is looked at again, and it was added."""
    run = await asked(bench)
    subscription, readings, read = held(bench, CONTOSO)["id"], [], seats.read_seat_authority

    async def landing(*args: Any) -> Any:
        readings.append(args)
        if len(readings) == 2:
            portal_adds(bench, subscription, 15)
            with pytest.raises(NotCovered):
                await read(*args)
        return await read(*args)

    monkeypatch.setattr(seats, "read_seat_authority", landing)
    bench.sandbox.post("faults", {**PUT, "kind": "drop-before"})
    assert_done(await confirm(bench, run))
    assert len(readings) == 2
    assert changes(bench) == [(12, 15)]
    assert len(puts(bench)) == 1, "the first one, which lands late; no second one"


async def test_evidence_that_is_refused_after_an_unclear_write(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pax8 refuses the customer's company while the evidence is read again: nobody knows, so it is tried again."""
    run = await asked(bench)
    readings, read = [], seats.read_seat_authority

    async def refused_once(*args: Any) -> Any:
        readings.append(args)
        if len(readings) == 2:
            bench.sandbox.post("faults", {"vendor": "pax8", "path": "/companies/[^/]+$", "kind": "422"})
        return await read(*args)

    monkeypatch.setattr(seats, "read_seat_authority", refused_once)
    bench.sandbox.post("faults", {**PUT, "kind": "drop-before"})
    assert_done(await confirm(bench, run))
    assert len(readings) == 3
    assert not bench.sandbox.get("faults")["faults"], "both have struck"
    assert changes(bench) == [(12, 15)]


async def test_a_claim_that_cannot_be_closed_is_no_reason_to_call_it_not_added(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Autotask refuses once to show the claims right after the seats were added."""
    run = await asked(bench)
    closings, close = [], claims.close

    async def refused_once(*args: Any, **how: Any) -> None:
        closings.append(how)
        if len(closings) == 1:
            bench.sandbox.post("faults", {"vendor": "autotask", "path": "TicketNotes/query$", "kind": "422"})
        await close(*args, **how)

    monkeypatch.setattr(claims, "close", refused_once)
    assert_done(await confirm(bench, run))
    assert not bench.sandbox.get("faults")["faults"], "it has struck"
    assert changes(bench) == [(12, 15)]
    assert len(puts(bench)) == 1
