"""Bearer tokens: cached until shortly before they expire, renewed by one caller at a time."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx


@dataclass(frozen=True)
class Token:
    """An access token and how long it lives, in seconds from when it was fetched."""

    value: str = field(repr=False)
    expires_in: float


class TokenAuth(httpx.Auth):
    """Put a bearer token on each request; on a 401 renew it once and send again.

    `fetch` gets a new token and raises a `VendorError` if it can't. A 401 means that nothing was carried out,
    so even a write may be sent again. `early` (seconds) is how long before its end a token is no longer used.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Token]],
        *,
        early: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._early = early
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._good_until = 0.0

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = await self.token()
        request.headers["Authorization"] = f"Bearer {token.value}"
        response = yield request
        if response.status_code == 401:
            token = await self.token(instead_of=token)
            request.headers["Authorization"] = f"Bearer {token.value}"
            yield request

    async def token(self, instead_of: Token | None = None) -> Token:
        """Return a token that is still good; `instead_of` names one that the vendor just rejected."""
        async with self._lock:
            if self._token is not None and self._token is not instead_of and self._clock() < self._good_until:
                return self._token
            asked_at = self._clock()
            self._token = None
            self._token = await self._fetch()
            # Never earlier than half its life: a token of two minutes is still used for one.
            life = max(self._token.expires_in - self._early, self._token.expires_in / 2)
            self._good_until = asked_at + life
            return self._token
