"""Host b is lost while both hosts work: its cable is pulled and put in again, or everything on it is killed."""

import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from deployments.hosts.house import House, Net, Run, kill_all, until
from deployments.hosts.network import HOSTS
from deployments.hosts.verdict import check, counted, ours
from deployments.player import WentWrong

PATIENCE = 1500.0
QUIET_SECONDS = 60.0
MOST_QUIET_SECONDS = 300.0
AT_A_TIME = 10
AT_WORK = 3
"""Processes of runs that host b must have when it is lost; with fewer, those may all have been at their last words."""
UNCLEAR = "wait:unclear-order"
LOOKER = "tom@northgate.example"
LOST = HOSTS[1]


@dataclass
class Outcome:
    """What came of one scenario; seconds count from the loss of host b."""

    name: str
    procedures: int
    all_waiting: float = 0.0
    done_by_then: int = 0
    had_runs: int = 0
    last_taken_over: float = 0.0
    cut_for: float = 0.0
    alive_at_return: int = 0
    all_done: float = 0.0
    taken_over: int = 0
    rounds: int = 0
    asked: set[str] = field(default_factory=set)
    orders: int = 0
    beyond: str = ""
    afterwards: int = 0
    wrong: list[str] = field(default_factory=list)


def one_undisturbed(house: House) -> Counter[str]:
    """What one procedure does outside when nothing happens; it also loads whatever is loaded late."""
    run = house.bench.start(0)
    (waiting,) = house.bench.waiting([run])
    house.player.sign(house.player.envelope_of(waiting))
    house.bench.done([run])
    net = house.reconcile()
    until(lambda: house.runs([net])[0]["state"]["type"] == "COMPLETED", "a round of the net", 120)
    return counted(ours(house.entries()))


def lose(house: House, name: str, customers: range, pattern: Counter[str], every: float) -> Outcome:
    """Start them all, sign them all, and lose host b in the middle of what follows. `name`: `cut off` or `killed`."""
    out = Outcome(name, len(customers))
    since = max((int(entry["seq"]) for entry in house.entries()), default=0)
    began = time.monotonic()
    with ThreadPoolExecutor(AT_A_TIME) as many:
        runs = list(many.map(house.bench.start, customers))
        envelopes = [house.player.envelope_of(run) for run in house.bench.waiting(runs)]
        out.all_waiting = time.monotonic() - began
        say(f"{name}: {len(runs)} wait after {out.all_waiting:.0f} s; all are signed")
        signing = [many.submit(house.player.sign, envelope) for envelope in envelopes]
        until(lambda: in_the_middle(house, since, len(runs)), "orders, while others are under way", PATIENCE)
        old, lost = house.run_processes(LOST), time.monotonic()
        (LOST.cut if name == "cut off" else lambda: kill_all(LOST))()
        before = house.runs(runs)
        out.had_runs, out.done_by_then = len(old), is_over(before)
        say(f"{name}: {out.had_runs} runs were on host {LOST.name}, {out.done_by_then} done, when it was lost")
        [one.result() for one in signing]
    with Net(house, every) as net:
        then = {run["id"]: run["run_count"] for run in before if run["state"]["type"] in ("PENDING", "RUNNING")}
        until(lambda: taken_over(house, out, then), "the other host has all that was under way", PATIENCE)
        out.last_taken_over = time.monotonic() - lost
        if name == "cut off":
            out.alive_at_return = len(old & set(LOST.processes()))
            LOST.join()
            out.cut_for = time.monotonic() - lost
            say(f"{name}: back after {out.cut_for:.0f} s, {out.alive_at_return} old processes alive")
        until(lambda: all_done(house, out, runs), "all procedures done", PATIENCE)
        out.all_done = time.monotonic() - lost
        out.rounds = net.rounds
    say(f"{name}: all done after {out.all_done:.0f} s")
    out.taken_over = sum(1 for run in house.runs(runs) if any(tag.startswith("revived:") for tag in run["tags"]))
    last = max(int(entry["seq"]) for entry in house.entries())
    if name == "cut off":
        watch(old)
    effects = ours(house.entries(since))
    late = [one for one in effects if one["seq"] > last]
    out.wrong, out.beyond = check(pattern, effects, len(runs))
    out.wrong += [f"after all were done: {one['effect']}" for one in late]
    out.wrong += [f"{run['name']} is {run['state']['name']}" for run in house.runs(runs) if is_over([run]) == 0]
    out.orders, out.afterwards = counted(effects)["order placed"], len(late)
    say(f"{out}")
    return out


def in_the_middle(house: House, since: int, procedures: int) -> bool:
    """Whether a fifth has been ordered, and the host that will be lost is at work; raises `WentWrong` after the end."""
    ordered = counted(ours(house.entries(since)))["order placed"]
    if ordered >= procedures:
        raise WentWrong(f"all was ordered before host {LOST.name} could be lost at work: start more procedures")
    return ordered * 5 >= procedures and len(house.run_processes(LOST)) >= AT_WORK


def taken_over(house: House, out: Outcome, then: dict[str, int]) -> bool:
    """Whether each of these runs, with the number of the attempt that it was in, is in a later one by now, or over."""
    answer_for_people(house, out, list(then))
    return all(run["run_count"] > then[run["id"]] or is_over([run]) for run in house.runs(list(then)))


def all_done(house: House, out: Outcome, runs: list[str]) -> bool:
    """Whether all are completed; raises `WentWrong` for one that ended otherwise: nothing takes it up again."""
    answer_for_people(house, out, runs)
    found = house.runs(runs)
    ended = [run for run in found if run["state"]["type"] in ("FAILED", "CANCELLED")]
    if ended:
        raise WentWrong(f"{ended[0]['name']}: {ended[0]['state']['name']}: {ended[0]['state']['message']}")
    return is_over(found) == len(runs)


def is_over(runs: list[Run]) -> int:
    """How many are completed."""
    return sum(1 for run in runs if run["state"]["type"] == "COMPLETED")


def answer_for_people(house: House, out: Outcome, runs: list[str]) -> None:
    """A host that was lost between an order's marker and its answer leaves a question: somebody looks into Pax8."""
    asked = [
        run
        for run in house.runs(runs)
        if run["state"]["type"] == "PAUSED" and any(tag.startswith(UNCLEAR) for tag in run["tags"])
    ]
    for run in asked:
        out.asked.add(run["id"])
        ordered = [
            one for one in house.player.effects_of("order placed") if str(run["name"]).startswith(one["company_name"])
        ]
        found = {"action": "the order is there", "order_id": ordered[0]["order"]} if ordered else {}
        house.player.answer(run["id"], **{"action": "no order is there", "decided_by": LOOKER, **found})


def watch(old: set[int]) -> None:
    """Leave the host that came back time to do wrong: a minute, and until the runs' old processes have ended."""
    began = time.monotonic()
    while time.monotonic() - began < (MOST_QUIET_SECONDS if old & set(LOST.processes()) else QUIET_SECONDS):
        time.sleep(1)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
