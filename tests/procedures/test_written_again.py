"""What the customer writes after the word that counts: read by a person before money is spent (B3, S1)."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import State

from tests.procedures import bridges
from tests.procedures.doomed import answer, play_in_processes
from tests.procedures.harness import Bench, plain
from tests.procedures.people import assert_done, assert_ended_as, launch, mails, notes, ordered, sign
from tests.procedures.requests import ADA, FRIDA, MATTHEW, TOM
from tests.procedures.seats import annual_more, answer_question, changes, confirm, puts
from tests.procedures.test_bridge_confirmation import listed
from tests.procedures.test_seats_survival import assert_one_of_each, known_as

VISIO = ("Visio Plan 1", 3, "Monthly")
AGAIN = "confirmation-again-1-1"


async def acknowledge(bench: Bench, run: UUID) -> State[Any]:
    return await bench.answer(run, action="I have understood it", decided_by=TOM, new_total="10")


async def to_be_acknowledged(bench: Bench, *later: str) -> UUID:
    """Annual, 8 → 10: confirmed by the offered sentence, then written about again, before the total is typed."""
    run = await launch(bench, annual_more())
    await confirm(bench, run)
    assert await bench.waits_for(run) == "acknowledge-1"
    for text in later:
        await answer_question(bench, run, text=text)
    return run


async def read_as(bench: Bench, run: UUID, action: str, number: int = 0, **more: str) -> State[Any]:
    """Tom reads one of the messages above the form."""
    label = (await listed(bench, run))[number]
    return await bench.answer(run, action=action, decided_by=TOM, evidence=label, **more)


async def test_seats_that_the_customer_does_not_want_any_more_are_not_added(bench: Bench) -> None:
    """Confirmed, and "please don't" days before the total is typed: a person reads it, and a no ends it (S1, I1)."""
    run = await to_be_acknowledged(bench, "No, please don't.")
    bench.sandbox.advance(days=2)
    await acknowledge(bench, run)
    assert not puts(bench)
    assert await bench.waits_for(run) == AGAIN
    assert "No, please don't." in plain(await bench.form(run))
    assert mails(bench, TOM, "has written, please read it")
    assert_ended_as(await read_as(bench, run, "says no"), "Refused by the customer")
    assert not puts(bench)


async def test_thanks_after_the_sentence_are_read_once(bench: Bench) -> None:
    """Each later message is said to leave the word standing, once; on whose word stands in the ticket."""
    run = await to_be_acknowledged(bench, "Thanks a lot!", "When do they come?")
    await acknowledge(bench, run)
    await read_as(bench, run, "the confirmation stands")
    assert await bench.waits_for(run) == AGAIN
    assert not puts(bench)
    shown = plain(await bench.form(run))
    assert "When do they come?" in shown and "Thanks a lot!" not in shown
    assert_done(await read_as(bench, run, "the confirmation stands"))
    assert changes(bench) == [(8, 10)]
    said = notes(bench, 700180)
    assert any("still stands" in text and TOM in text for text in said.values()), said


async def test_our_own_mails_and_automatic_replies_hold_nothing_up(bench: Bench) -> None:
    """An out-of-office note, the sentence once more, and a stranger's mail in the conversation are read by nobody."""
    run = await to_be_acknowledged(bench)
    await answer_question(bench, run, automatic=True, text="I am out of office.")
    await answer_question(bench, run, sentence=True)
    await answer_question(bench, run, text="Don't!", **{"from": "mallory@evil.example"})
    assert_done(await acknowledge(bench, run))
    assert changes(bench) == [(8, 10)]


async def test_the_contact_is_asked_anew_where_the_reader_says_so(bench: Bench) -> None:
    """What was confirmed counts no more, whatever becomes of the later message: only the new answer does."""
    run = await to_be_acknowledged(bench, "Or rather eleven?")
    await acknowledge(bench, run)
    await read_as(bench, run, "ask the customer anew")
    assert await bench.waits_for(run) == "confirmation-seats-2"
    assert "You have written to us since" in mails(bench, FRIDA, "please confirm")[-1].text
    later = next(one for one in bench.sandbox.records("graph.messages") if "Or rather eleven?" in str(one["body"]))
    bench.sandbox.change("graph.messages", later["id"], receivedDateTime="2026-01-01T00:00:00Z")
    await bench.answer(run, action="look again", decided_by=TOM)
    assert await bench.waits_for(run) == "confirmation-seats-2"
    assert not puts(bench)
    await confirm(bench, run, 2)
    assert_done(await acknowledge(bench, run))
    assert changes(bench) == [(8, 10)]


