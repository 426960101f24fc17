"""IT Glue: organisations by their Autotask id, flexible assets without lost traits, and who may see what."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from vendors.http import NotFound, Refused, UnclearOutcome
from vendors.itglue_http import JSON_API, VENDOR, named
from vendors.itglue_models import (
    AssetField,
    FlexibleAsset,
    FlexibleAssetType,
    Group,
    Organisation,
    PasswordCategory,
    PasswordRecord,
    ShownPassword,
    User,
)
from vendors.itglue_passwords import Passwords
from vendors.itglue_traits import FieldMap, LayoutMismatch, merged

__all__ = [
    "AssetField",
    "FieldMap",
    "FlexibleAsset",
    "FlexibleAssetType",
    "Group",
    "ITGlue",
    "ITGlueBlock",
    "LayoutMismatch",
    "Organisation",
    "PasswordCategory",
    "PasswordRecord",
    "ShownPassword",
    "User",
]


class ITGlue(Passwords):
    """One IT Glue account by its API key (itglue.md); an async context manager.

    Names are compared exactly, on this side. Every method raises `VendorError`s. There is no idempotency:
    look for organisation + name before creating. 3000 calls in 5 minutes are allowed.
    """

    @cached_property
    def _layouts(self) -> dict[str, FlexibleAssetType]:
        """The layouts that were read, by name."""
        return {}

    async def check(self) -> str:
        """Return one line saying that the key works; raises `VendorError` if it doesn't.

        A key that isn't used for 90 days is revoked (itglue.md §2): this call keeps it alive.
        """
        answer = await self._get("/organizations", {"page[size]": 1})
        total = (answer.get("meta") or {}).get("total-count", "some")
        return f"IT Glue works; the key sees {total} organisations"

    async def organisation(self, organisation_id: int) -> Organisation:
        """Return an organisation by its IT Glue id."""
        answer = await self._get(f"/organizations/{organisation_id}")
        return self._read(Organisation, answer.get("data"))

    async def organisation_by_psa_id(self, autotask_company_id: int) -> Organisation | None:
        """Return the organisation that is linked to an Autotask company; None if nothing is linked to it.

        Two linked to one company are `Refused`: a person must mend the link.
        """
        found = await self._list(
            Organisation,
            "/organizations",
            {"filter[psa_id]": str(autotask_company_id), "filter[psa_integration_type]": "autotask"},
        )
        if len(found) > 1:
            names = ", ".join(f"{organisation.name} ({organisation.id})" for organisation in found)
            raise Refused(
                VENDOR,
                f"{len(found)} organisations are linked to Autotask company {autotask_company_id}: {names}",
            )
        return found[0] if found else None

    async def flexible_asset_type(self, name: str) -> FlexibleAssetType:
        """Return the layout of that exact name, with its fields; `NotFound` if the account has none.

        Read once by each client: one lives as long as a segment of a run, and layouts change by the year.
        """
        if name in self._layouts:
            return self._layouts[name]
        found = await self._list(FlexibleAssetType, "/flexible_asset_types", named(name))
        layout = next((one for one in found if one.name == name), None)
        if layout is None:
            raise NotFound(VENDOR, f"the account has no flexible asset type {name!r}")
        self._layouts[name] = await self._with_fields(layout)
        return self._layouts[name]

    async def flexible_assets(self, type_id: int, organisation_id: int, name: str | None = None) -> list[FlexibleAsset]:
        """Return an organisation's assets of one type, archived ones left out; with `name`, exact ones only."""
        found = await self._list(
            FlexibleAsset,
            "/flexible_assets",
            {
                "filter[flexible-asset-type-id]": type_id,
                "filter[organization-id]": organisation_id,
                **named(name),
            },
        )
        return [asset for asset in found if not asset.archived and name in (None, asset.name)]

    async def flexible_assets_of_type(self, type_id: int) -> list[FlexibleAsset]:
        """Return every organisation's assets of one type, archived ones left out; a call for 1,000."""
        found = await self._list(FlexibleAsset, "/flexible_assets", {"filter[flexible-asset-type-id]": type_id})
        return [asset for asset in found if not asset.archived]

    async def flexible_asset(self, asset_id: int) -> FlexibleAsset:
        """Return one asset by its id."""
        answer = await self._get(f"/flexible_assets/{asset_id}")
        return self._read(FlexibleAsset, answer.get("data"))

    async def create_flexible_asset(
        self, type_id: int, organisation_id: int, traits: Mapping[str, Any]
    ) -> FlexibleAsset:
        """Create an asset; `traits` by name-key, as `FieldMap.traits` makes them, required ones included."""
        attributes = {
            "organization-id": organisation_id,
            "flexible-asset-type-id": type_id,
            "traits": dict(traits),
        }
        return await self._write_asset("POST", "/flexible_assets", attributes)

    async def update_flexible_asset(self, asset_id: int, traits: Mapping[str, Any]) -> FlexibleAsset:
        """Change the given traits of an asset and keep all others: read, merge, write (itglue.md §1.5).

        None removes a trait. `LayoutMismatch` where a trait couldn't be given back as it was read.
        Sharp edge: somebody else's change between the read and the write is overwritten.
        """
        asset = await self.flexible_asset(asset_id)
        layout = await self._with_fields(FlexibleAssetType(id=asset.flexible_asset_type_id))
        wanted = merged(layout, asset.traits, traits)
        written = await self._write_asset("PATCH", f"/flexible_assets/{asset_id}", {"traits": wanted})
        gone = [key for key, value in wanted.items() if value is not None and key not in written.traits]
        if gone:
            raise UnclearOutcome(VENDOR, f"asset {asset_id} came back without {', '.join(gone)}")
        return written

    async def users(self) -> list[User]:
        """Return the MSP's own people."""
        return await self._list(User, "/users", {})

    async def groups(self, name: str | None = None) -> list[Group]:
        """Return the groups; with `name`, those of exactly that name."""
        found = await self._list(Group, "/groups", named(name))
        return [group for group in found if name in (None, group.name)]

    async def _with_fields(self, layout: FlexibleAssetType) -> FlexibleAssetType:
        path = f"/flexible_asset_types/{layout.id}/relationships/flexible_asset_fields"
        return layout.model_copy(update={"fields": tuple(await self._list(AssetField, path, {}))})

    async def _write_asset(self, method: str, path: str, attributes: Mapping[str, Any]) -> FlexibleAsset:
        body = {"data": {"type": "flexible-assets", "attributes": attributes}}
        response = await self._http.write(method, path, json=body, headers=JSON_API)
        answer = self._http.payload(response, write=True)
        return self._read(FlexibleAsset, answer.get("data"), response=response)


class ITGlueBlock(Block):
    """The API key for IT Glue, and the host of the account's region."""

    _block_type_name = "Countersign IT Glue"
    _block_type_slug = "countersign-it-glue"
    _description = "IT Glue: documentation of customers, by an API key."

    api_key: SecretStr = Field(title="API key", description="The API key; made by an administrator, shown once.")
    address: str = Field(
        title="Address",
        default="https://api.itglue.com",
        description="https://api.itglue.com, https://api.eu.itglue.com or https://api.au.itglue.com.",
    )

    def client(self) -> ITGlue:
        """Return a client; use it as an async context manager."""
        return ITGlue(api_key=self.api_key.get_secret_value(), address=self.address)

    async def check(self) -> str:
        """Return one line saying that the key works; raises `VendorError` saying what is wrong."""
        async with self.client() as itglue:
            return await itglue.check()
