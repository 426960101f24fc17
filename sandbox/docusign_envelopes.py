"""DocuSign's envelopes: create, find, read, send, void, resend, and their documents (docusign.md §4, §6 to §8)."""

import io
import zipfile
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import docusign_create as creating
from sandbox import docusign_life, docusign_paper
from sandbox.core import Record, World
from sandbox.docusign_found import body_of, found, must_be
from sandbox.docusign_list import by_ids, by_transaction, included, listed
from sandbox.docusign_wire import (
    checked_list,
    checked_object,
    documents_json,
    envelope_json,
    needed,
    recipients_json,
    refuse,
    text,
)


class Envelopes:
    """The handlers; each reads the body first and then awaits nothing."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def create(self, request: Request) -> Response:
        """201: a draft, sent at once if the body says so."""
        body = await body_of(request)
        envelope = creating.new_envelope(self.world, body)
        docusign_life.create(self.world, envelope)
        if body.get("status") == "sent":
            docusign_life.send(self.world, envelope)
        summary = {
            "envelopeId": envelope["envelopeId"],
            "uri": f"/envelopes/{envelope['envelopeId']}",
            "statusDateTime": envelope["statusChangedDateTime"],
            "status": envelope["status"],
        }
        return JSONResponse(summary, status_code=201)

    async def list(self, request: Request) -> Response:
        """The page of envelopes that the query asks for."""
        return JSONResponse(listed(self.world, request.query_params))

    async def statuses(self, request: Request) -> Response:
        """Many by id or by transaction; the body is mandatory, at least `{}`."""
        given = checked_object(await body_of(request), ("envelopeIds", "transactionIds"), "the body")
        if request.query_params.get("transaction_ids") == "request_body":
            ids = checked_list(given.get("transactionIds", []), "transactionIds")
            return JSONResponse(by_transaction(self.world, ids))
        if request.query_params.get("envelope_ids") != "request_body":
            raise refuse("INVALID_REQUEST_PARAMETER", "envelope_ids=request_body is missing.")
        return JSONResponse(by_ids(self.world, checked_list(given.get("envelopeIds", []), "envelopeIds")))

    async def read(self, request: Request) -> Response:
        """One envelope with the parts asked for."""
        envelope = found(self.world, request)
        return JSONResponse(envelope_json(envelope, included(request.query_params)))

    async def update(self, request: Request) -> Response:
        """Sends a draft, voids what is in process, changes a draft's mail, or mails the signers again."""
        given = checked_object(
            await body_of(request), ("emailBlurb", "emailSubject", "status", "voidedReason"), "the envelope"
        )
        envelope = found(self.world, request)
        if "emailSubject" in given or "emailBlurb" in given:
            self._change_mail(envelope, given)
        status = text(given, "status", "the envelope")
        if status == "voided":
            self._void(envelope, needed(given, "voidedReason", "the envelope"))
        elif status == "sent":
            self._send(envelope)
        elif status is not None:
            raise refuse("INVALID_REQUEST_PARAMETER", f"status can't be set to {status!r}.")
        elif request.query_params.get("resend_envelope") == "true":
            self._resend(envelope)
        return JSONResponse({"envelopeId": envelope["envelopeId"]})

    async def recipients(self, request: Request) -> Response:
        """The signers, with their tabs if asked."""
        with_tabs = request.query_params.get("include_tabs") == "true"
        return JSONResponse(recipients_json(found(self.world, request), with_tabs))

    async def documents(self, request: Request) -> Response:
        """The list of documents."""
        envelope = found(self.world, request)
        listing = {"envelopeId": envelope["envelopeId"], "envelopeDocuments": documents_json(envelope)}
        return JSONResponse(listing)

    async def document(self, request: Request) -> Response:
        """The bytes of one document, of all combined, of the certificate, or of the ZIP of both."""
        envelope, wanted = found(self.world, request), request.path_params["document"]
        if wanted in ("1", "combined"):
            return _file(docusign_paper.agreement(envelope), f"{envelope['documentName']}.pdf", wanted)
        if wanted == "certificate":
            return _file(docusign_paper.certificate(envelope), "Summary.pdf", wanted)
        if wanted == "archive":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as archive:
                archive.writestr(f"{envelope['documentName']}.pdf", docusign_paper.agreement(envelope))
                archive.writestr("Summary.pdf", docusign_paper.certificate(envelope))
            return _file(packed.getvalue(), "documents.zip", wanted, "application/zip")
        raise refuse("DOCUMENT_DOES_NOT_EXIST", f"The envelope has no document {wanted}.", 404)

    def _change_mail(self, envelope: Record, given: Mapping[str, object]) -> None:
        must_be(envelope, "created")
        envelope["emailSubject"] = creating.subject(dict(given)) or envelope["emailSubject"]
        envelope["emailBlurb"] = creating.blurb(dict(given)) or envelope["emailBlurb"]
        docusign_life.edited(self.world, envelope)

    def _void(self, envelope: Record, reason: str) -> None:
        try:
            docusign_life.void(self.world, envelope, reason)
        except docusign_life.WrongState as wrong:
            message = f"Only envelopes in the 'Sent' or 'Delivered' states may be voided: {wrong}."
            raise refuse("ENVELOPE_CANNOT_VOID_INVALID_STATE", message) from wrong

    def _send(self, envelope: Record) -> None:
        """Sends a draft; harmless on one in process, refused on a finished one."""
        must_be(envelope, "created", *docusign_life.IN_PROCESS)
        if envelope["status"] == "created":
            docusign_life.send(self.world, envelope)

    def _resend(self, envelope: Record) -> None:
        must_be(envelope, *docusign_life.IN_PROCESS)
        self.world.effect("envelope resent", **docusign_life.facts(envelope))


def _file(content: bytes, name: str, number: str, kind: str = "application/pdf") -> Response:
    disposition = f'file; filename="{name}"; documentid="{number}"'
    return Response(content, media_type=kind, headers={"Content-Disposition": disposition})
