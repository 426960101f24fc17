"""Work that remains for named people after a procedure: a ticket and a mail each, once (P13)."""

from collections.abc import Sequence

from rules.order import Frozen
from rules.people import Person
from tasks.case import Case
from tasks.letters import Letter
from tasks.tickets import open_ticket


class FollowUp(Frozen):
    """Work that remains for a named person, due within so many business days. `link`: where it is explained."""

    key: str
    who: Person
    what: str
    days: int
    link: str = ""


async def ask_each(case: Case, remaining: Sequence[FollowUp]) -> list[FollowUp]:
    """Ask for each of them, once a procedure: a ticket with its due date, and a mail."""
    request = case.request
    for one in remaining:
        explained = f"\nExplained in {one.link}" if one.link else ""
        ticket = await open_ticket(
            f"{case.reference}:{one.key}",
            request.customer.autotask_id,
            f"{case.title}: {one.what}",
            f"{one.what}{explained}\nRequest: ticket {request.ticket_number}. Procedure {case.reference}.",
            one.who,
            one.days,
            False,
        )
        await case.send(
            Letter(
                kind=f"{one.key}-asked",
                to=(one.who,),
                subject=f"{case.title}: follow-up for you ({one.key})",
                todo=one.what,
                by_when=f"within {one.days} business days",
                facts=(
                    ("Ticket", str(ticket)),
                    ("Licences", request.what),
                    *((("Explained in", one.link),) if one.link else ()),
                ),
                link=case.links[f"Ticket {request.ticket_number}"],
                link_text="Open the request's ticket",
                from_person=case.requester,
            ),
        )
        await case.record(f"follow-up {one.key}", f"{one.who.name}: {one.what}")
    return list(remaining)
