"""What an Autotask path means: reads, queries with their pages, writes at collections and below parents."""

import base64
import binascii
import json
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import autotask_schema as schema
from sandbox.autotask_fields import Entity, field_information
from sandbox.autotask_query import PAGE, BadQuery, Query, QueryRefused
from sandbox.autotask_rules import Invalid
from sandbox.autotask_schema import CHILDREN, ENTITIES
from sandbox.autotask_seed import API_RESOURCE_ID
from sandbox.autotask_write import create, remove, update
from sandbox.core import Record, World
from sandbox.credentials import AUTOTASK_INTEGRATION_CODE, AUTOTASK_SECRET, AUTOTASK_USER_NAME
from sandbox.rate import requests_within

LIMIT = "autotask.hourly_requests"
CONTENT = "autotask.attachment_content"
_IMPERSONABLE = {"Tickets", "TicketNotes", "TicketAttachments", "TicketNoteAttachments", "Contacts"}


def problem(status: int, message: str) -> Response:
    """An error of the platform: without an `errors` array, so that a 500 of this kind may be tried again."""
    if status == 401:
        return Response(status_code=401)
    if status == 429:
        return JSONResponse({"message": f"Thread threshold exceeded (Itgenatr005). {message}"}, 429)
    return JSONResponse({"message": message}, status)


def refused(errors: list[str]) -> Response:
    """A refusal of validation or of a business rule: HTTP 500 with `errors` (autotask.md §1.6)."""
    return JSONResponse({"errors": errors}, 500)


