"""Guards a booked end until the day after: still booked each morning, and then gone, with no successor and no bill."""

from datetime import date, timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows.signature_deadline import identify
from rules.order import Term
from rules.refusal import Refused, refuse
from rules.request import CheckedRequest
from tasks import bridge_letters
from tasks.bridges import GUARD, request_of
from tasks.case import Case, Subject
from tasks.ending import (
    NOT_BOOKED,
    SEVEN_DAYS,
    BridgeIds,
    EndNotAgreed,
    TermReading,
    book_agreed_end,
    book_dead_end,
    book_superseded_end,
    book_unsigned_end,
    is_booked,
    read_term,
)
from tasks.office import office
from tasks.people import colleague
from tasks.procedure import conduct, sleep_until
from tasks.requests import request_of_run
from tasks.schedule import GUARD_END, RUN_NAMES
from tasks.tickets import open_ticket
from tasks.wishes import book_wished_end, dropped_by_our_seats, dropped_without_seats, kept_wish, who_wished

WISHED, AGREED, GUARDED = "wished", "agreed", "guarded-end"
REQUEST = "agreed-request"
OUR_SEATS = "no change of seats of ours"
MORNING = timedelta(hours=9)
DAY = timedelta(days=1)


@flow(name="guard-end", flow_run_name=RUN_NAMES[GUARD_END], persist_result=True)
async def guard_end(
    reference: str,
    ticket_id: int,
    reminder_id: int,
    envelope: str,
    subscriptions: str,
    contact: str,
    requester: str,
    senior: str,
    why: str,
    procedure_run_id: str = "",
    successor: str = "",
    ends: str = "",
) -> State[Any] | None:
    """Watch one booked end: a change of seats drops it (S4), so it is booked again; the day after, it must be gone.

    An end that was wished or agreed, and that somebody took away, is a person's: the customer may want to stay (P18).
    Booked by bridge, signature-deadline, end-on-request and end-subscription; don't start it by hand.

    Args:
        reference: The reference of the bridge, the wish or the order, CS-….
        ticket_id: Autotask id of the request's ticket.
        reminder_id: Autotask id of the reminder ticket.
        envelope: DocuSign envelope id of the agreement.
        subscriptions: Pax8 id of the one subscription.
        contact: Mail address of the customer's contact who confirmed.
        requester: Mail address of the requester.
        senior: Mail address of the senior colleague on the reminder.
        why: Why it ends: unsigned, dead, superseded, wished or agreed.
        procedure_run_id: The procedure's own flow run, which may be gone; for agreed not before the first look.
        successor: For superseded: the annual subscription's Pax8 id, where it is known.
        ends: The day of the booked end, as 2026-12-21. Empty: the end of the term that runs at the first look.
    """
    ids = BridgeIds(
        reference=reference.strip(),
        ticket_id=ticket_id,
        reminder_id=reminder_id,
        envelope_id=envelope.strip(),
        subscriptions=(subscriptions.strip(),),
        contact=contact.strip(),
        requester=requester.strip(),
        senior=senior.strip(),
        procedure_run_id=procedure_run_id.strip(),
    )

    async def procedure(case: Case) -> State[Any]:
        try:
            term = await identified(case, ids, why)
        except Refused as no:
            if GUARD not in case.tags and case.journal.get(GUARDED) is None:
                raise  # started by hand, and told to whoever did
            return await cannot_watch(case, ids, no, ends)
        case.leg = f"guard-{term.subscription_id[:8]}"
        calendar = office().settings.calendar
        seen = ends or (term.term_end or calendar.day_of(case.now())).isoformat()
        end = date.fromisoformat(await case.journal.put(GUARDED, seen))
        day_after = calendar.start_of(end + DAY) + MORNING
        if case.now() >= day_after:
            return await look_behind(case, ids, term, end)
        if not is_booked(term):
            if await was_taken_back(term.subscription_id, why):
                return await hand_to_person(case, ids, taken_back(term, why), end)
            try:
                await book_again(case, ids, term, why, successor)
            except NOT_BOOKED as no:
                return await hand_to_person(case, ids, f"The booked end of {term.product_name} is gone: {no}", end)
        tomorrow = calendar.start_of(calendar.day_of(case.now()) + DAY) + MORNING
        await sleep_until(case, day_after if is_over(term) else min(tomorrow, day_after), f"It ends on {end}")
        raise AssertionError("unreachable: sleeping ends the process")

    return await conduct(procedure)


async def identified(case: Case, ids: BridgeIds, why: str) -> TermReading:
    """Read whose end this is, by its reason; refuse identifiers that don't belong together."""
    if why == WISHED:
        return await identify_wished(case, ids)
    if why == AGREED:
        return await identify_agreed(case, ids)
    return (await identify(case, ids))[0]


