"""Which signed paper stands behind which subscription: read from outside, customer by customer (N5, P1)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from rules.agreement import Paper, PaperLine
from rules.order import Frozen, Term

NEAR = timedelta(days=45)
"""A bridge's paper may be signed a month after its subscription began; an order follows its paper within days."""
LONG = timedelta(days=100_000)


class Held(Frozen):
    """A subscription as the distributor lists it. Days as `Calendar.term_end` reads them.

    `term` is the commitment's own word, empty where Pax8 shows none. `ends`: the booked end, None when it renews.
    `term_end`: the end of the running term, `last_day` the same as `Calendar.last_day` reads it. `customer`: the name
    on our paper, Autotask's; else Pax8's own.
    """

    subscription_id: str
    company_id: str
    customer: str
    product_id: str
    product_name: str
    seats: int
    term: str
    status: str
    started: date | None = None
    term_end: date | None = None
    last_day: date | None = None
    ends: date | None = None

    def is_live(self, on: date) -> bool:
        """Whether it is in force: dates decide, the status only says that it is over (pax8.md §7)."""
        return self.status != "Cancelled" and (self.ends is None or self.ends > on)

    @property
    def term_begun(self) -> date | None:
        """When the running term began, and the one before ended: as `Calendar.last_day` reads it, where known."""
        months, end = {one.value: one.months for one in Term}.get(self.term), self.last_day or self.term_end
        return end - relativedelta(months=months) if end and months else self.started


class SignedPaper(Frozen):
    """A completed envelope whose fields are our agreement's."""

    envelope_id: str
    completed: date
    paper: Paper

    @property
    def effective(self) -> date:
        return max(self.completed, self.paper.start or self.completed)


class Cover(Frozen):
    """The paper, and the line of it, that stands behind one subscription."""

    signed: SignedPaper
    line: PaperLine

    @property
    def same(self) -> tuple[str, int]:
        return self.signed.envelope_id, self.line.row


def covers(
    held: Iterable[Held], papers: Iterable[SignedPaper], named: Mapping[str, str], ids_by_name: Mapping[str, str]
) -> dict[str, Cover]:
    """The paper behind each subscription that has one; a line of a paper stands behind one subscription only.

    A paper is the customer's whose name it bears. `named`: the envelope that a subscription's documentation names;
    that goes first, then equal terms, then the other term, nearest in time. Subscriptions that are over take their
    papers with them, so that an old paper never covers a new subscription. `ids_by_name`: our agreement's product
    names, for rows made by hand without an id.
    """
    lines: dict[tuple[str, str], list[Cover]] = defaultdict(list)
    for signed in papers:
        for line in signed.paper.lines:
            product_id = line.product_id or ids_by_name.get(line.product_name, "")
            lines[signed.paper.customer.casefold().strip(), product_id].append(Cover(signed=signed, line=line))
    groups: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for one in held:
        groups[one.customer.casefold().strip(), one.product_id].append(one)
    found: dict[str, Cover] = {}
    for group, subscriptions in groups.items():
        found |= _matched(subscriptions, lines.get(group, []), named)
    return found


def _matched(held: list[Held], lines: list[Cover], named: Mapping[str, str]) -> dict[str, Cover]:
    found: dict[str, Cover] = {}
    taken: set[tuple[str, int]] = set()

    def take(one: Held, cover: Cover) -> None:
        if one.subscription_id not in found and cover.same not in taken:
            found[one.subscription_id] = cover
            taken.add(cover.same)

    every = [(one, cover) for one in held for cover in lines]
    for one, cover in every:
        if named.get(one.subscription_id) == cover.signed.envelope_id:
            take(one, cover)
    for same_term in (True, False):
        pairs = [pair for pair in every if (pair[1].signed.paper.term.value == pair[0].term) is same_term]
        for one, cover in sorted(pairs, key=_distance):
            take(one, cover)
    left = [cover for cover in lines if cover.same not in taken]
    for one in held:
        if one.subscription_id in found:
            found[one.subscription_id] = _renewed_by(one, found[one.subscription_id], left)
    return found


def _distance(pair: tuple[Held, Cover]) -> tuple[bool, bool, timedelta, str, str]:
    one, cover = pair
    apart = abs(one.started - cover.signed.effective) if one.started else LONG
    return apart > NEAR, one.seats != cover.line.seats, apart, one.subscription_id, cover.signed.envelope_id


def _renewed_by(one: Held, cover: Cover, left: list[Cover]) -> Cover:
    """The newest renewal agreement that was in force when the running term began, or the paper itself."""
    begun = one.term_begun
    later = [
        newer
        for newer in left
        if newer.signed.paper.term.value == one.term
        and newer.signed.completed > cover.signed.completed
        and begun is not None
        and newer.signed.effective <= begun
    ]
    return max(later, key=lambda newer: newer.signed.completed, default=cover)
