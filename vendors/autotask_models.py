"""Autotask's entities as this project reads them: companies, contacts, resources, tickets and their children."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field

from vendors.wire import LenientBool, MaybeDateTime, VendorModel


def _null_is_empty(value: object) -> object:
    return "" if value is None else value


def _udf_by_name(value: object) -> object:
    """`[{"name": …, "value": …}]` becomes a mapping; a field without a value is an empty string."""
    if not isinstance(value, list):
        return value or {}
    return {str(entry["name"]): str(entry.get("value") or "") for entry in value if "name" in entry}


Text = Annotated[str, BeforeValidator(_null_is_empty)]
UserDefinedFields = Annotated[Mapping[str, str], BeforeValidator(_udf_by_name)]


class Entity(VendorModel):
    """Base of every Autotask record; ids are Autotask's own, times are UTC with or without `Z` (autotask.md §13.8)."""

    model_config = ConfigDict(hide_input_in_errors=True)

    id: int


class Company(Entity):
    """A customer (autotask.md §6.4); id 0 is the MSP's own company."""

    name: Text = Field(alias="companyName")
    number: Text = Field(default="", alias="companyNumber")
    website: Text = Field(default="", alias="webAddress")
    phone: Text = ""
    street: Text = Field(default="", alias="address1")
    city: Text = ""
    state: Text = ""
    postal_code: Text = Field(default="", alias="postalCode")
    active: LenientBool = Field(default=True, alias="isActive")
    udf: UserDefinedFields = Field(default_factory=dict, alias="userDefinedFields")


class Contact(Entity):
    """A person at a customer; `udf` holds the tenant's own fields by name, e.g. who may sign."""

    company_id: int = Field(alias="companyID")
    first_name: Text = Field(default="", alias="firstName")
    last_name: Text = Field(default="", alias="lastName")
    email: Text = Field(default="", alias="emailAddress")
    phone: Text = ""
    title: Text = ""
    active: LenientBool = Field(default=False, alias="isActive", description="An int in Autotask's own model.")
    udf: UserDefinedFields = Field(default_factory=dict, alias="userDefinedFields")

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class Resource(Entity):
    """One of the MSP's own people. Inactive ones are returned too: look at `active`."""

    first_name: Text = Field(default="", alias="firstName")
    last_name: Text = Field(default="", alias="lastName")
    email: Text = ""
    user_name: Text = Field(default="", alias="userName")
    phone: Text = Field(default="", alias="phone", validation_alias=AliasChoices("phone", "officePhone", "mobilePhone"))
    active: LenientBool = Field(default=False, alias="isActive")
    default_service_desk_role_id: int | None = Field(default=None, alias="defaultServiceDeskRoleID")

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class Ticket(Entity):
    """A ticket (autotask.md §6.1). Picklist fields hold ids: compare with `Autotask.picklist`.

    Sharp edge: `description` is text only when read; writing it back destroys its formatting.
    """

    number: Text = Field(default="", alias="ticketNumber")
    company_id: int = Field(alias="companyID")
    title: Text = ""
    description: Text = ""
    resolution: Text = ""
    status: int
    priority: int | None = None
    queue_id: int | None = Field(default=None, alias="queueID")
    contact_id: int | None = Field(default=None, alias="contactID")
    assigned_resource_id: int | None = Field(default=None, alias="assignedResourceID")
    assigned_role_id: int | None = Field(default=None, alias="assignedResourceRoleID")
    external_id: Text = Field(default="", alias="externalID")
    due_at: MaybeDateTime = Field(default=None, alias="dueDateTime")
    created_at: MaybeDateTime = Field(default=None, alias="createDate")
    completed_at: MaybeDateTime = Field(default=None, alias="completedDate")
    last_activity_at: MaybeDateTime = Field(default=None, alias="lastActivityDate")
    udf: UserDefinedFields = Field(default_factory=dict, alias="userDefinedFields")


class TicketNote(Entity):
    """A note on a ticket (autotask.md §6.2); made by a resource or by the customer's contact.

    Sharp edge: an integration can write a note in a contact's name; then `impersonator_resource_id` is set. A note
    can be changed later: then `last_activity_at` is after `created_at`.
    """

    ticket_id: int = Field(alias="ticketID")
    title: Text = ""
    description: Text = ""
    note_type: int | None = Field(default=None, alias="noteType")
    publish: int | None = None
    created_at: MaybeDateTime = Field(default=None, alias="createDateTime")
    creator_resource_id: int | None = Field(default=None, alias="creatorResourceID")
    created_by_contact_id: int | None = Field(default=None, alias="createdByContactID")
    impersonator_resource_id: int | None = Field(default=None, alias="impersonatorCreatorResourceID")
    last_activity_at: MaybeDateTime = Field(default=None, alias="lastActivityDate")


class Attachment(Entity):
    """What is known of a file, without its content; size in bytes (autotask.md §6.5).

    Attached by a resource (`creator_resource_id`) or by the customer's contact (`created_by_contact_id`); in
    somebody's name by an integration where `impersonator_resource_id` is set.
    """

    title: Text = ""
    file_name: Text = Field(default="", alias="fullPath")
    content_type: Text = Field(default="", alias="contentType")
    size: int | None = Field(default=None, alias="fileSize")
    attached_at: MaybeDateTime = Field(default=None, alias="attachDate")
    creator_resource_id: int | None = Field(default=None, alias="attachedByResourceID")
    created_by_contact_id: int | None = Field(default=None, alias="attachedByContactID")
    impersonator_resource_id: int | None = Field(default=None, alias="impersonatorCreatorResourceID")


class TicketAttachment(Attachment):
    """A file on a ticket itself, not on one of its notes."""

    ticket_id: int | None = Field(default=None, alias="parentID", validation_alias=AliasChoices("parentID", "ticketID"))


class NoteAttachment(Attachment):
    """A file on a note of a ticket."""

    note_id: int | None = Field(
        default=None, alias="ticketNoteID", validation_alias=AliasChoices("ticketNoteID", "parentID")
    )


class SecondaryResource(Entity):
    """Somebody who stands beside the ticket's primary resource (autotask.md §6.3)."""

    ticket_id: int = Field(alias="ticketID")
    resource_id: int = Field(alias="resourceID")
    role_id: int | None = Field(default=None, alias="roleID")


class ServiceDeskRole(Entity):
    """A role in which a resource may hold tickets (autotask.md §6.4)."""

    resource_id: int = Field(alias="resourceID")
    role_id: int = Field(alias="roleID")
    is_default: LenientBool = Field(default=False, alias="isDefault")


class PicklistValue(VendorModel):
    """One choice of a picklist: Autotask gives the id as a string (autotask.md §7)."""

    value: int
    label: Text = ""
    active: LenientBool = Field(default=True, alias="isActive")
