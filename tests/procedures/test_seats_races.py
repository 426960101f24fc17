"""Two writers of one subscription, and somebody in the portal: no update is lost unseen, none is made twice (S1, I1).

Hypothesis interleaves the calls of two writers and the changes of a person in the Pax8 portal, call by call. What the
sandbox's ledger shows is held against what each writer said.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how_hard
from hypothesis import strategies as st
from prefect import flow

import vendors.http
from rules.seats import SeatRequest, SeatsReading
from rules.written import Written
from tasks.claims import standing_claims
from tasks.markers import first_holder
from tasks.office import open_office
from tasks.seats import SURE, SeatBasis, SeatsOutcome, write_seats
from tasks.written import read_written
from tests.procedures.attacks import memory
from tests.procedures.bridges import reference as reference_of
from tests.procedures.harness import Bench
from tests.procedures.people import assert_done, launch, mails
from tests.procedures.requests import ADA, TOM
from tests.procedures.seats import CONTOSO, answer_question, asked, changes, confirm, held, more, portal_adds, puts

SOAK = os.environ.get("COUNTERSIGN_SOAK") == "1"
EXAMPLES = 300 if SOAK else 3
TICKET = {"ticketNumber": "T20261118.0012", "email": ADA, "title": "Licences"}
_writer: ContextVar[int] = ContextVar("writer", default=-1)


class Turns:
    """Lets two writers go on call by call, in the order given; a person in the portal acts after the n-th call."""

    def __init__(self, bench: Bench, subscription: str, order: list[int], portal: dict[int, int]) -> None:
        self.bench, self.subscription = bench, subscription
        self.order, self.portal = list(order), dict(portal)
        self.may_go = (asyncio.Event(), asyncio.Event())
        self.over: set[int] = set()
        self.calls = 0

    async def after_call(self, request: httpx.Request, _response: httpx.Response | None) -> None:
        me = _writer.get()
        if me < 0 or "token" in request.url.path:
            return
        self.calls += 1
        if self.calls in self.portal:
            self.act_in_portal(self.portal[self.calls])
        if not self.order:
            return
        following = self.order.pop(0)
        if following != me and following not in self.over:
            self.may_go[me].clear()
            self.may_go[following].set()
            await asyncio.wait_for(self.may_go[me].wait(), 60)

    def act_in_portal(self, total: int) -> None:
        """The portal takes no fewer seats either."""
        there = self.bench.sandbox.get(f"records/pax8.subscriptions/{self.subscription}")["quantity"]
        if total > there:
            portal_adds(self.bench, self.subscription, total)

    def let_the_other_finish(self, me: int) -> None:
        """Who finds the claim taken looks again later, in life after minutes."""
        self.order.clear()
        self.may_go[1 - me].set()

    def done(self, me: int) -> None:
        self.over.add(me)
        self.may_go[1 - me].set()


def written_by(outcomes: list[SeatsOutcome | str], writer: int) -> SeatsOutcome | None:
    found = outcomes[writer]
    return found if isinstance(found, SeatsOutcome) and found.kind == "written" else None


async def one_writer(turns: Turns, me: int, request: SeatRequest, basis: SeatBasis) -> SeatsOutcome | str:
    """A flow run that writes: again while another one holds the claim."""

    @flow(name="writer")
    async def writer() -> SeatsOutcome | str:
        async with open_office():
            for attempt in range(1, 30):
                try:
                    outcome = await write_seats(request, basis, 1, attempt)
                except SURE as no:
                    return f"{type(no).__name__}: {no}"
                if outcome.kind != "claimed":
                    return outcome
                turns.let_the_other_finish(me)
                await asyncio.sleep(0.1)
            raise AssertionError("thirty times claimed by the other one")

    _writer.set(me)
    try:
        return await writer()
    finally:
        turns.done(me)


@asynccontextmanager
async def in_turns(turns: Turns) -> AsyncIterator[None]:
    vendors.http.observers.append(turns.after_call)
    try:
        yield
    finally:
        vendors.http.observers.remove(turns.after_call)


async def read_note(request: SeatRequest, note: int) -> Written:
    async with open_office():
        return await read_written(f"note:{note}", request)


async def basis_for(bench: Bench, request: SeatRequest, added: int, note: int = 0) -> SeatBasis:
    """A note for so many seats more, read in full by Tom; by default a new one of Ada's."""
    choice = request.choices[0]
    said = f"From {choice.seats} to {choice.seats + added} Premium please"
    note = note or int(bench.sandbox.post("autotask/notes", {**TICKET, "description": said})["itemId"])
    written = await read_note(request, note)
    offer = request.model_copy(update={"added": added}).offer(1, (choice,))
    reading = SeatsReading(
        by=TOM,
        at=written.read_at,
        written_id=written.authority_id,
        text_digest=written.text_digest,
        subscription_id=choice.subscription_id,
        before=choice.seats,
        after=choice.seats + added,
    )
    return SeatBasis(
        evidence=f"note:{note}", authority_id=written.authority_id, offer=offer, choice=choice, reading=reading
    )


