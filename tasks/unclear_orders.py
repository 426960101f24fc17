"""An order of which nobody knows whether it went out: looked for, never sent again unasked (decision 3, I3)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rules.bridge import bridge_reference
from rules.order import Frozen
from rules.refusal import Refused
from rules.request import CheckedRequest
from tasks import catalogue
from tasks.licences import OrderedLine, PlacedOrder
from tasks.markers import authority_in, first_holder, free, holder
from tasks.office import office
from tasks.step import step
from tasks.tickets import markers_for
from vendors.autotask import TicketNote
from vendors.errors import NotFound, Unavailable
from vendors.errors import Refused as VendorRefused
from vendors.pax8 import Order, OrderLine


class Before(Frozen):
    """The customer's orders and subscriptions right before the write, as the marker keeps them.

    `lines`: what is ordered, product id and seats, and `commitments` the commitment id of each; empty on markers from
    before they were kept.
    """

    orders: tuple[str, ...]
    subscriptions: tuple[str, ...]
    lines: tuple[tuple[str, int], ...] = ()
    commitments: tuple[str, ...] = ()


Line = tuple[str, int, str]
"""A line of an order, to compare by: product id, seats, commitment id."""


class UnclearOrder(Exception):
    """Nobody knows whether the order went out: a person looks into the Pax8 portal. It is never sent again unasked."""


class UnreadableOrder(UnclearOrder):
    """The order may be there, and what there is can't be read or compared: it is looked at again later."""


class TooEarly(Exception):
    """Somebody said that no order is there before a late one could show. Nothing was freed, nothing is sent again."""


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
        return await new_orders_with(request.customer.pax8_id, before, await marked_lines(request, before))


async def new_orders_with(company_id: str, before: Before, wanted: list[Line]) -> list[Order]:
    """Orders of a company that weren't there before, with exactly these lines."""
    return [
        one
        async for one in office().pax8.orders(company_id)
        if one.id not in before.orders and await equals(one, wanted)
    ]


async def equals(order: Order, wanted: list[Line]) -> bool:
    """Whether an order has exactly these lines. A commitment that it doesn't show is read from its subscription."""
    if sorted((line.product_id, line.quantity) for line in order.lines) != [line[:2] for line in wanted]:
        return False
    return sorted([(line.product_id, line.quantity, await commitment_of(line)) for line in order.lines]) == wanted


async def commitment_of(line: OrderLine) -> str:
    """The id of the commitment of an order's line; empty where neither it nor its subscription shows one."""
    if line.commitment_id or not line.subscription_id:
        return line.commitment_id
    commitment = (await office().pax8.subscription(line.subscription_id)).commitment_term
    return commitment.id if commitment is not None else ""


async def bought_by(request: CheckedRequest, known: tuple[str, ...] = ()) -> frozenset[str]:
    """Subscriptions that this very procedure bought (A1, I3): its bridge's, as it knows them, and its orders'.

    Its orders go by the markers that hold their authorities: the one new order that equals what was marked, with the
    commitment of each line. Where none does, or several, nobody can tell which is its own, and none is.
    """
    base = request.reference.removesuffix(bridge_reference(""))
    own = set(known)
    for reference in (base,) if known else (base, bridge_reference(base)):
        for note in await markers_for(request.ticket_id, reference):
            first = await first_holder(authority_in(note))
            if first is not None and first.id == note.id:
                own.update(await bought_under(note, request.customer.pax8_id))
    return frozenset(own)


async def bought_under(marker: TicketNote, company_id: str) -> tuple[str, ...]:
    """The subscriptions of the one order that appeared since a marker and equals it; empty where none does for sure."""
    try:
        before = before_of(marker)
    except UnclearOrder:
        return ()
    found = await new_orders_with(company_id, before, lines_of(before))
    return tuple(line.subscription_id or "" for line in found[0].lines) if len(found) == 1 else ()


async def marked_lines(request: CheckedRequest, before: Before) -> list[Line]:
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
    return lines_of(before)


def lines_of(before: Before) -> list[Line]:
    """The lines that a marker keeps, in order; of one from before commitments were kept, none."""
    pairs = zip(before.lines, before.commitments, strict=False)
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


async def what_may_be_it(request: CheckedRequest, authority_id: str) -> tuple[str, ...]:
    """What this customer has of these products since the marker, in words: any of it may be the order (decision 3).

    Orders and subscriptions, whatever else they show: one may show late, or otherwise than it was sent. Empty where no
    marker holds. Raises `UnreadableOrder`: nobody can say.
    """
    company_id, pax8 = request.customer.pax8_id, office().pax8
    with unclear_where_refused(request.reference):
        marker = await holder(authority_id, request.reference)
        if marker is None:
            return ()
        try:
            before = before_of(marker)
        except UnclearOrder as unread:
            raise UnreadableOrder(str(unread)) from None
        names = {line.product_id: line.product_name for line in request.lines}
        orders = [
            f"order {one.id}: {line.quantity} × {names[line.product_id]}"
            async for one in pax8.orders(company_id)
            for line in one.lines
            if one.id not in before.orders and line.product_id in names
        ]
        subscriptions = [
            f"subscription {one.id}: {one.quantity} × {names[one.product_id]}"
            async for one in pax8.subscriptions(company_id=company_id)
            if one.id not in before.subscriptions and one.product_id in names
        ]
    return (*orders, *subscriptions)


async def marked_at(request: CheckedRequest, authority_id: str) -> datetime | None:
    """When this procedure marked the authority as used."""
    marker = await holder(authority_id, request.reference)
    return marker.created_at.astimezone(UTC) if marker is not None and marker.created_at is not None else None


@step(key=lambda request, authority_id, by, why, attempt: f"{request.reference}-{attempt}")
async def release_marker(request: CheckedRequest, authority_id: str, by: str, why: str, attempt: int) -> int:
    """A person saw in the portal that no order is there: the authority is free again, for one more try.

    Nothing is freed while the customer has anything new of these products: then it is as unclear as before. Raises
    `TooEarly` while a late order may still show, whoever said what, and `Unavailable` while nobody can compare.
    """
    marked = await marked_at(request, authority_id)
    if marked is not None and office().clock.now() < marked + office().settings.order_settle:
        raise TooEarly(f"{request.reference}: an order of {marked:%Y-%m-%d %H:%M} UTC may still show in Pax8")
    try:
        found = await what_may_be_it(request, authority_id)
    except UnreadableOrder as unread:
        raise Unavailable("Pax8", f"nothing was freed: {unread}") from None
    if not found and await holder(authority_id, request.reference):
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
