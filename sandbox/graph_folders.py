"""The shared mailbox's folders: a tree walked level by level, names unique below one parent (graph.md §4.3)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.core import Record, World, new_id, stable_id
from sandbox.graph_answers import Parameters, collection, refuse, selected, sliced
from sandbox.graph_filter import parse, prop

FOLDERS = "graph.folders"
MESSAGES = "graph.messages"
ROOT = "msgfolderroot"
WELL_KNOWN = {
    "inbox": "Inbox",
    "drafts": "Drafts",
    "sentitems": "Sent Items",
    "deleteditems": "Deleted Items",
    "archive": "Archive",
    "junkemail": "Junk Email",
    "outbox": "Outbox",
}
PROPERTIES = (
    "id",
    "displayName",
    "parentFolderId",
    "childFolderCount",
    "totalItemCount",
    "unreadItemCount",
    "isHidden",
)


def seed_folders(world: World) -> None:
    """The root and the well-known folders."""
    root: Record = {"id": well_known_id(ROOT), "displayName": "Top of Information Store", "parentFolderId": None}
    world.store.put(FOLDERS, root["id"], root | {"isHidden": False})
    for name, display in WELL_KNOWN.items():
        add_folder(world, well_known_id(ROOT), display, well_known_id(name))


def well_known_id(name: str) -> str:
    """The constant id behind a well-known name."""
    return "AQMk" + stable_id("graph-folder", name).replace("-", "") + "="


def add_folder(world: World, parent_id: str, name: str, folder_id: str | None = None) -> Record:
    """A new folder; the caller has made sure that its name is free."""
    key = folder_id or "AQMk" + new_id().replace("-", "") + "="
    folder = {"id": key, "displayName": name, "parentFolderId": parent_id, "isHidden": False}
    return world.store.put(FOLDERS, key, folder)


def find_folder(world: World, key: str) -> Record:
    """The folder of an id or well-known name; a 404 for neither."""
    name = key.lower()
    folder = world.store.get(FOLDERS, well_known_id(name) if name in (*WELL_KNOWN, ROOT) else key)
    if folder is None:
        raise refuse(404, "The specified object was not found in the store.", "ErrorItemNotFound")
    return folder


def child_named(world: World, parent_id: str, name: str) -> Record | None:
    """The child of that name, ignoring case."""
    for folder in world.store.all(FOLDERS):
        if folder["parentFolderId"] == parent_id and folder["displayName"].casefold() == name.casefold():
            return folder
    return None


def folder_path(world: World, folder_id: str) -> str:
    """A folder's path, such as `Vendors/vendor emails`, for the ledger and the console."""
    names: list[str] = []
    folder = world.store.get(FOLDERS, folder_id)
    while folder is not None and folder["parentFolderId"] is not None:
        names.insert(0, folder["displayName"])
        folder = world.store.get(FOLDERS, folder["parentFolderId"])
    return "/".join(names)


def shown_folder(world: World, folder: Record) -> Record:
    """A folder as Graph shows it, with its counts."""
    mine = [m for m in world.store.all(MESSAGES) if m["parentFolderId"] == folder["id"]]
    children = [f for f in world.store.all(FOLDERS) if f["parentFolderId"] == folder["id"]]
    return {
        **folder,
        "childFolderCount": len(children),
        "totalItemCount": len(mine),
        "unreadItemCount": sum(not m["isRead"] for m in mine),
    }


def list_folders(world: World, request: Request, parent_id: str) -> Response:
    """The folders below one: ten a page unless `$top` says more."""
    known = ("$top", "$skip", "$filter", "$select", "includeHiddenFolders")
    parameters = Parameters(request, known)
    found = [f for f in world.store.all(FOLDERS) if f["parentFolderId"] == parent_id]
    if parameters.text("$filter"):
        wanted = parse(parameters.text("$filter"), {"displayName": prop("displayName")})
        found = [f for f in found if wanted.matches(f)]
    found.sort(key=lambda f: str(f["displayName"]).casefold())
    page, more = sliced(found, parameters, size=10, highest=1000)
    names = parameters.names("$select")
    shown = [selected(shown_folder(world, f), names, PROPERTIES) for f in page]
    return collection(shown, context="$metadata#mailFolders", next_link=more)


def show_folder(world: World, request: Request, folder: Record) -> Response:
    """One folder."""
    names = Parameters(request, ("$select",)).names("$select")
    return JSONResponse(selected(shown_folder(world, folder), names, PROPERTIES))


def create_folder(world: World, parent_id: str, body: Any) -> Response:
    """A new child; 409 `ErrorFolderExists` if the name is taken."""
    if not isinstance(body, dict) or set(body) - {"displayName", "isHidden"} or not body.get("displayName"):
        raise refuse(400, "A folder has displayName and isHidden.", "RequestBodyRead")
    name = str(body["displayName"])
    if child_named(world, parent_id, name) is not None:
        text = "A folder with the specified name already exists."
        raise refuse(409, f"{text}, Could not create folder '{name}'.", "ErrorFolderExists")
    folder = add_folder(world, parent_id, name)
    world.effect("folder created", vendor="graph", id=folder["id"], path=folder_path(world, folder["id"]))
    return JSONResponse(shown_folder(world, folder), 201)


def change_folder(world: World, folder: Record, body: Any) -> Response:
    """PATCH: the name."""
    if not isinstance(body, dict) or set(body) != {"displayName"}:
        raise refuse(400, "Only displayName can be changed.", "RequestBodyRead")
    taken = child_named(world, folder["parentFolderId"], str(body["displayName"]))
    if taken is not None and taken["id"] != folder["id"]:
        raise refuse(409, "A folder with the specified name already exists.", "ErrorFolderExists")
    changed = world.store.put(FOLDERS, folder["id"], {**folder, **body})
    world.effect("folder renamed", vendor="graph", id=folder["id"], path=folder_path(world, folder["id"]))
    return JSONResponse(shown_folder(world, changed))


def move_folder(world: World, folder: Record, body: Any) -> Response:
    """Puts a folder below another one; its id stays, as folder ids always do."""
    if not isinstance(body, dict) or set(body) != {"destinationId"}:
        raise refuse(400, "A move has destinationId.", "RequestBodyRead")
    target = find_folder(world, str(body["destinationId"]))
    if child_named(world, target["id"], folder["displayName"]) is not None:
        raise refuse(409, "A folder with the specified name already exists.", "ErrorFolderExists")
    moved = world.store.put(FOLDERS, folder["id"], {**folder, "parentFolderId": target["id"]})
    world.effect("folder moved", vendor="graph", id=folder["id"], path=folder_path(world, folder["id"]))
    return JSONResponse(shown_folder(world, moved), 201)
