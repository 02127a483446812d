"""The game clock, the period and the score, from readings of the scoreboard.

Belongs here: readings that hang together, and what follows from them: goals, periods,
stoppages. Does not belong here: reading the picture.

Readings err. Score and period only rise, and the clock only runs one way, no faster
than time: the readings kept are the most trusted ones of which that is true, and how
many contradicted them is counted.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.hockey.events.entry import Entry, margin

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["GameState", "read_game", "scoreboard_events"]

_TRUSTED = 0.3
_CONFIRMED = 3
"""Readings that must agree on a score or a period before it counts."""
_ROUNDING_S = 1.2
_LOOK_BACK = 60
_NEW_PERIOD = 6.0
"""What going back to a full clock costs, in readings, where no period was read."""
_STANDS_S = 2.5
_BEFORE_SHOWN_S = 90.0
_UNSTOPPED_S = 30.0
_LONGEST_PERIOD_S = 3600.0


@dataclasses.dataclass(frozen=True)
class GameState:
    """Readings that agree with one another, in the order of time.

    Attributes:
        clock: (N, 4) frame, seconds of the video, clock seconds, period (0: not known).
        scores: Per side, (M, 3): frame, seconds of the video, goals.
        direction: -1 where the clock runs down, 1 where it runs up.
        dropped: How many readings contradicted the rest, by kind.
    """

    clock: NDArray[np.float64]
    scores: tuple[NDArray[np.float64], NDArray[np.float64]]
    direction: int
    dropped: dict[str, int]

    def at(self, frame: int, fps: float) -> dict[str, Any]:
        """Clock and period at ``frame``, where a reading is within 2 s; else empty."""
        if not len(self.clock):
            return {}
        nearest = int(np.abs(self.clock[:, 0] - frame).argmin())
        row = self.clock[nearest]
        if abs(row[0] - frame) > 2 * fps:
            return {}
        said: dict[str, Any] = {"clock_s": float(row[2])}
        return said | ({"period": int(row[3])} if row[3] > 0 else {})


def read_game(scoreboard: pd.DataFrame | None) -> GameState | None:
    """The readings that hang together; None where there are too few."""
    if scoreboard is None or not len(scoreboard):
        return None
    rows = scoreboard[scoreboard["confidence"] >= _TRUSTED].sort_values("frame", kind="stable")
    rows = rows.drop_duplicates("frame", keep="last")
    head = rows[["frame", "pts_s"]].to_numpy(np.float64)
    weight = rows["confidence"].to_numpy(np.float64)
    dropped = {}
    scores = []
    for side in ("score_left", "score_right"):
        value = rows[side].to_numpy(np.int64)
        kept = _rising(value, weight)
        dropped[side] = int((value >= 0).sum() - kept.sum())
        scores.append(np.column_stack([head[kept], value[kept]]))
    period = rows["period"].to_numpy(np.int64)
    kept = _rising(np.where(period > 0, period, -1), weight)
    dropped["period"] = int((period > 0).sum() - kept.sum())
    period = _carried(np.where(kept, period, 0))
    clock = rows["clock_s"].to_numpy(np.float64)
    read = np.isfinite(clock) & (clock >= 0) & (clock <= _LONGEST_PERIOD_S)
    chains = {
        way: _one_way(head[read, 1], clock[read] * way, weight[read], period[read])
        for way in (1, -1)
    }
    # Down where both ways explain the readings alike, as most clocks do.
    direction = 1 if weight[read][chains[1]].sum() > weight[read][chains[-1]].sum() else -1
    chain = np.flatnonzero(read)[chains[direction]]
    dropped["clock_s"] = int(read.sum() - len(chain))
    if not len(chain) and not any(len(side) for side in scores):
        return None
    return GameState(
        clock=np.column_stack([head[chain], clock[chain], period[chain]]),
        scores=(scores[0], scores[1]),
        direction=direction,
        dropped={name: count for name, count in dropped.items() if count},
    )


def scoreboard_events(game: GameState, fps: float) -> list[Entry]:
    """``period``, ``stoppage`` while the clock stands, ``goal`` where a score rises for good."""
    stops = _stops(game)
    entries = [entry for stop in stops for entry in _stoppage(stop, game, fps)]
    return entries + _periods(game) + _goals(game, stops, fps)


def _rising(value: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which readings (-1: none) to keep so that they only rise and each value is confirmed.

    The kept ones weigh the most together; a value with fewer than three readings of its
    own is taken for misread.
    """
    allowed = value >= 0
    while allowed.any():
        kept = _heaviest_rise(value, weight, np.flatnonzero(allowed))
        known, often = np.unique(value[kept], return_counts=True)
        if often.min() >= _CONFIRMED:
            return kept
        allowed &= value != known[often.argmin()]
    return allowed


