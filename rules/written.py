"""A customer's written word as it was read back, what it says by itself, and the authority made of it (B2, B3, B5)."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Protocol, Self

from pydantic import AwareDatetime, model_validator

from rules.agreement import price_text
from rules.authority import FRESH, NotCovered, ReadTooLongAgo, Somebody, built_again
from rules.bridge import OfferedLine, TermsOffer, bridge_reference
from rules.order import Billing, Filled, Frozen, LicenceOrder, OrderLine, Term
from rules.people import AuthorisedContact, same_address
from rules.request import Customer


class OnTicket(Protocol):
    """Whatever is asked for on a customer's ticket: there, and in the shared mailbox, a written word is looked for."""

    @property
    def reference(self) -> str: ...

    @property
    def customer(self) -> Customer: ...

    @property
    def ticket_id(self) -> int: ...

    @property
    def ticket_number(self) -> str: ...


class WrittenKind(StrEnum):
    """Where the word stands (B3)."""

    MAIL = "mail"
    NOTE = "note"
    ATTACHED = "attached message"


class Written(Frozen):
    """What somebody wrote, as Graph or Autotask gave it at `read_at`. Never made from a form.

    `source_id`: Graph's immutable id, or the note's or attachment's id. `stable_id`: the Internet message id of a
    mail, else `note:401` or `attachment:17`; it is what is used once. `own_text`: without what is quoted, empty
    where that is not known; `whole_text`: all of it. `authenticated`: the receiving server found the mail to be from
    its sender's domain (DMARC); of notes and attached messages nobody knows. `filed`: the mail lies in the customer's
    folder; notes and attached messages lie where they belong. `from_us`: one of ours wrote it.
    """

    kind: WrittenKind
    source_id: Filled
    stable_id: Filled
    sender: str
    sender_name: str = ""
    received_at: AwareDatetime
    read_at: AwareDatetime
    subject: str = ""
    own_text: str = ""
    whole_text: str
    conversation_id: str = ""
    automatic: bool = False
    authenticated: bool = False
    from_us: bool = False
    filed: bool = False

    @property
    def authority_id(self) -> str:
        """What stands on the marker: the same for every reading of the same message, whatever folder it lies in."""
        return f"written:{sha256(self.stable_id.casefold().encode()).hexdigest()[:32]}"

    @property
    def text_digest(self) -> str:
        """The digest that binds a person's reading to this very text."""
        return sha256(self.whole_text.encode()).hexdigest()

    @property
    def read_as(self) -> str:
        """What a person's reading of this very text is remembered by."""
        return f"{self.authority_id.removeprefix('written:')}-{self.text_digest[:12]}"

    @property
    def first_line(self) -> str:
        """The first line of its own that isn't blank, its blanks (non-breaking ones too) made single spaces."""
        return next((line for line in map(_plain, self.own_text.splitlines()) if line), "")


class PersonsReading(Frozen):
    """A named person read this very text in full and said that it confirms as sent (decision 2)."""

    by: Somebody
    at: AwareDatetime
    written_id: str
    text_digest: str


class Verdict(StrEnum):
    """What a written word is worth without a person."""

    CONFIRMS = "confirms"
    NEEDS_READING = "a person must read it"
    IS_NO_EVIDENCE = "is no evidence"


def judge(written: Written, offer: TermsOffer, may_confirm: tuple[AuthorisedContact, ...]) -> tuple[Verdict, str]:
    """What this text is worth for these terms, and why in one sentence; the reason is empty for CONFIRMS.

    It confirms by itself only as a mail in reply to ours whose own first line is the sentence that ours offers, and
    whose sender's domain was verified: anybody can write an authorised contact's address into `From`.
    """
    why_not = why_no_evidence(written, may_confirm)
    if why_not is not None:
        return Verdict.IS_NO_EVIDENCE, why_not
    if written.received_at <= offer.sent_at:
        return Verdict.IS_NO_EVIDENCE, "It is not newer than the terms that it would confirm (B3)."
    why_read = _why_read(written, offer)
    return (Verdict.NEEDS_READING, why_read) if why_read else (Verdict.CONFIRMS, "")


