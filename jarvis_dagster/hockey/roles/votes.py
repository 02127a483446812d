"""The role of every track from what the detector said of each of its boxes.

Belongs here: votes over time, how much each counts, the rule that a team has
one goalkeeper at a time. Does not belong here: kits and teams (:mod:`.teams`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "ROLES",
    "Votes",
    "cast_votes",
    "demote_dark_referees",
    "demote_extra_goalkeepers",
]

ROLES = ("player", "goalkeeper", "referee")

_PRIOR = np.array([1.0, 0.25, 0.25])
"""Votes every track starts with: most people on the ice are players, so that one or
two odd boxes make nobody a goalkeeper."""
_MOST_GOALKEEPERS = 2
_YES, _NO = 0.8, 0.03
"""A look says goalkeeper for sure from the first on, and no for sure up to the second: most looks
at goalkeepers and at players are on their side of one of them, hardly any beyond the other."""
_LEAST_YES = 3
_LOW = 0.65
"""Of the usual height in a frame: who is lower kneels or lies, and looks like a goalkeeper then."""
_DARK_L = 20.0
"""A striped shirt is half white: over a track, most referees measured 30 to 45, black kits 15
to 25."""


@dataclasses.dataclass
class Votes:
    """One row a track, ordered by track id.

    Attributes:
        track_ids: (T,) int.
        shares: (T, 3) share of the vote of each of ``ROLES``; rows sum to one.
        frames: T sorted arrays, the frames in which each track has a row.
        boxes: (T,) observed boxes.
    """

    track_ids: NDArray[np.int64]
    shares: NDArray[np.float64]
    frames: list[NDArray[np.int64]]
    boxes: NDArray[np.int64]

    def together(self, one: int, other: int) -> bool:
        """Whether two tracks are in some frame at once; a goalkeeper's may have gaps."""
        return bool(np.isin(self.frames[one], self.frames[other], assume_unique=True).any())

    def drop(self, rows: NDArray[np.int64], role: str) -> None:
        """Take the votes for ``role`` from ``rows``; the others' shares sum to one again."""
        self.shares[rows, ROLES.index(role)] = 0
        left = self.shares[rows] + 1e-9
        self.shares[rows] = left / left.sum(1, keepdims=True)

    def winners(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Index into ``ROLES`` and its share of the vote, each (T,)."""
        best = self.shares.argmax(axis=1)
        return best, self.shares[np.arange(len(best)), best]


def cast_votes(
    tracks: pd.DataFrame, covered: NDArray[np.float64], detections: pd.DataFrame | None = None
) -> Votes:
    """Count the votes.

    An observed box votes with its score, more when it is large (relative to the
    frame's median box: distant people are told apart worse) and less as other boxes
    cover it (``covered``, (N,) 0 to 1). Filled boxes do not vote. A vote is split as
    the detector's probabilities are (``p_goalkeeper`` and ``p_referee`` of the table
    of detections): a goalkeeper who is nearly one in every frame is one. Without
    them it goes to the box's class.
    """
    ids = tracks["track_id"].to_numpy(np.int64)
    frames = tracks["frame"].to_numpy(np.int64)
    height = (tracks["y2_px"] - tracks["y1_px"]).to_numpy(np.float64)
    usual = tracks.assign(_h=height).groupby("frame")["_h"].transform("median").to_numpy()
    size = np.clip(height / np.maximum(usual, 1e-6), 0.5, 1.5)
    weight = tracks["score"].to_numpy(np.float64) * size * (1 - 0.8 * covered)
    observed = tracks["observed"].to_numpy(bool)
    unique, inverse = np.unique(ids, return_inverse=True)
    votes = np.tile(_PRIOR, (len(unique), 1))
    said, told = _said(tracks, detections)
    for k in range(len(ROLES)):
        mine = (weight * said[:, k])[observed]
        votes[:, k] += np.bincount(inverse[observed], mine, minlength=len(unique))
    order = np.lexsort((frames, inverse))
    starts = np.searchsorted(inverse[order], np.arange(1, len(unique)))
    boxes = np.bincount(inverse[observed], minlength=len(unique))
    shares = votes / votes.sum(1, keepdims=True)
    whole = observed & told & (height >= _LOW * usual)
    _believe_sure_looks(shares, said[whole, 1], inverse[whole])
    return Votes(unique, shares, np.split(frames[order], starts), boxes)


def _believe_sure_looks(
    shares: NDArray[np.float64], goalkeeper: NDArray[np.float64], owner: NDArray[np.int64]
) -> None:
    """Who is a goalkeeper by the looks that are sure is one whatever the doubtful ones add up to.

    While the camera pans most looks at a goalkeeper are in doubt; those at a player hardly ever
    are, and where he falls and looks like one, many more say no.

    Args:
        shares: (T, 3), changed in place.
        goalkeeper: (L,) probability that a look gave.
        owner: (L,) row of ``shares`` of each look.
    """
    keeper = ROLES.index("goalkeeper")
    yes, no = (
        np.bincount(owner, sure, minlength=len(shares))
        for sure in (goalkeeper >= _YES, goalkeeper <= _NO)
    )
    rows = np.flatnonzero((yes >= _LEAST_YES) & (yes > no))
    share = np.maximum(yes[rows] / (yes[rows] + no[rows] + 1), shares[rows, keeper])
    shares[rows] *= ((1 - share) / np.maximum(1 - shares[rows, keeper], 1e-9))[:, None]
    shares[rows, keeper] = share


def _said(
    tracks: pd.DataFrame, detections: pd.DataFrame | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(N, 3): how each row's vote is split over ``ROLES``, and (N,) of which it was told."""
    kinds = tracks["class"].to_numpy(str)
    said = np.stack([kinds == role for role in ROLES], 1).astype(np.float64)
    if detections is None or not {"p_goalkeeper", "p_referee"} <= set(detections.columns):
        return said, np.zeros(len(tracks), dtype=bool)
    at = tracks["detection_row"].to_numpy(np.int64)
    seen = (at >= 0) & (kinds != "puck")
    rare = detections[["p_goalkeeper", "p_referee"]].to_numpy(np.float64)[at[seen]]
    said[seen] = np.column_stack((1 - rare.sum(1), rare))
    return said, seen


def demote_dark_referees(votes: Votes, rows: NDArray[np.int64], lightness: NDArray[Any]) -> None:
    """Take the referee votes from tracks in a dark shirt, in place.

    Args:
        votes: changed in place.
        rows: (K,) rows of ``votes`` that ``lightness`` (K,) is of; NaN is not known.
    """
    dark = rows[lightness < _DARK_L]
    votes.drop(dark, "referee")


def demote_extra_goalkeepers(votes: Votes, group: NDArray[np.object_]) -> None:
    """Keep one goalkeeper at a time in each group, in place.

    Where two tracks of a group are goalkeepers in the same frame, the one with the
    smaller share (times the root of its boxes) loses its goalkeeper votes.

    Args:
        votes: changed in place.
        group: (T,) team names; "" is a group of its own that may hold two.
    """
    keeper = ROLES.index("goalkeeper")
    strength = votes.shares[:, keeper] * np.sqrt(votes.boxes)
    kept: list[int] = []
    for i in np.argsort(-strength, kind="stable"):
        if votes.shares[i].argmax() != keeper:
            continue
        rivals = [j for j in kept if group[j] == group[i] and votes.together(i, j)]
        if len(rivals) < (1 if group[i] else _MOST_GOALKEEPERS):
            kept.append(int(i))
            continue
        votes.drop(np.array([i]), "goalkeeper")
