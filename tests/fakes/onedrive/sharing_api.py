"""Who sees what.

Belongs here: invitations, links, permissions
(https://learn.microsoft.com/graph/api/resources/permission). Does not belong
here: files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.onedrive.errors import ApiError
from tests.fakes.onedrive.items_api import check_tag

if TYPE_CHECKING:
    from tests.fakes.onedrive.description import Call
    from tests.fakes.onedrive.server import OneDriveServer
    from tests.fakes.onedrive.world import DriveState, Entry

__all__ = ["SharingApi"]

_NEVER = "0001-01-01T00:00:00Z"


class SharingApi:
    """Permissions are kept at the item that they were given for."""

    def __init__(self, server: OneDriveServer) -> None:
        self._server = server
        self.has_ends = True
        self.has_links = True

    def permissions(self, call: Call) -> tuple[int, Any]:
        drive, entry = self._server.entry_of(call)
        owner = {"user": {"id": "1", "displayName": drive.owner, "email": drive.owner}}
        found: list[dict[str, Any]] = [
            {"id": "owner", "roles": ["owner"], "grantedTo": owner, "grantedToV2": owner}
        ]
        for place in (entry, *drive.above(entry)):
            for permission in place.permissions.values():
                told = dict(permission)
                if place is not entry and drive.kind == "personal":
                    told["inheritedFrom"] = {"driveId": drive.id, "id": place.id}
                found.append(told)
        return 200, {"value": found}

    def invite(self, call: Call) -> tuple[int, Any]:
        drive, entry = self._changeable(call)
        body = call.body
        roles = set(body["roles"])
        if len(roles) != 1 or not roles <= {"read", "write"}:
            raise ApiError(400, "invalidRequest", "roles")
        end = body.get("expirationDateTime")
        if end and (drive.kind != "personal" or not self.has_ends):
            raise ApiError(403, "accessDenied", "expirationDateTime")
        told = []
        for recipient in body["recipients"]:
            if "@" not in recipient.get("email", ""):
                raise ApiError(400, "invalidRequest", "recipients")
            told.append(self._grant(drive, entry, recipient["email"], body["roles"], end))
        self._news(drive, entry)
        return 200, {"value": told}

    def create_link(self, call: Call) -> tuple[int, Any]:
        drive, entry = self._changeable(call)
        kind, scope = call.body["type"], call.body.get("scope", "anonymous")
        if kind not in ("view", "edit") or scope not in ("anonymous", "organization"):
            raise ApiError(400, "invalidRequest", "type")
        if not self.has_links and scope == "anonymous":
            raise ApiError(403)
        for permission in entry.permissions.values():
            link = permission.get("link", {})
            if (link.get("type"), link.get("scope")) == (kind, scope):
                return 200, permission
        key = self._server.secret("link")
        permission = {
            "id": key,
            "roles": ["read" if kind == "view" else "write"],
            "link": {"type": kind, "scope": scope, "webUrl": f"https://1drv.example/{key}"},
            "expirationDateTime": call.body.get("expirationDateTime") or _NEVER,
        }
        entry.permissions[key] = permission
        self._news(drive, entry)
        return 201, permission

    def permission(self, call: Call) -> tuple[int, Any]:
        drive, entry = self._changeable(call)
        check_tag(call, drive, entry)
        permission = entry.permissions.get(call.permission)
        if permission is None:
            for place in drive.above(entry):
                if call.permission in place.permissions:
                    raise ApiError(400, "invalidRequest", "inherited")
            raise ApiError(404)
        if call.method == "DELETE":
            del entry.permissions[call.permission]
            self._news(drive, entry)
            return 204, None
        if "link" in permission:
            if "roles" in call.body:
                raise ApiError(400, "invalidRequest", "roles of a link")
            permission["expirationDateTime"] = call.body.get("expirationDateTime") or _NEVER
        elif call.body.keys() != {"roles"}:
            raise ApiError(400, "invalidRequest", "only roles")
        else:
            permission["roles"] = call.body["roles"]
        self._news(drive, entry)
        return 200, permission

    def _grant(
        self, drive: DriveState, entry: Entry, email: str, roles: list[str], end: str | None
    ) -> dict[str, Any]:
        """One permission a person: who is invited again gets the higher role."""
        for permission in entry.permissions.values():
            if permission.get("invitation", {}).get("email") == email or (
                permission.get("grantedToV2", {}).get("user", {}).get("email") == email
            ):
                if roles == ["write"]:
                    permission["roles"] = roles
                permission["expirationDateTime"] = end or _NEVER
                return permission
        key = self._server.secret("permission")
        user = {"user": {"id": key, "displayName": email.partition("@")[0], "email": email}}
        permission = {"id": key, "roles": roles, "expirationDateTime": end or _NEVER}
        if drive.kind == "personal":
            permission["invitation"] = {"email": email, "signInRequired": True}
        else:
            permission["grantedToV2"] = user
        entry.permissions[key] = permission
        return permission

    def _changeable(self, call: Call) -> tuple[DriveState, Entry]:
        drive, entry = self._server.entry_of(call)
        if entry is drive.root and drive.kind == "personal":
            raise ApiError(400, "invalidRequest", "the root of a personal drive")
        return drive, entry

    def _news(self, drive: DriveState, entry: Entry) -> None:
        drive.touch(entry)  # a new reader is a change of the item, not of its content
