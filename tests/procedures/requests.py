"""Launch forms that tests start from."""

from typing import Any

from tests.procedures.days import FRIDAY

TOM = "tom@northgate.example"
JO = "jo@northgate.example"
IVY = "ivy@northgate.example"
ROBERTA = "roberta@northgate.example"
MATTHEW = "matthew@northgate.example"
SAM = "sam@northgate.example"
PREMIUM = "Microsoft 365 Business Premium"
ADA = "ada@contoso.example"
FRIDA = "frida@fabrikam.example"


def contoso(**changed: Any) -> dict[str, Any]:
    """Contoso Ltd wants three Visio Plan 1: nothing stands in the way."""
    return {
        "customer": "Contoso Ltd",
        "ticket": "T20261118.0012",
        "requester": TOM,
        "signer": "ada@contoso.example",
        "product": "Visio Plan 1",
        "seats": 3,
        "quote_line": "Visio Plan 1",
        "mca_first_name": "Ada",
        "mca_last_name": "Byte",
        **changed,
    }


def fabrikam(**changed: Any) -> dict[str, Any]:
    """Fabrikam Inc wants two Power BI Pro: nothing in the way, but no GDAP relationship either."""
    return {
        "customer": "Fabrikam Inc",
        "ticket": "T20261119.0004",
        "requester": TOM,
        "signer": FRIDA,
        "product": "Power BI Pro",
        "seats": 2,
        "quote_line": "Power BI Pro",
        "mca_first_name": "Frida",
        "mca_last_name": "Novak",
        **changed,
    }


def of(customer: str, ticket: str, signer: str, **changed: Any) -> dict[str, Any]:
    """Another customer wants what Contoso wants."""
    return contoso(customer=customer, ticket=ticket, signer=signer, **changed)


def ask(product: str, **changed: Any) -> dict[str, Any]:
    """The fields of another product, quoted under its own name."""
    return {"product": product, "quote_line": product, **changed}


def bridge(**changed: Any) -> dict[str, Any]:
    """Contoso Ltd can't wait for three Visio Plan 1: nothing stands in the way of a bridge."""
    return contoso(
        name="bridge",
        **{
            "signer": "",
            "confirmer": "ada@contoso.example",
            "why_now": "The drawing office starts on Wednesday.",
            "needed_by": FRIDAY.isoformat(),
            **changed,
        },
    )
