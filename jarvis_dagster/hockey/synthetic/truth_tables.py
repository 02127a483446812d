"""The truth of a whole game as tables and a calibration.

Belongs here: gathering frames' truth into ``hockey.tables``' shapes and writing
them. Does not belong here: the game or the video.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.rink import Calibration
from jarvis_dagster.hockey.tables import (
    DETECTIONS,
    EVENTS,
    POSITIONS,
    SCOREBOARD,
    TRACKS,
    Provenance,
    write_table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.synthetic.camera import Shot
    from jarvis_dagster.hockey.synthetic.spec import GameSpec
    from jarvis_dagster.hockey.synthetic.truth import FrameTruth, SeenPerson, SeenPuck

__all__ = ["PUCK_ID", "TruthTables", "file_sha256"]

PUCK_ID = 0
"""The puck's ``track_id`` in the truth; people count from 1."""

_KEY_FRAME_S = 0.1
_CHUNK_ROWS = 8000
_TRACK_EXTRAS = ("visibility", "number", "position", "foot_x_px", "foot_y_px", "shot")


class TruthTables:
    """Gathers truth frame by frame, compactly enough for a whole game."""

    def __init__(self, spec: GameSpec, shots: list[Shot]) -> None:
        self._spec = spec
        self._shots = shots
        self._rows: list[dict[str, Any]] = []
        self._chunks: list[pd.DataFrame] = []
        self._matrices: list[NDArray[np.float64]] = []
        self._boards: list[dict[str, Any]] = []
        self.cuts: list[dict[str, Any]] = []

    def add(self, truth: FrameTruth) -> None:
        """Take in the next frame."""
        head = {"frame": truth.frame, "pts_s": truth.pts_s, "shot": truth.shot}
        self._rows += [head | _person_row(seen) for seen in truth.people]
        if truth.puck.box is not None:
            self._rows.append(head | _puck_row(truth.puck))
        if len(self._rows) >= _CHUNK_ROWS:
            self._pack()
        self._matrices.append(truth.homography)
        if self._spec.scoreboard:
            self._boards.append(_board_row(truth))
        if truth.is_cut:
            cut = {"frame": truth.frame, "pts_s": truth.pts_s, "to": truth.shot_kind}
            self.cuts.append(cut)

    def _pack(self) -> None:
        import pandas as pd

        kinds = {**TRACKS, **POSITIONS}
        chunk = pd.DataFrame(self._rows)
        kinds = {name: kind for name, kind in kinds.items() if name in chunk}
        self._chunks.append(chunk.astype(kinds))
        self._rows = []

    def calibration(self) -> Calibration:
        """The true calibration: one homography for a camera that stays, else key frames.

        It holds while the main camera is on air, not in cut-aways.
        """
        spec = self._spec
        size = (spec.width_px, spec.height_px)
        main = tuple((shot.start, shot.stop - 1) for shot in self._shots if shot.kind == "main")
        if spec.camera == "fixed":
            matrix = self._matrices[main[0][0]]
            return Calibration(spec.rink, size, homography=matrix, valid_frames=main)
        step = max(1, round(_KEY_FRAME_S * spec.fps))
        frames = [f for first, last in main for f in (*range(first, last, step), last)]
        return Calibration(
            spec.rink,
            size,
            key_frames={frame: self._matrices[frame] for frame in frames},
            error_ft=0.05,
            valid_frames=main,
            max_gap_frames=2 * step,
        )

    def write(self, paths: Mapping[str, Path], events: pd.DataFrame, made: Provenance) -> None:
        """Write the Parquet files ``paths`` names."""
        import pandas as pd

        if self._rows:
            self._pack()
        everything = pd.concat(self._chunks, ignore_index=True)
        people = everything[everything["class"] != "puck"]
        seen = everything[[*DETECTIONS, "track_id", "visibility"]]
        write_table(seen, DETECTIONS, paths["detections"], made)
        write_table(people[[*TRACKS, *_TRACK_EXTRAS]], TRACKS, paths["tracks"], made)
        write_table(people[[*POSITIONS]], POSITIONS, paths["positions"], made)
        write_table(events, EVENTS, paths["events"], made)
        flat = np.array([matrix.ravel() for matrix in self._matrices])
        names = [f"h{i}{k}" for i in range(3) for k in range(3)]
        matrices = pd.DataFrame(flat, columns=names)
        matrices.insert(0, "frame", np.arange(len(flat)))
        write_table(matrices, {"frame": "int32"}, paths["homographies"], made)
        boards = pd.DataFrame(self._boards, columns=[*SCOREBOARD])
        write_table(boards, SCOREBOARD, paths["scoreboard"], made)
        cuts = pd.DataFrame(self.cuts, columns=["frame", "pts_s", "to"])
        write_table(cuts, {"frame": "int32", "pts_s": "float64"}, paths["cuts"], made)


def file_sha256(path: Path) -> str:
    """Content hash of a file, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _person_row(seen: SeenPerson) -> dict[str, Any]:
    person = seen.person
    return {
        **dict(zip(("x1_px", "y1_px", "x2_px", "y2_px"), seen.box, strict=True)),
        "score": 1.0,
        "class": person.role,
        "track_id": person.track_id,
        "observed": True,
        "role": person.role,
        "role_score": 1.0,
        "team": person.team,
        "team_score": 1.0,
        "visibility": seen.visibility,
        "x_ft": seen.xy_ft[0],
        "y_ft": seen.xy_ft[1],
        "speed_ftps": float(np.hypot(*seen.velocity_ftps)),
        "valid": True,
        "error_ft": 0.0,
        "number": person.number,
        "position": person.position,
        "foot_x_px": seen.foot_px[0],
        "foot_y_px": seen.foot_px[1],
    }


def _board_row(truth: FrameTruth) -> dict[str, Any]:
    """What the scoreboard shows: whole seconds, rounded up."""
    return {
        "frame": truth.frame,
        "pts_s": truth.pts_s,
        "clock_s": np.ceil(truth.clock_s - 1e-9),
        "period": 1,
        "score_left": truth.score[0],
        "score_right": truth.score[1],
        "confidence": 1.0,
    }


def _puck_row(puck: SeenPuck) -> dict[str, Any]:
    box = puck.box
    assert box is not None
    return {
        **dict(zip(("x1_px", "y1_px", "x2_px", "y2_px"), box, strict=True)),
        "score": 1.0,
        "class": "puck",
        "track_id": PUCK_ID,
        "observed": True,
        "role": "",
        "role_score": 0.0,
        "team": "",
        "team_score": 0.0,
        "visibility": puck.visibility,
        "x_ft": puck.xy_ft[0],
        "y_ft": puck.xy_ft[1],
        "speed_ftps": np.nan,
        "valid": True,
        "error_ft": 0.0,
        "number": -1,
        "position": "",
        "foot_x_px": (box[0] + box[2]) / 2,
        "foot_y_px": (box[1] + box[3]) / 2,
    }
