"""What the deadline's run can't find out or book is a person's, with the last safe moment (B7, I4, decision 6)."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled

from flows.deadline_told import tell_everybody
from rules.order import Frozen
from tasks import bridge_letters
from tasks.bridges import remembered, wake_procedure
from tasks.case import Case
from tasks.ending import SEVEN_DAYS, BridgeIds, TermReading, is_booked, month_began, read_term
from tasks.office import office
from tasks.people import colleague
from tasks.procedure import put_off_so_far, sleep_until
from tasks.step import TRANSIENT
from tasks.tickets import open_ticket
from vendors.errors import NotFound, Unauthorised, VendorError
from vendors.errors import Refused as VendorRefused

LASTING = (Unauthorised, NotFound, VendorRefused)
TRY_AGAIN = timedelta(hours=2)
NO_MORE = " The last safe moment has come: nothing is tried any more, it is yours alone."
PUT_OFFS_UNTOLD = 2
"""So often a vendor's silence at the cut-off is nobody's business yet; then a person is told, and we go on trying."""


BOOK = "Book the end of the bridge in the Pax8 portal, and tell the customer"
LOOK_FIRST = (
    "Look at the agreement in DocuSign first: what the customer has signed is not cancelled. Unsigned, book the end of "
    "the bridge in the Pax8 portal, and tell the customer"
)
SETTLE = "Settle with the customer what counts, before anything is cancelled or ordered for the bridge"


class ByHand(Frozen):
    """What a person is to do and why, once for each cause: one that follows is told of, too.

    `cause`: told apart by it; tickets and mails are found by it again. `by_when`: by the last safe moment where empty.
    """

    cause: str
    todo: str
    why: str
    by_when: str = ""


Rest = list[tuple[ByHand, list[TermReading]]]
"""What a person is to do, each with the lines that it is about."""


def renewed_unsigned(renewed: list[TermReading]) -> ByHand:
    """The month has renewed although nobody signed: a person has seven days to get out of it (pax8.md §7)."""
    until = office().settings.calendar.term_end(exit_until(renewed))
    began = until - SEVEN_DAYS
    why = bridge_letters.renewed_unsigned(began, until)
    return ByHand(cause=f"renewed-{began:%Y%m%d}", todo=BOOK, why=why, by_when=f"by {until}")


def exit_until(renewed: list[TermReading]) -> datetime:
    """The end of the vendor's seven-day exit from the renewed months, the first one (pax8.md §7)."""
    return min(month_began(term.commitment_end) for term in renewed if term.commitment_end) + SEVEN_DAYS


def last_moment(live: list[TermReading]) -> datetime:
    """Two business days before the month's end, in the morning: from then on a person decides (B7)."""
    calendar = office().settings.calendar
    days = [calendar.business_days_before(term.term_end, 2) for term in live if term.term_end]
    return calendar.start_of(min(days)) + timedelta(hours=9) if days else office().clock.now()


async def keep_last_moment(case: Case, live: list[TermReading]) -> None:
    """Remember the last safe moment of what goes on, for a time when Pax8 can't be read."""
    await case.journal.put(f"last-moment-{case.now():%Y%m%d%H%M%S}", last_moment(live).isoformat())


def last_moment_kept(case: Case) -> datetime | None:
    """The last safe moment as it was remembered last; None where it never was."""
    kept = case.journal.starting("last-moment-")
    return datetime.fromisoformat(kept[max(kept)]) if kept else None


def still_ours(case: Case, terms: list[TermReading]) -> list[TermReading]:
    """The lines that are not booked, and that no person has alone since their own last safe moment."""
    given_up = case.journal.starting("given-up-")
    return [term for term in terms if not is_booked(term) and f"given-up-{term.subscription_id}" not in given_up]


