"""DocuSign's envelopes and templates as this project reads and writes them."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from vendors.wire import MaybeDateTime, VendorModel

CustomFieldValue = Annotated[str, StringConstraints(max_length=100)]


class RoleAssignment(VendorModel):
    """Who fills one role of the template, and the values of that role's fields by their labels.

    The fields are locked: a signer reads them and can't change them.
    """

    role_name: str
    name: str
    email: Annotated[str, StringConstraints(min_length=3, max_length=100)]
    routing_order: int
    tabs: dict[str, str] = Field(default_factory=dict)


class EnvelopeDraft(VendorModel):
    """An envelope to be made from a template. Lengths are DocuSign's own limits (docusign.md §4.1, §4.3).

    `transaction_id` is ours; DocuSign finds the envelope by it for seven days, and doesn't promise to refuse a
    second one with the same. `expire_after_days` are whole days from sending.
    """

    template_id: str
    subject: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    blurb: Annotated[str, StringConstraints(max_length=10_000)] = ""
    transaction_id: str
    custom_fields: dict[str, CustomFieldValue] = Field(default_factory=dict)
    roles: Annotated[tuple[RoleAssignment, ...], Field(min_length=1)]
    expire_after_days: Annotated[int, Field(gt=0, le=999)]


class EnvelopeSummary(VendorModel):
    """An envelope as a search finds it. `status` as in `Envelope`; custom fields only where DocuSign sent them."""

    envelope_id: str
    status: str
    transaction_id: str = ""
    email_subject: str = ""
    created_at: MaybeDateTime = None
    custom_fields: dict[str, str] = Field(default_factory=dict)


class Signer(VendorModel):
    """One signer of an envelope. `status`: created, sent, delivered, completed, declined, autoresponded, …

    `auto_responded_reason` is set when his mail bounced; the envelope itself stays `sent` then. `tabs` holds his
    fields by label, empty unless asked for.
    """

    recipient_id: str
    role_name: str
    name: str
    email: str
    status: str
    routing_order: int = 1
    signed_at: MaybeDateTime = None
    delivered_at: MaybeDateTime = None
    declined_reason: str = ""
    auto_responded_reason: str = ""
    tabs: dict[str, str] = Field(default_factory=dict)


class Envelope(VendorModel):
    """An envelope as DocuSign showed it at one moment. Times in UTC.

    `status`, lower case: created (draft), sent, delivered (all have opened it), completed (all have signed: the
    only one that counts), declined, voided (also when expired: see `voided_reason`), deleted (docusign.md §5).
    `template_id` is None where DocuSign doesn't say: ask `DocuSign.templates_of`.
    """

    envelope_id: str
    status: str
    email_subject: str = ""
    template_id: str | None = None
    created_at: MaybeDateTime = None
    sent_at: MaybeDateTime = None
    completed_at: MaybeDateTime = None
    declined_at: MaybeDateTime = None
    voided_at: MaybeDateTime = None
    voided_reason: str = ""
    expires_at: MaybeDateTime = None
    status_changed_at: MaybeDateTime = None
    custom_fields: dict[str, str] = Field(default_factory=dict)
    signers: tuple[Signer, ...] = ()


class TemplateRole(VendorModel):
    """One role of a template, and the labels of the fields that it fills or that are filled for it."""

    role_name: str
    routing_order: int = 1
    tabs: tuple[str, ...] = ()


class Template(VendorModel):
    """A template with its roles."""

    template_id: str
    name: str
    roles: tuple[TemplateRole, ...] = ()

    @property
    def tab_labels(self) -> frozenset[str]:
        """Every field label of any role."""
        return frozenset(label for role in self.roles for label in role.tabs)


class TemplateSummary(VendorModel):
    """A template as a search finds it."""

    template_id: str
    name: str


class ConnectEvent(VendorModel):
    """One Connect message. It is a hint, not evidence: read the envelope before acting on it (docusign.md §11.2).

    `event` is DocuSign's, such as "envelope-completed"; unknown names pass. There is no id of its own, messages
    come twice and out of order. `status` and `custom_fields` are empty where the message brings no summary.
    """

    event: str
    envelope_id: str
    recipient_id: str | None = None
    account_id: str = ""
    generated_at: datetime
    status: str = ""
    custom_fields: dict[str, str] = Field(default_factory=dict)
    retry_count: int = 0

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells this message from another one, for counting duplicates (docusign.md §11.4)."""
        return self.envelope_id, self.event, self.recipient_id or "", self.generated_at.isoformat()
