"""IT Glue's passwords, the access lists that restrict them, and related items."""

import base64
import re
import secrets
from typing import Any

from sandbox.core import Record, World
from sandbox.itglue_answers import item, refuse

PASSWORDS = "itglue.passwords"
CATEGORIES = "itglue.password_categories"
ACCESSES = "itglue.resource_accesses"
RELATED = "itglue.related_items"
GROUPS = "itglue.groups"
USERS = "itglue.users"

WRITABLE = {
    "organization-id",
    "name",
    "password",
    "username",
    "url",
    "notes",
    "otp-secret",
    "password-category-id",
    "resource-type",
    "resource-id",
    "restricted",
    "archived",
    "shareable",
}
EMBEDDED_IN = {
    "Configuration",
    "Contact",
    "Document",
    "Domain",
    "Location",
    "SSL Certificate",
    "Flexible Asset",
    "Ticket",
}
RELATED_SOURCES = {
    "passwords": ("Password", PASSWORDS),
    "contacts": ("Contact", "itglue.contacts"),
    "flexible_assets": ("Flexible Asset", "itglue.flexible_assets"),
}
DESTINATIONS = {name: kind for name, kind in RELATED_SOURCES.values()} | {
    "User": USERS,
    "Organization": "itglue.organizations",
}
LIST_INCLUDES = (
    "attachments",
    "user_resource_accesses",
    "group_resource_accesses",
    "rotatable_password",
    "updater",
    "shared_links",
    "active_shared_links",
    "network_glue_networks",
)
SHOW_INCLUDES = (*LIST_INCLUDES, "related_items", "authorized_users", "recent_versions")
_SEED = re.compile(r"[A-Z2-7]{16,}=*")


def check_password(world: World, given: Record, old: Record | None) -> None:
    """A 422 for what the vendor refuses: unknown attribute, missing value, half an embedding, a bad seed."""
    unknown = set(given) - WRITABLE
    if unknown:
        raise refuse(422, f"unknown attribute: {', '.join(sorted(unknown))}")
    if old is not None and {"resource-type", "resource-id", "organization-id"} & set(given):
        raise refuse(422, "resource and organization can't be changed")
    merged = {**(old or {}), **given}
    for name in ("name", "password"):
        if not str(merged.get(name) or "").strip():
            raise refuse(422, f"{name} can't be blank", f"/data/attributes/{name}")
    if (given.get("resource-type") is None) is not (given.get("resource-id") is None):
        raise refuse(422, "resource-type and resource-id are given together or not at all")
    if given.get("resource-type") is not None and given["resource-type"] not in EMBEDDED_IN:
        raise refuse(422, f"a password can't be embedded in a {given['resource-type']}")
    category = given.get("password-category-id")
    if category is not None and world.store.get(CATEGORIES, category) is None:
        raise refuse(422, "password category must exist", "/data/attributes/password-category-id")
    seed = given.get("otp-secret")
    if seed and not _SEED.fullmatch(str(seed).replace(" ", "").upper()):
        raise refuse(422, "otp secret is not a valid Base32 secret", "/data/attributes/otp_secret")
    for name in ("restricted", "archived", "shareable"):
        if name in given and not isinstance(given[name], bool):
            raise refuse(422, f"{name} must be true or false", f"/data/attributes/{name}")


def shown_password(world: World, record: Record, *, with_secret: bool) -> Record:
    """A password as JSON:API; the OTP secret is never shown again (itglue.md §1.2)."""
    category = world.store.get(CATEGORIES, record.get("password-category-id") or "")
    organisation = world.store.get("itglue.organizations", record["organization-id"]) or {}
    shown = {
        **record,
        "organization-name": organisation.get("name"),
        "password-category-name": category["name"] if category else None,
        "otp-enabled": bool(record.get("otp-secret")),
        "resource-url": f"https://northgate.itglue.example/{record['organization-id']}/passwords/{record['id']}",
    }
    hidden = ("otp-secret",) if with_secret else ("otp-secret", "password")
    return item("passwords", shown, *hidden)


def accesses_of(world: World, password_id: int) -> list[Record]:
    """The access list of a password."""
    return [a for a in world.store.all(ACCESSES) if a["resource-id"] == password_id]


