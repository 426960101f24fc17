"""B7: right after the cut-off DocuSign is read; unsigned, the bridge is booked to end, and everybody is told.

It gets identifiers only and reads everything fresh, so it does its work although the bridge's own run is gone.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled, Completed

from rules.envelope import EnvelopeReading, customer_signed
from rules.events import DayReached, Decided, Event, Signed
from rules.people import Person, same_address
from rules.refusal import refuse
from rules.request import CheckedRequest
from tasks import bridge_letters
from tasks.agreements import read_envelopes_of
from tasks.bridges import DEADLINE, book_guard, deadline_runs, request_of
from tasks.case import Case, Subject
from tasks.contacts import authorised_contacts
from tasks.decision import Verdict, decide, take_back_unsigned, verdict_of
from tasks.ending import (
    NOT_BOOKED,
    SEVEN_DAYS,
    BridgeIds,
    EndNotAgreed,
    TermReading,
    assert_bought_as_bridge,
    book_unsigned_end,
    is_booked,
    month_began,
    read_term,
)
from tasks.forms import UnsignedByUsForm
from tasks.net import how_ended
from tasks.office import office
from tasks.people import colleague
from tasks.procedure import conduct, sleep_until
from tasks.runs import wake
from tasks.step import TRANSIENT
from tasks.tickets import complete_ticket, note_stage, open_ticket
from tasks.waiting import Wait, wait_for
from vendors.errors import Refused as VendorRefused

AFTER = timedelta(minutes=1)
TRY_AGAIN = timedelta(hours=2)
PUT_OFFS_UNTOLD = 2
"""So often a vendor's silence at the cut-off is nobody's business yet; then a person is told, and we go on trying."""
DAY = timedelta(days=1)
RENEWED = timedelta(days=40)
"""A month's bridge whose term ends later than this after its start has renewed."""
RENEWED_LONG_AGO = (
    "It renewed unsigned more than seven days ago: the vendor refunds nothing any more. We book its end after the next "
    "cut-off, unless you book it before."
)
NOT_SIGNED_THOUGH_SAID = "The reminder ticket says that it was signed in time; DocuSign says that it wasn't."


@flow(name="signature-deadline", flow_run_name="deadline of {reference}", persist_result=True)
async def signature_deadline(
    reference: str,
    ticket_id: int,
    reminder_id: int,
    envelope: str,
    subscriptions: str,
    contact: str,
    requester: str,
    senior: str,
    procedure_run_id: str = "",
) -> State[Any] | None:
    """Cancel a bridge at its month's end if the customer has not signed by the cut-off.

    Booked by bridge for the minute after the cut-off; don't start it by hand: too early it puts itself off, and
    with other identifiers it is refused.

    Args:
        reference: The bridge's reference, CS-….
        ticket_id: Autotask id of the request's ticket.
        reminder_id: Autotask id of the reminder ticket.
        envelope: DocuSign envelope id of the agreement.
        subscriptions: Pax8 ids of the bridge's subscriptions, blanks between them.
        contact: Mail address of the customer's contact who confirmed.
        requester: Mail address of the requester.
        senior: Mail address of the senior colleague on the reminder.
        procedure_run_id: The bridge's own flow run, which may be gone.
    """
    ids = BridgeIds(
        reference=reference.strip(),
        ticket_id=ticket_id,
        reminder_id=reminder_id,
        envelope_id=envelope.strip(),
        subscriptions=tuple(subscriptions.split()),
        contact=contact.strip(),
        requester=requester.strip(),
        senior=senior.strip(),
        procedure_run_id=procedure_run_id.strip(),
    )

    async def procedure(case: Case) -> State[Any]:
        terms = await identify(case, ids)
        await case.tag(DEADLINE, f"deadline-of:{ids.reference}")
        if await an_older_run_is_at_it(case, ids):
            return Completed(message="An older run of this deadline is at it; this one does nothing.")
        try:
            return await decide_and_act(case, ids, terms)
        except TRANSIENT as fault:
            live = [term for term in terms if not is_booked(term)]
            why = f"{fault.vendor} can't be read or written: {fault.message}"
            if live and case.now() >= last_moment(live):
                return await hand_to_person(case, ids, live, why)
            if live and len(case.journal.starting("put-off-")) >= PUT_OFFS_UNTOLD:
                with suppress(*TRANSIENT):
                    await tell_by_hand(case, ids, live, f"{why}. We go on trying.")
            raise

    return await conduct(procedure)


