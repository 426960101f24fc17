"""How a bridge ends: kept, followed by annual, cancelled, or handed to a person with a date (B6, B7, Y4 to Y6, I4)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import purchase
from flows.agreement import accept, in_words, what_was_signed
from flows.bridge_seats import seats_added, sent_anew, with_confirmed_seats
from flows.inbox import explain_messages, label_of, named_in
from flows.meanwhile import Meanwhile
from rules.authority import SignerDecision
from rules.bridge import BridgeDates, reminders
from rules.envelope import customer_signed
from rules.events import ChangedMind, DayReached, DeadlinePassed, Decided, Event, SeatsAdded, Signed, SignerBounced
from rules.order import Billing, Term
from rules.people import Person
from rules.written import Written, why_no_evidence
from tasks import agreements, bridge_letters
from tasks.authority import SignedPaper
from tasks.bridges import OPEN, Bridge, book_deadline, book_guard, dates_of, take_off_deadline
from tasks.case import Case, Ended
from tasks.contacts import authorised_contacts
from tasks.decision import Verdict, decide, verdict_of
from tasks.ending import (
    NOT_BOOKED,
    SEVEN_DAYS,
    BridgeIds,
    EndNotAgreed,
    TermReading,
    before_the_bridge,
    book_dead_end,
    book_superseded_end,
    is_booked,
    month_began,
    read_term,
)
from tasks.forms import AnswerAgain, BridgeForm, ChangeOverForm, DeskForm, LookForm
from tasks.letters import Letter
from tasks.licences import Licence, used_by_another
from tasks.office import office
from tasks.tickets import complete_ticket, mark_kept, note_stage, open_ticket
from tasks.waiting import Wait, wait_for
from tasks.written import candidates

SOON = timedelta(minutes=2)
LATER = timedelta(hours=4)
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
            await case.send(bounced(case, seen))
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


async def all_booked(subscriptions: tuple[str, ...]) -> bool:
    """Whether every subscription of a bridge ends with its term, or has ended."""
    return all([is_booked(await read_term(one)) for one in subscriptions])


async def follow_the_term(case: Case, bought: Bridge) -> BridgeDates:
    """The bridge's dates by what Pax8 says now; a person is told of an end that moved (B7)."""
    dates = await dates_now(bought)
    await tell_of_another_end(case, bought, dates)
    return dates


async def dates_now(bought: Bridge) -> BridgeDates:
    """The bridge's dates by what Pax8 says now: an end that moved gives another cut-off."""
    ends = [term.commitment_end for one in bought.ids.subscriptions if (term := await read_term(one)).commitment_end]
    end = min(ends, default=bought.dates.commitment_end)
    if office().settings.calendar.term_end(end) == bought.dates.term_end:
        return bought.dates
    moved = tuple(one.model_copy(update={"renews": end}) for one in bought.licences)
    return dates_of(moved, bought.ordered_at)


async def as_it_is(bought: Bridge) -> Bridge:
    """The bridge with the dates that Pax8 shows now."""
    return bought.model_copy(update={"dates": await dates_now(bought)})


async def tell_of_another_end(case: Case, bought: Bridge, dates: BridgeDates) -> None:
    """An end that moved, or a month that renewed: a run for the new cut-off, and a person is told (B7, I4)."""
    if dates.term_end == bought.dates.term_end:
        return
    calendar = office().settings.calendar
    await book_deadline(bought.ids, dates.cut_off)
    if bought.dates.commitment_end <= case.now() < dates.commitment_end:
        began = calendar.term_end(month_began(dates.commitment_end))
        until = began + SEVEN_DAYS
        what = bridge_letters.renewed_unsigned(began, until)
        await case.record(f"renewed {began}", what, by="Pax8")
        await hand_over_ticket(case, bought, f"renewed-{began:%Y%m%d}", what, f"by {until}")
        return
    what = (
        f"Pax8 shows another end of the bridge's month: {dates.term_end} instead of {bought.dates.term_end}. "
        f"The cut-off is {calendar.in_words(dates.cut_off)} now."
    )
    await case.record(f"end moved {dates.term_end}", what, by="Pax8")
    await hand_over_ticket(case, bought, f"moved-{dates.term_end:%Y%m%d}", f"{what} Tell the customer.", "today")


