"""A new subscription, from the request to the billing notice."""

from tests.procedures.harness import Bench, plain
from tests.procedures.requests import ROBERTA, contoso


async def test_a_signed_agreement_is_ordered_billed_and_documented(bench: Bench) -> None:
    """The straight road: requested, released, signed, ordered once, billing told, documented, done."""
    run = await bench.start(**contoso())
    await bench.play(run)
    assert await bench.waits_for(run) == "release-1"
    assert not bench.sandbox.effects("envelope sent")

    await bench.answer(run, action="release", decided_by=ROBERTA)
    assert await bench.waits_for(run) == "signature"
    assert not bench.sandbox.effects("order placed")

    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign")
    state = await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert state.is_completed(), f"{state.name}: {state.message}\n{plain(await bench.case_file(run))}"
    assert len(bench.sandbox.effects("order placed")) == 1
