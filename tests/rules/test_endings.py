"""What may end a bridge or a subscription: unsigned at the cut-off, dead paper, a successor, a wish (B7, Y5, P18)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.authority import FRESH, NotCovered
from rules.calendar import Calendar
from rules.endings import AgreementDead, DroppedEnd, EndRequest, Successor, Superseded, UnsignedAtCutoff
from rules.envelope import EnvelopeReading
from rules.order import Billing, Term
from rules.written import Written
from tests.rules.examples import (
    ADA,
    CLIENT,
    COUNTERSIGNER,
    MSP,
    ROWS,
    US,
    agreement,
    persons_reading,
    reading,
    signer,
    terms,
    written,
)
from tests.rules.strategies import bridge_months, calendars, moments_between

END = datetime(2026, 12, 22, tzinfo=UTC)
CUT_OFF = US.cut_off(date(2026, 12, 21))
AT = CUT_OFF + timedelta(minutes=1)
ANNUAL = terms(term=Term.ANNUAL, billing=Billing.MONTHLY)
MONTH = timedelta(days=30)
SECOND = timedelta(seconds=1)
NOTHING: dict[str, Any] = {}
Ending = UnsignedAtCutoff | AgreementDead | Superseded | EndRequest | DroppedEnd

outstanding = signer(status="delivered", signed_at=None)


def unsigned(**changes: Any) -> EnvelopeReading:
    """The envelope that Ada has opened and not signed, as read just before the end is booked."""
    plain = {"status": "delivered", "completed_at": None, "read_at": AT, "signers": (outstanding, COUNTERSIGNER)}
    return reading(**{**plain, **changes})


def dead(**changes: Any) -> EnvelopeReading:
    """The envelope that was voided before Ada signed it."""
    return unsigned(**{"status": "voided", "voided_reason": "Envelope has expired.", **changes})


def at_cut_off(**changes: Any) -> UnsignedAtCutoff:
    """The end of the bridge, a minute after its cut-off."""
    plain: dict[str, Any] = {
        "reference": "CS-0001",
        "subscription_id": "s-1",
        "readings": (unsigned(),),
        "client_role": CLIENT,
        "calendar": US,
        "commitment_end": END,
        "at": AT,
    }
    return UnsignedAtCutoff.model_validate({**plain, **changes})


def of_dead_paper(**changes: Any) -> AgreementDead:
    """The end of the bridge, ten days before its cut-off."""
    early = AT - timedelta(days=10)
    plain = {**dict(at_cut_off()), "readings": (dead(read_at=early),), "at": early}
    return AgreementDead.model_validate({**plain, **changes})


def successor(**changes: Any) -> Successor:
    """The annual subscription of Visio Plan 1, active."""
    plain: dict[str, Any] = {
        "subscription_id": "s-2",
        "product_id": "p-visio-1",
        "seats": 3,
        "status": "Active",
        "term": Term.ANNUAL,
        "read_at": END - timedelta(hours=72),
    }
    return Successor.model_validate({**plain, **changes})


def superseded(**changes: Any) -> Superseded:
    """The end of the bridge behind its successor, 72 hours ahead."""
    plain: dict[str, Any] = {
        "agreement": agreement(ANNUAL),
        "subscription_id": "s-1",
        "product_id": "p-visio-1",
        "successor": successor(),
        "commitment_end": END,
        "at": END - timedelta(hours=72),
    }
    return Superseded.model_validate({**plain, **changes})


WISH = written(own_text="Please end Visio by 15 December.", whole_text="Please end Visio by 15 December.", filed=False)


def wish(**changes: Any) -> EndRequest:
    """Ada's wish to end on 15 December, in the term that reaches it."""
    plain: dict[str, Any] = {
        "written": WISH,
        "may_confirm": (ADA,),
        "reading": persons_reading(WISH),
        "subscription_id": "s-1",
        "wished": date(2026, 12, 15),
        "began": END - timedelta(days=30),
        "asked_in": date(2026, 12, 22),
        "commitment_end": END,
        "calendar": US,
        "at": WISH.read_at + timedelta(seconds=20),
    }
    return EndRequest.model_validate({**plain, **changes})


