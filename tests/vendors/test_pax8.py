"""vendors/pax8.py keeps pax8.md, and there is one way only to an order and none to an end at once."""

import asyncio
import inspect
import json
import pickle
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from rules.authority import NotCovered
from rules.order import Billing, LicenceOrder, OrderLine, ProvisioningAnswer, Term
from vendors.http import Refused, RetryPolicy, Unauthorised, Unavailable, UnclearOutcome
from vendors.paging import Pages
from vendors.pax8 import Company, Pax8, Pax8Block, Subscription
from vendors.pax8_wire import order_body

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AT_ONCE = RetryPolicy(tries=3, first_pause=0.0, longest_pause=1.0)
SUBSCRIPTION = "04814f37-bef0-48b7-b388-c04a1e31f889"
API = "https://api.pax8.example/v1"

ORDER = LicenceOrder(
    reference="CS-7",
    customer="Contoso Ltd",
    ticket="T20261122.0001",
    company_id="c-1",
    ordered_by_email="orders@northgate.example",
    term=Term.MONTHLY,
    billing=Billing.MONTHLY,
    currency="EUR",
    at=NOW,
    order_day=NOW.date(),
    lines=(
        OrderLine(
            product_id="p-1",
            product_name="Visio Plan 1",
            seats=3,
            unit_price=Decimal("5.15"),
            commitment_id="m-1",
            commitment_term=Term.MONTHLY,
            provisioning=(ProvisioningAnswer(key="msTenantId", values=("1111",)),),
        ),
        OrderLine(
            product_id="p-2",
            product_name="Power BI Pro",
            seats=5,
            unit_price=Decimal("9.10"),
            commitment_id="m-2",
            commitment_term=Term.MONTHLY,
        ),
    ),
)
ANSWER = {
    "id": "o-1",
    "companyId": "c-1",
    "createdDate": "2026-11-22",
    "orderedByUserEmail": "orders@northgate.example",
    "isScheduled": False,
    "lineItems": [
        {
            "id": "l-1",
            "productId": "p-1",
            "subscriptionId": None,
            "commitmentTermId": "m-1",
            "billingTerm": "Monthly",
            "quantity": 3,
        }
    ],
}


class Allows:
    """An authority that covers whatever it is asked, and remembers what that was."""

    authority_id = "test"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def assert_covers(self, order: LicenceOrder) -> None:
        self.asked.append(order)

    def assert_covers_end(self, subscription_id: str, cancel_date: datetime) -> None:
        self.asked.append((subscription_id, cancel_date))

    def assert_covers_seats(self, subscription_id: str, before: int, after: int) -> None:
        self.asked.append((subscription_id, before, after))


class Denies:
    """An authority that covers nothing."""

    authority_id = "test"

    def assert_covers(self, order: LicenceOrder) -> None:
        raise NotCovered("other seats")

    def assert_covers_end(self, subscription_id: str, cancel_date: datetime) -> None:
        raise NotCovered("another subscription")

    def assert_covers_seats(self, subscription_id: str, before: int, after: int) -> None:
        raise NotCovered("another increase")


