"""IT Glue's JSON:API: how records are shown, how lists are filtered, sorted and paged, how a refusal looks."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, Refusal

MEDIA_TYPE = "application/vnd.api+json"
PAGE, LARGEST_PAGE = 50, 1000
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
}

Filter = Callable[[Record, str], bool]


def answer(content: Record, status: int = 200) -> Response:
    """A JSON:API document."""
    return JSONResponse(content, status, media_type=MEDIA_TYPE)


def problem(status: int, message: str, pointer: str | None = None) -> Response:
    """An error in IT Glue's shape (itglue.md §6)."""
    error: Record = {"status": str(status), "title": _TITLES.get(status, "Error"), "detail": message}
    if pointer:
        error["source"] = {"pointer": pointer}
    return answer({"errors": [error]}, status)


def refuse(status: int, message: str, pointer: str | None = None) -> Refusal:
    """A refusal to raise."""
    return Refusal(problem(status, message, pointer))


def kebab(names: Record) -> Record:
    """The attributes by their kebab-case names: the server takes either spelling (itglue.md §3)."""
    return {str(name).replace("_", "-"): value for name, value in names.items()}


def item(kind: str, record: Record, *hidden: str) -> Record:
    """One record as `{"id", "type", "attributes"}`; names starting with an underscore stay inside."""
    shown = {k: v for k, v in record.items() if k != "id" and k not in hidden and not k.startswith("_")}
    return {"id": str(record["id"]), "type": kind, "attributes": shown}


def contains(attribute: str) -> Filter:
    """Any of the comma-separated texts is part of the attribute, ignoring case: filters are not exact here."""
    return lambda record, value: any(
        part.strip().casefold() in str(record.get(attribute) or "").casefold() for part in value.split(",")
    )


def exactly(attribute: str) -> Filter:
    """The attribute is one of the comma-separated values."""
    return lambda record, value: str(record.get(attribute)) in [part.strip() for part in value.split(",")]


def whole(attribute: str) -> Filter:
    """The attribute is exactly this text, commas included."""
    return lambda record, value: record.get(attribute) == value


class Listing:
    """The parameters of a list, checked: unknown ones are a 400, as is a page that is too large."""

    def __init__(
        self, request: Request, filters: dict[str, Filter], includes: Iterable[str] = (), also: Iterable[str] = ()
    ) -> None:
        self._request = request
        self._filters = filters
        self.filters: dict[str, str] = {}
        self.includes: list[str] = []
        self.number, self.size, self.sort = 1, PAGE, ""
        for name, value in request.query_params.multi_items():
            if name.startswith("filter[") and name.endswith("]"):
                key = name[len("filter[") : -1]
                if key not in filters:
                    raise refuse(400, f"{key} is not a filter of this resource.")
                self.filters[key] = value
            elif name == "include":
                self.includes = read_includes(value, includes)
            elif name in ("page[number]", "page[size]") and value.isdigit() and int(value) > 0:
                setattr(self, name[5:-1], int(value))
            elif name == "sort":
                self.sort = value
            elif name not in also:
                raise refuse(400, f"{name} is not a parameter of this resource.")
        if self.size > LARGEST_PAGE:
            raise refuse(400, f"page[size] must be at most {LARGEST_PAGE}.")

    def page(self, records: Iterable[Record]) -> tuple[list[Record], Record, Record]:
        """The asked page of the records that match, with `meta` and `links`."""
        found = [r for r in records if all(self._filters[k](r, v) for k, v in self.filters.items())]
        found.sort(key=lambda r: int(r["id"]))
        key = self.sort.lstrip("-").replace("_", "-")
        if key:
            if found and key not in found[0]:
                raise refuse(400, f"{self.sort} is not a sort key of this resource.")
            found.sort(key=lambda r: str(r.get(key) or ""), reverse=self.sort.startswith("-"))
        pages = max(1, -(-len(found) // self.size))
        start = (self.number - 1) * self.size
        following = self.number + 1 if self.number < pages else None
        meta = {
            "current-page": self.number,
            "next-page": following,
            "prev-page": self.number - 1 if self.number > 1 else None,
            "total-pages": pages,
            "total-count": len(found),
        }
        links: Record = {}
        if following is not None:
            links["next"] = self._address(following)
        return found[start : start + self.size], meta, links

    def _address(self, number: int) -> str:
        kept = [(k, v) for k, v in self._request.query_params.multi_items() if k != "page[number]"]
        query = urlencode([*kept, ("page[number]", str(number))], quote_via=quote)
        return str(self._request.url.replace(query=query))


def read_includes(value: str, allowed: Iterable[str]) -> list[str]:
    """The wanted includes; a 400 for one that the resource doesn't have."""
    wanted = [name.strip().replace("-", "_") for name in value.split(",") if name.strip()]
    for name in wanted:
        if name not in set(allowed):
            raise refuse(400, f"{name} cannot be included here.")
    return wanted


def read_data(body: Any, kind: str, *, many: bool = False) -> list[Record]:
    """The attributes of `{"data": {"type", "attributes"}}` (or an array of them where `many`), in kebab-case.

    A 400 for another shape, a 422 for `relationships`, which writes don't take (itglue.md §3).
    """
    data = body.get("data") if isinstance(body, dict) else None
    if data is None or (isinstance(data, list) and not many):
        raise refuse(400, "param is missing or the value is empty: data")
    told: list[Record] = []
    for one in data if isinstance(data, list) else [data]:
        if not isinstance(one, dict) or not isinstance(one.get("attributes"), dict):
            raise refuse(400, "param is missing or the value is empty: attributes")
        if str(one.get("type", "")).replace("-", "_") != kind:
            raise refuse(400, f"type must be {kind}")
        if "relationships" in one:
            raise refuse(422, "relationships are not permitted in this request")
        told.append(kebab(one["attributes"]))
    return told