def dropped(**changes: Any) -> DroppedEnd:
    """The end that stood before 12 → 15 seats dropped it, ten days before the term's end."""
    at = END - timedelta(days=10)
    plain: dict[str, Any] = {
        "seats_authority": "written:1",
        "subscription_id": "s-1",
        "before": 12,
        "after": 15,
        "was": END,
        "seats_then": 12,
        "seats_now": 15,
        "is_booked": False,
        "commitment_end": END,
        "read_at": at,
        "at": at,
    }
    return DroppedEnd.model_validate({**plain, **changes})


Builder = Callable[..., Ending]
BUILDERS: dict[str, Builder] = {
    "unsigned at the cut-off": at_cut_off,
    "dead paper": of_dead_paper,
    "superseded": superseded,
    "a customer's wish": wish,
    "dropped by more seats": dropped,
}
every_ending = pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS.keys())


def builds(build: Builder, **changes: Any) -> bool:
    """Whether the authority can be built; one that can covers its end."""
    try:
        one = build(**changes)
    except ValidationError:
        return False
    one.assert_covers_end(one.subscription_id, one.commitment_end)
    return True


# All of them

IDS = {
    "unsigned at the cut-off": "unsigned:CS-0001:end:s-1",
    "dead paper": "unsigned:CS-0001:end:s-1",
    "superseded": "docusign:e-1:end:s-1",
    "a customer's wish": f"{WISH.authority_id}:end:s-1",
    "dropped by more seats": "written:1:end:s-1",
}


@pytest.mark.parametrize("name", BUILDERS)
def test_one_evidence_ends_one_subscription_once(name: str) -> None:
    """Its id names both; the two ways in which a bridge goes unsigned are one ending."""
    one = BUILDERS[name]()
    one.assert_covers_end("s-1", END)
    one.assert_covers_end("s-1", datetime.fromisoformat("2026-12-21T19:00:00-05:00"))
    assert one.authority_id == IDS[name]


@every_ending
def test_another_subscription_is_refused(build: Builder) -> None:
    """Exact ids, as everywhere."""
    for other in ("s-2", "S-1", "", " s-1"):
        with pytest.raises(NotCovered):
            build().assert_covers_end(other, END)


@every_ending
@given(off=st.timedeltas().filter(bool).filter(lambda off: abs(off) < timedelta(days=3000)))
def test_another_moment_is_refused(build: Builder, off: timedelta) -> None:
    """P18: not a microsecond before the term's end, nor after."""
    with pytest.raises(NotCovered, match="P18"):
        build().assert_covers_end("s-1", END + off)


@every_ending
def test_a_moment_without_a_zone_is_refused(build: Builder) -> None:
    """When it is built, when it is asked, and when it was smuggled in."""
    naive = END.replace(tzinfo=None)
    assert not builds(build, commitment_end=naive)
    assert not builds(build, at=naive)
    with pytest.raises(NotCovered):
        build().assert_covers_end("s-1", naive)
    with pytest.raises(NotCovered):
        build().model_copy(update={"commitment_end": naive}).assert_covers_end("s-1", naive)


@every_ending
def test_a_stored_one_is_checked_when_it_is_loaded(build: Builder) -> None:
    """Persisted and read back it is the same; tampered with, it isn't one any more."""
    one = build()
    stored = one.model_dump(mode="json")
    assert type(one).model_validate(stored) == one
    stored["at"] = "2027-01-22T00:00:00Z"
    with pytest.raises(ValidationError):
        type(one).model_validate(stored)


@every_ending
def test_what_no_model_would_hold_ends_nothing(build: Builder) -> None:
    """Fields that are missing or of the wrong kind."""
    one = build()
    for name in type(one).model_fields:
        with pytest.raises(NotCovered):
            one.model_copy(update={name: None}).assert_covers_end("s-1", END)
    with pytest.raises(NotCovered):
        type(one).model_construct(**NOTHING).assert_covers_end("s-1", END)


# What each can't be built from


