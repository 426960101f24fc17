"""On what an order rests, and how that evidence is read again right before the write (decisions 1 and 2, I1)."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal, Protocol

from pydantic import ValidationError

from rules.authority import NotCovered, OrderAuthority, SignedAgreement, SignerDecision
from rules.bridge import REPLY_GOOD_FOR, TermsOffer
from rules.order import Frozen, LicenceOrder
from rules.people import AuthorisedContact, same_address
from rules.request import CheckedRequest
from rules.written import PersonsReading, Verdict, Written, WrittenConfirmation, judge
from tasks.agreements import read_signed_agreement
from tasks.contacts import authorised_contacts
from tasks.later_words import Heard, assert_last_word, later_words
from tasks.office import office
from tasks.written import read_written


class SignedPaper(Frozen):
    """An agreement in DocuSign, with contracts' decisions about who signed it (N5)."""

    kind: Literal["paper"] = "paper"
    envelope_id: str
    decisions: tuple[SignerDecision, ...] = ()

    @property
    def authority_id(self) -> str:
        return f"docusign:{self.envelope_id}"


class WrittenWord(Frozen):
    """The customer's written confirmation of our terms, and who read it where it isn't the offered sentence (B3).

    `evidence` says where it lies: `mail:<id>`, `note:<id>` or `attached:<id>`. `heard`: what was written since, and
    read.
    """

    kind: Literal["written"] = "written"
    evidence: str
    authority_id: str
    offer: TermsOffer
    reading: PersonsReading | None = None
    heard: Heard = Heard()


Basis = SignedPaper | WrittenWord


class ConfirmationTooOld(Exception):
    """The written confirmation is older than three business days: new terms must go out. Nothing was ordered (B5)."""


async def read_authority(basis: Basis, request: CheckedRequest) -> OrderAuthority:
    """The authority of an order, read fresh from its source; never cached (N5, B3).

    Raises `NotSigned`, `NotCovered`, `ConfirmationTooOld`: in each of these nothing was ordered. `WrittenAgain`, a
    `NotCovered` too, where the customer has written since what nobody has read.
    """
    if isinstance(basis, SignedPaper):
        return await read_signed_agreement(basis.envelope_id, request, basis.decisions)
    await assert_mailed(basis.offer, f"terms-{basis.offer.round}")
    written = await read_written(basis.evidence, request)
    rights = await authorised_contacts(request.customer.autotask_id, request.customer.itglue_id)
    good_until = office().settings.calendar.business_moment_after(written.received_at, REPLY_GOOD_FOR)
    if office().clock.now() > good_until:
        raise ConfirmationTooOld(
            f"the confirmation of {written.received_at:%Y-%m-%d %H:%M} UTC is older than {REPLY_GOOD_FOR} business days"
        )
    if written.authority_id != basis.authority_id:
        raise NotCovered(f"{basis.evidence} is not the message that was confirmed any more (B3).")
    try:
        confirmation = WrittenConfirmation(
            offer=basis.offer, written=written, may_confirm=rights, reading=basis.reading, good_until=good_until
        )
    except ValidationError as invalid:
        raise NotCovered("; ".join(str(error["msg"]) for error in invalid.errors())) from None
    await assert_last_word(request, written, basis.heard, rights, sentence_of(basis.offer, rights))
    return confirmation


async def unread_since(basis: WrittenWord, request: CheckedRequest) -> list[tuple[str, Written]]:
    """What the customer wrote since the confirmation, and nobody has read yet."""
    written = await read_written(basis.evidence, request)
    rights = await authorised_contacts(request.customer.autotask_id, request.customer.itglue_id)
    return await later_words(request, written, basis.heard, rights, sentence_of(basis.offer, rights))


def sentence_of(offer: TermsOffer, rights: tuple[AuthorisedContact, ...]) -> Callable[[Written], bool]:
    """Whether a message is the sentence that confirms these terms."""
    return lambda one: judge(one, offer, rights)[0] is Verdict.CONFIRMS


class Mailed(Protocol):
    """What was asked of a customer by mail."""

    @property
    def reference(self) -> str: ...

    @property
    def sent_at(self) -> datetime | None: ...

    @property
    def conversation_id(self) -> str: ...

    @property
    def what(self) -> str: ...

    @property
    def stand_in_the_mail(self) -> tuple[str, ...]: ...


async def assert_mailed(offer: Mailed, kind: str) -> None:
    """The terms must stand in the mail that went out, read fresh: a run's memory is no evidence of what was offered.

    Raises `NotCovered`.
    """
    mail = office().mail
    for ref in await mail.find_by_key(f"{offer.reference}/{kind}"):
        message = await mail.message(ref.id)
        said = " ".join(message.body.content.split()) if message.body else ""
        if (
            not message.is_draft
            and message.sent_at == offer.sent_at
            and message.conversation_id == offer.conversation_id
            and same_address(message.sender, office().settings.shared_mailbox)
            and all(one in said for one in offer.stand_in_the_mail)
        ):
            return
    raise NotCovered(f"the mail that went out asks for something else than {offer.what}, or is gone (B3, B5, S1)")


def who_gave(authority: OrderAuthority) -> tuple[str, ...]:
    """The mail addresses of the customer's people who gave an authority."""
    if isinstance(authority, SignedAgreement):
        return authority.signers
    return (authority.written.sender,) if isinstance(authority, WrittenConfirmation) else ()


def assert_mapped_products(authority: OrderAuthority, order: LicenceOrder) -> None:
    """A row made by hand without a product id is the product that the map names so, or none; raises `NotCovered`."""
    if not isinstance(authority, SignedAgreement):
        return
    ordered = {line.product_name: line.product_id for line in order.lines}
    for row in authority.paper.lines:
        mapped = office().settings.product_map.named(row.product_name)
        if not row.product_id and (mapped is None or mapped.product_id != ordered.get(row.product_name)):
            raise NotCovered(f"'{row.product_name}' was signed without an id, and the product map has another (N5).")
