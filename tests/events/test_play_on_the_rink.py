"""Face-offs, zones, crowds before the goal and possession, from places; claims that collide."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.hockey.events import build_ledger
from jarvis_dagster.hockey.events.entry import Entry
from jarvis_dagster.hockey.events.integrity import broken
from jarvis_dagster.hockey.events.settling import settle
from tests.events.tables import FPS, PROVENANCE, joined, placed, recorded, scanned, video
from tests.events.tables import walker as track

FRAMES = 450
A_LINE_UP = ((97.0, 42.5), (97, 25), (97, 60), (81, 34), (81, 51))
B_LINE_UP = tuple((200.0 - x, y) for x, y in A_LINE_UP)


def skater(key, path_ft, team, role="player"):
    """Someone who skates along ``path_ft`` (F, 2), and the speed of it."""
    path = np.asarray(path_ft, float)
    speed = np.hypot(*np.gradient(path, axis=0).T) * FPS
    feet = np.column_stack([6.0 * path[:, 0], 200 + 5.0 * path[:, 1]])
    return track(key, feet, team=team, role=role), placed(key, path, speed)


def keepers():
    spots = ((12.0, 42.5), "A"), ((188.0, 42.5), "B")
    return [
        skater(91 + i, np.tile(spot, (FRAMES, 1)), team, "goalkeeper")
        for i, (spot, team) in enumerate(spots)
    ]


def ledger(people):
    tracks, places = joined(*[p[0] for p in people]), joined(*[p[1] for p in people])
    scan = scanned(FRAMES)
    info = video(Path("game.mp4"), FRAMES / FPS)
    events = build_ledger(tracks, places, scan, info, PROVENANCE)
    record = recorded(scan, tracks=tracks, positions=places, events=events)
    assert broken(record, "events") == broken(record, "positions") == {}
    return events


def measures(row):
    return json.loads(row["evidence"])["measures"]


def of(events, kind):
    return events[events["type"] == kind].reset_index(drop=True)


def lining_up(spot, way, arrives=200, drop=300):
    """From 40 ft away to the spot, a wait, then away at 20 ft/s."""
    spot = np.asarray(spot, float)
    away = np.array([-40.0, 8.0]) * way
    comes = spot + away * np.linspace(1, 0, arrives)[:, None]
    waits = np.tile(spot, (drop - arrives, 1))
    t = np.arange(FRAMES - drop)[:, None] / FPS
    goes = spot + np.array([20.0 * way, 0.0]) * t
    return np.vstack([comes, waits, goes])


def face_off_people(sides=(A_LINE_UP, B_LINE_UP)):
    return [
        skater(10 * s + i + 1, lining_up(spot, 1 if s == 0 else -1), "AB"[s])
        for s, spots in enumerate(sides)
        for i, spot in enumerate(spots)
    ]


def test_two_who_wait_at_a_dot_while_all_stand_take_a_face_off():
    events = ledger([*face_off_people(), *keepers()])
    (_, row), *more = of(events, "face_off").iterrows()
    assert not more
    assert row["end_s"] == pytest.approx(10.0, abs=0.7)
    assert measures(row)["dot"] == "centre"
    assert json.loads(row["track_ids"]) == [1, 11]
    (_, stop), *more = of(events, "stoppage").iterrows()
    assert not more
    assert measures(stop)["found_from"] == "face-off"
    # They come nearer from the first frame on.
    assert stop["start_s"] < 2.0
    assert stop["end_s"] == row["end_s"]
    resumes = of(events, "play_resumes")
    assert resumes["start_s"].tolist() == [stop["end_s"]]


def test_an_official_at_the_dot_who_is_taken_for_a_player_changes_nothing():
    official = skater(50, lining_up((100.0, 46.0), 1), "B")
    assert len(of(ledger([*face_off_people(), official, *keepers()]), "face_off")) == 1


def test_teams_that_stand_among_each_other_take_no_face_off():
    mixed = (A_LINE_UP[:1] + B_LINE_UP[1:3] + A_LINE_UP[3:], B_LINE_UP[:1] + A_LINE_UP[1:3])
    assert len(of(ledger([*face_off_people(mixed), *keepers()]), "face_off")) == 0


def group(x_of_time, people=8):
    """People side by side across the rink, who sway, so that play is on."""
    x = np.asarray(x_of_time, float)
    sway = 4 * np.sin(2.5 * np.arange(len(x)) / FPS)
    return [
        skater(i + 1, np.column_stack([x + (i % 4), 12 + 8.0 * i + sway]), "AB"[i % 2])
        for i in range(people)
    ]


def test_time_in_a_zone_is_between_entry_and_exit():
    # 20 ft/s over the right blue line (125 ft), back over it, and out.
    there = np.linspace(95, 155, 90)
    x = np.concatenate([np.full(60, 95.0), there, np.full(120, 155.0), there[::-1]])
    events = ledger([*group(np.concatenate([x, np.full(FRAMES - len(x), 95.0)])), *keepers()])
    (_, entry), (_, out) = (next(of(events, k).iterrows()) for k in ("zone_entry", "zone_exit"))
    zones = {measures(row)["zone"]: row for _, row in of(events, "zone_time").iterrows()}
    assert set(zones) == {"neutral", "right"}
    inside = zones["right"]
    assert (inside["start_s"], inside["end_s"]) == (entry["start_s"], out["start_s"])
    # B's goalkeeper is on the right: A attacks there, B brings it out.
    assert (inside["team"], entry["team"], out["team"]) == ("A", "A", "B")


def test_three_before_the_goal_are_a_crowd_there_and_two_are_not():
    def at_goal(number):
        near = [
            skater(i + 1, np.tile([180.0, 38.0 + 3 * i], (FRAMES, 1)), "AB"[i % 2])
            for i in range(number)
        ]
        return ledger([*near, *group(np.full(FRAMES, 120.0))[number:], *keepers()])

    (_, row), *more = of(at_goal(3), "net_front").iterrows()
    assert not more
    assert row["team"] == "A"
    assert measures(row)["end"] == "right"
    assert len(of(at_goal(2), "net_front")) == 0


def test_a_team_has_the_puck_over_its_passes_until_an_opponent_takes_it():
    people = group(np.full(FRAMES, 100.0))
    first, third, second = (people[i][1][["x_ft", "y_ft"]].to_numpy() for i in (0, 2, 1))
    path = np.where(np.arange(FRAMES)[:, None] < 140, first, third)
    path[120:140] = np.linspace(first[120], third[140], 20)
    path[240:260] = np.linspace(third[240], second[260], 20)
    path[260:] = second[260:]
    path[:, 0] += 1.5
    puck = track(99, 6.0 * path, role="unknown", team="", said="puck"), placed(99, path, 30.0)
    rows = of(ledger([*people, puck, *keepers()]), "possession")
    assert rows["team"].tolist() == ["A", "B"]
    assert json.loads(rows["track_ids"][0]) == [1, 3]
    assert rows["end_s"][0] <= rows["start_s"][1]
    assert rows["start_s"][1] == pytest.approx(260 / FPS, abs=0.5)


def entry(kind, start, stop, sure=0.8, team="", ids=(), **said):
    return Entry(kind, start, stop, ids, sure, said, team)


def test_play_amid_a_stoppage_is_taken_back_and_states_are_cut():
    clock = entry("stoppage", 100, 400, found_from="clock")
    rush, later = entry("rush", 200, 260, 0.95), entry("rush", 390, 460)
    zone = entry("zone_time", 50, 500, zone="left", seconds=15.0)
    kept, taken = settle([clock, rush, later, zone], FPS, 600)
    assert {(e.type, e.start, e.stop) for e in kept} == {
        ("stoppage", 100, 400),
        ("rush", 390, 460),
        ("zone_time", 50, 100),
        ("zone_time", 400, 500),
    }
    assert taken == {"play_in_a_stoppage": 1}


def test_of_stoppages_the_surest_source_stays_and_stillness_yields_to_play():
    still = entry("stoppage", 90, 300, 0.95, found_from="stillness")
    clock = entry("stoppage", 120, 320, 0.7, found_from="clock")
    kept, _ = settle([still, clock], FPS, 600)
    assert kept == [clock]
    rush = entry("rush", 180, 220, 0.97)
    assert settle([still, rush], FPS, 600)[0] == [rush]


def test_a_seventh_of_a_side_and_a_second_goalkeeper_are_only_in_view():
    shifts = [entry("shift", 0, 600, 0.9 - 0.01 * i, "A", (i,), role="player") for i in range(7)]
    keeper = entry("shift", 0, 600, 0.9, "B", (20,), role="goalkeeper", end="right")
    second = entry("shift", 0, 600, 0.5, "B", (21,), role="goalkeeper", end="right")
    kept, taken = settle([*shifts, keeper, second], FPS, 600)
    down = [e.tracks for e in kept if e.type == "in_view"]
    assert sorted(down) == [(6,), (21,)]
    assert taken == {"seventh_of_a_side": 1, "second_goalkeeper": 1}


def test_seven_during_a_change_are_no_seventh():
    on = [entry("shift", 0, 330, 0.9, "A", (i,), role="player") for i in range(6)]
    change = entry("shift", 240, 600, 0.8, "A", (9,), role="player")
    kept, taken = settle([*on, change], FPS, 600)
    assert taken == {}
    assert all(e.type == "shift" for e in kept)


def test_confidence_grows_with_the_margin_and_stays_a_share():
    from jarvis_dagster.hockey.events.confidence import CALIBRATED, calibrated, raw

    for kind in CALIBRATED:
        sure = [calibrated(entry(kind, 0, 9, m)).confidence for m in np.linspace(0, 1, 11)]
        assert all(0 <= s <= 1 for s in sure)
        assert sure == sorted(sure)
    with raw():
        assert calibrated(entry("rush", 0, 9, 0.61)).confidence == 0.61
    assert calibrated(entry("goal", 0, 9, 0.61)).confidence == 0.61
    assert pd.Series(CALIBRATED).is_unique
