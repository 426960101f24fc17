"""More seats of a subscription: what the customer confirmed, what Pax8 shows, and the authority made of both (S)."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Protocol, Self

from pydantic import AwareDatetime, Field, model_validator

from rules.agreement import price_text
from rules.asking import Asking
from rules.authority import FRESH, NotCovered, Somebody, built_again
from rules.calendar import term_end_after
from rules.order import Billing, Filled, Frozen, Price, Term
from rules.people import AuthorisedContact, same_address
from rules.refusal import Problem
from rules.request import MOST_SEATS
from rules.written import PersonsReading, Verdict, Written, WrittenKind, unverified, why_no_evidence, why_not_read

SEVEN_DAYS = timedelta(days=7)
"""How long added seats can be given back; on an annual term they stay for its rest after that (S3, pax8.md §12)."""
Seats = Annotated[int, Field(gt=0, le=MOST_SEATS)]
_NUMBER = re.compile(r"(?<![\d.,])\d+(?![\d]|[.,]\d)")


class SeatAuthority(Protocol):
    """Anything that can allow more seats: it says no by raising `NotCovered`."""

    @property
    def authority_id(self) -> str: ...

    def assert_covers_seats(self, subscription_id: str, before: int, after: int) -> None: ...


class HeldSeats(Frozen):
    """One live subscription of the product, as the customer is asked about it (S2).

    `renews`: the day its term ends, None where Pax8 shows none, and `last_day` the same moment as `Calendar.last_day`
    reads it; `ends`: the booked end. `price`: the catalogue's
    for the customer, per seat and billing period; None where there is none.
    """

    subscription_id: Filled
    product_id: Filled
    seats: Seats
    term: Term
    billing: Billing = Billing.MONTHLY
    renews: date | None = None
    last_day: date | None = None
    ends: date | None = None
    price: Price | None = None

    @property
    def label(self) -> str:
        """What tells it from the customer's other ones of the product: `Monthly, renews 2026-12-03`."""
        when = f", ends {self.ends}" if self.ends else f", renews {self.renews}" if self.renews else ""
        return f"{self.term.value}{when}"

    def in_words(self, currency: str) -> str:
        """The whole of it: seats, term, renewal, price, id. Stands in the mail that asks."""
        price = f"{price_text(self.price)} {currency} per seat" if self.price is not None else "price on request"
        billed = "month" if self.billing is Billing.MONTHLY else "year"
        return f"{self.seats} seats, {self.label}, {price} and {billed}, subscription {self.subscription_id}"

    def value_of(self, added: int) -> Decimal | None:
        """What so many seats more cost for a whole term, at most; None without a price."""
        return self.price * added * (self.term.months // self.billing.months) if self.price is not None else None


class SeatsOffer(Frozen):
    """What is asked of the customer: so many seats more of one of these, each with its sentence (S1, S2).

    `sent_at` and `conversation_id` are the mail's, read back; None and empty while nobody was asked by mail.
    `also_in` are the conversations of its reminders.
    """

    reference: Filled
    round: int
    product_name: Filled
    added: Seats
    choices: Annotated[tuple[HeldSeats, ...], Field(min_length=1)]
    currency: Filled
    sent_at: AwareDatetime | None = None
    conversation_id: str = ""
    also_in: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_product(self) -> Self:
        if len({one.product_id for one in self.choices}) > 1:
            raise ValueError("the subscriptions are of different products (S1)")
        if len({one.subscription_id for one in self.choices}) < len(self.choices):
            raise ValueError("a subscription stands there twice (S2)")
        if max(one.seats for one in self.choices) + self.added > MOST_SEATS:
            raise ValueError(f"more than {MOST_SEATS} seats (S1)")
        return self

    def after(self, choice: HeldSeats) -> int:
        """The new total of a subscription."""
        return choice.seats + self.added

    def change(self, choice: HeldSeats) -> str:
        """`12 → 15`."""
        return f"{choice.seats} → {self.after(choice)}"

    def name(self, choice: HeldSeats) -> str:
        """How a choice is told from the others: its label, with the id where two are labelled alike."""
        alike = [one for one in self.choices if one.label == choice.label]
        return choice.label if len(alike) == 1 else f"{choice.label}, {choice.subscription_id}"

    def sentence(self, choice: HeldSeats) -> str:
        """The sentence that confirms this choice without a person's reading, alone on a reply's first line."""
        which = f" ({self.name(choice)})" if len(self.choices) > 1 else ""
        return f"I confirm {self.reference}: {self.change(choice)} × {self.product_name}{which}"

    def choice(self, subscription_id: str) -> HeldSeats | None:
        """The subscription of that id, if it is offered."""
        return next((one for one in self.choices if one.subscription_id == subscription_id), None)

    @property
    def what(self) -> str:
        return " or ".join(f"{self.change(one)} × {self.product_name}" for one in self.choices)

    @property
    def stand_in_the_mail(self) -> tuple[str, ...]:
        """What the mail that asks must say: each sentence, and which subscription it stands for."""
        return tuple(part for one in self.choices for part in (self.sentence(one), one.in_words(self.currency)))

    def asked_in(self, written: Written) -> bool:
        """Whether a message is an answer to the mail that asks."""
        ours = [one for one in (self.conversation_id, *self.also_in) if one]
        return self.sent_at is not None and written.received_at > self.sent_at and written.conversation_id in ours


class SeatsReading(PersonsReading):
    """A named person read this very text in full and said that it confirms this increase of this subscription."""

    subscription_id: Filled
    before: Seats
    after: Seats


class Acknowledged(Frozen):
    """Somebody was shown that the seats can't be given back, and typed the new total (S3)."""

    by: Somebody
    at: AwareDatetime
    subscription_id: Filled
    total: Seats


class SeatsNow(Frozen):
    """The subscription as Pax8 showed it at `read_at`."""

    subscription_id: str
    product_id: str
    seats: int
    status: str
    term: Term | None
    read_at: AwareDatetime


def says_both(written: Written, before: int, after: int) -> bool:
    """Whether a text of the customer's names the old and the new total: one bare number is none (S1)."""
    numbers = {int(one) for one in _NUMBER.findall(written.own_text or written.whole_text)}
    return {before, after} <= numbers


def judge_seats(
    written: Written, offer: SeatsOffer, may_confirm: tuple[AuthorisedContact, ...], not_before: AwareDatetime
) -> tuple[Verdict, str]:
    """What a text is worth for this increase, and why in one sentence; the reason is empty for CONFIRMS.

    By itself it confirms only as a reply to our mail whose own first line is one of its sentences, and whose sender's
    domain was verified.
    """
    why_not = why_no_evidence(written, may_confirm)
    if why_not is not None:
        return Verdict.IS_NO_EVIDENCE, why_not
    if written.received_at < not_before:
        return Verdict.IS_NO_EVIDENCE, f"It is older than {not_before:%Y-%m-%d} (S1)."
    if chosen_by_sentence(written, offer) is not None:
        return (Verdict.CONFIRMS, "") if written.authenticated else (Verdict.NEEDS_READING, unverified(written))
    return Verdict.NEEDS_READING, "Its first line is not a sentence that our mail offers (S1)."


def chosen_by_sentence(written: Written, offer: SeatsOffer) -> HeldSeats | None:
    """The subscription whose sentence a reply by mail begins with; None where a person must read it."""
    if written.kind is not WrittenKind.MAIL or not offer.asked_in(written):
        return None
    line = written.first_line.casefold()
    for one in offer.choices:
        sentence = " ".join(offer.sentence(one).split()).casefold()
        if line in (sentence, f"{sentence}."):
            return one
    return None


def why_not_enough(written: Written, offer: SeatsOffer, subscription_id: str) -> str | None:
    """Why a text, whatever its reader says, can't confirm this increase; None when it can (S1, S2).

    An answer to our mail names it by the mail. Any other text must say before → after itself.
    """
    choice = offer.choice(subscription_id)
    if choice is None:
        return "that subscription isn't among those the customer has of the product (S2)"
    if offer.asked_in(written) or says_both(written, choice.seats, offer.after(choice)):
        return None
    return f"it doesn't say {offer.change(choice)}: one bare number is not enough, ask the contact (S1)"


class SeatConfirmation(Frozen):
    """An authorised contact's confirmation of one increase of one subscription: it changes that, once (S1 to S3).

    It can't be built from a word that is no evidence, is too old or lies outside the customer's folder, that neither
    begins with the sentence offered nor was read in full by a named person; from seats that are others than those
    confirmed against; nor, on any term but Monthly, without the new total typed by who knows that the seats stay.
    """

    offer: SeatsOffer
    written: Written
    may_confirm: tuple[AuthorisedContact, ...]
    not_before: AwareDatetime
    reading: SeatsReading | None = None
    acknowledged: Acknowledged | None = None
    now: SeatsNow
    at: AwareDatetime

    @model_validator(mode="after")
    def _only_from_a_confirmation(self) -> Self:
        verdict, why = judge_seats(self.written, self.offer, self.may_confirm, self.not_before)
        if verdict is Verdict.IS_NO_EVIDENCE:
            raise ValueError(why)
        if verdict is Verdict.NEEDS_READING:
            self._assert_read(why)
        if not self.written.filed:
            raise ValueError("it is not filed in the customer's folder (B3)")
        for what, read_at in (("the message", self.written.read_at), ("the subscription", self.now.read_at)):
            if not timedelta(0) <= self.at - read_at <= FRESH:
                raise ValueError(f"{what} was read at {read_at:%Y-%m-%d %H:%M:%S} UTC, not just before (S1)")
        self._assert_same_seats()
        self._assert_acknowledged()
        self._assert_within_limit()
        return self

    @property
    def choice(self) -> HeldSeats:
        """The subscription that the customer's word names."""
        by_sentence = chosen_by_sentence(self.written, self.offer)
        by_reading = self.offer.choice(self.reading.subscription_id) if self.reading is not None else None
        found = by_sentence or by_reading
        if found is None:
            raise ValueError("nobody has said which subscription it is (S2)")
        return found

    @property
    def before(self) -> int:
        return self.choice.seats

    @property
    def after(self) -> int:
        return self.offer.after(self.choice)

    @property
    def authority_id(self) -> str:
        return self.written.authority_id

    def assert_covers_seats(self, subscription_id: str, before: int, after: int) -> None:
        """Raise `NotCovered` unless exactly this increase of this subscription was confirmed, and read just now."""
        one = built_again(self, f"The confirmation does not cover the seats of {subscription_id}. Nothing was changed")
        confirmed = (one.choice.subscription_id, one.before, one.after)
        if (subscription_id, before, after) != confirmed:
            raise NotCovered(
                f"Confirmed is {one.before} → {one.after} of {one.choice.subscription_id}, not {before} → {after} of "
                f"{subscription_id} (S1). Nothing was changed."
            )

    def _assert_read(self, why: str) -> None:
        if self.reading is None:
            raise ValueError(f"{why} Nobody has read it in full (S1).")
        why_not = why_not_read(self.written, self.reading) or why_not_enough(
            self.written, self.offer, self.reading.subscription_id
        )
        if why_not is not None:
            raise ValueError(why_not)
        choice = self.choice
        if (self.reading.before, self.reading.after) != (choice.seats, self.offer.after(choice)):
            raise ValueError(
                f"{self.reading.by} read {self.reading.before} → {self.reading.after}, not {self.offer.change(choice)}"
            )
        if self.reading.at > self.at:
            raise ValueError(f"{self.reading.by}'s reading is from after this decision (S1)")

    def _assert_same_seats(self) -> None:
        choice, now = self.choice, self.now
        if (now.subscription_id, now.product_id, now.term) != (choice.subscription_id, choice.product_id, choice.term):
            raise ValueError(f"{now.subscription_id} is not the subscription that was confirmed (S2)")
        if now.status == "Cancelled":
            raise ValueError(f"{now.subscription_id} is cancelled (S1)")
        if now.seats != choice.seats:
            raise ValueError(f"it has {now.seats} seats now, confirmed was {self.offer.change(choice)} (S1)")

    def _assert_acknowledged(self) -> None:
        if self.choice.term is Term.MONTHLY:
            return
        typed = self.acknowledged
        if typed is None:
            raise ValueError("nobody has acknowledged that the seats stay for the rest of the term (S3)")
        if (typed.subscription_id, typed.total) != (self.choice.subscription_id, self.after):
            raise ValueError(f"{typed.by} acknowledged {typed.total} seats, not {self.after} (S3)")
        if typed.at > self.at:
            raise ValueError(f"{typed.by}'s acknowledgement is from after this decision (S3)")

    def _assert_within_limit(self) -> None:
        why_not = above_limit(self.written.sender, self.may_confirm, self.choice.value_of(self.offer.added))
        if why_not is not None:
            raise ValueError(why_not)


def above_limit(sender: str, may_confirm: tuple[AuthorisedContact, ...], value: Decimal | None) -> str | None:
    """Why a contact may not confirm so much; None when he may (clauses, Roles). An unknown price is above any limit."""
    limits = [one.first_term_limit for one in may_confirm if same_address(one.email, sender)]
    if any(limit is not None and (value is None or value > limit) for limit in limits):
        return f"{sender} may confirm up to a limit, and the seats' first term is above it (S1)"
    return None


class SeatRequest(Asking):
    """A request for more seats that passed every check; nothing has happened outside. Persisted; grows only.

    `unassigned`: what Microsoft says of seats nobody uses, or that it could not be read.
    """

    added: Seats
    choices: tuple[HeldSeats, ...]
    notices: tuple[str, ...] = ()
    unassigned: str = ""

    @property
    def title(self) -> str:
        """`Contoso Ltd · 3 more × Visio Plan 1`."""
        return f"{self.customer.name} · {self.added} more × {self.product_name}"

    def offer(self, round_: int, choices: tuple[HeldSeats, ...]) -> SeatsOffer:
        """What is asked of the customer, in that round."""
        return SeatsOffer(
            reference=self.reference,
            round=round_,
            product_name=self.product_name,
            added=self.added,
            choices=choices,
            currency=self.currency,
        )


def check_increase(before: int, after: int, held: tuple[HeldSeats, ...]) -> list[Problem]:
    """What is wrong with before → after, for the live subscriptions of the product (S1)."""
    problems = []
    if after < before:
        renewals = "; ".join(f"{one.seats} seats: {one.label}" for one in held) or "no renewal"
        problems.append(
            Problem(
                field="seats_wanted",
                clause="S1",
                message=f"{before} → {after} is fewer seats. Microsoft takes fewer only at a renewal, or within seven "
                "days of buying them, and neither by API.",
                way_out=f"Set them down in the Pax8 portal for the next renewal ({renewals}).",
            )
        )
    elif after == before:
        way_out = "Give the new total."
        problems.append(Problem(field="seats_wanted", clause="S1", message="is no more than now.", way_out=way_out))
    known = {one.seats for one in held} | {sum(one.seats for one in held)}
    if held and before not in known:
        listed = "; ".join(f"{one.seats} seats ({one.label}, {one.subscription_id})" for one in held)
        problems.append(
            Problem(
                field="seats_now",
                clause="S1",
                message=f"Pax8 shows other seats than {before}: {listed}.",
                way_out="Ask the customer again, with the seats that are there now.",
            )
        )
    if held and after > before and max(one.seats for one in held) + after - before > MOST_SEATS:
        problems.append(
            Problem(
                field="seats_wanted",
                clause="P4",
                message=f"more than {MOST_SEATS} seats can't be had.",
                way_out="Give the new total, not a price or a number of the ticket.",
            )
        )
    return problems


class Became(StrEnum):
    """What became of a change of seats, by the totals that Pax8 has shown since it was to be made."""

    NOT_YET = "not made yet"
    DONE = "made"
    OVERWRITTEN = "made over somebody else's change"
    CHANGED = "somebody else has changed the seats"


def what_became(before: int, after: int, totals: Sequence[int]) -> Became:
    """By the totals since then, oldest first, the present one last: from history and a reading (pax8.md §7).

    Pax8 has no conditional write. A change that slipped in between our reading and our writing is known by it: the
    total before ours isn't the one that was confirmed against.
    """
    earlier = before
    for total in totals:
        if total == after:
            return Became.DONE if earlier == before else Became.OVERWRITTEN
        earlier = total
    return Became.NOT_YET if earlier == before else Became.CHANGED


def running_period(start: date, months: int, on: date) -> tuple[date, date]:
    """The billing period that a day lies in: its first day, and the day the next one begins (pro rata, P15)."""
    number = 0
    while term_end_after(start, months, number + 1) <= on:
        number += 1
    return term_end_after(start, months, number), term_end_after(start, months, number + 1)