async def an_older_run_is_at_it(case: Case, ids: BridgeIds) -> bool:
    """Whether a run of the same deadline that was created before is awake, due or waits for a person (I3)."""
    runs = await deadline_runs(ids.reference)
    me = next((run for run in runs if run.id == case.run_id), None)
    soon = datetime.now(UTC) + AFTER
    return me is not None and any(
        (str(run.created), str(run.id)) < (str(me.created), str(me.id))
        and (
            run.state_type in (StateType.PENDING, StateType.RUNNING, StateType.PAUSED)
            or (run.state_type is StateType.SCHEDULED and (run.next_scheduled_start_time or soon) <= soon)
        )
        for run in runs
    )


async def identify(case: Case, ids: BridgeIds) -> list[TermReading]:
    """Read whose bridge this is, and refuse identifiers that don't belong together; nothing has happened then."""
    autotask = office().autotask
    ticket, reminder = (
        await autotask.ticket(ids.ticket_id),
        await autotask.ticket_by_external_id(f"{ids.reference}:bridge"),
    )
    if reminder is None or reminder.id != ids.reminder_id or reminder.company_id != ticket.company_id:
        raise refuse(
            "reminder_id",
            "B4",
            f"{ids.reminder_id} is not the reminder ticket of the bridge {ids.reference}.",
            "This deployment is started by bridge; don't start it by hand.",
        )
    if not ids.subscriptions:
        raise refuse("subscriptions", "B7", "is empty.", "Give the bridge's subscriptions.")
    terms = [await read_term(one) for one in ids.subscriptions]
    for term in terms:
        try:
            await assert_bought_as_bridge(ids, term)
        except EndNotAgreed as no:
            raise refuse("subscriptions", "B7", f"{no}.", "Give the bridge's own subscriptions.") from None
    company = await autotask.company(ticket.company_id)
    what = ", ".join(f"{term.seats} × {term.product_name}" for term in terms)
    case.about(
        Subject(
            title=f"{company.name} · {what}, deadline",
            ticket_id=ticket.id,
            ticket_number=ticket.number,
            requester=await colleague(ids.requester),
            facts=(("Customer", company.name), ("Bridge", f"{ids.reference}: {what}")),
        )
    )
    await case.adopt_reference(ids.reference)
    return terms


async def decide_and_act(case: Case, ids: BridgeIds, terms: list[TermReading]) -> State[Any]:
    """The look at the cut-off: too early it is put off; signed, nothing happens; unsigned, the end is booked."""
    calendar = office().settings.calendar
    live = [term for term in terms if not is_booked(term)]
    verdict = await verdict_of(ids.reference, ids.reminder_id)
    if verdict is Verdict.SIGNED:
        readings = await read_all(case, ids, live) if live else None
        if readings and only_ours_is_missing(readings):
            return await only_we_are_missing(case, ids, live)
        if readings is not None and live and not any(reading.is_completed for reading in readings):
            return await hand_to_person(case, ids, live, NOT_SIGNED_THOUGH_SAID)
        return await nothing_to_do(case, "The agreement was signed in time.")
    renewed = [term for term in live if has_renewed(term, case.now())]
    cut_off = min((calendar.cut_off(term.term_end) for term in terms if term.term_end), default=case.now())
    if case.now() < cut_off and not renewed:
        await sleep_until(case, cut_off + AFTER, f"The cut-off is {calendar.in_words(cut_off)}")
    if live or verdict is None:
        readings = await read_all(case, ids, terms)
        if readings is None:
            return await hand_to_person(case, ids, live, "DocuSign can't be read: unread is not unsigned.")
        if any(reading.is_completed for reading in readings):
            return await signed(case, ids, "DocuSign says completed.")
        if only_ours_is_missing(readings):
            return await only_we_are_missing(case, ids, live or terms)
        if renewed and case.now() < exit_until(renewed):
            return await renewed_unsigned(case, ids, renewed)
        if case.now() < cut_off:
            await tell_by_hand(case, ids, renewed, RENEWED_LONG_AGO, "today", "renewed-long-ago")
            await sleep_until(case, cut_off + AFTER, f"Renewed unsigned; the cut-off is {calendar.in_words(cut_off)}")
        if any(term.commitment_end is None for term in live):
            return await hand_to_person(case, ids, live, "Pax8 shows no end of the month, so none can be booked.")
        why = "; ".join(f"{reading.envelope_id} {reading.status}" for reading in readings) or "no envelope"
        found = await decide(
            ids.reference, ids.reminder_id, Verdict.UNSIGNED, f"DocuSign at {case.now():%H:%M} UTC: {why}"
        )
        if found is Verdict.SIGNED:
            return await nothing_to_do(case, "The agreement was signed in time.")
        unbooked = await book_all(case, ids, live)
        if isinstance(unbooked, Verdict):  # signed in this very minute: looked at anew
            return await decide_and_act(case, ids, terms)
        if unbooked:
            return await try_again(case, ids, live, unbooked)
    return await tell_everybody(case, ids, [await read_term(term.subscription_id) for term in terms], cut_off)


