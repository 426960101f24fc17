"""Pax8's stand-in: the partner API as far as companies, the catalogue, orders and subscriptions (pax8.md)."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import pax8_companies, pax8_levers, pax8_subscriptions, pax8_terms
from sandbox.core import World, json_body, unknown_names
from sandbox.credentials import PAX8_AUDIENCE, PAX8_CLIENT_ID, PAX8_CLIENT_SECRET
from sandbox.pax8_catalogue import Catalogue
from sandbox.pax8_orders import NEXT_END, Orders
from sandbox.pax8_seed import seed
from sandbox.pax8_wire import PAGING, Handler, guarded, problem

__all__ = ["PREFIX", "control", "problem", "routes", "seed"]

PREFIX = "/pax8"
control = pax8_levers.control
_LIFETIME = timedelta(hours=24)
_TOKEN = {
    "client_id": PAX8_CLIENT_ID,
    "client_secret": PAX8_CLIENT_SECRET,
    "audience": PAX8_AUDIENCE,
    "grant_type": "client_credentials",
}


def routes(world: World) -> list[BaseRoute]:
    """Every Pax8 path of the sandbox; declares its levers and timers on the way."""
    _declare(world)
    pax8_terms.register(world)
    companies, catalogue = pax8_companies.Companies(world), Catalogue(world)
    orders, subscriptions = Orders(world), pax8_subscriptions.Subscriptions(world)
    contact = "/v1/companies/{company}/contacts/{contact}"
    product, subscription = "/v1/products/{product}", "/v1/subscriptions/{subscription}"
    table: list[tuple[str, str, Handler, tuple[str, ...]]] = [
        ("GET", "/v1/companies", companies.companies, pax8_companies.FILTERS),
        ("POST", "/v1/companies", companies.create, ()),
        ("GET", "/v1/companies/{company}", companies.company, ()),
        ("PATCH", "/v1/companies/{company}", companies.change, ()),
        ("GET", "/v1/companies/{company}/contacts", companies.contacts, PAGING),
        ("POST", "/v1/companies/{company}/contacts", companies.add_contact, ()),
        ("GET", contact, companies.contact, ()),
        ("PUT", contact, companies.change_contact, ()),
        ("DELETE", contact, companies.remove_contact, ()),
        ("GET", "/v1/products", catalogue.products, ("search", "vendorName", "sort", *PAGING)),
        ("GET", product, catalogue.product, ()),
        ("GET", f"{product}/dependencies", catalogue.dependencies, ()),
        ("GET", f"{product}/pricing", catalogue.pricing, ("companyId",)),
        ("GET", f"{product}/provision-details", catalogue.provision_details, ()),
        ("POST", "/v1/orders", orders.create, ("isMock",)),
        ("GET", "/v1/orders", orders.orders, ("companyId", *PAGING)),
        ("GET", "/v1/orders/{order}", orders.order, ()),
        ("GET", "/v1/subscriptions", subscriptions.subscriptions, pax8_subscriptions.FILTERS),
        ("GET", subscription, subscriptions.subscription, ()),
        ("PUT", subscription, subscriptions.change, ()),
        ("DELETE", subscription, subscriptions.cancel, ("cancelDate",)),
        ("GET", f"{subscription}/history", subscriptions.history, ()),
        ("GET", "/v1/invoices", subscriptions.invoices, ("companyId", "status", "sort", *PAGING)),
        ("GET", "/v1/invoices/draftItems", subscriptions.draft_items, ("monthOffset", "companyId", *PAGING)),
    ]
    token = Route("/v1/token", _token(world), methods=["POST"])
    return [token, *(Route(p, guarded(world, h, known), methods=[m]) for m, p, h, known in table)]


def _declare(world: World) -> None:
    for name, default, meaning in (
        (
            "provisioning",
            "seconds:5",
            "How a new subscription leaves PendingManual: seconds:N, instant, stuck.",
        ),
        ("reveal_seconds", 0.5, "How long a new order's lines show no subscriptionId."),
        ("mails", "seconds:3", "The order confirmation by mail: seconds:N, twice:N, never."),
        ("seats_drop_booked_end", True, "Whether more seats drop a booked end, as Microsoft may."),
        (
            "booked_end",
            "shown",
            "What becomes of a booked end: shown; hidden (never shown, ends all the same); late:SECONDS (shown then); "
            "ignored (accepted, nothing happens); renews (shown, renews all the same); successor (ends, and another "
            "subscription of it appears); refused (422).",
        ),
        (
            NEXT_END.removeprefix("pax8."),
            "",
            "When the first term of the next order ends: a moment, missing (no endDate), none (no commitment).",
        ),
        ("booked_status", "Active", "Status of a subscription with a booked end: Active or PendingCancel."),
        ("monthly_end_dates", "filled", "'missing': monthly commitments show no endDate."),
        (
            "put_needs_all",
            False,
            "Whether a PUT without startDate and billingTerm fails with 500, as of old.",
        ),
        ("lock_hours", 0, "Hours before a term's end in which an end can't be booked any more."),
    ):
        world.declare_setting(f"pax8.{name}", default, meaning)


def _token(world: World) -> Handler:
    async def token(request: Request) -> Response:
        try:
            given = await json_body(request)
        except ValueError:
            given = None
        if not isinstance(given, dict) or unknown_names(given, _TOKEN):
            return problem(400, "Malformed token request: client_id, client_secret, audience, grant_type")
        if given != _TOKEN:
            refusal = {"error": "access_denied", "error_description": "Unauthorized"}
            return JSONResponse(refusal, status_code=401)
        issued = world.issue_token("pax8", PAX8_CLIENT_ID, _LIFETIME)
        return JSONResponse({"access_token": issued, "expires_in": 86400, "token_type": "Bearer"})

    return token
