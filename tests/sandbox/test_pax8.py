"""Pax8's stand-in over real HTTP: commitments, one-way orders, booked ends, renewals, and its error shapes."""

from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import Served

TENANT = "11111111-2222-3333-4444-555555555555"
VISIO = "Visio Plan 1 [New Commerce Experience]"


class Shop:
    """Pax8 as a buyer sees it."""

    def __init__(self, sandbox: Served) -> None:
        self.sandbox = sandbox
        self.api = sandbox.pax8()

    def again(self) -> "Shop":
        """The same after a new sign-in, as needed when the clock has moved by a day."""
        return Shop(self.sandbox)

    def content(self, path: str, **query: Any) -> list[dict[str, Any]]:
        return list(self.api.get(path, params={"size": 200} | query).json()["content"])

    def company(self, name: str = "Contoso Ltd") -> dict[str, Any]:
        return next(c for c in self.content("/companies") if c["name"] == name)

    def product(self, name: str = VISIO) -> dict[str, Any]:
        return next(p for p in self.content("/products", search=name) if p["name"] == name)

    def commitment(self, product: dict[str, Any], term: str) -> dict[str, Any]:
        told = self.api.get(f"/products/{product['id']}/dependencies").json()
        return next(c for c in told["commitmentDependencies"] if c["term"] == term)

    def answers(self, product: dict[str, Any], **changed: str | None) -> list[dict[str, Any]]:
        """Good answers to every question of a product; None leaves one out."""
        told = self.api.get(f"/products/{product['id']}/provision-details").json()["content"]
        given: dict[str, str | None] = {
            q["key"]: q["possibleValues"][0] if "possibleValues" in q else "x"
            for q in told
            if q["key"] not in ("msTenantId", "msDomain", "mca2020EffectiveDate")
        }
        given |= {"msTenantId": TENANT, "mca2020EffectiveDate": "2026-11-20"} | changed
        return [{"key": key, "values": [value]} for key, value in given.items() if value is not None]

    def order(self, term: str = "Monthly", name: str = VISIO, **line: Any) -> dict[str, Any]:
        """The body of an order of three seats for Contoso."""
        product = self.product(name)
        return {
            "companyId": self.company()["id"],
            "orderedBy": "Pax8 Partner",
            "orderedByUserEmail": "licences@northgate.example",
            "lineItems": [
                {
                    "lineItemNumber": 1,
                    "productId": product["id"],
                    "quantity": 3,
                    "billingTerm": "Monthly",
                    "commitmentTermId": self.commitment(product, term)["id"],
                    "provisioningDetails": self.answers(product),
                }
                | line
            ],
        }

    def buy(self, term: str = "Monthly", name: str = VISIO, **line: Any) -> dict[str, Any]:
        """Places an order and gives back the new subscription, active."""
        self.sandbox.control("pax8/provisioning", {"mode": "instant"})
        before = {s["id"] for s in self.content("/subscriptions")}
        answer = self.api.post("/orders", json=self.order(term, name, **line))
        assert answer.status_code == 200, answer.text
        (key,) = {s["id"] for s in self.content("/subscriptions")} - before
        return self.subscription(key)

    def subscription(self, key: str) -> dict[str, Any]:
        return dict(self.api.get(f"/subscriptions/{key}").json())


def commitment_of(subscription: dict[str, Any]) -> dict[str, Any]:
    """The running commitment, under whichever of its two names."""
    return dict(subscription.get("commitment") or subscription["commitmentTerm"])


def messages(answer: httpx.Response) -> str:
    """Everything that an error says."""
    return " | ".join(detail["message"] for detail in answer.json()["details"])


@pytest.fixture
def shop(sandbox: Served) -> Shop:
    """A buyer who is signed in."""
    return Shop(sandbox)


