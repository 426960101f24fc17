"""Mail as Graph gives and takes it: a message to send, what is known of one sent, and one that was received."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from vendors.wire import MaybeDateTime, VendorModel, text

KEY_PROPERTY = "String {6c3f0a52-8f0e-4c8e-9a54-cc0117e51607} Name CountersignKey"
"""The extended property that carries a mail's key: the property's name counts case, its value doesn't."""

_COMMENT = re.compile(r"\([^()]*\)")
_INLINE_AT_MOST = 3_000_000  # bytes, all attachments of one mail together (graph.md §4.1)


class MailModel(VendorModel):
    """Base of everything about mail: a validation error never quotes what a mail says."""

    model_config = ConfigDict(hide_input_in_errors=True)


class MailAttachment(MailModel):
    """A file to send along; its content stays out of the repr."""

    name: str
    content_type: str = "application/octet-stream"
    data: bytes = Field(repr=False)


class OutgoingMail(MailModel):
    """A mail to send. `key` is ours and unique to it; attachments are below 3 MB together (graph.md §4.1)."""

    key: str = Field(min_length=1)
    subject: str
    html: str = Field(repr=False)
    to: tuple[str, ...] = Field(min_length=1)
    cc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    attachments: tuple[MailAttachment, ...] = ()

    @model_validator(mode="after")
    def _small_enough(self) -> Self:
        size = sum(len(attachment.data) for attachment in self.attachments)
        if size >= _INLINE_AT_MOST:
            raise ValueError(f"attachments of {size:,} bytes don't fit into one mail: 3 MB at most")
        return self

    def as_written(self) -> dict[str, Any]:
        """Return the draft as Graph takes it, with its key as an extended property."""
        body: dict[str, Any] = {
            "subject": self.subject,
            "body": {"contentType": "HTML", "content": self.html},
            "toRecipients": _recipients(self.to),
            "ccRecipients": _recipients(self.cc),
            "replyTo": _recipients(self.reply_to),
            "singleValueExtendedProperties": [{"id": KEY_PROPERTY, "value": self.key}],
        }
        if self.attachments:
            body["attachments"] = [
                {
                    "@odata.type": "#microsoft.graph.fileAttachment",
                    "name": attachment.name,
                    "contentType": attachment.content_type,
                    "contentBytes": base64.b64encode(attachment.data).decode("ascii"),
                }
                for attachment in self.attachments
            ]
        return {name: value for name, value in body.items() if value != []}


class MailRef(MailModel):
    """What is known of a mail of ours. Its id is immutable: it survives sending and moving."""

    id: str
    is_draft: bool
    key: str = ""
    subject: str = ""
    internet_message_id: str = ""
    conversation_id: str = ""
    parent_folder_id: str = ""
    sent_at: MaybeDateTime = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Read a message record; the key only if the extended property was asked for."""
        properties = record.get("singleValueExtendedProperties") or []
        return cls(
            id=record["id"],
            is_draft=bool(record.get("isDraft")),
            key=next((str(p.get("value")) for p in properties if _is_key(str(p.get("id")))), ""),
            subject=text(record, "subject"),
            internet_message_id=text(record, "internetMessageId"),
            conversation_id=text(record, "conversationId"),
            parent_folder_id=text(record, "parentFolderId"),
            sent_at=record.get("sentDateTime"),
        )


class Body(MailModel):
    """A body as it was given: `content_type` is "text" or "html"."""

    content_type: str
    content: str = Field(repr=False)


class Message(MailModel):
    """A message in the mailbox. `unique_body` and `headers` are filled by `GraphMail.message` only.

    `body`: by that, and in a list that was asked for bodies.

    `unique_body` leaves out what Exchange takes for quoted: empty or odd, a person reads the whole one.
    """

    id: str
    subject: str = ""
    sender: str = ""
    sender_name: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    received_at: MaybeDateTime = None
    sent_at: MaybeDateTime = None
    conversation_id: str = ""
    internet_message_id: str = ""
    parent_folder_id: str = ""
    is_draft: bool = False
    has_attachments: bool = False
    preview: str = Field(default="", repr=False)
    body: Body | None = None
    unique_body: Body | None = None
    headers: tuple[tuple[str, str], ...] = Field(default=(), repr=False)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Read a message record."""
        sender = _address(record.get("from"))
        return cls(
            id=record["id"],
            subject=text(record, "subject"),
            sender=text(sender, "address"),
            sender_name=text(sender, "name"),
            to=_addresses(record.get("toRecipients")),
            cc=_addresses(record.get("ccRecipients")),
            received_at=record.get("receivedDateTime"),
            sent_at=record.get("sentDateTime"),
            conversation_id=text(record, "conversationId"),
            internet_message_id=text(record, "internetMessageId"),
            parent_folder_id=text(record, "parentFolderId"),
            is_draft=bool(record.get("isDraft")),
            has_attachments=bool(record.get("hasAttachments")),
            preview=text(record, "bodyPreview"),
            body=_body(record.get("body")),
            unique_body=_body(record.get("uniqueBody")),
            headers=tuple(
                (text(header, "name"), text(header, "value")) for header in record.get("internetMessageHeaders") or []
            ),
        )

    @property
    def unique_text(self) -> str | None:
        """The reply's own text; None if it wasn't given as text, so that a person reads it."""
        own = self.unique_body
        return own.content if own is not None and own.content_type == "text" else None

    def header(self, name: str) -> str | None:
        """Return the first header of that name, ignoring case."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)

    @property
    def is_automatic(self) -> bool:
        """Whether a machine answered: an Auto-Submitted header other than `no` (RFC 3834)."""
        said = (self.header("Auto-Submitted") or "no").split(";")[0].strip().lower()
        return said != "no"

    @property
    def is_authenticated(self) -> bool:
        """Whether the receiving server found it to be from the domain that its sender's address names (DMARC).

        By the topmost `Authentication-Results` alone (RFC 8601): Exchange Online writes its own above whatever the
        sender may have put there. `bestguesspass`: the domain publishes no DMARC, and SPF or DKIM speaks for it. A
        header that is missing, or says it twice or of another domain, proves nothing.
        """
        results = _COMMENT.sub(" ", self.header("Authentication-Results") or "").lower().split(";")
        found = [one.split() for one in results if "dmarc=" in one or "header.from=" in one]
        domain = self.sender.rpartition("@")[2].strip().lower()
        return (
            domain != ""
            and len(found) == 1
            and found[0][0] in ("dmarc=pass", "dmarc=bestguesspass")
            and [one for one in found[0] if "header.from=" in one] == [f"header.from={domain}"]
        )


def instant(moment: datetime) -> str:
    """Return an aware time as OData writes it, in UTC to the second; a naive one is a ValueError."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone can't be given to Graph")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_key(property_id: str) -> bool:
    # The GUID may come back in other letters; the name after it counts case.
    kind, _, name = property_id.partition("} ")
    own_kind, _, own_name = KEY_PROPERTY.partition("} ")
    return kind.casefold() == own_kind.casefold() and name == own_name


def _recipients(addresses: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"emailAddress": {"address": address}} for address in addresses]


def _address(recipient: Any) -> Mapping[str, Any]:
    found = recipient.get("emailAddress") if isinstance(recipient, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _addresses(recipients: Any) -> tuple[str, ...]:
    return tuple(text(_address(recipient), "address") for recipient in recipients or [])


def _body(given: Any) -> Body | None:
    if not isinstance(given, Mapping):
        return None
    return Body(content_type=text(given, "contentType").lower(), content=text(given, "content"))
