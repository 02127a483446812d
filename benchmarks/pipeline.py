"""Frames a second and peak memory of the whole analysis, against a plain loop.

    python benchmarks/pipeline.py [--video game.mp4] [--seconds 60] [--json]

Without ``--video`` a 1080p game at 30 frames/s is rendered first. ``ours`` is
what the assets do: inspect, detect, track, tell roles and teams, ledger,
highlights, annotated video. ``peer`` is the loop that one would write with
supervision and trackers: every frame decoded by OpenCV, the same detector,
ByteTrack, box and label annotators, encoded by OpenCV. Both run in a process of
their own, one after the other. ``--repeat N`` concatenates the video N times,
to see that memory does not grow with its length.
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

import psutil

Step = dict[str, float]


def ours(video: Path, folder: Path) -> dict[str, Step]:
    """Every step of the assets."""
    from jarvis_dagster.hockey.detection import (
        choose_stride,
        detect_video,
        load_detector,
        measure_detector,
    )
    from jarvis_dagster.hockey.events import build_ledger
    from jarvis_dagster.hockey.highlights import cut_clips, select_highlights
    from jarvis_dagster.hockey.preflight import preflight, scan_video
    from jarvis_dagster.hockey.render import render_annotated
    from jarvis_dagster.hockey.roles import assign_roles, keep_to_one_kit, team_colours
    from jarvis_dagster.hockey.tracking import track
    from jarvis_dagster.hockey.video import probe

    steps: dict[str, Step] = {}

    def timed(name: str, function, *args, **kwargs):
        cpu, began = time.process_time(), time.perf_counter()
        result = function(*args, **kwargs)
        steps[name] = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
        return result

    info = timed("probe", probe, video)
    scan = timed("scan", scan_video, video)
    timed("preflight", preflight, info, scan)
    detector = timed("load detector", load_detector)
    ms = timed("measure detector", measure_detector, detector, info.width_px, info.height_px)
    stride = choose_stride(info.fps, ms).stride
    boxes, kit = timed("detect", detect_video, video, detector, stride=stride)
    tracks = timed(
        "track",
        track,
        boxes,
        width_px=info.width_px,
        height_px=info.height_px,
        fps=info.fps,
        scan=scan,
        kit=kit.to_numpy("float32"),
        frame_count=len(scan),
    )
    tracks = timed("one kit", keep_to_one_kit, tracks, kit)
    tracks = timed("roles", assign_roles, tracks, kit, boxes)
    colours = team_colours(tracks, kit)
    ledger = timed("events", build_ledger, tracks, None, scan, info)
    chosen = select_highlights(ledger, info)
    timed("highlights", cut_clips, video, chosen, folder)
    timed(
        "annotate",
        render_annotated,
        video,
        folder / "annotated.mp4",
        tracks,
        scan=scan,
        team_colours=colours,
    )
    steps["detect"]["stride"] = stride
    return steps


def peer(video: Path, folder: Path) -> dict[str, Step]:
    """Decode, detect, ByteTrack, annotate, encode: frame by frame."""
    import cv2
    import supervision as sv
    from trackers import ByteTrackTracker

    from jarvis_dagster.hockey.detection import load_detector

    cpu, began = time.process_time(), time.perf_counter()
    capture = cv2.VideoCapture(str(video))
    fps = capture.get(cv2.CAP_PROP_FPS)
    size = (
        int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
    )
    writer = cv2.VideoWriter(str(folder / "peer.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    # Nothing else runs while the detector does, so here it gets every core.
    detector = load_detector(threads=psutil.cpu_count(logical=False))
    tracker = ByteTrackTracker(frame_rate=fps)
    boxes, labels = sv.BoxAnnotator(), sv.LabelAnnotator()
    while True:
        ok, image = capture.read()
        if not ok:
            break
        (found,) = detector.detect([image])
        detections = sv.Detections(
            xyxy=found.xyxy, confidence=found.score, class_id=found.class_index.astype(int)
        )
        detections = tracker.update(detections)
        image = boxes.annotate(image, detections)
        ids = detections.tracker_id
        names = [] if ids is None else [str(number) for number in ids]
        image = labels.annotate(image, detections, names)
        writer.write(image)
    writer.release()
    capture.release()
    seconds = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    return {"whole loop": seconds}


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
    return result


def rendered(folder: Path, seconds: float) -> Path:
    """A 1080p game at 30 frames/s."""
    from jarvis_dagster.hockey.synthetic import GameSpec, render_game

    spec = GameSpec(seed=11, duration_s=seconds, width_px=1920, height_px=1080, fps=30)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=["ours", "peer"], help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        cpu = time.process_time()
        began = time.perf_counter()
        steps = {"ours": ours, "peer": peer}[arguments.only](arguments.video, arguments.into)
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
        video = arguments.video or rendered(Path(folder), arguments.seconds)
        if arguments.repeat > 1:
            video = repeated(video, Path(folder), arguments.repeat)
        info = probe(video)
        results = {kind: measure(kind, video) for kind in ("ours", "peer")}
    for row in results.values():
        row["frames_per_s"] = info.frame_count / row["wall_s"]
        row["times_real_time"] = row["frames_per_s"] / info.fps
        row["core_ms_per_frame"] = 1000 * row["cpu_s"] / info.frame_count
    ratio = results["ours"]["frames_per_s"] / results["peer"]["frames_per_s"]
    if arguments.json:
        print(json.dumps({**results, "ratio_frames_per_s": ratio}, indent=2))
        return
    print(f"{info.frame_count} frames, {info.width_px}x{info.height_px} at {info.fps:g} frames/s")
    for kind, row in results.items():
        print(
            f"{kind:<5} {row['frames_per_s']:6.1f} frames/s  {row['times_real_time']:5.2f} x real "
            f"time  {row['core_ms_per_frame']:5.1f} core-ms/frame  {row['peak_mib']:6.0f} MiB peak"
        )
    print(f"ours / peer, frames/s: {ratio:.2f}")
    for step, row in results["ours"]["steps"].items():
        stride = f"  every {row['stride']}. frame" if "stride" in row else ""
        print(f"  {step:<16} {row['wall_s']:8.2f} s  {row['cpu_s']:8.2f} core-s{stride}")


if __name__ == "__main__":
    main()
