"""Our tracker against ByteTrack, OC-SORT and BoT-SORT of the ``trackers`` library.

    python benchmarks/tracker.py --data DIR [--full]

All get the same noisy detections, made from ground truth in the same run: a tenth of
the boxes missed, each by itself (``pixels``) or in runs (``pixels-bursts``), every edge
2 px off, a false box in every other frame. Each peer runs with every setting of its
grid on the first ``--tune`` frames, and then with the one that had the best HOTA +
IDF1 **on the very sequences it is judged on**, which favours it; ours has one setting.

``DIR`` holds one folder a sequence with ``gt.txt`` or ``gt.txt.gz`` (MOTChallenge
rows). Columns with * count a person who comes back into the picture as another one,
since boxes alone hardly tell. Speed is in processor time of one thread beside our own,
memory is what the tracker allocates at its peak, and the cost of a player is what each
further one adds, from pictures with several sequences beside each other.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
import tracemalloc
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from tracker_methods import (
    GRIDS,
    Follow,
    ours,
    ours_sticks_left_on,
    ours_with_keepers,
    peer,
    settings_of,
)

from jarvis_dagster.hockey.tracking import (
    NOISE_LEVELS,
    evaluate_tables,
    read_mot,
    simulate_detections,
)

FIGURES = ("HOTA", "DetA", "AssA", "LocA", "IDF1", "MOTA")
Sequence = tuple[str, float, pd.DataFrame, pd.DataFrame]  # name, fps, truth, noisy


def absences_split(truth: pd.DataFrame) -> pd.DataFrame:
    """The truth with a new id for a person who was out of the picture."""
    ordered = truth.sort_values(["id", "frame"], kind="stable")
    fresh = (ordered["id"] != ordered["id"].shift()) | (ordered["frame"].diff() > 1)
    return ordered.assign(id=fresh.cumsum())


def read(folder: Path, level: str, options: argparse.Namespace) -> Sequence:
    """A sequence and its noisy detections."""
    file = next(path for path in (folder / "gt.txt.gz", folder / "gt.txt") if path.exists())
    truth = read_mot(file).drop_duplicates(["frame", "id"])
    if options.frames:
        truth = truth[truth["frame"] < truth["frame"].min() + options.frames]
    fps = next((float(rate) for start, rate in options.fps if folder.name.startswith(start)), 30.0)
    noisy = simulate_detections(
        truth,
        NOISE_LEVELS[level],
        fps=fps,
        width_px=options.width,
        height_px=options.height,
        seed=options.seed,
    )
    kinds = truth.drop_duplicates("id").set_index("id")["class"]
    noisy["class"] = noisy["truth"].map(kinds).fillna(1).astype(int)
    if options.no_scores:
        noisy["score"] = 1.0
    return folder.name, fps, truth, noisy


def measure(follow: Follow, sequence: Sequence, size: tuple[int, int]) -> dict[str, float | str]:
    name, fps, truth, noisy = sequence
    started = time.process_time()
    found = follow(noisy, fps, size)
    spent = time.process_time() - started
    figures = evaluate_tables(truth, found)
    present = evaluate_tables(absences_split(truth), found)
    return {
        "sequence": name,
        "game": name.rsplit("_", 1)[0],
        **{figure: figures[figure] for figure in FIGURES},
        "HOTA*": present["HOTA"],
        "IDF1*": present["IDF1"],
        "switches*": present["switches"],
        "ids": figures["tracks"],
        "people": figures["people"],
        "ms/frame": 1000 * spent / truth["frame"].nunique(),
    }


def best_settings(
    name: str, sequences: list[Sequence], frames: int, size: tuple[int, int]
) -> dict[str, object]:
    """Of the peer's grid, the one with the largest mean HOTA + IDF1."""
    ranked = []
    for settings in settings_of(name):
        follow, worth = peer(name, settings), []
        for _, fps, truth, noisy in sequences:
            end = truth["frame"].min() + frames
            found = follow(noisy[noisy["frame"] < end], fps, size)
            figures = evaluate_tables(truth[truth["frame"] < end], found)
            worth.append(figures["HOTA"] + figures["IDF1"])
        ranked.append((float(np.mean(worth)), settings))
    return max(ranked, key=lambda pair: pair[0])[1]