class Host:
    """Pax8 as a queue of answers; the token endpoint is served apart. Remembers what reached it."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers) or [httpx.Response(200, json={})]
        self.tokens: list[httpx.Request] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            self.tokens.append(request)
            return httpx.Response(200, json={"access_token": "at", "expires_in": 86400})
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def client(self, **changes: Any) -> Pax8:
        settings: dict[str, Any] = {
            "client_id": "ci",
            "client_secret": "client-s3cret",
            "api_address": API,
            "token_address": f"{API}/token",
            "clock": lambda: NOW,
            "policy": AT_ONCE,
            "transport": httpx.MockTransport(self),
        }
        return Pax8(**(settings | changes))

    def writes(self) -> list[httpx.Request]:
        """What could have changed something: everything but GETs and mock orders."""
        return [
            request
            for request in self.requests
            if request.method != "GET" and request.url.params.get("isMock") != "true"
        ]


def says(status: int, body: Any = None) -> httpx.Response:
    return httpx.Response(status, json=body) if body is not None else httpx.Response(status)


AT_THE_DESK = ("create_company", "set_external_id", "add_contact", "change_contact")
"""What writes without an authority: companies and contacts buy nothing and end nothing (P2)."""


class TestOneWayToAnOrder:
    """Issue 2, must show 5: a real order or an immediate cancel through any other method of the client."""

    def test_three_public_methods_write_and_all_demand_an_authority(self) -> None:
        """Whatever takes no authority isn't known to write; whatever takes one is one of these three."""
        takes_authority = {
            name
            for name, method in inspect.getmembers(Pax8, inspect.isfunction)
            if not name.startswith("_") and "authority" in inspect.signature(method).parameters
        }
        assert takes_authority == {"place_order", "cancel_at", "set_seats"}
        for name in takes_authority:
            parameter = inspect.signature(getattr(Pax8, name)).parameters["authority"]
            assert parameter.default is inspect.Parameter.empty

    async def test_no_other_public_method_writes_anything(self) -> None:
        """Every public method is called with every kind of argument it takes: nothing but reads and mocks."""
        called = set()
        for name, method in inspect.getmembers(Pax8, inspect.isfunction):
            if name.startswith("_") or name in ("place_order", "cancel_at", "set_seats", *AT_THE_DESK):
                continue
            for body in ({}, ANSWER, {"content": [ANSWER], "page": {"totalPages": 1}}):
                host = Host(says(200, body))
                async with host.client() as pax8:
                    await exhaust(getattr(pax8, name), arguments(method))
                assert host.writes() == [], name
            called.add(name)
        assert {"mock_order", "subscription", "orders"} <= called

    def test_nothing_public_lets_the_line_out(self) -> None:
        """The client shows no attribute through which a request could be sent by hand."""
        client = Host().client()
        assert [name for name in vars(client) if not name.startswith("_")] == []

    async def test_a_mock_order_cannot_become_a_real_one(self) -> None:
        """`isMock=true` is there on every try, whatever the order's ids contain."""
        evil = ORDER.model_copy(update={"company_id": "c-1?isMock=false", "reference": "&isMock=false"})
        host = Host(says(500), says(429), says(200, {}))
        async with host.client() as pax8:
            await pax8.mock_order(evil)
        assert len(host.requests) == 3
        for request in host.requests:
            assert request.url.params.get_list("isMock") == ["true"]
            assert request.url.path == "/v1/orders"

    async def test_a_denied_order_sends_nothing_at_all(self) -> None:
        """The authority is asked before anything is sent: not even a token is fetched."""
        host = Host(says(200, ANSWER))
        async with host.client() as pax8:
            with pytest.raises(NotCovered, match="other seats"):
                await pax8.place_order(ORDER, Denies())
        assert (host.requests, host.tokens) == ([], [])

    @pytest.mark.parametrize(
        "pretender",
        [None, True, "signed", object(), MagicMock(), AsyncMock(), lambda order: None],
        ids=lambda one: type(one).__name__,
    )
    async def test_a_pretended_authority_orders_nothing(self, pretender: Any) -> None:
        """Nothing, a truth, a mock, an async authority that nobody awaits: none of them is a yes."""
        host = Host(says(200, ANSWER))
        async with host.client() as pax8:
            with pytest.raises((AttributeError, TypeError)):
                await pax8.place_order(ORDER, pretender)
            with pytest.raises((AttributeError, TypeError)):
                await pax8.cancel_at(SUBSCRIPTION, NOW + timedelta(days=9), pretender)
            with pytest.raises((AttributeError, TypeError)):
                await pax8.set_seats(SUBSCRIPTION, 12, 15, pretender)
        assert host.requests == []

    async def test_seats_are_raised_once_to_a_total_that_was_covered(self) -> None:
        """The new total alone is sent, never a lower or equal one, and nothing without a yes; it isn't tried again."""
        there = {"id": SUBSCRIPTION, "companyId": "c-1", "productId": "p-1", "quantity": 15}
        host, authority = Host(says(200, there)), Allows()
        async with host.client() as pax8:
            assert (await pax8.set_seats(SUBSCRIPTION, 12, 15, authority)).quantity == 15
            with pytest.raises(NotCovered, match="another increase"):
                await pax8.set_seats(SUBSCRIPTION, 12, 15, Denies())
            for fewer in (12, 11, 0):
                with pytest.raises(Refused, match="never lowered"):
                    await pax8.set_seats(SUBSCRIPTION, 12, fewer, Allows())
        assert authority.asked == [(SUBSCRIPTION, 12, 15)]
        [put] = host.writes()
        assert (put.method, json.loads(put.content)) == ("PUT", {"quantity": 15})
        host = Host(says(500))
        async with host.client() as pax8:
            with pytest.raises(UnclearOutcome):
                await pax8.set_seats(SUBSCRIPTION, 12, 15, Allows())
        assert len(host.writes()) == 1

    async def test_the_old_contract_is_kept_where_the_block_says_so(self) -> None:
        """§7.1: start and billing term go along, as they are."""
        there = {"id": SUBSCRIPTION, "companyId": "c-1", "productId": "p-1", "quantity": 12, "startDate": "2026-11-01"}
        host = Host(says(200, {**there, "billingTerm": "Monthly"}))
        async with host.client(put_needs_all=True) as pax8:
            await pax8.set_seats(SUBSCRIPTION, 12, 15, Allows())
        sent = json.loads(host.writes()[0].content)
        assert sent == {"quantity": 15, "startDate": "2026-11-01", "billingTerm": "Monthly"}

    @pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
    async def test_an_order_made_past_its_own_checks_is_refused(self) -> None:
        """`model_construct` and `model_copy` don't check; the client does."""
        no_seats = ORDER.lines[0].model_copy(update={"seats": 0})
        for wrong in (
            ORDER.model_copy(update={"lines": ()}),
            ORDER.model_copy(update={"lines": (no_seats,)}),
            ORDER.model_copy(update={"billing": "Fortnightly"}),
            LicenceOrder.model_construct(reference="x"),  # type: ignore[call-arg]
        ):
            host, authority = Host(says(200, ANSWER)), Allows()
            async with host.client() as pax8:
                with pytest.raises(ValidationError):
                    await pax8.place_order(wrong, authority)
            assert (host.requests, authority.asked) == ([], [])

    async def test_what_the_authority_saw_is_what_is_sent(self) -> None:
        """The order that was asked about and the body that goes out are one and the same."""
        host, authority = Host(says(200, ANSWER)), Allows()
        async with host.client() as pax8:
            await pax8.place_order(ORDER, authority)
        assert authority.asked == [ORDER]
        assert json.loads(host.writes()[0].content) == order_body(ORDER)
        assert "isMock" not in host.writes()[0].url.params