def only_ours_is_missing(readings: tuple[EnvelopeReading, ...]) -> bool:
    """Whether the customer has signed, and nobody but us keeps the agreement from being complete (B7)."""
    role = office().settings.templates.client_role
    return not any(one.is_completed for one in readings) and any(customer_signed(one, role) for one in readings)


def has_renewed(term: TermReading, now: datetime) -> bool:
    """Whether the bridge's month has ended without an end being booked, so that another one has begun (I4)."""
    if term.started is None or term.commitment_end is None:
        return False
    return term.commitment_end - term.started > RENEWED and month_began(term.commitment_end) <= now


def exit_until(renewed: list[TermReading]) -> datetime:
    """The end of the vendor's seven-day exit from the renewed months, the first one (pax8.md §7)."""
    return min(month_began(term.commitment_end) for term in renewed if term.commitment_end) + SEVEN_DAYS


def last_moment(live: list[TermReading]) -> datetime:
    """Two business days before the month's end, in the morning: from then on a person decides (B7)."""
    calendar = office().settings.calendar
    days = [calendar.business_days_before(term.term_end, 2) for term in live if term.term_end]
    return calendar.start_of(min(days)) + timedelta(hours=9) if days else office().clock.now()


async def read_all(case: Case, ids: BridgeIds, live: list[TermReading]) -> tuple[EnvelopeReading, ...] | None:
    """Every envelope of this bridge, fresh; None where DocuSign refuses to tell and no time is left to try again."""
    try:
        return await read_envelopes_of(ids.reference, ids.envelope_id)
    except VendorRefused as refused:
        if case.now() >= last_moment(live):
            return None
        await sleep_until(case, case.now() + TRY_AGAIN, f"DocuSign can't be read: {refused.message}")
        raise AssertionError("unreachable") from None


async def book_all(case: Case, ids: BridgeIds, live: list[TermReading]) -> dict[str, str] | Verdict:
    """Book each end; what could not be booked, with its reason. `SIGNED`: a signature came before anything was."""
    unbooked: dict[str, str] = {}
    tries = len(case.journal.starting("try-")) + 1
    await case.journal.put(f"try-{tries:03d}", case.now().isoformat())
    for term in live:
        assert term.term_end is not None  # noqa: S101 - the caller has looked
        try:
            await book_unsigned_end(ids, term.subscription_id, term.term_end, f"-{tries}")
        except NOT_BOOKED as no:
            unbooked[term.subscription_id] = str(no)
    if unbooked and len(unbooked) == len(live):
        readings = await read_envelopes_of(ids.reference, ids.envelope_id)
        role = office().settings.templates.client_role
        if any(customer_signed(reading, role) for reading in readings):
            why = "DocuSign says signed, and nothing had been booked."
            if await take_back_unsigned(ids.reference, ids.reminder_id, why) is not Verdict.UNSIGNED:
                return Verdict.SIGNED
    return unbooked


