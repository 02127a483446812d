"""``files.*``, ``about.get`` and ``drives.get``.

Belongs here: what these calls answer. Does not belong here: bytes
(``media.py``), permissions, changes.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from tests.fakes.google.errors import ApiError, not_found
from tests.fakes.google.fields import project
from tests.fakes.google.query import parse_query
from tests.fakes.google.world import FOLDER, SHORTCUT

if TYPE_CHECKING:
    from tests.fakes.google.description import Call
    from tests.fakes.google.world import Item, World

__all__ = ["DEFAULT_FILE", "FilesApi", "file_json"]

DEFAULT_FILE = "kind,id,name,mimeType"
_NATIVE = "application/vnd.google-apps."
_WRITABLE = {"id", "name", "mimeType", "parents", "trashed", "shortcutDetails", "description"}
_WRITABLE |= {"appProperties", "properties", "modifiedTime", "createdTime", "starred"}


class FilesApi:
    """The calls, by the last part of their names.

    Attributes:
        page_size: No page is longer; Google may send less than was asked for.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.page_size = 1000
        self._pages: dict[str, tuple[str, int]] = {}

    def get(self, call: Call) -> Any:
        item = self.world.item(call.path["fileId"], all_drives=call.flag("supportsAllDrives"))
        if self.world.hides_root and item.id == self.world.root:
            raise not_found(call.path["fileId"])  # as to an app that sees its own files only
        return project(file_json(self.world, item), call.mask(DEFAULT_FILE))

    def list(self, call: Call, *, partial: bool) -> Any:
        corpora, drive_id = call.query.get("corpora", "user"), call.query.get("driveId", "")
        if (corpora == "drive") != bool(drive_id):
            raise ApiError(400, "badRequest", "driveId and corpora=drive go together")
        if drive_id and not (call.flag("includeItemsFromAllDrives")):
            raise ApiError(403, "badRequest", "includeItemsFromAllDrives must be set")
        query = call.query.get("q", "")
        if "fullText" in query and "orderBy" in call.query:
            raise ApiError(400, "badRequest", "Sorting is not supported for queries with fullText")
        test = parse_query(query) if query else lambda _: True
        for parent in re.findall(r"'([^']*)' in parents", query):
            self.world.item(parent, all_drives=True)
        found = []
        for item in sorted(self.world.files.values(), key=lambda item: item.id):
            shared = item.drive_id != ""
            if shared and not call.flag("includeItemsFromAllDrives"):
                continue
            if drive_id and item.drive_id != drive_id:
                continue
            if item.parent is None:
                continue
            file = file_json(self.world, item)
            text = item.content[:100_000]
            parents = [item.parent, *(["root"] if item.parent == self.world.root else [])]
            content = lambda text=text: text.decode("utf-8", "ignore")  # noqa: E731
            if test({**file, "parents": parents, "_text": content}):
                found.append(file)
        return self._page(call, found, partial=partial)

    def _page(self, call: Call, found: list[dict[str, Any]], *, partial: bool) -> Any:
        start = 0
        same = "&".join(
            f"{key}={value}" for key, value in sorted(call.query.items()) if key != "pageToken"
        )
        token = call.query.get("pageToken")
        if token is not None:
            asked, start = self._pages.get(token, ("", -1))
            if asked != same:
                raise ApiError(400, "invalid", "Invalid Value: pageToken")
        size = min(int(call.query.get("pageSize", 100)), self.page_size)
        files = found[start : start + size]
        answer: dict[str, Any] = {"kind": "drive#fileList", "incompleteSearch": partial}
        if start + size < len(found):
            answer["nextPageToken"] = f"~!!~{secrets.token_hex(16)}"
            self._pages[answer["nextPageToken"]] = same, start + size
        answer["files"] = files[: len(files) // 2] if partial else files
        return project(
            answer, call.mask(f"kind,incompleteSearch,nextPageToken,files({DEFAULT_FILE})")
        )

    def forget_pages(self) -> None:
        """No page token is good any more."""
        self._pages.clear()

    def create(self, call: Call, body: dict[str, Any], content: bytes | None = None) -> Any:
        _check_writable(body)
        self.world.check_new_id(body.get("id"))
        item = self.world.create(body, content)
        target = body.get("shortcutDetails", {}).get("targetId")
        if (item.mime_type == SHORTCUT) != bool(target):
            raise ApiError(400, "invalid", "A shortcut has a target")
        item.target = target or ""
        return project(file_json(self.world, item), call.mask(DEFAULT_FILE))

    def check_create(self, call: Call, body: dict[str, Any]) -> None:
        """What is refused before any content is sent."""
        _check_writable(body)
        self.world.check_new_id(body.get("id"))
        for parent in body.get("parents", []):
            self.world.item(parent, all_drives=call.flag("supportsAllDrives"))

    def update(self, call: Call, body: dict[str, Any], content: bytes | None = None) -> Any:
        world = self.world
        item = world.item(call.path["fileId"], all_drives=call.flag("supportsAllDrives"))
        _check_writable(body)
        if item.mime_type.startswith(_NATIVE) and (content is not None or "mimeType" in body):
            raise ApiError(400, "badRequest", "This kind of file has no content")
        if "parents" in body or "id" in body:
            raise ApiError(403, "fieldNotWritable", "Use addParents and removeParents")
        if item.parent is None and body.get("trashed"):
            raise ApiError(403, "insufficientFilePermissions", "The root cannot be trashed")
        self._move(call, item)
        item.name = body.get("name", item.name)
        item.mime_type = body.get("mimeType", item.mime_type)
        item.trashed = body.get("trashed", item.trashed)
        if content is not None:
            world.put(item, content)
        else:
            world.touch(item)
        return project(file_json(world, item), call.mask(DEFAULT_FILE))

    def _move(self, call: Call, item: Item) -> None:
        added = [part for part in call.query.get("addParents", "").split(",") if part]
        removed = [part for part in call.query.get("removeParents", "").split(",") if part]
        if len(set(added)) > 1 or (
            added and item.parent not in removed and item.parent != added[0]
        ):
            raise ApiError(403, "cannotAddParent", "A file has one parent")
        for parent in added:
            folder = self.world.item(parent, all_drives=call.flag("supportsAllDrives"))
            if folder.mime_type != FOLDER:
                raise ApiError(403, "parentNotAFolder", "The parent is not a folder")
            if self.world.is_below(folder, item.id):
                raise ApiError(403, "cyclicMembershipsNotAllowed", "A folder in itself")
            item.parent = folder.id

    def delete(self, call: Call) -> Any:
        item = self.world.item(call.path["fileId"], all_drives=call.flag("supportsAllDrives"))
        self.world.remove(item.id)
        return None

    def generate_ids(self, call: Call) -> Any:
        count = int(call.query.get("count", 10))
        if not 1 <= count <= 1000:
            raise ApiError(400, "badRequest", "count")
        ids = [f"gen{secrets.token_hex(12)}" for _ in range(count)]
        self.world.reserved.update(ids)
        answer = {"kind": "drive#generatedIds", "space": "drive", "ids": ids}
        return project(answer, call.mask("*"))

    def about(self, call: Call) -> Any:
        if "fields" not in call.query:
            raise ApiError(400, "required", "The 'fields' parameter is required for this method.")
        used = str(self.world.used())
        storage = {"usage": used, "usageInDrive": used, "usageInDriveTrash": "0"}
        if self.world.quota is not None:
            storage["limit"] = str(self.world.quota)
        user = {"kind": "drive#user", "emailAddress": self.world.user, "me": True}
        return project(
            {"kind": "drive#about", "storageQuota": storage, "user": user}, call.mask("")
        )


def file_json(world: World, item: Item) -> dict[str, Any]:
    """A ``File``."""
    is_folder = item.mime_type == FOLDER
    kind = "folders" if is_folder else "file/d"
    file: dict[str, Any] = {
        "kind": "drive#file",
        "id": item.id,
        "name": item.name,
        "mimeType": item.mime_type,
        "trashed": world.is_trashed(item),
        "explicitlyTrashed": item.trashed,
        "createdTime": item.created,
        "modifiedTime": item.modified,
        "version": str(item.version),
        "webViewLink": f"https://drive.google.com/{kind}/{item.id}/view",
    }
    if item.parent is not None:
        file["parents"] = [item.parent]
    if item.drive_id:
        file["driveId"] = item.drive_id
    if item.target:
        target = world.files.get(item.target)
        details = {"targetId": item.target}
        if target is not None:
            details["targetMimeType"] = target.mime_type
        file["shortcutDetails"] = details
    if item.revisions and not item.mime_type.startswith(_NATIVE):
        head = item.revisions[-1]
        file["size"] = str(len(head.content))
        file["headRevisionId"] = head.id
        file["md5Checksum"] = head.md5
        file["sha256Checksum"] = head.sha256
    if item.exports:
        file["size"] = "1024"
    return file


def _check_writable(body: dict[str, Any]) -> None:
    for name in body:
        if name not in _WRITABLE:
            raise ApiError(403, "fieldNotWritable", f"{name} cannot be written")
    if not body.get("name", "x"):
        raise not_found("name")
