"""The traits of IT Glue's flexible assets: how they are merged without loss, and how our words meet the layout."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from vendors.http import Refused
from vendors.itglue_models import AssetField, FlexibleAssetType

_NOT_GIVEN_BACK = {"Password", "Upload"}


class LayoutMismatch(Refused):
    """The account's layout and our configuration or values don't fit; names what doesn't. Nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__("IT Glue", message)

    def __reduce__(self) -> tuple[type["LayoutMismatch"], tuple[str]]:
        return (LayoutMismatch, (self.message,))


def merged(layout: FlexibleAssetType, present: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return all traits to write: those present, as IT Glue takes them back, with `changed` put over them.

    A PATCH deletes every trait that isn't sent (itglue.md §1.5). A trait that can't be given back as it was
    read (a password, an uploaded file) is refused by name, rather than lost or overwritten with a mask.
    """
    result: dict[str, Any] = {}
    lost: list[str] = []
    for key, value in present.items():
        if key in changed or value is None:
            continue
        field = layout.field(key)
        if (field is not None and field.kind in _NOT_GIVEN_BACK) or not _can_be_written(value):
            lost.append(key)
        else:
            result[key] = as_written(value)
    if lost:
        raise LayoutMismatch(
            f"this asset can't be changed by API without losing {_listed(lost)}: a person must do it in IT Glue"
        )
    return result | {key: as_written(value) for key, value in changed.items()}


def as_written(value: Any) -> Any:
    """Return a trait as IT Glue takes it: tags as ids, days as ISO text, decimals as JSON numbers (§4.6)."""
    if isinstance(value, Mapping) and isinstance(value.get("values"), list):
        return [_tag_id(tag) for tag in value["values"]]
    if isinstance(value, datetime):
        raise LayoutMismatch("a date field takes a day, not a time")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


class FieldMap:
    """Our words for an asset's fields, bound to the account's own layout.

    `names` is ours → the layout's name-key. Refuses, naming them, name-keys that the layout doesn't have and
    required fields that nothing is mapped to (itglue.md §4.6).
    """

    def __init__(self, layout: FlexibleAssetType, names: Mapping[str, str]) -> None:
        unknown = [key for key in names.values() if layout.field(key) is None]
        missing = [f.name_key for f in layout.fields if f.required and f.name_key not in names.values()]
        faults = [
            f"has no field {_listed(unknown)}" if unknown else "",
            f"requires {_listed(missing)}, which nothing is mapped to" if missing else "",
        ]
        if any(faults):
            known = _listed(field.name_key for field in layout.fields if field.kind != "Header")
            raise LayoutMismatch(
                f"the flexible asset type {layout.name!r} {' and '.join(f for f in faults if f)}; "
                f"its fields are {known or 'none'}"
            )
        self._layout = layout
        self._fields = {ours: field for ours, key in names.items() if (field := layout.field(key)) is not None}

    def traits(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the traits for our values; a word without a mapped field is left out, None too.

        Refuses a required field without a value and a choice that the layout doesn't offer, by name.
        """
        given = self.changes(values)
        empty = [f.name_key for f in self._fields.values() if f.required and f.name_key not in given]
        if empty:
            raise LayoutMismatch(f"the flexible asset type {self._layout.name!r} requires {_listed(empty)}")
        return given

    def changes(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the traits of some of our values, for an asset that is there and keeps its others."""
        return {
            field.name_key: _fitting(field, values[ours])
            for ours, field in self._fields.items()
            if values.get(ours) is not None
        }


def _fitting(field: AssetField, value: Any) -> Any:
    written = as_written(value)
    if field.kind == "Select" and str(written) not in field.choices:
        raise LayoutMismatch(f"{field.name_key} offers {_listed(field.choices)}, not {str(written)!r}")
    if field.kind in ("Text", "Textbox"):
        return str(written)
    return written


def _can_be_written(value: Any) -> bool:
    if isinstance(value, Mapping):
        tags = value.get("values")
        return isinstance(tags, list) and all(isinstance(tag, Mapping) and "id" in tag for tag in tags)
    return not isinstance(value, list) or not any(isinstance(part, (Mapping, list)) for part in value)


def _tag_id(tag: Mapping[str, Any]) -> Any:
    return int(tag["id"]) if str(tag["id"]).isdigit() else tag["id"]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
