"""Whether the frames that are put up for labelling need more correction than others.

    python -m benchmarks.review [--games 3] [--seconds 20] [--count 8]

Rendered games on seeds that nothing was tuned on are detected, tracked and told apart as any
upload is. A frame's labels, as Jarvis would give them, are compared with the truth: a
correction is a box to add, to remove or to rename. Four choices of as many frames of each game
are compared: all frames (what a random choice gets on average), evenly spaced ones, those of
the review queue, and those of the queue after its second look. Games are kept in ``--folder``.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jarvis_dagster.hockey.detection import detect_video, load_detector
from jarvis_dagster.hockey.people import people_of
from jarvis_dagster.hockey.preflight import scan_video
from jarvis_dagster.hockey.review.agreement import agreement_of, compare
from jarvis_dagster.hockey.review.second_look import looked_again
from jarvis_dagster.hockey.review.selection import Choice, choose
from jarvis_dagster.hockey.review.signals import Candidate, VideoTables, candidates
from jarvis_dagster.hockey.review.tasks import labels_of
from jarvis_dagster.hockey.roles import team_colours
from jarvis_dagster.hockey.synthetic import GameSpec, render_game
from jarvis_dagster.hockey.video import probe, read_frame

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST = 701
GAP_S = 1.0
STRIDE = 3
SEEN = 0.35
"""Share of a body that has to be in view for its box to be missed."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--count", type=int, default=8, help="frames of each game")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "review-games")
    arguments = parser.parse_args()
    needed: dict[str, list[float]] = {}
    for seed in range(FIRST, FIRST + arguments.games):
        for name, values in one_game(seed, arguments).items():
            needed.setdefault(name, []).extend(values)
            print(f"game {seed}, {name}: {np.mean(values):.2f} corrections a frame", flush=True)
    usual = float(np.mean(needed["all frames"]))
    print(f"\n{'choice':<28}{'frames':>8}{'corrections a frame':>22}{'of usual':>10}")
    for name, values in needed.items():
        mean = float(np.mean(values))
        print(f"{name:<28}{len(values):>8}{mean:>22.2f}{mean / usual:>9.2f}x")


def one_game(seed: int, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Corrections of each frame by choice."""
    path, truth, video = analysed(seed, arguments)
    frames = [int(frame) for frame in np.unique(video.detections["frame"])]
    needs = {frame: corrections(video, truth, frame) for frame in frames}
    even = [frames[int(at)] for at in np.linspace(0, len(frames) - 1, arguments.count)]
    found = candidates(video)
    detector = load_detector()
    short = choose(found, 2 * arguments.count, gap_s=GAP_S)
    again = [
        looked_again(one.candidate, detector, read_frame(path, one.candidate.frame).image)
        for one in short
    ]
    return {
        "all frames": list(needs.values()),
        "evenly spaced": [needs[frame] for frame in even],
        "review queue": chosen(needs, found, arguments.count),
        "review queue, second look": chosen(needs, again, arguments.count),
    }


def chosen(needs: dict[int, float], found: Iterable[Candidate], count: int) -> list[float]:
    """Corrections of the frames that are chosen from the candidates."""
    made: list[Choice] = choose(found, count, gap_s=GAP_S)
    return [needs[one.candidate.frame] for one in made]


def analysed(seed: int, arguments: argparse.Namespace) -> tuple[Path, pd.DataFrame, VideoTables]:
    """A rendered game, its truth, and the tables of its analysis."""
    folder = arguments.folder / f"{seed}-{arguments.seconds:g}"
    spec = GameSpec(seed=seed, duration_s=arguments.seconds, width_px=960, height_px=540, fps=30)
    if not (folder / "truth.parquet").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        game = render_game(folder, spec)
        pd.read_parquet(game.tracks).to_parquet(folder / "truth.parquet")
        game.video.replace(folder / "game.mp4")
    path = folder / "game.mp4"
    info = probe(path)
    scan = scan_video(path)
    boxes, kit = detect_video(path, load_detector(), stride=STRIDE)
    found = people_of(
        boxes, kit, scan, width_px=info.width_px, height_px=info.height_px, fps=info.fps
    )
    size = info.width_px, info.height_px
    kits = team_colours(found, kit)
    tables = VideoTables(f"game-{seed}", path.name, *size, boxes, found, scan, kits, "packaged")
    return path, pd.read_parquet(folder / "truth.parquet"), tables


def corrections(video: VideoTables, truth: pd.DataFrame, frame: int) -> float:
    """Boxes to add, to remove and to rename, against the truth of a frame."""
    rows = truth[(truth["frame"] == frame) & (truth["class"] != "puck")]
    seen = rows[rows["visibility"] >= SEEN]
    before = labels_of(video, frame, Path("frame.jpg"), "")
    scale = [video.width_px, video.height_px] * 2
    boxes = rows[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64) / scale
    everyone = dataclasses.replace(before, classes=tuple(rows["class"]), boxes=boxes)
    figures = agreement_of([compare(before, everyone)])
    mine = rows.index.isin(seen.index)
    visible = dataclasses.replace(before, classes=tuple(seen["class"]), boxes=boxes[mine])
    missed = sum(agreement_of([compare(before, visible)]).added.values())
    # A box on somebody hardly visible is not wrong, and nobody hardly visible is missed.
    return float(missed + sum(figures.removed.values()) + sum(figures.renamed.values()))


if __name__ == "__main__":
    main()
