"""DocuSign Connect: is this message really DocuSign's, and what does it say."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from vendors.docusign_models import ConnectEvent
from vendors.docusign_wire import custom_fields_of
from vendors.wire import lenient_datetime, text, text_or_none

__all__ = ["BadSignature", "ConnectEvent", "MalformedEvent", "parse", "signature", "verify"]

_HEADER = "x-docusign-signature-"


class BadSignature(Exception):
    """No signature of the message was made with one of our keys: it isn't DocuSign's, or the keys differ."""


class MalformedEvent(Exception):
    """The message isn't of the shape that DocuSign documents (docusign.md §11.2)."""


def signature(raw: bytes, secret: str) -> str:
    """Return the signature of a body: the key is the secret's text, never its decoded bytes (§11.3)."""
    return base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()


def verify(raw: bytes, headers: Mapping[str, str], secrets: Sequence[SecretStr]) -> None:
    """Accept a message if any of its signatures was made with any of our keys; else raise `BadSignature`.

    `raw` is the body as it came, before any decoding. Compared in constant time, each with each. Says nothing
    about age: an old message replayed still verifies, so what follows must look for itself.
    """
    keys = [secret.get_secret_value() for secret in secrets if secret.get_secret_value()]
    if not keys:
        raise BadSignature("no key is configured to check the message with (docusign.md §11.3)")
    given = [_decoded(value) for name, value in headers.items() if name.lower().startswith(_HEADER)]
    if not given:
        raise BadSignature("the message bears no X-DocuSign-Signature header: is HMAC on for the account?")
    genuine = False
    for key in keys:
        expected = hmac.new(key.encode(), raw, hashlib.sha256).digest()
        for one in given:
            genuine |= hmac.compare_digest(expected, one)
    if not genuine:
        raise BadSignature(f"none of the {len(given)} signatures was made with one of our keys")


def parse(raw: bytes) -> ConnectEvent:
    """Return what a verified message says; raise `MalformedEvent` if it can't be read."""
    try:
        message: Any = json.loads(raw)
    except (ValueError, RecursionError):
        raise MalformedEvent("the body isn't JSON (is the format set to legacy XML?)") from None
    if not isinstance(message, dict) or not isinstance(message.get("data"), dict):
        raise MalformedEvent('the body has no "data" object')
    data: dict[str, Any] = message["data"]
    summary = data.get("envelopeSummary")
    summary = summary if isinstance(summary, dict) else {}
    event, envelope_id = text(message, "event"), text(data, "envelopeId") or text(summary, "envelopeId")
    if not event or not envelope_id:
        raise MalformedEvent("the body names no event or no envelope")
    try:
        generated_at = lenient_datetime(message.get("generatedDateTime"))
        if generated_at is None:
            raise MalformedEvent("the body has no generatedDateTime")
        return ConnectEvent(
            event=event,
            envelope_id=envelope_id,
            recipient_id=text_or_none(data, "recipientId"),
            account_id=text(data, "accountId"),
            generated_at=generated_at,
            status=text(summary, "status").lower(),
            custom_fields=custom_fields_of(summary.get("customFields")),
            retry_count=int(text(message, "retryCount") or 0),
        )
    except (ValueError, TypeError, AttributeError):
        raise MalformedEvent("a date, a number or the custom fields have an unknown shape") from None


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
