"""DocuSign's stand-in over real HTTP: it does what the sheet says, and refuses what the sheet doesn't say."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from sandbox.core import Store, World
from sandbox.docusign_list import listed
from tests.sandbox.conftest import Served

CUSTOMER, MSP = "Client signer", "MSP signer"
EVENTS = [
    "envelope-sent",
    "envelope-delivered",
    "envelope-completed",
    "envelope-declined",
    "envelope-voided",
    "recipient-completed",
    "recipient-declined",
    "recipient-autoresponded",
]


def draft(sandbox: Served, **changed: Any) -> dict[str, Any]:
    """The body of an ordinary draft."""
    tabs = {"CustomerName": "Contoso Ltd", "Product1": "Visio Plan 1", "Seats1": "3"}
    body = {
        "templateId": sandbox.credentials["docusign"]["templates"]["Monthly"],
        "status": "created",
        "emailSubject": "Subscription agreement AGR-1",
        "transactionId": "7b0c2f8e",
        "allowReassign": "false",
        "templateRoles": [
            {
                "roleName": CUSTOMER,
                "name": "Ada Byte",
                "email": "ada@contoso.example",
                "tabs": {"textTabs": [{"tabLabel": k, "value": v, "locked": "true"} for k, v in tabs.items()]},
            },
            {"roleName": MSP, "name": "Roberta Vale", "email": "roberta@northgate.example"},
        ],
        "customFields": {"textCustomFields": [{"name": "ref", "value": "AGR-1", "required": "false", "show": "false"}]},
        "notification": {
            "useAccountDefaults": "false",
            "reminders": {"reminderEnabled": "false"},
            "expirations": {"expireEnabled": "true", "expireAfter": "14", "expireWarn": "0"},
        },
    }
    return body | changed


def created(sandbox: Served, api: httpx.Client, **changed: Any) -> str:
    """The id of an envelope made with that body."""
    answer = api.post("/envelopes", json=draft(sandbox, **changed))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["envelopeId"])


def read(api: httpx.Client, key: str, include: str = "custom_fields,recipients") -> dict[str, Any]:
    """The envelope with its parts."""
    return dict(api.get(f"/envelopes/{key}", params={"include": include}).json())


def scalars(value: Any) -> Iterator[Any]:
    """Every scalar in a JSON value."""
    if isinstance(value, dict):
        for one in value.values():
            yield from scalars(one)
    elif isinstance(value, list):
        for one in value:
            yield from scalars(one)
    else:
        yield value


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"iss": "somebody"}, "issuer_not_found"),
        ({"aud": "account.docusign.com"}, "issuer_not_found"),
        ({"sub": "roberta@northgate.example"}, "user_not_found"),
        ({"exp": int(time.time()) - 3000, "iat": int(time.time()) - 6000}, "expired_token"),
        ({"exp": int(time.time()) + 9000}, "the assertion lives longer than an hour"),
    ],
)
def test_a_wrong_assertion_gets_no_token(sandbox: Served, claims: dict[str, Any], error: str) -> None:
    """Key, audience, user and times are checked; the error has the OAuth host's own shape."""
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    form = {"grant_type": grant, "assertion": sandbox.assertion(**claims)}
    answer = sandbox.http.post("/docusign/oauth/token", data=form)
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_grant", "error_description": error}


def test_an_assertion_signed_with_another_key_gets_no_token(sandbox: Served) -> None:
    """Only the integration's own private key counts."""
    header, payload, _ = sandbox.assertion().split(".")
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": f"{header}.{payload}.AAAA",
    }
    answer = sandbox.http.post("/docusign/oauth/token", data=form)
    assert answer.json()["error_description"] == "no_valid_keys_or_signatures"


def test_a_token_can_be_had_whatever_the_sandboxes_clock_says(sandbox: Served) -> None:
    """An assertion of the real time is good after the clock was moved, for the caller may not share the offset."""
    sandbox.control("clock", {"advance_days": 40})
    assert sandbox.docusign().get("/templates").status_code == 200


