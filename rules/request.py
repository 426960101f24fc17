"""The request for a new subscription: as typed at launch, and as checked (N1)."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from pydantic import Field

from rules.agreement import AgreementLine, AgreementTerms, read_price
from rules.bridge import bridge_reference
from rules.order import Billing, Frozen, Term
from rules.people import AuthorisedContact, Person
from rules.refusal import Problem, Refused
from rules.tenant import account_name

MOST_SEATS = 100_000


class AskedLine(Frozen):
    """One line as typed. `field` is where on the form, for messages."""

    field: str
    product: str
    seats: int
    quote_line: str


class LaunchForm(Frozen):
    """The launch form as typed. Empty text: not given. Days are ISO, in the MSP's zone."""

    customer: str
    ticket: str
    requester: str
    signer: str
    product: str
    seats: int
    quote_line: str
    further_lines: str = ""
    term: Term = Term.MONTHLY
    billing_frequency: Billing = Billing.MONTHLY
    annual_reason: str = ""
    pricing_first: bool = False
    start_date: str = ""
    end_date: str = ""
    mca_first_name: str = ""
    mca_last_name: str = ""
    tenant: str = ""
    licence_users: str = ""
    follow_up_person: str = ""
    follow_up_work: str = ""
    envelope: str = ""
    new_tenant: bool = False
    tenant_admin: str = ""


class BridgeLaunch(LaunchForm):
    """The launch form of a bridge as typed: who confirms in writing, why it can't wait, by when (B1)."""

    confirmer: str = ""
    why_now: str = ""
    needed_by: str = ""
    senior: str = ""


class AskedRequest(Frozen):
    """The form read: what can be judged without looking anything up. Refusals name field, clause, way out."""

    form: LaunchForm
    lines: tuple[AskedLine, ...]
    start: date | None
    end: date | None
    licence_users: tuple[str, ...]
    needed_by: date | None = None


def read_form(form: LaunchForm, today: date) -> AskedRequest:
    """Read the launch form. Raises `Refused` with every problem at once; `today` is in the MSP's zone."""
    problems: list[Problem] = []

    def problem(field: str, clause: str, message: str, way_out: str) -> None:
        problems.append(Problem(field=field, clause=clause, message=message, way_out=way_out))

    needed = {"customer": "N1", "ticket": "N3", "requester": "N1", "signer": "N4", "product": "N1", "quote_line": "P1"}
    for field, clause in needed.items():
        if not getattr(form, field).strip():
            problem(field, clause, "is empty.", "Fill it in.")
    lines = _lines(form, problems)
    start = _day("start_date", "N6", form.start_date, problems)
    end = _day("end_date", "N7", form.end_date, problems)
    if start is not None and start < today:
        problem("start_date", "N6", f"{start} is in the past (today is {today}).", "Leave it empty for 'at once'.")
    if start is not None and start == today:
        start = None
    if end is not None and end <= max(today, start or today):
        problem("end_date", "N7", f"{end} is not after the start ({start or today}).", "Give a later day, or none.")
    if form.term is Term.ANNUAL and not form.annual_reason.strip():
        problem(
            "annual_reason",
            "P18",
            "an annual term binds the customer for twelve months and needs a reason.",
            "Say who of the customer asked for annual, and why; or choose Monthly.",
        )
    if form.term is Term.MONTHLY and form.billing_frequency is Billing.ANNUAL:
        problem(
            "billing_frequency", "N1", "a Monthly term can't be billed annually.", "Choose Monthly, or the 1-Year term."
        )
    for field in ("mca_first_name", "mca_last_name"):
        if not getattr(form, field).strip():
            problem(
                field,
                "P6",
                "is empty: Pax8 asks who of the customer accepted Microsoft's Customer Agreement.",
                "Ask the customer; a name is never made up.",
            )
    if form.new_tenant and (form.tenant.strip() or form.tenant_admin.strip()):
        field = "tenant" if form.tenant.strip() else "tenant_admin"
        problem(field, "P3", "is given, but the customer is said to have no tenant.", "Leave one of the two out.")
    if form.tenant_admin.strip() and "@" not in form.tenant_admin:
        problem("tenant_admin", "P8", f"'{form.tenant_admin}' is no mail address.", "Give the admin's, or leave it.")
    if form.follow_up_work.strip() and not form.follow_up_person.strip():
        problem("follow_up_person", "P13", "is empty, but there is follow-up work.", "Say who does it.")
    needed_by = _bridge_part(form, today, problems) if isinstance(form, BridgeLaunch) else None
    if problems:
        raise Refused(problems)
    users = tuple(dict.fromkeys(part.strip() for part in form.licence_users.replace(",", "\n").split() if part.strip()))
    return AskedRequest(form=form, lines=lines, start=start, end=end, licence_users=users, needed_by=needed_by)


