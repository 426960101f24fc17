"""vendors/docusign.py keeps docusign.md: quirks, limits, the configured account, and what it must never do."""

import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr, ValidationError

from vendors.docusign import DocuSign, DocuSignBlock, Envelope, EnvelopeDraft, RoleAssignment
from vendors.docusign_errors import limit_in
from vendors.docusign_wire import draft_body, tab_values
from vendors.http import (
    RateLimited,
    Refused,
    RetryPolicy,
    Unauthorised,
    Unavailable,
    UnclearOutcome,
)

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ACCOUNT = "0a1b2c3d-0000-4000-8000-000000000001"
OTHER = "0a1b2c3d-0000-4000-8000-000000000002"
ENVELOPE = "11112222-3333-4444-5555-666677778888"
PREFIX = f"/restapi/v2.1/accounts/{ACCOUNT}"
AT_ONCE = RetryPolicy(tries=3, first_pause=0.0, longest_pause=1.0)

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Host:
    """DocuSign as a table of "METHOD path" to answers; OAuth is served, everything else is 404."""

    def __init__(self, **answers: Answer) -> None:
        self.answers: dict[str, Answer] = dict(answers)
        self.requests: list[httpx.Request] = []
        self.accounts = [
            {"account_id": OTHER, "is_default": True, "account_name": "X", "base_uri": "https://x.example"},
            {
                "account_id": ACCOUNT.upper(),
                "is_default": False,
                "account_name": "Northgate",
                "base_uri": "https://eu.docusign.example",
            },
        ]

    def on(self, method: str, path: str, *answers: Answer) -> "Host":
        queue = list(answers)

        def next_one(request: httpx.Request) -> httpx.Response:
            answer = queue.pop(0) if len(queue) > 1 else queue[0]
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, httpx.Response) else answer(request)

        self.answers[f"{method} {path}"] = next_one
        return self

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path
        answer = self.answers.get(f"{request.method} {path.replace(ACCOUNT.upper(), ACCOUNT)}")
        if answer is not None:
            assert callable(answer)
            given = answer(request)
            return httpx.Response(given.status_code, headers=given.headers, content=given.content)
        if path.endswith("/oauth/token"):
            return httpx.Response(200, json={"access_token": "at-1", "expires_in": 3600})
        if path.endswith("/oauth/userinfo"):
            user = {"name": "Kim Ops", "email": "kim@northgate.example", "accounts": self.accounts}
            return httpx.Response(200, json=user)
        return httpx.Response(404, json={"errorCode": "NOT_FOUND", "message": "nothing there"})

    def client(self, **changes: Any) -> DocuSign:
        settings: dict[str, Any] = {
            "integration_key": "ik-1",
            "user_id": "user-1",
            "account_id": ACCOUNT,
            "private_key": PEM,
            "oauth_address": "https://account.docusign.example",
            "policy": AT_ONCE,
            "transport": httpx.MockTransport(self),
        }
        return DocuSign(**(settings | changes))

    def rest(self) -> list[httpx.Request]:
        return [request for request in self.requests if "/restapi/" in request.url.path]


def draft(**changes: Any) -> EnvelopeDraft:
    settings: dict[str, Any] = {
        "template_id": "tpl-1",
        "subject": "Subscription agreement CS-7",
        "blurb": "Please sign.",
        "transaction_id": "7b0c2f8e-5b1a-4a52-9d3e-0f6b9a3f1042",
        "custom_fields": {"countersign_ref": "CS-7"},
        "roles": (
            RoleAssignment(
                role_name="Client signer",
                name="Ada Byte",
                email="ada@contoso.example",
                routing_order=1,
                tabs={"Seats1": "12"},
            ),
        ),
        "expire_after_days": 14,
    }
    return EnvelopeDraft(**(settings | changes))


def strings_only(node: Any) -> bool:
    if isinstance(node, dict):
        return all(strings_only(value) for value in node.values())
    if isinstance(node, list):
        return all(strings_only(value) for value in node)
    return isinstance(node, str)