class TestOrder:
    def test_the_body_is_what_pax8_takes(self) -> None:
        """Numbered lines, values as arrays, the company once, the commitment's id and not its name."""
        body = order_body(ORDER)
        assert body["companyId"] == "c-1"
        assert body["orderedBy"] == "Pax8 Partner"
        assert body["orderedByUserEmail"] == "orders@northgate.example"
        assert body["lineItems"] == [
            {
                "lineItemNumber": 1,
                "productId": "p-1",
                "quantity": 3,
                "billingTerm": "Monthly",
                "commitmentTermId": "m-1",
                "provisioningDetails": [{"key": "msTenantId", "values": ["1111"]}],
            },
            {
                "lineItemNumber": 2,
                "productId": "p-2",
                "quantity": 5,
                "billingTerm": "Monthly",
                "commitmentTermId": "m-2",
                "provisioningDetails": [],
            },
        ]

    async def test_the_order_comes_back_as_pax8_keeps_it(self) -> None:
        """A day without a time, and a line that has no subscription yet."""
        host = Host(says(200, ANSWER))
        async with host.client() as pax8:
            order = await pax8.place_order(ORDER, Allows())
        assert (order.id, order.created) == ("o-1", date(2026, 11, 22))
        assert order.lines[0].subscription_id is None
        assert order.lines[0].commitment_id == "m-1"

    @pytest.mark.parametrize(
        "answer",
        [
            says(500, {"message": "oops"}),
            says(502),
            says(408),
            httpx.ReadTimeout("slow"),
            httpx.RemoteProtocolError("gone"),
            httpx.Response(200, content=b"<html>"),
            says(200, {"status": "fine"}),
            says(200, []),
        ],
        ids=repr,
    )
    async def test_an_unclear_order_is_sent_once(self, answer: httpx.Response | Exception) -> None:
        """Pax8 has no idempotency: a second POST could be a second order."""
        host = Host(answer)
        async with host.client() as pax8:
            with pytest.raises(UnclearOutcome):
                await pax8.place_order(ORDER, Allows())
        assert len(host.writes()) == 1

    async def test_a_429_is_waited_out(self) -> None:
        """A 429 did nothing: the order goes out again after it."""
        host = Host(httpx.Response(429, headers={"Retry-After": "0"}), says(200, ANSWER))
        async with host.client() as pax8:
            await pax8.place_order(ORDER, Allows())
        assert len(host.writes()) == 2

    @pytest.mark.parametrize(
        ("status", "body", "words"),
        [
            (
                422,
                {
                    "type": "UNPROCESSABLE",
                    "message": "Invalid order",
                    "details": [{"message": "no commitment"}],
                },
                "Invalid order; no commitment",
            ),
            (400, {"errors": ["commitmentTerm is unknown"]}, "commitmentTerm is unknown"),
            (404, {"type": "NOT_FOUND", "message": "Product isn't orderable"}, "orderable"),
            (422, None, "Unprocessable"),
        ],
    )
    async def test_a_refusal_is_told_in_pax8s_words(self, status: int, body: Any, words: str) -> None:
        """All error shapes are read; for an order, 404 is a refusal too."""
        for method in ("mock_order", "place_order"):
            host = Host(says(status, body))
            async with host.client() as pax8:
                call = pax8.mock_order(ORDER) if method == "mock_order" else pax8.place_order(ORDER, Allows())
                with pytest.raises(Refused, match=words) as raised:
                    await call
            assert len(host.requests) == 1
            assert b"client-s3cret" not in pickle.dumps(raised.value)
            assert b"msTenantId" not in pickle.dumps(raised.value)


