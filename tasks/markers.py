"""Marks on the tickets by which an authority is used once, whichever procedure comes with it (decision 1, I1)."""

from rules.written import OnTicket
from tasks.office import office
from tasks.tickets import MARKER, marker_prefix, markers_of
from vendors.autotask import TicketNote

USED, FREE = "used for", "not used"


class AuthorityUsed(Exception):
    """The evidence has bought something already. Says what; nothing was ordered (decision 1)."""


async def holder(authority_id: str, reference: str) -> TicketNote | None:
    """The marker by which this procedure holds the authority; None: it is free. Raises `AuthorityUsed`.

    The first marker that wasn't freed holds it; of two procedures at the same moment the later one loses.
    """
    first = await first_holder(authority_id)
    if first is None or f"{USED} {reference}:" in first.title:
        return first
    raise AuthorityUsed(
        f"{authority_id} has been {first.title.removeprefix(marker_prefix(authority_id))} already (I1)."
    )


async def used_by_another(authority_id: str, reference: str) -> str:
    """What an authority was used for by another reference; empty when it is free, or this reference's own (I1)."""
    first = await first_holder(authority_id)
    if first is None or f"{USED} {reference}:" in first.title:
        return ""
    return first.title.removeprefix(marker_prefix(authority_id))


async def first_holder(authority_id: str) -> TicketNote | None:
    """The first marker of an authority that wasn't freed, whoever holds it by it."""
    held: list[TicketNote] = []
    for note in await markers_of(authority_id):
        rest = note.title.removeprefix(marker_prefix(authority_id))
        if rest.startswith(FREE):
            held = [one for one in held if f"{USED} {reference_in(rest)}:" not in one.title]
        elif rest.startswith(USED):
            held.append(note)
    return held[0] if held else None


def authority_in(marker: TicketNote) -> str:
    """The authority that a marker marks."""
    return marker.title.removeprefix(f"{MARKER} ").partition(" ")[0]


def reference_in(rest: str) -> str:
    """Whose marker a "not used" takes back: `not used by CS-…: why`."""
    return rest.removeprefix(f"{FREE} by ").partition(":")[0]


async def free(request: OnTicket, authority_id: str, why: str) -> None:
    """Record that the authority was not used after all: Pax8 refused for certain, or a person saw no order."""
    labels = office().settings.labels
    await office().autotask.add_note(
        request.ticket_id,
        f"{marker_prefix(authority_id)}{FREE} by {request.reference}: {why}"[:250],
        why,
        labels.note_type,
        labels.publish_internal,
    )