async def try_again(case: Case, ids: BridgeIds, live: list[TermReading], unbooked: dict[str, str]) -> State[Any]:
    """A person gets it with the last safe moment; we go on trying, and see it when the person was faster."""
    why = "; ".join(f"{one}: {reason}" for one, reason in unbooked.items())
    open_ones = [term for term in live if term.subscription_id in unbooked]
    if case.now() >= last_moment(open_ones):
        return await hand_to_person(case, ids, open_ones, why)
    await tell_by_hand(case, ids, open_ones, why)
    await sleep_until(case, case.now() + TRY_AGAIN, "The end could not be booked yet")
    raise AssertionError("unreachable")


async def tell_everybody(case: Case, ids: BridgeIds, terms: list[TermReading], cut_off: datetime) -> State[Any]:
    """The customer, contracts, requester, senior, billing and the reminder are told; guards are set (B7)."""
    settings, calendar = office().settings, office().settings.calendar
    request = await request_of(ids)
    ends = {term.subscription_id: calendar.term_end(term.booked or term.commitment_end or case.now()) for term in terms}
    what = ", ".join(f"{term.seats} × {term.product_name}" for term in terms)
    last, cut = max(ends.values()), cut_off if terms[0].term_end is None else calendar.cut_off(terms[0].term_end)
    why = f"The agreement was not signed by {calendar.in_words(cut)}."
    if case.now() - cut > DAY:
        why += f" We could look only now, {calendar.in_words(case.now())}."
    ours = case.requester
    await case.send(
        bridge_letters.ends_for_customer(
            "bridge-ends",
            await the_customers_people(ids, request),
            what,
            last,
            request.licence_users if request is not None else (),
            why,
            ours,
        )
    )
    lines = tuple(
        (f"{term.seats} × {term.product_name}", f"{term.subscription_id}, ends on {ends[term.subscription_id]}")
        for term in terms
    )
    senior = await colleague(ids.senior)
    to = (ours, settings.contracts, senior, settings.billing)
    await case.send(bridge_letters.ends_for_us("bridge-ends-us", case, to, lines, last, why))
    text = f"{why} Booked to end on {last}, read back; customer, contracts, requester, senior and billing were told."
    await note_stage(ids.reference, ids.reminder_id, "cancelled", text, "DocuSign", case.run_link, False)
    await complete_ticket(ids.reminder_id, f"{text} ({ids.reference})")
    await case.record("unsigned at the cut-off", text, by="DocuSign")
    for term in terms:
        await book_guard(ids, term.subscription_id, "unsigned", case.now() + DAY, ends[term.subscription_id])
    await wake_procedure(ids, "the cut-off passed unsigned")
    await case.show("Done")
    return Completed(message=f"{what}: unsigned at the cut-off, booked to end on {last}; everybody was told.")


async def the_customers_people(ids: BridgeIds, request: CheckedRequest | None) -> tuple[Person, ...]:
    """Who confirmed, by the name that Autotask knows, and who was to sign."""
    ticket = await office().autotask.ticket(ids.ticket_id)
    contacts = await office().autotask.contacts(ticket.company_id)
    contact = next((one for one in contacts if same_address(one.email, ids.contact)), None)
    if contact is None:  # never to an address that isn't the customer's
        organisation = await office().itglue.organisation_by_psa_id(ticket.company_id)
        rights = await authorised_contacts(ticket.company_id, organisation.id if organisation is not None else 0)
        people = [Person(name=one.name, email=one.email) for one in rights if one.may_confirm]
    else:
        people = [Person(name=contact.name, email=contact.email)]
    if request is not None and not any(same_address(request.signer.email, one.email) for one in people):
        people.append(Person(name=request.signer.name, email=request.signer.email))
    return tuple(people)


async def nothing_to_do(case: Case, why: str) -> State[Any]:
    """Signed, or ended already: said, and nothing is done."""
    await case.show("Nothing to do")
    return Completed(message=f"{why} Nothing was cancelled by this run.")


