"""How a bridge ends: kept, followed by annual, cancelled, or handed to a person with a date (B6, B7, Y4 to Y6, I4)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import State

from flows.bridge_by_hand import tell_of_another_end
from flows.bridge_seats import seats_added, sent_anew
from flows.bridge_signed import signed_in_time
from flows.bridge_unsigned import LATER, SOON, will_not_be_signed
from flows.change_of_mind import change_to_monthly, check_change_of_mind, customers_messages
from flows.inbox import explain_messages, label_of
from flows.late_signature import cut_off_passed
from flows.meanwhile import Meanwhile
from rules.bridge import reminders
from rules.events import ChangedMind, DeadlinePassed, Event, SeatsAdded, Signed, SignerBounced
from rules.order import Term
from rules.written import Written
from tasks import agreements, bridge_letters
from tasks.bridges import Bridge, all_booked, as_it_is, dates_now
from tasks.case import Case
from tasks.decision import Verdict, decide, verdict_of
from tasks.forms import BridgeForm
from tasks.office import office
from tasks.waiting import Wait, wait_for

DAY = timedelta(days=1)


async def see_it_through(case: Case, paper: Meanwhile, bought: Bridge) -> State[Any]:
    """Wait for whatever comes first, and bring the bridge to the one end that follows from it (I4)."""
    for _ in range(50):
        event = await wait_for_agreement(case, paper, bought)
        match event:
            case Signed():
                return await signed_in_time(case, paper, bought, event)
            case ChangedMind():
                after = await change_to_monthly(case, paper, bought, event)
                if isinstance(after, Signed):
                    return await signed_in_time(case, paper, bought, after)
                paper = after
            case SeatsAdded():
                anew = await sent_anew(case, paper, bought, event)
                if isinstance(anew, Signed):
                    return await signed_in_time(case, paper, bought, anew)
                paper, bought = anew
            case DeadlinePassed():
                return await cut_off_passed(case, paper, await as_it_is(bought))
            case _:
                return await will_not_be_signed(case, paper, await as_it_is(bought), event)
    raise RuntimeError("fifty agreements for one bridge; a person must look at this run")


async def wait_for_agreement(case: Case, paper: Meanwhile, bought: Bridge) -> Event:
    """The one wait of a bridge under way: signature, cut-off, change of mind, withdrawal (B6, B7, Y4)."""
    settings, ids = office().settings, bought.ids
    signer = bridge_letters.signer_of(case.request)
    messages: list[tuple[str, Written]] = []
    moments: list[datetime] = []
    dates = bought.dates

    async def look(hinted: bool) -> Event | None:
        nonlocal messages, moments, dates
        now = case.now()
        dates = await dates_now(bought)
        added = await seats_added(bought) if now < dates.cut_off else None
        if added is None:
            await paper.go_on()
        past = now >= dates.cut_off
        seen = await agreements.look_at_envelope(case, paper.envelope.envelope_id, hinted, at_once=past)
        moments = []
        decided = past or seen is not None or dates != bought.dates
        standing = await verdict_of(ids.reference, ids.reminder_id) if decided else None
        over = past or now >= bought.dates.commitment_end  # that end may have renewed, and another cut-off lie ahead
        if over and standing is not Verdict.SIGNED and await all_booked(ids.subscriptions):
            return DeadlinePassed(at=now)  # by the deadline's run, or by a person
        if isinstance(seen, Signed):
            why = f"DocuSign, {seen.at.isoformat()}"
            if (standing or await decide(ids.reference, ids.reminder_id, Verdict.SIGNED, why)) is Verdict.SIGNED:
                return seen
            moments = [now + SOON]  # the deadline's run is about to book it, or to take its finding back
            return None
        if isinstance(seen, SignerBounced):
            await case.send(bridge_letters.bounced(case, seen))
        elif seen is not None:
            return seen
        if added is not None and case.journal.get(agreements.CUSTOMER_SIGNED) is None:
            return added
        if standing is not Verdict.SIGNED:
            await tell_of_another_end(case, bought, dates)
        if past:
            moments = [now + (DAY if standing is Verdict.SIGNED else LATER)]
            return None
        await remind(case, paper, bought, dates.cut_off)
        _, turn = await paper.press_contracts()
        ahead = [one.at for one in reminders(bought.ordered_at, dates, settings.calendar) if one.at > now]
        moments = [m for m in (paper.due, turn, dates.cut_off + SOON, *ahead) if m is not None]
        if case.request.term is Term.ANNUAL:
            messages = await customers_messages(case, bought)
        return None

    def as_found(wait: Wait) -> Wait:
        cut_off = settings.calendar.in_words(dates.cut_off)
        explain = [paper.explain(), f"Cut-off: {cut_off}."]
        if messages:
            explain.append(explain_messages(messages))
        offered = tuple(label_of(name, written) for name, written in messages)
        what = f"Sign the agreement for {case.request.what} by the cut-off, {cut_off}"
        waiting = replace(wait, what=what, until=min(moments, default=None), explain="\n\n".join(explain))
        if case.journal.get(agreements.CUSTOMER_SIGNED) is not None:
            waiting = replace(
                waiting, awaited=settings.msp_signer, what="Countersign the agreement", role="countersigner"
            )
        return replace(waiting, choices={"evidence": offered}) if offered else waiting

    async def check(event: Event) -> None:
        await paper.check(event)
        if isinstance(event, ChangedMind):
            await check_change_of_mind(case, paper, bought, event)

    return await wait_for(
        case,
        Wait(
            name=f"agreement-{paper.edition}",
            awaited=signer,
            what=f"Sign the agreement for {case.request.what} before the cut-off",
            form=BridgeForm,
            role="signer",
            tags=(agreements.AWAITED,),
            check=check,
            aside=paper.aside,
            after_look=as_found,
        ),
        look,
    )


async def remind(case: Case, paper: Meanwhile, bought: Bridge, cut_off: datetime) -> None:
    """At the half, three business days before, on the day: the signer and we are reminded; only the latest one due."""
    calendar, now = office().settings.calendar, case.now()
    dates = bought.dates.model_copy(update={"cut_off": cut_off})
    due = [one for one in reminders(bought.ordered_at, dates, calendar) if one.at <= now]
    if due:
        to_signer, to_us = bridge_letters.reminder(case, bought, due[-1].kind, paper.is_out)
        await case.send(to_signer)
        await case.send(to_us)
