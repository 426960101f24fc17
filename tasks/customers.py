"""The customer as every system knows him: Autotask, Pax8, IT Glue, Microsoft; or new to the last (N1, P2, P3, P8)."""

import contextlib
from urllib.parse import urlsplit

from rules.refusal import Problem, Refused, refuse
from rules.request import AskedRequest, Customer, LaunchForm
from rules.tenant import own_domains
from tasks import catalogue
from tasks.office import office
from tasks.tenant import FoundTenant, check_no_tenant, find_tenant
from vendors.autotask import Company, Contact
from vendors.errors import NotFound
from vendors.pax8 import Company as Pax8Company


async def the_company(asked: str) -> Company:
    """The customer by exact name or Autotask id. Unknown or ambiguous: refused, near names listed (N1)."""
    asked = asked.strip()
    found = await office().autotask.companies_named(asked)
    exact = [c for c in found if c.name.casefold() == asked.casefold() and c.active]
    if not exact and asked.isdecimal():
        with contextlib.suppress(NotFound):
            found = [await office().autotask.company(int(asked))]
        exact = [company for company in found if company.active]
    if len(exact) == 1:
        return exact[0]
    listed = "; ".join(f"{c.name} ({c.id}{'' if c.active else ', not active'})" for c in (exact or found)[:6])
    if exact:
        raise refuse("customer", "N1", f"several customers are called '{asked}': {listed}.", "Give the Autotask id.")
    near = f"Did you mean: {listed}?" if listed else "No customer in Autotask has a name like it."
    raise refuse("customer", "N1", f"'{asked}' is not an active customer. {near}", "Give the exact name, or the id.")


def domains_of(company: Company, email: str) -> tuple[str, ...]:
    """The customer's domains as we know them: the website's and the signer's mail domain."""
    address = company.website if "//" in company.website else f"//{company.website}"
    host = (urlsplit(address).hostname or "").removeprefix("www.")
    mail = email.rpartition("@")[2].strip().lower()
    return tuple(dict.fromkeys(domain for domain in (host, mail) if "." in domain))


async def customer_with_tenant(
    form: LaunchForm, company: Company, organisation_id: int, domains: tuple[str, ...], problems: list[Problem]
) -> Customer:
    """A customer who has a tenant and is at Pax8; raises `Refused` where one of the two can't be found (P2, P8)."""
    tenant = await find_tenant(company.name, domains, organisation_id, form.tenant)
    if isinstance(tenant, Problem):
        problems.append(tenant)
    pax8_company = await the_pax8_company(company, domains)
    if isinstance(pax8_company, Problem):
        raise Refused([*problems, pax8_company])
    known = tenant if isinstance(tenant, FoundTenant) else FoundTenant(tenant_id="", source="", gdap=False)
    return Customer(
        autotask_id=company.id,
        name=company.name,
        domain=domains[0] if domains else "",
        pax8_id=pax8_company.id,
        itglue_id=organisation_id,
        tenant_id=known.tenant_id,
        tenant_source=known.source,
        gdap_active=known.gdap,
    )


async def the_pax8_company(company: Company, domains: tuple[str, ...]) -> Pax8Company | Problem:
    """The Pax8 company whose external id is the Autotask company. None or two: refused, hits named (P2)."""
    linked, alike = await pax8_companies(company, domains)
    if len(linked) == 1 and linked[0].is_active:
        return linked[0]
    if len(linked) > 1:
        return two_companies(linked)
    if linked:
        message = f"the Pax8 company {linked[0].name} is '{linked[0].status}', orders need Active."
        way_out = "Complete its primary contacts in the Pax8 portal."
    elif alike:
        message = "no Pax8 company carries this customer's id; alike are: " + ", ".join(c.name for c in alike)
        way_out = f"Link the right one: set its external id to {company.id} in Pax8, then start again."
    else:
        message = "this customer is not in Pax8."
        way_out = "A customer new to Pax8 can't be ordered for with this procedure yet."
    return Problem(field="customer", clause="P2", message=message, way_out=way_out)


