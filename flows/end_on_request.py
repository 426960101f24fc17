"""The end of a subscription that the customer wishes: booked for the end of the term that reaches the day (P18)."""

from datetime import date, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows.decisions import end, end_without_order
from flows.end_subscription import day_after
from flows.guard_end import successors
from flows.inbox import named_in
from flows.new_subscription import Day
from flows.renewed_end import Overtaken, as_it_runs, settled_by_a_person
from flows.word import Question, the_word
from rules.events import Confirmed, DayReached, Event, ReplyRead, Withdrawn
from rules.people import AuthorisedContact, Person
from rules.wishes import EndWish, KeptWish
from rules.written import PersonsReading, Verdict, Written, why_no_evidence
from tasks import bridge_letters
from tasks.bridges import book_guard
from tasks.case import Case
from tasks.documentation import document_end
from tasks.double_starts import something_else_open
from tasks.ending import (
    NOT_BOOKED,
    SEVEN_DAYS,
    BridgeIds,
    TermReading,
    is_booked,
    reaches,
    read_term,
)
from tasks.forms import LookForm
from tasks.forms_seats import WordForm
from tasks.letters import Letter
from tasks.mail import WhenSent
from tasks.markers import AuthorityUsed, free
from tasks.office import office
from tasks.procedure import conduct
from tasks.seat_requests import about
from tasks.seats import evidence_since
from tasks.tickets import complete_ticket, open_ticket
from tasks.waiting import Wait, wait_for
from tasks.wishes import WishForm, book_wished_end, check_wish, mark_wish, renewed_meanwhile
from tasks.written import file_evidence, read_written

DAY = timedelta(days=1)
MOST_TERMS = 400


@flow(name="end-on-request", flow_run_name="{customer} · end of {product} by {end_date}", persist_result=True)
async def end_on_request(
    customer: str, ticket: str, requester: str, contact: str, product: str, end_date: Day, subscription: str = ""
) -> State[Any] | None:
    """End a subscription because the customer wishes it, with the term that reaches the day; nothing is refunded.

    The wish is picked from what the customer's contacts wrote, or asked for by mail, and read in full by a person. A
    wish that is terms away is waited for, and can be withdrawn until it is booked.

    Args:
        customer: The customer's exact name in Autotask, or its Autotask id.
        ticket: Number of the customer's open ticket for this request, e.g. T20261118.0012.
        requester: Your own mail address. The procedure is yours, and mail about it comes to you.
        contact: Mail address of the customer's authorised contact who confirms in writing.
        product: The product's exact name on our agreement, e.g. Visio Plan 1.
        end_date: The day by which the customer wishes it to end.
        subscription: Only if the customer has several of the product: the subscription's Pax8 id.
    """
    form = WishForm(
        customer=customer,
        ticket=ticket,
        requester=requester,
        contact=contact,
        product=product,
        end_date=end_date,
        subscription=subscription,
    )

    async def procedure(case: Case) -> State[Any]:
        wish = await check_wish(case, form)
        about(case, wish, facts_of(wish))
        asked = f"End of {wish.what} by {wish.wished} requested; with the term, {wish.foretold}. Cost: {wish.costs()}."
        await case.record("requested", asked, by=wish.requester.email)
        kept, authority_id = await the_wish(case, wish)
        await file_evidence(kept.evidence, wish)
        try:
            await mark_wish(wish, kept, authority_id)
        except AuthorityUsed as used:
            await end(case, None, "Not booked", str(used), "the evidence")
        term = await the_term_that_reaches_it(case, wish, authority_id)
        if term.status == "Cancelled":
            return await gone_already(case, wish, term)
        if renewed_meanwhile(wish, term):
            return await after_the_renewal(case, wish, term, authority_id)
        try:
            booked = await book_wished_end(ids_of(case, wish), term.subscription_id, end_of(term))
        except NOT_BOOKED as why:
            now = await as_it_runs(term)
            if renewed_meanwhile(wish, now):
                return await after_the_renewal(case, wish, now, authority_id)
            return await hand_to_person(case, wish, term, str(why))
        return await finish(case, wish, booked)

    return await conduct(procedure)


