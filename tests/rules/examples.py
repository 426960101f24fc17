"""One plain case to start from: terms for Contoso, the envelope that says them, the order they allow."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from rules.agreement import AgreementLine, AgreementTerms
from rules.authority import SignedAgreement
from rules.envelope import EnvelopeReading, SignerReading
from rules.order import Billing, LicenceOrder, OrderLine, Term
from rules.people import AuthorisedContact

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
