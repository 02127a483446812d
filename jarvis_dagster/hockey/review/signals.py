"""What each looked-at frame of a video could teach, and why.

Belongs here: signals from the tables of one video: doubt, disagreement, broken rules. Does
not belong here: choosing among videos (``selection``), pictures.

Active learning after Settles (2009), "Active Learning Literature Survey": uncertainty and
disagreement find the frames, diversity keeps them apart.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["WEIGHTS", "Candidate", "VideoTables", "candidates", "doubtful_tracks"]

WEIGHTS = {
    "unsure": 1.0,
    "role": 0.8,
    "filled": 1.2,
    "flip": 0.8,
    "rule": 1.5,
    "looks": 1.2,
}
"""What one sure sign of each kind is worth; the second look (``second_look``) adds the last."""
_BAND = 0.15
"""A score this close above the threshold is a doubt."""
_MOST_OF_A_KIND = 4.0
"""One crowded frame is not to win by numbers alone."""
_SKATERS = 6
_LEAST_SIGN = 0.5
_STRETCH_S = 2.5
_MOST_CANDIDATES = 200


@dataclasses.dataclass(frozen=True)
class VideoTables:
    """The tables of one analysed video.

    Attributes:
        key: Its partition.
        name: As its owner knows it.
        detections: DETECTIONS with ``p_goalkeeper`` and ``p_referee`` where there are some.
        tracks: TRACKS, with ``detection_row`` where there is one.
        scan: SCAN.
        kits: (b, g, r) by team.
        model_version: Of the detector.
    """

    key: str
    name: str
    width_px: int
    height_px: int
    detections: pd.DataFrame
    tracks: pd.DataFrame
    scan: pd.DataFrame
    kits: dict[str, Sequence[float]]
    model_version: str


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A frame that could be labelled.

    Attributes:
        signs: Kind of sign to how strong it is, as in :data:`WEIGHTS`.
        reasons: The same in words, the strongest first.
        look: What sort of picture it is: light and kits, coarsely.
    """

    video: str
    frame: int
    pts_s: float
    signs: dict[str, float]
    reasons: tuple[str, ...]
    look: str

    @property
    def score(self) -> float:
        """How much its labels would teach, all else equal."""
        return sum(WEIGHTS[kind] * value for kind, value in self.signs.items())


def candidates(video: VideoTables) -> list[Candidate]:
    """Every frame that the detector looked at and that shows a sign of trouble."""
    frames = np.unique(video.detections["frame"].to_numpy(np.int64))
    if not len(frames):
        return []
    found: dict[str, tuple[NDArray[np.float64], list[str]]] = {
        "unsure": _unsure(video, frames),
        "role": _role(video, frames),
        "filled": _filled(video, frames),
        "flip": _flips(video, frames),
        "rule": _rules(video, frames),
    }
    strength = {kind: np.minimum(v, _MOST_OF_A_KIND) for kind, (v, _) in found.items()}
    total = sum(WEIGHTS[kind] * values for kind, values in strength.items())
    seconds = dict(zip(video.scan["frame"].tolist(), video.scan["pts_s"].tolist(), strict=True))
    luma = dict(zip(video.scan["frame"].tolist(), video.scan["luma"].tolist(), strict=True))
    made = []
    times = np.array([seconds.get(int(frame), 0.0) for frame in frames])
    for at in _best_apart(np.asarray(total), times):
        signs = {k: float(v[at]) for k, v in strength.items() if v[at] > 0}
        order = sorted(signs, key=lambda kind: -WEIGHTS[kind] * signs[kind])
        reasons = tuple(found[kind][1][at] for kind in order if found[kind][1][at])
        frame = int(frames[at])
        look = _look(luma.get(frame, 128.0), video.kits)
        made.append(
            Candidate(video.key, frame, float(seconds.get(frame, 0.0)), signs, reasons, look)
        )
    return made


