"""PROCEDURE.md holds what it says: every clause stands there, and every place, test and setting it names exists.

Everything is read from source by `ast`: nothing is imported, collected or run.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("rules", "vendors", "tasks", "flows", "deployments")
CLAUSES = (
    "A1",
    *(f"N{number}" for number in range(1, 8)),
    *(f"B{number}" for number in range(1, 8)),
    *(f"Y{number}" for number in range(1, 7)),
    *(f"S{number}" for number in range(1, 5)),
    *(f"P{number}" for number in range(1, 20)),
)
LEGS = ("new-tenant",)
NOT_BUILT = re.compile(rf"not built yet: (?:they )?needs? the (?:{'|'.join(LEGS)})", re.IGNORECASE)
HEADING = re.compile(r"^### ([A-Z]\d+) · (\S.*)$", re.MULTILINE)
PLACE = re.compile(rf"`((?:{'|'.join(LAYERS)})/[\w/]+\.py):([\w.]+)`")
TEST = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
SETTING = re.compile(r"^\| `(\w+)` \| ([^|]+) \|", re.MULTILINE)
LONGEST_LINE = 120


def document() -> str:
    return (ROOT / "PROCEDURE.md").read_text(encoding="utf-8")


def entries() -> dict[str, str]:
    """What the document says of each clause, by its id."""
    text = document()
    found = list(HEADING.finditer(text))
    assert len({one[1] for one in found}) == len(found), "a clause stands there twice"
    return {one[1]: re.split(r"^#{1,3} ", text[one.end() :], maxsplit=1, flags=re.MULTILINE)[0] for one in found}


@cache
def names_in(path: str, separator: str) -> frozenset[str]:
    """Every function and class of a file, those within a class as `Class<separator>name`; empty without the file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()

    def walk(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield prefix + node.name
            if isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{prefix}{node.name}{separator}")

    return frozenset(walk(ast.parse(file.read_text(encoding="utf-8")).body, ""))


def is_a_test(path: str, name: str) -> bool:
    """Whether pytest would find a test of that name in that file."""
    last = name.rpartition("::")[2]
    return Path(path).name.startswith("test_") and last.startswith("test_") and name in names_in(path, "::")


def owner_settings() -> dict[str, Any]:
    """Every field of the settings block with its default; `...` where it has to be filled in."""
    tree = ast.parse((ROOT / "tasks/settings.py").read_text(encoding="utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "CountersignSettings")
    fields: dict[str, Any] = {}
    for node in block.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(node.value, ast.Call):
            given = [keyword.value for keyword in node.value.keywords if keyword.arg == "default"]
            fields[node.target.id] = ast.literal_eval(given[0]) if given else ...
    return fields


def as_written(default: Any) -> str:
    """How the document writes a default."""
    if default is ...:
        return "to be filled in"
    if isinstance(default, bool):
        return "yes" if default else "no"
    if default == "":
        return "empty"
    return "see the form" if "\n" in str(default) else str(default)


def test_every_clause_stands_there_once_in_order() -> None:
    """Nobody has to ask what became of a clause."""
    assert tuple(entries()) == CLAUSES


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_clause_is_held_by_a_test_or_is_not_built_yet(clause: str) -> None:
    """What is built says where and by which test; what isn't says so, and which leg it waits for."""
    entry = entries()[clause]
    built = "- Enforced in:" in entry
    if built:
        enforced, _, held = entry.partition("- Held by:")
        assert PLACE.search(enforced.partition("- Enforced in:")[2]), "it is enforced nowhere"
        assert TEST.search(held), "no test holds it: write one, or say that it is not built yet"
    else:
        assert NOT_BUILT.search(" ".join(entry.split())), "it must say 'not built yet: needs the … leg'"


def test_every_place_named_there_exists() -> None:
    """A function that was renamed or moved is found here, not by a reader."""
    named = PLACE.findall(document())
    assert len(named) > len(CLAUSES)
    assert not [f"{path}:{name}" for path, name in named if name not in names_in(path, ".")]


def test_every_test_named_there_exists() -> None:
    """A promise that lost its test is noticed."""
    named = TEST.findall(document())
    assert len(named) > len(CLAUSES)
    assert not [f"{path}::{name}" for path, name in named if not is_a_test(path, name)]


def test_no_reference_is_overlooked_for_its_spelling() -> None:
    """Whatever looks like a place in the code is one that the tests above have checked, or a file that exists."""
    seen = {f"{path}:{name}" for path, name in PLACE.findall(document())}
    seen |= {f"{path}::{name}" for path, name in TEST.findall(document())}
    code = [one for one in re.findall(r"`([^`\n]+)`", document()) if ".py" in one]
    assert not [one for one in code if one not in seen and not (ROOT / one).is_file()]


def test_every_setting_stands_there_with_its_default() -> None:
    """Owners find all that they may decide, and what holds until they do."""
    told = dict(SETTING.findall(document()))
    assert told == {name: as_written(default) for name, default in owner_settings().items()}


def test_lines_are_short_enough_to_read() -> None:
    """As everywhere in this repository; only a test's name, alone on its line, may be as long as it is."""
    lines = [line for line in document().splitlines() if len(line) > LONGEST_LINE]
    assert not [line for line in lines if not re.fullmatch(r"  `tests/\S+`,?", line)]
