"""Nobody changes his kit: tracks are cut where theirs does, and joined anew.

Belongs here: identities that colours disprove. Does not belong here: following people
(``hockey/tracking``), which team a kit is of (:mod:`.assign`).

Where two players of different teams cross, a tracker sometimes leaves each with the other's
number. Boxes do not show it; the colours of the seconds before and after do.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.roles.samples import crowding, kit_looks, summarise_kit
from jarvis_dagster.hockey.roles.teams import Kits, find_kits

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jarvis_dagster.hockey.roles.samples import KitLooks

__all__ = ["keep_to_one_kit"]

_CHANGE_COSTS = 10.0
"""In clear looks at the other kit, twice: less is a bad look, not a change."""
_CLOSE_KITS = 1.5
"""Kits nearer to each other than this many spreads do not tell single looks apart."""
_APART = 2.5
"""So far apart kits have to be, in what one person's torso varies by: a change of the light moves
it by two. Of 13 clips the one change that was found below was the light's."""
_POOR_LOOK = 0.5
"""A white jersey before white ice hardly stands out, and still is white."""
_COVERED = 0.2
"""Share of a box that another covers, from which on it may show the other's kit."""
_AWAY_S = 1.0
_REACH = 1.2
"""Own heights between the end of one piece and the beginning of the next."""


@dataclasses.dataclass
class _Piece:
    rows: NDArray[np.int64]
    kit: int
    track: int
    cut_before: bool
    cut_after: bool


def keep_to_one_kit(tracks: pd.DataFrame, kit: pd.DataFrame) -> pd.DataFrame:
    """``tracks`` with each ``track_id`` on people of one kit only.

    A track is cut where its kit changes for good. Pieces of one kit that follow each other
    within a second and about a body's height become one track; the longest piece of a track
    keeps its number, and a piece that nothing joins gets a new one.

    Args:
        tracks: TRACKS with ``detection_row``.
        kit: ``KIT_COLUMNS`` row-aligned with the detections.

    Raises:
        BadInputError: columns of the kit are missing.
    """
    if not len(tracks) or not len(kit):
        return tracks
    covered = crowding(tracks)
    summary = summarise_kit(tracks, kit, covered)
    kits = find_kits(summary, np.ones(len(summary.track_ids)))
    if kits is None or len(kits.centres) < 2:
        return tracks
    if float(np.ptp(kits.places)) < max(_APART, _CLOSE_KITS * kits.spread):
        return tracks
    pieces = _pieces(tracks, kit_looks(tracks, kit, covered), covered, kits)
    if not any(piece.cut_after for piece in pieces):
        return tracks
    out = tracks.copy()
    ids = out["track_id"].to_numpy(np.int64).copy()
    for number, chain in _numbered(tracks, _joined(tracks, pieces)):
        for piece in chain:
            ids[piece.rows] = number
    out["track_id"] = ids.astype(tracks["track_id"].to_numpy().dtype)
    return out