def of_an_envelope(envelope: Callable[..., EnvelopeReading]) -> dict[str, dict[str, Any]]:
    """What keeps a bridge from ending unsigned, at its cut-off or on dead paper."""
    return {
        "no envelope was read": {"readings": ()},
        "read too long ago": {"readings": (envelope(read_at=AT - FRESH - SECOND),), "at": AT},
        "one of two read too long ago": {
            "readings": (envelope(), envelope(envelope_id="e-2", read_at=AT - FRESH - SECOND)),
            "at": AT,
        },
        "read after it was decided": {"readings": (envelope(read_at=AT + SECOND),), "at": AT},
        "the envelope of another": {"readings": (envelope(reference="CS-0002"),), "at": AT},
        "the bridge's own reference": {"readings": (envelope(reference="CS-0001/bridge"),), "at": AT},
        "an envelope of nobody's": {"readings": (envelope(reference=""),), "at": AT},
        "one of two of another": {"readings": (envelope(), envelope(reference="CS-0002")), "at": AT},
        "completed": {"readings": (reading(read_at=AT),), "at": AT},
        "completed without its time": {"readings": (envelope(status="completed"),), "at": AT},
        "only ours outstanding": {
            "readings": (envelope(signers=(signer(), signer(role=MSP, status="sent", signed_at=None))),),
            "at": AT,
        },
        "one of two signed": {"readings": (envelope(), envelope(envelope_id="e-2", signers=(signer(),))), "at": AT},
        "the term has ended": {"readings": (envelope(read_at=END),), "at": END},
        "no reference": {"reference": "", "readings": (envelope(reference=""),), "at": AT},
        "no subscription": {"subscription_id": "", "readings": (envelope(),), "at": AT},
        "no role": {"client_role": "", "readings": (envelope(),), "at": AT},
    }


def early() -> dict[str, dict[str, Any]]:
    """What isn't the cut-off yet."""
    before = CUT_OFF - SECOND
    return {
        "a second before the cut-off": {"readings": (unsigned(read_at=before),), "at": before},
        "read before the cut-off": {"readings": (unsigned(read_at=before),)},
        "a term that ends a business day later": {"commitment_end": END + timedelta(days=1)},
        "a calendar further west": {"calendar": Calendar(time_zone="Pacific/Honolulu", country="US")},
    }


def alive() -> dict[str, dict[str, Any]]:
    """Paper that can still be signed."""
    statuses = ("created", "sent", "delivered", "signed", "processing", "correct", "timedout", "", "Voided")
    return {
        **{f"'{status}'": {"readings": (dead(status=status),), "at": AT} for status in statuses},
        "one of two alive": {"readings": (dead(), unsigned(envelope_id="e-2")), "at": AT},
    }


def not_behind_it() -> dict[str, dict[str, Any]]:
    """What is no successor, or comes too late."""
    at, latest = END - timedelta(hours=72), END - timedelta(hours=48)
    without_ids = {k: "" if k.startswith("ProductId") else v for k, v in ANNUAL.fields(ROWS).items()}
    statuses = ("Trial", "PendingManual", "WaitingForDetails", "Cancelled", "active", "ACTIVE", "")
    return {
        "a monthly paper": {"agreement": agreement()},
        "a paper without ids": {"agreement": agreement(ANNUAL, reading=reading(ANNUAL, fields=without_ids))},
        "the bridge itself": {"successor": successor(subscription_id="s-1")},
        "another product": {"successor": successor(product_id="p-pbi-pro")},
        "another product with its own seats": {"successor": successor(product_id="p-pbi-pro", seats=12)},
        "another product's bridge": {"product_id": "p-pbi-pro"},
        "a product that wasn't signed": {"product_id": "p-other", "successor": successor(product_id="p-other")},
        "a monthly successor": {"successor": successor(term=Term.MONTHLY)},
        "a successor of unknown term": {"successor": successor(term=None)},
        "a seat fewer": {"successor": successor(seats=2)},
        "a seat more": {"successor": successor(seats=4)},
        "read too long ago": {"successor": successor(read_at=at - FRESH - SECOND)},
        "read after it was decided": {"successor": successor(read_at=at + SECOND)},
        "under 48 hours": {"successor": successor(read_at=latest), "at": latest + SECOND},
        **{f"'{status}'": {"successor": successor(status=status)} for status in statuses},
    }


