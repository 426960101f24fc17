"""The net: what a webhook, a worker or a person's cleaning-up lost is found, with few calls (decision 5, I5)."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter
from prefect.client.schemas.objects import Artifact
from prefect.states import AwaitingRetry, Crashed, Pending, Running

from deployments.receiver import create_app
from tasks import lost, net_torn
from tests.procedures.harness import Bench, plain
from tests.procedures.people import (
    assert_done,
    launch,
    launch_to_signature,
    mails,
    notes,
    ordered,
    release,
    settings,
    writes,
)
from tests.procedures.requests import ROBERTA, SAM, TOM, contoso, fabrikam
from vendors.retry import RetryPolicy

CONTOSO_TICKET = 700175


def docusign_calls(bench: Bench, since: int) -> list[str]:
    """What was asked of DocuSign: path after the account, tokens left out."""
    return [
        f"{e['method']} {e['path'].partition('/accounts/')[2].partition('/')[2]}"
        for e in bench.sandbox.ledger(vendor="docusign", since=since)
        if "/accounts/" in e["path"]
    ]


def last(bench: Bench) -> int:
    return int(bench.sandbox.ledger()[-1]["seq"])


async def test_missed_signatures_are_found_with_one_list_call(bench: Bench) -> None:
    """Three wait, the webhook of one was lost: one call finds it; where nothing changed nothing is written."""
    async with settings(release="sent directly"):
        runs = [
            await launch(bench, contoso()),
            await launch(bench, contoso(product="Power BI Pro", quote_line="Power BI Pro")),
            await launch(bench, fabrikam()),
        ]
    await bench.reconcile()
    bench.sandbox.advance(hours=1)
    since, before = last(bench), len(writes(bench))
    await bench.reconcile()
    assert docusign_calls(bench, since) == ["GET envelopes"]
    assert len(writes(bench)) == before, "nothing to do, nothing done"

    bench.sandbox.post(f"envelopes/{await bench.envelope(runs[1])}/sign")
    await bench.reconcile()
    assert_done(await bench.state(runs[1]))
    assert ordered(bench) == [("Power BI Pro", 3, "Monthly")]
    for run in (runs[0], runs[2]):
        assert await bench.waits_for(run) == "signature"


async def test_an_orphan_is_told_once_and_orders_nothing_until_adopted(bench: Bench) -> None:
    """Its run deleted, then signed: contracts is told once; started again with the envelope, it is ordered, once."""
    bench.sandbox.post("settings", {"docusign.polling_limit": 100})  # adopted and ordered in one go: many reads
    run = await launch_to_signature(bench, contoso())
    envelope = await bench.envelope(run)
    async with get_client() as client:
        await client.delete_flow_run(run)
    bench.sandbox.post(f"envelopes/{envelope}/sign")
    await bench.reconcile()
    await bench.reconcile()
    [told] = mails(bench, ROBERTA, "without a procedure")
    assert envelope in told.text and "Nothing is ordered from it" in told.text
    assert not bench.sandbox.effects("order placed")

    adopted = await launch(bench, contoso(envelope=envelope))
    assert_done(await bench.state(adopted))
    assert ordered(bench) == [("Visio Plan 1", 3, "Monthly")]
    assert len(bench.sandbox.effects("draft created")) == 1
    await bench.reconcile()
    assert len(mails(bench, ROBERTA, "without a procedure")) == 1


async def test_an_envelope_signed_after_its_run_was_cancelled_is_an_orphan(bench: Bench) -> None:
    """Somebody cancelled the run in the UI while the paper was out: contracts is told when it is signed."""
    from prefect.states import Cancelled

    run = await launch_to_signature(bench, contoso())
    envelope = await bench.envelope(run)
    async with get_client() as client:
        cancelled: Any = Cancelled(message="by hand")
        await client.set_flow_run_state(run, cancelled, force=True)
    bench.sandbox.post(f"envelopes/{envelope}/sign")
    await bench.reconcile()
    [told] = mails(bench, ROBERTA, "without a procedure")
    assert "ended as Cancelled" in told.text
    assert not bench.sandbox.effects("order placed")


async def test_lost_runs_are_set_going_again_and_in_the_end_given_to_a_person(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Crashed, long Pending, Running without a sign of life: each goes on where it stopped; after five, a mail."""
    monkeypatch.setattr(lost, "beat", lambda: timedelta(milliseconds=50))
    monkeypatch.setattr(lost, "PENDING_FOR", timedelta(0))
    run = await launch(bench, contoso())
    before = len(writes(bench))
    losses: list[Any] = [
        Crashed(message="the worker died"),
        Pending(),
        Running(),
        Crashed(message="again"),
        Crashed(message="and again"),
    ]
    for state in losses:
        async with get_client() as client:
            await client.set_flow_run_state(run, state, force=True)
        await bench.reconcile()
        assert await bench.waits_for(run) == "release-1", f"lost in {state.name}"
    assert len(writes(bench)) == before, "it went on; nothing was done twice"

    async with get_client() as client:
        await client.set_flow_run_state(run, losses[2], force=True)
    for _ in range(2):
        await bench.reconcile()
        assert (await bench.state(run)).is_crashed(), "nothing takes it for alive, and a Retry is offered"
    [told] = mails(bench, TOM, "lost")
    assert SAM in told.cc
    assert "Retry" in told.text

    async with get_client() as client:
        await client.set_flow_run_state(run, AwaitingRetry(), force=True)
    await bench.play(run)
    for _ in range(2):
        async with get_client() as client:
            await client.set_flow_run_state(run, losses[0], force=True)
        await bench.reconcile()
        assert await bench.waits_for(run) == "release-1", "after a person's Retry it counts anew"


