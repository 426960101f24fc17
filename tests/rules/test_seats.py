"""More seats: exactly what was confirmed, of exactly one subscription, once; and what became of it (S1 to S3)."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.audited import SEATS_USED_FOR
from rules.authority import FRESH, NotCovered
from rules.calendar import Calendar, term_end_after
from rules.order import Billing, Term
from rules.people import AuthorisedContact, Person
from rules.request import MOST_SEATS, Customer
from rules.seats import (
    Acknowledged,
    Became,
    HeldSeats,
    SeatConfirmation,
    SeatsNow,
    SeatsOffer,
    SeatsReading,
    check_increase,
    judge_seats,
    running_period,
    says_both,
    what_became,
    why_not_enough,
)
from rules.wishes import EndWish, end_after
from rules.written import Verdict, Written, WrittenKind
from tests.rules.examples import ADA, NOW, READ_AT, persons_reading
from tests.rules.examples import written as bridge_reply
from tests.rules.strategies import awkward_starts, calendars, names

MONTHLY = HeldSeats(subscription_id="s-m", product_id="p-1", seats=12, term=Term.MONTHLY, renews=date(2026, 12, 3))
ANNUAL = HeldSeats(
    subscription_id="s-y",
    product_id="p-1",
    seats=15,
    term=Term.ANNUAL,
    renews=date(2027, 3, 17),
    price=Decimal("22.00"),
)
ASKED = NOW - timedelta(days=1)
SECOND = timedelta(seconds=1)
TOM = Person(name="Tom Tech", email="tom@northgate.example")
CONTOSO = Customer(
    autotask_id=175,
    name="Contoso Ltd",
    domain="contoso.example",
    pax8_id="c-1",
    itglue_id=1,
    tenant_id="t",
    tenant_source="IT Glue",
    gdap_active=True,
)


def offer(**changes: Any) -> SeatsOffer:
    """Three more Premium, as Ada was asked by mail yesterday; she has one subscription of it."""
    plain: dict[str, Any] = {
        "reference": "CS-0001",
        "round": 1,
        "product_name": "Premium",
        "added": 3,
        "choices": (MONTHLY,),
        "currency": "USD",
        "sent_at": ASKED,
        "conversation_id": "conversation-1",
    }
    return SeatsOffer.model_validate({**plain, **changes})


BOTH = offer(choices=(MONTHLY, ANNUAL))


def reply(to: SeatsOffer | None = None, choice: HeldSeats = MONTHLY, **changes: Any) -> Written:
    """Ada's answer with the sentence of that choice."""
    sentence = (to or offer()).sentence(choice)
    return bridge_reply(**{"own_text": f"{sentence}\n\nAda", "whole_text": f"{sentence}\n\nAda", **changes})


def note(text: str, **changes: Any) -> Written:
    """What Ada wrote on the ticket by herself."""
    plain = {"kind": WrittenKind.NOTE, "stable_id": "note:7", "conversation_id": "", "own_text": text}
    return bridge_reply(**{**plain, "whole_text": text, **changes})


def read(of: Written, choice: HeldSeats = MONTHLY, added: int = 3, **changes: Any) -> SeatsReading:
    """Tom read it in full: it confirms this increase."""
    plain = {"subscription_id": choice.subscription_id, "before": choice.seats, "after": choice.seats + added}
    return SeatsReading.model_validate({**dict(persons_reading(of)), **plain, **changes})


def now(choice: HeldSeats = MONTHLY, **changes: Any) -> SeatsNow:
    """The subscription, read just now."""
    plain = {"subscription_id": choice.subscription_id, "product_id": "p-1", "seats": choice.seats, "term": choice.term}
    return SeatsNow.model_validate({"status": "Active", "read_at": READ_AT, **plain, **changes})


def acknowledged(total: int = 18, **changes: Any) -> Acknowledged:
    return Acknowledged.model_validate(
        {"by": "tom@northgate.example", "at": NOW - SECOND, "subscription_id": "s-y", "total": total, **changes}
    )


def confirmation(**changes: Any) -> SeatConfirmation:
    """12 → 15 of the monthly one, by the sentence."""
    plain: dict[str, Any] = {
        "offer": offer(),
        "written": reply(),
        "may_confirm": (ADA,),
        "not_before": NOW - timedelta(days=30),
        "now": now(),
        "at": NOW,
    }
    return SeatConfirmation.model_validate({**plain, **changes})


