"""Booking the end of a subscription at its term's end, each on an authority of its own, and reading it back (P18)."""

from collections.abc import Awaitable, Callable, Collection
from datetime import date, datetime, timedelta

from dateutil.relativedelta import relativedelta
from pydantic import AwareDatetime, ValidationError

from rules.authority import EndAuthority, NotCovered, SignedAgreement
from rules.bridge import bridge_reference
from rules.calendar import term_began
from rules.endings import AgreementDead, SignedEnd, Successor, Superseded, UnsignedAtCutoff
from rules.order import Frozen, Term
from rules.request import CheckedRequest
from tasks.agreements import NotSigned, read_envelopes_of, read_signed_agreement
from tasks.markers import AuthorityUsed, holder
from tasks.office import office
from tasks.step import assert_run_is_ours, step
from tasks.tickets import markers_for
from tasks.unclear_orders import Before, UnclearOrder, before_of
from vendors.autotask import TicketNote
from vendors.errors import NotFound, Unavailable
from vendors.errors import Refused as VendorRefused
from vendors.pax8 import LIST_PAGE, Subscription

BRIDGE_BEGINS_WITHIN = timedelta(days=7)
"""How long after its marker a bridge's subscription may begin: what begins later is another one."""
DAY = timedelta(days=1)
FEW = 3
"""So many subscriptions are read one by one."""
SEVEN_DAYS = timedelta(days=7)
"""How long after a renewal Pax8 still lets a month go (pax8.md §7)."""


RENEWED = timedelta(days=40)
"""A month's bridge whose term ends later than this after its start has renewed."""


class TermReading(Frozen):
    """A subscription's running term as Pax8 gives it. `booked`: the booked end, None when it renews by itself.

    `term_end`: the day of `commitment_end`, as `Calendar.term_end` reads it; whether the term reaches a day is asked of
    `reaches`. `started`: when the subscription itself began, its first term's start. `months`: how long a term is, None
    where Pax8's word for it isn't one of ours.
    """

    subscription_id: str
    company_id: str
    product_id: str
    product_name: str
    seats: int
    status: str
    commitment_end: AwareDatetime | None
    term_end: date | None
    booked: AwareDatetime | None
    started: AwareDatetime | None = None
    months: int | None = None


class BridgeIds(Frozen):
    """What names a bridge, and nothing else: everything about it is read fresh by these (design.md, decision 6).

    People by mail address. `procedure_run_id`: the bridge's own run, which may be gone.
    """

    reference: str
    ticket_id: int
    reminder_id: int
    envelope_id: str
    subscriptions: tuple[str, ...]
    contact: str
    requester: str
    senior: str
    procedure_run_id: str


async def read_term(subscription_id: str) -> TermReading:
    """Read the subscription fresh; never cached."""
    return term_of(await office().pax8.subscription(subscription_id))


async def read_terms(subscription_ids: Collection[str]) -> dict[str, TermReading]:
    """Read many, fresh: from Pax8's list, newest first, as long as its pages bring more than single calls would.

    What the list doesn't show, or shows without its term, is read by itself (pax8.md §7). For looking out only: an
    end is booked on `read_term`.
    """
    wanted, read = set(subscription_ids), 0
    found: dict[str, TermReading] = {}
    if len(wanted) > FEW:
        async for one in office().pax8.subscriptions(newest_first=True):
            read += 1
            if one.id in wanted and one.commitment_term is not None and one.commitment_term.end is not None:
                found[one.id] = term_of(one)
            if len(found) == len(wanted) or read > LIST_PAGE * len(wanted):
                break
    return found | {one: await read_term(one) for one in sorted(wanted - set(found))}


def reaches(term: TermReading, wished: date) -> bool:
    """Whether the running term reaches that day; one without an end reaches none (N7, P18)."""
    return term.commitment_end is not None and office().settings.calendar.reaches(term.commitment_end, wished)


