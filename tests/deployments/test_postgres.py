"""A PostgreSQL server of one's own, found wherever this machine keeps it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from deployments.environment import database_url_from_shell
from deployments.ports import is_free
from deployments.postgres import find_binaries, local_postgres
from tests.homes import home_for_stack


@pytest.fixture
def data() -> Iterator[Path]:
    with home_for_stack() as home:
        yield home / "data"


async def carried_out(url: str, statement: str) -> Any:
    """The first value that a statement gives, if it gives any, at the address that Prefect would be told."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        result = await connection.execute(text(statement))
        value = result.scalar() if result.returns_rows else None
    await engine.dispose()
    return value


async def test_it_takes_prefects_connections_and_leaves_nothing_behind(data: Path, tmp_path: Path) -> None:
    with local_postgres(data, tmp_path / "log") as url:
        assert await carried_out(url, "select 6 * 7") == 42
    port = urlsplit(url).port
    assert port is not None
    assert is_free(port)


async def test_what_it_holds_is_there_again_after_a_restart(data: Path, tmp_path: Path) -> None:
    for statement in ("select 42 as answer into kept", "select answer from kept"):
        with local_postgres(data, tmp_path / "log") as url:
            found = await carried_out(url, statement)
    assert found == 42


def test_the_binaries_are_found_where_debian_puts_them_without_the_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert (find_binaries() / "initdb").exists()


@pytest.mark.parametrize(
    ("chosen", "understood"),
    [
        ("", None),
        ("sqlite", None),
        ("postgresql", "postgresql"),
        ("postgresql://me@db/prefect", "postgresql+asyncpg://me@db/prefect"),
        ("postgres://me@db/prefect", "postgresql+asyncpg://me@db/prefect"),
        ("postgresql+asyncpg://me@db/prefect", "postgresql+asyncpg://me@db/prefect"),
    ],
)
def test_one_setting_names_the_database(monkeypatch: pytest.MonkeyPatch, chosen: str, understood: str | None) -> None:
    monkeypatch.delenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", raising=False)
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", chosen)
    assert database_url_from_shell() == understood