class TestGrant:
    async def test_the_assertion_is_what_docusign_asks_for(self) -> None:
        """RS256, the bare OAuth host as audience, both scopes, not longer than an hour."""
        host = Host()
        async with host.client() as docusign:
            await docusign._api()
        form = parse_qs(host.requests[0].content.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        claims = jwt.decode(
            form["assertion"][0], KEY.public_key(), algorithms=["RS256"], audience="account.docusign.example"
        )
        assert (claims["iss"], claims["sub"]) == ("ik-1", "user-1")
        assert claims["scope"] == "signature impersonation"
        assert 0 < claims["exp"] - claims["iat"] <= 3600

    async def test_the_audience_of_a_stand_in_is_its_host_and_port(self) -> None:
        """Scheme and path of a configured address are no part of the audience."""
        client = Host().client(oauth_address="http://127.0.0.1:8700/docusign/")
        claims = jwt.decode(client._oauth.assertion(), options={"verify_signature": False})
        assert claims["aud"] == "127.0.0.1:8700"

    async def test_only_the_configured_account_is_used(self) -> None:
        """The default account is no substitute: agreements would be signed in the wrong one."""
        host = Host().on("GET", f"{PREFIX}/templates", httpx.Response(200, json={}))
        async with host.client() as docusign:
            line = await docusign.check()
        assert host.rest()[0].url.host == "eu.docusign.example"
        assert "Kim Ops" in line
        assert "Northgate" in line
        host = Host()
        host.accounts = host.accounts[:1]
        async with host.client() as docusign:
            with pytest.raises(Unauthorised, match=ACCOUNT):
                await docusign.check()
        assert host.rest() == []

    async def test_an_api_address_without_https_gets_nothing(self) -> None:
        """A token isn't sent in the clear because an answer says so."""
        host = Host()
        host.accounts[1]["base_uri"] = "http://eu.docusign.example"
        async with host.client() as docusign:
            with pytest.raises(Unauthorised, match="https"):
                await docusign.check()
        assert host.rest() == []

    async def test_missing_consent_says_where_to_give_it(self) -> None:
        """The one fault that a person can mend in a browser comes with the link."""
        refused = httpx.Response(400, json={"error": "consent_required"})
        host = Host().on("POST", "/oauth/token", refused)
        async with host.client() as docusign:
            with pytest.raises(Unauthorised, match=r"https://account\.docusign\.example/oauth/auth") as raised:
                await docusign.check()
        assert raised.value.code == "consent_required"
        assert len(host.requests) == 1

    @pytest.mark.parametrize("error", ["issuer_not_found", "user_not_found"])
    async def test_a_wrong_key_or_user_is_a_fault_of_configuration(self, error: str) -> None:
        """It is told in DocuSign's words, and not tried again."""
        refused = httpx.Response(400, json={"error": "invalid_grant", "error_description": error})
        host = Host().on("POST", "/oauth/token", refused)
        async with host.client() as docusign:
            with pytest.raises(Unauthorised, match=error):
                await docusign.check()
        assert len(host.requests) == 1

    @pytest.mark.parametrize("key", ["", "not a key", PEM[:300]])
    async def test_a_broken_private_key_is_told_and_never_shown(self, key: str) -> None:
        """The error names the key's form, not the key."""
        async with Host().client(private_key=key) as docusign:
            with pytest.raises(Unauthorised, match="PEM") as raised:
                await docusign.check()
        assert raised.value.__context__ is None
        assert b"PRIVATE KEY" not in pickle.dumps(raised.value)

    @pytest.mark.parametrize(
        "pasted", [PEM.replace("\n", " "), PEM.replace("\n", ""), PEM.replace("\n", "\\n"), f"\n{PEM}\n"]
    )
    def test_a_key_survives_being_pasted_into_one_line(self, pasted: str) -> None:
        """The form's password field swallows line breaks, an environment file spells them out."""
        assertion = Host().client(private_key=pasted)._oauth.assertion()
        jwt.decode(assertion, KEY.public_key(), algorithms=["RS256"], options={"verify_aud": False})

    async def test_token_and_address_are_learnt_once(self) -> None:
        """Many calls, one token and one look at userinfo."""
        host = Host().on("GET", f"{PREFIX}/templates", httpx.Response(200, json={}))
        async with host.client() as docusign:
            for _ in range(3):
                await docusign.templates()
        assert len(host.requests) == 2 + 3

    async def test_a_rejected_token_is_renewed_once(self) -> None:
        """A token that DocuSign has forgotten is renewed and the call goes on."""
        gone = httpx.Response(401, json={"errorCode": "AUTHORIZATION_INVALID_TOKEN", "message": "expired"})
        host = Host().on("GET", f"{PREFIX}/templates", gone, httpx.Response(200, json={}))
        async with host.client() as docusign:
            await docusign.templates()
        assert sum(request.url.path.endswith("/token") for request in host.requests) == 2


class TestDraft:
    async def test_a_draft_mails_nobody_and_binds_everything(self) -> None:
        """Created, not sent; locked fields; no passing on; no reminders; our reference; whole days to expiry."""
        created = httpx.Response(201, json={"envelopeId": ENVELOPE, "status": "created"})
        host = Host().on("POST", f"{PREFIX}/envelopes", created)
        async with host.client(webhook_url="https://hooks.example/docusign") as docusign:
            assert await docusign.create_draft(draft()) == ENVELOPE
        body = json.loads(host.rest()[0].content)
        assert body["status"] == "created"
        assert body["allowReassign"] == "false"
        assert body["transactionId"] == "7b0c2f8e-5b1a-4a52-9d3e-0f6b9a3f1042"
        (role,) = body["templateRoles"]
        assert role["tabs"]["textTabs"] == [{"tabLabel": "Seats1", "value": "12", "locked": "true"}]
        assert "clientUserId" not in role
        assert body["customFields"]["textCustomFields"][0]["value"] == "CS-7"
        assert body["customFields"]["textCustomFields"][0]["show"] == "false"
        assert body["notification"]["useAccountDefaults"] == "false"
        assert body["notification"]["reminders"] == {"reminderEnabled": "false"}
        assert body["notification"]["expirations"]["expireAfter"] == "14"
        notification = body["eventNotification"]
        assert notification["url"] == "https://hooks.example/docusign"
        assert (notification["requireAcknowledgment"], notification["includeHMAC"]) == ("true", "true")
        assert notification["deliveryMode"] == "SIM"
        assert notification["eventData"]["format"] == "json"

    def test_every_scalar_is_a_string(self) -> None:
        """DocuSign writes "true" and "3" (docusign.md §1)."""
        assert strings_only(draft_body(draft(), "https://hooks.example/"))

    def test_without_a_webhook_nothing_is_reported(self) -> None:
        """An empty address isn't sent."""
        assert "eventNotification" not in draft_body(draft(), None)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"subject": "x" * 101},
            {"subject": ""},
            {"custom_fields": {"a": "x" * 101}},
            {"blurb": "x" * 10_001},
            {"roles": ()},
            {"expire_after_days": 0},
        ],
    )
    def test_what_docusign_would_refuse_cannot_be_built(self, wrong: dict[str, Any]) -> None:
        """Its lengths are ours."""
        with pytest.raises(ValidationError):
            draft(**wrong)

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(500, json={"errorCode": "UNSPECIFIED_ERROR", "message": "try later"}),
            httpx.ReadTimeout("slow"),
            httpx.Response(201, content=b"<html>"),
            httpx.Response(201, json={"status": "created"}),
        ],
        ids=repr,
    )
    async def test_an_unclear_draft_is_never_made_twice(self, answer: httpx.Response | Exception) -> None:
        """One POST, and the caller looks for it by its transaction."""
        host = Host().on("POST", f"{PREFIX}/envelopes", answer)
        async with host.client() as docusign:
            with pytest.raises(UnclearOutcome):
                await docusign.create_draft(draft())
        assert len(host.rest()) == 1