async def identify_agreed(case: Case, ids: BridgeIds) -> TermReading:
    """Read whose paper states the end, by the procedure's memory, kept here since the first look (N7).

    That the subscription was bought under it is read where the end is booked again.
    """
    kept = case.journal.get(REQUEST)
    if kept is None:
        found, _ = await request_of_run(ids.procedure_run_id, "N7", "end-subscription")
        if (found.reference, found.ticket_id) != (ids.reference, ids.ticket_id):
            raise refuse(
                "reference",
                "N7",
                f"{ids.reference} on ticket {ids.ticket_id} is not the procedure {ids.procedure_run_id}.",
                "This deployment is started by end-subscription; don't start it by hand.",
            )
        kept = await case.journal.put(REQUEST, found.model_dump(mode="json"))
    request = CheckedRequest.model_validate(kept)
    term = await read_term(ids.subscriptions[0])
    what = f"{term.seats} × {term.product_name}"
    case.about(
        Subject(
            title=f"{request.customer.name} · {what}, agreed end",
            ticket_id=request.ticket_id,
            ticket_number=request.ticket_number,
            requester=await colleague(ids.requester),
            facts=(("Customer", request.customer.name), ("Agreed end", f"{ids.reference}: {what}, {request.end}")),
        )
    )
    await case.adopt_reference(ids.reference)
    return term


async def identify_wished(case: Case, ids: BridgeIds) -> TermReading:
    """Read whose wish this is, by its marker on the ticket; refuse identifiers that don't belong together (P18)."""
    term = await read_term(ids.subscriptions[0])
    try:
        await kept_wish(ids, term.subscription_id)
        known = await who_wished(ids, term)
    except EndNotAgreed as no:
        way_out = "This deployment is started by end-on-request; don't start it by hand."
        raise refuse("subscriptions", "P18", f"{no}.", way_out) from None
    what = f"{term.seats} × {term.product_name}"
    case.about(
        Subject(
            title=f"{known.customer.name} · {what}, wished end",
            ticket_id=known.ticket_id,
            ticket_number=known.ticket_number,
            requester=await colleague(ids.requester),
            facts=(("Customer", known.customer.name), ("Wished end", f"{ids.reference}: {what}")),
        )
    )
    await case.adopt_reference(ids.reference)
    return term


async def cannot_watch(case: Case, ids: BridgeIds, no: Refused, ends: str) -> State[Any]:
    """An end that is booked, whose evidence can't be told any more: nobody else watches it, so a person must (I5).

    `ends`: its day, where whoever booked the guard knew it.
    """
    if case.journal.get(GUARDED) is None:
        running = None if ends else (await read_term(ids.subscriptions[0])).term_end
        today = office().settings.calendar.day_of(case.now())
        await case.journal.put(GUARDED, ends or (running or today).isoformat())
    ticket = await office().autotask.ticket(ids.ticket_id)
    case.about(
        Subject(
            title=f"Booked end of {ids.subscriptions[0]}",
            ticket_id=ticket.id,
            ticket_number=ticket.number,
            requester=await colleague(ids.requester),
            facts=(("Booked end", f"{ids.reference}: {ids.subscriptions[0]}"),),
        )
    )
    await case.adopt_reference(ids.reference)
    case.leg = f"guard-{ids.subscriptions[0][:8]}"
    day = date.fromisoformat(str(case.journal.get(GUARDED)))
    why = " ".join(problem.message for problem in no.problems)
    what = f"{ids.subscriptions[0]} is to end on {day}, and we can't watch it any more: {why} See that it ends then"
    return await hand_to_person(case, ids, what, day)


async def was_taken_back(subscription_id: str, why: str) -> bool:
    """Whether somebody may have taken the end away because the customer stays: no change of seats explains it (S4).

    A wish is the customer's to take back, so only our own change of seats counts; a signed end stands against any.
    """
    if why == WISHED:
        return not await dropped_by_our_seats(subscription_id)
    return why == AGREED and await dropped_without_seats(subscription_id)


def taken_back(term: TermReading, why: str) -> str:
    """What a person is told of a wished or agreed end that is gone without a change of seats that would explain it."""
    whose, seats = ("was agreed", "no change of seats") if why == AGREED else ("the customer wished", OUR_SEATS)
    return (
        f"The end of {term.product_name} ({term.subscription_id}) that {whose} is not booked any more, and {seats} "
        "dropped it. Ask whether the customer stays; if not, book it again"
    )


def is_over(term: TermReading) -> bool:
    return term.status == "Cancelled"