def facts_of(wish: EndWish) -> tuple[tuple[str, str], ...]:
    """The wish in words, with what it costs until then (P18)."""
    return (
        ("Customer", wish.customer.name),
        ("Subscription", f"{wish.product_name}: {wish.held.in_words(wish.currency)}"),
        ("Wished end", str(wish.wished)),
        ("Ends with its term", str(wish.foretold)),
        ("Until then", wish.costs()),
    )


class Wish(Question):
    """The customer's wish to end it: whatever was written, a person reads it."""

    def __init__(self, wish: EndWish) -> None:
        self.wish = wish
        person = Person(name=wish.contact.name, email=wish.contact.email)
        super().__init__("end", 1, f"Confirm the end of {wish.what} by {wish.wished} in writing", person, WordForm)

    def letter(self, case: Case) -> Letter:
        wish = self.wish
        return Letter(
            kind="end-1",
            answers_here=True,
            to=(self.contact,),
            cc=(case.requester,),
            subject=f"End of {wish.what}: please confirm",
            todo=f"If {wish.what} shall end, answer this mail with the line in the box below.",
            facts=facts_of(wish),
            paragraphs=(
                f"It can end with its term only, on {wish.foretold}. Until then it is paid for, nothing is refunded; "
                "from then on its users have no access.",
            ),
            sentence=wish.sentence,
            otherwise="Without an answer it goes on and renews.",
            from_person=case.requester,
        )

    def asked(self, sent: WhenSent, again: str) -> None:
        pass

    def judge(self, written: Written, rights: tuple[AuthorisedContact, ...], since: datetime) -> tuple[Verdict, str]:
        why_not = why_no_evidence(written, rights)
        if why_not is None and written.received_at < since:
            why_not = f"It is older than {since:%Y-%m-%d} (P18)."
        return (Verdict.IS_NO_EVIDENCE, why_not) if why_not is not None else (Verdict.NEEDS_READING, "")

    def check(self, written: Written, event: ReplyRead) -> None:
        pass

    def explain(self) -> str:
        return "\n".join(
            [
                f"Does a message wish the end of **{self.wish.what}** by **{self.wish.wished}**? Read it in full.",
                f"It would end on {self.wish.foretold}. Until then: {self.wish.costs()}.",
            ]
        )


async def the_wish(case: Case, wish: EndWish) -> tuple[KeptWish, str]:
    """Wait for the customer's word, and keep who read it; with the id of what is used once (P18)."""
    event = await the_word(case, wish, Wish(wish), evidence_since(), ask_at_once=False)
    kept = case.journal.get("wish")
    if kept is None:
        name, digest = named_in(event.evidence)
        written = await read_written(name, wish)
        if isinstance(event, Confirmed) or not written.text_digest.startswith(digest):
            raise RuntimeError(f"{name} has been changed since it was read: a person must look")
        reading = PersonsReading(
            by=event.by, at=case.now(), written_id=written.authority_id, text_digest=written.text_digest
        )
        one = KeptWish(
            subscription_id=wish.held.subscription_id,
            wished=wish.wished,
            evidence=name,
            reading=reading,
            asked_in=wish.asked_in,
        )
        kept = await case.journal.put("wish", one.model_dump(mode="json"))
    found = KeptWish.model_validate(kept)
    said = f"{found.evidence}, read in full: it wishes the end by {found.wished}."
    await case.record("confirmed", said, by=found.reading.by)
    return found, found.reading.written_id


async def the_term_that_reaches_it(case: Case, wish: EndWish, authority_id: str) -> TermReading:
    """Wait for the term whose end reaches the day; earlier ones renew. Until then it can be withdrawn (P18)."""
    for number in range(1, MOST_TERMS):
        term = await read_term(wish.held.subscription_id)
        if term.status == "Cancelled" or term.term_end is None or reaches(term, wish.wished):
            return term
        event = await wait_for_next_term(case, wish, term, number)
        if not isinstance(event, DayReached):
            await free(wish, authority_id, "withdrawn before it was booked")
            await end_without_order(case, event, None)
    raise RuntimeError("hundreds of terms before the day wished for; a person must look at this run")


