"""An agreement's fields: what we write is what we read, and what can't be read is named (N4)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.agreement import AgreementTerms, UnreadablePaper, read_paper
from rules.order import Billing, Term
from tests.rules import strategies
from tests.rules.examples import POWER_BI, ROWS, TERMS, VISIO, terms

LABELS = {"Reference", "CustomerName", "Ticket", "Term", "BillingFrequency", "Currency", "StartDate", "EndDate"}
ROW_LABELS = {f"{name}{row}" for row in range(1, ROWS + 1) for name in ("Product", "ProductId", "Seats", "UnitPrice")}


@given(strategies.terms())
def test_what_we_write_is_what_we_read(of: AgreementTerms) -> None:
    """Every term survives the way onto the paper and back."""
    paper = read_paper(of.fields(ROWS))
    for name in ("reference", "customer", "ticket", "term", "billing", "currency", "start", "end"):
        assert getattr(paper, name) == getattr(of, name)
    assert [(line.product_id, line.product_name, line.seats, line.unit_price) for line in paper.lines] == [
        (line.product_id, line.product_name, line.seats, line.unit_price) for line in of.lines
    ]


@given(strategies.terms(), st.integers(4, 9))
def test_the_paper_has_exactly_the_templates_labels(of: AgreementTerms, rows: int) -> None:
    """Every label is written, unused rows blank, so that nothing of an older draft is left standing."""
    fields = of.fields(rows)
    assert len(fields) == len(LABELS) + 4 * rows
    for row in range(len(of.lines) + 1, rows + 1):
        assert {fields[f"{name}{row}"] for name in ("Product", "ProductId", "Seats", "UnitPrice")} == {""}


@given(strategies.terms(), st.integers(0, 3))
def test_more_lines_than_rows_are_refused(of: AgreementTerms, rows: int) -> None:
    """N4: a line that doesn't fit is never left off."""
    if len(of.lines) > rows:
        with pytest.raises(ValueError, match=f"{len(of.lines)} lines"):
            of.fields(rows)
    else:
        assert of.fields(rows)


def test_the_paper_reads_plainly() -> None:
    """What the customer sees: 'on signing' and 'none' for what isn't given."""
    fields = TERMS.fields(ROWS)
    assert set(fields) == LABELS | ROW_LABELS
    assert fields["StartDate"] == "on signing"
    assert fields["EndDate"] == "none"
    assert (fields["Term"], fields["BillingFrequency"]) == ("Monthly", "Monthly")
    assert (fields["Product1"], fields["Seats1"], fields["UnitPrice1"]) == ("Visio Plan 1", "3", "5.20")


@pytest.mark.parametrize("blank", ["Contoso Ltd ", " Contoso Ltd", "Contoso Ltd\n"])
def test_blanks_around_a_name_do_not_make_another_customer(blank: str) -> None:
    """A name that Autotask holds with a blank at its end must not make its signed paper useless."""
    of = terms(customer=blank, lines=(VISIO.model_validate({**dict(VISIO), "product_name": "Visio Plan 1 "}),))
    paper = read_paper(of.fields(ROWS))
    assert paper.customer == of.customer == "Contoso Ltd"
    assert paper.lines[0].product_name == of.lines[0].product_name == "Visio Plan 1"


@given(strategies.terms(), st.data())
def test_blanks_that_the_template_adds_do_not_count(of: AgreementTerms, data: st.DataObject) -> None:
    """A space typed behind a value changes nothing."""
    label = data.draw(st.sampled_from(sorted(of.fields(ROWS))))
    fields = of.fields(ROWS)
    assert read_paper({**fields, label: f" {fields[label]} "}) == read_paper(fields)


@given(strategies.terms(), st.permutations(range(1, ROWS + 1)))
def test_an_empty_row_between_is_skipped(of: AgreementTerms, order: list[int]) -> None:
    """Rows may be filled anywhere; each line keeps its row's number."""
    fields = of.fields(ROWS)
    moved = dict(fields)
    for row, target in enumerate(order, start=1):
        for name in ("Product", "ProductId", "Seats", "UnitPrice"):
            moved[f"{name}{target}"] = fields[f"{name}{row}"]
    rows = {line.row for line in read_paper(moved).lines}
    assert rows == {order[row] for row in range(len(of.lines))}


@pytest.mark.parametrize("label", sorted(LABELS))
def test_a_missing_label_is_named(label: str) -> None:
    """An envelope made by hand counts only with our labels."""
    fields = TERMS.fields(ROWS)
    del fields[label]
    with pytest.raises(UnreadablePaper, match=f"the field {label} is missing"):
        read_paper(fields)


def test_missing_rows_are_named() -> None:
    """No rows, no agreement."""
    with pytest.raises(UnreadablePaper, match="rows"):
        read_paper({label: text for label, text in TERMS.fields(ROWS).items() if label in LABELS})


