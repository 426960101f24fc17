"""Fills IT Glue with the seeded world: organisations, people, groups, asset types, tenants, authorised contacts."""

from typing import Any

from sandbox import itglue_assets as assets
from sandbox.core import Record, World
from sandbox.seed.catalogue import product
from sandbox.seed.model import Customer
from sandbox.world import SEED

MSP_ORGANISATION = 2000
APPLICATION, AUTHORISED_CONTACTS, MICROSOFT_TENANT = 33, 34, 35
SENIOR_STAFF, SENIOR_STAFF_FORMER, SERVICE_DESK = 42, 43, 44
ADMIN_CATEGORY, OTP_CATEGORY = 15, 16
WITHOUT_SENIOR_ACCESS = "woodgrove"
"""The customer whose organisation the group "senior staff" has no access to."""

_TYPES: dict[int, tuple[str, tuple[tuple[str, str, str], ...]]] = {
    APPLICATION: (
        "Application",
        (
            ("application-name", "Application name", "Text"),
            ("vendor", "Vendor", "Text"),
            ("version", "Version", "Text"),
            ("licence-count", "Licence count", "Number"),
            ("subscription-id", "Subscription ID", "Text"),
            ("renewal-date", "Renewal date", "Date"),
            ("term", "Term", "Select"),
            ("agreement", "Agreement", "Text"),
            ("ticket", "Ticket", "Text"),
            ("licensed-users", "Licensed users", "Textbox"),
            ("notes", "Notes", "Textbox"),
            ("related-passwords", "Related passwords", "Tag"),
        ),
    ),
    AUTHORISED_CONTACTS: (
        "Authorised contacts",
        (
            ("contact-name", "Contact name", "Text"),
            ("email", "Email", "Text"),
            ("may-confirm", "May confirm", "Checkbox"),
            ("may-sign", "May sign", "Checkbox"),
            ("first-term-limit", "First term limit", "Number"),
        ),
    ),
    MICROSOFT_TENANT: (
        "Microsoft tenant",
        (
            ("tenant-name", "Tenant name", "Text"),
            ("tenant-id", "Tenant ID", "Text"),
            ("onmicrosoft", "onmicrosoft.com domain", "Text"),
        ),
    ),
}
_TERMS = "Monthly\nAnnual\nOne-time"


def seed(world: World) -> None:
    """Fills an empty store."""
    now = world.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    _types(world, now)
    _organisation(world, now, MSP_ORGANISATION, SEED.msp.name, None)
    by_key: dict[str, int] = {}
    for customer in SEED.customers:
        by_key[customer.key] = organisation_id(customer)
        psa_id = customer.company_id if customer.it_glue_linked else None
        _organisation(world, now, by_key[customer.key], customer.name, psa_id)
    _people(world, now, by_key)
    for number, name in ((ADMIN_CATEGORY, "Microsoft 365 admin"), (OTP_CATEGORY, "OTP secret key")):
        _put(world, "password_categories", now, id=number, name=name)
    for customer in SEED.customers:
        _documents(world, now, customer, by_key[customer.key])


def organisation_id(customer: Customer) -> int:
    """IT Glue's id of a customer's organisation; it is not the PSA's company id."""
    return MSP_ORGANISATION + customer.company_id


def _put(world: World, resource: str, now: str, **values: Any) -> Record:
    record = {**values, "created-at": now, "updated-at": now}
    return world.store.put(f"itglue.{resource}", values["id"], record)


def _types(world: World, now: str) -> None:
    for type_id, (name, fields) in _TYPES.items():
        _put(world, "flexible_asset_types", now, id=type_id, name=name, enabled=True, builtin=False)
        for order, (key, label, kind) in enumerate(fields, start=1):
            field: Record = {
                "id": type_id * 100 + order,
                "flexible-asset-type-id": type_id,
                "order": order,
                "name": label,
                "name-key": key,
                "kind": kind,
                "hint": "",
                "tag-type": "Passwords" if kind == "Tag" else None,
                "default-value": _TERMS if kind == "Select" else "",
                "required": order == 1,
                "use-for-title": order == 1,
                "show-in-list": order < 4,
                "expiration": False,
                "decimals": 2 if key == "first-term-limit" else None,
                "created-at": now,
                "updated-at": now,
            }
            world.store.put(assets.FIELDS, field["id"], field)


