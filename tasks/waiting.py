"""Waiting without a process: form before state, answers before suspending (decision 4, prefect.md, Recipes).

An answer belongs to the run's inputs and stands whatever happens to code, results or worker. A wait has rounds:
an answer that decides nothing ("look again", an unreadable price) opens the next one. It is judged once, for the
moment at which it was given: what was refused then is never taken later by itself.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Any, Literal

from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import Pause
from prefect.input.run_input import keyset_from_paused_state
from prefect.states import Suspended
from pydantic import Field, ValidationError, create_model

from rules.events import Event, HandedOver, Withdrawn
from rules.people import Person, same_address
from rules.settings import Patience
from tasks.case import Case
from tasks.casefile import Awaited, in_markdown
from tasks.forms import LOOK_AGAIN, AnswerAgain, WaitForm
from tasks.letters import Letter
from tasks.office import office
from tasks.people import find_colleague
from tasks.runs import NUDGE, go_on_if_nudged
from tasks.schedule import look_at
from tasks.step import assert_run_is_ours
from tasks.tickets import assign_ticket
from vendors.errors import Refused as VendorRefused

MOST_ANSWERS = 500
"""So many answers of people that decide nothing: then somebody must look at the run."""
WAKINGS_TO_TELL = 500
"""At each so many wakings of one wait a person is told; the run goes on waiting, however many they become."""
SAME_ROUND = 5

Look = Callable[[bool], Awaitable[Event | None]]
Aside = Callable[[Event, str], Awaitable[bool]]


async def nothing_to_see(_hinted: bool) -> Event | None:
    """For waits that only a person ends."""
    return None


@dataclass(frozen=True)
class Wait:
    """One wait: who is awaited for what, the form, and who may decide.

    `may_decide` empty: any active colleague. `until`: the business moment at which the outside world is looked at
    again by itself. `letter`: what is mailed to `awaited` at the start (unless `ask_first` is off), again after the
    first `patience`, and to `turn_to` (the senior colleague, if nobody is named) after the second. `check` may
    refuse an answer by raising `AnswerAgain`. `after_look` may say that somebody else is awaited by now.
    `aside` takes answers that don't end the wait, once each, and says whether it took one; it also gets a name for
    the occasion. `choices`: what a field of the form offers, by field.
    """

    name: str
    awaited: Person
    what: str
    form: type[WaitForm]
    may_decide: tuple[Person, ...] = ()
    until: datetime | None = None
    letter: Letter | None = None
    role: str = ""
    explain: str = ""
    tags: tuple[str, ...] = ()
    ask_first: bool = True
    patience: Patience | None = None
    turn_to: Person | None = None
    check: Callable[[Event], Awaitable[None]] | None = None
    after_look: "Callable[[Wait], Wait] | None" = None
    aside: Aside | None = None
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)


async def wait_for(case: Case, wait: Wait, look: Look = nothing_to_see) -> Event:
    """Wait until the outside world or a person decides, and return the event; ends the process meanwhile.

    `look` is asked before suspending, with whether DocuSign has sent word since the last look: by the latest answer,
    or by a nudge while the run was awake. What was decided once is remembered and returned at once ever after.
    """
    settled_key = f"settled-{wait.name}"
    settled = case.journal.get(settled_key)
    if settled is not None:
        return event_from(settled)

    answers, owner = answers_so_far(case, wait.name), case.requester
    complaint = ""
    await record_hand_overs(case, wait, answers[:-1])
    if answers:  # the earlier ones decided nothing, or no further form would have been opened
        event, complaint = await understand(case, wait, len(answers), answers[-1])
        if event is not None:
            return event_from(await case.journal.put(settled_key, event_to(event)))
        complaint = complaint or last_complaint(case, wait.name, answers)

    nudges_seen = f"nudges-seen-{sum(map(is_docusigns, case.journal.starting(NUDGE).values()))}"
    nudged = nudges_seen != "nudges-seen-0" and case.journal.get(nudges_seen) is None
    seen = await look(nudged or (bool(answers) and is_docusigns(answers[-1])))
    if seen is not None:
        return event_from(await case.journal.put(settled_key, event_to(seen)))
    if nudged:
        await case.journal.put(nudges_seen, True)
    if wait.after_look is not None:
        wait = wait.after_look(wait)
    if case.requester != owner:
        wait = moved(wait, owner, case.requester)
    await tell_if_woken_often(case, wait, len(answers))
    await sleep(case, wait, len(answers) + 1, complaint)
    raise AssertionError("unreachable: sleeping ends the process")


def has_waited(case: Case, name: str) -> bool:
    """Whether a wait had to wait: what it was for had not happened yet when it was first looked at."""
    return case.journal.get(f"since-{name}") is not None


def event_to(event: Event) -> dict[str, Any]:
    """An event as the journal keeps it."""
    return {"kind": type(event).__name__, **event.model_dump(mode="json")}


def event_from(kept: dict[str, Any]) -> Event:
    """An event as it was kept."""
    kinds = {kind.__name__: kind for kind in Event.__args__}
    return kinds[kept["kind"]].model_validate({k: v for k, v in kept.items() if k != "kind"})  # type: ignore[no-any-return]


def answers_so_far(case: Case, name: str) -> list[dict[str, Any]]:
    """The answers given so far, one a round, in order. Raises where people have answered too often."""
    answers: list[dict[str, Any]] = []
    for number in count(1):
        keys = [f"suspended-{pause_key(name, number, attempt)}-response" for attempt in range(SAME_ROUND)]
        given = next((case.journal.get(key) for key in keys if case.journal.get(key) is not None), None)
        if given is None:
            break
        answers.append(given)
    if sum(answer.get("action") != LOOK_AGAIN for answer in answers) >= MOST_ANSWERS:
        raise RuntimeError(f"{name}: {MOST_ANSWERS} answers without a decision; somebody must look at this run")
    return answers


def last_complaint(case: Case, name: str, answers: list[dict[str, Any]]) -> str:
    """Why a person's last answer was refused: shown until a person answers again, however often machines wake."""
    for number in range(len(answers), 0, -1):
        if not is_waking(answers[number - 1]):
            return str(case.journal.get(refused_key(name, number)) or "")
    return ""


