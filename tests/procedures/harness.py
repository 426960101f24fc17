"""A real Prefect server and a real sandbox, and procedures driven segment by segment in this process.

What a worker does is done here by hand: a run that is due is set Pending and its flow is called until it ends or
suspends. States, journal, results and HTTP are real; only the worker's process is missing, so a test takes seconds.
"""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect import Flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, FlowFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import Abort, Pause
from prefect.flow_engine import run_flow_async
from prefect.states import Pending

from tests.procedures.days import START

ROOT = Path(__file__).resolve().parents[2]
NETS = ("reconcile", "audit")
"""The flows that are no procedure of anybody's."""
RECORDED_EVERY = 1
"""How often the server writes down what it heard of task runs and events, in seconds (`conftest.py`)."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def process(command: list[str], ready: str, log: Path, **environment: str) -> Iterator[None]:
    """A server as a child process, from the moment it answers until the block's end."""
    with log.open("w") as output:
        child = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, stdout=output, stderr=output
        )
    try:
        until = time.monotonic() + 120
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(ready, timeout=2).status_code < 500:
                    break
            if child.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command} did not come up:\n{log.read_text()[-3000:]}")
            time.sleep(0.1)
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(10)
        if child.poll() is None:
            child.kill()
            child.wait()


class Sandbox:
    """The sandbox's control, as the customer, contracts and time would use it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=f"{url}/_sandbox", timeout=30)

    def reset(self, now: datetime | None = START) -> None:
        """The world anew, as it begins on that day; None: today."""
        self.post("reset", {"now": now.isoformat()} if now else {})

    def get(self, path: str, **params: Any) -> Any:
        return self.http.get(path, params=params).raise_for_status().json()

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.http.post(path, json=body if body is not None else {})
        if answer.status_code >= 400:
            raise AssertionError(f"sandbox: {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def ledger(self, **params: Any) -> list[dict[str, Any]]:
        answer = self.get("ledger", **params)
        return list(answer["entries"] if isinstance(answer, dict) else answer)

    def effects(self, name: str) -> list[dict[str, Any]]:
        """Every effect of that name, in order."""
        return [one for one in self.ledger() for effect in effects_of(one) if effect == name]

    def records(self, kind: str) -> list[dict[str, Any]]:
        return list(self.get(f"records/{kind}")["records"].values())

    def change(self, kind: str, key: str | int, **fields: Any) -> None:
        """Change fields of one record behind the vendors' backs."""
        self.http.patch(f"records/{kind}/{key}", json=fields).raise_for_status()

    def advance(self, **by: float) -> None:
        self.post("clock", {f"advance_{unit}": amount for unit, amount in by.items()})

    def now(self) -> datetime:
        return datetime.fromisoformat(self.get("clock")["now"])

    def today(self) -> date:
        """The day in the MSP's zone."""
        return datetime.fromisoformat(self.get("clock")["local"]).date()

    def set_clock(self, moment: datetime) -> None:
        self.post("clock", {"now": moment.isoformat()})


def effects_of(entry: dict[str, Any]) -> list[str]:
    effect = entry.get("effect")
    if not effect:
        return []
    if isinstance(effect, str):
        return [effect]
    return [one if isinstance(one, str) else str(one.get("effect") or one.get("name")) for one in effect]


