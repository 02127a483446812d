"""Synthetic games without pictures: perfect tracks and everything that happened.

Belongs here: games played, seen by their camera and kept as tables, hundreds of
times faster than rendered. Does not belong here: events, or comparing them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jarvis_dagster.hockey.rink import Calibration, positions, rink_named
from jarvis_dagster.hockey.synthetic.camera import Camera, Operator, plan_shots
from jarvis_dagster.hockey.synthetic.play import TICK_S, Game
from jarvis_dagster.hockey.tables import EVENTS, SCAN, SCOREBOARD, TRACKS

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.hockey.synthetic import GameSpec

__all__ = ["PlayedGame", "places", "play_game"]

_TABLES = ("tracks", "scan", "truth", "people", "events", "scoreboard")


@dataclasses.dataclass(frozen=True)
class PlayedGame:
    """A game as its camera saw it, and as it was.

    Attributes:
        spec: What was asked for.
        tracks: ``TRACKS`` of everyone in view and of the puck, perfect; a person who
            comes back after a cut or from the bench is a new track.
        scan: ``SCAN`` with the camera's true motion.
        calibration: The true one.
        truth: One row a frame: phase, puck, owner's team, score, clock.
        people: One row a frame and person on the ice: place, team, role, whether in view.
        events: What happened.
        scoreboard: ``SCOREBOARD`` as a perfect reader would see it twice a second.
    """

    spec: GameSpec
    tracks: pd.DataFrame
    scan: pd.DataFrame
    calibration: Calibration
    truth: pd.DataFrame
    people: pd.DataFrame
    events: pd.DataFrame
    scoreboard: pd.DataFrame

    def save(self, folder: Path) -> None:
        """Write the tables and the calibration into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        self.calibration.save(folder / "true_calibration.json")
        for name in _TABLES:
            getattr(self, name).to_parquet(folder / f"played_{name}.parquet")

    @classmethod
    def load(cls, folder: Path, spec: GameSpec) -> PlayedGame:
        """The game of ``spec``, as saved in ``folder``."""
        tables = {name: pd.read_parquet(folder / f"played_{name}.parquet") for name in _TABLES}
        calibration = Calibration.load(folder / "true_calibration.json")
        return cls(spec=spec, calibration=calibration, **tables)


def play_game(spec: GameSpec, *, whole: bool = False) -> PlayedGame:
    """Play ``spec`` to its end; ``whole``: seen from high up, all of the ice all the time."""
    game, operator = Game(spec), Operator(spec, rink_named(spec.rink))
    cameras: list[Camera] = []
    truth: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    shots = plan_shots(spec)
    ticks = 0
    for number, shot in enumerate(shots):
        for frame in range(shot.start, shot.stop):
            while ticks * TICK_S < frame / spec.fps - 1e-9:
                game.step()
                operator.step(game.puck.xy, TICK_S)
                ticks += 1
            first = frame == shot.start
            camera = operator.camera(shot.kind, game.puck.xy, new_shot=first)
            cameras.append(_from_the_roof(spec) if whole else camera)
            owner = game.puck.owner
            truth.append(
                {
                    "frame": frame,
                    "shot": number,
                    "kind": shot.kind,
                    "phase": game.phase,
                    "puck_x_ft": game.puck.xy[0],
                    "puck_y_ft": game.puck.xy[1],
                    "puck_on_ice": game.puck.on_ice,
                    "owner": "" if owner is None else "AB"[game.side(owner)],
                    "score_a": game.score[0],
                    "score_b": game.score[1],
                    "clock_s": game.clock_s,
                }
            )
            people += [
                {
                    "frame": frame,
                    "shot": number,
                    "person": game.person(slot).track_id,
                    "role": game.person(slot).role,
                    "team": game.person(slot).team,
                    "height_ft": game.person(slot).height_ft,
                    "x_ft": float(game.skaters.xy[slot, 0]),
                    "y_ft": float(game.skaters.xy[slot, 1]),
                }
                for slot in range(len(game.skaters.xy))
            ]
    game.changes.end_shifts()
    frames, everyone = pd.DataFrame(truth), pd.DataFrame(people)
    events = game.ledger.table(spec.duration_s)
    tracks, everyone["in_view"] = _tracks(spec, everyone, frames, cameras)
    return PlayedGame(
        spec=spec,
        tracks=tracks,
        scan=_scan(spec, frames, cameras),
        calibration=_calibration(spec, frames, cameras),
        truth=frames,
        people=everyone,
        events=events.astype(EVENTS),
        scoreboard=scoreboard(spec, frames),
    )


def _from_the_roof(spec: GameSpec) -> Camera:
    """A still camera that sees the whole rink."""
    length, width = rink_named(spec.rink).length_ft, rink_named(spec.rink).width_ft
    place, aim = np.array([length / 2, -80.0, 90.0]), np.array([length / 2, 0.44 * width, 0.0])
    return Camera(place, aim, spec.width_px * 0.52, (spec.width_px, spec.height_px))


def places(game: PlayedGame, tracks: pd.DataFrame) -> pd.DataFrame:
    """``POSITIONS`` of ``tracks`` by the game's true calibration."""
    return positions(tracks, game.calibration, game.spec.fps)


def scoreboard(spec: GameSpec, frames: pd.DataFrame) -> pd.DataFrame:
    """What the overlay shows, read without a mistake twice a second."""
    step = max(1, round(spec.fps / 2))
    seen = frames.iloc[::step]
    return pd.DataFrame(
        {
            "frame": seen["frame"],
            "pts_s": seen["frame"] / spec.fps,
            "clock_s": np.ceil(seen["clock_s"] - 1e-9),
            "period": 1,
            "score_left": seen["score_a"],
            "score_right": seen["score_b"],
            "confidence": 0.95,
        }
    ).astype(SCOREBOARD)


