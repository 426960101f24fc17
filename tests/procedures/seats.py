"""Launch forms of more seats, and what the people around them do."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from prefect.client.schemas.objects import State

from tests.procedures.bridges import reference
from tests.procedures.harness import Bench
from tests.procedures.people import launch
from tests.procedures.requests import ADA, PREMIUM, TOM

CONTOSO, FABRIKAM, LITWARE, TAILSPIN = "Contoso Ltd", "Fabrikam Inc", "Litware", "Tailspin Toys"


def more(**changed: Any) -> dict[str, Any]:
    """Contoso Ltd has 12 Business Premium by the month and wants 15: nothing stands in the way."""
    return {
        "name": "add-seats",
        "customer": CONTOSO,
        "ticket": "T20261118.0012",
        "requester": TOM,
        "contact": ADA,
        "product": PREMIUM,
        "seats_now": 12,
        "seats_wanted": 15,
        **changed,
    }


def annual_more(**changed: Any) -> dict[str, Any]:
    """Fabrikam Inc has 8 Business Standard for a year and wants 10."""
    return more(
        **{
            "customer": FABRIKAM,
            "ticket": "T20261119.0004",
            "contact": "frida@fabrikam.example",
            "product": "Microsoft 365 Business Standard",
            "seats_now": 8,
            "seats_wanted": 10,
            **changed,
        }
    )


def both_more(**changed: Any) -> dict[str, Any]:
    """Litware has 4 Business Premium by the month and 15 for a year, and wants three more of them."""
    return more(
        **{
            "customer": LITWARE,
            "ticket": "T20261113.0005",
            "contact": "lena@litware.example",
            "seats_now": 15,
            "seats_wanted": 18,
            **changed,
        }
    )


def held(bench: Bench, customer: str, product: str = PREMIUM, term: str = "") -> dict[str, Any]:
    """A customer's subscription of a product, as Pax8 has it; of several the one on that term."""
    company = next(one["id"] for one in bench.sandbox.records("pax8.companies") if one["name"] == customer)
    [found] = [
        one
        for one in bench.sandbox.records("pax8.subscriptions")
        if one["companyId"] == company
        and one["productName"].removesuffix(" [New Commerce Experience]") == product
        and (not term or (one["commitment"] or {}).get("term") == term)
    ]
    return found


def portal_adds(bench: Bench, subscription: str, total: int) -> None:
    """Somebody sets the seats in the Pax8 portal."""
    bench.sandbox.post(f"pax8/subscriptions/{subscription}/seats", {"quantity": total})


def changes(bench: Bench) -> list[tuple[int, int]]:
    """Every change of seats, by whomever: before and after."""
    return [
        (effect["before"], effect["quantity"])
        for entry in bench.sandbox.ledger(effects=1)
        for effect in entry["effects"]
        if effect["effect"] == "seats changed"
    ]


def puts(bench: Bench) -> list[dict[str, Any]]:
    """Every change of seats that reached Pax8's API."""
    return [one for one in bench.sandbox.ledger(vendor="pax8") if one["method"] == "PUT"]


async def asked(bench: Bench, **changed: Any) -> UUID:
    """More seats that the contact was asked about by mail."""
    run = await launch(bench, more(**changed))
    assert await bench.waits_for(run) == "confirmation-seats-1"
    return run


async def answer_question(bench: Bench, run: UUID, round_: int = 1, **answer: Any) -> None:
    """The contact answers our mail a minute later; by default with the first sentence that it offers."""
    bench.sandbox.advance(seconds=60)
    mail = quote(f"{await reference(bench, run)}/seats-{round_}", safe="")
    bench.sandbox.post(f"mails/{mail}/answer", answer or {"sentence": True})


async def confirm(bench: Bench, run: UUID, round_: int = 1, **answer: Any) -> State[Any]:
    """The contact confirms, and reconcile finds the reply."""
    await answer_question(bench, run, round_, **answer)
    await bench.reconcile()
    return await bench.state(run)
