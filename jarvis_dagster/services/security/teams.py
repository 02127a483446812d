"""Whose videos are whose.

Belongs here: what of a team's an outsider is kept from, call by call. Does not belong here: which
team somebody is in (``accounts``), rights (``policy``).

A stored thing belongs to the team that its metadata name; what was made from a video, to the team
of the drive that the video came from. One who is not in that team is answered as if it were not
there.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import AccessDeniedError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.security.principal import Principal

__all__ = ["TEAM", "Teams"]

TEAM = "team"
"""The key of a thing's team in its metadata."""
_LISTED = {"list_artifacts", "list_models", "list_stored"}
_MISSING = {"retrieve_artifact": False, "retrieve_model": False, "find_artifact": None}
_KEYED = {"put_file", "get_file", "stat", "exists"}
_HARMLESS = {"check", "size_bytes", "url"}
_METADATA = {  # where a call that stores takes its metadata: position and name
    "store_artifact": (1, "metadata"),
    "store_model": (1, "model_metadata"),
    "store": (2, "metadata"),
}
_DRIVE_CALLS = {
    "drive": 0,
    "import_user_media": 0,
    "export_results": 1,
    "create_shared_folder": 1,
    "share": 0,
    "unshare": 0,
    "who_sees": 0,
}


class Teams:
    """Keeps teams apart.

    Args:
        drives: The team that a drive belongs to; one that is not named is everybody's.
    """

    def __init__(self, drives: Mapping[str, str]) -> None:
        self._drives = drives
        self._videos: dict[str, str | None] = {}

    def of_drive(self, drive: str) -> str | None:
        """The team of a drive; None is everybody's."""
        return self._drives.get(drive)

    def of_video(self, storage: Any, partition: str) -> str | None:
        """The team of a video, and of all that was made from it; None is everybody's.

        Raises:
            PermanentError: there is no such video.
        """
        if partition not in self._videos:
            with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
                path = Path(scratch) / "source.json"
                storage.get_file(f"artifacts/{partition}/footage/source.json", path)
                source = json.loads(path.read_text("utf-8"))
            self._videos[partition] = self.of_drive(str(source.get("drive", "")))
        return self._videos[partition]

    @staticmethod
    def require_known(principal: Principal, kind: str, method: str) -> None:
        """Refuse a member of a team what is not kept apart by team.

        Raises:
            AccessDeniedError: it is that.
        """
        known = {*_LISTED, *_MISSING, *_METADATA, *_KEYED, *_HARMLESS}
        if principal.teams is not None and kind == "storage" and method not in known:
            raise AccessDeniedError(
                f"{principal.name} may not {method}: it would show what is other teams'.",
                "Ask an admin or a developer, who see all teams.",
            )

    def missing(
        self,
        principal: Principal,
        method: str,
        arguments: tuple[Any, ...],
        named: Mapping[str, Any],
        service: Any,
    ) -> bool:
        """Whether the call asks for a thing of a team that ``principal`` is not in."""
        if principal.teams is None:
            return False
        if method in _KEYED:
            key = str(named.get("key", arguments[0] if arguments else ""))
            return not self._sees_key(principal, service, key)
        if method not in _MISSING:
            return False
        item_id = arguments[0] if arguments else next(iter(named.values()), None)
        kind = "models" if method == "retrieve_model" else "artifacts"
        item = next((one for one in service.list_stored(kind) if one["id"] == item_id), None)
        return item is not None and not self.sees(principal, item)

    def _sees_key(self, principal: Principal, service: Any, key: str) -> bool:
        """Whether an object was made from a video that ``principal`` may see."""
        root, _, rest = key.partition("/")
        partition, slash, _ = rest.partition("/")
        if root != "artifacts" or not slash:
            return False
        try:
            team = self.of_video(service, partition)
        except PermanentError:  # of no video: of the platform itself
            return False
        return team is None or team in (principal.teams or ())

    @staticmethod
    def answer(principal: Principal, method: str, what: str) -> Any:
        """What a call answers of a thing that is not there.

        Raises:
            PermanentError: that is how the call answers.
            AccessDeniedError: the call would write.
        """
        if method == "put_file":
            raise AccessDeniedError(
                f"{principal.name} may not store {what}: it is no team's of its own.",
                "Ask an admin to be taken into the video's team.",
            )
        if method == "get_file":
            raise PermanentError(f"{what} does not exist.", "Materialise it first.")
        return {"stat": None, "exists": False, **_MISSING}[method]

    def require_drive(
        self,
        principal: Principal,
        method: str,
        arguments: tuple[Any, ...],
        named: Mapping[str, Any],
    ) -> None:
        """Refuse a drive of another team.

        Raises:
            AccessDeniedError: it is one.
        """
        place = _DRIVE_CALLS.get(method)
        if principal.teams is None or place is None:
            return
        drive = named.get("drive_name", arguments[place] if len(arguments) > place else "")
        team = self._drives.get(str(drive))
        if team is not None and team not in principal.teams:
            raise AccessDeniedError(
                f"{principal.name} may not use the drive {drive}.",
                "Ask an admin to be taken into its team.",
            )

    def marked(
        self,
        principal: Principal,
        method: str,
        arguments: tuple[Any, ...],
        named: Mapping[str, Any],
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a call that stores, with the team that the thing will belong to.

        Raises:
            AccessDeniedError: the metadata name a team that ``principal`` is not in, or none
                where there are several.
        """
        if principal.teams is None or method not in _METADATA:
            return arguments, dict(named)
        position, name = _METADATA[method]
        given = arguments[position] if len(arguments) > position else named.get(name)
        metadata = dict(given or {})
        if TEAM not in metadata and len(principal.teams) == 1:
            metadata[TEAM] = next(iter(principal.teams))
        if metadata.get(TEAM) not in principal.teams:
            raise AccessDeniedError(
                f"{principal.name} may not store for the team {metadata.get(TEAM) or '(none)'}.",
                f"Name one of {', '.join(sorted(principal.teams)) or 'its teams: it has none'} as"
                " `team` in the metadata.",
            )
        if len(arguments) > position:
            return (*arguments[:position], metadata, *arguments[position + 1 :]), dict(named)
        return arguments, {**named, name: metadata}

    def seen(self, principal: Principal, method: str, result: Any) -> Any:
        """What of a call's result ``principal`` is shown."""
        if principal.teams is None or method not in _LISTED:
            return result
        return [item for item in result if self.sees(principal, item)]

    @staticmethod
    def sees(principal: Principal, item: Mapping[str, Any]) -> bool:
        """Whether a stored thing is everybody's or of a team that ``principal`` is in."""
        team = (item.get("metadata") or {}).get(TEAM)
        return principal.teams is None or team is None or team in principal.teams
