"""What the people around a procedure do, and what they get to see: mails, notes, forms."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import BlockDocumentUpdate
from prefect.client.schemas.objects import State, StateType

from tasks.office import BLOCK
from tasks.settings import CountersignSettings
from tests.procedures.harness import Bench
from tests.procedures.requests import ROBERTA

WEBHOOK = "DocuSign webhook"


@dataclass(frozen=True)
class Mail:
    """A mail that went out, as the person reads it."""

    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    text: str


def mails(bench: Bench, to: str = "", subject: str = "") -> list[Mail]:
    """Mails sent to somebody (to, not cc), oldest first."""
    sent = [
        Mail(to=tuple(one["to"]), cc=tuple(one["cc"]), subject=one["subject"], text=as_read(one["html"]))
        for one in bench.sandbox.get("mails", direction="sent")["mails"]
    ]
    return [one for one in sent if (not to or to in one.to) and subject in one.subject]


def as_read(page: str) -> str:
    """The words of an HTML mail."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def notes(bench: Bench, ticket: int) -> dict[str, str]:
    """A ticket's notes of ours: stage to text."""
    return {
        one["title"].partition("] ")[2]: one["description"]
        for one in bench.sandbox.records("autotask.ticketnotes")
        if one["ticketID"] == ticket and one["title"].startswith("[CS-")
    }


def writes(bench: Bench) -> list[str]:
    """Every effect outside that a procedure had, in order; what the sandbox's own levers did is none."""
    return [
        effect["effect"]
        for entry in bench.sandbox.ledger(effects=1)
        if entry["method"] and entry["vendor"] != "sandbox"
        for effect in entry["effects"]
    ]


def ordered(bench: Bench) -> list[tuple[str, int, str]]:
    """Every line that was ordered: product, seats, term."""
    return [
        (line["product_name"].removesuffix(" [New Commerce Experience]"), line["quantity"], line["commitment_term"])
        for entry in bench.sandbox.effects("order placed")
        for effect in entry["effects"]
        if effect["effect"] == "order placed"
        for line in effect["lines"]
    ]


def told_microsoft(bench: Bench) -> dict[str, str]:
    """What Pax8's questions were answered with at the newest order, for its first line: key to answer."""
    lines = bench.sandbox.effects("order placed")[-1]["body"]["lineItems"]
    return {one["key"]: ", ".join(one["values"]) for one in lines[0]["provisioningDetails"]}


def paper_says(bench: Bench, envelope: str, **fields: str) -> None:
    """Somebody got other words onto a paper that is out already, whatever was locked."""
    signers = bench.sandbox.get(f"records/docusign.envelopes/{envelope}")["signers"]
    for signer in signers:
        for tab in signer["tabs"]:
            tab["value"] = fields.get(tab["tabLabel"], tab["value"])
    bench.sandbox.change("docusign.envelopes", envelope, signers=signers)


@asynccontextmanager
async def settings(**changed: Any) -> AsyncIterator[None]:
    """The settings block says something else for a while. Its values only: saving a whole block takes seconds."""
    slug = CountersignSettings.get_block_type_slug()
    async with get_client() as client:
        kept = await client.read_block_document_by_name(BLOCK, slug)
        assert kept.id is not None
        assert set(changed) <= set(CountersignSettings.model_fields)
        await client.update_block_document(kept.id, BlockDocumentUpdate(data={**kept.data, **changed}))
        try:
            yield
        finally:
            await client.update_block_document(kept.id, BlockDocumentUpdate(data=kept.data))


async def launch(bench: Bench, form: dict[str, Any]) -> UUID:
    """Start a procedure and play it to its first wait, or its end. Provisioning takes no time."""
    bench.sandbox.post("pax8/provisioning", {"mode": "instant"})
    run = await bench.start(**form)
    await bench.play(run)
    return run


async def launch_to_signature(bench: Bench, form: dict[str, Any]) -> UUID:
    """Start a procedure whose agreement goes out directly, and play it until the customer has it."""
    async with settings(release="sent directly"):
        run = await launch(bench, form)
    assert await bench.waits_for(run) == "signature"
    return run


async def release(bench: Bench, run: UUID) -> State[Any]:
    return await bench.answer(run, action="release", decided_by=ROBERTA)


async def sign(bench: Bench, run: UUID, **who: str) -> State[Any]:
    """Everybody signs, and DocuSign sends word."""
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", who)
    return await bench.answer(run, action="look again", decided_by=WEBHOOK)


def assert_ended_as(state: State[Any], name: str) -> None:
    """The run ended as what it is: neither a crash nor a success."""
    assert state.type is StateType.CANCELLED, f"{state.name}: {state.message}"
    assert state.name == name, f"{state.name}: {state.message}"


def assert_done(state: State[Any]) -> None:
    assert state.is_completed(), f"{state.name}: {state.message}"
