"""The check of a request before anything happens outside: every system is read, nothing is written (N1)."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from urllib.parse import urlsplit

from prefect.client.schemas.objects import FlowRun, StateType
from pydantic import BaseModel

from rules.bridge import BridgeDates
from rules.envelope import REFERENCE_FIELD, RUN_FIELD
from rules.order import Billing, Term
from rules.people import AuthorisedContact, Person, same_address
from rules.refusal import Problem, Refused, refuse
from rules.request import (
    AskedRequest,
    BridgeAsk,
    BridgeLaunch,
    CheckedLine,
    CheckedRequest,
    Customer,
    LaunchForm,
    read_form,
)
from rules.subscribed import LiveSubscription
from rules.tenant import derive_prefix, own_domains
from tasks import catalogue
from tasks.agreements import check_given_envelope
from tasks.case import Case
from tasks.contacts import authorised_contacts, check_confirmer, check_signer
from tasks.new_tenant import known_by_now
from tasks.office import office
from tasks.runs import is_gone, runs_tagged
from tasks.tenant import FoundTenant, check_no_tenant, find_tenant
from vendors.autotask import Company, Contact, Resource, Ticket
from vendors.errors import NotFound
from vendors.errors import Refused as VendorRefused
from vendors.pax8 import Company as Pax8Company

REQUEST = "checked-request"
CHECKED = "checked"
NEW_TENANT = "new_tenant"
OPEN_STATES = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CRASHED)


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


async def customer_with_tenant(
    form: LaunchForm, company: Company, organisation_id: int, domains: tuple[str, ...], problems: list[Problem]
) -> Customer:
    """A customer who has a tenant and is at Pax8; raises `Refused` where one of the two can't be found (P2, P8)."""
    tenant = await find_tenant(company.name, domains, organisation_id, form.tenant)
    if isinstance(tenant, Problem):
        problems.append(tenant)
    pax8_company = await the_pax8_company(company, domains)
    if isinstance(pax8_company, Problem):
        raise Refused([*problems, pax8_company])
    known = tenant if isinstance(tenant, FoundTenant) else FoundTenant(tenant_id="", source="", gdap=False)
    return Customer(
        autotask_id=company.id,
        name=company.name,
        domain=domains[0] if domains else "",
        pax8_id=pax8_company.id,
        itglue_id=organisation_id,
        tenant_id=known.tenant_id,
        tenant_source=known.source,
        gdap_active=known.gdap,
    )


async def new_customer(
    asked: AskedRequest, company: Company, organisation_id: int, contacts: list[Contact], problems: list[Problem]
) -> Customer:
    """A customer new to Microsoft 365; whatever speaks against it is added to `problems` (P2, P3)."""
    form, settings = asked.form, office().settings
    people = [form.signer, getattr(form, "confirmer", ""), *(c.email for c in contacts if c.active)]
    found = [domain for email in (*people, *asked.licence_users) for domain in domains_of(company, email)]
    own = own_domains(dict.fromkeys(found), settings.tenants.shared_mail_domains)
    problems += await check_no_tenant(company.name, own, own, organisation_id)
    problems += check_tenant_settings()
    linked, _ = await pax8_companies(company, own)
    at_pax8 = linked[0] if len(linked) == 1 else None
    if len(linked) > 1:
        problems.append(two_companies(linked))
    elif at_pax8 is not None and await catalogue.live_subscriptions(at_pax8.id):
        problems.append(
            Problem(
                field="new_tenant",
                clause="P3",
                message=f"{at_pax8.name} has subscriptions at Pax8, so it has a tenant already.",
                way_out="Record the tenant's id in IT Glue, and start again without 'new_tenant'.",
            )
        )
    elif at_pax8 is None:
        problems += check_address(company)
    return Customer(
        autotask_id=company.id,
        name=company.name,
        domain=own[0] if own else "",
        pax8_id=at_pax8.id if at_pax8 is not None and at_pax8.is_active else "",
        itglue_id=organisation_id,
        tenant_id="",
        tenant_source="",
        gdap_active=False,
        new_tenant=True,
        own_domains=own,
    )


