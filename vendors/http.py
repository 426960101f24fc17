"""HTTP with a vendor: reads are retried, writes are sent once, and every failure becomes a typed error."""

import asyncio
import functools
import inspect
import json as jsonlib
import random
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx

from vendors.errors import (
    ErrorDetail,
    NotFound,
    RateLimited,
    Refused,
    Unauthorised,
    Unavailable,
    UnclearOutcome,
    VendorError,
    one_line,
    verdict_of,
)
from vendors.retry import RetryPolicy, pause, retry_after
from vendors.tokens import Token, TokenAuth

__all__ = [
    "ErrorDetail",
    "NotFound",
    "RateLimited",
    "Refused",
    "RetryPolicy",
    "Token",
    "TokenAuth",
    "Unauthorised",
    "Unavailable",
    "UnclearOutcome",
    "VendorError",
    "VendorHttp",
    "observers",
    "segment",
]

Params = Mapping[str, str | int | bool | Sequence[str] | None]
Observer = Callable[[httpx.Request, httpx.Response | None], Awaitable[None] | None]

observers: list[Observer] = []
"""Called after each exchange, with None where no answer came. For tests: they stop the process here."""

# The request can't have reached the vendor: there was no connection yet.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_DICE = random.SystemRandom()


@functools.cache
def trusted() -> ssl.SSLContext:
    """The certificate authorities, read once a process: reading them takes 67 ms of a blocked event loop."""
    return httpx.create_ssl_context()


