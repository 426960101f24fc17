"""Fills Autotask with the seeded world: companies, contacts, staff, roles, tickets, contracts and services."""

from datetime import timedelta
from typing import Any

from sandbox import autotask_schema as schema
from sandbox.autotask_fields import Choice, Entity
from sandbox.autotask_rules import client_time, server_time
from sandbox.core import Record, World
from sandbox.credentials import AUTOTASK_USER_NAME
from sandbox.seed.model import Contact, Customer, Ticket
from sandbox.seed.people import OFFICE_ROLE, SENIOR_ROLE, TECHNICIAN_ROLE
from sandbox.world import SEED

API_RESOURCE_ID = 29682999
MSP_COMPANY_ID = 0
ROLE_IDS = {TECHNICIAN_ROLE: 29683436, SENIOR_ROLE: 29683437, OFFICE_ROLE: 29683438}
FIRST_CONTRACT_SERVICE = 29690000


def seed(world: World) -> None:
    """Fills an empty store."""
    _people(world)
    services = _services(world)
    _company(world, MSP_COMPANY_ID, SEED.msp.name, SEED.msp.domain, "+1 212 555 0100", ("", "", "", ""))
    for customer in SEED.customers:
        address = (customer.street, customer.city, customer.state, customer.postal_code)
        _company(world, customer.company_id, customer.name, customer.domain, customer.phone, address)
        for contact in customer.contacts:
            _contact(world, customer, contact)
        for ticket in customer.tickets:
            _ticket(world, customer, ticket)
        _contract(world, customer, services)


def label_value(choices: tuple[Choice, ...], label: str) -> int:
    """The picklist value of a label; KeyError for a label that this tenant lacks."""
    for choice in choices:
        if choice.label == label:
            return choice.value
    raise KeyError(label)


def _put(world: World, entity: Entity, **values: Any) -> Record:
    unknown = set(values) - set(entity.by_name) - {"userDefinedFields"}
    if unknown:
        raise KeyError(f"{entity.name} has no {unknown}")
    record: Record = {f.name: None for f in entity.fields}
    if entity.udfs:
        record["userDefinedFields"] = [{"name": name, "value": None} for name in entity.udfs]
    return world.store.put(entity.kind, values["id"], record | values)


def _ago(world: World, days: int) -> str:
    return server_time(world.now() - timedelta(days=days))


def _people(world: World) -> None:
    for name, role_id in ROLE_IDS.items():
        _put(world, schema.ROLES, id=role_id, name=name, description=name, isActive=True, isSystemRole=False)
    _put(
        world,
        schema.RESOURCES,
        id=API_RESOURCE_ID,
        firstName="Countersign",
        lastName="API",
        email=AUTOTASK_USER_NAME,
        userName="countersign-api",
        title="API User",
        isActive=True,
        resourceType="Employee",
    )
    for number, member in enumerate(SEED.staff, start=1):
        desk_role = None if member.service_desk_role is None else ROLE_IDS[member.service_desk_role]
        _put(
            world,
            schema.RESOURCES,
            id=member.resource_id,
            firstName=member.first_name,
            lastName=member.last_name,
            email=member.email,
            userName=member.key,
            title=member.title,
            officePhone=member.phone,
            isActive=member.active,
            defaultServiceDeskRoleID=desk_role,
            resourceType="Employee",
        )
        if desk_role is not None:
            _put(
                world,
                schema.SERVICE_DESK_ROLES,
                id=1000 + number,
                resourceID=member.resource_id,
                roleID=desk_role,
                isActive=True,
                isDefault=True,
            )


def _company(
    world: World,
    company_id: int,
    name: str,
    domain: str | None,
    phone: str,
    address: tuple[str, str, str, str],
) -> None:
    _put(
        world,
        schema.COMPANIES,
        id=company_id,
        companyName=name,
        companyNumber=f"C{company_id:05d}",
        companyType=1,
        phone=phone,
        webAddress=f"www.{domain}" if domain else None,
        address1=address[0] or None,
        city=address[1] or None,
        state=address[2] or None,
        postalCode=address[3] or None,
        ownerResourceID=SEED.member("roberta").resource_id,
        isActive=True,
        createDate=_ago(world, 900),
        lastActivityDate=_ago(world, 2),
    )


