"""No form, whoever fills it in and whatever he chooses, stands in for the signature (N5, decision 2)."""

import json
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Scheduled

from tests.procedures.attacks import memory, orders
from tests.procedures.harness import Bench
from tests.procedures.requests import MATTHEW, ROBERTA, SAM, TOM, contoso

ENDS = {"withdraw", "refuse", "that was not me", "void and start anew"}
GOES_ON = {"release", "confirm prices", "customer chose"}


async def schema(run_id: UUID, bench: Bench) -> dict[str, Any]:
    """The JSON schema of the form that a run waits with."""
    run = await bench.run(run_id)
    assert run.state is not None and run.state.state_details.run_input_keyset is not None
    key = run.state.state_details.run_input_keyset["schema"]
    return dict((await memory(run_id))[key])


async def resume(run_id: UUID, **form: Any) -> str:
    """Press Resume with any body; Prefect's verdict."""
    async with get_client() as client:
        answer = await client._client.post(f"/flow_runs/{run_id}/resume", json={"run_input": form})
        return str(answer.json()["status"])


async def answered(bench: Bench, run: UUID, **form: Any) -> Any:
    assert await resume(run, **form) == "ACCEPT"
    return await bench.play(run)


async def test_no_action_of_any_form_orders_anything_before_the_signature(bench: Bench) -> None:
    """Every action that every form offers, by everybody, with every field filled in: nothing is ordered."""
    run = await bench.start(**contoso(pricing_first=True))
    await bench.play(run)
    filled = {
        "note": "ordered, signed, all is well",
        "colleague": SAM,
        "order_id": "00000000-0000-4000-8000-000000000000",
        "prices": "Visio Plan 1 = 6.00",
        "monthly_prices": "Visio Plan 1 = 6.00",
        "annual_prices": "Visio Plan 1 = 5.00",
        "term": "Monthly",
    }
    seen: dict[str, list[str]] = {}
    for _ in range(12):
        wait = await bench.waits_for(run)
        if wait in seen:
            break
        actions = (await schema(run, bench))["properties"]["action"]["enum"]
        seen[wait] = actions
        for action in [one for one in actions if one not in ENDS | GOES_ON]:
            state = await answered(bench, run, action=action, decided_by=TOM, **filled)
            assert state.is_paused(), (wait, action, state)
        assert await resume(run, action="order", decided_by=TOM) == "REJECT"
        assert await resume(run, action="accept", decided_by=TOM) == "REJECT"
        for action in [one for one in actions if one in GOES_ON]:
            await answered(bench, run, action=action, decided_by=TOM, **filled)
            who = {"release": ROBERTA, "confirm prices": MATTHEW}.get(action, TOM)
            if await bench.waits_for(run) in (wait, "release-2"):
                await answered(bench, run, action=action, decided_by=who, **filled)
        assert not orders(bench), wait
    assert next(iter(seen)) == "pricing"
    assert {"term", "signature"} <= set(seen)
    state = await answered(bench, run, action="withdraw", decided_by=TOM, note="enough")
    assert state.name == "Withdrawn"
    assert await resume(run, action="look again", decided_by=TOM) == "ABORT"
    async with get_client() as client:
        await client.set_flow_run_state(run, Scheduled(), force=True)
    await bench.play(run)
    assert not orders(bench)


async def test_only_contracts_decides_about_a_stranger_s_signature(bench: Bench) -> None:
    """Signed by somebody without the right: nobody's acceptance counts but contracts' or a senior colleague's."""
    run = await bench.start(**contoso())
    await bench.play(run)
    envelope = await bench.envelope(run)
    people = [{"roleName": "Client signer", "name": "Ben O'Kafor", "email": "b.o'kafor+x@contoso.example"}]
    bench.sandbox.post(f"envelopes/{envelope}/edit", {"signers": people})
    await bench.answer(run, action="release", decided_by=ROBERTA)
    bench.sandbox.post(f"envelopes/{envelope}/sign")
    state = await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert state.is_paused(), state
    assert (await bench.waits_for(run)).startswith("signer-")
    for who in (TOM, "b.o'kafor+x@contoso.example", "ada@contoso.example", "DocuSign webhook", "@", ""):
        await answered(bench, run, action="accept", decided_by=who, note="he may")
        assert not orders(bench), who
    state = await answered(bench, run, action="accept", decided_by=ROBERTA, note="asked Ada")
    assert state.is_completed(), state
    assert len(orders(bench)) == 1


async def test_a_start_to_come_is_not_ordered_early(bench: Bench) -> None:
    """Signed for a later day: no Resume orders before that day has begun in the MSP's zone (N6)."""
    day = bench.sandbox.today().replace(day=1)
    day = day.replace(year=day.year + 1)
    run = await bench.start(**contoso(start_date=day.isoformat()))
    await bench.play(run)
    await bench.answer(run, action="release", decided_by=ROBERTA)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign")
    await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    for who in (TOM, "DocuSign webhook", "clock"):
        await answered(bench, run, action="look again", decided_by=who)
        assert await bench.waits_for(run) == "start-day"
    assert not orders(bench)


@pytest.mark.usefixtures("prefect_api")
async def test_a_corrected_price_survives_an_emptied_result_store(bench: Bench, prefect_home: Path) -> None:
    """Prices corrected, sent, results lost, signed: the corrected price is compared, and the order is made once."""
    run = await bench.start(**contoso())
    await bench.play(run)
    await bench.answer(run, action="correct", decided_by=ROBERTA, prices="Visio Plan 1 = 5.50")
    await bench.answer(run, action="release", decided_by=ROBERTA)
    assert await bench.waits_for(run) == "signature"
    shutil.rmtree(prefect_home / "storage", ignore_errors=True)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign")
    state = await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert state.is_completed(), state
    assert len(orders(bench)) == 1
    assert json.loads(json.dumps(orders(bench)[0]["body"]))["lineItems"][0]["quantity"] == 3