def test_a_draft_mails_nobody_and_holds_what_was_given(sandbox: Served) -> None:
    """Status created, locked values by label, our reference, all scalars strings, seven fractional digits."""
    api = sandbox.docusign()
    key = created(sandbox, api)
    envelope = read(api, key, "custom_fields,recipients,tabs")
    assert envelope["status"] == "created" and "sentDateTime" not in envelope
    assert len(envelope["createdDateTime"].rpartition(".")[2]) == len("1234567Z")
    assert all(isinstance(scalar, str) for scalar in scalars(envelope))
    assert envelope["customFields"]["textCustomFields"][0]["value"] == "AGR-1"
    customer, msp = envelope["recipients"]["signers"]
    values = {tab["tabLabel"]: (tab["value"], tab["locked"]) for tab in customer["tabs"]["textTabs"]}
    assert values["Seats1"] == ("3", "true") and values["Seats2"] == ("", "false")
    assert "textTabs" not in msp["tabs"]
    assert [e["effect"] for e in sandbox.effects()] == ["draft created"]


@pytest.mark.parametrize(
    "change",
    [
        {"envelopeId": "x"},
        {"colour": "red"},
        {"emailSubject": "x" * 101},
        {"status": "voided"},
        {"allowReassign": False},
        {"templateId": "unknown"},
        {"templateRoles": []},
        {"templateRoles": [{"roleName": CUSTOMER, "name": "A", "email": "a@b.example"}]},
        {"templateRoles": [{"roleName": "Boss", "name": "A", "email": "a@b.example"}]},
        {"customFields": {"textCustomFields": [{"name": "ref", "value": "x" * 101}]}},
        {"customFields": {"textCustomFields": [{"name": "ref", "value": "1"}] * 2}},
        {"eventNotification": {"url": "http://hooks.example/x", "deliveryMode": "SIM"}},
        {"notification": {"expirations": {"expireEnabled": "true", "expireAfter": "soon"}}},
    ],
    ids=str,
)
def test_what_the_sheet_does_not_allow_is_refused(sandbox: Served, change: dict[str, Any]) -> None:
    """400 with an errorCode, and no envelope comes of it."""
    api = sandbox.docusign()
    answer = api.post("/envelopes", json=draft(sandbox, **change))
    assert answer.status_code == 400 and answer.json()["errorCode"] and answer.json()["message"]
    assert "X-DocuSign-TraceToken" in answer.headers
    assert sandbox.effects() == []


def test_a_label_that_the_template_lacks_is_refused(sandbox: Served) -> None:
    """A misspelt tab label must not vanish silently."""
    roles = draft(sandbox)["templateRoles"]
    roles[0]["tabs"]["textTabs"].append({"tabLabel": "Seat1", "value": "3"})
    answer = sandbox.docusign().post("/envelopes", json=draft(sandbox, templateRoles=roles))
    assert answer.status_code == 400 and "Seat1" in answer.json()["message"]


def test_an_envelope_is_found_by_its_transaction_for_seven_days(sandbox: Served) -> None:
    """`transaction_ids` is a look-up aid and no de-duplication: a second POST makes a second envelope."""
    first = created(sandbox, sandbox.docusign())
    second = created(sandbox, sandbox.docusign())
    told = sandbox.docusign().get("/envelopes", params={"transaction_ids": "7b0c2f8e,other"}).json()
    assert {one["envelopeId"] for one in told["envelopeTransactionStatuses"]} == {first, second}
    assert "envelopes" not in told
    sandbox.control("clock", {"advance_days": 8})
    told = sandbox.docusign().get("/envelopes", params={"transaction_ids": "7b0c2f8e"}).json()
    assert "envelopeTransactionStatuses" not in told and told["totalSetSize"] == "0"


