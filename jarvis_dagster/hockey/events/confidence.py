"""From the margin by which measures pass their limits to how often such events are right.

Belongs here: the curves, and applying them. Does not belong here: margins
(:func:`.entry.margin`), fitting the curves (``benchmarks/event_confidence.py``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.hockey.events.entry import Entry

__all__ = ["CALIBRATED", "calibrated", "raw"]

CALIBRATED = (
    "stoppage",
    "face_off",
    "play_resumes",
    "rush",
    "crowding",
    "net_front",
    "zone_entry",
    "zone_exit",
    "zone_time",
    "line_change",
    "possession",
    "shot",
)
"""Types whose confidence is fitted; of the others it stays the margin."""
_LEAST, _MOST = 0.02, 0.98


@functools.cache
def _curves() -> dict[str, tuple[float, float]]:
    path = Path(__file__).with_name("confidence.json")
    said = json.loads(path.read_text("utf-8"))
    return {kind: (float(a), float(b)) for kind, (a, b) in said["curves"].items()}


_raw: list[bool] = []


@contextlib.contextmanager
def raw() -> Iterator[None]:
    """Leave the margins as they are within the block, to fit curves to them."""
    _raw.append(True)
    try:
        yield
    finally:
        _raw.pop()


def calibrated(entry: Entry) -> Entry:
    """``entry`` with the share of such events that are right on synthetic games."""
    curve = _curves().get(entry.type)
    if curve is None or _raw:
        return entry
    slope, offset = curve
    share = 1 / (1 + math.exp(-(slope * entry.confidence + offset)))
    return dataclasses.replace(entry, confidence=min(_MOST, max(_LEAST, share)))
