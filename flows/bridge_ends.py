"""How a bridge ends: kept, followed by annual, cancelled, or handed to a person with a date (B6, B7, Y4 to Y6, I4)."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import State

from flows.bridge_by_hand import tell_of_another_end
from flows.bridge_seats import seats_added, sent_anew
from flows.bridge_signed import SOON, signed_faster, signed_in_time
from flows.bridge_unsigned import LATER, will_not_be_signed
from flows.change_of_mind import change_to_monthly, check_change_of_mind, customers_messages
from flows.decisions import in_words
from flows.inbox import explain_messages, label_of
from flows.late_signature import cut_off_passed
from flows.meanwhile import Meanwhile
from rules.bridge import BridgeDates, reminders
from rules.events import ChangedMind, DeadlinePassed, Event, SeatsAdded, Signed, SignerBounced
from rules.order import Term
from rules.written import Written
from tasks import agreements, bridge_letters
from tasks.bridges import Bridge, all_booked, as_it_is, close_the_bridge, dates_now
from tasks.case import Case, Ended
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
                    return await signed_faster(case, paper, bought, after)
                if isinstance(after, DeadlinePassed):
                    return await taken_back_too_late(case, paper, bought, after)
                paper = after
            case SeatsAdded():
                anew = await sent_anew(case, paper, bought, event)
                if isinstance(anew, Signed):
                    return await signed_faster(case, paper, bought, anew)
                if isinstance(anew, DeadlinePassed):
                    return await taken_back_too_late(case, paper, bought, anew)
                paper, bought = anew
            case DeadlinePassed():
                return await cut_off_passed(case, paper, await as_it_is(bought))
            case _:
                return await will_not_be_signed(case, paper, await as_it_is(bought), event)
    raise RuntimeError("fifty agreements for one bridge; a person must look at this run")


async def taken_back_too_late(case: Case, paper: Meanwhile, bought: Bridge, event: DeadlinePassed) -> State[Any]:
    """No agreement is left to be signed, and the cut-off is past: the bridge ends, whoever books it first (B7)."""
    now, (name, why, by) = await as_it_is(bought), in_words(event)
    if case.journal.get("nothing-left-to-sign") is None and await all_booked(bought.ids.subscriptions):
        ends = f"The bridge is booked to end on {now.dates.term_end}."
        await case.record("no agreement", f"{name}: {why} {ends}", by=by, public=True)
        await close_the_bridge(case)
        raise Ended(name, f"{why} {ends}")
    await case.journal.put("nothing-left-to-sign", True)
    return await will_not_be_signed(case, paper, now, event)


async def wait_for_agreement(case: Case, paper: Meanwhile, bought: Bridge) -> Event:
    """The one wait of a bridge under way: signature, cut-off, change of mind, withdrawal (B6, B7, Y4)."""
    watch = Watch(case, paper, bought, bought.dates)
    return await wait_for(
        case,
        Wait(
            name=f"agreement-{paper.edition}",
            awaited=bridge_letters.signer_of(case.request),
            what=f"Sign the agreement for {case.request.what} before the cut-off",
            form=BridgeForm,
            role="signer",
            tags=(agreements.AWAITED,),
            check=watch.check,
            aside=paper.aside,
            after_look=watch.as_found,
        ),
        watch.look,
    )


@dataclass
class Watch:
    """What is looked at while a bridge waits for its agreement, and what the last look found.

    `dates`: by what Pax8 shows now. `messages`: of the customer's people, by which a change of mind may be shown.
    `moments`: when to look again at the latest.
    """

    case: Case
    paper: Meanwhile
    bought: Bridge
    dates: BridgeDates
    messages: list[tuple[str, Written]] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)

    async def look(self, hinted: bool) -> Event | None:
        """Whether the bridge is decided: by its end at Pax8, by DocuSign, or by seats that were added to it (S1)."""
        case, ids, now = self.case, self.bought.ids, self.case.now()
        self.dates = await dates_now(self.bought)
        past = now >= self.dates.cut_off
        added = None if past else await seats_added(self.bought)
        if added is None:
            await self.paper.go_on()
        seen = await agreements.look_at_envelope(case, self.paper.envelope.envelope_id, hinted, at_once=past)
        decided = past or seen is not None or self.dates != self.bought.dates
        standing = await verdict_of(ids.reference, ids.reminder_id) if decided else None
        if standing is not Verdict.SIGNED and await self.is_ended(now):
            return DeadlinePassed(at=now)  # by the deadline's run, or by a person
        if isinstance(seen, Signed):
            return await self.signed(seen, standing)
        if isinstance(seen, SignerBounced):
            await case.send(bridge_letters.bounced(case, seen))
        elif seen is not None:
            return seen
        if added is not None and not agreements.only_ours_was_missing(case, self.paper.envelope.envelope_id):
            return added
        if standing is not Verdict.SIGNED:
            await tell_of_another_end(case, self.bought, self.dates)
        if past:
            self.moments = [now + (DAY if standing is Verdict.SIGNED else LATER)]
        else:
            await self.press()
        return None

    async def is_ended(self, now: datetime) -> bool:
        """Whether every end is booked, after the cut-off or the end that was first known.

        That end may have renewed, and another cut-off lie ahead.
        """
        over = now >= min(self.dates.cut_off, self.bought.dates.commitment_end)
        return over and await all_booked(self.bought.ids.subscriptions)

    async def signed(self, seen: Signed, standing: Verdict | None) -> Signed | None:
        """Take the signature for in time, unless the deadline's run found it unsigned first (I4)."""
        ids = self.bought.ids
        why = f"DocuSign, {seen.at.isoformat()}"
        if (standing or await decide(ids.reference, ids.reminder_id, Verdict.SIGNED, why)) is Verdict.SIGNED:
            return seen
        self.moments = [self.case.now() + SOON]  # it is about to book the end, or to take its finding back
        return None

    async def press(self) -> None:
        """Before the cut-off: those whose turn it is are reminded, and the customer's messages are read (Y4)."""
        case, now = self.case, self.case.now()
        await remind(case, self.paper, self.bought, self.dates.cut_off)
        _, turn = await self.paper.press_contracts()
        ahead = [one.at for one in reminders(self.bought.ordered_at, self.dates, office().settings.calendar)]
        known = (self.paper.due, turn, self.dates.cut_off + SOON, *(at for at in ahead if at > now))
        self.moments = [moment for moment in known if moment is not None]
        if case.request.term is Term.ANNUAL:
            self.messages = await customers_messages(case, self.bought)

    def as_found(self, wait: Wait) -> Wait:
        """The wait as the last look found things."""
        settings = office().settings
        cut_off = settings.calendar.in_words(self.dates.cut_off)
        explain = [self.paper.explain(), f"Cut-off: {cut_off}."]
        if self.messages:
            explain.append(explain_messages(self.messages))
        offered = tuple(label_of(name, written) for name, written in self.messages)
        what = f"Sign the agreement for {self.case.request.what} by the cut-off, {cut_off}"
        waiting = replace(wait, what=what, until=min(self.moments, default=None), explain="\n\n".join(explain))
        if agreements.only_ours_was_missing(self.case, self.paper.envelope.envelope_id):
            waiting = replace(
                waiting, awaited=settings.msp_signer, what="Countersign the agreement", role="countersigner"
            )
        return replace(waiting, choices={"evidence": offered}) if offered else waiting

    async def check(self, event: Event) -> None:
        """Raises `AnswerAgain` where an answer can't be taken."""
        await self.paper.check(event)
        if isinstance(event, ChangedMind):
            await check_change_of_mind(self.case, self.paper, self.bought, event)


async def remind(case: Case, paper: Meanwhile, bought: Bridge, cut_off: datetime) -> None:
    """At the half, three business days before, on the day: the signer and we are reminded; only the latest one due."""
    calendar, now = office().settings.calendar, case.now()
    dates = bought.dates.model_copy(update={"cut_off": cut_off})
    due = [one for one in reminders(bought.ordered_at, dates, calendar) if one.at <= now]
    if due:
        to_signer, to_us = bridge_letters.reminder(case, bought, due[-1].kind, paper.is_out)
        await case.send(to_signer)
        await case.send(to_us)
