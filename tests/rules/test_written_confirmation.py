"""A written confirmation buys exactly the month that was offered, once it is one, and nothing else (B2, B5, Y1)."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.agreement import AgreementTerms
from rules.authority import FRESH, NotCovered, ReadTooLongAgo
from rules.bridge import TermsOffer, bridge_reference
from rules.order import Billing, LicenceOrder, Term
from rules.people import AuthorisedContact
from rules.written import WrittenConfirmation, WrittenKind
from tests.rules import strategies
from tests.rules.examples import (
    ADA,
    MAILED,
    NOW,
    READ_AT,
    REPLIED,
    TERMS,
    TODAY,
    bridge_order,
    confirmation,
    offer,
    order,
    persons_reading,
    terms,
    written,
)
from tests.rules.mutations import ORDER_MUTATIONS

NOT_SAID = {"another customer", "the customer nearly", "another ticket", "another start", "another end"}
"""Changes of an order that terms without customer and ticket don't speak of; a start or end that isn't to come."""

SEEN = offer(customer=TERMS.customer, ticket=TERMS.ticket)


def covers(one: WrittenConfirmation, placed: LicenceOrder) -> bool:
    """Whether it says yes; its no must say that nothing was ordered, and by which clause."""
    try:
        one.assert_covers(placed)
    except NotCovered as no:
        assert "(B2)" in str(no)
        assert "Nothing was ordered" in str(no)
        return False
    return True


def test_exactly_the_month_that_was_offered_may_be_ordered() -> None:
    """The plain case, and after a person's reading."""
    assert covers(confirmation(), bridge_order())
    note = written(kind=WrittenKind.NOTE, stable_id="note:401", own_text="ok")
    assert covers(confirmation(written=note, reading=persons_reading(note)), bridge_order())
    assert confirmation().authority_id == written().authority_id


@given(strategies.terms(), st.data())
def test_any_terms_that_were_confirmed_cover_their_own_month(of: AgreementTerms, data: st.DataObject) -> None:
    """Monthly or annual, whatever is wanted in the end; the lines in any order."""
    placed = bridge_order(of)
    shuffled = placed.model_copy(update={"lines": tuple(data.draw(st.permutations(placed.lines)))})
    one = confirmation(offer(of, term_wanted=of.term))
    assert covers(one, placed)
    assert covers(one, shuffled)


@pytest.mark.parametrize("mutate", ORDER_MUTATIONS.values(), ids=ORDER_MUTATIONS.keys())
def test_an_order_that_differs_in_one_thing_is_refused(
    mutate: Callable[[LicenceOrder], LicenceOrder], request: pytest.FixtureRequest
) -> None:
    """I1: whatever one thing it is, even past the order's own checks."""
    expected = any(f"[{name}]" in request.node.name for name in ("another start", "another end"))
    assert covers(confirmation(SEEN), mutate(bridge_order())) is expected


@given(strategies.terms(), st.sampled_from(sorted(set(ORDER_MUTATIONS) - NOT_SAID)))
def test_no_confirmation_covers_an_order_that_differs_in_one_thing(of: AgreementTerms, name: str) -> None:
    """I1, for arbitrary terms."""
    placed = bridge_order(of)
    mutated = ORDER_MUTATIONS[name](placed)
    assume(mutated != placed)
    assert not covers(confirmation(offer(of)), mutated)


@given(strategies.terms(), strategies.terms())
def test_one_confirmation_never_covers_anothers_month(one: AgreementTerms, other: AgreementTerms) -> None:
    """Only equal terms cover each other's orders."""

    def said(of: AgreementTerms) -> object:
        return of.reference, of.currency, sorted(of.lines, key=lambda line: line.product_id)

    assert covers(confirmation(offer(one)), bridge_order(other)) == (said(one) == said(other))


