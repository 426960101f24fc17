"""Graph's token endpoint: an app for the mailbox, a service account for partner work, GDAP for customers."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import credentials
from sandbox.core import Record, World, new_id
from sandbox.graph_gdap import active_roles
from sandbox.graph_tenants import TENANTS
from sandbox.world import SEED

MAIL, PARTNER_APP, SERVICE = "mail app", "partner app", "service account"
LIFETIME = timedelta(minutes=60)
REFRESH_LIFETIME = timedelta(days=90)
REFRESH_TOKENS = "graph.refresh_tokens"
_SCOPE = "https://graph.microsoft.com/.default"
_APPS = {
    credentials.GRAPH_MAIL_CLIENT_ID: (credentials.GRAPH_MAIL_CLIENT_SECRET, MAIL),
    credentials.GRAPH_PARTNER_CLIENT_ID: (credentials.GRAPH_PARTNER_CLIENT_SECRET, PARTNER_APP),
}


def seed_tokens(world: World) -> None:
    """The service account's first refresh token, as a set-up is given it."""
    _keep(world, credentials.GRAPH_PARTNER_REFRESH_TOKEN)


def _keep(world: World, token: str) -> str:
    expires = (world.now() + REFRESH_LIFETIME).timestamp()
    world.store.put(REFRESH_TOKENS, token, {"expires": expires})
    return token


def _wrong(world: World, status: int, error: str, code: int, text: str) -> Response:
    trace = new_id()
    content = {
        "error": error,
        "error_description": f"AADSTS{code}: {text} Trace ID: {trace}",
        "error_codes": [code],
        "timestamp": world.now().strftime("%Y-%m-%d %H:%M:%SZ"),
        "trace_id": trace,
        "correlation_id": new_id(),
    }
    return JSONResponse(content, status)


def _known_tenant(world: World, key: str) -> str | None:
    """The tenant's id by id or verified domain."""
    for tenant in world.store.all(TENANTS):
        if key.lower() == tenant["id"] or key.lower() in {d["id"] for d in tenant["domains"] if d["isVerified"]}:
            return str(tenant["id"])
    return None


async def token(world: World, request: Request) -> Response:
    """`POST /{tenant}/oauth2/v2.0/token`, form-encoded: client credentials or a refresh token (graph.md §2)."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    tenant = _known_tenant(world, request.path_params["tenant"])
    if tenant is None:
        return _wrong(world, 400, "invalid_request", 90002, f"Tenant '{request.path_params['tenant']}' not found.")
    secret, holder = _APPS.get(form.get("client_id", ""), (None, ""))
    if secret is None:
        return _wrong(world, 400, "unauthorized_client", 700016, "Application was not found in the directory.")
    if form.get("client_secret") != secret:
        return _wrong(world, 401, "invalid_client", 7000215, "Invalid client secret provided.")
    match form.get("grant_type"):
        case "client_credentials":
            return _for_app(world, tenant, holder, form)
        case "refresh_token":
            return _for_service_account(world, tenant, holder, form)
        case other:
            return _wrong(world, 400, "unsupported_grant_type", 70003, f"The grant type '{other}' is not supported.")


def _for_app(world: World, tenant: str, holder: str, form: Record) -> Response:
    if set(form) - {"client_id", "client_secret", "grant_type", "scope"} or form.get("scope") != _SCOPE:
        return _wrong(world, 400, "invalid_scope", 1002012, f"The scope must be {_SCOPE}.")
    if tenant != SEED.msp.tenant_id:
        return _wrong(world, 400, "unauthorized_client", 700016, "Application was not found in the directory.")
    return _granted(world, tenant, holder)


def _for_service_account(world: World, tenant: str, holder: str, form: Record) -> Response:
    """A new refresh token comes with each grant; the old one stays good until it expires, as Entra has it."""
    if set(form) - {"client_id", "client_secret", "grant_type", "scope", "refresh_token"}:
        return _wrong(world, 400, "invalid_request", 900144, "Unknown form field.")
    kept = world.store.get(REFRESH_TOKENS, form.get("refresh_token", ""))
    if holder != PARTNER_APP or kept is None:
        return _wrong(world, 400, "invalid_grant", 9002313, "The refresh token is not valid.")
    if kept["expires"] < world.now().timestamp():
        return _wrong(world, 400, "invalid_grant", 700082, "The refresh token has expired due to inactivity.")
    if tenant != SEED.msp.tenant_id and active_roles(world, tenant) is None:
        text = "The user account is not in the tenant and has no delegated access to it."
        return _wrong(world, 400, "invalid_grant", 50020, text)
    fresh = _keep(world, f"sandbox-graph-refresh-{new_id()}")
    return _granted(world, tenant, SERVICE, refresh_token=fresh)


def _granted(world: World, tenant: str, holder: str, **more: str) -> Response:
    content = {
        "token_type": "Bearer",
        "expires_in": int(LIFETIME.total_seconds()) - 1,
        "ext_expires_in": int(LIFETIME.total_seconds()) - 1,
        "access_token": world.issue_token(f"graph:{tenant}", holder, LIFETIME),
    }
    return JSONResponse(content | ({"scope": _SCOPE} if more else {}) | more)