class TestEnd:
    @pytest.mark.parametrize(
        ("when", "sent"),
        [
            (datetime(2026, 12, 22, tzinfo=UTC), "2026-12-22T00:00:00Z"),
            (datetime(2026, 12, 22, 1, 30, tzinfo=timezone(timedelta(hours=2))), "2026-12-21T23:30:00Z"),
        ],
    )
    async def test_an_end_is_booked_for_its_moment(self, when: datetime, sent: str) -> None:
        """A date-time in UTC, on the one subscription that the authority was asked about."""
        host, authority = Host(says(204)), Allows()
        async with host.client() as pax8:
            await pax8.cancel_at(SUBSCRIPTION, when, authority)
        (request,) = host.requests
        assert (request.method, request.url.path) == ("DELETE", f"/v1/subscriptions/{SUBSCRIPTION}")
        assert dict(request.url.params) == {"cancelDate": sent}
        assert authority.asked == [(SUBSCRIPTION, when)]

    @pytest.mark.parametrize(
        "when",
        [NOW, NOW - timedelta(seconds=1), NOW - timedelta(days=400), datetime(2027, 1, 1)],  # noqa: DTZ001
    )
    async def test_nothing_ends_at_once(self, when: datetime) -> None:
        """A moment that isn't in the future, or has no zone, is refused although the authority covers it."""
        host = Host(says(204))
        async with host.client() as pax8:
            with pytest.raises(Refused, match="nothing was sent"):
                await pax8.cancel_at(SUBSCRIPTION, when, Allows())
        assert (host.requests, host.tokens) == ([], [])

    async def test_a_denied_end_sends_nothing(self) -> None:
        """The authority is asked first."""
        host = Host(says(204))
        async with host.client() as pax8:
            with pytest.raises(NotCovered):
                await pax8.cancel_at(SUBSCRIPTION, NOW + timedelta(days=30), Denies())
        assert (host.requests, host.tokens) == ([], [])

    @pytest.mark.parametrize("evil", [f"{SUBSCRIPTION}?x=1", "..", "../orders/o-1", "", f"{SUBSCRIPTION}#"])
    async def test_an_id_cannot_shake_off_the_date(self, evil: str) -> None:
        """An id that would cut the query off reaches nobody."""
        host = Host(says(204))
        async with host.client() as pax8:
            with pytest.raises(Exception, match="isn't an id"):
                await pax8.cancel_at(evil, NOW + timedelta(days=30), Allows())
        assert host.requests == []

    @pytest.mark.parametrize("answer", [says(500), httpx.ReadTimeout("slow")], ids=repr)
    async def test_an_unclear_end_is_sent_once(self, answer: httpx.Response | Exception) -> None:
        """It is read back, not repeated."""
        host = Host(answer)
        async with host.client() as pax8:
            with pytest.raises(UnclearOutcome):
                await pax8.cancel_at(SUBSCRIPTION, NOW + timedelta(days=30), Allows())
        assert len(host.requests) == 1


