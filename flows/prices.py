"""The customer's prices: pricing confirms them, the customer chooses the term (N2)."""

from decimal import Decimal

from flows.decisions import end_without_order, stand_by_decision
from rules.events import Event, PricesGiven, TermChosen
from rules.order import Billing, Term
from rules.refusal import Refused
from rules.request import CheckedRequest, UnreadableAnswer, read_prices
from tasks import agreement_letters, catalogue
from tasks.case import Case
from tasks.forms import AnswerAgain, PricingForm, TermForm
from tasks.office import office
from tasks.waiting import Wait, wait_for


async def confirm_prices(case: Case) -> None:
    """N2: pricing confirms the figures, the customer is mailed them, and the chosen term comes back."""
    request, settings = case.request, office().settings
    products = tuple(line.product_name for line in request.lines)

    async def readable(event: Event) -> None:
        if isinstance(event, PricesGiven):
            two_price_lists(event.prices, products)

    event = await wait_for(
        case,
        Wait(
            name="pricing",
            awaited=settings.pricing,
            what=f"Confirm the customer's prices for {request.what}",
            form=PricingForm,
            may_decide=(settings.pricing, settings.contracts),
            role="pricing",
            explain=agreement_letters.rates_table(request),
            check=readable,
            letter=agreement_letters.pricing_asked(case),
        ),
    )
    if not isinstance(event, PricesGiven):
        await end_without_order(case, event, None)
        return
    await stand_by_decision(case, "pricing", event.by)
    monthly, annual = two_price_lists(event.prices, products)
    await case.record(
        "prices confirmed", agreement_letters.prices_in_words(monthly, annual, request.currency), by=event.by
    )
    await case.send(agreement_letters.prices(case, monthly, annual))

    async def available(event: Event) -> None:
        if isinstance(event, TermChosen):
            await term_available(case.request, event.term)
            if not (annual if event.term is Term.ANNUAL else monthly):
                raise AnswerAgain(f"term: pricing has confirmed no prices for the {event.term.value} term.")

    chosen = await wait_for(
        case,
        Wait(
            name="term",
            awaited=case.requester,
            what="Enter the term that the customer chose",
            form=TermForm,
            role="requester",
            check=available,
            letter=agreement_letters.term_asked(case, monthly, annual),
        ),
    )
    if not isinstance(chosen, TermChosen):
        await end_without_order(case, chosen, None)
        return
    billing = request.billing if chosen.term is Term.ANNUAL else Billing.MONTHLY
    per_month = annual if chosen.term is Term.ANNUAL else monthly
    prices = {product: price * billing.months for product, price in per_month.items()}
    changed = request.model_copy(
        update={"term": chosen.term, "billing": billing, "annual_reason": chosen.why or request.annual_reason}
    )
    case.request = changed.with_prices(prices, event.by)
    await case.record("term chosen", f"The customer chose the {chosen.term.value} term. {chosen.why}", by=chosen.by)


async def term_available(request: CheckedRequest, term: Term) -> None:
    """The chosen term must be offered, and not be subscribed to already (A1, N1). Raises `AnswerAgain`."""
    billing = request.billing if term is Term.ANNUAL else Billing.MONTHLY
    held = await catalogue.live_subscriptions(request.customer.pax8_id)
    today = office().settings.calendar.day_of(office().clock.now())
    problems = [p for line in request.lines if (p := catalogue.check_offer(line, term, billing))]
    problems += catalogue.check_subscribed(request.lines, term, request.start or today, held)
    if problems:
        raise AnswerAgain(str(Refused(problems)))


def two_price_lists(text: str, products: tuple[str, ...]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Pricing's figures for both terms; each term may be left out, but not both. Raises `AnswerAgain`."""
    monthly, _, annual = text.partition("\n---\n")
    try:
        lists = tuple(
            read_prices(part, products, all_needed=True) if part.strip() else {} for part in (monthly, annual)
        )
    except UnreadableAnswer as unreadable:
        raise AnswerAgain(str(unreadable)) from None
    if not any(lists):
        raise AnswerAgain("monthly_prices, annual_prices: give the figures for at least one of the terms.")
    return lists[0], lists[1]
