"""A bridge that won't be signed: declined, voided, refused, withdrawn; it ends with its month (B7)."""

from datetime import timedelta
from typing import Any

from prefect.client.schemas.objects import State

from flows.bridge_by_hand import until_a_person_has_done_it
from flows.bridge_signed import SOON, signed_faster
from flows.decisions import in_words
from flows.meanwhile import Meanwhile
from rules.envelope import signed_by_customer
from rules.events import DeadlinePassed, Event, Signed
from rules.people import Person
from tasks import agreements, bridge_letters
from tasks.bridges import Bridge, all_booked, book_guard, close_the_bridge, has_guard, reminder_done, take_off_deadline
from tasks.case import Case, Ended
from tasks.ending import NOT_BOOKED, EndNotAgreed, TermReading, book_dead_end, read_term
from tasks.forms import LookForm
from tasks.office import office
from tasks.waiting import Wait, wait_for
from vendors.errors import NotFound

LATER = timedelta(hours=4)
DAY = timedelta(days=1)


async def will_not_be_signed(case: Case, paper: Meanwhile, bought: Bridge, event: Event) -> State[Any]:
    """Declined, voided, refused, withdrawn: the bridge is booked to end with its month, and the customer is told."""
    name, why, by = in_words(event)
    gone = await agreements.void_agreement(paper.envelope.envelope_id, why, unsent=not paper.is_out)
    if gone.status == "completed":
        seen = await agreements.look_at_envelope(case, paper.envelope.envelope_id, True)
        if isinstance(seen, Signed):
            await case.record("signed faster", "The customer signed in the same moment: signed binds.", by="DocuSign")
            return await signed_faster(case, paper, bought, seen)
    await case.record("no agreement", f"{name}: {why}", by=by)
    try:
        booked = [await book_dead(case, bought, one) for one in bought.ids.subscriptions]
    except (*NOT_BOOKED, NotFound) as unbooked:  # not found: the agreement was purged when it was taken back
        if await customer_had_signed(case, paper):
            what = (
                f"{name}: {why} But the customer has signed: agree with them, and have it signed anew or book its end"
            )
            return await until_a_person_has_done_it(case, bought, f"{what} in the Pax8 portal.")
        await case.record("end not booked yet", f"The deadline's run books it after the cut-off: {unbooked}")
        await tell_it_ends(case, bought, why)
        return await until_the_deadline(case, paper, bought, name, why)
    for one in booked:
        await book_guard(bought.ids, one.subscription_id, "dead", case.now() + DAY, one.term_end)
    await take_off_deadline(bought.ids.reference, f"{name}: the end is booked.")
    await tell_it_ends(case, bought, why)
    await reminder_done(case, bought, f"{name}: {why} Booked to end on {bought.dates.term_end}, read back.")
    await close_the_bridge(case)
    raise Ended(name, f"{why} The bridge is booked to end on {bought.dates.term_end}.")


async def customer_had_signed(case: Case, paper: Meanwhile) -> bool:
    """Whether the customer has signed an agreement that ours then took away: that cancels nothing (B7)."""
    kept = case.journal.get("customer-had-signed")
    if kept is None:
        role, readings = (
            office().settings.templates.client_role,
            await agreements.read_envelopes_of(case.reference, paper.envelope.envelope_id, str(case.run_id)),
        )
        kept = await case.journal.put("customer-had-signed", signed_by_customer(readings, role))
    return bool(kept)


async def book_dead(case: Case, bought: Bridge, subscription_id: str) -> TermReading:
    term = await read_term(subscription_id)
    if term.term_end is None:
        raise EndNotAgreed("Pax8 shows no end of its term")
    return await book_dead_end(bought.ids, subscription_id, term.term_end)


async def until_the_deadline(case: Case, paper: Meanwhile, bought: Bridge, name: str, why: str) -> State[Any]:
    """An agreement that could still be signed can't end the bridge: the deadline's run does, after the cut-off."""
    ids = bought.ids

    async def look(hinted: bool) -> Event | None:
        seen = await agreements.look_at_envelope(case, paper.envelope.envelope_id, hinted)
        if isinstance(seen, Signed):
            return seen
        return DeadlinePassed(at=case.now()) if await all_booked(ids.subscriptions) else None

    after = bought.dates.cut_off + SOON
    event = await wait_for(
        case,
        Wait(
            name="booked-by-deadline",
            awaited=Person(name="the deadline's run", email="signature-deadline"),
            what=f"The bridge's end is booked after the cut-off, {office().settings.calendar.in_words(after)}",
            form=LookForm,
            role="calendar",
            until=after if case.now() < after else case.now() + LATER,
            tags=(agreements.AWAITED,),
        ),
        look,
    )
    if isinstance(event, Signed):
        return await signed_faster(case, paper, bought, event)
    await close_the_bridge(case)
    raise Ended(name, f"{why} The bridge is booked to end on {bought.dates.term_end}.")


async def tell_it_ends(case: Case, bought: Bridge, why: str) -> None:
    """The customer, contracts, senior, requester and billing are told that the bridge ends (B7).

    Of lines whose own cut-off had passed before, the deadline's run has told them.
    """
    request, settings, calendar = case.request, office().settings, office().settings.calendar
    told = await case.journal.put(
        "told-by-deadline", [one for one in bought.ids.subscriptions if await has_guard(one, "unsigned")]
    )
    new = [one for one in bought.licences if one.subscription_id not in told] or list(bought.licences)
    some = "".join(f" {one.subscription_id}" for one in new) if len(new) < len(bought.licences) else ""
    terms = [await read_term(one.subscription_id) for one in new]
    ends = [calendar.term_end(term.commitment_end) for term in terms if term.commitment_end is not None]
    last = max(ends, default=bought.dates.term_end)
    await case.send(
        bridge_letters.ends_for_customer(
            f"bridge-ends{some}",
            bridge_letters.customers(request),
            ", ".join(f"{one.seats} × {one.product_name}" for one in new),
            last,
            request.licence_users,
            why,
            case.requester,
        )
    )
    lines = tuple((one.product_name, f"{one.seats} seats, subscription {one.subscription_id}") for one in new)
    to = (case.requester, settings.contracts, request.senior, settings.billing)
    await case.send(bridge_letters.ends_for_us(f"bridge-ends-us{some}", case, to, lines, last, why))
