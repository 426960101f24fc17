"""No order without the right paper: every other envelope, and every other request, is refused (N5, Y1, I1, I2)."""

from datetime import timedelta

from rules.order import Billing, Term
from tests.procedures.attacks import (
    ADA,
    ROBERTA_SIGNS,
    Attempt,
    checked,
    doctor,
    envelope_record,
    orders,
    paper,
    try_to_order,
    with_customer,
    with_line,
)
from tests.procedures.harness import Bench


async def nothing_is_ordered(bench: Bench, attempts: dict[str, Attempt]) -> None:
    """Each attempt ends with a refusal in words, and no order reached Pax8."""
    outcomes = dict(zip(attempts, await try_to_order(list(attempts.values())), strict=True))
    ordered = {name: outcome for name, outcome in outcomes.items() if outcome.startswith("ordered")}
    assert not ordered
    assert not orders(bench)
    refusals = ("NotSigned", "NotCovered", "AuthorityUsed", "Refused", "NotFound")
    assert not {name: outcome for name, outcome in outcomes.items() if not outcome.startswith(refusals)}


async def test_only_a_paper_that_says_exactly_what_is_ordered_allows_it(bench: Bench) -> None:
    """Other seats, term, price, customer, ticket, product, currency, dates, rows, reference: refused, each alone."""
    request = await checked(bench)
    today = bench.sandbox.today()

    def says(**tabs: str) -> Attempt:
        return request, paper(bench, request, tabs)

    await nothing_is_ordered(
        bench,
        {
            "more seats": says(Seats1="30"),
            "fewer seats": says(Seats1="2"),
            "no seats": says(Seats1=""),
            "seats in words": says(Seats1="three"),
            "another term": says(Term="1-Year"),
            "an unknown term": says(Term="3-Year"),
            "billed otherwise": says(Term="1-Year", BillingFrequency="Annual"),
            "dearer": says(UnitPrice1="6.01"),
            "cheaper": says(UnitPrice1="0.00"),
            "another currency": says(Currency="EUR"),
            "another customer": says(CustomerName="Contoso Pharmaceuticals"),
            "the customer in other letters": says(CustomerName="contoso ltd"),
            "another ticket": says(Ticket="T20261119.0004"),
            "another product": says(ProductId1="00000000-0000-4000-8000-000000000000"),
            "another product's name": says(Product1="Visio Plan 2"),
            "a further product": says(Product2="Visio Plan 2", ProductId2="x", Seats2="1", UnitPrice2="18.00"),
            "the same product twice": says(
                Product2="Visio Plan 1", ProductId2=request.lines[0].product_id, Seats2="3", UnitPrice2="6.00"
            ),
            "a row out of reach": says(Product1="", ProductId1="", Seats1="", UnitPrice1=""),
            "a start to come": says(StartDate=str(today + timedelta(days=9))),
            "an end in the past": says(EndDate=str(today - timedelta(days=9))),
            "an end that nobody asked for": says(EndDate=str(today + timedelta(days=99))),
            "another procedure's reference": says(Reference="CS-AAAAAAAAAA"),
            "another procedure's envelope": (
                request,
                paper(bench, request, None, {"countersign_ref": "CS-BBBBBBBBBB"}),
            ),
            "another's paper without a mark": (request, paper(bench, request, {"Reference": "CS-AAAAAAAAAA"}, {})),
            "no such envelope": (request, "00000000-0000-4000-8000-000000000000"),
            "no envelope at all": (request, ""),
            "a way to another address": (request, "../../accounts"),
        },
    )


async def test_only_the_customers_own_completed_signature_allows_it(bench: Bench) -> None:
    """A stranger's, a colleague's, our own, an outstanding or a doctored signature: refused, each alone."""
    request = await checked(bench)

    def signed_by(email: str) -> Attempt:
        return request, paper(bench, request, customer={"name": "Somebody Else", "email": email})

    only_ours = paper(bench, request, sign="customer")
    signers = envelope_record(bench, only_ours)["signers"]
    waiting = [{**s, "status": "sent", "signedDateTime": None} if "Client" in s["roleName"] else s for s in signers]
    done = {"status": "completed", "completedDateTime": bench.sandbox.now().isoformat()}
    no_customer = paper(bench, request)
    ours_alone = [s for s in envelope_record(bench, no_customer)["signers"] if "Client" not in s["roleName"]]
    edited = paper(bench, request)
    changed = envelope_record(bench, edited)["signers"]
    for signer in changed:
        for tab in signer["tabs"]:
            tab["value"] = "30" if tab["tabLabel"] == "Seats1" else tab["value"]
    declined = paper(bench, request, sign=None)
    bench.sandbox.post(f"envelopes/{declined}/send")
    bench.sandbox.post(f"envelopes/{declined}/decline", {"reason": "too dear"})
    voided = paper(bench, request, sign="customer")
    bench.sandbox.post(f"envelopes/{voided}/void", {"reason": "a mistake"})

    await nothing_is_ordered(
        bench,
        {
            "a draft": (request, paper(bench, request, sign=None)),
            "not countersigned yet": (request, paper(bench, request, sign="customer")),
            "declined": (request, declined),
            "voided": (request, voided),
            "a contact without the right": signed_by("ben@contoso.example"),
            "a receptionist": signed_by("rita@contoso.example"),
            "one who left": signed_by("gil@contoso.example"),
            "a stranger": signed_by("ada@c0ntoso.example"),
            "another customer's signer": signed_by("frida@fabrikam.example"),
            "our own people": (request, paper(bench, request, customer=ROBERTA_SIGNS, msp=ADA)),
            "completed, but the customer hasn't signed": (request, doctor(bench, only_ours, signers=waiting, **done)),
            "completed, countersigned by us alone": (request, doctor(bench, no_customer, signers=ours_alone)),
            "its fields were edited": (request, doctor(bench, edited, signers=changed)),
        },
    )


