"""The check of a request for more seats: every system is read, nothing is written (S1, A1)."""

from datetime import date

from rules.asking import Asker, Asking
from rules.order import Billing, Frozen, Term
from rules.people import AuthorisedContact
from rules.product_map import MappedProduct
from rules.refusal import Problem, Refused, refuse
from rules.request import Customer
from rules.seats import HeldSeats, SeatRequest, above_limit, check_increase
from rules.subscribed import LiveSubscription, relatives
from tasks import catalogue
from tasks.case import Case, Subject
from tasks.contacts import authorised_contacts, check_confirmer
from tasks.customers import domains_of, the_company, the_pax8_company
from tasks.double_starts import one_start_each
from tasks.office import office
from tasks.requests import as_person, colleague, recalled, the_ticket
from tasks.tenant import FoundTenant, find_tenant
from vendors.errors import NotFound, VendorError
from vendors.errors import Refused as VendorRefused
from vendors.pax8 import Subscription

SEATS = "checked-seats"
NOT_READ = "could not be read"


class SeatsForm(Frozen):
    """The launch form as typed."""

    customer: str
    ticket: str
    requester: str
    contact: str
    product: str
    seats_now: int
    seats_wanted: int


async def check_seats(case: Case, form: SeatsForm) -> SeatRequest:
    """The request as checked, once. Raises `Refused` with every problem that could be found."""
    kept = recalled(case, SEATS, SeatRequest)
    if kept is not None:
        return kept
    await case.tag(seats_tag(form.ticket, form.product))
    asker, mapped = await look_up(form.customer, form.ticket, form.requester, form.contact, form.product)
    today = office().settings.calendar.day_of(case.now())
    held = await catalogue.live_subscriptions(asker.customer.pax8_id)
    choices = await held_seats(asker.customer.pax8_id, mapped.product_id, form.seats_wanted, today)
    if not choices:
        raise refuse_new(mapped, held, today)
    problems = check_increase(form.seats_now, form.seats_wanted, choices)
    problems += within_limit(asker.contact, choices, form.seats_wanted - form.seats_now)
    if problems:
        raise Refused(problems)
    request = SeatRequest(
        **dict(asker),
        reference=case.reference,
        run_id=str(case.run_id),
        added=form.seats_wanted - form.seats_now,
        choices=choices,
        currency=office().settings.currency,
        notices=tuple(relatives(mapped.product_id, mapped.agreement_name, choices[0].term, held, today)),
        unassigned=await unassigned(asker.customer, choices),
    )
    about = {"product": (mapped.agreement_name, seats_tag(request.ticket_number, mapped.agreement_name))}
    await one_start_each(case, about, request.ticket_number)
    return SeatRequest.model_validate(await case.journal.put(SEATS, request.model_dump(mode="json")))


def within_limit(contact: AuthorisedContact, choices: tuple[HeldSeats, ...], added: int) -> list[Problem]:
    """Whether the contact may confirm so many of at least one of them (clauses, Roles)."""
    against = [above_limit(contact.email, (contact,), one.value_of(added)) for one in choices]
    if not all(against):
        return []
    way_out = "Choose a contact who may confirm so much, or have the limit raised."
    return [Problem(field="contact", clause="S1", message=f"{against[0]}.", way_out=way_out)]


async def look_up(
    customer: str, ticket: str, requester: str, contact: str, product: str
) -> tuple[Asker, MappedProduct]:
    """Customer, ticket, people and product, each exactly. Raises `Refused` with every problem."""
    company = await the_company(customer)
    problems: list[Problem] = []
    found_ticket = await the_ticket(ticket, company)
    resource = await colleague("requester", "S1", requester)
    mapped = office().settings.product_map.find("product", product.strip())
    try:
        organisation = await office().itglue.organisation_by_psa_id(company.id)
    except VendorRefused as several:
        raise refuse("customer", "P11", f"{several.message}.", "Mend the link in IT Glue, then start again.") from None
    if organisation is None:
        raise refuse(
            "customer",
            "P11",
            f"no IT Glue organisation is linked to the Autotask company {company.name} ({company.id}).",
            "Link it in IT Glue (organisation, PSA integration), then start again.",
        )
    contacts = await office().autotask.contacts(company.id)
    rights = await authorised_contacts(company.id, organisation.id)
    confirmer = check_confirmer("contact", contact, contacts, rights, company.name)
    domains = domains_of(company, contact)
    distributed = await the_pax8_company(company, domains)
    problems = [one for one in (found_ticket, resource, mapped, confirmer, distributed) if isinstance(one, Problem)]
    if (
        problems
        or isinstance(found_ticket, Problem)
        or isinstance(resource, Problem)
        or isinstance(mapped, Problem)
        or isinstance(confirmer, Problem)
        or isinstance(distributed, Problem)
    ):
        raise Refused(problems)
    tenant = await find_tenant(company.name, domains, organisation.id, "")
    known = tenant if isinstance(tenant, FoundTenant) else None
    asker = Asker(
        customer=Customer(
            autotask_id=company.id,
            name=company.name,
            domain=domains[0] if domains else "",
            pax8_id=distributed.id,
            itglue_id=organisation.id,
            tenant_id=known.tenant_id if known else "",
            tenant_source=known.source if known else "",
            gdap_active=known.gdap if known else False,
        ),
        ticket_id=found_ticket.id,
        ticket_number=found_ticket.number,
        requester=as_person(resource),
        senior=office().settings.senior_for(resource.email),
        contact=confirmer,
        product_id=mapped.product_id,
        product_name=mapped.agreement_name,
    )
    return asker, mapped


