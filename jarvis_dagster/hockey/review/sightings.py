"""Which track a correction is about, by frames and boxes instead of ids.

Belongs here: taking sightings of a track, finding them again in another tracking of
the same video, binding new corrections. Does not belong here: what a correction does.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.review.boxes import as_centres
from jarvis_dagster.hockey.review.corrections import CORRECTIONS_NAME, Correction, Sighting
from jarvis_dagster.hockey.tracking.boxes import overlap

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["TrackIndex", "bind"]

_BOX = ["x1_px", "y1_px", "x2_px", "y2_px"]
_MOST_SIGHTINGS = 16
_LEAST_IOU = 0.5
_LEAST_SHARE = 0.5
"""A track is meant when it has at least half of the sightings that fall into its time."""
_NEARBY_FRAMES = 2
"""A detector that looks at every second or third frame may now look at others."""


class TrackIndex:
    """The rows of a table of tracks by frame and by track."""

    def __init__(self, tracks: pd.DataFrame) -> None:
        self._frame = tracks["frame"].to_numpy(np.int64)
        self._order = np.argsort(self._frame, kind="stable")
        self._sorted = self._frame[self._order]
        self._ids = tracks["track_id"].to_numpy(np.int64)
        self._boxes = tracks[_BOX].to_numpy(np.float64)
        self._observed = tracks["observed"].to_numpy(bool)
        self.seconds = tracks["pts_s"].to_numpy(np.float64)

    @property
    def known(self) -> set[int]:
        """The ids that there are."""
        return {int(one) for one in np.unique(self._ids)}

    def rows(self, track: int) -> NDArray[np.int64]:
        """Rows of one track, in the order of frames."""
        mine = np.flatnonzero(self._ids == track)
        return mine[np.argsort(self._frame[mine], kind="stable")]

    def frames(self, track: int) -> NDArray[np.int64]:
        """Frames of one track, in order."""
        return self._frame[self.rows(track)]

    def sightings(self, track: int) -> tuple[Sighting, ...]:
        """Boxes of a track spread over its time, where it was really seen if there are any."""
        rows = self.rows(track)
        seen = rows[self._observed[rows]]
        rows = seen if len(seen) else rows
        if len(rows) > _MOST_SIGHTINGS:
            rows = rows[np.linspace(0, len(rows) - 1, _MOST_SIGHTINGS).round().astype(int)]
        return tuple(Sighting(int(self._frame[row]), _rounded(self._boxes[row])) for row in rows)

    def find(self, seen: Sequence[Sighting]) -> dict[int, float]:
        """Tracks that these sightings are of, each with the share of those in its time.

        More than one where tracking now breaks the person into pieces; none where nobody
        is there any more.
        """
        hits: dict[int, list[int]] = {}
        for sighting in seen:
            track = self._at(sighting)
            if track is not None:
                hits.setdefault(track, []).append(sighting.frame)
        found = {}
        for track, frames in hits.items():
            mine = self._frame[self._ids == track]
            low, high = mine.min() - _NEARBY_FRAMES, mine.max() + _NEARBY_FRAMES
            there = sum(low <= sighting.frame <= high for sighting in seen)
            enough = len(frames) >= min(2, there)
            if enough and len(frames) >= _LEAST_SHARE * there:
                found[track] = len(frames) / there
        return found

    def _at(self, sighting: Sighting) -> int | None:
        """The track whose box is there."""
        for near in sorted(range(-_NEARBY_FRAMES, _NEARBY_FRAMES + 1), key=abs):
            low = np.searchsorted(self._sorted, sighting.frame + near, side="left")
            high = np.searchsorted(self._sorted, sighting.frame + near, side="right")
            rows = self._order[low:high]
            if not len(rows):
                continue
            box = np.array([sighting.box])
            shared = overlap(as_centres(box), as_centres(self._boxes[rows]))[0]
            best = int(shared.argmax())
            return int(self._ids[rows[best]]) if shared[best] >= _LEAST_IOU else None
        return None


def bind(
    corrections: Sequence[Correction],
    before: Iterable[Correction],
    tracks: pd.DataFrame | None,
    events: pd.DataFrame | None,
    *,
    duration_s: float,
    name: str = CORRECTIONS_NAME,
) -> list[Correction]:
    """Corrections with the boxes and times that they are about.

    What was bound before stays bound; what is new is about the tables that the person saw.

    Args:
        corrections: Of the file as it is now.
        before: Those that are bound already.
        tracks, events: The tables that were delivered last; None before the first delivery.
        duration_s: Of the video.

    Raises:
        BadInputError: a track or event that is not there, or a time that cannot be, with its
            line.
    """
    known = {one.key: one for one in before}
    index = TrackIndex(tracks) if tracks is not None else None
    return [
        _bound(one, known.get(one.key), index, events, duration_s, f"{name}, line {one.line}: ")
        for one in corrections
    ]


def _bound(
    one: Correction,
    before: Correction | None,
    index: TrackIndex | None,
    events: pd.DataFrame | None,
    duration_s: float,
    where: str,
) -> Correction:
    if one.at_s is not None and one.at_s > duration_s:
        raise BadInputError(
            f"{where}the video is over at {duration_s:.1f} s.", "Give a time within the video."
        )
    if one.kind == "event_wrong" and not (one.value and one.at_s is not None):
        if before is not None:
            return dataclasses.replace(before, line=one.line, note=one.note)
        return _bound_event(one, events, where)
    if not one.tracks or len(one.seen) == len(one.tracks):
        return one
    if before is not None and len(before.seen) == len(one.tracks):
        return dataclasses.replace(one, seen=before.seen)
    if index is None:
        raise BadInputError(
            f"{where}the video was not analysed yet, so there is no track {one.tracks[0]}.",
            "Correct a video after its report has come.",
        )
    missing = [str(track) for track in one.tracks if track not in index.known]
    if missing:
        ids = sorted(index.known)
        there = f"There are {ids[0]} to {ids[-1]}." if ids else "There is nobody in this video."
        raise BadInputError(f"{where}there is no track {' or '.join(missing)}.", there)
    if one.kind == "split":
        seconds = index.seconds[index.rows(one.tracks[0])]
        if not seconds.min() < (one.at_s or 0) <= seconds.max():
            raise BadInputError(
                f"{where}track {one.tracks[0]} is seen from {seconds.min():.1f} to"
                f" {seconds.max():.1f} s, so it cannot become somebody else at {one.at_s:.1f} s.",
                "Give a time between.",
            )
    return dataclasses.replace(one, seen=tuple(index.sightings(track) for track in one.tracks))


def _bound_event(one: Correction, events: pd.DataFrame | None, where: str) -> Correction:
    rows = None if events is None else events[events["event_id"] == one.event]
    if rows is None or not len(rows):
        raise BadInputError(
            f"{where}there is no event {one.event}.", "Take its id from events.csv or report.json."
        )
    row = rows.iloc[0]
    return dataclasses.replace(
        one,
        value=str(row["type"]),
        at_s=float(row["start_s"]),
        until_s=float(row["end_s"]),
        team=str(row["team"]),
    )


def _rounded(box: NDArray[np.float64]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (round(float(value), 1) for value in box)
    return x1, y1, x2, y2
