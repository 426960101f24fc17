"""Runs that are booked for a moment: a look by reconcile, agreed ends (N7), deadlines (B7), and what guards ends."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.states import Scheduled

from tasks.office import office
from tasks.runs import PROCEDURE

RECONCILE = "reconcile/main"
END_SUBSCRIPTION = "end-subscription/main"
SIGNATURE_DEADLINE = "signature-deadline/main"
GUARD_END = "guard-end/main"
SET_UP_TENANT = "set-up-tenant/main"
RUN_NAMES = {
    END_SUBSCRIPTION: "end of {subscription_id}",
    SIGNATURE_DEADLINE: "deadline of {reference}",
    GUARD_END: "guard of {subscriptions}",
    SET_UP_TENANT: "{customer} · tenant",
}
"""What the run of a booked flow is called, by its parameters: from its booking on, as while it runs."""
TIMED = "timed"
"""Every run that is booked for a moment of the business's clock carries this tag, and the moment as `until:`."""
NET = timedelta(minutes=15)


async def look_at(moment: datetime) -> None:
    """Have reconcile look at that business moment, if the 15-minute net would come noticeably later.

    One run a minute for everybody: the minute is the idempotency key.
    """
    at = office().clock.real(moment).astimezone(UTC)
    if at - datetime.now(UTC) > NET:
        return
    minute = at.replace(second=0, microsecond=0) + timedelta(minutes=1 if at.second or at.microsecond else 0)
    await book(RECONCILE, minute, f"look-{minute:%Y%m%dT%H%M}", {})


async def book_timed(
    deployment: str, moment: datetime, key: str, parameters: dict[str, Any], tags: tuple[str, ...] = ()
) -> UUID:
    """Schedule a deployment's run for a business moment, once for a key; reconcile watches it by its tags."""
    at, marks = office().clock.real(moment), (*tags, PROCEDURE, TIMED, f"until:{moment.isoformat()}")
    return await book(deployment, at, key, parameters, marks, RUN_NAMES[deployment].format(**parameters))


async def book(
    deployment: str,
    at: datetime,
    key: str,
    parameters: dict[str, Any],
    tags: tuple[str, ...] = (),
    name: str | None = None,
) -> UUID:
    """Schedule a deployment's run for a real moment, once for a key; returns the run's id.

    The same key again gives the same run, its date unchanged (prefect.md, Scheduling a run once).
    """
    async with get_client() as client:
        found = await client.read_deployment_by_name(deployment)
        run = await client.create_flow_run_from_deployment(
            found.id,
            parameters=parameters,
            state=Scheduled(scheduled_time=at),
            idempotency_key=key,
            tags=list(tags),
            name=name,
        )
        return run.id
