"""A customer new to Microsoft 365, up to the order: prefix, Pax8 company, our contact; and what follows it (P2, P3)."""

from datetime import timedelta
from uuid import UUID

from flows.admin_account import RECORDS
from flows.decisions import end_without_order
from flows.meanwhile import Meanwhile
from rules.events import Decided, Event, RefusedBy
from rules.people import same_address
from rules.tenant import derive_prefix, doubts, initial_domain, prefix_fault
from tasks.admin_account import AdminRecords, tag_applications
from tasks.agreements import DraftedEnvelope
from tasks.case import Case
from tasks.casefile import in_markdown
from tasks.customers import pax8_companies
from tasks.double_starts import CHECKED, tenant_tag
from tasks.forms import AcceptForm, AnswerAgain
from tasks.journal import Journal
from tasks.letters import Letter
from tasks.new_tenant import (
    COMPANY,
    PREFIX,
    TENANT,
    KeptCompany,
    TwoCompanies,
    create_company,
    known_by_now,
    link_company,
    make_our_contact_primary,
)
from tasks.office import office
from tasks.schedule import SET_UP_TENANT, book_timed
from tasks.tenant import is_prefix_taken
from tasks.tenant_forms import CompanyForm, ConfirmPrefixForm, PrefixForm
from tasks.waiting import Wait, wait_for
from vendors.errors import Refused as VendorRefused

MOST_TRIES = 30
SET_UP_BOOKED = "tenant-set-up-booked"


Paper = DraftedEnvelope | Meanwhile
"""The agreement: signed already, or, before a bridge's order, still on its way beside what is asked here."""


async def prepare(case: Case, paper: Paper) -> None:
    """P2, P3: all that an order for a new customer needs, once a procedure; nothing of it binds the customer.

    Comes after the signature, or the written word, and before the prices are read again. Others pass through.
    """
    if not case.request.customer.new_tenant:
        return
    leg, case.leg = case.leg, ""
    try:
        await settle_prefix(case, paper)
        await settle_company(case, paper)
        await find_tenant_again(case)
    finally:
        case.leg = leg
    case.request = known_by_now(case.request, case.journal)


async def ask(case: Case, paper: Paper, wait: Wait) -> Event:
    """Wait for a person; an agreement that isn't signed yet goes on beside it (B1)."""
    if isinstance(paper, Meanwhile):
        return await wait_for(case, *paper.beside(wait))
    return await wait_for(case, wait)


def envelope_of(paper: Paper) -> DraftedEnvelope:
    return paper.envelope if isinstance(paper, Meanwhile) else paper


async def settle_prefix(case: Case, paper: Paper) -> None:
    """P3: typed twice by one person, typed once more by a second one. It can never be changed."""
    for attempt in range(1, MOST_TRIES):
        if case.journal.get(PREFIX) is not None:
            return
        prefix, typist = await ask_for_prefix(case, paper, attempt)
        if await confirm_prefix(case, paper, attempt, prefix, typist):
            await case.journal.put(PREFIX, prefix)
            return
    raise RuntimeError("thirty prefixes and none confirmed; a person must look at this run")


async def ask_for_prefix(case: Case, paper: Paper, attempt: int) -> tuple[str, str]:
    """The prefix and who typed it. What Microsoft would refuse, or has given away, is asked again."""
    customer = case.request.customer
    suggested = derive_prefix(customer.name, customer.own_domains)

    async def check(event: Event) -> None:
        if not isinstance(event, Decided):
            return
        fault = prefix_fault(event.why)
        if fault:
            raise AnswerAgain(f"prefix: {fault}")
        if await is_prefix_taken(event.why):
            raise AnswerAgain(f"prefix: {initial_domain(event.why)} belongs to somebody already. Choose another one.")

    what = f"Choose the onmicrosoft.com name of {customer.name}"
    event = await ask(
        case,
        paper,
        Wait(
            name=f"prefix-{attempt}",
            awaited=case.requester,
            what=what,
            form=PrefixForm,
            role="requester",
            check=check,
            explain=explain_prefix(case, suggested),
            letter=Letter(
                kind=f"prefix-{attempt}",
                to=(case.requester,),
                subject=f"{case.title}: the name of the new tenant",
                todo=f"{what}: open the run, press Resume, and type it twice. Suggested: {suggested or 'none'}.",
                otherwise="Nothing is ordered until it is there. It can never be changed afterwards.",
                facts=prefix_facts(case),
                link=case.run_link,
                link_text="Type the prefix",
            ),
        ),
    )
    if not isinstance(event, Decided):
        await end_without_order(case, event, envelope_of(paper))
        raise AssertionError("unreachable: that ends the procedure")
    return event.why, event.by


