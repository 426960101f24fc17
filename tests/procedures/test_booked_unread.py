"""An end that was booked and can't be read back isn't called "not booked" (P18, B7)."""

from tests.procedures.bridges import booked
from tests.procedures.harness import Bench
from tests.procedures.people import assert_done, mails
from tests.procedures.requests import TOM
from tests.procedures.test_end_on_request import read, wished

SUBSCRIPTION = {"vendor": "pax8", "path": "/subscriptions/[^/]+$"}
READ_BEFORE = 2
"""So often the subscription is read before its end is booked."""


async def test_an_end_that_was_booked_and_is_not_shown_is_looked_at_again(bench: Bench) -> None:
    """DELETE is taken, and Pax8 refuses to show the subscription: read again, and nobody is asked to book it."""
    run = await wished(bench, days=5)
    bench.sandbox.post("faults", {**SUBSCRIPTION, "method": "GET", "kind": "422", "skip": READ_BEFORE})
    assert_done(await read(bench, run))
    assert not bench.sandbox.get("faults")["faults"], "it has struck"
    assert len(booked(bench)) == 1
    assert not mails(bench, TOM, "a person must act")


async def test_nor_is_one_whose_booking_was_cut_off(bench: Bench) -> None:
    """DELETE is taken, its answer is lost, and the read after it is refused."""
    run = await wished(bench, days=5)
    bench.sandbox.post("faults", {**SUBSCRIPTION, "method": "DELETE", "kind": "drop-after"})
    bench.sandbox.post("faults", {**SUBSCRIPTION, "method": "GET", "kind": "422", "skip": READ_BEFORE})
    assert_done(await read(bench, run))
    assert not bench.sandbox.get("faults")["faults"], "both have struck"
    assert len(booked(bench)) == 1
    assert not mails(bench, TOM, "a person must act")
