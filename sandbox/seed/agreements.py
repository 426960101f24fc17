"""The two agreement templates in DocuSign: their roles, their product rows, their tab labels."""

from sandbox.core import stable_id
from sandbox.seed.model import AgreementTemplate

CUSTOMER_ROLE, MSP_ROLE = "Client signer", "MSP signer"
ROWS = 4
HEADER_LABELS = (
    "CustomerName",
    "Ticket",
    "Term",
    "BillingFrequency",
    "Currency",
    "StartDate",
    "EndDate",
    "Reference",
)
ROW_LABELS = ("Product", "Seats", "UnitPrice", "ProductId")
TAB_LABELS = HEADER_LABELS + tuple(f"{label}{row}" for row in range(1, ROWS + 1) for label in ROW_LABELS)


def _template(name: str, term: str) -> AgreementTemplate:
    return AgreementTemplate(stable_id("template", name), name, term, CUSTOMER_ROLE, MSP_ROLE, ROWS, TAB_LABELS)


TEMPLATES: tuple[AgreementTemplate, ...] = (
    _template("Subscription agreement (monthly)", "Monthly"),
    _template("Subscription agreement (annual)", "1-Year"),
)