async def test_a_process_that_hangs_but_gives_signs_of_life_loses_its_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Running for longer than any stretch takes is lost, too; the process is fenced off, and its worker ends it."""
    monkeypatch.setattr(lost, "beat", lambda: timedelta(milliseconds=50))
    monkeypatch.setattr(lost, "beats_since", always)
    run = await launch(bench, contoso())
    running: Any = Running()
    async with get_client() as client:
        await client.set_flow_run_state(run, running, force=True)
    await bench.reconcile()
    assert (await bench.state(run)).is_running(), "it is at work"
    monkeypatch.setattr(lost, "RUNNING_FOR", timedelta(0))
    await bench.reconcile()
    assert await bench.waits_for(run) == "release-1", "it goes on where it stopped"


async def always(*_: Any) -> bool:
    return True


@pytest.mark.parametrize("name", lost.NETS)
async def test_a_round_of_the_net_that_hangs_is_ended_and_not_set_going_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It keeps a place that is the procedures'; the next round comes by itself. The one that looks is at work."""
    hanging = await bench.start(name)
    running: Any = Running()
    async with get_client() as client:
        await client.set_flow_run_state(hanging, running, force=True)
    await bench.reconcile()
    assert (await bench.state(hanging)).is_running(), "it is at work"
    monkeypatch.setattr(lost, "NET_FOR", timedelta(0))
    await bench.reconcile()
    await bench.reconcile()
    state = await bench.state(hanging)
    assert state.is_crashed() and "next round" in str(state.message)


async def test_a_run_that_just_began_is_left_alone(bench: Bench) -> None:
    """Pending for a minute is no loss: a worker is about to take it."""
    run = await bench.start(**contoso())
    async with get_client() as client:
        pending: Any = Pending()
        await client.set_flow_run_state(run, pending, force=True)
    await bench.reconcile()
    assert (await bench.state(run)).is_pending()


async def test_the_overview_shows_every_open_procedure_soonest_first(bench: Bench) -> None:
    """One table: what, who is awaited for what, until when, linked to the run; what is over isn't on it."""
    releasing = await launch(bench, contoso())
    signing = await launch_to_signature(bench, fabrikam())
    over = await launch(bench, contoso(product="Power BI Pro", quote_line="Power BI Pro"))
    await bench.answer(over, action="withdraw", decided_by=TOM, note="not wanted")
    await bench.reconcile()
    await bench.reconcile()
    async with get_client() as client:
        tables = ArtifactFilter.model_validate({"type": {"any_": ["table"]}})
        [table] = await client.read_artifacts(artifact_filter=tables)
    rows = json.loads(str(table.data)) if isinstance(table.data, str) else table.data
    assert [row["for"].replace("\\", "") for row in rows] == ["release-1", "signature"]
    assert [row["awaited"] for row in rows] == ["contracts", "signer"]
    assert str(releasing) in rows[0]["procedure"] and str(signing) in rows[1]["procedure"]
    assert all(row["looked at again"] and row["reference"].startswith("CS-") for row in rows)


