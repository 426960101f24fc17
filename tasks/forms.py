"""The forms of the waits: what a person may answer, and which event an answer is (decision 4).

Every form offers "look again" and "hand over", asks who decides, and carries references and choices, never verdicts
about the outside world (decision 2). Most offer "withdraw"; those without it are about what is already ordered or
signed, or is to be done in a portal. Fields keep their order by `position`.
"""

from typing import Any, ClassVar, Literal

from prefect.input import RunInput
from pydantic import ConfigDict, Field

from rules.events import (
    ChangedMind,
    Corrected,
    Decided,
    Event,
    HandedOver,
    PricesGiven,
    RefusedBy,
    Released,
    ReleaseTakenBack,
    ReplyRead,
    TermChosen,
    Withdrawn,
)
from rules.order import Term

LOOK_AGAIN = "look again"


class AnswerAgain(Exception):
    """An answer can't be taken as it is. The form is shown again with this message; nothing was done."""


def position(at: int, description: str) -> Any:
    """A required field at a fixed place of the form."""
    return Field(description=description, json_schema_extra={"position": at})


def optional(at: int, description: str) -> Any:
    """A field that may stay empty, at a fixed place of the form."""
    return Field(default="", description=description, json_schema_extra={"position": at})


WHO = "Your own mail address. You get a mail that says what you decided."


class WaitForm(RunInput):
    """What every form has. Subclasses narrow `action` and say which event their own actions are."""

    model_config = ConfigDict(extra="ignore")
    machine_may_answer: ClassVar[bool] = True

    action: str = position(0, "What to do.")
    decided_by: str = position(1, WHO)
    note: str = optional(8, "Why, in your own words. Needed to withdraw or refuse.")
    colleague: str = optional(9, "To hand over: the colleague's mail address.")

    def event(self) -> Event | None:
        """The event that this answer is; None: look at the outside world again. Raises `AnswerAgain`."""
        by = self.decided_by.strip()
        if self.action == LOOK_AGAIN:
            return None
        if "@" not in by:
            raise AnswerAgain("decided_by: give your own mail address.")
        if self.action == "withdraw":
            return Withdrawn(by=by, why=self._why())
        if self.action == "hand over":
            if "@" not in self.colleague:
                raise AnswerAgain("colleague: give the mail address of the colleague who takes over.")
            return HandedOver(to=self.colleague.strip(), by=by, why=self.note.strip())
        return self.own_event(by)

    def own_event(self, by: str) -> Event:
        raise AnswerAgain(f"action: '{self.action}' is not offered here.")

    def _why(self) -> str:
        if not self.note.strip():
            raise AnswerAgain("note: say why.")
        return self.note.strip()


class LookForm(WaitForm):
    """A wait that the outside world ends: a signature, a day, provisioning."""

    action: Literal["look again", "withdraw", "hand over"] = position(0, "What to do.")


class ReleaseForm(WaitForm):
    """Contracts looks at the draft (N4)."""

    action: Literal["look again", "release", "correct", "refuse", "withdraw", "hand over"] = position(
        0, "Release sends the agreement to the customer. Correct changes unit prices on the draft and asks again."
    )
    prices: str = optional(2, "To correct: one line a product, 'Visio Plan 1 = 5.20'. Others stay.")

    def own_event(self, by: str) -> Event:
        if self.action == "release":
            return Released(by=by)
        if self.action == "correct":
            if not self.prices.strip():
                raise AnswerAgain("prices: write one line a product, 'product = 12.50'.")
            return Corrected(by=by, prices=self.prices)
        return RefusedBy(by=by, why=self._why())


