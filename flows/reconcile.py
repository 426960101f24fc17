"""The net, every 15 minutes: what a webhook, a clock or a worker missed is found and set right (decision 5)."""

import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.add_seats import add_seats
from flows.bridge import bridge
from flows.end_on_request import end_on_request
from flows.end_subscription import end_subscription
from flows.guard_end import guard_end
from flows.new_subscription import new_subscription
from flows.set_up_tenant import set_up_tenant
from flows.signature_deadline import signature_deadline
from tasks import net, net_bridges, net_ends, net_failed, net_overdue, net_tenants, net_torn, rounds
from tasks.each import PartlyDone
from tasks.lost import Revived, revive_lost_runs
from tasks.net import Found
from tasks.office import open_office
from tasks.overview import write_overview
from tasks.runs import open_runs

Mend = Callable[[], Awaitable[list[Found]]]


@flow(name="reconcile")
async def reconcile() -> State[Any]:
    """Find what was missed, and set it right.

    Missed signatures and replies, moments reached, lost runs, late order confirmations, envelopes whose run is gone,
    agreed ends and deadlines that no run stands for, bridges whose month moved, runs that failed unheard, or that
    are due and taken by no worker.
    Rewrites the table of open procedures.
    What can't be looked at now, a vendor being down, keeps nothing else back: the run fails and names it at its end.
    After an outage a round that a later one has made up for ends at once.
    """
    began = datetime.now(UTC)
    if await rounds.is_made_up_for("reconcile"):
        return Completed(message="A later round has looked.")
    async with open_office():
        open_now = await open_runs()
        mends: dict[str, Mend] = {
            "runs that no worker takes": lambda: net_overdue.mend_overdue(open_now),
            "moments reached": lambda: net.wake_due(open_now),
            "signatures and orphans": lambda: net.mend_agreements(open_now),
            "replies in the mailbox": net_bridges.wake_answered,
            "deadlines": lambda: net_bridges.guard_deadlines(open_now),
            "agreed ends": net.guard_agreed_ends,
            "refused ends": net_ends.tell_refused,
            "bridges' months": lambda: net_bridges.read_months(open_now),
            "delegated rights": lambda: net_tenants.wake_by_relationships(open_now),
            "admin accounts": lambda: net_tenants.wake_by_records(open_now),
            "order confirmations": net.file_late_confirmations,
            "lost runs": lost_runs,
            "runs that failed": lambda: net_failed.tell_failed(open_now),
        }
        found, torn = await mend_all(mends)
        try:  # first of all: what follows may fail as well
            await net_torn.tell_if_it_lasts(torn)
        except Exception as error:
            torn["telling of what lasts"] = reason_of(error)
        await net_torn.note_torn(torn)
        still_open = await write_overview(await net.as_they_are_now(open_now, found), net_torn.in_words(torn))
        await report(found)
        await rounds.remember_begin("reconcile", began)
        await net_torn.remember_round()
    if torn:
        return Failed(message=f"{len(found)} things set right; not looked at: {net_torn.in_words(torn)}")
    return Completed(message=f"{len(found)} things set right, {still_open} procedures open.")


async def mend_all(mends: dict[str, Mend]) -> tuple[list[Found], dict[str, str]]:
    """What every part of the net found, and which parts could not look, with the reason."""
    found: list[Found] = []
    torn: dict[str, str] = {}
    for name, mend in mends.items():
        try:
            found += await mend()
        except PartlyDone as partly:
            for error in partly.errors:
                get_run_logger().error("%s: one could not be looked at", name, exc_info=error)
            found += partly.done
            torn[name] = reason_of(partly)
        except Exception as error:
            get_run_logger().exception("%s could not be looked at", name)
            torn[name] = reason_of(error)
    return found, torn


def reason_of(error: Exception) -> str:
    return str(error) or type(error).__name__


async def lost_runs() -> list[Found]:
    """Runs lost in Pending, Running or Crashed."""
    flows = (
        new_subscription,
        bridge,
        add_seats,
        end_on_request,
        signature_deadline,
        guard_end,
        end_subscription,
        set_up_tenant,
    )
    signatures = {flow.name: inspect.signature(flow.fn) for flow in flows}

    def as_found(revived: list[Revived]) -> list[Found]:
        return [Found(what=f"lost in {run.was}", who=run.name, done=run.now, run=UUID(run.run_id)) for run in revived]

    try:
        return as_found(await revive_lost_runs(signatures))
    except PartlyDone as partly:
        raise PartlyDone(as_found(partly.done), partly.errors) from None


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
