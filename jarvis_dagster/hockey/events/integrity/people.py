"""Rules on tracks and on positions: who is followed, and where they are.

Belongs here: what must be true of the two tables, whoever made them. Does not belong
here: making it true (:mod:`..plausible`), the ledger (:mod:`.ledger`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.events.integrity.rule import Record, listed, rule
from jarvis_dagster.hockey.events.plausible import (
    MARGIN_FT,
    MAX_ACCELERATION_FTPS2,
    MAX_SPEED_FTPS,
    ROLES,
    TEAMS,
    lag_frames,
    lagged,
    of_pucks,
    reach_ft,
    shot_of,
)
from jarvis_dagster.hockey.rink import rink_named

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["RULES"]

_OFTEN = 0.1
"""A share of the frames from which on it is no passing error."""
_KEEPER_FT = 60.0
_PTS_S = 1e-3


@rule("tracks")
def ids_are_unique_per_frame(record: Record) -> list[str]:
    """Nobody is in two places in one frame."""
    tracks = record.tracks
    twice = tracks[tracks.duplicated(["frame", "track_id"])]
    return [f"{len(twice)} boxes are a second one of a track in a frame."] if len(twice) else []


@rule("tracks", "scan")
def no_track_crosses_a_cut(record: Record) -> list[str]:
    """A track ends where the camera cuts to another view."""
    shot = shot_of(record.tracks["frame"].to_numpy(np.int64), record.scan)
    shots = record.tracks.assign(_shot=shot).groupby("track_id")["_shot"].nunique()
    wrong = shots.index[shots > 1]
    return [f"Tracks go on across a camera cut: {listed(wrong)}."] if len(wrong) else []


@rule("tracks")
def referees_have_no_team(record: Record) -> list[str]:
    """Officials, and people of an unknown role, belong to neither team."""
    tracks = record.tracks
    wrong = tracks[tracks["role"].isin(("referee", "unknown")) & (tracks["team"] != "")]
    ids = wrong["track_id"].unique()
    return [f"Referees have a team: tracks {listed(ids)}."] if len(ids) else []


@rule("tracks")
def there_is_one_puck(record: Record) -> list[str]:
    """No frame has a second puck."""
    pucks = record.tracks[record.tracks["class"] == "puck"]
    wrong = pucks.loc[pucks.duplicated("frame"), "frame"].unique()
    return [f"Frames have more than one puck: {listed(wrong)}."] if len(wrong) else []


@rule("tracks")
def roles_and_teams_are_known(record: Record) -> list[str]:
    """Roles and teams are of those there are, and how sure they are is a share of one."""
    tracks = record.tracks
    found = []
    for column, known in (("role", ROLES), ("team", TEAMS)):
        strange = sorted(set(tracks[column]) - set(known))
        if strange:
            found.append(f"There is no {column} {listed(strange)}.")
    for column in ("score", "role_score", "team_score"):
        wrong = int((~tracks[column].between(0, 1)).sum())
        if wrong:
            found.append(f"{wrong} values of {column} are outside 0 to 1.")
    return found


@rule("tracks")
def nobody_changes_role_or_team(record: Record) -> list[str]:
    """A track has one role and one team as long as it lasts."""
    number = record.tracks.groupby("track_id")[["role", "team"]].nunique()
    wrong = number.index[(number > 1).any(axis=1)]
    return [f"Tracks change their role or team: {listed(wrong)}."] if len(wrong) else []


@rule("tracks", "scan")
def tracks_are_in_the_video(record: Record) -> list[str]:
    """Every box is in a frame that the video has, at that frame's own time."""
    tracks, scan = record.tracks, record.scan
    outside = ~tracks["frame"].between(0, record.frame_count - 1)
    found = [f"{int(outside.sum())} boxes are in frames that there are not."]
    found = found if outside.any() else []
    times = scan.drop_duplicates("frame").set_index("frame")["pts_s"]
    expected = times.reindex(tracks["frame"]).to_numpy(np.float64)
    apart = np.abs(tracks["pts_s"].to_numpy(np.float64) - expected)
    late = int((apart > _PTS_S + 0.5 / record.fps).sum())
    return found + ([f"{late} boxes are at another time than their frame."] if late else [])


@rule("tracks", blocking=False)
def at_most_six_a_side_are_followed(record: Record) -> list[str]:
    """A team has six people on the ice; a seventh for long is on the bench, or not of the team."""
    people = record.tracks[record.tracks["team"] != ""]
    sizes = people.groupby(["team", "frame"])["track_id"].nunique()
    return _for_long(sizes > 6, record, "more than six people of team {} are followed")


@rule("tracks", blocking=False)
def one_goalkeeper_a_side_is_followed(record: Record) -> list[str]:
    """A team has one goalkeeper on the ice; two for long are mistaken roles or teams."""
    tracks = record.tracks
    keepers = tracks[(tracks["role"] == "goalkeeper") & (tracks["team"] != "")]
    sizes = keepers.groupby(["team", "frame"])["track_id"].nunique()
    return _for_long(sizes > 1, record, "more than one goalkeeper of team {} is followed")