class TestErrors:
    async def test_an_error_carries_docusigns_words_code_and_trace(self) -> None:
        """What DocuSign's support asks for is there, and nothing that was sent."""
        refused = httpx.Response(
            400,
            json={"errorCode": "INVALID_REQUEST_PARAMETER", "message": "The request was bad."},
            headers={"X-DocuSign-TraceToken": "6103b440-f0cd"},
        )
        host = Host().on("POST", f"{PREFIX}/envelopes", refused)
        async with host.client() as docusign:
            with pytest.raises(Refused) as raised:
                await docusign.create_draft(draft())
        error = raised.value
        assert (error.code, error.trace_id) == ("INVALID_REQUEST_PARAMETER", "6103b440-f0cd")
        assert "The request was bad." in str(error)
        assert b"contoso" not in pickle.dumps(error)

    @pytest.mark.parametrize(
        "code",
        [
            "Hourly_Envelope_Polling_Limit_Exceeded",
            "HOURLY_APIINVOCATION_LIMIT_EXCEEDED",
            "Hourly_APIInvocation_Envelope_Limit_Exceeded",
        ],
    )
    async def test_an_hourly_limit_is_no_refusal_although_it_is_a_400(self, code: str) -> None:
        """It says when the hour is over, and isn't knocked at until then."""
        limited = httpx.Response(400, json={"errorCode": code, "message": "slow down"})
        host = Host().on("GET", f"{PREFIX}/envelopes/{ENVELOPE}", limited)
        async with host.client() as docusign:
            with pytest.raises(RateLimited) as raised:
                await docusign.envelope(ENVELOPE)
        assert raised.value.retry_after is not None
        assert 0 <= raised.value.retry_after <= 3600
        assert len(host.rest()) == 1

    async def test_a_burst_limit_asks_for_half_a_minute(self) -> None:
        """The sliding window is 30 seconds long."""
        limited = httpx.Response(400, json={"errorCode": "burst_envelope_polling_limit_exceeded"})
        host = Host().on("GET", f"{PREFIX}/envelopes/{ENVELOPE}", limited)
        async with host.client() as docusign:
            with pytest.raises(RateLimited) as raised:
                await docusign.envelope(ENVELOPE)
        assert raised.value.retry_after == 30.0

    @pytest.mark.parametrize("code", [None, "", "TAB_LIMIT_REACHED", "ENVELOPE_CANNOT_VOID_INVALID_STATE"])
    def test_other_codes_are_no_limits_of_calls(self, code: str | None) -> None:
        """Only limits on calls are waited for."""
        assert not limit_in(code)

    @pytest.mark.parametrize(
        "body",
        [
            {"errorDetails": {"errorCode": "ENVELOPE_INVALID", "message": "no"}},
            {"recipientUpdateResults": [{"errorDetails": {"errorCode": "RECIPIENT_X", "message": "no"}}]},
        ],
    )
    async def test_a_refusal_inside_a_successful_answer_is_found(self, body: dict[str, Any]) -> None:
        """A 200 can carry a no (§7)."""
        host = Host().on("PUT", f"{PREFIX}/envelopes/{ENVELOPE}", httpx.Response(200, json=body))
        async with host.client() as docusign:
            with pytest.raises(Refused, match="no"):
                await docusign.send(ENVELOPE)

    async def test_success_details_are_no_refusal(self) -> None:
        """DocuSign reports success with an error code of its own."""
        fine = {"recipientUpdateResults": [{"errorDetails": {"errorCode": "SUCCESS", "message": ""}}]}
        host = Host().on("PUT", f"{PREFIX}/envelopes/{ENVELOPE}", httpx.Response(200, json=fine))
        async with host.client() as docusign:
            await docusign.void(ENVELOPE, "Changed his mind")
        assert json.loads(host.rest()[0].content) == {"status": "voided", "voidedReason": "Changed his mind"}

    async def test_an_id_from_a_form_cannot_change_the_address(self) -> None:
        """An "envelope id" that is a path is refused unsent."""
        host = Host()
        async with host.client() as docusign:
            with pytest.raises(Exception, match="isn't an id"):
                await docusign.void("x/../../templates", "x")
        assert host.rest() == []


