"""How often trends are found in noise, and how large they have to be to be found.

``python -m benchmarks.trends [--repeat 400] [--only slope]``. Numbers come from here alone; peers
are plain least squares with its t test, Kendall's test of games that are not alike, and the t test
for seasons, on the same numbers.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import sys
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from jarvis_dagster.hockey.trends import (
    Figure,
    Series,
    analyse,
    changes,
    changes_p_value,
    compare,
    slope,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = datetime.date(2026, 9, 4)
TODAY = datetime.date(2027, 6, 30)
MONTH = 30.4375


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Measure the trends of the weekly reports.")
    parser.add_argument("--repeat", type=int, default=400)
    parser.add_argument(
        "--only", choices=["wild", "report", "season", "step", "slope"], action="append"
    )
    parser.add_argument("--json", action="store_true", help="One object a line.")
    arguments = parser.parse_args()
    random = np.random.default_rng(20261130)
    parts = {
        "wild": _wild(random, arguments.repeat),
        "report": _reports(random, arguments.repeat // 4),
        "season": _seasons(random, arguments.repeat),
        "step": _steps(random, arguments.repeat),
        "slope": _slopes(random, arguments.repeat),
    }
    for row in itertools.chain(*(parts[name] for name in arguments.only or parts)):
        if arguments.json:
            print(json.dumps(row), flush=True)
        else:
            print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return 0


def _season(
    random: np.random.Generator, games: int, *, gain: float = 0.0, alike: float = 0.0
) -> Series:
    """Noise of 1; ``gain`` a month."""
    days = np.round(np.arange(games) * 3.5)
    wild = random.normal(size=games)
    for at in range(1, games):
        wild[at] = alike * wild[at - 1] + np.sqrt(1 - alike**2) * wild[at]
    start = (FIRST - datetime.date(1970, 1, 1)).days
    return Series(Figure("x", "x"), start + days, 10 + gain * days / MONTH + wild)


def _slopes(random: np.random.Generator, repeat: int) -> Iterator[dict[str, object]]:
    for alike in (0.0, 0.3, 0.6):
        for games in (6, 12, 24, 48):
            for gain in (0.0, 0.5, 1.0):
                found = covered = peer = kendall = 0
                for _ in range(repeat):
                    series = _season(random, games, gain=gain, alike=alike)
                    line = slope(series)
                    assert line is not None
                    found += line.p_value <= 0.05
                    covered += line.low <= gain <= line.high
                    peer += stats.linregress(series.days, series.values).pvalue <= 0.05
                    kendall += stats.kendalltau(series.days, series.values).pvalue <= 0.05
                yield (
                    {
                        "question": "slope",
                        "alike": alike,
                        "games": games,
                        "sd_a_month": gain,
                        "found": round(found / repeat, 3),
                        "in_interval": round(covered / repeat, 3),
                        "least_squares_found": round(peer / repeat, 3),
                        "kendall_found": round(kendall / repeat, 3),
                    }
                )


def _wild(random: np.random.Generator, repeat: int) -> Iterator[dict[str, object]]:
    """One game of 24 is 10 standard deviations off; the slope is 1 a month."""
    ours, peers = [], []
    for _ in range(repeat):
        series = _season(random, 24, gain=1.0)
        series.values[random.integers(20, 24)] -= 10
        line = slope(series)
        assert line is not None
        ours.append(abs(line.per_month - 1))
        peers.append(abs(stats.linregress(series.days, series.values).slope * MONTH - 1))
    yield {
        "question": "slope with one wild game",
        "error_a_month": round(float(np.median(ours)), 3),
        "least_squares_error": round(float(np.median(peers)), 3),
    }


def _steps(random: np.random.Generator, repeat: int) -> Iterator[dict[str, object]]:
    for alike in (0.0, 0.3, 0.6):
        for games in (12, 24, 48):
            for step in (0.0, 1.0, 2.0, 3.0):
                found = close = 0
                for _ in range(repeat):
                    series = _season(random, games, alike=alike)
                    series.values[games // 2 :] += step
                    p_value = changes_p_value(series)
                    if p_value is None or p_value > 0.05:
                        continue
                    found += 1
                    places = [one.index for one in changes(series)]
                    close += any(abs(at - games // 2) <= 2 for at in places)
                yield (
                    {
                        "question": "step",
                        "alike": alike,
                        "games": games,
                        "sd": step,
                        "found": round(found / repeat, 3),
                        "within_2_games": round(close / found, 3) if step and found else "",
                    }
                )


def _seasons(random: np.random.Generator, repeat: int) -> Iterator[dict[str, object]]:
    for alike, games, shift in itertools.product((0.0, 0.3, 0.6), (4, 12, 24), (0.0, 1.0)):
        found = covered = peer = 0
        for _ in range(repeat):
            now, then = (_season(random, games, alike=alike).values for _ in range(2))
            now = now + shift
            start = (FIRST - datetime.date(1970, 1, 1)).days
            days = np.concatenate([start - 365 + np.arange(games), start + np.arange(games)])
            series = Series(Figure("x", "x"), days.astype(float), np.concatenate([then, now]))
            told = compare(series, FIRST + datetime.timedelta(days=games))
            assert told is not None
            found += told.p_value <= 0.05
            covered += told.low <= shift <= told.high
            peer += stats.ttest_ind(now, then).pvalue <= 0.05
        yield {
            "question": "season",
            "alike": alike,
            "games": games,
            "sd": shift,
            "found": round(found / repeat, 3),
            "in_interval": round(covered / repeat, 3),
            "t_test_found": round(peer / repeat, 3),
        }


def _reports(random: np.random.Generator, repeat: int) -> Iterator[dict[str, object]]:
    """Whole reports, of which some figures move by 1 sd a month: what they call out."""
    kinds = itertools.product((1, 12), (0.0, 0.3, 0.6), (8, 24, 48), (False, True))
    for figures, alike, games, move in kinds:
        moving = (1 if figures == 1 else 3) if move else 0
        yield _report(random, repeat * (4 if figures == 1 else 1), figures, alike, games, moving)


def _report(
    random: np.random.Generator, repeat: int, figures: int, alike: float, games: int, moving: int
) -> dict[str, object]:
    wrong = any_wrong = right = wrong_in_doubt = right_in_doubt = 0
    for _ in range(repeat):
        every = [
            _season(random, games, gain=float(at < moving), alike=alike) for at in range(figures)
        ]
        found = analyse(every, TODAY)[0]
        said = [one.says_something for one in found]
        doubted = [one.says_something and one.may_be_form for one in found]
        right += sum(said[:moving])
        right_in_doubt += sum(doubted[:moving])
        wrong += sum(said[moving:])
        wrong_in_doubt += sum(doubted[moving:])
        any_wrong += any(said[moving:])
    return {
        "question": f"report of {figures} figure{'s' if figures > 1 else ''}",
        "alike": alike,
        "games": games,
        "moving": moving,
        "reports_that_call_out_noise": round(any_wrong / repeat, 3),
        "of_what_is_called_out_noise": round(wrong / max(wrong + right, 1), 3),
        "of_that_said_to_be_form_perhaps": round(wrong_in_doubt / wrong, 3) if wrong else "",
        "moving_called_out": round(right / (moving * repeat), 3) if moving else "",
        "of_those_said_to_be_form_perhaps": round(right_in_doubt / right, 3) if right else "",
    }


if __name__ == "__main__":
    sys.exit(main())
