"""The licences as they stood when provisioning was settled, remembered for documentation and billing (P17)."""

from rules.order import Term
from tasks.licences import Licence, PlacedOrder, read_licences
from tasks.step import step


@step(key=lambda placed, company_id, term: placed.order_id)
async def remember_licences(placed: PlacedOrder, company_id: str, term: Term) -> tuple[Licence, ...]:
    """Read the subscriptions once more and keep what they say."""
    return await read_licences(placed, company_id, term)
