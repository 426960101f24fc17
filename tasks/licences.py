"""The order at Pax8: once, on an authority that is marked as used before the write (decisions 1 and 3, I1, I3)."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from dateutil.relativedelta import relativedelta
from pydantic import AwareDatetime

from rules.authority import NotCovered, OrderAuthority
from rules.bridge import bridge_reference
from rules.order import Frozen, Term
from rules.refusal import Problem, Refused
from rules.request import CheckedRequest
from rules.written import OnTicket
from tasks import catalogue
from tasks.authority import Basis, assert_mapped_products, read_authority, who_gave
from tasks.customers import domains_of
from tasks.office import office
from tasks.step import assert_run_is_ours, step
from tasks.tenant import find_tenant, still_no_tenant
from tasks.tickets import MARKER, add_marker, marker_prefix, markers_of
from vendors.autotask import TicketNote
from vendors.errors import NotFound, RateLimited, Unauthorised, Unavailable, UnclearOutcome
from vendors.errors import Refused as VendorRefused
from vendors.pax8 import Order, Subscription

USED, FREE = "used for", "not used"


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


class Before(Frozen):
    """The customer's orders and subscriptions right before the write, as the marker keeps them.

    `lines`: what is ordered, product id and seats, and `commitments` the commitment id of each; empty on markers from
    before they were kept.
    """

    orders: tuple[str, ...]
    subscriptions: tuple[str, ...]
    lines: tuple[tuple[str, int], ...] = ()
    commitments: tuple[str, ...] = ()


class AuthorityUsed(Exception):
    """The evidence has bought something already. Says what; nothing was ordered (decision 1)."""


class UnclearOrder(Exception):
    """Nobody knows whether the order went out: a person looks into the Pax8 portal. It is never sent again unasked."""


class UnreadableOrder(UnclearOrder):
    """The order may be there, and what there is can't be read or compared: it is looked at again later."""


class TooEarly(Exception):
    """Somebody said that no order is there before a late one could show. Nothing was freed, nothing is sent again."""


@step(key=lambda request, basis, attempt: f"{request.reference}-{attempt}")
async def place_order(request: CheckedRequest, basis: Basis, attempt: int) -> PlacedOrder:
    """Order exactly what was signed, or confirmed for a bridge, once (N5, B2, I1, I3).

    The evidence is read fresh, the authority's marker is written to the ticket, and only then the order is sent.
    Cut off after the marker, the next attempt looks for a new order that equals this one and adopts it; where
    there is none, or what is there can't be read, it raises `UnclearOrder`. Raises `NotSigned`, `NotCovered`,
    `ConfirmationTooOld`, `AuthorityUsed`, Pax8's `Refused`: in each of these nothing was ordered. `Unavailable` where
    Autotask won't say whether a marker is there.
    """
    pax8 = office().pax8
    try:
        mine = await holder(basis.authority_id, request.reference)
    except VendorRefused as no:
        raise Unavailable("Autotask", f"whether {request.reference} was ordered can't be read: {no.message}") from None
    if mine is not None:  # used by this very order already: what it bought is looked for, whatever the evidence is now
        return await adopt_new_order(request, basis.authority_id, before_of(mine))
    order = await catalogue.build_order(request)
    authority = await read_authority(basis, request)
    order = order.model_copy(update={"at": office().clock.now()})
    authority.assert_covers(order)
    assert_mapped_products(authority, order)
    await assert_right_customer(request, authority)
    await assert_no_other_order(request, authority.authority_id)

    lines = tuple((line.product_id, line.seats) for line in order.lines)
    commitments = tuple(line.commitment_id for line in order.lines)
    before = await what_is_there(order.company_id)
    before = before.model_copy(update={"lines": lines, "commitments": commitments})
    await pax8.mock_order(order)
    marker = await add_marker(
        request.ticket_id,
        authority.authority_id,
        f"{request.reference}: {request.what}"[:120],
        before.model_dump_json(),
    )
    with unclear_where_refused(request.reference):
        first = await holder(authority.authority_id, request.reference)
    if first is None:
        raise AuthorityUsed(f"{authority.authority_id} is held by nobody right after it was marked; a person must look")
    if first.id != marker:  # another process of this procedure was faster: the order is its to send
        return await adopt_new_order(request, authority.authority_id, before_of(first))
    await assert_run_is_ours()
    order = order.model_copy(update={"at": office().clock.now()})
    try:
        placed = await pax8.place_order(order, authority)
    except (VendorRefused, Unauthorised, RateLimited, Unavailable) as certain:  # in each of these nothing was ordered
        await free(request, authority.authority_id, f"Pax8 did not take it: {certain.message}")
        raise
    except UnclearOutcome:
        return await adopt_new_order(request, authority.authority_id, before)
    return placed_order(placed, request, authority.authority_id, before)


