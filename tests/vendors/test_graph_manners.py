"""Graph's manners over real HTTP: tokens, preferences, opaque links, folders, throttling, who is asked as whom."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.responses import JSONResponse, Response

from tests.vendors.served import Asked, Vendor, served
from vendors.graph import KEY_PROPERTY, GraphMail, GraphPartner, OutgoingMail
from vendors.http import (
    NotFound,
    RateLimited,
    Refused,
    RetryPolicy,
    Unauthorised,
    Unavailable,
    UnclearOutcome,
)

MAILBOX = "licences@northgate.example"
ROOT = f"/v1.0/users/{MAILBOX}"
SECRET = "app-s3cret"
REFRESH = "refresh-t0ken-1"
AT_ONCE = RetryPolicy(first_pause=0.01)

Rest = Callable[[Asked, Vendor], Response | Mapping[str, Any]]


def with_tokens(rest: Rest) -> Rest:
    def answer(asked: Asked, vendor: Vendor) -> Response | Mapping[str, Any]:
        if asked.path.endswith("/oauth2/v2.0/token"):
            tenant = asked.path.split("/")[1]
            return {"access_token": f"token-of-{tenant}", "token_type": "Bearer", "expires_in": 3599}
        return rest(asked, vendor)

    return answer


def mail_of(vendor: Vendor) -> GraphMail:
    return GraphMail(
        mailbox=MAILBOX,
        tenant_id="msp",
        client_id="app",
        client_secret=SECRET,
        address=f"{vendor.address}/v1.0",
        login_address=vendor.address,
        policy=AT_ONCE,
    )


def partner_of(vendor: Vendor) -> GraphPartner:
    return GraphPartner(
        tenant_id="msp",
        client_id="app",
        client_secret=SECRET,
        refresh_token=REFRESH,
        address=f"{vendor.address}/v1.0",
        login_address=vendor.address,
        policy=AT_ONCE,
    )


def problem(status: int, code: str, headers: Mapping[str, str] | None = None) -> Response:
    error = {"code": code, "message": f"Because of {code}.", "innerError": {"request-id": "req-1"}}
    return JSONResponse({"error": error}, status, dict(headers or {}))


def form(asked: Asked) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}


async def test_the_app_asks_for_its_token_once_in_its_own_tenant() -> None:
    """Client credentials, form-encoded, `.default` (graph.md §2)."""
    async with served(with_tokens(lambda asked, vendor: {"value": []})) as vendor:
        async with mail_of(vendor) as mail:
            await asyncio.gather(mail.messages(), mail.messages())
        (token,) = vendor.to("/msp/oauth2/v2.0/token")
        assert form(token) == {
            "client_id": "app",
            "client_secret": SECRET,
            "grant_type": "client_credentials",
            "scope": "https://graph.microsoft.com/.default",
        }
        calls = vendor.to(f"{ROOT}/messages")
        assert {one.headers["authorization"] for one in calls} == {"Bearer token-of-msp"}


async def test_every_mail_call_prefers_immutable_ids_and_names_itself() -> None:
    """Pages and writes included; each call has a client-request-id of its own (graph.md §3)."""

    def rest(asked: Asked, vendor: Vendor) -> Response | Mapping[str, Any]:
        if asked.method == "POST":
            return {"id": "m", "parentFolderId": "f"} if "send" not in asked.path else Response(status_code=202)
        if asked.path.endswith("$value"):
            return Response(b"From: x")
        if asked.path.endswith("/messages") and "skip" not in asked.query:
            return {"value": [], "@odata.nextLink": f"{vendor.address}{ROOT}/messages?skip=1"}
        if asked.path.endswith("delta"):
            return {"value": [], "@odata.deltaLink": f"{vendor.address}/next"}
        return {"id": "m", "parentFolderId": "inbox-id", "value": []}

    async with served(with_tokens(rest)) as vendor:
        async with mail_of(vendor) as mail:
            await mail.create_draft(OutgoingMail(key="k", subject="s", html="h", to=("a@x.example",)))
            await mail.send("m")
            await mail.messages()
            await mail.message("m")
            assert await mail.mime("m") == b"From: x"
            await mail.move("m", "f")
            await mail.delta("inbox")
            await mail.find_by_key("k")
            await mail.check()
        calls = [one for one in vendor.asked if one.path.startswith(ROOT)]
        assert len(calls) == 12
        assert all('IdType="ImmutableId"' in one.headers["prefer"] for one in calls)
        assert len({one.headers["client-request-id"] for one in calls}) == 12


async def test_only_one_message_is_asked_for_its_own_part_and_that_as_text() -> None:
    """`uniqueBody` comes only by `$select`; lists don't ask for it."""
    record = {
        "id": "m",
        "from": {"emailAddress": {"address": "ada@contoso.example", "name": "Ada"}},
        "uniqueBody": {"contentType": "text", "content": "I confirm"},
        "internetMessageHeaders": [{"name": "Auto-Submitted", "value": "auto-replied"}],
    }

    def rest(asked: Asked, vendor: Vendor) -> Mapping[str, Any]:
        return record if asked.path.endswith("/m") else {"value": []}

    async with served(with_tokens(rest)) as vendor, mail_of(vendor) as mail:
        message = await mail.message("m")
        await mail.messages()
        one, many = vendor.to(f"{ROOT}/messages/m")[0], vendor.to(f"{ROOT}/messages")[0]
        assert {"uniqueBody", "internetMessageHeaders"} <= set(one.query["$select"].split(","))
        assert 'outlook.body-content-type="text"' in one.headers["prefer"]
        assert "uniqueBody" not in many.query["$select"]
        assert (message.unique_text, message.sender, message.is_automatic) == (
            "I confirm",
            "ada@contoso.example",
            True,
        )


