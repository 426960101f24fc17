"""A checked request: its title, its terms and the prices that count (N1, N2)."""

from decimal import Decimal
from typing import Any

import pytest

from rules.agreement import compare, read_paper
from rules.order import Billing, Term
from rules.people import Person
from rules.request import CheckedLine, CheckedRequest, Customer, Offer
from tests.rules.examples import ADA, ROWS


def offer(term: Term, billing: Billing, retail: str) -> Offer:
    """What the catalogue asks for one seat."""
    return Offer(
        term=term, billing=billing, commitment_id=f"c-{term.value}", retail=Decimal(retail), cost=Decimal("3.10")
    )


def line(name: str = "Visio Plan 1", seats: int = 3) -> CheckedLine:
    """A line with three offers."""
    return CheckedLine(
        field="product",
        product_id=f"p-{name}",
        product_name=name,
        catalogue_name=f"{name} [New Commerce Experience]",
        quote_line=name,
        seats=seats,
        offers=(
            offer(Term.MONTHLY, Billing.MONTHLY, "5.20"),
            offer(Term.ANNUAL, Billing.MONTHLY, "4.40"),
            offer(Term.ANNUAL, Billing.ANNUAL, "52.00"),
        ),
    )


def request(**changes: Any) -> CheckedRequest:
    """Contoso asks for Visio Plan 1."""
    tom = Person(name="Tom Reyes", email="tom@northgate.example")
    plain: dict[str, Any] = {
        "reference": "CS-0001",
        "run_id": "r-1",
        "customer": Customer(
            autotask_id=1,
            name="Contoso Ltd",
            domain="contoso.example",
            pax8_id="pax8-contoso",
            itglue_id="7",
            tenant_id="1111",
            tenant_source="GDAP",
            gdap_active=True,
        ),
        "ticket_id": 5,
        "ticket_number": "T20261130.0001",
        "requester": tom,
        "requester_resource_id": 9,
        "senior": Person(name="Sam Adeyemi", email="sam@northgate.example"),
        "signer": ADA,
        "lines": (line(),),
        "term": Term.MONTHLY,
        "billing": Billing.MONTHLY,
        "currency": "USD",
        "pricing_first": False,
    }
    return CheckedRequest.model_validate({**plain, **changes})


def test_a_request_is_told_in_one_line() -> None:
    """For subjects and tables."""
    assert request().title == "Contoso Ltd · Visio Plan 1 × 3"
    assert request(lines=(line(), line("Power BI Pro", 12))).title == "Contoso Ltd · Visio Plan 1 × 3 + 1 more"
    assert request(lines=(line(), line("Power BI Pro", 12))).what == "3 × Visio Plan 1, 12 × Power BI Pro"


@pytest.mark.parametrize(
    ("term", "billing", "price"),
    [
        (Term.MONTHLY, Billing.MONTHLY, "5.20"),
        (Term.ANNUAL, Billing.MONTHLY, "4.40"),
        (Term.ANNUAL, Billing.ANNUAL, "52.00"),
    ],
)
def test_the_catalogues_price_is_that_of_term_and_billing(term: Term, billing: Billing, price: str) -> None:
    """One row of the price list, never the nearest."""
    assert request(term=term, billing=billing).terms.lines[0].unit_price == Decimal(price)


def test_a_combination_without_an_offer_has_no_price() -> None:
    """Named, not made up."""
    with pytest.raises(ValueError, match="Visio Plan 1 has no offer for Monthly, billed Annual"):
        _ = request(billing=Billing.ANNUAL).terms


def test_a_persons_figure_counts_before_the_catalogues() -> None:
    """For the products named, with who gave it; the others stay."""
    priced = request(lines=(line(), line("Power BI Pro", 12))).with_prices(
        {"Visio Plan 1": Decimal("4.95")}, "matthew@northgate.example"
    )
    assert [one.unit_price for one in priced.terms.lines] == [Decimal("4.95"), Decimal("5.20")]
    assert [one.price_by for one in priced.lines] == ["matthew@northgate.example", ""]


def test_a_price_of_nothing_is_a_price() -> None:
    """Free is what a person said, not 'not given'."""
    assert request().with_prices({"Visio Plan 1": Decimal(0)}, "matthew").terms.lines[0].unit_price == 0


def test_our_own_cost_never_reaches_the_paper() -> None:
    """N2: cost is for pricing's eyes."""
    assert "3.10" not in str(request().terms.fields(ROWS))


def test_the_terms_of_a_request_equal_their_paper() -> None:
    """What is asked for is what the customer signs."""
    asked = request(lines=(line(), line("Power BI Pro", 12)), term=Term.ANNUAL, billing=Billing.ANNUAL)
    assert compare(asked.terms, read_paper(asked.terms.fields(ROWS))) == ()


def test_a_stored_request_loads_again() -> None:
    """A run that waits for weeks works on the snapshot of its launch, also under a newer release."""
    stored = request().model_dump(mode="json")
    assert CheckedRequest.model_validate({**stored, "later": "field"}) == request()