def test_blank_rows_alone_are_no_agreement() -> None:
    """Somebody must have filled in something."""
    blank = {label: "" if label in ROW_LABELS else text for label, text in TERMS.fields(ROWS).items()}
    with pytest.raises(UnreadablePaper, match="no row is filled"):
        read_paper(blank)


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("Term", "Annual"),
        ("Term", "monthly"),
        ("Term", "3-Year"),
        ("Term", ""),
        ("BillingFrequency", "1-Year"),
        ("BillingFrequency", "yearly"),
        ("BillingFrequency", ""),
        ("StartDate", "soon"),
        ("StartDate", "31/12/2026"),
        ("StartDate", "2026-02-30"),
        ("StartDate", "none"),
        ("EndDate", "on signing"),
        ("EndDate", "12 months"),
        ("Seats1", ""),
        ("Seats1", "0"),
        ("Seats1", "-3"),
        ("Seats1", "3.0"),
        ("Seats1", "three"),
        ("Seats1", "1,000"),
        ("Seats1", "1_0"),
        ("Seats1", "9" * 5000),
        ("UnitPrice1", ""),
        ("UnitPrice1", "5,20"),
        ("UnitPrice1", "$5.20"),
        ("UnitPrice1", "-5.20"),
        ("UnitPrice1", "NaN"),
        ("UnitPrice1", "sNaN"),
        ("UnitPrice1", "Infinity"),
        ("UnitPrice1", "1e3"),
        ("UnitPrice1", "1_000"),
        ("Product1", ""),
    ],
)
def test_a_value_that_cannot_be_read_is_named(label: str, text: str) -> None:
    """Nothing is guessed from a field, not even what it nearly says."""
    named = f"row {label[-1]}" if label[-1].isdigit() else label
    with pytest.raises(UnreadablePaper, match=named):
        read_paper({**TERMS.fields(ROWS), label: text})


@pytest.mark.parametrize("label", ["Seats5", "UnitPrice5", "ProductId5"])
def test_a_row_without_its_product_label_is_not_overlooked(label: str) -> None:
    """Something stands in a fifth row: unreadable, not ignored."""
    with pytest.raises(UnreadablePaper, match="row 5"):
        read_paper({**TERMS.fields(ROWS), label: "7"})


@pytest.mark.parametrize("label", ["Product03", "Seats03", "Product３"])
def test_a_label_that_is_nearly_ours_is_not_overlooked(label: str) -> None:
    """A row numbered otherwise than ours is unreadable, not ignored."""
    with pytest.raises(UnreadablePaper, match=label):
        read_paper({**TERMS.fields(ROWS), label: "7"})


def test_labels_of_the_templates_own_do_not_matter() -> None:
    """A total or a date signed beside ours is none of our business."""
    more = {"ProductTotal": "141.60", "DateSigned": "2026-11-30", "Seats": "15"}
    assert read_paper({**TERMS.fields(ROWS), **more}) == read_paper(TERMS.fields(ROWS))


def test_every_wrong_field_is_named_at_once() -> None:
    """Contracts mends a draft once."""
    with pytest.raises(UnreadablePaper) as unreadable:
        read_paper({**TERMS.fields(ROWS), "Term": "x", "EndDate": "y", "Seats1": "z", "UnitPrice2": "free"})
    for named in ("Term", "EndDate", "row 1", "row 2"):
        assert named in str(unreadable.value)


@given(st.dictionaries(st.sampled_from(sorted(LABELS | ROW_LABELS)), st.text(max_size=12)))
def test_no_text_breaks_the_reading(changes: dict[str, str]) -> None:
    """Whatever stands in the fields: a paper, or what is wrong with it."""
    try:
        paper = read_paper({**TERMS.fields(ROWS), **changes})
    except UnreadablePaper as unreadable:
        assert str(unreadable)
        return
    assert paper.lines
    assert all(line.seats > 0 and line.unit_price >= 0 for line in paper.lines)


@pytest.mark.parametrize(
    "wrong",
    [{"seats": 0}, {"seats": -1}, {"unit_price": Decimal("-0.01")}, {"unit_price": Decimal("NaN")}, {"product_id": ""}],
    ids=["no seats", "negative seats", "negative price", "no price", "no product id"],
)
def test_a_line_that_makes_no_sense_cannot_be_drawn_up(wrong: dict[str, object]) -> None:
    """What couldn't be read back is never put on paper."""
    with pytest.raises(ValidationError):
        POWER_BI.model_validate({**dict(POWER_BI), **wrong})


def test_annual_terms_read_back_as_annual() -> None:
    """Term and billing are two things: 1-Year, billed monthly."""
    paper = read_paper(terms(term=Term.ANNUAL, billing=Billing.MONTHLY).fields(ROWS))
    assert (paper.term, paper.billing) == (Term.ANNUAL, Billing.MONTHLY)
