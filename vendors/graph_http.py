"""Microsoft Graph's manners over HTTP: tokens, request ids, errors by code, pages by opaque links."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from vendors.http import (
    ErrorDetail,
    RateLimited,
    Refused,
    RetryPolicy,
    Token,
    TokenAuth,
    Unauthorised,
    VendorError,
    VendorHttp,
)

GRAPH = "https://graph.microsoft.com/v1.0"
LOGIN = "https://login.microsoftonline.com"
_SCOPE = "https://graph.microsoft.com/.default"
_TRANSIENT = (423, 509)  # beside those that every vendor has (graph.md §3)

Json = dict[str, Any]
Params = Mapping[str, str | int | bool | None]


def quoted(value: str) -> str:
    """Return a text as an OData literal: in single quotes, its own doubled (graph.md §4.4)."""
    return "'" + value.replace("'", "''") + "'"


def segment(value: str) -> str:
    """Return an id or address as one segment of a path."""
    return quote(value, safe="@")


def read_error(response: httpx.Response) -> ErrorDetail:
    """Read `{"error": {"code", "message", "innerError"}}`; the request id is its trace (graph.md §3)."""
    error = response.json()["error"]
    inner = error.get("innerError") or error.get("innererror") or {}
    return ErrorDetail(
        str(error.get("message") or ""),
        code=str(error.get("code") or "") or None,
        trace_id=inner.get("request-id") or response.headers.get("request-id"),
        verdict=RateLimited if response.status_code in _TRANSIENT else None,
    )


def read_login_error(response: httpx.Response) -> ErrorDetail:
    """Read a token endpoint's error: whatever it refuses is a fault of the credentials."""
    body = response.json()
    if isinstance(body.get("error"), dict):  # a gateway before it speaks as Graph does
        return read_error(response)
    first_line = (str(body.get("error_description") or "").splitlines() or [""])[0]
    verdict: type[VendorError] | None = Unauthorised if response.status_code in (400, 401, 403) else None
    return ErrorDetail(first_line, code=body.get("error"), trace_id=body.get("trace_id"), verdict=verdict)


class Login:
    """The token endpoint, for one app registration; its secrets appear in no error and no repr."""

    def __init__(
        self,
        vendor: str,
        address: str,
        *,
        client_id: str,
        client_secret: str,
        refresh_token: str = "",
        policy: RetryPolicy | None = None,
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._refresh_token = refresh_token
        self._one_at_a_time = asyncio.Lock()
        self._http = VendorHttp(
            vendor,
            address.rstrip("/"),
            None,
            read_login_error,
            secrets=(client_secret, refresh_token),
            policy=policy,
        )

    async def as_app(self, tenant_id: str) -> Token:
        """Return a token of the app itself, by the client-credentials grant (graph.md §2)."""
        answer = await self._ask(tenant_id, {"grant_type": "client_credentials", "scope": _SCOPE})
        return _token(answer)

    async def as_service_account(self, tenant_id: str) -> Token:
        """Return a token of the service account in its own or a customer's tenant, by the refresh grant.

        A new refresh token that comes along takes the old one's place, in memory only.
        """
        async with self._one_at_a_time:
            answer = await self._ask(
                tenant_id,
                {"grant_type": "refresh_token", "refresh_token": self._refresh_token, "scope": _SCOPE},
            )
            self._refresh_token = str(answer.get("refresh_token") or self._refresh_token)
        return _token(answer)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _ask(self, tenant_id: str, form: Mapping[str, str]) -> Json:
        credentials = {"client_id": self._client_id, "client_secret": self._client_secret}
        path = f"/{segment(tenant_id)}/oauth2/v2.0/token"
        response = await self._http.read("POST", path, data={**credentials, **form})
        answer = self._http.payload(response)
        if not isinstance(answer, dict) or not answer.get("access_token"):
            raise self._http.unreadable(response, "the token endpoint gave no token")
        return answer


class GraphHttp:
    """Graph with one credential in one tenant: JSON in and out, every call with a client-request-id."""

    def __init__(
        self,
        vendor: str,
        address: str,
        fetch_token: Callable[[], Awaitable[Token]],
        *,
        prefer: str = "",
        max_concurrency: int = 4,
        timeout: float = 60.0,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._prefer = prefer
        self._address = address
        self._http = VendorHttp(
            vendor,
            address.rstrip("/"),
            TokenAuth(fetch_token),
            read_error,
            timeout=timeout,
            max_concurrency=max_concurrency,
            policy=policy,
        )

    async def get(self, path: str, params: Params | None = None, *, prefer: str = "") -> Json:
        """Read one object."""
        response = await self._http.read("GET", path, params=params, headers=self._headers(prefer))
        return self._object(response)

    async def content(self, path: str) -> bytes:
        """Read bytes, such as a message's MIME source."""
        response = await self._http.read("GET", path, headers=self._headers())
        return response.content

    async def post(self, path: str, body: Json | None = None) -> Json:
        """Change something, once; an answer without content is an empty object."""
        response = await self._http.write("POST", path, json=body, headers=self._headers())
        return self._object(response, write=True) if response.content else {}

    async def pages(self, path: str, params: Params | None = None, *, prefer: str = "") -> AsyncIterator[Json]:
        """Read a list page by page; the link to the next page is opaque and followed as it is (graph.md §3).

        `path` may be such a link too. A link to another host isn't followed: it would be given the token.
        """
        if "://" in path and not _same_host(path, self._address):
            raise Refused(self._http.vendor, "the link to go on from lies on another host: not followed")
        response = await self._http.read("GET", path, params=params, headers=self._headers(prefer))
        while True:
            page = self._object(response)
            yield page
            following = page.get("@odata.nextLink")
            if not following:
                return
            if not _same_host(str(following), self._address):
                raise self._http.unreadable(response, "the next page lies on another host: not followed")
            response = await self._http.read("GET", str(following), headers=self._headers(prefer))

    async def list(self, path: str, params: Params | None = None) -> list[Json]:
        """Read a whole list, all pages."""
        return [record async for page in self.pages(path, params) for record in page.get("value") or []]

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _headers(self, prefer: str = "") -> dict[str, str]:
        preferences = ", ".join(part for part in (self._prefer, prefer) if part)
        headers = {"client-request-id": str(uuid.uuid4())}
        return headers | {"Prefer": preferences} if preferences else headers

    def _object(self, response: httpx.Response, *, write: bool = False) -> Json:
        answer = self._http.payload(response, write=write)
        if not isinstance(answer, dict):
            raise self._http.unreadable(response, "the answer isn't an object", write=write)
        return answer


def _token(answer: Json) -> Token:
    return Token(str(answer["access_token"]), float(answer.get("expires_in") or 0))


def _same_host(link: str, address: str) -> bool:
    there, here = httpx.URL(link), httpx.URL(address)
    return (there.scheme, there.host, there.port) == (here.scheme, here.host, here.port)