def _pieces(
    tracks: pd.DataFrame, looks: KitLooks, covered: NDArray[np.float64], kits: Kits
) -> list[_Piece]:
    """Every track, cut where its kit changes."""
    ids = tracks["track_id"].to_numpy(np.int64)
    frames = tracks["frame"].to_numpy(np.int64)
    side = _side(looks, kits) * (covered[looks.rows] < _COVERED)
    pieces = []
    order = np.lexsort((frames, ids))
    unique, starts = np.unique(ids[order], return_index=True)
    place = np.full(len(tracks), -1)
    place[looks.rows] = np.arange(len(looks.rows))
    for track, rows in zip(unique.tolist(), np.split(order, starts[1:]), strict=True):
        seen = rows[place[rows] >= 0]
        worn = _steady(side[place[seen]])
        changes = np.flatnonzero(np.diff(worn)) if len(worn) else np.zeros(0, int)
        # In the middle between the last look at one kit and the first at the other.
        at = [(frames[seen[i]] + frames[seen[i + 1]] + 1) // 2 for i in changes]
        parts = np.split(rows, np.searchsorted(frames[rows], at))
        kinds = [*worn[changes].tolist(), int(worn[-1]) if len(worn) else 0]
        for number, (part, kind) in enumerate(zip(parts, kinds, strict=True)):
            pieces.append(_Piece(part, kind, track, number > 0, number < len(parts) - 1))
    return pieces


def _side(looks: KitLooks, kits: Kits) -> NDArray[np.float64]:
    """(L,): from -1, the first kit, to 1, the second; a poor look counts for less."""
    middle, span = kits.places.mean(), float(np.ptp(kits.places)) / 2
    side = np.clip((looks.vectors @ kits.axis - middle) / span, -1, 1)
    return np.asarray(np.where(looks.good, side, _POOR_LOOK * side))


def _steady(side: NDArray[np.float64]) -> NDArray[np.int64]:
    """(L,): the kit worn at each look, 0 or 1: as the looks say, with few changes (Viterbi)."""
    if not len(side):
        return np.zeros(0, np.int64)
    gain = np.stack((-side, side), 1)
    best, came = gain[0], np.zeros((len(side), 2), np.int64)
    for step in range(1, len(side)):
        change = best[::-1] - _CHANGE_COSTS > best
        came[step] = np.where(change, [1, 0], [0, 1])
        best = np.maximum(best, best[::-1] - _CHANGE_COSTS) + gain[step]
    worn = np.empty(len(side), np.int64)
    worn[-1] = int(best.argmax())
    for step in range(len(side) - 1, 0, -1):
        worn[step - 1] = came[step, worn[step]]
    return worn


def _joined(tracks: pd.DataFrame, pieces: list[_Piece]) -> list[list[_Piece]]:
    """Chains of pieces that are one person, nearest ends first."""
    boxes = tracks[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64)
    times, frames = tracks["pts_s"].to_numpy(np.float64), tracks["frame"].to_numpy(np.int64)
    starts = np.array([piece.rows[0] for piece in pieces])
    kinds = np.array([piece.kit for piece in pieces])
    begun = np.array([piece.cut_before for piece in pieces])
    options = []
    for one, piece in enumerate(pieces):
        end = piece.rows[-1]
        fits = (kinds == piece.kit) & (begun | piece.cut_after)
        fits &= (frames[starts] > frames[end]) & (times[starts] <= times[end] + _AWAY_S)
        for other in np.flatnonzero(fits).tolist():
            start = boxes[starts[other]]
            apart = (start[:2] + start[2:] - boxes[end][:2] - boxes[end][2:]) / 2
            distance = float(np.hypot(*apart)) / max(boxes[end][3] - boxes[end][1], 1.0)
            if distance <= _REACH:
                options.append((distance, one, other))
    after: dict[int, int] = {}
    before: set[int] = set()
    for _, one, other in sorted(options):
        if one not in after and other not in before:
            after[one] = other
            before.add(other)
    chains = []
    for one in range(len(pieces)):
        if one in before:
            continue
        chain = [one]
        while chain[-1] in after:
            chain.append(after[chain[-1]])
        chains.append([pieces[index] for index in chain])
    return chains


def _numbered(tracks: pd.DataFrame, chains: list[list[_Piece]]) -> list[tuple[int, list[_Piece]]]:
    """A number for each chain: of the track whose longest piece it holds, or a new one."""
    new = int(tracks["track_id"].max()) + 1
    free = {piece.track for chain in chains for piece in chain}
    numbered = []
    for chain in sorted(chains, key=lambda chain: -max(len(piece.rows) for piece in chain)):
        longest = max(chain, key=lambda piece: len(piece.rows)).track
        if longest in free:
            free.discard(longest)
            numbered.append((longest, chain))
        else:
            numbered.append((new, chain))
            new += 1
    return numbered
