"""The jersey numbers of a video.

Belongs here: which pictures are read, the table, a sheet for people who check. Does not belong
here: choosing boxes (``crops``), probabilities (``belief``), reading text (``hockey/text``).
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.jerseys.belief import (
    NUMBERS,
    SURE,
    Belief,
    believe,
    keep_apart,
    number_of,
)
from jarvis_dagster.hockey.jerseys.crops import LEAST_HEIGHT_PX, choose_boxes, upper_body
from jarvis_dagster.hockey.jerseys.drawing import Shown, draw_sheet
from jarvis_dagster.hockey.jerseys.patches import find_patches
from jarvis_dagster.hockey.tables import JERSEYS, empty

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.video import Frame, VideoInfo

    _Body = tuple[int, int, NDArray[np.uint8]]  # track, frame, picture

__all__ = ["JerseyReading", "NumberReader", "read_jerseys"]

_PER_TRACK = 12
_APART_S = 0.3
_PER_SECOND, _AT_LEAST = 4.0, 300
"""Pictures that are read of a video: so many for each of its seconds, but some in any case. With
more people the pictures of each become fewer, so that the time stays a share of the video's."""
_LONG_S = 60.0
"""In shorter videos every frame may be decoded: there is less to choose from, and less to do."""
_EARLY_S, _EARLY_SHARE = 1.0, 0.2
"""First parts of groups are so long at least, and all together at most this share of the frames:
where a camera begins a group every second, most groups are left alone. Measured: with .35 no number
more was read."""
_ENOUGH = 6
"""Pictures of a track, without which it is looked for in the rest of the groups too."""
_FRAMES_FOR_ONE = 25
"""So many frames, at most, are decoded for one of those. Measured: of 48 tracks the same 24 numbers
are read, 22 surely instead of 24, in three fifths of the time that all of those would take."""
_SURE_READ = 0.85
_BATCH = 64
_NAMED = 0.5
"""Less likely numbers are not in the table at all."""
_SHOWN = 40


@dataclasses.dataclass(frozen=True)
class JerseyReading:
    """What was read.

    Attributes:
        table: JERSEYS.
        tracks: People whose pictures were read.
        pictures: How many pictures.
        version: Of the network.
        sheet: BGR, the best picture of each track with its number; None without any.
        reason: Why there is nothing, or empty.
    """

    table: pd.DataFrame
    tracks: int
    pictures: int
    version: str
    sheet: NDArray[np.uint8] | None
    reason: str

    @property
    def support(self) -> dict[str, Any]:
        """The facts without table and picture, for a JSON file."""
        facts: dict[str, Any] = {
            "supported": not self.reason,
            "tracks_read": self.tracks,
            "pictures_read": self.pictures,
            "numbers_sure": int((self.table["probability"] >= SURE).sum()),
            "model_version": self.version,
        }
        return {**facts, "reason": self.reason} if self.reason else facts