def test_an_envelope_is_found_by_our_reference(sandbox: Served) -> None:
    """`custom_field=name=value`, `%` for a part; a from_date is still needed."""
    api = sandbox.docusign()
    key = created(sandbox, api)

    def found(wanted: str) -> list[str]:
        query = {"custom_field": wanted, "from_date": "2020-01-01T00:00:00Z"}
        return [e["envelopeId"] for e in api.get("/envelopes", params=query).json().get("envelopes", [])]

    assert found("ref=AGR-1") == [key] and found("ref=%GR%") == [key]
    assert found("ref=AGR") == [] and found("other=AGR-1") == []
    assert api.get("/envelopes", params={"custom_field": "ref=AGR-1"}).status_code == 400


def test_the_list_pages_through_what_changed(sandbox: Served) -> None:
    """Counts are strings, every envelope comes exactly once, and an empty page has no array at all."""
    api = sandbox.docusign()
    keys = [created(sandbox, api) for _ in range(7)]
    seen: list[str] = []
    while True:
        query = {"from_date": "2020-01-01T00:00:00+00:00", "count": "3", "start_position": str(len(seen))}
        page = api.get("/envelopes", params=query | {"include": "custom_fields,recipients"}).json()
        assert page["totalSetSize"] == "7" and page["startPosition"] == str(len(seen))
        seen += [envelope["envelopeId"] for envelope in page["envelopes"]]
        if "continuationToken" not in page:
            break
    assert sorted(seen) == sorted(keys)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    empty = api.get("/envelopes", params={"from_date": later}).json()
    assert empty["resultSetSize"] == "0" and "envelopes" not in empty


def test_the_list_tells_only_what_changed_since(sandbox: Served) -> None:
    """A signature moves an envelope into the list of changes, whenever it was made."""
    api = sandbox.docusign()
    old, new = created(sandbox, api, status="sent"), created(sandbox, api, status="sent")
    sandbox.control("clock", {"advance_days": 1})
    since = sandbox.control("clock", method="GET")["now"]
    sandbox.control(f"envelopes/{new}/sign")
    api = sandbox.docusign()
    rows = api.get("/envelopes", params={"from_date": since, "include": "recipients"}).json()["envelopes"]
    assert [(row["envelopeId"], row["status"]) for row in rows] == [(new, "completed")]
    query = {"from_date": "2020-01-01T00:00:00Z", "status": "sent"}
    assert [e["envelopeId"] for e in api.get("/envelopes", params=query).json()["envelopes"]] == [old]


def test_many_envelopes_are_read_in_one_call_by_id(sandbox: Served) -> None:
    """The body is mandatory; unknown ids are left out."""
    api = sandbox.docusign()
    keys = [created(sandbox, api) for _ in range(3)]
    query = {"envelope_ids": "request_body"}
    told = api.put("/envelopes/status", params=query, json={"envelopeIds": [*keys[:2], "unknown"]}).json()
    assert {e["envelopeId"] for e in told["envelopes"]} == set(keys[:2])
    assert api.put("/envelopes/status", params=query).status_code == 400


def test_tabs_of_a_draft_are_changed_by_tab_id_only(sandbox: Served) -> None:
    """A label is not enough, and after sending nothing can be changed."""
    api = sandbox.docusign()
    key = created(sandbox, api)
    signer = api.get(f"/envelopes/{key}/recipients", params={"include_tabs": "true"}).json()["signers"][0]
    seats = next(tab for tab in signer["tabs"]["textTabs"] if tab["tabLabel"] == "Seats1")
    place = f"/envelopes/{key}/recipients/1/tabs"
    by_label = api.put(place, json={"textTabs": [{"tabLabel": "Seats1", "value": "5"}]})
    assert by_label.status_code == 400
    by_id = api.put(place, json={"textTabs": [{"tabId": seats["tabId"], "value": "5"}]})
    assert by_id.status_code == 200 and by_id.json()["textTabs"][0]["value"] == "5"
    data = {f["name"]: f["value"] for f in api.get(f"/envelopes/{key}/form_data").json()["formData"]}
    assert data["Seats1"] == "5"
    api.put(f"/envelopes/{key}", json={"status": "sent"})
    late = api.put(place, json={"textTabs": [{"tabId": seats["tabId"], "value": "6"}]})
    assert (late.status_code, late.json()["errorCode"]) == (400, "ENVELOPE_INVALID_STATUS")


