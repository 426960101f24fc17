"""Runs that no worker takes: somebody deleted the work pool, or paused it, and nobody would be told (I5, B7, N7)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest
import pytest_asyncio
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.objects import FlowRun

from tasks import net_overdue
from tasks.office import open_office
from tasks.runs import wake
from tests.procedures.bridges import booked as ends_booked
from tests.procedures.bridges import bought, deadline, pass_the_cut_off
from tests.procedures.harness import Bench
from tests.procedures.people import assert_done, launch_to_signature, mails
from tests.procedures.requests import ADA, SAM, TOM, contoso
from tests.procedures.test_end_subscription import bought as subscription_bought
from tests.procedures.test_end_subscription import ordered_until

POOL = "to-be-deleted"
Replace = Callable[[], Awaitable[None]]


@asynccontextmanager
async def pool_of(bench: Bench) -> AsyncIterator[None]:
    """Every deployment has that work pool meanwhile."""
    async with get_client() as client:
        await client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        for deployment in bench.deployments.values():
            await client.update_deployment(deployment, DeploymentUpdate(work_pool_name=POOL))
        try:
            yield
        finally:
            await client.delete_work_pool(POOL)


@pytest_asyncio.fixture
async def replace_pool(bench: Bench) -> AsyncIterator[Replace]:
    """Has everybody a pool; what it gives deletes the pool, and makes and deploys it anew."""
    pools = [pool_of(bench)]
    await pools[0].__aenter__()

    async def replace() -> None:
        await pools[-1].__aexit__(None, None, None)
        pools.append(pool_of(bench))
        await pools[-1].__aenter__()

    yield replace
    await pools[-1].__aexit__(None, None, None)


async def net_alone(bench: Bench) -> None:
    """One round of the net, with no worker that would take anything else."""
    state = await bench.play(await bench.start("reconcile"))
    assert state.is_completed(), state.message


async def standing(bench: Bench, flow: str) -> list[FlowRun]:
    return [run for run in await bench.runs(flow) if run.state is not None and run.state.is_scheduled()]


async def test_a_bridges_deadline_is_booked_anew_where_its_queue_was_deleted(
    bench: Bench, replace_pool: Replace
) -> None:
    """Prefect would offer it to no worker, and the bridge would renew unsigned: once, for the same moment."""
    run = await bought(bench)
    first = await deadline(bench, run)
    assert first.work_queue_id is not None
    await net_alone(bench)
    assert [one.id for one in await standing(bench, "signature-deadline")] == [first.id], "left alone"

    await replace_pool()
    assert (await bench.run(first.id)).work_queue_id is None
    await net_alone(bench)
    await net_alone(bench)
    [anew] = await standing(bench, "signature-deadline")
    assert anew.id != first.id and anew.work_queue_id is not None
    assert anew.next_scheduled_start_time == first.next_scheduled_start_time
    assert (anew.parameters, anew.name) == (first.parameters, first.name) and set(first.tags) <= set(anew.tags)
    assert (await bench.run(first.id)).state_name == "Replaced"

    await pass_the_cut_off(bench, run)
    assert_done(await bench.state(anew.id))
    assert len(ends_booked(bench)) == 1
    assert len(mails(bench, to=ADA, subject="cancelled, it ends on")) == 1
    await replace_pool()  # the guard, too
    [guard] = await bench.runs("guard-end")
    await net_alone(bench)
    assert (await bench.run(guard.id)).state_name == "Replaced"
    assert len(await standing(bench, "guard-end")) == 1


async def test_an_old_deadline_that_comes_back_after_all_finds_it_done(bench: Bench, replace_pool: Replace) -> None:
    """Somebody executes the replaced one by hand beside the new one: one end, and everybody told once."""
    run = await bought(bench)
    first = await deadline(bench, run)
    await replace_pool()
    await net_alone(bench)
    await pass_the_cut_off(bench, run)
    await bench.segment(first.id)
    assert_done(await bench.state(first.id))
    assert len(ends_booked(bench)) == 1
    assert len(mails(bench, to=ADA, subject="cancelled, it ends on")) == 1


async def test_an_agreed_end_is_booked_anew_where_its_queue_was_deleted(bench: Bench, replace_pool: Replace) -> None:
    await ordered_until(bench, days=20)
    [first] = await bench.runs("end-subscription")
    await replace_pool()
    bench.sandbox.advance(days=2)
    await bench.reconcile()
    assert (await bench.run(first.id)).state_name == "Replaced"
    assert len(bench.sandbox.effects("end booked")) == 1
    assert subscription_bought(bench)["endDate"] is not None
    await bench.reconcile()
    assert len(await bench.runs("end-subscription")) == 2


async def overdue_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of the net that see what is due and not taken; the last ones have nothing more to tell."""
    monkeypatch.setattr(net_overdue, "OVERDUE", timedelta(0))
    await net_alone(bench)
    assert not mails(bench, subject="no worker takes it"), "seen once only: a worker may be about to take it"
    for _ in range(3):
        await net_alone(bench)


async def test_a_resumed_run_whose_queue_was_deleted_is_told_with_what_to_do(
    bench: Bench, replace_pool: Replace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for no one, and Prefect offers it to no worker: its owner is told once, and how it goes on."""
    run = await launch_to_signature(bench, contoso())
    await replace_pool()
    for _ in range(2):
        await net_alone(bench)
    assert (await bench.state(run)).is_paused() and not mails(bench, subject="no worker"), "a waiting run is no matter"
    await signed_and_resumed(bench, run)
    await net_alone(bench)
    assert not mails(bench, subject="no worker takes it"), "not overdue yet"
    await overdue_twice(bench, monkeypatch)
    [told] = mails(bench, TOM, "no worker takes it")
    assert SAM in told.cc
    assert f"make execute ARGS={run}" in told.text and "was deleted" in told.text
    assert_done(await bench.play(run))


async def test_a_run_that_no_worker_takes_is_told_whatever_the_reason(
    bench: Bench, replace_pool: Replace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its queue is there, but paused, say: the mail doesn't speak of a deleted one. Each moment is told anew."""
    run = await launch_to_signature(bench, contoso())
    await signed_and_resumed(bench, run)
    await overdue_twice(bench, monkeypatch)
    [told] = mails(bench, TOM, "no worker takes it")
    assert "paused" in told.text and "deleted" not in told.text
    assert_done(await bench.play(run))


async def signed_and_resumed(bench: Bench, run: UUID) -> None:
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign")
    await wake(run, "DocuSign", "completed")
    assert (await bench.state(run)).is_scheduled()


async def test_a_run_that_has_begun_since_the_list_was_read_keeps_its_tags_and_is_not_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round lasts minutes: a worker takes the run meanwhile, which writes what it waits for; the list knows less."""
    monkeypatch.setattr(net_overdue, "OVERDUE", timedelta(0))
    run = await launch_to_signature(bench, contoso())
    await signed_and_resumed(bench, run)
    await net_alone(bench)
    listed = await bench.run(run)
    unseen = listed.model_copy(update={"tags": [tag for tag in listed.tags if not tag.startswith(net_overdue.SEEN)]})
    assert unseen.tags != listed.tags
    assert_done(await bench.play(run))
    before = (await bench.run(run)).tags
    async with open_office():
        assert await net_overdue.tell_overdue([listed, unseen]) == []
    assert (await bench.run(run)).tags == before
    assert not mails(bench, subject="no worker takes it")
