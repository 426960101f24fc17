"""Runs that are due and that no worker takes: moved where that is safe, told to people where it isn't (I5).

Who deletes a work pool or queue takes it from its runs for good: Prefect then offers them to no worker any more, and
nothing makes one change its queue. The warm worker takes them all the same (`deployments/worker/stranded.py`).
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Scheduled

from tasks.bridges import DEADLINE, GUARD
from tasks.each import all_of, each
from tasks.letters import Letter
from tasks.lost import owner_of_run
from tasks.mail import send_letter
from tasks.net import AGREED_END, Found
from tasks.office import office
from tasks.runs import set_tags, tag_value

OVERDUE = timedelta(minutes=10)
"""Due for so long it is overdue; seen so for as long again, by a net that looked, it is told."""
SEEN, TOLD = "overdue-seen:", "told-overdue:"
MOVED = {DEADLINE, AGREED_END, GUARD}
"""What may be booked anew by its parameters alone: it reads everything fresh, and what is done it finds done."""
NO_QUEUE = (
    "The work pool or queue that it was made in was deleted. Run `make setup`: then a worker of the type warm takes it "
    "within a minute. Where only others run, on one of their machines, in the checkout, with their PREFECT_API_URL: "
    "`make execute ARGS={run}`. It goes on where it stopped."
)
NOT_TAKEN = (
    "Look at the deployment's work pool and queue: are they paused, at a limit of concurrent runs, and does a worker "
    "serve them? It goes on by itself once one takes it."
)


async def mend_overdue(open_now: list[FlowRun]) -> list[Found]:
    """Book anew what waits for its moment in a queue that is gone, and tell what is due and not taken."""
    scheduled = [run for run in open_now if run.state_type is StateType.SCHEDULED]
    return await all_of(lambda: move_booked(scheduled), lambda: tell_overdue(scheduled))


async def move_booked(scheduled: list[FlowRun]) -> list[Found]:
    """Deadlines, agreed ends and guards that have no queue while their deployment has one: each to a run that has.

    Only what has not begun yet: what has, has its memory with it.
    """
    booked = [run for run in scheduled if not run.run_count and run.work_queue_id is None and MOVED & set(run.tags)]
    has_queue: dict[UUID, bool] = {}

    async def move(run: FlowRun) -> Found | None:
        async with get_client() as client:
            if run.deployment_id is None or not await known(client, run.deployment_id):
                return None
            anew = await client.create_flow_run_from_deployment(
                run.deployment_id,
                parameters=run.parameters,
                state=Scheduled(scheduled_time=moment_of(run)),
                idempotency_key=f"moved-{run.id}",
                tags=run.tags,
                name=run.name,
            )
            if (await client.read_flow_run(run.id)).state_type is StateType.SCHEDULED:
                why = f"Its work pool or queue was deleted, so no worker would take it; booked anew as {anew.id}."
                replaced: Any = Cancelled(name="Replaced", message=why)
                await client.set_flow_run_state(run.id, replaced)
        return Found(what="a booked run without a queue", who=run.name, done="booked anew", run=run.id)

    async def known(client: PrefectClient, deployment_id: UUID) -> bool:
        if deployment_id not in has_queue:
            try:
                has_queue[deployment_id] = (await client.read_deployment(deployment_id)).work_queue_id is not None
            except ObjectNotFound:
                has_queue[deployment_id] = False
        return has_queue[deployment_id]

    return await each(booked, move)


def moment_of(run: FlowRun) -> datetime | None:
    """The real moment for which a run is booked, by its business moment: the clock may have been moved since."""
    until = tag_value(run, "until")
    return office().clock.real(datetime.fromisoformat(until)) if until is not None else run.next_scheduled_start_time


async def tell_overdue(scheduled: list[FlowRun]) -> list[Found]:
    """Mail each owner, once for each moment, of a run that was due long ago and that no worker has taken.

    Seen so twice: where all workers were away, their return makes everything late for a moment.
    """
    now = datetime.now(UTC)

    async def tell(run: FlowRun) -> Found | None:
        due = run.next_scheduled_start_time
        if due is None or now - due < OVERDUE or f"{TOLD}{due.isoformat()}" in run.tags:
            return None
        seen = tag_value(run, SEEN.removesuffix(":"))
        if seen is None or datetime.fromisoformat(seen) < due:
            await mark(run, f"{SEEN}{now.isoformat()}")
            return None
        if now - datetime.fromisoformat(seen) < OVERDUE or await still_standing(run) is None:
            return None
        owner, settings = await owner_of_run(run), office().settings
        await send_letter(
            tag_value(run, "ref") or str(run.id),
            Letter(
                kind=f"overdue-{run.id}-{due:%Y%m%dT%H%M%S}",
                to=(owner,),
                cc=(settings.senior_for(owner.email),),
                subject=f"{run.name}: it is due, and no worker takes it",
                todo=(NO_QUEUE if run.work_queue_id is None else NOT_TAKEN).format(run=run.id),
                by_when="today",
                facts=(("Due since", settings.calendar.in_words(due)),),
                otherwise="Until then it does nothing: nothing is ordered by it, no end is booked or watched.",
                link=f"{settings.prefect_url}/runs/flow-run/{run.id}",
                link_text="Open the run",
            ),
        )
        await mark(run, f"{TOLD}{due.isoformat()}")
        return Found(what="due, and not taken", who=run.name, done=f"{owner.name} was told", run=run.id)

    return await each(scheduled, tell)


async def mark(run: FlowRun, tag: str) -> None:
    """Keep with a run that stands still what was seen or told of it, in the place of what was before."""
    now = await still_standing(run)
    if now is not None:
        await set_tags(now.id, {*(one for one in now.tags if not one.startswith((SEEN, TOLD))), tag})


async def still_standing(run: FlowRun) -> FlowRun | None:
    """The run as it is this moment; None where it has begun, moved or gone since the round's list was read.

    The list may be minutes old, and a run that has begun writes tags of its own.
    """
    async with get_client() as client:
        try:
            now = await client.read_flow_run(run.id)
        except ObjectNotFound:
            return None
    return now if now.state_id == run.state_id else None
