"""Who was in view when, and where the picture cuts.

Belongs here: events that need no judgement of play. Does not belong here:
motion (:mod:`.play`), the rink (:mod:`.rink_events`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.entry import Entry, margin

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["at_edges", "camera_cuts", "presences", "whole_rink_in_view"]

_SHORTEST_S = 0.5
_HIDDEN_S = 2.0
_STILL_SHARE = 0.98
_STILL_PX = 1.5
_RINK_SHARE = 0.7
_EDGE = 0.01
_EDGE_SHARE = 0.05


def presences(
    tracks: pd.DataFrame, fps: float, kind: str, ends: dict[int, str] | None = None
) -> list[Entry]:
    """One entry for every unbroken presence of a track, as ``in_view`` or ``shift``.

    Officials have no shifts: they are in view, and so is a goalkeeper who is near no goal
    (``ends`` names each one's end). A shift goes on through gaps of up to two seconds:
    where leaving the picture means leaving the ice, a gap is someone hidden.

    Its confidence is the share of the frames looked at (the detector may look at every
    second one) in which the person was detected, times the mean detection score.
    """
    entries: list[Entry] = []
    people = tracks[tracks["role"] != "unknown"] if len(tracks) else tracks
    ordered = people.sort_values(["track_id", "frame"], kind="stable")
    track = ordered["track_id"].to_numpy(np.int64)
    frame = ordered["frame"].to_numpy(np.int64)
    observed = ordered["observed"].to_numpy(bool)
    score = ordered["score"].to_numpy(np.float64)
    looked = len(np.unique(frame[observed])) / max(1, len(np.unique(frame)))
    role, team = ordered["role"].to_numpy(str), ordered["team"].to_numpy(str)
    longest = np.where((kind == "shift") & (role[1:] != "referee"), _HIDDEN_S * fps, 1)
    fresh = np.flatnonzero((np.diff(track) != 0) | (np.diff(frame) > longest)) + 1
    for rows in np.split(np.arange(len(track)), fresh) if len(track) else []:
        start, stop = int(frame[rows[0]]), int(frame[rows[-1]]) + 1
        if stop - start < _SHORTEST_S * fps or not observed[rows].any():
            continue
        seen = min(1.0, float(observed[rows].mean()) / looked)
        end = (ends or {}).get(int(track[rows[0]]), "")
        lost = role[rows[0]] == "goalkeeper" and not end
        entries.append(
            Entry(
                type="in_view" if role[rows[0]] == "referee" or lost else kind,
                start=start,
                stop=stop,
                tracks=(int(track[rows[0]]),),
                confidence=seen * float(score[rows][observed[rows]].mean()),
                measures={
                    "seconds": (stop - start) / fps,
                    "observed_share": seen,
                    "role": str(role[rows[0]]),
                    **({"end": end} if end else {}),
                },
                team=str(team[rows[0]]),
            )
        )
    return entries


def camera_cuts(scan: pd.DataFrame) -> list[Entry]:
    """One entry of one frame for every first frame of a new camera shot."""
    usual = float(scan["difference"].median()) if len(scan) else 0.0
    entries: list[Entry] = []
    for row in scan[scan["is_cut"] & (scan["frame"] > 0)].itertuples():
        change = float(row.difference)  # type: ignore[arg-type]
        entries.append(
            Entry(
                type="camera_cut",
                start=int(row.frame),  # type: ignore[arg-type]
                stop=int(row.frame) + 1,  # type: ignore[arg-type]
                tracks=(),
                confidence=margin(change, 2 * usual, 8 * max(usual, 1.0)),
                measures={"luma_change": change, "usual_luma_change": usual},
            )
        )
    return entries


def whole_rink_in_view(
    tracks: pd.DataFrame,
    positions: pd.DataFrame | None,
    scan: pd.DataFrame | None,
    info: VideoInfo | None,
    length_ft: float,
) -> bool:
    """Whether leaving the picture must mean leaving the ice.

    True for a camera that stands still (no cut, next to no motion), sees people along
    most of the rink, and in whose picture next to no track begins or ends at an edge.
    """
    if positions is None or scan is None or info is None or not len(scan) or not len(tracks):
        return False
    if bool((scan["is_cut"] & (scan["frame"] > 0)).any()):
        return False
    still = np.hypot(scan["dx_px"], scan["dy_px"]) < _STILL_PX
    if float(still.mean()) < _STILL_SHARE:
        return False
    x = positions.loc[positions["valid"], "x_ft"].to_numpy(np.float64)
    if len(x) < 100:
        return False
    low, high = np.percentile(x, [0.5, 99.5])
    return bool(high - low > _RINK_SHARE * length_ft) and _through_edges(tracks, info) < _EDGE_SHARE


def at_edges(boxes: pd.DataFrame, info: VideoInfo) -> NDArray[np.bool_]:
    """Which boxes touch an edge of the picture, (N,)."""
    within = _EDGE * info.width_px
    return np.asarray(
        (boxes["x1_px"] < within)
        | (boxes["x2_px"] > info.width_px - within)
        | (boxes["y1_px"] < within)
        | (boxes["y2_px"] > info.height_px - within)
    )


def _through_edges(tracks: pd.DataFrame, info: VideoInfo) -> float:
    """Share of the tracks' beginnings and ends that touch an edge of the picture."""
    ordered = tracks.sort_values(["track_id", "frame"], kind="stable").groupby("track_id")
    first, last = ordered.first(), ordered.last()
    inner = [first[first["frame"] > 0], last[last["frame"] < int(tracks["frame"].max())]]
    touches = np.concatenate([at_edges(rows, info) for rows in inner])
    return float(touches.mean()) if len(touches) else 0.0
