"""The customers: two plain ones, and one of each awkward kind, saying in a sentence what is odd."""

from decimal import Decimal

from sandbox.core import stable_id
from sandbox.seed.model import (
    Contact,
    Contract,
    Customer,
    DistributorCompany,
    Gdap,
    Subscription,
    Tenant,
    TenantUser,
    Ticket,
)

DIRECTORY_READERS = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"
LICENCE_ADMINISTRATOR = "4d6ac14f-3453-41d0-bef9-a3e0c569773a"
USER_ADMINISTRATOR = "fe930be7-5e62-47db-91af-98c3a49a38b1"
AUTHENTICATION_ADMINISTRATOR = "c4e39bd9-1100-46d3-8c65-fb160da0071f"
NEEDED_ROLES = (DIRECTORY_READERS, LICENCE_ADMINISTRATOR, USER_ADMINISTRATOR, AUTHENTICATION_ADMINISTRATOR)

PREMIUM = "Microsoft 365 Business Premium"
STANDARD = "Microsoft 365 Business Standard"
BASIC = "Microsoft 365 Business Basic"


def _gdap(name: str, status: str = "active", roles: tuple[str, ...] = NEEDED_ROLES) -> Gdap:
    return Gdap(f"Northgate IT {name}", status, roles)


def _tenant(
    name: str,
    onmicrosoft: str,
    domain: str,
    *users: TenantUser,
    gdap: tuple[Gdap, ...] = (),
    in_it_glue: bool = True,
) -> Tenant:
    return Tenant(stable_id("tenant", onmicrosoft), name, onmicrosoft, (domain,), gdap, users, in_it_glue)


def _pax8(
    name: str,
    company_id: int | None,
    domain: str,
    *subscriptions: Subscription,
    status: str = "Active",
) -> DistributorCompany:
    external = None if company_id is None else str(company_id)
    website = f"https://www.{domain}"
    return DistributorCompany(stable_id("pax8-company", name), name, external, website, status, tuple(subscriptions))


def _monthly(product: str, seats: int, age: int, tenant: Tenant, *, end_booked: bool = False) -> Subscription:
    return Subscription(product, seats, "Monthly", "Monthly", age, tenant.tenant_id, "Active", end_booked=end_booked)


def _annual(product: str, seats: int, age: int, tenant: Tenant, *, end_booked: bool = False) -> Subscription:
    return Subscription(product, seats, "1-Year", "Monthly", age, tenant.tenant_id, "Active", end_booked=end_booked)


CONTOSO_TENANT = _tenant(
    "Contoso Ltd",
    "contoso",
    "contoso.example",
    TenantUser("Ada Byte", "ada@contoso.example", (PREMIUM,)),
    TenantUser("Ben Okafor", "ben@contoso.example", (PREMIUM,)),
    TenantUser("Cleo Marsh", "cleo@contoso.example"),
    gdap=(_gdap("Contoso"),),
)
FABRIKAM_TENANT = _tenant(
    "Fabrikam Inc",
    "fabrikam",
    "fabrikam.example",
    TenantUser("Frida Novak", "frida@fabrikam.example", (STANDARD,)),
)
ADVENTURE_TENANT = _tenant(
    "Adventure Works",
    "adventureworks",
    "adventure-works.example",
    gdap=(_gdap("Adventure Works"),),
)
WIDE_TENANT_EAST = _tenant(
    "Wide World Importers East",
    "wideworldeast",
    "wideworld.example",
    gdap=(_gdap("Wide World East"),),
)
WIDE_TENANT_WEST = _tenant(
    "Wide World Importers West",
    "wideworldwest",
    "west.wideworld.example",
    gdap=(_gdap("Wide World West"),),
)
ALPINE_TENANT = _tenant(
    "Alpine Rescue Foundation",
    "alpinerescue",
    "alpinerescue.example",
    gdap=(_gdap("Alpine Rescue"),),
)
PROSEWARE_TENANT = _tenant("Proseware", "proseware", "proseware.example", gdap=(_gdap("Proseware"),))
LITWARE_TENANT = _tenant("Litware", "litware", "litware.example", gdap=(_gdap("Litware"),))
TAILSPIN_TENANT = _tenant("Tailspin Toys", "tailspintoys", "tailspin.example", gdap=(_gdap("Tailspin"),))
WOODGROVE_TENANT = _tenant(
    "Woodgrove Bank",
    "woodgrove",
    "woodgrove.example",
    gdap=(_gdap("Woodgrove", roles=(DIRECTORY_READERS,)),),
)
LAMNA_TENANT = _tenant("Lamna Healthcare", "lamna", "lamna.example", gdap=(_gdap("Lamna"),), in_it_glue=False)
VANARSDEL_TENANT = _tenant("VanArsdel", "vanarsdel", "vanarsdel.example", gdap=(_gdap("VanArsdel", "approvalPending"),))
NORTHWIND_TENANT = _tenant("Northwind Traders", "northwind", "northwind.example", gdap=(_gdap("Northwind", "expired"),))
PHARMA_TENANT = _tenant(
    "Contoso Pharmaceuticals",
    "contosopharma",
    "contoso-pharma.example",
    gdap=(_gdap("Contoso Pharma"),),
)


