"""A person's decision on one thing, the minutes to object to it, and the end of a procedure without an order (N5)."""

from datetime import datetime

from rules.events import (
    DayReached,
    DeadlinePassed,
    Decided,
    Declined,
    Event,
    Expired,
    RefusedBy,
    SignerBounced,
    Voided,
    Withdrawn,
)
from rules.people import Person
from tasks import agreement_letters, agreements
from tasks.agreements import DraftedEnvelope
from tasks.case import Case, Ended
from tasks.forms import AcceptForm, ObjectionForm
from tasks.office import office
from tasks.waiting import Wait, wait_for


async def accept(
    case: Case, envelope: DraftedEnvelope, name: str, who: Person, what: str, why: str, also: tuple[Person, ...] = ()
) -> str:
    """Have one person accept one thing; anything else ends the procedure. Returns who accepted.

    `also` may decide it too.
    """
    event = await wait_for(
        case,
        Wait(
            name=case.name(name),
            awaited=who,
            what=what,
            form=AcceptForm,
            may_decide=(who, *also),
            explain=why,
            letter=agreement_letters.decision_needed(case, name, who, what),
        ),
    )
    if isinstance(event, Decided):
        await stand_by_decision(case, name, event.by)
        await case.record(name, f"Accepted: {what}", by=event.by)
        return event.by
    await end_without_order(case, event, envelope)
    raise AssertionError("unreachable")


async def stand_by_decision(case: Case, name: str, by: str) -> None:
    """Give whoever is said to have decided some minutes to object; an objection ends the procedure (decision 2)."""
    objection = office().settings.objection
    if not objection:
        return
    decided_at = datetime.fromisoformat(await case.journal.put(case.name(f"decided-at-{name}"), case.now().isoformat()))
    until = decided_at + objection

    async def time_is_up(_hinted: bool) -> Event | None:
        return DayReached(day=office().settings.calendar.day_of(until)) if case.now() >= until else None

    event = await wait_for(
        case,
        Wait(
            name=case.name(f"objection-{name}"),
            awaited=Person(name=by, email=by),
            what=f"Minutes to object: {by} is said to have decided",
            form=ObjectionForm,
            until=until,
            role="objection",
        ),
        time_is_up,
    )
    if not isinstance(event, DayReached):
        await end_without_order(case, event, None)


async def end_without_order(case: Case, event: Event, envelope: DraftedEnvelope | None) -> None:
    """End as what happened, tell requester and contracts, order nothing. Raises `Ended` always."""
    name, why, by = in_words(event)
    await end(case, envelope, name, why, by)


def in_words(event: Event) -> tuple[str, str, str]:
    """The state's name, what happened, and on whose word."""
    match event:
        case Declined(by=by, reason=reason):
            return "Declined", f"{by} declined to sign: {reason or 'no reason given'}", by
        case Voided(reason=reason):
            return "Voided", f"The agreement was voided: {reason or 'no reason given'}", "DocuSign"
        case Expired():
            return "Expired", "The agreement expired unsigned.", "DocuSign"
        case SignerBounced(signer=signer, reason=reason):
            return "Signer bounced", f"DocuSign's mail to {signer} came back: {reason}", "DocuSign"
        case Withdrawn(by=by, why=why):
            return "Withdrawn", f"Withdrawn: {why}", by
        case RefusedBy(by=by, why=why):
            return "Refused", f"Refused by {by}: {why}", by
        case DeadlinePassed():
            why = "The cut-off passed while the agreement was being taken back, so no other one was sent."
            return "Ended unsigned", why, "calendar"
        case Decided(by=by, choice=choice, why=why):
            return "Void and start anew", f"{choice}: {why or 'no reason given'}", by
    raise AssertionError(f"{event} does not end a procedure")


async def end(case: Case, envelope: DraftedEnvelope | None, name: str, why: str, by: str) -> None:
    """Void what is out, note it, tell requester and contracts, and end."""
    if envelope is not None:
        await agreements.void_agreement(envelope.envelope_id, why)
    nothing = "Nothing more was ordered." if case.leg in ("annual", "kept", "late") else "Nothing was ordered."
    await case.record("ended", f"{name}: {why} {nothing}", by=by)
    await case.send(agreement_letters.ended(case, name, why, nothing))
    raise Ended(name, f"{why} {nothing}")
