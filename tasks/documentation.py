"""Documentation in IT Glue: one Application asset for each licence (P11)."""

from collections.abc import Sequence

from rules.order import Frozen
from rules.request import CheckedRequest
from rules.seats import HeldSeats, SeatRequest
from rules.wishes import EndWish
from rules.written import OnTicket
from tasks.case import ticket_link
from tasks.licences import Licence
from tasks.office import office
from tasks.step import step
from vendors.itglue import FieldMap, FlexibleAsset


class DocumentedAsset(Frozen):
    """An asset in IT Glue."""

    asset_id: int
    name: str
    link: str


def asset_name(licence: Licence, request: CheckedRequest) -> str:
    """The asset's name: the product and its term, which is also what it is found by."""
    return asset_name_of(licence.product_name, request.term.value)


def asset_name_of(product: str, term: str) -> str:
    return f"{product} ({term})"


@step(key=lambda request, licence, envelope_id, occasion: f"{licence.subscription_id}{occasion}")
async def document_licence(
    request: CheckedRequest, licence: Licence, envelope_id: str, occasion: str = ""
) -> DocumentedAsset:
    """Create the Application asset, once, found by its exact name; one that exists is brought up to date (P11).

    What people wrote into its notes and its list of users stays, ours comes below. `occasion` tells one update
    from the next.
    """
    itglue, settings = office().itglue, office().settings
    layout = await itglue.flexible_asset_type(settings.asset_fields.application_type)
    fields = FieldMap(layout, settings.asset_fields.traits)
    name = asset_name(licence, request)
    ordered = f"Ordered by procedure {request.reference}, requested by {request.requester.name}."
    there = await itglue.flexible_assets(layout.id, request.customer.itglue_id, name)
    traits = fields.traits(
        {
            "name": name,
            "vendor": "Microsoft (Pax8)",
            "seats": licence.seats,
            "subscription": licence.subscription_id,
            "renewal": settings.calendar.term_end(licence.renews).isoformat() if licence.renews else None,
            "term": settings.asset_fields.terms.get(request.term.value, request.term.value),
            "agreement": f"{settings.docusign_url}/documents/details/{envelope_id}",
            "ticket": f"{request.ticket_number} {ticket_link(settings.autotask_url, request.ticket_id)}",
            "users": below(said(there, "users"), *request.accounts) or None,
            "notes": below(said(there, "notes"), ordered),
        }
    )
    if there:
        asset = await itglue.update_flexible_asset(there[0].id, traits)
    else:
        asset = await itglue.create_flexible_asset(layout.id, request.customer.itglue_id, traits)
    link = f"{settings.itglue_url}/{request.customer.itglue_id}/assets/{layout.id}/records/{asset.id}"
    return DocumentedAsset(asset_id=asset.id, name=name, link=link)


def said(there: Sequence[FlexibleAsset], ours: str) -> str:
    """What the first of these assets holds in a field of ours; empty where there is none."""
    key = office().settings.asset_fields.traits.get(ours, "")
    return str(there[0].traits.get(key) or "") if there else ""


def below(there: str, *lines: str) -> str:
    """A field of several lines with these below what stands there, each once."""
    new = [line for line in lines if line not in there.splitlines()]
    return "\n".join([*([there.rstrip()] if there.strip() else []), *new])


@step(key=lambda request, held, seats: f"{held.subscription_id}-{seats}")
async def document_seats(request: SeatRequest, held: HeldSeats, seats: int) -> DocumentedAsset:
    """Bring the seats of a subscription's Application asset up to date; one that isn't there is made (P11, S1).

    Found by the subscription's id, which tells two of one product apart; else by its exact name.
    """
    itglue, settings = office().itglue, office().settings
    layout = await itglue.flexible_asset_type(settings.asset_fields.application_type)
    fields = FieldMap(layout, settings.asset_fields.traits)
    name = f"{request.product_name} ({held.term.value})"
    there = await asset_of(layout.id, request, request.product_name, held)
    if there is not None:
        traits = {"seats": seats, "subscription": held.subscription_id}
        asset = await itglue.update_flexible_asset(there.id, fields.changes(traits))
    else:
        traits = {
            "name": name,
            "vendor": "Microsoft (Pax8)",
            "seats": seats,
            "subscription": held.subscription_id,
            "renewal": held.renews.isoformat() if held.renews else None,
            "term": settings.asset_fields.terms.get(held.term.value, held.term.value),
            "ticket": f"{request.ticket_number} {ticket_link(settings.autotask_url, request.ticket_id)}",
            "notes": f"Seats by procedure {request.reference}, requested by {request.requester.name}.",
        }
        asset = await itglue.create_flexible_asset(layout.id, request.customer.itglue_id, fields.traits(traits))
    link = f"{settings.itglue_url}/{request.customer.itglue_id}/assets/{layout.id}/records/{asset.id}"
    return DocumentedAsset(asset_id=asset.id, name=asset.name or name, link=link)


async def asset_of(type_id: int, request: OnTicket, product: str, held: HeldSeats) -> FlexibleAsset | None:
    """The asset that names a subscription; else the product's of that term, unless it names another subscription."""
    fields = office().settings.asset_fields
    by_id, by_term = fields.traits.get("subscription", ""), fields.traits.get("term", "")
    there = await office().itglue.flexible_assets(type_id, request.customer.itglue_id)
    for one in there:
        if str(one.traits.get(by_id) or "") == held.subscription_id:
            return one
    names = (product, f"{product} ({held.term.value})")
    term = fields.terms.get(held.term.value, held.term.value)
    alike = [one for one in there if one.name in names and not one.traits.get(by_id)]
    return next((one for one in alike if one.traits.get(by_term) in (None, term)), None)


@step(key=lambda wish, ends: f"{wish.held.subscription_id}-{ends}")
async def document_end(wish: EndWish, ends: str) -> DocumentedAsset:
    """Mark a subscription's Application asset with its end, beside what its notes say; made if it isn't there (P11)."""
    itglue, settings, held = office().itglue, office().settings, wish.held
    layout = await itglue.flexible_asset_type(settings.asset_fields.application_type)
    fields = FieldMap(layout, settings.asset_fields.traits)
    line = f"Ends on {ends}, at the customer's wish ({wish.reference})."
    there = await asset_of(layout.id, wish, wish.product_name, held)
    if there is not None:
        notes = below(said([there], "notes"), line)
        changed = fields.changes({"notes": notes, "subscription": held.subscription_id})
        asset = await itglue.update_flexible_asset(there.id, changed)
    else:
        traits = {
            "name": f"{wish.product_name} ({held.term.value})",
            "vendor": "Microsoft (Pax8)",
            "seats": held.seats,
            "subscription": held.subscription_id,
            "term": settings.asset_fields.terms.get(held.term.value, held.term.value),
            "ticket": f"{wish.ticket_number} {ticket_link(settings.autotask_url, wish.ticket_id)}",
            "notes": line,
        }
        asset = await itglue.create_flexible_asset(layout.id, wish.customer.itglue_id, fields.traits(traits))
    link = f"{settings.itglue_url}/{wish.customer.itglue_id}/assets/{layout.id}/records/{asset.id}"
    return DocumentedAsset(asset_id=asset.id, name=asset.name or wish.product_name, link=link)
