"""No secret and no cost of ours comes to light, and nothing that is typed becomes markup (I8, N2, decision 8)."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import ArtifactSort
from prefect.logging.handlers import APILogHandler
from pydantic import SecretStr

from tests.procedures import leaks
from tests.procedures.attacks import memory, orders
from tests.procedures.conftest import all_flows
from tests.procedures.harness import RECORDED_EVERY, Bench, Sandbox
from tests.procedures.requests import MATTHEW, ROBERTA, SAM, TOM, contoso
from vendors.docusign import DocuSignBlock
from vendors.graph import GraphPartnerBlock
from vendors.pax8 import Pax8Block

PLANTED = "planted-7f6a1c-secret"
EVIL = (
    "<script src=https://evil.example></script> [click](https://evil.example) **x** | y <img src=https://evil.example>"
)


class Heard(logging.Handler):
    """Everything that is logged in this process, at every level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {self.format(record)}")


@dataclass(frozen=True)
class Everything:
    """What was left behind by one whole procedure with failures provoked."""

    sandbox: Sandbox
    secrets: dict[str, str]
    kept: dict[str, str]
    forms: dict[str, str]
    artifacts: dict[str, str]
    heard: str


@asynccontextmanager
async def wrong(block: Any, **credential: str) -> AsyncIterator[None]:
    """A block with a wrong credential for a while."""
    right = await block.aload("main")
    await right.model_copy(update={name: SecretStr(value) for name, value in credential.items()}).asave(
        "main", overwrite=True
    )
    yield
    await right.asave("main", overwrite=True)


async def fails(bench: Bench, run: Any) -> None:
    """One more segment, which fails."""
    state = await bench.segment(run)
    assert state.is_failed(), state


@pytest_asyncio.fixture(scope="module")
async def everything(
    deployments: dict[str, Any], sandbox_url: str, prefect_home: Path, prefect_database: str
) -> AsyncIterator[Everything]:
    """Pricing first, evil words in every field, every vendor failing, wrong credentials, our cost risen, ordered."""
    sandbox = Sandbox(sandbox_url)
    sandbox.reset()
    bench = Bench(all_flows(), deployments, sandbox)
    heard = Heard()
    root = logging.getLogger()
    level = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    try:
        sandbox.change("autotask.contacts", 1751, lastName="Byte " + EVIL[:30])
        for vendor in ("docusign", "pax8", "autotask", "itglue", "graph"):
            sandbox.post("faults", {"kind": "500-before", "vendor": vendor})
            sandbox.post("faults", {"kind": "429", "vendor": vendor, "retry_after": 0.1, "skip": 2})
        run = await bench.start(
            **contoso(
                pricing_first=True,
                annual_reason=EVIL,
                licence_users=f"ada@contoso.example {EVIL}",
                follow_up_person=SAM,
                follow_up_work=EVIL,
            )
        )
        await bench.play(run)
        assert await bench.waits_for(run) == "pricing"
        await bench.answer(run, action="confirm prices", decided_by=EVIL, monthly_prices=EVIL)
        await bench.answer(run, action="confirm prices", decided_by=MATTHEW, monthly_prices=f"{EVIL} = 6")
        await bench.answer(
            run, action="confirm prices", decided_by=MATTHEW, monthly_prices="Visio Plan 1 = 6.10", note=EVIL
        )
        await bench.answer(run, action="customer chose", term="Monthly", decided_by=TOM, note=EVIL)
        envelope = await bench.envelope(run)
        bench.sandbox.post(f"envelopes/{envelope}/edit", {"tabs": {"Product1": EVIL}})
        await bench.answer(run, action="release", decided_by=ROBERTA)
        assert await bench.waits_for(run) == "release-2"
        bench.sandbox.post(f"envelopes/{envelope}/edit", {"tabs": {"Product1": "Visio Plan 1"}})
        await bench.answer(run, action="release", decided_by=ROBERTA)
        assert await bench.waits_for(run) == "signature"
        product = next(p for p in sandbox.records("pax8.products") if p["name"].startswith("Visio Plan 1"))
        dearer = [{**price, "buy": str(float(price["buy"]) + 0.27)} for price in product["prices"]]
        sandbox.change("pax8.products", product["id"], prices=dearer)
        sandbox.post(f"envelopes/{envelope}/sign")
        async with get_client() as client:
            await client.resume_flow_run(run, run_input={"action": "look again", "decided_by": "DocuSign webhook"})
        async with wrong(DocuSignBlock, private_key=f"-----BEGIN RSA PRIVATE KEY-----\n{PLANTED}\n-----END"):
            await fails(bench, run)
        async with wrong(Pax8Block, client_secret=PLANTED + "-pax8"):
            await fails(bench, run)
        await bench.segment(run)
        assert (await bench.waits_for(run)).startswith("cost-risen")
        async with wrong(GraphPartnerBlock, refresh_token=PLANTED + "-graph"):
            state = await bench.answer(run, action="accept", decided_by=MATTHEW, note=EVIL)
            assert state.is_failed(), state
        state = await bench.segment(run)
        assert state.is_completed(), state
        assert len(orders(bench)) == 1
        await bench.reconcile()
        await APILogHandler.aflush()
        await asyncio.sleep(2 * RECORDED_EVERY)
        remembered = await memory(run)
        async with get_client() as client:
            artifacts = {
                str(one.key): str(one.data) for one in await client.read_artifacts(sort=ArtifactSort.CREATED_DESC)
            }
        yield Everything(
            sandbox=sandbox,
            secrets=leaks.secrets_of(sandbox) | {"a secret planted in a block": PLANTED},
            kept=await leaks.database(prefect_database) | leaks.files(prefect_home),
            forms={key: str(value) for key, value in remembered.items() if key.endswith("-description")},
            artifacts=artifacts,
            heard="\n".join(heard.lines),
        )
    finally:
        root.removeHandler(heard)
        root.setLevel(level)
        await bench.forget_all()


