"""What clients do with messages: list and filter, draft, send, reply, move, read the source (graph.md §4)."""

import base64
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, World
from sandbox.graph_answers import (
    Parameters,
    at,
    collection,
    preferences,
    recipient,
    refuse,
)
from sandbox.graph_delivery import quoting
from sandbox.graph_finding import read_expand
from sandbox.graph_folders import MESSAGES, find_folder, folder_path, well_known_id
from sandbox.graph_messages import (
    ORDINARY,
    keep,
    key_facts,
    new_message,
    note_change,
    renew_ordinary_id,
    shown,
    shown_attachment,
)
from sandbox.graph_mime import mime_source
from sandbox.graph_written import read_attachment, written
from sandbox.world import SEED


def show_message(message: Record, request: Request) -> Response:
    """One message."""
    parameters = Parameters(request, ("$select", "$expand"))
    told = shown(message, preferences(request), parameters.names("$select"), read_expand(parameters))
    return JSONResponse(told)


def show_source(message: Record) -> Response:
    """The MIME source."""
    return Response(mime_source(message), media_type="text/plain")


def create_draft(world: World, request: Request, folder_id: str, body: Any) -> Response:
    """201 with the draft."""
    message = keep(world, written(world, new_message(world, folder_id), body))
    world.effect("mail drafted", vendor="graph", **key_facts(message))
    return JSONResponse(shown(message, preferences(request), []), 201)


def change_message(world: World, request: Request, message: Record, body: Any) -> Response:
    """PATCH."""
    changed = keep(world, written(world, message, body))
    world.effect("mail changed", vendor="graph", changed=sorted(body), **key_facts(changed))
    return JSONResponse(shown(changed, preferences(request), []))


def delete_message(world: World, message: Record) -> Response:
    """DELETE puts a message into Deleted Items."""
    _put_into(world, message, well_known_id("deleteditems"))
    world.effect("mail deleted", vendor="graph", **key_facts(message))
    return Response(status_code=204)


def _put_into(world: World, message: Record, folder_id: str) -> Record:
    """A move is copy and delete: the ordinary id changes, the immutable one stays (graph.md §4.4)."""
    note_change(world, message["parentFolderId"], message["id"], removed=True)
    renew_ordinary_id(world, message)
    return keep(world, message | {"parentFolderId": folder_id, "lastModifiedDateTime": at(world.now())})


def move_message(world: World, request: Request, message: Record, body: Any) -> Response:
    """201 with the message in its new folder."""
    if not isinstance(body, dict) or set(body) != {"destinationId"}:
        raise refuse(400, "A move has destinationId.", "RequestBodyRead")
    target = find_folder(world, str(body["destinationId"]))
    moved = _put_into(world, dict(message), target["id"])
    told = key_facts(moved)
    world.effect("message moved", vendor="graph", folder=folder_path(world, target["id"]), **told)
    return JSONResponse(shown(moved, preferences(request), []), 201)


def send_draft(world: World, message: Record, body: Any) -> Response:
    """202: the draft is gone, its copy appears in Sent Items, by its immutable id the same thing."""
    if body not in (None, {}):
        raise refuse(400, "send takes no body.", "RequestBodyRead")
    if not message["isDraft"]:
        raise refuse(400, "Cannot send a message that is not a draft.", "ErrorInvalidOperation")
    _send(world, dict(message))
    return Response(status_code=202)


def send_mail(world: World, body: Any) -> Response:
    """`sendMail`: 202, and nothing is learnt."""
    if not isinstance(body, dict) or set(body) - {"message", "saveToSentItems"} or "message" not in body:
        raise refuse(400, "sendMail has message and saveToSentItems.", "RequestBodyRead")
    message = written(world, new_message(world, well_known_id("drafts")), body["message"])
    _send(world, message)
    if body.get("saveToSentItems") is False:
        _forget(world, message)
    return Response(status_code=202)


