"""The DocuSign client against its stand-in, over real HTTP: an agreement's whole life."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from tests.vendors.conftest import SandboxAddress
from vendors.docusign import DocuSign, DocuSignBlock, EnvelopeDraft, RoleAssignment
from vendors.docusign_connect import BadSignature, parse, verify
from vendors.http import NotFound, RateLimited, Refused, RetryPolicy, Unauthorised, Unavailable, UnclearOutcome

SIGNERS = {"customer": "ada@contoso.example", "msp": "kim@northgate.example"}


def block(sandbox: SandboxAddress, **changes: Any) -> DocuSignBlock:
    known = sandbox.credentials["docusign"]
    settings: dict[str, Any] = {
        "account_id": known["account_id"],
        "integration_key": known["integration_key"],
        "user_id": known["user_id"],
        "private_key": SecretStr(known["private_key"]),
        "oauth_address": known["oauth_url"],
        "connect_key": SecretStr(known["hmac_key"]),
    }
    return DocuSignBlock(**(settings | changes))


class Webhook:
    """A receiver that answers 200 to everything and keeps what came."""

    def __init__(self) -> None:
        self.url = ""
        self._came: list[tuple[dict[str, str], bytes]] = []
        self._news = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one message."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = next(int(value) for name, value in headers.items() if name.lower() == "content-length")
        raw = await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        async with self._news:
            self._came.append((headers, raw))
            self._news.notify_all()

    async def message(self, event: str) -> tuple[dict[str, str], bytes]:
        """Wait for a message of this event; return its headers and its raw body."""

        def wanted() -> list[tuple[dict[str, str], bytes]]:
            return [one for one in self._came if json.loads(one[1])["event"] == event]

        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(wanted)
            return wanted()[0]


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    """A webhook receiver on a free port."""
    receiver = Webhook()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks/docusign"
    async with server:
        yield receiver


@pytest.fixture
async def docusign(sandbox: SandboxAddress) -> AsyncIterator[DocuSign]:
    """A client with the sandbox's credentials."""
    async with block(sandbox).client() as client:
        yield client


@pytest.fixture
def draft(sandbox: SandboxAddress) -> EnvelopeDraft:
    """An agreement for three seats of Visio, with a reference and a transaction of its own."""
    known = sandbox.credentials["docusign"]
    reference = f"CS-{uuid4().hex[:10]}"
    return EnvelopeDraft(
        template_id=known["templates"]["Monthly"],
        subject=f"Subscription agreement {reference}",
        blurb="Please sign.",
        transaction_id=str(uuid4()),
        custom_fields={"countersign_ref": reference},
        roles=(
            RoleAssignment(
                role_name=known["template_roles"]["customer"],
                name="Ada Byte",
                email=SIGNERS["customer"],
                routing_order=1,
                tabs={"CustomerName": "Contoso Ltd", "Product1": "Visio Plan 1", "Seats1": "3"},
            ),
            RoleAssignment(
                role_name=known["template_roles"]["msp"],
                name="Kim Lund",
                email=SIGNERS["msp"],
                routing_order=2,
            ),
        ),
        expire_after_days=14,
    )


async def test_an_agreement_is_drafted_corrected_sent_signed_and_filed(
    sandbox: SandboxAddress, docusign: DocuSign, draft: EnvelopeDraft
) -> None:
    """From the draft to the signed paper, as the procedure walks it."""
    started = datetime.now(UTC) - timedelta(minutes=5)
    envelope_id = await docusign.create_draft(draft)
    made = await docusign.envelope(envelope_id)
    assert made.status == "created"
    assert made.sent_at is None
    assert made.custom_fields == draft.custom_fields

    customer = next(signer for signer in made.signers if signer.email == SIGNERS["customer"])
    await docusign.set_tabs(envelope_id, customer.recipient_id, {"Seats1": "4"})
    await docusign.set_custom_field(envelope_id, "countersign_run", "run-1")
    await docusign.set_custom_field(envelope_id, "countersign_run", "run-2")
    await docusign.send(envelope_id)
    sent = await docusign.envelope(envelope_id)
    assert sent.status == "sent"
    assert sent.expires_at is not None
    assert sent.custom_fields == draft.custom_fields | {"countersign_run": "run-2"}

    sandbox.control("POST", f"envelopes/{envelope_id}/sign", {"by": "customer"})
    assert (await docusign.envelope(envelope_id)).status in ("sent", "delivered")
    sandbox.control("POST", f"envelopes/{envelope_id}/sign", {"by": "msp"})
    signed = await docusign.envelope_with_tabs(envelope_id)
    assert signed.status == "completed"
    assert signed.completed_at is not None
    assert all(signer.status == "completed" and signer.signed_at for signer in signed.signers)
    tabs = next(signer.tabs for signer in signed.signers if signer.email == SIGNERS["customer"])
    assert (tabs["Product1"], tabs["Seats1"]) == ("Visio Plan 1", "4")

    for which in ("combined", "certificate"):
        paper = await docusign.document(envelope_id, which)
        assert paper.startswith(b"%PDF-")
    changed = await docusign.changed_since(started)
    assert envelope_id in {envelope.envelope_id for envelope in changed}


