"""Users of a customer's tenant: read, created, licensed, their authenticators (graph.md §7.2 and §7.4)."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, World, new_id
from sandbox.graph_answers import Parameters, at, collection, refuse, selected
from sandbox.graph_filter import parse, prop
from sandbox.graph_licences import skus_of
from sandbox.graph_tenants import USERS, add_user, tenant_of, users_of

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


def list_users(world: World, request: Request, tenant_id: str) -> Response:
    """Users of the tenant; `$filter` by name or address."""
    parameters = Parameters(request, ("$filter", "$select", "$top", "$count"))
    found = users_of(world, tenant_id)
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
    for user in users_of(world, tenant_id):
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
    verified = {d["id"] for d in tenant_of(world, tenant_id)["domains"] if d["isVerified"]}
    if upn.partition("@")[2].lower() not in verified:
        text = "The domain portion of the userPrincipalName property is invalid."
        raise refuse(400, text, "Request_BadRequest")
    if any(u["userPrincipalName"].lower() == upn.lower() for u in users_of(world, tenant_id)):
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
    available = {s["skuId"]: s["prepaidUnits"]["enabled"] - s["consumedUnits"] for s in skus_of(world, tenant_id)}
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
    names = {s["skuId"]: s["skuPartNumber"] for s in skus_of(world, tenant_id)}
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
