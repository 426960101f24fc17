"""What follows an order: it is read back, billing is told at once, provisioning is followed (P4, P15, P17)."""

import asyncio
from collections.abc import Awaitable, Callable

from rules.events import DayReached, Decided, Event
from rules.people import Person
from tasks import licences, purchase_letters
from tasks.case import Case
from tasks.forms import AnswerAgain, ProvisioningForm
from tasks.licences import Licence, PlacedOrder
from tasks.office import office
from tasks.provisioning import remember_licences
from tasks.waiting import Wait, wait_for

INLINE_LOOK = 2.0


async def nothing_else() -> None:
    """Where nothing else has to be watched while provisioning is followed."""


async def follow_provisioning(
    case: Case, placed: PlacedOrder, watch: Callable[[], Awaitable[None]] = nothing_else
) -> tuple[Licence, ...]:
    """P4, P15, P17: read the order back, tell billing at once, and follow provisioning until it is settled.

    Settled goes by dates, id and seats. Pending for a business day: the requester is told; nothing is ordered again.
    `watch` is called at each look that finds it unsettled.
    """
    settings, request = office().settings, case.request
    latest = await look_inline(case, placed)
    await tell_billing(case, placed, latest)
    slow_after = settings.calendar.business_moment_after(placed.placed_at, 1)

    async def settled(_hinted: bool) -> Event | None:
        nonlocal latest
        latest = await licences.read_licences(placed, request.customer.pax8_id, request.term)
        if all(licence.settled for licence in latest):
            return DayReached(day=settings.calendar.day_of(case.now()))
        if case.now() >= slow_after:
            await tell_slow(case, latest)
        await watch()
        return None

    async def really_there(event: Event) -> None:
        if isinstance(event, Decided) and not all(licence.is_there for licence in latest):
            raise AnswerAgain(
                "the licences can't be there: Pax8 shows " + "; ".join(licence.in_words() for licence in latest)
            )

    event = await wait_for(
        case,
        Wait(
            name=case.name("provisioning"),
            awaited=Person(name="Microsoft", email="provisioning"),
            what="Provisioning: " + "; ".join(licence.in_words() for licence in latest),
            form=ProvisioningForm,
            until=case.now() + settings.provisioning_poll,
            role="provisioning",
            check=really_there,
            explain="Nothing is ordered again, however long it takes.",
        ),
        settled,
    )
    if isinstance(event, Decided):
        await case.record("seen working", f"Pax8 shows it as pending, but the licences work. {event.why}", by=event.by)
    done = await remember_licences(placed, request.customer.pax8_id, request.term)
    await tell_billing_rest(case, placed, done)
    await tell_assumed_end(case, done)
    await case.record("provisioned", "; ".join(licence.in_words() for licence in done), by="Pax8")
    return done


async def look_inline(case: Case, placed: PlacedOrder) -> tuple[Licence, ...]:
    """Stay awake for a moment: most licences are there within a minute."""
    settings = office().settings
    if case.journal.get(f"settled-{case.name('provisioning')}") is not None:
        return await remember_licences(placed, case.request.customer.pax8_id, case.request.term)
    tries = max(1, int(settings.provisioning_inline.total_seconds() / INLINE_LOOK))
    first = case.journal.get(case.name("looked-inline")) is None
    await case.journal.put(case.name("looked-inline"), True)
    found = await licences.read_licences(placed, case.request.customer.pax8_id, case.request.term)
    for _ in range(tries if first else 0):
        if all(licence.settled for licence in found):
            break
        await case.show("Ordered; provisioning: " + "; ".join(licence.in_words() for licence in found))
        await asyncio.sleep(INLINE_LOOK)
        found = await licences.read_licences(placed, case.request.customer.pax8_id, case.request.term)
    return found


async def tell_slow(case: Case, found: tuple[Licence, ...]) -> None:
    """P17: a business day in a pending state."""
    await case.send(purchase_letters.provisioning_slow(case, found))


async def tell_billing(case: Case, placed: PlacedOrder, found: tuple[Licence, ...]) -> None:
    """P15: billing is told as soon as the order is read back, whatever else is open."""
    settings = office().settings
    complete = all(licence.subscription_id and licence.renews for licence in found)
    await case.journal.put(case.name("billing-told-complete"), complete)
    await case.send(purchase_letters.billing(case, placed, found))
    await case.record("billing told", f"{settings.billing.name} was asked to begin billing.")


async def tell_billing_rest(case: Case, placed: PlacedOrder, done: tuple[Licence, ...]) -> None:
    """P15: dates and ids that were not known when billing was told first."""
    if case.journal.get(case.name("billing-told-complete")):
        return
    await case.send(purchase_letters.billing_completed(case, placed, done))


async def tell_assumed_end(case: Case, done: tuple[Licence, ...]) -> None:
    """Words, term end: where Pax8 shows none, start and term are taken, and a person is told."""
    assumed = [licence for licence in done if licence.renews_assumed and licence.renews]
    if not assumed:
        return
    await case.send(purchase_letters.term_end_assumed(case, assumed))
