"""The ledger: every request to the sandbox in the order in which it took effect, and what it changed."""

import json
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.clock import Clock
from sandbox.store import Record, Store

_SECRET_KEYS = {
    "access_token",
    "assertion",
    "authorization",
    "client_assertion",
    "client_secret",
    "otp_secret",
    "otp-secret",
    "password",
    "refresh_token",
    "secret",
}
_LONGEST_TEXT = 20_000


@dataclass
class Entry:
    """One request (or one thing that happened by itself: then method and path are empty).

    `at` is the sandbox's time, `real_at` the real one (ISO, UTC). `status` None: the connection was dropped.
    `effects` is what changed, each `{"effect": "order placed", …facts}`; empty for reads and refusals.
    """

    vendor: str
    method: str = ""
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    status: int | None = None
    result_id: str | None = None
    effects: list[Record] = field(default_factory=list)
    fault: str | None = None
    unknown: bool = False
    at: str = ""
    real_at: str = ""
    seq: int = 0


current: ContextVar[Entry | None] = ContextVar("current", default=None)


class Ledger:
    """Append-only, kept over a restart. `seq` grows by one with each entry and says what happened first."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def stamp(self, entry: Entry) -> Entry:
        """Puts both times on an entry, before its request is carried out."""
        entry.at = self._clock.now().isoformat()
        entry.real_at = datetime.now(UTC).isoformat()
        return entry

    def append(self, entry: Entry) -> None:
        """Keeps the entry and gives it its number."""
        cursor = self._store.db.execute(
            "insert into ledger (vendor, effective, json) values (?, ?, '')",
            (entry.vendor, bool(entry.effects)),
        )
        entry.seq = int(cursor.lastrowid or 0)
        self._store.db.execute(
            "update ledger set json = ? where seq = ?",
            (json.dumps(as_json(entry), ensure_ascii=False, default=str), entry.seq),
        )

    def effect(self, name: str, facts: Record) -> None:
        """Notes a change on the request being answered, or as an entry of its own if none is."""
        entry = current.get()
        vendor = facts.get("vendor") or (entry.vendor if entry else "sandbox")
        note = {"effect": name, **facts, "vendor": vendor}
        if entry is not None:
            entry.effects.append(note)
        else:
            self.append(self.stamp(Entry(vendor=vendor, effects=[note])))

    def read(
        self, since: int = 0, vendor: str | None = None, effects_only: bool = False, limit: int | None = None
    ) -> list[Record]:
        """Entries after `since`, oldest first; with a limit the newest ones of them."""
        conditions, parameters = ["seq > ?"], [since]  # type: list[str], list[Any]
        if vendor:
            conditions.append("vendor = ?")
            parameters.append(vendor)
        if effects_only:
            conditions.append("effective = 1")
        where = " and ".join(conditions)
        parameters.append(-1 if limit is None else limit)
        rows = self._store.db.execute(
            f"select json from ledger where {where} order by seq desc limit ?",  # noqa: S608 - fixed conditions
            parameters,
        )
        return [json.loads(text) for (text,) in reversed(rows.fetchall())]


def as_json(entry: Entry) -> Record:
    """An entry as the ledger shows it: `effect` is the first effect's name, for those who need no more."""
    shown = dict(vars(entry))
    shown["effect"] = entry.effects[0]["effect"] if entry.effects else None
    return shown


def redacted(value: Any) -> Any:
    """The value with secrets (by the name of their key) blanked and very long texts (attachments) cut."""
    if isinstance(value, dict):
        return {k: "•••" if str(k).lower() in _SECRET_KEYS and v else redacted(v) for k, v in value.items()}
    if isinstance(value, list):
        return [redacted(v) for v in value]
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:200]}… ({len(value)} characters)"
    return value


def pairs(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Query or form pairs as a dictionary, repeated names joined by commas."""
    joined: dict[str, str] = {}
    for name, value in items:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined
