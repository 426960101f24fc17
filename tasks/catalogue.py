"""What Pax8 offers and what the customer has: products, terms, prices, questions, live subscriptions (N1, P1, A1)."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from rules.order import Billing, LicenceOrder, OrderLine, Term
from rules.product_map import MappedProduct
from rules.provisioning import AnswerBook, Question
from rules.refusal import Problem, Refused
from rules.request import AskedLine, CheckedLine, CheckedRequest, Offer
from rules.subscribed import LiveSubscription, check_new, relatives
from tasks.office import office
from vendors.errors import NotFound
from vendors.errors import Refused as VendorRefused
from vendors.pax8 import PriceRow, Subscription

NOT_AT_PAX8 = "not at Pax8 yet"
"""Stands for the company of an order that is only looked at; no order can be sent with it."""


async def check_line(asked: AskedLine, company_id: str, term: Term, billing: Billing) -> CheckedLine | list[Problem]:
    """One line against the product map, the quote, the catalogue and the term; all its problems at once."""
    product_map, pax8 = office().settings.product_map, office().pax8
    mapped = product_map.named(asked.product)
    if mapped is None:
        near = [product.name async for product in pax8.products(search=asked.product)] if asked.product else []
        found = product_map.find(asked.field, asked.product, tuple(near[:8]))
        return [found] if isinstance(found, Problem) else []
    problems = [p for p in [product_map.check_quote(_quote_field(asked), mapped, asked.quote_line)] if p]
    try:
        product = await pax8.product(mapped.product_id)
        offers = await offers_of(mapped.product_id, company_id, asked.seats)
    except NotFound:
        return [*problems, _not_orderable(asked, mapped)]
    line = CheckedLine(
        field=asked.field,
        product_id=mapped.product_id,
        product_name=mapped.agreement_name,
        catalogue_name=product.name,
        quote_line=asked.quote_line,
        seats=asked.seats,
        offers=offers,
    )
    problem = check_offer(line, term, billing)
    return [*problems, problem] if problem else (problems or line)


def check_offer(line: CheckedLine, term: Term, billing: Billing) -> Problem | None:
    """Whether a line can be had on that term with that billing, for that many seats (N1, P4)."""
    if line.offer(term, billing) is not None:
        return None
    offered = sorted({f"{offer.term.value} billed {offer.billing.value}" for offer in line.offers})
    if not offered:
        return Problem(
            field="seats" if line.field == "product" else line.field,
            clause="P4",
            message=f"Pax8 has no price for {line.seats} × {line.product_name}: above the product's limit.",
            way_out="Ask pricing how many can be ordered at once.",
        )
    return Problem(
        field="term",
        clause="N1",
        message=f"{line.product_name} can't be had on the {term.value} term billed {billing.value}; "
        f"offered: {', '.join(offered)}.",
        way_out="Choose a term and billing frequency that is offered.",
    )


async def offers_of(product_id: str, company_id: str, seats: int) -> tuple[Offer, ...]:
    """What a product costs for that many seats, on each of the two terms, with its own commitment ids.

    Only prices whose commitment the product really offers and whose months fit the term (pax8.md §5). Without a
    company, for a customer who isn't at Pax8 yet, they are everybody's.
    """
    pax8 = office().pax8
    commitments = {c.term: c for c in (await pax8.dependencies(product_id)).commitments}
    offers = []
    for row in await pax8.pricing(product_id, company_id or None):
        term, billing = _term_of(row), _billing_of(row.billing_term)
        commitment = commitments.get(row.commitment_term)
        if term is None or billing is None or commitment is None:
            continue
        rate = next((r for r in row.rates if r.start <= seats and (r.end is None or seats <= r.end)), None)
        if rate is None or rate.retail is None:
            continue
        offers.append(
            Offer(
                term=term,
                billing=billing,
                commitment_id=commitment.id,
                retail=rate.retail,
                cost=rate.buy,
                auto_renew=commitment.auto_renew,
            )
        )
    return tuple(offers)


def _term_of(row: PriceRow) -> Term | None:
    term = next((term for term in Term if term.value == row.commitment_term), None)
    if term is None or row.commitment_months not in (None, term.months):
        return None
    return term


def _billing_of(text: str) -> Billing | None:
    return next((billing for billing in Billing if billing.value == text), None)


async def live_subscriptions(company_id: str) -> tuple[LiveSubscription, ...]:
    """Everything the customer has at Pax8, as the rules take it; nothing where the customer isn't there yet."""
    if not company_id:
        return ()
    return tuple([as_live(s) async for s in office().pax8.subscriptions(company_id=company_id)])


