"""A new subscription: agreement, signature, order, billing, documentation (N and P)."""

from typing import Annotated, Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows import agreement, purchase
from flows.ordering import wait_for_start_day
from flows.prices import confirm_prices
from rules.order import Billing, Term
from rules.request import MOST_SEATS, LaunchForm
from tasks.case import Case
from tasks.procedure import conduct
from tasks.requests import check_request

# A date picker in the UI. Not given is null there: an empty text is no date, and the form could not be sent.
Day = Annotated[str, Field(pattern=r"^(\d{4}-\d{2}-\d{2}.*)?$", json_schema_extra={"format": "date"})]


@flow(name="new-subscription", flow_run_name="{customer} · {product} × {seats}", persist_result=True)
async def new_subscription(
    customer: str,
    ticket: str,
    requester: str,
    signer: str,
    product: str,
    seats: Annotated[int, Field(ge=1, le=MOST_SEATS)],
    quote_line: str,
    mca_first_name: str,
    mca_last_name: str,
    term: Literal["Monthly", "1-Year"] = "Monthly",
    annual_reason: str = "",
    billing_frequency: Literal["Monthly", "Annual"] = "Monthly",
    start_date: Day | None = None,
    end_date: Day | None = None,
    further_lines: str = "",
    pricing_first: bool = False,
    licence_users: str = "",
    follow_up_person: str = "",
    follow_up_work: str = "",
    tenant: str = "",
    envelope: str = "",
    new_tenant: bool = False,
    tenant_admin: str = "",
) -> State[Any] | None:
    """Order a Microsoft product that a customer doesn't have yet.

    The agreement is drafted, released by contracts and signed by the customer in DocuSign; then the licences are
    ordered, billing is told and everything is documented. Without the signature nothing is ordered. For more seats
    of a product that the customer has on the same term, use add-seats.

    Args:
        customer: The customer's exact name in Autotask, or its Autotask id.
        ticket: Number of the customer's open ticket for this request, e.g. T20261118.0012.
        requester: Your own mail address. The procedure is yours, and mail about it comes to you.
        signer: Mail address of the customer's authorised contact who signs the agreement.
        product: The product's exact name on our agreement, e.g. Visio Plan 1.
        seats: How many licences.
        quote_line: The product's line on the customer's quote, copied exactly.
        mca_first_name: First name of who accepted Microsoft's Customer Agreement for the customer. Ask, never guess.
        mca_last_name: Last name of the same person.
        term: Monthly is the rule: it can be ended at each month's end. 1-Year binds for twelve months.
        annual_reason: Only for 1-Year: who of the customer asked for it, and why.
        billing_frequency: How often the customer is billed. Annual only with 1-Year.
        start_date: Start on a later day. Empty: as soon as it is signed.
        end_date: End of the subscription, if known: it ends with the term that reaches this day.
        further_lines: More products under the same agreement, one a line: seats | product | quote line.
        pricing_first: The customer wants prices before choosing the term: pricing confirms them first.
        licence_users: Who gets the licences, one mail address a line, for the documentation.
        follow_up_person: Mail address of the colleague who does what comes afterwards.
        follow_up_work: What is to be done afterwards, e.g. install Visio on three PCs.
        tenant: Only if the customer has several Microsoft tenants: the tenant's id.
        envelope: Only if contracts made the agreement by hand from our template: its DocuSign envelope id.
        new_tenant: The customer has no Microsoft 365 at all: the order makes their tenant. Ask, never guess.
        tenant_admin: Mail address of the customer's Microsoft 365 administrator, to approve our access if we have none.
    """
    form = LaunchForm(
        customer=customer,
        ticket=ticket,
        requester=requester,
        signer=signer,
        product=product,
        seats=seats,
        quote_line=quote_line,
        mca_first_name=mca_first_name,
        mca_last_name=mca_last_name,
        term=Term(term),
        annual_reason=annual_reason,
        billing_frequency=Billing(billing_frequency),
        start_date=start_date or "",
        end_date=end_date or "",
        further_lines=further_lines,
        pricing_first=pricing_first,
        licence_users=licence_users,
        follow_up_person=follow_up_person,
        follow_up_work=follow_up_work,
        tenant=tenant,
        envelope=envelope,
        new_tenant=new_tenant,
        tenant_admin=tenant_admin,
    )

    async def procedure(case: Case) -> State[Any]:
        case.request = await check_request(case, form)
        await case.record("requested", f"Requested: {case.request.what}.", by=case.request.requester.email)
        if case.request.pricing_first:
            await confirm_prices(case)
        envelope = await agreement.draft(case)
        await agreement.release(case, envelope)
        sent_at = await agreement.send(case, envelope)
        signed = await agreement.wait_for_signature(case, envelope)
        signers = await agreement.what_was_signed(case, envelope)
        await wait_for_start_day(case, envelope, signed.at, sent_at)
        licences = await purchase.buy(case, envelope, signers)
        await purchase.finish(case, licences)
        await case.show("Done")
        return Completed(message=f"{case.request.what}: ordered, provisioned, billed and documented.")

    return await conduct(procedure)
