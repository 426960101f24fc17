"""The Graph clients against the sandbox: mail sent once, answers read and filed, customers' tenants looked at."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from tests.vendors.conftest import SandboxAddress, partner_block
from vendors.graph import (
    GraphMail,
    GraphMailBlock,
    GraphPartner,
    MailAttachment,
    MailRef,
    OutgoingMail,
)
from vendors.http import NotFound, Unauthorised, UnclearOutcome


def mail_block(sandbox: SandboxAddress) -> GraphMailBlock:
    credentials = sandbox.credentials["graph_mail"]
    return GraphMailBlock(
        mailbox=credentials["mailbox"],
        tenant_id=credentials["tenant_id"],
        client_id=credentials["client_id"],
        client_secret=SecretStr(credentials["client_secret"]),
        address=credentials["graph_url"],
        login_address=credentials["login_url"],
    )


@pytest.fixture
async def mail(sandbox: SandboxAddress) -> AsyncIterator[GraphMail]:
    async with mail_block(sandbox).client() as client:
        yield client


@pytest.fixture
def key() -> str:
    return f"T-{uuid.uuid4().hex[:10]}/Billing"


def outgoing(key: str, **more: object) -> OutgoingMail:
    return OutgoingMail.model_validate(
        {
            "key": key,
            "subject": f"[{key}] It's on",
            "html": "<p>Hello</p>",
            "to": ("ada@contoso.example",),
            **more,
        }
    )


async def test_check_says_in_one_line_what_works(sandbox: SandboxAddress) -> None:
    """Both blocks, as `make check` runs them."""
    for line in (await mail_block(sandbox).check(), await partner_block(sandbox).check()):
        assert line.startswith("Graph ")
        assert "\n" not in line


async def test_a_wrong_secret_is_a_fault_of_configuration_and_is_not_shown(sandbox: SandboxAddress) -> None:
    """Of the app as of the service account."""
    for block in (mail_block(sandbox), partner_block(sandbox)):
        wrong = block.model_copy(update={"client_secret": SecretStr("wr0ng-secret")})
        with pytest.raises(Unauthorised) as denied:
            await wrong.check()
        assert "wr0ng-secret" not in str(denied.value) + repr(denied.value) + repr(wrong)


async def test_a_mail_is_drafted_sent_and_found_by_its_key(mail: GraphMail, key: str) -> None:
    """One id from the draft to the copy in Sent Items; the key tells which of both it is."""
    assert await mail.find_by_key(key) == []
    file = MailAttachment(name="agreement.pdf", content_type="application/pdf", data=b"%PDF")
    draft = await mail.create_draft(outgoing(key, cc=("tom@northgate.example",), attachments=(file,)))
    (found,) = await mail.find_by_key(key)
    assert (found.id, found.is_draft, found.key) == (draft.id, True, key)
    await mail.send(draft.id)
    (sent,) = await mail.find_by_key(key)
    assert (sent.id, sent.is_draft) == (draft.id, False)
    assert sent.sent_at is not None
    assert await mail.find_by_key(key.upper()) == []

    whole = await mail.message(sent.id)
    assert (whole.to, whole.cc) == (("ada@contoso.example",), ("tom@northgate.example",))
    assert whole.has_attachments
    assert b"agreement.pdf" in await mail.mime(sent.id)


async def test_an_unclear_send_is_not_repeated_and_the_key_tells(
    mail: GraphMail, key: str, sandbox: SandboxAddress
) -> None:
    """The answer gets lost after the effect: the mail is out, once."""
    draft = await mail.create_draft(outgoing(key))
    fault = {"vendor": "graph", "method": "POST", "path": ".*/send$", "kind": "drop-after", "times": 1}
    sandbox.control("POST", "faults", fault)
    with pytest.raises(UnclearOutcome):
        await mail.send(draft.id)
    (sent,) = await mail.find_by_key(key)
    assert not sent.is_draft


async def test_a_folder_path_is_made_once_even_by_two_at_a_time(mail: GraphMail, key: str) -> None:
    """The second one meets 409 or finds it; either way it is one folder."""
    path = f"Vendors/{key.replace('/', '-')}/orders"
    with pytest.raises(NotFound):
        await mail.folder(path)
    first, second = await asyncio.gather(mail.folder(path, create=True), mail.folder(path, create=True))
    assert first == second == await mail.folder(path)
    assert await mail.folder(path.upper()) == first


async def test_an_answer_is_found_read_in_its_own_words_and_filed(
    mail: GraphMail, key: str, sandbox: SandboxAddress
) -> None:
    """By sender, subject and time; what it quotes is not its own; its id survives the move."""
    since = datetime.now(UTC) - timedelta(days=1)
    draft = await mail.create_draft(outgoing(key))
    await mail.send(draft.id)
    answer = {
        "from": "ada@contoso.example",
        "subject": f"RE: [{key}] It's on",
        "text": f"I confirm {key}: 3 × Visio Plan 1",
        "in_reply_to": draft.internet_message_id,
    }
    sandbox.control("POST", "mails", answer)
    (found,) = await mail.messages(await mail.folder("inbox"), "Ada@contoso.example", since, f"[{key}] It's")
    assert await mail.messages(sender="ben@contoso.example", since=since, subject_contains=key) == []
    reply = await mail.message(found.id)
    (with_body,) = await mail.messages(sender="ada@contoso.example", subject_contains=key, bodies=True)
    assert with_body.body == reply.body, "a list tells the whole text where it is asked to"
    assert reply.unique_text is not None
    assert reply.unique_text.splitlines()[0] == f"I confirm {key}: 3 × Visio Plan 1"
    assert "Hello" not in reply.unique_text
    assert reply.body is not None
    assert "Hello" in reply.body.content
    assert reply.conversation_id == draft.conversation_id
    assert not reply.is_automatic

    folder = await mail.folder("Clients/Contoso", create=True)
    moved = await mail.move(reply.id, folder)
    assert (moved.id, moved.parent_folder_id) == (reply.id, folder)
    again = await mail.move(reply.id, folder)
    assert (again.id, again.parent_folder_id) == (reply.id, folder)
    assert [message.id for message in await mail.messages(folder, subject_contains=key)] == [reply.id]


async def test_a_delta_brings_only_what_is_new(mail: GraphMail, key: str, sandbox: SandboxAddress) -> None:
    """From the link on; an automatic answer is known as one."""
    inbox = await mail.folder("inbox")
    _, link = await mail.delta(inbox)
    nothing, _ = await mail.delta(inbox, link)
    assert nothing == []
    note = {
        "from": "ben@contoso.example",
        "subject": f"Automatic reply: {key}",
        "text": "Away",
        "headers": {"Auto-Submitted": "auto-replied"},
    }
    sandbox.control("POST", "mails", note)
    (message,), _ = await mail.delta(inbox, link)
    assert message.subject == f"Automatic reply: {key}"
    assert (await mail.message(message.id)).is_automatic
    with pytest.raises(NotFound):
        await mail.delta(inbox, link.replace("token=", "token=forgotten"))


async def sent_terms(mail: GraphMail, key: str) -> MailRef:
    """A mail with terms, out to Ada."""
    html = f"<p>The terms.</p><p data-sentence>I confirm {key}: 3 × Visio Plan 1</p>"
    draft = await mail.create_draft(outgoing(key, html=html))
    await mail.send(draft.id)
    return draft


def answered(sandbox: SandboxAddress, key: str, **told: object) -> str:
    """Somebody answers the mail that carries this key; the id of the answer."""
    return str(sandbox.control("POST", f"mails/{quote(key, safe='')}/answer", told)["id"])


async def test_a_conversation_is_read_by_itself(mail: GraphMail, key: str, sandbox: SandboxAddress) -> None:
    """Our mail and the answers to it, latest first, whatever folder they lie in; narrowed down further if asked."""
    terms = await sent_terms(mail, key)
    before = datetime.now(UTC) - timedelta(minutes=5)
    reply = answered(sandbox, key, text="I do")
    stranger = answered(sandbox, key, **{"from": "eve@elsewhere.example"}, text="I do")
    answered(sandbox, key, text="I do", new_conversation=True)
    place = sandbox.place()
    found = await mail.messages(conversation_id=terms.conversation_id)
    assert {one.id for one in found} == {terms.id, reply, stranger}
    assert [one.received_at for one in found] == sorted((one.received_at for one in found), reverse=True)
    assert len([one for one in sandbox.ledger("graph", place) if one["method"]]) == 1
    narrow = await mail.messages(
        await mail.folder("inbox"), "ADA@contoso.example", before, key, conversation_id=terms.conversation_id
    )
    assert [one.id for one in narrow] == [reply]
    assert await mail.messages(conversation_id=terms.conversation_id, subject_contains="nothing like it") == []
    assert len(await mail.messages(conversation_id=terms.conversation_id, limit=1)) == 1
    assert await mail.messages(conversation_id="O'Neill") == []


@pytest.mark.parametrize("html", [False, True, "<p>I&nbsp;confirm <b>it</b></p>"])
async def test_an_answers_own_words_are_told_from_what_it_quotes(
    mail: GraphMail, key: str, sandbox: SandboxAddress, html: bool | str
) -> None:
    """As text and as HTML; the sentence stands in the quotation as well, and isn't its own there."""
    terms = await sent_terms(mail, key)
    reply = await mail.message(answered(sandbox, key, html=html, text="No.\nThat is too dear."))
    assert reply.conversation_id == terms.conversation_id
    assert reply.unique_text is not None and reply.body is not None
    assert f"I confirm {key}" not in reply.unique_text
    assert f"I confirm {key}: 3 × Visio Plan 1" in reply.body.content
    first = "I\xa0confirm it" if isinstance(html, str) else "No."
    assert reply.unique_text.splitlines()[0] == first