def test_sending_is_repeatable_and_mails_the_signers_in_order(sandbox: Served) -> None:
    """The customer is mailed first, our own countersigner only once the customer has signed."""
    api = sandbox.docusign()
    key = created(sandbox, api)
    for _ in range(2):
        assert api.put(f"/envelopes/{key}", json={"status": "sent"}).status_code == 200
    assert len(sandbox.effects("envelope sent")) == 1
    signers = read(api, key)["recipients"]["signers"]
    assert [s["status"] for s in signers] == ["sent", "created"]
    sandbox.control(f"envelopes/{key}/sign", {"by": "customer"})
    envelope = read(api, key)
    assert [s["status"] for s in envelope["recipients"]["signers"]] == ["completed", "sent"]
    assert envelope["status"] == "sent", "not all have opened it yet"
    sandbox.control(f"envelopes/{key}/view")
    assert read(api, key)["status"] == "delivered"
    sandbox.control(f"envelopes/{key}/sign", {"email": "roberta@northgate.example"})
    envelope = read(api, key)
    assert envelope["status"] == "completed" and envelope["completedDateTime"]
    assert envelope["recipients"]["signers"][0]["signedDateTime"]


def test_a_signer_out_of_turn_cannot_sign(sandbox: Served) -> None:
    """The countersigner has nothing to sign before the customer has; a stranger never does."""
    key = created(sandbox, sandbox.docusign(), status="sent")
    for who in ({"by": "msp"}, {"email": "eve@elsewhere.example"}):
        assert sandbox.http.post(f"/_sandbox/envelopes/{key}/sign", json=who).status_code == 409
    assert sandbox.effects("envelope signed") == []


def test_the_customer_signs_at_a_moment_and_we_countersign_later(sandbox: Served) -> None:
    """At that moment of the sandbox's time and not before; until ours signs too it isn't complete."""
    key = created(sandbox, sandbox.docusign(), status="sent")
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    told = sandbox.control(f"envelopes/{key}/sign", {"by": "customer", "at": at.isoformat()})
    assert told["status"] == "sent" and sandbox.effects("envelope signed") == []
    sandbox.control("clock", {"now": (at - timedelta(minutes=1)).isoformat()})
    assert sandbox.effects("envelope signed") == []
    sandbox.control("clock", {"now": (at + timedelta(hours=1)).isoformat()})
    kept = sandbox.control(f"records/docusign.envelopes/{key}", method="GET")
    customer, ours = sorted(kept["signers"], key=lambda s: int(s["routingOrder"]))
    assert customer["signedDateTime"].startswith(at.strftime("%Y-%m-%dT%H:%M:%S.000000"))
    assert (kept["status"], ours["status"]) == ("sent", "sent")
    assert sandbox.control(f"envelopes/{key}/sign", {"by": "msp"})["status"] == "completed"


def test_what_comes_too_late_does_not_happen_and_is_noted(sandbox: Served) -> None:
    """Whichever was first holds: a signature after the void, a void after the signature."""
    first, second = (created(sandbox, sandbox.docusign(), status="sent") for _ in range(2))
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    sandbox.control(f"envelopes/{first}/sign", {"at": at})
    sandbox.control(f"envelopes/{second}/void", {"at": at, "reason": "Too slow"})
    sandbox.control(f"envelopes/{first}/void")
    sandbox.control(f"envelopes/{second}/sign")
    sandbox.control("clock", {"advance_days": 2})
    late = {e["envelope"]: e["act"] for e in sandbox.effects("came too late")}
    assert late == {first: "sign", second: "void"}
    for key, status in ((first, "voided"), (second, "completed")):
        assert sandbox.control(f"records/docusign.envelopes/{key}", method="GET")["status"] == status


