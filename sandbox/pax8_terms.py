"""What subscriptions do by themselves: become active, renew, end (pax8.md §7 and §12)."""

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta

from sandbox import new_tenants
from sandbox.core import Record, World, new_id
from sandbox.pax8_wire import mountain, read_moment, same, zulu

MONTHS = {"Monthly": 1, "1-Year": 12, "3-Year": 36}
BOOKED_END = re.compile(r"shown|hidden|late:\d+(\.\d+)?|ignored|renews|successor|refused")
"""What becomes of a booked end; `pax8.booked_end` explains each."""


def register(world: World) -> None:
    """Names the timers, at every start."""
    world.timers.register("pax8.settle", lambda subscription_id: settle(world, subscription_id))
    world.timers.register("pax8.reveal", lambda order_id: _reveal(world, order_id))
    world.timers.register("pax8.term-end", lambda subscription_id: _term_end(world, subscription_id))
    world.timers.register("pax8.end", lambda subscription_id, end: _end(world, subscription_id, end))
    world.timers.register("pax8.show-end", lambda subscription_id, end: _show_end(world, subscription_id, end))


def keep(world: World, subscription: Record) -> None:
    """Writes a new or changed subscription; the state before goes into its history."""
    key = subscription["id"]
    before = world.store.get("pax8.latest", key)
    if before is not None:
        history = world.store.get("pax8.history", key) or {"snapshots": []}
        history["snapshots"].append(before)
        world.store.put("pax8.history", key, history)
    subscription["updatedDate"] = zulu(world.now())
    world.store.put("pax8.subscriptions", key, subscription)
    world.store.put("pax8.latest", key, same(subscription))


def months_after(start: date, months: int) -> date:
    """The same day so many months later, the month's last day where there is none (31 Jan → 28 Feb → 31 Mar)."""
    month = start.month - 1 + months
    year, month = start.year + month // 12, month % 12 + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


def at_midnight(day: date) -> datetime:
    """The moment at which a day begins at Pax8: 00:00 UTC."""
    return datetime.combine(day, time(), UTC)


def moment_after(start: datetime, months: int) -> datetime:
    """The same time of day so many months later; the day as in `months_after`."""
    return datetime.combine(months_after(start.date(), months), start.timetz())


def anchor_of(commitment: Record) -> datetime:
    """The moment that a commitment's terms are counted from; aware."""
    anchor = datetime.fromisoformat(commitment["anchor"])
    return anchor if anchor.tzinfo else anchor.replace(tzinfo=UTC)


def begin_terms(world: World, subscription: Record, start: datetime, terms_over: int = 0) -> None:
    """Sets the end of the running term (counted from the original start) and the timer for it."""
    commitment = subscription["commitment"]
    if commitment is None:
        return
    length = MONTHS[commitment["term"]]
    commitment |= {
        "anchor": start.isoformat(),
        "terms": terms_over + 1,
        "begun": zulu(moment_after(start, length * terms_over)),
        "endDate": zulu(moment_after(start, length * (terms_over + 1))),
    }
    world.timers.at(read_moment(commitment["endDate"]), "pax8.term-end", subscription_id=subscription["id"])


def end_term_at(world: World, subscription: Record, end: datetime) -> None:
    """Makes the running term end at any moment; later terms are counted from that moment."""
    commitment = subscription["commitment"]
    commitment |= {"anchor": end.isoformat(), "terms": 0, "endDate": zulu(end)}
    world.timers.at(end, "pax8.term-end", subscription_id=subscription["id"])


def term_begun(commitment: Record) -> datetime:
    """When the running term began."""
    begun = commitment.get("begun")
    months = MONTHS[commitment["term"]] * (commitment["terms"] - 1)
    return read_moment(begun) if begun else moment_after(anchor_of(commitment), months)


def settle_later(world: World, subscription: Record) -> None:
    """Starts provisioning in the mode in force: instant, seconds:N, or stuck (until a person repairs it)."""
    mode, _, seconds = str(world.setting("pax8.provisioning")).partition(":")
    if mode == "instant":
        subscription["status"] = "Active"
        new_tenants.provide(world, subscription)
    elif mode == "seconds":
        due = world.now() + timedelta(seconds=float(seconds))
        world.timers.at(due, "pax8.settle", subscription_id=subscription["id"])


def book_end(world: World, subscription: Record, end: datetime | None, mode: str = "shown") -> None:
    """Books the end of a subscription in one of the ways of `BOOKED_END`, or takes the booking away."""
    if mode == "ignored":
        return
    way, _, seconds = mode.partition(":")
    if end is None:
        subscription["booking"] = subscription["endDate"] = None
        return
    subscription["booking"] = {"end": zulu(end), "way": way}
    subscription["endDate"] = None if way in ("hidden", "late") else zulu(end)
    arguments = {"subscription_id": subscription["id"], "end": zulu(end)}
    world.timers.at(end, "pax8.end", **arguments)
    if way == "late":
        world.timers.at(world.now() + timedelta(seconds=float(seconds)), "pax8.show-end", **arguments)


