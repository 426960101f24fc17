"""The agreement templates in DocuSign's stand-in: seeded from the world, listed and read as the API does."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, World
from sandbox.docusign_wire import refuse, stamp
from sandbox.world import SEED


def seed(world: World) -> None:
    """Keeps the templates of the seeded world: two roles in signing order, the fields on the customer's."""
    for template in SEED.templates:
        record: Record = {
            "templateId": template.template_id,
            "name": template.name,
            "description": f"Term: {template.term}; up to {template.rows} products.",
            "emailSubject": f"Please sign: {template.name}",
            "created": stamp(world.now()),
            "roles": [
                {
                    "recipientId": "1",
                    "roleName": template.customer_role,
                    "routingOrder": 1,
                    "labels": list(template.tab_labels),
                },
                {"recipientId": "2", "roleName": template.msp_role, "routingOrder": 2, "labels": []},
            ],
        }
        world.store.put("docusign.templates", template.template_id, record)


class Templates:
    """The handlers below `/templates`."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def templates(self, request: Request) -> Response:
        """The templates whose name contains the search text."""
        return JSONResponse(templates_json(self.world, request.query_params.get("search_text", "")))

    async def template(self, request: Request) -> Response:
        """One template with roles and tab labels."""
        kept = self.world.store.get("docusign.templates", request.path_params["template"])
        if kept is None:
            raise refuse("TEMPLATE_ID_INVALID", "The template ID is invalid or you have no access to it.", 404)
        return JSONResponse(template_json(kept))


def templates_json(world: World, search: str) -> Record:
    """The templates whose name contains the text; `envelopeTemplates` is absent when there are none."""
    found = [t for t in world.store.all("docusign.templates") if search.lower() in t["name"].lower()]
    size = str(len(found))
    listing: Record = {"resultSetSize": size, "totalSetSize": size, "startPosition": "0"}
    if found:
        listing["endPosition"] = str(len(found) - 1)
        listing["envelopeTemplates"] = [_summary(template) for template in found]
    return listing


def template_json(template: Record) -> Record:
    """One template with its roles and their tabs."""
    signers = [_role(template, role) for role in template["roles"]]
    document = {"documentId": "1", "name": template["name"], "order": "1", "pages": "1"}
    recipients = {"signers": signers, "carbonCopies": [], "recipientCount": str(len(signers))}
    return _summary(template) | {"recipients": recipients, "documents": [document]}


def _summary(template: Record) -> Record:
    return {
        "templateId": template["templateId"],
        "name": template["name"],
        "description": template["description"],
        "emailSubject": template["emailSubject"],
        "emailBlurb": "",
        "shared": "true",
        "created": template["created"],
        "lastModified": template["created"],
        "uri": f"/templates/{template['templateId']}",
    }


def _role(template: Record, role: Record) -> Record:
    tabs = [
        {
            "tabId": f"{template['templateId'][:8]}-{number}",
            "tabLabel": label,
            "name": label,
            "value": "",
            "locked": "false",
            "documentId": "1",
            "pageNumber": "1",
            "recipientId": role["recipientId"],
        }
        for number, label in enumerate(role["labels"], start=1)
    ]
    return {
        "recipientId": role["recipientId"],
        "roleName": role["roleName"],
        "routingOrder": str(role["routingOrder"]),
        "name": "",
        "email": "",
        "recipientType": "signer",
        "tabs": {"textTabs": tabs} if tabs else {},
    }
