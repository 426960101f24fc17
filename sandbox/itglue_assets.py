"""IT Glue's flexible assets: traits checked against the type's fields, tags written as ids and read as objects."""

import base64
import binascii
from datetime import date
from typing import Any

from sandbox.core import Record, World
from sandbox.itglue_answers import refuse

FIELDS = "itglue.flexible_asset_fields"
ASSETS = "itglue.flexible_assets"
TAGGED = {
    "Passwords": "itglue.passwords",
    "Contacts": "itglue.contacts",
    "Organizations": "itglue.organizations",
    "AccountsUsers": "itglue.users",
    "FlexibleAssetType": ASSETS,
}
LONGEST_TEXT = 255


def fields_of(world: World, type_id: int) -> list[Record]:
    """The fields of a type, in their order."""
    mine = [f for f in world.store.all(FIELDS) if f["flexible-asset-type-id"] == type_id]
    return sorted(mine, key=lambda f: int(f["order"]))


def checked_traits(world: World, type_id: int, given: Any) -> Record:
    """The traits as they are kept: exactly those sent, each checked; a 422 for the first that is wrong."""
    if not isinstance(given, dict):
        raise refuse(422, "traits must be an object", "/data/attributes/traits")
    fields = {f["name-key"]: f for f in fields_of(world, type_id)}
    kept: Record = {}
    for key, value in given.items():
        if key not in fields:
            raise refuse(422, f"{key} is not a field of this flexible asset type", _at(key))
        if value is not None and value != "":
            kept[key] = _checked(world, fields[key], key, value)
    for key, field in fields.items():
        if field["required"] and key not in kept:
            raise refuse(422, f"{field['name']} can't be blank", _at(key))
    return kept


def _at(key: str) -> str:
    return f"/data/attributes/traits/{key}"


def _checked(world: World, field: Record, key: str, value: Any) -> Any:
    wrong = f"{field['name']} is not a valid {field['kind']}"
    match field["kind"]:
        case "Text":
            if not isinstance(value, str) or len(value) > LONGEST_TEXT:
                raise refuse(422, f"{field['name']} must be text of at most {LONGEST_TEXT} characters", _at(key))
        case "Textbox" | "Password":
            if not isinstance(value, str):
                raise refuse(422, wrong, _at(key))
        case "Checkbox":
            if not isinstance(value, bool):
                raise refuse(422, wrong, _at(key))
        case "Number" | "Percent":
            try:
                float(value)
            except (TypeError, ValueError) as error:
                raise refuse(422, wrong, _at(key)) from error
        case "Date":
            try:
                date.fromisoformat(str(value))
            except ValueError as error:
                raise refuse(422, wrong, _at(key)) from error
        case "Select":
            if value not in str(field["default-value"]).splitlines():
                raise refuse(422, f"{field['name']} is not included in the list", _at(key))
        case "Tag":
            return _tag_ids(world, field, key, value)
        case "Upload":
            _check_upload(field, key, value)
        case _:
            raise refuse(422, f"{field['name']} takes no value", _at(key))
    return value


def _check_upload(field: Record, key: str, value: Any) -> None:
    try:
        base64.b64decode(value["content"], validate=True)
        str(value["file_name"])
    except (TypeError, KeyError, binascii.Error, ValueError) as error:
        raise refuse(422, f"{field['name']} needs content (base64) and file_name", _at(key)) from error


def _tag_ids(world: World, field: Record, key: str, value: Any) -> list[int]:
    """Tags are written as an id or an array of ids; the object that a read gives is refused."""
    kind = TAGGED[str(field["tag-type"]).partition(":")[0]]
    ids: list[int] = []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, bool) or not str(one).isdigit() or world.store.get(kind, int(one)) is None:
            raise refuse(422, f"{field['name']} must be ids of existing {field['tag-type']}", _at(key))
        ids.append(int(one))
    return ids


def title_of(world: World, type_id: int, traits: Record) -> str:
    """The asset's name: its fields that are used for the title, in order."""
    titles = [f["name-key"] for f in fields_of(world, type_id) if f["use-for-title"]]
    return " ".join(str(traits[key]) for key in titles if traits.get(key) is not None)


def shown_traits(world: World, type_id: int, traits: Record) -> Record:
    """The traits as a read gives them: tags become `{"type", "values": [{"id", "name"}]}`."""
    tags = {f["name-key"]: f["tag-type"] for f in fields_of(world, type_id) if f["kind"] == "Tag"}
    shown: Record = {}
    for key, value in traits.items():
        if key not in tags:
            shown[key] = value
            continue
        kind = TAGGED[str(tags[key]).partition(":")[0]]
        found = [world.store.get(kind, one) for one in value]
        values = [{"id": one["id"], "name": one.get("name")} for one in found if one is not None]
        shown[key] = {"type": str(tags[key]).partition(":")[0], "values": values}
    return shown
