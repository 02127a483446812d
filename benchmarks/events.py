"""How well the ledger finds what happened, on synthetic games with known truth.

    python -m benchmarks.events [--games 12] [--chain 4] [--write]
    python -m benchmarks.events --clips FOLDER

Two ways. *True tracks*: games are played without pictures, and everybody is followed
perfectly. *Whole chain*: games are rendered, and detected, tracked, told apart and read
as any upload is, with the true calibration. Both on seeds that nothing was tuned on;
every second game has a fixed camera. Prints a table, and with ``--write`` puts it into
``docs/events.md``. Games and what was found in them are kept in ``--folder`` for the next run.

``--clips``: what is claimed in real videos of play without a truth, as any upload is analysed but
without a calibration; a stoppage in them would be wrong.
"""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from benchmarks.event_games import PlayedGame, places, play_game
from benchmarks.event_truth import BY_SECONDS, Found, Tally, compare
from jarvis_dagster.hockey.events import EVENT_TYPES, build_ledger
from jarvis_dagster.hockey.synthetic import GameSpec
from jarvis_dagster.hockey.video import VideoInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCS = Path(__file__).parents[1] / "docs" / "events.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
FIRST_TRUE, FIRST_CHAIN = 501, 401
STOPS = ("stoppage", "play_resumes")
OF_PUCK = {"shot", "possession"}
"""Types for which the true tracks have the puck; a real chain seldom does."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=int, default=12, help="games of true tracks")
    parser.add_argument("--seconds", type=float, default=120.0, help="length of each")
    parser.add_argument("--chain", type=int, default=4, help="rendered games")
    parser.add_argument("--chain-seconds", type=float, default=60.0, help="length of each")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "event-games")
    parser.add_argument("--write", action="store_true", help="write the table into docs/events.md")
    parser.add_argument("--clips", type=Path, help="real videos, in which play goes on")
    arguments = parser.parse_args()
    if arguments.clips:
        claimed_in(sorted(arguments.clips.glob("*.mp4")))
        return
    seeds = range(FIRST_TRUE, FIRST_TRUE + arguments.games)
    perfect, told = true_tracks(arguments.folder, seeds, arguments.seconds)
    seeds = range(FIRST_CHAIN, FIRST_CHAIN + arguments.chain)
    chain, told_of_chain = whole_chain(arguments.folder, seeds, arguments.chain_seconds)
    report = as_table(perfect, chain, arguments) + reliability(told + told_of_chain)
    print(report)
    if arguments.write:
        text = DOCS.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        DOCS.write_text(head + BEGIN + "\n" + report + END + rest.split(END)[1], encoding="utf-8")


def spec_of(seed: int, seconds: float) -> GameSpec:
    """A game with a fixed camera where the seed is odd, else one that pans, with two cuts."""
    fixed = seed % 2
    return GameSpec(
        seed=seed,
        duration_s=seconds,
        width_px=960,
        height_px=540,
        fps=25.0,
        camera="fixed" if fixed else "broadcast",
        cuts=0 if fixed else 2,
    )


def played(folder: Path, spec: GameSpec, *, whole: bool = False) -> PlayedGame:
    """The game, played once."""
    kept = folder / (_name(spec) + ("-whole" if whole else ""))
    if not (kept / "played_scoreboard.parquet").exists():
        play_game(spec, whole=whole).save(kept)
    return PlayedGame.load(kept, spec)


def true_tracks(
    folder: Path, seeds: Iterable[int], seconds: float
) -> tuple[dict[str, Tally], list[Found]]:
    """Counts by type from perfect tracks, with and without the puck, as the type needs."""
    tallies: dict[str, Tally] = collections.defaultdict(Tally)
    verdicts: list[Found] = []
    for seed in seeds:
        game = played(folder, spec_of(seed, seconds))
        people = game.tracks[game.tracks["class"] != "puck"].reset_index(drop=True)
        for tracks, kinds in ((game.tracks, OF_PUCK), (people, set(EVENT_TYPES) - OF_PUCK)):
            found, told = compare(ledger_of(game, tracks), game, kinds)
            for kind, tally in found.items():
                tallies[kind] += tally
            verdicts += told
        without(game, people, tallies)
        if seed % 4 == 0:
            # Time on ice needs a camera that sees all of it.
            game = played(folder, spec_of(seed + 1, seconds), whole=True)
            found, told = compare(ledger_of(game, game.tracks), game, {"shift"})
            tallies["shift"] += found["shift"]
        print(f"seed {seed}: true tracks", file=sys.stderr)
    return tallies, verdicts


def ledger_of(game: PlayedGame, tracks: pd.DataFrame) -> pd.DataFrame:
    """The ledger from ``tracks`` and the true calibration."""
    where, info = places(game, tracks), info_of(game.spec)
    return build_ledger(tracks, where, game.scan, info, scoreboard=game.scoreboard)


def without(game: PlayedGame, tracks: pd.DataFrame, tallies: dict[str, Tally]) -> None:
    """Count stoppages of footage without a scoreboard, and without a calibration either."""
    for what, where in (
        ("no scoreboard", places(game, tracks)),
        ("no scoreboard, no calibration", None),
    ):
        ledger = build_ledger(tracks, where, game.scan, info_of(game.spec))
        for kind, tally in compare(ledger, game, set(STOPS))[0].items():
            tallies[f"{kind}` ({what})"] += tally


def whole_chain(
    folder: Path, seeds: Iterable[int], seconds: float
) -> tuple[dict[str, Tally], list[Found]]:
    """Counts by type from the picture alone, with the true calibration."""
    tallies: dict[str, Tally] = collections.defaultdict(Tally)
    verdicts: list[Found] = []
    for seed in seeds:
        game = played(folder, spec_of(seed, seconds))
        ledger = chain_ledger(folder / _name(game.spec), game)
        found, told = compare(ledger, game)
        for kind, tally in found.items():
            tallies[kind] += tally
        verdicts += told
        print(f"seed {seed}: whole chain", file=sys.stderr)
    return tallies, verdicts


def chain_ledger(folder: Path, game: PlayedGame) -> pd.DataFrame:
    """The ledger of the rendered game; what is slow is done once."""
    from jarvis_dagster.hockey.preflight import scan_video
    from jarvis_dagster.hockey.scoreboard import read_scoreboard
    from jarvis_dagster.hockey.synthetic import render_game
    from jarvis_dagster.hockey.video import probe

    video = folder / "game.mp4"
    if not (folder / "truth.json").exists():
        render_game(folder, game.spec)
    made = {
        "scan": lambda: scan_video(video),
        "board": lambda: read_scoreboard(video).table,
        "chain": lambda: chain_tracks(video, pd.read_parquet(folder / "scan.parquet")),
    }
    for name, make in made.items():
        if not (folder / f"{name}.parquet").exists():
            make().to_parquet(folder / f"{name}.parquet")
    scan, board, tracks = (pd.read_parquet(folder / f"{name}.parquet") for name in made)
    where = places(game, tracks)
    return build_ledger(tracks, where, scan, probe(video), scoreboard=board)


def chain_tracks(video: Path, scan: pd.DataFrame) -> pd.DataFrame:
    """TRACKS of a video, as the pipeline makes them."""
    from jarvis_dagster.hockey.detection import detect_video, load_detector
    from jarvis_dagster.hockey.people import people_of
    from jarvis_dagster.hockey.video import probe

    info = probe(video)
    found, kit = detect_video(video, load_detector(), stride=2)
    return people_of(
        found, kit, scan, width_px=info.width_px, height_px=info.height_px, fps=info.fps
    )


def claimed_in(videos: list[Path]) -> None:
    """Print the events that are found in each video, and in how many of them."""
    from jarvis_dagster.hockey.preflight import scan_video
    from jarvis_dagster.hockey.scoreboard import read_scoreboard
    from jarvis_dagster.hockey.video import probe

    total: collections.Counter[str] = collections.Counter()
    for video in videos:
        scan, board = scan_video(video), read_scoreboard(video).table
        ledger = build_ledger(chain_tracks(video, scan), None, scan, probe(video), scoreboard=board)
        found = collections.Counter(ledger["type"])
        total += collections.Counter(found.keys())
        print(f"{video.name}: {', '.join(f'{n} {kind}' for kind, n in found.items())}", flush=True)
    print(f"videos of {len(videos)} with: {dict(total)}; stoppages in {total['stoppage']}")


def info_of(spec: GameSpec) -> VideoInfo:
    """What probing the game's video would say."""
    return VideoInfo(
        path=Path("game.mp4"),
        width_px=spec.width_px,
        height_px=spec.height_px,
        fps=spec.fps,
        frame_count=spec.frame_count,
        duration_s=spec.duration_s,
        codec="h264",
        rotation_deg=0,
        has_audio=False,
        variable_rate=False,
        size_bytes=0,
    )


