"""The words of a purchase: what its mails say (N6, P13, P15, P17, P19). Wording only; what happens is in the flows."""

from datetime import datetime

from rules.agreement import price_text
from rules.calendar import first_day
from rules.people import Person
from tasks.case import Case
from tasks.follow_ups import FollowUp
from tasks.letters import Letter
from tasks.licences import Licence, PlacedOrder
from tasks.office import office


def order_refused(case: Case, name: str, what: str) -> Letter:
    """Pax8 said no for certain: the requester mends it. `name`: of the wait for that."""
    return Letter(
        kind=name.removeprefix(f"{case.leg}-"),
        to=(case.requester,),
        subject=f"{case.title}: the order was refused",
        todo=what,
        otherwise="Nothing was ordered.",
        link=case.run_link,
        link_text="Try again, or withdraw",
    )


def unclear_order(case: Case, name: str, why: str, not_before: datetime) -> Letter:
    """Decision 3: no match and no certainty. `name`: of the wait for a person's look, not before that moment."""
    settings, request = office().settings, case.request
    return Letter(
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
    )


def settled_by_hand(case: Case, name: str, said: str, todo: str) -> Letter:
    """The unclear order is somebody's to see to; the procedure is over. `name`: of the wait for his look."""
    return Letter(
        kind=f"{name.removeprefix(f'{case.leg}-')}-by-hand",
        to=(case.requester,),
        cc=(office().settings.contracts, office().settings.senior_for(case.requester.email)),
        subject=f"{case.title}: the order is settled by hand",
        todo=todo,
        otherwise="Nobody else does it: the procedure is over, and what it rests on buys nothing more.",
        facts=(("What was said", said),),
        link=case.run_link,
        link_text="Open the run",
    )


def provisioning_slow(case: Case, found: tuple[Licence, ...]) -> Letter:
    """P17: a business day in a pending state."""
    return Letter(
        kind="provisioning-slow",
        to=(case.requester,),
        subject=f"{case.title}: provisioning takes long",
        todo="Look at the order in the Pax8 portal (Home > Subscriptions, the eye icon); ask Pax8 if it is stuck.",
        facts=tuple((licence.product_name, licence.in_words()) for licence in found),
        otherwise="The procedure goes on by itself as soon as it is done. Do not order again.",
        link=case.run_link,
        link_text="Open the run",
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


def billing(case: Case, placed: PlacedOrder, found: tuple[Licence, ...]) -> Letter:
    """P15: what is known as soon as the order is read back; P14: the confirmation that is copied by hand."""
    settings = office().settings
    by_hand = ("Pax8's order confirmation: copy it by hand into the public folder.",)
    return Letter(
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
    )


def billing_completed(case: Case, placed: PlacedOrder, done: tuple[Licence, ...]) -> Letter:
    """P15: dates and ids that were not known when billing was told first."""
    return Letter(
        kind="billing-completed",
        to=(office().settings.billing,),
        cc=(case.requester,),
        subject=f"{case.title}: dates and subscription ids",
        todo="Complete the line in the customer's Autotask contract.",
        facts=billing_facts(case, placed, done),
        link=case.links[f"Ticket {case.request.ticket_number}"],
        link_text="Open the ticket",
    )


def term_end_assumed(case: Case, assumed: list[Licence]) -> Letter:
    """Words, term end: Pax8 shows none, so start and term were taken."""
    return Letter(
        kind="term-end-assumed",
        to=(case.requester,),
        subject=f"{case.title}: Pax8 shows no end of the term",
        todo="Look into the Pax8 portal when the term ends; start and term were taken instead.",
        facts=tuple((one.product_name, f"assumed: {one.renews:%Y-%m-%d}") for one in assumed if one.renews),
        link=case.run_link,
        link_text="Open the run",
    )


def ordered(case: Case, done: tuple[Licence, ...]) -> Letter:
    """N6, P19: the customer learns the true dates, and where billing comes from."""
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
    return Letter(
        kind="customer-ordered",
        to=(Person(name=request.signer.name, email=request.signer.email),),
        cc=(case.requester,),
        subject=f"Your licences are ready: {request.what}",
        todo="Your licences are ready; there is nothing that you need to do.",
        facts=tuple(facts),
        paragraphs=tuple(paragraphs),
        from_person=case.requester,
    )


def done(case: Case, licences: tuple[Licence, ...], remaining: list[FollowUp]) -> Letter:
    """P13: the requester is told what is there, and what remains for whom."""
    return Letter(
        kind="done",
        to=(case.requester,),
        subject=f"{case.title}: done",
        todo="The licences are there: tell whoever waits for them.",
        facts=tuple((licence.product_name, licence.in_words()) for licence in licences)
        + tuple(("Still open", f"{one.who.name}: {one.what}") for one in remaining),
        link=case.run_link,
        link_text="Open the run",
    )