async def tell_by_hand(case: Case, ids: BridgeIds, live: list[TermReading], told: ByHand) -> str:
    """A top-priority ticket and a mail with the date by which a person must act (decision 6).

    Once for a cause and these lines: another line that has the same trouble later is told of, too.
    """
    calendar = office().settings.calendar
    ends = [term.term_end for term in live if term.term_end]
    by_when = told.by_when or (calendar.in_words(last_moment(live)) if ends else "today")
    names = "; ".join(f"{term.product_name} ({term.subscription_id})" for term in live) or ", ".join(ids.subscriptions)
    what = f"{told.todo}: {names}. {told.why}"
    lines = {term.subscription_id for term in live}
    some = "" if lines in (set(), set(ids.subscriptions)) else "".join(f"-{one[:8]}" for one in sorted(lines))
    ticket, key = await office().autotask.ticket(ids.ticket_id), f"{told.cause}{some}"
    await open_ticket(f"{ids.reference}:{key}", ticket.company_id, case.title, what, case.requester, 1, True)
    otherwise = "Otherwise the bridge renews for another month."
    to = (case.requester, await colleague(ids.senior), office().settings.contracts)
    await case.send(bridge_letters.by_hand(f"by-hand-{key}", case, to, what, by_when, otherwise))
    return what


async def hindered(case: Case, ids: BridgeIds, fault: VendorError) -> State[Any] | None:
    """A vendor that won't answer, or won't have us: a person is told with the date, and it is tried on meanwhile.

    Denied access lasts until somebody mends it, so it is told at once, and the run sleeps; silence is told when it has
    lasted a while. None where the run is to be put off or to fail: where every end is booked by now, so that only the
    telling fails, and after a week in which nobody knew the month's end.
    """
    lasting = isinstance(fault, LASTING)
    why = f"{fault.vendor} can't be read or written ({fault.what}): {fault.message.rstrip('.')}."
    last: datetime | None
    try:
        live = still_ours(case, [await read_term(one) for one in ids.subscriptions])
        if not live:
            return None
        last = last_moment(live)
    except VendorError:
        live, bought = [], await remembered(ids)
        last = last_moment_kept(case) or (bought.dates.person_by if bought is not None else None)
    if last is not None and case.now() >= last:
        return await hand_rest_to_person(
            case, ids, [(ByHand(cause="unread", todo=LOOK_FIRST, why=why + NO_MORE), live)]
        )
    if lasting or put_off_so_far(case) >= PUT_OFFS_UNTOLD:
        by_when = office().settings.calendar.in_words(last) if last is not None else "today"
        told = ByHand(
            cause=f"hindered-{fault.vendor.lower()}", todo=LOOK_FIRST, why=f"{why} We go on trying.", by_when=by_when
        )
        with suppress(*TRANSIENT):
            await tell_by_hand(case, ids, live, told)
    since = datetime.fromisoformat(str(await case.journal.put("hindered-since", case.now().isoformat())))
    if not lasting or (last is None and case.now() - since > SEVEN_DAYS):
        return None
    await sleep_until(case, case.now() + TRY_AGAIN, why)
    raise AssertionError("unreachable")


async def hand_rest_to_person(case: Case, ids: BridgeIds, rest: Rest) -> State[Any]:
    """Part of a bridge can't be booked: that is a person's; of the lines that do end, everybody is told (B7, P15)."""
    handed = await hand_over(case, ids, rest)
    left = {term.subscription_id for _, lines in rest for term in lines}
    try:
        ended = [
            term for one in ids.subscriptions if left and one not in left and is_booked(term := await read_term(one))
        ]
    except VendorError:  # then nobody knows whether any line ends: all of them are the person's
        ended = []
    if ended:
        await tell_everybody(case, ids, ended, whole=False)
        await case.show("Handed to a person")
    return handed


async def hand_to_person(case: Case, ids: BridgeIds, live: list[TermReading], told: ByHand) -> State[Any]:
    """What can't be booked or confirmed becomes a person's, and this run ends as that."""
    return await hand_over(case, ids, [(told, live)])


async def hand_over(case: Case, ids: BridgeIds, rest: Rest) -> State[Any]:
    """Each cause with its lines becomes a person's, and this run ends as that."""
    what = " ".join([await tell_by_hand(case, ids, lines, told) for told, lines in rest])
    await case.record("handed to a person", what)
    await wake_procedure(ids, "the deadline was handed to a person")
    await case.show("Handed to a person")
    return Cancelled(name="Handed to a person", message=what)