async def test_a_mail_is_found_by_its_key_exactly() -> None:
    """Graph compares the value ignoring case; we don't (graph.md §4.2)."""

    def ref(key: str, draft: bool) -> Mapping[str, Any]:
        properties = [{"id": KEY_PROPERTY, "value": key}]
        return {"id": key, "isDraft": draft, "singleValueExtendedProperties": properties}

    def rest(asked: Asked, vendor: Vendor) -> Mapping[str, Any]:
        return {"value": [ref("CS-1/o'neill", False), ref("cs-1/O'Neill", True), ref("CS-1/O'Neill", True)]}

    async with served(with_tokens(rest)) as vendor, mail_of(vendor) as mail:
        found = await mail.find_by_key("CS-1/O'Neill")
        assert [(one.id, one.is_draft, one.key) for one in found] == [("CS-1/O'Neill", True, "CS-1/O'Neill")]
        asked = vendor.to(f"{ROOT}/messages")[0].query
        assert asked["$filter"] == (
            f"singleValueExtendedProperties/Any(ep: ep/id eq '{KEY_PROPERTY}' and ep/value eq 'CS-1/O''Neill')"
        )
        assert asked["$expand"] == f"singleValueExtendedProperties($filter=id eq '{KEY_PROPERTY}')"


async def test_what_is_ordered_by_is_filtered_by_and_first_and_quotes_are_doubled() -> None:
    """Otherwise Graph answers InefficientFilter, or reads half a name."""
    async with served(with_tokens(lambda asked, vendor: {"value": []})) as vendor, mail_of(vendor) as mail:
        since = datetime(2026, 10, 1, tzinfo=UTC)
        await mail.messages("fo/1=", sender="o'neill@x.example", since=since, subject_contains="it's")
        (asked,) = (one for one in vendor.asked if one.method == "GET")
        assert asked.path == f"{ROOT}/mailFolders/fo/1=/messages"
        assert asked.query["$orderby"] == "receivedDateTime desc"
        assert asked.query["$filter"] == (
            "receivedDateTime ge 2026-10-01T00:00:00Z and from/emailAddress/address eq 'o''neill@x.example' "
            "and contains(subject,'it''s')"
        )
        await mail.messages()
        assert vendor.asked[-1].query["$filter"].startswith("receivedDateTime ge ")


