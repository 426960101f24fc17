"""Mail as Graph gives and takes it, without a server: what is written, and how what is read is understood."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from vendors.graph import KEY_PROPERTY, MailAttachment, MailRef, Message, OutgoingMail
from vendors.graph_http import quoted, segment
from vendors.graph_messages import instant


def test_a_draft_carries_its_key_as_an_extended_property() -> None:
    """By it the mail is found again after an unclear answer (graph.md §4.2)."""
    draft = OutgoingMail(
        key="CS-1/billing", subject="Hello", html="<p>Hi</p>", to=("a@x.example",), reply_to=("b@x.example",)
    ).as_written()
    assert draft["singleValueExtendedProperties"] == [{"id": KEY_PROPERTY, "value": "CS-1/billing"}]
    assert draft["toRecipients"] == [{"emailAddress": {"address": "a@x.example"}}]
    assert draft["replyTo"] == [{"emailAddress": {"address": "b@x.example"}}]
    assert "ccRecipients" not in draft
    assert "attachments" not in draft


def test_attachments_of_three_megabytes_are_refused_before_anything_is_sent() -> None:
    """Larger ones need an upload session, which shared mailboxes are known to refuse (graph.md §4.1)."""
    small = OutgoingMail(
        key="k",
        subject="s",
        html="h",
        to=("a@x.example",),
        attachments=(MailAttachment(name="a", data=b"x"),),
    )
    assert small.as_written()["attachments"][0]["contentBytes"] == "eA=="
    with pytest.raises(ValidationError, match="3 MB at most") as refused:
        OutgoingMail(
            key="k",
            subject="s",
            html="h",
            to=("a@x.example",),
            attachments=(MailAttachment(name="a", data=b"hush" + bytes(3_000_000)),),
        )
    assert "hush" not in str(refused.value)


def test_a_mail_without_a_key_or_a_recipient_cannot_be_built() -> None:
    """Without a key it could be sent twice."""
    with pytest.raises(ValidationError):
        OutgoingMail(key="", subject="s", html="h", to=("a@x.example",))
    with pytest.raises(ValidationError):
        OutgoingMail(key="k", subject="s", html="h", to=())


def test_what_a_mail_says_stays_out_of_its_repr() -> None:
    """Reprs end up in logs; a mail can bring a customer's words or an admin's password."""
    mail = OutgoingMail(key="k", subject="s", html="hush", to=("a@x.example",))
    body = {"contentType": "text", "content": "hush"}
    message = Message.of({"id": "1", "bodyPreview": "hush", "body": body, "uniqueBody": body})
    assert "hush" not in repr(mail) + repr(message)


def test_a_quote_in_a_text_is_doubled() -> None:
    """O'Neill must not end the literal."""
    assert quoted("O'Neill") == "'O''Neill'"


def test_an_id_is_one_segment_of_a_path() -> None:
    """Ids can hold slashes and equals signs."""
    assert segment("AA/b+c=") == "AA%2Fb%2Bc%3D"
    assert segment("licences@northgate.example") == "licences@northgate.example"


def test_times_are_written_in_utc_and_naive_ones_refused() -> None:
    """Whatever zone they come in."""
    assert instant(datetime(2026, 10, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == "2026-10-01T00:00:00Z"
    with pytest.raises(ValueError, match="zone"):
        instant(datetime(2026, 10, 1))  # noqa: DTZ001 - that is the point


def test_the_key_is_read_only_from_our_own_property() -> None:
    """Other programs have properties too."""
    record = {
        "id": "1",
        "isDraft": True,
        "singleValueExtendedProperties": [{"id": "String {0} Name Other", "value": "no"}],
    }
    assert MailRef.of(record).key == ""
    record["singleValueExtendedProperties"] = [{"id": KEY_PROPERTY, "value": "CS-1"}]
    assert MailRef.of(record).key == "CS-1"
    guid, name = KEY_PROPERTY.split("} ")
    record["singleValueExtendedProperties"] = [{"id": f"{guid.upper()}}} {name}", "value": "CS-1"}]
    assert MailRef.of(record).key == "CS-1"
    record["singleValueExtendedProperties"] = [{"id": KEY_PROPERTY.replace("Countersign", "countersign")}]
    assert MailRef.of(record).key == ""


def test_seven_fractional_digits_are_a_time() -> None:
    """Graph writes more digits than Python holds."""
    message = Message.of({"id": "1", "receivedDateTime": "2026-10-01T12:00:00.1234567Z"})
    assert message.received_at == datetime(2026, 10, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "automatic"),
    [(None, False), ("no", False), ("No", False), ("auto-replied", True), ("auto-generated; x=y", True)],
)
def test_an_automatic_answer_is_known_by_its_header(value: str | None, automatic: bool) -> None:
    """An out-of-office note must not count as anybody's word (RFC 3834)."""
    headers = [] if value is None else [{"name": "auto-submitted", "value": value}]
    assert Message.of({"id": "1", "internetMessageHeaders": headers}).is_automatic is automatic


def test_a_reply_that_was_not_given_as_text_is_nobodys_text() -> None:
    """A person reads it: nothing is guessed from HTML."""
    html = {"id": "1", "uniqueBody": {"contentType": "html", "content": "<p>I confirm</p>"}}
    text = {"id": "1", "uniqueBody": {"contentType": "text", "content": "I confirm"}}
    assert Message.of(html).unique_text is None
    assert Message.of(text).unique_text == "I confirm"
    assert Message.of({"id": "1"}).unique_text is None
