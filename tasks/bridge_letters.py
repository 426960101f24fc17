"""The words of a bridge: what its mails say (B5 to B7, Y5, Y6). Wording only; what happens is in the flows."""

from datetime import date

from rules.agreement import price_text
from rules.calendar import day_in_words
from rules.events import SignerBounced
from rules.order import Term
from rules.people import Person
from rules.request import CheckedRequest
from tasks.bridges import Bridge
from tasks.case import Case
from tasks.letters import Letter
from tasks.office import office


def when(moment: object) -> str:
    """A moment for people, with its zone."""
    return office().settings.calendar.in_words(moment)  # type: ignore[arg-type]


def contact_of(request: CheckedRequest) -> Person:
    """Who confirmed, or is to confirm, for the customer."""
    assert request.bridge is not None  # noqa: S101 - only for bridges
    return Person(name=request.bridge.contact.name, email=request.bridge.contact.email)


def signer_of(request: CheckedRequest) -> Person:
    return Person(name=request.signer.name, email=request.signer.email)


def customers(request: CheckedRequest) -> tuple[Person, ...]:
    """Whom of the customer a bridge's news concern: who confirmed, and who is to sign."""
    people = {one.email.lower(): one for one in (signer_of(request), contact_of(request))}
    return tuple(people.values())[::-1]


def true_dates(case: Case, bridge: Bridge, wanted: Term) -> Letter:
    """After ordering: the true dates, in place of those "if ordered on" (B5)."""
    dates = bridge.dates
    facts = [
        ("Licences", bridge.what),
        ("Started", dates.start.isoformat()),
        ("First month ends", day_in_words(dates.term_end)),
        ("Sign the agreement by", when(dates.cut_off)),
    ]
    if wanted is Term.ANNUAL:
        facts.append(("Change of mind to monthly by", when(dates.change_of_mind_until)))
    return Letter(
        kind="bridge-dates",
        answers_here=True,
        to=customers(case.request),
        cc=(case.requester,),
        subject=f"{bridge.what}: your licences are ordered; please sign the agreement by {when(dates.cut_off)}",
        todo=f"Please sign the agreement by {when(dates.cut_off)}: it comes by mail from DocuSign.",
        facts=tuple(facts),
        paragraphs=(
            "Your bills come from us. Billing notices inside Microsoft 365 are not used: please ignore them there.",
        ),
        otherwise=f"If it is not signed by then, the licences are cancelled and end on {day_in_words(dates.term_end)}.",
        from_person=case.requester,
    )


def earlier_cut_off(case: Case, bridge: Bridge, promised: object) -> Letter:
    """The true cut-off is earlier than the one that the customer confirmed (B5)."""
    return Letter(
        kind="earlier-cut-off",
        to=(case.requester, case.request.senior),
        subject=f"{case.title}: the cut-off is earlier than the customer was told",
        todo=f"Call the customer: the agreement must be signed by {when(bridge.dates.cut_off)}, "
        f"not by {when(promised)} as the terms said.",
        facts=(("Month ends", day_in_words(bridge.dates.term_end)), ("Licences", bridge.what)),
        by_when="today",
        otherwise="At the true cut-off the licences are cancelled if the agreement is unsigned.",
        link=case.run_link,
        link_text="Open the run",
    )


def reminder(case: Case, bridge: Bridge, kind: str, is_out: bool) -> tuple[Letter, Letter]:
    """On the way to the cut-off: to the signer, and to us."""
    dates, request = bridge.dates, case.request
    signer = Letter(
        kind=f"remind-{request.edition}-{kind}",
        answers_here=True,
        to=customers(request),
        subject=f"{bridge.what}: please sign by {when(dates.cut_off)}",
        todo=f"Please sign the agreement by {when(dates.cut_off)}: it is in the mail from DocuSign."
        if is_out
        else f"The agreement for {bridge.what} is on its way to you; it must be signed by {when(dates.cut_off)}.",
        otherwise=f"If it is not signed by then, the licences are cancelled and end on {day_in_words(dates.term_end)}.",
        from_person=case.requester,
    )
    ours = Letter(
        kind=f"remind-us-{request.edition}-{kind}",
        to=(case.requester,),
        cc=(office().settings.contracts, request.senior),
        subject=f"{case.title}: unsigned, the cut-off is {when(dates.cut_off)}",
        todo="Call the customer about the signature." if is_out else "See to it that contracts releases the agreement.",
        facts=(("Agreement", "with the customer" if is_out else "not released yet"), ("Licences", bridge.what)),
        by_when=when(dates.cut_off),
        otherwise=f"Unsigned, the licences are cancelled by themselves and end on {day_in_words(dates.term_end)}.",
        link=case.run_link,
        link_text="Open the run",
    )
    return signer, ours


def bounced(case: Case, event: SignerBounced) -> Letter:
    """DocuSign's mail to the signer came back: the bridge runs on, somebody must mend the address."""
    return Letter(
        kind=f"bounced-{case.request.edition}",
        to=(case.requester,),
        cc=(office().settings.contracts,),
        subject=f"{case.title}: DocuSign's mail to the signer came back",
        todo=f"Correct the signer's address in DocuSign: {event.signer} bounced ({event.reason or 'no reason given'}).",
        otherwise="Unsigned at the cut-off the bridge is cancelled.",
        link=case.links["Agreement in DocuSign"],
        link_text="Open the agreement",
    )


def kept(case: Case, bridge: Bridge) -> Letter:
    """Signed in time, monthly: the bridge is the subscription from now on."""
    return Letter(
        kind="customer-kept",
        answers_here=True,
        to=customers(case.request),
        cc=(case.requester,),
        subject=f"{bridge.what}: the agreement is signed, your licences go on",
        todo="The agreement is signed. Your licences go on; there is nothing that you need to do.",
        facts=(("Licences", bridge.what), ("Renews", day_in_words(bridge.dates.term_end))),
        from_person=case.requester,
    )