def peak_mib(follow: Follow, sequence: Sequence, size: tuple[int, int]) -> float:
    """What is allocated at the peak, beyond what is there before."""
    gc.collect()
    tracemalloc.start()
    follow(sequence[3], sequence[1], size)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def us_a_player(follow: Follow, sequences: list[Sequence], size: tuple[int, int]) -> float:
    """Microseconds a frame that each further player costs, by a straight line."""
    people, spent = [], []
    for count in (1, 2, 4):
        beside = [
            noisy[noisy["frame"] < 200].assign(x=noisy["x"] + number * size[0])
            for number, (_, _, _, noisy) in enumerate(sequences[:count])
        ]
        crowd = pd.concat(beside).sort_values("frame", kind="stable").reset_index(drop=True)
        started = time.process_time()
        follow(crowd, sequences[0][1], (count * size[0], size[1]))
        frames = crowd["frame"].nunique()
        spent.append(1e6 * (time.process_time() - started) / frames)
        people.append(len(crowd) / frames)
    return float(np.polyfit(people, spent, 1)[0])


def show(console: Console, title: str, means: pd.DataFrame) -> None:
    table = Table(title=title)
    for column in [*means.index.names, *means.columns]:
        table.add_column(str(column), justify="left" if column in means.index.names else "right")
    for key, row in means.iterrows():
        cells = key if isinstance(key, tuple) else (key,)
        table.add_row(*map(str, cells), *(f"{value:.3f}" for value in row))
    console.print(table)


def compare(
    level: str, folders: list[Path], options: argparse.Namespace, console: Console
) -> pd.DataFrame:
    """Every tracker on every sequence at one level of noise."""
    size = (options.width, options.height)
    sequences = [read(folder, level, options) for folder in folders]
    methods: dict[str, Follow] = {"ours": ours, "ours, goalkeepers named": ours_with_keepers}
    if NOISE_LEVELS[level].stick:
        methods["ours, sticks left on"] = ours_sticks_left_on
    for name in GRIDS:
        if not options.only or name in options.only:
            settings = best_settings(name, sequences, options.tune, size)
            console.print(f"{name}, best of its grid: {settings}", highlight=False)
            methods[name] = peer(name, settings)
    runs, costs = [], {}
    for name, follow in methods.items():
        if not options.only or name in options.only:
            runs += [{"tracker": name, **measure(follow, one, size)} for one in sequences]
            costs[name] = {
                "peak MiB": peak_mib(follow, sequences[0], size),
                "µs/player": us_a_player(follow, sequences, size),
            }
    results = pd.DataFrame(runs)
    numbers = [column for column in results if column not in ("tracker", "sequence", "game")]
    means = results.groupby("tracker")[numbers].mean().sort_values("HOTA", ascending=False)
    means = means.join(pd.DataFrame(costs).T.rename_axis("tracker"))
    if "ours" in means.index:
        means["time / ours"] = means["ms/frame"] / means.loc["ours", "ms/frame"]
    show(console, f"{level}: mean over {len(folders)} sequences", means)
    games = results.groupby(["game", "tracker"])[["HOTA", "IDF1", "HOTA*", "IDF1*"]].mean()
    show(console, f"{level}: each game", games)
    return results.assign(noise=level)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of sequence folders")
    parser.add_argument(
        "--noise", nargs="+", default=["pixels", "pixels-bursts"], choices=NOISE_LEVELS
    )
    parser.add_argument("--games", nargs="*", default=[""], help="beginnings of folder names")
    parser.add_argument("--only", nargs="*", default=None, help="trackers, e.g. ours ByteTrack")
    parser.add_argument("--frames", type=int, default=600, help="first frames of each sequence")
    parser.add_argument("--tune", type=int, default=200, help="frames on which settings are tried")
    parser.add_argument("--full", action="store_true", help="all frames, for results and settings")
    parser.add_argument("--no-scores", action="store_true", help="every box has score 1")
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
    if options.full:
        options.frames, options.tune = 0, 10**9
    folders = sorted(
        folder
        for folder in options.data.iterdir()
        if any((folder / name).exists() for name in ("gt.txt", "gt.txt.gz"))
        and folder.name.startswith(tuple(options.games))
    )
    if not folders:
        sys.exit(f"{options.data} holds no folder with gt.txt or gt.txt.gz")
    warnings.simplefilter("ignore")
    console = Console(width=170)
    results = pd.concat([compare(level, folders, options, console) for level in options.noise])
    if options.out:
        results.to_csv(options.out, index=False)


if __name__ == "__main__":
    main()