def annual(**changes: Any) -> SeatConfirmation:
    """15 → 18 of the annual one of two, by its sentence, acknowledged."""
    plain: dict[str, Any] = {
        "offer": BOTH,
        "written": reply(BOTH, ANNUAL),
        "now": now(ANNUAL),
        "acknowledged": acknowledged(),
    }
    return confirmation(**{**plain, **changes})


def covers(one: SeatConfirmation, subscription_id: str, before: int, after: int) -> bool:
    try:
        one.assert_covers_seats(subscription_id, before, after)
    except NotCovered:
        return False
    return True


def test_the_sentence_says_before_and_after() -> None:
    """S1; and which subscription where there are several, so that the answer says it (S2)."""
    assert offer().sentence(MONTHLY) == "I confirm CS-0001: 12 → 15 × Premium"
    assert BOTH.sentence(MONTHLY) == "I confirm CS-0001: 12 → 15 × Premium (Monthly, renews 2026-12-03)"
    assert BOTH.sentence(ANNUAL) == "I confirm CS-0001: 15 → 18 × Premium (1-Year, renews 2027-03-17)"


def test_the_marker_is_what_the_audit_reads() -> None:
    """A title of the form that `SEATS_USED_FOR` takes apart."""
    found = SEATS_USED_FOR.search("used for CS-0001: 12 → 15 seats of 04814f37-bef0-48b7-b388-c04a1e31f889")
    assert found is not None
    assert (found["before"], found["after"]) == ("12", "15")


held_ones = st.builds(
    HeldSeats,
    subscription_id=st.uuids().map(str),
    product_id=st.just("p-1"),
    seats=st.integers(1, 40),
    term=st.sampled_from(Term),
    billing=st.just(Billing.MONTHLY),
    renews=st.none() | st.dates(date(2026, 12, 1), date(2026, 12, 4)),
    ends=st.none() | st.dates(date(2026, 12, 1), date(2026, 12, 2)),
)
offers = st.builds(
    lambda choices, added, name: offer(choices=tuple(choices), added=added, product_name=name),
    st.lists(held_ones, min_size=1, max_size=4, unique_by=lambda one: one.subscription_id),
    st.integers(1, 40),
    names,
)


@given(offers)
def test_each_choice_has_its_own_sentence(of: SeatsOffer) -> None:
    """However alike two subscriptions are: no sentence stands for two."""
    assert len({of.sentence(one) for one in of.choices}) == len(of.choices)


@given(offers, st.data())
def test_a_sentence_confirms_its_own_increase_and_no_other(of: SeatsOffer, data: st.DataObject) -> None:
    """One subscription, one old and one new total; everything next to it is refused."""
    chosen = data.draw(st.sampled_from(of.choices))
    one = confirmation(
        offer=of,
        written=reply(of, chosen),
        now=now(chosen),
        acknowledged=acknowledged(of.after(chosen), subscription_id=chosen.subscription_id),
    )
    assert covers(one, chosen.subscription_id, chosen.seats, of.after(chosen))
    which = data.draw(st.sampled_from([*[other.subscription_id for other in of.choices], "", "s-other"]))
    before, after = data.draw(st.integers(0, 90)), data.draw(st.integers(0, 90))
    assume((which, before, after) != (chosen.subscription_id, chosen.seats, of.after(chosen)))
    assert not covers(one, which, before, after)


@given(offers, st.data())
def test_what_was_asked_says_which_whoever_reads_it_otherwise(of: SeatsOffer, data: st.DataObject) -> None:
    """S2: the choice stands in the evidence; a reader who names another one changes nothing."""
    chosen, named = data.draw(st.sampled_from(of.choices)), data.draw(st.sampled_from(of.choices))
    assume(chosen != named)
    said = reply(of, chosen)
    with pytest.raises(ValidationError):
        confirmation(offer=of, written=said, reading=read(said, named, of.added), now=now(named))


