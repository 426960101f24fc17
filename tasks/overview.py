"""The table of all open procedures, soonest deadline first; written by reconcile alone (decision 11)."""

import json
from datetime import datetime

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter
from prefect.client.schemas.objects import FlowRun, StateType

from tasks.casefile import in_markdown
from tasks.office import office
from tasks.runs import STANDS_STILL, tag_value
from tasks.schedule import TIMED

KEY = "open-procedures"
FAR = "9999"
MOST = 500
"""Rows of the table. It is written anew every 15 minutes and read whole by whoever opens it: 10,000 rows are 3 MB."""


async def write_overview(open_now: list[FlowRun], not_looked_at: str = "") -> int:
    """Rewrite the table in place; returns how many procedures are open.

    Its description says how many more are open than it shows, and what the net could not look at, and why: where no
    mail can be sent, nothing else says so.
    """
    runs = sorted((run for run in open_now if is_a_procedure(run)), key=urgency)
    table, rest = json.dumps([row(run) for run in runs[:MOST]]), len(runs) - MOST
    words = "Open procedures, soonest first" + (f"; {rest} more that nothing is due of before" if rest > 0 else "")
    if not_looked_at:
        words += f". **The net could not look at everything: {in_markdown(not_looked_at)}**"
    async with get_client() as client:
        known = await client.read_artifacts(artifact_filter=ArtifactFilter.model_validate({"key": {"any_": [KEY]}}))
        if known:
            await client.update_artifact(known[0].id, ArtifactUpdate(data=table, description=words))
        else:
            await client.create_artifact(ArtifactCreate(key=KEY, type="table", description=words, data=table))
    return len(runs)


def urgency(run: FlowRun) -> tuple[bool, str, str]:
    """What stands still comes first; then whatever is looked at again soonest, the oldest first of equals."""
    return run.state_type not in STANDS_STILL, tag_value(run, "until") or FAR, str(run.created)


def is_a_procedure(run: FlowRun) -> bool:
    """Whether somebody may be waiting for it: a booked run that sleeps until its moment is no procedure of its own."""
    sleeps = TIMED in (run.tags or []) and run.state_type is StateType.SCHEDULED
    known = tag_value(run, "ref") is not None or run.state_type in STANDS_STILL  # died before it had a reference
    return known and not sleeps


def row(run: FlowRun) -> dict[str, str]:
    """One procedure: what it is, who is awaited for what, and when it is looked at again."""
    settings = office().settings
    until = tag_value(run, "until") if run.state_type is StateType.PAUSED else None
    return {
        "procedure": f"[{in_markdown(run.name)}]({settings.prefect_url}/runs/flow-run/{run.id})",
        "state": run.state_name or "",
        "awaited": in_markdown(tag_value(run, "role") or "") if run.state_type is StateType.PAUSED else "",
        "for": in_markdown(tag_value(run, "wait") or "") if run.state_type is StateType.PAUSED else "",
        "looked at again": settings.calendar.in_words(datetime.fromisoformat(until)) if until else "",
        "reference": tag_value(run, "ref") or "",
    }
