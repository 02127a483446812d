"""Roles and teams of whole tracks."""

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.roles import (
    assign_roles,
    team_colours,
    torso_colours,
    without_bystanders,
)
from tests.roles.scene import BLACK, NAVY, RED, WHITE, film, line

GREY = (128, 128, 128)


def labels(tracks):
    assert (tracks.groupby("track_id")[["role", "team"]].nunique() == 1).all().all()
    first = tracks.groupby("track_id").first()
    return first["role"].to_dict(), first["team"].to_dict()


@pytest.mark.parametrize("dark", [RED, NAVY, BLACK])
def test_two_kits_two_teams_the_lighter_is_a(dark):
    tracks, kit = film(line(dark, 150) + line(WHITE, 300))
    role, team = labels(assign_roles(tracks, kit))
    assert set(role.values()) == {"player"}
    assert [team[i] for i in range(1, 11)] == ["B"] * 5 + ["A"] * 5


def test_a_change_of_light_moves_nobody():
    tracks, kit = film(line(NAVY, 150) + line(WHITE, 300), light=lambda f: 1.0 if f < 6 else 0.6)
    second = tracks[tracks["frame"] >= 6].assign(track_id=lambda t: t["track_id"] + 20)
    both = film_join(tracks[tracks["frame"] < 6], second)
    _, team = labels(assign_roles(both, kit))
    assert {team[i] for i in (1, 2, 3, 4, 5, 21, 22, 23, 24, 25)} == {"B"}
    assert {team[i] for i in (6, 7, 8, 9, 10, 26, 27, 28, 29, 30)} == {"A"}


def film_join(*parts):
    return pd.concat(parts, ignore_index=True)


def test_probabilities_add_up_where_classes_would_not():
    tracks, kit = film(line(NAVY, 150) + line(WHITE, 300))
    shares = pd.DataFrame({"p_goalkeeper": 0.05, "p_referee": 0.02}, index=range(len(tracks)))
    mine = (tracks["track_id"] == 3).to_numpy()
    shares.loc[mine, "p_goalkeeper"] = np.where(np.arange(mine.sum()) % 3 == 0, 0.95, 0.45)
    by_class, _ = labels(assign_roles(tracks, kit))
    by_share, _ = labels(assign_roles(tracks, kit, shares))
    assert by_class[3] == "player"
    assert by_share[3] == "goalkeeper"
    assert {role for track, role in by_share.items() if track != 3} == {"player"}


def shares_of(tracks, track, p_goalkeeper, p_referee):
    shares = pd.DataFrame({"p_goalkeeper": 0.02, "p_referee": 0.02}, index=range(len(tracks)))
    shares.loc[(tracks["track_id"] == track).to_numpy()] = [p_goalkeeper, p_referee]
    return shares


def test_who_is_no_referee_is_a_player_or_a_goalkeeper():
    tracks, kit = film(line(NAVY, 150) + line(WHITE, 300), frames=40)
    role, team = labels(assign_roles(tracks, kit, shares_of(tracks, 3, 0.5, 0.06)))
    assert role[3] == "goalkeeper"
    assert team[3] == "B"
    role, team = labels(assign_roles(tracks, kit, shares_of(tracks, 3, 0.42, 0.1)))
    assert (role[3], team[3]) == ("player", "B")


def test_who_may_be_anybody_is_unknown():
    tracks, kit = film(line(NAVY, 150) + line(WHITE, 300), frames=40)
    role, team = labels(assign_roles(tracks, kit, shares_of(tracks, 3, 0.3, 0.4)))
    assert (role[3], team[3]) == ("unknown", "")


def test_the_team_of_a_goalkeeper_is_not_guessed():
    pale = tuple(int(0.6 * w + 0.4 * r) for w, r in zip(WHITE, RED, strict=True))
    people = line(RED, 150) + line(WHITE, 300)
    people.append({"x": 300, "y": 450, "kit": pale})
    out = assign_roles(*film(people))
    assert labels(out)[1][11] == "A"
    assert out.loc[out["track_id"] == 11, "team_score"].iloc[0] < 0.8
    people[-1]["cls"] = "goalkeeper"
    role, team = labels(assign_roles(*film(people)))
    assert (role[11], team[11]) == ("goalkeeper", "")