async def assert_right_customer(request: CheckedRequest, authority: OrderAuthority) -> None:
    """Ticket, Pax8 company and tenant must be the customer's who signed or confirmed, read fresh; raises `NotCovered`.

    The paper names customer and ticket; Autotask's id ties them to Pax8's company and IT Glue's organisation. A
    tenant that can't be confirmed any more is `Refused`: somebody records it, and it is tried again.
    """
    customer = request.customer
    if not customer.pax8_id or (customer.needs_tenant and not customer.prefix):
        raise NotCovered("The customer's company at Pax8 and the prefix of the new tenant aren't settled yet (P2, P3).")
    named, ticket, organisation, bought_for = await asyncio.gather(
        office().autotask.company(customer.autotask_id),
        office().autotask.ticket(request.ticket_id),
        office().itglue.organisation_by_psa_id(customer.autotask_id),
        office().pax8.company(customer.pax8_id),
    )
    wrong = []
    if ticket.number != request.ticket_number or ticket.company_id != named.id:
        wrong.append(f"the ticket {request.ticket_id} is not {request.ticket_number} of {named.name}")
    if organisation is None or organisation.id != customer.itglue_id:
        wrong.append(f"the IT Glue organisation {customer.itglue_id} is not linked to {named.name}")
    if named.name != customer.name:
        wrong.append(f"Autotask calls {customer.autotask_id} '{named.name}', the paper says '{customer.name}'")
    if bought_for.external_id != str(customer.autotask_id):
        wrong.append(f"the Pax8 company {bought_for.name} is not linked to Autotask's {customer.autotask_id}")
    if wrong:
        raise NotCovered("The order would go to another customer (N5, P2): " + "; ".join(wrong))
    if customer.needs_tenant:
        problems = await still_no_tenant(customer)
        if problems:
            raise Refused(problems)
        return
    domains = dict.fromkeys(domain for person in who_gave(authority) for domain in domains_of(named, person))
    tenant = await find_tenant(named.name, tuple(domains), customer.itglue_id, customer.tenant_id)
    if isinstance(tenant, Problem):
        raise Refused([tenant])


async def assert_no_other_order(request: CheckedRequest, authority_id: str) -> None:
    """One order for a request, whichever paper is held up next (I3); raises `AuthorityUsed` naming the first."""
    taken = (request.reference, request.reference.removesuffix(bridge_reference("")))
    for note in await office().autotask.notes(request.ticket_id):
        other = note.title.removeprefix(f"{MARKER} ").partition(" ")[0]
        starts = tuple(f"{marker_prefix(other)}{USED} {reference}:" for reference in taken)
        if not note.title.startswith(starts) or other == authority_id:
            continue
        first = await first_holder(other)
        if first is not None and first.title.startswith(starts):
            raise AuthorityUsed(f"{request.reference} has been ordered already, under {other} (I3).")


async def holder(authority_id: str, reference: str) -> TicketNote | None:
    """The marker by which this procedure holds the authority; None: it is free. Raises `AuthorityUsed`.

    The first marker that wasn't freed holds it; of two procedures at the same moment the later one loses.
    """
    first = await first_holder(authority_id)
    if first is None or f"{USED} {reference}:" in first.title:
        return first
    raise AuthorityUsed(
        f"{authority_id} has been {first.title.removeprefix(marker_prefix(authority_id))} already (I1)."
    )