def no_wish() -> dict[str, dict[str, Any]]:
    """What is nobody's wish, or not yet this term's."""
    return {
        "an automatic message": {"written": WISH.model_copy(update={"automatic": True})},
        "one of ours wrote it": {"written": WISH.model_copy(update={"from_us": True})},
        "a stranger": {"written": WISH.model_copy(update={"sender": "eve@evil.example"})},
        "nobody may": {"may_confirm": ()},
        "may sign only": {"may_confirm": (ADA.model_copy(update={"may_confirm": False}),)},
        "another message was read": {"reading": persons_reading(WISH.model_copy(update={"stable_id": "note:402"}))},
        "another text was read": {"written": WISH.model_copy(update={"whole_text": "Please end Visio in 2030."})},
        "read before it came in": {"reading": persons_reading(WISH, at=WISH.received_at - SECOND)},
        "read by a person after the decision": {"reading": persons_reading(WISH, at=WISH.read_at + FRESH)},
        "fetched too long ago": {"at": WISH.read_at + FRESH + SECOND},
        "fetched after the decision": {"at": WISH.read_at - SECOND},
        "an earlier term renews": {"wished": date(2026, 12, 23)},
        "it has renewed since": {"began": datetime(2026, 12, 15, tzinfo=UTC), "asked_in": date(2026, 12, 15)},
        "a zone in which it is that day, but not the moment": {
            "wished": date(2026, 12, 23),
            "calendar": Calendar(time_zone="Pacific/Auckland", country="NZ"),
        },
    }


def not_dropped() -> dict[str, dict[str, Any]]:
    """What our own change of seats didn't drop."""
    return {
        "an end is booked": {"is_booked": True},
        "no end stood before": {"was": END - timedelta(days=31)},
        "the end of a later term": {"was": END + timedelta(days=31)},
        "a second off": {"was": END - SECOND},
        "not changed yet": {"seats_now": 12},
        "fewer than ours": {"seats_now": 14},
        "another change's snapshot": {"seats_then": 11},
        "no increase": {"before": 15, "seats_then": 15},
        "no authority": {"seats_authority": ""},
        "read too long ago": {"at": END - timedelta(days=10) + FRESH + SECOND},
        "read after the decision": {"at": END - timedelta(days=10) - SECOND},
        "the term has ended": {"at": END, "read_at": END},
    }


REFUSED: dict[str, dict[str, dict[str, Any]]] = {
    "unsigned at the cut-off": {**of_an_envelope(unsigned), **early()},
    "dead paper": {**of_an_envelope(dead), **alive()},
    "superseded": not_behind_it(),
    "a customer's wish": no_wish(),
    "dropped by more seats": not_dropped(),
}
each_refused = pytest.mark.parametrize(
    ("name", "changes"),
    [(name, changes) for name, refused in REFUSED.items() for changes in refused.values()],
    ids=[f"{name}: {why}" for name, refused in REFUSED.items() for why in refused],
)


@each_refused
def test_it_cannot_be_built_from_anything_less(name: str, changes: dict[str, Any]) -> None:
    """Pydantic refuses."""
    with pytest.raises(ValidationError):
        BUILDERS[name](**changes)


@each_refused
def test_smuggled_past_its_own_check_it_ends_nothing(name: str, changes: dict[str, Any]) -> None:
    """A copy or a bare construction is looked at again before a yes."""
    one = BUILDERS[name]()
    for smuggled in (one.model_copy(update=changes), type(one).model_construct(**{**dict(one), **changes})):
        with pytest.raises(NotCovered, match="Nothing was booked"):
            smuggled.assert_covers_end(smuggled.subscription_id, smuggled.commitment_end)


def test_a_check_that_is_forged_within_is_found() -> None:
    """A signature hidden deep inside, on a copy of a copy."""
    signed = unsigned().model_copy(update={"signers": (signer(),)})
    with pytest.raises(NotCovered, match="has signed"):
        at_cut_off().model_copy(update={"readings": (signed,)}).assert_covers_end("s-1", END)
    unsigned_paper = agreement(ANNUAL).model_copy(update={"reading": reading(ANNUAL, status="sent")})
    with pytest.raises(NotCovered, match="not completed"):
        superseded().model_copy(update={"agreement": unsigned_paper}).assert_covers_end("s-1", END)


# Unsigned at the cut-off, and dead paper


@given(bridge_months(), st.timedeltas(timedelta(days=-3), timedelta(days=20)))
def test_an_unsigned_bridge_ends_from_the_cut_off_until_its_end(
    month: tuple[Calendar, date, datetime], after: timedelta
) -> None:
    """B7: by any calendar, on any month; not a microsecond before."""
    calendar, _, end = month
    cut_off = calendar.cut_off(calendar.term_end(end))
    for at in (cut_off + after, cut_off, cut_off - timedelta(microseconds=1), end, end - timedelta(microseconds=1)):
        changes = {"calendar": calendar, "commitment_end": end, "at": at, "readings": (unsigned(read_at=at),)}
        assert builds(at_cut_off, **changes) == (cut_off <= at < end)


