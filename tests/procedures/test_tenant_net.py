"""The net under the set-up of tenants asks each vendor once, however many wait (decision 5)."""

from uuid import uuid4

from prefect.client.schemas.objects import FlowRun, StateType

from tasks.net_tenants import GDAP_AWAITED, ITGLUE_AWAITED, wake_by_records, wake_by_relationships
from tasks.office import open_office
from tests.procedures.harness import Bench

FUTURE = "2099-01-01T00:00:00+00:00"


def waiting(*tags: str) -> FlowRun:
    """A waiting run of somebody's; Prefect doesn't know it, so waking it finds it gone."""
    return FlowRun(id=uuid4(), flow_id=uuid4(), name="tenant", tags=list(tags), state_type=StateType.PAUSED)


async def test_fifty_that_wait_cost_one_list_each_and_only_what_moved_is_woken(bench: Bench) -> None:
    """One list of relationships, one of records; those that still await approval, or are as they were, sleep on."""
    pending = next(one for one in bench.sandbox.records("graph.relationships") if one["status"] == "approvalPending")
    active = next(one for one in bench.sandbox.records("graph.relationships") if one["status"] == "active")
    async with open_office() as office:
        record = await office.itglue.create_password(2175, "One", placeholder="none yet", category_id=15)
        approvals = [waiting(GDAP_AWAITED, f"gdap:{pending['id']}") for _ in range(50)]
        moved = waiting(GDAP_AWAITED, f"gdap:{active['id']}")
        same = [waiting(ITGLUE_AWAITED, f"itglue:{record.id}", f"itglue-seen:{FUTURE}") for _ in range(50)]
        changed = waiting(ITGLUE_AWAITED, f"itglue:{record.id}", "itglue-seen:2020-01-01T00:00:00+00:00")
        gone = waiting(ITGLUE_AWAITED, "itglue:999999", f"itglue-seen:{FUTURE}")
        before = len(bench.sandbox.ledger())
        relationships = await wake_by_relationships([*approvals, moved, *same])
        records = await wake_by_records([*same, changed, gone, *approvals])
    asked = [one["path"] for one in bench.sandbox.ledger()[before:] if "token" not in one["path"]]
    assert len([path for path in asked if path.endswith("delegatedAdminRelationships")]) == 1
    assert len([path for path in asked if path.endswith("/passwords")]) == 1
    assert len(asked) == 2
    assert [one.what for one in relationships] == ["relationship active"]
    assert len(records) == 2