async def used_by_another(authority_id: str, reference: str) -> str:
    """What an authority was used for by another reference; empty when it is free, or this reference's own (I1)."""
    first = await first_holder(authority_id)
    if first is None or f"{USED} {reference}:" in first.title:
        return ""
    return first.title.removeprefix(marker_prefix(authority_id))


async def first_holder(authority_id: str) -> TicketNote | None:
    """The first marker of an authority that wasn't freed, whoever holds it by it."""
    held: list[TicketNote] = []
    for note in await markers_of(authority_id):
        rest = note.title.removeprefix(marker_prefix(authority_id))
        if rest.startswith(FREE):
            held = [one for one in held if f"{USED} {reference_in(rest)}:" not in one.title]
        elif rest.startswith(USED):
            held.append(note)
    return held[0] if held else None


def reference_in(rest: str) -> str:
    """Whose marker a "not used" takes back: `not used by CS-…: why`."""
    return rest.removeprefix(f"{FREE} by ").partition(":")[0]


async def free(request: OnTicket, authority_id: str, why: str) -> None:
    """Record that the authority was not used after all: Pax8 refused for certain, or a person saw no order."""
    labels = office().settings.labels
    await office().autotask.add_note(
        request.ticket_id,
        f"{marker_prefix(authority_id)}{FREE} by {request.reference}: {why}"[:250],
        why,
        labels.note_type,
        labels.publish_internal,
    )


def before_of(marker: TicketNote) -> Before:
    """What a marker keeps. Raises `UnclearOrder` where somebody has edited it."""
    try:
        return Before.model_validate(json.loads(marker.description))
    except ValueError:
        raise UnclearOrder(f"note {marker.id} can't be read any more: somebody has changed it") from None


async def what_is_there(company_id: str) -> Before:
    """The ids of a customer's orders and subscriptions now."""
    pax8 = office().pax8
    return Before(
        orders=tuple([order.id async for order in pax8.orders(company_id)]),
        subscriptions=tuple([one.id async for one in pax8.subscriptions(company_id=company_id)]),
    )


@contextmanager
def unclear_where_refused(reference: str) -> Iterator[None]:
    """Once a marker stands, a read that is refused says nothing about the order; raises `UnreadableOrder`."""
    try:
        yield
    except (VendorRefused, NotFound, Refused) as no:
        raise UnreadableOrder(
            f"The order {reference} may or may not have reached Pax8, and whether it did can't be read: {no}"
        ) from None


async def adopt_new_order(request: CheckedRequest, authority_id: str, before: Before) -> PlacedOrder:
    """The order that appeared since the marker and equals this one; raises `UnclearOrder` when there is none."""
    found = await new_orders_like(request, before)
    if len(found) == 1:
        return placed_order(found[0], request, authority_id, before)
    count = "no" if not found else str(len(found))
    raise UnclearOrder(
        f"The order {request.reference} may or may not have reached Pax8: {count} new order of this customer equals it."
    )


async def new_orders_like(request: CheckedRequest, before: Before) -> list[Order]:
    """Orders of that company that weren't there before, with equal product, seats and commitment on every line.

    Raises `UnreadableOrder` where Pax8 refuses to show them.
    """
    with unclear_where_refused(request.reference):
        wanted = await marked_lines(request, before)
        return [
            one
            async for one in office().pax8.orders(request.customer.pax8_id)
            if one.id not in before.orders
            and sorted((line.product_id, line.quantity, line.commitment_id) for line in one.lines) == wanted
        ]


