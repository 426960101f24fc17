"""Second starts, and the doors that stay open: twins, a chosen tenant, a start after a booked end (N1, A1)."""

import asyncio
from datetime import timedelta

from tests.procedures.harness import Bench, plain
from tests.procedures.people import assert_ended_as, launch
from tests.procedures.requests import PREMIUM, ask, contoso, fabrikam, of


async def test_a_second_start_is_refused_with_a_link_to_the_first(bench: Bench) -> None:
    """Same ticket and product while one is open; of two at the same moment exactly one goes on."""
    first, second = await bench.start(**contoso()), await bench.start(**contoso(seats=4))
    await asyncio.gather(bench.play(first), bench.play(second))
    states = {run: await bench.state(run) for run in (first, second)}
    [open_run] = [run for run, state in states.items() if state.is_paused()]
    [refused] = [state for state in states.values() if state.name == "Refused"]
    assert f"/runs/flow-run/{open_run}" in str(refused.message)
    assert len(bench.sandbox.effects("draft created")) == 1

    third = await launch(bench, contoso(**ask("Power BI Pro"), further_lines="3 | Visio Plan 1 | Visio Plan 1"))
    state = await bench.state(third)
    assert_ended_as(state, "Refused")
    assert f"further_lines, line 1 (N1): a procedure for Visio Plan 1 on ticket {contoso()['ticket']}" in str(
        state.message
    )
    assert f"/runs/flow-run/{open_run}" in str(state.message)

    await bench.answer(open_run, action="withdraw", decided_by="tom@northgate.example", note="typed wrongly")
    again = await launch(bench, contoso())
    assert await bench.waits_for(again) == "release-1", "the first is over"


async def test_twins_and_trials_are_shown_and_never_stand_in_the_way(bench: Bench) -> None:
    """A trial, a nonprofit twin, another term of the same product: notices on the page; the door stays open."""
    shown = {
        "Microsoft 365 Business Premium (Trial)": of("Proseware", "T20261114.0001", "otto@proseware.example"),
        "Nonprofit Staff Pricing": of("Alpine Rescue Foundation", "T20261115.0007", "nora@alpinerescue.example"),
    }
    for twin, form in shown.items():
        run = await launch(bench, form | ask(PREMIUM))
        assert await bench.waits_for(run) == "release-1"
        page = plain(await bench.case_file(run))
        assert "Also there" in page and twin in page
    other_term = fabrikam(**ask("Microsoft 365 Business Standard"))
    run = await launch(bench, other_term)
    assert await bench.waits_for(run) == "release-1", "annual is there already, monthly is another subscription"
    assert "8 × Microsoft 365 Business Standard" in plain(await bench.case_file(run))


async def test_a_chosen_tenant_and_a_start_after_the_booked_end_open_the_door(bench: Bench) -> None:
    """What the refusals offer as the way out works."""
    tenants = bench.sandbox.records("graph.tenants")
    west = next(str(t.get("tenantId") or t.get("id")) for t in tenants if "West" in str(t))
    run = await launch(bench, of("Wide World Importers", "T20261116.0002", "mira@wideworld.example", tenant=west))
    assert await bench.waits_for(run) == "release-1"
    assert west in plain(await bench.case_file(run))
    later = (bench.sandbox.today() + timedelta(days=40)).isoformat()
    form = of("Tailspin Toys", "T20261112.0008", "pia@tailspin.example", start_date=later)
    assert await bench.waits_for(await launch(bench, form)) == "release-1"
