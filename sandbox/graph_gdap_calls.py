"""The calls on delegated admin relationships: list, create, change, requests, access assignments (graph.md §6)."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, World, new_id
from sandbox.graph_answers import Parameters, at, collection, refuse
from sandbox.graph_filter import parse, prop
from sandbox.graph_gdap import (
    ASSIGNMENTS,
    RELATIONSHIPS,
    REQUESTS,
    SETTLING,
    become,
    days_of,
    etag_of,
    new_assignment,
    put_changed,
    tell,
)

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
_WRITABLE = {"displayName", "duration", "autoExtendDuration", "customer", "accessDetails"}
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FILTERABLE = {
    "status": prop("status", "exact"),
    "displayName": prop("displayName"),
    "customer/tenantId": prop("customer/tenantId"),
    "endDateTime": prop("endDateTime", "time"),
}


def _shown(record: Record) -> Record:
    return {"@odata.etag": etag_of(record), **{k: v for k, v in record.items() if not k.startswith("_")}}


def list_relationships(world: World, request: Request) -> Response:
    """A page of up to 300."""
    known = ("$filter", "$select", "$top", "$orderby", "$count", "$skipToken")
    parameters = Parameters(request, known)
    found = sorted(world.store.all(RELATIONSHIPS), key=lambda r: (str(r["createdDateTime"]), str(r["id"])))
    if parameters.text("$filter"):
        wanted = parse(parameters.text("$filter"), _FILTERABLE)
        found = [r for r in found if wanted.matches(r)]
    for one in parameters.names("$orderby")[:1]:
        name, _, direction = one.partition(" ")
        if name not in ("displayName", "createdDateTime", "endDateTime", "status"):
            raise refuse(400, f"Could not order by '{name}'.")
        found.sort(key=lambda r: str(r[name] or ""), reverse=direction.strip() == "desc")
    top = parameters.number("$top", 300, 300) or 300
    skip = parameters.number("$skipToken", 0, 10**9)
    more = parameters.address(**{"$skipToken": str(skip + top)}) if len(found) > skip + top else None
    names = parameters.names("$select")
    page = [_shown(r) for r in found[skip : skip + top]]
    if names:
        page = [{k: v for k, v in r.items() if k in names or k in ("id", "@odata.etag")} for r in page]
    counted = {"@odata.count": len(found)} if parameters.text("$count") == "true" else {}
    return collection(page, context="$metadata#delegatedAdminRelationships", next_link=more, **counted)


def show_relationship(record: Record) -> Response:
    """One relationship."""
    return JSONResponse(_shown(record), headers={"ETag": etag_of(record)})


def _checked(world: World, given: Any, old: Record | None) -> Record:
    if not isinstance(given, dict) or set(given) - _WRITABLE - {"@odata.type"}:
        raise refuse(400, f"A relationship has {', '.join(sorted(_WRITABLE))}.")
    merged: Record = {"autoExtendDuration": "PT0S", "customer": None, **(old or {}), **given}
    name = str(merged.get("displayName") or "")
    if not name or len(name) > 50:
        raise refuse(400, "displayName is required, with at most 50 characters.")
    for other in world.store.all(RELATIONSHIPS):
        if other["displayName"] == name and other["id"] != merged.get("id"):
            raise refuse(409, f"A relationship named '{name}' exists already.", "Conflict")
    if not 1 <= days_of(str(merged.get("duration"))) <= 730:
        raise refuse(400, "duration must be from P1D to P2Y.")
    merged["accessDetails"] = _roles(merged.get("accessDetails"))
    if merged["autoExtendDuration"] not in ("P0D", "PT0S", "P180D"):
        raise refuse(400, "autoExtendDuration must be P0D, PT0S or P180D.")
    roles = {r["roleDefinitionId"] for r in merged["accessDetails"]["unifiedRoles"]}
    if GLOBAL_ADMINISTRATOR in roles and merged["autoExtendDuration"] == "P180D":
        raise refuse(400, "A relationship with Global Administrator can't be extended automatically.")
    customer = merged["customer"]
    if customer is not None and (not isinstance(customer, dict) or not _GUID.fullmatch(str(customer.get("tenantId")))):
        raise refuse(400, "customer needs a tenantId.")
    return merged


def _roles(details: Any) -> Record:
    roles = details.get("unifiedRoles") if isinstance(details, dict) else None
    if not isinstance(roles, list) or not roles:
        raise refuse(400, "accessDetails needs unifiedRoles.")
    for role in roles:
        if not isinstance(role, dict) or not _GUID.fullmatch(str(role.get("roleDefinitionId"))):
            raise refuse(400, "A unified role needs a roleDefinitionId.")
    return {"unifiedRoles": [{"roleDefinitionId": role["roleDefinitionId"]} for role in roles]}


def create_relationship(world: World, request: Request, body: Any) -> Response:
    """201, `created`; the name is unique over all relationships of the partner."""
    given = _checked(world, body, None)
    now = at(world.now())
    record: Record = {
        **given,
        "id": f"{new_id()}-{new_id()}",
        "status": "created",
        "createdDateTime": now,
        "lastModifiedDateTime": now,
        "activatedDateTime": None,
        "endDateTime": None,
        "_version": 1,
    }
    world.store.put(RELATIONSHIPS, record["id"], record)
    tell(world, "relationship created", record)
    headers = {"Location": f"{request.url}/{record['id']}", "ETag": etag_of(record)}
    return JSONResponse(_shown(record), 201, headers=headers)


def _match(request: Request, record: Record, *, required: bool) -> None:
    wanted = request.headers.get("if-match")
    if wanted is None and required:
        raise refuse(428, "If-Match is required.", "PreconditionRequired")
    if wanted not in (None, "*", etag_of(record)):
        raise refuse(412, "The ETag doesn't match: read the resource again.")


def change_relationship(world: World, request: Request, record: Record, body: Any) -> Response:
    """PATCH, while `created`, with If-Match."""
    _match(request, record, required=True)
    if record["status"] != "created":
        raise refuse(400, f"A relationship that is {record['status']} can't be changed.")
    new = put_changed(world, record, **{k: v for k, v in _checked(world, body, record).items() if k in _WRITABLE})
    tell(world, "relationship changed", new)
    return show_relationship(new)


def delete_relationship(world: World, request: Request, record: Record) -> Response:
    """DELETE, while `created`, with If-Match."""
    _match(request, record, required=True)
    if record["status"] != "created":
        raise refuse(400, f"A relationship that is {record['status']} can't be deleted.")
    world.store.delete(RELATIONSHIPS, record["id"])
    tell(world, "relationship deleted", record)
    return Response(status_code=204)


def make_request(world: World, request: Request, record: Record, body: Any) -> Response:
    """201: `lockForApproval` of a created one, `terminate` of an active one; the rest is the customer's."""
    _match(request, record, required=False)
    if not isinstance(body, dict) or set(body) != {"action"}:
        raise refuse(400, "A request has an action.")
    action = body["action"]
    needed = {"lockForApproval": ("created",), "terminate": ("active", "expiring")}.get(str(action))
    if needed is None:
        raise refuse(403, f"The action '{action}' isn't the partner's.", "Forbidden")
    if record["status"] not in needed:
        raise refuse(400, f"{action} isn't possible while the relationship is {record['status']}.")
    now = at(world.now())
    kept = {"id": new_id(), "action": action, "status": "created", "createdDateTime": now}
    kept |= {"lastModifiedDateTime": now, "_relationship": record["id"]}
    world.store.put(REQUESTS, kept["id"], kept)
    due = world.now() + SETTLING
    world.timers.at(due, "graph.gdap-request", request_id=kept["id"])
    if action == "terminate":
        become(world, record, "terminationRequested")
    else:
        world.timers.at(due, "graph.gdap", relationship_id=record["id"], status="approvalPending")
        tell(world, "relationship locked", record)
    return JSONResponse({k: v for k, v in kept.items() if not k.startswith("_")}, 201)


