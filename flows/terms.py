"""The terms of a bridge: pricing's figures, the mail that offers them, and the customer's written word (B3, B5, Y3)."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from flows.again import heard, last_word
from flows.decisions import end, end_without_order, stand_by_decision
from flows.inbox import (
    Inbox,
    confirmed_by,
    confirmers,
    confirming,
    explain_messages,
    named_in,
    press_reader,
    read_key,
    sort,
)
from flows.meanwhile import Meanwhile
from rules.agreement import price_text
from rules.bridge import BridgeDates, OfferedLine, TermsOffer
from rules.events import Confirmed, Event, NoAnswer, PricesGiven, ReplyRead, Signed
from rules.order import Term
from rules.people import Person
from rules.request import UnreadableAnswer, read_prices, read_seats
from rules.written import PersonsReading, Written, judge
from tasks import agreement_letters, agreements, catalogue, terms_letters
from tasks.authority import WrittenWord, unread_since
from tasks.case import Case
from tasks.casefile import in_markdown
from tasks.contacts import authorised_contacts
from tasks.forms import AnswerAgain, ConfirmationForm, PricingForm
from tasks.forms_again import ANEW, LaterTermsForm
from tasks.mail import SentMail, when_sent
from tasks.net_bridges import CONFIRMER
from tasks.office import office
from tasks.waiting import Wait, wait_for
from tasks.written import candidates

DAYS_AFTER_NEEDED = 2
CONFIRMS = "confirms as sent"


async def confirm_figures(case: Case, paper: Meanwhile) -> None:
    """Y3 (a): pricing sees the catalogue's rates side by side and types the customer's, for both terms."""
    request, settings = case.request, office().settings
    products = tuple(line.product_name for line in request.lines)

    async def readable(event: Event) -> None:
        if isinstance(event, PricesGiven):
            read_both(event.prices, products)

    event = await wait_for(
        case,
        Wait(
            name="pricing",
            awaited=settings.pricing,
            what=f"Confirm the monthly and the annual price for {request.what}",
            form=PricingForm,
            may_decide=(settings.pricing, settings.contracts),
            role="pricing",
            explain=agreement_letters.rates_table(request),
            check=readable,
            letter=terms_letters.figures_asked(case),
        ),
    )
    if not isinstance(event, PricesGiven):
        await end_without_order(case, event, paper.envelope)
        return
    await stand_by_decision(case, "pricing", event.by)
    monthly, annual = read_both(event.prices, products)
    assert request.bridge is not None  # noqa: S101 - only a bridge comes here
    months = request.billing.months
    bridge = request.bridge.model_copy(update={"monthly_prices": tuple(monthly.items())})
    changed = request.model_copy(update={"bridge": bridge})
    case.request = changed.with_prices({name: price * months for name, price in annual.items()}, event.by)
    if not paper.is_out:
        await agreements.correct_draft(paper.envelope.envelope_id, case.request, 0)
    words = "; ".join(
        f"{name}: {price_text(monthly[name])} monthly, {price_text(annual[name])} annual" for name in products
    )
    await case.record("prices confirmed", f"Per seat and month, {request.currency}: {words}", by=event.by)


def read_both(text: str, products: tuple[str, ...]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Pricing's figures for both terms, of every product. Raises `AnswerAgain`."""
    monthly, _, annual = text.partition("\n---\n")
    figures = []
    for field, part in (("monthly_prices", monthly), ("annual_prices", annual)):
        try:
            figures.append(read_prices(part, products, all_needed=True))
        except UnreadableAnswer as unreadable:
            raise AnswerAgain(f"{field}: {unreadable}") from None
    return figures[0], figures[1]


@dataclass
class Agreed:
    """The customer's word for these terms, as the authority of the bridge's order."""

    offer: TermsOffer
    basis: WrittenWord
    confirmed: Confirmed


