"""Mails as the control and the console show them, and mails written into the mailbox by hand."""

from typing import Any

from sandbox.core import IncomingMail, Record, World
from sandbox.graph_folders import MESSAGES, folder_path
from sandbox.graph_messages import as_html
from sandbox.world import SEED

_FIELDS = (
    "attachments",
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

    `{"from", "subject", "text" or "html", "to", "sender_name", "in_reply_to" (Internet message id), "headers",
    "attachments", "delay" (sandbox seconds), "times" (the same mail again)}`.
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
        text=str(given.get("text", "")),
        html=str(given.get("html", "")),
        in_reply_to=given.get("in_reply_to"),
        headers=dict(given.get("headers", {})),
        attachments=tuple(given.get("attachments", [])),
        after_seconds=float(given.get("delay") or 0),
    )
    key = ""
    for _ in range(int(given.get("times", 1))):
        key = world.deliver_mail(mail)
    return key


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
        "attachments": [
            {"id": one["id"], "name": one["name"], "size": one["size"]} for one in message["attachments"]
        ],
    }


def _address(recipient: Record) -> str:
    return str(recipient["emailAddress"]["address"])
