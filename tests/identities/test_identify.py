"""Persons are told by evidence, and left unknown without."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey import tables
from jarvis_dagster.hockey.identities import UNKNOWN, contradictions, identify, persons
from tests.identities.people import FPS, game, placed, read, skater


def people(tracks, **options):
    """Person by track."""
    found = identify(tracks, fps=FPS, **options)
    assert list(found.columns) == list(tables.IDENTITIES)
    assert sorted(found["track_id"]) == sorted(tracks["track_id"].unique())
    assert not contradictions(found, tracks, options.get("positions"))
    return dict(zip(found["track_id"], found["person_id"], strict=True))


def test_one_number_in_one_team_is_one_person():
    tracks = game(*(skater(n, range(100 * n, 100 * n + 80)) for n in (1, 2, 3)))
    found = identify(tracks, fps=FPS, jerseys=read((1, "26", 0.9), (3, "26", 0.85)))
    assert list(found["person_id"]) == ["A-26", UNKNOWN, "A-26"]
    assert list(found["number"]) == ["26", "", "26"]
    assert (found["probability"].iloc[[0, 2]] > 0.8).all()
    assert found["probability"].iloc[1] == 0
    assert json.loads(found["evidence"].iloc[0]) == {"by": ["number"], "with": [3]}
    assert persons(found) == {"A-26": [1, 3]}


def test_one_number_in_two_teams_is_two_people():
    tracks = game(skater(1, range(50)), skater(2, range(100, 150), team="B"))
    assert people(tracks, jerseys=read((1, "26", 0.95), (2, "26", 0.95))) == {
        1: "A-26",
        2: "B-26",
    }


def test_two_in_one_frame_are_two_people_whatever_was_read():
    tracks = game(skater(1, range(100)), skater(2, range(99, 150)))
    found = people(tracks, jerseys=read((1, "26", 0.97), (2, "26", 0.97)))
    assert found == {1: "A-26", 2: UNKNOWN}


@pytest.mark.parametrize("probability", [0.3, 0.6])
def test_a_number_that_is_hardly_read_names_nobody(probability):
    tracks = game(skater(1, range(50)), skater(2, range(100, 150)))
    jerseys = read((1, "26", probability), (2, "62", probability))
    assert set(people(tracks, jerseys=jerseys).values()) == {UNKNOWN}


def test_several_doubtful_reads_of_one_number_add_up():
    tracks = game(*(skater(n, range(100 * n, 100 * n + 80)) for n in range(1, 5)))
    jerseys = read(*((n, "7", 0.75) for n in range(1, 5)))
    assert set(people(tracks, jerseys=jerseys).values()) == {"A-7"}


def test_a_person_of_hundreds_of_tracks_is_one_person():
    tracks = game(*(skater(n, range(10 * n, 10 * n + 5)) for n in range(170)))
    jerseys = read(*((n, "7", 0.95) for n in range(170)))
    assert set(people(tracks, jerseys=jerseys).values()) == {"A-7"}


def test_what_is_no_number_says_nothing():
    tracks = game(skater(1, range(50)), skater(2, range(100, 150)))
    jerseys = read((1, "00", 0.9), (2, "x", 0.9), (9, "26", 0.9))
    assert set(people(tracks, jerseys=jerseys).values()) == {UNKNOWN}


def test_a_team_has_one_goalkeeper_until_two_are_seen():
    keeper = {"role": "goalkeeper"}
    tracks = game(
        skater(1, range(50), **keeper),
        skater(2, range(100, 150), **keeper),
        skater(3, range(50), team="B", **keeper),
    )
    assert people(tracks) == {1: "A-goalkeeper", 2: "A-goalkeeper", 3: UNKNOWN}
    both = game(tracks, skater(4, range(120, 180), **keeper))
    found = people(both)
    assert found[2] != found[4] or found[2] == UNKNOWN


def test_officials_and_skaters_without_numbers_stay_unknown():
    tracks = game(
        *(skater(n, range(100 * n, 100 * n + 80), role="referee", team="") for n in (1, 2)),
        *(skater(n, range(100 * n, 100 * n + 80)) for n in (3, 4)),
    )
    assert set(people(tracks).values()) == {UNKNOWN}


def test_who_goes_on_where_he_was_is_the_same_person():
    tracks = game(skater(1, range(60)), skater(2, range(75, 130)))
    where = game(
        placed(1, range(60), (60, 40), (15, 0)), placed(2, range(75, 130), (97, 41), (12, 2))
    )
    assert people(tracks, positions=where) == {1: "A-p1", 2: "A-p1"}
    number = read((2, "11", 0.95))
    assert people(tracks, positions=where, jerseys=number) == {1: "A-11", 2: "A-11"}


def test_who_would_be_too_fast_is_somebody_else():
    tracks = game(skater(1, range(60)), skater(2, range(75, 130)))
    where = game(placed(1, range(60), (20, 40)), placed(2, range(75, 130), (120, 40)))
    jerseys = read((1, "26", 0.95), (2, "26", 0.95))
    found = people(tracks, positions=where, jerseys=jerseys)
    assert sorted(found.values()) == ["A-26", UNKNOWN]


def test_two_who_may_go_on_from_one_place_are_not_guessed():
    tracks = game(skater(1, range(60)), skater(2, range(75, 130)), skater(3, range(75, 130)))
    where = game(
        placed(1, range(60), (60, 40)),
        placed(2, range(75, 130), (62, 42)),
        placed(3, range(75, 130), (58, 38)),
    )
    assert set(people(tracks, positions=where).values()) == {UNKNOWN}


def test_positions_that_are_not_valid_say_nothing():
    tracks = game(skater(1, range(60)), skater(2, range(75, 130)))
    where = game(
        placed(1, range(60), (60, 40), valid=False),
        placed(2, range(75, 130), (60, 40), valid=False),
    )
    assert set(people(tracks, positions=where).values()) == {UNKNOWN}


def test_different_colours_keep_two_goalkeepers_apart():
    random = np.random.default_rng(0)
    parts, kit = [], []
    colours = [0.0] * 20 + [0.0, 40.0]
    for index, mean in enumerate(colours):
        keeper = index >= 20
        frames = range(60) if not keeper else range(100 * index, 100 * index + 60)
        parts.append(
            skater(index, frames, row=60 * index, role="goalkeeper" if keeper else "player")
        )
        kit.append(mean + 10 * random.normal() * (not keeper) + random.normal(0, 1, (60, 3)))
    tracks = game(*parts)
    jerseys = read(*((index, str(index + 1), 0.9) for index in range(20)))
    colour = np.concatenate(kit).astype("float32")
    plain = people(tracks, jerseys=jerseys)
    assert plain[20] == plain[21] == "A-goalkeeper"
    found = people(tracks, jerseys=jerseys, kit=colour)
    assert found[20] == found[21] == UNKNOWN


def test_many_games_of_noise_never_put_a_person_in_two_places():
    for seed in range(6):
        random = np.random.default_rng(seed)
        parts = [
            skater(
                n,
                range(start := int(random.integers(0, 300)), start + int(random.integers(5, 90))),
                role=str(random.choice(["player", "goalkeeper", "referee"], p=[0.7, 0.2, 0.1])),
                team=str(random.choice(["A", "B"])),
                sure=float(random.uniform(0.4, 1)),
            )
            for n in range(30)
        ]
        tracks = game(*parts)
        jerseys = read(
            *((n, str(random.integers(1, 12)), random.uniform(0.3, 1)) for n in range(0, 30, 2))
        )
        found = identify(tracks, fps=FPS, jerseys=jerseys)
        assert not contradictions(found, tracks)
        assert found["probability"].between(0, 1).all()
        again = identify(tracks.sample(frac=1, random_state=seed), fps=FPS, jerseys=jerseys)
        pd.testing.assert_frame_equal(found, again)


def test_nothing_the_puck_and_people_without_a_role():
    assert identify(tables.empty(tables.TRACKS), fps=FPS).empty
    tracks = game(
        skater(1, range(9), kind="puck"), skater(2, range(9), role="unknown", team="", sure=0)
    )
    assert set(people(tracks, jerseys=read((1, "9", 0.9), (2, "9", 0.9))).values()) == {UNKNOWN}


def test_unusable_arguments_are_named():
    with pytest.raises(BadInputError, match="frames a second"):
        identify(tables.empty(tables.TRACKS), fps=0)
    with pytest.raises(BadInputError, match="threshold"):
        identify(tables.empty(tables.TRACKS), fps=FPS, sure=1.0)


def test_contradictions_are_found():
    tracks = game(skater(1, range(60)), skater(2, range(59, 90)), skater(3, range(100, 130)))
    claimed = pd.DataFrame({"track_id": [1, 2, 3], "person_id": ["A-1", "A-1", UNKNOWN]})
    claimed = claimed.assign(number="1", probability=0.9, evidence="{}")
    assert contradictions(claimed, tracks) == ["A-1 is in two places in frame 59."]
    claimed["person_id"] = [UNKNOWN, "A-1", "A-1"]
    where = game(placed(2, range(59, 90), (20, 20)), placed(3, range(100, 130), (180, 20)))
    (sentence,) = contradictions(claimed, tracks, where)
    assert sentence.startswith("A-1 is 160 ft away after 0.4 s")
    keepers = game(*(skater(n, [n], role="goalkeeper") for n in range(3)))
    claimed = pd.DataFrame({"track_id": range(3), "person_id": ["A-1", "A-2", "A-3"]})
    assert contradictions(claimed, keepers) == ["Team A has 3 goalkeepers."]
