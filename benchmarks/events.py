"""How well the ledger finds what happened, on synthetic games with known truth.

    python benchmarks/events.py [--seeds 101 102 103] [--seconds 60] [--write]

Renders the games (kept in ``--folder`` for the next run), builds the ledger from
the true tracks and from the whole chain, compares it with the truth, prints a
table, and with ``--write`` puts that table into ``docs/events.md``.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from jarvis_dagster.hockey.events import build_ledger
from jarvis_dagster.hockey.events.motion import runs, smooth
from jarvis_dagster.hockey.preflight import scan_video
from jarvis_dagster.hockey.rink import Calibration, positions
from jarvis_dagster.hockey.synthetic import GameSpec, render_game
from jarvis_dagster.hockey.tables import Provenance, read_provenance, read_table
from jarvis_dagster.hockey.video import probe

DOCS = Path(__file__).parents[1] / "docs" / "events.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

TOLERANCE_S = {
    "camera_cut": 0.1,
    "stoppage": 0.5,
    "rush": 0.5,
    "crowding": 0.5,
    "zone_entry": 2.5,
    "line_change": 6.0,
    "shift": 0.5,
}
"""How far apart a found event and a true one may be and still be the same."""


@dataclasses.dataclass
class Tally:
    """Counts of one type over all games."""

    true: int = 0
    found: int = 0
    right: int = 0

    def shares(self) -> str:
        precision = f"{self.right / self.found:.2f}" if self.found else "-"
        recall = f"{self.right / self.true:.2f}" if self.true else "-"
        return f"{precision} | {recall} | {self.found}"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103, 104])
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "event-games")
    parser.add_argument("--true-only", action="store_true", help="skip the whole chain")
    parser.add_argument("--write", action="store_true", help="write the table into docs/events.md")
    arguments = parser.parse_args()
    tallies: dict[str, dict[str, Tally]] = {
        way: collections.defaultdict(Tally) for way in ("true tracks", "whole chain")
    }
    for number, seed in enumerate(arguments.seeds):
        spec = GameSpec(
            seed=seed,
            duration_s=arguments.seconds,
            width_px=960,
            height_px=540,
            fps=25.0,
            camera="fixed" if number % 2 else "broadcast",
            cuts=0 if number % 2 else 1,
        )
        game = rendered(arguments.folder, spec)
        compare(game, true_ledger(game), tallies["true tracks"])
        if not arguments.true_only:
            compare(game, chain_ledger(game), tallies["whole chain"])
        print(f"seed {seed} ({spec.camera}) done", file=sys.stderr)
    report = as_table(tallies, arguments)
    print(report)
    if arguments.write:
        text = DOCS.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        DOCS.write_text(head + BEGIN + "\n" + report + END + rest.split(END)[1], encoding="utf-8")


def rendered(folder: Path, spec: GameSpec) -> Path:
    """The game's folder; rendered and scanned once."""
    name = f"{spec.seed}-{spec.camera}-{spec.duration_s:g}s-{spec.cuts}"
    game = folder / name
    if not (game / "truth.json").exists():
        render_game(game, spec)
    if not (game / "scan.parquet").exists():
        scan_video(game / "game.mp4").to_parquet(game / "scan.parquet")
    return game


def true_ledger(game: Path) -> pd.DataFrame:
    """The ledger from perfect tracks."""
    tracks = read_table(game / "tracks.parquet")
    return build(game, tracks[tracks["visibility"] > 0].reset_index(drop=True))


def chain_ledger(game: Path) -> pd.DataFrame:
    """The ledger from the picture alone, with the true calibration."""
    from jarvis_dagster.hockey.detection import detect_video, load_detector
    from jarvis_dagster.hockey.roles import assign_roles, keep_to_one_kit
    from jarvis_dagster.hockey.tracking import track

    info = probe(game / "game.mp4")
    cached = game / "chain.parquet"
    if not cached.exists():
        found, kit = detect_video(game / "game.mp4", load_detector(), stride=2)
        tracks = track(
            found,
            width_px=info.width_px,
            height_px=info.height_px,
            fps=info.fps,
            scan=pd.read_parquet(game / "scan.parquet"),
            kit=kit.to_numpy("float32"),
            frame_count=info.frame_count,
        )
        assign_roles(keep_to_one_kit(tracks, kit), kit, found).to_parquet(cached)
    return build(game, pd.read_parquet(cached))


def build(game: Path, tracks: pd.DataFrame) -> pd.DataFrame:
    """The ledger of ``tracks``."""
    info = probe(game / "game.mp4")
    calibration = Calibration.load(game / "calibration.json")
    where = positions(tracks, calibration, info.fps)
    made: Provenance = read_provenance(game / "tracks.parquet")
    return build_ledger(tracks, where, pd.read_parquet(game / "scan.parquet"), info, made)


def compare(game: Path, ledger: pd.DataFrame, tallies: dict[str, Tally]) -> None:
    """Add one game's counts."""
    truth = true_spans(game, ledger.attrs["not_supported"])
    for kind, spans in truth.items():
        found = ledger.loc[ledger["type"] == kind, ["start_s", "end_s"]].to_numpy()
        tally = tallies[kind]
        tally.true += len(spans)
        tally.found += len(found)
        tally.right += matched(found, spans, TOLERANCE_S[kind])


