"""The sandbox's memory: every record of every stand-in, in dictionaries, written through to one SQLite file."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]

_SCHEMA = """
create table if not exists records (kind text, id text, json text, unique (kind, id));
create table if not exists ledger (seq integer primary key, vendor text, effective integer, json text);
"""


class Store:
    """Records by kind ("docusign.envelopes") and id, in insertion order; JSON-able dictionaries only.

    `put` writes that one record through to the file at once, so a killed sandbox loses nothing that it answered.
    Without a file everything lives in memory. Sharp edge: what `get` and `all` hand out is the record itself;
    change it and then `put` it, otherwise the change is lost at the next start.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._kinds: dict[str, dict[str, Record]] = {}
        self._on_disk = path is not None
        # uvicorn may run in a thread of a test; the event loop there is still the only writer.
        self.db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        if self._on_disk:
            self.db.execute("pragma journal_mode=wal")
            self.db.execute("pragma synchronous=off")
        self.db.executescript(_SCHEMA)
        for kind, key, text in self.db.execute("select kind, id, json from records order by rowid"):
            self._kinds.setdefault(kind, {})[key] = json.loads(text)

    def put(self, kind: str, key: str | int, record: Record) -> Record:
        """Keeps the record under its kind and id, and hands it back."""
        self._kinds.setdefault(kind, {})[str(key)] = record
        if self._on_disk:
            self.db.execute(
                "insert into records values (?, ?, ?) on conflict do update set json = excluded.json",
                (kind, str(key), json.dumps(record, ensure_ascii=False)),
            )
        return record

    def get(self, kind: str, key: str | int) -> Record | None:
        """The record, or None."""
        return self._kinds.get(kind, {}).get(str(key))

    def all(self, kind: str) -> list[Record]:
        """Every record of a kind, oldest first."""
        return list(self._kinds.get(kind, {}).values())

    def items(self, kind: str) -> Iterator[tuple[str, Record]]:
        """Ids and records of a kind."""
        yield from list(self._kinds.get(kind, {}).items())

    def delete(self, kind: str, key: str | int) -> None:
        """Forgets one record; silent if there is none."""
        self._kinds.get(kind, {}).pop(str(key), None)
        if self._on_disk:
            self.db.execute("delete from records where kind = ? and id = ?", (kind, str(key)))

    def next_number(self, sequence: str, start: int = 1) -> int:
        """The next integer of a named sequence (Autotask ids, IT Glue ids), kept over a restart."""
        record = self.get("sequences", sequence) or {"last": start - 1}
        record["last"] += 1
        self.put("sequences", sequence, record)
        return int(record["last"])

    def kinds(self) -> list[str]:
        """The kinds that hold at least one record."""
        return sorted(kind for kind, records in self._kinds.items() if records)

    def clear(self) -> None:
        """Forgets everything, the ledger included."""
        self._kinds.clear()
        self.db.execute("delete from records")
        self.db.execute("delete from ledger")

    def close(self) -> None:
        """Closes the file."""
        self.db.close()
