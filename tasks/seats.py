"""More seats at Pax8: claimed, marked, written once, read back by the history; a dropped end booked again (S1, S4)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, ValidationError

from rules.authority import EndAuthority, NotCovered, why_invalid
from rules.endings import DroppedEnd
from rules.order import Frozen, Term
from rules.seats import (
    Acknowledged,
    Became,
    HeldSeats,
    SeatConfirmation,
    SeatRequest,
    SeatsNow,
    SeatsOffer,
    SeatsReading,
    chosen_by_sentence,
    what_became,
)
from rules.written import Written
from tasks import claims
from tasks.authority import assert_mailed
from tasks.contacts import authorised_contacts
from tasks.ending import EndNotAgreed, TermReading, book_end, is_booked, read_term
from tasks.later_words import Heard, assert_last_word, later_words
from tasks.markers import AuthorityUsed, free, holder
from tasks.office import office
from tasks.step import assert_run_is_ours, step
from tasks.tickets import add_marker
from tasks.written import NoSuchEvidence, read_written, was_changed
from vendors.autotask import TicketNote
from vendors.errors import Refused as VendorRefused
from vendors.errors import Unavailable, UnclearOutcome
from vendors.pax8 import Subscription

SURE = (NotCovered, NoSuchEvidence, AuthorityUsed, VendorRefused)
"""In each of these no seat was added."""


class UnclearSeats(Exception):
    """Somebody has changed the marker by which what became of the seats is judged: a person looks into Pax8."""


class SeatBasis(Frozen):
    """On what an increase rests: where the customer's word lies, what it was an answer to, who read or acknowledged.

    `heard`: what was written since, and read.
    """

    evidence: str
    authority_id: str
    offer: SeatsOffer
    choice: HeldSeats
    reading: SeatsReading | None = None
    acknowledged: Acknowledged | None = None
    heard: Heard = Heard()

    @property
    def subscription_id(self) -> str:
        return self.choice.subscription_id

    @property
    def before(self) -> int:
        return self.choice.seats

    @property
    def after(self) -> int:
        return self.offer.after(self.choice)

    def says_so(self, written: Written) -> bool:
        """Whether a message is the sentence that confirms this very increase."""
        return chosen_by_sentence(written, self.offer) == self.choice


class Kept(Frozen):
    """What the marker keeps: the increase, and how many former states Pax8's history showed right before it."""

    subscription_id: str
    before: int
    after: int
    snapshots: int

    @property
    def in_words(self) -> str:
        """As the marker's title says it."""
        return f"{self.before} → {self.after} seats of {self.subscription_id}"


class SeatsOutcome(Frozen):
    """What came of one attempt: written; another procedure holds the claim; or the seats are others than confirmed.

    `over`: the total that somebody else had made in the very moment, and that ours was made over. `was_booked`: the
    end that was booked right before ours, which the vendor may have dropped.
    """

    kind: Literal["written", "claimed", "changed"]
    holder: str = ""
    seats: int = 0
    over: int | None = None
    was_booked: AwareDatetime | None = None
    at: AwareDatetime


class Seen(Frozen):
    """A subscription and its history since the marker, as read just now."""

    became: Became
    seats: int
    over: int | None = None
    was_booked: AwareDatetime | None = None


@step(key=lambda request, basis, round_, attempt: f"{request.reference}-{round_}-{attempt}")
async def write_seats(request: SeatRequest, basis: SeatBasis, round_: int, attempt: int) -> SeatsOutcome:
    """Raise the seats of one subscription, once, on the customer's word (S1, I1).

    Claim, read, mark, read once more, write, read back. Cut off anywhere, the next attempt goes by the marker and by
    Pax8's history: what was made isn't made again, what wasn't is made only while the seats are those confirmed
    against. Raises one of `SURE`, among them `WrittenAgain`: no seat was added then, and claim and authority are free
    again. `Unavailable` where
    a read is refused that would say whether seats were added before, `UnclearSeats` where nothing can say it; the claim
    stands then.
    """
    now = office().clock.now()
    what = f"{basis.before} → {basis.after} seats"
    with unknown_where_refused():
        busy = await claims.claim(request, basis.subscription_id, what)
    if busy:
        return SeatsOutcome(kind="claimed", holder=busy, at=now)
    try:
        seen = await write_claimed(request, basis)
    except SURE as no:
        await claims.close(request, basis.subscription_id, done=False, what=type(no).__name__)
        raise
    if seen.became is Became.CHANGED:
        await claims.close(request, basis.subscription_id, done=False, what=f"{seen.seats} seats by now")
        return SeatsOutcome(kind="changed", seats=seen.seats, at=now)
    with unknown_where_refused():
        await claims.close(request, basis.subscription_id, done=True, what=what)
    return SeatsOutcome(kind="written", seats=seen.seats, over=seen.over, was_booked=seen.was_booked, at=now)


@contextmanager
def unknown_where_refused() -> Iterator[None]:
    """What is refused here says nothing about the seats, which may have been added: raises `Unavailable`."""
    try:
        yield
    except VendorRefused as refusal:
        raise Unavailable(refusal.vendor, f"what became of the seats isn't known: {refusal.message}") from None


