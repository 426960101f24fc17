"""The Graph stand-in keeps to graph.md: what arrives, finding, folders, moving, delta."""

from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from typing import Any

import httpx
import pytest

from tests.sandbox.graph_access import (
    IMMUTABLE,
    KEY_ID,
    draft,
    error_code,
    mail_client,
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


# what arrives


def test_a_late_mail_is_invisible_until_the_clock_reaches_it(api: httpx.Client, server: StandIns) -> None:
    """Its received time is then, not now."""
    arrive(server, delay=3600)
    assert values(api.get("mailFolders/inbox/messages")) == []
    server.advance(seconds=3599)
    assert values(mail_client(server).get("mailFolders/inbox/messages")) == []
    server.advance(seconds=2)
    assert len(values(mail_client(server).get("mailFolders/inbox/messages"))) == 1
    assert len(server.effects("graph", "mail received")) == 1


def test_a_replys_unique_body_leaves_out_what_it_quotes_and_only_when_selected(
    api: httpx.Client, server: StandIns
) -> None:
    """It joins the conversation of the mail that it answers."""
    sent = api.post("messages", json=draft(), headers=IMMUTABLE).json()
    api.post(f"messages/{sent['id']}/send")
    arrive(server, text="I confirm ORD-1", in_reply_to=sent["internetMessageId"], subject="RE: terms")
    params = {"$filter": f"conversationId eq '{sent['conversationId']}' and isDraft eq false"}
    reply = next(m for m in values(api.get("messages", params=params)) if m["subject"] == "RE: terms")
    assert "Visio Plan 1 × 3" in reply["body"]["content"]
    assert {"uniqueBody", "internetMessageHeaders"}.isdisjoint(reply)
    text = {"Prefer": 'outlook.body-content-type="text"'}
    own = api.get(f"messages/{reply['id']}", params={"$select": "uniqueBody"}, headers=text).json()
    assert own["uniqueBody"] == {"contentType": "text", "content": "I confirm ORD-1"}
    assert "subject" not in own


def test_headers_tell_who_a_mail_came_from_and_what_it_is(api: httpx.Client, server: StandIns) -> None:
    """They come only when selected, and can't be filtered."""
    arrive(server, headers={"Auto-Submitted": "auto-replied"})
    (mail,) = values(api.get("messages", params={"$select": "internetMessageHeaders"}))
    headers = {h["name"]: h["value"] for h in mail["internetMessageHeaders"]}
    assert headers["Auto-Submitted"] == "auto-replied"
    assert "dmarc=pass action=none header.from=contoso.example" in headers["Authentication-Results"]
    arrive(server, authenticated=False, headers={"Authentication-Results": "dmarc=pass header.from=contoso.example"})
    shown = values(api.get("messages", params={"$select": "internetMessageHeaders"}))
    results = [
        [h["value"].rpartition("dmarc=")[2][:4] for h in one["internetMessageHeaders"] if h["name"].startswith("Auth")]
        for one in shown
    ]
    assert sorted(results) == [["fail", "pass"], ["pass"]], "the server's own stands above what the sender wrote"
    refused = api.get("messages", params={"$filter": "internetMessageHeaders/name eq 'x'"})
    assert error_code(refused, 400) == "BadRequest"


def test_a_mails_source_is_a_whole_eml(api: httpx.Client, server: StandIns) -> None:
    """With its sender, its id and its attachments: evidence for the ticket."""
    file = {"name": "note.txt", "contentType": "text/plain", "contentBytes": "SGVsbG8="}
    arrive(server, html="<p>I <b>confirm</b></p>", sender_name="Ada Byte", attachments=[file])
    (mail,) = values(api.get("messages"))
    source = api.get(f"messages/{mail['id']}/$value")
    parsed = message_from_bytes(source.content, policy=default)
    assert parsed["From"] == "Ada Byte <ada@contoso.example>"
    assert parsed["Message-ID"] == mail["internetMessageId"]
    assert parsed.get_content_type() == "multipart/mixed"
    texts = {part.get_content_type(): part for part in parsed.walk()}
    assert texts["text/html"].get_content().strip() == "<p>I <b>confirm</b></p>"
    names = [part.get_filename() for part in parsed.walk() if part.get_content_disposition() == "attachment"]
    assert names == ["note.txt"]


def test_create_reply_answers_in_the_conversation(api: httpx.Client, server: StandIns) -> None:
    """201 with a draft to the sender, which quotes him."""
    arrive(server)
    (mail,) = values(api.get("messages"))
    reply = api.post(f"messages/{mail['id']}/createReply", json={"comment": "Thank you"})
    assert reply.status_code == 201
    told = reply.json()
    assert (told["subject"], told["conversationId"]) == ("RE: Licences", mail["conversationId"])
    assert told["toRecipients"][0]["emailAddress"]["address"] == "ada@contoso.example"
    assert "Hello" in told["body"]["content"]


# finding


@pytest.fixture
def three(api: httpx.Client, server: StandIns) -> httpx.Client:
    """Three mails of the distributor and one of Ada, an hour apart."""
    for number in range(3):
        arrive(server, **{"from": "No-Reply@pax8.example"}, subject=f"Order confirmation: it's {number}")
        server.advance(seconds=600)
    arrive(server)
    return mail_client(server)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("from/emailAddress/address eq 'no-reply@pax8.example'", 3),
        ("receivedDateTime ge 2026-01-01T00:00:00Z and from/emailAddress/address eq 'no-reply@pax8.example'", 3),
        ("receivedDateTime ge 2999-01-01T00:00:00Z", 0),
        ("startswith(subject,'order CONFIRMATION')", 3),
        ("contains(subject,'it''s 1')", 1),
        ("not startswith(subject,'Order') or contains(subject,'2')", 2),
        ("(isRead eq false) and (hasAttachments eq false)", 4),
        ("subject eq 'Licences'", 1),
    ],
)
def test_filters_find_what_they_say(three: httpx.Client, wanted: str, count: int) -> None:
    """Text is compared without case, a quote is doubled."""
    assert len(values(three.get("mailFolders/inbox/messages", params={"$filter": wanted, "$top": "50"}))) == count


