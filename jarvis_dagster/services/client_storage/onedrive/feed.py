"""What changed in a OneDrive since a token.

Belongs here: the feed of changes and its tokens
(https://learn.microsoft.com/graph/api/driveitem-delta). Does not belong here:
listings of folders.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, TokenExpiredError, TransientError
from jarvis_dagster.services.client_storage.drive import Changes, is_temporary
from jarvis_dagster.services.client_storage.onedrive.faults import MalformedError
from jarvis_dagster.services.client_storage.onedrive.items import Item, Ref, is_folder

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.onedrive.graph import Graph
    from jarvis_dagster.services.client_storage.onedrive.tree import Tree

__all__ = ["Feed"]

_PREFIX = "onedrive:"
_LARGEST_PAGE = 1000
_LINK = re.compile(
    r"/(drives|groups|me|sites|users)\b[^?#\\\s]*/(microsoft\.graph\.)?delta\b[^#\\\s]*"
)


class Feed:
    """The feed of a drive: of all of it, as the service has none for a folder.

    What happened outside of the folder that Jarvis may see is told as removed:
    it may have been inside before. A token is the service's own link.
    """

    def __init__(self, graph: Graph, tree: Tree) -> None:
        self._graph = graph
        self._tree = tree

    def start(self) -> str:
        """A token that stands for now."""
        link: str = f"/drives/{self._tree.known.drive}/root/delta?token=latest"
        while True:
            _, link, more = self._page(link)
            if not more:
                return _PREFIX + link

    def changes(self, token: str, limit: int) -> Changes:
        """See ``Drive.changes``."""
        items, link, more = self._page(_with_top(_link(token), limit))
        gone = {key for key, item in items.items() if "deleted" in item}
        parents = {key: item for key, item in items.items() if is_folder(item) and key not in gone}
        files: list[DriveFile] = []
        removed: list[str] = []
        for key, item in self._complete(items):
            if item is None:
                removed.append(key)
                continue
            file = self._file(item, parents)
            if file is None or is_temporary(file.name):
                removed.append(key)
            else:
                files.append(file)
        return Changes(tuple(files), tuple(removed), _PREFIX + link, more)

    def touched(self, token: str) -> tuple[dict[str, str], str]:
        """The ids of what changed since a token, with the folder each is in; and a new token."""
        found: dict[str, str] = {}
        link = _link(token)
        while True:
            items, link, more = self._page(link)
            for key, item in items.items():
                found[key] = str((item.get("parentReference") or {}).get("id") or "")
            if not more:
                return found, _PREFIX + link

    def _page(self, link: str) -> tuple[dict[str, Item], str, bool]:
        """The items of a page by id, the last of several; the next link; whether there is more."""
        try:
            answer = self._graph.call("GET", link, "the changes")
        except MalformedError:
            raise TokenExpiredError(
                "OneDrive does not know this token.", "List everything again."
            ) from None
        items, following = answer.get("value"), answer.get("@odata.nextLink")
        last = answer.get("@odata.deltaLink")
        if not isinstance(items, list) or not (following or last):
            raise TransientError("The changes of OneDrive are damaged.", "Try again.")
        found: dict[str, Item] = {}
        for item in items:
            if "root" not in item:
                found.pop(str(item["id"]), None)
                found[str(item["id"])] = item
        return found, self._graph.below(str(following or last)), bool(following)

    def _complete(self, items: dict[str, Item]) -> list[tuple[str, Item | None]]:
        """The items with all that the feed leaves out; None for what is gone.

        For drives of organisations it leaves the content's version out.
        """
        bare = [
            key
            for key, item in items.items()
            if "deleted" not in item and not is_folder(item) and not item.get("cTag")
        ]
        links = [self._tree.link(Ref(key)) for key in bare]
        asked = dict(zip(bare, self._graph.find_all(links, "a changed file"), strict=True))
        found: list[tuple[str, Item | None]] = []
        for key, item in items.items():
            now = None if "deleted" in item else asked.get(key, item)
            if now is not None and "deleted" not in now:
                now = self._tree.filled(now, Ref(key))
            found.append((key, now))
        return found

    def _file(self, item: Item, parents: dict[str, Item]) -> DriveFile | None:
        """None for what is outside of the folder that Jarvis may see, and for that itself."""
        ref = Ref(str(item["id"]))
        if ref.item == self._tree.known.root or self._tree.path(item, ref, parents) is None:
            return None
        return self._tree.file(item, ref, parents)


def _link(token: str) -> str:
    link = token.removeprefix(_PREFIX)
    if not token.startswith(_PREFIX) or not _LINK.fullmatch(link) or "/.." in link:
        raise BadInputError("This is not a token of OneDrive.", "Look without a token.")
    return link


def _with_top(link: str, limit: int) -> str:
    """With the size of a page; links to further pages have one already."""
    path, mark, query = link.partition("?")
    if "$top" in query or "%24top" in query.lower() or "skiptoken" in query.lower():
        return link
    return (
        f"{path}{mark or '?'}{query}{'&' if query else ''}$top={max(1, min(limit, _LARGEST_PAGE))}"
    )
