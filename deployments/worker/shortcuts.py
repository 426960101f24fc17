"""What the warm worker need not ask the server for each run, nor have each run ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from httpx import HTTPError, HTTPStatusError
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import Flow
from prefect.client.schemas.responses import DeploymentResponse, WorkerFlowRunResponse
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

WHERE_THE_CODE_IS = "{{ $COUNTERSIGN_HOME }}"
MOST_AT_ONCE = 200
"""What the server sends unasked, and refuses to be asked for more than, unless it is set otherwise."""


class RememberedFlows:
    """A Prefect client that asks for each flow once: its name, which is all that is used of it, never changes."""

    _flows: ClassVar[dict[UUID, Flow]] = {}

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    async def read_flow(self, flow_id: UUID) -> Flow:
        """The flow; from the server the first time."""
        if flow_id not in self._flows:
            self._flows[flow_id] = await self._client.read_flow(flow_id)
        return self._flows[flow_id]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class AskedOnce:
    """A Prefect client that, while one run is taken, asks for its deployment once: Prefect's base worker asks twice."""

    _taking: ClassVar[ContextVar[dict[UUID, DeploymentResponse] | None]] = ContextVar("taking", default=None)

    def __init__(self, client: "PrefectClient | AsManyAsFit") -> None:
        self._client = client

    @classmethod
    @contextmanager
    def taking_a_run(cls) -> Iterator[None]:
        """What is asked within, and in tasks that begin within, is for one run."""
        before = cls._taking.set({})
        try:
            yield
        finally:
            cls._taking.reset(before)

    async def read_deployment(self, deployment_id: UUID | str) -> DeploymentResponse:
        """The deployment; one that isn't there is asked for each time."""
        known = self._taking.get()
        if known is None or not isinstance(deployment_id, UUID):
            return await self._client.read_deployment(deployment_id)
        if deployment_id not in known:
            known[deployment_id] = await self._client.read_deployment(deployment_id)
        return known[deployment_id]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class AsManyAsFit:
    """A Prefect client that asks for no more due runs than a worker has places.

    Unasked, the server reads, locks and sends two hundred at each look, with all they have; a look comes with each end.
    A worker with more places, or one whose server sends fewer at most, asks as Prefect does.
    """

    def __init__(self, client: PrefectClient, places: int) -> None:
        self._client = client
        self._places = places

    async def get_scheduled_flow_runs_for_work_pool(
        self, work_pool_name: str, work_queue_names: list[str], scheduled_before: datetime
    ) -> list[WorkerFlowRunResponse]:
        """The runs that are due first, of these queues. Raises `ObjectNotFound` where there is no such pool."""
        as_prefect_does = self._client.get_scheduled_flow_runs_for_work_pool
        if self._places >= MOST_AT_ONCE:
            return await as_prefect_does(work_pool_name, work_queue_names, scheduled_before)
        wanted = {
            "work_queue_names": list(work_queue_names),
            "scheduled_before": str(scheduled_before),
            "limit": self._places,
        }
        try:
            answer = await self._client.request(
                "POST",
                "/work_pools/{name}/get_scheduled_flow_runs",
                path_params={"name": work_pool_name},
                json=wanted,
            )
        except HTTPStatusError as refusal:
            if refusal.response.status_code == HTTPStatus.NOT_FOUND:
                raise ObjectNotFound(http_exc=refusal) from refusal
            if refusal.response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
                return await as_prefect_does(work_pool_name, work_queue_names, scheduled_before)
            raise
        return [WorkerFlowRunResponse.model_validate(one) for one in answer.json()]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def as_module(deployment: DeploymentResponse, code: Path) -> str | None:
    """`flows/a.py:b` as the import `flows.a.b`; None where the deployment prepares more than to go to `code`."""
    file, _, name = (deployment.entrypoint or "").partition(":")
    steps = deployment.pull_steps or []
    if not name or not file.endswith(".py") or Path(file).is_absolute() or len(steps) != 1:
        return None
    where = steps[0].get("prefect.deployments.steps.set_working_directory")
    if where not in ({"directory": WHERE_THE_CODE_IS}, {"directory": str(code)}):
        return None
    return ".".join((*Path(file).with_suffix("").parts, name))


async def wants_csrf(client: PrefectClient) -> bool:
    """Whether the server asks for CSRF tokens; as it comes, it doesn't. One that can't be reached may want them."""
    try:
        await client.request("GET", "/csrf-token", params={"client": "warm-worker"})
    except PrefectHTTPStatusError as refusal:
        return refusal.response.status_code != HTTPStatus.UNPROCESSABLE_ENTITY
    except HTTPError:
        return True
    return True
