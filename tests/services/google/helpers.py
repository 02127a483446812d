"""What several tests of Google Drive need."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage import DriveFile
    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer

__all__ = ["everything_since", "names", "once", "paths", "signed_in"]


def paths(drive: GoogleDrive, folder_id: str | None = None) -> list[str]:
    """All paths below a folder, sorted."""
    return sorted(file.path for file in drive.list_all(folder_id, recursive=True))


def everything_since(
    drive: GoogleDrive, token: str, limit: int = 200
) -> tuple[dict[str, DriveFile], set[str], str]:
    """What changed, each file once as it is now; what is gone; and the next token."""
    files: dict[str, DriveFile] = {}
    removed: set[str] = set()
    while True:
        page = drive.changes(token, limit=limit)
        for key in page.removed:
            files.pop(key, None)
            removed.add(key)
        for file in page.files:
            removed.discard(file.id)
            files[file.id] = file
        token = page.token
        if not page.more:
            return files, removed, token


def signed_in(server: GoogleServer, folder: Path) -> Path:
    """The credentials of a person."""
    path = folder / "user.json"
    path.write_text(json.dumps(server.oauth.authorized_user()))
    return path


def once(action: Callable[[], Any]) -> Callable[..., None]:
    """A hook that does something the first time it is called."""
    done: list[int] = []

    def hook(*_: object) -> None:
        if not done:
            done.append(1)
            action()

    return hook


def names(server: GoogleServer) -> list[str]:
    """The names in My Drive."""
    items = server.world.files.values()
    return sorted(i.name for i in items if i.parent == server.world.root and not i.trashed)