def is_docusigns(answer: dict[str, Any]) -> bool:
    """Whether an answer, or a nudge, is DocuSign's word."""
    return str(answer.get("decided_by", "")).casefold().startswith("docusign")


def is_waking(answer: dict[str, Any]) -> bool:
    """Whether nobody answered: clock, webhook or reconcile woke the run."""
    return answer.get("action") == LOOK_AGAIN and "@" not in str(answer.get("decided_by", ""))


async def record_hand_overs(case: Case, wait: Wait, answers: list[dict[str, Any]]) -> None:
    """Put the hand-overs of earlier rounds onto the case file, as they stand in the ticket."""
    moves = {one.get("wait"): one for one in case.journal.starting("handed-over-").values()}
    for number, answer in enumerate(answers, start=1):
        to = moves.get(f"{wait.name}-{number}")
        if to is not None:
            colleague = Person(name=to["name"], email=to["email"])
            by, why = str(answer.get("decided_by", "")).strip(), str(answer.get("note", "")).strip()
            await record_hand_over(case, f"{wait.name}-{number}", colleague, by, why)


def refused_key(name: str, number: int) -> str:
    return f"refused-{name}-{number}"


async def understand(case: Case, wait: Wait, number: int, answer: dict[str, Any]) -> tuple[Event | None, str]:
    """What an answer means: an event, or none with a complaint to show on the next form. A refusal is remembered."""
    taken, refused = f"aside-{wait.name}-{number}", refused_key(wait.name, number)
    if case.journal.get(taken) is not None:
        return None, ""
    if case.journal.get(refused) is not None:
        return None, str(case.journal.get(refused))
    try:
        form = wait.form.model_validate(answer)
        if form.action == LOOK_AGAIN:
            return None, ""
        event = form.event()
        if event is None:
            return None, ""
        decider = await find_colleague(form.decided_by)
        if isinstance(event, HandedOver):
            await hand_over(case, wait, number, decider, event)
            return None, ""
        if (
            not isinstance(event, Withdrawn)
            and wait.may_decide
            and not any(same_address(p.email, decider.email) for p in may_decide(case, wait))
        ):
            names = ", ".join(person.email for person in may_decide(case, wait))
            raise AnswerAgain(f"decided_by: {decider.email} may not decide this; {names} may.")
        if wait.check is not None:
            await wait.check(event)
        await confirm(case, wait, number, decider, f"chose '{form.action}'")
        if wait.aside is not None and await wait.aside(event, f"{wait.name}-{number}"):
            await case.journal.put(taken, True)
            return None, ""
    except (AnswerAgain, ValidationError) as unusable:
        return None, str(await case.journal.put(refused, str(unusable)))
    return event, ""


