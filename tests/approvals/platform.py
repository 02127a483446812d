"""A platform whose results need a person, and a video that was analysed, for tests.

The analysis is stood in for by small files of the right names: what is delivered is what counts.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from jarvis_dagster.resources.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices

__all__ = ["TABLES", "analysed", "source_of"]

TABLES = ("tracks", "jersey_numbers", "identities", "positions", "scoreboard", "events")


def source_of(sha256: str) -> dict[str, Any]:
    """The record of an uploaded video."""
    return {
        "drive": "local",
        "file_id": "x",
        "path": "Jarvis AI/Uploads/game.mp4",
        "name": "game.mp4",
        "object": "source.mp4",
        "sha256": sha256,
    }


def analysed(core: JarvisCoreServices, folder: Path, people: int = 3) -> Workspace:
    """A video with everything that a delivery needs, in the store; a key of its own."""
    sha256 = secrets.token_hex(32)
    space = Workspace(f"game-{sha256[:12]}", folder / "made", core.storage_service)
    space.keep_json("footage", "source", source_of(sha256))
    space.keep_json("detections", "model", {"version": "1.0"})
    report(space, people)
    for asset in TABLES:
        _table(space, asset)
    _file(space, "annotated_video", "annotated.mp4", b"a film")
    space.keep_json("highlights", "highlights", {"highlights": [{"clip": "01.mp4"}]})
    _file(space, "highlights", "01.mp4", b"a clip")
    _file(space, "highlights", "01.jpg", b"a picture")
    return space


def report(space: Workspace, people: int) -> None:
    """The report, as it is made (again)."""
    _file(space, "game_report", "report.html", f"<h1>{people} people</h1>".encode())
    space.keep_json(
        "game_report",
        "report",
        {
            "people": [{"role": "player"}] * people,
            "events": [{"type": "zone_entry"}, {"type": "shot"}, {"type": "shot"}],
            "highlights": [{}],
            "corrected": None,
        },
    )


def _file(space: Workspace, asset: str, name: str, content: bytes) -> None:
    path = space.path(asset, name)
    path.write_bytes(content)
    space.keep(asset, path)


def _table(space: Workspace, asset: str) -> None:
    import pandas as pd

    path = space.path(asset, f"{asset}.parquet")
    pd.DataFrame({"frame": [1, 2], "note": [asset, json.dumps([1])]}).to_parquet(path)
    space.keep(asset, path)
