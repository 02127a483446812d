"""Render a synthetic game: frames, video file, and the whole truth about it.

Belongs here: the loop over frames and the truth tables. Does not belong here:
play, cameras or drawing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.rink import Calibration
from jarvis_dagster.hockey.synthetic.camera import Operator, Shot, plan_shots
from jarvis_dagster.hockey.synthetic.play import TICK_S, Game
from jarvis_dagster.hockey.synthetic.renderer import Renderer, SeenPerson, SeenPuck
from jarvis_dagster.hockey.synthetic.spec import GameSpec
from jarvis_dagster.hockey.tables import (
    DETECTIONS,
    EVENTS,
    POSITIONS,
    TRACKS,
    Provenance,
    write_table,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["FrameTruth", "GameTruth", "iter_frames", "render_game", "write_sample"]

PUCK_ID = 0
_KEY_FRAME_S = 0.2
Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True, eq=False)
class FrameTruth:
    """What is true in one frame.

    ``homography`` is (3, 3), image px to rink ft; ``shot`` counts camera shots
    from 0, ``is_cut`` says that this frame starts a new one.
    """

    frame: int
    pts_s: float
    homography: NDArray[np.float64]
    shot: int
    shot_kind: str
    is_cut: bool
    people: list[SeenPerson]
    puck: SeenPuck
    score: tuple[int, int]
    clock_s: float
    phase: str


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


class _Broadcast:
    """A game, its camera, its renderer, in step."""

    def __init__(self, spec: GameSpec) -> None:
        self.spec = spec
        self.game = Game(spec)
        self.operator = Operator(spec, self.game.rink)
        self.renderer = Renderer(spec, self.game)
        self.shots = plan_shots(spec)
        self._ticks = 0

    def frames(self) -> Iterator[tuple[NDArray[np.uint8], FrameTruth]]:
        for number, shot in enumerate(self.shots):
            for frame in range(shot.start, shot.stop):
                yield self._frame(frame, number, shot)

    def _frame(self, frame: int, number: int, shot: Shot) -> tuple[NDArray[np.uint8], FrameTruth]:
        game = self.game
        while self._ticks * TICK_S < frame / self.spec.fps - 1e-9:
            game.step()
            self.operator.step(game.puck.xy, TICK_S)
            self._ticks += 1
        is_cut = frame == shot.start and number > 0
        camera = self.operator.camera(shot.kind, game.puck.xy)
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


def iter_frames(spec: GameSpec) -> Iterator[tuple[NDArray[np.uint8], FrameTruth]]:
    """Frames (H, W, 3) BGR of the game with their truth, one at a time, without files."""
    return _Broadcast(spec).frames()


def render_game(folder: Path, spec: GameSpec, progress: Progress | None = None) -> GameTruth:
    """Write ``game.mp4``, ``calibration.json``, the truth tables and ``truth.json``.

    The tables follow ``hockey.tables``; columns behind the schema add what only
    a synthetic game knows (visibility, number, rink position of the feet).
    """
    from jarvis_dagster.hockey.video import VideoWriter

    folder.mkdir(parents=True, exist_ok=True)
    names = ("detections", "tracks", "positions", "events", "homographies", "cuts")
    paths = {name: folder / f"{name}.parquet" for name in names}
    truth = GameTruth(
        spec=spec,
        video=folder / "game.mp4",
        calibration=folder / "calibration.json",
        summary=folder / "truth.json",
        **paths,
    )
    broadcast = _Broadcast(spec)
    size = {"width_px": spec.width_px, "height_px": spec.height_px, "fps": spec.fps}
    rows = _Rows()
    with VideoWriter(truth.video, **size) as writer:
        for image, frame_truth in broadcast.frames():
            writer.write(image)
            rows.add(frame_truth)
            if progress is not None:
                progress(frame_truth.frame + 1, spec.frame_count)
    _finish_shifts(broadcast.game)
    _calibration(spec, rows, broadcast.shots).save(truth.calibration)
    _write_tables(truth, rows, broadcast.game.ledger.table(spec.duration_s), broadcast)
    return truth


def write_sample(folder: Path, seconds: float = 24.0, seed: int = 7) -> Path:
    """Render the sample game that stands in when no video is named; returns the video."""
    return render_game(folder, GameSpec(seed=seed, duration_s=seconds)).video


class _Rows:
    """Truth gathered frame by frame, as plain rows."""

    def __init__(self) -> None:
        self.people: list[dict[str, Any]] = []
        self.homographies: list[dict[str, Any]] = []
        self.cuts: list[dict[str, Any]] = []

    def add(self, truth: FrameTruth) -> None:
        for seen in truth.people:
            person = seen.person
            speed = float(np.hypot(*seen.velocity_ftps))
            extra = {
                "number": person.number,
                "position": person.position,
                "role": person.role,
                "team": person.team,
                "speed_ftps": speed,
                "foot_x_px": seen.foot_px[0],
                "foot_y_px": seen.foot_px[1],
            }
            self._row(truth, person.track_id, seen.box, seen.visibility, seen.xy_ft, extra)
        puck = truth.puck
        if puck.box is not None:
            middle = (puck.box[0] + puck.box[2]) / 2, (puck.box[1] + puck.box[3]) / 2
            extra = {
                "number": -1,
                "position": "",
                "role": "puck",
                "team": "",
                "speed_ftps": np.nan,
                "foot_x_px": middle[0],
                "foot_y_px": middle[1],
            }
            self._row(truth, PUCK_ID, puck.box, puck.visibility, puck.xy_ft, extra)
        matrix = truth.homography.ravel().tolist()
        entry = {f"h{i // 3}{i % 3}": value for i, value in enumerate(matrix)}
        self.homographies.append({"frame": truth.frame, "pts_s": truth.pts_s, **entry})
        if truth.is_cut:
            self.cuts.append({"frame": truth.frame, "pts_s": truth.pts_s, "to": truth.shot_kind})

    def _row(
        self,
        truth: FrameTruth,
        track_id: int,
        box: tuple[float, float, float, float],
        visibility: float,
        xy_ft: tuple[float, float],
        extra: dict[str, Any],
    ) -> None:
        self.people.append(
            {
                "frame": truth.frame,
                "pts_s": truth.pts_s,
                **dict(zip(("x1_px", "y1_px", "x2_px", "y2_px"), box, strict=True)),
                "score": 1.0,
                "class": extra["role"],
                "track_id": track_id,
                "observed": visibility > 0,
                "role_score": 1.0,
                "team_score": 1.0,
                "visibility": visibility,
                "x_ft": xy_ft[0],
                "y_ft": xy_ft[1],
                "valid": True,
                "shot": truth.shot,
                **extra,
            }
        )


def _finish_shifts(game: Game) -> None:
    for slot in range(12):
        game.changes.end_shift(slot)


def _calibration(spec: GameSpec, rows: _Rows, shots: list[Shot]) -> Calibration:
    """The true calibration: one homography for a camera that stays, else key frames."""
    size = (spec.width_px, spec.height_px)
    matrices = [
        np.array([row[f"h{i}{k}"] for i in range(3) for k in range(3)]).reshape(3, 3)
        for row in rows.homographies
    ]
    main = tuple((shot.start, shot.stop - 1) for shot in shots if shot.kind == "main")
    if spec.camera == "fixed":
        return Calibration(spec.rink, size, homography=matrices[0], valid_frames=main)
    step = max(1, round(_KEY_FRAME_S * spec.fps))
    keys: dict[int, NDArray[np.float64]] = {}
    for first, last in main:
        for frame in [*range(first, last, step), last]:
            keys[frame] = matrices[frame]
    return Calibration(
        spec.rink, size, key_frames=keys, error_ft=0.05, valid_frames=main, max_gap_frames=2 * step
    )


def _write_tables(
    truth: GameTruth, rows: _Rows, events: pd.DataFrame, broadcast: _Broadcast
) -> None:
    import pandas as pd

    spec = dataclasses.asdict(truth.spec)
    config = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    video = hashlib.sha256(truth.video.read_bytes()).hexdigest()
    made = Provenance(video, "synthetic-truth", config)
    everything = pd.DataFrame(rows.people)
    people = everything[everything["class"] != "puck"]
    write_table(
        everything[[*DETECTIONS, "track_id", "visibility"]], DETECTIONS, truth.detections, made
    )
    detailed = [*TRACKS, "visibility", "number", "position", "foot_x_px", "foot_y_px", "shot"]
    write_table(people[detailed], TRACKS, truth.tracks, made)
    write_table(people[[*POSITIONS]], POSITIONS, truth.positions, made)
    write_table(events, EVENTS, truth.events, made)
    write_table(pd.DataFrame(rows.homographies), {"frame": "int32"}, truth.homographies, made)
    cuts = pd.DataFrame(rows.cuts, columns=["frame", "pts_s", "to"])
    write_table(cuts, {"frame": "int32", "pts_s": "float64"}, truth.cuts, made)
    game = broadcast.game
    summary = {
        "spec": spec,
        "frame_count": truth.spec.frame_count,
        "score": {"A": game.score[0], "B": game.score[1]},
        "people": [dataclasses.asdict(person) for person in game.people],
        "events": events["type"].value_counts().to_dict(),
        "cuts": [row["frame"] for row in rows.cuts],
        "files": {
            field.name: getattr(truth, field.name).name
            for field in dataclasses.fields(truth)
            if field.name not in ("spec", "summary")
        },
    }
    truth.summary.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
