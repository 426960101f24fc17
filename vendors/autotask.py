"""Autotask: customers, contacts, the MSP's own people, and tickets with their notes, files and second resources."""

from types import TracebackType
from typing import Literal, Self

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from vendors.autotask_http import AutotaskHttp, eq, refusal
from vendors.autotask_models import (
    Company,
    Contact,
    NoteAttachment,
    Resource,
    SecondaryResource,
    Ticket,
    TicketAttachment,
    TicketNote,
)
from vendors.autotask_people import People
from vendors.autotask_tickets import Tickets
from vendors.http import RetryPolicy

__all__ = [
    "Autotask",
    "AutotaskBlock",
    "Company",
    "Contact",
    "NoteAttachment",
    "Resource",
    "SecondaryResource",
    "Ticket",
    "TicketAttachment",
    "TicketNote",
]


class Autotask(People, Tickets):
    """One API user's view of Autotask (autotask.md); an async context manager.

    Picklist fields take labels, as the tenant spells them, or ids. Every method raises `VendorError`s; a
    validation fault is `Refused` although Autotask answers 500. Reads by id raise `NotFound`, searches return
    None or an empty list. Autotask has no idempotency: look for the external id or title before creating.
    """

    def __init__(
        self,
        *,
        user_name: str,
        secret: str,
        integration_code: str,
        address: str = "https://webservices.autotask.net",
        next_page: Literal["GET", "POST"] = "GET",
        timeout: float = 60.0,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._user_name = user_name
        self._at = AutotaskHttp(
            address=address,
            user_name=user_name,
            secret=secret,
            integration_code=integration_code,
            next_page=next_page,
            timeout=timeout,
            policy=policy,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._at.aclose()

    async def check(self) -> str:
        """Return one line saying that the credentials work, and as whom; raises `VendorError` if they don't."""
        zone = await self._at.zone()
        if not await self._at.query("Resources", eq("isActive", True), limit=1):
            raise refusal(f"{self._user_name} sees no active resource: its security level hides them (§3)")
        return f"Autotask works as {self._user_name} in the zone {zone}"


class AutotaskBlock(Block):
    """The API user's credentials for Autotask, and where its zone is looked up."""

    _block_type_name = "Countersign Autotask"
    _block_type_slug = "countersign-autotask"
    _description = "Autotask PSA: tickets, companies, contacts and resources, by an API-only user."

    user_name: str = Field(title="User name", description="The API user's name; looks like an e-mail address.")
    secret: SecretStr = Field(title="Secret", description="The API user's secret.")
    integration_code: SecretStr = Field(
        title="Integration code", description="The tracking identifier of this integration."
    )
    address: str = Field(
        title="Address",
        default="https://webservices.autotask.net",
        description="Where the zone is looked up; Autotask's own address unless this is a sandbox.",
    )
    next_page: Literal["GET", "POST"] = Field(
        title="Further pages by",
        default="GET",
        description="How further pages of a query are fetched; change only if GET is refused.",
    )

    def client(self) -> Autotask:
        """Return a client; use it as an async context manager."""
        return Autotask(
            user_name=self.user_name,
            secret=self.secret.get_secret_value(),
            integration_code=self.integration_code.get_secret_value(),
            address=self.address,
            next_page=self.next_page,
        )

    async def check(self) -> str:
        """Return one line saying that the credentials work; raises `VendorError` saying what is wrong."""
        async with self.client() as autotask:
            return await autotask.check()