@given(strategies.terms(), st.sampled_from(list(Billing)))
def test_no_word_ever_buys_a_year(of: AgreementTerms, billing: Billing) -> None:
    """Y1: not even an annual order that is otherwise exactly what was offered, and a line bound for a year neither."""
    annual = terms(**{**dict(of), "term": Term.ANNUAL, "billing": billing, "start": None, "end": None})
    placed = order(annual, reference=bridge_reference(of.reference))
    with pytest.raises(NotCovered, match="Y1"):
        confirmation(offer(of)).assert_covers(placed)
    disguised = placed.model_copy(update={"term": Term.MONTHLY, "billing": Billing.MONTHLY})
    with pytest.raises(NotCovered, match="Y1"):
        confirmation(offer(of)).assert_covers(disguised)


def test_a_month_is_billed_by_the_month() -> None:
    """An order that skipped its own checks."""
    assert not covers(confirmation(), bridge_order().model_copy(update={"billing": Billing.ANNUAL}))


def test_only_the_bridges_own_order_is_covered() -> None:
    """The agreement's order needs the agreement; another's bridge its own confirmation."""
    for reference in (TERMS.reference, "CS-0002/bridge", "CS-0001/bridge/bridge", "cs-0001/bridge"):
        assert not covers(confirmation(), bridge_order(reference=reference))


@given(st.timedeltas(timedelta(days=-2), timedelta(days=2)))
def test_the_word_must_be_read_in_the_five_minutes_before_ordering(age: timedelta) -> None:
    """To the microsecond; a reading from after the order neither."""
    one = confirmation(written=written(read_at=NOW - age))
    assert covers(one, bridge_order()) == (timedelta(0) <= age <= FRESH)


def test_a_confirmation_that_is_only_read_too_long_ago_is_read_anew() -> None:
    """It is told from one that doesn't cover the order."""
    old = confirmation(written=written(read_at=NOW - FRESH - timedelta(seconds=1)))
    with pytest.raises(ReadTooLongAgo, match="not just before ordering"):
        old.assert_covers(bridge_order())
    with pytest.raises(NotCovered, match="not just before ordering") as no:
        old.assert_covers(bridge_order(currency="EUR"))
    assert not isinstance(no.value, ReadTooLongAgo)


@pytest.mark.parametrize("age", [timedelta(0), FRESH])
def test_both_ends_of_freshness_count(age: timedelta) -> None:
    """Read at the very moment, or exactly five minutes before."""
    assert covers(confirmation(written=written(read_at=NOW - age)), bridge_order())


@given(st.timedeltas(timedelta(days=-9), timedelta(days=9)))
def test_a_reply_counts_for_three_business_days(left: timedelta) -> None:
    """B5: at its last moment still, after it new terms are due."""
    assert covers(confirmation(good_until=NOW + left), bridge_order()) == (left >= timedelta(0))
    assert covers(confirmation(good_until=NOW), bridge_order())


@given(st.integers(-400, 400))
def test_a_bridge_begins_at_once(away: int) -> None:
    """N6 is for agreements: a start that lies ahead is none of a bridge's."""
    assert covers(confirmation(), bridge_order(start=TODAY + timedelta(days=away))) == (away <= 0)


@given(strategies.terms(), st.integers(-1, 1))
def test_the_contacts_limit_is_that_of_the_first_month(of: AgreementTerms, cents: int) -> None:
    """All lines together."""
    placed = bridge_order(of)
    limit = placed.first_term_value + Decimal(cents).scaleb(-7)
    limited = ADA.model_copy(update={"first_term_limit": limit})
    assert covers(confirmation(offer(of), may_confirm=(limited,)), placed) == (cents >= 0)
    assert covers(confirmation(offer(of), may_confirm=(ADA, limited)), placed) == (cents >= 0)


def test_a_persons_reading_from_after_the_order_counts_for_nothing() -> None:
    """Nobody reads tomorrow what is ordered today."""
    note = written(kind=WrittenKind.NOTE)
    late = persons_reading(note, at=NOW + timedelta(seconds=1))
    assert not covers(confirmation(written=note, reading=late), bridge_order())


