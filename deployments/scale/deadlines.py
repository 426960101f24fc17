"""Many open bridges, each with its booked deadline, some due in the same minute: when are they decided?

One bridge is played by the real flow. Those that are due are copies of it with all that it has at the vendors, each
for a customer of its own; of the others only the subscription is copied, besides their rows in Prefect's database.
"""

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from deployments import bench_world
from deployments.player import WentWrong
from deployments.scale.copies import UUID_TEXT, Pattern, Renamer, connect, copy, read_pattern, spread_starts, uid
from deployments.scale.house import House
from deployments.scale.rows import Row, row, shares
from tasks.net_bridges import BRIDGES_READ

PATIENCE = 1800.0
NOTICE = timedelta(seconds=60)
LATER = timedelta(days=20)
DAYS, BUSINESS_DAYS = 30, 20
FIRST_NUMBER = 2_000_000_000
LONG_NUMBER = re.compile(r"\d{6,}")
NOBODYS = ("sandbox", "sequences", "docusign.deliveries")
World = dict[str, dict[str, Any]]


@dataclass
class RealBridge:
    """What one bridge left behind, and the words in it that are its own."""

    pattern: Pattern
    deadline: str
    cut_off: datetime
    subscriptions: list[str]
    records: World
    words: list[str]
    known: dict[str, str | int] = field(default_factory=dict)

    def names_in(self, number: int, *, due: bool) -> dict[str, str]:
        """What the copy of that number says instead; one that isn't due has its moments later."""
        names: dict[str, str] = {}
        for place, word in enumerate(self.words):
            if word.isdecimal():
                names[word] = str(FIRST_NUMBER + number * len(self.words) + place)
            elif UUID_TEXT.fullmatch(word):
                names[word] = uid(word, number)
            else:
                names[word] = f"{word}{number:06d}"
        names |= {old: str(bench_world.renamed(new, number)) for old, new in self.known.items()}
        moment = self.cut_off + timedelta(minutes=1)
        names[moment.isoformat()] = (moment if due else moment + LATER).isoformat()
        return names


def measure_deadlines(house: House, many: int, due: int) -> list[Row]:
    """Let `many` bridges be open and `due` of their deadlines come in one minute."""
    real = play_one(house)
    began = time.monotonic()
    runs = asyncio.run(copy_bridges(house, real, many, due))
    took = time.monotonic() - began
    booked = house.count(state={"type": {"any_": ["SCHEDULED"]}}, tags={"all_": ["signature-deadline"]})
    rows = [row("bridges open, each with its deadline", booked, "runs", f"copied in SQL in {took:.0f} s")]
    since = house.last_entry()
    house.prefect.delete(f"/variables/name/{BRIDGES_READ}")  # as if none had been read today
    net = house.reconcile()
    calls = [one["path"].rpartition("/v1/")[2] for one in house.calls("pax8", since)]
    lists, singles = calls.count("subscriptions"), sum(1 for one in calls if one.startswith("subscriptions/"))
    how = f"{booked:,} bridges; the day's first round, which reads their months; {net['state']['message']}"
    rows.append(row("the net over open bridges", net["total_run_time"], "s", how))
    rows.append(row("Pax8's list of subscriptions", lists, "calls", f"and {singles} single ones, for all months"))
    at, before = let_them_come(house, real, runs), house.usage()
    wait_until_decided(house, runs, at)
    used = shares(before, house.usage(), due)
    ends = [datetime.fromisoformat(e["real_at"]) for e in house.calls("pax8", since) if e["method"] == "DELETE"]
    if len(ends) != due:
        raise WentWrong(f"{due} deadlines were due, and {len(ends)} ends were booked at Pax8")
    last = (max(ends) - at).total_seconds()
    first = (min(ends) - at).total_seconds()
    done = (datetime.now(UTC) - at).total_seconds()
    how = f"{due} due in the same minute; the first after {first:.1f} s; one end at Pax8 each"
    rows.append(row("all ends booked", last, "s", how))
    rows.append(row("all deadlines done, everybody told", done, "s", f"{due} due in the same minute"))
    rows.append(row("processor time for one deadline", used, "s", "by part, one round of the net included"))
    return rows


