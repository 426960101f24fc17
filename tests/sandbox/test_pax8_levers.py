"""Playing Pax8 and Microsoft: terms that end when they like, booked ends that go wrong, what is drafted after."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.conftest import Served
from tests.sandbox.test_pax8 import Shop, commitment_of


@pytest.fixture
def shop(sandbox: Served) -> Shop:
    """A buyer who is signed in, on the last day of a January."""
    sandbox.control("clock", {"now": "2027-01-31T10:00:00+00:00"})
    return Shop(sandbox)


def booked(shop: Shop, way: str = "shown") -> tuple[dict[str, Any], str]:
    """A monthly subscription whose end is booked in some way, and that end."""
    shop.sandbox.control("pax8/booked-end", {"mode": way})
    bought = shop.buy()
    end = str(commitment_of(bought)["endDate"])
    answer = shop.api.delete(f"/subscriptions/{bought['id']}", params={"cancelDate": end})
    assert (answer.status_code, answer.content) == (204, b"")
    return shop.subscription(bought["id"]), end


def on(shop: Shop, moment: str) -> Shop:
    """The buyer at that moment, signed in anew."""
    shop.sandbox.control("clock", {"now": moment})
    return shop.again()


def drafted(shop: Shop, key: str, month: int) -> list[tuple[str, str]]:
    """First and last days of what is going to be charged for a subscription."""
    items = shop.content("/invoices/draftItems", monthOffset=month, companyId=shop.company()["id"])
    return [(i["startPeriod"], i["endPeriod"]) for i in items if i["subscriptionId"] == key]


# booked ends


@pytest.mark.parametrize(
    ("way", "shown", "status", "ends"),
    [
        ("shown", True, "Cancelled", True),
        ("hidden", False, "Cancelled", True),
        ("late:3600", False, "Cancelled", True),
        ("ignored", False, "Active", False),
        ("renews", True, "Active", False),
        ("successor", True, "Cancelled", True),
    ],
)
def test_a_booked_end_goes_the_way_that_the_lever_says(
    shop: Shop, way: str, shown: bool, status: str, ends: bool
) -> None:
    """All are answered with 204; what is shown then, and what comes on the day, are two things."""
    subscription, end = booked(shop, way)
    assert subscription["endDate"] == (end if shown else None)
    after = on(shop, "2027-02-28T00:00:01+00:00")
    over = after.subscription(subscription["id"])
    assert (over["status"], over["endDate"]) == (status, end if ends else None)
    renewed = [e for e in shop.sandbox.effects("commitment renewed") if e["subscription"] == subscription["id"]]
    assert [e["in_spite_of_booked_end"] for e in renewed] == ([] if ends else [way == "renews"])


def test_a_late_end_shows_when_its_time_has_come(shop: Shop) -> None:
    """Not before, and only if it is still booked."""
    subscription, end = booked(shop, "late:3600")
    shop.sandbox.control("clock", {"advance_seconds": 3500})
    assert shop.subscription(subscription["id"])["endDate"] is None
    shop.sandbox.control("clock", {"advance_seconds": 200})
    assert shop.subscription(subscription["id"])["endDate"] == end


def test_an_end_can_be_refused_and_timed_out(shop: Shop) -> None:
    """The lever refuses in the flat shape; a fault does it in the other one, or leaves it open."""
    bought = shop.buy()
    place, query = f"/subscriptions/{bought['id']}", {"cancelDate": commitment_of(bought)["endDate"]}
    shop.sandbox.control("pax8/booked-end", {"mode": "refused"})
    refused = shop.api.delete(place, params=query)
    assert refused.status_code == 422 and refused.json()["errors"]
    shop.sandbox.control("pax8/booked-end", {"mode": "shown"})
    for kind, status in (("403", 403), ("422", 422), ("408", 408)):
        shop.sandbox.control("faults", {"vendor": "pax8", "method": "DELETE", "kind": kind})
        assert shop.api.delete(place, params=query).status_code == status
    assert shop.subscription(bought["id"])["endDate"] is None
    assert shop.api.delete(place, params=query).status_code == 204


def test_a_successor_takes_an_ended_ones_place(shop: Shop) -> None:
    """Of the same product, from month to month, ordered by nobody; it renews by itself."""
    subscription, end = booked(shop, "successor")
    after = on(shop, "2027-02-28T00:00:01+00:00")
    product = {"companyId": subscription["companyId"], "productId": subscription["productId"]}
    (successor,) = [s for s in after.content("/subscriptions", **product) if s["status"] == "Active"]
    assert successor["id"] != subscription["id"] and successor["startDate"] == end
    assert successor["endDate"] is None and commitment_of(successor)["endDate"] == "2027-03-28T00:00:00.000Z"
    assert drafted(after, successor["id"], 0) == [("2027-02-28", "2027-03-27")]
    by_hand = shop.sandbox.control(f"pax8/subscriptions/{subscription['id']}/successor")
    assert after.subscription(by_hand["id"])["status"] == "Active"


def test_an_end_at_a_months_end_holds_after_renewals(shop: Shop) -> None:
    """Bought on 31 January: renewed on 28 February, ended on 31 March, not on the 28th."""
    bought = shop.buy()
    march = on(shop, "2027-03-01T09:00:00+00:00")
    end = commitment_of(march.subscription(bought["id"]))["endDate"]
    assert end == "2027-03-31T00:00:00.000Z"
    march.api.delete(f"/subscriptions/{bought['id']}", params={"cancelDate": end})
    assert on(shop, "2027-03-30T23:00:00+00:00").subscription(bought["id"])["status"] == "Active"
    over = on(shop, "2027-03-31T00:00:00+00:00").subscription(bought["id"])
    assert (over["status"], over["endDate"]) == ("Cancelled", end)


def test_a_person_in_the_portal_books_ends_and_takes_them_away(shop: Shop) -> None:
    """Which the API can't; and adds seats, with what that does to a booked end."""
    subscription, end = booked(shop)
    place = f"pax8/subscriptions/{subscription['id']}"
    assert shop.sandbox.control(f"{place}/end", {"end": None})["endDate"] is None
    shop.sandbox.control(f"{place}/end", {"end": "2027-02-28T00:00:00+00:00"})
    assert shop.subscription(subscription["id"])["endDate"] == end
    shop.sandbox.control(f"{place}/seats", {"quantity": 5})
    after = shop.subscription(subscription["id"])
    assert (after["quantity"], after["endDate"]) == (5, None)
    shop.sandbox.control(f"{place}/end", {"end": "now"})
    assert shop.subscription(subscription["id"])["status"] == "Cancelled"