def row(number: int, **more: str) -> dict[str, Any]:
    return {"envelopeId": f"e{number}", "status": "sent", **more}


class TestLists:
    async def test_all_pages_are_walked_and_each_envelope_comes_once(self) -> None:
        """1,100 envelopes, the pages overlapping: every one, once."""
        everything = [row(n) for n in range(1100)]

        def page(request: httpx.Request) -> httpx.Response:
            start, count = (int(request.url.params[name]) for name in ("start_position", "count"))
            found = everything[start : start + count]
            body = {"envelopes": found, "totalSetSize": str(len(everything)), "startPosition": str(start)}
            return httpx.Response(200, json=body)

        host = Host().on("GET", f"{PREFIX}/envelopes", page)
        async with host.client() as docusign:
            found = await docusign.changed_since(datetime(2026, 11, 1, tzinfo=UTC))
        assert [envelope.envelope_id for envelope in found] == [one["envelopeId"] for one in everything]
        assert len(host.rest()) == 3
        sent = host.rest()[0].url.params
        assert sent["from_date"] == "2026-11-01T00:00:00.000000Z"
        assert (sent["order_by"], sent["order"]) == ("status_changed", "asc")

    async def test_one_that_changes_between_pages_hides_none(self) -> None:
        """A signature meanwhile moves an envelope to the end and the others up: none is overlooked."""
        everything = [row(n) for n in range(600)]

        def page(request: httpx.Request) -> httpx.Response:
            start = int(request.url.params["start_position"])
            if start:
                everything.append({**everything.pop(3), "status": "completed"})
            found = everything[start : start + 500]
            return httpx.Response(200, json={"envelopes": found, "totalSetSize": "600"})

        host = Host().on("GET", f"{PREFIX}/envelopes", page)
        async with host.client() as docusign:
            found = {e.envelope_id: e.status async for e in docusign.changed_since(datetime.now(UTC))}
        assert len(found) == 600
        assert found["e3"] == "completed"

    @pytest.mark.parametrize("body", [{}, {"resultSetSize": "0", "totalSetSize": "0"}, {"envelopes": None}])
    async def test_an_empty_list_may_lack_its_array(self, body: dict[str, Any]) -> None:
        """`envelopes` is absent when nothing was found."""
        host = Host().on("GET", f"{PREFIX}/envelopes", httpx.Response(200, json=body))
        async with host.client() as docusign:
            assert await docusign.changed_since(datetime.now(UTC)) == []
        assert len(host.rest()) == 1

    async def test_a_server_that_repeats_itself_ends_the_walk(self) -> None:
        """Without a total, the walk ends when nothing new comes."""
        host = Host().on("GET", f"{PREFIX}/envelopes", httpx.Response(200, json={"envelopes": [row(1)]}))
        async with host.client() as docusign:
            assert len(await docusign.changed_since(datetime.now(UTC))) == 1

    async def test_a_time_without_a_zone_is_not_sent(self) -> None:
        """DocuSign would read it in its server's zone."""
        async with Host().client() as docusign:
            with pytest.raises(ValueError, match="zone"):
                await docusign.changed_since(datetime(2026, 1, 1))  # noqa: DTZ001

    async def test_a_transaction_finds_what_was_made_and_skips_what_failed(self) -> None:
        """Rows without an envelope are failures; the other list's row says more."""
        body = {
            "envelopeTransactionStatuses": [
                {"transactionId": "tx-1", "envelopeId": ENVELOPE, "status": "created"},
                {"transactionId": "tx-1", "errorDetails": {"errorCode": "X", "message": "failed"}},
            ],
            "envelopes": [{"envelopeId": ENVELOPE, "status": "created", "emailSubject": "Agreement"}],
        }
        host = Host().on("GET", f"{PREFIX}/envelopes", httpx.Response(200, json=body))
        async with host.client() as docusign:
            (found,) = await docusign.find_by_transaction("tx-1")
        assert (found.envelope_id, found.email_subject) == (ENVELOPE, "Agreement")
        assert host.rest()[0].url.params["transaction_ids"] == "tx-1"

    async def test_a_near_match_of_a_custom_field_is_no_match(self) -> None:
        """DocuSign's search may be loose; the field's value is compared again."""

        def fields(value: str) -> dict[str, Any]:
            return {"customFields": {"textCustomFields": [{"name": "ref", "value": value}]}}

        body = {"envelopes": [row(1) | fields("CS-7"), row(2) | fields("CS-77"), row(3)], "totalSetSize": "3"}
        host = Host().on("GET", f"{PREFIX}/envelopes", httpx.Response(200, json=body))
        async with host.client() as docusign:
            found = await docusign.find_by_custom_field("ref", "CS-7", datetime(2026, 1, 1, tzinfo=UTC))
        assert [one.envelope_id for one in found] == ["e1"]
        assert host.rest()[0].url.params["custom_field"] == "ref=CS-7"
        assert b"custom_field=ref%3DCS-7" in host.rest()[0].url.query


