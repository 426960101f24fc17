"""The agreed end of a subscription: booked within the term that reaches the date (N7, P18)."""

from datetime import date, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from flows.renewed_end import Overtaken, as_it_runs, settled_by_a_person
from rules.authority import NotCovered
from rules.events import Withdrawn
from rules.people import Person
from rules.refusal import refuse
from tasks import ending
from tasks.agreements import NotSigned
from tasks.bridges import book_guard
from tasks.case import Case
from tasks.ending import EndNotAgreed, EndNotShown, TermReading
from tasks.letters import Letter
from tasks.office import office
from tasks.procedure import conduct, sleep_until
from tasks.requests import request_of_run
from tasks.schedule import END_SUBSCRIPTION, RUN_NAMES
from tasks.tickets import open_ticket
from vendors.errors import Refused as VendorRefused

DAY = timedelta(days=1)


@flow(name="end-subscription", flow_run_name=RUN_NAMES[END_SUBSCRIPTION], persist_result=True)
async def end_subscription(subscription_id: str, envelope_id: str, procedure_run_id: str) -> State[Any] | None:
    """Book the cancellation of a subscription whose agreement states an end date.

    Started by new-subscription for the term that reaches the date; for a customer's later wish use end-on-request.
    Everything is read fresh: the subscription from Pax8, the end date from the signed agreement. Too early, it puts
    itself off to the next term.

    Args:
        subscription_id: The subscription's Pax8 id.
        envelope_id: The DocuSign envelope whose signed agreement states the end date.
        procedure_run_id: The flow run of the procedure that ordered the subscription.
    """

    async def procedure(case: Case) -> State[Any]:
        request, _ = await request_of_run(procedure_run_id, "N7", "new-subscription")
        case.request = request
        case.title = f"{request.customer.name} · agreed end of {subscription_id}"
        term = await ending.read_term(subscription_id)
        if term.status == "Cancelled":
            return Completed(message="The subscription is cancelled already.")
        if request.end is None:
            raise refuse("subscription_id", "N7", "no end date was agreed for it.", "End it in the Pax8 portal.")
        if term.term_end is None:
            return await hand_to_person(case, term, "Pax8 shows no end of its term, so none can be booked.")
        if not ending.reaches(term, request.end):
            await sleep_until(case, day_after(term), f"This term ends on {term.term_end}, before {request.end}")
        if ending.renewed_past(term, request.end):
            return await after_the_renewal(case, term, request.end, envelope_id)
        try:
            booked = await ending.book_agreed_end(request, envelope_id, subscription_id, term.term_end)
        except (EndNotShown, EndNotAgreed, NotCovered, NotSigned, VendorRefused) as why:
            now = await as_it_runs(term)
            if ending.renewed_past(now, request.end):
                return await after_the_renewal(case, now, request.end, envelope_id)
            return await hand_to_person(case, term, str(why))
        await watch(case, envelope_id, booked)
        await tell(case, booked)
        await case.show("Done")
        return Completed(message=f"{booked.product_name} ends on {booked.term_end}, read back from Pax8.")

    return await conduct(procedure)


def day_after(term: TermReading) -> datetime:
    """The moment at which the next term has begun for certain."""
    assert term.term_end is not None  # noqa: S101 - the caller has looked
    return office().settings.calendar.start_of(term.term_end + timedelta(days=2))


async def after_the_renewal(case: Case, term: TermReading, end: date, envelope_id: str) -> State[Any]:
    """The term that reached the agreed end is over: a person gets out of the next one, or books its end (N7)."""
    request = case.request
    overtaken = Overtaken(
        what=f"{term.seats} × {term.product_name}",
        said="agreed for",
        day=end,
        company_id=request.customer.autotask_id,
        people=(request.requester, request.senior, office().settings.contracts),
    )
    settled = await settled_by_a_person(case, overtaken, term)
    if isinstance(settled, Withdrawn):
        said = f"{settled.by}: it goes on, past its agreed end {end} ({settled.why})."
        await case.record("goes on", said, by=settled.by)
        await case.show("Handed to a person")
        return Cancelled(name="Handed to a person", message=said)
    if settled.status == "Cancelled":
        return Completed(message="The subscription is cancelled already.")
    if not ending.is_booked(settled):
        return await hand_to_person(case, settled, "Its end was booked, and is gone again.")
    await watch(case, envelope_id, settled)
    await tell(case, settled, in_time=False)
    await case.show("Done")
    return Completed(message=f"{settled.product_name} ends on {settled.term_end}, booked by a person.")


async def watch(case: Case, envelope_id: str, booked: TermReading) -> None:
    """Book what guards the end until the day after, like a bridge's: a change of seats may drop it (N7, S4)."""
    request = case.request
    ids = ending.BridgeIds(
        reference=request.reference,
        ticket_id=request.ticket_id,
        reminder_id=0,
        envelope_id=envelope_id,
        subscriptions=(booked.subscription_id,),
        contact=request.signer.email,
        requester=request.requester.email,
        senior=request.senior.email,
        procedure_run_id=request.run_id,
    )
    await book_guard(ids, booked.subscription_id, "agreed", case.now() + DAY, booked.term_end)


async def tell(case: Case, booked: TermReading, *, in_time: bool = True) -> None:
    """Billing, requester and customer learn the booked end (P15). Not `in_time`: a person talks to the customer."""
    request, settings = case.request, office().settings
    facts = (
        ("Customer", request.customer.name),
        ("Subscription", f"{booked.seats} × {booked.product_name}, {booked.subscription_id}"),
        ("Ends", str(booked.term_end)),
    )
    await case.record("end booked", f"{booked.product_name} ends on {booked.term_end}, read back.", by="Pax8")
    await case.send(
        Letter(
            kind="billing-end",
            to=(settings.billing,),
            cc=(request.requester,),
            subject=f"{request.customer.name}: {booked.product_name} ends on {booked.term_end}",
            todo="End the line in the customer's Autotask contract on that day.",
            facts=facts,
            link=case.run_link,
            link_text="Open the run",
        ),
    )
    if not in_time:
        return
    await case.send(
        Letter(
            kind="customer-end",
            to=(Person(name=request.signer.name, email=request.signer.email),),
            cc=(request.requester,),
            subject=f"{booked.product_name} ends on {booked.term_end}, as agreed",
            todo=f"As agreed, {booked.product_name} ends on {booked.term_end}; its users lose access then.",
            otherwise="If you want to keep it, tell us before that day.",
            from_person=request.requester,
        ),
    )


async def hand_to_person(case: Case, term: TermReading, why: str) -> State[Any]:
    """What can't be booked or confirmed becomes a top-priority ticket and a mail, with the last safe moment."""
    request = case.request
    ends_on = term.term_end.isoformat() if term.term_end else f"the end of the term that reaches {request.end}"
    by_when = f"before {ends_on}, better a day earlier"
    what = f"Book the end of {term.product_name} ({term.subscription_id}) in the Pax8 portal {by_when}. {why}"
    await open_ticket(
        f"{case.reference}:end", request.customer.autotask_id, case.title, what, request.requester, 1, True
    )
    await case.send(
        Letter(
            kind="end-by-hand",
            to=(request.requester, request.senior),
            subject=f"{case.title}: the end could not be booked",
            todo=what,
            by_when=by_when,
            otherwise="Otherwise the subscription renews for a whole term.",
            link=case.run_link,
            link_text="Open the run",
        ),
    )
    await case.record("handed to a person", what)
    await case.show("Handed to a person")
    return Cancelled(name="Handed to a person", message=what)