CUSTOMERS: tuple[Customer, ...] = (
    Customer(
        key="contoso",
        company_id=175,
        name="Contoso Ltd",
        domain="contoso.example",
        phone="+1 646 555 0175",
        street="17 Harbour Street",
        city="New York",
        state="NY",
        postal_code="10004",
        contacts=(
            Contact(
                1751,
                "Ada",
                "Byte",
                "ada@contoso.example",
                "+1 646 555 0176",
                "Managing director",
                may_confirm=True,
                may_sign=True,
            ),
            Contact(
                1752,
                "Ben",
                "Okafor",
                "ben@contoso.example",
                "+1 646 555 0177",
                "Office manager",
                may_confirm=True,
            ),
            Contact(1753, "Rita", "Desk", "rita@contoso.example", "+1 646 555 0178", "Receptionist"),
            Contact(
                1754,
                "Gil",
                "Former",
                "gil@contoso.example",
                "+1 646 555 0179",
                "Left the company",
                active=False,
                may_confirm=True,
                may_sign=True,
            ),
        ),
        tenants=(CONTOSO_TENANT,),
        pax8=(_pax8("Contoso Ltd", 175, "contoso.example", _monthly(PREMIUM, 12, 200, CONTOSO_TENANT)),),
        tickets=(
            Ticket(
                700175,
                "T20261118.0012",
                "Visio for the drawing office",
                "Ada asks for Visio Plan 1 for three people.",
                contact_id=1751,
            ),
            Ticket(
                700176,
                "T20261002.0003",
                "Printer on the second floor",
                "Paper jam.",
                status="Complete",
                contact_id=1753,
                opened_days_ago=50,
            ),
        ),
        contract=Contract(29680175, "Contoso Ltd – recurring services", ((PREMIUM, 12),)),
    ),
    Customer(
        key="fabrikam",
        company_id=176,
        name="Fabrikam Inc",
        domain="fabrikam.example",
        phone="+1 646 555 0180",
        street="2 Mill Lane",
        city="Yonkers",
        state="NY",
        postal_code="10701",
        contacts=(
            Contact(
                1761,
                "Frida",
                "Novak",
                "frida@fabrikam.example",
                "+1 646 555 0181",
                "Finance",
                may_confirm=True,
                may_sign=True,
                first_term_limit=Decimal(5000),
            ),
        ),
        tenants=(FABRIKAM_TENANT,),
        pax8=(_pax8("Fabrikam Inc", 176, "fabrikam.example", _annual(STANDARD, 8, 120, FABRIKAM_TENANT)),),
        tickets=(
            Ticket(700180, "T20261119.0004", "Power BI for finance", "Frida needs Power BI Pro.", contact_id=1761),
        ),
        contract=Contract(29680176, "Fabrikam Inc – recurring services", ((STANDARD, 8),)),
    ),
    Customer(
        key="adventure",
        company_id=177,
        name="Adventure Works",
        domain="adventure-works.example",
        phone="+1 646 555 0190",
        street="90 Trail Road",
        city="Albany",
        state="NY",
        postal_code="12201",
        contacts=(
            Contact(
                1771,
                "Hugo",
                "Lind",
                "hugo@adventure-works.example",
                "+1 646 555 0191",
                "Owner",
                may_confirm=True,
                may_sign=True,
            ),
        ),
        tenants=(ADVENTURE_TENANT,),
        pax8=(
            _pax8(
                "Adventure Works",
                None,
                "adventure-works.example",
                _monthly(BASIC, 5, 300, ADVENTURE_TENANT),
            ),
        ),
        tickets=(Ticket(700190, "T20261117.0009", "Visio for planning", "Two seats.", contact_id=1771),),
        awkward="Pax8 has no external id for this company.",
    ),
    Customer(
        key="wideworld",
        company_id=178,
        name="Wide World Importers",
        domain="wideworld.example",
        phone="+1 646 555 0200",
        street="1 Pier",
        city="Newark",
        state="NJ",
        postal_code="07102",
        contacts=(
            Contact(
                1781,
                "Mira",
                "Castell",
                "mira@wideworld.example",
                "+1 646 555 0201",
                "IT manager",
                may_confirm=True,
                may_sign=True,
            ),
        ),
        tenants=(WIDE_TENANT_EAST, WIDE_TENANT_WEST),
        pax8=(
            _pax8(
                "Wide World Importers",
                178,
                "wideworld.example",
                _monthly(STANDARD, 20, 90, WIDE_TENANT_EAST),
                _monthly(BASIC, 4, 45, WIDE_TENANT_WEST),
            ),
        ),
        tickets=(
            Ticket(700200, "T20261116.0002", "Visio for the west coast", "West tenant, please.", contact_id=1781),
        ),
        awkward="Two Microsoft tenants.",
    ),
    Customer(
        key="alpine",
        company_id=179,
        name="Alpine Rescue Foundation",
        domain="alpinerescue.example",
        phone="+1 646 555 0210",
        street="5 Summit Way",
        city="Lake Placid",
        state="NY",
        postal_code="12946",
        contacts=(
            Contact(
                1791,
                "Nora",
                "Berg",
                "nora@alpinerescue.example",
                "+1 646 555 0211",
                "Director",
                may_confirm=True,
                may_sign=True,
            ),
        ),
        tenants=(ALPINE_TENANT,),
        pax8=(
            DistributorCompany(
                stable_id("pax8-company", "Alpine Rescue Foundation"),
                "Alpine Rescue Foundation",
                "179",
                "https://www.alpinerescue.example",
                subscriptions=(
                    Subscription(
                        PREMIUM,
                        10,
                        "1-Year",
                        "Monthly",
                        60,
                        ALPINE_TENANT.tenant_id,
                        segment="Nonprofit",
                    ),
                ),
            ),
        ),
        tickets=(Ticket(700210, "T20261115.0007", "More Premium licences", "Ten more volunteers.", contact_id=1791),),
        awkward="A nonprofit: it holds the Nonprofit twin of Business Premium.",
    ),
    Customer(
        key="proseware",
        company_id=180,
        name="Proseware",
        domain="proseware.example",
        phone="+1 646 555 0220",
        street="44 Press Court",
        city="Brooklyn",
        state="NY",
        postal_code="11201",
        contacts=(
            Contact(
                1801,
                "Otto",
                "Reim",
                "otto@proseware.example",
                "+1 646 555 0221",
                "Editor",
                may_confirm=True,
                may_sign=True,
            ),
        ),
        tenants=(PROSEWARE_TENANT,),
        pax8=(
            _pax8(
                "Proseware",
                180,
                "proseware.example",
                Subscription(
                    PREMIUM,
                    25,
                    "",
                    "Trial",
                    10,
                    PROSEWARE_TENANT.tenant_id,
                    status="Trial",
                    segment="Trial",
                ),
            ),
        ),
        tickets=(Ticket(700220, "T20261114.0001", "Premium after the trial", "Twelve seats.", contact_id=1801),),
        awkward="It runs a trial of Business Premium.",
    ),
    Customer(
        key="litware",
        company_id=181,
        name="Litware",
        domain="litware.example",
        phone="+1 646 555 0230",
        street="8 Letter Square",
        city="Hoboken",
        state="NJ",
        postal_code="07030",
        contacts=(
            Contact(
                1811,
                "Lena",
                "Hart",
                "lena@litware.example",
                "+1 646 555 0231",
                "Operations",
                may_confirm=True,
                may_sign=True,
            ),
        ),
        tenants=(LITWARE_TENANT,),
        pax8=(
            _pax8(
                "Litware",
                181,
                "litware.example",
                _monthly(PREMIUM, 4, 20, LITWARE_TENANT),
                _annual(PREMIUM, 15, 250, LITWARE_TENANT),
            ),
        ),
        tickets=(Ticket(700230, "T20261113.0005", "Three more Premium", "15 to 18.", contact_id=1811),),
        contract=Contract(29680181, "Litware – recurring services", ((PREMIUM, 19),)),
        awkward="Monthly and annual subscriptions of one product.",
    ),
    Customer(
        key="tailspin",
        company_id=182,
        name="Tailspin Toys",
        domain="tailspin.example",
        phone="+1 646 555 0240",
        street="3 Playground",
        city="Stamford",
        state="CT",
        postal_code="06901",
        contacts=(
            Contact(
                1821,
                "Pia",
                "Holm",
                "pia@tailspin.example",
                "+1 646 555 0241",
                "Managing director",
                may_confirm=True,
                may_sign=True,
            ),
        ),
        tenants=(TAILSPIN_TENANT,),
        pax8=(
            _pax8(
                "Tailspin Toys",
                182,
                "tailspin.example",
                _monthly("Visio Plan 1", 6, 40, TAILSPIN_TENANT, end_booked=True),
                _monthly("Project Plan 3", 2, 75, TAILSPIN_TENANT),
            ),
        ),
        tickets=(Ticket(700240, "T20261112.0008", "Visio again", "Six seats.", contact_id=1821),),
        awkward="A booked end on Visio Plan 1, and a product (Project Plan 3) that the map doesn't know.",
    ),
    Customer(
        key="woodgrove",
        company_id=183,
        name="Woodgrove Bank",
        domain="woodgrove.example",
        phone="+1 646 555 0250",
        street="100 Vault Avenue",
        city="New York",
        state="NY",
        postal_code="10005",
        contacts=(
            Contact(1831, "Dora", "Lobby", "dora@woodgrove.example", "+1 646 555 0251", "Receptionist"),
            Contact(
                1832,
                "Victor",
                "Stahl",
                "victor@woodgrove.example",
                "+1 646 555 0252",
                "Head of IT",
                may_confirm=True,
                may_sign=True,
                first_term_limit=Decimal(1000),
            ),
        ),
        tenants=(WOODGROVE_TENANT,),
        pax8=(_pax8("Woodgrove Bank", 183, "woodgrove.example", _monthly(BASIC, 30, 35, WOODGROVE_TENANT)),),
        tickets=(Ticket(700250, "T20261111.0006", "Copilot trial group", "Dora called.", contact_id=1831),),
        awkward="The ticket's contact is a receptionist, its relationship lacks roles, our signer is slow.",
        countersigner_slow=True,
    ),
    Customer(
        key="lamna",
        company_id=184,
        name="Lamna Healthcare",
        domain="lamna.example",
        phone="+1 646 555 0260",
        street="12 Ward Street",
        city="Queens",
        state="NY",
        postal_code="11101",
        contacts=(
            Contact(
                1841,
                "Sofia",
                "Brandt",
                "sofia@lamna.example",
                "+1 646 555 0261",
                "Practice manager",
                may_confirm=True,
                may_sign=True,
            ),
        ),
        tenants=(LAMNA_TENANT,),
        pax8=(_pax8("Lamna Healthcare", 184, "lamna.example", _monthly(STANDARD, 9, 15, LAMNA_TENANT)),),
        tickets=(Ticket(700260, "T20261110.0003", "Visio for the practice", "One seat.", contact_id=1841),),
        awkward="Its IT Glue organisation is not linked to the PSA company.",
        it_glue_linked=False,
    ),
    Customer(
        key="munson",
        company_id=185,
        name="Munson's Pickles and Preserves Farm",
        domain=None,
        phone="+1 646 555 0270",
        street="Farm Road 2",
        city="Hudson",
        state="NY",
        postal_code="12534",
        contacts=(
            Contact(
                1851,
                "Walt",
                "Munson",
                "walt.munson@mail.example",
                "+1 646 555 0271",
                "Owner",
                may_confirm=True,
                may_sign=True,
            ),
        ),
        tickets=(Ticket(700270, "T20261109.0004", "First Microsoft 365", "Three people.", contact_id=1851),),
        awkward="No Microsoft tenant at all, no domain, not known to Pax8.",
        has_mail_folder=False,
    ),
    Customer(
        key="vanarsdel",
        company_id=186,
        name="VanArsdel",
        domain="vanarsdel.example",
        phone="+1 646 555 0280",
        street="71 Kiln Street",
        city="Jersey City",
        state="NJ",
        postal_code="07302",
        contacts=(
            Contact(
                1861,
                "Yara",
                "Quist",
                "yara@vanarsdel.example",
                "+1 646 555 0281",
                "Owner",
                may_confirm=True,
                may_sign=True,
            ),
        ),
        tenants=(VANARSDEL_TENANT,),
        pax8=(_pax8("VanArsdel", 186, "vanarsdel.example", _monthly(BASIC, 7, 55, VANARSDEL_TENANT)),),
        tickets=(
            Ticket(
                700280,
                "T20261108.0002",
                "Teams Phone",
                "Seven numbers.",
                contact_id=1861,
                assigned_to="ivy",
            ),
        ),
        awkward="Its ticket belongs to an inactive technician; its relationship still awaits approval.",
    ),
    Customer(
        key="northwind",
        company_id=187,
        name="Northwind Traders",
        domain="northwind.example",
        phone="+1 646 555 0290",
        street="6 Compass Row",
        city="White Plains",
        state="NY",
        postal_code="10601",
        contacts=(
            Contact(
                1871,
                "Theo",
                "Wynn",
                "theo@northwind.example",
                "+1 646 555 0291",
                "Buyer",
                may_confirm=True,
                may_sign=True,
            ),
        ),
        tenants=(NORTHWIND_TENANT,),
        pax8=(_pax8("Northwind Traders", 187, "northwind.example", status="Inactive"),),
        tickets=(Ticket(700290, "T20261107.0001", "Visio", "Two seats.", contact_id=1871),),
        awkward="Inactive in Pax8 (no primary contacts); its delegated relationship has expired.",
    ),
    Customer(
        key="pharma",
        company_id=188,
        name="Contoso Pharmaceuticals",
        domain="contoso-pharma.example",
        phone="+1 646 555 0300",
        street="21 Lab Park",
        city="Princeton",
        state="NJ",
        postal_code="08540",
        contacts=(
            Contact(
                1881,
                "Zoe",
                "Akhtar",
                "zoe@contoso-pharma.example",
                "+1 646 555 0301",
                "Head of lab",
                may_confirm=True,
                may_sign=True,
            ),
        ),
        tenants=(PHARMA_TENANT,),
        pax8=(
            _pax8(
                "Contoso Pharmaceuticals",
                188,
                "contoso-pharma.example",
                _monthly(PREMIUM, 40, 25, PHARMA_TENANT),
            ),
        ),
        tickets=(Ticket(700300, "T20261106.0005", "Visio for the lab", "Five seats.", contact_id=1881),),
        awkward="Its name begins like another customer's.",
    ),
)


def customer(key: str) -> Customer:
    """The customer of that key (`contoso` …); KeyError for a stranger."""
    for candidate in CUSTOMERS:
        if candidate.key == key:
            return candidate
    raise KeyError(key)
