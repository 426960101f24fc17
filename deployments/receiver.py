"""The webhook receiver: DocuSign's calls, checked, become wake-ups of waiting runs.

A webhook is a hint and nothing else (decision 5): it says that a run should look now, never what is so. Whatever
is lost here is found by reconcile within 15 minutes.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import uvicorn
from httpx import HTTPError
from prefect.context import AsyncClientContext
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.blocks import load
from deployments.ports import LOOPBACK, USUAL
from rules.envelope import RUN_FIELD
from tasks.net_torn import last_round, stands_still, torn_for_long
from tasks.runs import Waking, Woken, find_run_waiting_for, wake_again
from vendors.docusign import DocuSignBlock
from vendors.docusign_connect import BadSignature, ConnectEvent, MalformedEvent, parse, verify

MAX_BYTES = 1024 * 1024
BODY_SECONDS = 10.0
RELOAD_SECONDS = 60.0
WAIT_SECONDS = 5.0
AWAKE_SECONDS = 5.0
"""For so long a run that was woken is likely to be awake still: DocuSign sends three webhooks for one signature."""
MAX_CONNECTIONS = 100

DECIDING = frozenset(
    {
        "envelope-completed",
        "envelope-declined",
        "envelope-voided",
        "envelope-corrected",
        "envelope-deleted",
        "envelope-discard",
        "envelope-purge",
        "recipient-completed",
        "recipient-declined",
        "recipient-autoresponded",
        "recipient-authenticationfailed",
        "recipient-delegate",
        "recipient-reassign",
    }
)
"""Events after which a waiting run would decide something (docusign.md §11.2); all others are heard and dropped."""

log = logging.getLogger("countersign.receiver")

LoadSecrets = Callable[[], Awaitable[Sequence[SecretStr]]]
Wake = Callable[[UUID, str, str, Waking | None], Awaitable[Waking]]
FindRun = Callable[[str], Awaitable[UUID | None]]
LastRound = Callable[[], Awaitable[datetime | None]]
TornForLong = Callable[[], Awaitable[str]]


class NotAccepted(Exception):
    """A call that isn't acted on. `reason` is counted; it never quotes what was sent."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


class NoSecrets(Exception):
    """The DocuSign block holds no HMAC key: nothing could be told from a forgery. Says what to do."""