async def test_a_forged_request_is_refused_however_good_the_paper_is(bench: Bench) -> None:
    """A genuine paper, and a run's memory that says something else: what isn't on paper is read fresh."""
    request = await checked(bench)
    others = {record["name"]: record for record in bench.sandbox.records("pax8.companies")}
    other = others["Fabrikam Inc"]["id"]
    organisations = {record["name"]: record["id"] for record in bench.sandbox.records("itglue.organizations")}
    fabrikam_tenant = tenant_of(bench, organisations["Fabrikam Inc"])
    genuine = {"Product1": "Visio Plan 1", "ProductId1": "", "Seats1": "3", "UnitPrice1": "6.00"}
    visio_2 = next(p for p in bench.sandbox.records("pax8.products") if p["name"].startswith("Visio Plan 2"))

    def good() -> str:
        return paper(bench, request)

    await nothing_is_ordered(
        bench,
        {
            "other seats": (with_line(request, seats=30), good()),
            "another price": (with_line(request, price="0.01"), good()),
            "annual": (request.model_copy(update={"term": Term.ANNUAL}), good()),
            "annual, billed annually": (
                request.model_copy(update={"term": Term.ANNUAL, "billing": Billing.ANNUAL}),
                good(),
            ),
            "another ticket": (request.model_copy(update={"ticket_number": "T20261119.0004"}), good()),
            "another procedure": (request.model_copy(update={"reference": "CS-AAAAAAAAAA"}), good()),
            "another customer": (with_customer(request, name="Fabrikam Inc"), good()),
            "another customer's Pax8 account": (with_customer(request, pax8_id=other), good()),
            "another customer behind the name": (with_customer(request, pax8_id=other, autotask_id=176), good()),
            "another customer's tenant": (with_customer(request, tenant_id=fabrikam_tenant), good()),
            "another customer's tenant and documentation": (
                with_customer(request, tenant_id=fabrikam_tenant, itglue_id=organisations["Fabrikam Inc"]),
                good(),
            ),
            "another tenant by a made-up domain": (
                with_customer(request, tenant_id=fabrikam_tenant, domain="fabrikam.example"),
                good(),
            ),
            "another product under the signed name": (
                with_line(request, product_id=visio_2["id"]),
                paper(bench, request, genuine),
            ),
        },
    )


async def test_an_annual_order_needs_the_annual_agreement_itself(bench: Bench) -> None:
    """The monthly template with "1-Year" typed into its field binds nobody for a year (Y1)."""
    monthly = await checked(bench)
    annual = monthly.model_copy(update={"term": Term.ANNUAL, "annual_reason": "asked for"})
    says_annual = paper(bench, annual)
    typed_in = [{"templateId": envelope_record(bench, says_annual)["templateId"]}]
    assert typed_in == [{"templateId": bench.sandbox.get("credentials")["docusign"]["templates"]["Monthly"]}]
    await nothing_is_ordered(bench, {"a monthly template": (annual, says_annual)})


def tenant_of(bench: Bench, organisation: int) -> str:
    """The tenant that IT Glue names for an organisation."""
    for asset in bench.sandbox.records("itglue.flexible_assets"):
        if str(asset.get("organization-id")) == str(organisation) and "tenant-id" in (asset.get("traits") or {}):
            return str(asset["traits"]["tenant-id"])
    raise AssertionError(f"no tenant of {organisation} in IT Glue")


async def test_an_envelope_of_ours_by_the_right_signer_is_ordered_from(bench: Bench) -> None:
    """The counter-check: what the tests above refuse is refused for its own reason, not for the way it was made."""
    request = await checked(bench)
    outcomes = await try_to_order([(request, paper(bench, request, customer={**ADA, "email": "ADA@Contoso.example"}))])
    assert outcomes[0].startswith("ordered"), outcomes
    assert len(orders(bench)) == 1
