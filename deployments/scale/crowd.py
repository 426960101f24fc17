"""Many at the same time, alone and beside thousands that wait: started until all wait, signed until all are done."""

from deployments.bench.results import Measured
from deployments.bench.workers import Bench
from deployments.scale.house import House
from deployments.scale.rows import Row, row, shares
from deployments.scale.waiting import waiting


def measure_crowd(house: House, customers: range) -> list[Row]:
    """All of these started at once; when all wait, all signed at once. Raises `NotMeasured` unless one order each."""
    others, measured, before = waiting(house), Measured(), house.usage()
    Bench(house.stack).all_at_once(customers, measured)
    used = shares(before, house.usage(), len(customers))
    many, how = len(customers), f"one order each, beside {others:,} others that wait"
    return [
        row(f"{many} started at once → all waiting", measured.all_waiting, "s", how),
        row(f"{many} signed at once → all ordered", measured.all_ordered, "s", how),
        row(f"{many} signed at once → all done", measured.all_done, "s", how),
        row("processor time for one, start to end", used, "s", f"by part, {how}"),
    ]
