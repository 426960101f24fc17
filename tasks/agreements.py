"""The agreement in DocuSign: drafted, corrected, sent, looked at, read as evidence, voided (N4, N5)."""

import contextlib
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from rules.agreement import AgreementTerms, Difference, Paper, UnreadablePaper, compare, price_text, read_paper
from rules.authority import SignedAgreement, SignerDecision
from rules.envelope import EDITION_FIELD, REFERENCE_FIELD, RUN_FIELD, EnvelopeReading, SignerReading, event_of
from rules.events import Event
from rules.order import Frozen
from rules.refusal import refuse
from rules.request import CheckedRequest
from tasks.case import Case
from tasks.contacts import authorised_contacts
from tasks.office import office
from tasks.runs import runs_tagged
from tasks.step import step
from vendors.docusign import Envelope, EnvelopeDraft, RoleAssignment
from vendors.errors import NotFound, Unavailable, VendorError
from vendors.errors import Refused as VendorRefused

CUSTOMER_SIGNED = "customer-signed"
AWAITED = "envelope-awaited"
"""The tag of a run whose wait ends with what becomes of its envelope."""
TAG = "envelope:"
"""Of a run: the envelope that it has drafted or was given."""
LOOK_EVERY = timedelta(minutes=15)
BRIDGE_DAYS = 31
FIND_SINCE = timedelta(days=400)
NAMESPACE = uuid.UUID("3a8c1c5e-6f0b-4a57-9d3c-7f6f0a1b2c3d")


class DraftedEnvelope(Frozen):
    """An envelope of this procedure. `by_hand`: contracts made it from our template, and it was given."""

    envelope_id: str
    by_hand: bool = False


def transaction_of(reference: str, edition: int = 1) -> str:
    """DocuSign's transaction id for a procedure's envelope: the same at every attempt (docusign.md §10)."""
    return str(uuid.uuid5(NAMESPACE, edition_of(reference, edition)))


def edition_of(reference: str, edition: int) -> str:
    """What tells a procedure's agreements apart: the first is the reference itself."""
    return reference if edition == 1 else f"{reference}#{edition}"


@step(key=lambda request: edition_of(request.reference, request.edition))
async def draft_agreement(request: CheckedRequest) -> DraftedEnvelope:
    """Make the draft, once: found by transaction id or custom field, else created; a draft mails nobody (N4).

    The second look, by custom field, is for the time after the transaction id's seven days.
    """
    docusign, settings, terms = office().docusign, office().settings, request.terms
    transaction = transaction_of(request.reference, request.edition)
    found = await docusign.find_by_transaction(transaction)
    if not found:
        since = office().clock.now() - FIND_SINCE
        found = await docusign.find_by_custom_field(REFERENCE_FIELD, request.reference, since)
        found = [one for one in found if one.custom_fields.get(EDITION_FIELD, "1") == str(request.edition)]
    live = [one for one in found if one.status not in ("deleted",)]
    if live:
        return DraftedEnvelope(envelope_id=live[0].envelope_id)
    draft = EnvelopeDraft(
        template_id=settings.template_for(request.term.value),
        subject=subject_of(settings.msp_name, request),
        blurb=f"Please sign the subscription agreement for {request.what}. Questions: "
        f"{request.requester.name}, {request.requester.phone or request.requester.email}.",
        transaction_id=transaction,
        custom_fields={
            REFERENCE_FIELD: request.reference,
            RUN_FIELD: request.run_id,
            **({EDITION_FIELD: str(request.edition)} if request.edition > 1 else {}),
        },
        roles=(
            RoleAssignment(
                role_name=settings.templates.client_role,
                name=request.signer.name,
                email=request.signer.email,
                routing_order=1,
                tabs=terms.fields(settings.templates.rows),
            ),
            RoleAssignment(
                role_name=settings.templates.msp_role,
                name=settings.msp_signer.name,
                email=settings.msp_signer.email,
                routing_order=2,
            ),
        ),
        expire_after_days=life_of(request),
    )
    return DraftedEnvelope(envelope_id=await docusign.create_draft(draft))


def life_of(request: CheckedRequest) -> int:
    """After how many days the agreement expires: a bridge's outlives the bridge (Y6)."""
    settings = office().settings
    return settings.envelope_life_days if request.bridge is None else BRIDGE_DAYS + settings.bridge_envelope_days


def subject_of(msp: str, request: CheckedRequest) -> str:
    """The envelope's mail subject: at most 100 characters, longer ones are an error at DocuSign (docusign.md §4.1)."""
    subject = f"{msp}: subscription agreement {request.reference}"
    return subject if len(subject) <= 100 else f"Subscription agreement {request.reference}"


