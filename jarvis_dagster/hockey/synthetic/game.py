"""Render a synthetic game: frames one by one, or a video with its truth.

Belongs here: the loop that keeps game, camera and renderer in step. Does not
belong here: play, cameras, drawing, or the shape of the truth tables.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from jarvis_dagster.hockey.synthetic.camera import Operator, Shot, plan_shots
from jarvis_dagster.hockey.synthetic.play import TICK_S, Game
from jarvis_dagster.hockey.synthetic.renderer import Renderer
from jarvis_dagster.hockey.synthetic.spec import GameSpec
from jarvis_dagster.hockey.synthetic.truth import FrameTruth
from jarvis_dagster.hockey.synthetic.truth_tables import TruthTables, file_sha256
from jarvis_dagster.hockey.tables import Provenance

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from jarvis_dagster.hockey.synthetic.blend import Image

__all__ = ["GameTruth", "iter_frames", "render_game", "write_sample"]

Progress = Callable[[int, int], None]
_TABLES = ("detections", "tracks", "positions", "events", "homographies", "cuts", "scoreboard")


@dataclasses.dataclass(frozen=True)
class GameTruth:
    """Where the files of a rendered game are."""

    spec: GameSpec
    video: Path
    calibration: Path
    summary: Path
    detections: Path
    tracks: Path
    positions: Path
    events: Path
    homographies: Path
    cuts: Path
    scoreboard: Path


def iter_frames(spec: GameSpec) -> Iterator[tuple[Image, FrameTruth]]:
    """Frames (H, W, 3) BGR of the game with their truth, one at a time, without files."""
    return _Broadcast(spec).frames()


def render_game(folder: Path, spec: GameSpec, progress: Progress | None = None) -> GameTruth:
    """Write ``game.mp4``, ``calibration.json``, the truth tables and ``truth.json``.

    The tables follow ``hockey.tables``; columns behind the schema add what only
    a synthetic game knows: visibility, jersey number, the pixel of the feet.

    Args:
        folder: Made if it is not there; files of an earlier game are replaced.
        progress: Called with frames done and frames in all.
    """
    from jarvis_dagster.hockey.video import VideoWriter

    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.parquet" for name in _TABLES}
    truth = GameTruth(
        spec=spec,
        video=folder / "game.mp4",
        calibration=folder / "calibration.json",
        summary=folder / "truth.json",
        **paths,
    )
    broadcast = _Broadcast(spec)
    tables = TruthTables(spec, broadcast.shots)
    with VideoWriter(
        truth.video, width_px=spec.width_px, height_px=spec.height_px, fps=spec.fps
    ) as writer:
        for image, frame in broadcast.frames():
            writer.write(image)
            tables.add(frame)
            if progress is not None:
                progress(frame.frame + 1, spec.frame_count)
    broadcast.game.changes.end_shifts()
    events = broadcast.game.ledger.table(spec.duration_s)
    tables.calibration().save(truth.calibration)
    config = json.dumps(dataclasses.asdict(spec), sort_keys=True).encode()
    config_sha256 = hashlib.sha256(config).hexdigest()
    made = Provenance(file_sha256(truth.video), "synthetic-truth", config_sha256)
    tables.write(paths, events, made)
    _write_summary(truth, broadcast.game, events, [int(cut["frame"]) for cut in tables.cuts])
    return truth


def write_sample(
    folder: Path, seconds: float = 24.0, seed: int = 7, progress: Progress | None = None
) -> Path:
    """Render the game that stands in when no video is named; returns the video."""
    return render_game(folder, GameSpec(seed=seed, duration_s=seconds), progress).video


class _Broadcast:
    """A game, its camera and its renderer, in step."""

    def __init__(self, spec: GameSpec) -> None:
        self.spec = spec
        self.game = Game(spec)
        self.operator = Operator(spec, self.game.rink)
        self.renderer = Renderer(spec, self.game)
        self.shots = plan_shots(spec)
        self._ticks = 0

    def frames(self) -> Iterator[tuple[Image, FrameTruth]]:
        for number, shot in enumerate(self.shots):
            for frame in range(shot.start, shot.stop):
                yield self._frame(frame, number, shot)

    def _frame(self, frame: int, number: int, shot: Shot) -> tuple[Image, FrameTruth]:
        game = self.game
        while self._ticks * TICK_S < frame / self.spec.fps - 1e-9:
            game.step()
            self.operator.step(game.puck.xy, TICK_S)
            self._ticks += 1
        is_cut = frame == shot.start and number > 0
        camera = self.operator.camera(shot.kind, game.puck.xy, new_shot=frame == shot.start)
        image, people, puck = self.renderer.draw(camera, frame, is_cut)
        truth = FrameTruth(
            frame=frame,
            pts_s=frame / self.spec.fps,
            homography=camera.image_to_ice,
            shot=number,
            shot_kind=shot.kind,
            is_cut=is_cut,
            people=people,
            puck=puck,
            score=(game.score[0], game.score[1]),
            clock_s=game.clock_s,
            phase=game.phase,
        )
        return image, truth


def _write_summary(truth: GameTruth, game: Game, events: pd.DataFrame, cuts: list[int]) -> None:
    files = [f.name for f in dataclasses.fields(truth) if f.name not in ("spec", "summary")]
    summary = {
        "spec": dataclasses.asdict(truth.spec),
        "frame_count": truth.spec.frame_count,
        "score": {"A": game.score[0], "B": game.score[1]},
        "people": [dataclasses.asdict(person) for person in game.people],
        "events": events["type"].value_counts().to_dict(),
        "cuts": cuts,
        "files": {name: getattr(truth, name).name for name in files},
    }
    truth.summary.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