async def race(
    bench: Bench, checked: dict[str, Any], added: tuple[int, int], order: list[int], portal: dict[int, int]
) -> None:
    """Two writers and the portal, once; everything that must hold afterwards."""
    bench.sandbox.reset()
    request = SeatRequest.model_validate(checked)
    requests = [request.model_copy(update={"reference": f"CS-RACE{one}"}) for one in (1, 2)]
    bases = [await basis_for(bench, request, one) for one in added]
    subscription = bases[0].subscription_id
    turns = Turns(bench, subscription, order, portal)
    async with in_turns(turns):
        outcomes = list(await asyncio.gather(*(one_writer(turns, me, requests[me], bases[me]) for me in (0, 1))))

    made = changes(bench)
    ours = [one for entry in puts(bench) for one in entry["effects"] if one["effect"] == "seats changed"]
    writers = [written_by(outcomes, me) for me in (0, 1)]
    assert all(before < after for before, after in made), made
    assert held(bench, CONTOSO)["quantity"] == max([12, *(after for _, after in made)])
    for me, basis in enumerate(bases):
        outcome = writers[me]
        mine = [one for one in ours if one["quantity"] == basis.after]
        if outcome is None:
            others = [b.after for n, b in enumerate(bases) if n != me]
            assert not mine or basis.after in others, f"{outcomes[me]}, but the seats were changed: {made}"
        elif mine:
            assert len(mine) == 1, f"twice: {made}"
            assert (outcome.over or 12) == mine[0]["before"], f"made over {mine[0]['before']} unseen: {outcome}"
        else:
            # The portal came to our total by itself: at once, or by a step between, which goes to a person.
            assert (12, basis.after) in made or outcome.over is not None, f"{outcome}: {made}"
    both = [one for one in writers if one is not None]
    assert len(both) < 2, f"both on the same 12 seats: {outcomes}, {made}"
    assert all(one.over in (None, *portal.values()) for one in both), f"one of ours over the other: {outcomes}"
    async with open_office():
        assert await standing_claims(subscription) == []
        for me, basis in enumerate(bases):
            used = await first_holder(basis.authority_id)
            assert (used is not None) == (writers[me] is not None), f"{outcomes[me]}: {used}"


@pytest.mark.timeout(3600 if SOAK else 300)
async def test_no_interleaving_loses_an_update_or_makes_one_twice(bench: Bench) -> None:
    """Whatever order their calls come in, and whenever somebody changes seats in the portal."""
    run = await launch(bench, more())
    checked = (await memory(run))["checked-seats"]
    loop = asyncio.get_running_loop()

    @given(
        added=st.tuples(st.integers(1, 4), st.integers(1, 4)),
        order=st.lists(st.integers(0, 1), max_size=60),
        portal=st.dictionaries(st.integers(1, 45), st.integers(13, 18), max_size=2),
    )
    @example(added=(3, 2), order=[0, 1] * 30, portal={})
    @example(added=(3, 3), order=[0] * 12 + [1] * 40, portal={})
    @example(added=(3, 2), order=[], portal={14: 13})
    @example(added=(3, 2), order=[1], portal={12: 13, 18: 14})
    @how_hard(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=not SOAK,
        suppress_health_check=list(HealthCheck),
    )
    def races(added: tuple[int, int], order: list[int], portal: dict[int, int]) -> None:
        asyncio.run_coroutine_threadsafe(race(bench, checked, added, order, portal), loop).result(240)

    await asyncio.to_thread(races)


