"""The outermost layer: reads each request, runs due timers, applies faults, and writes the ledger."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import httpx
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.core import World
from sandbox.faults import Fault
from sandbox.ledger import Entry, current, pairs, redacted

Problem = Callable[[int, str], Response]
_REFUSALS = {
    "403": (403, "Access is denied."),
    "408": (408, "The request timed out."),
    "422": (422, "This can't be done now."),
    "429": (429, "Too many requests."),
    "500-before": (500, "Failure."),
    "drop-before": (500, "Failure."),
}
_RESULT_KEYS = ("envelopeId", "itemId", "id")


class Recorder:
    """Wraps the whole app. Stand-ins are recorded always, the control only where it changes something."""

    def __init__(self, app: ASGIApp, world: World, problems: Mapping[str, Problem]) -> None:
        self.app = app
        self.world = world
        self.problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = await _read(receive)
        again = _replay(body, receive)
        self.world.let_time_pass()
        vendor = scope["path"].split("/")[1]
        if vendor in self.problems:
            await self._recorded(vendor, scope, body, again, send)
        elif vendor == "_sandbox" and scope["method"] != "GET":
            await self._recorded("sandbox", scope, body, again, send)
        else:
            await self.app(scope, again, send)

    async def _recorded(self, vendor: str, scope: Scope, body: bytes, again: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        fault = None if vendor == "sandbox" else self.world.faults.strike(vendor, method, path)
        if fault and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        entry = Entry(
            vendor=vendor,
            method=method,
            path=path,
            query=redacted(pairs(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))),
            body=_readable(body, Headers(scope=scope).get("content-type", "")),
            fault=fault.kind if fault else None,
        )
        self.world.ledger.stamp(entry)
        answer = self._refused_by(fault, vendor) or await self._carried_out(scope, again, entry)
        if fault and fault.kind == "500-after":
            answer = _messages(self.problems[vendor](500, "The server failed after doing its work."))
        dropped = fault is not None and fault.kind.startswith("drop")
        entry.status = None if dropped else answer[0]["status"]
        self.world.ledger.append(entry)
        if dropped:
            await _hang_up(send)
            return
        for message in answer:
            await send(message)

    def _refused_by(self, fault: Fault | None, vendor: str) -> list[Message] | None:
        if fault is None or fault.kind not in _REFUSALS:
            return None
        refusal = self.problems[vendor](*_REFUSALS[fault.kind])
        if fault.kind == "429" and fault.retry_after is not None:
            refusal.headers["Retry-After"] = f"{fault.retry_after:g}"
        return _messages(refusal)

    async def _carried_out(self, scope: Scope, again: Receive, entry: Entry) -> list[Message]:
        answer: list[Message] = []

        async def collect(message: Message) -> None:
            answer.append(message)

        mark = current.set(entry)
        try:
            await self.app(scope, again, collect)
        except Exception:  # the app has answered 500 already; the ledger must have the entry all the same
            logging.getLogger("sandbox").exception("%s %s failed", entry.method, entry.path)
        finally:
            current.reset(mark)
        if entry.method != "GET":
            entry.result_id = _result_id(answer)
        return answer


async def _read(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read already, once; then whatever the server has to say (a disconnect)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _readable(body: bytes, content_type: str) -> Any:
    if not body.strip():
        return None
    if "form-urlencoded" in content_type:
        return redacted(pairs(parse_qsl(body.decode(errors="replace"), keep_blank_values=True)))
    try:
        return redacted(json.loads(body))
    except ValueError:
        return redacted(body.decode(errors="replace"))


def _messages(response: Response) -> list[Message]:
    return [
        {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers},
        {"type": "http.response.body", "body": response.body},
    ]


def _result_id(answer: list[Message]) -> str | None:
    content = b"".join(message.get("body", b"") for message in answer[1:])
    if not content.startswith(b"{") or len(content) > 1_000_000:
        return None
    try:
        told = json.loads(content)
    except ValueError:
        return None
    if isinstance(told.get("data"), dict):
        told = told["data"]
    return next((str(told[key]) for key in _RESULT_KEYS if told.get(key) is not None), None)


async def _hang_up(send: Send) -> None:
    """Closes the connection without a byte of answer, as a network does; in-process, raises what httpx would."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
    transport.abort()
    for _ in range(3):  # lets uvicorn see that the connection is lost, so that it answers nothing
        await asyncio.sleep(0)
