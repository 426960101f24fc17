"""New or more of the same: judged from the live subscriptions, per tenant, product and commitment term (A1)."""

from datetime import date

from rules.order import Frozen, Term
from rules.product_map import is_twin, says
from rules.refusal import Problem


class LiveSubscription(Frozen):
    """A subscription as the distributor shows it. `term` is None where it could not be read.

    `ends_on`: the booked end, None when it renews by itself.
    """

    subscription_id: str
    product_id: str
    product_name: str
    seats: int
    term: Term | None
    status: str
    started_on: date | None = None
    ends_on: date | None = None

    @property
    def is_trial(self) -> bool:
        return self.status == "Trial" or says(self.product_name, "trial")

    def is_live(self, on: date) -> bool:
        """Whether it still runs on that day. Dates decide; of the statuses only Cancelled does (pax8.md §7)."""
        return self.status != "Cancelled" and (self.ends_on is None or self.ends_on > on)


def check_new(
    field: str,
    product_id: str,
    product_name: str,
    term: Term,
    start: date,
    subscriptions: tuple[LiveSubscription, ...],
    own: frozenset[str] = frozenset(),
) -> Problem | None:
    """Whether this is a new subscription (N); if it is more of one the customer has (S), the problem to tell.

    `own` are subscriptions that this same request bought (a run repeated, its bridge): they never block.
    A booked end counts as subscribed unless the new start is on or after it. A trial is another product.
    """
    for held in subscriptions:
        if held.subscription_id in own or held.product_id != product_id or held.is_trial:
            continue
        if not held.is_live(start):
            continue
        if held.term is None:
            return Problem(
                field=field,
                clause="A1",
                message=f"the customer has {held.seats} × {product_name} ({held.subscription_id}), and Pax8 doesn't "
                "show its commitment term.",
                way_out="Look at that subscription in the Pax8 portal: same term: use add-seats; another term: "
                "ask Pax8 to show the commitment, then start again.",
            )
        if held.term is term:
            ending = f", booked to end on {held.ends_on:%Y-%m-%d}" if held.ends_on else ""
            return Problem(
                field=field,
                clause="A1",
                message=f"the customer already has {held.seats} × {product_name} on the {term.value} term "
                f"({held.subscription_id}{ending}).",
                way_out="More seats of it need no agreement: use the deployment add-seats."
                + (f" Or start on or after {held.ends_on:%Y-%m-%d}." if held.ends_on else ""),
            )
    return None


def relatives(
    product_id: str, product_name: str, term: Term, subscriptions: tuple[LiveSubscription, ...], on: date
) -> list[str]:
    """Live subscriptions that a person should see beside the request: other terms, trials and twins (A1)."""
    shown = []
    for held in subscriptions:
        if not held.is_live(on):
            continue
        if held.product_id == product_id and (held.is_trial or held.term is not term):
            kind = "trial" if held.is_trial else (held.term.value if held.term else "term unknown")
        elif held.product_id != product_id and is_twin(held.product_name, product_name):
            kind = "another product"
        else:
            continue
        shown.append(f"{held.seats} × {held.product_name} ({kind}, {held.subscription_id})")
    return shown
