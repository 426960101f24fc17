"""Autotask's people: customers, their contacts, and the MSP's own resources with the roles they may hold."""

from typing import TypeVar

from vendors.autotask_http import AutotaskHttp, Json, any_of, contains, eq, refusal
from vendors.autotask_models import Company, Contact, Resource, ServiceDeskRole

_P = TypeVar("_P", Contact, Resource)


class People:
    """The part of the Autotask client that finds customers and people (autotask.md §6.4)."""

    _at: AutotaskHttp

    async def company(self, company_id: int) -> Company:
        """Return a customer by its Autotask id."""
        return Company.model_validate(await self._at.item("Companies", company_id))

    async def companies(self) -> list[Company]:
        """Return all companies, inactive ones too; a call for 500."""
        every = {"op": "gte", "field": "id", "value": 0}
        return [Company.model_validate(record) for record in await self._at.query("Companies", every)]

    async def companies_named(self, name: str) -> list[Company]:
        """Return the customers called `name` (ignoring case); unless one of them is active, near ones after them too.

        Near: the name holds `name`, or its longest word; at most 50. Inactive companies are returned too.
        """
        wanted = name.strip()
        if not wanted:
            return []
        # Asked for by itself: among near ones, of which there can be many, the exact one might be cut off.
        found = await self._companies(eq("companyName", wanted))
        if any(company.active for company in found):
            return found
        longest = max(wanted.split(), key=len)
        near = [contains("companyName", text) for text in dict.fromkeys((wanted, longest)) if len(text) > 2]
        found += [one for one in await self._companies(any_of(*near)) if one not in found] if near else []
        return sorted(found, key=lambda company: company.name.casefold() != wanted.casefold())

    async def _companies(self, condition: Json) -> list[Company]:
        found = await self._at.query("Companies", condition, limit=50)
        return [Company.model_validate(record) for record in found]

    async def contact(self, contact_id: int) -> Contact:
        """Return a contact by its Autotask id."""
        return Contact.model_validate(await self._at.item("Contacts", contact_id))

    async def contact_by_email(self, company_id: int, email: str) -> Contact | None:
        """Return the company's contact with that address (ignoring case), an active one if there is one."""
        found = await self._at.query("Contacts", eq("companyID", company_id), eq("emailAddress", email.strip()))
        contacts = [Contact.model_validate(record) for record in found]
        return _active_first(contacts, email)

    async def contacts(self, company_id: int) -> list[Contact]:
        """Return all contacts of a company, inactive ones too."""
        found = await self._at.query("Contacts", eq("companyID", company_id))
        return [Contact.model_validate(record) for record in found]

    async def resource_by_email(self, email: str) -> Resource | None:
        """Return the MSP's own person with that address (ignoring case), an active one if there is one."""
        found = await self._at.query("Resources", eq("email", email.strip()))
        return _active_first([Resource.model_validate(record) for record in found], email)

    async def resource(self, resource_id: int) -> Resource:
        """Return one of the MSP's own people by Autotask id."""
        return Resource.model_validate(await self._at.item("Resources", resource_id))

    async def service_desk_role(self, resource_id: int) -> int:
        """Return the role in which a resource holds tickets: the default one, else the first active one.

        A ticket's resource and role must be an existing pair (autotask.md §6.1); none at all is `Refused`.
        """
        found = await self._at.query("ResourceServiceDeskRoles", eq("resourceID", resource_id), eq("isActive", True))
        roles = [ServiceDeskRole.model_validate(record) for record in found]
        if roles:
            return min(roles, key=lambda role: not role.is_default).role_id
        resource = await self.resource(resource_id)
        if resource.default_service_desk_role_id is None:
            raise refusal(f"{resource.name} has no active service desk role, so can't be given a ticket")
        return resource.default_service_desk_role_id


def _active_first(people: list[_P], email: str) -> _P | None:
    fitting = [person for person in people if person.email.casefold() == email.strip().casefold()]
    return min(fitting, key=lambda person: not person.active, default=None)
