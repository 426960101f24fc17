"""Once an order may be out, nobody is told that nothing was ordered, and nothing is freed unseen (decision 3, I3)."""

from uuid import UUID

import pytest

from tests.procedures.attacks import checked, forge, orders, paper, try_to_order
from tests.procedures.bridges import confirm, offered
from tests.procedures.harness import Bench, plain
from tests.procedures.people import assert_done, assert_ended_as, launch, mails, release, sign
from tests.procedures.portal import ordered_elsewhere, subscribed_elsewhere
from tests.procedures.requests import TOM, contoso

ORDERS = "pax8/v1/orders$"
TOP = 4
"""Autotask's number of "Critical"."""
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


async def the_order_is_lost_on_its_way(bench: Bench) -> UUID:
    """Nothing reached Pax8, and nobody knows."""
    run = await launch(bench, contoso())
    await release(bench, run)
    bench.sandbox.post("faults", {"kind": "drop-before", "method": "POST", "path": ORDERS, "skip": 1})
    await sign(bench, run)
    assert await bench.waits_for(run) == "unclear-order-1" and not orders(bench)
    return run


@pytest.mark.parametrize("hidden", ["orders", "lines", "seats"])
async def test_no_order_is_there_is_not_believed_while_anything_of_it_shows(
    bench: Bench, no_settling: None, hidden: str
) -> None:
    """The order took effect, its answer was lost; Pax8's orders lag, or show it otherwise: nothing is sent again.

    The marker isn't freed by somebody's word either, however it got past the form.
    """
    run = await the_answer_is_lost(bench, unread=2)
    [order] = bench.sandbox.records("pax8.orders")
    [line] = order["lineItems"]
    bought = line["bought"]
    match hidden:
        case "orders":
            bench.sandbox.http.delete(f"records/pax8.orders/{order['id']}").raise_for_status()
        case "lines":
            bare = {**line, "commitmentTermId": None, "subscriptionId": None, "bought": None}
            bench.sandbox.change("pax8.orders", order["id"], lineItems=[bare])
        case "seats":
            bench.sandbox.change("pax8.orders", order["id"], lineItems=[{**line, "quantity": 4}])
    await bench.answer(run, action="no order is there", decided_by=TOM, note="looked into the portal")
    assert await bench.waits_for(run) == "unclear-order-1"
    assert f"subscription {bought}: 3 × Visio Plan 1" in plain(await bench.form(run))
    assert (f"order {order['id']}" in plain(await bench.form(run))) == (hidden != "orders")
    await forge(run, "settled-unclear-order-1", {"kind": "Decided", "by": TOM, "choice": "no order is there"})
    await bench.answer(run, action="look again", decided_by=TOM)
    assert await bench.waits_for(run) == "unclear-order-2", "it is as unclear as before"
    assert len(orders(bench)) == 1
    whole = {**order, "lineItems": [{**line, "subscriptionId": bought}]}
    bench.sandbox.http.put(f"records/pax8.orders/{order['id']}", json=whole).raise_for_status()
    assert_done(await bench.answer(run, action="look again", decided_by=TOM))
    assert len(orders(bench)) == 1


async def test_an_order_whose_list_shows_no_commitment_is_known_by_its_subscription(bench: Bench) -> None:
    """pax8.md §7: the subscription shows which commitment it is in; the order is found, or named, by that."""
    run = await the_answer_is_lost(bench, unread=2)
    [order] = bench.sandbox.records("pax8.orders")
    line = {**order["lineItems"][0], "subscriptionId": order["lineItems"][0]["bought"], "commitmentTermId": None}
    bench.sandbox.change("pax8.orders", order["id"], lineItems=[line])
    assert_done(await bench.answer(run, action="look again", decided_by=TOM))
    assert len(orders(bench)) == 1


async def test_what_an_order_of_another_term_has_bought_is_not_adopted(bench: Bench, no_settling: None) -> None:
    """Somebody buys the same seats annually in the portal meanwhile: neither taken for ours, nor passed over."""
    run = await the_order_is_lost_on_its_way(bench)
    product = next(one for one in bench.sandbox.records("pax8.products") if one["name"].startswith("Visio Plan 1 ["))
    there = subscribed_elsewhere(bench, product, "1-Year", 3)
    made = ordered_elsewhere(bench, there)
    await bench.answer(run, action="no order is there", decided_by=TOM, note="looked into the portal")
    assert f"order {made}" in plain(await bench.form(run))
    await bench.answer(run, action="the order is there", decided_by=TOM, order_id=made)
    assert await bench.waits_for(run) == "unclear-order-1"
    assert "not a new order of this customer with equal lines" in plain(await bench.form(run))
    assert not orders(bench)


@pytest.mark.parametrize("bridged", [False, True], ids=["under the agreement", "a bridge"])
async def test_what_stays_unclear_is_settled_by_hand_and_nothing_is_freed(
    bench: Bench, no_settling: None, bridged: bool
) -> None:
    """Its form has a way out besides a second order: somebody says why, and has a ticket; the paper stays used."""
    if bridged:
        run = await offered(bench)
        bench.sandbox.post("faults", {"kind": "drop-before", "method": "POST", "path": ORDERS, "skip": 1})
        await confirm(bench, run)
        assert await bench.waits_for(run) == "bridge-unclear-order-1"
    else:
        run = await the_order_is_lost_on_its_way(bench)
    await bench.answer(run, action="settled by hand", decided_by=TOM)
    assert "say why" in plain(await bench.form(run))
    state = await bench.answer(run, action="settled by hand", decided_by=TOM, note="Pax8's support sees to it")
    assert_ended_as(state, "Settled by hand")
    assert "Pax8's support sees to it" in str(state.message) and "Nothing was ordered" not in str(state.message)
    [ticket] = [one for one in bench.sandbox.records("autotask.tickets") if "-by-hand" in (one["externalID"] or "")]
    assert ticket["priority"] == TOP and ("renews every month" in ticket["description"]) == bridged
    assert len(mails(bench, TOM, "the order is settled by hand")) == 1
    titles = [one["title"] for one in bench.sandbox.records("autotask.ticketnotes")]
    assert [title for title in titles if "used for" in title] and not [title for title in titles if "not used" in title]
    assert not orders(bench) and not bench.sandbox.effects("envelope voided")
