"""One Prefect server and one sandbox for all procedure tests; the sandbox's world is new for each test."""

import copy
import functools
import os
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from prefect import Flow, task_engine
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.logging.handlers import APILogHandler
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
    PREFECT_HOME,
    temporary_settings,
)

from deployments.postgres import local_postgres
from deployments.worker.prefect_inside import report_steps_by_their_ends
from tests.procedures.harness import (
    RECORDED_EVERY,
    Bench,
    Sandbox,
    free_port,
    process,
    python,
)

RECORDED_IN_BATCHES = {
    # Task runs and events are written down together, a moment later: one by one they are a third of the server's work.
    # Whole seconds only: Prefect cuts the rest off, and at 0 the server spins.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": str(RECORDED_EVERY),
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": str(RECORDED_EVERY),
}


@pytest.fixture(scope="session", autouse=True)
def one_tls_context() -> Iterator[None]:
    """Nothing here speaks TLS, but each HTTP client loads all root certificates: done once, for speed."""
    kept, ssl.create_default_context = ssl.create_default_context, functools.cache(ssl.create_default_context)
    yield
    ssl.create_default_context = kept


@pytest.fixture(scope="session", autouse=True)
def one_schema_of_each_block() -> Iterator[None]:
    """Saving a block, Prefect works its schema out anew for each field: for our settings a second, done once."""
    kept = Block.__dict__["model_json_schema"]
    made = functools.cache(kept.__func__)

    def model_json_schema(cls: type[Block], *args: Any, **options: Any) -> dict[str, Any]:
        return copy.deepcopy(made(cls, *args, **options))

    setattr(Block, "model_json_schema", classmethod(model_json_schema))  # noqa: B010 - as a plain name mypy minds
    yield
    setattr(Block, "model_json_schema", kept)  # noqa: B010


@pytest.fixture(scope="session", autouse=True)
def steps_reported_by_their_ends() -> Iterator[None]:
    """As under the warm worker: a step that ends at once is one event, where five parts of the server work on three."""
    kept = task_engine.emit_task_run_state_change_event
    report_steps_by_their_ends()
    yield
    vars(task_engine)["emit_task_run_state_change_event"] = kept


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def open_directory() -> Iterator[Path]:
    """A directory that PostgreSQL's unprivileged user may enter; pytest's own are closed to others."""
    directory = Path(tempfile.mkdtemp(prefix="countersign-tests-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def prefect_database(prefect_home: Path, open_directory: Path) -> Iterator[str]:
    """Prefect's own database, as a URL."""
    with local_postgres(open_directory / "data", prefect_home / "postgres.log") as database:
        yield database


@pytest.fixture(scope="session")
def prefect_api(prefect_home: Path, prefect_database: str) -> Iterator[str]:
    """A real server on a real PostgreSQL: SQLite is locked as soon as the machine is busy."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    with process(
        python("-m", "deployments.prefect_server"),
        f"{url}/health",
        prefect_home / "server.log",
        PREFECT_SERVER_API_HOST="127.0.0.1",
        PREFECT_SERVER_API_PORT=str(port),
        PREFECT_HOME=str(prefect_home),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_LOGGING_LEVEL="WARNING",
        PREFECT_SERVER_DATABASE_CONNECTION_URL=prefect_database,
        **RECORDED_IN_BATCHES,
    ):
        yield url


@pytest.fixture(scope="session")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("sandbox") / "sandbox.log"
    with process(python("-m", "sandbox", "--port", str(port)), f"{url}/_sandbox/clock", log):
        yield url


@pytest.fixture(scope="session", autouse=True)
def prefect_settings(prefect_api: str, prefect_home: Path) -> Iterator[None]:
    """Where the server is; and, as under the warm worker, no client asks it for CSRF tokens or its version."""
    settings = {
        PREFECT_API_URL: prefect_api,
        PREFECT_HOME: str(prefect_home),
        PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: "false",
        PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: "false",
    }
    os.environ.update({setting.name: value for setting, value in settings.items()})
    with temporary_settings(settings):
        yield
        APILogHandler().flush()  # at the process's end, with the server gone, it would try for half a minute


async def let_task_runs_outlive_their_run(database: str) -> None:
    """A task run may be written down after a test's end, when its run is deleted: one such would spoil its batch."""
    connection = await asyncpg.connect(database.replace("+asyncpg", ""))
    await connection.execute("ALTER TABLE task_run DROP CONSTRAINT fk_task_run__flow_run_id__flow_run")
    await connection.close()


def all_flows() -> dict[str, Flow[..., Any]]:
    from flows.add_seats import add_seats
    from flows.audit import audit
    from flows.bridge import bridge
    from flows.end_on_request import end_on_request
    from flows.end_subscription import end_subscription
    from flows.guard_end import guard_end
    from flows.new_subscription import new_subscription
    from flows.reconcile import reconcile
    from flows.set_up_tenant import set_up_tenant
    from flows.signature_deadline import signature_deadline

    flows = (
        new_subscription,
        bridge,
        add_seats,
        end_on_request,
        signature_deadline,
        guard_end,
        end_subscription,
        set_up_tenant,
        reconcile,
        audit,
    )
    return {flow.name: flow for flow in flows}


@pytest_asyncio.fixture(scope="session")
async def deployments(prefect_settings: None, prefect_database: str, sandbox_url: str) -> dict[str, Any]:
    """Every flow as a deployment named main, and the blocks filled from the sandbox."""
    from deployments.setup import set_up_for_sandbox

    await let_task_runs_outlive_their_run(prefect_database)

    await set_up_for_sandbox(sandbox_url, "")
    ids = {}
    async with get_client() as client:
        for name, flow in all_flows().items():
            made = await flow.ato_deployment(name="main")
            ids[name] = await client.create_deployment(
                flow_id=await client.create_flow(flow),
                name="main",
                parameter_openapi_schema=made._parameter_openapi_schema.model_dump_for_openapi(),
                enforce_parameter_schema=True,
            )
    return ids


@pytest_asyncio.fixture
async def bench(deployments: dict[str, Any], sandbox_url: str) -> AsyncIterator[Bench]:
    sandbox = Sandbox(sandbox_url)
    sandbox.reset()
    bench = Bench(all_flows(), deployments, sandbox)
    yield bench
    await bench.forget_all()


@pytest_asyncio.fixture
async def no_settling(deployments: dict[str, Any]) -> AsyncIterator[None]:
    """A person may answer at once that no order is in the portal."""
    from tasks.settings import CountersignSettings

    kept = await CountersignSettings.aload("main")
    await kept.model_copy(update={"order_settle_seconds": 0.0}).asave("main", overwrite=True)
    yield
    await kept.asave("main", overwrite=True)


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor's fault isn't tried again within the segment: the next segment does."""
    monkeypatch.setattr("tasks.step.TRANSIENT", ())
