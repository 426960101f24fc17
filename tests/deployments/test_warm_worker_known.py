"""What a warm run's process leaves unasked and unwritten: the events say the same, and nothing that changed is lost."""

import inspect
from typing import Any
from uuid import uuid4

import anyio
import pytest
from prefect import engine, flow_engine, results
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.client.schemas.objects import (
    Flow,
    FlowRun,
    FlowRunPolicy,
    ServerDefaultResultStorage,
    WorkPool,
    WorkQueue,
)
from prefect.client.schemas.responses import DeploymentResponse
from prefect.context import FlowRunContext
from prefect.events import related
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.workers.base import BaseWorker

from deployments.worker.known import VARIABLE, Unchanged, as_variable, know, leave_out_what_is_known
from deployments.worker.shortcuts import AskedOnce
from deployments.worker.warm import WarmWorker

FLOW = Flow(id=uuid4(), name="new-subscription", tags=["of the flow"])
DEPLOYMENT = DeploymentResponse(id=uuid4(), name="main", flow_id=FLOW.id, tags=["of the deployment"], branch="release")
QUEUE = WorkQueue(id=uuid4(), name="default", work_pool_id=uuid4())
POOL = WorkPool(id=QUEUE.work_pool_id, name="countersign", type="warm", default_queue_id=QUEUE.id)


def a_run(**more: Any) -> FlowRun:
    made: dict[str, Any] = {
        "id": uuid4(),
        "name": "Contoso Ltd × 3",
        "flow_id": FLOW.id,
        "deployment_id": DEPLOYMENT.id,
        "work_queue_id": QUEUE.id,
        "work_queue_name": QUEUE.name,
        "work_pool_id": POOL.id,
        "work_pool_name": POOL.name,
        "tags": ["countersign"],
        "flow_version": "abc",
        "empirical_policy": FlowRunPolicy(retries=0, retry_delay=0, pause_keys={"signature-1"}),
    }
    return FlowRun(**made | more)


class Server:
    """Prefect's client, as far as events ask it; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def read_flow(self, _: Any) -> Flow:
        self.asked.append("flow")
        return FLOW

    async def read_deployment(self, _: Any) -> DeploymentResponse:
        self.asked.append("deployment")
        return DEPLOYMENT

    async def read_work_queue(self, _: Any) -> WorkQueue:
        self.asked.append("queue")
        return QUEUE

    async def read_work_pool(self, _: Any) -> WorkPool:
        self.asked.append("pool")
        return POOL


async def related_of(run: FlowRun, server: Any) -> list[dict[str, str]]:
    """What Prefect says that an event of this run is about."""
    with FlowRunContext.model_construct(flow_run=run):
        return [dict(one.root) for one in await related.related_resources_from_run_context(client=server)]


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(related, "RESOURCE_CACHE", {})


async def test_events_name_the_same_without_asking() -> None:
    run, server = a_run(), Server()
    asked_for = await related_of(run, server)
    assert server.asked == ["flow", "deployment", "queue", "pool"]
    related.RESOURCE_CACHE.clear()
    know(run, as_variable(FLOW, DEPLOYMENT))
    silent = Server()
    assert await related_of(run, silent) == asked_for
    assert silent.asked == []


async def test_what_was_not_told_is_asked() -> None:
    run, server = a_run(work_pool_id=None), Server()
    know(run, "")
    await related_of(run, server)
    assert server.asked == ["flow", "deployment", "pool"]


async def test_where_results_go_is_asked_only_where_the_worker_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways in which Prefect asks: at once for the flow's store, and while the loop runs."""
    for client in (PrefectClient, SyncPrefectClient):
        monkeypatch.setattr(client, "read_server_default_result_storage", unreachable)
    for name in ("update_flow_run", "set_flow_run_name"):
        monkeypatch.setattr(PrefectClient, name, getattr(PrefectClient, name))
    monkeypatch.setattr(flow_engine, "load_flow_run", flow_engine.load_flow_run)
    leave_out_what_is_known()
    wanted = ServerDefaultResultStorage(default_result_storage_block_id=uuid4())
    monkeypatch.setenv(VARIABLE, as_variable(FLOW, DEPLOYMENT, wanted))
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):  # without one Prefect starts a server
        assert results._read_server_default_result_storage_block_id() == wanted.default_result_storage_block_id
        assert await results._aread_server_default_result_storage_block_id() == wanted.default_result_storage_block_id
        for told in (as_variable(FLOW, DEPLOYMENT), ""):
            monkeypatch.setenv(VARIABLE, told)
            with pytest.raises(LookupError, match="the server was asked"):
                results._read_server_default_result_storage_block_id()
            with pytest.raises(LookupError, match="the server was asked"):
                await results._aread_server_default_result_storage_block_id()


def unreachable(_: Any) -> ServerDefaultResultStorage:
    raise LookupError("the server was asked")


def test_only_what_stands_there_already_is_left_unwritten() -> None:
    unchanged, run = Unchanged(), a_run()
    assert not unchanged.holds(run.id, name=run.name), "nothing was read yet"
    unchanged.read(run)
    start: dict[str, Any] = {"flow_version": "abc", "empirical_policy": run.empirical_policy}
    assert unchanged.holds(run.id, **start)
    assert unchanged.holds(run.id, name="Contoso Ltd × 3")
    assert not unchanged.holds(run.id, name="Contoso Ltd × 4")
    assert not unchanged.holds(uuid4(), name="Contoso Ltd × 3"), "another run"
    assert not unchanged.holds(run.id, **start | {"flow_version": "new code"})
    assert not unchanged.holds(run.id, tags=["countersign"])
    run.empirical_policy.retries = 2  # the engine changes what was read in place
    assert not unchanged.holds(run.id, **start)


async def test_the_deployment_is_asked_for_once_for_each_run_that_is_taken() -> None:
    server = Server()
    client: Any = AskedOnce(server)  # type: ignore[arg-type]
    await client.read_deployment(DEPLOYMENT.id)
    for _ in range(2):
        with AskedOnce.taking_a_run():
            await client.read_deployment(DEPLOYMENT.id)
            async with anyio.create_task_group() as group:
                group.start_soon(client.read_deployment, DEPLOYMENT.id)
    assert server.asked == ["deployment"] * 3


def test_prefects_names_are_as_they_are_used_here() -> None:
    assert "load_flow_run(flow_run_id=flow_run_id)" in inspect.getsource(engine)
    assert "from prefect.flow_engine import" in inspect.getsource(engine)
    start = inspect.getsource(flow_engine.AsyncFlowRunEngine)
    assert "self.client.set_flow_run_name(\n" in start
    assert "flow_version=self.flow.version,\n                        empirical_policy=" in start
    assert list(inspect.signature(PrefectClient.set_flow_run_name).parameters) == ["self", "flow_run_id", "name"]
    assert 'cache_key = f"{kind}.{obj_id}"' in inspect.getsource(related._get_and_cache_related_object)
    assert "self.client.read_deployment(" in inspect.getsource(BaseWorker._submit_run)
    assert "client=self.client" in inspect.getsource(BaseWorker._submit_run_and_capture_errors)
    assert '"prefect.worker.name": self.name' in inspect.getsource(BaseWorker._give_worker_labels_to_flow_run)
    assert isinstance(inspect.getattr_static(WarmWorker, "client"), property)
