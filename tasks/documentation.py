"""Documentation in IT Glue: one Application asset for each licence (P11)."""

from rules.order import Frozen
from rules.request import CheckedRequest
from tasks.case import ticket_link
from tasks.licences import Licence
from tasks.office import office
from tasks.step import step
from vendors.itglue import FieldMap


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

    `occasion` tells one update from the next.
    """
    itglue, settings = office().itglue, office().settings
    layout = await itglue.flexible_asset_type(settings.asset_fields.application_type)
    fields = FieldMap(layout, settings.asset_fields.traits)
    name = asset_name(licence, request)
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
            "users": "\n".join(request.accounts) or None,
            "notes": f"Ordered by procedure {request.reference}, requested by {request.requester.name}.",
        }
    )
    there = await itglue.flexible_assets(layout.id, request.customer.itglue_id, name)
    if there:
        asset = await itglue.update_flexible_asset(there[0].id, traits)
    else:
        asset = await itglue.create_flexible_asset(layout.id, request.customer.itglue_id, traits)
    link = f"{settings.itglue_url}/{request.customer.itglue_id}/assets/{layout.id}/records/{asset.id}"
    return DocumentedAsset(asset_id=asset.id, name=name, link=link)
