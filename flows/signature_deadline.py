"""B7: right after the cut-off DocuSign is read; unsigned, the bridge is booked to end, and everybody is told.

It gets identifiers only and reads everything fresh, so it does its work although the bridge's own run is gone.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled, Completed

from flows.deadline_by_hand import (
    LASTING,
    TRY_AGAIN,
    WE_GO_ON,
    exit_until,
    hand_to_person,
    hindered,
    last_moment,
    renewed_unsigned,
    tell_by_hand,
)
from flows.deadline_signed import nothing_to_do, only_ours_is_missing, only_we_are_missing, signed
from rules.envelope import EnvelopeReading, signed_by_customer
from rules.people import Person, same_address
from rules.refusal import refuse
from rules.request import CheckedRequest
from tasks import bridge_letters
from tasks.agreements import read_envelopes_of
from tasks.bridges import DEADLINE, GUARD, book_guard, deadline_runs, request_of, subscriptions_in, wake_procedure
from tasks.case import Case, Subject
from tasks.contacts import authorised_contacts
from tasks.decision import Verdict, decide, take_back_unsigned, verdict_of
from tasks.ending import (
    NOT_BOOKED,
    BridgeIds,
    EndNotAgreed,
    TermReading,
    assert_bought_as_bridge,
    book_unsigned_end,
    is_booked,
    month_began,
    read_term,
)
from tasks.office import office
from tasks.people import colleague
from tasks.procedure import conduct, put_off_so_far, sleep_until
from tasks.runs import runs_tagged
from tasks.schedule import RUN_NAMES, SIGNATURE_DEADLINE
from tasks.step import TRANSIENT
from tasks.tickets import complete_ticket, note_stage
from vendors.errors import Refused as VendorRefused

AFTER = timedelta(minutes=1)
DAY = timedelta(days=1)
PUT_OFFS_UNTOLD = 2
"""So often a vendor's silence at the cut-off is nobody's business yet; then a person is told, and we go on trying."""
RENEWED = timedelta(days=40)
"""A month's bridge whose term ends later than this after its start has renewed."""
NO_END = "Pax8 shows no end of the month, so none can be booked."
RENEWED_LONG_AGO = (
    "It renewed unsigned more than seven days ago: the vendor refunds nothing any more. We book its end after the next "
    "cut-off, unless you book it before."
)
NOT_SIGNED_THOUGH_SAID = "The reminder ticket says that it was signed in time; DocuSign says that it wasn't."


