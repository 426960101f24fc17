"""Autotask's manners over real HTTP: zone, headers, pages, refusals that come as a 500, labels, concurrency."""

import asyncio
import base64
import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.vendors.served import Asked, Vendor, served
from vendors.autotask import Autotask, Ticket
from vendors.http import (
    NotFound,
    RateLimited,
    Refused,
    RetryPolicy,
    Unauthorised,
    Unavailable,
    UnclearOutcome,
    VendorError,
)

SECRET = "s3cret-of-the-api-user"
AT_ONCE = RetryPolicy(first_pause=0.01)
_users = itertools.count(1)
STATUS = [
    {"value": "1", "label": "New", "isActive": True},
    {"value": "5", "label": "Complete", "isActive": True},
    {"value": "9", "label": "Parked", "isActive": False},
    {"value": "11", "label": "Twice", "isActive": True},
    {"value": "12", "label": "Twice", "isActive": True},
]

Rest = Callable[[Asked, Vendor], Response | Mapping[str, Any]]


def with_zone(rest: Rest) -> Rest:
    def answer(asked: Asked, vendor: Vendor) -> Response | Mapping[str, Any]:
        if asked.path == "/atservicesrest/v1.0/zoneInformation":
            return {"zoneName": "Z", "url": f"{vendor.address}/ATServicesRest/", "ci": 1}
        return rest(asked, vendor)

    return answer


def client(vendor: Vendor, **more: Any) -> Autotask:
    """A client of a user of its own: zones and picklists are kept per process and user."""
    user = f"api{next(_users)}@northgate.example"
    return Autotask(
        user_name=user, secret=SECRET, integration_code="CODE", address=vendor.address, policy=AT_ONCE, **more
    )


def errors(status: int, *texts: str) -> Response:
    return JSONResponse({"errors": list(texts)}, status)


async def test_the_zone_is_looked_up_once_per_process_and_without_credentials() -> None:
    """Two clients, several calls: one look-up; the three headers go to the zone only."""

    def rest(asked: Asked, vendor: Vendor) -> Mapping[str, Any]:
        return {"item": {"id": 1, "companyName": "Contoso Ltd", "isActive": True}}

    async with served(with_zone(rest)) as vendor:
        options: dict[str, Any] = {"secret": SECRET, "integration_code": "CODE", "address": vendor.address}
        for _ in range(2):
            async with Autotask(user_name="once@northgate.example", **options) as autotask:
                await asyncio.gather(autotask.company(1), autotask.company(1))
        assert len(vendor.to("/atservicesrest/v1.0/zoneInformation")) <= 2  # the first two calls ran together
        assert "secret" not in vendor.asked[0].headers
        called = vendor.to("/ATServicesRest/V1.0/Companies/1")[0].headers
        assert (called["apiintegrationcode"], called["username"], called["secret"]) == (
            "CODE",
            "once@northgate.example",
            SECRET,
        )


@pytest.mark.parametrize("status", [200, 404, 500])
async def test_a_user_without_a_zone_is_a_fault_of_configuration(status: int) -> None:
    """Whatever the look-up answers for an unknown user, which no source says (autotask.md §2)."""

    def answer(asked: Asked, vendor: Vendor) -> Response:
        return JSONResponse({"url": ""} if status == 200 else {"errors": ["Unknown user."]}, status)

    async with served(answer) as vendor, client(vendor) as autotask:
        with pytest.raises(Unauthorised, match="no zone for the API user"):
            await autotask.company(1)


async def test_pages_are_followed_until_there_is_no_next_one() -> None:
    """The query by POST; the further pages by GET at the address that Autotask gives."""

    def rest(asked: Asked, vendor: Vendor) -> Mapping[str, Any]:
        if asked.path.endswith("/query"):
            following = f"{vendor.address}/ATServicesRest/V1.0/Contacts/query/next?paging=%7B2%7D"
            items = [{"id": 2, "companyID": 7, "isActive": 1}, {"id": 1, "companyID": 7, "isActive": 0}]
            return {"items": items, "pageDetails": {"nextPageUrl": following}}
        assert asked.query == {"paging": "{2}"}
        return {"items": [{"id": 3, "companyID": 7}], "pageDetails": {"nextPageUrl": None}}

    async with served(with_zone(rest)) as vendor:
        async with client(vendor) as autotask:
            contacts = await autotask.contacts(7)
        assert [(contact.id, contact.active) for contact in contacts] == [(1, False), (2, True), (3, False)]
        assert [one.method for one in vendor.asked[1:]] == ["POST", "GET"]
        assert vendor.asked[1].json["filter"] == [{"op": "eq", "field": "companyID", "value": 7}]

        async with client(vendor, next_page="POST") as autotask:
            await autotask.contacts(7)
        assert vendor.asked[-1].method == "POST"