async def confirm_prefix(case: Case, paper: Paper, attempt: int, prefix: str, typist: str) -> bool:
    """Whether a second person agrees, who types it once more; no means that it is asked for again."""
    customer, second = case.request.customer, office().settings.senior_for(typist)
    against = doubts(prefix, customer.name, customer.own_domains)

    async def check(event: Event) -> None:
        if isinstance(event, Decided | RefusedBy) and same_address(event.by, typist):
            raise AnswerAgain("decided_by: whoever chose the prefix can't confirm it.")
        if isinstance(event, Decided) and event.why != prefix:
            raise AnswerAgain("prefix: that is not what was chosen. Compare the two letter by letter.")

    event = await ask(
        case,
        paper,
        Wait(
            name=f"prefix-confirmed-{attempt}",
            awaited=second,
            what=f"Confirm the new tenant's name: {initial_domain(prefix)}",
            form=ConfirmPrefixForm,
            may_decide=(second,),
            role="senior",
            check=check,
            explain="\n".join([explain_prefix(case, prefix), "", *(f"- **{in_markdown(one)}**" for one in against)]),
            letter=Letter(
                kind=f"prefix-confirm-{attempt}",
                to=(second,),
                subject=f"{case.title}: confirm {initial_domain(prefix)}",
                todo=f"Compare {prefix} with the customer's website and papers, letter by letter, and type it once "
                "more into the form; or refuse it.",
                otherwise="Nothing is ordered until it is confirmed. It can never be changed afterwards.",
                facts=(*prefix_facts(case), *(("Doubt", one) for one in against)),
                link=case.run_link,
                link_text="Confirm or refuse",
                from_person=case.requester,
            ),
        ),
    )
    if isinstance(event, RefusedBy):
        await case.record(f"prefix refused {attempt}", f"{initial_domain(prefix)}: {event.why}", by=event.by)
        return False
    if not isinstance(event, Decided):
        await end_without_order(case, event, envelope_of(paper))
    what = f"{initial_domain(prefix)}: chosen by {typist}, confirmed by {event.by}."  # type: ignore[union-attr]
    await case.record("prefix", what, by=typist)
    return True


def prefix_facts(case: Case) -> tuple[tuple[str, str], ...]:
    """What the prefix is compared with, and who accepted Microsoft's agreement (P3, P6)."""
    request = case.request
    return (
        ("Customer", request.customer.name),
        ("Their domains", ", ".join(request.customer.own_domains) or "none"),
        ("Accepted Microsoft's agreement", f"{request.mca_first_name} {request.mca_last_name}"),
    )


def explain_prefix(case: Case, prefix: str) -> str:
    """What stands above the forms."""
    lines = [f"- {name}: {in_markdown(value)}" for name, value in prefix_facts(case)]
    if prefix:
        lines.append(f"- The tenant would be `{initial_domain(prefix)}`, for ever.")
    return "\n".join(lines)


async def settle_company(case: Case, paper: Paper) -> None:
    """P2: the customer's company at Pax8, found, linked by a person, or created; our mailbox its primary contact."""
    for attempt in range(1, MOST_TRIES):
        if case.journal.get(COMPANY) is not None:
            return
        customer = known_by_now(case.request, case.journal).customer
        try:
            company = await choose_company(case, paper, attempt)
            if company is None:
                kept = await create_company(customer, attempt)
            else:
                kept = await link_company(customer, company, attempt)
            kept = await make_our_contact_primary(kept.company_id, attempt)
        except TwoCompanies as two:
            what = f"Take the customer's id off the wrong company in the Pax8 portal: {two}"
            await ask_to_mend(case, paper, f"two-companies-{attempt}", what)
            continue
        except VendorRefused as no:
            await ask_to_mend(case, paper, f"company-refused-{attempt}", f"Mend what Pax8 names: {no.message}")
            continue
        await say_company(case, kept, attempt)
        await case.journal.put(COMPANY, kept.company_id)


async def say_company(case: Case, kept: KeptCompany, attempt: int) -> None:
    """The ticket says which company it is."""
    what = f"{kept.name} ({kept.company_id}); our mailbox is its primary contact for all three types."
    await case.record("company at Pax8", what, by="Pax8")


