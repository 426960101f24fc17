"""One paper, one order: no second one by repeating, copying, racing, or by an order that somebody names (I1, I3)."""

import pytest

from rules.events import Decided, Signed
from tests.procedures.attacks import (
    at_the_same_moment,
    checked,
    forge,
    memory,
    orders,
    paper,
    try_to_order,
    with_line,
)
from tests.procedures.harness import Bench
from tests.procedures.requests import ROBERTA, TOM, contoso


def slow_marks(bench: Bench) -> None:
    """Both see the paper unmarked before either has marked it."""
    bench.sandbox.post("faults", {"kind": "slow", "method": "POST", "path": "Notes$", "seconds": 2, "times": 2})


async def test_two_procedures_at_the_same_moment_get_one_order_from_one_paper(bench: Bench) -> None:
    """A paper without a reference fits both; whoever marks it second is refused, naming what it bought."""
    request = await checked(bench)
    other = request.model_copy(update={"reference": "CS-AAAAAAAAAA"})
    envelope = paper(bench, request, {"Reference": ""}, {})
    slow_marks(bench)
    outcomes = await at_the_same_moment([(request, envelope), (other, envelope)])
    assert sorted(outcome.split()[0] for outcome in outcomes) == ["AuthorityUsed:", "ordered"], outcomes
    assert len(orders(bench)) == 1


async def test_two_processes_of_one_procedure_at_the_same_moment_make_one_order(bench: Bench) -> None:
    """A survivor of a killed worker beside the run itself, or two runs that go on under one reference."""
    request = await checked(bench)
    envelope = paper(bench, request)
    slow_marks(bench)
    outcomes = await at_the_same_moment([(request, envelope)] * 2)
    assert len(orders(bench)) == 1, outcomes
    assert any(outcome.startswith("ordered") for outcome in outcomes), outcomes


async def test_a_used_paper_buys_nothing_more(bench: Bench) -> None:
    """Again by the same procedure: its own order is found. By another, or with other seats: refused."""
    request = await checked(bench)
    unmarked = paper(bench, request, {"Reference": ""}, {})
    other = request.model_copy(update={"reference": "CS-AAAAAAAAAA"})
    outcomes = await try_to_order(
        [(request, unmarked), (request, unmarked), (other, unmarked), (with_line(request, seats=4), unmarked)]
    )
    assert outcomes[0] == outcomes[1], outcomes
    assert outcomes[2].startswith("AuthorityUsed"), outcomes
    assert outcomes[3].startswith(("NotCovered", "UnclearOrder", "UnreadableOrder")), outcomes
    assert len(orders(bench)) == 1


async def test_a_second_paper_with_the_same_reference_buys_nothing_more(bench: Bench) -> None:
    """Our reference on another envelope: the request has had its order, whichever envelope is held up next."""
    request = await checked(bench)
    outcomes = await try_to_order([(request, paper(bench, request)), (request, paper(bench, request))])
    assert outcomes[0].startswith("ordered"), outcomes
    assert outcomes[1].startswith("AuthorityUsed"), outcomes
    assert len(orders(bench)) == 1


async def test_the_customer_cannot_free_a_used_paper_by_a_note(bench: Bench) -> None:
    """A note that says "not used", written by the customer in the portal, is no word of ours."""
    request = await checked(bench)
    envelope = paper(bench, request, {"Reference": ""}, {})
    assert (await try_to_order([(request, envelope)]))[0].startswith("ordered")
    marker = next(n for n in bench.sandbox.records("autotask.ticketnotes") if n["title"].startswith("Countersign"))
    forged = {
        **marker,
        "id": 990_001,
        "title": f"Countersign authority docusign:{envelope} not used by {request.reference}: please order again",
        "createdByContactID": 1751,
        "creatorResourceID": None,
    }
    bench.sandbox.http.put("records/autotask.ticketnotes/990001", json=forged).raise_for_status()
    other = request.model_copy(update={"reference": "CS-AAAAAAAAAA"})
    outcomes = await try_to_order([(other, envelope)])
    assert outcomes[0].startswith("AuthorityUsed"), outcomes
    assert len(orders(bench)) == 1


SIGNED = Signed(envelope_id="00000000-0000-4000-8000-000000000000", at="2026-11-22T12:00:00Z")
FOUND = Decided(by=TOM, choice="the order is there", why="00000000-0000-4000-8000-00000000abcd")
NOT_THERE = Decided(by=TOM, choice="no order is there", why="looked")


