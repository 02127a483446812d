"""Rules on single entries of the ledger: form, time, evidence, and who is named.

Belongs here: what one entry must be. Does not belong here: entries against one another
(:mod:`.game`).
"""

from __future__ import annotations

import json

import numpy as np

from jarvis_dagster.hockey.events.integrity.rule import Record, listed, opened, rule
from jarvis_dagster.hockey.events.plausible import MAX_SPEED_FTPS, TEAMS
from jarvis_dagster.hockey.events.support import EVENT_TYPES

__all__ = ["RULES"]

_OF_ONE = ("in_view", "shift", "top_speed")


@rule("events")
def event_ids_are_unique(record: Record) -> list[str]:
    """An event is in the ledger once."""
    ids = record.events["event_id"]
    twice = ids[ids.duplicated()].unique()
    return [f"Event ids occur twice: {listed(twice)}."] if len(twice) else []


@rule("events")
def event_types_are_documented(record: Record) -> list[str]:
    """Every type and team of an event is one of those there are."""
    strange = sorted(set(record.events["type"]) - set(EVENT_TYPES))
    found = [f"Event types are not documented: {listed(strange)}."] if strange else []
    teams = sorted(set(record.events["team"]) - set(TEAMS))
    return found + ([f"There is no team {listed(teams)}."] if teams else [])


@rule("events")
def events_are_half_open(record: Record) -> list[str]:
    """Every event ends after it starts: from its start to before its end."""
    events = record.events
    good = np.isfinite(events["start_s"]) & np.isfinite(events["end_s"])
    wrong = events[~good | (events["end_s"] <= events["start_s"])]
    return [f"{len(wrong)} events end before they start."] if len(wrong) else []


@rule("events")
def confidences_are_shares(record: Record) -> list[str]:
    """How sure an event is lies between 0 and 1."""
    wrong = int((~record.events["confidence"].between(0, 1)).sum())
    return [f"{wrong} confidences lie outside 0 to 1."] if wrong else []


@rule("events")
def events_have_evidence(record: Record) -> list[str]:
    """Every event names the frames that show it, first and after the last."""
    wrong = []
    for text, event_id in zip(record.events["evidence"], record.events["event_id"], strict=True):
        try:
            start, stop = json.loads(text)["frames"]
            good = isinstance(start, int) and isinstance(stop, int) and start < stop
        except (KeyError, TypeError, ValueError):
            good = False
        if not good:
            wrong.append(event_id)
    return [f"Evidence names no frames: {listed(wrong)}."] if wrong else []


@rule("events")
def events_are_in_the_video(record: Record) -> list[str]:
    """Every event lies between the first frame and the end of the last."""
    wrong = [
        row["event_id"]
        for row in opened(record.events)
        if len(row["frames"]) == 2
        and not 0 <= row["frames"][0] < row["frames"][1] <= record.frame_count
    ]
    return [f"Events are outside the video: {listed(wrong)}."] if wrong else []


@rule("events", "scan")
def times_agree_with_frames(record: Record) -> list[str]:
    """The times of an event are those of the frames that its evidence names."""
    frames = record.scan["frame"].to_numpy(np.int64)
    times = record.scan["pts_s"].to_numpy(np.float64)
    if not len(frames):
        return []
    wrong = []
    for row in opened(record.events):
        for frame, said in zip(row["frames"], (row["start_s"], row["end_s"]), strict=False):
            at = min(int(np.searchsorted(frames, frame)), len(frames) - 1)
            expected = times[at] + (frame - frames[at]) / record.fps
            if abs(expected - said) > 0.5 / record.fps + 1e-3:
                wrong.append(row["event_id"])
                break
    return [f"Times are not those of the frames: {listed(wrong)}."] if wrong else []


@rule("events", "tracks")
def events_name_people_who_are_there(record: Record) -> list[str]:
    """Everyone whom an event names was followed, in the frames of its evidence."""
    tracks = record.tracks
    by_track = {
        int(str(track)): np.unique(frames.to_numpy(np.int64))
        for track, frames in tracks.groupby("track_id")["frame"]
    }
    strangers: set[int] = set()
    absent = []
    for row in opened(record.events):
        known = [by_track[i] for i in row["tracks"] if i in by_track]
        strangers |= {i for i in row["tracks"] if i not in by_track}
        if len(row["frames"]) != 2:
            continue
        start, stop = row["frames"]
        if any(np.searchsorted(f, start) == np.searchsorted(f, stop) for f in known):
            absent.append(row["event_id"])
    found = []
    if strangers:
        found.append(f"Events name tracks that do not exist: {listed(sorted(strangers))}.")
    if absent:
        found.append(f"Events name people who are not in their frames: {listed(absent)}.")
    return found


@rule("events", "tracks")
def events_have_the_team_of_their_person(record: Record) -> list[str]:
    """A presence, a shift or a top speed is of one person, and of that person's team."""
    teams = record.tracks.groupby("track_id")["team"].first()
    wrong = [
        row["event_id"]
        for row in opened(record.events)
        if row["type"] in _OF_ONE
        and (len(row["tracks"]) != 1 or row["team"] != teams.get(row["tracks"][0], row["team"]))
    ]
    return [f"Events have another team than their person: {listed(wrong)}."] if wrong else []


@rule("events")
def top_speeds_are_possible(record: Record) -> list[str]:
    """No top speed is above 42 ft/s."""
    wrong = [
        row["event_id"]
        for row in opened(record.events)
        if row["type"] == "top_speed"
        and not 0 <= row["measures"].get("speed_ftps", -1) <= MAX_SPEED_FTPS + 1e-3
    ]
    return [f"Top speeds are impossible: {listed(wrong)}."] if wrong else []


RULES = (
    event_ids_are_unique,
    event_types_are_documented,
    events_are_half_open,
    confidences_are_shares,
    events_have_evidence,
    events_are_in_the_video,
    times_agree_with_frames,
    events_name_people_who_are_there,
    events_have_the_team_of_their_person,
    top_speeds_are_possible,
)
