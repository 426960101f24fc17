"""Signed faster than our taking it back: signed binds, unless the deadline's run found it unsigned first (I4, Y4, Y6).

DocuSign's word of it is lost each time: the run learns of the signature only when it wants to void the agreement.
"""

from uuid import UUID

import httpx
from prefect.client.orchestration import get_client

from tests.procedures.bridges import MINUTE, answer_terms, booked, bought, deadline, offered, the_bridge
from tests.procedures.deadlines import books_end, right_after
from tests.procedures.harness import Bench
from tests.procedures.people import assert_done, assert_ended_as, mails, notes, ordered, settings
from tests.procedures.requests import ADA, TOM
from tests.procedures.test_bridge_confirmation import read_as
from tests.procedures.test_bridge_ends import ANNUAL, REQUEST, listed

VISIO = ("Visio Plan 1", 3, "Monthly")
GONE = {"action": "withdraw", "decided_by": TOM, "note": "They went elsewhere."}


async def sign_unheard(bench: Bench, run: UUID) -> None:
    """Everybody signs, and DocuSign's call is lost."""
    bench.sandbox.post("connect", {"mode": "lost"})
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})


def voids(request: httpx.Request) -> bool:
    return request.method == "PUT" and "/envelopes/" in request.url.path


async def withdraw(bench: Bench, run: UUID) -> None:
    """Tom's answer is there; the run looks at it when it is played next."""
    async with get_client() as client:
        await client.resume_flow_run(run, run_input=GONE)


def assert_kept(bench: Bench) -> None:
    """Nothing was booked or bought; the customer was told that it goes on, and nothing else."""
    assert booked(bench) == [] and ordered(bench) == [VISIO]
    assert len(mails(bench, to=ADA, subject="your licences go on")) == 1
    assert not mails(bench, to=ADA, subject="cancelled")


async def test_withdrawn_although_signed_it_is_kept(bench: Bench) -> None:
    """B6: completed when the withdrawal is acted upon: kept as signed, which the deadline's run finds written down."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    await sign_unheard(bench, run)
    assert_done(await bench.answer(run, **GONE))
    assert "signed binds" in notes(bench, REQUEST)["signed faster"]
    said = [one["title"] for one in bench.sandbox.records("autotask.ticketnotes") if "decision" in one["title"]]
    assert said == [f"Countersign decision {found.ids.reference}: signed in time"]
    assert_kept(bench)


async def test_a_change_of_mind_while_it_is_being_signed_is_too_late(bench: Bench) -> None:
    """Y4: DocuSign refuses to void what is being signed in that moment: the annual agreement binds."""
    run = await bought(bench, **ANNUAL)
    bench.sandbox.advance(hours=2)
    mail = {"from": ADA, "to": "licences@northgate.example", "subject": "The term", "body": "Rather monthly."}
    bench.sandbox.post("mails", mail)
    await bench.answer(run, action="look again", decided_by=TOM)
    [evidence] = await listed(bench, run)
    bench.sandbox.post("connect", {"mode": "lost"})
    bench.sandbox.post("faults", {"vendor": "docusign", "method": "PUT", "path": "/envelopes/", "kind": "422"})
    envelope = await bench.envelope(run)
    async with right_after(voids, lambda: bench.sandbox.post(f"envelopes/{envelope}/sign", {})):
        await bench.answer(run, action="customer wants monthly", decided_by=TOM, evidence=evidence)
    assert await bench.waits_for(run) == "change-over"
    assert "signed binds" in notes(bench, REQUEST)["change of mind refused"]
    assert len(bench.sandbox.records("docusign.envelopes")) == 1 and not bench.sandbox.effects("envelope voided")
    assert ordered(bench) == [VISIO] and booked(bench) == []


async def test_withdrawn_and_signed_after_the_end_was_booked_it_is_a_late_signature(bench: Bench) -> None:
    """I4, Y6: the deadline's run has told everybody that it ends: nobody is told that it goes on; Tom is asked."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.set_clock(found.dates.cut_off + MINUTE)
    planned = await deadline(bench, run)
    await withdraw(bench, run)
    await sign_after_booking(bench, run, planned.id)
    await bench.play(run)
    bench.sandbox.advance(seconds=1_000)
    await bench.reconcile()
    assert await bench.waits_for(run) == "late-still-wanted"
    assert len(booked(bench)) == 1 and ordered(bench) == [VISIO]
    assert not mails(bench, to=ADA, subject="your licences go on")
    assert len(mails(bench, to=ADA, subject="cancelled, it ends on")) == 1
    assert_ended_as(await bench.answer(run, action="refuse", decided_by=TOM, note="They went elsewhere."), "Refused")


async def test_withdrawn_and_signed_while_pax8_books_no_end_it_waits_for_the_deadlines_run(bench: Bench) -> None:
    """I4: found unsigned, and nothing booked: that run takes its finding back before the bridge is kept."""
    run = await bought(bench)
    found = await the_bridge(bench, run)
    bench.sandbox.post("pax8/booked-end", {"mode": "refused"})
    bench.sandbox.set_clock(found.dates.cut_off + MINUTE)
    planned = await deadline(bench, run)
    assert (await bench.segment(planned.id)).name == "PutOff"
    await sign_unheard(bench, run)
    assert (await bench.answer(run, **GONE)).name == "PutOff"
    assert not mails(bench, to=ADA, subject="your licences go on")
    bench.sandbox.advance(hours=3)
    await bench.reconcile()
    assert_done(await bench.state(planned.id))
    bench.sandbox.advance(seconds=1_200)
    await bench.reconcile()
    assert_done(await bench.state(run))
    assert_kept(bench)


async def sign_after_booking(bench: Bench, run: UUID, planned: UUID) -> None:
    """The customer signs right after the deadline's run has booked the end."""
    bench.sandbox.post("connect", {"mode": "lost"})
    envelope = await bench.envelope(run)
    async with right_after(books_end, lambda: bench.sandbox.post(f"envelopes/{envelope}/sign", {})):
        assert_done(await bench.segment(planned))


async def test_other_seats_wanted_although_signed_a_person_chooses(bench: Bench) -> None:
    """B1, N5: signed for three while four are wanted: no other agreement is drafted; Tom orders as signed, or not."""
    run = await offered(bench)
    await answer_terms(bench, run, text="ok but 4")
    await bench.reconcile()
    await sign_unheard(bench, run)
    async with settings(release="sent directly"):
        await read_as(bench, run, "wants other seats", seats="Visio Plan 1 = 4")
    assert await bench.waits_for(run) == "signed-seats"
    assert len(bench.sandbox.records("docusign.envelopes")) == 1 and ordered(bench) == []
    assert_done(await bench.answer(run, action="order as signed", decided_by=TOM, note="Ada agrees."))
    assert ordered(bench) == [VISIO] and not await bench.runs("signature-deadline")
