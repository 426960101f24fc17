"""Autotask's entities as this tenant has them: fields, picklists, who may be written and through which URL."""

from sandbox.autotask_fields import ID, Child, Choice, Entity, amount, flag, integer, moment, text

STATUS = (
    Choice(1, "New", default=True),
    Choice(5, "Complete"),
    Choice(7, "Waiting Customer"),
    Choice(8, "In Progress"),
    Choice(9, "Waiting Vendor"),
    Choice(10, "Dispatched", active=False),
)
PRIORITY = (Choice(4, "Critical"), Choice(1, "High"), Choice(2, "Medium", default=True), Choice(3, "Low"))
QUEUES = (
    Choice(29682833, "Service Desk", default=True),
    Choice(29683490, "Contracts and Billing"),
    Choice(29683491, "Licensing"),
    Choice(29683400, "Old Help Desk", active=False),
)
TICKET_TYPES = (
    Choice(1, "Service Request", default=True),
    Choice(2, "Incident"),
    Choice(3, "Problem"),
    Choice(4, "Change Request"),
)
CATEGORIES = (Choice(3, "Standard", default=True), Choice(101, "Licensing"))
SOURCES = (
    Choice(2, "Phone"),
    Choice(4, "Email"),
    Choice(6, "Client Portal"),
    Choice(12, "API", default=True),
)
ISSUES = (Choice(10, "Software"), Choice(11, "Hardware"))
SUB_ISSUES = (Choice(136, "Licensing", parent=10), Choice(137, "Printer", parent=11))
NOTE_TYPES = (
    Choice(1, "Task Summary", default=True),
    Choice(2, "Task Detail"),
    Choice(3, "Task Notes"),
    Choice(13, "Workflow Rule Note - Task", active=False),
)
PUBLISH = (Choice(1, "All Autotask Users", default=True), Choice(2, "Internal Project Team"))
PUBLISH_ALL = 1
COMPLETE = 5

COMPANIES = Entity(
    "Companies",
    "Company",
    (
        ID,
        text("companyName", 100, required=True),
        text("companyNumber", 50),
        integer("companyType", required=True, choices=(Choice(1, "Customer"), Choice(3, "Lead"))),
        text("phone", 25, required=True),
        text("webAddress", 255),
        text("address1", 128),
        text("city", 30),
        text("state", 40),
        text("postalCode", 10),
        integer("ownerResourceID", required=True, reference="Resource"),
        flag("isActive"),
        moment("createDate", read_only=True),
        moment("lastActivityDate", read_only=True),
    ),
)

CONTACTS = Entity(
    "Contacts",
    "Contact",
    (
        ID,
        integer("companyID", required=True, reference="Company"),
        text("firstName", 50, required=True),
        text("lastName", 50, required=True),
        text("emailAddress", 254),
        text("emailAddress2", 254),
        text("phone", 25),
        text("mobilePhone", 25),
        text("title", 50),
        integer("isActive", required=True),
        flag("primaryContact"),
        moment("createDate", read_only=True),
        moment("lastActivityDate", read_only=True),
    ),
    child=Child("Companies", "Contacts", "companyID"),
    can=frozenset({"query", "create", "update"}),
    udfs=("May confirm licences", "May sign agreements", "First term limit"),
)

RESOURCES = Entity(
    "Resources",
    "Resource",
    (
        ID,
        text("firstName", 50),
        text("lastName", 50),
        text("email", 254),
        text("userName", 32),
        text("title", 50),
        text("officePhone", 25),
        flag("isActive"),
        integer("defaultServiceDeskRoleID", reference="Role"),
        text("resourceType", 15),
    ),
)

ROLES = Entity(
    "Roles", "Role", (ID, text("name", 200), text("description", 200), flag("isActive"), flag("isSystemRole"))
)

SERVICE_DESK_ROLES = Entity(
    "ResourceServiceDeskRoles",
    "ResourceServiceDeskRole",
    (
        ID,
        integer("resourceID", reference="Resource"),
        integer("roleID", reference="Role"),
        flag("isActive"),
        flag("isDefault"),
    ),
)

TICKETS = Entity(
    "Tickets",
    "Ticket",
    (
        ID,
        integer("companyID", required=True, reference="Company"),
        text("title", 255, required=True),
        integer("status", required=True, choices=STATUS),
        integer("priority", required=True, choices=PRIORITY),
        integer("queueID", choices=QUEUES),
        integer("ticketType", choices=TICKET_TYPES),
        integer("ticketCategory", choices=CATEGORIES),
        integer("source", choices=SOURCES),
        integer("issueType", choices=ISSUES),
        integer("subIssueType", choices=SUB_ISSUES, parent_field="issueType"),
        moment("dueDateTime"),
        integer("assignedResourceID", reference="Resource"),
        integer("assignedResourceRoleID", reference="Role"),
        integer("contactID", reference="Contact"),
        integer("contractID", reference="Contract"),
        integer("contractServiceID", reference="ContractService"),
        text("description", 8000),
        text("resolution", 32000),
        text("externalID", 50),
        text("purchaseOrderNumber", 50),
        text("ticketNumber", 50, read_only=True),
        moment("createDate", read_only=True),
        moment("lastActivityDate", read_only=True),
        moment("completedDate", read_only=True),
        integer("completedByResourceID", read_only=True, reference="Resource"),
        integer("creatorResourceID", read_only=True, reference="Resource"),
        integer("creatorType", read_only=True, queryable=False),
        integer("lastActivityPersonType", read_only=True, queryable=False),
        integer("impersonatorCreatorResourceID", read_only=True, reference="Resource"),
    ),
    can=frozenset({"query", "create", "update"}),
    udfs=("Countersign reference",),
)

