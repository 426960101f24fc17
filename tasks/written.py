"""A customer's written word: found in the mailbox and on the ticket, read back, and filed (B3, decision 2)."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime

from rules.people import same_address
from rules.written import OnTicket, Written, WrittenKind
from tasks.office import office
from tasks.step import step
from vendors.autotask import Contact, TicketNote
from vendors.errors import NotFound
from vendors.graph import Message

MAIL, NOTE, ATTACHED = "mail", "note", "attached"
CLOCK_SKEW = timedelta(minutes=5)


class NoSuchEvidence(Exception):
    """What was named is not there (any more), or can't be read as a message. Says what to do."""


async def read_written(evidence: str, request: OnTicket) -> Written:
    """Read one piece of evidence fresh, wherever it lies. Raises `NoSuchEvidence`."""
    kind, _, source_id = evidence.partition(":")
    if kind == MAIL:
        try:
            return await as_read(await office().mail.message(source_id), request)
        except NotFound:
            raise NoSuchEvidence("the mail is not in the shared mailbox any more: move it back (B3).") from None
    if not source_id.isdecimal():
        raise NoSuchEvidence(f"'{evidence}' names no mail, note or attached message (B3).")
    if kind == NOTE:
        contacts = await office().autotask.contacts(request.customer.autotask_id)
        note = next((n for n in await office().autotask.notes(request.ticket_id) if n.id == int(source_id)), None)
        if note is None:
            raise NoSuchEvidence(f"ticket {request.ticket_number} has no note {source_id} (B3).")
        return note_as_read(note, contacts)
    if kind == ATTACHED:
        return await attached_as_read(int(source_id), request)
    raise NoSuchEvidence(f"'{evidence}' names no mail, note or attached message (B3).")


async def candidates(
    request: OnTicket, senders: tuple[str, ...], since: datetime, *conversations: str
) -> list[tuple[str, Written]]:
    """Everything that may be a customer's word since then, oldest first, each with its name as evidence.

    Mails of those senders and, from whomever, in those conversations; notes by contacts and attached messages on the
    ticket. A message delivered or attached twice is one; of a mail and a copy that was attached the mail counts.
    """
    found: list[tuple[str, Written]] = []
    mail = office().mail
    listed = [one for sender in senders for one in await mail.messages(sender=sender, since=since)]
    for conversation in filter(None, conversations):
        listed += await mail.messages(conversation_id=conversation, since=since)
    for one in {one.id: one for one in listed}.values():
        if not one.is_draft and not same_address(one.sender, office().settings.shared_mailbox):
            found.append((f"{MAIL}:{one.id}", await as_read(await mail.message(one.id), request)))
    contacts = await office().autotask.contacts(request.customer.autotask_id)
    for note in await office().autotask.notes(request.ticket_id):
        if note.created_by_contact_id is not None and note.created_at is not None and note.created_at >= since:
            found.append((f"{NOTE}:{note.id}", note_as_read(note, contacts)))
    for attachment in await office().autotask.attachments(request.ticket_id):
        if attachment.file_name.casefold().endswith(".eml"):
            try:
                written = await attached_as_read(attachment.id, request)
            except NoSuchEvidence:
                continue
            if written.received_at >= since:
                found.append((f"{ATTACHED}:{attachment.id}", written))
    known: dict[str, tuple[str, Written]] = {}
    for name, written in sorted(found, key=lambda one: one[1].kind is not WrittenKind.MAIL):
        known.setdefault(written.authority_id, (name, written))
    return sorted(known.values(), key=lambda one: one[1].received_at)


def customer_folder(request: OnTicket) -> tuple[str, ...]:
    """The customer's folder in the shared mailbox, level by level: a name may hold slashes (B3)."""
    root = [part for part in office().settings.customer_mail_folder.split("/") if part.strip()]
    return (*root, request.customer.name)


@step(key=lambda evidence, request: evidence)
async def file_evidence(evidence: str, request: OnTicket) -> str:
    """Put a mail into the customer's folder, where it counts as evidence; others lie where they are (B3)."""
    kind, _, source_id = evidence.partition(":")
    if kind == MAIL:
        folder = await office().mail.folder(customer_folder(request), create=True)
        await office().mail.move(source_id, folder)
    return evidence