def test_wrong_credentials_get_the_token_hosts_own_error(sandbox: Served) -> None:
    """401 in another shape than API errors; the right ones get a day."""
    known = sandbox.credentials["pax8"]
    body = {"client_id": known["client_id"], "client_secret": "wrong", "audience": known["audience"]}
    answer = sandbox.http.post("/pax8/v1/token", json=body | {"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json()["error"]) == (401, "access_denied")
    good = body | {"client_secret": known["client_secret"], "grant_type": "client_credentials"}
    assert sandbox.http.post("/pax8/v1/token", json=good).json()["expires_in"] == 86400


def test_companies_page_and_have_no_search_by_name(shop: Shop) -> None:
    """Ten a page, at most 200; asking for a name or an external id is an unknown parameter."""
    first = shop.api.get("/companies").json()
    assert len(first["content"]) == 10 and first["page"]["totalElements"] == 13
    second = shop.api.get("/companies", params={"page": 1}).json()["content"]
    assert not {c["id"] for c in second} & {c["id"] for c in first["content"]}
    assert shop.api.get("/companies", params={"size": 201}).status_code == 400
    assert shop.api.get("/companies", params={"name": "Contoso Ltd"}).status_code == 400
    assert "externalId" not in shop.company("Adventure Works")
    assert shop.company("Northwind Traders")["status"] == "Inactive"
    active = shop.content("/companies", status="Active")
    assert "Northwind Traders" not in {c["name"] for c in active}


def test_a_new_company_is_active_only_with_all_three_primary_contacts(shop: Shop) -> None:
    """What an order for a new customer needs first."""
    body = {
        "name": "Munson's Pickles",
        "address": {"street": "Farm Road 2", "city": "Hudson", "postalCode": "12534", "country": "US"},
        "phone": "1",
        "website": "https://munson.example",
        "billOnBehalfOfEnabled": False,
        "selfServiceAllowed": False,
        "orderApprovalRequired": False,
        "externalId": "185",
    }
    lacking = shop.api.post("/companies", json={k: v for k, v in body.items() if k != "website"})
    assert lacking.status_code == 400 and "website" in messages(lacking)
    company = shop.api.post("/companies", json=body).json()
    assert company["status"] == "Inactive"
    contact = {"firstName": "N", "lastName": "L", "email": "licences@northgate.example", "phone": "1"}
    kinds = [{"type": kind, "primary": True} for kind in ("Admin", "Billing", "Technical")]
    shop.api.post(f"/companies/{company['id']}/contacts", json=contact | {"types": kinds[:2]})
    assert shop.api.get(f"/companies/{company['id']}").json()["status"] == "Inactive"
    shop.api.post(f"/companies/{company['id']}/contacts", json=contact | {"types": kinds[2:]})
    assert shop.api.get(f"/companies/{company['id']}").json()["status"] == "Active"
    unchanged = shop.api.patch(f"/companies/{company['id']}", json={"externalId": "185"})
    assert unchanged.status_code == 422


def test_the_catalogue_has_twins_commitments_prices_and_questions(shop: Shop) -> None:
    """Commitment ids are per product, a monthly term costs more, nothing says which question is required."""
    names = {p["name"] for p in shop.content("/products", search="visio plan 1", vendorName="Microsoft")}
    assert len(names) == 3 and VISIO in names
    visio, plan2 = shop.product(), shop.product("Visio Plan 2 [New Commerce Experience]")
    assert shop.commitment(visio, "Monthly")["id"] != shop.commitment(plan2, "Monthly")["id"]
    rows = shop.api.get(f"/products/{visio['id']}/pricing", params={"companyId": shop.company()["id"]}).json()
    prices = {(r["billingTerm"], r["commitmentTerm"]): r["rates"][0] for r in rows["content"]}
    assert set(prices) == {("Monthly", "Monthly"), ("Monthly", "1-Year"), ("Annual", "1-Year")}
    month, year = prices["Monthly", "Monthly"], prices["Monthly", "1-Year"]
    assert month["suggestedRetailPrice"] > year["suggestedRetailPrice"] > year["partnerBuyRate"]
    assert "page" not in rows
    questions = shop.api.get(f"/products/{visio['id']}/provision-details").json()["content"]
    assert {"key", "label", "description", "valueType"} <= set(questions[0])
    assert all("required" not in q for q in questions)
    copilot = shop.product("Copilot for Microsoft 365 [New Commerce Experience]")
    told = shop.api.get(f"/products/{copilot['id']}/dependencies").json()
    assert [c["term"] for c in told["commitmentDependencies"]] == ["1-Year"]
    assert told["productDependencies"][0]["products"]


def test_a_mock_order_checks_everything_and_writes_nothing(shop: Shop) -> None:
    """200 without ids; no order, no subscription, no effect, no mail."""
    answer = shop.api.post("/orders", params={"isMock": "true"}, json=shop.order())
    assert answer.status_code == 200 and "id" not in answer.json()
    assert shop.content("/orders") == [] and shop.sandbox.effects() == []


def test_every_missing_or_wrong_answer_is_named_by_its_key(shop: Shop) -> None:
    """One 422 names them all, for only the mock tells what is required."""
    visio = shop.product()
    wrong = shop.answers(visio, mca2020Email=None, msCustExists="Sure", mca2020EffectiveDate="11/20/2026", hat="x")
    answer = shop.api.post("/orders", params={"isMock": "true"}, json=shop.order(provisioningDetails=wrong))
    assert answer.status_code == 422 and answer.json()["type"] == "UNPROCESSABLE_ENTITY"
    for key in ("mca2020Email", "msCustExists", "mca2020EffectiveDate", "hat"):
        assert key in messages(answer)
    no_tenant = shop.answers(visio, msTenantId=None)
    answer = shop.api.post("/orders", json=shop.order(provisioningDetails=no_tenant))
    assert answer.status_code == 422 and "msTenantId" in messages(answer)


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ({"commitmentTerm": "Monthly"}, 400, "commitmentTerm"),
        ({"commitmentTermId": None}, 422, "requires commitment"),
        ({"commitmentTermId": "made-up"}, 422, "not valid"),
        ({"quantity": 0}, 400, "quantity"),
        ({"quantity": 2.5}, 400, "quantity"),
        ({"billingTerm": "Weekly"}, 400, "billingTerm"),
        ({"billingTerm": "Annual"}, 422, "isn't billed"),
        ({"productId": "unknown"}, 404, "not available"),
        ({"provisionStartDate": "2099-01-01"}, 422, "Scheduled orders"),
        ({"provisioningDetails": {"msTenantId": TENANT}}, 400, "array"),
        ({"provisioningDetails": [{"key": "msTenantId", "value": TENANT}]}, 400, "value"),
        ({"companyId": "x"}, 400, "companyId"),
    ],
)
def test_a_wrong_line_is_refused_saying_what_is_wrong(shop: Shop, line: dict[str, Any], status: int, says: str) -> None:
    """Mock and real order alike; nothing is bought."""
    for query in ({"isMock": "true"}, {}):
        answer = shop.api.post("/orders", params=query, json=shop.order(**line))
        assert answer.status_code == status and says in messages(answer), answer.text
        assert answer.json()["instance"] == "/v1/orders"
    assert shop.sandbox.effects() == []


