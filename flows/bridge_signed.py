"""A bridge signed in time: monthly is kept, annual follows it (B6, Y5)."""

from datetime import timedelta
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import purchase
from flows.agreement import what_was_signed
from flows.bridge_by_hand import HANDED, hand_over_ticket, until_a_person_has_done_it
from flows.bridge_seats import with_confirmed_seats
from flows.change_over import change_over
from flows.late_signature import cut_off_passed
from flows.meanwhile import Meanwhile
from flows.ordering import SETTLED
from rules.events import Signed
from rules.order import Term
from tasks import bridge_letters
from tasks.bridges import Bridge, all_booked, as_it_is, close_the_bridge, reminder_done, take_off_deadline
from tasks.case import Case, Ended
from tasks.decision import Verdict, decide, verdict_of
from tasks.ending import before_the_bridge, is_booked, read_term
from tasks.office import office
from tasks.procedure import sleep_until
from tasks.tickets import mark_kept

SOON = timedelta(minutes=2)


async def signed_faster(case: Case, paper: Meanwhile, bought: Bridge, event: Signed) -> State[Any]:
    """Signed while we took the agreement back: in time, unless the deadline's run found it unsigned first.

    Then it is a late signature, once every end is booked; until that run has booked, or taken its finding back, this
    one is put off (I4, Y6).
    """
    ids = bought.ids
    standing = await verdict_of(ids.reference, ids.reminder_id)
    if standing is None:
        why = f"DocuSign, {event.at.isoformat()}"
        standing = await decide(ids.reference, ids.reminder_id, Verdict.SIGNED, why, "faster")
    if standing is Verdict.SIGNED:
        return await signed_in_time(case, paper, bought, event)
    if case.journal.get("signed-late") is None and not await all_booked(ids.subscriptions):
        await sleep_until(case, case.now() + SOON, "The deadline's run books the end, or finds the signature")
    await case.journal.put("signed-late", True)
    return await cut_off_passed(case, paper, await as_it_is(bought))


async def signed_in_time(case: Case, paper: Meanwhile, bought: Bridge, event: Signed) -> State[Any]:
    """B6, Y5: monthly is kept; annual follows, and the bridge's end behind it. What can't be used goes to a person."""
    calendar = office().settings.calendar
    await case.record(
        f"agreement signed {paper.edition}",
        f"DocuSign says completed, {calendar.in_words(event.at)}.",
        by="DocuSign",
        link=case.links["Agreement in DocuSign"],
        public=True,
    )
    case.leg = "annual" if case.request.term is Term.ANNUAL else "kept"
    try:
        signers = await what_was_signed(case, paper.envelope)
        if case.request.term is Term.MONTHLY:
            return await keep(case, paper, bought)
        return await change_over(case, paper, bought, signers)
    except Ended as why:
        if why.name == HANDED:
            raise
        case.leg = ""
        running = "The bridge is running:"
        if why.name == SETTLED:
            what = f"{why.message} {running} book its end in the Pax8 portal once the annual term is active."
        else:
            unusable = f"The signed agreement can't be used: {why.message}"
            what = f"{unusable} {running} have it signed anew, or book its end in the Pax8 portal."
        return await until_a_person_has_done_it(case, bought, what)


async def keep(case: Case, paper: Meanwhile, bought: Bridge) -> State[Any]:
    """Signed in time, monthly: the subscription goes on under the agreement, which buys nothing more (B6)."""
    ids, request = bought.ids, case.request
    case.leg = ""
    there = bought.model_copy(update={"licences": await with_confirmed_seats(bought)})
    before = await before_the_bridge(ids)
    used_for = f"{', '.join(ids.subscriptions)} kept"
    authority_id = f"docusign:{paper.envelope.envelope_id}"
    await mark_kept(request.reference, request.ticket_id, authority_id, used_for, before.model_dump_json())
    await reminder_done(case, bought, "Signed in time: the subscription goes on under the signed agreement.")
    await take_off_deadline(ids.reference, "The agreement is signed.")
    await close_the_bridge(case)
    await case.send(bridge_letters.billing_kept(case, there))
    await case.send(bridge_letters.kept(case, there))
    await purchase.document(case, paper.envelope, there.licences, " signed")
    await purchase.schedule_end(case, paper.envelope, bought.licences)
    await other_seats(case, bought)
    await end_in_spite(case, bought)
    await case.record("kept", "The bridge is kept under the signed agreement; billing and the customer were told.")
    await purchase.finish(case, bought.licences)
    await case.show("Done")
    return Completed(message=f"{request.what}: signed in time, the bridge is kept.")


async def other_seats(case: Case, bought: Bridge) -> None:
    """Other seats signed than the bridge has, and accepted so: somebody brings the subscription to what was signed."""
    signed = {line.product_id: line.seats for line in case.request.lines}
    differ = [one for one in bought.licences if signed.get(one.product_id, one.seats) != one.seats]
    if differ:
        what = "; ".join(
            f"{one.product_name}: signed {signed[one.product_id]}, there are {one.seats}" for one in differ
        )
        todo = f"Bring the seats to what was signed: {what}. More: add-seats; fewer: at the renewal only."
        await hand_over_ticket(case, bought, "seats", todo, f"before {bought.dates.term_end}")


async def end_in_spite(case: Case, bought: Bridge) -> None:
    """Signed in time, and yet somebody has booked an end: only a person can take it away again (pax8.md §7)."""
    booked = [term for one in bought.ids.subscriptions if is_booked(term := await read_term(one))]
    if booked and case.request.end is None:
        names = "; ".join(f"{term.product_name} ({term.subscription_id})" for term in booked)
        todo = f"The agreement is signed, but an end is booked in Pax8: take it away in the portal: {names}."
        await hand_over_ticket(case, bought, "end-in-spite", todo, f"before {bought.dates.term_end}")
