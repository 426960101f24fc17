"""The Graph stand-in keeps to graph.md: delegated relationships and customers' tenants."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.seed.tenants import DIRECTORY_READERS, LICENCE_ADMINISTRATOR
from sandbox.world import SEED
from tests.sandbox.graph_access import ask_for_token, error_code, mail_form, service_client, service_form
from tests.sandbox.stand_ins import StandIns, stand_ins

PATH = "tenantRelationships/delegatedAdminRelationships"
CONTOSO = SEED.customer("contoso").tenants[0]
FABRIKAM = SEED.customer("fabrikam").tenants[0]
WOODGROVE = SEED.customer("woodgrove").tenants[0]
PREMIUM = SEED.product("Microsoft 365 Business Premium")
WANTED: dict[str, Any] = {
    "displayName": "ORD-1 Fabrikam",
    "duration": "P730D",
    "customer": {"tenantId": FABRIKAM.tenant_id, "displayName": "Fabrikam"},
    "accessDetails": {"unifiedRoles": [{"roleDefinitionId": DIRECTORY_READERS}]},
}


@pytest.fixture(scope="module")
def server() -> Iterator[StandIns]:
    """One sandbox for this file."""
    with stand_ins() as running:
        yield running


@pytest.fixture
def api(server: StandIns) -> Iterator[httpx.Client]:
    """The service account in the partner's tenant, in a freshly seeded world."""
    server.control("POST", "reset")
    with service_client(server) as client:
        yield client


@pytest.fixture
def contoso(api: httpx.Client, server: StandIns) -> Iterator[httpx.Client]:
    """The service account in Contoso's tenant."""
    with service_client(server, CONTOSO.tenant_id) as client:
        yield client


def statuses(api: httpx.Client, key: str) -> str:
    """The relationship's status now."""
    return str(api.get(f"{PATH}/{key}").json()["status"])


def test_active_relationships_are_listed_with_their_customers(api: httpx.Client) -> None:
    """By status; the pending and the expired one stay out."""
    found = api.get(PATH, params={"$filter": "status eq 'active'"}).json()["value"]
    tenants = {r["customer"]["tenantId"] for r in found}
    assert CONTOSO.tenant_id in tenants
    assert tenants.isdisjoint(
        {SEED.customer(key).tenants[0].tenant_id for key in ("vanarsdel", "northwind", "fabrikam")}
    )
    page = api.get(PATH, params={"$top": "5"}).json()
    rest = api.get(page["@odata.nextLink"]).json()
    assert len(page["value"]) == 5
    assert {r["id"] for r in page["value"]}.isdisjoint({r["id"] for r in rest["value"]})


