"""The Autotask stand-in keeps to autotask.md."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.world import SEED
from tests.sandbox.stand_ins import StandIns, stand_ins

TICKET: dict[str, Any] = {
    "companyID": 175,
    "title": "Order Visio",
    "status": 1,
    "priority": 2,
    "queueID": 29682833,
    "externalID": "ORD-1:request",
}
TOM = SEED.member("tom").resource_id
SAM = SEED.member("sam").resource_id
IVY = SEED.member("ivy").resource_id
TECHNICIAN, SENIOR = 29683436, 29683437
CONTOSO_TICKET = SEED.customer("contoso").tickets[0].ticket_id
NUMBER = SEED.customer("contoso").tickets[0].number


@pytest.fixture(scope="module")
def server() -> Iterator[StandIns]:
    """One sandbox for this file."""
    with stand_ins() as running:
        yield running


@pytest.fixture
def api(server: StandIns) -> Iterator[httpx.Client]:
    """A client of a freshly seeded Autotask."""
    server.control("POST", "reset")
    with server.client("/autotask/ATServicesRest/V1.0/", headers(server)) as client:
        yield client


def headers(server: StandIns) -> dict[str, str]:
    """The three headers."""
    given = server.credentials["autotask"]
    return {
        "ApiIntegrationCode": given["integration_code"],
        "UserName": given["user_name"],
        "Secret": given["secret"],
    }


def query(api: httpx.Client, entity: str, *filters: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """The items that a query finds."""
    answer = api.post(f"{entity}/query", json={"filter": list(filters), **more})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def refusal(answer: httpx.Response) -> str:
    """The text of a validation failure: HTTP 500 with `errors`."""
    assert answer.status_code == 500, answer.text
    (text,) = answer.json()["errors"]
    return str(text)


def test_the_zone_lookup_points_back_at_this_server_without_credentials(server: StandIns) -> None:
    """Any user name is answered; it proves nothing about the credentials."""
    answer = httpx.get(f"{server.base_url}/autotask/atservicesrest/v1.0/zoneInformation", params={"user": "x@y"})
    assert answer.json()["url"] == f"{server.base_url}/autotask/ATServicesRest/"


@pytest.mark.parametrize("missing", ["ApiIntegrationCode", "UserName", "Secret"])
def test_each_of_the_three_headers_is_needed(server: StandIns, missing: str) -> None:
    """401 without a body."""
    given = headers(server) | {missing: "wrong"}
    with server.client("/autotask/ATServicesRest/V1.0/", given) as client:
        answer = client.get("Tickets/1")
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_missing_record_is_null_with_200(api: httpx.Client) -> None:
    """Clients must treat it like 404."""
    assert api.get("Tickets/1").json() == {"item": None}


def test_a_ticket_is_created_at_the_collection_and_read_back_with_what_the_server_set(
    api: httpx.Client, server: StandIns
) -> None:
    """`{"itemId"}` is all that the answer carries."""
    answer = api.post("Tickets", json={**TICKET, "dueDateTime": "2026-12-24T15:00:00Z"})
    assert list(answer.json()) == ["itemId"]
    item = api.get(f"Tickets/{answer.json()['itemId']}").json()["item"]
    assert item["dueDateTime"] == "2026-12-24T15:00:00"
    assert item["createDate"].endswith("Z")
    assert item["creatorResourceID"] is not None
    assert item["ticketNumber"].startswith("T2")
    (effect,) = server.effects("autotask", "ticket created")
    assert (effect["externalID"], effect["companyID"]) == ("ORD-1:request", 175)


def test_nothing_stops_a_second_ticket_with_the_same_key(api: httpx.Client) -> None:
    """Autotask has no idempotency: uniqueness is the client's job."""
    for _ in range(2):
        assert api.post("Tickets", json=TICKET).status_code == 200
    assert len(query(api, "Tickets", {"op": "eq", "field": "externalID", "value": "ORD-1:request"})) == 2


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"title": None}, "Missing required field: title"),
        ({"status": 99}, "does not exist for the required picklist"),
        ({"status": 10}, "does not exist for the required picklist"),
        ({"status": "New"}, "Conversion failed"),
        ({"externalID": "x" * 51}, "maximum length of 50"),
        ({"title": "x" * 256}, "maximum length of 255"),
        ({"companyID": 4711}, "Reference value 4711"),
        ({"assignedResourceID": TOM}, "must be set together"),
        ({"assignedResourceID": TOM, "assignedResourceRoleID": SENIOR}, "not a valid role"),
        ({"assignedResourceID": IVY, "assignedResourceRoleID": TECHNICIAN}, "inactive"),
        ({"queueID": None}, "queueID or an assigned resource"),
        ({"contactID": 1761}, "does not belong to the ticket's company"),
        ({"subIssueType": 136, "issueType": 11}, "does not belong to its issueType"),
        ({"ticketNumber": "T1"}, "read-only"),
        ({"nonsense": 1}, "Unable to find nonsense in the Ticket Entity"),
    ],
)
def test_a_ticket_that_breaks_a_rule_is_a_500_with_errors_and_nothing_happens(
    api: httpx.Client, server: StandIns, changed: dict[str, Any], says: str
) -> None:
    """Validation comes as HTTP 500; such a 500 must not be retried."""
    assert says in refusal(api.post("Tickets", json={**TICKET, **changed}))
    assert server.effects("autotask") == []


