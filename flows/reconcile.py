"""The net, every 15 minutes: what a webhook, a clock or a worker missed is found and set right (decision 5)."""

import inspect
from typing import Any

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from flows.bridge import bridge
from flows.end_subscription import end_subscription
from flows.guard_end import guard_end
from flows.new_subscription import new_subscription
from flows.set_up_tenant import set_up_tenant
from flows.signature_deadline import signature_deadline
from tasks import net, net_bridges, net_tenants
from tasks.lost import revive_lost_runs
from tasks.net import Found
from tasks.office import open_office
from tasks.overview import write_overview


@flow(name="reconcile")
async def reconcile() -> State[Any]:
    """Find what was missed, and set it right.

    Missed signatures and replies, moments reached, lost runs, late order confirmations, envelopes whose run is gone,
    agreed ends and deadlines that no run stands for, bridges whose month moved. Rewrites the table of open procedures.
    """
    async with open_office() as office:
        looked_at = office.clock.now()
        waiting = await net.waiting_runs()
        changed = await net.envelopes_changed()
        found = await net.wake_decided(changed, waiting)
        found += await net.wake_due(waiting)
        found += await net.find_orphans(changed)
        await net.remember_look(looked_at)
        found += await net.file_late_confirmations()
        found += await net.guard_agreed_ends()
        found += await net_bridges.wake_answered()
        found += await net_bridges.guard_deadlines()
        found += await net_bridges.read_months()
        found += await net_tenants.wake_by_relationships(waiting)
        found += await net_tenants.wake_by_records(waiting)
        found += await lost_runs()
        open_now = await write_overview()
        await report(found)
    return Completed(message=f"{len(found)} things set right, {open_now} procedures open.")


async def lost_runs() -> list[Found]:
    """Runs lost in Pending, Running or Crashed."""
    flows = (new_subscription, bridge, signature_deadline, guard_end, end_subscription, set_up_tenant)
    signatures = {flow.name: inspect.signature(flow.fn) for flow in flows}
    return [Found(what=f"lost in {run.was}", who=run.name, done=run.now) for run in await revive_lost_runs(signatures)]


async def report(found: list[Found]) -> None:
    """Say what was found, where somebody looks for it."""
    if not found:
        return
    log = get_run_logger()
    for one in found:
        log.info("%s: %s, %s", one.who, one.what, one.done)
    rows = "\n".join(f"| {one.who} | {one.what} | {one.done} |" for one in found)
    await acreate_markdown_artifact(
        f"| procedure | found | done |\n| :-- | :-- | :-- |\n{rows}", key="reconcile", description="What was set right"
    )
