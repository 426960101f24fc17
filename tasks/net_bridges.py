"""The net below the bridges: replies nobody read, deadlines no run stands for, months that moved (decision 5, B7)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType
from prefect.variables import Variable

from tasks.bridges import DEADLINE, OPEN, Bridge, book_deadline, bridge_in, stands_for
from tasks.each import each
from tasks.ending import read_terms
from tasks.journal import Journal
from tasks.letters import Letter
from tasks.mail import send_letter
from tasks.net import Found
from tasks.office import office
from tasks.people import colleague
from tasks.runs import Woken, runs_tagged, runs_tagged_any, tag_value, wake
from tasks.schedule import NET
from vendors.errors import NotFound
from vendors.graph import Message

MAIL_LINK = "countersign_mail_link"
BRIDGES_READ = "countersign_bridges_read_on"
FIRST_MAILS = timedelta(days=10)
INBOX = "inbox"
CONFIRMER = "confirmer:"
MOST_APART = timedelta(days=1)
OVER = (StateType.COMPLETED, StateType.CANCELLED, StateType.CANCELLING)


async def wake_answered() -> list[Found]:
    """Wake the bridges whose customer has answered: one delta of the inbox, whatever the number waiting.

    A run that is awake, and may have looked before the message came, keeps the link back: the next look sees it again.
    """
    changed, link = await mailbox_changes()
    tags = {f"conversation:{one.conversation_id}" for one in changed if one.conversation_id}
    tags |= {f"{CONFIRMER}{one.sender.lower()}" for one in changed if one.sender}

    async def wake_it(run: FlowRun) -> Found:
        woken = await wake(run.id, "the shared mailbox, found by reconcile", "a message has come")
        return Found(what="a reply in the mailbox", who=run.name, done=woken.value, run=run.id)

    found = await each([run for run in await runs_tagged_any(tags) if awaits_a_word(run)], wake_it)
    if not any(one.done == Woken.NOT_WAITING.value for one in found):
        await Variable.aset(MAIL_LINK, link, overwrite=True)
    return found


def awaits_a_word(run: FlowRun) -> bool:
    """Whether a run waits for a confirmation, or is awake and may do so in a moment."""
    if run.state is None or run.state.is_final() or OPEN in (run.tags or []):
        return False
    return not run.state.is_paused() or (tag_value(run, "wait") or "").startswith("confirmation-")


async def mailbox_changes() -> tuple[list[Message], str]:
    """What came into the inbox since the last look, and the link for the next one. A forgotten link begins anew."""
    kept = await Variable.aget(MAIL_LINK)
    since = office().clock.now() - FIRST_MAILS
    if kept:
        try:
            return await office().mail.delta(INBOX, str(kept))
        except NotFound:
            pass
    return await office().mail.delta(INBOX, since=since)


async def open_bridges(open_now: list[FlowRun]) -> list[FlowRun]:
    """Every bridge that is under way, also one whose run somebody has cancelled."""
    bridges = [run for run in open_now if OPEN in (run.tags or [])]
    return bridges + [run async for run in runs_tagged([OPEN], OVER)]


async def uncovered(bridges: list[FlowRun], open_now: list[FlowRun]) -> dict[str | None, list[FlowRun]]:
    """The bridges for which no run is booked, by reference, each with every run that once stood for its deadline."""
    booked = {tag_value(run, "deadline-of") for run in open_now if DEADLINE in (run.tags or []) and stands_for(run)}
    alone: dict[str | None, list[FlowRun]] = {tag_value(run, "bridge-of"): [] for run in bridges}
    for reference in booked:
        alone.pop(reference, None)
    for deadline in await runs_tagged_any(f"deadline-of:{reference}" for reference in alone):
        alone[tag_value(deadline, "deadline-of")].append(deadline)
    return alone


async def guard_deadlines(open_now: list[FlowRun]) -> list[Found]:
    """Every open bridge has a run that stands for its deadline (B7, I5).

    A missing or failed one is booked anew, ever more slowly where it fails again and again; one that was refused
    is a person's.
    """
    bridges = await open_bridges(open_now)
    alone = await uncovered(bridges, open_now)

    async def guard(run: FlowRun) -> Found | None:
        runs = alone[tag_value(run, "bridge-of")]
        if any(stands_for(one) for one in runs) or failed_lately(runs):
            return None
        bought = await bridge_of(run.id)
        if bought is None:
            return None
        refused = next((one for one in runs if one.state_name == "Refused"), None)
        if refused is not None:
            await tell_refused(bought, refused)
            return Found(what="deadline refused", who=run.name, done="a person was told")
        await book_deadline(bought.ids, bought.dates.cut_off, len(runs) + 1)
        late = office().clock.now() > bought.dates.cut_off
        return Found(what="deadline without a run", who=run.name, done="done now" if late else "booked anew")

    return await each([run for run in bridges if tag_value(run, "bridge-of") in alone], guard)


def failed_lately(runs: list[FlowRun]) -> bool:
    """Whether a deadline that failed before failed again so lately that another try can wait: 30 min, then doubled."""
    failures = sorted(run.state.timestamp for run in runs if run.state is not None and run.state.is_failed())
    if len(failures) < 2:
        return False
    wait: timedelta = min(NET * 2 ** (len(failures) - 1), MOST_APART)
    return datetime.now(UTC) - failures[-1] < wait


async def tell_refused(bought: Bridge, refused: FlowRun) -> None:
    """A deadline that refuses its own bridge will not cancel it: whoever is responsible does, by hand (I4, I5)."""
    settings, ids = office().settings, bought.ids
    requester, senior = await colleague(ids.requester), await colleague(ids.senior)
    await send_letter(
        ids.reference,
        Letter(
            kind="deadline-refused",
            to=(requester, senior, settings.contracts),
            subject=f"{bought.what}: the deadline can't do its work",
            todo="Look at DocuSign; if the customer has not signed by the cut-off, book the bridge's end in the Pax8 "
            f"portal and tell the customer. By {settings.calendar.in_words(bought.dates.cut_off)}.",
            facts=(("What happened", (refused.state.message or "") if refused.state is not None else ""),),
            otherwise=f"Otherwise the bridge renews after {bought.dates.term_end} for another month.",
            link=f"{settings.prefect_url}/runs/flow-run/{refused.id}",
            link_text="Open the deadline's run",
        ),
    )


async def bridge_of(run_id: UUID) -> Bridge | None:
    """The bridge that a run has bought, by its memory."""
    return bridge_in(await Journal.load(run_id))


async def read_months(open_now: list[FlowRun]) -> list[Found]:
    """Once a day: bridges whose subscription renewed, or whose month ends on another day than it did (B7).

    Their runs are woken, work the cut-off out anew and tell a person. One list of Pax8's, whatever the number.
    """
    calendar = office().settings.calendar
    today = calendar.day_of(office().clock.now()).isoformat()
    if await Variable.aget(BRIDGES_READ) == today:
        return []
    found = []
    bridges = [run for run in await open_bridges(open_now) if tag_value(run, "month-ends") is not None]
    terms = await read_terms({one for run in bridges for one in subscriptions_of(run)})
    for run in bridges:
        known = calendar.term_end(datetime.fromisoformat(tag_value(run, "month-ends") or ""))
        ends = [terms[one].term_end for one in subscriptions_of(run)]
        moved = next((end for end in ends if end is not None and end != known), None)
        if moved is not None:
            woken = await wake(run.id, "Pax8, found by reconcile", f"the month ends on {moved}")
            found.append(Found(what="another month's end", who=run.name, done=woken.value, run=run.id))
    await Variable.aset(BRIDGES_READ, today, overwrite=True)
    return found


def subscriptions_of(run: FlowRun) -> list[str]:
    """The Pax8 ids of what a bridge has bought, by its run's tags."""
    return [tag.removeprefix("sub:") for tag in run.tags or [] if tag.startswith("sub:")]
