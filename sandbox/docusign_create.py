"""Making an envelope from a template: what the create call may say, and what comes of it (docusign.md §4)."""

from typing import Any
from urllib.parse import urlsplit

from sandbox.core import Record, World, new_id
from sandbox.docusign_wire import checked_list, checked_object, flag, needed, refuse, stamp, text

_BODY = (
    "allowReassign",
    "brandId",
    "customFields",
    "emailBlurb",
    "emailSubject",
    "eventNotification",
    "notification",
    "status",
    "templateId",
    "templateRoles",
    "transactionId",
)
_ROLE = ("email", "emailNotification", "name", "roleName", "routingOrder", "tabs")
TAB = ("locked", "tabId", "tabLabel", "value")
_FIELD = ("fieldId", "name", "required", "show", "value")
_EVENT_NOTIFICATION = (
    "deliveryMode",
    "eventData",
    "events",
    "includeHMAC",
    "loggingEnabled",
    "requireAcknowledgment",
    "url",
)
_LONGEST_SUBJECT, _LONGEST_BLURB, _LONGEST_FIELD, _LONGEST_ADDRESS = 100, 10_000, 100, 100
ACCOUNT_EXPIRY_DAYS = 120


def new_envelope(world: World, body: Any) -> Record:
    """The envelope (a draft, not yet kept) that this body asks for; refuses everything the sheet doesn't list."""
    if isinstance(body, dict) and "envelopeId" in body:
        raise refuse("INVALID_REQUEST_BODY", "envelopeId means a clone of that envelope; clones aren't served.")
    given = checked_object(body, _BODY, "the envelope")
    if given.get("status") not in (None, "created", "sent"):
        raise refuse("INVALID_REQUEST_PARAMETER", f"status must be created or sent, not {given['status']!r}.")
    template = world.store.get("docusign.templates", needed(given, "templateId", "the envelope"))
    if template is None:
        raise refuse("TEMPLATE_ID_INVALID", "The template ID is invalid or you have no access to it.")
    now = stamp(world.now())
    envelope: Record = {
        "envelopeId": new_id(),
        "number": world.store.next_number("docusign.envelopes"),
        "status": "created",
        "templateId": template["templateId"],
        "documentName": template["name"],
        "emailSubject": subject(given) or template["emailSubject"],
        "emailBlurb": blurb(given) or "",
        "allowReassign": "true" if flag(given, "allowReassign", "the envelope", default=True) else "false",
        "transactionId": text(given, "transactionId", "the envelope"),
        "customFields": custom_fields(given.get("customFields", {})),
        "notification": notification(given.get("notification", {})),
        "eventNotification": _event_notification(given.get("eventNotification")),
        "signers": _signers(template, checked_list(given.get("templateRoles", []), "templateRoles")),
        "createdDateTime": now,
        "statusChangedDateTime": now,
        "lastModifiedDateTime": now,
    }
    return envelope


def subject(given: Record) -> str | None:
    """The mail subject: at most 100 characters, longer is an error and not cut."""
    return text(given, "emailSubject", "the envelope", _LONGEST_SUBJECT)


def blurb(given: Record) -> str | None:
    """The mail's text: at most 10,000 characters."""
    return text(given, "emailBlurb", "the envelope", _LONGEST_BLURB)


def custom_fields(given: Any) -> list[Record]:
    """The text custom fields of a body, with ids; names are unique and values at most 100 characters."""
    fields = checked_object(given, ("textCustomFields",), "customFields").get("textCustomFields", [])
    read = [custom_field(field) for field in checked_list(fields, "textCustomFields")]
    names = [field["name"] for field in read]
    if len(names) != len(set(names)):
        raise refuse("INVALID_REQUEST_PARAMETER", "Custom field names must be unique in an envelope.")
    return read


def custom_field(given: Any) -> Record:
    """One text custom field of a body."""
    field = checked_object(given, _FIELD, "a custom field")
    where = f"custom field {field.get('name')!r}"
    return {
        "fieldId": text(field, "fieldId", where) or str(int(new_id()[:7], 16)),
        "name": needed(field, "name", "a custom field", _LONGEST_FIELD),
        "show": "true" if flag(field, "show", where) else "false",
        "required": "true" if flag(field, "required", where) else "false",
        "value": text(field, "value", where, _LONGEST_FIELD) or "",
    }


