"""How far off is the calibration that is found in pictures? In feet, at marks of the ice.

    python benchmarks/calibration.py --rendered 6 --scenes 60
    python benchmarks/calibration.py --frames FOLDER/calibration
    python benchmarks/calibration.py --labelled FOLDER/labelled_frames --video rinkcam_3

``--rendered``: games of ``hockey/synthetic`` with seeds below 1000 (the network was taught with
seeds from 1000), followed as videos. ``--scenes``: single pictures by cameras and arenas drawn
by chance, of seeds that it was not taught with. ``--frames``: real broadcast frames with a
homography made by a person. ``--labelled``: real frames whose face-off dots a person marked; the
error is from each mark to the nearest dot of the rink.

An error is at landmarks in view (dots, ends of lines, goal posts): where the calibration puts
the landmark's true pixel, from where it is. Only what is called valid counts, and the share that
is. ``claimed`` is the median of the errors that were claimed at the same places. ``core_ms`` is
the processor time in which the marks of a single picture are found.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.rink import RINKS, apply_homography, landmarks_ft
from jarvis_dagster.hockey.rink.evidence import MarkFinder
from jarvis_dagster.hockey.rink.refine import error_ft_at
from jarvis_dagster.hockey.rink.residuals import inverse
from jarvis_dagster.hockey.rink.search import find_camera

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from jarvis_dagster.hockey.rink.evidence import Evidence
    from jarvis_dagster.hockey.rink.search import Fit

    Array = NDArray[np.float64]


class Clocked:
    """Finds marks, and knows how long that took."""

    def __init__(self, finder: MarkFinder) -> None:
        self._finder, self.pictures, self.seconds = finder, 0, 0.0

    def __call__(self, image: NDArray[np.uint8]) -> Evidence:
        began = time.process_time()
        found = self._finder(image)
        self.seconds += time.process_time() - began
        self.pictures += 1
        return found


class Tally:
    """Errors of one benchmark."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.frames = self.usable = self.valid = 0
        self.errors: list[float] = []
        self.claims: list[float] = []
        self.worst: list[float] = []  # median error of each valid frame

    def add(self, errors: Array | None, claims: Array | None = None) -> None:
        """One frame with landmarks in view; None: not calibrated."""
        self.usable += 1
        if errors is None or not len(errors):
            return
        self.valid += 1
        self.errors += errors.tolist()
        self.worst.append(float(np.median(errors)))
        if claims is not None:
            self.claims += claims.tolist()

    def result(self) -> dict[str, Any]:
        """Plain figures."""
        some = np.array(self.errors) if self.errors else np.array([np.nan])
        frames = np.array(self.worst) if self.worst else np.array([np.nan])
        return {
            "frames": self.frames,
            "with_landmarks": self.usable,
            "valid": self.valid,
            "valid_share": round(self.valid / max(self.usable, 1), 3),
            "landmarks": len(self.errors),
            "error_ft_median": round(float(np.median(some)), 2),
            "error_ft_p90": round(float(np.quantile(some, 0.9)), 2),
            "claimed_ft_median": round(float(np.median(self.claims)), 2) if self.claims else None,
            "frames_off_by_5_ft": round(float((frames > 5).mean()), 3),
        }


def in_view(ice_to_px: Array, rink: str, size: tuple[int, int]) -> tuple[Array, Array]:
    """Pixels and feet of the landmarks that a frame of ``size`` shows."""
    feet = np.array(list(landmarks_ft(rink).values()))
    mapped = np.c_[feet, np.ones(len(feet))] @ ice_to_px.T
    back = np.linalg.inv(ice_to_px) @ np.array([size[0] / 2, size[1] * 0.75, 1.0])
    side = np.sign((ice_to_px @ (back / back[2]))[2])
    pixels = mapped[:, :2] / mapped[:, 2:]
    good = (mapped[:, 2] * side > 0) & ((pixels >= 0) & (pixels < size)).all(axis=1)
    return pixels[good], feet[good]


