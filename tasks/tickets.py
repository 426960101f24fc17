"""The request's Autotask ticket: a note at each stage, the signed papers, the markers of used authorities."""

from datetime import UTC, datetime

from rules.order import Frozen
from rules.people import Person
from tasks.casefile import Entry
from tasks.office import office
from tasks.step import for_whom, step
from vendors.autotask import TicketNote


@step(key=lambda reference, ticket_id, stage, text, by, link, public: for_whom(f"{reference}-{ticket_id}", stage))
async def note_stage(reference: str, ticket_id: int, stage: str, text: str, by: str, link: str, public: bool) -> Entry:
    """Write a stage into the ticket, once, and return it as the case file shows it (decision 11).

    Found by its title `[reference] stage`. A repeated step takes the time of the note that stands.
    """
    autotask, labels = office().autotask, office().settings.labels
    title = f"[{reference}] {stage}"
    there = next((note for note in await autotask.notes(ticket_id) if note.title == title), None)
    now = office().clock.now()
    if there is None:
        lines = [text, *([f"On the word of: {by}"] if by else []), *([link] if link else [])]
        await autotask.add_note(
            ticket_id,
            title,
            "\n".join(lines),
            labels.note_type,
            labels.publish_all if public else labels.publish_internal,
        )
    elif there.created_at is not None:
        now = there.created_at.astimezone(UTC)
    return Entry(stage=stage, at=now, text=text, by=by, link=link)


class Attached(Frozen):
    """A file on a ticket."""

    attachment_id: int
    title: str


@step(key=lambda ticket_id, envelope_id, reference: envelope_id)
async def attach_signed_papers(ticket_id: int, envelope_id: str, reference: str) -> tuple[Attached, ...]:
    """Attach the signed agreement and its certificate to the ticket, once each, found by title (decision 11)."""
    autotask, docusign = office().autotask, office().docusign
    publish = office().settings.labels.publish_internal
    done = []
    for which, name in (("combined", "Signed agreement"), ("certificate", "Certificate of completion")):
        title = f"[{reference}] {name}"
        there = next((a for a in await autotask.attachments(ticket_id) if a.title == title), None)
        if there is not None:
            done.append(Attached(attachment_id=there.id, title=title))
            continue
        data = await docusign.document(envelope_id, "combined" if which == "combined" else "certificate")
        made = await autotask.attach(ticket_id, title, f"{reference} {name}.pdf", data, publish)
        done.append(Attached(attachment_id=made, title=title))
    return tuple(done)


MARKER = "Countersign authority"


def marker_prefix(authority_id: str) -> str:
    """How the title of every marker of this authority begins, on whichever ticket (decision 1)."""
    return f"{MARKER} {authority_id} "


async def markers_of(authority_id: str) -> list[TicketNote]:
    """Every marker of an authority, the first one written first. What a customer's contact writes is none."""
    notes = await office().autotask.notes_titled(marker_prefix(authority_id))
    return sorted((note for note in notes if note.created_by_contact_id is None), key=lambda note: note.id)


async def markers_for(ticket_id: int, reference: str) -> list[TicketNote]:
    """The markers on a ticket by which this reference used an authority, oldest first."""
    return [
        note
        for note in await office().autotask.notes_titled(f"{MARKER} ", ticket_id)
        if note.created_by_contact_id is None and f" used for {reference}:" in note.title
    ]


async def add_marker(ticket_id: int, authority_id: str, used_for: str, text: str) -> int:
    """Record outside Prefect, before the write, what an authority is used for."""
    labels = office().settings.labels
    return await office().autotask.add_note(
        ticket_id, marker_prefix(authority_id) + f"used for {used_for}", text, labels.note_type, labels.publish_internal
    )


@step(key=lambda reference, ticket_id, authority_id, used_for, text: authority_id)
async def mark_kept(reference: str, ticket_id: int, authority_id: str, used_for: str, text: str) -> int:
    """Mark an agreement as used for what a bridge bought already, so that it buys nothing more (I1)."""
    mine = [n for n in await markers_of(authority_id) if f" used for {reference}:" in n.title]
    return mine[0].id if mine else await add_marker(ticket_id, authority_id, f"{reference}: {used_for}"[:120], text)


@step(key=lambda ticket_id, assignee, occasion: occasion)
async def assign_ticket(ticket_id: int, assignee: Person, occasion: str) -> int:
    """Give a ticket to a colleague, in the role in which they hold tickets. Naturally repeatable.

    Raises Autotask's `Refused` for a colleague who can't hold tickets; nothing was changed then.
    """
    autotask = office().autotask
    resource = await autotask.resource_by_email(assignee.email)
    if resource is not None:
        role = await autotask.service_desk_role(resource.id)
        await autotask.update_ticket(ticket_id, assigned_resource_id=resource.id, assigned_role_id=role)
    return ticket_id


@step(key=lambda ticket_id, resolution: f"complete-{ticket_id}")
async def complete_ticket(ticket_id: int, resolution: str) -> int:
    """Set the ticket to complete, with what was done. Only when no follow-up is open (decision 11)."""
    autotask, labels = office().autotask, office().settings.labels
    ticket = await autotask.ticket(ticket_id)
    if ticket.status != await autotask.picklist_id("Tickets", "status", labels.status_complete):
        await autotask.update_ticket(ticket_id, status=labels.status_complete, resolution=resolution)
    return ticket_id


@step(key=lambda key, company_id, title, description, assignee, due_days, top: key)
async def open_ticket(
    key: str, company_id: int, title: str, description: str, assignee: Person, due_days: int, top: bool
) -> int:
    """Open a ticket for a named person, once: found by its external id (autotask.md §8)."""
    due_at = office().settings.calendar.business_moment_after(office().clock.now(), due_days)
    return await find_or_open(key, company_id, title, description, assignee, due_at, top)


@step(key=lambda key, company_id, title, description, assignee, second, due_at: key)
async def open_reminder(
    key: str, company_id: int, title: str, description: str, assignee: Person, second: Person, due_at: datetime
) -> int:
    """Open a bridge's reminder, once, with the requester and another senior person as its resources (B4)."""
    ticket_id = await find_or_open(key, company_id, title, description, assignee, due_at, top=False)
    beside = await office().autotask.resource_by_email(second.email)
    role = await office().autotask.service_desk_role(beside.id) if beside is not None else None
    if beside is not None and role is not None:
        await office().autotask.add_secondary_resource(ticket_id, beside.id, role)
    return ticket_id


async def find_or_open(
    key: str, company_id: int, title: str, description: str, assignee: Person, due_at: datetime, top: bool
) -> int:
    """The ticket with that external id, made if there is none."""
    autotask, settings = office().autotask, office().settings
    there = await autotask.ticket_by_external_id(key)
    if there is not None:
        return there.id
    resource = await autotask.resource_by_email(assignee.email)
    role = await autotask.service_desk_role(resource.id) if resource is not None else None
    return await autotask.create_ticket(
        company_id=company_id,
        title=title[:255],
        description=description[:8000],
        status="New",
        priority=settings.labels.priority_top if top else settings.labels.priority_normal,
        queue=settings.labels.queue,
        external_id=key,
        due_at=due_at,
        assigned_resource_id=resource.id if resource is not None and role is not None else None,
        assigned_role_id=role,
    )