class PricingForm(WaitForm):
    """Pricing confirms the customer's figures (N2)."""

    action: Literal["look again", "confirm prices", "refuse", "withdraw", "hand over"] = position(0, "What to do.")
    monthly_prices: str = optional(2, "Per seat and month on the Monthly term, one line a product: 'product = 6.00'.")
    annual_prices: str = optional(3, "Per seat and month on the Annual term, one line a product: 'product = 5.00'.")

    def own_event(self, by: str) -> Event:
        if self.action == "confirm prices":
            return PricesGiven(by=by, prices=f"{self.monthly_prices}\n---\n{self.annual_prices}")
        return RefusedBy(by=by, why=self._why())


class TermForm(WaitForm):
    """The customer's choice of term comes back (N2)."""

    action: Literal["look again", "customer chose", "withdraw", "hand over"] = position(0, "What to do.")
    term: Literal["Monthly", "1-Year"] = Field(
        default="Monthly",
        description="What the customer chose. An annual term binds for twelve months (P18).",
        json_schema_extra={"position": 2},
    )

    def own_event(self, by: str) -> Event:
        why = self._why() if self.term == Term.ANNUAL.value else self.note.strip()
        return TermChosen(by=by, term=Term(self.term), why=why)


class SignedSeatsForm(WaitForm):
    """The paper has other seats than were asked for (N5)."""

    action: Literal["look again", "order as signed", "void and start anew", "hand over"] = position(
        0, "Order as signed: the customer is told the number. Void and start anew: nothing is ordered."
    )

    def own_event(self, by: str) -> Event:
        return Decided(by=by, choice=self.action, why=self.note.strip())


class AcceptForm(WaitForm):
    """One thing that a person accepts or not."""

    action: Literal["look again", "accept", "refuse", "withdraw", "hand over"] = position(0, "What to do.")

    def own_event(self, by: str) -> Event:
        if self.action == "accept":
            return Decided(by=by, choice="accept", why=self.note.strip())
        return RefusedBy(by=by, why=self._why())


class ObjectionForm(WaitForm):
    """The minutes in which a decision can be taken back by whoever didn't take it (decision 2)."""

    action: Literal["look again", "that was not me", "withdraw", "hand over"] = position(0, "What to do.")

    def own_event(self, by: str) -> Event:
        return RefusedBy(by=by, why=self.note.strip() or "the decision was not taken by the person named")


class UnclearOrderForm(WaitForm):
    """Nobody knows whether an order went out; somebody looks into the Pax8 portal (decision 3)."""

    action: Literal["look again", "the order is there", "no order is there", "settled by hand", "hand over"] = position(
        0,
        "Look into the Pax8 portal before you answer. 'No order is there' places it, once. 'Settled by hand' ends this "
        "procedure: whatever was ordered is yours to see to.",
    )
    order_id: str = optional(2, "If the order is there: its Pax8 order id. It is read and compared.")

    def own_event(self, by: str) -> Event:
        if self.action == "the order is there":
            if not self.order_id.strip():
                raise AnswerAgain("order_id: give the Pax8 order id.")
            return Decided(by=by, choice=self.action, why=self.order_id.strip())
        return Decided(by=by, choice=self.action, why=self._why())


class ProvisioningForm(WaitForm):
    """Provisioning that Pax8 shows as pending although the licences work (P17)."""

    action: Literal["look again", "the licences work", "hand over"] = position(
        0, "'The licences work' only after you saw them in the customer's tenant: Pax8's status can be stuck."
    )

    def own_event(self, by: str) -> Event:
        return Decided(by=by, choice=self.action, why=self.note.strip())


class PaperForm(WaitForm):
    """What every wait of a bridge offers besides: contracts may release the agreement meanwhile (N4, B1)."""

    prices: str = optional(6, "Contracts, to correct the draft: one line a product, 'Visio Plan 1 = 5.20'.")

    def own_event(self, by: str) -> Event:
        match self.action:
            case "release the agreement":
                return Released(by=by)
            case "correct the draft":
                if not self.prices.strip():
                    raise AnswerAgain("prices: write one line a product, 'product = 12.50'.")
                return Corrected(by=by, prices=self.prices)
            case "take back the release":
                return ReleaseTakenBack(by=by)
            case "refuse the draft":
                return RefusedBy(by=by, why=self._why())
        return super().own_event(by)


