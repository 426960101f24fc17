"""How a procedure is conducted: opened, ended as what it is, put off when a vendor is down, told when it is stuck."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import SetStateStatus
from prefect.context import FlowRunContext
from prefect.exceptions import Abort, Pause
from prefect.logging import get_run_logger
from prefect.states import Scheduled

from rules.refusal import Refused
from tasks.case import Case, Ended
from tasks.letters import Letter
from tasks.office import office, open_office
from tasks.runs import PUT_OFF, told_stuck
from tasks.step import FENCE_HOLDS, TRANSIENT, assert_run_is_ours
from vendors.errors import VendorError

PUT_OFF_MINUTES = (2, 5, 15, 15, 30, 30, 60)
MOST_PUT_OFFS = 40
OUTAGE_OVER = timedelta(hours=2)
"""After so long without a fault the next one is another outage: longer than the longest put-off."""

Body = Callable[[Case], Awaitable[State[None] | None]]


async def conduct(body: Body) -> State[None] | None:
    """Run a procedure's body and end the run as what happened.

    `Refused` and `Ended` become states of those names, neither a crash nor a success. A vendor that can't be
    reached puts the run off: same run, process gone, steps done stay done. Anything else fails the run, visibly,
    after the requester was told; Retry goes on where it stopped.
    """
    async with open_office():
        case = await Case.open()
        try:
            end = await body(case)
            await assert_run_is_ours(within=FENCE_HOLDS)
            await case.bear()  # nobody is awaited any more
            return end
        except Refused as refusal:
            await leave_unless_ours()
            return await case.refused(refusal)
        except Ended as end:
            await leave_unless_ours()
            return await case.ended(end)
        except TRANSIENT as fault:
            await leave_unless_ours()
            await put_off(case, fault)
            raise
        except Exception as error:
            await leave_unless_ours()
            await tell_stuck(case, error)
            raise


async def leave_unless_ours() -> None:
    """Before the run ends or fails: end this process without a word unless the run is its own.

    After a cut the run goes on elsewhere, and what stood in the way was the cut, or has changed since. Where nobody can
    be asked either, it is the same cut: silence has the run found lost, a word said late would stop the one who has
    taken it over. Raises `Abort`.
    """
    try:
        await assert_run_is_ours()
    except Exception as error:
        raise Abort(f"nobody can tell whose this run is: {type(error).__name__}") from None


async def put_off(case: Case, fault: VendorError) -> None:
    """Move the run a while into the future; raises `Pause`. Returns when it was put off too often (I5)."""
    count, number = put_off_so_far(case), len(case.journal.starting("put-off-")) + 1
    if count >= MOST_PUT_OFFS:
        await tell_stuck(case, fault)
        return
    minutes = PUT_OFF_MINUTES[min(count, len(PUT_OFF_MINUTES) - 1)]
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    await case.journal.put(f"put-off-{number:03d}", {"at": at.isoformat(), "why": str(fault)})
    await case.show(f"Put off for {minutes} minutes: {fault.vendor} can't be reached")
    if count == len(PUT_OFF_MINUTES) - 1:
        await tell_stuck(case, fault)
    state: State[None] = Scheduled(scheduled_time=at, name=PUT_OFF, message=str(fault))
    async with get_client() as client:
        verdict = await client.set_flow_run_state(case.run_id, state)
    if verdict.status is SetStateStatus.ACCEPT:
        raise Pause(state=state)


def put_off_so_far(case: Case) -> int:
    """How often in a row the run has been put off: an outage that is over for two hours counts no more."""
    moments = sorted(datetime.fromisoformat(one["at"]) for one in case.journal.starting("put-off-").values())
    count, later = 0, datetime.now(UTC)
    while moments and later - moments[-1] <= OUTAGE_OVER:
        later = moments.pop()
        count += 1
    return count


async def tell_stuck(case: Case, error: Exception) -> None:
    """Tell the requester and the senior colleague that the run can't go on, and how it goes on (I5).

    Once an attempt: one that fails after a Retry, for whatever reason, is told anew.
    """
    log = get_run_logger()
    log.error("The procedure can't go on: %s", error)
    try:
        await case.show("Stuck: a person is needed")
        settings = office().settings
        to = case.requester if case.is_known else settings.senior_staff[0]
        await case.send(
            Letter(
                kind=stuck_as(case, error),
                to=(to,),
                cc=(settings.senior_for(to.email),),
                subject=f"{case.title}: the procedure can't go on by itself",
                todo="Look at what stands in the way, mend it, and press Retry on the run's page.",
                facts=(("What happened", str(error)[:500]),),
                otherwise="What was done stays done; nothing is done twice by a Retry.",
                link=case.run_link,
                link_text="Open the run",
            ),
        )
        context = FlowRunContext.get()
        if context is not None and context.flow_run is not None:
            await case.tag(told_stuck(context.flow_run))
    except Exception as unsent:
        logging.getLogger(__name__).exception("the stuck procedure %s could not be told", case.reference)
        await note_stuck(case, error, unsent)


def stuck_as(case: Case, error: Exception) -> str:
    """What a letter or note that a run is stuck is known by: the error, after how many put-offs, whose attempt.

    A bridge, its deadlines and its guards share one reference.
    """
    context = FlowRunContext.get()
    attempt = context.flow_run.run_count if context is not None and context.flow_run is not None else 0
    put_offs = len(case.journal.starting("put-off-"))
    return f"stuck-{type(error).__name__}-{put_offs}-{case.run_id.hex[:8]}-{attempt}"


async def note_stuck(case: Case, error: Exception, unsent: Exception) -> None:
    """Where no mail can be sent, the ticket says that the run can't go on, once for each cause (I5)."""
    if not case.is_known:
        return
    stage = stuck_as(case, error).replace("-", " ")
    text = f"The procedure can't go on by itself: {str(error)[:500]}. No mail could be sent about it: {unsent}"
    try:
        await case.record(stage, text[:1000], link=case.run_link)
        await case.show("Stuck: a person is needed")
    except Exception:
        logging.getLogger(__name__).exception("nor could the ticket of %s be noted", case.reference)


async def sleep_until(case: Case, moment: datetime, why: str) -> None:
    """Put the run off to a business moment: same run, process gone; raises `Pause` (prefect.md, Putting off)."""
    await assert_run_is_ours()
    await case.show(f"Sleeping until {office().settings.calendar.in_words(moment)}: {why}")
    await case.bear({f"until:{moment.isoformat()}"})
    state: State[None] = Scheduled(scheduled_time=office().clock.real(moment), name=PUT_OFF, message=why)
    async with get_client() as client:
        verdict = await client.set_flow_run_state(case.run_id, state)
    if verdict.status is not SetStateStatus.ACCEPT:
        raise RuntimeError(f"Prefect would not put the run off: {verdict}")
    raise Pause(state=state)
