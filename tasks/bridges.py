"""A bridge under way: what names it, its dates as Pax8 gave them, its reminder and its deadline (B4, B7)."""

from datetime import date, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled

from rules.bridge import BridgeDates
from rules.calendar import first_day
from rules.order import Frozen
from rules.request import CheckedRequest
from tasks.case import Case
from tasks.ending import BridgeIds, is_booked, read_term
from tasks.forms import AnswerAgain
from tasks.journal import Journal
from tasks.licences import Licence
from tasks.office import office
from tasks.runs import runs_tagged, wake
from tasks.schedule import GUARD_END, SIGNATURE_DEADLINE, book_timed
from tasks.tickets import complete_ticket, note_stage, open_reminder

OPEN = "bridge-open"
DEADLINE = "signature-deadline"
GUARD = "end-guard"
IDS, DATES = "bridge-ids", "bridge-dates"


class Bridge(Frozen):
    """A bridge that was bought: its names, its dates, its licences, and when it was ordered."""

    ids: BridgeIds
    dates: BridgeDates
    licences: tuple[Licence, ...]
    ordered_at: datetime

    @property
    def what(self) -> str:
        return ", ".join(f"{one.seats} × {one.product_name}" for one in self.licences)


def dates_of(licences: tuple[Licence, ...], ordered_at: datetime) -> BridgeDates:
    """The dates of a bridge by its earliest end. Without any end the month from its start is taken (Words)."""
    calendar, days = office().settings.calendar, office().settings.change_over_days
    start = min((first_day(one.start) for one in licences if one.start), default=calendar.day_of(ordered_at))
    ends = [one.renews for one in licences if one.renews is not None]
    return BridgeDates.of(start, min(ends), calendar, days) if ends else BridgeDates.foretold(start, calendar, days)


async def open_bridge_reminder(
    case: Case, request: CheckedRequest, dates: BridgeDates, licences: tuple[Licence, ...]
) -> int:
    """The reminder ticket: cancel at the month's end if unsigned, for the requester and another senior person (B4)."""
    calendar = office().settings.calendar
    what = ", ".join(f"{one.seats} × {one.product_name} ({one.subscription_id})" for one in licences)
    return await open_reminder(
        f"{case.reference}:bridge",
        request.customer.autotask_id,
        f"Cancel {request.what} of {request.customer.name} at the month's end if unsigned by {dates.cut_off:%Y-%m-%d}",
        f"The monthly bridge {case.reference} ends or renews on {dates.term_end}: {what}.\n"
        f"Cut-off for the customer's signature: {calendar.in_words(dates.cut_off)}.\n"
        "The procedure looks at DocuSign right after it, and books the cancellation itself if the customer has not "
        f"signed; this ticket says what became of it. Request: ticket {request.ticket_number}. {case.run_link}",
        case.requester,
        request.senior,
        dates.cut_off,
    )


async def book_deadline(ids: BridgeIds, cut_off: datetime, generation: int = 1, late: str = "") -> None:
    """Schedule the look at DocuSign for right after the cut-off, once for bridge, cut-off and generation (B7).

    `late`: the subscriptions that turned up after the bridge was first booked; once for these, too.
    """
    key = f"deadline-{ids.reference}-{cut_off:%Y%m%dT%H%M}-{generation}{'-' if late else ''}{late}"
    at = cut_off + timedelta(minutes=1)
    await book_timed(SIGNATURE_DEADLINE, at, key, parameters_of(ids), (DEADLINE, f"deadline-of:{ids.reference}"))


async def book_guard(
    ids: BridgeIds, subscription_id: str, why: str, look_at: datetime, ends: date | None, successor_id: str = ""
) -> None:
    """Schedule what guards a booked end until the day after it: once for a reference, subscription, reason and day.

    `ends`: the day of that end; None where Pax8 shows none, then the guard's first look takes the running term's.
    """
    day = ends.isoformat() if ends is not None else ""
    parameters = {
        **parameters_of(ids),
        "subscriptions": subscription_id,
        "why": why,
        "successor": successor_id,
        "ends": day,
    }
    tags = (GUARD, f"guard-of:{subscription_id}")
    key = f"guard-{ids.reference}-{subscription_id}-{why}-{day}"
    await book_timed(GUARD_END, look_at, key, parameters, tags)


async def has_guard(subscription_id: str, *why: str) -> bool:
    """Whether a booked end of that subscription is guarded for one of these reasons: then everybody was told of it."""
    runs = runs_tagged([GUARD, f"guard-of:{subscription_id}"])
    return bool([run async for run in runs if run.parameters.get("why") in why])


def parameters_of(ids: BridgeIds) -> dict[str, object]:
    """What the deadline's run is given: identifiers only (decision 6)."""
    return {
        "reference": ids.reference,
        "ticket_id": ids.ticket_id,
        "reminder_id": ids.reminder_id,
        "envelope": ids.envelope_id,
        "subscriptions": " ".join(ids.subscriptions),
        "contact": ids.contact,
        "requester": ids.requester,
        "senior": ids.senior,
        "procedure_run_id": ids.procedure_run_id,
    }


async def deadline_runs(reference: str) -> list[FlowRun]:
    """Every run that stood or stands for a bridge's deadline."""
    return [run async for run in runs_tagged([f"deadline-of:{reference}"])]


