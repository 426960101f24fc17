"""The one gate before an order: exactly what was signed, read just now, by who may sign (N5, Y1, I1)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.agreement import AgreementTerms
from rules.authority import FRESH, NotCovered, ReadTooLongAgo, SignedAgreement, SignerDecision
from rules.order import Billing, LicenceOrder, Term
from rules.people import AuthorisedContact
from tests.rules import strategies
from tests.rules.examples import (
    ADA,
    COUNTERSIGNER,
    NOW,
    READ_AT,
    ROWS,
    TERMS,
    TODAY,
    agreement,
    order,
    reading,
    said,
    signer,
    terms,
)
from tests.rules.mutations import ORDER_MUTATIONS, changed_field

ANNUAL = terms(term=Term.ANNUAL, billing=Billing.MONTHLY)


def covers(one: SignedAgreement, placed: LicenceOrder) -> bool:
    """Whether it says yes; its no must say that nothing was ordered, by which clause, and the way out."""
    try:
        one.assert_covers(placed)
    except NotCovered as no:
        assert "(N5)" in str(no)
        assert "Nothing was ordered" in str(no)
        return False
    return True


def contact(**changes: Any) -> AuthorisedContact:
    """Ada, with other rights."""
    return AuthorisedContact.model_validate({**dict(ADA), **changes})


def test_exactly_what_was_signed_may_be_ordered() -> None:
    """The plain case, monthly and annual."""
    assert covers(agreement(), order())
    assert covers(agreement(ANNUAL), order(ANNUAL))


@given(strategies.running_terms, st.data())
def test_any_signed_terms_cover_their_own_order(of: AgreementTerms, data: st.DataObject) -> None:
    """Nobody waits for a signature twice: the right order always goes through, its lines in any order."""
    placed = order(of)
    shuffled = placed.model_copy(update={"lines": tuple(data.draw(st.permutations(placed.lines)))})
    assert covers(agreement(of), placed)
    assert covers(agreement(of), shuffled)


@pytest.mark.parametrize("mutate", ORDER_MUTATIONS.values(), ids=ORDER_MUTATIONS.keys())
@pytest.mark.parametrize("of", [TERMS, ANNUAL], ids=["monthly", "annual"])
def test_an_order_that_differs_in_one_thing_is_refused(
    mutate: Callable[[LicenceOrder], LicenceOrder], of: AgreementTerms
) -> None:
    """I1: whatever one thing it is."""
    assert not covers(agreement(of), mutate(order(of)))


@given(strategies.running_terms, st.sampled_from(sorted(ORDER_MUTATIONS)))
def test_no_terms_cover_an_order_that_differs_in_one_thing(of: AgreementTerms, name: str) -> None:
    """I1, for arbitrary agreements."""
    mutated = ORDER_MUTATIONS[name](order(of))
    assume(mutated != order(of))
    assert not covers(agreement(of), mutated)


@given(strategies.running_terms, st.data())
def test_no_paper_covers_an_order_when_one_field_says_otherwise(of: AgreementTerms, data: st.DataObject) -> None:
    """Whoever changed the paper before it was signed: the order as asked for isn't covered by it."""
    label, value = data.draw(changed_field(of))
    assert not covers(agreement(of, reading=reading(of, fields={**of.fields(ROWS), label: value})), order(of))


@given(strategies.running_terms, strategies.running_terms)
def test_one_agreement_never_covers_anothers_order(one: AgreementTerms, other: AgreementTerms) -> None:
    """Only equal terms cover each other's orders."""
    assert covers(agreement(one), order(other)) == (said(one) == said(other))


READINGS: dict[str, dict[str, Any]] = {
    "stale": {"read_at": NOW - FRESH - timedelta(seconds=1)},
    "a day old": {"read_at": NOW - timedelta(days=1)},
    "read after ordering": {"read_at": NOW + timedelta(seconds=1)},
    "of another procedure": {"reference": "CS-0002"},
    "of another procedure, in lower case": {"reference": "cs-0001"},
    "signed by a stranger": {"signers": (signer(email="eve@evil.example"), COUNTERSIGNER)},
    "signed by nobody known": {"signers": (signer(email=""), COUNTERSIGNER)},
    "signed by a stranger as well": {"signers": (signer(), signer(email="eve@evil.example"), COUNTERSIGNER)},
    "signed by us in the customer's place": {"signers": (signer(email=COUNTERSIGNER.email), COUNTERSIGNER)},
}