def _send(world: World, message: Record) -> None:
    people = [*message["toRecipients"], *message["ccRecipients"], *message["bccRecipients"]]
    if not people:
        raise refuse(400, "At least one recipient isn't valid.", "ErrorInvalidRecipients")
    now = at(world.now())
    if world.store.get(MESSAGES, message["id"]) is not None:
        note_change(world, message["parentFolderId"], message["id"], removed=True)
    renew_ordinary_id(world, message)
    message |= {
        "parentFolderId": well_known_id("sentitems"),
        "isDraft": False,
        "isRead": True,
        "sentDateTime": now,
        "receivedDateTime": now,
        "lastModifiedDateTime": now,
        "_sent": True,
    }
    delay = float(world.setting("graph.sent_delay_seconds", 0))
    if delay > 0:
        world.store.delete(MESSAGES, message["id"])
        world.timers.at(world.now() + timedelta(seconds=delay), "graph.appear", message=message)
    else:
        keep(world, message)
    world.effect("mail sent", vendor="graph", **key_facts(message))
    if any(p["emailAddress"]["address"].lower() == SEED.msp.mailbox for p in people):
        _arrive_at_ourselves(world, message)


def _arrive_at_ourselves(world: World, message: Record) -> None:
    """A mail to our own mailbox comes in as a copy: same Internet message id, without extended properties."""
    fresh = new_message(world, well_known_id("inbox"))
    copied = {k: v for k, v in message.items() if k not in ("id", "_ordinary", "parentFolderId", "_sent")}
    keep(world, fresh | copied | {"isRead": False, "singleValueExtendedProperties": []})


def _forget(world: World, message: Record) -> None:
    world.store.delete(MESSAGES, message["id"])
    world.store.delete(ORDINARY, message["_ordinary"])


def create_reply(world: World, request: Request, message: Record, body: Any) -> Response:
    """201 with a draft that answers the message, in its conversation, quoting it."""
    if not isinstance(body, dict | None) or set(body or {}) - {"comment", "message"}:
        raise refuse(400, "createReply has comment or message.", "RequestBodyRead")
    told = body or {}
    own = {"contentType": "text", "content": str(told.get("comment") or "")}
    subject = message["subject"]
    draft = new_message(
        world,
        well_known_id("drafts"),
        subject=subject if subject.upper().startswith("RE:") else f"RE: {subject}",
        toRecipients=message["replyTo"] or [recipient(**_flat(message["from"]))],
        conversationId=message["conversationId"],
        body=quoting(own, message),
        _own=own,
        _in_reply_to=message["internetMessageId"],
    )
    if "message" in told:
        draft = written(world, draft, told["message"])
    keep(world, draft)
    world.effect("mail drafted", vendor="graph", **key_facts(draft))
    return JSONResponse(shown(draft, preferences(request), []), 201)


def _flat(one: Record) -> dict[str, str]:
    return {"address": one["emailAddress"]["address"], "name": one["emailAddress"]["name"]}


def list_attachments(message: Record) -> Response:
    """The attachments with their content."""
    return collection([shown_attachment(a) for a in message["attachments"]], context="$metadata#attachments")


def show_attachment(message: Record, key: str) -> Response:
    """One attachment."""
    return JSONResponse(shown_attachment(_attachment(message, key)))


def attachment_content(message: Record, key: str) -> Response:
    """An attachment's raw content."""
    attachment = _attachment(message, key)
    return Response(base64.b64decode(attachment["contentBytes"]), media_type=attachment["contentType"])


def _attachment(message: Record, key: str) -> Record:
    for attachment in message["attachments"]:
        if attachment["id"] == key:
            return dict(attachment)
    raise refuse(404, "The specified object was not found in the store.", "ErrorItemNotFound")


def add_attachment(world: World, message: Record, body: Any) -> Response:
    """201: one more file on a draft."""
    if not message["isDraft"]:
        raise refuse(400, "Attachments of a sent item can't be changed.", "ErrorInvalidOperation")
    attachment = read_attachment(body)
    keep(world, {**message, "attachments": [*message["attachments"], attachment]})
    world.effect("mail attachment added", vendor="graph", file_name=attachment["name"], **key_facts(message))
    return JSONResponse(shown_attachment(attachment), 201)
