"""What is written to Pax8: the bodies of orders, companies and contacts, and the moment of a booked end."""

from datetime import UTC, datetime
from typing import Any

from rules.order import LicenceOrder
from vendors.pax8_models import Company, Contact


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


def company_body(company: Company) -> dict[str, Any]:
    """Return a customer as Pax8 takes it: customers buy nothing there by themselves (pax8.md §4)."""
    address = company.address
    return {
        "name": company.name,
        "externalId": company.external_id,
        "website": company.website,
        "phone": company.phone,
        "address": {
            "street": address.street,
            "street2": address.street2,
            "city": address.city,
            "stateOrProvince": address.state_or_province,
            "postalCode": address.postal_code,
            "country": address.country,
        },
        "billOnBehalfOfEnabled": False,
        "selfServiceAllowed": False,
        "orderApprovalRequired": False,
    }


def contact_body(contact: Contact) -> dict[str, Any]:
    """Return a contact as Pax8 takes it."""
    return {
        "firstName": contact.first_name,
        "lastName": contact.last_name,
        "email": contact.email,
        "phone": contact.phone,
        "types": [{"type": one.type, "primary": one.primary} for one in contact.types],
    }
