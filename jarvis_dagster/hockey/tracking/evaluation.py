"""How good tracks are against ground truth: HOTA, IDF1, MOTA.

Belongs here: bringing two MOTChallenge files to one form, and the table of
figures. Does not belong here: the metrics themselves, which are those of
``trackers.eval`` (checked by its authors against TrackEval).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.tracking.mot import read_mot

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray
    from rich.table import Table

__all__ = ["evaluate_tables", "evaluate_tracker", "format_evaluation"]


def evaluate_tracker(ground_truth: Path, tracks: Path) -> dict[str, float]:
    """Compare a file of tracks with a file of ground truth (both may be ``.gz``).

    Every row of the ground truth counts, whatever its class and visibility.
    Frames are compared by number, so both files must use the same base.

    Returns:
        The figures that :func:`evaluate_tables` describes.

    Raises:
        BadInputError: a file is not MOTChallenge rows, the ground truth is
            empty, or a row of the tracks has no id.
    """
    truth = read_mot(ground_truth)
    if truth.empty:
        raise BadInputError(f"{ground_truth} holds no boxes.", "Name the file of ground truth.")
    found = read_mot(tracks)
    if (found["id"] < 0).any():
        raise BadInputError(
            f"{tracks} holds rows without a track id.", "Run the tracker on it first."
        )
    return evaluate_tables(truth, found)


def evaluate_tables(truth: pd.DataFrame, found: pd.DataFrame) -> dict[str, float]:
    """Compare tables of the form that :func:`read_mot` returns.

    Where an id occurs twice in a frame, its first row counts; the number of
    rows left out is in the result.

    Returns:
        ``HOTA, DetA, AssA, LocA`` (mean over IoU .05 to .95: Luiten et al.,
        IJCV 2021), ``IDF1`` (Ristani et al. 2016) and ``MOTA`` at IoU .5, in 0
        to 1 (MOTA may be negative); ``switches``, ``fragments``, ``frames``,
        ``boxes``, ``people``, ``tracks``, ``repeated_rows``.
    """
    from trackers.eval import (
        box_iou,
        compute_clear_metrics,
        compute_hota_metrics,
        compute_identity_metrics,
    )

    once = truth.drop_duplicates(["frame", "id"])
    ours = found.drop_duplicates(["frame", "id"])
    frames = np.union1d(once["frame"].to_numpy(), ours["frame"].to_numpy())
    truth_ids, truth_boxes = _per_frame(once, frames)
    found_ids, found_boxes = _per_frame(ours, frames)
    overlaps = [
        box_iou(a, b, box_format="xywh") for a, b in zip(truth_boxes, found_boxes, strict=True)
    ]
    hota = compute_hota_metrics(truth_ids, found_ids, overlaps)
    identity = compute_identity_metrics(truth_ids, found_ids, overlaps)
    clear = compute_clear_metrics(truth_ids, found_ids, overlaps)
    return {
        **{name: float(hota[name]) for name in ("HOTA", "DetA", "AssA", "LocA")},
        "IDF1": float(identity["IDF1"]),
        "MOTA": float(clear["MOTA"]),
        "switches": int(clear["IDSW"]),
        "fragments": int(clear["Frag"]),
        "frames": len(frames),
        "boxes": len(once),
        "people": int(once["id"].nunique()),
        "tracks": int(ours["id"].nunique()),
        "repeated_rows": len(truth) - len(once) + len(found) - len(ours),
    }


def _per_frame(
    table: pd.DataFrame, frames: NDArray[np.int64]
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.float64]]]:
    """Ids counted from 0, and boxes ``x y w h``, one entry for each of ``frames``."""
    ordered = table.sort_values("frame", kind="stable")
    _, ids = np.unique(ordered["id"].to_numpy(), return_inverse=True)
    boxes = ordered[["x", "y", "w", "h"]].to_numpy(dtype=np.float64)
    edges = np.searchsorted(ordered["frame"].to_numpy(), frames)[1:]
    return np.split(ids.astype(np.intp), edges), np.split(boxes, edges)


def format_evaluation(figures: dict[str, float], title: str = "Tracking") -> Table:
    """The figures as a rich table for the terminal."""
    from rich.table import Table

    table = Table(title=title)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else f"{value:,}")
    return table
