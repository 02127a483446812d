"""The requests of iCloud Drive's folder service.

Belongs here: the JSON of each request and of its answer. Does not belong here:
what happens to items (``tree.py``). A request that has not exactly the fields
that Apple's web page sends is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.icloud.tree import ROOT, TRASH

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.icloud.tree import Item, Tree

__all__ = ["DriveService", "RefusedError"]


_BARE = {"drivewsid", "docwsid", "zone", "name", "extension", "etag", "type", "size"} | {
    "dateModified",
    "restorePath",
}


class RefusedError(Exception):
    """A request that iCloud does not know."""


def need(value: Any, required: set[str], optional: set[str] = frozenset()) -> dict[str, Any]:  # type: ignore[assignment]
    """A JSON object with these keys and no others."""
    if not isinstance(value, dict) or not required <= set(value) <= required | set(optional):
        raise RefusedError(f"expected {sorted(required)}, got {value!r:.300}")
    return value


class DriveService:
    """``retrieveItemDetailsInFolders``, ``createFolders`` and what else there is."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def call(self, name: str, body: Any, *, partial: bool = False) -> Any:
        """Carry one request out.

        Args:
            partial: Leave items out of the listing, as the service does when a part of it is busy.
        """
        tree = self._tree
        with tree.lock:
            if name == "retrieveItemDetailsInFolders":
                if not isinstance(body, list) or not body:
                    raise RefusedError("expected a list of folders")
                return [self._folder(entry, partial=partial) for entry in body]
            if name == "createFolders":
                return self._create(body)
            if name == "renameItems":
                return self._each(
                    body, {"name"}, lambda item, entry: tree.rename(item, _name(entry["name"]))
                )
            if name == "moveItems":
                target = need(body, {"destinationDrivewsId", "items"})["destinationDrivewsId"]
                body = {"items": body["items"]}
                return self._each(body, {"clientId"}, lambda item, _: tree.move(item, target))
            if name == "moveItemsToTrash":
                return self._each(body, {"clientId"}, lambda item, _: tree.trash(item))
            if name == "putBackItemsFromTrash":
                return self._each(body, set(), lambda item, _: tree.restore(item))
            if name == "deleteItems":
                return self._each(body, set(), lambda item, _: tree.delete(item), {"clientId"})
        raise RefusedError(f"{name} is no request of iCloud Drive")

    def describe(self, item: Item) -> dict[str, Any]:
        """An item as it is in a listing."""
        stem, dot, extension = item.name.rpartition(".")
        splits = bool(stem and dot and extension) and not item.is_folder
        described: dict[str, Any] = {
            "dateCreated": _date(item.created),
            "drivewsid": item.id,
            "docwsid": item.docwsid,
            "zone": item.zone,
            "name": stem if splits else item.name,
            "parentId": item.parent,
            "etag": self._tree.etag(item),
            "type": item.kind,
        }
        if splits:
            described["extension"] = extension
        if item.is_folder:
            below = self._tree.children(item.id)
            described |= {
                "assetQuota": sum(len(i.content) for i in below),
                "fileCount": len([i for i in below if not i.is_folder]),
                "shareCount": 0,
                "shareAliasCount": 0,
                "directChildrenCount": len(below),
            }
        else:
            described |= {"dateModified": _date(item.modified), "size": len(item.content)}
            # As the service says it: the time of California.
            described["dateChanged"] = _date(item.modified).replace("Z", "-00:30")
        if item.restore_path:
            described["restorePath"] = item.restore_path
        if self._tree.behaviour.bare:
            described = {key: value for key, value in described.items() if key in _BARE}
        return described | item.extra

    def _folder(self, entry: Any, *, partial: bool) -> dict[str, Any]:
        entry = need(entry, {"drivewsid", "partialData"}, {"shareID"})
        wanted = entry["drivewsid"]
        if wanted == TRASH or wanted.endswith("::TRASH_ROOT"):
            return self._listing({"drivewsid": TRASH}, TRASH, partial=partial)
        item = self._tree.items.get(wanted)
        if item is None or not item.is_folder:
            return {"drivewsid": wanted, "status": "ID_INVALID"}
        if item.kind == "FOLDER_IN_SHARED_FOLDER" and not entry.get("shareID"):
            return {"drivewsid": wanted, "status": "ACCESS_DENIED"}
        return self._listing(self.describe(item), wanted, partial=partial)

    def _listing(self, folder: dict[str, Any], wanted: str, *, partial: bool) -> dict[str, Any]:
        items = [self.describe(item) for item in self._tree.children(wanted)]
        if not self._tree.behaviour.bare:
            folder["numberOfItems"] = len(items)
            folder["status"] = "OK"
        folder["items"] = items[: len(items) // 2] if partial else items
        return folder

    def _create(self, body: Any) -> dict[str, Any]:
        need(body, {"destinationDrivewsId", "folders"})
        answer = []
        for entry in body["folders"]:
            need(entry, {"clientId", "name"})
            if not entry["clientId"].startswith("FOLDER::UNKNOWN_ZONE::TempId-"):
                raise RefusedError("the client id of a new folder")
            status, item = self._tree.new_folder(body["destinationDrivewsId"], _name(entry["name"]))
            described = {} if item is None else self.describe(item)
            answer.append(described | {"status": status, "clientId": entry["clientId"]})
        return {"destinationDrivewsId": body["destinationDrivewsId"], "folders": answer}

    def _each(
        self,
        body: Any,
        required: set[str],
        change: Callable[[Item, dict[str, Any]], str],
        optional: set[str] = frozenset(),  # type: ignore[assignment]
    ) -> dict[str, Any]:
        answer = []
        for entry in need(body, {"items"})["items"]:
            need(entry, {"drivewsid", "etag", *required}, optional)
            item = self._tree.items.get(entry["drivewsid"])
            if item is None or item.id == ROOT:
                answer.append({"drivewsid": entry["drivewsid"], "status": "ID_INVALID"})
                continue
            status = "ETAG_CONFLICT"
            if entry["etag"] == self._tree.etag(item):
                status = change(item, entry)
            answer.append(self.describe(item) | {"status": status})
        return {"items": answer}


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name or "/" in name:
        raise RefusedError(f"{name!r} is no name")
    return name


def _date(when: Any) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
