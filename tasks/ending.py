"""Booking the end of a subscription at its term's end, on the agreed end date as authority (N7, P18)."""

from datetime import date

from pydantic import AwareDatetime, ValidationError

from rules.authority import SignedAgreement, SignedEnd
from rules.order import Frozen
from rules.request import CheckedRequest
from tasks.agreements import read_signed_agreement
from tasks.licences import AuthorityUsed, UnclearOrder, before_of, holder
from tasks.office import office
from tasks.step import assert_run_is_ours, step


class TermReading(Frozen):
    """A subscription's running term as Pax8 gives it. `booked`: the booked end, None when it renews by itself."""

    subscription_id: str
    company_id: str
    product_id: str
    product_name: str
    seats: int
    status: str
    commitment_end: AwareDatetime | None
    term_end: date | None
    booked: AwareDatetime | None


async def read_term(subscription_id: str) -> TermReading:
    """Read the subscription fresh; never cached."""
    calendar = office().settings.calendar
    found = await office().pax8.subscription(subscription_id)
    end = found.commitment_term.end if found.commitment_term else None
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
    )


class EndNotShown(Exception):
    """Pax8 took the cancellation but doesn't show the end date. A person must look before the term ends."""


class EndNotAgreed(Exception):
    """The signed agreement doesn't end this subscription at this term's end. Nothing was booked."""


@step(key=lambda request, envelope_id, subscription_id, term_end: f"{subscription_id}-{term_end}")
async def book_agreed_end(
    request: CheckedRequest, envelope_id: str, subscription_id: str, term_end: date
) -> TermReading:
    """Book the end once, and read it back (N7). Already booked for that day: nothing is sent.

    Raises `EndNotAgreed`, `NotCovered`, `NotSigned`, `EndNotShown`.
    """
    term = await read_term(subscription_id)
    if term.commitment_end is None or term.term_end != term_end:
        raise EndNotAgreed(f"the term of {subscription_id} ends on {term.term_end} now, not on {term_end}")
    agreement = await read_signed_agreement(envelope_id, request)
    await assert_bought_under(agreement, request, term)
    if is_booked(term):
        return term
    try:
        authority = SignedEnd(
            agreement=agreement,
            subscription_id=subscription_id,
            product_id=term.product_id,
            commitment_end=term.commitment_end,
            term_end=term.term_end,
        )
    except ValidationError as invalid:
        raise EndNotAgreed("; ".join(str(error["msg"]) for error in invalid.errors())) from None
    await assert_run_is_ours()
    await office().pax8.cancel_at(subscription_id, term.commitment_end, authority)
    after = await read_term(subscription_id)
    if not is_booked(after):
        raise EndNotShown(f"Pax8 shows no end date on {subscription_id} after the cancellation was booked")
    return after


async def assert_bought_under(agreement: SignedAgreement, request: CheckedRequest, term: TermReading) -> None:
    """The subscription must be one that this very agreement bought (I1); raises `EndNotAgreed`.

    By the marker that was written before the order, and the new order of that company with the paper's lines.
    """
    try:
        marker = await holder(agreement.authority_id, request.reference)
        before = before_of(marker) if marker is not None else None
    except (AuthorityUsed, UnclearOrder) as no:
        raise EndNotAgreed(str(no)) from None
    if before is None:
        raise EndNotAgreed(f"{agreement.authority_id} has bought nothing for {request.reference}")
    company = await office().pax8.company(term.company_id)
    signed = {(row.product_id, row.seats) for row in agreement.paper.lines}
    bought = {
        line.subscription_id
        async for order in office().pax8.orders(term.company_id)
        for line in order.lines
        if order.id not in before.orders and (line.product_id, line.quantity) in signed
    }
    customer = await office().autotask.company(request.customer.autotask_id)
    if (
        company.external_id != str(customer.id)
        or customer.name != agreement.paper.customer
        or term.subscription_id not in bought
    ):
        raise EndNotAgreed(f"{term.subscription_id} was not bought under {agreement.authority_id} (N7)")


def is_booked(term: TermReading) -> bool:
    """Whether the subscription ends with its running term. The end date decides, not the status (pax8.md §7.2)."""
    return (
        term.booked is not None
        and term.commitment_end is not None
        and office().settings.calendar.term_end(term.booked) <= office().settings.calendar.term_end(term.commitment_end)
    )
