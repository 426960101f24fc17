"""The parts of an envelope that change: tabs, custom fields, reminders and expiry; and its form data (§4.2 to §4.4)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import docusign_create as creating
from sandbox import docusign_life
from sandbox.core import Record, World
from sandbox.docusign_found import body_of, found, must_be
from sandbox.docusign_wire import (
    checked_list,
    checked_object,
    custom_fields_json,
    needed,
    refuse,
    tabs_json,
)


class Parts:
    """The handlers; each reads the body first and then awaits nothing."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def tabs(self, request: Request) -> Response:
        """One signer's tabs."""
        return JSONResponse(tabs_json(_signer(found(self.world, request), request)))

    async def put_tabs(self, request: Request) -> Response:
        """Changes text tabs of a draft; each is named by its tabId, a label is not enough."""
        given = checked_object(await body_of(request), ("textTabs",), "the tabs")
        envelope = found(self.world, request)
        signer = _signer(envelope, request)
        must_be(envelope, "created")
        kept = {tab["tabId"]: tab for tab in signer["tabs"]}
        changes = [
            checked_object(tab, creating.TAB, "a text tab")
            for tab in checked_list(given.get("textTabs", []), "textTabs")
        ]
        for change in changes:
            if needed(change, "tabId", "a text tab") not in kept:
                raise refuse("INVALID_TAB_OPERATION", f"The recipient has no tab {change['tabId']}.")
        for change in changes:
            creating.set_tab(kept[change["tabId"]], change)
        changed = [kept[change["tabId"]] for change in changes]
        docusign_life.edited(self.world, envelope, tabs={tab["tabLabel"]: tab["value"] for tab in changed})
        return JSONResponse({"textTabs": changed})

    async def templates(self, request: Request) -> Response:
        """The templates that the envelope was made from."""
        kept = self.world.store.get("docusign.templates", found(self.world, request)["templateId"])
        named = [{"templateId": kept["templateId"], "name": kept["name"]}] if kept is not None else []
        return JSONResponse({"templates": named})

    async def custom_fields(self, request: Request) -> Response:
        """The envelope's custom fields."""
        return JSONResponse(custom_fields_json(found(self.world, request)))

    async def add_custom_fields(self, request: Request) -> Response:
        """201: new custom fields; a name that exists is refused."""
        added = creating.custom_fields(await body_of(request))
        envelope = found(self.world, request)
        must_be(envelope, "created", *docusign_life.IN_PROCESS)
        names = {field["name"] for field in envelope["customFields"]}
        if names & {field["name"] for field in added}:
            raise refuse("INVALID_REQUEST_PARAMETER", "A custom field of that name exists already.")
        envelope["customFields"] += added
        docusign_life.edited(self.world, envelope)
        return JSONResponse({"textCustomFields": added, "listCustomFields": []}, status_code=201)

    async def change_custom_fields(self, request: Request) -> Response:
        """Changes custom fields, each named by its fieldId."""
        changed = creating.custom_fields(await body_of(request))
        envelope = found(self.world, request)
        must_be(envelope, "created", *docusign_life.IN_PROCESS)
        kept = {field["fieldId"]: field for field in envelope["customFields"]}
        if any(field["fieldId"] not in kept for field in changed):
            raise refuse("INVALID_REQUEST_PARAMETER", "fieldId is missing or not one of this envelope's.")
        for field in changed:
            kept[field["fieldId"]].update(field)
        docusign_life.edited(self.world, envelope)
        return JSONResponse({"textCustomFields": changed, "listCustomFields": []})

    async def notification(self, request: Request) -> Response:
        """Reminders and expiry."""
        return JSONResponse(found(self.world, request)["notification"])

    async def put_notification(self, request: Request) -> Response:
        """Changes reminders and expiry of a draft."""
        changed = creating.notification(await body_of(request))
        envelope = found(self.world, request)
        must_be(envelope, "created")
        envelope["notification"] = changed
        docusign_life.edited(self.world, envelope)
        return JSONResponse(changed)

    async def form_data(self, request: Request) -> Response:
        """What the fields of the envelope hold."""
        envelope = found(self.world, request)
        data = [{"name": tab["tabLabel"], "value": tab["value"]} for s in envelope["signers"] for tab in s["tabs"]]
        told = {"envelopeId": envelope["envelopeId"], "status": envelope["status"], "formData": data}
        return JSONResponse(told | {"emailSubject": envelope["emailSubject"]})


def _signer(envelope: Record, request: Request) -> Record:
    signers: list[Record] = envelope["signers"]
    for signer in signers:
        if signer["recipientId"] == request.path_params["recipient"]:
            return signer
    raise refuse("INVALID_RECIPIENT_ID", "The envelope has no recipient of that id.")