def notification(given: Any) -> Record:
    """Reminders and expiry as given, the account's defaults where not (docusign.md §4.4)."""
    read = checked_object(given, ("expirations", "reminders", "useAccountDefaults"), "notification")
    flag(read, "useAccountDefaults", "notification")
    reminders = checked_object(
        read.get("reminders", {}), ("reminderDelay", "reminderEnabled", "reminderFrequency"), "reminders"
    )
    expirations = checked_object(
        read.get("expirations", {}), ("expireAfter", "expireEnabled", "expireWarn"), "expirations"
    )
    for part, where in ((reminders, "reminders"), (expirations, "expirations")):
        for name in part:
            value = needed(part, name, where)
            if not name.endswith("Enabled") and not value.isdigit():
                raise refuse("INVALID_REQUEST_PARAMETER", f"{where}.{name} must be whole days, not {value!r}.")
    expires = flag(expirations, "expireEnabled", "expirations")
    return {
        "useAccountDefaults": "false",
        "reminders": {
            "reminderEnabled": "true" if flag(reminders, "reminderEnabled", "reminders") else "false",
            "reminderDelay": reminders.get("reminderDelay", "0"),
            "reminderFrequency": reminders.get("reminderFrequency", "0"),
        },
        "expirations": {
            "expireEnabled": "true",
            "expireAfter": expirations.get("expireAfter") if expires else str(ACCOUNT_EXPIRY_DAYS),
            "expireWarn": expirations.get("expireWarn", "0"),
        },
    }


def fill_tabs(signer: Record, given: Any) -> None:
    """Writes text tabs into a signer by label; a label that the template lacks is refused."""
    tabs = checked_object(given, ("textTabs",), "tabs").get("textTabs", [])
    by_label = {tab["tabLabel"]: tab for tab in signer["tabs"]}
    for one in checked_list(tabs, "textTabs"):
        tab = checked_object(one, TAB, "a text tab")
        label = needed(tab, "tabLabel", "a text tab")
        if label not in by_label:
            raise refuse("INVALID_REQUEST_PARAMETER", f"The role {signer['roleName']} has no tab labelled {label}.")
        set_tab(by_label[label], tab)


def set_tab(kept: Record, given: Record) -> None:
    """Writes value and lock of one tab."""
    where = f"tab {kept['tabLabel']}"
    kept["value"] = text(given, "value", where) or ""
    if "locked" in given:
        kept["locked"] = "true" if flag(given, "locked", where) else "false"


def _signers(template: Record, roles: list[Any]) -> list[Record]:
    given = [checked_object(role, _ROLE, "a template role") for role in roles]
    by_name = {needed(role, "roleName", "a template role"): role for role in given}
    known = {role["roleName"] for role in template["roles"]}
    strangers, missing = sorted(set(by_name) - known), sorted(known - set(by_name))
    if strangers:
        raise refuse("INVALID_REQUEST_PARAMETER", f"The template has no role {', '.join(strangers)}.")
    if missing:
        raise refuse("INVALID_REQUEST_PARAMETER", f"templateRoles must fill every role: {', '.join(missing)}.")
    if len(by_name) != len(given):
        raise refuse("INVALID_REQUEST_PARAMETER", "A role name occurs twice in templateRoles.")
    return [_signer(role, by_name[role["roleName"]]) for role in template["roles"]]


def _signer(role: Record, given: Record) -> Record:
    where = f"role {role['roleName']}"
    order = text(given, "routingOrder", where) or str(role["routingOrder"])
    if not order.isdigit():
        raise refuse("INVALID_REQUEST_PARAMETER", f"{where}: routingOrder must be a whole number.")
    tab_ids = new_id()
    signer: Record = {
        "recipientId": str(role["recipientId"]),
        "recipientIdGuid": new_id(),
        "roleName": role["roleName"],
        "name": needed(given, "name", where, _LONGEST_ADDRESS),
        "email": needed(given, "email", where, _LONGEST_ADDRESS),
        "routingOrder": int(order),
        "status": "created",
        "signTabId": new_id(),
        "tabs": [
            {
                "tabId": f"{tab_ids[:-2]}{number:02x}",
                "tabLabel": label,
                "name": label,
                "value": "",
                "locked": "false",
                "required": "false",
                "documentId": "1",
                "pageNumber": "1",
            }
            for number, label in enumerate(role["labels"])
        ],
    }
    fill_tabs(signer, given.get("tabs", {}))
    return signer


def _event_notification(given: Any) -> Record | None:
    if given is None:
        return None
    read = checked_object(given, _EVENT_NOTIFICATION, "eventNotification")
    url = needed(read, "url", "eventNotification")
    place = urlsplit(url)
    if place.scheme != "https" and place.hostname not in ("127.0.0.1", "localhost"):
        raise refuse("INVALID_REQUEST_PARAMETER", "eventNotification.url must be https.")
    data = checked_object(read.get("eventData", {}), ("format", "includeData", "version"), "eventData")
    if (data.get("version"), data.get("format")) != ("restv2.1", "json"):
        raise refuse("INVALID_REQUEST_PARAMETER", "Without eventData restv2.1/json it would be legacy XML.")
    if text(read, "deliveryMode", "eventNotification") != "SIM":
        raise refuse("INVALID_REQUEST_PARAMETER", "eventNotification.deliveryMode must be SIM here.")
    flag(read, "loggingEnabled", "eventNotification")
    return {
        "url": url,
        "events": [str(event) for event in checked_list(read.get("events", []), "eventNotification.events")],
        "acknowledged": flag(read, "requireAcknowledgment", "eventNotification"),
        "signed": flag(read, "includeHMAC", "eventNotification"),
        "include": [str(part) for part in checked_list(data.get("includeData", []), "includeData")],
    }
