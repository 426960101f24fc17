"""The office of one segment: settings, clock and the five vendors, opened once and shared by every step."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from pydantic import ValidationError

from rules.settings import Settings
from tasks.clock import Clock
from tasks.settings import CountersignSettings
from vendors.autotask import Autotask, AutotaskBlock
from vendors.docusign import DocuSign, DocuSignBlock
from vendors.graph import GraphMail, GraphMailBlock, GraphPartner, GraphPartnerBlock
from vendors.itglue import ITGlue, ITGlueBlock
from vendors.pax8 import Pax8, Pax8Block

BLOCK = "main"

B = TypeVar("B", bound=Block)


@dataclass(frozen=True)
class Office:
    """What a procedure works with. Never passed to a step or returned by one: it holds credentials (I8)."""

    settings: Settings
    clock: Clock
    docusign: DocuSign
    pax8: Pax8
    autotask: Autotask
    itglue: ITGlue
    mail: GraphMail
    partner: GraphPartner


_office: ContextVar[Office] = ContextVar("office")


def office() -> Office:
    """The office of the running segment. Raises LookupError outside `open_office`."""
    return _office.get()


@asynccontextmanager
async def open_office() -> AsyncIterator[Office]:
    """Load the blocks named `main` and open the vendors' clients; close them at the segment's end."""
    kept = await documents()
    settings_block = await load(CountersignSettings, kept)
    docusign, pax8 = await load(DocuSignBlock, kept), await load(Pax8Block, kept)
    autotask, itglue = await load(AutotaskBlock, kept), await load(ITGlueBlock, kept)
    mail, partner = await load(GraphMailBlock, kept), await load(GraphPartnerBlock, kept)
    settings = settings_block.read()
    if settings.clock_url:
        refuse_moved_clock_with_real_vendors(
            [address for block in (docusign, pax8, autotask, itglue, mail, partner) for address in addresses(block)]
            + [settings.clock_url]
        )
    clock = await Clock.read(settings.clock_url)
    async with AsyncExitStack() as stack:
        opened = Office(
            settings=settings,
            clock=clock,
            docusign=await stack.enter_async_context(docusign.client()),
            pax8=await stack.enter_async_context(pax8.client(clock=clock.now)),
            autotask=await stack.enter_async_context(autotask.client()),
            itglue=await stack.enter_async_context(itglue.client()),
            mail=await stack.enter_async_context(mail.client()),
            partner=await stack.enter_async_context(partner.client()),
        )
        token = _office.set(opened)
        try:
            yield opened
        finally:
            _office.reset(token)


async def documents() -> dict[str, Any]:
    """What every block named `main` holds, by its type's slug: one call for all of them."""
    asked = {"block_documents": {"name": {"any_": [BLOCK]}}, "include_secrets": True}
    async with get_client() as client:
        answer = await client.request("POST", "/block_documents/filter", json=asked)
    return {one["block_type"]["slug"]: one["data"] for one in answer.json() if one["block_type"] is not None}


async def load(kind: type[B], kept: dict[str, Any]) -> B:
    """A block from what it holds. One that isn't there or doesn't fit is loaded alone, for Prefect's own words."""
    slug = kind.get_block_type_slug()
    try:
        return kind.model_validate(kept[slug])
    except (KeyError, ValidationError):
        pass  # out of here: the error quotes what it was given
    return await kind.aload(BLOCK)


def addresses(block: object) -> list[str]:
    """Where a credentials block's vendor lives: its fields that end in `address`."""
    values: dict[str, object] = getattr(block, "model_dump", dict)()
    return [value for name, value in values.items() if name.endswith("address") and isinstance(value, str) and value]


class MovedClockRefused(Exception):
    """A sandbox clock is set beside a real vendor's address. Empty 'clock_url' in the settings block."""


def refuse_moved_clock_with_real_vendors(found: list[str]) -> None:
    """A moved clock is for the sandbox only: every address must be a loopback one (decision 9)."""
    for address in found:
        host = urlsplit(address).hostname or ""
        if host != "localhost" and not _is_loopback(host):
            raise MovedClockRefused(
                f"'clock_url' is set, but {host} is not on this machine. A moved clock is for the sandbox only: "
                "empty 'clock_url' in the block 'Countersign settings / main'."
            )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