@pytest.mark.parametrize("changes", READINGS.values(), ids=READINGS.keys())
def test_a_reading_that_differs_in_one_thing_is_refused(changes: dict[str, Any]) -> None:
    """Stale, of another procedure, or signed by who may not."""
    assert not covers(agreement(reading=reading(**changes)), order())


@given(st.timedeltas(timedelta(days=-2), timedelta(days=2)))
def test_a_reading_counts_for_five_minutes_and_not_before_it_is_made(age: timedelta) -> None:
    """Fresh means read at most five minutes before ordering, to the microsecond."""
    placed = order()
    one = agreement(reading=reading(read_at=placed.at - age))
    assert covers(one, placed) == (timedelta(0) <= age <= FRESH)


def test_what_is_only_read_too_long_ago_is_told_from_what_was_not_signed_for() -> None:
    """The first is read anew and ordered then; anything else beside it makes it a refusal."""
    old = agreement(reading=reading(read_at=NOW - FRESH - timedelta(seconds=1)))
    with pytest.raises(ReadTooLongAgo, match="not just before ordering"):
        old.assert_covers(order())
    with pytest.raises(NotCovered, match="not just before ordering") as no:
        old.assert_covers(order(customer="Fabrikam Inc"))
    assert not isinstance(no.value, ReadTooLongAgo)


@pytest.mark.parametrize("age", [timedelta(0), FRESH])
def test_both_ends_of_freshness_count(age: timedelta) -> None:
    """Read at the very moment, or exactly five minutes before."""
    assert covers(agreement(reading=reading(read_at=NOW - age)), order())


@given(st.integers(-400, 400))
def test_nothing_is_ordered_before_the_agreed_start(away: int) -> None:
    """N6: on the day itself and after it, not before."""
    of = terms(start=TODAY + timedelta(days=away))
    assert covers(agreement(of), order(of)) == (away <= 0)


@given(st.integers(-400, 400))
def test_nothing_is_ordered_once_the_agreement_has_ended(away: int) -> None:
    """N7: an agreement that ended today or before buys nothing."""
    of = terms(end=TODAY + timedelta(days=away))
    assert covers(agreement(of), order(of)) == (away > 0)


def test_the_day_of_the_msp_decides_about_start_and_end() -> None:
    """At two in the morning UTC it is still yesterday in New York."""
    late = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
    starts = terms(start=date(2026, 12, 1))
    one = agreement(starts, reading=reading(starts, read_at=late))
    assert not covers(one, order(starts, at=late, order_day=date(2026, 11, 30)))
    assert covers(one, order(starts, at=late, order_day=date(2026, 12, 1)))


@pytest.mark.parametrize(("signed", "ordered"), [(TERMS, ANNUAL), (ANNUAL, TERMS)], ids=["Y1", "the other way"])
def test_one_terms_signature_never_buys_the_other(signed: AgreementTerms, ordered: AgreementTerms) -> None:
    """Y1: no annual order without a signed annual agreement; nor a monthly one under an annual."""
    assert not covers(agreement(signed), order(ordered))


def test_an_annual_order_under_a_monthly_paper_names_the_clause() -> None:
    """Whoever reads the refusal knows which line must never be crossed."""
    with pytest.raises(NotCovered, match="Y1"):
        agreement(TERMS).assert_covers(order(ANNUAL))


def test_everything_that_differs_is_told_at_once() -> None:
    """A person who must decide sees the whole of it."""
    with pytest.raises(NotCovered) as no:
        agreement(reading=reading(read_at=NOW - timedelta(hours=1), reference="CS-0002")).assert_covers(
            order(customer="Fabrikam Inc", currency="EUR")
        )
    for told in ("not just before ordering", "belongs to CS-0002", "Fabrikam Inc", "EUR"):
        assert told in str(no.value)


@pytest.mark.parametrize(
    "may_sign",
    [
        (),
        (contact(may_sign=False),),
        (contact(email="ada@contoso.example.evil.example"),),
        (contact(first_term_limit=Decimal("141.59")),),
        (contact(first_term_limit=Decimal(0)),),
        (contact(), contact(may_sign=False)),
        (contact(may_sign=False), contact()),
        (contact(), contact(first_term_limit=Decimal(100))),
    ],
    ids=[
        "nobody may",
        "may confirm only",
        "another address",
        "a cent above the limit",
        "a limit of nothing",
        "named twice, once without the right",
        "named twice, first without the right",
        "named twice, once with a limit",
    ],
)
def test_who_may_not_sign_this_much_buys_nothing(may_sign: tuple[AuthorisedContact, ...]) -> None:
    """Confirming is another right than signing; where two entries disagree, the stricter one counts."""
    assert not covers(agreement(may_sign=may_sign), order())


