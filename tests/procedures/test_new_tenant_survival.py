"""The leg of a new customer survives the death of its process after any of its writes: one of everything (I3)."""

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.context import TaskRunContext
from prefect.states import Pending

import vendors.http
from tests.procedures import doomed
from tests.procedures.harness import Bench
from tests.procedures.people import ordered
from tests.procedures.requests import SAM, TOM
from tests.procedures.tenants import (
    KEY,
    MUNSON,
    PREFIX,
    approve,
    let_microsoft_work,
    record,
    relationships,
    signed,
    store_all,
)

SOAK = bool(os.environ.get("COUNTERSIGN_SOAK"))
LEG = ("/companies", "/orders", "/passwords", "/password_categories", "/flexible_assets", "delegatedAdmin")
"""In `make test` only these writes: notes and mails die in the procedures' own tests of this kind."""
LOOK = {"action": "look again", "decided_by": "clock", "note": ""}
ONCE = ("company created", "contact created", "order placed", "relationship created", "relationship locked")


def known_as(request: httpx.Request) -> str:
    """The call's name; empty for one that nobody dies after."""
    if SOAK:
        return doomed.known_as(request)
    path = request.url.path
    if request.method == "GET" or b"isMock" in request.url.query or not any(part in path for part in LEG):
        return ""
    context = TaskRunContext.get()
    about = "key" if b"Secret key" in request.content else ""
    step = context.task.name if context is not None else ""
    return f"{step} {request.method} {doomed.IDS.sub('…', path)} {about}"


def live_until_a_new_call(run_id: UUID, survived: Path) -> None:
    """The child: play one segment; die after the first call that isn't in the file, having written it there."""
    done = set(survived.read_text().splitlines()) if survived.exists() else set()

    async def die(request: httpx.Request, response: httpx.Response | None) -> None:
        if response is None or any(word in request.url.path for word in doomed.TOKENS):
            return
        name = known_as(request)
        if name and name not in done:
            with survived.open("a") as file:
                file.write(name + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.kill(os.getpid(), signal.SIGKILL)

    vendors.http.observers.append(die)
    asyncio.run(doomed.play(run_id))


async def play_in_processes(bench: Bench, run: UUID, survived: Path) -> int:
    """Segments in processes of their own until the run waits or ends; returns how many were killed."""
    killed = 0
    for _ in range(200):
        if not (await bench.state(run)).is_scheduled():
            return killed
        async with get_client() as client:
            await client.set_flow_run_state(run, Pending(), force=True)
        child = doomed._context.Process(target=live_until_a_new_call, args=(run, survived))
        child.start()
        await asyncio.to_thread(child.join, 120)
        assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
        if child.exitcode:
            killed += 1
            await doomed.found_lost(run)
    raise AssertionError("two hundred segments and no end")


async def answer(run: UUID, **form: str) -> None:
    async with get_client() as client:
        await client.resume_flow_run(run, run_input=form)


@pytest.mark.timeout(900)
async def test_killed_after_each_write_it_leaves_one_company_one_relationship_one_asset_of_each(
    bench: Bench, tmp_path: Path, no_settling: None
) -> None:
    """SIGKILL after each write of the leg, in the procedure and in the set-up: nothing is there twice."""
    bench.sandbox.post("settings", {"docusign.polling_limit": 100_000})
    run, survived = await signed(bench), tmp_path / "survived"
    await bench.answer(run, action="use this prefix", decided_by=TOM, prefix=PREFIX, prefix_again=PREFIX)
    await answer(run, action="confirm the prefix", decided_by=SAM, prefix=PREFIX)
    killed = await play_in_processes(bench, run, survived)
    assert (await bench.state(run)).is_completed()

    [set_up] = [one.id for one in await bench.runs("set-up-tenant")]
    for _ in range(20):
        killed += await play_in_processes(bench, set_up, survived)
        if (await bench.state(set_up)).is_final():
            break
        wait, form = await bench.waits_for(set_up), LOOK
        if wait == "admin-account":
            store_all(bench)
        elif wait == "gdap-1":
            approve(bench)
        let_microsoft_work(bench)
        await answer(set_up, **form)
    state = await bench.state(set_up)
    assert state.is_completed(), f"{state.name}: {state.message}"

    assert killed == len(survived.read_text().splitlines()) >= 14, survived.read_text()
    assert {name: len(bench.sandbox.effects(name)) for name in ONCE} == dict.fromkeys(ONCE, 1)
    assert len(ordered(bench)) == len(relationships(bench)) == 1
    for kind, named in (("pax8.companies", "name"), ("itglue.passwords", "name"), ("itglue.flexible_assets", "name")):
        counts = Counter((one.get("organization-id"), one[named]) for one in bench.sandbox.records(kind))
        assert set(counts.values()) == {1}, counts
    assert [one["name"] for one in bench.sandbox.records("pax8.companies")].count(MUNSON) == 1
    key = record(bench, KEY)
    for kind, field in (("itglue.resource_accesses", "resource-id"), ("itglue.related_items", "_destination-id")):
        assert [one[field] for one in bench.sandbox.records(kind)].count(key["id"]) == 1
    mails = Counter((mail["subject"], str(mail["to"])) for mail in bench.sandbox.get("mails")["mails"])
    assert set(mails.values()) == {1}, mails