def began(term: TermReading) -> datetime | None:
    """When the running term began, and the one before it ended; None where Pax8 shows no end.

    A term of unknown length is taken for a month: a person is asked rather than a wrong term booked.
    """
    return term_began(term.commitment_end, term.months or 1, term.started) if term.commitment_end else None


def renewed_past(term: TermReading, wished: date) -> datetime | None:
    """When it renewed although the term before reached that day already; None where it didn't (N7, P18)."""
    at = began(term)
    if at is None or (term.started is not None and at <= term.started + DAY):
        return None
    return at if office().settings.calendar.reaches(at, wished) else None


def term_of(found: Subscription) -> TermReading:
    """What Pax8 shows of a subscription's running term."""
    calendar, commitment = office().settings.calendar, found.commitment_term
    end = commitment.end if commitment else None
    return TermReading(
        subscription_id=found.id,
        company_id=found.company_id,
        product_id=found.product_id,
        product_name=found.product_name,
        seats=found.quantity,
        status=found.status,
        commitment_end=end,
        term_end=calendar.term_end(end) if end else None,
        booked=found.end,
        started=found.start,
        months=next((one.months for one in Term if commitment is not None and one.value == commitment.term), None),
    )


def month_began(commitment_end: datetime) -> datetime:
    """When the month that ends then began: of a bridge that renewed, the moment of its renewal."""
    return commitment_end - relativedelta(months=1)


def has_renewed(term: TermReading, now: datetime) -> bool:
    """Whether the bridge's month has ended without an end being booked, so that another one has begun (I4)."""
    if term.started is None or term.commitment_end is None:
        return False
    return term.commitment_end - term.started > RENEWED and month_began(term.commitment_end) <= now


class EndNotShown(Exception):
    """Pax8 took the cancellation but doesn't show the end date. A person must look before the term ends."""


class EndNotAgreed(Exception):
    """The evidence doesn't end this subscription at this term's end. Nothing was booked."""


NOT_BOOKED = (EndNotShown, EndNotAgreed, NotCovered, NotSigned, VendorRefused)
"""Why an end could not be booked, where a person has to do it, or a later look."""


async def book_end(
    subscription_id: str, term_end: date, authority_for: Callable[[TermReading], Awaitable[EndAuthority]]
) -> TermReading:
    """Book an end once, for the running term's end, and read it back. Already booked for that day: nothing is sent.

    `authority_for` reads the evidence right before the write. Raises `EndNotAgreed`, `NotCovered`, `NotSigned`, Pax8's
    `Refused`: in each of these nothing was booked here. `EndNotShown`; and `Unavailable` also where a read is refused
    while the end may be booked.
    """
    try:
        term = await read_term(subscription_id)
    except VendorRefused as unread:  # an earlier attempt may have booked it
        raise not_readable(unread) from None
    if term.status == "Cancelled":
        return term
    if term.commitment_end is None or term.term_end != term_end:
        raise EndNotAgreed(f"the term of {subscription_id} ends on {term.term_end} now, not on {term_end}")
    try:
        authority = await authority_for(term)
    except ValidationError as invalid:
        raise EndNotAgreed("; ".join(str(error["msg"]) for error in invalid.errors())) from None
    except VendorRefused as unread:
        if is_booked(term):
            raise not_readable(unread) from None
        raise
    if is_booked(term):
        return term
    await assert_run_is_ours()
    await office().pax8.cancel_at(subscription_id, term.commitment_end, authority)
    try:
        after = await read_term(subscription_id)
    except (VendorRefused, NotFound) as unread:
        raise not_readable(unread) from None
    if not is_booked(after):
        raise EndNotShown(f"Pax8 shows no end date on {subscription_id} after the cancellation was booked")
    return after


def not_readable(unread: VendorRefused | NotFound) -> Unavailable:
    """A refused read as what it is where an end may be booked already: nobody knows, so it is looked at again."""
    return Unavailable(unread.vendor, f"whether the end is booked can't be read: {unread.message}")


