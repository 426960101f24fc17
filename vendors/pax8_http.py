"""The line to Pax8: its token, its pages, and answers made into models."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from vendors.http import Params, RetryPolicy, Token, TokenAuth, VendorHttp
from vendors.paging import Pages
from vendors.pax8_errors import VENDOR, read_error, read_token_error
from vendors.wire import text

M = TypeVar("M", bound=BaseModel)
Clock = Callable[[], datetime]

PRODUCTION = "https://api.pax8.com/v1"
PRODUCTION_TOKEN = "https://api.pax8.com/v1/token"  # noqa: S105 - an address
AUDIENCE = "https://api.pax8.com"
LIST_PAGE = 200  # the largest there is
_TIMEOUT = httpx.Timeout(90.0, connect=15.0)


def utc_now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


class Pax8Http:
    """What all calls to Pax8 have in common; an async context manager."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        api_address: str = PRODUCTION,
        token_address: str = PRODUCTION_TOKEN,
        audience: str = AUDIENCE,
        clock: Clock = utc_now,
        put_needs_all: bool = False,
        policy: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._token_address = token_address
        self._audience = audience
        self._clock = clock
        self._put_needs_all = put_needs_all
        self._token_http = VendorHttp(
            VENDOR,
            token_address,
            None,
            read_token_error,
            policy=policy,
            secrets=(client_secret,),
            transport=transport,
        )
        # A token lives a day: renewed an hour before its end (§2).
        self._http = VendorHttp(
            VENDOR,
            api_address,
            TokenAuth(self._fetch_token, early=3600.0),
            read_error,
            timeout=_TIMEOUT,
            max_concurrency=4,
            policy=policy,
            secrets=(client_secret,),
            transport=transport,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._token_http.aclose()
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _fetch_token(self) -> Token:
        wanted = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "audience": self._audience,
            "grant_type": "client_credentials",
        }
        response = await self._token_http.read("POST", self._token_address, json=wanted)
        body = self._token_http.record(response)
        if not text(body, "access_token"):
            raise self._token_http.unreadable(response, "the answer holds no access token")
        return Token(value=text(body, "access_token"), expires_in=float(body.get("expires_in") or 86_400))

    def _pages(self, path: str, model: type[M], params: Params, size: int = LIST_PAGE) -> Pages[M]:
        async def walk() -> AsyncIterator[M]:
            number = 0
            while True:
                place = {"page": str(number), "size": str(size)}
                response = await self._http.read("GET", path, params={**params, **place})
                body = self._http.record(response)
                records = body.get("content") or ()
                for record in records:
                    yield self._model(response, model, record)
                page = body.get("page") or {}
                number += 1
                if not records or number >= int(page.get("totalPages") or 0):
                    return

        return Pages(walk)

    async def _content(self, path: str, model: type[M], params: Params | None = None) -> list[M]:
        response = await self._http.read("GET", path, params=params)
        records = self._http.record(response).get("content") or ()
        return [self._model(response, model, record) for record in records]

    async def _one(self, path: str, model: type[M]) -> M:
        return self._model(await self._http.read("GET", path), model)

    def _model(self, response: httpx.Response, model: type[M], record: Any = None, *, write: bool = False) -> M:
        if record is None:
            record = self._http.payload(response, write=write)
        try:
            return model.model_validate(record)
        except ValidationError as fault:
            fields = ", ".join(".".join(str(part) for part in error["loc"]) for error in fault.errors())
        raise self._http.unreadable(response, f"{model.__name__} has an unknown shape in {fields}", write=write)
