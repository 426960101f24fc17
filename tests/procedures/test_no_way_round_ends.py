"""No end of a subscription but the one that its own signed agreement states (I1, N7, P18)."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from dateutil.relativedelta import relativedelta

from tests.procedures.attacks import forge, memory, orders
from tests.procedures.harness import Bench
from tests.procedures.requests import ROBERTA, contoso


async def signed_with_an_end(bench: Bench) -> tuple[UUID, str, str]:
    """A procedure whose agreement ends within the first month; its run, envelope and subscription."""
    ends = bench.sandbox.today() + timedelta(days=20)
    run = await bench.start(**contoso(end_date=ends.isoformat()))
    await bench.play(run)
    await bench.answer(run, action="release", decided_by=ROBERTA)
    envelope = await bench.envelope(run)
    bench.sandbox.post(f"envelopes/{envelope}/sign")
    state = await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert state.is_completed(), state
    tags = (await bench.run(run)).tags or []
    return run, envelope, next(tag.removeprefix("end-of:") for tag in tags if tag.startswith("end-of:"))


def ended(bench: Bench) -> list[dict[str, Any]]:
    """Every cancellation that reached Pax8."""
    return [one for one in bench.sandbox.ledger(vendor="pax8") if one["method"] == "DELETE"]


async def test_an_agreed_end_ends_its_own_subscription_and_no_other(bench: Bench) -> None:
    """Another customer's subscription, and one of this customer that the agreement didn't buy: left alone."""
    run, envelope, own = await signed_with_an_end(bench)
    mine = bench.sandbox.get(f"records/pax8.subscriptions/{own}")
    fabrikam = next(one["id"] for one in bench.sandbox.records("pax8.companies") if one["name"] == "Fabrikam Inc")
    others = {
        "another customer's": {
            **mine,
            "id": "aaaaaaaa-0000-4000-8000-000000000001",
            "companyId": fabrikam,
        },
        "bought before": {**mine, "id": "aaaaaaaa-0000-4000-8000-000000000002"},
    }
    for record in others.values():
        bench.sandbox.http.put(f"records/pax8.subscriptions/{record['id']}", json=record).raise_for_status()
    for name, record in others.items():
        started = await bench.start(
            "end-subscription", subscription_id=record["id"], envelope_id=envelope, procedure_run_id=str(run)
        )
        state = await bench.play(started)
        assert not state.is_completed(), (name, state)
    assert not ended(bench)
    told = [m for m in bench.sandbox.get("mails")["mails"] if "aaaaaaaa-0000" in str(m)]
    assert not [m for m in told if "contoso.example" in str(m["to"])]

    started = await bench.start(
        "end-subscription", subscription_id=own, envelope_id=envelope, procedure_run_id=str(run)
    )
    state = await bench.play(started)
    assert state.is_completed(), state
    assert [one["path"].rsplit("/", 1)[-1] for one in ended(bench)] == [own]


async def test_an_end_that_was_forged_into_the_memory_is_not_booked(bench: Bench) -> None:
    """The request says that it ends, the paper doesn't: what is signed counts."""
    run = await bench.start(**contoso())
    await bench.play(run)
    await bench.answer(run, action="release", decided_by=ROBERTA)
    envelope = await bench.envelope(run)
    bench.sandbox.post(f"envelopes/{envelope}/sign")
    await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert len(orders(bench)) == 1
    request = (await memory(run))["checked-request"]
    request["end"] = (bench.sandbox.today() + relativedelta(days=20)).isoformat()
    await forge(run, "checked-request", request)
    subscription = max(bench.sandbox.records("pax8.subscriptions"), key=lambda one: str(one["createdDate"]))["id"]
    started = await bench.start(
        "end-subscription", subscription_id=subscription, envelope_id=envelope, procedure_run_id=str(run)
    )
    state = await bench.play(started)
    assert state.name == "Handed to a person", state
    assert not ended(bench)
