"""B7: right after the cut-off DocuSign is read; unsigned, the bridge is booked to end, and everybody is told.

It gets identifiers only and reads everything fresh, so it does its work although the bridge's own run is gone.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled

from flows.deadline_by_hand import (
    BOOK,
    LASTING,
    LOOK_FIRST,
    NO_MORE,
    SETTLE,
    TRY_AGAIN,
    ByHand,
    Rest,
    exit_until,
    hand_rest_to_person,
    hand_to_person,
    hindered,
    keep_last_moment,
    last_moment,
    renewed_unsigned,
    still_ours,
    tell_by_hand,
)
from flows.deadline_signed import nothing_to_do, only_ours_is_missing, only_we_are_missing, signed
from flows.deadline_told import tell_everybody
from rules.envelope import EnvelopeReading, is_only_an_earlier_one_signed, signed_by_customer
from rules.refusal import refuse
from tasks.agreements import read_envelopes_of
from tasks.bridges import DEADLINE, deadline_runs, subscriptions_in
from tasks.case import Case, Subject
from tasks.decision import Verdict, decide, take_back_unsigned, verdict_of
from tasks.ending import (
    NOT_BOOKED,
    BridgeIds,
    EndNotAgreed,
    TermReading,
    assert_bought_as_bridge,
    book_unsigned_end,
    has_renewed,
    is_booked,
    read_term,
)
from tasks.office import office
from tasks.people import colleague
from tasks.procedure import conduct, sleep_until
from tasks.schedule import RUN_NAMES, SIGNATURE_DEADLINE
from tasks.step import TRANSIENT
from vendors.errors import Refused as VendorRefused

AFTER = timedelta(minutes=1)
DAY = timedelta(days=1)
NO_END = ByHand(cause="no-end", todo=BOOK, why="Pax8 shows no end of the month, so none can be booked by itself.")
RENEWED_LONG_AGO = (
    "It renewed unsigned more than seven days ago: the vendor refunds nothing any more. We book its end after the next "
    "cut-off, unless you book it before."
)
EARLIER_ONE_SIGNED = (
    "The customer has signed an agreement that a later one had replaced, and not the later one. Settle with them which "
    "of the two counts, and void the other in DocuSign: nothing is cancelled and nothing is ordered by itself."
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
        except (*LASTING, *TRANSIENT) as fault:
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
        return await decide_and_act(case, ids, [term for term in terms if term.subscription_id in left])

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
    live = [term for term in terms if not is_booked(term)]
    verdict = await verdict_of(ids.reference, ids.reminder_id)
    if verdict is Verdict.SIGNED:
        return await act_on_signed(case, ids, live)
    renewed = [term for term in live if has_renewed(term, case.now())]
    in_part = bool(live) and verdict is Verdict.UNSIGNED  # other lines had an earlier cut-off: watched until its own
    if not renewed and not in_part and not are_due(live or terms, case.now()):
        await sleep_until_cut_off(case, live or terms, "The cut-off is")
    if in_part and not are_due(still_ours(case, live), case.now()):
        await tell_of_what_ends(case, ids, terms)
    if live or verdict is None:
        readings = await read_all(case, ids, still_ours(case, terms) or live or terms)
        if readings is None:
            why = "DocuSign can't be read: unread is not unsigned."
            return await hand_to_person(case, ids, live, ByHand(cause="unread", todo=LOOK_FIRST, why=why + NO_MORE))
        if is_only_an_earlier_one_signed(readings):
            told = ByHand(cause="two-papers", todo=SETTLE, why=EARLIER_ONE_SIGNED)
            return await hand_to_person(case, ids, live or terms, told)
        if any(reading.is_completed for reading in readings):
            return await signed(case, ids, "DocuSign says completed.")
        if only_ours_is_missing(readings):
            return await only_we_are_missing(case, ids, live or terms)
        gone_on = [term for term in renewed if case.now() < exit_until([term])]
        if gone_on:
            await tell_by_hand(case, ids, gone_on, renewed_unsigned(gone_on))
        return await end_unsigned(case, ids, terms, readings, gone_on)
    return await tell_everybody(case, ids, [await read_term(term.subscription_id) for term in terms])


async def act_on_signed(case: Case, ids: BridgeIds, live: list[TermReading]) -> State[Any]:
    """The reminder ticket says signed: nothing is cancelled. DocuSign is read all the same, as long as it goes on."""
    readings = await read_all(case, ids, live) if live else None
    if readings and only_ours_is_missing(readings):
        return await only_we_are_missing(case, ids, live)
    if readings is not None and live and not any(reading.is_completed for reading in readings):
        told = ByHand(cause="said-signed", todo=SETTLE, why=NOT_SIGNED_THOUGH_SAID)
        return await hand_to_person(case, ids, live, told)
    if live:
        return await signed(case, ids, "The agreement was signed in time.")
    return await nothing_to_do(case, "The agreement was signed in time.")


async def end_unsigned(
    case: Case,
    ids: BridgeIds,
    terms: list[TermReading],
    readings: tuple[EnvelopeReading, ...],
    gone_on: list[TermReading],
) -> State[Any]:
    """Unsigned: each line is booked to end once its cut-off has passed. `gone_on`: renewed already, and a person's."""
    left, rest = {term.subscription_id for term in gone_on}, Rest()
    live = [term for term in still_ours(case, terms) if term.subscription_id not in left]
    ahead = [term for term in live if not are_due([term], case.now())]
    long_ago = [term for term in ahead if has_renewed(term, case.now())]
    if long_ago:
        told = ByHand(cause="renewed-long-ago", todo=BOOK, why=RENEWED_LONG_AGO, by_when="today")
        await tell_by_hand(case, ids, long_ago, told)
    due = [term for term in live if term not in ahead and term.commitment_end is not None]
    endless = [term for term in live if term.commitment_end is None]
    if endless and len(endless) == len(terms):
        return await hand_to_person(case, ids, endless, NO_END)
    if due or not (ahead or gone_on):
        why = "; ".join(f"{reading.envelope_id} {reading.status}" for reading in readings) or "no envelope"
        found = await decide(
            ids.reference, ids.reminder_id, Verdict.UNSIGNED, f"DocuSign at {case.now():%H:%M} UTC: {why}"
        )
        if found is Verdict.SIGNED:
            return await signed(case, ids, "The agreement was signed in time.")
        unbooked = await book_all(case, ids, due)
        if isinstance(unbooked, Verdict):  # signed in this very minute: looked at anew
            return await decide_and_act(case, ids, terms)
        if unbooked:
            await give_up_or_try_again(case, ids, due, unbooked)
    if endless:
        rest.append((NO_END, endless))
    rest += given_up(case, [term for term in terms if term.subscription_id not in left])
    if gone_on:
        rest.append((renewed_unsigned(gone_on), gone_on))
    if ahead:
        for told, lines in rest:
            await tell_by_hand(case, ids, lines, told)
        await tell_of_what_ends(case, ids, terms)
        await watch_what_goes_on(case, ahead)
    if rest:
        return await hand_rest_to_person(case, ids, rest)
    return await tell_everybody(case, ids, [await read_term(term.subscription_id) for term in terms])


