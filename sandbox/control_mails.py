"""Mails as the control and the console show them, and mails written into the mailbox by hand."""

from typing import Any

from sandbox.core import IncomingMail, Record, World
from sandbox.graph_folders import FOLDERS, MESSAGES, folder_path
from sandbox.graph_messages import as_html, keep, key_facts, note_change, renew_ordinary_id
from sandbox.world import SEED

_FIELDS = (
    "attachments",
    "body",
    "conversation",
    "delay",
    "from",
    "headers",
    "html",
    "in_reply_to",
    "sender_name",
    "subject",
    "text",
    "times",
    "to",
)


def mails(world: World) -> list[Record]:
    """Every mail of the shared mailbox as a person sees it, oldest first."""
    shown = [_shown(world, message) for message in world.store.all(MESSAGES)]
    return sorted(shown, key=lambda mail: str(mail["at"]))


def delivered(world: World, given: Any) -> str:
    """Delivers the mail that a control request describes; TypeError says what it lacks.

    `{"from", "subject", "body" (plain text; or "html"), "to", "sender_name", "in_reply_to" (Internet message id) or
    "conversation" (its id), "headers", "attachments", "delay" (sandbox seconds), "times" (the same mail again)}`.
    """
    if not isinstance(given, dict) or not given.get("from") or "subject" not in given:
        raise TypeError("a mail needs at least from and subject")
    strangers = sorted(set(given) - set(_FIELDS))
    if strangers:
        raise TypeError(f"unknown: {', '.join(strangers)}; known: {', '.join(_FIELDS)}")
    to = given.get("to", [SEED.msp.mailbox])
    mail = IncomingMail(
        sender=str(given["from"]),
        sender_name=str(given.get("sender_name", "")),
        to=tuple([to] if isinstance(to, str) else to),
        subject=str(given["subject"]),
        text=str(given.get("body", given.get("text", ""))),
        html=str(given.get("html", "")),
        in_reply_to=given.get("in_reply_to") or _newest_of(world, given.get("conversation")),
        headers=dict(given.get("headers", {})),
        attachments=tuple(given.get("attachments", [])),
        after_seconds=float(given.get("delay") or 0),
    )
    key = ""
    for _ in range(int(given.get("times", 1))):
        key = world.deliver_mail(mail)
    return key


def _newest_of(world: World, conversation: str | None) -> str | None:
    """The Internet message id of the newest mail of a conversation."""
    if not conversation:
        return None
    told = [m for m in mails(world) if m["conversation_id"] == conversation]
    return str(told[-1]["internet_message_id"]) if told else None


def moved(world: World, message_id: str, folder: str) -> None:
    """A person files a mail in Outlook; `folder` is an id or a path. ValueError if either doesn't exist."""
    message = world.store.get(MESSAGES, message_id)
    targets = [f for key, f in world.store.items(FOLDERS) if folder in (key, folder_path(world, key))]
    if message is None or not targets:
        raise ValueError("no such mail or folder")
    changed = {**message, "parentFolderId": targets[0]["id"]}
    renew_ordinary_id(world, changed)
    note_change(world, message["parentFolderId"], message_id, removed=True)
    keep(world, changed)
    path = folder_path(world, targets[0]["id"])
    world.effect("message moved", vendor="graph", folder=path, **key_facts(changed))


def _shown(world: World, message: Record) -> Record:
    sender = message["from"]["emailAddress"] if message.get("from") else {"address": "", "name": ""}
    body = message["body"]
    direction = "draft" if message["isDraft"] else "received"
    if not message["isDraft"] and sender["address"].lower() == SEED.msp.mailbox.lower():
        direction = "sent"
    return {
        "id": message["id"],
        "direction": direction,
        "at": message.get("receivedDateTime") or message.get("sentDateTime") or message["createdDateTime"],
        "subject": message["subject"],
        "from": sender["address"],
        "from_name": sender["name"],
        "to": [_address(one) for one in message["toRecipients"]],
        "cc": [_address(one) for one in message["ccRecipients"]],
        "reply_to": [_address(one) for one in message["replyTo"]],
        "html": body["content"] if body["contentType"].lower() == "html" else as_html(body["content"]),
        "folder": folder_path(world, message["parentFolderId"]),
        "folder_id": message["parentFolderId"],
        "internet_message_id": message["internetMessageId"],
        "conversation_id": message["conversationId"],
        "properties": [one["value"] for one in message.get("singleValueExtendedProperties", [])],
        "attachments": [{"id": one["id"], "name": one["name"], "size": one["size"]} for one in message["attachments"]],
    }


def _address(recipient: Record) -> str:
    return str(recipient["emailAddress"]["address"])