async def test_the_offered_sentence_is_the_answers_first_line(
    mail: GraphMail, key: str, sandbox: SandboxAddress
) -> None:
    """By the lever that copies it, alone or before other words."""
    await sent_terms(mail, key)
    alone = await mail.message(answered(sandbox, key, sentence=True))
    more = await mail.message(answered(sandbox, key, sentence=True, text="Thank you!", html=True))
    for reply in (alone, more):
        assert reply.unique_text is not None
        assert reply.unique_text.splitlines()[0] == f"I confirm {key}: 3 × Visio Plan 1"


async def test_an_answer_outside_the_conversation_owns_what_it_quotes(
    mail: GraphMail, key: str, sandbox: SandboxAddress
) -> None:
    """Exchange knows what is quoted by the conversation only; and what it takes for own can be odd or nothing."""
    terms = await sent_terms(mail, key)
    apart = await mail.message(answered(sandbox, key, text="No", new_conversation=True))
    assert apart.conversation_id != terms.conversation_id
    assert apart.unique_text is not None and f"I confirm {key}" in apart.unique_text
    empty = await mail.message(answered(sandbox, key, sentence=True, unique_body=""))
    assert empty.unique_text == ""


async def test_an_automatic_answer_a_late_and_a_doubled_one_are_what_they_are(
    mail: GraphMail, key: str, sandbox: SandboxAddress
) -> None:
    """The automatic one by its header; both copies have one Internet message id; the late one isn't there yet."""
    terms = await sent_terms(mail, key)
    away = await mail.message(answered(sandbox, key, automatic=True))
    assert away.is_automatic and away.conversation_id == terms.conversation_id
    answered(sandbox, key, text="Yes", times=2, headers={"X-Mailer": "Desk"})
    twice = [one for one in await mail.messages(conversation_id=terms.conversation_id) if one.subject.startswith("RE")]
    assert len(twice) == 2 and len({one.internet_message_id for one in twice}) == 1
    assert (await mail.message(twice[0].id)).header("x-mailer") == "Desk"
    late = answered(sandbox, key, text="Yes", delay=86_400)
    with pytest.raises(NotFound):
        await mail.message(late)