@given(st.integers(-400, 400), st.booleans(), st.booleans())
def test_evidence_counts_for_as_long_as_the_settings_say(hours: int, filed: bool, stale: bool) -> None:
    """S1: not a moment longer; read just now, and filed."""
    not_before = reply().received_at + timedelta(hours=hours)
    read_at = NOW - FRESH - SECOND if stale else READ_AT
    legal = hours <= 0 and filed and not stale
    try:
        confirmation(not_before=not_before, written=reply(filed=filed, read_at=read_at))
    except ValidationError:
        assert not legal
    else:
        assert legal


@pytest.mark.parametrize(
    ("text", "enough"),
    [
        ("Please 12 -> 15 Premium", True),
        ("We have 12, make it 15.", True),
        ("from 12 to 15 please", True),
        ("15", False),
        ("Please give us 15 Premium", False),
        ("three more", False),
        ("3 more, we have 12", False),
        ("112 → 15", False),
        ("12 → 150", False),
        ("12.5 → 15", False),
        ("12 → 1.500", False),
        ("", False),
    ],
)
def test_one_bare_number_is_not_enough(text: str, enough: bool) -> None:
    """S1: a text that we didn't ask for says before and after itself."""
    said = note(text)
    assert says_both(said, 12, 15) is enough
    assert (why_not_enough(said, offer(), "s-m") is None) is enough


@given(st.text("0123456789 →.,ax", max_size=14), st.integers(1, 60), st.integers(1, 60))
def test_no_text_is_enough_without_both_numbers(text: str, before: int, added: int) -> None:
    """Whatever stands around them: the digits themselves have to be there."""
    after = before + added
    if says_both(note(text), before, after):
        assert str(before) in text and str(after) in text


def test_a_word_of_their_own_is_read_by_a_person() -> None:
    """Never by itself, however clear; a reader's yes makes it count."""
    said = note("Please 12 → 15 Premium. Ada")
    assert judge_seats(said, offer(), (ADA,), ASKED)[0] is Verdict.NEEDS_READING
    with pytest.raises(ValidationError, match="Nobody has read it"):
        confirmation(written=said)
    assert covers(confirmation(written=said, reading=read(said)), "s-m", 12, 15)


def test_an_answer_in_other_words_is_read_by_a_person() -> None:
    """Our mail has said before and after: 'yes please' is enough for who reads it; of several, the named one."""
    said = reply(own_text="yes please", whole_text="yes please")
    assert covers(confirmation(written=said, reading=read(said)), "s-m", 12, 15)
    chosen = reply(BOTH, own_text="the annual ones", whole_text="the annual ones")
    one = annual(written=chosen, reading=read(chosen, ANNUAL))
    assert covers(one, "s-y", 15, 18)
    assert not covers(one, "s-m", 12, 15)


def test_above_the_contacts_limit_it_confirms_nothing() -> None:
    """Roles: the limit of the first term's value, here twelve months of three seats."""
    at_most = ADA.model_copy(update={"first_term_limit": Decimal(792)})
    assert covers(annual(may_confirm=(at_most,)), "s-y", 15, 18)
    with pytest.raises(ValidationError, match="limit"):
        annual(may_confirm=(at_most.model_copy(update={"first_term_limit": Decimal("791.99")}),))
    with pytest.raises(ValidationError, match="limit"):
        confirmation(may_confirm=(at_most,))  # the monthly one has no price


