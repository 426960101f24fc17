"""What an agreement says: our terms as the template's fields, and a paper's fields read back as terms (N4, N5)."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import ConfigDict, Field

from rules.order import Billing, Filled, Frozen, Price, Term

AT_ONCE = "on signing"
OPEN_END = "none"
CELLS = ("Product", "ProductId", "Seats", "UnitPrice")
_ROW_LABEL = re.compile(rf"(?:{'|'.join(CELLS)})(\d+)")
_ROW_NUMBER = re.compile(r"[1-9][0-9]?")
_SEATS = re.compile(r"[0-9]+")
_PRICE = re.compile(r"[0-9]+(\.[0-9]+)?")


class AgreementLine(Frozen):
    """One product of the agreement; `unit_price` is the customer's, per seat and billing period."""

    model_config = ConfigDict(str_strip_whitespace=True)

    product_id: Filled
    product_name: str
    seats: int = Field(gt=0)
    unit_price: Price


class AgreementTerms(Frozen):
    """Everything that the customer signs. `start` None: at once; `end` None: until cancelled.

    Blanks around a text don't count: they don't survive the paper.
    """

    model_config = ConfigDict(str_strip_whitespace=True)

    reference: str
    customer: str
    ticket: str
    term: Term
    billing: Billing
    currency: str
    start: date | None = None
    end: date | None = None
    lines: tuple[AgreementLine, ...]

    @property
    def first_term_value(self) -> Decimal:
        """What the customer is bound to for the first term, in `currency`, before tax."""
        periods = max(self.term.months // self.billing.months, 1)
        return sum((line.unit_price * line.seats for line in self.lines), Decimal(0)) * periods

    def fields(self, rows: int) -> dict[str, str]:
        """The template's fields by label; unused rows are blank. Raises ValueError for more lines than rows (N4)."""
        if len(self.lines) > rows:
            raise ValueError(f"{len(self.lines)} lines don't fit the template's {rows} rows")
        fields = {
            "Reference": self.reference,
            "CustomerName": self.customer,
            "Ticket": self.ticket,
            "Term": self.term.value,
            "BillingFrequency": self.billing.value,
            "Currency": self.currency,
            "StartDate": self.start.isoformat() if self.start else AT_ONCE,
            "EndDate": self.end.isoformat() if self.end else OPEN_END,
        }
        for row in range(1, rows + 1):
            line = self.lines[row - 1] if row <= len(self.lines) else None
            fields[f"Product{row}"] = line.product_name if line else ""
            fields[f"ProductId{row}"] = line.product_id if line else ""
            fields[f"Seats{row}"] = str(line.seats) if line else ""
            fields[f"UnitPrice{row}"] = price_text(line.unit_price) if line else ""
        return fields


def price_text(price: Decimal) -> str:
    """A price as it stands on paper: at least two decimals, no thousands separator (`1204.50`)."""
    whole, _, places = format(abs(price) if price.is_zero() else price, "f").partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def read_price(text: str) -> Decimal:
    """A price as people write it: digits, and a decimal point. Raises ValueError for anything else."""
    if not _PRICE.fullmatch(text):
        raise ValueError(f"'{text}' is not a price")
    return Decimal(text)


class PaperLine(Frozen):
    """One filled row of a paper, as far as it could be read."""

    row: int
    product_id: str
    product_name: str
    seats: int
    unit_price: Decimal


class Paper(Frozen):
    """An agreement as it reads, whoever made it. Built by `read_paper` from the envelope's fields alone."""

    reference: str
    customer: str
    ticket: str
    term: Term
    billing: Billing
    currency: str
    start: date | None
    end: date | None
    lines: tuple[PaperLine, ...]


class UnreadablePaper(Exception):
    """The fields don't make an agreement: a label is missing or a value can't be read. Names each of them (N4)."""


def read_paper(fields: Mapping[str, str]) -> Paper:
    """Read an agreement from its fields by label. Raises `UnreadablePaper` naming every field that is wrong."""
    wrong: list[str] = []
    header = {}
    for label in (
        "Reference",
        "CustomerName",
        "Ticket",
        "Term",
        "BillingFrequency",
        "Currency",
        "StartDate",
        "EndDate",
    ):
        if label not in fields:
            wrong.append(f"the field {label} is missing")
        header[label] = fields.get(label, "").strip()
    for label, known in (("Term", Term), ("BillingFrequency", Billing)):
        if label in fields and header[label] not in {member.value for member in known}:
            wrong.append(f"{label} says '{header[label]}', known are {', '.join(member.value for member in known)}")
    dates: dict[str, date | None] = {}
    for label, word in (("StartDate", AT_ONCE), ("EndDate", OPEN_END)):
        text = header[label]
        try:
            dates[label] = None if text in (word, "") else date.fromisoformat(text)
        except ValueError:
            wrong.append(f"{label} says '{text}', expected a day as 2026-12-31 or '{word}'")
    lines = _rows(fields, wrong)
    if not lines and not wrong:
        wrong.append("no row is filled")
    if wrong:
        raise UnreadablePaper("; ".join(wrong))
    return Paper(
        reference=header["Reference"],
        customer=header["CustomerName"],
        ticket=header["Ticket"],
        term=Term(header["Term"]),
        billing=Billing(header["BillingFrequency"]),
        currency=header["Currency"],
        start=dates["StartDate"],
        end=dates["EndDate"],
        lines=tuple(lines),
    )


def _rows(fields: Mapping[str, str], wrong: list[str]) -> list[PaperLine]:
    lines = []
    for row in _row_numbers(fields, wrong):
        cells = {name: fields.get(f"{name}{row}", "").strip() for name in CELLS}
        if not any(cells.values()):
            continue
        try:
            seats = int(cells["Seats"])
            price = read_price(cells["UnitPrice"])
            if seats <= 0 or not _SEATS.fullmatch(cells["Seats"]) or not cells["Product"]:
                raise ValueError
        except ValueError:
            wrong.append(
                f"row {row} says '{cells['Product']}', seats '{cells['Seats']}', unit price '{cells['UnitPrice']}'"
            )
            continue
        lines.append(
            PaperLine(
                row=row,
                product_id=cells["ProductId"],
                product_name=cells["Product"],
                seats=seats,
                unit_price=price,
            )
        )
    return lines


def _row_numbers(fields: Mapping[str, str], wrong: list[str]) -> list[int]:
    """The rows that any of our labels names; a row numbered otherwise than ours is wrong, not overlooked."""
    numbers: set[int] = set()
    for label in fields:
        found = _ROW_LABEL.fullmatch(label)
        if found is None:
            continue
        if _ROW_NUMBER.fullmatch(found[1]):
            numbers.add(int(found[1]))
        else:
            wrong.append(f"the label {label} is none of ours")
    if not numbers:
        wrong.append("the rows (Product1, Seats1, UnitPrice1, …) are missing")
    return sorted(numbers)


class DifferenceKind(StrEnum):
    """In what a paper differs from what is to be ordered."""

    REFERENCE = "reference"
    CUSTOMER = "customer"
    TICKET = "ticket"
    TERM = "term"
    BILLING = "billing frequency"
    CURRENCY = "currency"
    START = "start date"
    END = "end date"
    PRODUCT = "product"
    SEATS_FEWER = "fewer seats signed"
    SEATS_MORE = "more seats signed"
    PRICE = "unit price"


class Difference(Frozen):
    """One difference; `signed` is what the paper says, `wanted` what the order or the request says."""

    kind: DifferenceKind
    wanted: str
    signed: str
    product: str = ""

    def __str__(self) -> str:
        of = f" of {self.product}" if self.product else ""
        return f"{self.kind.value}{of}: signed '{self.signed}', to be ordered '{self.wanted}'"


def compare(wanted: AgreementTerms, paper: Paper) -> tuple[Difference, ...]:
    """Every difference between the terms asked for and a paper, line by line; empty when they are equal (N5).

    Lines are matched by product id; a row without one (made by hand) by its exact name. The name counts beside
    the id: it is what the customer read. More seats on paper are a difference like fewer: neither covers the other.
    """
    found: list[Difference] = []

    def differ(kind: DifferenceKind, want: object, signed: object, product: str = "") -> None:
        found.append(Difference(kind=kind, wanted=str(want), signed=str(signed), product=product))

    if paper.reference and paper.reference != wanted.reference:
        differ(DifferenceKind.REFERENCE, wanted.reference, paper.reference)
    if paper.customer != wanted.customer:
        differ(DifferenceKind.CUSTOMER, wanted.customer, paper.customer)
    if paper.ticket != wanted.ticket:
        differ(DifferenceKind.TICKET, wanted.ticket, paper.ticket)
    if paper.term is not wanted.term:
        differ(DifferenceKind.TERM, wanted.term.value, paper.term.value)
    if paper.billing is not wanted.billing:
        differ(DifferenceKind.BILLING, wanted.billing.value, paper.billing.value)
    if paper.currency != wanted.currency:
        differ(DifferenceKind.CURRENCY, wanted.currency, paper.currency)
    if paper.start != wanted.start:
        differ(DifferenceKind.START, wanted.start or AT_ONCE, paper.start or AT_ONCE)
    if paper.end != wanted.end:
        differ(DifferenceKind.END, wanted.end or OPEN_END, paper.end or OPEN_END)

    rows = list(paper.lines)
    for line in wanted.lines:
        row = next((row for row in rows if _same_product(row, line)), None)
        if row is None:
            differ(
                DifferenceKind.PRODUCT,
                f"{line.seats} × {line.product_name}",
                "not on the paper",
                line.product_name,
            )
            continue
        rows.remove(row)
        if row.product_name != line.product_name:
            differ(DifferenceKind.PRODUCT, line.product_name, row.product_name, line.product_name)
        if row.seats < line.seats:
            differ(DifferenceKind.SEATS_FEWER, line.seats, row.seats, line.product_name)
        elif row.seats > line.seats:
            differ(DifferenceKind.SEATS_MORE, line.seats, row.seats, line.product_name)
        if row.unit_price != line.unit_price:
            differ(
                DifferenceKind.PRICE,
                price_text(line.unit_price),
                price_text(row.unit_price),
                line.product_name,
            )
    for row in rows:
        differ(DifferenceKind.PRODUCT, "not asked for", f"{row.seats} × {row.product_name}", row.product_name)
    return tuple(found)


def _same_product(row: PaperLine, line: AgreementLine) -> bool:
    if row.product_id:
        return row.product_id == line.product_id
    return row.product_name == line.product_name


def with_signed_seats(wanted: AgreementTerms, paper: Paper) -> AgreementTerms:
    """The terms with the paper's seats, for when a person chose "order as signed" (N5)."""
    seats = {line.product_id: row.seats for line in wanted.lines for row in paper.lines if _same_product(row, line)}
    lines = tuple(line.model_copy(update={"seats": seats.get(line.product_id, line.seats)}) for line in wanted.lines)
    return wanted.model_copy(update={"lines": lines})