FULL = {
    "envelopeId": ENVELOPE,
    "status": "Completed",
    "emailSubject": "Agreement",
    "createdDateTime": "2026-11-22T10:01:37.5966414Z",
    "sentDateTime": "2026-11-22T10:02:37.59Z",
    "completedDateTime": "2026-11-23T03:00:00-0700",
    "expireDateTime": "2026-12-06T10:02:37Z",
    "customFields": {
        "textCustomFields": [{"name": "countersign_ref", "value": "CS-7", "fieldId": "1"}],
        "listCustomFields": [{"name": "kind", "value": "annual", "listItems": []}],
    },
    "recipients": {
        "signers": [
            {
                "recipientId": "1",
                "roleName": "Client signer",
                "name": "Ada Byte",
                "email": "ada@contoso.example",
                "status": "Completed",
                "routingOrder": "1",
                "signedDateTime": "2026-11-23T09:59:58.123Z",
            }
        ]
    },
}


class TestReading:
    async def test_an_envelope_is_read_with_all_its_quirks(self) -> None:
        """Strings for numbers, seven fractional digits, an offset without a colon, status in any case."""
        host = Host().on("GET", f"{PREFIX}/envelopes/{ENVELOPE}", httpx.Response(200, json=FULL))
        async with host.client() as docusign:
            envelope = await docusign.envelope(ENVELOPE)
        assert envelope.status == "completed"
        assert envelope.created_at == datetime(2026, 11, 22, 10, 1, 37, 596641, tzinfo=UTC)
        assert envelope.completed_at == datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
        assert envelope.voided_at is None
        assert envelope.template_id is None
        assert envelope.custom_fields == {"countersign_ref": "CS-7", "kind": "annual"}
        (signer,) = envelope.signers
        assert (signer.role_name, signer.status, signer.routing_order) == ("Client signer", "completed", 1)
        assert host.rest()[0].url.params["include"] == "custom_fields,recipients"
        assert Envelope.model_validate_json(envelope.model_dump_json()) == envelope

    async def test_fields_are_read_by_their_labels(self) -> None:
        """What was signed is what stands in the fields, whatever their kind."""
        tabs = {
            "textTabs": [{"tabLabel": "Seats1", "value": "12"}],
            "checkboxTabs": [{"tabLabel": "Annual", "selected": "true"}],
            "radioGroupTabs": [
                {
                    "groupName": "Term",
                    "radios": [{"value": "M", "selected": "false"}, {"value": "Y", "selected": True}],
                }
            ],
            "listTabs": [{"tabLabel": "Currency", "value": "EUR"}],
        }
        with_tabs = {"signers": [FULL["recipients"]["signers"][0] | {"tabs": tabs}]}  # type: ignore[index]
        host = (
            Host()
            .on("GET", f"{PREFIX}/envelopes/{ENVELOPE}", httpx.Response(200, json=FULL))
            .on("GET", f"{PREFIX}/envelopes/{ENVELOPE}/recipients", httpx.Response(200, json=with_tabs))
        )
        async with host.client() as docusign:
            envelope = await docusign.envelope_with_tabs(ENVELOPE)
        expected = {"Seats1": "12", "Annual": "true", "Term": "Y", "Currency": "EUR"}
        assert envelope.signers[0].tabs == expected
        assert envelope.custom_fields["countersign_ref"] == "CS-7"

    def test_fields_that_share_a_label_and_differ_match_nothing(self) -> None:
        """Two different seat counts under one label are never one of them."""
        tabs = {"textTabs": [{"tabLabel": "Seats1", "value": v} for v in ("12", "120", "12")]}
        assert tab_values(tabs) == {"Seats1": "12 | 120"}

    async def test_an_unreadable_date_is_told_not_guessed(self) -> None:
        """A shape that nobody knows is an error of the vendor's, not a crash of ours."""
        odd = FULL | {"completedDateTime": "yesterday"}
        host = Host().on("GET", f"{PREFIX}/envelopes/{ENVELOPE}", httpx.Response(200, json=odd))
        async with host.client() as docusign:
            with pytest.raises(Unavailable, match="shape"):
                await docusign.envelope(ENVELOPE)

    async def test_a_page_instead_of_a_paper_is_no_document(self) -> None:
        """Only a PDF is filed as a PDF."""
        path = f"{PREFIX}/envelopes/{ENVELOPE}/documents/combined"
        host = Host().on(
            "GET", path, httpx.Response(200, content=b"%PDF-1.7 ..."), httpx.Response(200, content=b"<html>")
        )
        async with host.client() as docusign:
            assert (await docusign.document(ENVELOPE, "combined")).startswith(b"%PDF-")
            with pytest.raises(Unavailable, match="PDF"):
                await docusign.document(ENVELOPE, "combined")

    async def test_a_template_tells_its_roles_and_labels(self) -> None:
        """What the agreement's template offers can be checked before an envelope is made."""
        signer = {
            "roleName": "Client signer",
            "routingOrder": "1",
            "tabs": {"textTabs": [{"tabLabel": "Term"}]},
        }
        body = {"templateId": "tpl-1", "name": "Agreement", "recipients": {"signers": [signer]}}
        host = Host().on("GET", f"{PREFIX}/templates/tpl-1", httpx.Response(200, json=body))
        async with host.client() as docusign:
            template = await docusign.template("tpl-1")
        assert template.roles[0].role_name == "Client signer"
        assert template.tab_labels == {"Term"}

    async def test_templates_are_read_to_the_last(self) -> None:
        """A second page of templates is read too."""
        pages = [
            {"envelopeTemplates": [{"templateId": "a", "name": "A"}], "totalSetSize": "2"},
            {"envelopeTemplates": [{"templateId": "b", "name": "B"}], "totalSetSize": "2"},
        ]
        host = Host().on("GET", f"{PREFIX}/templates", *(httpx.Response(200, json=page) for page in pages))
        async with host.client() as docusign:
            assert [one.name for one in await docusign.templates("agreement")] == ["A", "B"]


