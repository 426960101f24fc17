"""The late signature: after the cut-off, ordered anew once somebody says that it is still wanted (B7, Y6)."""

from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import purchase
from flows.agreement import what_was_signed
from flows.change_over import wait_until
from flows.decisions import accept, in_words
from flows.meanwhile import Meanwhile
from rules.events import Event, Signed, SignerBounced
from tasks import agreements, bridge_letters
from tasks.bridges import Bridge, all_ended, close_the_bridge
from tasks.case import Case, Ended
from tasks.forms import LookForm
from tasks.office import office
from tasks.waiting import Wait, wait_for


async def cut_off_passed(case: Case, paper: Meanwhile, bought: Bridge) -> State[Any]:
    """B7, Y6: what the deadline's run did is taken into the case file; a late signature is waited for."""
    calendar = office().settings.calendar
    await case.record(
        "cut-off passed",
        f"Unsigned at the cut-off: the bridge is booked to end on {bought.dates.term_end}.",
        by="DocuSign",
        public=True,
    )
    await close_the_bridge(case)

    async def look(hinted: bool) -> Event | None:
        seen = await agreements.look_at_envelope(case, paper.envelope.envelope_id, hinted)
        return None if isinstance(seen, SignerBounced) else seen

    event = await wait_for(
        case,
        Wait(
            name="late-signature",
            awaited=bridge_letters.signer_of(case.request),
            what=f"A late signature; the bridge ends on {bought.dates.term_end}",
            form=LookForm,
            role="signer",
            tags=(agreements.AWAITED,),
            explain="Signed late, the licences are ordered anew once somebody confirms that they are wanted (Y6).",
        ),
        look,
    )
    if not isinstance(event, Signed):
        name, why, by = in_words(event)
        await agreements.void_agreement(paper.envelope.envelope_id, why)
        await case.record("ended", f"{name}: {why} The bridge ended unsigned.", by=by)
        raise Ended("Ended unsigned", f"{name}: {why} The bridge was cancelled at its month's end.")
    case.leg = "late"
    await case.record(
        "signed late", f"DocuSign says completed, {calendar.in_words(event.at)}.", by="DocuSign", public=True
    )
    signers = await what_was_signed(case, paper.envelope)
    await accept(
        case,
        paper.envelope,
        "still-wanted",
        case.requester,
        f"Confirm that {case.request.what} is still wanted",
        f"The agreement was signed after the cut-off; the bridge was cancelled and ends on {bought.dates.term_end}. "
        "Accepting orders anew under the signed agreement (Y6).",
        also=(office().settings.contracts,),
    )
    if not await all_ended(bought.ids.subscriptions):
        await wait_until(
            case, "late-order", bought.dates.change_over, "Ordered a few days before the bridge ends (Y6)."
        )
    licences = await purchase.buy(case, paper.envelope, signers)
    case.leg = ""
    await purchase.finish(case, licences)
    await case.show("Done")
    return Completed(message=f"{case.request.what}: signed late, ordered anew under the signed agreement.")
