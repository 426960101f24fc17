"""Signed in time, or not: the one decision about a bridge, written down where both of its runs see it (I4, B7).

The bridge's own run and the deadline's run read DocuSign each for itself. Whichever comes first writes its finding
on the reminder ticket; the other keeps to it. Of two at the same moment the earlier note counts.
"""

from enum import StrEnum

from tasks.office import office
from tasks.step import step

TITLE = "Countersign decision"


class Verdict(StrEnum):
    """What DocuSign said first."""

    SIGNED = "signed in time"
    UNSIGNED = "unsigned at the cut-off"


async def verdict_of(reference: str, reminder_id: int) -> Verdict | None:
    """The decision that stands; None while there is none. One that was taken back counts as never made."""
    prefix = f"{TITLE} {reference}: "
    notes = await office().autotask.notes_titled(prefix, reminder_id)
    standing: list[Verdict] = []
    for note in sorted(notes, key=lambda note: note.id):
        if note.created_by_contact_id is not None:
            continue
        said = note.title.removeprefix(prefix)
        if said == f"not {Verdict.UNSIGNED.value}":
            standing = [one for one in standing if one is not Verdict.UNSIGNED]
        else:
            standing += [one for one in Verdict if one.value == said]
    return standing[0] if standing else None


@step(key=lambda reference, reminder_id, verdict, why, look: f"{reference}-{verdict}-{look}")
async def decide(reference: str, reminder_id: int, verdict: Verdict, why: str, look: str = "") -> Verdict:
    """Write a decision down unless there is one, and return the one that stands."""
    standing = await verdict_of(reference, reminder_id)
    if standing is None:
        await note(reference, reminder_id, verdict.value, why)
        standing = await verdict_of(reference, reminder_id)
    return standing or verdict


@step(key=lambda reference, reminder_id, why: reference)
async def take_back_unsigned(reference: str, reminder_id: int, why: str) -> Verdict | None:
    """DocuSign says signed before anything was cancelled: the finding "unsigned" no longer counts."""
    if await verdict_of(reference, reminder_id) is Verdict.UNSIGNED:
        await note(reference, reminder_id, f"not {Verdict.UNSIGNED.value}", why)
    return await verdict_of(reference, reminder_id)


async def note(reference: str, reminder_id: int, said: str, why: str) -> None:
    labels = office().settings.labels
    await office().autotask.add_note(
        reminder_id, f"{TITLE} {reference}: {said}", why, labels.note_type, labels.publish_internal
    )