async def check_given_envelope(request: CheckedRequest, terms: AgreementTerms) -> None:
    """An envelope made by hand counts only if its fields carry our labels and say what was asked for (N4).

    Raises `Refused` naming what is wrong with it; nothing has been changed then.
    """
    envelope = await office().docusign.envelope_with_tabs(request.given_envelope)
    reading = read_envelope(envelope, office().clock.now())
    field, way_out = "envelope", "Correct it in DocuSign, or leave the field empty: the draft is then made for you."
    if reading.reference and reading.reference != request.reference:
        raise refuse(field, "N4", f"this envelope belongs to {reading.reference}.", "Give another, or none.")
    if event_of(reading) is not None and not reading.is_completed:
        raise refuse(field, "N4", f"this envelope is '{reading.status}'.", "Give another, or none.")
    try:
        paper = read_paper(reading.fields)
    except UnreadablePaper as unreadable:
        raise refuse(field, "N4", f"its fields can't be read as our agreement: {unreadable}.", way_out) from None
    wrong = [str(d) for d in differences(terms, paper)]
    if not reading.signers_of(office().settings.templates.client_role):
        wrong.append(f"nobody signs in the role '{office().settings.templates.client_role}'")
    if wrong:
        raise refuse(field, "N4", "it doesn't say what was asked for: " + "; ".join(wrong) + ".", way_out)


@step(key=lambda request: request.given_envelope)
async def adopt_envelope(request: CheckedRequest) -> DraftedEnvelope:
    """Write our reference into an envelope made by hand; a completed one can't be written to, and keeps none."""
    docusign, envelope_id = office().docusign, request.given_envelope
    envelope = await docusign.envelope(envelope_id)
    if envelope.status in ("created", "sent", "delivered", "signed"):
        for name, value in ((REFERENCE_FIELD, request.reference), (RUN_FIELD, request.run_id)):
            await docusign.set_custom_field(envelope_id, name, value)
    return DraftedEnvelope(envelope_id=envelope_id, by_hand=True)


class PricesSet(Frozen):
    """The draft says these prices now."""

    prices: dict[str, Decimal]


@step(key=lambda envelope_id, request, round_: f"{envelope_id}-{round_}")
async def correct_draft(envelope_id: str, request: CheckedRequest, round_: int) -> PricesSet:
    """Write the request's prices onto the draft (N4). One that went out says what was released, and stays so."""
    docusign, settings = office().docusign, office().settings
    envelope = await docusign.envelope(envelope_id)
    signer = next(s for s in envelope.signers if s.role_name == settings.templates.client_role)
    fields = request.terms.fields(settings.templates.rows)
    prices = {label: value for label, value in fields.items() if label.startswith("UnitPrice")}
    if envelope.status == "created":
        await docusign.set_tabs(envelope_id, signer.recipient_id, prices)
    return PricesSet(prices={line.product_name: line.unit_price for line in request.terms.lines})


async def differences_on_draft(envelope_id: str, terms: AgreementTerms) -> tuple[str, ...]:
    """What somebody changed on the draft by hand, against what was asked for (N4)."""
    reading = read_envelope(await office().docusign.envelope_with_tabs(envelope_id), office().clock.now())
    try:
        return tuple(str(d) for d in differences(terms, read_paper(reading.fields)))
    except UnreadablePaper as unreadable:
        return (str(unreadable),)


def differences(terms: AgreementTerms, paper: Paper) -> tuple[Difference, ...]:
    """How a paper differs from the terms."""
    return compare(terms, paper)


@step(key=lambda envelope_id: envelope_id)
async def is_out(envelope_id: str) -> bool:
    """Whether the envelope left the draft's state before this procedure released it (made and sent by hand)."""
    return (await office().docusign.envelope(envelope_id)).status != "created"


@step(key=lambda envelope_id, request, round_: f"{envelope_id}-{round_}")
async def compare_draft(envelope_id: str, request: CheckedRequest, round_: int) -> tuple[str, ...]:
    """What the draft says differently from what was asked for, at the moment of its release (N4)."""
    return await differences_on_draft(envelope_id, request.terms)


class SentEnvelope(Frozen):
    """The agreement went out at that time."""

    envelope_id: str
    sent_at: datetime


@step(key=lambda envelope_id: envelope_id)
async def send_agreement(envelope_id: str) -> SentEnvelope:
    """Send the draft; one that went out already is left alone. Naturally repeatable (docusign.md §10)."""
    docusign = office().docusign
    envelope = await docusign.envelope(envelope_id)
    if envelope.status == "created":
        await docusign.send(envelope_id)
        envelope = await docusign.envelope(envelope_id)
    return SentEnvelope(envelope_id=envelope_id, sent_at=envelope.sent_at or office().clock.now())


