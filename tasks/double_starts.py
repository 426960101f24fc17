"""One start for one thing: a second one is refused while the first is open, with a link to it (N1, P3)."""

from collections.abc import Mapping

from prefect.client.schemas.objects import FlowRun, StateType

from rules.refusal import refuse
from rules.request import CheckedRequest, LaunchForm
from tasks.case import Case
from tasks.office import office
from tasks.runs import runs_tagged

CHECKED = "checked"
NEW_TENANT = "new_tenant"
OPEN_STATES = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED, StateType.CRASHED)


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