def test_a_white_jersey_is_told_by_how_much_of_it_is_bright():
    dull, tinted = (70, 60, 110), (150, 150, 190)  # as in the light of a red board
    people = line(dull, 150) + line(WHITE, 300) + [{"x": 300, "y": 450, "kit": tinted}]
    assert labels(assign_roles(*film(people)))[1][11] == "A"


def test_pads_do_not_darken_a_goalkeeper():
    rosy = tuple(int(0.32 * w + 0.68 * r) for w, r in zip(WHITE, RED, strict=True))
    people = line(RED, 150) + line(WHITE, 300)
    people.append({"x": 300, "y": 450, "kit": rosy, "cls": "goalkeeper"})
    out = assign_roles(*film(people))
    role, team = labels(out)
    assert (role[11], team[11]) == ("goalkeeper", "B")
    assert out.loc[out["track_id"] == 11, "team_score"].iloc[0] < 0.8


def test_a_referee_has_no_team():
    people = line(NAVY, 150) + line(WHITE, 300)
    people.append({"x": 300, "y": 450, "kit": WHITE, "striped": True, "cls": "referee"})
    role, team = labels(assign_roles(*film(people)))
    assert role[11] == "referee"
    assert team[11] == ""


def test_a_dark_shirt_is_no_referees():
    people = line(BLACK, 150, cls="player") + line(WHITE, 300)
    people.append({"x": 300, "y": 450, "kit": BLACK, "cls": "referee"})
    people.append({"x": 600, "y": 450, "kit": WHITE, "striped": True, "cls": "referee"})
    role, team = labels(assign_roles(*film(people)))
    assert (role[11], team[11]) == ("player", "B")
    assert role[12] == "referee"


def test_a_stray_vote_changes_nobody():
    tracks, kit = film(line(NAVY, 150) + line(WHITE, 300))
    odd = (tracks["track_id"] == 3) & tracks["frame"].isin([2, 7])
    tracks.loc[odd, "class"] = "referee"
    role, _ = labels(assign_roles(tracks, kit))
    assert role[3] == "player"


def test_one_box_does_not_make_a_goalkeeper():
    tracks, kit = film(line(NAVY, 150) + line(WHITE, 300))
    tracks.loc[(tracks["track_id"] == 3) & (tracks["frame"] == 4), "class"] = "goalkeeper"
    assert labels(assign_roles(tracks, kit))[0][3] == "player"


def test_one_goalkeeper_a_team_at_a_time():
    people = line(NAVY, 150) + line(WHITE, 300)
    people[0]["cls"] = people[5]["cls"] = "goalkeeper"
    tracks, kit = film(people)
    # Another of team A looks like a goalkeeper in two frames out of three.
    extra = (tracks["track_id"] == 7) & (tracks["frame"] % 3 > 0)
    tracks.loc[extra, "class"] = "goalkeeper"
    role, team = labels(assign_roles(tracks, kit))
    assert [i for i, r in role.items() if r == "goalkeeper"] == [1, 6]
    assert (team[1], team[6]) == ("B", "A")
    assert role[7] == "player"


def test_a_goalkeeper_in_a_kit_of_its_own_gets_the_team_the_other_has_not():
    people = line(NAVY, 150) + line(WHITE, 300)
    people.append({"x": 100, "y": 450, "kit": (60, 220, 60), "cls": "goalkeeper"})
    people.append({"x": 700, "y": 450, "kit": NAVY, "cls": "goalkeeper"})
    role, team = labels(assign_roles(*film(people)))
    assert role[11] == role[12] == "goalkeeper"
    assert (team[11], team[12]) == ("A", "B")


def test_a_person_in_neither_kit_has_no_team():
    people = line(RED, 150) + line(WHITE, 300)
    people.append({"x": 300, "y": 450, "kit": (30, 230, 30)})
    out = assign_roles(*film(people))
    assert labels(out)[1][11] == ""
    assert (out.loc[out["track_id"] == 11, "team_score"] == 0).all()


def test_one_kit_alone_is_one_team():
    _, team = labels(assign_roles(*film(line(RED, 150))))
    assert set(team.values()) == {"A"}


def test_without_kits_there_are_roles_and_no_teams():
    people = line(NAVY, 150)
    people[2]["cls"] = "referee"
    tracks, _ = film(people)
    role, team = labels(assign_roles(tracks, None))
    assert role[3] == "referee"
    assert set(team.values()) == {""}