def play_one(house: House) -> RealBridge:
    """A bridge by the real flow: asked for, confirmed by the customer's mail, ordered; its agreement is out."""
    house.sandbox.post("/settings", json={"pax8.mails": "seconds:0"}).raise_for_status()  # it is filed by the run
    before = world_of(house)
    form = {key: value for key, value in bench_world.request_of(0).items() if key != "signer"}
    day = house.player.now() + timedelta(days=5)
    form |= {
        "confirmer": bench_world.request_of(0)["signer"],
        "why_now": "The drawing office starts this week.",
        "needed_by": f"{day:%Y-%m-%d}",
    }
    run_id = house.player.start("bridge", form, "scale-bridge")
    run = house.player.wait_until_waiting(run_id, "confirmation-1")
    time.sleep(1)  # an answer of the very second in which the terms went out is none to them (B3)
    house.player.confirm(house.player.reference_of(run))
    house.player.wait_until(lambda: is_open(house.player.run(run_id)), "the bridge is bought, and waits")
    return as_it_lies(house, run_id, before)


def is_open(run: dict[str, Any]) -> bool:
    return "bridge-open" in run["tags"] and run["state"]["type"] == "PAUSED"


def as_it_lies(house: House, run_id: str, before: World) -> RealBridge:
    """What the bridge left: rows of its two runs, and whatever is new or changed at the vendors."""
    run = house.player.run(run_id)
    [booked] = house.player.runs_tagged(f"deadline-of:{house.player.reference_of(run)}")
    records = {
        kind: {key: record for key, record in held.items() if before.get(kind, {}).get(key) != record}
        for kind, held in world_of(house).items()
        if kind not in NOBODYS
    }
    old, new = json.dumps(before), json.dumps(records)
    words = {word for word in UUID_TEXT.findall(new) if word not in old}
    made = {key for kind, held in records.items() for key in held if key not in before.get(kind, {})}
    words |= {key for key in made if LONG_NUMBER.fullmatch(key)}
    words |= {key for key in records.get("graph.messages", {}) if key not in old}
    pattern = asyncio.run(read_both(house, run_id, booked["id"]))
    return RealBridge(
        pattern=pattern,
        deadline=booked["id"],
        cut_off=datetime.fromisoformat(house.player.remembered(run_id, "bridge-dates")["dates"]["cut_off"]),
        subscriptions=sorted(records.get("pax8.subscriptions", {})),
        records=records,
        words=sorted(words | {"scale-bridge"}),
        known=customer_words(),
    )


def customer_words() -> dict[str, str | int]:
    """The first customer's words, with those of the seed that they were made from."""
    seed = [
        "Contoso Ltd",
        "T20261118.0012",
        "contoso.example",
        "contoso.onmicrosoft.com",
        bench_world.TENANT,
        bench_world.COMPANY,
    ]
    made: dict[str, str | int] = {str(bench_world.renamed(word, 0)): word for word in seed}
    return made | {str(bench_world.number(one, 0)): one for one in bench_world.NUMBERS}


async def read_both(house: House, run_id: str, deadline: str) -> Pattern:
    """The rows of a bridge's run and of its deadline's, as one pattern."""
    connection = await connect(house.database_url)
    try:
        one, other = await read_pattern(connection, run_id), await read_pattern(connection, deadline)
    finally:
        await connection.close()
    rows = {table: one.rows[table] + other.rows[table] for table in one.rows}
    return Pattern(run_id, rows, one.own | other.own)


def world_of(house: House) -> World:
    """Every record at the vendors."""
    kinds = house.sandbox.get("/records").raise_for_status().json()["kinds"]
    return {kind: house.sandbox.get(f"/records/{kind}").raise_for_status().json()["records"] for kind in kinds}


