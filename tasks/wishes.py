"""A customer's wish to end a subscription: checked, marked outside, booked on that evidence alone (P18)."""

import json
from datetime import date
from itertools import pairwise

from rules.authority import EndAuthority
from rules.endings import EndRequest
from rules.order import Frozen
from rules.refusal import Refused, refuse
from rules.request import Customer
from rules.seats import HeldSeats
from rules.wishes import EndWish, KeptWish
from tasks import catalogue
from tasks.bridges import OPEN
from tasks.case import Case
from tasks.claims import said_of
from tasks.contacts import authorised_contacts
from tasks.double_starts import one_start_each
from tasks.ending import BridgeIds, EndNotAgreed, TermReading, began, book_end, renewed_past
from tasks.markers import AuthorityUsed, first_holder, holder
from tasks.office import office
from tasks.requests import recalled
from tasks.runs import runs_tagged
from tasks.seat_requests import held_seats, look_up, refuse_new
from tasks.seats import history_of
from tasks.step import step
from tasks.tickets import add_marker, markers_for
from tasks.written import NoSuchEvidence, read_written
from vendors.pax8 import Subscription

WISH = "checked-wish"


class WishForm(Frozen):
    """The launch form as typed. `subscription` empty: the customer has one of the product."""

    customer: str
    ticket: str
    requester: str
    contact: str
    product: str
    end_date: str
    subscription: str


class Known(Frozen):
    """A ticket and whose it is, read fresh: what is needed to read a written word on it."""

    reference: str
    customer: Customer
    ticket_id: int
    ticket_number: str


async def check_wish(case: Case, form: WishForm) -> EndWish:
    """The wish as checked, once. Raises `Refused` with every problem that could be found."""
    kept = recalled(case, WISH, EndWish)
    if kept is not None:
        return kept
    today = office().settings.calendar.day_of(case.now())
    wished = read_day(form.end_date, today)
    asker, mapped = await look_up(form.customer, form.ticket, form.requester, form.contact, form.product)
    choices = await held_seats(asker.customer.pax8_id, mapped.product_id, 1, today)
    if not choices:
        held = await catalogue.live_subscriptions(asker.customer.pax8_id)
        raise Refused([refuse_new(mapped, held, today).problems[0].model_copy(update={"way_out": "Nothing to end."})])
    one = the_one(choices, form.subscription.strip())
    await refuse_what_ends_otherwise(one)
    wish = EndWish(
        **dict(asker),
        reference=case.reference,
        run_id=str(case.run_id),
        held=one,
        wished=wished,
        currency=office().settings.currency,
    )
    tag = f"wished-end:{wish.ticket_number}:{one.subscription_id}"
    await one_start_each(case, {"product": (wish.product_name, tag)}, wish.ticket_number)
    return EndWish.model_validate(await case.journal.put(WISH, wish.model_dump(mode="json")))


def read_day(text: str, today: date) -> date:
    """The day wished for. Raises `Refused` for none, or one that is over."""
    try:
        wished = date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise refuse("end_date", "P18", f"'{text}' is not a day.", "Write it as 2026-12-31.") from None
    if wished < today:
        raise refuse("end_date", "P18", f"{wished} is in the past (today is {today}).", "Give today or a later day.")
    return wished


def the_one(choices: tuple[HeldSeats, ...], subscription_id: str) -> HeldSeats:
    """The subscription that is meant. Several and none named: refused, each listed."""
    listed = "; ".join(f"{one.subscription_id}: {one.seats} seats, {one.label}" for one in choices)
    if subscription_id:
        found = next((one for one in choices if one.subscription_id == subscription_id), None)
        if found is None:
            raise refuse("subscription", "P18", f"{subscription_id} is none of the customer's.", f"It has: {listed}.")
        return found
    if len(choices) > 1:
        raise refuse("subscription", "P18", "the customer has several of this product.", f"Name one of: {listed}.")
    return choices[0]


async def refuse_what_ends_otherwise(held: HeldSeats) -> None:
    """A bridge, an end that is booked already, and a term whose end isn't shown have ways of their own."""
    if held.ends is not None:
        raise refuse("product", "P18", f"it is booked to end on {held.ends} already.", "There is nothing to do.")
    bridges = [run async for run in runs_tagged([OPEN, f"sub:{held.subscription_id}"])]
    if bridges:
        way_out = "Withdraw the bridge by its own form: unsigned, it ends with its month by itself."
        raise refuse("product", "B7", f"it is a bridge under way: {bridges[0].name}.", way_out)
    if held.renews is None:
        raise refuse("product", "P18", "Pax8 shows no end of its term.", "Book its end in the Pax8 portal.")