def test_filled_rows_follow_their_track_and_do_not_vote():
    tracks, kit = film(line(NAVY, 150) + line(WHITE, 300))
    gap = tracks["frame"].isin([4, 5, 6])
    tracks.loc[gap, ["observed", "detection_row", "class"]] = [False, -1, "referee"]
    role, team = labels(assign_roles(tracks, kit))
    assert set(role.values()) == {"player"}
    assert team[1] == "B"


def test_a_puck_is_no_person():
    tracks, kit = film(line(NAVY, 150) + line(WHITE, 300))
    tracks.loc[tracks["track_id"] == 4, "class"] = "puck"
    role, team = labels(assign_roles(tracks, kit))
    assert role[4] == "unknown"
    assert team[4] == ""


def test_no_tracks_and_no_measured_kit():
    tracks, kit = film(line(NAVY, 150))
    assert len(assign_roles(tracks.iloc[:0], kit)) == 0
    blind = kit.copy()
    blind.loc[:] = np.nan
    assert set(labels(assign_roles(tracks, blind))[1].values()) == {""}


def test_a_kit_table_of_another_version_is_named():
    tracks, kit = film(line(NAVY, 150))
    with pytest.raises(BadInputError, match="body"):
        assign_roles(tracks, kit.drop(columns="body"))


def test_the_input_is_left_alone_and_the_answer_is_the_same_twice():
    tracks, kit = film(line(NAVY, 150) + line(WHITE, 300))
    before = tracks.copy()
    first, second = assign_roles(tracks, kit), assign_roles(tracks, kit)
    assert tracks.equals(before)
    assert first.equals(second)


def test_scores_are_shares():
    out = assign_roles(*film(line(NAVY, 150) + line(WHITE, 300)))
    for name in ("role_score", "team_score"):
        assert out[name].between(0, 1).all()
        assert str(out[name].dtype) == "float32"


def test_colours_follow_the_kit_and_stay_apart():
    tracks, kit = film(line(RED, 150) + line(WHITE, 300))
    colours = team_colours(assign_roles(tracks, kit), kit)
    b, g, r = colours["B"]
    assert r > 2 * b
    assert r > 2 * g
    assert colours["A"][0] > colours["A"][2]


def test_two_kits_of_one_hue_get_two_colours():
    tracks, kit = film(line((30, 20, 110), 150) + line((110, 110, 240), 300))
    colours = team_colours(assign_roles(tracks, kit), kit)
    assert np.abs(np.subtract(colours["A"], colours["B"])).max() > 100


def test_colours_without_kits():
    tracks, _ = film(line(RED, 150))
    colours = team_colours(assign_roles(tracks, None), None)
    assert set(colours) == {"A", "B"}
    assert colours["A"] != colours["B"]


def test_the_light_of_the_moment_is_taken_out_of_the_torso():
    people = line(NAVY, 150) + line(WHITE, 300)
    boxes, bright = film(people)
    _, dim = film(people, light=lambda f: 0.7)
    apart = torso_colours(bright, boxes) - torso_colours(dim, boxes)
    assert np.nanmean(np.abs(apart)) < 0.4
    assert np.abs(bright["torso_l"] - dim["torso_l"]).mean() / 9.6 > 1


def test_who_is_cut_off_above_shows_no_torso():
    boxes, kit = film(line(NAVY, 150))
    boxes.loc[3, "y1_px"] = 0
    assert np.flatnonzero(np.isnan(torso_colours(kit, boxes)).all(axis=1)).tolist() == [3]


def test_who_stands_off_the_ice_and_might_be_anybody_is_left_out():
    tracks, kit = film(line(NAVY, 150) + line(WHITE, 300))
    roles = assign_roles(tracks, kit)
    rows = roles["track_id"] == 3
    roles.loc[rows, "score"] = np.float32(0.5)
    kit.loc[rows.to_numpy(), "on_ice"] = np.float32(0.1)
    assert without_bystanders(roles, kit) is roles  # a player all the same
    roles.loc[rows, "role"] = "unknown"
    left = without_bystanders(roles, kit)
    assert set(left["track_id"]) == set(range(1, 11)) - {3}
    kit.loc[rows.to_numpy(), "on_ice"] = np.float32(0.9)
    assert without_bystanders(roles, kit) is roles
