"""Reading at DocuSign: envelopes, what stands in their fields, documents, templates."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Literal

from vendors.docusign_errors import VENDOR
from vendors.docusign_http import DocuSignHttp
from vendors.docusign_models import Envelope, EnvelopeSummary, Template, TemplateSummary
from vendors.docusign_wire import envelope_of, summary_of, template_of
from vendors.http import Params, Unavailable, segment
from vendors.paging import Pages
from vendors.wire import text

_IDS_AT_A_TIME = 50  # in one address


class Reading(DocuSignHttp):
    """Everything that changes nothing; tried again when DocuSign stumbles."""

    async def find_by_transaction(self, transaction_id: str) -> list[EnvelopeSummary]:
        """Return the envelopes made with this transaction id in the last seven days (§10)."""
        http = await self._api()
        params = {"transaction_ids": segment(VENDOR, transaction_id), "include": "custom_fields"}
        body = http.record(await http.read("GET", "envelopes", params=params))
        rows = [*(body.get("envelopeTransactionStatuses") or ()), *(body.get("envelopes") or ())]
        found: dict[str, EnvelopeSummary] = {}
        for row in rows:
            summary = summary_of(row)
            # Either list may come, or both: the envelope's own row says more than the transaction's.
            if summary.envelope_id and summary.transaction_id in ("", transaction_id):
                found[summary.envelope_id] = summary.model_copy(update={"transaction_id": transaction_id})
        return list(found.values())

    async def find_by_custom_field(self, name: str, value: str, since: datetime) -> list[EnvelopeSummary]:
        """Return the envelopes changed since then whose custom field has exactly this value (§6).

        DocuSign's index may lag behind by an unknown time: not found isn't proof that there is none.
        """
        params = {
            "from_date": _moment(since),
            "custom_field": f"{name}={value}",
            "include": "custom_fields",
        }
        rows = [summary_of(row) for row in await self._rows(params)]
        return [row for row in rows if row.custom_fields.get(name) == value]

    def changed_since(self, since: datetime) -> Pages[Envelope]:
        """Return every envelope whose status changed since then, oldest change first, without fields (§9).

        For the net under the webhooks: at most once in 15 minutes, from a little before the last look.
        """

        async def walk() -> AsyncIterator[Envelope]:
            for envelope in await self._listed({"from_date": _moment(since)}):
                yield envelope

        return Pages(walk)

    async def envelope(self, envelope_id: str) -> Envelope:
        """Return an envelope with its custom fields and signers; one rationed look (§6, §9)."""
        http = await self._api()
        path = f"envelopes/{segment(VENDOR, envelope_id)}"
        response = await http.read("GET", path, params={"include": "custom_fields,recipients"})
        return self._understood(http, response, envelope_of)

    async def envelopes(self, envelope_ids: Sequence[str]) -> list[Envelope]:
        """Return these envelopes as the list shows them, with custom fields and signers: a second way (B7, §6).

        It isn't rationed by envelope, so it helps when the single read fails or is refused for its frequency.
        Unknown ids are missing in the answer, as are those that DocuSign leaves out: compare.
        """
        wanted = [segment(VENDOR, one) for one in dict.fromkeys(envelope_ids)]
        found: list[Envelope] = []
        for place in range(0, len(wanted), _IDS_AT_A_TIME):
            some = wanted[place : place + _IDS_AT_A_TIME]
            listed = await self._listed({"envelope_ids": ",".join(some)})
            found += [one for one in listed if one.envelope_id in some]
        return found

    async def envelopes_by_custom_field(self, name: str, value: str, since: datetime) -> list[Envelope]:
        """Return the envelopes changed since then whose custom field has exactly this value, with signers (§6).

        One list call, as `envelopes`. DocuSign's index may lag behind: not found isn't proof that there is none.
        """
        listed = await self._listed({"from_date": _moment(since), "custom_field": f"{name}={value}"})
        return [one for one in listed if one.custom_fields.get(name) == value]

    async def envelope_with_tabs(self, envelope_id: str) -> Envelope:
        """Return an envelope with what stands in each signer's fields: the evidence of N5; two looks (§4.2)."""
        http = await self._api()
        path = f"envelopes/{segment(VENDOR, envelope_id)}"
        first = await http.read("GET", path, params={"include": "custom_fields"})
        second = await http.read("GET", f"{path}/recipients", params={"include_tabs": "true"})
        recipients = http.record(second)
        return self._understood(http, first, lambda record: envelope_of(record, recipients))

    def with_tabs_since(self, since: datetime) -> Pages[Envelope]:
        """Return every envelope whose status changed since then, with what stands in the signers' fields (§6).

        A list call for many, not rationed by envelope. Where DocuSign leaves the fields out, `Signer.tabs` is empty.
        """

        async def walk() -> AsyncIterator[Envelope]:
            for envelope in await self._listed({"from_date": _moment(since)}, "custom_fields,recipients,tabs"):
                yield envelope

        return Pages(walk)

    async def _listed(self, params: Params, include: str = "custom_fields,recipients") -> list[Envelope]:
        rows = await self._rows({**params, "include": include})
        try:
            return [envelope_of(row) for row in rows]
        except (ValueError, TypeError, AttributeError) as why:
            fault = type(why).__name__
        raise Unavailable(VENDOR, f"a row of the list has an unknown shape ({fault})", method="GET", path="envelopes")

    async def templates_of(self, envelope_id: str) -> list[TemplateSummary]:
        """Return the templates that an envelope was made from: what `Envelope.template_id` may not say."""
        http = await self._api()
        response = await http.read("GET", f"envelopes/{segment(VENDOR, envelope_id)}/templates")
        rows = http.record(response).get("templates") or ()
        return [TemplateSummary(template_id=text(r, "templateId"), name=text(r, "name")) for r in rows]

    async def document(self, envelope_id: str, which: Literal["combined", "certificate"]) -> bytes:
        """Return a PDF: the signed papers in one, or the certificate of completion (§8)."""
        http = await self._api()
        path = f"envelopes/{segment(VENDOR, envelope_id)}/documents/{which}"
        response = await http.read("GET", path, headers={"Accept": "application/pdf"})
        if b"%PDF-" not in response.content[:1024]:
            raise http.unreadable(response, "what came instead of the document isn't a PDF")
        return response.content

    async def template(self, template_id: str) -> Template:
        """Return a template's roles and the labels of their fields."""
        http = await self._api()
        path = f"templates/{segment(VENDOR, template_id)}"
        response = await http.read("GET", path, params={"include": "tabs"})
        return self._understood(http, response, template_of)

    async def templates(self, search: str = "") -> list[TemplateSummary]:
        """Return the templates whose name contains this text (48 characters at most count)."""
        http = await self._api()
        found: list[TemplateSummary] = []
        while True:
            params = {
                "search_text": search[:48] or None,
                "start_position": str(len(found)) if found else None,
            }
            body = http.record(await http.read("GET", "templates", params=params))
            rows = body.get("envelopeTemplates") or ()
            found += [TemplateSummary(template_id=text(r, "templateId"), name=text(r, "name")) for r in rows]
            if not rows or len(found) >= int(text(body, "totalSetSize") or 0):
                return found


def _moment(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("a time without its zone means DocuSign's server's zone; give it one")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