@pytest.mark.parametrize(
    "wanted",
    [
        "subject like 'x'",
        "subject eq 'x",
        "colour eq 'blue'",
        "receivedDateTime ge '2026-01-01T00:00:00Z'",
        "isRead eq 'false'",
        "contains(subject)",
        "subject eq 'a' subject eq 'b'",
        "body/content eq 'x'",
    ],
)
def test_filter_syntax_that_graph_doesnt_know_is_a_400(api: httpx.Client, wanted: str) -> None:
    """Never a silent nothing."""
    assert error_code(api.get("messages", params={"$filter": wanted}), 400) == "BadRequest"


def test_what_is_ordered_by_must_be_filtered_first(three: httpx.Client) -> None:
    """Otherwise `InefficientFilter`."""
    sender, since = "from/emailAddress/address eq 'no-reply@pax8.example'", "receivedDateTime ge 2026-01-01T00:00:00Z"
    order = {"$orderby": "receivedDateTime desc"}
    for text in (sender, f"{sender} and {since}"):
        assert error_code(three.get("messages", params={"$filter": text, **order}), 400) == "InefficientFilter"
    subjects = [
        m["subject"] for m in values(three.get("messages", params={"$filter": f"{since} and {sender}", **order}))
    ]
    assert subjects == sorted(subjects, reverse=True)


def test_pages_follow_the_next_link(three: httpx.Client) -> None:
    """Ten by default, `$top` up to 1000; the link is a full address."""
    answer = three.get("messages", params={"$top": "3", "$select": "subject"}).json()
    assert len(answer["value"]) == 3
    rest = three.get(answer["@odata.nextLink"]).json()
    assert len(rest["value"]) == 1
    assert "@odata.nextLink" not in rest
    assert three.get("messages", params={"$top": "1001"}).status_code == 400
    assert error_code(three.get("messages", params={"$select": "colour"}), 400) == "RequestBroker--ParseUri"
    assert three.get("messages", params={"colour": "blue"}).status_code == 400


def test_search_looks_in_properties_and_stands_alone(three: httpx.Client) -> None:
    """Not together with a filter."""
    params = {"$search": '"subject:confirmation AND from:pax8"'}
    assert len(values(three.get("messages", params=params))) == 3
    assert three.get("messages", params={**params, "$filter": "isRead eq false"}).status_code == 400


# folders, moving, delta


def test_folders_are_walked_level_by_level(api: httpx.Client) -> None:
    """There is no path addressing; top-level lists come ten at a time."""
    orders = folder_id(api, "Vendors", "vendor emails", "Pax8", "orders")
    assert api.get(f"mailFolders/{orders}").json()["displayName"] == "orders"
    assert folder_id(api, "ALLGGIT", "Contoso Ltd")
    children = api.get(f"mailFolders/{folder_id(api, 'ALLGGIT')}/childFolders").json()
    assert len(children["value"]) == 10
    assert "@odata.nextLink" in children
    assert error_code(api.get("mailFolders/nowhere"), 404) == "ErrorItemNotFound"