def _best_apart(total: NDArray[np.float64], times: NDArray[np.float64]) -> list[int]:
    """The best frame of each stretch of time, the best stretches only."""
    order = np.argsort(-total, kind="stable")
    _, first = np.unique((times[order] // _STRETCH_S).astype(np.int64), return_index=True)
    best = order[np.sort(first)][:_MOST_CANDIDATES]
    return [int(at) for at in best if total[at] >= _LEAST_SIGN]


def _count(
    frames: NDArray[np.int64], of: NDArray[np.int64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights summed by frame, aligned with ``frames``; those of other frames are left out."""
    at = np.searchsorted(frames, of)
    inside = (at < len(frames)) & (frames[np.minimum(at, len(frames) - 1)] == of)
    return np.bincount(at[inside], weight[inside], minlength=len(frames)).astype(np.float64)


def _people(video: VideoTables) -> pd.DataFrame:
    return video.detections[video.detections["class"] != "puck"]


def _unsure(video: VideoTables, frames: NDArray[np.int64]) -> tuple[NDArray[Any], list[str]]:
    """Boxes whose score is just above what counts as a person."""
    people = _people(video)
    score = people["score"].to_numpy(np.float64)
    least = float(score.min()) if len(score) else 0.0
    near = np.clip(1 - (score - least) / _BAND, 0, 1)
    of = people["frame"].to_numpy(np.int64)
    strength, number = _count(frames, of, near), _count(frames, of, (near > 0).astype(float))
    return strength, [_many(n, "box is", "boxes are", "hardly sure") for n in number]


def _role(video: VideoTables, frames: NDArray[np.int64]) -> tuple[NDArray[Any], list[str]]:
    """Boxes whose role might be two or three."""
    people = _people(video)
    if not {"p_goalkeeper", "p_referee"} <= set(people.columns):
        return np.zeros(len(frames)), [""] * len(frames)
    rare = people[["p_goalkeeper", "p_referee"]].to_numpy(np.float64)
    share = np.clip(np.column_stack((1 - rare.sum(1), rare)), 1e-6, 1)
    entropy = -(share * np.log(share)).sum(1) / np.log(3)
    doubt = np.clip((entropy - 0.4) / 0.4, 0, 1)
    of = people["frame"].to_numpy(np.int64)
    strength, number = _count(frames, of, doubt), _count(frames, of, (doubt > 0.25).astype(float))
    return strength, [_many(n, "person may be", "people may be", "of another role") for n in number]


def _filled(video: VideoTables, frames: NDArray[np.int64]) -> tuple[NDArray[Any], list[str]]:
    """People whom the tracker knows to be there and the detector did not find."""
    rows = video.tracks[~video.tracks["observed"].astype(bool)]
    rows = rows[rows["class"] != "puck"]
    number = _count(frames, rows["frame"].to_numpy(np.int64), np.ones(len(rows)))
    return number, [
        _many(n, "person was", "people were", "tracked but not detected") for n in number
    ]


def _flips(video: VideoTables, frames: NDArray[np.int64]) -> tuple[NDArray[Any], list[str]]:
    """Boxes that were given another role than the rest of their track."""
    rows = video.tracks[video.tracks["observed"].astype(bool) & (video.tracks["class"] != "puck")]
    rows = rows[(rows["role"] != "unknown") & (rows["role"] != rows["class"])]
    number = _count(frames, rows["frame"].to_numpy(np.int64), np.ones(len(rows)))
    return number, [_many(n, "person has", "people have", "another role elsewhere") for n in number]


def _rules(video: VideoTables, frames: NDArray[np.int64]) -> tuple[NDArray[Any], list[str]]:
    """Frames that show what hockey does not allow."""
    tracks = video.tracks[video.tracks["class"] != "puck"]
    strength = np.zeros(len(frames))
    reasons: list[list[str]] = [[] for _ in frames]
    for team in ("A", "B"):
        mine = tracks[tracks["team"] == team]
        for role, most, word in (("player", _SKATERS, "skaters"), ("goalkeeper", 1, "goalkeepers")):
            of = mine.loc[mine["role"] == role, "frame"].to_numpy(np.int64)
            number = _count(frames, of, np.ones(len(of)))
            over = np.maximum(0, number - most)
            strength += np.minimum(over, 2)
            for at in np.flatnonzero(over):
                reasons[at].append(f"team {team} has {int(number[at])} {word} at once")
    pucks = video.detections.loc[video.detections["class"] == "puck", "frame"].to_numpy(np.int64)
    number = _count(frames, pucks, np.ones(len(pucks)))
    strength += np.clip(number - 1, 0, 2)
    for at in np.flatnonzero(number > 1):
        reasons[at].append(f"there are {int(number[at])} pucks")
    return strength, [" and ".join(found) for found in reasons]


def _many(number: float, one: str, many: str, what: str) -> str:
    if number < 1:
        return ""
    return f"{int(number)} {one if int(number) == 1 else many} {what}"


def _look(luma: float, kits: dict[str, Sequence[float]]) -> str:
    """Light in four steps, and each kit's colour in three a channel."""
    colours = [
        "".join(str(min(2, int(value // 86))) for value in colour)
        for _, colour in sorted(kits.items())
    ]
    return "/".join([f"light {min(3, int(luma // 64))}", *colours])


def doubtful_tracks(video: VideoTables, most: int = 10) -> list[dict[str, object]]:
    """Tracks that a person would settle with one word, the most telling first.

    Long tracks whose role or team is not sure: each is one ``jarvis review correct``.
    """
    tracks = video.tracks[video.tracks["class"] != "puck"]
    found = []
    for track, rows in tracks.groupby("track_id"):
        first = rows.iloc[0]
        seconds = float(rows["pts_s"].max() - rows["pts_s"].min())
        why = []
        doubt = 0.0
        if first["role"] == "unknown" or first["role_score"] < 0.7:
            doubt += 1 - float(first["role_score"])
            why.append(f"role {first['role']} is {first['role_score']:.0%} sure")
        if first["role"] not in ("referee", "unknown") and first["team_score"] < 0.7:
            doubt += 1 - float(first["team_score"])
            why.append(
                f"team {first['team']} is {first['team_score']:.0%} sure"
                if first["team"]
                else "its team is not known"
            )
        if why:
            found.append(
                {
                    "video": video.key,
                    "track": int(str(track)),
                    "from_s": round(float(rows["pts_s"].min()), 1),
                    "to_s": round(float(rows["pts_s"].max()), 1),
                    "worth": round(doubt * np.sqrt(max(seconds, 0.1)), 3),
                    "why": " and ".join(why),
                }
            )
    return sorted(found, key=lambda row: -float(str(row["worth"])))[:most]