async def test_the_next_link_is_followed_as_it_is_and_a_limit_stops_early() -> None:
    """It is opaque: nothing is added to it or taken from it."""

    def rest(asked: Asked, vendor: Vendor) -> Mapping[str, Any]:
        page = int(asked.query.get("page", "0"))
        link = f"{vendor.address}{ROOT}/messages?page={page + 1}&$skip=7%2B1"
        return {"value": [{"id": str(page)}]} | ({"@odata.nextLink": link} if page < 2 else {})

    async with served(with_tokens(rest)) as vendor, mail_of(vendor) as mail:
        assert [message.id for message in await mail.messages()] == ["0", "1", "2"]
        assert vendor.asked[-1].query == {"page": "2", "$skip": "7+1"}
        assert [message.id for message in await mail.messages(limit=2)] == ["0", "1"]
        assert vendor.asked[-1].query["page"] == "1"


async def test_a_link_to_another_host_is_never_given_the_token() -> None:
    """Of a page as of a delta."""
    elsewhere = "http://127.0.0.2:9/v1.0/x"
    answer = {"value": [], "@odata.nextLink": elsewhere}
    async with served(with_tokens(lambda asked, vendor: answer)) as vendor, mail_of(vendor) as mail:
        with pytest.raises(Unavailable, match="another host"):
            await mail.messages()
        with pytest.raises(Refused, match="another host"):
            await mail.delta("inbox", elsewhere)


async def test_a_fractional_retry_after_is_honoured() -> None:
    """Graph asks for 2.128 seconds at times; a read waits and goes on."""

    def rest(asked: Asked, vendor: Vendor) -> Response | Mapping[str, Any]:
        if len(vendor.asked) < 4:
            return problem(429, "TooManyRequests", {"Retry-After": "0.05"})
        return {"value": []}

    async with served(with_tokens(rest)) as vendor, mail_of(vendor) as mail:
        assert await mail.messages() == []
        assert len(vendor.asked) == 4


@pytest.mark.parametrize("status", [423, 509])
async def test_a_locked_or_overfull_mailbox_is_tried_again(status: int) -> None:
    """Both are transient (graph.md §3)."""

    def rest(asked: Asked, vendor: Vendor) -> Response:
        return problem(status, "Busy", {"Retry-After": "900"})

    async with served(with_tokens(rest)) as vendor, mail_of(vendor) as mail:
        with pytest.raises(RateLimited) as busy:
            await mail.send("m")
        assert (busy.value.retry_after, busy.value.code, busy.value.trace_id) == (900, "Busy", "req-1")


async def test_a_send_without_an_answer_is_unclear_and_sent_once() -> None:
    """The caller looks by key before anything is sent again."""
    async with served(with_tokens(lambda asked, vendor: problem(503, "Oops"))) as vendor:
        async with mail_of(vendor) as mail:
            with pytest.raises(UnclearOutcome):
                await mail.send("m")
        assert len(vendor.to(f"{ROOT}/messages/m/send")) == 1


async def test_at_most_three_mail_calls_run_at_a_time() -> None:
    """Outlook allows four per app (graph.md §3)."""
    at_once = most = 0
    gate = asyncio.Event()

    class Slow(JSONResponse):
        async def __call__(self, *args: Any) -> None:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            if most == 3:
                gate.set()
            await gate.wait()
            await asyncio.sleep(0)
            at_once -= 1
            await super().__call__(*args)

    async with (
        served(with_tokens(lambda asked, vendor: Slow({"value": []}))) as vendor,
        mail_of(vendor) as mail,
    ):
        await asyncio.gather(*(mail.messages() for _ in range(8)))
    assert most == 3


