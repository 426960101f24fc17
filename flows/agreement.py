"""The agreement's legs: prices, draft, release, signature, and what was signed (N2 to N6). Plain functions."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from rules.agreement import DifferenceKind, price_text, with_signed_seats
from rules.authority import SignerDecision
from rules.events import (
    Corrected,
    DayReached,
    Decided,
    Declined,
    Event,
    Expired,
    PricesGiven,
    RefusedBy,
    Signed,
    SignerBounced,
    TermChosen,
    Voided,
    Withdrawn,
)
from rules.order import Billing, Term
from rules.people import Person
from rules.refusal import Refused
from rules.request import CheckedRequest, UnreadableAnswer, read_prices
from rules.settings import Release
from tasks import agreements, catalogue
from tasks.agreements import DraftedEnvelope
from tasks.case import Case, Ended
from tasks.casefile import in_markdown
from tasks.evidence import read_what_was_signed
from tasks.forms import (
    AcceptForm,
    AnswerAgain,
    LookForm,
    ObjectionForm,
    PricingForm,
    ReleaseForm,
    SignedSeatsForm,
    TermForm,
)
from tasks.journal import as_key
from tasks.letters import Letter
from tasks.office import office
from tasks.tickets import attach_signed_papers
from tasks.waiting import Wait, wait_for

SEATS = {DifferenceKind.SEATS_FEWER, DifferenceKind.SEATS_MORE}


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
            explain=rates_table(request),
            check=readable,
            letter=Letter(
                kind="pricing-asked",
                to=(settings.pricing,),
                subject=f"{case.title}: please confirm the prices",
                todo=f"Confirm the customer's prices for {request.what}: open the run, press Resume, fill in the form.",
                otherwise="Until then the customer gets no figures and no agreement.",
                facts=(("Customer", request.customer.name), ("Asked by", str(request.requester))),
                link=case.run_link,
                link_text="Confirm the prices",
                from_person=case.requester,
            ),
        ),
    )
    if not isinstance(event, PricesGiven):
        await end_without_order(case, event, None)
        return
    await stand_by_decision(case, "pricing", event.by)
    monthly, annual = two_price_lists(event.prices, products)
    await case.record("prices confirmed", prices_in_words(monthly, annual, request.currency), by=event.by)
    await case.send(
        Letter(
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
        ),
    )

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
            letter=Letter(
                kind="term-asked",
                to=(case.requester,),
                subject=f"{case.title}: which term does the customer choose?",
                todo="When the customer has answered, enter the term: open the run, press Resume.",
                facts=price_facts(monthly, annual, request.currency),
                link=case.run_link,
                link_text="Enter the term",
            ),
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


def price_facts(monthly: dict[str, Decimal], annual: dict[str, Decimal], currency: str) -> tuple[tuple[str, str], ...]:
    facts = []
    for name, prices in (("monthly term", monthly), ("annual term", annual)):
        facts += [
            (f"{product}, {name}", f"{price_text(price)} {currency} per seat and month")
            for product, price in prices.items()
        ]
    return tuple(facts)


def prices_in_words(monthly: dict[str, Decimal], annual: dict[str, Decimal], currency: str) -> str:
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


async def stand_by_decision(case: Case, name: str, by: str) -> None:
    """Give whoever is said to have decided some minutes to object; an objection ends the procedure (decision 2)."""
    objection = office().settings.objection
    if not objection:
        return
    decided_at = datetime.fromisoformat(await case.journal.put(case.name(f"decided-at-{name}"), case.now().isoformat()))
    until = decided_at + objection

    async def time_is_up(_hinted: bool) -> Event | None:
        return DayReached(day=office().settings.calendar.day_of(until)) if case.now() >= until else None

    event = await wait_for(
        case,
        Wait(
            name=case.name(f"objection-{name}"),
            awaited=Person(name=by, email=by),
            what=f"Minutes to object: {by} is said to have decided",
            form=ObjectionForm,
            until=until,
            role="objection",
        ),
        time_is_up,
    )
    if not isinstance(event, DayReached):
        await end_without_order(case, event, None)


async def draft(case: Case) -> DraftedEnvelope:
    """N3, N4: the draft from the term's template, or the envelope that contracts made by hand."""
    request, settings = case.request, office().settings
    if request.given_envelope:
        if case.journal.get("given-envelope-checked") is None:
            try:
                await agreements.check_given_envelope(request, request.terms)
            except Refused as wrong:
                await end(case, None, "Refused", str(wrong.problems[0]), by="DocuSign")
            await case.journal.put("given-envelope-checked", True)
        envelope = await agreements.adopt_envelope(request)
    else:
        envelope = await agreements.draft_agreement(request)
    link = f"{settings.docusign_url}/documents/details/{envelope.envelope_id}"
    case.links["Agreement in DocuSign"] = link
    await case.tag(f"envelope:{envelope.envelope_id}")
    made = "made by hand, given at launch" if envelope.by_hand else "drafted"
    stage = f"agreement drafted{edition_in_words(request.edition)}"
    await case.record(stage, f"The agreement was {made}: {request.what}, {request.term.value}.", link=link)
    return envelope


