"""What a person must do about a bridge: handed over with a date, and watched until it is done (I4, I5)."""

from datetime import datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import State

from rules.bridge import BridgeDates
from rules.events import DeadlinePassed, Decided, Event
from tasks import bridge_letters
from tasks.bridges import Bridge, all_booked, assert_all_booked, book_deadline, close_the_bridge, dates_now
from tasks.case import Case, Ended
from tasks.ending import SEVEN_DAYS, TermReading, has_renewed, month_began, read_term
from tasks.forms import BridgeEndForm
from tasks.office import office
from tasks.tickets import open_ticket
from tasks.waiting import Wait, wait_for

DAY = timedelta(days=1)
STAYS, HANDED = "it stays", "Handed to a person"


async def follow_the_term(case: Case, bought: Bridge) -> BridgeDates:
    """The bridge's dates by what Pax8 says now; a person is told of an end that moved (B7)."""
    dates = await dates_now(bought)
    await tell_of_another_end(case, bought, dates)
    return dates


async def tell_of_another_end(case: Case, bought: Bridge, dates: BridgeDates) -> None:
    """An end that moved, or a month that renewed: a run for the new cut-off, and a person is told (B7, I4)."""
    if dates.term_end == bought.dates.term_end:
        return
    calendar = office().settings.calendar
    await book_deadline(bought.ids, dates.cut_off)
    ends, now = await ends_now(bought), case.now()
    if all(calendar.term_end(before) == calendar.term_end(end) for before, end, _ in ends):
        return  # a line has ended as it should, and the others go on to their own ends
    if any(has_renewed(term, now) if term.started else before <= now < end for before, end, term in ends):
        began = calendar.term_end(month_began(dates.commitment_end))
        until = began + SEVEN_DAYS
        what = bridge_letters.renewed_unsigned(began, until)
        await case.record(f"renewed {began}", what, by="Pax8")
        await hand_over_ticket(case, bought, f"renewed-{began:%Y%m%d}", what, f"by {until}")
        return
    what = (
        f"Pax8 shows another end of the bridge's month: {dates.term_end} instead of {bought.dates.term_end}. "
        f"The cut-off is {calendar.in_words(dates.cut_off)} now."
    )
    await case.record(f"end moved {dates.term_end}", what, by="Pax8")
    await hand_over_ticket(case, bought, f"moved-{dates.term_end:%Y%m%d}", f"{what} Tell the customer.", "today")


async def ends_now(bought: Bridge) -> list[tuple[datetime, datetime, TermReading]]:
    """The end of each line that goes on: as it was when the bridge was bought, and as Pax8 shows it now."""
    before = {one.subscription_id: one.renews or bought.dates.commitment_end for one in bought.licences}
    terms = [await read_term(one) for one in bought.ids.subscriptions]
    return [
        (before.get(term.subscription_id, bought.dates.commitment_end), term.commitment_end, term)
        for term in terms
        if term.status != "Cancelled" and term.commitment_end is not None
    ]


async def hand_over_ticket(case: Case, bought: Bridge, key: str, what: str, by_when: str) -> None:
    """A top-priority ticket and a mail with the last safe moment, once for a key (I4, I5)."""
    await open_ticket(
        f"{case.reference}:{key}",
        case.request.customer.autotask_id,
        f"{case.title}: {what}",
        what,
        case.requester,
        1,
        True,
    )
    otherwise = (
        f"The bridge's month ends on {bought.dates.term_end}; without its end booked it renews for another month."
    )
    to = (case.requester, case.request.senior)
    await case.send(bridge_letters.by_hand(f"by-hand-{key}", case, to, what, by_when, otherwise))


async def until_a_person_has_done_it(
    case: Case, bought: Bridge, what: str, by_when: datetime | None = None
) -> State[Any]:
    """Hand the bridge to a person with a date, and watch until its end is booked, or somebody decides that it stays.

    Whoever says that it is done is held against Pax8.
    """
    last = office().settings.calendar.in_words(by_when or bought.dates.person_by)
    await hand_over_ticket(case, bought, "unusable", what, last)
    await case.record("handed to a person", what)

    async def look(_hinted: bool) -> Event | None:
        if await all_booked(bought.ids.subscriptions):
            return DeadlinePassed(at=case.now())
        await tell_of_another_end(case, bought, await dates_now(bought))
        return None

    async def check(event: Event) -> None:
        if isinstance(event, Decided) and event.choice != STAYS:
            await assert_all_booked(bought.ids.subscriptions, STAYS)

    event = await wait_for(
        case,
        Wait(
            name="by-hand",
            awaited=case.requester,
            what=what[:400],
            form=BridgeEndForm,
            role="requester",
            ask_first=False,
            letter=bridge_letters.by_hand(
                "by-hand-unusable",
                case,
                (case.requester,),
                what,
                last,
                "Without its end booked the bridge renews for another month.",
            ),
            until=bought.dates.person_by if case.now() < bought.dates.person_by else case.now() + DAY,
            check=check,
        ),
        look,
    )
    if isinstance(event, Decided) and event.choice == STAYS:
        await case.record("bridge stays", f"It goes on and renews: {event.why}", by=event.by)
    await close_the_bridge(case)
    did = in_words(event) if isinstance(event, Decided) else "the bridge's end is booked"
    raise Ended(HANDED, f"{what} {did}.")


def in_words(decided: Decided) -> str:
    """Who said what, with the reason: `tom@northgate.example: it stays (signed anew)`."""
    why = f" ({decided.why})" if decided.why else ""
    return f"{decided.by}: {decided.choice}{why}"
