"""Pax8: customers, the catalogue, orders and subscriptions at the distributor; and the block of its credentials."""

from datetime import datetime

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from rules.authority import EndAuthority, OrderAuthority
from rules.order import LicenceOrder
from rules.seats import SeatAuthority
from vendors.http import Refused, segment
from vendors.paging import Pages
from vendors.pax8_errors import VENDOR
from vendors.pax8_http import AUDIENCE, LIST_PAGE, PRODUCTION, PRODUCTION_TOKEN, Clock, Pax8Http, utc_now
from vendors.pax8_models import (
    Address,
    Commitment,
    CommitmentTerm,
    Company,
    Contact,
    ContactType,
    Dependencies,
    DraftItem,
    Order,
    OrderLine,
    PriceRow,
    Product,
    ProductDependency,
    ProvisionQuestion,
    Rate,
    Subscription,
)
from vendors.pax8_wire import cancel_moment, company_body, contact_body, order_body

__all__ = [
    "LIST_PAGE",
    "Address",
    "Commitment",
    "CommitmentTerm",
    "Company",
    "Contact",
    "ContactType",
    "Dependencies",
    "DraftItem",
    "Order",
    "OrderLine",
    "Pax8",
    "Pax8Block",
    "PriceRow",
    "Product",
    "ProductDependency",
    "ProvisionQuestion",
    "Rate",
    "Subscription",
]

_ORDERS_PAGE = 50  # lists of orders were seen to take longer than 30 s (pax8.md §3)


