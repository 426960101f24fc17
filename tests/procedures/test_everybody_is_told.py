"""The net tells each owner of each run, every time anew, and one that can't be told of keeps back no other (I5)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Failed
from prefect.variables import Variable

from tasks.case import Case
from tasks.each import PartlyDone, all_of, each
from tasks.journal import Journal
from tasks.net_torn import LAST_ROUND, last_round
from tasks.procedure import put_off_so_far
from tests.procedures.harness import Bench
from tests.procedures.people import assert_done, launch, launch_to_signature, mails, sign
from tests.procedures.requests import SAM, TOM, contoso, fabrikam
from tests.procedures.test_reconcile import overview


async def test_of_two_that_miss_their_confirmation_in_one_round_both_are_told(bench: Bench) -> None:
    """P14: the same letter, in one run of the net, for two orders."""
    bench.sandbox.post("settings", {"pax8.mails": "never"})
    for form in (contoso(), fabrikam()):
        assert_done(await sign(bench, await launch_to_signature(bench, form)))
    bench.sandbox.advance(days=4)
    await bench.reconcile()
    told = [mail.subject for mail in mails(bench, TOM, "no order confirmation")]
    assert len(told) == 2 and {"Contoso" in one for one in told} == {True, False}, told


async def test_a_procedure_that_failed_without_a_word_is_told_and_stands_in_the_table(bench: Bench) -> None:
    """No block could be read: it had no voice. One that died before it had a reference is no exception."""
    waiting = await launch(bench, contoso())
    fresh = await bench.start(**fabrikam())
    failed: Any = Failed(message="the settings block can't be read")
    async with get_client() as client:
        for run in (waiting, fresh):
            await client.set_flow_run_state(run, failed, force=True)
    for _ in range(2):
        await bench.reconcile()
    [told] = mails(bench, TOM, "2 runs failed")
    assert str(waiting) in told.text and str(fresh) in told.text
    table = str((await overview()).data)
    assert str(waiting) in table and str(fresh) in table


async def test_the_same_failure_after_a_retry_is_told_again(bench: Bench) -> None:
    """Mended, and broken again next quarter: the mail of then is no news of today."""
    bench.sandbox.post(
        "faults", {"vendor": "docusign", "method": "POST", "path": "/envelopes$", "kind": "422", "times": 99}
    )
    run = await bench.start(**contoso())
    assert (await bench.play(run)).is_failed()
    assert (await bench.segment(run)).is_failed()
    assert len(mails(bench, TOM, "can't go on by itself")) + len(mails(bench, SAM, "can't go on by itself")) == 2


async def test_one_that_fails_keeps_back_no_other() -> None:
    async def half(number: int) -> int | None:
        if number % 2:
            raise ValueError(f"{number} is odd")
        return number // 2 if number else None

    assert await each([0, 2, 4], half) == [1, 2]
    with pytest.raises(PartlyDone, match=r"1 is odd \(and 1 more\)") as partly:
        await each([0, 1, 2, 3, 4], half)
    assert partly.value.done == [1, 2] and len(partly.value.errors) == 2

    async def broken() -> list[int]:
        raise RuntimeError("nothing at all")

    with pytest.raises(PartlyDone) as parts:
        await all_of(lambda: each([2, 3], half), broken, lambda: each([6], half))
    assert parts.value.done == [1, 3] and len(parts.value.errors) == 2


@pytest.mark.parametrize(
    ("ago", "counted"),
    [
        ([], 0),
        ([timedelta(minutes=1)], 1),
        ([timedelta(days=30), timedelta(days=2), timedelta(minutes=-2)], 1),
        ([timedelta(minutes=m) for m in (180, 120, 60, 0)], 4),
        ([timedelta(minutes=m) for m in (400, 110, 60, 1)], 3),
        ([timedelta(hours=3)], 0),
    ],
)
def test_put_offs_are_counted_for_one_outage(ago: list[timedelta], counted: int) -> None:
    entries = {
        f"put-off-{place:03d}": {"at": (datetime.now(UTC) - one).isoformat(), "why": "down"}
        for place, one in enumerate(ago, start=1)
    }
    assert put_off_so_far(Case(uuid4(), set(), Journal(uuid4(), entries))) == counted


async def test_a_net_that_looks_no_more_is_noticed_by_the_audit(bench: Bench) -> None:
    """Its schedule was switched off, say: once a day the senior staff hear of it, until it looks again."""
    await bench.reconcile()
    seen = await last_round()
    assert seen is not None and datetime.now(UTC) - seen < timedelta(minutes=1)
    await bench.play(await bench.start("audit"))
    assert not mails(bench, SAM, "does not look any more")
    await Variable.aset(LAST_ROUND, (seen - timedelta(hours=2)).isoformat(), overwrite=True)
    for _ in range(2):
        await bench.play(await bench.start("audit"))
    assert len(mails(bench, SAM, "does not look any more")) == 1
    bench.sandbox.advance(days=1)
    await Variable.aset(LAST_ROUND, (seen + timedelta(hours=2)).isoformat(), overwrite=True)
    await bench.play(await bench.start("audit"))
    assert len(mails(bench, SAM, "does not look any more")) == 2, "a moment of the future says nothing of today"
