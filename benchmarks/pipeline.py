"""Frames a second and peak memory of the whole analysis, against a plain loop.

    python benchmarks/pipeline.py [--video game.mp4] [--seconds 60] [--json]
    python benchmarks/pipeline.py --scaling
    python benchmarks/pipeline.py --lengths 4 [--video game.mp4]

Without ``--video`` a 1080p game at 30 frames/s is rendered first. ``ours`` is
what the assets do: inspect, detect, track, tell roles and teams, calibrate, read
numbers and scoreboard, ledger, highlights, annotated video. ``peer`` is the loop that
one would write with supervision and trackers: every frame decoded by OpenCV, the same detector,
ByteTrack, box and label annotators, encoded by OpenCV. It runs the detector as
one would, by ONNX Runtime, and once more by OpenVINO as ours does. Each runs in a
process of its own, one after the other. Of a rendered game the tracks of all are
compared with the truth: what is quicker has to be as good. ``--repeat N``
concatenates the video N times, to see that memory does not grow with its length.
``--scaling`` tells what a pixel and a person more cost. ``--lengths N`` analyses the video once
and N times over: what a video costs, what a frame costs, and how memory grows with its length.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from plain_loop import keep, peer, peer_openvino

if TYPE_CHECKING:
    import pandas as pd

Step = dict[str, float]


def ours(video: Path, folder: Path) -> dict[str, Step]:
    """Every step of the assets."""
    from jarvis_dagster.hockey.detection import choose_stride, load_detector, measure_detector
    from jarvis_dagster.hockey.events import build_ledger, keep_possible
    from jarvis_dagster.hockey.highlights import cut_clips, select_highlights
    from jarvis_dagster.hockey.identities import identify
    from jarvis_dagster.hockey.jerseys import SURE, read_jerseys
    from jarvis_dagster.hockey.preflight import preflight
    from jarvis_dagster.hockey.render import render_annotated
    from jarvis_dagster.hockey.rink import positions
    from jarvis_dagster.hockey.rink.video import calibrate_video
    from jarvis_dagster.hockey.roles import (
        assign_roles,
        keep_to_one_kit,
        team_colours,
        torso_colours,
    )
    from jarvis_dagster.hockey.sweep import sweep
    from jarvis_dagster.hockey.tracking import track
    from jarvis_dagster.hockey.video import probe

    steps: dict[str, Step] = {}

    def timed(name: str, function, *args, **kwargs):
        cpu, began = time.process_time(), time.perf_counter()
        result = function(*args, **kwargs)
        steps[name] = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
        return result

    info = timed("probe", probe, video)
    detector = timed("load detector", load_detector)
    ms = timed("measure detector", measure_detector, detector, info.width_px, info.height_px)
    stride = choose_stride(info.fps, ms).stride
    seen = timed("watch", sweep, video, detector, stride=stride)
    scan, boxes, kit, board = seen.scan, seen.detections, seen.kit, seen.board.table
    timed("preflight", preflight, info, scan)
    tracks = timed(
        "track",
        track,
        boxes,
        width_px=info.width_px,
        height_px=info.height_px,
        fps=info.fps,
        scan=scan,
        kit=torso_colours(kit, boxes),
        frame_count=len(scan),
    )
    tracks = timed("one kit", keep_to_one_kit, tracks, kit)
    tracks = timed("roles", assign_roles, tracks, kit, boxes)
    colours = team_colours(tracks, kit)
    held = timed("calibrate", calibrate_video, video, scan, seen=seen.marks).calibration
    where = None if held is None else timed("positions", positions, tracks, held, info.fps)
    if where is not None and held is not None:
        where, _ = keep_possible(where, tracks, info.fps, held.rink)
    numbers = timed("jersey numbers", read_jerseys, video, tracks).table
    worn = kit.filter(regex="^(torso|legs)_").to_numpy("float32")
    timed(
        "identities",
        identify,
        tracks,
        fps=info.fps,
        positions=where,
        jerseys=numbers,
        kit=worn,
    )
    ledger = timed(
        "events", build_ledger, tracks, where, scan, info, scoreboard=board if len(board) else None
    )
    chosen = select_highlights(ledger, info)
    timed("highlights", cut_clips, video, chosen, folder)
    timed(
        "annotate",
        render_annotated,
        video,
        folder / "annotated.mp4",
        tracks,
        positions=where,
        scan=scan,
        team_colours=colours,
        scoreboard=board if len(board) else None,
        jerseys={
            int(row.track_id): row.number for row in numbers.itertuples() if row.probability >= SURE
        },
    )
    steps["watch"]["stride"] = stride
    keep(tracks[tracks["class"] != "puck"], folder)
    return steps


def measure(kind: str, video: Path) -> dict[str, float]:
    """Run one of the two in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, __file__, "--only", kind, "--video", str(video), "--into", folder],
            check=True,
            capture_output=True,
            text=True,
        )
        result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        truth = video.with_name("tracks.parquet")
        if truth.exists():
            result |= accuracy(truth, Path(folder) / "tracks.csv")
    return result


