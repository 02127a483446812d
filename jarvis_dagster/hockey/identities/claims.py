"""What the tables claim of each track: team, role and number, as probabilities.

Belongs here: the space of all identities, and how likely a track's claims are under
each. Does not belong here: which tracks are one person.

An identity is a team, a role and a jersey number; officials have neither team nor
number. Numbers are unique within a team by the rules of the game, so two tracks that
have one identity are one person.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["NUMBERS", "OFFICIAL", "TEAMS", "Game", "about_tracks", "claims", "space_of"]

TEAMS = ("A", "B")
NUMBERS = 99
OFFICIAL = 2 * len(TEAMS) * NUMBERS  # the last identity; before it (team, goalkeeper, number)
_MOST_SURE = 0.97  # scores are not always what they promise


@dataclasses.dataclass(frozen=True)
class Game:
    """What is known of ice hockey before a video is seen."""

    goalkeepers: float = 0.12  # share of the players' tracks
    officials: float = 0.15  # share of all tracks
    # How likely another track is of the same person, of all with his team and role.
    same_skater: float = 1 / 20  # about as many dress for a game
    same_goalkeeper: float = 0.9  # of two who dress one plays
    same_official: float = 1 / 8  # four, whom nothing tells apart


def space_of(game: Game) -> tuple[Floats, Floats]:
    """(H,) how likely each identity is, and how likely another of its team and role is he."""
    prior = np.empty(OFFICIAL + 1)
    again = np.empty(OFFICIAL + 1)
    players = prior[:-1].reshape(len(TEAMS), 2, NUMBERS)
    shares = np.array([1 - game.goalkeepers, game.goalkeepers])[:, None]
    players[:] = (1 - game.officials) / len(TEAMS) * shares / NUMBERS
    again[:-1].reshape(len(TEAMS), 2, NUMBERS)[:] = np.array(
        [game.same_skater, game.same_goalkeeper]
    )[:, None]
    prior[-1], again[-1] = game.officials, game.same_official
    return prior, again


def about_tracks(tracks: pd.DataFrame) -> pd.DataFrame:
    """One row a person's track, by ``track_id``: role, team, their scores, first and last frame."""
    people = tracks[(tracks["class"] != "puck") & (tracks["role"] != "unknown")]
    return people.groupby("track_id", sort=True).agg(
        role=("role", "first"),
        role_score=("role_score", "first"),
        team=("team", "first"),
        team_score=("team_score", "first"),
        first=("frame", "min"),
        last=("frame", "max"),
    )


def claims(about: pd.DataFrame, jerseys: pd.DataFrame | None) -> Floats:
    """(T, H) how likely what is told of each track is, under each identity.

    Args:
        about: as :func:`about_tracks` gives it.
        jerseys: JERSEYS; what is said of other tracks, or is no number, is left out.
    """
    out = np.ones((len(about), OFFICIAL + 1))
    teams = out[:, :-1].reshape(-1, len(TEAMS), 2, NUMBERS)
    role, team = about["role"].to_numpy(), about["team"].to_numpy()
    sure = np.clip(np.nan_to_num(about["role_score"].to_numpy(np.float64)), 1 / 3, _MOST_SURE)
    doubt = (1 - sure) / 2
    teams[:, :, 0] *= np.where(role == "player", sure, doubt)[:, None, None]
    teams[:, :, 1] *= np.where(role == "goalkeeper", sure, doubt)[:, None, None]
    out[:, -1] *= np.where(role == "referee", sure, doubt)
    sure = np.clip(np.nan_to_num(about["team_score"].to_numpy(np.float64)), 0.5, _MOST_SURE)
    for index, name in enumerate(TEAMS):
        told = np.isin(team, TEAMS)
        worth = np.where(team == name, sure, 1 - sure)
        teams[:, index] *= np.where(told, worth, 0.5)[:, None, None]
    out[:, -1] *= 0.5  # an official's kit is as likely taken for either team's
    for row, number, probability in _numbers(about, jerseys):
        worn = np.full(NUMBERS, (1 - probability) / (NUMBERS - 1))
        worn[number - 1] = probability
        teams[row] *= worn * NUMBERS
    return out


def _numbers(about: pd.DataFrame, jerseys: pd.DataFrame | None) -> list[tuple[int, int, float]]:
    """Row of ``about``, number, and how sure it is."""
    if jerseys is None or jerseys.empty:
        return []
    row = {int(track): index for index, track in enumerate(about.index)}
    found = []
    for track, number, probability in zip(
        jerseys["track_id"], jerseys["number"], jerseys["probability"], strict=True
    ):
        text = str(number).strip()
        if int(track) in row and text.isdecimal() and 1 <= int(text) <= NUMBERS:
            sure = min(max(float(probability), 1 / NUMBERS), _MOST_SURE)
            found.append((row[int(track)], int(text), sure))
    return found
