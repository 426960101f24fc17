"""What can happen while a procedure waits: one typed event each (decision 4)."""

from datetime import date

from pydantic import AwareDatetime

from rules.order import Frozen, Term


class Signed(Frozen):
    """Everybody has signed; `at` is DocuSign's completion time."""

    envelope_id: str
    at: AwareDatetime


class Declined(Frozen):
    """A signer refused."""

    envelope_id: str
    by: str = ""
    reason: str = ""


class Voided(Frozen):
    """The envelope was voided (or deleted) by somebody of ours."""

    envelope_id: str
    reason: str = ""


class Expired(Frozen):
    """The envelope ran out unsigned."""

    envelope_id: str


class SignerBounced(Frozen):
    """DocuSign's mail to a signer came back."""

    envelope_id: str
    signer: str
    reason: str = ""


class Withdrawn(Frozen):
    """Somebody of ours withdrew the request by form."""

    by: str
    why: str


class HandedOver(Frozen):
    """The procedure moves to a colleague."""

    to: str
    by: str
    why: str = ""


class DayReached(Frozen):
    """The day that was waited for has begun in the MSP's zone."""

    day: date


class Released(Frozen):
    """Contracts lets the agreement go out."""

    by: str


class Corrected(Frozen):
    """Contracts corrects unit prices on the draft: `prices` as typed, one line each."""

    by: str
    prices: str


class RefusedBy(Frozen):
    """The person whose turn it was says no."""

    by: str
    why: str


class PricesGiven(Frozen):
    """Pricing's figures for the customer, as typed, one line each."""

    by: str
    prices: str


class TermChosen(Frozen):
    """The customer's choice of term came back."""

    by: str
    term: Term
    why: str = ""


class Decided(Frozen):
    """A person chose one of the ways that a form offered."""

    by: str
    choice: str
    why: str = ""


class Confirmed(Frozen):
    """The customer confirmed our terms in writing: by the offered sentence, or as a named person read it.

    `evidence` says where it lies; `read_by` is empty where nobody had to read it.
    """

    evidence: str
    authority_id: str
    received_at: AwareDatetime
    sender: str
    read_by: str = ""
    text_digest: str = ""


class ReplyRead(Frozen):
    """A named person read a customer's message in full: which one, and what it says."""

    by: str
    evidence: str
    choice: str
    changes: str = ""


class NoAnswer(Frozen):
    """The customer did not answer in time."""

    until: AwareDatetime


class ReleaseTakenBack(Frozen):
    """The person who is said to have released the agreement says that he did not."""

    by: str


class ChangedMind(Frozen):
    """The customer wants the monthly term instead of the annual one; by which message (Y4)."""

    by: str
    evidence: str


class SeatsAdded(Frozen):
    """Seats of a bridge were added on the customer's word: the new totals, by subscription (S1)."""

    totals: tuple[tuple[str, int], ...]


class DeadlinePassed(Frozen):
    """The cut-off passed unsigned: the bridge is booked to end."""

    at: AwareDatetime


Event = (
    Signed
    | Declined
    | Voided
    | Expired
    | SignerBounced
    | Withdrawn
    | HandedOver
    | DayReached
    | Released
    | Corrected
    | RefusedBy
    | PricesGiven
    | TermChosen
    | Decided
    | Confirmed
    | ReplyRead
    | NoAnswer
    | ReleaseTakenBack
    | ChangedMind
    | SeatsAdded
    | DeadlinePassed
)
