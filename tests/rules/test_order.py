"""An order as it would be written: an illegal one can't be built."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.order import Billing, LicenceOrder, ProvisioningAnswer, Term, utc_text
from tests.rules.examples import NOW, POWER_BI, TODAY, VISIO, order, order_line
from tests.rules.strategies import moments


@pytest.mark.parametrize(
    "wrong",
    [
        {"lines": ()},
        {"term": "3-Year"},
        {"billing": "1-Year"},
        {"term": Term.MONTHLY, "billing": Billing.ANNUAL},
        {"at": datetime(2026, 11, 30, 15, 0)},  # noqa: DTZ001
        {"order_day": TODAY + timedelta(days=2)},
        {"order_day": TODAY - timedelta(days=2)},
        {"reference": ""},
        {"customer": ""},
        {"ticket": ""},
        {"company_id": ""},
        {"currency": ""},
    ],
    ids=str,
)
def test_an_illegal_order_cannot_be_built(wrong: dict[str, Any]) -> None:
    """No lines, an unknown term, a month billed by the year, a time without a zone, a day that isn't the moment's."""
    with pytest.raises(ValidationError):
        order(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seats": 0},
        {"seats": -1},
        {"seats": Decimal("2.5")},
        {"unit_price": Decimal("-1")},
        {"unit_price": Decimal("NaN")},
        {"product_id": ""},
        {"commitment_id": ""},
    ],
    ids=str,
)
def test_an_illegal_line_cannot_be_built(wrong: dict[str, object]) -> None:
    """Whole seats, one at least; a real price; a product and its commitment."""
    with pytest.raises(ValidationError):
        order_line(VISIO, **wrong)


@pytest.mark.parametrize("term", Term)
def test_an_order_bound_for_another_term_than_its_own_cannot_be_built(term: Term) -> None:
    """Y1: a 1-Year commitment's id under a Monthly order is a year's obligation that nobody signed for."""
    other = next(one for one in Term if one is not term)
    with pytest.raises(ValidationError, match="Y1"):
        order(term=term, lines=(order_line(VISIO, other),))


def test_an_answer_without_a_value_cannot_be_built() -> None:
    """Pax8 takes one or more."""
    with pytest.raises(ValidationError):
        ProvisioningAnswer(key="msTenantId", values=())


@given(moments, st.integers(-12, 14))
def test_the_order_day_is_the_day_of_the_moment_in_some_zone(at: datetime, offset: int) -> None:
    """From the Aleutians to the Line Islands every MSP's own day is accepted, and no day further off."""
    day = at.astimezone(timezone(timedelta(hours=offset))).date()
    assert order(at=at, order_day=day).order_day == day
    for wrong in (at.date() + timedelta(days=2), at.date() - timedelta(days=2)):
        with pytest.raises(ValidationError, match="order_day"):
            order(at=at, order_day=wrong)


def test_the_day_after_is_wrong_where_no_zone_has_it_yet() -> None:
    """At three in the morning UTC nowhere on earth is it tomorrow."""
    with pytest.raises(ValidationError, match="order_day"):
        order(at=datetime(2026, 11, 30, 3, 0, tzinfo=UTC), order_day=date(2026, 12, 1))


def test_an_order_is_frozen() -> None:
    """What was checked is what is sent."""
    placed = order()
    with pytest.raises(ValidationError):
        placed.currency = "EUR"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        placed.lines[0].seats = 300  # type: ignore[misc]


def test_a_stored_order_still_loads_with_fields_it_does_not_know() -> None:
    """Models grow: an older and a newer release read each other's."""
    stored = order(lines=(order_line(VISIO), order_line(POWER_BI))).model_dump(mode="json")
    assert LicenceOrder.model_validate({**stored, "later": "field"}) == order()


def test_a_moment_reads_as_utc() -> None:
    """For people and logs."""
    assert utc_text(NOW) == "2026-11-30 15:00 UTC"
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-5)))
    assert utc_text(elsewhere) == "2026-11-30 15:00 UTC"
