"""The Microsoft Graph stand-in: tokens, the shared mailbox, delegated relationships, customers' tenants."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import (
    graph_delivery,
    graph_gdap,
    graph_users,
)
from sandbox.core import World, json_body
from sandbox.graph_answers import problem
from sandbox.graph_calls import LIMIT, GraphCall
from sandbox.graph_seed import seed
from sandbox.graph_tokens import token

__all__ = ["PREFIX", "control", "problem", "routes", "seed"]

PREFIX = "/graph"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes(world: World) -> list[BaseRoute]:
    """The token endpoint of every tenant, and the API."""
    graph_delivery.register(world)
    graph_gdap.register(world)
    world.declare_setting(LIMIT, 10_000, "Requests that the mailbox takes in ten minutes before it answers 429.")
    meaning = "Seconds after a send until the copy appears in Sent Items (until then the mail is nowhere)."
    world.declare_setting("graph.sent_delay_seconds", 0, meaning)

    async def give_token(request: Request) -> Response:
        return await token(world, request)

    async def api(request: Request) -> Response:
        holder = world.token_holder(request, "graph")
        if holder is None:
            return problem(401, "Access token is empty, unknown or has expired.")
        try:
            body = await json_body(request)
        except ValueError:
            return problem(400, "Unable to read JSON request payload.", "BadRequest")
        tenant = str(holder["audience"]).partition(":")[2]
        return GraphCall(world, request, body, tenant, str(holder["holder"])).answer()

    return [
        Route("/{tenant}/oauth2/v2.0/token", give_token, methods=["POST"]),
        Route("/v1.0/{path:path}", api, methods=_METHODS),
    ]


def control(world: World) -> list[BaseRoute]:
    """Levers below `/_sandbox/graph`.

    `POST relationships/{id}/approve {"tenant"?}` and `/reject`: the customer's administrator decides.
    `POST users/{upn}/token`: a person registers an authenticator for that user.
    """

    async def decide(request: Request) -> Response:
        told = await json_body(request) or {}
        approved = request.path_params["decision"] == "approve"
        key = request.path_params["key"]
        return JSONResponse(graph_gdap.customer_decides(world, key, told.get("tenant"), approved=approved))

    async def register_token(request: Request) -> Response:
        return JSONResponse(graph_users.register_token(world, request.path_params["upn"]))

    return [
        Route("/graph/relationships/{key}/{decision:str}", decide, methods=["POST"]),
        Route("/graph/users/{upn}/token", register_token, methods=["POST"]),
    ]