async def release(case: Case, envelope: DraftedEnvelope) -> None:
    """N4: contracts releases, corrects or refuses the draft (setting: it goes out directly)."""
    settings = office().settings
    asked_already = case.journal.get("since-release-1") is not None  # then its corrections are gone through again
    sent_directly = case.journal.get("sent-directly") is not None  # it stands, whatever the setting says by now
    if not asked_already and not sent_directly and await agreements.is_out(envelope.envelope_id):
        return
    if sent_directly or (not asked_already and settings.release is Release.DIRECT):
        await case.journal.put("sent-directly", True)
        await tell_contracts(case, envelope)
        return
    on_draft: tuple[str, ...] = ()
    for round_ in range(1, 100):
        request = case.request
        products = tuple(line.product_name for line in request.lines)

        async def readable(event: Event, products: tuple[str, ...] = products) -> None:
            if isinstance(event, Corrected):
                try:
                    read_prices(event.prices, products, all_needed=False)
                except UnreadableAnswer as unreadable:
                    raise AnswerAgain(str(unreadable)) from None

        event = await wait_for(
            case,
            Wait(
                name=f"release-{round_}",
                awaited=settings.contracts,
                what=f"Release the agreement for {request.what} to {request.signer.name}",
                form=ReleaseForm,
                may_decide=(settings.contracts,),
                role="contracts",
                check=readable,
                explain=release_text(case, on_draft),
                letter=Letter(
                    kind="agreement-drafted" if round_ == 1 else f"agreement-drafted-{round_}",
                    to=(settings.contracts,),
                    subject=f"{case.title}: agreement drafted, please release",
                    todo="Look at the draft and release, correct or refuse it: open the run, press Resume.",
                    facts=(*case.facts, *agreements.prices_in_words(request.terms)),
                    paragraphs=(f"The draft: {case.links['Agreement in DocuSign']}",),
                    otherwise="Until you release it the customer gets nothing to sign, and nothing is ordered.",
                    link=case.run_link,
                    link_text="Release the agreement",
                    from_person=case.requester,
                ),
            ),
        )
        if isinstance(event, Corrected):
            prices = read_prices(event.prices, products, all_needed=False)
            case.request = request.with_prices(prices, event.by)
            await agreements.correct_draft(envelope.envelope_id, case.request, round_)
            words = "; ".join(f"{name}: {price_text(price)}" for name, price in prices.items())
            await case.record(f"prices corrected {round_}", f"Prices on the draft: {words}", by=event.by)
            on_draft = ()
            continue
        if isinstance(event, RefusedBy | Withdrawn):
            await end_without_order(case, event, envelope)
        if not isinstance(event, Corrected | RefusedBy | Withdrawn):
            by = getattr(event, "by", "")
            await stand_by_decision(case, f"release-{round_}", by)
            seen = case.journal.get(f"draft-at-release-{round_}")
            if seen is None:
                differences = await agreements.compare_draft(envelope.envelope_id, request, round_)
                seen = await case.journal.put(f"draft-at-release-{round_}", list(differences))
            on_draft = tuple(seen)
            if on_draft:
                continue
            await case.record("agreement released", "Contracts released the agreement.", by=by)
            return
    raise Ended("Refused", "The agreement was corrected a hundred times; start anew.")


