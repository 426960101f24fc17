"""A sandbox of its own for the vendors' tests, as a separate process, over real HTTP; clients that several share."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from vendors.graph import GraphPartner, GraphPartnerBlock
from vendors.itglue import ITGlue, ITGlueBlock

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class SandboxAddress:
    """Where a sandbox listens, and every credential of its stand-ins by vendor."""

    base_url: str
    credentials: dict[str, Any]

    def control(self, method: str, path: str, json: Any = None) -> Any:
        """Pull a lever: `path` is what follows `/_sandbox/`. Returns the answer's JSON."""
        response = httpx.request(method, f"{self.base_url}/_sandbox/{path}", json=json, timeout=30.0)
        response.raise_for_status()
        return response.json() if response.content else None

    def ledger(self, vendor: str, since: int = 0) -> list[dict[str, Any]]:
        """Return what a vendor was asked after a place in the ledger, oldest first."""
        return list(_entries(self.control("GET", f"ledger?vendor={vendor}&since={since}")))

    def place(self) -> int:
        """Return the ledger's present end, to look at what comes after it."""
        return max((entry["seq"] for entry in _entries(self.control("GET", "ledger"))), default=0)


def _entries(answer: Any) -> list[dict[str, Any]]:
    return list(answer["entries"] if isinstance(answer, dict) else answer)


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxAddress]:
    """A sandbox that keeps nothing, for all tests of this worker."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("sandbox") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    base_url = f"http://127.0.0.1:{port}"
    try:
        credentials = _credentials(base_url, process, log)
        yield SandboxAddress(base_url, credentials)
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def sandbox(sandbox_process: SandboxAddress) -> Iterator[SandboxAddress]:
    """The sandbox; faults that a test leaves behind are taken away."""
    yield sandbox_process
    sandbox_process.control("DELETE", "faults")


def itglue_block(sandbox: SandboxAddress) -> ITGlueBlock:
    credentials = sandbox.credentials["itglue"]
    return ITGlueBlock(api_key=SecretStr(credentials["api_key"]), address=credentials["base_url"])


@pytest.fixture
async def itglue(sandbox: SandboxAddress) -> AsyncIterator[ITGlue]:
    async with itglue_block(sandbox).client() as client:
        yield client


def partner_block(sandbox: SandboxAddress) -> GraphPartnerBlock:
    credentials = sandbox.credentials["graph_partner"]
    return GraphPartnerBlock(
        tenant_id=credentials["tenant_id"],
        client_id=credentials["client_id"],
        client_secret=SecretStr(credentials["client_secret"]),
        refresh_token=SecretStr(credentials["refresh_token"]),
        address=credentials["graph_url"],
        login_address=credentials["login_url"],
    )


@pytest.fixture
async def partner(sandbox: SandboxAddress) -> AsyncIterator[GraphPartner]:
    async with partner_block(sandbox).client() as client:
        yield client


def _credentials(base_url: str, process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        if process.poll() is not None:
            break
        try:
            answer = httpx.get(f"{base_url}/_sandbox/credentials", timeout=5.0)
        except httpx.TransportError:
            time.sleep(0.05)  # until it listens
            continue
        return dict(answer.raise_for_status().json())
    pytest.fail(f"the sandbox didn't come up:\n{log.read_text()[-3000:]}")