def is_booked(term: TermReading) -> bool:
    """Whether the subscription ends with its running term. The end date decides, not the status (pax8.md §7.2)."""
    return term.status == "Cancelled" or (
        term.booked is not None
        and term.commitment_end is not None
        and office().settings.calendar.term_end(term.booked) <= office().settings.calendar.term_end(term.commitment_end)
    )


@step(key=lambda request, envelope_id, subscription_id, term_end, look: f"{subscription_id}-{term_end}{look}")
async def book_agreed_end(
    request: CheckedRequest, envelope_id: str, subscription_id: str, term_end: date, look: str = ""
) -> TermReading:
    """Book the end that the signed agreement states (N7)."""

    async def agreed(term: TermReading) -> EndAuthority:
        agreement = await read_signed_agreement(envelope_id, request)
        await assert_bought_under(agreement, request, term)
        return SignedEnd.model_validate(
            {
                "agreement": agreement,
                "subscription_id": subscription_id,
                "product_id": term.product_id,
                "commitment_end": term.commitment_end,
                "began": began(term),
                "calendar": office().settings.calendar,
            }
        )

    return await book_end(subscription_id, term_end, agreed)


@step(key=lambda ids, subscription_id, term_end, look: f"{subscription_id}-{term_end}{look}")
async def book_unsigned_end(ids: BridgeIds, subscription_id: str, term_end: date, look: str = "") -> TermReading:
    """Book a bridge's end because its agreement is unsigned at the cut-off (B7)."""

    async def unsigned(term: TermReading) -> EndAuthority:
        return UnsignedAtCutoff.model_validate(await unsigned_evidence(ids, term))

    return await book_end(subscription_id, term_end, unsigned)


@step(key=lambda ids, subscription_id, term_end, look: f"{subscription_id}-{term_end}{look}")
async def book_dead_end(ids: BridgeIds, subscription_id: str, term_end: date, look: str = "") -> TermReading:
    """Book a bridge's end because its agreement can't be signed any more: declined, voided, expired."""

    async def dead(term: TermReading) -> EndAuthority:
        return AgreementDead.model_validate(await unsigned_evidence(ids, term))

    return await book_end(subscription_id, term_end, dead)


async def unsigned_evidence(ids: BridgeIds, term: TermReading) -> dict[str, object]:
    """What says that a bridge's agreement is unsigned, read right now: every envelope of its reference."""
    await assert_bought_as_bridge(ids, term)
    readings = await read_envelopes_of(ids.reference, ids.envelope_id, ids.procedure_run_id)
    return {
        "reference": ids.reference,
        "subscription_id": term.subscription_id,
        "readings": readings,
        "client_role": office().settings.templates.client_role,
        "calendar": office().settings.calendar,
        "commitment_end": term.commitment_end,
        "at": office().clock.now(),
    }


@step(key=lambda request, ids, subscription_id, term_end, successor_id, look: f"{subscription_id}-{term_end}{look}")
async def book_superseded_end(
    request: CheckedRequest,
    ids: BridgeIds,
    subscription_id: str,
    term_end: date,
    successor_id: str,
    look: str = "",
) -> TermReading:
    """Book a bridge's end because the signed annual subscription is active in its place (Y5)."""

    async def superseded(term: TermReading) -> EndAuthority:
        await assert_bought_as_bridge(ids, term)
        agreement = await read_signed_agreement(ids.envelope_id, request)
        found = await office().pax8.subscription(successor_id)
        commitment = found.commitment_term.term if found.commitment_term else ""
        return Superseded(
            agreement=agreement,
            subscription_id=subscription_id,
            product_id=term.product_id,
            successor=Successor(
                subscription_id=found.id,
                product_id=found.product_id,
                seats=found.quantity,
                status=found.status,
                term=next((t for t in Term if t.value == commitment), None),
                read_at=office().clock.now(),
            ),
            commitment_end=term.commitment_end,
            at=office().clock.now(),
        )

    return await book_end(subscription_id, term_end, superseded)


