"""Which drive it is, which folder of it, and the path of an item.

Belongs here: what is asked once, and paths from what the service tells. Does
not belong here: looking at items (``tree.py``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage.onedrive.items import Item, is_folder

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.onedrive.graph import Graph

__all__ = ["Known", "ask", "climb", "decoded"]

_DEEPEST = 200


@dataclasses.dataclass(frozen=True)
class Known:
    """The drive, once it was asked.

    Attributes:
        drive: Its id.
        personal: Whether it is a person's own, not of an organisation.
        root: The id of the folder that Jarvis may see.
        root_path: Of that folder from the drive's root; empty for the root itself.
    """

    drive: str
    personal: bool
    root: str
    root_path: str


def ask(graph: Graph, drive_link: str, folder: str) -> Known:
    """The drive at an address, and a folder of it.

    Raises:
        BadInputError: there is no such folder.
    """
    drive = graph.call("GET", f"{drive_link}?$select=id,driveType", "the drive")
    drive_id, personal = str(drive["id"]), drive.get("driveType") == "personal"
    link = f"/drives/{drive_id}/root"
    root = graph.find(f"{link}:/{quote(folder)}" if folder else link, folder or "root")
    if root is None or not is_folder(root):
        raise BadInputError(
            f"There is no folder {folder!r} in this OneDrive.", "Create it, or set `folder`."
        )
    if not folder:
        return Known(drive_id, personal, str(root["id"]), "")
    whole = graph.call("GET", link, "the drive's root")
    path = climb(graph, root, drive_id, str(whole["id"]), {})  # in its own case, not that typed
    if path is None:
        raise BadInputError(
            f"The folder {folder!r} is not in this OneDrive.",
            "Make it there, or name another in client_storage.drives.",
        )
    return Known(drive_id, personal, str(root["id"]), f"/{path}")


def decoded(told: str, personal: bool) -> str | None:
    """A ``parentReference.path`` as text; None where it cannot be known.

    It is percent-encoded for personal drives and, against its description,
    not always for those of organisations: there ``%20`` may be a name.
    """
    head, colon, path = told.partition(":")
    if not colon or not head.endswith("/root"):
        return None
    if "%" in path and not personal:
        return None
    return unquote(path).rstrip("/")


def climb(graph: Graph, item: Item, drive: str, top: str, parents: dict[str, Item]) -> str | None:
    """The path below the folder ``top``, from the names of all folders between."""
    names = [str(item.get("name"))]
    for _ in range(_DEEPEST):
        above = str((item.get("parentReference") or {}).get("id") or "")
        if above == top:
            return "/".join(reversed(names))
        if not above:
            return None
        if above not in parents:
            found = graph.find(f"/drives/{drive}/items/{above}", above)
            if found is None:
                return None
            parents[above] = found
        item = parents[above]
        if "root" in item:
            return None
        names.append(str(item.get("name")))
    return None
