"""The sandbox as one ASGI app: the stand-ins under their prefixes, the control, the console page."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from sandbox import console, control, docusign, pax8
from sandbox.core import Refusal, World
from sandbox.recorder import Recorder

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


class StandIn(Protocol):
    """What a stand-in's module exposes; `sandbox.core` explains it."""

    PREFIX: str

    def routes(self, world: World) -> list[BaseRoute]:
        """Its paths, without the prefix."""

    def seed(self, world: World) -> None:
        """Fills an empty store."""

    def problem(self, status: int, message: str) -> Response:
        """An error in the vendor's own shape."""


def stand_ins() -> list[StandIn]:
    """Every stand-in, in the order in which they are seeded."""
    from sandbox import autotask, graph, itglue

    return [cast(StandIn, module) for module in (docusign, pax8, autotask, itglue, graph)]


class Sandbox:
    """The app and its world. `asgi` is what a server or an in-process client is given."""

    def __init__(self, state: Path | None = None) -> None:
        self.world = World(state)
        self._stand_ins = stand_ins()
        mounts: list[BaseRoute] = []
        levers: list[BaseRoute] = []
        for one in self._stand_ins:
            mounts.append(Mount(one.PREFIX, routes=[*one.routes(self.world), _unknown(self.world, one.problem)]))
            levers += getattr(one, "control", lambda world: [])(self.world)
        if self.world.store.get("sandbox", "seeded") is None:
            self.seed()
        self.starlette = Starlette(
            routes=[
                *mounts,
                Mount("/_sandbox", routes=[*levers, *control.routes(self)]),
                Mount("/static", app=StaticFiles(packages=[("sandbox", "static")])),
                *console.routes(self.world),
            ],
            exception_handlers={Refusal: _refused},
            lifespan=self._lifespan,
        )
        problems = {one.PREFIX.strip("/"): one.problem for one in self._stand_ins}
        self.asgi: ASGIApp = Recorder(self.starlette, self.world, problems)

    def seed(self) -> None:
        """Fills an empty store with the world of `sandbox.world`."""
        with self.world.in_one_go():
            for one in self._stand_ins:
                one.seed(self.world)
            self.world.store.put("sandbox", "seeded", {"at": self.world.now().isoformat()})

    def reset(self, now: datetime | None = None) -> None:
        """Back to the freshly seeded world: records, ledger, faults, timers and clock.

        With `now`, an aware moment, the world begins there: what it holds is as old as it would be today.
        """
        self.world.clear()
        if now is not None:
            self.world.clock.set(now)
        self.seed()

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """While it serves, time passes by itself: timers run a few times a second, webhooks left over go out."""
        docusign.resume_deliveries(self.world)
        ticking = asyncio.create_task(self._tick())
        yield
        ticking.cancel()
        self.world.store.close()

    async def _tick(self) -> None:
        while True:
            self.world.let_time_pass()
            await asyncio.sleep(0.2)


def create_app(state: Path | None = None) -> ASGIApp:
    """The sandbox's ASGI app; without a file its state lives in memory."""
    return Sandbox(state).asgi


def _unknown(world: World, problem: Callable[[int, str], Response]) -> Route:
    async def answer(request: Request) -> Response:
        world.mark_unknown()
        return problem(404, f"{request.method} {request.url.path} does not exist.")

    return Route("/{rest:path}", answer, methods=_METHODS)


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)  # noqa: S101 - Starlette's type is wider than its promise
    return refusal.response