async def test_a_lost_answer_is_found_again_by_transaction_and_by_reference(
    sandbox: SandboxAddress, docusign: DocuSign, draft: EnvelopeDraft
) -> None:
    """The draft was made, the answer lost: unclear once, found twice, made once."""
    await docusign.templates()
    path = "/envelopes$"
    sandbox.control("POST", "faults", {"vendor": "docusign", "method": "POST", "path": path, "kind": "drop-after"})
    with pytest.raises(UnclearOutcome):
        await docusign.create_draft(draft)
    (by_transaction,) = await docusign.find_by_transaction(draft.transaction_id)
    reference = draft.custom_fields["countersign_ref"]
    since = datetime.now(UTC) - timedelta(days=1)
    (by_reference,) = await docusign.find_by_custom_field("countersign_ref", reference, since)
    assert by_transaction.envelope_id == by_reference.envelope_id
    assert by_transaction.status == by_reference.status == "created"


@pytest.mark.parametrize("kind", ["500-before", "500-after", "drop-before", "drop-after"])
async def test_whatever_goes_wrong_a_draft_is_posted_once(
    sandbox: SandboxAddress, docusign: DocuSign, draft: EnvelopeDraft, kind: str
) -> None:
    """Before or after the effect: the client can't tell, and doesn't try again."""
    await docusign.templates()
    place = sandbox.place()
    sandbox.control("POST", "faults", {"vendor": "docusign", "method": "POST", "path": "/envelopes$", "kind": kind})
    with pytest.raises(UnclearOutcome):
        await docusign.create_draft(draft)
    posts = [entry for entry in sandbox.ledger("docusign", place) if entry["method"] == "POST"]
    assert len(posts) == 1


@pytest.mark.parametrize("kind", ["429", "500-before", "drop-before"])
async def test_a_read_gets_over_a_stumble(sandbox: SandboxAddress, docusign: DocuSign, kind: str) -> None:
    """A limit, a fault, a dropped connection: the second look succeeds."""
    await docusign.templates()
    fault = {"vendor": "docusign", "method": "GET", "path": "/templates", "kind": kind, "retry_after": 0.1}
    sandbox.control("POST", "faults", fault)
    assert await docusign.templates("agreement")


async def test_a_limit_is_waited_out_before_sending(
    sandbox: SandboxAddress, docusign: DocuSign, draft: EnvelopeDraft
) -> None:
    """A 429 to a write did nothing: one envelope, although posted twice."""
    fault = {"vendor": "docusign", "method": "POST", "path": "/envelopes$", "kind": "429", "retry_after": 0.1}
    sandbox.control("POST", "faults", fault)
    await docusign.create_draft(draft)
    assert len(await docusign.find_by_transaction(draft.transaction_id)) == 1


async def test_declined_voided_expired_and_bounced_are_told_apart(
    sandbox: SandboxAddress, docusign: DocuSign, draft: EnvelopeDraft
) -> None:
    """Each end of an envelope is read as what it is."""

    async def sent() -> str:
        changes = {"transaction_id": str(uuid4())}
        envelope_id = await docusign.create_draft(draft.model_copy(update=changes))
        await docusign.send(envelope_id)
        return envelope_id

    declined = await sent()
    sandbox.control("POST", f"envelopes/{declined}/decline", {"reason": "Too dear"})
    read = await docusign.envelope(declined)
    assert read.status == "declined"
    assert "Too dear" in {signer.declined_reason for signer in read.signers}

    voided = await sent()
    await docusign.void(voided, "Withdrawn by the customer")
    read = await docusign.envelope(voided)
    assert (read.status, read.voided_reason) == ("voided", "Withdrawn by the customer")

    expired = await sent()
    sandbox.control("POST", f"envelopes/{expired}/expire")
    read = await docusign.envelope(expired)
    assert read.status == "voided"
    assert "expired" in read.voided_reason

    bounced = await sent()
    sandbox.control("POST", f"envelopes/{bounced}/bounce", {"reason": "550 no such mailbox"})
    read = await docusign.envelope(bounced)
    assert read.status == "sent"
    assert any("550" in signer.auto_responded_reason for signer in read.signers)


