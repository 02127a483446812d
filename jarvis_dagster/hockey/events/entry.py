"""One line of the ledger.

Belongs here: the entry, its stable id, its form in the table. Does not belong
here: finding events.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import numpy as np

__all__ = ["Entry", "margin"]


@dataclasses.dataclass(frozen=True)
class Entry:
    """Something that happened, with what it was seen in.

    Attributes:
        type: One of :data:`jarvis_dagster.hockey.events.EVENT_TYPES`.
        start: First frame.
        stop: Frame after the last (half-open).
        tracks: Ids of the people involved.
        confidence: 0 to 1, from how far the measures pass their limits.
        measures: What was measured, by name with its unit.
        team: "A", "B" or "".
    """

    type: str
    start: int
    stop: int
    tracks: tuple[int, ...]
    confidence: float
    measures: dict[str, Any]
    team: str = ""

    def event_id(self, video_sha256: str) -> str:
        """The same for the same event of the same video, whenever it is computed."""
        said = json.dumps([video_sha256, self.type, self.start, self.stop, sorted(self.tracks)])
        return f"{self.type}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"

    def evidence(self, model_version: str, game: dict[str, Any] | None = None) -> str:
        """The evidence as a JSON object; ``game`` is clock and period, where known."""
        said = {
            "frames": [self.start, self.stop],
            "tracks": sorted(self.tracks),
            "measures": {name: _plain(value) for name, value in self.measures.items()},
            "model_version": model_version,
        }
        return json.dumps(said | ({"game": game} if game else {}), sort_keys=True)


def margin(value: float, limit: float, sure: float) -> float:
    """Confidence of a measure: 0.5 at its limit, towards 1 as it reaches ``sure``."""
    if not np.isfinite(value) or sure == limit:
        return 0.0
    return float(np.clip(0.5 + 0.45 * (value - limit) / (sure - limit), 0.0, 0.95))


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return round(float(value), 3)
    return value.item() if isinstance(value, np.generic) else value
