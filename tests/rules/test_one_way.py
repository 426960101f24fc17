"""There is one way to an order: nothing in the house but the rules' own authorities can say yes (decision 1, I1)."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import rules.order
from rules.order import Frozen

HOUSE = Path(rules.order.__file__).parents[1]
ROOMS = ("rules", "vendors", "tasks", "flows", "deployments")
AUTHORITIES = {
    "SignedAgreement": "test_signed_agreement.py",
    "WrittenConfirmation": "test_written_confirmation.py",
    "SignedEnd": "test_signed_end.py",
    "UnsignedAtCutoff": "test_endings.py",
    "AgreementDead": "test_endings.py",
    "Superseded": "test_endings.py",
    "EndRequest": "test_endings.py",
    "DroppedEnd": "test_endings.py",
    "SeatConfirmation": "test_seats.py",
}
"""Everything that can say yes to a write, and where it is tried to be got round."""
YES = ("assert_covers", "assert_covers_end", "assert_covers_seats")
"""How an authority is asked: for an order, an end, more seats."""


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for file in sorted((HOUSE / room).rglob("*.py")):
            yield file.relative_to(HOUSE).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def test_only_the_rules_define_what_covers_a_write() -> None:
    """No flow, task or client brings an authority of its own, nor one that inherits from the rules'."""
    defined = {
        name
        for name, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in YES
    }
    assert defined == {"rules/authority.py", "rules/written.py", "rules/endings.py", "rules/seats.py"}
    heirs = {
        name
        for name, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not name.startswith("rules/")
        for base in node.bases
        if ast.unparse(base).rpartition(".")[2] in AUTHORITIES or ast.unparse(base).endswith(("_Ending", "_Unsigned"))
    }
    assert heirs == set()


def test_every_authority_is_known_here() -> None:
    """A new one has to come by, and to bring the test that smuggles it past its own check."""
    authorities = {
        kind.__name__
        for file in sorted((HOUSE / "rules").glob("*.py"))
        for kind in vars(import_module(f"rules.{file.stem}")).values()
        if inspect.isclass(kind) and issubclass(kind, Frozen) and not kind.__name__.startswith("_")
        if any(hasattr(kind, asked) for asked in YES)
    }
    assert authorities == set(AUTHORITIES)
    for kind, tests in AUTHORITIES.items():
        text = (Path(__file__).parent / tests).read_text(encoding="utf-8")
        assert kind in text
        assert "def test_smuggled_past_its_own_check_it_" in text


def test_no_authority_allows_two_kinds_of_write() -> None:
    """One evidence, one kind of write: the wrong one is an error before anything is sent."""
    for file in sorted((HOUSE / "rules").glob("*.py")):
        for kind in vars(import_module(f"rules.{file.stem}")).values():
            assert sum(hasattr(kind, asked) for asked in YES) <= 1


def test_nobody_skips_the_checks_of_a_model() -> None:
    """`model_construct` builds a model without looking: the house doesn't use it."""
    users = [
        name
        for name, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "model_construct"
    ]
    assert users == []
