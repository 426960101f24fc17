"""Every date of a bridge month, and its reminders: by the MSP's calendar, whatever the month (B5, B7, Y3, Y4, Y5)."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.bridge import BridgeDates, Reminder, reminders
from rules.calendar import Calendar
from tests.rules.examples import US
from tests.rules.strategies import awkward_starts, bridge_months, bridges, calendars

ONE_DAY = timedelta(days=1)
months = bridge_months()


def business_days(calendar: Calendar, first: date, end: date) -> int:
    """The business days from `first` up to `end`, that one not counted: counted one by one."""
    return sum(calendar.is_business_day(first + ONE_DAY * n) for n in range((end - first).days))


def here(calendar: Calendar, moment: datetime) -> datetime:
    """A moment as the MSP's clock shows it."""
    return moment.astimezone(calendar.zone)


@given(months)
def test_every_moment_is_utc_and_the_end_is_that_of_pax8(month: tuple[Calendar, date, datetime]) -> None:
    """UTC inside; the term's end day is the calendar's reading of Pax8's moment."""
    calendar, start, end = month
    dates = BridgeDates.of(start, end, calendar)
    assert (dates.start, dates.commitment_end, dates.term_end) == (start, end, calendar.term_end(end))
    assert dates.cut_off == calendar.cut_off(dates.term_end)
    for moment in dict(dates).values():
        assert not isinstance(moment, datetime) or moment.tzinfo is UTC


@given(months)
def test_a_change_of_mind_counts_until_the_tenth_business_day_before_the_end(
    month: tuple[Calendar, date, datetime],
) -> None:
    """Y3 (d), Y4: one minute to midnight here of a business day, with ten of them before the term's end."""
    calendar, start, end = month
    dates = BridgeDates.of(start, end, calendar)
    until = here(calendar, dates.change_of_mind_until)
    assert until.time() == time(23, 59)
    assert calendar.is_business_day(until.date())
    assert business_days(calendar, until.date(), dates.term_end) == 10
    assert dates.change_of_mind_until < dates.cut_off < dates.person_by < dates.commitment_end


@given(months)
def test_a_person_decides_from_two_business_days_before_the_end(month: tuple[Calendar, date, datetime]) -> None:
    """B7: from nine in the morning of the second business day before."""
    calendar, start, end = month
    dates = BridgeDates.of(start, end, calendar)
    by = here(calendar, dates.person_by)
    assert by.time() == time(9)
    assert calendar.is_business_day(by.date())
    assert business_days(calendar, by.date(), dates.term_end) == 2


@given(months, st.integers(0, 12))
def test_the_change_over_is_three_business_days_before_and_never_under_72_hours(
    month: tuple[Calendar, date, datetime], days: int
) -> None:
    """Y5: as many business days as the setting says, or the first one back from there that leaves 72 hours."""
    calendar, start, end = month
    dates = BridgeDates.of(start, end, calendar, days)
    at = here(calendar, dates.change_over)
    assert at.time() == time(9)
    assert calendar.is_business_day(at.date())
    assert end - dates.change_over >= timedelta(hours=72)
    counted = business_days(calendar, at.date(), dates.term_end)
    assert counted >= days
    if counted > days:
        later = calendar.business_days_before(dates.term_end, counted - 1)
        assert end - datetime.combine(later, time(9), calendar.zone) < timedelta(hours=72)


@pytest.mark.parametrize(
    ("zone", "change_over"),
    [
        ("Asia/Tokyo", "2027-02-08T09:00:00+09:00"),
        ("Asia/Singapore", "2027-02-05T09:00:00+08:00"),
        ("Europe/London", "2027-02-05T09:00:00+00:00"),
        ("Australia/Brisbane", "2027-02-08T09:00:00+10:00"),
        ("America/New_York", "2027-02-05T09:00:00-05:00"),
    ],
    ids=["72 hours", "71 hours: a day more", "63 hours: a day more", "73 hours", "the day before, over a weekend"],
)
def test_72_hours_are_enough_and_71_are_not(zone: str, change_over: str) -> None:
    """Y5: of a term that ends on Thursday 11 February 2027 at midnight UTC; in New York that is Wednesday."""
    calendar = Calendar(time_zone=zone, country="GB")
    dates = BridgeDates.of(date(2027, 1, 11), datetime(2027, 2, 11, tzinfo=UTC), calendar)
    assert dates.change_over == datetime.fromisoformat(change_over)


@given(months)
def test_three_business_days_are_the_setting_nobody_changed(month: tuple[Calendar, date, datetime]) -> None:
    """Y5: the default."""
    calendar, start, end = month
    assert BridgeDates.of(start, end, calendar) == BridgeDates.of(start, end, calendar, 3)


@given(months, st.integers(3, 12))
def test_the_bridges_end_can_be_booked_behind_the_change_over(
    month: tuple[Calendar, date, datetime], days: int
) -> None:
    """Y5: 48 hours before the end, a day and more after the annual one was ordered."""
    calendar, start, end = month
    dates = BridgeDates.of(start, end, calendar, days)
    assert end - dates.book_end_by == timedelta(hours=48)
    assert dates.book_end_by - dates.change_over >= timedelta(hours=24)


