"""Ten bridges, day by day: the table in PROCEDURE.md is what the rules say, and each is there for its reason."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

import rules.bridge
from rules.bridge import BridgeDates
from rules.calendar import Calendar

DOCUMENT = Path(rules.bridge.__file__).parents[1] / "PROCEDURE.md"
BEGIN, END = "<!-- worked examples -->", "<!-- /worked examples -->"
US = Calendar(time_zone="America/New_York", country="US")
STORM = Calendar(time_zone="America/New_York", country="US", closed_days=(date(2026, 11, 16),))
BAVARIA = Calendar(time_zone="Europe/Berlin", country="DE", subdivision="BY")
SYDNEY = Calendar(time_zone="Australia/Sydney", country="AU", subdivision="NSW")
LONDON = Calendar(time_zone="Europe/London", country="GB", subdivision="ENG")


class Example(NamedTuple):
    """One bridge. `end`: the commitment's, where Pax8 gives another than midnight UTC a month later.

    `off`: the days that nobody works and that move a date of this bridge.
    """

    why: str
    calendar: Calendar
    start: date
    off: tuple[date, ...] = ()
    end: datetime | None = None

    @property
    def dates(self) -> BridgeDates:
        if self.end is None:
            return BridgeDates.foretold(self.start, self.calendar)
        return BridgeDates.of(self.start, self.end, self.calendar)


PLAIN = Example("a plain month", US, date(2026, 8, 4))
SHORT_MONTH = Example(
    "no 31 February; ends on a Saturday",
    US,
    date(2027, 1, 31),
    off=(date(2027, 2, 15), date(2027, 2, 27)),
)
LEAP_YEAR = Example("leap year; Washington's Birthday", US, date(2028, 1, 30), off=(date(2028, 2, 21),))
YEARS_END = Example(
    "Christmas and New Year",
    US,
    date(2026, 12, 4),
    off=(date(2026, 12, 25), date(2027, 1, 1), date(2027, 1, 3)),
)
WINTER_TIME = Example("winter time; Veterans Day", US, date(2026, 10, 13), off=(date(2026, 11, 11),))
STORM_DAY = Example("a storm on the cut-off day, 16 Nov", STORM, date(2026, 10, 24))
EASTER = Example(
    "Munich: Easter, summer time",
    BAVARIA,
    date(2027, 3, 1),
    off=(date(2027, 3, 26), date(2027, 3, 29)),
)
SOUTH = Example("Sydney: Labour Day, summer time", SYDNEY, date(2026, 9, 15), off=(date(2026, 10, 5),))
EAST = Example("London, for New York: 72 h first", LONDON, date(2027, 1, 11))
CUT_SHORT = Example(
    "Pax8 ends it early: nothing to bridge", US, date(2026, 8, 12), end=datetime(2026, 8, 19, tzinfo=UTC)
)
EXAMPLES = (
    PLAIN,
    SHORT_MONTH,
    LEAP_YEAR,
    YEARS_END,
    WINTER_TIME,
    STORM_DAY,
    EASTER,
    SOUTH,
    EAST,
    CUT_SHORT,
)


def table() -> str:
    """The examples as the document shows them."""
    head = ("start", "term end", "cut-off, 23:59", "change of mind until, 23:59", "change-over, 09:00")
    rows = [(*head, "why it is interesting"), (":--",) * 6, *map(row, EXAMPLES)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def row(example: Example) -> tuple[str, ...]:
    """One line of the table: moments as days of the MSP, with their zone."""
    dates = example.dates

    def day(moment: datetime) -> str:
        here = moment.astimezone(example.calendar.zone)
        return f"{here:%a} {here.day} {here:%b %Z}"

    return (
        f"{dates.start.day} {dates.start:%b %Y}",
        f"{dates.term_end:%a} {dates.term_end.day} {dates.term_end:%b}",
        day(dates.cut_off),
        day(dates.change_of_mind_until),
        day(dates.change_over),
        example.why,
    )


def test_the_document_shows_the_dates_that_the_rules_work_out() -> None:
    """Nobody reads there what no run would do. When it fails: put what `table()` gives between the two marks."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert text.partition(BEGIN)[2].partition(END)[0].strip() == table()


def test_there_are_ten_and_each_has_a_reason() -> None:
    """None of them twice."""
    assert len(EXAMPLES) == len({one.why for one in EXAMPLES}) == len({row(one)[:-1] for one in EXAMPLES}) == 10


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.why)
def test_the_days_off_are_off_and_lie_where_they_count(example: Example) -> None:
    """Nobody works then, by that calendar, and it is between the change of mind and the end of the term."""
    dates = example.dates
    for day in example.off:
        assert not example.calendar.is_business_day(day)
        assert example.calendar.day_of(dates.change_of_mind_until) < day <= dates.term_end


def test_each_example_shows_what_it_is_there_for() -> None:
    """The reasons are true."""

    def offset(example: Example, moment: datetime) -> timedelta | None:
        return moment.astimezone(example.calendar.zone).utcoffset()

    assert SHORT_MONTH.dates.commitment_end == datetime(2027, 2, 28, tzinfo=UTC)
    assert LEAP_YEAR.dates.commitment_end == datetime(2028, 2, 29, tzinfo=UTC)
    for example in (WINTER_TIME, SOUTH):
        assert offset(example, example.dates.change_of_mind_until) != offset(example, example.dates.cut_off)
    assert offset(EASTER, EASTER.dates.cut_off) != offset(EASTER, EASTER.dates.person_by)
    assert US.day_of(US.cut_off(STORM_DAY.dates.term_end)) == STORM.closed_days[0]
    assert LONDON.day_of(EAST.dates.change_over) == LONDON.business_days_before(EAST.dates.term_end, 4)
    assert CUT_SHORT.dates.nothing_to_bridge(US.start_of(CUT_SHORT.start))
    assert not any(one.dates.nothing_to_bridge(US.start_of(one.start)) for one in EXAMPLES if one is not CUT_SHORT)