def _tracks(
    spec: GameSpec, people: pd.DataFrame, frames: pd.DataFrame, cameras: list[Camera]
) -> tuple[pd.DataFrame, pd.Series]:
    """Boxes as wide as a skater is, of all who are at least half in the picture.

    Also which rows of ``people`` those are.
    """
    puck = frames[frames["puck_on_ice"]]
    puck = pd.DataFrame(
        {
            "frame": puck["frame"],
            "shot": puck["shot"],
            "person": 0,
            "role": "puck",
            "team": "",
            "height_ft": 0.3,
            "x_ft": puck["puck_x_ft"],
            "y_ft": puck["puck_y_ft"],
        }
    )
    rows = pd.concat([people, puck], ignore_index=True)
    matrices = np.stack([camera.matrix for camera in cameras])[rows["frame"]]
    ground = np.column_stack([rows["x_ft"], rows["y_ft"], np.zeros(len(rows)), np.ones(len(rows))])
    head = ground.copy()
    head[:, 2] = rows["height_ft"]
    foot = np.einsum("nij,nj->ni", matrices, ground)
    top = np.einsum("nij,nj->ni", matrices, head)
    depth = foot[:, 2]
    foot_px, top_px = foot[:, :2] / depth[:, None], top[:, :2] / top[:, 2:]
    height = foot_px[:, 1] - top_px[:, 1]
    half = 0.21 * height
    box = np.column_stack([foot_px[:, 0] - half, top_px[:, 1], foot_px[:, 0] + half, foot_px[:, 1]])
    inside = (depth > 1) & (foot_px[:, 0] > 0) & (foot_px[:, 0] < spec.width_px)
    inside &= (foot_px[:, 1] > 0) & (box[:, 1] + height / 2 < spec.height_px)
    box[:, [0, 2]] = box[:, [0, 2]].clip(0, spec.width_px)
    box[:, [1, 3]] = box[:, [1, 3]].clip(0, spec.height_px)
    puck_rows = (rows["role"] == "puck").to_numpy()
    table = pd.DataFrame(
        {
            "frame": rows["frame"],
            "pts_s": rows["frame"] / spec.fps,
            **dict(zip(("x1_px", "y1_px", "x2_px", "y2_px"), box.T, strict=True)),
            "score": 1.0,
            "class": rows["role"],
            "track_id": 0,
            "observed": True,
            "role": rows["role"].where(~puck_rows, "unknown"),
            "role_score": 1.0,
            "team": rows["team"],
            "team_score": 1.0,
            "_person": rows["person"],
            "_shot": rows["shot"],
        }
    )[inside]
    table = table.sort_values(["_person", "frame"], kind="stable", ignore_index=True)
    fresh = (table[["_person", "_shot"]].diff() != 0).any(axis=1)
    fresh |= table["frame"].diff() > spec.fps
    table["track_id"] = fresh.cumsum()
    return table[list(TRACKS)].astype(TRACKS), pd.Series(inside[: len(people)])


def _scan(spec: GameSpec, frames: pd.DataFrame, cameras: list[Camera]) -> pd.DataFrame:
    """The camera's motion as the similarity that moves the ice in the picture most nearly."""
    rink = rink_named(spec.rink)
    grid = np.stack(np.meshgrid(np.arange(0, rink.length_ft, 5), np.arange(0, rink.width_ft, 5)))
    points = np.column_stack([*(axis.ravel() for axis in grid), np.zeros(grid[0].size)])
    cut = (frames["shot"].diff().fillna(0) != 0).to_numpy()
    rows = []
    before = None
    for frame, camera in enumerate(cameras):
        pixels, depth = camera.project(points)
        z = pixels[:, 0] + 1j * pixels[:, 1]
        seen = (depth > 1) & (np.abs(pixels - np.array(camera.size_px) / 2) < camera.size_px).all(1)
        step, shift = 1.0 + 0j, 0j
        known = before is not None and not cut[frame]
        if known and before is not None:
            both = seen & before[1]
            a, b = before[0][both], z[both]
            centred = a - a.mean()
            step = complex((np.conj(centred) @ (b - b.mean())) / (np.abs(centred) ** 2).sum())
            shift = complex(b.mean() - step * a.mean())
        rows.append(
            {
                "frame": frame,
                "pts_s": frame / spec.fps,
                "luma": 150.0,
                "sharpness": 100.0,
                "difference": 60.0 if cut[frame] else 2.0,
                "is_cut": bool(cut[frame]),
                "dx_px": shift.real,
                "dy_px": shift.imag,
                "scale": abs(step),
                "angle_rad": float(np.angle(step)),
                "motion_ok": bool(known),
            }
        )
        before = (z, seen)
    return pd.DataFrame(rows).astype(SCAN)


def _calibration(spec: GameSpec, frames: pd.DataFrame, cameras: list[Camera]) -> Calibration:
    size = (spec.width_px, spec.height_px)
    main = frames[frames["kind"] == "main"]
    spans = tuple((int(g["frame"].min()), int(g["frame"].max())) for _, g in main.groupby("shot"))
    if spec.camera == "fixed":
        matrix = cameras[spans[0][0]].image_to_ice
        return Calibration(spec.rink, size, homography=matrix, valid_frames=spans)
    every = [f for first, last in spans for f in (*range(first, last, 2), last)]
    return Calibration(
        spec.rink,
        size,
        key_frames={f: cameras[f].image_to_ice for f in every},
        error_ft=0.05,
        valid_frames=spans,
        max_gap_frames=4,
    )