async def agree(case: Case, paper: Meanwhile, round_: int) -> Agreed | Signed | None:
    """Mail the terms, and wait for the customer's word or signature, whichever comes first (B1, B3, B5).

    None: the customer wants other seats, and `case.request` has them: new terms are due. Everything else ends the
    procedure, with nothing ordered. What the customer wrote after their word is read first, once it was found.
    """
    offer = await offer_terms(case, paper, round_)
    event = await wait_for_word(case, paper, offer, round_)
    if isinstance(event, Confirmed) or (isinstance(event, ReplyRead) and event.choice == CONFIRMS):
        word = await agreed(case, offer, event, round_)
        later = await written_since(case, paper, word, round_)
        if later is None:
            return word
        if isinstance(later, ReplyRead) and later.choice == ANEW:
            await new_terms(case, round_, "the customer has written again (B3).", later.by)
            return word
        event = later
    match event:
        case Signed():
            return event
        case ReplyRead(choice="wants other seats"):
            await change_seats(case, event, round_)
            return None
        case ReplyRead(choice="says no", by=by):
            await end(case, paper.envelope, "Refused by the customer", "The customer does not accept the terms.", by)
        case NoAnswer():
            await bridge_closed(case, paper, offer)
    await end_without_order(case, event, paper.envelope)
    raise AssertionError("unreachable")


async def written_since(case: Case, paper: Meanwhile, word: Agreed, round_: int) -> Event | None:
    """What came after the word, where it was found right before the order; None: the word stands (B3)."""

    async def unread() -> list[tuple[str, Written]]:
        return await unread_since(word.basis.model_copy(update={"heard": heard(case, round_)}), case.request)

    async def signed(hinted: bool) -> Event | None:
        return await agreements.look_at_envelope(case, paper.envelope.envelope_id, hinted)

    async def check(event: ReplyRead) -> None:
        readable_seats(case, event)

    later = await last_word(
        case, round_, unread, LaterTermsForm, tags=(agreements.AWAITED,), check=check, beside=signed
    )
    word.basis = word.basis.model_copy(update={"heard": heard(case, round_)})
    return later


async def new_terms(case: Case, round_: int, why: str, by: str = "") -> None:
    """The word of this round orders nothing any more: new terms go out."""
    await case.record(f"confirmation too old {round_}", f"New terms go out: {why}", by=by)
    await case.journal.put(f"too-old-{round_}", True)


async def offer_terms(case: Case, paper: Meanwhile, round_: int) -> TermsOffer:
    """B5, Y3: the terms with every date worked out for an order today, mailed once and noted on the ticket."""
    settings, request = office().settings, case.request
    assert request.bridge is not None  # noqa: S101 - only a bridge comes here
    key = f"offer-{round_}"
    kept = case.journal.get(key)
    if kept is None:
        today = settings.calendar.day_of(case.now())
        dates = BridgeDates.foretold(today, settings.calendar, settings.change_over_days)
        if dates.nothing_to_bridge(case.now()):
            why = f"The cut-off of a month ordered today, {settings.calendar.in_words(dates.cut_off)}, has passed (B5)."
            await end(case, paper.envelope, "Refused", why, by="the calendar")
        month, per_month = request.for_bridge(), request.billing.months
        draft = TermsOffer(
            reference=case.reference,
            round=round_,
            term_wanted=request.term,
            currency=request.currency,
            customer=request.customer.name,
            ticket=request.ticket_number,
            lines=tuple(
                OfferedLine(
                    product_id=line.product_id,
                    product_name=line.product_name,
                    seats=line.seats,
                    unit_price=month.price_of(line),
                )
                for line in month.lines
            ),
            dates=dates,
            annual_prices=tuple((line.product_name, request.price_of(line) / per_month) for line in request.lines)
            if request.term is not Term.MONTHLY
            else (),
            sent_at=case.now(),
        )
        kept = await case.journal.put(key, draft.model_dump(mode="json"))
    offer = TermsOffer.model_validate(kept)
    mail = await case.send(terms_letters.terms(case, offer))
    sent = await when_sent(case.reference, mail)
    offer = offer.model_copy(
        update={"sent_at": sent.at, "message_id": sent.internet_message_id, "conversation_id": sent.conversation_id}
    )
    reminder = case.journal.get(f"reminded-{round_}")
    if reminder is not None:
        again = await when_sent(case.reference, SentMail.model_validate(reminder))
        offer = offer.model_copy(update={"also_in": (again.conversation_id,)})
        await case.tag(f"conversation:{again.conversation_id}")
    confirms = [f"{CONFIRMER}{one}" for one in await confirmers(request)]
    await case.tag(f"conversation:{sent.conversation_id}", *confirms)
    await case.record(
        f"terms sent {round_}",
        terms_letters.terms_in_words(offer, request.bridge.contact.name),
        public=True,
    )
    return offer