BO = AuthorisedContact(name="Bo Byte", email="bo@contoso.example", may_confirm=True, may_sign=True)
SAID = note("Please 12 → 15 Premium")
NOT_CONFIRMED: dict[str, dict[str, Any]] = {
    "a stranger": {"written": reply(sender="eve@evil.example")},
    "may sign only": {"may_confirm": (ADA.model_copy(update={"may_confirm": False}),)},
    "nobody may": {"may_confirm": ()},
    "an automatic message": {"written": reply(automatic=True)},
    "one of ours": {"written": reply(from_us=True)},
    "not filed": {"written": reply(filed=False)},
    "too old": {"not_before": NOW},
    "fetched too long ago": {"at": NOW + FRESH},
    "seats read too long ago": {"now": now(read_at=NOW - FRESH - SECOND)},
    "seats read after the decision": {"now": now(read_at=NOW + SECOND)},
    "no reply to our mail": {"written": reply(conversation_id="another")},
    "older than our mail": {"offer": offer(sent_at=NOW)},
    "nobody was asked": {"offer": offer(sent_at=None)},
    "another reference's sentence": {"offer": offer(reference="CS-0002")},
    "another number's sentence": {"offer": offer(added=4)},
    "somebody else has added": {"now": now(seats=13)},
    "somebody else has made it": {"now": now(seats=15)},
    "cancelled": {"now": now(status="Cancelled")},
    "another subscription": {"now": now(subscription_id="s-2")},
    "another product": {"now": now(product_id="p-2")},
    "another term": {"now": now(term=Term.ANNUAL)},
    "unknown term": {"now": now(term=None)},
    "the reader read another text": {"written": SAID, "reading": read(note("12 → 15 Visio"))},
    "the reader read other numbers": {"written": SAID, "reading": read(SAID, after=16)},
    "the reader named another one": {"written": SAID, "reading": read(SAID, subscription_id="s-y")},
    "read after the decision": {"written": SAID, "reading": read(SAID, at=NOW + SECOND)},
    "a bare number": {"written": note("15 Premium"), "reading": read(note("15 Premium"))},
}
NOT_ANNUAL: dict[str, dict[str, Any]] = {
    "nobody acknowledged": {"acknowledged": None},
    "another total": {"acknowledged": acknowledged(17)},
    "the seats added": {"acknowledged": acknowledged(3)},
    "another subscription's": {"acknowledged": acknowledged(subscription_id="s-m")},
    "nobody's": {"acknowledged": {**dict(acknowledged()), "by": " "}},
    "after the decision": {"acknowledged": acknowledged(at=NOW + SECOND)},
}
EVERY_NO = [(confirmation, one) for one in NOT_CONFIRMED.values()] + [(annual, one) for one in NOT_ANNUAL.values()]
each_no = pytest.mark.parametrize(("build", "changes"), EVERY_NO, ids=[*NOT_CONFIRMED, *NOT_ANNUAL])


@each_no
def test_it_cannot_be_built_from_anything_less(build: Any, changes: dict[str, Any]) -> None:
    """Pydantic refuses."""
    with pytest.raises(ValidationError):
        build(**changes)


@each_no
def test_smuggled_past_its_own_check_it_changes_nothing(build: Any, changes: dict[str, Any]) -> None:
    """A copy or a bare construction is looked at again before a yes."""
    plain = build()
    which, before, after = plain.choice.subscription_id, plain.before, plain.after
    for one in (plain.model_copy(update=changes), SeatConfirmation.model_construct(**{**dict(plain), **changes})):
        with pytest.raises(NotCovered, match="Nothing was changed"):
            one.assert_covers_seats(which, before, after)


def test_one_word_is_one_authority_wherever_it_is_read() -> None:
    """Its id is the message's: a second use of it, for seats or a bridge, is found."""
    assert confirmation().authority_id == reply().authority_id == reply(source_id="moved").authority_id


# Before → after at launch

several = st.lists(held_ones, max_size=3, unique_by=lambda one: one.subscription_id)


@given(
    st.integers(0, 60), st.integers(0, 60), st.lists(held_ones, max_size=3, unique_by=lambda one: one.subscription_id)
)
def test_only_more_seats_than_there_are_pass(before: int, after: int, held: list[HeldSeats]) -> None:
    """S1: more, from the seats of one of them or of all together."""
    problems = check_increase(before, after, tuple(held))
    known = not held or before in {one.seats for one in held} | {sum(one.seats for one in held)}
    assert (not problems) == (after > before and known)
    assert all(problem.clause == "S1" and problem.way_out for problem in problems)


def test_fewer_seats_are_refused_with_the_rule_and_the_renewal() -> None:
    """Microsoft's rule, and the day on which it can be done."""
    [problem] = check_increase(12, 10, (MONTHLY,))
    assert "fewer" in problem.message and "only at a renewal" in problem.message
    assert "2026-12-03" in problem.way_out
    [too_many] = check_increase(12, MOST_SEATS + 1, (MONTHLY,))
    assert too_many.clause == "P4"


# What became of it, with somebody else in the portal


