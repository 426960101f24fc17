"""A marker that somebody has changed says nothing of the seats any more: a person looks, nobody guesses (S1, I1)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tasks import seats
from tasks.claims import standing_claims
from tasks.office import open_office
from tests.procedures.harness import Bench, plain
from tests.procedures.people import assert_done, assert_ended_as, mails, notes
from tests.procedures.requests import ADA, ROBERTA, SAM, TOM
from tests.procedures.seats import CONTOSO, asked, changes, confirm, held, portal_adds, puts
from vendors.errors import Unavailable

CONTOSO_TICKET = 700175
PUT = {"vendor": "pax8", "method": "PUT", "path": "/subscriptions/[^/]+$", "times": 1}


def edit_marker(bench: Bench, **changed: Any) -> None:
    """Somebody changes the note that says what the customer's word was used for."""
    [marker] = [one for one in bench.sandbox.records("autotask.ticketnotes") if " used for CS-" in one["title"]]
    bench.sandbox.change("autotask.ticketnotes", marker["id"], **changed)


async def unclear(bench: Bench, monkeypatch: pytest.MonkeyPatch, kind: str, **changed: Any) -> UUID:
    """The answer to the write is lost, and the marker is changed before anybody could look at what became of it."""
    run = await asked(bench)
    looks, look = [], seats.look

    async def cut_off(kept: seats.Kept) -> seats.Seen:
        if puts(bench):
            looks.append(kept)
            if len(looks) == 1:
                edit_marker(bench, **changed)
                raise Unavailable("Pax8", "gone right after the write")
        return await look(kept)

    monkeypatch.setattr(seats, "look", cut_off)
    bench.sandbox.post("faults", {**PUT, "kind": kind})
    await confirm(bench, run)
    assert await bench.waits_for(run) == "unclear-seats-1"
    assert len(looks) == 1 and len(puts(bench)) == 1, "nothing is written on it any more"
    return run


async def test_seats_that_were_added_are_never_called_not_added(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were added; the marker's text is gone. Pax8 must show what Tom says, then everybody is told."""
    run = await unclear(bench, monkeypatch, "drop-after", description="see mail")
    [told] = mails(bench, TOM, "nobody knows whether the seats were added")
    assert SAM in told.cc and "12 → 15" in told.text
    async with open_office():
        assert len(await standing_claims(held(bench, CONTOSO)["id"])) == 1, "nobody else changes them meanwhile"
    await bench.answer(run, action="no seats were added", decided_by=TOM, note="I see none")
    assert "Pax8 shows 15 seats, not 12" in plain(await bench.form(run))
    assert_done(await bench.answer(run, action="the seats were added", decided_by=TOM))
    assert changes(bench) == [(12, 15)] and len(puts(bench)) == 1
    assert TOM in notes(bench, CONTOSO_TICKET)["no longer unclear 1"]
    assert len(mails(bench, ADA, "15")) == len(mails(bench, ROBERTA, "15")) == 1
    async with open_office():
        assert await standing_claims(held(bench, CONTOSO)["id"]) == []


async def test_seats_that_were_not_added_are_called_so_on_a_persons_word(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write never came through, and the marker says another total: it isn't believed, and nothing is sent again."""
    run = await unclear(bench, monkeypatch, "drop-before", description=await other_total(bench))
    await bench.answer(run, action="the seats were added", decided_by=TOM)
    assert "Pax8 shows 12 seats, not 15" in plain(await bench.form(run))
    state = await bench.answer(run, action="no seats were added", decided_by=TOM, note="its history is empty")
    assert_ended_as(state, "Not added")
    assert f"{TOM} looked into Pax8" in str(state.message)
    assert not changes(bench) and len(puts(bench)) == 1


async def other_total(bench: Bench) -> str:
    """What a marker of another increase of the same seats would keep."""
    other = seats.Kept(subscription_id=held(bench, CONTOSO)["id"], before=12, after=16, snapshots=0)
    return other.model_dump_json()


async def test_a_marker_changed_later_isnt_believed_either(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words look right, but somebody has touched it; Pax8 shows a third number, so people settle it."""
    later = (bench.sandbox.now() + timedelta(hours=1)).isoformat()
    run = await unclear(bench, monkeypatch, "drop-before", lastActivityDate=later)
    portal_adds(bench, held(bench, CONTOSO)["id"], 20)
    await bench.answer(run, action="no seats were added", decided_by=TOM, note="I see 20")
    assert "settle by hand" in plain(await bench.form(run))
    state = await bench.answer(run, action="settled by hand", decided_by=TOM, note="Ada wanted 20, by phone and mail")
    assert_ended_as(state, "Settled by hand")
    assert "Nothing was ordered" not in str(state.message)
