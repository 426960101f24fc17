"""An agreement that DocuSign doesn't take back: no other one is drafted beside it (I3, Y4, S1)."""

from typing import Any
from uuid import UUID

import pytest

from rules.calendar import day_in_words
from tests.procedures import bridges
from tests.procedures.bridges import bought, give_prices
from tests.procedures.harness import Bench
from tests.procedures.people import assert_done, assert_ended_as, launch, mails
from tests.procedures.requests import ADA, ROBERTA, TOM, bridge
from tests.procedures.seats import confirm, more
from tests.procedures.test_bridge_confirmation import listed

ANNUAL = {"term": "1-Year", "annual_reason": "Ada asked for the annual price."}


def papers(bench: Bench) -> list[str]:
    return [str(one["status"]) for one in bench.sandbox.records("docusign.envelopes")]


def is_put_off(state: Any) -> bool:
    return bool(state.name == "PutOff")


async def mind_changed(bench: Bench, run: UUID) -> None:
    """Ada writes that she wants it monthly, and Tom shows the message."""
    bench.sandbox.advance(hours=2)
    said = {"to": "licences@northgate.example", "subject": "The term", "body": "We would rather have it monthly."}
    bench.sandbox.post("mails", {"from": ADA, **said})
    await bench.answer(run, action="look again", decided_by=TOM)
    label = (await listed(bench, run))[-1]
    await bench.answer(run, action="customer wants monthly", decided_by=TOM, evidence=label)


def refuse_voids(bench: Bench) -> None:
    """DocuSign refuses to take back what is under way, for a reason of its own."""
    void = {"vendor": "docusign", "method": "PUT", "path": "/envelopes/[^/]+$", "kind": "422", "times": 1000}
    bench.sandbox.post("faults", void)


async def test_a_void_that_docusign_refuses_is_tried_again_before_monthly_is_drafted(bench: Bench) -> None:
    """Y4: until the annual paper is dead there is no monthly one, and nobody is told that it is void."""
    run = await bought(bench, **ANNUAL)
    refuse_voids(bench)
    await mind_changed(bench, run)
    state = await bench.state(run)
    assert is_put_off(state) and "'sent'" in str(state.message), state
    assert papers(bench) == ["sent"]
    assert is_put_off(await bench.segment(run)), "nothing is persisted of a void that was not taken"
    bench.sandbox.http.delete("faults").raise_for_status()
    await bench.segment(run)
    assert await bench.waits_for(run) == "agreement-2"
    assert sorted(papers(bench)) == ["created", "voided"]


@pytest.mark.parametrize("status", ["correct", pytest.param("processing", marks=pytest.mark.soak)])
async def test_an_agreement_in_a_state_between_is_waited_for(bench: Bench, status: str) -> None:
    """Somebody corrects it in DocuSign: it can still be signed afterwards, so it is no dead paper."""
    run = await bought(bench, **ANNUAL)
    annual = await bench.envelope(run)
    bench.sandbox.change("docusign.envelopes", annual, status=status)
    await mind_changed(bench, run)
    assert is_put_off(await bench.state(run))
    assert papers(bench) == [status]
    bench.sandbox.change("docusign.envelopes", annual, status="sent")
    await bench.segment(run)
    assert await bench.waits_for(run) == "agreement-2"
    assert sorted(papers(bench)) == ["created", "voided"]


@pytest.mark.soak
async def test_more_seats_draft_nothing_beside_an_agreement_that_is_not_taken_back(bench: Bench) -> None:
    """S1, I3: the seats are added; the paper with fewer of them must be dead before another one is drafted."""
    run = await bought(bench)
    refuse_voids(bench)
    seats = await launch(bench, more(product="Visio Plan 1", seats_now=3, seats_wanted=5))
    assert_done(await confirm(bench, seats))
    await bench.play_all()
    assert is_put_off(await bench.state(run))
    assert papers(bench) == ["sent"]
    assert not mails(bench, ADA, "sent anew")
    bench.sandbox.http.delete("faults").raise_for_status()
    await bench.segment(run)
    assert await bench.waits_for(run) == "agreement-2"
    assert sorted(papers(bench)) == ["created", "voided"]


async def draft_of_annual(bench: Bench) -> UUID:
    """A bridge that was bought while contracts has not released its annual agreement yet."""
    run = await launch(bench, bridge(**ANNUAL))
    await give_prices(bench, run)
    assert await bench.waits_for(run) == "confirmation-1"
    await bridges.confirm(bench, run)
    assert await bench.waits_for(run) == "agreement-1"
    assert papers(bench) == ["created"]
    return run


async def test_an_unsent_draft_is_deleted_by_contracts_before_another_is_drafted(bench: Bench) -> None:
    """docusign.md §7: a draft can't be voided, and contracts could still send it: contracts is asked, once."""
    run = await draft_of_annual(bench)
    annual = await bench.envelope(run)
    await mind_changed(bench, run)
    assert is_put_off(await bench.state(run))
    assert is_put_off(await bench.segment(run))
    assert papers(bench) == ["created"]
    [told] = mails(bench, ROBERTA, "please delete the draft")
    assert annual in told.text
    bench.sandbox.post(f"envelopes/{annual}/delete")
    await bench.segment(run)
    assert await bench.waits_for(run) == "agreement-2"
    assert sorted(papers(bench)) == ["created", "deleted"]


