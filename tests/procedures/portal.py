"""What somebody buys in Pax8's portal, past every procedure."""

from typing import Any
from uuid import uuid4

from tests.procedures.harness import Bench


def commitment_id(bench: Bench, product: str, term: str) -> str:
    """The id of a product's commitment of that term."""
    commitments = bench.sandbox.get(f"records/pax8.products/{product}")["commitments"]
    return next(str(one["id"]) for one in commitments if one["term"] == term)


def bought_elsewhere(bench: Bench, order: dict[str, Any], term: str) -> str:
    """Somebody orders the lines of an order once more, on that term; the new order's id."""
    lines = []
    for line in order["lineItems"]:
        there = bench.sandbox.get(f"records/pax8.subscriptions/{line['bought']}")
        commitment = {**there["commitment"], "id": commitment_id(bench, line["productId"], term), "term": term}
        free = {"status": "Active", "booking": None, "endDate": None}
        one = {**there, "id": str(uuid4()), "commitment": commitment, **free}
        bench.sandbox.http.put(f"records/pax8.subscriptions/{one['id']}", json=one).raise_for_status()
        shows = {"commitmentTermId": commitment["id"], "subscriptionId": one["id"]}
        lines.append({**line, "id": str(uuid4()), "bought": one["id"], **shows})
    made = {**order, "id": str(uuid4()), "lineItems": lines}
    bench.sandbox.http.put(f"records/pax8.orders/{made['id']}", json=made).raise_for_status()
    return str(made["id"])


def subscribed_elsewhere(bench: Bench, product: dict[str, Any], term: str = "Monthly", seats: int = 1) -> str:
    """The customer has the product on that term, bought by nobody of ours, and no order shows it; its subscription."""
    held = next(one for one in bench.sandbox.records("pax8.subscriptions") if one["quantity"] == 12)
    commitment = {**held["commitment"], "id": commitment_id(bench, product["id"], term), "term": term}
    named = {"id": str(uuid4()), "productId": product["id"], "productName": product["name"], "quantity": seats}
    one = {**held, **named, "commitment": commitment}
    bench.sandbox.http.put(f"records/pax8.subscriptions/{one['id']}", json=one).raise_for_status()
    return str(one["id"])


def ordered_elsewhere(bench: Bench, subscription: str) -> str:
    """The order that somebody gave for a subscription; its id."""
    there = bench.sandbox.get(f"records/pax8.subscriptions/{subscription}")
    line = {
        "id": str(uuid4()),
        "productId": there["productId"],
        "subscriptionId": subscription,
        "bought": subscription,
        "commitmentTermId": there["commitment"]["id"],
        "provisionStartDate": bench.sandbox.today().isoformat(),
        "billingTerm": there["billingTerm"],
        "quantity": there["quantity"],
    }
    order = {
        "id": str(uuid4()),
        "companyId": there["companyId"],
        "createdDate": bench.sandbox.today().isoformat(),
        "orderedBy": "Pax8 Partner",
        "orderedByUserEmail": "roberta@northgate.example",
        "isScheduled": False,
        "lineItems": [line],
    }
    bench.sandbox.http.put(f"records/pax8.orders/{order['id']}", json=order).raise_for_status()
    return str(order["id"])
