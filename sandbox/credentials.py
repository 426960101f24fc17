"""The sandbox's own throw-away credentials, and how the set-up learns them (`GET /_sandbox/credentials`)."""

from dataclasses import asdict
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from sandbox.core import World, stable_id
from sandbox.world import CLIENT_FOLDERS, ORDER_FOLDER, SEED

DOCUSIGN_INTEGRATION_KEY = stable_id("credentials", "docusign integration key")
DOCUSIGN_USER_ID = stable_id("credentials", "docusign user")
DOCUSIGN_ACCOUNT_ID = stable_id("credentials", "docusign account")
DOCUSIGN_HMAC_KEY = "sandbox-connect-hmac-key"

PAX8_CLIENT_ID = "sandbox-pax8-client"
PAX8_CLIENT_SECRET = "sandbox-pax8-secret"
PAX8_AUDIENCE = "https://api.pax8.com"

AUTOTASK_USER_NAME = "countersign-api@northgate.example"
AUTOTASK_SECRET = "sandbox-autotask-secret"
AUTOTASK_INTEGRATION_CODE = "SANDBOXINTEGRATIONCODE"

ITGLUE_API_KEY = "ITG.sandbox-api-key"

GRAPH_MAIL_CLIENT_ID = stable_id("credentials", "graph mail app")
GRAPH_MAIL_CLIENT_SECRET = "sandbox-graph-mail-secret"
GRAPH_PARTNER_CLIENT_ID = stable_id("credentials", "graph partner app")
GRAPH_PARTNER_CLIENT_SECRET = "sandbox-graph-partner-secret"
GRAPH_PARTNER_REFRESH_TOKEN = "sandbox-graph-partner-refresh-token-1"


@cache
def _fresh_key() -> str:
    """A new RSA key as PEM; one a process, since making one takes a tenth of a second."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def docusign_private_key(world: World) -> str:
    """The PEM private key of the integration, made with the state and kept in it."""
    kept = world.store.get("sandbox", "docusign key")
    if kept is None:
        kept = world.store.put("sandbox", "docusign key", {"pem": _fresh_key()})
    return str(kept["pem"])


@cache
def public_key(private_pem: str) -> str:
    """The PEM public key that belongs to a private one."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(private_pem.encode(), password=None)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def everything(world: World, base: str) -> dict[str, Any]:
    """Every address and credential that a block needs; `base` is the sandbox's own address without a slash."""
    return {
        "docusign": {
            "oauth_url": f"{base}/docusign",
            "integration_key": DOCUSIGN_INTEGRATION_KEY,
            "user_id": DOCUSIGN_USER_ID,
            "account_id": DOCUSIGN_ACCOUNT_ID,
            "private_key": docusign_private_key(world),
            "hmac_key": DOCUSIGN_HMAC_KEY,
            "templates": {template.term: template.template_id for template in SEED.templates},
            "template_roles": {
                "customer": SEED.templates[0].customer_role,
                "msp": SEED.templates[0].msp_role,
            },
        },
        "pax8": {
            "base_url": f"{base}/pax8/v1",
            "token_url": f"{base}/pax8/v1/token",
            "client_id": PAX8_CLIENT_ID,
            "client_secret": PAX8_CLIENT_SECRET,
            "audience": PAX8_AUDIENCE,
        },
        "autotask": {
            "zone_url": f"{base}/autotask",
            "user_name": AUTOTASK_USER_NAME,
            "secret": AUTOTASK_SECRET,
            "integration_code": AUTOTASK_INTEGRATION_CODE,
        },
        "itglue": {"base_url": f"{base}/itglue", "api_key": ITGLUE_API_KEY},
        "graph_mail": {
            "login_url": f"{base}/graph",
            "graph_url": f"{base}/graph/v1.0",
            "tenant_id": SEED.msp.tenant_id,
            "client_id": GRAPH_MAIL_CLIENT_ID,
            "client_secret": GRAPH_MAIL_CLIENT_SECRET,
            "mailbox": SEED.msp.mailbox,
        },
        "graph_partner": {
            "login_url": f"{base}/graph",
            "graph_url": f"{base}/graph/v1.0",
            "tenant_id": SEED.msp.tenant_id,
            "client_id": GRAPH_PARTNER_CLIENT_ID,
            "client_secret": GRAPH_PARTNER_CLIENT_SECRET,
            "refresh_token": GRAPH_PARTNER_REFRESH_TOKEN,
        },
        "msp": asdict(SEED.msp),
        "staff": [asdict(member) | {"name": member.name} for member in SEED.staff],
        "product_map": [asdict(entry) for entry in SEED.product_map],
        "folders": {"clients": CLIENT_FOLDERS, "orders": "/".join(ORDER_FOLDER)},
    }
