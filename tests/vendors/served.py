"""A small vendor of a test's own, behind real HTTP, for what the sandbox doesn't play."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass(frozen=True)
class Asked:
    """One request as the vendor got it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Vendor:
    """Where it is, and what it was asked, in order."""

    address: str = ""
    asked: list[Asked] = field(default_factory=list)

    def to(self, path: str) -> list[Asked]:
        """What was asked of one path."""
        return [one for one in self.asked if one.path == path]


Answer = Callable[[Asked, Vendor], Response | Mapping[str, Any]]


@asynccontextmanager
async def served(answer: Answer) -> AsyncIterator[Vendor]:
    """Serve one function on a free port of the loopback address while the block runs."""
    vendor = Vendor()

    async def handle(request: Request) -> Response:
        asked = Asked(
            request.method,
            request.url.path,
            dict(request.query_params),
            dict(request.headers),
            await request.body(),
        )
        vendor.asked.append(asked)
        found = answer(asked, vendor)
        return found if isinstance(found, Response) else JSONResponse(found)

    app = Starlette(routes=[Route("/{path:path}", handle, methods=["GET", "POST", "PATCH", "PUT", "DELETE"])])
    listening = socket.create_server(("127.0.0.1", 0))  # calls wait in its queue until the server is up
    vendor.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield vendor
    finally:
        server.should_exit = True
        await running
