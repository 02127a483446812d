"""The Autopilot on footage whose light changes, and on footage whose light does not.

    python benchmarks/autopilot.py [--part season] [--part noise] [--part real --data DIR]

``season``: rendered games through scan, detection, tracking and the Autopilot's own steps on a real
object store. The lamps of camera *north* fail in the middle of the season; those of *south* do not.
Beside what the Autopilot says of itself stands what it does not know: F1 of people against the
rendered truth. ``noise``: seasons drawn anew from the measured evidence of unchanged games, and
how often anything is done. ``real``: clips of other games darkened (``DIR``/clips), labelled frames
darkened (``DIR``/labelled_frames), each beside what is seen with the light as it was. The peers are
the parameters that change nothing, in the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from autopilot_noise import REFERENCE, noise
from autopilot_real import real
from rich.console import Console
from rich.table import Table

from jarvis_dagster.autopilot import Library, Pilot
from jarvis_dagster.autopilot.overlay import overlay_of
from jarvis_dagster.autopilot.report import log_page
from jarvis_dagster.champions import chosen_detector
from jarvis_dagster.hockey.detection import load_detector
from jarvis_dagster.hockey.detection.evaluation import match
from jarvis_dagster.hockey.detection.labels import ROLES
from jarvis_dagster.hockey.detection.video import detect_video
from jarvis_dagster.hockey.people import people_of
from jarvis_dagster.hockey.preflight import scan_video
from jarvis_dagster.hockey.synthetic import GameSpec, iter_frames
from jarvis_dagster.hockey.tables import DETECTIONS, SCAN, TRACKS, Provenance, write_table
from jarvis_dagster.hockey.video import VideoWriter, probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Light = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

SIZE, FPS, SECONDS = (800, 450), 6.0, 2.0
USUAL, DARK, AFTER = 2, 7, 3
_USUAL_SETTINGS = (
    "vision: {threads: 1}\n"
    f"autopilot: {{cooldown_hours: 0, reference_videos: {REFERENCE}, trials: 30}}\n"
)
SAID = Console()


def failing_lamps(strength: float) -> Light:
    """A light that is warmer, and drowns in the dark what is not lit.

    At 1.5 the ice is half found, which costs most; much darker, it is not found at all, and the
    detector looks everywhere.
    """
    table = 255 * (np.arange(256)[:, None] / 255 * np.array([0.8, 0.95, 1.0])) ** strength
    lut = np.clip(table, 0, 255).round().astype(np.uint8)[None]
    return lambda image: np.asarray(cv2.LUT(image, lut), np.uint8)


# -- a season of rendered games ------------------------------------------------------


class Season:
    """Games of two cameras, analysed one after the other as the product does."""

    view = "fixed"

    def __init__(self, folder: Path, more: str = "", ports: str | None = None) -> None:
        from jarvis_dagster.settings import load_settings
        from jarvis_dagster.wiring import core_services

        config = folder / "jarvis-core.yaml"
        config.write_text(
            f"stack: {{data_dir: '{folder / 'data'}', start_timeout_s: 900,"
            f" ports: {ports or free_ports()}}}\n" + (more or _USUAL_SETTINGS),
            "utf-8",
        )
        os.environ |= {"JARVIS_CONFIG": str(config), "JARVIS_DATA_DIR": str(folder / "data")}
        self.settings = load_settings(config)
        self.folder = folder
        self.core = core_services(self.settings)
        self.now = datetime.datetime(2026, 9, 1, 20, tzinfo=datetime.UTC)
        self.pilot = Pilot(self.settings, self.core, clock=lambda: self.now)
        self.rows: list[dict[str, Any]] = []

    def freeze_games(self, games: int = 12) -> None:
        """Labelled frames of other games, in the usual light."""
        from jarvis_dagster.promoting import Arena

        export = labelled_export(
            self.folder / "frozen", {f"frozen{seed}": (900 + seed, None) for seed in range(games)}
        )
        Arena(self.settings, self.core).freeze_games(export)

    def play(self, camera: str, seed: int, light: Light | None) -> None:
        """Film a game, analyse it with what is in force, and have the Autopilot look."""
        key = f"{camera}-{seed:04d}-{seed:012x}"
        video = self.folder / f"{key}.mp4"
        truths = film(video, seed, light, self.view)
        path = f"Jarvis AI/Uploads/{camera}/{key}.mp4"
        overlay = overlay_of(self.settings, self.core.storage_service, path)
        parameters = overlay.current.parameters
        info, scan = probe(video), scan_video(video)
        chosen = chosen_detector(self.settings, lambda: self.core.experiment_service)
        detector = load_detector(chosen.path, threads=1, score_threshold=overlay.score_threshold)
        found, kit = detect_video(video, detector, stride=1, correct=parameters.correction)
        tracks = people_of(
            found, kit, scan, width_px=info.width_px, height_px=info.height_px, fps=info.fps
        )
        self.now += datetime.timedelta(days=1)
        made = Provenance("0" * 64, detector.version, "0" * 64)
        tables = {"scan": scan, "detections": found, "kit": kit, "tracks": tracks}
        self._keep(key, path, video, tables, made)
        model = {"version": detector.version, "stride": 1, **overlay.to_json()}
        model["made_at"] = (self.now - datetime.timedelta(hours=1)).isoformat()
        self._json(key, "detections/model.json", model)
        began = time.process_time()
        self.pilot.collect()
        analysed = self.pilot.analyse(camera, key)
        tried = self.pilot.search(analysed) if analysed["action"] == "adapt" else None
        decision = self.pilot.act(analysed, tried)
        seen = self.pilot.camera(camera)
        figure = seen.figure(seen.evidence[-1])
        self.rows.append(
            {
                "camera": camera,
                "game": len([one for one in self.rows if one["camera"] == camera]) + 1,
                "light": "usual" if light is None else "failing",
                "parameters": parameters.words,
                "model": detector.version,
                "video": key,
                "performance": figure.value,
                "parts": {part.name: part.value for part in figure.parts},
                "truth_f1": truth_f1(found, truths),
                "evidence": analysed["plan"]["fall"]["evidence"][-1:] or [1.0],
                "outcome": decision["outcome"],
                "why": decision["why"],
                "cpu_s": round(time.process_time() - began, 1),
            }
        )
        row = self.rows[-1]
        known = "  - " if figure.value is None else f"{figure.value:.2f}"
        SAID.print(
            f"{camera} {row['game']:>2} {row['light']:8} performance {known}"
            f" truth F1 {row['truth_f1']:.2f} {row['outcome']}",
            highlight=False,
        )

    def keep(self, out: Path, *, page: bool = False) -> None:
        """What is known so far; the run can be stopped at any time."""
        evidence = [one.to_json() for one in Library(self.core.storage_service).evidence()]
        decisions = self.pilot.library.decisions("north")
        (out / "season.json").write_text(json.dumps(self.rows, indent=1), "utf-8")
        (out / "evidence.json").write_text(json.dumps(evidence), "utf-8")
        (out / "decisions.json").write_text(json.dumps(decisions, indent=1), "utf-8")
        if page:
            (out / "log.html").write_text(log_page(self.pilot), "utf-8")

    def _keep(
        self, key: str, path: str, video: Path, tables: dict[str, Any], made: Provenance
    ) -> None:
        schemas = {"scan": SCAN, "detections": DETECTIONS, "kit": {}, "tracks": TRACKS}
        folders = {"scan": "footage", "kit": "detections"}
        for name, table in tables.items():
            file = self.folder / "table.parquet"
            write_table(table, schemas[name], file, made)
            where = folders.get(name, name)
            self.core.storage_service.put_file(f"artifacts/{key}/{where}/{name}.parquet", file)
        self.core.storage_service.put_file(f"artifacts/{key}/footage/source.mp4", video)
        info = probe(video)
        facts = {
            "fps": info.fps,
            "width_px": info.width_px,
            "height_px": info.height_px,
            "duration_s": info.duration_s,
        }
        source = {"name": Path(path).name, "path": path, "object": "source.mp4", "facts": facts}
        self._json(key, "footage/source.json", source)

    def _json(self, key: str, name: str, content: dict[str, Any]) -> None:
        file = self.folder / "document.json"
        file.write_text(json.dumps(content), "utf-8")
        self.core.storage_service.put_file(f"artifacts/{key}/{name}", file)


def labelled_export(
    folder: Path,
    games: dict[str, tuple[int, Light | None]],
    frames: int = 2,
    fps: float = 1.0,
    view: str = "fixed",
) -> Path:
    """A YOLO export of some frames of rendered games: by video, the game's seed and the light."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    (folder / "data.yaml").write_text("names: [player, goalkeeper, referee]")
    lines = ["image,video"]
    for video, (seed, light) in games.items():
        spec = GameSpec(seed, frames / fps, *SIZE, fps=fps, camera=view, scoreboard=False)
        for number, (image, truth) in enumerate(iter_frames(spec)):
            name = f"{video}_{number}"
            shown = image if light is None else light(image)
            cv2.imwrite(str(folder / "images" / f"{name}.jpg"), shown)
            text = [f"{ROLES.index(one.person.role)} {_yolo(one.box)}" for one in _visible(truth)]
            (folder / "labels" / f"{name}.txt").write_text("\n".join(text))
            lines.append(f"{name}.jpg,{video}")
    (folder / "groups.csv").write_text("\n".join(lines))
    return folder