# terms


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({"term_end": "2027-02-26T00:00:00+00:00"}, "2027-02-26T00:00:00.000Z"),
        ({"term_end": "2027-02-26T22:30:00-05:00"}, "2027-02-27T03:30:00.000Z"),
        ({"days": 3}, "2027-02-03T"),
        ({"term_end": "missing"}, None),
    ],
)
def test_the_next_order_gets_the_term_that_the_lever_says(
    shop: Shop, wanted: dict[str, Any], shown: str | None
) -> None:
    """Any moment, no moment, or one so near that its cut-off has passed; the order after it is as always."""
    shop.sandbox.control("pax8/next-order", wanted)
    end = commitment_of(shop.buy()).get("endDate")
    assert end is None if shown is None else str(end).startswith(shown)
    assert commitment_of(shop.buy())["endDate"] == "2027-02-28T00:00:00.000Z"


def test_a_commitment_can_be_missing_altogether(shop: Shop) -> None:
    """Under both of its names; a mock order doesn't use the lever up. The term ends all the same."""
    shop.sandbox.control("pax8/next-order", {"term_end": "none"})
    shop.api.post("/orders", params={"isMock": "true"}, json=shop.order())
    bought = shop.buy()
    assert not {"commitment", "commitmentTerm"} & set(bought)
    shop.sandbox.control("clock", {"now": "2027-03-01T09:00:00+00:00"})
    shop.sandbox.control(f"pax8/subscriptions/{bought['id']}/term", {"end": "shown"})
    assert commitment_of(shop.again().subscription(bought["id"]))["endDate"] == "2027-03-31T00:00:00.000Z"


def test_a_running_term_can_be_moved_and_renews_from_there(shop: Shop) -> None:
    """With its time of day, month after month; what was before is in the history."""
    bought = shop.buy()
    place = f"pax8/subscriptions/{bought['id']}"
    shop.sandbox.control(f"{place}/term", {"end": "2027-02-10T15:00:00+00:00"})
    assert commitment_of(shop.subscription(bought["id"]))["endDate"] == "2027-02-10T15:00:00.000Z"
    for now, end in (
        ("2027-02-10T14:00:00", "2027-02-10"),
        ("2027-02-10T15:00:00", "2027-03-10"),
        ("2027-04-01T00:00:00", "2027-04-10"),
    ):
        told = on(shop, f"{now}+00:00").subscription(bought["id"])
        assert commitment_of(told)["endDate"] == f"{end}T15:00:00.000Z"
    former = shop.again().api.get(f"/subscriptions/{bought['id']}/history").json()["content"]
    assert [commitment_of(s)["endDate"][:10] for s in former] == [
        "2027-02-28",
        "2027-02-10",
        "2027-03-10",
    ]


