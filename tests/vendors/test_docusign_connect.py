"""A forged Connect message is never believed, and a real one never overlooked (docusign.md §11)."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from vendors.docusign_connect import BadSignature, MalformedEvent, parse, signature, verify

KEY, OLD_KEY, FOREIGN_KEY = SecretStr("nZ8k+s3cret=="), SecretStr("old key"), SecretStr("foreign")
BODY = b'{"event":"envelope-completed"}\r\n'


def signed(body: bytes, *keys: SecretStr) -> dict[str, str]:
    return {
        f"X-DocuSign-Signature-{number}": signature(body, key.get_secret_value())
        for number, key in enumerate(keys, start=1)
    }


class TestSignature:
    def test_it_is_docusigns_own_formula(self) -> None:
        """Base64 of HMAC-SHA256 over the raw bytes, keyed with the secret's text, not its decoded bytes."""
        by_hand = base64.b64encode(hmac.digest(b"nZ8k+s3cret==", BODY, hashlib.sha256)).decode()
        assert signature(BODY, "nZ8k+s3cret==") == by_hand

    @pytest.mark.parametrize("header", ["X-DocuSign-Signature-1", "x-docusign-signature-17"])
    def test_any_header_may_match(self, header: str) -> None:
        """Header names are compared without regard to case; there may be a hundred of them."""
        verify(BODY, {header: signature(BODY, KEY.get_secret_value())}, [KEY])

    def test_any_header_may_match_any_key(self) -> None:
        """While keys are being changed, old and new both count."""
        verify(BODY, signed(BODY, FOREIGN_KEY, OLD_KEY), [KEY, OLD_KEY])
        verify(BODY, signed(BODY, KEY, FOREIGN_KEY), [KEY, OLD_KEY])

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-DocuSign-Signature-1": ""},
            {"X-DocuSign-Signature-1": "not base64 !"},
            {"X-DocuSign-Signature-1": "ünïcödé"},
            {"X-Authorization-Digest": "HMACSHA256"},
            {"X-Other-Signature-1": signature(BODY, KEY.get_secret_value())},
            signed(BODY, FOREIGN_KEY),
            signed(BODY + b" ", KEY),
            signed(BODY.strip(), KEY),
        ],
    )
    def test_everything_else_is_refused(self, headers: dict[str, str]) -> None:
        """No signature, a broken one, another header's, a foreign key's, another body's."""
        with pytest.raises(BadSignature):
            verify(BODY, headers, [KEY, OLD_KEY])

    @pytest.mark.parametrize("secrets", [[], [SecretStr("")]])
    def test_without_a_key_nothing_passes(self, secrets: list[SecretStr]) -> None:
        """An empty key isn't a key, although anybody could sign with it."""
        with pytest.raises(BadSignature, match="no key"):
            verify(BODY, signed(BODY, SecretStr("")), secrets)

    @given(body=st.binary(max_size=200), change=st.integers(0, 199))
    def test_one_changed_byte_is_enough(self, body: bytes, change: int) -> None:
        """The signature stands for exactly these bytes."""
        verify(body, signed(body, KEY), [KEY])
        if body:
            at = change % len(body)
            other = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            with pytest.raises(BadSignature):
                verify(other, signed(body, KEY), [KEY])


def message(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "event": "envelope-completed",
        "apiVersion": "v2.1",
        "retryCount": 2,
        "configurationId": 12345,
        "generatedDateTime": "2026-11-22T10:15:00.1234567Z",
        "data": {
            "accountId": "acc",
            "userId": "usr",
            "envelopeId": "env-1",
            "envelopeSummary": {
                "status": "completed",
                "customFields": {"textCustomFields": [{"name": "countersign_ref", "value": "CS-7"}]},
            },
        },
    }
    return whole | changes


class TestParse:
    def test_a_message_tells_what_happened_to_which_envelope(self) -> None:
        """Event, envelope, our reference and when it was made."""
        event = parse(json.dumps(message()).encode())
        assert (event.event, event.envelope_id, event.recipient_id) == ("envelope-completed", "env-1", None)
        assert event.custom_fields == {"countersign_ref": "CS-7"}
        assert event.retry_count == 2
        assert event.generated_at.isoformat() == "2026-11-22T10:15:00.123456+00:00"
        assert event.status == "completed"

    def test_a_thin_message_of_an_unknown_event_passes(self) -> None:
        """Without a summary, with a new event name and strings for numbers, it is still a hint."""
        data = {"envelopeId": "env-1", "recipientId": "1"}
        thin = message(event="recipient-finish-later", data=data, retryCount="0")
        event = parse(json.dumps(thin).encode())
        assert (event.event, event.recipient_id, event.custom_fields) == ("recipient-finish-later", "1", {})

    def test_a_repeated_message_is_known_by_its_key(self) -> None:
        """A retry differs in its count only; another recipient's event is another one."""
        once, again = (parse(json.dumps(message(retryCount=n)).encode()) for n in (0, 3))
        assert once.key == again.key
        other = parse(json.dumps(message(data={"envelopeId": "env-1", "recipientId": "2"})).encode())
        assert other.key != once.key

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"<DocuSignEnvelopeInformation/>",
            b"null",
            b"[]",
            b"\xff\xfe",
            b'"text"',
            b"[" * 100_000,
            json.dumps(message(event="")).encode(),
            json.dumps(message(data=None)).encode(),
            json.dumps(message(data={})).encode(),
            json.dumps(message(generatedDateTime="soon")).encode(),
            json.dumps(message(generatedDateTime=None)).encode(),
            json.dumps(message(retryCount="often")).encode(),
            json.dumps(message(data={"envelopeId": "e", "envelopeSummary": {"customFields": [1]}})).encode(),
        ],
    )
    def test_a_malformed_message_is_told_as_such(self, raw: bytes) -> None:
        """Whatever comes in, the answer is one error of one kind."""
        with pytest.raises(MalformedEvent):
            parse(raw)
