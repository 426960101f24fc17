"""Connect, DocuSign's webhooks: signed, retried, and on demand lost, doubled, late or out of order (§11)."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
import re
import ssl
from datetime import timedelta
from functools import cache

import httpx

from sandbox.core import Record, World, new_id
from sandbox.credentials import DOCUSIGN_ACCOUNT_ID, DOCUSIGN_HMAC_KEY, DOCUSIGN_USER_ID
from sandbox.docusign_wire import envelope_json, stamp

MODES = re.compile(r"normal|lost|duplicate:[1-9]\d?|late:\d+(\.\d+)?|shuffled")
MOST_TRIES = 10
_SHUFFLE_WINDOW = timedelta(seconds=1)


def announce(world: World, envelope: Record, event: str, signer: Record | None = None) -> None:
    """Queues the event for whoever asked for it when the envelope was made, in the mode in force."""
    wanted = envelope["eventNotification"]
    if wanted is None or event not in wanted["events"]:
        return
    delivery = {
        "id": new_id(),
        "number": world.store.next_number("docusign.deliveries"),
        "envelope": envelope["envelopeId"],
        "event": event,
        "url": wanted["url"],
        "signed": wanted["signed"],
        "acknowledged": wanted["acknowledged"],
        "body": _message(world, envelope, event, signer, wanted["include"]),
        "tries": 0,
        "state": "waiting",
        "answers": [],
    }
    mode, _, amount = str(world.setting("docusign.connect")).partition(":")
    if mode == "lost":
        world.store.put("docusign.deliveries", delivery["id"], delivery | {"state": "lost"})
        return
    for copy in range(int(amount) if mode == "duplicate" else 1):
        one = delivery if copy == 0 else delivery | {"id": new_id(), "answers": []}
        world.store.put("docusign.deliveries", one["id"], one)
        if mode == "late":
            world.timers.at(world.now() + timedelta(seconds=float(amount)), "docusign.deliver", ids=[one["id"]])
        elif mode == "shuffled":
            _hold(world, one["id"])
        else:
            _enqueue(world, [one["id"]])


def register(world: World) -> None:
    """Declares the lever and the timers of Connect."""
    world.declare_setting(
        "docusign.connect",
        "normal",
        "How Connect delivers: normal, lost, duplicate:N, late:SECONDS, shuffled.",
    )
    world.timers.register("docusign.deliver", lambda ids: _enqueue(world, ids))
    world.timers.register("docusign.shuffle", lambda: _release(world))


def resume(world: World) -> None:
    """Queues what an earlier process of the sandbox left unsent; retries have timers of their own."""
    left = [d for d in world.store.all("docusign.deliveries") if d["state"] == "waiting" and d["tries"] == 0]
    timed = {i for t in world.store.all("sandbox.timers") for i in t["arguments"].get("ids", [])}
    _enqueue(world, [d["id"] for d in sorted(left, key=lambda d: d["number"]) if d["id"] not in timed])


def signature(raw: bytes) -> str:
    """What DocuSign puts into X-DocuSign-Signature-1 for these bytes (the key is text, not base64)."""
    return base64.b64encode(hmac.new(DOCUSIGN_HMAC_KEY.encode(), raw, hashlib.sha256).digest()).decode()


def _message(world: World, envelope: Record, event: str, signer: Record | None, include: list[str]) -> Record:
    data: Record = {
        "accountId": DOCUSIGN_ACCOUNT_ID,
        "userId": DOCUSIGN_USER_ID,
        "envelopeId": envelope["envelopeId"],
    }
    if signer is not None:
        data["recipientId"] = signer["recipientId"]
    if include:
        data["envelopeSummary"] = envelope_json(envelope, frozenset(include))
    return {
        "event": event,
        "apiVersion": "v2.1",
        "uri": f"/restapi/v2.1/accounts/{DOCUSIGN_ACCOUNT_ID}/envelopes/{envelope['envelopeId']}",
        "retryCount": 0,
        "configurationId": 10458721,
        "generatedDateTime": stamp(world.now()),
        "data": json.loads(json.dumps(data)),
    }


def _hold(world: World, delivery_id: str) -> None:
    held: list[str] = world.memory.setdefault("docusign.held", [])
    if not held:
        world.timers.at(world.now() + _SHUFFLE_WINDOW, "docusign.shuffle")
    held.append(delivery_id)


def _release(world: World) -> None:
    held: list[str] = world.memory.pop("docusign.held", [])
    shuffled = random.sample(held, len(held))
    _enqueue(world, held[::-1] if shuffled == held else shuffled)


def _enqueue(world: World, ids: list[str]) -> None:
    """Hands deliveries to the sending task, which sends one after the other."""
    queue: list[str] = world.memory.setdefault("docusign.queue", [])
    queue.extend(ids)
    sender: asyncio.Task[None] | None = world.memory.get("docusign.sender")
    if queue and (sender is None or sender.done()):
        world.memory["docusign.sender"] = asyncio.get_running_loop().create_task(_send_queue(world, queue))


@cache
def _tls() -> ssl.SSLContext:
    """Made once a process: reading the authorities takes 20 ms, which every webhook would be late by."""
    return httpx.create_ssl_context(trust_env=False)


async def _send_queue(world: World, queue: list[str]) -> None:
    async with httpx.AsyncClient(timeout=20, trust_env=False, verify=_tls()) as client:
        while queue:
            delivery = world.store.get("docusign.deliveries", queue.pop(0))
            if delivery is not None and delivery["state"] == "waiting":
                await _send(world, client, delivery)


async def _send(world: World, client: httpx.AsyncClient, delivery: Record) -> None:
    raw = json.dumps(delivery["body"] | {"retryCount": delivery["tries"]}, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "DocuSign Connect (sandbox)"}
    if delivery["signed"]:
        headers |= {"X-DocuSign-Signature-1": signature(raw), "X-Authorization-Digest": "HMACSHA256"}
    try:
        answer = str((await client.post(delivery["url"], content=raw, headers=headers)).status_code)
    except httpx.HTTPError as failure:
        answer = type(failure).__name__
    if world.store.get("docusign.deliveries", delivery["id"]) is None:
        return  # the world was reset meanwhile
    delivery["tries"] += 1
    delivery["answers"].append(answer)
    if answer.startswith("2"):
        delivery["state"] = "delivered"
    elif not delivery["acknowledged"] or delivery["tries"] >= MOST_TRIES:
        delivery["state"] = "failed"
    else:
        pause = min(60.0, 0.5 * 2.0 ** (delivery["tries"] - 1))
        world.timers.at(world.now() + timedelta(seconds=pause), "docusign.deliver", ids=[delivery["id"]])
    world.store.put("docusign.deliveries", delivery["id"], delivery)