def as_live(subscription: Subscription) -> LiveSubscription:
    """A subscription as the rules take it. The term is the commitment's; without one it is unknown."""
    calendar = office().settings.calendar
    commitment = subscription.commitment_term
    return LiveSubscription(
        subscription_id=subscription.id,
        product_id=subscription.product_id,
        product_name=subscription.product_name,
        seats=subscription.quantity,
        term=next((t for t in Term if commitment is not None and t.value == commitment.term), None),
        status=subscription.status,
        started_on=calendar.day_of(subscription.start) if subscription.start else None,
        ends_on=calendar.term_end(subscription.end) if subscription.end else None,
    )


def check_subscribed(
    lines: tuple[CheckedLine, ...],
    term: Term,
    start: date,
    held: tuple[LiveSubscription, ...],
    own: frozenset[str] = frozenset(),
) -> list[Problem]:
    """The lines that the customer has already on this term: add-seats, not a new subscription (A1)."""
    problems = (check_new(line.field, line.product_id, line.product_name, term, start, held, own=own) for line in lines)
    return [problem for problem in problems if problem is not None]


def notices(
    lines: tuple[CheckedLine, ...], term: Term, held: tuple[LiveSubscription, ...], on: date
) -> tuple[str, ...]:
    """Other terms, trials and twins that stand beside the request; shown, never judged (A1)."""
    shown = [text for line in lines for text in relatives(line.product_id, line.product_name, term, held, on)]
    return tuple(dict.fromkeys(shown))


async def check_prerequisites(lines: tuple[CheckedLine, ...], held: tuple[LiveSubscription, ...]) -> list[Problem]:
    """Products that need another one: it must be live, or stand in the same order (pax8.md §5)."""
    today = office().settings.calendar.day_of(office().clock.now())
    there = {s.product_id for s in held if s.is_live(today)} | {line.product_id for line in lines}
    problems = []
    for line in lines:
        for needed in (await office().pax8.dependencies(line.product_id)).products:
            if needed.products and not any(product.id in there for product in needed.products):
                names = ", ".join(product.name for product in needed.products)
                problems.append(
                    Problem(
                        field=line.field,
                        clause="P1",
                        message=f"{line.product_name} needs one of: {names} ({needed.name}).",
                        way_out="Order it together as a further line, or first.",
                    )
                )
    return problems


def provisioning_facts(request: CheckedRequest, order_day: date) -> dict[str, str]:
    """What a request can answer Pax8's questions with (P5, P6). The customer's mail only where the settings allow."""
    settings = office().settings
    given, _, family = request.requester.name.rpartition(" ")
    return {
        "tenant_id": request.customer.tenant_id,
        "onmicrosoft_prefix": request.customer.prefix,
        "mca_first_name": request.mca_first_name,
        "mca_last_name": request.mca_last_name,
        "mca_email": request.signer.email if settings.mca_customer_email else settings.shared_mailbox,
        "acceptance_date": order_day.isoformat(),
        "our_mailbox": settings.shared_mailbox,
        "requester_first_name": given or family,
        "requester_last_name": family,
    }


