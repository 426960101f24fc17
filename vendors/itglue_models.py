"""IT Glue's records as this project reads them: organisations, flexible asset types and assets, users, groups."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field

from rules.secrecy import holds_seed
from vendors.wire import LenientBool, MaybeDateTime, VendorModel


def _null_is_empty(value: object) -> object:
    return "" if value is None else value


def _null_is_no_traits(value: object) -> object:
    return {} if value is None else value


Text = Annotated[str, BeforeValidator(_null_is_empty)]


class Resource(VendorModel):
    """Base of every record: JSON:API's `id` and kebab-case attributes, flattened (itglue.md §3)."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    id: int

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read one object of an answer's `data`."""
        return cls.model_validate({**data["attributes"], "id": data["id"]})


class Organisation(Resource):
    """A customer in IT Glue (itglue.md §4.1)."""

    name: Text = ""
    organization_status_name: Text = ""


class AssetField(Resource):
    """One field of a flexible asset type; `name_key` is the key of its trait (itglue.md §4.6)."""

    name: Text = ""
    name_key: str
    kind: Text = ""
    required: LenientBool = False
    tag_type: Text = ""
    default_value: Text = ""
    use_for_title: LenientBool = False

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that a Select field takes: the lines of its default value."""
        return tuple(line.strip() for line in self.default_value.splitlines() if line.strip())


class FlexibleAssetType(Resource):
    """An account's own layout of assets, with its fields."""

    name: Text = ""
    fields: tuple[AssetField, ...] = ()

    def field(self, name_key: str) -> AssetField | None:
        """Return the field with that trait key."""
        return next((field for field in self.fields if field.name_key == name_key), None)


class FlexibleAsset(Resource):
    """An asset of one organisation. Tag traits are shown as read, `{"type", "values"}`.

    Traits stay out of the repr: an account's layout can hold passwords.
    """

    name: Text = ""
    organization_id: int
    flexible_asset_type_id: int
    traits: Annotated[Mapping[str, Any], BeforeValidator(_null_is_no_traits)] = Field(default_factory=dict, repr=False)
    resource_url: Text = ""
    archived: LenientBool = False
    created_at: MaybeDateTime = None
    updated_at: MaybeDateTime = None


class User(Resource):
    """One of the MSP's own people in IT Glue (itglue.md §4.5)."""

    name: Text = ""
    email: Text = ""
    role_name: Text = ""


class Group(Resource):
    """A group of users (itglue.md §4.5)."""

    name: Text = ""


class PasswordCategory(Resource):
    """The type of a password; an account's own data (itglue.md §4.3)."""

    name: Text = ""


class PasswordRecord(Resource):
    """What stands around a password, never the password itself (itglue.md §4.2 and §8).

    `otp_enabled` None: IT Glue doesn't say (§9). The notes are read for one thing only, whether they hold what looks
    like a secret key, and then forgotten.
    """

    name: Text = ""
    username: Text = ""
    organization_id: int
    password_category_id: int | None = None
    password_category_name: Text = ""
    restricted: LenientBool = False
    archived: LenientBool = False
    otp_enabled: bool | None = None
    seed_in_words: bool = False
    resource_url: Text = ""
    created_at: MaybeDateTime = None
    password_updated_at: MaybeDateTime = None
    updated_at: MaybeDateTime = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Read one object of an answer's `data`."""
        attributes = data["attributes"]
        words = f"{attributes.get('name') or ''}\n{attributes.get('notes') or ''}"
        return cls.model_validate({**attributes, "id": data["id"], "seed-in-words": holds_seed(words)})

    @property
    def was_stored(self) -> bool:
        """Whether its password was written after the record had been made."""
        made, stored = self.created_at, self.password_updated_at
        return made is not None and stored is not None and stored > made


class ShownPassword(VendorModel):
    """A record with who may see it, and the passwords that it is related to; None: the answer doesn't say."""

    record: PasswordRecord
    groups: tuple[int, ...] | None = None
    users: tuple[int, ...] | None = None
    related_passwords: tuple[int, ...] = ()
