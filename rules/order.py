"""A licence order as it would be written to the distributor: what, how many, under which commitment."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Filled = Annotated[str, Field(min_length=1)]
Price = Annotated[Decimal, Field(ge=0)]


class Frozen(BaseModel):
    """Base of every model in `rules`: immutable, and deaf to fields it doesn't know (models only grow)."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Term(StrEnum):
    """How long the customer is bound: the commitment, not the billing (pax8.md §1.3)."""

    MONTHLY = "Monthly"
    ANNUAL = "1-Year"

    @property
    def months(self) -> int:
        return 1 if self is Term.MONTHLY else 12


class Billing(StrEnum):
    """How often the customer is billed. A monthly bill under a 1-Year commitment is an annual obligation."""

    MONTHLY = "Monthly"
    ANNUAL = "Annual"

    @property
    def months(self) -> int:
        return 1 if self is Billing.MONTHLY else 12


class ProvisioningAnswer(Frozen):
    """One answer to a provisioning question, as Pax8 takes it: a key and one or more values (pax8.md §6)."""

    key: str
    values: Annotated[tuple[str, ...], Field(min_length=1)]


class OrderLine(Frozen):
    """One product of an order, with the customer's price per seat and billing period that it was agreed at.

    `commitment_id` is Pax8's id of the commitment, which differs by product; `commitment_term` is the term that Pax8
    gave for that very id. An order whose lines are bound for another term than its own can't be built (Y1).
    """

    product_id: Filled
    product_name: str
    seats: Annotated[int, Field(gt=0)]
    unit_price: Price
    commitment_id: Filled
    commitment_term: Term
    provisioning: tuple[ProvisioningAnswer, ...] = ()


class LicenceOrder(Frozen):
    """One order for one Pax8 company: all its lines share one term and one billing frequency.

    Pax8 has no field for a reference of ours, so `reference` (the procedure's, as it stands on the agreement),
    `customer` and `ticket` serve the comparison with the evidence only. `at` is the moment of ordering, UTC;
    `order_day` the same in the MSP's zone (P6). A month billed by the year, or a day that the moment has nowhere
    on earth, can't be built. `start` and `end` are the days asked for, as they must stand on the paper (N6, N7).
    """

    reference: Filled
    customer: Filled
    ticket: Filled
    company_id: Filled
    ordered_by_email: str
    term: Term
    billing: Billing
    currency: Filled
    start: date | None = None
    end: date | None = None
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1)]
    at: AwareDatetime
    order_day: date

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.billing.months > self.term.months:
            raise ValueError(f"a {self.term.value} term can't be billed '{self.billing.value}' (pax8.md §5)")
        for line in self.lines:
            if line.commitment_term is not self.term:
                raise ValueError(
                    f"{line.product_name}: the commitment {line.commitment_id} is {line.commitment_term.value}, "
                    f"the order is {self.term.value} (Y1)"
                )
        at = self.at.astimezone(UTC)
        if not (at - timedelta(hours=12)).date() <= self.order_day <= (at + timedelta(hours=14)).date():
            raise ValueError(f"order_day {self.order_day} is nowhere the day of {utc_text(at)} (P6)")
        return self

    @property
    def first_term_value(self) -> Decimal:
        """What the customer is bound to for the first term, in `currency`, before tax."""
        periods = max(self.term.months // self.billing.months, 1)
        return sum((line.unit_price * line.seats for line in self.lines), Decimal(0)) * periods


def utc_text(moment: datetime) -> str:
    """A moment as text for people and logs: `2026-11-22 17:05 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
