"""The part of OData's `$filter` that Graph understands for mail and relationships; the rest is a 400."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.core import Record
from sandbox.graph_answers import refuse

Predicate = Callable[[Record], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<time>\d{4}-\d\d-\d\d(?:T[0-9:.]+(?:Z|[+-]\d\d:\d\d))?)"
    r"|(?P<word>[A-Za-z_@][\w./@]*)|(?P<number>-?\d+)|(?P<mark>[(),:]))"
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "ge": lambda a, b: a is not None and b is not None and bool(a >= b),
    "gt": lambda a, b: a is not None and b is not None and bool(a > b),
    "le": lambda a, b: a is not None and b is not None and bool(a <= b),
    "lt": lambda a, b: a is not None and b is not None and bool(a < b),
}
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda a, b: b in a,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


@dataclass(frozen=True)
class Property:
    """A property that may be filtered: its kind ("text" ignores case, "exact" doesn't, "time", "bool")."""

    kind: str
    read: Callable[[Record], Any]


def prop(path: str, kind: str = "text") -> Property:
    """A property found by walking a path such as `from/emailAddress/address`."""

    def read(record: Record) -> Any:
        value: Any = record
        for part in path.split("/"):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    return Property(kind, read)


@dataclass(frozen=True)
class Lambda:
    """A collection that `/any(x: …)` looks into, and the properties of its elements."""

    read: Callable[[Record], list[Record]]
    properties: dict[str, Property]


@dataclass(frozen=True)
class Filter:
    """A parsed filter: whether a record matches, and the properties used, in their order."""

    matches: Predicate
    properties: tuple[str, ...]


def parse_time(text: str) -> datetime:
    """A date or time literal, aware."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def parse(text: str, properties: dict[str, Property], lambdas: dict[str, Lambda] | None = None) -> Filter:
    """The filter, or a 400 for syntax or properties that Graph doesn't know here."""
    return _Parser(text, properties, lambdas or {}).parsed()


class _Parser:
    def __init__(self, text: str, properties: dict[str, Property], lambdas: dict[str, Lambda]) -> None:
        self.text = text
        self.properties = properties
        self.lambdas = lambdas
        self.used: list[str] = []
        self.tokens: list[tuple[str, str]] = []
        position, length = 0, len(text.rstrip())
        while position < length:
            found = _TOKEN.match(text, position)
            if found is None or found.lastgroup is None:
                raise self._wrong(f"Syntax error at position {position}")
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            position = found.end()
        self.next = 0

    def parsed(self) -> Filter:
        predicate = self._or()
        if self.next != len(self.tokens):
            raise self._wrong("Syntax error")
        return Filter(predicate, tuple(self.used))

    def _wrong(self, what: str) -> Exception:
        return refuse(400, f"Invalid filter clause: {what} in '{self.text}'.", "BadRequest")

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.next] if self.next < len(self.tokens) else ("end", "")

    def _take(self, kind: str, value: str | None = None) -> str:
        token = self._peek()
        if token[0] != kind or (value is not None and token[1] != value):
            raise self._wrong(f"'{value or kind}' expected")
        self.next += 1
        return token[1]

    def _or(self) -> Predicate:
        parts = [self._and()]
        while self._peek() == ("word", "or"):
            self.next += 1
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else lambda record: any(part(record) for part in parts)

    def _and(self) -> Predicate:
        parts = [self._one()]
        while self._peek() == ("word", "and"):
            self.next += 1
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda record: all(part(record) for part in parts)

    def _one(self) -> Predicate:
        if self._peek() == ("mark", "("):
            self.next += 1
            inner = self._or()
            self._take("mark", ")")
            return inner
        word = self._take("word")
        if word == "not":
            negated = self._one()
            return lambda record: not negated(record)
        if word in _FUNCTIONS and self._peek() == ("mark", "("):
            return self._function(word)
        collection, _, function = word.rpartition("/")
        if function.lower() == "any" and collection in self.lambdas:
            return self._any(collection)
        return self._comparison(word)

    def _property(self, name: str) -> Property:
        known = self.properties.get(name)
        if known is None:
            raise self._wrong(f"The property '{name}' can't be filtered")
        self.used.append(name)
        return known

    def _function(self, function: str) -> Predicate:
        self._take("mark", "(")
        name = self._take("word")
        known = self._property(name)
        if known.kind not in ("text", "exact"):
            raise self._wrong(f"{function} needs a text")
        self._take("mark", ",")
        wanted = _unquoted(self._take("text")).casefold()
        self._take("mark", ")")
        test = _FUNCTIONS[function]
        return lambda record: test(str(known.read(record) or "").casefold(), wanted)

    def _any(self, name: str) -> Predicate:
        self.used.append(name)
        within = self.lambdas[name]
        self._take("mark", "(")
        variable = self._take("word")
        self._take("mark", ":")
        outer, used = self.properties, self.used
        self.properties = {f"{variable}/{key}": value for key, value in within.properties.items()}
        self.used = []
        inner = self._or()
        self.properties, self.used = outer, used
        self._take("mark", ")")
        return lambda record: any(inner(one) for one in within.read(record))

    def _comparison(self, name: str) -> Predicate:
        known = self._property(name)
        operator = self._take("word")
        if operator not in _COMPARISONS:
            raise self._wrong(f"'{operator}' is no operator")
        kind, literal = self._peek()
        self.next += 1
        wanted = self._literal(known, kind, literal)
        test = _COMPARISONS[operator]
        return lambda record: test(_comparable(known.kind, known.read(record)), wanted)

    def _literal(self, known: Property, kind: str, literal: str) -> Any:
        if (kind, literal) == ("word", "null"):
            return None
        match known.kind, kind:
            case "text", "text":
                return _unquoted(literal).casefold()
            case "exact", "text":
                return _unquoted(literal)
            case "time", "time":
                return parse_time(literal)
            case "bool", "word" if literal in ("true", "false"):
                return literal == "true"
            case _:
                raise self._wrong(f"'{literal}' doesn't fit a {known.kind} property")


def _unquoted(literal: str) -> str:
    return literal[1:-1].replace("''", "'")


def _comparable(kind: str, value: Any) -> Any:
    if value is None:
        return None
    match kind:
        case "text":
            return str(value).casefold()
        case "time":
            return parse_time(str(value))
        case _:
            return value
