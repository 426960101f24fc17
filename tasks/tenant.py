"""The customer's Microsoft tenant: from an active GDAP relationship or the IT Glue asset, never guessed (P8)."""

from dataclasses import dataclass

from rules.refusal import Problem
from rules.request import Customer
from rules.tenant import initial_domain
from tasks.office import office
from vendors.errors import NotFound
from vendors.graph import Relationship


@dataclass(frozen=True)
class FoundTenant:
    """A tenant and where it is known from. `gdap`: an active relationship with every role that we need."""

    tenant_id: str
    source: str
    gdap: bool


async def find_tenant(
    customer: str, domains: tuple[str, ...], organisation_id: int, chosen: str
) -> FoundTenant | Problem:
    """The customer's one tenant. Several: `chosen` decides, or the problem lists them. None: refused."""
    settings = office().settings
    active = await office().partner.relationships()
    found = await known_tenants(customer, domains, organisation_id, active)
    chosen = chosen.strip()
    if chosen and chosen not in found:
        listed = ", ".join(f"{tenant} ({source})" for tenant, source in found.items()) or "none"
        return Problem(
            field="tenant",
            clause="A1",
            message=f"{chosen} is not a tenant of {customer}; known: {listed}.",
            way_out="Take one of them, or record the tenant in IT Glue.",
        )
    if not chosen and len(found) > 1:
        listed = "; ".join(f"{tenant} ({source})" for tenant, source in found.items())
        return Problem(
            field="tenant",
            clause="A1",
            message=f"{customer} has several Microsoft tenants: {listed}.",
            way_out="Ask the customer which one, and put its id into 'tenant'.",
        )
    if not found:
        return Problem(
            field="customer",
            clause="P8",
            message=f"no Microsoft tenant of {customer} is known: no active GDAP relationship, no "
            f"'{settings.asset_fields.tenant_type}' asset in IT Glue.",
            way_out="If the customer has one, record its id in IT Glue and start again. If the customer is new to "
            "Microsoft 365, ask, and start again with 'new_tenant'.",
        )
    tenant_id = chosen or next(iter(found))
    needed = frozenset(settings.gdap_roles)
    gdap = any(r.customer_tenant_id == tenant_id and needed <= r.roles for r in active)
    return FoundTenant(tenant_id=tenant_id, source=found[tenant_id], gdap=gdap)


async def known_tenants(
    customer: str, domains: tuple[str, ...], organisation_id: int, active: list[Relationship]
) -> dict[str, str]:
    """The customer's tenants that we know of, with where from: IT Glue, active relationships, then by the domains."""
    found: dict[str, str] = {}
    for tenant_id in await tenants_in_itglue(organisation_id):
        found[tenant_id] = "IT Glue"
    for relationship in active:
        same_name = relationship.customer_name.casefold() == customer.casefold()
        if relationship.customer_tenant_id and (same_name or relationship.customer_tenant_id in found):
            found[relationship.customer_tenant_id] = f"GDAP relationship {relationship.display_name}"
    if not found:
        for domain in domains:
            tenant = await office().partner.find_tenant(domain)
            if tenant is not None and any(r.customer_tenant_id == tenant.tenant_id for r in active):
                found[tenant.tenant_id] = f"GDAP relationship, by the domain {domain}"
    return found


async def check_no_tenant(
    customer: str, domains: tuple[str, ...], own: tuple[str, ...], organisation_id: int
) -> list[Problem]:
    """Whatever says that a customer who is said to be new to Microsoft 365 has a tenant already (P3).

    Every one of the customer's own domains is looked up in Microsoft's public discovery: never a second tenant.
    """
    active = await office().partner.relationships()
    known = await known_tenants(customer, domains, organisation_id, active)
    problems = [
        Problem(
            field="new_tenant",
            clause="P3",
            message=f"{customer} has a Microsoft tenant: {tenant} ({source}).",
            way_out="Start again without 'new_tenant'.",
        )
        for tenant, source in known.items()
    ]
    for domain in own:
        tenant = await office().partner.find_tenant(domain)
        if tenant is not None and tenant.tenant_id not in known:
            problems.append(
                Problem(
                    field="new_tenant",
                    clause="P3",
                    message=f"{domain} belongs to a Microsoft tenant already: {tenant.display_name}, "
                    f"{tenant.default_domain_name}, {tenant.tenant_id}.",
                    way_out="Ask the customer. If it is theirs, record its id in IT Glue and start again without "
                    "'new_tenant'; if the domain isn't theirs, correct the contact or website in Autotask, or name it "
                    "among 'shared_mail_domains' of the settings.",
                )
            )
    return problems


async def is_prefix_taken(prefix: str) -> bool:
    """Whether somebody has that onmicrosoft.com domain already, by Microsoft's public discovery (P3)."""
    return await office().partner.find_tenant(initial_domain(prefix)) is not None


async def still_no_tenant(customer: Customer) -> list[Problem]:
    """The look right before the order that makes a tenant: still none, and the prefix is still free (P3)."""
    problems = await check_no_tenant(customer.name, customer.own_domains, customer.own_domains, customer.itglue_id)
    if not problems and await is_prefix_taken(customer.prefix):
        problems.append(
            Problem(
                field="prefix",
                clause="P3",
                message=f"{initial_domain(customer.prefix)} is taken by now.",
                way_out="If it is the customer's, this procedure must not order: withdraw it. Else start anew.",
            )
        )
    return problems


async def tenants_in_itglue(organisation_id: int) -> list[str]:
    """The tenant ids that the customer's IT Glue assets name."""
    fields = office().settings.asset_fields
    try:
        layout = await office().itglue.flexible_asset_type(fields.tenant_type)
    except NotFound:
        return []
    assets = await office().itglue.flexible_assets(layout.id, organisation_id)
    return [str(a.traits[fields.tenant_id]) for a in assets if a.traits.get(fields.tenant_id)]