async def test_a_further_message_wakes_whoever_reads(bench: Bench) -> None:
    """While one is read another comes: the form shows both, and the first reading frees nothing."""
    run = await to_be_acknowledged(bench, "Wait a moment.")
    await acknowledge(bench, run)
    await answer_question(bench, run, text="Stop it altogether.")
    await bench.reconcile()
    assert await bench.waits_for(run) == AGAIN
    assert "Stop it altogether." in plain(await bench.form(run))
    await read_as(bench, run, "the confirmation stands")
    assert not puts(bench)
    assert_ended_as(await read_as(bench, run, "says no"), "Refused by the customer")
    assert not puts(bench)


@pytest.mark.timeout(900)
async def test_seats_read_again_and_killed_after_every_call_are_added_once(bench: Bench, tmp_path: Path) -> None:
    """SIGKILL after each outside call of the reading and of the write behind it."""
    run = await to_be_acknowledged(bench, "Thanks a lot!")
    survived = tmp_path / "survived"
    await answer(run, action="I have understood it", decided_by=TOM, new_total="10")
    killed = await play_in_processes(bench, run, survived, known_as)
    assert await bench.waits_for(run) == AGAIN
    assert not puts(bench)
    [label] = await listed(bench, run)
    await answer(run, action="the confirmation stands", decided_by=TOM, evidence=label)
    killed += await play_in_processes(bench, run, survived, known_as)
    assert_done(await bench.state(run))
    assert killed == len(survived.read_text().splitlines()) > 0
    assert changes(bench) == [(8, 10)]
    assert_one_of_each(bench)


async def risen(bench: Bench) -> UUID:
    """A bridge confirmed by Ada's sentence, whose cost has risen: pricing is asked before anything is ordered."""
    run = await bridges.offered(bench, needed_by=(bench.sandbox.today() + timedelta(days=20)).isoformat())
    product = next(one for one in bench.sandbox.records("pax8.products") if one["name"].startswith("Visio Plan 1 ["))
    prices = [{**price, "buy": str(float(price["buy"]) + 0.37)} for price in product["prices"]]
    bench.sandbox.change("pax8.products", product["id"], prices=prices)
    await bridges.confirm(bench, run)
    assert (await bench.waits_for(run)).startswith("bridge-cost-risen")
    return run


async def test_a_bridge_that_the_customer_does_not_want_any_more_is_not_ordered(bench: Bench) -> None:
    """Written between the word and the order, while pricing decides: read first, and a no ends it (B3, I1)."""
    run = await risen(bench)
    await bridges.answer_terms(bench, run, text="Please don't order it.")
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    assert not ordered(bench)
    assert await bench.waits_for(run) == AGAIN
    assert_ended_as(await read_as(bench, run, "says no"), "Refused by the customer")
    assert not ordered(bench)
    assert bench.sandbox.get(f"records/docusign.envelopes/{await bench.envelope(run)}")["status"] == "voided"


async def test_a_bridge_whose_confirmation_stands_is_ordered_once(bench: Bench) -> None:
    """Thanks are read once; days later, price and subscriptions are looked at again before the order."""
    run = await risen(bench)
    await bridges.answer_terms(bench, run, text="Thank you!")
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    bench.sandbox.advance(days=1)
    await read_as(bench, run, "the confirmation stands")
    assert (await bench.waits_for(run)).startswith("bridge-cost-risen")
    assert not ordered(bench)
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    assert ordered(bench) == [VISIO]


async def test_a_bridge_that_is_signed_for_while_somebody_reads_goes_on_as_new(bench: Bench) -> None:
    """B1: signed before the bridge is ordered it needs none, whatever was written after the word."""
    run = await risen(bench)
    await bridges.answer_terms(bench, run, text="Please don't order it.")
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    assert await bench.waits_for(run) == AGAIN
    await sign(bench, run)
    waits = await bench.waits_for(run)
    assert waits.startswith("cost-risen"), waits
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    assert ordered(bench) == [VISIO]
    assert len(mails(bench, ADA, "true dates")) == 0


async def test_other_seats_or_new_terms_after_the_word(bench: Bench) -> None:
    """The reader may say that other seats are wanted, or have the terms sent anew: the old word orders nothing."""
    run = await risen(bench)
    await bridges.answer_terms(bench, run, text="Four please, not three.")
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    await read_as(bench, run, "wants other seats", seats="Visio Plan 1 = 4")
    assert await bench.waits_for(run) == "confirmation-2"
    assert not ordered(bench)
    await bridges.confirm(bench, run, 2)
    assert (await bench.waits_for(run)).startswith("bridge-2-cost-risen")
    await bridges.answer_terms(bench, run, 2, text="What was it again?")
    await bench.answer(run, action="accept", decided_by=MATTHEW)
    assert await bench.waits_for(run) == "confirmation-again-2-1"
    await read_as(bench, run, "ask the customer anew")
    assert await bench.waits_for(run) == "confirmation-3"
    assert not ordered(bench)