class Pax8(Pax8Http):
    """One partner's view of Pax8 (pax8.md); an async context manager.

    Every method raises `VendorError`s. The only writes that buy or end anything are an order, more seats and a booked
    end, each on an authority that is asked here, right before anything is sent; companies and contacts bind nobody
    (P2). Pax8 has no idempotency: after `UnclearOutcome` the effect is looked for, never sent again. There are no fewer
    seats, no ending at once and no taking back of a booked end.
    """

    def companies(self, status: str | None = None) -> Pages[Company]:
        """Return all customers; Pax8 can't search them by name or by our id (§4)."""
        return self._pages("companies", Company, {"sort": "name", "status": status})

    async def company(self, company_id: str) -> Company:
        """Return one customer."""
        return await self._one(f"companies/{segment(VENDOR, company_id)}", Company)

    def contacts(self, company_id: str) -> Pages[Contact]:
        """Return a customer's contacts."""
        return self._pages(f"companies/{segment(VENDOR, company_id)}/contacts", Contact, {})

    async def create_company(self, company: Company) -> Company:
        """Create a customer with our external id; it buys nothing. Inactive until it has its primary contacts (§4).

        Look for the external id first: twice sent is twice there.
        """
        response = await self._http.write("POST", "companies", json=company_body(company))
        return self._model(response, Company, write=True)

    async def set_external_id(self, company_id: str, external_id: str) -> Company:
        """Link a customer to one of ours (P2)."""
        path = f"companies/{segment(VENDOR, company_id)}"
        response = await self._http.write("PATCH", path, json={"externalId": external_id})
        return self._model(response, Company, write=True)

    async def add_contact(self, company_id: str, contact: Contact) -> Contact:
        """Add a contact. Look for the address first (§4)."""
        path = f"companies/{segment(VENDOR, company_id)}/contacts"
        return self._model(await self._http.write("POST", path, json=contact_body(contact)), Contact, write=True)

    async def change_contact(self, company_id: str, contact: Contact) -> Contact:
        """Replace a contact, what he is first for included; naturally repeatable."""
        path = f"companies/{segment(VENDOR, company_id)}/contacts/{segment(VENDOR, contact.id)}"
        return self._model(await self._http.write("PUT", path, json=contact_body(contact)), Contact, write=True)

    def products(self, search: str | None = None, vendor_name: str = "Microsoft") -> Pages[Product]:
        """Return products of the catalogue; `search` is Pax8's, and fuzzy: never order by it (§5)."""
        return self._pages("products", Product, {"search": search, "vendorName": vendor_name, "sort": "name"})

    async def product(self, product_id: str) -> Product:
        """Return one product by its pinned id."""
        return await self._one(f"products/{segment(VENDOR, product_id)}", Product)

    async def dependencies(self, product_id: str) -> Dependencies:
        """Return a product's commitments and the products it needs, as of now (§5)."""
        return await self._one(f"products/{segment(VENDOR, product_id)}/dependencies", Dependencies)

    async def pricing(self, product_id: str, company_id: str | None) -> list[PriceRow]:
        """Return a product's prices for one customer, or for any, a row for each billing and commitment (§5)."""
        path = f"products/{segment(VENDOR, product_id)}/pricing"
        return await self._content(path, PriceRow, {"companyId": company_id})

    async def provision_details(self, product_id: str) -> list[ProvisionQuestion]:
        """Return the questions to be answered with an order of this product (§5)."""
        return await self._content(f"products/{segment(VENDOR, product_id)}/provision-details", ProvisionQuestion)

    def orders(self, company_id: str) -> Pages[Order]:
        """Return a customer's orders; slow, without order or dates to filter by (§6)."""
        return self._pages("orders", Order, {"companyId": company_id}, size=_ORDERS_PAGE)

    async def order(self, order_id: str) -> Order:
        """Return one order."""
        return await self._one(f"orders/{segment(VENDOR, order_id)}", Order)

    def subscriptions(
        self,
        company_id: str | None = None,
        product_id: str | None = None,
        status: str | None = None,
        *,
        newest_first: bool = False,
    ) -> Pages[Subscription]:
        """Return subscriptions: of a customer, of a product, or all of this partner's (§7).

        Oldest first, so that one made meanwhile moves no other to a page already read. `newest_first`: for who
        looks for new ones and stops there; one made meanwhile shows another twice and hides none.
        """
        params = {
            "companyId": company_id,
            "productId": product_id,
            "status": status,
            "sort": "createdDate,desc" if newest_first else "createdDate,asc",
        }
        return self._pages("subscriptions", Subscription, params)

    async def subscription(self, subscription_id: str) -> Subscription:
        """Return one subscription, with Microsoft's ids."""
        return await self._one(f"subscriptions/{segment(VENDOR, subscription_id)}", Subscription)

    async def history(self, subscription_id: str) -> list[Subscription]:
        """Return former states of a subscription; they name no actor and no reason (§7)."""
        return await self._content(f"subscriptions/{segment(VENDOR, subscription_id)}/history", Subscription)

    def draft_items(self, company_id: str, *, next_month: bool = False) -> Pages[DraftItem]:
        """Return what Pax8 means to charge for a customer this month, or the next one (§8).

        A preview: the invoice itself is made on the 5th. Slow: a timeout is `Unavailable` after its retries.
        """
        params = {"companyId": company_id, "monthOffset": "1" if next_month else "0"}
        return self._pages("invoices/draftItems", DraftItem, params)

    async def mock_order(self, order: LicenceOrder) -> None:
        """Let Pax8 check an order without placing it; raises `Refused` with what it lacks (§5, §6).

        It has no effect, so it is tried again like a read.
        """
        await self._http.read("POST", "orders", params={"isMock": "true"}, json=order_body(_checked(order)))

    async def place_order(self, order: LicenceOrder, authority: OrderAuthority) -> Order:
        """Order licences, once, if the authority covers exactly this order; returns it as Pax8 keeps it.

        Raises `NotCovered` before anything is sent. On `UnclearOutcome` look for a new order of this company
        with equal lines; never call this again for the same one (§1.1, §3, decision 1, I1).
        """
        order = _checked(order)
        if authority.assert_covers(order) is not None:  # type: ignore[func-returns-value]
            raise TypeError("an authority says yes by returning nothing; nothing was sent")
        response = await self._http.write("POST", "orders", json=order_body(order))
        return self._model(response, Order, write=True)

    async def cancel_at(self, subscription_id: str, cancel_date: datetime, authority: EndAuthority) -> None:
        """Book the end of a subscription for a moment to come, if the authority covers exactly that.

        `cancel_date` is aware and should be the end of the commitment. Raises `NotCovered` or `Refused` before
        anything is sent. Can't be taken back through the API. Read `end` back: Pax8 answers nothing (§7.2).
        """
        path = f"subscriptions/{segment(VENDOR, subscription_id)}"
        if cancel_date.tzinfo is None:
            raise Refused(VENDOR, "the end has no time zone; nothing was sent", path=path)
        if authority.assert_covers_end(subscription_id, cancel_date) is not None:  # type: ignore[func-returns-value]
            raise TypeError("an authority says yes by returning nothing; nothing was sent")
        # Without a date, or with a past one, the same call would end the licences at once.
        if cancel_date <= self._clock():
            raise Refused(
                VENDOR,
                f"{cancel_date.isoformat()} isn't in the future: that would end the licences at once; nothing was sent",
                path=path,
            )
        await self._http.write("DELETE", path, params={"cancelDate": cancel_moment(cancel_date)})

    async def set_seats(self, subscription_id: str, before: int, after: int, authority: SeatAuthority) -> Subscription:
        """Raise the seats of a subscription to a new total, if the authority covers exactly `before` → `after`.

        Takes effect at once. Raises `NotCovered` or `Refused` before anything is sent. Pax8 compares nothing: who calls
        this has just read `before`, and reads back with the history, which tells what the total was (§7.1). Microsoft
        may drop a booked end: read `end` again. The same total sent twice changes nothing the second time.
        """
        path = f"subscriptions/{segment(VENDOR, subscription_id)}"
        if authority.assert_covers_seats(subscription_id, before, after) is not None:  # type: ignore[func-returns-value]
            raise TypeError("an authority says yes by returning nothing; nothing was sent")
        if after <= before:
            raise Refused(
                VENDOR, f"{after} is no more than {before}: seats are never lowered; nothing was sent", path=path
            )
        body: dict[str, object] = {"quantity": after}
        if self._put_needs_all:
            there = self._http.record(await self._http.read("GET", path))
            body |= {"startDate": there.get("startDate"), "billingTerm": there.get("billingTerm")}
        response = await self._http.write("PUT", path, json=body)
        return self._model(response, Subscription, write=True)

    async def check(self) -> str:
        """Return one line saying that the credentials work; else raise `VendorError`."""
        response = await self._http.read("GET", "companies", params={"page": "0", "size": "1"})
        count = (self._http.record(response).get("page") or {}).get("totalElements")
        return f"Pax8 works as {self._client_id}: {count if count is not None else 'some'} customers"


