"""Business days, by the MSP's own calendar and time zone."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from dateutil.relativedelta import relativedelta
from pydantic import field_validator, model_validator

from rules.order import Frozen

CUT_OFF_BUSINESS_DAYS = 5
END_OF_DAY = time(23, 59)


class Calendar(Frozen):
    """The MSP's working calendar: Monday to Friday, less the holidays of its country and its own closed days.

    `country` and `subdivision` are ISO codes as the `holidays` package knows them (`US`, `NY`);
    `closed_days` are days added by hand (storm days, half days that don't count).
    """

    time_zone: str
    country: str
    subdivision: str = ""
    closed_days: tuple[date, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except ZoneInfoNotFoundError:
            raise ValueError(f"'{name}' is no time zone; write it as America/New_York") from None
        return name

    @model_validator(mode="after")
    def _known_country(self) -> Self:
        try:
            holidays.country_holidays(self.country, subdiv=self.subdivision or None)
        except NotImplementedError as unknown:
            raise ValueError(f"no holiday calendar for {self.country} {self.subdivision}: {unknown}") from None
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @cached_property
    def _holidays(self) -> holidays.HolidayBase:
        return holidays.country_holidays(self.country, subdiv=self.subdivision or None)

    def is_business_day(self, day: date) -> bool:
        """Whether the MSP works on that day."""
        return day.weekday() < 5 and day not in self._holidays and day not in self.closed_days

    def why_not(self, day: date) -> str | None:
        """Why a day is no business day, in words for people; None when it is one."""
        if day in self.closed_days:
            return "closed day"
        name = self._holidays.get(day)
        if name is not None:
            return str(name)
        return day.strftime("%A") if day.weekday() >= 5 else None

    def business_days_before(self, day: date, count: int) -> date:
        """The `count`-th business day before `day`; `day` itself isn't counted."""
        return self._step(day, count, timedelta(days=-1))

    def business_days_after(self, day: date, count: int) -> date:
        """The `count`-th business day after `day`; `day` itself isn't counted."""
        return self._step(day, count, timedelta(days=1))

    def _step(self, day: date, count: int, one_day: timedelta) -> date:
        if count < 0:
            raise ValueError(f"a count of business days can't be negative: {count}")
        while count > 0:
            day += one_day
            count -= self.is_business_day(day)
        return day

    def business_moment_after(self, moment: datetime, days: int) -> datetime:
        """The same wall-clock hour, `days` business days later, as UTC."""
        here = moment.astimezone(self.zone)
        later = self.business_days_after(here.date(), days)
        return datetime.combine(later, here.time(), self.zone).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        """The calendar day of a moment in the MSP's zone."""
        return moment.astimezone(self.zone).date()

    def start_of(self, day: date) -> datetime:
        """Midnight at which a day begins in the MSP's zone, as UTC."""
        return datetime.combine(day, time(0), self.zone).astimezone(UTC)

    def term_end(self, commitment_end: datetime) -> date:
        """The day a term ends: the earlier of the UTC and the MSP-zone day of what Pax8 gives (clauses, Words)."""
        return min(commitment_end.astimezone(UTC).date(), self.day_of(commitment_end))

    def last_day(self, commitment_end: datetime) -> date:
        """The later of the UTC and the MSP-zone day of what Pax8 gives: the last that anybody reads as its end."""
        return max(commitment_end.astimezone(UTC).date(), self.day_of(commitment_end))

    def reaches(self, commitment_end: datetime, wished: date) -> bool:
        """Whether the term that ends then reaches the day wished for (N7, P18).

        It does where it ends on that day in UTC, which Pax8 and Microsoft show, or in the MSP's zone: a zone never
        costs a term more. Cut-offs count from the earlier day, `term_end`.
        """
        return self.last_day(commitment_end) >= wished

    def cut_off(self, term_end: date) -> datetime:
        """23:59 in the MSP's zone of the fifth business day before the term's end, as UTC (clauses, Words)."""
        day = self.business_days_before(term_end, CUT_OFF_BUSINESS_DAYS)
        return datetime.combine(day, END_OF_DAY, self.zone).astimezone(UTC)

    def in_short(self, moment: datetime) -> str:
        """A moment for tables, with its zone: `30 Nov 2026, 23:59 EST`."""
        here = moment.astimezone(self.zone)
        return f"{here.day} {here:%b %Y, %H:%M} {here.tzname()}"

    def in_words(self, moment: datetime) -> str:
        """A moment for people, with its zone: `Monday 30 November 2026, 23:59 EST`."""
        here = moment.astimezone(self.zone)
        return f"{day_in_words(here)}, {here:%H:%M} {here.tzname()}"


def day_in_words(day: date) -> str:
    """A day for people: `Monday 30 November 2026`."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def term_end_after(start: date, months: int, terms: int = 1) -> date:
    """The end of the `terms`-th term, always counted from the original start day (31 Jan → 28 Feb → 31 Mar)."""
    return start + relativedelta(months=months * terms)


def end_reaching(start: date, months: int, wished: date) -> date:
    """The first term end that lies on or after the wished day (N7, P18); days as `Calendar.last_day` reads them."""
    terms = 1
    while term_end_after(start, months, terms) < wished:
        terms += 1
    return term_end_after(start, months, terms)


def term_began(commitment_end: datetime, months: int, started: datetime | None) -> datetime:
    """When the term that ends then began, and the one before it ended.

    Counted from the first start where that gives this very end (31 Jan → 28 Feb began on 31 Jan), else back from it.
    """
    ends_on = commitment_end.astimezone(UTC).date()
    if started is None or end_reaching(first_day(started), months, ends_on) != ends_on:
        return commitment_end - relativedelta(months=months)
    begun = term_before(first_day(started), ends_on, months)
    return datetime.combine(begun, commitment_end.astimezone(UTC).time(), UTC)


def first_day(start: datetime) -> date:
    """The day a subscription starts. Pax8 gives a day as midnight UTC (pax8.md §7): in the MSP's zone it is the eve."""
    return start.astimezone(UTC).date()


def term_before(start: date, ends_on: date, months: int) -> date:
    """The start of the term that ends on that day."""
    terms = 1
    while term_end_after(start, months, terms) < ends_on:
        terms += 1
    return term_end_after(start, months, terms - 1)
