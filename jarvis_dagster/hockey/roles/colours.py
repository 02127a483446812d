"""The colour that stands for each team in pictures and reports.

Belongs here: from the kit that was seen to a colour that shows on ice. Does not
belong here: drawing.
"""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.roles.samples import summarise_kit

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["team_colours"]

_LIGHT = 0.56
_DARK = 0.92
"""Hues (of one turn) for kits without a colour: sky blue for light, crimson for dark."""
_APART, _FAR = 0.2, 0.3
"""Hues nearer than the first are alike; one that gives way goes farther than the second."""
_AMBER, _GREEN = 0.1, 0.33
_COLOURED, _LIGHT_COLOURED = 14.0, 22.0
"""Chroma beside the ice's from which on a kit has a colour, a dark one and a light one: a white
jersey under coloured light is still white."""
_LIGHT_L = 45.0


def team_colours(tracks: pd.DataFrame, kit: pd.DataFrame | None) -> dict[str, tuple[int, int, int]]:
    """A vivid colour a team, (b, g, r) of 0 to 255, told apart from ice and each other.

    The hue is the kit's own where the kit has one; white, grey and black kits get
    sky blue (the lighter team) and crimson (the darker), or a colour that is farther from
    the other kit's.

    Args:
        tracks: TRACKS after :func:`assign_roles`.
        kit: as given to it; None gives the two default colours.
    """
    hues = {"A": _LIGHT, "B": _DARK}
    strength = {"A": 0.0, "B": 0.0}
    if kit is not None and len(kit) and len(tracks):
        players = tracks[(tracks["role"] == "player") & (tracks["team"] != "")]
        team_of = players.groupby("track_id")["team"].first()
        summary = summarise_kit(players, kit, np.zeros(len(players)))
        named = np.array([team_of.get(i, "") for i in summary.track_ids], object)
        for team in hues:
            mine = named == team
            if not mine.any():
                continue
            colour = np.average(summary.relative_ab[mine], axis=0, weights=summary.weights[mine])
            chroma = float(np.hypot(*colour))
            light = np.average(summary.lab[mine, 0], weights=summary.weights[mine]) > _LIGHT_L
            if chroma > (_LIGHT_COLOURED if light else _COLOURED):
                hues[team], strength[team] = _hue(colour), chroma
    if _gap(hues["A"], hues["B"]) < _APART:
        # The kit with the weaker colour gives way.
        weaker = min(strength, key=lambda name: strength[name])
        other = hues["B" if weaker == "A" else "A"]
        choices = (_LIGHT, _DARK, _AMBER, _GREEN)
        hues[weaker] = next(hue for hue in choices if _gap(hue, other) >= _FAR)
    return {"A": _bgr(hues["A"], 1.0, 0.75), "B": _bgr(hues["B"], 0.85, 0.9)}


def _gap(first: float, second: float) -> float:
    return min(abs(first - second), 1 - abs(first - second))


def _hue(ab: NDArray[np.float64]) -> float:
    """Hue of an RGB colour with that a, b at middle lightness."""
    import cv2

    ab = ab / np.hypot(*ab) * 55
    lab = np.array([[[150, 128 + ab[0], 128 + ab[1]]]]).round().astype(np.uint8)
    b, g, r = cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)[0, 0] / 255.0
    return colorsys.rgb_to_hsv(r, g, b)[0]


def _bgr(hue: float, value: float, saturation: float) -> tuple[int, int, int]:
    r, g, b = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(b * 255), round(g * 255), round(r * 255)
