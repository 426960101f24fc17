"""The check of a request before anything happens outside: every system is read, nothing is written (N1)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel

from rules.bridge import BridgeDates
from rules.envelope import REFERENCE_FIELD, RUN_FIELD
from rules.order import Billing, Term
from rules.people import AuthorisedContact, Person, same_address
from rules.refusal import Problem, Refused, refuse
from rules.request import AskedRequest, BridgeAsk, BridgeLaunch, CheckedLine, CheckedRequest, LaunchForm, read_form
from rules.subscribed import LiveSubscription
from rules.tenant import derive_prefix
from tasks import catalogue
from tasks.agreements import check_given_envelope
from tasks.case import Case, owner_of
from tasks.contacts import authorised_contacts, check_confirmer, check_signer
from tasks.customers import customer_with_tenant, domains_of, new_customer, the_company
from tasks.double_starts import announce, guard_double_start
from tasks.journal import Journal
from tasks.new_tenant import known_by_now
from tasks.office import office
from tasks.runs import is_gone
from vendors.autotask import Company, Contact, Resource, Ticket
from vendors.errors import NotFound
from vendors.errors import Refused as VendorRefused

REQUEST = "checked-request"


class ForeignMemory(Exception):
    """Somebody has written another run's request into this run's memory: it can't be gone on with."""


class Remembered(BaseModel):
    """What a run remembers of what it was asked: whose it is stands in it."""

    reference: str
    run_id: str


R = TypeVar("R", bound=BaseModel)


def recalled(case: Case, key: str, kind: type[R]) -> R | None:
    """What this run has checked before, and keeps whatever changes later; None the first time.

    Raises `ForeignMemory` if it is another run's.
    """
    kept = case.journal.get(key)
    if kept is None:
        return None
    whose = Remembered.model_validate(kept)
    if (whose.run_id, whose.reference) != (str(case.run_id), case.reference):
        raise ForeignMemory(f"this run's memory holds another run's request: {whose.reference}, {whose.run_id}")
    return kind.model_validate(kept)


async def request_of_run(procedure_run_id: str, clause: str, started_by: str) -> tuple[CheckedRequest, Journal]:
    """What the run of a procedure remembers of its request, for a run that it has booked; and its whole memory.

    Its requester is whoever the procedure belonged to in the end. An id that is no procedure's is refused.
    """
    try:
        journal = await Journal.load(UUID(procedure_run_id))
    except ValueError:
        journal = None
    kept = journal.get(REQUEST) if journal is not None else None
    if journal is None or kept is None:
        raise refuse(
            "procedure_run_id",
            clause,
            f"{procedure_run_id} is not the run of a procedure.",
            f"This deployment is started by {started_by}; don't start it by hand.",
        )
    request = CheckedRequest.model_validate(kept)
    return request.model_copy(update={"requester": owner_of(journal) or request.requester}), journal


async def check_request(case: Case, form: LaunchForm) -> CheckedRequest:
    """The request as checked. Checked once: a run that was checked keeps its request, whatever changes later.

    Raises `Refused` with every problem that could be found. Nothing has happened outside by then.
    """
    kept = recalled(case, REQUEST, CheckedRequest)
    if kept is not None:
        return known_by_now(kept, case.journal)
    asked = read_form(form, office().settings.calendar.day_of(case.now()))
    await announce(case, form)
    await adopt_orphan(case, form.envelope.strip())
    checked = await look_everything_up(case, asked)
    if checked.given_envelope and not checked.pricing_first:
        await check_given_envelope(checked, checked.terms)
    await guard_double_start(case, checked)
    return CheckedRequest.model_validate(await case.journal.put(REQUEST, checked.model_dump(mode="json")))


