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


def from_ada(*results: str) -> Message:
    """A mail from Ada by its own word, below those headers."""
    headers = [{"name": "Authentication-Results", "value": one} for one in results]
    return Message.of(
        {"id": "1", "from": {"emailAddress": {"address": "Ada@Contoso.example"}}, "internetMessageHeaders": headers}
    )


EXCHANGE = (
    "spf=pass (sender IP is 192.0.2.7) smtp.mailfrom=contoso.example; dkim=pass (signature was verified) "
    "header.d=contoso.example;dmarc=pass action=none header.from=contoso.example;compauth=pass reason=100"
)


@pytest.mark.parametrize(
    "result",
    [
        EXCHANGE,
        EXCHANGE.replace("dmarc=pass", "dmarc=bestguesspass"),
        EXCHANGE.replace("contoso.example", "CONTOSO.example"),
        f"mx.northgate.example 1; {EXCHANGE}",
        EXCHANGE.replace("dmarc=pass", "dmarc=pass (p=reject dis=none)"),
    ],
)
def test_the_receiving_server_vouches_for_a_senders_domain(result: str) -> None:
    """As Exchange Online and others write it (RFC 8601); of several only the topmost is the receiving server's."""
    assert from_ada(result).is_authenticated
    assert from_ada(result, EXCHANGE.replace("dmarc=pass", "dmarc=fail")).is_authenticated
    assert not from_ada(EXCHANGE.replace("dmarc=pass", "dmarc=fail"), result).is_authenticated


@pytest.mark.parametrize(
    "result",
    [
        "",
        "none",
        *(EXCHANGE.replace("dmarc=pass", f"dmarc={one}") for one in ("fail", "none", "temperror", "passing", "")),
        EXCHANGE.replace("header.from=contoso.example", "header.from=evil.example"),
        EXCHANGE.replace("header.from=contoso.example", "header.from=contoso.example.evil.example"),
        EXCHANGE.replace("header.from=contoso.example", ""),
        EXCHANGE.replace("dmarc=pass action=none header.from=contoso.example;", ""),
        f"spf=fail smtp.mailfrom=x (dmarc=pass header.from=contoso.example); {EXCHANGE.replace('=pass', '=fail')}",
        f'spf=fail smtp.mailfrom="; dmarc=pass header.from=contoso.example; "@evil.example; {EXCHANGE}',
        "spf=fail smtp.mailfrom=x;dmarc=pass action=none header.from=evil.example header.from=contoso.example",
        "dmarc=fail header.from=contoso.example;dmarc=pass header.from=contoso.example",
    ],
)
def test_what_does_not_say_so_of_that_very_domain_proves_nothing(result: str) -> None:
    """A sender chooses what stands in `From`, in the envelope and in comments."""
    assert not from_ada(result).is_authenticated


def test_a_mail_without_such_a_header_or_without_a_sender_proves_nothing() -> None:
    """Neither does an address without a domain."""
    assert not from_ada().is_authenticated
    headers = [{"name": "Authentication-Results", "value": "dmarc=pass header.from="}]
    for address in ("", "ada", "ada@"):
        sender = {"emailAddress": {"address": address}}
        assert not Message.of({"id": "1", "from": sender, "internetMessageHeaders": headers}).is_authenticated


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
