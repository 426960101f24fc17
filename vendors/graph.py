"""Microsoft Graph: the shared mailbox, the partner's relationships and customers' tenants, and their blocks."""

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from vendors.graph_http import GRAPH, LOGIN
from vendors.graph_mail import GraphMail
from vendors.graph_messages import (
    KEY_PROPERTY,
    Body,
    MailAttachment,
    MailRef,
    Message,
    OutgoingMail,
)
from vendors.graph_partner import GraphPartner, Relationship, Tenant
from vendors.graph_tenant import (
    CustomerTenant,
    DirectorySubscription,
    Domain,
    SubscribedSku,
    TenantUser,
)

__all__ = [
    "KEY_PROPERTY",
    "Body",
    "CustomerTenant",
    "DirectorySubscription",
    "Domain",
    "GraphMail",
    "GraphMailBlock",
    "GraphPartner",
    "GraphPartnerBlock",
    "MailAttachment",
    "MailRef",
    "Message",
    "OutgoingMail",
    "Relationship",
    "SubscribedSku",
    "Tenant",
    "TenantUser",
]

_ADDRESS = "Where Graph is; Microsoft's own address unless this is a sandbox."
_LOGIN_ADDRESS = "Where tokens are asked for; Microsoft's own address unless this is a sandbox."


class GraphMailBlock(Block):
    """The mail app's credentials, and the shared mailbox it works in."""

    _block_type_name = "Countersign Graph mail"
    _block_type_slug = "countersign-graph-mail"
    _description = "Microsoft Graph: the shared mailbox, by an app restricted to it."

    mailbox: str = Field(
        title="Mailbox", description="The shared mailbox's address; all mail is sent from and filed in it."
    )
    tenant_id: str = Field(title="Tenant id", description="The MSP's own tenant (directory) id.")
    client_id: str = Field(title="Client id", description="The app registration's (client) id.")
    client_secret: SecretStr = Field(title="Client secret", description="The app registration's client secret.")
    address: str = Field(title="Address", default=GRAPH, description=_ADDRESS)
    login_address: str = Field(title="Login address", default=LOGIN, description=_LOGIN_ADDRESS)

    def client(self) -> GraphMail:
        """Return a client; use it as an async context manager."""
        return GraphMail(
            mailbox=self.mailbox,
            tenant_id=self.tenant_id,
            client_id=self.client_id,
            client_secret=self.client_secret.get_secret_value(),
            address=self.address,
            login_address=self.login_address,
        )

    async def check(self) -> str:
        """Return one line saying that the mailbox can be read; raises `VendorError` saying what is wrong."""
        async with self.client() as mail:
            return await mail.check()


class GraphPartnerBlock(Block):
    """The delegated service account's credentials: relationships and customers' tenants."""

    _block_type_name = "Countersign Graph partner"
    _block_type_slug = "countersign-graph-partner"
    _description = "Microsoft Graph: GDAP relationships and customers' tenants, by a service account."

    tenant_id: str = Field(title="Tenant id", description="The MSP's own (partner) tenant id.")
    client_id: str = Field(title="Client id", description="The app registration's (client) id.")
    client_secret: SecretStr = Field(title="Client secret", description="The app registration's client secret.")
    refresh_token: SecretStr = Field(
        title="Refresh token", description="The service account's refresh token, got once with MFA."
    )
    address: str = Field(title="Address", default=GRAPH, description=_ADDRESS)
    login_address: str = Field(title="Login address", default=LOGIN, description=_LOGIN_ADDRESS)

    def client(self) -> GraphPartner:
        """Return a client; use it as an async context manager."""
        return GraphPartner(
            tenant_id=self.tenant_id,
            client_id=self.client_id,
            client_secret=self.client_secret.get_secret_value(),
            refresh_token=self.refresh_token.get_secret_value(),
            address=self.address,
            login_address=self.login_address,
        )

    async def check(self) -> str:
        """Return one line saying that relationships can be read; raises `VendorError` saying what is wrong."""
        async with self.client() as partner:
            return await partner.check()
