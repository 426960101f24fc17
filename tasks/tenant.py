"""The customer's Microsoft tenant: from an active GDAP relationship or the IT Glue asset, never guessed (P8)."""

from dataclasses import dataclass

from rules.refusal import Problem
from tasks.office import office
from vendors.errors import NotFound


@dataclass(frozen=True)
class FoundTenant:
    """A tenant and where it is known from. `gdap`: an active relationship with every role that we need."""

    tenant_id: str
    source: str
    gdap: bool


async def find_tenant(
    customer: str, domains: tuple[str, ...], organisation_id: int, chosen: str
) -> FoundTenant | Problem:
    """The customer's one tenant. Several: `chosen` decides, or the problem lists them. None: refused for now."""
    settings = office().settings
    active = await office().partner.relationships()
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
            way_out="If the customer has one, record its id in IT Glue and start again. A customer without any "
            "Microsoft tenant can't be ordered for with this procedure yet.",
        )
    tenant_id = chosen or next(iter(found))
    needed = frozenset(settings.gdap_roles)
    gdap = any(r.customer_tenant_id == tenant_id and needed <= r.roles for r in active)
    return FoundTenant(tenant_id=tenant_id, source=found[tenant_id], gdap=gdap)


async def tenants_in_itglue(organisation_id: int) -> list[str]:
    """The tenant ids that the customer's IT Glue assets name."""
    fields = office().settings.asset_fields
    try:
        layout = await office().itglue.flexible_asset_type(fields.tenant_type)
    except NotFound:
        return []
    assets = await office().itglue.flexible_assets(layout.id, organisation_id)
    return [str(a.traits[fields.tenant_id]) for a in assets if a.traits.get(fields.tenant_id)]
