"""A tenant comes with an order for a customer without one; a person writes into IT Glue's records."""

from typing import Any

from sandbox.seed.catalogue import HAS_NO_ACCOUNT
from tests.sandbox.conftest import Served
from tests.sandbox.test_console import press
from tests.sandbox.test_pax8 import Shop

PREFIX = "newfarm"


def order(shop: Shop, prefix: str) -> dict[str, Any]:
    """An order that makes a tenant."""
    told = {"msCustExists": HAS_NO_ACCOUNT, "msTenantId": None, "msDomain": prefix}
    body = shop.order()
    body["lineItems"][0]["provisioningDetails"] = shop.answers(shop.product(), **told)
    return body


def test_a_tenant_comes_with_provisioning_and_its_admin_by_mail(sandbox: Served) -> None:
    """Not before; then with its domain, an admin without a second factor, and one mail with the first password."""
    shop = Shop(sandbox)
    sandbox.control("pax8/provisioning", {"mode": "seconds:5"})
    assert shop.api.post("/orders", json=order(shop, PREFIX)).is_success

    def tenants() -> list[dict[str, Any]]:
        found = sandbox.control("records/graph.tenants", method="GET")["records"].values()
        return [one for one in found if one["domains"][0]["id"] == f"{PREFIX}.onmicrosoft.com"]

    assert not tenants()
    sandbox.control("clock", {"advance_seconds": 6})
    [tenant] = tenants()
    [admin] = [
        one
        for one in sandbox.control("records/graph.users", method="GET")["records"].values()
        if one["tenant"] == tenant["id"]
    ]
    assert admin["userPrincipalName"] == f"admin@{PREFIX}.onmicrosoft.com" and not admin["softwareOathMethods"]
    sandbox.control("clock", {"advance_seconds": 3})
    found = sandbox.control("mails", method="GET")["mails"]
    [mail] = [one for one in found if one["subject"].startswith("Microsoft account for")]
    assert admin["firstPassword"] in mail["html"]
    assert all("newPrefix" not in one for one in shop.content("/subscriptions", companyId=shop.company()["id"]))


def test_a_prefix_that_somebody_has_is_refused_by_the_mock_already(sandbox: Served) -> None:
    """It is unique in the world."""
    shop = Shop(sandbox)
    answer = shop.api.post("/orders", json=order(shop, "contoso"), params={"isMock": "true"})
    assert answer.status_code == 422 and "msDomain is taken" in answer.text
    assert shop.api.post("/orders", json=order(shop, PREFIX), params={"isMock": "true"}).is_success


def test_a_person_stores_secrets_that_the_ledger_never_shows(sandbox: Served) -> None:
    """The password's own date moves; nothing else can be written by that lever."""
    key = sandbox.credentials["itglue"]["api_key"]
    headers = {"x-api-key": key, "Content-Type": "application/vnd.api+json"}
    attributes = {"organization-id": 2175, "name": "Admin", "password": "none yet"}
    body = {"data": {"type": "passwords", "attributes": attributes}}
    made = sandbox.http.post("/itglue/passwords", json=body, headers=headers).json()["data"]
    stored = sandbox.http.post(
        f"/_sandbox/itglue/passwords/{made['id']}/store",
        json={"password": "Dill-4711", "otp_secret": "JBSWY3DPEHPK3PXP"},
    )
    assert stored.status_code == 204
    kept = sandbox.control(f"records/itglue.passwords/{made['id']}", method="GET")
    assert kept["password"] == "Dill-4711" and kept["password-updated-at"] > made["attributes"]["created-at"]
    assert sandbox.http.post(f"/_sandbox/itglue/passwords/{made['id']}/store", json={"name": "x"}).status_code == 404
    assert "Dill-4711" not in str(sandbox.effects("password stored by a person"))


def test_a_new_tenant_is_secured_and_its_rights_approved_by_buttons(sandbox: Served) -> None:
    """Second factor, both records, approval: each by its button, and no page shows a secret, before or after."""
    shop = Shop(sandbox)
    sandbox.control("pax8/provisioning", {"mode": "instant"})
    assert shop.api.post("/orders", json=order(shop, PREFIX)).is_success
    [tenant] = [one for one in records(sandbox, "graph.tenants") if PREFIX in one["domains"][0]["id"]]
    asked = {"id": "asked", "displayName": "Rights", "status": "approvalPending", "duration": "P30D", "_version": 1}
    asked |= {"customer": {"tenantId": tenant["id"], "displayName": "New farm"}, "endDateTime": None}
    sandbox.control("records/graph.relationships/asked", asked, method="PUT")
    account, key = made(sandbox, "Admin", username=f"admin@{PREFIX}.onmicrosoft.com"), made(sandbox, "Secret key")
    link = {"id": 1, "_source-type": "Password", "_source-id": account, "_destination-type": "Password"}
    sandbox.control("records/itglue.related_items/1", {**link, "_destination-id": key, "notes": ""}, method="PUT")
    licences, assets = f"/licences?company={shop.company()['id']}", "/assets?organisation=2175"
    assert sandbox.http.get(assets).text.count("nobody has stored it yet") == 2

    press(sandbox, licences, "enrol")
    press(sandbox, licences, "approve")
    for one in (account, key):
        press(sandbox, assets, "store", f"/{one}/store")
    [admin] = [one for one in records(sandbox, "graph.users") if one["tenant"] == tenant["id"]]
    kept = {one["id"]: one for one in records(sandbox, "itglue.passwords")}
    assert len(admin["softwareOathMethods"]) == 1
    assert sandbox.effects("relationship approved")
    assert kept[key]["password"] == kept[account]["otp-secret"] != "none yet" != kept[account]["password"]

    shown = "".join(sandbox.http.get(page).text for page in (licences, assets, "/", "/ledger", "/levers"))
    hidden = [admin["firstPassword"], kept[account]["password"], kept[account]["otp-secret"]]
    assert all(len(one) > 10 for one in hidden) and not [one for one in hidden if one in shown]
    assert "has a second factor" in shown and "nobody has stored it yet" not in shown
    assert 'data-action="approve"' not in shown and 'data-action="enrol"' not in shown


def records(sandbox: Served, kind: str) -> list[dict[str, Any]]:
    return list(sandbox.control(f"records/{kind}", method="GET")["records"].values())


def made(sandbox: Served, name: str, **more: str) -> int:
    """A password record with a placeholder, made by API."""
    headers = {"x-api-key": sandbox.credentials["itglue"]["api_key"], "Content-Type": "application/vnd.api+json"}
    attributes = {"organization-id": 2175, "name": name, "password": "none yet", **more}
    body = {"data": {"type": "passwords", "attributes": attributes}}
    return int(sandbox.http.post("/itglue/passwords", json=body, headers=headers).json()["data"]["id"])
