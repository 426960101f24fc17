"""A segment in a process of its own, which is killed with SIGKILL right after a call to a vendor.

Which call: the first one of the procedure after which it has not been killed yet. A call is known by the step it
is made in (its key), its method and its path without ids, so the list of calls is found, not written by hand.
"""

import asyncio
import json
import multiprocessing
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.context import TaskRunContext
from prefect.states import Pending

import vendors.http
from tests.procedures.harness import Bench

IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|AAk[\w=%-]+|\b\d{2,}\b")
TOKENS = ("token", "userinfo", "zoneInformation")
MOST_SEGMENTS = 600
Named = Callable[[httpx.Request], str]
"""How a test tells calls apart; an empty name: nobody dies after it. Found by its name in the child."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.procedures.doomed", "tests.procedures.doomed_ready"])


def known_as(request: httpx.Request) -> str:
    """The call's name: method, path without ids; for a write also the step, and what it is about.

    In the soak a read counts anew in each step; else once: the death after it leaves the same as the one before.
    """
    context = TaskRunContext.get()
    path = f"{request.method} {IDS.sub('…', request.url.path)}"
    reads = request.method == "GET" or path.endswith("/query")
    if context is None or context.task.cache_key_fn is None or (reads and not os.environ.get("COUNTERSIGN_SOAK")):
        return path
    mock = " mock" if b"isMock" in request.url.query else ""
    return f"{context.task.name} {path}{mock} {about(request)}"


def about(request: httpx.Request) -> str:
    """What a write is about, in its own words: a note's title, a mail's subject. Attempts of one step are one call."""
    try:
        body = json.loads(request.content)
    except ValueError:
        return ""
    return str(body.get("title") or body.get("subject") or body.get("status") or "") if isinstance(body, dict) else ""


def live_until_a_new_call(run_id: UUID, survived: Path, named: Named) -> None:
    """The child: play one segment; die after the first call that isn't in the file, having written it there."""
    done = set(survived.read_text().splitlines()) if survived.exists() else set()

    async def die(request: httpx.Request, response: httpx.Response | None) -> None:
        if response is None or any(word in request.url.path for word in TOKENS):
            return
        name = named(request)
        if name and name not in done:
            with survived.open("a") as file:
                file.write(name + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.kill(os.getpid(), signal.SIGKILL)

    vendors.http.observers.append(die)
    asyncio.run(play(run_id))


def live(run_id: UUID) -> None:
    """The child: play one segment to its end."""
    asyncio.run(play(run_id))


async def play(run_id: UUID) -> None:
    from tests.procedures.conftest import all_flows

    await Bench(all_flows(), {}, None).run_once(run_id)  # type: ignore[arg-type]


async def segment_in_a_process(run_id: UUID, survived: Path | None, named: Named = known_as) -> bool:
    """Play a segment in a child; True if it was killed."""
    target, arguments = (live, (run_id,)) if survived is None else (live_until_a_new_call, (run_id, survived, named))
    child = _context.Process(target=target, args=arguments)
    child.start()
    await asyncio.to_thread(child.join, 120)
    if child.is_alive():
        child.kill()
        raise AssertionError("a segment hangs")
    assert child.exitcode in (0, -signal.SIGKILL), f"the segment's process ended with {child.exitcode}"
    return child.exitcode == -signal.SIGKILL


async def play_in_processes(bench: Bench, run: UUID, survived: Path | None, named: Named = known_as) -> int:
    """Segments in processes of their own until the run waits, sleeps or ends; returns how many were killed."""
    killed = 0
    for _ in range(MOST_SEGMENTS):
        if not (await bench.state(run)).is_scheduled():
            return killed
        async with get_client() as client:
            await client.set_flow_run_state(run, Pending(), force=True)
        if await segment_in_a_process(run, survived, named):
            killed += 1
            await found_lost(run)
    raise AssertionError(f"{MOST_SEGMENTS} segments and no end")


async def answer(run: UUID, **form: str) -> None:
    """Fill in the form that the run waits with."""
    async with get_client() as client:
        await client.resume_flow_run(run, run_input=form)


async def found_lost(run_id: UUID) -> None:
    """What reconcile does with a run whose process is gone: Crashed, then scheduled again."""
    from prefect.states import AwaitingRetry, Crashed

    async with get_client() as client:
        await client.set_flow_run_state(run_id, Crashed(message="killed by a test"))
        await client.set_flow_run_state(run_id, AwaitingRetry())
