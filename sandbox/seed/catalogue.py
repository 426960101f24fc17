"""The distributor's Microsoft catalogue: products, commitments, prices, provisioning questions, the map."""

from decimal import Decimal

from sandbox.core import stable_id
from sandbox.seed.model import Commitment, MapEntry, Price, Product, Question

SUFFIX = " [New Commerce Experience]"
CENT = Decimal("0.01")

HAS_ACCOUNT = "The customer already has a Microsoft account and I know its tenant ID"
HAS_NO_ACCOUNT = "The customer does not have a Microsoft account and a new one should be created"
CANCEL_POLICY = (
    "I understand that this subscription can only be cancelled or reduced within seven days of purchase or renewal"
)
OVERAGE_YES = "Yes, include overage in the monthly invoice of this tenant"
OVERAGE_NO = "No, do not include overage for this tenant"

QUESTIONS: tuple[Question, ...] = (
    Question(
        "msCustExists",
        "Existing Microsoft customer",
        "Does this customer already have a Microsoft account?",
        "Single-Value",
        (HAS_ACCOUNT, HAS_NO_ACCOUNT),
    ),
    Question("msTenantId", "Tenant ID", "The directory ID of the existing tenant (a GUID).", "Input"),
    Question("msDomain", "Domain prefix", "The part before .onmicrosoft.com, for a new tenant.", "Input"),
    Question("mca2020FirstName", "Agreement: first name", "Who accepted the Customer Agreement.", "Input"),
    Question("mca2020LastName", "Agreement: last name", "Who accepted the Customer Agreement.", "Input"),
    Question("mca2020Email", "Agreement: e-mail", "Who accepted the Customer Agreement.", "Input"),
    Question("mca2020EffectiveDate", "Agreement: date", "Date of acceptance, YYYY-MM-DD.", "Input"),
    Question("msMPNidval", "Partner location ID", "The PLA ID to be credited.", "Input"),
    Question("msftContactFirstName", "Contact: first name", "Who receives the order information.", "Input"),
    Question("msftContactLastName", "Contact: last name", "Who receives the order information.", "Input"),
    Question("msftContactEmail", "Contact: e-mail", "Who receives the order information.", "Input"),
    Question(
        "microsoftCancelPolicyAcknowledgement",
        "Cancellation policy",
        "The seven-day rule must be acknowledged.",
        "Single-Value",
        (CANCEL_POLICY,),
    ),
)

OVERAGE = Question(
    "microsoftIncludeOverage",
    "Include overage",
    "A billing choice for the whole tenant.",
    "Single-Value",
    (OVERAGE_YES, OVERAGE_NO),
)

MONTHLY, ANNUAL = "Monthly", "1-Year"
OPTIONAL_QUESTIONS = frozenset({"msTenantId", "msDomain", "msMPNidval"})
"""Questions that may stay unanswered: the tenant's GUID and the new prefix exclude each other."""


def _commitments(name: str, terms: tuple[str, ...]) -> tuple[Commitment, ...]:
    """The product's commitments, each with an id of its own."""
    months = {MONTHLY: 1, ANNUAL: 12}
    return tuple(Commitment(stable_id("commitment", name, term), term, months[term]) for term in terms)


def _prices(retail: Decimal, terms: tuple[str, ...]) -> tuple[Price, ...]:
    """Rows from the annual commitment's monthly price: a monthly one lists a fifth higher, we pay 84 %."""
    rows: list[Price] = []
    for billing, term, months, factor in (
        ("Monthly", MONTHLY, 1, Decimal("1.20")),
        ("Monthly", ANNUAL, 12, Decimal(1)),
        ("Annual", ANNUAL, 12, Decimal(12)),
    ):
        if term in terms:
            listed = (retail * factor).quantize(CENT)
            rows.append(Price(billing, term, months, (listed * Decimal("0.84")).quantize(CENT), listed))
    return tuple(rows)


def _product(  # one row of the table below
    our_name: str,
    retail: str,
    vendor_sku: str,
    sku_id: str,
    part_number: str,
    *,
    segment: str = "Commercial",
    name: str | None = None,
    terms: tuple[str, ...] = (MONTHLY, ANNUAL),
    max_seats: int | None = None,
    needs_one_of: tuple[str, ...] = (),
    overage: bool = False,
) -> Product:
    full_name = (name or our_name) + SUFFIX
    prices = _prices(Decimal(retail), terms)
    if segment == "Trial":
        prices = (Price("Trial", None, 1, Decimal("0.00"), Decimal("0.00")),)
    return Product(
        product_id=stable_id("product", full_name),
        name=full_name,
        our_name=our_name,
        segment=segment,
        sku="MST-" + vendor_sku.replace(":", "-"),
        vendor_sku=vendor_sku,
        sku_id=sku_id,
        sku_part_number=part_number,
        description=f"{name or our_name}, per user, from Microsoft.",
        commitments=_commitments(full_name, terms),
        prices=prices,
        questions=(*QUESTIONS, OVERAGE) if overage else QUESTIONS,
        max_seats=max_seats,
        needs_one_of=needs_one_of,
    )


BASES = ("Microsoft 365 Business Premium", "Microsoft 365 Business Standard", "Microsoft 365 Business Basic")
VISIO_1, VISIO_2 = "Visio Plan 1", "Visio Plan 2"
PREMIUM = BASES[0]
VISIO_1_SKU = "4b244418-9658-4451-a2b8-b5e2b364e9bd"
VISIO_2_SKU = "c5928f49-12ba-48f7-ada3-0d743a3601d5"
PREMIUM_SKU = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"