def test_patch_goes_to_the_collection_and_changes_only_what_is_sent(api: httpx.Client, server: StandIns) -> None:
    """Completing sets the completed date; PATCH to the record's own address is a 405."""
    assert api.patch(f"Tickets/{CONTOSO_TICKET}", json={"status": 5}).status_code == 405
    done = api.patch("Tickets", json={"id": CONTOSO_TICKET, "status": 5, "resolution": "Signed."})
    assert done.json() == {"itemId": CONTOSO_TICKET}
    item = api.get(f"Tickets/{CONTOSO_TICKET}").json()["item"]
    assert item["completedDate"] is not None
    assert item["title"] == SEED.customer("contoso").tickets[0].title
    (effect,) = server.effects("autotask")
    assert (effect["effect"], effect["changed"]) == (
        "ticket completed",
        ["completedByResourceID", "completedDate", "resolution", "status"],
    )


def test_put_empties_every_writable_field_that_is_left_out(api: httpx.Client) -> None:
    """A required one that is left out is refused."""
    answer = api.put("Tickets", json={"id": CONTOSO_TICKET, "title": "only this"})
    assert answer.status_code == 500
    full = {**TICKET, "id": CONTOSO_TICKET, "title": "whole"}
    assert api.put("Tickets", json=full).status_code == 200
    assert api.get(f"Tickets/{CONTOSO_TICKET}").json()["item"]["description"] is None


def test_notes_are_written_through_the_ticket_and_queried_at_their_root(api: httpx.Client, server: StandIns) -> None:
    """Writing at the root is a 405; a note doesn't change the ticket's status."""
    note = {"title": "[ORD-1] sent", "description": "Agreement sent.", "noteType": 1, "publish": 2}
    assert api.post("TicketNotes", json={**note, "ticketID": CONTOSO_TICKET}).status_code == 405
    assert api.post(f"Tickets/{CONTOSO_TICKET}/Notes", json=note).status_code == 200
    (found,) = query(api, "TicketNotes", {"op": "beginsWith", "field": "title", "value": "[ord-1]"})
    assert (found["ticketID"], found["createdByContactID"]) == (CONTOSO_TICKET, None)
    assert found["creatorResourceID"] is not None
    assert api.get(f"Tickets/{CONTOSO_TICKET}/Notes").json()["items"] == [found]
    (effect,) = server.effects("autotask", "note added")
    assert (effect["title"], effect["ticketID"]) == ("[ORD-1] sent", CONTOSO_TICKET)