async def test_a_finished_envelope_is_not_voided(
    sandbox: SandboxAddress, docusign: DocuSign, draft: EnvelopeDraft
) -> None:
    """A signature that was faster wins, and DocuSign's refusal says so."""
    envelope_id = await docusign.create_draft(draft)
    await docusign.send(envelope_id)
    sandbox.control("POST", f"envelopes/{envelope_id}/sign")
    with pytest.raises(Refused) as raised:
        await docusign.void(envelope_id, "Too late")
    assert raised.value.code
    assert raised.value.trace_id
    assert (await docusign.envelope(envelope_id)).status == "completed"


async def test_looking_too_often_at_one_envelope_is_rate_limited(
    sandbox: SandboxAddress, docusign: DocuSign, draft: EnvelopeDraft
) -> None:
    """The per-envelope limit comes as HTTP 400 and is no refusal."""
    envelope_id = await docusign.create_draft(draft)
    known = block(sandbox)
    impatient = DocuSign(
        integration_key=known.integration_key,
        user_id=known.user_id,
        account_id=known.account_id,
        private_key=known.private_key.get_secret_value(),
        oauth_address=known.oauth_address,
        policy=RetryPolicy(tries=1),
    )
    async with impatient:
        with pytest.raises(RateLimited) as raised:
            for _ in range(200):
                await impatient.envelope(envelope_id)
    assert raised.value.status == 400
    assert raised.value.retry_after == 30.0


async def test_the_list_is_a_second_way_when_the_single_read_fails(
    sandbox: SandboxAddress, docusign: DocuSign, draft: EnvelopeDraft
) -> None:
    """One envelope's own address fails; by ids or by our reference it and its signers are read all the same."""
    first = await docusign.create_draft(draft)
    second = await docusign.create_draft(draft.model_copy(update={"transaction_id": str(uuid4())}))
    for envelope_id in (first, second):
        await docusign.send(envelope_id)
    sandbox.control("POST", f"envelopes/{first}/sign", {"by": "customer"})
    fault = {"vendor": "docusign", "method": "GET", "path": f"/envelopes/{first}", "kind": "500-before", "times": 99}
    sandbox.control("POST", "faults", fault)
    with pytest.raises(Unavailable):
        await docusign.envelope(first)
    assert (await docusign.envelope(second)).status == "sent"

    unknown = str(uuid4())
    place = sandbox.place()
    listed = {one.envelope_id: one for one in await docusign.envelopes([first, unknown, second, first])}
    assert set(listed) == {first, second} and len(sandbox.ledger("docusign", place)) == 1
    statuses = {signer.email: signer.status for signer in listed[first].signers}
    assert (listed[first].status, statuses[SIGNERS["customer"]], statuses[SIGNERS["msp"]]) == (
        "sent",
        "completed",
        "sent",
    )
    assert listed[second] == await docusign.envelope(second)
    reference, since = draft.custom_fields["countersign_ref"], datetime.now(UTC) - timedelta(days=1)
    found = await docusign.envelopes_by_custom_field("countersign_ref", reference, since)
    assert {one.envelope_id: one for one in found} == listed
    assert await docusign.envelopes_by_custom_field("countersign_ref", f"{reference}x", since) == []
    assert await docusign.envelopes([]) == []


async def test_many_envelopes_are_listed_a_few_at_a_time(
    sandbox: SandboxAddress, docusign: DocuSign, draft: EnvelopeDraft
) -> None:
    """Their ids stand in the address, which must not grow without end; what is no id reaches no address."""
    envelope_id = await docusign.create_draft(draft)
    await docusign.templates()
    place = sandbox.place()
    listed = await docusign.envelopes([*(str(uuid4()) for _ in range(120)), envelope_id])
    assert [one.envelope_id for one in listed] == [envelope_id]
    assert len(sandbox.ledger("docusign", place)) == 3
    with pytest.raises(NotFound):
        await docusign.envelopes(["a,b"])


