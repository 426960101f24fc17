"""The net below the webhooks and the clock: what was missed is found with few calls, however many wait (decision 5)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled
from prefect.variables import Variable

from rules.envelope import EnvelopeReading, event_of
from rules.events import Signed
from rules.order import Frozen
from rules.request import CheckedRequest
from tasks.agreements import AWAITED, read_envelope
from tasks.case import owner_of
from tasks.each import all_of, each
from tasks.journal import Journal
from tasks.letters import Letter
from tasks.mail import file_among, mails_of_orders, send_letter
from tasks.office import office
from tasks.runs import OPEN_STATES, STANDS_STILL, Woken, runs_of, runs_tagged, set_tags, tag_value, wake
from tasks.schedule import END_SUBSCRIPTION, TIMED, book_timed
from tasks.tickets import note_stage

READ_TO = "countersign_docusign_read_to"
OVERLAP = timedelta(minutes=10)
FIRST_LOOK = timedelta(days=90)
MAIL_AWAITED = "order-mail-awaited"
HAS_END = "has-agreed-end"
AGREED_END = "agreed-end"


class Found(Frozen):
    """Something that was missed, and what was done about it."""

    what: str
    who: str
    done: str
    run: UUID | None = None


async def envelopes_changed() -> list[EnvelopeReading]:
    """Every envelope whose status changed since the last look: one list call, whatever the number waiting."""
    now = office().clock.now()
    kept = await Variable.aget(READ_TO)
    since = datetime.fromisoformat(str(kept)) - OVERLAP if kept else now - FIRST_LOOK
    since = min(since, now - OVERLAP)
    return [read_envelope(one, now) async for one in office().docusign.changed_since(since)]


async def remember_look(at: datetime) -> None:
    """Remember how far DocuSign's changes were read, after everything found was acted on."""
    await Variable.aset(READ_TO, at.isoformat(), overwrite=True)


async def mend_agreements(open_now: list[FlowRun]) -> list[Found]:
    """Agreements that were decided unnoticed, and agreements whose run is gone, by one list of DocuSign's."""
    looked_at = office().clock.now()
    changed = await envelopes_changed()
    alive = {str(run.id) for run in open_now if run.state_type not in STANDS_STILL}
    found = await all_of(lambda: wake_decided(changed, open_now), lambda: find_orphans(changed, alive))
    await remember_look(looked_at)
    return found


async def wake_decided(changed: list[EnvelopeReading], open_now: list[FlowRun]) -> list[Found]:
    """Wake the runs whose envelope has come to an end that they missed."""
    by_envelope = {
        tag.removeprefix("envelope:"): run
        for run in open_now
        if run.state_type is StateType.PAUSED and AWAITED in (run.tags or [])
        for tag in run.tags or []
        if tag.startswith("envelope:")
    }

    async def wake_its_run(reading: EnvelopeReading) -> Found | None:
        run = by_envelope.get(reading.envelope_id)
        if run is None or event_of(reading) is None:
            return None
        woken = await wake(run.id, "DocuSign, found by reconcile", f"{reading.status} {reading.envelope_id}")
        return Found(what=f"missed: envelope {reading.status}", who=run.name, done=woken.value, run=run.id)

    return await each(changed, wake_its_run)


async def wake_due(open_now: list[FlowRun]) -> list[Found]:
    """Wake the runs whose moment has come: start days, patience, minutes to object."""
    now = office().clock.now()

    async def wake_if_due(run: FlowRun) -> Found | None:
        until = tag_value(run, "until") if run.state_type is StateType.PAUSED else None
        if until is None or datetime.fromisoformat(until) > now:
            return None
        woken = await wake(run.id, "clock", f"{until} reached")
        if woken is Woken.NOT_WAITING:
            return None
        return Found(what=f"due: {tag_value(run, 'wait') or 'sleep'}", who=run.name, done=woken.value, run=run.id)

    return await all_of(lambda: each(open_now, wake_if_due), lambda: bring_forward(now, open_now))


