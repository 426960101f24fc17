"""DocuSign's stand-in: the eSignature REST v2.1 paths that an agreement needs (docusign.md)."""

from starlette.routing import BaseRoute, Route

from sandbox import docusign_auth, docusign_connect, docusign_levers, docusign_life
from sandbox.core import World
from sandbox.docusign_envelopes import Envelopes
from sandbox.docusign_list import PARAMETERS
from sandbox.docusign_parts import Parts
from sandbox.docusign_templates import Templates, seed
from sandbox.docusign_wire import problem

__all__ = ["PREFIX", "control", "problem", "resume_deliveries", "routes", "seed"]

PREFIX = "/docusign"
_ACCOUNT = "/restapi/v2.1/accounts/{account}"
_ENVELOPE = _ACCOUNT + "/envelopes/{envelope}"

control = docusign_levers.control
resume_deliveries = docusign_connect.resume


def routes(world: World) -> list[BaseRoute]:
    """Every DocuSign path of the sandbox; declares its levers and timers on the way."""
    world.declare_setting("docusign.polling_limit", 20, "Calls of one envelope allowed in the window (400 above).")
    world.declare_setting("docusign.polling_seconds", 30, "Length of that sliding window, in sandbox seconds.")
    world.declare_setting("docusign.limits", "announced", "'enforced': more than 200 calls in 30 s get a 429.")
    world.declare_setting("docusign.index_delay_seconds", 0, "How long a custom field can't be searched for.")
    docusign_connect.register(world)
    world.timers.register("docusign.expire", lambda envelope_id: docusign_life.expire(world, envelope_id))
    envelopes, parts, templates = Envelopes(world), Parts(world), Templates(world)
    table: list[tuple[str, str, docusign_auth.Handler, tuple[str, ...]]] = [
        ("POST", f"{_ACCOUNT}/envelopes", envelopes.create, ("merge_roles_on_draft", "change_routing_order")),
        ("GET", f"{_ACCOUNT}/envelopes", envelopes.list, PARAMETERS),
        ("PUT", f"{_ACCOUNT}/envelopes/status", envelopes.statuses, ("envelope_ids", "transaction_ids")),
        ("GET", _ENVELOPE, envelopes.read, ("include",)),
        ("PUT", _ENVELOPE, envelopes.update, ("resend_envelope",)),
        ("GET", f"{_ENVELOPE}/recipients", envelopes.recipients, ("include_tabs",)),
        ("GET", f"{_ENVELOPE}/recipients/{{recipient}}/tabs", parts.tabs, ()),
        ("PUT", f"{_ENVELOPE}/recipients/{{recipient}}/tabs", parts.put_tabs, ()),
        ("GET", f"{_ENVELOPE}/templates", parts.templates, ()),
        ("GET", f"{_ENVELOPE}/custom_fields", parts.custom_fields, ()),
        ("POST", f"{_ENVELOPE}/custom_fields", parts.add_custom_fields, ()),
        ("PUT", f"{_ENVELOPE}/custom_fields", parts.change_custom_fields, ()),
        ("GET", f"{_ENVELOPE}/notification", parts.notification, ()),
        ("PUT", f"{_ENVELOPE}/notification", parts.put_notification, ()),
        ("GET", f"{_ENVELOPE}/form_data", parts.form_data, ()),
        ("GET", f"{_ENVELOPE}/documents", envelopes.documents, ()),
        ("GET", f"{_ENVELOPE}/documents/{{document}}", envelopes.document, ("certificate",)),
        ("GET", f"{_ACCOUNT}/templates", templates.templates, ("search_text", "count", "start_position")),
        ("GET", f"{_ACCOUNT}/templates/{{template}}", templates.template, ("include",)),
    ]
    return [
        *docusign_auth.routes(world),
        *(
            Route(path, docusign_auth.guarded(world, handler, known), methods=[method])
            for method, path, handler, known in table
        ),
    ]
