"""Playing Pax8 and Microsoft behind it: provisioning, terms that end when they like, booked ends that go wrong."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import pax8_terms as terms
from sandbox.core import Record, World, json_body, unknown_names
from sandbox.pax8_orders import NEXT_END

_PLACE = "/pax8/subscriptions/{subscription}"


class Senseless(ValueError):
    """The lever can't be moved like that; says why. Answered as 400."""


def control(world: World) -> list[BaseRoute]:
    """The levers, below `/_sandbox`. Those of a subscription answer with its record; 404 for an unknown one.

    `GET, POST pax8/provisioning {"mode": "seconds:5" | "stuck" | "instant"}`.
    `GET, POST pax8/booked-end {"mode": …}`: what becomes of ends that are booked from now on (`pax8.booked_end`).
    `POST pax8/next-order {"term_end": moment | "missing" | "none", or "days": n}`: the next order's first term.
    `POST pax8/subscriptions/{id}/settle`: a person repairs a stuck provisioning.
    `POST pax8/subscriptions/{id}/term {"end": moment | "missing" | "none" | "shown"}`: the running term.
    `POST pax8/subscriptions/{id}/end {"end": moment | "now" | null}`: a person in the portal books, ends, unbooks.
    `POST pax8/subscriptions/{id}/seats {"quantity"}`: somebody adds seats in the portal.
    `POST pax8/subscriptions/{id}/successor {}`: another subscription of it appears.
    """
    return [
        Route("/pax8/provisioning", _mode(world, "pax8.provisioning", _is_provisioning), methods=["GET", "POST"]),
        Route("/pax8/booked-end", _mode(world, "pax8.booked_end", terms.BOOKED_END.fullmatch), methods=["GET", "POST"]),
        Route("/pax8/next-order", _next_order(world), methods=["POST"]),
        *(
            Route(f"{_PLACE}/{name}", _of_subscription(world, act, known), methods=["POST"])
            for name, (act, known) in _ACTS.items()
        ),
    ]


def _is_provisioning(mode: str) -> bool:
    name, _, seconds = mode.partition(":")
    return mode in ("stuck", "instant") or (name == "seconds" and seconds.replace(".", "").isdigit())


def _mode(world: World, setting: str, fits: Callable[[str], object]) -> Callable[[Request], Any]:
    async def move(request: Request) -> Response:
        if request.method == "POST":
            mode = str((await json_body(request) or {}).get("mode"))
            if not fits(mode):
                return _no(400, f"no such mode: {mode}. {world.settings[setting][1]}")
            world.set_setting(setting, mode)
        return JSONResponse({"mode": world.setting(setting)})

    return move


def _next_order(world: World) -> Callable[[Request], Any]:
    async def move(request: Request) -> Response:
        try:
            body = _known(await json_body(request), ("days", "term_end"))
            wanted = str(body.get("term_end") or "")
            if "days" in body:
                wanted = (world.now() + timedelta(days=float(body["days"]))).isoformat()
            if wanted not in ("", "missing", "none"):
                _future(world, wanted)
        except (ValueError, TypeError) as wrong:
            return _no(400, str(wrong))
        world.set_setting(NEXT_END, wanted)
        return JSONResponse({"term_end": wanted})

    return move


_Act = Callable[[World, Record, Record], Record | None]


def _of_subscription(world: World, act: _Act, known: tuple[str, ...]) -> Callable[[Request], Any]:
    async def move(request: Request) -> Response:
        subscription = world.store.get("pax8.subscriptions", request.path_params["subscription"])
        if subscription is None:
            return _no(404, "no such subscription")
        try:
            told = act(world, subscription, _known(await json_body(request) or {}, known))
        except (ValueError, TypeError) as wrong:
            return _no(400, str(wrong))
        return JSONResponse(told or world.store.get("pax8.subscriptions", subscription["id"]))

    return move


def _settle(world: World, subscription: Record, body: Record) -> None:
    terms.settle(world, subscription["id"])


def _term(world: World, subscription: Record, body: Record) -> None:
    """The running term's end moves, or isn't shown any more."""
    wanted = str(body.get("end"))
    if wanted in ("missing", "none", "shown"):
        subscription["shows"] = "all" if wanted == "shown" else wanted
    elif subscription["commitment"] is None:
        raise Senseless("it has no commitment whose term could end")
    else:
        terms.end_term_at(world, subscription, _future(world, wanted))
    terms.keep(world, subscription)
    world.effect("term changed", **terms.facts(subscription), term_end=wanted)


def _end(world: World, subscription: Record, body: Record) -> None:
    """A person in the portal books an end, takes it away, or ends the subscription at once."""
    if "end" not in body:
        raise Senseless("end is missing: a moment, now, or null to take a booking away")
    if subscription["status"] == "Cancelled":
        raise Senseless("it is over already")
    if body["end"] == "now":
        terms.end_now(world, subscription)
        return
    end = None if body["end"] is None else _future(world, str(body["end"]))
    terms.book_end(world, subscription, end)
    terms.keep(world, subscription)
    world.effect("end changed in the portal", **terms.facts(subscription), end=subscription["endDate"])


def _seats(world: World, subscription: Record, body: Record) -> None:
    if type(body.get("quantity")) is not int or body["quantity"] < 1:
        raise Senseless("quantity must be a positive whole number")
    terms.more_seats(world, subscription, body["quantity"])


def _successor(world: World, subscription: Record, body: Record) -> Record:
    return terms.succeed(world, subscription, world.now())


_ACTS: dict[str, tuple[_Act, tuple[str, ...]]] = {
    "settle": (_settle, ()),
    "term": (_term, ("end",)),
    "end": (_end, ("end",)),
    "seats": (_seats, ("quantity",)),
    "successor": (_successor, ()),
}


def _future(world: World, text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or moment <= world.now():
        raise Senseless(f"{text} must be a moment to come, with an offset")
    return moment


def _known(body: Any, known: tuple[str, ...]) -> Record:
    if not isinstance(body, dict):
        raise Senseless("a JSON object is expected")
    strangers = unknown_names(body, known)
    if strangers:
        raise Senseless(f"unknown: {', '.join(strangers)}; known: {', '.join(known) or 'none'}")
    return body


def _no(status: int, why: str) -> Response:
    return JSONResponse({"error": why}, status_code=status)
