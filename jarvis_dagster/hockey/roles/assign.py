"""Fill in role and team of every track.

Belongs here: how votes and kits come together. Does not belong here: the votes
(:mod:`.votes`), the kits (:mod:`.teams`), drawing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.roles.samples import KitSummary, crowding, summarise_kit
from jarvis_dagster.hockey.roles.teams import find_kits, wear
from jarvis_dagster.hockey.roles.votes import (
    ROLES,
    Votes,
    cast_votes,
    demote_dark_referees,
    demote_extra_goalkeepers,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["assign_roles"]

_PLAYER, _GOALKEEPER, _REFEREE = range(3)
_SURE_TEAM = 0.6
_SURE_LIGHT_KEEPER = 0.8
"""White pads before a white goal say little of the jersey behind them; they darken none."""
_SURE_ROLE = 0.5
_SURE_NO_REFEREE = 0.7
"""Share of the votes for player and goalkeeper together, of which then one has most."""


def assign_roles(
    tracks: pd.DataFrame, kit: pd.DataFrame | None, detections: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Role and team of every track, the same in all of its rows.

    Team "A" wears the lighter kit, "B" the darker one. A track that wears neither
    for sure has team ""; so has every referee. Pucks keep the role "unknown".

    Args:
        tracks: TRACKS, with ``detection_row`` when there is a kit.
        kit: ``KIT_COLUMNS`` row-aligned with the detections; None: no teams.
        detections: DETECTIONS with the detector's role probabilities; without them
            each box counts for its class.

    Returns:
        A copy of ``tracks`` with ``role, role_score, team, team_score`` filled.
        ``role_score`` is the share of the weighted votes, ``team_score`` how surely
        the track wears its team's kit, both 0 to 1. The role is "unknown" where it might
        be any.
    """
    out = tracks.copy()
    if not len(out):
        return out
    people = out["class"].to_numpy(str) != "puck"
    # A track is a puck when most of its rows say so.
    share = out.assign(_p=people).groupby("track_id")["_p"].transform("mean").to_numpy()
    covered = crowding(out)
    votes = cast_votes(out, covered, detections)
    if kit is None or not len(kit):
        demote_extra_goalkeepers(votes, np.full(len(votes.track_ids), "", object))
        team = np.full(len(votes.track_ids), "", object)
        sure = np.zeros(len(votes.track_ids))
    else:
        team, sure = _teams(votes, summarise_kit(out, kit, covered))
    role, role_score = votes.winners()
    plays = (role != _REFEREE) & (1 - votes.shares[:, _REFEREE] >= _SURE_NO_REFEREE)

    row = np.searchsorted(votes.track_ids, out["track_id"].to_numpy(np.int64))
    names = np.array([*ROLES, "unknown"], object)
    known = ((role_score >= _SURE_ROLE) | plays)[row] & (share >= 0.5)
    out["role"] = names[np.where(known, role[row], len(ROLES))]
    out["role_score"] = np.where(share >= 0.5, role_score[row], 0).astype(np.float32)
    in_team = known & (role[row] != _REFEREE)
    out["team"] = np.where(in_team, team[row], "")
    out["team_score"] = np.where(out["team"] != "", sure[row], 0).astype(np.float32)
    return out


def _teams(votes: Votes, summary: KitSummary) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Team name and sureness of every track of ``votes``, each (T,)."""
    team = np.full(len(votes.track_ids), "", object)
    sure = np.zeros(len(votes.track_ids))
    where = np.searchsorted(votes.track_ids, summary.track_ids)
    demote_dark_referees(votes, where, summary.lightness)
    role = votes.winners()[0][where]
    kits = find_kits(summary, np.where(role == _REFEREE, 0.0, np.where(role == _PLAYER, 1.0, 0.5)))
    if kits is None:
        return team, sure
    worn, surety = wear(summary, kits)
    sure[where] = surety
    light_keeper = (role == _GOALKEEPER) & (worn == 0)
    least = np.where(light_keeper, _SURE_LIGHT_KEEPER, _SURE_TEAM)
    team[where] = np.where(surety >= least, np.array(["A", "B"], object)[worn], "")
    demote_extra_goalkeepers(votes, team)
    _pair_goalkeepers(votes, team, sure)
    return team, sure


def _pair_goalkeepers(votes: Votes, team: NDArray[np.object_], sure: NDArray[np.float64]) -> None:
    """A goalkeeper seen beside one of a known team belongs to the other team."""
    keepers = np.flatnonzero(votes.shares.argmax(1) == _GOALKEEPER)
    for i in keepers:
        if team[i]:
            continue
        beside = [j for j in keepers if team[j] and votes.together(int(i), int(j))]
        if beside:
            other = max(beside, key=lambda j: sure[j])
            team[i] = "B" if team[other] == "A" else "A"
            sure[i] = 0.8 * sure[other]
