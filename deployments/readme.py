"""A measurement's place in the README: between two marks that bear the name of the command which writes it."""

from deployments.stack import CHECKOUT

PAGE = CHECKOUT / "README.md"


def marks(command: str) -> tuple[str, str]:
    """The comments between which that command's figures stand."""
    return f"<!-- {command}: begin -->", f"<!-- {command}: end -->"


def put_into(page: str, text: str, command: str) -> str:
    """The page with the text between the command's marks; raises ValueError unless it has each once, in order."""
    begin, end = marks(command)
    before, begun, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended or begin in after or end in before + after:
        raise ValueError(f"the page must have {begin} and {end} once each, in that order")
    return f"{before}{begin}\n{text.strip()}\n{end}{after}"
