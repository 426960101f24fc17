"""The forms of more seats and of a wished end: what a person may answer (S1 to S3, P18)."""

from typing import Literal

from rules.events import Decided, Event, ReplyRead
from tasks.forms import AnswerAgain, WaitForm, optional, position

ADDED, NOT_ADDED = "the seats were added", "no seats were added"
CONFIRMS, ASK, NO = "the message confirms it", "ask the contact by mail", "the message says no"


class WordForm(WaitForm):
    """The customer's written word: picked from a list and read in full by a named person, or asked for by mail."""

    action: Literal[
        "look again",
        "the message confirms it",
        "ask the contact by mail",
        "the message says no",
        "withdraw",
        "hand over",
    ] = position(0, "What the chosen message says, after reading it in full; or have the contact asked.")
    evidence: str = optional(2, "Which message: as listed above the form.")

    def own_event(self, by: str) -> Event:
        if self.action == ASK:
            return ReplyRead(by=by, evidence="", choice=ASK)
        if not self.evidence.strip():
            raise AnswerAgain("evidence: choose the message that you have read.")
        return ReplyRead(by=by, evidence=self.evidence.strip(), choice=self.action, changes=self.which())

    def which(self) -> str:
        """What the message names, where there is something to choose."""
        return ""


class SeatsForm(WordForm):
    """The customer's word for more seats (S1, S2)."""

    subscription: str = optional(3, "Only with several: the subscription that the message itself names (S2).")

    def which(self) -> str:
        return self.subscription.strip()


class AcknowledgeForm(WaitForm):
    """Seats that can't be given back: who has understood it types the new total (S3)."""

    action: Literal["look again", "I have understood it", "withdraw", "hand over"] = position(0, "What to do.")
    new_total: str = optional(2, "The new total of seats, typed: what the customer is bound to.")

    def own_event(self, by: str) -> Event:
        if not self.new_total.strip():
            raise AnswerAgain("new_total: type the new total of seats.")
        return Decided(by=by, choice=self.action, why=self.new_total.strip())


class UnclearSeatsForm(WaitForm):
    """Nobody knows whether seats were added; somebody looks into the Pax8 portal (decision 3)."""

    action: Literal["look again", "the seats were added", "no seats were added", "settled by hand", "hand over"] = (
        position(0, "Look into the Pax8 portal, at the subscription's history too. Nothing is written afterwards.")
    )

    def own_event(self, by: str) -> Event:
        return Decided(by=by, choice=self.action, why=self.note.strip() if self.action == ADDED else self._why())
