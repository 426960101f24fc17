"""The purchase's legs, shared by the flows: order, billing, provisioning, documentation, filing, telling (P)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

from flows import new_tenant
from flows.agreement import accept, end, end_without_order
from rules.agreement import price_text
from rules.authority import NotCovered, SignerDecision
from rules.calendar import end_reaching, term_end_after
from rules.events import DayReached, Decided, Event
from rules.people import Person
from rules.refusal import Refused
from tasks import documentation, licences
from tasks.agreements import DraftedEnvelope, NotSigned
from tasks.authority import Basis, SignedPaper
from tasks.case import Case
from tasks.casefile import in_markdown
from tasks.evidence import read_before_ordering
from tasks.follow_ups import FollowUp, ask_each
from tasks.forms import AcceptForm, AnswerAgain, LookForm, ProvisioningForm, UnclearOrderForm
from tasks.letters import Letter
from tasks.licences import AuthorityUsed, Licence, PlacedOrder, UnclearOrder, UnreadableOrder
from tasks.mail import file_order_confirmations
from tasks.net import AGREED_END, HAS_END, MAIL_AWAITED
from tasks.office import office
from tasks.provisioning import remember_licences
from tasks.schedule import END_SUBSCRIPTION, book_timed
from tasks.tickets import complete_ticket
from tasks.waiting import Wait, wait_for
from tasks.written import NoSuchEvidence
from vendors.errors import Refused as VendorRefused

INLINE_LOOK = 2.0


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

    A customer new to Microsoft 365 is made ready first (P2, P3).

    Decisions that took until another day are followed by another look: what is ordered on was read that day.
    """
    await new_tenant.prepare(case, envelope)
    calendar = office().settings.calendar
    for look in range(1, 100):
        if case.journal.get(case.name("ready-to-order")) is not None:
            return
        day = await case.journal.put(case.name(f"ordering-day-{look}"), calendar.day_of(case.now()).isoformat())
        await decide_on_changes(case, envelope, day)
        if calendar.day_of(case.now()).isoformat() == day:
            await case.journal.put(case.name("ready-to-order"), day)


async def decide_on_changes(case: Case, envelope: DraftedEnvelope, day: str) -> None:
    """What changed since the request: each to the person whom it concerns; refusing ends the procedure."""
    settings = office().settings
    found = await read_before_ordering(case.request, day)
    for number, renamed in enumerate(found.renamed, start=1):
        await accept(
            case,
            envelope,
            f"renamed-{number}-{day}",
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
            f"cost-risen-{day}",
            settings.pricing,
            "Decide whether to order although our cost has risen",
            "\n".join(table),
        )
    for number, subscribed in enumerate(found.subscribed, start=1):
        await accept(
            case,
            envelope,
            f"subscribed-{number}-{day}",
            settings.contracts,
            f"Decide whether to order although {subscribed}",
            "It was not so when the procedure started. Accepting makes a second subscription of the same product.",
        )


async def order(case: Case, envelope: DraftedEnvelope, basis: Basis) -> PlacedOrder:
    """N5, B2, I1, I3: the order, once, on its authority; unclear outcomes go to a person.

    Raises `ConfirmationTooOld` where new terms must go out first; nothing was ordered then (B5).
    """
    for attempt in range(1, 50):
        unclear, refused = case.name(f"unclear-order-{attempt}"), case.name(f"order-refused-{attempt}")
        if case.journal.get(f"since-{refused}") is not None:  # asked already: its answer comes before another try
            await ask_after_refusal(case, envelope, refused, case.journal.get(f"why-{refused}") or "")
            continue
        try:
            if case.journal.get(f"settled-{unclear}") is None and case.journal.get(f"settled-{refused}") is None:
                placed = await licences.place_order(case.request, basis, attempt)
            else:
                placed = None
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
            await case.record(
                "ordered",
                f"Ordered at Pax8: {case.request.what}, order {placed.order_id}, under {placed.authority_id}.",
                by=word_of(basis),
            )
            return placed
    raise RuntimeError("fifty attempts to order; a person must look at this run")


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
            explain="'accept' tries again. Nothing was ordered so far.",
            letter=Letter(
                kind=name.removeprefix(f"{case.leg}-"),
                to=(case.requester,),
                subject=f"{case.title}: the order was refused",
                todo=what,
                otherwise="Nothing was ordered.",
                link=case.run_link,
                link_text="Try again, or withdraw",
            ),
        ),
    )
    if not isinstance(event, Decided):
        await end_without_order(case, event, envelope)


