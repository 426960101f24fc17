"""Agreed ends that were refused: booked by a machine, so nobody looks at what became of them (N7, I5)."""

from prefect.client.schemas.objects import FlowRun, StateType

from tasks.each import each
from tasks.ending import TermReading, read_term
from tasks.letters import Letter
from tasks.lost import owner_of_run
from tasks.mail import send_letter
from tasks.net import AGREED_END, Found
from tasks.office import office
from tasks.runs import runs_tagged, set_tags, tag_value
from tasks.tickets import open_ticket

TOLD = "told-refused"


async def tell_refused() -> list[Found]:
    """A refused run will not book its agreed end, and none is booked in its place: told once, with a ticket.

    So it is where the procedure's run was deleted in Prefect, and with it what was asked for and agreed.
    """
    ended = [run async for run in runs_tagged([AGREED_END], (StateType.CANCELLED,))]
    return await each([run for run in ended if run.state_name == "Refused" and TOLD not in run.tags], tell)


async def tell(run: FlowRun) -> Found:
    """Whose run it was, contracts, and a top-priority ticket of the subscription's customer."""
    term = await read_term(str(run.parameters.get("subscription_id")))
    done = "it has ended already"
    if term.status != "Cancelled":
        await hand_over(run, term)
        done = "a person was told"
    await set_tags(run.id, {*run.tags, TOLD})
    return Found(what=f"agreed end of {term.subscription_id} refused", who=run.name, done=done, run=run.id)


async def hand_over(run: FlowRun, term: TermReading) -> None:
    """The ticket first, then the mail; both once, whatever dies in between."""
    settings, owner = office().settings, await owner_of_run(run)
    company = await office().pax8.company(term.company_id)
    title = f"{company.name}: {term.product_name}, its agreed end was refused"
    ends = f"its running term ends on {term.term_end}" if term.term_end else "Pax8 shows no end of its term"
    todo = (
        "Read the end date in the signed agreement, and book the end in the Pax8 portal within the term that reaches "
        f"it: {term.product_name} ({term.subscription_id}); {ends}."
    )
    why = (run.state.message or "") if run.state is not None else ""
    reference = tag_value(run, "ref") or str(run.id)
    if company.external_id and company.external_id.isdecimal():
        await open_ticket(f"{reference}:end", int(company.external_id), title, f"{todo}\n{why}", owner, 1, True)
    await send_letter(
        reference,
        Letter(
            kind="end-refused",
            to=(owner, settings.contracts),
            subject=title,
            todo=todo,
            by_when=f"before {term.term_end}" if term.term_end else "today",
            facts=(
                ("What happened", why[:500]),
                ("Agreement", f"{settings.docusign_url}/documents/details/{run.parameters.get('envelope_id')}"),
            ),
            otherwise="Otherwise the subscription renews for a whole term.",
            link=f"{settings.prefect_url}/runs/flow-run/{run.id}",
            link_text="Open the run",
        ),
    )
