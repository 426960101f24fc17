"""What a run's process need not ask the server or tell it: its worker knows it, or its own first look has shown it.

Like `prefect_inside.py` it uses what Prefect doesn't promise to keep; a test fails when one of it changes.

To each event Prefect adds flow, deployment, queue and pool of the run, which it reads anew in each process: four calls
for every segment. And at each segment it writes the run's version, retry policy and name, as they stand there already,
and asks twice, each time with a client of its own, where the server wants results to be kept.
"""

import json
import os
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.client.schemas.objects import Flow, FlowRun, ServerDefaultResultStorage
from prefect.client.schemas.responses import DeploymentResponse

VARIABLE = "COUNTERSIGN_KNOWN"
OF_FLOW = {"id", "name", "tags"}
OF_DEPLOYMENT = {"id", "flow_id", "name", "tags", "branch", "base", "root", "version_id", "version_info"}
READ_STORAGE = "read_server_default_result_storage"
AT_THE_START = {"flow_version", "empirical_policy"}


def as_variable(flow: Flow, deployment: DeploymentResponse, storage: ServerDefaultResultStorage | None = None) -> str:
    """What the worker tells a run's process in its environment: names, tags, ids, and nothing secret.

    `storage`: where the server wants results; None: the process asks.
    """
    told = {
        "flow": flow.model_dump(mode="json", include=OF_FLOW),
        "deployment": deployment.model_dump(mode="json", include=OF_DEPLOYMENT),
    }
    return json.dumps(told if storage is None else told | {"storage": storage.model_dump(mode="json")})


def know(run: FlowRun, told: str) -> None:
    """Let events of this run name flow, deployment, queue and pool without asking for them.

    What was told of another flow or deployment is no use, and neither is a run without queue or pool: Prefect asks.
    """
    from prefect.events.related import RESOURCE_CACHE

    found: dict[str, tuple[str, Any]] = {}
    if told:
        flow = Flow.model_validate(json.loads(told)["flow"])
        deployment = DeploymentResponse.model_validate(json.loads(told)["deployment"])
        found[f"flow.{flow.id}"] = ("flow", flow)
        found[f"deployment.{deployment.id}"] = ("deployment", deployment)
    if run.work_queue_id is not None and run.work_queue_name is not None:
        queue = SimpleNamespace(id=run.work_queue_id, name=run.work_queue_name)
        found[f"work-queue.{queue.id}"] = ("work-queue", queue)
    if run.work_pool_id is not None and run.work_pool_name is not None:
        pool = SimpleNamespace(id=run.work_pool_id, name=run.work_pool_name)
        found[f"work-pool.{pool.name}"] = ("work-pool", pool)
    for key, (kind, thing) in found.items():
        RESOURCE_CACHE[key] = ({"kind": kind, "object": thing}, datetime.now(UTC))  # type: ignore[assignment]


class Unchanged:
    """Leaves out writing what the process has just read of its run. Of anything else every write goes out."""

    def __init__(self) -> None:
        self._run: FlowRun | None = None
        self._as_read: dict[str, Any] = {}

    def read(self, run: FlowRun) -> FlowRun:
        """The process has read its run."""
        self._run = run
        self._as_read = {
            "flow_version": run.flow_version,
            "empirical_policy": run.empirical_policy.model_copy(deep=True),
            "name": run.name,
        }
        return run

    def holds(self, run_id: UUID, **values: Any) -> bool:
        """Whether the run was read with exactly these values."""
        return self._run is not None and self._run.id == run_id and values.items() <= self._as_read.items()


def leave_out_what_is_known() -> None:
    """In a process that runs flows, before it has read its run."""
    from prefect import flow_engine

    unchanged = Unchanged()
    load, update, rename = flow_engine.load_flow_run, PrefectClient.update_flow_run, PrefectClient.set_flow_run_name

    def load_flow_run(flow_run_id: UUID) -> FlowRun:
        run = unchanged.read(load(flow_run_id))
        know(run, os.environ.get(VARIABLE, ""))
        return run

    async def update_flow_run(client: PrefectClient, flow_run_id: UUID, *given: Any, **values: Any) -> Any:
        if not given and set(values) == AT_THE_START and unchanged.holds(flow_run_id, **values):
            return None
        return await update(client, flow_run_id, *given, **values)

    async def set_flow_run_name(client: PrefectClient, flow_run_id: UUID, name: str) -> Any:
        if unchanged.holds(flow_run_id, name=name):
            return None
        return await rename(client, flow_run_id, name)

    ask, ask_at_once = (
        PrefectClient.read_server_default_result_storage,
        SyncPrefectClient.read_server_default_result_storage,
    )

    async def read_storage(client: PrefectClient) -> ServerDefaultResultStorage:
        return told_storage() or await ask(client)

    def read_storage_at_once(client: SyncPrefectClient) -> ServerDefaultResultStorage:
        return told_storage() or ask_at_once(client)

    vars(flow_engine)["load_flow_run"] = load_flow_run
    for ours in (update_flow_run, set_flow_run_name):
        setattr(PrefectClient, ours.__name__, ours)
    for client, reads in ((PrefectClient, read_storage), (SyncPrefectClient, read_storage_at_once)):
        setattr(client, READ_STORAGE, reads)


def told_storage() -> ServerDefaultResultStorage | None:
    """Where the server wants results, as the worker has last heard it; None: nobody has said so."""
    told = json.loads(os.environ.get(VARIABLE) or "{}")
    return ServerDefaultResultStorage.model_validate(told["storage"]) if "storage" in told else None
