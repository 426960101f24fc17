"""The customer's authorised contacts, from the source that the settings name (clauses, Roles)."""

from decimal import Decimal, InvalidOperation

from rules.people import AuthorisedContact, same_address
from rules.refusal import Problem
from rules.settings import ContactSource
from tasks.office import office
from vendors.autotask import Contact

YES = ("yes", "true", "1", "ja", "x")


async def authorised_contacts(company_id: int, organisation_id: int) -> tuple[AuthorisedContact, ...]:
    """Everybody of the customer who may confirm or sign, and is an active Autotask contact of that company."""
    fields = office().settings.contact_fields
    active = [c for c in await office().autotask.contacts(company_id) if c.active and c.email]
    if fields.source is ContactSource.AUTOTASK:
        return tuple(
            AuthorisedContact(
                name=contact.name,
                email=contact.email,
                may_confirm=is_yes(contact.udf.get(fields.autotask_may_confirm)),
                may_sign=is_yes(contact.udf.get(fields.autotask_may_sign)),
            )
            for contact in active
            if is_yes(contact.udf.get(fields.autotask_may_confirm)) or is_yes(contact.udf.get(fields.autotask_may_sign))
        )
    layout = await office().itglue.flexible_asset_type(fields.itglue_type)
    found = []
    for asset in await office().itglue.flexible_assets(layout.id, organisation_id):
        email = str(asset.traits.get(fields.itglue_email) or "")
        contact = next((c for c in active if same_address(c.email, email)), None)
        if contact is None:
            continue
        found.append(
            AuthorisedContact(
                name=contact.name,
                email=contact.email,
                may_confirm=is_yes(asset.traits.get(fields.itglue_may_confirm)),
                may_sign=is_yes(asset.traits.get(fields.itglue_may_sign)),
                first_term_limit=limit_of(asset.traits.get(fields.itglue_limit)),
            )
        )
    return tuple(found)


def is_yes(value: object) -> bool:
    """Whether a checkbox or a text field says yes. Anything unknown is no."""
    return value is True or (isinstance(value, str) and value.strip().casefold() in YES)


def limit_of(value: object) -> Decimal | None:
    """The limit of the first term's value; a limit that can't be read is 0: it lets nothing through."""
    if value is None or value == "":
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)


def check_signer(
    field: str, email: str, contacts: list[Contact], authorised: tuple[AuthorisedContact, ...], customer: str
) -> AuthorisedContact | Problem:
    """The signer must be an active contact of that company with the right to sign (N4, N5)."""
    allowed = tuple(one for one in authorised if one.may_sign)
    return check_right(field, "N4", "sign", email, contacts, allowed, customer)


def check_confirmer(
    field: str, email: str, contacts: list[Contact], authorised: tuple[AuthorisedContact, ...], customer: str
) -> AuthorisedContact | Problem:
    """Who confirms must be an active contact of that company with the right to confirm (B3)."""
    allowed = tuple(one for one in authorised if one.may_confirm)
    return check_right(field, "B3", "confirm", email, contacts, allowed, customer)


def check_right(
    field: str,
    clause: str,
    right: str,
    email: str,
    contacts: list[Contact],
    allowed: tuple[AuthorisedContact, ...],
    customer: str,
) -> AuthorisedContact | Problem:
    """The contact, if he holds that right; else who does."""
    for known in allowed:
        if same_address(known.email, email):
            return known
    contact = next((c for c in contacts if same_address(c.email, email)), None)
    holders = ", ".join(f"{one.name} <{one.email}>" for one in allowed) or "nobody yet"
    if contact is None:
        message = f"{email} is not a contact of {customer} in Autotask."
    elif not contact.active:
        message = f"{contact.name} ({email}) is not active in Autotask any more."
    else:
        message = f"{contact.name} ({email}) may not {right} for {customer}."
    return Problem(
        field=field,
        clause=clause,
        message=f"{message} May {right}: {holders}.",
        way_out=f"Choose one of them, or have the right recorded ({office().settings.contact_fields.source.value}).",
    )
