"""Business days and the cut-off: by the MSP's own calendar and time zone (clauses, Words)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.calendar import Calendar, term_began
from tests.rules.strategies import CALENDARS, calendars, days, moments

US = Calendar(time_zone="America/New_York", country="US")
ONE_DAY = timedelta(days=1)
counts = st.integers(0, 25)


@given(st.sampled_from(["America/New_York", "Pacific/Honolulu", "Atlantic/Azores", "Pacific/Auckland"]), days, days)
def test_a_term_reaches_the_day_that_pax8_shows_and_the_day_here(zone: str, ends: date, wished: date) -> None:
    """N7, P18: west and east of UTC, midnight UTC reaches its own day; never a day that is later in both zones."""
    calendar, midnight = Calendar(time_zone=zone, country="US"), datetime.combine(ends, time(0), UTC)
    assert calendar.reaches(midnight, ends)
    assert calendar.reaches(midnight, wished) == (ends >= wished)
    noon = midnight + timedelta(hours=12)
    assert calendar.reaches(noon, calendar.day_of(noon))
    assert not calendar.reaches(noon, max(ends, calendar.day_of(noon)) + ONE_DAY)


@given(calendars(), moments, days)
def test_what_reaches_a_day_is_the_later_of_two_readings_and_a_cut_off_the_earlier(
    calendar: Calendar, end: datetime, wished: date
) -> None:
    """A cut-off is never later for it, and nothing is reached for longer than a day."""
    assert calendar.term_end(end) <= end.date() <= calendar.last_day(end) <= calendar.term_end(end) + ONE_DAY
    assert calendar.reaches(end, wished) == (calendar.last_day(end) >= wished)


@given(calendars(), days, counts)
def test_going_back_and_forth_from_a_business_day_ends_where_it_began(
    calendar: Calendar, day: date, count: int
) -> None:
    """From a business day, n business days later and n earlier is the same day, in both directions."""
    day = calendar.business_days_after(day, 1)
    assert calendar.business_days_before(calendar.business_days_after(day, count), count) == day
    assert calendar.business_days_after(calendar.business_days_before(day, count), count) == day


@given(calendars(), days, counts)
def test_the_business_days_between_are_exactly_as_many_as_counted(calendar: Calendar, day: date, count: int) -> None:
    """Counting day by day finds as many business days as the step says, the day itself left out."""
    earlier = calendar.business_days_before(day, count)
    later = calendar.business_days_after(day, count)
    assert sum(calendar.is_business_day(earlier + ONE_DAY * n) for n in range((day - earlier).days)) == count
    assert sum(calendar.is_business_day(later - ONE_DAY * n) for n in range((later - day).days)) == count


@given(calendars(), days, st.integers(1, 25))
def test_a_step_always_lands_on_a_business_day(calendar: Calendar, day: date, count: int) -> None:
    """No step of one or more business days ends on a weekend, a holiday or a closed day."""
    assert calendar.is_business_day(calendar.business_days_before(day, count))
    assert calendar.is_business_day(calendar.business_days_after(day, count))


@given(calendars(), days, counts)
def test_steps_add_up(calendar: Calendar, day: date, count: int) -> None:
    """n business days and one more are n + 1 business days."""
    assert calendar.business_days_before(calendar.business_days_before(day, count), 1) == calendar.business_days_before(
        day, count + 1
    )


@given(calendars(), days, days)
def test_a_later_term_end_never_has_an_earlier_cut_off(calendar: Calendar, one: date, other: date) -> None:
    """The cut-off follows the term end: never earlier for a later end."""
    assert calendar.cut_off(min(one, other)) <= calendar.cut_off(max(one, other))


@given(calendars(), days)
def test_the_cut_off_is_never_later_than_five_days_before_the_term_end(calendar: Calendar, term_end: date) -> None:
    """B4: five business days are at least five calendar days, whatever the weekday."""
    assert calendar.day_of(calendar.cut_off(term_end)) <= term_end - timedelta(days=5)


@given(calendars(), days)
def test_the_cut_off_is_always_one_minute_to_midnight_here(calendar: Calendar, term_end: date) -> None:
    """23:59 in the MSP's zone, on both sides of every clock change, told in UTC."""
    cut_off = calendar.cut_off(term_end)
    assert cut_off.tzinfo is UTC
    assert cut_off.astimezone(calendar.zone).time() == time(23, 59)


@given(calendars(), days)
def test_the_cut_off_is_never_on_a_day_nobody_works(calendar: Calendar, term_end: date) -> None:
    """Somebody can act on the day of the cut-off."""
    assert calendar.is_business_day(calendar.day_of(calendar.cut_off(term_end)))


@given(calendars(), days)
def test_five_business_days_lie_between_the_cut_off_and_the_term_end(calendar: Calendar, term_end: date) -> None:
    """The fifth business day before the end, the end day not counted, counted by hand."""
    day = calendar.day_of(calendar.cut_off(term_end))
    assert sum(calendar.is_business_day(day + ONE_DAY * n) for n in range((term_end - day).days)) == 5