async def test_a_customers_signature_alone_completes_nothing(
    sandbox: SandboxAddress, docusign: DocuSign, draft: EnvelopeDraft
) -> None:
    """Signed at a moment of the sandbox's clock; ours outstanding, then countersigned."""
    envelope_id = await docusign.create_draft(draft)
    await docusign.send(envelope_id)
    now = datetime.fromisoformat(sandbox.control("GET", "clock")["now"])
    sandbox.control("POST", f"envelopes/{envelope_id}/sign", {"by": "customer", "at": str(now + timedelta(seconds=2))})
    assert {signer.status for signer in (await docusign.envelope(envelope_id)).signers} == {"sent", "created"}
    sandbox.control("POST", "clock", {"advance_seconds": 60})
    try:
        read = await docusign.envelope(envelope_id)
        customer = next(signer for signer in read.signers if signer.email == SIGNERS["customer"])
        assert (read.status, customer.status, customer.signed_at) == ("sent", "completed", now + timedelta(seconds=2))
        sandbox.control("POST", f"envelopes/{envelope_id}/sign", {"by": "msp"})
        assert (await docusign.envelope(envelope_id)).status == "completed"
    finally:
        sandbox.control("POST", "clock", {"to": "real"})


async def test_a_template_shows_what_the_draft_needs(docusign: DocuSign, draft: EnvelopeDraft) -> None:
    """Roles and labels of the configured template are there before anything is made."""
    template = await docusign.template(draft.template_id)
    assert {role.role_name for role in template.roles} == {role.role_name for role in draft.roles}
    assert {"CustomerName", "Term", "Reference", "Product1", "Seats4"} <= template.tab_labels
    assert draft.template_id in {one.template_id for one in await docusign.templates()}


async def test_what_is_not_there_is_told(docusign: DocuSign) -> None:
    """An unknown envelope is an error that names DocuSign, not a crash."""
    with pytest.raises((NotFound, Refused)):
        await docusign.envelope(str(uuid4()))


async def test_the_block_checks_itself(sandbox: SandboxAddress) -> None:
    """One line if it works; what is wrong if it doesn't."""
    assert "Northgate" in await block(sandbox).check()
    for wrong in ({"user_id": str(uuid4())}, {"integration_key": str(uuid4())}, {"account_id": str(uuid4())}):
        with pytest.raises(Unauthorised):
            await block(sandbox, **wrong).check()


async def test_an_unknown_field_would_have_been_refused(sandbox: SandboxAddress, docusign: DocuSign) -> None:
    """The stand-in is strict: nothing that this client sends is unknown to it."""
    await docusign.templates()
    entries = sandbox.ledger("docusign")
    assert entries
    assert not [entry for entry in entries if entry.get("unknown")]
    assert "PRIVATE KEY" not in json.dumps(entries)


async def test_a_real_connect_message_verifies_and_tells_our_reference(
    sandbox: SandboxAddress, draft: EnvelopeDraft, webhook: Webhook
) -> None:
    """What the stand-in signs, the check accepts, and no other key's."""
    hooked = block(sandbox, webhook_url=webhook.url)
    async with hooked.client() as docusign:
        envelope_id = await docusign.create_draft(draft)
        await docusign.send(envelope_id)
    sandbox.control("POST", f"envelopes/{envelope_id}/sign")
    headers, raw = await webhook.message("envelope-completed")
    verify(raw, headers, hooked.connect_keys())
    with pytest.raises(BadSignature):
        verify(raw, headers, [SecretStr("another")])
    event = parse(raw)
    assert (event.event, event.envelope_id) == ("envelope-completed", envelope_id)
    assert event.custom_fields == draft.custom_fields


async def test_a_list_brings_what_stands_in_the_fields(docusign: DocuSign, draft: EnvelopeDraft) -> None:
    """The same as the rationed single read, for many at once."""
    made = await docusign.create_draft(draft)
    listed = [one async for one in docusign.with_tabs_since(datetime.now(UTC) - timedelta(days=400))]
    alone = await docusign.envelope_with_tabs(made)
    assert next(one for one in listed if one.envelope_id == made).signers == alone.signers
    assert any(signer.tabs for signer in alone.signers)
