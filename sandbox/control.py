"""The sandbox's own levers below `/_sandbox`: ledger, clock, faults, settings, records, mails, reset."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import credentials
from sandbox.control_mails import answered, delivered, mails, moved
from sandbox.core import Record, World, json_body, unknown_names
from sandbox.world import SEED

Answer = Callable[[Request], Awaitable[Response]]
_ADVANCES = ("advance_days", "advance_hours", "advance_seconds")


class Owner(Protocol):
    """Who owns the world and can put it back to its beginning."""

    world: World

    def reset(self, now: datetime | None = None) -> None:
        """Back to the freshly seeded world, which begins at an aware moment, or today."""


class Wrong(ValueError):
    """The control request makes no sense; says why. Answered as 400."""


def routes(owner: Owner) -> list[BaseRoute]:
    """The levers that belong to no vendor."""
    lever = _Levers(owner)
    table: list[tuple[str, str, Answer]] = [
        ("GET", "/credentials", lever.credentials),
        ("GET", "/ledger", lever.ledger),
        ("GET", "/clock", lever.clock),
        ("POST", "/clock", lever.move_clock),
        ("GET", "/faults", lever.faults),
        ("POST", "/faults", lever.order_fault),
        ("DELETE", "/faults", lever.cancel_faults),
        ("DELETE", "/faults/{fault}", lever.cancel_faults),
        ("GET", "/settings", lever.settings),
        ("POST", "/settings", lever.move_settings),
        ("GET", "/records", lever.kinds),
        ("POST", "/records", lever.put_many),
        ("GET", "/records/{kind}", lever.records),
        ("GET", "/records/{kind}/{key:path}", lever.record),
        ("PUT", "/records/{kind}/{key:path}", lever.put_record),
        ("PATCH", "/records/{kind}/{key:path}", lever.put_record),
        ("DELETE", "/records/{kind}/{key:path}", lever.delete_record),
        ("GET", "/mails", lever.mails),
        ("POST", "/mails", lever.deliver_mail),
        ("POST", "/mails/{message:path}/answer", lever.answer_mail),
        ("POST", "/mails/{message:path}/move", lever.move_mail),
        ("POST", "/reset", lever.reset),
    ]
    unknown = Route("/{rest:path}", lever.unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    return [*(Route(path, _answered(act), methods=[method]) for method, path, act in table), unknown]


class _Levers:
    """The handlers."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.world = owner.world

    async def credentials(self, request: Request) -> Response:
        """Every address and credential, for the set-up of the blocks."""
        base = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
        return JSONResponse(credentials.everything(self.world, base))

    async def ledger(self, request: Request) -> Response:
        """Entries after `since`; `effects=1`: only those that changed something; `vendor`, `limit` (newest)."""
        query = request.query_params
        _known(query, ("since", "effects", "vendor", "limit"))
        entries = self.world.ledger.read(
            since=int(query.get("since", "0")),
            vendor=query.get("vendor"),
            effects_only=query.get("effects") in ("1", "true"),
            limit=int(query["limit"]) if "limit" in query else None,
        )
        return JSONResponse({"entries": entries})

    async def clock(self, request: Request) -> Response:
        """The sandbox's time and its distance from the real one."""
        now, offset = self.world.now(), self.world.clock.offset
        zone = ZoneInfo(SEED.msp.time_zone)
        told = {"now": now.isoformat(), "offset_seconds": offset.total_seconds()}
        return JSONResponse(told | {"local": now.astimezone(zone).isoformat(), "zone": SEED.msp.time_zone})

    async def move_clock(self, request: Request) -> Response:
        """To a moment, by an amount, or to the next business day's morning; timers due by then run at once.

        `now` has an offset; `local` is the MSP's own time, without one.
        """
        body = await _object(request, ("local", "now", "to", *_ADVANCES))
        if "now" in body:
            self.world.clock.set(_moment(body["now"]))
        elif "local" in body:
            moment = datetime.fromisoformat(str(body["local"]))
            if moment.tzinfo is not None:
                raise Wrong("local is the MSP's own time, without an offset")
            self.world.clock.set(moment.replace(tzinfo=ZoneInfo(SEED.msp.time_zone)))
        elif body.get("to") == "next-business-day":
            self.world.clock.set(_next_business_morning(self.world.now()))
        elif body.get("to") == "real":
            self.world.clock.set(datetime.now(UTC))
        elif set(body) & set(_ADVANCES):
            self.world.clock.advance(timedelta(**{k.removeprefix("advance_"): float(v) for k, v in body.items()}))
        else:
            raise Wrong(f"give now, local, to (next-business-day, real) or one of {', '.join(_ADVANCES)}")
        self.world.let_time_pass()
        self.world.effect("clock moved", now=self.world.now().isoformat())
        return await self.clock(request)

    async def faults(self, request: Request) -> Response:
        """The faults that have strikes left."""
        return JSONResponse({"faults": self.world.faults.waiting()})

    async def order_fault(self, request: Request) -> Response:
        """Takes one fault, or a list of them."""
        body = await json_body(request)
        ordered = [self.world.faults.order(one) for one in (body if isinstance(body, list) else [body])]
        return JSONResponse({"faults": ordered}, status_code=201)

    async def cancel_faults(self, request: Request) -> Response:
        """Takes back one fault, or all."""
        self.world.faults.cancel(request.path_params.get("fault"))
        return await self.faults(request)

    async def settings(self, request: Request) -> Response:
        """Every lever: where it stands, its default, what it means."""
        shown = {
            name: {"value": self.world.setting(name), "default": default, "meaning": meaning}
            for name, (default, meaning) in sorted(self.world.settings.items())
        }
        return JSONResponse({"settings": shown})

    async def move_settings(self, request: Request) -> Response:
        """Moves levers by name; unknown names are refused."""
        body = await _object(request, tuple(self.world.settings))
        for name, value in body.items():
            self.world.set_setting(name, value)
        return await self.settings(request)

    async def kinds(self, request: Request) -> Response:
        """The kinds of record and how many there are."""
        return JSONResponse({"kinds": {kind: len(self.world.store.all(kind)) for kind in self.world.store.kinds()}})

    async def records(self, request: Request) -> Response:
        """All records of one kind, by id."""
        return JSONResponse({"records": dict(self.world.store.items(request.path_params["kind"]))})

    async def record(self, request: Request) -> Response:
        """One record."""
        found = self.world.store.get(request.path_params["kind"], request.path_params["key"])
        return JSONResponse(found) if found is not None else _no_record()

    async def put_record(self, request: Request) -> Response:
        """PUT replaces (or makes) a record, PATCH changes some of its fields; behind the vendors' backs."""
        body = await json_body(request)
        kind, key = request.path_params["kind"], request.path_params["key"]
        if not isinstance(body, dict):
            raise Wrong("a record is a JSON object")
        kept = self.world.store.get(kind, key)
        if request.method == "PATCH":
            if kept is None:
                return _no_record()
            body = {**kept, **body}
        self.world.effect("record edited", kind=kind, id=key)
        return JSONResponse(self.world.store.put(kind, key, body))

    async def put_many(self, request: Request) -> Response:
        """Many records at once, behind the vendors' backs: `clear` forgets kinds first, `records` by kind and id."""
        body = await _object(request, ("clear", "records"))
        clear, records = body.get("clear") or [], body.get("records") or {}
        if not isinstance(clear, list) or not isinstance(records, dict):
            raise Wrong("clear is a list of kinds, records an object of kinds")
        with self.world.in_one_go():
            for kind in clear:
                for key, _ in self.world.store.items(str(kind)):
                    self.world.store.delete(str(kind), key)
            for kind, many in records.items():
                for key, record in many.items():
                    self.world.store.put(kind, key, record)
        kept = {kind: len(many) for kind, many in records.items()}
        self.world.effect("records edited", cleared=clear, kept=kept)
        return JSONResponse({"kinds": kept}, status_code=201)

    async def delete_record(self, request: Request) -> Response:
        """Forgets a record."""
        self.world.store.delete(request.path_params["kind"], request.path_params["key"])
        self.world.effect("record deleted", kind=request.path_params["kind"], id=request.path_params["key"])
        return Response(status_code=204)

    async def mails(self, request: Request) -> Response:
        """Every mail of the shared mailbox, oldest first; `direction`: sent, received or draft."""
        _known(request.query_params, ("direction",))
        wanted = request.query_params.get("direction")
        return JSONResponse({"mails": [m for m in mails(self.world) if wanted in (None, m["direction"])]})

    async def deliver_mail(self, request: Request) -> Response:
        """A mail from anybody into the shared mailbox, now or later."""
        try:
            key = delivered(self.world, await json_body(request))
        except (TypeError, KeyError) as wrong:
            raise Wrong(str(wrong)) from wrong
        return JSONResponse({"id": key}, status_code=201)

    async def answer_mail(self, request: Request) -> Response:
        """Somebody answers a mail (`message`: its id, our key on it, or its Internet message id), now or later."""
        try:
            key = answered(self.world, request.path_params["message"], await json_body(request) or {})
        except (TypeError, KeyError) as wrong:
            raise Wrong(str(wrong)) from wrong
        return JSONResponse({"id": key}, status_code=201)

    async def move_mail(self, request: Request) -> Response:
        """A person files a mail in another folder (`folder`: its id or its path)."""
        body = await _object(request, ("folder",))
        moved(self.world, request.path_params["message"], str(body.get("folder")))
        return JSONResponse({"id": request.path_params["message"]})

    async def reset(self, request: Request) -> Response:
        """Back to the freshly seeded world, as it begins today or at `now`, which has an offset."""
        body = await _object(request, ("now",)) if await request.body() else {}
        self.owner.reset(_moment(body["now"]) if "now" in body else None)
        return JSONResponse({"reset": True})

    async def unknown(self, request: Request) -> Response:
        """No such lever."""
        return JSONResponse({"error": f"no lever {request.url.path}"}, status_code=404)


