"""No way in by odd starts, by the client's other methods, or by a moved clock (N1, P18, decisions 1, 7 and 9)."""

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import get_client
from pydantic import SecretStr

from rules.order import LicenceOrder
from tasks.catalogue import build_order
from tasks.office import MovedClockRefused, open_office
from tests.procedures.attacks import checked, orders
from tests.procedures.harness import Bench
from tests.procedures.requests import contoso
from vendors.autotask import AutotaskBlock
from vendors.docusign import DocuSignBlock
from vendors.graph import GraphMailBlock, GraphPartnerBlock
from vendors.itglue import ITGlueBlock
from vendors.pax8 import Pax8, Pax8Block

READS = {
    "companies",
    "company",
    "contacts",
    "products",
    "product",
    "dependencies",
    "draft_items",
    "pricing",
    "provision_details",
    "orders",
    "order",
    "subscriptions",
    "subscription",
    "history",
    "check",
    "aclose",
}
WRITES = {"mock_order", "place_order", "set_seats", "cancel_at"}
AT_THE_DESK = {"create_company", "set_external_id", "add_contact", "change_contact"}
"""Companies and contacts buy nothing and end nothing (P2): `tests/vendors/test_pax8.py` says the same."""


async def status_of_start(bench: Bench, **parameters: Any) -> int:
    """Start over Prefect's API with any JSON; the HTTP status."""
    async with get_client() as client:
        path = f"/deployments/{bench.deployments['new-subscription']}/create_flow_run"
        asked = client._client.build_request("POST", path, json={"parameters": parameters})
        return int((await httpx.AsyncClient.send(client._client, asked)).status_code)


async def test_values_of_another_shape_start_nothing(bench: Bench) -> None:
    """Numbers out of range, objects for texts, references to blocks, unknown choices: 4xx, and no run."""
    async with get_client() as client:
        block = await client.read_block_document_by_name("main", "countersign-docusign")
    before = len(await bench.runs("new-subscription"))
    odd: list[dict[str, Any]] = [
        {"seats": 0},
        {"seats": -3},
        {"seats": 2.5},
        {"seats": "3"},
        {"seats": True},
        {"seats": 10**9},
        {"seats": None},
        {"seats": {"__prefect_kind": "jinja", "template": "{{ 3 }}"}},
        {"term": "3-Year"},
        {"term": "1-year"},
        {"term": ["1-Year"]},
        {"billing_frequency": "Never"},
        {"customer": None},
        {"customer": {"name": "Contoso Ltd"}},
        {"customer": {"$ref": {"block_document_id": str(block.id)}}},
        {"quote_line": {"$ref": {"block_document_id": str(block.id)}}},
        {"signer": ["ada@contoso.example", "eve@evil.example"]},
        {"start_date": "tomorrow"},
        {"pricing_first": "maybe"},
    ]
    statuses = {str(one): await status_of_start(bench, **contoso(**one)) for one in odd}
    assert not {one: status for one, status in statuses.items() if not 400 <= status < 500}
    assert len(await bench.runs("new-subscription")) == before


@pytest.mark.parametrize(
    "typed",
    [
        {"customer": "{{ 175 }}"},
        {"customer": {"__prefect_kind": "jinja", "template": "Contoso {{ 'Ltd' if 1 else prefect }}!"}},
        {"customer": "{customer.__class__} {0}"},
        {"product": "{{ prefect.blocks.countersign-docusign.main }}"},
        {"envelope": "{{ prefect.variables.x }}/../../users"},
        {"tenant": "../../tenants"},
        {"further_lines": "5 | Visio Plan 1 | Visio Plan 1"},
        {"further_lines": "٣ | Visio Plan 2 | Visio Plan 2"},
        {"end_date": "2026-02-30"},
        {"signer": "ada@contoso.example, eve@evil.example"},
        {"requester": "ada@contoso.example"},
    ],
    ids=str,
)
async def test_texts_are_taken_as_they_are_and_refused_by_name(bench: Bench, typed: dict[str, Any]) -> None:
    """Templates aren't rendered to something that works, ids lead nowhere else, tricks are refused by their field."""
    run = await bench.start(**contoso(**typed))
    state = await bench.play(run)
    assert state.name in ("Refused", "Failed", "Crashed"), state
    assert "SecretStr" not in str(state.message) and "BEGIN" not in str(state.message)
    assert not [one for one in bench.sandbox.ledger() if one.get("effect") and one["vendor"] != "sandbox"]


