"""The environment of the local stack's processes: Prefect's settings, none of them taken from the person's shell."""

import base64
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from deployments.leftovers import MARK
from deployments.ports import Addresses

WORK_POOL = "countersign"
CODE_VARIABLE = "COUNTERSIGN_HOME"
TYPE_VARIABLE = "COUNTERSIGN_WORKER_TYPE"
WORKER_TYPES = ("warm", "process")
HEARTBEAT_SECONDS = 30
WORKER_POLL_SECONDS = 1
SERVER_SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Task runs are written down together, a second later: one by one they are a quarter of the server's work.
    # Whole seconds only: Prefect cuts the rest off, and at 0 the server spins.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    # Every five seconds it reads every run that waits, to find those whose time is up. Ours wait without an end:
    # their deadlines are runs of their own.
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
}
POSTGRES_SETTINGS = {
    # Prefect keeps five connections; what more runs need at once is opened and closed anew for each call.
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "20",
}
# Prefect's own way to name a database is taken as it stands; every other PREFECT_ variable of the shell is not:
# it may point at a production server, and hold its key.
KEPT = ("PREFECT_LOGGING_LEVEL", "PREFECT_SERVER_LOGGING_LEVEL", "PREFECT_DEBUG_MODE")


def client_environment(home: Path, addresses: Addresses, code: Path) -> dict[str, str]:
    """What a process needs to talk to the stack's Prefect server, and to find the flows' code."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment.update({name: os.environ[name] for name in KEPT if name in os.environ})
    environment.update(
        PREFECT_HOME=str(home / "prefect"),
        PREFECT_API_URL=addresses.prefect_api,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY=str(HEARTBEAT_SECONDS),
        PREFECT_WORKER_QUERY_SECONDS=str(WORKER_POLL_SECONDS),
        # Steps persist their results, and say so themselves; nothing else may leave memory.
        PREFECT_RESULTS_PERSIST_BY_DEFAULT="false",
        DO_NOT_TRACK="1",
        PYTHONUNBUFFERED="1",
        # A deployment's command is `python`: this one.
        PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    )
    environment[CODE_VARIABLE] = str(code)
    return environment


def server_environment(
    client: Mapping[str, str], home: Path, addresses: Addresses, database_url: str | None
) -> dict[str, str]:
    """What the stack's Prefect server needs on top of that. Without a database address it keeps SQLite at home."""
    environment = {**client, **SERVER_SETTINGS}
    environment.update(
        PREFECT_SERVER_API_HOST=addresses.host,
        PREFECT_SERVER_API_PORT=str(addresses.prefect_port),
        PREFECT_SERVER_UI_API_URL=addresses.prefect_api,
        PREFECT_SERVER_ENCRYPTION_KEY=encryption_key(home),
    )
    if database_url is not None:
        environment.update(POSTGRES_SETTINGS, PREFECT_SERVER_DATABASE_CONNECTION_URL=database_url)
    return environment


def marked(environment: Mapping[str, str], stack_id: str) -> dict[str, str]:
    """The same environment with the mark by which a stack's processes are found and ended."""
    return {**environment, MARK: stack_id}


def encryption_key(home: Path) -> str:
    """The key under which this stack's blocks are encrypted: made once, kept outside the database, owner-only."""
    file = home / "encryption.key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    return file.read_text().strip()


class UnknownWorkerType(Exception):
    """COUNTERSIGN_WORKER_TYPE names no type of worker that can run the procedures."""


def worker_type_from_shell(environment: Mapping[str, str] = os.environ) -> str:
    """The type of work pool and worker that the person chose: `warm`, or Prefect's own `process`."""
    chosen = environment.get(TYPE_VARIABLE) or WORKER_TYPES[0]
    if chosen not in WORKER_TYPES:
        raise UnknownWorkerType(f"{TYPE_VARIABLE}={chosen}: it is one of {', '.join(WORKER_TYPES)}, or not set")
    return chosen


def database_url_from_shell() -> str | None:
    """The database that the person chose: COUNTERSIGN_DATABASE_URL, or Prefect's own variable; None is SQLite.

    `postgresql://…` is completed to the driver that Prefect needs; the bare word `postgresql` stands for a
    server of the stack's own (`deployments/postgres.py`).
    """
    chosen = os.environ.get("COUNTERSIGN_DATABASE_URL") or os.environ.get("PREFECT_SERVER_DATABASE_CONNECTION_URL")
    if not chosen or chosen == "sqlite":
        return None
    for scheme in ("postgresql://", "postgres://"):
        if chosen.startswith(scheme):
            return "postgresql+asyncpg://" + chosen.removeprefix(scheme)
    return chosen