def test_everything_that_differs_is_told_at_once() -> None:
    """A person who must decide sees the whole of it."""
    wrong = bridge_order(terms(lines=TERMS.lines[:1], currency="EUR"), reference="CS-0002/bridge", start=TODAY)
    with pytest.raises(NotCovered) as no:
        confirmation(SEEN, good_until=REPLIED).assert_covers(wrong.model_copy(update={"customer": "Fabrikam Inc"}))
    for told in ("CS-0001", "EUR", "12 × Power BI Pro (p-pbi-pro) at 10.50", "Fabrikam Inc", "(B5)", "ada@contoso"):
        assert told in str(no.value)


# What it can be built from

NOTE = written(kind=WrittenKind.NOTE, stable_id="note:401", own_text="ok", whole_text="ok")
NOT_CONFIRMED: dict[str, dict[str, Any]] = {
    "no evidence: automatic": {"written": written(automatic=True)},
    "no evidence: from us": {"written": written(from_us=True)},
    "no evidence: a stranger": {"written": written(sender="eve@evil.example")},
    "no evidence: older than the terms": {"written": written(received_at=MAILED)},
    "no evidence: no right to confirm": {"may_confirm": (ADA.model_copy(update={"may_confirm": False}),)},
    "no evidence: nobody may": {"may_confirm": ()},
    "a stranger, though a person read it": {
        "written": written(sender="eve@evil.example"),
        "reading": persons_reading(written()),
    },
    "not filed": {"written": written(filed=False)},
    "not filed, though a person read it": {
        "written": NOTE.model_copy(update={"filed": False}),
        "reading": persons_reading(NOTE),
    },
    "a note that nobody read": {"written": NOTE},
    "a mail that nobody read": {"written": written(own_text="ok")},
    "another thread that nobody read": {"written": written(conversation_id="conversation-0")},
    "another message was read": {"written": NOTE, "reading": persons_reading(written())},
    "another message with the same text was read": {
        "written": NOTE,
        "reading": persons_reading(NOTE.model_copy(update={"stable_id": "note:402"})),
    },
    "the text has changed since": {
        "written": NOTE.model_copy(update={"whole_text": "ok "}),
        "reading": persons_reading(NOTE),
    },
    "read before it came in": {
        "written": NOTE,
        "reading": persons_reading(NOTE, at=REPLIED - timedelta(seconds=1)),
    },
    "other terms": {"offer": offer(reference="CS-0002")},
    "terms mailed later": {"offer": offer(sent_at=NOW)},
}


@pytest.mark.parametrize("changes", NOT_CONFIRMED.values(), ids=NOT_CONFIRMED.keys())
def test_it_cannot_be_built_from_anything_unconfirmed(changes: dict[str, Any]) -> None:
    """The refusal names the clause."""
    with pytest.raises(ValidationError, match=r"B3|B5"):
        confirmation(**{"offer": offer(), **changes})


@pytest.mark.parametrize("changes", NOT_CONFIRMED.values(), ids=NOT_CONFIRMED.keys())
def test_smuggled_past_its_own_check_it_covers_nothing(changes: dict[str, Any]) -> None:
    """A copy or a bare construction skips pydantic's check: the authority looks again before it says yes."""
    copied = confirmation().model_copy(update=changes)
    bare = WrittenConfirmation.model_construct(**{**dict(confirmation()), **changes})
    for smuggled in (copied, bare):
        with pytest.raises(NotCovered, match=r"B3|B5"):
            smuggled.assert_covers(bridge_order(reference=bridge_reference(smuggled.offer.reference)))


