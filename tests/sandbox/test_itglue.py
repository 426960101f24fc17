"""The IT Glue stand-in keeps to itglue.md."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.sandbox.stand_ins import StandIns, stand_ins

CONTOSO, LAMNA, WOODGROVE = 2175, 2184, 2183
APPLICATION, SENIOR_STAFF, OTP_CATEGORY = 33, 42, 16
SEED_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DP"


@pytest.fixture(scope="module")
def server() -> Iterator[StandIns]:
    """One sandbox for this file."""
    with stand_ins() as running:
        yield running


@pytest.fixture
def api(server: StandIns) -> Iterator[httpx.Client]:
    """A client of a freshly seeded IT Glue."""
    server.control("POST", "reset")
    headers = {"x-api-key": server.credentials["itglue"]["api_key"]}
    with server.client("/itglue/", headers) as client:
        yield client


def send(api: httpx.Client, method: str, path: str, kind: str, attributes: Any, **params: str) -> httpx.Response:
    """A write with the JSON:API envelope around the attributes (or around each of an array of them)."""
    one = isinstance(attributes, dict)
    data = [{"type": kind, "attributes": a} for a in ([attributes] if one else attributes)]
    headers = {"Content-Type": "application/vnd.api+json"}
    return api.request(method, path, json={"data": data[0] if one else data}, headers=headers, params=params)


def found(api: httpx.Client, path: str, **params: str) -> list[dict[str, Any]]:
    """The data of a list."""
    answer = api.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def refusal(answer: httpx.Response, status: int = 422) -> str:
    """The detail of a refusal."""
    assert answer.status_code == status, answer.text
    (error,) = answer.json()["errors"]
    assert error["status"] == str(status)
    return str(error["detail"])


def application(**traits: Any) -> dict[str, Any]:
    """An Application asset for Contoso."""
    wanted = {"application-name": "Visio Plan 1", **traits}
    return {"organization-id": CONTOSO, "flexible-asset-type-id": APPLICATION, "traits": wanted}


def password(api: httpx.Client, organisation: int = CONTOSO, **more: Any) -> str:
    """A new password's id."""
    wanted = {"organization-id": organisation, "name": "Admin", "password": "s3cret", **more}
    answer = send(api, "POST", "passwords", "passwords", wanted)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


def test_a_wrong_or_missing_key_is_refused(server: StandIns) -> None:
    """401 and 403 both occur in the vendor's text; a client treats both as fatal."""
    address = f"{server.base_url}/itglue/organizations"
    assert httpx.get(address).status_code == 401
    assert httpx.get(address, headers={"x-api-key": "wrong"}).status_code == 403


def test_an_organisation_is_found_by_its_psa_id_only_with_the_integration_type(api: httpx.Client) -> None:
    """One without the other is an error; an unassigned link finds nothing."""
    assert "psa_integration_type" in refusal(api.get("organizations", params={"filter[psa_id]": "175"}), 400)
    autotask = {"filter[psa_integration_type]": "autotask"}
    (contoso,) = found(api, "organizations", **{"filter[psa_id]": "175"}, **autotask)
    assert (contoso["id"], contoso["attributes"]["name"]) == (str(CONTOSO), "Contoso Ltd")
    assert found(api, "organizations", **{"filter[psa_id]": "184"}, **autotask) == []
    assert found(api, "organizations", **{"filter[name]": "Lamna Healthcare"})[0]["id"] == str(LAMNA)


def test_name_filters_of_organisations_are_not_exact(api: httpx.Client) -> None:
    """A client must compare the name itself."""
    names = [o["attributes"]["name"] for o in found(api, "organizations", **{"filter[name]": "contoso"})]
    assert names == ["Contoso Ltd", "Contoso Pharmaceuticals"]
    groups = [g["attributes"]["name"] for g in found(api, "groups", **{"filter[name]": "senior staff"})]
    assert sorted(groups) == ["senior staff", "senior staff (former)"]


def test_lists_are_paged_with_meta_and_a_full_next_link(api: httpx.Client) -> None:
    """Default 50, at most 1000."""
    answer = api.get("organizations", params={"page[size]": "6"}).json()
    ids, pages = [o["id"] for o in answer["data"]], 1
    assert answer["meta"]["total-count"] == 15
    while "next" in answer["links"]:
        answer = api.get(answer["links"]["next"]).json()
        ids += [o["id"] for o in answer["data"]]
        pages += 1
    assert (len(ids), len(set(ids)), pages) == (15, 15, 3)
    refusal(api.get("organizations", params={"page[size]": "1001"}), 400)