class Tree:
    """Folders of a mailbox, as Graph answers for them."""

    def __init__(self) -> None:
        self.children: dict[str, list[tuple[str, str]]] = {"": [("Inbox", "in"), ("vendors", "v")]}
        self.rival = False

    def __call__(self, asked: Asked, vendor: Vendor) -> Response | Mapping[str, Any]:
        parts = asked.path.removeprefix(f"{ROOT}/mailFolders").strip("/").split("/")
        parent = parts[0] if parts[-1] == "childFolders" else ""
        if parts[0] == "inbox" and not parent:
            return {"id": "in", "displayName": "Posteingang"}
        here = self.children.setdefault(parent, [])
        if asked.method == "GET":
            return {"value": [{"id": key, "displayName": name} for name, key in here]}
        name = asked.json["displayName"]
        here.append((name, f"{parent}-{name}"))
        if self.rival:
            return problem(409, "ErrorFolderExists")
        return JSONResponse({"id": f"{parent}-{name}", "displayName": name}, 201)


async def test_a_folder_path_is_walked_level_by_level_and_remembered() -> None:
    """There is no path addressing; names are compared as the mailbox does, ignoring case."""
    tree = Tree()
    tree.children |= {"v": [("Pax8", "p")], "p": [("orders", "wrong-case"), ("Orders", "o")]}
    async with served(with_tokens(tree)) as vendor, mail_of(vendor) as mail:
        assert await mail.folder("Vendors/Pax8/Orders") == "o"
        asked = len(vendor.asked)
        assert await mail.folder("Vendors/Pax8/Orders") == "o"
        assert await mail.folder("Vendors/Pax8") == "p"
        assert len(vendor.asked) == asked


async def test_a_well_known_name_is_the_folder_whatever_its_language() -> None:
    """And its id is the real one, so that a mail that lies there is seen to lie there."""
    async with served(with_tokens(Tree())) as vendor, mail_of(vendor) as mail:
        assert await mail.folder("inbox") == "in"


async def test_a_conversation_is_asked_for_alone_and_narrowed_down_here() -> None:
    """No `$orderby` with it, which Graph calls inefficient; what doesn't fit is left out by us."""
    rows = [
        {"id": "1", "conversationId": "C+/=", "subject": "Terms", "receivedDateTime": "2026-10-01T10:00:00Z"},
        {"id": "2", "conversationId": "C+/=", "subject": "RE: Terms", "receivedDateTime": "2026-10-02T10:00:00Z"},
        {"id": "3", "conversationId": "c+/=", "subject": "RE: Terms", "receivedDateTime": "2026-10-03T10:00:00Z"},
    ]
    rows[1]["from"] = {"emailAddress": {"address": "Ada@Contoso.example"}}  # type: ignore[assignment]
    async with served(with_tokens(lambda asked, vendor: {"value": rows})) as vendor, mail_of(vendor) as mail:
        assert [one.id for one in await mail.messages(conversation_id="C+/=")] == ["2", "1"]
        (asked,) = vendor.to(f"{ROOT}/messages")
        assert asked.query["$filter"] == "conversationId eq 'C+/='" and "$orderby" not in asked.query
        fitting = await mail.messages("f", "ada@contoso.EXAMPLE", conversation_id="C+/=", subject_contains="re: t")
        assert [one.id for one in fitting] == ["2"] and vendor.to(f"{ROOT}/mailFolders/f/messages")
        later = datetime(2026, 10, 2, 10, 0, 1, tzinfo=UTC)
        assert await mail.messages(conversation_id="C+/=", since=later) == []
        with pytest.raises(ValueError, match="zone"):
            await mail.messages(conversation_id="C+/=", since=datetime(2026, 10, 1))  # noqa: DTZ001 - the point


async def test_levels_given_one_by_one_are_names_whatever_they_hold() -> None:
    """A slash divides nothing there; an empty name is no folder rather than the one above it."""
    tree = Tree()
    async with served(with_tokens(tree)) as vendor, mail_of(vendor) as mail:
        assert await mail.folder(("Vendors", "A/B & Co"), create=True) == "v-A/B & Co"
        assert await mail.folder(["Vendors", " A/B  &\tCo "]) == "v-A/B & Co"
        long = await mail.folder(("Vendors", "x" * 300), create=True)
        assert long == "v-" + "x" * 255 == await mail.folder(("Vendors", "x" * 256))
        for nowhere in ((), ("Vendors", ""), ("Vendors", "\t"), "", "/"):
            with pytest.raises(NotFound, match="empty"):
                await mail.folder(nowhere, create=True)