def test_products_that_this_company_cannot_have_are_not_orderable(shop: Shop) -> None:
    """A Government or Nonprofit twin is 404, one that lacks its base 422, too many seats 422."""
    gcc = "Visio Plan 1 for GCC (Government) [New Commerce Experience]"
    assert shop.api.post("/orders", json=shop.order(name=gcc)).status_code == 404
    premium = "Microsoft 365 Business Premium [New Commerce Experience]"
    many = shop.api.post("/orders", json=shop.order(name=premium, quantity=301))
    assert many.status_code == 422 and "300" in messages(many)
    phone = "Microsoft Teams Phone Standard [New Commerce Experience]"
    order = shop.order(name=phone)
    unanswered = [a for a in order["lineItems"][0]["provisioningDetails"] if a["key"] != "microsoftIncludeOverage"]
    refused = shop.api.post("/orders", json=shop.order(name=phone, provisioningDetails=unanswered))
    assert refused.status_code == 422 and "microsoftIncludeOverage" in messages(refused)
    northwind = shop.order() | {"companyId": shop.company("Northwind Traders")["id"]}
    inactive = shop.api.post("/orders", json=northwind)
    assert inactive.status_code == 422 and "not active" in messages(inactive)


def test_an_order_becomes_a_subscription_that_is_provisioned_in_a_while(shop: Shop) -> None:
    """The order knows its subscription only after a moment; pending first, then active, all of it in the ledger."""
    before = {s["id"] for s in shop.content("/subscriptions")}
    order = shop.api.post("/orders", json=shop.order()).json()
    assert order["lineItems"][0]["subscriptionId"] is None and "provisioningDetails" not in order["lineItems"][0]
    (key,) = {s["id"] for s in shop.content("/subscriptions")} - before
    assert shop.subscription(key)["status"] == "PendingManual"
    shop.sandbox.control("clock", {"advance_seconds": 6})
    assert shop.subscription(key)["status"] == "Active"
    assert shop.api.get(f"/orders/{order['id']}").json()["lineItems"][0]["subscriptionId"] == key
    (placed,) = shop.sandbox.effects("order placed")
    assert placed["company_name"] == "Contoso Ltd" and placed["order"] == order["id"]
    assert placed["lines"] == [
        {
            "product": shop.product()["id"],
            "product_name": VISIO,
            "quantity": 3,
            "billing_term": "Monthly",
            "commitment_term": "Monthly",
            "subscription": key,
        }
    ]


