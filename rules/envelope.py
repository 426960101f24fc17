"""An envelope as it was read from DocuSign at one moment, and what that reading means."""

from collections.abc import Iterable

from pydantic import AwareDatetime, Field

from rules.events import Declined, Expired, Signed, SignerBounced, Voided
from rules.order import Frozen

REFERENCE_FIELD = "countersign_ref"
RUN_FIELD = "countersign_run"
EDITION_FIELD = "countersign_edition"
EXPIRED_REASON = "envelope has expired"


class SignerReading(Frozen):
    """One signer as read. `status` is DocuSign's, lower case (docusign.md §5)."""

    role: str
    name: str
    email: str
    status: str
    signed_at: AwareDatetime | None = None
    declined_reason: str = ""
    bounced_reason: str = ""


class EnvelopeReading(Frozen):
    """What DocuSign said of one envelope at `read_at`. Made from DocuSign's own answer only, never from a form.

    `edition`: which agreement of its reference it is, from 1; the next one is drafted where the terms change under way.
    """

    envelope_id: str
    status: str
    read_at: AwareDatetime
    sent_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None
    voided_reason: str = ""
    reference: str = ""
    run_id: str = ""
    edition: int = 1
    signers: tuple[SignerReading, ...] = ()
    fields: dict[str, str] = Field(default_factory=dict)

    @property
    def is_completed(self) -> bool:
        """Signed by everybody: the only state that counts as a signed agreement (N5)."""
        return self.status == "completed" and self.completed_at is not None

    def signers_of(self, role: str) -> tuple[SignerReading, ...]:
        return tuple(signer for signer in self.signers if signer.role == role)


def customer_signed(reading: EnvelopeReading, client_role: str) -> bool:
    """Whether the customer has done their part: everybody in that role has signed, or the envelope is completed.

    Of use against ending a bridge (B7), never for ordering: a completion without its time counts here too, and so
    does a signature on an envelope that was voided later. Of several envelopes ask `signed_by_customer`.
    """
    signers = reading.signers_of(client_role)
    return reading.status == "completed" or (bool(signers) and all(one.status == "completed" for one in signers))


def is_dead(reading: EnvelopeReading) -> bool:
    """Whether nobody can sign it any more: declined, voided, expired (a void with a reason) or deleted."""
    return reading.status in ("declined", "voided", "deleted")


def in_force(readings: Iterable[EnvelopeReading]) -> tuple[EnvelopeReading, ...]:
    """The envelopes that say whether the customer has signed: all but the dead that a later edition replaced (B7, Y4).

    Who signed annual, and changed his mind before ours had, has signed nothing: what counts is the monthly one. One
    that is dead without another in its place still counts, so that our own no ends nothing.
    """
    every = tuple(readings)
    last: dict[str, int] = {}
    for one in every:
        last[one.reference] = max(one.edition, last.get(one.reference, one.edition))
    return tuple(one for one in every if not (one.reference and is_dead(one) and one.edition < last[one.reference]))


def signed_by_customer(readings: Iterable[EnvelopeReading], client_role: str) -> bool:
    """Whether the customer has signed any of these envelopes that is still in force (B7)."""
    return any(customer_signed(one, client_role) for one in in_force(readings))


def is_only_an_earlier_one_signed(readings: Iterable[EnvelopeReading]) -> bool:
    """Whether an agreement is complete that a later edition had replaced, while the latest isn't: two papers (I3)."""
    every = tuple(readings)
    latest = max((one.edition for one in every), default=1)
    complete = [one for one in every if one.is_completed]
    return bool(complete) and all(one.edition < latest for one in complete)


EnvelopeEvent = Signed | Declined | Voided | Expired | SignerBounced


def event_of(reading: EnvelopeReading) -> EnvelopeEvent | None:
    """What has become of the envelope, or None while it is still out.

    An expiry is a void with DocuSign's own reason (docusign.md §4.4). A bounced signer leaves the envelope `sent`,
    so it is read from the signers. `deleted` counts as voided: somebody took it away.
    """
    if reading.is_completed and reading.completed_at is not None:
        return Signed(envelope_id=reading.envelope_id, at=reading.completed_at)
    if reading.status == "declined":
        decliner = next((s for s in reading.signers if s.status == "declined"), None)
        return Declined(
            envelope_id=reading.envelope_id,
            by=decliner.email if decliner else "",
            reason=decliner.declined_reason if decliner else "",
        )
    if reading.status in ("voided", "deleted"):
        if EXPIRED_REASON in reading.voided_reason.casefold():
            return Expired(envelope_id=reading.envelope_id)
        reason = reading.voided_reason or ("deleted in DocuSign" if reading.status == "deleted" else "")
        return Voided(envelope_id=reading.envelope_id, reason=reason)
    bounced = next((s for s in reading.signers if s.status == "autoresponded"), None)
    if bounced is not None:
        return SignerBounced(envelope_id=reading.envelope_id, signer=bounced.email, reason=bounced.bounced_reason)
    return None