@pytest.mark.parametrize(("field", "length"), [("title", 251), ("description", 32001)])
def test_a_note_that_is_too_long_is_refused(api: httpx.Client, field: str, length: int) -> None:
    """title ≤ 250, description ≤ 32000."""
    note: dict[str, Any] = {"title": "t", "description": "d", "noteType": 1, "publish": 1, field: "x" * length}
    assert "maximum length" in refusal(api.post(f"Tickets/{CONTOSO_TICKET}/Notes", json=note))


def test_a_contacts_own_note_differs_from_one_written_in_his_name(api: httpx.Client, server: StandIns) -> None:
    """Through the API the impersonator stays on record; through the portal there is none (clause B3)."""
    through_api = {
        "title": "a",
        "description": "I confirm",
        "noteType": 1,
        "publish": 1,
        "createdByContactID": 1751,
    }
    internal = {**through_api, "publish": 2}
    assert "published to all" in refusal(api.post(f"Tickets/{CONTOSO_TICKET}/Notes", json=internal))
    stranger = {**through_api, "createdByContactID": 1761}
    assert "belong to the ticket's company" in refusal(api.post(f"Tickets/{CONTOSO_TICKET}/Notes", json=stranger))
    assert api.post(f"Tickets/{CONTOSO_TICKET}/Notes", json=through_api).status_code == 200
    portal = {
        "ticketNumber": SEED.customer("contoso").tickets[0].number,
        "email": "ada@contoso.example",
        "title": "b",
        "description": "I confirm",
    }
    server.control("POST", "autotask/notes", portal)
    notes = query(api, "TicketNotes", {"op": "eq", "field": "ticketID", "value": CONTOSO_TICKET})
    impersonators = {note["title"]: note["impersonatorCreatorResourceID"] for note in notes}
    assert impersonators["a"] is not None
    assert impersonators["b"] is None
    assert {note["createdByContactID"] for note in notes} == {1751}


def test_a_note_of_our_own_people_names_them_and_no_contact(api: httpx.Client, server: StandIns) -> None:
    """Written in the service desk, not through the API; internal unless told."""
    note = {"ticketNumber": NUMBER, "resource": "Tom@northgate.example", "title": "c", "description": "She confirms"}
    server.control("POST", "autotask/notes", note)
    (kept,) = query(api, "TicketNotes", {"op": "eq", "field": "ticketID", "value": CONTOSO_TICKET})
    assert (kept["creatorResourceID"], kept["createdByContactID"], kept["publish"]) == (TOM, None, 2)
    assert kept["impersonatorCreatorResourceID"] is None