def test_the_same_order_sent_twice_is_bought_twice(shop: Shop) -> None:
    """There is no idempotency of any kind."""
    order = shop.order()
    ids = {shop.api.post("/orders", json=order).json()["id"] for _ in range(2)}
    assert len(ids) == 2 and {o["id"] for o in shop.content("/orders")} == ids
    assert len(shop.sandbox.effects("order placed")) == 2


def test_provisioning_can_be_stuck_until_a_person_repairs_it(shop: Shop) -> None:
    """Stuck stays pending for days; the lever ends it."""
    shop.sandbox.control("pax8/provisioning", {"mode": "stuck"})
    order = shop.api.post("/orders", json=shop.order()).json()
    shop.sandbox.control("clock", {"advance_days": 3})
    shop = shop.again()
    key = shop.api.get(f"/orders/{order['id']}").json()["lineItems"][0]["subscriptionId"]
    assert shop.subscription(key)["status"] == "PendingManual"
    assert shop.api.put(f"/subscriptions/{key}", json={"quantity": 9}).status_code == 422
    shop.sandbox.control(f"pax8/subscriptions/{key}/settle")
    assert shop.subscription(key)["status"] == "Active"


def test_an_order_confirmation_arrives_by_mail(shop: Shop) -> None:
    """From the distributor, seconds later, naming company, product and order; late, twice or never if so set."""
    order = shop.api.post("/orders", json=shop.order()).json()
    shop.sandbox.control("clock", {"advance_seconds": 5})
    (mail,) = shop.sandbox.control("mails", method="GET")["mails"]
    assert mail["from"] == "no-reply@pax8.example"
    for words in ("Contoso Ltd", "Visio Plan 1", order["id"]):
        assert words in mail["subject"] + mail["html"]
    for mode, more in (("never", 0), ("twice:1", 2)):
        count = len(shop.sandbox.control("mails", method="GET")["mails"])
        shop.sandbox.control("settings", {"pax8.mails": mode})
        shop.api.post("/orders", json=shop.order())
        shop.sandbox.control("clock", {"advance_seconds": 5})
        assert len(shop.sandbox.control("mails", method="GET")["mails"]) == count + more


def test_both_spellings_of_the_commitment_occur(shop: Shop) -> None:
    """`commitment` on some, `commitmentTerm` on others, never both; the SKU only in the detail."""
    listed = shop.content("/subscriptions")
    spelt = [("commitment" in s, "commitmentTerm" in s) for s in listed if s["status"] != "Trial"]
    assert set(spelt) == {(True, False), (False, True)}
    assert all("vendorSkuId" not in s for s in listed)
    assert shop.subscription(listed[0]["id"])["vendorSkuId"]
    shop.sandbox.control("settings", {"pax8.monthly_end_dates": "missing"})
    bought = shop.buy()
    assert "endDate" not in commitment_of(bought)


@pytest.mark.parametrize(
    ("start", "term", "ends"),
    [
        ("2027-01-31", "Monthly", ["2027-02-28", "2027-03-31", "2027-04-30"]),
        ("2028-01-30", "Monthly", ["2028-02-29", "2028-03-30"]),
        ("2028-02-29", "1-Year", ["2029-02-28", "2030-02-28"]),
        ("2026-12-15", "Monthly", ["2027-01-15", "2027-02-15"]),
    ],
)
def test_a_term_nobody_ends_renews_from_its_original_start_day(
    sandbox: Served, start: str, term: str, ends: list[str]
) -> None:
    """31 January → 28 February → 31 March: the day of the month is never lost on the way."""
    sandbox.control("clock", {"now": f"{start}T10:00:00+00:00"})
    bought = Shop(sandbox).buy(term)
    assert bought["startDate"].startswith(start)
    for end, following in zip(ends, [*ends[1:], None], strict=True):
        shop = Shop(sandbox)
        assert commitment_of(shop.subscription(bought["id"]))["endDate"] == f"{end}T00:00:00.000Z"
        if following:
            day_after = date.fromisoformat(end) + timedelta(days=1)
            sandbox.control("clock", {"now": f"{day_after}T09:00:00+00:00"})
    renewed = [e for e in sandbox.effects("commitment renewed") if e["subscription"] == bought["id"]]
    assert [e["term_ended"][:10] for e in renewed] == ends[:-1]


