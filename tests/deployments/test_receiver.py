"""The webhook receiver, over real HTTP: only DocuSign's own words wake a run, and nothing else does harm."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import prefect
import pytest
import uvicorn
from pydantic import SecretStr

import deployments.receiver
from deployments.blocks import BadSetup
from deployments.children import Child
from deployments.ports import free_port
from deployments.receiver import (
    BODY_SECONDS,
    DECIDING,
    MAX_BYTES,
    RELOAD_SECONDS,
    NoSecrets,
    create_app,
    until_prefect_answers,
)
from rules.envelope import RUN_FIELD
from tasks.runs import Waking, Woken
from tests.deployments.warm_house import until
from vendors.docusign_connect import signature

ROOT = Path(__file__).parents[2]
KEY = "the account's HMAC key"
ENVELOPE = "5e0e0e8a-3e0b-4d43-9a0e-9f7f0f2c8a11"


@dataclass
class Office:
    """What the receiver talks to: the keys, the runs, and a clock that a test moves."""

    keys: list[str] = field(default_factory=lambda: [KEY])
    runs: dict[UUID, Woken] = field(default_factory=dict)
    waiting: dict[str, UUID] = field(default_factory=dict)
    unreachable: bool = False
    seconds: float = 0.0
    loads: int = 0
    woken: list[tuple[UUID, str, str]] = field(default_factory=list)
    earlier: list[Waking | None] = field(default_factory=list)
    looked: datetime | None = None
    torn: str = ""

    async def load_secrets(self) -> list[SecretStr]:
        self.loads += 1
        return [SecretStr(key) for key in self.keys]

    async def wake(self, run_id: UUID, source: str, event: str, earlier: Waking | None) -> Waking:
        if self.unreachable:
            raise httpx.ConnectError("nobody listens")
        self.woken.append((run_id, source, event))
        self.earlier.append(earlier)
        return Waking(self.runs.get(run_id, Woken.GONE), uuid4())

    async def find_run(self, envelope_id: str) -> UUID | None:
        if self.unreachable:
            raise httpx.ConnectError("nobody listens")
        return self.waiting.get(envelope_id)

    async def last_round(self) -> datetime | None:
        if self.unreachable:
            raise httpx.ConnectError("nobody listens")
        return self.looked

    async def torn_for_long(self) -> str:
        return self.torn

    def waiting_run(self, *, named: bool = True) -> UUID:
        """A run that waits for the envelope; `named`: the envelope's custom field names it."""
        run_id = uuid4()
        self.runs[run_id] = Woken.WOKEN
        if not named:
            self.waiting[ENVELOPE] = run_id
        return run_id


@dataclass
class Served:
    """The receiver behind an address, and how one calls it."""

    http: httpx.AsyncClient
    address: tuple[str, int]

    async def post(self, body: bytes, *, key: str | None = KEY) -> httpx.Response:
        headers = {"X-DocuSign-Signature-1": signature(body, key)} if key else {}
        return await self.http.post("/hooks/docusign", content=body, headers=headers)

    async def counted(self) -> dict[str, int]:
        calls: dict[str, int] = (await self.http.get("/healthz")).json()["calls"]
        return calls


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def receiver(office: Office) -> AsyncIterator[Served]:
    async with served(office) as one:
        yield one


@asynccontextmanager
async def served(office: Office) -> AsyncIterator[Served]:
    app = create_app(
        office.load_secrets,
        office.wake,
        office.find_run,
        lambda: office.seconds,
        office.last_round,
        office.torn_for_long,
    )
    listening = socket.create_server(("127.0.0.1", 0))  # calls wait in its queue until the server is up
    address = listening.getsockname()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{address[1]}", timeout=30) as http:
        yield Served(http, address)
    server.should_exit = True
    await running


