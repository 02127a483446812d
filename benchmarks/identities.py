"""Persons out of tracks: what numbers that are read now and then, and now and then wrongly, give.

    python benchmarks/identities.py --data DIR

Ground truth is broken into a new track at every absence, or followed by our tracker
through noisy detections (``--tracker``). Each player gets a number; of a share of the
tracks one is read, and some are wrong, as sure of themselves as the others. Teams and
roles are wrong for one track in twenty. IDF1 and AssA are against the people of the
ground truth, first with tracks for persons, then with the tracks joined. *purity*: share
of the time of joined or named tracks that is of their person; *known*: share of the
players' time whose person is told at all.

``DIR``: as for ``tracker.py``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from tracker import absences_split
from tracker_methods import ours

from jarvis_dagster.hockey.identities import UNKNOWN, identify
from jarvis_dagster.hockey.tracking import (
    NOISE_LEVELS,
    evaluate_tables,
    read_mot,
    simulate_detections,
)

ROLES = {1: "player", 2: "player", 3: "goalkeeper", 4: "goalkeeper", 5: "referee"}
TEAMS = {1: "A", 2: "B", 3: "A", 4: "B", 5: ""}
WRONG_ROLE = 0.05


def owner_of(tracks: pd.DataFrame, truth: pd.DataFrame) -> pd.Series:
    """Who each track is of, mostly: the person whose middle is nearest, frame by frame."""
    both = tracks.merge(truth, on="frame", suffixes=("", "_true"))
    away = np.hypot(
        both["x"] + both["w"] / 2 - both["x_true"] - both["w_true"] / 2,
        both["y"] + both["h"] / 2 - both["y_true"] - both["h_true"] / 2,
    )
    nearest = both.loc[away.groupby([both["frame"], both["id"]]).idxmin()]
    return nearest.groupby("id")["id_true"].agg(lambda ids: ids.mode().iloc[0])


def dressed(
    tracks: pd.DataFrame, truth: pd.DataFrame, fps: float, random: np.random.Generator
) -> tuple[pd.DataFrame, pd.Series]:
    """TRACKS with roles and teams as a classifier would give them, and whose each track is."""
    owner = owner_of(tracks, truth)
    kind = owner.map(truth.drop_duplicates("id").set_index("id")["class"])
    wrong = random.random(len(kind)) < WRONG_ROLE
    kind = kind.where(~wrong, random.choice([1, 2, 3, 4, 5], len(kind)))
    table = pd.DataFrame({"frame": tracks["frame"], "pts_s": tracks["frame"] / fps})
    table = table.assign(track_id=tracks["id"], **{"class": "player"})
    table["role"] = table["track_id"].map(kind.map(ROLES))
    table["team"] = table["track_id"].map(kind.map(TEAMS))
    return table.assign(role_score=0.95, team_score=0.95), owner


def jerseys_of(
    owner: pd.Series, truth: pd.DataFrame, read: float, wrong: float, random: np.random.Generator
) -> pd.DataFrame:
    """JERSEYS of a share of the players' tracks."""
    people = truth.drop_duplicates("id").set_index("id")["class"]
    numbers = pd.Series(random.permutation(99)[: len(people) % 99 or 99] + 1, people.index[:99])
    players = owner[owner.map(people) != 5]
    seen = players[random.random(len(players)) < read]
    told = seen.map(numbers).fillna(99).astype(int)
    told = told.where(random.random(len(told)) >= wrong, random.integers(1, 100, len(told)))
    sure = np.clip(random.normal(0.9, 0.05, len(told)), 0.5, 0.99)
    return pd.DataFrame(
        {"track_id": told.index, "number": told.astype(str).to_numpy(), "probability": sure}
    )


def measure(
    tracks: pd.DataFrame, truth: pd.DataFrame, fps: float, read: float, wrong: float, seed: int
) -> dict[str, float]:
    random = np.random.default_rng(seed)
    table, owner = dressed(tracks, truth, fps, random)
    jerseys = jerseys_of(owner, truth, read, wrong, random)
    who = identify(table, fps=fps, jerseys=jerseys).set_index("track_id")["person_id"]
    names = tracks["id"].map(who)
    known = names != UNKNOWN
    code = pd.Series(pd.factorize(names)[0], tracks.index) + int(tracks["id"].max()) + 1
    joined = tracks.assign(id=code.where(known, tracks["id"]))
    before, after = evaluate_tables(truth, tracks), evaluate_tables(truth, joined)
    mine = tracks["id"].map(owner)
    claimed = pd.DataFrame({"name": names[known], "who": mine[known]})
    most = claimed.groupby("name")["who"].agg(lambda ids: ids.mode().iloc[0])
    players = mine.map(truth.drop_duplicates("id").set_index("id")["class"]) != 5
    return {
        "IDF1 tracks": before["IDF1"],
        "IDF1 persons": after["IDF1"],
        "AssA tracks": before["AssA"],
        "AssA persons": after["AssA"],
        "purity": float((claimed["who"] == claimed["name"].map(most)).mean()),
        "known": float(known[players].mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of sequence folders")
    parser.add_argument("--games", nargs="*", default=[""], help="beginnings of folder names")
    parser.add_argument("--read", nargs="*", type=float, default=[0.0, 0.3, 0.6, 0.9])
    parser.add_argument("--wrong", type=float, default=0.1, help="share of the numbers read")
    parser.add_argument("--frames", type=int, default=0, help="first frames of each sequence")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tracker", action="store_true", help="our tracks instead of true ones")
    options = parser.parse_args()
    folders = sorted(
        folder
        for folder in options.data.iterdir()
        if (folder / "gt.txt.gz").exists() and folder.name.startswith(tuple(options.games))
    )
    if not folders:
        sys.exit(f"{options.data} holds no folder with gt.txt.gz")
    rows = []
    for folder in folders:
        fps = 60.0 if folder.name.startswith("CAR") else 30.0
        truth = read_mot(folder / "gt.txt.gz").drop_duplicates(["frame", "id"])
        if options.frames:
            truth = truth[truth["frame"] < truth["frame"].min() + options.frames]
        tracks = absences_split(truth)
        if options.tracker:
            noise = NOISE_LEVELS["pixels"]
            size = {"width_px": 1280, "height_px": 720}
            noisy = simulate_detections(truth, noise, fps=fps, seed=0, **size)
            tracks = ours(noisy, fps, (1280, 720))
        for read in options.read:
            for seed in range(options.seeds):
                figures = measure(tracks, truth, fps, read, options.wrong, seed)
                rows.append({"numbers read": read, "game": folder.name.rsplit("_", 1)[0]} | figures)
    results = pd.DataFrame(rows)
    for keys in (["numbers read"], ["game", "numbers read"]):
        means = results.groupby(keys).mean(numeric_only=True)
        table = Table(title=f"Mean over {len(folders)} sequences, {options.seeds} seeds")
        for column in [*keys, *means.columns]:
            table.add_column(column, justify="right")
        for key, row in means.iterrows():
            cells = key if isinstance(key, tuple) else (key,)
            table.add_row(*map(str, cells), *(f"{value:.3f}" for value in row))
        Console(width=130).print(table)


if __name__ == "__main__":
    main()