@rule("positions")
def positions_are_on_the_rink(record: Record) -> list[str]:
    """A valid position is a number, on the ice or at most 3 ft beyond the boards."""
    where = record.positions[record.positions["valid"]]
    place = where[["x_ft", "y_ft"]].to_numpy(np.float64)
    known = np.isfinite(place).all(axis=1)
    away = rink_named(record.rink).signed_distance_ft(np.where(known[:, None], place, 0.0))
    wrong = int((~known | (away > MARGIN_FT + 1e-3)).sum())
    return [f"{wrong} valid positions are off the rink."] if wrong else []


@rule("positions")
def nobody_is_in_two_places(record: Record) -> list[str]:
    """There is one position of a person in a frame."""
    wrong = int(record.positions.duplicated(["frame", "track_id"]).sum())
    return [f"{wrong} positions are a second one of a person in a frame."] if wrong else []


@rule("positions", "tracks")
def nobody_is_faster_than_possible(record: Record) -> list[str]:
    """No valid speed is above 42 ft/s, and nobody gets farther than that in half a second."""
    where = _people(record)
    speed = where["speed_ftps"].to_numpy(np.float64)
    wrong = int(((speed > MAX_SPEED_FTPS + 1e-3) | (speed < 0)).sum())
    found = [f"{wrong} speeds are impossible."] if wrong else []
    lag = lag_frames(record.fps)
    place, before, _ = _around(where, lag)
    far = before >= 0
    far[far] = np.linalg.norm(place[far] - place[before[far]], axis=1) > (
        reach_ft(lag, record.fps) + 1e-3
    )
    ids = np.unique(where["track_id"].to_numpy()[far])
    return found + ([f"Tracks jump: {listed(ids)}."] if len(ids) else [])


@rule("positions", "tracks")
def nobody_turns_faster_than_possible(record: Record) -> list[str]:
    """No acceleration over half a second on either side is above 70 ft/s²."""
    where = _people(record)
    lag = lag_frames(record.fps)
    place, before, after = _around(where, lag)
    both = (before >= 0) & (after >= 0)
    bend = np.linalg.norm(place[after] - 2 * place + place[before], axis=1)
    wrong = both & (bend > MAX_ACCELERATION_FTPS2 * (lag / record.fps) ** 2 + 1e-3)
    ids = np.unique(where["track_id"].to_numpy()[wrong])
    return [f"Tracks speed up or turn impossibly: {listed(ids)}."] if len(ids) else []


@rule("positions", "tracks", blocking=False)
def goalkeepers_are_near_their_goals(record: Record) -> list[str]:
    """Of those taken for goalkeepers, one is near each goal, and none elsewhere for long."""
    rink = rink_named(record.rink)
    tracks = record.tracks[record.tracks["role"] == "goalkeeper"]
    where = record.positions[record.positions["valid"]]
    keepers = where.merge(tracks[["frame", "track_id"]], on=["frame", "track_id"])
    if not len(keepers):
        return []
    x = keepers["x_ft"].to_numpy(np.float64)
    away = np.minimum(np.abs(x - rink.goal_lines_ft[0]), np.abs(x - rink.goal_lines_ft[1]))
    found = []
    lost = float((away > _KEEPER_FT).mean())
    if lost > _OFTEN:
        found.append(f"Goalkeepers are far from both goals in {lost:.0%} of their positions.")
    end = keepers.assign(_end=x > rink.length_ft / 2)[away <= _KEEPER_FT]
    sizes = end.groupby(["_end", "frame"])["track_id"].nunique()
    for right in (False, True):
        here = sizes[sizes.index.get_level_values(0) == right]
        both = float((here > 1).sum()) / max(1, record.frame_count)
        if both > _OFTEN:
            side = "right" if right else "left"
            found.append(f"Two goalkeepers are near the {side} goal in {both:.0%} of the frames.")
    return found


RULES = (
    ids_are_unique_per_frame,
    no_track_crosses_a_cut,
    referees_have_no_team,
    there_is_one_puck,
    roles_and_teams_are_known,
    nobody_changes_role_or_team,
    tracks_are_in_the_video,
    at_most_six_a_side_are_followed,
    one_goalkeeper_a_side_is_followed,
    positions_are_on_the_rink,
    nobody_is_in_two_places,
    nobody_is_faster_than_possible,
    nobody_turns_faster_than_possible,
    goalkeepers_are_near_their_goals,
)


def _people(record: Record) -> pd.DataFrame:
    """Valid positions of all but pucks."""
    people = ~of_pucks(record.positions, record.tracks)
    return record.positions[record.positions["valid"] & people]


def _around(
    where: pd.DataFrame, lag: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Places (N, 2), and the rows of the same person ``lag`` frames before and after."""
    place = where[["x_ft", "y_ft"]].to_numpy(np.float64)
    place[~np.isfinite(place)] = np.nan
    track, frame = where["track_id"].to_numpy(np.int64), where["frame"].to_numpy(np.int64)
    return place, lagged(track, frame, -lag), lagged(track, frame, lag)


def _for_long(wrong: pd.Series, record: Record, text: str) -> list[str]:
    """By team, where ``wrong`` (team, frame) is true in more than a tenth of the frames."""
    found = []
    for team, often in wrong.groupby(level=0).sum().items():
        share = float(often) / max(1, record.frame_count)
        if share > _OFTEN:
            found.append(f"In {share:.0%} of the frames {text.format(team)}.")
    return found