class TestLists:
    async def test_paging_stops_at_the_last_page(self) -> None:
        """Pages count from 0; the last is number totalPages − 1."""
        host = Host(*(page(n, 3) for n in range(3)))
        async with host.client() as pax8:
            found = [company.id async for company in pax8.companies()]
        assert found == ["c0", "c1", "c2"]
        assert [request.url.params["page"] for request in host.requests] == ["0", "1", "2"]
        assert {request.url.params["size"] for request in host.requests} == {"200"}

    @pytest.mark.parametrize(
        "body",
        [
            {"content": [], "page": {"totalPages": 0, "number": 0}},
            {"content": [], "page": {"totalPages": 9, "number": 0}},
            {"page": {}},
            {},
        ],
    )
    async def test_an_empty_list_ends_at_once(self, body: dict[str, Any]) -> None:
        """`totalPages` may be 0, or wrong, or missing."""
        host = Host(says(200, body))
        async with host.client() as pax8:
            assert await pax8.subscriptions(company_id="c-1") == []
        assert len(host.requests) == 1

    async def test_orders_are_asked_for_in_small_pages_of_one_company(self) -> None:
        """The list of orders is slow: small pages, one customer (pax8.md §3)."""
        host = Host(says(200, {"content": [ANSWER], "page": {"totalPages": 1}}))
        async with host.client() as pax8:
            (order,) = await pax8.orders("c-1")
        assert dict(host.requests[0].url.params) == {"companyId": "c-1", "page": "0", "size": "50"}
        assert order.id == "o-1"

    def test_the_client_is_patient_with_slow_answers(self) -> None:
        """A read may take a minute and more."""
        timeout = Host().client()._http._client.timeout
        assert timeout.read is not None
        assert timeout.read >= 60

    async def test_filters_that_are_not_given_are_not_sent(self) -> None:
        """No `status=None` goes out."""
        host = Host(says(200, {}))
        async with host.client() as pax8:
            await pax8.subscriptions(product_id="p-1")
            await pax8.products("Visio")
        assert dict(host.requests[0].url.params) == {
            "productId": "p-1",
            "sort": "createdDate,asc",
            "page": "0",
            "size": "200",
        }
        assert host.requests[1].url.params["vendorName"] == "Microsoft"


def page(number: int, total: int) -> httpx.Response:
    content = [{"id": f"c{number}", "name": f"Customer {number}", "externalId": None, "address": None}]
    return says(200, {"content": content, "page": {"number": number, "totalPages": total}})


SUBSCRIPTION_JSON = """{
  "id": "s-1", "companyId": "c-1", "productId": "p-1", "productName": "Visio Plan 1", "quantity": 3.0,
  "startDate": "2026-11-22", "endDate": null, "createdDate": "2026-11-22T09:00:00.1234567-0700",
  "billingStart": "2026-11-22", "status": "PendingManual", "price": 4.70, "partnerCost": 3.9900000000000001,
  "currencyCode": "EUR", "billingTerm": "Monthly", "vendorSkuId": "sku", "somethingNew": {"a": 1},
  "%s": {"id": "m-1", "term": "Monthly", "endDate": "2026-12-22T00:00:00.000Z"}
}"""


