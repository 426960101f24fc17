"""What Autotask accepts: types, lengths, picklists, references, and the rules of tickets and their children."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any

from sandbox import autotask_schema as schema
from sandbox.autotask_fields import Entity, Field
from sandbox.core import Record, World

LARGEST_FILE = 6 * 1024 * 1024
MOST_BYTES = 10_000_000
BYTES_WINDOW = timedelta(minutes=5)
FILE_TYPES = {
    ".pdf",
    ".eml",
    ".txt",
    ".html",
    ".png",
    ".jpg",
    ".docx",
    ".xlsx",
    ".csv",
    ".zip",
    ".msg",
    ".md",
}
MOST_SECONDARY = 50


class Invalid(Exception):
    """What the vendor refuses, as the texts of its `errors` array (HTTP 500, autotask.md §1.6)."""

    def __init__(self, *errors: str) -> None:
        super().__init__("; ".join(errors))
        self.errors = list(errors)


def client_time(value: str) -> str:
    """A time as given by a client, kept as UTC without a zone (answers mix both spellings, autotask.md §13.8)."""
    parsed = datetime.fromisoformat(value.replace("Z", "+00:00"))
    aware = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    return aware.strftime("%Y-%m-%dT%H:%M:%S")


def server_time(moment: datetime) -> str:
    """A time set by the server: milliseconds and Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _typed(entity: Entity, f: Field, value: Any) -> Any:
    """The value as the field's type, or `Invalid` in the vendor's manner."""
    if value is None:
        return None
    match f.kind:
        case "integer":
            if isinstance(value, bool) or not isinstance(value, int):
                try:
                    value = int(str(value))
                except ValueError as error:
                    text = f"Conversion failed when converting the varchar value '{value}' to data type int."
                    raise Invalid(text) from error
        case "double":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise Invalid(f"The field {f.name} of the {entity.singular} must be a number.")
        case "boolean":
            if not isinstance(value, bool):
                raise Invalid(f"The field {f.name} of the {entity.singular} must be true or false.")
        case "datetime":
            try:
                value = client_time(str(value))
            except ValueError as error:
                raise Invalid(f"The field {f.name} of the {entity.singular} is not a date: {value}.") from error
        case _:
            if not isinstance(value, str):
                raise Invalid(f"The field {f.name} of the {entity.singular} must be text.")
            if f.length and len(value) > f.length:
                raise Invalid(f"The string value of the field {f.name} exceeds the maximum length of {f.length}.")
    return value


def _check_choice(f: Field, record: Record) -> None:
    value = record.get(f.name)
    if not f.choices or value is None:
        return
    choice = next((c for c in f.choices if c.value == value and c.active), None)
    if choice is None:
        raise Invalid(f"Value {value} of the field {f.name} does not exist for the required picklist.")
    if choice.parent is not None and record.get(f.parent_field or "") != choice.parent:
        raise Invalid(f"Value {value} of the field {f.name} does not belong to its {f.parent_field}.")


def accepted(entity: Entity, given: Record, old: Record | None) -> Record:
    """The whole record after a create (`old` None) or a change, types, lengths, picklists and required checked."""
    errors: list[str] = []
    faulty: set[str] = set()
    record: Record = dict(old) if old else {f.name: None for f in entity.fields}
    if entity.udfs and not old:
        record["userDefinedFields"] = [{"name": name, "value": None} for name in entity.udfs]
    for name, value in given.items():
        if name == "userDefinedFields" and entity.udfs:
            record["userDefinedFields"] = _udfs(entity, record["userDefinedFields"], value)
            continue
        f = entity.by_name.get(name)
        if f is None:
            errors.append(f"Unable to find {name} in the {entity.singular} Entity.")
        elif name == "id":
            continue
        elif f.read_only:
            if value != (old or {}).get(name):
                errors.append(f"The field {name} of the {entity.singular} is read-only.")
        else:
            try:
                record[name] = _typed(entity, f, value)
            except Invalid as invalid:
                errors.extend(invalid.errors)
                faulty.add(name)
    errors.extend(
        f"Missing required field: {f.name}."
        for f in entity.fields
        if f.required and f.name not in faulty and record.get(f.name) in (None, "")
    )
    if errors:
        raise Invalid(*errors)
    for f in entity.fields:
        _check_choice(f, record)
    return record


def _udfs(entity: Entity, held: list[Record], given: Any) -> list[Record]:
    if not isinstance(given, list):
        raise Invalid("userDefinedFields must be an array of name and value.")
    values = {u["name"]: u["value"] for u in held}
    for one in given:
        if not isinstance(one, dict) or set(one) != {"name", "value"} or one["name"] not in entity.udfs:
            raise Invalid(f"Unknown user-defined field of the {entity.singular}: {one}.")
        values[one["name"]] = one["value"]
    return [{"name": name, "value": value} for name, value in values.items()]


