"""The house's calendar, and the day on which tests of procedures begin."""

from datetime import UTC, datetime, timedelta

from rules.calendar import Calendar

CALENDAR = Calendar(time_zone="America/New_York", country="US", subdivision="NY")


def quiet_monday(now: datetime) -> datetime:
    """Ten o'clock in New York on the next Monday that begins two weeks without a holiday.

    A test that counts days forward meets the same weekdays whenever it runs, and no long weekend.
    """
    weekdays = (*range(5), *range(7, 12))
    day = CALENDAR.day_of(now) + timedelta(days=1)
    while day.weekday() != 0 or not all(CALENDAR.is_business_day(day + timedelta(days=one)) for one in weekdays):
        day += timedelta(days=1)
    return CALENDAR.start_of(day) + timedelta(hours=10)


START = quiet_monday(datetime.now(UTC))
FRIDAY = CALENDAR.day_of(START) + timedelta(days=4)
