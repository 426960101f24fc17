"""A tenant that comes with an order for a customer without one: its domain, its admin, the mail that brings both."""

import secrets

from sandbox.core import IncomingMail, Record, World, new_id
from sandbox.graph_tenants import ONMICROSOFT, TENANTS, USERS, add_tenant, add_user
from sandbox.world import SEED

SENDER = "no-reply@pax8.example"
NEW_PREFIX = "newPrefix"
"""Where a subscription keeps the prefix of the tenant that it was ordered with, until there is that tenant."""


def is_taken(world: World, prefix: str) -> bool:
    """Whether somebody in the world has that prefix already."""
    domain = prefix + ONMICROSOFT
    return any(one["id"] == domain for tenant in world.store.all(TENANTS) for one in tenant["domains"])


def provide(world: World, subscription: Record) -> None:
    """Gives a subscription that becomes active its tenant, made with the order's first; silent on any other.

    The admin's first password comes by mail, as Pax8 sends it. It stands in the user's record for tests to look for.
    """
    prefix = subscription.get(NEW_PREFIX)
    if not prefix or subscription.get("tenantId"):
        return
    domain = prefix + ONMICROSOFT
    there = next((t for t in world.store.all(TENANTS) if any(d["id"] == domain for d in t["domains"])), None)
    if there is None:
        there = _make(world, prefix, subscription)
    subscription["tenantId"] = there["id"]


def _make(world: World, prefix: str, subscription: Record) -> Record:
    company = world.store.get("pax8.companies", subscription["companyId"]) or {"name": prefix}
    tenant = add_tenant(world, new_id(), company["name"], prefix)
    password = f"First-{secrets.token_hex(6)}"
    admin = add_user(world, tenant["id"], "Admin", f"admin@{prefix}{ONMICROSOFT}", "US", [])
    world.store.put(USERS, admin["id"], {**admin, "firstPassword": password})
    world.deliver_mail(
        IncomingMail(
            sender=SENDER,
            sender_name="Pax8 Provisioning",
            to=(SEED.msp.mailbox,),
            subject=f"Microsoft account for {company['name']}",
            html=f"<p>{company['name']}: {subscription['productName']} is provisioned.</p>"
            f"<p>User name: {admin['userPrincipalName']}<br>Temporary password: {password}</p>",
            after_seconds=1.0,
        )
    )
    return tenant
