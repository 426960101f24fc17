"""IT Glue's password records without their secrets: made with a placeholder, restricted, related, looked at."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vendors.itglue_http import JSON_API, ITGlueHttp, named
from vendors.itglue_models import PasswordCategory, PasswordRecord, ShownPassword

_NO_SECRET = {"show_password": "false"}
"""Stands on every call: a value that nobody needs doesn't travel (itglue.md §8). Shows have it on by default."""
_SHOWN = "group_resource_accesses,user_resource_accesses,related_items"
_GROUPS, _USERS = "group-resource-accesses", "user-resource-accesses"
_MANY = 100


class Passwords(ITGlueHttp):
    """The password records of an account. No method here reads or returns a secret, and none takes one."""

    async def passwords(self, organisation_id: int, name: str) -> list[PasswordRecord]:
        """Return the records, without their secrets, of exactly that name; archived ones are left out."""
        found = await self._list(
            PasswordRecord,
            "/passwords",
            {"filter[organization_id]": organisation_id, **named(name), **_NO_SECRET},
        )
        return [record for record in found if record.name == name and not record.archived]

    async def passwords_by_id(self, ids: Iterable[int]) -> list[PasswordRecord]:
        """Return records by their ids, a call for a hundred of them; those that are gone are left out."""
        wanted = sorted(set(ids))
        found: list[PasswordRecord] = []
        for start in range(0, len(wanted), _MANY):
            chunk = ",".join(str(one) for one in wanted[start : start + _MANY])
            found += await self._list(PasswordRecord, "/passwords", {"filter[id]": chunk, **_NO_SECRET})
        return [record for record in found if record.id in wanted]

    async def password(self, password_id: int) -> ShownPassword:
        """Return one record with its access list and related passwords; `NotFound` when it is gone (§4.2, §5).

        The shape of included records isn't confirmed (§9.3): what can't be understood is told as unknown.
        """
        answer = await self._get(f"/passwords/{password_id}", {"include": _SHOWN, **_NO_SECRET})
        data = answer["data"]
        included = answer.get("included")
        return ShownPassword(
            record=self._read(PasswordRecord, data),
            groups=_accessors(data, included, _GROUPS),
            users=_accessors(data, included, _USERS),
            related_passwords=_related(included),
        )

    async def password_categories(self, name: str) -> list[PasswordCategory]:
        """Return the categories of exactly that name, the oldest first."""
        found = await self._list(PasswordCategory, "/password_categories", named(name))
        return sorted((one for one in found if one.name == name), key=lambda one: one.id)

    async def create_password_category(self, name: str) -> PasswordCategory:
        """Create a category. Look for it first: there is no way to delete one (§4.3)."""
        data = await self._send("POST", "/password_categories", "password-categories", {"name": name}, {})
        return self._read(PasswordCategory, data)

    async def create_password(
        self,
        organisation_id: int,
        name: str,
        *,
        placeholder: str,
        category_id: int,
        user_name: str = "",
        url: str = "",
        notes: str = "",
        restricted: bool = False,
    ) -> PasswordRecord:
        """Create a record that holds no secret yet. Look for organisation + name first: twice sent is twice there."""
        attributes: dict[str, Any] = {
            "name": name,
            "password": placeholder,
            "password-category-id": category_id,
            "restricted": restricted,
            "notes": notes,
        }
        attributes |= {key: value for key, value in (("username", user_name), ("url", url)) if value}
        path = f"/organizations/{organisation_id}/relationships/passwords"
        return self._read(PasswordRecord, await self._send("POST", path, "passwords", attributes, _NO_SECRET))

    async def restrict_password(self, password_id: int) -> PasswordRecord:
        """Restrict a record that everybody may see. Its access list is another call (§5)."""
        data = await self._send("PATCH", f"/passwords/{password_id}", "passwords", {"restricted": True}, _NO_SECRET)
        return self._read(PasswordRecord, data)

    async def show_to_groups_only(self, password_id: int, group_ids: Sequence[int]) -> None:
        """Replace the whole access list of a restricted record by these groups (§5); naturally repeatable.

        `Refused` for a group without access to the organisation (§4.5).
        """
        accesses = [
            {"type": "resource_accesses", "attributes": {"accessor-id": one, "accessor-type": "Group"}}
            for one in group_ids
        ]
        path = f"/passwords/{password_id}/relationships/resource_accesses"
        await self._http.write("PATCH", path, json={"data": accesses}, headers=JSON_API)

    async def relate_passwords(self, password_id: int, other_id: int, notes: str) -> None:
        """Make one record a related item of another. Look first: asked twice, it may stand there twice (§4.4)."""
        attributes = {"destination_id": str(other_id), "destination_type": "Password", "notes": notes}
        path = f"/passwords/{password_id}/relationships/related_items"
        await self._send("POST", path, "related_items", attributes, {})

    async def _send(
        self, method: str, path: str, kind: str, attributes: Mapping[str, Any], params: Mapping[str, str]
    ) -> Any:
        body = {"data": {"type": kind, "attributes": dict(attributes)}}
        response = await self._http.write(method, path, json=body, params=params, headers=JSON_API)
        answer = self._http.payload(response, write=True)
        if not isinstance(answer, dict) or "data" not in answer:
            raise self._http.unreadable(response, "the answer has no data", write=True)
        return answer["data"]


def _accessors(data: Mapping[str, Any], included: Any, kind: str) -> tuple[int, ...] | None:
    """Who is on the access list; None where the answer doesn't show the list, or not so that it can be read."""
    told = {_kebab(name): one for name, one in (data.get("relationships") or {}).items()}.get(kind)
    if not isinstance(told, Mapping) or not isinstance(told.get("data"), list) or not isinstance(included, list):
        return None
    wanted = {str(one.get("id")) for one in told["data"]}
    found = []
    for one in included:
        if _kebab(str(one.get("type"))) != kind or str(one.get("id")) not in wanted:
            continue
        accessor = {_kebab(name): value for name, value in (one.get("attributes") or {}).items()}.get("accessor-id")
        if accessor is None or not str(accessor).isdigit():
            return None
        found.append(int(accessor))
    return tuple(found) if len(found) == len(wanted) else None


def _related(included: Any) -> tuple[int, ...]:
    """The passwords among the related items; one that can't be read is none, so the link is asked for."""
    found = []
    for one in included if isinstance(included, list) else []:
        if _kebab(str(one.get("type"))) != "related-items":
            continue
        told = {_kebab(name): value for name, value in (one.get("attributes") or {}).items()}
        if told.get("resource-type") == "Password" and str(told.get("resource-id")).isdigit():
            found.append(int(told["resource-id"]))
    return tuple(found)


def _kebab(name: str) -> str:
    return name.replace("_", "-")
