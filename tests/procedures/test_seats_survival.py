"""More seats and a wished end survive the death of their process at any instant: exactly one of everything (I3)."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from tests.procedures import doomed, test_bridge_survival
from tests.procedures.doomed import answer, play_in_processes
from tests.procedures.harness import Bench
from tests.procedures.requests import ADA, TOM
from tests.procedures.seats import FABRIKAM, annual_more, answer_question, changes, held, more, puts
from tests.procedures.test_add_seats import offered
from tests.procedures.test_bridge_survival import SOAK
from tests.procedures.test_seats_unclear import unclear

STANDARD = "Microsoft 365 Business Standard"


def known_as(request: httpx.Request) -> str:
    """The call's name: writes only, each note and mail for itself; in the soak everything, as in `doomed`."""
    name = test_bridge_survival.known_as(request)
    return f"{name} {doomed.about(request)}" if name and not SOAK else name


def assert_one_of_each(bench: Bench) -> None:
    """One note of each title of ours, one mail of each key, one asset of each name, one authority's marker."""
    notes = Counter(
        one["title"]
        for one in bench.sandbox.records("autotask.ticketnotes")
        if str(one["title"]).startswith(("[CS-", "Countersign authority"))
    )
    assert notes and set(notes.values()) == {1}, notes
    keys = Counter(one for mail in bench.sandbox.get("mails")["mails"] for one in mail["properties"])
    assert set(keys.values()) == {1}, keys
    assets = Counter((one["organization-id"], one["name"]) for one in bench.sandbox.records("itglue.flexible_assets"))
    assert set(assets.values()) == {1}, assets


async def drive(bench: Bench, run: UUID, survived: Path, kind: str) -> int:
    """Play a procedure to its end, as customer and requester do; returns the number of kills."""
    killed = 0
    for _ in range(40):
        killed += await play_in_processes(bench, run, survived, known_as)
        if (await bench.state(run)).is_final():
            return killed
        wait = await bench.waits_for(run)
        if wait.startswith("confirmation"):
            await answer_question(bench, run)
            await answer(run, action="look again", decided_by="the shared mailbox", note="")
        elif wait.startswith("acknowledge"):
            await answer(run, action="I have understood it", decided_by=TOM, new_total="10")
        else:
            bench.sandbox.advance(seconds=200)
            await answer(run, action="look again", decided_by="clock", note=kind)
    raise AssertionError("forty waits and no end")


@pytest.mark.timeout(900)
async def test_add_seats_killed_after_every_call_adds_once(bench: Bench, tmp_path: Path) -> None:
    """SIGKILL after each outside call, one after the other, in one annual increase; its booked end is booked again."""
    subscription = held(bench, FABRIKAM, STANDARD)
    end = subscription["commitment"]["endDate"]
    bench.sandbox.post(f"pax8/subscriptions/{subscription['id']}/end", {"end": end})
    run = await bench.start(**annual_more())
    survived = tmp_path / "survived"
    killed = await drive(bench, run, survived, "add-seats")
    state = await bench.state(run)
    assert state.is_completed(), f"{state.name}: {state.message}"
    assert killed == len(survived.read_text().splitlines())
    calls = survived.read_text()
    for call in (
        "write-seats PUT",
        "claimed by",
        "done by",
        "seats of",
        "book-dropped-end DELETE",
        "document-seats PATCH",
    ):
        assert call in calls, calls
    assert changes(bench) == [(8, 10)]
    assert len(bench.sandbox.effects("end booked")) == 1
    assert held(bench, FABRIKAM, STANDARD)["endDate"] == end
    assert_one_of_each(bench)


@pytest.mark.timeout(900)
async def test_a_wished_end_killed_after_every_call_is_booked_once(bench: Bench, tmp_path: Path) -> None:
    """SIGKILL after each outside call of a wish that is a term away, and of the run that watches its end."""
    said = {"ticketNumber": "T20261118.0012", "email": ADA, "title": "Premium", "description": "Please end Premium."}
    bench.sandbox.post("autotask/notes", said)
    form = {k: v for k, v in more(name="end-on-request").items() if not k.startswith("seats_")}
    wished = (bench.sandbox.today() + timedelta(days=20)).isoformat()
    run = await bench.start(**form, end_date=wished)
    survived = tmp_path / "survived"
    killed = await play_in_processes(bench, run, survived, known_as)
    evidence = (await offered(bench, run))[-1]
    await answer(run, action="the message confirms it", decided_by=TOM, evidence=evidence)
    killed += await play_in_processes(bench, run, survived, known_as)
    assert await bench.waits_for(run) == "term-1"
    bench.sandbox.advance(days=20)
    await answer(run, action="look again", decided_by="clock", note="")
    killed += await play_in_processes(bench, run, survived, known_as)
    state = await bench.state(run)
    assert state.is_completed(), f"{state.name}: {state.message}"
    assert killed == len(survived.read_text().splitlines())
    for call in ("mark-wish", "book-wished-end DELETE", "document-end PATCH", "draft-letter"):
        assert call in survived.read_text(), call
    assert len(bench.sandbox.effects("end booked")) == 1
    assert len(await bench.runs("guard-end")) == 1, "one run watches it"
    assert_one_of_each(bench)


async def test_the_word_on_unclear_seats_killed_after_every_call_is_told_once(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL after each call that follows a person's word on seats nobody could judge: all told once, none added."""
    run = await unclear(bench, monkeypatch, "drop-after", description="see mail")
    survived = tmp_path / "survived"
    await answer(run, action="the seats were added", decided_by=TOM, note="its history shows them")
    killed = await play_in_processes(bench, run, survived, known_as)
    state = await bench.state(run)
    assert state.is_completed(), f"{state.name}: {state.message}"
    assert killed == len(survived.read_text().splitlines()) > 5, survived.read_text()
    for call in ("no longer unclear", "document-seats", "PATCH"):
        assert call in survived.read_text(), survived.read_text()
    assert changes(bench) == [(12, 15)] and len(puts(bench)) == 1
    assert_one_of_each(bench)