async def ask_about_unclear_order(
    case: Case, envelope: DraftedEnvelope, basis: Basis, name: str, why: str, attempt: int
) -> PlacedOrder | None:
    """Decision 3: no match and no certainty means that a person decides, never a second POST."""
    settings, request, authority_id = office().settings, case.request, basis.authority_id
    marked = await licences.marked_at(request, authority_id) if case.journal.get(f"settled-{name}") is None else None
    not_before = (marked or case.now()) + settings.order_settle

    async def turned_up(_hinted: bool) -> Event | None:
        try:
            found = await licences.look_for_unclear_order(request, authority_id)
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
                if await licences.look_for_unclear_order(request, authority_id) is not None:
                    raise AnswerAgain("the order is there by now: press 'look again'.")
            case Decided(choice="the order is there"):
                if await licences.find_named_order(request, authority_id, event.why) is None:
                    raise AnswerAgain("order_id: that is not a new order of this customer with equal lines.")
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
            letter=Letter(
                kind=name.removeprefix(f"{case.leg}-"),
                to=(case.requester,),
                cc=(settings.senior_for(case.requester.email),),
                subject=f"{case.title}: nobody knows whether the order went out",
                todo=f"Look into the Pax8 portal after {settings.calendar.in_words(not_before)}: is there an order for "
                f"{request.what}? Then answer the form.",
                otherwise="Nothing is ordered again until you answer.",
                facts=(("What happened", why or "the connection was cut"),),
                link=case.run_link,
                link_text="Answer the form",
            ),
        ),
        turned_up,
    )
    if not isinstance(event, Decided):
        await end_without_order(case, event, envelope)
        return None
    if event.choice == "the order is there":
        return await licences.adopt_named_order(request, authority_id, event.why)
    await licences.release_marker(request, authority_id, event.by, event.why, attempt)
    return None


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
    await tell_billing_rest(case, placed, latest, done)
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
    await case.send(
        Letter(
            kind="provisioning-slow",
            to=(case.requester,),
            subject=f"{case.title}: provisioning takes long",
            todo="Look at the order in the Pax8 portal (Home > Subscriptions, the eye icon); ask Pax8 if it is stuck.",
            facts=tuple((licence.product_name, licence.in_words()) for licence in found),
            otherwise="The procedure goes on by itself as soon as it is done. Do not order again.",
            link=case.run_link,
            link_text="Open the run",
        ),
    )


def billing_facts(case: Case, placed: PlacedOrder, found: tuple[Licence, ...]) -> tuple[tuple[str, str], ...]:
    """P15: product, seats, term, customer's price, start, renewal, subscription id, agreement, ticket."""
    request, calendar = case.request, office().settings.calendar
    prices = {line.product_name: line.unit_price for line in request.terms.lines}
    facts = [("Customer", request.customer.name)]
    if case.leg.startswith("bridge"):
        facts.append(("Bridge", "one month on the customer's written confirmation; you are told what follows it"))
    for licence in found:
        facts += [
            ("Product", f"{licence.seats} × {licence.product_name}"),
            ("Price", f"{price_text(prices[licence.product_name])} {request.currency} per seat"),
            ("Term", f"{request.term.value}, billed {request.billing.value.lower()}"),
            ("Start", first_day(licence.start).isoformat() if licence.start else "not known yet"),
            ("Renews", calendar.term_end(licence.renews).isoformat() if licence.renews else "not known yet"),
            ("Subscription", licence.subscription_id or "not known yet"),
        ]
    if request.end:
        facts.append(("Ends", f"with the term that reaches {request.end}"))
    return (
        *facts,
        ("Order", placed.order_id),
        ("Agreement", case.links["Agreement in DocuSign"]),
        ("Ticket", request.ticket_number),
    )


def first_day(start: datetime) -> date:
    """The day a subscription starts. Pax8 gives a day as midnight UTC (pax8.md §7): in the MSP's zone it is the eve."""
    return start.astimezone(UTC).date()