async def look_through(case: Case, offer: TermsOffer) -> Inbox:
    """Everything written since the terms went out, judged (B3, decision 2)."""
    request = case.request
    rights = await authorised_contacts(request.customer.autotask_id, request.customer.itglue_id)
    found = await candidates(request, confirming(rights), offer.sent_at, offer.conversation_id)
    return await sort(case, offer.round, f"{case.reference}/bridge", found, lambda one: judge(one, offer, rights))


async def wait_for_word(case: Case, paper: Meanwhile, offer: TermsOffer, round_: int) -> Event:
    """Wait for the customer's written word; meanwhile the agreement goes its own way (B3, B5)."""
    settings, request = office().settings, case.request
    assert request.bridge is not None  # noqa: S101 - only a bridge comes here
    contact = Person(name=request.bridge.contact.name, email=request.bridge.contact.email)
    closes = settings.calendar.start_of(request.bridge.needed_by + timedelta(days=DAYS_AFTER_NEEDED + 1))
    reminded = settings.calendar.business_moment_after(offer.sent_at, 1)
    inbox = Inbox([], [])
    whose, moments = "", [closes]

    async def look(hinted: bool) -> Event | None:
        nonlocal inbox, whose, moments
        await paper.go_on()
        seen = await agreements.look_at_envelope(case, paper.envelope.envelope_id, hinted)
        if seen is not None:
            return seen
        inbox = await look_through(case, offer)
        if inbox.confirmed is not None and not inbox.thought_again:
            return confirmed_by(*inbox.confirmed)
        if case.now() >= closes and not inbox.to_read:
            return NoAnswer(until=closes)
        _, asked_again = await paper.press_contracts()
        moments = [moment for moment in (asked_again, paper.due) if moment is not None]
        if inbox.to_read:
            whose, turn = await press_reader(case, inbox, round_)
            moments += [turn] if turn is not None else []
            return None
        moments.append(closes)
        letter = terms_letters.terms(case, offer)
        if case.now() >= reminded:
            again = await case.send(letter.again())
            await case.journal.put(f"reminded-{round_}", again.model_dump(mode="json"))
        else:
            moments.append(reminded)
        return None

    def as_found(wait: Wait) -> Wait:
        until = min(moments, default=None)
        explain = "\n\n".join([explain_inbox(inbox, offer), paper.explain()])
        if not inbox.to_read:
            return replace(wait, until=until, explain=explain)
        return replace(
            wait,
            awaited=case.requester,
            what=f"Read what {whose or 'the customer'} wrote, in full, and say what it means",
            role="requester",
            until=until,
            explain=explain,
            choices={"evidence": inbox.choices},
        )

    async def check(event: Event) -> None:
        await paper.check(event)
        if isinstance(event, ReplyRead):
            await check_reading(case, offer, event)

    async def aside(event: Event, occasion: str) -> bool:
        if isinstance(event, ReplyRead) and event.choice == "asks":
            await remember_question(case, offer, event)
            return True
        return await paper.aside(event, occasion)

    return await wait_for(
        case,
        Wait(
            name=f"confirmation-{round_}",
            awaited=contact,
            what=f"Confirm the terms of the bridge for {offer.what} in writing",
            form=ConfirmationForm,
            role="confirmer",
            tags=(agreements.AWAITED,),
            check=check,
            aside=aside,
            after_look=as_found,
        ),
        look,
    )


async def check_reading(case: Case, offer: TermsOffer, event: ReplyRead) -> None:
    """What was read must still be there, as it was shown, and from somebody who may confirm. Raises `AnswerAgain`."""
    (await look_through(case, offer)).picked(event)
    readable_seats(case, event)


def readable_seats(case: Case, event: ReplyRead) -> None:
    """Other seats that are wanted must be readable. Raises `AnswerAgain`."""
    if event.choice == "wants other seats":
        try:
            read_seats(event.changes, tuple(line.product_name for line in case.request.lines))
        except UnreadableAnswer as unreadable:
            raise AnswerAgain(f"seats: {unreadable}") from None


async def remember_question(case: Case, offer: TermsOffer, event: ReplyRead) -> None:
    """A question was read: the wait goes on, and the message isn't shown as new any more."""
    name, _ = named_in(event.evidence)
    inbox = await look_through(case, offer)
    for known, written in inbox.to_read:
        if known == name:
            await case.journal.put(read_key(offer.round, written), {"by": event.by, "choice": event.choice})


