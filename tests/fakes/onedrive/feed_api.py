"""What changed.

Belongs here: the feed and its tokens
(https://learn.microsoft.com/graph/api/driveitem-delta). Does not belong here:
listings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fakes.onedrive.errors import ApiError
from tests.fakes.onedrive.facts import delta_item

if TYPE_CHECKING:
    from tests.fakes.onedrive.description import Call
    from tests.fakes.onedrive.server import OneDriveServer
    from tests.fakes.onedrive.world import DriveState, Entry

__all__ = ["FeedApi"]

_DEFAULT_PAGE = 200


class FeedApi:
    """Tells each changed item as it is now; what changed twice is told twice.

    A token holds from which change on, and in the middle of a feed how much of
    it was told. Personal drives give it as an option of the address, those of
    organisations as an argument: both are in the examples of the documentation.
    """

    def __init__(self, server: OneDriveServer) -> None:
        self._server = server

    def delta(self, call: Call) -> tuple[int, Any]:
        drive, entry = self._server.entry_of(call)
        if entry is not drive.root:
            raise ApiError(400, "invalidRequest", "delta is of the root")
        token = call.argument if call.argument is not None else call.query.get("token", "")
        size = int(call.query.get("$top", _DEFAULT_PAGE))
        if token == "latest":
            return 200, {"value": [], **self._last(drive)}
        since, told = self._parsed(drive, token)
        news = self._news(drive, since)
        if self._server.is_partial:
            size = max(size // 2, 0) if size < len(news) - told else 0
        page = [self._told(drive, entry, stale) for entry, stale in news[told : told + size]]
        if told + size < len(news):
            following = self._link(drive, f"{since}.{told + size}", size or 1)
            return 200, {"value": page, "@odata.nextLink": following}
        return 200, {"value": page, **self._last(drive)}

    def _news(self, drive: DriveState, since: int) -> list[tuple[Entry, bool]]:
        """What changed, and whether as it was before."""
        changed = [e for e in drive.entries.values() if e.sequence > since and self._seen(e, since)]
        news: list[tuple[Entry, bool]] = []
        for entry in sorted(changed, key=lambda entry: entry.sequence):
            if entry.old_name and since and not drive.is_gone(entry):
                news.append((entry, True))
            news.append((entry, False))
        return news

    def _told(self, drive: DriveState, entry: Entry, stale: bool) -> dict[str, Any]:
        told = delta_item(drive, entry)
        return {**told, "name": entry.old_name} if stale else told

    def _seen(self, entry: Entry, since: int) -> bool:
        return since > 0 or not entry.deleted

    def _parsed(self, drive: DriveState, token: str) -> tuple[int, int]:
        if not token:
            return 0, 0
        match = re.fullmatch(r"(\d+)\.(\d+)", token)
        if match is None:
            raise ApiError(400, "invalidRequest", "token")
        since, told = int(match[1]), int(match[2])
        if since < drive.forgotten:
            raise self.expired(drive)
        return since, told

    def expired(self, drive: DriveState) -> ApiError:
        location = self._link(drive, "", _DEFAULT_PAGE)
        return ApiError(
            410, "resyncRequired", "resyncChangesApplyDifferences", {"Location": location}
        )

    def _last(self, drive: DriveState) -> dict[str, str]:
        latest = max(entry.sequence for entry in drive.entries.values())
        return {"@odata.deltaLink": self._link(drive, f"{latest}.0", 0)}

    def _link(self, drive: DriveState, token: str, size: int) -> str:
        top = f"$top={size}" if size else ""
        if drive.kind == "personal":
            query = "&".join(part for part in (f"token={token}", top) if part)
            return self._server.link(f"/drives/{drive.id}/root/delta?{query}")
        query = f"?{top}" if top else ""
        return self._server.link(f"/drives/{drive.id}/root/delta(token='{token}'){query}")