@given(months, st.sampled_from(["Asia/Tokyo", "Pacific/Honolulu", "Europe/Berlin"]))
def test_a_customer_in_another_zone_has_the_same_dates(month: tuple[Calendar, date, datetime], zone: str) -> None:
    """The MSP's zone decides; the moment may be written in any other."""
    calendar, start, end = month
    assert BridgeDates.of(start, end.astimezone(ZoneInfo(zone)), calendar) == BridgeDates.of(start, end, calendar)


@given(months, st.integers(1, 4))
def test_a_cut_off_day_that_becomes_a_closed_day_moves_the_cut_off_one_business_day_back(
    month: tuple[Calendar, date, datetime], storms: int
) -> None:
    """The storm comes on the very day, and on the one that takes its place."""
    calendar, start, end = month
    for _ in range(storms):
        before = BridgeDates.of(start, end, calendar)
        lost = calendar.day_of(before.cut_off)
        calendar = calendar.model_copy(update={"closed_days": (*calendar.closed_days, lost)})
        after = BridgeDates.of(start, end, calendar)
        assert calendar.day_of(after.cut_off) == calendar.business_days_before(lost, 1)
        assert after.change_of_mind_until < before.change_of_mind_until
        assert after.person_by == before.person_by


@given(calendars(), awkward_starts)
def test_a_bridge_is_foretold_to_end_at_midnight_utc_a_month_later(calendar: Calendar, day: date) -> None:
    """What the terms mail says "if ordered on …" is what becomes true when Pax8 gives that end."""
    dates = BridgeDates.foretold(day, calendar)
    last = dates.commitment_end.date()
    assert dates.commitment_end.time() == time(0)
    assert (last.year - day.year) * 12 + last.month - day.month == 1
    assert last.day == day.day or (last + ONE_DAY).day == 1
    assert dates == BridgeDates.of(day, dates.commitment_end, calendar)


@given(calendars(), awkward_starts)
def test_a_foretold_bridge_leaves_time_to_sign_in_a_plain_month(calendar: Calendar, day: date) -> None:
    """No month is so short, and no week so full of holidays, that the terms promise a cut-off before the order."""
    assume(not calendar.closed_days)
    assert not BridgeDates.foretold(day, calendar).nothing_to_bridge(calendar.start_of(day) + ONE_DAY)


@given(months, st.integers(0, 12))
def test_the_same_question_has_the_same_answer(month: tuple[Calendar, date, datetime], days: int) -> None:
    """Stored and loaded it is the same; asked again too."""
    calendar, start, end = month
    dates = BridgeDates.of(start, end, calendar, days)
    assert BridgeDates.model_validate_json(dates.model_dump_json()) == dates
    assert BridgeDates.of(start, end, calendar, days) == dates


def test_an_end_without_a_zone_is_refused() -> None:
    """Nobody guesses whose midnight it is."""
    with pytest.raises(ValueError, match="no time zone"):
        BridgeDates.of(date(2026, 11, 1), datetime(2026, 12, 1), US)  # noqa: DTZ001
    dates = dict(BridgeDates.foretold(date(2026, 11, 1), US))
    with pytest.raises(ValidationError):
        BridgeDates.model_validate({**dates, "cut_off": datetime(2026, 11, 20)})  # noqa: DTZ001


@given(bridges(), st.timedeltas(timedelta(days=-40), timedelta(days=40)))
def test_there_is_something_to_bridge_while_a_whole_minute_is_left(
    bridge: tuple[Calendar, BridgeDates], away: timedelta
) -> None:
    """A bridge whose cut-off has passed would be cancelled as soon as it is bought."""
    dates = bridge[1]
    assert dates.nothing_to_bridge(dates.cut_off - away) == (away < timedelta(minutes=1))


@pytest.mark.parametrize(
    ("left", "nothing"),
    [
        (timedelta(minutes=1), False),
        (timedelta(seconds=59, microseconds=999_999), True),
        (timedelta(0), True),
        (timedelta(seconds=-1), True),
    ],
    ids=["a minute", "nearly a minute", "none", "passed"],
)
def test_the_last_minute_counts_whole(left: timedelta, nothing: bool) -> None:
    """To the microsecond."""
    dates = BridgeDates.foretold(date(2026, 11, 2), US)
    assert dates.nothing_to_bridge(dates.cut_off - left) is nothing


def test_a_term_that_pax8_cut_short_may_leave_nothing_to_bridge() -> None:
    """Bought on a Wednesday, ending on Tuesday: the fifth business day before was last week."""
    dates = BridgeDates.of(date(2026, 8, 12), datetime(2026, 8, 19, tzinfo=UTC), US)
    assert dates.cut_off == datetime(2026, 8, 12, 3, 59, tzinfo=UTC)
    assert dates.nothing_to_bridge(datetime(2026, 8, 12, 14, 0, tzinfo=UTC))


