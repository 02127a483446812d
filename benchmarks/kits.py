"""Do tracks keep to one kit, and what are colours worth to the tracker?

    python benchmarks/kits.py --rendered 25
    python benchmarks/kits.py FOLDER_OF_VIDEOS

``--rendered``: a game of so many seconds at 720 lines is rendered and looked at; its tracks, with
colours and without, against its truth. For videos without a truth: the share of looks at the
kit that is not its track's usual one, of all looks at both kits. A look is right only as often
as colours tell, so the share never is 0; it grows when people swap their numbers.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pipeline import accuracy

from jarvis_dagster.hockey.detection import choose_stride, load_detector
from jarvis_dagster.hockey.roles import torso_colours
from jarvis_dagster.hockey.roles.samples import crowding, kit_looks, summarise_kit
from jarvis_dagster.hockey.roles.teams import find_kits
from jarvis_dagster.hockey.sweep import sweep
from jarvis_dagster.hockey.synthetic import GameSpec, render_game
from jarvis_dagster.hockey.tracking import track
from jarvis_dagster.hockey.video import probe

if TYPE_CHECKING:
    from jarvis_dagster.hockey.detection.base import Detector

DETECTOR_MS = 12.0  # as on two idle cores: how often it looks must not depend on the moment


def followed(video: Path, detector: Detector) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """The tracks of a video with colours and without, and its kits."""
    info = probe(video)
    seen = sweep(video, detector, stride=choose_stride(info.fps, DETECTOR_MS).stride)
    torsos = torso_colours(seen.kit, seen.detections)
    tracks = {
        name: track(
            seen.detections,
            width_px=info.width_px,
            height_px=info.height_px,
            fps=info.fps,
            scan=seen.scan,
            kit=colours,
            frame_count=len(seen.scan),
        )
        for name, colours in (("with colours", torsos), ("without", None))
    }
    return tracks, seen.kit


def other_kit(tracks: pd.DataFrame, kit: pd.DataFrame) -> tuple[float, float]:
    """Looks at the rarer kit of each track, and at both."""
    covered = crowding(tracks)
    summary = summarise_kit(tracks, kit, covered)
    kits = find_kits(summary, np.ones(len(summary.track_ids)))
    if kits is None or len(kits.centres) < 2:
        return 0.0, 0.0
    looks = kit_looks(tracks, kit, covered)
    half = float(np.ptp(kits.places)) / 2
    side = np.clip((looks.vectors @ kits.axis - kits.places.mean()) / half, -1, 1)
    ids = tracks["track_id"].to_numpy()[looks.rows]
    sums = pd.DataFrame({"id": ids, "first": -side.clip(max=0), "second": side.clip(min=0)})
    both = sums.groupby("id").sum()
    return float(both.min(axis=1).sum()), float(both.to_numpy().sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path, nargs="?", help="a folder")
    parser.add_argument("--rendered", type=float, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    detector = load_detector()
    if arguments.rendered:
        with tempfile.TemporaryDirectory() as folder:
            size = {"width_px": 1280, "height_px": 720, "fps": 30}
            spec = GameSpec(seed=arguments.seed, duration_s=arguments.rendered, **size)
            video = render_game(Path(folder), spec).video
            for name, found in followed(video, detector)[0].items():
                table = Path(folder) / "tracks.csv"
                found[found["class"] != "puck"].to_csv(table, index=False)
                figures = accuracy(video.with_name("tracks.parquet"), table)
                print(name, {key: round(value, 3) for key, value in figures.items()})
    totals: dict[str, list[float]] = {}
    for video in sorted(arguments.videos.glob("*.mp4")) if arguments.videos else []:
        tracks, kit = followed(video, detector)
        for name, found in tracks.items():
            other, both = other_kit(found, kit)
            sums = totals.setdefault(name, [0.0, 0.0])
            sums[0], sums[1] = sums[0] + other, sums[1] + both
            print(f"{video.name}, {name}: {other / max(both, 1e-9):.3f}", flush=True)
    for name, (other, both) in totals.items():
        print(f"all, {name}: {other / max(both, 1e-9):.3f}")


if __name__ == "__main__":
    main()
