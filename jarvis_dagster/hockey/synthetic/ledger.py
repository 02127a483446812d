"""What happened, as it happens.

Belongs here: the list of true events of a synthetic game and its table. Does
not belong here: deciding that something happened.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.hockey.tables import EVENTS, empty

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.synthetic.people import Person

__all__ = ["Ledger"]


class Ledger:
    """Collects events; times are seconds of the video."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.rows: list[dict[str, Any]] = []

    def add(
        self,
        kind: str,
        team: str,
        people: list[Person],
        xy: NDArray[np.float64] | None = None,
        start_s: float | None = None,
        **evidence: Any,
    ) -> None:
        """Note an event that ends now; it starts now too unless ``start_s`` is given."""
        now = self._now()
        if xy is not None:
            evidence["x_ft"], evidence["y_ft"] = round(float(xy[0]), 2), round(float(xy[1]), 2)
        self.rows.append(
            {
                "event_id": f"{kind}-{len(self.rows):04d}",
                "type": kind,
                "start_s": round(now if start_s is None else start_s, 4),
                "end_s": round(now, 4),
                "team": team,
                "track_ids": json.dumps([person.track_id for person in people]),
                "confidence": 1.0,
                "evidence": json.dumps({"truth": True, **evidence}),
            }
        )

    def table(self, until_s: float) -> pd.DataFrame:
        """``EVENTS`` up to ``until_s``, in order of start."""
        import pandas as pd

        rows = [row for row in self.rows if row["end_s"] <= until_s + 1e-6]
        if not rows:
            return empty(EVENTS)
        table = pd.DataFrame(rows).astype(EVENTS)
        return table.sort_values(["start_s", "event_id"], ignore_index=True)
