"""The agreement's legs: draft, release, signature, and what was signed (N3 to N5). Plain functions."""

from dataclasses import replace
from datetime import datetime

from flows.decisions import accept, end, end_without_order, stand_by_decision
from rules.agreement import DifferenceKind, price_text, with_signed_seats
from rules.authority import SignerDecision
from rules.events import Corrected, Decided, Event, RefusedBy, Signed, Withdrawn
from rules.people import Person
from rules.refusal import Refused
from rules.request import UnreadableAnswer, read_prices
from rules.settings import Release
from tasks import agreement_letters, agreements
from tasks.agreements import DraftedEnvelope
from tasks.case import Case, Ended
from tasks.casefile import in_markdown
from tasks.evidence import read_what_was_signed
from tasks.forms import AnswerAgain, LookForm, ReleaseForm, SignedSeatsForm
from tasks.journal import as_key
from tasks.office import office
from tasks.tickets import attach_signed_papers
from tasks.waiting import Wait, wait_for

SEATS = {DifferenceKind.SEATS_FEWER, DifferenceKind.SEATS_MORE}


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
    await case.tag(f"{agreements.TAG}{envelope.envelope_id}")
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
                explain=agreement_letters.release_text(case, on_draft),
                letter=agreement_letters.drafted(case, round_),
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
    await case.send(agreement_letters.sent_directly(case))


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
        if not agreements.only_ours_was_missing(case, envelope.envelope_id):
            return wait
        return replace(
            wait,
            awaited=settings.msp_signer,
            what=f"Countersign the agreement for {request.what}",
            role="countersigner",
            ask_first=True,
            letter=agreement_letters.countersign(case),
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
            letter=agreement_letters.signature(case, signer),
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
            letter=agreement_letters.signed_seats(case, differences),
        ),
    )
    if isinstance(event, Decided) and event.choice == "order as signed":
        await case.journal.put(case.name("seats-as-signed"), True)
        await case.record("seats as signed", "Ordered as signed: " + "; ".join(differences), by=event.by)
        return
    await end_without_order(case, event, envelope)


async def refuse_paper(case: Case, envelope: DraftedEnvelope, why: str) -> None:
    """What was signed isn't what is to be ordered: nothing is ordered, contracts and the requester are told (N5)."""
    await end(case, envelope, "Refused", f"The signed paper does not cover this order: {why}", by="DocuSign")