def event(name: str, run_id: UUID | None = None, **changes: Any) -> bytes:
    """A message of the documented shape (docusign.md §11.2); `run_id` stands in the custom field."""
    fields = [{"name": RUN_FIELD, "value": str(run_id)}] if run_id else []
    message = {
        "event": name,
        "apiVersion": "v2.1",
        "retryCount": 0,
        "generatedDateTime": "2026-11-22T10:15:00.1234567Z",
        "data": {
            "accountId": "a",
            "envelopeId": ENVELOPE,
            "envelopeSummary": {"status": "completed", "customFields": {"textCustomFields": fields}},
        },
    }
    return json.dumps(message | changes).encode()


async def test_a_signature_wakes_the_run_that_the_envelope_names(office: Office, receiver: Served) -> None:
    run_id = office.waiting_run()
    answer = await receiver.post(event("envelope-completed", run_id))
    assert answer.status_code == 200
    assert office.woken == [(run_id, "docusign", "envelope-completed")]
    assert await receiver.counted() == {"woken": 1}


async def test_an_envelope_that_names_no_run_wakes_the_one_that_waits_for_it(office: Office, receiver: Served) -> None:
    run_id = office.waiting_run(named=False)
    assert (await receiver.post(event("envelope-completed"))).status_code == 200
    assert [woken for woken, _, _ in office.woken] == [run_id]


@pytest.mark.parametrize("over", [Woken.FINISHED, Woken.GONE])
async def test_when_the_named_run_is_over_the_one_that_took_the_envelope_on_is_woken(
    office: Office, receiver: Served, over: Woken
) -> None:
    maker, successor = uuid4(), office.waiting_run(named=False)
    office.runs[maker] = over
    assert (await receiver.post(event("envelope-completed", maker))).json() == {"outcome": "woken"}
    assert [woken for woken, _, _ in office.woken] == [maker, successor]


async def test_a_custom_field_that_holds_no_run_id_is_as_good_as_none(office: Office, receiver: Served) -> None:
    run_id = office.waiting_run(named=False)
    body = event("envelope-completed", uuid4()).replace(b'"value": "', b'"value": "not-a-run-')
    assert (await receiver.post(body)).status_code == 200
    assert [woken for woken, _, _ in office.woken] == [run_id]


async def test_an_unknown_envelope_is_left_to_reconcile_and_counted(office: Office, receiver: Served) -> None:
    assert (await receiver.post(event("envelope-completed", uuid4()))).status_code == 200
    assert await receiver.counted() == {"unknown": 1}


@pytest.mark.parametrize("name", sorted(DECIDING))
async def test_every_deciding_event_wakes(office: Office, receiver: Served, name: str) -> None:
    await receiver.post(event(name, office.waiting_run()))
    assert [told for _, _, told in office.woken] == [name]


@pytest.mark.parametrize("name", ["envelope-delivered", "recipient-sent", "envelope-resent", "of-tomorrow"])
async def test_events_that_decide_nothing_are_heard_and_dropped(office: Office, receiver: Served, name: str) -> None:
    assert (await receiver.post(event(name, office.waiting_run()))).status_code == 200
    assert office.woken == []
    assert await receiver.counted() == {"ignored": 1}


