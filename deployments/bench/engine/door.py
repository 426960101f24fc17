"""The engine's two doors, as the receiver and Prefect's API are ours: a start, and DocuSign's signed webhook."""

import argparse
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.bench.engine.vendors import KEY_FIELD, Record, Vendors

LOOPBACK = "127.0.0.1"
WAKING = "envelope-completed"


@dataclass(frozen=True)
class Given:
    """What the engine's process was started with. `store`: the engine's database or server."""

    port: int
    store: str
    hmac_key: str
    vendors: Vendors


@dataclass(frozen=True)
class Doors:
    """What an engine does when somebody starts a workflow of this key, or its agreement is signed.

    Both return once the engine has it durably.
    """

    start: Callable[[str, Record], Awaitable[None]]
    signed: Callable[[str], Awaitable[None]]


Engine = Callable[[Given], AbstractAsyncContextManager[Doors]]


def serve(engine: Engine) -> None:
    """Serve the doors until interrupted, with the engine running behind them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sandbox", required=True)
    parser.add_argument("--store", required=True)
    chosen = parser.parse_args()
    told = httpx.get(f"{chosen.sandbox}/_sandbox/credentials").raise_for_status().json()
    vendors = Vendors(told, f"http://{LOOPBACK}:{chosen.port}/hooks/docusign")
    given = Given(chosen.port, chosen.store, told["docusign"]["hmac_key"], vendors)
    uvicorn.run(app_of(engine, given), host=LOOPBACK, port=chosen.port, log_level="warning")


def app_of(engine: Engine, given: Given) -> Starlette:
    """The doors as an ASGI app."""
    doors: list[Doors] = []

    async def start(request: Request) -> Response:
        body = await request.json()
        await doors[0].start(body["key"], body["request"])
        return JSONResponse({"key": body["key"]})

    async def docusign(request: Request) -> Response:
        raw = await request.body()
        if not is_genuine(raw, request.headers.get("x-docusign-signature-1", ""), given.hmac_key):
            return JSONResponse({"refused": "signature"}, status_code=401)
        message = json.loads(raw)
        if message["event"] != WAKING:
            return JSONResponse({"outcome": "ignored"})
        await doors[0].signed(key_of(message))
        return JSONResponse({"outcome": "woken"})

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with engine(given) as opened:
            doors.append(opened)
            yield

    routes = [
        Route("/start", start, methods=["POST"]),
        Route("/hooks/docusign", docusign, methods=["POST"]),
        Route("/healthz", healthz),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def is_genuine(raw: bytes, signature: str, key: str) -> bool:
    """Whether DocuSign made this message (vendors/docusign.md §11.3)."""
    expected = base64.b64encode(hmac.new(key.encode(), raw, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(expected.encode(), signature.encode())


def key_of(message: Record) -> str:
    """The key of the workflow that made the envelope, from its custom field."""
    fields = message["data"]["envelopeSummary"]["customFields"]["textCustomFields"]
    return next(str(field["value"]) for field in fields if field["name"] == KEY_FIELD)