async def signed(case: Case, ids: BridgeIds, why: str) -> State[Any]:
    """DocuSign said signed first: written down, so that nobody cancels, and the bridge's run is woken."""
    await take_back_unless_booked(ids, why)
    verdict = await decide(ids.reference, ids.reminder_id, Verdict.SIGNED, why, f"deadline-{case.now():%Y%m%dT%H%M}")
    if verdict is Verdict.UNSIGNED:
        what = f"{why} But part of the bridge was cancelled before: unsigned was found first."
        return await hand_to_person(case, ids, [await read_term(one) for one in ids.subscriptions], what)
    ended = await how_ended(ids.procedure_run_id)
    if ended is not None:
        return await nobody_goes_on(case, ids, f"{why} But the bridge's own run {ended}.")
    await wake_procedure(ids, "signed, found at the cut-off")
    return await nothing_to_do(case, why)


async def nobody_goes_on(case: Case, ids: BridgeIds, why: str) -> State[Any]:
    """Signed in time, and no run is left that keeps the bridge or brings the annual term: a person does it (I4)."""
    terms = [await read_term(one) for one in ids.subscriptions]
    names = "; ".join(f"{term.product_name} ({term.subscription_id})" for term in terms)
    todo = (
        f"{why} Monthly agreement: the bridge goes on, order nothing; tell billing and complete the reminder. Annual: "
        f"order the annual term under the agreement, and book the bridge's end once it is active: {names}."
    )
    by_when = office().settings.calendar.in_words(last_moment(terms))
    ticket = await office().autotask.ticket(ids.ticket_id)
    await open_ticket(f"{ids.reference}:signed", ticket.company_id, case.title, todo, case.requester, 1, True)
    otherwise = "Otherwise the bridge renews by the month, and nobody does what was signed."
    to = (case.requester, await colleague(ids.senior), office().settings.contracts)
    await case.send(bridge_letters.by_hand("by-hand-signed", case, to, todo, by_when, otherwise))
    await case.record("handed to a person", todo)
    await case.show("Handed to a person")
    return Cancelled(name="Handed to a person", message=todo)


async def take_back_unless_booked(ids: BridgeIds, why: str) -> None:
    """A finding "unsigned" that has cancelled nothing yet no longer counts once DocuSign says signed (I4)."""
    terms = [await read_term(one) for one in ids.subscriptions]
    if (
        not any(is_booked(term) for term in terms)
        and await verdict_of(ids.reference, ids.reminder_id) is Verdict.UNSIGNED
    ):
        await take_back_unsigned(ids.reference, ids.reminder_id, why)


async def wake_procedure(ids: BridgeIds, what: str) -> None:
    """Wake the bridge's own run, if there is one."""
    try:
        run_id = UUID(ids.procedure_run_id)
    except ValueError:
        return
    await wake(run_id, "DocuSign, read by signature-deadline", what)


