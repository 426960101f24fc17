"""A bridge's reminder and deadline, from what Pax8 shows of its order, however long it takes to show all (B4, B7)."""

from flows.bridge_by_hand import follow_the_term
from flows.meanwhile import Meanwhile
from flows.provisioning import follow_provisioning
from rules.bridge import BridgeDates
from rules.request import CheckedRequest
from tasks import bridge_letters
from tasks.bridges import (
    DATES,
    OPEN,
    Bridge,
    book_deadline,
    bridge_in,
    dates_of,
    open_bridge_reminder,
    replace_deadlines,
)
from tasks.case import Case, ticket_link
from tasks.ending import BridgeIds, EndNotAgreed, assert_bought_as_bridge, read_term
from tasks.licences import Licence, PlacedOrder, read_licences
from tasks.office import office
from tasks.tickets import note_stage, open_ticket

PATIENCE = 1
"""Business days after the order; then what Pax8 still doesn't show as it should is a person's, too (P17)."""


async def follow(case: Case, wanted: CheckedRequest, paper: Meanwhile, placed: PlacedOrder) -> tuple[Licence, ...]:
    """Follow provisioning. A line that shows its end renews after it, pending or not, and whatever the others do: its
    reminder and deadline stand at once; after the patience those of a line without an end, too (I4)."""
    slow_after = office().settings.calendar.business_moment_after(placed.placed_at, PATIENCE)

    async def watch() -> None:
        there = await read_licences(placed, case.request.customer.pax8_id, case.request.term)
        slow = case.now() >= slow_after
        bound = tuple(one for one in there if one.subscription_id and (one.renews or slow))
        dates = dates_of(bound, placed.placed_at)
        if bound:
            dates = (await set_up_deadline(case, wanted, paper, bound, placed)).dates
        if slow and not all(one.subscription_id and one.renews for one in there):
            await tell_stuck(case, wanted, there, dates)

    return await follow_provisioning(case, placed, watch)


async def set_up_deadline(
    case: Case, wanted: CheckedRequest, paper: Meanwhile, licences: tuple[Licence, ...], placed: PlacedOrder
) -> Bridge:
    """B4, B7: the reminder ticket, and the run that looks at DocuSign right after the cut-off. Kept from then on.

    What was kept while it was pending has the licences as they are by now; a line that turns up later is added, and an
    end that turns out to be another gives another cut-off.
    """
    bought, calendar = bridge_in(case.journal), office().settings.calendar
    if bought is None:
        bought = await book_it_all(case, wanted, paper, licences, placed)
    else:
        bought = await with_late_lines(case, bought, licences)
        if case.now() < bought.dates.cut_off and not all(one.settled for one in bought.licences):
            await follow_the_term(case, bought)
    if not all(one.settled for one in bought.licences):
        bought = bought.model_copy(update={"licences": licences})
    link = ticket_link(office().settings.autotask_url, bought.ids.reminder_id)
    case.links["Reminder ticket"] = link
    await case.record(
        "reminder and deadline",
        f"Reminder ticket opened; unsigned by {calendar.in_words(bought.dates.cut_off)} it is cancelled, and ends on "
        f"{bought.dates.term_end}.",
        link=link,
    )
    return bought


async def book_it_all(
    case: Case, wanted: CheckedRequest, paper: Meanwhile, licences: tuple[Licence, ...], placed: PlacedOrder
) -> Bridge:
    """Ticket, run and tags, each once; the bridge is remembered when all of them stand."""
    dates = dates_of(licences, placed.placed_at)
    reminder_id = await open_bridge_reminder(case, wanted, dates, licences)
    assert wanted.bridge is not None  # noqa: S101 - only a bridge comes here
    ids = BridgeIds(
        reference=case.reference,
        ticket_id=wanted.ticket_id,
        reminder_id=reminder_id,
        envelope_id=paper.envelope.envelope_id,
        subscriptions=tuple(licence.subscription_id for licence in licences),
        contact=wanted.bridge.contact.email,
        requester=case.requester.email,
        senior=wanted.senior.email,
        procedure_run_id=str(case.run_id),
    )
    bought = Bridge(ids=ids, dates=dates, licences=licences, ordered_at=placed.placed_at)
    await book_deadline(ids, dates.cut_off)
    await case.tag(OPEN, f"bridge-of:{case.reference}", f"month-ends:{dates.commitment_end.isoformat()}")
    await case.tag(*(f"sub:{one}" for one in ids.subscriptions))
    return Bridge.model_validate(await case.journal.put(DATES, bought.model_dump(mode="json")))