async def look_everything_up(case: Case, asked: AskedRequest) -> CheckedRequest:
    """Read Autotask, IT Glue, Microsoft and Pax8, and put the request together."""
    form, settings = asked.form, office().settings
    company = await the_company(form.customer)
    problems: list[Problem] = []

    def keep(found: object) -> bool:
        if isinstance(found, Problem):
            problems.append(found)
        return not isinstance(found, Problem)

    ticket = await the_ticket(form.ticket, company)
    keep(ticket)
    requester = await colleague("requester", "N1", form.requester)
    keep(requester)
    follow_up = await colleague("follow_up_person", "P13", form.follow_up_person) if form.follow_up_person else None
    keep(follow_up)
    try:
        organisation = await office().itglue.organisation_by_psa_id(company.id)
    except VendorRefused as ambiguous:
        raise refuse(
            "customer", "P11", f"{ambiguous.message}.", "Mend the link in IT Glue, then start again."
        ) from None
    if organisation is None:
        problems.append(
            Problem(
                field="customer",
                clause="P11",
                message=f"no IT Glue organisation is linked to the Autotask company {company.name} ({company.id}).",
                way_out="Link it in IT Glue (organisation, PSA integration), then start again.",
            )
        )
        raise Refused(problems)
    contacts = await office().autotask.contacts(company.id)
    authorised = await authorised_contacts(company.id, organisation.id)
    signer = check_signer("signer", form.signer, contacts, authorised, company.name)
    keep(signer)
    bridge = check_bridge_people(asked, requester, contacts, authorised, company.name, problems)
    domains = domains_of(company, form.signer)
    if form.new_tenant:
        customer = await new_customer(asked, company, organisation.id, contacts, problems)
    else:
        customer = await customer_with_tenant(form, company, organisation.id, domains, problems)

    lines: list[CheckedLine] = []
    for line in asked.lines:
        checked = await catalogue.check_line(line, customer.pax8_id, form.term, form.billing_frequency)
        if isinstance(checked, CheckedLine):
            lines.append(checked)
        else:
            problems += checked
    if len(asked.lines) > settings.templates.rows:
        problems.append(
            Problem(
                field="further_lines",
                clause="N4",
                message=f"{len(asked.lines)} lines don't fit the agreement's {settings.templates.rows} rows.",
                way_out="Start a second procedure for the rest.",
            )
        )
    held = await catalogue.live_subscriptions(customer.pax8_id)
    today = settings.calendar.day_of(case.now())
    start = asked.start or today
    problems += catalogue.check_subscribed(tuple(lines), form.term, start, held)
    if bridge is not None:
        problems += check_bridge_terms(tuple(lines), form.term, today, case.now(), held)
    problems += await catalogue.check_prerequisites(tuple(lines), held)
    if (
        problems
        or isinstance(ticket, Problem)
        or isinstance(requester, Problem)
        or isinstance(signer, Problem)
        or isinstance(follow_up, Problem)
    ):
        raise Refused(problems)
    request = CheckedRequest(
        reference=case.reference,
        run_id=str(case.run_id),
        customer=customer,
        ticket_id=ticket.id,
        ticket_number=ticket.number,
        requester=as_person(requester),
        requester_resource_id=requester.id,
        senior=bridge.senior if bridge is not None else settings.senior_for(requester.email),
        signer=signer,
        lines=tuple(lines),
        term=form.term,
        billing=form.billing_frequency,
        currency=settings.currency,
        pricing_first=form.pricing_first,
        annual_reason=form.annual_reason.strip(),
        start=asked.start,
        end=asked.end,
        mca_first_name=form.mca_first_name.strip(),
        mca_last_name=form.mca_last_name.strip(),
        licence_users=asked.licence_users,
        follow_up=as_person(follow_up) if isinstance(follow_up, Resource) else None,
        follow_up_work=form.follow_up_work.strip(),
        given_envelope=form.envelope.strip(),
        notices=catalogue.notices(tuple(lines), form.term, held, today),
        bridge=bridge.ask if bridge is not None else None,
        tenant_admin=form.tenant_admin.strip(),
    )
    await check_orders(request)
    return request


async def check_orders(request: CheckedRequest) -> None:
    """Build each order that will be written, and let Pax8 check it; raises `Refused` (N5, P1).

    A new customer's is built with the prefix that suggests itself; Pax8 can check it if the company is there.
    """
    customer = request.customer
    if customer.needs_tenant:
        prefix = derive_prefix(customer.name, customer.own_domains) or "newcustomer"
        customer = customer.model_copy(update={"prefix": prefix})
    tried = request.model_copy(update={"customer": customer})
    for one in (tried.for_bridge(), tried) if request.bridge is not None else (tried,):
        order = await catalogue.build_order(one)
        mocked = await catalogue.check_mock(order) if customer.pax8_id else None
        if mocked is not None:
            raise Refused([mocked])


@dataclass(frozen=True)
class CheckedBridge:
    """What a bridge asks besides, and the senior colleague on its reminder."""

    ask: BridgeAsk
    senior: Person


