"""Each rule holds for a sound game, and notices what contradicts it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from jarvis_dagster.hockey.events import build_ledger
from jarvis_dagster.hockey.events.integrity import RULES, broken, rules_about
from jarvis_dagster.hockey.highlights import Highlight
from jarvis_dagster.hockey.tables import EVENTS
from tests.events.tables import FPS, PROVENANCE, joined, line, placed, recorded, scanned, video
from tests.events.tables import walker as track

FRAMES = 600


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """Six a side on the whole ice, for 20 s, with a puck and an official."""
    tracks, places = [], []
    for i in range(10):
        x = np.linspace(90.0, 188.0, FRAMES)
        tracks.append(track(i + 1, line(FRAMES, 100 + 100 * i, 300), team="AB"[i % 2]))
        places.append(placed(i + 1, np.column_stack([x, np.full(FRAMES, 20 + 5.0 * i)]), 5.0))
    for key, x, team in ((11, 12.0, "A"), (12, 188.0, "B")):
        spot = line(FRAMES, 5.0 * x, 300)
        tracks.append(track(key, spot, role="goalkeeper", team=team))
        places.append(placed(key, np.tile([x, 42.5], (FRAMES, 1)), 1.0))
    tracks.append(track(20, line(FRAMES, 600, 500), role="referee", team=""))
    puck = track(30, line(FRAMES, 500, 400), role="unknown", team="", said="puck")
    tracks.append(puck)
    scan = scanned(FRAMES)
    info = video(tmp_path_factory.mktemp("video") / "game.mp4", FRAMES / FPS)
    everyone, where = joined(*tracks), joined(*places)
    ledger = build_ledger(everyone, where, scan, info, PROVENANCE)
    assert {"shift", "zone_time", "zone_entry", "top_speed", "in_view"} <= set(ledger["type"])
    first = ledger[ledger["type"] == "zone_entry"].iloc[0]
    clip = Highlight(first["event_id"], "Entry", first["start_s"], first["end_s"] + 1, "why")
    return recorded(scan, tracks=everyone, positions=where, events=ledger, highlights=[clip])


def entry(kind, start, stop, *, team="", ids=(), game=None, source="", **measures):
    evidence = {"frames": [start, stop], "measures": measures, "game": game or {}}
    return {
        "event_id": f"{kind}-{start}-{stop}-{team}-{ids}",
        "type": kind,
        "start_s": start / FPS,
        "end_s": stop / FPS,
        "team": team,
        "track_ids": str(list(ids)),
        "confidence": 0.9,
        "evidence": json.dumps(evidence | ({"source": source} if source else {})),
    }


def added(*rows):
    def spoil(record):
        events = pd.concat([record.events, pd.DataFrame(rows).astype(EVENTS)], ignore_index=True)
        return {"events": events}

    return spoil


def first_event(**values):
    def spoil(record):
        events = record.events.copy()
        for name, value in values.items():
            events.loc[0, name] = value
        return {"events": events}

    return spoil


def where_track(track_id, table="tracks", **values):
    def spoil(record):
        rows = getattr(record, table).copy()
        for name, value in values.items():
            rows.loc[rows["track_id"] == track_id, name] = value
        return {table: rows}

    return spoil


def at_row(table, row, **values):
    def spoil(record):
        rows = getattr(record, table).copy()
        for name, value in values.items():
            rows.loc[row, name] = value
        return {table: rows}

    return spoil


def twice(table, row):
    def spoil(record):
        rows = getattr(record, table)
        return {table: pd.concat([rows, rows.iloc[[row]]], ignore_index=True)}

    return spoil


def cut(record):
    return {"scan": record.scan.assign(is_cut=record.scan["frame"] == 300)}


def second_puck(record):
    more = track(31, line(5, 900, 400), role="unknown", team="", said="puck")
    return {"tracks": joined(record.tracks, more)}


def bouncing(record):
    rows = record.positions.copy()
    mine = rows["track_id"] == 1
    # 15 ft to and fro every half second: 30 ft/s, and at once the other way.
    side = np.abs((rows.loc[mine, "frame"] + 15) % 30 - 15)
    rows.loc[mine, "x_ft"] = 100.0 + side.to_numpy()
    rows.loc[mine & (rows["frame"] % 30 < 15), "y_ft"] = 60.0
    rows.loc[mine & (rows["frame"] % 30 >= 15), "y_ft"] = 40.0
    return {"positions": rows}


def clip(**values):
    def spoil(record):
        return {"highlights": [dataclasses.replace(record.highlights[0], **values)]}

    return spoil


goal = {"side": "left", "goals": 1, "shown_s": 5.0}
FAULTS = {
    "ids_are_unique_per_frame": twice("tracks", 3),
    "no_track_crosses_a_cut": cut,
    "referees_have_no_team": where_track(20, team="A"),
    "there_is_one_puck": second_puck,
    "roles_and_teams_are_known": where_track(3, role="mascot"),
    "nobody_changes_role_or_team": at_row("tracks", 5, team="B"),
    "tracks_are_in_the_video": at_row("tracks", 5, frame=9000),
    "at_most_six_a_side_are_followed": where_track(2, team="A"),
    "one_goalkeeper_a_side_is_followed": where_track(1, role="goalkeeper"),
    "positions_are_on_the_rink": at_row("positions", 7, x_ft=260.0),
    "nobody_is_in_two_places": twice("positions", 3),
    "nobody_is_faster_than_possible": at_row("positions", 7, speed_ftps=90.0),
    "nobody_turns_faster_than_possible": bouncing,
    "goalkeepers_are_near_their_goals": where_track(11, table="positions", x_ft=100.0),
    "event_ids_are_unique": twice("events", 0),
    "event_types_are_documented": first_event(type="magic"),
    "events_are_half_open": first_event(end_s=-1.0),
    "confidences_are_shares": first_event(confidence=1.5),
    "events_have_evidence": first_event(evidence='{"frames": []}'),
    "events_are_in_the_video": added(entry("rush", 590, 700)),
    "times_agree_with_frames": first_event(end_s=3.33),
    "events_name_people_who_are_there": added(entry("rush", 10, 20, ids=(77,))),
    "events_have_the_team_of_their_person": added(entry("in_view", 10, 20, team="B", ids=(20,))),
    "top_speeds_are_possible": added(
        entry("top_speed", 10, 20, team="A", ids=(1,), speed_ftps=80.0)
    ),
    "shifts_do_not_overlap": added(entry("shift", 100, 500, team="A", ids=(1,), role="player")),
    "at_most_six_a_side_are_on_the_ice": added(
        entry("shift", 0, 599, team="A", ids=(2,), role="player")
    ),
    "one_goalkeeper_is_near_each_goal": added(
        entry("shift", 0, 599, team="A", ids=(13,), role="goalkeeper", end="right")
    ),
    "no_play_in_a_stoppage": added(entry("stoppage", 100, 300), entry("rush", 190, 210)),
    "stoppages_do_not_overlap": added(entry("stoppage", 9, 100), entry("stoppage", 50, 150)),
    "zone_time_is_play_time": added(entry("zone_time", 0, 400, zone="neutral")),
    "one_team_has_the_puck": added(
        entry("possession", 0, 90, team="A"), entry("possession", 60, 150, team="B")
    ),
    "the_clock_never_runs_backwards": added(
        *(
            entry("rush", at, at + 9, game={"period": 1, "clock_s": clock})
            for at, clock in ((10, 600.0), (40, 599.0), (70, 601.0))
        )
    ),
    "scores_only_rise": added(
        entry("goal", 100, 110, score="2:0", **goal),
        entry("goal", 400, 410, score="2:0", **{**goal, "shown_s": 15.0}),
    ),
    "stoppages_leave_time_for_play": added(entry("stoppage", 0, 599)),
    "highlights_show_events_of_the_ledger": clip(event_id="gone"),
    "highlights_are_in_the_video": clip(end_s=90.0),
}


def test_a_sound_game_breaks_no_rule(record):
    assert broken(record) == {}


def test_every_rule_has_a_fault_that_it_notices():
    assert set(FAULTS) == {rule.name for rule in RULES}


@pytest.mark.parametrize("name", FAULTS)
def test_a_rule_notices_what_contradicts_it(record, name):
    spoilt = dataclasses.replace(record, **FAULTS[name](record))
    if name == "stoppages_leave_time_for_play":
        spoilt = dataclasses.replace(spoilt, duration_s=60.0, fps=10.0)
        spoilt = dataclasses.replace(spoilt, events=spoilt.events.assign(end_s=57.0))
    (rule,) = [rule for rule in RULES if rule.name == name]
    said = rule.against(spoilt)
    assert said
    assert all(sentence.endswith(".") for sentence in said)


def test_what_a_person_noted_need_not_agree_with_what_was_found(record):
    noted = added(
        entry("stoppage", 9, 100), entry("stoppage", 50, 150, source="person"), entry("goal", 1, 9)
    )(record)
    noted["events"] = noted["events"].iloc[:-1]
    assert "stoppages_do_not_overlap" not in broken(dataclasses.replace(record, **noted), "events")


def test_a_rule_is_not_asked_of_tables_that_are_not_there(record):
    alone = dataclasses.replace(record, scan=None, tracks=None, positions=None, highlights=None)
    assert broken(alone) == {}
    assert {rule.about for rule in rules_about("events")} == {"events"}
