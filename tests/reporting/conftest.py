"""A platform of its own, with two seasons of games whose trends are known."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pytest

from jarvis_dagster.assets.partitions import VIDEOS
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services
from tests.installation import write_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings
    from tests.servers import Server

__all__ = ["Club"]

WHITE, BLUE = (225, 228, 224), (140, 60, 25)  # b, g, r
MINUTES = 62.0


class Club:
    """Puts games where analyses would have put them."""

    def __init__(self, settings: Settings, core: JarvisCoreServices, scratch: Path) -> None:
        self.settings = settings
        self.core = core
        self.instance = dg.DagsterInstance.ephemeral()
        self._path = scratch / "document.json"

    def game(
        self,
        name: str,
        folder: str = "u18",
        *,
        minutes: float = MINUTES,
        kits: tuple[tuple[int, int, int], tuple[int, int, int]] = (WHITE, BLUE),
        **figures: float,
    ) -> str:
        """One analysed video; returns its partition."""
        key = f"{name.replace(' ', '-')}-{abs(hash(name)) % 10**12:012d}"
        self._keep(f"artifacts/{key}/game_report/report.json", _report(name, minutes, figures))
        path = f"Jarvis AI/Uploads/{folder}/{name}.mp4" if folder else f"Jarvis AI/Uploads/{name}"
        self._keep(f"artifacts/{key}/footage/source.json", {"path": path, "drive": "local"})
        colours = dict(zip("AB", kits, strict=True))
        self._keep(f"artifacts/{key}/tracks/teams.json", {"colours_bgr": colours})
        self.instance.add_dynamic_partitions(VIDEOS.name or "", [key])
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(["holmes", "game_report"], partition=key)
        )
        return key

    def season(
        self, first: datetime.date, games: int, folder: str = "u18", **slopes: tuple[float, float]
    ) -> None:
        """A game every three or four days; each figure is its level and its gain a game."""
        random = np.random.default_rng(games)
        for number in range(games):
            day = first + datetime.timedelta(days=int(3.5 * number))
            values = {
                name: level + gain * number + float(random.normal()) * level * 0.06
                for name, (level, gain) in slopes.items()
            }
            self.game(f"{day} {folder} game {number}", folder, **values)

    def _keep(self, key: str, content: dict[str, Any]) -> None:
        self._path.write_text(json.dumps(content), "utf-8")
        self.core.storage_service.put_file(key, self._path)


def _report(name: str, minutes: float, figures: dict[str, float]) -> dict[str, Any]:
    """``report.json`` with so many events of each kind for 10 minutes."""
    tens = minutes / 10
    events = [
        {"type": kind, "team": team, "start_s": 1.0, "end_s": 1.0 + length}
        for kind, team, figure, length in (
            ("zone_entry", "A", "entries", 2.0),
            ("zone_entry", "B", "entries_against", 2.0),
            ("shot", "A", "shots", 0.5),
            ("shot", "B", "shots_against", 0.5),
            ("rush", "A", "rushes", 3.0),
            ("shift", "A", "shifts", figures.get("shift_length", 45.0)),
            ("stoppage", "", "stoppages", 20.0),
        )
        for _ in range(round(figures.get(figure, 8.0) * tens))
    ]
    share = figures.get("attack_share", 50.0) / 100

    def team(label: str, mine: float) -> dict[str, Any]:
        return {
            "team": label,
            "zone_time_s": round(1800 * mine, 1),
            "possession_s": round(1500 * mine, 1),
            "activity_heights_per_s": figures.get("pace", 0.8),
            "time_in_view_s": 9000.0,
            "top_speed_mph": figures.get("top_speed", 19.0),
        }

    letters = {"detections": "B", "tracks": "C", "positions": "B"}
    return {
        "video": {"name": f"{name}.mp4", "duration_s": minutes * 60},
        "teams": [team("A", share), team("B", 1 - share)],
        "events": events,
        "highlights": [{}] * 6,
        "not_supported": {"line_change": "The benches are not in view."},
        "preflight": {"grades": {kind: {"grade": letter} for kind, letter in letters.items()}},
        "summary": "Usually 11 people are in view. Noted: 14 rushes and 31 zone entries.",
    }


@pytest.fixture
def config(tmp_path: Path, object_store: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    more = """
experiment: {tracking_uri: 'http://127.0.0.1:9', attempts: 1}
reports:
  teams:
    u18: {videos: ['u18/*'], kits: [white, '#a02020']}
"""
    path = write_settings(tmp_path, object_store, more, buckets=f"w{uuid.uuid4().hex[:12]}")
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    monkeypatch.setenv("JARVIS_DATA_DIR", str(tmp_path / "data"))
    return path


@pytest.fixture
def club(config: Path, tmp_path: Path) -> Iterator[Club]:
    settings = load_settings(config)
    with core_services(settings) as core:
        core.storage_service.ensure_buckets()
        made = Club(settings, core, tmp_path)
        yield made
        made.instance.dispose()
