"""Delegated administration: approved, refused, expired, there already, fewer roles: told, and a way on (P8)."""

from typing import Any
from uuid import UUID

from tests.procedures.harness import Bench
from tests.procedures.people import assert_done, launch_to_signature, mails, notes, sign
from tests.procedures.requests import TOM, fabrikam
from tests.procedures.tenants import let_microsoft_work

ADMINISTRATOR = "it@fabrikam.example"
FABRIKAM_TICKET = 700180


def ours(bench: Bench) -> list[dict[str, Any]]:
    """Relationships that a procedure made, oldest first."""
    found = [one for one in bench.sandbox.records("graph.relationships") if one["displayName"].startswith("CS-")]
    return sorted(found, key=lambda one: str(one["displayName"]))


async def invited(bench: Bench) -> UUID:
    """Fabrikam has a tenant in which we have no rights; its administrator is named at launch, and mailed the link."""
    run = await launch_to_signature(bench, fabrikam(tenant_admin=ADMINISTRATOR))
    assert_done(await sign(bench, run))
    [set_up] = await bench.runs("set-up-tenant")
    await bench.play(set_up.id)
    assert await bench.waits_for(set_up.id) == "gdap-1"
    let_microsoft_work(bench)
    return set_up.id


async def approved(bench: Bench, run: UUID) -> None:
    """The administrator approves the latest; Microsoft does the rest, and reconcile sees it by its one list."""
    bench.sandbox.post(f"graph/relationships/{ours(bench)[-1]['id']}/approve")
    let_microsoft_work(bench)
    before = len(bench.sandbox.ledger(vendor="graph"))
    await bench.reconcile()
    lists = [
        one
        for one in bench.sandbox.ledger(vendor="graph")[before:]
        if one["path"].endswith("delegatedAdminRelationships") and "status" not in str(one["query"])
    ]
    assert lists
    assert await bench.waits_for(run) == "gdap-roles"
    tags = (await bench.run(run)).tags
    assert "microsoft-awaited" in tags
    assert not [tag for tag in tags if tag.startswith("gdap")], "the relationship is awaited no longer"
    let_microsoft_work(bench)
    assert_done(await bench.answer(run, action="look again", decided_by="clock"))
    assert not [tag for tag in (await bench.run(run)).tags if "awaited" in tag]
    assert {one["status"] for one in assigned(bench)} == {"active"}


def assigned(bench: Bench) -> list[dict[str, Any]]:
    mine = {one["id"] for one in ours(bench)}
    return [one for one in bench.sandbox.records("graph.access_assignments") if one["_relationship"] in mine]


async def test_an_existing_tenants_administrator_is_mailed_the_link_and_approves(bench: Bench) -> None:
    """Once approved, our group gets every role; no follow-up is left for a person."""
    run = await invited(bench)
    [letter] = mails(bench, ADMINISTRATOR, "Please approve our administration")
    assert "Global Administrator" in letter.text
    await approved(bench, run)
    assert len(ours(bench)) == 1 and len(assigned(bench)) == 1
    assert "follow-up gdap" not in notes(bench, FABRIKAM_TICKET)


async def test_a_refused_invitation_is_told_and_sent_again(bench: Bench) -> None:
    """The requester speaks with the customer; a second relationship under a name of its own."""
    run = await invited(bench)
    bench.sandbox.post(f"graph/relationships/{ours(bench)[0]['id']}/reject")
    await bench.reconcile()
    assert await bench.waits_for(run) == "gdap-again-1"
    [told] = mails(bench, TOM, "delegated administration did not come about")
    assert "was refused" in told.text and ADMINISTRATOR in told.text
    await bench.answer(run, action="invite again", decided_by=TOM)
    assert await bench.waits_for(run) == "gdap-2"
    let_microsoft_work(bench)
    assert len(mails(bench, ADMINISTRATOR, "Please approve")) == 2
    await approved(bench, run)
    assert len(ours(bench)) == 2


async def test_an_expired_invitation_is_told_and_sent_again(bench: Bench) -> None:
    """Nobody approved it in its days."""
    run = await invited(bench)
    bench.sandbox.change("graph.relationships", ours(bench)[0]["id"], status="expired")
    await bench.reconcile()
    [told] = mails(bench, TOM, "delegated administration did not come about")
    assert "expired before anybody approved it" in told.text
    await bench.answer(run, action="invite again", decided_by=TOM)
    assert await bench.waits_for(run) == "gdap-2"
    let_microsoft_work(bench)
    await approved(bench, run)


async def test_an_approval_with_fewer_roles_is_told_with_those_that_are_missing(bench: Bench) -> None:
    """It is not taken for what we need; another one is asked for."""
    run = await invited(bench)
    [first] = ours(bench)
    roles = first["accessDetails"]["unifiedRoles"]
    bench.sandbox.change("graph.relationships", first["id"], accessDetails={"unifiedRoles": roles[1:]}, status="active")
    await bench.reconcile()
    [told] = mails(bench, TOM, "delegated administration did not come about")
    assert "fewer roles" in told.text and roles[0]["roleDefinitionId"] in told.text
    await bench.answer(run, action="invite again", decided_by=TOM)
    assert await bench.waits_for(run) == "gdap-2"
    let_microsoft_work(bench)
    await approved(bench, run)


async def test_one_that_somebody_else_has_made_meanwhile_is_used(bench: Bench) -> None:
    """Pax8 or a colleague was faster: no second one is asked for, and our group gets its roles in that one."""
    run = await invited(bench)
    [mine] = ours(bench)
    other = {**mine, "id": "made-by-hand", "displayName": "By hand", "status": "active"}
    bench.sandbox.http.put("records/graph.relationships/made-by-hand", json=other).raise_for_status()
    await bench.answer(run, action="look again", decided_by="clock")
    assert await bench.waits_for(run) == "gdap-roles"
    let_microsoft_work(bench)
    assert_done(await bench.answer(run, action="look again", decided_by="clock"))
    [held] = [
        one for one in bench.sandbox.records("graph.access_assignments") if one["_relationship"] == "made-by-hand"
    ]
    assert held["status"] == "active" and len(ours(bench)) == 1


async def test_without_a_named_administrator_it_stays_a_follow_up(bench: Bench) -> None:
    """As before: a person establishes it."""
    run = await launch_to_signature(bench, fabrikam())
    assert_done(await sign(bench, run))
    assert not await bench.runs("set-up-tenant")
    assert "follow-up gdap" in notes(bench, FABRIKAM_TICKET)