@given(st.integers(1, 20), st.integers(1, 20), st.lists(st.integers(1, 60), max_size=6), st.data())
def test_what_became_is_seen_whoever_changes_seats_meanwhile(
    before: int, added: int, portal: list[int], data: st.DataObject
) -> None:
    """Any changes in the portal, ours at any moment among them: neither missed nor made over theirs unseen."""
    after = before + added
    ups = sorted({total for total in portal if total > before})  # Pax8 takes no fewer
    at = data.draw(st.none() | st.integers(0, len(ups)))
    if at is None:
        found = what_became(before, after, [before, *ups])
        assert found is (Became.NOT_YET if not ups else found)
        assert (found is Became.CHANGED) == (bool(ups) and after not in ups)
        return
    earlier = ups[:at]
    assume(not earlier or earlier[-1] < after)  # else Pax8 refuses ours as fewer
    totals = [before, *earlier, after, *[total for total in ups[at:] if total > after]]
    found = what_became(before, after, totals)
    assert found is (Became.DONE if not earlier else Became.OVERWRITTEN)


def test_a_snapshot_for_another_reason_is_no_change() -> None:
    """History has a row for every change, of a booked end too."""
    assert what_became(12, 15, [12, 12]) is Became.NOT_YET
    assert what_became(12, 15, [12, 12, 15, 15]) is Became.DONE
    assert what_became(12, 15, []) is Became.NOT_YET


@given(awkward_starts, st.sampled_from([1, 12]), st.integers(0, 800))
def test_the_running_period_holds_the_day(start: date, months: int, after: int) -> None:
    """P15: whatever the start, ends of months included; the next one begins right behind it."""
    on = start + timedelta(days=after)
    first, following = running_period(start, months, on)
    assert first <= on < following
    assert first == start or running_period(start, months, first - timedelta(days=1))[1] == first


@given(awkward_starts, st.sampled_from([1, 12]), st.integers(-60, 900))
def test_the_end_foretold_is_the_first_that_reaches_the_wish(renews: date, months: int, after: int) -> None:
    """P18: no earlier term's, and no later one's."""
    wished = renews + timedelta(days=after)
    ends = end_after(renews, months, wished)
    assert ends >= wished and ends >= renews
    assert ends == renews or end_after(renews, months, wished - timedelta(days=380)) <= ends
    number = round((ends.year - renews.year) * 12 + ends.month - renews.month)
    assert number % months == 0
    if number:
        assert term_end_after(renews, number - months) < wished


@given(calendars(), awkward_starts, st.sampled_from([1, 12]), st.integers(-60, 900))
def test_the_anniversary_is_foretold_as_the_calendar_books_it(
    calendar: Calendar, ends: date, months: int, after: int
) -> None:
    """P18: midnight UTC is the eve in the west; what is foretold is the first term that reaches the wish."""
    wished = ends + timedelta(days=after)
    end = datetime.combine(ends, time(0), UTC)
    foretold = end_after(calendar.term_end(end), months, wished, calendar.last_day(end))
    terms = [datetime.combine(term_end_after(ends, months, number), time(0), UTC) for number in range(40)]
    booked = next(one for one in terms if calendar.reaches(one, wished))
    assert foretold == calendar.term_end(booked)


def test_what_is_still_to_be_paid_is_told() -> None:
    """P18: whole periods until the end, by the catalogue; what isn't known is said."""
    wish = EndWish(
        reference="CS-0001",
        run_id="r",
        customer=CONTOSO,
        ticket_id=1,
        ticket_number="T1",
        requester=TOM,
        senior=TOM,
        contact=ADA,
        product_id="p-1",
        product_name="Premium",
        held=MONTHLY.model_copy(update={"price": Decimal("26.40")}),
        wished=date(2027, 1, 20),
        currency="USD",
    )
    assert wish.foretold == date(2027, 2, 3)
    assert "316.80 USD a month until 2027-02-03: after the running term 2 more, 633.60 USD" in wish.costs()
    assert "no price" in wish.model_copy(update={"held": MONTHLY}).costs()
    unknown = MONTHLY.model_copy(update={"renews": None})
    assert "isn't known" in wish.model_copy(update={"held": unknown}).costs()


def test_moments_have_a_zone() -> None:
    """As everywhere."""
    with pytest.raises(ValidationError):
        confirmation(at=datetime(2026, 11, 30, 15, 0))  # noqa: DTZ001
    assert confirmation(at=NOW.astimezone(UTC)).before == 12
