"""Customers' tenants: licences as they follow from the distributor's subscriptions, users, domains (graph.md §7)."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, World, new_id, stable_id
from sandbox.graph_answers import Parameters, at, collection, refuse, selected
from sandbox.graph_filter import parse, parse_time, prop
from sandbox.world import SEED

TENANTS = "graph.tenants"
USERS = "graph.users"
ONMICROSOFT = ".onmicrosoft.com"
_LIVE = ("Active", "Trial")

READERS = {
    "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",  # Directory Readers
    "f2ef992c-3afb-46b9-b7cf-a126ee74c451",  # Global Reader
}
LICENCE_ADMINISTRATOR = "4d6ac14f-3453-41d0-bef9-a3e0c569773a"
USER_ADMINISTRATOR = "fe930be7-5e62-47db-91af-98c3a49a38b1"
AUTHENTICATION_ADMINISTRATOR = "c4e39bd9-1100-46d3-8c65-fb160da0071f"
DOMAIN_ADMINISTRATOR = "8329153b-31d0-4727-b945-745eb3bc5f31"

USER_PROPERTIES = (
    "id",
    "displayName",
    "userPrincipalName",
    "mail",
    "mailNickname",
    "accountEnabled",
    "usageLocation",
    "assignedLicenses",
    "licenseAssignmentStates",
    "createdDateTime",
    "lastPasswordChangeDateTime",
)
_SHOWN_BY_DEFAULT = ("id", "displayName", "userPrincipalName", "mail")
_NEW_USER = {"accountEnabled", "displayName", "mailNickname", "userPrincipalName", "passwordProfile"}
_CHANGEABLE = {"accountEnabled", "displayName", "usageLocation", "mailNickname"}


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


def _subscriptions(world: World, tenant_id: str) -> list[Record]:
    """The distributor's subscriptions that Microsoft has in this tenant.

    One that is stuck in provisioning is there already: only the distributor's status lags (pax8.md §7).
    """
    stuck = world.setting("pax8.provisioning") == "stuck"
    live = (*_LIVE, "PendingManual") if stuck else _LIVE
    found = [s for s in world.store.all("pax8.subscriptions") if s.get("tenantId") == tenant_id and s["status"] in live]
    return sorted(found, key=lambda s: (str(s["startDate"]), str(s["id"])))


def _part_number(subscription: Record) -> str:
    return next((p.sku_part_number for p in SEED.products if p.product_id == subscription["productId"]), "")


def _users(world: World, tenant_id: str) -> list[Record]:
    return [u for u in world.store.all(USERS) if u["tenant"] == tenant_id]


def _consumed(world: World, tenant_id: str, sku_id: str) -> int:
    return sum(sku_id in {a["skuId"] for a in u["assignedLicenses"]} for u in _users(world, tenant_id))


def _skus(world: World, tenant_id: str) -> list[Record]:
    rows: dict[str, Record] = {}
    for subscription in _subscriptions(world, tenant_id):
        sku = str(subscription["vendorSkuId"])
        if sku not in rows:
            rows[sku] = {
                "id": f"{tenant_id}_{sku}",
                "skuId": sku,
                "skuPartNumber": _part_number(subscription),
                "capabilityStatus": "Enabled",
                "appliesTo": "User",
                "consumedUnits": _consumed(world, tenant_id, sku),
                "prepaidUnits": {"enabled": 0, "warning": 0, "suspended": 0, "lockedOut": 0},
                "servicePlans": [],
                "subscriptionIds": [],
            }
        rows[sku]["prepaidUnits"]["enabled"] += int(subscription["quantity"])
        rows[sku]["subscriptionIds"].append(subscription["vendorSubscriptionId"])
    return list(rows.values())


def subscribed_skus(world: World, request: Request, tenant_id: str) -> Response:
    """One row a SKU, all its subscriptions summed; there is no `$filter`."""
    parameters = Parameters(request, ("$select",))
    names = parameters.names("$select")
    rows = _skus(world, tenant_id)
    known = (*rows[0],) if rows else tuple(names)
    return collection([selected(r, names, known) for r in rows], context="$metadata#subscribedSkus")


def directory_subscriptions(world: World, request: Request, tenant_id: str) -> Response:
    """One row a commercial subscription, with its next lifecycle date."""
    Parameters(request, ())
    rows = []
    for subscription in _subscriptions(world, tenant_id):
        commitment = subscription.get("commitment") or {}
        next_date = commitment.get("endDate") or subscription.get("endDate")
        rows.append(
            {
                "id": stable_id("graph-subscription", str(subscription["id"])),
                "commerceSubscriptionId": subscription["vendorSubscriptionId"],
                "skuId": subscription["vendorSkuId"],
                "skuPartNumber": _part_number(subscription),
                "status": "Enabled",
                "totalLicenses": int(subscription["quantity"]),
                "isTrial": subscription["status"] == "Trial",
                "createdDateTime": at(parse_time(str(subscription["startDate"]))),
                "nextLifecycleDateTime": at(parse_time(str(next_date))) if next_date else None,
                "ownerTenantId": SEED.msp.tenant_id,
                "ownerType": "Partner",
                "serviceStatus": [],
            }
        )
    return collection(rows, context="$metadata#directory/subscriptions")


def _tenant(world: World, tenant_id: str) -> Record:
    tenant = world.store.get(TENANTS, tenant_id)
    assert tenant is not None  # noqa: S101 - a token is only given out for a tenant that exists
    return tenant


def list_domains(world: World, tenant_id: str) -> Response:
    """The tenant's domains; `isInitial` marks the `*.onmicrosoft.com` one."""
    return collection(_tenant(world, tenant_id)["domains"], context="$metadata#domains")


