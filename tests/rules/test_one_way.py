"""There is one way to an order: nothing in the house but the rules' own authorities can say yes (decision 1, I1)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import rules.order

HOUSE = Path(rules.order.__file__).parents[1]
ROOMS = ("rules", "vendors", "tasks", "flows", "deployments")


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for file in sorted((HOUSE / room).rglob("*.py")):
            yield file.relative_to(HOUSE).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def test_only_the_rules_define_what_covers_a_write() -> None:
    """No flow, task or client brings an authority of its own: `assert_covers` stands in rules/authority.py alone."""
    defined = {
        name
        for name, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name in ("assert_covers", "assert_covers_end")
    }
    assert defined == {"rules/authority.py"}


def test_nobody_skips_the_checks_of_a_model() -> None:
    """`model_construct` builds a model without looking: the house doesn't use it."""
    users = [
        name
        for name, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "model_construct"
    ]
    assert users == []