async def test_missing_levels_are_created_only_when_asked_to() -> None:
    """One at a time, below what is there."""
    tree = Tree()
    async with served(with_tokens(tree)) as vendor, mail_of(vendor) as mail:
        with pytest.raises(NotFound, match="Vendors/Pax8"):
            await mail.folder("Vendors/Pax8/Orders")
        assert not [one for one in vendor.asked if one.method == "POST" and one.path.startswith(ROOT)]
        assert await mail.folder("Vendors/Pax8/Orders", create=True) == "v-Pax8-Orders"
        assert await mail.folder("New top", create=True) == "-New top"


async def test_a_folder_that_somebody_else_just_made_is_read_again() -> None:
    """409 ErrorFolderExists is not a failure."""
    tree = Tree()
    tree.rival = True
    async with served(with_tokens(tree)) as vendor, mail_of(vendor) as mail:
        assert await mail.folder("Vendors/Pax8", create=True) == "v-Pax8"


async def test_a_mail_that_lies_there_already_is_not_moved() -> None:
    """Filing twice is filing once."""

    def rest(asked: Asked, vendor: Vendor) -> Mapping[str, Any]:
        return {"id": "m", "parentFolderId": "f2" if asked.method == "POST" else "f1"}

    async with served(with_tokens(rest)) as vendor, mail_of(vendor) as mail:
        await mail.move("m", "f1")
        assert not vendor.to(f"{ROOT}/messages/m/move")
        assert (await mail.move("m", "f2")).parent_folder_id == "f2"
        assert vendor.to(f"{ROOT}/messages/m/move")[0].json == {"destinationId": "f2"}


async def test_a_delta_gives_what_changed_and_where_to_go_on() -> None:
    """Removed messages are left out; the link is used as it is."""

    def rest(asked: Asked, vendor: Vendor) -> Mapping[str, Any]:
        if asked.query.get("$deltatoken") == "t1":
            return {
                "value": [{"id": "3"}],
                "@odata.deltaLink": f"{vendor.address}{asked.path}?$deltatoken=t2",
            }
        if "$skiptoken" in asked.query:
            return {
                "value": [{"id": "2"}],
                "@odata.deltaLink": f"{vendor.address}{asked.path}?$deltatoken=t1",
            }
        value = [{"id": "1"}, {"id": "gone", "@removed": {"reason": "deleted"}}]
        return {"value": value, "@odata.nextLink": f"{vendor.address}{asked.path}?$skiptoken=s"}

    async with served(with_tokens(rest)) as vendor, mail_of(vendor) as mail:
        first, link = await mail.delta("inbox")
        prefers = [one.headers["prefer"] for one in vendor.asked if one.path.startswith(ROOT)]
        assert all("odata.maxpagesize=100" in one and "ImmutableId" in one for one in prefers)
        assert [message.id for message in first] == ["1", "2"]
        second, link = await mail.delta("inbox", link)
        assert [message.id for message in second] == ["3"]
        assert link.endswith("$deltatoken=t2")


async def test_a_refused_credential_says_why_and_shows_no_secret() -> None:
    """The first line of the token endpoint's description; whatever it quotes."""

    def answer(asked: Asked, vendor: Vendor) -> Response:
        description = f"AADSTS7000215: Invalid client secret {SECRET} or {REFRESH}.\r\nTrace ID: x"
        body = {"error": "invalid_client", "error_description": description, "trace_id": "tr-1"}
        return JSONResponse(body, 401)

    async with served(answer) as vendor:
        for client in (mail_of(vendor), partner_of(vendor)):
            async with client:
                with pytest.raises(Unauthorised, match="AADSTS7000215") as denied:
                    await client.check()
            error = denied.value
            assert (error.code, error.trace_id) == ("invalid_client", "tr-1")
            for text in (str(error), repr(error), repr(client)):
                assert SECRET not in text
                assert "Trace ID" not in text
        assert REFRESH not in str(error)


