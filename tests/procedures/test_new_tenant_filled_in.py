"""What people have written into IT Glue before us stays there, whatever the leg of a new customer writes (P11, P12)."""

from typing import Any

from tests.procedures.harness import Bench
from tests.procedures.people import assert_done
from tests.procedures.requests import SAM
from tests.procedures.tenants import (
    ACCOUNT,
    ADMIN,
    DOMAIN,
    KEY,
    ORGANISATION,
    approve,
    name_it,
    record,
    set_up_of,
    signed,
    store_all,
    through_roles,
)

APPLICATION, PASSWORDS_TAG = 33, "related-passwords"
ASSET, ROUTER, BY_HAND_ACCOUNT, BY_HAND_KEY = 9701, 59701, 59702, 59703
NAME = "Microsoft 365 Business Premium (Monthly)"
OURS = {"password", "otp-secret", "updated-at", "password-updated-at"}
"""What the senior colleague stores, and IT Glue's own dates."""


def made_by_hand(bench: Bench, number: int, name: str, **fields: Any) -> dict[str, Any]:
    """A person's record in IT Glue, with all that its page offers filled in."""
    kept = {
        "id": number,
        "organization-id": ORGANISATION,
        "name": name,
        "password": "in-the-safe",
        "username": None,
        "url": f"https://{number}.example",
        "notes": f"Ask June before you touch {number}.",
        "otp-secret": None,
        "password-category-id": 15,
        "resource-type": None,
        "resource-id": None,
        "restricted": False,
        "archived": False,
        "shareable": True,
        "created-at": "2026-01-05T09:00:00.000Z",
        "updated-at": "2026-01-05T09:00:00.000Z",
        "password-updated-at": "2026-01-05T09:00:00.000Z",
        **{key.replace("_", "-"): value for key, value in fields.items()},
    }
    bench.sandbox.http.put(f"records/itglue.passwords/{number}", json=kept).raise_for_status()
    return kept


def filled_in(bench: Bench) -> dict[str, Any]:
    """A person's Application asset, every field of it filled in, the router's password tagged."""
    traits = {
        "application-name": NAME,
        "vendor": "Microsoft (Pax8)",
        "version": "with Defender",
        "licence-count": 1,
        "licensed-users": f"reception@{DOMAIN}",
        "notes": "June keeps the installation media.",
        PASSWORDS_TAG: [ROUTER],
    }
    kept = {
        "id": ASSET,
        "organization-id": ORGANISATION,
        "flexible-asset-type-id": APPLICATION,
        "flexible-asset-type-name": "Application",
        "name": NAME,
        "traits": traits,
        "archived": False,
        "created-at": "2026-01-05T09:00:00.000Z",
        "updated-at": "2026-01-05T09:00:00.000Z",
    }
    bench.sandbox.http.put(f"records/itglue.flexible_assets/{ASSET}", json=kept).raise_for_status()
    return traits


def asset(bench: Bench) -> dict[str, Any]:
    """The one Application asset of the farm."""
    [found] = [
        one
        for one in bench.sandbox.records("itglue.flexible_assets")
        if (one["organization-id"], one["flexible-asset-type-id"]) == (ORGANISATION, APPLICATION)
    ]
    return found


def without(kept: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in kept.items() if key not in OURS | set(names)}


async def test_what_people_have_filled_in_before_stays_as_it_was(bench: Bench) -> None:
    """Both records and the asset were made by hand: tagged, related and restricted, they lose nothing else."""
    made_by_hand(bench, ROUTER, "Router")
    account = made_by_hand(bench, BY_HAND_ACCOUNT, ACCOUNT, username=ADMIN)
    key = made_by_hand(bench, BY_HAND_KEY, KEY, password_category_id=16)
    link = {"id": 79801, "_source-type": "Password", "_source-id": BY_HAND_ACCOUNT, "_destination-type": "Password"}
    link |= {"_destination-id": ROUTER, "notes": "same safe", "created-at": "2026-01-05T09:00:00.000Z"}
    bench.sandbox.http.put(f"records/itglue.related_items/{link['id']}", json=link).raise_for_status()
    before = filled_in(bench)

    run = await signed(bench)
    assert_done(await name_it(bench, run))
    documented = asset(bench)["traits"]
    assert documented["subscription-id"] and documented["licence-count"] == 3, "brought up to date"
    assert {name: documented[name] for name in ("version", PASSWORDS_TAG)} == {
        name: before[name] for name in ("version", PASSWORDS_TAG)
    }
    assert documented["notes"].startswith(before["notes"] + "\n") and "Ordered by procedure" in documented["notes"]
    assert documented["licensed-users"].split() == [f"reception@{DOMAIN}", f"walt.munson@{DOMAIN}", f"june@{DOMAIN}"]

    written = {**documented, "version": "with Defender and Intune", "notes": "Moved to the new safe."}
    bench.sandbox.change("itglue.flexible_assets", ASSET, traits=written)  # a person, while the set-up waits
    set_up = await set_up_of(bench)
    assert await bench.waits_for(set_up) == "admin-account"
    store_all(bench)
    await bench.answer(set_up, action="it is done", decided_by=SAM)
    approve(bench)
    await bench.reconcile()
    assert_done(await through_roles(bench, set_up))

    assert asset(bench)["traits"] == written | {PASSWORDS_TAG: [ROUTER, BY_HAND_ACCOUNT, BY_HAND_KEY]}
    assert without(record(bench, ACCOUNT)) == without(account)
    assert record(bench, KEY)["restricted"]
    assert without(record(bench, KEY), "restricted") == without(key, "restricted")
    related = [(one["_source-id"], one["_destination-id"]) for one in bench.sandbox.records("itglue.related_items")]
    assert related == [(BY_HAND_ACCOUNT, ROUTER), (BY_HAND_ACCOUNT, BY_HAND_KEY)]
