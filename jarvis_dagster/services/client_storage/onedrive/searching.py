"""The search of OneDrive itself.

Belongs here: the query (https://learn.microsoft.com/graph/api/driveitem-search).
Does not belong here: the index of Jarvis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from jarvis_dagster.services.client_storage.drive import is_temporary
from jarvis_dagster.services.client_storage.onedrive.items import Item, Ref, is_folder

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.onedrive.graph import Graph
    from jarvis_dagster.services.client_storage.onedrive.tree import Tree

__all__ = ["search"]

_LARGEST_PAGE = 200


def search(graph: Graph, tree: Tree, query: str, limit: int) -> list[DriveFile]:
    """See ``Drive.search``."""
    words = " ".join(query.split())
    if not words:
        return []
    text = quote(words.replace("'", "''"), safe="'")
    top = max(1, min(limit, _LARGEST_PAGE))
    known = tree.known
    where = tree.link(Ref(known.root)) if known.root_path else f"/drives/{known.drive}/root"
    link: str | None = f"{where}/search(q='{text}')?$top={top}"
    parents: dict[str, Item] = {}
    found: dict[str, DriveFile] = {}
    while link is not None and len(found) < limit:
        answer = graph.call("GET", link, "the search")
        hits = [Ref(str(item["id"])) for item in answer.get("value", []) if not is_folder(item)]
        # A hit tells little of the file, and may be of yesterday.
        for ref, now in zip(hits, graph.find_all(map(tree.link, hits), "a hit"), strict=True):
            if now is None or "deleted" in now or is_temporary(str(now.get("name"))):
                continue
            item = tree.filled(now, ref)
            if item is not None and tree.path(item, ref, parents) is not None:
                found.setdefault(ref.id, tree.file(item, ref, parents))
        following = answer.get("@odata.nextLink")
        link = graph.below(following) if following else None
    return list(found.values())[:limit]
