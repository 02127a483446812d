"""What really happened in a synthetic game, by the ledger's types, and how to compare.

Belongs here: true spans of events, matching them with found ones. Does not belong
here: playing games, printing tables.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.motion import runs, smooth
from jarvis_dagster.hockey.rink import rink_named

if TYPE_CHECKING:
    import pandas as pd

    from benchmarks.event_games import PlayedGame

__all__ = ["BY_SECONDS", "TOLERANCE_S", "Found", "Tally", "compare", "matches", "true_spans"]

_ALL_CHANGES = "line_change` (shown or not)"
_CHANGE_S = 10.0
"""Within so long of the call a tired player is at the bench."""
_SHOWN = 3
"""Of a change's comings and goings: fewer say nothing, whoever looks."""

TOLERANCE_S = {
    "camera_cut": 0.1,
    "stoppage": 0.5,
    "face_off": 1.0,
    "play_resumes": 2.0,
    "goal": 0.5,
    "period": 2.0,
    "rush": 0.5,
    "crowding": 0.5,
    "net_front": 0.5,
    "zone_entry": 2.5,
    "zone_exit": 2.5,
    "line_change": 4.0,
    "shot": 0.5,
}
"""How far apart a found event and a true one may be and still be the same."""

BY_SECONDS = ("zone_time", "possession", "shift")
"""States: compared second by second, not as events."""

Span = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Found:
    """One found event, and whether a true one is behind it."""

    kind: str
    confidence: float
    right: bool


@dataclasses.dataclass
class Tally:
    """Counts of one type; of a state, seconds."""

    true: float = 0
    found: float = 0
    right: float = 0
    recalled: float = 0

    def __iadd__(self, other: Tally) -> Tally:
        self.true += other.true
        self.found += other.found
        self.right += other.right
        self.recalled += other.recalled
        return self

    @property
    def precision(self) -> float | None:
        return self.right / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        return self.recalled / self.true if self.true else None


def true_spans(game: PlayedGame) -> dict[str, list[tuple[str, float, float]]]:
    """What really happened: (what, start, end) by type; ``what`` must agree where it is told."""
    fps = game.spec.fps
    truth = game.truth
    events = game.events

    def times(kind: str) -> list[tuple[str, float, float]]:
        rows = events[events["type"] == kind]
        return [(t, s, s) for t, s in zip(rows["team"], rows["start_s"], strict=True)]

    stopped = [
        ("", a / fps, b / fps)
        for a, b in runs((truth["phase"] != "play").to_numpy(), shortest=round(1.0 * fps))
    ]
    cuts = np.flatnonzero(truth["shot"].diff().fillna(0).to_numpy() != 0)
    drops = [s for _, s, _ in times("face_off")]
    return {
        "camera_cut": [("", f / fps, (f + 1) / fps) for f in cuts.tolist()],
        "stoppage": stopped,
        "face_off": [("", s - 0.5, s) for s in drops],
        "play_resumes": [("", s, s + 1) for s in drops],
        "goal": [("", s, s) for _, s, _ in times("goal")],
        "period": [("", 0.0, float(game.spec.duration_s))],
        "rush": _rushes(game),
        "crowding": _crowds(game),
        "net_front": _net_fronts(game),
        "zone_entry": _crossings(game)[0],
        "zone_exit": _crossings(game)[1],
        "line_change": [(team, s, s + 4) for team, s, _ in _changes(game)],
        "shot": [("", s, s + 0.4) for _, s, _ in times("shot")],
        "zone_time": _zone_seconds(game),
        "possession": _possession(game),
        "shift": _shifts(game),
    }


def compare(
    ledger: pd.DataFrame, game: PlayedGame, kinds: set[str] | None = None
) -> tuple[dict[str, Tally], list[Found]]:
    """Counts by type, and every found event with its verdict."""
    tallies, verdicts = {}, []
    fps, frames = game.spec.fps, len(game.truth)
    for kind, spans in true_spans(game).items():
        if kind in ledger.attrs["not_supported"] or (kinds is not None and kind not in kinds):
            continue
        rows = ledger[ledger["type"] == kind]
        found = [
            (_what(row), float(row["start_s"]), float(row["end_s"]))
            for row in rows.to_dict("records")
        ]
        if kind in BY_SECONDS:
            right, recalled = _shared(found, spans, fps, frames)
            tallies[kind] = Tally(
                sum(b - a for _, a, b in spans),
                sum(b - a for _, a, b in found),
                float(right.sum()),
                recalled,
            )
            verdicts += [
                Found(kind, c, bool(r > 0.7 * (b - a)))
                for c, r, (_, a, b) in zip(rows["confidence"], right, found, strict=True)
            ]
            continue
        hit = matches([f[1:] for f in found], [s[1:] for s in spans], TOLERANCE_S[kind])
        number = float(len(hit))
        tallies[kind] = Tally(len(spans), len(found), number, number)
        if kind == "line_change":
            tallies[_ALL_CHANGES] = tallies[kind]
            seen = [(s, s + 4) for _, s, moments in _changes(game) if moments >= _SHOWN]
            again = matches([f[1:] for f in found], seen, TOLERANCE_S[kind])
            tallies[kind] = Tally(len(seen), len(found), number, float(len(again)))
        verdicts += [Found(kind, float(c), i in hit) for i, c in enumerate(rows["confidence"])]
    return tallies, verdicts


