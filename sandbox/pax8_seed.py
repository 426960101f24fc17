"""What Pax8 starts with: the customers' companies, their primary contact of ours, and their subscriptions."""

from datetime import timedelta

from sandbox import pax8_catalogue
from sandbox.core import Record, World, stable_id
from sandbox.pax8_catalogue import price_of
from sandbox.pax8_companies import Companies
from sandbox.pax8_terms import MONTHS, at_midnight, begin_terms, book_end, keep, months_after
from sandbox.pax8_wire import midnight, mountain, read_moment
from sandbox.seed.model import Customer, DistributorCompany, Subscription
from sandbox.world import SEED


def seed(world: World) -> None:
    """Keeps catalogue, companies, contacts and subscriptions of the seeded world."""
    pax8_catalogue.seed(world)
    for customer in SEED.customers:
        for company in customer.pax8:
            _company(world, customer, company)
            for number, subscription in enumerate(company.subscriptions, start=1):
                _subscription(world, company, subscription, number)


def _company(world: World, customer: Customer, company: DistributorCompany) -> None:
    record: Record = {
        "id": company.company_id,
        "name": company.name,
        "address": {
            "street": customer.street,
            "city": customer.city,
            "stateOrProvince": customer.state,
            "postalCode": customer.postal_code,
            "country": "US",
        },
        "phone": customer.phone,
        "website": company.website,
        "externalId": company.external_id,
        "billOnBehalfOfEnabled": False,
        "selfServiceAllowed": False,
        "orderApprovalRequired": False,
        "status": company.status,
        "updatedDate": mountain(world.now()),
        "eligible": sorted({"Commercial", "Trial"} | {s.segment for s in company.subscriptions}),
    }
    world.store.put("pax8.companies", company.company_id, record)
    if company.status != "Active":
        return
    contact: Record = {
        "id": stable_id("pax8-contact", company.company_id),
        "firstName": SEED.msp.name.split()[0],
        "lastName": "Licences",
        "email": SEED.msp.mailbox,
        "phone": "+1 212 555 0100",
        "types": [{"type": kind, "primary": True} for kind in ("Admin", "Billing", "Technical")],
    }
    Companies(world).seed_contact(record, contact)


def _subscription(world: World, company: DistributorCompany, held: Subscription, number: int) -> None:
    product, today = SEED.product_of(held), world.now().date()
    start = today - timedelta(days=held.started_days_ago)
    kept = world.store.get("pax8.products", product.product_id) or {}
    rates = price_of(kept, held.billing, held.term or None)
    assert rates is not None, f"{company.name}: {held.product} has no such price"  # noqa: S101
    commitment = product.commitment(held.term) if held.term else None
    record: Record = {
        "id": stable_id("pax8-subscription", company.company_id, str(number)),
        "parentSubscriptionId": None,
        "companyId": company.company_id,
        "productId": product.product_id,
        "productName": product.name,
        "vendorSubscriptionId": stable_id("microsoft-subscription", company.company_id, str(number)),
        "vendorSkuId": product.sku_id,
        "quantity": held.seats,
        "startDate": midnight(start),
        "endDate": None,
        "createdDate": mountain(at_midnight(start)),
        "billingStart": start.isoformat(),
        "status": held.status,
        "price": float(rates[1]),
        "partnerCost": float(rates[0]),
        "currencyCode": SEED.msp.currency,
        "billingTerm": held.billing,
        "commitment": {"id": commitment.commitment_id, "term": held.term} if commitment else None,
        "spelling": ("commitment", "commitmentTerm")[number % 2],
        "tenantId": held.tenant_id,
        "orderId": None,
    }
    if commitment:
        over = 0
        while months_after(start, MONTHS[held.term] * (over + 1)) <= today:
            over += 1
        begin_terms(world, record, at_midnight(start), over)
        if held.end_booked:
            book_end(world, record, read_moment(record["commitment"]["endDate"]))
    keep(world, record)
