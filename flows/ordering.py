"""The order: its day is waited for, all is read again, and it goes out once, on its authority (N5, N6, B2, I1, I3)."""

from datetime import datetime, timedelta
from typing import NoReturn

from flows import new_tenant
from flows.decisions import accept, end, end_without_order
from rules.authority import NotCovered
from rules.events import DayReached, Decided, Event
from rules.people import Person
from rules.refusal import Refused
from tasks import ordering, purchase_letters, unclear_orders
from tasks.agreements import DraftedEnvelope, NotSigned
from tasks.authority import Basis, SignedPaper
from tasks.bridges import bridge_in
from tasks.case import Case, Ended
from tasks.casefile import in_markdown
from tasks.evidence import read_before_ordering
from tasks.forms import AcceptForm, AnswerAgain, LookForm, UnclearOrderForm
from tasks.later_words import WrittenAgain
from tasks.licences import PlacedOrder
from tasks.markers import AuthorityUsed
from tasks.office import office
from tasks.tickets import open_ticket
from tasks.unclear_orders import UnclearOrder, UnreadableOrder
from tasks.waiting import Wait, wait_for
from tasks.written import NoSuchEvidence
from vendors.errors import Refused as VendorRefused

SETTLED = "Settled by hand"
"""How a procedure ends whose unclear order is a person's from then on."""


async def wait_for_start_day(case: Case, envelope: DraftedEnvelope, signed_at: datetime, sent_at: datetime) -> None:
    """N6: sleep until the start day; a late signature is confirmed by the requester before anything is ordered."""
    settings, start = office().settings, case.request.start
    if signed_at - sent_at > timedelta(days=settings.late_signature_days):
        await accept(
            case,
            envelope,
            "late-signature",
            case.requester,
            f"Confirm that {case.request.what} is still wanted",
            f"The agreement was signed on {signed_at:%Y-%m-%d}, more than {settings.late_signature_days} days after "
            f"it was sent on {sent_at:%Y-%m-%d}.",
        )
    if start is None or settings.calendar.day_of(signed_at) >= start:
        return
    begins = settings.calendar.start_of(start)

    async def has_begun(_hinted: bool) -> Event | None:
        return DayReached(day=start) if case.now() >= begins else None

    event = await wait_for(
        case,
        Wait(
            name=case.name("start-day"),
            awaited=Person(name="the start day", email=start.isoformat()),
            what=f"Start on {start}: the order is placed then",
            form=LookForm,
            until=begins,
            role="calendar",
            explain="Pax8 takes no orders for the future, so the order is placed on the day itself.",
        ),
        has_begun,
    )
    if not isinstance(event, DayReached):
        await end_without_order(case, event, envelope)


async def check_before_ordering(case: Case, envelope: DraftedEnvelope) -> None:
    """N5, N6: price, name and subscriptions are read again; what changed is put to whom it concerns.

    A customer new to Microsoft 365 is made ready first (P2, P3). Once: `order` looks again where days went by.
    """
    await new_tenant.prepare(case, envelope)
    if not case.journal.starting(case.name("ready-to-order")):
        await look_until_today(case, envelope, 1)


async def look_until_today(case: Case, envelope: DraftedEnvelope, attempt: int) -> None:
    """Decisions that took until another day are followed by another look: what is ordered on was read that day."""
    again = f"-{attempt}" if attempt > 1 else ""
    for look in range(1, 100):
        if was_looked_at(case, attempt):
            return
        day = await case.journal.put(case.name(f"ordering-day{again}-{look}"), day_of_ordering(case))
        await decide_on_changes(case, envelope, day, attempt)
        if day_of_ordering(case) == day:
            await case.journal.put(ready_key(case, attempt), day)


def was_looked_at(case: Case, attempt: int) -> bool:
    """Whether all that could have changed was looked at today, for this attempt, and decided on."""
    return case.journal.get(ready_key(case, attempt)) is not None


def ready_key(case: Case, attempt: int) -> str:
    """What today's look before an attempt is remembered by."""
    return case.name(f"ready-to-order{f'-{attempt}' if attempt > 1 else ''}-{day_of_ordering(case)}")


def day_of_ordering(case: Case) -> str:
    """Today, in our zone."""
    return office().settings.calendar.day_of(case.now()).isoformat()


