"""Licences of a customer's tenant, as they follow from the distributor's subscriptions (graph.md §7.1)."""

from starlette.requests import Request
from starlette.responses import Response

from sandbox.core import Record, World, stable_id
from sandbox.graph_answers import Parameters, at, collection, selected
from sandbox.graph_filter import parse_time
from sandbox.graph_tenants import users_of
from sandbox.world import SEED

_LIVE = ("Active", "PendingCancel", "Trial")


def _subscriptions(world: World, tenant_id: str) -> list[Record]:
    """The distributor's subscriptions that Microsoft has in this tenant.

    One that is stuck in provisioning is there already: only the distributor's status lags (pax8.md §7).
    """
    stuck = world.setting("pax8.provisioning") == "stuck"
    live = (*_LIVE, "PendingManual") if stuck else _LIVE
    found = [s for s in world.store.all("pax8.subscriptions") if s.get("tenantId") == tenant_id and s["status"] in live]
    return sorted(found, key=lambda s: (str(s["startDate"]), str(s["id"])))


def _part_number(subscription: Record) -> str:
    return next((p.sku_part_number for p in SEED.products if p.product_id == subscription["productId"]), "")


def _consumed(world: World, tenant_id: str, sku_id: str) -> int:
    return sum(sku_id in {a["skuId"] for a in u["assignedLicenses"]} for u in users_of(world, tenant_id))


def skus_of(world: World, tenant_id: str) -> list[Record]:
    """One row a SKU: seats of all its subscriptions, and how many are used."""
    rows: dict[str, Record] = {}
    for subscription in _subscriptions(world, tenant_id):
        sku = str(subscription["vendorSkuId"])
        if sku not in rows:
            rows[sku] = {
                "id": f"{tenant_id}_{sku}",
                "skuId": sku,
                "skuPartNumber": _part_number(subscription),
                "capabilityStatus": "Enabled",
                "appliesTo": "User",
                "consumedUnits": _consumed(world, tenant_id, sku),
                "prepaidUnits": {"enabled": 0, "warning": 0, "suspended": 0, "lockedOut": 0},
                "servicePlans": [],
                "subscriptionIds": [],
            }
        rows[sku]["prepaidUnits"]["enabled"] += int(subscription["quantity"])
        rows[sku]["subscriptionIds"].append(subscription["vendorSubscriptionId"])
    return list(rows.values())


def subscribed_skus(world: World, request: Request, tenant_id: str) -> Response:
    """One row a SKU, all its subscriptions summed; there is no `$filter`."""
    parameters = Parameters(request, ("$select",))
    names = parameters.names("$select")
    rows = skus_of(world, tenant_id)
    known = (*rows[0],) if rows else tuple(names)
    return collection([selected(r, names, known) for r in rows], context="$metadata#subscribedSkus")


def directory_subscriptions(world: World, request: Request, tenant_id: str) -> Response:
    """One row a commercial subscription, with its next lifecycle date."""
    Parameters(request, ())
    rows = []
    for subscription in _subscriptions(world, tenant_id):
        commitment = subscription.get("commitment") or {}
        next_date = commitment.get("endDate") or subscription.get("endDate")
        rows.append(
            {
                "id": stable_id("graph-subscription", str(subscription["id"])),
                "commerceSubscriptionId": subscription["vendorSubscriptionId"],
                "skuId": subscription["vendorSkuId"],
                "skuPartNumber": _part_number(subscription),
                "status": "Enabled",
                "totalLicenses": int(subscription["quantity"]),
                "isTrial": subscription["status"] == "Trial",
                "createdDateTime": at(parse_time(str(subscription["startDate"]))),
                "nextLifecycleDateTime": at(parse_time(str(next_date))) if next_date else None,
                "ownerTenantId": SEED.msp.tenant_id,
                "ownerType": "Partner",
                "serviceStatus": [],
            }
        )
    return collection(rows, context="$metadata#directory/subscriptions")
