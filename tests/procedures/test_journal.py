"""A run's memory is read whole, or not at all: an answer that was lost unseen could be a "no" (decision 4)."""

import json
from uuid import UUID

import pytest

from tasks import journal
from tasks.journal import Journal
from tests.procedures.harness import Bench
from tests.procedures.requests import contoso

MANY = 260
"""More than Prefect gives of anything else in one page."""


async def a_run_that_remembers(bench: Bench, entries: int) -> UUID:
    run = await bench.start(**contoso())
    async with bench.prefect() as client:
        for number in range(entries):
            await client.create_flow_run_input(run, key=f"entry-{number:03d}", value=json.dumps(number))
    return run


async def test_all_entries_are_read_and_one_too_many_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """260 come back in one call, also where that is all it may bring; where it may bring 259, none does."""
    run = await a_run_that_remembers(bench, MANY)
    everything = {f"entry-{number:03d}": number for number in range(MANY)}
    assert (await Journal.load(run)).starting("entry-") == everything
    monkeypatch.setattr(journal, "ALL", MANY)
    assert (await Journal.load(run)).starting("entry-") == everything
    monkeypatch.setattr(journal, "ALL", MANY - 1)
    with pytest.raises(RuntimeError, match=f"flow run {run} remembers more than 259 entries.*start the procedure"):
        await Journal.load(run)