async def choose_company(case: Case, paper: Paper, attempt: int) -> str | None:
    """The company that a person says the customer is; None: none of those at Pax8, or nobody had to be asked."""
    customer = case.request.customer
    remembered = f"company-choice-{attempt}"
    alike: list[str] | None = case.journal.get(remembered)
    if alike is None:
        known = await office().autotask.company(customer.autotask_id)
        linked, found = await pax8_companies(known, customer.own_domains)
        listed = [] if linked else [f"{one.name}, {one.website or 'no website'}, {one.id}" for one in found]
        alike = await case.journal.put(remembered, listed)
    if not alike:
        return None
    ids = {one: one.rpartition(", ")[2] for one in alike}

    async def check(event: Event) -> None:
        if isinstance(event, Decided) and event.choice == "it is this one" and event.why not in ids:
            raise AnswerAgain("company: choose one of those that are listed.")

    what = f"Which company at Pax8 is {customer.name}?"
    event = await ask(
        case,
        paper,
        Wait(
            name=f"company-{attempt}",
            awaited=case.requester,
            what=what,
            form=CompanyForm,
            role="requester",
            check=check,
            choices={"company": tuple(alike)},
            explain="\n".join(f"- {in_markdown(one)}" for one in alike),
            letter=Letter(
                kind=f"company-{attempt}",
                to=(case.requester,),
                subject=f"{case.title}: is the customer at Pax8 already?",
                todo=f"{what} None of them carries the customer's Autotask id, but some are alike. Choose one.",
                otherwise="Nothing is ordered until it is clear.",
                facts=tuple(("At Pax8", one) for one in alike),
                link=case.run_link,
                link_text="Choose",
            ),
        ),
    )
    if not isinstance(event, Decided):
        await end_without_order(case, event, envelope_of(paper))
        raise AssertionError("unreachable: that ends the procedure")
    chosen = ids.get(event.why) if event.choice == "it is this one" else None
    await case.record(f"company chosen {attempt}", f"{event.choice}: {event.why or 'a new one is made'}", by=event.by)
    return chosen


async def ask_to_mend(case: Case, paper: Paper, name: str, what: str) -> None:
    """Something that a person sets right before it is tried again; nothing was ordered so far."""
    event = await ask(
        case,
        paper,
        Wait(
            name=name,
            awaited=case.requester,
            what=what[:400],
            form=AcceptForm,
            role="requester",
            explain="'accept' tries again. Nothing was ordered so far.",
            letter=Letter(
                kind=name,
                to=(case.requester,),
                subject=f"{case.title}: something to set right first",
                todo=what[:400],
                otherwise="Nothing is ordered until then.",
                link=case.run_link,
                link_text="Try again, or withdraw",
            ),
        ),
    )
    if not isinstance(event, Decided):
        await end_without_order(case, event, envelope_of(paper))


async def find_tenant_again(case: Case) -> None:
    """A second order of the same procedure goes to the tenant that the first one made, by its prefix."""
    if case.journal.get(TENANT) is not None or case.journal.get(SET_UP_BOOKED) is None:
        return
    tenant = await office().partner.find_tenant(initial_domain(str(case.journal.get(PREFIX))))
    if tenant is not None:
        await case.journal.put(TENANT, tenant.tenant_id)


async def start_set_up(case: Case) -> None:
    """Once ordered: a run of its own secures the admin account and establishes the delegated administration.

    Of its own, because it waits for people while this procedure has other things to watch. It is also for customers
    who have a tenant, but gave us no rights in it, where the launch names their administrator (P8).
    """
    request = case.request
    if not needs_set_up(case):
        return
    leg, case.leg = case.leg, ""
    try:
        if case.journal.get(SET_UP_BOOKED) is None:
            tags: tuple[str, ...] = (f"set-up-of:{case.reference}",)
            if request.customer.new_tenant:
                tags += (CHECKED, tenant_tag(request.customer.autotask_id))
            run_id = await book_timed(
                SET_UP_TENANT,
                case.now() - timedelta(seconds=1),
                f"set-up-tenant-{case.run_id}",
                {"customer": request.customer.name, "procedure_run_id": str(case.run_id)},
                tags,
            )
            await case.journal.put(SET_UP_BOOKED, str(run_id))
        link = f"{office().settings.prefect_url}/runs/flow-run/{case.journal.get(SET_UP_BOOKED)}"
        case.links["Set-up of the tenant"] = link
        await case.record("set-up begun", "Admin account and delegated administration: a run of its own.", link=link)
        await find_tenant_again(case)
    finally:
        case.leg = leg
    case.request = known_by_now(case.request, case.journal)


async def tag_to_admin(case: Case, occasion: str) -> None:
    """P11: what is ordered later for a tenant that we made is tagged to its admin account too.

    Before its records are there nothing is tagged: the set-up does it for all assets, at its end.
    """
    set_up = case.journal.get(SET_UP_BOOKED)
    if set_up is None:
        return
    kept = (await Journal.load(UUID(str(set_up)))).get(RECORDS)
    if kept is not None:
        await tag_applications(case.request, AdminRecords.model_validate(kept), occasion)


def needs_set_up(case: Case) -> bool:
    """Whether there is a tenant to set up, or rights to be had in it from a named administrator."""
    customer = case.request.customer
    return customer.new_tenant or bool(case.request.tenant_admin and not customer.gdap_active)
