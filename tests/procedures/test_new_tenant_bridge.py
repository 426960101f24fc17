"""A bridge for a customer new to Microsoft 365: its agreement goes on while the tenant's name is asked for (B1, P3)."""

from datetime import timedelta
from uuid import UUID

from tests.procedures.bridges import confirm
from tests.procedures.harness import Bench, plain
from tests.procedures.people import WEBHOOK, assert_done, assert_ended_as, launch, notes, ordered
from tests.procedures.requests import ROBERTA, SAM, TOM
from tests.procedures.tenants import MUNSON_TICKET, PREFIX, WALT, munson, name_it

PRODUCT = "Microsoft 365 Business Premium"


async def confirmed(bench: Bench) -> UUID:
    """The terms are confirmed, the prefix is asked for; the agreement is a draft."""
    why = {
        "why_now": "The harvest is in.",
        "needed_by": f"{bench.sandbox.today() + timedelta(days=4)}",
        "confirmer": WALT,
        "signer": "",
    }
    run = await launch(bench, munson(name="bridge", **why))
    assert await bench.waits_for(run) == "confirmation-1"
    await confirm(bench, run)
    assert await bench.waits_for(run) == "prefix-1"
    return run


async def at_the_prefix(bench: Bench) -> UUID:
    """Contracts has released the agreement while the prefix is asked for."""
    run = await confirmed(bench)
    await bench.answer(run, action="release the agreement", decided_by=ROBERTA)
    assert await bench.waits_for(run) == "prefix-1"
    bench.sandbox.advance(seconds=700)
    await bench.reconcile()
    assert len(bench.sandbox.effects("envelope sent")) == 1, "contracts released it beside the prefix"
    return run


async def test_a_signature_while_the_prefix_is_asked_for_is_told_and_no_bridge_is_ordered(bench: Bench) -> None:
    """B1: completed before the bridge's order, so it goes on as N, with the name that was asked for."""
    run = await at_the_prefix(bench)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign", {})
    await bench.answer(run, action="look again", decided_by=WEBHOOK)
    assert await bench.waits_for(run) == "prefix-1", "the order under the agreement needs it too"
    assert "before a bridge was ordered" in notes(bench, MUNSON_TICKET)["agreement signed"]
    assert "no bridge is ordered" in plain(await form_of(bench, run))
    assert_done(await name_it(bench, run))
    assert ordered(bench) == [("Microsoft 365 Business Premium", 3, "Monthly")]
    assert not await bench.runs("signature-deadline") and len(await bench.runs("set-up-tenant")) == 1


async def test_a_refusal_while_the_prefix_is_asked_for_ends_it_at_once(bench: Bench) -> None:
    """A declined agreement: nobody is asked for a name any more, and nothing was made or ordered."""
    run = await at_the_prefix(bench)
    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/decline", {"reason": "Too dear."})
    assert_ended_as(await bench.answer(run, action="look again", decided_by=WEBHOOK), "Declined")
    assert not ordered(bench) and not bench.sandbox.effects("company created")


async def test_contracts_corrects_the_draft_while_the_prefix_is_confirmed(bench: Bench) -> None:
    """Both waits at once: the draft has the new price, the prefix is still to be confirmed, and is by Sam alone."""
    run = await confirmed(bench)
    await bench.answer(run, action="use this prefix", decided_by=TOM, prefix=PREFIX, prefix_again=PREFIX)
    assert await bench.waits_for(run) == "prefix-confirmed-1"
    price = f"{PRODUCT} = 19.50"
    await bench.answer(run, action="correct the draft", decided_by=TOM, prices=price)
    assert f"{TOM} may not decide this" in plain(await bench.form(run))
    await bench.answer(run, action="correct the draft", decided_by=ROBERTA, prices="Another product = 19.50")
    assert await bench.waits_for(run) == "prefix-confirmed-1" and "19.50" not in unit_prices(bench)
    await bench.answer(run, action="correct the draft", decided_by=ROBERTA, prices=price, prefix=PREFIX)
    assert await bench.waits_for(run) == "prefix-confirmed-1", "correcting confirms nothing"
    assert "19.50" in plain(await bench.form(run)) and unit_prices(bench) == ["19.50"]
    await bench.answer(run, action="confirm the prefix", decided_by=ROBERTA, prefix=PREFIX)
    assert "may not decide this" in plain(await bench.form(run))
    await bench.answer(run, action="release the agreement", decided_by=ROBERTA)
    bench.sandbox.advance(seconds=700)
    await bench.reconcile()
    assert len(bench.sandbox.effects("envelope sent")) == 1 and unit_prices(bench) == ["19.50"]
    assert await bench.waits_for(run) == "prefix-confirmed-1"
    await bench.answer(run, action="confirm the prefix", decided_by=SAM, prefix=PREFIX)
    assert (await bench.waits_for(run)).startswith("agreement-"), await bench.waits_for(run)
    assert ordered(bench) == [(PRODUCT, 3, "Monthly")]
    corrected = [text for stage, text in notes(bench, MUNSON_TICKET).items() if stage.startswith("prices corrected")]
    assert len(corrected) == 1 and f"Prices on the draft: {PRODUCT}: 19.50" in corrected[0]
    assert ROBERTA in corrected[0]


def unit_prices(bench: Bench) -> list[str]:
    """The prices on the one agreement there is."""
    [envelope] = bench.sandbox.records("docusign.envelopes")
    tabs = [tab for signer in envelope["signers"] for tab in signer["tabs"]]
    return [tab["value"] for tab in tabs if tab["tabLabel"] == "UnitPrice1"]


async def form_of(bench: Bench, run: UUID) -> str:
    """The words above the latest form for the prefix."""
    async with bench.prefect() as client:
        found = await client.filter_flow_run_input(run, key_prefix="suspended-prefix-1-", limit=500, exclude_keys=set())
    forms = {one.key: one.value for one in found if one.key.endswith("-description")}
    return forms[max(forms, key=lambda key: int(key.split("-")[3]))].encode().decode("unicode_escape")