def _contact(world: World, customer: Customer, contact: Contact) -> None:
    limit = contact.first_term_limit
    rights = {
        "May confirm licences": "Yes" if contact.may_confirm else "No",
        "May sign agreements": "Yes" if contact.may_sign else "No",
        "First term limit": None if limit is None else str(limit),
    }
    _put(
        world,
        schema.CONTACTS,
        id=contact.contact_id,
        companyID=customer.company_id,
        firstName=contact.first_name,
        lastName=contact.last_name,
        emailAddress=contact.email,
        phone=contact.phone,
        title=contact.title,
        isActive=1 if contact.active else 0,
        primaryContact=contact is customer.contacts[0],
        createDate=_ago(world, 800),
        lastActivityDate=_ago(world, 5),
        userDefinedFields=[{"name": name, "value": value} for name, value in rights.items()],
    )


def _ticket(world: World, customer: Customer, ticket: Ticket) -> None:
    status = label_value(schema.STATUS, ticket.status)
    member = SEED.member(ticket.assigned_to)
    opened = _ago(world, ticket.opened_days_ago)
    done = status == schema.COMPLETE
    _put(
        world,
        schema.TICKETS,
        id=ticket.ticket_id,
        companyID=customer.company_id,
        title=ticket.title,
        description=ticket.description,
        status=status,
        priority=label_value(schema.PRIORITY, "Medium"),
        queueID=label_value(schema.QUEUES, "Service Desk"),
        ticketType=1,
        ticketCategory=3,
        source=4,
        dueDateTime=client_time(_ago(world, ticket.opened_days_ago - 7)),
        assignedResourceID=member.resource_id,
        assignedResourceRoleID=ROLE_IDS[member.service_desk_role or TECHNICIAN_ROLE],
        contactID=ticket.contact_id,
        contractID=customer.contract.contract_id if customer.contract else None,
        ticketNumber=ticket.number,
        createDate=opened,
        lastActivityDate=opened,
        completedDate=opened if done else None,
        completedByResourceID=member.resource_id if done else None,
        creatorResourceID=member.resource_id,
        creatorType=1,
        lastActivityPersonType=1,
    )


def _services(world: World) -> dict[str, int]:
    """The catalogue of services: one for each commercial product, at its monthly list price."""
    ids: dict[str, int] = {}
    for number, product in enumerate((p for p in SEED.products if p.segment == "Commercial" and p.prices), start=1):
        price = product.prices[0]
        ids[product.our_name] = number
        _put(
            world,
            schema.SERVICES,
            id=number,
            name=product.our_name,
            unitPrice=float(price.retail),
            unitCost=float(price.buy),
            periodType=1,
            isActive=True,
            invoiceDescription=product.our_name,
        )
    return ids


def _contract(world: World, customer: Customer, services: dict[str, int]) -> None:
    contract = customer.contract
    if contract is None:
        return
    start, end = client_time(_ago(world, 300)), client_time(_ago(world, -800))
    _put(
        world,
        schema.CONTRACTS,
        id=contract.contract_id,
        companyID=customer.company_id,
        contractName=contract.name,
        contractNumber=f"R{customer.company_id}",
        contractType=7,
        status=1,
        startDate=start,
        endDate=end,
        isDefaultContract=True,
    )
    for name, units in contract.services:
        number = world.store.next_number("autotask.seeded-contract-services", FIRST_CONTRACT_SERVICE)
        service = world.store.get(schema.SERVICES.kind, services[name]) or {}
        _put(
            world,
            schema.CONTRACT_SERVICES,
            id=number,
            contractID=contract.contract_id,
            serviceID=service["id"],
            unitPrice=service["unitPrice"],
            unitCost=service["unitCost"],
            invoiceDescription=service["invoiceDescription"],
        )
        _put(
            world,
            schema.CONTRACT_SERVICE_UNITS,
            id=number,
            contractID=contract.contract_id,
            contractServiceID=number,
            serviceID=service["id"],
            startDate=start,
            endDate=end,
            units=units,
            price=service["unitPrice"] * units,
            cost=service["unitCost"] * units,
        )
