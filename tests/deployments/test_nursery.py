"""The process that forks may hang: the worker notices, and starts another one."""

import os
import signal

import pytest

from deployments.stack import CHECKOUT
from deployments.worker import nursery
from deployments.worker.nursery import Nursery, ZygoteGone


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