class Pax8Block(Block):
    """A partner's API credentials at Pax8."""

    _block_type_name = "Countersign Pax8"
    _block_type_slug = "countersign-pax8"
    _description = "Pax8: the distributor that Microsoft licences are ordered from."

    client_id: str = Field(title="Client id", description="From the Integrations Hub of the Pax8 app.")
    client_secret: SecretStr = Field(title="Client secret", description="From the Integrations Hub of the Pax8 app.")
    api_address: str = Field(default=PRODUCTION, title="API address", description="With https:// and its version.")
    token_address: str = Field(
        default=PRODUCTION_TOKEN, title="Token address", description="Where tokens are had, with https://."
    )
    audience: str = Field(default=AUDIENCE, title="Audience", description="What the token is for.")
    put_needs_all: bool = Field(
        default=False,
        title="Resend start and billing term",
        description="Only if Pax8 answers a change of seats with 500: send the present start and billing term along.",
    )

    def client(self, clock: Clock = utc_now) -> Pax8:
        """Return a client with these credentials; open it with `async with`. `clock` tells past from future."""
        return Pax8(
            client_id=self.client_id,
            client_secret=self.client_secret.get_secret_value(),
            api_address=self.api_address,
            token_address=self.token_address,
            audience=self.audience,
            clock=clock,
            put_needs_all=self.put_needs_all,
        )

    async def check(self) -> str:
        """Return one line saying that the credentials work; raise `VendorError` saying what is wrong."""
        async with self.client() as pax8:
            return await pax8.check()


def _checked(order: LicenceOrder) -> LicenceOrder:
    # Built again from its fields: a copy made past the model's own checks must not pass.
    return LicenceOrder.model_validate(order.model_dump())