async def test_a_message_lies_in_the_folder_in_which_it_lies(
    mail: GraphMail, key: str, sandbox: SandboxAddress
) -> None:
    """In none above it; not any more once it was moved."""
    await sent_terms(mail, key)
    reply = answered(sandbox, key, text="Yes")
    inbox, above = await mail.folder("inbox"), await mail.folder(("ALLGGIT",), create=True)
    folder = await mail.folder(("ALLGGIT", key), create=True)
    assert await mail.lies_in(reply, inbox)
    assert not await mail.lies_in(reply, folder)
    await mail.move(reply, folder)
    assert await mail.lies_in(reply, folder)
    assert not await mail.lies_in(reply, inbox) and not await mail.lies_in(reply, above)
    with pytest.raises(NotFound):
        await mail.lies_in("nothing", folder)


@pytest.mark.parametrize(
    "name",
    [
        "A/B & Sons",
        "O'Neill's “Pub” #1 + 2?",
        "50% Off, Inc.",
        "Ünïcode 株式会社",
        "X" * 300,
        " Two\t\nblanks ",
        r"C:\\temp",
    ],
)
async def test_a_customers_folder_takes_any_name(mail: GraphMail, key: str, sandbox: SandboxAddress, name: str) -> None:
    """Each level given by itself: found again by another client, made once, and mails can be put into it."""
    path = ("ALLGGIT", f"{key[:6]} tests", name)
    folder = await mail.folder(path, create=True)
    async with mail_block(sandbox).client() as another:
        assert await another.folder(path, create=True) == folder
        assert await another.folder(path) == folder
    with pytest.raises(NotFound):
        await mail.folder(("ALLGGIT", " ", "x"), create=True)


