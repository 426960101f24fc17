"""The MSP as delegated administrator: the relationship, its link, its roles in our groups (P8, graph.md §6)."""

from collections.abc import Sequence

from rules.delegated import RelationshipSeen, Standing, relationship_name, standing_of, usable
from rules.order import Frozen
from rules.request import CheckedRequest
from tasks.office import office
from tasks.step import step
from vendors.graph import Relationship


class Proposed(Frozen):
    """A relationship that the customer's administrator is to approve, or one that gives us everything already."""

    relationship_id: str
    name: str
    exists: bool = False


def seen(one: Relationship) -> RelationshipSeen:
    """A relationship as the rules take it."""
    return RelationshipSeen(
        relationship_id=one.id,
        name=one.display_name,
        status=one.status,
        tenant_id=one.customer_tenant_id or "",
        roles=one.roles,
    )


async def all_seen() -> list[RelationshipSeen]:
    """Every relationship of ours: one list call, whatever the number waiting."""
    return [seen(one) for one in await office().partner.all_relationships()]


@step(key=lambda request, attempt: str(attempt))
async def propose(request: CheckedRequest, attempt: int) -> Proposed:
    """A relationship with every role that we need, locked for approval, once for an attempt: found by its name.

    One that is active already, whoever made it, is taken instead (P8).
    """
    settings, customer, partner = office().settings, request.customer, office().partner
    known = await all_seen()
    there = usable(known, customer.tenant_id, settings.gdap_roles)
    if there is not None:
        return Proposed(relationship_id=there.relationship_id, name=there.name, exists=True)
    name = relationship_name(request.reference, attempt, customer.name)
    mine = next((one for one in known if one.name == name), None)
    if mine is None:
        made = await partner.create_relationship(
            name,
            settings.gdap_roles,
            days=settings.tenants.relationship_days,
            tenant_id=customer.tenant_id,
            customer=customer.name,
        )
        mine = seen(made)
    if mine.status == "created":
        await lock(mine.relationship_id)
    return Proposed(relationship_id=mine.relationship_id, name=name)


async def lock(relationship_id: str) -> None:
    """Lock it for approval, unless that was asked for already: Microsoft takes a moment for it."""
    partner = office().partner
    if not await partner.is_lock_asked(relationship_id):
        await partner.lock_for_approval(relationship_id)


async def how_it_stands(proposed: Proposed, tenant_id: str) -> tuple[Standing, str, frozenset[str], bool]:
    """How the relationship stands, which one gives us everything by now, the roles of the one proposed, and whether
    Microsoft is at it: approved, and not active yet."""
    needed, known = office().settings.gdap_roles, await all_seen()
    there = usable(known, tenant_id, needed)
    if there is not None:
        return Standing.ACTIVE, there.relationship_id, there.roles, False
    mine = next((one for one in known if one.relationship_id == proposed.relationship_id), None)
    if mine is None:
        return Standing.REFUSED, "", frozenset(), False
    moving = mine.status in ("approved", "activating")
    return standing_of(mine, tenant_id, needed), mine.relationship_id, mine.roles, moving


class Assigned(Frozen):
    """Which of our groups hold every role by now, and which don't although they have an assignment."""

    active: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    fewer: tuple[str, ...] = ()


@step(key=lambda relationship_id, groups, roles: relationship_id)
async def assign_roles(relationship_id: str, groups: Sequence[str], roles: Sequence[str]) -> Assigned:
    """Give each of our groups every role of the relationship, once each: groups that have an assignment are left."""
    partner = office().partner
    there = {one.group_id for one in await partner.assignments(relationship_id) if is_there(one.status)}
    for group in groups:
        if group not in there:
            await partner.assign_roles(relationship_id, group, roles)
    return await how_assigned(relationship_id, groups, roles)


def is_there(status: str) -> bool:
    return status in ("pending", "active")


async def how_assigned(relationship_id: str, groups: Sequence[str], roles: Sequence[str]) -> Assigned:
    """How far the groups have their roles; nothing is taken on word."""
    found = {one.group_id: one for one in await office().partner.assignments(relationship_id) if is_there(one.status)}
    active, pending, fewer = [], [], []
    for group in groups:
        one = found.get(group)
        if one is None or one.status == "pending":
            pending.append(group)
        elif set(roles) <= one.roles:
            active.append(group)
        else:
            fewer.append(group)
    return Assigned(active=tuple(active), pending=tuple(pending), fewer=tuple(fewer))
