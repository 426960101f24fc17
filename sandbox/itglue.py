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
    read_data,
    read_includes,
    refuse,
    whole,
)
from sandbox.itglue_seed import seed
from sandbox.rate import requests_within

__all__ = ["PREFIX", "problem", "routes", "seed"]

PREFIX = "/itglue"
REQUESTS, WINDOW = 3000, timedelta(minutes=5)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

ORGANISATIONS = "itglue.organizations"
TYPES = "itglue.flexible_asset_types"
CONTACTS = "itglue.contacts"
_CONTACT_WRITABLE = {
    "organization-id",
    "first-name",
    "last-name",
    "title",
    "notes",
    "contact-emails",
    "contact-phones",
    "contact-type-id",
    "location-id",
    "important",
}


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

    async def api(request: Request) -> Response:
        if request.headers.get("x-api-key") is None:
            return problem(401, "Authentication credentials were not given.")
        if request.headers["x-api-key"] != ITGLUE_API_KEY:
            return problem(403, "The API key is not valid.")
        if requests_within(world, "itglue", WINDOW) > REQUESTS:
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


class _Call:
    """One call, its path taken apart."""

    def __init__(self, world: World, request: Request, body: Any) -> None:
        self.world = world
        self.store = world.store
        self.request = request
        self.body = body
        self.now = world.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
        self.parts = [p for p in request.path_params["path"].split("/") if p]

    def answer(self) -> Response:
        """Finds the handler of the path; a 404 for a path that the vendor doesn't have."""
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
                return self._patch_organisation(self._found("organizations", key))
            case ("POST", "passwords" | "flexible_assets" | "contacts" | "password_categories" as r):
                return self._create(r, None)
            case (
                "POST",
                "organizations",
                key,
                "relationships",
                "passwords" | "flexible_assets" | "contacts" as r,
            ):
                return self._create(r, int(self._found("organizations", key)["id"]))
            case ("PATCH", "passwords" | "flexible_assets" | "contacts" | "password_categories" as r, key):
                return self._update(r, self._found(r, key))
            case ("PATCH", "organizations", org, "relationships", "passwords" as r, key):
                return self._update(r, self._of(org, self._found(r, key)))
            case ("DELETE", "passwords" | "flexible_assets" as r, key):
                return self._delete(r, self._found(r, key))
            case (verb, "passwords", key, "relationships", "resource_accesses") if verb in _ACCESS_VERBS:
                return self._accesses(self._found("passwords", key))
            case (verb, r, key, "relationships", "related_items", *rest) if (
                r in passwords.RELATED_SOURCES and verb != "GET"
            ):
                return self._related(r, self._found(r, key), rest)
            case _:
                return self._unknown()

    def _unknown(self) -> Response:
        self.world.mark_unknown()
        return problem(404, f"{self.request.method} {self.request.url.path} does not exist.")

    def _found(self, resource: str, key: str) -> Record:
        record = self.store.get(f"itglue.{resource}", key) if key.isdigit() else None
        if record is None:
            raise refuse(404, f"The {resource} {key} could not be found.")
        return record

    def _of(self, organisation: str, record: Record) -> Record:
        if str(record["organization-id"]) != organisation:
            raise refuse(404, "The record could not be found in this organization.")
        return record

    def _rendered(self, resource: str, record: Record, *, with_secret: bool = False) -> Record:
        if resource == "passwords":
            return passwords.shown_password(self.world, record, with_secret=with_secret)
        if resource == "flexible_assets":
            type_id = record["flexible-asset-type-id"]
            traits = assets.shown_traits(self.world, type_id, record["traits"])
            return item("flexible-assets", {**record, "traits": traits})
        return item(resource.replace("_", "-"), record)

    # reading

    def _list(self, resource: str, organisation_id: int | None = None) -> Response:
        listing = Listing(self.request, _FILTERS[resource], _LIST_INCLUDES.get(resource, ()))
        given = {name.replace("-", "_") for name in listing.filters}
        if resource == "flexible_assets" and "flexible_asset_type_id" not in given:
            raise refuse(400, "param is missing or the value is empty: filter[flexible-asset-type-id]")
        if "psa_id" in given and "psa_integration_type" not in given:
            raise refuse(400, "param is missing or the value is empty: filter[psa_integration_type]")
        records = self.store.all(f"itglue.{resource}")
        if organisation_id is not None:
            records = [r for r in records if r["organization-id"] == organisation_id]
        page, meta, links = listing.page(records)
        with_secret = resource == "passwords" and self._wants_secret(default=False)
        document: Record = {
            "data": [self._rendered(resource, r, with_secret=with_secret) for r in page],
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
        with_secret = resource == "passwords" and self._wants_secret(default=True)
        document: Record = {"data": self._rendered(resource, record, with_secret=with_secret)}
        if wanted:
            self._include(resource, [record], wanted, [document["data"]], document)
        return answer(document)

    def _wants_secret(self, *, default: bool) -> bool:
        value = self.request.query_params.get("show_password")
        if value not in (None, "true", "false"):
            raise refuse(400, "show_password must be true or false.")
        return default if value is None else value == "true"

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

    # writing

    def _create(self, resource: str, organisation_id: int | None) -> Response:
        """One record; an array of them on the nested route (itglue.md §3). All are checked before one is kept."""
        many = organisation_id is not None
        told = read_data(self.body, resource, many=many)
        prepared = [self._prepared(resource, attributes, organisation_id) for attributes in told]
        kept = [self._keep(resource, record) for record in prepared]
        shown = [self._rendered(resource, r, with_secret=self._wants_secret(default=False)) for r in kept]
        return answer({"data": shown if isinstance(self.body["data"], list) else shown[0]}, 201)

    def _prepared(self, resource: str, given: Record, organisation_id: int | None) -> Record:
        if resource == "password_categories":
            return self._category(given)
        if organisation_id is not None:
            given = {**given, "organization-id": organisation_id}
        organisation = self.store.get(ORGANISATIONS, str(given.get("organization-id")))
        if organisation is None:
            raise refuse(422, "organization must exist", "/data/attributes/organization-id")
        given["organization-id"] = organisation["id"]
        if resource == "passwords":
            passwords.check_password(self.world, given, None)
            defaults = dict.fromkeys(sorted(passwords.WRITABLE)) | {"restricted": False, "archived": False}
            return {**defaults, "password-updated-at": self.now, **given}
        if resource == "contacts":
            return self._contact(given)
        return self._asset(given, organisation)

    def _category(self, given: Record) -> Record:
        if set(given) != {"name"} or not str(given["name"]).strip():
            raise refuse(422, "a password category has a name, and nothing else")
        return {"name": given["name"]}

    def _contact(self, given: Record) -> Record:
        if set(given) - _CONTACT_WRITABLE:
            raise refuse(422, f"unknown attribute: {', '.join(sorted(set(given) - _CONTACT_WRITABLE))}")
        if not str(given.get("first-name") or "").strip():
            raise refuse(422, "first name can't be blank", "/data/attributes/first-name")
        emails = given.get("contact-emails") or []
        primary = next((e["value"] for e in emails if e.get("primary")), None)
        name = f"{given['first-name']} {given.get('last-name') or ''}".strip()
        return {**given, "name": name, "_primary-email": primary}

    def _asset(self, given: Record, organisation: Record) -> Record:
        unknown = set(given) - {"organization-id", "flexible-asset-type-id", "traits"}
        if unknown:
            raise refuse(422, f"unknown attribute: {', '.join(sorted(unknown))}")
        asset_type = self.store.get(TYPES, str(given.get("flexible-asset-type-id")))
        if asset_type is None:
            raise refuse(422, "flexible asset type must exist", "/data/attributes/flexible-asset-type-id")
        traits = assets.checked_traits(self.world, asset_type["id"], given.get("traits"))
        return {
            "organization-id": organisation["id"],
            "organization-name": organisation["name"],
            "flexible-asset-type-id": asset_type["id"],
            "flexible-asset-type-name": asset_type["name"],
            "name": assets.title_of(self.world, asset_type["id"], traits),
            "traits": traits,
            "archived": False,
        }

    def _keep(self, resource: str, record: Record) -> Record:
        number = self.store.next_number(f"itglue.{resource}", _FIRST_IDS[resource])
        kept = {"id": number, **record, "created-at": self.now, "updated-at": self.now}
        if resource == "flexible_assets":
            place = f"{record['organization-id']}/assets/records/{number}"
            kept["resource-url"] = f"https://northgate.itglue.example/{place}"
        self.store.put(f"itglue.{resource}", number, kept)
        self._effect(f"{_WORDS[resource]} created", kept)
        return kept

    def _effect(self, name: str, record: Record, **more: Any) -> None:
        keys = ("id", "organization-id", "flexible-asset-type-name", "name", "restricted")
        told = {_FACTS.get(k, k.replace("-", "_")): record[k] for k in keys if record.get(k) is not None}
        self.world.effect(name, vendor="itglue", **told, **more)

    def _update(self, resource: str, old: Record) -> Response:
        (given,) = read_data(self.body, resource)
        new = dict(old)
        if resource == "passwords":
            passwords.check_password(self.world, given, old)
            new |= given
            if given.get("password") not in (None, old["password"]):
                new["password-updated-at"] = self.now
        elif resource == "flexible_assets":
            if set(given) - {"traits", "organization-id", "flexible-asset-type-id"}:
                raise refuse(422, "only the traits of a flexible asset can be changed")
            for fixed in ("organization-id", "flexible-asset-type-id"):
                if fixed in given and str(given[fixed]) != str(old[fixed]):
                    raise refuse(422, f"{fixed} can't be changed")
            type_id = old["flexible-asset-type-id"]
            new["traits"] = assets.checked_traits(self.world, type_id, given.get("traits"))
            new["name"] = assets.title_of(self.world, type_id, new["traits"])
        elif resource == "contacts":
            merged = {k: v for k, v in old.items() if k in _CONTACT_WRITABLE} | given
            new |= self._contact(merged)
        else:
            new |= self._category(given)
        new["updated-at"] = self.now
        self.store.put(f"itglue.{resource}", new["id"], new)
        self._effect(f"{_WORDS[resource]} updated", new, changed=sorted(given))
        return answer({"data": self._rendered(resource, new, with_secret=self._wants_secret(default=False))})

    def _patch_organisation(self, organisation: Record) -> Response:
        if organisation.get("_psa-id") is not None:
            raise refuse(422, "a synced organization can't be changed")
        (given,) = read_data(self.body, "organizations")
        if set(given) - {"name", "short-name"}:
            raise refuse(422, "only name and short-name can be changed here")
        new = {**organisation, **given, "updated-at": self.now}
        self.store.put(ORGANISATIONS, new["id"], new)
        self._effect("organisation updated", new)
        return answer({"data": self._rendered("organizations", new)})

    def _delete(self, resource: str, record: Record) -> Response:
        self.store.delete(f"itglue.{resource}", record["id"])
        self._effect(f"{_WORDS[resource]} deleted", record)
        return answer({"data": self._rendered(resource, record)})

    def _accesses(self, record: Record) -> Response:
        """POST adds one, PATCH replaces the whole list, DELETE takes the given ones off (itglue.md §5)."""
        verb = self.request.method
        if isinstance((self.body or {}).get("data"), list) is (verb == "POST"):
            raise refuse(400, "POST takes a single object, PATCH and DELETE an array")
        told = read_data(self.body, "resource_accesses", many=verb != "POST")
        accessors = [passwords.check_access(self.world, record, one) for one in told]
        if verb != "POST":
            for access in passwords.accesses_of(self.world, record["id"]):
                named = (access["accessor-id"], access["accessor-type"]) in accessors
                if named is (verb == "DELETE"):
                    self.store.delete(passwords.ACCESSES, access["id"])
        if verb != "DELETE":
            for accessor_id, kind in accessors:
                passwords.add_access(self.world, record, accessor_id, kind)
        now = passwords.accesses_of(self.world, record["id"])
        self._effect(
            "password access changed",
            record,
            accessors=sorted(f"{a['accessor-type']} {a['accessor-name']}" for a in now),
        )
        return answer({"data": [item("resource-accesses", a) for a in now]})

    def _related(self, resource: str, record: Record, rest: list[str]) -> Response:
        source = passwords.RELATED_SOURCES[resource][0]
        match (self.request.method, *rest):
            case ("POST",):
                (given,) = read_data(self.body, "related_items")
                kind, target = passwords.check_related(self.world, given)
                number = self.store.next_number(passwords.RELATED, 80001)
                link = {
                    "id": number,
                    "_source-type": source,
                    "_source-id": record["id"],
                    "_destination-type": kind,
                    "_destination-id": target,
                    "notes": given.get("notes"),
                    "created-at": self.now,
                }
                self.store.put(passwords.RELATED, number, link)
                self._effect("related item added", record, destination_type=kind, destination_id=target)
                shown = {
                    "id": number,
                    "resource-type": kind,
                    "resource-id": target,
                    "notes": given.get("notes"),
                }
                return answer({"data": item("related-items", shown)}, 201)
            case ("PATCH", key):
                (given,) = read_data(self.body, "related_items")
                link = self._link(source, record, key)
                if set(given) != {"notes"}:
                    raise refuse(422, "only the notes of a related item can be changed")
                self.store.put(passwords.RELATED, link["id"], {**link, **given})
                self._effect("related item updated", record, related_item=link["id"])
                return answer({"data": item("related-items", {"id": link["id"], **given})})
            case ("DELETE",):
                told = read_data(self.body, "related_items", many=True)
                links = [self._link(source, record, str(one.get("id"))) for one in told]
                for link in links:
                    self.store.delete(passwords.RELATED, link["id"])
                    self._effect("related item removed", record, related_item=link["id"])
                return answer({"data": [item("related-items", {"id": link["id"]}) for link in links]})
            case _:
                return self._unknown()

    def _link(self, source: str, record: Record, key: str) -> Record:
        link = self.store.get(passwords.RELATED, key)
        if link is None or (link["_source-type"], link["_source-id"]) != (source, record["id"]):
            raise refuse(404, f"The related item {key} could not be found.")
        return link


_ACCESS_VERBS: tuple[str, ...] = ("POST", "PATCH", "DELETE")
_WORDS = {
    "passwords": "password",
    "flexible_assets": "asset",
    "contacts": "contact",
    "password_categories": "password category",
}
_FACTS = {"name": "title"}
_FIRST_IDS = {"passwords": 50001, "flexible_assets": 60001, "contacts": 40001, "password_categories": 900}
