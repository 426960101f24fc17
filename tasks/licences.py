"""What was ordered, and the licences that came of it, as Pax8 shows them (P4, P6)."""

from collections.abc import Sequence
from datetime import datetime

from dateutil.relativedelta import relativedelta
from pydantic import AwareDatetime

from rules.order import Frozen, Term
from tasks.office import office
from vendors.pax8 import Subscription


class OrderedLine(Frozen):
    """One line as Pax8 keeps it; `subscription_id` may come only after a while (pax8.md §6)."""

    product_id: str
    product_name: str
    seats: int
    subscription_id: str = ""


class PlacedOrder(Frozen):
    """An order that was placed. `known_subscriptions`: what the customer had right before."""

    order_id: str
    authority_id: str
    placed_at: AwareDatetime
    lines: tuple[OrderedLine, ...]
    known_subscriptions: tuple[str, ...] = ()


class Licence(Frozen):
    """One line's subscription, as read back (P4, P17).

    `settled` goes by dates, id and seats, and not by the status alone: an Active one without them isn't settled.
    """

    product_id: str
    product_name: str
    seats: int
    subscription_id: str = ""
    seats_read: int = 0
    status: str = "not there yet"
    start: AwareDatetime | None = None
    renews: AwareDatetime | None = None
    renews_assumed: bool = False
    vendor_id: str = ""

    @property
    def settled(self) -> bool:
        return self.is_there and bool(self.vendor_id) and not self.is_pending

    @property
    def is_there(self) -> bool:
        """Whether id, seats and dates are what they must be, whatever the status says."""
        return bool(
            self.subscription_id
            and self.seats_read == self.seats
            and self.start is not None
            and self.renews is not None
            and self.status != "Cancelled"
        )

    @property
    def is_pending(self) -> bool:
        """Whether Pax8 still shows a task open. It can stay so although Microsoft is done (pax8.md §7)."""
        return self.status.startswith(("Pending", "Waiting"))

    def in_words(self) -> str:
        return f"{self.seats} × {self.product_name}: {self.status}, {self.seats_read} of {self.seats} seats"


def assumed_end(subscription: Subscription, term: Term) -> datetime | None:
    """The term's end where Pax8 shows none: the start and the term's months (clauses, Words); a person is told."""
    if subscription.start is None or subscription.status.startswith(("Pending", "Waiting")):
        return None
    return subscription.start + relativedelta(months=term.months)


async def read_licences(placed: PlacedOrder, company_id: str, term: Term) -> tuple[Licence, ...]:
    """The subscriptions of an order as Pax8 shows them now (P4, P17)."""
    pax8 = office().pax8
    there = [one async for one in pax8.subscriptions(company_id=company_id)]
    taken: set[str] = set()
    licences = []
    for line in placed.lines:
        found = find_subscription(line, there, placed.known_subscriptions, taken)
        if found is None:
            licences.append(Licence(product_id=line.product_id, product_name=line.product_name, seats=line.seats))
            continue
        taken.add(found.id)
        full = await pax8.subscription(found.id)
        licences.append(
            Licence(
                product_id=line.product_id,
                product_name=line.product_name,
                seats=line.seats,
                subscription_id=full.id,
                seats_read=full.quantity,
                status=full.status,
                start=full.start,
                renews=(full.commitment_term.end if full.commitment_term else None) or assumed_end(full, term),
                renews_assumed=full.commitment_term is None or full.commitment_term.end is None,
                vendor_id=full.vendor_subscription_id,
            )
        )
    return tuple(licences)


def find_subscription(
    line: OrderedLine, there: Sequence[Subscription], known: tuple[str, ...], taken: set[str]
) -> Subscription | None:
    """A line's subscription: by the id in the order, else the new one of that product and number of seats."""
    for one in there:
        if line.subscription_id and one.id == line.subscription_id:
            return one
    if line.subscription_id:
        return None
    new = [s for s in there if s.id not in known and s.id not in taken and s.product_id == line.product_id]
    return next((one for one in new if one.quantity == line.seats), None)
