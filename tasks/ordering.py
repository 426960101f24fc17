"""The order at Pax8: once, on an authority that is marked as used before the write (decisions 1 and 3, I1, I3)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from rules.authority import NotCovered, OrderAuthority, ReadTooLongAgo
from rules.bridge import bridge_reference
from rules.refusal import Problem, Refused
from rules.request import CheckedRequest
from tasks import catalogue
from tasks.authority import Basis, assert_mapped_products, read_authority, who_gave
from tasks.customers import domains_of
from tasks.licences import PlacedOrder
from tasks.markers import USED, AuthorityUsed, authority_in, first_holder, free, holder
from tasks.office import office
from tasks.step import assert_run_is_ours, step
from tasks.tenant import find_tenant, still_no_tenant
from tasks.tickets import add_marker, marker_prefix
from tasks.unclear_orders import (
    adopt_new_order,
    before_of,
    placed_order,
    unclear_where_refused,
    what_is_there,
)
from vendors.errors import RateLimited, Unauthorised, Unavailable, UnclearOutcome
from vendors.errors import Refused as VendorRefused


@step(key=lambda request, basis, attempt: f"{request.reference}-{attempt}")
async def place_order(request: CheckedRequest, basis: Basis, attempt: int) -> PlacedOrder:
    """Order exactly what was signed, or confirmed for a bridge, once (N5, B2, I1, I3).

    The evidence is read fresh, the authority's marker is written to the ticket, and only then the order is sent.
    Cut off after the marker, the next attempt looks for a new order that equals this one and adopts it; where
    there is none, or what is there can't be read, it raises `UnclearOrder`. Raises `NotSigned`, `NotCovered`,
    `ConfirmationTooOld`, `AuthorityUsed`, Pax8's `Refused`: in each of these nothing was ordered. `Unavailable` where
    Autotask won't say whether a marker is there, or where the vendors were so slow that the evidence must be read anew:
    nothing was ordered then either, and the authority is free.
    """
    pax8 = office().pax8
    try:
        mine = await holder(basis.authority_id, request.reference)
    except VendorRefused as no:
        raise Unavailable("Autotask", f"whether {request.reference} was ordered can't be read: {no.message}") from None
    if mine is not None:  # used by this very order already: what it bought is looked for, whatever the evidence is now
        return await adopt_new_order(request, basis.authority_id, before_of(mine))
    order = await catalogue.build_order(request)
    authority = await read_authority(basis, request)
    order = order.model_copy(update={"at": office().clock.now()})
    with read_anew_if_old():
        authority.assert_covers(order)
    assert_mapped_products(authority, order)
    await assert_right_customer(request, authority)
    await assert_no_other_order(request, authority.authority_id)

    lines = tuple((line.product_id, line.seats) for line in order.lines)
    commitments = tuple(line.commitment_id for line in order.lines)
    before = await what_is_there(order.company_id)
    before = before.model_copy(update={"lines": lines, "commitments": commitments})
    await pax8.mock_order(order)
    marker = await add_marker(
        request.ticket_id,
        authority.authority_id,
        f"{request.reference}: {request.what}"[:120],
        before.model_dump_json(),
    )
    with unclear_where_refused(request.reference):
        first = await holder(authority.authority_id, request.reference)
    if first is None:
        raise AuthorityUsed(f"{authority.authority_id} is held by nobody right after it was marked; a person must look")
    if first.id != marker:  # another process of this procedure was faster: the order is its to send
        return await adopt_new_order(request, authority.authority_id, before_of(first))
    await assert_run_is_ours()
    order = order.model_copy(update={"at": office().clock.now()})
    try:
        placed = await pax8.place_order(order, authority)
    except NotCovered as no:  # said before anything was sent
        await give_back(request, authority.authority_id, marker, str(no))
        with read_anew_if_old():
            raise
    except (VendorRefused, Unauthorised, RateLimited, Unavailable) as certain:  # in each of these nothing was ordered
        await free(request, authority.authority_id, f"Pax8 did not take it: {certain.message}")
        raise
    except UnclearOutcome:
        return await adopt_new_order(request, authority.authority_id, before)
    return placed_order(placed, request, authority.authority_id, before)


async def may_be_out(authority_id: str) -> bool:
    """Whether a marker holds the authority: then it has bought something, or may have.

    Raises `Unavailable` where Autotask won't say.
    """
    try:
        return await first_holder(authority_id) is not None
    except VendorRefused as no:
        raise Unavailable("Autotask", f"whether {authority_id} was used can't be read: {no.message}") from None


@contextmanager
def read_anew_if_old() -> Iterator[None]:
    """Evidence that is only too old by now is no refusal: the step reads it anew. Nothing was sent."""
    try:
        yield
    except ReadTooLongAgo as old:
        raise Unavailable("Evidence in time", f"the vendors were slow, so it is tried again. {old}") from None


async def give_back(request: CheckedRequest, authority_id: str, marker: int, why: str) -> None:
    """Free the authority that this very process had marked, and of which it has made no use.

    By the run's own process only, and while that marker is the one that holds: whoever has taken the run over meanwhile
    may have ordered under one of its own. Raises `Abort` where the run isn't this process's any more.
    """
    await assert_run_is_ours()
    first = await first_holder(authority_id)
    if first is not None and first.id == marker:
        await free(request, authority_id, why)


async def assert_right_customer(request: CheckedRequest, authority: OrderAuthority) -> None:
    """Ticket, Pax8 company and tenant must be the customer's who signed or confirmed, read fresh; raises `NotCovered`.

    The paper names customer and ticket; Autotask's id ties them to Pax8's company and IT Glue's organisation. A
    tenant that can't be confirmed any more is `Refused`: somebody records it, and it is tried again.
    """
    customer = request.customer
    if not customer.pax8_id or (customer.needs_tenant and not customer.prefix):
        raise NotCovered("The customer's company at Pax8 and the prefix of the new tenant aren't settled yet (P2, P3).")
    named, ticket, organisation, bought_for = await asyncio.gather(
        office().autotask.company(customer.autotask_id),
        office().autotask.ticket(request.ticket_id),
        office().itglue.organisation_by_psa_id(customer.autotask_id),
        office().pax8.company(customer.pax8_id),
    )
    wrong = []
    if ticket.number != request.ticket_number or ticket.company_id != named.id:
        wrong.append(f"the ticket {request.ticket_id} is not {request.ticket_number} of {named.name}")
    if organisation is None or organisation.id != customer.itglue_id:
        wrong.append(f"the IT Glue organisation {customer.itglue_id} is not linked to {named.name}")
    if named.name != customer.name:
        wrong.append(f"Autotask calls {customer.autotask_id} '{named.name}', the paper says '{customer.name}'")
    if bought_for.external_id != str(customer.autotask_id):
        wrong.append(f"the Pax8 company {bought_for.name} is not linked to Autotask's {customer.autotask_id}")
    if wrong:
        raise NotCovered("The order would go to another customer (N5, P2): " + "; ".join(wrong))
    if customer.needs_tenant:
        problems = await still_no_tenant(customer)
        if problems:
            raise Refused(problems)
        return
    domains = dict.fromkeys(domain for person in who_gave(authority) for domain in domains_of(named, person))
    tenant = await find_tenant(named.name, tuple(domains), customer.itglue_id, customer.tenant_id)
    if isinstance(tenant, Problem):
        raise Refused([tenant])


async def assert_no_other_order(request: CheckedRequest, authority_id: str) -> None:
    """One order for a request, whichever paper is held up next (I3); raises `AuthorityUsed` naming the first."""
    taken = (request.reference, request.reference.removesuffix(bridge_reference("")))
    for note in await office().autotask.notes(request.ticket_id):
        other = authority_in(note)
        starts = tuple(f"{marker_prefix(other)}{USED} {reference}:" for reference in taken)
        if not note.title.startswith(starts) or other == authority_id:
            continue
        first = await first_holder(other)
        if first is not None and first.title.startswith(starts):
            raise AuthorityUsed(f"{request.reference} has been ordered already, under {other} (I3).")
