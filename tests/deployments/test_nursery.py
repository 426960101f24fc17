"""The process that forks may hang: the worker notices, and starts another one."""

import asyncio
import os
import signal

import pytest

from deployments.stack import CHECKOUT
from deployments.worker import nursery
from deployments.worker.messages import Order, pair
from deployments.worker.nursery import Nursery, Process, ZygoteGone


async def test_one_that_does_not_answer_is_ended_and_the_next_run_has_another(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where nobody listens its runs end at once; without an address Prefect would start a server, which outlives them.
    async with Nursery(CHECKOUT, {**os.environ, "PREFECT_API_URL": "http://127.0.0.1:1/api"}) as here:
        first = here.zygote_pid
        assert first is not None
        process = await here.start({"PREFECT__FLOW_RUN_ID": "no run"})
        assert await process.wait() != 0, "it is up, and forks"
        os.kill(first, signal.SIGSTOP)
        with monkeypatch.context() as impatient:
            impatient.setattr(nursery, "START_SECONDS", 0.5)
            with pytest.raises(ZygoteGone, match="has not answered"):
                await here.start({})
        process = await here.start({"PREFECT__FLOW_RUN_ID": "no run"})
        assert await process.wait() != 0
        assert here.zygote_pid != first


async def test_what_it_does_not_understand_ends_the_hearing_and_no_run_is_forgotten() -> None:
    """Else its runs' processes would never end for it: their places are lost, and no death is told."""
    here, (ours, its) = Nursery(CHECKOUT, {}), pair()
    ours.setblocking(False)
    here._socket = ours
    under_way = await asyncio.create_subprocess_exec("sleep", "60")
    process = here._processes[under_way.pid] = Process(under_way.pid)
    started: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
    here._orders[1] = (Order(1, {}), started)
    listening = asyncio.create_task(here._listen())
    its.send(b'["Paused", {"pid": 1}]')
    await asyncio.wait_for(listening, 5)
    with pytest.raises(ZygoteGone):
        await started
    under_way.kill()
    assert await asyncio.wait_for(process.wait(), 5) is None
    its.close()
    await under_way.wait()
