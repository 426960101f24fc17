"""The table of all open procedures, soonest deadline first; written by reconcile alone (decision 11)."""

import json
from datetime import datetime

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter
from prefect.client.schemas.objects import FlowRun, StateType

from tasks.casefile import in_markdown
from tasks.office import office
from tasks.runs import PROCEDURE, runs_tagged, tag_value
from tasks.schedule import TIMED

KEY = "open-procedures"
FAR = "9999"


async def write_overview() -> int:
    """Rewrite the table in place; returns how many procedures are open."""
    states = (
        StateType.PAUSED,
        StateType.RUNNING,
        StateType.PENDING,
        StateType.SCHEDULED,
        StateType.FAILED,
        StateType.CRASHED,
    )
    runs = [run async for run in runs_tagged([PROCEDURE], states) if is_a_procedure(run)]
    runs.sort(key=lambda run: (tag_value(run, "until") or FAR, str(run.created)))
    table = json.dumps([row(run) for run in runs])
    async with get_client() as client:
        known = await client.read_artifacts(artifact_filter=ArtifactFilter.model_validate({"key": {"any_": [KEY]}}))
        if known:
            await client.update_artifact(known[0].id, ArtifactUpdate(data=table))
        else:
            await client.create_artifact(
                ArtifactCreate(key=KEY, type="table", description="Open procedures, soonest first", data=table)
            )
    return len(runs)


def is_a_procedure(run: FlowRun) -> bool:
    """Whether somebody may be waiting for it: a booked run that sleeps until its moment is no procedure of its own."""
    sleeps = TIMED in (run.tags or []) and run.state_type is StateType.SCHEDULED
    return tag_value(run, "ref") is not None and not sleeps


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
