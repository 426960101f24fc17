"""Reading what vendors send: frozen models deaf to unknown fields, and dates in all the shapes seen."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

_OFFSET_WITHOUT_COLON = re.compile(r"([+-]\d{2})(\d{2})$")
_FRACTION = re.compile(r"\.(\d+)")


class VendorModel(BaseModel):
    """Base of what a vendor's record becomes here: immutable, and deaf to fields it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True)


def lenient_datetime(value: Any) -> Any:
    """Return an aware UTC datetime from a vendor's text; None from an empty one.

    Takes `Z`, `+00:00`, `-0700`, 0 to 9 fractional digits, and plain dates (midnight UTC). A time without
    an offset is read as UTC; the first day of the year 1 is how some say "never". Raises ValueError for
    anything else.
    """
    if value is None or value == "" or (isinstance(value, str) and value.startswith("0001-01-01")):
        return None
    if isinstance(value, str):
        text = value.strip()
        text = _OFFSET_WITHOUT_COLON.sub(r"\1:\2", text) if "T" in text or " " in text else text
        value = datetime.fromisoformat(_FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), text))
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    raise ValueError("not a date or time")


def lenient_date(value: Any) -> Any:
    """Return the calendar day of a vendor's text, as it is written there; None from an empty one."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return date.fromisoformat(value.strip()[:10])
    return value.date() if isinstance(value, datetime) else value


def lenient_bool(value: Any) -> Any:
    """Return a truth from DocuSign's "true" as from a real one; None is False."""
    if isinstance(value, str):
        return value.strip().lower() == "true"
    return False if value is None else value


def text(record: Mapping[str, Any], name: str) -> str:
    """Return a field as text: "" if it is missing or null, numbers and truths spelled out."""
    value = record.get(name)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def text_or_none(record: Mapping[str, Any], name: str) -> str | None:
    """Return a field as text, or None if it is missing, null or empty."""
    return text(record, name) or None


VendorDateTime = Annotated[datetime, BeforeValidator(lenient_datetime)]
MaybeDateTime = Annotated[datetime | None, BeforeValidator(lenient_datetime)]
VendorDate = Annotated[date, BeforeValidator(lenient_date)]
MaybeDate = Annotated[date | None, BeforeValidator(lenient_date)]
LenientBool = Annotated[bool, BeforeValidator(lenient_bool)]
