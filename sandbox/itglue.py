"""The IT Glue stand-in: JSON:API, filters that aren't exact, traits dropped by PATCH, restrictions in two steps."""

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox import itglue_assets as assets
from sandbox import itglue_passwords as passwords
from sandbox.core import Record, World, json_body
from sandbox.credentials import ITGLUE_API_KEY
from sandbox.itglue_answers import (
    Filter,
    Listing,
    answer,
    contains,
    exactly,
    item,
    problem,
    read_includes,
    refuse,
    whole,
)
from sandbox.itglue_seed import seed
from sandbox.itglue_write import ORGANISATIONS, Writes, rendered, unknown, wants_secret
from sandbox.rate import requests_within

__all__ = ["PREFIX", "control", "problem", "routes", "seed"]

PREFIX = "/itglue"
LIMIT, WINDOW = "itglue.requests", timedelta(minutes=5)
_ACCESS_VERBS: tuple[str, ...] = ("POST", "PATCH", "DELETE")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def _by_psa(record: Record, value: str) -> bool:
    return record.get("_psa-id") is not None and str(record["_psa-id"]) == value


def _psa_type(record: Record, value: str) -> bool:
    return record.get("_psa-id") is not None and value == "autotask"


def _both(**filters: Filter) -> dict[str, Filter]:
    """Filters under their snake_case and kebab-case names."""
    return filters | {name.replace("_", "-"): function for name, function in filters.items()}


_FILTERS: dict[str, dict[str, Filter]] = {
    "organizations": _both(id=exactly("id"), name=contains("name"), psa_id=_by_psa, psa_integration_type=_psa_type),
    "flexible_asset_types": _both(id=exactly("id"), name=contains("name"), enabled=exactly("enabled")),
    "flexible_assets": {
        "flexible-asset-type-id": exactly("flexible-asset-type-id"),
        "organization-id": exactly("organization-id"),
        "name": whole("name"),
    },
    "passwords": _both(
        id=exactly("id"),
        name=contains("name"),
        organization_id=exactly("organization-id"),
        password_category_id=exactly("password-category-id"),
        url=contains("url"),
        cached_resource_name=contains("cached-resource-name"),
        archived=lambda record, value: str(bool(record["archived"])).lower() == value.lower(),
    ),
    "password_categories": _both(name=contains("name")),
    "groups": _both(name=contains("name")),
    "users": _both(id=exactly("id"), name=contains("name"), email=contains("email"), role_name=exactly("role-name")),
    "contacts": _both(
        id=exactly("id"),
        first_name=contains("first-name"),
        last_name=contains("last-name"),
        title=contains("title"),
        primary_email=contains("_primary-email"),
        important=exactly("important"),
        organization_id=exactly("organization-id"),
        psa_id=_by_psa,
        psa_integration_type=_psa_type,
    ),
}
_LIST_INCLUDES: dict[str, tuple[str, ...]] = {
    "flexible_asset_types": ("flexible_asset_fields",),
    "passwords": passwords.LIST_INCLUDES,
    "groups": ("users", "organizations", "resource_type_restrictions"),
}
_SHOW_INCLUDES = _LIST_INCLUDES | {"passwords": passwords.SHOW_INCLUDES}


def routes(world: World) -> list[BaseRoute]:
    """The API, with and without the `/api` that some of the vendor's samples put in front."""
    world.declare_setting(LIMIT, 3000, "Requests that IT Glue takes in five minutes before it answers 429.")

    async def api(request: Request) -> Response:
        if request.path_params["path"].partition("/")[0] not in _FILTERS:
            world.mark_unknown()
            return problem(404, f"{request.method} {request.url.path} does not exist.")
        if request.headers.get("x-api-key") is None:
            return problem(401, "Authentication credentials were not given.")
        if request.headers["x-api-key"] != ITGLUE_API_KEY:
            return problem(403, "The API key is not valid.")
        if requests_within(world, "itglue", WINDOW) > world.setting(LIMIT):
            return problem(429, "Rate limit exceeded.")
        body = None
        if await request.body():
            media = request.headers.get("content-type", "").partition(";")[0]
            if media not in ("application/vnd.api+json", "application/json"):
                return problem(415, f"Content-Type {media} is not supported.")
            try:
                body = await json_body(request)
            except ValueError:
                return problem(400, "The request body is not valid JSON.")
        return _Call(world, request, body).answer()

    return [
        Route("/api/{path:path}", api, methods=_METHODS),
        Route("/{path:path}", api, methods=_METHODS),
    ]