def check_bridge_people(
    asked: AskedRequest,
    requester: Resource | Problem,
    contacts: list[Contact],
    authorised: tuple[AuthorisedContact, ...],
    customer: str,
    problems: list[Problem],
) -> CheckedBridge | None:
    """Who confirms in writing and who stands beside the requester on the reminder (B3, B4); None without a bridge."""
    form = asked.form
    if not isinstance(form, BridgeLaunch) or asked.needed_by is None or isinstance(requester, Problem):
        return None
    confirmer = check_confirmer("confirmer", form.confirmer, contacts, authorised, customer)
    senior = find_senior(form.senior.strip(), requester.email)
    problems += [found for found in (confirmer, senior) if isinstance(found, Problem)]
    if isinstance(confirmer, Problem) or isinstance(senior, Problem):
        return None
    ask = BridgeAsk(reason=form.why_now.strip(), needed_by=asked.needed_by, contact=confirmer)
    return CheckedBridge(ask=ask, senior=senior)


def find_senior(email: str, requester: str) -> Person | Problem:
    """The senior colleague on the reminder: one of the list, never the requester himself (B4, Roles)."""
    settings = office().settings
    others = [person for person in settings.senior_staff if not same_address(person.email, requester)]
    if not email:
        return settings.senior_for(requester)
    chosen = next((person for person in others if same_address(person.email, email)), None)
    if chosen is not None:
        return chosen
    return Problem(
        field="senior",
        clause="B4",
        message=f"{email} is not another senior colleague.",
        way_out="Choose one of: " + ", ".join(person.email for person in others) + "; or leave it empty.",
    )


def check_bridge_terms(
    lines: tuple[CheckedLine, ...], wanted: Term, today: date, now: datetime, held: tuple[LiveSubscription, ...]
) -> list[Problem]:
    """A month must be offered, not be there already, and be long enough to sign in (B2, A1, B5)."""
    problems = [
        Problem(
            field=line.field,
            clause="B2",
            message=f"{line.product_name} can't be had on a Monthly term, so no month of it can be a bridge.",
            way_out="Take the product off, or use new-subscription: it is ordered once the agreement is signed.",
        )
        for line in lines
        if line.offer(Term.MONTHLY, Billing.MONTHLY) is None
    ]
    if wanted is not Term.MONTHLY:
        problems += catalogue.check_subscribed(lines, Term.MONTHLY, today, held)
    dates = BridgeDates.foretold(today, office().settings.calendar)
    if dates.nothing_to_bridge(now):
        problems.append(
            Problem(
                field="needed_by",
                clause="B5",
                message=f"a month ordered today would end on {dates.term_end}, and its cut-off, "
                f"{office().settings.calendar.in_words(dates.cut_off)}, has passed already: nothing is left to bridge.",
                way_out="Use new-subscription, or start again on a later day.",
            )
        )
    return problems


async def the_ticket(number: str, company: Company) -> Ticket | Problem:
    """The request's ticket: open, and this customer's."""
    ticket = await office().autotask.ticket_by_number(number)
    complete = await office().autotask.picklist_id("Tickets", "status", office().settings.labels.status_complete)
    if ticket is None:
        message = f"there is no ticket {number}."
    elif ticket.company_id != company.id:
        message = f"ticket {number} ('{ticket.title}') belongs to another customer."
    elif ticket.status == complete:
        message = f"ticket {number} ('{ticket.title}') is closed."
    else:
        return ticket
    return Problem(field="ticket", clause="N3", message=message, way_out=f"Give an open ticket of {company.name}.")


async def colleague(field: str, clause: str, email: str) -> Resource | Problem:
    """One of ours, active in Autotask."""
    resource = await office().autotask.resource_by_email(email)
    if resource is not None and resource.active:
        return resource
    why = "is not active in Autotask" if resource is not None else "is not one of our people in Autotask"
    return Problem(
        field=field, clause=clause, message=f"{email} {why}.", way_out="Give the mail address of an active colleague."
    )


def as_person(resource: Resource) -> Person:
    return Person(name=resource.name, email=resource.email, phone=resource.phone)


async def adopt_orphan(case: Case, envelope_id: str) -> None:
    """An envelope of a procedure whose run is gone goes on under its own reference (decision 5).

    What that procedure bought already is found by it, so nothing is bought twice. While its run exists, the
    envelope belongs to it, and is refused later, by name.
    """
    if not envelope_id:
        return
    try:
        fields = (await office().docusign.envelope(envelope_id)).custom_fields
    except (NotFound, VendorRefused) as unknown:
        raise refuse(
            "envelope",
            "N4",
            f"DocuSign gives no envelope '{envelope_id}': {unknown.message}",
            "Copy the id from the envelope's page in DocuSign, or leave the field empty.",
        ) from None
    reference, run_id = fields.get(REFERENCE_FIELD), fields.get(RUN_FIELD)
    if reference and run_id and run_id != str(case.run_id) and await is_gone(run_id):
        await case.adopt_reference(reference)
