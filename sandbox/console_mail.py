"""The console's mail page: the shared mailbox by folder, or a person's mail as that person sees it."""

from typing import Any

from starlette.requests import Request

from sandbox.console_views import people
from sandbox.control_mails import answerer, mails
from sandbox.core import Record, World
from sandbox.graph_folders import FOLDERS, folder_path
from sandbox.mail_sentence import offered_sentence
from sandbox.world import SEED

_NEWEST = 80


def mail(world: World, request: Request) -> dict[str, Any]:
    """Folders, the list of the chosen one (or of a person), and the chosen message."""
    everything = mails(world)
    folder, person = request.query_params.get("folder", ""), request.query_params.get("person", "")
    listed = [m for m in everything if _belongs(m, folder, person)]
    listed.reverse()
    wanted = request.query_params.get("message")
    chosen = next((m for m in listed if m["id"] == wanted), listed[0] if listed else None)
    return {
        "folders": _tree(world, everything),
        "folder": folder,
        "person": person,
        "people": people(world),
        "rows": listed[:_NEWEST],
        "chosen": chosen,
        "answerer": answerer(chosen) if chosen else "",
        "sentence": offered_sentence(chosen["html"]) if chosen else None,
        "customers": SEED.customers,
    }


def _belongs(mail: Record, folder: str, person: str) -> bool:
    if person:
        return mail["direction"] != "draft" and person in (*mail["to"], *mail["cc"], mail["from"])
    return folder in ("", mail["folder_id"])


def _tree(world: World, everything: list[Record]) -> list[dict[str, Any]]:
    """The folders by path, with depth and number of messages; the root itself isn't shown."""
    rows = []
    for folder in world.store.all(FOLDERS):
        path = folder_path(world, folder["id"])
        if path:
            count = sum(m["folder_id"] == folder["id"] for m in everything)
            rows.append({"id": folder["id"], "path": path, "name": folder["displayName"], "count": count})
            rows[-1]["depth"] = _depth(world, folder)
    return sorted(rows, key=lambda row: str(row["path"]).casefold())


def _depth(world: World, folder: Record) -> int:
    """How many folders lie above it, the root not counted; a name may hold slashes."""
    above = world.store.get(FOLDERS, folder["parentFolderId"])
    return 0 if above is None or above["parentFolderId"] is None else 1 + _depth(world, above)