async def tell_billing(case: Case, placed: PlacedOrder, found: tuple[Licence, ...]) -> None:
    """P15: billing is told as soon as the order is read back, whatever else is open."""
    settings = office().settings
    complete = all(licence.subscription_id and licence.renews for licence in found)
    await case.journal.put(case.name("billing-told-complete"), complete)
    by_hand = ("Pax8's order confirmation: copy it by hand into the public folder.",)
    await case.send(
        Letter(
            kind="billing",
            to=(settings.billing,),
            cc=(case.requester,),
            subject=f"{case.title}: ordered, please begin billing",
            todo="Add it to the customer's Autotask contract and begin billing.",
            facts=billing_facts(case, placed, found),
            paragraphs=by_hand if settings.public_folder_alive else (),
            otherwise="Pax8 bills us from the start date, whether the customer is billed or not.",
            link=case.links[f"Ticket {case.request.ticket_number}"],
            link_text="Open the ticket",
            from_person=case.requester,
        ),
    )
    await case.record("billing told", f"{settings.billing.name} was asked to begin billing.")


async def tell_billing_rest(
    case: Case, placed: PlacedOrder, _seen: tuple[Licence, ...], done: tuple[Licence, ...]
) -> None:
    """P15: dates and ids that were not known when billing was told first."""
    if case.journal.get(case.name("billing-told-complete")):
        return
    await case.send(
        Letter(
            kind="billing-completed",
            to=(office().settings.billing,),
            cc=(case.requester,),
            subject=f"{case.title}: dates and subscription ids",
            todo="Complete the line in the customer's Autotask contract.",
            facts=billing_facts(case, placed, done),
            link=case.links[f"Ticket {case.request.ticket_number}"],
            link_text="Open the ticket",
        ),
    )


async def tell_assumed_end(case: Case, done: tuple[Licence, ...]) -> None:
    """Words, term end: where Pax8 shows none, start and term are taken, and a person is told."""
    assumed = [licence for licence in done if licence.renews_assumed and licence.renews]
    if not assumed:
        return
    await case.send(
        Letter(
            kind="term-end-assumed",
            to=(case.requester,),
            subject=f"{case.title}: Pax8 shows no end of the term",
            todo="Look into the Pax8 portal when the term ends; start and term were taken instead.",
            facts=tuple((one.product_name, f"assumed: {one.renews:%Y-%m-%d}") for one in assumed if one.renews),
            link=case.run_link,
            link_text="Open the run",
        ),
    )


async def tell_customer(case: Case, done: tuple[Licence, ...]) -> None:
    """The customer learns the true dates, and where billing comes from (N6, P19)."""
    request, calendar = case.request, office().settings.calendar
    facts = []
    for licence in done:
        facts.append(("Licences", f"{licence.seats} × {licence.product_name}, {request.term.value} term"))
        if licence.start and licence.renews:
            facts.append(("Starts", first_day(licence.start).isoformat()))
            facts.append(("Renews", calendar.term_end(licence.renews).isoformat()))
    paragraphs = [
        "Your bills come from us. Billing notices inside Microsoft 365 are not used: please ignore them there."
    ]
    if case.journal.get(case.name("seats-as-signed")):
        paragraphs.insert(0, f"Ordered as signed, which is not what had been asked for: {request.what}.")
    starts = max((first_day(licence.start) for licence in done if licence.start), default=None)
    if request.start and starts and starts > request.start:
        paragraphs.insert(0, f"You had asked for {request.start}; it starts on {starts}.")
    await case.send(
        Letter(
            kind="customer-ordered",
            to=(Person(name=request.signer.name, email=request.signer.email),),
            cc=(case.requester,),
            subject=f"Your licences are ready: {request.what}",
            todo="Your licences are ready; there is nothing that you need to do.",
            facts=tuple(facts),
            paragraphs=tuple(paragraphs),
            from_person=case.requester,
        ),
    )
    await case.record("customer told", f"{request.signer.name} was told the dates.", public=True)


async def document(case: Case, envelope: DraftedEnvelope, done: tuple[Licence, ...], occasion: str = "") -> None:
    """P11: the Application asset in IT Glue."""
    for licence in done:
        asset = await documentation.document_licence(case.request, licence, envelope.envelope_id, occasion)
        case.links[f"IT Glue: {asset.name}"] = asset.link
        stage = f"documented {licence.product_name}{occasion}"[:200]
        await case.record(stage, f"IT Glue: {asset.name}", link=asset.link)
    await new_tenant.tag_to_admin(case, "-".join([occasion, *(licence.subscription_id for licence in done)]))


