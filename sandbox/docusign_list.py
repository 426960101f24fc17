"""Finding envelopes: the list call with its dates, filters and pages, and the look-up by many ids (§6)."""

from collections.abc import Mapping
from datetime import timedelta

from sandbox.core import Record, World
from sandbox.docusign_wire import envelope_json, moment, refuse, stamp

PARAMETERS = (
    "continuation_token",
    "count",
    "custom_field",
    "envelope_ids",
    "from_date",
    "from_to_status",
    "include",
    "order",
    "order_by",
    "search_text",
    "start_position",
    "status",
    "to_date",
    "transaction_ids",
    "user_filter",
)
INCLUDES = frozenset({"custom_fields", "documents", "recipients", "tabs"})
_DATE_OF = {
    "changed": "statusChangedDateTime",
    "created": "createdDateTime",
    "sent": "sentDateTime",
    "delivered": "deliveredDateTime",
    "completed": "completedDateTime",
    "declined": "declinedDateTime",
    "voided": "voidedDateTime",
}
_ORDER_BY = {
    "created": "createdDateTime",
    "completed": "completedDateTime",
    "last_modified": "lastModifiedDateTime",
    "sent": "sentDateTime",
    "status": "status",
    "status_changed": "statusChangedDateTime",
    "subject": "emailSubject",
}
_TRANSACTION_LIFE = timedelta(days=7)
_LARGEST_PAGE = 1000


def included(query: Mapping[str, str]) -> frozenset[str]:
    """The parts asked for by `include`; a part that the stand-in doesn't have is refused."""
    parts = frozenset(part for part in query.get("include", "").split(",") if part)
    strangers = parts - INCLUDES
    if strangers:
        raise refuse("INVALID_REQUEST_PARAMETER", f"Unknown include value: {', '.join(sorted(strangers))}.")
    return parts


def listed(world: World, query: Mapping[str, str]) -> Record:
    """The answer to the list call; one of from_date, envelope_ids and transaction_ids must be given."""
    if "transaction_ids" in query:
        return by_transaction(world, query["transaction_ids"].split(","))
    if not {"from_date", "envelope_ids"} & set(query):
        raise refuse("INVALID_REQUEST_PARAMETER", "One of from_date, envelope_ids, transaction_ids must be given.")
    asked = dict(query)
    for bound in ("from_date", "to_date"):
        if bound in asked:
            asked[bound] = moment(asked[bound], bound)
    found = [e for e in world.store.all("docusign.envelopes") if _matches(world, e, asked)]
    field = _named(query.get("order_by", "last_modified"), _ORDER_BY, "order_by")
    descending = query.get("order", "asc") == "desc"
    found.sort(key=lambda e: (e.get(field) or "", e["number"]), reverse=descending)
    return _page(found, query)


def by_transaction(world: World, ids: list[str]) -> Record:
    """What became of transactions of the last seven days; unknown ids are simply absent."""
    oldest = stamp(world.now() - _TRANSACTION_LIFE)
    told = [
        {"transactionId": e["transactionId"], "envelopeId": e["envelopeId"], "status": e["status"]}
        for e in world.store.all("docusign.envelopes")
        if e["transactionId"] in ids and e["createdDateTime"] >= oldest
    ]
    answer: Record = {"resultSetSize": str(len(told)), "totalSetSize": str(len(told))}
    if told:
        answer["envelopeTransactionStatuses"] = told
    return answer


def by_ids(world: World, ids: list[str]) -> Record:
    """The envelopes of these ids, as the status call answers it."""
    found = [e for key in ids if (e := world.store.get("docusign.envelopes", key)) is not None]
    return _page(found, {"count": str(_LARGEST_PAGE)})


def _matches(world: World, envelope: Record, query: Mapping[str, str]) -> bool:
    if "envelope_ids" in query and envelope["envelopeId"] not in query["envelope_ids"].split(","):
        return False
    date = envelope.get(_named(query.get("from_to_status", "changed").lower(), _DATE_OF, "from_to_status"))
    if "from_date" in query and (date is None or date < query["from_date"]):
        return False
    if "to_date" in query and (date is None or date > query["to_date"]):
        return False
    wanted = query.get("status", "any").lower()
    if wanted != "any" and envelope["status"] not in wanted.split(","):
        return False
    if "search_text" in query and query["search_text"].lower() not in envelope["emailSubject"].lower():
        return False
    return "custom_field" not in query or _has_field(world, envelope, query["custom_field"])


def _has_field(world: World, envelope: Record, wanted: str) -> bool:
    """`name=value`, `%` around the value for a part of it; the search index may lag behind."""
    name, equals, value = wanted.partition("=")
    if not equals:
        raise refuse("INVALID_REQUEST_PARAMETER", "custom_field must have the form name=value.")
    delay = timedelta(seconds=float(world.setting("docusign.index_delay_seconds")))
    if delay and envelope["createdDateTime"] > stamp(world.now() - delay):
        return False
    partial = len(value) > 1 and value.startswith("%") and value.endswith("%")
    for field in envelope["customFields"]:
        if field["name"] == name and (value[1:-1] in field["value"] if partial else value == field["value"]):
            return True
    return False


def _page(found: list[Record], query: Mapping[str, str]) -> Record:
    start = _whole(query.get("continuation_token") or query.get("start_position", "0"), "start_position")
    count = min(_whole(query.get("count", "100"), "count"), _LARGEST_PAGE)
    rows = found[start : start + count]
    answer: Record = {
        "resultSetSize": str(len(rows)),
        "totalSetSize": str(len(found)),
        "startPosition": str(start),
        "endPosition": str(max(start + len(rows) - 1, 0)),
        "nextUri": "",
        "previousUri": "",
    }
    if start + count < len(found):
        answer["continuationToken"] = str(start + count)
    if rows:  # an empty page has no array at all (docusign.md §6)
        include = included(query)
        answer["envelopes"] = [envelope_json(envelope, include) for envelope in rows]
    return answer


def _named(value: str, names: Mapping[str, str], parameter: str) -> str:
    if value not in names:
        raise refuse("INVALID_REQUEST_PARAMETER", f"{parameter} must be one of {', '.join(names)}.")
    return names[value]


def _whole(value: str, parameter: str) -> int:
    if not value.isdigit():
        raise refuse("INVALID_REQUEST_PARAMETER", f"{parameter} must be a whole number, not {value!r}.")
    return int(value)
