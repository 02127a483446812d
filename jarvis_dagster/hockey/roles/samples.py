"""From boxes and kit features to one robust description a track.

Belongs here: which boxes are fit to be looked at, the light of the moment taken
out of the colours, the summary of a track. Does not belong here: the decision
about teams (:mod:`.teams`) or roles (:mod:`.votes`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.roles.kit import KIT_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["KitLooks", "KitSummary", "crowding", "kit_looks", "summarise_kit", "torso_colours"]

_SCALES = {"torso_l": 9.6, "torso_a": 5.0, "torso_b": 5.0}
"""What one person's torso varies by, from box to box; the unit of distances between kits.

Legs, stripes and hues are left out: they vary more with pose and with who stands
behind than they tell teams apart (kits differ in the torso, by rule).
"""
_SHADES = tuple(name for name in KIT_COLUMNS if name.startswith("torso_dark_"))
_DARK = np.clip(1 - np.arange(len(_SHADES)) / 3, 0, 1)
_SHADE_SCALE = 0.25
"""What the shares of the torso that are dark and bright vary by. Numbers, gloves and a black yoke
pull the mean of a white jersey down to that of a dark one; much of it is bright all the same."""
_USUAL_ICE_L = 85.0
_CLEAR = 0.2
_BODY = 0.45
_UPRIGHT = 0.8
_EDGE_PX = 2
"""Who is cut off above shows legs where the torso should be."""


@dataclasses.dataclass(frozen=True)
class KitSummary:
    """One row a track, ordered by track id.

    Attributes:
        track_ids: (T,) int.
        vectors: (T, F) kit in units of its usual variation, light removed.
        weights: (T,) square root of the good looks, less for who stands off the ice.
        lab: (T, 3) torso in CIE Lab, as seen.
        relative_ab: (T, 2) torso's a and b beside the ice's.
        lightness: (T,) the torso's L under a light that makes the ice as bright as usual;
            NaN for a track without three good looks at a whole person.
    """

    track_ids: NDArray[np.int64]
    vectors: NDArray[np.float64]
    weights: NDArray[np.float64]
    lab: NDArray[np.float64]
    relative_ab: NDArray[np.float64]
    lightness: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class KitLooks:
    """One row a look: an observed box whose kit was measured.

    Attributes:
        rows: (L,) positions in the table of tracks.
        features: (L, len(KIT_COLUMNS)) as measured.
        relative: (L, len(KIT_COLUMNS)) with the torso as under the usual light.
        vectors: (L, F) the kit in units of its usual variation.
        good: (L,) no other box covers it, and an upright body stands out in it.
    """

    rows: NDArray[np.int64]
    features: NDArray[np.float64]
    relative: NDArray[np.float64]
    vectors: NDArray[np.float64]
    good: NDArray[np.bool_]


def torso_colours(kit: pd.DataFrame, boxes: pd.DataFrame) -> NDArray[np.float32]:
    """(N, 3) torso of every box under the usual light, in units of its usual variation.

    NaN where no torso was measured: nobody stands out, as of ice or boards, or the head is
    cut off.

    Args:
        kit: ``KIT_COLUMNS``, row-aligned with ``boxes``.
        boxes: DETECTIONS.

    Raises:
        BadInputError: columns of the kit are missing.
    """
    features = _features(kit)
    colours = _in_units(_in_usual_light(features))
    shown = features[:, KIT_COLUMNS.index("body")] > _BODY
    colours[~(shown & (boxes["y1_px"].to_numpy() > _EDGE_PX))] = np.nan
    return colours.astype(np.float32)


def _features(kit: pd.DataFrame) -> NDArray[np.float64]:
    missing = [name for name in KIT_COLUMNS if name not in kit.columns]
    if missing:
        raise BadInputError(
            f"The kit table lacks the columns {', '.join(missing)}.",
            "Detect again; it was measured by another version.",
        )
    return np.asarray(kit.loc[:, list(KIT_COLUMNS)].to_numpy(np.float64))


def _in_usual_light(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, len(KIT_COLUMNS)): the torso as under a light that makes the ice as usual."""
    column = {name: i for i, name in enumerate(KIT_COLUMNS)}
    relative = features.copy()
    # As bright as in a well-lit rink.
    light = _USUAL_ICE_L / np.maximum(features[:, column["ice_l"]], 0.4 * _USUAL_ICE_L)
    relative[:, column["torso_l"]] *= light
    for channel in "ab":
        relative[:, column[f"torso_{channel}"]] -= features[:, column[f"ice_{channel}"]]
        relative[:, column[f"torso_{channel}"]] *= light
    return relative


def _in_units(relative: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, F): what tells the kits, each by what it usually varies."""
    columns = [relative[:, KIT_COLUMNS.index(name)] / scale for name, scale in _SCALES.items()]
    return np.column_stack(columns)


def _shades(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2): how much of the torso is dark, and bright, beside the ice."""
    first = KIT_COLUMNS.index(_SHADES[0])
    shares = features[:, first : first + len(_SHADES)]
    return np.asarray(shares @ np.column_stack([_DARK, _DARK[::-1]]) / _SHADE_SCALE)