def test_the_app_alone_may_not_touch_relationships(api: httpx.Client, server: StandIns) -> None:
    """Documented as delegated only."""
    token = ask_for_token(server, SEED.msp.tenant_id, **mail_form(server)).json()["access_token"]
    answer = api.get(PATH, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403


def test_a_relationship_lives_from_created_to_terminated(api: httpx.Client, server: StandIns) -> None:
    """Locked, approved by the customer, active, ended; each step takes its time."""
    made = api.post(PATH, json=WANTED)
    assert (made.status_code, made.json()["status"]) == (201, "created")
    key = made.json()["id"]
    assert made.headers["Location"].endswith(f"{PATH}/{key}")
    request = api.post(f"{PATH}/{key}/requests", json={"action": "lockForApproval"})
    assert (request.status_code, request.json()["status"]) == (201, "created")
    server.advance(seconds=3)
    assert statuses(api, key) == "approvalPending"
    assert api.get(f"{PATH}/{key}/requests/{request.json()['id']}").json()["status"] == "succeeded"
    server.control("POST", f"graph/relationships/{key}/approve")
    assert statuses(api, key) == "approved"
    server.advance(seconds=5)
    shown = api.get(f"{PATH}/{key}").json()
    assert shown["status"] == "active"
    assert shown["endDateTime"] > shown["activatedDateTime"]
    assert api.post(f"{PATH}/{key}/requests", json={"action": "terminate"}).status_code == 201
    server.advance(seconds=5)
    assert statuses(api, key) == "terminated"
    told = [e["status"] for e in server.effects("graph") if e["effect"].startswith("relationship")]
    assert told[0] == "created"
    assert told[-1] == "terminated"


@pytest.mark.parametrize(
    "changed",
    [
        {"displayName": "x" * 51},
        {"duration": "P3Y"},
        {"duration": "two years"},
        {"accessDetails": {"unifiedRoles": []}},
        {"autoExtendDuration": "P90D"},
        {"colour": "blue"},
    ],
)
def test_a_relationship_that_breaks_a_rule_is_a_400(api: httpx.Client, changed: dict[str, Any]) -> None:
    """Nothing is made."""
    assert api.post(PATH, json={**WANTED, **changed}).status_code == 400


def test_a_display_name_is_unique_over_all_relationships(api: httpx.Client, server: StandIns) -> None:
    """Which makes it the key to find one again."""
    assert api.post(PATH, json=WANTED).status_code == 201
    assert api.post(PATH, json=WANTED).status_code == 409
    found = api.get(PATH, params={"$filter": "displayName eq 'ORD-1 Fabrikam'"}).json()["value"]
    assert len(found) == 1
    assert len(server.effects("graph", "relationship created")) == 1


def test_a_change_needs_the_present_etag_and_a_relationship_that_is_still_created(
    api: httpx.Client, server: StandIns
) -> None:
    """412 for a stale one."""
    made = api.post(PATH, json=WANTED).json()
    path, etag = f"{PATH}/{made['id']}", made["@odata.etag"]
    assert api.patch(path, json={"duration": "P1Y"}).status_code == 428
    assert api.patch(path, json={"duration": "P1Y"}, headers={"If-Match": etag}).status_code == 200
    assert api.patch(path, json={"duration": "P2Y"}, headers={"If-Match": etag}).status_code == 412
    api.post(f"{path}/requests", json={"action": "lockForApproval"})
    server.advance(seconds=3)
    fresh = api.get(path).json()["@odata.etag"]
    assert api.patch(path, json={"duration": "P2Y"}, headers={"If-Match": fresh}).status_code == 400
    assert api.post(f"{path}/requests", json={"action": "approve"}).status_code == 403


def test_roles_reach_our_group_by_an_assignment(api: httpx.Client, server: StandIns) -> None:
    """Only roles of the relationship, once it is active; until then the tenant says 403."""
    key = api.post(PATH, json=WANTED).json()["id"]
    assign = {
        "accessContainer": {"accessContainerId": SEED.msp.gdap_group_id, "accessContainerType": "securityGroup"},
        "accessDetails": WANTED["accessDetails"],
    }
    path = f"{PATH}/{key}/accessAssignments"
    assert api.post(path, json=assign).status_code == 400
    api.post(f"{PATH}/{key}/requests", json={"action": "lockForApproval"})
    server.advance(seconds=3)
    server.control("POST", f"graph/relationships/{key}/approve")
    server.advance(seconds=5)
    with service_client(server, FABRIKAM.tenant_id) as fabrikam:
        assert fabrikam.get("subscribedSkus").status_code == 403
        too_much = {"unifiedRoles": [{"roleDefinitionId": LICENCE_ADMINISTRATOR}]}
        assert api.post(path, json={**assign, "accessDetails": too_much}).status_code == 400
        assert api.post(path, json=assign).json()["status"] == "pending"
        server.advance(seconds=3)
        assert api.get(path).json()["value"][0]["status"] == "active"
        assert fabrikam.get("subscribedSkus").status_code == 200


@pytest.mark.parametrize("key", ["fabrikam", "vanarsdel", "northwind"])
def test_no_token_for_a_tenant_without_an_active_relationship(server: StandIns, key: str) -> None:
    """None, one that awaits approval, one that has expired."""
    server.control("POST", "reset")
    answer = ask_for_token(server, SEED.customer(key).tenants[0].tenant_id, **service_form(server))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_domains_tenant_is_found_or_is_a_404(api: httpx.Client) -> None:
    """By verified domain or by the onmicrosoft name."""
    find = "tenantRelationships/findTenantInformationByDomainName(domainName='{}')"
    for domain in ("contoso.example", "contoso.onmicrosoft.com"):
        told = api.get(find.format(domain)).json()
        assert (told["tenantId"], told["defaultDomainName"]) == (CONTOSO.tenant_id, "contoso.example")
    assert api.get(find.format("nobody.example")).status_code == 404


def test_skus_and_subscriptions_follow_from_the_distributor(contoso: httpx.Client, server: StandIns) -> None:
    """A SKU sums its subscriptions; each subscription is a row with its next date; a pending one isn't there yet."""
    (sku,) = contoso.get("subscribedSkus").json()["value"]
    assert (sku["skuId"], sku["prepaidUnits"]["enabled"], sku["consumedUnits"]) == (PREMIUM.sku_id, 12, 2)
    (row,) = contoso.get("directory/subscriptions").json()["value"]
    assert (row["totalLicenses"], row["isTrial"], row["skuPartNumber"]) == (12, False, "SPB")
    assert row["nextLifecycleDateTime"] > row["createdDateTime"]
    (held,) = (s for s in server.world.store.all("pax8.subscriptions") if s["tenantId"] == CONTOSO.tenant_id)
    assert row["commerceSubscriptionId"] == held["vendorSubscriptionId"]
    pending = {**held, "id": "x", "vendorSubscriptionId": "y", "status": "PendingManual", "quantity": 3}
    server.world.store.put("pax8.subscriptions", "x", pending)
    assert contoso.get("subscribedSkus").json()["value"][0]["prepaidUnits"]["enabled"] == 12
    server.world.store.put("pax8.subscriptions", "x", {**pending, "status": "Active"})
    (sku,) = contoso.get("subscribedSkus").json()["value"]
    assert (sku["prepaidUnits"]["enabled"], len(sku["subscriptionIds"])) == (15, 2)


def test_a_licence_needs_both_arrays_a_location_and_a_free_seat(contoso: httpx.Client, server: StandIns) -> None:
    """Adding it again is harmless."""
    path = "users/cleo@contoso.example/assignLicense"
    add = {"addLicenses": [{"skuId": PREMIUM.sku_id, "disabledPlans": []}], "removeLicenses": []}
    assert error_code(contoso.post(path, json={"addLicenses": []}), 400) == "Request_BadRequest"
    for _ in range(2):
        assert contoso.post(path, json=add).status_code == 200
    shown = contoso.get("users/cleo@contoso.example", params={"$select": "assignedLicenses"}).json()
    assert [a["skuId"] for a in shown["assignedLicenses"]] == [PREMIUM.sku_id]
    unknown = {"addLicenses": [{"skuId": "4711"}], "removeLicenses": []}
    assert contoso.post(path, json=unknown).status_code == 400
    (effect, _) = server.effects("graph", "licences assigned")
    assert (effect["upn"], effect["skus"]) == ("cleo@contoso.example", [PREMIUM.sku_id])


def test_a_user_is_made_in_a_verified_domain_once(contoso: httpx.Client) -> None:
    """A 404 means that the name is free."""
    upn = "dan@contoso.onmicrosoft.com"
    new = {
        "accountEnabled": True,
        "displayName": "Dan Ivers",
        "mailNickname": "dan",
        "userPrincipalName": upn,
        "passwordProfile": {"password": "s3cret", "forceChangePasswordNextSignIn": True},
    }
    assert contoso.get(f"users/{upn}").status_code == 404
    assert contoso.post("users", json=new).status_code == 201
    assert contoso.post("users", json=new).status_code == 400
    elsewhere = {**new, "userPrincipalName": "dan@fabrikam.example"}
    assert contoso.post("users", json=elsewhere).status_code == 400
    add = {"addLicenses": [{"skuId": PREMIUM.sku_id}], "removeLicenses": []}
    assert "usage location" in contoso.post(f"users/{upn}/assignLicense", json=add).json()["error"]["message"]
    assert contoso.patch(f"users/{upn}", json={"usageLocation": "US"}).status_code == 204
    assert contoso.post(f"users/{upn}/assignLicense", json=add).status_code == 200


def test_roles_limit_what_the_service_account_may_do(api: httpx.Client, server: StandIns) -> None:
    """Woodgrove's relationship only lets us read."""
    with service_client(server, WOODGROVE.tenant_id) as woodgrove:
        assert woodgrove.get("subscribedSkus").status_code == 200
        add: dict[str, Any] = {"addLicenses": [], "removeLicenses": []}
        assert woodgrove.post("users/x@woodgrove.example/assignLicense", json=add).status_code == 403
        assert woodgrove.get("users/x/authentication/softwareOathMethods").status_code == 403


def test_a_software_tokens_secret_is_always_null(contoso: httpx.Client, server: StandIns) -> None:
    """A person registers it; we see that it exists, and when the password changed."""
    path = "users/ada@contoso.example"
    methods = f"{path}/authentication/softwareOathMethods"
    assert contoso.get(methods).json()["value"] == []
    changed = {"$select": "lastPasswordChangeDateTime"}
    before = contoso.get(path, params=changed).json()["lastPasswordChangeDateTime"]
    server.advance(seconds=60)
    server.control("POST", "graph/users/ada@contoso.example/token")
    (method,) = contoso.get(methods).json()["value"]
    assert method["secretKey"] is None
    assert contoso.get(path, params=changed).json()["lastPasswordChangeDateTime"] > before


def test_domains_say_which_one_is_initial(contoso: httpx.Client) -> None:
    """And a name that somebody verified can't be added."""
    domains = {d["id"]: (d["isInitial"], d["isDefault"]) for d in contoso.get("domains").json()["value"]}
    assert domains == {"contoso.example": (False, True), "contoso.onmicrosoft.com": (True, False)}
    assert contoso.post("domains", json={"id": "contoso.test"}).status_code == 403