async def test_a_change_in_the_very_moment_of_ours_is_seen_and_told(bench: Bench) -> None:
    """Between our last reading and our write: Pax8 can't tell, its history does; a person asks the customer."""
    run = await asked(bench)
    subscription = held(bench, CONTOSO)["id"]
    await answer_question(bench, run)
    seen = 0

    async def meanwhile(request: httpx.Request, _response: httpx.Response | None) -> None:
        nonlocal seen
        seen += request.url.path.endswith("/history")
        if seen == 2 and request.url.path.endswith("/history"):  # the first one was read for the marker
            portal_adds(bench, subscription, 13)

    vendors.http.observers.append(meanwhile)
    try:
        await bench.reconcile()
    finally:
        vendors.http.observers.remove(meanwhile)
    state = await bench.state(run)
    assert_done(state)
    assert changes(bench) == [(12, 13), (13, 15)]
    assert "Somebody had made it 13 seats in the very moment" in str(state.message)
    [told] = mails(bench, TOM, "a person must act")
    assert "theirs come on top" in told.text
    assert not bench.sandbox.effects("ticket completed")


async def test_two_add_seats_at_the_same_moment_are_two_changes_one_after_the_other(bench: Bench) -> None:
    """Both confirmed against 12: one is made, the other asks the customer anew against what is there then."""
    ticket = bench.sandbox.get("records/autotask.tickets/700175")
    other = {**ticket, "id": 700999, "ticketNumber": "T20261118.0999"}
    bench.sandbox.http.put("records/autotask.tickets/700999", json=other).raise_for_status()
    runs = [await asked(bench), await asked(bench, ticket="T20261118.0999", seats_wanted=14)]
    for run in runs:
        await answer_question(bench, run)
        async with bench.prefect() as client:
            await client.resume_flow_run(run, run_input={"action": "look again", "decided_by": "a test", "note": ""})
    await asyncio.gather(*(bench.play(run) for run in runs))
    for _ in range(3):
        bench.sandbox.advance(seconds=180)
        await bench.reconcile()
    assert len(changes(bench)) == 1
    [(_, total)] = changes(bench)
    late = runs[0] if total == 14 else runs[1]
    assert await bench.waits_for(late) == "confirmation-seats-2"
    assert_done(await confirm(bench, late, 2))
    added = 3 if late is runs[0] else 2
    assert changes(bench) == [(12, total), (total, total + added)]
    assert held(bench, CONTOSO)["quantity"] == 17


async def test_the_claim_of_a_procedure_whose_run_is_over_holds_nobody_up(bench: Bench) -> None:
    """It claimed, and its run was deleted: whoever waits for it takes its claim off, says so, and adds the seats."""
    subscription = held(bench, CONTOSO)["id"]
    other = {**bench.sandbox.get("records/autotask.tickets/700175"), "id": 700999, "ticketNumber": "T20261118.0999"}
    bench.sandbox.http.put("records/autotask.tickets/700999", json=other).raise_for_status()
    first = await asked(bench, ticket="T20261118.0999", seats_wanted=14)
    reference = await reference_of(bench, first)
    bench.sandbox.post("faults", {"vendor": "pax8", "method": "PUT", "kind": "500-before", "times": 99})
    await confirm(bench, first)
    async with open_office():
        assert await standing_claims(subscription) == [reference], "it may have added some: its claim stands"

    second = await asked(bench)
    await confirm(bench, second)
    assert await bench.waits_for(second) == "claim-1-1"
    assert not changes(bench)
    async with bench.prefect() as client:
        await client.delete_flow_run(first)
    bench.sandbox.http.delete("faults").raise_for_status()
    bench.sandbox.advance(seconds=200)
    await bench.reconcile()
    assert_done(await bench.state(second))
    assert changes(bench) == [(12, 15)]
    titles = [str(one["title"]) for one in bench.sandbox.records("autotask.ticketnotes")]
    [taken_off] = [one for one in titles if f"given up by {reference}" in one]
    assert "its run is over" in taken_off