def free_ports() -> str:
    """Of the object store: one, and four in a row; each takes the one 10,000 above as well."""
    for first in np.random.default_rng().integers(20_000, 29_000, 50):
        wanted = [int(first) + add + more for add in range(5) for more in (0, 10_000)]
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for port in wanted:
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return f"{{object_store: {first}, object_store_internal: {first + 1}}}"
    raise RuntimeError("No ports are free.")


def film(
    video: Path, seed: int, light: Light | None, view: str = "fixed"
) -> list[NDArray[np.float32]]:
    """Render a game into a file; the boxes of each frame's people."""
    spec = GameSpec(seed, SECONDS, *SIZE, fps=FPS, camera=view, scoreboard=False)
    truths = []
    with VideoWriter(video, width_px=SIZE[0], height_px=SIZE[1], fps=FPS) as writer:
        for image, truth in iter_frames(spec):
            writer.write(image if light is None else light(image))
            boxes = [one.box for one in _visible(truth)]
            truths.append(np.array(boxes, np.float32).reshape(-1, 4))
    return truths


def truth_f1(found: Any, truths: list[NDArray[np.float32]]) -> float:
    """F1 of people against the rendered truth."""
    right = others = 0
    people = found[found["class"] != "puck"]
    for frame, boxes in enumerate(truths):
        rows = people[people["frame"] == frame]
        seen = rows[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float32)
        pairs = len(match(boxes, seen, rows["score"].to_numpy(np.float32)))
        right, others = right + pairs, others + len(boxes) + len(seen) - 2 * pairs
    return 2 * right / max(2 * right + others, 1)