async def remind(case: Case, paper: Meanwhile, bought: Bridge, cut_off: datetime) -> None:
    """At the half, three business days before, on the day: the signer and we are reminded; only the latest one due."""
    calendar, now = office().settings.calendar, case.now()
    dates = bought.dates.model_copy(update={"cut_off": cut_off})
    due = [one for one in reminders(bought.ordered_at, dates, calendar) if one.at <= now]
    if due:
        to_signer, to_us = bridge_letters.reminder(case, bought, due[-1].kind, paper.is_out)
        await case.send(to_signer)
        await case.send(to_us)


def bounced(case: Case, event: SignerBounced) -> Letter:
    """DocuSign's mail to the signer came back: the bridge runs on, somebody must mend the address."""
    return Letter(
        kind=f"bounced-{case.request.edition}",
        to=(case.requester,),
        cc=(office().settings.contracts,),
        subject=f"{case.title}: DocuSign's mail to the signer came back",
        todo=f"Correct the signer's address in DocuSign: {event.signer} bounced ({event.reason or 'no reason given'}).",
        otherwise="Unsigned at the cut-off the bridge is cancelled.",
        link=case.links["Agreement in DocuSign"],
        link_text="Open the agreement",
    )


# Signed in time (B6, Y5)


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
        case.leg = ""
        return await until_a_person_has_done_it(
            case,
            bought,
            f"The signed agreement can't be used: {why.message} The bridge is running: have it signed anew, or book "
            "its end in the Pax8 portal.",
        )


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


async def more_than_signed(case: Case, bought: Bridge) -> None:
    """Seats added after the annual agreement was signed end with the bridge: somebody sees to them (Y5, S1)."""
    signed = {line.product_id: line.seats for line in case.request.lines}
    more = [one for one in await with_confirmed_seats(bought) if one.seats > signed.get(one.product_id, one.seats)]
    if more:
        what = "; ".join(f"{one.product_name}: signed {signed[one.product_id]}, there are {one.seats}" for one in more)
        todo = f"The annual agreement covers fewer seats than there are: {what}. Once annual is active, use add-seats."
        await hand_over_ticket(case, bought, "more-seats", todo, f"before {bought.dates.term_end}")


async def end_in_spite(case: Case, bought: Bridge) -> None:
    """Signed in time, and yet somebody has booked an end: only a person can take it away again (pax8.md §7)."""
    booked = [term for one in bought.ids.subscriptions if is_booked(term := await read_term(one))]
    if booked and case.request.end is None:
        names = "; ".join(f"{term.product_name} ({term.subscription_id})" for term in booked)
        todo = f"The agreement is signed, but an end is booked in Pax8: take it away in the portal: {names}."
        await hand_over_ticket(case, bought, "end-in-spite", todo, f"before {bought.dates.term_end}")


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
    await purchase.check_before_ordering(case, paper.envelope)
    placed = await purchase.order(
        case, paper.envelope, SignedPaper(envelope_id=paper.envelope.envelope_id, decisions=signers)
    )

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

    annual = await purchase.follow_provisioning(case, placed, in_time)
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


# The change of mind (Y4)


async def customers_messages(case: Case, bought: Bridge) -> list[tuple[str, Written]]:
    """What the customer's people, who may confirm, wrote since the bridge was ordered."""
    request = case.request
    rights = await authorised_contacts(request.customer.autotask_id, request.customer.itglue_id)
    senders = tuple(dict.fromkeys(one.email.lower() for one in rights if one.may_confirm))
    found = await candidates(request, senders, bought.ordered_at)
    return [(name, one) for name, one in found if why_no_evidence(one, rights) is None]


async def check_change_of_mind(case: Case, paper: Meanwhile, bought: Bridge, event: ChangedMind) -> None:
    """Y4: accepted or refused by the date on which the customer's message was received. Raises `AnswerAgain`."""
    calendar, until = office().settings.calendar, bought.dates.change_of_mind_until
    if case.request.term is not Term.ANNUAL:
        raise AnswerAgain("action: the agreement is for the monthly term already.")
    seen = await agreements.look_at_envelope(case, paper.envelope.envelope_id, True)
    if seen is not None and not isinstance(seen, SignerBounced):
        raise AnswerAgain("action: the agreement is no longer open. Signed binds; press 'look again'.")
    name, digest = named_in(event.evidence)
    written = next((one for known, one in await customers_messages(case, bought) if known == name), None)
    if written is None or not digest or not written.text_digest.startswith(digest):
        raise AnswerAgain("evidence: choose one of the messages that are listed above the form.")
    used = await used_by_another(written.authority_id, f"{case.reference}/monthly")
    if used:
        raise AnswerAgain(f"evidence: that message was {used} already.")
    if written.received_at > until:
        raise AnswerAgain(
            f"too late (Y3 d): it was received {calendar.in_words(written.received_at)}, and had to reach us by "
            f"{calendar.in_words(until)}. The annual agreement stands; unsigned, the bridge ends. Tell the customer."
        )
    await case.journal.put(f"mind-changed-by-{paper.edition}", written.authority_id)