class AutotaskCall:
    """One call below `/V1.0/`: who calls, and what the path means."""

    def __init__(self, world: World, request: Request, body: Any) -> None:
        self.world = world
        self.request = request
        self.body = body
        self.method = request.method
        self.parts = [p for p in request.path_params["path"].split("/") if p]
        self.impersonated: int | None = None

    def answer(self) -> Response:
        """Checks the caller, then the path; refusals come in the vendor's shapes."""
        headers = self.request.headers
        given = (headers.get("ApiIntegrationCode"), headers.get("UserName"), headers.get("Secret"))
        if given != (AUTOTASK_INTEGRATION_CODE, AUTOTASK_USER_NAME, AUTOTASK_SECRET):
            return problem(401, "")
        used = requests_within(self.world, "autotask", timedelta(hours=1))
        if self.parts == ["ThresholdInformation"] and self.method == "GET":
            return JSONResponse(
                {
                    "externalRequestThreshold": self.world.setting(LIMIT),
                    "requestThresholdTimeframe": 60,
                    "currentTimeframeRequestCount": used,
                }
            )
        if used > self.world.setting(LIMIT):
            return problem(429, "The hourly limit of requests is used up.")
        try:
            return self._carry_out()
        except BadQuery as bad:
            return problem(400, str(bad))
        except QueryRefused as no:
            return refused([str(no)])
        except Invalid as invalid:
            return refused(invalid.errors)

    def _carry_out(self) -> Response:
        if not self.parts or self.parts[0] not in ENTITIES:
            return self._unknown()
        entity, rest = ENTITIES[self.parts[0]], self.parts[1:]
        self._impersonate(entity)
        if self.request.query_params and not (rest[:1] == ["query"] and self._query_parameters_fit(rest)):
            return problem(400, "Unknown query parameter.")
        match rest:
            case []:
                return self._write(entity, None)
            case ["query"] | ["query", "count"] if self.method in ("GET", "POST"):
                return self._query(entity, count=rest[1:] == ["count"])
            case ["query", "next"] if self.method in ("GET", "POST"):
                return self._next_page(entity)
            case ["entityInformation", *about] if self.method == "GET":
                return self._information(entity, about)
            case [key] if key.isdigit():
                if self.method != "GET":
                    return self._not_allowed()
                return JSONResponse({"item": self._shown(entity, int(key), "root")})
            case [key, path] if key.isdigit() and (entity.name, path) in CHILDREN:
                return self._children(CHILDREN[entity.name, path], int(key))
            case [key, path, child] if key.isdigit() and child.isdigit() and (entity.name, path) in CHILDREN:
                return self._child(CHILDREN[entity.name, path], int(key), int(child))
            case _:
                return self._unknown()

    def _query_parameters_fit(self, rest: list[str]) -> bool:
        wanted = {"paging"} if rest == ["query", "next"] else {"search"} if self.method == "GET" else set()
        return set(self.request.query_params) == wanted

    def _unknown(self) -> Response:
        self.world.mark_unknown()
        return problem(404, f"No resource was found that matches {self.request.url.path}.")

    def _not_allowed(self) -> Response:
        return problem(405, f"The requested resource does not support the method {self.method}.")

    def _impersonate(self, entity: Entity) -> None:
        header = self.request.headers.get("ImpersonationResourceId")
        if header is None:
            return
        resource = self.world.store.get(schema.RESOURCES.kind, header)
        if resource is None or not resource["isActive"] or entity.name not in _IMPERSONABLE:
            raise Invalid(f"The impersonation of resource {header} is not possible here.")
        self.impersonated = int(header)

    # reading

    def _query(self, entity: Entity, *, count: bool) -> Response:
        if "query" not in entity.can:
            return self._not_allowed()
        asked = self.body
        if self.method == "GET":
            try:
                asked = json.loads(self.request.query_params.get("search", ""))
            except ValueError:
                return problem(400, "The parameter search is not valid JSON.")
        query = Query(entity, asked)
        found = query.matching(self.world.store.all(entity.kind))
        if count:
            return JSONResponse({"queryCount": len(found)})
        return self._page(entity, query, found, -1)

    def _next_page(self, entity: Entity) -> Response:
        """The next page: GET, or POST with an empty body (autotask.md §4 leaves the method open)."""
        try:
            paging = json.loads(base64.urlsafe_b64decode(self.request.query_params.get("paging", "")))
            query, after = Query(entity, paging["query"]), int(paging["after"])
        except (binascii.Error, ValueError, KeyError, TypeError):
            return problem(400, "The parameter paging is not valid.")
        return self._page(entity, query, query.matching(self.world.store.all(entity.kind)), after)

    def _page(self, entity: Entity, query: Query, found: list[Record], after: int) -> Response:
        left = [r for r in found if int(r["id"]) > after]
        page = left[: query.page]
        more: str | None = None
        if len(left) > len(page):
            paging = json.dumps({"query": query.body, "after": int(page[-1]["id"])}).encode()
            here = str(self.request.url.replace(query="")).split("/query")[0].rstrip("?")
            more = f"{here}/query/next?paging={base64.urlsafe_b64encode(paging).decode()}"
        return JSONResponse(_listing([_narrowed(entity, r, query.include) for r in page], query.page, more))

    def _information(self, entity: Entity, about: list[str]) -> Response:
        match about:
            case []:
                return JSONResponse(
                    {
                        "info": {
                            "name": entity.name,
                            "canCreate": "create" in entity.can,
                            "canUpdate": "update" in entity.can,
                            "canQuery": "query" in entity.can,
                            "canDelete": "delete" in entity.can,
                            "hasUserDefinedFields": bool(entity.udfs),
                            "supportsWebhookCallouts": False,
                        }
                    }
                )
            case ["fields"]:
                return JSONResponse({"fields": field_information(entity)})
            case ["userDefinedFields"]:
                fields = [{"name": n, "label": n, "dataType": "string", "isQueryable": True} for n in entity.udfs]
                return JSONResponse({"fields": fields})
            case _:
                return self._unknown()

    def _shown(self, entity: Entity, key: int, place: str) -> Record | None:
        """A single record; a file's content comes with one of its two addresses only (autotask.md §6.5)."""
        record = self.world.store.get(entity.kind, key)
        if record is None:
            return None
        shown = {k: v for k, v in record.items() if not k.startswith("_")}
        return shown | ({"data": None} if "data" in shown and self.world.setting(CONTENT) != place else {})

    # writing

    def _write(self, entity: Entity, parent_id: int | None) -> Response:
        """A create or change at a collection: the entity's own, or one below its parent."""
        if entity.child is not None and parent_id is None:
            return self._not_allowed()
        verb = {"POST": "create", "PATCH": "update", "PUT": "update"}.get(self.method)
        if verb not in entity.can:
            return self._not_allowed()
        if not isinstance(self.body, dict):
            return problem(400, "The body must be one JSON object.")
        given = dict(self.body)
        if parent_id is not None and entity.child is not None:
            if given.get(entity.child.key, parent_id) != parent_id:
                raise Invalid(f"The {entity.child.key} of the body is not that of the address.")
            given[entity.child.key] = parent_id
        actor = (API_RESOURCE_ID, self.impersonated)
        if verb == "create":
            item = create(self.world, entity, given, actor)
        else:
            item = update(self.world, entity, given, replace=self.method == "PUT", actor=actor)
        return JSONResponse({"itemId": item})

    def _children(self, entity: Entity, parent_id: int) -> Response:
        assert entity.child is not None  # noqa: S101 - only children are looked up by parent and path
        parent = ENTITIES[entity.child.parent]
        if self.world.store.get(parent.kind, parent_id) is None:
            return problem(404, f"There is no {parent.singular} {parent_id}.")
        if self.method == "GET":
            mine = [r for r in self.world.store.all(entity.kind) if r[entity.child.key] == parent_id]
            mine.sort(key=lambda r: int(r["id"]))
            return JSONResponse(_listing([_narrowed(entity, r, None) for r in mine], PAGE, None))
        return self._write(entity, parent_id)

    def _child(self, entity: Entity, parent_id: int, child_id: int) -> Response:
        assert entity.child is not None  # noqa: S101 - as above
        record = self.world.store.get(entity.kind, child_id)
        if record is not None and record[entity.child.key] != parent_id:
            record = None
        if self.method == "GET":
            return JSONResponse({"item": self._shown(entity, child_id, "child") if record else None})
        if self.method != "DELETE" or "delete" not in entity.can:
            return self._not_allowed()
        if record is None:
            return problem(404, f"There is no {entity.singular} {child_id}.")
        remove(self.world, entity, record)
        return JSONResponse({"itemId": child_id})


def _listing(items: list[Record], size: int, more: str | None) -> Record:
    details = {"count": len(items), "requestCount": size, "prevPageUrl": None, "nextPageUrl": more}
    return {"items": items, "pageDetails": details}


def _narrowed(entity: Entity, record: Record, include: list[str] | None) -> Record:
    """A row of a list: only the fields asked for, and never a file's content."""
    shown = {k: v for k, v in record.items() if not k.startswith("_") and k != "data"}
    if include is None:
        return shown
    narrowed = {k: v for k, v in shown.items() if k in include}
    wanted = [u for u in shown.get("userDefinedFields", []) if u["name"] in include]
    if wanted and "userDefinedFields" not in narrowed:
        narrowed["userDefinedFields"] = wanted
    return narrowed
