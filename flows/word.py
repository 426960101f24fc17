"""The customer's written word about what they have: picked from what they wrote, or asked for by mail (S1, S2, P18).

Whatever is found is read by a person, unless it is the very sentence that our own mail offers.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import datetime, timedelta

from flows.decisions import end
from flows.inbox import Inbox, confirmed_by, confirming, explain_messages, press_reader, sort
from rules.events import Confirmed, Event, NoAnswer, ReplyRead
from rules.people import AuthorisedContact, Person
from rules.written import OnTicket, Verdict, Written
from tasks.case import Case
from tasks.casefile import in_markdown
from tasks.contacts import authorised_contacts
from tasks.forms_seats import ASK, CONFIRMS, WordForm
from tasks.letters import Letter
from tasks.mail import SentMail, WhenSent, when_sent
from tasks.net_bridges import CONFIRMER
from tasks.office import office
from tasks.waiting import Wait, wait_for
from tasks.written import candidates


class Question(ABC):
    """What is asked of the customer in one round: the letter, how an answer is judged, and what it must name."""

    def __init__(self, name: str, round_: int, what: str, contact: Person, form: type[WordForm]) -> None:
        self.name = name
        self.round = round_
        self.what = what
        self.contact = contact
        self.form = form
        self.choices: dict[str, tuple[str, ...]] = {}

    @abstractmethod
    def letter(self, case: Case) -> Letter:
        """The mail that asks."""

    @abstractmethod
    def asked(self, sent: WhenSent, again: str) -> None:
        """It was asked by that mail; `again`: the reminder's conversation."""

    @abstractmethod
    def judge(self, written: Written, rights: tuple[AuthorisedContact, ...], since: datetime) -> tuple[Verdict, str]:
        """What a message is worth by itself, and why."""

    @abstractmethod
    def check(self, written: Written, event: ReplyRead) -> None:
        """Whether a message can say what its reader says; raises `AnswerAgain`."""

    @abstractmethod
    def explain(self) -> str:
        """What stands above the form."""


async def the_word(
    case: Case, on: OnTicket, question: Question, since: datetime, *, ask_at_once: bool
) -> Confirmed | ReplyRead:
    """Wait for the customer's word: the offered sentence, or a message that a named person read (S1, decision 2).

    Nothing written yet, or `ask_at_once`: the contact is asked by mail, again after the patience; then the requester is
    asked to call. Without an answer it ends, as by a withdrawal, with nothing done.
    """
    settings, name = office().settings, f"confirmation-{question.name}-{question.round}"
    began = datetime.fromisoformat(await case.journal.put(f"since-{name}", case.now().isoformat()))
    closes = began + timedelta(days=settings.seat_evidence_days)
    inbox, moments, whose = Inbox([], []), [closes], ""
    asked = await ask(case, question) if case.journal.get(asked_key(question)) is not None else None

    async def look(_hinted: bool) -> Event | None:
        nonlocal inbox, moments, whose, asked
        if asked is None and ask_at_once:
            asked = await ask(case, question)
        inbox = await look_through(case, on, question, since, asked)
        if asked is None and not inbox.to_read:
            asked = await ask(case, question)
            inbox = await look_through(case, on, question, since, asked)
        moments = [closes]
        if inbox.confirmed is not None and not inbox.thought_again:
            return confirmed_by(*inbox.confirmed)
        if inbox.to_read:
            whose, turn = await press_reader(case, inbox, question.round)
            moments += [turn] if turn is not None else []
            return None
        if case.now() >= closes:
            return NoAnswer(until=closes)
        if asked is not None:
            turn = await remind(case, question, asked)
            moments += [turn] if turn is not None else []
        return None

    def as_found(wait: Wait) -> Wait:
        explain = "\n\n".join([question.explain(), explain_inbox(inbox)])
        wait = replace(wait, until=min(moments), explain=explain, choices=dict(question.choices))
        if not inbox.to_read:
            return wait
        return replace(
            wait,
            awaited=case.requester,
            what=f"Read what {whose or 'the customer'} wrote, in full, and say what it means",
            role="requester",
            choices={**question.choices, "evidence": inbox.choices},
        )

    async def check(event: Event) -> None:
        if isinstance(event, ReplyRead) and event.choice != ASK:
            found = await look_through(case, on, question, since, asked)
            written = found.picked(event)
            if event.choice == CONFIRMS:
                question.check(written, event)

    async def aside(event: Event, _occasion: str) -> bool:
        nonlocal asked
        if isinstance(event, ReplyRead) and event.choice == ASK:
            asked = await ask(case, question)
            return True
        return False

    event = await wait_for(
        case,
        Wait(
            name=name,
            awaited=question.contact,
            what=question.what,
            form=question.form,
            role="confirmer",
            check=check,
            aside=aside,
            after_look=as_found,
        ),
        look,
    )
    if isinstance(event, Confirmed) or (isinstance(event, ReplyRead) and event.choice == CONFIRMS):
        return event
    await no_word(case, event)
    raise AssertionError("unreachable")