@given(bridge_months(), st.timedeltas(timedelta(days=-40), timedelta(days=3)))
def test_dead_paper_ends_a_bridge_whenever_it_is(month: tuple[Calendar, date, datetime], after: timedelta) -> None:
    """Nothing can be signed any more: the cut-off makes no difference, the end does."""
    calendar, _, end = month
    at = end + after
    changes = {"calendar": calendar, "commitment_end": end, "at": at, "readings": (dead(read_at=at),)}
    assert builds(of_dead_paper, **changes) == (at < end)


envelope_statuses = st.sampled_from(["sent", "delivered", "signed", "completed", "declined", "voided", "deleted"])
signers = st.lists(
    st.tuples(st.sampled_from([CLIENT, MSP]), st.sampled_from(["sent", "delivered", "completed", "declined"])),
    max_size=3,
)


@pytest.mark.parametrize("status", ["voided", "declined", "deleted"])
def test_a_signature_on_an_edition_that_another_replaced_keeps_nothing(status: str) -> None:
    """B7, Y4: he signed annual, changed his mind, and never signed monthly: it ends, early too where both are dead."""
    first = dead(status=status, signers=(signer(), COUNTERSIGNER.model_copy(update={"status": "sent"})))
    assert not builds(at_cut_off, readings=(first,)), "ours took it away, and nothing stands in its place"
    assert builds(at_cut_off, readings=(first, unsigned(envelope_id="e-2", edition=2)))
    assert builds(of_dead_paper, readings=(first, dead(envelope_id="e-2", edition=2)), at=AT)
    assert not builds(at_cut_off, readings=(first, unsigned(envelope_id="e-2", edition=2, signers=(signer(),))))
    assert not builds(at_cut_off, readings=(first, unsigned(envelope_id="e-2", edition=2, reference="CS-0002")))
    alive = first.model_copy(update={"status": "delivered"})
    assert not builds(at_cut_off, readings=(alive, unsigned(envelope_id="e-2", edition=2)))
    done = reading(read_at=AT)
    assert not builds(at_cut_off, readings=(done, unsigned(envelope_id="e-2", edition=2))), "completed binds"


@given(st.lists(st.tuples(envelope_statuses, signers), max_size=3))
def test_one_signature_of_the_customer_keeps_the_bridge(envelopes: list[tuple[str, list[tuple[str, str]]]]) -> None:
    """Whatever the envelopes are: any that the customer completed, none that was read, or one alive for dead paper."""
    readings = tuple(
        unsigned(status=status, signers=tuple(signer(role=role, status=one) for role, one in people))
        for status, people in envelopes
    )
    done = [
        status == "completed"
        or (CLIENT in dict(people) and all(state == "completed" for role, state in people if role == CLIENT))
        for status, people in envelopes
    ]
    legal = bool(readings) and not any(done)
    assert builds(at_cut_off, readings=readings) == legal
    no_more = all(status in ("voided", "declined", "deleted") for status, _ in envelopes)
    assert builds(of_dead_paper, readings=readings, at=AT) == (legal and no_more)


@given(st.lists(st.timedeltas(timedelta(minutes=-8), timedelta(minutes=8)), min_size=1, max_size=3))
def test_every_envelope_counts_as_read_just_before(ages: list[timedelta]) -> None:
    """Each of them, for five minutes; and for the cut-off none that was read before it."""
    at = CUT_OFF + timedelta(days=1)
    fresh = all(timedelta(0) <= age <= FRESH for age in ages)
    assert builds(at_cut_off, at=at, readings=tuple(unsigned(read_at=at - age) for age in ages)) == fresh
    assert builds(of_dead_paper, at=at, readings=tuple(dead(read_at=at - age) for age in ages)) == fresh
    at = CUT_OFF + timedelta(minutes=2)
    since = all(timedelta(0) <= age <= timedelta(minutes=2) for age in ages)
    assert builds(at_cut_off, at=at, readings=tuple(unsigned(read_at=at - age) for age in ages)) == since


def test_both_ends_of_freshness_count() -> None:
    """Read at the very moment, or exactly five minutes before."""
    at = CUT_OFF + FRESH
    assert builds(at_cut_off, at=at, readings=(unsigned(read_at=at), unsigned(read_at=CUT_OFF)))


def test_before_the_cut_off_it_is_told_until_when_it_may_be_signed() -> None:
    """With hour and zone."""
    with pytest.raises(ValidationError, match="cut-off is Monday 14 December 2026, 23:59 EST"):
        at_cut_off(at=CUT_OFF - SECOND, readings=(unsigned(read_at=CUT_OFF - SECOND),))