def test_a_file_says_whether_ours_or_the_customer_attached_it(api: httpx.Client, server: StandIns) -> None:
    """On the ticket and on a note; a message is built, taken from the mailbox, or given as it is."""
    eml = {
        "from": "Ada Byte <ada@contoso.example>",
        "subject": "Visio",
        "text": "I confirm",
        "date": "2026-11-20T10:00:00+00:00",
        "message_id": "<1@contoso.example>",
        "headers": {"Auto-Submitted": "no"},
    }
    ours = {"ticketNumber": NUMBER, "resource": "tom@northgate.example"}
    server.control("POST", "autotask/attachments", ours | {"eml": eml, "title": "Ada's mail"})
    server.control("POST", "mails", {"from": "ada@contoso.example", "subject": "Yes", "text": "I do"})
    mail = server.control("GET", "mails")["mails"][-1]
    theirs = {"ticketNumber": NUMBER, "email": "ada@contoso.example"}
    server.control("POST", "autotask/attachments", theirs | {"mail": mail["internet_message_id"], "fileName": "a.eml"})
    path = f"Tickets/{CONTOSO_TICKET}/Attachments"
    first, second = api.get(path).json()["items"]
    who = [(one["attachedByResourceID"], one["attachedByContactID"]) for one in (first, second)]
    assert who == [(TOM, None), (None, 1751)]
    sources = [base64.b64decode(api.get(f"{path}/{one['id']}").json()["item"]["data"]) for one in (first, second)]
    assert b"Message-ID: <1@contoso.example>" in sources[0] and b"I confirm" in sources[0]
    assert sources[1].startswith(b"Received: from mail.contoso.example by ") and b"I do" in sources[1]

    noted = server.control("POST", "autotask/notes", theirs | {"title": "n", "description": "see file"})["itemId"]
    server.control("POST", "autotask/attachments", theirs | {"noteId": noted, "data": "YQ==", "fileName": "a.txt"})
    (on_note,) = api.get(f"TicketNotes/{noted}/Attachments").json()["items"]
    assert (on_note["ticketNoteID"], on_note["ticketID"]) == (noted, CONTOSO_TICKET)
    assert len(api.get(path).json()["items"]) == 2


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"data": "YQ==", "eml": {"from": "a@b.example"}}, 400),
        ({}, 400),
        ({"eml": {"subject": "x"}}, 400),
        ({"data": "%"}, 400),
        ({"mail": "none"}, 400),
        ({"data": "YQ==", "fileName": "a.exe"}, 400),
        ({"data": "YQ==", "noteId": 1}, 404),
        ({"data": "YQ==", "email": "ada@contoso.example"}, 400),
        ({"data": "YQ==", "colour": "red"}, 400),
    ],
)
def test_a_file_that_nobody_could_attach_is_refused(server: StandIns, wrong: dict[str, Any], status: int) -> None:
    """Saying why; nothing is kept."""
    body = {"ticketNumber": NUMBER, "resource": "tom@northgate.example", **wrong}
    answer = httpx.post(f"{server.base_url}/_sandbox/autotask/attachments", json=body, timeout=30)
    assert answer.status_code == status and answer.json()["error"]


def test_a_second_resource_is_added_once_and_only_as_a_valid_pair(api: httpx.Client) -> None:
    """A repeat is an error that the client must check and accept."""
    path, sam = f"Tickets/{CONTOSO_TICKET}/SecondaryResources", {"resourceID": SAM, "roleID": SENIOR}
    assert "not a valid role" in refusal(api.post(path, json={**sam, "roleID": TECHNICIAN}))
    added = api.post(path, json=sam).json()["itemId"]
    assert "already a secondary resource" in refusal(api.post(path, json=sam))
    assert "cannot be its secondary" in refusal(api.post(path, json={"resourceID": TOM, "roleID": TECHNICIAN}))
    primary = {"id": CONTOSO_TICKET, "assignedResourceID": SAM, "assignedResourceRoleID": SENIOR}
    assert "cannot become the primary" in refusal(api.patch("Tickets", json=primary))
    assert api.delete(f"TicketSecondaryResources/{added}").status_code == 405
    assert api.delete(f"{path}/{added}").json() == {"itemId": added}


def test_an_attachment_keeps_its_bytes_and_lists_without_them(api: httpx.Client, server: StandIns) -> None:
    """The content comes with the single read only."""
    content = b"%PDF-1.7 signed"
    attachment = {
        "id": 0,
        "attachmentType": "FILE_ATTACHMENT",
        "title": "Signed agreement",
        "fullPath": "agreement.pdf",
        "publish": 1,
        "data": base64.b64encode(content).decode(),
    }
    path = f"Tickets/{CONTOSO_TICKET}/Attachments"
    key = api.post(path, json=attachment).json()["itemId"]
    (listed,) = api.get(path).json()["items"]
    assert (listed["title"], listed["fileSize"], "data" in listed) == ("Signed agreement", len(content), False)
    assert base64.b64decode(api.get(f"{path}/{key}").json()["item"]["data"]) == content
    (effect,) = server.effects("autotask", "attachment added")
    assert "data" not in effect
    assert api.get(f"TicketAttachments/{key}").json()["item"]["data"] is None
    server.control("POST", "settings", {"autotask.attachment_content": "root"})
    assert api.get(f"{path}/{key}").json()["item"]["data"] is None
    assert base64.b64decode(api.get(f"TicketAttachments/{key}").json()["item"]["data"]) == content


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"data": "%%%"}, "base64"),
        ({"fullPath": "run.exe"}, "file type"),
        ({"data": base64.b64encode(bytes(7_000_000)).decode()}, "maximum size"),
    ],
)
def test_an_attachment_that_the_tenant_doesnt_take_is_refused(
    api: httpx.Client, changed: dict[str, str], says: str
) -> None:
    """Base64, file type, size."""
    attachment = {"attachmentType": "FILE_ATTACHMENT", "title": "t", "fullPath": "a.pdf", "publish": 1, "data": "YQ=="}
    assert says in refusal(api.post(f"Tickets/{CONTOSO_TICKET}/Attachments", json={**attachment, **changed}))


