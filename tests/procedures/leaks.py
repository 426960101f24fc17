"""Where a secret, our own cost or somebody's markup could come to light: everything that is kept or sent."""

import re
from collections.abc import Iterable
from pathlib import Path

import asyncpg

from tests.procedures.harness import Sandbox

SECRET_FIELDS = ("private_key", "hmac_key", "client_secret", "secret", "api_key", "refresh_token", "integration_code")
MAY_HOLD_SECRETS = "block_document"


def secrets_of(sandbox: Sandbox) -> dict[str, str]:
    """Every secret of every vendor by its name: credentials, and each token that was ever issued."""
    found = {}
    for vendor, values in sandbox.get("credentials").items():
        if isinstance(values, dict):
            found |= {f"{vendor} {name}": str(values[name]) for name in SECRET_FIELDS if values.get(name)}
    key = found.pop("docusign private_key")
    found |= {f"docusign private_key, line {n}": line for n, line in enumerate(key.splitlines()) if len(line) > 40}
    for kind in ("sandbox.tokens", "graph.refresh_tokens"):
        found |= {f"{kind} {token}": token for token in sandbox.get(f"records/{kind}")["records"]}
    return found


async def database(url: str) -> dict[str, str]:
    """Prefect's database by table, as text; without the table that may hold secrets, encrypted."""
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    try:
        tables = [
            row[0] for row in await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        ]
        return {
            table: "\n".join(row[0] for row in await connection.fetch(f'select t::text from "{table}" t'))  # noqa: S608
            for table in tables
            if table != MAY_HOLD_SECRETS
        }
    finally:
        await connection.close()


def files(home: Path) -> dict[str, str]:
    """Every result and log below Prefect's home."""
    return {
        str(path.relative_to(home)): path.read_bytes().decode(errors="replace")
        for path in home.rglob("*")
        if path.is_file()
    }


def found_in(places: dict[str, str], secrets: dict[str, str]) -> list[str]:
    """Which secret lies where."""
    return [
        f"{name} in {place}" for place, text in places.items() for name, secret in secrets.items() if secret in text
    ]


def assertions_in(places: dict[str, str]) -> list[str]:
    """Where a signed assertion or token of the form header.body.signature lies."""
    return [place for place, text in places.items() if re.search(r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.", text)]


def costs(sandbox: Sandbox) -> set[str]:
    """Our own cost of every product and term, as a figure with two decimals."""
    prices = [price for product in sandbox.records("pax8.products") for price in product["prices"]]
    retail = {f"{float(price['retail']):.2f}" for price in prices}
    return {f"{float(price['buy']):.2f}" for price in prices} - retail


def figures_in(text: str, figures: Iterable[str]) -> set[str]:
    """Which of the figures stand in a text as numbers of their own."""
    return set(re.findall(r"(?<![\d.,:])\d+\.\d\d(?!\d)", text)) & set(figures)


def shown_outside(sandbox: Sandbox) -> dict[str, str]:
    """What people get to read outside Prefect: mails, ticket notes, tickets, attachments, IT Glue's assets."""
    shown = {f"mail {mail['subject']}": str(mail) for mail in sandbox.get("mails")["mails"]}
    for kind in ("autotask.ticketnotes", "autotask.tickets", "autotask.ticketattachments", "itglue.flexible_assets"):
        shown |= {f"{kind} {record.get('id')}": str(record) for record in sandbox.records(kind)}
    return shown


def tags_in(text: str) -> list[str]:
    """The attacker's tags where they would work, in HTML or in Markdown."""
    return re.findall(r"(?<!\\)<(?:script|img)\b[^<]{0,40}", text)


def links_in(markdown: str) -> list[str]:
    """The attacker's links and images where they would work in Markdown."""
    return re.findall(r"(?<!\\)\[[^\]\\]*\]\([^)]*evil[^)]*\)", markdown)