TICKET_NOTES = Entity(
    "TicketNotes",
    "TicketNote",
    (
        ID,
        integer("ticketID", required=True, reference="Ticket"),
        text("title", 250, required=True),
        text("description", 32000, required=True),
        integer("noteType", required=True, choices=NOTE_TYPES),
        integer("publish", required=True, choices=PUBLISH),
        integer("createdByContactID", reference="Contact"),
        integer("creatorResourceID", read_only=True, reference="Resource"),
        integer("impersonatorCreatorResourceID", read_only=True, reference="Resource"),
        moment("createDateTime", read_only=True),
        moment("lastActivityDate", read_only=True),
    ),
    child=Child("Tickets", "Notes", "ticketID"),
    can=frozenset({"query", "create", "update"}),
)

SECONDARY_RESOURCES = Entity(
    "TicketSecondaryResources",
    "TicketSecondaryResource",
    (
        ID,
        integer("ticketID", required=True, reference="Ticket"),
        integer("resourceID", required=True, reference="Resource"),
        integer("roleID", required=True, reference="Role"),
    ),
    child=Child("Tickets", "SecondaryResources", "ticketID"),
    can=frozenset({"query", "create", "delete"}),
)

_ATTACHMENT_FIELDS = (
    ID,
    text(
        "attachmentType",
        30,
        required=True,
    ),
    text("title", 255, required=True),
    text("fullPath", 255, required=True),
    integer("publish", required=True, choices=PUBLISH),
    text("data", 0, required=True, queryable=False),
    integer("parentID", reference="Ticket"),
    integer("ticketID", reference="Ticket"),
    integer("parentType", read_only=True),
    integer("fileSize", read_only=True),
    text("contentType", 100, read_only=True),
    moment("attachDate", read_only=True),
    integer("attachedByResourceID", read_only=True, reference="Resource"),
    integer("attachedByContactID", read_only=True, reference="Contact"),
    integer("impersonatorCreatorResourceID", read_only=True, reference="Resource"),
)

ATTACHMENTS = Entity(
    "TicketAttachments",
    "TicketAttachment",
    _ATTACHMENT_FIELDS,
    child=Child("Tickets", "Attachments", "ticketID"),
    can=frozenset({"query", "create", "delete"}),
)

NOTE_ATTACHMENTS = Entity(
    "TicketNoteAttachments",
    "TicketNoteAttachment",
    (*_ATTACHMENT_FIELDS, integer("ticketNoteID", reference="TicketNote")),
    child=Child("TicketNotes", "Attachments", "ticketNoteID"),
    can=frozenset({"query", "create", "delete"}),
)

CONTRACTS = Entity(
    "Contracts",
    "Contract",
    (
        ID,
        integer("companyID", reference="Company"),
        text("contractName", 100),
        text("contractNumber", 50),
        integer("contractType", choices=(Choice(7, "Recurring Service"), Choice(1, "Time & Materials"))),
        integer("status", choices=(Choice(1, "Active"), Choice(0, "Inactive"))),
        moment("startDate"),
        moment("endDate"),
        flag("isDefaultContract"),
    ),
)

SERVICES = Entity(
    "Services",
    "Service",
    (
        ID,
        text("name", 150),
        amount("unitPrice"),
        amount("unitCost"),
        integer("periodType", choices=(Choice(1, "Monthly"), Choice(4, "Yearly"))),
        flag("isActive"),
        text("invoiceDescription", 1000),
        integer("billingCodeID"),
    ),
)

CONTRACT_SERVICES = Entity(
    "ContractServices",
    "ContractService",
    (
        ID,
        integer("contractID", reference="Contract"),
        integer("serviceID", reference="Service"),
        amount("unitPrice"),
        amount("unitCost"),
        text("invoiceDescription", 1000),
    ),
    child=Child("Contracts", "Services", "contractID"),
)

CONTRACT_SERVICE_UNITS = Entity(
    "ContractServiceUnits",
    "ContractServiceUnit",
    (
        ID,
        integer("contractID", reference="Contract"),
        integer("contractServiceID", reference="ContractService"),
        integer("serviceID", reference="Service"),
        moment("startDate"),
        moment("endDate"),
        integer("units"),
        amount("price"),
        amount("cost"),
        moment("approveAndPostDate"),
    ),
)

ENTITIES: dict[str, Entity] = {
    e.name: e
    for e in (
        COMPANIES,
        CONTACTS,
        RESOURCES,
        ROLES,
        SERVICE_DESK_ROLES,
        TICKETS,
        TICKET_NOTES,
        SECONDARY_RESOURCES,
        ATTACHMENTS,
        NOTE_ATTACHMENTS,
        CONTRACTS,
        SERVICES,
        CONTRACT_SERVICES,
        CONTRACT_SERVICE_UNITS,
    )
}
CHILDREN: dict[tuple[str, str], Entity] = {
    (e.child.parent, e.child.path): e for e in ENTITIES.values() if e.child is not None
}
BY_SINGULAR: dict[str, Entity] = {e.singular: e for e in ENTITIES.values()}