def test_a_booked_end_ends_the_subscription_instead_of_renewing_it(shop: Shop) -> None:
    """204 and empty; endDate is set while the status stays Active; on the day it is over, and no draft item is left."""
    bought = shop.buy()
    end = commitment_of(bought)["endDate"]
    answer = shop.api.delete(f"/subscriptions/{bought['id']}", params={"cancelDate": end})
    assert (answer.status_code, answer.content) == (204, b"")
    booked = shop.subscription(bought["id"])
    assert (booked["endDate"], booked["status"]) == (end, "Active")
    day_after = datetime.fromisoformat(end) + timedelta(days=1)
    shop.sandbox.control("clock", {"now": day_after.isoformat()})
    shop = shop.again()
    over = shop.subscription(bought["id"])
    assert over["status"] == "Cancelled" and commitment_of(over)["endDate"] == end
    assert not [e for e in shop.sandbox.effects("commitment renewed") if e["subscription"] == bought["id"]]
    drafts = shop.content("/invoices/draftItems", monthOffset=1, companyId=bought["companyId"])
    assert bought["id"] not in {item["subscriptionId"] for item in drafts}


def test_an_unended_subscription_stays_in_the_draft_invoice(shop: Shop) -> None:
    """Next month's draft items, which is what comes unless asked, list what will be billed, with our cost."""
    bought = shop.buy()
    drafts = shop.content("/invoices/draftItems", monthOffset=1, companyId=bought["companyId"])
    assert drafts == shop.content("/invoices/draftItems", companyId=bought["companyId"])
    (item,) = [i for i in drafts if i["subscriptionId"] == bought["id"]]
    assert item["quantity"] == 3 and item["costTotal"] == pytest.approx(3 * bought["partnerCost"])
    assert item["total"] == pytest.approx(3 * bought["price"])
    assert shop.api.get("/invoices/draftItems", params={"monthOffset": 2}).status_code == 422
    assert shop.api.get("/invoices/draftItems", params={"companyId": "nobody"}).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    ["2026-01-01T00:00:00Z", "2099-01-01", "2099-01-01T00:00:00", "soon", "", "1999-01-01T00:00:00+02:00"],
)
def test_a_cancel_date_must_be_a_future_moment_with_an_offset(shop: Shop, wrong: str) -> None:
    """Date-only, naive and past ones are 400, and nothing is booked."""
    bought = shop.buy()
    answer = shop.api.delete(f"/subscriptions/{bought['id']}", params={"cancelDate": wrong})
    assert answer.status_code == 400
    assert shop.subscription(bought["id"])["endDate"] is None


def test_cancelling_at_once_works_inside_seven_days_only(shop: Shop) -> None:
    """Afterwards the vendor refuses until the term renews; the seeded monthly one shows it."""
    bought = shop.buy()
    shop.sandbox.control("clock", {"advance_days": 8})
    shop = shop.again()
    assert shop.api.delete(f"/subscriptions/{bought['id']}").status_code == 422
    fresh = shop.buy()
    assert shop.api.delete(f"/subscriptions/{fresh['id']}").status_code == 204
    assert shop.subscription(fresh["id"])["status"] == "Cancelled"
    assert len(shop.sandbox.effects("subscription cancelled at once")) == 1
    assert shop.api.delete(f"/subscriptions/{fresh['id']}").status_code == 422
    assert shop.api.delete("/subscriptions/unknown").status_code == 404


