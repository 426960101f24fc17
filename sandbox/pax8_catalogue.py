"""Pax8's catalogue: products, their commitments and dependencies, prices, provisioning questions (§5)."""

from decimal import Decimal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, World
from sandbox.pax8_wire import paged, place, refuse
from sandbox.seed.catalogue import OPTIONAL_QUESTIONS
from sandbox.world import SEED

_SORT = ("name", "vendor")


class Catalogue:
    """The handlers below `/products`."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def products(self, request: Request) -> Response:
        """A page of products by name, filtered by a text in the name and by vendor."""
        query = request.query_params
        search, vendor = query.get("search", "").lower(), query.get("vendorName", "").lower()
        if query.get("sort", "name").partition(",")[0] not in _SORT:
            raise refuse(400, f"sort must be one of {', '.join(_SORT)}", instance=place(request))
        rows = [
            product_json(product)
            for product in self.world.store.all("pax8.products")
            if search in product["name"].lower() and vendor in ("", product["vendorName"].lower())
        ]
        rows.sort(key=lambda row: str(row["name"]), reverse=query.get("sort", "").endswith(",desc"))
        return paged(rows, query)

    async def product(self, request: Request) -> Response:
        """One product with its description."""
        product = self.found(request)
        return JSONResponse(product_json(product) | {"description": product["description"]})

    async def dependencies(self, request: Request) -> Response:
        """Its commitments, and the products of which one must be there first."""
        product = self.found(request)
        groups = []
        if product["needsOneOf"]:
            bases = [self.world.store.get("pax8.products", key) for key in product["needsOneOf"]]
            groups.append({"name": "Base product", "products": [product_json(b) for b in bases if b]})
        return JSONResponse({"commitmentDependencies": product["commitments"], "productDependencies": groups})

    async def pricing(self, request: Request) -> Response:
        """One row for each billing and commitment term; numbers, per seat."""
        product = self.found(request)
        company = request.query_params.get("companyId")
        if company is not None and self.world.store.get("pax8.companies", company) is None:
            raise refuse(404, f"Company {company} not found", instance=place(request))
        rows = [
            {
                "billingTerm": price["billing"],
                "commitmentTerm": price["term"],
                "commitmentTermInMonths": price["months"],
                "type": "Flat",
                "unitOfMeasurement": "User",
                "rates": [
                    {
                        "partnerBuyRate": float(price["buy"]),
                        "suggestedRetailPrice": float(price["retail"]),
                        "startQuantityRange": 1,
                        "endQuantityRange": product["maxSeats"],
                        "chargeType": "Per Unit",
                    }
                ],
            }
            for price in product["prices"]
        ]
        return JSONResponse({"content": rows})

    async def provision_details(self, request: Request) -> Response:
        """The questions that an order must answer; nothing says which of them are required."""
        return JSONResponse({"content": self.found(request)["questions"]})

    def found(self, request: Request) -> Record:
        """The product of the path, or the 404."""
        key = request.path_params["product"]
        product = self.world.store.get("pax8.products", key)
        if product is None:
            raise refuse(404, f"Product {key} not found", instance=place(request))
        return product


def product_json(product: Record) -> Record:
    """A product as the list shows it."""
    return {
        "id": product["id"],
        "name": product["name"],
        "vendorName": product["vendorName"],
        "shortDescription": product["description"][:80],
        "sku": product["sku"],
        "vendorSku": product["vendorSku"],
        "altVendorSku": "",
        "requiresCommitment": bool(product["commitments"]),
    }


def price_of(product: Record, billing: str, term: str | None) -> tuple[Decimal, Decimal] | None:
    """What we pay and the list price per seat; None if it isn't sold that way."""
    for price in product["prices"]:
        if (price["billing"], price["term"]) == (billing, term):
            return Decimal(price["buy"]), Decimal(price["retail"])
    return None


def seed(world: World) -> None:
    """Keeps the catalogue of the seeded world; a record can be renamed or repriced through the control."""
    for product in SEED.products:
        needed = [
            p.product_id
            for p in SEED.products
            if p.our_name in product.needs_one_of and p.segment in ("Commercial", "Nonprofit")
        ]
        record: Record = {
            "id": product.product_id,
            "name": product.name,
            "vendorName": "Microsoft",
            "description": product.description,
            "sku": product.sku,
            "vendorSku": product.vendor_sku,
            "skuId": product.sku_id,
            "segment": product.segment,
            "maxSeats": product.max_seats,
            "needsOneOf": needed,
            "optionalQuestions": sorted(OPTIONAL_QUESTIONS),
            "commitments": [
                {
                    "id": commitment.commitment_id,
                    "term": commitment.term,
                    "autoRenew": commitment.auto_renew,
                    "renewalWindowDaysBeforeTermEnd": 30,
                    "renewalWindowDaysAfterTermEnd": 7,
                    "allowForQuantityIncrease": commitment.allow_quantity_increase,
                    "allowForQuantityDecrease": commitment.allow_quantity_decrease,
                    "allowForEarlyCancellation": commitment.allow_early_cancellation,
                    "cancellationFeeApplied": False,
                    "isTransferable": True,
                }
                for commitment in product.commitments
            ],
            "prices": [
                {
                    "billing": price.billing,
                    "term": price.term,
                    "months": price.months,
                    "buy": str(price.buy),
                    "retail": str(price.retail),
                }
                for price in product.prices
            ],
            "questions": [
                {
                    "key": question.key,
                    "label": question.label,
                    "description": question.description,
                    "valueType": question.value_type,
                }
                | ({"possibleValues": list(question.sentences)} if question.sentences else {})
                for question in product.questions
            ],
        }
        world.store.put("pax8.products", product.product_id, record)
