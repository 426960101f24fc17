"""The bridge: a month on the customer's word. Its dates, its reminders, and the terms that are mailed (B, Y)."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Self

from pydantic import AwareDatetime, Field

from rules.agreement import price_text
from rules.calendar import END_OF_DAY, Calendar, term_end_after
from rules.order import Filled, Frozen, Price, Term

CHANGE_OF_MIND_BUSINESS_DAYS = 10
CHANGE_OVER_BUSINESS_DAYS = 3
PERSON_BUSINESS_DAYS = 2
REPLY_GOOD_FOR = 3
"""Business days for which a reply to the terms counts (B5)."""
MORNING = time(9)
EARLY_ENOUGH_TO_ORDER = timedelta(hours=72)
EARLY_ENOUGH_TO_END = timedelta(hours=48)
WHOLE_MINUTE = timedelta(minutes=1)


class BridgeDates(Frozen):
    """Every date of one bridge month: moments in UTC, days in the MSP's zone.

    `cut_off`: the last moment for the signature (B7). `change_of_mind_until`: the last moment at which a change of
    mind may reach us (Y3 d, Y4). `change_over`: when the annual one is ordered (Y5). `book_end_by`: the last safe
    moment to book the bridge's end behind it (Y5). `person_by`: from here on a person decides, no run (B7).
    In a short month, or a term that Pax8 cut short, any of them may lie before the start.
    """

    start: date
    commitment_end: AwareDatetime
    term_end: date
    cut_off: AwareDatetime
    change_of_mind_until: AwareDatetime
    change_over: AwareDatetime
    book_end_by: AwareDatetime
    person_by: AwareDatetime

    @classmethod
    def of(
        cls,
        start: date,
        commitment_end: datetime,
        calendar: Calendar,
        change_over_days: int = CHANGE_OVER_BUSINESS_DAYS,
    ) -> Self:
        """The dates of a month that Pax8 ends at `commitment_end`. Raises ValueError for one without a zone."""
        if commitment_end.tzinfo is None:
            raise ValueError(f"the end of the commitment, {commitment_end}, has no time zone")
        term_end = calendar.term_end(commitment_end)
        return cls(
            start=start,
            commitment_end=commitment_end.astimezone(UTC),
            term_end=term_end,
            cut_off=calendar.cut_off(term_end),
            change_of_mind_until=_at(
                calendar, calendar.business_days_before(term_end, CHANGE_OF_MIND_BUSINESS_DAYS), END_OF_DAY
            ),
            change_over=_change_over(calendar, commitment_end, term_end, change_over_days),
            book_end_by=commitment_end.astimezone(UTC) - EARLY_ENOUGH_TO_END,
            person_by=_at(calendar, calendar.business_days_before(term_end, PERSON_BUSINESS_DAYS), MORNING),
        )

    @classmethod
    def foretold(cls, order_day: date, calendar: Calendar, change_over_days: int = CHANGE_OVER_BUSINESS_DAYS) -> Self:
        """The dates "if ordered on that day": the end is midnight UTC a month later, as Pax8 has been seen to give it.

        Good for terms that are mailed (B5), never for a decision: that takes the end as Pax8 gave it (pax8.md §7).
        """
        end = datetime.combine(term_end_after(order_day, Term.MONTHLY.months), time(0), UTC)
        return cls.of(order_day, end, calendar, change_over_days)

    def nothing_to_bridge(self, now: datetime) -> bool:
        """Whether no whole minute is left to sign in: such a bridge would be cancelled as soon as it is bought."""
        return self.cut_off - now < WHOLE_MINUTE


def _change_over(calendar: Calendar, commitment_end: datetime, term_end: date, days: int) -> datetime:
    # Never under 72 hours: in the east, and where midnight UTC comes early, that takes a business day more (Y5).
    day = calendar.business_days_before(term_end, days)
    while commitment_end - _at(calendar, day, MORNING) < EARLY_ENOUGH_TO_ORDER:
        day = calendar.business_days_before(day, 1)
    return _at(calendar, day, MORNING)


def _at(calendar: Calendar, day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, calendar.zone).astimezone(UTC)


class Reminder(Frozen):
    """One mail to the signer and to us that the agreement is not signed yet; `at` in UTC."""

    kind: str
    at: AwareDatetime


def reminders(ordered_at: datetime, dates: BridgeDates, calendar: Calendar) -> tuple[Reminder, ...]:
    """The reminders between ordering and cut-off, soonest first, never two at once: all at 09:00 in the MSP's zone.

    `half`: half way, or the next business day; `three-days`: three business days before the day of the cut-off;
    `last-day`: that day itself. What isn't after the order, or lies after the cut-off, is left out.
    """
    last = calendar.day_of(dates.cut_off)
    middle = calendar.day_of(ordered_at + (dates.cut_off - ordered_at) / 2)
    if not calendar.is_business_day(middle):
        middle = calendar.business_days_after(middle, 1)
    days = {"half": middle, "three-days": calendar.business_days_before(last, 3), "last-day": last}
    kinds = {_at(calendar, day, MORNING): kind for kind, day in days.items()}  # of two at once the more urgent one
    return tuple(Reminder(kind=kinds[at], at=at) for at in sorted(kinds) if ordered_at < at <= dates.cut_off)


def bridge_reference(reference: str) -> str:
    """The reference of the bridge's own order, beside that of the agreement it waits for."""
    return f"{reference}/bridge"


class OfferedLine(Frozen):
    """One product of the bridge; `unit_price` is the customer's, per seat and month."""

    product_id: Filled
    product_name: str
    seats: Annotated[int, Field(gt=0)]
    unit_price: Price


class TermsOffer(Frozen):
    """The terms of B5 or Y3 as they were mailed to an authorised contact, in their `round`-th version.

    `term_wanted`: what the agreement will be for; the bridge itself is always monthly. `dates` are those "if
    ordered on …". `annual_prices`: pricing's figures for Y3 (a), product name and price per seat and month.
    `sent_at`, `message_id` (the Internet message id) and `conversation_id` are those of the mail itself, read back;
    `also_in` are the conversations of its reminders, which say the same.
    `customer` and `ticket`, where given, bind the order too.
    """

    reference: Filled
    round: int
    term_wanted: Term
    currency: Filled
    lines: Annotated[tuple[OfferedLine, ...], Field(min_length=1)]
    dates: BridgeDates
    annual_prices: tuple[tuple[str, Decimal], ...] = ()
    sent_at: AwareDatetime
    message_id: str = ""
    conversation_id: str = ""
    also_in: tuple[str, ...] = ()
    customer: str = ""
    ticket: str = ""

    @property
    def what(self) -> str:
        """Seats and products: `3 × Visio Plan 1, 2 × Power BI Pro`."""
        return ", ".join(f"{line.seats} × {line.product_name}" for line in self.lines)

    @property
    def sentence(self) -> str:
        """The sentence that the mail offers: alone on a reply's first line it confirms without a person's reading."""
        return f"I confirm {self.reference}: {self.what}"

    @property
    def stand_in_the_mail(self) -> tuple[str, ...]:
        """What the mail with these terms must say, whatever its wording: the sentence, and each price."""
        return (self.sentence, *(f"{price_text(line.unit_price)} {self.currency}" for line in self.lines))