async def change_to_monthly(case: Case, paper: Meanwhile, bought: Bridge, event: ChangedMind) -> "Meanwhile | Signed":
    """Y4: the annual agreement is voided, a monthly one drafted. A signature that was faster binds.

    The message is marked as used, so that it changes nothing else (B3).
    """
    said = str(case.journal.get(f"mind-changed-by-{paper.edition}"))
    await mark_kept(f"{case.reference}/monthly", case.request.ticket_id, said, "change of mind to monthly", event.by)
    gone = await agreements.void_agreement(paper.envelope.envelope_id, "The customer decided for the monthly term.")
    if gone.status == "completed":
        seen = await agreements.look_at_envelope(case, paper.envelope.envelope_id, True)
        if isinstance(seen, Signed):
            await case.record("change of mind refused", "The annual agreement was signed faster: signed binds (Y4).")
            return seen
    request = case.request
    monthly = dict(request.bridge.monthly_prices) if request.bridge is not None else {}
    lines = tuple(one.model_copy(update={"price": monthly.get(one.product_name)}) for one in request.lines)
    case.request = request.model_copy(
        update={
            "term": Term.MONTHLY,
            "billing": Billing.MONTHLY,
            "lines": lines,
            "edition": request.edition + 1,
            "given_envelope": "",
        }
    )
    await case.record(
        f"change of mind {paper.edition}",
        "The customer wants the monthly term instead: the annual agreement is voided, a monthly one drafted (Y4). "
        f"Evidence: {event.evidence}",
        by=event.by,
    )
    return await Meanwhile.draft(case)


# Unsigned (B7, Y6)


async def cut_off_passed(case: Case, paper: Meanwhile, bought: Bridge) -> State[Any]:
    """B7, Y6: what the deadline's run did is taken into the case file; a late signature is waited for."""
    calendar = office().settings.calendar
    await case.record(
        "cut-off passed",
        f"Unsigned at the cut-off: the bridge is booked to end on {bought.dates.term_end}.",
        by="DocuSign",
        public=True,
    )
    await close_the_bridge(case)

    async def look(hinted: bool) -> Event | None:
        seen = await agreements.look_at_envelope(case, paper.envelope.envelope_id, hinted)
        return None if isinstance(seen, SignerBounced) else seen

    event = await wait_for(
        case,
        Wait(
            name="late-signature",
            awaited=bridge_letters.signer_of(case.request),
            what=f"A late signature; the bridge ends on {bought.dates.term_end}",
            form=LookForm,
            role="signer",
            tags=(agreements.AWAITED,),
            explain="Signed late, the licences are ordered anew once somebody confirms that they are wanted (Y6).",
        ),
        look,
    )
    if not isinstance(event, Signed):
        name, why, by = in_words(event)
        await agreements.void_agreement(paper.envelope.envelope_id, why)
        await case.record("ended", f"{name}: {why} The bridge ended unsigned.", by=by)
        raise Ended("Ended unsigned", f"{name}: {why} The bridge was cancelled at its month's end.")
    case.leg = "late"
    await case.record(
        "signed late", f"DocuSign says completed, {calendar.in_words(event.at)}.", by="DocuSign", public=True
    )
    signers = await what_was_signed(case, paper.envelope)
    await accept(
        case,
        paper.envelope,
        "still-wanted",
        case.requester,
        f"Confirm that {case.request.what} is still wanted",
        f"The agreement was signed after the cut-off; the bridge was cancelled and ends on {bought.dates.term_end}. "
        "Accepting orders anew under the signed agreement (Y6).",
        also=(office().settings.contracts,),
    )
    if not await all_ended(bought.ids.subscriptions):
        await wait_until(
            case, "late-order", bought.dates.change_over, "Ordered a few days before the bridge ends (Y6)."
        )
    licences = await purchase.buy(case, paper.envelope, signers)
    case.leg = ""
    await purchase.finish(case, licences)
    await case.show("Done")
    return Completed(message=f"{case.request.what}: signed late, ordered anew under the signed agreement.")


async def all_ended(subscriptions: tuple[str, ...]) -> bool:
    return all([(await read_term(one)).status == "Cancelled" for one in subscriptions])


