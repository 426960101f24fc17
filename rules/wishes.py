"""A customer's wish to end a subscription: which end reaches the day wished for, and what it costs until then (P18)."""

from datetime import date

from rules.agreement import price_text
from rules.asking import Asking
from rules.calendar import term_end_after
from rules.order import Filled, Frozen
from rules.seats import HeldSeats
from rules.written import PersonsReading


class EndWish(Asking):
    """A request to end one subscription, checked; nothing has happened outside. Persisted; grows only."""

    held: HeldSeats
    wished: date

    @property
    def title(self) -> str:
        """`Contoso Ltd · end of 12 × Visio Plan 1`."""
        return f"{self.customer.name} · end of {self.what}"

    @property
    def what(self) -> str:
        return f"{self.held.seats} × {self.product_name}"

    @property
    def sentence(self) -> str:
        """What our mail has the contact answer with; a person reads it all the same."""
        return f"I confirm {self.reference}: end of {self.what} by {self.wished}"

    @property
    def asked_in(self) -> date | None:
        """The last day of the term that ran when it was asked; None where Pax8 showed no end."""
        return self.held.last_day or self.held.renews

    @property
    def foretold(self) -> date | None:
        """The end of the term that will reach the day, as the terms run now; None where Pax8 shows no end."""
        held = self.held
        return held.renews and end_after(held.renews, held.term.months, self.wished, held.last_day)

    def costs(self) -> str:
        """What is still to be paid after the running period, by the catalogue (P18: a term is paid to its end)."""
        renews, ends = self.held.renews, self.foretold
        if renews is None or ends is None:
            return "Pax8 shows no end of the term, so it isn't known what is still to be paid"
        if self.held.price is None:
            return f"every period until {ends}; the catalogue shows no price"
        per_period = self.held.price * self.held.seats
        months = (ends.year - renews.year) * 12 + ends.month - renews.month
        further = max(months, 0) // self.held.billing.months
        total = price_text(per_period * further)
        each = f"{price_text(per_period)} {self.currency} a {'month' if self.held.billing.months == 1 else 'year'}"
        return f"{each} until {ends}: after the running term {further} more, {total} {self.currency} (catalogue)"


class KeptWish(Frozen):
    """What the marker of a wish keeps outside: where the word lies, who read it, and what it is about.

    `asked_in`: as `EndWish.asked_in`; None on older markers.
    """

    subscription_id: Filled
    wished: date
    evidence: Filled
    reading: PersonsReading
    asked_in: date | None = None


def end_after(renews: date, months: int, wished: date, last_day: date | None = None) -> date:
    """The first end of a term, from `renews` on, that reaches the day wished for.

    `last_day`: the running term's end as `Calendar.last_day` reads it, where that isn't `renews`: it decides what
    reaches the wish, and months are counted from it.
    """
    last, number = last_day or renews, 0
    while term_end_after(last, months, number) < wished:
        number += 1
    return term_end_after(last, months, number) - (last - renews)
