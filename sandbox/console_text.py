"""How the console writes things: times in the MSP's zone, money, and ledger effects as a sentence."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import pass_context
from jinja2.runtime import Context

from sandbox.core import Record
from sandbox.world import SEED

_ZONE = ZoneInfo(SEED.msp.time_zone)


def local(text: str | None) -> datetime | None:
    """A time of any vendor in the MSP's zone; None if there is none."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(_ZONE)


def when(text: str | None) -> str:
    """`Mon 23 Nov 2026, 14:05`."""
    moment = local(text)
    return f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M}" if moment else "–"


def day(text: str | None) -> str:
    """`Mon 23 Nov 2026`, the day as the vendor wrote it (its date, not moved into a zone)."""
    if not text:
        return "–"
    moment = datetime.fromisoformat(text[:10]).replace(tzinfo=UTC)
    return f"{moment:%a} {moment.day} {moment:%b %Y}"


def money(amount: float | Decimal) -> str:
    """`USD 1,234.50`."""
    return f"{SEED.msp.currency} {amount:,.2f}"


def words(label: str) -> str:
    """A tab label as words: `BillingFrequency` → `Billing frequency`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label).capitalize()


def plain(value: Any) -> Any:
    """A trait as a person would write it."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def plain_product(name: str) -> str:
    """A product's name without the distributor's suffix."""
    return name.replace(" [New Commerce Experience]", "")


@pass_context
def sentence(context: Context, effect: Record) -> str:
    """The particulars of a ledger effect, for a person."""
    parts: list[str] = []
    if effect.get("company_name"):
        parts.append(str(effect["company_name"]))
    elif isinstance(effect.get("company"), str):
        company = context["world"].store.get("pax8.companies", effect["company"])
        parts.append(str(company["name"]) if company else effect["company"])
    parts += [
        f"{plain_product(line['product_name'])} × {line['quantity']} ({line['commitment_term'] or 'no term'})"
        for line in effect.get("lines", [])
    ]
    if effect.get("product_name") and "lines" not in effect:
        parts.append(f"{plain_product(effect['product_name'])} × {effect.get('quantity', '?')}")
    for name in ("subject", "title", "name", "path", "sender", "email", "by", "reason", "ticketNumber"):
        if isinstance(effect.get(name), str):
            parts.append(effect[name])
    if isinstance(effect.get("to"), list):
        parts.append("to " + ", ".join(effect["to"]))
    for name, word, shown in (("end", "ends", day), ("term_end", "term ends", day), ("now", "it is", when)):
        if isinstance(effect.get(name), str):
            parts.append(f"{word} {shown(effect[name])}")
    return " · ".join(parts)


FILTERS: dict[str, Callable[..., Any]] = {
    "when": when,
    "day": day,
    "money": money,
    "plain": plain,
    "plain_product": plain_product,
    "words": words,
    "sentence": sentence,
}
