"""Tokens and clients for the tests of the Graph stand-in."""

from typing import Any

import httpx

from sandbox.world import SEED
from tests.sandbox.stand_ins import StandIns

IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}
KEY_ID = "String {6c3f0a52-8f0e-4c8e-9a54-cc0117e51607} Name CountersignKey"


def ask_for_token(server: StandIns, tenant: str, **form: str) -> httpx.Response:
    """The token endpoint's answer."""
    return httpx.post(f"{server.base_url}/graph/{tenant}/oauth2/v2.0/token", data=form, timeout=30)


def mail_form(server: StandIns) -> dict[str, str]:
    """What the mail app posts."""
    given = server.credentials["graph_mail"]
    return {
        "client_id": given["client_id"],
        "client_secret": given["client_secret"],
        "grant_type": "client_credentials",
        "scope": "https://graph.microsoft.com/.default",
    }


def service_form(server: StandIns) -> dict[str, str]:
    """What the service account posts."""
    given = server.credentials["graph_partner"]
    return {
        "client_id": given["client_id"],
        "client_secret": given["client_secret"],
        "grant_type": "refresh_token",
        "refresh_token": given["refresh_token"],
        "scope": "https://graph.microsoft.com/.default",
    }


def mail_client(server: StandIns) -> httpx.Client:
    """A client of the shared mailbox."""
    token = ask_for_token(server, SEED.msp.tenant_id, **mail_form(server)).json()["access_token"]
    return server.client(f"/graph/v1.0/users/{SEED.msp.mailbox}/", {"Authorization": f"Bearer {token}"})


def service_client(server: StandIns, tenant: str = SEED.msp.tenant_id) -> httpx.Client:
    """A client of the service account, in the partner's tenant or in a customer's."""
    token = ask_for_token(server, tenant, **service_form(server)).json()["access_token"]
    return server.client("/graph/v1.0/", {"Authorization": f"Bearer {token}"})


def error_code(answer: httpx.Response, status: int) -> str:
    """The machine-readable code of an error."""
    assert answer.status_code == status, answer.text
    return str(answer.json()["error"]["code"])


def draft(key: str = "ORD-1/billing", **more: Any) -> dict[str, Any]:
    """A mail to Roberta, with our key."""
    return {
        "subject": "[ORD-1] Please add the service",
        "body": {"contentType": "HTML", "content": "<p>Visio Plan 1 × 3</p>"},
        "toRecipients": [{"emailAddress": {"address": "roberta@northgate.example"}}],
        "singleValueExtendedProperties": [{"id": KEY_ID, "value": key}],
        **more,
    }


def by_key(api: httpx.Client, key: str) -> list[dict[str, Any]]:
    """The messages that carry our key."""
    wanted = f"singleValueExtendedProperties/Any(ep: ep/id eq '{KEY_ID}' and ep/value eq '{key}')"
    answer = api.get("messages", params={"$filter": wanted, "$select": "id,isDraft"}, headers=IMMUTABLE)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["value"])