def _answered(act: Answer) -> Answer:
    async def answer(request: Request) -> Response:
        try:
            return await act(request)
        except ValueError as wrong:
            return JSONResponse({"error": str(wrong)}, status_code=400)

    return answer


def _moment(given: object) -> datetime:
    moment = datetime.fromisoformat(str(given))
    if moment.tzinfo is None:
        raise Wrong("now must have an offset")
    return moment


async def _object(request: Request, known: tuple[str, ...]) -> Record:
    body = await json_body(request)
    if not isinstance(body, dict):
        raise Wrong("a JSON object is expected")
    _known(body, known)
    return body


def _known(given: object, known: tuple[str, ...]) -> None:
    strangers = unknown_names(given, known)  # type: ignore[arg-type]
    if strangers:
        raise Wrong(f"unknown: {', '.join(strangers)}; known: {', '.join(known)}")


def _no_record() -> Response:
    return JSONResponse({"error": "no such record"}, status_code=404)


def _next_business_morning(now: datetime) -> datetime:
    """Nine o'clock in the MSP's zone on the next Monday to Friday; holidays are the caller's business."""
    zone = ZoneInfo(SEED.msp.time_zone)
    day = now.astimezone(zone).date() + timedelta(days=1)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return datetime.combine(day, time(9), zone)
