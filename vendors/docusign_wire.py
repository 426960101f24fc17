"""Between DocuSign's JSON, in which almost every scalar is a string, and our models."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vendors.docusign_models import (
    Envelope,
    EnvelopeDraft,
    EnvelopeSummary,
    Signer,
    Template,
    TemplateRole,
)
from vendors.wire import lenient_bool, text, text_or_none

Json = Mapping[str, Any]

CONNECT_EVENTS = (
    "envelope-sent",
    "envelope-delivered",
    "envelope-completed",
    "envelope-declined",
    "envelope-voided",
    "recipient-completed",
    "recipient-declined",
    "recipient-autoresponded",
)
# Fields whose value can be set by a PUT; the others are DocuSign's (signature, date signed, …) (docusign.md §4.2).
SETTABLE = ("textTabs", "numberTabs", "numericalTabs", "listTabs")


def draft_body(draft: EnvelopeDraft, webhook_url: str | None) -> dict[str, Any]:
    """Return the body that makes a draft: fields locked, nobody may pass it on, no reminders of DocuSign's."""
    body: dict[str, Any] = {
        "status": "created",
        "templateId": draft.template_id,
        "emailSubject": draft.subject,
        "emailBlurb": draft.blurb,
        "transactionId": draft.transaction_id,
        "allowReassign": "false",
        "templateRoles": [
            {
                "roleName": role.role_name,
                "name": role.name,
                "email": role.email,
                "routingOrder": str(role.routing_order),
                "tabs": {
                    "textTabs": [
                        {"tabLabel": label, "value": value, "locked": "true"} for label, value in role.tabs.items()
                    ]
                },
            }
            for role in draft.roles
        ],
        "customFields": custom_fields_body(draft.custom_fields),
        "notification": {
            "useAccountDefaults": "false",
            "reminders": {"reminderEnabled": "false"},
            "expirations": {
                "expireEnabled": "true",
                "expireAfter": str(draft.expire_after_days),
                "expireWarn": "0",
            },
        },
    }
    if webhook_url:
        body["eventNotification"] = {
            "url": webhook_url,
            "requireAcknowledgment": "true",
            "loggingEnabled": "true",
            "includeHMAC": "true",
            "deliveryMode": "SIM",
            "events": list(CONNECT_EVENTS),
            "eventData": {
                "version": "restv2.1",
                "format": "json",
                "includeData": ["custom_fields", "recipients"],
            },
        }
    return body


def custom_fields_body(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return text custom fields as DocuSign takes them; `show` stays off, they are ours, not the signer's."""
    return {
        "textCustomFields": [
            {"name": name, "value": value, "required": "false", "show": "false"} for name, value in fields.items()
        ]
    }


def custom_fields_of(holder: Json | None) -> dict[str, str]:
    """Return text and list custom fields by name, from the `customFields` object or its absence."""
    holder = holder or {}
    fields = [*(holder.get("textCustomFields") or ()), *(holder.get("listCustomFields") or ())]
    return {text(field, "name"): text(field, "value") for field in fields if text(field, "name")}


def envelope_of(record: Json, recipients: Json | None = None) -> Envelope:
    """Return an envelope from its JSON; `recipients` from a call of their own replace those inside."""
    inside = recipients if recipients is not None else record.get("recipients") or {}
    return Envelope(
        envelope_id=text(record, "envelopeId"),
        status=text(record, "status").lower(),
        email_subject=text(record, "emailSubject"),
        template_id=text_or_none(record, "templateId"),
        created_at=record.get("createdDateTime"),
        sent_at=record.get("sentDateTime") or record.get("initialSentDateTime"),
        completed_at=record.get("completedDateTime"),
        declined_at=record.get("declinedDateTime"),
        voided_at=record.get("voidedDateTime"),
        voided_reason=text(record, "voidedReason"),
        expires_at=record.get("expireDateTime"),
        status_changed_at=record.get("statusChangedDateTime"),
        custom_fields=custom_fields_of(record.get("customFields")),
        signers=tuple(signer_of(one) for one in inside.get("signers") or ()),
    )


def summary_of(record: Json) -> EnvelopeSummary:
    """Return what a search row says: an envelope's, or a transaction's status."""
    return EnvelopeSummary(
        envelope_id=text(record, "envelopeId"),
        status=text(record, "status").lower(),
        transaction_id=text(record, "transactionId"),
        email_subject=text(record, "emailSubject"),
        created_at=record.get("createdDateTime"),
        custom_fields=custom_fields_of(record.get("customFields")),
    )


def signer_of(record: Json) -> Signer:
    """Return one signer."""
    return Signer(
        recipient_id=text(record, "recipientId"),
        role_name=text(record, "roleName"),
        name=text(record, "name"),
        email=text(record, "email"),
        status=text(record, "status").lower(),
        routing_order=int(text(record, "routingOrder") or 1),
        signed_at=record.get("signedDateTime"),
        delivered_at=record.get("deliveredDateTime"),
        declined_reason=text(record, "declinedReason"),
        auto_responded_reason=text(record, "autoRespondedReason"),
        tabs=tab_values(record.get("tabs")),
    )


def tab_values(tabs: Json | None) -> dict[str, str]:
    """Return a signer's fields by label: text as it stands, "true"/"false" for a tick, the choice of a group.

    Where fields share a label and differ, the value is all of theirs joined by " | ": nothing that was agreed can
    equal that, so such an envelope never passes for evidence by chance.
    """
    found: dict[str, list[str]] = {}
    for label, value in _labelled(tabs or {}):
        values = found.setdefault(label, [])
        if value not in values:
            values.append(value)
    return {label: " | ".join(values) for label, values in found.items()}


def tab_edits(tabs: Json, wanted: Mapping[str, str]) -> tuple[dict[str, list[dict[str, str]]], set[str]]:
    """Return the body that sets the wanted fields by their tab ids, and the labels that nothing bears."""
    body: dict[str, list[dict[str, str]]] = {}
    missing = set(wanted)
    for kind in SETTABLE:
        for tab in tabs.get(kind) or ():
            label = text(tab, "tabLabel")
            if label in wanted:
                missing.discard(label)
                body.setdefault(kind, []).append({"tabId": text(tab, "tabId"), "value": wanted[label]})
    return body, missing


def template_of(record: Json) -> Template:
    """Return a template with its signers' roles and the labels of their fields."""
    signers: Iterable[Json] = (record.get("recipients") or {}).get("signers") or ()
    return Template(
        template_id=text(record, "templateId"),
        name=text(record, "name"),
        roles=tuple(
            TemplateRole(
                role_name=text(signer, "roleName"),
                routing_order=int(text(signer, "routingOrder") or 1),
                tabs=tuple(tab_values(signer.get("tabs"))),
            )
            for signer in signers
        ),
    )


def _labelled(tabs: Json) -> Iterator[tuple[str, str]]:
    for kind, records in tabs.items():
        if not isinstance(records, list):
            continue
        for tab in records:
            if kind == "checkboxTabs":
                yield text(tab, "tabLabel"), "true" if lenient_bool(tab.get("selected")) else "false"
            elif kind == "radioGroupTabs":
                chosen = [text(r, "value") for r in tab.get("radios") or () if lenient_bool(r.get("selected"))]
                yield text(tab, "groupName"), chosen[0] if chosen else ""
            elif text(tab, "tabLabel"):
                yield text(tab, "tabLabel"), text(tab, "value")