async def read_envelopes_of(reference: str, envelope_id: str, run_id: str) -> tuple[EnvelopeReading, ...]:
    """Every envelope of a procedure, read fresh one by one: the given one, those that its run has drafted, and
    whatever DocuSign's index, which may lag, shows for its reference (B7).

    `run_id`: the procedure's own run, which may be gone. An envelope that bears another reference, or none, is nobody's
    evidence here, whoever gave its id. Where one can't be read by itself, DocuSign's list is the second way; raises
    what the vendor's client raises. One that DocuSign doesn't know is left out where a later one stands in its place:
    a deleted draft (docusign.md §5).
    """
    docusign, now = office().docusign, office().clock.now()
    found = await docusign.find_by_custom_field(REFERENCE_FIELD, reference, now - FIND_SINCE)
    given, drafted = [envelope_id] if envelope_id else [], await drafted_by(run_id, reference)
    ids = dict.fromkeys([*given, *drafted, *(one.envelope_id for one in found)])
    readings, unknown = [], list[NotFound]()
    for one in ids:
        try:
            readings.append(read_envelope(await docusign.envelope(one), office().clock.now()))
        except VendorError as error:
            listed = await docusign.envelopes([one])
            if listed:
                readings.append(read_envelope(listed[0], office().clock.now()))
            elif isinstance(error, NotFound):
                unknown.append(error)
            else:
                raise
    ours = tuple(reading for reading in readings if reading.reference == reference)
    if len(unknown) > replaced_and_unread(ours):
        raise unknown[0]
    return ours


def replaced_and_unread(readings: tuple[EnvelopeReading, ...]) -> int:
    """How many editions were followed by one of these, and are not among them."""
    read = {reading.edition for reading in readings}
    return max(read, default=0) - len(read)


async def drafted_by(run_id: str, reference: str) -> list[str]:
    """The envelopes that the procedure's own run bears as tags; those of all of its reference, where it is not known.

    By its id, for this is asked at every deadline: a question by tag reads every run that there is.
    """
    async with get_client() as client:
        try:
            runs = [await client.read_flow_run(uuid.UUID(run_id))]
        except (ObjectNotFound, ValueError):
            runs = [run async for run in runs_tagged([f"ref:{reference}"])]
    return [tag.removeprefix(TAG) for run in runs for tag in run.tags or [] if tag.startswith(TAG)]


async def look_at_envelope(case: Case, envelope_id: str, hinted: bool, at_once: bool = False) -> Event | None:
    """What has become of the envelope. At most one look in 15 minutes, unless DocuSign itself sent word (§9).

    `at_once`: at the cut-off, where the moment decides.
    """
    now = case.now()
    looks = case.journal.starting(f"looked-{envelope_id}-")
    last = max((datetime.fromisoformat(at) for at in looks.values()), default=None)
    if last is not None and not hinted and not at_once and timedelta(0) <= now - last < LOOK_EVERY:
        return None
    reading = read_envelope(await office().docusign.envelope(envelope_id), now)
    event = event_of(reading)
    customers = reading.signers_of(office().settings.templates.client_role)
    if event is None and customers and all(signer.status == "completed" for signer in customers):
        await case.journal.put(f"{CUSTOMER_SIGNED}-{envelope_id}", now.isoformat())
    if event is None:
        await case.journal.put(f"looked-{envelope_id}-{len(looks) + 1:04d}", now.isoformat())
    return event


def only_ours_was_missing(case: Case, envelope_id: str) -> bool:
    """Whether a look has found this very envelope signed by the customer, and not by us.

    Earlier runs kept it without the envelope's id: there it speaks of the first edition alone. For a
    later one such a key says nothing, and its next look keeps its own.
    """
    if case.journal.get(f"{CUSTOMER_SIGNED}-{envelope_id}") is not None:
        return True
    return case.request.edition == 1 and case.journal.get(CUSTOMER_SIGNED) is not None


def edition_in(custom_fields: Mapping[str, str]) -> int:
    """Which edition an envelope is, by its custom field. One that can't be read replaces nothing: it is the first."""
    said = custom_fields.get(EDITION_FIELD, "")
    return int(said) if said.isascii() and said.isdecimal() else 1


