"""Playing the people in Autotask: a customer's contact in the client portal, and our own in the service desk."""

import base64
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import autotask_schema as schema
from sandbox.autotask_fields import Entity
from sandbox.autotask_rules import Invalid
from sandbox.autotask_write import create
from sandbox.control_mails import mail_named
from sandbox.core import Record, Refusal, World, json_body, new_id, unknown_names
from sandbox.graph_mime import mime_source

_WHO = ("email", "resource", "ticketNumber")
_NOTE = (*_WHO, "description", "publish", "title")
_FILE = (*_WHO, "data", "eml", "fileName", "mail", "noteId", "publish", "title")
_EML = ("date", "from", "headers", "html", "message_id", "subject", "text", "to")


def control(world: World) -> list[BaseRoute]:
    """What people do in Autotask, below `/_sandbox`. Who: `email` of the customer's contact, or `resource`, the
    e-mail of one of ours. Nobody impersonates: that is how theirs differs from what the API writes in a name.

    `POST autotask/notes {"ticketNumber", who, "title", "description", "publish"?}`: a note; a contact's is for all,
    one of ours internal unless told.
    `POST autotask/attachments {"ticketNumber", who, "title"?, "fileName"?, "noteId"?, "publish"?}` with one of
    `data` (base64), `mail` (id, key or Internet message id of a mail of the shared mailbox: its source), or
    `eml {"from", "to"?, "subject"?, "text" or "html", "date"?, "message_id"?, "headers"?}`: a file on the ticket, or
    on a note of it.
    """
    table: tuple[tuple[str, Callable[[World, Record], int], tuple[str, ...]], ...] = (
        ("/autotask/notes", _note, _NOTE),
        ("/autotask/attachments", _attachment, _FILE),
    )
    return [Route(path, _answered(world, act, known), methods=["POST"]) for path, act, known in table]


def _answered(
    world: World, act: Callable[[World, Record], int], known: tuple[str, ...]
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        wanted = await json_body(request)
        try:
            return JSONResponse({"itemId": act(world, _known(wanted, known))})
        except (Invalid, ValueError) as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
        except KeyError as missing:
            return JSONResponse({"error": f"{missing.args[0]} is missing"}, 400)

    return answer


def _note(world: World, wanted: Record) -> int:
    ticket = _ticket(world, wanted)
    resource_id, contact_id = _who(world, ticket, wanted)
    given = {
        "ticketID": ticket["id"],
        "title": wanted["title"],
        "description": wanted["description"],
        "noteType": 3,
        "publish": wanted.get("publish", schema.PUBLISH_ALL if contact_id else 2),
        "createdByContactID": contact_id,
    }
    return create(world, schema.TICKET_NOTES, given, (resource_id, None))


def _attachment(world: World, wanted: Record) -> int:
    ticket = _ticket(world, wanted)
    resource_id, contact_id = _who(world, ticket, wanted)
    content = _content(world, wanted)
    name = str(wanted.get("fileName", "message.eml"))
    given = {
        "attachmentType": "FILE_ATTACHMENT",
        "title": wanted.get("title", name),
        "fullPath": name,
        "publish": wanted.get("publish", schema.PUBLISH_ALL),
        "data": base64.b64encode(content).decode(),
    }
    if "noteId" not in wanted:
        given["ticketID"] = ticket["id"]
        return create(world, schema.ATTACHMENTS, given, (resource_id, None), contact_id)
    note = _first(world, schema.TICKET_NOTES, lambda n: (n["id"], n["ticketID"]) == (wanted["noteId"], ticket["id"]))
    given["ticketNoteID"] = note["id"]
    return create(world, schema.NOTE_ATTACHMENTS, given, (resource_id, None), contact_id)


def _content(world: World, wanted: Record) -> bytes:
    if len({"data", "mail", "eml"} & set(wanted)) != 1:
        raise ValueError("give one of data, mail and eml")
    if "data" in wanted:
        return base64.b64decode(str(wanted["data"]), validate=True)
    if "mail" in wanted:
        return mime_source(mail_named(world, str(wanted["mail"])))
    return _eml(world, _known(wanted["eml"], _EML))


def _eml(world: World, told: Record) -> bytes:
    """A message as a mail program saves it."""
    sender = str(told["from"])
    sent = datetime.fromisoformat(str(told["date"])) if "date" in told else world.now()
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = str(told.get("to", ""))
    mail["Subject"] = str(told.get("subject", ""))
    mail["Date"] = format_datetime(sent)
    mail["Message-ID"] = str(told.get("message_id") or f"<{new_id()}@{sender.partition('@')[2].strip('>')}>")
    for name, value in dict(told.get("headers") or {}).items():
        mail[name] = str(value)
    mail.set_content(str(told.get("text", "")))
    if "html" in told:
        mail.add_alternative(str(told["html"]), subtype="html")
    return mail.as_bytes()


def _ticket(world: World, wanted: Record) -> Record:
    return _first(world, schema.TICKETS, lambda t: t["ticketNumber"] == wanted["ticketNumber"])


def _who(world: World, ticket: Record, wanted: Record) -> tuple[int | None, int | None]:
    """Ids of one of ours and of the customer's contact; one of them None."""
    if ("email" in wanted) == ("resource" in wanted):
        raise ValueError("give email, of the customer's contact, or resource, the e-mail of one of ours")
    if "resource" in wanted:
        ours = _first(world, schema.RESOURCES, lambda r: r["email"].lower() == str(wanted["resource"]).lower())
        return int(ours["id"]), None
    address, company = str(wanted["email"]).lower(), ticket["companyID"]
    contact = _first(
        world,
        schema.CONTACTS,
        lambda c: str(c["emailAddress"]).lower() == address and c["companyID"] == company,
    )
    return None, int(contact["id"])


def _known(given: Any, known: tuple[str, ...]) -> Record:
    if not isinstance(given, dict):
        raise ValueError("a JSON object is expected")
    strangers = unknown_names(given, known)
    if strangers:
        raise ValueError(f"unknown: {', '.join(strangers)}; known: {', '.join(known)}")
    return given


def _first(world: World, entity: Entity, fits: Callable[[Record], bool]) -> Record:
    for record in world.store.all(entity.kind):
        if fits(record):
            return record
    raise Refusal(JSONResponse({"error": f"no such {entity.singular}"}, 404))
