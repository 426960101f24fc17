"""An end that a renewal has overtaken: the term that reached the day is over, and a person decides (N7, P18)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rules.events import DeadlinePassed, Event, Withdrawn
from rules.people import Person
from tasks import bridge_letters
from tasks.case import Case
from tasks.ending import SEVEN_DAYS, TermReading, is_booked, read_term, renewed_past
from tasks.forms import LookForm
from tasks.office import office
from tasks.tickets import open_ticket
from tasks.waiting import Wait, wait_for
from vendors.errors import VendorError

DAY, WEEK = timedelta(days=1), timedelta(days=7)
MORNING = timedelta(hours=9)
LAST = "-last"
"""The second asking, from the cut-off of the running term on: nobody has ended it yet."""


@dataclass(frozen=True)
class Overtaken:
    """An end that nobody booked in time. `said`: whose day it is, as `wished for`; `people`: who must act."""

    what: str
    said: str
    day: date
    company_id: int
    people: tuple[Person, ...]


async def as_it_runs(term: TermReading) -> TermReading:
    """The term as Pax8 shows it now, after an end could not be booked; as it was known where that can't be read."""
    try:
        return await read_term(term.subscription_id)
    except VendorError:
        return term


async def settled_by_a_person(case: Case, overtaken: Overtaken, term: TermReading) -> TermReading | Withdrawn:
    """Hand each such renewal to a person, and watch until it is cancelled, or its end is booked; or it is withdrawn.

    Nothing is booked here: nobody wished or agreed to a whole term more. Returns the term as it is then; one that goes
    on all the same had its end booked, and lost it.
    """
    began = renewed_past(term, overtaken.day)
    while began is not None:
        for asking in ("", LAST):
            event = await hand_over(case, overtaken, term, began, asking)
            if isinstance(event, Withdrawn):
                return event
        term = await read_term(term.subscription_id)
        again = renewed_past(term, overtaken.day)
        if is_booked(term) or again == began:
            return term
        began = again
    return term


async def hand_over(case: Case, overtaken: Overtaken, term: TermReading, began: datetime, asking: str) -> Event:
    """One asking: a top-priority ticket and a mail with the last day; looked at until something has happened."""
    calendar = office().settings.calendar
    cut_off = calendar.cut_off(term.term_end) if term.term_end is not None else began
    key = f"renewed-{calendar.term_end(began):%Y%m%d}{asking}"
    stage, told = f"handed to a person {key}", case.journal.get(f"told-{key}")
    if told is not None:
        await case.record(stage, str(told))

    async def look(_hinted: bool) -> Event | None:
        now = await read_term(term.subscription_id)
        if is_booked(now) or renewed_past(now, overtaken.day) != began or (not asking and case.now() >= cut_off):
            return DeadlinePassed(at=case.now())
        if told is not None:
            return None
        what, by_when = in_words(overtaken, now, began, case.now())
        await open_ticket(f"{case.reference}:{key}", overtaken.company_id, case.title, what, case.requester, 1, True)
        await case.record(stage, what)
        otherwise = "Otherwise the customer pays for a whole term that nobody wants, and it renews again."
        await case.send(bridge_letters.by_hand(f"by-hand-{key}", case, overtaken.people, what, by_when, otherwise))
        await case.journal.put(f"told-{key}", what)
        return None

    return await wait_for(
        case,
        Wait(
            name=key,
            awaited=case.requester,
            what=f"{overtaken.what} renewed past its end, {overtaken.day}: see that it ends, in the Pax8 portal",
            form=LookForm,
            until=next_look(case.now(), began, cut_off),
            role="requester",
            explain="'Look again' once it is done in the Pax8 portal. 'Withdraw' if the customer stays.",
        ),
        look,
    )


def next_look(now: datetime, began: datetime, cut_off: datetime) -> datetime:
    """Each morning while something can be saved, within the vendor's exit and from the cut-off on; else weekly."""
    calendar = office().settings.calendar
    tomorrow = calendar.start_of(calendar.day_of(now) + DAY) + MORNING
    return tomorrow if now < began + SEVEN_DAYS + DAY or now >= cut_off else min(tomorrow + WEEK, cut_off)


def in_words(overtaken: Overtaken, term: TermReading, began: datetime, now: datetime) -> tuple[str, str]:
    """What a person must do, and by when: out of the vendor's exit, or against a further renewal (pax8.md §7)."""
    calendar = office().settings.calendar
    until = calendar.term_end(began + SEVEN_DAYS)
    happened = (
        f"{overtaken.what} ({term.subscription_id}) renewed on {calendar.term_end(began)}, although its end was "
        f"{overtaken.said} {overtaken.day}. Nothing was booked: the running term ends on {term.term_end} only."
    )
    if calendar.day_of(now) <= until:
        todo = (
            f"Cancel it in the Pax8 portal by {until}: the vendor refunds it pro rata until then, and not a day "
            f"longer. Too late for that: book its end for {term.term_end} there. Tell the customer, and billing."
        )
        return f"{happened} {todo}", f"by {until}"
    todo = (
        f"The vendor's exit is over since {until}, nothing is refunded any more: talk to the customer, and book its "
        f"end for {term.term_end} in the Pax8 portal, or it renews again."
    )
    safe = calendar.day_of(calendar.cut_off(term.term_end)) if term.term_end is not None else None
    return f"{happened} {todo}", f"by {safe}" if safe is not None and calendar.day_of(now) <= safe else "today"
