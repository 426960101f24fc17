"""A procedure survives the death of its process at any instant: exactly one of everything (I3)."""

import shutil
from collections import Counter
from pathlib import Path
from uuid import UUID

import pytest

from tests.procedures.doomed import answer, play_in_processes
from tests.procedures.harness import Bench
from tests.procedures.requests import ROBERTA, TOM, contoso
from tests.procedures.test_bridge_survival import SOAK
from tests.procedures.test_seats_survival import known_as

ONCE = ("draft created", "envelope sent", "order placed", "asset created", "ticket completed")


def assert_exactly_one_of_everything(bench: Bench) -> None:
    """One envelope, order and asset; one note of each title, one mail of each key, one attachment of each title."""
    counts = {effect: len(bench.sandbox.effects(effect)) for effect in ONCE}
    assert counts == dict.fromkeys(ONCE, 1)
    notes = Counter(
        note["title"] for note in bench.sandbox.records("autotask.ticketnotes") if "CS-" in str(note["title"])
    )
    stages = {title: count for title, count in notes.items() if not title.startswith("Countersign authority")}
    assert stages and set(stages.values()) == {1}, stages
    mails = Counter((mail["subject"], str(mail["to"])) for mail in bench.sandbox.get("mails")["mails"])
    assert set(mails.values()) == {1}, mails
    files = Counter(
        one["title"] for one in bench.sandbox.records("autotask.ticketattachments") if "CS-" in str(one["title"])
    )
    assert set(files.values()) == {1}, files


async def drive(bench: Bench, run: UUID, survived: Path | None) -> int:
    """Play a procedure to its end, answering its forms as people do; returns the number of kills."""
    killed = 0
    for _ in range(60):
        killed += await play_in_processes(bench, run, survived, known_as)
        state = await bench.state(run)
        if state.is_final():
            return killed
        wait = await bench.waits_for(run)
        form = {"action": "look again", "decided_by": "DocuSign webhook", "note": ""}
        if wait.startswith("release"):
            form = {"action": "release", "decided_by": ROBERTA}
        elif wait == "signature":
            bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign")
        elif wait.startswith("unclear-order"):
            form = {"action": "no order is there", "decided_by": TOM, "note": "looked into the portal"}
        await answer(run, **form)
    raise AssertionError("sixty waits and no end")


@pytest.mark.timeout(900)
async def test_killed_after_every_single_call_it_leaves_exactly_one_of_everything(
    bench: Bench, tmp_path: Path, no_settling: None
) -> None:
    """SIGKILL after each outside call, one after the other, in one procedure: it ends as if nothing had been.

    Outside the soak after each write only: what dies after a read leaves what the last write left.
    """
    bench.sandbox.post("pax8/provisioning", {"mode": "instant"})
    bench.sandbox.post("settings", {"docusign.polling_limit": 100_000})  # no process really dies twice a second
    run = await bench.start(**contoso())
    survived = tmp_path / "survived"
    killed = await drive(bench, run, survived)
    state = await bench.state(run)
    assert state.is_completed(), f"{state.name}: {state.message}"
    assert killed == len(survived.read_text().splitlines())
    assert killed > (100 if SOAK else 25), survived.read_text()
    assert_exactly_one_of_everything(bench)


async def test_an_emptied_result_store_repeats_nothing(bench: Bench, prefect_home: Path) -> None:
    """All results are lost while the run waits: every step finds what it did."""
    bench.sandbox.post("pax8/provisioning", {"mode": "instant"})
    run = await bench.start(**contoso())
    await bench.play(run)
    await bench.answer(run, action="release", decided_by=ROBERTA)
    shutil.rmtree(prefect_home / "storage")
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign")
    state = await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert state.is_completed(), f"{state.name}: {state.message}"
    assert_exactly_one_of_everything(bench)