def matches(found: list[Span], true: list[Span], tolerance_s: float) -> dict[int, int]:
    """Which found event has which true one of its own (the best overlaps first)."""
    pairs = []
    for i, (start, end) in enumerate(found):
        for k, (low, high) in enumerate(true):
            overlap = min(end, high) - max(start, low) + tolerance_s
            if overlap > 0:
                pairs.append((-overlap, i, k))
    pairs.sort()
    used: dict[int, int] = {}
    for _, i, k in pairs:
        if i not in used and k not in used.values():
            used[i] = k
    return used


def _what(row: dict) -> str:
    """What a state says, to be compared with the truth."""
    measures = json.loads(row["evidence"])["measures"]
    if row["type"] == "zone_time":
        return str(measures["zone"])
    return str(row["team"])


def _shared(
    found: list[tuple[str, float, float]],
    true: list[tuple[str, float, float]],
    fps: float,
    frames: int,
) -> tuple[np.ndarray, float]:
    """Seconds of each found span in which the truth says the same, and true seconds found.

    Several may hold at once (shifts): then how many, by team, is what is compared.
    """
    right = np.zeros(len(found))
    recalled = 0.0
    for what in {f[0] for f in found} | {t[0] for t in true}:
        number = np.zeros(frames)
        for _, a, b in [t for t in true if t[0] == what]:
            number[round(a * fps) : round(b * fps)] += 1
        said = np.zeros(frames)
        for _, a, b in [f for f in found if f[0] == what]:
            said[round(a * fps) : round(b * fps)] += 1
        recalled += float(np.minimum(number, said).sum()) / fps
        share = np.minimum(number, said) / np.maximum(said, 1)
        for i, (w, a, b) in enumerate(found):
            if w == what:
                right[i] = share[round(a * fps) : round(b * fps)].sum() / fps
    return right, recalled


def _crossings(
    game: PlayedGame,
) -> tuple[list[tuple[str, float, float]], list[tuple[str, float, float]]]:
    """When the puck got 3 ft into an end zone, and 3 ft out of it, while play was on."""
    rink, fps = rink_named(game.spec.rink), game.spec.fps
    x = game.truth["puck_x_ft"].to_numpy()
    play = (game.truth["phase"] == "play").to_numpy()
    low, high = rink.blue_lines_ft
    entries, exits = [], []
    for start, stop in runs(play, shortest=2):
        for name, depth in (("left", low - x), ("right", x - high)):
            inside, line = depth[start] > 0, start
            for at in range(start, stop):
                if inside == (depth[at] > 0):
                    line = at + 1
                elif abs(depth[at]) > 3:
                    (exits if inside else entries).append((name, line / fps, line / fps))
                    inside, line = not inside, at + 1
    return sorted(entries, key=lambda e: e[1]), sorted(exits, key=lambda e: e[1])


def _zone_seconds(game: PlayedGame) -> list[tuple[str, float, float]]:
    """The zone that the puck is in, while play is on and the main camera shows it."""
    rink, fps = rink_named(game.spec.rink), game.spec.fps
    x = game.truth["puck_x_ft"].to_numpy()
    low, high = rink.blue_lines_ft
    zone = np.where(x < low, 0, np.where(x > high, 2, 1))
    play = ((game.truth["phase"] == "play") & (game.truth["kind"] == "main")).to_numpy()
    return [
        (("left", "neutral", "right")[zone[a]], a / fps, b / fps)
        for a, b in runs(play, shortest=1, group=zone)
    ]


def _possession(game: PlayedGame) -> list[tuple[str, float, float]]:
    """A team has the puck from when one of its players has it until no one of it does.

    Passes of up to 1.5 s between its own players count.
    """
    fps = game.spec.fps
    owner = game.truth["owner"].to_numpy(str)
    play = (game.truth["phase"] == "play").to_numpy()
    spans = []
    for team, other in (("A", "B"), ("B", "A")):
        group = np.cumsum((owner == other) | ~play)
        spans += [
            (team, a / fps, b / fps)
            for a, b in runs(
                (owner == team) & play, shortest=round(fps), gap=round(1.5 * fps), group=group
            )
        ]
    return spans