def billing_kept(case: Case, bridge: Bridge) -> Letter:
    """P15: the bridge stays, under the signed agreement."""
    request = case.request
    return Letter(
        kind="billing-kept",
        to=(office().settings.billing,),
        cc=(case.requester,),
        subject=f"{case.title}: signed, the monthly line goes on",
        todo="Keep the line in the customer's Autotask contract: the agreement is signed. Use its price from now on.",
        facts=(
            *_lines(bridge),
            *(
                (f"Price of {line.product_name}", f"{price_text(line.unit_price)} {request.currency} per seat")
                for line in request.terms.lines
            ),
            ("Agreement", case.links["Agreement in DocuSign"]),
        ),
        link=case.links[f"Ticket {request.ticket_number}"],
        link_text="Open the ticket",
    )


def _lines(bridge: Bridge) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{one.seats} × {one.product_name}", f"subscription {one.subscription_id}") for one in bridge.licences
    )


def change_over_planned(case: Case, bridge: Bridge, at: object) -> Letter:
    """Signed in time, annual: what happens when, and who watches (Y5, B6)."""
    return Letter(
        kind="change-over-planned",
        answers_here=True,
        to=customers(case.request),
        cc=(case.requester,),
        subject=f"{case.request.what}: the annual agreement is signed",
        todo="The agreement is signed; there is nothing that you need to do.",
        facts=(
            ("The annual term starts", when(at)),
            ("The monthly one ends", day_in_words(bridge.dates.term_end)),
        ),
        paragraphs=("For a few days you have both, so that service does not stop.",),
        from_person=case.requester,
    )


def billing_change_over(case: Case, bridge: Bridge, annual: tuple[tuple[str, str], ...]) -> Letter:
    """P15: which line ends, which begins."""
    return Letter(
        kind="billing-change-over",
        to=(office().settings.billing,),
        cc=(case.requester,),
        subject=f"{case.title}: annual begins, the monthly bridge ends on {day_in_words(bridge.dates.term_end)}",
        todo=f"End the monthly line with {day_in_words(bridge.dates.term_end)} and begin the annual one.",
        facts=(
            *(("Ends", f"{what}, {which}, on {day_in_words(bridge.dates.term_end)}") for what, which in _lines(bridge)),
            *annual,
        ),
        link=case.links[f"Ticket {case.request.ticket_number}"],
        link_text="Open the ticket",
    )


def ends_for_customer(
    kind: str, to: tuple[Person, ...], what: str, term_end: date, users: tuple[str, ...], why: str, sender: Person
) -> Letter:
    """B7: what ends, when, who is affected, what to do, and how long setting it up again takes."""
    affected = ", ".join(users) if users else "everybody who uses these licences"
    return Letter(
        kind=kind,
        answers_here=True,
        to=to,
        cc=(sender,),
        subject=f"{what}: cancelled, it ends on {day_in_words(term_end)}",
        todo=f"{why} The licences are cancelled: they end on {day_in_words(term_end)}, and their users lose access "
        "then.",
        facts=(("Licences", what), ("End", day_in_words(term_end)), ("Affected", affected)),
        paragraphs=(
            "If you want to keep the service, sign the agreement as soon as you can: it is in the mail from DocuSign, "
            "or ask us for it. Setting the licences up again may take up to five business days after signing; until "
            "then service stops.",
        ),
        from_person=sender,
    )


def ends_for_us(
    kind: str, case: Case, to: tuple[Person, ...], lines: tuple[tuple[str, str], ...], term_end: date, why: str
) -> Letter:
    """B7: contracts, requester, senior and billing are told."""
    return Letter(
        kind=kind,
        to=to,
        subject=f"{case.title}: the bridge is cancelled, it ends on {day_in_words(term_end)}",
        todo=f"{why} The bridge is booked to end on {day_in_words(term_end)}; the customer was told. "
        "Billing: end the line on that day. Requester: help the customer's users with what they lose.",
        facts=lines,
        otherwise="Nothing is ordered again unless the agreement is signed and somebody confirms that it is wanted.",
        link=case.run_link,
        link_text="Open the run",
    )


def by_hand(kind: str, case: Case, to: tuple[Person, ...], what: str, by_when: str, otherwise: str) -> Letter:
    """What can't be done or confirmed: a person must act, with the last safe moment."""
    return Letter(
        kind=kind,
        to=to,
        subject=f"{case.title}: a person must act {by_when}",
        todo=what,
        by_when=by_when,
        otherwise=otherwise,
        link=case.run_link,
        link_text="Open the run",
    )


def renewed_unsigned(began: object, until: object) -> str:
    """What is said of a bridge that renewed without a signature: the vendor's seven-day exit (pax8.md §7)."""
    return (
        f"The bridge renewed unsigned on {began}. Cancel it in the Pax8 portal by {until}: the vendor refunds it pro "
        "rata until then, and not a day longer."
    )


def countersign(case: Case, to: tuple[Person, ...], term_end: date, number: int) -> Letter:
    """B7: the customer has signed, we have not: nothing is cancelled, and we are in a hurry."""
    return Letter(
        kind=f"countersign-{number}",
        to=to,
        subject=f"{case.title}: the customer has signed, our own signature is missing",
        todo="Countersign the agreement in DocuSign today: the customer signed in time, only our signature is missing.",
        facts=(("Month ends", day_in_words(term_end)),),
        by_when="today",
        otherwise="Nothing is cancelled for our own delay; two business days before the month's end a person decides.",
        link=case.run_link,
        link_text="Open the run",
    )