async def tell_contracts(case: Case, envelope: DraftedEnvelope) -> None:
    """N3 with the setting "sent directly": contracts has the information and the draft, which says what was asked."""
    changed = await agreements.compare_draft(envelope.envelope_id, case.request, 0)
    if changed:
        await end(
            case, envelope, "Refused", "The draft doesn't say what was asked for: " + "; ".join(changed), "DocuSign"
        )
    await case.send(
        Letter(
            kind="agreement-sent",
            to=(office().settings.contracts,),
            subject=f"{case.title}: agreement drafted and sent",
            todo="There is nothing to do: agreements go out directly by the settings.",
            facts=(*case.facts, *agreements.prices_in_words(case.request.terms)),
            link=case.links["Agreement in DocuSign"],
            link_text="Open the agreement",
            from_person=case.requester,
        ),
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


def edition_in_words(edition: int) -> str:
    """What is behind the stages of a second agreement."""
    return "" if edition == 1 else f" {edition}"


async def send(case: Case, envelope: DraftedEnvelope, by: str = "") -> datetime:
    """The agreement goes out to the customer, once."""
    sent = await agreements.send_agreement(envelope.envelope_id)
    request = case.request
    await case.record(
        f"agreement sent{edition_in_words(request.edition)}",
        f"Sent to {request.signer.name}, {request.signer.email}.",
        by=by,
        link=case.links["Agreement in DocuSign"],
        public=True,
    )
    return sent.sent_at


async def wait_for_signature(case: Case, envelope: DraftedEnvelope) -> Signed:
    """Wait for DocuSign's word; every other end of the envelope ends the procedure, with nothing ordered (N5)."""
    request, settings = case.request, office().settings
    signer = Person(name=request.signer.name, email=request.signer.email)

    async def look(hinted: bool) -> Event | None:
        return await agreements.look_at_envelope(case, envelope.envelope_id, hinted)

    def whose_turn(wait: Wait) -> Wait:
        if case.journal.get(agreements.CUSTOMER_SIGNED) is None:
            return wait
        return replace(
            wait,
            awaited=settings.msp_signer,
            what=f"Countersign the agreement for {request.what}",
            role="countersigner",
            ask_first=True,
            letter=Letter(
                kind="countersign",
                to=(settings.msp_signer,),
                subject=f"{case.title}: the customer has signed, please countersign",
                todo="Countersign the agreement: it is in the mail from DocuSign.",
                otherwise="Until then it is not complete, and nothing is ordered.",
                link=case.links["Agreement in DocuSign"],
                link_text="Open the agreement",
                from_person=case.requester,
            ),
        )

    event = await wait_for(
        case,
        Wait(
            name="signature",
            after_look=whose_turn,
            awaited=signer,
            what=f"Sign the agreement for {request.what}",
            form=LookForm,
            role="signer",
            tags=(agreements.AWAITED,),
            ask_first=False,
            patience=settings.signing_patience,
            turn_to=case.requester,
            explain="Nobody's word stands in for the signature: 'look again' asks DocuSign, at most every 15 minutes.",
            letter=Letter(
                kind="signature",
                to=(signer,),
                subject=f"The subscription agreement for {request.what} waits for your signature",
                todo="Please sign the agreement: it is in the mail from DocuSign with the subject "
                f"'{agreements.subject_of(settings.msp_name, request)}'.",
                otherwise="Until it is signed nothing is ordered.",
                from_person=case.requester,
            ),
        ),
        look,
    )
    if isinstance(event, Signed):
        await case.record(
            "agreement signed",
            f"Signed by {request.signer.name}: DocuSign says completed, {settings.calendar.in_words(event.at)}.",
            by="DocuSign",
            link=case.links["Agreement in DocuSign"],
            public=True,
        )
        return event
    await end_without_order(case, event, envelope)
    raise AssertionError("unreachable")


async def what_was_signed(case: Case, envelope: DraftedEnvelope) -> tuple[SignerDecision, ...]:
    """N5: compare the paper line by line, and put to a person what only a person may decide.

    Returns contracts' decisions on signers. `case.request` has the seats as signed, where that was chosen.
    """
    await attach_signed_papers(case.request.ticket_id, envelope.envelope_id, case.reference)
    found = await read_what_was_signed(case.request, envelope.envelope_id)
    if found.unreadable:
        await refuse_paper(case, envelope, found.unreadable)
    wrong = [d for d in found.differences if d.kind not in SEATS]
    if wrong:
        await refuse_paper(case, envelope, "; ".join(str(difference) for difference in wrong))
    if found.differences:
        await decide_on_seats(case, envelope, [str(difference) for difference in found.differences])
        assert found.paper is not None  # noqa: S101 - differences come from a paper that was read
        signed = with_signed_seats(case.request.terms, found.paper)
        seats = {line.product_id: line.seats for line in signed.lines}
        lines = tuple(line.model_copy(update={"seats": seats[line.product_id]}) for line in case.request.lines)
        case.request = case.request.model_copy(update={"lines": lines})
    decisions = []
    for signer in found.unauthorised:
        by = await accept(
            case,
            envelope,
            f"signer-{as_key(signer)}",
            office().settings.contracts,
            f"Decide whether {signer} may sign for {case.request.customer.name}",
            f"{in_markdown(signer)} signed the agreement, but is not an authorised contact with the right to sign "
            f"(or not for this much). Accept only after asking the customer.",
        )
        at = await case.journal.put(case.name(f"accepted-signer-{as_key(signer)}"), case.now().isoformat())
        decisions.append(SignerDecision(signer=signer, by=by, at=at))
    return tuple(decisions)


async def decide_on_seats(case: Case, envelope: DraftedEnvelope, differences: list[str]) -> None:
    """Other seats on paper than asked for: a person chooses; neither number covers the other (N5)."""
    event = await wait_for(
        case,
        Wait(
            name=case.name("signed-seats"),
            awaited=case.requester,
            what="The paper has other seats than were asked for: choose",
            form=SignedSeatsForm,
            role="requester",
            explain="\n".join(f"- {in_markdown(difference)}" for difference in differences),
            letter=Letter(
                kind="signed-seats",
                to=(case.requester,),
                cc=(office().settings.contracts,),
                subject=f"{case.title}: other seats were signed than asked for",
                todo="Choose: order as signed, or void and start anew. Open the run, press Resume.",
                facts=tuple(("Difference", difference) for difference in differences),
                otherwise="Until you choose nothing is ordered.",
                link=case.run_link,
                link_text="Choose",
            ),
        ),
    )
    if isinstance(event, Decided) and event.choice == "order as signed":
        await case.journal.put(case.name("seats-as-signed"), True)
        await case.record("seats as signed", "Ordered as signed: " + "; ".join(differences), by=event.by)
        return
    await end_without_order(case, event, envelope)


async def accept(
    case: Case, envelope: DraftedEnvelope, name: str, who: Person, what: str, why: str, also: tuple[Person, ...] = ()
) -> str:
    """Have one person accept one thing; anything else ends the procedure. Returns who accepted.

    `also` may decide it too.
    """
    event = await wait_for(
        case,
        Wait(
            name=case.name(name),
            awaited=who,
            what=what,
            form=AcceptForm,
            may_decide=(who, *also),
            explain=why,
            letter=Letter(
                kind=name,
                to=(who,),
                subject=f"{case.title}: your decision is needed",
                todo=f"{what}: open the run, press Resume, accept or refuse.",
                otherwise="Until you decide nothing is ordered.",
                link=case.run_link,
                link_text="Decide",
                from_person=case.requester,
            ),
        ),
    )
    if isinstance(event, Decided):
        await stand_by_decision(case, name, event.by)
        await case.record(name, f"Accepted: {what}", by=event.by)
        return event.by
    await end_without_order(case, event, envelope)
    raise AssertionError("unreachable")


async def refuse_paper(case: Case, envelope: DraftedEnvelope, why: str) -> None:
    """What was signed isn't what is to be ordered: nothing is ordered, contracts and the requester are told (N5)."""
    await end(case, envelope, "Refused", f"The signed paper does not cover this order: {why}", by="DocuSign")


async def end_without_order(case: Case, event: Event, envelope: DraftedEnvelope | None) -> None:
    """End as what happened, tell requester and contracts, order nothing. Raises `Ended` always."""
    name, why, by = in_words(event)
    await end(case, envelope, name, why, by)


def in_words(event: Event) -> tuple[str, str, str]:
    """The state's name, what happened, and on whose word."""
    match event:
        case Declined(by=by, reason=reason):
            return "Declined", f"{by} declined to sign: {reason or 'no reason given'}", by
        case Voided(reason=reason):
            return "Voided", f"The agreement was voided: {reason or 'no reason given'}", "DocuSign"
        case Expired():
            return "Expired", "The agreement expired unsigned.", "DocuSign"
        case SignerBounced(signer=signer, reason=reason):
            return "Signer bounced", f"DocuSign's mail to {signer} came back: {reason}", "DocuSign"
        case Withdrawn(by=by, why=why):
            return "Withdrawn", f"Withdrawn: {why}", by
        case RefusedBy(by=by, why=why):
            return "Refused", f"Refused by {by}: {why}", by
        case Decided(by=by, choice=choice, why=why):
            return "Void and start anew", f"{choice}: {why or 'no reason given'}", by
    raise AssertionError(f"{event} does not end a procedure")


async def end(case: Case, envelope: DraftedEnvelope | None, name: str, why: str, by: str) -> None:
    """Void what is out, note it, tell requester and contracts, and end."""
    if envelope is not None:
        await agreements.void_agreement(envelope.envelope_id, why)
    nothing = "Nothing more was ordered." if case.leg in ("annual", "kept", "late") else "Nothing was ordered."
    await case.record("ended", f"{name}: {why} {nothing}", by=by)
    await case.send(
        Letter(
            kind="ended",
            to=(case.requester,),
            cc=(office().settings.contracts,),
            subject=f"{case.title}: {name.lower()}, {nothing.lower().rstrip('.')}",
            todo=f"{why} {nothing.rstrip('.')}; tell the customer, and start anew if it is still wanted.",
            link=case.run_link,
            link_text="Open the run",
        ),
    )
    raise Ended(name, f"{why} {nothing}")
