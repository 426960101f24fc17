"""Writing at DocuSign: drafts, their fields, sending and voiding. Each call is sent once."""

from collections.abc import Mapping

from vendors.docusign_errors import VENDOR
from vendors.docusign_http import DocuSignHttp
from vendors.docusign_models import EnvelopeDraft
from vendors.docusign_wire import custom_fields_body, custom_fields_of, draft_body, tab_edits
from vendors.http import Refused, segment
from vendors.wire import text


class Writing(DocuSignHttp):
    """Everything that changes an envelope; what is unclear afterwards is for the caller to look at."""

    async def create_draft(self, draft: EnvelopeDraft) -> str:
        """Make an envelope that mails nobody yet; return its id (§4, §10).

        On `UnclearOutcome` look for it first; a stray draft does no harm, a second one to sign would.
        """
        http = await self._api()
        response = await http.write("POST", "envelopes", json=draft_body(draft, self._webhook_url))
        body = self._done(http, response)
        envelope_id = text(body, "envelopeId")
        if not envelope_id:
            raise http.unreadable(response, "the answer names no envelope", write=True)
        return envelope_id

    async def set_tabs(self, envelope_id: str, recipient_id: str, values: Mapping[str, str]) -> None:
        """Set fields of a draft by their labels; nothing is written unless every label is there (§4.2)."""
        http = await self._api()
        path = f"envelopes/{segment(VENDOR, envelope_id)}/recipients/{segment(VENDOR, recipient_id)}/tabs"
        body, missing = tab_edits(http.record(await http.read("GET", path)), values)
        if missing:
            raise Refused(
                VENDOR,
                f"signer {recipient_id} has no field labelled {', '.join(sorted(missing))}; nothing was changed",
                path=path,
            )
        if body:
            self._done(http, await http.write("PUT", path, json=body))

    async def set_custom_field(self, envelope_id: str, name: str, value: str) -> None:
        """Add or replace one of our custom fields, on a draft or an envelope under way (§4.3)."""
        http = await self._api()
        path = f"envelopes/{segment(VENDOR, envelope_id)}/custom_fields"
        present = http.record(await http.read("GET", path))
        if custom_fields_of(present).get(name) == value:
            return
        body = custom_fields_body({name: value})
        ids = [text(f, "fieldId") for f in present.get("textCustomFields") or () if text(f, "name") == name]
        if ids:
            body["textCustomFields"][0]["fieldId"] = ids[0]
        self._done(http, await http.write("PUT" if ids else "POST", path, json=body))

    async def send(self, envelope_id: str) -> None:
        """Send a draft to its first signer. Sending a sent one again changes nothing (§7, §10)."""
        await self._update(envelope_id, {"status": "sent"})

    async def void(self, envelope_id: str, reason: str) -> None:
        """Take back an envelope under way; the signers see the reason.

        After any failure read the envelope: a signature may have been faster (§7).
        """
        await self._update(envelope_id, {"status": "voided", "voidedReason": reason})

    async def _update(self, envelope_id: str, change: Mapping[str, str]) -> None:
        http = await self._api()
        path = f"envelopes/{segment(VENDOR, envelope_id)}"
        self._done(http, await http.write("PUT", path, json=change))