async def wait_for_next_term(case: Case, wish: EndWish, term: TermReading, number: int) -> Event:
    """Sleep until the next term has begun for certain."""
    begun = datetime.fromisoformat(await case.journal.put(f"next-term-{number}", day_after(term).isoformat()))

    async def reached(_hinted: bool) -> Event | None:
        return DayReached(day=office().settings.calendar.day_of(begun)) if case.now() >= begun else None

    return await wait_for(
        case,
        Wait(
            name=f"term-{number}",
            awaited=Person(name="the calendar", email=begun.isoformat()),
            what=f"This term ends on {term.term_end}, before {wish.wished}: the next one is waited for",
            form=LookForm,
            until=begun,
            role="calendar",
            explain="Booked within the term that reaches the day. Withdraw it if the customer wants to stay.",
        ),
        reached,
    )


async def after_the_renewal(case: Case, wish: EndWish, term: TermReading, authority_id: str) -> State[Any]:
    """A person gets out of the term that nobody wished; what came of it is told as what it is (P18)."""
    overtaken = Overtaken(
        what=wish.what,
        said="wished for",
        day=wish.wished,
        company_id=wish.customer.autotask_id,
        people=(case.requester, wish.senior, office().settings.contracts),
    )
    settled = await settled_by_a_person(case, overtaken, term)
    if isinstance(settled, Withdrawn):
        await free(wish, authority_id, "withdrawn before it was booked")
        await end_without_order(case, settled, None)
        raise AssertionError("unreachable")
    if settled.status == "Cancelled":
        return await gone_already(case, wish, settled)
    if not is_booked(settled):
        return await hand_to_person(case, wish, settled, "Its end was booked, and is gone again.")
    return await finish(case, wish, settled, in_time=False)


def ids_of(case: Case, wish: EndWish) -> BridgeIds:
    """What names this end, for whoever watches it."""
    return BridgeIds(
        reference=wish.reference,
        ticket_id=wish.ticket_id,
        reminder_id=0,
        envelope_id="",
        subscriptions=(wish.held.subscription_id,),
        contact=wish.contact.email,
        requester=case.requester.email,
        senior=wish.senior.email,
        procedure_run_id=str(case.run_id),
    )


def end_of(term: TermReading) -> Any:
    """The day of the term's end; a term without one can't be booked, which booking says."""
    return term.term_end


async def finish(case: Case, wish: EndWish, booked: TermReading, *, in_time: bool = True) -> State[Any]:
    """Booked and read back: watched until it is gone; customer, contracts, billing and requester are told.

    Not `in_time`: booked by a person, for a term that the customer didn't wish; the customer was talked to.
    """
    await case.record("end booked", f"{wish.what} ends on {booked.term_end}, read back.", by="Pax8", public=in_time)
    await book_guard(ids_of(case, wish), booked.subscription_id, "wished", case.now() + DAY, booked.term_end)
    await document(case, wish, "ends", str(booked.term_end))
    later = "; its users lose access then."
    costs = (("Until then", wish.costs()),) if in_time else ()
    await tell(case, wish, f"ends on {booked.term_end}", later, costs, customer=in_time)
    await close_ticket(case, wish, f"{wish.what} ends on {booked.term_end}")
    return Completed(message=f"{wish.customer.name}: {wish.what} ends on {booked.term_end}, read back from Pax8.")


