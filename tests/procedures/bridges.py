"""What the people around a bridge do, and moving the clock to its dates."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State

from tasks.bridges import DATES, Bridge
from tests.procedures.attacks import memory
from tests.procedures.harness import Bench
from tests.procedures.people import launch, settings
from tests.procedures.requests import MATTHEW, bridge

MINUTE = timedelta(minutes=1)


async def reference(bench: Bench, run: UUID) -> str:
    return next(tag.removeprefix("ref:") for tag in (await bench.run(run)).tags if tag.startswith("ref:"))


async def answer_terms(bench: Bench, run: UUID, round_: int = 1, **answer: Any) -> None:
    """The contact answers our mail with the terms, a minute later; by default with the sentence that it offers."""
    bench.sandbox.advance(seconds=60)
    mail = f"{await reference(bench, run)}%2Fterms-{round_}"
    bench.sandbox.post(f"mails/{mail}/answer", answer or {"sentence": True})


async def confirm(bench: Bench, run: UUID, round_: int = 1, **answer: Any) -> State[Any]:
    """The contact confirms by the offered sentence, and reconcile finds the reply."""
    await answer_terms(bench, run, round_, **answer)
    await bench.reconcile()
    return await bench.state(run)


async def offered(bench: Bench, **changed: Any) -> UUID:
    """A bridge whose terms are with the customer; its agreement went out directly."""
    async with settings(release="sent directly"):
        return await launch(bench, bridge(**changed))


async def bought(bench: Bench, **changed: Any) -> UUID:
    """A bridge that was confirmed and bought; its agreement is with the customer."""
    async with settings(release="sent directly"):
        run = await launch(bench, bridge(**changed))
        if changed.get("term") == "1-Year":
            await give_prices(bench, run)
        assert await bench.waits_for(run) == "confirmation-1"
        await confirm(bench, run)
    waits = await bench.waits_for(run)
    assert waits == "agreement-1", waits
    return run


async def give_prices(bench: Bench, run: UUID) -> None:
    """Pricing types both figures, and nobody objects."""
    await bench.answer(
        run,
        action="confirm prices",
        decided_by=MATTHEW,
        monthly_prices="Visio Plan 1 = 6.00",
        annual_prices="Visio Plan 1 = 5.00",
    )
    if await bench.waits_for(run) == "objection-pricing":
        bench.sandbox.advance(seconds=700)
        await bench.reconcile()


async def the_bridge(bench: Bench, run: UUID) -> Bridge:
    """The bridge as its run remembers it."""
    async with get_client() as client:
        return Bridge.model_validate(json.loads(await client.read_flow_run_input(run, DATES)))


async def pass_to(bench: Bench, moment: datetime) -> None:
    """The clock comes to a moment, and the net does what is due then."""
    bench.sandbox.set_clock(moment)
    await bench.reconcile()


async def pass_the_cut_off(bench: Bench, run: UUID) -> Bridge:
    """The clock comes to two minutes after the cut-off."""
    found = await the_bridge(bench, run)
    await pass_to(bench, found.dates.cut_off + 2 * MINUTE)
    return found


async def deadline(bench: Bench, run: UUID) -> FlowRun:
    """The run that stands for the bridge's deadline."""
    tag = f"deadline-of:{await reference(bench, run)}"
    return next(one for one in await bench.runs("signature-deadline") if tag in one.tags)


def booked(bench: Bench) -> list[dict[str, Any]]:
    """Every end that was booked at Pax8."""
    return [
        effect
        for entry in bench.sandbox.effects("end booked")
        for effect in entry["effects"]
        if effect["effect"] == "end booked"
    ]


async def listed(bench: Bench, run: UUID) -> list[str]:
    """The messages that the form offers to be read, or as evidence."""
    state = await bench.state(run)
    assert state.state_details.run_input_keyset is not None
    schema = (await memory(run))[state.state_details.run_input_keyset["schema"]]
    return [one for one in schema["properties"]["evidence"].get("enum", []) if one]
