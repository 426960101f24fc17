"""Where terms end: months counted from the original start day (clauses, Words; N7, P18)."""

from calendar import monthrange
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.calendar import end_reaching, term_before, term_end_after
from rules.order import Term
from tests.rules.strategies import days

lengths = st.sampled_from([Term.MONTHLY.months, Term.ANNUAL.months])


@pytest.mark.parametrize(
    ("start", "months", "ends"),
    [
        (date(2026, 1, 31), 1, [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]),
        (date(2028, 1, 31), 1, [date(2028, 2, 29), date(2028, 3, 31)]),
        (date(2026, 1, 30), 1, [date(2026, 2, 28), date(2026, 3, 30)]),
        (date(2026, 1, 29), 1, [date(2026, 2, 28), date(2026, 3, 29)]),
        (date(2026, 12, 31), 1, [date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31)]),
        (date(2028, 2, 29), 12, [date(2029, 2, 28), date(2030, 2, 28), date(2031, 2, 28), date(2032, 2, 29)]),
    ],
)
def test_months_are_counted_from_the_original_start_day(start: date, months: int, ends: list[date]) -> None:
    """A short month shortens its own term only: 31 January, 28 February, 31 March."""
    assert [term_end_after(start, months, number) for number in range(1, len(ends) + 1)] == ends


@given(days, lengths, st.integers(1, 40))
def test_a_term_ends_on_the_start_day_or_the_months_last(start: date, months: int, terms: int) -> None:
    """Never earlier in the month than the start day, unless that month is too short for it."""
    end = term_end_after(start, months, terms)
    assert (end.year - start.year) * 12 + end.month - start.month == months * terms
    assert end.day == min(start.day, monthrange(end.year, end.month)[1])


@given(days, lengths, st.integers(1, 40))
def test_each_term_ends_after_the_one_before(start: date, months: int, terms: int) -> None:
    """Terms follow each other without going back."""
    assert term_end_after(start, months, terms) < term_end_after(start, months, terms + 1)


@given(days, lengths, st.integers(-60, 900))
def test_the_end_that_reaches_a_day_is_the_first_to_do_so(start: date, months: int, away: int) -> None:
    """N7: some term ends there, it reaches the wished day, and the term before doesn't."""
    wished = date.fromordinal(start.toordinal() + away)
    end = end_reaching(start, months, wished)
    grid = [term_end_after(start, months, number) for number in range(1, 40)]
    assert end in grid
    assert end >= wished
    assert all(earlier < wished for earlier in grid[: grid.index(end)])


@given(days, lengths, st.integers(1, 40))
def test_a_term_begins_where_the_one_before_ends(start: date, months: int, terms: int) -> None:
    """N7: the first begins on the start day; 31 January's second one on 28 February."""
    ends_on = term_end_after(start, months, terms)
    assert term_before(start, ends_on, months) == (start if terms == 1 else term_end_after(start, months, terms - 1))


def test_a_wished_end_on_a_term_end_is_that_term() -> None:
    """On the day counts as reached; a day later is one term more."""
    assert end_reaching(date(2026, 1, 31), 1, date(2026, 2, 28)) == date(2026, 2, 28)
    assert end_reaching(date(2026, 1, 31), 1, date(2026, 3, 1)) == date(2026, 3, 31)
    assert end_reaching(date(2026, 1, 31), 12, date(2026, 3, 1)) == date(2027, 1, 31)


def test_nobody_is_bound_for_less_than_one_term() -> None:
    """P18: a wish before the start still costs the first term."""
    assert end_reaching(date(2026, 5, 10), 1, date(2026, 5, 1)) == date(2026, 6, 10)


def test_only_two_terms_exist() -> None:
    """Terms other than Monthly and 1-Year can't even be written down (clauses, Words)."""
    assert {term.value: term.months for term in Term} == {"Monthly": 1, "1-Year": 12}
    with pytest.raises(ValueError, match="3-Year"):
        Term("3-Year")
