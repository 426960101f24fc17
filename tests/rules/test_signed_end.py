"""The end that an agreement states: one subscription, at its term's end, and no earlier (N7, P18)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.authority import NotCovered
from rules.calendar import Calendar
from rules.endings import SignedEnd
from tests.rules.examples import ROWS, US, agreement, reading, terms
from tests.rules.strategies import calendars, moments_between

AGREED = date(2027, 3, 15)
COMMITMENT_END = datetime(2027, 3, 31, tzinfo=UTC)
WITH_END = terms(end=AGREED)


def signed_end(**changes: Any) -> SignedEnd:
    """The end of Visio Plan 1's subscription, in the term that reaches 15 March 2027."""
    plain: dict[str, Any] = {
        "agreement": agreement(WITH_END),
        "subscription_id": "s-1",
        "product_id": "p-visio-1",
        "commitment_end": COMMITMENT_END,
        "began": datetime(2027, 2, 28, tzinfo=UTC),
        "calendar": US,
    }
    return SignedEnd.model_validate({**plain, **changes})


def test_the_agreed_end_covers_its_subscription_at_its_terms_end() -> None:
    """That subscription, that moment; however the moment is written."""
    one = signed_end()
    one.assert_covers_end("s-1", COMMITMENT_END)
    one.assert_covers_end("s-1", datetime.fromisoformat("2027-03-30T20:00:00-04:00"))
    assert one.authority_id == "docusign:e-1:end:s-1"


def test_another_subscription_is_refused() -> None:
    """One ending of one subscription."""
    with pytest.raises(NotCovered, match="N7"):
        signed_end().assert_covers_end("s-2", COMMITMENT_END)


@given(st.timedeltas().filter(bool).filter(lambda off: abs(off) < timedelta(days=3000)))
def test_another_moment_is_refused(off: timedelta) -> None:
    """Not a second before the term's end, nor after."""
    with pytest.raises(NotCovered, match="P18"):
        signed_end().assert_covers_end("s-1", COMMITMENT_END + off)


def test_an_agreement_without_an_end_ends_nothing() -> None:
    """Nobody agreed to it."""
    with pytest.raises(ValidationError, match="no end date"):
        signed_end(agreement=agreement())


def test_a_term_that_ends_before_the_agreed_day_renews() -> None:
    """It is ended in the term that reaches the day, on the day itself at the earliest."""
    with pytest.raises(ValidationError, match="renews"):
        signed_end(commitment_end=datetime(2027, 3, 14, 23, 59, 59, tzinfo=UTC))
    signed_end(commitment_end=datetime(2027, 3, 15, tzinfo=UTC))


def test_a_term_that_began_once_the_agreed_day_was_reached_is_not_ended_by_it() -> None:
    """It has renewed: nobody agreed to a whole term more. Begun a day before the agreed one, it is the right term."""
    with pytest.raises(ValidationError, match="a person decides"):
        signed_end(began=datetime(2027, 3, 15, tzinfo=UTC))
    signed_end(began=datetime(2027, 3, 14, tzinfo=UTC))


def test_the_anniversary_that_was_agreed_is_reached_by_the_year_that_ends_on_it() -> None:
    """Midnight UTC is the eve in New York: the year that Pax8 shows as ending on that day is the right one."""
    anniversary = datetime(2027, 3, 15, tzinfo=UTC)
    assert US.term_end(anniversary) == date(2027, 3, 14)
    signed_end(commitment_end=anniversary).assert_covers_end("s-1", anniversary)


@given(calendars(), moments_between(date(2027, 3, 12), date(2027, 3, 18)))
def test_the_day_of_either_zone_reaches_the_agreed_end(calendar: Calendar, end: datetime) -> None:
    """In UTC or at the MSP's: no zone costs a term more, and no term that ends before the day in both is ended."""
    days = {end.date(), end.astimezone(calendar.zone).date()}
    if max(days) >= AGREED:
        signed_end(commitment_end=end, calendar=calendar).assert_covers_end("s-1", end)
    else:
        with pytest.raises(ValidationError, match="renews"):
            signed_end(commitment_end=end, calendar=calendar)


@pytest.mark.parametrize("product_id", ["p-visio-2", "", "P-VISIO-1"])
def test_a_product_outside_the_agreement_is_not_ended_by_it(product_id: str) -> None:
    """Exact ids, as everywhere."""
    with pytest.raises(ValidationError, match="does not stand in the agreement"):
        signed_end(product_id=product_id)


def test_a_row_without_an_id_ends_nothing() -> None:
    """A paper made by hand names no Pax8 product: a person ends it."""
    fields = {k: "" if k.startswith("ProductId") else v for k, v in WITH_END.fields(ROWS).items()}
    by_hand = agreement(WITH_END, reading=reading(WITH_END, fields=fields))
    for product_id in ("p-visio-1", ""):
        with pytest.raises(ValidationError, match="does not stand in the agreement"):
            signed_end(agreement=by_hand, product_id=product_id)


def test_a_moment_without_a_zone_is_refused() -> None:
    """Neither when it is built nor when it is asked."""
    naive = datetime(2027, 3, 31)  # noqa: DTZ001
    with pytest.raises(ValidationError):
        signed_end(commitment_end=naive)
    with pytest.raises(NotCovered):
        signed_end().assert_covers_end("s-1", naive)


def test_smuggled_past_its_own_check_it_ends_nothing() -> None:
    """A copy that skipped pydantic's check, whatever was put into it, is looked at again before a yes."""
    for smuggled in (
        {"agreement": agreement()},
        {"agreement": agreement(WITH_END).model_copy(update={"reading": reading(WITH_END, status="sent")})},
        {"product_id": "p-visio-2"},
        {"commitment_end": datetime(2027, 3, 14, tzinfo=UTC)},
    ):
        copied = signed_end().model_copy(update=smuggled)
        bare = SignedEnd.model_construct(**{**dict(signed_end()), **smuggled})
        for one in (copied, bare):
            with pytest.raises(NotCovered, match="Nothing was booked"):
                one.assert_covers_end("s-1", one.commitment_end)