async def test_a_next_page_on_another_host_is_never_given_the_credentials() -> None:
    """Whoever can write that address could otherwise collect them."""

    def rest(asked: Asked, vendor: Vendor) -> Mapping[str, Any]:
        return {"items": [], "pageDetails": {"nextPageUrl": "http://127.0.0.2:9/ATServicesRest/V1.0/x"}}

    async with served(with_zone(rest)) as vendor, client(vendor) as autotask:
        with pytest.raises(Unavailable, match="another host"):
            await autotask.contacts(7)


async def test_a_500_with_errors_is_a_refusal_and_is_not_tried_again() -> None:
    """Validation comes as HTTP 500 (autotask.md §1.6); its own words are kept."""

    def rest(asked: Asked, vendor: Vendor) -> Response:
        return errors(500, "Unable to find foo in the Ticket Entity.")

    async with served(with_zone(rest)) as vendor, client(vendor) as autotask:
        with pytest.raises(Refused, match="Unable to find foo") as refused:
            await autotask.ticket(1)
        assert refused.value.status == 500
        assert len(vendor.asked) == 2


@pytest.mark.parametrize("text", ["Thread threshold exceeded (Itgenatr005).", "Transaction was deadlocked: deadlock"])
async def test_thread_and_lock_texts_are_tried_again_on_reads(text: str) -> None:
    """They come with a status that isn't always 429."""

    def rest(asked: Asked, vendor: Vendor) -> Response | Mapping[str, Any]:
        if len(vendor.asked) < 4:
            return errors(500, text)
        return {"items": [{"id": 1, "companyID": 7}], "pageDetails": {}}

    async with served(with_zone(rest)) as vendor, client(vendor) as autotask:
        assert len(await autotask.contacts(7)) == 1
        assert len(vendor.asked) == 4


async def test_a_lock_text_leaves_a_write_unclear_and_a_thread_text_does_not() -> None:
    """A call rejected at the door did nothing and may come again; one that met a lock may have done half."""

    def rest(asked: Asked, vendor: Vendor) -> Response | Mapping[str, Any]:
        match len(vendor.asked):
            case 2:
                return errors(500, "Thread threshold exceeded")
            case 3:
                return {"itemId": 5}
            case _:
                return errors(500, "Lock request time out period exceeded.")

    async with served(with_zone(rest)) as vendor, client(vendor) as autotask:
        await autotask.update_ticket(5, resolution="done")
        with pytest.raises(UnclearOutcome):
            await autotask.update_ticket(5, resolution="done")
        assert len(vendor.asked) == 4


async def test_a_write_that_met_a_bare_500_is_unclear_and_sent_once() -> None:
    """Without `errors` nobody knows what happened (autotask.md §10)."""

    async with served(with_zone(lambda asked, vendor: Response(status_code=500))) as vendor:
        async with client(vendor) as autotask:
            with pytest.raises(UnclearOutcome):
                await autotask.update_ticket(5, resolution="done")
        assert len(vendor.asked) == 2


async def test_errors_in_a_200_are_a_failure() -> None:
    """And beside an id they leave a write unclear."""

    def rest(asked: Asked, vendor: Vendor) -> Mapping[str, Any]:
        if asked.method == "GET":
            return {"errors": ["No."]}
        return {"itemId": 5, "errors": ["Half."]} if "resolution" in asked.json else {"errors": [{"message": "No."}]}

    async with served(with_zone(rest)) as vendor, client(vendor) as autotask:
        with pytest.raises(Refused, match="No"):
            await autotask.ticket(1)
        with pytest.raises(Refused, match="No"):
            await autotask.update_ticket(5, title="x")
        with pytest.raises(UnclearOutcome, match="Half"):
            await autotask.update_ticket(5, resolution="x")


async def test_a_null_item_is_not_found() -> None:
    """A missing record is answered 200 with `item: null`."""
    async with served(with_zone(lambda asked, vendor: {"item": None})) as vendor, client(vendor) as autotask:
        with pytest.raises(NotFound, match="Tickets has no record 77"):
            await autotask.ticket(77)