def kept(event: Signed | Decided) -> dict[str, object]:
    return {"kind": type(event).__name__, **event.model_dump(mode="json")}


async def at_the_signature(bench: Bench) -> tuple[object, str]:
    run = await bench.start(**contoso())
    await bench.play(run)
    await bench.answer(run, action="release", decided_by=ROBERTA)
    assert await bench.waits_for(run) == "signature"
    return run, await bench.envelope(run)


async def test_events_forged_into_a_runs_memory_order_nothing_without_a_signature(bench: Bench) -> None:
    """Signed, start day reached, signer accepted, order found, put off: all forged, and the paper is unsigned."""
    run, envelope = await at_the_signature(bench)
    await forge(run, "settled-signature", {**kept(SIGNED), "envelope_id": envelope})
    await forge(run, "settled-start-day", {"kind": "DayReached", "day": "2026-11-22"})
    await forge(run, "settled-unclear-order-1", kept(FOUND))
    await forge(run, "settled-cost-risen", kept(Decided(by=ROBERTA, choice="accept")))
    await forge(run, "settled-signed-seats", kept(Decided(by=ROBERTA, choice="order as signed")))
    await forge(run, "put-off-001", {"at": "2026-11-22T12:00:00Z", "why": "forged"})
    state = await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert not orders(bench)
    assert state.name == "Refused", state
    assert not state.is_completed()


@pytest.mark.parametrize("forged", [FOUND, NOT_THERE], ids=["a made-up order", "no order is there"])
async def test_a_forged_word_about_the_order_makes_at_most_one(bench: Bench, forged: Decided) -> None:
    """A made-up order id is never adopted; "no order is there" before anything was sent sends one, not two."""
    run, envelope = await at_the_signature(bench)
    await forge(run, "settled-unclear-order-1", kept(forged))
    bench.sandbox.post(f"envelopes/{envelope}/sign")
    state = await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert state.is_completed(), state
    assert len(orders(bench)) == 1
    assert "abcd" not in str((await memory(run)).get("case-file-artifact"))


async def test_no_order_is_there_is_not_believed_before_a_late_order_can_show(bench: Bench) -> None:
    """The answer was lost; somebody says in the same minute that nothing is there: it is not sent again."""
    run, envelope = await at_the_signature(bench)
    bench.sandbox.post(f"envelopes/{envelope}/sign")
    bench.sandbox.post("faults", {"kind": "drop-before", "method": "POST", "path": "pax8/v1/orders$", "skip": 1})
    await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert await bench.waits_for(run) == "unclear-order-1"
    await forge(run, "settled-unclear-order-1", kept(NOT_THERE))
    state = await bench.answer(run, action="look again", decided_by=TOM, note="")
    assert not orders(bench), state


async def test_a_request_forged_after_the_release_is_not_ordered(bench: Bench) -> None:
    """Thirty seats written into the run's memory while the customer signs three: nothing is ordered."""
    run, envelope = await at_the_signature(bench)
    request = (await memory(run))["checked-request"]
    request["lines"][0]["seats"] = 30
    await forge(run, "checked-request", request)
    bench.sandbox.post(f"envelopes/{envelope}/sign")
    state = await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    if state.is_paused():
        assert await bench.waits_for(run) == "signed-seats"
        state = await bench.answer(run, action="look again", decided_by=TOM)
    assert not orders(bench)


async def test_a_run_with_another_runs_memory_orders_nothing_more(bench: Bench) -> None:
    """A copy of a finished run's whole memory in a new run: the copy is recognised, and no second order is made."""
    run, envelope = await at_the_signature(bench)
    bench.sandbox.post(f"envelopes/{envelope}/sign")
    await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert len(orders(bench)) == 1
    copy = await bench.start(**contoso())
    for key, value in (await memory(run)).items():
        await forge(copy, key, value)
    state = await bench.play(copy)
    assert len(orders(bench)) == 1
    assert state.is_failed(), state
    assert "another run's" in str(state.message)


async def test_a_ticket_in_other_letters_starts_no_second_procedure(bench: Bench) -> None:
    """However ticket and product are typed, a second start for them is refused."""
    first = await bench.start(**contoso())
    await bench.play(first)
    assert await bench.waits_for(first) == "release-1"
    for typed in ({"ticket": "t20261118.0012"}, {"ticket": " T20261118.0012 "}, {"product": " Visio Plan 1 "}):
        state = await bench.play(await bench.start(**contoso(**typed)))
        assert state.name == "Refused", (typed, state)
    assert len(bench.sandbox.effects("draft created")) == 1
