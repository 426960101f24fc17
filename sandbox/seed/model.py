"""The seeded world's kinds of thing: vendor-neutral, frozen, told apart from how a vendor shows them.

Ages are in days before the moment of seeding, so that the world is always of today; money is Decimal.
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Staff:
    """One of the MSP's own people. `service_desk_role` names an Autotask role; none: cannot be assigned."""

    key: str
    resource_id: int
    first_name: str
    last_name: str
    email: str
    phone: str
    title: str
    active: bool = True
    senior: bool = False
    service_desk_role: str | None = "Service Desk Engineer"

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True)
class Msp:
    """The MSP itself: its mailbox, tenant, the group that holds delegated rights, and its partner ids."""

    name: str
    domain: str
    mailbox: str
    tenant_id: str
    gdap_group_id: str
    partner_location_id: str
    time_zone: str
    currency: str


@dataclass(frozen=True)
class Contact:
    """A person at a customer. The two rights are separate; the limit is on the first term's value."""

    contact_id: int
    first_name: str
    last_name: str
    email: str
    phone: str
    title: str
    active: bool = True
    may_confirm: bool = False
    may_sign: bool = False
    first_term_limit: Decimal | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True)
class TenantUser:
    """A user account in a customer's Microsoft tenant, with the licences it holds (our product names)."""

    name: str
    upn: str
    licences: tuple[str, ...] = ()
    usage_location: str | None = "US"


@dataclass(frozen=True)
class Gdap:
    """A delegated admin relationship: its status, its roles (template ids), how long ago it became active."""

    display_name: str
    status: str
    role_ids: tuple[str, ...]
    activated_days_ago: int = 100
    duration_days: int = 730


@dataclass(frozen=True)
class Tenant:
    """A Microsoft tenant. `onmicrosoft` is the prefix only, without `.onmicrosoft.com`."""

    tenant_id: str
    name: str
    onmicrosoft: str
    domains: tuple[str, ...]
    gdap: tuple[Gdap, ...] = ()
    users: tuple[TenantUser, ...] = ()
    in_it_glue: bool = True


@dataclass(frozen=True)
class Subscription:
    """A live subscription at the distributor, of the product of that name of ours and segment.

    `term` is the commitment's (empty: none, a trial); a booked end is the current term's end.
    """

    product: str
    seats: int
    term: str
    billing: str
    started_days_ago: int
    tenant_id: str
    status: str = "Active"
    end_booked: bool = False
    segment: str = "Commercial"


@dataclass(frozen=True)
class DistributorCompany:
    """A customer as Pax8 knows it. `external_id` is the Autotask company id as text, or None (awkward)."""

    company_id: str
    name: str
    external_id: str | None
    website: str
    status: str = "Active"
    subscriptions: tuple[Subscription, ...] = ()


@dataclass(frozen=True)
class Ticket:
    """A service desk ticket. `status` and the others are picklist labels; the number is fixed."""

    ticket_id: int
    number: str
    title: str
    description: str
    status: str = "In Progress"
    contact_id: int | None = None
    assigned_to: str = "tom"
    opened_days_ago: int = 2


@dataclass(frozen=True)
class Contract:
    """The customer's recurring-service contract in Autotask: name and (service name, units) lines."""

    contract_id: int
    name: str
    services: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Customer:
    """A customer over all the systems. `awkward` says in a sentence what is odd about it; empty: nothing."""

    key: str
    company_id: int
    name: str
    domain: str | None
    phone: str
    street: str
    city: str
    state: str
    postal_code: str
    contacts: tuple[Contact, ...]
    tenants: tuple[Tenant, ...] = ()
    pax8: tuple[DistributorCompany, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    contract: Contract | None = None
    awkward: str = ""
    active: bool = True
    it_glue_linked: bool = True
    has_mail_folder: bool = True
    countersigner_slow: bool = False

    @property
    def website(self) -> str:
        return f"https://www.{self.domain}" if self.domain else ""

    def contact(self, email: str) -> Contact:
        return next(c for c in self.contacts if c.email == email)


@dataclass(frozen=True)
class Commitment:
    """One commitment of one product: its own id (pax8.md §5: ids are per product), term and months."""

    commitment_id: str
    term: str
    months: int
    auto_renew: bool = True
    allow_quantity_increase: bool = True
    allow_quantity_decrease: bool = False
    allow_early_cancellation: bool = False


@dataclass(frozen=True)
class Price:
    """A price row: what billing under which commitment costs us (`buy`) and lists at (`retail`), per seat."""

    billing: str
    term: str | None
    months: int
    buy: Decimal
    retail: Decimal


@dataclass(frozen=True)
class Question:
    """A provisioning question (pax8.md §5). `sentences` are the exact possible values; none: free text."""

    key: str
    label: str
    description: str
    value_type: str
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Product:
    """A product of the distributor's catalogue. `name` carries the distributor's suffix, `our_name` doesn't.

    `segment` is Commercial, Nonprofit, Government or Trial; a twin shares `our_name` but is another product.
    `needs_one_of` are our names of the products of which the customer must hold one first.
    """

    product_id: str
    name: str
    our_name: str
    segment: str
    sku: str
    vendor_sku: str
    sku_id: str
    sku_part_number: str
    description: str
    commitments: tuple[Commitment, ...]
    prices: tuple[Price, ...]
    questions: tuple[Question, ...]
    max_seats: int | None = None
    needs_one_of: tuple[str, ...] = ()

    @property
    def requires_commitment(self) -> bool:
        return bool(self.commitments)

    def commitment(self, term: str) -> Commitment:
        """The product's commitment of that term; KeyError where it has none."""
        for commitment in self.commitments:
            if commitment.term == term:
                return commitment
        raise KeyError(f"{self.name} has no {term} commitment")


@dataclass(frozen=True)
class MapEntry:
    """One line of the product map: our agreement's and quote's name, and the one product it means."""

    our_name: str
    product_id: str


@dataclass(frozen=True)
class AgreementTemplate:
    """A DocuSign template: its term, its two roles in signing order, and how many product rows it has."""

    template_id: str
    name: str
    term: str
    customer_role: str
    msp_role: str
    rows: int
    tab_labels: tuple[str, ...]