def test_seats_are_a_new_total_and_never_fewer(shop: Shop) -> None:
    """The ledger says before and after; the same total twice changes once; a decrease has the flat error shape."""
    bought = shop.buy()
    place = f"/subscriptions/{bought['id']}"
    for _ in range(2):
        assert shop.api.put(place, json={"quantity": 5}).json()["quantity"] == 5
    (changed,) = shop.sandbox.effects("seats changed")
    assert (changed["before"], changed["quantity"]) == (3, 5)
    fewer = shop.api.put(place, json={"quantity": 4})
    assert fewer.status_code == 422 and "decrease" in fewer.json()["errors"][0]
    assert shop.api.put(place, json={"seats": 6}).status_code == 400
    assert shop.api.put(place, json={}).status_code == 400
    assert shop.api.put(place, json={"quantity": 6, "billingTerm": "Annual"}).status_code == 422
    history = shop.api.get(f"{place}/history").json()["content"]
    assert [snapshot["quantity"] for snapshot in history] == [3]
    shop.sandbox.control("settings", {"pax8.put_needs_all": True})
    assert shop.api.put(place, json={"quantity": 6}).status_code == 500
    both = {"quantity": 6, "startDate": bought["startDate"], "billingTerm": bought["billingTerm"]}
    assert shop.api.put(place, json=both).json()["quantity"] == 6


@pytest.mark.parametrize(("drops", "left"), [(True, False), (False, True)])
def test_more_seats_may_drop_a_booked_end(shop: Shop, drops: bool, left: bool) -> None:
    """As Microsoft may: the booking is silently gone, and the term would renew. Settable."""
    shop.sandbox.control("settings", {"pax8.seats_drop_booked_end": drops})
    bought = shop.buy()
    end = commitment_of(bought)["endDate"]
    shop.api.delete(f"/subscriptions/{bought['id']}", params={"cancelDate": end})
    shop.api.put(f"/subscriptions/{bought['id']}", json={"quantity": 4})
    assert (shop.subscription(bought["id"])["endDate"] == end) is left
    assert shop.sandbox.effects("seats changed")[0]["booked_end_dropped"] is drops
    shop.sandbox.control("clock", {"advance_days": 40})
    assert (shop.again().subscription(bought["id"])["status"] == "Cancelled") is left


def test_subscriptions_are_filtered_and_sorted(shop: Shop) -> None:
    """By company, product and status; sorted only if asked."""
    contoso = shop.company()["id"]
    assert {s["companyId"] for s in shop.content("/subscriptions", companyId=contoso)} == {contoso}
    trials = shop.content("/subscriptions", status="Trial")
    assert trials and {s["status"] for s in trials} == {"Trial"}
    quantities = [s["quantity"] for s in shop.content("/subscriptions", sort="quantity,desc")]
    assert quantities == sorted(quantities, reverse=True)
    assert shop.api.get("/subscriptions", params={"sort": "colour"}).status_code == 400
    assert shop.api.get("/subscriptions", params={"externalId": "1"}).status_code == 400


def test_the_seeded_world_has_a_booked_end_and_both_terms_of_one_product(shop: Shop) -> None:
    """Tailspin's Visio ends with its term; Litware holds Premium monthly and for a year; no seeded term is over."""
    tailspin = shop.content("/subscriptions", companyId=shop.company("Tailspin Toys")["id"])
    ending = next(s for s in tailspin if s["productName"] == VISIO)
    assert ending["endDate"] == commitment_of(ending)["endDate"]
    litware = shop.content("/subscriptions", companyId=shop.company("Litware")["id"])
    assert {commitment_of(s)["term"] for s in litware} == {"Monthly", "1-Year"}
    now = shop.sandbox.control("clock", method="GET")["now"]
    for subscription in shop.content("/subscriptions"):
        if subscription["status"] != "Trial":
            end = datetime.fromisoformat(commitment_of(subscription)["endDate"])
            assert end > datetime.fromisoformat(now)


def test_a_price_or_a_name_changed_at_the_vendor_shows_at_once(shop: Shop) -> None:
    """Tests may raise our cost or rename a product between agreement and order."""
    visio = shop.product()
    kept = shop.sandbox.control(f"records/pax8.products/{visio['id']}", method="GET")
    raised = [price | {"buy": "99.00"} for price in kept["prices"]]
    shop.sandbox.control(f"records/pax8.products/{visio['id']}", {"prices": raised, "name": "Visio P1"}, "PATCH")
    rows = shop.api.get(f"/products/{visio['id']}/pricing").json()["content"]
    assert {row["rates"][0]["partnerBuyRate"] for row in rows} == {99.0}
    assert shop.api.get(f"/products/{visio['id']}").json()["name"] == "Visio P1"
