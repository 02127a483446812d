"""Trust grades: how far each statistic can be believed on this footage.

Belongs here: the rules from measures to grades. Does not belong here: grades of
results that were already computed (their confidence is in their own tables).

A grade starts at A and every reason takes it down: B good, C with care, D only
a hint; "not supported" where the footage cannot carry the statistic at all.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["NOT_SUPPORTED", "STATISTICS", "grades"]

NOT_SUPPORTED = "not supported"
STATISTICS = ("detections", "tracks", "time_in_view", "positions", "speeds", "events", "puck")
"""The statistics that get a grade, in the order of the way of the data."""

_LETTERS = "ABCD"
_IMPOSSIBLE = 9


@dataclasses.dataclass(frozen=True)
class _Reason:
    cost: int
    text: str


def grades(
    info: VideoInfo, measures: dict[str, Any], *, calibrated: bool | None, pucks: bool = False
) -> dict[str, dict[str, Any]]:
    """``{statistic: {"grade": ..., "reasons": [...]}}``; reasons are sentences.

    ``pucks``: whether the detector in use looks for the puck.
    """
    picture = list(_picture(info, measures))
    identity = list(_identity(info, measures))
    position = list(_position(measures, calibrated=calibrated))
    speed = list(_speed(info, measures))
    puck = list(_puck(info, pucks=pucks))
    reasons = {
        "detections": picture,
        "tracks": picture + identity,
        "time_in_view": picture + identity,
        "positions": picture + position,
        "speeds": picture + position + speed,
        "events": picture + identity + list(_events(measures)),
        "puck": picture + puck,
    }
    return {name: _graded(reasons[name]) for name in STATISTICS}


def _graded(reasons: list[_Reason]) -> dict[str, Any]:
    cost = sum(reason.cost for reason in reasons)
    worst = sorted(reasons, key=lambda reason: -reason.cost)
    if any(reason.cost >= _IMPOSSIBLE for reason in reasons):
        decisive = [reason for reason in worst if reason.cost >= _IMPOSSIBLE]
        return {"grade": NOT_SUPPORTED, "reasons": [reason.text for reason in decisive]}
    texts = [reason.text for reason in worst if reason.cost]
    return {"grade": _LETTERS[min(cost, 3)], "reasons": texts or ["Nothing speaks against it."]}


def _steps(value: float, *limits: float) -> int:
    """How many of the ascending ``limits`` the value exceeds."""
    return sum(value > limit for limit in limits)


def _picture(info: VideoInfo, measures: dict[str, Any]) -> Iterator[_Reason]:
    side = min(info.width_px, info.height_px)
    if measures["rink_share"] < 0.05:
        yield _Reason(_IMPOSSIBLE, f"Only {measures['rink_share']:.0%} of the frames show a rink.")
    elif measures["rink_share"] < 0.5:
        yield _Reason(1, f"Only {measures['rink_share']:.0%} of the frames show a rink.")
    if side < 700:
        cost = 1 + (side < 350) + (side < 200)
        yield _Reason(cost, f"The picture has only {side} lines: far players are small.")
    for code, what in (("blurred", "blurred"), ("dark", "too dark"), ("blown", "overexposed")):
        share = measures[f"{code}_share"]
        if cost := _steps(share, 0.15, 0.5, 0.8):
            yield _Reason(cost, f"{share:.0%} of the frames are {what}.")
    if info.frames_lost > 0.05 * info.frame_count:
        yield _Reason(1, f"{info.frames_lost} frames of the recording are lost.")


def _identity(info: VideoInfo, measures: dict[str, Any]) -> Iterator[_Reason]:
    if measures["cut_count"]:
        cost = 1 + _steps(-measures["median_shot_s"], -8, -3)
        yield _Reason(
            cost,
            f"{measures['cut_count']} camera cuts: identities hold within a shot only"
            f" (median {measures['median_shot_s']:.1f} s).",
        )
    if info.fps < 20:
        yield _Reason(1 + (info.fps < 10), f"Only {info.fps:.0f} frames a second.")
    if measures["longest_gap_s"] > 0.5:
        yield _Reason(1, f"The recording has gaps of up to {measures['longest_gap_s']:.1f} s.")
    if cost := _steps(1 - measures["motion_known_share"], 0.1, 0.4):
        yield _Reason(cost, "The camera's movement is often unclear.")


def _position(measures: dict[str, Any], *, calibrated: bool | None) -> Iterator[_Reason]:
    if calibrated is None:
        yield _Reason(1, "The rink has to be found from the lines in the picture.")
    elif not calibrated:
        yield _Reason(_IMPOSSIBLE, "There is no rink calibration for this video.")
    if measures["camera_moving_share"] > 0.2:
        yield _Reason(1, "The camera moves, so the calibration has to follow it.")


def _speed(info: VideoInfo, measures: dict[str, Any]) -> Iterator[_Reason]:
    if cost := _steps(measures["repeated_share"], 0.02, 0.3):
        yield _Reason(cost, f"{measures['repeated_share']:.0%} of the frames are repeats.")
    if measures["dropped_frames"] > 0.01 * info.frame_count:
        yield _Reason(1, f"{measures['dropped_frames']} frames are missing.")
    if info.fps < 20:
        yield _Reason(1, f"Only {info.fps:.0f} frames a second.")


def _events(measures: dict[str, Any]) -> Iterator[_Reason]:
    yield _Reason(
        1, "Events are read from how players move, and a scoreboard in view; no whistle is heard."
    )
    if measures["rink_share"] < 0.7:
        yield _Reason(1, "Play that happens while the rink is not shown is missed.")


def _puck(info: VideoInfo, *, pucks: bool) -> Iterator[_Reason]:
    side = min(info.width_px, info.height_px)
    if side < 700:
        yield _Reason(_IMPOSSIBLE, f"With {side} lines the puck is smaller than three pixels.")
    elif info.fps < 24:
        yield _Reason(_IMPOSSIBLE, f"At {info.fps:.0f} frames a second the puck is a streak.")
    elif not pucks:
        yield _Reason(_IMPOSSIBLE, "The detector in use does not look for the puck.")
    else:
        yield _Reason(1, "The puck is a few pixels large, and hidden at times.")
