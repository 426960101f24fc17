"""Pax8's orders: what an order must say, the mock that only checks, and what a real one sets going (§6)."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import IncomingMail, Record, World, new_id
from sandbox.new_tenants import NEW_PREFIX, SENDER
from sandbox.pax8_catalogue import price_of
from sandbox.pax8_order_check import ORDER, OrderCheck
from sandbox.pax8_terms import at_midnight, begin_terms, end_term_at, keep, settle_later
from sandbox.pax8_wire import body_object, midnight, mountain, paged, place, read_moment, refuse
from sandbox.world import SEED

NEXT_END = "pax8.next_term_end"


class Orders:
    """The handlers below `/orders`."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def create(self, request: Request) -> Response:
        """200 with the order; `isMock=true` checks everything and writes nothing. Twice sent is twice bought."""
        body = await body_object(request, ORDER)
        mock = request.query_params.get("isMock", "false").lower()
        if mock not in ("true", "false"):
            raise refuse(400, "isMock must be true or false", instance=place(request))
        company, lines = OrderCheck(self.world, place(request)).checked_order(body)
        if mock == "true":
            return JSONResponse(order_json(self._order(body, lines), mock=True))
        order = self._order(body, lines)
        for line, kept in zip(lines, order["lineItems"], strict=True):
            kept["bought"] = self._subscribe(order, company, line)
        self.world.set_setting(NEXT_END, "")
        self._keep(order)
        self._confirm(company, order, lines)
        self.world.effect(
            "order placed",
            vendor="pax8",
            order=order["id"],
            company=company["id"],
            company_name=company["name"],
            ordered_by_email=order["orderedByUserEmail"],
            lines=[
                {
                    "product": line["product"]["id"],
                    "product_name": line["product"]["name"],
                    "quantity": line["quantity"],
                    "billing_term": line["billingTerm"],
                    "commitment_term": line["commitment"]["term"] if line["commitment"] else None,
                    "subscription": kept["bought"],
                }
                for line, kept in zip(lines, order["lineItems"], strict=True)
            ],
        )
        return JSONResponse(order_json(order))

    async def orders(self, request: Request) -> Response:
        """A page of orders in no order that means anything."""
        company = request.query_params.get("companyId")
        rows = [o for o in self.world.store.all("pax8.orders") if company in (None, o["companyId"])]
        return paged([order_json(o) for o in sorted(rows, key=lambda o: str(o["id"]))], request.query_params)

    async def order(self, request: Request) -> Response:
        """One order."""
        order = self.world.store.get("pax8.orders", request.path_params["order"])
        if order is None:
            raise refuse(404, "Order not found", instance=place(request))
        return JSONResponse(order_json(order))

    def _order(self, body: Record, lines: list[Record]) -> Record:
        return {
            "id": new_id(),
            "companyId": body["companyId"],
            "createdDate": self.world.now().date().isoformat(),
            "orderedBy": body.get("orderedBy", "Pax8 Partner"),
            "orderedByUserEmail": body.get("orderedByUserEmail"),
            "isScheduled": False,
            "lineItems": [
                {
                    "id": new_id(),
                    "productId": line["product"]["id"],
                    "subscriptionId": None,
                    "commitmentTermId": line.get("commitmentTermId"),
                    "provisionStartDate": self.world.now().date().isoformat(),
                    "billingTerm": line["billingTerm"],
                    "quantity": line["quantity"],
                }
                for line in lines
            ],
        }

    def _subscribe(self, order: Record, company: Record, line: Record) -> str:
        today, product, commitment = self.world.now().date(), line["product"], line["commitment"]
        rates = price_of(product, line["billingTerm"], commitment["term"] if commitment else None)
        assert rates is not None  # noqa: S101 - the order was checked
        number = self.world.store.next_number("pax8.subscriptions")
        subscription: Record = {
            "id": new_id(),
            "parentSubscriptionId": line.get("parentSubscriptionId"),
            "companyId": company["id"],
            "productId": product["id"],
            "productName": product["name"],
            "vendorSubscriptionId": new_id(),
            "vendorSkuId": product["skuId"],
            "quantity": line["quantity"],
            "startDate": midnight(today),
            "endDate": None,
            "createdDate": mountain(self.world.now()),
            "billingStart": today.isoformat(),
            "status": "PendingManual",
            "price": float(rates[1]),
            "partnerCost": float(rates[0]),
            "currencyCode": SEED.msp.currency,
            "billingTerm": line["billingTerm"],
            "commitment": {"id": commitment["id"], "term": commitment["term"]} if commitment else None,
            "spelling": ("commitment", "commitmentTerm")[number % 2],
            "tenantId": line["answers"].get("msTenantId"),
            NEW_PREFIX: line["answers"].get("msDomain"),
            "orderId": order["id"],
        }
        begin_terms(self.world, subscription, at_midnight(today))
        self._end_of_first_term(subscription)
        settle_later(self.world, subscription)
        keep(self.world, subscription)
        return str(subscription["id"])

    def _end_of_first_term(self, subscription: Record) -> None:
        """The first term ends as the lever for the next order says; else by the calendar."""
        wanted = str(self.world.setting(NEXT_END))
        if wanted in ("missing", "none"):
            subscription["shows"] = wanted
        elif wanted and subscription["commitment"] is not None:
            end_term_at(self.world, subscription, read_moment(wanted))

    def _keep(self, order: Record) -> None:
        self.world.store.put("pax8.orders", order["id"], order)
        due = self.world.now() + timedelta(seconds=float(self.world.setting("pax8.reveal_seconds")))
        self.world.timers.at(due, "pax8.reveal", order_id=order["id"])

    def _confirm(self, company: Record, order: Record, lines: list[Record]) -> None:
        """The order confirmation by mail, in the mode in force: seconds:N, twice:N or never."""
        mode, _, seconds = str(self.world.setting("pax8.mails")).partition(":")
        items = "".join(
            f"<li>{line['product']['name']} – quantity {line['quantity']}, billed {line['billingTerm']}</li>"
            for line in lines
        )
        first = lines[0]["product"]["name"]
        mail = IncomingMail(
            sender=SENDER,
            sender_name="Pax8 Orders",
            to=(SEED.msp.mailbox,),
            subject=f"Order confirmation: {company['name']} – {first}",
            html=f"<p>Thank you for your order.</p><p>Company: {company['name']}<br>Order: {order['id']}</p>"
            f"<ul>{items}</ul>",
            after_seconds=float(seconds or 0),
        )
        for _ in range({"never": 0, "twice": 2}.get(mode, 1)):
            self.world.deliver_mail(mail)


def order_json(order: Record, mock: bool = False) -> Record:
    """An order as the API shows it; a mock has no ids, for nothing was made."""
    shown = {k: v for k, v in order.items() if not (mock and k == "id")}
    shown["lineItems"] = [
        {k: v for k, v in line.items() if k != "bought" and not (mock and k in ("id", "subscriptionId"))}
        for line in order["lineItems"]
    ]
    return shown
