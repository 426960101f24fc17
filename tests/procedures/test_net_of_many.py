"""The net over many: every run once, however many come or go meanwhile; few calls; a table that can be read."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter
from prefect.states import Cancelled, Crashed, Scheduled

from tasks import ending, overview, runs
from tests.procedures.bridges import bought, the_bridge
from tests.procedures.harness import Bench
from tests.procedures.people import launch
from tests.procedures.requests import contoso, fabrikam


async def test_a_run_that_leaves_the_list_meanwhile_hides_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven booked for the same minute and two for later, read two a page while one after another ends: each, once."""
    monkeypatch.setattr(runs, "PAGE", 2)
    at = datetime.now(UTC) + timedelta(days=1)
    booked = []
    async with get_client() as client:
        for day in (0, 0, 0, 0, 0, 0, 0, 1, 2):
            due: Any = Scheduled(scheduled_time=at + timedelta(days=day))
            deployment = bench.deployments["reconcile"]
            run = await client.create_flow_run_from_deployment(deployment, state=due, tags=["of-many"])
            booked.append(run.id)
        seen = []
        async for run_seen in runs.runs_tagged(["of-many"], runs.OPEN_STATES):
            seen.append(run_seen.id)
            gone: Any = Cancelled(message="meanwhile")
            await client.set_flow_run_state(run_seen.id, gone, force=True)
    assert sorted(seen) == sorted(booked)
    assert {run.id for run in await runs.runs_of(booked)} == set(booked)
    assert {run.id for run in await runs.runs_tagged_any(["of-many", "of-none"])} == set(booked)


async def test_the_table_shows_what_stands_still_and_the_soonest_and_counts_the_rest(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three are open, two fit: the one that crashed for good and the soonest; the description counts the third."""
    monkeypatch.setattr(overview, "MOST", 2)
    monkeypatch.setattr("tasks.lost.MOST_REVIVALS", 0)
    soonest = await launch(bench, contoso())
    bench.sandbox.advance(hours=1)
    await launch(bench, fabrikam())
    still = await launch(bench, contoso(product="Power BI Pro", quote_line="Power BI Pro"))
    async with get_client() as client:
        crashed: Any = Crashed(message="the worker died")
        await client.set_flow_run_state(still, crashed, force=True)
        await bench.reconcile()
        of_key = ArtifactFilter.model_validate({"key": {"any_": [overview.KEY]}})
        [table] = await client.read_artifacts(artifact_filter=of_key)
    rows = json.loads(str(table.data)) if isinstance(table.data, str) else table.data
    assert [str(run) in row["procedure"] for run, row in zip((still, soonest), rows, strict=True)] == [True, True]
    assert "1 more" in str(table.description)


@pytest.mark.parametrize(("created", "read_alone"), [(None, 0), ("2019-01-01T00:00:00Z", 1)])
async def test_months_that_moved_are_seen_in_one_list_of_pax8s(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, created: str | None, read_alone: int
) -> None:
    """The newest of the list show it, without a call for each; one that stands far behind in it is read by itself."""
    monkeypatch.setattr(ending, "FEW", 0)
    monkeypatch.setattr(ending, "LIST_PAGE", 0)
    run = await bought(bench)
    await bench.reconcile()
    found = await the_bridge(bench, run)
    [subscription] = found.ids.subscriptions
    earlier = found.dates.commitment_end - timedelta(days=3, hours=6)
    bench.sandbox.post(f"pax8/subscriptions/{subscription}/term", {"end": earlier.isoformat()})
    if created is not None:
        bench.sandbox.change("pax8.subscriptions", subscription, createdDate=created)
    bench.sandbox.advance(days=1)
    since = int(bench.sandbox.ledger()[-1]["seq"])
    net = await bench.start("reconcile")
    assert (await bench.play(net)).is_completed()
    asked = [one["path"].rpartition("/v1/")[2] for one in bench.sandbox.ledger(vendor="pax8", since=since)]
    assert asked.count("subscriptions") == 1
    assert asked.count(f"subscriptions/{subscription}") == read_alone
    assert (await bench.state(run)).is_scheduled(), "woken: it works its cut-off out anew"
