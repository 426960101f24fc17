"""The change-over: annual is ordered a few days before the bridge ends, whose end is booked behind it (Y5)."""

from datetime import datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import purchase
from flows.bridge_by_hand import follow_the_term, hand_over_ticket, until_a_person_has_done_it
from flows.bridge_seats import with_confirmed_seats
from flows.meanwhile import Meanwhile
from flows.ordering import check_before_ordering, order
from flows.provisioning import follow_provisioning
from rules.authority import SignerDecision
from rules.events import DayReached, Event
from rules.people import Person
from tasks import bridge_letters
from tasks.authority import SignedPaper
from tasks.bridges import Bridge, book_guard, close_the_bridge, reminder_done, take_off_deadline
from tasks.case import Case
from tasks.ending import NOT_BOOKED, BridgeIds, EndNotAgreed, book_superseded_end, read_term
from tasks.forms import ChangeOverForm
from tasks.licences import Licence
from tasks.office import office
from tasks.waiting import Wait, wait_for

DAY = timedelta(days=1)


async def change_over(case: Case, paper: Meanwhile, bought: Bridge, signers: tuple[SignerDecision, ...]) -> State[Any]:
    """Y5: annual is ordered three business days before the bridge's end; once active, the bridge's end is booked."""
    calendar, ids = office().settings.calendar, bought.ids
    dates = await follow_the_term(case, bought)
    bought = bought.model_copy(update={"dates": dates})
    case.leg = ""
    watch = f"{case.requester.name}, and the procedure itself, watch it"
    await reminder_done(
        case, bought, f"Signed in time (annual). Change-over on {calendar.in_words(dates.change_over)}; {watch}."
    )
    await take_off_deadline(ids.reference, "The annual agreement is signed.")
    for one in bought.licences:
        look_at = dates.book_end_by - DAY
        await book_guard(current(ids, paper), one.subscription_id, "superseded", look_at, dates.term_end)
    await case.send(bridge_letters.change_over_planned(case, bought, max(dates.change_over, case.now())))
    await wait_until(
        case, "change-over", dates.change_over, "The annual term is ordered then; the bridge ends behind it."
    )
    await more_than_signed(case, bought)
    case.leg = "annual"
    await check_before_ordering(case, paper.envelope)
    placed = await order(case, paper.envelope, SignedPaper(envelope_id=paper.envelope.envelope_id, decisions=signers))

    async def in_time() -> None:
        if case.now() >= dates.book_end_by - DAY:
            await hand_over_ticket(
                case,
                bought,
                "annual-not-active",
                "The annual subscription is not active yet, and the bridge's end can't be booked before it is: look "
                "into the Pax8 portal. If it doesn't become active, let the bridge renew: service must not stop.",
                calendar.in_words(dates.book_end_by),
            )

    annual = await follow_provisioning(case, placed, in_time)
    unbooked = await end_behind(case, paper, bought, annual)
    await purchase.tell_customer(case, annual)
    if not unbooked:
        facts = tuple(
            (f"Begins: {one.seats} × {one.product_name}", f"1-Year, subscription {one.subscription_id}")
            for one in annual
        )
        await case.send(bridge_letters.billing_change_over(case, bought, facts))
    await purchase.document(case, paper.envelope, annual)
    await purchase.file_confirmations(case, placed)
    await purchase.schedule_end(case, paper.envelope, annual)
    if unbooked:
        case.leg = ""
        what = f"Annual is active, the bridge's end isn't booked: book it in the Pax8 portal, tell billing. {unbooked}"
        return await until_a_person_has_done_it(case, bought, what, dates.book_end_by)
    await close_the_bridge(case)
    case.leg = ""
    await purchase.finish(case, annual)
    await case.show("Done")
    return Completed(message=f"{case.request.what}: annual is active, the bridge ends on {bought.dates.term_end}.")


async def more_than_signed(case: Case, bought: Bridge) -> None:
    """Seats added after the annual agreement was signed end with the bridge: somebody sees to them (Y5, S1)."""
    signed = {line.product_id: line.seats for line in case.request.lines}
    more = [one for one in await with_confirmed_seats(bought) if one.seats > signed.get(one.product_id, one.seats)]
    if more:
        what = "; ".join(f"{one.product_name}: signed {signed[one.product_id]}, there are {one.seats}" for one in more)
        todo = f"The annual agreement covers fewer seats than there are: {what}. Once annual is active, use add-seats."
        await hand_over_ticket(case, bought, "more-seats", todo, f"before {bought.dates.term_end}")


async def end_behind(case: Case, paper: Meanwhile, bought: Bridge, annual: tuple[Licence, ...]) -> str:
    """Y5: book each bridge's end once its annual successor is active; what can't be booked, and why, for a person."""
    ids, unbooked = current(bought.ids, paper), []
    successors = {one.product_id: one.subscription_id for one in annual}
    for one in bought.licences:
        term = await read_term(one.subscription_id)
        stage = f"bridge's end {one.product_name}"[:150]
        try:
            if term.term_end is None:
                raise EndNotAgreed("Pax8 shows no end of its term")
            booked = await book_superseded_end(
                case.request, ids, one.subscription_id, term.term_end, successors[one.product_id]
            )
        except NOT_BOOKED as why:
            unbooked.append(f"{one.product_name} ({one.subscription_id}): {why}")
            await case.record(stage, f"Not booked: {why}")
            continue
        await case.record(stage, f"{one.product_name}, the bridge, ends on {booked.term_end}, read back.", by="Pax8")
    return str(await case.journal.put("annual-unbooked", "; ".join(unbooked)))


def current(ids: BridgeIds, paper: Meanwhile) -> BridgeIds:
    """The bridge's names, with the agreement that holds now."""
    return ids.model_copy(update={"envelope_id": paper.envelope.envelope_id})


async def wait_until(case: Case, name: str, moment: datetime, why: str) -> None:
    """Sleep until a moment; what is signed binds, so nothing can be withdrawn meanwhile."""

    async def reached(_hinted: bool) -> Event | None:
        return DayReached(day=office().settings.calendar.day_of(moment)) if case.now() >= moment else None

    await wait_for(
        case,
        Wait(
            name=name,
            awaited=Person(name="the calendar", email=moment.isoformat()),
            what=f"{name.replace('-', ' ').capitalize()}: {office().settings.calendar.in_words(moment)}",
            form=ChangeOverForm,
            until=moment,
            role="calendar",
            explain=why,
        ),
        reached,
    )
