"""What an audit reads of Prefect's runs, by their tags: bridges, guards, waits, and what somebody cancelled (I5)."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from prefect.client.schemas.objects import FlowRun

from rules.audited import OpenBridge, Stopped, Waiting
from rules.settings import Patience
from tasks.office import office
from tasks.runs import runs_tagged, tag_value

Say = Callable[[str], None]
CANCELLED = "Cancelled"
"""Prefect's own name for what somebody cancelled there; our procedures end as Withdrawn, Refused and so on."""
LATELY = timedelta(days=30)


def open_bridges(say: Say, runs: Iterable[FlowRun]) -> list[OpenBridge]:
    """The bridges under way, by their runs' tags alone."""
    found = []
    for run in runs:
        ends, reference = tag_value(run, "month-ends"), tag_value(run, "ref")
        if ends is None or reference is None:
            say(f"the bridge {run.name}: its run bears no month's end or no reference")
            continue
        found.append(
            OpenBridge(
                reference=reference,
                name=run.name,
                subscriptions=tuple(tag.removeprefix("sub:") for tag in run.tags or [] if tag.startswith("sub:")),
                month_ends=datetime.fromisoformat(ends),
                link=run_link(run),
            )
        )
    return found


def guarded(runs: Iterable[FlowRun]) -> dict[str, bool]:
    """Subscriptions whose end was booked, and whether a run still watches over it."""
    watched: dict[str, bool] = {}
    for run in runs:
        one = tag_value(run, "guard-of")
        if one is not None:
            watched[one] = watched.get(one, False) or (run.state is not None and not run.state.is_final())
    return watched


def waits(say: Say, runs: Iterable[FlowRun]) -> list[Waiting]:
    """Every procedure that waits for somebody, since when, and how long that role is given."""
    found, unknown = [], []
    for run in runs:
        role, since = tag_value(run, "role"), tag_value(run, "since")
        if role is None or since is None:
            unknown.append(run.name)
            continue
        found.append(
            Waiting(
                run_id=str(run.id),
                name=run.name,
                reference=tag_value(run, "ref") or "",
                role=role,
                since=datetime.fromisoformat(since),
                patience=patience_of(role),
                link=run_link(run),
            )
        )
    if unknown:
        say(f"how long {len(unknown)} procedures have waited, such as {unknown[0]}: their runs don't say")
    return found


def patience_of(role: str) -> Patience | None:
    """How long a role is given before somebody else is turned to; nobody is behind the calendar or provisioning."""
    settings = office().settings
    if role in ("calendar", "provisioning", "objection"):
        return None
    return settings.signing_patience if role in ("signer", "confirmer") else settings.patience


def run_link(run: FlowRun) -> str:
    return f"{office().settings.prefect_url}/runs/flow-run/{run.id}"


async def stopped(runs: Iterable[FlowRun], now: datetime) -> list[Stopped]:
    """The procedures that somebody cancelled in Prefect in the last thirty days, and that no later run has taken up."""
    found = []
    for run in runs:
        reference, state = tag_value(run, "ref"), run.state
        if reference is None or state is None or state.name != CANCELLED or now - state.timestamp > LATELY:
            continue
        others = [one async for one in runs_tagged([f"ref:{reference}"]) if one.id != run.id]
        if any(one.state_name != CANCELLED and str(one.created) > str(run.created) for one in others):
            continue
        found.append(
            Stopped(run_id=str(run.id), name=run.name, reference=reference, at=state.timestamp, link=run_link(run))
        )
    return found
