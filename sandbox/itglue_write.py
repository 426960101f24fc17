"""IT Glue's writes: records, the access lists of passwords, related items; what the ledger learns of each."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox import itglue_assets as assets
from sandbox import itglue_passwords as passwords
from sandbox.core import Record, Refusal, World
from sandbox.itglue_answers import answer, item, read_data, refuse

ORGANISATIONS = "itglue.organizations"
TYPES = "itglue.flexible_asset_types"
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
_WORDS = {
    "passwords": "password",
    "flexible_assets": "asset",
    "contacts": "contact",
    "password_categories": "password category",
}
_FACTS = {"name": "title"}
_FIRST_IDS = {"passwords": 50001, "flexible_assets": 60001, "contacts": 40001, "password_categories": 900}


def rendered(world: World, resource: str, record: Record, *, with_secret: bool = False) -> Record:
    """A record of any resource as JSON:API."""
    if resource == "passwords":
        return passwords.shown_password(world, record, with_secret=with_secret)
    if resource == "flexible_assets":
        traits = assets.shown_traits(world, record["flexible-asset-type-id"], record["traits"])
        return item("flexible-assets", {**record, "traits": traits})
    return item(resource.replace("_", "-"), record)


def wants_secret(request: Request, *, default: bool) -> bool:
    """What `show_password` says."""
    value = request.query_params.get("show_password")
    if value not in (None, "true", "false"):
        raise refuse(400, "show_password must be true or false.")
    return default if value is None else value == "true"


def unknown(world: World, request: Request) -> Refusal:
    """To be raised for a path that the vendor doesn't have: a 404, flagged in the ledger."""
    world.mark_unknown()
    return refuse(404, f"{request.method} {request.url.path} does not exist.")


class Writes:
    """The handlers of one request that writes."""

    def __init__(self, world: World, request: Request, body: Any) -> None:
        self.world = world
        self.store = world.store
        self.request = request
        self.body = body
        self.now = world.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def create(self, resource: str, organisation_id: int | None) -> Response:
        """One record; an array of them on the nested route (itglue.md §3). All are checked before one is kept."""
        many = organisation_id is not None
        told = read_data(self.body, resource, many=many)
        prepared = [self._prepared(resource, attributes, organisation_id) for attributes in told]
        kept = [self._keep(resource, record) for record in prepared]
        shown = [rendered(self.world, resource, r, with_secret=wants_secret(self.request, default=False)) for r in kept]
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
        if not isinstance(emails, list) or not all(isinstance(e, dict) and "value" in e for e in emails):
            raise refuse(422, "contact-emails hold value, label-name and primary")
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

    def update(self, resource: str, old: Record) -> Response:
        """A change: the record with what was sent; of a flexible asset's traits only what was sent stays."""
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
        return answer(
            {"data": rendered(self.world, resource, new, with_secret=wants_secret(self.request, default=False))}
        )

    def patch_organisation(self, organisation: Record) -> Response:
        """A change of an organisation that the PSA doesn't own."""
        if organisation.get("_psa-id") is not None:
            raise refuse(422, "a synced organization can't be changed")
        (given,) = read_data(self.body, "organizations")
        if set(given) - {"name", "short-name"}:
            raise refuse(422, "only name and short-name can be changed here")
        new = {**organisation, **given, "updated-at": self.now}
        self.store.put(ORGANISATIONS, new["id"], new)
        self._effect("organisation updated", new)
        return answer({"data": rendered(self.world, "organizations", new)})

    def delete(self, resource: str, record: Record) -> Response:
        """Takes a record away."""
        self.store.delete(f"itglue.{resource}", record["id"])
        self._effect(f"{_WORDS[resource]} deleted", record)
        return answer({"data": rendered(self.world, resource, record)})

    def accesses(self, record: Record) -> Response:
        """POST adds one, PATCH replaces the whole list, DELETE takes the given ones off (itglue.md §5)."""
        verb = self.request.method
        data = self.body.get("data") if isinstance(self.body, dict) else None
        if isinstance(data, list) is (verb == "POST"):
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

    def related(self, resource: str, record: Record, rest: list[str]) -> Response:
        """POST adds a link (twice if asked twice), PATCH changes its notes, DELETE takes the given ones away."""
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
                raise unknown(self.world, self.request)

    def _link(self, source: str, record: Record, key: str) -> Record:
        link = self.store.get(passwords.RELATED, key)
        if link is None or (link["_source-type"], link["_source-id"]) != (source, record["id"]):
            raise refuse(404, f"The related item {key} could not be found.")
        return link