async def assert_bought_under(agreement: SignedAgreement, request: CheckedRequest, term: TermReading) -> None:
    """The subscription must be one that this very agreement bought (I1); raises `EndNotAgreed`.

    By the marker that was written before the order, and the new order of that company with the paper's lines. One
    that was bought as this procedure's bridge, and kept under the agreement, counts too: with fewer seats than signed,
    where more were added meanwhile.
    """
    try:
        marker = await holder(agreement.authority_id, request.reference)
        before = before_of(marker) if marker is not None else None
    except (AuthorityUsed, UnclearOrder) as no:
        raise EndNotAgreed(str(no)) from None
    if before is None:
        raise EndNotAgreed(f"{agreement.authority_id} has bought nothing for {request.reference}")
    company = await office().pax8.company(term.company_id)
    signed = {row.product_id: row.seats for row in agreement.paper.lines}
    bought = {
        line.subscription_id
        async for order in office().pax8.orders(term.company_id)
        for line in order.lines
        if order.id not in before.orders and 0 < line.quantity <= signed.get(line.product_id, 0)
    }
    customer = await office().autotask.company(request.customer.autotask_id)
    if (
        company.external_id != str(customer.id)
        or customer.name != agreement.paper.customer
        or term.subscription_id not in bought
    ):
        raise EndNotAgreed(f"{term.subscription_id} was not bought under {agreement.authority_id} (N7)")


async def assert_bought_as_bridge(ids: BridgeIds, term: TermReading) -> None:
    """The subscription must be one that this very bridge bought, for the ticket's customer (I1).

    By the marker that was written on the ticket before the order: an order after it, of the very products that were
    marked, and a subscription by the month that began within days. Raises `EndNotAgreed`.
    """
    ticket = await office().autotask.ticket(ids.ticket_id)
    company = await office().pax8.company(term.company_id)
    marker = await marker_of_bridge(ids)
    before = before_or_refuse(marker)
    products = sorted(product_id for product_id, _ in before.lines)
    bought, unnamed = set(), set()
    async for order in office().pax8.orders(term.company_id):
        if order.id in before.orders or (products and sorted(line.product_id for line in order.lines) != products):
            continue
        bought |= {line.subscription_id for line in order.lines if line.subscription_id}
        unnamed |= {line.product_id for line in order.lines if not line.subscription_id}
    is_new = term.subscription_id not in before.subscriptions
    began_later = (
        term.started is not None
        and marker.created_at is not None
        and term.started > marker.created_at + BRIDGE_BEGINS_WITHIN
    )
    if (
        company.external_id != str(ticket.company_id)
        or not is_new
        or began_later
        or (term.months or 1) > 1
        or (term.subscription_id not in bought and term.product_id not in unnamed)
    ):
        raise EndNotAgreed(f"{term.subscription_id} was not bought as the bridge {ids.reference} (B7)")


async def before_the_bridge(ids: BridgeIds) -> Before:
    """What the customer had right before a bridge was ordered, by its marker. Raises `EndNotAgreed`."""
    return before_or_refuse(await marker_of_bridge(ids))


async def marker_of_bridge(ids: BridgeIds) -> TicketNote:
    """The marker that was written before a bridge was ordered. Raises `EndNotAgreed`."""
    markers = await markers_for(ids.ticket_id, bridge_reference(ids.reference))
    if not markers:
        raise EndNotAgreed(f"ticket {ids.ticket_id} knows no bridge {ids.reference}: nothing was bought for it (B7)")
    return markers[-1]


def before_or_refuse(marker: TicketNote) -> Before:
    """What a bridge's marker keeps. Raises `EndNotAgreed` where somebody has edited it."""
    try:
        return before_of(marker)
    except UnclearOrder as unreadable:
        raise EndNotAgreed(str(unreadable)) from None