def show_domain(world: World, tenant_id: str, name: str) -> Response:
    """One domain."""
    return JSONResponse(_domain(world, tenant_id, name))


def _domain(world: World, tenant_id: str, name: str) -> Record:
    for domain in _tenant(world, tenant_id)["domains"]:
        if domain["id"] == name.lower():
            return dict(domain)
    raise refuse(404, f"Resource '{name}' does not exist.", "Request_ResourceNotFound")


def add_domain(world: World, tenant_id: str, body: Any) -> Response:
    """201: unverified, until its record is found."""
    name = str(body.get("id", "")).lower() if isinstance(body, dict) and set(body) == {"id"} else ""
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", name):
        raise refuse(400, "A domain has an id, and nothing else.", "Request_BadRequest")
    taken = {d["id"] for t in world.store.all(TENANTS) for d in t["domains"] if d["isVerified"]}
    tenant = _tenant(world, tenant_id)
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
    tenant = _tenant(world, tenant_id)
    others = [d for d in tenant["domains"] if d["id"] != domain["id"]]
    world.store.put(TENANTS, tenant_id, {**tenant, "domains": [*others, domain]})
    world.effect("domain verified", vendor="graph", tenant=tenant_id, domain=domain["id"])
    return JSONResponse(domain)


def list_users(world: World, request: Request, tenant_id: str) -> Response:
    """Users of the tenant; `$filter` by name or address."""
    parameters = Parameters(request, ("$filter", "$select", "$top", "$count"))
    found = _users(world, tenant_id)
    if parameters.text("$filter"):
        properties = {n: prop(n) for n in ("userPrincipalName", "mail", "displayName")}
        wanted = parse(parameters.text("$filter"), properties | {"accountEnabled": prop("accountEnabled", "bool")})
        found = [u for u in found if wanted.matches(u)]
    names = parameters.names("$select")
    return collection([_shown_user(u, names) for u in found], context="$metadata#users")


def _shown_user(user: Record, names: list[str]) -> Record:
    told = {k: v for k, v in user.items() if k in USER_PROPERTIES}
    told["licenseAssignmentStates"] = [
        {"skuId": a["skuId"], "state": "Active", "error": "None", "disabledPlans": a["disabledPlans"]}
        for a in user["assignedLicenses"]
    ]
    return selected(told, names or list(_SHOWN_BY_DEFAULT), USER_PROPERTIES)


def find_user(world: World, tenant_id: str, key: str) -> Record:
    """The user of an id or user principal name; a 404 means that the name is free."""
    for user in _users(world, tenant_id):
        if key in (user["id"], user["userPrincipalName"]) or key.lower() == user["userPrincipalName"].lower():
            return user
    raise refuse(404, f"Resource '{key}' does not exist.", "Request_ResourceNotFound")


def show_user(request: Request, user: Record) -> Response:
    """One user."""
    parameters = Parameters(request, ("$select",))
    return JSONResponse(_shown_user(user, parameters.names("$select")))


