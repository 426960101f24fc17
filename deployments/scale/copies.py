"""Many of what one procedure left behind: its rows in Prefect's database, copied in SQL under ids of their own.

For measurements only. Every row that the procedure wrote is copied, whatever table it is in, with each id, reference
and envelope in it turned into the copy's own; what lies on the disk (results of steps) is not.
"""

import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg  # type: ignore[import-untyped]

from tasks.case import reference_of

BATCH = 500
UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

# Each table with what finds a procedure's rows in it; `$1` the run's id. In the order of their keys.
TABLES = {
    "flow_run": "id = $1",
    "flow_run_state": "flow_run_id = $1",
    "flow_run_input": "flow_run_id = $1",
    "artifact": "flow_run_id = $1",
    "artifact_collection": "flow_run_id = $1",
    "task_run": "flow_run_id = $1",
    "task_run_state": "task_run_id in (select id from task_run where flow_run_id = $1)",
    "log": "flow_run_id = $1",
    "events": 'related @> format(\'[{"prefect.resource.id": "prefect.flow-run.%s"}]\', $1::text)::jsonb'
    " or resource_id = 'prefect.flow-run.' || $1::text",
    "event_resources": "event_id in (select id from events where resource_id = 'prefect.flow-run.' || $1::text"
    ' or related @> format(\'[{"prefect.resource.id": "prefect.flow-run.%s"}]\', $1::text)::jsonb)',
}
KEPT_FOR_DAYS = ("events", "event_resources")
"""What Prefect forgets after seven days by itself."""


def uid(old: str, copy: int) -> str:
    """The id that stands in a copy where the pattern has that one."""
    return str(uuid5(NAMESPACE_URL, f"{old}/{copy}"))


@dataclass
class Pattern:
    """One real procedure's rows, by table, and the ids that are its own."""

    run_id: str
    rows: dict[str, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)

    @property
    def reference(self) -> str:
        return reference_of(UUID(self.run_id))

    def names_in(self, copy: int) -> dict[str, str]:
        """What a copy writes where the pattern writes its own ids and reference."""
        names = {old: uid(old, copy) for old in self.own}
        reference = reference_of(UUID(names[self.run_id]))
        return {**names, self.reference: reference, self.reference.lower(): reference.lower()}


class Renamer:
    """Turns words into others, all at once; made once for a text and used for each copy of it."""

    def __init__(self, text: str, words: Iterable[str]) -> None:
        longest_first = sorted(words, key=len, reverse=True)
        self._parts = re.split("(" + "|".join(rf"(?<!\d){re.escape(word)}(?!\d)" for word in longest_first) + ")", text)

    def __call__(self, names: Mapping[str, str]) -> str:
        return "".join(names[part] if place % 2 else part for place, part in enumerate(self._parts))


async def connect(database_url: str) -> Any:
    """A connection to Prefect's database that may copy rows before those that they refer to."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    await connection.execute("set session_replication_role = replica")
    return connection


async def read_pattern(connection: Any, run_id: str, own: Iterable[str] = ()) -> Pattern:
    """Everything that a procedure has in Prefect's database. `own`: more ids of its own, as of its envelope."""
    pattern = Pattern(run_id, own={run_id, *own})
    for table, finds in TABLES.items():
        out = io.BytesIO()
        where = finds.replace("$1", f"'{UUID(run_id)}'")
        await connection.copy_from_query(f"select * from {table} where {where}", output=out)  # noqa: S608 - our words
        pattern.rows[table] = out.getvalue().decode()
        ids = await connection.fetch(f"select id from {table} where {where}")  # noqa: S608
        pattern.own |= {str(one["id"]) for one in ids}
    return pattern


async def copy(
    connection: Any,
    pattern: Pattern,
    copies: range,
    more: Mapping[int, Mapping[str, str]],
    without: Iterable[str] = (),
) -> list[dict[str, str]]:
    """Write the pattern's rows once for each number; returns each copy's names, to rename what lies elsewhere.

    `more`: other words of the pattern, by the number of the copy, and what stands for them there. `without`: tables
    that are left out.
    """
    named = [pattern.names_in(number) | dict(more.get(number, {})) for number in copies]
    words = set().union(*named) if named else set()
    for table, rows in pattern.rows.items():
        if table in without:
            continue
        rename = Renamer(rows, words)
        for start in range(0, len(named), BATCH):
            text = "".join(rename(names) for names in named[start : start + BATCH])
            await connection.copy_to_table(table, source=io.BytesIO(text.encode()))
    return named


async def spread_starts(connection: Any, runs: Iterable[str], days: int, *, by_day: bool) -> None:
    """Let runs have been expected at different moments of so many days; `by_day`: at one minute of each of them."""
    ago = f"floor(random() * {days})" if by_day else f"random() * {days}"
    await connection.execute(
        f"update flow_run set expected_start_time = expected_start_time - {ago} * interval '1 day'"  # noqa: S608
        " where id = any($1::uuid[])",
        list(runs),
    )


async def sizes(connection: Any) -> dict[str, int]:
    """Bytes of each table with its indexes and long values (`pg_total_relation_size`), tidied first."""
    await connection.execute("vacuum analyze")
    found = await connection.fetch("select relname, pg_total_relation_size(relid) as bytes from pg_stat_user_tables")
    return {one["relname"]: one["bytes"] for one in found}
