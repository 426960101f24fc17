"""What procedures cost that wait for a signature: bytes in PostgreSQL, and nothing else."""

import asyncio
import time

from deployments.player import WentWrong
from deployments.scale.copies import KEPT_FOR_DAYS, connect, sizes
from deployments.scale.house import House
from deployments.scale.rows import Row, row
from deployments.scale.usage import Usage, runs_alive

FEW = 100


def measure_waiting(house: House, pattern_run: str, many: int, seconds: float) -> list[Row]:
    """Let 100 wait, then `many`; watch server, worker and receiver for `seconds` each time."""
    first, _ = add(house, pattern_run, range(1, FEW + 1 - waiting(house)), ())
    few = watch(house, seconds)
    began, held = time.monotonic(), waiting(house)
    grown, added = add(house, pattern_run, range(FEW + 1, FEW + 1 + many - held), KEPT_FOR_DAYS)
    took = time.monotonic() - began
    shares = ", ".join(f"{t} {s:,.0f}" for t, s in sorted(grown.items(), key=lambda one: -one[1])[:6])
    events = sum(first[table] for table in KEPT_FOR_DAYS)
    rows = [
        row("waiting for a signature", waiting(house), "runs", f"{added:,} copied in SQL in {took:.0f} s"),
        row(
            "in PostgreSQL for each", sum(grown.values()), "bytes", f"total size before and after / {added:,}: {shares}"
        ),
        row("… its events, for 7 days", events, "bytes", "the same, of the first hundred; the others got none"),
        row("processes for them", runs_alive(house.stack.stack_id), "processes", "descendants of the worker"),
    ]
    many_used = watch(house, seconds)
    for part in few:
        cpu = f"{few[part].cpu_seconds:.1f} → {many_used[part].cpu_seconds:.1f}"
        memory = f"{few[part].memory_mb:.0f} → {many_used[part].memory_mb:.0f}"
        how = f"{FEW} → {waiting(house):,} waiting, {seconds:.0f} s each, between two rounds of the net"
        rows.append(row(f"{part}: processor time", cpu, "s", how))
        rows.append(row(f"{part}: memory", memory, "MB", how))
    return rows


def add(house: House, pattern_run: str, copies: range, without: tuple[str, ...]) -> tuple[dict[str, float], int]:
    """Copy, and say by how many bytes each table grew for each copy, and how many copies there are."""
    before, held = asyncio.run(tables(house)), waiting(house)
    asyncio.run(house.copy_waiting(pattern_run, copies, without))
    after, added = asyncio.run(tables(house)), waiting(house) - held
    if added != len(copies):
        raise WentWrong(f"{len(copies)} were copied, and {added} more wait")
    return {table: (after[table] - before.get(table, 0)) / max(added, 1) for table in after}, added


def waiting(house: House) -> int:
    return house.count(state={"type": {"any_": ["PAUSED"]}}, tags={"all_": ["wait:signature"]})


def watch(house: House, seconds: float) -> dict[str, Usage]:
    """What each part uses in that time, with its memory at the end."""
    before = house.usage()
    time.sleep(seconds)
    after = house.usage()
    return {
        part: Usage(after[part].cpu_seconds - before[part].cpu_seconds, after[part].memory_mb, after[part].processes)
        for part in after
    }


async def tables(house: House) -> dict[str, int]:
    connection = await connect(house.database_url)
    try:
        return await sizes(connection)
    finally:
        await connection.close()