async def test_no_secret_is_kept_or_logged_anywhere(everything: Everything) -> None:
    """Not in a log, artifact, result, run input, state, event or error; the table of blocks alone holds them."""
    places = everything.kept | {"this process's logs": everything.heard}
    assert len(everything.secrets) > 20
    assert "new-subscription" in everything.kept["flow"]
    assert "can't go on" in everything.kept["log"]
    assert not leaks.found_in(places, everything.secrets)
    assert not leaks.assertions_in(places)
    assert not leaks.found_in(leaks.shown_outside(everything.sandbox), everything.secrets)


async def test_the_scan_finds_a_secret_that_lies_there(
    everything: Everything, prefect_home: Path, prefect_database: str
) -> None:
    """The counter-check: a secret written into a run's memory and into a result file is found by the same scan."""
    secret = next(iter(everything.secrets.items()))
    async with get_client() as client:
        run = (await client.read_flow_runs(limit=1))[0]
        await client.create_flow_run_input(run.id, key="planted", value=json.dumps(secret[1]))
        (prefect_home / "planted.txt").write_text(secret[1])
        places = await leaks.database(prefect_database) | leaks.files(prefect_home)
        await client.delete_flow_run_input(run.id, "planted")
        (prefect_home / "planted.txt").unlink()
    found = leaks.found_in(places, dict([secret]))
    assert any("flow_run_input" in one for one in found) and any("planted.txt" in one for one in found)


async def test_our_own_cost_is_shown_to_pricing_alone(everything: Everything) -> None:
    """Not in a mail, note, attachment, asset or artifact; in the forms for pricing it stands (N2)."""
    figures = leaks.costs(everything.sandbox) | {"5.04", "4.20", "50.40"}
    shown = leaks.shown_outside(everything.sandbox) | everything.artifacts
    assert not {place: cost for place, text in shown.items() if (cost := leaks.figures_in(text, figures))}
    shown_to_pricing = [key for key, text in everything.forms.items() if leaks.figures_in(text, figures)]
    assert {key.split("-")[1] for key in shown_to_pricing} == {"pricing", "cost"}
    log = everything.kept["log"] + everything.kept["flow_run_state"] + everything.kept["events"]
    assert not leaks.figures_in(log, figures)


async def test_what_people_type_never_becomes_markup(everything: Everything) -> None:
    """Names, notes, reasons and edited papers are plain words in mails, on pages, in tables and above forms."""
    mails = {mail["subject"]: str(mail["html"]) for mail in everything.sandbox.get("mails")["mails"]}
    markdown = everything.artifacts | everything.forms
    for shown in (mails, everything.artifacts, everything.forms):
        assert any("evil" in text for text in shown.values())
    assert not {place: found for place, text in (mails | markdown).items() if (found := leaks.tags_in(text))}
    assert not {place: found for place, text in markdown.items() if (found := leaks.links_in(text))}
    assert leaks.tags_in(EVIL) and leaks.links_in(EVIL)
