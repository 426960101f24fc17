"""`messages/delta` of one folder: what is new, changed or gone since a link was given out (graph.md §8)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, World
from sandbox.graph_answers import Parameters, preferences, refuse
from sandbox.graph_filter import parse, prop
from sandbox.graph_folders import MESSAGES
from sandbox.graph_messages import CHANGES, shown, shown_id

_FIRST = ("$select", "$top", "$filter", "$orderby")
_LATER = ("$deltatoken", "$skiptoken")
_KEPT = "graph.delta"


def messages_delta(world: World, request: Request, folder_id: str) -> Response:
    """A page of changes with `@odata.nextLink`, or the last one with `@odata.deltaLink`.

    A link carries the parameters of the first call; one from another world is answered 410 `SyncStateNotFound`.
    """
    parameters = Parameters(request, (*_FIRST, *_LATER))
    token = parameters.text("$deltatoken") or parameters.text("$skiptoken")
    if token and set(request.query_params) & set(_FIRST):
        raise refuse(400, "A delta link can't be changed.", "BadRequest")
    state = world.store.get(_KEPT, token) if token else _begun(parameters, folder_id)
    if state is None or state["folder"] != folder_id:
        raise refuse(410, "The sync state generation is not found.", "SyncStateNotFound")
    preferred = preferences(request)
    size = preferred.page_size or 10
    changes = sorted(
        (c for c in world.store.all(CHANGES) if c["folder"] == folder_id and c["number"] > state["after"]),
        key=lambda c: int(c["number"]),
    )
    if state["first"]:
        changes = [c for c in changes if not c["removed"]]
    page, left = changes[:size], changes[size:]
    told: list[Record] = []
    wanted = parse(state["filter"], {"receivedDateTime": prop("receivedDateTime", "time")}) if state["filter"] else None
    for change in page:
        message = world.store.get(MESSAGES, change["message"])
        if change["removed"] or message is None:
            gone = message or {"id": change["message"], "_ordinary": change["message"]}
            told.append({"id": shown_id(gone, preferred), "@removed": {"reason": "deleted"}})
        elif wanted is None or wanted.matches(message):
            told.append(shown(message, preferred, state["select"]))
    after = page[-1]["number"] if page else max([state["after"], *(c["number"] for c in changes)])
    following = {**state, "after": after, "first": state["first"] and bool(left)}
    name = "$skiptoken" if left else "$deltatoken"
    number = world.store.next_number("graph.delta")
    key = f"sandboxdelta{number}"
    world.store.put(_KEPT, key, following)
    link = str(request.url.replace(query=f"{name}={key}"))
    answer: Record = {"@odata.context": "$metadata#Collection(message)", "value": told}
    answer["@odata.nextLink" if left else "@odata.deltaLink"] = link
    return JSONResponse(answer)


def _begun(parameters: Parameters, folder_id: str) -> Record:
    """The state of a first call. Only `receivedDateTime ge` (or gt) may be filtered, and ordered by, here."""
    text = parameters.text("$filter")
    words = text.split()
    if text and (len(words) != 3 or words[0] != "receivedDateTime" or words[1] not in ("ge", "gt")):
        raise refuse(400, "delta filters by receivedDateTime ge or gt only.", "BadRequest")
    if parameters.text("$orderby") not in ("", "receivedDateTime desc"):
        raise refuse(400, "delta orders by receivedDateTime desc only.", "BadRequest")
    return {
        "folder": folder_id,
        "after": 0,
        "first": True,
        "filter": text,
        "select": parameters.names("$select"),
    }
