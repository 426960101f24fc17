"""Every way in which one thing of an agreement, a paper, an order or a reading can be changed."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st

from rules.agreement import AT_ONCE, OPEN_END, AgreementTerms, DifferenceKind, price_text
from rules.order import Billing, LicenceOrder, OrderLine, Term
from tests.rules.examples import ROWS
from tests.rules.strategies import ids, names, prices, seats

OTHER_TERM = {Term.MONTHLY: Term.ANNUAL, Term.ANNUAL: Term.MONTHLY}
OTHER_BILLING = {Billing.MONTHLY: Billing.ANNUAL, Billing.ANNUAL: Billing.MONTHLY}

KINDS = {
    "Reference": {DifferenceKind.REFERENCE},
    "CustomerName": {DifferenceKind.CUSTOMER},
    "Ticket": {DifferenceKind.TICKET},
    "Term": {DifferenceKind.TERM},
    "BillingFrequency": {DifferenceKind.BILLING},
    "Currency": {DifferenceKind.CURRENCY},
    "StartDate": {DifferenceKind.START},
    "EndDate": {DifferenceKind.END},
    "Product": {DifferenceKind.PRODUCT},
    "ProductId": {DifferenceKind.PRODUCT},
    "Seats": {DifferenceKind.SEATS_FEWER, DifferenceKind.SEATS_MORE},
    "UnitPrice": {DifferenceKind.PRICE},
}
"""Which differences a change of a field must be found as."""


@st.composite
def changed_field(draw: st.DrawFn, terms: AgreementTerms) -> tuple[str, str]:
    """One label of the paper that says `terms`, and another value for it that can be read."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    row = draw(st.integers(1, len(terms.lines)))
    label = f"{kind}{row}" if kind in ("Product", "ProductId", "Seats", "UnitPrice") else kind
    line = terms.lines[row - 1]
    days = st.dates().map(str)
    others: st.SearchStrategy[str] = {
        "Reference": names,
        "CustomerName": names | st.just(""),
        "Ticket": names | st.just(""),
        "Term": st.just(OTHER_TERM[terms.term].value),
        "BillingFrequency": st.just(OTHER_BILLING[terms.billing].value),
        "Currency": st.sampled_from(["USD", "EUR", "GBP", "usd", ""]),
        "StartDate": st.just(AT_ONCE) | days,
        "EndDate": st.just(OPEN_END) | days,
        "Product": names,
        "ProductId": ids.filter(lambda other: all(other != one.product_id for one in terms.lines)),
        "Seats": st.sampled_from([line.seats + 1, max(line.seats - 1, 1)]).map(str) | seats.map(str),
        "UnitPrice": st.just(price_text(line.unit_price + Decimal("0.01"))) | prices().map(price_text),
    }[kind]
    was = terms.fields(ROWS)[label]
    return label, draw(others.filter(lambda value: not _same(kind, value, was)))


def _same(kind: str, one: str, other: str) -> bool:
    return Decimal(one) == Decimal(other) if kind == "UnitPrice" else one == other


def _line(change: Callable[[OrderLine], dict[str, object]]) -> Callable[[LicenceOrder], LicenceOrder]:
    def mutate(order: LicenceOrder) -> LicenceOrder:
        line = order.lines[-1]
        changed = OrderLine.model_validate({**dict(line), **change(line)})
        return order.model_copy(update={"lines": (*order.lines[:-1], changed)})

    return mutate


def _with(**changes: object) -> Callable[[LicenceOrder], LicenceOrder]:
    return lambda order: order.model_copy(update=changes)


ORDER_MUTATIONS: dict[str, Callable[[LicenceOrder], LicenceOrder]] = {
    "one seat more": _line(lambda line: {"seats": line.seats + 1}),
    "one seat fewer": _line(lambda line: {"seats": line.seats - 1 or 2}),
    "ten times the seats": _line(lambda line: {"seats": line.seats * 10}),
    "another product": _line(lambda line: {"product_id": line.product_id + "-np"}),
    "another product's name": _line(lambda line: {"product_name": line.product_name + " Premium"}),
    "a cent more": _line(lambda line: {"unit_price": line.unit_price + Decimal("0.01")}),
    "a tenth of a cent more": _line(lambda line: {"unit_price": line.unit_price + Decimal("0.001")}),
    "a price of nothing": _line(lambda line: {"unit_price": Decimal(0) if line.unit_price else Decimal(1)}),
    "the other term": lambda order: order.model_copy(update={"term": OTHER_TERM[order.term]}),
    "the other billing": lambda order: order.model_copy(update={"billing": OTHER_BILLING[order.billing]}),
    "another currency": _with(currency="CHF"),
    "the currency in lower case": lambda order: order.model_copy(update={"currency": order.currency.lower()}),
    "another customer": _with(customer="Fabrikam Inc"),
    "the customer nearly": lambda order: order.model_copy(update={"customer": order.customer + "."}),
    "another start": lambda order: order.model_copy(update={"start": order.order_day - timedelta(days=1)}),
    "another end": lambda order: order.model_copy(
        update={"end": (order.end or order.order_day + timedelta(days=30)) + timedelta(days=1)}
    ),
    "another ticket": _with(ticket="T20260101.0099"),
    "another reference": _with(reference="CS-9999"),
    "a line more": lambda order: order.model_copy(
        update={"lines": (*order.lines, order.lines[0].model_copy(update={"product_id": "p-more"}))}
    ),
    "a line twice": lambda order: order.model_copy(update={"lines": (*order.lines, order.lines[0])}),
    "a line fewer": lambda order: order.model_copy(
        update={"lines": order.lines[1:] or (order.lines[0].model_copy(update={"product_id": "p-other"}),)}
    ),
    "read five minutes and a second ago": lambda order: order.model_copy(
        update={"at": order.at + timedelta(minutes=5)}
    ),
    "read after ordering": lambda order: order.model_copy(update={"at": order.at - timedelta(seconds=21)}),
}
"""Orders that differ from the one that was signed for in one thing only (of an order placed 20 s after reading)."""
