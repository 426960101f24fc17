"""IT Glue: organisations by their Autotask id, flexible assets without lost traits, and who may see what."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from prefect.blocks.core import Block
from pydantic import Field, SecretStr, ValidationError

from vendors.http import ErrorDetail, NotFound, Refused, RetryPolicy, UnclearOutcome, VendorHttp
from vendors.itglue_models import (
    AssetField,
    FlexibleAsset,
    FlexibleAssetType,
    Group,
    Organisation,
    PasswordRecord,
    Resource,
    User,
)
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
    "PasswordRecord",
    "User",
]

VENDOR = "IT Glue"
_JSON_API = {"Content-Type": "application/vnd.api+json"}
_PAGE = 200

_R = TypeVar("_R", bound=Resource)


def read_error(response: httpx.Response) -> ErrorDetail:
    """Read JSON:API's `{"errors": [{title, detail, source}]}`; gateways may answer no JSON at all (§6)."""
    body = response.json()
    errors = body.get("errors") if isinstance(body, dict) else None
    return ErrorDetail("; ".join(_in_words(error) for error in errors or []))


class ITGlue:
    """One IT Glue account by its API key (itglue.md); an async context manager.

    Names are compared exactly, on this side. Every method raises `VendorError`s. There is no idempotency:
    look for organisation + name before creating. 3000 calls in 5 minutes are allowed.
    """

    def __init__(
        self,
        *,
        api_key: str,
        address: str = "https://api.itglue.com",
        timeout: float = 60.0,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._http = VendorHttp(
            VENDOR,
            address.rstrip("/"),
            None,
            read_error,
            headers={"x-api-key": api_key},
            timeout=timeout,
            max_concurrency=4,
            secrets=(api_key,),
            policy=policy,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

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
        """Return the layout of that exact name, with its fields; `NotFound` if the account has none."""
        found = await self._list(FlexibleAssetType, "/flexible_asset_types", _named(name))
        layout = next((one for one in found if one.name == name), None)
        if layout is None:
            raise NotFound(VENDOR, f"the account has no flexible asset type {name!r}")
        return await self._with_fields(layout)

    async def flexible_assets(self, type_id: int, organisation_id: int, name: str | None = None) -> list[FlexibleAsset]:
        """Return an organisation's assets of one type, archived ones left out; with `name`, exact ones only."""
        found = await self._list(
            FlexibleAsset,
            "/flexible_assets",
            {
                "filter[flexible-asset-type-id]": type_id,
                "filter[organization-id]": organisation_id,
                **_named(name),
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
        found = await self._list(Group, "/groups", _named(name))
        return [group for group in found if name in (None, group.name)]

    async def passwords(self, organisation_id: int, name: str) -> list[PasswordRecord]:
        """Return the records, without their secrets, of exactly that name; archived ones are left out."""
        found = await self._list(
            PasswordRecord,
            "/passwords",
            {
                "filter[organization_id]": organisation_id,
                **_named(name),
                "show_password": "false",
            },
        )
        return [record for record in found if record.name == name and not record.archived]

    async def _with_fields(self, layout: FlexibleAssetType) -> FlexibleAssetType:
        path = f"/flexible_asset_types/{layout.id}/relationships/flexible_asset_fields"
        return layout.model_copy(update={"fields": tuple(await self._list(AssetField, path, {}))})

    async def _write_asset(self, method: str, path: str, attributes: Mapping[str, Any]) -> FlexibleAsset:
        body = {"data": {"type": "flexible-assets", "attributes": attributes}}
        response = await self._http.write(method, path, json=body, headers=_JSON_API)
        answer = self._http.payload(response, write=True)
        return self._read(FlexibleAsset, answer.get("data"), response=response)

    async def _get(self, path: str, params: Mapping[str, str | int | None] | None = None) -> dict[str, Any]:
        response = await self._http.read("GET", path, params=params)
        answer = self._http.payload(response)
        if not isinstance(answer, dict) or "data" not in answer:
            raise self._http.unreadable(response, "the answer has no data")
        return answer

    async def _list(self, kind: type[_R], path: str, params: Mapping[str, str | int | None]) -> list[_R]:
        found: list[_R] = []
        page: int | None = 1
        while page is not None:
            answer = await self._get(path, {**params, "page[number]": page, "page[size]": _PAGE})
            found += [self._read(kind, data) for data in answer["data"]]
            following = (answer.get("meta") or {}).get("next-page")
            page = int(following) if following else None
        return found

    def _read(self, kind: type[_R], data: Any, *, response: httpx.Response | None = None) -> _R:
        try:
            return kind.of(data)
        except (ValidationError, KeyError, TypeError):
            pass  # pydantic's error would quote the record
        why = f"a record of kind {kind.__name__} can't be read"
        if response is not None:
            raise self._http.unreadable(response, why, write=True)
        raise Refused(VENDOR, why)


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


def _named(name: str | None) -> dict[str, str]:
    # A comma divides several values (itglue.md §3): such a name is looked for on this side only.
    return {} if name is None or "," in name else {"filter[name]": name}


def _in_words(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    title, detail = str(error.get("title") or ""), str(error.get("detail") or "")
    pointer = str((error.get("source") or {}).get("pointer") or "")
    words = ": ".join(part for part in (title, detail) if part)
    return f"{words} ({pointer})" if pointer else words
