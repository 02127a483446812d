"""What a sweep saw, waiting in files for those who need it.

Belongs here: writing it, and handing out each part once. Does not belong here: looking
(``sweep``). A part that was handed out is gone: whoever needs it again looks again, with the
detector and the code of that day.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.rink.watching import Marks

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.sweep import Sweep

__all__ = ["SeenBoard", "SeenPeople", "Waiting"]


@dataclasses.dataclass(frozen=True)
class SeenPeople:
    """DETECTIONS and kit features, and every how many frames the detector looked."""

    detections: pd.DataFrame
    kit: pd.DataFrame
    stride: int
    reason: str


@dataclasses.dataclass(frozen=True)
class SeenBoard:
    """What a ``ScoreboardReading`` says."""

    table: pd.DataFrame
    support: dict[str, Any]
    version: str
    picture: NDArray[np.uint8] | None


class Waiting:
    """The files in a folder; it need not exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, seen: Sweep, reason: str, adapted: str = "") -> None:
        """Keep what was seen, in place of what is there.

        Args:
            reason: Of the detector's stride.
            adapted: Id of the parameters that people were looked for with; "" changes nothing.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._clear()
        seen.detections.to_parquet(self._folder / "people.parquet")
        seen.kit.to_parquet(self._folder / "kit.parquet")
        seen.marks.save(self._folder / "marks.npz")
        seen.board.table.to_parquet(self._folder / "board.parquet")
        if seen.board.picture is not None:
            np.save(self._folder / "board.npy", seen.board.picture)
        board = {"support": seen.board.support, "version": seen.board.version}
        self._write("board", board)
        people = {"detector": seen.detector, "stride": seen.stride, "adapted": adapted}
        self._write("people", {**people, "reason": reason})
        self._write("marks", {})

    def people(self, detector: str, stride: int | None, adapted: str = "") -> SeenPeople | None:
        """What the detector of this version saw; None where another one looked, or none.

        Args:
            stride: Every how many frames it has to have looked; None: as it was chosen.
            adapted: Id of the parameters that it has to have looked with.
        """
        import pandas as pd

        about = self._about("people")
        if about is None or stride not in (None, about["stride"]):
            return None
        if (about["detector"], about["adapted"]) != (detector, adapted):
            return None
        found = SeenPeople(
            pd.read_parquet(self._folder / "people.parquet"),
            pd.read_parquet(self._folder / "kit.parquet"),
            about["stride"],
            about["reason"],
        )
        self._clear("people", "kit")
        return found

    def marks(self) -> Marks | None:
        """Marks of the rink, if they wait here."""
        if self._about("marks") is None:
            return None
        found = Marks.load(self._folder / "marks.npz")
        self._clear("marks")
        return found

    def board(self) -> SeenBoard | None:
        """The scoreboard, if it waits here."""
        import pandas as pd

        about = self._about("board")
        if about is None:
            return None
        picture = self._folder / "board.npy"
        found = SeenBoard(
            pd.read_parquet(self._folder / "board.parquet"),
            about["support"],
            about["version"],
            np.load(picture) if picture.exists() else None,
        )
        self._clear("board")
        return found

    def _write(self, part: str, about: dict[str, Any]) -> None:
        """Say that a part is whole."""
        (self._folder / f"{part}.json").write_text(json.dumps(about), "utf-8")

    def _about(self, part: str) -> dict[str, Any] | None:
        path = self._folder / f"{part}.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else None

    def _clear(self, *parts: str) -> None:
        """Remove parts; all of them where none is named. What says that they are whole first."""
        for suffix in ("json", "*"):
            for part in parts or ("people", "kit", "marks", "board"):
                for path in self._folder.glob(f"{part}.{suffix}"):
                    path.unlink()