def _visible(truth: Any) -> list[Any]:
    return [
        one
        for one in truth.people
        if one.visibility > 0.35 and one.box[2] - one.box[0] > 3 and one.box[3] - one.box[1] > 3
    ]


def _yolo(box: tuple[float, float, float, float]) -> str:
    x1, y1, x2, y2 = box
    values = ((x1 + x2) / 2 / SIZE[0], (y1 + y2) / 2 / SIZE[1])
    values += ((x2 - x1) / SIZE[0], (y2 - y1) / SIZE[1])
    return " ".join(f"{value:.6f}" for value in values)


def season(out: Path, strength: float) -> dict[str, Any]:
    """Play both cameras' seasons; what was seen, decided and true."""
    from jarvis_dagster.stack import borrowed

    with tempfile.TemporaryDirectory(prefix="jarvis-benchmark-") as scratch:
        made = Season(Path(scratch))
        with borrowed(made.settings.stack, ["object-store"]):
            made.core.storage_service.ensure_buckets()
            made.freeze_games()
            for game in range(REFERENCE + USUAL + DARK + AFTER):
                dark = game >= REFERENCE + USUAL
                light = failing_lamps(strength) if dark else None
                made.play("north", 100 + game, light)
                made.keep(out)
                after = [r for r in made.rows if r["parameters"] != "nothing changed"]
                if len(after) >= AFTER:
                    break
            made.keep(out, page=True)
            for game in range(REFERENCE + USUAL + 2):
                made.play("south", 500 + game, None)
            made.keep(out, page=True)
            decisions = made.pilot.library.decisions("north")
        made.core.close()
    return _told_season(made.rows, decisions)


def _told_season(rows: list[dict[str, Any]], decisions: list[dict[str, Any]]) -> dict[str, Any]:
    table = Table(title="A season of rendered games")
    for name in ("camera, light, parameters", "games", "performance", "truth F1", "outcomes"):
        table.add_column(name)
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["camera"], row["light"], row["parameters"]), []).append(row)
    for (camera, light, parameters), games in groups.items():
        known = [one["performance"] for one in games if one["performance"] is not None]
        outcomes = {one["outcome"] for one in games}
        table.add_row(
            f"{camera}, {light}, {parameters}",
            str(len(games)),
            f"{np.mean(known):.2f}" if known else "-",
            f"{np.mean([one['truth_f1'] for one in games]):.3f}",
            ", ".join(sorted(outcomes)),
        )
    SAID.print(table)
    adapted = next((one for one in decisions if one["outcome"] == "adapted"), None)
    for one in decisions:
        if one["outcome"] not in {"gather", "nothing", "watch", "wait"}:
            SAID.print(f"north: {one['outcome']}. {one['why']}", highlight=False)
    dark = [row for row in rows if row["camera"] == "north" and row["light"] == "failing"]
    delay = next((n for n, row in enumerate(dark, 1) if row["outcome"] == "adapted"), None)
    SAID.print(f"Adapted after {delay} dark games." if adapted else "Never adapted.")
    return {"delay": delay, "groups": len(groups)}


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", action="append", choices=["season", "noise", "real"])
    parser.add_argument("--out", type=Path, default=Path("autopilot-benchmark"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--strength", type=float, default=1.5, help="How dark the lamps get.")
    parser.add_argument("--seasons", type=int, default=300)
    parser.add_argument("--videos", type=int, default=60)
    parser.add_argument("--trials", type=int, default=30)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    parts = given.part or ["season", "noise"]
    results: dict[str, Any] = {}
    if "season" in parts:
        results["season"] = season(given.out, given.strength)
    if "noise" in parts:
        results["noise"] = noise(given.out, given.seasons, given.videos)
    if "real" in parts:
        if given.data is None:
            parser.error("--part real needs --data")
        results["real"] = real(given.data, given.trials)
    (given.out / "results.json").write_text(json.dumps(results, indent=1), "utf-8")


if __name__ == "__main__":
    main()
