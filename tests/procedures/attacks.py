"""What an attacker with Prefect's and DocuSign's pages at hand can do: forge memories, papers and orders."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import get_client

from rules.request import CheckedRequest
from tasks.authority import SignedPaper
from tasks.journal import Journal
from tasks.office import open_office
from tasks.ordering import place_order
from tests.procedures.harness import Bench
from tests.procedures.requests import contoso

ADA = {"name": "Ada Byte", "email": "ada@contoso.example"}
ROBERTA_SIGNS = {"name": "Roberta Vale", "email": "roberta@northgate.example"}
ROWS = 4


async def memory(run_id: UUID) -> dict[str, Any]:
    """Everything that a run remembers, by key."""
    journal = await Journal.load(run_id)
    return journal.starting("")


async def forge(run_id: UUID, key: str, value: Any) -> None:
    """Write an entry into a run's memory over Prefect's API, in place of the one that stands there."""
    async with get_client() as client:
        if key in await memory(run_id):
            await client.delete_flow_run_input(run_id, key)
        await client.create_flow_run_input(run_id, key=key, value=json.dumps(value))


async def checked(bench: Bench, **changed: Any) -> CheckedRequest:
    """The request of a procedure that has been checked and waits for contracts."""
    run = await bench.start(**contoso(**changed))
    await bench.play(run)
    return CheckedRequest.model_validate((await memory(run))["checked-request"])


def with_line(request: CheckedRequest, **changed: Any) -> CheckedRequest:
    """The request with its first line changed, past every check."""
    return request.model_copy(update={"lines": (request.lines[0].model_copy(update=changed), *request.lines[1:])})


def with_customer(request: CheckedRequest, **changed: Any) -> CheckedRequest:
    """The request with its customer changed, past every check."""
    return request.model_copy(update={"customer": request.customer.model_copy(update=changed)})


def paper(
    bench: Bench,
    request: CheckedRequest,
    tabs: dict[str, str] | None = None,
    fields: dict[str, str] | None = None,
    customer: dict[str, str] | None = None,
    msp: dict[str, str] | None = None,
    sign: str | None = "all",
) -> str:
    """An envelope made in DocuSign's own pages, saying exactly what the request asks for but for what is given.

    `sign`: who signs it (customer, msp, all); None leaves it a draft.
    """
    made = bench.sandbox.post(
        "envelopes",
        {
            "customer": customer or ADA,
            "msp": msp or ROBERTA_SIGNS,
            "tabs": {**request.terms.fields(ROWS), **(tabs or {})},
            "customFields": {"countersign_ref": request.reference} if fields is None else fields,
            "send": sign is not None,
        },
    )
    envelope_id = str(made["envelopeId"])
    if sign is not None:
        bench.sandbox.post(f"envelopes/{envelope_id}/sign", {"by": sign})
    return envelope_id


def envelope_record(bench: Bench, envelope_id: str) -> dict[str, Any]:
    """The stand-in's own record of an envelope."""
    return dict(bench.sandbox.get(f"records/docusign.envelopes/{envelope_id}"))


def doctor(bench: Bench, envelope_id: str, **fields: Any) -> str:
    """Change an envelope behind DocuSign's back."""
    bench.sandbox.change("docusign.envelopes", envelope_id, **fields)
    return envelope_id


Attempt = tuple[CheckedRequest, str]


async def try_to_order(attempts: Sequence[Attempt]) -> list[str]:
    """Call the step that orders, once for each attempt, in one flow run; what became of each."""

    @flow(name="attack")
    async def attack() -> list[str]:
        outcomes = []
        async with open_office():
            for number, (request, envelope_id) in enumerate(attempts, start=1):
                try:
                    placed = await place_order(request, SignedPaper(envelope_id=envelope_id), number)
                    outcomes.append(f"ordered {placed.order_id}")
                except Exception as no:
                    outcomes.append(f"{type(no).__name__}: {no}")
        return outcomes

    return await attack()


async def at_the_same_moment(attempts: Sequence[Attempt]) -> list[str]:
    """The same, each attempt in a flow run of its own, all at once."""
    found = await asyncio.gather(*(try_to_order([attempt]) for attempt in attempts))
    return [outcome for outcomes in found for outcome in outcomes]


def orders(bench: Bench) -> list[dict[str, Any]]:
    """Every real order that reached Pax8, with its body."""
    return bench.sandbox.effects("order placed")