def why_no_evidence(written: Written, may_confirm: tuple[AuthorisedContact, ...]) -> str | None:
    """Why this is nobody's word for the customer, whatever it says; None when an authorised contact wrote it (B3)."""
    if written.automatic:
        return "It is an automatic message: nobody wrote it (B3)."
    if written.from_us:
        return "One of ours wrote it, not the customer (B3)."
    entries = _entries(written.sender, may_confirm)
    if not entries:
        return f"{written.sender or 'Its unknown sender'} is no authorised contact of the customer (B3)."
    if not all(contact.may_confirm for contact in entries):
        return f"{written.sender} may not confirm for the customer (B3)."
    return None


def is_later_word(one: Written, confirmed: Written, may_confirm: tuple[AuthorisedContact, ...]) -> bool:
    """Whether this came after the word that counts, from somebody who may confirm: it may take that word back."""
    return (
        one.authority_id != confirmed.authority_id
        and one.received_at >= confirmed.received_at
        and why_no_evidence(one, may_confirm) is None
    )


def why_not_read(written: Written, reading: PersonsReading) -> str | None:
    """Why a person's reading is none of this text; None when it is."""
    if reading.written_id != written.authority_id:
        return f"{reading.by} read another message (B3)"
    if reading.text_digest != written.text_digest:
        return f"the text is not the one that {reading.by} read (B3)"
    if reading.at < written.received_at:
        return f"{reading.by}'s reading is older than the message (B3)"
    return None


def _why_read(written: Written, offer: TermsOffer) -> str:
    if written.kind is not WrittenKind.MAIL:
        kind = "a ticket note" if written.kind is WrittenKind.NOTE else "an attached message"
        return f"It is {kind}: only a reply by mail confirms by itself (B3)."
    if not written.authenticated:
        return unverified(written)
    ours = [one for one in (offer.conversation_id, *offer.also_in) if one]
    if written.conversation_id not in ours:
        return "It is no reply to the mail with these terms (B5)."
    sentence, line = _plain(offer.sentence).casefold(), written.first_line.casefold()
    if line not in (sentence, f"{sentence}."):
        return "Its first line is not the sentence that our mail offers (B5)."
    return ""


def unverified(written: Written) -> str:
    """Why a mail does not count by itself, whatever it says (B3)."""
    return f"Nothing proves that it came from {written.sender}: the mail server did not verify its domain (B3)."


def _entries(address: str, contacts: tuple[AuthorisedContact, ...]) -> list[AuthorisedContact]:
    """Every entry with that address: where two disagree, the stricter one counts."""
    return [contact for contact in contacts if same_address(contact.email, address)]


def _plain(line: str) -> str:
    return " ".join(line.split())


_Line = tuple[str, str, int, Decimal]


def _lines(lines: Iterable[OfferedLine | OrderLine]) -> Counter[_Line]:
    """Lines as they are compared: one that stands there twice counts twice."""
    return Counter((one.product_id, one.product_name, one.seats, one.unit_price) for one in lines)


def _told(line: _Line) -> str:
    product_id, name, seats, price = line
    return f"{seats} × {name} ({product_id}) at {price_text(price)}"