def _bridge_part(form: BridgeLaunch, today: date, problems: list[Problem]) -> date | None:
    """What only a bridge asks: why, by when, and who confirms in writing (B1, B2)."""
    for field, clause, way_out in (
        ("why_now", "B1", "Say why the customer can't wait for the agreement; else use new-subscription."),
        ("needed_by", "B1", "Give the day by which the customer needs it."),
        ("confirmer", "B3", "Give the mail address of the customer's authorised contact who confirms in writing."),
    ):
        if not getattr(form, field).strip():
            problems.append(Problem(field=field, clause=clause, message="is empty.", way_out=way_out))
    needed_by = _day("needed_by", "B1", form.needed_by, problems)
    if needed_by is not None and needed_by < today:
        message = f"{needed_by} is in the past (today is {today})."
        problems.append(Problem(field="needed_by", clause="B1", message=message, way_out="Give today or a later day."))
    if form.start_date.strip():
        problems.append(
            Problem(
                field="start_date",
                clause="B1",
                message="a bridge starts at once.",
                way_out="For a later start use new-subscription: there is time for the agreement.",
            )
        )
    return needed_by


def _lines(form: LaunchForm, problems: list[Problem]) -> tuple[AskedLine, ...]:
    lines = [
        AskedLine(field="product", product=form.product.strip(), seats=form.seats, quote_line=form.quote_line.strip())
    ]
    for number, text in enumerate(form.further_lines.splitlines(), start=2):
        if not text.strip():
            continue
        field = f"further_lines, line {number - 1}"
        parts = [part.strip() for part in text.split("|")]
        is_number = len(parts) == 3 and parts[0].isascii() and parts[0].isdecimal() and len(parts[0]) <= 9
        if not is_number or not all(parts):
            problems.append(
                Problem(
                    field=field,
                    clause="N1",
                    message=f"'{text.strip()}' can't be read.",
                    way_out="Write one line a product: seats | product | quote line",
                )
            )
            continue
        lines.append(AskedLine(field=field, product=parts[1], seats=int(parts[0]), quote_line=parts[2]))
    for line in lines:
        seats_field = "seats" if line.field == "product" else line.field
        if not 0 < line.seats <= MOST_SEATS:
            problems.append(
                Problem(
                    field=seats_field,
                    clause="P4",
                    message=f"{line.seats} seats can't be ordered.",
                    way_out=f"Give a whole number from 1 to {MOST_SEATS}.",
                )
            )
    names = [line.product for line in lines]
    for place, line in enumerate(lines):
        if names.count(line.product) > 1 and names.index(line.product) == place:
            problems.append(
                Problem(
                    field=line.field,
                    clause="N1",
                    message=f"'{line.product}' stands on several lines.",
                    way_out="Give each product once, with all its seats.",
                )
            )
    return tuple(lines)


def _day(field: str, clause: str, text: str, problems: list[Problem]) -> date | None:
    day = text.strip()
    if not day:
        return None
    try:
        if day[10:11] in ("T", " "):
            return datetime.fromisoformat(day).date()
        return date.fromisoformat(day)
    except ValueError:
        problems.append(
            Problem(field=field, clause=clause, message=f"'{text}' is not a day.", way_out="Write it as 2026-12-31.")
        )
        return None


