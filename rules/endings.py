"""What allows the end of one subscription to be booked: evidence read back, one ending each (B7, N7, Y5, P18)."""

from datetime import date, datetime, timedelta
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from rules.authority import FRESH, NotCovered, SignedAgreement, built_again
from rules.bridge import EARLY_ENOUGH_TO_END
from rules.calendar import Calendar
from rules.envelope import EnvelopeReading, customer_signed, in_force, is_dead
from rules.order import Filled, Frozen, Term
from rules.people import AuthorisedContact
from rules.written import PersonsReading, Written, why_no_evidence, why_not_read

ACTIVE = "Active"


class _Ending(Frozen):
    """One subscription's end at `commitment_end`, its term's end as Pax8 gives it; looked at again before a yes."""

    subscription_id: Filled
    commitment_end: AwareDatetime

    def assert_covers_end(self, subscription_id: str, cancel_date: datetime) -> None:
        """Raise `NotCovered` unless it is this subscription's end, at exactly its term's end."""
        one = built_again(self, f"It does not cover the end of {subscription_id}. Nothing was booked")
        if subscription_id != one.subscription_id:
            raise NotCovered(f"The end is that of {one.subscription_id}, not of {subscription_id} (N7, B7).")
        if cancel_date != one.commitment_end:
            raise NotCovered(
                f"{cancel_date:%Y-%m-%d %H:%M} is not the end of the term of {subscription_id}, "
                f"{one.commitment_end:%Y-%m-%d %H:%M} (N7, P18)."
            )


class SignedEnd(_Ending):
    """The end date that a signed agreement states, for one subscription bought under it (N7).

    `commitment_end`: the end of the running term as Pax8 gives it. The agreement's end is reached within this term,
    by `Calendar.reaches`, or this authority can't be built: earlier terms renew. `began`: when this term began. Nor
    can it be built where the end was reached by then: the term that reached it is over.
    """

    agreement: SignedAgreement
    product_id: str
    began: AwareDatetime
    calendar: Calendar

    @model_validator(mode="after")
    def _within_the_term_that_reaches_the_date(self) -> Self:
        end = self.agreement.paper.end
        if end is None:
            raise ValueError("the agreement states no end date (N7)")
        if not self.calendar.reaches(self.commitment_end, end):
            ends = self.calendar.last_day(self.commitment_end)
            raise ValueError(f"this term ends on {ends}, before the agreed end {end}: it renews (N7)")
        if self.calendar.reaches(self.began, end):
            raise ValueError(f"the term that reached the agreed end {end} is over: a person decides (N7)")
        lines = self.agreement.paper.lines
        if not any(line.product_id == self.product_id for line in lines if line.product_id):
            raise ValueError(f"product {self.product_id} does not stand in the agreement (N7)")
        return self

    @property
    def authority_id(self) -> str:
        return f"{self.agreement.authority_id}:end:{self.subscription_id}"


class _Unsigned(_Ending):
    """A bridge whose agreement nobody of the customer signed: `readings` are all envelopes of its reference.

    Each was read just before `at`, belongs to `reference`, and lacks a signature of the customer: where only ours
    is missing, nothing ends (B7). A signature on a dead one that a later edition replaced is none (Y4). No envelope at
    all is no evidence.
    """

    reference: Filled
    readings: Annotated[tuple[EnvelopeReading, ...], Field(min_length=1)]
    client_role: Filled
    calendar: Calendar
    at: AwareDatetime

    @model_validator(mode="after")
    def _only_from_fresh_unsigned_envelopes(self) -> Self:
        if self.at >= self.commitment_end:
            raise ValueError("the term has ended: there is nothing left to book (B7)")
        for reading in self.readings:
            if reading.reference != self.reference:
                raise ValueError(
                    f"envelope {reading.envelope_id} belongs to '{reading.reference}', not to {self.reference} (B7)"
                )
            _assert_fresh(f"envelope {reading.envelope_id}", reading.read_at, self.at, "B7")
        for reading in in_force(self.readings):
            if customer_signed(reading, self.client_role):
                raise ValueError(f"the customer has signed envelope {reading.envelope_id}: nothing is cancelled (B7)")
        return self

    @property
    def authority_id(self) -> str:
        return f"unsigned:{self.reference}:end:{self.subscription_id}"


class UnsignedAtCutoff(_Unsigned):
    """The cut-off has passed and the customer has not signed: the bridge ends with its month (B7).

    What was read before the cut-off doesn't count: it doesn't know what was signed in the last minute.
    """

    @model_validator(mode="after")
    def _only_from_the_cut_off_on(self) -> Self:
        cut_off = self.calendar.cut_off(self.calendar.term_end(self.commitment_end))
        if self.at < cut_off:
            raise ValueError(f"the cut-off is {self.calendar.in_words(cut_off)}: until then it may be signed (B7)")
        early = [reading.envelope_id for reading in self.readings if reading.read_at < cut_off]
        if early:
            raise ValueError(f"envelope {', '.join(early)} was read before the cut-off (B7)")
        return self


class AgreementDead(_Unsigned):
    """Nothing can be signed any more: every envelope is declined, voided or expired. No cut-off is waited for (B7)."""

    @model_validator(mode="after")
    def _only_from_dead_envelopes(self) -> Self:
        alive = [reading.envelope_id for reading in self.readings if not is_dead(reading)]
        if alive:
            raise ValueError(f"envelope {', '.join(alive)} can still be signed (B7)")
        return self