async def copy_bridges(house: House, real: RealBridge, many: int, due: int) -> list[str]:
    """Copy the bridge `many` times, the first `due` of them with all they have; those deadlines' run ids."""
    more = {number: real.names_in(number, due=number <= due) for number in range(1, many)}
    connection = await connect(house.database_url)
    try:
        named = await copy(connection, real.pattern, range(1, many), more, ("events", "event_resources"))
        await put_off_reminders(connection)
        await spread_starts(connection, [names[real.pattern.run_id] for names in named], DAYS, by_day=False)
        await spread_starts(connection, [names[real.deadline] for names in named], BUSINESS_DAYS, by_day=True)
    finally:
        await connection.close()
    whole = {kind: held for kind, held in real.records.items() if held}
    only = {"pax8.subscriptions": {one: real.records["pax8.subscriptions"][one] for one in real.subscriptions}}
    put_copies(house, whole, named[:due])
    put_copies(house, only, named[due:])
    return [names[real.deadline] for names in named[:due]]


def put_copies(house: House, records: World, named: list[dict[str, str]]) -> None:
    """Records under each copy's names; what is everybody's, having no name of the copy's in its id, is left."""
    if not named:
        return
    rename = Renamer(json.dumps(records, ensure_ascii=False), named[0])
    for start in range(0, len(named), 50):
        made: World = {}
        for names in named[start : start + 50]:
            for kind, held in json.loads(rename(names)).items():
                own = {key: record for key, record in held.items() if key not in records[kind]}
                made.setdefault(kind, {}).update(own)
        house.put(made)


async def put_off_reminders(connection: Any) -> None:
    """The bridges' own reminders are not what is measured: they come next year."""
    await connection.execute(
        "update flow_run set tags = (select jsonb_agg(case when tag like 'until:%' then"
        " 'until:2027-12-31T12:00:00+00:00' else tag end) from jsonb_array_elements_text(tags) tag)"
        " where tags ? 'bridge-open' and state_type = 'PAUSED'"
    )


def let_them_come(house: House, real: RealBridge, runs: list[str]) -> datetime:
    """Book the runs for one real moment, and move the clock so that it is the one after their cut-off."""
    at = datetime.now(UTC) + NOTICE
    asyncio.run(book_for(house, runs, at))
    house.player.move_clock(real.cut_off + timedelta(seconds=61) - (at - datetime.now(UTC)))
    return at


async def book_for(house: House, runs: list[str], at: datetime) -> None:
    """Let Prefect have these scheduled for that moment."""
    connection = await connect(house.database_url)
    try:
        await connection.execute(
            "update flow_run set next_scheduled_start_time = $1 where id = any($2::uuid[])", at, runs
        )
        await connection.execute(
            "update flow_run_state set state_details = jsonb_set(state_details::jsonb, '{scheduled_time}', $1::jsonb)"
            " where id in (select state_id from flow_run where id = any($2::uuid[]))",
            json.dumps(at.isoformat()),
            runs,
        )
    finally:
        await connection.close()


def wait_until_decided(house: House, runs: list[str], at: datetime) -> None:
    """Until each deadline has ended well. Raises `WentWrong`."""
    until = time.monotonic() + PATIENCE
    time.sleep(max((at - datetime.now(UTC)).total_seconds(), 0))
    while time.monotonic() < until:
        found: list[dict[str, Any]] = []
        for start in range(0, len(runs), 200):
            wanted = {"flow_runs": {"id": {"any_": runs[start : start + 200]}}, "limit": 200}
            found += house.prefect.post("/flow_runs/filter", json=wanted).raise_for_status().json()
        if all(run["state"]["type"] == "COMPLETED" for run in found):
            return
        wrong = [run for run in found if run["state"]["type"] in ("FAILED", "CANCELLED", "CRASHED")]
        if wrong:
            state = wrong[0]["state"]
            raise WentWrong(f"{len(wrong)} went wrong: {wrong[0]['name']}: {state['name']}: {state['message']}")
        time.sleep(1)
    raise WentWrong(f"not all of {len(runs)} deadlines are decided after {PATIENCE:.0f} s")