async def decide_on_changes(case: Case, envelope: DraftedEnvelope, day: str, attempt: int) -> None:
    """What changed since the request: each to the person whom it concerns; refusing ends the procedure."""
    when = day if attempt == 1 else f"{day}-{attempt}"
    settings = office().settings
    bridge = bridge_in(case.journal)
    own_bridge = bridge.ids.subscriptions if bridge is not None else ()
    found = await read_before_ordering(case.request, when, own_bridge)
    for number, renamed in enumerate(found.renamed, start=1):
        await accept(
            case,
            envelope,
            f"renamed-{number}-{when}",
            case.requester,
            f"Acknowledge: {renamed}",
            "Is it still the product that was signed for?",
        )
    if found.dearer:
        table = ["| product | our cost at launch | our cost now |", "| :-- | --: | --: |"]
        table += [f"| {name} | {then} | {now} |" for name, then, now in found.dearer]
        await accept(
            case,
            envelope,
            f"cost-risen-{when}",
            settings.pricing,
            "Decide whether to order although our cost has risen",
            "\n".join(table),
        )
    for number, subscribed in enumerate(found.subscribed, start=1):
        await accept(
            case,
            envelope,
            f"subscribed-{number}-{when}",
            settings.contracts,
            f"Decide whether to order although {subscribed}",
            "It was not so when the procedure started. Accepting makes a second subscription of the same product.",
        )


async def order(case: Case, envelope: DraftedEnvelope, basis: Basis) -> PlacedOrder:
    """N5, B2, I1, I3: the order, once, on its authority; unclear outcomes go to a person.

    Before the first attempt stands `check_before_ordering`; whatever goes out later than that day is looked at again.
    Raises `ConfirmationTooOld` where new terms must go out first, `WrittenAgain` where somebody must read first what
    the customer has written since; nothing was ordered then (B5, B3).
    """
    for attempt in range(1, 50):
        unclear, refused = case.name(f"unclear-order-{attempt}"), case.name(f"order-refused-{attempt}")
        if case.journal.get(f"since-{refused}") is not None:  # asked already: its answer comes before another try
            await ask_after_refusal(case, envelope, refused, case.journal.get(f"why-{refused}") or "")
            continue
        await look_again(case, envelope, basis, attempt)
        try:
            if case.journal.get(f"settled-{unclear}") is None and case.journal.get(f"settled-{refused}") is None:
                placed = await ordering.place_order(case.request, basis, attempt)
            else:
                placed = None
        except WrittenAgain:
            raise
        except (NotSigned, NotCovered, NoSuchEvidence, AuthorityUsed) as no:
            await end(case, envelope, "Refused", str(no), by=word_of(basis))
        except (VendorRefused, Refused) as no:
            why_not = await case.journal.put(f"why-{refused}", str(no))
            await ask_after_refusal(case, envelope, refused, why_not)
            continue
        except UnclearOrder as why:
            placed = await ask_about_unclear_order(case, envelope, basis, unclear, str(why), attempt)
        else:
            if placed is None and case.journal.get(f"settled-{unclear}") is not None:
                placed = await ask_about_unclear_order(case, envelope, basis, unclear, "", attempt)
        if placed is not None:
            await case.journal.put(case.name("ordered"), placed.order_id)
            await case.record(
                "ordered",
                f"Ordered at Pax8: {case.request.what}, order {placed.order_id}, under {placed.authority_id}.",
                by=word_of(basis),
            )
            return placed
    raise RuntimeError("fifty attempts to order; a person must look at this run")


async def look_again(case: Case, envelope: DraftedEnvelope, basis: Basis, attempt: int) -> None:
    """N5: a further attempt, and one that failed on an earlier day, reads all again, while nothing is out.

    The run may have been refused, put off or failed in between, for weeks.
    """
    unclear = case.name(f"unclear-order-{attempt}")
    known = (case.name("ordered"), f"since-{unclear}", f"settled-{unclear}")
    if any(case.journal.get(key) is not None for key in known) or was_looked_at(case, attempt):
        return
    if not await ordering.may_be_out(basis.authority_id):
        await new_tenant.prepare(case, envelope)
        await look_until_today(case, envelope, attempt)


def word_of(basis: Basis) -> str:
    """On whose word an order goes out."""
    return "DocuSign" if isinstance(basis, SignedPaper) else "the customer's written confirmation"


async def ask_after_refusal(case: Case, envelope: DraftedEnvelope, name: str, why: str) -> None:
    """Pax8 said no for certain: the requester mends what it names, then it is tried again."""
    await accept_retry(case, envelope, name, f"Mend what Pax8 names, then try again: {why}"[:400])