@pytest.mark.parametrize("at", ["2020-01-01T00:00:00+00:00", "2099-01-01T00:00:00", "tomorrow", None])
def test_a_moment_that_is_none_to_come_is_refused(sandbox: Served, at: str | None) -> None:
    """Past, naive or no moment at all."""
    key = created(sandbox, sandbox.docusign(), status="sent")
    answer = sandbox.http.post(f"/_sandbox/envelopes/{key}/sign", json={"at": at})
    assert answer.status_code == 400 and answer.json()["error"]


def test_only_what_is_in_process_can_be_voided(sandbox: Served) -> None:
    """A finished envelope answers 400 with DocuSign's own code, a draft too; a reason is needed."""
    api = sandbox.docusign()
    void = {"status": "voided", "voidedReason": "Customer changed his mind"}
    finished, running, just_drafted = (created(sandbox, api, status=s) for s in ("sent", "sent", "created"))
    sandbox.control(f"envelopes/{finished}/sign")
    for key in (finished, just_drafted):
        answer = api.put(f"/envelopes/{key}", json=void)
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "ENVELOPE_CANNOT_VOID_INVALID_STATE")
    assert api.put(f"/envelopes/{running}", json={"status": "voided"}).status_code == 400
    assert api.put(f"/envelopes/{running}", json=void).status_code == 200
    envelope = read(api, running)
    assert (envelope["status"], envelope["voidedReason"]) == ("voided", "Customer changed his mind")


def test_an_expired_envelope_ends_as_voided_with_its_reason(sandbox: Served) -> None:
    """There is no status `expired`; the date is that of the expiry, not that of the look."""
    key = created(sandbox, sandbox.docusign(), status="sent")
    sandbox.control("clock", {"advance_days": 20})
    envelope = read(sandbox.docusign(), key)
    assert (envelope["status"], envelope["voidedReason"]) == ("voided", "Envelope has expired.")
    assert envelope["voidedDateTime"] == envelope["expireDateTime"]
    assert len(sandbox.effects("envelope expired")) == 1


def test_a_declined_envelope_says_who_and_why(sandbox: Served) -> None:
    """The reason stands on the signer."""
    key = created(sandbox, sandbox.docusign(), status="sent")
    sandbox.control(f"envelopes/{key}/decline", {"reason": "Too dear"})
    envelope = read(sandbox.docusign(), key)
    assert envelope["status"] == "declined" and envelope["declinedDateTime"]
    signer = envelope["recipients"]["signers"][0]
    assert (signer["status"], signer["declinedReason"]) == ("declined", "Too dear")


def test_a_bounced_invitation_leaves_the_envelope_as_sent(sandbox: Served) -> None:
    """Only the recipient shows it: autoresponded, with the mail server's words."""
    key = created(sandbox, sandbox.docusign(), status="sent")
    sandbox.control(f"envelopes/{key}/bounce")
    envelope = read(sandbox.docusign(), key)
    signer = envelope["recipients"]["signers"][0]
    assert envelope["status"] == "sent" and signer["status"] == "autoresponded"
    assert "550" in signer["autoRespondedReason"]


def test_contracts_can_edit_and_send_a_draft_by_hand_and_make_one(sandbox: Served) -> None:
    """What people do in DocuSign's own pages: it has the same effects, and no reference of ours unless given."""
    key = created(sandbox, sandbox.docusign())
    sandbox.control(f"envelopes/{key}/edit", {"tabs": {"Seats1": "9"}})
    sandbox.control(f"envelopes/{key}/send")
    assert sandbox.http.post(f"/_sandbox/envelopes/{key}/edit", json={"tabs": {"Seats1": "1"}}).status_code == 409
    people = {
        "customer": {"name": "Ada Byte", "email": "ada@contoso.example"},
        "msp": {"name": "Roberta Vale", "email": "roberta@northgate.example"},
    }
    made = sandbox.control("envelopes", {**people, "tabs": {"Seats1": "2"}, "send": True})
    assert made["status"] == "sent" and made["customFields"]["textCustomFields"] == []


