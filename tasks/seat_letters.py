"""The words of more seats: what its mails say (S1 to S4, P15). Wording only; what happens is in the flow."""

from datetime import date

from rules.agreement import price_text
from rules.order import Term
from rules.people import Person
from rules.seats import SEVEN_DAYS, HeldSeats, SeatRequest, SeatsOffer, running_period
from tasks.case import Case
from tasks.letters import Letter
from tasks.office import office
from tasks.seats import SeatBasis


def contact_of(request: SeatRequest) -> Person:
    """Who confirms for the customer."""
    return Person(name=request.contact.name, email=request.contact.email)


def facts_of(request: SeatRequest) -> tuple[tuple[str, str], ...]:
    """The request in words, for the case file. Our own cost is not among them (N2)."""
    return (
        ("Customer", request.customer.name),
        ("More seats", f"{request.added} × {request.product_name}"),
        *((f"It has {one.label}", one.in_words(request.currency)) for one in request.choices),
        ("Unassigned seats", request.unassigned),
        *(("Also there", notice) for notice in request.notices),
        ("Confirms", f"{request.contact.name}, {request.contact.email}"),
        ("Requested by", str(request.requester)),
    )


def question(case: Case, request: SeatRequest, offer: SeatsOffer, why: str) -> Letter:
    """S1, S2: which increase, with seats, price and renewal of each; the sentence that confirms it in the box."""
    first, *others = (offer.sentence(one) for one in offer.choices)
    several = len(offer.choices) > 1
    which = "one of the lines in the boxes" if several else "the line in the box"
    paragraphs = [why] if why else []
    if several:
        paragraphs.append("You have this product more than once. Please choose by the line that you answer with.")
    paragraphs += [binding(one) for one in offer.choices if one.term is not Term.MONTHLY]
    return Letter(
        kind=f"seats-{offer.round}",
        answers_here=True,
        to=(contact_of(request),),
        cc=(case.requester,),
        subject=f"{offer.added} more × {offer.product_name}: please confirm",
        todo=f"If you want {offer.added} more {offer.product_name}, answer this mail: {which} below must be the first "
        "line of your answer.",
        facts=tuple((offer.change(one), one.in_words(offer.currency)) for one in offer.choices),
        paragraphs=tuple(paragraphs),
        sentence=first,
        other_sentences=tuple(others),
        otherwise="Any other answer is read by a person first. Without an answer nothing is changed.",
        from_person=case.requester,
    )


def binding(held: HeldSeats) -> str:
    """S3: seats on an annual term can't be given back after seven days."""
    until = f"until {held.renews}" if held.renews else "for the rest of its term"
    return (
        f"Seats added to the {held.term.value} subscription can be given back for {SEVEN_DAYS.days} days only. After "
        f"that they stay, and are paid for, {until}."
    )


def acknowledgement(case: Case, request: SeatRequest, basis: SeatBasis) -> Letter:
    """S3: who has understood it types the new total."""
    return Letter(
        kind=f"acknowledge-{basis.offer.round}",
        to=(case.requester,),
        subject=f"{case.title}: the seats can't be given back, please acknowledge",
        todo=f"Type the new total of seats, {basis.after}: open the run, press Resume.",
        facts=(("Subscription", basis.choice.in_words(request.currency)), ("Change", basis.offer.change(basis.choice))),
        paragraphs=(binding(basis.choice),),
        otherwise="Until then nothing is changed.",
        link=case.run_link,
        link_text="Acknowledge",
    )


def pro_rata(held: HeldSeats, start: date | None, on: date) -> str:
    """From when it is billed, and which part of the running period that is (P15)."""
    if start is None:
        return f"from {on}; Pax8 shows no start, so look for the period there"
    first, following = running_period(start, held.billing.months, on)
    return f"from {on}: {(following - on).days} of {(following - first).days} days of the period until {following}"


def billing(case: Case, request: SeatRequest, basis: SeatBasis, period: str, end: str) -> Letter:
    """P15: old and new number, from when, pro rata; a booked end that goes with it."""
    held = basis.choice
    price = f"{price_text(held.price)} {request.currency}" if held.price is not None else "not in the catalogue"
    return Letter(
        kind="billing-seats",
        to=(office().settings.billing,),
        cc=(case.requester,),
        subject=f"{request.customer.name}: {basis.before} → {basis.after} × {request.product_name}",
        todo=f"Change the line in the customer's Autotask contract from {basis.before} to {basis.after}.",
        facts=(
            ("Product", f"{request.product_name}, {held.label}"),
            ("Before → after", f"{basis.before} → {basis.after}"),
            ("Pro rata", period),
            ("Catalogue price per seat", price),
            *((("Ends", end),) if end else ()),
            ("Subscription", held.subscription_id),
            ("Confirmed by", f"{request.contact.name} or another authorised contact, evidence {basis.evidence[:60]}"),
        ),
        link=case.links[f"Ticket {request.ticket_number}"],
        link_text="Open the ticket",
    )


def done(case: Case, request: SeatRequest, basis: SeatBasis, agreement_anew: bool) -> Letter:
    """The customer is told what they have now."""
    paragraphs = [binding(basis.choice)] if basis.choice.term is not Term.MONTHLY else []
    if agreement_anew:
        paragraphs.append(
            "The agreement that is out for signature says the old number: it is void. You get a new one with "
            f"{basis.after} seats; the date by which it must be signed stays the same."
        )
    if basis.choice.ends:
        paragraphs.append(f"Its end stays booked for {basis.choice.ends}.")
    return Letter(
        kind="seats-added",
        to=(contact_of(request),),
        cc=(case.requester,),
        subject=f"{basis.after} × {request.product_name}: added",
        todo=f"You have {basis.after} × {request.product_name} from now on; it was {basis.before}.",
        paragraphs=tuple(paragraphs),
        otherwise="If that is not what you meant, tell us at once: within seven days seats can be given back.",
        from_person=case.requester,
    )
