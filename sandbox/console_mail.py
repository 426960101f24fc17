"""The console's mail page: the shared mailbox by folder, or a person's mail as that person sees it."""

from typing import Any

from starlette.requests import Request

from sandbox.console_views import people
from sandbox.control_mails import mails
from sandbox.core import Record, World
from sandbox.graph_folders import FOLDERS, folder_path
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
        "answerer": _answerer(chosen),
        "customers": SEED.customers,
    }


def _belongs(mail: Record, folder: str, person: str) -> bool:
    if person:
        return mail["direction"] != "draft" and person in (*mail["to"], *mail["cc"], mail["from"])
    return folder in ("", mail["folder_id"])


def _answerer(mail: Record | None) -> str:
    """Who would answer a mail: its first recipient outside the mailbox, or whoever wrote it."""
    if mail is None:
        return ""
    if mail["direction"] == "received":
        return str(mail["from"])
    return next((str(address) for address in mail["to"] if address != SEED.msp.mailbox), "")


def _tree(world: World, everything: list[Record]) -> list[dict[str, Any]]:
    """The folders by path, with depth and number of messages; the root itself isn't shown."""
    rows = []
    for folder in world.store.all(FOLDERS):
        path = folder_path(world, folder["id"])
        if path:
            count = sum(m["folder_id"] == folder["id"] for m in everything)
            rows.append({"id": folder["id"], "path": path, "depth": path.count("/"), "count": count})
    for row in rows:
        row["name"] = str(row["path"]).rsplit("/", 1)[-1]
    return sorted(rows, key=lambda row: str(row["path"]).casefold())
