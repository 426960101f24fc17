"""The forms of what the customer wrote after the word that counts: does that word still stand (B3, S1)?"""

from typing import Literal

from rules.events import Event, ReplyRead
from tasks.forms import AnswerAgain, WaitForm, optional, position

STANDS, ANEW, OTHER_SEATS = "the confirmation stands", "ask the customer anew", "wants other seats"
SAYS = "What the chosen message says of the confirmation, after reading it in full."


class LaterForm(WaitForm):
    """A message that came after the confirmation, read in full by a named person."""

    evidence: str = optional(2, "Which message: as listed above the form.")

    def own_event(self, by: str) -> Event:
        if not self.evidence.strip():
            raise AnswerAgain("evidence: choose the message that you have read.")
        return ReplyRead(by=by, evidence=self.evidence.strip(), choice=self.action, changes=self.other_seats())

    def other_seats(self) -> str:
        """Other seats, where they may be wanted."""
        return ""


class LaterWordForm(LaterForm):
    """After the word for more seats (S1)."""

    action: Literal[
        "look again", "the confirmation stands", "ask the customer anew", "says no", "withdraw", "hand over"
    ] = position(0, SAYS)


class LaterTermsForm(LaterForm):
    """After the word for a bridge's terms, which other seats may change (B3)."""

    action: Literal[
        "look again",
        "the confirmation stands",
        "ask the customer anew",
        "wants other seats",
        "says no",
        "withdraw",
        "hand over",
    ] = position(0, SAYS)
    seats: str = optional(3, "Other seats: one line a product, 'Visio Plan 1 = 4'. New terms then go out.")

    def other_seats(self) -> str:
        if self.action == OTHER_SEATS and not self.seats.strip():
            raise AnswerAgain("seats: write one line a product, 'product = 4'.")
        return self.seats