class Successor(Frozen):
    """The subscription that follows a bridge, as Pax8 showed it at `read_at`; `term` None where it shows none."""

    subscription_id: str
    product_id: str
    seats: int
    status: str
    term: Term | None
    read_at: AwareDatetime


class Superseded(_Ending):
    """The signed annual one is active, so the bridge may end, at least 48 hours ahead of its end (Y5).

    `subscription_id` and `product_id` are the bridge's. Never cancel first: without an active successor of the same
    product, term and seats as signed, it can't be built.
    """

    agreement: SignedAgreement
    product_id: Filled
    successor: Successor
    at: AwareDatetime

    @model_validator(mode="after")
    def _only_behind_an_active_annual_one(self) -> Self:
        paper, successor = self.agreement.paper, self.successor
        if paper.term is not Term.ANNUAL:
            raise ValueError(f"the agreement is {paper.term.value}, not annual: the bridge is what was signed for (Y5)")
        if successor.subscription_id == self.subscription_id:
            raise ValueError(f"{self.subscription_id} can't follow itself (Y5)")
        if successor.product_id != self.product_id:
            raise ValueError(f"{successor.subscription_id} is another product than the bridge (Y5)")
        if successor.status != ACTIVE:
            raise ValueError(f"{successor.subscription_id} is '{successor.status}', not active yet (Y5)")
        if successor.term is not Term.ANNUAL:
            raise ValueError(f"{successor.subscription_id} is not bound for a year (Y5)")
        signed = {row.seats for row in paper.lines if row.product_id == self.product_id}
        if signed != {successor.seats}:
            raise ValueError(
                f"{successor.subscription_id} has {successor.seats} seats, signed were "
                f"{' or '.join(map(str, sorted(signed))) or 'none of that product'} (Y5)"
            )
        _assert_fresh(successor.subscription_id, successor.read_at, self.at, "Y5")
        if self.at > self.commitment_end - EARLY_ENOUGH_TO_END:
            raise ValueError("less than 48 hours are left until the bridge's end: a person must act (Y5)")
        return self

    @property
    def authority_id(self) -> str:
        return f"{self.agreement.authority_id}:end:{self.subscription_id}"


class EndRequest(_Ending):
    """A customer's written wish to end one subscription, read in full by a named person (P18).

    `wished`: the day the customer named. An end within an earlier term than the one that reaches it, by
    `Calendar.reaches`, can't be built: that term renews. Nor can one within a later term, which `began` when the day
    was reached. `asked_in`: the last day of the term that ran when the customer was asked; that one is never later.
    """

    written: Written
    may_confirm: tuple[AuthorisedContact, ...]
    reading: PersonsReading
    wished: date
    began: AwareDatetime
    asked_in: date
    calendar: Calendar
    at: AwareDatetime

    @model_validator(mode="after")
    def _only_from_a_wish_that_was_read(self) -> Self:
        why_not = why_no_evidence(self.written, self.may_confirm) or why_not_read(self.written, self.reading)
        if why_not is not None:
            raise ValueError(f"{why_not.rstrip('.')}: it ends nothing (P18)")
        _assert_fresh(self.written.stable_id, self.written.read_at, self.at, "P18")
        if self.reading.at > self.at:
            raise ValueError(f"{self.reading.by}'s reading is from after this decision (P18)")
        if not self.calendar.reaches(self.commitment_end, self.wished):
            ends = self.calendar.last_day(self.commitment_end)
            raise ValueError(f"this term ends on {ends}, before the day wished, {self.wished}: it renews (P18)")
        renewed = self.calendar.last_day(self.commitment_end) > self.asked_in
        if renewed and self.calendar.reaches(self.began, self.wished):
            raise ValueError(f"the term that reached the day wished, {self.wished}, is over: a person decides (P18)")
        if self.at >= self.commitment_end:
            raise ValueError("the term has ended: there is nothing left to book (P18)")
        return self

    @property
    def authority_id(self) -> str:
        return f"{self.written.authority_id}:end:{self.subscription_id}"


class DroppedEnd(_Ending):
    """A booked end that our own change of seats dropped: booked again exactly as it stood before (S4).

    `before` and `after` are the seats of that change; `was`: the end that Pax8's history shows right before it. It can
    only be built where the change was made, no end is booked now, and the end that was is the running term's.
    """

    seats_authority: Filled
    before: int
    after: int
    was: AwareDatetime
    seats_then: int
    seats_now: int
    is_booked: bool
    read_at: AwareDatetime
    at: AwareDatetime

    @model_validator(mode="after")
    def _only_what_our_change_dropped(self) -> Self:
        if self.seats_then != self.before or self.seats_now < self.after or self.after <= self.before:
            raise ValueError(f"no change {self.before} → {self.after} was made that could drop an end (S4)")
        if self.is_booked:
            raise ValueError("an end is booked: none was dropped (S4)")
        if self.was != self.commitment_end:
            raise ValueError(
                f"the end that was booked, {self.was:%Y-%m-%d %H:%M}, isn't the end of the running term (S4)"
            )
        _assert_fresh(self.subscription_id, self.read_at, self.at, "S4")
        if self.at >= self.commitment_end:
            raise ValueError("the term has ended: there is nothing left to book (S4)")
        return self

    @property
    def authority_id(self) -> str:
        return f"{self.seats_authority}:end:{self.subscription_id}"


def _assert_fresh(what: str, read_at: datetime, at: datetime, clause: str) -> None:
    if not timedelta(0) <= at - read_at <= FRESH:
        raise ValueError(f"{what} was read at {read_at:%Y-%m-%d %H:%M:%S} UTC, not just before ({clause})")
