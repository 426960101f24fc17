"""The sandbox served over real HTTP: one server a session, a freshly seeded world for each test."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

from tests.serving import sandbox_served


class Served:
    """A running sandbox. `http` speaks to the control and the pages, the others are signed-in vendor clients."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.http = httpx.Client(base_url=base, timeout=30, trust_env=False)
        self.credentials: dict[str, Any] = self.http.get("/_sandbox/credentials").json()

    def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """One control request that must succeed; its JSON."""
        answer = self.http.request(method, f"/_sandbox/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def effects(self, name: str | None = None, since: int = 0) -> list[dict[str, Any]]:
        """The ledger's effects in order, all or those of one name."""
        entries = self.http.get("/_sandbox/ledger", params={"effects": 1, "since": since}).json()["entries"]
        return [e for entry in entries for e in entry["effects"] if name in (None, e["effect"])]

    def assertion(self, **changed: Any) -> str:
        """A JWT assertion for DocuSign's stand-in, with claims changed at will."""
        known = self.credentials["docusign"]
        claims = {
            "iss": known["integration_key"],
            "sub": known["user_id"],
            "aud": urlsplit(self.base).netloc,
            "iat": int(time.time()),
            "exp": int(time.time()) + 3000,
            "scope": "signature impersonation",
        }
        return jwt.encode(claims | changed, known["private_key"], "RS256")

    def docusign(self) -> httpx.Client:
        """A client whose base is the account; signs in anew, so it works after the clock was moved too."""
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self.assertion()}
        token = self.http.post("/docusign/oauth/token", data=form).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        account = self.http.get("/docusign/oauth/userinfo", headers=headers).json()["accounts"][0]
        root = f"{account['base_uri']}/restapi/v2.1/accounts/{account['account_id']}"
        return httpx.Client(base_url=root, headers=headers, timeout=30, trust_env=False)

    def pax8(self) -> httpx.Client:
        """A client whose base is `/pax8/v1`; signs in anew."""
        known = self.credentials["pax8"]
        body = {key: known[key] for key in ("client_id", "client_secret", "audience")}
        answer = self.http.post("/pax8/v1/token", json=body | {"grant_type": "client_credentials"})
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return httpx.Client(base_url=known["base_url"], headers=headers, timeout=30, trust_env=False)


@pytest.fixture(scope="session")
def server_address() -> Iterator[str]:
    """The address of a sandbox that keeps nothing, served by uvicorn in a thread of this process."""
    with sandbox_served() as address:
        yield address


@pytest.fixture
def sandbox(server_address: str) -> Iterator[Served]:
    """The sandbox with a freshly seeded world."""
    served = Served(server_address)
    served.control("reset")
    yield served
    served.http.close()