async def hand_over(case: Case, wait: Wait, number: int, decider: Person, event: HandedOver) -> None:
    """Run, ticket and mails move to a colleague; both are told. Raises `AnswerAgain` where that can't be."""
    colleague, occasion = await find_colleague(event.to), f"{wait.name}-{number}"
    try:
        await assign_ticket(case.ticket_id, colleague, occasion)
    except VendorRefused as refusal:
        raise AnswerAgain(f"colleague: Autotask won't give {colleague.name} the ticket: {refusal.message}") from None
    await case.hand_over(occasion, colleague)
    await record_hand_over(case, occasion, colleague, decider.email, event.why)
    await confirm(case, wait, number, decider, f"handed the procedure over to {colleague.name}")
    await tell_new_owner(case, wait, number, colleague)


async def record_hand_over(case: Case, occasion: str, colleague: Person, by: str, why: str) -> None:
    """Into the ticket, once, and onto the case file."""
    text = f"Handed over to {colleague.name}" + (f": {why}" if why else ".")
    await case.record(f"handed over {occasion}", text, by=by)


def moved(wait: Wait, before: Person, now: Person) -> Wait:
    """The wait as it stands after its answers moved the procedure from one colleague to another."""

    def whoever(person: Person) -> Person:
        return now if same_address(person.email, before.email) else person

    letter = wait.letter
    if letter is not None:
        letter = letter.model_copy(update={"to": tuple(whoever(person) for person in letter.to)})
    return replace(
        wait,
        awaited=whoever(wait.awaited),
        may_decide=tuple(whoever(person) for person in wait.may_decide),
        letter=letter,
        turn_to=whoever(wait.turn_to) if wait.turn_to is not None else None,
    )


def may_decide(case: Case, wait: Wait) -> tuple[Person, ...]:
    """Who may decide: whom the wait names, senior staff always; withdrawing is everybody's."""
    return (*wait.may_decide, *office().settings.senior_staff)


async def confirm(case: Case, wait: Wait, number: int, decider: Person, did: str) -> None:
    """Mail whoever is said to have decided: "not you?" (decision 2). Only some forms can take a decision back."""
    settings = office().settings
    others = (one for one in settings.senior_staff if not same_address(one.email, decider.email))
    await case.send(
        Letter(
            kind=f"decided-{wait.name}-{number}",
            to=(decider,),
            subject=f"You {did}",
            todo=f"You {did} in the procedure {case.title}.",
            otherwise=f"Not you? Tell {next(others, settings.contracts)} at once, and open the run: "
            "where its form offers 'that was not me' or 'withdraw', answer that.",
            link=case.run_link,
            link_text="Open the run",
        ),
    )


async def tell_new_owner(case: Case, wait: Wait, number: int, colleague: Person) -> None:
    """Tell the colleague what moved to him and what is awaited."""
    await case.send(
        Letter(
            kind=f"handed-over-{wait.name}-{number}",
            to=(colleague,),
            subject=f"{case.title}: handed over to you",
            todo=f"This procedure is yours now. Awaited: {wait.awaited.name}: {wait.what}",
            link=case.run_link,
            link_text="Open the run",
        ),
    )


async def tell_if_woken_often(case: Case, wait: Wait, rounds: int) -> None:
    """A wait that was woken again and again: whatever it is, requester and senior colleague hear of it (I5)."""
    if rounds == 0 or rounds % WAKINGS_TO_TELL:
        return
    since = datetime.fromisoformat(case.journal.get(f"since-{wait.name}") or case.now().isoformat())
    began = office().settings.calendar.in_words(since)
    await case.record(f"woken {rounds} times {wait.name}", f"Woken {rounds} times since {began}: {wait.what}")
    await case.send(
        Letter(
            kind=f"woken-{wait.name}-{rounds}",
            to=(case.requester,),
            cc=(office().settings.senior_for(case.requester.email),),
            subject=f"{case.title}: woken {rounds} times, and still waiting",
            todo=f"Look at the run and at what it waits for: {wait.what}. Is it stuck, or does something wake it for "
            "nothing?",
            facts=(("Waiting since", began), ("Awaited", str(wait.awaited))),
            otherwise="The run goes on waiting.",
            link=case.run_link,
            link_text="Open the run",
        ),
    )


def pause_key(name: str, number: int, attempt: int) -> str:
    return f"{name}-{number}" if attempt == 0 else f"{name}-{number}-{attempt}"


