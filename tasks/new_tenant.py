"""What a procedure learns of its new customer while it goes on: the prefix, the Pax8 company, the tenant (P2, P3)."""

from rules.order import Frozen
from rules.request import CheckedRequest, Customer
from rules.tenant import initial_domain
from tasks.journal import Journal
from tasks.office import office
from tasks.step import step
from vendors.errors import Refused
from vendors.itglue import FieldMap
from vendors.pax8 import Address, Company, Contact, ContactType

PREFIX, COMPANY, TENANT = "new-tenant-prefix", "new-tenant-company", "new-tenant-id"
"""Where a run remembers each of them."""
PRIMARY_TYPES = ("Admin", "Billing", "Technical")


def known_by_now(request: CheckedRequest, journal: Journal) -> CheckedRequest:
    """The request with what its run has learned since it was checked. Other customers' requests stay as they are."""
    if not request.customer.new_tenant:
        return request
    learned = {
        field: str(journal.get(key))
        for field, key in (("prefix", PREFIX), ("pax8_id", COMPANY), ("tenant_id", TENANT))
        if journal.get(key) is not None
    }
    if "tenant_id" in learned:
        learned["tenant_source"] = "Microsoft, by its prefix"
    return request.model_copy(update={"customer": request.customer.model_copy(update=learned)})


class KeptCompany(Frozen):
    """A company at Pax8 that is linked to the customer."""

    company_id: str
    name: str
    made: bool = False


class TwoCompanies(Exception):
    """Two Pax8 companies carry one customer's id: a person takes it off the wrong one. Nothing was done (P2)."""


@step(key=lambda customer, attempt: str(attempt))
async def create_company(customer: Customer, attempt: int) -> KeptCompany:
    """The customer's company at Pax8: the one that carries our id, or a new one that does (P2).

    Raises `TwoCompanies`, and Pax8's `Refused` in its own words.
    """
    there = [one async for one in office().pax8.companies() if carries(one, customer)]
    if len(there) > 1:
        raise TwoCompanies(", ".join(f"{one.name} ({one.id})" for one in there))
    if there:
        return KeptCompany(company_id=there[0].id, name=there[0].name)
    known = await office().autotask.company(customer.autotask_id)
    settings = office().settings
    made = await office().pax8.create_company(
        Company(
            id="",
            name=customer.name,
            external_id=str(customer.autotask_id),
            website=website_of(known.website, customer.prefix),
            phone=known.phone,
            address=Address(
                street=known.street,
                city=known.city,
                state_or_province=known.state,
                postal_code=known.postal_code,
                country=(settings.tenants.company_country or settings.calendar.country).upper(),
            ),
        )
    )
    return KeptCompany(company_id=made.id, name=made.name, made=True)


def website_of(website: str, prefix: str) -> str:
    """The customer's website as Pax8 demands one; without any, the domain that comes with the tenant (pax8.md §4)."""
    website = website.strip() or initial_domain(prefix)
    return website if "//" in website else f"https://{website}"


def carries(company: Company, customer: Customer) -> bool:
    return company.external_id == str(customer.autotask_id) and company.status != "Deleted"


@step(key=lambda customer, company_id, attempt: f"{company_id}-{attempt}")
async def link_company(customer: Customer, company_id: str, attempt: int) -> KeptCompany:
    """Link the company that a person named, unless another one carries our id by now: then `TwoCompanies` (P2)."""
    pax8 = office().pax8
    others = [one async for one in pax8.companies() if carries(one, customer) and one.id != company_id]
    if others:
        raise TwoCompanies(", ".join(f"{one.name} ({one.id})" for one in others))
    company = await pax8.company(company_id)
    if company.external_id not in ("", str(customer.autotask_id)):
        raise Refused("Pax8", f"{company.name} carries another customer's id already: {company.external_id}")
    if company.external_id != str(customer.autotask_id):
        company = await pax8.set_external_id(company_id, str(customer.autotask_id))
    return KeptCompany(company_id=company.id, name=company.name)


@step(key=lambda company_id, attempt: f"{company_id}-{attempt}")
async def make_our_contact_primary(company_id: str, attempt: int) -> KeptCompany:
    """Our mailbox is the primary contact for all three types, and nobody else is; read back (P2, P5).

    Raises `Refused` where Pax8 shows something else afterwards.
    """
    pax8, settings = office().pax8, office().settings
    people = [one async for one in pax8.contacts(company_id)]
    types = tuple(ContactType(type=kind, primary=True) for kind in PRIMARY_TYPES)
    ours = next((one for one in people if is_ours(one)), None)
    if ours is None:
        if not (settings.contracts.phone or settings.pricing.phone):
            raise Refused("Pax8", "a contact needs a phone number: give one of contracts in the settings")
        wanted = Contact(
            first_name=settings.msp_name,
            last_name="Licences",
            email=settings.shared_mailbox,
            phone=settings.contracts.phone or settings.pricing.phone,
            types=types,
        )
        ours = await pax8.add_contact(company_id, wanted)
    elif not all(ours.is_primary(kind) for kind in PRIMARY_TYPES):
        ours = await pax8.change_contact(company_id, ours.model_copy(update={"types": types}))
    for other in people:
        if other.id != ours.id and any(one.primary for one in other.types):
            second = tuple(one.model_copy(update={"primary": False}) for one in other.types)
            await pax8.change_contact(company_id, other.model_copy(update={"types": second}))
    company = await pax8.company(company_id)
    primary = {
        (kind, one.email)
        for one in [c async for c in pax8.contacts(company_id)]
        for kind in PRIMARY_TYPES
        if one.is_primary(kind)
    }
    if not company.is_active or {email.casefold() for _, email in primary} != {settings.shared_mailbox.casefold()}:
        raise Refused("Pax8", f"{company.name} is '{company.status}', its primary contacts are {sorted(primary)} (P2)")
    return KeptCompany(company_id=company.id, name=company.name)


def is_ours(contact: Contact) -> bool:
    return contact.email.strip().casefold() == office().settings.shared_mailbox.strip().casefold()


@step(key=lambda customer: customer.prefix)
async def document_tenant(customer: Customer) -> int:
    """The tenant's asset in IT Glue, once: the next procedure of this customer knows the tenant by it (P11)."""
    itglue, settings = office().itglue, office().settings
    layout = await itglue.flexible_asset_type(settings.asset_fields.tenant_type)
    fields = FieldMap(layout, settings.tenants.tenant_traits)
    traits = fields.traits({"name": customer.name, "id": customer.tenant_id, "domain": initial_domain(customer.prefix)})
    key = settings.tenants.tenant_traits["id"]
    for asset in await itglue.flexible_assets(layout.id, customer.itglue_id):
        if asset.traits.get(key) == customer.tenant_id:
            return asset.id
    return (await itglue.create_flexible_asset(layout.id, customer.itglue_id, traits)).id