async def book_again(case: Case, ids: BridgeIds, term: TermReading, why: str, successor: str) -> None:
    """The booked end was dropped, or never came: booked on evidence that is read anew (S4). Raises what keeps it."""
    if term.term_end is None:
        raise EndNotAgreed("Pax8 shows no end of its term")
    tries = len(case.journal.starting("again-")) + 1
    await case.journal.put(f"again-{tries:03d}", case.now().isoformat())
    look = f"-guard-{tries}"
    if why == "superseded":
        request = await request_of(ids)
        annual = successor or await annual_behind(term)
        if not annual or request is None:
            raise EndNotAgreed("the annual subscription was not active in time, or the bridge's run is gone (Y5)")
        booked = await book_superseded_end(request, ids, term.subscription_id, term.term_end, annual, look)
    elif why == "dead":
        booked = await book_dead_end(ids, term.subscription_id, term.term_end, look)
    elif why == AGREED:
        agreed = CheckedRequest.model_validate(case.journal.get(REQUEST))
        booked = await book_agreed_end(agreed, ids.envelope_id, term.subscription_id, term.term_end, look)
    elif why == WISHED:
        booked = await book_wished_end(ids, term.subscription_id, term.term_end, look)
    else:
        booked = await book_unsigned_end(ids, term.subscription_id, term.term_end, look)
    await case.record(
        f"booked again {tries}",
        f"The booked end of {term.product_name} had been dropped; it ends on {booked.term_end}.",
    )


async def annual_behind(term: TermReading) -> str:
    """The one active annual subscription of the same product; empty where there is none, or several (Y5)."""
    found = [
        one.id
        async for one in office().pax8.subscriptions(company_id=term.company_id)
        if one.product_id == term.product_id
        and one.status == "Active"
        and one.commitment_term is not None
        and one.commitment_term.term == Term.ANNUAL.value
    ]
    return found[0] if len(found) == 1 else ""


async def look_behind(case: Case, ids: BridgeIds, term: TermReading, ends: date) -> State[Any]:
    """The day after: gone, no successor, nothing in Pax8's draft invoice; else a person, within seven days."""
    wrong = []
    if not is_over(term):
        wrong.append(f"it is still {term.status}, until {term.term_end}")
    for item in [item async for item in office().pax8.draft_items(term.company_id)]:
        if item.subscription_id == term.subscription_id and item.end is not None and item.end >= ends:
            wrong.append(f"Pax8's draft invoice bills it until {item.end}")
    wrong += await successors(term, ends)
    if wrong:
        what = f"{term.product_name} ({term.subscription_id}) was to end on {ends}: " + "; ".join(dict.fromkeys(wrong))
        return await hand_to_person(case, ids, what, ends)
    await case.record("gone", f"{term.product_name} ended on {ends}: gone, no successor, not in the draft invoice.")
    await case.show("Done")
    return Completed(message=f"{term.product_name} ended on {ends}.")


async def successors(term: TermReading, ends: date) -> list[str]:
    """Monthly subscriptions of the same product that began where this one ended, and that nobody ordered (I4)."""
    ordered = {
        line.subscription_id
        async for order in office().pax8.orders(term.company_id)
        for line in order.lines
        if line.subscription_id
    }
    found = []
    async for one in office().pax8.subscriptions(company_id=term.company_id):
        began = one.start is not None and office().settings.calendar.term_end(one.start) >= ends - DAY
        if one.product_id == term.product_id and one.id not in ordered and began and one.status != "Cancelled":
            found.append(f"a successor that nobody ordered is there: {one.id}")
    return found


async def hand_to_person(case: Case, ids: BridgeIds, what: str, ends: date) -> State[Any]:
    """A top-priority ticket and a mail, with the last day of the vendor's seven-day exit (pax8.md §7)."""
    calendar = office().settings.calendar
    by_when = f"by {ends + SEVEN_DAYS}" if calendar.day_of(case.now()) > ends else f"before {ends}"
    todo = f"{what}. Set it right in the Pax8 portal."
    ticket = await office().autotask.ticket(ids.ticket_id)
    key = f"{ids.reference}:g{ids.subscriptions[0]}"[:50]
    await open_ticket(key, ticket.company_id, case.title, todo, case.requester, 1, True)
    to = (case.requester, await colleague(ids.senior), office().settings.contracts)
    otherwise = "Otherwise the customer pays for a term that nobody signed for."
    await case.send(bridge_letters.by_hand("by-hand", case, to, todo, by_when, otherwise))
    await case.record("handed to a person", todo)
    await case.show("Handed to a person")
    return Cancelled(name="Handed to a person", message=todo)
