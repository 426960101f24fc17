"""What the sandbox's ledger says about procedures that changed hosts: one of everything, nothing twice (I3)."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

Entry = dict[str, Any]
# What a vendor makes up anew for each thing it makes: a doubled effect differs in these and in nothing else.
MADE_UP = ("id", "internet_message_id", "envelope", "transaction", "order", "subscription", "lines")
REPEATABLE = (" changed", " updated")  # writing the same value again does nothing
BY_CHANCE = "confirmation awaited"  # noted only where Pax8's mail was slower than the run


def ours(entries: Iterable[Entry]) -> list[Entry]:
    """The effects that came through a vendor's API, in order, each with the number of its entry."""
    return [
        {**effect, "seq": entry["seq"]}
        for entry in entries
        if entry["method"] and entry["vendor"] != "sandbox"
        for effect in entry["effects"]
    ]


def counted(effects: Iterable[Entry]) -> Counter[str]:
    """How many there were of each kind, without those that may be written again, and those that need not be there."""
    return Counter(
        one["effect"]
        for one in effects
        if not one["effect"].endswith(REPEATABLE) and not str(one.get("title", "")).endswith(BY_CHANCE)
    )


def doubled(effects: Iterable[Entry]) -> list[str]:
    """Effects that happened twice: equal in all that isn't made up by the vendor. In words; none is as it should be."""
    seen: Counter[str] = Counter()
    for one in effects:
        if one["effect"].endswith(REPEATABLE):
            continue
        what = {name: value for name, value in one.items() if name not in (*MADE_UP, "seq")}
        seen[json.dumps(what, sort_keys=True)] += 1
    return [f"{count} times {what}" for what, count in seen.items() if count > 1]


def check(pattern: Counter[str], effects: list[Entry], procedures: int) -> tuple[list[str], str]:
    """What is wrong, and what there is beyond an undisturbed procedure's (a mail to a person about the trouble)."""
    found, wrong = counted(effects), doubled(effects)
    for name, each in sorted(pattern.items()):
        if found[name] < each * procedures:
            wrong.append(f"{found[name]} × {name}, and there should be {each * procedures}")
    for name in ("order placed", "envelope sent", "asset created"):
        if found[name] != pattern[name] * procedures:
            wrong.append(f"{found[name]} × {name}, and there should be exactly {pattern[name] * procedures}")
    beyond = {name: count - pattern[name] * procedures for name, count in found.items()}
    return wrong, ", ".join(f"{count} × {name}" for name, count in sorted(beyond.items()) if count > 0)
