"""How DocuSign's stand-in speaks: string scalars, seven-digit times, error objects, envelopes as JSON."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import JSONResponse, Response

from sandbox.core import Record, Refusal, new_id, unknown_names

_SERVER_ZONE = ZoneInfo("America/Los_Angeles")  # where a date without an offset is read (docusign.md §6)
MEMBERSHIP = ("roleName", "recipientId", "name", "email", "status")
ENVELOPE_TIMES = (
    "createdDateTime",
    "initialSentDateTime",
    "sentDateTime",
    "deliveredDateTime",
    "completedDateTime",
    "declinedDateTime",
    "voidedDateTime",
    "statusChangedDateTime",
    "lastModifiedDateTime",
    "expireDateTime",
)
SIGNER_TIMES = ("sentDateTime", "deliveredDateTime", "signedDateTime", "declinedDateTime")


def problem(status: int, message: str) -> Response:
    """A DocuSign error for a bare HTTP status, as faults and unknown paths need it (docusign.md §12)."""
    codes = {
        401: "AUTHORIZATION_INVALID_TOKEN",
        404: "RESOURCE_NOT_FOUND",
        429: "HOURLY_APIINVOCATION_LIMIT_EXCEEDED",
        500: "UNSPECIFIED_ERROR",
    }
    return error(status, codes.get(status, "INVALID_REQUEST_PARAMETER"), message)


def error(status: int, code: str, message: str) -> Response:
    """An error object with DocuSign's machine code."""
    return traced(JSONResponse({"errorCode": code, "message": message}, status_code=status))


def refuse(code: str, message: str, status: int = 400) -> Refusal:
    """To be raised: DocuSign understood and says no."""
    return Refusal(error(status, code, message))


def traced(response: Response) -> Response:
    """The response with the trace token that support asks for."""
    response.headers["X-DocuSign-TraceToken"] = new_id()
    return response


def stamp(moment: datetime) -> str:
    """A time as DocuSign writes it: UTC, seven fractional digits, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def moment(text: str, field: str) -> str:
    """A date of a query in the form of `stamp`; without an offset it is read in the server's zone."""
    try:
        given = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as bad:
        raise refuse("INVALID_REQUEST_PARAMETER", f"{field} is not an ISO 8601 date: {text}.") from bad
    return stamp(given if given.tzinfo else given.replace(tzinfo=_SERVER_ZONE))


def checked_object(given: Any, known: Iterable[str], where: str) -> Record:
    """The object if all its fields are known ones; DocuSign's refusal naming the strangers otherwise."""
    if not isinstance(given, dict):
        raise refuse("INVALID_REQUEST_BODY", f"{where} must be a JSON object.")
    strangers = unknown_names(given, known)
    if strangers:
        raise refuse("INVALID_REQUEST_BODY", f"Unknown field in {where}: {', '.join(strangers)}.")
    return given


def checked_list(given: Any, where: str) -> list[Any]:
    """The list, or a refusal."""
    if not isinstance(given, list):
        raise refuse("INVALID_REQUEST_BODY", f"{where} must be a JSON array.")
    return given


def text(given: Record, field: str, where: str, longest: int | None = None) -> str | None:
    """A scalar of the body, which is always a string here (docusign.md §1); None if absent."""
    value = given.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise refuse("INVALID_REQUEST_BODY", f"{where}.{field} must be a string, not {value!r}.")
    if longest is not None and len(value) > longest:
        raise refuse(
            "INVALID_REQUEST_PARAMETER",
            f"{where}.{field} has {len(value)} characters; {longest} are allowed.",
        )
    return value


def needed(given: Record, field: str, where: str, longest: int | None = None) -> str:
    """A string of the body that may be neither absent nor empty."""
    value = text(given, field, where, longest)
    if not value:
        raise refuse("INVALID_REQUEST_PARAMETER", f"{where}.{field} is missing.")
    return value


def flag(given: Record, field: str, where: str, default: bool = False) -> bool:
    """A boolean of the body, which is the string "true" or "false"."""
    value = text(given, field, where)
    if value not in (None, "true", "false"):
        raise refuse("INVALID_REQUEST_BODY", f'{where}.{field} must be "true" or "false", not {value!r}.')
    return default if value is None else value == "true"


