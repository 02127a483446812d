"""``changes.*``. Belongs here: the feed and its tokens. Not here: what makes changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.google.errors import ApiError
from tests.fakes.google.fields import project
from tests.fakes.google.files_api import DEFAULT_FILE, file_json

if TYPE_CHECKING:
    from tests.fakes.google.description import Call
    from tests.fakes.google.world import World

__all__ = ["FeedApi"]


class FeedApi:
    """A token is the number of the first change that has not been told."""

    def __init__(self, world: World) -> None:
        self.world = world

    def start_token(self, call: Call) -> Any:
        answer = {"kind": "drive#startPageToken", "startPageToken": str(self._end())}
        return project(answer, call.mask("*"))

    def list(self, call: Call) -> Any:
        token, size = call.query["pageToken"], int(call.query.get("pageSize", 100))
        first = self.world.first_change
        if not token.isdigit() or not first <= int(token) <= self._end():
            raise ApiError(400, "invalid", "Invalid Value: pageToken")
        told: list[dict[str, Any]] = []
        position = int(token) - first
        newest = {file_id: at for at, (file_id, _) in enumerate(self.world.log)}
        while position < len(self.world.log) and len(told) < size:
            file_id, drive_id = self.world.log[position]
            # Only the last change of a file is told, as it is now.
            if newest[file_id] == position and self._is_for(call, drive_id):
                told += self._entry(call, file_id)
            position += 1
        answer: dict[str, Any] = {"kind": "drive#changeList", "changes": told}
        if any(self._is_for(call, drive) for _, drive in self.world.log[position:]):
            answer["nextPageToken"] = str(first + position)
        else:
            answer["newStartPageToken"] = str(self._end())
        default = (
            "kind,nextPageToken,newStartPageToken,"
            f"changes(kind,type,changeType,time,removed,fileId,file({DEFAULT_FILE}))"
        )
        return project(answer, call.mask(default))

    def _end(self) -> int:
        return self.world.first_change + len(self.world.log)

    def _is_for(self, call: Call, drive_id: str) -> bool:
        wanted = call.query.get("driveId", "")
        if wanted:
            return drive_id == wanted
        return not drive_id or call.flag("includeItemsFromAllDrives")

    def _entry(self, call: Call, file_id: str) -> list[dict[str, Any]]:
        item = self.world.files.get(file_id)
        entry = {
            "kind": "drive#change",
            "type": "file",
            "changeType": "file",
            "time": self.world.now(),
            "fileId": file_id,
            "removed": item is None,
        }
        if item is None:
            return [entry] if call.query.get("includeRemoved", "true") == "true" else []
        return [{**entry, "file": file_json(self.world, item)}]