async def file_confirmations(case: Case, placed: PlacedOrder) -> None:
    """P14: file Pax8's confirmation if it has come; else reconcile files it, or tells the requester."""
    request = case.request
    names = (request.customer.name, *(line.product_name for line in request.lines))
    filed = await file_order_confirmations(placed.order_id, names, placed.placed_at, "first")
    if filed:
        await case.record("confirmation filed", f"{office().settings.order_mail_folder}: {filed[0].subject}")
        return
    await case.tag(MAIL_AWAITED, f"order-mail:{placed.order_id}", f"ordered-at:{placed.placed_at.isoformat()}")
    await case.record("confirmation awaited", "Pax8's confirmation has not come yet; it is filed when it does.")


async def schedule_end(case: Case, envelope: DraftedEnvelope, done: tuple[Licence, ...]) -> None:
    """N7: book a run for the term that reaches the agreed end; it books the cancellation within that term."""
    request, settings = case.request, office().settings
    if request.end is None:
        return
    for licence in done:
        if licence.start is None:
            continue
        start = first_day(licence.start)
        ends_on = end_reaching(start, request.term.months, request.end)
        at = settings.calendar.start_of(term_before(start, ends_on, request.term.months) + timedelta(days=1))
        at = max(at, case.now())
        parameters = {
            "subscription_id": licence.subscription_id,
            "envelope_id": envelope.envelope_id,
            "procedure_run_id": str(case.run_id),
        }
        tag = f"end-of:{licence.subscription_id}"
        await case.tag(HAS_END, tag, f"ends:{request.end.isoformat()}")
        await book_timed(
            END_SUBSCRIPTION,
            at,
            f"end-{licence.subscription_id}-{request.end.isoformat()}-1",
            parameters,
            (tag, AGREED_END),
        )
        await case.record(
            f"end scheduled {licence.product_name}"[:200],
            f"{licence.product_name} ends with the term that reaches {request.end}, on {ends_on}; the cancellation is "
            f"booked from {settings.calendar.in_words(at)} on.",
        )


def term_before(start: date, ends_on: date, months: int) -> date:
    """The start of the term that ends on that day."""
    terms = 1
    while term_end_after(start, months, terms) < ends_on:
        terms += 1
    return term_end_after(start, months, terms - 1)


def follow_ups(case: Case) -> list[FollowUp]:
    """P13: what remains for people: the work named at launch, and an absent GDAP relationship (P8)."""
    request = case.request
    found = []
    if request.follow_up is not None:
        work = request.follow_up_work or "Set up what the new licences are for."
        found.append(FollowUp(key="follow-up", who=request.follow_up, what=work, days=5))
    if not request.customer.gdap_active and not new_tenant.needs_set_up(case):
        found.append(
            FollowUp(
                key="gdap",
                who=case.requester,
                what=f"Establish a GDAP relationship with {request.customer.name}: none with the roles is active.",
                days=10,
            )
        )
    return found


async def buy(case: Case, envelope: DraftedEnvelope, signers: tuple[SignerDecision, ...]) -> tuple[Licence, ...]:
    """The whole purchase under a signed agreement: order, billing, provisioning, telling, documentation, filing."""
    await check_before_ordering(case, envelope)
    placed = await order(case, envelope, SignedPaper(envelope_id=envelope.envelope_id, decisions=signers))
    done = await follow_provisioning(case, placed)
    await new_tenant.start_set_up(case)
    await tell_customer(case, done)
    await document(case, envelope, done)
    await file_confirmations(case, placed)
    await schedule_end(case, envelope, done)
    return done


async def ask_follow_ups(case: Case) -> list[FollowUp]:
    """P13: each follow-up is a ticket and a mail of its own to its person, once a procedure."""
    return await ask_each(case, follow_ups(case))


async def finish(case: Case, done: tuple[Licence, ...]) -> None:
    """P13: requester and follow-up people are told; the ticket is completed only when nothing is open."""
    request = case.request
    remaining = await ask_follow_ups(case)
    summary = "; ".join(licence.in_words() for licence in done)
    await case.send(
        Letter(
            kind="done",
            to=(case.requester,),
            subject=f"{case.title}: done",
            todo="The licences are there: tell whoever waits for them.",
            facts=tuple((licence.product_name, licence.in_words()) for licence in done)
            + tuple(("Still open", f"{one.who.name}: {one.what}") for one in remaining),
            link=case.run_link,
            link_text="Open the run",
        ),
    )
    if remaining or new_tenant.needs_set_up(case):
        await case.record("done", f"{summary}. The ticket stays open for the follow-ups.")
        return
    await case.record("done", f"{summary}. Nothing is open.")
    await complete_ticket(request.ticket_id, f"{request.what} ordered and provisioned ({case.reference}).")
