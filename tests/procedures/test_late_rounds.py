"""After an outage every round that was missed is due at once: one that a later round has made up for does nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.states import Scheduled

from flows import audit, reconcile
from tasks import rounds
from tests.procedures.harness import Bench

MADE_UP_FOR = "A later round has looked."


@pytest.fixture
def clocks_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test need not wait for minutes."""
    monkeypatch.setattr(rounds, "CLOCKS_APART", timedelta(0))


async def played(bench: Bench, run_id: UUID) -> str:
    state = await bench.play(run_id)
    assert state.is_final()
    return str(state.message)


@pytest.mark.parametrize("name", ["reconcile", "audit"])
@pytest.mark.usefixtures("clocks_together")
async def test_a_round_is_made_up_for_by_one_that_began_after_it_was_due_and_has_ended(bench: Bench, name: str) -> None:
    missed = [await bench.start(name) for _ in range(2)]
    assert await played(bench, await bench.start(name)) != MADE_UP_FOR
    before = len(bench.sandbox.ledger())
    assert {await played(bench, one) for one in missed} == {MADE_UP_FOR}
    assert len(bench.sandbox.ledger()) == before, "nobody was asked anything"


@pytest.mark.parametrize("name", ["reconcile", "audit"])
@pytest.mark.usefixtures("clocks_together")
async def test_a_round_that_did_not_come_to_its_end_makes_up_for_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    missed = await bench.start(name)
    with monkeypatch.context() as cut_off:
        for flow, step in ((reconcile, "report"), (audit, "write_table")):
            cut_off.setattr(flow, step, gone)
        assert "gone" in await played(bench, await bench.start(name))
    assert await played(bench, missed) != MADE_UP_FOR


async def gone(*_: object) -> None:
    raise RuntimeError("gone")


@pytest.mark.usefixtures("clocks_together")
async def test_one_that_was_booked_since_does_its_work_though_its_moment_is_past(bench: Bench) -> None:
    """A wait that was begun after the last round looked, for a moment that has passed meanwhile."""
    await bench.reconcile()
    past: Any = Scheduled(scheduled_time=datetime.now(UTC) - timedelta(hours=1))
    async with bench.prefect() as client:
        booked = await client.create_flow_run_from_deployment(bench.deployments["reconcile"], state=past)
    assert await played(bench, booked.id) != MADE_UP_FOR


async def test_one_that_was_due_a_moment_before_does_its_work(bench: Bench) -> None:
    """The clocks of two hosts are never the same."""
    booked = await bench.start("reconcile")
    await bench.reconcile()
    assert await played(bench, booked) != MADE_UP_FOR


@pytest.mark.usefixtures("clocks_together")
async def test_one_that_somebody_retries_does_its_work(bench: Bench) -> None:
    missed = await bench.start("reconcile")
    await bench.reconcile()
    assert await played(bench, missed) == MADE_UP_FOR
    again: Any = Scheduled()
    async with bench.prefect() as client:
        await client.set_flow_run_state(missed, again, force=True)
    assert await played(bench, missed) != MADE_UP_FOR


@pytest.mark.parametrize("name", ["reconcile", "audit"])
async def test_a_round_of_a_host_whose_clock_is_ahead_makes_up_for_none(bench: Bench, name: str) -> None:
    """Else a single one would switch the net off until that moment has come."""
    await rounds.remember_begin(name, datetime.now(UTC) + timedelta(hours=5))
    assert await played(bench, await bench.start(name)) != MADE_UP_FOR
    assert await played(bench, await bench.start(name)) != MADE_UP_FOR