def check_tenant_settings() -> list[Problem]:
    """What must be decided before anybody gets a tenant: what Pax8 is answered, and who gets the delegated roles."""
    settings = office().settings
    missing = [
        name
        for name, there in (
            ("new_tenant_answers", settings.tenants.answers),
            ("gdap_roles", settings.gdap_roles),
            ("gdap_groups", settings.tenants.groups),
            ("application_traits, passwords", "passwords" in settings.asset_fields.traits),
            ("tenant_traits", {"name", "id"} <= set(settings.tenants.tenant_traits)),
        )
        if not there
    ]
    if not missing:
        return []
    return [
        Problem(
            field="new_tenant",
            clause="P3",
            message=f"the settings don't say {', '.join(missing)}.",
            way_out="Have the settings block completed.",
        )
    ]


def check_address(company: Company) -> list[Problem]:
    """What Pax8 demands of a new company, and Autotask must know (P2, pax8.md §4)."""
    needed = {"phone": company.phone, "street": company.street, "city": company.city, "zip code": company.postal_code}
    missing = [name for name, value in needed.items() if not value.strip()]
    if not missing:
        return []
    return [
        Problem(
            field="customer",
            clause="P2",
            message=f"{company.name} is not in Pax8, and Autotask lacks its {', '.join(missing)}.",
            way_out="Complete the company in Autotask.",
        )
    ]


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


async def the_company(asked: str) -> Company:
    """The customer by exact name or Autotask id. Unknown or ambiguous: refused, near names listed (N1)."""
    asked = asked.strip()
    found = await office().autotask.companies_named(asked)
    exact = [c for c in found if c.name.casefold() == asked.casefold() and c.active]
    if not exact and asked.isdecimal():
        with contextlib.suppress(NotFound):
            found = [await office().autotask.company(int(asked))]
        exact = [company for company in found if company.active]
    if len(exact) == 1:
        return exact[0]
    listed = "; ".join(f"{c.name} ({c.id}{'' if c.active else ', not active'})" for c in (exact or found)[:6])
    if exact:
        raise refuse("customer", "N1", f"several customers are called '{asked}': {listed}.", "Give the Autotask id.")
    near = f"Did you mean: {listed}?" if listed else "No customer in Autotask has a name like it."
    raise refuse("customer", "N1", f"'{asked}' is not an active customer. {near}", "Give the exact name, or the id.")


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


def domains_of(company: Company, email: str) -> tuple[str, ...]:
    """The customer's domains as we know them: the website's and the signer's mail domain."""
    address = company.website if "//" in company.website else f"//{company.website}"
    host = (urlsplit(address).hostname or "").removeprefix("www.")
    mail = email.rpartition("@")[2].strip().lower()
    return tuple(dict.fromkeys(domain for domain in (host, mail) if "." in domain))


async def the_pax8_company(company: Company, domains: tuple[str, ...]) -> Pax8Company | Problem:
    """The Pax8 company whose external id is the Autotask company. None or two: refused, hits named (P2)."""
    linked, alike = await pax8_companies(company, domains)
    if len(linked) == 1 and linked[0].is_active:
        return linked[0]
    if len(linked) > 1:
        return two_companies(linked)
    if linked:
        message = f"the Pax8 company {linked[0].name} is '{linked[0].status}', orders need Active."
        way_out = "Complete its primary contacts in the Pax8 portal."
    elif alike:
        message = "no Pax8 company carries this customer's id; alike are: " + ", ".join(c.name for c in alike)
        way_out = f"Link the right one: set its external id to {company.id} in Pax8, then start again."
    else:
        message = "this customer is not in Pax8."
        way_out = "A customer new to Pax8 can't be ordered for with this procedure yet."
    return Problem(field="customer", clause="P2", message=message, way_out=way_out)


def two_companies(linked: list[Pax8Company]) -> Problem:
    """Two companies at Pax8 for one of ours: nobody may pick one of them by chance (P2)."""
    return Problem(
        field="customer",
        clause="P2",
        message="two Pax8 companies carry this customer's id: " + ", ".join(c.name for c in linked),
        way_out="Remove the id from the wrong one in the Pax8 portal.",
    )


