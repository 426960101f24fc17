"""The local stack: sandbox, Prefect server, worker and webhook receiver, up together and down together."""

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from deployments.children import Child
from deployments.clock_follower import ClockFollower
from deployments.environment import (
    TYPE_VARIABLE,
    WORK_POOL,
    client_environment,
    marked,
    server_environment,
    worker_type_from_shell,
)
from deployments.health import answers
from deployments.leftovers import descendants, end_marked, kill
from deployments.ports import LOOPBACK, free_addresses, usual_addresses
from deployments.postgres import local_postgres
from deployments.running import only_one

CHECKOUT = Path(__file__).resolve().parent.parent
HOME = CHECKOUT / ".local"
OWN_POSTGRES = "postgresql"
READY_SECONDS = 120
SETUP_SECONDS = 180

Say = Callable[[str], None]


class LocalStack:
    """Everything that a procedure needs, on the loopback address of one machine, as a context manager.

    `home` keeps its state and logs over restarts; only one stack at a time runs from it. `code` is the checkout
    whose flows are deployed and run. `usual_ports`: the ones people know, where they are free; else any free ones.
    `database_url`: an SQLAlchemy address, or the bare word `postgresql` for a server of its own; None is SQLite.
    `extra` is added to the environment of every part. `worker_type`: `warm` or `process`; by itself what
    COUNTERSIGN_WORKER_TYPE says. `host`: where server and sandbox listen. `with_worker` off: its runs are worked on
    elsewhere. Raises `ChildFailed` when a part doesn't come up.
    """

    def __init__(
        self,
        home: Path = HOME,
        *,
        code: Path = CHECKOUT,
        usual_ports: bool = False,
        database_url: str | None = None,
        extra: Mapping[str, str] | None = None,
        worker_type: str | None = None,
        host: str = LOOPBACK,
        with_worker: bool = True,
        say: Say = print,
    ) -> None:
        self.home = home.resolve()
        self.code = code.resolve()
        self.logs = self.home / "logs"
        self.stack_id = uuid.uuid4().hex
        self.addresses = usual_addresses(say) if usual_ports else free_addresses(host)
        self.seconds: dict[str, float] = {}
        self._database_url = database_url
        self._worker_type = worker_type or worker_type_from_shell()
        self._extra = {TYPE_VARIABLE: self._worker_type, **(extra or {})}
        self._with_worker = with_worker
        self._say = say
        self._children: dict[str, Child] = {}
        self._worker_starts = 0
        self._held = ExitStack()

    @property
    def prefect_api(self) -> str:
        """Address of Prefect's REST API, ending in `/api`."""
        return self.addresses.prefect_api

    @property
    def ui_url(self) -> str:
        return self.addresses.ui

    @property
    def sandbox_url(self) -> str:
        return self.addresses.sandbox

    @property
    def receiver_url(self) -> str:
        """Address of the webhook receiver; DocuSign's calls go to `/hooks/docusign` below it."""
        return self.addresses.receiver

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a process that is to talk to this stack, and to end with it."""
        client = client_environment(self.home, self.addresses, self.code)
        return marked({**client, **self._extra}, self.stack_id)

    def __enter__(self) -> Self:
        for directory in (self.home, self.logs, self.home / "prefect"):
            directory.mkdir(parents=True, exist_ok=True)
        try:
            self._held.enter_context(only_one(self.home, self.addresses))
            self._held.enter_context(self._warden())
            self._held.callback(self._stop_all)
            self._start_all()
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def _start_all(self) -> None:
        if self._database_url == OWN_POSTGRES:
            with self._timed("postgresql"):
                self._database_url = self._held.enter_context(
                    local_postgres(self.home / "postgres", self.logs / "postgresql.log", self.environment)
                )
        with self._timed("sandbox and server"):
            self._launch_sandbox()
            self._launch_server()
            self._launch_set_up()  # waits for the two by itself: meanwhile it loads
            self._wait_for_sandbox()
            self._wait_for_server()
        with self._timed("set-up"):
            self._finish("set-up")
        with self._timed("worker and receiver"):
            if self._with_worker:
                self._launch_worker()
            self._launch_receiver()
            self._wait_for_receiver()
            if self._with_worker:
                self._wait_for_worker()
        follower = ClockFollower(self.sandbox_url, self.prefect_api, self._say)
        follower.start()
        self._held.callback(follower.stop)

    def _stop_all(self) -> None:
        """Ends every part, the last one first, and then whatever a killed worker left behind."""
        for name in reversed(list(self._children)):
            self._children.pop(name).stop()
        end_marked(self.stack_id)

    # What tests and demonstrations do to it

    def set_up(self) -> None:
        """Saves the blocks, creates the work pool, deploys every flow of `code`; may be repeated."""
        self._launch_set_up()
        self._finish("set-up")

    def deploy(self) -> None:
        """Deploys the flows of `code` again, as one does who has changed them."""
        self._launch("deploy", "deployments.setup", "--deploy")
        self._finish("deploy")

    def restart_worker(self, extra: Mapping[str, str] | None = None) -> None:
        """Starts the worker anew, with `extra` in its and its runs' environment, and waits until it is online."""
        self._stop("worker")
        self._launch_worker(extra)
        self._wait_for_worker()

    def kill_worker(self, *, with_its_runs: bool = False) -> None:
        """Kills the worker (SIGKILL). The processes of its flow runs live on, unless they go `with_its_runs`."""
        worker = self._children.pop("worker")
        runs = descendants(worker.pid)
        worker.kill()
        if with_its_runs:
            kill(runs)

    def restart_receiver(self) -> None:
        """Starts the webhook receiver anew, also one that was killed, and waits until it answers."""
        self._stop("receiver")
        self._launch_receiver()
        self._wait_for_receiver()

    def kill_receiver(self) -> None:
        """Kills the webhook receiver (SIGKILL): from now on webhooks find nobody."""
        self._children.pop("receiver").kill()

    def restart_server(self) -> None:
        """Starts the Prefect server anew on its database, and waits until it answers."""
        self._stop("server")
        self._launch_server()
        self._wait_for_server()

    def kill_server(self) -> None:
        """Kills the Prefect server (SIGKILL)."""
        self._children.pop("server").kill()

    def restart_sandbox(self) -> None:
        """Starts the stand-ins anew on their kept state, and waits until they answer."""
        self._stop("sandbox")
        self._launch_sandbox()
        self._wait_for_sandbox()

    def raise_if_ended(self) -> None:
        """Raises `ChildFailed`, with the end of its log, when a part has ended by itself."""
        for child in list(self._children.values()):
            if not child.alive:
                raise child.failure("ended by itself")

    # The parts

    def _launch_sandbox(self) -> None:
        state = str(self.home / "sandbox.db")
        where = ("--host", self.addresses.host, "--port", str(self.addresses.sandbox_port))
        self._launch("sandbox", "sandbox", *where, "--state", state)

    def _wait_for_sandbox(self) -> None:
        self._wait_for("sandbox", lambda: answers(f"{self.sandbox_url}/_sandbox/clock"))

    def _launch_server(self) -> None:
        environment = server_environment(self.environment, self.home, self.addresses, self._database_url)
        by_itself = ("deployments.prefect_server", "prefect", "server", "start")
        command = by_itself if self._database_url else ("deployments.embedded_server",)
        self._launch("server", *command, environment=environment)

    def _wait_for_server(self) -> None:
        self._wait_for("server", lambda: answers(f"{self.prefect_api}/health"))

    def _launch_worker(self, extra: Mapping[str, str] | None = None) -> None:
        self._worker_starts += 1
        environment = {**self.environment, **(extra or {})}
        options = ("--pool", WORK_POOL, "--type", self._worker_type, "--name", self._worker_name)
        self._launch("worker", "prefect", "--no-prompt", "worker", "start", *options, environment=environment)

    @property
    def _worker_name(self) -> str:
        """A name for each start, so that the heartbeat of the worker before isn't taken for this one's."""
        return f"local-{self.stack_id[:6]}-{self._worker_starts}"

    def _wait_for_worker(self) -> None:
        def online() -> bool:
            asked = httpx.post(f"{self.prefect_api}/work_pools/{WORK_POOL}/workers/filter", json={})
            return any(w["name"] == self._worker_name and w["status"] == "ONLINE" for w in asked.json())

        self._wait_for("worker", online)

    def _launch_receiver(self) -> None:
        self._launch("receiver", "deployments.receiver", "--port", str(self.addresses.receiver_port))

    def _wait_for_receiver(self) -> None:
        self._wait_for("receiver", lambda: answers(f"{self.receiver_url}/healthz"))

    def _launch_set_up(self) -> None:
        where = ("--sandbox", self.sandbox_url, "--webhook", self.addresses.webhook)
        self._launch("set-up", "deployments.setup", *where)

    # Processes

    def _launch(self, name: str, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._children[name] = Child(
            name,
            [sys.executable, "-m", module, *arguments],
            cwd=self.code,
            env=environment or self.environment,
            log=self.logs / f"{name}.log",
        )

    def _finish(self, name: str) -> None:
        self._children.pop(name).finish(SETUP_SECONDS)

    def _wait_for(self, name: str, ready: Callable[[], bool]) -> None:
        self._children[name].wait_until(ready, "ready", READY_SECONDS)

    def _stop(self, name: str) -> None:
        if name in self._children:
            self._children.pop(name).stop()

    @contextmanager
    def _warden(self) -> Iterator[None]:
        """A process that ends the others should this one be killed: its standard input then ends."""
        command = [sys.executable, "-m", "deployments.leftovers", self.stack_id]
        with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, start_new_session=True):  # noqa: S603
            yield

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[stage] = time.monotonic() - began
        self._say(f"{stage}: up after {self.seconds[stage]:.1f} s")
