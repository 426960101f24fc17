"""Messages of the shared mailbox: what one is, its two ids, how it is written by a client and shown to one."""

import html
import re
from html.parser import HTMLParser
from typing import Any

from sandbox.core import Record, World, new_id
from sandbox.graph_answers import (
    Preferences,
    at,
    recipient,
    refuse,
    selected,
)
from sandbox.graph_folders import MESSAGES
from sandbox.world import SEED

ORDINARY = "graph.ordinary_ids"
CHANGES = "graph.changes"

LISTED = (
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "categories",
    "receivedDateTime",
    "sentDateTime",
    "hasAttachments",
    "internetMessageId",
    "subject",
    "bodyPreview",
    "importance",
    "parentFolderId",
    "conversationId",
    "isRead",
    "isDraft",
    "webLink",
    "body",
    "sender",
    "from",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "replyTo",
)
ONLY_SELECTED = ("uniqueBody", "internetMessageHeaders")
EXPANDABLE = ("attachments", "singleValueExtendedProperties")


def new_message(world: World, folder_id: str, **values: Any) -> Record:
    """A message with everything at its default, not yet kept."""
    now = at(world.now())
    mailbox = recipient(SEED.msp.mailbox, SEED.msp.name)
    message: Record = {
        "id": f"AAkALg{new_id().replace('-', '')}=",
        "_ordinary": _ordinary_id(),
        "parentFolderId": folder_id,
        "createdDateTime": now,
        "lastModifiedDateTime": now,
        "receivedDateTime": now,
        "sentDateTime": now,
        "subject": "",
        "body": {"contentType": "text", "content": ""},
        "_own": None,
        "sender": mailbox,
        "from": mailbox,
        "toRecipients": [],
        "ccRecipients": [],
        "bccRecipients": [],
        "replyTo": [],
        "conversationId": f"AAQk{new_id().replace('-', '')}=",
        "internetMessageId": f"<{new_id()}@{SEED.msp.domain}>",
        "importance": "normal",
        "categories": [],
        "isRead": True,
        "isDraft": True,
        "internetMessageHeaders": [],
        "singleValueExtendedProperties": [],
        "attachments": [],
        "_in_reply_to": None,
        "_sent": False,
    }
    return message | values


def _ordinary_id() -> str:
    return f"AAMkAG{new_id().replace('-', '')}="


def keep(world: World, message: Record) -> Record:
    """Keeps a message, its ordinary id, and the change for the folder's delta."""
    world.store.put(MESSAGES, message["id"], message)
    world.store.put(ORDINARY, message["_ordinary"], {"id": message["id"]})
    note_change(world, message["parentFolderId"], message["id"], removed=False)
    return message


def note_change(world: World, folder_id: str, message_id: str, *, removed: bool) -> None:
    """Remembers the newest change of a message in a folder, for `delta`."""
    number = world.store.next_number("graph.changes")
    change = {"number": number, "folder": folder_id, "message": message_id, "removed": removed}
    world.store.put(CHANGES, f"{folder_id}/{message_id}", change)


def renew_ordinary_id(world: World, message: Record) -> None:
    """What a send or a move does to the ordinary id: the old one stops working (graph.md §4.1, §4.4)."""
    world.store.delete(ORDINARY, message["_ordinary"])
    message["_ordinary"] = _ordinary_id()


def find_message(world: World, key: str) -> Record:
    """The message of an immutable or ordinary id; a 404 for an id that stopped working."""
    pointer = world.store.get(ORDINARY, key)
    message = world.store.get(MESSAGES, pointer["id"] if pointer else key)
    if message is None:
        raise refuse(404, "The specified object was not found in the store.", "ErrorItemNotFound")
    return message


def shown_id(message: Record, preferred: Preferences) -> str:
    """The id that the caller's `Prefer` header asks for."""
    return str(message["id"] if preferred.immutable_ids else message["_ordinary"])


def shown(
    message: Record, preferred: Preferences, select: list[str], expand: dict[str, str | None] | None = None
) -> Record:
    """A message as Graph shows it: `uniqueBody` and the headers only when selected.

    `expand` names what comes along: `attachments`, or extended properties (of one id, or all with None).
    """
    told: Record = {"@odata.etag": f'W/"{message["lastModifiedDateTime"]}"'}
    told |= {name: message.get(name) for name in LISTED}
    plain = text_of(message["body"])
    told |= {
        "id": shown_id(message, preferred),
        "changeKey": message["lastModifiedDateTime"],
        "hasAttachments": bool(message["attachments"]),
        "bodyPreview": plain[:255],
        "webLink": f"https://outlook.office365.example/owa/?ItemID={message['_ordinary']}",
        "body": _body(message["body"], preferred),
    }
    if "uniqueBody" in select:
        told["uniqueBody"] = _body(message["_own"] or message["body"], preferred)
    if "internetMessageHeaders" in select:
        told["internetMessageHeaders"] = message["internetMessageHeaders"]
    told = selected(told, select, (*LISTED, *ONLY_SELECTED))
    for name, wanted_id in (expand or {}).items():
        if name == "attachments":
            told[name] = [shown_attachment(one) for one in message[name]]
        else:
            told[name] = [one for one in message[name] if wanted_id is None or one["id"] == wanted_id]
    return told


def shown_attachment(attachment: Record) -> Record:
    """An attachment with its content."""
    return {"@odata.type": "#microsoft.graph.fileAttachment", **attachment}


def _body(body: Record, preferred: Preferences) -> Record:
    """HTML unless the caller prefers text; plain text becomes HTML as the server does it."""
    if preferred.text_bodies:
        return {"contentType": "text", "content": text_of(body)}
    if body["contentType"].lower() == "html":
        return {"contentType": "html", "content": body["content"]}
    return {"contentType": "html", "content": as_html(body["content"])}


def as_html(text: str) -> str:
    """Plain text as the server's HTML."""
    inner = html.escape(text).replace("\r\n", "\n").replace("\n", "<br>\r\n")
    return f"<html><head></head><body><div>{inner}</div></body></html>"


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script", "head"):
            self._hidden += 1
        elif tag in ("br", "p", "div", "tr", "li", "hr", "blockquote"):
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script", "head"):
            self._hidden -= 1
        elif tag in ("p", "div", "tr", "li", "blockquote"):
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(re.sub(r"[ \t\r\n\f]+", " ", data))  # a non-breaking one stays


def text_of(body: Record) -> str:
    """A body as plain text."""
    if body["contentType"].lower() != "html":
        return str(body["content"])
    reader = _Text()
    reader.feed(body["content"])
    lines = [line.strip(" \t\r\f") for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def key_facts(message: Record) -> Record:
    """What identifies a mail to a checker: our key (the first extended property), subject, recipients, ids."""
    properties = message["singleValueExtendedProperties"]
    people = [r["emailAddress"]["address"] for r in (*message["toRecipients"], *message["ccRecipients"])]
    return {
        "id": message["id"],
        "key": properties[0]["value"] if properties else None,
        "subject": message["subject"],
        "to": people,
        "internet_message_id": message["internetMessageId"],
    }