def show_requests(world: World, record: Record, key: str | None) -> Response:
    """The requests of a relationship, or one."""
    return _below(world, REQUESTS, record, key, "requests")


def show_assignments(world: World, record: Record, key: str | None) -> Response:
    """The access assignments of a relationship, or one."""
    return _below(world, ASSIGNMENTS, record, key, "accessAssignments")


def _below(world: World, kind: str, record: Record, key: str | None, name: str) -> Response:
    mine = [
        {"@odata.etag": etag_of(one) if "_version" in one else 'W/"sandbox-1"'}
        | {k: v for k, v in one.items() if not k.startswith("_")}
        for one in world.store.all(kind)
        if one["_relationship"] == record["id"]
    ]
    if key is None:
        return collection(mine, context=f"$metadata#{name}")
    for one in mine:
        if one["id"] == key:
            return JSONResponse(one)
    raise refuse(404, f"{key} was not found.")


def create_assignment(world: World, record: Record, body: Any) -> Response:
    """201, `pending` and then `active`: roles of an active relationship for one security group."""
    if not isinstance(body, dict) or set(body) != {"accessContainer", "accessDetails"}:
        raise refuse(400, "An assignment has accessContainer and accessDetails.")
    container = body["accessContainer"]
    if not isinstance(container, dict) or container.get("accessContainerType") != "securityGroup":
        raise refuse(400, "accessContainerType must be securityGroup.")
    if record["status"] != "active":
        raise refuse(400, f"Roles can't be assigned while the relationship is {record['status']}.")
    roles = _roles(body["accessDetails"])
    agreed = {r["roleDefinitionId"] for r in record["accessDetails"]["unifiedRoles"]}
    if {r["roleDefinitionId"] for r in roles["unifiedRoles"]} - agreed:
        raise refuse(400, "A role isn't part of the relationship.")
    group = str(container.get("accessContainerId"))
    if any(
        a["_relationship"] == record["id"] and a["accessContainer"]["accessContainerId"] == group
        for a in world.store.all(ASSIGNMENTS)
    ):
        raise refuse(409, "The group has an assignment in this relationship already.", "Conflict")
    kept = new_assignment(world, record["id"], group, roles, "pending")
    world.timers.at(world.now() + SETTLING, "graph.gdap-assignment", assignment_id=kept["id"])
    tell(world, "access assigned", record)
    told = {k: v for k, v in kept.items() if not k.startswith("_")}
    return JSONResponse({"@odata.etag": etag_of(kept), **told}, 201)
