"""What stands on the signed paper, read once for the people who must decide about it (N5).

The order itself reads the evidence anew: this reading authorises nothing.
"""

import asyncio

from pydantic import ValidationError

from rules.agreement import Difference, Paper, with_signed_seats
from rules.authority import SignedAgreement
from rules.order import Frozen
from rules.request import CheckedRequest
from tasks import catalogue
from tasks.agreements import differences, read_envelope
from tasks.contacts import authorised_contacts
from tasks.office import office
from tasks.step import step
from tasks.unclear_orders import bought_by


class WhatWasSigned(Frozen):
    """The paper against the request: what differs, and who signed without the right to."""

    paper: Paper | None = None
    differences: tuple[Difference, ...] = ()
    unauthorised: tuple[str, ...] = ()
    unreadable: str = ""


@step(key=lambda request, envelope_id: envelope_id)
async def read_what_was_signed(request: CheckedRequest, envelope_id: str) -> WhatWasSigned:
    """Read the completed envelope and compare it with the request, line by line (N5)."""
    envelope, rights = await asyncio.gather(
        office().docusign.envelope_with_tabs(envelope_id),
        authorised_contacts(request.customer.autotask_id, request.customer.itglue_id),
    )
    reading = read_envelope(envelope, office().clock.now())
    try:
        agreement = SignedAgreement(
            reading=reading, client_role=office().settings.templates.client_role, may_sign=rights
        )
    except ValidationError as invalid:
        return WhatWasSigned(unreadable="; ".join(str(error["msg"]) for error in invalid.errors()))
    if reading.reference and reading.reference != request.reference:
        return WhatWasSigned(unreadable=f"the envelope belongs to {reading.reference}")
    terms = request.terms
    value = max(terms.first_term_value, with_signed_seats(terms, agreement.paper).first_term_value)
    return WhatWasSigned(
        paper=agreement.paper,
        differences=differences(terms, agreement.paper),
        unauthorised=agreement.unauthorised_signers(value),
    )


class BeforeOrdering(Frozen):
    """What changed between the request and the day of ordering (N5, N6, A1). Costs are for pricing's eyes."""

    renamed: tuple[str, ...] = ()
    dearer: tuple[tuple[str, str, str], ...] = ()
    subscribed: tuple[str, ...] = ()


@step(key=lambda request, when, known: when if request.bridge is None else f"{request.reference}-{when}")
async def read_before_ordering(request: CheckedRequest, when: str, known: tuple[str, ...] = ()) -> BeforeOrdering:
    """Read names, our cost and the live subscriptions again, right before ordering (N5, N6, A1).

    `when`: the day, and the further attempt; each is read once. `known`: the subscriptions of this procedure's own
    bridge, where it has bought one.
    """
    renamed = []
    for line in request.lines:
        product = await office().pax8.product(line.product_id)
        if product.name != line.catalogue_name:
            renamed.append(f"{line.catalogue_name} is called {product.name} now")
    costs = await catalogue.costs_now(request)
    held = await catalogue.live_subscriptions(request.customer.pax8_id)
    today = office().settings.calendar.day_of(office().clock.now())
    own = await bought_by(request, known)
    return BeforeOrdering(
        renamed=tuple(renamed),
        dearer=tuple((name, str(then), str(now)) for name, (then, now) in costs.items() if now > then),
        subscribed=tuple(
            problem.message for problem in catalogue.check_subscribed(request.lines, request.term, today, held, own)
        ),
    )
