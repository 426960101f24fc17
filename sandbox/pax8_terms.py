"""What subscriptions do by themselves: become active, renew, end (pax8.md §7 and §12)."""

import calendar
from datetime import UTC, date, datetime, time, timedelta

from sandbox.core import Record, World
from sandbox.pax8_wire import midnight, read_moment, same, zulu

MONTHS = {"Monthly": 1, "1-Year": 12, "3-Year": 36}


def register(world: World) -> None:
    """Names the timers, at every start."""
    world.timers.register("pax8.settle", lambda subscription_id: settle(world, subscription_id))
    world.timers.register("pax8.reveal", lambda order_id: _reveal(world, order_id))
    world.timers.register("pax8.term-end", lambda subscription_id: _term_end(world, subscription_id))
    world.timers.register("pax8.end", lambda subscription_id, end: _end(world, subscription_id, end))


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


def begin_terms(world: World, subscription: Record, start: date, terms_over: int = 0) -> None:
    """Sets the end of the running term (counted from the original start day) and the timer for it."""
    commitment = subscription["commitment"]
    if commitment is None:
        return
    commitment["anchor"], commitment["terms"] = start.isoformat(), terms_over + 1
    end = months_after(start, MONTHS[commitment["term"]] * (terms_over + 1))
    commitment["endDate"] = midnight(end)
    world.timers.at(at_midnight(end), "pax8.term-end", subscription_id=subscription["id"])


def settle_later(world: World, subscription: Record) -> None:
    """Starts provisioning in the mode in force: instant, seconds:N, or stuck (until a person repairs it)."""
    mode, _, seconds = str(world.setting("pax8.provisioning")).partition(":")
    if mode == "instant":
        subscription["status"] = "Active"
    elif mode == "seconds":
        due = world.now() + timedelta(seconds=float(seconds))
        world.timers.at(due, "pax8.settle", subscription_id=subscription["id"])


def book_end(world: World, subscription: Record, end: datetime | None) -> None:
    """Books the end of a subscription, or takes the booking away."""
    subscription["endDate"] = None if end is None else zulu(end)
    if end is not None:
        arguments = {"subscription_id": subscription["id"], "end": subscription["endDate"]}
        world.timers.at(end, "pax8.end", **arguments)


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
        keep(world, subscription)
        world.effect("subscription provisioned", **facts(subscription))


def _reveal(world: World, order_id: str) -> None:
    order = world.store.get("pax8.orders", order_id)
    if order is not None:
        for line in order["lineItems"]:
            line["subscriptionId"] = line["bought"]
        world.store.put("pax8.orders", order_id, order)


def _term_end(world: World, subscription_id: str) -> None:
    """Renews for another term from the original start day, unless an end is booked by then."""
    subscription = world.store.get("pax8.subscriptions", subscription_id)
    if subscription is None or subscription["status"] == "Cancelled":
        return
    commitment = subscription["commitment"]
    if read_moment(commitment["endDate"]) > world.now():
        return  # a timer of a term that a test has edited away
    if subscription["endDate"] and read_moment(subscription["endDate"]) <= read_moment(commitment["endDate"]):
        return  # the booked end is due now; its own timer ends it
    ended = commitment["endDate"]
    begin_terms(world, subscription, date.fromisoformat(commitment["anchor"]), commitment["terms"])
    keep(world, subscription)
    new_end = subscription["commitment"]["endDate"]
    world.effect("commitment renewed", **facts(subscription), term_ended=ended, term_end=new_end)


def _end(world: World, subscription_id: str, end: str) -> None:
    subscription = world.store.get("pax8.subscriptions", subscription_id)
    if subscription is None or subscription["status"] == "Cancelled" or subscription["endDate"] != end:
        return
    subscription["status"] = "Cancelled"
    keep(world, subscription)
    world.effect("subscription ended", **facts(subscription), end=end)
