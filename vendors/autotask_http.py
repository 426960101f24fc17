"""Autotask's manners over HTTP: zone, headers, queries with paging, 500 for a refusal, picklists by label."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from typing import Any, Literal

import httpx
from pydantic import ValidationError

from vendors.autotask_models import PicklistValue
from vendors.http import (
    ErrorDetail,
    NotFound,
    RateLimited,
    Refused,
    RetryPolicy,
    Unauthorised,
    UnclearOutcome,
    VendorError,
    VendorHttp,
)

Json = dict[str, Any]

VENDOR = "Autotask"
PAGE = 500  # the largest page there is (autotask.md §4)

_THREAD_TEXTS = ("thread threshold", "itgenatr005")
_LOCK_TEXTS = ("deadlock", "lock request time", "could not obtain a lock", "record is locked")
_ZONE_LOOKUP = "/atservicesrest/v1.0/zoneInformation"
_FIELDS_GOOD_FOR = 3600.0  # seconds

_zones: dict[tuple[str, str], str] = {}
_fields: dict[tuple[str, str, str], tuple[float, dict[str, list[PicklistValue]]]] = {}


def refusal(message: str) -> Refused:
    """Return a refusal of our own making, found before anything was sent."""
    return Refused(VENDOR, message)


def read_error(response: httpx.Response) -> ErrorDetail:
    """Read Autotask's `{"errors": [...]}`: with it, even a 500 is a refusal (autotask.md §10).

    Thread-limit texts mean that nothing was done; lock texts on a write leave it unclear.
    """
    texts = _error_texts(_json(response))
    message = "; ".join(texts)
    low = message.lower()
    verdict: type[VendorError] | None = None
    if any(text in low for text in _THREAD_TEXTS):
        verdict = RateLimited
    elif any(text in low for text in _LOCK_TEXTS):
        verdict = RateLimited if _is_read(response.request) else UnclearOutcome
    elif texts and response.status_code == 500:
        verdict = Refused
    return ErrorDetail(message, verdict=verdict)


def eq(field: str, value: str | int | bool, *, udf: bool = False) -> Json:
    return {"op": "eq", "field": field, "value": value} | ({"udf": True} if udf else {})


def contains(field: str, value: str) -> Json:
    return {"op": "contains", "field": field, "value": value}


def begins_with(field: str, value: str) -> Json:
    return {"op": "beginsWith", "field": field, "value": value}


def any_of(*conditions: Json) -> Json:
    return {"op": "or", "items": list(conditions)}


class AutotaskHttp:
    """The zone of one API user: reads, queries and writes in Autotask's own envelope; two calls at a time.

    `next_page` is how the following pages of a query are fetched, which no official text says (§13.3).
    """

    def __init__(
        self,
        *,
        address: str,
        user_name: str,
        secret: str,
        integration_code: str,
        next_page: Literal["GET", "POST"] = "GET",
        timeout: float = 60.0,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._address = address.rstrip("/")
        self._user = user_name
        self._secrets = (secret, integration_code)
        self._next_page: Literal["GET", "POST"] = next_page
        self._timeout = timeout
        self._policy = policy
        self._headers = {"ApiIntegrationCode": integration_code, "UserName": user_name, "Secret": secret}
        self._opening = asyncio.Lock()
        self._http: VendorHttp | None = None

    async def zone(self) -> str:
        """Return the address of the user's zone, looked up once per process (autotask.md §2)."""
        key = (self._address, self._user)
        if key not in _zones:
            _zones[key] = await self._look_up_zone()
        return _zones[key]

    async def item(self, entity: str, entity_id: int) -> Json:
        """Return one record; `{"item": null}` is a `NotFound` like a 404."""
        http = await self._open()
        response = await http.read("GET", f"{entity}/{entity_id}")
        found = self._answer(http, response).get("item")
        if not isinstance(found, dict):
            raise NotFound(VENDOR, f"{entity} has no record {entity_id}", method="GET", path=entity)
        return found

    async def children(self, path: str) -> list[Json]:
        """Return all records below one parent, such as `TicketNotes/7/Attachments`, ordered by id."""
        http = await self._open()
        response = await http.read("GET", path)
        found = [record async for record in self._walk(http, response)]
        return sorted(found, key=lambda record: int(record["id"]))

    async def attachment_data(self, path: str, entity: str, parents: tuple[str, ...], parent_id: int) -> bytes:
        """Return a file's bytes: read below its parent at `path`, else at the root of its `entity`.

        Which of both carries the content isn't in any official text, and neither is whether a single one comes as
        `item` or in `items` (§6.5): all of it is understood. `parents` are the fields that name the parent; a file
        of another parent is `NotFound`.
        """
        http = await self._open()
        for place in (path, f"{entity}/{path.rpartition('/')[2]}"):
            response = await http.read("GET", place)
            answer = self._answer(http, response)
            found = answer.get("item") or answer.get("items")
            record = found[0] if isinstance(found, list) and found else found
            if not isinstance(record, dict):
                raise NotFound(VENDOR, f"there is no attachment {path.rpartition('/')[2]}", method="GET", path=place)
            named = {record[name] for name in parents if record.get(name) is not None}
            if named and parent_id not in named:
                raise NotFound(VENDOR, "the attachment belongs to something else", method="GET", path=place)
            if record.get("data"):
                return _decoded(http, response, record["data"])
        raise http.unreadable(response, "the attachment comes without its content")

    async def query(self, entity: str, *conditions: Json, limit: int | None = None) -> list[Json]:
        """Return all records of a root entity that fit all conditions, ordered by id."""
        found: list[Json] = []
        async for record in self._pages(entity, conditions, min(limit or PAGE, PAGE)):
            found.append(record)
            if limit is not None and len(found) >= limit:
                break
        return sorted(found, key=lambda record: int(record["id"]))

    async def create(self, path: str, body: Json) -> int:
        """Create a record (children: by their parent's path) and return its id."""
        return await self._write("POST", path, body)

    async def patch(self, path: str, entity_id: int, changed: Json) -> int:
        """Change the given fields of a record: PATCH to the collection with the id in the body (§5)."""
        return await self._write("PATCH", path, {"id": entity_id, **changed})

    async def picklist(self, entity: str, field: str, *, fresh: bool = False) -> list[PicklistValue]:
        """Return all values of a picklist, inactive ones too; kept for an hour per process."""
        key = (await self.zone(), self._user, entity)
        kept = _fields.get(key)
        if fresh or kept is None or kept[0] < time.monotonic():
            kept = (time.monotonic() + _FIELDS_GOOD_FOR, await self._picklists(entity))
            _fields[key] = kept
        if field not in kept[1]:
            raise refusal(f"{entity} has no picklist field {field!r}")
        return kept[1][field]

    async def picklist_id(self, entity: str, field: str, label: str | int) -> int:
        """Return the id of an active label (ids pass through); a missing or inactive one is refused by name."""
        if isinstance(label, int):
            return label
        for fresh in (False, True):
            values = [v for v in await self.picklist(entity, field, fresh=fresh) if v.label == label]
            active = [v.value for v in values if v.active]
            if len(active) == 1:
                return active[0]
        known = sorted({v.label for v in await self.picklist(entity, field) if v.active})
        why = "several active values" if active else "only an inactive value" if values else "no value"
        raise refusal(f"{entity}.{field} has {why} labelled {label!r}; active: {', '.join(known) or 'none'}")

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _open(self) -> VendorHttp:
        zone = await self.zone()
        async with self._opening:
            if self._http is None:
                self._http = VendorHttp(
                    VENDOR,
                    f"{zone}/V1.0/",
                    None,
                    read_error,
                    headers=self._headers,
                    timeout=self._timeout,
                    max_concurrency=2,
                    policy=self._policy,
                    secrets=self._secrets,
                )
            return self._http

    async def _look_up_zone(self) -> str:
        refused = ""
        async with VendorHttp(
            VENDOR, self._address, None, read_error, timeout=self._timeout, policy=self._policy
        ) as http:
            try:
                response = await http.read("GET", _ZONE_LOOKUP, params={"user": self._user})
                url = str(self._answer(http, response).get("url") or "").rstrip("/")
            except (NotFound, Refused, Unauthorised) as error:
                url, refused = "", error.message
        if not url:
            raise Unauthorised(VENDOR, f"no zone for the API user {self._user!r}: is the name right? {refused}".strip())
        if httpx.URL(url).scheme != httpx.URL(self._address).scheme:
            raise Unauthorised(VENDOR, "the zone's address isn't as protected as the look-up's: not followed")
        return url

    async def _pages(self, entity: str, conditions: tuple[Json, ...], page_size: int) -> AsyncIterator[Json]:
        http = await self._open()
        body = {"maxRecords": page_size, "filter": list(conditions)}
        async for record in self._walk(http, await http.read("POST", f"{entity}/query", json=body)):
            yield record

    async def _walk(self, http: VendorHttp, response: httpx.Response) -> AsyncIterator[Json]:
        while True:
            answer = self._answer(http, response)
            for record in answer.get("items") or []:
                yield record
            following = (answer.get("pageDetails") or {}).get("nextPageUrl")
            if not following:
                return
            if not _same_host(following, str(response.request.url)):
                raise http.unreadable(response, "the next page lies on another host: not followed")
            response = await http.read(self._next_page, following)

    async def _picklists(self, entity: str) -> dict[str, list[PicklistValue]]:
        http = await self._open()
        response = await http.read("GET", f"{entity}/entityInformation/fields")
        try:
            return {
                str(field["name"]): [PicklistValue.model_validate(v) for v in field.get("picklistValues") or []]
                for field in self._answer(http, response).get("fields") or []
                if field.get("isPickList")
            }
        except ValidationError:
            pass
        raise http.unreadable(response, f"the fields of {entity} can't be read")

    async def _write(self, method: str, path: str, body: Json) -> int:
        http = await self._open()
        response = await http.write(method, path, json=body)
        item_id = self._answer(http, response, write=True).get("itemId")
        if item_id is None:
            raise http.unreadable(response, "the answer names no itemId", write=True)
        return int(item_id)

    @staticmethod
    def _answer(http: VendorHttp, response: httpx.Response, *, write: bool = False) -> Json:
        answer = http.payload(response, write=write)
        if not isinstance(answer, dict):
            raise http.unreadable(response, "the answer isn't an object", write=write)
        if texts := _error_texts(answer):
            # A failure in spite of its 200 (§10); together with an id nobody knows what it means.
            kind = UnclearOutcome if write and answer.get("itemId") else Refused
            request = response.request
            raise kind(VENDOR, "; ".join(texts), status=200, method=request.method, path=request.url.path)
        return answer


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _error_texts(body: Any) -> list[str]:
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list):
        return []
    return [str(error.get("message", "")) if isinstance(error, dict) else str(error) for error in errors]


def _decoded(http: VendorHttp, response: httpx.Response, data: Any) -> bytes:
    try:
        return base64.b64decode(str(data), validate=True)
    except ValueError:
        pass
    raise http.unreadable(response, "the attachment's content isn't base64")


def _is_read(request: httpx.Request) -> bool:
    return request.method == "GET" or "/query" in request.url.path


def _same_host(one: str, other: str) -> bool:
    first, second = httpx.URL(one), httpx.URL(other)
    return (first.scheme, first.host, first.port) == (second.scheme, second.host, second.port)
