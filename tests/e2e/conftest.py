"""A whole stack for the end-to-end tests: server on PostgreSQL, worker, receiver, sandbox; the code is a copy."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deployments.player import Player
from deployments.stack import CHECKOUT, LocalStack
from tests.procedures.harness import Sandbox

PACKAGES = ("flows", "tasks", "vendors", "rules", "sandbox", "deployments")


@pytest.fixture(scope="package")
def code() -> Iterator[Path]:
    """A checkout of its own, which a test may edit."""
    directory = Path(tempfile.mkdtemp(prefix="countersign-e2e-"))
    directory.chmod(0o755)
    copy = directory / "code"
    copy.mkdir()
    for package in PACKAGES:
        shutil.copytree(CHECKOUT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "prefect.yaml", copy)
    yield copy
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="package")
def stack(code: Path) -> Iterator[LocalStack]:
    with LocalStack(code.parent / "home", code=code, database_url="postgresql") as running:
        Sandbox(running.sandbox_url).post("pax8/provisioning", {"mode": "instant"})
        yield running


@pytest.fixture
def player(stack: LocalStack) -> Player:
    return Player(stack.prefect_api, stack.sandbox_url)


@pytest.fixture
def sandbox(stack: LocalStack) -> Iterator[Sandbox]:
    """The sandbox with a new world, webhooks that arrive, and no procedure left over from another test."""
    control = Sandbox(stack.sandbox_url)
    wanted = {"flows": {"name": {"any_": ["new-subscription"]}}}
    for run in httpx.post(f"{stack.prefect_api}/flow_runs/filter", json=wanted).raise_for_status().json():
        httpx.delete(f"{stack.prefect_api}/flow_runs/{run['id']}").raise_for_status()
    control.reset(now=None)
    control.post("pax8/provisioning", {"mode": "instant"})
    yield control
    control.post("connect", {"mode": "normal"})
