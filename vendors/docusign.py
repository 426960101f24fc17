"""DocuSign: envelopes made from templates, sent, voided, read and downloaded; and the block of its credentials."""

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from vendors.docusign_http import PRODUCTION
from vendors.docusign_models import (
    Envelope,
    EnvelopeDraft,
    EnvelopeSummary,
    RoleAssignment,
    Signer,
    Template,
    TemplateRole,
    TemplateSummary,
)
from vendors.docusign_reading import Reading
from vendors.docusign_writing import Writing

__all__ = [
    "DocuSign",
    "DocuSignBlock",
    "Envelope",
    "EnvelopeDraft",
    "EnvelopeSummary",
    "RoleAssignment",
    "Signer",
    "Template",
    "TemplateRole",
    "TemplateSummary",
]


class DocuSign(Reading, Writing):
    """One account's envelopes, as one impersonated user (docusign.md); an async context manager.

    Every method raises `VendorError`s. There is no idempotency: before a draft is made, look for it by its
    transaction (`find_by_transaction`, seven days) or custom field (`find_by_custom_field`). Reads of one
    envelope are rationed by unpublished limits, which raise `RateLimited`: don't poll one by one (§9).
    `webhook_url` is where Connect reports each envelope made here; without it, none is reported.
    """

    async def check(self) -> str:
        """Return one line saying that the credentials work, as whom and where; else raise `VendorError`."""
        http = await self._api()
        await http.read("GET", "templates")
        account = self._account
        assert account is not None  # noqa: S101 - `_api` has set it
        return (
            f"DocuSign works as {account.user_name} <{account.user_email}> "
            f"in {account.account_name} ({account.account_id})"
        )


class DocuSignBlock(Block):
    """The integration key that works in one DocuSign account as one user, by the JWT grant."""

    _block_type_name = "Countersign DocuSign"
    _block_type_slug = "countersign-docusign"
    _description = "DocuSign eSignature: agreements, sent and read as one impersonated user."

    account_id: str = Field(
        title="Account id",
        description="The GUID of the account that envelopes are made in (Settings, Apps and Keys).",
    )
    integration_key: str = Field(
        title="Integration key", description="The app's integration key, also called client id."
    )
    user_id: str = Field(
        title="User id",
        description="The GUID of the user who sends; a user of its own is best. Not an e-mail.",
    )
    private_key: SecretStr = Field(
        title="Private key",
        description="The RSA private key of the integration key, in PEM form, with BEGIN and END.",
    )
    oauth_address: str = Field(
        default=PRODUCTION,
        title="OAuth address",
        description="With https://. Production: https://account.docusign.com; developer: https://account-d.docusign.com.",
    )
    webhook_url: str = Field(
        default="",
        title="Webhook URL",
        description="Where DocuSign reports signatures: https, publicly trusted. Empty: found by looking only.",
    )
    connect_key: SecretStr = Field(
        default=SecretStr(""),
        title="Connect HMAC key",
        description="The account's Connect HMAC key, as text, to check that a report is DocuSign's.",
    )
    connect_key_before: SecretStr = Field(
        default=SecretStr(""),
        title="Connect HMAC key before",
        description="The former key, accepted too while the key is being changed; empty otherwise.",
    )

    def client(self) -> DocuSign:
        """Return a client with these credentials; open it with `async with`."""
        return DocuSign(
            integration_key=self.integration_key,
            user_id=self.user_id,
            account_id=self.account_id,
            private_key=self.private_key.get_secret_value(),
            oauth_address=self.oauth_address,
            webhook_url=self.webhook_url or None,
        )

    def connect_keys(self) -> tuple[SecretStr, ...]:
        """Return the keys that a Connect message may be signed with; none if none is configured."""
        keys = (self.connect_key, self.connect_key_before)
        return tuple(key for key in keys if key.get_secret_value())

    async def check(self) -> str:
        """Return one line saying that the credentials work; raise `VendorError` saying what is wrong."""
        async with self.client() as docusign:
            return await docusign.check()