def two_companies(linked: list[Pax8Company]) -> Problem:
    """Two companies at Pax8 for one of ours: nobody may pick one of them by chance (P2)."""
    return Problem(
        field="customer",
        clause="P2",
        message="two Pax8 companies carry this customer's id: " + ", ".join(c.name for c in linked),
        way_out="Remove the id from the wrong one in the Pax8 portal.",
    )


async def pax8_companies(company: Company, domains: tuple[str, ...]) -> tuple[list[Pax8Company], list[Pax8Company]]:
    """Every Pax8 company that carries the customer's id, and those that are alike by name or domain (P2)."""
    linked, alike = [], []
    async for candidate in office().pax8.companies():
        if candidate.status == "Deleted":
            continue
        if candidate.external_id == str(company.id):
            linked.append(candidate)
        elif candidate.name.casefold() == company.name.casefold() or any(
            domain and domain in candidate.website for domain in domains
        ):
            alike.append(candidate)
    return linked, alike


async def new_customer(
    asked: AskedRequest, company: Company, organisation_id: int, contacts: list[Contact], problems: list[Problem]
) -> Customer:
    """A customer new to Microsoft 365; whatever speaks against it is added to `problems` (P2, P3)."""
    form, settings = asked.form, office().settings
    people = [form.signer, getattr(form, "confirmer", ""), *(c.email for c in contacts if c.active)]
    found = [domain for email in (*people, *asked.licence_users) for domain in domains_of(company, email)]
    own = own_domains(dict.fromkeys(found), settings.tenants.shared_mail_domains)
    problems += await check_no_tenant(company.name, own, own, organisation_id)
    problems += check_tenant_settings()
    linked, _ = await pax8_companies(company, own)
    at_pax8 = linked[0] if len(linked) == 1 else None
    if len(linked) > 1:
        problems.append(two_companies(linked))
    elif at_pax8 is not None and await catalogue.live_subscriptions(at_pax8.id):
        problems.append(
            Problem(
                field="new_tenant",
                clause="P3",
                message=f"{at_pax8.name} has subscriptions at Pax8, so it has a tenant already.",
                way_out="Record the tenant's id in IT Glue, and start again without 'new_tenant'.",
            )
        )
    elif at_pax8 is None:
        problems += check_address(company)
    return Customer(
        autotask_id=company.id,
        name=company.name,
        domain=own[0] if own else "",
        pax8_id=at_pax8.id if at_pax8 is not None and at_pax8.is_active else "",
        itglue_id=organisation_id,
        tenant_id="",
        tenant_source="",
        gdap_active=False,
        new_tenant=True,
        own_domains=own,
    )


def check_tenant_settings() -> list[Problem]:
    """What must be decided before anybody gets a tenant: what Pax8 is answered, and who gets the delegated roles."""
    settings = office().settings
    missing = [
        name
        for name, there in (
            ("new_tenant_answers", settings.tenants.answers),
            ("gdap_roles", settings.gdap_roles),
            ("gdap_groups", settings.tenants.groups),
            ("application_traits, passwords", "passwords" in settings.asset_fields.traits),
            ("tenant_traits", {"name", "id"} <= set(settings.tenants.tenant_traits)),
        )
        if not there
    ]
    if not missing:
        return []
    return [
        Problem(
            field="new_tenant",
            clause="P3",
            message=f"the settings don't say {', '.join(missing)}.",
            way_out="Have the settings block completed.",
        )
    ]


def check_address(company: Company) -> list[Problem]:
    """What Pax8 demands of a new company, and Autotask must know (P2, pax8.md §4)."""
    needed = {"phone": company.phone, "street": company.street, "city": company.city, "zip code": company.postal_code}
    missing = [name for name, value in needed.items() if not value.strip()]
    if not missing:
        return []
    return [
        Problem(
            field="customer",
            clause="P2",
            message=f"{company.name} is not in Pax8, and Autotask lacks its {', '.join(missing)}.",
            way_out="Complete the company in Autotask.",
        )
    ]
