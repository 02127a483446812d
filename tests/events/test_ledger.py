"""The ledger: what it finds, what it leaves out, and that it is sound."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from jarvis_dagster.hockey.events import EVENT_TYPES, build_ledger, not_supported
from jarvis_dagster.hockey.events.entry import Entry
from jarvis_dagster.hockey.events.integrity import broken
from jarvis_dagster.hockey.tables import EVENTS, TRACKS, empty
from tests.events.tables import (
    FPS,
    PROVENANCE,
    crew,
    joined,
    line,
    placed,
    recorded,
    scanned,
    video,
    walker,
)


def ledger(tracks, scan, positions=None, seconds=10.0):
    events = build_ledger(tracks, positions, scan, video(Path("game.mp4"), seconds), PROVENANCE)
    assert list(events.columns) == list(EVENTS)
    assert broken(recorded(scan, tracks=tracks, events=events), "events") == {}
    assert set(events["type"]) <= set(EVENT_TYPES)
    info = video(Path("game.mp4"), seconds)
    assert not set(events["type"]) & set(not_supported(tracks, positions, scan, info))
    return events


def only(events, kind):
    return events[events["type"] == kind].reset_index(drop=True)


def evidence(row):
    return json.loads(row["evidence"])


def test_presence_is_half_open_and_split_where_a_track_breaks():
    first, second = walker(1, line(60, 100, 300)), walker(1, line(90, 100, 300), start=100)
    rows = only(ledger(joined(first, second), scanned(300)), "in_view")
    assert rows["start_s"].tolist() == pytest.approx([0, 100 / FPS])
    assert rows["end_s"].tolist() == pytest.approx([60 / FPS, 190 / FPS])
    assert evidence(rows.iloc[0])["frames"] == [0, 60]


def test_presence_filled_in_is_less_sure():
    seen = walker(1, line(90, 100, 300))
    filled = walker(2, line(90, 400, 300))
    filled.loc[10:80, "observed"] = False
    rows = only(ledger(joined(seen, filled), scanned(300)), "in_view")
    sure = dict(zip(rows["track_ids"], rows["confidence"], strict=True))
    assert sure["[1]"] == pytest.approx(0.9, abs=1e-5)
    assert sure["[2]"] < 0.3


def test_looking_at_every_second_frame_makes_presence_no_less_sure():
    tracks = joined(*[walker(i, line(90, 100 * i, 300)) for i in (1, 2)])
    tracks["observed"] = tracks["frame"] % 2 == 0
    rows = only(ledger(tracks, scanned(300)), "in_view")
    assert (rows["confidence"] > 0.88).all()


def test_evidence_names_frames_tracks_measures_and_model():
    row = only(ledger(walker(7, line(60, 100, 300)), scanned(300)), "in_view").iloc[0]
    said = evidence(row)
    assert said["frames"] == [0, 60]
    assert said["tracks"] == [7]
    assert said["model_version"] == "detector 1.2"
    assert said["measures"]["seconds"] == pytest.approx(2.0)
    assert json.loads(row["track_ids"]) == [7]


def test_ids_are_the_same_when_computed_again_and_differ_for_another_video():
    tracks, scan = joined(*crew(300)), scanned(300, cuts=(150,))
    first = ledger(tracks, scan)
    shuffled = tracks.sample(frac=1, random_state=1).reset_index(drop=True)
    assert ledger(shuffled, scan)["event_id"].tolist() == first["event_id"].tolist()
    other = dataclasses.replace(PROVENANCE, video_sha256="ef" * 32)
    again = build_ledger(tracks, None, scan, video(Path("game.mp4")), other)
    assert not set(again["event_id"]) & set(first["event_id"])


def test_an_id_is_the_same_in_every_release():
    # Results that were delivered name events by their id.
    assert Entry("rush", 5, 9, (2, 1), 0.5, {}).event_id("x") == "rush-17ca69a78c57"


def test_every_cut_is_one_event():
    rows = only(ledger(joined(*crew(300)), scanned(300, cuts=(90, 200))), "camera_cut")
    assert rows["start_s"].tolist() == pytest.approx([90 / FPS, 200 / FPS])
    assert (rows["confidence"] > 0.8).all()


def test_standing_people_are_a_stoppage_and_going_again_resumes():
    # 6 s still, then everyone skates 2 body heights a second, in turn left and right.
    parts = []
    for i in range(6):
        still = line(180, 200 + 150 * i, 250 + 70 * (i % 4))
        way = 1 if i % 2 else -1
        go = line(120, 200 + 150 * i, 250 + 70 * (i % 4), way * 200 / FPS)
        parts.append(walker(i + 1, np.vstack([still, go]), team="AB"[i % 2]))
    events = ledger(joined(*parts), scanned(300))
    stop = only(events, "stoppage")
    assert len(stop) == 1
    assert stop["start_s"].iloc[0] < 0.7
    assert stop["end_s"].iloc[0] == pytest.approx(6.0, abs=0.6)
    resumed = only(events, "play_resumes")
    assert resumed["start_s"].tolist() == stop["end_s"].tolist()


def test_a_pan_over_standing_people_is_no_rush_but_a_stoppage():
    # The camera pans right by 12 px a frame: everyone slides left in the picture.
    parts = crew(180, step=-12.0)
    events = ledger(joined(*parts), scanned(180, pan_px=-12.0), seconds=6)
    assert len(only(events, "rush")) == 0
    assert len(only(events, "stoppage")) == 1


@pytest.mark.parametrize(("step", "way"), [(12.0, "right"), (-12.0, "left")])
def test_people_who_skate_fast_one_way_rush(step, way):
    events = ledger(joined(*crew(60, step=step)), scanned(60), seconds=2)
    rows = only(events, "rush")
    assert len(rows) == 1
    said = evidence(rows.iloc[0])
    assert said["measures"]["direction"] == way
    assert said["measures"]["median_speed_heights_per_s"] == pytest.approx(3.6, abs=0.1)
    assert len(said["tracks"]) == 6


def test_a_rush_that_the_camera_follows_is_still_a_rush():
    # People stay put in the picture while the ice slides left under them.
    rows = only(ledger(joined(*crew(60)), scanned(60, pan_px=-12.0), seconds=2), "rush")
    assert [evidence(r)["measures"]["direction"] for _, r in rows.iterrows()] == ["right"]


def test_two_fast_players_or_a_crossing_are_no_rush():
    few = joined(*crew(60, step=12.0, people=2))
    assert len(only(ledger(few, scanned(60), seconds=2), "rush")) == 0
    right, left = crew(60, step=12.0, people=3), crew(60, step=-12.0, people=3, first=4)
    assert len(only(ledger(joined(*right, *left), scanned(60), seconds=2), "rush")) == 0


def test_nothing_is_measured_across_a_cut():
    # Everyone jumps 600 px between two frames: a cut, not a sprint.
    before = crew(60)
    after = [walker(i + 11, line(60, 750 + 20 * i, 300), start=60) for i in range(6)]
    events = ledger(joined(*before, *after), scanned(120, cuts=(60,)), seconds=4)
    assert len(only(events, "rush")) == 0
    for row in only(events, "action_peak").itertuples():
        assert row.end_s <= 2.0 + 1e-6 or row.start_s >= 2.0 - 1e-6


def test_a_battle_is_crowding_and_says_whether_a_goalkeeper_is_in_it():
    # 30 px apart is 0.3 body heights.
    people = [walker(i, line(90, 600 + 30 * i, 400), team="AB"[i % 2]) for i in range(1, 6)]
    far = walker(9, line(90, 100, 400))
    rows = only(ledger(joined(*people, far), scanned(90), seconds=3), "crowding")
    assert len(rows) == 1
    said = evidence(rows.iloc[0])
    assert said["tracks"] == [1, 2, 3, 4, 5]
    assert said["measures"]["goalkeeper_inside"] is False
    keeper = walker(6, line(90, 640, 390), role="goalkeeper")
    rows = only(ledger(joined(*people, keeper), scanned(90), seconds=3), "crowding")
    assert evidence(rows.iloc[0])["measures"]["goalkeeper_inside"] is True


def test_people_apart_or_referees_are_no_crowd():
    apart = crew(90)
    assert len(only(ledger(joined(*apart), scanned(90), seconds=3), "crowding")) == 0
    officials = [
        walker(i, line(90, 600 + 30 * i, 400), role="referee", team="") for i in range(1, 6)
    ]
    assert len(only(ledger(joined(*officials), scanned(90), seconds=3), "crowding")) == 0


def test_there_is_a_peak_of_action_where_most_goes_on():
    quiet = crew(900, people=4)
    lively = [walker(20 + i, line(150, 100 + 40 * i, 300, 5.0), start=500) for i in range(4)]
    peaks = only(ledger(joined(*quiet, *lively), scanned(900), seconds=30), "action_peak")
    assert len(peaks) == 1
    assert peaks["start_s"].iloc[0] <= 500 / FPS + 1.5
    assert peaks["end_s"].iloc[0] >= 650 / FPS - 1.0


def rink_game(frames=300, to=190.0):
    """Eight skaters from the middle to the right end, two goalkeepers, all placed."""
    tracks, spots = [], []
    for i in range(8):
        x = np.linspace(90.0, to, frames)
        tracks.append(walker(i + 1, line(frames, 100 + 100 * i, 300), team="AB"[i % 2]))
        spots.append(placed(i + 1, np.column_stack([x, np.full(frames, 20 + 6.0 * i)]), 10.0))
    for key, x, team in ((11, 12.0, "A"), (12, 188.0, "B")):
        tracks.append(walker(key, line(frames, 5.0 * x, 300), role="goalkeeper", team=team))
        spots.append(placed(key, np.tile([x, 42.5], (frames, 1)), 1.0))
    return joined(*tracks), joined(*spots)


def test_a_group_that_crosses_the_blue_line_enters_the_zone():
    tracks, positions = rink_game()
    rows = only(ledger(tracks, scanned(300), positions), "zone_entry")
    assert len(rows) == 1
    # 90 + 100 t / 10 s reaches the blue line at 125 ft after 3.5 s; the puck is ahead.
    assert rows["start_s"].iloc[0] == pytest.approx(3.1, abs=0.15)
    assert evidence(rows.iloc[0])["measures"]["end"] == "right"
    # Team B defends the right end, so A attacks.
    assert rows["team"].iloc[0] == "A"
    assert set(json.loads(rows["track_ids"].iloc[0])) == {1, 3, 5, 7}


def test_without_goalkeepers_an_entry_has_no_team():
    tracks, positions = rink_game()
    skaters = tracks[tracks["role"] == "player"].reset_index(drop=True)
    placed_skaters = positions[positions["track_id"] < 10].reset_index(drop=True)
    rows = only(ledger(skaters, scanned(300), placed_skaters), "zone_entry")
    assert rows["team"].tolist() == [""]


def test_a_group_that_only_touches_the_line_does_not_enter():
    tracks, positions = rink_game(to=127.0)
    assert len(only(ledger(tracks, scanned(300), positions), "zone_entry")) == 0


def test_top_speed_is_held_and_plausible():
    tracks, positions = rink_game()
    mine = positions["track_id"] == 3
    positions.loc[mine & positions["frame"].between(100, 130), "speed_ftps"] = 25.0
    # One wild sample and an impossible stretch do not count.
    positions.loc[mine & (positions["frame"] == 50), "speed_ftps"] = 40.0
    positions.loc[mine & positions["frame"].between(200, 230), "speed_ftps"] = 80.0
    rows = only(ledger(tracks, scanned(300), positions), "top_speed")
    row = rows[rows["track_ids"] == "[3]"].iloc[0]
    assert evidence(row)["measures"]["speed_ftps"] == pytest.approx(25.0)
    assert 100 / FPS <= row["start_s"] <= row["end_s"] <= 131 / FPS


def test_a_still_camera_that_sees_the_whole_rink_gives_shifts():
    tracks, positions = rink_game()
    kinds = set(ledger(tracks, scanned(300), positions)["type"])
    assert "shift" in kinds
    assert "in_view" not in kinds
    kinds = set(ledger(tracks, scanned(300, pan_px=3.0), positions)["type"])
    assert "in_view" in kinds
    assert "shift" not in kinds


def test_a_shift_goes_on_while_someone_is_hidden_and_officials_have_none():
    tracks, positions = rink_game()
    hidden = (tracks["track_id"] == 3) & tracks["frame"].between(100, 130)
    official = walker(30, line(300, 600, 400), role="referee", team="")
    events = ledger(joined(tracks[~hidden], official), scanned(300), positions)
    mine = events[events["track_ids"] == "[3]"]
    assert mine.loc[mine["type"] == "shift", "end_s"].tolist() == pytest.approx([10.0])
    assert only(events, "in_view")["track_ids"].tolist() == ["[30]"]


def test_people_who_leave_through_the_edge_have_no_shifts():
    tracks, positions = rink_game()
    out = [walker(40 + k, line(150, 20, 300), start=20) for k in range(2)]
    kinds = set(ledger(joined(tracks, *out), scanned(300), positions)["type"])
    assert "shift" not in kinds


def test_leaving_and_entering_at_the_benches_is_a_line_change():
    tracks, positions = rink_game(frames=600)
    parts, spots = [tracks], [positions]
    for k in range(3):
        off, on = 20 + k, 30 + k
        toward = np.column_stack([np.full(250, 95.0 + 5 * k), np.linspace(40, 3, 250)])
        away = np.column_stack([np.full(250, 95.0 + 5 * k), np.linspace(3, 40, 250)])
        parts += [walker(off, line(250, 600, 400)), walker(on, line(250, 600, 400), start=280)]
        spots += [placed(off, toward, 5.0), placed(on, away, 5.0, start=280)]
    events = ledger(joined(*parts), scanned(600), joined(*spots), seconds=20)
    rows = only(events, "line_change")
    assert rows["team"].tolist() == ["A"]
    assert evidence(rows.iloc[0])["measures"] == {"on": 3, "off": 3}


def test_a_fast_puck_at_the_goal_is_a_shot_and_one_passing_by_is_not():
    def puck_game(aim_y):
        tracks, positions = rink_game()
        x, y = np.linspace(140, 188, 15), np.linspace(30, aim_y, 15)
        slow = np.column_stack([np.full(285, 140.0), np.full(285, 30.0)])
        path = np.vstack([slow, np.column_stack([x, y])])
        puck = walker(99, line(300, 500, 300), role="unknown", team="", said="puck")
        return joined(tracks, puck), joined(positions, placed(99, path, 96.0))

    tracks, positions = puck_game(42.5)
    rows = only(ledger(tracks, scanned(300), positions), "shot")
    assert len(rows) == 1
    assert evidence(rows.iloc[0])["measures"]["end"] == "right"
    tracks, positions = puck_game(5.0)
    assert len(only(ledger(tracks, scanned(300), positions), "shot")) == 0


def test_what_cannot_be_told_is_said_with_its_reason():
    tracks, scan = joined(*crew(90)), scanned(90)
    missing = not_supported(tracks, None, scan)
    assert {"zone_entry", "top_speed", "shift", "shot", "goal", "line_change"} <= set(missing)
    assert "calibration" in missing["zone_entry"]
    assert ledger(tracks, scan, seconds=3).attrs["not_supported"] == missing
    tracks, positions = rink_game()
    positions["valid"] = positions["frame"] < 10
    assert "does not fit" in not_supported(tracks, positions, scanned(300))["zone_entry"]
    assert len(only(ledger(tracks, scanned(300), positions), "zone_entry")) == 0


def test_an_empty_rink_has_cuts_only_and_says_why():
    events = ledger(empty(TRACKS), scanned(90, cuts=(30,)), seconds=3)
    assert events["type"].tolist() == ["camera_cut"]
    assert "Nobody" in not_supported(empty(TRACKS), None, scanned(90))["rush"]


def test_pucks_and_unknown_things_are_never_present():
    puck = walker(1, line(90, 500, 300), role="unknown", team="", said="puck")
    assert len(ledger(puck, scanned(90), seconds=3)) == 0


def test_times_follow_the_frames_own_clock():
    scan = scanned(90)
    scan["pts_s"] = scan["pts_s"] * 2  # every other frame of the recording is missing
    rows = only(ledger(walker(1, line(60, 100, 300)), scan, seconds=6), "in_view")
    assert rows["end_s"].iloc[0] == pytest.approx(120 / FPS)


def test_every_type_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
    missing = [kind for kind in EVENT_TYPES if f"`{kind}`" not in text]
    assert missing == []