async def will_not_be_signed(case: Case, paper: Meanwhile, bought: Bridge, event: Event) -> State[Any]:
    """Declined, voided, refused, withdrawn: the bridge is booked to end with its month, and the customer is told."""
    name, why, by = in_words(event)
    gone = await agreements.void_agreement(paper.envelope.envelope_id, why)
    if gone.status == "completed":
        seen = await agreements.look_at_envelope(case, paper.envelope.envelope_id, True)
        if isinstance(seen, Signed):
            await case.record("signed faster", "The customer signed in the same moment: signed binds.", by="DocuSign")
            return await signed_in_time(case, paper, bought, seen)
    await case.record("no agreement", f"{name}: {why}", by=by)
    try:
        booked = [await book_dead(case, bought, one) for one in bought.ids.subscriptions]
    except NOT_BOOKED as unbooked:
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
            await agreements.read_envelopes_of(case.reference, paper.envelope.envelope_id),
        )
        kept = await case.journal.put("customer-had-signed", any(customer_signed(one, role) for one in readings))
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
        return await signed_in_time(case, paper, bought, event)
    await close_the_bridge(case)
    raise Ended(name, f"{why} The bridge is booked to end on {bought.dates.term_end}.")


async def tell_it_ends(case: Case, bought: Bridge, why: str) -> None:
    """The customer, contracts, senior, requester and billing are told that the bridge ends (B7)."""
    request, settings = case.request, office().settings
    await case.send(
        bridge_letters.ends_for_customer(
            "bridge-ends",
            bridge_letters.customers(request),
            bought.what,
            bought.dates.term_end,
            request.licence_users,
            why,
            case.requester,
        )
    )
    lines = tuple(
        (one.product_name, f"{one.seats} seats, subscription {one.subscription_id}") for one in bought.licences
    )
    to = (case.requester, settings.contracts, request.senior, settings.billing)
    await case.send(bridge_letters.ends_for_us("bridge-ends-us", case, to, lines, bought.dates.term_end, why))


# What a person must do


async def hand_over_ticket(case: Case, bought: Bridge, key: str, what: str, by_when: str) -> None:
    """A top-priority ticket and a mail with the last safe moment, once for a key (I4, I5)."""
    await open_ticket(
        f"{case.reference}:{key}",
        case.request.customer.autotask_id,
        f"{case.title}: {what}",
        what,
        case.requester,
        1,
        True,
    )
    otherwise = (
        f"The bridge's month ends on {bought.dates.term_end}; without its end booked it renews for another month."
    )
    to = (case.requester, case.request.senior)
    await case.send(bridge_letters.by_hand(f"by-hand-{key}", case, to, what, by_when, otherwise))


async def until_a_person_has_done_it(
    case: Case, bought: Bridge, what: str, by_when: datetime | None = None
) -> State[Any]:
    """Hand the bridge to a person with a date, and watch until its end is booked or somebody says what became of it."""
    last = office().settings.calendar.in_words(by_when or bought.dates.person_by)
    await hand_over_ticket(case, bought, "unusable", what, last)
    await case.record("handed to a person", what)

    async def look(_hinted: bool) -> Event | None:
        if await all_booked(bought.ids.subscriptions):
            return DeadlinePassed(at=case.now())
        await tell_of_another_end(case, bought, await dates_now(bought))
        return None

    event = await wait_for(
        case,
        Wait(
            name="by-hand",
            awaited=case.requester,
            what=what[:400],
            form=DeskForm,
            role="requester",
            ask_first=False,
            letter=bridge_letters.by_hand(
                "by-hand-unusable",
                case,
                (case.requester,),
                what,
                last,
                "Without its end booked the bridge renews for another month.",
            ),
            until=bought.dates.person_by if case.now() < bought.dates.person_by else case.now() + DAY,
        ),
        look,
    )
    await close_the_bridge(case)
    did = f"{event.by}: {event.why or 'it is done'}" if isinstance(event, Decided) else "the bridge's end is booked"
    raise Ended("Handed to a person", f"{what} {did}.")


# Small things


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


async def reminder_done(case: Case, bought: Bridge, text: str) -> None:
    """B6: a note on the reminder, and it is completed."""
    await note_stage(case.reference, bought.ids.reminder_id, "reminder", text, "", case.run_link, False)
    await complete_ticket(bought.ids.reminder_id, f"{text} ({case.reference})")


async def close_the_bridge(case: Case) -> None:
    """Nothing more is to be watched for this bridge's cut-off."""
    await case.untag(OPEN)
