"""``permissions.*``.

Belongs here: who has which role, given here or in a folder above. Does not
belong here: files.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from tests.fakes.google.errors import ApiError
from tests.fakes.google.fields import project

if TYPE_CHECKING:
    from tests.fakes.google.description import Call
    from tests.fakes.google.world import Item, World

__all__ = ["PermissionsApi"]

_RANK = ["reader", "commenter", "writer", "fileOrganizer", "organizer", "owner"]
_DEFAULT = "id,type,kind,role"


class PermissionsApi:
    """``mail_fails``: the next share is made, but its answer is an error."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.mail_fails = False
        self.page_size = 100

    def list(self, call: Call) -> Any:
        found = list(self._effective(self._item(call)).values())
        start = int(call.query.get("pageToken", "0"))
        size = min(int(call.query.get("pageSize", 100)), self.page_size)
        answer: dict[str, Any] = {"kind": "drive#permissionList"}
        answer["permissions"] = found[start : start + size]
        if start + size < len(found):
            answer["nextPageToken"] = str(start + size)
        return project(answer, call.mask(f"kind,nextPageToken,permissions({_DEFAULT})"))

    def create(self, call: Call, body: dict[str, Any]) -> Any:
        item, kind, role = self._item(call), body.get("type", ""), body.get("role", "")
        who = body.get("emailAddress") or body.get("domain") or ""
        if kind not in ("user", "group", "domain", "anyone") or role not in _RANK[:3]:
            raise ApiError(400, "invalid", "The type or role is not valid")
        if (kind == "anyone") == bool(who):
            raise ApiError(400, "invalidSharingRequest", "Who is it for?")
        if kind in ("domain", "anyone") and "sendNotificationEmail" in call.query:
            raise ApiError(400, "badRequest", "sendNotificationEmail is for people")
        if who.endswith("@nowhere.example"):
            raise ApiError(400, "invalidSharingRequest", "There is no Google account.")
        more = {"expirationTime": _expiry(kind, body)} if "expirationTime" in body else {}
        there = next((p for p in item.permissions.values() if p.get("emailAddress") == who), None)
        if there is not None and kind == "user" and _RANK.index(there["role"]) > _RANK.index(role):
            return project(there, call.mask(_DEFAULT))
        made = self.world.grant(item, kind, role, who, **more)
        if kind == "anyone":
            made["allowFileDiscovery"] = body.get("allowFileDiscovery", False)
        self.world.touch(item)
        if self.mail_fails:
            self.mail_fails = False
            raise ApiError(400, "invalidSharingRequest", "The mail could not be sent.")
        return project(self._effective(item)[made["id"]], call.mask(_DEFAULT))

    def update(self, call: Call, body: dict[str, Any]) -> Any:
        item, permission = self._own(call)
        if set(body) - {"role", "expirationTime"}:
            raise ApiError(403, "fieldNotWritable", "Only role and expirationTime")
        if permission["role"] == "owner":
            raise ApiError(403, "insufficientFilePermissions", "The owner stays")
        if "expirationTime" in body:
            permission["expirationTime"] = _expiry(permission["type"], body)
        if call.flag("removeExpiration"):
            permission.pop("expirationTime", None)
        permission["role"] = body.get("role", permission["role"])
        self.world.touch(item)
        return project(self._effective(item)[permission["id"]], call.mask(_DEFAULT))

    def delete(self, call: Call) -> Any:
        item, permission = self._own(call)
        if permission["role"] == "owner":
            raise ApiError(403, "insufficientFilePermissions", "The owner stays")
        del item.permissions[permission["id"]]
        self.world.touch(item)
        return None

    def _item(self, call: Call) -> Item:
        return self.world.item(call.path["fileId"], all_drives=call.flag("supportsAllDrives"))

    def _own(self, call: Call) -> tuple[Item, dict[str, Any]]:
        item, key = self._item(call), call.path["permissionId"]
        if key not in self._effective(item):
            raise ApiError(404, "notFound", f"Permission not found: {key}.")
        if key not in item.permissions:
            raise ApiError(403, "cannotModifyInheritedPermission", "It comes from above")
        return item, item.permissions[key]

    def _effective(self, item: Item) -> dict[str, dict[str, Any]]:
        """Own permissions and those from above; the higher role counts."""
        found: dict[str, dict[str, Any]] = {}
        here: Item | None = item
        while here is not None:
            for key, permission in here.permissions.items():
                better = key not in found or _RANK.index(permission["role"]) > _RANK.index(
                    found[key]["role"]
                )
                details = found.get(key, {}).get("permissionDetails", [])
                details = [
                    *details,
                    {
                        "permissionType": "member" if here.parent is None else "file",
                        "role": permission["role"],
                        "inherited": here is not item,
                    },
                ]
                found[key] = {
                    **(permission if better else found[key]),
                    "permissionDetails": details,
                }
            here = self.world.files.get(here.parent or "")
        if not item.drive_id and not self.world.tells_inheritance:
            for permission in found.values():
                del permission["permissionDetails"]
        return found


def _expiry(kind: str, body: dict[str, Any]) -> str:
    now = datetime.datetime.now(datetime.UTC)
    end = datetime.datetime.fromisoformat(body["expirationTime"])
    if kind not in ("user", "group"):
        raise ApiError(403, "cannotSetExpiration", "Only for people and groups")
    if end <= now:
        raise ApiError(403, "expirationDatesMustBeInTheFuture", "In the past")
    if end > now + datetime.timedelta(days=366):
        raise ApiError(400, "badRequest", "More than a year")
    return body["expirationTime"]