def accuracy(truth: Path, tracks: Path) -> dict[str, float]:
    """HOTA and IDF1 against the truth of a rendered game (its first time through)."""
    import pandas as pd

    from jarvis_dagster.hockey.tracking.evaluation import evaluate_tables

    def rows(table: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "frame": table["frame"],
                "id": table["track_id"],
                "x": table["x1_px"],
                "y": table["y1_px"],
                "w": table["x2_px"] - table["x1_px"],
                "h": table["y2_px"] - table["y1_px"],
            }
        )

    true = pd.read_parquet(truth)
    true = true[(true["class"] != "puck") & (true["visibility"] > 0.1)]
    found = pd.read_csv(tracks)
    figures = evaluate_tables(rows(true), rows(found[found["frame"] <= true["frame"].max()]))
    return {name: figures[name] for name in ("HOTA", "IDF1")}


def scaling(folder: Path, seconds: float) -> None:
    """What a pixel more costs the whole way, and a person more everything after detection."""
    import numpy as np
    import pandas as pd

    from jarvis_dagster.hockey.preflight import scan_video
    from jarvis_dagster.hockey.render import render_annotated
    from jarvis_dagster.hockey.tracking import track
    from jarvis_dagster.hockey.video import probe

    points = []
    for height in (360, 720, 1080):
        video = rendered(folder / str(height), seconds, height)
        row = measure("ours", video)
        megapixels = height * height * 16 / 9 / 1e6
        spent = sum(step["cpu_s"] for step in row["steps"].values())
        points.append((megapixels, 1000 * spent / probe(video).frame_count))
        print(f"{height} lines: {points[-1][1]:.1f} core-ms a frame, {row['peak_mib']:.0f} MiB")
    slope, rest = np.polyfit(*zip(*points, strict=True), 1)
    print(f"{slope:.1f} core-ms a frame for a million pixels more, {rest:.1f} whatever the size")

    info, scan = probe(video), scan_video(video)
    truth = pd.read_parquet(video.with_name("tracks.parquet"))
    truth = truth[(truth["class"] != "puck") & (truth["visibility"] > 0.1)]
    everyone = truth["track_id"].value_counts().index
    points = []
    for count in (4, 8, 12, 16):
        some = truth[truth["track_id"].isin(everyone[:count])].reset_index(drop=True)
        began = time.process_time()
        found = track(
            some, width_px=info.width_px, height_px=info.height_px, fps=info.fps, scan=scan
        )
        render_annotated(video, folder / "some.mp4", found, scan=scan)
        spent = 1000 * (time.process_time() - began) / info.frame_count
        points.append((len(some) / info.frame_count, spent))
    slope, rest = np.polyfit(*zip(*points, strict=True), 1)
    print(f"after detection: {slope:.2f} core-ms a frame for a person more, {rest:.1f} for none")


def lengths(video: Path, folder: Path, times: int) -> None:
    """What is spent a video and what a frame, and how memory grows, by two lengths of it."""
    from jarvis_dagster.hockey.video import probe

    rows, counts = [], []
    for some in (video, repeated(video, folder, times)):
        rows.append(measure("ours", some))
        info = probe(some)
        counts.append(info.frame_count)
        last = rows[-1]
        print(
            f"{info.duration_s:6.1f} s: {last['wall_s']:7.1f} s, {last['cpu_s']:7.1f} core-s,"
            f" {last['peak_mib']:.0f} MiB peak"
        )
    more = counts[1] - counts[0]
    cpu, wall = ((rows[1][name] - rows[0][name]) / more for name in ("cpu_s", "wall_s"))
    mib = rows[1]["peak_mib"] - rows[0]["peak_mib"]
    fixed = rows[0]["cpu_s"] - counts[0] * cpu
    print(
        f"a frame more: {1000 * cpu:.1f} core-ms; of a long video {1 / wall:.1f} frames/s,"
        f" {1 / wall / info.fps:.2f} x real time; {more / info.fps:.0f} s more: {mib:+.0f} MiB;"
        f" a video: {fixed:.1f} core-s"
    )
    print("  of that, a frame: core-ms, ms by the clock; a video: core-s, s by the clock")
    for step, row in rows[0]["steps"].items():
        parts = []
        for name in ("cpu_s", "wall_s"):
            slope = (rows[1]["steps"][step][name] - row[name]) / more
            parts.append((1000 * slope, row[name] - slope * counts[0]))
        (busy, busy_once), (clock, clock_once) = parts
        print(f"  {step:<16} {busy:6.2f} {clock:6.2f}   {busy_once:6.2f} {clock_once:6.2f}")


