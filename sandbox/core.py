"""The world shared by all stand-ins, and how a stand-in plugs in.

A stand-in is one module (or a few) that exposes three functions:

    PREFIX = "/autotask"
    def routes(world: World) -> list[BaseRoute]: ...      # paths below the prefix; called at every start
    def seed(world: World) -> None: ...                   # fills an empty store; called once for each new state
    def problem(status: int, message: str) -> Response: ... # an error in the vendor's own shape

and is listed in `sandbox.app.STAND_INS`. An optional fourth, `control(world) -> list[BaseRoute]`, is mounted under
`/_sandbox` for levers of its own.

What a stand-in can rely on:

* Every request is recorded by `sandbox.recorder` before a handler sees it: body read, faults applied, timers run.
  The order of the ledger is the order in which handlers ran, provided that handlers don't await anything after the
  body was read: keep them so.
* A handler that changes something calls `world.effect("ticket created", id=…, company=…)`. Reads call nothing.
* A handler refuses by raising `Refusal(response)` with a response in the vendor's shape.
* Unknown paths and methods are answered with `problem(404, …)` by the app; unknown fields and query parameters
  are the stand-in's business (`unknown_names`).
* All state lives in `world.store` under kinds named "vendor.things" (`autotask.tickets`), never in module globals:
  a reset clears the store and seeds again. Short-lived counters may live in `world.memory`.
* Time is `world.now()` only. Things that happen later by themselves: register the function in `routes` with
  `world.timers.register("graph.deliver", function)`, then `world.timers.at(when, "graph.deliver", message_id=…)`.
* `world.issue_token` and `world.token_holder` serve every token endpoint; tokens age in the sandbox's time.
* Levers that a test or the console may move (`POST /_sandbox/settings`) are declared in `routes` with
  `world.declare_setting("pax8.provisioning", "seconds:5", "what it does")` and read with `world.setting(name)`.
* The credentials to check requests against are constants of `sandbox.credentials`.
* Seeded ids are `stable_id("pax8", "contoso")`, so they are equal in every fresh world; others are `new_id()`.

`world.deliver_mail` puts a mail into the shared mailbox; the mail stand-in sets it in its `routes`.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from starlette.requests import Request
from starlette.responses import Response

from sandbox.clock import Clock, Timers
from sandbox.faults import Fault, Faults
from sandbox.ledger import Entry, Ledger, current
from sandbox.store import Record, Store

__all__ = [
    "Clock",
    "Entry",
    "Fault",
    "Faults",
    "IncomingMail",
    "Ledger",
    "Record",
    "Refusal",
    "Store",
    "Timers",
    "World",
    "json_body",
    "new_id",
    "stable_id",
    "unknown_names",
]

_NAMESPACE = UUID("5ad5ad2a-0c0f-5e57-8000-c0c0c0c0c0c0")

Handler = Callable[[Request], Awaitable[Response]]


class Refusal(Exception):
    """A handler's way to say no: the response, in the vendor's own shape, is sent as it is."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True)
class IncomingMail:
    """A mail on its way into the shared mailbox. `html` wins over `text`; `after_seconds` is sandbox time.

    `in_reply_to` is an Internet message id: the mail joins that conversation and quotes the mail it answers.
    `quotes` False leaves the quotation out; `joins` False begins a conversation of its own, in which nothing that
    is quoted is known to be. `authenticated` False: somebody else wrote its sender's address. `unique` is what
    Exchange takes for the mail's own part, where it errs.
    Attachments are `{"name", "contentType", "contentBytes" (base64)}`.
    """

    sender: str
    subject: str
    sender_name: str = ""
    to: tuple[str, ...] = ()
    text: str = ""
    html: str = ""
    in_reply_to: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    attachments: tuple[Record, ...] = ()
    after_seconds: float = 0
    quotes: bool = True
    joins: bool = True
    authenticated: bool = True
    unique: str | None = None


def _no_mailbox(mail: IncomingMail) -> str:
    raise RuntimeError("no mail stand-in has registered itself as world.deliver_mail")