async def gone_already(case: Case, wish: EndWish, term: TermReading) -> State[Any]:
    """It ended otherwise while its term was waited for: looked behind like an end of ours, and all are told (P15)."""
    calendar = office().settings.calendar
    today = calendar.day_of(case.now())
    seen = min(calendar.term_end(term.booked), today) if term.booked is not None else today
    ended = date.fromisoformat(await case.journal.put("ended-otherwise", seen.isoformat()))
    wrong = await successors(term, ended)
    if wrong:
        there = f"{wish.what} ({term.subscription_id}) is cancelled since {ended}, but {'; '.join(wrong)}"
        return await give_to_person(
            case, wish, f"{there}. Set it right in the Pax8 portal.", f"by {ended + SEVEN_DAYS}"
        )
    said = f"{wish.what} is cancelled since {ended}, not by us; no successor is there."
    await case.record("ended otherwise", said, by="Pax8", public=True)
    await document(case, wish, "ended", str(ended))
    await tell(case, wish, f"ended on {ended}", "; its users have no access any more.", ())
    await close_ticket(case, wish, f"{wish.what} ended on {ended}")
    return Completed(message=f"{wish.customer.name}: {said}")


async def document(case: Case, wish: EndWish, verb: str, day: str) -> None:
    """P11: the asset of IT Glue is marked with the end."""
    asset = await document_end(wish, day)
    await case.record("documented", f"IT Glue: {asset.name} {verb} on {day}.", link=asset.link)


async def close_ticket(case: Case, wish: EndWish, what: str) -> None:
    """The request's ticket is completed, unless another procedure is about something on it; then the case ends."""
    if not await something_else_open(case, wish.ticket_number):
        await complete_ticket(wish.ticket_id, f"{what} ({case.reference})")
    await case.show("Done")


async def tell(
    case: Case, wish: EndWish, ends: str, access: str, costs: tuple[tuple[str, str], ...], *, customer: bool = True
) -> None:
    """P15, P18: which line ends and when (`ends`: "ends on …"); what the customer loses; what it costs until then."""
    settings = office().settings
    facts = (*facts_of(wish)[:2], (ends.split()[0].capitalize(), ends.split()[-1]), *costs)
    link, text = case.links[f"Ticket {wish.ticket_number}"], "Open the ticket"
    await case.send(
        Letter(
            kind="billing-end",
            to=(settings.billing,),
            cc=(case.requester,),
            subject=f"{wish.customer.name}: {wish.what} {ends}",
            todo="End the line in the customer's Autotask contract on that day.",
            facts=(*facts, ("Subscription", wish.held.subscription_id)),
            link=link,
            link_text=text,
        )
    )
    await case.send(
        Letter(
            kind="contracts-end",
            to=(settings.contracts,),
            cc=(case.requester, wish.senior),
            subject=f"{wish.customer.name}: {wish.what} {ends}, at the customer's wish",
            todo=f"Its agreement is over on {ends.split()[-1]}; there is nothing else to do.",
            facts=facts,
            link=link,
            link_text=text,
        )
    )
    if not customer:
        return
    await case.send(
        Letter(
            kind="customer-end",
            answers_here=True,
            to=(Person(name=wish.contact.name, email=wish.contact.email),),
            cc=(case.requester,),
            subject=f"{wish.what} {ends}, as you wished",
            todo=f"As you wished, {wish.what} {ends}{access}",
            facts=costs,
            otherwise="If you want to keep it, tell us well before that day." if costs else "",
            from_person=case.requester,
        )
    )


async def hand_to_person(case: Case, wish: EndWish, term: TermReading, why: str) -> State[Any]:
    """What can't be booked or confirmed becomes a top-priority ticket and a mail, with the last safe moment (I5)."""
    by_when = f"before {term.term_end}, better a day earlier"
    what = f"Book the end of {wish.what} ({term.subscription_id}) in the Pax8 portal {by_when}. {why}"
    return await give_to_person(case, wish, what, by_when)


async def give_to_person(case: Case, wish: EndWish, what: str, by_when: str) -> State[Any]:
    """A top-priority ticket, and a mail to requester and senior colleague, with the last safe moment."""
    key = f"{case.reference}:end"
    await open_ticket(key, wish.customer.autotask_id, case.title, what, case.requester, 1, True)
    otherwise = "Otherwise the subscription renews for a whole term that the customer doesn't want."
    await case.send(
        bridge_letters.by_hand("end-by-hand", case, (case.requester, wish.senior), what, by_when, otherwise)
    )
    await case.record("handed to a person", what)
    await case.show("Handed to a person")
    return Cancelled(name="Handed to a person", message=what)
