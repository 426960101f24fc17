"""The seeded world in one place: who and what every stand-in starts with (vendor-neutral, frozen)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from sandbox.seed.agreements import TEMPLATES
from sandbox.seed.catalogue import PRODUCT_MAP, PRODUCTS
from sandbox.seed.customers import CUSTOMERS
from sandbox.seed.model import AgreementTemplate, Customer, MapEntry, Msp, Product, Staff, Subscription
from sandbox.seed.people import MSP, STAFF

CLIENT_FOLDERS = "ALLGGIT"
"""Top-level folder of the shared mailbox below which each customer has one (clause B3)."""
ORDER_FOLDER = ("Vendors", "vendor emails", "Pax8", "orders")
"""Path of the folder for the distributor's order confirmations, level by level (clause P14)."""


Found = TypeVar("Found")


def only(wanted: str, found: Iterable[Found]) -> Found:
    """The first of the found ones; KeyError naming what was wanted if there is none."""
    for one in found:
        return one
    raise KeyError(wanted)


@dataclass(frozen=True)
class Seed:
    """Everything the sandbox starts with."""

    msp: Msp
    staff: tuple[Staff, ...]
    customers: tuple[Customer, ...]
    products: tuple[Product, ...]
    product_map: tuple[MapEntry, ...]
    templates: tuple[AgreementTemplate, ...]

    def customer(self, key: str) -> Customer:
        """The customer of that key; KeyError for a stranger."""
        return only(key, (c for c in self.customers if c.key == key))

    def customer_of_company(self, company_id: int) -> Customer:
        """The customer with that Autotask company id; KeyError for a stranger."""
        return only(str(company_id), (c for c in self.customers if c.company_id == company_id))

    def member(self, key: str) -> Staff:
        """The member of staff of that key; KeyError for a stranger."""
        return only(key, (s for s in self.staff if s.key == key))

    def product(self, our_name: str, segment: str = "Commercial") -> Product:
        """The product of that name of ours and segment; KeyError where there is none."""
        matching = (p for p in self.products if p.our_name == our_name and p.segment == segment)
        return only(f"{our_name} ({segment})", matching)

    def product_by_id(self, product_id: str) -> Product:
        """The product of that distributor id; KeyError where there is none."""
        return only(product_id, (p for p in self.products if p.product_id == product_id))

    def product_of(self, subscription: Subscription) -> Product:
        """The product of a seeded subscription."""
        return self.product(subscription.product, subscription.segment)


SEED = Seed(MSP, STAFF, CUSTOMERS, PRODUCTS, PRODUCT_MAP, TEMPLATES)
