"""Signed, found at the cut-off: completed, or by the customer while our own signature is missing (B7)."""

from datetime import timedelta
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows.deadline_by_hand import SETTLE, ByHand, hand_to_person, last_moment
from rules.envelope import EnvelopeReading, signed_by_customer
from rules.events import DayReached, Decided, Event, Signed
from tasks import bridge_letters
from tasks.agreements import read_envelopes_of
from tasks.bridges import assert_all_booked, wake_procedure
from tasks.case import Case
from tasks.decision import Verdict, decide, take_back_unsigned, verdict_of
from tasks.ending import BridgeIds, TermReading, is_booked, read_term
from tasks.forms import UnsignedByUsForm
from tasks.net import how_ended
from tasks.office import office
from tasks.people import colleague
from tasks.procedure import sleep_until
from tasks.tickets import open_ticket
from tasks.waiting import Wait, wait_for

DAY = timedelta(days=1)


async def signed(case: Case, ids: BridgeIds, why: str) -> State[Any]:
    """DocuSign said signed first: written down, so that nobody cancels, and the bridge's run is woken."""
    await take_back_unless_booked(ids, why)
    verdict = await decide(ids.reference, ids.reminder_id, Verdict.SIGNED, why, f"deadline-{case.now():%Y%m%dT%H%M}")
    if verdict is Verdict.UNSIGNED:
        told = partly_cancelled(f"{why} But part of the bridge was cancelled before: unsigned was found first.")
        return await hand_to_person(case, ids, [await read_term(one) for one in ids.subscriptions], told)
    ended = await how_ended(ids.procedure_run_id)
    if ended is not None:
        return await nobody_goes_on(case, ids, f"{why} But the bridge's own run {ended}.")
    await wake_procedure(ids, "signed, found at the cut-off")
    return await nothing_to_do(case, why)


def partly_cancelled(why: str) -> ByHand:
    """Signed, and cancelled in part: no rule says which of the two holds."""
    return ByHand(cause="cancelled-in-part", todo=SETTLE, why=why)


async def take_back_unless_booked(ids: BridgeIds, why: str) -> None:
    """A finding "unsigned" that has cancelled nothing yet no longer counts once DocuSign says signed (I4)."""
    terms = [await read_term(one) for one in ids.subscriptions]
    if (
        not any(is_booked(term) for term in terms)
        and await verdict_of(ids.reference, ids.reminder_id) is Verdict.UNSIGNED
    ):
        await take_back_unsigned(ids.reference, ids.reminder_id, why)


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


def only_ours_is_missing(readings: tuple[EnvelopeReading, ...]) -> bool:
    """Whether the customer has signed, and nobody but us keeps the agreement from being complete (B7)."""
    role = office().settings.templates.client_role
    return not any(one.is_completed for one in readings) and signed_by_customer(readings, role)


async def only_we_are_missing(case: Case, ids: BridgeIds, live: list[TermReading]) -> State[Any]:
    """B7: our own delay cancels nothing. We are pressed daily; two business days before the end a person decides."""
    settings, calendar = office().settings, office().settings.calendar
    why = "The customer has signed, we have not."
    await take_back_unless_booked(ids, why)
    occasion = f"ours-{case.now():%Y%m%dT%H%M}"
    if await decide(ids.reference, ids.reminder_id, Verdict.SIGNED, why, occasion) is Verdict.UNSIGNED:
        told = partly_cancelled(f"{why} But part of the bridge was cancelled before.")
        return await hand_to_person(case, ids, live, told)
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
        readings = await read_envelopes_of(ids.reference, ids.envelope_id, ids.procedure_run_id)
        done = next((one for one in readings if one.is_completed and one.completed_at is not None), None)
        if done is not None and done.completed_at is not None:
            return Signed(envelope_id=done.envelope_id, at=done.completed_at)
        return DayReached(day=ends) if all([is_booked(await read_term(t.subscription_id)) for t in live]) else None

    async def check(event: Event) -> None:
        if isinstance(event, Decided) and event.choice == "end it":
            await assert_all_booked(ids.subscriptions, "let it renew")

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
            check=check,
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
    if isinstance(event, Signed):  # its own run may be gone: then a person goes on
        return await signed(case, ids, "DocuSign says completed.")
    return await nothing_to_do(case, "The customer signed in time.")


async def nothing_to_do(case: Case, why: str) -> State[Any]:
    """Signed, or ended already: said, and nothing is done."""
    await case.show("Nothing to do")
    return Completed(message=f"{why} Nothing was cancelled by this run.")