def check_references(world: World, entity: Entity, record: Record, old: Record | None) -> None:
    """Every changed reference must exist."""
    for f in entity.fields:
        value = record.get(f.name)
        if f.reference is None or value is None or (old and old.get(f.name) == value):
            continue
        if world.store.get(schema.BY_SINGULAR[f.reference].kind, value) is None:
            raise Invalid(f"Reference value {value} of the field {f.name} does not exist.")


def _check_pair(world: World, resource_id: int, role_id: int, what: str) -> None:
    """A resource and a role must be an active pair of the service desk, and the resource active."""
    resource = world.store.get(schema.RESOURCES.kind, resource_id)
    if resource is None or not resource["isActive"]:
        raise Invalid(f"The {what} {resource_id} is inactive or does not exist.")
    if not any(
        pair["resourceID"] == resource_id and pair["roleID"] == role_id and pair["isActive"]
        for pair in world.store.all(schema.SERVICE_DESK_ROLES.kind)
    ):
        raise Invalid(f"The role {role_id} is not a valid role of the {what} {resource_id}.")


def check_ticket(world: World, ticket: Record, old: Record | None) -> None:
    """The rules of tickets (autotask.md §6.1)."""
    resource, role = ticket["assignedResourceID"], ticket["assignedResourceRoleID"]
    if (resource is None) is not (role is None):
        raise Invalid("assignedResourceID and assignedResourceRoleID must be set together.")
    if resource is None and ticket["queueID"] is None:
        raise Invalid("A ticket needs a queueID or an assigned resource.")
    changed = old is None or (resource, role) != (old["assignedResourceID"], old["assignedResourceRoleID"])
    if resource is not None and changed:
        _check_pair(world, resource, role, "assigned resource")
        if old is not None and any(s["resourceID"] == resource for s in secondaries(world, old["id"])):
            raise Invalid("A secondary resource cannot become the primary resource.")
    if ticket["contactID"] is not None:
        contact = world.store.get(schema.CONTACTS.kind, ticket["contactID"])
        if contact is None or contact["companyID"] != ticket["companyID"]:
            raise Invalid(f"The contact {ticket['contactID']} does not belong to the ticket's company.")


def secondaries(world: World, ticket_id: int) -> list[Record]:
    """The ticket's secondary resources."""
    return [s for s in world.store.all(schema.SECONDARY_RESOURCES.kind) if s["ticketID"] == ticket_id]


def check_secondary(world: World, wanted: Record) -> None:
    """The rules of secondary resources (autotask.md §6.3)."""
    _check_pair(world, wanted["resourceID"], wanted["roleID"], "secondary resource")
    present = secondaries(world, wanted["ticketID"])
    if any(s["resourceID"] == wanted["resourceID"] for s in present):
        raise Invalid(f"The resource {wanted['resourceID']} is already a secondary resource of this ticket.")
    ticket = world.store.get(schema.TICKETS.kind, wanted["ticketID"]) or {}
    if ticket.get("assignedResourceID") == wanted["resourceID"]:
        raise Invalid("The primary resource of a ticket cannot be its secondary resource.")
    if len(present) >= MOST_SECONDARY:
        raise Invalid(f"A ticket may have at most {MOST_SECONDARY} secondary resources.")


def check_note(world: World, note: Record) -> None:
    """The rules of notes: a contact's note is for all, and the contact is one of the ticket's company."""
    if note["createdByContactID"] is None:
        return
    if note["publish"] != schema.PUBLISH_ALL:
        raise Invalid("A note created by a contact must be published to all Autotask users.")
    ticket = world.store.get(schema.TICKETS.kind, note["ticketID"]) or {}
    contact = world.store.get(schema.CONTACTS.kind, note["createdByContactID"])
    if contact is None or contact["companyID"] != ticket.get("companyID"):
        raise Invalid("The contact who creates the note must belong to the ticket's company.")


def check_attachment(world: World, attachment: Record) -> int:
    """The rules of attachments: type, base64, size, bytes in five minutes (§6.5); returns the file's size."""
    if attachment["attachmentType"] != "FILE_ATTACHMENT":
        raise Invalid(f"attachmentType {attachment['attachmentType']} is not supported here.")
    if PurePath(attachment["fullPath"]).suffix.lower() not in FILE_TYPES:
        raise Invalid(f"The file type of {attachment['fullPath']} is not allowed.")
    try:
        size = len(base64.b64decode(attachment["data"], validate=True))
    except (binascii.Error, ValueError) as error:
        raise Invalid("The attachment's data is not valid base64.") from error
    if size > LARGEST_FILE:
        raise Invalid(f"The attachment exceeds the maximum size of {LARGEST_FILE} bytes.")
    since = world.now() - BYTES_WINDOW
    lately = sum(
        a["fileSize"]
        for entity in (schema.ATTACHMENTS, schema.NOTE_ATTACHMENTS)
        for a in world.store.all(entity.kind)
        if datetime.fromisoformat(a["attachDate"].replace("Z", "+00:00")) > since
    )
    if lately + size > MOST_BYTES:
        raise Invalid(f"More than {MOST_BYTES} bytes of attachments in 5 minutes: try again later.")
    return size
