"""The line to IT Glue: its key, its pages, and JSON:API made into models."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import ValidationError

from vendors.http import ErrorDetail, Refused, RetryPolicy, VendorHttp
from vendors.itglue_models import Resource

VENDOR = "IT Glue"
JSON_API = {"Content-Type": "application/vnd.api+json"}
_PAGE = 200

_R = TypeVar("_R", bound=Resource)


def read_error(response: httpx.Response) -> ErrorDetail:
    """Read JSON:API's `{"errors": [{title, detail, source}]}`; gateways may answer no JSON at all (§6)."""
    body = response.json()
    errors = body.get("errors") if isinstance(body, dict) else None
    return ErrorDetail("; ".join(_in_words(error) for error in errors or []))


class ITGlueHttp:
    """What all calls to IT Glue have in common; an async context manager."""

    def __init__(
        self,
        *,
        api_key: str,
        address: str = "https://api.itglue.com",
        timeout: float = 60.0,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._http = VendorHttp(
            VENDOR,
            address.rstrip("/"),
            None,
            read_error,
            headers={"x-api-key": api_key},
            timeout=timeout,
            max_concurrency=4,
            secrets=(api_key,),
            policy=policy,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _get(self, path: str, params: Mapping[str, str | int | None] | None = None) -> dict[str, Any]:
        response = await self._http.read("GET", path, params=params)
        answer = self._http.payload(response)
        if not isinstance(answer, dict) or "data" not in answer:
            raise self._http.unreadable(response, "the answer has no data")
        return answer

    async def _list(self, kind: type[_R], path: str, params: Mapping[str, str | int | None]) -> list[_R]:
        found: list[_R] = []
        page: int | None = 1
        while page is not None:
            answer = await self._get(path, {**params, "page[number]": page, "page[size]": _PAGE})
            found += [self._read(kind, data) for data in answer["data"]]
            following = (answer.get("meta") or {}).get("next-page")
            page = int(following) if following else None
        return found

    def _read(self, kind: type[_R], data: Any, *, response: httpx.Response | None = None) -> _R:
        try:
            return kind.of(data)
        except (ValidationError, KeyError, TypeError):
            pass  # pydantic's error would quote the record
        why = f"a record of kind {kind.__name__} can't be read"
        if response is not None:
            raise self._http.unreadable(response, why, write=True)
        raise Refused(VENDOR, why)


def named(name: str | None) -> dict[str, str]:
    """Return the filter for a name, to be compared exactly on this side."""
    # A comma divides several values (itglue.md §3): such a name is looked for on this side only.
    return {} if name is None or "," in name else {"filter[name]": name}


def _in_words(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    title, detail = str(error.get("title") or ""), str(error.get("detail") or "")
    pointer = str((error.get("source") or {}).get("pointer") or "")
    words = ": ".join(part for part in (title, detail) if part)
    return f"{words} ({pointer})" if pointer else words