def _shifts(game: PlayedGame) -> list[tuple[str, float, float]]:
    """Everyone's stretches on the ice, by team; goalkeepers stay all the time."""
    rows = game.events[game.events["type"] == "shift"]
    spans = list(zip(rows["team"], rows["start_s"], rows["end_s"], strict=True))
    return [*spans, *((team, 0.0, float(game.spec.duration_s)) for team in "AB")]


def _changes(game: PlayedGame) -> list[tuple[str, float, int]]:
    """Team, time, and how many of its comings and goings are in the picture.

    Forwards and defence whom a whistle sends off together are one change.
    """
    fps, last = game.spec.fps, len(game.truth) - 1
    rows = game.people[game.people["role"] == "player"].sort_values(["person", "frame"])
    fresh = (rows["person"].diff() != 0) | (rows["frame"].diff() > 1)
    off, on = rows[fresh.shift(-1, fill_value=True)], rows[fresh]
    calls = game.events[game.events["type"] == "line_change"].sort_values("start_s")
    found: list[tuple[str, float, int]] = []
    for call in calls.to_dict("records"):
        start, whom = call["start_s"] * fps, set(json.loads(call["track_ids"]))
        left = off[off["person"].isin(whom) & off["frame"].between(start, start + _CHANGE_S * fps)]
        left = left[left["frame"] < last]
        came = on[(on["team"] == call["team"]) & on["frame"].isin(left["frame"] + 1)]
        moments = int(left["in_view"].sum() + came["in_view"].sum())
        if found and found[-1][0] == call["team"] and call["start_s"] - found[-1][1] < 1.0:
            found[-1] = (*found[-1][:2], found[-1][2] + moments)
        else:
            found.append((call["team"], float(call["start_s"]), moments))
    return found


def _rushes(game: PlayedGame) -> list[tuple[str, float, float]]:
    """Three or more players in view at more than 14 ft/s the same way, for 0.8 s, in play."""
    fps = game.spec.fps
    rows = _seen(game)
    rows = rows[rows["role"] == "player"].sort_values(["person", "frame"])
    step = rows.groupby("person")[["frame", "x_ft", "y_ft"]].diff(3)
    good = step["frame"] == 3
    vx = (step["x_ft"] * fps / 3).where(good)
    vy = (step["y_ft"] * fps / 3).where(good)
    fast = (vx.abs() > 14) & (vy.abs() < 0.8 * vx.abs())
    count = len(game.truth)
    play = (game.truth["phase"] == "play").to_numpy()
    shots = game.truth["shot"].to_numpy(np.int64)
    numbers = {
        way: np.bincount(rows.loc[fast & (np.sign(vx) == way), "frame"], minlength=count)
        for way in (1, -1)
    }
    spans = []
    for way, number in numbers.items():
        rushing = (smooth(number.astype(float), 12) >= 2.7) & (number > 2 * numbers[-way]) & play
        spans += runs(rushing, shortest=round(0.8 * fps), gap=round(0.3 * fps), group=shots)
    return [("", a / fps, b / fps) for a, b in spans]


def _crowds(game: PlayedGame) -> list[tuple[str, float, float]]:
    """Five or more players in view within 9 ft of one of them, for 1.2 s."""
    fps = game.spec.fps
    rows = _seen(game)
    rows = rows[rows["role"].isin(["player", "goalkeeper"])]
    most = np.zeros(len(game.truth))
    for frame, group in rows.groupby("frame"):
        xy = group[["x_ft", "y_ft"]].to_numpy()
        apart = np.linalg.norm(xy[:, None] - xy[None], axis=2)
        most[int(str(frame))] = (apart < 9).sum(1).max()
    crowded = smooth(most, 15) >= 4.6
    return [("", a / fps, b / fps) for a, b in runs(crowded, shortest=round(1.2 * fps), gap=12)]


def _net_fronts(game: PlayedGame) -> list[tuple[str, float, float]]:
    """Three or more skaters in view within 12 ft before a goal, for a second."""
    fps, rink = game.spec.fps, rink_named(game.spec.rink)
    main = game.truth["kind"].to_numpy() == "main"
    rows = _seen(game)
    rows = rows[(rows["role"] == "player") & main[rows["frame"].to_numpy()]]
    spans = []
    for end, line in enumerate(rink.goal_lines_ft):
        out = (rows["x_ft"] - line) * (1 if end == 0 else -1)
        near = (np.hypot(out, rows["y_ft"] - rink.width_ft / 2) < 12) & (out > -1)
        number = np.bincount(rows.loc[near, "frame"], minlength=len(game.truth)).astype(float)
        spans += runs(
            smooth(number, round(0.4 * fps)) >= 2.7, shortest=round(fps), gap=round(0.4 * fps)
        )
    return [("", a / fps, b / fps) for a, b in spans]


def _seen(game: PlayedGame) -> pd.DataFrame:
    """Everyone who is in the picture, with the true place."""
    return game.people[game.people["in_view"]]
