"""Delegated admin relationships: their life from `created` to `terminated`, requests, assignments, ETags."""

import re
from datetime import timedelta
from typing import Any

from sandbox.core import Record, World, new_id, stable_id
from sandbox.graph_answers import at, refuse
from sandbox.seed.model import Gdap, Tenant
from sandbox.world import SEED

RELATIONSHIPS = "graph.relationships"
REQUESTS = "graph.relationship_requests"
ASSIGNMENTS = "graph.access_assignments"
SETTLING = timedelta(seconds=2)
"""How long Microsoft takes for each step that it does by itself, in the sandbox's time."""


def register(world: World) -> None:
    """The steps that happen by themselves."""

    def settle(relationship_id: str, status: str) -> None:
        held = world.store.get(RELATIONSHIPS, relationship_id)
        if held is not None:
            become(world, held, status)

    def settle_request(request_id: str) -> None:
        held = world.store.get(REQUESTS, request_id)
        if held is not None:
            world.store.put(REQUESTS, request_id, {**held, "status": "succeeded"})

    def settle_assignment(assignment_id: str) -> None:
        held = world.store.get(ASSIGNMENTS, assignment_id)
        if held is not None and held["status"] == "pending":
            world.store.put(ASSIGNMENTS, assignment_id, {**held, "status": "active"})
        elif held is not None and held["status"] == "deleting":
            world.store.delete(ASSIGNMENTS, assignment_id)

    world.timers.register("graph.gdap", settle)
    world.timers.register("graph.gdap-request", settle_request)
    world.timers.register("graph.gdap-assignment", settle_assignment)


def seed_relationship(world: World, tenant: Tenant, wanted: Gdap) -> None:
    """A relationship as the world starts with it; an active one has its roles assigned to our group."""
    key = f"{stable_id('gdap', wanted.display_name)}-{stable_id('gdap-partner', wanted.display_name)}"
    activated = world.now() - timedelta(days=wanted.activated_days_ago)
    running = wanted.status in ("active", "expiring", "expired", "terminated")
    if wanted.status == "expired":
        activated -= timedelta(days=wanted.duration_days)
    roles = {"unifiedRoles": [{"roleDefinitionId": role} for role in wanted.role_ids]}
    end = activated + timedelta(days=wanted.duration_days)
    relationship: Record = {
        "id": key,
        "displayName": wanted.display_name,
        "duration": f"P{wanted.duration_days}D",
        "autoExtendDuration": "PT0S",
        "customer": {"tenantId": tenant.tenant_id, "displayName": tenant.name},
        "accessDetails": roles,
        "status": wanted.status,
        "createdDateTime": at(activated - timedelta(days=1)),
        "lastModifiedDateTime": at(activated),
        "activatedDateTime": at(activated) if running else None,
        "endDateTime": at(end) if running else None,
        "_version": 1,
    }
    world.store.put(RELATIONSHIPS, key, relationship)
    if wanted.status == "active":
        new_assignment(world, key, SEED.msp.gdap_group_id, roles, "active")
        world.timers.at(end, "graph.gdap", relationship_id=key, status="expired")


def active_roles(world: World, tenant_id: str) -> set[str] | None:
    """The roles that our group holds in a tenant; None without an active relationship."""
    active = [
        r
        for r in world.store.all(RELATIONSHIPS)
        if r["status"] in ("active", "expiring") and (r["customer"] or {}).get("tenantId") == tenant_id
    ]
    if not active:
        return None
    ids = {r["id"] for r in active}
    return {
        role["roleDefinitionId"]
        for a in world.store.all(ASSIGNMENTS)
        if a["_relationship"] in ids and a["status"] == "active"
        for role in a["accessDetails"]["unifiedRoles"]
    }


def etag_of(record: Record) -> str:
    return f'W/"sandbox-{record["_version"]}"'


def put_changed(world: World, record: Record, **changed: Any) -> Record:
    new = {**record, **changed, "lastModifiedDateTime": at(world.now()), "_version": record["_version"] + 1}
    return world.store.put(RELATIONSHIPS, record["id"], new)


_AFTER = {"approved": "activating", "activating": "active", "terminationRequested": "terminating"}
_AFTER |= {"terminating": "terminated"}


def become(world: World, record: Record, status: str) -> None:
    """A step of the life cycle; the next one is booked where Microsoft takes it by itself."""
    if status == "expired" and record["status"] not in ("active", "expiring"):
        return
    changed: Record = {"status": status}
    if status == "active":
        days = days_of(record["duration"])
        end = world.now() + timedelta(days=days)
        changed |= {"activatedDateTime": at(world.now()), "endDateTime": at(end)}
        world.timers.at(end, "graph.gdap", relationship_id=record["id"], status="expired")
    new = put_changed(world, record, **changed)
    tell(world, f"relationship {status}", new)
    if status in _AFTER:
        due = world.now() + SETTLING
        world.timers.at(due, "graph.gdap", relationship_id=record["id"], status=_AFTER[status])


def tell(world: World, effect: str, record: Record) -> None:
    told = {"id": record["id"], "display_name": record["displayName"], "status": record["status"]}
    world.effect(effect, vendor="graph", tenant=(record["customer"] or {}).get("tenantId"), **told)


def days_of(duration: str) -> int:
    found = re.fullmatch(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?", duration)
    if found is None or duration == "P":
        raise refuse(400, f"The duration '{duration}' is not valid.")
    years, months, days = (int(part or 0) for part in found.groups())
    return years * 365 + months * 30 + days


def find_relationship(world: World, key: str) -> Record:
    """The relationship of an id; a 404 without one."""
    record = world.store.get(RELATIONSHIPS, key)
    if record is None:
        raise refuse(404, f"Delegated admin relationship {key} was not found.")
    return record


def new_assignment(world: World, relationship_id: str, group_id: str, roles: Record, status: str) -> Record:
    now = at(world.now())
    assignment: Record = {
        "id": new_id(),
        "status": status,
        "accessContainer": {"accessContainerId": group_id, "accessContainerType": "securityGroup"},
        "accessDetails": roles,
        "createdDateTime": now,
        "lastModifiedDateTime": now,
        "_relationship": relationship_id,
        "_version": 1,
    }
    return world.store.put(ASSIGNMENTS, assignment["id"], assignment)


def customer_decides(world: World, relationship_id: str, tenant_id: str | None, *, approved: bool) -> Record:
    """The customer's Global Administrator follows the link: approves (filling in the tenant) or rejects.

    Raises a 400 unless the relationship awaits approval, or if it was meant for another tenant.
    """
    record = find_relationship(world, relationship_id)
    if record["status"] != "approvalPending":
        raise refuse(400, f"The relationship is {record['status']}, it doesn't await approval.")
    meant = (record["customer"] or {}).get("tenantId")
    if meant and tenant_id not in (None, meant):
        raise refuse(400, "The relationship is meant for another tenant.")
    if not approved:
        become(world, record, "terminated")
        return find_relationship(world, relationship_id)
    tenant = world.store.get("graph.tenants", tenant_id or meant or "")
    if tenant is None:
        raise refuse(400, "Approval needs a tenant that exists.")
    customer = {"tenantId": tenant["id"], "displayName": tenant["displayName"]}
    become(world, put_changed(world, record, customer=customer), "approved")
    return find_relationship(world, relationship_id)