async def test_the_same_event_five_times_does_no_harm(office: Office, receiver: Served) -> None:
    body = event("envelope-completed", office.waiting_run())
    answers = await asyncio.gather(*(receiver.post(body) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}


async def test_a_run_that_was_woken_a_moment_ago_is_likely_to_be_awake(
    office: Office, receiver: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is only how it is woken: each call is passed on. One that was not waiting has woken nobody."""
    run, other = office.waiting_run(), office.waiting_run()
    for _ in range(2):
        await receiver.post(event("envelope-completed", run))
    office.runs[other] = Woken.NOT_WAITING
    for _ in range(2):
        await receiver.post(event("envelope-completed", other))
    monkeypatch.setattr(deployments.receiver, "AWAKE_SECONDS", 0.0)
    await receiver.post(event("envelope-completed", run))
    assert [woken[0] for woken in office.woken] == [run, run, other, other, run]
    assert [one is not None for one in office.earlier] == [False, True, False, False, False]


async def test_a_forged_signature_is_refused_and_wakes_nobody(office: Office, receiver: Served) -> None:
    answer = await receiver.post(event("envelope-completed", office.waiting_run()), key="another key")
    assert answer.status_code == 401
    assert office.woken == []
    assert await receiver.counted() == {"signature": 1}


async def test_an_unsigned_call_is_refused_and_wakes_nobody(office: Office, receiver: Served) -> None:
    answer = await receiver.post(event("envelope-completed", office.waiting_run()), key=None)
    assert answer.status_code == 401
    assert office.woken == []


async def test_a_body_changed_after_signing_is_refused(office: Office, receiver: Served) -> None:
    signed = event("envelope-declined", office.waiting_run())
    headers = {"X-DocuSign-Signature-1": signature(signed, KEY)}
    changed = signed.replace(b"declined", b"completed")
    answer = await receiver.http.post("/hooks/docusign", content=changed, headers=headers)
    assert answer.status_code == 401
    assert office.woken == []


async def test_the_signature_is_checked_before_anything_is_understood(receiver: Served) -> None:
    assert (await receiver.post(b"{not json", key=None)).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{not json",
        b"[]",
        b'"text"',
        b'{"event": "envelope-completed"}',
        b'{"data": {}}',
        b"<xml/>",
        b"\xff",
    ],
)
async def test_a_signed_but_malformed_body_is_refused(office: Office, receiver: Served, body: bytes) -> None:
    assert (await receiver.post(body)).status_code == 400
    assert office.woken == []
    assert await receiver.counted() == {"malformed": 1}


async def test_a_body_of_exactly_the_limit_is_still_read(office: Office, receiver: Served) -> None:
    body = event("envelope-completed", office.waiting_run())
    assert (await receiver.post(body + b" " * (MAX_BYTES - len(body)))).status_code == 200


async def test_a_body_over_the_limit_is_refused_even_when_signed(office: Office, receiver: Served) -> None:
    body = event("envelope-completed", office.waiting_run())
    assert (await receiver.post(body + b" " * (MAX_BYTES + 1 - len(body)))).status_code == 400
    assert office.woken == []
    assert await receiver.counted() == {"oversized": 1}


async def test_a_body_without_announced_length_is_read_no_further_than_the_limit(receiver: Served) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield b"x" * 65536

    with contextlib.suppress(httpx.TransportError):  # it may hang up on us while we still send: as good an answer
        answer = await receiver.http.post("/hooks/docusign", content=endless())
        assert answer.status_code == 400
    assert (await receiver.counted())["oversized"] == 1
    assert sent < 64 * MAX_BYTES


async def test_an_announced_length_over_the_limit_is_refused_before_anything_is_read(
    receiver: Served,
) -> None:
    reader, writer = await asyncio.open_connection(*receiver.address)
    writer.write(b"POST /hooks/docusign HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()


async def test_a_body_that_never_ends_is_given_up(receiver: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.receiver.BODY_SECONDS", BODY_SECONDS / 100)
    reader, writer = await asyncio.open_connection(*receiver.address)
    writer.write(b"POST /hooks/docusign HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123")
    assert b" 400 " in await reader.readline()
    writer.close()
    assert await receiver.counted() == {"slow": 1}


async def test_when_prefect_is_away_docusign_is_asked_to_send_it_again(office: Office, receiver: Served) -> None:
    body = event("envelope-completed", office.waiting_run())
    office.unreachable = True
    assert (await receiver.post(body)).status_code == 503
    office.unreachable = False
    assert (await receiver.post(body)).status_code == 200
    assert await receiver.counted() == {"unreachable": 1, "woken": 1}


async def test_a_rotated_key_is_taken_up_without_a_restart(office: Office, receiver: Served) -> None:
    office.keys = ["the new key"]
    office.seconds = RELOAD_SECONDS
    body = event("envelope-completed", office.waiting_run())
    assert (await receiver.post(body, key="the new key")).status_code == 200
    assert (await receiver.post(body)).status_code == 401


async def test_both_keys_count_while_one_is_being_changed(office: Office) -> None:
    office.keys = ["the new key", KEY]
    async with served(office) as receiver:
        body = event("envelope-completed", office.waiting_run())
        assert [(await receiver.post(body, key=key)).status_code for key in office.keys] == [200, 200]


async def test_forgeries_make_it_read_the_keys_at_most_once_a_minute(office: Office, receiver: Served) -> None:
    office.seconds = RELOAD_SECONDS
    body = event("envelope-completed")
    await asyncio.gather(*(receiver.post(body, key="forged") for _ in range(20)))
    assert office.loads == 2  # at its start, and once for the twenty


async def test_without_any_key_it_does_not_start(office: Office) -> None:
    office.keys = []
    app = create_app(office.load_secrets, office.wake, office.find_run)
    with pytest.raises(NoSecrets, match="Connect"):
        async with app.router.lifespan_context(app):
            pass


class NotFilledIn(BaseHTTPRequestHandler):
    """A Prefect server on which nothing is set up yet."""

    def do_GET(self) -> None:
        known = self.path.endswith("/admin/version")
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(json.dumps(prefect.__version__ if known else {}).encode())

    def log_message(self, *_: object) -> None: ...


def test_a_prefect_server_that_is_not_up_yet_is_waited_for(tmp_path: Path) -> None:
    """After a reboot it may come later. Once it answers, what else is missing is said, and ends the receiver."""
    told, port = tmp_path / "receiver.log", free_port()
    environment = {**os.environ, "PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PREFECT_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "deployments.receiver", "--port", "0"]
    receiver = Child("receiver", command, cwd=ROOT, env=environment, log=told)
    try:
        receiver.wait_until(lambda: "is waited for" in told.read_text(), "waiting", 30)
        with HTTPServer(("127.0.0.1", port), NotFilledIn) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            until(lambda: not receiver.alive, "its end")
            server.shutdown()
            thread.join()
    finally:
        receiver.stop()
    assert told.read_text().count("is waited for") == 1
    assert "not filled in yet" in told.read_text()


async def test_what_else_stands_in_the_way_is_not_waited_for(office: Office) -> None:
    """The start itself says it, and ends."""
    asked: list[str] = []

    async def refuses() -> Sequence[SecretStr]:
        asked.append("once")
        raise BadSetup("not filled in yet")

    await until_prefect_answers(refuses)
    await until_prefect_answers(office.load_secrets)
    assert asked == ["once"]


async def test_no_body_and_no_signature_reach_the_log(
    office: Office, receiver: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="countersign.receiver")
    body = event("envelope-completed", office.waiting_run(), note="a secret in the body")
    await receiver.post(body)
    await receiver.post(body, key="forged")
    office.unreachable = True
    await receiver.post(body)
    assert caplog.text.count("docusign") or caplog.text.count("DocuSign")
    for told in ("a secret in the body", signature(body, KEY), signature(body, "forged"), KEY):
        assert told not in caplog.text


async def test_nothing_else_is_served(receiver: Served) -> None:
    assert (await receiver.http.get("/hooks/docusign")).status_code == 405
    assert (await receiver.http.get("/")).status_code == 404


async def test_a_monitor_outside_sees_whether_the_net_looks(office: Office, receiver: Served) -> None:
    """Where all workers are gone, nobody but this process could say so."""
    assert (await receiver.http.get("/net")).status_code == 503, "it has never looked"
    office.looked = datetime.now(UTC) - timedelta(minutes=20)
    answer = await receiver.http.get("/net")
    assert (answer.status_code, answer.json()["net"]) == (200, "ok")
    office.torn = "torn since 2026-11-23: deadlines"
    answer = await receiver.http.get("/net")
    assert (answer.status_code, answer.json()["net"]) == (503, office.torn)
    office.looked -= timedelta(minutes=30)
    answer = await receiver.http.get("/net")
    assert (answer.status_code, answer.json()["net"]) == (503, "stands still")
    office.looked = datetime.now(UTC) + timedelta(hours=1)
    answer = await receiver.http.get("/net")
    assert answer.json()["net"] == "stands still", "a clock that is ahead: nobody knows when it looked"
    office.unreachable = True
    assert (await receiver.http.get("/net")).json() == {"net": "unknown", "last_round": None}
