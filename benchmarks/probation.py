"""How often a promoted detector is taken back, by how much worse videos are seen.

``python -m benchmarks.probation [--repeat 200]``. Figures are drawn, not measured: beta distributed
around what performance was, with the spread that a camera's videos have. The peer is the same rule
with what performance was taken for known, as it is for parameters.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.autopilot.config import AutopilotConfig
from jarvis_dagster.hockey.adaptation import Limits
from jarvis_dagster.hockey.adaptation.probation import Seen
from jarvis_dagster.hockey.adaptation.sequential import evidence_of

if TYPE_CHECKING:
    from collections.abc import Iterator

CAMERAS = ((0.93, 0.03), (0.85, 0.07), (0.6, 0.12))
"""Mean and spread of performance: well, less well, badly seen."""
MARGIN = Limits.rollback_margin


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Measure the probation of a detector.")
    parser.add_argument("--repeat", type=int, default=200)
    given = parser.parse_args()
    random = np.random.default_rng(20261130)
    for row in _rows(random, given.repeat):
        print(json.dumps(row), flush=True)
    return 0


def _rows(random: np.random.Generator, repeat: int) -> Iterator[dict[str, object]]:
    config = AutopilotConfig()
    for (mean, spread), known in itertools.product(CAMERAS, (4, 12)):
        for worse in (0.0, 0.05, 0.1, 0.2):
            waits, by_peer = [], 0
            for _ in range(repeat):
                before = Seen("a", tuple(_drawn(random, mean, spread, known)), (), 0)
                after = _drawn(random, max(mean - worse, 0.05), spread, config.probation_videos)
                limit = before.limit(MARGIN)
                path = np.array(evidence_of((limit - v) / (1 - limit) for v in after))
                if (path >= config.rollback_evidence).any():
                    waits.append(int((path >= config.rollback_evidence).argmax()) + 1)
                plain = min(max(before.level.estimate - MARGIN, 0.05), 0.95)
                peer = np.array(evidence_of((plain - v) / (1 - plain) for v in after))
                by_peer += bool((peer >= config.rollback_evidence).any())
            yield {
                "performance": mean,
                "spread": spread,
                "videos_before": known,
                "worse_by": worse,
                "taken_back": round(len(waits) / repeat, 3),
                "after_videos": float(np.median(waits)) if waits else None,
                "taken_back_if_before_were_known": round(by_peer / repeat, 3),
            }


def _drawn(
    random: np.random.Generator, mean: float, spread: float, count: int
) -> tuple[float, ...]:
    size = mean * (1 - mean) / spread**2 - 1
    return tuple(random.beta(mean * size, (1 - mean) * size, count).tolist())


if __name__ == "__main__":
    sys.exit(main())
