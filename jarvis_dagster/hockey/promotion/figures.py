"""What a detector's figures are on each of the frozen games.

Belongs here: running a detector on them and measuring by video. Does not belong here: the
measures (``detection.evaluation``), comparing two models (``rule``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.detection.evaluation import LabelledPicture, measure, read_picture
from jarvis_dagster.hockey.detection.labels import (
    ROLES,
    class_index,
    class_names,
    parse_labels,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jarvis_dagster.hockey.detection import Detector
    from jarvis_dagster.hockey.promotion.frozen import FrozenGames

__all__ = ["FIGURES", "VideoFigures", "evaluate_by_video", "figures_of"]

FIGURES = {
    "ap50": "average precision of people at IoU 0.5",
    "ap50_95": "average precision of people over IoU 0.5 to 0.95",
    "recall": "recall of people",
    "precision": "precision of people",
    "role_macro_f1": "macro-F1 of the roles of people found",
    "goalkeeper_recall": "goalkeepers found and named",
}
"""What can be agreed on, and how it reads."""


@dataclasses.dataclass(frozen=True)
class VideoFigures:
    """One detector on one video.

    Attributes:
        figures: By the names of ``FIGURES``; None where the video cannot tell.
        roles: For each role, how many people were found and named right, boxes were named
            so wrongly, and people of the role were missed or misnamed.
    """

    video: str
    pictures: int
    figures: dict[str, float | None]
    roles: dict[str, tuple[int, int, int]]

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> VideoFigures:
        """From a document."""
        roles = {role: (int(a), int(b), int(c)) for role, (a, b, c) in content["roles"].items()}
        return cls(content["video"], int(content["pictures"]), dict(content["figures"]), roles)


def evaluate_by_video(
    games: FrozenGames,
    detector: Detector,
    score_threshold: float,
    progress: Callable[[int, int], None] | None = None,
) -> list[VideoFigures]:
    """Run ``detector`` on every picture, and measure each video by itself.

    ``detector`` should answer down to scores of 0.02, which average precision needs.

    Raises:
        BadInputError: a picture or a label cannot be read.
    """
    kinds = class_index(class_names([games.folder]))
    by_video: dict[str, list[LabelledPicture]] = {}
    for number, frame in enumerate(games.frames, 1):
        image = read_picture(games.folder / "images" / frame.image, games.aspect)
        text = (games.folder / "labels" / frame.label).read_text("utf-8")
        numbers, boxes = parse_labels(text, frame.label)
        roles = np.array([kinds.get(int(n), -1) for n in numbers], np.int64)
        people = (roles >= 0) & (roles < len(ROLES))
        size = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
        found = detector.detect([image])[0]
        picture = LabelledPicture(boxes[people] * size, roles[people], found)
        by_video.setdefault(frame.video, []).append(picture)
        if progress:
            progress(number, len(games.frames))
    return [
        figures_of(video, len(pictures), measure(pictures, score_threshold))
        for video, pictures in sorted(by_video.items())
    ]


def figures_of(video: str, pictures: int, measured: Mapping[str, Any]) -> VideoFigures:
    """The figures of one video, of what ``detection.evaluation.measure`` tells."""
    people, confusion = measured["people"], measured["confusion"]
    figures = {
        **{name: people[name] for name in ("ap50", "ap50_95", "recall", "precision")},
        "role_macro_f1": measured["role_macro_f1"],
        "goalkeeper_recall": measured["goalkeeper_recall"],
    }
    roles = {}
    for role in ROLES:
        right = confusion[role][role]
        wrongly = sum(said[role] for true, said in confusion.items() if true != role)
        roles[role] = (right, wrongly, sum(confusion[role].values()) - right)
    return VideoFigures(video, pictures, figures, roles)