async def bring_forward(now: datetime, open_now: list[FlowRun]) -> list[Found]:
    """Booked runs that Prefect has scheduled for later than our clock says: it was moved (decision 9)."""

    def comes_late(run: FlowRun) -> bool:
        until, later = tag_value(run, "until"), run.next_scheduled_start_time
        if run.state_type is not StateType.SCHEDULED or until is None or later is None:
            return False
        return TIMED in (run.tags or []) and datetime.fromisoformat(until) <= now and later > datetime.now(UTC)

    found = []
    async with get_client() as client:
        for run in await runs_of(run.id for run in open_now if comes_late(run)):
            if comes_late(run):  # as it is now: it may have begun since the list was read
                due: Any = Scheduled(scheduled_time=datetime.now(UTC))
                await client.set_flow_run_state(run.id, due)
                found.append(Found(what="due: a booked run", who=run.name, done="brought forward", run=run.id))
    return found


async def find_orphans(changed: list[EnvelopeReading], alive: set[str]) -> list[Found]:
    """Envelopes of ours whose run is gone or ended: contracts is told; nothing is ordered from them (decision 5).

    `alive`: runs that are known to be open, by id.
    """
    found = []
    for reading in changed:
        if not reading.run_id or reading.run_id in alive:
            continue
        if reading.status in ("created", "voided", "declined", "deleted"):
            continue
        ended = await how_ended(reading.run_id)
        if ended is None:
            continue
        signed = isinstance(event_of(reading), Signed)
        contracts = office().settings.contracts
        await send_letter(
            reading.reference,
            Letter(
                kind=f"orphan-{reading.envelope_id}-{'signed' if signed else 'out'}",
                to=(contracts,),
                subject=f"An agreement without a procedure: {reading.reference}",
                todo=f"The agreement {reading.reference} is {reading.status}, but its procedure {ended}. Start "
                f"new-subscription with this envelope's id in 'envelope', or void it.",
                otherwise="Nothing is ordered from it.",
                facts=(("Envelope", reading.envelope_id),),
                link=f"{office().settings.docusign_url}/documents/details/{reading.envelope_id}",
                link_text="Open the envelope",
            ),
        )
        found.append(Found(what=f"orphan envelope {reading.envelope_id}", who=reading.reference, done="contracts told"))
    return found


async def how_ended(run_id: str) -> str | None:
    """How an envelope's run came to be of no use; None while it is open or did its work."""
    async with get_client() as client:
        try:
            run = await client.read_flow_run(UUID(run_id))
        except (ObjectNotFound, ValueError):
            return "is gone"
    if run.state is None or not run.state.is_final() or run.state.is_completed() or run.state.is_crashed():
        return None
    return f"ended as {run.state.name}"


async def file_late_confirmations() -> list[Found]:
    """File Pax8's confirmations that came after their run had finished, or tell the requester (P14).

    The mailbox is read once for all of them: Graph lets an app ask 10,000 times in ten minutes (graph.md, limits).
    """
    awaiting = [run async for run in runs_tagged([MAIL_AWAITED])]
    arrived = await mails_of_orders(min(map(ordered_at, awaiting))) if awaiting else []

    async def file_or_tell(run: FlowRun) -> Found | None:
        request, order_id = await request_of(run), tag_value(run, "order-mail")
        if request is None or order_id is None:
            return None
        since = ordered_at(run)
        names = (request.customer.name, *(line.product_name for line in request.lines))
        filed = await file_among(arrived, order_id, names, since)
        if filed:
            folder = office().settings.order_mail_folder
            await note_stage(
                request.reference,
                request.ticket_id,
                "confirmation filed",
                f"{folder}: {filed[0].subject}",
                "",
                "",
                False,
            )
            await forget(run)
            return Found(what="order confirmation", who=run.name, done="filed")
        if office().clock.now() > office().settings.calendar.business_moment_after(since, 1):
            await tell_missing_confirmation(request, order_id)
            await forget(run)
            return Found(what="order confirmation", who=run.name, done="missing, requester told")
        return None

    return await each(awaiting, file_or_tell)