async def sleep(case: Case, wait: Wait, number: int, complaint: str) -> None:
    """Ask, then suspend the run: form first, then the state, so that an instant answer finds its form.

    Raises `Pause`, which ends the process. Mails of the wait go out before (asked, again, senior).
    """
    await assert_run_is_ours()
    now = case.now()
    since = datetime.fromisoformat(await case.journal.put(f"since-{wait.name}", now.isoformat()))
    awaited, patience_until = await ask_the_awaited(case, wait, since, now)
    until = min((moment for moment in (wait.until, patience_until) if moment is not None), default=None)
    shown = Awaited(who=str(awaited), what=wait.what, since=since, until=until, link=case.run_link)
    await case.show(f"Waiting: {wait.what}", shown)
    await case.bear(
        set(wait.tags)
        | {f"wait:{wait.name}", f"role:{wait.role or awaited.email}", f"since:{since.isoformat()}"}
        | ({f"until:{until.isoformat()}"} if until else set()),
    )
    if until is not None:
        await look_at(until)
    form = with_choices(wait).with_initial_data(description=explanation(case, wait, shown, complaint))
    await suspend(case, wait.name, number, form)


def with_choices(wait: Wait) -> type[WaitForm]:
    """The wait's form, with a drop-down where the wait offers what to choose from; empty stays possible."""
    offered: dict[str, Any] = {}
    for name, values in wait.choices.items():
        known = wait.form.model_fields[name]
        extra = Field(default="", description=known.description, json_schema_extra=known.json_schema_extra)
        offered[name] = (Literal[("", *values)], extra)
    return create_model(wait.form.__name__, __base__=wait.form, **offered) if offered else wait.form


async def ask_the_awaited(case: Case, wait: Wait, since: datetime, now: datetime) -> tuple[Person, datetime | None]:
    """Mail the awaited person, once; again when the patience is over; then whoever is turned to (I5)."""
    if wait.letter is None:
        return wait.awaited, None
    settings = office().settings
    patience = wait.patience or settings.patience
    remind = settings.calendar.business_moment_after(since, patience.remind_after)
    hand_over = settings.calendar.business_moment_after(since, patience.hand_over_after)
    if wait.ask_first:
        await case.send(wait.letter)
    if now < remind:
        return wait.awaited, remind
    await case.send(wait.letter.again())
    if now < hand_over:
        return wait.awaited, hand_over
    turned_to = wait.turn_to or settings.senior_for(wait.awaited.email)
    await case.send(wait.letter.turned_to(turned_to, wait.awaited, case.run_link))
    return turned_to, None


def explanation(case: Case, wait: Wait, awaited: Awaited, complaint: str) -> str:
    """What stands above the form. What came from outside is plain words; `wait.explain` is Markdown of our own."""
    calendar = office().settings.calendar
    lines = [f"## {in_markdown(case.title)}", ""]
    if complaint:
        lines += [f"**Your last answer could not be taken:** {in_markdown(complaint)}", ""]
    lines += [
        f"**{in_markdown(wait.what)}**",
        "",
        f"Awaited: {in_markdown(wait.awaited.name)}, since {calendar.in_words(awaited.since)}."
        + (f" Looked at again {calendar.in_words(awaited.until)}." if awaited.until else ""),
        "",
    ]
    if wait.explain:
        lines += [wait.explain, ""]
    lines += [f"- [{in_markdown(name)}]({address})" for name, address in case.links.items()]
    return "\n".join(lines)


async def suspend(case: Case, name: str, number: int, form: type[WaitForm]) -> None:
    """Store the form, then propose Suspended; a key that fired before and never got an answer is varied, bounded."""
    async with get_client() as client:
        for attempt in range(SAME_ROUND):
            state: Any = Suspended(timeout_seconds=None, pause_key=pause_key(name, number, attempt))
            keys = keyset_from_paused_state(state)
            for key in (keys["schema"], keys["description"]):
                await case.journal.replace(client, key)
            await form.asave(keys, flow_run_id=case.run_id)
            state.state_details.run_input_keyset = keys
            verdict = await client.set_flow_run_state(case.run_id, state)
            if verdict.status is SetStateStatus.ACCEPT:
                await go_on_if_nudged(client, case.run_id, case.journal.starting(NUDGE))
                raise Pause(state=state)
            if verdict.status is not SetStateStatus.REJECT:
                raise RuntimeError(f"Prefect would not suspend the run: {verdict}")
    raise RuntimeError(f"{name}: Prefect refused to suspend the run {SAME_ROUND} times")
