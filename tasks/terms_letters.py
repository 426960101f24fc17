"""The words of a bridge's terms: the figures, the offer, what came back (B5, Y3). What happens is in the flows."""

from rules.agreement import price_text
from rules.bridge import BridgeDates, TermsOffer
from rules.calendar import day_in_words
from rules.order import Term
from rules.written import Written
from tasks.bridge_letters import contact_of, when
from tasks.case import Case
from tasks.letters import Letter
from tasks.office import office

FIVE_DAYS = "Setting licences up may take up to five business days after signing."


def figures_asked(case: Case) -> Letter:
    """Y3 (a): pricing's figures come before the terms."""
    request = case.request
    return Letter(
        kind="pricing-asked",
        to=(office().settings.pricing,),
        subject=f"{case.title}: please confirm the monthly and the annual price",
        todo=f"Confirm both prices for {request.what}: open the run, press Resume, fill in the form.",
        otherwise="Until then the customer gets no terms, and no bridge can be bought.",
        facts=(
            ("Customer", request.customer.name),
            ("Needed by", str(request.bridge.needed_by if request.bridge else "")),
            ("Asked by", str(request.requester)),
        ),
        link=case.run_link,
        link_text="Confirm the prices",
        from_person=case.requester,
    )


def terms(case: Case, offer: TermsOffer) -> Letter:
    """The terms of B5 or Y3, with the dates for an order today, and the sentence that confirms them."""
    request, dates = case.request, offer.dates
    annual = offer.term_wanted is Term.ANNUAL
    facts = [
        (f"{line.seats} × {line.product_name}", _per_month(line.unit_price, offer.currency)) for line in offer.lines
    ]
    if annual:
        facts = [(what, f"{price} on the monthly term") for what, price in facts]
        facts += [(f"{name}, annual term", _per_month(price, offer.currency)) for name, price in offer.annual_prices]
    facts += [
        ("If ordered on", day_in_words(dates.start)),
        ("First month ends", day_in_words(dates.term_end)),
        ("Sign the agreement by", when(dates.cut_off)),
    ]
    return Letter(
        kind=f"terms-{offer.round}",
        answers_here=True,
        to=(contact_of(request),),
        cc=(case.requester,),
        subject=f"{offer.what}: please confirm the terms for starting before the agreement is signed",
        todo=f"If you want {offer.what} now, before the agreement is signed, answer this mail: the line in the box "
        "below must be the first line of your answer.",
        facts=tuple(facts),
        paragraphs=tuple(annual_terms(dates) if annual else monthly_terms(dates)),
        sentence=offer.sentence,
        otherwise="Any other answer is read by a person first. Without an answer nothing is ordered.",
        from_person=case.requester,
    )


def monthly_terms(dates: BridgeDates) -> list[str]:
    """B5, word by word of the procedure, with its dates."""
    return [
        "With your confirmation you agree to the following.",
        "(a) We order one month now. Unless the agreement is signed at least five business days before the first "
        f"renewal, that is by {when(dates.cut_off)}, the subscription is cancelled at the month's end, "
        f"{day_in_words(dates.term_end)}, and service stops then.",
        f"(b) {FIVE_DAYS}",
        "The dates hold if we order today; after ordering we send you the true ones.",
    ]


def annual_terms(dates: BridgeDates) -> list[str]:
    """Y3, word by word of the procedure, with its dates."""
    return [
        "You want the annual term. Until its agreement is signed you can have the licences by the month. With your "
        "confirmation you agree to the following.",
        "(a) The monthly term may cost more than the annual one: the prices stand above.",
        f"(b) {FIVE_DAYS}",
        f"(c) If the annual agreement is not signed by {when(dates.cut_off)}, five business days before the month "
        f"expires, the subscription is cancelled at the month's end, {day_in_words(dates.term_end)}. "
        "There are no exceptions: service stops, and setting it up again may take up to five business days after "
        "signing.",
        "(d) If you decide for the monthly term instead, tell us in writing by "
        f"{when(dates.change_of_mind_until)}, ten business days before the month's end; the monthly agreement must "
        f"then be signed by {when(dates.cut_off)}.",
        "(e) Without a signed agreement, for either term, the subscription ends.",
        "(f) This month does not count towards the annual term: the annual term is a full twelve months, and starts "
        f"a few days before the month ends, about {dates.change_over:%Y-%m-%d}, so that service does not stop; for "
        "those days you have both.",
        "The dates hold if we order today; after ordering we send you the true ones.",
    ]


def terms_in_words(offer: TermsOffer, to: str) -> str:
    """The terms as the ticket notes them (B5)."""
    dates, which = offer.dates, "Y3" if offer.term_wanted is Term.ANNUAL else "B5"
    return (
        f"The terms of {which} for {offer.what} were mailed to {to}. If ordered on {day_in_words(dates.start)}: "
        f"first month until {day_in_words(dates.term_end)}; agreement to be signed by {when(dates.cut_off)}, else it "
        "is cancelled at the month's end; "
        f"provisioning up to five business days after signing. Asked for: '{offer.sentence}'."
    )


def _per_month(price: object, currency: str) -> str:
    return f"{price_text(price)} {currency} per seat and month"  # type: ignore[arg-type]


def reading_asked(case: Case, kind: str, written: Written) -> Letter:
    """A message that only a person can understand has come."""
    return Letter(
        kind=kind,
        to=(case.requester,),
        subject=f"{case.title}: {written.sender_name or written.sender} has written, please read it",
        todo="Read the message in full, then say what it means: open the run, press Resume.",
        facts=(
            ("From", written.sender),
            ("Received", when(written.received_at)),
            ("Subject", written.subject),
        ),
        otherwise="Until somebody has read it nothing is ordered.",
        link=case.run_link,
        link_text="Read it and decide",
    )


def closed(case: Case, offer: TermsOffer) -> Letter:
    """No confirmation came in time (B5)."""
    return Letter(
        kind=f"closed-{offer.round}",
        answers_here=True,
        to=(contact_of(case.request),),
        cc=(case.requester,),
        subject=f"{offer.what}: nothing was ordered",
        todo="We have not had your confirmation, so nothing was ordered.",
        paragraphs=("If you still need it, tell us: we will send you new terms, or the agreement to sign.",),
        from_person=case.requester,
    )
