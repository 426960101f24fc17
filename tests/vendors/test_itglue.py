"""The IT Glue client against the sandbox: organisations by Autotask id, assets without lost traits, no secrets."""

import uuid
from datetime import date
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

import vendors.http
from tests.vendors.conftest import SandboxAddress, itglue_block
from tests.vendors.served import Asked, Vendor, served
from vendors.http import NotFound, Refused, Unauthorised, UnclearOutcome
from vendors.itglue import FieldMap, FlexibleAssetType, ITGlue, ITGlueBlock, LayoutMismatch, Organisation

CONTOSO = 175  # its Autotask id
NAMES = {"product": "application-name", "seats": "licence-count", "until": "renewal-date", "notes": "notes"}


@pytest.fixture
async def contoso(itglue: ITGlue) -> Organisation:
    found = await itglue.organisation_by_psa_id(CONTOSO)
    assert found is not None
    return found


@pytest.fixture
async def application(itglue: ITGlue) -> FlexibleAssetType:
    return await itglue.flexible_asset_type("Application")


@pytest.fixture
def product() -> str:
    return f"Product {uuid.uuid4().hex[:8]}"


async def test_check_says_in_one_line_that_the_key_works(sandbox: SandboxAddress) -> None:
    """It also keeps the key alive, which is revoked after 90 days without use."""
    line = await itglue_block(sandbox).check()
    assert line.startswith("IT Glue works")
    assert "\n" not in line


async def test_a_wrong_key_is_a_fault_of_configuration_and_is_not_shown(sandbox: SandboxAddress) -> None:
    """401 or 403: the sheet has both."""
    wrong = ITGlueBlock(api_key=SecretStr("wr0ng-key"), address=sandbox.credentials["itglue"]["base_url"])
    with pytest.raises(Unauthorised) as denied:
        await wrong.check()
    assert "wr0ng-key" not in str(denied.value) + repr(denied.value) + repr(wrong)


async def test_an_organisation_is_found_by_its_autotask_company(itglue: ITGlue, contoso: Organisation) -> None:
    """Not by name; a company that nobody linked has none."""
    assert contoso.name == "Contoso Ltd"
    assert await itglue.organisation(contoso.id) == contoso
    assert await itglue.organisation_by_psa_id(999_999) is None


async def test_a_layout_is_found_by_its_exact_name_with_its_fields(
    itglue: ITGlue, application: FlexibleAssetType
) -> None:
    """IT Glue's own filter isn't exact."""
    title = application.field("application-name")
    assert title is not None
    assert (title.required, title.kind) == (True, "Text")
    with pytest.raises(NotFound, match="'Applic'"):
        await itglue.flexible_asset_type("Applic")


async def test_an_asset_is_created_once_and_found_by_its_exact_name(
    itglue: ITGlue, contoso: Organisation, application: FlexibleAssetType, product: str
) -> None:
    """The name is computed from the title field."""
    assert await itglue.flexible_assets(application.id, contoso.id, product) == []
    fields = FieldMap(application, NAMES)
    made = await itglue.create_flexible_asset(
        application.id,
        contoso.id,
        fields.traits({"product": product, "seats": 3, "until": date(2027, 1, 31)}),
    )
    assert await itglue.flexible_assets(application.id, contoso.id, product) == [made]
    assert await itglue.flexible_assets(application.id, contoso.id, product.upper()) == []
    assert made in await itglue.flexible_assets(application.id, contoso.id)
    assert await itglue.flexible_asset(made.id) == made
    assert made.traits["renewal-date"] == "2027-01-31"


async def test_an_update_loses_no_trait(
    itglue: ITGlue, contoso: Organisation, application: FlexibleAssetType, product: str
) -> None:
    """A PATCH deletes what it doesn't hold; tags are read in one shape and written in another."""
    tagged = next(
        (field.name_key for field in application.fields if field.tag_type == "Passwords"), "related-passwords"
    )
    made = await itglue.create_flexible_asset(
        application.id,
        contoso.id,
        {"application-name": product, "licence-count": 3, "notes": "Order 1", tagged: []},
    )
    changed = await itglue.update_flexible_asset(made.id, {"licence-count": 5})
    assert {key: changed.traits[key] for key in ("application-name", "licence-count", "notes")} == {
        "application-name": product,
        "licence-count": 5,
        "notes": "Order 1",
    }
    cleared = await itglue.update_flexible_asset(made.id, {"notes": None})
    assert "notes" not in cleared.traits
    assert cleared.traits["licence-count"] == 5


async def test_the_accounts_layout_is_checked_by_name(application: FlexibleAssetType) -> None:
    """Before anything is sent."""
    with pytest.raises(LayoutMismatch, match="'no-such-field'"):
        FieldMap(application, NAMES | {"other": "no-such-field"})


async def test_what_it_glue_refuses_keeps_its_words(
    itglue: ITGlue, contoso: Organisation, application: FlexibleAssetType
) -> None:
    """A 422 names the field; an unknown id is not found."""
    with pytest.raises(Refused, match="application-name") as refused:
        await itglue.create_flexible_asset(application.id, contoso.id, {"notes": "x"})
    assert refused.value.status == 422
    with pytest.raises(NotFound):
        await itglue.flexible_asset(1)


