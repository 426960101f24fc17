"""The MSP as delegated administrator: how a GDAP relationship stands, and what is missing from it (P8, graph.md §6)."""

from collections.abc import Iterable
from enum import StrEnum

from rules.order import Frozen

LONGEST_NAME = 50
ADMIN_CENTRE = "https://admin.microsoft.com/AdminPortal/Home#/partners/invitation/granularAdminRelationships/"
_ACTIVE = ("active", "expiring")
_UNDER_WAY = ("created", "approvalPending", "approved", "activating")


class Standing(StrEnum):
    """How a relationship stands for us."""

    UNDER_WAY = "under way"
    ACTIVE = "active"
    FEWER_ROLES = "fewer roles"
    REFUSED = "refused"
    EXPIRED = "expired"
    OTHER_TENANT = "another tenant"


class RelationshipSeen(Frozen):
    """A relationship as Microsoft lists it; roles by template id. `tenant_id` is empty until it was approved."""

    relationship_id: str
    name: str
    status: str
    tenant_id: str = ""
    roles: frozenset[str] = frozenset()


def standing_of(seen: RelationshipSeen, tenant_id: str, needed: Iterable[str]) -> Standing:
    """How a relationship stands that was meant for that tenant and those roles. Unknown states are under way."""
    if seen.tenant_id and seen.tenant_id != tenant_id:
        return Standing.OTHER_TENANT
    if seen.status in _ACTIVE:
        return Standing.ACTIVE if frozenset(needed) <= seen.roles else Standing.FEWER_ROLES
    if seen.status == "expired":
        return Standing.EXPIRED
    if seen.status in ("terminationRequested", "terminating", "terminated"):
        return Standing.REFUSED
    return Standing.UNDER_WAY


def usable(known: Iterable[RelationshipSeen], tenant_id: str, needed: Iterable[str]) -> RelationshipSeen | None:
    """A relationship that gives us every role in that tenant already, whoever made it; the first by name."""
    wanted = frozenset(needed)
    active = [one for one in known if one.tenant_id == tenant_id and one.status in _ACTIVE and wanted <= one.roles]
    return min(active, key=lambda one: (one.status != "active", one.name, one.relationship_id), default=None)


def missing_roles(known: Iterable[RelationshipSeen], tenant_id: str, needed: Iterable[str]) -> frozenset[str]:
    """The roles that no active relationship gives us in that tenant."""
    held = [one.roles for one in known if one.tenant_id == tenant_id and one.status in _ACTIVE]
    return frozenset(needed) - frozenset().union(*held)


def relationship_name(reference: str, attempt: int, customer: str) -> str:
    """Our name for a relationship: unique over all of ours, at most 50 characters; it is found by it (graph.md §6)."""
    key = reference if attempt == 1 else f"{reference}-{attempt}"
    return f"{key} {customer}"[:LONGEST_NAME].rstrip()


def approval_link(relationship_id: str) -> str:
    """Where a Global Administrator of the customer approves it."""
    return ADMIN_CENTRE + relationship_id