@given(calendars(), days)
def test_a_storm_day_before_the_term_end_moves_the_cut_off_earlier(calendar: Calendar, term_end: date) -> None:
    """A business day lost in the last five costs exactly one business day."""
    lost = calendar.business_days_before(term_end, 2)
    with_storm = calendar.model_copy(update={"closed_days": (*calendar.closed_days, lost)})
    expected = calendar.business_days_before(term_end, 6)
    assert with_storm.day_of(with_storm.cut_off(term_end)) == expected


@given(calendars(), moments)
def test_the_term_ends_on_the_earlier_of_both_days(calendar: Calendar, end: datetime) -> None:
    """The earlier of the UTC day and the day here: no zone makes a term end later than either."""
    term_end = calendar.term_end(end)
    utc_day, day_here = end.date(), end.astimezone(calendar.zone).date()
    assert term_end in (utc_day, day_here)
    assert term_end <= utc_day
    assert term_end <= day_here


@given(calendars(), moments)
def test_the_term_end_does_not_depend_on_how_the_moment_is_written(calendar: Calendar, end: datetime) -> None:
    """The same moment with another offset has the same term end."""
    assert calendar.term_end(end.astimezone(ZoneInfo("Asia/Tokyo"))) == calendar.term_end(end)


@given(calendars(), days)
def test_a_day_starts_at_its_first_moment(calendar: Calendar, day: date) -> None:
    """The start of a day belongs to it and the microsecond before doesn't, even where midnight is skipped."""
    start = calendar.start_of(day)
    assert calendar.day_of(start) == day
    assert calendar.day_of(start - timedelta(microseconds=1)) == day - ONE_DAY


@given(calendars(), moments, counts)
def test_a_business_moment_keeps_the_hour_of_the_day(calendar: Calendar, moment: datetime, count: int) -> None:
    """The same hour here, that many business days later; an hour that the clock change skips moves by at most one."""
    later = calendar.business_moment_after(moment, count)
    here, there = moment.astimezone(calendar.zone), later.astimezone(calendar.zone)
    assert there.date() == calendar.business_days_after(here.date(), count)
    moved = datetime.combine(here.date(), there.time()) - datetime.combine(here.date(), here.time())
    assert timedelta(0) <= moved <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("term_end", "cut_off"),
    [
        (date(2026, 11, 4), datetime(2026, 10, 29, 3, 59, tzinfo=UTC)),
        (date(2026, 11, 10), datetime(2026, 11, 4, 4, 59, tzinfo=UTC)),
        (date(2027, 3, 17), datetime(2027, 3, 11, 4, 59, tzinfo=UTC)),
        (date(2027, 3, 24), datetime(2027, 3, 18, 3, 59, tzinfo=UTC)),
    ],
    ids=["before winter time", "after winter time", "before summer time", "after summer time"],
)
def test_the_cut_off_keeps_its_hour_over_clock_changes(term_end: date, cut_off: datetime) -> None:
    """23:59 in New York is 03:59 UTC in summer and 04:59 UTC in winter."""
    assert US.cut_off(term_end) == cut_off


def test_the_holidays_at_the_years_end_push_the_cut_off_before_christmas() -> None:
    """A term ending on Monday 4 January 2027: New Year's and Christmas Day fall on Fridays."""
    assert US.cut_off(date(2027, 1, 4)) == datetime(2026, 12, 25, 4, 59, tzinfo=UTC)
    assert US.day_of(US.cut_off(date(2027, 1, 4))) == date(2026, 12, 24)


def test_a_holiday_on_a_saturday_is_kept_on_the_friday() -> None:
    """4 July 2026 is a Saturday; its observed day is no business day."""
    assert not US.is_business_day(date(2026, 7, 3))
    assert US.business_days_before(date(2026, 7, 6), 1) == date(2026, 7, 2)


def test_a_state_has_holidays_of_its_own() -> None:
    """The subdivision counts: Bavaria keeps Epiphany, Germany as a whole doesn't."""
    epiphany = date(2027, 1, 6)
    assert Calendar(time_zone="Europe/Berlin", country="DE").is_business_day(epiphany)
    assert not Calendar(time_zone="Europe/Berlin", country="DE", subdivision="BY").is_business_day(epiphany)


def test_two_storm_days_move_the_cut_off_by_two() -> None:
    """Closed days count like holidays."""
    storm = Calendar(time_zone="America/New_York", country="US", closed_days=(date(2026, 11, 18), date(2026, 11, 19)))
    assert US.day_of(US.cut_off(date(2026, 11, 23))) == date(2026, 11, 16)
    assert storm.day_of(storm.cut_off(date(2026, 11, 23))) == date(2026, 11, 12)


