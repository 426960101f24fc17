"""The words of an agreement: prices, release, signature, decisions, end (N2 to N5). What happens is in the flows."""

from decimal import Decimal

from rules.agreement import price_text
from rules.people import Person
from rules.request import CheckedRequest
from tasks import agreements
from tasks.case import Case
from tasks.casefile import in_markdown
from tasks.letters import Letter
from tasks.office import office


def pricing_asked(case: Case) -> Letter:
    """N2: pricing confirms the figures before the customer hears them."""
    request = case.request
    return Letter(
        kind="pricing-asked",
        to=(office().settings.pricing,),
        subject=f"{case.title}: please confirm the prices",
        todo=f"Confirm the customer's prices for {request.what}: open the run, press Resume, fill in the form.",
        otherwise="Until then the customer gets no figures and no agreement.",
        facts=(("Customer", request.customer.name), ("Asked by", str(request.requester))),
        link=case.run_link,
        link_text="Confirm the prices",
        from_person=case.requester,
    )


def prices(case: Case, monthly: dict[str, Decimal], annual: dict[str, Decimal]) -> Letter:
    """N2: the customer is told the figures, and asked for the term."""
    request = case.request
    return Letter(
        kind="prices",
        to=(Person(name=request.signer.name, email=request.signer.email),),
        cc=(case.requester,),
        subject=f"Prices for {request.what}",
        todo="Please tell us whether you choose the monthly or the annual term.",
        facts=price_facts(monthly, annual, request.currency),
        paragraphs=(
            "A monthly term can be ended at the end of each month. An annual term binds you for twelve months, "
            "whatever happens, even if you are billed by the month.",
        ),
        otherwise="Without an answer nothing is ordered.",
        from_person=case.requester,
    )


def term_asked(case: Case, monthly: dict[str, Decimal], annual: dict[str, Decimal]) -> Letter:
    """N2: the requester enters what the customer chose."""
    request = case.request
    return Letter(
        kind="term-asked",
        to=(case.requester,),
        subject=f"{case.title}: which term does the customer choose?",
        todo="When the customer has answered, enter the term: open the run, press Resume.",
        facts=price_facts(monthly, annual, request.currency),
        link=case.run_link,
        link_text="Enter the term",
    )


def price_facts(monthly: dict[str, Decimal], annual: dict[str, Decimal], currency: str) -> tuple[tuple[str, str], ...]:
    """Each price of each term, a line for each."""
    facts = []
    for name, prices in (("monthly term", monthly), ("annual term", annual)):
        facts += [
            (f"{product}, {name}", f"{price_text(price)} {currency} per seat and month")
            for product, price in prices.items()
        ]
    return tuple(facts)


def prices_in_words(monthly: dict[str, Decimal], annual: dict[str, Decimal], currency: str) -> str:
    """The prices of both terms in one line, for the case file."""
    return "; ".join(f"{what}: {price}" for what, price in price_facts(monthly, annual, currency))


def rates_table(request: CheckedRequest) -> str:
    """The catalogue's rates side by side, with our cost: for pricing's form only (N2)."""
    rows = ["| product | term | billed | our cost | suggested retail |", "| :-- | :-- | :-- | --: | --: |"]
    rows += [
        f"| {line.product_name} × {line.seats} | {offer.term.value} | {offer.billing.value} "
        f"| {price_text(offer.cost)} | {price_text(offer.retail)} {request.currency} |"
        for line in request.lines
        for offer in line.offers
    ]
    return "\n".join(rows)


def drafted(case: Case, round_: int) -> Letter:
    """N4: contracts looks at the draft, in each round anew."""
    return Letter(
        kind="agreement-drafted" if round_ == 1 else f"agreement-drafted-{round_}",
        to=(office().settings.contracts,),
        subject=f"{case.title}: agreement drafted, please release",
        todo="Look at the draft and release, correct or refuse it: open the run, press Resume.",
        facts=(*case.facts, *agreements.prices_in_words(case.request.terms)),
        paragraphs=(f"The draft: {case.links['Agreement in DocuSign']}",),
        otherwise="Until you release it the customer gets nothing to sign, and nothing is ordered.",
        link=case.run_link,
        link_text="Release the agreement",
        from_person=case.requester,
    )