class VendorHttp:
    """One vendor's HTTP address, with its credentials, its manners of error, and a limit on calls at a time.

    `secrets` are texts that no error may show, should the vendor echo one. Timeouts in seconds.
    An async context manager; `aclose()` closes the connections.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        auth: httpx.Auth | None,
        read_error: Callable[[httpx.Response], ErrorDetail],
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | httpx.Timeout = 30.0,
        max_concurrency: int = 8,
        policy: RetryPolicy | None = None,
        secrets: Sequence[str] = (),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.vendor = vendor
        self._read_error = read_error
        self._policy = policy or RetryPolicy()
        self._secrets = tuple(secrets)
        self._turns = asyncio.Semaphore(max_concurrency)
        fault: str | None = None
        try:
            self._client = httpx.AsyncClient(
                base_url=base_url,
                auth=auth,
                headers={"Accept": "application/json", **(headers or {})},
                timeout=timeout,
                # Shorter than any server's: a write must not meet a connection that is just being closed.
                limits=httpx.Limits(max_connections=max_concurrency, keepalive_expiry=3.0),
                verify=trusted(),
                transport=transport,
            )
        except UnicodeError:
            fault = "a credential holds a character that can't stand in a header"
        except httpx.InvalidURL:
            fault = "the configured address isn't a URL"
        if fault:  # raised out here: the original errors would carry the header's text along
            raise Unauthorised(vendor, fault)

    async def read(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Ask for something; tried again on 429, 5xx and network faults, a bounded number of times.

        For calls without effect only, whatever their method (Autotask queries by POST, as do token requests).
        Raises `Unauthorised`, `NotFound`, `Refused`, `RateLimited` or `Unavailable`.
        """
        return await self._call(method, path, False, params=params, json=json, data=data, headers=headers)

    async def write(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: Mapping[str, str] | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """Change something, once; sent again only where nothing can have happened (429, no connection).

        Raises `UnclearOutcome` where the effect is unknown: the caller looks for it before sending anything
        again. Other failures as in `read`; after each of those nothing was changed.
        """
        return await self._call(
            method, path, True, params=params, json=json, data=data, headers=headers, content=content
        )

    def payload(self, response: httpx.Response, *, write: bool = False) -> Any:
        """Return an answer's JSON with its fractions as Decimal; an answer that isn't JSON is an error."""
        parsed: Any = None
        try:
            parsed = jsonlib.loads(response.content, parse_float=Decimal)
        except (ValueError, UnicodeError):
            understood = False
        else:
            understood = True
        if not understood:
            raise self.unreadable(response, "the answer isn't JSON", write=write)
        return parsed

    def record(self, response: httpx.Response, *, write: bool = False) -> dict[str, Any]:
        """Return an answer's JSON object, as `payload`; anything else is an error."""
        parsed = self.payload(response, write=write)
        if not isinstance(parsed, dict):
            raise self.unreadable(response, "the answer isn't a JSON object", write=write)
        return parsed

    def unreadable(self, response: httpx.Response, why: str, *, write: bool = False) -> VendorError:
        """Return the error for a successful answer that can't be understood; for a write that is unclear."""
        return (UnclearOutcome if write else Unavailable)(
            self.vendor,
            one_line(why, self._secrets),
            status=response.status_code,
            method=response.request.method,
            path=response.request.url.path,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _call(self, method: str, path: str, write: bool, **parts: Any) -> httpx.Response:
        params = {name: value for name, value in (parts.pop("params") or {}).items() if value is not None}
        tried = 0
        while True:
            tried += 1
            request = self._client.build_request(method, path, params=params or None, **parts)
            response, fault = await self._exchange(request)
            if response is not None and response.is_success:
                return response
            error = (
                self._error_answer(response, write) if response is not None else self._silence(request, fault, write)
            )
            never_sent = response is None and isinstance(fault, _NEVER_SENT)
            again = isinstance(error, RateLimited) or (never_sent if write else isinstance(error, Unavailable))
            asked = error.retry_after if isinstance(error, RateLimited) else None
            if asked is None and response is not None:
                asked = retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
            wait = pause(self._policy, tried, asked, _DICE.random()) if again else None
            if wait is None:
                raise error
            await asyncio.sleep(wait)

    async def _exchange(self, request: httpx.Request) -> tuple[httpx.Response | None, Exception | None]:
        # The fault is handed back, not chained: httpx's errors carry the request with its credentials.
        response: httpx.Response | None = None
        fault: Exception | None = None
        async with self._turns:
            try:
                response = await self._client.send(request)
            except (httpx.TransportError, httpx.DecodingError) as transport_fault:
                fault = transport_fault
        for observer in tuple(observers):
            seen = observer(request, response)
            if inspect.isawaitable(seen):
                await seen
        return response, fault

    def _error_answer(self, response: httpx.Response, write: bool) -> VendorError:
        if response.is_redirect:
            detail = ErrorDetail("answered with a redirect: is the configured address right?", verdict=Refused)
        else:
            try:
                detail = self._read_error(response)
            except (ValueError, TypeError, KeyError, AttributeError, IndexError):
                detail = ErrorDetail("")  # an error body of an unknown shape; its status says enough
        kind = detail.verdict or verdict_of(response.status_code, write=write)
        error = kind(
            self.vendor,
            one_line(str(detail.message or response.reason_phrase), self._secrets),
            status=response.status_code,
            code=one_line(str(detail.code), self._secrets) if detail.code else None,
            trace_id=detail.trace_id,
            method=response.request.method,
            path=response.request.url.path,
        )
        if isinstance(error, RateLimited):
            asked = retry_after(response.headers.get("Retry-After"), datetime.now(UTC))
            error.retry_after = detail.retry_after if asked is None else asked
        return error

    def _silence(self, request: httpx.Request, fault: Exception | None, write: bool) -> VendorError:
        never_sent = isinstance(fault, _NEVER_SENT)
        return (UnclearOutcome if write and not never_sent else Unavailable)(
            self.vendor,
            one_line(_in_words(fault), self._secrets),
            method=request.method,
            path=request.url.path,
        )


def segment(vendor: str, value: str) -> str:
    """Return an id that may stand in a path; anything that could lead to another path is `NotFound`, unsent.

    Ids come from forms too: "../orders" or "x?y" must never reach an address.
    """
    if _ID.fullmatch(value):
        return value
    raise NotFound(vendor, f"{one_line(value)!r} isn't an id; nothing was sent")


def _in_words(fault: Exception | None) -> str:
    # Only a failed connection's own text is shown: the others' can quote headers.
    match fault:
        case httpx.ConnectTimeout():
            return "no connection within the time allowed"
        case httpx.ConnectError():
            return f"no connection: {fault}"
        case httpx.TimeoutException():
            return "no answer within the time allowed"
        case httpx.LocalProtocolError():
            return "the request couldn't be sent: does a credential hold a line break or a space?"
        case httpx.UnsupportedProtocol():
            return "the configured address has no http:// or https://"
        case _:
            return f"the connection broke ({type(fault).__name__})"