READINGS = ("confirms as sent", "asks", "wants other seats", "says no")


class ConfirmationForm(PaperForm):
    """The customer's written confirmation: found by itself, or read by a named person (B3, decision 2)."""

    action: Literal[
        "look again",
        "confirms as sent",
        "asks",
        "wants other seats",
        "says no",
        "release the agreement",
        "correct the draft",
        "take back the release",
        "refuse the draft",
        "withdraw",
        "hand over",
    ] = position(0, "What the chosen message says, after reading it in full; or something else.")
    evidence: str = optional(2, "Which message: as listed above the form.")
    seats: str = optional(3, "Other seats: one line a product, 'Visio Plan 1 = 4'. New terms then go out.")

    def own_event(self, by: str) -> Event:
        if self.action not in READINGS:
            return super().own_event(by)
        if not self.evidence.strip():
            raise AnswerAgain("evidence: choose the message that you have read.")
        if self.action == "wants other seats" and not self.seats.strip():
            raise AnswerAgain("seats: write one line a product, 'product = 4'.")
        return ReplyRead(by=by, evidence=self.evidence.strip(), choice=self.action, changes=self.seats)


class BridgeForm(PaperForm):
    """A bridge under way: what contracts, the customer's change of mind or a withdrawal may do to it (Y4)."""

    action: Literal[
        "look again",
        "customer wants monthly",
        "release the agreement",
        "correct the draft",
        "take back the release",
        "refuse the draft",
        "withdraw",
        "hand over",
    ] = position(0, "'Customer wants monthly' takes the annual agreement back, if the message came in time (Y4).")
    evidence: str = optional(2, "For 'customer wants monthly': the message that says so, as listed above the form.")

    def own_event(self, by: str) -> Event:
        if self.action != "customer wants monthly":
            return super().own_event(by)
        if not self.evidence.strip():
            raise AnswerAgain("evidence: choose the message in which the customer says so.")
        return ChangedMind(by=by, evidence=self.evidence.strip())


class ChangeOverForm(WaitForm):
    """What is signed binds: until the change-over day there is nothing to decide, only to pass on (Y5)."""

    action: Literal["look again", "hand over"] = position(0, "What to do.")


class DeskForm(WaitForm):
    """Something that only a person at a vendor's portal can set right; the run looks whether it is done."""

    action: Literal["look again", "it is done", "hand over"] = position(0, "'It is done' makes the run look at once.")

    def own_event(self, by: str) -> Event:
        return Decided(by=by, choice=self.action, why=self.note.strip())


class BridgeEndForm(WaitForm):
    """A bridge's end that only a person can book in the Pax8 portal; or a person decides that it stays (I4)."""

    action: Literal["look again", "it is done", "it stays", "hand over"] = position(
        0,
        "'It is done' counts once Pax8 shows every end booked, or over. 'It stays' ends the watch, and the bridge "
        "renews: say why in the note.",
    )

    def own_event(self, by: str) -> Event:
        return Decided(by=by, choice=self.action, why=self._why() if self.action == "it stays" else self.note.strip())


class UnsignedByUsForm(WaitForm):
    """The customer has signed, we have not, and the bridge's last safe days have come: a person decides (B7)."""

    action: Literal["look again", "let it renew", "end it", "hand over"] = position(
        0,
        "'End it' once you booked it in the Pax8 portal, and Pax8 shows every end booked: nothing ends by itself while "
        "we owe a signature.",
    )

    def own_event(self, by: str) -> Event:
        return Decided(by=by, choice=self.action, why=self._why())


def machine_answer(source: str, event: str) -> dict[str, str]:
    """What the receiver and reconcile answer to any form: look again. Scalars only (prefect.md, Resume)."""
    return {"action": LOOK_AGAIN, "decided_by": source, "note": event}
