"""A bridge on its straight roads: confirmed by mail, bought for a month, and brought to each of its ends (B, Y)."""

from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State

from tests.procedures.harness import Bench
from tests.procedures.people import WEBHOOK, assert_done, launch, ordered, settings
from tests.procedures.requests import bridge


async def confirm(bench: Bench, run: UUID, **answer: Any) -> State[Any]:
    """Ada answers the terms with the offered sentence; reconcile finds it."""
    case = next(tag.removeprefix("ref:") for tag in (await bench.run(run)).tags if tag.startswith("ref:"))
    bench.sandbox.post(f"mails/{case}%2Fterms-1/answer", {"sentence": True, **answer})
    await bench.reconcile()
    return await bench.state(run)


async def bridged(bench: Bench, **changed: Any) -> UUID:
    """A bridge that was confirmed and bought, its agreement with the customer."""
    async with settings(release="sent directly"):
        run = await launch(bench, bridge(**changed))
        assert await bench.waits_for(run) == "confirmation-1"
        await confirm(bench, run)
    assert await bench.waits_for(run) == "agreement-1"
    return run


async def test_confirmed_by_mail_and_signed_in_time_it_is_kept(bench: Bench) -> None:
    """B2 to B6: a month on the offered sentence; signed, the same subscription goes on; nothing is bought twice."""
    run = await bridged(bench)
    assert ordered(bench) == [("Visio Plan 1", 3, "Monthly")]
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    assert_done(await bench.answer(run, action="look again", decided_by=WEBHOOK))
    assert ordered(bench) == [("Visio Plan 1", 3, "Monthly")]
