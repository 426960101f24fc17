"""Mail by the shared mailbox: each letter once, and Pax8's confirmations to their folder (P5, P14, P15)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rules.order import Frozen
from tasks.letters import Letter
from tasks.office import office
from tasks.step import for_whom, step
from vendors.errors import NotFound, Refused, Unavailable
from vendors.graph import Message, OutgoingMail

EARLY = timedelta(minutes=5)
"""So much the distributor's clock and ours may differ."""


class SentMail(Frozen):
    """A letter that went out. The id is immutable: it holds for the draft and for the copy in Sent Items."""

    kind: str
    message_id: str
    conversation_id: str = ""


async def send_letter(reference: str, letter: Letter) -> SentMail:
    """Send a letter once: drafted with its key, then sent by the draft's immutable id (graph.md §4.2).

    Two steps, because a mail on its way may for a moment be neither among the drafts nor in Sent Items: after the
    draft is known, nothing is looked for by key any more, and no second draft can be made.
    """
    drafted = await draft_letter(reference, letter)
    return await send_draft(reference, drafted)


@step(key=lambda reference, letter: for_whom(reference, letter.kind))
async def draft_letter(reference: str, letter: Letter) -> SentMail:
    """Find the mail by its key, sent or still a draft, or make the draft."""
    mail = office().mail
    key = f"{reference}/{letter.kind}"
    found = await mail.find_by_key(key)
    there = next((ref for ref in found if not ref.is_draft), None) or next(iter(found), None)
    if there is None:
        there = await mail.create_draft(
            OutgoingMail(
                key=key,
                subject=f"{letter.subject} [{reference}]",
                html=letter.html(reference),
                to=tuple(dict.fromkeys(person.email for person in letter.to)),
                cc=tuple(dict.fromkeys(person.email for person in letter.cc)),
                reply_to=(letter.from_person.email,) if letter.from_person and not letter.answers_here else (),
            )
        )
    return SentMail(kind=letter.kind, message_id=there.id, conversation_id=there.conversation_id)


@step(key=lambda reference, drafted: for_whom(reference, drafted.kind))
async def send_draft(reference: str, drafted: SentMail) -> SentMail:
    """Send a draft, unless it went out already; one that can't be seen yet is on its way."""
    mail = office().mail
    try:
        there = await mail.message(drafted.message_id)
    except NotFound:
        if await mail.find_by_key(f"{reference}/{drafted.kind}"):
            return drafted
        raise Unavailable("Graph mail", f"the mail {drafted.kind} is on its way to Sent Items") from None
    if there.is_draft:
        try:
            await mail.send(drafted.message_id)
        except Refused:  # another run of this procedure was faster, or it really can't be sent
            if await is_still_a_draft(drafted):
                raise
    return drafted


async def is_still_a_draft(drafted: SentMail) -> bool:
    """Whether a mail that could not be sent lies there unsent; one that can't be seen is on its way."""
    try:
        return (await office().mail.message(drafted.message_id)).is_draft
    except NotFound:
        return False


class WhenSent(Frozen):
    """A mail that went out, as the mailbox shows it: when, and the conversation that answers to it belong to."""

    at: datetime
    internet_message_id: str
    conversation_id: str


@step(key=lambda reference, mail: mail.kind)
async def when_sent(reference: str, mail: SentMail) -> WhenSent:
    """Read a sent mail back. One that is still on its way is `Unavailable`, and looked for again."""
    try:
        there = await office().mail.message(mail.message_id)
    except NotFound:
        there = None
    if there is None or there.is_draft or there.sent_at is None:
        raise Unavailable("Graph mail", f"the mail {mail.kind} is on its way to Sent Items")
    return WhenSent(
        at=there.sent_at, internet_message_id=there.internet_message_id, conversation_id=there.conversation_id
    )


class FiledMail(Frozen):
    """A confirmation in its folder."""

    message_id: str
    subject: str


@step(key=lambda order_id, names, since, look: f"{order_id}-{look}")
async def file_order_confirmations(
    order_id: str, names: tuple[str, ...], since: datetime, look: str
) -> tuple[FiledMail, ...]:
    """Move Pax8's confirmations of an order to their folder; empty when none has come yet (P14).

    `look` tells one look from the next.
    """
    return await move_confirmations(order_id, names, since)


async def move_confirmations(order_id: str, names: tuple[str, ...], since: datetime) -> tuple[FiledMail, ...]:
    """Find and move them: by the sender rule, and the order's id, or else the customer with a product.

    `names`: the customer first, then the products. The mail that brings an admin password is never touched (P7).
    """
    return await file_among(await mails_of_orders(since), order_id, names, since)


async def mails_of_orders(since: datetime) -> list[Message]:
    """What the distributor has sent since then and a little before, with what the mails say: a call for a hundred."""
    return await office().mail.messages(sender=office().settings.order_mail_sender, since=since - EARLY, bodies=True)


async def file_among(
    arrived: Sequence[Message], order_id: str, names: tuple[str, ...], since: datetime
) -> tuple[FiledMail, ...]:
    """As `move_confirmations`, among mails that have been read already."""
    customer, *products = names
    filed = []
    for message in arrived:
        if (message.received_at or since) < since - EARLY:
            continue
        body = message.body or (await office().mail.message(message.id)).body
        text = f"{message.subject}\n{body.content if body else ''}"
        if "password" in text.casefold():
            continue
        if order_id in text or (customer in text and any(product in text for product in products)):
            folder = await office().mail.folder(office().settings.order_mail_folder, create=True)
            await office().mail.move(message.id, folder)
            filed.append(FiledMail(message_id=message.id, subject=message.subject))
    return tuple(filed)