async def only_we_are_missing(case: Case, ids: BridgeIds, live: list[TermReading]) -> State[Any]:
    """B7: our own delay cancels nothing. We are pressed daily; two business days before the end a person decides."""
    settings, calendar = office().settings, office().settings.calendar
    why = "The customer has signed, we have not."
    await take_back_unless_booked(ids, why)
    occasion = f"ours-{case.now():%Y%m%dT%H%M}"
    if await decide(ids.reference, ids.reminder_id, Verdict.SIGNED, why, occasion) is Verdict.UNSIGNED:
        return await hand_to_person(case, ids, live, f"{why} But part of the bridge was cancelled before.")
    ends = min(term.term_end for term in live if term.term_end)
    person_by = last_moment(live)
    await case.journal.put(f"pressed-{calendar.day_of(case.now()):%Y%m%d}", case.now().isoformat())
    number = len(case.journal.starting("pressed-"))  # once a day, however often it is looked at
    to = (settings.msp_signer, settings.contracts, await colleague(ids.senior))
    await case.send(bridge_letters.countersign(case, to, ends, number))
    await open_ticket(
        f"{ids.reference}:countersign",
        (await office().autotask.ticket(ids.ticket_id)).company_id,
        f"{case.title}: countersign the agreement",
        f"The customer has signed, only our signature is missing. The month ends on {ends}.",
        settings.msp_signer,
        1,
        True,
    )
    await wake_procedure(ids, "the customer has signed, our signature is missing")
    if case.now() < person_by:
        tomorrow = calendar.start_of(calendar.day_of(case.now()) + DAY) + timedelta(hours=9)
        await sleep_until(case, min(tomorrow, person_by), "Our own signature is missing; nothing is cancelled")

    async def look(_hinted: bool) -> Event | None:
        readings = await read_envelopes_of(ids.reference, ids.envelope_id)
        done = next((one for one in readings if one.is_completed and one.completed_at is not None), None)
        if done is not None and done.completed_at is not None:
            return Signed(envelope_id=done.envelope_id, at=done.completed_at)
        return DayReached(day=ends) if all([is_booked(await read_term(t.subscription_id)) for t in live]) else None

    event = await wait_for(
        case,
        Wait(
            name="unsigned-by-us",
            awaited=settings.contracts,
            what=f"Decide: the customer has signed, we have not, and the month ends on {ends}",
            form=UnsignedByUsForm,
            may_decide=(settings.contracts, settings.msp_signer),
            role="contracts",
            until=case.now() + DAY,
            letter=bridge_letters.by_hand(
                "unsigned-by-us",
                case,
                (settings.contracts, settings.msp_signer),
                "Countersign now; or decide in the form what becomes of the bridge.",
                f"before {ends}",
                "Nothing is cancelled by itself: without a decision the bridge renews for another month.",
            ),
        ),
        look,
    )
    said = f"{event.by}: {event.choice}. {event.why}" if isinstance(event, Decided) else type(event).__name__
    await case.record("unsigned by us", f"The customer signed in time, we did not. {said}")
    return await nothing_to_do(case, "The customer signed in time.")


async def renewed_unsigned(case: Case, ids: BridgeIds, renewed: list[TermReading]) -> State[Any]:
    """The month has renewed although nobody signed: a person has seven days to get out of it (pax8.md §7)."""
    calendar = office().settings.calendar
    until = calendar.term_end(exit_until(renewed))
    began = until - SEVEN_DAYS
    what = bridge_letters.renewed_unsigned(began, until)
    return await hand_to_person(case, ids, renewed, what, f"by {until}", f"renewed-{began:%Y%m%d}")


async def tell_by_hand(
    case: Case, ids: BridgeIds, live: list[TermReading], why: str, by_when: str = "", key: str = "deadline"
) -> str:
    """A top-priority ticket and a mail with the date by which a person must act (decision 6)."""
    calendar = office().settings.calendar
    ends = [term.term_end for term in live if term.term_end]
    by_when = by_when or (calendar.in_words(last_moment(live)) if ends else "today")
    names = "; ".join(f"{term.product_name} ({term.subscription_id})" for term in live)
    what = f"Book the end of the bridge in the Pax8 portal, and tell the customer: {names}. {why}"
    ticket = await office().autotask.ticket(ids.ticket_id)
    await open_ticket(f"{ids.reference}:{key}", ticket.company_id, case.title, what, case.requester, 1, True)
    otherwise = "Otherwise the bridge renews for another month."
    to = (case.requester, await colleague(ids.senior), office().settings.contracts)
    await case.send(bridge_letters.by_hand(f"by-hand-{key}", case, to, what, by_when, otherwise))
    return what


async def hand_to_person(
    case: Case, ids: BridgeIds, live: list[TermReading], why: str, by_when: str = "", key: str = "deadline"
) -> State[Any]:
    """What can't be booked or confirmed becomes a person's, and this run ends as that."""
    what = await tell_by_hand(case, ids, live, why, by_when, key)
    await case.record("handed to a person", what)
    await wake_procedure(ids, "the deadline was handed to a person")
    await case.show("Handed to a person")
    return Cancelled(name="Handed to a person", message=what)
