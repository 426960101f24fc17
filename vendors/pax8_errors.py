"""Pax8's error answers in the three shapes that were seen, and what they mean."""

from typing import Any

import httpx

from vendors.http import ErrorDetail, Refused, Unauthorised, VendorError
from vendors.wire import text, text_or_none

VENDOR = "Pax8"
_TRACE_HEADERS = ("x-request-id", "x-correlation-id", "x-amzn-trace-id", "cf-ray")


def read_error(response: httpx.Response) -> ErrorDetail:
    """Read Pax8's error, its flat `{"errors": [...]}`, or the token endpoint's (pax8.md §2, §3).

    404 to an order means that the product isn't sold to that company: a refusal, not a missing page.
    """
    body = _object(response)
    texts = [text(body, "message"), *_texts(body.get("details")), *_texts(body.get("errors"))]
    said = list(dict.fromkeys(one for one in texts if one))
    ordering = response.request.method == "POST" and response.request.url.path.endswith("/orders")
    verdict: type[VendorError] | None = Refused if ordering and response.status_code == 404 else None
    return ErrorDetail(
        "; ".join(said) or text(body, "error_description") or text(body, "error"),
        code=text_or_none(body, "type") or text_or_none(body, "error"),
        trace_id=next((response.headers[n] for n in _TRACE_HEADERS if n in response.headers), None),
        verdict=verdict,
    )


def read_token_error(response: httpx.Response) -> ErrorDetail:
    """Read the token endpoint's error; a refused token is a fault of configuration, whatever its status."""
    detail = read_error(response)
    refused = 400 <= response.status_code < 500 and response.status_code not in (408, 429)
    return ErrorDetail(
        detail.message,
        code=detail.code,
        trace_id=detail.trace_id,
        verdict=Unauthorised if refused else None,
    )


def _texts(entries: Any) -> list[str]:
    if not isinstance(entries, list):
        return []
    return [text(one, "message") if isinstance(one, dict) else str(one) for one in entries]


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (ValueError, UnicodeError):
        return {}
    return body if isinstance(body, dict) else {}
