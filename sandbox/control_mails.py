"""Mails as the control and the console show them, and mails written into the mailbox by hand."""

import html as markup
from dataclasses import replace
from typing import Any

from sandbox.core import IncomingMail, Record, World, new_id
from sandbox.graph_folders import FOLDERS, MESSAGES, folder_path
from sandbox.graph_messages import as_html, keep, key_facts, note_change, renew_ordinary_id
from sandbox.mail_sentence import offered_sentence
from sandbox.world import SEED

_FIELDS = (
    "attachments",
    "authenticated",
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
_ANSWER = (
    "attachments",
    "authenticated",
    "automatic",
    "delay",
    "from",
    "headers",
    "html",
    "new_conversation",
    "quoted",
    "sender_name",
    "sentence",
    "subject",
    "text",
    "times",
    "to",
    "unique_body",
)


def mails(world: World) -> list[Record]:
    """Every mail of the shared mailbox as a person sees it, oldest first."""
    shown = [_shown(world, message) for message in world.store.all(MESSAGES)]
    return sorted(shown, key=lambda mail: str(mail["at"]))


def delivered(world: World, given: Any) -> str:
    """Delivers the mail that a control request describes; TypeError says what it lacks.

    `{"from", "subject", "body" (plain text; or "html"), "to", "sender_name", "in_reply_to" (Internet message id) or
    "conversation" (its id), "headers", "attachments", "delay" (sandbox seconds), "times" (the same mail again),
    "authenticated" (false: somebody else wrote that sender's address into it)}`.
    """
    if not isinstance(given, dict) or not given.get("from") or "subject" not in given:
        raise TypeError("a mail needs at least from and subject")
    strangers = sorted(set(given) - set(_FIELDS))
    if strangers:
        raise TypeError(f"unknown: {', '.join(strangers)}; known: {', '.join(_FIELDS)}")
    mail = IncomingMail(
        sender=str(given["from"]),
        sender_name=str(given.get("sender_name", "")),
        to=_people(given.get("to")),
        subject=str(given["subject"]),
        text=str(given.get("body", given.get("text", ""))),
        html=str(given.get("html", "")),
        in_reply_to=given.get("in_reply_to") or _newest_of(world, given.get("conversation")),
        headers=dict(given.get("headers", {})),
        attachments=tuple(given.get("attachments", [])),
        authenticated=bool(given.get("authenticated", True)),
        after_seconds=float(given.get("delay") or 0),
    )
    return _deliver(world, mail, int(given.get("times", 1)))


def answered(world: World, which: str, given: Any) -> str:
    """Delivers somebody's answer to a mail; TypeError or ValueError says what is wrong. The id that it will have.

    `which`: the mail's id, our key on it, or its Internet message id. Told are `text`, or `html` (the HTML itself, or
    true: the text as HTML), or `sentence` true (the one that the mail offers); `from`, by default its recipient;
    `sender_name`, `subject`, `to`, `headers`, `attachments`, `delay` (sandbox seconds), `times` (the same mail again,
    by its Internet message id too). The answered mail is quoted below unless `quoted` is false. `automatic`: an
    out-of-office note, which quotes nothing unless told. `new_conversation`: it joins none, and what it quotes counts
    as its own. `unique_body`: what Exchange takes for its own part, where it errs. `authenticated` false:
    somebody else wrote that sender's address into it. An answer goes where the mail asks
    for it: past this mailbox unless `to` says otherwise, and that is an error here.
    """
    if not isinstance(given, dict):
        raise TypeError("an answer is a JSON object")
    strangers = sorted(set(given) - set(_ANSWER))
    if strangers:
        raise TypeError(f"unknown: {', '.join(strangers)}; known: {', '.join(_ANSWER)}")
    message, automatic = mail_named(world, which), bool(given.get("automatic"))
    sender = str(given.get("from") or answerer(_shown(world, message)))
    if not sender:
        raise ValueError("the mail went to nobody who could answer it: give from")
    elsewhere = [_address(one) for one in message["replyTo"]]
    if elsewhere and SEED.msp.mailbox not in elsewhere and not given.get("to"):
        raise ValueError(f"an answer to it goes to {', '.join(map(str, elsewhere))}, past this mailbox: give to")
    own, written = _own_words(message, given, automatic)
    subject = str(message["subject"])
    if automatic:
        subject = f"Automatic reply: {subject}"
    elif not subject.upper().startswith("RE:"):
        subject = f"RE: {subject}"
    marks = {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"} if automatic else {}
    mail = IncomingMail(
        sender=sender,
        sender_name=str(given.get("sender_name") or _name_of(sender)),
        to=_people(given.get("to")),
        subject=str(given.get("subject") or subject),
        text=own,
        html=written,
        in_reply_to=message["internetMessageId"],
        headers=marks | dict(given.get("headers") or {}),
        attachments=tuple(given.get("attachments") or []),
        after_seconds=float(given.get("delay") or 0),
        quotes=bool(given.get("quoted", not automatic)),
        joins=not given.get("new_conversation"),
        authenticated=bool(given.get("authenticated", True)),
        unique=given.get("unique_body"),
    )
    return _deliver(world, mail, int(given.get("times") or 1))


def _own_words(message: Record, given: Record, automatic: bool) -> tuple[str, str]:
    """What the answer says itself: as text, and as HTML if it is written so."""
    written = given.get("html")
    if isinstance(written, str) and written:
        return "", written
    text = str(given.get("text") or ("I am out of the office." if automatic else ""))
    if given.get("sentence"):
        offered = offered_sentence(str(message["body"]["content"]))
        if offered is None:
            raise ValueError("the mail offers no sentence: it has no element with data-sentence")
        text = f"{offered}\n{text}" if text else offered
    paragraphs = "".join(f'<p class="MsoNormal">{markup.escape(line) or "&nbsp;"}</p>' for line in text.splitlines())
    return text, f'<div class="WordSection1">{paragraphs}</div>' if written else ""


def mail_named(world: World, which: str) -> Record:
    """The newest mail of that id, our key, or Internet message id; ValueError if there is none."""
    found = [
        message
        for message in world.store.all(MESSAGES)
        if which in (message["id"], message["internetMessageId"])
        or any(which == one["value"] for one in message["singleValueExtendedProperties"])
    ]
    if not found:
        raise ValueError(f"no mail has the id, the key or the Internet message id {which}")
    return max(found, key=lambda message: str(message["createdDateTime"]))


def answerer(mail: Record) -> str:
    """Who would answer a mail: its first recipient outside the mailbox, or whoever wrote it."""
    if mail["direction"] == "received":
        return str(mail["from"])
    return next((str(address) for address in mail["to"] if address != SEED.msp.mailbox), "")


def _name_of(address: str) -> str:
    people = [contact for customer in SEED.customers for contact in customer.contacts]
    return next((one.name for one in people if one.email.casefold() == address.casefold()), "")


def _people(to: Any) -> tuple[str, ...]:
    return tuple([to] if isinstance(to, str) else to or [SEED.msp.mailbox])


def _deliver(world: World, mail: IncomingMail, times: int) -> str:
    """The same mail so many times: the copies share their Internet message id."""
    if times > 1 and "message-id" not in {name.lower() for name in mail.headers}:
        made = {"Message-ID": f"<{new_id()}@{mail.sender.partition('@')[2]}>"}
        mail = replace(mail, headers=mail.headers | made)
    key = ""
    for _ in range(times):
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
