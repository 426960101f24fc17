"""The leg of a new customer survives the death of its process after any of its writes: one of everything (I3)."""

import os
from collections import Counter
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect.context import FlowRunContext, TaskRunContext

from tests.procedures import doomed
from tests.procedures.doomed import answer, play_in_processes
from tests.procedures.harness import Bench
from tests.procedures.people import WEBHOOK, ordered, settings
from tests.procedures.requests import ROBERTA, SAM, TOM
from tests.procedures.tenants import (
    ACCOUNT,
    KEY,
    KIM,
    MUNSON,
    PREFIX,
    approve,
    let_microsoft_work,
    munson,
    record,
    relationships,
    signed,
    store_all,
)
from tests.procedures.test_new_tenant_states import FEWER_ROLES, to_what_microsoft_hides

SOAK = bool(os.environ.get("COUNTERSIGN_SOAK"))
LEG = ("/companies", "/orders", "/passwords", "/password_categories", "/flexible_assets", "delegatedAdmin")
"""In `make test` only these writes, from the prefix on: the rest dies in the procedures' own tests of this kind."""
LOOK = {"action": "look again", "decided_by": "clock", "note": ""}
ONCE = (
    "company created",
    "contact created",
    "order placed",
    "relationship created",
    "relationship locked",
    "access assigned",
)


def known_as(request: httpx.Request) -> str:
    """The call's name; empty for one that nobody dies after. In the soak: every call of each of the two runs."""
    about = "key" if b"Secret key" in request.content else ""
    if SOAK:
        run = FlowRunContext.get()
        return f"{run.flow.name if run is not None and run.flow is not None else ''}: {doomed.known_as(request)}{about}"
    path = request.url.path
    if request.method == "GET" or b"isMock" in request.url.query or not any(part in path for part in LEG):
        return ""
    context = TaskRunContext.get()
    step = context.task.name if context is not None else ""
    return f"{step} {request.method} {doomed.IDS.sub('…', path)} {about}"


async def act(bench: Bench, run: UUID, wait: str) -> dict[str, str]:
    """What whoever is awaited does, outside and in the form."""
    let_microsoft_work(bench)
    match wait.rpartition("-")[0] or wait:
        case "release":
            return {"action": "release", "decided_by": ROBERTA}
        case "signature":
            bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign")
            return {**LOOK, "decided_by": WEBHOOK}
        case "prefix":
            return {"action": "use this prefix", "decided_by": TOM, "prefix": PREFIX, "prefix_again": PREFIX}
        case "prefix-confirmed":
            return {"action": "confirm the prefix", "decided_by": SAM, "prefix": PREFIX}
        case "unclear-order":
            return {"action": "no order is there", "decided_by": TOM, "note": "looked into the portal"}
        case "admin" if not record(bench, ACCOUNT)["otp-secret"]:  # the wait is called admin-account
            store_all(bench)
        case "gdap" if wait != "gdap-roles" and relationships(bench)[-1]["status"] == "approvalPending":
            approve(bench)
    return LOOK


async def drive(bench: Bench, run: UUID, survived: Path) -> int:
    """Play a run to its end, as people, Microsoft and time do; returns how many of its processes were killed."""
    killed = 0
    for _ in range(60):
        killed += await play_in_processes(bench, run, survived, known_as)
        state = await bench.state(run)
        if state.is_final():
            assert state.is_completed(), f"{state.name}: {state.message}"
            return killed
        await answer(run, **await act(bench, run, await bench.waits_for(run)))
    raise AssertionError("sixty waits and no end")


@pytest.mark.timeout(7200 if SOAK else 900)
async def test_killed_after_each_write_it_leaves_one_company_one_relationship_one_asset_of_each(
    bench: Bench, tmp_path: Path, no_settling: None
) -> None:
    """SIGKILL after each write of the leg, in the procedure and the set-up (soak: each call): nothing is twice."""
    bench.sandbox.post("settings", {"docusign.polling_limit": 100_000})
    survived = tmp_path / "survived"
    run = await bench.start(**munson()) if SOAK else await signed(bench)
    if not SOAK:
        await answer(run, **await act(bench, run, "prefix-1"))
    killed = await drive(bench, run, survived)
    [set_up] = [one.id for one in await bench.runs("set-up-tenant")]
    killed += await drive(bench, set_up, survived)

    assert killed == len(survived.read_text().splitlines()) >= (150 if SOAK else 14), survived.read_text()
    assert {name: len(bench.sandbox.effects(name)) for name in ONCE} == dict.fromkeys(ONCE, 1)
    assert len(ordered(bench)) == len(relationships(bench)) == 1
    for kind, named in (("pax8.companies", "name"), ("itglue.passwords", "name"), ("itglue.flexible_assets", "name")):
        counts = Counter((one.get("organization-id"), one[named]) for one in bench.sandbox.records(kind))
        assert set(counts.values()) == {1}, counts
    assert [one["name"] for one in bench.sandbox.records("pax8.companies")].count(MUNSON) == 1
    key = record(bench, KEY)
    for kind, field in (("itglue.resource_accesses", "resource-id"), ("itglue.related_items", "_destination-id")):
        assert [one[field] for one in bench.sandbox.records(kind)].count(key["id"]) == 1
    assert_told_once(bench)


def assert_told_once(bench: Bench) -> None:
    """One note of each title on each ticket, one mail of each key."""
    notes = Counter(
        (one["ticketID"], one["title"])
        for one in bench.sandbox.records("autotask.ticketnotes")
        if "CS-" in str(one["title"]) and not str(one["title"]).startswith("Countersign authority")
    )
    assert notes and set(notes.values()) == {1}, notes
    mails = Counter(str(mail["properties"] or mail["subject"]) for mail in bench.sandbox.get("mails")["mails"])
    assert set(mails.values()) == {1}, mails


def writes_known_as(request: httpx.Request) -> str:
    """Each write for itself; in the soak each call."""
    if not SOAK and (request.method == "GET" or request.url.path.endswith("/query")):
        return ""
    return doomed.known_as(request)


@pytest.mark.soak
async def test_who_secured_it_and_who_saw_it_killed_after_every_write_are_told_once(
    bench: Bench, tmp_path: Path, no_settling: None
) -> None:
    """SIGKILL after each write of the waits for what no system tells: who did it, and who has seen it (P9)."""
    survived = tmp_path / "survived"
    said = {
        "who-secured": {"action": "I did it", "decided_by": KIM},
        "witness-1": {"action": "it is not so", "decided_by": SAM},
        "holder-again-1": {"action": "it is done", "decided_by": KIM},
        "witness-2": {"action": "I have seen it", "decided_by": SAM},
    }
    async with settings(gdap_roles=FEWER_ROLES):
        run = await to_what_microsoft_hides(bench)
        assert await bench.waits_for(run) == "who-secured"
        killed = 0
        for wait, form in said.items():
            assert await bench.waits_for(run) == wait
            await answer(run, **form)
            killed += await play_in_processes(bench, run, survived, writes_known_as)
    state = await bench.state(run)
    assert state.is_completed(), f"{state.name}: {state.message}"
    calls = survived.read_text()
    assert killed == len(calls.splitlines()) >= 8, calls
    for call in ("who secured it", "witness 1", "witness 2", "second pair of eyes", "admin account once more"):
        assert call in calls, calls
    assert_told_once(bench)
