"""Autotask's writes: what a create, a change and a delete do, what the server sets, what the ledger learns."""

from typing import Any

from sandbox import autotask_rules as rules
from sandbox import autotask_schema as schema
from sandbox.autotask_fields import Entity
from sandbox.autotask_rules import Invalid, server_time
from sandbox.core import Record, World

Actor = tuple[int | None, int | None]
"""The API user's resource id and the impersonated one; (None, None): a contact, in the client portal."""

FIRST_ID = 29_700_000
"""Ids given by the server start here, above everything that is seeded."""


def create(world: World, entity: Entity, given: Record, actor: Actor, contact_id: int | None = None) -> int:
    """A new record; `Invalid` if the vendor would refuse it. Nothing looks for a twin: that is the client's job.

    `contact_id`: the contact who attaches a file in the client portal.
    """
    if given.get("id") not in (None, 0):
        raise Invalid(f"The id of a new {entity.singular} is given by the server.")
    record = rules.accepted(entity, given, None)
    rules.check_references(world, entity, record, None)
    now = server_time(world.now())
    as_whom = actor[1] or actor[0]
    impersonator = actor[0] if actor[1] else None
    if entity is schema.TICKETS:
        rules.check_ticket(world, record, None)
        record |= {
            "ticketNumber": _ticket_number(world),
            "createDate": now,
            "creatorResourceID": as_whom,
            "creatorType": 1,
            "lastActivityPersonType": 1,
            "impersonatorCreatorResourceID": impersonator,
        }
        _completion(record, None, now, as_whom)
    elif entity is schema.TICKET_NOTES:
        rules.check_note(world, record)
        by_contact = record["createdByContactID"] is not None
        record |= {
            "createDateTime": now,
            "creatorResourceID": None if by_contact else as_whom,
            "impersonatorCreatorResourceID": actor[0] if by_contact else impersonator,
        }
    elif entity is schema.SECONDARY_RESOURCES:
        rules.check_secondary(world, record)
    elif entity in (schema.ATTACHMENTS, schema.NOTE_ATTACHMENTS):
        record |= {
            "fileSize": rules.check_attachment(world, record),
            "contentType": "application/octet-stream",
            "attachDate": now,
            "attachedByResourceID": as_whom,
            "attachedByContactID": contact_id,
            "impersonatorCreatorResourceID": impersonator,
        } | _place(world, entity, given)
    if "createDate" in entity.by_name:
        record["createDate"] = now
    if "lastActivityDate" in entity.by_name:
        record["lastActivityDate"] = now
    record["id"] = world.store.next_number(entity.kind, FIRST_ID)
    world.store.put(entity.kind, record["id"], record)
    _touch_ticket(world, record, now)
    world.effect(f"{_word(entity)} {_CREATED.get(entity.name, 'created')}", vendor="autotask", **facts(record))
    return int(record["id"])


def _place(world: World, entity: Entity, given: Record) -> Record:
    """What an attachment hangs on: the ticket, or a note of it."""
    if entity is schema.ATTACHMENTS:
        return {"ticketID": given["ticketID"], "parentID": given["ticketID"], "parentType": 4}
    note = world.store.get(schema.TICKET_NOTES.kind, given["ticketNoteID"]) or {"ticketID": None}
    return {"ticketID": note["ticketID"], "ticketNoteID": given["ticketNoteID"], "parentID": given["ticketNoteID"]}


def update(world: World, entity: Entity, given: Record, *, replace: bool, actor: Actor) -> int:
    """A change: PATCH touches what is sent; PUT (`replace`) sets every writable field left out to null."""
    old = world.store.get(entity.kind, given.get("id") or "")
    if old is None:
        raise Invalid(f"There is no {entity.singular} with the id {given.get('id')}.")
    if entity.child is not None and old[entity.child.key] != given[entity.child.key]:
        raise Invalid(f"The {entity.singular} {old['id']} belongs to another {entity.child.parent}.")
    if replace:
        given = {f.name: given.get(f.name) for f in entity.fields if not f.read_only} | given
    record = rules.accepted(entity, given, old)
    rules.check_references(world, entity, record, old)
    now = server_time(world.now())
    effect = f"{_word(entity)} updated"
    if entity is schema.TICKETS:
        rules.check_ticket(world, record, old)
        if _completion(record, old, now, actor[1] or actor[0]):
            effect = "ticket completed"
    elif entity is schema.TICKET_NOTES:
        rules.check_note(world, record)
    if "lastActivityDate" in entity.by_name:
        record["lastActivityDate"] = now
    changed = sorted(k for k in record if record[k] != old.get(k) and k != "lastActivityDate")
    world.store.put(entity.kind, record["id"], record)
    _touch_ticket(world, record, now)
    world.effect(effect, vendor="autotask", changed=changed, **facts(record))
    return int(record["id"])


def remove(world: World, entity: Entity, record: Record) -> None:
    """Takes a record away."""
    world.store.delete(entity.kind, record["id"])
    world.effect(f"{_word(entity)} removed", vendor="autotask", **facts(record))


def facts(record: Record) -> dict[str, Any]:
    """What identifies a record to a checker: ids, and our own keys; no texts but titles."""
    names = (
        "id",
        "ticketNumber",
        "externalID",
        "ticketID",
        "companyID",
        "title",
        "status",
        "resourceID",
        "fullPath",
        "publish",
        "createdByContactID",
        "emailAddress",
    )
    return {name: record[name] for name in names if record.get(name) is not None}


_CREATED = {
    "TicketNotes": "added",
    "TicketSecondaryResources": "added",
    "TicketAttachments": "added",
    "TicketNoteAttachments": "added",
}
_WORDS = {
    "TicketNotes": "note",
    "TicketSecondaryResources": "secondary resource",
    "TicketAttachments": "attachment",
    "TicketNoteAttachments": "note attachment",
}


def _word(entity: Entity) -> str:
    return _WORDS.get(entity.name, entity.singular.lower())


def _ticket_number(world: World) -> str:
    day = world.now().strftime("%Y%m%d")
    return f"T{day}.{world.store.next_number(f'autotask.ticketNumber.{day}', 100):04d}"


def _completion(record: Record, old: Record | None, now: str, actor: int | None) -> bool:
    """Sets or clears the completion; True if this write completed the ticket."""
    was = old is not None and old["status"] == schema.COMPLETE
    if record["status"] != schema.COMPLETE:
        record |= {"completedDate": None, "completedByResourceID": None}
        return False
    if was:
        return False
    record |= {"completedDate": now, "completedByResourceID": actor}
    return True


def _touch_ticket(world: World, child: Record, now: str) -> None:
    """A note, an attachment or a resource is an activity of its ticket, not a change of its status."""
    ticket = world.store.get(schema.TICKETS.kind, child.get("ticketID") or "")
    if ticket is not None:
        world.store.put(schema.TICKETS.kind, ticket["id"], {**ticket, "lastActivityDate": now})