class TestModels:
    @pytest.mark.parametrize("key", ["commitment", "commitmentTerm"])
    async def test_a_subscription_is_read_under_both_spellings(self, key: str) -> None:
        """The contract says `commitmentTerm`, a live reply said `commitment` (pax8.md §7)."""
        host = Host(httpx.Response(200, text=SUBSCRIPTION_JSON % key))
        async with host.client() as pax8:
            found = await pax8.subscription("s-1")
        assert found.commitment_term is not None
        assert (found.commitment_term.id, found.commitment_term.term) == ("m-1", "Monthly")
        assert found.commitment_term.end == datetime(2026, 12, 22, tzinfo=UTC)
        assert found.quantity == 3
        assert found.end is None
        assert found.start == datetime(2026, 11, 22, tzinfo=UTC)
        assert found.created == datetime(2026, 11, 22, 16, 0, 0, 123456, tzinfo=UTC)

    async def test_money_is_exact(self) -> None:
        """Prices are decimals as they were written, to the last digit."""
        host = Host(httpx.Response(200, text=SUBSCRIPTION_JSON % "commitment"))
        async with host.client() as pax8:
            found = await pax8.subscription("s-1")
        assert found.price == Decimal("4.70")
        assert str(found.partner_cost) == "3.9900000000000001"

    async def test_a_monthly_subscription_may_lack_its_commitment(self) -> None:
        """Absent, null or empty: None, for a person to look at."""
        for commitment in ("null", None):
            record = json.loads(SUBSCRIPTION_JSON % "commitment")
            record["commitment"] = commitment if commitment is None else None
            host = Host(says(200, record))
            async with host.client() as pax8:
                assert (await pax8.subscription("s-1")).commitment_term is None

    async def test_the_parts_of_a_product_are_read(self) -> None:
        """Commitments, what it depends on, prices, and the questions to be answered."""
        dependencies = {
            "commitmentDependencies": [
                {"id": "m-1", "term": "Monthly", "autoRenew": True, "allowForQuantityIncrease": True},
                {"id": "y-1", "term": "1-Year", "renewalWindowDaysBeforeTermEnd": None},
            ],
            "productDependencies": [{"name": "Requires", "products": [{"id": "p-9", "name": "Base"}]}],
        }
        prices = (
            '{"content": [{"billingTerm": "Monthly", "commitmentTerm": "Monthly", "commitmentTermInMonths": 1,'
            ' "type": "Flat", "rates": [{"partnerBuyRate": 4.1, "suggestedRetailPrice": 5.15,'
            ' "startQuantityRange": null, "endQuantityRange": null, "chargeType": "Per Unit"}]}]}'
        )
        questions = {
            "content": [
                {"key": "msTenantId", "label": "Tenant", "valueType": "Input", "possibleValues": None},
                {"key": "msCustExists", "valueType": "Single-Value", "possibleValues": ["Yes, …", "No, …"]},
            ]
        }
        host = Host(says(200, dependencies), httpx.Response(200, text=prices), says(200, questions))
        async with host.client() as pax8:
            needs = await pax8.dependencies("p-1")
            (row,) = await pax8.pricing("p-1", "c-1")
            asked = await pax8.provision_details("p-1")
        assert [(c.id, c.term, c.auto_renew) for c in needs.commitments] == [
            ("m-1", "Monthly", True),
            ("y-1", "1-Year", False),
        ]
        assert needs.products[0].products[0].name == "Base"
        assert (row.commitment_months, row.rates[0].buy, row.rates[0].retail) == (
            1,
            Decimal("4.1"),
            Decimal("5.15"),
        )
        assert row.rates[0].end is None
        assert [question.possible_values for question in asked] == [(), ("Yes, …", "No, …")]
        assert [request.url.path for request in host.requests] == [
            "/v1/products/p-1/dependencies",
            "/v1/products/p-1/pricing",
            "/v1/products/p-1/provision-details",
        ]
        assert dict(host.requests[1].url.params) == {"companyId": "c-1"}

    def test_models_survive_being_stored(self) -> None:
        """What a step returned is read back the same, by its own names."""
        company = Company(id="c", name="Contoso", external_id="77", status="Active")
        assert Company.model_validate_json(company.model_dump_json()) == company
        assert company.is_active
        again = Subscription.model_validate_json(SUBSCRIPTION_JSON % "commitmentTerm")
        assert Subscription.model_validate_json(again.model_dump_json()) == again
        assert pickle.loads(pickle.dumps(again)) == again  # noqa: S301

    async def test_a_record_that_lacks_what_matters_is_told(self) -> None:
        """The error names the field, not its value."""
        host = Host(says(200, {"id": "s-1", "companyId": "c-1", "quantity": "many-private"}))
        async with host.client() as pax8:
            with pytest.raises(Unavailable, match="productId, quantity") as raised:
                await pax8.subscription("s-1")
        assert "many-private" not in str(raised.value)