def kit_looks(tracks: pd.DataFrame, kit: pd.DataFrame, covered: NDArray[np.float64]) -> KitLooks:
    """Every look at every track; arguments and errors as of :func:`summarise_kit`."""
    measured = _features(kit)
    at = tracks["detection_row"].to_numpy(np.int64)
    seen = np.flatnonzero((at >= 0) & (at < len(kit)) & tracks["observed"].to_numpy(bool))
    features = measured[at[seen]]
    finite = np.isfinite(features).all(axis=1)
    features, seen = features[finite], seen[finite]
    relative = _in_usual_light(features)
    scaled = np.column_stack([_in_units(relative), _shades(features)])
    column = {name: i for i, name in enumerate(KIT_COLUMNS)}

    boxes = tracks[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64)[seen]
    upright = boxes[:, 3] - boxes[:, 1] > _UPRIGHT * (boxes[:, 2] - boxes[:, 0])
    good = (covered[seen] < _CLEAR) & upright & (features[:, column["body"]] > _BODY)
    good &= boxes[:, 1] > _EDGE_PX
    return KitLooks(seen, features, relative, scaled, good)


def summarise_kit(
    tracks: pd.DataFrame, kit: pd.DataFrame, covered: NDArray[np.float64]
) -> KitSummary:
    """Medians of the kit over the good looks at each track.

    A good look is an observed box that no other box covers and in which an upright body
    stands out; a track that has fewer than three is described by all of its boxes, and counts
    for less. Lightness and colour count relative to the
    frame's ice, so that a darker corner or a change of light moves nobody.

    Args:
        tracks: TRACKS with ``detection_row``.
        kit: ``KIT_COLUMNS``, row-aligned with the detections.
        covered: (N,) as :func:`crowding` gives it.

    Raises:
        BadInputError: columns of the kit are missing.
    """
    seen = kit_looks(tracks, kit, covered)
    features, relative, good = seen.features, seen.relative, seen.good
    column = {name: i for i, name in enumerate(KIT_COLUMNS)}
    top = tracks["y1_px"].to_numpy(np.float64)[seen.rows]
    ids = tracks["track_id"].to_numpy(np.int64)[seen.rows]
    order = np.argsort(ids, kind="stable")
    unique, starts = np.unique(ids[order], return_index=True)
    vectors: list[NDArray[np.float64]] = []
    weights: list[float] = []
    lab: list[NDArray[np.float64]] = []
    relative_ab: list[NDArray[np.float64]] = []
    lightness: list[float] = []
    for chosen in np.split(order, starts[1:]) if len(unique) else []:
        clear = chosen[good[chosen]]
        looks = clear if len(clear) >= 3 else chosen
        vectors.append(np.median(seen.vectors[looks], axis=0))
        trust = (1.0 if len(clear) >= 3 else 0.25) * (
            0.2 + 0.8 * min(1.0, 2 * np.median(features[looks, column["on_ice"]]))
        )
        weights.append(np.sqrt(len(looks)) * trust)
        lab.append(np.median(features[looks][:, :3], axis=0))
        relative_ab.append(np.median(relative[looks, 1:3], axis=0))
        whole = clear[top[clear] > _EDGE_PX]
        lightness.append(
            float(np.median(relative[whole, column["torso_l"]])) if len(whole) >= 3 else np.nan
        )
    return KitSummary(
        track_ids=unique,
        vectors=np.array(vectors, np.float64).reshape(-1, seen.vectors.shape[1]),
        weights=np.array(weights, np.float64),
        lab=np.array(lab, np.float64).reshape(-1, 3),
        relative_ab=np.array(relative_ab, np.float64).reshape(-1, 2),
        lightness=np.array(lightness, np.float64),
    )


def crowding(tracks: pd.DataFrame) -> NDArray[np.float64]:
    """How much of each box the other boxes of its frame cover, 0 to 1, (N,)."""
    boxes = tracks[["x1_px", "y1_px", "x2_px", "y2_px"]].to_numpy(np.float64)
    frames = tracks["frame"].to_numpy(np.int64)
    covered = np.zeros(len(tracks))
    order = np.argsort(frames, kind="stable")
    _, starts = np.unique(frames[order], return_index=True)
    for rows in np.split(order, starts[1:]) if len(order) else []:
        box = boxes[rows]
        low = np.maximum(box[:, None, :2], box[None, :, :2])
        high = np.minimum(box[:, None, 2:], box[None, :, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=2)
        np.fill_diagonal(shared, 0)
        area = np.prod(np.clip(box[:, 2:] - box[:, :2], 1e-6, None), axis=1)
        covered[rows] = np.minimum(1, shared.max(axis=1, initial=0) / area)
    return covered