class Secrets:
    """The HMAC keys, loaded once and again when a signature fails (a rotated key), at most once a minute."""

    def __init__(self, load: LoadSecrets, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._keys: Sequence[SecretStr] = ()
        self._loaded_at = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def load(self) -> None:
        """Read the keys; raises `NoSecrets` when there is none."""
        keys = await self._load()
        if not keys:
            raise NoSecrets("The DocuSign block has no HMAC key: copy one from DocuSign's Connect settings into it.")
        self._keys = keys
        self._loaded_at = self._clock()

    async def verify(self, raw: bytes, headers: Sequence[tuple[str, str]]) -> None:
        """Raises `BadSignature` unless one of the keys signed exactly these bytes."""
        try:
            verify(raw, dict(headers), self._keys)
        except BadSignature:
            if not await self._reloaded():
                raise
            verify(raw, dict(headers), self._keys)

    async def _reloaded(self) -> bool:
        async with self._one_at_a_time:
            if self._clock() - self._loaded_at < RELOAD_SECONDS:
                return False
            self._loaded_at = self._clock()
            before = self._keys
            try:
                await self.load()
            except Exception:
                log.exception("The HMAC keys could not be read again; the ones known so far stay in force")
                return False
            return self._keys != before


class Receiver:
    """What happens to one call, and the counters of all of them."""

    def __init__(
        self, secrets: Secrets, wake: Wake, find_run: FindRun, last_round: LastRound, torn_for_long: TornForLong
    ) -> None:
        self._secrets = secrets
        self._last_round = last_round
        self._torn_for_long = torn_for_long
        self._wake = wake
        self._find_run = find_run
        self._wakings: dict[UUID, tuple[float, Waking]] = {}
        self.counted: Counter[str] = Counter()

    async def docusign(self, request: Request) -> Response:
        """`POST /hooks/docusign`: 200 acted on or left to reconcile, 400, 401, or 503 for "send it again"."""
        try:
            raw = await _body(request)
            await self._check(raw, request)
            outcome = await self._act_on(_parsed(raw))
        except NotAccepted as refused:
            self.counted[refused.reason] += 1
            log.warning("DocuSign webhook answered with %s: %s", refused.status, refused.reason)
            # Closed, so that a sender who has not finished yet isn't listened to any longer.
            answer = {"refused": refused.reason}
            return JSONResponse(answer, status_code=refused.status, headers={"Connection": "close"})
        self.counted[outcome] += 1
        return JSONResponse({"outcome": outcome})

    async def healthz(self, request: Request) -> Response:
        """`GET /healthz`: that it runs, and how many calls ended how since it was started."""
        return JSONResponse({"status": "ok", "calls": dict(sorted(self.counted.items()))})

    async def net(self, request: Request) -> Response:
        """`GET /net`: 200 while reconcile comes to its end; 503 where it has not for long, or nobody can say.

        503 too where it comes to its end but can't look at everything for long: its mail about that may be stuck.
        For a monitor outside: this is a process of its own, which lives on where the workers don't.
        """
        try:
            last, torn = await self._last_round(), await self._torn_for_long()
        except Exception:
            log.exception("When the net has looked last could not be asked")
            return JSONResponse({"net": "unknown", "last_round": None}, status_code=503)
        net = "stands still" if stands_still(last) else torn or "ok"
        answer = {"net": net, "last_round": last.isoformat() if last else None}
        return JSONResponse(answer, status_code=200 if net == "ok" else 503)

    async def _check(self, raw: bytes, request: Request) -> None:
        try:
            await self._secrets.verify(raw, request.headers.items())
        except BadSignature:
            raise NotAccepted(401, "signature") from None

    async def _act_on(self, event: ConnectEvent) -> str:
        if event.event not in DECIDING:
            return "ignored"
        try:
            outcome = await self._wake_run_of(event)
        except Exception:
            # Whatever it was, nobody was woken: DocuSign is asked to send it again, and reconcile is the net.
            log.exception("%s of envelope %s could not be passed on", event.event, event.envelope_id)
            raise NotAccepted(503, "unreachable") from None
        log.info("%s of envelope %s: %s", event.event, event.envelope_id, outcome)
        return outcome

    async def _wake_run_of(self, event: ConnectEvent) -> str:
        """The run that made the envelope is woken; where that one is over, the run that waits for it now."""
        maker = _run_named_in(event)
        if maker is not None:
            woken = await self._wake_up(maker, event)
            if woken in (Woken.WOKEN, Woken.NOT_WAITING):
                return woken.value
        waiting = await self._find_run(event.envelope_id)
        if waiting is None or waiting == maker:
            return "unknown"
        return (await self._wake_up(waiting, event)).value

    async def _wake_up(self, run_id: UUID, event: ConnectEvent) -> Woken:
        """Wake it, knowing of the waking of a moment ago: it is likely to be awake still."""
        now = time.monotonic()
        self._wakings = {run: one for run, one in self._wakings.items() if now - one[0] < AWAKE_SECONDS}
        _, earlier = self._wakings.get(run_id, (now, None))
        waking = await self._wake(run_id, "docusign", event.event, earlier)
        if waking.became is Woken.WOKEN:
            self._wakings[run_id] = time.monotonic(), waking
        return waking.became


def create_app(
    load_secrets: LoadSecrets,
    wake: Wake = wake_again,
    find_run: FindRun = find_run_waiting_for,
    clock: Callable[[], float] = time.monotonic,
    last_round: LastRound = last_round,
    torn_for_long: TornForLong = torn_for_long,
) -> Starlette:
    """The receiver as an ASGI app. It doesn't start without a key to check signatures with."""
    secrets = Secrets(load_secrets, clock)
    receiver = Receiver(secrets, wake, find_run, last_round, torn_for_long)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await secrets.load()
        yield

    return Starlette(
        routes=[
            Route("/hooks/docusign", receiver.docusign, methods=["POST"]),
            Route("/healthz", receiver.healthz, methods=["GET"]),
            Route("/net", receiver.net, methods=["GET"]),
        ],
        lifespan=lifespan,
    )


async def _body(request: Request) -> bytes:
    """All that was sent, read no further than the limit, whether its length was announced or not."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > MAX_BYTES:
        raise NotAccepted(400, "oversized")
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > MAX_BYTES:
                    raise NotAccepted(400, "oversized")
    except TimeoutError:
        raise NotAccepted(400, "slow") from None
    return bytes(raw)


def _parsed(raw: bytes) -> ConnectEvent:
    try:
        return parse(raw)
    except MalformedEvent:
        raise NotAccepted(400, "malformed") from None


def _run_named_in(event: ConnectEvent) -> UUID | None:
    try:
        return UUID(event.custom_fields[RUN_FIELD])
    except (KeyError, ValueError):
        return None


async def secrets_of_block() -> Sequence[SecretStr]:
    """The HMAC keys that the DocuSign block holds now."""
    return (await load(DocuSignBlock)).connect_keys()


def main() -> None:
    """`python -m deployments.receiver --port 8701`: serves until interrupted; TLS is the reverse proxy's."""
    parser = argparse.ArgumentParser(prog="deployments.receiver", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, default=USUAL.receiver_port)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if not asyncio.run(_serve(chosen.host, chosen.port)):
        sys.exit("The receiver could not start; why, stands above.")


async def _serve(host: str, port: int) -> bool:
    """Serve until asked to end; False when it could not start. All calls share one client of Prefect's."""
    config = uvicorn.Config(
        create_app(secrets_of_block),
        host=host,
        port=port,
        log_level="info",
        access_log=False,
        limit_concurrency=MAX_CONNECTIONS,
        server_header=False,
    )
    server = uvicorn.Server(config)
    await until_prefect_answers(secrets_of_block)
    async with AsyncClientContext.get_or_create():
        await server.serve()
    return server.started


async def until_prefect_answers(load_secrets: LoadSecrets, pause: float = WAIT_SECONDS) -> None:
    """Wait for a Prefect server that starts later than this process, or whose database does: after a reboot any may.

    Whatever else stands in the way is said by the start itself, which ends then.
    """
    waiting = False
    while (error := await unanswered(load_secrets)) is not None:
        if not waiting:
            log.warning("Prefect's server doesn't answer yet, and is waited for: %s: %s", type(error).__name__, error)
        waiting = True
        await asyncio.sleep(pause)


async def unanswered(load_secrets: LoadSecrets) -> HTTPError | None:
    """The error where the server refuses or doesn't answer."""
    try:
        await load_secrets()
    except HTTPError as error:
        return error
    except Exception as other:
        log.debug("To be said at the start: %s", type(other).__name__)
    return None


if __name__ == "__main__":
    main()