async def no_word(case: Case, event: Event) -> None:
    """Refused, withdrawn, or never answered: it ends, and the requester is told. Raises `Ended` always."""
    match event:
        case NoAnswer():
            await end(case, None, "No confirmation", "The customer has not answered in time.", "the calendar")
        case ReplyRead(by=by):
            await end(case, None, "Refused by the customer", "The customer does not want it.", by)
    by, why = str(getattr(event, "by", "")), str(getattr(event, "why", ""))
    await end(case, None, "Withdrawn", f"Withdrawn: {why}", by)


def asked_key(question: Question) -> str:
    return f"asked-{question.name}-{question.round}"


async def ask(case: Case, question: Question) -> WhenSent:
    """Mail the contact, once; from then on only what is written after it counts as an answer."""
    await case.journal.put(asked_key(question), True)
    mail = await case.send(question.letter(case))
    sent = await when_sent(case.reference, mail)
    kept = case.journal.get(f"reminded-{question.name}-{question.round}")
    again = ""
    if kept is not None:
        again = (await when_sent(case.reference, SentMail.model_validate(kept))).conversation_id
    question.asked(sent, again)
    await case.tag(*(f"conversation:{one}" for one in (sent.conversation_id, again) if one))
    await case.record(
        f"asked {question.name} {question.round}", f"{question.contact.name} was asked by mail: {question.what}"
    )
    return sent


async def remind(case: Case, question: Question, asked: WhenSent) -> datetime | None:
    """The contact again after the first patience, then the requester is asked to call; when that changes next (I5)."""
    settings = office().settings
    first = settings.calendar.business_moment_after(asked.at, settings.patience.remind_after)
    second = settings.calendar.business_moment_after(asked.at, settings.patience.hand_over_after)
    if case.now() < first:
        return first
    letter = question.letter(case)
    again = await case.send(letter.again())
    await case.journal.put(f"reminded-{question.name}-{question.round}", again.model_dump(mode="json"))
    sent = await when_sent(case.reference, again)
    question.asked(asked, sent.conversation_id)
    await case.tag(f"conversation:{sent.conversation_id}")
    if case.now() < second:
        return second
    await case.send(letter.turned_to(case.requester, question.contact, case.run_link))
    return None


async def look_through(case: Case, on: OnTicket, question: Question, since: datetime, asked: WhenSent | None) -> Inbox:
    """What the customer's people, who may confirm, wrote: since they were asked, or else since `since` (S1)."""
    rights = await authorised_contacts(on.customer.autotask_id, on.customer.itglue_id)
    senders = confirming(rights)
    await case.tag(*(f"{CONFIRMER}{one}" for one in senders))
    conversation = asked.conversation_id if asked is not None else ""
    found = await candidates(on, senders, asked.at if asked is not None else since, conversation)
    return await sort(case, question.round, on.reference, found, lambda one: question.judge(one, rights, since))


def explain_inbox(inbox: Inbox) -> str:
    """What was written, in full, above the form."""
    lines = ["The customer has written again since the sentence that confirms: read that before it counts."]
    lines = lines if inbox.thought_again else []
    lines.append(explain_messages(inbox.to_read))
    if inbox.no_evidence:
        lines += ["", "Also written, and it does not count:", ""]
        lines += [f"- {in_markdown(written.sender)}: {in_markdown(why)}" for written, why in inbox.no_evidence]
    return "\n".join(lines)