def about(case: Case, asked: Asking, facts: tuple[tuple[str, str], ...]) -> None:
    """What the run is about, on its page and in its mails: more seats, or a wished end."""
    case.about(
        Subject(
            title=asked.title,
            ticket_id=asked.ticket_id,
            ticket_number=asked.ticket_number,
            requester=asked.requester,
            facts=facts,
        )
    )


def seats_tag(ticket: str, product: str) -> str:
    return f"more-seats:{ticket.strip()}:{product.strip().casefold()}"


def refuse_new(mapped: MappedProduct, held: tuple[LiveSubscription, ...], today: date) -> Refused:
    """No live subscription of exactly that product: twins and trials are shown, and the right door named (S, A1)."""
    beside = relatives(mapped.product_id, mapped.agreement_name, Term.MONTHLY, held, today)
    listed = f" It has: {'; '.join(beside)}; those are other products." if beside else ""
    return refuse(
        "product",
        "A1",
        f"the customer has no live subscription of {mapped.agreement_name}.{listed}",
        "A product that the customer doesn't have needs an agreement: use the deployment new-subscription.",
    )


async def held_seats(company_id: str, product_id: str, seats: int, today: date) -> tuple[HeldSeats, ...]:
    """The customer's live subscriptions of exactly that product, as they are asked about (S2). No trials.

    Raises `Refused` for one whose commitment Pax8 doesn't show: what adding binds the customer to isn't known then.
    """
    offers = await catalogue.offers_of(product_id, company_id, max(seats, 1))
    choices = []
    async for one in office().pax8.subscriptions(company_id=company_id, product_id=product_id):
        live = catalogue.as_live(one)
        if live.is_trial or not live.is_live(today):
            continue
        if live.term is None:
            raise refuse(
                "product",
                "S3",
                f"Pax8 doesn't show the commitment of {live.seats} × {live.product_name} ({one.id}).",
                "Look at it in the Pax8 portal; have Pax8 show its commitment, then start again.",
            )
        billing = next((billing for billing in Billing if billing.value == one.billing_term), Billing.MONTHLY)
        offer = next((offer for offer in offers if offer.term is live.term and offer.billing is billing), None)
        choices.append(
            HeldSeats(
                subscription_id=one.id,
                product_id=product_id,
                seats=one.quantity,
                term=live.term,
                billing=billing,
                **days_of_renewal(one),
                ends=live.ends_on,
                price=offer.retail if offer is not None else None,
            )
        )
    return tuple(choices)


def days_of_renewal(subscription: Subscription) -> dict[str, date]:
    """The day on which the running term ends, as the calendar's two readings have it; none where Pax8 shows none."""
    term, calendar = subscription.commitment_term, office().settings.calendar
    if term is None or term.end is None:
        return {}
    return {"renews": calendar.term_end(term.end), "last_day": calendar.last_day(term.end)}


async def unassigned(customer: Customer, choices: tuple[HeldSeats, ...]) -> str:
    """What Microsoft says of seats that nobody uses; what can't be read is said so, and stops nothing (S)."""
    if not customer.tenant_id:
        return f"{NOT_READ}: the customer's one tenant isn't known"
    if not customer.gdap_active:
        return f"{NOT_READ}: no delegated relationship with the customer's tenant"
    try:
        sku = (await office().pax8.subscription(choices[0].subscription_id)).vendor_sku_id
        async with office().partner.customer(customer.tenant_id) as tenant:
            found = next((one for one in await tenant.subscribed_skus() if one.sku_id == sku), None)
    except (VendorError, NotFound) as fault:
        return f"{NOT_READ}: {fault}"[:200]
    if found is None:
        return f"{NOT_READ}: the tenant shows no such licence"
    return f"{max(found.enabled - found.consumed, 0)} of {found.enabled} in the tenant"