async def test_an_unauthorised_answer_is_said_once_and_shows_no_secret() -> None:
    """Not retried; nothing of the credentials in the text, the repr or the arguments."""

    def rest(asked: Asked, vendor: Vendor) -> Response:
        return JSONResponse({"errors": [f"User with secret {SECRET} is not allowed"]}, 401)

    async with served(with_zone(rest)) as vendor, client(vendor) as autotask:
        with pytest.raises(Unauthorised) as denied:
            await autotask.ticket(1)
        assert SECRET not in str(denied.value) + repr(denied.value) + str(denied.value.args)
        assert SECRET not in repr(autotask) + str(vars(autotask))
        assert len(vendor.asked) == 2


def labelled(asked: Asked, vendor: Vendor) -> Mapping[str, Any]:
    if asked.path.endswith("/entityInformation/fields"):
        return {"fields": [{"name": "status", "isPickList": True, "picklistValues": STATUS}, {"name": "title"}]}
    return {"itemId": 5}


async def test_labels_become_ids_and_are_kept() -> None:
    """Changes go by PATCH to the collection with the id in the body; ids pass through unasked."""
    async with served(with_zone(labelled)) as vendor, client(vendor) as autotask:
        await autotask.update_ticket(5, status="Complete", resolution="Signed")
        await autotask.update_ticket(5, status=1)
        assert await autotask.picklist("Tickets", "status") == {"New": 1, "Complete": 5, "Twice": 12}
        changes = vendor.to("/ATServicesRest/V1.0/Tickets")
        assert [(one.method, one.json) for one in changes] == [
            ("PATCH", {"id": 5, "status": 5, "resolution": "Signed"}),
            ("PATCH", {"id": 5, "status": 1}),
        ]
        assert len(vendor.to("/ATServicesRest/V1.0/Tickets/entityInformation/fields")) == 1


@pytest.mark.parametrize(
    ("label", "why"),
    [("Nope", "no value"), ("Parked", "only an inactive value"), ("Twice", "several active values")],
)
async def test_a_missing_inactive_or_ambiguous_label_is_refused_by_name(label: str, why: str) -> None:
    """After the picklist was read afresh, and before anything is written."""
    async with served(with_zone(labelled)) as vendor, client(vendor) as autotask:
        with pytest.raises(Refused, match=f"Tickets.status has {why} labelled '{label}'; active: Complete, New"):
            await autotask.update_ticket(5, status=label)
        assert not vendor.to("/ATServicesRest/V1.0/Tickets")


async def test_at_most_two_calls_run_at_a_time() -> None:
    """Autotask allows three per integration and endpoint (autotask.md §9)."""
    at_once = most = 0
    gate = asyncio.Event()

    class Slow(Response):
        async def __call__(self, *args: Any) -> None:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            if most == 2:
                gate.set()
            await gate.wait()
            await asyncio.sleep(0)
            at_once -= 1
            await super().__call__(*args)

    def rest(asked: Asked, vendor: Vendor) -> Response:
        return Slow(b'{"item": {"id": 1, "companyName": "Contoso Ltd"}}', media_type="application/json")

    async with served(with_zone(rest)) as vendor, client(vendor) as autotask:
        await asyncio.gather(*(autotask.company(1) for _ in range(6)))
        assert most == 2


def test_times_with_and_without_a_z_are_utc() -> None:
    """Autotask renders both (autotask.md §13.8)."""
    ticket = Ticket.model_validate(
        {
            "id": 1,
            "companyID": 7,
            "status": 1,
            "dueDateTime": "2026-10-24T15:00:00",
            "createDate": "2026-10-24T15:00:00.123Z",
            "description": None,
        }
    )
    assert ticket.due_at == datetime(2026, 10, 24, 15, tzinfo=UTC)
    assert ticket.created_at == datetime(2026, 10, 24, 15, 0, 0, 123000, tzinfo=UTC)
    assert ticket.description == ""


