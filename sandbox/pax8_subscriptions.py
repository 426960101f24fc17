"""Pax8's subscriptions: reading, more seats, ending now or on a day, and the invoice preview (§7, §8)."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, World
from sandbox.pax8_terms import (
    anchor_of,
    book_end,
    booked,
    end_now,
    facts,
    keep,
    months_after,
    more_seats,
    term_begun,
)
from sandbox.pax8_wire import body_object, paged, place, read_moment, refuse, refuse_flat, sorted_by, zulu

SORT = ("quantity", "startDate", "endDate", "createdDate", "billingStart", "price")
FILTERS = ("companyId", "productId", "status", "billingTerm", "sort", "page", "size")
_CHANGES = ("billingTerm", "price", "provisioningDetails", "quantity", "startDate")
_CANCEL_WINDOW = timedelta(days=7)
_HIDDEN = ("booking", "commitment", "newPrefix", "orderId", "shows", "spelling", "tenantId", "vendorSkuId")
_BILLED_MONTHS = {"Monthly": 1, "Annual": 12, "2-Year": 24, "3-Year": 36}


class Subscriptions:
    """The handlers below `/subscriptions` and `/invoices`."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def subscriptions(self, request: Request) -> Response:
        """A page of subscriptions; `vendorSkuId` is missing here."""
        query = request.query_params
        rows = [
            self.shown(s)
            for s in self.world.store.all("pax8.subscriptions")
            if all(query.get(name, s[name]) == s[name] for name in ("companyId", "productId", "status", "billingTerm"))
        ]
        return paged(sorted_by(rows, query, SORT), query)

    async def subscription(self, request: Request) -> Response:
        """One subscription, with `vendorSkuId`."""
        kept = self._found(request)
        return JSONResponse(self.shown(kept) | {"vendorSkuId": kept["vendorSkuId"]})

    async def history(self, request: Request) -> Response:
        """What it looked like before each change, oldest first; no actor, no reason."""
        kept = self.world.store.get("pax8.history", self._found(request)["id"]) or {"snapshots": []}
        return JSONResponse({"content": [self.shown(snapshot) for snapshot in kept["snapshots"]]})

    async def change(self, request: Request) -> Response:
        """The new total of seats, at once; fewer is refused, and a booked end may be dropped by Microsoft."""
        body = await body_object(request, _CHANGES)
        kept = self._found(request)
        if not {"price", "billingTerm", "quantity", "startDate"} & set(body):
            raise refuse(400, "price, billingTerm, quantity or startDate must be present", instance=place(request))
        if self.world.setting("pax8.put_needs_all") and not {"quantity", "startDate", "billingTerm"} <= set(body):
            raise refuse(500, "Internal Server Error", instance=place(request))
        quantity = body.get("quantity", kept["quantity"])
        if type(quantity) is not int or quantity < 1:
            raise refuse(400, "quantity must be a positive whole number", instance=place(request))
        self._may_become(kept, quantity, body)
        if quantity != kept["quantity"]:
            more_seats(self.world, kept, quantity)
        return JSONResponse(self.shown(kept) | {"vendorSkuId": kept["vendorSkuId"]})

    async def cancel(self, request: Request) -> Response:
        """204: ends now (inside Microsoft's seven days only), or books the end on `cancelDate`."""
        kept = self._found(request)
        wanted = request.query_params.get("cancelDate")
        end = None if wanted is None else self._end_date(wanted, place(request))
        if kept["status"] == "Cancelled":
            raise refuse(422, "Subscription is already cancelled", instance=place(request))
        if end is None:
            self._cancel_now(kept, place(request))
        else:
            self._book(kept, end, place(request))
        return Response(status_code=204)

    async def invoices(self, request: Request) -> Response:
        """No final invoices here; the page is always empty."""
        return paged([], request.query_params)

    async def draft_items(self, request: Request) -> Response:
        """What will be billed this month (0) or next (1, unless told): a period that begins after an end isn't."""
        query = request.query_params
        if query.get("monthOffset", "1") not in ("0", "1"):
            raise refuse(422, "monthOffset must be 0 or 1", instance=place(request))
        company = query.get("companyId")
        if company is not None and self.world.store.get("pax8.companies", company) is None:
            raise refuse(404, "Company not found", instance=place(request))
        month = months_after(self.world.now().date().replace(day=1), int(query.get("monthOffset", "1")))
        rows = [
            _draft(kept, first, last)
            for kept in self.world.store.all("pax8.subscriptions")
            if company in (None, kept["companyId"])
            for first, last in _periods(kept, month)
        ]
        return paged(rows, query)

    def shown(self, kept: Record) -> Record:
        """A subscription as the list shows it; its commitment under either spelling of the key."""
        view = {k: v for k, v in kept.items() if k not in _HIDDEN}
        commitment = kept["commitment"]
        shows = kept.get("shows", "all")
        if commitment is not None and shows != "none":
            end: Mapping[str, object] = {"endDate": commitment["endDate"]}
            unset = commitment["term"] == "Monthly" and self.world.setting("pax8.monthly_end_dates") == "missing"
            if unset or shows == "missing":
                end = {}
            view[kept["spelling"]] = {"id": commitment["id"], "term": commitment["term"], **end}
        return view

    def _found(self, request: Request) -> Record:
        kept = self.world.store.get("pax8.subscriptions", request.path_params["subscription"])
        if kept is None:
            raise refuse(404, "Subscription not found", instance=place(request))
        return kept

    def _may_become(self, kept: Record, quantity: int, body: Record) -> None:
        product = self.world.store.get("pax8.products", kept["productId"]) or {"maxSeats": None}
        if kept["status"] != "Active":
            raise refuse_flat(422, f"Subscription is {kept['status']} and can't be changed")
        if quantity < kept["quantity"]:
            raise refuse_flat(422, "Quantity decrease is not allowed during the commitment term")
        if product["maxSeats"] is not None and quantity > product["maxSeats"]:
            raise refuse_flat(422, f"Quantity exceeds the maximum of {product['maxSeats']}")
        for name in ("billingTerm", "price", "startDate"):
            if name in body and body[name] != kept[name]:
                raise refuse_flat(422, f"{name} can't be changed during the commitment term")

    def _end_date(self, text: str, instance: str) -> datetime:
        try:
            end = read_moment(text.replace(" ", "+"))
        except ValueError as bad:
            raise refuse(400, f"cancelDate is not a date-time: {text}", instance=instance) from bad
        if "T" not in text or end.tzinfo is None:
            raise refuse(400, "cancelDate must be a date-time with an offset", instance=instance)
        if end <= self.world.now():
            raise refuse(400, "cancelDate must be in the future", instance=instance)
        return end

    def _book(self, kept: Record, end: datetime, instance: str) -> None:
        lock, way = timedelta(hours=float(self.world.setting("pax8.lock_hours"))), self.world.setting("pax8.booked_end")
        commitment = kept["commitment"]
        if lock and commitment and read_moment(commitment["endDate"]) - self.world.now() < lock:
            raise refuse(422, "The subscription is locked before its renewal", instance=instance)
        if way == "refused":
            raise refuse_flat(422, "The subscription can't be cancelled on that date")
        was = booked(kept)[0]
        book_end(self.world, kept, end, way)
        if self.world.setting("pax8.booked_status") == "PendingCancel":
            kept["status"] = "PendingCancel"
        keep(self.world, kept)
        self.world.effect("end booked", **facts(kept), end=zulu(end), was=was, way=way)

    def _cancel_now(self, kept: Record, instance: str) -> None:
        commitment = kept["commitment"]
        if commitment is not None and self.world.now() - term_begun(commitment) > _CANCEL_WINDOW:
            raise refuse(422, "The cancellation window of seven days has passed", instance=instance)
        end_now(self.world, kept)


