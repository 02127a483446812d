"""Whose videos are whose.

Belongs here: what of a team's an outsider is kept from, call by call. Does not belong here: which
team somebody is in (``accounts``), rights (``policy``).

A stored thing belongs to the team that its metadata name. One who is not in that team is answered
as if it were not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import AccessDeniedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.security.principal import Principal

__all__ = ["TEAM", "Teams"]

TEAM = "team"
"""The key of a thing's team in its metadata."""
_LISTED = {"list_artifacts", "list_models", "list_stored"}
_MISSING = {"retrieve_artifact": False, "retrieve_model": False, "find_artifact": None}
_METADATA = {  # where a call that stores takes its metadata: position and name
    "store_artifact": (1, "metadata"),
    "store_model": (1, "model_metadata"),
    "store": (2, "metadata"),
}
_DRIVE_CALLS = {
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

    def missing(
        self,
        principal: Principal,
        method: str,
        arguments: tuple[Any, ...],
        named: Mapping[str, Any],
        service: Any,
    ) -> bool:
        """Whether the call asks for a thing of a team that ``principal`` is not in."""
        if principal.teams is None or method not in _MISSING:
            return False
        item_id = arguments[0] if arguments else next(iter(named.values()), None)
        kind = "models" if method == "retrieve_model" else "artifacts"
        item = next((one for one in service.list_stored(kind) if one["id"] == item_id), None)
        return item is not None and not self.sees(principal, item)

    @staticmethod
    def answer(method: str) -> Any:
        """What a call answers of a thing that is not there."""
        return _MISSING[method]

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
