"""A way to the Prefect server that can be closed: it answers with an error then, as one whose database is gone."""

import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]


class Gate:
    """`closed_with`: the status that every call is answered with; None lets it through. `api`: the address before it.

    Who listens to events is properly told at once that there are no more; events that are sent are dropped.
    """

    def __init__(self, server: str) -> None:
        self._server = httpx.AsyncClient(base_url=server.removesuffix("/api"), timeout=30)
        self.closed_with: int | None = None
        self.refused = 0
        self.api = ""

    async def call(self, request: Request) -> Response:
        if self.closed_with is not None:
            self.refused += 1
            return Response("closed", status_code=self.closed_with)
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        answer = await self._server.request(
            request.method,
            str(request.url.path),
            params=request.query_params.multi_items(),
            headers=headers,
            content=await request.body(),
        )
        kind = answer.headers.get("content-type", "")
        return Response(answer.content, status_code=answer.status_code, media_type=kind or None)

    async def listen(self, socket: WebSocket) -> None:
        async with greeted(socket):
            await socket.receive_text()
            await socket.close(1000)

    async def drop(self, socket: WebSocket) -> None:
        async with greeted(socket):
            async for _ in socket.iter_text():
                pass


@asynccontextmanager
async def greeted(socket: WebSocket) -> AsyncIterator[None]:
    await socket.accept(subprotocol="prefect")
    with suppress(WebSocketDisconnect):
        await socket.receive_text()
        await socket.send_json({"type": "auth_success"})
        yield


@contextmanager
def gate_before(server: str) -> Iterator[Gate]:
    """Serve one on a free port of loopback, by a thread of this process."""
    gate = Gate(server)
    routes = [
        WebSocketRoute("/api/events/out", gate.listen),
        WebSocketRoute("/api/events/in", gate.drop),
        Route("/{path:path}", gate.call, methods=METHODS),
    ]
    config = uvicorn.Config(Starlette(routes=routes), host="127.0.0.1", port=0, log_level="warning")
    served = uvicorn.Server(config)
    thread = threading.Thread(target=served.run, daemon=True)
    thread.start()
    while not served.started:
        assert thread.is_alive(), "the gate didn't start"
        time.sleep(0.01)
    gate.api = f"http://127.0.0.1:{served.servers[0].sockets[0].getsockname()[1]}/api"
    try:
        yield gate
    finally:
        served.should_exit = True
        thread.join(timeout=10)