class NumberReader:
    """Probability of each number in pictures of upper bodies. Not safe to share between threads.

    Args:
        threads: Threads of one pass; by default all cores but one, on which pictures are decoded.
    """

    def __init__(self, threads: int | None = None) -> None:
        from jarvis_dagster.hockey.text import TextReader

        self._reader = TextReader(threads).beside_decoding()
        self.version = self._reader.version

    def chances(self, bodies: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """(N, 100): of "none can be read", then of 1 to 99."""
        patches = [find_patches(body) for body in bodies]
        best = [(0, 0.0)] * len(bodies)
        for place in range(max(map(len, patches), default=0)):
            # What is read surely in the likeliest place is not looked for in another one.
            rows = [
                i for i, some in enumerate(patches) if len(some) > place and best[i][1] < _SURE_READ
            ]
            readings = self._reader.read([patches[i][place].image for i in rows])
            for i, reading in zip(rows, readings, strict=True):
                best[i] = max(best[i], number_of(reading), key=lambda pair: pair[1])
        found = np.zeros((len(bodies), 1 + NUMBERS))
        found[:, 0] = 1
        for row, (number, chance) in zip(found, best, strict=True):
            if number:
                row[0], row[number] = 1 - chance, chance
        return found


def read_jerseys(
    video: Path,
    tracks: pd.DataFrame,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> JerseyReading:
    """Read the numbers on the backs of the people in ``tracks``.

    At most twelve pictures of a track are read, those in which most can be expected, and
    about four for each second of the video.

    Args:
        tracks: TRACKS with roles and teams.

    Raises:
        BadVideoError: the file is not a readable video.
    """
    from jarvis_dagster.hockey.video import ahead, probe
    from jarvis_dagster.hockey.video.sampling import key_frames, read_some

    reader = NumberReader(threads)
    info = probe(video)
    chosen = _affordable(tracks, info, key_frames(video))
    if not len(chosen):
        reason = f"Nobody is seen whole and at least {LEAST_HEIGHT_PX:.0f} pixels high."
        return JerseyReading(empty(JERSEYS), 0, 0, reader.version, None, reason)
    by_frame: dict[int, list[tuple[int, NDArray[np.float64]]]] = {}
    boxes = chosen[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64)
    for number, track, box in zip(chosen["frame"], chosen["track_id"], boxes, strict=True):
        by_frame.setdefault(int(number), []).append((int(track), box))
    looks = _Looks(reader)
    # While some are read, the next are decoded.
    for done, bodies in ahead(_bodies(read_some(video, by_frame), by_frame), depth=2):
        looks.read(bodies)
        if progress:
            progress(done, len(by_frame))
    beliefs = {track: believe(chances) for track, chances in looks.chances.items()}
    people = tracks[tracks["track_id"].isin(beliefs)].groupby("track_id")
    beliefs = keep_apart(
        beliefs,
        {int(t): str(rows["team"].iloc[0]) for t, rows in people},  # type: ignore[arg-type]
        {int(t): rows["frame"].to_numpy(np.int64) for t, rows in people},  # type: ignore[arg-type]
    )
    table = _table(beliefs, looks.frames)
    best = [looks.best(track, beliefs[track]) for track in list(beliefs)]
    sheet = draw_sheet(
        sorted(best, key=lambda one: -one.belief.probability * (one.belief.agreeing > 0))[:_SHOWN]
    )
    pictures = sum(map(len, looks.frames.values()))
    return JerseyReading(table, len(beliefs), pictures, reader.version, sheet, "")


def _affordable(tracks: pd.DataFrame, info: VideoInfo, keys: list[int]) -> pd.DataFrame:
    """The boxes to read: as many a track as the video's length allows.

    A frame can be decoded only after those of its group that come before it. Most of the
    pictures are from the first part of a group; who is hardly seen there is looked for in the
    rest too.

    Args:
        keys: Numbers of the frames with which a group begins.
    """
    import pandas as pd

    most = max(_AT_LEAST, round(_PER_SECOND * info.duration_s))
    size = (info.width_px, info.height_px)
    early = in_first_parts(tracks["frame"].to_numpy(np.int64), keys, info.frame_count, info.fps)
    chosen, late = (
        choose_boxes(rows, per_track=_PER_TRACK, apart_s=_APART_S, size_px=size)
        for rows in (tracks[early], tracks[~early])
    )
    had = late["track_id"].map(chosen["track_id"].value_counts()).fillna(0)
    order = late.groupby("track_id")["worth"].rank(ascending=False, method="first")
    late = late[had + order <= _ENOUGH]
    worth_it = near_enough(
        late["frame"].to_numpy(np.int64), chosen["frame"].to_numpy(np.int64), keys
    )
    chosen = pd.concat([chosen, late[worth_it]]).sort_index()
    if len(chosen) > most:
        # Best first within each track: who has few pictures keeps them all.
        place = chosen.groupby("track_id")["worth"].rank(ascending=False, method="first")
        chosen = chosen[place <= place.sort_values().iloc[most - 1]]
    return chosen


def in_first_parts(
    frames: NDArray[np.int64], keys: list[int], frame_count: int, fps: float
) -> NDArray[np.bool_]:
    """Whether frames (N,) are near the beginning of their group, and that is one to look into.

    Args:
        keys: Numbers of the frames with which a group begins.
        frame_count: Of the video.
    """
    if not keys or frame_count < _LONG_S * fps:
        return np.ones(len(frames), bool)
    starts = np.array([*keys, max(frame_count, keys[-1] + 1)])
    least = _EARLY_S * fps
    reach, budget = np.zeros(len(keys)), least
    for group, length in enumerate(np.diff(starts)):
        budget += _EARLY_SHARE * length
        if budget >= min(length, least):
            reach[group] = min(length, budget)
            budget -= reach[group]
    groups = np.clip(np.searchsorted(starts, frames, "right") - 1, 0, len(keys) - 1)
    early: NDArray[np.bool_] = frames - starts[groups] < reach[groups]
    return early


def near_enough(
    late: NDArray[np.int64], chosen: NDArray[np.int64], keys: list[int]
) -> NDArray[np.bool_]:
    """Which of the frames ``late`` (N,), one a picture, are worth decoding for.

    In each group those up to where the pictures most outweigh the frames that have to be decoded
    beyond the ones of ``chosen``.
    """
    starts = np.asarray(keys or [0])
    group, known = (
        np.clip(np.searchsorted(starts, frames, "right") - 1, 0, None) for frames in (late, chosen)
    )
    taken = np.zeros(len(late), bool)
    for number in np.unique(group):
        rows = np.flatnonzero(group == number)
        decoded = max(starts[number] - 1, chosen[known == number].max(initial=-1))
        ends = np.sort(late[rows])
        gain = _FRAMES_FOR_ONE * np.arange(1, len(ends) + 1) - np.maximum(ends - decoded, 0)
        if gain.max() > 0:
            taken[rows] = late[rows] <= ends[gain.argmax()]
    return taken


def _bodies(
    frames: Iterator[Frame], boxes: Mapping[int, list[tuple[int, NDArray[np.float64]]]]
) -> Generator[tuple[int, list[_Body]], None, None]:
    """Upper bodies of tracks, many at a time, and how many frames there were so far."""
    done, bodies = 0, []
    for done, frame in enumerate(frames, 1):
        for track, box in boxes[frame.index]:
            body = upper_body(frame.image, box)
            if min(body.shape[:2]) >= 4:
                bodies.append((track, frame.index, body.copy()))
        if len(bodies) >= _BATCH:
            yield done, bodies
            bodies = []
    yield done, bodies


class _Looks:
    """What was read of each track; only the best pictures are kept."""

    def __init__(self, reader: NumberReader) -> None:
        self._reader = reader
        self._chances: dict[int, list[NDArray[np.float64]]] = {}
        self._best: dict[int, tuple[float, NDArray[np.uint8]]] = {}
        self.frames: dict[int, list[int]] = {}

    def read(self, bodies: list[_Body]) -> None:
        """Take in pictures of upper bodies."""
        found = self._reader.chances([body for _, _, body in bodies])
        for (track, frame, body), row in zip(bodies, found, strict=True):
            self.frames.setdefault(track, []).append(frame)
            self._chances.setdefault(track, []).append(row)
            worth = float(row[1:].max())
            if track not in self._best or worth > self._best[track][0]:
                self._best[track] = worth, body

    @property
    def chances(self) -> dict[int, NDArray[np.float64]]:
        """(N, 100) by track, row-aligned with :attr:`frames`."""
        return {track: np.stack(rows) for track, rows in self._chances.items()}

    def best(self, track: int, belief: Belief) -> Shown:
        """The picture in which a number was read most surely."""
        return Shown(track, self._best[track][1], belief)


def _table(beliefs: dict[int, Belief], frames: dict[int, list[int]]) -> pd.DataFrame:
    """JERSEYS of the tracks of which a number was read."""
    import pandas as pd

    rows = []
    for track, belief in sorted(beliefs.items()):
        if not belief.agreeing or belief.probability < _NAMED:
            continue
        said = [
            {"frame": frame, "read": str(read)}
            for frame, read in zip(frames[track], belief.reads.tolist(), strict=True)
            if read
        ]
        rows.append(
            {
                "track_id": track,
                "number": str(belief.number),
                "probability": belief.probability,
                "reads": len(said),
                "evidence": json.dumps({"pictures": len(frames[track]), "read": said}),
            }
        )
    return pd.DataFrame(rows).astype(JERSEYS) if rows else empty(JERSEYS)
