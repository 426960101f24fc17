"""What a client may write of a message: each property checked, drafts and sent items told apart (graph.md §4)."""

import re
from typing import Any

from sandbox.core import Record, World, new_id
from sandbox.graph_answers import (
    at,
    read_recipient,
    read_recipients,
    refuse,
)
from sandbox.world import SEED

LARGEST_ATTACHMENT = 3 * 1024 * 1024
_DRAFT_WRITABLE = {
    "subject",
    "body",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "replyTo",
    "from",
    "sender",
    "importance",
    "categories",
    "isRead",
    "internetMessageId",
    "internetMessageHeaders",
    "singleValueExtendedProperties",
    "attachments",
}
_PROPERTY_ID = re.compile(r"(String|Integer|Boolean) \{[0-9a-fA-F-]{36}\} (Name|Id) \S.*")
_ALWAYS_WRITABLE = {"isRead", "categories", "importance", "singleValueExtendedProperties"}


def written(world: World, message: Record, given: Any) -> Record:
    """The message after a client's create or change; a 400 for what Graph refuses."""
    if not isinstance(given, dict):
        raise refuse(400, "The body must be one JSON object.", "RequestBodyRead")
    told = {k: v for k, v in given.items() if not k.startswith("@odata")}
    for name in told:
        if name not in _DRAFT_WRITABLE:
            raise refuse(400, f"The property '{name}' does not exist or can't be set.", "RequestBodyRead")
        if not message["isDraft"] and name not in _ALWAYS_WRITABLE:
            raise refuse(400, f"The property '{name}' can't be changed on a sent item.", "ErrorInvalidPropertySet")
    changed = {**message, "lastModifiedDateTime": at(world.now())}
    for name, value in told.items():
        changed[name] = _read(name, value, message)
    return changed


def _read(name: str, value: Any, message: Record) -> Any:
    match name:
        case "toRecipients" | "ccRecipients" | "bccRecipients" | "replyTo":
            return read_recipients(value, name)
        case "from" | "sender":
            one = read_recipient(value, name)
            if one["emailAddress"]["address"].lower() != SEED.msp.mailbox:
                raise refuse(403, "The user account may not send as this address.", "ErrorSendAsDenied")
            return one
        case "body":
            kind = str(value.get("contentType", "")).lower() if isinstance(value, dict) else ""
            if kind not in ("html", "text") or set(value) - {"contentType", "content"}:
                raise refuse(400, "body has contentType (html or text) and content.", "RequestBodyRead")
            return {"contentType": kind, "content": str(value.get("content") or "")}
        case "internetMessageHeaders":
            return _headers(value)
        case "singleValueExtendedProperties":
            return _properties(value, message[name])
        case "attachments":
            if not isinstance(value, list):
                raise refuse(400, "attachments must be a collection.", "RequestBodyRead")
            return [read_attachment(one) for one in value]
        case "isRead":
            if not isinstance(value, bool):
                raise refuse(400, "isRead must be true or false.", "RequestBodyRead")
        case "categories":
            if not isinstance(value, list):
                raise refuse(400, "categories must be a collection.", "RequestBodyRead")
        case "importance":
            if value not in ("low", "normal", "high"):
                raise refuse(400, "importance is low, normal or high.", "RequestBodyRead")
        case _:
            if not isinstance(value, str) or len(value) > 2000:
                raise refuse(400, f"{name} must be text.", "RequestBodyRead")
    return value


def _headers(value: Any) -> list[Record]:
    headers: list[Record] = []
    for one in value if isinstance(value, list) else [None]:
        if not isinstance(one, dict) or set(one) != {"name", "value"}:
            raise refuse(400, "internetMessageHeaders hold name and value.", "RequestBodyRead")
        if not str(one["name"]).lower().startswith("x-"):
            text = f"The internet message header name '{one['name']}' should start with 'x-' or 'X-'."
            raise refuse(400, text, "InvalidInternetMessageHeader")
        headers.append(one)
    return headers


def _properties(value: Any, held: list[Record]) -> list[Record]:
    merged = {str(one["id"]): one for one in held}
    for one in value if isinstance(value, list) else [None]:
        key = str(one["id"]) if isinstance(one, dict) and set(one) == {"id", "value"} else ""
        if one is None or not _PROPERTY_ID.fullmatch(key):
            raise refuse(400, "The extended property id is not valid.", "ErrorInvalidPropertyRequest")
        merged[key] = one
    return list(merged.values())


def read_attachment(given: Any) -> Record:
    """A file attachment as a client sends it; a 413 from 3 MB on (graph.md §4.1)."""
    if not isinstance(given, dict) or given.get("@odata.type") != "#microsoft.graph.fileAttachment":
        raise refuse(400, "@odata.type must be #microsoft.graph.fileAttachment.", "RequestBodyRead")
    unknown = set(given) - {"@odata.type", "name", "contentType", "contentBytes", "isInline", "contentId"}
    content = given.get("contentBytes")
    if unknown or not given.get("name") or not isinstance(content, str):
        raise refuse(400, "An attachment has name, contentType and contentBytes.", "RequestBodyRead")
    if len(content) * 3 // 4 >= LARGEST_ATTACHMENT:
        raise refuse(413, "The request entity is too large: use an upload session.")
    return {
        "id": f"AAMkAT{new_id().replace('-', '')}=",
        "name": given["name"],
        "contentType": given.get("contentType") or "application/octet-stream",
        "size": len(content) * 3 // 4,
        "isInline": bool(given.get("isInline")),
        "contentId": given.get("contentId"),
        "contentBytes": content,
    }
