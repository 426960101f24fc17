"""The customers: the two plain ones, and the awkward ones of `sandbox.seed.awkward`."""

from decimal import Decimal

from sandbox.seed import tenants
from sandbox.seed.awkward import AWKWARD
from sandbox.seed.held import annual, monthly, pax8_company
from sandbox.seed.model import Contact, Contract, Customer, Ticket
from sandbox.seed.tenants import PREMIUM, STANDARD

PLAIN: tuple[Customer, ...] = (
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
        tenants=(tenants.CONTOSO,),
        pax8=(pax8_company("Contoso Ltd", 175, "contoso.example", monthly(PREMIUM, 12, 200, tenants.CONTOSO)),),
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
        tenants=(tenants.FABRIKAM,),
        pax8=(pax8_company("Fabrikam Inc", 176, "fabrikam.example", annual(STANDARD, 8, 120, tenants.FABRIKAM)),),
        tickets=(
            Ticket(700180, "T20261119.0004", "Power BI for finance", "Frida needs Power BI Pro.", contact_id=1761),
        ),
        contract=Contract(29680176, "Fabrikam Inc – recurring services", ((STANDARD, 8),)),
    ),
)

CUSTOMERS: tuple[Customer, ...] = PLAIN + AWKWARD
