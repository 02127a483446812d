"""What decoding, scanning and drawing cost a frame, beside the usual way of doing it.

    python benchmarks/video.py [--seconds 6] [--repeats 3] [--folder DIR]

Renders a synthetic game at 1080p (kept in ``--folder`` for the next run) and, in
one run on the same file, measures

* decoding: ``read_frames`` beside ``cv2.VideoCapture``;
* the scan: ``scan_video`` beside an OpenCV recipe for camera motion alone
  (corners, Lucas-Kanade there and back, RANSAC at 320 px);
* drawing: ``render_annotated`` beside a loop of ``cv2.VideoCapture``,
  supervision's annotators and ``cv2.VideoWriter``.

Core-ms is processor time over all threads; the best of the repeats counts.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd
import supervision as sv

from jarvis_dagster.hockey.preflight import scan_video
from jarvis_dagster.hockey.render import render_annotated
from jarvis_dagster.hockey.rink import Calibration
from jarvis_dagster.hockey.synthetic import GameSpec, render_game
from jarvis_dagster.hockey.video import probe, read_frames

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "jarvis-bench")
    arguments = parser.parse_args()
    folder = _game(arguments.folder, arguments.seconds)
    video = folder / "game.mp4"
    info = probe(video)
    tracks, positions = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("tracks", "positions")
    )
    calibration = Calibration.load(folder / "calibration.json")
    scan = scan_video(video)
    out = folder / "annotated.mp4"

    def draw(max_height: int | None) -> None:
        render_annotated(
            video,
            out,
            tracks,
            positions=positions,
            scan=scan,
            calibration=calibration,
            max_height=max_height,
        )

    people = len(tracks) / info.frame_count
    print(
        f"{info.width_px} x {info.height_px}, {info.frame_count} frames, {people:.1f} people a"
        f" frame, {video.stat().st_size * 8 / info.duration_s / 1e6:.1f} Mbit/s"
    )
    print(f"{'':46}{'frames/s':>9}{'core-ms':>9}{'Mbit/s':>8}")
    _row("decode   jarvis read_frames", lambda: _decode(video), info, arguments.repeats)
    _row("         cv2.VideoCapture", lambda: _decode_cv2(video), info, arguments.repeats)
    _row("         jarvis read_frames 640 x 360", lambda: _decode(video, (640, 360)), info, 1)
    _row("         cv2.VideoCapture + resize 640 x 360", lambda: _decode_small(video), info, 1)
    _row("scan     jarvis scan_video", lambda: scan_video(video), info, arguments.repeats)
    _row(
        "         cv2 recipe, camera motion only",
        lambda: _motion_cv2(video),
        info,
        arguments.repeats,
    )
    _row("draw     jarvis, 720 lines", lambda: draw(720), info, arguments.repeats, out)
    _row("         jarvis, 1080 lines", lambda: draw(None), info, arguments.repeats, out)
    for lines in (720, 1080):
        peer = lambda size=lines: _draw_supervision(video, out, tracks, size)  # noqa: E731
        _row(f"         cv2 + supervision, {lines} lines", peer, info, arguments.repeats, out)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory of this process: {peak_mb} MB")


def _game(folder: Path, seconds: float) -> Path:
    folder = folder / f"game-1080-{seconds:g}"
    if not (folder / "truth.json").exists():
        print(f"Rendering {seconds:g} s of a synthetic game into {folder} …")
        render_game(folder, GameSpec(duration_s=seconds, width_px=1920, height_px=1080))
    return folder


def _row(
    name: str, work: Callable[[], object], info: object, repeats: int, out: Path | None = None
) -> None:
    walls, cores = [], []
    for _ in range(repeats):
        wall, core = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cores.append(time.process_time() - core)
    count = info.frame_count  # type: ignore[attr-defined]
    rate = f"{out.stat().st_size * 8 / info.duration_s / 1e6:8.1f}" if out else ""  # type: ignore[attr-defined]
    print(f"{name:46}{count / min(walls):9.1f}{min(cores) / count * 1e3:9.2f}{rate}", flush=True)


def _decode(video: Path, size: tuple[int, int] | None = None) -> None:
    for _ in read_frames(video, size=size):
        pass


def _frames_cv2(video: Path):  # type: ignore[no-untyped-def]
    capture = cv2.VideoCapture(str(video))
    while True:
        good, image = capture.read()
        if not good:
            break
        yield image
    capture.release()


def _decode_cv2(video: Path) -> None:
    for _ in _frames_cv2(video):
        pass


def _decode_small(video: Path) -> None:
    for image in _frames_cv2(video):
        cv2.resize(image, (640, 360), interpolation=cv2.INTER_AREA)


def _motion_cv2(video: Path) -> None:
    before = None
    for image in _frames_cv2(video):
        gray = cv2.cvtColor(cv2.resize(image, (320, 180)), cv2.COLOR_BGR2GRAY)
        if before is not None:
            start = cv2.goodFeaturesToTrack(before, 200, 0.01, 7)
            end, found, _ = cv2.calcOpticalFlowPyrLK(before, gray, start, None)
            back, again, _ = cv2.calcOpticalFlowPyrLK(gray, before, end, None)
            good = (found.ravel() > 0) & (again.ravel() > 0)
            good &= np.abs(back - start).max(axis=(1, 2)) < 1
            if good.sum() >= 8:
                cv2.estimateAffinePartial2D(start[good], end[good])
        before = gray


def _draw_supervision(video: Path, out: Path, tracks: pd.DataFrame, lines: int) -> None:
    """The usual loop: ellipses, labels and traces on BGR frames."""
    info = probe(video)
    scale = lines / info.height_px
    size = round(info.width_px * scale), lines
    palette = sv.ColorPalette.from_hex(["#0060be", "#e25e00", "#262626"])
    painters = (
        sv.TraceAnnotator(color=palette, trace_length=36, thickness=2),
        sv.EllipseAnnotator(color=palette),
        sv.BoxCornerAnnotator(color=palette, thickness=1),
        sv.LabelAnnotator(color=palette, text_position=sv.Position.TOP_CENTER),
    )
    by_frame = dict(tuple(tracks.groupby("frame")))
    writer = cv2.VideoWriter(str(out), cv2.VideoWriter_fourcc(*"mp4v"), info.fps, size)
    for number, image in enumerate(_frames_cv2(video)):
        if size[1] != info.height_px:
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # noqa: PLW2901
        rows = by_frame.get(number)
        if rows is not None:
            detections = sv.Detections(
                xyxy=rows[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy() * scale,
                class_id=rows["team"].map({"A": 0, "B": 1, "": 2}).to_numpy(),
                tracker_id=rows["track_id"].to_numpy(),
            )
            labels = [str(i) for i in rows["track_id"]]
            for painter in painters:
                options = {"labels": labels} if isinstance(painter, sv.LabelAnnotator) else {}
                image = painter.annotate(image, detections, **options)  # noqa: PLW2901
        writer.write(image)
    writer.release()


if __name__ == "__main__":
    main()