def matched(found: np.ndarray, true: list[tuple[float, float]], tolerance_s: float) -> int:
    """How many found events have a true one of their own (the best overlaps first)."""
    pairs = []
    for i, (start, end) in enumerate(found):
        for k, (low, high) in enumerate(true):
            overlap = min(end, high) - max(start, low) + tolerance_s
            if overlap > 0:
                pairs.append((-overlap, i, k))
    used_found: set[int] = set()
    used_true: set[int] = set()
    for _, i, k in sorted(pairs):
        if i not in used_found and k not in used_true:
            used_found.add(i)
            used_true.add(k)
    return len(used_found)


def true_spans(game: Path, missing: dict[str, str]) -> dict[str, list[tuple[float, float]]]:
    """What really happened, by type; types the ledger does not support are left out."""
    events = read_table(game / "events.parquet")
    tracks = read_table(game / "tracks.parquet")
    places = read_table(game / "positions.parquet")
    fps = float(json.loads((game / "truth.json").read_text())["spec"]["fps"])
    end = float(tracks["pts_s"].max()) + 1 / fps

    def times(kind: str) -> list[float]:
        return sorted(events.loc[events["type"] == kind, "start_s"])

    starts = times("face_off")
    stops = [
        (stop, min([s for s in starts if s > stop], default=end)) for stop in times("stoppage")
    ]
    if starts and starts[0] > 0:
        stops.insert(0, (0.0, starts[0]))
    cuts = read_table(game / "cuts.parquet")["pts_s"]
    spans: dict[str, list[tuple[float, float]]] = {
        "camera_cut": [(float(s), float(s) + 1 / fps) for s in cuts],
        "stoppage": [(a, b) for a, b in stops if b - a >= 2],
        "rush": true_rushes(tracks, places, fps),
        "crowding": true_crowds(tracks, places, fps),
        "zone_entry": [(s, s) for s in times("zone_entry")],
        "line_change": [(s, s + 4) for s in times("line_change")],
        "shift": [
            (float(a), float(b))
            for a, b in events.loc[events["type"] == "shift", ["start_s", "end_s"]].to_numpy()
        ],
    }
    return {kind: rows for kind, rows in spans.items() if kind not in missing}


def true_rushes(
    tracks: pd.DataFrame, places: pd.DataFrame, fps: float
) -> list[tuple[float, float]]:
    """Three or more players in view at more than 14 ft/s the same way, for 0.8 s."""
    rows = places.merge(tracks[["frame", "track_id", "role", "visibility", "shot"]])
    rows = rows[(rows["role"] == "player") & (rows["visibility"] > 0)]
    rows = rows.sort_values(["track_id", "frame"])
    step = rows.groupby("track_id")[["frame", "x_ft", "y_ft"]].diff(3)
    good = step["frame"] == 3
    vx = (step["x_ft"] * fps / 3).where(good)
    vy = (step["y_ft"] * fps / 3).where(good)
    fast = (vx.abs() > 14) & (vy.abs() < 0.8 * vx.abs())
    count = int(rows["frame"].max()) + 1
    spans = []
    numbers = {
        way: np.bincount(rows.loc[fast & (np.sign(vx) == way), "frame"], minlength=count)
        for way in (1, -1)
    }
    shots = np.zeros(count, np.int64)
    shots[tracks["frame"].to_numpy()] = tracks["shot"].to_numpy()
    for way, number in numbers.items():
        rushing = (smooth(number.astype(float), 12) >= 2.7) & (number > 2 * numbers[-way])
        spans += runs(rushing, shortest=round(0.8 * fps), gap=round(0.3 * fps), group=shots)
    return [(a / fps, b / fps) for a, b in spans]


def true_crowds(
    tracks: pd.DataFrame, places: pd.DataFrame, fps: float
) -> list[tuple[float, float]]:
    """Five or more players in view within 9 ft of one of them, for 1.2 s."""
    rows = places.merge(tracks[["frame", "track_id", "role", "visibility"]])
    rows = rows[rows["role"].isin(["player", "goalkeeper"]) & (rows["visibility"] > 0)]
    most = np.zeros(int(rows["frame"].max()) + 1)
    for frame, group in rows.groupby("frame"):
        xy = group[["x_ft", "y_ft"]].to_numpy()
        apart = np.linalg.norm(xy[:, None] - xy[None], axis=2)
        most[int(str(frame))] = (apart < 9).sum(1).max()
    crowded = smooth(most, 15) >= 4.6
    return [(a / fps, b / fps) for a, b in runs(crowded, shortest=round(1.2 * fps), gap=12)]


def as_table(tallies: dict[str, dict[str, Tally]], arguments: argparse.Namespace) -> str:
    """The table in Markdown."""
    seeds = ", ".join(str(s) for s in arguments.seeds)
    ways = [way for way, counts in tallies.items() if counts]
    lines = [
        f"{len(arguments.seeds)} games of {arguments.seconds:g} s (seeds {seeds}), every second"
        " one with a fixed camera.",
        "",
        "| type | true | " + " | ".join(f"{w}: precision | recall | found" for w in ways) + " |",
        "|---|---|" + "---|---|---|" * len(ways),
    ]
    kinds = sorted({kind for counts in tallies.values() for kind in counts})
    for kind in kinds:
        cells = [tallies[way][kind].shares() for way in ways]
        most = max(tallies[way][kind].true for way in ways)
        lines.append(f"| `{kind}` | {most} | " + " | ".join(cells) + " |")
    if "whole chain" not in ways:
        lines += ["", "The whole chain was not measured in this run."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
