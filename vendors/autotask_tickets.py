"""Autotask's tickets: created, changed and found by our key, with their notes, files and second resources."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vendors.autotask_http import AutotaskHttp, Json, begins_with, eq, refusal
from vendors.autotask_models import NoteAttachment, SecondaryResource, Ticket, TicketAttachment, TicketNote
from vendors.http import Refused

_LARGEST_FILE = 7_000_000  # bytes; Autotask allows 6 to 7 MB (autotask.md §6.5)
_TICKET_PICKLISTS = {
    "status": "status",
    "priority": "priority",
    "queue": "queueID",
    "source": "source",
    "ticket_type": "ticketType",
    "category": "ticketCategory",
    "issue_type": "issueType",
    "sub_issue_type": "subIssueType",
}
_TICKET_FIELDS = {
    "company_id": "companyID",
    "title": "title",
    "description": "description",
    "resolution": "resolution",
    "external_id": "externalID",
    "due_at": "dueDateTime",
    "contact_id": "contactID",
    "assigned_resource_id": "assignedResourceID",
    "assigned_role_id": "assignedResourceRoleID",
    "purchase_order_number": "purchaseOrderNumber",
}


class Tickets:
    """The part of the Autotask client that reads and writes tickets (autotask.md §6.1 to §6.5)."""

    _at: AutotaskHttp

    async def ticket(self, ticket_id: int) -> Ticket:
        """Return a ticket by its id (not its number)."""
        return Ticket.model_validate(await self._at.item("Tickets", ticket_id))

    async def ticket_by_number(self, number: str) -> Ticket | None:
        """Return the ticket with the number that people use, such as T20261124.0001."""
        return await self._the_ticket("ticketNumber", number.strip())

    async def ticket_by_external_id(self, key: str) -> Ticket | None:
        """Return the ticket that carries our key; several are `Refused`, because a person must look."""
        return await self._the_ticket("externalID", key)

    async def tickets_with_key(self, prefix: str, not_status: str | int) -> list[Ticket]:
        """Return the tickets whose key of ours begins so, but for those of one status; a call for 500."""
        status = await self._at.picklist_id("Tickets", "status", not_status)
        other = {"op": "noteq", "field": "status", "value": status}
        found = await self._at.query("Tickets", begins_with("externalID", prefix), other)
        return [Ticket.model_validate(record) for record in found]

    async def create_ticket(
        self,
        *,
        company_id: int,
        title: str,
        status: str | int,
        priority: str | int,
        external_id: str,
        description: str = "",
        queue: str | int | None = None,
        due_at: datetime | None = None,
        contact_id: int | None = None,
        assigned_resource_id: int | None = None,
        assigned_role_id: int | None = None,
        **more: Any,
    ) -> int:
        """Create a ticket and return its id (autotask.md §6.1).

        `external_id` is our key of at most 50 characters; resource and role go together or not at all;
        `due_at` is aware. `more`: any other name that `update_ticket` takes.
        """
        if (assigned_resource_id is None) != (assigned_role_id is None):
            raise refusal("a ticket's assigned resource and role are set both or neither")
        given = {
            "company_id": company_id,
            "title": title,
            "status": status,
            "priority": priority,
            "external_id": external_id,
            "description": description,
            "queue": queue,
            "due_at": due_at,
            "contact_id": contact_id,
            "assigned_resource_id": assigned_resource_id,
            "assigned_role_id": assigned_role_id,
            **more,
        }
        wanted = {name: value for name, value in given.items() if value is not None and value != ""}
        return await self._at.create("Tickets", await self._ticket_body(wanted))

    async def update_ticket(self, ticket_id: int, **changed: Any) -> None:
        """Change only the named fields of a ticket; None clears one.

        Picklists, by label or id: `status`, `priority`, `queue`, `source`, `ticket_type`, `category`,
        `issue_type`, `sub_issue_type`. Others: `title`, `description`, `resolution`, `external_id`, `due_at`
        (aware), `contact_id`, `assigned_resource_id`, `assigned_role_id`, `purchase_order_number`, `udf`
        (name → value). Any other name is a TypeError.

        Sharp edge: never give back a description that was read; that destroys its formatting.
        """
        await self._at.patch("Tickets", ticket_id, await self._ticket_body(changed))

    async def picklist(self, entity: str, field: str) -> dict[str, int]:
        """Return label → id of a picklist's active values, e.g. `picklist("Tickets", "status")`."""
        return {value.label: value.value for value in await self._at.picklist(entity, field) if value.active}

    async def picklist_id(self, entity: str, field: str, label: str | int) -> int:
        """Return the id of an active label; a missing or inactive label is `Refused` by name."""
        return await self._at.picklist_id(entity, field, label)

    # A ticket's children: written through the ticket, queried at their own root (autotask.md §1.4)

    async def notes(self, ticket_id: int) -> list[TicketNote]:
        """Return a ticket's notes, oldest first."""
        found = await self._at.query("TicketNotes", eq("ticketID", ticket_id))
        return [TicketNote.model_validate(record) for record in found]

    async def notes_titled(self, prefix: str, ticket_id: int | None = None) -> list[TicketNote]:
        """Return the notes, on whichever ticket, whose title begins with `prefix` (case counts)."""
        where = [begins_with("title", prefix)]
        if ticket_id is not None:
            where.append(eq("ticketID", ticket_id))
        notes = [TicketNote.model_validate(record) for record in await self._at.query("TicketNotes", *where)]
        return [note for note in notes if note.title.startswith(prefix)]

    async def add_note(
        self, ticket_id: int, title: str, description: str, note_type: str | int, publish: str | int
    ) -> int:
        """Add a note and return its id; plain text, title up to 250 and text up to 32,000 characters (§6.2)."""
        body = {
            "ticketID": ticket_id,
            "title": title,
            "description": description,
            "noteType": await self._at.picklist_id("TicketNotes", "noteType", note_type),
            "publish": await self._at.picklist_id("TicketNotes", "publish", publish),
        }
        return await self._at.create(f"Tickets/{ticket_id}/Notes", body)

    async def attachments(self, ticket_id: int) -> list[TicketAttachment]:
        """Return what files a ticket has, without their content; not those of its notes."""
        found = await self._at.query("TicketAttachments", eq("parentID", ticket_id))
        return [TicketAttachment.model_validate(record) for record in found]

    async def attachment_content(self, ticket_id: int, attachment_id: int) -> bytes:
        """Return the bytes of a ticket's file; `NotFound` for a file of another ticket (§6.5)."""
        path = f"Tickets/{ticket_id}/Attachments/{attachment_id}"
        return await self._at.attachment_data(path, "TicketAttachments", ("parentID", "ticketID"), ticket_id)

    async def note_attachments(self, note_id: int) -> list[NoteAttachment]:
        """Return what files one note has, without their content; a call for each note (§6.5)."""
        found = await self._at.children(f"TicketNotes/{note_id}/Attachments")
        return [NoteAttachment.model_validate(record) for record in found]

    async def note_attachment_content(self, note_id: int, attachment_id: int) -> bytes:
        """Return the bytes of a note's file; `NotFound` for a file of another note (§6.5)."""
        path = f"TicketNotes/{note_id}/Attachments/{attachment_id}"
        return await self._at.attachment_data(path, "TicketNoteAttachments", ("ticketNoteID", "parentID"), note_id)

    async def attach(self, ticket_id: int, title: str, file_name: str, data: bytes, publish: str | int) -> int:
        """Attach a file to a ticket and return the attachment's id; larger than 7 MB is refused unsent (§6.5)."""
        if len(data) > _LARGEST_FILE:
            raise refusal(f"{file_name} has {len(data):,} bytes, Autotask takes {_LARGEST_FILE:,} at most")
        body = {
            "id": 0,
            "attachmentType": "FILE_ATTACHMENT",
            "title": title,
            "fullPath": file_name,
            "publish": await self._at.picklist_id("TicketAttachments", "publish", publish),
            "data": base64.b64encode(data).decode("ascii"),
        }
        return await self._at.create(f"Tickets/{ticket_id}/Attachments", body)

    async def secondary_resources(self, ticket_id: int) -> list[SecondaryResource]:
        """Return who stands beside the ticket's primary resource."""
        found = await self._at.query("TicketSecondaryResources", eq("ticketID", ticket_id))
        return [SecondaryResource.model_validate(record) for record in found]

    async def add_secondary_resource(self, ticket_id: int, resource_id: int, role_id: int) -> int:
        """Put a second person on a ticket and return the entry's id; already there counts as done (§6.3)."""
        body = {"ticketID": ticket_id, "resourceID": resource_id, "roleID": role_id}
        try:
            return await self._at.create(f"Tickets/{ticket_id}/SecondaryResources", body)
        except Refused:
            for there in await self.secondary_resources(ticket_id):
                if there.resource_id == resource_id:
                    return there.id
            raise

    async def _the_ticket(self, field: str, value: str) -> Ticket | None:
        if not value:
            return None
        found = [Ticket.model_validate(record) for record in await self._at.query("Tickets", eq(field, value))]
        exact = [t for t in found if (t.number if field == "ticketNumber" else t.external_id) == value]
        if len(exact) > 1:
            numbers = ", ".join(ticket.number or str(ticket.id) for ticket in exact)
            raise refusal(f"{len(exact)} tickets have the {field} {value!r}: {numbers}. A person must look")
        return exact[0] if exact else None

    async def _ticket_body(self, given: Mapping[str, Any]) -> Json:
        unknown = given.keys() - _TICKET_PICKLISTS.keys() - _TICKET_FIELDS.keys() - {"udf"}
        if unknown:
            raise TypeError(f"tickets have no field named {', '.join(sorted(unknown))}")
        if len(given.get("external_id") or "") > 50:
            raise refusal("a ticket's external id has at most 50 characters (autotask.md §6.1)")
        body: Json = {}
        for name, value in given.items():
            if name == "udf":
                body["userDefinedFields"] = [{"name": k, "value": v} for k, v in value.items()]
            elif name in _TICKET_FIELDS:
                body[_TICKET_FIELDS[name]] = _as_utc_text(value) if isinstance(value, datetime) else value
            elif value is None:
                body[_TICKET_PICKLISTS[name]] = None
            else:
                field = _TICKET_PICKLISTS[name]
                body[field] = await self._at.picklist_id("Tickets", field, value)
        return body


def _as_utc_text(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a time without a zone can't be given to Autotask")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
