"""More seats of a bridge under way: its agreement is sent anew with the new total; its dates stay (S1, B2)."""

from flows.meanwhile import Meanwhile
from rules.events import DeadlinePassed, SeatsAdded, Signed
from rules.people import Person
from rules.request import CheckedLine
from tasks import bridge_letters, catalogue
from tasks.bridges import Bridge
from tasks.case import Case
from tasks.claims import confirmed_total
from tasks.ending import read_term
from tasks.letters import Letter
from tasks.licences import Licence
from tasks.office import office
from tasks.tickets import note_stage


async def seats_added(bought: Bridge) -> SeatsAdded | None:
    """What add-seats has added to a bridge on the customer's word; other changes of its seats are none (S1)."""
    totals = [
        (one.subscription_id, now.seats)
        for one, now in zip(bought.licences, await with_confirmed_seats(bought), strict=True)
        if now.seats != one.seats
    ]
    return SeatsAdded(totals=tuple(totals)) if totals else None


async def with_confirmed_seats(bought: Bridge) -> tuple[Licence, ...]:
    """The bridge's licences with the seats that were confirmed since it was bought, and that Pax8 shows."""
    licences = []
    for one in bought.licences:
        seats = (await read_term(one.subscription_id)).seats
        if seats != one.seats and await confirmed_total(one.subscription_id) == seats:
            one = one.model_copy(update={"seats": seats, "seats_read": seats})
        licences.append(one)
    return tuple(licences)


async def sent_anew(
    case: Case, paper: Meanwhile, bought: Bridge, event: SeatsAdded
) -> tuple[Meanwhile, Bridge] | Signed | DeadlinePassed:
    """The agreement that is out says fewer seats: void, and another one with the new totals. Signed faster it binds;
    taken back only after the cut-off, none follows it."""
    otherwise = await paper.take_back_in_time("More seats were confirmed and added.", bought)
    if isinstance(otherwise, Signed):
        await case.record(f"signed before more seats {paper.edition}", "The agreement was signed faster: it binds.")
    if otherwise is not None:
        return otherwise
    totals = dict(event.totals)
    licences = tuple(
        one.model_copy(update={"seats": totals[one.subscription_id], "seats_read": totals[one.subscription_id]})
        if one.subscription_id in totals
        else one
        for one in bought.licences
    )
    request = case.request
    lines = await lines_with(case, paper.edition, {one.product_id: one.seats for one in licences})
    case.request = request.model_copy(update={"lines": lines, "edition": request.edition + 1, "given_envelope": ""})
    after = bought.model_copy(update={"licences": licences})
    await tell(case, paper.edition, after)
    return await Meanwhile.draft(case), after


async def lines_with(case: Case, edition: int, seats: dict[str, int]) -> tuple[CheckedLine, ...]:
    """The request's lines with other seats, and the catalogue's offers for so many."""
    key, request = f"lines-with-more-seats-{edition}", case.request
    kept = case.journal.get(key)
    if kept is None:
        lines = []
        for line in request.lines:
            wanted = seats.get(line.product_id, line.seats)
            offers = await catalogue.offers_of(line.product_id, request.customer.pax8_id, wanted)
            lines.append(line.model_copy(update={"seats": wanted, "offers": offers}))
        kept = await case.journal.put(key, [line.model_dump(mode="json") for line in lines])
    return tuple(CheckedLine.model_validate(one) for one in kept)


async def tell(case: Case, edition: int, bought: Bridge) -> None:
    """The customer, contracts, requester and senior: the old agreement is void, a new one comes, the cut-off stays."""
    settings, request = office().settings, case.request
    cut_off = settings.calendar.in_words(bought.dates.cut_off)
    what = (
        f"{bought.what}: the agreement with fewer seats is void, a new one comes. To be signed by {cut_off}, as before."
    )
    await case.record(f"more seats {edition}", what, public=True)
    note = f"More seats were confirmed: {bought.what}. The cut-off stays {cut_off}."
    await note_stage(case.reference, bought.ids.reminder_id, f"more seats {edition}", note, "", case.run_link, False)
    await case.send(_letter(f"more-seats-{edition}", bridge_letters.customers(request), case, what))
    ours = (settings.contracts, case.requester, request.senior)
    await case.send(_letter(f"more-seats-us-{edition}", ours, case, what))


def _letter(kind: str, to: tuple[Person, ...], case: Case, what: str) -> Letter:
    return Letter(
        kind=kind,
        to=to,
        subject=f"{case.request.what}: the agreement is sent anew",
        todo=what,
        otherwise="Unsigned by then, all of these seats end with their month.",
        from_person=case.requester,
    )
