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
)
