"""What the console shows of a customer's Microsoft tenant: its administrator, and who asks for delegated rights."""

from typing import Any

from sandbox.core import Record, World
from sandbox.graph_gdap import RELATIONSHIPS
from sandbox.graph_tenants import TENANTS, users_of


def microsoft(world: World, company: Record, subscriptions: list[Record]) -> list[dict[str, Any]]:
    """The tenants of a company at Pax8, each with the accounts that came with it and its relationships with us."""
    ids = {one.get("tenantId") for one in subscriptions}
    mine = [t for t in world.store.all(TENANTS) if t["id"] in ids or t["displayName"] == company["name"]]
    return [
        {
            "id": tenant["id"],
            "domain": next((one["id"] for one in tenant["domains"] if one["isInitial"]), tenant["displayName"]),
            "admins": [_admin(user) for user in users_of(world, tenant["id"]) if "firstPassword" in user],
            "relationships": [
                {"id": one["id"], "name": one["displayName"], "status": one["status"], "until": one["endDateTime"]}
                for one in world.store.all(RELATIONSHIPS)
                if (one["customer"] or {}).get("tenantId") == tenant["id"]
            ],
        }
        for tenant in mine
    ]


def stored(record: Record) -> dict[str, Any]:
    """A password record of IT Glue without its secrets: whose it is, and whether a person has stored them."""
    changed = record.get("password-updated-at")
    return {
        "id": record["id"],
        "name": record["name"],
        "username": record.get("username") or "",
        "restricted": bool(record.get("restricted")),
        "otp": bool(record.get("otp-secret")),
        "stored_at": changed if changed != record["created-at"] else None,
        "updated_at": record["updated-at"],
    }


def _admin(user: Record) -> dict[str, Any]:
    return {"upn": user["userPrincipalName"], "factors": len(user["softwareOathMethods"])}
