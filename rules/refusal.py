"""How the rules say no: which field, which clause, what is wrong, and the way out."""

from collections.abc import Iterable

from rules.order import Frozen


class Problem(Frozen):
    """One thing that stands in the way of a request."""

    field: str
    clause: str
    message: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.field} ({self.clause}): {self.message} {self.way_out}"


class Refused(Exception):
    """The request can't be carried out as it stands. Nothing has happened outside when this is raised."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"- {problem}" for problem in self.problems))


def refuse(field: str, clause: str, message: str, way_out: str) -> Refused:
    """A refusal for one problem."""
    return Refused([Problem(field=field, clause=clause, message=message, way_out=way_out)])
