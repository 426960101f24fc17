"""Autotask's query language: operators, groups, user-defined fields, pages (autotask.md §4)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.autotask_fields import Entity, Field
from sandbox.core import Record

PAGE = 500
MOST_CONDITIONS = 500
_QUERY_FIELDS = {"maxRecords", "includeFields", "filter"}
_FILTER_FIELDS = {"op", "field", "udf", "value", "items"}


class BadQuery(Exception):
    """A query that can't be understood: 400."""


class QueryRefused(Exception):
    """A query that is understood and refused (unknown or non-queryable field): 500 with `errors`."""


def _as_time(value: Any) -> datetime:
    try:
        parsed = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError as error:
        raise QueryRefused(f"Conversion failed when converting date and/or time: '{value}'.") from error
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _comparable(kind: str, value: Any) -> Any:
    """A value as the database would compare it: text without case, times as UTC, numbers as numbers."""
    if value is None:
        return None
    match kind:
        case "boolean":
            if not isinstance(value, bool):
                raise QueryRefused(f"'{value}' is not a valid boolean: only true and false are.")
            return value
        case "integer" | "double":
            try:
                return float(value)
            except (TypeError, ValueError) as error:
                text = f"Conversion failed when converting the varchar value '{value}' to data type int."
                raise QueryRefused(text) from error
        case "datetime":
            return _as_time(value)
        case _:
            return str(value).casefold()


_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda a, b: bool(a > b),
    "gte": lambda a, b: bool(a >= b),
    "lt": lambda a, b: bool(a < b),
    "lte": lambda a, b: bool(a <= b),
}
_TEXTUAL: dict[str, Callable[[str, str], bool]] = {
    "beginsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": lambda a, b: b in a,
}


def _compare(op: str, kind: str, held: Any, wanted: Any) -> bool:
    if op == "exist":
        return held is not None
    if op == "notExist":
        return held is None
    if op in ("in", "notIn"):
        if not isinstance(wanted, list):
            raise BadQuery(f"The operator {op} needs an array.")
        found = held is not None and _comparable(kind, held) in [_comparable(kind, w) for w in wanted]
        return found is (op == "in")
    if isinstance(wanted, list | dict):
        raise BadQuery(f"The operator {op} needs a single value.")
    if op in ("eq", "noteq"):
        return (_comparable(kind, held) == _comparable(kind, wanted)) is (op == "eq")
    if op in _TEXTUAL:
        return held is not None and _TEXTUAL[op](str(held).casefold(), str(wanted).casefold())
    left, right = _comparable(kind, held), _comparable(kind, wanted)
    return left is not None and right is not None and _ORDERED[op](left, right)


_OPERATORS = {"eq", "noteq", "exist", "notExist", "in", "notIn", *_ORDERED, *_TEXTUAL}


class Query:
    """One query of one entity, checked when built: `BadQuery` is a 400, `QueryRefused` a 500 with `errors`."""

    def __init__(self, entity: Entity, body: Any) -> None:
        if not isinstance(body, dict) or not isinstance(body.get("filter"), list) or not body["filter"]:
            raise BadQuery("The query needs a filter array with at least one condition.")
        unknown = set(body) - _QUERY_FIELDS
        if unknown:
            raise BadQuery(f"Unknown member of the query: {', '.join(sorted(unknown))}.")
        self.entity = entity
        self.body = body
        self.page = body.get("maxRecords", PAGE)
        if isinstance(self.page, bool) or not isinstance(self.page, int) or not 1 <= self.page <= PAGE:
            raise BadQuery(f"maxRecords must be between 1 and {PAGE}.")
        self.include: list[str] | None = body.get("includeFields") or None
        for name in self.include or ():
            if name not in entity.by_name and name not in entity.udfs and name != "userDefinedFields":
                raise QueryRefused(f"Unable to find {name} in the {entity.singular} Entity.")
        self._udfs_used = 0
        self._conditions = 0
        self._check(body["filter"])

    def _check(self, conditions: list[Any]) -> None:
        for condition in conditions:
            if not isinstance(condition, dict) or set(condition) - _FILTER_FIELDS or "op" not in condition:
                raise BadQuery("A filter has op, field, udf, value and items, and nothing else.")
            if condition["op"] in ("and", "or"):
                items = condition.get("items")
                if not isinstance(items, list) or not items:
                    raise BadQuery("A group needs items.")
                self._check(items)
                continue
            if condition["op"] not in _OPERATORS:
                raise BadQuery(f"Unknown operator {condition['op']}.")
            self._check_field(condition)
            values = condition.get("value")
            self._conditions += len(values) if isinstance(values, list) else 1
            if self._conditions > MOST_CONDITIONS:
                raise QueryRefused(f"A query may have at most {MOST_CONDITIONS} OR conditions.")

    def _check_field(self, condition: Record) -> None:
        name = condition.get("field")
        if condition.get("udf"):
            self._udfs_used += 1
            if self._udfs_used > 1:
                raise QueryRefused("Only one user-defined field is allowed in a query.")
            if name not in self.entity.udfs:
                raise QueryRefused(f"Unable to find {name} in the {self.entity.singular} Entity.")
            return
        known = self.entity.by_name.get(str(name))
        if known is None:
            raise QueryRefused(f"Unable to find {name} in the {self.entity.singular} Entity.")
        if not known.queryable:
            raise QueryRefused(f"The field {name} of the {self.entity.singular} Entity cannot be queried.")

    def _one(self, record: Record, condition: Record) -> bool:
        op = condition["op"]
        if op == "and":
            return all(self._one(record, item) for item in condition["items"])
        if op == "or":
            return any(self._one(record, item) for item in condition["items"])
        if condition.get("udf"):
            held = next(
                (u["value"] for u in record.get("userDefinedFields", []) if u["name"] == condition["field"]),
                None,
            )
            return _compare(op, "string", held, condition.get("value"))
        known: Field = self.entity.by_name[condition["field"]]
        return _compare(op, known.kind, record.get(known.name), condition.get("value"))

    def matching(self, records: list[Record]) -> list[Record]:
        """The records that match all conditions, by id."""
        found = [r for r in records if all(self._one(r, c) for c in self.body["filter"])]
        found.sort(key=lambda r: int(r["id"]))
        if self.include is not None and "id" not in self.include and len(found) > PAGE:
            raise QueryRefused("includeFields must contain id when more than 500 rows are found.")
        return found