class Offer(Frozen):
    """What one product costs under one term and billing frequency, as the catalogue said at `LaunchForm` time.

    `retail` is the suggested customer's price per seat and billing period, `cost` ours: for pricing's eyes only.
    """

    term: Term
    billing: Billing
    commitment_id: str
    retail: Decimal
    cost: Decimal
    auto_renew: bool = True


class CheckedLine(Frozen):
    """One line with the product it stands for, fixed at launch, and the offers of the catalogue."""

    field: str
    product_id: str
    product_name: str
    catalogue_name: str
    quote_line: str
    seats: int = Field(gt=0)
    offers: tuple[Offer, ...]
    price: Decimal | None = None
    price_by: str = ""

    def offer(self, term: Term, billing: Billing) -> Offer | None:
        return next((o for o in self.offers if o.term is term and o.billing is billing), None)


class Customer(Frozen):
    """The customer in every system: Autotask company, Pax8 company, IT Glue organisation, Microsoft tenant.

    `new_tenant`: the customer had none when the request was checked. Until its prefix, company and tenant are known,
    `prefix`, `pax8_id` and `tenant_id` are empty. `own_domains`: all that are known to be the customer's (P3).
    """

    autotask_id: int
    name: str
    domain: str
    pax8_id: str
    itglue_id: int
    tenant_id: str
    tenant_source: str
    gdap_active: bool
    new_tenant: bool = False
    prefix: str = ""
    own_domains: tuple[str, ...] = ()

    @property
    def needs_tenant(self) -> bool:
        """Whether an order would make the customer's tenant."""
        return self.new_tenant and not self.tenant_id


class BridgeAsk(Frozen):
    """Why a customer can't wait, until when it is needed, and who confirms in writing (B1, B2).

    `monthly_prices`: pricing's figures for the bridge, per seat and month, by product name (Y3).
    """

    reason: str
    needed_by: date
    contact: AuthorisedContact
    monthly_prices: tuple[tuple[str, Decimal], ...] = ()