def test_what_no_model_would_hold_covers_nothing() -> None:
    """Fields that are missing, of the wrong kind, or without a zone: it is built again before every yes."""
    naive = NOW.replace(tzinfo=None)
    for changes in (
        {"written": None},
        {"written": "ok"},
        {"good_until": naive},
        {"written": written().model_copy(update={"read_at": naive})},
        {"offer": offer().model_copy(update={"lines": ()})},
        {"may_confirm": None},
    ):
        assert not covers(confirmation().model_copy(update=changes), bridge_order())
    nothing: dict[str, Any] = {}
    assert not covers(WrittenConfirmation.model_construct(**nothing), bridge_order())


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.integers(-2, 2))
def test_it_is_built_exactly_when_somebody_confirmed(
    sentence: bool, read: bool, same_text: bool, filed: bool, hours: int
) -> None:
    """By the sentence, or by a person's reading of this very text after it came in; and filed."""
    one = written(own_text=SEEN.sentence if sentence else "fine by me", filed=filed)
    seen = one if same_text else one.model_copy(update={"whole_text": one.whole_text + "."})
    reading = persons_reading(seen, at=REPLIED + timedelta(hours=hours)) if read else None
    legal = filed and (sentence or (read and same_text and hours >= 0))
    try:
        confirmation(written=one, reading=reading)
    except ValidationError:
        assert not legal
    else:
        assert legal


def test_a_reading_needs_somebody_who_read() -> None:
    """I7: every decision has an actor."""
    for nobody in ("", "  "):
        with pytest.raises(ValidationError, match="at least 1 character"):
            persons_reading(written(), by=nobody)


def test_it_says_nothing_of_its_own() -> None:
    """The id is the message's; nothing said beside it is believed."""
    one = confirmation(authority_id="other", verdict="confirms", first_line="ok")
    assert one.authority_id == written().authority_id


def test_a_stored_one_is_checked_when_it_is_loaded() -> None:
    """Persisted and read back it is the same; tampered with, it isn't one any more."""
    stored = confirmation().model_dump(mode="json")
    assert WrittenConfirmation.model_validate(stored) == confirmation()
    stored["written"]["sender"] = "eve@evil.example"
    with pytest.raises(ValidationError):
        WrittenConfirmation.model_validate(stored)


def test_terms_that_name_customer_and_ticket_bind_them() -> None:
    """Where they are given; without them the reference alone tells whose month it is."""
    for other in (bridge_order(customer="Fabrikam Inc"), bridge_order(ticket="T20260101.0099")):
        assert covers(confirmation(), other)
        assert not covers(confirmation(SEEN), other)


@given(strategies.terms(), st.sampled_from(["", *sorted(ORDER_MUTATIONS)]))
def test_the_answer_never_changes(of: AgreementTerms, name: str) -> None:
    """No clock, no chance: the same evidence and order get the same answer, stored and loaded in between too."""
    placed = ORDER_MUTATIONS[name](bridge_order(of)) if name else bridge_order(of)

    def answer(one: WrittenConfirmation) -> str:
        try:
            one.assert_covers(placed)
        except NotCovered as no:
            return str(no)
        return ""

    one = confirmation(offer(of))
    assert answer(one) == answer(one) == answer(WrittenConfirmation.model_validate_json(one.model_dump_json()))


def limited(limit: str) -> AuthorisedContact:
    """Ada, with a limit."""
    return ADA.model_copy(update={"first_term_limit": Decimal(limit)})


@pytest.mark.parametrize(("limit", "enough"), [("141.59", False), ("141.60", True), ("0", False)])
def test_3_times_520_and_12_times_1050_are_14160_a_month(limit: str, enough: bool) -> None:
    """The plain case's limit, to the cent."""
    assert covers(confirmation(may_confirm=(limited(limit),)), bridge_order()) is enough


def test_the_terms_wanted_later_make_no_difference_to_the_month() -> None:
    """A bridge towards annual and one towards monthly buy the same month."""
    for term in Term:
        assert covers(confirmation(offer(term_wanted=term)), bridge_order())


def test_freshness_counts_from_the_reading_not_from_the_mail() -> None:
    """An old reply read again just now is fresh; that it isn't too old is another question (B5)."""
    old = written(received_at=MAILED + timedelta(seconds=1), read_at=READ_AT)
    assert covers(confirmation(written=old), bridge_order())


def test_the_offer_is_the_one_that_was_mailed() -> None:
    """Nobody lowers the price of an offer afterwards: the order must equal what was mailed."""
    dearer = tuple(line.model_copy(update={"unit_price": line.unit_price + 1}) for line in offer().lines)
    mailed: TermsOffer = offer(lines=dearer)
    assert not covers(confirmation(mailed), bridge_order())
