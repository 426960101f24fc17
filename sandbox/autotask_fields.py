"""What Autotask's fields and entities are, and how `entityInformation/fields` tells of them (autotask.md §7)."""

from dataclasses import dataclass, field
from typing import Any

_SYSTEM = (1, 5)
"""Values that every tenant has: of `status` New and Complete."""


@dataclass(frozen=True)
class Choice:
    """One picklist value. `parent` is the value of the field that it depends on (sub-issue of an issue)."""

    value: int
    label: str
    active: bool = True
    default: bool = False
    parent: int | None = None


@dataclass(frozen=True)
class Field:
    """One field: its type, length, and whether it may be written, filtered or left out (autotask.md §7)."""

    name: str
    kind: str = "string"
    length: int = 0
    required: bool = False
    read_only: bool = False
    queryable: bool = True
    reference: str | None = None
    choices: tuple[Choice, ...] = ()
    parent_field: str | None = None


@dataclass(frozen=True)
class Child:
    """Through which parent an entity is written: `/Tickets/{ticketID}/Notes` (autotask.md §1.4)."""

    parent: str
    path: str
    key: str


@dataclass(frozen=True)
class Entity:
    """One entity. `child` None: it is written at its own root URL, if at all."""

    name: str
    singular: str
    fields: tuple[Field, ...]
    child: Child | None = None
    can: frozenset[str] = frozenset({"query"})
    udfs: tuple[str, ...] = ()
    by_name: dict[str, Field] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self.by_name.update({f.name: f for f in self.fields})

    @property
    def kind(self) -> str:
        """The kind of its records in the store."""
        return f"autotask.{self.name.lower()}"


def integer(name: str, **options: Any) -> Field:
    return Field(name, "integer", **options)


def text(name: str, length: int, **options: Any) -> Field:
    return Field(name, "string", length, **options)


def moment(name: str, **options: Any) -> Field:
    return Field(name, "datetime", **options)


def flag(name: str, **options: Any) -> Field:
    return Field(name, "boolean", **options)


def amount(name: str, **options: Any) -> Field:
    return Field(name, "double", **options)


ID = integer("id", read_only=True)


def field_information(entity: Entity) -> list[dict[str, Any]]:
    """The `fields` answer: picklist values are strings here, though entities carry integers."""
    return [
        {
            "name": f.name,
            "dataType": f.kind,
            "length": f.length,
            "isRequired": f.required,
            "isReadOnly": f.read_only,
            "isQueryable": f.queryable,
            "isReference": f.reference is not None,
            "referenceEntityType": f.reference or "",
            "isPickList": bool(f.choices),
            "picklistValues": [
                {
                    "value": str(c.value),
                    "label": c.label,
                    "isDefaultValue": c.default,
                    "sortOrder": position,
                    "parentValue": "" if c.parent is None else str(c.parent),
                    "isActive": c.active,
                    "isSystem": c.value in _SYSTEM,
                }
                for position, c in enumerate(f.choices, start=1)
            ]
            or None,
            "picklistParentValueField": f.parent_field or "",
            "isSupportedWebhookField": False,
        }
        for f in entity.fields
    ]