class CheckedRequest(Frozen):
    """A request that passed every check before anything happened outside. The snapshot that a run works on.

    `reference` is ours: on the agreement, tickets, mails and assets. `edition` counts its agreements: a second one
    is drafted where the first was taken back (Y4). Persisted; grows only, with defaults.
    """

    reference: str
    run_id: str
    customer: Customer
    ticket_id: int
    ticket_number: str
    requester: Person
    requester_resource_id: int
    senior: Person
    signer: AuthorisedContact
    lines: tuple[CheckedLine, ...]
    term: Term
    billing: Billing
    currency: str
    pricing_first: bool
    annual_reason: str = ""
    start: date | None = None
    end: date | None = None
    mca_first_name: str = ""
    mca_last_name: str = ""
    licence_users: tuple[str, ...] = ()
    follow_up: Person | None = None
    follow_up_work: str = ""
    given_envelope: str = ""
    notices: tuple[str, ...] = ()
    edition: int = 1
    bridge: BridgeAsk | None = None
    tenant_admin: str = ""

    @property
    def title(self) -> str:
        """`Contoso Ltd · Visio Plan 1 × 3`, with `+ 2 more` for further lines."""
        first = self.lines[0]
        more = f" + {len(self.lines) - 1} more" if len(self.lines) > 1 else ""
        return f"{self.customer.name} · {first.product_name} × {first.seats}{more}"

    @property
    def what(self) -> str:
        """Every line in words: `3 × Visio Plan 1, 2 × Power BI Pro`."""
        return ", ".join(f"{line.seats} × {line.product_name}" for line in self.lines)

    @property
    def terms(self) -> AgreementTerms:
        """The terms to be signed. A line without a confirmed price takes the catalogue's retail price."""
        return AgreementTerms(
            reference=self.reference,
            customer=self.customer.name,
            ticket=self.ticket_number,
            term=self.term,
            billing=self.billing,
            currency=self.currency,
            start=self.start,
            end=self.end,
            lines=tuple(
                AgreementLine(
                    product_id=line.product_id,
                    product_name=line.product_name,
                    seats=line.seats,
                    unit_price=self.price_of(line),
                )
                for line in self.lines
            ),
        )

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts of those who get the licences: in a new tenant at onmicrosoft.com if without mail (P10)."""
        customer = self.customer
        if not customer.prefix:
            return self.licence_users
        return tuple(account_name(user, customer.prefix, customer.own_domains) for user in self.licence_users)

    def for_bridge(self) -> "CheckedRequest":
        """The bridge's own order: a month of the same lines on the Monthly term, under a reference of its own (B2)."""
        if self.bridge is None:
            raise ValueError(f"{self.reference} asks for no bridge")
        monthly = dict(self.bridge.monthly_prices)
        lines = tuple(
            line.model_copy(update={"price": monthly.get(line.product_name)})
            if self.term is not Term.MONTHLY or line.product_name in monthly
            else line
            for line in self.lines
        )
        return self.model_copy(
            update={
                "reference": bridge_reference(self.reference),
                "term": Term.MONTHLY,
                "billing": Billing.MONTHLY,
                "lines": lines,
            }
        )

    def price_of(self, line: CheckedLine) -> Decimal:
        """The customer's price for a line: the one a person confirmed, else the catalogue's retail price."""
        if line.price is not None:
            return line.price
        offer = line.offer(self.term, self.billing)
        if offer is None:
            raise ValueError(f"{line.product_name} has no offer for {self.term.value}, billed {self.billing.value}")
        return offer.retail

    def with_prices(self, prices: Mapping[str, Decimal], by: str) -> "CheckedRequest":
        """The same request with a person's figures, by product name."""
        lines = tuple(
            line.model_copy(update={"price": prices[line.product_name], "price_by": by})
            if line.product_name in prices
            else line
            for line in self.lines
        )
        return self.model_copy(update={"lines": lines})


class UnreadableAnswer(Exception):
    """A person's figures can't be read. Says which line and how to write it; the form is shown again."""


def read_prices(text: str, products: tuple[str, ...], all_needed: bool) -> dict[str, Decimal]:
    """Read a person's figures, one line a product: `Visio Plan 1 = 5.20`. Raises `UnreadableAnswer`."""
    prices: dict[str, Decimal] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, separator, figure = (part.strip() for part in line.rpartition("="))
        if not separator or name not in products:
            raise UnreadableAnswer(f"'{line.strip()}': write 'product = price', products are {', '.join(products)}")
        if name in prices:
            raise UnreadableAnswer(f"{name} stands there twice; write one line each")
        try:
            prices[name] = read_price(figure)
        except ValueError:
            raise UnreadableAnswer(f"'{figure}' is not a price; write it as 12.50") from None
    missing = [name for name in products if name not in prices]
    if missing and (all_needed or not prices):
        raise UnreadableAnswer(f"no price for {', '.join(missing)}; write one line each: product = 12.50")
    return prices


def read_seats(text: str, products: tuple[str, ...]) -> dict[str, int]:
    """Read other numbers of seats, one line a product: `Visio Plan 1 = 4`. Raises `UnreadableAnswer`."""
    seats: dict[str, int] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, separator, figure = (part.strip() for part in line.rpartition("="))
        if not separator or name not in products:
            raise UnreadableAnswer(f"'{line.strip()}': write 'product = seats', products are {', '.join(products)}")
        if name in seats:
            raise UnreadableAnswer(f"{name} stands there twice; write one line each")
        is_number = figure.isascii() and figure.isdecimal() and len(figure) <= 9
        if not is_number or not 0 < int(figure) <= MOST_SEATS:
            raise UnreadableAnswer(f"'{figure}' is not a number of seats; write a whole number from 1 to {MOST_SEATS}")
        seats[name] = int(figure)
    if not seats:
        raise UnreadableAnswer("write one line a product: product = 4")
    return seats