async def marked_lines(request: CheckedRequest, before: Before) -> list[tuple[str, int, str]]:
    """What was about to be sent when the authority was marked: product id, seats and commitment id of every line.

    By the marker, because the catalogue and its questions may be others by now. Raises `UnreadableOrder` where the
    request asks for something else than was marked.
    """
    if not before.commitments:  # a marker from before they were kept
        order = await catalogue.build_order(request)
        return sorted((line.product_id, line.seats, line.commitment_id) for line in order.lines)
    asked = sorted((line.product_id, line.seats) for line in request.lines)
    if asked != sorted(before.lines) or len(before.commitments) != len(before.lines):
        raise UnreadableOrder(f"{request.reference} asks for other lines now than it had marked: {request.what}")
    pairs = zip(before.lines, before.commitments, strict=True)
    return sorted((product, seats, commitment) for (product, seats), commitment in pairs)


def placed_order(placed: Order, request: CheckedRequest, authority_id: str, before: Before) -> PlacedOrder:
    """The order as the procedure goes on with it: seats as they were signed and sent, ids as Pax8 gave them (P4)."""
    ids = {line.product_id: line.subscription_id or "" for line in placed.lines}
    return PlacedOrder(
        order_id=placed.id,
        authority_id=authority_id,
        placed_at=office().clock.now(),
        lines=tuple(
            OrderedLine(
                product_id=line.product_id,
                product_name=line.product_name,
                seats=line.seats,
                subscription_id=ids.get(line.product_id, ""),
            )
            for line in request.lines
        ),
        known_subscriptions=before.subscriptions,
    )


async def look_for_unclear_order(request: CheckedRequest, authority_id: str) -> PlacedOrder | None:
    """Whether the order of unknown outcome has turned up meanwhile. Raises `UnreadableOrder`: nobody can say."""
    with unclear_where_refused(request.reference):
        marker = await holder(authority_id, request.reference)
    if marker is None:
        return None
    try:
        return await adopt_new_order(request, authority_id, before_of(marker))
    except UnreadableOrder:
        raise
    except UnclearOrder:
        return None


async def marked_at(request: CheckedRequest, authority_id: str) -> datetime | None:
    """When this procedure marked the authority as used."""
    marker = await holder(authority_id, request.reference)
    return marker.created_at.astimezone(UTC) if marker is not None and marker.created_at is not None else None


@step(key=lambda request, authority_id, by, why, attempt: f"{request.reference}-{attempt}")
async def release_marker(request: CheckedRequest, authority_id: str, by: str, why: str, attempt: int) -> int:
    """A person saw in the portal that no order is there: the authority is free again, for one more try.

    Raises `TooEarly` while a late order may still show, whoever said what, and `Unavailable` while nobody can compare.
    """
    marked = await marked_at(request, authority_id)
    if marked is not None and office().clock.now() < marked + office().settings.order_settle:
        raise TooEarly(f"{request.reference}: an order of {marked:%Y-%m-%d %H:%M} UTC may still show in Pax8")
    try:
        found = await look_for_unclear_order(request, authority_id)
    except UnreadableOrder as unread:
        raise Unavailable("Pax8", f"nothing was freed: {unread}") from None
    if found is None and await holder(authority_id, request.reference):
        await free(request, authority_id, f"{by} saw no order in the portal (attempt {attempt}): {why}")
    return attempt


@step(key=lambda request, authority_id, order_id: order_id)
async def adopt_named_order(request: CheckedRequest, authority_id: str, order_id: str) -> PlacedOrder | None:
    """Go on with the order that a person found in the portal (decision 3)."""
    try:
        return await find_named_order(request, authority_id, order_id)
    except UnreadableOrder as unread:
        raise Unavailable("Pax8", str(unread)) from None


async def find_named_order(request: CheckedRequest, authority_id: str, order_id: str) -> PlacedOrder | None:
    """The order that a person found in the portal, if it is new, this customer's, and equal; else None.

    Raises `UnreadableOrder` where it can't be compared now.
    """
    with unclear_where_refused(request.reference):
        marker = await holder(authority_id, request.reference)
    if marker is None:
        return None
    before = before_of(marker)
    found = next((one for one in await new_orders_like(request, before) if one.id == order_id), None)
    return placed_order(found, request, authority_id, before) if found is not None else None


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