def test_a_folder_is_made_once(api: httpx.Client, server: StandIns) -> None:
    """A second one of that name, whatever its case, is 409 `ErrorFolderExists`."""
    parent = folder_id(api, "ALLGGIT")
    made = api.post(f"mailFolders/{parent}/childFolders", json={"displayName": "Munson's Farm"})
    assert made.status_code == 201
    again = api.post(f"mailFolders/{parent}/childFolders", json={"displayName": "MUNSON'S farm"})
    assert error_code(again, 409) == "ErrorFolderExists"
    assert folder_id(api, "ALLGGIT", "Munson's Farm") == made.json()["id"]
    assert [e["path"] for e in server.effects("graph", "folder created")] == ["ALLGGIT/Munson's Farm"]


def test_a_move_changes_the_ordinary_id_and_keeps_the_immutable_one(api: httpx.Client, server: StandIns) -> None:
    """Move is copy and delete."""
    arrive(server)
    (ordinary,) = values(api.get("mailFolders/inbox/messages"))
    (immutable,) = values(api.get("mailFolders/inbox/messages", headers=IMMUTABLE))
    assert ordinary["id"] != immutable["id"]
    target = folder_id(api, "ALLGGIT", "Contoso Ltd")
    moved = api.post(f"messages/{immutable['id']}/move", json={"destinationId": target}, headers=IMMUTABLE)
    assert (moved.status_code, moved.json()["id"]) == (201, immutable["id"])
    assert moved.json()["parentFolderId"] == target
    assert api.get(f"messages/{ordinary['id']}").status_code == 404
    (effect,) = server.effects("graph", "message moved")
    assert (effect["folder"], effect["id"]) == ("ALLGGIT/Contoso Ltd", immutable["id"])


def test_delta_tells_what_is_new_and_what_is_gone(api: httpx.Client, server: StandIns) -> None:
    """Pages by `odata.maxpagesize`; the delta link goes on from there."""
    for number in range(3):
        arrive(server, subject=f"mail {number}")
    prefer = {"Prefer": 'IdType="ImmutableId", odata.maxpagesize=2'}
    first = api.get("mailFolders/inbox/messages/delta", params={"$select": "subject"}, headers=prefer).json()
    assert len(first["value"]) == 2
    second = api.get(first["@odata.nextLink"], headers=prefer).json()
    assert len(second["value"]) == 1
    seen = {m["id"] for m in (*first["value"], *second["value"])}
    gone = first["value"][0]["id"]
    api.post(f"messages/{gone}/move", json={"destinationId": "archive"})
    arrive(server, subject="mail 3")
    third = api.get(second["@odata.deltaLink"], headers=prefer).json()
    removed = [m["id"] for m in third["value"] if "@removed" in m]
    fresh = [m for m in third["value"] if "@removed" not in m]
    assert removed == [gone]
    assert [(m["subject"], m["id"] in seen) for m in fresh] == [("mail 3", False)]
    assert api.get(third["@odata.deltaLink"], headers=prefer).json()["value"] == []


def test_a_delta_link_of_another_world_is_gone(api: httpx.Client) -> None:
    """410 `SyncStateNotFound`: the client starts again."""
    stale = api.get("mailFolders/inbox/messages/delta", params={"$deltatoken": "other"})
    assert error_code(stale, 410) == "SyncStateNotFound"


def test_throttling_gives_a_fractional_retry_after(api: httpx.Client, server: StandIns) -> None:
    """By an ordered fault, and by the mailbox's own limit."""
    fault = {"kind": "429", "vendor": "graph", "path": "/messages$", "retry_after": 2.128}
    server.control("POST", "faults", fault)
    limited = api.get("messages")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "2.128")
    assert api.get("messages").status_code == 200
    server.world.memory["rate.graph.mailbox"].extend([server.world.now()] * 10_000)
    limited = api.get("messages")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "2.128")


def test_our_key_comes_back_when_it_is_expanded(api: httpx.Client) -> None:
    """By its id; the name in it keeps its case."""
    key = api.post("messages", json=draft("k1")).json()["id"]
    params = {"$expand": f"singleValueExtendedProperties($filter=id eq '{KEY_ID}')"}
    shown = api.get(f"messages/{key}", params=params).json()
    assert shown["singleValueExtendedProperties"] == [{"id": KEY_ID, "value": "k1"}]
    wrong_case = KEY_ID.replace("CountersignKey", "countersignkey")
    wanted = f"singleValueExtendedProperties/Any(ep: ep/id eq '{wrong_case}' and ep/value eq 'k1')"
    assert values(api.get("messages", params={"$filter": wanted})) == []
