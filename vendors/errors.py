"""What can go wrong at a vendor: one small tree of errors, each with the vendor's own words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST_MESSAGE = 600
_TOKENS = re.compile(r"(?i)\bbearer\s+[\w.~+/=-]+|\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")
_HIDDEN = "•••"


class VendorError(Exception):
    """A vendor's answer, or its silence, as one readable line.

    Holds the vendor's own message, code and trace id; never a body, a header, a query or a secret, because
    Prefect persists and logs the exceptions of failed tasks.
    """

    def __init__(
        self,
        vendor: str,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        trace_id: str | None = None,
        method: str = "",
        path: str = "",
    ) -> None:
        super().__init__(vendor, message)
        self.vendor = vendor
        self.message = message
        self.status = status
        self.code = code
        self.trace_id = trace_id
        self.method = method
        self.path = path

    what = "failed"

    def __str__(self) -> str:
        answer = " ".join(str(part) for part in (self.status, self.code) if part is not None)
        place = ", ".join(
            part
            for part in (
                f"{self.method} {self.path}".strip(),
                f"trace {self.trace_id}" if self.trace_id else "",
            )
            if part
        )
        return (
            f"{self.vendor} {self.what}"
            + (f" ({answer})" if answer else "")
            + f": {self.message or 'no message'}"
            + (f" [{place}]" if place else "")
        )


class Unauthorised(VendorError):
    """The credentials or their rights don't suffice (401, 403): faulty configuration, useless to retry."""

    what = "denies access"


class NotFound(VendorError):
    """The vendor knows no such thing (404), or no longer."""

    what = "finds nothing there"


class Refused(VendorError):
    """The vendor understood and said no; nothing was changed. Sending the same again gets the same answer."""

    what = "refused"


class RateLimited(VendorError):
    """Too many calls; nothing was changed. `retry_after` is in seconds, None where the vendor didn't say."""

    what = "asks to slow down"
    retry_after: float | None = None


class Unavailable(VendorError):
    """A read failed after its retries, or a write was certainly not carried out. Safe to try again later."""

    what = "can't be reached"


class UnclearOutcome(VendorError):
    """A write whose effect nobody knows: look for it before anything is sent again (decision 3)."""

    what = "left it unclear whether this was carried out"


@dataclass(frozen=True)
class ErrorDetail:
    """What a vendor's error answer says, read by that vendor's own function.

    `verdict` overrules the class that the HTTP status stands for (DocuSign's 400 for a polling limit,
    Autotask's 500 for a validation fault). `retry_after` is in seconds and counts only if the answer has no
    Retry-After header.
    """

    message: str
    code: str | None = None
    trace_id: str | None = None
    verdict: type[VendorError] | None = None
    retry_after: float | None = None


def verdict_of(status: int, *, write: bool) -> type[VendorError]:
    """Return the class of error that an HTTP status stands for, when the vendor has no word of its own."""
    if status in (401, 403):
        return Unauthorised
    if status in (404, 410):
        return NotFound
    if status == 429:
        return RateLimited
    if status == 408 or status >= 500:
        return UnclearOutcome if write else Unavailable
    return Refused


def one_line(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a vendor's text on one line, cut to a readable length, without tokens and the given secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, _HIDDEN)
    text = " ".join(_TOKENS.sub(_HIDDEN, text).split())
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"
