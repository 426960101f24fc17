"""Arbitrary terms, prices, calendars, bridges and people for the property-based tests."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from rules.agreement import AgreementLine, AgreementTerms
from rules.bridge import BridgeDates
from rules.calendar import Calendar, term_end_after
from rules.order import Billing, Term
from tests.rules.examples import ROWS, TODAY

LETTERS = "abcXYZ äß€漢0189 -.&'/()[]|="

names = st.text(LETTERS, min_size=1, max_size=12).map(str.strip).filter(bool)
ids = st.text("abcdef0123456789-", min_size=1, max_size=8)
seats = st.integers(min_value=1, max_value=100_000)


@st.composite
def prices(draw: st.DrawFn) -> Decimal:
    """A price of up to six decimals, written in any of the ways that a Decimal can be."""
    price = Decimal(draw(st.integers(0, 10**10))).scaleb(-draw(st.integers(0, 6)))
    return price.normalize() if draw(st.booleans()) else price


@st.composite
def lines(draw: st.DrawFn) -> tuple[AgreementLine, ...]:
    """One to four lines of different products."""
    count = draw(st.integers(1, ROWS))
    unique_ids = draw(st.lists(ids, min_size=count, max_size=count, unique=True))
    unique_names = draw(st.lists(names, min_size=count, max_size=count, unique=True))
    return tuple(
        AgreementLine(product_id=one, product_name=name, seats=draw(seats), unit_price=draw(prices()))
        for one, name in zip(unique_ids, unique_names, strict=True)
    )


def terms(
    starts: st.SearchStrategy[date | None] | None = None,
    ends: st.SearchStrategy[date | None] | None = None,
) -> st.SearchStrategy[AgreementTerms]:
    """Any terms; by default with any start and end."""
    days = st.none() | st.dates(date(2020, 1, 1), date(2040, 12, 31))
    combined = st.sampled_from(
        [(Term.MONTHLY, Billing.MONTHLY), (Term.ANNUAL, Billing.MONTHLY), (Term.ANNUAL, Billing.ANNUAL)]
    )
    return st.builds(
        lambda pair, **others: AgreementTerms(term=pair[0], billing=pair[1], **others),
        combined,
        reference=names,
        customer=names,
        ticket=names,
        currency=st.sampled_from(["USD", "EUR", "GBP"]),
        start=starts if starts is not None else days,
        end=ends if ends is not None else days,
        lines=lines(),
    )


running_terms = terms(
    starts=st.none() | st.integers(0, 60).map(lambda days: TODAY - timedelta(days=days)),
    ends=st.none() | st.integers(1, 800).map(lambda days: TODAY + timedelta(days=days)),
)
"""Terms that run today: what is ordered today under them may be covered."""

PLACES = (
    ("America/New_York", "US", "NY"),
    ("America/Los_Angeles", "US", ""),
    ("Pacific/Honolulu", "US", "HI"),
    ("Europe/London", "GB", "ENG"),
    ("Europe/Berlin", "DE", "BY"),
    ("Africa/Cairo", "EG", ""),
    ("Asia/Kolkata", "IN", ""),
    ("Australia/Sydney", "AU", "NSW"),
    ("Australia/Lord_Howe", "AU", "NSW"),
    ("Pacific/Auckland", "NZ", ""),
    ("Pacific/Kiritimati", "US", ""),
    ("America/Havana", "US", ""),
    ("America/Santiago", "CL", ""),
)
CALENDARS = tuple(Calendar(time_zone=zone, country=country, subdivision=part) for zone, country, part in PLACES)

days = st.dates(date(2024, 1, 1), date(2032, 12, 31))


def moments_between(first: date, last: date) -> st.SearchStrategy[datetime]:
    """Any moment from the start of one day to the start of another, UTC."""
    midnight = time(0)
    return st.datetimes(datetime.combine(first, midnight), datetime.combine(last, midnight), timezones=st.just(UTC))


moments = moments_between(date(2024, 1, 1), date(2032, 12, 31))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """A calendar of any zone, now and then with a run of storm days."""
    calendar = draw(st.sampled_from(CALENDARS))
    if not draw(st.booleans()):
        return calendar
    first = draw(days)
    storm = tuple(first + timedelta(days=step) for step in range(draw(st.integers(1, 6))))
    return calendar.model_copy(update={"closed_days": storm})


awkward_starts = st.one_of(
    days,
    st.builds(date, st.integers(2024, 2032), st.sampled_from([1, 3, 5, 7, 8, 10, 12]), st.sampled_from([29, 30, 31])),
    st.builds(date, st.sampled_from([2024, 2027, 2028, 2032]), st.just(1), st.integers(28, 31)),
    st.builds(date, st.integers(2024, 2031), st.sampled_from([11, 12]), st.integers(20, 30)),
    st.builds(date, st.integers(2024, 2031), st.sampled_from([2, 3, 9, 10]), st.integers(1, 28)),
)
"""Starts of a bridge: any day, the ends of months, leap years, the year's end, and the weeks when clocks change."""


@st.composite
def bridge_months(draw: st.DrawFn) -> tuple[Calendar, date, datetime]:
    """A calendar, the day a bridge starts and the moment its month ends.

    Mostly midnight UTC a month later, as Pax8 gives it; now and then another hour, or a term that is much shorter.
    Some of the last days are made closed days now and then.
    """
    calendar, start = draw(st.sampled_from(CALENDARS)), draw(awkward_starts)
    end = datetime.combine(term_end_after(start, 1), time(0), UTC)
    if draw(st.integers(0, 3)) == 0:
        end = draw(moments_between(start + timedelta(days=1), start + timedelta(days=32)))
    lost = draw(st.lists(st.integers(0, 16), max_size=4, unique=True))
    closed = tuple(calendar.term_end(end) - timedelta(days=ago) for ago in lost)
    return calendar.model_copy(update={"closed_days": closed}), start, end


@st.composite
def bridges(draw: st.DrawFn) -> tuple[Calendar, BridgeDates]:
    """A calendar and the dates of some bridge by it."""
    calendar, start, end = draw(bridge_months())
    return calendar, BridgeDates.of(start, end, calendar)
