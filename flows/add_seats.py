"""More seats of what a customer has: on written confirmation of before → after, one writer at a time (S)."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.again import begin_reading, heard, last_word
from flows.decisions import end, end_without_order
from flows.seats_unclear import ask_about_unclear_seats, found_added
from flows.seats_word import CHANGED, WRITTEN_AGAIN, confirmed_increase
from rules.authority import NotCovered
from rules.events import DayReached, Decided, Event, ReplyRead
from rules.order import Term
from rules.people import Person
from rules.request import MOST_SEATS
from rules.seats import Acknowledged, HeldSeats, SeatRequest
from rules.written import Written
from tasks import bridge_letters, claims, seat_letters
from tasks.bridges import OPEN
from tasks.case import Case
from tasks.documentation import document_seats
from tasks.double_starts import something_else_open
from tasks.ending import EndNotAgreed, EndNotShown, is_booked, read_term
from tasks.forms import AnswerAgain, LookForm
from tasks.forms_again import ANEW, LaterWordForm
from tasks.forms_seats import AcknowledgeForm
from tasks.later_words import WrittenAgain
from tasks.office import office
from tasks.procedure import conduct
from tasks.runs import is_over, runs_tagged, wake
from tasks.seat_requests import SeatsForm, about, check_seats, held_seats
from tasks.seats import SURE, SeatBasis, SeatsOutcome, UnclearSeats, book_dropped_end, unread_since, write_seats
from tasks.tickets import complete_ticket, open_ticket
from tasks.waiting import Wait, wait_for
from tasks.written import file_evidence
from vendors.errors import Refused as VendorRefused

ASK_AGAIN = timedelta(minutes=2)
"""After so long a claim that somebody else held is tried again."""
MOST_TRIES = 500
SeatCount = Annotated[int, Field(ge=1, le=MOST_SEATS)]


@flow(name="add-seats", flow_run_name="{customer} · {product}, {seats_now} → {seats_wanted} seats", persist_result=True)
async def add_seats(
    customer: str,
    ticket: str,
    requester: str,
    contact: str,
    product: str,
    seats_now: SeatCount,
    seats_wanted: SeatCount,
) -> State[Any] | None:
    """More seats of a product that the customer has already: no agreement, only the customer's written confirmation.

    The word is picked from what the customer's contacts wrote of late, or the contact is asked by mail. With several
    subscriptions of the product the customer chooses. For a product that the customer doesn't have use
    new-subscription; fewer seats can't be had here.

    Args:
        customer: The customer's exact name in Autotask, or its Autotask id.
        ticket: Number of the customer's open ticket for this request, e.g. T20261118.0012.
        requester: Your own mail address. The procedure is yours, and mail about it comes to you.
        contact: Mail address of the customer's authorised contact who confirms in writing.
        product: The product's exact name on our agreement, e.g. Visio Plan 1.
        seats_now: How many seats the customer has now, as the customer sees it.
        seats_wanted: How many it shall be in all.
    """
    form = SeatsForm(
        customer=customer,
        ticket=ticket,
        requester=requester,
        contact=contact,
        product=product,
        seats_now=seats_now,
        seats_wanted=seats_wanted,
    )

    async def procedure(case: Case) -> State[Any]:
        request = await check_seats(case, form)
        about(case, request, seat_letters.facts_of(request))
        await case.record(
            "requested",
            f"{request.added} more × {request.product_name} requested. Unassigned: {request.unassigned}.",
            by=request.requester.email,
        )
        choices, why = request.choices, ""
        for round_ in range(1, 50):
            basis = await confirmed_increase(case, request, choices, round_, why)
            basis = await acknowledged(case, request, basis)
            outcome = await add(case, request, basis, round_)
            if outcome is not None and outcome.kind == "written":
                return await finish(case, request, basis, outcome)
            why = WRITTEN_AGAIN if outcome is None else CHANGED
            choices = await choices_now(case, request, round_, why)
        raise RuntimeError("fifty rounds of one increase; a person must look at this run")

    return await conduct(procedure)


async def choices_now(case: Case, request: SeatRequest, round_: int, why: str) -> tuple[HeldSeats, ...]:
    """The seats have changed, or the customer has written again: what is there now, to be asked about anew (S1)."""
    key = f"choices-{round_}"
    kept = case.journal.get(key)
    if kept is None:
        today = office().settings.calendar.day_of(case.now())
        most = max(one.seats for one in request.choices) + request.added
        found = await held_seats(request.customer.pax8_id, request.product_id, most, today)
        if not found:
            await end(case, None, "Gone", f"The customer has no live {request.product_name} any more.", "Pax8")
        kept = await case.journal.put(key, [one.model_dump(mode="json") for one in found])
    choices = tuple(HeldSeats.model_validate(one) for one in kept)
    there = "; ".join(one.in_words(request.currency) for one in choices)
    said = "The seats are others than confirmed" if why == CHANGED else "The confirmation counts no more"
    await case.record(f"seats changed {round_}", f"{said}, so it is asked anew: {there}.")
    return choices


async def acknowledged(case: Case, request: SeatRequest, basis: SeatBasis) -> SeatBasis:
    """S3: on any term but Monthly, somebody who is shown that the seats stay types the new total."""
    if basis.choice.term is Term.MONTHLY:
        return basis

    async def right_total(event: Event) -> None:
        if isinstance(event, Decided) and event.why != str(basis.after):
            raise AnswerAgain(
                f"new_total: that is not the new total; the change is {basis.offer.change(basis.choice)}."
            )

    event = await wait_for(
        case,
        Wait(
            name=f"acknowledge-{basis.offer.round}",
            awaited=case.requester,
            what=f"Acknowledge that {basis.after} × {request.product_name} can't be given back, by typing the total",
            form=AcknowledgeForm,
            role="requester",
            check=right_total,
            explain="\n\n".join([basis.choice.in_words(request.currency), seat_letters.binding(basis.choice)]),
            letter=seat_letters.acknowledgement(case, request, basis),
        ),
    )
    if not isinstance(event, Decided):
        await end_without_order(case, event, None)
        raise AssertionError("unreachable")
    at = await case.journal.put(f"acknowledged-at-{basis.offer.round}", case.now().isoformat())
    typed = Acknowledged(
        by=event.by, at=datetime.fromisoformat(at), subscription_id=basis.subscription_id, total=int(event.why)
    )
    await case.record(
        f"acknowledged {basis.offer.round}", f"{basis.after} seats until {basis.choice.renews} (S3).", by=event.by
    )
    return basis.model_copy(update={"acknowledged": typed})


async def add(case: Case, request: SeatRequest, basis: SeatBasis, round_: int) -> SeatsOutcome | None:
    """File the evidence and write, once nobody else is at it. What can't be written ends it: nothing was added (S1).

    What nobody can tell, the marker having been changed, is for a person to see in Pax8. None: the customer has written
    again, and is asked anew.
    """
    await file_evidence(basis.evidence, request)
    found = found_added(case, round_)
    if found is not None:
        return found
    for attempt in range(1, MOST_TRIES):
        if not await still_stands(case, request, basis, round_):
            return None
        basis = basis.model_copy(update={"heard": heard(case, round_)})
        try:
            outcome = await write_seats(request, basis, round_, attempt)
        except WrittenAgain as again:
            await begin_reading(case, round_, str(again))
            continue
        except UnclearSeats as unclear:
            return await ask_about_unclear_seats(case, request, basis, round_, str(unclear))
        except SURE as no:
            await end(case, None, "Not added", f"{no}", "Pax8" if isinstance(no, VendorRefused) else "the evidence")
        if outcome.kind != "claimed":
            return outcome
        await wait_for_claim(case, request, basis, f"claim-{round_}-{attempt}", outcome)
    raise RuntimeError(f"{basis.subscription_id} was claimed by others {MOST_TRIES} times; somebody must look")


async def still_stands(case: Case, request: SeatRequest, basis: SeatBasis, round_: int) -> bool:
    """Whether the confirmation stands, whatever was written since; False: the customer is asked anew. A no ends it."""

    async def unread() -> list[tuple[str, Written]]:
        return await unread_since(basis.model_copy(update={"heard": heard(case, round_)}), request)

    match await last_word(case, round_, unread, LaterWordForm):
        case None:
            return True
        case ReplyRead(choice=choice) if choice == ANEW:
            return False
        case ReplyRead(by=by):
            await end(case, None, "Refused by the customer", "The customer does not want it any more.", by)
        case event:
            await end_without_order(case, event, None)
    raise AssertionError("unreachable")


async def wait_for_claim(case: Case, request: SeatRequest, basis: SeatBasis, name: str, outcome: SeatsOutcome) -> None:
    """Another procedure changes these very seats: wait until it is through, or its run is over."""

    async def free(_hinted: bool) -> Event | None:
        standing = await claims.standing_claims(basis.subscription_id)
        for one in standing:
            if await is_over(one):
                await claims.take_off(request, basis.subscription_id, one)
                standing = [other for other in standing if other != one]
        return None if standing else DayReached(day=office().settings.calendar.day_of(case.now()))

    event = await wait_for(
        case,
        Wait(
            name=name,
            awaited=Person(name="another procedure", email=outcome.holder or "add-seats"),
            what=f"{outcome.holder or 'Another procedure'} changes the seats of {basis.subscription_id}",
            form=LookForm,
            role="calendar",
            until=case.now() + ASK_AGAIN,
        ),
        free,
    )
    if not isinstance(event, DayReached):
        await end_without_order(case, event, None)


# After the write


async def finish(case: Case, request: SeatRequest, basis: SeatBasis, outcome: SeatsOutcome) -> State[Any]:
    """What follows from seats that were added: the dropped end, the bridge, documentation, billing, the customer."""
    held = basis.choice
    await case.record(
        "seats added",
        f"{basis.before} → {basis.after} × {request.product_name} ({held.label}), read back from Pax8.",
        by=f"{request.contact.email}; evidence {basis.evidence}",
        public=True,
    )
    term = await read_term(held.subscription_id)
    by_hand = []
    if outcome.over is not None:
        by_hand.append(
            f"Somebody had made it {outcome.over} seats in the very moment; now it is {basis.after}. Ask whether "
            "theirs come on top; if so, start add-seats again."
        )
    ends = await keep_the_end(case, request, basis, outcome, by_hand)
    bridged = await tell_the_bridge(case, request, basis)
    asset = await document_seats(request, held, basis.after)
    await case.record("documented", f"IT Glue: {asset.name}, {basis.after} seats.", link=asset.link)
    today = office().settings.calendar.day_of(outcome.at)
    start = office().settings.calendar.day_of(term.started) if term.started is not None else None
    period = seat_letters.pro_rata(held, start, today)
    await case.send(seat_letters.billing(case, request, basis, period, ends))
    await case.send(seat_letters.done(case, request, basis, bridged))
    await case.record("billing told", f"{basis.before} → {basis.after}, {period}.")
    for number, what in enumerate(by_hand, start=1):
        await hand_over(case, request, number, what)
    if not by_hand and not bridged and not await something_else_open(case, request.ticket_number):
        await complete_ticket(request.ticket_id, f"{basis.after} × {request.product_name} ({case.reference})")
    await case.show("Done")
    added = f"{request.customer.name}: {basis.before} → {basis.after} × {request.product_name}"
    return Completed(message=added + (f". A person must act: {' '.join(by_hand)}" if by_hand else ", read back."))


async def keep_the_end(
    case: Case, request: SeatRequest, basis: SeatBasis, outcome: SeatsOutcome, by_hand: list[str]
) -> str:
    """S4: a booked end is read again, and booked again where the change dropped it. Returns its day, or nothing."""
    if outcome.was_booked is None and basis.choice.ends is None:
        return ""
    try:
        booked = await book_dropped_end(request, basis)
    except (EndNotAgreed, EndNotShown, NotCovered, UnclearSeats, VendorRefused) as no:
        by_hand.append(f"The booked end of {basis.subscription_id} was dropped: book it again in the Pax8 portal. {no}")
        return ""
    if not is_booked(booked):
        by_hand.append(f"The booked end of {basis.subscription_id} was dropped: book it again in the Pax8 portal.")
        return ""
    await case.record("end kept", f"It still ends on {booked.term_end}, read back (S4).", by="Pax8")
    return str(booked.term_end)


async def tell_the_bridge(case: Case, request: SeatRequest, basis: SeatBasis) -> bool:
    """The bridge that these seats belong to, if any, is woken: it sends its agreement anew in its own run."""
    bridges = [run async for run in runs_tagged([OPEN, f"sub:{basis.subscription_id}"])]
    for run in bridges:
        await wake(run.id, f"add-seats, {case.reference}", f"{basis.before} → {basis.after} seats")
    anew = any(waits_for_its_agreement(run.tags or []) for run in bridges)
    if bridges:
        agreement = (
            f"its agreement is sent anew with {basis.after} seats; its cut-off stays"
            if anew
            else "its agreement is signed already, for fewer seats"
        )
        await case.record("bridge told", f"The subscription is a bridge's ({bridges[0].name}): {agreement}.")
    return anew


def waits_for_its_agreement(tags: list[str]) -> bool:
    """Whether a bridge's agreement is out or drafted, as its tags say; one that is awake is taken for that."""
    waits = [tag.removeprefix("wait:") for tag in tags if tag.startswith("wait:")]
    return not waits or waits[0].startswith("agreement-")


async def hand_over(case: Case, request: SeatRequest, number: int, what: str) -> None:
    """What only a person can set right: a top-priority ticket and a mail with the date (I5)."""
    today = office().settings.calendar.day_of(case.now())
    by_when = f"by {today + timedelta(days=1)}"
    key, company = f"{case.reference}:seats-{number}", request.customer.autotask_id
    await open_ticket(key, company, f"{case.title}: {what}"[:250], what, case.requester, 1, True)
    otherwise = "Otherwise the customer pays for, or ends, something else than was agreed."
    to = (case.requester, request.senior)
    await case.send(bridge_letters.by_hand(f"by-hand-{number}", case, to, what, by_when, otherwise))