def test_unknown_filters_and_parameters_are_refused(api: httpx.Client) -> None:
    """Not shrugged at."""
    assert "psa_company" in refusal(api.get("organizations", params={"filter[psa_company]": "1"}), 400)
    assert "shout" in refusal(api.get("organizations", params={"shout": "1"}), 400)
    assert "username" in refusal(api.get("passwords", params={"filter[username]": "x"}), 400)


def test_a_flexible_asset_type_comes_with_its_fields(api: httpx.Client) -> None:
    """By include, or on their own."""
    params = {"filter[name]": "Application", "include": "flexible_asset_fields"}
    answer = api.get("flexible_asset_types", params=params).json()
    fields = {f["attributes"]["name-key"]: f["attributes"] for f in answer["included"]}
    assert fields["application-name"]["required"] is True
    assert fields["term"]["default-value"].splitlines() == ["Monthly", "Annual", "One-time"]
    assert (fields["related-passwords"]["kind"], fields["related-passwords"]["tag-type"]) == ("Tag", "Passwords")
    alone = found(api, f"flexible_asset_types/{APPLICATION}/relationships/flexible_asset_fields")
    assert {f["id"] for f in alone} == {f["id"] for f in answer["included"]}


def test_flexible_assets_are_listed_by_type_and_exact_name(api: httpx.Client) -> None:
    """The type filter is mandatory; keys are kebab-case here."""
    assert "flexible-asset-type-id" in refusal(api.get("flexible_assets"), 400)
    assert "flexible_asset_type_id" in refusal(
        api.get("flexible_assets", params={"filter[flexible_asset_type_id]": "33"}), 400
    )
    here = {"filter[flexible-asset-type-id]": "33", "filter[organization-id]": str(CONTOSO)}
    name = "Microsoft 365 Business Premium"
    assert len(found(api, "flexible_assets", **here, **{"filter[name]": name})) == 1
    assert found(api, "flexible_assets", **here, **{"filter[name]": name.lower()}) == []
    assert found(api, "flexible_assets", **here, **{"filter[name]": name[:-1]}) == []


def test_an_asset_is_created_with_its_name_from_the_title_field(api: httpx.Client, server: StandIns) -> None:
    """The ledger counts it by organisation, type and title."""
    wanted = application(**{"licence-count": 3, "term": "Monthly", "renewal-date": "2026-12-23"})
    made = send(api, "POST", "flexible_assets", "flexible-assets", wanted).json()["data"]
    assert made["attributes"]["name"] == "Visio Plan 1"
    (effect,) = server.effects("itglue", "asset created")
    assert (effect["organization_id"], effect["flexible_asset_type_name"], effect["title"]) == (
        CONTOSO,
        "Application",
        "Visio Plan 1",
    )


@pytest.mark.parametrize(
    ("traits", "says"),
    [
        ({"application-name": None}, "Application name can't be blank"),
        ({"term": "1-Year"}, "not included in the list"),
        ({"licence-count": "three"}, "not a valid Number"),
        ({"renewal-date": "23/12/2026"}, "not a valid Date"),
        ({"related-passwords": [4711]}, "existing Passwords"),
        ({"related-passwords": {"type": "Passwords", "values": []}}, "existing Passwords"),
        ({"colour": "blue"}, "not a field"),
    ],
)
def test_traits_that_dont_fit_their_field_are_a_422(
    api: httpx.Client, server: StandIns, traits: dict[str, Any], says: str
) -> None:
    """Required, select, kinds, tags; nothing is created."""
    answer = send(api, "POST", "flexible_assets", "flexible-assets", application(**traits))
    assert says in refusal(answer)
    assert server.effects("itglue") == []


def test_a_patch_drops_the_traits_that_it_doesnt_send(api: httpx.Client) -> None:
    """Read, merge, write is the client's job."""
    made = send(api, "POST", "flexible_assets", "flexible-assets", application(notes="kept?", vendor="Microsoft"))
    path = f"flexible_assets/{made.json()['data']['id']}"
    changed = send(
        api, "PATCH", path, "flexible-assets", {"traits": {"application-name": "Visio", "vendor": "Microsoft"}}
    )
    attributes = changed.json()["data"]["attributes"]
    assert attributes["traits"] == {"application-name": "Visio", "vendor": "Microsoft"}
    assert attributes["name"] == "Visio"
    assert "can't be blank" in refusal(send(api, "PATCH", path, "flexible-assets", {"traits": {"notes": "x"}}))