def test_the_papers_are_pdfs_that_say_what_was_signed(sandbox: Served) -> None:
    """Combined holds the field values and the signatures, the certificate the times; unknown documents are 404."""
    api = sandbox.docusign()
    key = created(sandbox, api, status="sent")
    sandbox.control(f"envelopes/{key}/sign", {"by": "all", "name": "A. Byte"})
    combined = api.get(f"/envelopes/{key}/documents/combined")
    assert combined.headers["content-type"] == "application/pdf"
    assert combined.content.startswith(b"%PDF-1.4") and combined.content.rstrip().endswith(b"%%EOF")
    for words in (b"Product1: Visio Plan 1", b"Seats1: 3", b"signed by A. Byte"):
        assert words in combined.content
    certificate = api.get(f"/envelopes/{key}/documents/certificate").content
    assert key.encode() in certificate and b"Status: Completed" in certificate
    archive = api.get(f"/envelopes/{key}/documents/archive").content
    assert archive.startswith(b"PK")
    assert api.get(f"/envelopes/{key}/documents/9").status_code == 404


def test_custom_fields_can_be_added_and_changed_until_it_is_over(sandbox: Served) -> None:
    """POST adds a new name, PUT changes by fieldId, both while draft or in process only."""
    api = sandbox.docusign()
    key = created(sandbox, api)
    place = f"/envelopes/{key}/custom_fields"
    added = api.post(place, json={"textCustomFields": [{"name": "run", "value": "r-1"}]})
    assert added.status_code == 201
    assert api.post(place, json={"textCustomFields": [{"name": "run", "value": "r-2"}]}).status_code == 400
    field = next(f for f in api.get(place).json()["textCustomFields"] if f["name"] == "run")
    assert api.put(place, json={"textCustomFields": [{"name": "run", "value": "r-2"}]}).status_code == 400
    assert api.put(place, json={"textCustomFields": [field | {"value": "r-2"}]}).status_code == 200
    assert {f["name"]: f["value"] for f in api.get(place).json()["textCustomFields"]}["run"] == "r-2"
    api.put(f"/envelopes/{key}", json={"status": "sent"})
    sandbox.control(f"envelopes/{key}/sign")
    assert api.put(place, json={"textCustomFields": [field]}).status_code == 400


def test_a_template_shows_its_roles_and_labels(sandbox: Served) -> None:
    """What the set-up checks before the first agreement."""
    api = sandbox.docusign()
    listed = api.get("/templates", params={"search_text": "annual"}).json()["envelopeTemplates"]
    assert [t["templateId"] for t in listed] == [sandbox.credentials["docusign"]["templates"]["1-Year"]]
    template = api.get(f"/templates/{listed[0]['templateId']}").json()
    roles = {s["roleName"]: s for s in template["recipients"]["signers"]}
    assert set(roles) == {CUSTOMER, MSP}
    labels = {tab["tabLabel"] for tab in roles[CUSTOMER]["tabs"]["textTabs"]}
    assert {"Product4", "Seats4", "UnitPrice4", "ProductId4", "Reference"} <= labels
    assert "envelopeTemplates" not in api.get("/templates", params={"search_text": "nonsense"}).json()
    assert api.get("/templates/unknown").status_code == 404


def test_looking_at_one_envelope_too_often_is_refused_with_a_400(sandbox: Served) -> None:
    """The per-envelope limits answer 400 with a code of their own; other envelopes and lists are not hit."""
    api = sandbox.docusign()
    sandbox.control("settings", {"docusign.polling_limit": 3})
    key, other = created(sandbox, api), created(sandbox, api)
    answers = [api.get(f"/envelopes/{key}{part}") for part in ("", "/recipients", "/custom_fields", "")]
    assert [a.status_code for a in answers] == [200, 200, 200, 400]
    assert answers[-1].json()["errorCode"] == "Burst_Envelope_Polling_Limit_Exceeded"
    assert api.get(f"/envelopes/{other}").status_code == 200
    sandbox.control("clock", {"advance_seconds": 31})
    assert api.get(f"/envelopes/{key}").status_code == 200


