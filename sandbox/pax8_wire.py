"""How Pax8's stand-in speaks: its error shapes, its pages, its mixed dates (pax8.md §3)."""

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, Refusal, World, json_body, unknown_names

Handler = Callable[[Request], Awaitable[Response]]
_TYPES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    408: "REQUEST_TIMEOUT",
    422: "UNPROCESSABLE_ENTITY",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_SERVER_ERROR",
}
_DENVER = timezone(timedelta(hours=-7))
PAGING = ("page", "size")


def problem(status: int, message: str) -> Response:
    """An error object; `details` repeats the message, as the real ones do."""
    kind = _TYPES.get(status, "ERROR")
    detail = {"type": kind, "message": message, "status": status}
    return JSONResponse(detail | {"instance": "/v1", "details": [detail]}, status_code=status)


def refuse(status: int, *messages: str, instance: str = "/v1") -> Refusal:
    """To be raised: an error object with one detail a message."""
    kind = _TYPES.get(status, "ERROR")
    details = [{"type": kind, "message": message, "status": status} for message in messages]
    head = {"type": kind, "message": messages[0], "instance": instance, "status": status, "details": details}
    return Refusal(JSONResponse(head, status_code=status))


def refuse_flat(status: int, message: str) -> Refusal:
    """To be raised: the flat shape that changes of subscriptions were seen to answer with."""
    return Refusal(JSONResponse({"errors": [message]}, status_code=status))


def guarded(world: World, handler: Handler, known: tuple[str, ...]) -> Handler:
    """The handler behind the token and the known query parameters."""

    async def answer(request: Request) -> Response:
        if world.token_holder(request, "pax8") is None:
            raise refuse(401, "Unauthorized", instance=place(request))
        strangers = unknown_names(request.query_params, known)
        if strangers:
            raise refuse(400, f"Unknown query parameter: {', '.join(strangers)}", instance=place(request))
        return await handler(request)

    return answer


def place(request: Request) -> str:
    """The path as an error's `instance` names it."""
    return request.url.path.removeprefix("/pax8")


async def body_object(request: Request, known: Iterable[str]) -> Record:
    """The body as an object of known fields; the 400 names the field that isn't."""
    try:
        body = await json_body(request)
    except ValueError as bad:
        raise refuse(400, "Malformed JSON request", instance=place(request)) from bad
    return checked(body, known, place(request))


def checked(value: Any, known: Iterable[str], instance: str) -> Record:
    """The object if it has known fields only."""
    if not isinstance(value, dict):
        raise refuse(400, "A JSON object is expected", instance=instance)
    strangers = unknown_names(value, known)
    if strangers:
        messages = [f'Unrecognized field "{name}"' for name in strangers]
        raise refuse(400, *messages, instance=instance)
    return value


def paged(rows: list[Record], query: Mapping[str, str]) -> Response:
    """One page of the rows: 0-based, 10 by default, 200 at most."""
    number, size = whole(query, "page", 0), whole(query, "size", 10)
    if not 1 <= size <= 200:
        raise refuse(400, "size must be between 1 and 200")
    page = {
        "size": size,
        "totalElements": len(rows),
        "totalPages": -(-len(rows) // size),
        "number": number,
    }
    return JSONResponse({"content": rows[number * size : (number + 1) * size], "page": page})


def whole(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number of the query."""
    value = query.get(name, str(default))
    if not value.isdigit():
        raise refuse(400, f"{name} must be a whole number")
    return int(value)


def sorted_by(rows: list[Record], query: Mapping[str, str], keys: tuple[str, ...]) -> list[Record]:
    """The rows by `sort=key,asc|desc`; without it in no order that means anything (by their random ids)."""
    if "sort" not in query:
        return sorted(rows, key=lambda row: str(row["id"]))
    key, _, direction = query["sort"].partition(",")
    if key not in keys or direction not in ("", "asc", "desc"):
        raise refuse(400, f"sort must be one of {', '.join(keys)} with ,asc or ,desc")
    return sorted(rows, key=lambda row: (row.get(key) is not None, row.get(key)), reverse=direction == "desc")


def midnight(day: date) -> str:
    """A day as the date-time that subscriptions show: `2026-04-23T00:00:00.000Z`."""
    return f"{day.isoformat()}T00:00:00.000Z"


def zulu(moment: datetime) -> str:
    """A moment with milliseconds, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def mountain(moment: datetime) -> str:
    """A moment as creation dates show it: an offset without a colon."""
    return moment.astimezone(_DENVER).strftime("%Y-%m-%dT%H:%M:%S.000%z")


def read_moment(text: str) -> datetime:
    """A date-time of ours read back; aware."""
    return datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", text))


def same(value: Any) -> Any:
    """A copy that shares nothing with the original."""
    return json.loads(json.dumps(value))