def test_tags_are_written_as_ids_and_read_as_objects(api: httpx.Client) -> None:
    """What a read gives can't be written back as it is."""
    key = password(api)
    made = send(api, "POST", "flexible_assets", "flexible-assets", application(**{"related-passwords": [int(key)]}))
    traits = made.json()["data"]["attributes"]["traits"]
    assert traits["related-passwords"] == {"type": "Passwords", "values": [{"id": int(key), "name": "Admin"}]}
    path = f"flexible_assets/{made.json()['data']['id']}"
    assert "ids of existing" in refusal(send(api, "PATCH", path, "flexible-assets", {"traits": traits}))


def test_relationships_in_a_write_are_refused(api: httpx.Client) -> None:
    """And so is a body without data, or of another media type."""
    body = {"data": {"type": "passwords", "attributes": {"name": "x"}, "relationships": {}}}
    assert "relationships" in refusal(api.patch(f"passwords/{password(api)}", json=body))
    assert "data" in refusal(api.post("passwords", json={"name": "x"}), 400)
    refusal(api.post("passwords", content="x", headers={"Content-Type": "text/plain"}), 415)


def test_a_synced_organisation_cannot_be_changed(api: httpx.Client) -> None:
    """The PSA owns it."""
    assert "synced" in refusal(send(api, "PATCH", f"organizations/{CONTOSO}", "organizations", {"name": "x"}))


def test_a_password_shows_its_value_by_default_only_on_show(api: httpx.Client, server: StandIns) -> None:
    """`show_password` is true on GET one, false elsewhere; the OTP secret is never shown again."""
    wanted = {"organization-id": CONTOSO, "name": "Admin", "password": "s3cret", "otp_secret": SEED_SECRET}
    made = send(api, "POST", "passwords", "passwords", wanted).json()["data"]
    path = f"passwords/{made['id']}"
    assert "password" not in made["attributes"]
    shown = api.get(path).json()["data"]["attributes"]
    assert (shown["password"], shown["otp-enabled"]) == ("s3cret", True)
    assert "otp-secret" not in shown
    hidden = api.get(path, params={"show_password": "false"}).json()["data"]["attributes"]
    assert "password" not in hidden
    (listed,) = found(api, "passwords", **{"filter[organization_id]": str(CONTOSO)})
    assert "password" not in listed["attributes"]
    ledger = str(server.control("GET", "ledger?vendor=itglue"))
    assert "s3cret" not in ledger
    assert SEED_SECRET not in ledger


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"password": ""}, "password can't be blank"),
        ({"otp_secret": "not base32!"}, "Base32"),
        ({"resource-type": "Contact"}, "together"),
        ({"resource-type": "Car", "resource-id": 1}, "embedded in a Car"),
        ({"password-category-id": 4711}, "category must exist"),
        ({"organization-id": 1}, "organization must exist"),
        ({"colour": "blue"}, "unknown attribute: colour"),
    ],
)
def test_a_password_that_breaks_a_rule_is_a_422(api: httpx.Client, given: dict[str, Any], says: str) -> None:
    """Nothing is made."""
    wanted = {"organization-id": CONTOSO, "name": "Admin", "password": "s3cret", **given}
    assert says in refusal(send(api, "POST", "passwords", "passwords", wanted))


def test_a_record_is_restricted_to_one_group_in_two_steps(api: httpx.Client, server: StandIns) -> None:
    """PATCH replaces the whole list, POST adds one, DELETE takes off; administrators still see everything."""
    key = password(api, restricted=True, **{"password-category-id": OTP_CATEGORY})
    path = f"passwords/{key}/relationships/resource_accesses"
    senior = {"accessor-id": SENIOR_STAFF, "accessor-type": "Group"}
    other = {"accessor_id": 44, "accessor_type": "Group"}
    assert send(api, "POST", path, "resource_accesses", other).status_code == 200
    assert send(api, "PATCH", path, "resource-accesses", [senior]).status_code == 200
    include = "group_resource_accesses,user_resource_accesses,authorized_users"
    shown = api.get(f"passwords/{key}", params={"include": include, "show_password": "false"}).json()
    accesses = [one["attributes"] for one in shown["included"] if one["type"] == "group-resource-accesses"]
    assert [(a["accessor-id"], a["accessor-type"]) for a in accesses] == [(SENIOR_STAFF, "Group")]
    people = {u["attributes"]["name"] for u in shown["included"] if u["type"] == "authorized-users"}
    assert people == {"Sam Adeyemi", "Kim Lund", "Roberta Vale"}
    assert shown["data"]["attributes"]["restricted"] is True
    assert server.effects("itglue", "password access changed")[-1]["accessors"] == ["Group senior staff"]
    assert send(api, "DELETE", path, "resource_accesses", [senior]).json()["data"] == []


