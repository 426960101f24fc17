"""The Graph stand-in keeps to graph.md: tokens, drafts, sending."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.world import SEED
from tests.sandbox.graph_access import (
    IMMUTABLE,
    ask_for_token,
    by_key,
    draft,
    error_code,
    mail_client,
    mail_form,
    service_form,
)
from tests.sandbox.stand_ins import StandIns, stand_ins


@pytest.fixture(scope="module")
def server() -> Iterator[StandIns]:
    """One sandbox for this file."""
    with stand_ins() as running:
        yield running


@pytest.fixture
def api(server: StandIns) -> Iterator[httpx.Client]:
    """A client of a freshly seeded shared mailbox."""
    server.control("POST", "reset")
    with mail_client(server) as client:
        yield client


def values(answer: httpx.Response) -> list[dict[str, Any]]:
    """The items of a collection."""
    assert answer.status_code == 200, answer.text
    return list(answer.json()["value"])


def folder_id(api: httpx.Client, *path: str) -> str:
    """A folder's id, walked level by level."""
    key = "msgfolderroot"
    for name in path:
        doubled = name.replace("'", "''")
        params = {"$filter": f"displayName eq '{doubled}'"}
        (folder,) = values(api.get(f"mailFolders/{key}/childFolders", params=params))
        key = folder["id"]
    return key


def arrive(server: StandIns, **mail: Any) -> None:
    """A mail arrives in the shared mailbox."""
    server.control("POST", "mails", {"from": "ada@contoso.example", "subject": "Licences", "text": "Hello", **mail})


# tokens


def test_a_token_needs_the_right_secret_tenant_and_scope(server: StandIns) -> None:
    """Each wrong part has the error of the token endpoint, not Graph's."""
    form, tenant = mail_form(server), SEED.msp.tenant_id
    assert ask_for_token(server, tenant, **form).json()["token_type"] == "Bearer"
    assert ask_for_token(server, tenant, **form | {"client_secret": "x"}).json()["error"] == "invalid_client"
    assert ask_for_token(server, tenant, **form | {"scope": "x"}).json()["error"] == "invalid_scope"
    contoso = SEED.customer("contoso").tenants[0].tenant_id
    assert ask_for_token(server, contoso, **form).json()["error"] == "unauthorized_client"
    assert ask_for_token(server, "nowhere", **form).status_code == 400


def test_an_access_token_lives_an_hour_of_the_sandboxs_time(api: httpx.Client, server: StandIns) -> None:
    """Then it is a 401."""
    assert api.get("messages").status_code == 200
    server.advance(seconds=3601)
    assert error_code(api.get("messages"), 401) == "InvalidAuthenticationToken"


def test_each_refresh_brings_a_new_refresh_token_that_works(server: StandIns) -> None:
    """The first stays good as well: a restart begins with the configured one."""
    form, tenant = service_form(server), SEED.msp.tenant_id
    first = ask_for_token(server, tenant, **form).json()["refresh_token"]
    assert first != form["refresh_token"]
    assert ask_for_token(server, tenant, **form | {"refresh_token": first}).status_code == 200
    assert ask_for_token(server, tenant, **form).status_code == 200
    assert ask_for_token(server, tenant, **form | {"refresh_token": "stale"}).json()["error"] == "invalid_grant"


def test_the_mail_app_reaches_the_shared_mailbox_and_no_other(api: httpx.Client, server: StandIns) -> None:
    """The access policy of the tenant; 403 `ErrorAccessDenied`."""
    other = api.get(f"{server.base_url}/graph/v1.0/users/tom@northgate.example/messages")
    assert error_code(other, 403) == "ErrorAccessDenied"


# sending


def test_a_draft_is_found_by_our_key_and_again_after_it_was_sent(api: httpx.Client, server: StandIns) -> None:
    """With the immutable-id preference the id stays; the copy lies in Sent Items."""
    made = api.post("messages", json=draft(), headers=IMMUTABLE)
    assert made.status_code == 201
    key = made.json()["id"]
    assert by_key(api, "ord-1/BILLING") == [{"@odata.etag": made.json()["@odata.etag"], "id": key, "isDraft": True}]
    sent = api.post(f"messages/{key}/send", headers=IMMUTABLE)
    assert (sent.status_code, sent.content) == (202, b"")
    (found,) = by_key(api, "ORD-1/billing")
    assert (found["id"], found["isDraft"]) == (key, False)
    shown = api.get(f"messages/{key}", headers=IMMUTABLE).json()
    assert shown["parentFolderId"] == api.get("mailFolders/sentitems").json()["id"]
    (effect,) = server.effects("graph", "mail sent")
    assert (effect["key"], effect["to"]) == ("ORD-1/billing", ["roberta@northgate.example"])


def test_an_ordinary_draft_id_stops_working_once_it_is_sent(api: httpx.Client) -> None:
    """Without the preference the copy in Sent Items has another id."""
    key = api.post("messages", json=draft()).json()["id"]
    assert api.post(f"messages/{key}/send").status_code == 202
    assert error_code(api.get(f"messages/{key}"), 404) == "ErrorItemNotFound"
    (copy,) = values(api.get("mailFolders/sentitems/messages"))
    assert copy["id"] != key