async def tell_of_what_ends(case: Case, ids: BridgeIds, terms: list[TermReading]) -> None:
    """Some lines are booked while others' cut-off lies ahead: everybody is told of those at once."""
    ended = [term for one in terms if is_booked(term := await read_term(one.subscription_id))]
    if ended:
        await tell_everybody(case, ids, ended, whole=False)


def cut_off_of(terms: list[TermReading], now: datetime) -> datetime:
    """The earliest cut-off of these lines; now, where none shows an end."""
    return min((office().settings.calendar.cut_off(term.term_end) for term in terms if term.term_end), default=now)


def are_due(terms: list[TermReading], now: datetime) -> bool:
    """Whether the earliest cut-off of these lines has passed."""
    return now >= cut_off_of(terms, now)


async def sleep_until_cut_off(case: Case, terms: list[TermReading], what: str) -> None:
    """Put this run off until right after the earliest cut-off of these lines."""
    cut_off = cut_off_of(terms, case.now())
    await sleep_until(case, cut_off + AFTER, f"{what} {office().settings.calendar.in_words(cut_off)}")


async def watch_what_goes_on(case: Case, ahead: list[TermReading]) -> None:
    """Put this run off to the next cut-off, and meanwhile to each next morning: what goes on may be signed.

    Signed when other lines of the same agreement have been cancelled, it is a person's at once.
    """
    await keep_last_moment(case, ahead)
    calendar, cut_off = office().settings.calendar, cut_off_of(ahead, case.now())
    morning = calendar.start_of(calendar.day_of(case.now()) + DAY) + timedelta(hours=9)
    what = f"Of what goes on the cut-off is {calendar.in_words(cut_off)}"
    await sleep_until(case, min(morning, cut_off + AFTER), what)


async def read_all(case: Case, ids: BridgeIds, live: list[TermReading]) -> tuple[EnvelopeReading, ...] | None:
    """Every envelope of this bridge, fresh; None where DocuSign refuses to tell and no time is left to try again."""
    try:
        return await read_envelopes_of(ids.reference, ids.envelope_id, ids.procedure_run_id)
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
        readings = await read_envelopes_of(ids.reference, ids.envelope_id, ids.procedure_run_id)
        role = office().settings.templates.client_role
        if signed_by_customer(readings, role):
            why = "DocuSign says signed, and nothing had been booked."
            if await take_back_unsigned(ids.reference, ids.reminder_id, why) is not Verdict.UNSIGNED:
                return Verdict.SIGNED
    return unbooked


async def give_up_or_try_again(case: Case, ids: BridgeIds, due: list[TermReading], unbooked: dict[str, str]) -> None:
    """A person is told with the last safe moment; we go on trying, and see it when the person was faster.

    From that moment on a line is the person's alone, whatever lines go on.
    """
    open_ones = [term for term in due if term.subscription_id in unbooked]
    late = [term for term in open_ones if case.now() >= last_moment([term])]
    for term in late:
        await case.journal.put(f"given-up-{term.subscription_id}", unbooked[term.subscription_id])
    tried = [term for term in open_ones if term not in late]
    if not tried:
        return
    for told, lines in given_up(case, late):
        await tell_by_hand(case, ids, lines, told)
    why = reasons({term.subscription_id: unbooked[term.subscription_id] for term in tried})
    await tell_by_hand(case, ids, tried, ByHand(cause="deadline", todo=BOOK, why=f"{why} We go on trying."))
    await sleep_until(case, case.now() + TRY_AGAIN, "The end could not be booked yet")


def given_up(case: Case, terms: list[TermReading]) -> Rest:
    """What a person has alone since its last safe moment, and has not booked yet."""
    why = {term.subscription_id: case.journal.get(f"given-up-{term.subscription_id}") for term in terms}
    lines = [term for term in terms if why[term.subscription_id] is not None and not is_booked(term)]
    if not lines:
        return []
    said = reasons({term.subscription_id: str(why[term.subscription_id]) for term in lines})
    return [(ByHand(cause="unbooked", todo=BOOK, why=said + NO_MORE), lines)]


def reasons(why: dict[str, str]) -> str:
    """Why these subscriptions could not be booked, a sentence."""
    return "; ".join(f"{one}: {reason}" for one, reason in why.items()).rstrip(".") + "."