def ordered_at(run: FlowRun) -> datetime:
    """The business moment of the order whose confirmation is awaited; now, where the run doesn't say."""
    return datetime.fromisoformat(tag_value(run, "ordered-at") or office().clock.now().isoformat())


async def forget(run: FlowRun) -> None:
    """Nothing more is awaited for this run's order."""
    await set_tags(run.id, {tag for tag in run.tags or [] if tag != MAIL_AWAITED})


async def tell_missing_confirmation(request: CheckedRequest, order_id: str) -> None:
    """P14: no confirmation after a business day."""
    await send_letter(
        request.reference,
        Letter(
            kind="confirmation-missing",
            to=(request.requester,),
            subject=f"{request.title}: no order confirmation from Pax8",
            todo=f"Look for Pax8's confirmation of order {order_id}, and file it under "
            f"{office().settings.order_mail_folder}.",
            otherwise="The order itself was read back from Pax8 and is in force.",
        ),
    )


async def request_of(run: FlowRun) -> CheckedRequest | None:
    """The request that a run works on, from its memory; the requester is whoever the procedure belongs to now."""
    journal = await Journal.load(run.id)
    kept = journal.get("checked-request")
    if kept is None:
        return None
    request = CheckedRequest.model_validate(kept)
    return request.model_copy(update={"requester": owner_of(journal) or request.requester})


async def guard_agreed_ends() -> list[Found]:
    """N7: every agreed end has a run that stands for it; a missing or failed one is booked anew.

    A procedure whose ends are all done is not looked at again, and its run may be deleted then.
    """
    standing: dict[str, list[FlowRun]] = {}
    async for run in runs_tagged([AGREED_END]):
        standing.setdefault(tag_value(run, "end-of") or "", []).append(run)
    found = []
    for procedure in [run async for run in runs_tagged([HAS_END])]:
        envelope_id, end = tag_value(procedure, "envelope"), tag_value(procedure, "ends")
        ends = [tag for tag in procedure.tags or [] if tag.startswith("end-of:")]
        if is_over(procedure) and all(any(map(is_over, standing.get(tag.removeprefix("end-of:"), []))) for tag in ends):
            await set_tags(procedure.id, {tag for tag in procedure.tags or [] if tag != HAS_END})
            continue
        for tag in ends:
            subscription_id = tag.removeprefix("end-of:")
            runs = standing.get(subscription_id, [])
            if any(stands_for_it(run) for run in runs):
                continue
            await book_timed(
                END_SUBSCRIPTION,
                office().clock.now(),
                f"end-{subscription_id}-{end}-{len(runs) + 1}",
                {
                    "subscription_id": subscription_id,
                    "envelope_id": envelope_id,
                    "procedure_run_id": str(procedure.id),
                },
                (tag, AGREED_END),
            )
            found.append(Found(what=f"agreed end of {subscription_id}", who=procedure.name, done="booked anew"))
    return found


def is_over(run: FlowRun) -> bool:
    """Whether a run has done its work, or a person has it."""
    return run.state_type is StateType.COMPLETED or run.state_name == "Handed to a person"


def stands_for_it(run: FlowRun) -> bool:
    """Whether a run will book the end, has done so, or has handed it to a person."""
    if run.state is None or run.state.type in (StateType.FAILED, StateType.CRASHED):
        return False
    return run.state.type is not StateType.CANCELLED or run.state.name == "Handed to a person"


async def as_they_are_now(open_now: list[FlowRun], found: list[Found]) -> list[FlowRun]:
    """What is open after everything found was acted on: the list as it was read, those runs read anew."""
    touched = {one.run for one in found if one.run is not None}
    again = [run for run in await runs_of(touched) if run.state_type in OPEN_STATES]
    return [run for run in open_now if run.id not in touched] + again