def test_ten_million_bytes_in_five_minutes_are_the_most(api: httpx.Client, server: StandIns) -> None:
    """Beyond it attachments are refused, until five minutes of the sandbox's time are over."""
    five = base64.b64encode(bytes(5_000_000)).decode()
    attachment = {"attachmentType": "FILE_ATTACHMENT", "title": "t", "fullPath": "a.pdf", "publish": 1, "data": five}
    path = f"Tickets/{CONTOSO_TICKET}/Attachments"
    assert [api.post(path, json=attachment).status_code for _ in range(3)] == [200, 200, 500]
    server.advance(seconds=301)
    assert api.post(path, json=attachment).status_code == 200


def test_pages_follow_next_page_url_by_get_or_post_until_it_is_null(api: httpx.Client) -> None:
    """The sheet leaves the method open, so both work."""
    everything = {"filter": [{"op": "gte", "field": "id", "value": 0}], "maxRecords": 6}
    page = api.post("Companies/query", json=everything).json()
    ids = [item["id"] for item in page["items"]]
    methods = iter(["GET", "POST", "GET", "POST"])
    while page["pageDetails"]["nextPageUrl"]:
        page = api.request(next(methods), page["pageDetails"]["nextPageUrl"]).json()
        ids += [item["id"] for item in page["items"]]
    assert ids == [0, *(c.company_id for c in SEED.customers)]


def test_a_search_by_get_answers_like_a_query_by_post(api: httpx.Client) -> None:
    """The same JSON, in the address."""
    asked = {"filter": [{"op": "eq", "field": "companyName", "value": "contoso ltd"}], "includeFields": ["id"]}
    assert api.get("Companies/query", params={"search": json.dumps(asked)}).json()["items"] == [{"id": 175}]
    count = api.post("Companies/query/count", json={"filter": asked["filter"]})
    assert count.json() == {"queryCount": 1}


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({"op": "beginsWith", "field": "companyName", "value": "Contoso"}, {175, 188}),
        ({"op": "endsWith", "field": "companyName", "value": "Inc"}, {176}),
        ({"op": "in", "field": "id", "value": [175, 176]}, {175, 176}),
        (
            {
                "op": "and",
                "items": [{"op": "gt", "field": "id", "value": 186}, {"op": "lt", "field": "id", "value": 188}],
            },
            {187},
        ),
        (
            {"op": "or", "items": [{"op": "eq", "field": "id", "value": 0}, {"op": "eq", "field": "id", "value": 175}]},
            {0, 175},
        ),
        ({"op": "notExist", "field": "webAddress"}, {185}),
    ],
)
def test_operators_find_what_they_say(api: httpx.Client, condition: dict[str, Any], found: set[int]) -> None:
    """Texts are compared without case."""
    assert {item["id"] for item in query(api, "Companies", condition)} == found


@pytest.mark.parametrize(
    "asked",
    [
        {"filter": [{"op": "startsWith", "field": "title", "value": "x"}]},
        {"filter": []},
        {"filter": [{"op": "eq", "field": "id", "value": 1}], "pageNumber": 2},
        {"filter": [{"op": "eq", "field": "id", "value": 1}], "maxRecords": 501},
    ],
)
def test_a_query_that_the_vendor_doesnt_know_is_a_400(api: httpx.Client, asked: dict[str, Any]) -> None:
    """Operators and members that only third-party notes mention are wrong."""
    assert api.post("Tickets/query", json=asked).status_code == 400


