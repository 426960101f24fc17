"""A run that another host has taken over meanwhile: the process that it began in ends without a word (the fence)."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
import pytest
from prefect.context import TaskRunContext
from prefect.states import Pending, Running

import vendors.http
from tasks.step import FENCE_HOLDS
from tests.procedures.bridges import MINUTE, booked, bought, deadline, the_bridge
from tests.procedures.doomed import found_lost
from tests.procedures.harness import Bench
from tests.procedures.people import assert_done, assert_ended_as, launch_to_signature, sign
from tests.procedures.requests import contoso
from tests.procedures.seats import asked, changes, confirm
from vendors.errors import Unavailable


@contextmanager
def taken_over_at(
    bench: Bench, run: UUID, here: Callable[[httpx.Request], bool], error: Exception | None, seconds: float = 0.0
) -> Iterator[None]:
    """At that call to a vendor the link is cut for long: another host has the run before this one sees its error.

    Without an error the link is back after so many seconds, and the old process goes on as if nothing had been.
    """
    over: list[str] = []

    async def cut(request: httpx.Request, _response: httpx.Response | None) -> None:
        if over or not here(request):
            return
        over.append(str(request.url))
        await found_lost(run)
        async with bench.prefect() as client:
            await client.set_flow_run_state(run, Pending())
            await client.set_flow_run_state(run, Running())
        if error is not None:
            raise error
        await asyncio.sleep(seconds)

    vendors.http.observers.append(cut)
    try:
        yield
    finally:
        vendors.http.observers.remove(cut)
    assert over, "the call at which the link is cut never came"


def in_step(name: str, method: str, path: str) -> Callable[[httpx.Request], bool]:
    """A call to a vendor that a step makes."""

    def here(request: httpx.Request) -> bool:
        context = TaskRunContext.get()
        within = context.task.name if context is not None else ""
        return within == name and request.method == method and path in request.url.path

    return here


@pytest.mark.parametrize(
    ("here", "error"),
    [
        (lambda request: request.url.path.endswith("/orders") and request.method == "POST", RuntimeError("no route")),
        (lambda _request: TaskRunContext.get() is None, Unavailable("DocuSign", "no answer")),
    ],
    ids=["which would fail the run", "which would put the run off"],
)
async def test_an_old_process_with_an_error_leaves_the_run_to_who_has_taken_it_over(
    bench: Bench, here: Callable[[httpx.Request], bool], error: Exception
) -> None:
    """Neither Failed nor PutOff is written over the other host's Running, and nobody is told that it is stuck."""
    run = await launch_to_signature(bench, contoso())
    mails_before = len(bench.sandbox.get("mails")["mails"])
    with taken_over_at(bench, run, here, error):
        await sign(bench, run)
    now = await bench.run(run)
    assert now.state is not None and now.state.name == "Running", f"{now.state}: written by the old process"
    assert "go on by itself" not in str(bench.sandbox.get("mails")["mails"][mails_before:])

    await found_lost(run)  # the other host goes on from here
    assert_done(await bench.play(run))
    assert len(bench.sandbox.effects("order placed")) == 1


async def test_an_old_process_whose_check_fails_does_not_end_the_run_of_the_other(bench: Bench) -> None:
    """What it reads late may have changed since the other has sent the agreement: it doesn't say "Refused"."""
    run = await bench.start(**contoso(product="No Such Product"))
    with taken_over_at(bench, run, lambda _request: True, None):
        await bench.segment(run)
    now = await bench.run(run)
    assert now.state is not None and now.state.name == "Running", f"{now.state}: written by the old process"

    await found_lost(run)
    assert_ended_as(await bench.play(run), "Refused")


async def test_an_old_process_that_was_about_to_order_asks_once_more_and_leaves_the_order_to_the_other(
    bench: Bench,
) -> None:
    """Steps take the fence's answer of a moment ago; the order itself is preceded by a question of its own."""
    run = await launch_to_signature(bench, contoso())
    with taken_over_at(bench, run, lambda request: "isMock" in request.url.params, None):
        await sign(bench, run)
    assert bench.sandbox.effects("order placed") == []
    now = await bench.run(run)
    assert now.state is not None and now.state.name == "Running", f"{now.state}: written by the old process"

    await found_lost(run)
    await bench.play(run)
    assert (await bench.waits_for(run)).startswith("unclear-order"), "its marker stands: a person looks into Pax8"
    assert bench.sandbox.effects("order placed") == []


async def test_an_old_processs_next_step_asks_again_once_the_answer_is_old(bench: Bench) -> None:
    """What a step began it may end; the one after it, three seconds later, is the other host's."""
    run = await launch_to_signature(bench, contoso())
    with taken_over_at(bench, run, lambda request: request.url.path.endswith("/Notes"), None, FENCE_HOLDS):
        await sign(bench, run)
    assert not [one for one in bench.sandbox.ledger(vendor="autotask") if one["path"].endswith("/Attachments")]

    await found_lost(run)
    assert_done(await bench.play(run))
    assert len(bench.sandbox.effects("order placed")) == 1


async def test_an_old_process_that_was_about_to_end_a_bridge_asks_once_more(bench: Bench) -> None:
    """Its evidence is read; right before the end is booked it finds that the run is another's."""
    run = await bought(bench)
    look = (await deadline(bench, run)).id
    bench.sandbox.set_clock((await the_bridge(bench, run)).dates.cut_off + 2 * MINUTE)
    with taken_over_at(bench, look, in_step("book-unsigned-end", "GET", "/envelopes"), None):
        await bench.segment(look)
    assert booked(bench) == []

    await found_lost(look)
    assert_done(await bench.play(look))
    assert len(booked(bench)) == 1


async def test_an_old_process_that_was_about_to_add_seats_asks_once_more(bench: Bench) -> None:
    """It has marked the customer's word as used; right before the change it finds that the run is another's."""
    run = await asked(bench)
    with taken_over_at(bench, run, in_step("write-seats", "POST", "/Notes"), None):
        await confirm(bench, run)
    assert changes(bench) == []

    await found_lost(run)
    assert_done(await bench.play(run))
    assert changes(bench) == [(12, 15)]