def test_answers_carry_trace_token_and_limits(sandbox: Served) -> None:
    """X-RateLimit counts down, and reset is a unix time within the hour."""
    api = sandbox.docusign()
    first, second = api.get("/templates"), api.get("/templates")
    assert first.headers["X-DocuSign-TraceToken"] != second.headers["X-DocuSign-TraceToken"]
    left = [int(a.headers["X-RateLimit-Remaining"]) for a in (first, second)]
    assert left[0] - left[1] == 1 and first.headers["X-RateLimit-Limit"] == "3000"
    assert 0 < int(first.headers["X-RateLimit-Reset"]) - time.time() <= 3600
    assert int(first.headers["X-BurstLimit-Remaining"]) < 200


def test_another_account_and_unknown_parameters_are_refused(sandbox: Served) -> None:
    """The account of the path must be the token's; a query parameter that doesn't exist is no shrug."""
    api = sandbox.docusign()
    elsewhere = str(api.base_url).replace(sandbox.credentials["docusign"]["account_id"], "other")
    assert api.get(f"{elsewhere}templates").json()["errorCode"] == "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT"
    assert api.get("/templates", params={"colour": "red"}).status_code == 400
    assert api.get("/envelopes/unknown").json()["errorCode"] == "ENVELOPE_DOES_NOT_EXIST"


def test_ten_thousand_envelopes_stay_fast(sandbox: Served) -> None:
    """The list call that the net of missed webhooks relies on answers within a second or two."""
    api = sandbox.docusign()
    key = created(sandbox, api, status="sent")
    pattern = sandbox.control(f"records/docusign.envelopes/{key}", method="GET")
    store = Store()
    for number in range(10_000):
        one = json.loads(json.dumps(pattern)) | {"envelopeId": f"e-{number}", "number": number}
        store.put("docusign.envelopes", one["envelopeId"], one)
    world = World()
    world.store = store
    world.declare_setting("docusign.index_delay_seconds", 0, "")
    began = time.perf_counter()
    page = listed(world, {"from_date": "2020-01-01T00:00:00Z", "include": "custom_fields,recipients"})
    listed(world, {"from_date": "2020-01-01T00:00:00Z", "custom_field": "ref=AGR-1"})
    assert page["totalSetSize"] == "10000" and len(page["envelopes"]) == 100
    assert time.perf_counter() - began < 2


class Receiver:
    """A webhook receiver: keeps what arrives, answers with the statuses queued in `answers`, then 200."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls.append((dict(self.headers), raw))
                self.send_response(outer.answers.pop(0) if outer.answers else 200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks/docusign"

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(raw) for _, raw in self.calls]

    @property
    def events(self) -> list[str]:
        return [message["event"] for message in self.messages]

    def notification(self, **changed: Any) -> dict[str, Any]:
        """The `eventNotification` of an envelope that is to tell this receiver."""
        return {
            "url": self.url,
            "requireAcknowledgment": "true",
            "loggingEnabled": "true",
            "includeHMAC": "true",
            "deliveryMode": "SIM",
            "events": EVENTS,
            "eventData": {
                "version": "restv2.1",
                "format": "json",
                "includeData": ["custom_fields", "recipients"],
            },
        } | changed


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port."""
    one = Receiver()
    yield one
    one.server.shutdown()


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Waits for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen"
        time.sleep(0.02)


