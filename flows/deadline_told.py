"""Whoever is to know that a bridge ends unsigned is told, once for each of its lines (B7)."""

from datetime import timedelta
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed

from rules.people import Person, same_address
from rules.request import CheckedRequest
from tasks import bridge_letters
from tasks.bridges import book_guard, has_guard, request_of, wake_procedure
from tasks.case import Case
from tasks.contacts import authorised_contacts
from tasks.ending import BridgeIds, TermReading
from tasks.office import office
from tasks.people import colleague
from tasks.tickets import complete_ticket, note_stage

DAY = timedelta(days=1)


async def tell_everybody(case: Case, ids: BridgeIds, terms: list[TermReading], whole: bool = True) -> State[Any]:
    """The customer, contracts, requester, senior, billing and the reminder are told; guards are set (B7).

    `whole`: nothing of the bridge is left to book, so that the reminder is done. Of a line that turned up after the
    others were booked and told of, everybody is told by itself.
    """
    booked = terms
    terms, late = await not_told_of(case, terms, whole)
    if not terms:
        return await told_before(case, ids, booked, whole)
    settings, calendar = office().settings, office().settings.calendar
    request = await request_of(ids)
    ends = {term.subscription_id: calendar.term_end(term.booked or term.commitment_end or case.now()) for term in terms}
    what = ", ".join(f"{term.seats} × {term.product_name}" for term in terms)
    last, cut = max(ends.values()), calendar.cut_off(terms[0].term_end or min(ends.values()))
    why = f"The agreement was not signed by {calendar.in_words(cut)}."
    if case.now() - cut > DAY:
        why += f" We could look only now, {calendar.in_words(case.now())}."
    ours = case.requester
    await case.send(
        bridge_letters.ends_for_customer(
            f"bridge-ends{late}",
            await the_customers_people(ids, request),
            what,
            last,
            request.licence_users if request is not None else (),
            why,
            ours,
        )
    )
    lines = tuple(
        (f"{term.seats} × {term.product_name}", f"{term.subscription_id}, ends on {ends[term.subscription_id]}")
        for term in terms
    )
    senior = await colleague(ids.senior)
    to = (ours, settings.contracts, senior, settings.billing)
    await case.send(bridge_letters.ends_for_us(f"bridge-ends-us{late}", case, to, lines, last, why))
    text = f"{why} Booked to end on {last}, read back; customer, contracts, requester, senior and billing were told."
    await note_stage(ids.reference, ids.reminder_id, f"cancelled{late}", text, "DocuSign", case.run_link, False)
    if whole:
        await complete_ticket(ids.reminder_id, f"{text} ({ids.reference})")
    await case.record(f"unsigned at the cut-off{late}", text, by="DocuSign")
    for term in terms:
        await book_guard(ids, term.subscription_id, "unsigned", case.now() + DAY, ends[term.subscription_id])
    await wake_procedure(ids, "the cut-off passed unsigned")
    await case.show("Done")
    return Completed(message=f"{what}: unsigned at the cut-off, booked to end on {last}; everybody was told.")


async def told_before(case: Case, ids: BridgeIds, terms: list[TermReading], whole: bool) -> State[Any]:
    """Another run of this deadline has told everybody of every line: guards come last, and each has its own."""
    what = ", ".join(f"{term.seats} × {term.product_name}" for term in terms)
    if whole:
        await complete_ticket(ids.reminder_id, f"Everybody was told that it ends. ({ids.reference})")
    await wake_procedure(ids, "the cut-off passed unsigned")
    await case.show("Done")
    return Completed(message=f"{what}: booked to end; everybody was told before.")


async def not_told_of(case: Case, terms: list[TermReading], whole: bool) -> tuple[list[TermReading], str]:
    """The lines that no other run of this deadline has told of, by their ends' guards, and what marks them if only
    some; none where each has its guard. Found once for this run and these lines: its own guards come last."""
    lines = [term.subscription_id for term in terms]
    key = "told-of" if whole else f"told-of-{'-'.join(sorted(one[:8] for one in lines))}"
    kept = await case.journal.put(key, [one for one in lines if not await has_guard(one, "unsigned", "dead")])
    new = [one for one in terms if one.subscription_id in kept]
    if whole and len(new) == len(terms):
        return terms, ""
    return new, in_key(new)


def in_key(terms: list[TermReading]) -> str:
    """What marks the telling of some lines, so that of the others everybody is told by itself."""
    return "".join(f" {one.subscription_id}" for one in terms)


async def the_customers_people(ids: BridgeIds, request: CheckedRequest | None) -> tuple[Person, ...]:
    """Who confirmed, by the name that Autotask knows, and who was to sign."""
    ticket = await office().autotask.ticket(ids.ticket_id)
    contacts = await office().autotask.contacts(ticket.company_id)
    contact = next((one for one in contacts if same_address(one.email, ids.contact)), None)
    if contact is None:  # never to an address that isn't the customer's
        organisation = await office().itglue.organisation_by_psa_id(ticket.company_id)
        rights = await authorised_contacts(ticket.company_id, organisation.id if organisation is not None else 0)
        people = [Person(name=one.name, email=one.email) for one in rights if one.may_confirm]
    else:
        people = [Person(name=contact.name, email=contact.email)]
    if request is not None and not any(same_address(request.signer.email, one.email) for one in people):
        people.append(Person(name=request.signer.name, email=request.signer.email))
    return tuple(people)