@pytest.mark.parametrize("field", ["creatorType", "lastActivityPersonType", "companyId"])
def test_a_field_that_cant_be_queried_or_doesnt_exist_is_refused(api: httpx.Client, field: str) -> None:
    """Non-queryable fields give an error when filtered."""
    answer = api.post("Tickets/query", json={"filter": [{"op": "eq", "field": field, "value": 1}]})
    assert field in refusal(answer)


def test_one_user_defined_field_may_be_queried_not_two(api: httpx.Client) -> None:
    """`"udf": true`, once in a query."""
    may_sign = {"op": "eq", "field": "May sign agreements", "value": "Yes", "udf": True}
    found = query(api, "Contacts", may_sign, {"op": "eq", "field": "companyID", "value": 175})
    assert {contact["emailAddress"] for contact in found} == {"ada@contoso.example", "gil@contoso.example"}
    assert {contact["isActive"] for contact in found} == {0, 1}
    both = {"filter": [may_sign, {**may_sign, "field": "May confirm licences"}]}
    assert "Only one user-defined field" in refusal(api.post("Contacts/query", json=both))


def test_picklists_carry_their_values_as_strings_and_say_which_are_inactive(api: httpx.Client) -> None:
    """Configuration stores labels; the client resolves them."""
    fields = api.get("Tickets/entityInformation/fields").json()["fields"]
    status = next(field for field in fields if field["name"] == "status")
    values = {value["label"]: (value["value"], value["isActive"]) for value in status["picklistValues"]}
    assert values["Complete"] == ("5", True)
    assert values["Dispatched"] == ("10", False)
    external = next(field for field in fields if field["name"] == "externalID")
    assert (external["length"], external["isQueryable"], external["isPickList"]) == (50, True, False)


def test_contracts_and_services_can_be_read_and_not_written(api: httpx.Client) -> None:
    """Billing does that by hand; a connector proposes and verifies."""
    (contract,) = query(api, "Contracts", {"op": "eq", "field": "companyID", "value": 175})
    (units,) = query(api, "ContractServiceUnits", {"op": "eq", "field": "contractID", "value": contract["id"]})
    assert units["units"] == 12
    assert api.post("Contracts", json={"companyID": 175}).status_code == 405
    assert api.post(f"Contracts/{contract['id']}/Services", json={"serviceID": 1}).status_code == 405


def test_an_unknown_path_is_a_404_that_the_ledger_flags(api: httpx.Client, server: StandIns) -> None:
    """Unknown paths are errors, not shrugs."""
    assert api.get("Unicorns/1").status_code == 404
    entry = server.control("GET", "ledger?vendor=autotask")["entries"][-1]
    assert entry["unknown"] is True


def test_impersonation_writes_in_the_name_of_an_active_resource_only(api: httpx.Client) -> None:
    """The API user stays on record as the impersonator."""
    made = api.post("Tickets", json=TICKET, headers={"ImpersonationResourceId": str(TOM)}).json()["itemId"]
    item = api.get(f"Tickets/{made}").json()["item"]
    assert item["creatorResourceID"] == TOM
    assert item["impersonatorCreatorResourceID"] not in (None, TOM)
    assert "impersonation" in refusal(api.post("Tickets", json=TICKET, headers={"ImpersonationResourceId": str(IVY)}))


def test_the_hourly_limit_refuses_and_recovers(api: httpx.Client, server: StandIns) -> None:
    """10,000 requests in a rolling hour, all integrations together."""
    before = api.get("ThresholdInformation").json()
    assert (before["externalRequestThreshold"], before["currentTimeframeRequestCount"]) == (10_000, 1)
    used = server.world.memory["rate.autotask"]
    used.extend([server.world.now()] * 10_000)
    refused = api.get("Tickets/1")
    assert refused.status_code == 429
    assert "Itgenatr005" in refused.text
    server.advance(seconds=3601)
    assert api.get("Tickets/1").status_code == 200
