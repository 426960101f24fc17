"""DocuSign's JWT grant: a signed assertion for a token, and the account's own address from userinfo."""

import re
import textwrap
import time
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from vendors.docusign_errors import VENDOR, read_oauth_error
from vendors.http import RetryPolicy, Token, TokenAuth, Unauthorised, VendorHttp
from vendors.wire import VendorModel, text

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "signature impersonation"
_ASSERTION_LIFE = 3600  # seconds; the longest that is commonly accepted (docusign.md §3)


class DocuSignAccount(VendorModel):
    """The account that is worked in, where its API is, and as whom."""

    account_id: str
    account_name: str
    base_uri: str
    user_name: str
    user_email: str


class DocuSignOAuth:
    """Tokens for one impersonated user. `address` is the OAuth host with its scheme (docusign.md §2, §3).

    Raises `Unauthorised` for everything that a person must set right: missing consent, a wrong key, user,
    account or private key.
    """

    def __init__(
        self,
        *,
        address: str,
        integration_key: str,
        user_id: str,
        private_key: str,
        policy: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._address = address.rstrip("/")
        self._integration_key = integration_key
        self._user_id = user_id
        self._private_key = private_key
        self._policy = policy
        self._transport = transport
        self._http = self._wire(None)
        self.auth = TokenAuth(self._fetch)
        self._http_as_user = self._wire(self.auth)

    async def account(self, account_id: str) -> DocuSignAccount:
        """Return the account with this id and no other: signing in the wrong account must not happen quietly."""
        response = await self._http_as_user.read("GET", "oauth/userinfo")
        user = self._http_as_user.record(response)
        for account in user.get("accounts") or ():
            if text(account, "account_id").lower() == account_id.lower():
                return DocuSignAccount(
                    account_id=text(account, "account_id"),
                    account_name=text(account, "account_name"),
                    base_uri=self._trusted(text(account, "base_uri")),
                    user_name=text(user, "name"),
                    user_email=text(user, "email"),
                )
        raise Unauthorised(
            VENDOR,
            f"{text(user, 'email') or 'the impersonated user'} is no member of the configured account {account_id}",
            method="GET",
            path=response.request.url.path,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()
        await self._http_as_user.aclose()

    def assertion(self) -> str:
        """Return a signed assertion; its audience is the bare OAuth host, without scheme or path."""
        now = int(time.time())
        claims = {
            "iss": self._integration_key,
            "sub": self._user_id,
            "aud": urlsplit(self._address).netloc,
            "iat": now,
            "exp": now + _ASSERTION_LIFE,
            "scope": SCOPE,
        }
        signed: str | None = None
        with suppress(jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):  # raised below, without the key
            # Whether its primes are prime is not asked again in each process: that takes longer than all the rest.
            # A key that is damaged signs nothing that DocuSign accepts.
            pem = _pem(self._private_key).encode()
            key: Any = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
            signed = jwt.encode(claims, key, algorithm="RS256")
        if signed is None:
            raise Unauthorised(VENDOR, "the configured private key isn't an RSA key in PEM form")
        return signed

    async def _fetch(self) -> Token:
        consent: Unauthorised
        try:
            response = await self._http.read(
                "POST", "oauth/token", data={"grant_type": GRANT, "assertion": self.assertion()}
            )
        except Unauthorised as refused:
            if refused.code != "consent_required":
                raise
            consent = refused
        else:
            body = self._http.record(response)
            if not text(body, "access_token"):
                raise self._http.unreadable(response, "the answer holds no access token")
            return Token(value=text(body, "access_token"), expires_in=float(body.get("expires_in") or 3600))
        consent.message = (
            "the impersonated user must consent once, in a browser: "
            f"{self._address}/oauth/auth?response_type=code&scope={quote(SCOPE)}"
            f"&client_id={self._integration_key}&redirect_uri=<an address registered for the key>"
        )
        raise consent

    def _trusted(self, base_uri: str) -> str:
        if base_uri.startswith("https://") or not self._address.startswith("https://"):
            return base_uri.rstrip("/")
        raise Unauthorised(VENDOR, "userinfo names an API address without https; nothing is sent there")

    def _wire(self, auth: httpx.Auth | None) -> VendorHttp:
        return VendorHttp(
            VENDOR,
            self._address,
            auth,
            read_oauth_error,
            policy=self._policy,
            transport=self._transport,
        )


def _pem(pasted: str) -> str:
    # A form's one-line field swallows the key's line breaks, an environment file spells them out.
    found = re.fullmatch(
        r"\s*(-----BEGIN [A-Z ]+-----)(.+?)(-----END [A-Z ]+-----)\s*", pasted.replace("\\n", "\n"), re.DOTALL
    )
    if found is None:
        return pasted
    begin, body, end = found.groups()
    return "\n".join([begin, *textwrap.wrap("".join(body.split()), 64), end, ""])
