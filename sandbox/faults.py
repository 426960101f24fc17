"""Faults on demand: which of the coming requests goes wrong, and how."""

import re
from dataclasses import asdict, dataclass
from typing import Literal, get_args
from uuid import uuid4

from sandbox.store import Record, Store

Kind = Literal["403", "408", "422", "429", "500-before", "500-after", "drop-before", "drop-after", "slow"]


@dataclass(frozen=True)
class Fault:
    """One ordered misfortune.

    `vendor` and `method` None match any; `path` is a regular expression searched for in the whole path
    ("/pax8/v1/orders$"). It strikes `times` matching requests after letting `skip` of them pass.
    "before", 403, 408, 422, 429: nothing was done; "after": done, but the caller isn't told. `seconds` is for "slow"
    (waits first).
    """

    kind: Kind
    vendor: str | None = None
    method: str | None = None
    path: str = ""
    times: int = 1
    skip: int = 0
    retry_after: float | None = None
    seconds: float = 0

    def matches(self, vendor: str, method: str, path: str) -> bool:
        """Whether this request is of the kind the fault waits for."""
        return (
            self.vendor in (None, vendor)
            and (self.method is None or self.method.upper() == method)
            and re.search(self.path, path) is not None
        )


class Faults:
    """The faults still to strike, kept over a restart, struck in the order in which they were ordered."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def order(self, wanted: Record) -> Record:
        """Takes a fault as the control request gives it; ValueError names what is wrong with it."""
        unknown = set(wanted) - set(Fault.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown fault field: {', '.join(sorted(unknown))}")
        if wanted.get("kind") not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}")
        try:
            re.compile(str(wanted.get("path", "")))
        except re.error as bad:
            raise ValueError(f"path is no regular expression: {bad}") from bad
        key = str(uuid4())
        number = self._store.next_number("faults")
        return self._store.put("sandbox.faults", key, {"id": key, "number": number, **asdict(Fault(**wanted))})

    def waiting(self) -> list[Record]:
        """The faults that have strikes left."""
        return sorted(self._store.all("sandbox.faults"), key=lambda fault: fault["number"])

    def cancel(self, key: str | None = None) -> None:
        """Takes back one fault, or all."""
        for fault in self.waiting():
            if key in (None, fault["id"]):
                self._store.delete("sandbox.faults", fault["id"])

    def strike(self, vendor: str, method: str, path: str) -> Fault | None:
        """The fault that hits this request, used up by one; None if it is spared."""
        for kept in self.waiting():
            fault = Fault(**{k: v for k, v in kept.items() if k not in ("id", "number")})
            if not fault.matches(vendor, method, path):
                continue
            if fault.skip:
                self._store.put("sandbox.faults", kept["id"], {**kept, "skip": fault.skip - 1})
                continue
            if fault.times <= 1:
                self._store.delete("sandbox.faults", kept["id"])
            else:
                self._store.put("sandbox.faults", kept["id"], {**kept, "times": fault.times - 1})
            return fault
        return None