def errors_of(fit: Fit, pixels: Array, feet: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Errors and claimed errors at landmarks, in feet."""
    there = apply_homography(inverse(fit.pose, size), pixels)
    return np.linalg.norm(there - feet, axis=1), error_ft_at(fit.pose, fit.covariance, pixels, size)


def rendered(games: int) -> Iterator[Tally]:
    """Rendered games as videos: key frames, carried between, with cuts."""
    import pandas as pd

    from jarvis_dagster.hockey.preflight import scan_video
    from jarvis_dagster.hockey.rink.video import calibrate_video
    from jarvis_dagster.hockey.synthetic import GameSpec, render_game

    for camera in ("broadcast", "fixed"):
        tally = Tally(f"rendered games, {camera}")
        for number in range(games):
            rink = "IIHF" if number % 3 == 2 else "NHL"
            spec = GameSpec(
                seed=11 + number,
                duration_s=6.0,
                camera=camera,  # type: ignore[arg-type]
                rink=rink,
                fps=25,
                cuts=1 if camera == "broadcast" and number % 2 else 0,
            )
            with tempfile.TemporaryDirectory() as folder:
                game = render_game(Path(folder), spec)
                found = calibrate_video(game.video, scan_video(game.video)).calibration
                truth = pd.read_parquet(game.homographies)
                cuts = pd.read_parquet(game.cuts)
            away = cuts.loc[cuts["to"] != "main", "frame"].tolist()
            back = cuts.loc[cuts["to"] == "main", "frame"].tolist()
            size = (spec.width_px, spec.height_px)
            for row in truth.itertuples(index=False):
                tally.frames += 1
                off_main = any(a <= row.frame < b for a, b in zip(away, back, strict=False))
                held = None if found is None else found.homography_at(row.frame)
                matrix = np.array(row[1:10], float).reshape(3, 3)
                pixels, feet = in_view(np.linalg.inv(matrix), rink, size)
                if len(pixels) < 2 or (off_main and held is None):
                    continue
                if held is None or found is None:
                    tally.add(None)
                else:
                    tally.add(
                        np.linalg.norm(apply_homography(held, pixels) - feet, axis=1),
                        found.error_ft_at(row.frame, pixels),
                    )
        yield tally


def scenes(count: int, finder: Clocked) -> Tally:
    """Single pictures by cameras of all kinds."""
    from jarvis_dagster.hockey.rink.training.scenes import SceneMaker

    tally, maker = Tally("scenes by chance"), SceneMaker(90_001)
    while tally.frames < count:
        scene = maker()
        tally.frames += 1
        size = (scene.image.shape[1], scene.image.shape[0])
        fit = find_camera(finder(scene.image), scene.rink)
        if scene.ice_to_px is None:
            if fit is not None and fit.valid:
                tally.add(np.array([100.0]))  # a rink where there is none
            continue
        pixels, feet = in_view(scene.ice_to_px, scene.rink.name, size)
        if len(pixels) < 2:
            continue
        tally.add(*(errors_of(fit, pixels, feet, size) if fit and fit.valid else (None,)))
    return tally


def frames(folder: Path, finder: Clocked) -> Tally:
    """Real frames with a homography, as ccweaver1/bsi_vision keeps them."""
    import cv2

    reference = {}
    with (folder / "homography_csv" / "all_unique.csv").open(encoding="utf-8") as file:
        for row in csv.reader(file):
            try:
                values = [float(v) for v in row[1:10]]
            except ValueError:
                continue
            reference[Path(row[0]).name] = np.array(values).reshape(3, 3)
    tally = Tally("real frames with a homography")
    to_feet = np.array([[200, 0, 0], [0, -85, 85], [0, 0, 1.0]])
    for path in sorted((folder / "frames").glob("*.png")):
        if path.name not in reference:
            continue
        image = cv2.imread(str(path))
        size = (image.shape[1], image.shape[0])
        image_to_ice = to_feet @ reference[path.name] @ np.diag([1 / size[0], 1 / size[1], 1.0])
        tally.frames += 1
        pixels, feet = in_view(np.linalg.inv(image_to_ice), "NHL", size)
        fit = find_camera(finder(image), RINKS["NHL"])
        tally.add(*(errors_of(fit, pixels, feet, size) if fit and fit.valid else (None,)))
    return tally


def labelled(folder: Path, video: str, most: int, finder: Clocked, rink: str) -> Tally:
    """Real frames with marked face-off dots (YOLO, classes 2 and 3), stretched from 16:9."""
    import cv2

    from jarvis_dagster.hockey.rink.markings import outlines_ft

    dots = np.array([line[0] for line in outlines_ft(RINKS[rink])["dot"]])
    tally = Tally(f"face-off dots of {video}")
    with (folder / "groups.csv").open(encoding="utf-8") as file:
        names = sorted(row["image"] for row in csv.DictReader(file) if row["video"] == video)
    for name in names[:: max(1, len(names) // most)]:
        label = (folder / "labels" / name).with_suffix(".txt")
        spots = []
        for line in label.read_text("utf-8").splitlines():
            kind, *values = line.split()
            if kind in ("2", "3"):
                numbers = np.array(values, float)
                if len(numbers) == 4:
                    spots.append(numbers[:2])
                else:
                    corners = numbers.reshape(-1, 2)
                    spots.append((corners.min(axis=0) + corners.max(axis=0)) / 2)
        tally.frames += 1
        if not spots:
            continue
        image = cv2.imread(str(folder / "images" / name))
        size = (round(image.shape[0] * 16 / 9), image.shape[0])
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        fit = find_camera(finder(image), RINKS[rink])
        if fit is None or not fit.valid:
            tally.add(None)
            continue
        pixels = np.array(spots) * size
        there = apply_homography(inverse(fit.pose, size), pixels)
        gaps = np.linalg.norm(there[:, None] - dots, axis=2).min(axis=1)
        good = np.isfinite(gaps)
        tally.add(gaps[good], error_ft_at(fit.pose, fit.covariance, pixels[good], size))
    return tally


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description="Error of calibrations found in pictures.")
    parser.add_argument("--rendered", type=int, default=0, help="games of each kind of camera")
    parser.add_argument("--scenes", type=int, default=0, help="pictures by chance")
    parser.add_argument("--frames", type=Path, help="folder with frames/ and homography_csv/")
    parser.add_argument("--labelled", type=Path, help="folder with images/, labels/, groups.csv")
    parser.add_argument("--video", default="rinkcam_3", help="video of groups.csv")
    parser.add_argument("--rink", default="NHL", help="rink of --labelled")
    parser.add_argument("--most", type=int, default=40, help="pictures of --labelled")
    parser.add_argument("--model", type=Path, help="another network")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    finder = Clocked(MarkFinder(options.model, options.threads))
    tallies: list[Tally] = []
    if options.frames:
        tallies.append(frames(options.frames, finder))
    if options.labelled:
        tallies.append(
            labelled(options.labelled, options.video, options.most, finder, options.rink)
        )
    if options.scenes:
        tallies.append(scenes(options.scenes, finder))
    if options.rendered:
        tallies += rendered(options.rendered)
    figures = {tally.name: tally.result() for tally in tallies}
    if finder.pictures:
        figures["a picture"] = {"core_ms": round(1000 * finder.seconds / finder.pictures, 1)}
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    for name, values in figures.items():
        print(name)
        for key, value in values.items():
            print(f"  {key}: {value}")


if __name__ == "__main__":
    main()