async def test_a_vendor_that_is_down_keeps_nothing_else_back_and_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DocuSign's list fails for hours: runs whose moment has come go on all the same, and senior staff hear of it."""
    monkeypatch.setattr("vendors.http.RetryPolicy", lambda: RetryPolicy(tries=1))
    fault = {"vendor": "docusign", "method": "GET", "path": "/envelopes$", "kind": "500-before", "times": 999}
    bench.sandbox.post("clock", {"to": "next-business-day"})  # a morning: the mail goes out once a day
    async with settings(objection_minutes=10):
        run = await launch(bench, contoso())
        await release(bench, run)
        bench.sandbox.post("faults", fault)
        assert await bench.waits_for(run) == "objection-release-1"
        for _ in range(3):
            bench.sandbox.advance(hours=1)
            state = await bench.play(await bench.start("reconcile"))
            assert state.is_failed() and "signatures and orphans" in (state.message or "")
            await bench.play_all()
    assert await bench.waits_for(run) == "signature"
    [told] = mails(bench, SAM, "The net can't look: signatures and orphans")
    assert "is noticed by nobody" in told.text
    bench.sandbox.http.delete("faults").raise_for_status()
    await bench.reconcile()


NO_MAIL_READ = {"vendor": "graph", "method": "GET", "path": "/(messages|mailFolders)", "kind": "500-before"}
NO_MAIL_SENT = {"vendor": "graph", "method": "POST", "path": "/messages$", "kind": "422", "times": 99}


async def test_mail_down_for_hours_the_overview_is_written_and_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can be mailed that nobody can be mailed: the table is rewritten all the same, and reconcile fails."""
    monkeypatch.setattr("vendors.http.RetryPolicy", lambda: RetryPolicy(tries=1))
    run = await launch(bench, contoso())
    bench.sandbox.post("faults", {**NO_MAIL_READ, "times": 2})
    bench.sandbox.post("faults", NO_MAIL_SENT)
    for _ in range(2):
        bench.sandbox.advance(hours=1)
        state = await bench.play(await bench.start("reconcile"))
    assert state.is_failed()
    assert "replies in the mailbox (" in str(state.message) and "telling of what lasts (" in str(state.message)
    table = await overview()
    assert str(run) in str(table.data)
    assert "replies in the mailbox" in str(table.description) and "telling of what lasts" in str(table.description)
    bench.sandbox.http.delete("faults").raise_for_status()
    await bench.reconcile()
    assert "could not look" not in str((await overview()).description)


async def test_mail_down_for_hours_a_monitor_outside_hears_of_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail app's secret has expired: each round comes to its end, nobody can be mailed, and /net says so."""
    monkeypatch.setattr("vendors.http.RetryPolicy", lambda: RetryPolicy(tries=1))
    bench.sandbox.post("faults", {**NO_MAIL_READ, "times": 99})
    bench.sandbox.post("faults", NO_MAIL_SENT)
    for _ in range(2):
        assert (await bench.play(await bench.start("reconcile"))).is_failed()
        assert await monitored() == (200, "ok"), "a vendor that is down for a moment is nobody's alarm"
    monkeypatch.setattr(net_torn, "LASTS", timedelta(0))
    code, said = await monitored()
    assert code == 503 and said.startswith("torn since ") and said.endswith(": replies in the mailbox")
    bench.sandbox.advance(hours=2)
    assert (await bench.play(await bench.start("reconcile"))).is_failed()
    assert (await monitored())[1].endswith(": replies in the mailbox, telling of what lasts")
    bench.sandbox.http.delete("faults").raise_for_status()
    await bench.reconcile()
    assert await monitored() == (200, "ok")


async def monitored() -> tuple[int, str]:
    """What a monitor outside gets from the receiver."""

    async def no_keys() -> list[Any]:
        return []

    over = httpx.ASGITransport(create_app(no_keys))
    async with httpx.AsyncClient(transport=over, base_url="http://receiver") as http:
        answer = await http.get("/net")
    return answer.status_code, answer.json()["net"]


async def overview() -> Artifact:
    """The table of open procedures."""
    async with get_client() as client:
        tables = ArtifactFilter.model_validate({"key": {"any_": ["open-procedures"]}})
        [table] = await client.read_artifacts(artifact_filter=tables)
    return table


async def test_where_no_mail_can_be_sent_the_ticket_says_that_it_is_stuck(bench: Bench) -> None:
    """The mailbox takes no draft any more: a note on the ticket for each attempt."""
    bench.sandbox.post("faults", NO_MAIL_SENT)
    run = await bench.start(**contoso())
    state = await bench.play(run)
    assert state.is_failed()
    assert (await bench.segment(run)).is_failed()
    stuck = [text for stage, text in notes(bench, CONTOSO_TICKET).items() if stage.startswith("stuck")]
    assert len(stuck) == 2 and "No mail could be sent about it: Graph mail" in stuck[0]
    assert "Stuck: a person is needed" in plain(await bench.case_file(run))