async def take_off_deadline(reference: str, why: str) -> None:
    """Take the deadline's run off; its history stays. One that runs already finds out by itself (B6)."""
    async with get_client() as client:
        for run in await deadline_runs(reference):
            if run.state_type is StateType.SCHEDULED:
                state: Cancelled = Cancelled(name="Taken off", message=why)  # type: ignore[valid-type]
                await client.set_flow_run_state(run.id, state)


async def replace_deadlines(ids: BridgeIds) -> None:
    """Take off the deadlines that know fewer of the bridge's subscriptions; one that runs does what it knows."""
    async with get_client() as client:
        for run in await deadline_runs(ids.reference):
            if run.state_type is StateType.SCHEDULED and subscriptions_in(run) < set(ids.subscriptions):
                state: Cancelled = Cancelled(name="Replaced", message="Another deadline has all of the bridge.")  # type: ignore[valid-type]
                await client.set_flow_run_state(run.id, state)


def subscriptions_in(run: FlowRun) -> set[str]:
    """The Pax8 ids that a deadline's run was booked for."""
    return set(str((run.parameters or {}).get("subscriptions", "")).split())


def bridge_in(journal: Journal) -> Bridge | None:
    """The bridge that a run has bought, by its memory, with every line that turned up later; None before that."""
    kept = journal.starting(DATES)
    return Bridge.model_validate(kept[max(kept)]) if kept else None


def stands_for(run: FlowRun) -> bool:
    """Whether a booked run will do its work, has done it, or has handed it to a person."""
    if run.state is None or run.state.type in (StateType.FAILED, StateType.CRASHED):
        return False
    return run.state.type is not StateType.CANCELLED or run.state.name in ("Handed to a person", "Taken off")


async def request_of(ids: BridgeIds) -> CheckedRequest | None:
    """The bridge's request, from its run's memory; None where that run is gone, or never was."""
    run_id = own_run(ids)
    kept = (await Journal.load(run_id)).get("checked-request") if run_id is not None else None
    return CheckedRequest.model_validate(kept) if kept is not None else None


async def remembered(ids: BridgeIds) -> Bridge | None:
    """The bridge as its own run remembers it; None where that run is gone, or never was."""
    run_id = own_run(ids)
    return bridge_in(await Journal.load(run_id)) if run_id is not None else None


def own_run(ids: BridgeIds) -> UUID | None:
    """The bridge's own run, whether it is there or not; None where no run was named."""
    try:
        return UUID(ids.procedure_run_id)
    except ValueError:
        return None


async def all_booked(subscriptions: tuple[str, ...]) -> bool:
    """Whether every subscription of a bridge ends with its term, or has ended."""
    return all([is_booked(await read_term(one)) for one in subscriptions])


async def assert_all_booked(subscriptions: tuple[str, ...], otherwise: str) -> None:
    """A person's word that a bridge ends, held against Pax8. Raises `AnswerAgain` naming what goes on.

    Where Pax8 shows no end of the term, a booked end counts as it is. `otherwise`: the answer for what shall go on.
    """
    terms = [await read_term(one) for one in subscriptions]
    missing = [
        f"{one.product_name} ({one.subscription_id}), "
        + (f"whose end is booked for {one.booked:%Y-%m-%d}, after its term" if one.booked else "no end is booked")
        + (f": it renews on {one.term_end}" if one.term_end else "")
        for one in terms
        if not is_booked(one) and (one.booked is None or one.commitment_end is not None)
    ]
    if missing:
        raise AnswerAgain(
            f"Pax8 shows that it goes on: {'; '.join(missing)}. Book each end in the Pax8 portal for the end of its "
            f"term, then answer again; or '{otherwise}', with the reason."
        )


async def all_ended(subscriptions: tuple[str, ...]) -> bool:
    """Whether every subscription of a bridge has ended."""
    return all([(await read_term(one)).status == "Cancelled" for one in subscriptions])


async def dates_now(bought: Bridge) -> BridgeDates:
    """The bridge's dates by what Pax8 says now: an end that moved gives another cut-off. Lines that have ended say
    nothing any more while others go on."""
    terms = [await read_term(one) for one in bought.ids.subscriptions]
    going_on = [term for term in terms if term.status != "Cancelled"] or terms
    end = min((one.commitment_end for one in going_on if one.commitment_end), default=bought.dates.commitment_end)
    if office().settings.calendar.term_end(end) == bought.dates.term_end:
        return bought.dates
    moved = tuple(one.model_copy(update={"renews": end}) for one in bought.licences)
    return dates_of(moved, bought.ordered_at)


async def as_it_is(bought: Bridge) -> Bridge:
    """The bridge with the dates that Pax8 shows now."""
    return bought.model_copy(update={"dates": await dates_now(bought)})


async def reminder_done(case: Case, bought: Bridge, text: str) -> None:
    """B6: a note on the reminder, and it is completed."""
    await note_stage(case.reference, bought.ids.reminder_id, "reminder", text, "", case.run_link, False)
    await complete_ticket(bought.ids.reminder_id, f"{text} ({case.reference})")


async def close_the_bridge(case: Case) -> None:
    """Nothing more is to be watched for this bridge's cut-off."""
    await case.untag(OPEN)


async def wake_procedure(ids: BridgeIds, what: str) -> None:
    """Wake the bridge's own run, if there is one."""
    run_id = own_run(ids)
    if run_id is not None:
        await wake(run_id, "DocuSign, read by signature-deadline", what)
