"""The purchase under an agreement, and its legs: telling, documentation, filing, the agreed end, follow-ups (N7, P)."""

from datetime import timedelta

from flows import new_tenant
from flows.ordering import check_before_ordering, order
from flows.provisioning import follow_provisioning
from rules.authority import SignerDecision
from rules.calendar import end_reaching, term_before
from tasks import documentation, purchase_letters
from tasks.agreements import DraftedEnvelope
from tasks.authority import SignedPaper
from tasks.case import Case
from tasks.follow_ups import FollowUp, ask_each
from tasks.licences import Licence, PlacedOrder
from tasks.mail import file_order_confirmations
from tasks.net import AGREED_END, HAS_END, MAIL_AWAITED
from tasks.office import office
from tasks.schedule import END_SUBSCRIPTION, book_timed
from tasks.tickets import complete_ticket


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


async def tell_customer(case: Case, done: tuple[Licence, ...]) -> None:
    """The customer learns the true dates, and where billing comes from (N6, P19)."""
    await case.send(purchase_letters.ordered(case, done))
    await case.record("customer told", f"{case.request.signer.name} was told the dates.", public=True)


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
        start = settings.calendar.last_day(licence.start)
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


async def ask_follow_ups(case: Case) -> list[FollowUp]:
    """P13: each follow-up is a ticket and a mail of its own to its person, once a procedure."""
    return await ask_each(case, follow_ups(case))


async def finish(case: Case, done: tuple[Licence, ...]) -> None:
    """P13: requester and follow-up people are told; the ticket is completed only when nothing is open."""
    request = case.request
    remaining = await ask_follow_ups(case)
    summary = "; ".join(licence.in_words() for licence in done)
    await case.send(purchase_letters.done(case, done, remaining))
    if remaining or new_tenant.needs_set_up(case):
        await case.record("done", f"{summary}. The ticket stays open for the follow-ups.")
        return
    await case.record("done", f"{summary}. Nothing is open.")
    await complete_ticket(request.ticket_id, f"{request.what} ordered and provisioned ({case.reference}).")
