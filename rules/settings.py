"""The MSP's own settings, as the rules need them: people, calendar, folders, templates, policies."""

from datetime import date, timedelta
from enum import StrEnum

from pydantic import Field

from rules.calendar import Calendar
from rules.order import Frozen
from rules.people import Person, same_address
from rules.product_map import ProductMap
from rules.provisioning import AnswerBook


class Release(StrEnum):
    """Whether contracts looks at each draft before it goes to the customer (N4)."""

    BY_CONTRACTS = "contracts releases"
    DIRECT = "sent directly"


class ContactSource(StrEnum):
    """Where the customer's authorised contacts are named (clauses, Roles)."""

    IT_GLUE = "IT Glue asset"
    AUTOTASK = "Autotask contact field"


class Templates(Frozen):
    """The agreement templates in DocuSign: one a term, with `rows` product rows each (N4)."""

    monthly: str
    annual: str
    rows: int
    client_role: str
    msp_role: str


class ContactFields(Frozen):
    """Where to read an authorised contact: an IT Glue type and its name-keys, or Autotask's user-defined fields."""

    source: ContactSource
    itglue_type: str
    itglue_email: str
    itglue_may_confirm: str
    itglue_may_sign: str
    itglue_limit: str
    autotask_may_confirm: str
    autotask_may_sign: str


class AssetFields(Frozen):
    """The IT Glue types to write: the Application type, which trait holds what, how a term is called there (P11)."""

    application_type: str
    traits: dict[str, str]
    terms: dict[str, str]
    tenant_type: str
    tenant_id: str


class AutotaskLabels(Frozen):
    """Picklist labels of the Autotask tenant; resolved to ids by name, refused when missing (autotask.md §7)."""

    note_type: str
    publish_internal: str
    publish_all: str
    status_complete: str
    status_waiting: str
    queue: str
    priority_normal: str
    priority_top: str


class Patience(Frozen):
    """How long a wait may last: in business days until the mail is repeated, then until the senior colleague."""

    remind_after: int
    hand_over_after: int


class TenantSettings(Frozen):
    """What a customer new to Microsoft 365 needs (P3, P8, P12). `answers` replace those of customers with a tenant.

    `groups`: the security groups of ours that get the delegated roles. `tenant_traits`: which trait of the tenant's
    asset holds its name, id and domain; empty: not documented there.
    """

    answers: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    shared_mail_domains: tuple[str, ...] = ()
    admin_user: str = "admin"
    admin_category: str = "Microsoft 365 admin"
    key_category: str = "OTP secret key"
    senior_group: str = "senior staff"
    itglue_admin: Person | None = None
    groups: tuple[str, ...] = ()
    relationship_days: int = 730
    tenant_traits: dict[str, str] = Field(default_factory=dict)
    company_country: str = ""


class Settings(Frozen):
    """Everything that an owner decides. People are configuration, never code."""

    msp_name: str
    calendar: Calendar
    shared_mailbox: str
    contracts: Person
    pricing: Person
    billing: Person
    senior_staff: tuple[Person, ...]
    msp_signer: Person
    release: Release
    objection: timedelta
    envelope_life_days: int
    bridge_envelope_days: int
    change_over_days: int
    late_signature_days: int
    patience: Patience
    signing_patience: Patience
    product_map: ProductMap
    answers: AnswerBook
    mca_customer_email: bool
    templates: Templates
    contact_fields: ContactFields
    asset_fields: AssetFields
    labels: AutotaskLabels
    gdap_roles: tuple[str, ...]
    order_mail_sender: str
    order_mail_folder: str
    customer_mail_folder: str
    public_folder_alive: bool
    currency: str
    order_settle: timedelta
    provisioning_poll: timedelta
    provisioning_inline: timedelta
    autotask_url: str
    itglue_url: str
    docusign_url: str
    prefect_url: str
    kb100_url: str
    clock_url: str = ""
    countersign_since: date | None = None
    audit_paper_years: int = 5
    renewal_notice_days: int = 30
    seat_evidence_days: int = 30
    tenants: TenantSettings = TenantSettings()

    def senior_for(self, requester_email: str) -> Person:
        """The senior colleague for a requester: the first on the list who isn't the requester (clauses, Roles)."""
        for person in self.senior_staff:
            if not same_address(person.email, requester_email):
                return person
        raise ValueError("the settings name no senior colleague besides the requester")

    def template_for(self, term_value: str) -> str:
        return self.templates.monthly if term_value == "Monthly" else self.templates.annual