def release_text(case: Case, on_draft: tuple[str, ...]) -> str:
    """What contracts sees above the form."""
    rows = ["| licences | price |", "| :-- | :-- |"]
    rows += [f"| {what} | {price} |" for what, price in agreements.prices_in_words(case.request.terms)]
    changed = [
        "",
        "**It was not sent: somebody changed the draft in DocuSign, and it no longer says what was asked for:**",
        *(f"- {in_markdown(difference)}" for difference in on_draft),
        "",
        "Put it right in DocuSign (or correct prices here), then release.",
    ]
    return "\n".join([*rows, *(changed if on_draft else [])])


def sent_directly(case: Case) -> Letter:
    """N3 with the setting "sent directly": contracts is told."""
    return Letter(
        kind="agreement-sent",
        to=(office().settings.contracts,),
        subject=f"{case.title}: agreement drafted and sent",
        todo="There is nothing to do: agreements go out directly by the settings.",
        facts=(*case.facts, *agreements.prices_in_words(case.request.terms)),
        link=case.links["Agreement in DocuSign"],
        link_text="Open the agreement",
        from_person=case.requester,
    )


def countersign(case: Case) -> Letter:
    """The customer has signed: it is our turn."""
    return Letter(
        kind="countersign",
        to=(office().settings.msp_signer,),
        subject=f"{case.title}: the customer has signed, please countersign",
        todo="Countersign the agreement: it is in the mail from DocuSign.",
        otherwise="Until then it is not complete, and nothing is ordered.",
        link=case.links["Agreement in DocuSign"],
        link_text="Open the agreement",
        from_person=case.requester,
    )


def signature(case: Case, signer: Person) -> Letter:
    """The customer is asked to sign what DocuSign has sent."""
    request, settings = case.request, office().settings
    return Letter(
        kind="signature",
        to=(signer,),
        subject=f"The subscription agreement for {request.what} waits for your signature",
        todo="Please sign the agreement: it is in the mail from DocuSign with the subject "
        f"'{agreements.subject_of(settings.msp_name, request)}'.",
        otherwise="Until it is signed nothing is ordered.",
        from_person=case.requester,
    )


def signed_seats(case: Case, differences: list[str]) -> Letter:
    """N5: other seats on paper than were asked for."""
    return Letter(
        kind="signed-seats",
        to=(case.requester,),
        cc=(office().settings.contracts,),
        subject=f"{case.title}: other seats were signed than asked for",
        todo="Choose: order as signed, or void and start anew. Open the run, press Resume.",
        facts=tuple(("Difference", difference) for difference in differences),
        otherwise="Until you choose nothing is ordered.",
        link=case.run_link,
        link_text="Choose",
    )


def decision_needed(case: Case, name: str, who: Person, what: str) -> Letter:
    """One person is to accept or refuse one thing."""
    return Letter(
        kind=name,
        to=(who,),
        subject=f"{case.title}: your decision is needed",
        todo=f"{what}: open the run, press Resume, accept or refuse.",
        otherwise="Until you decide nothing is ordered.",
        link=case.run_link,
        link_text="Decide",
        from_person=case.requester,
    )


def ended(case: Case, name: str, why: str, nothing: str) -> Letter:
    """The procedure is over; `nothing` says that nothing, or nothing more, was ordered."""
    return Letter(
        kind="ended",
        to=(case.requester,),
        cc=(office().settings.contracts,),
        subject=f"{case.title}: {name.lower()}, {nothing.lower().rstrip('.')}",
        todo=f"{why} {nothing.rstrip('.')}; tell the customer, and start anew if it is still wanted.",
        link=case.run_link,
        link_text="Open the run",
    )
