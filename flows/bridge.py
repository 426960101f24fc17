"""A bridge: licences now on the customer's word, the agreement meanwhile, an end that comes by itself (B, Y)."""

from typing import Annotated, Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows import new_tenant, purchase, terms
from flows.again import begin_reading
from flows.agreement import what_was_signed
from flows.bridge_deadline import follow, set_up_deadline
from flows.bridge_ends import see_it_through
from flows.decisions import end_without_order
from flows.meanwhile import Meanwhile
from flows.new_subscription import Day
from flows.ordering import check_before_ordering, order
from flows.terms import Agreed
from rules.events import Signed
from rules.order import Billing, Term
from rules.request import MOST_SEATS, BridgeLaunch, CheckedRequest
from tasks import agreements, bridge_letters
from tasks.authority import ConfirmationTooOld
from tasks.bridges import DATES, Bridge
from tasks.case import Case
from tasks.later_words import WrittenAgain
from tasks.markers import first_holder
from tasks.new_tenant import known_by_now
from tasks.procedure import conduct
from tasks.requests import check_request
from tasks.tickets import open_ticket
from tasks.written import file_evidence

MOST_TRIES = 100


@flow(name="bridge", flow_run_name="{customer} · {product} × {seats}, bridge", persist_result=True)
async def bridge(
    customer: str,
    ticket: str,
    requester: str,
    confirmer: str,
    why_now: str,
    needed_by: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}.*$", json_schema_extra={"format": "date"})],
    product: str,
    seats: Annotated[int, Field(ge=1, le=MOST_SEATS)],
    quote_line: str,
    mca_first_name: str,
    mca_last_name: str,
    signer: str = "",
    term: Literal["Monthly", "1-Year"] = "Monthly",
    annual_reason: str = "",
    billing_frequency: Literal["Monthly", "Annual"] = "Monthly",
    senior: str = "",
    end_date: Day | None = None,
    further_lines: str = "",
    licence_users: str = "",
    follow_up_person: str = "",
    follow_up_work: str = "",
    tenant: str = "",
    envelope: str = "",
    new_tenant: bool = False,
    tenant_admin: str = "",
) -> State[Any] | None:
    """A customer can't wait for the agreement: one month on his written confirmation, the agreement meanwhile.

    The customer confirms our terms by mail; a month is ordered on the Monthly term. Signed by the cut-off it goes
    on, or the annual term follows; unsigned, it is cancelled at the month's end by itself. Only for products that
    have a Monthly term. If contracts can make it in time, use new-subscription.

    Args:
        customer: The customer's exact name in Autotask, or its Autotask id.
        ticket: Number of the customer's open ticket for this request, e.g. T20261118.0012.
        requester: Your own mail address. The procedure is yours, and mail about it comes to you.
        confirmer: Mail address of the customer's authorised contact who confirms the terms in writing.
        why_now: Why the customer can't wait for the agreement.
        needed_by: The day by which the customer needs it. Without an answer it closes two days later.
        product: The product's exact name on our agreement, e.g. Visio Plan 1.
        seats: How many licences.
        quote_line: The product's line on the customer's quote, copied exactly.
        mca_first_name: First name of who accepted Microsoft's Customer Agreement for the customer. Ask, never guess.
        mca_last_name: Last name of the same person.
        signer: Mail address of the authorised contact who signs, if it isn't the one who confirms.
        term: The term that the customer wants in the end. 1-Year binds for twelve months.
        annual_reason: Only for 1-Year: who of the customer asked for it, and why.
        billing_frequency: How often the customer is billed. Annual only with 1-Year.
        senior: Mail address of the other senior colleague on the reminder. Empty: the first on the list.
        end_date: End of the subscription, if known: it ends with the term that reaches this day.
        further_lines: More products under the same agreement, one a line: seats | product | quote line.
        licence_users: Who gets the licences, one mail address a line, for the documentation.
        follow_up_person: Mail address of the colleague who does what comes afterwards.
        follow_up_work: What is to be done afterwards, e.g. install Visio on three PCs.
        tenant: Only if the customer has several Microsoft tenants: the tenant's id.
        envelope: Only if contracts made the agreement by hand from our template: its DocuSign envelope id.
        new_tenant: The customer has no Microsoft 365 at all: the order makes their tenant. Ask, never guess.
        tenant_admin: Mail address of the customer's Microsoft 365 administrator, to approve our access if we have none.
    """
    form = BridgeLaunch(
        customer=customer,
        ticket=ticket,
        requester=requester,
        confirmer=confirmer,
        signer=signer or confirmer,
        why_now=why_now,
        needed_by=needed_by,
        product=product,
        seats=seats,
        quote_line=quote_line,
        mca_first_name=mca_first_name,
        mca_last_name=mca_last_name,
        term=Term(term),
        annual_reason=annual_reason,
        billing_frequency=Billing(billing_frequency),
        senior=senior,
        end_date=end_date or "",
        further_lines=further_lines,
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
        await case.record("requested", f"Bridge requested: {case.request.what}.", by=case.request.requester.email)
        paper = await Meanwhile.draft(case)
        await paper.press_contracts()
        if case.request.term is Term.ANNUAL:
            await terms.confirm_figures(case, paper)
        round_ = 1
        for _ in range(MOST_TRIES):
            agreed = await terms.agree(case, paper, round_)
            if isinstance(agreed, Signed):
                return await go_on_as_new(case, paper, agreed)
            if agreed is None:
                signed = await paper.take_back("The customer wants other seats.")
                if signed is not None:
                    return await go_on_as_new(case, paper, signed)
                paper = await Meanwhile.draft(case)
                round_ += 1
                continue
            if case.journal.get(f"too-old-{round_}") is not None:
                round_ += 1
                continue
            try:
                bought = await buy(case, paper, agreed, round_)
            except ConfirmationTooOld as old:
                await terms.new_terms(case, round_, f"{old} (B5).")
                continue
            except WrittenAgain as again:
                await begin_reading(case, round_, str(again))
                continue
            if isinstance(bought, Signed):
                return await go_on_as_new(case, paper, bought)
            return await see_it_through(case, paper, bought)
        raise RuntimeError(f"{MOST_TRIES} rounds of terms; a person must look at this run")

    return await conduct(procedure)


async def go_on_as_new(case: Case, paper: Meanwhile, signed: Signed) -> State[Any]:
    """B1: the agreement was completed before the bridge was ordered, so no bridge is needed: it goes on as N."""
    await paper.tell_signed(signed)
    signers = await what_was_signed(case, paper.envelope)
    licences = await purchase.buy(case, paper.envelope, signers)
    await purchase.finish(case, licences)
    await case.show("Done")
    return Completed(message=f"{case.request.what}: signed before a bridge was needed; ordered, billed, documented.")


async def signed_meanwhile(case: Case, paper: Meanwhile, agreed: Agreed) -> Signed | None:
    """DocuSign, asked right before the order: a completed agreement needs no bridge, a dead one gets none (B1)."""
    if case.journal.get(DATES) is not None or await first_holder(agreed.basis.authority_id) is not None:
        return None  # ordered, or used for something else, which ordering will say
    seen = await agreements.look_at_envelope(case, paper.envelope.envelope_id, hinted=False, at_once=True)
    if seen is None or isinstance(seen, Signed):
        return seen
    await end_without_order(case, seen, paper.envelope)
    return None


async def buy(case: Case, paper: Meanwhile, agreed: Agreed, round_: int) -> Bridge | Signed:
    """B2 to B5: a month on the customer's word; its reminder and its deadline as soon as Pax8 shows its end.

    Signed: the agreement was completed before the order, and nothing was bought here. Raises `ConfirmationTooOld`
    where new terms must go out first, `WrittenAgain` where somebody must read first what the customer has written
    since.
    """
    await file_evidence(agreed.basis.evidence, case.request)
    await new_tenant.prepare(case, paper)
    signed = await signed_meanwhile(case, paper, agreed) if paper.was_signed_beside else None
    if signed is not None:
        return signed
    wanted = case.request
    case.leg = "bridge" if round_ == 1 else f"bridge-{round_}"
    case.request = as_offered(wanted, agreed)
    try:
        await check_before_ordering(case, paper.envelope)
        signed = await signed_meanwhile(case, paper, agreed)
        if signed is not None:
            return signed
        placed = await order(case, paper.envelope, agreed.basis)
        licences = await follow(case, wanted, paper, placed)
        bought = await set_up_deadline(case, wanted, paper, licences, placed)
        await new_tenant.start_set_up(case)
        await case.send(bridge_letters.true_dates(case, bought, wanted.term))
        await tell_earlier_cut_off(case, bought, agreed)
        await case.record("customer told", f"The true dates were mailed: {bought.dates.term_end}.", public=True)
        await purchase.document(case, paper.envelope, licences)
        await purchase.file_confirmations(case, placed)
        await purchase.ask_follow_ups(case)
    finally:
        case.leg, case.request = "", known_by_now(wanted, case.journal)
    return bought


def as_offered(wanted: CheckedRequest, agreed: Agreed) -> CheckedRequest:
    """The bridge's own order, at the prices that the customer confirmed, whatever the agreement says by now."""
    month = wanted.for_bridge()
    prices = {line.product_name: line.unit_price for line in agreed.offer.lines}
    lines = tuple(
        line.model_copy(update={"price": prices[line.product_name]}) if line.product_name in prices else line
        for line in month.lines
    )
    return month.model_copy(update={"lines": lines, "end": None})


async def tell_earlier_cut_off(case: Case, bought: Bridge, agreed: Agreed) -> None:
    """B5: a true cut-off earlier than the one confirmed goes to a person, who calls the customer."""
    promised = agreed.offer.dates.cut_off
    if bought.dates.cut_off >= promised:
        return
    letter = bridge_letters.earlier_cut_off(case, bought, promised)
    await case.send(letter)
    await open_ticket(
        f"{case.reference}:early",
        case.request.customer.autotask_id,
        f"{case.title}: earlier cut-off",
        f"{letter.todo}\n{letter.otherwise}",
        case.requester,
        1,
        True,
    )
    await case.record("earlier cut-off", letter.todo)
