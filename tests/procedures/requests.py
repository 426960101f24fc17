"""Launch forms that tests start from."""

from typing import Any

TOM = "tom@northgate.example"
ROBERTA = "roberta@northgate.example"
MATTHEW = "matthew@northgate.example"
SAM = "sam@northgate.example"


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
