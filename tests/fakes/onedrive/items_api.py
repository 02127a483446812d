"""Looking at items, and what moves, makes and deletes them.

Belongs here: the calls of an item and its children. Does not belong here:
uploads, changes, sharing.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tests.fakes.onedrive.errors import ApiError
from tests.fakes.onedrive.facts import c_tag, drive_item, e_tag
from tests.fakes.onedrive.world import check_name

if TYPE_CHECKING:
    from tests.fakes.onedrive.description import Call
    from tests.fakes.onedrive.server import OneDriveServer
    from tests.fakes.onedrive.world import DriveState, Entry

__all__ = ["ItemsApi", "check_tag", "free_name"]

_CONFLICT = "@microsoft.graph.conflictBehavior"
_DEFAULT_PAGE = 200
_LARGEST_PAGE = 1000


class ItemsApi:
    """Answers with a status and JSON."""

    def __init__(self, server: OneDriveServer) -> None:
        self._server = server

    def drive(self, call: Call) -> tuple[int, Any]:
        drive = self._server.drive_of(call)
        told: dict[str, Any] = {
            "id": drive.id,
            "driveType": drive.kind,
            "owner": {"user": {"displayName": drive.owner}},
            "quota": {
                "total": drive.total,
                "used": drive.used,
                "remaining": max(drive.total - drive.used, 0),
                "state": "normal",
            },
        }
        wanted = call.query.get("$select")
        return 200, {k: v for k, v in told.items() if not wanted or k in wanted.split(",")}

    def item(self, call: Call) -> tuple[int, Any]:
        drive, entry = self._server.entry_of(call)
        if call.method == "GET":
            return 200, self.told(drive, entry)
        if entry is drive.root:
            raise ApiError(400, "invalidRequest", "root")
        check_tag(call, drive, entry)
        if call.method == "DELETE":
            entry.deleted = True
            drive.touch(entry)
            return 204, None
        return self._update(call, drive, entry)

    def children(self, call: Call) -> tuple[int, Any]:
        drive, entry = self._server.entry_of(call)
        if not entry.folder:
            raise ApiError(400, "invalidRequest", "not a folder")
        if call.method == "POST":
            return self._make_folder(call, drive, entry)
        found = drive.children(entry.id)
        start = self._skipped(call)
        size = self._page_size(call, len(found) - start)
        page = [self.told(drive, one) for one in found[start : start + size]]
        answer: dict[str, Any] = {"value": page}
        if start + size < len(found):
            token = base64.urlsafe_b64encode(f"after {start + size}".encode()).decode()
            top = call.query.get("$top", str(_DEFAULT_PAGE))
            answer["@odata.nextLink"] = self._server.link(
                f"/drives/{drive.id}/items/{entry.id}/children?$top={top}&$skiptoken={token}"
            )
        return 200, answer

    def search(self, call: Call) -> tuple[int, Any]:
        drive, top = self._server.entry_of(call)
        words = (call.argument or "").lower().split()
        found = []
        for entry in drive.entries.values():
            inside = top in drive.above(entry) and not drive.is_gone(entry)
            text = f"{entry.name.lower()} {entry.content[:10_000].decode('utf-8', 'replace')}"
            if inside and all(word in text for word in words):
                # Little is told of a hit: no path, no version, no hashes.
                found.append({"id": entry.id, "name": entry.name, "searchResult": {}})
                found[-1]["folder" if entry.folder else "file"] = {}
        start, size = self._skipped(call), int(call.query.get("$top", _DEFAULT_PAGE))
        answer: dict[str, Any] = {"value": found[start : start + size]}
        if start + size < len(found):
            token = base64.urlsafe_b64encode(f"after {start + size}".encode()).decode()
            quoted = (call.argument or "").replace("'", "''").replace(" ", "%20")
            answer["@odata.nextLink"] = self._server.link(
                f"/drives/{drive.id}/items/{top.id}/search(q='{quoted}')"
                f"?$top={size}&$skiptoken={token}"
            )
        return 200, answer

    def told(self, drive: DriveState, entry: Entry) -> dict[str, Any]:
        return drive_item(drive, entry, self._server.download_url(drive, entry))

    def _make_folder(self, call: Call, drive: DriveState, parent: Entry) -> tuple[int, Any]:
        behavior = call.body.get(_CONFLICT, "fail")
        name = free_name(drive, parent, call.body["name"], behavior)
        there = drive.child(parent.id, name)
        if there is not None:  # `replace` gives back the folder that is there
            if not there.folder:
                raise ApiError(409)
            return 200, self.told(drive, there)
        return 201, self.told(drive, drive.add(name, parent.id, folder=True))

    def _update(self, call: Call, drive: DriveState, entry: Entry) -> tuple[int, Any]:
        reference = call.body.get("parentReference", {})
        if reference.get("driveId", drive.id) != drive.id:
            raise ApiError(400, "invalidRequest", "between drives")
        parent = drive.get(reference.get("id") or str(entry.parent))
        name = call.body.get("name", entry.name)
        check_name(name, in_library_root=drive.kind == "business" and parent is drive.root)
        if not parent.folder or entry in (parent, *drive.above(parent)):
            raise ApiError(400, "invalidRequest", "into itself")
        there = drive.child(parent.id, name)
        if there is not None and there is not entry:
            behavior = call.query.get(_CONFLICT, "fail")
            if behavior != "fail":
                raise ApiError(400, "invalidRequest", "only fail is played here")
            raise ApiError(409)
        drive.touch(entry)  # the folders above that it leaves
        entry.old_name = entry.name
        entry.name, entry.parent = name, parent.id
        drive.touch(entry)
        return 200, self.told(drive, entry)

    def _skipped(self, call: Call) -> int:
        token = call.query.get("$skiptoken")
        if token is None:
            return 0
        try:
            return int(base64.urlsafe_b64decode(token).decode().removeprefix("after "))
        except ValueError:
            raise ApiError(400, "invalidRequest", "skiptoken") from None

    def _page_size(self, call: Call, left: int) -> int:
        asked = int(call.query.get("$top", _DEFAULT_PAGE))
        if not 1 <= asked <= _LARGEST_PAGE:
            raise ApiError(400, "invalidRequest", "$top")
        # `partial`: Graph may give fewer than it has, and a link to the rest.
        return max(left // 2, 0) if self._server.is_partial else asked


def check_tag(call: Call, drive: DriveState, entry: Entry) -> None:
    """Hold an if-match header against the tags of an entry."""
    wanted = call.headers.get("if-match")
    if wanted is not None and wanted not in (e_tag(drive, entry), c_tag(drive, entry), "*"):
        raise ApiError(412, "resourceModified", "entityTagDoesNotMatch")


def free_name(drive: DriveState, parent: Entry, name: str, behavior: str) -> str:
    """The name that something new gets.

    Raises:
        ApiError: it is taken, and the behavior is to fail.
    """
    if behavior not in ("fail", "replace", "rename"):
        raise ApiError(400, "invalidRequest", _CONFLICT)
    if drive.child(parent.id, name) is None or behavior == "replace":
        return name
    if behavior == "fail":
        raise ApiError(409)
    stem, dot, extension = name.rpartition(".")
    for number in range(1, 1000):
        other = f"{stem} {number}.{extension}" if dot else f"{name} {number}"
        if drive.child(parent.id, other) is None:
            return other
    raise ApiError(409)