PRODUCTS: tuple[Product, ...] = (
    _product(VISIO_1, "5.00", "CFQ7TTC0HD33:0002", VISIO_1_SKU, "VISIOONLINE_PLAN1"),
    _product(VISIO_2, "15.00", "CFQ7TTC0HD32:0001", VISIO_2_SKU, "VISIOCLIENT"),
    _product(PREMIUM, "22.00", "CFQ7TTC0LCHC:0002", PREMIUM_SKU, "SPB", max_seats=300),
    _product(
        BASES[1],
        "12.50",
        "CFQ7TTC0LDPB:0001",
        "f245ecc8-75af-4f8e-b61f-27d8114de5f3",
        "O365_BUSINESS_PREMIUM",
        max_seats=300,
    ),
    _product(
        BASES[2],
        "6.00",
        "CFQ7TTC0LH18:0001",
        "3b555118-da6a-4418-894f-7df1e2096870",
        "O365_BUSINESS_ESSENTIALS",
        max_seats=300,
    ),
    _product(
        "Exchange Online Plan 1",
        "4.00",
        "CFQ7TTC0LH16:0001",
        "4b9405b0-7788-4568-add1-99614e613b69",
        "EXCHANGESTANDARD",
        name="Exchange Online (Plan 1)",
    ),
    _product(
        "Project Plan 3",
        "30.00",
        "CFQ7TTC0HDB0:0002",
        "53818b1b-4a27-454b-8896-0dba576410e6",
        "PROJECTPROFESSIONAL",
    ),
    _product(
        "Power BI Pro",
        "14.00",
        "CFQ7TTC0H9MP:0001",
        "f8a1db68-be16-40ed-86d5-cb42ce701560",
        "POWER_BI_PRO",
    ),
    _product(
        "Copilot for Microsoft 365",
        "30.00",
        "CFQ7TTC0MM8R:0002",
        "639dec6b-bb19-468b-871c-c5c441c4b0cb",
        "Microsoft_365_Copilot",
        terms=(ANNUAL,),
        needs_one_of=BASES[:2],
    ),
    _product(
        "Teams Phone",
        "10.00",
        "CFQ7TTC0LHXH:0001",
        "e43b5b99-8dfb-405f-9987-dc307f34bcbd",
        "MCOEV",
        name="Microsoft Teams Phone Standard",
        needs_one_of=BASES,
        overage=True,
    ),
    _product(
        "Defender for Office 365 P1",
        "2.00",
        "CFQ7TTC0LHXR:0001",
        "4ef96642-f096-40de-a3e9-d83fb2f90211",
        "ATP_ENTERPRISE",
        name="Microsoft Defender for Office 365 (Plan 1)",
    ),
    _product(
        VISIO_1,
        "1.30",
        "CFQ7TTC0HD33:0005",
        stable_id("sku", "VISIOONLINE_PLAN1_NONPROFIT"),
        "VISIOONLINE_PLAN1_NONPROFIT",
        segment="Nonprofit",
        name="Visio Plan 1 (Nonprofit Staff Pricing)",
    ),
    _product(
        PREMIUM,
        "5.50",
        "CFQ7TTC0LCHC:0006",
        stable_id("sku", "SPB_NONPROFIT"),
        "SPB_NONPROFIT",
        segment="Nonprofit",
        name="Microsoft 365 Business Premium (Nonprofit Staff Pricing)",
        max_seats=300,
    ),
    _product(
        VISIO_1,
        "4.60",
        "CFQ7TTC0HD33:000G",
        stable_id("sku", "VISIOONLINE_PLAN1_GOV"),
        "VISIOONLINE_PLAN1_GOV",
        segment="Government",
        name="Visio Plan 1 for GCC (Government)",
    ),
    _product(
        PREMIUM,
        "0.00",
        "CFQ7TTC0LCHC:000T",
        PREMIUM_SKU,
        "SPB",
        segment="Trial",
        name="Microsoft 365 Business Premium (Trial)",
        terms=(),
        max_seats=25,
    ),
    _product(
        VISIO_2,
        "0.00",
        "CFQ7TTC0HD32:000T",
        VISIO_2_SKU,
        "VISIOCLIENT",
        segment="Trial",
        name="Visio Plan 2 (Trial)",
        terms=(),
        max_seats=25,
    ),
)

NOT_MAPPED = "Project Plan 3"
"""The product that the map leaves out, on purpose: N1 refuses it by name."""

PRODUCT_MAP: tuple[MapEntry, ...] = tuple(
    MapEntry(p.our_name, p.product_id) for p in PRODUCTS if p.segment == "Commercial" and p.our_name != NOT_MAPPED
)


def product(our_name: str, segment: str = "Commercial") -> Product:
    """The catalogue's product of that name and segment; KeyError where there is none."""
    for candidate in PRODUCTS:
        if candidate.our_name == our_name and candidate.segment == segment:
            return candidate
    raise KeyError(f"{our_name} ({segment})")


def product_by_id(product_id: str) -> Product:
    """The catalogue's product of that distributor id; KeyError where there is none."""
    for candidate in PRODUCTS:
        if candidate.product_id == product_id:
            return candidate
    raise KeyError(product_id)
