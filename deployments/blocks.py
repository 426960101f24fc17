"""The blocks that a deployment consists of: which there are, what they are called, and how they are saved."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from tasks.office import BLOCK
from tasks.settings import CountersignSettings
from vendors.autotask import AutotaskBlock
from vendors.docusign import DocuSignBlock
from vendors.graph import GraphMailBlock, GraphPartnerBlock
from vendors.itglue import ITGlueBlock
from vendors.pax8 import Pax8Block

CREDENTIALS: Final[dict[str, type[Block]]] = {
    "docusign": DocuSignBlock,
    "pax8": Pax8Block,
    "autotask": AutotaskBlock,
    "itglue": ITGlueBlock,
    "graph_mail": GraphMailBlock,
    "graph_partner": GraphPartnerBlock,
}
BLOCKS: Final[dict[str, type[Block]]] = {**CREDENTIALS, "settings": CountersignSettings}
PREFIX: Final = "COUNTERSIGN_"
Kind = TypeVar("Kind", bound=Block)


class BadSetup(Exception):
    """The blocks can't be saved as told. Says which field or variable is wrong; no secret is in it."""


def title(kind: type[Block]) -> str:
    """A block as people find it in the UI: `Countersign DocuSign / main`."""
    return f"{kind.get_block_type_name()} / {BLOCK}"


async def register_all() -> None:
    """Make every block's form known to the server, so that it can be filled in in the UI."""
    for kind in BLOCKS.values():
        await kind.aregister_type_and_schema()


async def saved(kind: type[Block]) -> dict[str, Any] | None:
    """The values saved under the name `main`, secrets readable, of fields that still exist; None: never saved."""
    async with get_client() as client:
        try:
            document = await client.read_block_document_by_name(BLOCK, kind.get_block_type_slug(), include_secrets=True)
        except ObjectNotFound:
            return None
    return {name: value for name, value in document.data.items() if name in kind.model_fields}


async def load(kind: type[Kind]) -> Kind:
    """The block that is saved as `main`; raises `BadSetup` when there is none, or it can't be used."""
    values = await saved(kind)
    if values is None:
        raise BadSetup(f"{title(kind)}: not filled in yet: Prefect UI, Blocks, or `make setup` with its variables")
    return built(kind, values)


def built(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """A block of these values, not saved; raises `BadSetup` naming the fields that are wrong, not what they hold."""
    try:
        return kind(**values)
    except ValidationError as wrong:
        fields = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong.errors())
        raise BadSetup(f"{title(kind)}: {fields}") from None


async def save(kind: type[Block], values: Mapping[str, Any]) -> None:
    """Save a block as `main`, over what was there; raises `BadSetup` as `built` does."""
    await built(kind, values).asave(BLOCK, overwrite=True)


def variable(section: str, field: str) -> str:
    """The environment variable that can hold a field: `COUNTERSIGN_PAX8_CLIENT_SECRET`."""
    return f"{PREFIX}{section}_{field}".upper()


def given_by(environment: Mapping[str, str], section: str) -> dict[str, str]:
    """The fields of one block that the environment gives; raises `BadSetup` for a variable that names no field."""
    known = {variable(section, field): field for field in BLOCKS[section].model_fields}
    start = variable(section, "")
    strangers = [name for name in environment if name.startswith(start) and name not in known]
    if strangers:
        raise BadSetup(f"{', '.join(strangers)}: no such field. There are {', '.join(sorted(known))}.")
    return {field: environment[name] for name, field in known.items() if name in environment}