async def test_an_unclear_create_is_not_repeated_and_the_name_finds_it(
    itglue: ITGlue,
    contoso: Organisation,
    application: FlexibleAssetType,
    product: str,
    sandbox: SandboxAddress,
) -> None:
    """The answer gets lost after the effect: one asset."""
    fault = {
        "vendor": "itglue",
        "method": "POST",
        "path": ".*/flexible_assets$",
        "kind": "500-after",
        "times": 1,
    }
    sandbox.control("POST", "faults", fault)
    with pytest.raises(UnclearOutcome):
        await itglue.create_flexible_asset(application.id, contoso.id, {"application-name": product})
    assert len(await itglue.flexible_assets(application.id, contoso.id, product)) == 1


async def test_passwords_are_listed_without_their_values(
    itglue: ITGlue, contoso: Organisation, sandbox: SandboxAddress
) -> None:
    """`show_password=false` on every look, so that no value ever travels unneeded."""
    place = sandbox.place()
    await itglue.passwords(contoso.id, "Microsoft 365 global admin")
    looks = [entry for entry in sandbox.ledger("itglue", place) if entry["path"].endswith("/passwords")]
    assert looks
    assert all("show_password" in str(entry["query"]) for entry in looks)
    assert all("true" not in str(entry["query"]) for entry in looks)


async def test_people_and_groups_are_read(itglue: ITGlue) -> None:
    """Group names exactly: a former group of a similar name is another one."""
    assert await itglue.users()
    (senior,) = await itglue.groups("senior staff")
    assert senior in await itglue.groups()
    assert await itglue.groups("senior") == []


def _document(*records: dict[str, Any], following: int | None = None) -> dict[str, Any]:
    data = [{"id": str(one["id"]), "type": "x", "attributes": one} for one in records]
    return {"data": data, "meta": {"next-page": following}, "links": {}}


async def test_all_pages_are_read_and_names_with_commas_are_compared_on_this_side() -> None:
    """A comma divides several values in IT Glue's filters: such an asset would never be found again."""
    asset = {"organization-id": 2, "flexible-asset-type-id": 33, "traits": {}}

    def answer(asked: Asked, vendor: Vendor) -> dict[str, Any]:
        if asked.query["page[number]"] == "1":
            return _document(asset | {"id": 1, "name": "Visio, Plan 1", "archived": True}, following=2)
        return _document(asset | {"id": 2, "name": "Visio, Plan 1"}, asset | {"id": 3, "name": "visio, plan 1"})

    async with served(answer) as vendor, ITGlue(api_key="k", address=vendor.address) as itglue:
        found = await itglue.flexible_assets(33, 2, "Visio, Plan 1")
        assert [one.id for one in found] == [2]
        assert "filter[name]" not in vendor.asked[0].query
        await itglue.flexible_assets(33, 2, "Visio")
        assert vendor.asked[-1].query["filter[name]"] == "Visio"


async def test_two_organisations_of_one_company_are_refused_by_name() -> None:
    """Nobody may pick one of them by chance."""

    def answer(asked: Asked, vendor: Vendor) -> dict[str, Any]:
        assert asked.query["filter[psa_integration_type]"] == "autotask"
        return _document({"id": 1, "name": "One"}, {"id": 2, "name": "Two"})

    async with served(answer) as vendor, ITGlue(api_key="k", address=vendor.address) as itglue:
        with pytest.raises(Refused, match=r"One \(1\), Two \(2\)"):
            await itglue.organisation_by_psa_id(175)


async def test_a_trait_that_vanished_in_a_write_is_noticed() -> None:
    """The answer of the PATCH is compared with what was sent."""
    base = {"id": 5, "name": "Visio", "organization-id": 2, "flexible-asset-type-id": 33}

    def answer(asked: Asked, vendor: Vendor) -> dict[str, Any]:
        if asked.path.endswith("flexible_asset_fields"):
            return _document()
        traits = {"a": 1} if asked.method == "PATCH" else {"a": 1, "b": 2}
        return {"data": {"id": "5", "attributes": {**base, "traits": traits}}}

    async with served(answer) as vendor, ITGlue(api_key="k", address=vendor.address) as itglue:
        with pytest.raises(UnclearOutcome, match="without b"):
            await itglue.update_flexible_asset(5, {"a": 1})
        written = vendor.asked[-1]
        assert written.headers["content-type"] == "application/vnd.api+json"
        assert written.json["data"]["attributes"] == {"traits": {"a": 1, "b": 2}}


async def test_all_assets_of_a_type_come_in_one_list(
    itglue: ITGlue, contoso: Organisation, application: FlexibleAssetType
) -> None:
    """Of every organisation: what the audit holds against Pax8."""
    everybodys = await itglue.flexible_assets_of_type(application.id)
    assert {asset.id for asset in await itglue.flexible_assets(application.id, contoso.id)} < {a.id for a in everybodys}
    assert {asset.flexible_asset_type_id for asset in everybodys} == {application.id}


async def test_a_layout_is_read_once_by_each_client(sandbox: SandboxAddress) -> None:
    """A segment asks for the same ones again and again; the next one, with a client of its own, reads anew."""
    asked: list[str] = []

    async def note(request: httpx.Request, _response: httpx.Response | None) -> None:
        asked.append(request.url.path)

    vendors.http.observers.append(note)
    try:
        for _ in range(2):
            async with itglue_block(sandbox).client() as client:
                assert await client.flexible_asset_type("Application") == await client.flexible_asset_type(
                    "Application"
                )
    finally:
        vendors.http.observers.remove(note)
    assert len([path for path in asked if path.endswith("/flexible_asset_types")]) == 2, "once by each of the two"
