"""Prices: as a person types them, as they stand on paper, and what they add up to (N2, N4)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.agreement import AgreementTerms, price_text
from rules.order import Billing, LicenceOrder, Term
from rules.request import UnreadableAnswer, read_prices
from tests.rules import strategies
from tests.rules.examples import VISIO, order, order_line, terms
from tests.rules.strategies import names, prices

PRODUCTS = ("Visio Plan 1", "Power BI Pro")


@given(prices())
def test_a_price_on_paper_is_exactly_that_price(price: Decimal) -> None:
    """Nothing is rounded, grouped or written with an exponent; at least two decimals."""
    text = price_text(price)
    assert Decimal(text) == price
    whole, _, places = text.partition(".")
    assert whole.isdigit()
    assert places.isdigit()
    assert len(places) >= 2


@given(prices())
def test_one_price_has_one_text(price: Decimal) -> None:
    """5.2, 5.20 and 5.2000 are the same on paper."""
    assert price_text(price) == price_text(price.normalize()) == price_text(price + Decimal("0.00000000"))


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("5.2", "5.20"),
        ("1204.50", "1204.50"),
        ("1E+3", "1000.00"),
        ("0", "0.00"),
        ("-0", "0.00"),
        ("0.0125", "0.0125"),
        ("5.20000", "5.20"),
        ("12345678901234567890123456789.123", "12345678901234567890123456789.123"),
    ],
)
def test_a_price_is_written_plainly(price: str, text: str) -> None:
    """As people write it."""
    assert price_text(Decimal(price)) == text


@given(st.dictionaries(names, prices(), min_size=1, max_size=5))
def test_what_a_person_types_is_read_as_meant(figures: dict[str, Decimal]) -> None:
    """Any product name, signs of equality in it included; blank lines and spaces don't count."""
    text = "\n\n".join(f"  {name} =  {price_text(price)} " for name, price in figures.items())
    assert read_prices(text, tuple(figures), all_needed=True) == figures


def test_a_correction_may_name_some_products_only() -> None:
    """Contracts corrects what is wrong; the rest stays."""
    assert read_prices("Power BI Pro = 9.90", PRODUCTS, all_needed=False) == {"Power BI Pro": Decimal("9.90")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Visio Plan 2 = 5.20", "Visio Plan 2"),
        ("visio plan 1 = 5.20", "visio plan 1"),
        ("Visio Plan 1 5.20", "write 'product = price'"),
        ("Visio Plan 1: 5.20", "write 'product = price'"),
        ("= 5.20", "write 'product = price'"),
        ("Visio Plan 1 = five", "'five' is not a price"),
        ("Visio Plan 1 = ", "is not a price"),
        ("Visio Plan 1 = 5,20", "'5,20' is not a price"),
        ("Visio Plan 1 = $5.20", "is not a price"),
        ("Visio Plan 1 = -5.20", "is not a price"),
        ("Visio Plan 1 = NaN", "is not a price"),
        ("Visio Plan 1 = Infinity", "is not a price"),
        ("Visio Plan 1 = 5e3", "'5e3' is not a price"),
        ("Visio Plan 1 = 1_000", "'1_000' is not a price"),
        ("Visio Plan 1 = 5.20\nVisio Plan 1 = 6.20", "Visio Plan 1 stands there twice"),
    ],
)
def test_figures_that_cannot_be_read_for_certain_are_asked_again(text: str, says: str) -> None:
    """The person hears which line, and how to write it; nothing is guessed."""
    with pytest.raises(UnreadableAnswer, match=says.replace("$", r"\$")):
        read_prices(text, PRODUCTS, all_needed=False)


def test_every_product_needs_a_price_where_all_are_asked() -> None:
    """Pricing gives all of them; the missing one is named."""
    with pytest.raises(UnreadableAnswer, match="no price for Power BI Pro"):
        read_prices("Visio Plan 1 = 5.20", PRODUCTS, all_needed=True)


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_answer_is_no_answer(text: str) -> None:
    """Somebody who types nothing has corrected nothing."""
    with pytest.raises(UnreadableAnswer, match="no price for Visio Plan 1, Power BI Pro"):
        read_prices(text, PRODUCTS, all_needed=False)


@given(st.text(max_size=60))
def test_no_text_breaks_the_prices(text: str) -> None:
    """Whatever is typed, it is read for known products or asked again."""
    try:
        read = read_prices(text, PRODUCTS, all_needed=False)
    except UnreadableAnswer:
        return
    assert set(read) <= set(PRODUCTS)
    assert all(price >= 0 for price in read.values())


def _worth(term: Term, billing: Billing) -> LicenceOrder:
    return order(terms(term=term, billing=billing, lines=(VISIO,)))


@pytest.mark.parametrize(
    ("term", "billing", "value"),
    [
        (Term.MONTHLY, Billing.MONTHLY, "15.60"),
        (Term.ANNUAL, Billing.MONTHLY, "187.20"),
        (Term.ANNUAL, Billing.ANNUAL, "15.60"),
    ],
)
def test_the_first_term_is_worth_all_its_billing_periods(term: Term, billing: Billing, value: str) -> None:
    """Three seats at 5.20: a monthly bill under a 1-Year commitment binds for twelve of them."""
    assert _worth(term, billing).first_term_value == Decimal(value)


@given(strategies.terms())
def test_terms_and_their_order_are_worth_the_same(of: AgreementTerms) -> None:
    """A limit that was looked at when the paper came back is the limit that counts at the order."""
    assert of.first_term_value == order(of).first_term_value


@given(st.lists(st.tuples(st.integers(1, 1000), prices()), min_size=1, max_size=4))
def test_the_first_term_is_the_sum_of_its_lines(figures: list[tuple[int, Decimal]]) -> None:
    """No line is left out, whatever the order."""
    each = tuple(order_line(VISIO, seats=seats, unit_price=price) for seats, price in figures)
    total = sum((price * seats for seats, price in figures), Decimal(0))
    assert order(lines=each).first_term_value == total
    assert order(lines=each[::-1]).first_term_value == total