def as_table(
    perfect: dict[str, Tally], chain: dict[str, Tally], arguments: argparse.Namespace
) -> str:
    """The table in Markdown."""
    lines = [
        f"True tracks: {arguments.games} games of {arguments.seconds:g} s (seeds from"
        f" {FIRST_TRUE}). Whole chain: {arguments.chain} games of {arguments.chain_seconds:g} s"
        f" (seeds from {FIRST_CHAIN}). Every second one has a fixed camera. Numbers in brackets"
        " are true and found events; of states, seconds.",
        "",
        "| type | true tracks: precision | recall | (true, found) | whole chain: precision"
        " | recall | (true, found) |",
        "|---|---|---|---|---|---|---|",
    ]
    further = sorted(set(perfect) - set(EVENT_TYPES))
    for kind in [kind for kind in EVENT_TYPES if kind in perfect or kind in chain] + further:
        cells = []
        for tallies in (perfect, chain):
            tally = tallies.get(kind)
            if tally is None:
                cells.append(f"{'-' if kind in further else 'not supported'} | - | -")
                continue
            unit = " s" if kind in BY_SECONDS else ""
            counts = f"({tally.true:.0f}{unit}, {tally.found:.0f}{unit})"
            cells.append(f"{_share(tally.precision)} | {_share(tally.recall)} | {counts}")
        name = f"`{kind}" if kind in further else f"`{kind}`"
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def reliability(verdicts: list[Found]) -> str:
    """How often events of each confidence were right, in Markdown."""
    chosen = [v for v in verdicts if v.kind not in ("camera_cut", "shift", "period")]
    lines = [
        "",
        "How often what was found was right, by its confidence, over both ways (of states:"
        " right for seven tenths of their time):",
        "",
        "| confidence | found | mean confidence | right |",
        "|---|---|---|---|",
    ]
    for low, high in ((0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 1.01)):
        here = [v for v in chosen if low <= v.confidence < high]
        if here:
            mean = sum(v.confidence for v in here) / len(here)
            right = sum(v.right for v in here) / len(here)
            lines.append(f"| {low:g} - {min(high, 1):g} | {len(here)} | {mean:.2f} | {right:.2f} |")
    return "\n".join(lines) + "\n"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _name(spec: GameSpec) -> str:
    return f"{spec.seed}-{spec.camera}-{spec.duration_s:g}s-{spec.cuts}"


if __name__ == "__main__":
    main()
