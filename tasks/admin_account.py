"""The admin account's two records in IT Glue: made with a placeholder, restricted, related, read back (P9, P11, P12).

No secret passes here. A person stores them in IT Glue; what is read is whether that was done, and who may see it.
"""

from datetime import datetime

from rules.admin_account import Finding, RecordSeen, SeenAtMicrosoft, Wanted, flaws_of
from rules.order import Frozen
from rules.request import CheckedRequest, Customer
from rules.tenant import initial_domain
from tasks.documentation import asset_name_of
from tasks.office import office
from tasks.step import step
from vendors.errors import NotFound, Refused, Unauthorised
from vendors.itglue import PasswordRecord, ShownPassword

ADMIN_CENTRE = "https://admin.microsoft.com"
PLACEHOLDER = "not stored yet"
"""What stands in a new record until a person stores the secret; IT Glue takes no empty one."""


class AdminRecords(Frozen):
    """The two records, by id, and what they are held against. Ids, so that a moved or renamed record is found."""

    account_id: int
    key_id: int
    key_category_id: int
    group_id: int


def account_record_name(customer: Customer) -> str:
    """The name of the admin account's record."""
    return f"Microsoft 365 admin – {initial_domain(customer.prefix)}"


def key_record_name(customer: Customer) -> str:
    """The name of the secret key's record. Neutral: others may see the name among related items (itglue.md §4.4)."""
    return f"Secret key – {initial_domain(customer.prefix)}"


@step(key=lambda request, attempt: str(attempt))
async def make_records(request: CheckedRequest, attempt: int) -> AdminRecords:
    """Both records, once: found by organisation and exact name, made with a placeholder (P11, P12).

    The key's is made restricted, so that it never lies open; shown to the one group; read back; and related only
    then (itglue.md §5). Raises IT Glue's `Refused` in words for an IT Glue administrator.
    """
    itglue, settings, customer = office().itglue, office().settings.tenants, request.customer
    groups = await itglue.groups(settings.senior_group)
    if len(groups) != 1:
        raise Refused("IT Glue", f"{len(groups)} groups are called '{settings.senior_group}'; one is needed (P12)")
    admin_category = await category_id(settings.admin_category)
    key_category = await category_id(settings.key_category)
    notes = f"Made by procedure {request.reference}. Notes are read by everybody: no secret belongs here."
    account = await find_record(customer, account_record_name(customer))
    if account is None:
        account = await itglue.create_password(
            customer.itglue_id,
            account_record_name(customer),
            placeholder=PLACEHOLDER,
            category_id=admin_category,
            user_name=f"{settings.admin_user}@{initial_domain(customer.prefix)}",
            url=ADMIN_CENTRE,
            notes=notes,
        )
    key = await find_record(customer, key_record_name(customer))
    if key is None:
        key = await itglue.create_password(
            customer.itglue_id,
            key_record_name(customer),
            placeholder=PLACEHOLDER,
            category_id=key_category,
            notes=notes,
            restricted=True,
        )
    await restrict(key, groups[0].id, settings.senior_group)
    if key.id not in (await itglue.password(account.id)).related_passwords:
        await itglue.relate_passwords(account.id, key.id, "Secret key of this account")
    return AdminRecords(account_id=account.id, key_id=key.id, key_category_id=key_category, group_id=groups[0].id)


async def category_id(name: str) -> int:
    """The password category of that exact name, made if the account has none (P12)."""
    there = await office().itglue.password_categories(name)
    return there[0].id if there else (await office().itglue.create_password_category(name)).id


async def find_record(customer: Customer, name: str) -> PasswordRecord | None:
    """The customer's record of that exact name; two are `Refused`, for nobody may pick one by chance."""
    there = await office().itglue.passwords(customer.itglue_id, name)
    if len(there) > 1:
        raise Refused("IT Glue", f"{len(there)} records are called '{name}': archive those that aren't needed")
    return there[0] if there else None


async def restrict(key: PasswordRecord, group_id: int, group: str) -> None:
    """Show a record to one group only, read back; `Refused` where IT Glue shows something else (P12)."""
    itglue = office().itglue
    if not key.restricted:
        await itglue.restrict_password(key.id)
    shown = await itglue.password(key.id)
    if shown.groups != (group_id,) or shown.users != ():
        await itglue.show_to_groups_only(key.id, [group_id])
        shown = await itglue.password(key.id)
    if not shown.record.restricted or shown.groups != (group_id,) or shown.users != ():
        raise Refused("IT Glue", f"'{key.name}' is not restricted to '{group}', although it was asked to be (P12)")


