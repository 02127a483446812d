"""Tracks to persons: TRACKS and what is known of them in, IDENTITIES out.

Belongs here: putting the evidence together, naming persons, saying "unknown". Does not
belong here: the evidence (claims, places, looks), the joints (joining).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey import tables
from jarvis_dagster.hockey.identities.claims import (
    NUMBERS,
    OFFICIAL,
    TEAMS,
    Game,
    about_tracks,
    claims,
    space_of,
)
from jarvis_dagster.hockey.identities.joining import join, membership, together
from jarvis_dagster.hockey.identities.looks import likeness
from jarvis_dagster.hockey.identities.places import Succession, seen_together, succession

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["UNKNOWN", "identify", "persons"]

UNKNOWN = "unknown"
_SURE = 0.8  # probability from which on tracks are joined, a number or a team is named
MOST_GOALKEEPERS = 2  # of one team in a game
_TELLING = 0.5  # log-odds of a pair from which on its evidence is named


def identify(
    tracks: pd.DataFrame,
    *,
    fps: float,
    positions: pd.DataFrame | None = None,
    jerseys: pd.DataFrame | None = None,
    kit: NDArray[np.float32] | None = None,
    game: Game | None = None,
    sure: float = _SURE,
) -> pd.DataFrame:
    """Who is one person, over shots and absences.

    Two tracks in one frame are two persons, whatever else is told of them. A track that
    no evidence ties to a number or to another track is ``"unknown"``: somebody, but who
    in this game cannot be told. Pucks, and tracks without a role, are unknown, too.

    Args:
        tracks: TRACKS with roles and teams; ``detection_row`` for ``kit``.
        fps: frames a second, above 0.
        positions: POSITIONS, where the rink is calibrated.
        jerseys: JERSEYS, where numbers were read.
        kit: (N, D) colours by detection row.
        game: what is known beforehand.
        sure: probability that a joint or a name needs.

    Returns:
        IDENTITIES: one row a track, by ``track_id``. ``person_id`` is ``A-26`` for
        number 26 of team A, ``A-goalkeeper`` for one without a number, ``A-p1`` for
        somebody followed over several tracks without a number.

    Raises:
        BadInputError: a rate that is not above 0, or a threshold outside .5 to 1.
    """
    if not fps > 0:
        raise BadInputError(f"No video has {fps} frames a second.")
    if not 0.5 <= sure < 1:
        raise BadInputError(f"{sure} is no threshold.", "Give a probability from 0.5 to below 1.")
    everybody = about_tracks(tracks)
    follows = succession(positions, everybody, fps)
    worth = _worth_a_look(everybody, jerseys, follows)
    about, place = everybody.iloc[worth], follows.matrix(worth)
    prior, again = space_of(game or Game())
    told = claims(about, jerseys)
    beside = seen_together(tracks, about.index.to_numpy(np.int64))
    look = likeness(tracks, None if kit is None else kit.astype(np.float64), about, beside)
    pairs = place + look
    pairs[beside] = -np.inf
    np.fill_diagonal(pairs, 0)
    groups = join(told, prior, again, pairs, threshold=sure)
    rows = {int(track): _nobody() for track in np.unique(tracks["track_id"])}
    taken: dict[str, int] = {}
    # The best-seen group has the first right to a number that two groups claim.
    length = (about["last"] - about["first"]).to_numpy()
    keepers: dict[str, int] = {}
    for group in sorted(groups, key=lambda group: -int(length[group].sum())):
        kept = _keeps_for(about.iloc[group])
        if any(keepers.get(team, 0) >= MOST_GOALKEEPERS for team in kept):
            continue
        whole = together(told[group]) * prior
        whole = whole / whole.sum()
        name, number, how_sure = _name(whole, len(group), sure, taken)
        if not name:
            continue
        keepers.update({team: keepers.get(team, 0) + 1 for team in kept})
        belongs = membership(told, prior, again, pairs, group)
        for row, inside in zip(group, belongs, strict=True):
            track = int(about.index[row])
            evidence = _evidence(row, group, about, told, place, look)
            rows[track] = {
                "person_id": name,
                "number": number,
                "probability": float(inside * how_sure) if number else float(inside),
                "evidence": json.dumps(evidence),
            }
    return _table(rows)


def _worth_a_look(
    about: pd.DataFrame, jerseys: pd.DataFrame | None, follows: Succession
) -> NDArray[np.intp]:
    """Rows of tracks that anything but team and colours tells of; the others stay unknown."""
    told = about["role"].to_numpy() == "goalkeeper"
    if jerseys is not None:
        told |= about.index.isin(jerseys["track_id"].to_numpy())
    likely = follows.log_odds > 0
    told[follows.before[likely]] = told[follows.after[likely]] = True
    return np.flatnonzero(told)


def _keeps_for(group: pd.DataFrame) -> set[str]:
    """Teams for which any of these tracks is a goalkeeper's."""
    mine = group[(group["role"] == "goalkeeper") & group["team"].isin(TEAMS)]
    return set(mine["team"])


def persons(identities: pd.DataFrame) -> dict[str, list[int]]:
    """The tracks of each person who is known, the one of most tracks first."""
    known = identities[identities["person_id"] != UNKNOWN]
    found = {
        str(name): sorted(int(track) for track in part)
        for name, part in known.groupby("person_id")["track_id"]
    }
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def _name(whole: Floats, count: int, sure: float, taken: dict[str, int]) -> tuple[str, str, float]:
    """Person, number and how sure the number is; "" for nobody in particular."""
    players = whole[:OFFICIAL].reshape(len(TEAMS), 2, NUMBERS)
    team = players.sum(axis=(1, 2))
    side = TEAMS[int(team.argmax())] if team.max() >= sure else "?"
    numbers = players.sum(axis=(0, 1))
    number = int(numbers.argmax()) + 1
    if numbers.max() >= sure and (label := f"{side}-{number}") not in taken:
        taken[label] = 1
        return label, str(number), float(numbers.max())
    if count < 2:
        return "", "", 0.0
    if whole[OFFICIAL] >= sure:
        label = "official"
    elif players[:, 1].sum() >= sure and f"{side}-goalkeeper" not in taken:
        taken[f"{side}-goalkeeper"] = 1
        return f"{side}-goalkeeper", "", 1.0
    else:
        label = side
    taken[label] = taken.get(label, 0) + 1
    return f"{label}-p{taken[label]}", "", 1.0


def _evidence(
    row: int, group: list[int], about: pd.DataFrame, told: Floats, place: Floats, look: Floats
) -> dict[str, Any]:
    """What speaks for it: who else, and by what."""
    others = [other for other in group if other != row]
    numbers = told[row, :OFFICIAL].reshape(len(TEAMS), 2, NUMBERS).sum(axis=(0, 1))
    by = []
    if numbers.max() > 2 * numbers.min():
        by.append("number")
    if about["role"].iloc[row] == "goalkeeper" and others:
        by.append("goalkeeper")
    if others and place[row, others].max() > _TELLING:
        by.append("place")
    if others and look[row, others].max() > _TELLING:
        by.append("colours")
    return {"by": by, "with": [int(about.index[other]) for other in others]}


def _nobody() -> dict[str, Any]:
    return {"person_id": UNKNOWN, "number": "", "probability": 0.0, "evidence": "{}"}


def _table(rows: dict[int, dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    if not rows:
        return tables.empty(tables.IDENTITIES)
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("track_id").reset_index()
    return table.sort_values("track_id", ignore_index=True).astype(tables.IDENTITIES)