def control(world: World) -> list[BaseRoute]:
    """The lever below `/_sandbox`.

    `POST itglue/passwords/{id}/store {"password"?, "otp_secret"?}`: a person writes into a record in IT Glue's pages.
    `{"made_up": true}` instead: what such a record holds, made up here, so that whoever presses a button sees none.
    """

    async def store(request: Request) -> Response:
        given = await json_body(request) or {}
        record = world.store.get("itglue.passwords", request.path_params["key"])
        known = set(given) <= {"password", "otp_secret"} or given == {"made_up": True}
        if record is None or not known:
            return problem(404, "There is no such record, or a person can't write that.")
        if "made_up" in given:
            given = passwords.made_up(world, record)
        now = world.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        changed: Record = {"updated-at": now}
        if "password" in given:
            changed |= {"password": given["password"], "password-updated-at": now}
        if "otp_secret" in given:
            changed |= {"otp-secret": given["otp_secret"]}
        world.store.put("itglue.passwords", record["id"], {**record, **changed})
        world.effect("password stored by a person", vendor="itglue", id=record["id"], title=record["name"])
        return Response(status_code=204)

    return [Route("/itglue/passwords/{key}/store", store, methods=["POST"])]


class _Call:
    """One call, its path taken apart."""

    def __init__(self, world: World, request: Request, body: Any) -> None:
        self.world = world
        self.store = world.store
        self.request = request
        self.body = body
        self.writes = Writes(world, request, body)
        self.parts = [p for p in request.path_params["path"].split("/") if p]

    def answer(self) -> Response:
        """Finds the handler of the path; a 404 for a path that the vendor doesn't have."""
        strangers = set(self.request.query_params) - {"show_password"}
        if self.request.method != "GET" and (
            strangers or (self.request.query_params and "passwords" not in self.parts)
        ):
            raise refuse(400, "Unknown query parameter.")
        match (self.request.method, *self.parts):
            case ("GET", resource) if resource in _FILTERS:
                return self._list(resource)
            case ("GET", resource, key) if resource in _FILTERS:
                return self._show(resource, self._found(resource, key))
            case ("GET", "flexible_asset_types", key, "relationships", "flexible_asset_fields"):
                return self._fields(self._found("flexible_asset_types", key))
            case (
                "GET",
                "organizations",
                key,
                "relationships",
                "passwords" | "flexible_assets" | "contacts" as r,
            ):
                return self._list(r, int(self._found("organizations", key)["id"]))
            case ("GET", "organizations", org, "relationships", "passwords" as r, key):
                return self._show(r, self._of(org, self._found(r, key)))
            case ("PATCH", "organizations", key):
                return self.writes.patch_organisation(self._found("organizations", key))
            case ("POST", "passwords" | "flexible_assets" | "contacts" | "password_categories" as r):
                return self.writes.create(r, None)
            case (
                "POST",
                "organizations",
                key,
                "relationships",
                "passwords" | "flexible_assets" | "contacts" as r,
            ):
                return self.writes.create(r, int(self._found("organizations", key)["id"]))
            case ("PATCH", "passwords" | "flexible_assets" | "contacts" | "password_categories" as r, key):
                return self.writes.update(r, self._found(r, key))
            case ("PATCH", "organizations", org, "relationships", "passwords" as r, key):
                return self.writes.update(r, self._of(org, self._found(r, key)))
            case ("DELETE", "passwords" | "flexible_assets" as r, key):
                return self.writes.delete(r, self._found(r, key))
            case (verb, "passwords", key, "relationships", "resource_accesses") if verb in _ACCESS_VERBS:
                return self.writes.accesses(self._found("passwords", key))
            case (verb, r, key, "relationships", "related_items", *rest) if (
                r in passwords.RELATED_SOURCES and verb != "GET"
            ):
                return self.writes.related(r, self._found(r, key), rest)
            case _:
                return self._unknown()

    def _unknown(self) -> Response:
        raise unknown(self.world, self.request)

    def _found(self, resource: str, key: str) -> Record:
        record = self.store.get(f"itglue.{resource}", key) if key.isdigit() else None
        if record is None:
            raise refuse(404, f"The {resource} {key} could not be found.")
        return record

    def _of(self, organisation: str, record: Record) -> Record:
        if str(record["organization-id"]) != organisation:
            raise refuse(404, "The record could not be found in this organization.")
        return record

    # reading

    def _list(self, resource: str, organisation_id: int | None = None) -> Response:
        also = ("show_password",) if resource == "passwords" else ()
        listing = Listing(self.request, _FILTERS[resource], _LIST_INCLUDES.get(resource, ()), also)
        given = {name.replace("-", "_") for name in listing.filters}
        if resource == "flexible_assets" and "flexible_asset_type_id" not in given:
            raise refuse(400, "param is missing or the value is empty: filter[flexible-asset-type-id]")
        if "psa_id" in given and "psa_integration_type" not in given:
            raise refuse(400, "param is missing or the value is empty: filter[psa_integration_type]")
        records = self.store.all(f"itglue.{resource}")
        if organisation_id is not None:
            records = [r for r in records if r["organization-id"] == organisation_id]
        page, meta, links = listing.page(records)
        with_secret = resource == "passwords" and wants_secret(self.request, default=False)
        document: Record = {
            "data": [rendered(self.world, resource, r, with_secret=with_secret) for r in page],
            "meta": meta,
            "links": links,
        }
        if listing.includes:
            self._include(resource, page, listing.includes, document["data"], document)
        return answer(document)

    def _show(self, resource: str, record: Record) -> Response:
        wanted: list[str] = []
        for name, value in self.request.query_params.items():
            if name == "include":
                wanted = read_includes(value, _SHOW_INCLUDES.get(resource, ()))
            elif not (name == "show_password" and resource == "passwords"):
                raise refuse(400, f"{name} is not a parameter of this resource.")
        with_secret = resource == "passwords" and wants_secret(self.request, default=True)
        document: Record = {"data": rendered(self.world, resource, record, with_secret=with_secret)}
        if wanted:
            self._include(resource, [record], wanted, [document["data"]], document)
        return answer(document)

    def _include(
        self, resource: str, records: list[Record], wanted: list[str], shown: list[Record], document: Record
    ) -> None:
        """Puts the wanted objects into `included`, and their references into each record's `relationships`."""
        included: dict[tuple[str, str], Record] = {}
        for record, item_shown in zip(records, shown, strict=True):
            relationships: Record = {}
            for name in wanted:
                objects = self._included(resource, record, name)
                relationships[name.replace("_", "-")] = {"data": [{"id": o["id"], "type": o["type"]} for o in objects]}
                included |= {(o["type"], o["id"]): o for o in objects}
            item_shown["relationships"] = relationships
        document["included"] = list(included.values())

    def _included(self, resource: str, record: Record, name: str) -> list[Record]:
        if resource == "passwords":
            return passwords.included(self.world, record, [name])
        if name == "flexible_asset_fields":
            return [item("flexible-asset-fields", f) for f in assets.fields_of(self.world, record["id"])]
        if name == "users":
            return [item("users", u) for u in self.store.all(passwords.USERS) if u["id"] in record["_user-ids"]]
        if name == "organizations":
            mine = record["_organization-ids"]
            return [item("organizations", o) for o in self.store.all(ORGANISATIONS) if o["id"] in mine]
        return []

    def _fields(self, asset_type: Record) -> Response:
        fields = [item("flexible-asset-fields", f) for f in assets.fields_of(self.world, asset_type["id"])]
        return answer({"data": fields, "meta": {"total-count": len(fields)}, "links": {}})
