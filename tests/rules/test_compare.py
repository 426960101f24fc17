"""Comparing terms and paper: every single difference is found, and none where there is none (N5)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.agreement import AgreementTerms, DifferenceKind, compare, read_paper, with_signed_seats
from tests.rules import strategies
from tests.rules.examples import POWER_BI, ROWS, TERMS, VISIO, said, terms
from tests.rules.mutations import KINDS, changed_field

PAPER = read_paper(TERMS.fields(ROWS))
CELLS = ("Product", "ProductId", "Seats", "UnitPrice")


def by_hand(fields: dict[str, str]) -> dict[str, str]:
    """The same paper without our product ids and reference, as somebody makes it by hand."""
    return {
        label: "" if label.startswith("ProductId") or label == "Reference" else text for label, text in fields.items()
    }


@given(strategies.terms())
def test_terms_equal_their_own_paper(of: AgreementTerms) -> None:
    """No difference is invented."""
    assert compare(of, read_paper(of.fields(ROWS))) == ()


@given(strategies.terms())
def test_terms_equal_a_paper_made_by_hand_with_exact_names(of: AgreementTerms) -> None:
    """Without ids, the exact names serve."""
    assert compare(of, read_paper(by_hand(of.fields(ROWS)))) == ()


@given(strategies.terms(), st.data())
def test_every_single_change_of_a_paper_is_found(of: AgreementTerms, data: st.DataObject) -> None:
    """Whatever one field says otherwise is found, and found as what it is."""
    label, value = data.draw(changed_field(of))
    found = compare(of, read_paper({**of.fields(ROWS), label: value}))
    assert found
    assert {difference.kind for difference in found} <= KINDS[label.rstrip("0123456789")]


@given(strategies.terms(), st.data())
def test_the_order_of_the_rows_is_irrelevant(of: AgreementTerms, data: st.DataObject) -> None:
    """A paper says the same with its rows in another order, with ids and without."""
    shuffled = of.model_copy(update={"lines": tuple(data.draw(st.permutations(of.lines)))})
    assert compare(of, read_paper(shuffled.fields(ROWS))) == ()
    assert compare(shuffled, read_paper(by_hand(of.fields(ROWS)))) == ()


@given(strategies.terms(), st.data())
def test_a_row_taken_off_is_found(of: AgreementTerms, data: st.DataObject) -> None:
    """The product that is missing is named."""
    row = data.draw(st.integers(1, len(of.lines)))
    if len(of.lines) > 1:
        blank = {**of.fields(ROWS), **{f"{cell}{row}": "" for cell in CELLS}}
        (difference,) = compare(of, read_paper(blank))
        assert difference.kind is DifferenceKind.PRODUCT
        assert difference.product == of.lines[row - 1].product_name


@given(strategies.terms(), strategies.seats, strategies.prices(), st.booleans())
def test_a_row_added_is_found(of: AgreementTerms, seats: int, price: Decimal, twice: bool) -> None:
    """Whether it is another product or one of the lines once more."""
    first = of.lines[0]
    more = {
        f"Product{ROWS + 1}": first.product_name if twice else "One more",
        f"ProductId{ROWS + 1}": first.product_id if twice else "one-more",
        f"Seats{ROWS + 1}": str(seats),
        f"UnitPrice{ROWS + 1}": f"{price:f}",
    }
    found = compare(of, read_paper({**of.fields(ROWS), **more}))
    assert [difference.kind for difference in found] == [DifferenceKind.PRODUCT]


@given(strategies.terms(), strategies.terms())
def test_papers_compare_equal_only_to_their_own_terms(one: AgreementTerms, other: AgreementTerms) -> None:
    """No difference means the same terms, line by line, and the same terms have no difference."""
    assert (compare(one, read_paper(other.fields(ROWS))) == ()) == (said(one) == said(other))


@given(strategies.terms(), st.data())
def test_more_seats_on_paper_do_not_cover_fewer(of: AgreementTerms, data: st.DataObject) -> None:
    """N5: a person chooses; the difference says which way it goes."""
    row = data.draw(st.integers(1, len(of.lines)))
    line = of.lines[row - 1]
    (more,) = compare(of, read_paper({**of.fields(ROWS), f"Seats{row}": str(line.seats + 1)}))
    assert (more.kind, more.product) == (DifferenceKind.SEATS_MORE, line.product_name)
    wants_more = of.model_copy(
        update={"lines": tuple(one.model_copy(update={"seats": one.seats + 1}) for one in of.lines)}
    )
    fewer = compare(wants_more, read_paper(of.fields(ROWS)))
    assert {difference.kind for difference in fewer} == {DifferenceKind.SEATS_FEWER}
    assert len(fewer) == len(of.lines)


@given(strategies.terms(), st.lists(strategies.seats, min_size=ROWS, max_size=ROWS), st.data())
def test_ordering_as_signed_takes_the_papers_seats_and_nothing_else(
    of: AgreementTerms, counts: list[int], data: st.DataObject
) -> None:
    """After a person chose 'order as signed', only the seats have moved."""
    paper = read_paper(
        {**of.fields(ROWS), **{f"Seats{row}": str(counts[row - 1]) for row in range(1, len(of.lines) + 1)}}
    )
    as_signed = with_signed_seats(of, paper)
    assert compare(as_signed, paper) == ()
    assert [line.seats for line in as_signed.lines] == counts[: len(of.lines)]
    label, value = data.draw(changed_field(of).filter(lambda change: not change[0].startswith("Seats")))
    assert compare(with_signed_seats(of, changed := read_paper({**of.fields(ROWS), label: value})), changed)


def test_the_name_on_the_paper_counts_beside_the_id() -> None:
    """The customer read and signed a name: another name with the right id is another product."""
    paper = read_paper({**TERMS.fields(ROWS), "Product1": "Visio Plan 2"})
    (difference,) = compare(TERMS, paper)
    assert difference.kind is DifferenceKind.PRODUCT
    assert (difference.wanted, difference.signed) == ("Visio Plan 1", "Visio Plan 2")


@pytest.mark.parametrize("product_id", ["P-VISIO-1", "p-visio-1x", "p-visio"])
def test_an_id_counts_to_the_letter(product_id: str) -> None:
    """The right name with another id is another product."""
    found = compare(TERMS, read_paper({**TERMS.fields(ROWS), "ProductId1": product_id}))
    assert {difference.kind for difference in found} == {DifferenceKind.PRODUCT}


@pytest.mark.parametrize("name", ["visio plan 1", "Visio Plan 1 ☺", "VISIO P1", "Visio  Plan 1"])
def test_a_row_without_an_id_needs_the_exact_name(name: str) -> None:
    """By hand, too, nothing is guessed."""
    paper = read_paper({**by_hand(TERMS.fields(ROWS)), "Product1": name})
    assert {difference.kind for difference in compare(TERMS, paper)} == {DifferenceKind.PRODUCT}


def test_two_products_exchanged_are_two_differences_of_seats_and_price() -> None:
    """The right products with each other's numbers are not what was agreed."""
    exchanged = terms(
        lines=(
            VISIO.model_copy(update={"seats": 12, "unit_price": POWER_BI.unit_price}),
            POWER_BI.model_copy(update={"seats": 3, "unit_price": VISIO.unit_price}),
        )
    )
    assert len(compare(exchanged, PAPER)) == 4


def test_a_difference_reads_as_a_sentence() -> None:
    """People decide on these words."""
    (difference,) = compare(TERMS, read_paper({**TERMS.fields(ROWS), "Seats1": "2"}))
    assert str(difference) == "fewer seats signed of Visio Plan 1: signed '2', to be ordered '3'"