# Reminders

KINDS = ["half", "three-days", "last-day"]
since_the_order = st.timedeltas(timedelta(days=-2), timedelta(days=40))


@given(bridges(), since_the_order)
def test_reminders_ascend_between_the_order_and_the_cut_off(
    bridge: tuple[Calendar, BridgeDates], ago: timedelta
) -> None:
    """None at the moment of ordering or before, none after the cut-off, never two at once."""
    calendar, dates = bridge
    ordered_at = dates.cut_off - ago
    found = reminders(ordered_at, dates, calendar)
    moments = [ordered_at, *(one.at for one in found)]
    assert all(earlier < later for earlier, later in pairwise(moments))
    assert all(one.at <= dates.cut_off and one.kind in KINDS for one in found)
    assert len({one.kind for one in found}) == len(found)


@given(bridges(), since_the_order)
def test_reminders_come_at_nine_on_business_days(bridge: tuple[Calendar, BridgeDates], ago: timedelta) -> None:
    """In the MSP's zone, on both sides of every clock change; somebody is there to be asked."""
    calendar, dates = bridge
    for one in reminders(dates.cut_off - ago, dates, calendar):
        assert one.at.tzinfo is UTC
        assert here(calendar, one.at).time() == time(9)
        assert calendar.is_business_day(calendar.day_of(one.at))


@given(bridges(), since_the_order)
def test_no_reminder_is_forgotten(bridge: tuple[Calendar, BridgeDates], ago: timedelta) -> None:
    """The last day's whenever its morning is to come; three days' too, unless it falls together with a later one."""
    calendar, dates = bridge
    ordered_at = dates.cut_off - ago
    found = {one.kind: one.at for one in reminders(ordered_at, dates, calendar)}
    last = datetime.combine(calendar.day_of(dates.cut_off), time(9), calendar.zone)
    assert (found.get("last-day") == last) == (ordered_at < last)
    three = datetime.combine(calendar.business_days_before(last.date(), 3), time(9), calendar.zone)
    assert (found.get("three-days") == three) == (ordered_at < three)


@given(bridges(), since_the_order)
def test_half_way_is_half_way_or_the_next_business_day(bridge: tuple[Calendar, BridgeDates], ago: timedelta) -> None:
    """Half of the time has passed on its day at the latest; no business day lies between."""
    calendar, dates = bridge
    ordered_at = dates.cut_off - ago
    for one in reminders(ordered_at, dates, calendar):
        if one.kind == "half":
            middle = calendar.day_of(ordered_at + ago / 2)
            assert middle <= calendar.day_of(one.at)
            assert business_days(calendar, middle, calendar.day_of(one.at)) == 0


def test_the_three_reminders_of_a_plain_month() -> None:
    """Ordered on 2 November 2026 at noon: Thanksgiving lies in the last week, winter time begins before."""
    dates = BridgeDates.foretold(date(2026, 11, 2), US)
    assert US.in_short(dates.cut_off) == "23 Nov 2026, 23:59 EST"
    assert reminders(datetime(2026, 11, 2, 17, 0, tzinfo=UTC), dates, US) == (
        Reminder(kind="half", at=datetime(2026, 11, 13, 14, 0, tzinfo=UTC)),
        Reminder(kind="three-days", at=datetime(2026, 11, 18, 14, 0, tzinfo=UTC)),
        Reminder(kind="last-day", at=datetime(2026, 11, 23, 14, 0, tzinfo=UTC)),
    )


def test_ordered_on_the_last_day_only_that_morning_may_remind() -> None:
    """Half way is then behind it, or beyond it."""
    dates = BridgeDates.foretold(date(2026, 11, 2), US)
    early, late = datetime(2026, 11, 23, 13, 59, tzinfo=UTC), datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    assert [one.kind for one in reminders(early, dates, US)] == ["last-day"]
    assert reminders(late, dates, US) == ()


def test_two_reminders_of_one_morning_are_one_the_more_urgent() -> None:
    """Half way falls on the day three business days before: that is what it says."""
    dates = BridgeDates.foretold(date(2026, 11, 2), US)
    ordered_at = datetime(2026, 11, 13, 15, 0, tzinfo=UTC)
    assert [one.kind for one in reminders(ordered_at, dates, US)] == ["three-days", "last-day"]


def test_a_cut_off_day_that_nobody_works_any_more_reminds_on_none_after_it() -> None:
    """The dates were fixed before the storm; half way goes to the next business day, but not beyond the cut-off."""
    dates = BridgeDates.foretold(date(2026, 11, 2), US)
    storm = US.model_copy(update={"closed_days": (date(2026, 11, 23),)})
    ordered_at = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
    assert [one.kind for one in reminders(ordered_at, dates, storm)] == ["last-day"]


@given(bridges())
def test_once_the_cut_off_has_passed_nobody_is_reminded(bridge: tuple[Calendar, BridgeDates]) -> None:
    """Nothing is left to sign."""
    calendar, dates = bridge
    assert reminders(dates.cut_off, dates, calendar) == ()