def booked(subscription: Record) -> tuple[str | None, str]:
    """The end that is booked, whether it is shown or not, and in which way."""
    booking = subscription.get("booking")
    return (booking["end"], booking["way"]) if booking else (subscription["endDate"], "shown")


def more_seats(world: World, subscription: Record, quantity: int) -> None:
    """A new total of seats; a booked end may be dropped with it, as Microsoft may."""
    before, end = subscription["quantity"], booked(subscription)[0]
    subscription["quantity"] = quantity
    drops = end is not None and bool(world.setting("pax8.seats_drop_booked_end"))
    if drops:
        book_end(world, subscription, None)
    keep(world, subscription)
    world.effect("seats changed", **facts(subscription), before=before, booked_end_dropped=drops)


def end_now(world: World, subscription: Record) -> None:
    """The subscription is over at once."""
    subscription["status"], subscription["endDate"] = "Cancelled", zulu(world.now())
    keep(world, subscription)
    world.effect("subscription cancelled at once", **facts(subscription))


def succeed(world: World, subscription: Record, start: datetime) -> Record:
    """A subscription that nobody ordered takes another one's place, from month to month."""
    number = world.store.next_number("pax8.subscriptions")
    product = world.store.get("pax8.products", subscription["productId"]) or {"commitments": []}
    monthly = next((c for c in product["commitments"] if c["term"] == "Monthly"), None)
    successor: Record = {
        **same(subscription),
        "id": new_id(),
        "vendorSubscriptionId": new_id(),
        "startDate": zulu(start),
        "endDate": None,
        "booking": None,
        "createdDate": mountain(start),
        "billingStart": start.date().isoformat(),
        "status": "Active",
        "billingTerm": "Monthly",
        "commitment": {"id": monthly["id"], "term": "Monthly"} if monthly else None,
        "shows": "all",
        "spelling": ("commitment", "commitmentTerm")[number % 2],
        "orderId": None,
    }
    begin_terms(world, successor, start)
    keep(world, successor)
    world.effect("successor appeared", **facts(successor), succeeds=subscription["id"])
    return successor


def facts(subscription: Record) -> Record:
    """What the ledger says of a subscription at every effect."""
    commitment = subscription["commitment"]
    return {
        "vendor": "pax8",
        "subscription": subscription["id"],
        "company": subscription["companyId"],
        "product": subscription["productId"],
        "product_name": subscription["productName"],
        "quantity": subscription["quantity"],
        "commitment_term": commitment["term"] if commitment else None,
    }


def settle(world: World, subscription_id: str) -> None:
    """Ends the provisioning of a pending subscription; silent on any other."""
    subscription = world.store.get("pax8.subscriptions", subscription_id)
    if subscription is not None and subscription["status"] == "PendingManual":
        subscription["status"] = "Active"
        new_tenants.provide(world, subscription)
        keep(world, subscription)
        world.effect("subscription provisioned", **facts(subscription))


def _reveal(world: World, order_id: str) -> None:
    order = world.store.get("pax8.orders", order_id)
    if order is not None:
        for line in order["lineItems"]:
            line["subscriptionId"] = line["bought"]
        world.store.put("pax8.orders", order_id, order)


def _term_end(world: World, subscription_id: str) -> None:
    """Renews for another term from the original start, unless an end is booked by then."""
    subscription = world.store.get("pax8.subscriptions", subscription_id)
    if subscription is None or subscription["status"] == "Cancelled":
        return
    commitment = subscription["commitment"]
    if read_moment(commitment["endDate"]) > world.now():
        return  # a timer of a term that a test has edited away
    end, way = booked(subscription)
    due = end is not None and read_moment(end) <= read_moment(commitment["endDate"])
    if due and way != "renews":
        return  # the booked end is due now; its own timer ends it
    if due:
        book_end(world, subscription, None)
    ended = commitment["endDate"]
    begin_terms(world, subscription, anchor_of(commitment), commitment["terms"])
    keep(world, subscription)
    told = {"term_ended": ended, "term_end": subscription["commitment"]["endDate"], "in_spite_of_booked_end": due}
    world.effect("commitment renewed", **facts(subscription), **told)


def _end(world: World, subscription_id: str, end: str) -> None:
    subscription = world.store.get("pax8.subscriptions", subscription_id)
    if subscription is None or subscription["status"] == "Cancelled":
        return
    booked_end, way = booked(subscription)
    if booked_end != end or way == "renews":
        return
    subscription["status"], subscription["endDate"] = "Cancelled", end
    keep(world, subscription)
    world.effect("subscription ended", **facts(subscription), end=end)
    if way == "successor":
        succeed(world, subscription, read_moment(end))


def _show_end(world: World, subscription_id: str, end: str) -> None:
    subscription = world.store.get("pax8.subscriptions", subscription_id)
    if subscription is not None and subscription["status"] != "Cancelled" and booked(subscription)[0] == end:
        subscription["endDate"] = end
        keep(world, subscription)