@pytest.mark.parametrize(
    "may_sign",
    [
        (contact(email="ADA@Contoso.example "),),
        (contact(first_term_limit=Decimal("141.60")),),
        (contact(email="bo@contoso.example", may_sign=False), contact()),
        (contact(may_confirm=False),),
    ],
    ids=["case of the address", "exactly the limit", "beside one who may not", "may sign only"],
)
def test_who_may_sign_this_much_may(may_sign: tuple[AuthorisedContact, ...]) -> None:
    """3 × 5.20 and 12 × 10.50 are 141.60 a month."""
    assert covers(agreement(may_sign=may_sign), order())


@given(strategies.running_terms, st.integers(-1, 1))
def test_the_limit_is_that_of_the_whole_first_term(of: AgreementTerms, cents: int) -> None:
    """An annual obligation billed monthly counts twelve times, all lines together."""
    placed = order(of)
    limit = placed.first_term_value + Decimal(cents).scaleb(-7)
    assert covers(agreement(of, may_sign=(contact(first_term_limit=limit),)), placed) == (cents >= 0)


def test_contracts_may_accept_a_signer() -> None:
    """N5: a receptionist's signature counts once contracts has decided, for that signer only."""
    receptionist = reading(signers=(signer(email="desk@contoso.example"), COUNTERSIGNER))
    decided = SignerDecision(signer="Desk@contoso.example", by="roberta@northgate.example", at=READ_AT)
    other = SignerDecision(signer="eve@contoso.example", by="roberta@northgate.example", at=READ_AT)
    assert not covers(agreement(reading=receptionist), order())
    assert not covers(agreement(reading=receptionist, signer_decisions=(other,)), order())
    assert covers(agreement(reading=receptionist, signer_decisions=(other, decided)), order())


def test_a_decision_after_the_order_does_not_count() -> None:
    """Nobody decides tomorrow about what is ordered today."""
    receptionist = reading(signers=(signer(email="desk@contoso.example"), COUNTERSIGNER))
    late = SignerDecision(signer="desk@contoso.example", by="roberta@northgate.example", at=NOW + timedelta(seconds=1))
    assert not covers(agreement(reading=receptionist, signer_decisions=(late,)), order())


def test_a_decision_needs_somebody_who_decided() -> None:
    """I7: every change has an actor."""
    for wrong in ({"by": ""}, {"signer": ""}, {"by": "  "}):
        with pytest.raises(ValueError, match="at least 1 character"):
            SignerDecision.model_validate({"signer": "a@b.example", "by": "c@d.example", "at": NOW, **wrong})


def test_a_decision_about_the_signer_decides_nothing_else() -> None:
    """Whoever may sign: what wasn't signed isn't covered."""
    decided = SignerDecision(signer="ada@contoso.example", by="roberta@northgate.example", at=READ_AT)
    assert not covers(agreement(signer_decisions=(decided,)), ORDER_MUTATIONS["one seat more"](order()))


def test_an_envelope_made_by_hand_covers_with_exact_names() -> None:
    """Without our reference and ids: customer, ticket, names and all numbers still have to be equal."""
    fields = {
        label: "" if label.startswith("ProductId") or label == "Reference" else text
        for label, text in TERMS.fields(ROWS).items()
    }
    by_hand = agreement(reading=reading(reference="", fields=fields))
    assert covers(by_hand, order())
    same_whatever_the_id = {"another product", "another reference"}
    for name, mutate in ORDER_MUTATIONS.items():
        if name not in same_whatever_the_id:
            assert not covers(by_hand, mutate(order())), name


def test_a_paper_that_names_another_procedure_is_refused_without_our_field() -> None:
    """The reference on the paper binds even where the envelope carries none."""
    of = terms(reference="CS-0002")
    assert not covers(agreement(of, reading=reading(of, reference="")), order())


@given(strategies.running_terms, st.sampled_from(["", *sorted(ORDER_MUTATIONS)]))
def test_the_answer_never_changes(of: AgreementTerms, name: str) -> None:
    """No clock, no chance: the same evidence and order get the same answer, stored and loaded in between too."""
    placed = ORDER_MUTATIONS[name](order(of)) if name else order(of)

    def answer(one: SignedAgreement) -> str:
        try:
            one.assert_covers(placed)
        except NotCovered as no:
            return str(no)
        return ""

    one = agreement(of)
    assert answer(one) == answer(one) == answer(SignedAgreement.model_validate_json(one.model_dump_json()))