class TestEditing:
    async def test_fields_are_set_by_their_ids(self) -> None:
        """A PUT names tab ids, which are read first."""
        tabs = {
            "textTabs": [
                {"tabId": "t1", "tabLabel": "Seats1", "value": "12"},
                {"tabId": "t2", "tabLabel": "Term", "value": "Monthly"},
            ],
            "signHereTabs": [{"tabId": "s", "tabLabel": "Signature"}],
        }
        path = f"{PREFIX}/envelopes/{ENVELOPE}/recipients/1/tabs"
        host = Host().on("GET", path, httpx.Response(200, json=tabs)).on("PUT", path, httpx.Response(200, json={}))
        async with host.client() as docusign:
            await docusign.set_tabs(ENVELOPE, "1", {"Seats1": "15"})
            with pytest.raises(Refused, match="Seats9"):
                await docusign.set_tabs(ENVELOPE, "1", {"Seats1": "15", "Seats9": "1"})
        writes = [request for request in host.rest() if request.method == "PUT"]
        assert [json.loads(write.content) for write in writes] == [{"textTabs": [{"tabId": "t1", "value": "15"}]}]

    async def test_a_custom_field_is_added_changed_or_left(self) -> None:
        """POST for a new one, PUT with its id for another value, nothing for the same."""
        path = f"{PREFIX}/envelopes/{ENVELOPE}/custom_fields"
        present = {"textCustomFields": [{"name": "run", "value": "r1", "fieldId": "77"}]}
        host = Host().on("GET", path, httpx.Response(200, json=present))
        host.on("POST", path, httpx.Response(201, json={})).on("PUT", path, httpx.Response(200, json={}))
        async with host.client() as docusign:
            await docusign.set_custom_field(ENVELOPE, "run", "r1")
            await docusign.set_custom_field(ENVELOPE, "run", "r2")
            await docusign.set_custom_field(ENVELOPE, "ref", "CS-7")
        put, post = (request for request in host.rest() if request.method != "GET")
        assert (put.method, post.method) == ("PUT", "POST")
        assert json.loads(put.content)["textCustomFields"][0]["fieldId"] == "77"
        assert "fieldId" not in json.loads(post.content)["textCustomFields"][0]


class TestBlock:
    def test_the_block_makes_a_client_for_production_by_default(self) -> None:
        """Addresses default to the real DocuSign; secrets don't print."""
        block = DocuSignBlock(
            account_id=ACCOUNT,
            integration_key="ik",
            user_id="u",
            private_key=SecretStr(PEM),
            connect_key=SecretStr("new"),
            connect_key_before=SecretStr("old"),
        )
        assert block.oauth_address == "https://account.docusign.com"
        assert [key.get_secret_value() for key in block.connect_keys()] == ["new", "old"]
        assert "PRIVATE KEY" not in repr(block)
        assert DocuSignBlock.get_block_type_slug() == "countersign-docusign"

    def test_every_field_of_the_form_is_described(self) -> None:
        """A person fills the block in by form: each field says what it wants."""
        for name, field in DocuSignBlock.model_fields.items():
            assert name.startswith("_") or field.description, name