def test_a_closed_day_on_a_weekend_changes_nothing() -> None:
    """A Saturday can't be closed twice."""
    storm = Calendar(time_zone="America/New_York", country="US", closed_days=(date(2026, 11, 21),))
    assert storm.cut_off(date(2026, 11, 23)) == US.cut_off(date(2026, 11, 23))


@pytest.mark.parametrize(
    ("zone", "commitment_end", "term_end"),
    [
        ("America/New_York", "2026-12-22T00:00:00+00:00", date(2026, 12, 21)),
        ("Pacific/Honolulu", "2026-12-22T09:59:00+00:00", date(2026, 12, 21)),
        ("Europe/London", "2026-12-22T00:00:00+00:00", date(2026, 12, 22)),
        ("Australia/Sydney", "2026-12-22T00:00:00+00:00", date(2026, 12, 22)),
        ("Australia/Sydney", "2026-12-21T20:00:00+00:00", date(2026, 12, 21)),
        ("Pacific/Kiritimati", "2026-12-21T23:59:59+00:00", date(2026, 12, 21)),
        ("America/New_York", "2026-12-22T23:59:59+00:00", date(2026, 12, 22)),
    ],
)
def test_midnight_utc_ends_the_term_a_day_earlier_in_the_west(zone: str, commitment_end: str, term_end: date) -> None:
    """West of Greenwich the day here is the earlier one, east of it the UTC day."""
    assert Calendar(time_zone=zone, country="US").term_end(datetime.fromisoformat(commitment_end)) == term_end


def test_people_read_the_moment_in_the_msps_zone() -> None:
    """Every mail names hour and zone."""
    assert US.in_words(datetime(2026, 12, 1, 4, 59, tzinfo=UTC)) == "Monday 30 November 2026, 23:59 EST"


def test_a_day_off_says_why() -> None:
    """Closed days, holidays and weekends say so; business days have nothing to say."""
    storm = Calendar(time_zone="America/New_York", country="US", closed_days=(date(2026, 11, 18),))
    assert storm.why_not(date(2026, 11, 18)) == "closed day"
    assert storm.why_not(date(2026, 12, 25)) == "Christmas Day"
    assert storm.why_not(date(2026, 11, 21)) == "Saturday"
    assert storm.why_not(date(2026, 11, 20)) is None


@given(calendars(), days)
def test_exactly_the_days_off_have_a_reason(calendar: Calendar, day: date) -> None:
    """A day has a reason if, and only if, it is no business day."""
    assert (calendar.why_not(day) is None) == calendar.is_business_day(day)


@pytest.mark.parametrize(
    ("ends", "months", "started", "began"),
    [
        ("2027-12-01", 12, "2025-12-01", "2026-12-01"),
        ("2027-02-28", 1, "2027-01-31", "2027-01-31"),
        ("2027-02-28", 1, None, "2027-01-28"),
        ("2027-02-28", 1, "2026-11-10", "2027-01-28"),  # co-termed: its start says nothing of its ends
        ("2027-01-31", 1, "2027-01-31", "2026-12-31"),
    ],
)
def test_a_term_began_where_the_one_before_ended(ends: str, months: int, started: str | None, began: str) -> None:
    """N7, P18: ends of months are counted from the first start, as Pax8's are, wherever that gives this end."""

    def at(day: str) -> datetime:
        return datetime.combine(date.fromisoformat(day), time(4), UTC)

    assert term_began(at(ends), months, at(started) if started else None) == at(began)


def test_a_negative_count_is_refused() -> None:
    """Going minus one day back is a mistake, not a day ahead."""
    with pytest.raises(ValueError, match="negative"):
        US.business_days_before(date(2026, 11, 18), -1)


@pytest.mark.parametrize(
    "wrong",
    [{"time_zone": "Nowhere/Land"}, {"time_zone": ""}, {"country": "XX"}, {"subdivision": "ZZ"}],
    ids=["no such zone", "empty zone", "no such country", "no such state"],
)
def test_a_calendar_that_does_not_exist_is_refused_when_it_is_entered(wrong: dict[str, str]) -> None:
    """Whoever fills in the settings hears it then, not a run on the day of its first cut-off."""
    with pytest.raises(ValidationError):
        Calendar.model_validate({"time_zone": "America/New_York", "country": "US", **wrong})


def test_using_a_calendar_does_not_change_it() -> None:
    """What it has looked up is no part of it: equal before and after, and it survives being stored."""
    fresh = Calendar(time_zone="America/New_York", country="US", subdivision="NY")
    used = Calendar(time_zone="America/New_York", country="US", subdivision="NY")
    used.cut_off(date(2026, 12, 31))
    assert fresh == used
    assert Calendar.model_validate_json(used.model_dump_json()) == fresh


def test_every_calendar_of_these_tests_has_some_holiday() -> None:
    """The properties above really meet holidays in every country."""
    for calendar in CALENDARS:
        year = [date(2027, 1, 1) + ONE_DAY * n for n in range(365)]
        assert any(day.weekday() < 5 and not calendar.is_business_day(day) for day in year)