def test_a_declined_or_expired_envelope_is_unsigned_at_the_cut_off_too() -> None:
    """Whatever became of it: the customer hasn't signed."""
    for status in ("declined", "voided", "deleted", "sent", "created"):
        assert builds(at_cut_off, readings=(unsigned(status=status),))


# Superseded


@given(st.timedeltas(timedelta(days=-40), timedelta(days=3)))
def test_the_bridge_is_booked_to_end_at_least_48_hours_ahead(after: timedelta) -> None:
    """Y5: later a person must act."""
    for at in (END + after, END - timedelta(hours=48), END - timedelta(hours=48) + timedelta(microseconds=1)):
        assert builds(superseded, at=at, successor=successor(read_at=at)) == (END - at >= timedelta(hours=48))


@given(
    st.sampled_from(["s-1", "s-2"]),
    st.sampled_from(["p-visio-1", "p-pbi-pro", "p-other"]),
    st.sampled_from([3, 12]),
    st.sampled_from(["Active", "Active", "Provisioning", "Cancelled"]),
    st.sampled_from([Term.ANNUAL, Term.ANNUAL, Term.MONTHLY, None]),
    st.sampled_from(["p-visio-1", "p-pbi-pro", "p-other"]),
    st.sampled_from(list(Term)),
)
def test_a_bridge_ends_exactly_behind_what_was_signed_for(
    subscription: str, product: str, seats: int, status: str, term: Term | None, bridge: str, paper: Term
) -> None:
    """Y5, never cancel first: active, annual, the bridge's product, as many seats as signed."""
    legal = (
        paper is Term.ANNUAL
        and subscription != "s-1"
        and product == bridge
        and (product, seats) in (("p-visio-1", 3), ("p-pbi-pro", 12))
        and status == "Active"
        and term is Term.ANNUAL
    )
    changes = {"subscription_id": subscription, "product_id": product, "seats": seats, "status": status, "term": term}
    signed = agreement(terms(term=paper))
    assert builds(superseded, agreement=signed, product_id=bridge, successor=successor(**changes)) == legal


# A customer's wish


def last_day(moment: datetime, calendar: Calendar) -> date:
    """The later of the day in UTC and the MSP's."""
    return max(moment.date(), moment.astimezone(calendar.zone).date())


@given(calendars(), moments_between(date(2027, 1, 2), date(2029, 1, 1)), st.integers(-60, 60), st.integers(-400, 3))
def test_a_wish_is_fulfilled_in_the_term_that_reaches_it(
    calendar: Calendar, end: datetime, away: int, asked: int
) -> None:
    """P18: on the day itself, in UTC or at the MSP's, or after it; a term that ends before in both renews.

    A later term than the one that reaches it is nobody's wish, but for the term that ran when the customer was asked.
    """
    wished, asked_in, began = end.date() + timedelta(days=away), end.date() + timedelta(days=asked), end - MONTH
    reached = wished <= last_day(end, calendar)
    over = wished <= last_day(began, calendar) and asked_in < last_day(end, calendar)
    changes = {"commitment_end": end, "began": began, "calendar": calendar, "wished": wished, "asked_in": asked_in}
    assert builds(wish, **changes) == (reached and not over)


@given(st.timedeltas(timedelta(minutes=-8), timedelta(minutes=8)))
def test_a_wish_counts_as_read_just_before(age: timedelta) -> None:
    """For five minutes, like all evidence."""
    assert builds(wish, at=WISH.read_at + age) == (timedelta(0) <= age <= FRESH)


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_wish_is_always_read_by_a_person(text: str, read: str) -> None:
    """No sentence ends a subscription by itself, and a reading is of one text."""
    said: Written = WISH.model_copy(update={"own_text": text, "whole_text": text})
    reader = persons_reading(WISH.model_copy(update={"whole_text": read}))
    assert builds(wish, written=said, reading=reader) == (text == read)
    assert not builds(wish, written=said, reading=None)


def test_a_wish_after_the_terms_end_books_nothing() -> None:
    """The term has renewed by then: it is read anew."""
    end = datetime.combine(WISH.read_at.date(), time(0), UTC)
    assert not builds(wish, commitment_end=end, term_end=end.date(), wished=date(2026, 1, 1))
