"""What procedures cost that wait for a signature: bytes in PostgreSQL, and nothing else."""

import asyncio
import time

from deployments.scale.copies import KEPT_FOR_DAYS, connect, sizes
from deployments.scale.house import House
from deployments.scale.rows import Row, row
from deployments.scale.usage import Usage, parts_of, runs_alive

FEW = 100


def measure_waiting(house: House, pattern_run: str, many: int, seconds: float) -> list[Row]:
    """Let 100 wait, then `many`; watch server, worker and receiver for `seconds` each time."""
    asyncio.run(house.copy_waiting(pattern_run, range(1, FEW + 1 - waiting(house))))
    few = watch(house, seconds)
    before = asyncio.run(tables(house))
    began, held = time.monotonic(), waiting(house)
    asyncio.run(house.copy_waiting(pattern_run, range(FEW + 1, FEW + 1 + many - held)))
    took = time.monotonic() - began
    after = asyncio.run(tables(house))
    added = waiting(house) - held
    grown = {table: (after[table] - before.get(table, 0)) / added for table in after}
    lasting = sum(size for table, size in grown.items() if table not in KEPT_FOR_DAYS)
    passing = sum(grown[table] for table in KEPT_FOR_DAYS)
    shares = ", ".join(f"{t} {s:,.0f}" for t, s in sorted(grown.items(), key=lambda one: -one[1])[:6])
    rows = [
        row("waiting for a signature", waiting(house), "runs", f"{added:,} copied in SQL in {took:.0f} s"),
        row("in PostgreSQL for each", lasting, "bytes", f"pg_total_relation_size before and after / {added:,}"),
        row("… events for each, for 7 days", passing, "bytes", f"by table: {shares}"),
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


def waiting(house: House) -> int:
    return house.count(state={"type": {"any_": ["PAUSED"]}}, tags={"all_": ["wait:signature"]})


def watch(house: House, seconds: float) -> dict[str, Usage]:
    """What each part uses in that time, with its memory at the end."""
    before = parts_of(house.stack.stack_id)
    time.sleep(seconds)
    after = parts_of(house.stack.stack_id)
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
