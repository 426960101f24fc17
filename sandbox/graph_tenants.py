"""Customers' tenants: licences as they follow from the distributor's subscriptions, users, domains (graph.md §7)."""

import re
from typing import Any

from starlette.responses import JSONResponse, Response

from sandbox.core import Record, World, stable_id
from sandbox.graph_answers import at, collection, refuse

TENANTS = "graph.tenants"
USERS = "graph.users"
ONMICROSOFT = ".onmicrosoft.com"

READERS = {
    "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",  # Directory Readers
    "f2ef992c-3afb-46b9-b7cf-a126ee74c451",  # Global Reader
}
LICENCE_ADMINISTRATOR = "4d6ac14f-3453-41d0-bef9-a3e0c569773a"
USER_ADMINISTRATOR = "fe930be7-5e62-47db-91af-98c3a49a38b1"
AUTHENTICATION_ADMINISTRATOR = "c4e39bd9-1100-46d3-8c65-fb160da0071f"
DOMAIN_ADMINISTRATOR = "8329153b-31d0-4727-b945-745eb3bc5f31"


def add_tenant(world: World, tenant_id: str, name: str, prefix: str, domains: tuple[str, ...] = ()) -> Record:
    """A tenant; `prefix` comes before `.onmicrosoft.com`, the first other domain becomes the default one."""
    initial = prefix + ONMICROSOFT
    names = [*domains, initial]
    shown = [
        {
            "id": one,
            "isDefault": one == names[0],
            "isInitial": one == initial,
            "isVerified": True,
            "authenticationType": "Managed",
            "supportedServices": ["Email", "OfficeCommunicationsOnline"],
        }
        for one in names
    ]
    tenant = {"id": tenant_id, "displayName": name, "domains": shown}
    return world.store.put(TENANTS, tenant_id, tenant)


def add_user(world: World, tenant_id: str, name: str, upn: str, location: str | None, skus: list[str]) -> Record:
    """A user account of a tenant."""
    user: Record = {
        "id": stable_id("graph-user", upn),
        "tenant": tenant_id,
        "displayName": name,
        "userPrincipalName": upn,
        "mail": upn,
        "mailNickname": upn.partition("@")[0],
        "accountEnabled": True,
        "usageLocation": location,
        "assignedLicenses": [{"skuId": sku, "disabledPlans": []} for sku in skus],
        "createdDateTime": at(world.now()),
        "lastPasswordChangeDateTime": at(world.now()),
        "softwareOathMethods": [],
    }
    return world.store.put(USERS, user["id"], user)


def users_of(world: World, tenant_id: str) -> list[Record]:
    """The user accounts of a tenant."""
    return [u for u in world.store.all(USERS) if u["tenant"] == tenant_id]


def tenant_information(world: World, domain: str) -> Response:
    """`findTenantInformationByDomainName`: the tenant that has verified the domain; 404 where none has."""
    for tenant in world.store.all(TENANTS):
        if any(d["id"].lower() == domain.lower() and d["isVerified"] for d in tenant["domains"]):
            default = next(d["id"] for d in tenant["domains"] if d["isDefault"])
            return JSONResponse(
                {
                    "@odata.context": "$metadata#microsoft.graph.tenantInformation",
                    "tenantId": tenant["id"],
                    "displayName": tenant["displayName"],
                    "defaultDomainName": default,
                    "federationBrandName": None,
                }
            )
    raise refuse(404, f"No tenant was found for the domain {domain}.", "Directory_ObjectNotFound")


def tenant_of(world: World, tenant_id: str) -> Record:
    """The tenant that a token was given out for."""
    tenant = world.store.get(TENANTS, tenant_id)
    assert tenant is not None  # noqa: S101 - a token is only given out for a tenant that exists
    return tenant


def list_domains(world: World, tenant_id: str) -> Response:
    """The tenant's domains; `isInitial` marks the `*.onmicrosoft.com` one."""
    return collection(tenant_of(world, tenant_id)["domains"], context="$metadata#domains")


def show_domain(world: World, tenant_id: str, name: str) -> Response:
    """One domain."""
    return JSONResponse(_domain(world, tenant_id, name))


def _domain(world: World, tenant_id: str, name: str) -> Record:
    for domain in tenant_of(world, tenant_id)["domains"]:
        if domain["id"] == name.lower():
            return dict(domain)
    raise refuse(404, f"Resource '{name}' does not exist.", "Request_ResourceNotFound")


def add_domain(world: World, tenant_id: str, body: Any) -> Response:
    """201: unverified, until its record is found."""
    name = str(body.get("id", "")).lower() if isinstance(body, dict) and set(body) == {"id"} else ""
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", name):
        raise refuse(400, "A domain has an id, and nothing else.", "Request_BadRequest")
    taken = {d["id"] for t in world.store.all(TENANTS) for d in t["domains"] if d["isVerified"]}
    tenant = tenant_of(world, tenant_id)
    if name in taken | {d["id"] for d in tenant["domains"]}:
        raise refuse(400, f"The domain {name} is in use already.", "Request_BadRequest")
    domain = {
        "id": name,
        "isDefault": False,
        "isInitial": False,
        "isVerified": False,
        "authenticationType": "Managed",
        "supportedServices": [],
    }
    world.store.put(TENANTS, tenant_id, {**tenant, "domains": [*tenant["domains"], domain]})
    world.effect("domain added", vendor="graph", tenant=tenant_id, domain=name)
    return JSONResponse(domain, 201)


def verification_records(world: World, tenant_id: str, name: str) -> Response:
    """The TXT record that proves the domain."""
    domain = _domain(world, tenant_id, name)
    text = f"MS=ms{stable_id('domain', tenant_id, name)[:8]}"
    record = {"recordType": "Txt", "label": domain["id"], "text": text, "ttl": 3600, "isOptional": False}
    return collection([record], context="$metadata#domains/verificationDnsRecords")


def verify_domain(world: World, tenant_id: str, name: str) -> Response:
    """The record counts as published: 200 with the verified domain."""
    domain = _domain(world, tenant_id, name) | {"isVerified": True, "supportedServices": ["Email"]}
    tenant = tenant_of(world, tenant_id)
    others = [d for d in tenant["domains"] if d["id"] != domain["id"]]
    world.store.put(TENANTS, tenant_id, {**tenant, "domains": [*others, domain]})
    world.effect("domain verified", vendor="graph", tenant=tenant_id, domain=domain["id"])
    return JSONResponse(domain)