async def accept_retry(case: Case, envelope: DraftedEnvelope, name: str, what: str) -> None:
    """One more try on a person's word; nothing was ordered so far."""
    event = await wait_for(
        case,
        Wait(
            name=name,
            awaited=case.requester,
            what=what,
            form=AcceptForm,
            role="requester",
            explain="'accept' tries again, after another look at price, name and what the customer has. "
            "Nothing was ordered so far.",
            letter=purchase_letters.order_refused(case, name, what),
        ),
    )
    if not isinstance(event, Decided):
        await end_without_order(case, event, envelope)


async def ask_about_unclear_order(
    case: Case, envelope: DraftedEnvelope, basis: Basis, name: str, why: str, attempt: int
) -> PlacedOrder | None:
    """Decision 3: no match and no certainty means that a person decides, never a second POST.

    Raises `Ended` where somebody settles it by hand.
    """
    settings, request, authority_id = office().settings, case.request, basis.authority_id
    marked = (
        await unclear_orders.marked_at(request, authority_id) if case.journal.get(f"settled-{name}") is None else None
    )
    not_before = (marked or case.now()) + settings.order_settle

    async def turned_up(_hinted: bool) -> Event | None:
        try:
            found = await unclear_orders.look_for_unclear_order(request, authority_id)
        except UnreadableOrder:
            return None
        return Decided(by="Pax8", choice="the order is there", why=found.order_id) if found is not None else None

    async def not_too_early(event: Event) -> None:
        if isinstance(event, Decided) and event.choice == "no order is there" and case.now() < not_before:
            raise AnswerAgain(
                f"too early: an order may show late. Answer after {settings.calendar.in_words(not_before)}."
            )
        try:
            await agrees_with_pax8(event)
        except UnreadableOrder as unread:
            raise AnswerAgain(f"Your answer can't be compared with Pax8 yet; give it again later. {unread}") from None

    async def agrees_with_pax8(event: Event) -> None:
        match event:
            case Decided(choice="no order is there"):
                if await unclear_orders.look_for_unclear_order(request, authority_id) is not None:
                    raise AnswerAgain("the order is there by now: press 'look again'.")
                found = await unclear_orders.what_may_be_it(request, authority_id)
                if found:
                    raise AnswerAgain(
                        f"Pax8 shows what wasn't there before, and it may be the order: {'; '.join(found)}. Answer "
                        "'the order is there' with the order's id; Pax8 may take a while to show all of it. What stays "
                        "otherwise, settle by hand."
                    )
            case Decided(choice="the order is there"):
                if await unclear_orders.find_named_order(request, authority_id, event.why) is None:
                    raise AnswerAgain(
                        "order_id: that is not a new order of this customer with equal lines. "
                        "If it is the order all the same, settle it by hand."
                    )
            case _:
                return

    event = await wait_for(
        case,
        Wait(
            name=name,
            awaited=case.requester,
            what="Look into the Pax8 portal: is the order there?",
            form=UnclearOrderForm,
            until=not_before if case.now() < not_before else None,
            role="requester",
            check=not_too_early,
            explain=f"{in_markdown(why)}\n\nAsked for: {request.what}. "
            f"Answer after {settings.calendar.in_words(not_before)}.",
            letter=purchase_letters.unclear_order(case, name, why, not_before),
        ),
        turned_up,
    )
    if not isinstance(event, Decided):
        await end_without_order(case, event, envelope)
        return None
    if event.choice == "the order is there":
        return await unclear_orders.adopt_named_order(request, authority_id, event.why)
    if event.choice == "settled by hand":
        await settle_by_hand(case, name, event)
    await unclear_orders.release_marker(request, authority_id, event.by, event.why, attempt)
    return None


async def settle_by_hand(case: Case, name: str, event: Decided) -> NoReturn:
    """Decision 3, I4: whatever was ordered is a person's from now on, by a ticket; raises `Ended` always.

    Nothing is freed, voided or sent: the authority may have bought something.
    """
    said = f"{event.by} looked into Pax8 and settles the order by hand: {event.why}"
    todo = f"See to {case.request.what} by hand: whether it was ordered, its documentation, billing and the customer."
    if case.request.reference != case.reference:
        todo += " A bridge renews every month until its end is booked in the Pax8 portal, or its agreement is signed."
    key = f"{case.reference}:{name}-by-hand"
    await open_ticket(key, case.request.customer.autotask_id, f"{case.title}: {todo}", todo, case.requester, 1, True)
    await case.record(name, said, by=event.by)
    await case.send(purchase_letters.settled_by_hand(case, name, said, todo))
    raise Ended(SETTLED, said)
