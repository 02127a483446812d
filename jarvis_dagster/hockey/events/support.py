"""What the footage supports: the types of events, and why one is not given.

Belongs here: the list of types, and the reasons. Does not belong here: finding events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.hockey.events.plausible import keep_possible, sound_tracks
from jarvis_dagster.hockey.events.presence import whole_rink_in_view
from jarvis_dagster.hockey.events.puck import puck_coverage
from jarvis_dagster.hockey.events.scoreboard import read_game
from jarvis_dagster.hockey.rink import rink_named

if TYPE_CHECKING:
    import pandas as pd

    from jarvis_dagster.hockey.events.scoreboard import GameState
    from jarvis_dagster.hockey.video import VideoInfo

__all__ = ["EVENT_TYPES", "not_supported", "unsupported"]

EVENT_TYPES: dict[str, str] = {
    "in_view": "A person is in the picture without a break.",
    "shift": "A person is on the ice without a break (the whole rink is in view).",
    "camera_cut": "The picture cuts to another camera.",
    "period": "The scoreboard shows one period of the game.",
    "stoppage": "Play is stopped.",
    "face_off": "Two opponents wait at a dot for the puck to drop.",
    "play_resumes": "Play speeds up again after a stoppage.",
    "rush": "Three or more players skate fast in one direction.",
    "crowding": "Five or more people battle in one place.",
    "net_front": "Three or more skaters are close before a goal.",
    "action_peak": "The liveliest seconds of a half minute.",
    "zone_entry": "The middle of the skaters moves across a blue line into an end zone.",
    "zone_exit": "The middle of the skaters moves across a blue line out of an end zone.",
    "zone_time": "The middle of the skaters stays in one zone.",
    "line_change": "Several players of a team leave and enter at the benches.",
    "top_speed": "The fastest third of a second of a player.",
    "possession": "The players of one team have the puck.",
    "shot": "The puck moves fast towards a goal.",
    "goal": "The score on the scoreboard rises for good.",
}
"""Every type the ledger may hold, in plain words. ``docs/events.md`` says how each is found."""

_ON_RINK = (
    "zone_entry",
    "zone_exit",
    "zone_time",
    "face_off",
    "net_front",
    "top_speed",
    "line_change",
    "shift",
    "possession",
    "shot",
)

_ENOUGH_POSITIONS = 0.2
_ENOUGH_PUCK = 0.3


def not_supported(
    tracks: pd.DataFrame,
    positions: pd.DataFrame | None,
    scan: pd.DataFrame | None = None,
    info: VideoInfo | None = None,
    *,
    rink: str = "NHL",
    scoreboard: pd.DataFrame | None = None,
) -> dict[str, str]:
    """The event types that this footage cannot support, each with the reason.

    Without ``scan`` and ``info`` the camera counts as one that moves.
    """
    if scan is not None:
        tracks, _ = sound_tracks(tracks, scan)
    if positions is not None and info is not None:
        positions, _ = keep_possible(positions, tracks, info.fps, rink)
    return unsupported(tracks, positions, scan, info, read_game(scoreboard), rink=rink)


def unsupported(
    tracks: pd.DataFrame,
    positions: pd.DataFrame | None,
    scan: pd.DataFrame | None,
    info: VideoInfo | None,
    game: GameState | None,
    *,
    rink: str = "NHL",
) -> dict[str, str]:
    """The same, from readings of the scoreboard that hang together already."""
    missing = _without_scoreboard(game)
    if not len(tracks):
        people = ("in_view", "rush", "crowding", "action_peak")
        still = () if game is not None and len(game.clock) else ("stoppage", "play_resumes")
        missing |= dict.fromkeys((*people, *still), "Nobody was found on the ice.")
    valid = 0.0 if positions is None or not len(positions) else float(positions["valid"].mean())
    if positions is None:
        reason = (
            "There is no rink calibration for this video, so there are no places in feet."
            " A calibration file beside the video brings them."
        )
    else:
        reason = f"Only {valid:.0%} of the positions are on the rink: the calibration does not fit."
    if valid < _ENOUGH_POSITIONS:
        return missing | dict.fromkeys(_ON_RINK, reason)
    if not whole_rink_in_view(tracks, positions, scan, info, rink_named(rink).length_ft):
        missing["shift"] = (
            "The camera moves or sees part of the rink: leaving the picture is not leaving the"
            " ice. Time in view is given instead."
        )
    share = puck_coverage(tracks)
    if share < _ENOUGH_PUCK:
        reason = f"The puck was followed in {share:.0%} of the frames; 30% are needed."
        if share == 0:
            reason += " The packaged detector does not look for it."
        missing |= dict.fromkeys(("possession", "shot"), reason)
    return missing


def _without_scoreboard(game: GameState | None) -> dict[str, str]:
    missing: dict[str, str] = {}
    if game is None or not any(len(side) for side in game.scores):
        missing["goal"] = (
            "A goal is told by the score on a scoreboard in the picture; none was read for sure."
        )
    if game is None or not len(game.clock) or not (game.clock[:, 3] > 0).any():
        missing["period"] = (
            "The period is told by a scoreboard in the picture; none was read for sure."
        )
    return missing
