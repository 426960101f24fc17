"""The Autotask stand-in: zone lookup, three headers, queries, writes to collections and through parents."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import autotask_schema as schema
from sandbox.autotask_calls import LIMIT, AutotaskCall, problem
from sandbox.autotask_fields import Entity
from sandbox.autotask_seed import seed
from sandbox.autotask_write import create
from sandbox.core import Record, Refusal, World, json_body

__all__ = ["PREFIX", "control", "problem", "routes", "seed"]

PREFIX = "/autotask"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes(world: World) -> list[BaseRoute]:
    """The zone lookup and the API. The path is answered in both spellings that the vendor uses."""
    world.declare_setting(LIMIT, 10_000, "Requests that Autotask takes in a rolling hour before it answers 429.")

    async def zone(request: Request) -> Response:
        if set(request.query_params) != {"user"}:
            return problem(400, "The query parameter user is needed, and no other.")
        if not request.query_params["user"].strip():
            return JSONResponse({"zoneName": None, "url": "", "webUrl": "", "ci": 0})
        base = f"{request.url.scheme}://{request.url.netloc}{PREFIX}/"
        return JSONResponse({"zoneName": "Sandbox zone", "url": f"{base}ATServicesRest/", "webUrl": base, "ci": 1})

    async def versions(request: Request) -> Response:
        return JSONResponse({"apiVersions": ["v1.0"]})

    async def api(request: Request) -> Response:
        try:
            body = await json_body(request)
        except ValueError:
            return problem(400, "The request body is not valid JSON.")
        return AutotaskCall(world, request, body).answer()

    found: list[BaseRoute] = []
    for root, version in (
        ("ATServicesRest", "V1.0"),
        ("atservicesrest", "v1.0"),
        ("ATServicesRest", "v1.0"),
        ("atservicesrest", "V1.0"),
    ):
        found.append(Route(f"/{root}/{version}/zoneInformation", zone, methods=["GET"]))
        found.append(Route(f"/{root}/{version}/{{path:path}}", api, methods=_METHODS))
    found.extend(Route(f"/{root}/VersionInformation", versions) for root in ("ATServicesRest", "atservicesrest"))
    return found


def control(world: World) -> list[BaseRoute]:
    """`POST /_sandbox/autotask/notes`: a customer's contact writes a note in the client portal.

    Body: `{"ticketNumber", "email", "title", "description"}`; the note names the contact as its creator, nobody
    impersonates (that is how a real one differs from one written through the API).
    """

    async def contact_note(request: Request) -> Response:
        wanted = await json_body(request)
        ticket = _first(world, schema.TICKETS, lambda t: t["ticketNumber"] == wanted["ticketNumber"])
        contact = _first(
            world,
            schema.CONTACTS,
            lambda c: c["emailAddress"] == wanted["email"] and c["companyID"] == ticket["companyID"],
        )
        given = {
            "ticketID": ticket["id"],
            "title": wanted["title"],
            "description": wanted["description"],
            "noteType": 3,
            "publish": schema.PUBLISH_ALL,
            "createdByContactID": contact["id"],
        }
        note_id = create(world, schema.TICKET_NOTES, given, (None, None))
        return JSONResponse({"itemId": note_id})

    return [Route("/autotask/notes", contact_note, methods=["POST"])]


def _first(world: World, entity: Entity, fits: Callable[[Record], bool]) -> Record:
    for record in world.store.all(entity.kind):
        if fits(record):
            return record
    raise Refusal(JSONResponse({"error": f"no such {entity.singular}"}, 404))