async def test_what_cannot_be_right_is_refused_before_anything_is_sent() -> None:
    """A lone resource, a key that is too long, a file that is too large, a time without a zone, an unknown name."""
    async with served(with_zone(labelled)) as vendor, client(vendor) as autotask:
        wanted: dict[str, Any] = {"company_id": 7, "title": "T", "status": 1, "priority": 1}
        with pytest.raises(Refused, match="both or neither"):
            await autotask.create_ticket(**wanted, external_id="k", assigned_resource_id=3)
        with pytest.raises(Refused, match="50 characters"):
            await autotask.create_ticket(**wanted, external_id="k" * 51)
        with pytest.raises(Refused, match="7,000,001 bytes"):
            await autotask.attach(5, "t", "a.pdf", bytes(7_000_001), 1)
        with pytest.raises(ValueError, match="zone"):
            await autotask.update_ticket(5, due_at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
        with pytest.raises(TypeError, match="colour"):
            await autotask.update_ticket(5, colour="red")
        assert not [one for one in vendor.asked if one.method in ("POST", "PATCH")]


async def test_children_are_written_through_the_ticket() -> None:
    """Their own root URL answers 405 (autotask.md §1.4)."""
    async with served(with_zone(labelled)) as vendor, client(vendor) as autotask:
        assert await autotask.attach(5, "Signed", "a.pdf", b"%PDF", 1) == 5
        assert await autotask.add_note(5, "Title", "Text", 3, 2) == 5
        file, note = (one for one in vendor.asked if one.method == "POST")
        assert file.path == "/ATServicesRest/V1.0/Tickets/5/Attachments"
        assert base64.b64decode(file.json["data"]) == b"%PDF"
        assert note.path == "/ATServicesRest/V1.0/Tickets/5/Notes"


@pytest.mark.parametrize(
    "answer",
    [
        {"item": {"id": 9, "data": "WWVz"}},
        {"items": {"id": 9, "parentID": 7, "data": "WWVz"}},
        {"items": [{"id": 9, "ticketID": 7, "data": "WWVz"}], "pageDetails": {"nextPageUrl": None}},
    ],
)
async def test_a_files_content_is_understood_however_it_comes(answer: Mapping[str, Any]) -> None:
    """No official text shows the answer; these are the shapes that integrators tell of."""
    async with served(with_zone(lambda asked, vendor: answer)) as vendor, client(vendor) as autotask:
        assert await autotask.attachment_content(7, 9) == b"Yes"
        assert [one.path for one in vendor.asked][1:] == ["/ATServicesRest/V1.0/Tickets/7/Attachments/9"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"item": None}, NotFound),
        ({"items": []}, NotFound),
        ({"item": {"id": 9, "parentID": 8, "data": "WWVz"}}, NotFound),
        ({"item": {"id": 9, "parentID": 7, "data": None}}, Unavailable),
        ({"item": {"id": 9, "parentID": 7, "data": "not base64"}}, Unavailable),
    ],
)
async def test_a_file_that_cannot_be_read_is_never_an_empty_one(
    answer: Mapping[str, Any], fault: type[VendorError]
) -> None:
    """Another ticket's file isn't there; one without content, at neither address, is unreadable."""
    async with served(with_zone(lambda asked, vendor: answer)) as vendor, client(vendor) as autotask:
        with pytest.raises(fault):
            await autotask.attachment_content(7, 9)


async def test_a_second_resource_that_is_there_already_counts_as_done() -> None:
    """The error is verified before it is accepted; another refusal stays one."""

    def rest(asked: Asked, vendor: Vendor) -> Response | Mapping[str, Any]:
        if asked.path.endswith("/TicketSecondaryResources/query"):
            return {"items": [{"id": 8, "ticketID": 5, "resourceID": 3, "roleID": 2}], "pageDetails": {}}
        return errors(500, "The resource is already there.")

    async with served(with_zone(rest)) as vendor, client(vendor) as autotask:
        assert await autotask.add_secondary_resource(5, 3, 2) == 8
        with pytest.raises(Refused):
            await autotask.add_secondary_resource(5, 4, 2)


async def test_two_tickets_with_one_key_are_refused_with_their_numbers() -> None:
    """Nobody may pick one of them by chance; and a key of other case isn't ours."""

    def rest(asked: Asked, vendor: Vendor) -> Mapping[str, Any]:
        key = asked.json["filter"][0]["value"]
        items = [{"id": n, "companyID": 7, "status": 1, "ticketNumber": f"T{n}", "externalID": key} for n in (1, 2)]
        return {
            "items": items if key == "twice" else [items[0] | {"externalID": key.upper()}],
            "pageDetails": {},
        }

    async with served(with_zone(rest)) as vendor, client(vendor) as autotask:
        with pytest.raises(VendorError, match="2 tickets have the externalID 'twice': T1, T2"):
            await autotask.ticket_by_external_id("twice")
        assert await autotask.ticket_by_external_id("cs-1") is None


async def test_patience_ends() -> None:
    """A database that stays busy is said to be busy, with what it asked for."""

    def rest(asked: Asked, vendor: Vendor) -> Response:
        return JSONResponse({"errors": ["Thread threshold exceeded"]}, 429, {"Retry-After": "3600"})

    async with served(with_zone(rest)) as vendor, client(vendor) as autotask:
        with pytest.raises(RateLimited) as busy:
            await autotask.ticket(1)
        assert busy.value.retry_after == 3600