class TestToken:
    async def test_it_is_asked_for_as_pax8_wants_and_kept(self) -> None:
        """A JSON body with the audience, once for many calls."""
        host = Host(says(200, {}))
        async with host.client() as pax8:
            await asyncio.gather(*(pax8.subscriptions() for _ in range(5)))
        (request,) = host.tokens
        assert str(request.url) == f"{API}/token"
        assert json.loads(request.content) == {
            "client_id": "ci",
            "client_secret": "client-s3cret",
            "audience": "https://api.pax8.com",
            "grant_type": "client_credentials",
        }

    @pytest.mark.parametrize("status", [400, 401, 403, 404])
    async def test_refused_credentials_are_a_fault_of_configuration(self, status: int) -> None:
        """The token endpoint's own error shape is read; the secret isn't in it even if echoed."""

        def refuse(request: httpx.Request) -> httpx.Response:
            body = {"error": "access_denied", "error_description": "Unauthorized: client-s3cret"}
            return httpx.Response(status, json=body)

        async with Host().client(transport=httpx.MockTransport(refuse)) as pax8:
            with pytest.raises(Unauthorised, match="access_denied") as raised:
                await pax8.place_order(ORDER, Allows())
        assert "client-s3cret" not in str(raised.value)

    async def test_an_answer_without_a_token_is_no_token(self) -> None:
        """A 200 of the wrong endpoint isn't taken for a token."""
        transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"ok": True}))
        async with Host().client(transport=transport) as pax8:
            with pytest.raises(Unavailable, match="access token"):
                await pax8.check()


class TestBlock:
    async def test_the_block_checks_itself_in_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Production by default, one line when it works."""
        block = Pax8Block(client_id="ci", client_secret=SecretStr("client-s3cret"))
        assert block.api_address == "https://api.pax8.com/v1"
        assert block.token_address == "https://api.pax8.com/v1/token"
        assert "client-s3cret" not in repr(block)
        host = Host(says(200, {"content": [], "page": {"totalElements": 12}}))
        monkeypatch.setattr(Pax8Block, "client", lambda self: host.client())
        line = await block.check()
        assert line == "Pax8 works as ci: 12 customers"

    def test_every_field_of_the_form_is_described(self) -> None:
        """A person fills the block in by form: each field says what it wants."""
        for name, field in Pax8Block.model_fields.items():
            assert name.startswith("_") or field.description, name


def arguments(method: Callable[..., Any]) -> list[Any]:
    """Something fitting for each parameter that a method demands."""
    parameters: Iterable[inspect.Parameter] = list(inspect.signature(method).parameters.values())[1:]
    return [
        ORDER if parameter.annotation is LicenceOrder else SUBSCRIPTION
        for parameter in parameters
        if parameter.default is inspect.Parameter.empty
    ]


async def exhaust(method: Callable[..., Any], given: list[Any]) -> None:
    """Call a method and take all that it gives; what it makes of our answers doesn't matter here."""
    try:
        result = method(*given)
        if isinstance(result, Pages | Awaitable):
            await result
    except (Unavailable, Refused, UnclearOutcome):
        pass
