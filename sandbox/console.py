"""The console: pages on which one person plays the customer, contracts and time, and sees every system."""

import base64
from collections.abc import Callable
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import console_mail, console_views
from sandbox.console_text import FILTERS
from sandbox.core import World

View = Callable[[World, Request], dict[str, Any]]

_TABS = (
    ("home", "/", "Start", "what this is"),
    ("inbox", "/inbox", "Customer's inbox", "sign or decline"),
    ("contracts", "/contracts", "Contracts", "drafts in DocuSign"),
    ("licences", "/licences", "Licences", "Pax8"),
    ("tickets", "/tickets", "Tickets", "Autotask"),
    ("assets", "/assets", "Documentation", "IT Glue"),
    ("mail", "/mail", "Mail", "shared mailbox"),
    ("levers", "/levers", "Time and trouble", "clock, faults"),
    ("ledger", "/ledger", "Ledger", "who called what"),
)


@cache
def _pages() -> Environment:
    pages = Environment(loader=PackageLoader("sandbox"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    pages.filters.update(FILTERS)
    return pages


def routes(world: World) -> list[BaseRoute]:
    """The pages. They only read; what a button does is a control request (`static/console.js`)."""

    def page(name: str, view: View) -> Callable[[Request], Any]:
        async def show(request: Request) -> Response:
            frame = {"tabs": _TABS, "here": name, "world": world} | console_views.frame(world)
            shown = _pages().get_template(f"{name}.html").render(frame | view(world, request))
            return HTMLResponse(shown)

        return show

    async def attachment(request: Request) -> Response:
        found = console_views.attachment(world, request.path_params["place"], request.path_params["key"])
        if found is None:
            return HTMLResponse("No such attachment.", status_code=404)
        name, kind, content = found
        headers = {"Content-Disposition": f'inline; filename="{name}"'}
        return Response(base64.b64decode(content), media_type=kind, headers=headers)

    async def paper(request: Request) -> Response:
        found = console_views.paper(world, request.path_params["envelope"], request.path_params["which"])
        if found is None:
            return HTMLResponse("No such envelope.", status_code=404)
        return Response(found, media_type="application/pdf")

    async def icon(request: Request) -> Response:
        return RedirectResponse("/static/icon.svg")

    views: dict[str, tuple[str, View]] = {
        "home": ("/", console_views.home),
        "inbox": ("/inbox", console_views.inbox),
        "contracts": ("/contracts", console_views.contracts),
        "licences": ("/licences", console_views.licences),
        "tickets": ("/tickets", console_views.tickets),
        "assets": ("/assets", console_views.assets),
        "mail": ("/mail", console_mail.mail),
        "levers": ("/levers", console_views.levers),
        "ledger": ("/ledger", console_views.ledger),
    }
    return [
        *(Route(path, page(name, view)) for name, (path, view) in views.items()),
        Route("/attachments/{place}/{key:path}", attachment),
        Route("/papers/{envelope}/{which}.pdf", paper),
        Route("/favicon.ico", icon),
    ]