def check_access(world: World, record: Record, given: Record) -> tuple[int, str]:
    """The accessor of one entry; a 422 for a group that has no access to the organisation (itglue.md §4.5)."""
    unknown = set(given) - {"accessor-id", "accessor-type"}
    kind = {"Group": GROUPS, "User": USERS}.get(str(given.get("accessor-type")))
    if unknown or kind is None:
        raise refuse(422, "an access has accessor-id and accessor-type (User or Group)")
    accessor = world.store.get(kind, str(given.get("accessor-id")))
    if accessor is None:
        raise refuse(422, f"{given['accessor-type']} {given.get('accessor-id')} must exist")
    if kind == GROUPS and record["organization-id"] not in accessor["_organization-ids"]:
        raise refuse(422, f"Group {accessor['name']} doesn't have access to the organization")
    return int(accessor["id"]), str(given["accessor-type"])


def add_access(world: World, record: Record, accessor_id: int, accessor_type: str) -> Record:
    """One entry on the access list; an entry that is there already stays one."""
    for access in accesses_of(world, record["id"]):
        if (access["accessor-id"], access["accessor-type"]) == (accessor_id, accessor_type):
            return access
    accessor = world.store.get(GROUPS if accessor_type == "Group" else USERS, accessor_id) or {}
    number = world.store.next_number(ACCESSES, 70001)
    access = {
        "id": number,
        "resource-id": record["id"],
        "resource-type": "Password",
        "accessor-id": accessor_id,
        "accessor-type": accessor_type,
        "accessor-name": accessor.get("name"),
    }
    return world.store.put(ACCESSES, number, access)


def authorised_users(world: World, record: Record) -> list[Record]:
    """Who sees the password: administrators always, the others by the access list if it is restricted."""
    if not record.get("restricted"):
        return world.store.all(USERS)
    allowed: set[int] = set()
    for access in accesses_of(world, record["id"]):
        if access["accessor-type"] == "User":
            allowed.add(access["accessor-id"])
        else:
            allowed.update((world.store.get(GROUPS, access["accessor-id"]) or {})["_user-ids"])
    return [u for u in world.store.all(USERS) if u["role-name"] == "Administrator" or u["id"] in allowed]


def related_of(world: World, type_name: str, record_id: int) -> list[Record]:
    """Related items of a record, from both directions, each told from this side."""
    told: list[Record] = []
    for link in world.store.all(RELATED):
        ends = (
            (link["_source-type"], link["_source-id"]),
            (link["_destination-type"], link["_destination-id"]),
        )
        for mine, other in (ends, ends[::-1]):
            if mine != (type_name, record_id):
                continue
            found = world.store.get(DESTINATIONS[other[0]], other[1]) or {}
            told.append(
                {
                    "id": link["id"],
                    "resource-type": other[0],
                    "resource-id": other[1],
                    "resource-name": found.get("name"),
                    "notes": link["notes"],
                }
            )
    return told


def made_up(world: World, record: Record) -> Record:
    """What a person would store: an account's new password and OTP secret; its key's record takes that secret."""
    if record.get("username"):
        seed = base64.b32encode(secrets.token_bytes(20)).decode()
        return {"password": f"Made-up-{secrets.token_hex(8)}", "otp_secret": seed}
    accounts = [one for one in related_of(world, "Password", record["id"]) if one["resource-type"] == "Password"]
    seeds = [(world.store.get(PASSWORDS, one["resource-id"]) or {}).get("otp-secret") for one in accounts]
    return {"password": next(filter(None, seeds), base64.b32encode(secrets.token_bytes(20)).decode())}


def included(world: World, record: Record, wanted: list[str]) -> list[Record]:
    """The included objects of a password that this world has; the others are empty."""
    found: list[Record] = []
    for name in wanted:
        kind = name.replace("_", "-")
        if name in ("group_resource_accesses", "user_resource_accesses"):
            accessor = "Group" if name.startswith("group") else "User"
            mine = [a for a in accesses_of(world, record["id"]) if a["accessor-type"] == accessor]
            found += [item(kind, a) for a in mine]
        elif name == "related_items":
            found += [item(kind, r) for r in related_of(world, "Password", record["id"])]
        elif name == "authorized_users":
            found += [item(kind, u) for u in authorised_users(world, record)]
    return found


def check_related(world: World, given: Record) -> tuple[str, int]:
    """The destination of a new related item; a 422 unless its id is text and its type a known class name."""
    unknown = set(given) - {"destination-id", "destination-type", "notes"}
    if unknown:
        raise refuse(422, f"unknown attribute: {', '.join(sorted(unknown))}")
    target: Any = given.get("destination-id")
    kind = DESTINATIONS.get(str(given.get("destination-type")))
    if kind is None:
        raise refuse(422, f"destination_type {given.get('destination-type')} is not included in the list")
    if not isinstance(target, str) or world.store.get(kind, target) is None:
        raise refuse(422, "destination_id must be the id, as text, of an existing item")
    return str(given["destination-type"]), int(target)
