"""What no system tells of the admin account is confirmed by a second person, never by one who had a hand in it (P9)."""

from rules.events import Decided, Event
from rules.people import Person, same_address
from rules.tenant import initial_domain
from tasks.case import Case
from tasks.casefile import in_markdown
from tasks.forms import AnswerAgain
from tasks.letters import Letter
from tasks.office import office
from tasks.tenant_forms import SecuredForm, WhoForm, WitnessForm
from tasks.waiting import Wait, wait_for

MOST_TRIES = 30


async def have_it_witnessed(
    case: Case, holder: Person, did_it: dict[str, Person | None], missing: tuple[str, ...], steps: tuple[str, ...]
) -> None:
    """Wait until a second person has seen what no system tells; what he finds undone is done again first.

    `did_it`: who did which part; None: nobody has said so, and whoever did it is asked before any word counts.
    """
    doers: list[Person] = []
    for part, by in did_it.items():
        doers.append(by if by is not None else await ask_who(case, part, holder, doers))
    for attempt in range(1, MOST_TRIES):
        if await witnessed(case, doers, missing, attempt):
            return
        doers.append(await ask_again(case, doers, steps, attempt))
    raise RuntimeError(f"nobody could confirm {MOST_TRIES} times that the admin account is secured (P9)")


async def ask_who(case: Case, part: str, holder: Person, doers: list[Person]) -> Person:
    """Who did it, by his own word: until that is known, nobody may confirm it."""
    domain = initial_domain(case.request.customer.prefix)
    what = f"Say who {part} the admin account of {domain}: whoever changed its password or enrolled its second factor"
    event = await wait_for(
        case,
        Wait(
            name=f"who-{part}",
            awaited=holder,
            what=what,
            form=WhoForm,
            may_decide=office().settings.senior_staff,
            role="senior",
            check=lambda event: assert_somebody_is_left(event, doers),
            explain="If whoever did it can't say so any more: change the password, enrol the second factor anew, store "
            "both in IT Glue, and answer 'I did it'.",
            letter=Letter(
                kind=f"who-{part}",
                to=(holder,),
                cc=tuple(one for one in office().settings.senior_staff if not same_address(one.email, holder.email)),
                subject=f"{case.title}: who {part} the admin account?",
                todo=f"{what}. Whoever did it opens the run and answers 'I did it'.",
                otherwise="The procedure waits: a second person must confirm it, and nobody may confirm his own work.",
                link=case.run_link,
                link_text="Say that you did it",
            ),
        ),
    )
    assert isinstance(event, Decided)  # noqa: S101 - its form offers nothing else that ends it
    await case.record(f"who {part} it", f"The admin account of {domain} was {part} by {event.by}.", by=event.by)
    return known(event)


async def witnessed(case: Case, doers: list[Person], missing: tuple[str, ...], attempt: int) -> bool:
    """Whether a second person, never one who set it up, has seen what no system tells us."""
    second = second_person(doers)
    if second is None:
        raise RuntimeError(f"{NOBODY_LEFT} Put another colleague on the list in the settings, then press Retry (P9).")

    async def check(event: Event) -> None:
        if isinstance(event, Decided) and is_one_of(event.by, doers):
            raise AnswerAgain("decided_by: whoever set it up can't confirm it.")

    what = "Confirm: " + "; ".join(missing)
    event = await wait_for(
        case,
        Wait(
            name=f"witness-{attempt}",
            awaited=second,
            what=what,
            form=WitnessForm,
            may_decide=office().settings.senior_staff,
            role="senior",
            check=check,
            letter=Letter(
                kind=f"witness-{attempt}",
                to=(second,),
                subject=f"{case.title}: a second pair of eyes on the admin account",
                todo=f"{what}. Try it in a private browser window, with the record in IT Glue.",
                otherwise="The procedure waits: no system can tell us this.",
                link=case.run_link,
                link_text="Confirm it",
            ),
        ),
    )
    assert isinstance(event, Decided)  # noqa: S101 - its form offers nothing else that ends it
    if is_one_of(event.by, doers):  # taken before it was known who did it
        await case.record(f"witness {attempt}", f"{event.by} had a hand in it: that word doesn't count.", by=event.by)
        return False
    await case.record(f"witness {attempt}", f"{event.choice}: {what}", by=event.by)
    return event.choice == "I have seen it"


async def ask_again(case: Case, doers: list[Person], steps: tuple[str, ...], attempt: int) -> Person:
    """Whoever did it sets right what the second person has not found so; returns who says that it is done."""
    holder, what = doers[-1], "A colleague could not confirm that the admin account is secured."
    event = await wait_for(
        case,
        Wait(
            name=f"holder-again-{attempt}",
            awaited=holder,
            what=what,
            form=SecuredForm,
            may_decide=office().settings.senior_staff,
            role="senior",
            check=lambda event: assert_somebody_is_left(event, doers),
            explain="\n".join(f"{number}. {in_markdown(one)}" for number, one in enumerate(steps, start=1)),
            letter=Letter(
                kind=f"holder-again-{attempt}",
                to=(holder,),
                subject=f"{case.title}: the admin account once more",
                todo=what,
                facts=tuple((f"Step {number}", one) for number, one in enumerate(steps, start=1)),
                otherwise="The procedure waits.",
                link=case.run_link,
                link_text="Say that it is done",
            ),
        ),
    )
    assert isinstance(event, Decided)  # noqa: S101 - its form offers nothing else that ends it
    return known(event)


NOBODY_LEFT = "Everybody on the list of senior staff has had a hand in the admin account: nobody could confirm it."


async def assert_somebody_is_left(event: Event, doers: list[Person]) -> None:
    """Refuse the answer after which everybody who may confirm it would have done it himself."""
    if isinstance(event, Decided) and second_person([*doers, known(event)]) is None:
        others = ", ".join(one.email for one in doers)
        raise AnswerAgain(
            f"decided_by: {NOBODY_LEFT} Let {others} do it, or have another colleague put on the list in the settings."
        )


def who_did(event: Decided) -> Person | None:
    """Whoever says that he did it; None: a machine saw that it was done."""
    if "@" not in event.by:
        return None
    seniors = office().settings.senior_staff
    return next((one for one in seniors if same_address(one.email, event.by)), Person(name=event.by, email=event.by))


def known(event: Decided) -> Person:
    """Who did it, of an answer that only a person gives."""
    person = who_did(event)
    if person is None:
        raise RuntimeError(f"{event.by} is nobody's mail address: who did it isn't known (P9)")
    return person


def second_person(doers: list[Person]) -> Person | None:
    """The first on the list of senior staff who had no hand in it."""
    return next((one for one in office().settings.senior_staff if not is_one_of(one.email, doers)), None)


def is_one_of(address: str, people: list[Person]) -> bool:
    return any(same_address(one.email, address) for one in people)