class RecordsLooked(Frozen):
    """One look at both records: what is wrong, who the account is for, and when they were changed last."""

    flaws: tuple[Finding, ...]
    user_name: str = ""
    otp: bool | None = None
    changed_at: datetime | None = None


async def look_at_records(customer: Customer, records: AdminRecords) -> RecordsLooked:
    """Read both records as they stand now (P9, P11, P12)."""
    settings = office().settings.tenants
    account, key = await shown(records.account_id), await shown(records.key_id)
    wanted = Wanted(
        organisation_id=customer.itglue_id,
        prefix=customer.prefix,
        key_category_id=records.key_category_id,
        key_category=settings.key_category,
        group_id=records.group_id,
        group=settings.senior_group,
    )
    changes = [one.record.updated_at for one in (account, key) if one is not None and one.record.updated_at]
    return RecordsLooked(
        flaws=flaws_of(wanted, as_seen(account), as_seen(key)),
        user_name=account.record.username.strip() if account is not None else "",
        otp=account.record.otp_enabled if account is not None else None,
        changed_at=max(changes, default=None),
    )


async def shown(password_id: int) -> ShownPassword | None:
    try:
        return await office().itglue.password(password_id)
    except NotFound:
        return None


def as_seen(one: ShownPassword | None) -> RecordSeen | None:
    """A record as the rules take it."""
    if one is None:
        return None
    record = one.record
    return RecordSeen(
        record_id=record.id,
        organisation_id=record.organization_id,
        name=record.name,
        user_name=record.username,
        category_id=record.password_category_id,
        archived=record.archived,
        restricted=record.restricted,
        groups=one.groups,
        users=one.users,
        otp=record.otp_enabled,
        stored=record.was_stored,
        seed_in_words=record.seed_in_words,
        related_passwords=one.related_passwords,
    )


async def look_at_microsoft(tenant_id: str, user_name: str) -> SeenAtMicrosoft:
    """What Microsoft says of the account, with our delegated roles; what they don't let us read is None (P9)."""
    customer = office().partner.customer(tenant_id)
    try:
        user = await customer.user(user_name)
    except Unauthorised:
        return SeenAtMicrosoft(user_name=user_name, there=True)
    if user is None:
        return SeenAtMicrosoft(user_name=user_name, there=False)
    try:
        factors: int | None = await customer.software_tokens(user_name)
    except Unauthorised:
        factors = None
    return SeenAtMicrosoft(
        user_name=user_name, there=True, second_factors=factors, password_changed=user.password_was_changed
    )


@step(key=lambda request, records, occasion: f"{records.account_id}{occasion}")
async def tag_applications(request: CheckedRequest, records: AdminRecords, occasion: str = "") -> tuple[str, ...]:
    """Tag the customer's Application assets of this order to the two records, keeping all else (P11).

    Returns the names of the assets. `occasion` tells one time from the next.
    """
    itglue, settings = office().itglue, office().settings
    layout = await itglue.flexible_asset_type(settings.asset_fields.application_type)
    tagged = settings.asset_fields.traits["passwords"]
    names = {
        asset_name_of(line.product_name, term) for line in request.lines for term in ("Monthly", request.term.value)
    }
    done = []
    for asset in await itglue.flexible_assets(layout.id, request.customer.itglue_id):
        if asset.name not in names:
            continue
        there = tags_in(asset.traits.get(tagged))
        if not {records.account_id, records.key_id} <= set(there):
            wanted = list(dict.fromkeys([*there, records.account_id, records.key_id]))
            await itglue.update_flexible_asset(asset.id, {tagged: wanted})
        done.append(asset.name)
    return tuple(done)


def tags_in(value: object) -> list[int]:
    """The ids that a tag trait holds, as IT Glue shows them (itglue.md §4.6)."""
    values = value.get("values") if isinstance(value, dict) else None
    return [int(one["id"]) for one in values or [] if str(one.get("id", "")).isdigit()]
