"""Vendors' dates are read in every shape that was seen, and nothing else passes for one."""

from datetime import UTC, date, datetime

import pytest

from vendors.paging import Pages
from vendors.wire import lenient_bool, lenient_date, lenient_datetime, text


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("2026-11-22T10:01:37.5966414Z", datetime(2026, 11, 22, 10, 1, 37, 596641, tzinfo=UTC)),
        ("2026-11-22T10:01:37.123456789+00:00", datetime(2026, 11, 22, 10, 1, 37, 123456, tzinfo=UTC)),
        ("2026-11-22T10:01:37.5Z", datetime(2026, 11, 22, 10, 1, 37, 500000, tzinfo=UTC)),
        ("2026-11-22T10:01:37Z", datetime(2026, 11, 22, 10, 1, 37, tzinfo=UTC)),
        ("2026-11-22T03:01:37-0700", datetime(2026, 11, 22, 10, 1, 37, tzinfo=UTC)),
        ("2026-11-22T03:01:37.000-07:00", datetime(2026, 11, 22, 10, 1, 37, tzinfo=UTC)),
        ("2026-11-22T10:01:37", datetime(2026, 11, 22, 10, 1, 37, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        (date(2026, 11, 22), datetime(2026, 11, 22, tzinfo=UTC)),
        ("0001-01-01T00:00:00.0000000Z", None),
        ("", None),
        (None, None),
    ],
)
def test_a_time_is_read_in_every_shape(given: object, read: datetime | None) -> None:
    """Seven fractional digits, an offset without a colon, a plain date: all become UTC."""
    assert lenient_datetime(given) == read


@pytest.mark.parametrize("given", ["soon", "22/11/2026", "2026-13-01", 5, True, ["2026-11-22"]])
def test_what_is_no_time_is_refused(given: object) -> None:
    """A number or an unknown order of day and month is no time."""
    with pytest.raises(ValueError, match=r"."):
        lenient_datetime(given)


@pytest.mark.parametrize("given", ["2026-11-22", "2026-11-22T23:59:00-0700", date(2026, 11, 22)])
def test_a_day_is_the_day_that_is_written(given: object) -> None:
    """A day isn't moved by a zone."""
    assert lenient_date(given) == date(2026, 11, 22)


def test_truths_and_numbers_are_read_as_docusign_writes_them() -> None:
    """Strings and real values mean the same."""
    assert [lenient_bool(one) for one in ("true", "True", True, "false", "", None)] == [True] * 3 + [False] * 3
    assert [text({"a": one}, "a") for one in (True, 3, None, "x")] == ["true", "3", "", "x"]
    assert text({}, "a") == ""


async def test_pages_are_walked_or_awaited() -> None:
    """Both ways give the same, each time anew."""
    asked = 0

    async def walk():  # type: ignore[no-untyped-def]
        nonlocal asked
        asked += 1
        yield 1
        yield 2

    pages: Pages[int] = Pages(walk)
    assert asked == 0
    assert await pages == [1, 2]
    assert [one async for one in pages] == [1, 2]
    assert asked == 2
