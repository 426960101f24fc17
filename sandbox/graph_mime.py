"""The MIME source of a message, as `$value` gives it and as a `.eml` on a ticket holds it."""

import base64
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from sandbox.core import Record
from sandbox.graph_filter import parse_time
from sandbox.graph_messages import text_of
from sandbox.world import SEED


def _addresses(recipients: list[Record]) -> str:
    people = [one["emailAddress"] for one in recipients]
    named = [("" if p["name"] == p["address"] else p["name"], p["address"]) for p in people]
    return ", ".join(formataddr(pair) for pair in named)


def _domain(sender: Record) -> str:
    return str(sender["emailAddress"]["address"]).partition("@")[2]


def mime_source(message: Record) -> bytes:
    """The message as RFC 5322 bytes, with its own headers, both bodies and its attachments."""
    mail = EmailMessage(policy=SMTP)
    if not message["isDraft"] and not message["_sent"]:
        took = format_datetime(parse_time(message["receivedDateTime"]))
        mail["Received"] = f"from mail.{_domain(message['from'])} by mail.{SEED.msp.domain} with SMTP; {took}"
    mail["From"] = _addresses([message["from"]])
    mail["To"] = _addresses(message["toRecipients"])
    if message["ccRecipients"]:
        mail["Cc"] = _addresses(message["ccRecipients"])
    if message["replyTo"]:
        mail["Reply-To"] = _addresses(message["replyTo"])
    mail["Subject"] = message["subject"].replace("\r", " ").replace("\n", " ")
    mail["Date"] = format_datetime(parse_time(message["sentDateTime"]))
    mail["Message-ID"] = message["internetMessageId"]
    if message["_in_reply_to"]:
        mail["In-Reply-To"] = message["_in_reply_to"]
        mail["References"] = message["_in_reply_to"]
    told = {name.lower() for name in mail}
    for header in message["internetMessageHeaders"]:
        if header["name"].lower() not in told:
            mail[header["name"]] = str(header["value"]).replace("\r", " ").replace("\n", " ")
    mail.set_content(text_of(message["body"]))
    if message["body"]["contentType"].lower() == "html":
        mail.add_alternative(message["body"]["content"], subtype="html")
    for attachment in message["attachments"]:
        main, _, sub = str(attachment["contentType"]).partition("/")
        if main in ("", "message", "multipart"):
            main, sub = "application", "octet-stream"
        content = base64.b64decode(attachment["contentBytes"])
        mail.add_attachment(content, maintype=main, subtype=sub or "octet-stream", filename=attachment["name"])
    return mail.as_bytes()
