"""The settings block: everything an owner decides, as one flat form in the Prefect UI (decision 7)."""

from datetime import date, timedelta
from typing import ClassVar, Literal

from prefect.blocks.core import Block
from pydantic import Field

from rules.calendar import Calendar
from rules.people import Person
from rules.product_map import ProductMap
from rules.provisioning import AnswerBook
from rules.settings import (
    AssetFields,
    AutotaskLabels,
    ContactFields,
    ContactSource,
    Patience,
    Release,
    Settings,
    Templates,
    TenantSettings,
)


class CountersignSettings(Block):
    """People, calendar, folders, templates and policies. Flat on purpose: lists would be raw JSON in the UI's form."""

    _block_type_name: ClassVar[str] = "Countersign settings"
    _block_type_slug: ClassVar[str] = "countersign-settings"
    _description: ClassVar[str] = "The MSP's own people, calendar, folders, templates and policies."

    msp_name: str = Field(description="The MSP's name, as customers know it.")
    time_zone: str = Field(description="The MSP's time zone, e.g. America/New_York.")
    holiday_country: str = Field(description="Country of the holiday calendar, ISO code, e.g. US.")
    holiday_subdivision: str = Field(default="", description="State or province of the holiday calendar, e.g. NY.")
    closed_days: str = Field(default="", description="Further closed days, one a line, as 2026-12-24.")

    shared_mailbox: str = Field(description="The one shared mailbox that mail goes out from and is filed in (P2, P5).")
    contracts: str = Field(description="Who creates agreements: Name <address>, phone.")
    pricing: str = Field(description="Who confirms prices: Name <address>, phone.")
    billing: str = Field(description="Who commences billing: Name <address>, phone.")
    senior_staff: str = Field(description="Senior staff, one a line, first choice first: Name <address>, phone.")
    msp_signer: str = Field(description="Who countersigns agreements for the MSP: Name <address>.")

    release: Literal["contracts releases", "sent directly"] = Field(
        default="contracts releases", description="Whether contracts looks at each draft before it goes out (N4)."
    )
    objection_minutes: int = Field(
        default=10, ge=0, description="How long a release or a price waits for 'that wasn't me' (0: not at all)."
    )
    envelope_life_days: int = Field(default=60, gt=0, description="After how many days an unsigned agreement expires.")
    bridge_envelope_days: int = Field(
        default=30, gt=0, description="How many days after its bridge's end an unsigned agreement expires (Y6)."
    )
    change_over_days: int = Field(
        default=3, gt=0, description="Business days before a bridge's end on which the annual term is ordered (Y5)."
    )
    late_signature_days: int = Field(
        default=30,
        gt=0,
        description="Signed later than this many days after sending: the requester confirms (N6).",
    )
    remind_after_days: int = Field(default=1, gt=0, description="Business days until a waiting person is mailed again.")
    hand_over_after_days: int = Field(
        default=3, gt=0, description="Business days until a wait is handed to the senior colleague."
    )

    sign_remind_days: int = Field(default=3, gt=0, description="Business days until the signer is reminded by us.")
    sign_hand_over_days: int = Field(
        default=7, gt=0, description="Business days until the requester is asked to call the signer."
    )

    product_map: str = Field(description="One product a line: agreement name | quote name | Pax8 product id (N1, P1).")
    provisioning_answers: str = Field(description="One answer a line: key = answer, with {placeholders} (P6).")
    mca_customer_email: bool = Field(
        default=False, description="Whether the customer's mail address may stand in Microsoft's agreement (P6)."
    )

    template_monthly: str = Field(description="DocuSign template id of the monthly agreement (N4).")
    template_annual: str = Field(description="DocuSign template id of the annual agreement (N4).")
    template_rows: int = Field(default=4, gt=0, description="How many product rows the templates have.")
    client_role: str = Field(default="Client signer", description="The customer's role in the templates.")
    msp_role: str = Field(default="MSP signer", description="Our role in the templates.")

    contact_source: Literal["IT Glue asset", "Autotask contact field"] = Field(
        default="IT Glue asset", description="Where the customer's authorised contacts are named."
    )
    contact_itglue_type: str = Field(default="Authorised contacts", description="IT Glue flexible asset type.")
    contact_itglue_email: str = Field(default="email", description="Its name-key for the mail address.")
    contact_itglue_may_confirm: str = Field(default="may-confirm", description="Its name-key for 'may confirm'.")
    contact_itglue_may_sign: str = Field(default="may-sign", description="Its name-key for 'may sign'.")
    contact_itglue_limit: str = Field(default="first-term-limit", description="Its name-key for the limit.")
    contact_autotask_may_confirm: str = Field(default="May confirm", description="Autotask's field for 'may confirm'.")
    contact_autotask_may_sign: str = Field(default="May sign", description="Autotask's field for 'may sign'.")

    application_type: str = Field(default="Application", description="IT Glue type of the Application asset (P11).")
    application_traits: str = Field(
        default=(
            "name = application-name\nvendor = vendor\nseats = licence-count\nsubscription = subscription-id\n"
            "renewal = renewal-date\nterm = term\nagreement = agreement\nticket = ticket\nusers = licensed-users\n"
            "notes = notes\npasswords = related-passwords"
        ),
        description="Which trait of it holds what, one a line: ours = name-key.",
    )
    application_terms: str = Field(
        default="Monthly = Monthly\n1-Year = Annual",
        description="How IT Glue's drop-down calls each term, one a line: our term = its choice (P11).",
    )
    tenant_type: str = Field(default="Microsoft tenant", description="IT Glue type that holds the tenant id.")
    tenant_trait: str = Field(default="tenant-id", description="Its name-key for the tenant id.")

    tenant_traits: str = Field(
        default="name = tenant-name\nid = tenant-id\ndomain = onmicrosoft",
        description="Which trait of it holds what, one a line: ours = name-key. Empty: no tenant is documented (P11).",
    )
    new_tenant_answers: str = Field(
        default="",
        description="For customers without a tenant, one answer a line: key = answer; {onmicrosoft_prefix} (P3).",
    )
    shared_mail_domains: str = Field(
        default=(
            "gmail.com\ngooglemail.com\noutlook.com\nhotmail.com\nlive.com\nmsn.com\nyahoo.com\naol.com\nicloud.com\n"
            "me.com\nproton.me\nprotonmail.com\ngmx.com\ngmx.net\ncomcast.net\nverizon.net\natt.net"
        ),
        description="Domains of public mail providers, which are no customer's own, one a line (P3).",
    )
    admin_user: str = Field(default="admin", description="The user name of a new tenant's admin, before the @ (P7).")
    admin_category: str = Field(
        default="Microsoft 365 admin", description="IT Glue password category of admin accounts (P11)."
    )
    key_category: str = Field(default="OTP secret key", description="IT Glue category of OTP secret keys (P12).")
    senior_group: str = Field(default="senior staff", description="IT Glue group that may see OTP secret keys (P12).")
    itglue_admin: str = Field(
        default="", description="Who administers IT Glue: Name <address>. Empty: the first of senior staff."
    )
    gdap_groups: str = Field(
        default="", description="Security groups that get the delegated roles, one a line: id, then a remark (P8)."
    )
    gdap_days: int = Field(default=730, gt=0, le=730, description="How many days a relationship lasts (P8).")
    company_country: str = Field(
        default="", description="Country of customers created at Pax8, ISO code. Empty: that of the holiday calendar."
    )

    note_type: str = Field(default="Task Notes", description="Autotask label of the note type.")
    publish_internal: str = Field(default="Internal Users Only", description="Autotask label: our eyes only.")
    publish_all: str = Field(default="All Autotask Users", description="Autotask label: the customer may see it.")
    status_complete: str = Field(default="Complete", description="Autotask label of the finished status.")
    status_waiting: str = Field(default="Waiting Customer", description="Autotask label of the waiting status.")
    queue: str = Field(default="Licences", description="Autotask queue of the tickets we create.")
    priority_normal: str = Field(default="Medium", description="Autotask label of the usual priority.")
    priority_top: str = Field(default="Critical", description="Autotask label of the top priority.")

    gdap_roles: str = Field(default="", description="Role template ids that a GDAP relationship must hold, one a line.")
    order_mail_sender: str = Field(description="Who sends Pax8's order confirmations (P14).")
    order_mail_folder: str = Field(
        default="Vendors/vendor emails/Pax8/orders", description="Where they are filed in the shared mailbox (P14)."
    )
    customer_mail_folder: str = Field(default="ALLGGIT", description="Root of the customers' folders (B3).")
    public_folder_alive: bool = Field(
        default=False, description="A public folder is still used: the mail to billing says 'copy by hand' (P14)."
    )
    currency: str = Field(default="USD", description="Currency of the customers' prices.")

    countersign_since: str = Field(
        default="",
        description="The first day of Countersign, as 2026-12-31: what began before it may stand on paper elsewhere.",
    )
    audit_paper_years: int = Field(
        default=5, gt=0, description="How many years of agreements the audit reads in DocuSign (N5)."
    )
    renewal_notice_days: int = Field(
        default=30, gt=0, description="How many days before an annual renewal the audit asks for its agreement."
    )
    seat_evidence_days: int = Field(
        default=30, gt=0, description="For how many days a customer's written word counts for more seats (S1)."
    )

    order_settle_seconds: float = Field(
        default=600, ge=0, description="How long an order of unknown outcome is looked for before a person decides."
    )
    provisioning_poll_seconds: float = Field(default=900, gt=0, description="How often provisioning is looked at.")
    provisioning_inline_seconds: float = Field(
        default=60, ge=0, le=600, description="How long a run stays awake for provisioning before it goes to sleep."
    )

    autotask_url: str = Field(description="Address of Autotask's web pages, for links.")
    itglue_url: str = Field(description="Address of IT Glue's web pages, for links.")
    docusign_url: str = Field(description="Address of DocuSign's web pages, for links.")
    prefect_url: str = Field(description="Address of the Prefect UI, for links.")
    kb100_url: str = Field(default="", description="Link to AT KB article 100 (P16).")
    clock_url: str = Field(
        default="", description="Sandbox only: where the moved clock is read. Refused with a real vendor's address."
    )

    def read(self) -> Settings:
        """The settings as the rules take them. Raises ValueError naming the field that can't be read."""
        return Settings(
            msp_name=self.msp_name,
            calendar=Calendar(
                time_zone=self.time_zone,
                country=self.holiday_country,
                subdivision=self.holiday_subdivision,
                closed_days=tuple(date.fromisoformat(day.split()[0]) for day in _lines(self.closed_days)),
            ),
            shared_mailbox=self.shared_mailbox,
            contracts=read_person("contracts", self.contracts),
            pricing=read_person("pricing", self.pricing),
            billing=read_person("billing", self.billing),
            senior_staff=tuple(read_person("senior_staff", line) for line in _lines(self.senior_staff)),
            msp_signer=read_person("msp_signer", self.msp_signer),
            release=Release(self.release),
            objection=timedelta(minutes=self.objection_minutes),
            envelope_life_days=self.envelope_life_days,
            bridge_envelope_days=self.bridge_envelope_days,
            change_over_days=self.change_over_days,
            late_signature_days=self.late_signature_days,
            patience=Patience(remind_after=self.remind_after_days, hand_over_after=self.hand_over_after_days),
            signing_patience=Patience(remind_after=self.sign_remind_days, hand_over_after=self.sign_hand_over_days),
            product_map=ProductMap.parse(self.product_map),
            answers=AnswerBook.parse(self.provisioning_answers),
            mca_customer_email=self.mca_customer_email,
            templates=Templates(
                monthly=self.template_monthly,
                annual=self.template_annual,
                rows=self.template_rows,
                client_role=self.client_role,
                msp_role=self.msp_role,
            ),
            contact_fields=ContactFields(
                source=ContactSource(self.contact_source),
                itglue_type=self.contact_itglue_type,
                itglue_email=self.contact_itglue_email,
                itglue_may_confirm=self.contact_itglue_may_confirm,
                itglue_may_sign=self.contact_itglue_may_sign,
                itglue_limit=self.contact_itglue_limit,
                autotask_may_confirm=self.contact_autotask_may_confirm,
                autotask_may_sign=self.contact_autotask_may_sign,
            ),
            asset_fields=AssetFields(
                application_type=self.application_type,
                traits=_pairs("application_traits", self.application_traits),
                terms=_pairs("application_terms", self.application_terms),
                tenant_type=self.tenant_type,
                tenant_id=self.tenant_trait,
            ),
            labels=AutotaskLabels(
                note_type=self.note_type,
                publish_internal=self.publish_internal,
                publish_all=self.publish_all,
                status_complete=self.status_complete,
                status_waiting=self.status_waiting,
                queue=self.queue,
                priority_normal=self.priority_normal,
                priority_top=self.priority_top,
            ),
            gdap_roles=tuple(line.split()[0] for line in _lines(self.gdap_roles)),
            order_mail_sender=self.order_mail_sender,
            order_mail_folder=self.order_mail_folder,
            customer_mail_folder=self.customer_mail_folder,
            public_folder_alive=self.public_folder_alive,
            currency=self.currency,
            countersign_since=_day("countersign_since", self.countersign_since),
            audit_paper_years=self.audit_paper_years,
            renewal_notice_days=self.renewal_notice_days,
            seat_evidence_days=self.seat_evidence_days,
            tenants=TenantSettings(
                answers=AnswerBook.parse(self.new_tenant_answers).answers,
                shared_mail_domains=tuple(line.split()[0] for line in _lines(self.shared_mail_domains)),
                admin_user=self.admin_user,
                admin_category=self.admin_category,
                key_category=self.key_category,
                senior_group=self.senior_group,
                itglue_admin=read_person("itglue_admin", self.itglue_admin) if self.itglue_admin.strip() else None,
                groups=tuple(line.split()[0] for line in _lines(self.gdap_groups)),
                relationship_days=self.gdap_days,
                tenant_traits=_pairs("tenant_traits", self.tenant_traits),
                company_country=self.company_country,
            ),
            order_settle=timedelta(seconds=self.order_settle_seconds),
            provisioning_poll=timedelta(seconds=self.provisioning_poll_seconds),
            provisioning_inline=timedelta(seconds=self.provisioning_inline_seconds),
            autotask_url=self.autotask_url.rstrip("/"),
            itglue_url=self.itglue_url.rstrip("/"),
            docusign_url=self.docusign_url.rstrip("/"),
            prefect_url=self.prefect_url.rstrip("/"),
            kb100_url=self.kb100_url,
            clock_url=self.clock_url,
        )


def read_person(field: str, text: str) -> Person:
    """Read `Name <address>, phone`. Raises ValueError naming the settings field."""
    name, opening, rest = text.partition("<")
    address, closing, phone = rest.partition(">")
    if not (name.strip() and opening and closing and "@" in address):
        raise ValueError(f"settings, {field}: write 'Name <address>, phone', not '{text}'")
    return Person(name=name.strip(), email=address.strip(), phone=phone.strip(" ,"))


def _day(field: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise ValueError(f"settings, {field}: write a day as 2026-12-31, not '{text}'") from None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def _pairs(field: str, text: str) -> dict[str, str]:
    pairs = {}
    for line in _lines(text):
        ours, separator, theirs = (part.strip() for part in line.partition("="))
        if not separator or not ours or not theirs:
            raise ValueError(f"settings, {field}: write 'ours = name-key', not '{line}'")
        pairs[ours] = theirs
    return pairs
