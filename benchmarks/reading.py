"""How well scoreboards, jersey numbers, roles and teams are read, on rendered games.

    python -m benchmarks.reading [--games 3] [--seconds 25] [--write]

Games on seeds that nothing was tuned on, each with another style of scoreboard; the camera of
every second one is fixed, and in every third the light falls to a half. They are detected,
tracked and told apart as any upload is, then compared with what was rendered. ``of detection`` is
time beside that of detecting everybody in the same video in the same run. ``--write`` puts the
table into ``docs/scoreboard.md`` and ``docs/jerseys.md``. Games are kept in ``--folder``.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jarvis_dagster.hockey.detection import detect_video, load_detector
from jarvis_dagster.hockey.jerseys import SURE, read_jerseys
from jarvis_dagster.hockey.people import people_of
from jarvis_dagster.hockey.preflight import scan_video
from jarvis_dagster.hockey.scoreboard import read_scoreboard
from jarvis_dagster.hockey.synthetic import GameSpec, render_game
from jarvis_dagster.hockey.synthetic.overlay import STYLES
from jarvis_dagster.hockey.video import probe

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST = 601
DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_SAME_IOU = 0.4
_SAMPLES = 25


@dataclasses.dataclass
class Game:
    """Measures of one game."""

    name: str
    board: dict[str, float]
    numbers: pd.DataFrame
    people: pd.DataFrame


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "reading-games"
    )
    parser.add_argument(
        "--boards", action="store_true", help="scoreboards only: a tenth of the work"
    )
    parser.add_argument("--write", action="store_true", help="write the tables into the docs")
    arguments = parser.parse_args()
    specs = [spec_of(n, arguments.seconds) for n in range(arguments.games)]
    games = [measure(arguments.folder, spec, people=not arguments.boards) for spec in specs]
    command = f"python -m benchmarks.reading --games {arguments.games}"
    command += f" --seconds {arguments.seconds:g}"
    pages = {"scoreboard.md": board_table(games)}
    if arguments.boards:
        command += " --boards"
        print(pages["scoreboard.md"])
    else:
        pages["jerseys.md"] = number_table(games)
        print(*pages.values(), role_table(games), sep="\n")
    if arguments.write:
        for page, text in pages.items():
            old = (DOCS / page).read_text("utf-8")
            head, rest = old.split(BEGIN)
            made = f"\n`{command}` on rendered games measures:\n\n{text}"
            (DOCS / page).write_text(head + BEGIN + made + END + rest.split(END)[1], "utf-8")


def spec_of(number: int, seconds: float) -> GameSpec:
    """The game with that number."""
    return GameSpec(
        seed=FIRST + number,
        duration_s=seconds,
        camera="fixed" if number % 2 else "broadcast",
        cuts=0 if number % 2 else 1,
        scoreboard_style=STYLES[number % len(STYLES)],
        light_end=0.5 if number % 3 == 2 else 1.0,
    )


def measure(folder: Path, spec: GameSpec, *, people: bool) -> Game:
    """Render (or find) a game, analyse it, compare; ``people`` as well as the scoreboard."""
    place = folder / f"{spec.seed}-{spec.duration_s:g}"
    if not (place / "truth.json").is_file():
        render_game(place, spec)
    video = place / "game.mp4"
    name = f"{spec.scoreboard_style}, {spec.camera}"
    name += ", light falls" if spec.light_end < 1 else ""
    began = time.perf_counter()
    board = read_scoreboard(video)
    board_s = time.perf_counter() - began
    read_right = compare_board(board.table, pd.read_parquet(place / "scoreboard.parquet"))
    if not people:
        return Game(name, {**read_right, "share": np.nan}, pd.DataFrame(), pd.DataFrame())
    info, detector = probe(video), load_detector()
    began = time.perf_counter()
    boxes, kit = detect_video(video, detector, stride=2)
    detect_s = time.perf_counter() - began
    scan = scan_video(video)
    tracks = people_of(
        boxes, kit, scan, width_px=info.width_px, height_px=info.height_px, fps=info.fps
    )
    persons = who_is_who(tracks, pd.read_parquet(place / "tracks.parquet"))
    began = time.perf_counter()
    read = read_jerseys(video, tracks)
    jersey_s = time.perf_counter() - began
    return Game(
        name,
        {**read_right, "share": board_s / detect_s},
        persons.merge(read.table, on="track_id", how="left").assign(share=jersey_s / detect_s),
        persons,
    )


def compare_board(found: pd.DataFrame, truth: pd.DataFrame) -> dict[str, float]:
    """Looks, and for each field how many were read and how many of these were right."""
    both = found.merge(truth, on="frame", suffixes=("", "_true"))
    counts: dict[str, float] = {"looks": len(found)}
    fields = {
        "clock": (both["clock_s"].notna(), (both["clock_s"] - both["clock_s_true"]).abs() < 0.5),
        "period": (both["period"] > 0, both["period"] == both["period_true"]),
        "goals": (
            (both["score_left"] >= 0) & (both["score_right"] >= 0),
            (both["score_left"] == both["score_left_true"])
            & (both["score_right"] == both["score_right_true"]),
        ),
    }
    for name, (read, right) in fields.items():
        counts[f"{name}_read"] = int(read.sum())
        counts[f"{name}_right"] = int((read & right).sum())
    return counts


def who_is_who(tracks: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """One row a track: its role and team, and of whom most of its boxes are in truth."""
    by_frame = {int(frame): rows for frame, rows in truth.groupby("frame")}
    rows = []
    for key, mine in tracks[tracks["observed"]].groupby("track_id"):
        hits = []
        for _, box in mine.iloc[:: max(1, len(mine) // _SAMPLES)].iterrows():
            there = by_frame[int(box["frame"])]
            share = overlap(_box(box.to_frame().T)[0], _box(there))
            if share.size and share.max() >= _SAME_IOU:
                hits.append(int(there["track_id"].iloc[int(share.argmax())]))
        if not hits:
            continue
        person = max(set(hits), key=hits.count)
        known = truth[truth["track_id"] == person].iloc[0]
        rows.append(
            {
                "track_id": key,
                "role": mine["role"].iloc[0],
                "team": mine["team"].iloc[0],
                "seconds": mine["pts_s"].max() - mine["pts_s"].min(),
                "true_role": known["role"],
                "true_team": known["team"],
                "true_number": str(known["number"]),
                "pure": hits.count(person) / len(hits),
            }
        )
    return pd.DataFrame(rows)


def overlap(one: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of a box with each of (N, 4)."""
    low, high = np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:])
    inner = np.clip(high - low, 0, None).prod(1)
    areas = (one[2:] - one[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1)
    return inner / (areas - inner)


def _box(rows: pd.DataFrame) -> NDArray[np.float64]:
    return rows[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64)


def board_table(games: list[Game]) -> str:
    """Markdown: fields read and right."""
    lines = [
        "| scoreboard | looks | clock read / right | period | goals | of detection |",
        "|---|---|---|---|---|---|",
    ]
    for game in games:
        b = game.board
        cells = [
            f"{b[f'{n}_read']:.0f} / {b[f'{n}_right']:.0f}" for n in ("clock", "period", "goals")
        ]
        lines.append(
            f"| {game.name} | {b['looks']:.0f} | {' | '.join(cells)} | {_share(b['share'])} |"
        )
    return "\n".join(lines) + "\n"


def _share(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"


def number_table(games: list[Game]) -> str:
    """Markdown: tracks with a number, and how many are right."""
    lines = [
        "| game | tracks of players | over 5 s | sure | right of these"
        " | all with a row | right | of detection |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for game in games:
        players = game.numbers[game.numbers["true_role"] != "referee"]
        named = game.numbers[game.numbers["number"].notna()]
        sure = named[named["probability"] >= SURE]
        right = [int((t["number"] == t["true_number"]).sum()) for t in (sure, named)]
        lines.append(
            f"| {game.name} | {len(players)} | {(players['seconds'] > 5).sum()} | {len(sure)} |"
            f" {right[0]} | {len(named)} | {right[1]} | {game.numbers['share'].iloc[0]:.2f} |"
        )
    return "\n".join(lines) + "\n"


def role_table(games: list[Game]) -> str:
    """Markdown: roles and teams of tracks, weighted by their duration."""
    lines = [
        "| game | tracks | role right | unknown | goalkeepers found | referees found"
        " | team right | no team |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for game in games:
        people = game.people
        known = people[people["role"] != "unknown"]
        in_team = people[people["true_team"] != ""]
        teamed = in_team[in_team["team"] != ""]
        # Which kit is lighter, and so team A, is not what the truth calls A.
        same = _time(teamed[teamed["team"] == teamed["true_team"]])
        right = max(same, _time(teamed) - same) / max(_time(teamed), 1e-9)
        cells = [
            f"{_time(known[known['role'] == known['true_role']]) / _time(known):.3f}",
            f"{1 - _time(known) / _time(people):.3f}",
            _found(people, "goalkeeper"),
            _found(people, "referee"),
            f"{right:.3f}",
            f"{1 - _time(teamed) / _time(in_team):.3f}",
        ]
        lines.append(f"| {game.name} | {len(people)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _time(rows: pd.DataFrame) -> float:
    return float(rows["seconds"].sum())


def _found(people: pd.DataFrame, role: str) -> str:
    true = people[people["true_role"] == role]
    return f"{_time(true[true['role'] == role]) / max(_time(true), 1e-9):.2f}"


if __name__ == "__main__":
    main()