def test_a_webhook_tells_each_event_signed_with_the_raw_body(sandbox: Served, receiver: Receiver) -> None:
    """JSON SIM with real integers outside, strings inside; the key is text; only what was asked for is told."""
    key = created(sandbox, sandbox.docusign(), status="sent", eventNotification=receiver.notification())
    sandbox.control(f"envelopes/{key}/sign")
    until(lambda: "envelope-completed" in receiver.events)
    assert receiver.events == [
        "envelope-sent",
        "recipient-completed",
        "envelope-delivered",
        "recipient-completed",
        "envelope-completed",
    ]
    headers, raw = receiver.calls[-1]
    secret = sandbox.credentials["docusign"]["hmac_key"].encode()
    expected = base64.b64encode(hmac.new(secret, raw, hashlib.sha256).digest()).decode()
    lowered = {name.lower(): value for name, value in headers.items()}
    assert lowered["x-docusign-signature-1"] == expected
    message = receiver.messages[-1]
    assert message["retryCount"] == 0 and message["data"]["envelopeId"] == key
    summary = message["data"]["envelopeSummary"]
    assert summary["customFields"]["textCustomFields"][0]["value"] == "AGR-1"
    assert "recipientId" not in message["data"] and receiver.messages[1]["data"]["recipientId"] == "1"


def test_a_refused_webhook_is_retried_with_its_count(sandbox: Served, receiver: Receiver) -> None:
    """Anything but a 2xx is tried again, up to ten times, but only if acknowledgement was required."""
    receiver.answers = [500, 401]
    created(sandbox, sandbox.docusign(), status="sent", eventNotification=receiver.notification())
    until(lambda: len(receiver.calls) == 3)
    assert [m["retryCount"] for m in receiver.messages] == [0, 1, 2]
    assert len({m["generatedDateTime"] for m in receiver.messages}) == 1
    receiver.calls.clear()
    receiver.answers = [500]
    careless = receiver.notification(requireAcknowledgment="false")
    created(sandbox, sandbox.docusign(), status="sent", eventNotification=careless)
    until(lambda: sandbox.control("connect", method="GET")["deliveries"][-1]["state"] == "failed")
    assert len(receiver.calls) == 1


def test_webhooks_can_be_lost_doubled_and_late(sandbox: Served, receiver: Receiver) -> None:
    """The modes that a careful receiver must live with."""
    api = sandbox.docusign()
    notification = receiver.notification(events=["envelope-sent"])
    sandbox.control("connect", {"mode": "lost"})
    created(sandbox, api, status="sent", eventNotification=notification)
    sandbox.control("connect", {"mode": "duplicate:3"})
    created(sandbox, api, status="sent", eventNotification=notification)
    until(lambda: len(receiver.calls) == 3)
    assert len({raw for _, raw in receiver.calls}) == 1
    sandbox.control("connect", {"mode": "late:3600"})
    created(sandbox, api, status="sent", eventNotification=notification)
    assert len(receiver.calls) == 3
    sandbox.control("clock", {"advance_hours": 1})
    until(lambda: len(receiver.calls) == 4)
    states = [d["state"] for d in sandbox.control("connect", method="GET")["deliveries"]]
    assert states.count("lost") == 1
    assert sandbox.http.post("/_sandbox/connect", json={"mode": "sometimes"}).status_code == 400


def test_webhooks_can_come_out_of_order(sandbox: Served, receiver: Receiver) -> None:
    """Shuffled: everything arrives, but not as it happened."""
    sandbox.control("connect", {"mode": "shuffled"})
    key = created(sandbox, sandbox.docusign(), status="sent", eventNotification=receiver.notification())
    sandbox.control(f"envelopes/{key}/sign")
    until(lambda: len(receiver.calls) == 5)
    times = [m["generatedDateTime"] for m in receiver.messages]
    assert times != sorted(times)


def test_an_envelope_without_a_notification_tells_nobody(sandbox: Served, receiver: Receiver) -> None:
    """No account-wide configuration sends what wasn't asked for."""
    key = created(sandbox, sandbox.docusign(), status="sent")
    sandbox.control(f"envelopes/{key}/sign")
    assert sandbox.control("connect", method="GET")["deliveries"] == [] and receiver.calls == []
