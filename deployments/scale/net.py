"""One round of the net over many that wait, some of them missed: its calls, its seconds."""

import re
import time
from typing import Any

from deployments.player import WentWrong
from deployments.scale.house import House
from deployments.scale.rows import Row, row, shares

PATIENCE = 1800.0


def measure_net(house: House, missed: list[str]) -> list[Row]:
    """The envelopes of `missed` are completed, and no webhook comes: one round finds them all."""
    waiting = house.count(state={"type": {"any_": ["PAUSED"]}})
    house.reconcile()  # the first look reads 90 days back; the one measured reads on from there
    rows = [quiet_round(house, waiting)]
    house.sandbox.post("/connect", json={"mode": "lost"}).raise_for_status()
    for run in missed:
        house.player.sign(house.player.envelope_of(house.player.run(run)))
    since = house.last_entry()
    began = time.monotonic()
    net = house.reconcile()
    asked = [one["query"] for one in house.calls("docusign", since) if one["path"].endswith("/envelopes")]
    pages = sum(1 for query in asked if "from_date" in query and "custom_field" not in query)
    until_awake = time.monotonic() - began
    set_right = re.match(r"(\d+) things set right", str(net["state"]["message"]))
    if set_right is None or int(set_right[1]) < len(missed):  # more: confirmations of orders that were quick
        raise WentWrong(f"{len(missed)} were missed, and the net says: {net['state']['message']}")
    wait_until_ordered(house, missed)
    until_done = time.monotonic() - began
    house.sandbox.post("/connect", json={"mode": "normal"}).raise_for_status()
    orders = len(house.player.effects_of("order placed"))
    how = f"{waiting:,} wait, {len(missed)} signed, their webhooks lost"
    rows += [
        row("the net with missed signatures", net["total_run_time"], "s", f"{how}; {until_awake:.1f} s with its start"),
        row("DocuSign's list", pages, "calls", "pages of what has changed since the last look"),
        row("all missed ones ordered and done", until_done, "s", f"{orders} orders, from the net's start on"),
    ]
    return rows


def quiet_round(house: House, waiting: int) -> Row:
    """A round that finds nothing."""
    before = house.usage()
    net = house.reconcile()
    used = shares(before, house.usage(), 1)
    how = f"{waiting:,} wait; {net['state']['message']} Processor seconds: {used}"
    return row("the net, nothing missed", net["total_run_time"], "s", how)


def wait_until_ordered(house: House, runs: list[str]) -> None:
    """Until all these are completed. Raises `WentWrong`."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found: list[dict[str, Any]] = house.prefect.post(
            "/flow_runs/filter", json={"flow_runs": {"id": {"any_": runs}}, "limit": 200}
        ).json()
        if all(run["state"]["type"] == "COMPLETED" for run in found):
            return
        stuck = [run for run in found if run["state"]["type"] in ("FAILED", "CANCELLED")]
        if stuck:
            raise WentWrong(f"{stuck[0]['name']} ended as {stuck[0]['state']['name']}: {stuck[0]['state']['message']}")
        time.sleep(1)
    raise WentWrong(f"not all of {len(runs)} are done after {PATIENCE:.0f} s")
