"""DocuSign's OAuth host and the guard of its REST paths: JWT grant, userinfo, tokens, limits."""

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.core import Refusal, World, unknown_names
from sandbox.credentials import (
    DOCUSIGN_ACCOUNT_ID,
    DOCUSIGN_INTEGRATION_KEY,
    DOCUSIGN_USER_ID,
    docusign_private_key,
    public_key,
)
from sandbox.docusign_wire import error, traced

Handler = Callable[[Request], Awaitable[Response]]
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME = timedelta(hours=1)
_SKEW = timedelta(minutes=5)


def routes(world: World) -> list[BaseRoute]:
    """`POST /oauth/token` and `GET /oauth/userinfo` (docusign.md §3)."""

    async def token(request: Request) -> Response:
        form = await request.form()
        strangers = unknown_names(form, ("grant_type", "assertion"))
        if strangers:
            return _oauth_error("invalid_request", f"unknown parameter: {', '.join(strangers)}")
        if form.get("grant_type") != _GRANT:
            return _oauth_error("unsupported_grant_type", "only the JWT grant is served")
        fault = _assertion_fault(world, str(form.get("assertion", "")), request.headers.get("host", ""))
        if fault:
            return _oauth_error(*fault)
        issued = {
            "access_token": world.issue_token("docusign", DOCUSIGN_USER_ID, _LIFETIME),
            "token_type": "Bearer",
            "expires_in": int(_LIFETIME.total_seconds()),
            "scope": "signature impersonation",
        }
        return traced(JSONResponse(issued))

    async def userinfo(request: Request) -> Response:
        if world.token_holder(request, "docusign") is None:
            return _oauth_error("invalid_token", "the access token is expired or unknown", 401)
        base = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}/docusign"
        account = {
            "account_id": DOCUSIGN_ACCOUNT_ID,
            "account_name": "Northgate IT",
            "is_default": True,
            "base_uri": base,
        }
        person = {
            "sub": DOCUSIGN_USER_ID,
            "name": "Northgate IT Contracts",
            "given_name": "Northgate",
            "family_name": "Contracts",
            "created": "2024-01-15T08:00:00.000",
            "email": "contracts@northgate.example",
            "accounts": [account],
        }
        return traced(JSONResponse(person))

    return [
        Route("/oauth/token", token, methods=["POST"]),
        Route("/oauth/userinfo", userinfo, methods=["GET"]),
    ]


def _oauth_error(code: str, description: str, status: int = 400) -> Response:
    return traced(JSONResponse({"error": code, "error_description": description}, status_code=status))


def _assertion_fault(world: World, assertion: str, host: str) -> tuple[str, str] | None:
    """What is wrong with a JWT assertion; None if it is good.

    Times are accepted by the real clock or by the sandbox's: a caller may or may not share the offset.
    """
    key = public_key(docusign_private_key(world))
    options = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    try:
        claims = jwt.decode(assertion, key, algorithms=["RS256"], options=options)  # type: ignore[arg-type]
    except jwt.InvalidTokenError:
        return "invalid_grant", "no_valid_keys_or_signatures"
    if claims.get("iss") != DOCUSIGN_INTEGRATION_KEY or claims.get("aud") != host:
        return "invalid_grant", "issuer_not_found"
    if claims.get("sub") != DOCUSIGN_USER_ID:
        return "invalid_grant", "user_not_found"
    if set(str(claims.get("scope", "")).split()) != {"signature", "impersonation"}:
        return "consent_required", "scope must be 'signature impersonation'"
    begins, ends = claims.get("iat"), claims.get("exp")
    if not isinstance(begins, int) or not isinstance(ends, int):
        return "invalid_request", "iat and exp must be whole unix seconds"
    if ends - begins > 3600:
        return "invalid_grant", "the assertion lives longer than an hour"
    sandbox_now = world.now()
    for now in (sandbox_now, sandbox_now - world.clock.offset):
        if begins <= (now + _SKEW).timestamp() and ends > (now - _SKEW).timestamp():
            return None
    return "invalid_grant", "expired_token"


def guarded(world: World, handler: Handler, known: tuple[str, ...] = ()) -> Handler:
    """The handler behind token, account, known query parameters and the limits of docusign.md §9."""

    async def answer(request: Request) -> Response:
        try:
            _check(world, request, known)
            response = await handler(request)
        except Refusal as refusal:
            response = refusal.response
        return _with_limits(world, traced(response))

    return answer


def _check(world: World, request: Request, known: tuple[str, ...]) -> None:
    if world.token_holder(request, "docusign") is None:
        message = "The access token provided is expired, revoked or malformed."
        raise Refusal(error(401, "AUTHORIZATION_INVALID_TOKEN", message))
    if request.path_params.get("account") != DOCUSIGN_ACCOUNT_ID:
        message = "The specified User is not a member of the specified Account."
        raise Refusal(error(401, "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT", message))
    strangers = unknown_names(request.query_params, known)
    if strangers:
        message = f"Unknown query parameter: {', '.join(strangers)}."
        raise Refusal(error(400, "INVALID_REQUEST_PARAMETER", message))
    _ration(world, request)


def _ration(world: World, request: Request) -> None:
    """Counts the call against the account's burst limit (if enforced) and the envelope's own limits (400)."""
    now = world.now().timestamp()
    counted: dict[str, deque[float]] = world.memory.setdefault("docusign.calls", {})
    account = _one_more(counted.setdefault("account", deque()), now, 30)
    if account > 200 and world.setting("docusign.limits") == "enforced":
        raise Refusal(error(429, "BURST_APIINVOCATION_LIMIT_EXCEEDED", "More than 200 calls in 30 seconds."))
    envelope = request.path_params.get("envelope")
    if envelope is None:
        return
    reading = request.method == "GET"
    kind = f"{envelope} {'read' if reading else 'write'}"
    window = float(world.setting("docusign.polling_seconds"))
    if _one_more(counted.setdefault(kind, deque()), now, window) > world.setting("docusign.polling_limit"):
        code = "Burst_Envelope_Polling_Limit_Exceeded" if reading else "Burst_APIInvocation_Envelope_Limit_Exceeded"
        raise Refusal(error(400, code, "The burst limit of calls for this envelope has been exceeded."))


def _one_more(calls: deque[float], now: float, window: float) -> int:
    """How many calls lie in the sliding window, this one included; a clock set back empties it."""
    while calls and not 0 <= now - calls[0] < window:
        calls.popleft()
    calls.append(now)
    return len(calls)


def _with_limits(world: World, response: Response) -> Response:
    now = world.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    tally: dict[str, int] = world.memory.setdefault("docusign.hours", {})
    tally[hour.isoformat()] = used = tally.get(hour.isoformat(), 0) + 1
    burst = len(world.memory.get("docusign.calls", {}).get("account", []))
    response.headers["X-RateLimit-Limit"] = "3000"
    response.headers["X-RateLimit-Remaining"] = str(max(0, 3000 - used))
    response.headers["X-RateLimit-Reset"] = str(int((hour + timedelta(hours=1)).timestamp()))
    response.headers["X-BurstLimit-Limit"] = "200"
    response.headers["X-BurstLimit-Remaining"] = str(max(0, 200 - burst))
    return response
