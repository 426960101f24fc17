"""Mail by the shared mailbox: each letter once, and Pax8's confirmations to their folder (P5, P14, P15)."""

from datetime import datetime, timedelta

from rules.order import Frozen
from tasks.letters import Letter
from tasks.office import office
from tasks.step import step
from vendors.graph import OutgoingMail


class SentMail(Frozen):
    """A letter that went out."""

    kind: str
    message_id: str
    conversation_id: str = ""


@step(key=lambda reference, letter: letter.kind)
async def send_letter(reference: str, letter: Letter) -> SentMail:
    """Send a letter once: found by its key, else drafted with it; then sent (graph.md §4.2).

    Killed between draft and send: the next attempt finds the draft. Killed after the send: it finds it sent.
    """
    mail = office().mail
    key = f"{reference}/{letter.kind}"
    found = await mail.find_by_key(key)
    sent = next((ref for ref in found if not ref.is_draft), None)
    if sent is None:
        draft = next((ref for ref in found if ref.is_draft), None)
        if draft is None:
            draft = await mail.create_draft(
                OutgoingMail(
                    key=key,
                    subject=f"{letter.subject} [{reference}]",
                    html=letter.html(reference),
                    to=tuple(dict.fromkeys(person.email for person in letter.to)),
                    cc=tuple(dict.fromkeys(person.email for person in letter.cc)),
                    reply_to=(letter.from_person.email,) if letter.from_person else (),
                )
            )
        await mail.send(draft.id)
        sent = draft
    return SentMail(kind=letter.kind, message_id=sent.id, conversation_id=sent.conversation_id)


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
    settings, mail = office().settings, office().mail
    folder = await mail.folder(settings.order_mail_folder, create=True)
    customer, *products = names
    filed = []
    for listed in await mail.messages(sender=settings.order_mail_sender, since=since - timedelta(minutes=5)):
        message = await mail.message(listed.id)
        text = f"{message.subject}\n{message.body.content if message.body else ''}"
        if "password" in text.casefold():
            continue
        if order_id in text or (customer in text and any(product in text for product in products)):
            await mail.move(message.id, folder)
            filed.append(FiledMail(message_id=message.id, subject=message.subject))
    return tuple(filed)