async def test_a_delta_of_many_is_few_calls_and_loses_nothing(
    mail: GraphMail, key: str, sandbox: SandboxAddress
) -> None:
    """What came, whenever it came; what was moved away meanwhile isn't told."""
    inbox = await mail.folder("inbox")
    _, link = await mail.delta(inbox)
    await sent_terms(mail, key)
    came = {answered(sandbox, key, text=f"Answer {number}") for number in range(25)}
    gone = came.pop()
    await mail.move(gone, await mail.folder("archive"))
    place = sandbox.place()
    found, following = await mail.delta(inbox, link)
    assert {one.id for one in found} == came
    assert len(sandbox.ledger("graph", place)) == 1
    assert (await mail.delta(inbox, following))[0] == []
    since, _ = await mail.delta(inbox, since=datetime.now(UTC) + timedelta(hours=1))
    assert since == []


async def test_active_relationships_name_customer_and_roles(partner: GraphPartner) -> None:
    """One that still awaits approval isn't among them."""
    active = await partner.relationships()
    assert {one.status for one in active} == {"active"}
    contoso = next(one for one in active if "Contoso" in one.customer_name)
    assert contoso.customer_tenant_id
    assert contoso.roles
    assert contoso.end is not None
    assert contoso.end > datetime.now(UTC)
    assert all(one.status == "approvalPending" for one in await partner.relationships("approvalPending"))


async def test_a_domain_leads_to_its_tenant_or_to_none(partner: GraphPartner) -> None:
    """Microsoft's public discovery, by domain."""
    tenant = await partner.find_tenant("contoso.example")
    relationships = await partner.relationships()
    assert tenant is not None
    assert tenant.tenant_id in {one.customer_tenant_id for one in relationships}
    assert await partner.find_tenant("no-tenant-has-this.example") is None


async def test_a_customers_tenant_is_read_with_its_own_token(partner: GraphPartner) -> None:
    """Licences, subscriptions, users and domains, by the same credential."""
    tenant = await partner.find_tenant("contoso.example")
    assert tenant is not None
    contoso = partner.customer(tenant.tenant_id)
    skus = await contoso.subscribed_skus()
    assert skus
    assert all(sku.sku_id and sku.enabled >= sku.consumed for sku in skus)
    subscriptions = await contoso.directory_subscriptions()
    assert {one.sku_id for one in subscriptions} <= {sku.sku_id for sku in skus}
    ada = await contoso.user("ada@contoso.example")
    assert ada is not None
    assert ada.sku_ids <= {sku.sku_id for sku in skus}
    assert await contoso.user("nobody@contoso.example") is None
    domains = await contoso.domains()
    assert any(domain.is_initial and domain.name.endswith(".onmicrosoft.com") for domain in domains)


async def test_a_tenant_without_a_relationship_denies_access(partner: GraphPartner) -> None:
    """Fabrikam has a tenant, and gave no rights in it."""
    tenant = await partner.find_tenant("fabrikam.example")
    assert tenant is not None
    with pytest.raises(Unauthorised):
        await partner.customer(tenant.tenant_id).subscribed_skus()
