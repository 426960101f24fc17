"""Pax8's companies and their contacts (§4): no look-up by name, active only with all three primary contacts."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, World, new_id
from sandbox.pax8_wire import body_object, checked, mountain, paged, place, refuse, sorted_by

FILTERS = (
    "billOnBehalfOfEnabled",
    "city",
    "country",
    "orderApprovalRequired",
    "page",
    "postalCode",
    "selfServiceAllowed",
    "size",
    "sort",
    "stateOrProvince",
    "status",
)
_ADDRESS = ("city", "country", "postalCode", "stateOrProvince", "street", "street2")
_REQUIRED = (
    "address",
    "billOnBehalfOfEnabled",
    "name",
    "orderApprovalRequired",
    "phone",
    "selfServiceAllowed",
    "website",
)
_COMPANY = (*_REQUIRED, "contacts", "externalId")
_CONTACT = ("email", "firstName", "lastName", "phone", "types")
_TYPES = frozenset({"Admin", "Billing", "Technical"})


class Companies:
    """The handlers below `/companies`."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def companies(self, request: Request) -> Response:
        """A page of companies; there is no filter by name or external id."""
        query = request.query_params
        rows = [company_json(c) for c in self.world.store.all("pax8.companies") if _matches(c, dict(query))]
        return paged(sorted_by(rows, query, ("name", "city", "country", "stateOrProvince", "postalCode")), query)

    async def company(self, request: Request) -> Response:
        """One company."""
        return JSONResponse(company_json(self._found(request)))

    async def create(self, request: Request) -> Response:
        """A new company: Inactive until it has a primary contact of each type."""
        body = await body_object(request, _COMPANY)
        instance = place(request)
        missing = [name for name in _REQUIRED if body.get(name) in (None, "")]
        if missing:
            raise refuse(400, *(f"{name} must not be null" for name in missing), instance=instance)
        self._check(body, instance)
        company = {k: v for k, v in body.items() if k != "contacts"} | {
            "id": new_id(),
            "eligible": ["Commercial"],
        }
        for contact in body.get("contacts", []):
            self._keep_contact(company, _contact(contact, instance))
        self._keep(company)
        self.world.effect("company created", **_facts(company))
        return JSONResponse(company_json(company))

    async def change(self, request: Request) -> Response:
        """Changes at least one field."""
        body = await body_object(request, (*_REQUIRED, "externalId"))
        company, instance = self._found(request), place(request)
        if all(company.get(name) == value for name, value in body.items()):
            raise refuse(422, "At least one field must change", instance=instance)
        self._check(body, instance)
        company.update(body)
        self._keep(company)
        self.world.effect("company changed", **_facts(company), fields=sorted(body))
        return JSONResponse(company_json(company))

    async def contacts(self, request: Request) -> Response:
        """A page of its contacts."""
        company = self._found(request)
        return paged([_contact_json(c) for c in self._contacts(company)], request.query_params)

    async def contact(self, request: Request) -> Response:
        """One contact."""
        return JSONResponse(_contact_json(self._found_contact(request)))

    async def add_contact(self, request: Request) -> Response:
        """A new contact; the company becomes Active with the last missing primary."""
        body = await body_object(request, _CONTACT)
        company = self._found(request)
        contact = _contact(body, place(request))
        self._keep_contact(company, contact)
        self._keep(company)
        self.world.effect("contact created", **_facts(company), contact=contact["id"], email=contact["email"])
        return JSONResponse(_contact_json(contact))

    async def change_contact(self, request: Request) -> Response:
        """Replaces a contact."""
        body = await body_object(request, _CONTACT)
        company, kept = self._found(request), self._found_contact(request)
        contact = _contact(body, place(request)) | {"id": kept["id"]}
        self._keep_contact(company, contact)
        self._keep(company)
        self.world.effect("contact changed", **_facts(company), contact=kept["id"], email=contact["email"])
        return JSONResponse(_contact_json(contact))

    async def remove_contact(self, request: Request) -> Response:
        """Removes a contact; the company may become Inactive."""
        company, kept = self._found(request), self._found_contact(request)
        self.world.store.delete("pax8.contacts", kept["id"])
        self._keep(company)
        self.world.effect("contact removed", **_facts(company), contact=kept["id"])
        return Response(status_code=204)

    def seed_contact(self, company: Record, contact: Record) -> None:
        """Keeps a contact of the seeded world."""
        self._keep_contact(company, contact)

    def _found(self, request: Request) -> Record:
        company = self.world.store.get("pax8.companies", request.path_params["company"])
        if company is None:
            raise refuse(404, "Company not found", instance=place(request))
        return company

    def _found_contact(self, request: Request) -> Record:
        contact = self.world.store.get("pax8.contacts", request.path_params["contact"])
        if contact is None or contact["companyId"] != self._found(request)["id"]:
            raise refuse(404, "Contact not found", instance=place(request))
        return contact

    def _contacts(self, company: Record) -> list[Record]:
        return [c for c in self.world.store.all("pax8.contacts") if c["companyId"] == company["id"]]

    def _check(self, body: Record, instance: str) -> None:
        address = body.get("address")
        if address is not None:
            checked(address, address if isinstance(address, dict) else (), instance)
            for stray in set(address) - set(_ADDRESS):
                del address[stray]  # wrong leaf names are dropped silently (pax8.md §4)
            country = str(address.get("country", ""))
            if len(country) != 2 or country != country.upper():
                raise refuse(400, "address.country must be ISO 3166 alpha-2 in upper case", instance=instance)
        for name in ("billOnBehalfOfEnabled", "selfServiceAllowed", "orderApprovalRequired"):
            if name in body and not isinstance(body[name], bool):
                raise refuse(400, f"{name} must be a boolean", instance=instance)

    def _keep_contact(self, company: Record, contact: Record) -> None:
        self.world.store.put("pax8.contacts", contact["id"], contact | {"companyId": company["id"]})

    def _keep(self, company: Record) -> None:
        primary = {t["type"] for c in self._contacts(company) for t in c["types"] if t.get("primary", False)}
        company["status"] = "Active" if primary >= _TYPES else "Inactive"
        company["updatedDate"] = mountain(self.world.now())
        self.world.store.put("pax8.companies", company["id"], company)


def company_json(company: Record) -> Record:
    """A company as the API shows it; without an external id the field is absent."""
    return {k: v for k, v in company.items() if k != "eligible" and v is not None}


def _contact_json(contact: Record) -> Record:
    return {k: v for k, v in contact.items() if k != "companyId"}


def _contact(given: Record, instance: str) -> Record:
    contact = checked(given, _CONTACT, instance)
    missing = [name for name in _CONTACT[:-1] if not contact.get(name)]
    if missing:
        raise refuse(400, *(f"{name} must not be null" for name in missing), instance=instance)
    types = contact.get("types", [])
    for one in types:
        if checked(one, ("primary", "type"), instance).get("type") not in _TYPES:
            raise refuse(400, "types.type must be Admin, Billing or Technical", instance=instance)
    return {"types": [], **contact, "id": new_id()}


def _facts(company: Record) -> Record:
    return {"vendor": "pax8", "company": company["id"], "company_name": company["name"]}


def _matches(company: Record, query: dict[str, str]) -> bool:
    address = company["address"]
    for name, value in query.items():
        if name in ("page", "size", "sort"):
            continue
        kept = address.get(name) if name in _ADDRESS else company.get(name)
        shown = str(kept).lower() if isinstance(kept, bool) else kept
        if shown != value:
            return False
    return True