async def test_the_client_has_no_other_way_to_order_or_to_end(bench: Bench) -> None:
    """Every public method of the Pax8 client reads, keeps companies (P2), mocks, or asks an authority first."""
    public = {name for name, _ in inspect.getmembers(Pax8, inspect.isfunction) if not name.startswith("_")}
    assert public == READS | WRITES | AT_THE_DESK
    for write in ("place_order", "set_seats", "cancel_at"):
        authority = inspect.signature(getattr(Pax8, write)).parameters["authority"]
        assert authority.default is inspect.Parameter.empty

    request = await checked(bench)
    async with open_office() as office:
        order: LicenceOrder = await build_order(request)
        bought = next(one for one in bench.sandbox.records("pax8.subscriptions"))["id"]
        now = office.clock.now()
        attempts = [
            office.pax8.place_order(order, None),  # type: ignore[arg-type]
            office.pax8.place_order(order, {"authority_id": "docusign:x"}),  # type: ignore[arg-type]
            office.pax8.place_order(order, request),  # type: ignore[arg-type]
            office.pax8.cancel_at(bought, now + timedelta(days=9), None),  # type: ignore[arg-type]
            office.pax8.cancel_at(bought, now, Yes()),
            office.pax8.cancel_at(bought, now - timedelta(seconds=1), Yes()),
            office.pax8.cancel_at(bought, datetime(2099, 1, 1), Yes()),  # noqa: DTZ001 - on purpose
            office.pax8.cancel_at(bought, datetime(1, 1, 1, tzinfo=UTC), Yes()),
            office.pax8.cancel_at("../orders", now + timedelta(days=9), Yes()),
            office.pax8.cancel_at("", now + timedelta(days=9), Yes()),
        ]
        for attempt in attempts:
            with pytest.raises(Exception, match=r".") as no:
                await attempt
            assert not isinstance(no.value, AssertionError)
        await office.pax8.mock_order(order)
        for name in ("company", "product", "dependencies", "order", "subscription", "provision_details", "history"):
            with pytest.raises(Exception, match="nothing was sent"):
                await getattr(office.pax8, name)("../orders?isMock=false")
    writes = [
        one for one in bench.sandbox.ledger(vendor="pax8") if one["method"] != "GET" and "token" not in one["path"]
    ]
    assert {(one["method"], one["path"], str(one["query"])) for one in writes} == {
        ("POST", "/pax8/v1/orders", "{'isMock': 'true'}")
    }
    assert not orders(bench)


class Yes:
    """An authority that says yes to everything."""

    authority_id = "forged"

    def assert_covers_end(self, subscription_id: str, cancel_date: datetime) -> None:
        """Nothing to say against it."""


@asynccontextmanager
async def real(block: Any, field: str, address: str) -> AsyncIterator[None]:
    """A block with a real vendor's address for a while."""
    kept = await block.aload("main")
    await kept.model_copy(update={field: address}).asave("main", overwrite=True)
    yield
    await kept.asave("main", overwrite=True)


@pytest.mark.parametrize(
    ("block", "field", "address"),
    [
        (Pax8Block, "api_address", "https://api.pax8.com/v1"),
        (Pax8Block, "token_address", "https://api.pax8.com/v1/token"),
        (DocuSignBlock, "oauth_address", "https://account.docusign.com"),
        (AutotaskBlock, "address", "https://webservices.autotask.net"),
        (ITGlueBlock, "address", "https://127.0.0.1.api.itglue.com"),
        (GraphMailBlock, "address", "https://localhost.graph.microsoft.com"),
        (GraphPartnerBlock, "login_address", "https://127.0.0.1@login.microsoftonline.com"),
    ],
)
async def test_a_moved_clock_beside_a_real_vendor_opens_no_office(
    bench: Bench, block: Any, field: str, address: str
) -> None:
    """One real address among the blocks, and nothing is read or written, however near to loopback it looks."""
    bench.sandbox.advance(days=40)
    before = len(bench.sandbox.ledger())
    async with real(block, field, address):
        with pytest.raises(MovedClockRefused, match="clock_url"):
            async with open_office():
                raise AssertionError("the office is open")
    assert len(bench.sandbox.ledger()) == before
    assert isinstance((await Pax8Block.aload("main")).client_secret, SecretStr)