async def write_claimed(request: SeatRequest, basis: SeatBasis) -> Seen:
    """Mark and write, under a claim. Nothing is written where the marker stands and Pax8 shows the change."""
    with unknown_where_refused():
        mine = await holder(basis.authority_id, request.reference)
    authority: SeatConfirmation | None = None
    if mine is None:
        there = await office().pax8.subscription(basis.subscription_id)
        if there.quantity != basis.before:
            return Seen(became=Became.CHANGED, seats=there.quantity)
        authority = await read_seat_authority(basis, request)
        authority.assert_covers_seats(basis.subscription_id, basis.before, basis.after)
        snapshots = len(await office().pax8.history(basis.subscription_id))
        there = await office().pax8.subscription(basis.subscription_id)  # after it: what changed between shows here
        if there.quantity != basis.before:
            return Seen(became=Became.CHANGED, seats=there.quantity)
        mine = await mark(request, basis, snapshots)
    kept = kept_of(mine)
    if (kept.subscription_id, kept.before, kept.after) != (basis.subscription_id, basis.before, basis.after):
        raise AuthorityUsed(f"{basis.authority_id} was {mine.title} (I1).")
    seen = await look(kept)
    if seen.became is Became.NOT_YET:
        seen = await put(request, basis, kept, authority)
    if seen.became is Became.CHANGED:
        await free(request, basis.authority_id, f"there are {seen.seats} seats, not {basis.before}")
    return seen


async def mark(request: SeatRequest, basis: SeatBasis, snapshots: int) -> TicketNote:
    """Record outside, before the write, what the word is used for; the audit reads the title (decision 1).

    `snapshots`: how many former states Pax8 showed while the seats were those confirmed against.
    """
    kept = Kept(subscription_id=basis.subscription_id, before=basis.before, after=basis.after, snapshots=snapshots)
    used_for = f"{request.reference}: {kept.in_words}"
    await add_marker(request.ticket_id, basis.authority_id, used_for, kept.model_dump_json())
    with unknown_where_refused():
        first = await holder(basis.authority_id, request.reference)
    if first is None:
        raise AuthorityUsed(f"{basis.authority_id} is held by nobody right after it was marked; a person must look")
    return first


async def put(request: SeatRequest, basis: SeatBasis, kept: Kept, authority: SeatConfirmation | None) -> Seen:
    """The write itself, read back. The same total twice changes nothing: what is unclear is looked at, then resent.

    An earlier write may land late: what doesn't allow another one frees nothing before its effect was looked for again.
    """
    try:
        if authority is None:
            with unknown_where_refused():
                authority = await read_seat_authority(basis, request)
        authority = authority.model_copy(update={"at": office().clock.now()})
        await assert_run_is_ours()
        await office().pax8.set_seats(basis.subscription_id, basis.before, basis.after, authority)
    except (NotCovered, NoSuchEvidence) as no:
        seen = await look(kept)
        if seen.became is Became.NOT_YET:
            await free(request, basis.authority_id, f"not written: {no}"[:150])
            raise
        return seen
    except VendorRefused as refusal:  # also: somebody has made it more than ours meanwhile, and fewer is refused
        seen = await look(kept)
        if seen.became is Became.NOT_YET:
            await free(request, basis.authority_id, f"Pax8 did not take it: {refusal.message}")
            raise
        return seen
    except UnclearOutcome:
        seen = await look(kept)
        if seen.became is Became.NOT_YET:
            raise
        return seen
    seen = await look(kept)
    if seen.became is Became.NOT_YET:
        raise Unavailable("Pax8", f"{basis.subscription_id} shows {basis.before} seats after the change was taken")
    return seen


async def look(kept: Kept) -> Seen:
    """What became of a marked increase, by the history since its marker and the seats now (pax8.md §7).

    Raises `Unavailable` also where Pax8 refuses to show them: seats may have been added, so nothing may be freed.
    """
    with unknown_where_refused():
        there = await office().pax8.subscription(kept.subscription_id)
        states = [*(await history_of(kept.subscription_id))[kept.snapshots :], there]
    totals = [one.quantity for one in states]
    became = what_became(kept.before, kept.after, totals)
    made = next((place for place, total in enumerate(totals) if total == kept.after), 0)
    earlier = states[made - 1] if made else None
    over = earlier.quantity if earlier is not None and became is Became.OVERWRITTEN else None
    return Seen(became=became, seats=there.quantity, over=over, was_booked=earlier.end if earlier is not None else None)


async def history_of(subscription_id: str) -> list[Subscription]:
    """Former states, oldest first, whatever order Pax8 gives them in."""
    history = await office().pax8.history(subscription_id)
    if all(one.updated is not None for one in history):
        history.sort(key=lambda one: one.updated)  # type: ignore[arg-type, return-value]
    return history


def kept_of(marker: TicketNote) -> Kept:
    """What a marker keeps. Raises `UnclearSeats` where somebody has changed it since it was written."""
    try:
        kept = Kept.model_validate(json.loads(marker.description))
    except ValueError:
        kept = None
    if kept is None or not marker.title.endswith(f": {kept.in_words}") or was_changed(marker):
        raise UnclearSeats(f"note {marker.id}, which says what was to be changed, has itself been changed by somebody")
    return kept


