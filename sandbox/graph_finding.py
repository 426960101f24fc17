"""Finding messages: `$filter`, `$orderby`, `$search`, pages, `$expand` (graph.md §4.2 and §4.4)."""

from starlette.requests import Request
from starlette.responses import Response

from sandbox.core import Record, World
from sandbox.graph_answers import (
    Parameters,
    collection,
    preferences,
    refuse,
    sliced,
)
from sandbox.graph_filter import Filter, Lambda, Property, parse, prop
from sandbox.graph_folders import MESSAGES
from sandbox.graph_messages import (
    EXPANDABLE,
    shown,
    text_of,
)

FILTERABLE: dict[str, Property] = {
    "receivedDateTime": prop("receivedDateTime", "time"),
    "sentDateTime": prop("sentDateTime", "time"),
    "createdDateTime": prop("createdDateTime", "time"),
    "lastModifiedDateTime": prop("lastModifiedDateTime", "time"),
    "from/emailAddress/address": prop("from/emailAddress/address"),
    "from/emailAddress/name": prop("from/emailAddress/name"),
    "sender/emailAddress/address": prop("sender/emailAddress/address"),
    "subject": prop("subject"),
    "conversationId": prop("conversationId", "exact"),
    "internetMessageId": prop("internetMessageId", "exact"),
    "isDraft": prop("isDraft", "bool"),
    "isRead": prop("isRead", "bool"),
    "hasAttachments": Property("bool", lambda m: bool(m["attachments"])),
    "importance": prop("importance"),
}


def _exact_property_id(one: Record) -> str:
    """`String {guid} Name X` with the GUID in one case; the name keeps its own (graph.md §4.2)."""
    kind, guid, rest = one["id"].split(" ", 2)
    return f"{kind} {guid.lower()} {rest}"


LAMBDAS = {
    "singleValueExtendedProperties": Lambda(
        lambda m: [{"id": _exact_property_id(p), "value": p["value"]} for p in m["singleValueExtendedProperties"]],
        {"id": prop("id", "exact"), "value": prop("value")},
    )
}
_LIST = ("$filter", "$orderby", "$top", "$skip", "$select", "$expand", "$search", "$count")
MOST_FOUND = 250


def list_messages(world: World, request: Request, folder_id: str | None) -> Response:
    """Messages of the mailbox or of one folder, newest first, ten a page unless `$top` says more."""
    parameters = Parameters(request, _LIST)
    found = [m for m in world.store.all(MESSAGES) if folder_id in (None, m["parentFolderId"])]
    text, order = parameters.text("$filter"), parameters.names("$orderby")
    if parameters.text("$search"):
        if text or order:
            raise refuse(400, "$search can't be combined with $filter or $orderby.", "SearchWithFilter")
        found = _newest_first([m for m in found if _searched(m, parameters.text("$search"))])[:MOST_FOUND]
    filtered = parse(text, FILTERABLE, LAMBDAS) if text else None
    if filtered is not None:
        found = [m for m in found if filtered.matches(m)]
    found = _ordered(_newest_first(found), order, filtered)
    size = preferences(request).page_size or 10
    page, more = sliced(found, parameters, size=min(size, 1000), highest=1000)
    preferred, select, expand = preferences(request), parameters.names("$select"), read_expand(parameters)
    counted = {"@odata.count": len(found)} if parameters.text("$count") == "true" else {}
    items = [shown(m, preferred, select, expand) for m in page]
    return collection(items, context="$metadata#messages", next_link=more, **counted)


def _newest_first(found: list[Record]) -> list[Record]:
    return sorted(found, key=lambda m: (str(m["receivedDateTime"]), str(m["id"])), reverse=True)


def _ordered(found: list[Record], order: list[str], filtered: Filter | None) -> list[Record]:
    """Sorted by `$orderby`; with a filter its properties must come first there too, in the same order."""
    names = [one.partition(" ")[0] for one in order]
    for name in names:
        if name not in FILTERABLE:
            raise refuse(400, f"Could not find a property named '{name}'.", "RequestBroker--ParseUri")
    if filtered is not None and names and list(dict.fromkeys(filtered.properties))[: len(names)] != names:
        text = "The restriction or sort order is too complex for this operation."
        raise refuse(400, text, "InefficientFilter")
    for one in reversed(order):
        name, _, direction = one.partition(" ")
        read = FILTERABLE[name].read
        found = sorted(found, key=lambda m: str(read(m) or ""), reverse=direction.strip() == "desc")
    return found


def _searched(message: Record, search: str) -> bool:
    """`$search="subject:x AND from:y"`: every word in its property, or anywhere."""
    for term in search.strip().strip('"').split(" AND "):
        name, colon, value = term.strip().partition(":")
        wanted = (value if colon else term).strip().casefold()
        texts = {
            "subject": message["subject"],
            "from": f"{message['from']['emailAddress']['name']} {message['from']['emailAddress']['address']}",
            "body": text_of(message["body"]),
        }
        if colon and name not in texts:
            raise refuse(400, f"The property '{name}' can't be searched here.")
        where = texts[name] if colon else " ".join(texts.values())
        if wanted not in where.casefold():
            return False
    return True


def read_expand(parameters: Parameters) -> dict[str, str | None]:
    """`$expand=attachments` or `singleValueExtendedProperties($filter=id eq '…')`."""
    text = parameters.text("$expand").strip()
    if not text:
        return {}
    name, _, rest = text.partition("(")
    if name not in EXPANDABLE:
        raise refuse(400, f"'{name}' can't be expanded.", "BadRequest")
    if not rest:
        return {name: None}
    wanted = rest.removesuffix(")").removeprefix("$filter=").strip()
    if not wanted.startswith("id eq '") or not wanted.endswith("'"):
        raise refuse(400, f"Invalid $expand: '{text}'.", "BadRequest")
    return {name: wanted[len("id eq '") : -1]}
