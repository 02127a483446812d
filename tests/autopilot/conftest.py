"""A platform with an object store, and videos that were analysed without being filmed."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.hockey.tables import DETECTIONS, SCAN, TRACKS, Provenance, write_table
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services
from tests.installation import write_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.settings import Settings
    from tests.servers import Server

FPS, FRAMES, WIDTH, HEIGHT = 10.0, 120, 640, 360


@pytest.fixture
def config(tmp_path: Path, object_store: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of a platform of its own: other buckets in the server of the session."""
    autopilot = "{cooldown_hours: 0, cooldown_videos: 1, reference_videos: 4, trials: 14}"
    buckets = f"a{uuid.uuid4().hex[:12]}"
    path = write_settings(tmp_path, object_store, f"autopilot: {autopilot}", buckets=buckets)
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    monkeypatch.setenv("JARVIS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    return path


@pytest.fixture
def settings(config: Path) -> Settings:
    return load_settings(config)


@pytest.fixture
def platform(settings: Settings) -> Iterator[JarvisCoreServices]:
    """The services with every right."""
    with core_services(settings) as made:
        made.storage_service.ensure_buckets()
        yield made


@pytest.fixture
def core(platform: JarvisCoreServices) -> JarvisCoreServices:
    """The services as far as the Autopilot's own account may use them."""
    return platform.acting_as(platform.security_service.component("autopilot"))


class Rink:
    """Puts analysed videos into a store, as the assets of Spotlight would."""

    def __init__(self, storage: JarvisStorageService, folder: Path) -> None:
        self._storage, self._folder = storage, folder
        self.made = 0

    def play(
        self,
        camera: str = "north",
        *,
        found: float = 1.0,
        parameters: dict[str, Any] | None = None,
        moments: Path | None = None,
        detector: str = "1.1.0+test",
        unsure: float = 0.1,
    ) -> str:
        """A video of 12 s with ten people, of whom a share is found; its partition."""
        self.made += 1
        rng = np.random.default_rng(self.made)
        key = f"game-{self.made:02d}-{self.made:012x}"
        seen = [p for p in range(10) if rng.random() < 0.985 or p < 2][: max(1, round(10 * found))]
        rows = [
            (frame, frame / FPS, 40 + 55 * p + frame / 4, 150.0, 60 + 55 * p + frame / 4, 200.0, p)
            for frame in range(FRAMES)
            for p in seen
        ]
        boxes = ["x1_px", "y1_px", "x2_px", "y2_px"]
        table = pd.DataFrame(rows, columns=["frame", "pts_s", *boxes, "track_id"])
        score = np.clip(rng.normal(0.75 - 0.25 * (1 - found), 0.08, len(table)), 0.36, 0.99)
        table = table.assign(score=score, **{"class": "player"})
        tracks = table.assign(
            observed=True,
            role="player",
            role_score=1 - unsure,
            team=np.where(table["track_id"] < 5, "A", "B"),
            team_score=0.9,
        )
        scan = pd.DataFrame(
            {
                **{name: np.zeros(FRAMES) for name in SCAN},
                "frame": np.arange(FRAMES),
                "pts_s": np.arange(FRAMES) / FPS,
                "is_cut": False,
                "motion_ok": True,
                "ice_share": 0.6,
            }
        )
        made = Provenance("0" * 64, "1.1.0+test", "0" * 64)
        for asset, name, content, schema in (
            ("footage", "scan", scan, SCAN),
            ("detections", "detections", table, DETECTIONS),
            ("tracks", "tracks", tracks, TRACKS),
        ):
            path = self._folder / f"{key}-{name}.parquet"
            write_table(content, schema, path, made)
            self._storage.put_file(f"artifacts/{key}/{asset}/{name}.parquet", path)
        facts = {
            "fps": FPS,
            "width_px": WIDTH,
            "height_px": HEIGHT,
            "frame_count": FRAMES,
            "duration_s": FRAMES / FPS,
        }
        source = {
            "name": f"Game {self.made}.mp4",
            "path": f"Jarvis AI/Uploads/{camera}/Game {self.made}.mp4",
            "object": "source.mp4",
            "facts": facts,
        }
        model = {"version": detector, "stride": 1, "parameters": parameters or {}}
        model["made_at"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        self.put(key, "footage/source.json", source)
        self.put(key, "detections/model.json", model)
        if moments is not None:
            self._storage.put_file(f"autopilot/evidence/{key}/moments.zip", moments)
        return key

    def put(self, key: str, name: str, content: Any) -> None:
        """A document of a video."""
        path = self._folder / "document.json"
        path.write_text(json.dumps(content), "utf-8")
        self._storage.put_file(f"artifacts/{key}/{name}", path)


@pytest.fixture
def rink(platform: JarvisCoreServices, tmp_path: Path) -> Rink:
    return Rink(platform.storage_service, tmp_path)