def test_cancelling_at_once_counts_from_the_running_terms_beginning(shop: Shop) -> None:
    """A renewal opens the seven days anew (pax8.md §12)."""
    bought = shop.buy()
    late = on(shop, "2027-02-20T09:00:00+00:00")
    assert late.api.delete(f"/subscriptions/{bought['id']}").status_code == 422
    renewed = on(shop, "2027-03-06T09:00:00+00:00")
    assert renewed.api.delete(f"/subscriptions/{bought['id']}").status_code == 204


# what is drafted


def test_a_draft_invoice_follows_the_terms_and_not_the_calendars_months(shop: Shop) -> None:
    """Each period is charged in the month in which it begins; both days are part of it."""
    bought = shop.buy()
    assert drafted(shop, bought["id"], 0) == [("2027-01-31", "2027-02-27")]
    assert drafted(shop, bought["id"], 1) == [("2027-02-28", "2027-03-30")]
    march = on(shop, "2027-03-15T09:00:00+00:00")
    assert drafted(march, bought["id"], 0) == [("2027-03-31", "2027-04-29")]


@pytest.mark.parametrize("day", ["2027-02-01", "2027-02-28", "2027-03-01"])
def test_nothing_is_drafted_for_the_time_after_a_booked_end(shop: Shop, day: str) -> None:
    """From the booking on, and on the day after the end as well."""
    subscription, _ = booked(shop)
    after = on(shop, f"{day}T09:00:00+00:00")
    assert drafted(after, subscription["id"], 0) == drafted(after, subscription["id"], 1) == []


def test_a_renewed_one_stays_in_the_draft_and_a_yearly_one_comes_once_a_year(shop: Shop) -> None:
    """In spite of a booking that Pax8 forgot; by the billing, not by the commitment."""
    subscription, _ = booked(shop, "renews")
    yearly = shop.buy("1-Year", billingTerm="Annual")
    by_month = shop.buy("1-Year")
    assert drafted(shop, yearly["id"], 0) == [("2027-01-31", "2028-01-30")]
    assert drafted(shop, yearly["id"], 1) == []
    assert drafted(shop, by_month["id"], 1) == [("2027-02-28", "2027-03-30")]
    march = on(shop, "2027-03-01T09:00:00+00:00")
    assert drafted(march, subscription["id"], 0) == [("2027-03-31", "2027-04-29")]


def test_an_end_within_a_period_cuts_it(shop: Shop) -> None:
    """What was charged before the end is no charge after it."""
    bought = shop.buy()
    shop.sandbox.control(f"pax8/subscriptions/{bought['id']}/end", {"end": "2027-03-10T00:00:00+00:00"})
    assert drafted(shop, bought["id"], 1) == [("2027-02-28", "2027-03-09")]


@pytest.mark.parametrize(
    ("lever", "wrong"),
    [
        ("booked-end", {"mode": "sometimes"}),
        ("booked-end", {"mode": "late:soon"}),
        ("provisioning", {"mode": "later"}),
        ("next-order", {"term_end": "2020-01-01T00:00:00+00:00"}),
        ("next-order", {"term_end": "2099-01-01T00:00:00"}),
        ("next-order", {"days": -1}),
        ("next-order", {"end": "missing"}),
        ("subscriptions/{id}/term", {"end": "soon"}),
        ("subscriptions/{id}/end", {}),
        ("subscriptions/{id}/end", {"end": "2020-01-01T00:00:00+00:00"}),
        ("subscriptions/{id}/seats", {"quantity": "3"}),
    ],
)
def test_a_lever_that_is_moved_senselessly_says_so(shop: Shop, lever: str, wrong: dict[str, Any]) -> None:
    """400 with the reason, and nothing moves."""
    key = shop.content("/subscriptions")[0]["id"]
    answer = shop.sandbox.http.post(f"/_sandbox/pax8/{lever.format(id=key)}", json=wrong)
    assert answer.status_code == 400 and answer.json()["error"]
    assert shop.sandbox.effects("term changed") == []
    assert shop.sandbox.http.post("/_sandbox/pax8/subscriptions/none/end", json={"end": None}).status_code == 404


def test_a_booked_end_survives_being_read_long_after(shop: Shop) -> None:
    """A clock that jumps over end and later terms at once ends it once, at its own moment."""
    subscription, end = booked(shop)
    moment = datetime(2027, 12, 1, tzinfo=UTC) + timedelta(hours=9)
    over = on(shop, moment.isoformat()).subscription(subscription["id"])
    assert (over["status"], over["endDate"], over["updatedDate"]) == ("Cancelled", end, end)
