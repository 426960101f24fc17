"""What allows a write to the distributor: evidence that was read back, never a claim (decision 1, I1, Y1)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Protocol, Self, TypeVar

from pydantic import AwareDatetime, StringConstraints, ValidationError, model_validator

from rules.agreement import AgreementLine, AgreementTerms, Paper, UnreadablePaper, compare, read_paper
from rules.envelope import EnvelopeReading
from rules.order import Frozen, LicenceOrder, Term
from rules.people import AuthorisedContact, same_address

FRESH = timedelta(minutes=5)
Somebody = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Built = TypeVar("Built", bound=Frozen)


class NotCovered(Exception):
    """The evidence doesn't cover this write. Says what differs, the clause and the way out; nothing was sent."""


class ReadTooLongAgo(NotCovered):
    """Nothing else speaks against the write: the evidence is to be read anew, and it can be tried again."""


class OrderAuthority(Protocol):
    """Anything that can allow an order: it says no by raising `NotCovered`."""

    @property
    def authority_id(self) -> str: ...

    def assert_covers(self, order: LicenceOrder) -> None: ...


class EndAuthority(Protocol):
    """Anything that can allow a booked end: it says no by raising `NotCovered`."""

    @property
    def authority_id(self) -> str: ...

    def assert_covers_end(self, subscription_id: str, cancel_date: datetime) -> None: ...


def built_again(authority: Built, refusal: str) -> Built:
    """The same authority, built anew from its fields: a copy that got round pydantic's checks is not believed.

    Raises `NotCovered`, which begins with `refusal`, when it can't be built.
    """
    try:
        return type(authority).model_validate(authority.model_dump(warnings=False))
    except ValidationError as invalid:
        raise NotCovered(f"{refusal}: {why_invalid(invalid)}") from None


def why_invalid(invalid: ValidationError) -> str:
    """Everything that kept a model from being built, as one line for people."""
    return "; ".join(
        ": ".join([*[str(part) for part in error["loc"][:1]], str(error["msg"]).removeprefix("Value error, ")])
        for error in invalid.errors()
    )


class SignerDecision(Frozen):
    """Contracts accepted a signer who isn't an authorised contact with the right to sign (N5)."""

    signer: Somebody
    by: Somebody
    at: AwareDatetime


def why_not_signed(reading: EnvelopeReading, client_role: str) -> str | None:
    """Why a reading is no signed agreement, with the clause; None when it is one (N4, N5)."""
    if not reading.is_completed:
        return f"envelope {reading.envelope_id} is '{reading.status}', not completed (N5)"
    signers = reading.signers_of(client_role)
    if not signers:
        return f"envelope {reading.envelope_id} has no signer in the role '{client_role}' (N5)"
    for signer in signers:
        if signer.status != "completed" or signer.signed_at is None:
            return f"{signer.email} of the customer is '{signer.status}', not completed (N5)"
    try:
        read_paper(reading.fields)
    except UnreadablePaper as unreadable:
        return f"envelope {reading.envelope_id} can't be read as an agreement: {unreadable} (N4)"
    return None


