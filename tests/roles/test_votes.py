"""Votes of tracks that come and go."""

import numpy as np
import pandas as pd

from jarvis_dagster.hockey.roles.votes import cast_votes, demote_extra_goalkeepers

KEEPER = 1


def tracks(spans):
    """One row a frame of each track's spans."""
    rows = [
        (track, frame) for track, parts in spans.items() for part in parts for frame in range(*part)
    ]
    table = pd.DataFrame(rows, columns=["track_id", "frame"])
    return table.assign(
        x1_px=0.0, y1_px=0.0, x2_px=10.0, y2_px=20.0, score=0.9, observed=True, detection_row=-1
    ).assign(**{"class": "goalkeeper"})


def keepers(spans):
    table = tracks(spans)
    votes = cast_votes(table, np.zeros(len(table)))
    demote_extra_goalkeepers(votes, np.full(len(votes.track_ids), "A", object))
    return [int(i) for i in votes.track_ids[votes.shares.argmax(1) == KEEPER]]


def test_a_team_has_one_goalkeeper_at_a_time():
    assert keepers({1: [(0, 50)], 2: [(20, 40)]}) == [1]


def test_one_in_the_gap_of_another_is_another_time():
    assert keepers({1: [(0, 50), (100, 150)], 2: [(60, 90)]}) == [1, 2]


def named(probabilities):
    """Whether looks with these probabilities of a goalkeeper make one."""
    table = tracks({1: [(0, len(probabilities))]}).assign(detection_row=range(len(probabilities)))
    detections = pd.DataFrame({"p_goalkeeper": probabilities, "p_referee": 0.01})
    votes = cast_votes(table, np.zeros(len(table)), detections)
    assert np.allclose(votes.shares.sum(axis=1), 1)
    return bool(votes.shares.argmax(axis=1)[0] == KEEPER)


def test_a_goalkeeper_is_told_by_the_looks_that_are_sure():
    doubtful = [0.3, 0.1, 0.45, 0.2, 0.06] * 5
    assert named([*doubtful, 0.9, 0.95, 0.85, 0.02])
    assert not named([*doubtful, 0.9, 0.95])


def test_who_falls_and_looks_like_a_goalkeeper_is_none():
    assert not named([0.01] * 12 + [0.95] * 9)


def test_who_kneels_among_taller_people_is_no_goalkeeper():
    table = tracks({1: [(0, 6)], 2: [(0, 6)], 3: [(0, 6)]}).assign(detection_row=range(18))
    looks = [0.4, 0.95, 0.3, 0.96, 0.2, 0.9]
    said = np.where(table["track_id"] == 1, np.tile(looks, 3), 0.01)
    detections = pd.DataFrame({"p_goalkeeper": said, "p_referee": 0.01})

    def role(height):
        low = table.assign(y2_px=np.where(table["track_id"] == 1, height, 20.0))
        return int(cast_votes(low, np.zeros(18), detections).shares[0].argmax())

    assert role(20.0) == KEEPER
    assert role(11.0) != KEEPER