def signer_json(signer: Record, with_tabs: bool) -> Record:
    """A recipient as the API shows it."""
    shown: Record = {
        "recipientId": signer["recipientId"],
        "recipientIdGuid": signer["recipientIdGuid"],
        "roleName": signer["roleName"],
        "name": signer["name"],
        "email": signer["email"],
        "routingOrder": str(signer["routingOrder"]),
        "status": signer["status"],
        "requireIdLookup": "false",
        "recipientType": "signer",
        "deliveryMethod": "email",
    }
    for optional in (*SIGNER_TIMES, "declinedReason", "autoRespondedReason"):
        if signer.get(optional):
            shown[optional] = signer[optional]
    if signer.get("signatureName"):
        shown["signatureInfo"] = {"signatureName": signer["signatureName"]}
    if with_tabs:
        shown["tabs"] = tabs_json(signer)
    return shown


def tabs_json(signer: Record) -> Record:
    """A signer's tabs by kind; `textTabs` is absent where there are none."""
    signing = {
        "tabId": signer["signTabId"],
        "tabLabel": "Signature",
        "name": "SignHere",
        "documentId": "1",
        "pageNumber": "1",
        "recipientId": signer["recipientId"],
        "optional": "false",
    }
    shown: Record = {"signHereTabs": [signing]}
    if signer["tabs"]:
        shown["textTabs"] = [tab | {"recipientId": signer["recipientId"]} for tab in signer["tabs"]]
    return shown


def recipients_json(envelope: Record, with_tabs: bool = False) -> Record:
    """The recipients of an envelope, counts as strings."""
    open_orders = [s["routingOrder"] for s in envelope["signers"] if s["status"] not in ("completed", "declined")]
    return {
        "signers": [signer_json(signer, with_tabs) for signer in envelope["signers"]],
        "agents": [],
        "editors": [],
        "intermediaries": [],
        "carbonCopies": [],
        "certifiedDeliveries": [],
        "inPersonSigners": [],
        "seals": [],
        "witnesses": [],
        "notaries": [],
        "recipientCount": str(len(envelope["signers"])),
        "currentRoutingOrder": str(min(open_orders, default=len(envelope["signers"]))),
    }


def custom_fields_json(envelope: Record) -> Record:
    """The envelope's custom fields as the API shows them."""
    return {"textCustomFields": list(envelope["customFields"]), "listCustomFields": []}


def envelope_json(envelope: Record, include: frozenset[str] = frozenset()) -> Record:
    """An envelope as the API shows it: strings only, absent rather than null, parts only if asked for."""
    key = envelope["envelopeId"]
    shown: Record = {
        "envelopeId": key,
        "status": envelope["status"],
        "emailSubject": envelope["emailSubject"],
        "emailBlurb": envelope["emailBlurb"],
        "documentsUri": f"/envelopes/{key}/documents",
        "recipientsUri": f"/envelopes/{key}/recipients",
        "customFieldsUri": f"/envelopes/{key}/custom_fields",
        "notificationUri": f"/envelopes/{key}/notification",
        "envelopeUri": f"/envelopes/{key}",
        "templatesUri": f"/envelopes/{key}/templates",
        "certificateUri": f"/envelopes/{key}/documents/certificate",
        "allowReassign": envelope["allowReassign"],
        "purgeState": "unpurged",
        "is21CFRPart11": "false",
        "signingLocation": "online",
        "sender": {"userName": "Northgate IT Contracts", "email": "contracts@northgate.example"},
    }
    for optional in (*ENVELOPE_TIMES, "voidedReason", "transactionId"):
        if envelope.get(optional):
            shown[optional] = envelope[optional]
    if "custom_fields" in include:
        shown["customFields"] = custom_fields_json(envelope)
    if "recipients" in include:
        shown["recipients"] = recipients_json(envelope, "tabs" in include)
    if "documents" in include:
        shown["envelopeDocuments"] = documents_json(envelope)
    return shown


def documents_json(envelope: Record) -> list[Record]:
    """The documents of an envelope: the agreement, and its certificate."""
    key = envelope["envelopeId"]
    return [
        {
            "documentId": number,
            "name": name,
            "type": kind,
            "order": str(order),
            "uri": f"/envelopes/{key}/documents/{number}",
        }
        for order, (number, name, kind) in enumerate(
            [("1", envelope["documentName"], "content"), ("certificate", "Summary", "summary")], start=1
        )
    ]
