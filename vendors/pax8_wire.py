"""What is written to Pax8: the body of an order, and the moment of a booked end."""

from datetime import UTC, datetime
from typing import Any

from rules.order import LicenceOrder


def order_body(order: LicenceOrder) -> dict[str, Any]:
    """Return an order as Pax8 takes it (pax8.md §6).

    Provisioning answers are arrays always; the company stands at the top only; no start date, as Pax8 doesn't
    support orders for later.
    """
    return {
        "companyId": order.company_id,
        "orderedBy": "Pax8 Partner",
        "orderedByUserEmail": order.ordered_by_email,
        "lineItems": [
            {
                "lineItemNumber": number,
                "productId": line.product_id,
                "quantity": line.seats,
                "billingTerm": order.billing.value,
                "commitmentTermId": line.commitment_id,
                "provisioningDetails": [
                    {"key": answer.key, "values": list(answer.values)} for answer in line.provisioning
                ],
            }
            for number, line in enumerate(order.lines, start=1)
        ],
    }


def cancel_moment(cancel_date: datetime) -> str:
    """Return a date-time in UTC with its offset; a date alone isn't what the contract asks for (§7.2, §10)."""
    return cancel_date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
