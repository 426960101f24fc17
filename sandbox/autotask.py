"""The Autotask stand-in: zone lookup, three headers, queries, writes to collections and through parents."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.autotask_calls import CONTENT, LIMIT, AutotaskCall, problem
from sandbox.autotask_levers import control
from sandbox.autotask_seed import seed
from sandbox.core import World, json_body

__all__ = ["PREFIX", "control", "problem", "routes", "seed"]

PREFIX = "/autotask"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes(world: World) -> list[BaseRoute]:
    """The zone lookup and the API. The path is answered in both spellings that the vendor uses."""
    world.declare_setting(LIMIT, 10_000, "Requests that Autotask takes in a rolling hour before it answers 429.")
    meaning = "Which single read brings a file's content: child (below its ticket or note) or root (TicketAttachments)."
    world.declare_setting(CONTENT, "child", meaning)

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