async def as_read(message: Message, request: OnTicket) -> Written:
    """A mail as evidence."""
    now, mailbox = office().clock.now(), office().settings.shared_mailbox
    try:
        filed = message.parent_folder_id == await office().mail.folder(customer_folder(request))
    except NotFound:
        filed = False
    return Written(
        kind=WrittenKind.MAIL,
        source_id=message.id,
        stable_id=message.internet_message_id or message.id,
        sender=message.sender,
        sender_name=message.sender_name,
        received_at=message.received_at or now,
        read_at=now,
        subject=message.subject,
        own_text=message.unique_text or "",
        whole_text=message.body.content if message.body else "",
        conversation_id=message.conversation_id,
        automatic=message.is_automatic,
        authenticated=message.is_authenticated,
        from_us=message.is_draft or same_address(message.sender, mailbox),
        filed=filed,
    )


def note_as_read(note: TicketNote, contacts: list[Contact]) -> Written:
    """A ticket note as evidence: Autotask names the contact who wrote it, or it is one of ours."""
    now = office().clock.now()
    author = next((c for c in contacts if c.id == note.created_by_contact_id), None)
    return Written(
        kind=WrittenKind.NOTE,
        source_id=str(note.id),
        stable_id=f"note:{note.id}",
        sender=author.email if author is not None else "",
        sender_name=author.name if author is not None else "",
        received_at=(note.created_at or now).astimezone(UTC),
        read_at=now,
        subject=note.title,
        own_text=note.description,
        whole_text=note.description,
        from_us=not is_the_contacts_own(note),
        filed=True,
    )


def is_the_contacts_own(note: TicketNote) -> bool:
    """Whether Autotask names a contact as its creator, and nobody of ours beside them, then or later (B3)."""
    ours = (note.creator_resource_id, note.impersonator_resource_id)
    return note.created_by_contact_id is not None and ours == (None, None) and not was_changed(note)


def was_changed(note: TicketNote) -> bool:
    """Whether a note was changed after it was written: then its words are not the contact's for certain."""
    if note.created_at is None or note.last_activity_at is None:
        return False
    return note.last_activity_at - note.created_at > timedelta(minutes=1)


async def attached_as_read(attachment_id: int, request: OnTicket) -> Written:
    """The customer's own message that was attached to the ticket, as evidence (B3). Raises `NoSuchEvidence`.

    What counts as received is what the message itself says; one that claims to be from later than it was attached
    can't be read.
    """
    attachments = await office().autotask.attachments(request.ticket_id)
    known = next((one for one in attachments if one.id == attachment_id), None)
    if known is None:
        raise NoSuchEvidence(f"ticket {request.ticket_number} has no attachment {attachment_id} (B3).")
    data = await office().autotask.attachment_content(request.ticket_id, attachment_id)
    message = message_from_bytes(data, policy=policy.default)
    received = when_received(message)
    if received is None or not parseaddr(str(message["From"] or ""))[1]:
        raise NoSuchEvidence(f"attachment {attachment_id} is no message with sender and date; attach the .eml (B3).")
    if known.attached_at is not None and received > known.attached_at + CLOCK_SKEW:
        raise NoSuchEvidence(f"attachment {attachment_id} is dated after the day on which it was attached (B3).")
    name, sender = parseaddr(str(message["From"]))
    body = message.get_body(preferencelist=("plain", "html"))
    text = str(body.get_content()) if body is not None else ""
    automatic = str(message["Auto-Submitted"] or "no").split(";")[0].strip().lower() != "no"
    return Written(
        kind=WrittenKind.ATTACHED,
        source_id=str(attachment_id),
        stable_id=str(message["Message-ID"] or f"attachment:{attachment_id}").strip(),
        sender=sender,
        sender_name=name,
        received_at=received,
        read_at=office().clock.now(),
        subject=str(message["Subject"] or ""),
        whole_text=text,
        automatic=automatic,
        from_us=same_address(sender, office().settings.shared_mailbox),
        filed=True,
    )


def when_received(message: EmailMessage) -> datetime | None:
    """When a message came in: by the last server that took it, else by its own date."""
    received = message.get_all("Received") or []
    for text in [str(one).rpartition(";")[2] for one in received[:1]] + [str(message["Date"] or "")]:
        try:
            found = parsedate_to_datetime(text.strip())
        except ValueError:
            continue
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    return None
