"""Where two detectors disagree on a video that nobody has labelled.

Belongs here: matching their tables, the figures, pictures of the frames that differ most. Does
not belong here: running the detectors (``detection.video``), and who is right: without labels
nobody knows.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.detection.evaluation import match

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Disagreement", "FrameDifference", "disagreement", "draw_differences"]

_BOX = ["x1_px", "y1_px", "x2_px", "y2_px"]
_NAMED = 6
_CHAMPION_BGR, _CHALLENGER_BGR, _ROLE_BGR = (60, 60, 230), (80, 190, 40), (0, 190, 240)


@dataclasses.dataclass(frozen=True)
class FrameDifference:
    """A frame, and how many boxes only one detector has or both name differently."""

    frame: int
    pts_s: float
    differing: int


@dataclasses.dataclass(frozen=True)
class Disagreement:
    """Two detectors on the same frames.

    Attributes:
        frames: Frames on which one of them found somebody.
        both: Boxes of both with an IoU of at least 0.5.
        other_role: How many of those the two name differently.
        role_changes: ``[champion][challenger]`` counts of the names of boxes of both.
        worst: The frames that differ most, of different moments.
    """

    frames: int
    both: int
    only_champion: int
    only_challenger: int
    other_role: int
    role_changes: dict[str, dict[str, int]]
    worst: tuple[FrameDifference, ...]

    @property
    def agreement(self) -> float | None:
        """Share of boxes that both have, of all boxes of both; None where nobody found any."""
        boxes = 2 * self.both + self.only_champion + self.only_challenger
        return 2 * self.both / boxes if boxes else None

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {**dataclasses.asdict(self), "agreement": self.agreement}


def disagreement(
    champion: pd.DataFrame, challenger: pd.DataFrame, *, least_gap_s: float = 2.0
) -> Disagreement:
    """Compare two DETECTIONS tables of one video, made at the same stride.

    Args:
        least_gap_s: Between two of the worst frames.
    """
    sides = [_by_frame(table) for table in (champion, challenger)]
    changes: dict[str, dict[str, int]] = {}
    both = other_role = only_a = only_b = 0
    differing: list[FrameDifference] = []
    frames = sorted(set(sides[0]) | set(sides[1]))
    for frame in frames:
        a, b = (side.get(frame) for side in sides)
        pairs = [] if a is None or b is None else match(_boxes(a), _boxes(b), _scores(b))
        lone_a, lone_b = _count(a) - len(pairs), _count(b) - len(pairs)
        others = 0
        for i, j in pairs:
            before, after = str(a["class"].iloc[i]), str(b["class"].iloc[j])  # type: ignore[index]
            row = changes.setdefault(before, {})
            row[after] = row.get(after, 0) + 1
            others += before != after
        both, only_a, only_b = both + len(pairs), only_a + lone_a, only_b + lone_b
        other_role += others
        if lone_a + lone_b + others:
            some = a if a is not None else b
            pts_s = float(some["pts_s"].iloc[0])  # type: ignore[index]
            differing.append(FrameDifference(frame, pts_s, lone_a + lone_b + others))
    worst = _apart(differing, least_gap_s)
    return Disagreement(len(frames), both, only_a, only_b, other_role, changes, worst)


def draw_differences(
    video: Path, champion: pd.DataFrame, challenger: pd.DataFrame, found: Disagreement
) -> NDArray[np.uint8] | None:
    """The frames that differ most, two abreast; None where there is no difference.

    Red boxes are the champion's alone, green ones the challenger's, and yellow ones have two
    names.
    """
    import cv2

    from jarvis_dagster.hockey.video import read_frames

    wanted = {one.frame for one in found.worst}
    if not wanted:
        return None
    pictures = []
    for frame in read_frames(video):
        if frame.index in wanted:
            a, b = (t[t["frame"] == frame.index] for t in (champion, challenger))
            image = _drawn(frame.image.copy(), a, b)
            height = max(1, round(image.shape[0] * 640 / image.shape[1]))
            image = cv2.resize(image, (640, height), interpolation=cv2.INTER_AREA)
            label = f"{frame.pts_s:.1f} s"
            cv2.putText(image, label, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 4)
            cv2.putText(image, label, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 1)
            pictures.append(image)
        if frame.index >= max(wanted):
            break
    if len(pictures) % 2 and len(pictures) > 1:
        pictures.append(np.full_like(pictures[0], 255))
    rows = [np.hstack(pictures[n : n + 2]) for n in range(0, len(pictures), 2)]
    return np.asarray(np.vstack(rows), np.uint8)


def _drawn(image: NDArray[np.uint8], a: pd.DataFrame, b: pd.DataFrame) -> NDArray[np.uint8]:
    import cv2

    pairs = match(_boxes(a), _boxes(b), _scores(b))
    of_a, of_b = {i for i, _ in pairs}, {j for _, j in pairs}
    names_a, names_b = a["class"].tolist(), b["class"].tolist()
    shown = [(box, _CHAMPION_BGR, "") for i, box in enumerate(_boxes(a)) if i not in of_a]
    shown += [(box, _CHALLENGER_BGR, "") for j, box in enumerate(_boxes(b)) if j not in of_b]
    shown += [
        (_boxes(b)[j], _ROLE_BGR, f"{names_a[i]} / {names_b[j]}")
        for i, j in pairs
        if names_a[i] != names_b[j]
    ]
    thickness = max(2, round(image.shape[1] / 500))
    for box, colour, text in shown:
        x1, y1, x2, y2 = (round(float(value)) for value in box)
        cv2.rectangle(image, (x1, y1), (x2, y2), colour, thickness)
        if text:
            at = (x1, max(12, y1 - 6))
            cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, thickness / 4, colour, 2)
    return image


def _by_frame(table: pd.DataFrame) -> dict[int, pd.DataFrame]:
    return {int(str(frame)): rows for frame, rows in table.groupby("frame")}


def _boxes(table: pd.DataFrame) -> NDArray[np.float32]:
    return table[_BOX].to_numpy(np.float32)


def _scores(table: pd.DataFrame) -> NDArray[np.float32]:
    return table["score"].to_numpy(np.float32)


def _count(table: pd.DataFrame | None) -> int:
    return 0 if table is None else len(table)


def _apart(differing: list[FrameDifference], least_gap_s: float) -> tuple[FrameDifference, ...]:
    """The worst first, but none close to a worse one: neighbours show the same."""
    chosen: list[FrameDifference] = []
    for one in sorted(differing, key=lambda d: (-d.differing, d.frame)):
        if all(abs(one.pts_s - other.pts_s) >= least_gap_s for other in chosen):
            chosen.append(one)
        if len(chosen) == _NAMED:
            break
    return tuple(chosen)