def answer_book(request: CheckedRequest) -> AnswerBook:
    """The MSP's answers to Pax8's questions; for an order that makes the tenant, those of new customers before them."""
    settings = office().settings
    if not request.customer.needs_tenant:
        return settings.answers
    return AnswerBook(answers={**settings.answers.answers, **settings.tenants.answers})


async def build_order(request: CheckedRequest) -> LicenceOrder:
    """The order as it would be written now: commitments and answers read fresh (P4 to P6).

    Raises `Refused` naming every question that can't be answered for certain, and every term that is gone.
    """
    settings, now = office().settings, office().clock.now()
    order_day = settings.calendar.day_of(now)
    facts, book = provisioning_facts(request, order_day), answer_book(request)
    lines: list[OrderLine] = []
    problems: list[Problem] = []
    for line in request.lines:
        offers = await offers_of(line.product_id, request.customer.pax8_id, line.seats)
        fresh = line.model_copy(update={"offers": offers})
        problem = check_offer(fresh, request.term, request.billing)
        offer = fresh.offer(request.term, request.billing)
        questions = [
            Question(
                key=asked.key,
                label=asked.label,
                choose=asked.value_type != "Input",
                possible_values=asked.possible_values,
            )
            for asked in await office().pax8.provision_details(line.product_id)
        ]
        answers, unanswered = book.answer(line.field, line.product_name, questions, facts)
        problems += [*([problem] if problem else []), *unanswered]
        if offer is not None:
            lines.append(
                OrderLine(
                    product_id=line.product_id,
                    product_name=line.product_name,
                    seats=line.seats,
                    unit_price=request.price_of(line),
                    commitment_id=offer.commitment_id,
                    commitment_term=offer.term,
                    provisioning=answers,
                )
            )
    if problems:
        raise Refused(problems)
    return LicenceOrder(
        reference=request.reference,
        customer=request.customer.name,
        ticket=request.ticket_number,
        company_id=request.customer.pax8_id or NOT_AT_PAX8,
        ordered_by_email=settings.shared_mailbox,
        term=request.term,
        billing=request.billing,
        currency=request.currency,
        start=request.start,
        end=request.end,
        lines=tuple(lines),
        at=now,
        order_day=order_day,
    )


async def check_mock(order: LicenceOrder) -> Problem | None:
    """Let Pax8 check the order without placing it; the problem in its own words (pax8.md §6)."""
    try:
        await office().pax8.mock_order(order)
    except VendorRefused as refusal:
        return Problem(
            field="product",
            clause="P1",
            message=f"Pax8 would not take this order: {refusal.message}",
            way_out="Correct what Pax8 names: in the request, or in 'provisioning_answers' of the settings block.",
        )
    except NotFound as unknown:
        return Problem(
            field="product",
            clause="P1",
            message=f"Pax8 can't order one of these products for this customer: {unknown.message}",
            way_out="Look at the product in the Pax8 portal, for this company.",
        )
    return None


async def costs_now(request: CheckedRequest) -> Mapping[str, tuple[Decimal, Decimal]]:
    """By product: our cost when the request was checked, and now. For pricing's eyes only (N5)."""
    costs = {}
    for line in request.lines:
        then = line.offer(request.term, request.billing)
        now = next(
            (
                offer
                for offer in await offers_of(line.product_id, request.customer.pax8_id, line.seats)
                if offer.term is request.term and offer.billing is request.billing
            ),
            None,
        )
        if then is not None and now is not None:
            costs[line.product_name] = (then.cost, now.cost)
    return costs


def _quote_field(asked: AskedLine) -> str:
    return "quote_line" if asked.field == "product" else asked.field


def _not_orderable(asked: AskedLine, mapped: MappedProduct) -> Problem:
    return Problem(
        field=asked.field,
        clause="N1",
        message=f"Pax8 knows no product {mapped.product_id} for this customer ({mapped.agreement_name}).",
        way_out="Have the product map in the settings block corrected.",
    )
