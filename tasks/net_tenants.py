"""The net under the set-up of tenants: one list of relationships, one of records, whatever the number waiting."""

from datetime import datetime

from prefect.client.schemas.objects import FlowRun, StateType

from tasks.net import Found
from tasks.office import office
from tasks.runs import Woken, tag_value, wake

GDAP_AWAITED, ITGLUE_AWAITED, MICROSOFT_AWAITED = "gdap-awaited", "itglue-awaited", "microsoft-awaited"
"""What a run bears that waits for a relationship, for records in IT Glue, for anything else at Microsoft."""
STILL = ("created", "approvalPending")


async def wake_by_relationships(open_now: list[FlowRun]) -> list[Found]:
    """Wake the runs whose relationship has moved: one call for all of them (decision 5)."""
    awaiting = [run for run in open_now if is_awaiting(run, GDAP_AWAITED) and tag_value(run, "gdap")]
    if not awaiting:
        return []
    now = {one.id: one.status for one in await office().partner.all_relationships()}
    found = []
    for run in awaiting:
        status = now.get(str(tag_value(run, "gdap")), "gone")
        if status not in STILL:
            found += await woken(run, "Microsoft", f"relationship {status}", "")
    return found


async def wake_by_records(open_now: list[FlowRun]) -> list[Found]:
    """Wake the runs whose records in IT Glue were changed since they looked: a call for a hundred records."""
    awaiting = [run for run in open_now if is_awaiting(run, ITGLUE_AWAITED)]
    if not awaiting:
        return []
    wanted = {run.id: records_of(run) for run in awaiting}
    changed = {
        one.id: one.updated_at
        for one in await office().itglue.passwords_by_id(one for ids in wanted.values() for one in ids)
    }
    found = []
    for run in awaiting:
        seen = tag_value(run, "itglue-seen") or ""
        moments = [changed.get(one) for one in wanted[run.id]]
        latest = max((one for one in moments if one is not None), default=None)
        gone = len(moments) > sum(one is not None for one in moments)
        if gone or (latest is not None and (not seen or latest > datetime.fromisoformat(seen))):
            found += await woken(run, "IT Glue", "records changed in IT Glue", "changed in IT Glue")
    return found


def is_awaiting(run: FlowRun, what: str) -> bool:
    return run.state_type is StateType.PAUSED and what in (run.tags or [])


def records_of(run: FlowRun) -> list[int]:
    """The ids of the records that a run waits for."""
    return [int(tag.removeprefix("itglue:")) for tag in run.tags or [] if tag.startswith("itglue:")]


async def woken(run: FlowRun, source: str, what: str, note: str) -> list[Found]:
    done = await wake(run.id, source, note)
    return [Found(what=what, who=run.name, done=done.value, run=run.id)] if done is not Woken.NOT_WAITING else []
