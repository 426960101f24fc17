"""The set-up of a customer's tenant after the order: admin account, delegated administration, documents (P7 to P13)."""

from datetime import timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import admin_account, delegated_admin
from rules.events import Decided, Event
from rules.people import Person
from rules.refusal import refuse
from rules.request import CheckedRequest
from rules.tenant import initial_domain
from tasks.admin_account import AdminRecords, tag_applications
from tasks.case import Case
from tasks.follow_ups import FollowUp, ask_each
from tasks.letters import Letter
from tasks.new_tenant import COMPANY, PREFIX, TENANT, document_tenant, known_by_now
from tasks.office import office
from tasks.procedure import conduct
from tasks.requests import REQUEST, request_of_run
from tasks.schedule import RUN_NAMES, SET_UP_TENANT
from tasks.tenant_forms import SeenForm
from tasks.waiting import Wait, wait_for

SOON = timedelta(minutes=10)


@flow(name="set-up-tenant", flow_run_name=RUN_NAMES[SET_UP_TENANT], persist_result=True)
async def set_up_tenant(customer: str, procedure_run_id: str) -> State[Any] | None:
    """Secure a new tenant's admin account, and establish our delegated administration.

    Started by new-subscription and bridge once they have ordered for a customer without a Microsoft tenant, or for
    one who gave us no rights in it yet. It waits for named people, and checks at IT Glue and Microsoft what they did.

    Args:
        customer: The customer's name.
        procedure_run_id: The flow run of the procedure that ordered.
    """

    async def procedure(case: Case) -> State[Any]:
        take_up(case, await request_of(case, procedure_run_id))
        if not case.request.customer.new_tenant:
            return await set_up_rights_only(case)
        await wait_for_tenant(case)
        records = await admin_account.make_records(case)
        secured = await admin_account.secure(case, records)
        relationship = await delegated_admin.establish(case, secured.holder)
        await delegated_admin.assign_roles(case, relationship)
        await admin_account.check_at_microsoft(case, records, secured)
        await document(case, records)
        await tell(case, await ask_each(case, follow_ups(case)))
        await case.show("Done")
        return Completed(message=f"{initial_domain(case.request.customer.prefix)}: secured, delegated, documented.")

    return await conduct(procedure)


def take_up(case: Case, request: CheckedRequest) -> None:
    """What the run is about: the procedure's request, under a title of its own."""
    case.request = request
    case.title = f"{request.customer.name} · tenant"


async def request_of(case: Case, procedure_run_id: str) -> CheckedRequest:
    """The request of the procedure that ordered, kept in this run's own memory from then on. Strangers are refused."""
    kept = case.journal.get(REQUEST)
    if kept is None:
        kept = await case.journal.put(REQUEST, await read_request(procedure_run_id))
    return known_by_now(CheckedRequest.model_validate(kept), case.journal)


async def read_request(procedure_run_id: str) -> dict[str, Any]:
    """What that procedure's run remembers, as it is known by now. Refused: one that ordered no tenant (P3)."""
    asked, journal = await request_of_run(procedure_run_id, "P8", "new-subscription and bridge")
    request = known_by_now(asked, journal)
    ready = not request.customer.new_tenant or all(journal.get(key) is not None for key in (PREFIX, COMPANY))
    if not ready:
        raise refuse("procedure_run_id", "P3", "that procedure has not ordered a tenant.", "Nothing is to be set up.")
    return request.model_dump(mode="json")


async def set_up_rights_only(case: Case) -> State[Any]:
    """P8, existing tenant: the approval link goes to the customer's own administrator."""
    request = case.request
    approver = Person(name=request.tenant_admin, email=request.tenant_admin)
    relationship = await delegated_admin.establish(case, approver)
    await delegated_admin.assign_roles(case, relationship)
    await tell(case, [])
    await case.show("Done")
    return Completed(message=f"{request.customer.name}: we are delegated administrator.")


async def wait_for_tenant(case: Case) -> None:
    """The tenant comes with provisioning: seen in Microsoft's discovery by its prefix, and documented (P3, P11)."""
    domain = initial_domain(case.request.customer.prefix)

    async def look(_hinted: bool) -> Event | None:
        tenant = await office().partner.find_tenant(domain)
        return Decided(by="Microsoft", choice="there", why=tenant.tenant_id) if tenant is not None else None

    event = await wait_for(
        case,
        Wait(
            name="tenant",
            awaited=Person(name="Microsoft", email="provisioning"),
            what=f"Microsoft makes the tenant {domain}",
            form=SeenForm,
            until=case.now() + SOON,
            role="provisioning",
        ),
        look,
    )
    assert isinstance(event, Decided)  # noqa: S101 - its form offers nothing else that ends it
    await case.journal.put(TENANT, event.why)
    take_up(case, known_by_now(case.request, case.journal))
    asset = await document_tenant(case.request.customer)
    await case.record("tenant", f"{domain} is there: {event.why}; IT Glue asset {asset}.", by="Microsoft")


async def document(case: Case, records: AdminRecords) -> None:
    """P10, P11: the Application assets name the accounts already; they are tagged to the two records."""
    tagged = await tag_applications(case.request, records)
    accounts = ", ".join(case.request.accounts) or "none named at launch"
    what = f"Tagged to the admin account and its key: {', '.join(tagged) or 'no asset'}. Accounts: {accounts}."
    await case.record("documented", what)


def follow_ups(case: Case) -> list[FollowUp]:
    """P13, P16: what remains in a new tenant, each for a named person with a due date."""
    request, settings = case.request, office().settings
    customer, worker = request.customer, request.follow_up or case.requester
    partner = "Add us as partner of record, as AT KB article 100 says."
    found = [FollowUp(key="partner", who=case.requester, what=partner, days=5, link=settings.kb100_url)]
    accounts = ", ".join(request.accounts)
    if accounts:
        what = f"Create the accounts in {initial_domain(customer.prefix)}, and give them their licences: {accounts}."
        found.append(FollowUp(key="accounts", who=worker, what=what, days=5))
    if customer.own_domains:
        what = f"Add and verify the mail domain {', '.join(customer.own_domains)} in the new tenant."
        found.append(FollowUp(key="domain", who=case.requester, what=what, days=10))
        what = "Move the customer's mailboxes into the new tenant, once its mail domain is verified."
        found.append(FollowUp(key="mailboxes", who=worker, what=what, days=20))
    apps = "Install the apps, and sign the users in with their new accounts."
    found.append(FollowUp(key="apps", who=worker, what=apps, days=10))
    return found


async def tell(case: Case, remaining: list[FollowUp]) -> None:
    """The requester learns that it is done, and what is open."""
    customer = case.request.customer
    done = "secured, delegated and documented" if customer.new_tenant else "delegated to us"
    await case.send(
        Letter(
            kind="tenant-done",
            to=(case.requester,),
            subject=f"{case.title}: {done}",
            todo="There is nothing that you need to do, besides the follow-ups that name you.",
            facts=(
                (
                    "Tenant",
                    f"{customer.tenant_id} {initial_domain(customer.prefix) if customer.prefix else ''}".strip(),
                ),
                *(("Still open", f"{one.who.name}: {one.what}") for one in remaining),
            ),
            link=case.run_link,
            link_text="Open the run",
        ),
    )
    await case.record("tenant done", f"The tenant of {customer.name} is {done}.")