@flow(name="signature-deadline", flow_run_name=RUN_NAMES[SIGNATURE_DEADLINE], persist_result=True)
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
    every = BridgeIds(
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
        try:
            return await look(case)
        except LASTING as fault:
            state = await hindered(case, every, fault) if case.is_known else None
            if state is None:
                raise
            return state

    async def look(case: Case) -> State[Any]:
        terms = await identify(case, every)
        await case.tag(DEADLINE, f"deadline-of:{every.reference}")
        left = await left_by_older_runs(case, every)
        if not left:
            return Cancelled(
                name="Superseded", message="An older run of this deadline is at it; this one does nothing."
            )
        ids = every.model_copy(update={"subscriptions": left})
        terms = [term for term in terms if term.subscription_id in left]
        try:
            return await decide_and_act(case, ids, terms)
        except TRANSIENT as fault:
            live = [term for term in terms if not is_booked(term)]
            why = f"{fault.vendor} can't be read or written: {fault.message}"
            if live and case.now() >= last_moment(live):
                return await hand_to_person(case, ids, live, why)
            if live and put_off_so_far(case) >= PUT_OFFS_UNTOLD:
                with suppress(*TRANSIENT):
                    await tell_by_hand(case, ids, live, f"{why}. {WE_GO_ON}")
            raise

    return await conduct(procedure)


async def left_by_older_runs(case: Case, ids: BridgeIds) -> tuple[str, ...]:
    """The subscriptions for which no run of this deadline, created before, is awake, due or waits for a person (I3)."""
    runs = await deadline_runs(ids.reference)
    me = next((run for run in runs if run.id == case.run_id), None)
    soon, taken = datetime.now(UTC) + AFTER, set[str]()
    for run in runs:
        if (
            me is not None
            and (str(run.created), str(run.id)) < (str(me.created), str(me.id))
            and (
                run.state_type in (StateType.PENDING, StateType.RUNNING, StateType.PAUSED)
                or (run.state_type is StateType.SCHEDULED and (run.next_scheduled_start_time or soon) <= soon)
            )
        ):
            taken |= subscriptions_in(run)
    return tuple(one for one in ids.subscriptions if one not in taken)


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
    company = await autotask.company(ticket.company_id)
    subject = Subject(
        title=f"{company.name} · {ids.reference}, deadline",
        ticket_id=ticket.id,
        ticket_number=ticket.number,
        requester=await colleague(ids.requester),
        facts=(("Customer", company.name), ("Bridge", ids.reference)),
    )
    case.about(subject)
    terms = [await read_term(one) for one in ids.subscriptions]
    for term in terms:
        try:
            await assert_bought_as_bridge(ids, term)
        except EndNotAgreed as no:
            raise refuse("subscriptions", "B7", f"{no}.", "Give the bridge's own subscriptions.") from None
    what = ", ".join(f"{term.seats} × {term.product_name}" for term in terms)
    facts = (("Customer", company.name), ("Bridge", f"{ids.reference}: {what}"))
    case.about(subject.model_copy(update={"title": f"{company.name} · {what}, deadline", "facts": facts}))
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
        endless = [term for term in live if term.commitment_end is None]
        live = [term for term in live if term.commitment_end is not None]
        if endless and len(endless) == len(terms):
            return await hand_to_person(case, ids, endless, NO_END)
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
        if endless:
            ended = [await read_term(one.subscription_id) for one in terms if one not in endless]
            await tell_everybody(case, ids, ended, cut_off, whole=False)
            return await hand_to_person(case, ids, endless, NO_END)
    return await tell_everybody(case, ids, [await read_term(term.subscription_id) for term in terms], cut_off)


def has_renewed(term: TermReading, now: datetime) -> bool:
    """Whether the bridge's month has ended without an end being booked, so that another one has begun (I4)."""
    if term.started is None or term.commitment_end is None:
        return False
    return term.commitment_end - term.started > RENEWED and month_began(term.commitment_end) <= now


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
        if signed_by_customer(readings, role):
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


async def tell_everybody(
    case: Case, ids: BridgeIds, terms: list[TermReading], cut_off: datetime, whole: bool = True
) -> State[Any]:
    """The customer, contracts, requester, senior, billing and the reminder are told; guards are set (B7).

    `whole`: nothing of the bridge is left to book, so that the reminder is done. Of a line that turned up after the
    others were booked and told of, everybody is told by itself.
    """
    terms, late = await not_told_of(case, terms)
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
            f"bridge-ends{late}",
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
    await case.send(bridge_letters.ends_for_us(f"bridge-ends-us{late}", case, to, lines, last, why))
    text = f"{why} Booked to end on {last}, read back; customer, contracts, requester, senior and billing were told."
    await note_stage(ids.reference, ids.reminder_id, f"cancelled{late}", text, "DocuSign", case.run_link, False)
    if whole:
        await complete_ticket(ids.reminder_id, f"{text} ({ids.reference})")
    await case.record(f"unsigned at the cut-off{late}", text, by="DocuSign")
    for term in terms:
        await book_guard(ids, term.subscription_id, "unsigned", case.now() + DAY, ends[term.subscription_id])
    await wake_procedure(ids, "the cut-off passed unsigned")
    await case.show("Done")
    return Completed(message=f"{what}: unsigned at the cut-off, booked to end on {last}; everybody was told.")


async def not_told_of(case: Case, terms: list[TermReading]) -> tuple[list[TermReading], str]:
    """The lines that no other run of this deadline has told of, by their ends' guards, and what marks them if only
    some; all where each has its guard. Found once for this run, whose own guards come last."""
    guards = {one: runs_tagged([GUARD, f"guard-of:{one}"]) for one in (term.subscription_id for term in terms)}
    kept = await case.journal.put("told-of", [one for one, runs in guards.items() if not [run async for run in runs]])
    new = [one for one in terms if one.subscription_id in kept]
    if not new or len(new) == len(terms):
        return terms, ""
    return new, "".join(f" {one.subscription_id}" for one in new)


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
