"""A bridge survives the death of its process at any instant: exactly one of everything (I3, I4)."""

import json
import os
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from prefect.context import TaskRunContext

from tests.procedures import doomed
from tests.procedures.bridges import MINUTE, answer_terms, booked, bought, the_bridge
from tests.procedures.doomed import answer, play_in_processes
from tests.procedures.harness import Bench
from tests.procedures.people import WEBHOOK, mails, ordered, settings
from tests.procedures.requests import ADA, MATTHEW, TOM, bridge

SOAK = bool(os.environ.get("COUNTERSIGN_SOAK"))
ANNUAL = {"term": "1-Year", "annual_reason": "Ada asked for it."}
LOOK = {"action": "look again", "decided_by": WEBHOOK}


# The process that dies


def known_as(request: httpx.Request) -> str:
    """The call's name. In `make test` writes only, known by their step; in the soak everything, as in `doomed`."""
    if SOAK:
        return doomed.known_as(request)
    path = request.url.path
    if request.method == "GET" or path.endswith("/query") or b"isMock" in request.url.query:
        return ""
    context = TaskRunContext.get()
    if path.endswith("/orders"):  # the bridge's and the annual one are two
        path += str(json.loads(request.content)["lineItems"][0].get("commitmentTermId"))[:8]
    return f"{context.task.name if context is not None else ''} {request.method} {doomed.IDS.sub('…', path)}"


# The people


async def drive(bench: Bench, run: UUID, survived: Path) -> int:
    """Play an annual bridge to its end, as customer, pricing and time do; returns the number of kills."""
    killed, reminded, signed = 0, False, False
    for _ in range(60):
        killed += await play_in_processes(bench, run, survived, known_as)
        if (await bench.state(run)).is_final():
            return killed
        wait = await bench.waits_for(run)
        if wait == "pricing":
            figures = {"monthly_prices": "Visio Plan 1 = 6.00", "annual_prices": "Visio Plan 1 = 5.00"}
            await answer(run, action="confirm prices", decided_by=MATTHEW, **figures)
            continue
        if wait.startswith("objection"):
            bench.sandbox.advance(seconds=700)
        elif wait == "confirmation-1":
            await answer_terms(bench, run)
        elif wait == "agreement-1" and not reminded:
            reminded = True
            bench.sandbox.set_clock((await the_bridge(bench, run)).dates.cut_off - timedelta(hours=12))
        elif wait == "agreement-1" and not signed:
            signed = True
            bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
        elif wait == "change-over":
            bench.sandbox.set_clock((await the_bridge(bench, run)).dates.change_over + MINUTE)
        elif "unclear-order" in wait:
            note = "looked into the portal"
            await answer(run, action="no order is there", decided_by=TOM, note=note)
            continue
        await answer(run, **LOOK)
    raise AssertionError("sixty waits and no end")


# What there must be


def assert_one_of_each(bench: Bench, **effects: int) -> None:
    """So many of each effect; one note of each title, one mail of each key, one ticket, asset, file of each name."""
    counts = {name: len(bench.sandbox.effects(name.replace("_", " "))) for name in effects}
    assert counts == effects
    notes = Counter(
        (one["ticketID"], one["title"])
        for one in bench.sandbox.records("autotask.ticketnotes")
        if "CS-" in str(one["title"]) and not str(one["title"]).startswith("Countersign authority")
    )
    sent = Counter(
        effect["key"]
        for entry in bench.sandbox.effects("mail sent")
        for effect in entry["effects"]
        if effect["effect"] == "mail sent"
    )
    tickets = Counter(one["externalID"] for one in bench.sandbox.records("autotask.tickets") if one["externalID"])
    files = Counter(
        (one["parentID"], one["title"])
        for one in bench.sandbox.records("autotask.ticketattachments")
        if "CS-" in str(one["title"])
    )
    for found in (notes, sent, tickets, files):
        assert [one for one, count in found.items() if count != 1] == []
    assert notes and sent and None not in sent
    drafts = [one["subject"] for one in bench.sandbox.get("mails", direction="draft")["mails"]]
    assert drafts == [], "every mail went out"


@pytest.mark.timeout(7200 if SOAK else 900)
async def test_an_annual_bridge_killed_after_every_call_leaves_exactly_one_of_everything(
    bench: Bench, tmp_path: Path, no_settling: None
) -> None:
    """SIGKILL on the way through confirmation, order, reminder, deadline, signature, change-over and booked end."""
    bench.sandbox.post("pax8/provisioning", {"mode": "instant"})
    bench.sandbox.post("settings", {"docusign.polling_limit": 100_000})  # no process really dies twice a second
    survived = tmp_path / "survived"
    async with settings(release="sent directly"):
        run = await bench.start(**bridge(**ANNUAL))
        killed = await drive(bench, run, survived)
    state = await bench.state(run)
    assert state.is_completed(), f"{state.name}: {state.message}"
    assert killed == len(survived.read_text().splitlines())
    assert killed > (100 if SOAK else 15), "the calls of a whole bridge"
    assert ordered(bench) == [("Visio Plan 1", 3, "Monthly"), ("Visio Plan 1", 3, "1-Year")]
    assert_one_of_each(bench, draft_created=1, envelope_sent=1, order_placed=2, end_booked=1, asset_created=2)
    assert [one.state_name for one in await bench.runs("signature-deadline")] == ["Taken off"]
    assert len(await bench.runs("guard-end")) == 1


@pytest.mark.timeout(7200 if SOAK else 900)
async def test_a_deadline_killed_after_every_call_cancels_and_tells_once(bench: Bench, tmp_path: Path) -> None:
    """SIGKILL on the way through reading, decision, booking and telling: cancelled once, told once, guarded once."""
    bench.sandbox.post("settings", {"docusign.polling_limit": 100_000})
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.set_clock(found.dates.cut_off + 2 * MINUTE)
    [planned] = await bench.runs("signature-deadline")
    survived = tmp_path / "survived"
    killed = await play_in_processes(bench, planned.id, survived, known_as)
    state = await bench.state(planned.id)
    assert state.is_completed(), f"{state.name}: {state.message}"
    assert killed == len(survived.read_text().splitlines())
    assert killed > (30 if SOAK else 5), "the calls of a deadline"
    await bench.play_all()
    assert await bench.waits_for(run) == "late-signature"
    assert len(booked(bench)) == 1
    assert_one_of_each(bench, draft_created=1, envelope_sent=1, order_placed=1, end_booked=1, asset_created=1)
    assert len(mails(bench, to=ADA, subject="cancelled, it ends on")) == 1
    assert len(await bench.runs("guard-end")) == 1
