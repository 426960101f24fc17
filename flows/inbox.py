"""What the customer's people wrote, sorted: what counts at once, what a person must read first, what doesn't (B3, S1).

Read by `terms` (a bridge's) and by `word` (more seats, the end of a subscription); each judges by rules of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rules.events import Confirmed, ReplyRead
from rules.people import AuthorisedContact
from rules.written import OnTicket, Verdict, Written, WrittenKind
from tasks import terms_letters
from tasks.case import Case
from tasks.casefile import in_markdown
from tasks.contacts import authorised_contacts
from tasks.forms import AnswerAgain, ConfirmationForm
from tasks.markers import used_by_another
from tasks.office import office
from tasks.waiting import Wait, ask_the_awaited


@dataclass
class Inbox:
    """What the customer's people wrote: what counts at once, what a person must read, the rest."""

    to_read: list[tuple[str, Written]]
    no_evidence: list[tuple[Written, str]]
    confirmed: tuple[str, Written] | None = None

    @property
    def thought_again(self) -> bool:
        """Whether the customer has written again since the sentence that confirms, and nobody has read that yet."""
        return self.confirmed is not None and any(
            written.received_at >= self.confirmed[1].received_at for _, written in self.to_read
        )

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(label_of(name, written) for name, written in self.to_read)

    def picked(self, event: ReplyRead) -> Written:
        """The message that was read: it must still be listed, as it was shown. Raises `AnswerAgain`."""
        name, digest = named_in(event.evidence)
        written = next((one for known, one in self.to_read if known == name), None)
        if written is None:
            raise AnswerAgain("evidence: choose one of the messages that are listed above the form.")
        if not digest or not written.text_digest.startswith(digest):
            raise AnswerAgain("evidence: the message has changed since it was shown; read it again.")
        return written


def label_of(name: str, written: Written) -> str:
    """A message as the form offers it: who wrote it when, where it lies, and which text was shown."""
    calendar = office().settings.calendar
    who = written.sender_name or written.sender
    return (
        f"{who}, {calendar.in_short(written.received_at)} · {written.kind.value} · {name} · {written.text_digest[:12]}"
    )


def named_in(label: str) -> tuple[str, str]:
    """The evidence and the text's digest that a label names; empty where it names none."""
    parts = [part.strip() for part in label.split("·")]
    return (parts[-2], parts[-1]) if len(parts) >= 3 else ("", "")


async def sort(
    case: Case,
    round_: int,
    used_for: str,
    found: Sequence[tuple[str, Written]],
    judge: Callable[[Written], tuple[Verdict, str]],
) -> Inbox:
    """Messages by what `judge` says of each; one that was used for something other than `used_for` is none (B3)."""
    inbox = Inbox([], [])
    for name, written in found:
        verdict, why = judge(written)
        if verdict is not Verdict.IS_NO_EVIDENCE:
            other = await used_by_another(written.authority_id, used_for)
            if other:
                verdict, why = Verdict.IS_NO_EVIDENCE, f"It was {other} already (B3)."
        read = case.journal.get(read_key(round_, written))
        if verdict is Verdict.IS_NO_EVIDENCE:
            inbox.no_evidence.append((written, why))
        elif read is not None:
            inbox.no_evidence.append((written, f"{read['by']} read it: {read['choice']}."))
        elif verdict is Verdict.CONFIRMS:
            inbox.confirmed = (name, written)
        else:
            inbox.to_read.append((name, written))
    return inbox


def confirmed_by(name: str, written: Written) -> Confirmed:
    """The event of a message that counts by itself."""
    return Confirmed(
        evidence=name,
        authority_id=written.authority_id,
        received_at=written.received_at,
        sender=written.sender,
    )


def read_key(round_: int, written: Written | None = None) -> str:
    """Under which key a reading is remembered; without a message how the keys of that round begin."""
    return f"read-{round_}-" + (written.read_as if written is not None else "")


async def confirmers(request: OnTicket) -> tuple[str, ...]:
    """The mail addresses of the customer's people who may confirm now."""
    rights = await authorised_contacts(request.customer.autotask_id, request.customer.itglue_id)
    return confirming(rights)


def confirming(rights: tuple[AuthorisedContact, ...]) -> tuple[str, ...]:
    """The mail addresses, in small letters and each once, of those who may confirm."""
    return tuple(dict.fromkeys(one.email.lower() for one in rights if one.may_confirm))


async def press_reader(case: Case, inbox: Inbox, round_: int) -> tuple[str, datetime | None]:
    """Ask the requester to read the newest message, again after the patience, then the senior colleague."""
    _, written = inbox.to_read[-1]
    key = f"read-asked-{round_}-{written.authority_id.removeprefix('written:')}"
    since = datetime.fromisoformat(await case.journal.put(f"since-{key}", case.now().isoformat()))
    wait = Wait(
        name=key,
        awaited=case.requester,
        what="Read the customer's message",
        form=ConfirmationForm,
        letter=terms_letters.reading_asked(case, key, written),
    )
    _, until = await ask_the_awaited(case, wait, since, case.now())
    return written.sender_name or written.sender, until


def warning(written: Written) -> tuple[str, ...]:
    """What the reader of a mail must know of its sender, where the sender's domain was not verified (B3)."""
    if written.kind is not WrittenKind.MAIL or written.authenticated:
        return ()
    return (
        f"**The mail server could not verify that this came from {in_markdown(written.sender)}: anybody may have "
        "written it. Ring the contact, at the number you know, before you act on it (B3).**",
        "",
    )


def explain_messages(messages: list[tuple[str, Written]]) -> str:
    """Messages in full, above the form; of a quotation's empty lines none. Who may not be who he says is named."""
    calendar = office().settings.calendar
    lines: list[str] = []
    for name, written in messages:
        lines += [
            "",
            f"### {in_markdown(written.sender_name or written.sender)}, {calendar.in_words(written.received_at)}",
            f"{written.kind.value}, {in_markdown(written.sender)}: {in_markdown(written.subject)} ({name})",
            "",
            *warning(written),
            *(f"> {in_markdown(line)}  " for line in written.whole_text.splitlines() if line.strip() != ">"),
        ]
    return "\n".join(lines)