class Bench:
    """Starts procedures, plays their segments, answers their forms."""

    def __init__(self, flows: dict[str, Flow[..., Any]], deployments: dict[str, UUID], sandbox: Sandbox) -> None:
        self.flows = flows
        self.deployments = deployments
        self.sandbox = sandbox
        self._prefect: PrefectClient | None = None
        self._flow_names: dict[UUID, str] = {}

    @asynccontextmanager
    async def prefect(self) -> AsyncIterator[PrefectClient]:
        """A client of Prefect's, one for all that this bench asks; flows open their own, as under a worker."""
        if self._prefect is None:
            self._prefect = await get_client().__aenter__()
        yield self._prefect

    async def start(self, name: str = "new-subscription", **parameters: Any) -> UUID:
        """Create a run as the API does; it is Scheduled, and nothing runs yet."""
        async with self.prefect() as client:
            run = await client.create_flow_run_from_deployment(
                self.deployments[name], parameters=parameters, tags=["countersign"] if name not in NETS else []
            )
            return run.id

    async def segment(self, run_id: UUID) -> State[Any]:
        """Play one segment, as a worker would: Pending, then the flow until it ends or suspends."""
        async with self.prefect() as client:
            await client.set_flow_run_state(run_id, Pending(), force=True)
        await self.run_once(run_id)
        return await self.state(run_id)

    async def run_once(self, run_id: UUID) -> None:
        """Call the run's flow once, whatever comes of it."""
        async with self.prefect() as client:
            run = await client.read_flow_run(run_id)
            if run.flow_id not in self._flow_names:
                self._flow_names[run.flow_id] = (await client.read_flow(run.flow_id)).name
        flow = self.flows[self._flow_names[run.flow_id]]
        with suppress(Pause, Abort, asyncio.CancelledError):
            await run_flow_async(flow, flow_run=run, parameters=flow_parameters(flow, run), return_type="state")

    async def state(self, run_id: UUID) -> State[Any]:
        async with self.prefect() as client:
            run = await client.read_flow_run(run_id)
        assert run.state is not None
        return run.state

    async def run(self, run_id: UUID) -> FlowRun:
        async with self.prefect() as client:
            return await client.read_flow_run(run_id)

    async def play(self, run_id: UUID) -> State[Any]:
        """Play segments as long as the run is due now."""
        state = await self.state(run_id)
        for _ in range(40):
            if not is_due(state):
                return state
            state = await self.segment(run_id)
        raise AssertionError("forty segments and no end")

    async def answer(self, run_id: UUID, **form: str) -> State[Any]:
        """Answer the form of a waiting run, as the UI does, and play what follows."""
        async with self.prefect() as client:
            verdict = await client.resume_flow_run(run_id, run_input=form)
        assert verdict.status == "ACCEPT", verdict
        return await self.play(run_id)

    async def waits_for(self, run_id: UUID) -> str:
        """The name of the wait that a run is in."""
        run = await self.run(run_id)
        assert run.state is not None
        assert run.state.is_paused(), f"{run.state.name}: {run.state.message}"
        return next(tag.removeprefix("wait:") for tag in run.tags if tag.startswith("wait:"))

    async def envelope(self, run_id: UUID) -> str:
        run = await self.run(run_id)
        return next(tag.removeprefix("envelope:") for tag in run.tags if tag.startswith("envelope:"))

    async def case_file(self, run_id: UUID) -> str:
        """The Markdown of the run's page."""
        async with self.prefect() as client:
            of_run = ArtifactFilter.model_validate({"flow_run_id": {"any_": [run_id]}})
            found = await client.read_artifacts(artifact_filter=of_run)
        pages = [a.data for a in found if a.type == "markdown"]
        return str(pages[0]) if pages else ""

    async def form(self, run_id: UUID) -> str:
        """What stands above the form of a waiting run."""
        run = await self.run(run_id)
        assert run.state is not None
        keys = run.state.state_details.run_input_keyset
        assert keys is not None, f"{run.state.name} has no form"
        async with self.prefect() as client:
            return str(json.loads(await client.read_flow_run_input(run_id, keys["description"])))

    async def reconcile(self) -> State[Any]:
        """One round of the net, and what it set going, played as a worker would."""
        run = await self.start("reconcile")
        state = await self.play(run)
        assert state.is_completed(), f"reconcile: {state.name}: {state.message}"
        await self.play_all()
        return state

    async def play_all(self) -> None:
        """Play every procedure that is due now, and those that they set going."""
        for _ in range(20):
            async with self.prefect() as client:
                scheduled = FlowRunFilter.model_validate({"state": {"type": {"any_": ["SCHEDULED"]}}})
                runs = await client.read_flow_runs(flow_run_filter=scheduled)
            due = [run for run in runs if run.deployment_id != self.deployments["reconcile"] and is_due(run.state)]
            if not due:
                return
            for run in due:
                await self.play(run.id)
        raise AssertionError("twenty rounds, and still something is due")

    async def runs(self, name: str) -> list[FlowRun]:
        """Every run of a flow, oldest first."""
        async with self.prefect() as client:
            wanted = FlowFilter.model_validate({"name": {"any_": [name]}})
            return sorted(await client.read_flow_runs(flow_filter=wanted), key=lambda run: str(run.created))

    async def forget_all(self) -> None:
        """Delete every run, and what reconcile and the audit remember: the next test starts on a clean server."""
        async with self.prefect() as client:
            while (await client.request("POST", "/flow_runs/bulk_delete", json={})).json()["deleted"]:
                pass
            for variable in await client.read_variables():
                await client.delete_variable_by_name(variable.name)
            audits = ArtifactFilter.model_validate({"key": {"any_": ["audit"]}})
            for table in await client.read_artifacts(artifact_filter=audits):
                await client.delete_artifact(table.id)
            await client.__aexit__(None, None, None)
        self._prefect = None


def is_due(state: State[Any] | None) -> bool:
    """Whether a worker would take a run now."""
    now = datetime.now(UTC)
    return state is not None and state.is_scheduled() and (state.state_details.scheduled_time or now) <= now


def flow_parameters(flow: Flow[..., Any], run: FlowRun) -> dict[str, Any]:
    """What Prefect's engine does: the run's parameters, with the flow's defaults."""
    from prefect.utilities.callables import get_call_parameters, parameters_to_args_kwargs

    args, kwargs = parameters_to_args_kwargs(flow.fn, run.parameters)
    return get_call_parameters(flow.fn, args, kwargs)


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def plain(markdown: str) -> str:
    """A case file's text without Markdown's escapes."""
    return re.sub(r"\\(.)", r"\1", markdown)
