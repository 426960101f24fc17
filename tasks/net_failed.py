"""Runs that failed unheard: no block could be read, or no mail sent, so nobody knows (I5)."""

import hashlib

from prefect.client.schemas.objects import FlowRun, StateType

from rules.people import Person
from tasks.bridges import DEADLINE
from tasks.letters import Letter
from tasks.lost import owner_of_run
from tasks.mail import send_letter
from tasks.net import AGREED_END, Found
from tasks.office import office
from tasks.runs import set_tags, told_stuck

MENDED_BY_THEIR_OWN_NET = {DEADLINE, AGREED_END}


async def tell_failed(open_now: list[FlowRun]) -> list[Found]:
    """Mail each owner, once, the runs that failed without a word: no block could be read, or no mail sent.

    But for what its own net books anew, nothing sets them going: a person presses Retry. Which mail names a run is
    written on the run first, so no run is named twice, wherever this dies and whatever fails meanwhile.
    """
    mails: dict[str, list[FlowRun]] = {}
    for run in await put_down([run for run in open_now if failed_unheard(run)]):
        mails.setdefault(mail_of(run), []).append(run)
    found = []
    for key, runs in mails.items():
        owner = await owner_of_run(runs[0])
        await send_letter("reconcile", letter_of(owner, runs, key))
        for run in runs:
            await set_tags(run.id, {*(run.tags or []), told_stuck(run)})
            found.append(Found(what="failed unheard", who=run.name, done=f"{owner.name} was told", run=run.id))
    return found


async def put_down(unheard: list[FlowRun]) -> list[FlowRun]:
    """The same runs, each with the tag of the mail that names it; those that no mail names share one by owner."""
    fresh: dict[str, list[FlowRun]] = {}
    for run in unheard:
        if not mail_of(run):
            fresh.setdefault((await owner_of_run(run)).email.lower(), []).append(run)
    for runs in fresh.values():
        key = hashlib.sha256("".join(f"{run.id}{run.run_count}" for run in runs).encode()).hexdigest()[:12]
        for run in runs:
            run.tags = [*(run.tags or []), f"{_mark(run)}{key}"]
            await set_tags(run.id, run.tags)
    return unheard


def mail_of(run: FlowRun) -> str:
    """The key of the mail that names this run's latest attempt; empty: none does."""
    return next((tag.removeprefix(_mark(run)) for tag in run.tags or [] if tag.startswith(_mark(run))), "")


def _mark(run: FlowRun) -> str:
    return f"told-by:{run.run_count}:"


def failed_unheard(run: FlowRun) -> bool:
    """Whether a run stands still, its latest attempt told nobody, and nothing books it anew."""
    tags = set(run.tags or [])
    told = told_stuck(run) in tags or bool(tags & MENDED_BY_THEIR_OWN_NET)
    return run.state_type is StateType.FAILED and not told


def letter_of(owner: Person, runs: list[FlowRun], key: str) -> Letter:
    settings = office().settings
    link = f"{settings.prefect_url}/runs/flow-run"
    return Letter(
        kind=f"failed-{key}",
        to=(owner,),
        cc=(settings.senior_for(owner.email),),
        subject=f"{len(runs)} run{'s' if len(runs) > 1 else ''} failed, and nothing else looks after them",
        todo="Look at what stands in the way and mend it; then press Retry on each run's page.",
        by_when="today",
        facts=tuple((run.name, f"{link}/{run.id}: {run.state.message if run.state else ''}"[:300]) for run in runs),
        otherwise="Until then they don't go on: nothing is ordered, no booked end is watched, no tenant is set up.",
        link=f"{link}/{runs[0].id}",
        link_text="Open the run" if len(runs) == 1 else "Open the first of them",
    )
