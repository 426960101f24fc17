"""What DocuSign's handlers begin with: the body, the envelope of the path, the state that it must be in."""

from typing import Any

from starlette.requests import Request

from sandbox.core import Record, World, json_body
from sandbox.docusign_wire import refuse


async def body_of(request: Request) -> Record:
    """The body, which must be a JSON object."""
    try:
        body: Any = await json_body(request)
    except ValueError as bad:
        raise refuse("INVALID_REQUEST_BODY", "The request body is missing or improperly formatted.") from bad
    if not isinstance(body, dict):
        raise refuse("INVALID_REQUEST_BODY", "The request body is missing or improperly formatted.")
    return body


def found(world: World, request: Request) -> Record:
    """The envelope of the path, or the 404."""
    envelope = world.store.get("docusign.envelopes", request.path_params["envelope"])
    if envelope is None:
        message = "The envelope specified either does not exist or you have no rights to it."
        raise refuse("ENVELOPE_DOES_NOT_EXIST", message, 404)
    return envelope


def must_be(envelope: Record, *statuses: str) -> None:
    """Refuses what the envelope's status doesn't allow."""
    if envelope["status"] not in statuses:
        message = f"The envelope is {envelope['status']}; this needs {' or '.join(statuses)}."
        raise refuse("ENVELOPE_INVALID_STATUS", message)