class SignedAgreement(Frozen):
    """A completed agreement. It holds nothing but DocuSign's own reading and the customer's rights as read.

    It can't be built from an envelope that isn't completed, that a customer's signer hasn't signed, or whose
    fields don't make an agreement: pydantic refuses (N5). What was signed is derived from the reading each time,
    and looked at again before every yes: a copy that got round pydantic covers nothing.
    """

    reading: EnvelopeReading
    client_role: str
    may_sign: tuple[AuthorisedContact, ...]
    signer_decisions: tuple[SignerDecision, ...] = ()

    @model_validator(mode="after")
    def _only_from_a_completed_envelope(self) -> Self:
        why_not = why_not_signed(self.reading, self.client_role)
        if why_not is not None:
            raise ValueError(why_not)
        return self

    @property
    def authority_id(self) -> str:
        return f"docusign:{self.reading.envelope_id}"

    @property
    def paper(self) -> Paper:
        return read_paper(self.reading.fields)

    @property
    def signers(self) -> tuple[str, ...]:
        """The customer's signers, by mail address."""
        return tuple(signer.email for signer in self.reading.signers_of(self.client_role))

    def unauthorised_signers(
        self, first_term_value: Decimal | None = None, at: datetime | None = None
    ) -> tuple[str, ...]:
        """Signers without the right to sign, or above their limit, on whom contracts hasn't decided by `at` (N5).

        Without a value no limit is looked at, without `at` every decision counts.
        """
        decided = [one.signer for one in self.signer_decisions if at is None or one.at <= at]
        return tuple(
            email
            for email in self.signers
            if not any(same_address(email, one) for one in decided) and not self._may(email, first_term_value)
        )

    def _may(self, email: str, first_term_value: Decimal | None) -> bool:
        """Every entry with that address must allow it: where two disagree, contracts decides."""
        entries = [contact for contact in self.may_sign if same_address(contact.email, email)]
        return bool(entries) and all(
            contact.may_sign
            and (
                contact.first_term_limit is None
                or first_term_value is None
                or first_term_value <= contact.first_term_limit
            )
            for contact in entries
        )

    def assert_covers(self, order: LicenceOrder) -> None:
        """Raise `NotCovered` unless exactly this order was signed for; `ReadTooLongAgo` unless it was read just now."""
        why_not = why_not_signed(self.reading, self.client_role)
        if why_not is not None:
            raise NotCovered(f"{why_not}: it does not cover the order {order.reference} (N5). Nothing was ordered.")
        against: list[str] = []
        paper = self.paper
        if self.reading.reference and self.reading.reference != order.reference:
            against.append(f"the envelope belongs to {self.reading.reference}, this order to {order.reference}")
        if not self.reading.reference and paper.reference not in ("", order.reference):
            against.append(f"the paper names {paper.reference}, this order is {order.reference}")
        if order.term is Term.ANNUAL and paper.term is not Term.ANNUAL:
            against.append("an annual order needs a signed annual agreement (Y1)")
        if paper.start is not None and paper.start > order.order_day:
            against.append(f"the agreement starts on {paper.start}, today is {order.order_day} (N6)")
        if paper.end is not None and paper.end <= order.order_day:
            against.append(f"the agreement ended on {paper.end}, today is {order.order_day} (N7)")
        against += [str(difference) for difference in compare(_terms_of(order), paper)]
        unauthorised = self.unauthorised_signers(order.first_term_value, order.at)
        if unauthorised:
            against.append(
                f"signed by {', '.join(unauthorised)}, who may not sign for {order.customer} (or not this much)"
            )
        refusal: type[NotCovered] = NotCovered
        way_out = "Void it and have the right terms signed, or start anew."
        if not timedelta(0) <= order.at - self.reading.read_at <= FRESH:
            if not against:
                refusal, way_out = ReadTooLongAgo, "Read it again, and order then."
            against.append(
                f"the envelope was read at {self.reading.read_at:%Y-%m-%d %H:%M:%S} UTC, not just before ordering"
            )
        if against:
            raise refusal(
                f"Envelope {self.reading.envelope_id} does not cover the order {order.reference} (N5): "
                + "; ".join(against)
                + f". Nothing was ordered. {way_out}"
            )


def _terms_of(order: LicenceOrder) -> AgreementTerms:
    return AgreementTerms(
        reference=order.reference,
        customer=order.customer,
        ticket=order.ticket,
        term=order.term,
        billing=order.billing,
        currency=order.currency,
        start=order.start,
        end=order.end,
        lines=tuple(
            AgreementLine(
                product_id=line.product_id,
                product_name=line.product_name,
                seats=line.seats,
                unit_price=line.unit_price,
            )
            for line in order.lines
        ),
    )