def read_envelope(envelope: Envelope, read_at: datetime) -> EnvelopeReading:
    """DocuSign's answer as the rules take it. Fields are those of the customer's role alone: what the customer saw.

    Several signers of that role whose fields differ make the paper unreadable, as they should.
    """
    fields: dict[str, str] = {}
    for signer in envelope.signers:
        if signer.role_name != office().settings.templates.client_role:
            continue
        for label, value in signer.tabs.items():
            fields[label] = value if fields.get(label, value) == value else f"{fields[label]} | {value}"
    return EnvelopeReading(
        envelope_id=envelope.envelope_id,
        status=envelope.status,
        read_at=read_at,
        sent_at=envelope.sent_at,
        completed_at=envelope.completed_at,
        voided_reason=envelope.voided_reason,
        reference=envelope.custom_fields.get(REFERENCE_FIELD, ""),
        run_id=envelope.custom_fields.get(RUN_FIELD, ""),
        edition=edition_in(envelope.custom_fields),
        signers=tuple(
            SignerReading(
                role=signer.role_name,
                name=signer.name,
                email=signer.email,
                status=signer.status,
                signed_at=signer.signed_at,
                declined_reason=signer.declined_reason,
                bounced_reason=signer.auto_responded_reason,
            )
            for signer in envelope.signers
        ),
        fields=fields,
    )


class NotSigned(Exception):
    """There is no completed agreement, whatever anybody said. Nothing is ordered (N5, Y1)."""


async def read_signed_agreement(
    envelope_id: str, request: CheckedRequest, decisions: tuple[SignerDecision, ...] = ()
) -> SignedAgreement:
    """The authority, read fresh from DocuSign and from where the customer's rights are kept; never cached (N5).

    Raises `NotSigned` unless DocuSign says `completed`, every field can be read, and the text above them isn't
    the other term's (Y1).
    """
    made_from = {template.template_id for template in await office().docusign.templates_of(envelope_id)}
    reading = read_envelope(await office().docusign.envelope_with_tabs(envelope_id), office().clock.now())
    rights = await authorised_contacts(request.customer.autotask_id, request.customer.itglue_id)
    try:
        agreement = SignedAgreement(
            reading=reading,
            client_role=office().settings.templates.client_role,
            may_sign=rights,
            signer_decisions=decisions,
        )
    except ValidationError as invalid:
        raise NotSigned("; ".join(str(error["msg"]) for error in invalid.errors())) from None
    templates = office().settings.templates
    if office().settings.template_for(agreement.paper.term.value) not in made_from:
        other = {templates.monthly, templates.annual} & made_from
        what = "from another term's template" if other else "from neither of our templates"
        raise NotSigned(f"the paper says {agreement.paper.term.value}, but was made {what} (Y1, N4)")
    return agreement


class Voided(Frozen):
    """What became of voiding: DocuSign's status afterwards."""

    envelope_id: str
    status: str


OVER = ("completed", "declined", "voided", "deleted")
"""Nobody signs an envelope in one of these any more (docusign.md §5)."""
DRAFT = "created"


class StillOpen(Unavailable):
    """An envelope can still be signed, or sent, although it was to be taken back: nothing may take its place yet."""

    what = "still has an agreement open that was to be taken back"


class StillADraft(StillOpen):
    """It was never sent, so it can't be voided (docusign.md §7); somebody can send it, until it is deleted."""


@step(key=lambda envelope_id, reason, replaced, unsent: envelope_id)
async def void_agreement(envelope_id: str, reason: str, replaced: bool = False, unsent: bool = False) -> Voided:
    """Take an envelope back, if it is still under way; a signature may have been faster (docusign.md §7).

    `replaced`: another agreement takes its place, so an unsent draft may not be left behind either. `unsent`: it is our
    own draft that never went out, so that one which DocuSign doesn't know any more was deleted (docusign.md §5). Raises
    `StillOpen` as long as it can still be signed, `StillADraft` as long as such a draft is there (I3).
    """
    docusign = office().docusign
    try:
        envelope = await docusign.envelope(envelope_id)
    except NotFound:
        if not unsent:
            raise
        return Voided(envelope_id=envelope_id, status="deleted")
    if envelope.status in ("sent", "delivered", "signed"):
        with contextlib.suppress(VendorRefused):  # finished in this very moment: the reading below says how
            await docusign.void(envelope_id, reason[:200])
        envelope = await docusign.envelope(envelope_id)
    if envelope.status == DRAFT and replaced:
        raise StillADraft("DocuSign", f"{envelope_id} is a draft, which can't be voided: delete it in DocuSign")
    if envelope.status not in (*OVER, DRAFT):
        raise StillOpen("DocuSign", f"{envelope_id} is '{envelope.status}' there; it is voided as soon as it can be")
    return Voided(envelope_id=envelope_id, status=envelope.status)


def prices_in_words(terms: AgreementTerms) -> tuple[tuple[str, str], ...]:
    """The lines with their prices, for mails and forms."""
    per = f"per seat, billed {terms.billing.value.lower()}"
    return tuple(
        (f"{line.seats} × {line.product_name}", f"{price_text(line.unit_price)} {terms.currency} {per}")
        for line in terms.lines
    )