async def read_total(subscription_id: str) -> int:
    """How many seats Pax8 shows now."""
    return (await office().pax8.subscription(subscription_id)).quantity


@step(key=lambda request, basis, round_, added: f"{request.reference}-{round_}-{added}")
async def close_unclear(request: SeatRequest, basis: SeatBasis, round_: int, added: bool) -> bool:
    """A person has seen what became of the seats: others may change them again. Returns whether they were added."""
    what = f"{basis.before} → {basis.after} seats" if added else "not added, as a person saw"
    await claims.close(request, basis.subscription_id, done=added, what=what)
    return added


async def read_seat_authority(basis: SeatBasis, request: SeatRequest) -> SeatConfirmation:
    """The authority of an increase, every part of it read fresh from its source (S1 to S3).

    Raises `NotCovered`, and of that `WrittenAgain` where the customer has written since what nobody has read.
    """
    if basis.reading is None:
        await assert_mailed(basis.offer, f"seats-{basis.offer.round}")
    written = await read_written(basis.evidence, request)
    if written.authority_id != basis.authority_id:
        raise NotCovered(f"{basis.evidence} is not the message that was confirmed any more (B3).")
    rights = await authorised_contacts(request.customer.autotask_id, request.customer.itglue_id)
    there = await office().pax8.subscription(basis.subscription_id)
    now = office().clock.now()
    await assert_the_customers(request, there)
    try:
        confirmation = SeatConfirmation(
            offer=basis.offer,
            written=written,
            may_confirm=rights,
            not_before=evidence_since(),
            reading=basis.reading,
            acknowledged=basis.acknowledged,
            now=as_now(there, now),
            at=now,
        )
    except ValidationError as invalid:
        raise NotCovered(why_invalid(invalid)) from None
    await assert_last_word(request, written, basis.heard, rights, basis.says_so)
    return confirmation


async def unread_since(basis: SeatBasis, request: SeatRequest) -> list[tuple[str, Written]]:
    """What the customer wrote since the confirmation, and nobody has read yet."""
    written = await read_written(basis.evidence, request)
    rights = await authorised_contacts(request.customer.autotask_id, request.customer.itglue_id)
    return await later_words(request, written, basis.heard, rights, basis.says_so)


def evidence_since() -> datetime:
    """From when on a customer's written word counts for more seats (S1)."""
    return office().clock.now() - timedelta(days=office().settings.seat_evidence_days)


def as_now(there: Subscription, read_at: AwareDatetime) -> SeatsNow:
    """A subscription as the authority takes it."""
    term = there.commitment_term.term if there.commitment_term is not None else ""
    return SeatsNow(
        subscription_id=there.id,
        product_id=there.product_id,
        seats=there.quantity,
        status=there.status,
        term=next((one for one in Term if one.value == term), None),
        read_at=read_at,
    )


async def assert_the_customers(request: SeatRequest, there: Subscription) -> None:
    """Subscription, ticket and organisation must be those of the customer who confirms; raises `NotCovered` (I1)."""
    customer = request.customer
    company = await office().pax8.company(there.company_id)
    ticket = await office().autotask.ticket(request.ticket_id)
    organisation = await office().itglue.organisation_by_psa_id(customer.autotask_id)
    if (
        company.external_id != str(customer.autotask_id)
        or ticket.company_id != customer.autotask_id
        or ticket.number != request.ticket_number
        or organisation is None
        or organisation.id != customer.itglue_id
    ):
        raise NotCovered(f"{there.id}, the ticket or the rights are not those of {customer.name} (I1).")


@step(key=lambda request, basis: f"{request.reference}-{basis.subscription_id}")
async def book_dropped_end(request: SeatRequest, basis: SeatBasis) -> TermReading:
    """S4: book the end again that stood right before our own change of seats, if it is gone. Raises `EndNotAgreed`."""
    term = await read_term(basis.subscription_id)
    if is_booked(term) or term.term_end is None:
        return term
    marker = await holder(basis.authority_id, request.reference)
    if marker is None:
        raise EndNotAgreed(f"{basis.authority_id} has changed no seats (S4)")
    kept = kept_of(marker)

    async def dropped(term: TermReading) -> EndAuthority:
        states = [*(await history_of(kept.subscription_id))[kept.snapshots :]]
        then = next((one for one in reversed(states) if one.quantity == kept.before), None)
        if then is None or then.end is None or term.commitment_end is None:
            raise EndNotAgreed(f"Pax8's history shows no booked end of {kept.subscription_id} before the change (S4)")
        return DroppedEnd(
            seats_authority=basis.authority_id,
            subscription_id=kept.subscription_id,
            before=kept.before,
            after=kept.after,
            was=then.end,
            seats_then=then.quantity,
            seats_now=term.seats,
            is_booked=term.booked is not None,
            commitment_end=term.commitment_end,
            read_at=office().clock.now(),
            at=office().clock.now(),
        )

    return await book_end(basis.subscription_id, term.term_end, dropped)