async def test_a_draft_that_contracts_sends_meanwhile_is_voided(bench: Bench) -> None:
    """Out after all: taken back like any other, before the monthly one is drafted."""
    run = await draft_of_annual(bench)
    annual = await bench.envelope(run)
    await mind_changed(bench, run)
    bench.sandbox.post(f"envelopes/{annual}/send")
    await bench.segment(run)
    assert await bench.waits_for(run) == "agreement-2"
    assert sorted(papers(bench)) == ["created", "voided"]


async def test_a_deleted_draft_that_docusign_knows_no_more_holds_nothing_up(bench: Bench) -> None:
    """docusign.md §5: it may still return a deleted one, or not. Neither the run nor its deadline may stick on it."""
    run = await draft_of_annual(bench)
    annual = await bench.envelope(run)
    await mind_changed(bench, run)
    assert is_put_off(await bench.state(run))
    bench.sandbox.post(f"envelopes/{annual}/purge")
    await bench.segment(run)
    assert await bench.waits_for(run) == "agreement-2"
    assert papers(bench) == ["created"]
    await bench.answer(run, action="release the agreement", decided_by=ROBERTA)
    bench.sandbox.advance(seconds=700)
    await bench.reconcile()
    assert papers(bench) == ["sent"]
    found = await bridges.pass_the_cut_off(bench, run)
    assert_done(await bench.state((await bridges.deadline(bench, run)).id))
    assert len(bridges.booked(bench)) == 1
    assert mails(bench, ADA, f"it ends on {day_in_words(found.dates.term_end)}")


async def test_an_agreement_that_was_out_and_is_unknown_is_not_taken_for_deleted(bench: Bench) -> None:
    """Whatever took it away: it may have been signed, so no other one is drafted, and nothing is cancelled."""
    run = await bought(bench, **ANNUAL)
    annual = await bench.envelope(run)
    record = bench.sandbox.get(f"records/docusign.envelopes/{annual}")
    refuse_voids(bench)
    await mind_changed(bench, run)
    bench.sandbox.change("docusign.envelopes", annual, status="created")
    bench.sandbox.post(f"envelopes/{annual}/purge")
    assert record["status"] == "sent"
    assert (await bench.segment(run)).is_failed()
    found = await bridges.the_bridge(bench, run)
    bench.sandbox.set_clock(found.dates.cut_off + 2 * bridges.MINUTE)
    planned = await bridges.deadline(bench, run)
    assert is_put_off(await bench.segment(planned.id))
    assert papers(bench) == [] and not bridges.booked(bench)
    assert mails(bench, TOM, "a person must act")


@pytest.mark.parametrize(
    ("why", "by"),
    [
        ("mind", "deadline"),
        ("seats", "nobody"),
        pytest.param("mind", "nobody", marks=pytest.mark.soak),
        pytest.param("seats", "deadline", marks=pytest.mark.soak),
    ],
)
async def test_taken_back_only_after_the_cut_off_no_other_agreement_follows(bench: Bench, why: str, by: str) -> None:
    """The bridge ends: a new agreement for it, sent by itself perhaps, would say the contrary (B7, Y4, S1)."""
    run = await bought(bench, **(ANNUAL if why == "mind" else {}))
    found = await bridges.the_bridge(bench, run)
    refuse_voids(bench)
    if why == "mind":
        await mind_changed(bench, run)
    else:
        assert_done(
            await confirm(bench, await launch(bench, more(product="Visio Plan 1", seats_now=3, seats_wanted=5)))
        )
        await bench.play_all()
    assert is_put_off(await bench.state(run))
    bench.sandbox.set_clock(found.dates.cut_off + 2 * bridges.MINUTE)
    if by == "deadline":
        assert_done(await bench.segment((await bridges.deadline(bench, run)).id))
    bench.sandbox.http.delete("faults").raise_for_status()
    assert_ended_as(await bench.segment(run), "Ended unsigned")
    assert papers(bench) == ["voided"]
    assert len(bridges.booked(bench)) == 1
    assert not mails(bench, subject="sent anew")
    assert len(mails(bench, ADA, "cancelled, it ends on")) == 1
    await bench.reconcile()
    assert len(bridges.booked(bench)) == 1 and papers(bench) == ["voided"]


async def test_a_procedure_ends_with_its_draft_unsent_and_with_no_paper_out(bench: Bench) -> None:
    """A draft that nothing replaces holds no end up; an agreement that can still be signed does."""
    run = await launch(bench, bridge())
    assert await bench.waits_for(run) == "confirmation-1"
    state = await bench.answer(run, action="withdraw", decided_by=TOM, note="Not needed.")
    assert_ended_as(state, "Withdrawn")
    assert papers(bench) == ["created"]

    out = await bridges.offered(bench)
    refuse_voids(bench)
    await bench.answer(out, action="withdraw", decided_by=TOM, note="Not needed.")
    assert is_put_off(await bench.state(out))
    bench.sandbox.http.delete("faults").raise_for_status()
    assert_ended_as(await bench.segment(out), "Withdrawn")
    assert sorted(papers(bench)) == ["created", "voided"]
