"""The change of mind: the customer wants the monthly term instead of the annual one, in time (Y4)."""

from flows.inbox import named_in
from flows.meanwhile import Meanwhile
from rules.events import ChangedMind, DeadlinePassed, Signed, SignerBounced
from rules.order import Billing, Term
from rules.written import Written, why_no_evidence
from tasks import agreements
from tasks.bridges import Bridge
from tasks.case import Case
from tasks.contacts import authorised_contacts
from tasks.forms import AnswerAgain
from tasks.markers import used_by_another
from tasks.office import office
from tasks.tickets import mark_kept
from tasks.written import candidates


async def customers_messages(case: Case, bought: Bridge) -> list[tuple[str, Written]]:
    """What the customer's people, who may confirm, wrote since the bridge was ordered."""
    request = case.request
    rights = await authorised_contacts(request.customer.autotask_id, request.customer.itglue_id)
    senders = tuple(dict.fromkeys(one.email.lower() for one in rights if one.may_confirm))
    found = await candidates(request, senders, bought.ordered_at)
    return [(name, one) for name, one in found if why_no_evidence(one, rights) is None]


async def check_change_of_mind(case: Case, paper: Meanwhile, bought: Bridge, event: ChangedMind) -> None:
    """Y4: accepted or refused by the date on which the customer's message was received. Raises `AnswerAgain`."""
    calendar, until = office().settings.calendar, bought.dates.change_of_mind_until
    if case.request.term is not Term.ANNUAL:
        raise AnswerAgain("action: the agreement is for the monthly term already.")
    seen = await agreements.look_at_envelope(case, paper.envelope.envelope_id, True)
    if seen is not None and not isinstance(seen, SignerBounced):
        raise AnswerAgain("action: the agreement is no longer open. Signed binds; press 'look again'.")
    name, digest = named_in(event.evidence)
    written = next((one for known, one in await customers_messages(case, bought) if known == name), None)
    if written is None or not digest or not written.text_digest.startswith(digest):
        raise AnswerAgain("evidence: choose one of the messages that are listed above the form.")
    used = await used_by_another(written.authority_id, f"{case.reference}/monthly")
    if used:
        raise AnswerAgain(f"evidence: that message was {used} already.")
    if written.received_at > until:
        raise AnswerAgain(
            f"too late (Y3 d): it was received {calendar.in_words(written.received_at)}, and had to reach us by "
            f"{calendar.in_words(until)}. The annual agreement stands; unsigned, the bridge ends. Tell the customer."
        )
    await case.journal.put(f"mind-changed-by-{paper.edition}", written.authority_id)


async def change_to_monthly(
    case: Case, paper: Meanwhile, bought: Bridge, event: ChangedMind
) -> Meanwhile | Signed | DeadlinePassed:
    """Y4: the annual agreement is voided, a monthly one drafted. A signature that was faster binds; taken back only
    after the cut-off, none follows it.

    The message is marked as used, so that it changes nothing else (B3).
    """
    said = str(case.journal.get(f"mind-changed-by-{paper.edition}"))
    await mark_kept(f"{case.reference}/monthly", case.request.ticket_id, said, "change of mind to monthly", event.by)
    otherwise = await paper.take_back_in_time("The customer decided for the monthly term.", bought)
    if isinstance(otherwise, Signed):
        await case.record("change of mind refused", "The annual agreement was signed faster: signed binds (Y4).")
    if otherwise is not None:
        return otherwise
    request = case.request
    monthly = dict(request.bridge.monthly_prices) if request.bridge is not None else {}
    lines = tuple(one.model_copy(update={"price": monthly.get(one.product_name)}) for one in request.lines)
    case.request = request.model_copy(
        update={
            "term": Term.MONTHLY,
            "billing": Billing.MONTHLY,
            "lines": lines,
            "edition": request.edition + 1,
            "given_envelope": "",
        }
    )
    await case.record(
        f"change of mind {paper.edition}",
        "The customer wants the monthly term instead: the annual agreement is voided, a monthly one drafted (Y4). "
        f"Evidence: {event.evidence}",
        by=event.by,
    )
    return await Meanwhile.draft(case)
