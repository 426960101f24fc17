"""One writer per subscription: the claim that stands on a ticket while seats are changed (S1, I1, pax8.md §7.1).

Pax8 has no conditional write, so whoever means to change seats claims the subscription first. A claim is a ticket note,
found by the subscription's id on whichever ticket; the first one counts until its own procedure closes it. It outlives
kill -9, an emptied Prefect and the worker's host. A concurrency limit of Prefect's would not do: its slot is a lease
that lapses with its process, and so in the very middle of a write of unknown outcome.
"""

import re

from rules.written import OnTicket
from tasks.office import office

CLAIM = "Countersign seats"
_SAID = re.compile(r"(?P<verb>claimed|done|given up) by (?P<by>\S+): (?P<what>.*)")
_TOTALS = re.compile(r"\d+ → (\d+)")


async def claim(request: OnTicket, subscription_id: str, what: str) -> str:
    """Claim a subscription; empty when this procedure holds it, else the reference of the one that does.

    Whoever comes second gives up at once, and asks again later: no claim is left behind.
    """
    standing = await standing_claims(subscription_id)
    if request.reference not in standing:
        await say(request, subscription_id, "claimed", request.reference, what)
        standing = await standing_claims(subscription_id)
    first = standing[0] if standing else ""
    if first == request.reference:
        return ""
    await say(request, subscription_id, "given up", request.reference, f"{first or 'somebody'} is at it")
    return first


async def standing_claims(subscription_id: str) -> list[str]:
    """Who has claimed a subscription and not closed that, the first one first."""
    standing: list[str] = []
    for verb, by, _ in await said_of(subscription_id):
        if verb == "claimed":
            standing += [by] if by not in standing else []
        else:
            standing = [one for one in standing if one != by]
    return standing


async def confirmed_total(subscription_id: str) -> int | None:
    """The total of the last increase that was made on a customer's word; None where there was none."""
    totals = [_TOTALS.match(what) for verb, _, what in await said_of(subscription_id) if verb == "done"]
    found = [int(one[1]) for one in totals if one is not None]
    return found[-1] if found else None


async def close(request: OnTicket, subscription_id: str, *, done: bool, what: str) -> None:
    """Close this procedure's own claim, if it stands: `done` with what was made, or given up and why."""
    if request.reference in await standing_claims(subscription_id):
        await say(request, subscription_id, "done" if done else "given up", request.reference, what)


async def take_off(request: OnTicket, subscription_id: str, holder: str) -> None:
    """Close the claim of a procedure whose run is over, which nobody else would."""
    if holder in await standing_claims(subscription_id):
        await say(request, subscription_id, "given up", holder, f"its run is over, seen by {request.reference}")


async def said_of(subscription_id: str) -> list[tuple[str, str, str]]:
    """Everything said of a subscription, oldest first: verb, by whom, what. What a customer's contact writes isn't."""
    prefix = claim_prefix(subscription_id)
    notes = await office().autotask.notes_titled(prefix)
    found = []
    for note in sorted(notes, key=lambda note: note.id):
        said = _SAID.fullmatch(note.title.removeprefix(prefix))
        if said is not None and note.created_by_contact_id is None:
            found.append((said["verb"], said["by"], said["what"]))
    return found


def claim_prefix(subscription_id: str) -> str:
    """How the title of everything said of a subscription's seats begins."""
    return f"{CLAIM} {subscription_id}: "


async def say(request: OnTicket, subscription_id: str, verb: str, by: str, what: str) -> None:
    labels = office().settings.labels
    await office().autotask.add_note(
        request.ticket_id,
        f"{claim_prefix(subscription_id)}{verb} by {by}: {what}"[:250],
        what,
        labels.note_type,
        labels.publish_internal,
    )