def test_a_sent_mail_cant_be_sent_or_rewritten(api: httpx.Client, server: StandIns) -> None:
    """One send, one mail."""
    key = api.post("messages", json=draft(), headers=IMMUTABLE).json()["id"]
    api.post(f"messages/{key}/send")
    assert error_code(api.post(f"messages/{key}/send"), 400) == "ErrorInvalidOperation"
    assert error_code(api.patch(f"messages/{key}", json={"subject": "x"}), 400) == "ErrorInvalidPropertySet"
    assert len(server.effects("graph", "mail sent")) == 1


def test_the_sent_copy_may_take_its_time(api: httpx.Client, server: StandIns) -> None:
    """Meanwhile neither the id nor the key finds it: looking once proves nothing."""
    server.control("POST", "settings", {"graph.sent_delay_seconds": 30})
    key = api.post("messages", json=draft(), headers=IMMUTABLE).json()["id"]
    assert api.post(f"messages/{key}/send", headers=IMMUTABLE).status_code == 202
    assert by_key(api, "ORD-1/billing") == []
    server.advance(seconds=31)
    (found,) = by_key(api, "ORD-1/billing")
    assert (found["id"], found["isDraft"]) == (key, False)


def test_a_mail_to_our_own_mailbox_comes_in_as_a_copy_without_the_key(api: httpx.Client) -> None:
    """Same Internet message id, another item; the property belongs to the sent item alone."""
    own = draft(toRecipients=[{"emailAddress": {"address": SEED.msp.mailbox}}])
    made = api.post("messages", json=own).json()
    api.post(f"messages/{made['id']}/send")
    params = {"$filter": f"internetMessageId eq '{made['internetMessageId']}'"}
    assert len(values(api.get("messages", params=params))) == 2
    assert len(by_key(api, "ORD-1/billing")) == 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"toRecipients": [{"emailAddress": {"address": "nobody"}}]}, "ErrorInvalidRecipients"),
        ({"toRecipients": [{"address": "a@b.c"}]}, "RequestBodyRead"),
        ({"body": "text"}, "RequestBodyRead"),
        ({"colour": "blue"}, "RequestBodyRead"),
        ({"internetMessageHeaders": [{"name": "order", "value": "1"}]}, "InvalidInternetMessageHeader"),
        ({"singleValueExtendedProperties": [{"id": "Key", "value": "1"}]}, "ErrorInvalidPropertyRequest"),
    ],
)
def test_a_draft_that_graph_doesnt_take_is_a_400(api: httpx.Client, changed: dict[str, Any], code: str) -> None:
    """Nothing is kept."""
    assert error_code(api.post("messages", json=draft(**changed)), 400) == code
    assert values(api.get("messages")) == []


def test_a_draft_without_recipients_cant_be_sent(api: httpx.Client, server: StandIns) -> None:
    """Nor one in somebody else's name."""
    key = api.post("messages", json=draft(toRecipients=[])).json()["id"]
    assert error_code(api.post(f"messages/{key}/send"), 400) == "ErrorInvalidRecipients"
    somebody = {"from": {"emailAddress": {"address": "tom@northgate.example"}}}
    assert error_code(api.post("messages", json=draft() | somebody), 403) == "ErrorSendAsDenied"
    assert server.effects("graph", "mail sent") == []


def test_send_mail_tells_nothing_and_leaves_a_copy(api: httpx.Client) -> None:
    """202, empty; the copy only if it is wanted."""
    for saved in (True, False):
        answer = api.post("sendMail", json={"message": draft(f"k{saved}"), "saveToSentItems": saved})
        assert (answer.status_code, answer.content) == (202, b"")
    assert [len(by_key(api, key)) for key in ("kTrue", "kFalse")] == [1, 0]


def test_attachments_travel_with_a_draft_up_to_three_megabytes(api: httpx.Client) -> None:
    """Then 413: an upload session would be needed."""
    file = {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": "signed.pdf",
        "contentType": "application/pdf",
        "contentBytes": "JVBERi0xLjc=",
    }
    key = api.post("messages", json=draft(attachments=[file])).json()["id"]
    assert api.post(f"messages/{key}/attachments", json={**file, "name": "certificate.pdf"}).status_code == 201
    names = [a["name"] for a in values(api.get(f"messages/{key}/attachments"))]
    assert names == ["signed.pdf", "certificate.pdf"]
    too_much = {**file, "contentBytes": "A" * 4_300_000}
    assert api.post(f"messages/{key}/attachments", json=too_much).status_code == 413


def test_an_unknown_path_is_a_404_that_the_ledger_flags(api: httpx.Client, server: StandIns) -> None:
    """Unknown paths are errors, not shrugs."""
    assert api.get("mailFolders/inbox/unicorns").status_code == 404
    assert server.control("GET", "ledger?vendor=graph")["entries"][-1]["unknown"] is True
