"""Seats of which nobody can tell whether they were added: a person looks into Pax8, and Pax8 must show it (S1)."""

from rules.events import Decided, Event
from rules.seats import SeatRequest
from tasks.case import Case, Ended
from tasks.casefile import in_markdown
from tasks.forms import AnswerAgain
from tasks.forms_seats import ADDED, NOT_ADDED, UnclearSeatsForm
from tasks.letters import Letter
from tasks.office import office
from tasks.seats import SeatBasis, SeatsOutcome, close_unclear, read_total
from tasks.waiting import Wait, wait_for


def found_added(case: Case, round_: int) -> SeatsOutcome | None:
    """The seats that a person found added in this round, where it was unclear."""
    kept = case.journal.get(f"found-added-{round_}")
    return SeatsOutcome.model_validate(kept) if kept is not None else None


async def ask_about_unclear_seats(
    case: Case, request: SeatRequest, basis: SeatBasis, round_: int, why: str
) -> SeatsOutcome:
    """Wait for a person who has looked; nothing is written any more on this word. Ends unless they were added."""
    change = f"{basis.before} → {basis.after} seats of {request.product_name} ({basis.choice.label})"

    async def as_pax8_shows(event: Event) -> None:
        if not isinstance(event, Decided) or event.choice not in (ADDED, NOT_ADDED):
            return
        there, needed = await read_total(basis.subscription_id), basis.after if event.choice == ADDED else basis.before
        if there != needed:
            raise AnswerAgain(
                f"action: Pax8 shows {there} seats, not {needed}. Look again; what is neither, settle by hand."
            )

    what = f"Look into the Pax8 portal: was it made {change}?"
    await case.record(f"unclear {round_}", f"Nobody knows whether it was made {change}: {why}.")
    event = await wait_for(
        case,
        Wait(
            name=f"unclear-seats-{round_}",
            awaited=case.requester,
            what=what,
            form=UnclearSeatsForm,
            role="requester",
            check=as_pax8_shows,
            explain=f"{in_markdown(why)}\n\n'{ADDED.capitalize()}' goes on with documentation, billing and the "
            f"customer. '{NOT_ADDED.capitalize()}' ends it: start add-seats again if they are still wanted.",
            letter=Letter(
                kind=f"unclear-seats-{round_}",
                to=(case.requester,),
                cc=(office().settings.senior_for(case.requester.email),),
                subject=f"{case.title}: nobody knows whether the seats were added",
                todo=f"{what} Its history shows it. Then answer the form.",
                otherwise="Nobody is told, billed or served until you answer, and nobody else's seats are added there.",
                facts=(("What happened", why),),
                link=case.run_link,
                link_text="Answer the form",
            ),
        ),
    )
    assert isinstance(event, Decided)  # noqa: S101 - its form offers nothing else that ends it
    added = await close_unclear(request, basis, round_, event.choice == ADDED)
    said = f"{event.by} looked into Pax8: {event.choice}. {event.why}".strip()
    await case.record(f"no longer unclear {round_}", said, by=event.by)
    if not added:
        raise Ended("Not added" if event.choice == NOT_ADDED else "Settled by hand", said)
    outcome = SeatsOutcome(kind="written", seats=basis.after, at=case.now())
    kept = await case.journal.put(f"found-added-{round_}", outcome.model_dump(mode="json"))
    return SeatsOutcome.model_validate(kept)
