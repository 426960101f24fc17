"""Pax8's records as this project reads them: companies, products and their terms, orders, subscriptions."""

from decimal import Decimal
from typing import Any

from pydantic import AliasChoices, AliasGenerator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from vendors.wire import MaybeDate, MaybeDateTime, VendorDate, VendorModel


class Pax8Model(VendorModel):
    """Base of Pax8's records: camelCase on the wire; null counts as missing where there is a default."""

    model_config = ConfigDict(alias_generator=AliasGenerator(validation_alias=to_camel))

    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, record: Any) -> Any:
        if isinstance(record, dict):
            return {name: value for name, value in record.items() if value is not None}
        return record


class Address(Pax8Model):
    """A company's address; `country` as ISO 3166 alpha-2."""

    street: str = ""
    street2: str = ""
    city: str = ""
    state_or_province: str = ""
    postal_code: str = ""
    country: str = ""


class Company(Pax8Model):
    """A customer at Pax8. Orders need `status` "Active"; `external_id` is ours, often empty (pax8.md §4)."""

    id: str
    name: str
    external_id: str = ""
    website: str = ""
    phone: str = ""
    status: str = ""
    order_approval_required: bool = False
    address: Address = Address()

    @property
    def is_active(self) -> bool:
        """May be ordered for."""
        return self.status == "Active"


class ContactType(Pax8Model):
    """What a contact is for: Admin, Billing or Technical, and whether he is the first one for it."""

    type: str
    primary: bool = False


class Contact(Pax8Model):
    """A person at a customer, as Pax8 knows him."""

    id: str = ""
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    types: tuple[ContactType, ...] = ()

    def is_primary(self, kind: str) -> bool:
        """Whether he is the first one for Admin, Billing or Technical."""
        return any(one.type == kind and one.primary for one in self.types)


class Product(Pax8Model):
    """A product of the catalogue. Names have twins (Government, Nonprofit, Trial): pin the id (pax8.md §5)."""

    id: str
    name: str
    vendor_name: str = ""
    sku: str = ""
    vendor_sku: str = ""
    short_description: str = ""
    requires_commitment: bool = False


class Commitment(Pax8Model):
    """A commitment that one product offers. `term`: "Monthly", "1-Year", "3-Year"; ids are per product (§5)."""

    id: str
    term: str
    auto_renew: bool = False
    allow_for_quantity_increase: bool = False
    allow_for_quantity_decrease: bool = False
    allow_for_early_cancellation: bool = False
    cancellation_fee_applied: bool = False
    renewal_window_days_before_term_end: int | None = None
    renewal_window_days_after_term_end: int | None = None


class ProductDependency(Pax8Model):
    """A condition of a product: one of these must be there too."""

    name: str = ""
    products: tuple[Product, ...] = ()


class Dependencies(Pax8Model):
    """What a product offers and demands: its commitments, and the products it needs. Not to be kept long (§5)."""

    commitments: tuple[Commitment, ...] = Field(
        default=(), validation_alias=AliasChoices("commitmentDependencies", "commitments")
    )
    products: tuple[ProductDependency, ...] = Field(
        default=(), validation_alias=AliasChoices("productDependencies", "products")
    )


class Rate(Pax8Model):
    """A price for a range of seats. `buy` is ours, `retail` the suggested one; money in the account's currency."""

    buy: Decimal = Field(validation_alias=AliasChoices("partnerBuyRate", "buy"))
    retail: Decimal | None = Field(default=None, validation_alias=AliasChoices("suggestedRetailPrice", "retail"))
    start: Decimal = Field(default=Decimal(0), validation_alias=AliasChoices("startQuantityRange", "start"))
    end: Decimal | None = Field(default=None, validation_alias=AliasChoices("endQuantityRange", "end"))
    charge_type: str = ""


class PriceRow(Pax8Model):
    """The prices of one product for one pair of billing and commitment. `commitment_months`: 1, 12 or 36."""

    billing_term: str
    commitment_term: str = ""
    commitment_months: int | None = Field(
        default=None, validation_alias=AliasChoices("commitmentTermInMonths", "commitmentMonths")
    )
    type: str = ""
    rates: tuple[Rate, ...] = ()