async def pax8_companies(company: Company, domains: tuple[str, ...]) -> tuple[list[Pax8Company], list[Pax8Company]]:
    """Every Pax8 company that carries the customer's id, and those that are alike by name or domain (P2)."""
    linked, alike = [], []
    async for candidate in office().pax8.companies():
        if candidate.status == "Deleted":
            continue
        if candidate.external_id == str(company.id):
            linked.append(candidate)
        elif candidate.name.casefold() == company.name.casefold() or any(
            domain and domain in candidate.website for domain in domains
        ):
            alike.append(candidate)
    return linked, alike


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


def asked_tag(ticket: str, product: str) -> str:
    return f"asked:{ticket.strip()}:{product.strip().casefold()}"


def tenant_tag(company_id: int) -> str:
    """What every run bears that gives a customer a tenant, so that there is never a second one (P3)."""
    return f"new-tenant:{company_id}"


async def announce(case: Case, form: LaunchForm) -> None:
    """Say, before the long look-up, what this run is about, so that a second start sees it."""
    await case.tag(*(asked_tag(form.ticket, product) for product in products_of(form)))


def products_of(form: LaunchForm) -> list[str]:
    further = [parts[1] for line in form.further_lines.splitlines() if len(parts := line.split("|")) == 3]
    return [form.product, *further]


async def guard_double_start(case: Case, request: CheckedRequest) -> None:
    """Refuse a second start for the same ticket and product while one is open, with a link to the first.

    Each start announces itself, looks, marks itself as checked, and looks again: of two at the same moment the one
    that was created first goes on; one that has been checked already always does.
    """
    lines = request.lines
    about = {one.field: (one.product_name, asked_tag(request.ticket_number, one.product_name)) for one in lines}
    if request.customer.new_tenant:
        about[NEW_TENANT] = (request.customer.name, tenant_tag(request.customer.autotask_id))
    await one_start_each(case, about, request.ticket_number)


async def one_start_each(case: Case, about: Mapping[str, tuple[str, str]], ticket: str) -> None:
    """Refuse what another open run is about. `about`: product and tag, by the field of the form.

    Under `NEW_TENANT`: the customer and his tag, whatever ticket and product the other one is about (P3).
    """
    await case.tag(*(tag for _, tag in about.values()))
    await refuse_if_open(case, about, ticket)
    await case.tag(CHECKED)
    await refuse_if_open(case, about, ticket)


async def refuse_if_open(case: Case, about: Mapping[str, tuple[str, str]], ticket: str) -> None:
    """Raise `Refused` for what another open procedure is about."""
    for field, (name, tag) in about.items():
        is_tenant = field == NEW_TENANT
        what = (
            f"another procedure that gives {name} a tenant"
            if is_tenant
            else f"a procedure for {name} on ticket {ticket}"
        )
        open_runs = [run async for run in runs_tagged([tag], OPEN_STATES)]
        me = next((run for run in open_runs if run.id == case.run_id), None)
        for other in open_runs:
            if me is None or other.id == me.id or not goes_before(other, me):
                continue
            link = f"{office().settings.prefect_url}/runs/flow-run/{other.id}"
            raise refuse(
                field,
                "P3" if is_tenant else "N1",
                f"{what} is open already: {link}",
                "Go on with that one, or withdraw it first.",
            )


def goes_before(other: FlowRun, me: FlowRun) -> bool:
    """Which of two open runs for the same thing goes on: the checked one, else the one created first."""
    checked = [CHECKED in (run.tags or []) for run in (other, me)]
    if checked[0] != checked[1]:
        return checked[0]
    return (str(other.created), str(other.id)) < (str(me.created), str(me.id))


async def something_else_open(case: Case, ticket: str) -> bool:
    """Whether another open procedure is about something on the same ticket, which then isn't done yet (decision 11)."""
    about = tuple(f"{kind}:{ticket.strip()}:" for kind in ("asked", "more-seats", "wished-end"))
    async for run in runs_tagged([CHECKED], OPEN_STATES):
        if run.id != case.run_id and any(tag.startswith(about) for tag in run.tags or []):
            return True
    return False
