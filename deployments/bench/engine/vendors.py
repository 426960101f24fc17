"""The miniature's four steps at the vendors, plain HTTP: each looks for its effect first and then acts once."""

import time
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import httpx
import jwt

Record = dict[str, Any]

KEY_FIELD = "bench_key"
"""The custom field by which an envelope, and so its webhook, names its workflow."""
MAIL_KEY = "String {6c3f0a52-8f0e-4c8e-9a54-cc0117e51607} Name CountersignKey"
TERM = "Monthly"
# The events that our own envelopes ask for (vendors/docusign_wire.py), so that as many webhooks come.
EVENTS = (
    "envelope-sent",
    "envelope-delivered",
    "envelope-completed",
    "envelope-declined",
    "envelope-voided",
    "recipient-completed",
    "recipient-declined",
    "recipient-autoresponded",
)


class NotInOrder(Exception):
    """A step found something that it can't go on with."""


class Vendors:
    """The sandbox's DocuSign, Pax8 and Graph, with one token each for the process's life. May be used by many threads.

    `told`: the answer of `GET /_sandbox/credentials`. `webhook`: where DocuSign reports signatures.
    """

    def __init__(self, told: Record, webhook: str) -> None:
        self._told = told
        self._webhook = webhook
        self._docusign = _client(self._docusign_address(), self._docusign_token())
        self._pax8 = _client(told["pax8"]["base_url"], self._pax8_token())
        mail = told["graph_mail"]
        self._mail = _client(f"{mail['graph_url']}/users/{mail['mailbox']}", self._graph_token())
        self._product = next(one["product_id"] for one in told["product_map"] if one["our_name"] == "Visio Plan 1")
        offered = _said(self._pax8.get(f"products/{self._product}/dependencies"))["commitmentDependencies"]
        self._commitment = next(one["id"] for one in offered if one["term"] == TERM)

    # The steps

    def check(self, request: Record) -> None:
        """Step 1: the customer may order at Pax8. Raises `NotInOrder` otherwise."""
        company = _said(self._pax8.get(f"companies/{request['company_id']}"))
        if company["status"] != "Active":
            raise NotInOrder(f"{company['name']} is {company['status']} at Pax8")

    def send_agreement(self, request: Record, key: str) -> str:
        """Step 2: the envelope of this workflow, found or made, and sent; returns its id."""
        transaction = str(uuid5(NAMESPACE_URL, key))
        listed = _said(self._docusign.get("envelopes", params={"transaction_ids": transaction}))
        found = listed.get("envelopeTransactionStatuses") or [None]
        made = found[0] or _said(self._docusign.post("envelopes", json=self._envelope(request, key, transaction)))
        if made["status"] == "created":
            _said(self._docusign.put(f"envelopes/{made['envelopeId']}", json={"status": "sent"}))
        return str(made["envelopeId"])

    def order(self, request: Record, envelope_id: str) -> str:
        """Step 3: the order at Pax8, found or placed, if the envelope is completed; returns its id."""
        envelope = _said(self._docusign.get(f"envelopes/{envelope_id}", params={"include": "custom_fields,recipients"}))
        if envelope["status"] != "completed":
            raise NotInOrder(f"the envelope is {envelope['status']}, not completed")
        placed = _said(self._pax8.get("orders", params={"companyId": request["company_id"]}))["content"]
        order = placed[0] if placed else _said(self._pax8.post("orders", json=self._order(request)))
        return str(order["id"])

    def mail_billing(self, request: Record, order_id: str, key: str) -> None:
        """Step 4: the mail to billing, found or sent."""
        wanted = f"singleValueExtendedProperties/Any(ep: ep/id eq '{MAIL_KEY}' and ep/value eq '{key}')"
        if _said(self._mail.get("messages", params={"$filter": wanted, "$select": "id"}))["value"]:
            return
        billing = next(one for one in self._told["staff"] if one["key"] == "roberta")
        message = {
            "subject": f"Ordered for {request['name']}: {order_id}",
            "body": {"contentType": "text", "content": f"{request['seats']} seats, term {TERM}."},
            "toRecipients": [{"emailAddress": {"address": billing["email"]}}],
            "singleValueExtendedProperties": [{"id": MAIL_KEY, "value": key}],
        }
        self._mail.post("sendMail", json={"message": message}).raise_for_status()

    # What they send

    def _envelope(self, request: Record, key: str, transaction: str) -> Record:
        docusign, office = self._told["docusign"], self._told["graph_mail"]["mailbox"]
        roles, tabs = docusign["template_roles"], {"CustomerName": request["name"], "Seats1": str(request["seats"])}
        return {
            "status": "created",
            "templateId": docusign["templates"][TERM],
            "emailSubject": f"Agreement {request['name']}",
            "transactionId": transaction,
            "templateRoles": [
                {
                    "roleName": roles["customer"],
                    "name": "Ada Byte",
                    "email": request["signer"],
                    "routingOrder": "1",
                    "tabs": {"textTabs": [{"tabLabel": label, "value": value} for label, value in tabs.items()]},
                },
                {"roleName": roles["msp"], "name": "Contracts", "email": office, "routingOrder": "2"},
            ],
            "customFields": {
                "textCustomFields": [{"name": KEY_FIELD, "value": key, "required": "false", "show": "false"}]
            },
            "eventNotification": {
                "url": self._webhook,
                "requireAcknowledgment": "true",
                "loggingEnabled": "true",
                "includeHMAC": "true",
                "deliveryMode": "SIM",
                "events": list(EVENTS),
                "eventData": {
                    "version": "restv2.1",
                    "format": "json",
                    "includeData": ["custom_fields", "recipients"],
                },
            },
        }

    def _order(self, request: Record) -> Record:
        answers = {
            "msCustExists": "The customer already has a Microsoft account and I know its tenant ID",
            "msTenantId": request["tenant_id"],
            "mca2020FirstName": "Ada",
            "mca2020LastName": "Byte",
            "mca2020Email": request["signer"],
            "mca2020EffectiveDate": "2026-01-05",
            "msftContactFirstName": "Tom",
            "msftContactLastName": "Northgate",
            "msftContactEmail": self._told["graph_mail"]["mailbox"],
            "microsoftCancelPolicyAcknowledgement": "I understand that this subscription can only be cancelled or "
            "reduced within seven days of purchase or renewal",
        }
        line = {
            "lineItemNumber": 1,
            "productId": self._product,
            "quantity": request["seats"],
            "billingTerm": TERM,
            "commitmentTermId": self._commitment,
            "provisioningDetails": [{"key": name, "values": [value]} for name, value in answers.items()],
        }
        return {"companyId": request["company_id"], "orderedBy": "Pax8 Partner", "lineItems": [line]}

    # Tokens

    def _docusign_token(self) -> str:
        told, now = self._told["docusign"], int(time.time())
        claims = {
            "iss": told["integration_key"],
            "sub": told["user_id"],
            "aud": urlsplit(told["oauth_url"]).netloc,
            "iat": now,
            "exp": now + 3600,
            "scope": "signature impersonation",
        }
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": jwt.encode(claims, told["private_key"], algorithm="RS256"),
        }
        return str(_said(httpx.post(f"{told['oauth_url']}/oauth/token", data=form))["access_token"])

    def _docusign_address(self) -> str:
        told = self._told["docusign"]
        return f"{told['oauth_url']}/restapi/v2.1/accounts/{told['account_id']}"

    def _pax8_token(self) -> str:
        told = self._told["pax8"]
        body = {name: told[name] for name in ("client_id", "client_secret", "audience")}
        return str(
            _said(httpx.post(told["token_url"], json={**body, "grant_type": "client_credentials"}))["access_token"]
        )

    def _graph_token(self) -> str:
        told = self._told["graph_mail"]
        form = {
            "client_id": told["client_id"],
            "client_secret": told["client_secret"],
            "grant_type": "client_credentials",
            "scope": "https://graph.microsoft.com/.default",
        }
        answer = httpx.post(f"{told['login_url']}/{told['tenant_id']}/oauth2/v2.0/token", data=form)
        return str(_said(answer)["access_token"])


def _client(address: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def _said(answer: httpx.Response) -> Any:
    answer.raise_for_status()
    return answer.json()