@step(key=lambda wish, kept, authority_id: authority_id)
async def mark_wish(wish: EndWish, kept: KeptWish, authority_id: str) -> int:
    """Record outside what the customer's word is used for, before anything is booked (decision 1).

    What watches the end reads it from there, whatever became of the run. Raises `AuthorityUsed`.
    """
    mine = await holder(authority_id, wish.reference)
    if mine is None:
        used_for = f"{wish.reference}: end of {kept.subscription_id} by {kept.wished}"
        await add_marker(wish.ticket_id, authority_id, used_for, kept.model_dump_json())
        mine = await holder(authority_id, wish.reference)
    if mine is None:
        raise AuthorityUsed(f"{authority_id} is held by nobody right after it was marked; a person must look")
    return mine.id


@step(key=lambda ids, subscription_id, term_end, look: f"{subscription_id}-{term_end}{look}")
async def book_wished_end(ids: BridgeIds, subscription_id: str, term_end: date, look: str = "") -> TermReading:
    """Book the end that a customer wished for, on the word that the ticket's marker names, read anew (P18)."""

    async def wished(term: TermReading) -> EndAuthority:
        kept = await kept_wish(ids, subscription_id)
        known = await who_wished(ids, term)
        try:
            written = await read_written(kept.evidence, known)
        except NoSuchEvidence as gone:
            raise EndNotAgreed(str(gone)) from None
        rights = await authorised_contacts(known.customer.autotask_id, known.customer.itglue_id)
        used = await first_holder(written.authority_id)
        if used is None or f" used for {ids.reference}:" not in used.title:
            raise EndNotAgreed(f"{kept.evidence} isn't marked for the end of {subscription_id} (I1)")
        return EndRequest.model_validate(
            {
                "written": written,
                "may_confirm": rights,
                "reading": kept.reading,
                "subscription_id": subscription_id,
                "wished": kept.wished,
                "began": began(term),
                "asked_in": kept.asked_in or date.min,
                "commitment_end": term.commitment_end,
                "calendar": office().settings.calendar,
                "at": office().clock.now(),
            }
        )

    return await book_end(subscription_id, term_end, wished)


def renewed_meanwhile(wish: EndWish, term: TermReading) -> bool:
    """Whether it has renewed past the day since the customer was asked: another term runs than the one meant (P18)."""
    ends, asked_in = term.commitment_end, wish.asked_in
    if ends is not None and asked_in is not None and office().settings.calendar.last_day(ends) <= asked_in:
        return False
    return renewed_past(term, wish.wished) is not None


async def dropped_by_our_seats(subscription_id: str) -> bool:
    """Whether its booked end went with a change of seats of ours, which doesn't mean that the customer stays (S4).

    Pax8's history must show that end and seats changed at once, and a claim of ours those very totals.
    """
    dropped = await last_drop(subscription_id)
    if dropped is None:
        return False
    before, after = dropped
    change = f"{before.quantity} → {after.quantity} seats"
    return before.quantity != after.quantity and any(
        what.startswith(change) for verb, _, what in await said_of(subscription_id) if verb in ("claimed", "done")
    )


async def dropped_without_seats(subscription_id: str) -> bool:
    """Whether its booked end went by itself, and not with a change of seats, by whomever, as Pax8's history shows."""
    dropped = await last_drop(subscription_id)
    return dropped is not None and dropped[0].quantity == dropped[1].quantity


async def last_drop(subscription_id: str) -> tuple[Subscription, Subscription] | None:
    """The states before and after its booked end went last, by Pax8's history; None where none went."""
    states = [*await history_of(subscription_id), await office().pax8.subscription(subscription_id)]
    dropped = [(a, b) for a, b in pairwise(states) if a.end is not None and b.end is None]
    return dropped[-1] if dropped else None


async def kept_wish(ids: BridgeIds, subscription_id: str) -> KeptWish:
    """What the wish's marker on the ticket keeps. Raises `EndNotAgreed` without one, or one that was edited."""
    for note in reversed(await markers_for(ids.ticket_id, ids.reference)):
        try:
            kept = KeptWish.model_validate(json.loads(note.description))
        except ValueError:
            continue
        if kept.subscription_id == subscription_id:
            return kept
    raise EndNotAgreed(f"ticket {ids.ticket_id} knows no wish {ids.reference} to end {subscription_id} (P18)")


async def who_wished(ids: BridgeIds, term: TermReading) -> Known:
    """The ticket's customer, who must be the one that the subscription is billed to (I1). Raises `EndNotAgreed`."""
    ticket = await office().autotask.ticket(ids.ticket_id)
    company = await office().autotask.company(ticket.company_id)
    organisation = await office().itglue.organisation_by_psa_id(company.id)
    billed = await office().pax8.company(term.company_id)
    if organisation is None or billed.external_id != str(company.id):
        raise EndNotAgreed(f"{term.subscription_id} is not {company.name}'s, whose ticket it is (I1)")
    return Known(
        reference=ids.reference,
        ticket_id=ticket.id,
        ticket_number=ticket.number,
        customer=Customer(
            autotask_id=company.id,
            name=company.name,
            domain="",
            pax8_id=term.company_id,
            itglue_id=organisation.id,
            tenant_id="",
            tenant_source="",
            gdap_active=False,
        ),
    )