class WrittenConfirmation(Frozen):
    """An authorised contact's confirmation of the terms that were mailed: it buys one month, nothing else (B2, Y1).

    It can't be built from a word that is no evidence, that lies outside the customer's folder, or that neither is
    the sentence offered nor was read in full by a named person. `good_until`: three business days after it came in
    (B5). All of it is looked at again before every yes.
    """

    offer: TermsOffer
    written: Written
    may_confirm: tuple[AuthorisedContact, ...]
    reading: PersonsReading | None = None
    good_until: AwareDatetime

    @model_validator(mode="after")
    def _only_from_a_confirmation(self) -> Self:
        verdict, why = judge(self.written, self.offer, self.may_confirm)
        if verdict is Verdict.IS_NO_EVIDENCE:
            raise ValueError(why)
        if verdict is Verdict.NEEDS_READING:
            if self.reading is None:
                raise ValueError(f"{why} Nobody has read it in full (B3).")
            why_not = why_not_read(self.written, self.reading)
            if why_not is not None:
                raise ValueError(why_not)
        if not self.written.filed:
            raise ValueError("it is not filed in the customer's folder (B3)")
        return self

    @property
    def authority_id(self) -> str:
        return self.written.authority_id

    def assert_covers(self, order: LicenceOrder) -> None:
        """Raise `NotCovered` unless exactly this month was confirmed in time; `ReadTooLongAgo` if not read just now."""
        one = built_again(
            self, f"The confirmation does not cover the order {order.reference} (B2). Nothing was ordered"
        )
        against = [*one._against_term(order), *one._against_moment(order), *one._against_words(order)]
        refusal: type[NotCovered] = NotCovered
        way_out = "Mail new terms, or wait for the agreement."
        if not timedelta(0) <= order.at - one.written.read_at <= FRESH:
            if not against:
                refusal, way_out = ReadTooLongAgo, "Read it again, and order then."
            against.append(f"it was read at {one.written.read_at:%Y-%m-%d %H:%M:%S} UTC, not just before ordering")
        if against:
            raise refusal(
                f"The confirmation of {one.written.sender} does not cover the order {order.reference} (B2): "
                + "; ".join(against)
                + f". Nothing was ordered. {way_out}"
            )

    def _against_term(self, order: LicenceOrder) -> list[str]:
        against = []
        if order.term is not Term.MONTHLY:
            against.append(f"a term of {order.term.value} was ordered: annual needs a signed agreement (Y1)")
        against += [
            f"{line.product_name} is bound for {line.commitment_term.value}: annual needs a signed agreement (Y1)"
            for line in order.lines
            if line.commitment_term is not Term.MONTHLY
        ]
        if order.billing is not Billing.MONTHLY:
            against.append(f"it is billed '{order.billing.value}', a bridge is billed by the month (B2)")
        return against

    def _against_moment(self, order: LicenceOrder) -> list[str]:
        against = []
        if self.reading is not None and self.reading.at > order.at:
            against.append(f"{self.reading.by}'s reading is from after the order")
        if order.at > self.good_until:
            against.append(f"it counted until {self.good_until:%Y-%m-%d %H:%M} UTC: new terms are due (B5)")
        if order.start is not None and order.start > order.order_day:
            against.append(f"a start on {order.start} lies ahead of {order.order_day}, a bridge begins at once (B2)")
        return against

    def _against_words(self, order: LicenceOrder) -> list[str]:
        against = []
        if order.reference != bridge_reference(self.offer.reference):
            against.append(f"it confirms {self.offer.reference}, and this is not its bridge")
        for name, said, wanted in (
            ("customer", self.offer.customer or order.customer, order.customer),
            ("ticket", self.offer.ticket or order.ticket, order.ticket),
            ("currency", self.offer.currency, order.currency),
        ):
            if said != wanted:
                against.append(f"{name}: confirmed '{said}', to be ordered '{wanted}'")
        offered, ordered = _lines(self.offer.lines), _lines(order.lines)
        against += [f"confirmed, not to be ordered: {_told(line)}" for line in (offered - ordered).elements()]
        against += [f"to be ordered, not confirmed: {_told(line)}" for line in (ordered - offered).elements()]
        for contact in _entries(self.written.sender, self.may_confirm):
            limit = contact.first_term_limit
            if limit is not None and order.first_term_value > limit:
                against.append(f"{contact.email} may confirm up to {price_text(limit)} {order.currency} only")
        return against
