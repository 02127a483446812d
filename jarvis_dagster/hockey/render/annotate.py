"""The pass over the video: decode, draw, encode.

Belongs here: the loop and where things go on the picture. Does not belong here:
the shapes themselves (``people``, ``labels``, ``minimap``, ``panels``).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.render import labels
from jarvis_dagster.hockey.render.canvas import Canvas
from jarvis_dagster.hockey.render.minimap import Minimap
from jarvis_dagster.hockey.render.names import names_of
from jarvis_dagster.hockey.render.panels import Panels
from jarvis_dagster.hockey.render.people import Person, draw_person, draw_puck
from jarvis_dagster.hockey.render.placing import MapPlace, place_map
from jarvis_dagster.hockey.render.rows import FrameRows, motions, seen_nearby
from jarvis_dagster.hockey.render.style import DEFAULT_TEAM_COLOURS, Bgr, Look, Palette
from jarvis_dagster.hockey.render.trails import Trails
from jarvis_dagster.hockey.video import (
    QUICK,
    VideoInfo,
    VideoWriter,
    ahead,
    limited_size,
    probe,
)
from jarvis_dagster.hockey.video.decoding import decoded, unsmoothed_for
from jarvis_dagster.hockey.video.scaling import Scaler, plane_array

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    import av
    import pandas as pd

__all__ = ["render_annotated"]

_PROGRESS_EVERY = 25
_WAITING = 8
"""Pictures between two threads: with four, the encoder waits for the painter now and then."""
_PUCK: Bgr = (0, 0, 0)
_SURE_S = 0.25
"""Marks of what is filled in are drawn paler; those of gaps shorter than twice this
are not, or they would flicker."""


def render_annotated(
    video: Path,
    output: Path,
    tracks: pd.DataFrame,
    *,
    positions: pd.DataFrame | None = None,
    scan: pd.DataFrame | None = None,
    calibration: Any = None,
    team_colours: dict[str, tuple[int, int, int]] | None = None,
    jerseys: dict[int, str] | None = None,
    identities: pd.DataFrame | None = None,
    scoreboard: pd.DataFrame | None = None,
    graphics: tuple[float, float, float, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
    max_height: int | None = 720,
    min_height: int = 540,
) -> None:
    """Write the footage with everyone's team, number and path drawn on it.

    The output has the frames and times of the input, and its sound. Its short
    side is at most ``max_height`` (odd sides grow by one pixel): at 720 lines
    drawing and encoding cost a third of what they cost at 1080, and the overlay
    does not gain from more. Small footage is enlarged, at most twice, towards
    ``min_height``: labels that can be read would hide the people in it.

    Args:
        video: The footage.
        output: The mp4 to write.
        tracks: TRACKS.
        positions: POSITIONS, for the rink map; without them a notice says so.
        scan: SCAN; its camera motion keeps the trails on the ice.
        calibration: Names the rink of the map (attribute ``rink``); NHL without.
        team_colours: (b, g, r) by team.
        jerseys: Number on the back by track, where it is sure; shown before the track's.
        identities: IDENTITIES; who comes back keeps the number that he had.
        scoreboard: SCOREBOARD; its clock is shown beside the time of the footage.
        graphics: Box of that scoreboard in pixels of the footage; the rink map leaves it free.
        progress: Called with (frames done, frames in all).
        max_height: Lines at most; ``None`` keeps the size of the footage.
        min_height: Lines at least, as far as twice the size reaches.

    Raises:
        BadVideoError: the footage cannot be decoded.
        TransientError: the output cannot be written.
    """
    if max_height is not None and max_height < 90:
        raise BadInputError(f"max_height {max_height} is too small.", "Give 90 lines or more.")
    info = probe(video)
    size = limited_size(info.width_px, info.height_px, max_height, min_height)
    painter = _Painter(
        info,
        size,
        tracks,
        positions=positions,
        scan=scan,
        rink=getattr(calibration, "rink", "NHL"),
        colours=team_colours,
        names=names_of(tracks, jerseys or {}, identities),
        scoreboard=scoreboard,
        graphics=graphics,
    )
    writer = VideoWriter(
        output, width_px=size[0], height_px=size[1], fps=info.fps, options=QUICK, audio=video
    )
    with writer:
        # Decoding, drawing and encoding at a time: each waits for the one before it only.
        pictures = ahead(_pictures(info, size), _WAITING)
        for number, pts_s, picture in ahead(_painted(pictures, painter), _WAITING):
            writer.write_frame(picture, pts_s)
            if progress is not None and number % _PROGRESS_EVERY == 0:
                progress(number, max(info.frame_count, number))
    if progress is not None:
        progress(writer.frame_count, writer.frame_count)


def _pictures(
    info: VideoInfo, size: tuple[int, int]
) -> Generator[tuple[int, float, av.VideoFrame], None, None]:
    """Number, time and a picture to draw on, frame by frame."""
    scaler = Scaler(size, "yuv420p")
    # On two cores one thread is enough: those that draw and encode have to wait for it less.
    threads = min(max(1, (os.cpu_count() or 1) - 1), 4)
    frames = decoded(info.path, unsmoothed=unsmoothed_for(info, size), threads=threads)
    for number, pts_s, frame in frames:
        yield number, pts_s, scaler.picture(frame)


def _painted(
    pictures: Iterator[tuple[int, float, av.VideoFrame]], painter: _Painter
) -> Generator[tuple[int, float, av.VideoFrame], None, None]:
    for number, pts_s, picture in pictures:
        painter.paint(Canvas(*map(plane_array, picture.planes)), number, pts_s)
        yield number, pts_s, picture


class _Painter:
    """Everything that is drawn on one frame after another."""

    def __init__(
        self,
        info: VideoInfo,
        size: tuple[int, int],
        tracks: pd.DataFrame,
        *,
        positions: pd.DataFrame | None,
        scan: pd.DataFrame | None,
        rink: Any,
        colours: dict[str, Bgr] | None,
        names: dict[int, str],
        scoreboard: pd.DataFrame | None,
        graphics: tuple[float, float, float, float] | None,
    ) -> None:
        self._scale = size[0] / info.width_px, size[1] / info.height_px
        self._scales = np.array(self._scale)
        self._look = Look(size[1], size[0])
        self._palette = Palette(colours or DEFAULT_TEAM_COLOURS)
        tracks = tracks.reset_index(drop=True)
        self._tracks = FrameRows(tracks.assign(sure=seen_nearby(tracks, _SURE_S * info.fps)))
        self._positions = None if positions is None else FrameRows(positions)
        self._motions = motions(scan)
        self._trails = Trails(info.fps)
        people = tracks.drop_duplicates("track_id")
        self._roles: dict[int, tuple[str, str]] = {
            int(track): (role, team)
            for track, role, team in zip(
                people["track_id"], people["role"], people["team"], strict=True
            )
        }
        self._panels = Panels(tracks, self._palette, self._look, scoreboard)
        self._map: tuple[Minimap, MapPlace] | None = None
        if positions is not None:
            drawn = Minimap(rink, self._look)
            place = place_map(
                tracks,
                drawn.size,
                size,
                scale=self._scale,
                margin=self._look.margin,
                fps=info.fps,
                panels=self._panels.height,
                graphics=graphics,
            )
            self._map = drawn, place
        self._names = names

    def paint(self, canvas: Canvas, number: int, pts_s: float) -> None:
        """Draw frame ``number``."""
        self._trails.move(self._motions(number))
        self._draw_map(canvas, number)
        rows = self._tracks.of(number)
        people = sorted(rows, key=lambda row: row["y2_px"])
        drawn = [self._person(canvas, row, number) for row in people if row["class"] != "puck"]
        for row in people:
            if row["class"] == "puck":
                draw_puck(canvas, self._box(row), self._look, _PUCK)
        self._labels(canvas, drawn)
        self._trails.tidy(number)
        corner = None if self._map is None else self._map[1].corner
        self._panels.draw(canvas, pts_s, corner)

    def _person(self, canvas: Canvas, row: Any, number: int) -> tuple[Any, Person]:
        x1, _, x2, y2 = (float(row[name]) for name in ("x1_px", "y1_px", "x2_px", "y2_px"))
        path = self._trails.add(int(row["track_id"]), (x1 + x2) / 2, y2, number)
        person = Person(
            box=self._box(row),
            path=path * self._scales,
            colour=self._palette.of(row["role"], row["team"]),
            role=row["role"],
            sure=bool(row["sure"]),
        )
        draw_person(canvas, person, self._look)
        return row, person

    def _box(self, row: Any) -> tuple[float, float, float, float]:
        across, down = self._scale
        return (
            float(row["x1_px"]) * across,
            float(row["y1_px"]) * down,
            float(row["x2_px"]) * across,
            float(row["y2_px"]) * down,
        )

    def _labels(self, canvas: Canvas, drawn: list[tuple[Any, Person]]) -> None:
        """Chips above the heads; one that would hide another moves up, or aside at the top."""
        taken: list[tuple[int, int, int, int]] = []
        for row, person in sorted(drawn, key=lambda item: -item[1].box[3]):
            chip = labels.chip(
                self._text(row, person), self._look.text, person.colour, sure=person.sure
            )
            width, height = chip.size
            x = round((person.box[0] + person.box[2] - width) / 2)
            y = max(round(person.box[1] - height - 3 * self._look.unit), 0)
            x = min(max(x, 0), canvas.width - width)
            for _ in range(6):
                hit = next((t for t in taken if _overlap(t, (x, y, width, height))), None)
                if hit is None:
                    break
                if hit[1] > height:
                    y = hit[1] - height - 1
                elif x + width / 2 < hit[0] + hit[2] / 2 and hit[0] > width:
                    x = hit[0] - width - 1
                else:
                    x = min(hit[0] + hit[2] + 1, canvas.width - width)
            taken.append((x, y, width, height))
            canvas.put(chip, x, y)

    def _text(self, row: Any, person: Person) -> str:
        if person.role == "referee":
            return "REF"
        number = self._names[int(row["track_id"])]
        return f"G {number}" if person.role == "goalkeeper" else number

    def _draw_map(self, canvas: Canvas, number: int) -> None:
        if self._map is None:
            return
        drawn, place = self._map
        assert self._positions is not None
        rows = [row for row in self._positions.of(number) if row["valid"]]
        known = [self._roles.get(int(row["track_id"]), ("unknown", "")) for row in rows]
        xy = np.array([[row["x_ft"], row["y_ft"]] for row in rows], np.float64).reshape(-1, 2)
        colours = [self._palette.of(*pair) for pair in known]
        picture = drawn.stamp(xy, colours, [role for role, _ in known])
        canvas.put(picture, *place.corner, place.opacity_at(number))


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