async def agreed(case: Case, offer: TermsOffer, event: Confirmed | ReplyRead, round_: int) -> Agreed:
    """The word that counts, with the reading of whoever read it."""
    key = f"agreed-{round_}"
    kept = case.journal.get(key)
    if kept is None and isinstance(event, Confirmed):
        kept = await case.journal.put(key, {"confirmed": event.model_dump(mode="json"), "reading": None})
    elif kept is None and isinstance(event, ReplyRead):
        name, digest = named_in(event.evidence)
        found = await candidates(case.request, await confirmers(case.request), offer.sent_at, offer.conversation_id)
        written = next((w for known, w in found if known == name and w.text_digest.startswith(digest)), None)
        if written is None:
            raise RuntimeError(f"{name} was read and confirmed by {event.by}, but is not there any more: move it back")
        reading = PersonsReading(
            by=event.by, at=case.now(), written_id=written.authority_id, text_digest=written.text_digest
        )
        confirmed = Confirmed(
            evidence=name,
            authority_id=written.authority_id,
            received_at=written.received_at,
            sender=written.sender,
            read_by=event.by,
            text_digest=written.text_digest,
        )
        kept = await case.journal.put(
            key, {"confirmed": confirmed.model_dump(mode="json"), "reading": reading.model_dump(mode="json")}
        )
    assert kept is not None  # noqa: S101 - both kinds were kept above
    confirmed = Confirmed.model_validate(kept["confirmed"])
    reading_kept = PersonsReading.model_validate(kept["reading"]) if kept["reading"] else None
    by = f"{confirmed.sender}" + (f", as read in full by {confirmed.read_by}" if confirmed.read_by else "")
    await case.record(
        f"confirmed {round_}",
        f"{confirmed.sender} confirmed the terms in writing: {offer.what}.",
        by=by,
        public=True,
    )
    basis = WrittenWord(
        evidence=confirmed.evidence, authority_id=confirmed.authority_id, offer=offer, reading=reading_kept
    )
    return Agreed(offer=offer, basis=basis, confirmed=confirmed)


async def change_seats(case: Case, event: ReplyRead, round_: int) -> None:
    """The customer wants other seats: prices for that many are looked up, the agreement gets them too."""
    request = case.request
    seats = read_seats(event.changes, tuple(line.product_name for line in request.lines))
    kept = case.journal.get(f"changed-lines-{round_}")
    if kept is None:
        lines = []
        for line in request.lines:
            wanted = seats.get(line.product_name, line.seats)
            offers = await catalogue.offers_of(line.product_id, request.customer.pax8_id, wanted)
            lines.append(line.model_copy(update={"seats": wanted, "offers": offers}))
        kept = await case.journal.put(f"changed-lines-{round_}", [line.model_dump(mode="json") for line in lines])
    lines = [type(request.lines[0]).model_validate(one) for one in kept]
    case.request = request.model_copy(
        update={"lines": tuple(lines), "edition": request.edition + 1, "given_envelope": ""}
    )
    words = ", ".join(f"{line.seats} × {line.product_name}" for line in lines)
    await case.record(f"other seats {round_}", f"The customer wants {words}; new terms go out.", by=event.by)


async def bridge_closed(case: Case, paper: Meanwhile, offer: TermsOffer) -> None:
    """No answer until two days after the day needed: closed, all told (B5). Raises `Ended` always."""
    await case.send(terms_letters.closed(case, offer))
    why = "The customer did not confirm the terms of the bridge in time."
    await end(case, paper.envelope, "No confirmation", why, by="the calendar")


def explain_inbox(inbox: Inbox, offer: TermsOffer) -> str:
    """What was written, in full, above the form; what counts is the sentence or a person's reading."""
    calendar = office().settings.calendar
    lines = [f"Counts by itself: a reply whose first line is `{offer.sentence}`."]
    if inbox.thought_again:
        lines.append("Such a reply has come, and the customer has written again since: read that before it counts.")
    lines.append(explain_messages(inbox.to_read))
    if inbox.no_evidence:
        lines += ["", "Also written, and it does not count:", ""]
        lines += [
            f"- {in_markdown(written.sender)}, {calendar.in_short(written.received_at)}: {in_markdown(why)}"
            for written, why in inbox.no_evidence
        ]
    return "\n".join(lines)
