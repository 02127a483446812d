"""Our tracker against every online tracker of the ``trackers`` library.

All get the same noisy detections, made from ground truth in the same run (one line of
ours also gets a class with each box, wrong for one in ten):

    python benchmarks/tracker.py --data DIR [--noise white middle] [--games CAR CHI]

``DIR`` holds one folder a sequence with ``gt.txt`` or ``gt.txt.gz`` (MOTChallenge
rows). A game is what comes before the last ``_`` in a folder's name. Speed is in
processor time of one thread, so a busy machine does not change it much.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import supervision as sv
import trackers as library
from rich.console import Console
from rich.table import Table

from jarvis_dagster.hockey.tracking import (
    NOISE_LEVELS,
    evaluate_tables,
    read_mot,
    simulate_detections,
    track,
)

ONLINE = {
    "SORT": library.SORTTracker,
    "ByteTrack": library.ByteTrackTracker,
    "OC-SORT": library.OCSORTTracker,
    "C-BIoU": library.CBIoUTracker,
    # These two want pixels for camera motion and masks; boxes are all there is.
    "BoT-SORT (no pixels)": lambda **rate: library.BoTSORTTracker(enable_cmc=False, **rate),
    "McByte (no pixels)": lambda **rate: library.McByteTracker(enable_cmc=False, **rate),
}
FIGURES = ("HOTA", "DetA", "AssA", "LocA", "IDF1", "MOTA")
COLUMNS = ["frame", "id", "x", "y", "w", "h"]
KEEPERS = (3, 4)  # classes of the ground truth that are goalkeepers
WRONG = 0.1  # share of boxes whose class the simulated detector gets wrong
Follow = Callable[[pd.DataFrame, float, tuple[int, int]], pd.DataFrame]


def ours_with_keepers(detections: pd.DataFrame, fps: float, size: tuple[int, int]) -> pd.DataFrame:
    """As a detector serves it that tells goalkeepers from players, nine times in ten."""
    named = np.where(detections["class"].isin(KEEPERS), "goalkeeper", "player")
    wrong = np.random.default_rng(0).random(len(named)) < WRONG
    other = np.where(named == "player", "goalkeeper", "player")
    return ours(detections, fps, size, np.where(wrong, other, named))


def ours(
    detections: pd.DataFrame,
    fps: float,
    size: tuple[int, int],
    kinds: np.ndarray | str = "player",
) -> pd.DataFrame:
    x, y, w, h = (detections[name].to_numpy() for name in "xywh")
    table = pd.DataFrame(
        {"frame": detections["frame"], "pts_s": detections["frame"] / fps}
        | {"x1_px": x, "y1_px": y, "x2_px": x + w, "y2_px": y + h}
        | {"score": detections["score"], "class": kinds}
    )
    found = track(table, width_px=size[0], height_px=size[1], fps=fps)
    corners = found[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64)
    corners[:, 2:] -= corners[:, :2]
    boxes = pd.DataFrame(corners, columns=["x", "y", "w", "h"])
    boxes.insert(0, "frame", found["frame"].to_numpy(np.int64))
    boxes.insert(1, "id", found["track_id"].to_numpy(np.int64))
    return boxes


def online(make: Callable) -> Follow:
    def follow(detections: pd.DataFrame, fps: float, size: tuple[int, int]) -> pd.DataFrame:
        del size
        tracker = make(frame_rate=fps)
        frame = detections["frame"].to_numpy()
        corners = detections[["x", "y", "w", "h"]].to_numpy(np.float32)
        corners[:, 2:] += corners[:, :2]
        score = detections["score"].to_numpy(np.float32)
        rows = []
        for number in range(int(frame.min()), int(frame.max()) + 1):
            start, stop = np.searchsorted(frame, [number, number + 1])
            now = tracker.update(
                sv.Detections(
                    xyxy=corners[start:stop],
                    confidence=score[start:stop],
                    class_id=np.zeros(stop - start, dtype=int),
                )
            )
            if len(now) and now.tracker_id is not None:
                known = now.tracker_id >= 0
                box = now.xyxy[known].astype(np.float64)
                box[:, 2:] -= box[:, :2]
                numbers = np.full(int(known.sum()), number)
                rows.append(np.column_stack([numbers, now.tracker_id[known], box]))
        table = pd.DataFrame(np.concatenate(rows or [np.zeros((0, 6))]), columns=COLUMNS)
        return table.astype({"frame": "int64", "id": "int64"})

    return follow


def absences_split(truth: pd.DataFrame) -> pd.DataFrame:
    """The truth with a new id for a person who was out of the picture."""
    ordered = truth.sort_values(["id", "frame"], kind="stable")
    fresh = (ordered["id"] != ordered["id"].shift()) | (ordered["frame"].diff() > 1)
    return ordered.assign(id=fresh.cumsum())


def measure(
    name: str, folder: Path, level: str, follow: Follow, options: argparse.Namespace
) -> dict[str, float | str]:
    file = next(path for path in (folder / "gt.txt.gz", folder / "gt.txt") if path.exists())
    truth = read_mot(file).drop_duplicates(["frame", "id"])
    if options.frames:
        truth = truth[truth["frame"] < truth["frame"].min() + options.frames]
    size = (options.width, options.height)
    fps = next((float(f) for p, f in options.fps if folder.name.startswith(p)), 30.0)
    noisy = simulate_detections(
        truth, NOISE_LEVELS[level], fps=fps, width_px=size[0], height_px=size[1], seed=options.seed
    )
    kinds = truth.drop_duplicates("id").set_index("id")["class"]
    noisy["class"] = noisy["truth"].map(kinds).fillna(1).astype(int)
    started = time.process_time()
    found = follow(noisy, fps, size)
    spent = time.process_time() - started
    figures = evaluate_tables(truth, found)
    present = evaluate_tables(absences_split(truth), found)
    return {
        "tracker": name,
        "noise": level,
        "sequence": folder.name,
        "game": folder.name.rsplit("_", 1)[0],
        **{figure: figures[figure] for figure in FIGURES},
        "HOTA*": present["HOTA"],
        "IDF1*": present["IDF1"],
        "switches": figures["switches"],
        "ms/frame": 1000 * spent / truth["frame"].nunique(),
    }


def show(console: Console, title: str, means: pd.DataFrame) -> None:
    table = Table(title=title)
    for column in [*means.index.names, *means.columns]:
        table.add_column(str(column), justify="left" if column in means.index.names else "right")
    for key, row in means.iterrows():
        cells = key if isinstance(key, tuple) else (key,)
        table.add_row(*map(str, cells), *(f"{value:.3f}" for value in row))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of sequence folders")
    parser.add_argument("--noise", nargs="+", default=list(NOISE_LEVELS), choices=NOISE_LEVELS)
    parser.add_argument("--games", nargs="*", default=[""], help="beginnings of folder names")
    parser.add_argument("--only", nargs="*", default=None, help="trackers, e.g. ours ByteTrack")
    parser.add_argument("--frames", type=int, default=0, help="first frames of each sequence")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument(
        "--fps",
        nargs="*",
        default=[("CAR", "60")],
        type=lambda text: tuple(text.split("=")),
        help="frame rates other than 30, as PREFIX=RATE",
    )
    parser.add_argument("--out", type=Path, default=None, help="CSV of every run")
    options = parser.parse_args()
    folders = sorted(
        folder
        for folder in options.data.iterdir()
        if any((folder / name).exists() for name in ("gt.txt", "gt.txt.gz"))
        and folder.name.startswith(tuple(options.games))
    )
    if not folders:
        sys.exit(f"{options.data} holds no folder with gt.txt or gt.txt.gz")
    warnings.simplefilter("ignore")
    mine: dict[str, Follow] = {"ours": ours, "ours, goalkeepers named": ours_with_keepers}
    methods = {**mine, **{n: online(m) for n, m in ONLINE.items()}}
    chosen = {n: f for n, f in methods.items() if not options.only or n in options.only}
    console = Console(width=150)
    runs = []
    for level in options.noise:
        for folder in folders:
            for name, follow in chosen.items():
                runs.append(measure(name, folder, level, follow, options))
        results = pd.DataFrame(runs)
        numbers = results.columns[4:]
        part = results[results["noise"] == level]
        games = part.groupby(["tracker", "game"])[list(numbers)].mean()
        means = part.groupby("tracker")[list(numbers)].mean().sort_values("HOTA", ascending=False)
        if "ours" in means.index:
            means["time / ours"] = means["ms/frame"] / means.loc["ours", "ms/frame"]
        show(console, f"{level}: mean over sequences (* new id after an absence)", means)
        show(console, f"{level}: each game", games)
        if options.out:
            results.to_csv(options.out, index=False)


if __name__ == "__main__":
    main()
