"""The worker type `warm`: a process a run, as Prefect's process worker, but forked from one that has imported it all.

`prefect worker start --pool POOL --type warm`. For Linux. It takes the code from COUNTERSIGN_HOME, else from where it
is started.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import anyio
from anyio.abc import TaskStatus
from httpx import HTTPError
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import Flow, FlowRun, ServerDefaultResultStorage
from prefect.client.schemas.responses import DeploymentResponse, WorkerFlowRunResponse
from prefect.settings import get_current_settings
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from pydantic import Field, PrivateAttr

from deployments.worker.known import VARIABLE, as_variable
from deployments.worker.nursery import Nursery, Process
from deployments.worker.outage import Outage
from deployments.worker.prefect_inside import Executor, Prompt
from deployments.worker.shortcuts import AskedOnce, AsManyAsFit, RememberedFlows, as_module, wants_csrf
from deployments.worker.stranded import stranded_runs
from deployments.worker.wakes import keep_awake

WARM = "warm"
CODE_VARIABLE = "COUNTERSIGN_HOME"
DRAIN_VARIABLE = "COUNTERSIGN_DRAIN_SECONDS"
DRAIN_SECONDS = 5.0
END_SECONDS = 4.0
RUNS_A_CORE = 8
"""At the same time, unless `--limit` says otherwise: two hundred that are due in one minute take turns."""
WORKING_DIRECTORY = "Directory in which a run begins; a deployment's pull steps may change it. Empty: the code's."


class WarmConfiguration(BaseJobConfiguration):
    """What a deployment may set. `command` is for the process type: a warm run is no command."""

    working_dir: Path | None = Field(default=None, description=WORKING_DIRECTORY)
    _deployment: DeploymentResponse | None = PrivateAttr(default=None)
    _flow: Flow | None = PrivateAttr(default=None)

    @classmethod
    async def resolve_for_flow_run(cls, flow_run: FlowRun, *, client: PrefectClient, **known: Any) -> Self:
        """As Prefect does it, with fewer questions to the server; what the deployment says is read for each run."""
        deployment: DeploymentResponse | None = known.pop("deployment", None)
        if deployment is None and flow_run.deployment_id is not None:
            deployment = await client.read_deployment(flow_run.deployment_id)
        remembering: Any = RememberedFlows(client)
        made = await super().resolve_for_flow_run(flow_run, client=remembering, deployment=deployment, **known)
        made._deployment = deployment
        made._flow = await remembering.read_flow(flow_run.flow_id)
        return made

    def known(self, storage: ServerDefaultResultStorage | None) -> dict[str, str]:
        """What a run's process need not ask, as its environment."""
        if self._flow is None or self._deployment is None:
            return {}
        return {VARIABLE: as_variable(self._flow, self._deployment, storage)}

    def module(self, code: Path) -> str | None:
        """The flow as the zygote has imported it, where the deployment does nothing but run it from `code`."""
        return as_module(self._deployment, code) if self._deployment is not None else None


class WarmVariables(BaseVariables):
    """The same, as the work pool's form shows it."""

    working_dir: Path | None = Field(default=None, title="Working Directory", description=WORKING_DIRECTORY)


class WarmResult(BaseWorkerResult):
    """How a run's process ended."""


