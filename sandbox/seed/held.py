"""How the seeded customers are known to the distributor: companies and what they subscribe to."""

from sandbox.core import stable_id
from sandbox.seed.model import DistributorCompany, Subscription, Tenant


def pax8_company(
    name: str,
    company_id: int | None,
    domain: str,
    *subscriptions: Subscription,
    status: str = "Active",
) -> DistributorCompany:
    """A company at Pax8; without an Autotask company id it has no external id."""
    external = None if company_id is None else str(company_id)
    website = f"https://www.{domain}"
    return DistributorCompany(stable_id("pax8-company", name), name, external, website, status, tuple(subscriptions))


def monthly(product: str, seats: int, age: int, tenant: Tenant, *, end_booked: bool = False) -> Subscription:
    """A subscription under a Monthly commitment, begun so many days ago."""
    return Subscription(product, seats, "Monthly", "Monthly", age, tenant.tenant_id, "Active", end_booked=end_booked)


def annual(product: str, seats: int, age: int, tenant: Tenant, *, end_booked: bool = False) -> Subscription:
    """A subscription under a 1-Year commitment, billed monthly, begun so many days ago."""
    return Subscription(product, seats, "1-Year", "Monthly", age, tenant.tenant_id, "Active", end_booked=end_booked)