def _periods(kept: Record, month: date) -> Iterator[tuple[date, date]]:
    """First and last days of the billing periods that begin in a month, billed in advance from the first term on."""
    length, commitment = _BILLED_MONTHS.get(kept["billingTerm"]), kept["commitment"]
    if length is None:
        return  # a trial costs nothing
    start = anchor_of(commitment).date() if commitment else date.fromisoformat(kept["startDate"][:10])
    begun = term_begun(commitment).date() if commitment else start
    starts = [begun] if begun < start else []  # the running term's end was set by hand: counted from there
    while not starts or starts[-1] < months_after(month, 2):
        starts.append(months_after(start, length * (len(starts) - (begun < start))))
    over = read_moment(kept["endDate"]) if kept["endDate"] else None
    for first, following in pairwise(starts):
        begins = read_moment(f"{first.isoformat()}T00:00:00Z")
        if (first.year, first.month) == (month.year, month.month) and (over is None or begins < over):
            last = following if over is None else min(following, over.date())
            yield first, max(first, last - timedelta(days=1))


def _draft(kept: Record, first: date, last: date) -> Record:
    sub_total = round(kept["price"] * kept["quantity"], 2)
    return {
        "id": f"{kept['id']}:{first.isoformat()}",
        "type": "subscription",
        "subscriptionId": kept["id"],
        "productId": kept["productId"],
        "companyId": kept["companyId"],
        "productName": kept["productName"],
        "vendorName": "Microsoft",
        "startPeriod": first.isoformat(),
        "endPeriod": last.isoformat(),
        "quantity": kept["quantity"],
        "term": kept["billingTerm"],
        "price": kept["price"],
        "subTotal": sub_total,
        "cost": kept["partnerCost"],
        "costTotal": round(kept["partnerCost"] * kept["quantity"], 2),
        "total": sub_total,
        "amountDue": sub_total,
        "currencyCode": kept["currencyCode"],
    }
