"""What an audit reads, and what it finds: subscriptions, papers, procedures and records as they are told apart."""

import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from pydantic import AwareDatetime, Field

from rules.calendar import Calendar
from rules.cover import Held, SignedPaper
from rules.order import Frozen
from rules.settings import Patience

SEATS_USED_FOR = re.compile(r"\b(?P<before>\d+) → (?P<after>\d+) seats of (?P<subscription>[0-9a-fA-F-]{8,36})")
"""How the marker of a confirmed increase names it (S1): `… used for CS-…: 12 → 15 seats of <subscription id>`."""
Links = tuple[tuple[str, str], ...]


class Kind(StrEnum):
    """The kinds of wrong things."""

    WITHOUT_PAPER = "no signed agreement, no open bridge"
    OLDER_WITHOUT_PAPER = "older than Countersign, no paper known"
    ORDERED_OUTSIDE = "ordered outside Countersign"
    SEATS_DIFFER = "other seats than signed"
    TERM_DIFFERS = "another term than signed"
    BRIDGE_NOT_ENDING = "bridge past its cut-off isn't ending"
    RENEWED = "renewed though it was to end"
    RENEWS_SOON = "annual term renews soon"
    REMINDER_FOR_NOTHING = "reminder open for nothing"
    ENVELOPE_OUT_LONG = "agreement out too long"
    WAITS_LONG = "waits longer than its role's patience"
    CANCELLED = "cancelled in Prefect, and nobody goes on"
    ASSET_MISSING = "Application asset missing"
    ASSET_STALE = "Application asset stale"


class Finding(Frozen):
    """One wrong thing: what, at whom, since when, what to do. `subject` tells it from others of its kind."""

    kind: Kind
    subject: str
    customer: str
    what: str
    since: date | None
    action: str
    links: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """What it is known by from one audit to the next."""
        return f"{self.kind.name.lower()}:{self.subject}"


class OpenBridge(Frozen):
    """A bridge under way, by its run's tags. `month_ends` as it was when the run last looked."""

    reference: str
    name: str
    subscriptions: tuple[str, ...]
    month_ends: AwareDatetime
    link: str = ""


class Waiting(Frozen):
    """A procedure that waits for somebody. `patience`: how long that role is given; None: nobody is mailed for it."""

    run_id: str
    name: str
    reference: str
    role: str
    since: AwareDatetime
    patience: Patience | None
    link: str = ""


class Stopped(Frozen):
    """A procedure that somebody cancelled in Prefect, at that real moment: no run goes on with it."""

    run_id: str
    name: str
    reference: str
    at: AwareDatetime
    link: str = ""


class OutEnvelope(Frozen):
    """An agreement that is out for signature. `customer` and `products` as its fields say, if they could be read."""

    envelope_id: str
    reference: str
    sent: AwareDatetime
    customer: str = ""
    products: tuple[str, ...] = ()
    link: str = ""


class Reminder(Frozen):
    """An open reminder ticket of a bridge (B4)."""

    ticket_id: int
    number: str
    reference: str
    company: str
    opened: date | None
    link: str = ""


class Asset(Frozen):
    """An Application asset that names a subscription. `agreement`: what its field for the paper says."""

    asset_id: int
    name: str
    subscription_id: str
    seats: int | None
    term: str
    agreement: str
    link: str = ""


class Ordered(Frozen):
    """The order that a subscription came from, as Pax8 keeps it."""

    order_id: str
    day: date
    by: str


class Markers(Frozen):
    """What Countersign has recorded before each of its writes: the papers used, and seats confirmed by subscription."""

    used: frozenset[str] = frozenset()
    seats: dict[str, int] = Field(default_factory=dict)


class Read(Frozen):
    """What was read for one audit. A part that is None could not be read: what hangs on it isn't judged.

    `missing` says so in words. `since`: the first day of Countersign; None: the owner hasn't said. `terms`: how IT
    Glue calls each term. `customer_signed`: references of procedures whose agreement the customer has signed.
    """

    now: AwareDatetime
    calendar: Calendar
    held: tuple[Held, ...] | None = None
    papers: tuple[SignedPaper, ...] | None = None
    out: tuple[OutEnvelope, ...] | None = None
    customer_signed: frozenset[str] = frozenset()
    markers: Markers | None = None
    reminders: tuple[Reminder, ...] | None = None
    assets: tuple[Asset, ...] | None = None
    bridges: tuple[OpenBridge, ...] | None = None
    guarded: dict[str, bool] = Field(default_factory=dict)
    waiting: tuple[Waiting, ...] | None = None
    stopped: tuple[Stopped, ...] = ()
    orders: dict[str, Ordered] = Field(default_factory=dict)
    missing: tuple[str, ...] = ()
    since: date | None = None
    notice_days: int = 30
    envelope_days: int = 30
    ids_by_name: dict[str, str] = Field(default_factory=dict)
    terms: dict[str, str] = Field(default_factory=dict)
    docusign_url: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every part was read; what else was not looked at is in `missing`."""
        parts = (
            self.held,
            self.papers,
            self.out,
            self.markers,
            self.reminders,
            self.assets,
            self.bridges,
            self.waiting,
        )
        return all(part is not None for part in parts)

    @property
    def today(self) -> date:
        return self.calendar.day_of(self.now)


def markers_of(titles: Iterable[tuple[int, str]], marker: str) -> Markers:
    """What the markers' titles say, oldest note first: which authorities stand used, and confirmed seats (decision 1).

    `<marker> <authority> used for <reference>: …` and `<marker> <authority> not used by <reference>: …`.
    """
    used: dict[str, list[str]] = {}
    seats: dict[str, tuple[str, int]] = {}
    for _, title in sorted(titles):
        authority, _, rest = title.removeprefix(f"{marker} ").partition(" ")
        if rest.startswith("used for "):
            used.setdefault(authority, []).append(rest.removeprefix("used for ").partition(":")[0])
            if (increase := SEATS_USED_FOR.search(rest)) is not None:
                seats[increase["subscription"]] = (authority, int(increase["after"]))
        elif rest.startswith("not used by "):
            freed = rest.removeprefix("not used by ").partition(":")[0]
            used[authority] = [one for one in used.get(authority, []) if one != freed]
    standing = frozenset(authority for authority, by in used.items() if by)
    return Markers(used=standing, seats={one: after for one, (by, after) in seats.items() if by in standing})
