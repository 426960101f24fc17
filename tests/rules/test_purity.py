"""The rules are pure: no clock, no chance, no I/O, no Prefect (design, the house)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import rules
import rules.order

FILES = sorted(Path(rules.order.__file__).parent.glob("*.py"))
ALLOWED = {
    "__future__",
    "calendar",
    "collections",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "functools",
    "hashlib",
} | {
    "re",
    "typing",
    "zoneinfo",
    "dateutil",
    "holidays",
    "pydantic",
    "rules",
}
CLOCKS = {"now", "today", "utcnow", "fromtimestamp", "utcfromtimestamp", "getenv", "environ", "open", "read_text"}


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "rules").partition(".")[0]


def _called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node.func.id


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_rule_imports_nothing_that_touches_the_world(file: Path) -> None:
    """Standard types, pydantic, dates and holidays; whatever else is needed comes in as an argument."""
    assert set(_imported(ast.parse(file.read_text(encoding="utf-8")))) <= ALLOWED


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_rule_never_asks_what_time_it_is(file: Path) -> None:
    """Moments are given, so that the same question has the same answer."""
    assert not set(_called(ast.parse(file.read_text(encoding="utf-8")))) & CLOCKS


def test_the_rules_are_all_here() -> None:
    """The two tests above look at files, not at nothing."""
    assert {"authority", "calendar", "agreement"} <= {file.stem for file in FILES}
