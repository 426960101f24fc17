"""A licence order as it would be written to the distributor: what, how many, under which commitment."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """Base of every model in `rules`: immutable, and deaf to fields it doesn't know (models only grow)."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Term(StrEnum):
    """How long the customer is bound: the commitment, not the billing (pax8.md §1.3)."""

    MONTHLY = "Monthly"
    ANNUAL = "1-Year"


class Billing(StrEnum):
    """How often the customer is billed. A monthly bill under a 1-Year commitment is still an annual obligation."""

    MONTHLY = "Monthly"
    ANNUAL = "Annual"


class ProvisioningAnswer(Frozen):
    """One answer to a provisioning question, as Pax8 takes it: a key and one or more values (pax8.md §6)."""

    key: str
    values: tuple[str, ...]


class OrderLine(Frozen):
    """One product of an order. `commitment_id` is Pax8's id of the commitment whose term is `LicenceOrder.term`."""

    product_id: str
    product_name: str
    seats: Annotated[int, Field(gt=0)]
    commitment_id: str
    provisioning: tuple[ProvisioningAnswer, ...] = ()


class LicenceOrder(Frozen):
    """One order for one Pax8 company: all its lines share one term and one billing frequency.

    `reference` is ours (Pax8 has no field for it): the procedure's, as it stands in the agreement.
    """

    reference: str
    company_id: str
    ordered_by_email: str
    term: Term
    billing: Billing
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1)]
