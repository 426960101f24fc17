"""The procedure in miniature as a Temporal workflow, with its worker in the process that serves the doors."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from deployments.bench.engine.door import Doors, Given, serve
    from deployments.bench.engine.vendors import Record, Vendors

QUEUE = "bench"
THREADS = 40
STEP_PATIENCE = timedelta(minutes=2)


class Steps:
    """The four steps as activities."""

    def __init__(self, vendors: Vendors) -> None:
        self._vendors = vendors

    @activity.defn
    def check(self, request: Record) -> None:
        """Step 1."""
        self._vendors.check(request)

    @activity.defn
    def send_agreement(self, request: Record, key: str) -> str:
        """Step 2."""
        return self._vendors.send_agreement(request, key)

    @activity.defn
    def order(self, request: Record, envelope_id: str) -> str:
        """Step 3."""
        return self._vendors.order(request, envelope_id)

    @activity.defn
    def mail_billing(self, request: Record, order_id: str, key: str) -> None:
        """Step 4."""
        self._vendors.mail_billing(request, order_id, key)


@workflow.defn
class NewSubscription:
    """Four steps with one wait."""

    def __init__(self) -> None:
        self._signed = False

    @workflow.run
    async def run(self, request: Record, key: str) -> str:
        """Returns the order's id."""
        await workflow.execute_activity_method(Steps.check, args=[request], start_to_close_timeout=STEP_PATIENCE)
        envelope_id = await workflow.execute_activity_method(
            Steps.send_agreement, args=[request, key], start_to_close_timeout=STEP_PATIENCE
        )
        await workflow.wait_condition(lambda: self._signed)
        order_id = await workflow.execute_activity_method(
            Steps.order, args=[request, envelope_id], start_to_close_timeout=STEP_PATIENCE
        )
        await workflow.execute_activity_method(
            Steps.mail_billing, args=[request, order_id, key], start_to_close_timeout=STEP_PATIENCE
        )
        return str(order_id)

    @workflow.signal
    def signed(self) -> None:
        """The agreement is signed."""
        self._signed = True


@asynccontextmanager
async def engine(given: Given) -> AsyncIterator[Doors]:
    """A client and a worker of the Temporal server at `given.store`, host and port."""
    client = await Client.connect(given.store)
    steps = Steps(given.vendors)

    async def start(key: str, request: Record) -> None:
        await client.start_workflow(NewSubscription.run, args=[request, key], id=key, task_queue=QUEUE)

    async def signed(key: str) -> None:
        await client.get_workflow_handle(key).signal(NewSubscription.signed)

    with ThreadPoolExecutor(THREADS) as threads:
        async with Worker(
            client,
            task_queue=QUEUE,
            workflows=[NewSubscription],
            activities=[steps.check, steps.send_agreement, steps.order, steps.mail_billing],
            activity_executor=threads,
        ):
            yield Doors(start, signed)


if __name__ == "__main__":
    serve(engine)