def _heaviest_rise(
    value: NDArray[np.int64], weight: NDArray[np.float64], rows: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Of ``rows``, those that never fall and weigh the most together."""
    levels, level = np.unique(value[rows], return_inverse=True)
    best = np.zeros(len(levels))  # weight of the heaviest choice so far that ends at a level
    came = np.zeros((len(rows), len(levels)), np.int64)
    for i, at in enumerate(level.tolist()):
        came[i] = _running_argmax(best)
        best[at] = best[came[i, at]] + weight[rows[i]]
    chosen = np.zeros(len(value), bool)
    top = int(best.argmax())
    for i in range(len(rows) - 1, -1, -1):
        if level[i] == top:
            chosen[rows[i]] = True
            top = int(came[i, top])
    return chosen


def _running_argmax(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each place, where the largest value up to it is."""
    best = np.maximum.accumulate(values)
    fresh = np.concatenate([[True], values[1:] > best[:-1]])
    return np.maximum.accumulate(np.where(fresh, np.arange(len(values)), 0))


def _carried(period: NDArray[np.int64]) -> NDArray[np.int64]:
    """The last known period where none was read, and the first before it; 0: none known."""
    read = np.flatnonzero(period > 0)
    if not len(read):
        return period
    last = np.searchsorted(read, np.arange(len(period)), side="right") - 1
    return period[read[np.maximum(last, 0)]]


def _one_way(
    seconds: NDArray[np.float64],
    clock: NDArray[np.float64],
    weight: NDArray[np.float64],
    period: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Rows of the heaviest chain in which ``clock`` rises, no faster than time."""
    count = len(clock)
    if not count:
        return np.zeros(0, np.int64)
    total = weight.copy()
    came = np.full(count, -1, np.int64)
    for i in range(1, count):
        past = slice(max(0, i - _LOOK_BACK), i)
        gain = clock[i] - clock[past]
        time = seconds[i] - seconds[past]
        same = period[past] == period[i]
        goes_on = same & (gain >= -1e-6) & (gain <= time + _ROUNDING_S)
        fresh = period[past] < period[i]
        again = (period[past] == 0) & (gain <= -300)
        score = np.where(goes_on | fresh, total[past], -np.inf)
        score = np.maximum(score, np.where(again, total[past] - _NEW_PERIOD, -np.inf))
        best = int(score.argmax())
        if score[best] > 0:
            total[i] += score[best]
            came[i] = past.start + best
    chain = []
    at = int(total.argmax())
    while at >= 0:
        chain.append(at)
        at = int(came[at])
    return np.array(chain[::-1], np.int64)


def _stops(game: GameState) -> list[tuple[int, int]]:
    """Half-open runs of readings in which the clock shows the same for 2.5 s or more."""
    clock = game.clock
    if not len(clock):
        return []
    edges = np.flatnonzero((np.diff(clock[:, 2]) != 0) | (np.diff(clock[:, 3]) != 0)) + 1
    bounds = [0, *edges.tolist(), len(clock)]
    return [
        (a, b) for a, b in itertools.pairwise(bounds) if clock[b - 1, 1] - clock[a, 1] >= _STANDS_S
    ]


def _stoppage(stop: tuple[int, int], game: GameState, fps: float) -> list[Entry]:
    """The clock shows whole seconds: it stood from up to a second after it last changed.

    Play resumes where it is next seen to run.
    """
    first, last = game.clock[stop[0]], game.clock[stop[1] - 1]
    start = int(first[0] + 0.5 * fps)
    end = int(last[0]) + 1
    readings = stop[1] - stop[0]
    measures = {
        "found_from": "clock",
        "seconds": (end - start) / fps,
        "clock_s": float(first[2]),
        "readings": readings,
    }
    sure = margin(float(last[1] - first[1]), 1.0, 5.0)
    entries = [Entry("stoppage", start, end, (), sure, measures)]
    later = game.clock[stop[1] : stop[1] + 2]
    if len(later) and abs(later[-1, 2] - last[2]) <= later[-1, 1] - last[1] + _ROUNDING_S:
        said = {"found_from": "clock", "clock_s": float(last[2])}
        entries.append(Entry("play_resumes", end, end + max(1, round(fps)), (), sure, said))
    return entries


def _periods(game: GameState) -> list[Entry]:
    entries = []
    clock = game.clock
    for period in sorted(set(clock[:, 3].astype(int).tolist()) - {0}):
        rows = clock[clock[:, 3] == period]
        measures = {
            "period": period,
            "clock_from_s": float(rows[0, 2]),
            "clock_to_s": float(rows[-1, 2]),
            "readings": len(rows),
        }
        sure = margin(len(rows), 0, 10)
        span = int(rows[0, 0]), int(rows[-1, 0]) + 1
        entries.append(Entry("period", *span, (), sure, measures))
    return entries


def _goals(game: GameState, stops: list[tuple[int, int]], fps: float) -> list[Entry]:
    """Where a score rises: when the clock stopped before it, as nearly as it can be told."""
    entries = []
    others = {0: game.scores[1], 1: game.scores[0]}
    for side, name in enumerate(("left", "right")):
        rows = game.scores[side]
        for before, after in itertools.pairwise(rows):
            if after[2] <= before[2]:
                continue
            low, high, found, sure = _when(before, after, game, stops)
            theirs = others[side]
            other = int(theirs[theirs[:, 0] <= after[0], 2].max(initial=0))
            agreeing = int((rows[:, 2] == after[2]).sum())
            measures = {
                "side": name,
                "goals": int(after[2] - before[2]),
                "score": f"{int(after[2])}:{other}" if side == 0 else f"{other}:{int(after[2])}",
                "found_from": found,
                "uncertain_s": round(high - low, 2),
                "shown_s": float(after[1]),
                "readings": agreeing,
                **game.at(int(after[0]), fps),
            }
            shift = after[1] - after[0] / fps  # the frames' own clock
            start, stop = (round((s - shift) * fps) for s in (low, high))
            sure *= margin(agreeing, 0, 5) / 0.95
            entries.append(Entry("goal", max(0, start), max(start + 1, stop), (), sure, measures))
    return entries


def _when(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    game: GameState,
    stops: list[tuple[int, int]],
) -> tuple[float, float, str, float]:
    """Earliest and latest second of a goal, what says so, and how surely.

    It fell before ``after`` was shown, and its clock stopped then: the last stop that
    began before the new score was shown and went on after the old one, or ended in the
    minute and a half before.
    """
    shown = float(after[1])
    for first, last in reversed(stops):
        began, ended = game.clock[first, 1], game.clock[last - 1, 1]
        if began <= shown and ended >= shown - _BEFORE_SHOWN_S:
            previous = game.clock[first - 1, 1] if first else began - 1.0
            low = max(float(previous) - 0.5, began - 2.0)
            return max(0.0, low), min(began + 1.0, shown) + 0.1, "clock", 0.95
    low = max(0.0, min(float(before[1]), shown - 1) - _UNSTOPPED_S)
    return low, shown + 0.1, "score", 0.6
