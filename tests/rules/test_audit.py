"""The audit's rules: a sound world has no findings, each wrong thing exactly its own, unread parts are not judged."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.agreement import Paper, PaperLine
from rules.audit import authority_of, findings, new_since, suspects
from rules.audited import (
    Asset,
    Kind,
    Markers,
    OpenBridge,
    OutEnvelope,
    Read,
    Reminder,
    Waiting,
    markers_of,
)
from rules.calendar import Calendar
from rules.cover import Held, SignedPaper, covers
from rules.order import Billing, Term
from rules.settings import Patience
from tests.rules.strategies import seats

CALENDAR = Calendar(time_zone="America/New_York", country="US")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = date(2026, 11, 23)
SINCE = date(2026, 1, 1)
DAY = timedelta(days=1)


def held(number: int = 1, **changed: object) -> Held:
    """A monthly subscription of Contoso, begun under Countersign."""
    values: dict[str, object] = {
        "subscription_id": f"sub-{number}",
        "company_id": "contoso",
        "customer": "Contoso Ltd",
        "product_id": f"product-{number}",
        "product_name": f"Product {number}",
        "seats": 5,
        "term": "Monthly",
        "status": "Active",
        "started": date(2026, 9, 10),
        "term_end": date(2026, 12, 10),
    }
    return Held.model_validate({**values, **changed})


def signed(one: Held, number: int = 1, **changed: object) -> SignedPaper:
    """The agreement under which a subscription was bought."""
    values: dict[str, object] = {
        "reference": f"CS-{number}",
        "customer": one.customer,
        "ticket": "T20260901.0001",
        "term": Term(one.term),
        "billing": Billing.MONTHLY,
        "currency": "USD",
        "start": None,
        "end": None,
        "lines": (
            PaperLine(
                row=1,
                product_id=one.product_id,
                product_name=one.product_name,
                seats=one.seats,
                unit_price=Decimal(5),
            ),
        ),
    }
    completed = (one.started or TODAY) - DAY
    paper = Paper.model_validate({**values, **changed})
    return SignedPaper(envelope_id=f"envelope-{number}", completed=completed, paper=paper)


def documented(one: Held, **changed: object) -> Asset:
    values: dict[str, object] = {
        "asset_id": 1,
        "name": one.product_name,
        "subscription_id": one.subscription_id,
        "seats": one.seats,
        "term": {"Monthly": "Monthly", "1-Year": "Annual"}.get(one.term, ""),
        "agreement": "",
    }
    return Asset.model_validate({**values, **changed})


def read(*subscriptions: Held, **changed: object) -> Read:
    """A world in order: each subscription signed, ordered from its paper, and documented."""
    papers = tuple(signed(one, number) for number, one in enumerate(subscriptions, start=1))
    values: dict[str, object] = {
        "now": NOW,
        "calendar": CALENDAR,
        "held": subscriptions,
        "papers": papers,
        "out": (),
        "markers": Markers(used=frozenset(authority_of(one.envelope_id) for one in papers)),
        "reminders": (),
        "assets": tuple(documented(one) for one in subscriptions),
        "bridges": (),
        "waiting": (),
        "since": SINCE,
        "terms": {"Monthly": "Monthly", "1-Year": "Annual"},
    }
    return Read.model_construct(**{**Read(now=NOW, calendar=CALENDAR).__dict__, **values, **changed})


def kinds(world: Read) -> list[Kind]:
    return [one.kind for one in findings(world)]


@st.composite
def subscriptions(draw: st.DrawFn) -> tuple[Held, ...]:
    """Up to eight subscriptions of different products, of any age, none about to renew for a year."""
    found = []
    for number in range(draw(st.integers(0, 8))):
        term = draw(st.sampled_from(list(Term)))
        started = TODAY - draw(st.integers(1, 900)) * DAY
        end = TODAY + draw(st.integers(31, 300)) * DAY
        found.append(held(number, seats=draw(seats), term=term.value, started=started, term_end=end))
    return tuple(found)


@given(subscriptions())
def test_a_world_in_order_has_no_findings(sound: tuple[Held, ...]) -> None:
    """Whatever was sold when: nobody is called for nothing."""
    assert findings(read(*sound)) == ()


@given(subscriptions(), st.integers(0, 7))
def test_a_paper_taken_away_is_one_finding_for_each_of_its_lines(sound: tuple[Held, ...], which: int) -> None:
    """And of that subscription alone."""
    world = read(*sound)
    if which >= len(sound):
        return
    papers = tuple(one for place, one in enumerate(world.papers or ()) if place != which)
    [found] = findings(world.model_copy(update={"papers": papers}))
    old = (sound[which].started or TODAY) < SINCE
    assert found.subject == sound[which].subscription_id
    assert found.kind is (Kind.OLDER_WITHOUT_PAPER if old else Kind.WITHOUT_PAPER)


@given(subscriptions(), st.integers(0, 7), st.integers(-3, 3))
def test_other_seats_than_signed_are_found_exactly_where_they_differ(
    sound: tuple[Held, ...], which: int, more: int
) -> None:
    if which >= len(sound) or sound[which].seats + more < 1:
        return
    world = read(*sound)
    one = sound[which].model_copy(update={"seats": sound[which].seats + more})
    changed = (*sound[:which], one, *sound[which + 1 :])
    assets = tuple(documented(other) for other in changed)
    found = findings(world.model_copy(update={"held": changed, "assets": assets}))
    assert [(f.kind, f.subject) for f in found] == ([(Kind.SEATS_DIFFER, one.subscription_id)] if more else [])


@given(subscriptions(), st.sampled_from(["held", "papers", "bridges", "markers", "assets", "out", "waiting"]))
def test_what_could_not_be_read_is_not_judged(sound: tuple[Held, ...], part: str) -> None:
    """An unread part accuses nobody: neither of a missing paper nor of a missing asset."""
    assert findings(read(*sound).model_copy(update={part: None})) == ()


@given(subscriptions(), st.integers(1, 5))
def test_a_line_of_a_paper_covers_one_subscription_only(sound: tuple[Held, ...], copies: int) -> None:
    """However often it was bought: all but one stand without paper."""
    if not sound:
        return
    first = sound[0]
    twins = tuple(first.model_copy(update={"subscription_id": f"twin-{n}"}) for n in range(copies))
    world = read(*sound)
    covered = covers((*sound, *twins), world.papers or (), {}, {})
    same = [one for one in covered if one.startswith("twin-") or one == first.subscription_id]
    assert len(same) == 1
    assert len(covered) == len(sound)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["R1", "R2"]), st.booleans()), max_size=8))
def test_markers_stand_as_long_as_somebody_holds_them(notes: list[tuple[str, str, bool]]) -> None:
    """Used and freed again in any order, by several references."""
    titles, holders = [], {"a": list[str](), "b": list[str]()}
    for number, (authority, reference, frees) in enumerate(notes):
        word = f"not used by {reference}: why" if frees else f"used for {reference}: 3 × Visio"
        titles.append((number, f"Countersign authority {authority} {word}"))
        kept = [one for one in holders[authority] if one != reference]
        holders[authority] = kept if frees else [*holders[authority], reference]
    assert markers_of(titles, "Countersign authority").used == {one for one, by in holders.items() if by}


def test_a_confirmed_increase_is_expected_and_a_freed_one_is_not() -> None:
    """S1: the marker of a seat confirmation says what the subscription must have now."""
    one = held()
    title = "Countersign authority written:1 used for CS-9: 5 → 8 seats of sub-00001"
    world = read(one.model_copy(update={"subscription_id": "aaaaaaaa", "seats": 8}))
    paper = signed(one)
    increase = markers_of([(1, title.replace("sub-00001", "aaaaaaaa"))], "Countersign authority")
    used = frozenset({authority_of(paper.envelope_id)})
    confirmed = increase.model_copy(update={"used": used | increase.used})
    assert kinds(world.model_copy(update={"papers": (paper,), "markers": confirmed})) == []
    assert kinds(world.model_copy(update={"papers": (paper,), "markers": Markers(used=used)})) == [Kind.SEATS_DIFFER]
    freed = markers_of(
        [(1, title), (2, "Countersign authority written:1 not used by CS-9: refused")], "Countersign authority"
    )
    assert freed.seats == {}


ANNUAL = held(term="1-Year", started=date(2025, 12, 13), term_end=date(2026, 12, 13))
BRIDGE = OpenBridge(
    reference="CS-1", name="bridge", subscriptions=("sub-1",), month_ends=datetime(2026, 11, 27, tzinfo=UTC)
)
YEAR_ON = held(term="1-Year", started=date(2025, 10, 10), term_end=date(2027, 10, 9), last_day=date(2027, 10, 10))
BRIDGED = held(started=date(2026, 10, 27), term_end=date(2026, 11, 26))
OLD = held(started=date(2024, 3, 1), term_end=date(2026, 12, 1))


def without_paper(one: Held, **changed: object) -> Read:
    return read(one, papers=(), assets=(), markers=Markers(), **changed)


WORLDS: dict[str, tuple[Callable[[], Read], list[Kind]]] = {
    "a trial needs no paper": (lambda: without_paper(held(status="Trial")), []),
    "one that is over needs none": (lambda: without_paper(held(status="Cancelled")), []),
    "a booked end that has come": (lambda: without_paper(held(ends=TODAY)), []),
    "an older one named by its asset": (
        lambda: read(OLD, papers=(), assets=(documented(OLD, agreement="folder 12"),)),
        [],
    ),
    "an older one whose asset names nothing": (lambda: read(OLD, papers=()), [Kind.OLDER_WITHOUT_PAPER]),
    "without Countersign's first day all are older": (
        lambda: without_paper(held(), since=None),
        [Kind.OLDER_WITHOUT_PAPER],
    ),
    "another customer's paper": (
        lambda: read(held(), papers=(signed(held(), customer="Fabrikam Inc"),)),
        [Kind.WITHOUT_PAPER],
    ),
    "signed but never ordered from": (lambda: read(held(), markers=Markers()), [Kind.ORDERED_OUTSIDE]),
    "signed for a year, bought monthly": (
        lambda: read(held(), papers=(signed(held(), term=Term.ANNUAL),)),
        [Kind.TERM_DIFFERS],
    ),
    "past the anniversary on which it was signed to end, in the west": (
        lambda: read(YEAR_ON, papers=(signed(YEAR_ON, end=date(2026, 10, 10)),)),
        [Kind.RENEWED],
    ),
    "signed to end a day after that": (
        lambda: read(YEAR_ON, papers=(signed(YEAR_ON, end=date(2026, 10, 11)),)),
        [],
    ),
    "past its signed end": (
        lambda: read(held(), papers=(signed(held(), end=date(2026, 10, 1)),)),
        [Kind.RENEWED],
    ),
    "within the term that reaches its signed end": (
        lambda: read(held(), papers=(signed(held(), end=date(2026, 11, 11)),)),
        [],
    ),
    "an annual one renews in twenty days": (lambda: read(ANNUAL, since=None), [Kind.RENEWS_SOON]),
    "its end is booked": (lambda: read(ANNUAL.model_copy(update={"ends": date(2026, 12, 13)})), []),
    "its renewal agreement is out": (
        lambda: read(
            ANNUAL,
            out=(
                OutEnvelope(
                    envelope_id="e", reference="CS-2", sent=NOW, customer="Contoso Ltd", products=("product-1",)
                ),
            ),
        ),
        [],
    ),
    "a bridge before its cut-off": (
        lambda: without_paper(
            held(started=date(2026, 11, 20), term_end=date(2026, 12, 20)),
            bridges=(BRIDGE.model_copy(update={"month_ends": datetime(2026, 12, 20, tzinfo=UTC)}),),
        ),
        [],
    ),
    "a bridge past it": (lambda: without_paper(BRIDGED, bridges=(BRIDGE,)), [Kind.BRIDGE_NOT_ENDING]),
    "past it, and booked to end": (
        lambda: without_paper(BRIDGED.model_copy(update={"ends": date(2026, 11, 26)}), bridges=(BRIDGE,)),
        [],
    ),
    "past it, and signed by the customer": (
        lambda: without_paper(BRIDGED, bridges=(BRIDGE,), customer_signed=frozenset({"CS-1"})),
        [],
    ),
    "past its month": (
        lambda: without_paper(BRIDGED, bridges=(BRIDGE.model_copy(update={"month_ends": NOW - DAY}),)),
        [Kind.RENEWED],
    ),
    "its booked end is gone, and its guard too": (
        lambda: without_paper(held(), guarded={"sub-1": False}),
        [Kind.RENEWED],
    ),
    "its booked end is guarded": (lambda: without_paper(held(), guarded={"sub-1": True}), []),
    "not documented": (lambda: read(held(), assets=()), [Kind.ASSET_MISSING]),
    "an asset with the wrong term": (
        lambda: read(held(), assets=(documented(held(), term="Annual"),)),
        [Kind.ASSET_STALE],
    ),
    "an asset of a subscription that isn't there": (
        lambda: read(held(), assets=(documented(held()), documented(held(), subscription_id="gone"))),
        [Kind.ASSET_STALE],
    ),
    "an agreement out for 31 days": (
        lambda: read(out=(OutEnvelope(envelope_id="e", reference="CS-2", sent=NOW - 31 * DAY),)),
        [Kind.ENVELOPE_OUT_LONG],
    ),
    "a reminder of no bridge": (
        lambda: read(reminders=(Reminder(ticket_id=1, number="T1", reference="CS-2", company="", opened=TODAY),)),
        [Kind.REMINDER_FOR_NOTHING],
    ),
}


@pytest.mark.parametrize("what", WORLDS)
def test_each_wrong_thing_is_told_as_what_it_is(what: str) -> None:
    """One finding a wrong thing, of its own kind, with an action; and none where all is well."""
    world, expected = WORLDS[what]
    found = findings(world())
    assert [one.kind for one in found] == expected
    assert all(one.action and one.what for one in found)


@given(st.integers(0, 30), st.integers(1, 9))
def test_a_wait_is_too_long_once_its_roles_patience_is_over(days: int, patience: int) -> None:
    """Business days, by the MSP's calendar; what nobody is mailed for waits as long as it must."""
    since = NOW - days * DAY
    one = Waiting(
        run_id="r",
        name="n",
        reference="CS-1",
        role="contracts",
        since=since,
        patience=Patience(remind_after=1, hand_over_after=patience),
    )
    late = CALENDAR.business_moment_after(since, patience) < NOW
    assert kinds(read(waiting=(one,))) == ([Kind.WAITS_LONG] if late else [])
    assert kinds(read(waiting=(one.model_copy(update={"patience": None}),))) == []


def test_a_renewal_agreement_counts_from_the_term_that_began_under_it() -> None:
    """More seats signed for the second year: judged against the new paper once that year has begun."""
    one = held(term="1-Year", started=date(2025, 3, 1), term_end=date(2027, 3, 1), seats=12)
    first, second = signed(one.model_copy(update={"seats": 10})), signed(one, 2)
    second = second.model_copy(update={"completed": date(2026, 2, 20)})
    assert covers((one,), (first, second), {}, {})["sub-1"].line.seats == 12
    same = one.model_copy(update={"seats": 10})
    assert covers((same,), (first, second), {}, {})["sub-1"].signed.envelope_id == "envelope-2"


def test_only_what_is_new_is_new() -> None:
    """By kind and subject; the words may change from one audit to the next."""
    [one] = findings(without_paper(held()))
    assert new_since((one,), {}) == (one,)
    assert new_since((one.model_copy(update={"what": "other words"}),), {one.key: ""}) == ()
    assert suspects((one,), without_paper(held())) == {"sub-1": "contoso"}