def _organisation(world: World, now: str, number: int, name: str, psa_id: int | None) -> None:
    record: Record = {
        "id": number,
        "name": name,
        "short-name": name[:8].upper(),
        "organization-type-name": "Customer",
        "organization-status-name": "Active",
        "primary": number == MSP_ORGANISATION,
        "_psa-id": psa_id,
        "created-at": now,
        "updated-at": now,
    }
    world.store.put("itglue.organizations", number, record)


def _people(world: World, now: str, organisations: dict[str, int]) -> None:
    for member in SEED.staff:
        record: Record = {
            "id": member.resource_id % 1000 + 5000,
            "name": member.name,
            "first-name": member.first_name,
            "last-name": member.last_name,
            "email": member.email,
            "role-name": "Administrator" if member.key == "roberta" else "Editor",
            "created-at": now,
            "updated-at": now,
        }
        world.store.put("itglue.users", record["id"], record)
    users = {m.key: m.resource_id % 1000 + 5000 for m in SEED.staff}
    everywhere = [MSP_ORGANISATION, *organisations.values()]
    seniors = [users[m.key] for m in SEED.staff if m.senior]
    groups = (
        (SENIOR_STAFF_FORMER, "senior staff (former)", [users["ivy"]], everywhere),
        (
            SENIOR_STAFF,
            "senior staff",
            seniors,
            [o for o in everywhere if o != organisations[WITHOUT_SENIOR_ACCESS]],
        ),
        (SERVICE_DESK, "service desk", [users["tom"], users["jo"]], everywhere),
    )
    for number, name, members, allowed in groups:
        inside: Record = {"_user-ids": members, "_organization-ids": allowed}
        _put(world, "groups", now, id=number, name=name, **inside)


def _documents(world: World, now: str, customer: Customer, organisation: int) -> None:
    for contact in customer.contacts:
        record: Record = {
            "id": 30000 + contact.contact_id,
            "organization-id": organisation,
            "organization-name": customer.name,
            "name": contact.name,
            "first-name": contact.first_name,
            "last-name": contact.last_name,
            "title": contact.title,
            "important": contact.may_sign,
            "contact-emails": [{"value": contact.email, "label-name": "Work", "primary": True}],
            "_primary-email": contact.email,
            "_psa-id": contact.contact_id,
            "created-at": now,
            "updated-at": now,
        }
        world.store.put("itglue.contacts", record["id"], record)
        if contact.may_confirm or contact.may_sign or contact is customer.contacts[0]:
            limit = contact.first_term_limit
            traits: Record = {
                "contact-name": contact.name,
                "email": contact.email,
                "may-confirm": contact.may_confirm,
                "may-sign": contact.may_sign,
            }
            if limit is not None:
                traits["first-term-limit"] = float(limit)
            _asset(world, now, customer, organisation, AUTHORISED_CONTACTS, traits)
    for tenant in customer.tenants:
        if tenant.in_it_glue:
            traits = {
                "tenant-name": tenant.name,
                "tenant-id": tenant.tenant_id,
                "onmicrosoft": f"{tenant.onmicrosoft}.onmicrosoft.com",
            }
            _asset(world, now, customer, organisation, MICROSOFT_TENANT, traits)
    documented: set[str] = set()
    for company in customer.pax8:
        for subscription in company.subscriptions:
            if subscription.segment != "Commercial" or subscription.product in documented:
                continue
            documented.add(subscription.product)
            traits = {
                "application-name": product(subscription.product).our_name,
                "vendor": "Microsoft (Pax8)",
                "licence-count": subscription.seats,
                "term": "Monthly" if subscription.term == "Monthly" else "Annual",
            }
            _asset(world, now, customer, organisation, APPLICATION, traits)


def _asset(world: World, now: str, customer: Customer, organisation: int, type_id: int, traits: Record) -> None:
    number = world.store.next_number("itglue.seeded-assets", 9001)
    record: Record = {
        "id": number,
        "organization-id": organisation,
        "organization-name": customer.name,
        "flexible-asset-type-id": type_id,
        "flexible-asset-type-name": _TYPES[type_id][0],
        "name": assets.title_of(world, type_id, traits),
        "traits": traits,
        "archived": False,
        "resource-url": f"https://northgate.itglue.example/{organisation}/assets/records/{number}",
        "created-at": now,
        "updated-at": now,
    }
    world.store.put(assets.ASSETS, number, record)
