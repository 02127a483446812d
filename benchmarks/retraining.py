"""A camera that parameters cannot mend: noticed, retrained, judged, promoted, rolled back.

    python benchmarks/retraining.py --out DIR [--steps 60]

The lens of a camera goes out of focus in the middle of a season of rendered games. No gain, gamma
or balance mends that (the least score is set by hand, and so not searched). People label frames of
other blurred games of that camera; the Autopilot, on the real stack (object store, MLflow,
Temporal, a worker, Dagster), looks for parameters, finds none, and has Dagster train on those
frames and judge the challenger on frozen games of both looks that nobody trained on. Beside
performance stands what the Autopilot does not know: F1 of people against the rendered truth. The
peer is the packaged detector on the same games. ``DIR`` gets the log, the decision and all figures.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from autopilot import FPS, SAID, Season, film, labelled_export, truth_f1
from rich.table import Table
from typer.testing import CliRunner

from jarvis_dagster.cli import app
from jarvis_dagster.hockey.datasets import read_dataset
from jarvis_dagster.hockey.detection import detect_video, load_detector
from jarvis_dagster.toolchain.reviewing import CORRECTED
from jarvis_dagster.toolchain.store import DatasetStore

if TYPE_CHECKING:
    from autopilot import Light

REFERENCE, MOST_BLURRED, AFTER = 3, 10, 2
LABELLED_GAMES, LABELLED_FRAMES = 8, 6
FROZEN_USUAL, FROZEN_BLURRED = 3, 7
PROGRAMS = (
    *("object-store", "temporal", "mlflow", "worker"),
    *("dagster-code", "dagster-webserver", "dagster-daemon"),
)


def out_of_focus(sigma_px: float) -> Light:
    """What a lens does that is not in focus."""
    return lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.uint8)


def ports() -> str:
    """Free ports for the whole stack; the store takes the ones 10,000 above as well."""
    names = ("temporal", "temporal_ui", "mlflow", "metrics", "dagster", "dagster_viewer")
    names += ("dagster_code", "login", "gateway")
    for first in np.random.default_rng().integers(20_000, 29_000, 50):
        wanted = [int(first) + add + more for add in range(5) for more in (0, 10_000)]
        wanted += [int(first) + 5 + number for number in range(len(names))]
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for port in wanted:
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            others = [f"{name}: {first + 5 + number}" for number, name in enumerate(names)]
            store = [f"object_store: {first}", f"object_store_internal: {first + 1}"]
            return "{" + ", ".join([*store, *others]) + "}"
    raise RuntimeError("No ports are free.")


def correct_frames(season: Season, blur: Light) -> None:
    """People label frames of other games of this camera: the dataset of everything corrected."""
    folder = season.folder / "corrected"
    videos = {f"labelled{number}": (700 + number, blur) for number in range(LABELLED_GAMES)}
    labelled_export(folder, videos, frames=LABELLED_FRAMES, fps=FPS / 2, view=season.view)
    with read_dataset(folder, CORRECTED) as dataset:
        DatasetStore(season.core.storage_service, season.folder / "sets").save(dataset)
        SAID.print(f"{len(dataset.pictures)} frames of {LABELLED_GAMES} games are labelled.")


def play_until_retrained(season: Season, blur: Light) -> dict[str, Any]:
    """The season up to the decision to train; that decision."""
    for game in range(REFERENCE):
        season.play("north", 100 + game, None)
    for game in range(MOST_BLURRED):
        season.play("north", 100 + REFERENCE + game, blur)
        if season.rows[-1]["outcome"] == "retraining":
            return season.pilot.library.decisions("north")[-1]
    raise SystemExit(f"No training was started: {season.rows[-1]['why']}")


def concluded(season: Season, training: dict[str, Any]) -> dict[str, Any]:
    """Wait for the training, and have the Autopilot see what came of it."""
    began = time.monotonic()
    result = season.core.workflow_service.wait_for_result(training["workflow_id"], 3600)
    SAID.print(f"Trained and judged in {time.monotonic() - began:.0f} s: {result['url']}")
    (decision,) = [one for one in season.pilot.look("after") if one["camera"] == "north"]
    return decision


def told(season: Season, blur: Light) -> None:
    """Truth by detector and look; the packaged detector on the last games is the peer."""
    table = Table(title="F1 of people against the rendered truth, and performance as measured")
    for name in ("look, detector", "games", "performance", "truth F1"):
        table.add_column(name)
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in season.rows:
        look = "usual" if row["light"] == "usual" else "blurred"
        groups.setdefault(f"{look}, {row['model']}", []).append(row)
    for name, rows in groups.items():
        known = [row["performance"] for row in rows if row["performance"] is not None]
        figure = f"{np.mean(known):.2f}" if known else "-"
        f1 = np.mean([row["truth_f1"] for row in rows])
        table.add_row(name, str(len(rows)), figure, f"{f1:.3f}")
    peer = load_detector(threads=1)
    values = []
    for row in season.rows[-AFTER:]:
        seed = int(row["video"].split("-")[1])
        video = season.folder / "again.mp4"
        truths = film(video, seed, blur, season.view)
        values.append(truth_f1(detect_video(video, peer, stride=1)[0], truths))
    table.add_row(f"the last {AFTER} games, packaged", str(AFTER), "-", f"{np.mean(values):.3f}")
    SAID.print(table)


def main() -> None:
    """Play the season."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("retraining-benchmark"))
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--sigma", type=float, default=6.0, help="Blur of the lens, px of 800.")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    blur = out_of_focus(given.sigma)
    training = f"{{steps: {given.steps}, width_px: 320, height_px: 192, rendered_games: 1}}"
    settings = (
        "vision: {threads: 1, model: champion, score_threshold: 0.35}\n"
        f"autopilot: {{cooldown_hours: 0, reference_videos: {REFERENCE}, trials: 8,"
        f" retrain_frames: 40, training: {training}}}\n"
    )
    from jarvis_dagster.promoting import Arena
    from jarvis_dagster.stack import borrowed

    with tempfile.TemporaryDirectory(prefix="jarvis-benchmark-") as scratch:
        season = Season(Path(scratch), settings, ports())
        # One that pans: blurred pictures of a fixed one are near copies of each other, which no
        # split by video could keep apart.
        season.view = "broadcast"
        with borrowed(season.settings.stack, PROGRAMS):
            season.core.storage_service.ensure_buckets()
            both = {f"usual{n}": (900 + n, None) for n in range(FROZEN_USUAL)}
            both |= {f"blurred{n}": (950 + n, blur) for n in range(FROZEN_BLURRED)}
            frozen = labelled_export(season.folder / "frozen", both, view=season.view)
            Arena(season.settings, season.core).freeze_games(frozen)
            correct_frames(season, blur)
            begun = play_until_retrained(season, blur)
            SAID.print(f"{begun['outcome']}. {begun['why']}", highlight=False)
            decision = concluded(season, begun["training"])
            SAID.print(f"{decision['outcome']}. {decision['why']}", highlight=False)
            for row in (decision["training"] or {}).get("figures", ()):
                SAID.print("{name}: {champion} to {challenger}, gain {low} to {high}".format(**row))
            for game in range(AFTER):
                season.play("north", 300 + game, blur)
            season.keep(given.out, page=True)
            told(season, blur)
            record = decision["training"]["decision"] if decision["training"] else ""
            if record:
                season.core.storage_service.retrieve(record, given.out / "decision.html")
            run = CliRunner().invoke
            SAID.print(run(app, ["models", "rollback", "--why", "To see that it can be."]).output)
            if record:  # by hand, as a person would have it back
                version = decision["training"]["version"]
                SAID.print(run(app, ["models", "promote", "--version", version]).output)
        season.core.close()


if __name__ == "__main__":
    main()