def test_a_group_without_access_to_the_organisation_is_refused(api: httpx.Client) -> None:
    """The vendor's support script warns of it."""
    path = f"passwords/{password(api, WOODGROVE)}/relationships/resource_accesses"
    senior = {"accessor-id": SENIOR_STAFF, "accessor-type": "Group"}
    assert "doesn't have access to the organization" in refusal(send(api, "PATCH", path, "resource_accesses", [senior]))


def test_related_items_can_be_doubled_and_are_seen_from_both_sides(api: httpx.Client) -> None:
    """Read before you relate; destination ids are texts, types are class names."""
    admin, seed = password(api), password(api, name="Other")
    path = f"passwords/{admin}/relationships/related_items"
    link = {"destination_id": seed, "destination_type": "Password", "notes": "OTP"}
    assert "as text" in refusal(send(api, "POST", path, "related_items", {**link, "destination_id": int(seed)}))
    assert "passwords" in refusal(send(api, "POST", path, "related_items", {**link, "destination_type": "passwords"}))
    made = [send(api, "POST", path, "related_items", link).json()["data"]["id"] for _ in range(2)]
    assert len(set(made)) == 2
    for one, other in ((admin, seed), (seed, admin)):
        shown = api.get(f"passwords/{one}", params={"include": "related_items", "show_password": "false"}).json()
        assert [i["attributes"]["resource-id"] for i in shown["included"]] == [int(other)] * 2
    body = {"data": [{"type": "related_items", "attributes": {"id": made[0]}}]}
    assert api.request("DELETE", path, json=body).status_code == 200
    assert api.get(path).status_code == 404


def test_the_nested_route_takes_an_array_and_makes_all_or_nothing(api: httpx.Client) -> None:
    """Bulk create exists below the organisation only."""
    path = f"organizations/{CONTOSO}/relationships/passwords"
    good, bad = {"name": "One", "password": "x"}, {"name": "Two"}
    refusal(send(api, "POST", path, "passwords", [good, bad]))
    assert found(api, path) == []
    assert send(api, "POST", path, "passwords", [good, {**bad, "password": "y"}]).status_code == 201
    assert len(found(api, path)) == 2


def test_a_contact_is_found_by_its_primary_address(api: httpx.Client) -> None:
    """In the organisation that it belongs to."""
    wanted = {"filter[organization_id]": str(CONTOSO), "filter[primary_email]": "ada@contoso.example"}
    (ada,) = found(api, "contacts", **wanted)
    assert ada["attributes"]["name"] == "Ada Byte"
    new = {"organization-id": CONTOSO, "last-name": "Nobody"}
    assert "first name" in refusal(send(api, "POST", "contacts", "contacts", new))


def test_authorised_contacts_and_tenants_are_documented_per_organisation(api: httpx.Client) -> None:
    """The receptionist is listed without a right; Lamna's tenant is not documented."""
    type_ids = {t["attributes"]["name"]: t["id"] for t in found(api, "flexible_asset_types")}

    def traits(name: str, organisation: int) -> list[dict[str, Any]]:
        here = {"filter[flexible-asset-type-id]": type_ids[name], "filter[organization-id]": str(organisation)}
        return [a["attributes"]["traits"] for a in found(api, "flexible_assets", **here)]

    rights = {t["email"]: (t["may-confirm"], t["may-sign"]) for t in traits("Authorised contacts", WOODGROVE)}
    assert rights == {"dora@woodgrove.example": (False, False), "victor@woodgrove.example": (True, True)}
    assert traits("Microsoft tenant", CONTOSO)[0]["onmicrosoft"] == "contoso.onmicrosoft.com"
    assert traits("Microsoft tenant", LAMNA) == []


def test_an_unknown_path_is_a_404_that_the_ledger_flags(api: httpx.Client, server: StandIns) -> None:
    """Also below `/api`, which the vendor's own samples put in front."""
    assert api.get("unicorns").status_code == 404
    assert server.control("GET", "ledger?vendor=itglue")["entries"][-1]["unknown"] is True
    assert api.get(f"api/organizations/{CONTOSO}").json()["data"]["attributes"]["name"] == "Contoso Ltd"


def test_three_thousand_requests_in_five_minutes_are_the_most(api: httpx.Client, server: StandIns) -> None:
    """Then 429, until the window has passed."""
    assert api.get("users").status_code == 200
    server.world.memory["rate.itglue"].extend([server.world.now()] * 3000)
    refusal(api.get("users"), 429)
    server.advance(seconds=301)
    assert api.get("users").status_code == 200
