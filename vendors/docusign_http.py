"""The line to one DocuSign account: opened at its own address, listed page by page, answers checked."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from vendors.docusign_auth import DocuSignAccount, DocuSignOAuth
from vendors.docusign_errors import VENDOR, nested_error, read_error
from vendors.http import Params, RetryPolicy, VendorHttp
from vendors.wire import text

T = TypeVar("T")

PRODUCTION = "https://account.docusign.com"
_PAGE = 500  # DocuSign gives 1,000 at most
# Rows looked at again on the next page: one that changes meanwhile leaves its place and the others move up.
_OVERLAP = 20


class DocuSignHttp:
    """What reading and writing envelopes have in common; an async context manager."""

    def __init__(
        self,
        *,
        integration_key: str,
        user_id: str,
        account_id: str,
        private_key: str,
        oauth_address: str = PRODUCTION,
        webhook_url: str | None = None,
        policy: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._oauth = DocuSignOAuth(
            address=oauth_address,
            integration_key=integration_key,
            user_id=user_id,
            private_key=private_key,
            policy=policy,
            transport=transport,
        )
        self._account_id = account_id
        self._webhook_url = webhook_url
        self._policy = policy
        self._transport = transport
        self._http: VendorHttp | None = None
        self._account: DocuSignAccount | None = None
        self._opening = asyncio.Lock()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._oauth.aclose()
        if self._http is not None:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _api(self) -> VendorHttp:
        # The account's address is learnt from userinfo, never configured (§2).
        async with self._opening:
            if self._http is None:
                self._account = await self._oauth.account(self._account_id)
                self._http = VendorHttp(
                    VENDOR,
                    f"{self._account.base_uri}/restapi/v2.1/accounts/{self._account.account_id}",
                    self._oauth.auth,
                    read_error,
                    timeout=httpx.Timeout(60.0, connect=15.0),
                    policy=self._policy,
                    transport=self._transport,
                )
            return self._http

    async def _rows(self, params: Params) -> list[dict[str, Any]]:
        """Return all rows of a list, each envelope once, in its newest state seen."""
        http = await self._api()
        rows: dict[str, dict[str, Any]] = {}
        start = 0
        while True:
            page = http.record(
                await http.read(
                    "GET",
                    "envelopes",
                    params={
                        **params,
                        "start_position": str(start),
                        "count": str(_PAGE),
                        "order_by": "status_changed",
                        "order": "asc",
                    },
                )
            )
            found = page.get("envelopes") or ()
            known = len(rows)
            for row in found:
                rows[text(row, "envelopeId")] = row
            end = start + len(found)
            total = int(text(page, "totalSetSize") or 0) or None
            nothing_new = len(rows) == known
            if not found or (nothing_new if total is None else end >= total):
                return list(rows.values())
            start = max(start + 1, end - min(_OVERLAP, len(found) // 2))

    def _done(self, http: VendorHttp, response: httpx.Response) -> dict[str, Any]:
        body = http.payload(response, write=True) if response.content else {}
        if (refusal := nested_error(body, response)) is not None:
            raise refusal
        return body if isinstance(body, dict) else {}

    def _understood(self, http: VendorHttp, response: httpx.Response, read: Callable[[dict[str, Any]], T]) -> T:
        record = http.payload(response)
        try:
            return read(record)
        except (ValueError, TypeError, AttributeError) as why:
            fault = type(why).__name__
        raise http.unreadable(response, f"the answer has an unknown shape ({fault})")
