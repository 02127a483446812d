"""What is kept of one part of a video: a border and a table.

Belongs here: the two formats. Does not belong here: where they are kept.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from jarvis_dagster.hockey.detection.remembering import Memory
    from jarvis_dagster.hockey.detection.segments import Border, Segment

__all__ = ["border_in", "keep_part", "memory_in", "packed", "packed_memory", "tables_of"]

_KIT = "kit_"
_COUNTS = ("start", "stop", "looks", "network_width_px")


def keep_part(path: Path, found: Segment) -> None:
    """Write detections and kit side by side."""
    both = found.detections.join(found.kit.add_prefix(_KIT))
    both.to_parquet(path, index=False)


def tables_of(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Detections and kit of :func:`keep_part`."""
    import pandas as pd

    both = pd.read_parquet(path)
    of_kit = [name for name in both.columns if name.startswith(_KIT)]
    kit = both[of_kit].rename(columns=lambda name: name.removeprefix(_KIT))
    return both.drop(columns=of_kit), kit


def packed(border: Border) -> bytes:
    """A border as NPZ."""
    return _npz(
        {name: getattr(border, name) for name in (*_COUNTS, "measured", "widths")}
        | _memory_out(border.before, "before")
        | _memory_out(border.after, "after")
    )


def border_in(held: Any) -> Border:
    """The border in an opened NPZ."""
    from jarvis_dagster.hockey.detection.segments import Border

    start, stop, looks, network_width_px = (int(held[name]) for name in _COUNTS)
    return Border(
        start=start,
        stop=stop,
        looks=looks,
        before=memory_in(held, "before"),
        after=memory_in(held, "after"),
        measured=held["measured"],
        widths=held["widths"],
        network_width_px=network_width_px,
    )


def packed_memory(memory: Memory) -> bytes:
    """A memory alone as NPZ."""
    return _npz(_memory_out(memory, "memory"))


def memory_in(held: Any, name: str) -> Memory:
    """The memory of that name in an opened NPZ."""
    import numpy as np

    from jarvis_dagster.hockey.detection.remembering import Memory

    tall = float(held[f"{name}_tall"])
    ice = held[f"{name}_ice"] if f"{name}_ice" in held.files else None
    return Memory(ice, None if np.isnan(tall) else tall)


def _memory_out(memory: Memory, name: str) -> dict[str, Any]:
    tall = float("nan") if memory.tall_px is None else memory.tall_px
    found: dict[str, Any] = {f"{name}_tall": tall}
    return found if memory.ice is None else {**found, f"{name}_ice": memory.ice}


def _npz(arrays: dict[str, Any]) -> bytes:
    import numpy as np

    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()