class ProvisionQuestion(Pax8Model):
    """A question to be answered with an order. `value_type`: Input, Single-Value or Multi-Value.

    Answers to the latter two must be of `possible_values`, letter for letter. Nothing says which are required:
    only a mock order does (§5).
    """

    key: str
    label: str = ""
    description: str = ""
    value_type: str = "Input"
    possible_values: tuple[str, ...] = ()


class OrderLine(Pax8Model):
    """One line of an order; `subscription_id` may come only after a while (§6)."""

    id: str = ""
    product_id: str
    subscription_id: str | None = None
    commitment_id: str = Field(
        default="", validation_alias=AliasChoices("commitmentTermId", "commitmentTermID", "commitmentId")
    )
    billing_term: str = ""
    quantity: int = 0


class Order(Pax8Model):
    """An order as Pax8 keeps it. It has no status and no reference of ours; `created` is a day without a time."""

    id: str
    company_id: str
    created: VendorDate = Field(validation_alias=AliasChoices("createdDate", "created"))
    ordered_by_email: str = Field(default="", validation_alias=AliasChoices("orderedByUserEmail", "orderedByEmail"))
    lines: tuple[OrderLine, ...] = Field(default=(), validation_alias=AliasChoices("lineItems", "lines"))


class DraftItem(Pax8Model):
    """One charge of an invoice that isn't made yet (pax8.md §8). `start` and `end` are the days it pays for, both
    included; money in `currency`, `price` the customer's for a seat, `cost` ours.

    A charge for days before an end stays right after it: what counts is an `end` on or after the day it ended.
    """

    id: str = ""
    type: str = ""
    subscription_id: str = ""
    company_id: str = ""
    product_id: str = ""
    product_name: str = ""
    start: MaybeDate = Field(default=None, validation_alias=AliasChoices("startPeriod", "start"))
    end: MaybeDate = Field(default=None, validation_alias=AliasChoices("endPeriod", "end"))
    quantity: Decimal = Decimal(0)
    term: str = ""
    price: Decimal | None = None
    cost: Decimal | None = None
    cost_total: Decimal | None = None
    total: Decimal | None = None
    amount_due: Decimal | None = None
    currency: str = Field(default="", validation_alias=AliasChoices("currencyCode", "currency"))


class CommitmentTerm(Pax8Model):
    """The commitment that a subscription is in. `end` is when this term ends, in UTC; it moves at each renewal."""

    id: str = ""
    term: str = ""
    end: MaybeDateTime = Field(default=None, validation_alias=AliasChoices("endDate", "end"))


class Subscription(Pax8Model):
    """Licences that a customer has. Dates count, `status` is weak evidence (pax8.md §7); times in UTC.

    `end` None means that no end is booked. `price` is the customer's and `partner_cost` ours, says the contract;
    not confirmed (§14). `vendor_sku_id` comes with single reads only.
    """

    id: str
    company_id: str
    product_id: str
    product_name: str = ""
    quantity: int
    start: MaybeDateTime = Field(default=None, validation_alias=AliasChoices("startDate", "start"))
    end: MaybeDateTime = Field(default=None, validation_alias=AliasChoices("endDate", "end"))
    created: MaybeDateTime = Field(default=None, validation_alias=AliasChoices("createdDate", "created"))
    updated: MaybeDateTime = Field(default=None, validation_alias=AliasChoices("updatedDate", "updated"))
    billing_start: MaybeDate = None
    status: str = ""
    price: Decimal | None = None
    partner_cost: Decimal | None = None
    currency: str = Field(default="", validation_alias=AliasChoices("currencyCode", "currency"))
    billing_term: str = ""
    commitment_term: CommitmentTerm | None = Field(
        default=None, validation_alias=AliasChoices("commitmentTerm", "commitment")
    )
    parent_subscription_id: str | None = None
    vendor_subscription_id: str = ""
    vendor_sku_id: str = ""
