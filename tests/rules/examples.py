"""One plain case to start from: terms for Contoso, the envelope that says them, the order they allow.

And its bridge: the terms that Ada was mailed, her reply, and the month that it buys.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from rules.agreement import AgreementLine, AgreementTerms
from rules.authority import SignedAgreement
from rules.bridge import BridgeDates, OfferedLine, TermsOffer, bridge_reference
from rules.calendar import Calendar
from rules.envelope import EnvelopeReading, SignerReading
from rules.order import Billing, LicenceOrder, OrderLine, Term
from rules.people import AuthorisedContact
from rules.written import PersonsReading, Written, WrittenConfirmation, WrittenKind

ROWS = 4
CLIENT = "Client signer"
MSP = "MSP signer"
NOW = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)
TODAY = date(2026, 11, 30)
READ_AT = NOW - timedelta(seconds=20)

VISIO = AgreementLine(product_id="p-visio-1", product_name="Visio Plan 1", seats=3, unit_price=Decimal("5.20"))
POWER_BI = AgreementLine(product_id="p-pbi-pro", product_name="Power BI Pro", seats=12, unit_price=Decimal("10.50"))

TERMS = AgreementTerms(
    reference="CS-0001",
    customer="Contoso Ltd",
    ticket="T20261130.0001",
    term=Term.MONTHLY,
    billing=Billing.MONTHLY,
    currency="USD",
    lines=(VISIO, POWER_BI),
)

ADA = AuthorisedContact(name="Ada Byte", email="ada@contoso.example", may_confirm=True, may_sign=True)

US = Calendar(time_zone="America/New_York", country="US")
MAILED = NOW - timedelta(days=1)
REPLIED = NOW - timedelta(hours=3)


def terms(**changes: Any) -> AgreementTerms:
    """The plain terms with some of them changed, checked like new ones."""
    return AgreementTerms.model_validate({**dict(TERMS), **changes})


def said(of: AgreementTerms) -> dict[str, object]:
    """What terms say, with the order of their lines put aside."""
    return dict(of) | {"lines": sorted(of.lines, key=lambda line: line.product_id)}


def signer(**changes: Any) -> SignerReading:
    """Ada, who has signed."""
    plain: dict[str, Any] = {
        "role": CLIENT,
        "name": "Ada Byte",
        "email": "ada@contoso.example",
        "status": "completed",
        "signed_at": NOW - timedelta(hours=2),
    }
    return SignerReading.model_validate({**plain, **changes})


COUNTERSIGNER = signer(role=MSP, name="Roberta Vale", email="roberta@northgate.example")


def reading(of: AgreementTerms = TERMS, **changes: Any) -> EnvelopeReading:
    """The completed envelope that says these terms, as read twenty seconds ago."""
    plain: dict[str, Any] = {
        "envelope_id": "e-1",
        "status": "completed",
        "read_at": READ_AT,
        "sent_at": NOW - timedelta(days=2),
        "completed_at": NOW - timedelta(hours=1),
        "reference": of.reference,
        "run_id": "r-1",
        "signers": (signer(), COUNTERSIGNER),
        "fields": of.fields(ROWS),
    }
    return EnvelopeReading.model_validate({**plain, **changes})


def agreement(of: AgreementTerms = TERMS, **changes: Any) -> SignedAgreement:
    """The authority of that envelope; `changes` are its own (reading, may_sign, …)."""
    plain: dict[str, Any] = {"reading": reading(of), "client_role": CLIENT, "may_sign": (ADA,)}
    return SignedAgreement.model_validate({**plain, **changes})


def order_line(of: AgreementLine, term: Term = Term.MONTHLY, **changes: Any) -> OrderLine:
    """A line of the agreement as a line of an order, bound for that term."""
    commitment = {"commitment_id": f"c-{of.product_id}", "commitment_term": term}
    return OrderLine.model_validate({**dict(of), **commitment, **changes})


def order(of: AgreementTerms = TERMS, **changes: Any) -> LicenceOrder:
    """The one order that these terms allow, placed now."""
    plain: dict[str, Any] = {
        "reference": of.reference,
        "customer": of.customer,
        "ticket": of.ticket,
        "company_id": "pax8-contoso",
        "ordered_by_email": "licences@northgate.example",
        "term": of.term,
        "billing": of.billing,
        "currency": of.currency,
        "start": of.start,
        "end": of.end,
        "at": NOW,
        "order_day": TODAY,
    }
    plain["lines"] = tuple(order_line(line, changes.get("term", of.term)) for line in of.lines)
    return LicenceOrder.model_validate({**plain, **changes})


def offer(of: AgreementTerms = TERMS, **changes: Any) -> TermsOffer:
    """The terms of a bridge for that agreement, as mailed to Ada yesterday."""
    plain: dict[str, Any] = {
        "reference": of.reference,
        "round": 1,
        "term_wanted": Term.ANNUAL,
        "currency": of.currency,
        "lines": tuple(OfferedLine.model_validate(dict(line)) for line in of.lines),
        "dates": BridgeDates.foretold(TODAY, US),
        "sent_at": MAILED,
        "message_id": "<terms-1@northgate.example>",
        "conversation_id": "conversation-1",
    }
    return TermsOffer.model_validate({**plain, **changes})


def written(to: TermsOffer | None = None, **changes: Any) -> Written:
    """Ada's reply with the sentence that the mail offered, filed, and read twenty seconds ago."""
    sentence = (to or offer()).sentence
    plain: dict[str, Any] = {
        "kind": WrittenKind.MAIL,
        "source_id": "AAMk-1",
        "stable_id": "<reply-1@contoso.example>",
        "sender": ADA.email,
        "sender_name": ADA.name,
        "received_at": REPLIED,
        "read_at": READ_AT,
        "subject": "RE: Your licences",
        "own_text": f"{sentence}\n\nAda",
        "whole_text": f"{sentence}\n\nAda\n\n> On Sunday we wrote: {sentence}",
        "conversation_id": "conversation-1",
        "authenticated": True,
        "filed": True,
    }
    return Written.model_validate({**plain, **changes})


def persons_reading(of: Written, **changes: Any) -> PersonsReading:
    """The requester read it in full: it confirms as sent."""
    plain: dict[str, Any] = {
        "by": "tom@northgate.example",
        "at": NOW - timedelta(hours=1),
        "written_id": of.authority_id,
        "text_digest": of.text_digest,
    }
    return PersonsReading.model_validate({**plain, **changes})


def confirmation(of: TermsOffer | None = None, **changes: Any) -> WrittenConfirmation:
    """The authority of that reply; `changes` are its own (written, may_confirm, …)."""
    of = of or offer()
    plain: dict[str, Any] = {
        "offer": of,
        "written": written(of),
        "may_confirm": (ADA,),
        "good_until": US.business_moment_after(REPLIED, 3),
    }
    return WrittenConfirmation.model_validate({**plain, **changes})


def bridge_order(of: AgreementTerms = TERMS, **changes: Any) -> LicenceOrder:
    """The one order that the confirmation of these terms allows: a month of them, placed now."""
    monthly = terms(**{**dict(of), "term": Term.MONTHLY, "billing": Billing.MONTHLY, "start": None, "end": None})
    return order(monthly, **{"reference": bridge_reference(of.reference), **changes})
