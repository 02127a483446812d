"""Numbers stay on people of one kit."""

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.hockey.roles import keep_to_one_kit
from tests.roles.scene import NAVY, WHITE, film, line


@pytest.fixture(scope="module")
def game():
    """Five navy players above, numbers 1 to 5, five white ones below, 6 to 10; 60 frames."""
    return film(line(NAVY, 200) + line(WHITE, 300), frames=60)


def swapped(tracks, one, other, since, until=10**6):
    """Two numbers changed for each other between two frames."""
    then = tracks["frame"].between(since, until - 1)
    ids = tracks["track_id"].copy()
    ids[then & (tracks["track_id"] == one)] = other
    ids[then & (tracks["track_id"] == other)] = one
    return tracks.assign(track_id=ids)


def people(tracks, game):
    """For each number, the people (by true number) that it is on."""
    truth = game[0]["track_id"].to_numpy()
    return pd.Series(truth).groupby(tracks["track_id"].to_numpy()).agg(lambda x: sorted(set(x)))


def test_true_tracks_stay_as_they_are(game):
    tracks, kit = game
    pd.testing.assert_frame_equal(keep_to_one_kit(tracks, kit), tracks)


def test_a_swap_between_teams_is_undone(game):
    tracks, kit = game
    mended = keep_to_one_kit(swapped(tracks, 3, 8, since=30), kit)
    assert not mended.duplicated(["frame", "track_id"]).any()
    assert all(len(who) == 1 for who in people(mended, game))
    assert mended["track_id"].nunique() == 10


def test_a_swap_and_back_is_undone(game):
    tracks, kit = game
    mended = keep_to_one_kit(swapped(tracks, 2, 7, since=15, until=45), kit)
    assert all(len(who) == 1 for who in people(mended, game))
    assert mended["track_id"].nunique() == 10


def test_whom_nobody_continues_gets_a_new_number(game):
    tracks, kit = game
    moved = swapped(tracks, 1, 10, since=30)  # too far apart to be joined again
    gone = (moved["track_id"] == 10) & (moved["frame"] < 30)
    mended = keep_to_one_kit(moved[~gone].reset_index(drop=True), kit)
    true = game[0].loc[(~gone).to_numpy(), "track_id"].to_numpy()
    worn = pd.Series(true > 5).groupby(mended["track_id"].to_numpy()).nunique()
    assert (worn == 1).all()


def test_two_odd_looks_are_no_change(game):
    tracks, kit = game
    odd = swapped(tracks, 4, 9, since=20, until=22)
    assert (keep_to_one_kit(odd, kit)["track_id"] == odd["track_id"]).all()


def test_without_kits_or_tracks_nothing_changes(game):
    tracks, kit = game
    assert keep_to_one_kit(tracks, kit.iloc[:0]) is tracks
    assert keep_to_one_kit(tracks.iloc[:0], kit).empty
    one_team = tracks[tracks["track_id"] <= 5].reset_index(drop=True)
    assert (keep_to_one_kit(one_team, kit)["track_id"] == one_team["track_id"]).all()
    blind = kit * np.nan
    assert (keep_to_one_kit(tracks, blind)["track_id"] == tracks["track_id"]).all()
