"""An agreement that DocuSign doesn't take back: no other one is drafted beside it (I3, Y4, S1)."""

from typing import Any
from uuid import UUID

import pytest

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
