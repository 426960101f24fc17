"""Mails arriving in the shared mailbox: from customers, from the distributor, late, twice, from strangers."""

import base64
from datetime import timedelta

from sandbox.core import IncomingMail, Record, World, new_id
from sandbox.graph_answers import at, recipient
from sandbox.graph_folders import MESSAGES, well_known_id
from sandbox.graph_messages import as_html, keep, key_facts, new_message, text_of
from sandbox.world import SEED

_PASSED = (
    "spf=pass (sender IP is 192.0.2.7) smtp.mailfrom={domain}; dkim=pass (signature was verified) "
    "header.d={domain};dmarc=pass action=none header.from={domain};compauth=pass reason=100"
)
_FAILED = (
    "spf=fail (sender IP is 203.0.113.66) smtp.mailfrom={domain}; dkim=none (message not signed) "
    "header.d=none;dmarc=fail action=none header.from={domain};compauth=fail reason=001"
)


def register(world: World) -> None:
    """Makes the mailbox the place where `world.deliver_mail` delivers, now and after a restart."""

    def arrive(message: Record) -> None:
        message["receivedDateTime"] = at(world.now())
        message["lastModifiedDateTime"] = at(world.now())
        _join_conversation(world, message)
        keep(world, message)
        told = key_facts(message)
        world.effect("mail received", vendor="graph", sender=message["from"]["emailAddress"]["address"], **told)

    def appear(message: Record) -> None:
        keep(world, message)

    def deliver(mail: IncomingMail) -> str:
        message = _incoming(world, mail)
        if mail.after_seconds > 0:
            due = world.now() + timedelta(seconds=mail.after_seconds)
            world.timers.at(due, "graph.arrive", message=message)
        else:
            arrive(message)
        return str(message["id"])

    world.timers.register("graph.arrive", arrive)
    world.timers.register("graph.appear", appear)
    world.deliver_mail = deliver


def _incoming(world: World, mail: IncomingMail) -> Record:
    """The message, without what it quotes; a given Message-ID header is kept, so that a mail can come twice."""
    names = {name.lower(): name for name in mail.headers}
    message_id = mail.headers[names["message-id"]] if "message-id" in names else None
    domain = mail.sender.partition("@")[2]
    own = {"contentType": "html", "content": mail.html} if mail.html else None
    own = own or {"contentType": "text", "content": mail.text}
    sender = recipient(mail.sender, mail.sender_name)
    people = mail.to or (SEED.msp.mailbox,)
    results = _PASSED if mail.authenticated else _FAILED
    headers = [("Authentication-Results", results.format(domain=domain))] + [
        (name, value) for name, value in mail.headers.items() if name.lower() != "message-id"
    ]
    return new_message(
        world,
        well_known_id("inbox"),
        subject=mail.subject,
        body=own,
        _own=own,
        sender=sender,
        toRecipients=[recipient(address) for address in people],
        internetMessageId=message_id or f"<{new_id()}@{domain}>",
        internetMessageHeaders=[{"name": name, "value": value} for name, value in headers],
        attachments=[_attachment(one) for one in mail.attachments],
        isRead=False,
        isDraft=False,
        _in_reply_to=mail.in_reply_to,
        _arrives={"quotes": mail.quotes, "joins": mail.joins, "unique": mail.unique},
        **{"from": sender},
    )


def _attachment(given: Record) -> Record:
    return {
        "id": f"AAMkAT{new_id().replace('-', '')}=",
        "name": given["name"],
        "contentType": given.get("contentType", "application/octet-stream"),
        "size": len(base64.b64decode(given["contentBytes"])),
        "isInline": False,
        "contentId": None,
        "contentBytes": given["contentBytes"],
    }


def _join_conversation(world: World, message: Record) -> None:
    """A reply takes the conversation of the mail that it answers, and quotes it below its own text.

    Exchange knows what is quoted by the conversation: in another one the quotation counts as the mail's own.
    """
    wanted = message.pop("_arrives", None) or {"quotes": True, "joins": True, "unique": None}
    answered = answered_by(world, message["_in_reply_to"])
    if answered is not None and wanted["quotes"]:
        message["body"] = quoting(message["body"], answered)
    if answered is not None and wanted["joins"]:
        message["conversationId"] = answered["conversationId"]
    elif answered is not None:
        message["_own"], message["_in_reply_to"] = message["body"], None
    if wanted["unique"] is not None:
        message["_own"] = {"contentType": "text", "content": wanted["unique"]}


def answered_by(world: World, internet_message_id: str | None) -> Record | None:
    """The message of that Internet message id, the newest if there are copies."""
    if not internet_message_id:
        return None
    found = [m for m in world.store.all(MESSAGES) if m["internetMessageId"] == internet_message_id]
    return max(found, key=lambda m: str(m["createdDateTime"]), default=None)


def quoting(own: Record, answered: Record) -> Record:
    """A body that ends with the quoted mail, as mail programs write it."""
    who = answered["from"]["emailAddress"]
    intro = f"On {answered['sentDateTime']}, {who['name']} <{who['address']}> wrote:"
    if own["contentType"] == "html":
        original = answered["body"]
        quoted = original["content"] if original["contentType"] == "html" else as_html(original["content"])
        below = f"<div>{intro.replace('<', '&lt;').replace('>', '&gt;')}</div><blockquote>{quoted}</blockquote>"
        inside, body_ends, rest = own["content"].partition("</body>")
        return {"contentType": "html", "content": f"{inside}{below}{body_ends}{rest}"}
    lines = "\r\n".join(f"> {line}" for line in text_of(answered["body"]).splitlines())
    return {"contentType": "text", "content": f"{own['content']}\r\n\r\n{intro}\r\n{lines}"}
