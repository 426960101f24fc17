"""Once an order may be out, nobody is told that nothing was ordered, and nothing is freed unseen (decision 3, I3)."""

from uuid import UUID

from tests.procedures.attacks import checked, orders, paper, try_to_order
from tests.procedures.harness import Bench, plain
from tests.procedures.people import assert_done, launch, mails, release, sign
from tests.procedures.requests import TOM, contoso

ORDERS = "pax8/v1/orders$"
LOOKED_BEFORE = 1
"""So often the customer's orders are read before the order is sent."""


async def the_answer_is_lost(bench: Bench, unread: int) -> UUID:
    """The order is placed, its answer is lost, and Pax8 refuses so many times to show the orders."""
    run = await launch(bench, contoso())
    await release(bench, run)
    bench.sandbox.post("faults", {"kind": "drop-after", "method": "POST", "path": ORDERS, "skip": 1})
    bench.sandbox.post(
        "faults", {"kind": "422", "method": "GET", "path": ORDERS, "skip": LOOKED_BEFORE, "times": unread}
    )
    await sign(bench, run)
    assert len(orders(bench)) == 1
    return run


async def test_an_order_whose_traces_cannot_be_read_is_unclear_and_not_refused(bench: Bench, no_settling: None) -> None:
    """Who says that none is there isn't believed while Pax8 won't show it; then it is found, and ordered once."""
    run = await the_answer_is_lost(bench, unread=5)
    assert await bench.waits_for(run) == "unclear-order-1"
    [mail] = mails(bench, TOM, "nobody knows whether the order went out")
    assert "can't be read" in mail.text
    assert not mails(bench, TOM, "the order was refused")

    await bench.answer(run, action="no order is there", decided_by=TOM, note="looked into the portal")
    assert await bench.waits_for(run) == "unclear-order-1"
    assert "can't be compared with Pax8 yet" in plain(await bench.form(run))
    assert not bench.sandbox.get("faults")["faults"], "all have struck"
    assert_done(await bench.answer(run, action="look again", decided_by=TOM))
    assert len(orders(bench)) == 1


async def test_an_order_is_found_by_its_marker_whatever_the_catalogue_asks_by_now(bench: Bench) -> None:
    """No catalogue and no question is needed to look for what was sent."""
    run = await the_answer_is_lost(bench, unread=2)
    assert await bench.waits_for(run) == "unclear-order-1"
    bench.sandbox.post("faults", {"kind": "422", "method": "GET", "path": "/provision-details$", "times": 50})
    bench.sandbox.post("faults", {"kind": "422", "method": "GET", "path": "/dependencies$", "times": 50})
    assert_done(await bench.answer(run, action="look again", decided_by=TOM))
    assert len(orders(bench)) == 1


async def test_markers_that_cannot_be_read_say_nothing_about_the_order(bench: Bench) -> None:
    """Autotask refuses once to show what the paper was used for: it is asked again, and the order is found."""
    request = await checked(bench)
    attempt = (request, paper(bench, request))
    first = await try_to_order([attempt])
    assert first[0].startswith("ordered"), first
    bench.sandbox.post("faults", {"kind": "422", "vendor": "autotask", "path": "TicketNotes/query$"})
    assert await try_to_order([attempt]) == first
    assert not bench.sandbox.get("faults")["faults"], "it has struck"
    assert len(orders(bench)) == 1
