"""Graph's shapes: errors, OData pages, `$select`, the `Prefer` header, addresses and times."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, Refusal, new_id, unknown_names

_CODES = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    403: "Authorization_RequestDenied",
    404: "ResourceNotFound",
    405: "Request_BadRequest",
    409: "Conflict",
    412: "PreconditionFailed",
    413: "RequestEntityTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
}


def problem(status: int, message: str, code: str | None = None) -> Response:
    """An error in Graph's shape; the machine-readable part is `code` (graph.md §3)."""
    request_id = new_id()
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    inner = {"date": date, "request-id": request_id, "client-request-id": request_id}
    error = {"code": code or _CODES.get(status, "UnknownError"), "message": message, "innerError": inner}
    return JSONResponse({"error": error}, status, headers={"request-id": request_id})


def refuse(status: int, message: str, code: str | None = None) -> Refusal:
    """A refusal to raise."""
    return Refusal(problem(status, message, code))


def at(moment: datetime) -> str:
    """A time as Graph writes it: whole seconds, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Preferences:
    """What the `Prefer` header asks for (graph.md §4.1, §4.4)."""

    immutable_ids: bool = False
    text_bodies: bool = False
    page_size: int | None = None


def preferences(request: Request) -> Preferences:
    """Reads all `Prefer` headers."""
    wanted = ",".join(request.headers.getlist("prefer"))
    size = re.search(r"odata\.maxpagesize=(\d+)", wanted)
    return Preferences(
        immutable_ids=re.search(r'IdType\s*=\s*"ImmutableId"', wanted, re.IGNORECASE) is not None,
        text_bodies='outlook.body-content-type="text"' in wanted,
        page_size=int(size[1]) if size else None,
    )


class Parameters:
    """The `$` parameters of a request; an unknown one is a 400."""

    def __init__(self, request: Request, known: Iterable[str]) -> None:
        self.request = request
        unknown = unknown_names(request.query_params, known)
        if unknown:
            raise refuse(400, f"Unknown query parameter: {', '.join(unknown)}.")

    def text(self, name: str) -> str:
        """The parameter, or an empty string."""
        return self.request.query_params.get(name, "")

    def number(self, name: str, default: int, highest: int) -> int:
        """A whole number from 0 to `highest`; a 400 for anything else."""
        value = self.request.query_params.get(name)
        if value is None:
            return default
        if not value.isdigit() or int(value) > highest:
            raise refuse(400, f"Invalid value '{value}' for {name}.")
        return int(value)

    def names(self, name: str) -> list[str]:
        """A comma-separated list, as `$select` has it."""
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def address(self, **changed: str) -> str:
        """This request's address with parameters changed: the opaque `@odata.nextLink`."""
        kept = [(k, v) for k, v in self.request.query_params.multi_items() if k not in changed]
        query = urlencode([*kept, *changed.items()], quote_via=quote, safe="$")
        return str(self.request.url.replace(query=query))


def collection(items: list[Record], *, context: str, next_link: str | None = None, **more: Any) -> Response:
    """A page of a collection."""
    page: Record = {"@odata.context": context, **more, "value": items}
    if next_link is not None:
        page["@odata.nextLink"] = next_link
    return JSONResponse(page)


def sliced(
    records: list[Record], parameters: Parameters, *, size: int, highest: int
) -> tuple[list[Record], str | None]:
    """One page by `$top` and `$skip`, and the address of the next one."""
    top = parameters.number("$top", size, highest)
    if top == 0:
        raise refuse(400, "Invalid value '0' for $top.")
    skip = parameters.number("$skip", 0, 10**9)
    more = len(records) > skip + top
    return records[skip : skip + top], parameters.address(**{"$skip": str(skip + top)}) if more else None


def selected(record: Record, names: list[str], known: Iterable[str], always: Iterable[str] = ("id",)) -> Record:
    """The record with the wanted properties only; a 400 for a property that the type lacks."""
    unknown = unknown_names(names, known)
    if unknown:
        raise refuse(400, f"Could not find a property named '{unknown[0]}'.", "RequestBroker--ParseUri")
    if not names:
        return record
    return {k: v for k, v in record.items() if k in names or k in always or k.startswith("@")}


def recipient(address: str, name: str = "") -> Record:
    """An `emailAddress` object."""
    return {"emailAddress": {"name": name or address, "address": address}}


def read_recipients(value: Any, field: str) -> list[Record]:
    """Recipients as a client sends them, checked."""
    if not isinstance(value, list):
        raise refuse(400, f"{field} must be a collection.", "RequestBodyRead")
    return [read_recipient(one, field) for one in value]


def read_recipient(one: Any, field: str) -> Record:
    """One recipient; a 400 for another shape or for something that is no address."""
    given = one.get("emailAddress") if isinstance(one, dict) and set(one) == {"emailAddress"} else None
    if not isinstance(given, dict) or set(given) - {"name", "address"} or not isinstance(given.get("address"), str):
        raise refuse(400, f"{field} must hold objects with emailAddress.", "RequestBodyRead")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", given["address"]):
        raise refuse(400, f"At least one recipient of {field} isn't valid.", "ErrorInvalidRecipients")
    return recipient(given["address"], str(given.get("name") or ""))
