"""A new subscription, from the request to the billing notice."""

from tests.procedures.harness import Bench, plain
from tests.procedures.people import mails, told_microsoft
from tests.procedures.requests import ADA, ROBERTA, TOM, contoso


async def test_a_signed_agreement_is_ordered_billed_and_documented(bench: Bench) -> None:
    """The straight road: requested, released, signed, ordered once, billing told, documented, done."""
    run = await bench.start(**contoso())
    await bench.play(run)
    assert await bench.waits_for(run) == "release-1"
    assert not bench.sandbox.effects("envelope sent")
    [to_contracts] = mails(bench, ROBERTA, "agreement drafted, please release")
    for told in ("Contoso Ltd", "3 × Visio Plan 1", "6.00 USD per seat", "Release the agreement", "The draft: http"):
        assert told in to_contracts.text, to_contracts.text

    await bench.answer(run, action="release", decided_by=ROBERTA)
    assert await bench.waits_for(run) == "signature"
    assert not bench.sandbox.effects("order placed")

    bench.sandbox.post(f"envelopes/{await bench.envelope(run)}/sign")
    state = await bench.answer(run, action="look again", decided_by="DocuSign webhook")
    assert state.is_completed(), f"{state.name}: {state.message}\n{plain(await bench.case_file(run))}"
    assert len(bench.sandbox.effects("order placed")) == 1
    told = told_microsoft(bench)
    assert (told["mca2020FirstName"], told["mca2020LastName"]) == ("Ada", "Byte")
    assert told["mca2020Email"] == told["msftContactEmail"] == "licences@northgate.example", (
        "P6: ours, not the customer's"
    )
    assert told["mca2020EffectiveDate"] == bench.sandbox.today().isoformat()

    [asset] = [
        one for one in bench.sandbox.records("itglue.flexible_assets") if one["name"] == "Visio Plan 1 (Monthly)"
    ]
    subscription = asset["traits"]["subscription-id"]
    bought = bench.sandbox.get(f"records/pax8.subscriptions/{subscription}")
    assert asset["traits"]["licence-count"] == bought["quantity"] == 3
    [billing] = mails(bench, ROBERTA, "ordered, please begin billing")
    for fact in ("3 × Visio Plan 1", "6.00 USD per seat", "Monthly, billed monthly", subscription, "T20261118.0012"):
        assert fact in billing.text, billing.text
    assert TOM in billing.cc and "public folder" not in billing.text
    assert not mails(bench, ROBERTA, "dates and subscription ids"), "all was known at once"
    [ready] = mails(bench, ADA, "Your licences are ready")
    assert "Your bills come from us." in ready.text and "notices inside Microsoft 365 are not used" in ready.text
