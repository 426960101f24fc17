"""What the customer writes after the word that counts: a person reads it before anything is bought (B3, S1).

Whoever is about to buy finds it (`WrittenAgain`); then its reading is begun, and gone through again at each replay.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

from flows.inbox import Inbox, explain_messages, press_reader, read_key
from rules.events import Decided, Event, ReplyRead
from rules.written import Written
from tasks.case import Case
from tasks.forms_again import STANDS, LaterForm
from tasks.later_words import Heard
from tasks.waiting import Look, Wait, nothing_to_see, wait_for

CONVERSATION = "conversation:"
Unread = Callable[[], Awaitable[list[tuple[str, Written]]]]


def heard(case: Case, round_: int) -> Heard:
    """What the run knows of the customer's writing: its conversations, and what was read in that round."""
    prefix = read_key(round_)
    ours = sorted(tag.removeprefix(CONVERSATION) for tag in case.tags if tag.startswith(CONVERSATION))
    read = tuple(key.removeprefix(prefix) for key in case.journal.starting(prefix))
    return Heard(conversations=tuple(ours), read=read)


async def begin_reading(case: Case, round_: int, why: str) -> None:
    """Remember that the customer has written again; `last_word` has it read."""
    number = len(case.journal.starting(f"written-again-{round_}-")) + 1
    await case.journal.put(f"written-again-{round_}-{number}", why)


async def last_word(
    case: Case,
    round_: int,
    unread: Unread,
    form: type[LaterForm],
    *,
    tags: Sequence[str] = (),
    check: Callable[[ReplyRead], Awaitable[None]] | None = None,
    beside: Look = nothing_to_see,
) -> Event | None:
    """Have every begun reading done: None where the confirmation stands, else what was read, or came instead."""
    for number in count(1):
        why = case.journal.get(f"written-again-{round_}-{number}")
        if why is None:
            return None
        event = await read_later(case, round_, number, str(why), unread, form, tags, check, beside)
        if not (isinstance(event, Decided) and event.choice == STANDS):
            return event
    raise AssertionError("unreachable")


async def read_later(
    case: Case,
    round_: int,
    number: int,
    why: str,
    unread: Unread,
    form: type[LaterForm],
    tags: Sequence[str],
    checked: Callable[[ReplyRead], Awaitable[None]] | None,
    beside: Look,
) -> Event:
    """Wait until each later message was said to leave the confirmation standing, or one of them not to."""
    inbox = Inbox([], [])
    until: datetime | None = None

    async def look(hinted: bool) -> Event | None:
        nonlocal inbox, until
        seen = await beside(hinted)
        if seen is not None:
            return seen
        inbox = Inbox(await unread(), [])
        if not inbox.to_read:
            return Decided(by=case.requester.email, choice=STANDS)
        _, until = await press_reader(case, inbox, round_)
        return None

    def as_found(wait: Wait) -> Wait:
        return replace(
            wait,
            until=until,
            explain="\n\n".join([f"Nothing was ordered: {why}", explain_messages(inbox.to_read)]),
            choices={"evidence": inbox.choices},
        )

    async def check(event: Event) -> None:
        if isinstance(event, ReplyRead):
            Inbox(await unread(), []).picked(event)
            if checked is not None:
                await checked(event)

    async def aside(event: Event, occasion: str) -> bool:
        if not isinstance(event, ReplyRead) or event.choice != STANDS:
            return False
        written = Inbox(await unread(), []).picked(event)
        await case.journal.put(read_key(round_, written), {"by": event.by, "choice": event.choice})
        who = written.sender_name or written.sender
        await case.record(f"read {occasion}", f"{who} has written again; the confirmation still stands.", by=event.by)
        return True

    return await wait_for(
        case,
        Wait(
            name=f"confirmation-again-{round_}-{number}",
            awaited=case.requester,
            what="Read what the customer wrote since the confirmation, in full, and say whether it still stands",
            form=form,
            role="requester",
            tags=tuple(tags),
            check=check,
            aside=aside,
            after_look=as_found,
        ),
        look,
    )