class World:
    """Everything the stand-ins share. `state` is the file it is kept in; without one it lives in memory."""

    def __init__(self, state: Path | None = None) -> None:
        self.store = Store(state)
        self.clock = Clock(self.store)
        self.timers = Timers(self.store, self.clock)
        self.ledger = Ledger(self.store, self.clock)
        self.faults = Faults(self.store)
        self.memory: dict[str, Any] = {}
        self.settings: dict[str, tuple[Any, str]] = {}
        self.deliver_mail: Callable[[IncomingMail], str] = _no_mailbox
        """Delivers a mail to the shared mailbox, now or after its delay; returns the id it will have."""

    def now(self) -> datetime:
        """The sandbox's time: aware, UTC."""
        return self.clock.now()

    def effect(self, name: str, **facts: Any) -> None:
        """Notes in the ledger that something changed; `facts` must be JSON-able and hold no secret.

        Pass `vendor="pax8"`: a timer's effect becomes an entry of its own, filed under that vendor, and the
        effect of a lever (a customer signs) says whose record it changed.
        """
        self.ledger.effect(name, facts)

    def let_time_pass(self) -> None:
        """Runs the timers that are due; their effects are entries of their own, at the times they were due."""
        mark = current.set(None)
        try:
            self.timers.run_due()
        finally:
            current.reset(mark)

    def mark_unknown(self) -> None:
        """Flags the request being answered as one that the vendor doesn't have."""
        entry = current.get()
        if entry is not None:
            entry.unknown = True

    def declare_setting(self, name: str, default: Any, meaning: str) -> None:
        """Makes a lever ("pax8.provisioning") known, with its default; do it in the vendor's `routes`."""
        self.settings[name] = (default, meaning)

    def setting(self, name: str, default: Any = None) -> Any:
        """Where a lever stands: as set, else as declared, else as given."""
        kept = self.store.get("sandbox.settings", name)
        if kept is not None:
            return kept["value"]
        return self.settings[name][0] if name in self.settings else default

    def set_setting(self, name: str, value: Any) -> None:
        """Moves a lever; kept over a restart, forgotten by a reset."""
        self.store.put("sandbox.settings", name, {"value": value})

    def issue_token(self, audience: str, holder: str, lifetime: timedelta) -> str:
        """A new bearer token for an audience ("pax8", "graph:{tenant}"), valid for `lifetime` of sandbox time."""
        token = f"sandbox-{audience.partition(':')[0]}-{uuid4().hex}"
        expires = (self.now() + lifetime).isoformat()
        self.store.put("sandbox.tokens", token, {"audience": audience, "holder": holder, "expires": expires})
        return token

    def token_holder(self, request: Request, audience_prefix: str) -> Record | None:
        """Whose valid token the request carries: `{"audience", "holder", "expires"}`; None means answer 401."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        kept = self.store.get("sandbox.tokens", token.strip()) if scheme.lower() == "bearer" else None
        if kept is None or kept["audience"].partition(":")[0] != audience_prefix:
            return None
        return kept if datetime.fromisoformat(kept["expires"]) > self.now() else None

    @contextmanager
    def in_one_go(self) -> Iterator[None]:
        """Writes everything done meanwhile to the file as one transaction: for seeding."""
        self.store.db.execute("begin")
        try:
            yield
        finally:
            self.store.db.execute("commit")

    def clear(self) -> None:
        """Forgets everything but the registered functions; the app seeds again."""
        self.store.clear()
        self.memory.clear()
        self.timers.reload()


def new_id() -> str:
    """A fresh GUID."""
    return str(uuid4())


def stable_id(*parts: str) -> str:
    """The same GUID for the same parts in every world: for everything that is seeded."""
    return str(uuid5(_NAMESPACE, "/".join(parts)))


async def json_body(request: Request) -> Any:
    """The request's JSON, None if the body is empty; ValueError if it isn't JSON."""
    raw = await request.body()
    return json.loads(raw) if raw.strip() else None


def unknown_names(given: Iterable[str], known: Iterable[str]) -> list[str]:
    """The names that nobody knows, sorted: unknown fields and parameters are errors here, not shrugs."""
    return sorted(set(given) - set(known))