async def with_late_lines(case: Case, bought: Bridge, licences: tuple[Licence, ...]) -> Bridge:
    """The bridge with the lines that Pax8 shows only now: one deadline for all of them, in the place of the one for
    fewer. Its dates stay; the deadline's run looks at the earlier of the cut-offs, and at each end itself."""
    there = [one for one in licences if one.subscription_id not in bought.ids.subscriptions]
    late = [one for one in there if await is_the_bridges(case, bought, one)]
    if not late:
        return bought
    new = tuple(one.subscription_id for one in late)
    ids = bought.ids.model_copy(update={"subscriptions": (*bought.ids.subscriptions, *new)})
    by_id = {one.subscription_id: one for one in (*bought.licences, *licences)}
    after = bought.model_copy(update={"ids": ids, "licences": tuple(by_id[one] for one in ids.subscriptions)})
    cut_off = min(bought.dates.cut_off, dates_of(after.licences, bought.ordered_at).cut_off)
    await book_deadline(ids, cut_off, late="-".join(new))
    await replace_deadlines(ids)
    await case.tag(*(f"sub:{one}" for one in new))
    what = "; ".join(f"{one.in_words()} ({one.subscription_id})" for one in late)
    text = f"Pax8 shows more of the bridge now: {what}. It ends or stays with the rest."
    await note_stage(case.reference, ids.reminder_id, f"late {len(ids.subscriptions)}", text, "", case.run_link, False)
    if case.now() >= cut_off:
        todo = f"{text} The cut-off has passed: see that it ends, unless it was signed, and tell the customer."
        await tell(case, f"late-{len(ids.subscriptions)}", todo, "today", bought.dates)
    key = f"{DATES}-{len(ids.subscriptions):03d}"
    return Bridge.model_validate(await case.journal.put(key, after.model_dump(mode="json")))


async def is_the_bridges(case: Case, bought: Bridge, late: Licence) -> bool:
    """Whether the deadline's run will take that line for the bridge's: one that it refuses would keep it from the rest.

    Such a line, begun too late for the order, is a person's.
    """
    try:
        await assert_bought_as_bridge(bought.ids, await read_term(late.subscription_id))
    except EndNotAgreed as no:
        todo = f"{late.in_words()}: {no}. Unsigned at the cut-off, book its end in the Pax8 portal; nothing else does."
        by_when = f"before {office().settings.calendar.in_words(bought.dates.cut_off)}"
        await tell(case, f"late-{late.subscription_id}", todo, by_when, bought.dates)
        return False
    return True


async def tell_stuck(case: Case, wanted: CheckedRequest, there: tuple[Licence, ...], dates: BridgeDates) -> None:
    """A business day after the order a line has no subscription, or no end: a person is told, with the date (P17)."""
    what = "; ".join(one.in_words() for one in there)
    todo = (
        f"Pax8 doesn't show all of the bridge as it should, a business day after the order: {what}. Have Pax8 finish "
        "it; don't order again. What has a subscription renews by the month all the same: unsigned, its end is booked "
        f"after the cut-off, where Pax8 shows one; else the month is taken to end on {dates.term_end}. What has no "
        "subscription yet is added once it has one. Before the cut-off look whether each line would end."
    )
    await tell(case, "stuck", todo, f"before {office().settings.calendar.in_words(dates.cut_off)}", dates)


async def tell(case: Case, key: str, todo: str, by_when: str, dates: BridgeDates) -> None:
    """A top-priority ticket and a mail to requester and senior, once for a key."""
    title = f"{case.title}: Pax8 doesn't show the whole bridge"
    company = case.request.customer.autotask_id
    await open_ticket(f"{case.reference}:{key}", company, title, todo, case.requester, 1, True)
    otherwise = f"What isn't booked to end renews after {dates.term_end} for another month."
    to = (case.requester, case.request.senior)
    await case.send(bridge_letters.by_hand(f"by-hand-{key}", case, to, todo, by_when, otherwise))
