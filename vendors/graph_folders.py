"""The folder tree of a mailbox: paths such as `Vendors/vendor emails/Pax8/orders`, walked level by level."""

import unicodedata
from collections.abc import Sequence

from vendors.graph_http import GraphHttp, segment
from vendors.http import NotFound, Refused, UnclearOutcome

WELL_KNOWN = frozenset(
    [
        "archive",
        "deleteditems",
        "drafts",
        "inbox",
        "junkemail",
        "msgfolderroot",
        "outbox",
        "recoverableitemsdeletions",
        "sentitems",
    ]
)


_LONGEST_NAME = 255  # characters; Exchange's limit from practice, on no page of Graph's


def folder_name(name: str) -> str:
    """Return the name under which a folder can be kept: blanks collapsed, control characters out, cut to 255."""
    plain = " ".join("".join(" " if unicodedata.category(one) == "Cc" else one for one in name).split())
    return plain[:_LONGEST_NAME].rstrip()


class Folders:
    """Paths to folder ids; ids are constant, so each level is looked up once per client (graph.md §4.3).

    The first segment may be one of Graph's well-known names in lower case, such as `inbox`. Names are compared
    ignoring case, as the mailbox itself does; an exact one wins.
    """

    def __init__(self, graph: GraphHttp, root: str, vendor: str) -> None:
        self._graph = graph
        self._root = root
        self._vendor = vendor
        self._known: dict[tuple[str, ...], str] = {}

    async def walk(self, path: str | Sequence[str], *, create: bool) -> str:
        """Return the id of the folder at `path`; missing levels are created, or are a `NotFound`.

        A text is divided at its slashes. A sequence is one name a level, whatever the name holds; an empty one is
        a `NotFound`, so that a customer without a name never means the folder of all customers.
        """
        names = tuple(folder_name(part) for part in (path.split("/") if isinstance(path, str) else path))
        if isinstance(path, str):
            names = tuple(name for name in names if name)
        if not names or not all(names):
            raise NotFound(self._vendor, "an empty folder path")
        parent: str | None = None
        for depth, name in enumerate(names, start=1):
            here = names[:depth]
            if here not in self._known:
                self._known[here] = await self._level(parent, name, create=create, path="/".join(here))
            parent = self._known[here]
        return self._known[names]

    async def _level(self, parent: str | None, name: str, *, create: bool, path: str) -> str:
        if parent is None and name in WELL_KNOWN:
            known = await self._graph.get(f"{self._root}/mailFolders/{name}", {"$select": "id,displayName"})
            return str(known["id"])
        found = await self._child(parent, name)
        if found is None and create:
            found = await self._create(parent, name)
        if found is None:
            raise NotFound(self._vendor, f"the mailbox has no folder {path!r}")
        return found

    async def _child(self, parent: str | None, name: str) -> str | None:
        # Filtered here: `$filter` on displayName is common usage, but no page promises it.
        there = await self._graph.list(self._children(parent), {"$top": 100, "$select": "id,displayName"})
        fitting = [f for f in there if str(f.get("displayName")).casefold() == name.casefold()]
        fitting.sort(key=lambda folder: folder.get("displayName") != name)
        return str(fitting[0]["id"]) if fitting else None

    async def _create(self, parent: str | None, name: str) -> str:
        try:
            made = await self._graph.post(self._children(parent), {"displayName": name})
        except (Refused, UnclearOutcome) as error:
            # 409: somebody else was quicker. A failed create may have created it all the same.
            if isinstance(error, Refused) and error.status != 409:
                raise
            there = await self._child(parent, name)
            if there is None:
                raise
            return there
        return str(made["id"])

    def _children(self, parent: str | None) -> str:
        if parent is None:
            return f"{self._root}/mailFolders"
        return f"{self._root}/mailFolders/{segment(parent)}/childFolders"
