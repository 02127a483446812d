"""How often the rule promotes: equal models, and real gains, by the number of videos.

Run ``python benchmarks/promotion.py``. The differences of videos are simulated: normal, heavy
tails (Student's t, 2 degrees), steps (most videos unchanged), a difference of skewed luck.
Beside the rule stands the plain percentile interval, which it would be without widening and
without the test.
"""

from __future__ import annotations

import argparse

import numpy as np

from jarvis_dagster.hockey.promotion.bootstrap import draws, mean_interval, sign_flip

SPREAD = 0.03
LUCK = {
    "normal": lambda rng, n: rng.normal(0, SPREAD, n),
    "heavy tails": lambda rng, n: 0.02 * rng.standard_t(2, n),
    "steps": lambda rng, n: rng.choice([-0.1, 0.0, 0.0, 0.0, 0.1], n),
    "skewed": lambda rng, n: SPREAD * (rng.exponential(1, n) - rng.exponential(1, n)),
}


def rates(luck: str, videos: int, gain: float, trials: int) -> tuple[float, float]:
    """Share of trials that the rule, and the plain percentile interval, promote."""
    rng = np.random.default_rng(videos)
    resample = draws(videos, 1000) / videos
    ours = plain = 0
    for _ in range(trials):
        differences = LUCK[luck](rng, videos) + gain
        plain += np.quantile(resample @ differences, 0.025) > 0
        sure = mean_interval(differences, resamples=1000).low > 0
        ours += bool(sure) and sign_flip(differences) <= 0.025
    return ours / trials, plain / trials


def main() -> None:
    """Print the table of docs/promotion.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=4000)
    trials = parser.parse_args().trials
    print("| videos | luck | gain | promoted | by a plain percentile interval |")
    print("|---|---|---|---|---|")
    cases = [(luck, 0.0) for luck in LUCK] + [("normal", SPREAD), ("normal", 2 * SPREAD)]
    for videos in (6, 10, 20):
        for luck, gain in cases:
            ours, plain = rates(luck, videos, gain, trials)
            print(f"| {videos} | {luck} | {gain:.2f} | {ours:.1%} | {plain:.1%} |", flush=True)


if __name__ == "__main__":
    main()