class WarmWorker(Prompt, BaseWorker[WarmConfiguration, WarmVariables, WarmResult]):
    """Runs each flow run in a forked process of its own, and is woken by Prefect's events between two polls."""

    type = WARM
    job_configuration = WarmConfiguration
    job_configuration_variables = WarmVariables
    _description = "Execute flow runs in processes that are forked from one that has loaded the flows already."
    _display_name = "Warm process"

    def __init__(self, work_pool_name: str, *, limit: int | None = None, **kwargs: Any) -> None:
        super().__init__(work_pool_name, limit=limit or RUNS_A_CORE * (os.cpu_count() or 1), **kwargs)
        self._code = Path(os.environ.get(CODE_VARIABLE) or Path.cwd()).resolve()
        self._drain_seconds = float(os.environ.get(DRAIN_VARIABLE, DRAIN_SECONDS))
        self._looking = asyncio.Lock()
        self._running: set[UUID] = set()
        self._closing = False
        self._ours = AsyncExitStack()
        self._waker: asyncio.Task[None] | None = None
        self._heard: UUID | None = None
        self._executor = Executor()
        self._storage: ServerDefaultResultStorage | None = None
        self._has_synced = False
        self._no_heartbeat = Outage("The worker's heartbeat")
        self._no_look = Outage("Looking for runs")

    @staticmethod
    async def _environment() -> dict[str, str]:
        """What every run's process inherits: this one's, and settings that spare it two questions to the server.

        The worker's own client asks whether the versions fit, and here once whether CSRF tokens are wanted.
        """
        own = {**os.environ, **get_current_settings().to_environment_variables(exclude_unset=True)}
        async with get_client() as client:
            csrf = {} if await wants_csrf(client) else {"PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false"}
        return {"PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false", **csrf, **own}

    @property
    def client(self) -> PrefectClient:
        """Prefect's client. Raises RuntimeError before `setup`."""
        as_many = AsManyAsFit(super().client, int(self.limiter.total_tokens)) if self._limiter else super().client
        asked_once: Any = AskedOnce(as_many)
        return asked_once  # type: ignore[no-any-return]

    async def setup(self) -> None:
        """Be ready to run: the flows begin to load at once."""
        self._heed_sigterm()
        self._nursery = await self._ours.enter_async_context(Nursery(self._code, await self._environment()))
        await self._ours.enter_async_context(self._executor)
        await super().setup()

    @staticmethod
    def _heed_sigterm() -> None:
        """Drain at the first SIGTERM, end at the second.

        Prefect turns SIGTERM into SIGINT, which a process that a shell has started in the background ignores.
        """
        ours = asyncio.current_task()
        if ours is None or threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()

        def drain() -> None:
            loop.remove_signal_handler(signal.SIGTERM)
            ours.cancel()

        loop.add_signal_handler(signal.SIGTERM, drain)

    async def teardown(self, *exc_info: Any) -> None:
        """Take no more runs, let those under way finish for a while, then end the rest, as the process worker does."""
        self._closing = True
        async with self._looking:
            self._logger.info("No more runs are taken; %d under way", len(self._running | self._taken()))
        if self._waker is not None:
            self._waker.cancel()
            await asyncio.wait([self._waker])
        await self._until_idle(self._drain_seconds)
        await self._executor.end_all(END_SECONDS)
        await self._until_idle(END_SECONDS)  # they are being reported
        await super().teardown(*exc_info)
        await self._ours.aclose()

    async def _until_idle(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            while self._running or self._taken():  # noqa: ASYNC110 - the second is Prefect's own plain set
                await anyio.sleep(0.05)

    async def sync_with_backend(self) -> None:
        """As Prefect does it, every half minute; the pool's events are listened to, and runs without a queue taken.

        And what was asked of the runs under way is read, which otherwise comes by events alone.

        Until it has worked once, errors are Prefect's to judge: a refusal ends the worker at once, and where nobody
        answers it tries for some twenty minutes. So a wrong address or a missing right is seen.
        """
        if self._has_synced:
            await self._no_heartbeat.outlive(super().sync_with_backend(), None)
        else:
            await super().sync_with_backend()
            self._has_synced = True
        with suppress(HTTPError):
            await self._executor.heed_what_was_missed()
        try:
            self._storage = await self.client.read_server_default_result_storage()
        except HTTPError:
            self._storage = None  # then each run's process asks
        if self._work_pool is None or self._closing:
            return
        if self._heard != self.work_pool.id:  # the first time, and where somebody made the pool anew
            if self._waker is not None:
                self._waker.cancel()
            self._waker = asyncio.create_task(keep_awake(self.work_pool.id, self._look))
            self._heard = self.work_pool.id
        with suppress(HTTPError):
            await self._take_stranded()

    async def _take_stranded(self) -> None:
        """Take the due runs whose own queue somebody deleted: Prefect offers them to nobody (`stranded.py`)."""
        if self._is_full() or self.work_pool.is_paused or not self._has_successfully_synced:
            return
        places = int(self.limiter.available_tokens) if self._limiter else RUNS_A_CORE
        found = await stranded_runs(self.client, self._work_pool_name, self._work_queues, places)
        async with self._looking:
            if found and not self._closing:
                pool = self.work_pool.id
                offered = [WorkerFlowRunResponse(work_pool_id=pool, work_queue_id=pool, flow_run=one) for one in found]
                await self._submit_scheduled_flow_runs(offered)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """One look for runs that are due, never two at once; none while no place is free, and none once it closes.

        Prefect's loop ends the worker after a dozen errors, within a minute; here the next look simply tries again.
        """
        async with self._looking:
            if self._closing:
                return []
            if self._is_full():
                self._last_polled_time = datetime.now(UTC)  # as healthy as one that looks
                return []
            return await self._no_look.outlive(super().get_and_submit_flow_runs(), [])

    async def look_again(self) -> None:
        """Take runs that the limit kept out, now that one has ended; the poll is the net."""
        await self.get_and_submit_flow_runs()

    async def _look(self) -> set[UUID]:
        taken = await self.get_and_submit_flow_runs()
        return {run.id for run in taken} | self._running | self._taken()

    async def run(
        self, flow_run: FlowRun, configuration: WarmConfiguration, task_status: TaskStatus[int] | None = None
    ) -> WarmResult:
        """Run it in a process of its own. Raises RuntimeError when it could not be started, or its end not be seen."""
        directory = str(configuration.working_dir) if configuration.working_dir else None
        environment = {**configuration.env, **configuration.known(self._storage)}
        module = configuration.module(self._code)
        if module is not None and directory is None:
            environment["PREFECT__FLOW_ENTRYPOINT"] = module

        async def start(control: Mapping[str, str | None]) -> Process:
            return await self._nursery.start({**environment, **control}, directory)

        self._running.add(flow_run.id)
        try:
            pid, code = await self._executor.execute(flow_run, start, task_status or anyio.TASK_STATUS_IGNORED)
        finally:
            self._running.discard(flow_run.id)
        if code is None:
            raise RuntimeError(f"nobody saw how process {pid} ended: the process that forked it was gone")
        return WarmResult(identifier=str(pid), status_code=code)
