"""A whole video's scoreboard.

Belongs here: which frames are looked at, what is read again, the table. Does not belong here:
where the scoreboard is (``layout``), which readings are believed (``steadying``).
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.scoreboard.drawing import draw_look
from jarvis_dagster.hockey.scoreboard.layout import Field, Layout, find_layout
from jarvis_dagster.hockey.scoreboard.parsing import clock_of, goals_of, period_of
from jarvis_dagster.hockey.scoreboard.places import crop, ink
from jarvis_dagster.hockey.scoreboard.steadying import steady_clock, steady_count
from jarvis_dagster.hockey.tables import SCOREBOARD, empty
from jarvis_dagster.hockey.video.scaling import Scaler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import av
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.text import Reading, TextReader
    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["Board", "ScoreboardReading", "read_scoreboard"]

LOOK_S = 1.0
"""Seconds between two looks: what a game clock shows changes no faster."""
_FEW, _MANY = 8, 20
"""Pictures in which the scoreboard is searched, for a video of at most, or more than, ..."""
_LONG_S = 600.0
_FEWEST = 3
"""As many where a video is shorter than that many looks: closer pictures tell nothing more."""
_KEYS_FOR_ONE = 3
"""Key frames that there must be for each picture to search in nothing but them."""
_LOOKS_OF_A_GROUP = 12
"""From longer groups of frames than that, what comes soon after a key frame is not enough."""
_CHANGED = 14.0
"""Grey levels by which a spot of a field must differ before it is read again."""
_SPOTS = (48, 16)
_PICTURES = 4
_NAMES = ("clock", "period", "left", "right")


@dataclasses.dataclass(frozen=True)
class ScoreboardReading:
    """What was read, and how.

    Attributes:
        table: SCOREBOARD; one row a look; empty when nothing is supported.
        layout: Where it was read; None when there is no scoreboard.
        reason: Why there is nothing, or empty.
        looks: Frames that were looked at.
        read: Pictures of fields that were read; the others had not changed.
        version: Of the networks.
        picture: BGR, some looks with what was read drawn on them; None without a scoreboard.
    """

    table: pd.DataFrame
    layout: Layout | None
    reason: str
    looks: int
    read: int
    version: str
    picture: NDArray[np.uint8] | None

    @property
    def support(self) -> dict[str, Any]:
        """The facts without table and picture, for a JSON file."""
        facts: dict[str, Any] = {
            "supported": self.layout is not None,
            "looks": self.looks,
            "pictures_read": self.read,
            "model_version": self.version,
        }
        if self.layout is None:
            return {**facts, "reason": self.reason}
        return {
            **facts,
            "fields": dataclasses.asdict(self.layout),
            "names": list(self.layout.names),
            "clock_read_share": round(float(self.table["clock_s"].notna().mean()), 4),
        }


def read_scoreboard(
    video: Path,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ScoreboardReading:
    """Find the scoreboard in the picture and read it about once a second.

    Raises:
        BadVideoError: the file is not a readable video.
    """
    from jarvis_dagster.hockey.video import ahead
    from jarvis_dagster.hockey.video.sampling import read_some

    board = Board.find(video, threads)
    if board.layout is not None:
        numbers = sorted(board.wanted)
        for done, frame in enumerate(ahead(_generated(read_some(video, numbers))), 1):
            board.look(frame.index, frame.pts_s, frame.image)
            if progress:
                progress(done, len(numbers))
    return board.reading()


def _generated(frames: Any) -> Any:
    yield from frames


class Board:
    """The scoreboard of one video, read look by look.

    Also a watcher (:class:`~jarvis_dagster.hockey.video.watching.Watcher`).

    Attributes:
        layout: None where there is no scoreboard.
        wanted: Numbers of the frames that are to be looked at; none without a scoreboard.
    """

    def __init__(
        self,
        info: VideoInfo,
        layout: Layout | None,
        numbers: Sequence[int],
        reader: TextReader,
        version: str,
        searched: int,
    ) -> None:
        self.layout, self.wanted = layout, frozenset(numbers if layout else ())
        self._version, self._searched = version, searched
        self._scaler = Scaler((info.width_px, info.height_px), "bgr24")
        self._pages = None if layout is None else _Pages(layout, reader)
        steps = np.linspace(0, len(numbers) - 1, _PICTURES).round().astype(int)
        self._shown = {numbers[i] for i in steps} if len(numbers) else set()
        self._pictures: dict[int, NDArray[np.uint8]] = {}

    @classmethod
    def find(cls, video: Path, threads: int | None = None) -> Board:
        """Search some pictures of a video.

        Raises:
            BadVideoError: the file is not a readable video.
        """
        from jarvis_dagster.hockey.text import TextFinder, TextReader
        from jarvis_dagster.hockey.video import probe
        from jarvis_dagster.hockey.video.sampling import key_frames, looks, read_some

        finder, reader = TextFinder(threads), TextReader(threads)
        info = probe(video)
        numbers = looks(video, LOOK_S)
        few = _MANY if info.duration_s > _LONG_S else _FEW
        few = min(few, max(_FEWEST, math.ceil(info.duration_s / LOOK_S)))
        # Key frames cost next to nothing; where there are few, what comes soon after them.
        keys = key_frames(video)
        some = keys if len(keys) >= _KEYS_FOR_ONE * few else soon_after(numbers, keys, few)
        pictures = [one.image for one in read_some(video, _spread(some, few, info))]
        layout = find_layout(pictures, finder, reader) if pictures else None
        version = f"{finder.version} {reader.version}"
        return cls(info, layout, numbers, reader, version, len(pictures))

    def prepare(
        self, number: int, pts_s: float, frame: av.VideoFrame
    ) -> tuple[int, float, NDArray[np.uint8]] | None:
        """The picture of a look."""
        return (number, pts_s, self._scaler(frame)) if number in self.wanted else None

    def think(
        self, seen: tuple[int, float, NDArray[np.uint8]]
    ) -> tuple[int, float, NDArray[np.uint8]]:
        """Nothing: what changed is read later, many pictures at a time."""
        return seen

    def take(self, thought: tuple[int, float, NDArray[np.uint8]]) -> None:
        """See what changed."""
        self.look(*thought)

    def look(self, frame: int, pts_s: float, picture: NDArray[np.uint8]) -> None:
        """Take in a picture (H, W, 3) of the whole frame."""
        assert self.layout is not None
        assert self._pages is not None
        self._pages.look(frame, pts_s, picture)
        if frame in self._shown:
            self._pictures[frame] = crop(picture, self.layout.box, 1.0).copy()

    def reading(self) -> ScoreboardReading:
        """What was read, once every look was taken in."""
        layout, pages = self.layout, self._pages
        if layout is None or pages is None:
            reason = "No scoreboard with a game clock is in the picture."
            nothing = empty(SCOREBOARD)
            return ScoreboardReading(nothing, None, reason, self._searched, 0, self._version, None)
        table = pages.table()
        rows = table.set_index("frame")
        drawn = [draw_look(image, layout, rows.loc[n]) for n, image in self._pictures.items()]
        picture = np.concatenate(drawn) if drawn else None
        return ScoreboardReading(table, layout, "", len(table), pages.read, self._version, picture)


def _spread(numbers: Sequence[int], count: int, info: VideoInfo) -> list[int]:
    """``count`` of the looks over the whole video; of all frames where there are few looks."""
    if len(numbers) < count:
        numbers = range(info.frame_count)
    steps = np.linspace(0, len(numbers) - 1, count).round().astype(int)
    return sorted({int(numbers[i]) for i in steps})


def soon_after(numbers: Sequence[int], keys: Sequence[int], count: int) -> list[int]:
    """``count`` of the frames ``numbers``, as many after each of ``keys``, the next ones to it.

    All of ``numbers`` where groups of frames are so long that some of them would not be seen.
    """
    groups = np.searchsorted(np.asarray(keys), np.asarray(numbers), "right")
    begins = np.searchsorted(groups, groups, "left")
    place = np.arange(len(numbers)) - begins
    if len(numbers) <= count or place.max() > _LOOKS_OF_A_GROUP:
        return list(numbers)
    return sorted(numbers[i] for i in np.argsort(place, kind="stable")[:count].tolist())


class _Pages:
    """Fields of one look after another; what has not changed is not read again."""

    def __init__(self, layout: Layout, reader: TextReader) -> None:
        self._fields: dict[str, Field] = {
            name: field for name in _NAMES if (field := getattr(layout, name)) is not None
        }
        self._reader = reader
        self._before: dict[str, NDArray[np.float32]] = {}
        self._last: dict[str, int] = {}
        self._pending: list[NDArray[np.uint8]] = []
        self._readings: list[Reading] = []
        self._rows: list[tuple[int, float, dict[str, int]]] = []
        self.read = 0

    def look(self, frame: int, pts_s: float, picture: NDArray[np.uint8]) -> None:
        """Take in what ``picture`` shows."""
        said = {}
        for name, field in self._fields.items():
            box = (float(field.x1), float(field.y1), float(field.x2), float(field.y2))
            part = crop(picture, box)
            seen = _spots(part)
            if name not in self._before or _changed(self._before[name], seen):
                self._before[name] = seen
                if name in ("left", "right"):
                    part = crop(picture, ink(picture, box) or box)
                self._last[name] = self.read
                self.read += 1
                self._pending.append(part.copy())
            said[name] = self._last[name]
        self._rows.append((frame, pts_s, said))
        if len(self._pending) >= 64:
            self._flush()

    def _flush(self) -> None:
        self._readings += self._reader.read(self._pending)
        self._pending = []

    def table(self) -> pd.DataFrame:
        """SCOREBOARD of all looks."""
        import pandas as pd

        self._flush()
        frames, times, _ = zip(*self._rows, strict=True)
        clock, clock_w = self._meaning("clock", clock_of)
        period, period_w = self._meaning("period", period_of)
        shown = np.array([np.nan if c is None else c for c in clock], np.float64)
        kept = steady_clock(times, shown, clock_w)
        columns = {"period": (period, period_w)}
        for side in ("left", "right"):
            columns[f"score_{side}"] = self._meaning(side, goals_of)
        table = pd.DataFrame({"frame": frames, "pts_s": times, "clock_s": shown})
        table.loc[~kept, "clock_s"] = np.nan
        sure = np.where(kept, clock_w, 0.0)
        count = kept.astype(float)
        for name, (values, weights) in columns.items():
            good = steady_count(values, weights)
            missing = 0 if name == "period" else -1
            table[name] = [
                v if g and v is not None else missing for v, g in zip(values, good, strict=True)
            ]
            sure += np.where(good, weights, 0.0)
            count += good
        table["confidence"] = np.where(count > 0, sure / np.maximum(count, 1), 0.0)
        return table.astype(SCOREBOARD)[list(SCOREBOARD)]

    def _meaning(
        self, name: str, meaning: Callable[[str], Any]
    ) -> tuple[list[Any], NDArray[np.float64]]:
        """What each look says in field ``name``, None where nothing, and how surely."""
        if name not in self._fields:
            return [None] * len(self._rows), np.zeros(len(self._rows))
        said = [self._readings[row[2][name]] for row in self._rows]
        values = [meaning(one.text) for one in said]
        return values, np.array([one.score for one in said])


def _spots(part: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2

    grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, _SPOTS, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(small.astype(np.float32), (3, 3)), np.float32)


def _changed(before: NDArray[np.float32], now: NDArray[np.float32]) -> bool:
    return bool(np.abs(before - now).max() > _CHANGED)
