"""DocuSign's error answers: its codes, its trace token, and the polling limits that come as HTTP 400."""

from datetime import UTC, datetime
from typing import Any

import httpx

from vendors.http import ErrorDetail, RateLimited, Refused, Unauthorised, VendorError
from vendors.wire import text, text_or_none

VENDOR = "DocuSign"
_LIMIT_CODES = ("polling_limit", "apiinvocation")  # per envelope and for the account (docusign.md §9)
_BURST_SECONDS = 30.0


def read_error(response: httpx.Response) -> ErrorDetail:
    """Read `{"errorCode", "message"}`; a polling or invocation limit is `RateLimited` whatever its status."""
    body = _object(response)
    code = text_or_none(body, "errorCode")
    limited = limit_in(code) or response.status_code == 429
    return ErrorDetail(
        text(body, "message"),
        code=code,
        trace_id=trace_of(response),
        verdict=RateLimited if limited else None,
        retry_after=_until_reset(response, code) if limited else None,
    )


def read_oauth_error(response: httpx.Response) -> ErrorDetail:
    """Read `{"error", "error_description"}`; every refusal of a token is a fault of configuration (§3)."""
    body = _object(response)
    refused = 400 <= response.status_code < 500 and response.status_code not in (408, 429)
    return ErrorDetail(
        text(body, "error_description") or text(body, "error") or text(body, "message"),
        code=text_or_none(body, "error") or text_or_none(body, "errorCode"),
        trace_id=trace_of(response),
        verdict=Unauthorised if refused else None,
    )


def nested_error(payload: Any, response: httpx.Response) -> VendorError | None:
    """Return the refusal that hides in a successful answer: at its top, in a recipient, or in a field (§7)."""
    for detail in _details(payload):
        code = text(detail, "errorCode")
        if code and code.upper() != "SUCCESS":
            return Refused(
                VENDOR,
                text(detail, "message"),
                status=response.status_code,
                code=code,
                trace_id=trace_of(response),
                method=response.request.method,
                path=response.request.url.path,
            )
    return None


def limit_in(code: str | None) -> bool:
    """Say whether an error code means "too many calls"; DocuSign's spelling varies in case."""
    return code is not None and "limit" in code.lower() and any(part in code.lower() for part in _LIMIT_CODES)


def trace_of(response: httpx.Response) -> str | None:
    """Return the trace token that DocuSign's support asks for."""
    token: str | None = response.headers.get("X-DocuSign-TraceToken")
    return token


def _until_reset(response: httpx.Response, code: str | None) -> float | None:
    if code and code.lower().startswith("burst"):
        return _BURST_SECONDS
    now = datetime.now(UTC)
    try:
        seconds = float(response.headers["X-RateLimit-Reset"]) - now.timestamp()
        return min(max(0.0, seconds), 3600.0)
    except (KeyError, ValueError):
        pass
    # The hourly window is reset on the hour.
    return 3600.0 - now.timestamp() % 3600 if code and code.lower().startswith("hourly") else None


def _details(node: Any) -> list[Any]:
    if isinstance(node, list):
        return [detail for one in node for detail in _details(one)]
    if not isinstance(node, dict):
        return []
    own = [node["errorDetails"]] if isinstance(node.get("errorDetails"), dict) else []
    return own + [detail for key, value in node.items() if key != "errorDetails" for detail in _details(value)]


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (ValueError, UnicodeError):
        return {}
    return body if isinstance(body, dict) else {}
