"""An order that was refused is tried again on a person's word only (I1)."""

from tests.procedures.attacks import orders
from tests.procedures.harness import Bench
from tests.procedures.people import launch, release, sign
from tests.procedures.requests import TOM, contoso


async def test_withdrawing_a_refused_order_does_not_send_it_again(bench: Bench) -> None:
    """Pax8 refused once; the requester withdraws: nothing goes out, though Pax8 would take it by now."""
    run = await launch(bench, contoso())
    await release(bench, run)
    bench.sandbox.post("faults", {"kind": "422", "method": "POST", "path": "pax8/v1/orders$", "skip": 1})
    await sign(bench, run)
    assert await bench.waits_for(run) == "order-refused-1"
    state = await bench.answer(run, action="refuse", decided_by=TOM, note="not wanted any more")
    assert not orders(bench), state
    assert state.is_final() and not state.is_completed(), state