def create_user(world: World, tenant_id: str, body: Any) -> Response:
    """201; the name's domain must be a verified one of the tenant."""
    if not isinstance(body, dict) or _NEW_USER - set(body) or set(body) - _NEW_USER - {"usageLocation"}:
        raise refuse(400, f"A new user has {', '.join(sorted(_NEW_USER))}.", "Request_BadRequest")
    profile = body["passwordProfile"]
    if not isinstance(profile, dict) or not profile.get("password"):
        raise refuse(400, "passwordProfile needs a password.", "Request_BadRequest")
    upn = str(body["userPrincipalName"])
    verified = {d["id"] for d in _tenant(world, tenant_id)["domains"] if d["isVerified"]}
    if upn.partition("@")[2].lower() not in verified:
        text = "The domain portion of the userPrincipalName property is invalid."
        raise refuse(400, text, "Request_BadRequest")
    if any(u["userPrincipalName"].lower() == upn.lower() for u in _users(world, tenant_id)):
        text = "Another object with the same value for property userPrincipalName already exists."
        raise refuse(400, text, "Request_BadRequest")
    user = add_user(world, tenant_id, str(body["displayName"]), upn, body.get("usageLocation"), [])
    user |= {"accountEnabled": bool(body["accountEnabled"]), "mailNickname": str(body["mailNickname"])}
    world.store.put(USERS, user["id"], user)
    world.effect("user created", vendor="graph", tenant=tenant_id, upn=upn)
    return JSONResponse(_shown_user(user, []), 201)


def change_user(world: World, tenant_id: str, user: Record, body: Any) -> Response:
    """PATCH: 204."""
    if not isinstance(body, dict) or set(body) - _CHANGEABLE:
        raise refuse(400, f"Only {', '.join(sorted(_CHANGEABLE))} can be changed.", "Request_BadRequest")
    location = body.get("usageLocation")
    if location is not None and not re.fullmatch("[A-Z]{2}", str(location)):
        raise refuse(400, "usageLocation has two letters.", "Request_BadRequest")
    world.store.put(USERS, user["id"], {**user, **body})
    changed = sorted(body)
    world.effect("user changed", vendor="graph", tenant=tenant_id, upn=user["userPrincipalName"], changed=changed)
    return Response(status_code=204)


def assign_licence(world: World, tenant_id: str, user: Record, body: Any) -> Response:
    """Adds and removes licences; both arrays are mandatory, adding one again is harmless."""
    both = isinstance(body, dict) and set(body) == {"addLicenses", "removeLicenses"}
    if not both or not all(isinstance(v, list) for v in body.values()):
        raise refuse(400, "addLicenses and removeLicenses are both needed.", "Request_BadRequest")
    if not user["usageLocation"]:
        text = "License assignment cannot be done for user with invalid usage location."
        raise refuse(400, text, "Request_BadRequest")
    held = {a["skuId"]: a for a in user["assignedLicenses"]}
    available = {s["skuId"]: s["prepaidUnits"]["enabled"] - s["consumedUnits"] for s in _skus(world, tenant_id)}
    for sku in body["removeLicenses"]:
        if held.pop(str(sku), None) is None:
            raise refuse(400, f"User does not have a corresponding license {sku}.", "Request_BadRequest")
    for one in body["addLicenses"]:
        sku = str(one.get("skuId")) if isinstance(one, dict) else ""
        if sku not in available:
            raise refuse(400, f"License {sku} does not correspond to a valid company License.", "Request_BadRequest")
        if sku not in held and available[sku] < 1:
            text = f"Subscription with SKU {sku} does not have any available licenses."
            raise refuse(400, text, "Request_BadRequest")
        held[sku] = {"skuId": sku, "disabledPlans": one.get("disabledPlans", [])}
    changed = world.store.put(USERS, user["id"], {**user, "assignedLicenses": list(held.values())})
    upn = user["userPrincipalName"]
    world.effect("licences assigned", vendor="graph", tenant=tenant_id, upn=upn, skus=sorted(held))
    return JSONResponse(_shown_user(changed, []))


def licence_details(world: World, tenant_id: str, user: Record) -> Response:
    """The licences that the user holds, with their part numbers."""
    names = {s["skuId"]: s["skuPartNumber"] for s in _skus(world, tenant_id)}
    told = [
        {"id": new_id(), "skuId": a["skuId"], "skuPartNumber": names.get(a["skuId"], ""), "servicePlans": []}
        for a in user["assignedLicenses"]
    ]
    return collection(told, context="$metadata#licenseDetails")


def software_tokens(user: Record) -> Response:
    """The user's software OATH methods; the secret is always null (graph.md §1.6)."""
    told = [{"id": one["id"], "secretKey": None} for one in user["softwareOathMethods"]]
    return collection(told, context="$metadata#softwareOathMethods")


def register_token(world: World, upn: str) -> Record:
    """A person registers an authenticator app for the user, and changes the password while at it."""
    for user in world.store.all(USERS):
        if user["userPrincipalName"].lower() == upn.lower():
            methods = [*user["softwareOathMethods"], {"id": new_id()}]
            changed = {"softwareOathMethods": methods, "lastPasswordChangeDateTime": at(world.now())}
            world.effect("authenticator registered", vendor="graph", tenant=user["tenant"], upn=upn)
            return world.store.put(USERS, user["id"], {**user, **changed})
    raise refuse(404, f"There is no user {upn}.")
