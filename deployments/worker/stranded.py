"""Runs that no worker is offered any more: somebody deleted the work pool or queue that they were made in.

Prefect offers a run by its queue, which such a run has lost for good: nothing that is resumed, deployed or made anew
gives it another one. Its deployment has one again, once it was deployed again: that says whose run it is.
"""

from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound

LEFT_ALONE = timedelta(seconds=10)
"""What has been due for less is about to be taken as usual, and need not be read."""
PAGE = 200


async def stranded_runs(client: PrefectClient, pool: str, queues: Collection[str], most: int) -> list[FlowRun]:
    """The runs without a queue that are due and whose deployment is in that pool now, those due first.

    `queues`: those that the worker serves; none means all. A paused queue's are left alone. At most so many.
    """
    ours: dict[UUID, bool] = {}
    found: list[FlowRun] = []
    async for run in _due(client):
        if run.work_queue_id is not None or run.deployment_id is None:
            continue
        if run.deployment_id not in ours:
            ours[run.deployment_id] = await _is_served(client, run.deployment_id, pool, queues)
        if ours[run.deployment_id]:
            found.append(run)
        if len(found) == most:
            break
    return found


async def _is_served(client: PrefectClient, deployment_id: UUID, pool: str, queues: Collection[str]) -> bool:
    """Whether a deployment's new runs would come to the worker: by a queue that it serves and that isn't paused."""
    try:
        deployment = await client.read_deployment(deployment_id)
        if deployment.work_pool_name != pool or deployment.work_queue_id is None:
            return False
        queue = await client.read_work_queue(deployment.work_queue_id)
    except ObjectNotFound:
        return False
    return not queue.is_paused and (not queues or queue.name in queues)


async def _due(client: PrefectClient) -> AsyncIterator[FlowRun]:
    """Every run that has been due for a while and that nobody has taken, oldest first."""
    before = datetime.now(UTC) - LEFT_ALONE
    due = {"state": {"type": {"any_": ["SCHEDULED"]}}, "next_scheduled_start_time": {"before_": before}}
    offset = 0
    while True:
        page = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(due),
            sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
            limit=PAGE,
            offset=offset,
        )
        for run in page:
            yield run
        if len(page) < PAGE:
            return
        offset += PAGE