async def test_a_rotated_refresh_token_takes_the_old_ones_place() -> None:
    """In memory; and a customer's tenant is asked with the same credential, in that tenant."""
    used: list[tuple[str, str]] = []

    def answer(asked: Asked, vendor: Vendor) -> Response | Mapping[str, Any]:
        if asked.path.endswith("/oauth2/v2.0/token"):
            tenant, given = asked.path.split("/")[1], form(asked)
            assert given["grant_type"] == "refresh_token"
            used.append((tenant, given["refresh_token"]))
            rotated = {"refresh_token": f"refresh-t0ken-{len(used) + 1}"}
            return {"access_token": f"token-of-{tenant}", "expires_in": 3599} | rotated
        return {"value": []}

    async with served(answer) as vendor, partner_of(vendor) as partner:
        await partner.relationships()
        customer = partner.customer("contoso-tenant")
        assert partner.customer("contoso-tenant") is customer
        await customer.subscribed_skus()
        await customer.domains()
        assert used == [("msp", "refresh-t0ken-1"), ("contoso-tenant", "refresh-t0ken-2")]
        asked = {one.path: one.headers["authorization"] for one in vendor.asked if one.method == "GET"}
        assert asked == {
            "/v1.0/tenantRelationships/delegatedAdminRelationships": "Bearer token-of-msp",
            "/v1.0/subscribedSkus": "Bearer token-of-contoso-tenant",
            "/v1.0/domains": "Bearer token-of-contoso-tenant",
        }


async def test_a_domain_that_microsoft_does_not_know_has_no_tenant() -> None:
    """404 is an answer here; what isn't a domain is never asked."""

    def rest(asked: Asked, vendor: Vendor) -> Response | Mapping[str, Any]:
        if asked.path.endswith("(domainName='contoso.example')"):
            return {"tenantId": "t", "displayName": "Contoso", "defaultDomainName": "c.onmicrosoft.com"}
        return problem(404, "Directory_ObjectNotFound")

    async with served(with_tokens(rest)) as vendor, partner_of(vendor) as partner:
        tenant = await partner.find_tenant(" Contoso.example")
        assert tenant is not None
        assert (tenant.tenant_id, tenant.display_name) == ("t", "Contoso")
        assert await partner.find_tenant("nobody.example") is None
        asked = len(vendor.asked)
        with pytest.raises(Refused, match="isn't a domain"):
            await partner.find_tenant("x')/y")
        assert len(vendor.asked) == asked


async def test_a_relationship_says_whose_it_is_with_which_roles() -> None:
    """One that nobody has accepted yet belongs to no tenant."""
    records = [
        {
            "id": "1",
            "displayName": "Contoso",
            "status": "active",
            "customer": {"tenantId": "t", "displayName": "Contoso Ltd"},
            "accessDetails": {"unifiedRoles": [{"roleDefinitionId": "r1"}, {"roleDefinitionId": "r2"}]},
            "endDateTime": "2027-10-01T00:00:00.0000000Z",
        },
        {"id": "2", "displayName": "Open", "status": "active", "customer": None, "accessDetails": None},
        {"id": "3", "displayName": "Ended", "status": "terminated"},
    ]
    answer = {"value": records}
    async with served(with_tokens(lambda asked, vendor: answer)) as vendor, partner_of(vendor) as partner:
        first, second = await partner.relationships()
    assert (first.customer_tenant_id, first.customer_name, first.roles) == (
        "t",
        "Contoso Ltd",
        frozenset({"r1", "r2"}),
    )
    assert first.end == datetime(2027, 10, 1, tzinfo=UTC)
    assert (second.customer_tenant_id, second.roles) == (None, frozenset())