def rendered(folder: Path, seconds: float, height: int = 1080) -> Path:
    """A game at 30 frames/s."""
    from jarvis_dagster.hockey.synthetic import GameSpec, render_game

    spec = GameSpec(
        seed=11, duration_s=seconds, width_px=height * 16 // 9, height_px=height, fps=30
    )
    return render_game(folder, spec).video


def repeated(video: Path, folder: Path, times: int) -> Path:
    """The video ``times`` over, without encoding it again."""
    import av

    target = folder / f"repeated{video.suffix}"
    with av.open(str(video)) as first, av.open(str(target), "w") as out:
        source = first.streams.video[0]
        stream = out.add_stream_from_template(source)
        length = int(source.duration or 0)
        for turn in range(times):
            with av.open(str(video)) as again:
                for packet in again.demux(again.streams.video[0]):
                    if packet.dts is None:
                        continue
                    packet.pts = (packet.pts or 0) + turn * length
                    packet.dts += turn * length
                    packet.stream = stream
                    out.mux(packet)
    return target


KINDS = {"ours": ours, "peer": peer, "peer (OpenVINO)": peer_openvino}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--lengths", type=int, metavar="N")
    parser.add_argument("--only", choices=list(KINDS), help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        cpu = time.process_time()
        began = time.perf_counter()
        steps = KINDS[arguments.only](arguments.video, arguments.into)
        wall = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            json.dumps(
                {
                    "steps": steps,
                    "wall_s": wall,
                    "cpu_s": time.process_time() - cpu,
                    "peak_mib": peak,
                }
            )
        )
        return
    from jarvis_dagster.hockey.video import probe

    with tempfile.TemporaryDirectory() as folder:
        if arguments.scaling:
            scaling(Path(folder), arguments.seconds)
            return
        video = arguments.video or rendered(Path(folder), arguments.seconds)
        if arguments.lengths:
            lengths(video, Path(folder), arguments.lengths)
            return
        if arguments.repeat > 1:
            video = repeated(video, Path(folder), arguments.repeat)
        info = probe(video)
        results = {kind: measure(kind, video) for kind in KINDS}
    for row in results.values():
        row["frames_per_s"] = info.frame_count / row["wall_s"]
        row["times_real_time"] = row["frames_per_s"] / info.fps
        row["core_ms_per_frame"] = 1000 * row["cpu_s"] / info.frame_count
    ratios = {
        kind: results["ours"]["frames_per_s"] / row["frames_per_s"]
        for kind, row in results.items()
        if kind != "ours"
    }
    if arguments.json:
        print(json.dumps({**results, "ratios_frames_per_s": ratios}, indent=2))
        return
    print(f"{info.frame_count} frames, {info.width_px}x{info.height_px} at {info.fps:g} frames/s")
    for kind, row in results.items():
        print(
            f"{kind:<15} {row['frames_per_s']:6.1f} frames/s  {row['times_real_time']:5.2f} x real "
            f"time  {row['core_ms_per_frame']:5.1f} core-ms/frame  {row['peak_mib']:6.0f} MiB peak"
            + (f"  HOTA {row['HOTA']:.3f}  IDF1 {row['IDF1']:.3f}" if "HOTA" in row else "")
        )
    for kind, ratio in ratios.items():
        print(f"ours / {kind}, frames/s: {ratio:.2f}")
    for step, row in results["ours"]["steps"].items():
        stride = f"  every {row['stride']}. frame" if "stride" in row else ""
        print(f"  {step:<16} {row['wall_s']:8.2f} s  {row['cpu_s']:8.2f} core-s{stride}")


if __name__ == "__main__":
    main()
