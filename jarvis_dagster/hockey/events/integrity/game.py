"""Rules on entries of the ledger against one another: what the game of hockey allows.

Belongs here: shifts, stoppages, clock, score, zones, highlights. Does not belong here:
the form of single entries (:mod:`.ledger`), bringing them into agreement
(:mod:`..settling`).
"""

from __future__ import annotations

import itertools
from typing import Any

from jarvis_dagster.hockey.events.integrity.rule import Record, listed, opened, rule
from jarvis_dagster.hockey.events.settling import (
    CHANGE_S,
    MOST_A_SIDE,
    PLAY_TYPES,
    WHISTLE_S,
    most_at_once,
    overlapping,
)

__all__ = ["RULES"]

_ROUNDING_S = 2.0
_OVERLAP_S = 1e-6

Row = dict[str, Any]


@rule("events")
def shifts_do_not_overlap(record: Record) -> list[str]:
    """Nobody is present twice at a time: one shift of a person ends before the next."""
    found = []
    by_person: dict[str, list[Row]] = {}
    for row in _of(record, "in_view", "shift"):
        by_person.setdefault(str(row["track_ids"]), []).append(row)
    for ids, rows in by_person.items():
        if _overlaps(rows):
            found.append(f"Track {ids} is present twice at a time.")
    return found


@rule("events")
def at_most_six_a_side_are_on_the_ice(record: Record) -> list[str]:
    """No team has more than six shifts at once, but for 4 s at either end: the change."""
    found = []
    for team in ("A", "B"):
        cores = [_core(row, record) for row in _of(record, "shift") if row["team"] == team]
        whole = (0, record.frame_count)
        most = most_at_once([core for core in cores if core[0] < core[1]], whole)
        if most > MOST_A_SIDE:
            found.append(f"Team {team} has {most} people on the ice at once.")
    return found


@rule("events")
def one_goalkeeper_is_near_each_goal(record: Record) -> list[str]:
    """No two goalkeepers have shifts at one end, or of one team, at once, but for changes."""
    keepers = [r for r in _of(record, "shift") if r["measures"].get("role") == "goalkeeper"]
    found = [
        f"Shift {row['event_id']} is of a goalkeeper near no goal."
        for row in keepers
        if row["measures"].get("end") not in ("left", "right")
    ]
    for one, other in itertools.combinations(keepers, 2):
        same = one["team"] == other["team"] != ""
        same |= one["measures"].get("end") == other["measures"].get("end")
        spans = _core(one, record), _core(other, record)
        if same and all(a < b for a, b in spans) and overlapping(*spans):
            found.append(f"Two goalkeepers at once: {one['event_id']}, {other['event_id']}.")
    return found[:3]


@rule("events")
def no_play_in_a_stoppage(record: Record) -> list[str]:
    """No play has its middle more than 1 s inside a stoppage."""
    edge = WHISTLE_S * record.fps
    stoppages = [r["frames"] for r in _of(record, "stoppage")]
    wrong = []
    for row in _of(record, *PLAY_TYPES):
        middle = sum(row["frames"]) / 2
        if any(a + edge < middle < b - edge for a, b in stoppages):
            wrong.append(row["event_id"])
    return [f"Play goes on in a stoppage: {listed(wrong)}."] if wrong else []


@rule("events")
def stoppages_do_not_overlap(record: Record) -> list[str]:
    """One stoppage ends before the next begins."""
    return ["Stoppages overlap."] if _overlaps(_of(record, "stoppage")) else []


@rule("events")
def zone_time_is_play_time(record: Record) -> list[str]:
    """The group is in one zone at a time, and in all together no longer than play lasts."""
    zones = _of(record, "zone_time")
    found = ["The group is in two zones at a time."] if _overlaps(zones) else []
    total = sum(row["end_s"] - row["start_s"] for row in zones)
    stopped = sum(row["end_s"] - row["start_s"] for row in _of(record, "stoppage"))
    play = record.duration_s + 1 / record.fps - stopped
    if total > play + 0.1:
        found.append(f"Zone time is {total:.1f} s, play time {play:.1f} s.")
    return found


@rule("events")
def one_team_has_the_puck(record: Record) -> list[str]:
    """Possession is of one team at a time, and of a team."""
    rows = _of(record, "possession")
    found = ["Both teams have the puck at a time."] if _overlaps(rows) else []
    nobody = [row["event_id"] for row in rows if not row["team"]]
    return found + ([f"Nobody has the puck: {listed(nobody)}."] if nobody else [])


@rule("events")
def the_clock_never_runs_backwards(record: Record) -> list[str]:
    """Within a period the game clock goes one way; periods only rise."""
    stamps = sorted(
        (row["frames"][0], row["game"].get("period", 0), row["game"]["clock_s"])
        for row in _of(record)
        if "clock_s" in row["game"]
    )
    found = []
    periods = [period for _, period, _ in stamps]
    if any(after < before for before, after in itertools.pairwise(periods)):
        found.append("Periods go backwards.")
    for period in sorted(set(periods) - {0}):
        clock = [seconds for _, at, seconds in stamps if at == period]
        steps = [after - before for before, after in itertools.pairwise(clock)]
        if any(step > 0 for step in steps) and any(step < 0 for step in steps):
            found.append(f"The clock runs both ways in period {period}.")
    return found


@rule("events")
def scores_only_rise(record: Record) -> list[str]:
    """Each goal leaves a score above that of the goal before, by as many goals as it counts."""
    found = []
    before = [0, 0]
    seen = [False, False]
    goals = sorted(_of(record, "goal"), key=lambda row: (row["measures"]["shown_s"],))
    for row in goals:
        side = ("left", "right").index(row["measures"]["side"])
        now = [int(part) for part in str(row["measures"]["score"]).split(":")]
        rise = int(row["measures"]["goals"])
        low = before[side] if seen[side] else 0
        if rise < 1 or now[side] < low + rise:
            found.append(f"Goal {row['event_id']} does not raise the score.")
        before[side], seen[side] = now[side], True
    return found


@rule("events", blocking=False)
def stoppages_leave_time_for_play(record: Record) -> list[str]:
    """Stoppages take less than nine tenths of a video of a minute or more."""
    stopped = sum(row["end_s"] - row["start_s"] for row in _of(record, "stoppage"))
    share = stopped / max(record.duration_s, 1e-6)
    if record.duration_s < 60 or share < 0.9:
        return []
    return [f"Play is stopped for {share:.0%} of the video."]


@rule("highlights", "events")
def highlights_show_events_of_the_ledger(record: Record) -> list[str]:
    """Every highlight is of an event of the ledger, and shows it."""
    spans = {
        row["event_id"]: (row["start_s"], row["end_s"]) for row in record.events.to_dict("records")
    }
    wrong = []
    for clip in record.highlights:
        span = spans.get(clip.event_id)
        if span is None or span[0] >= clip.end_s or span[1] <= clip.start_s:
            wrong.append(clip.title)
    return [f"Highlights show no event: {listed(wrong)}."] if wrong else []


@rule("highlights")
def highlights_are_in_the_video(record: Record) -> list[str]:
    """Every highlight lies in the video, and none overlaps another."""
    clips = sorted(record.highlights, key=lambda clip: clip.start_s)
    outside = [
        clip.title
        for clip in clips
        if not 0 <= clip.start_s < clip.end_s <= record.duration_s + 1 / record.fps
    ]
    found = [f"Highlights are outside the video: {listed(outside)}."] if outside else []
    pairs = itertools.pairwise(clips)
    if any(one.end_s > other.start_s + _OVERLAP_S for one, other in pairs):
        found.append("Highlights overlap.")
    return found


RULES = (
    shifts_do_not_overlap,
    at_most_six_a_side_are_on_the_ice,
    one_goalkeeper_is_near_each_goal,
    no_play_in_a_stoppage,
    stoppages_do_not_overlap,
    zone_time_is_play_time,
    one_team_has_the_puck,
    the_clock_never_runs_backwards,
    scores_only_rise,
    stoppages_leave_time_for_play,
    highlights_show_events_of_the_ledger,
    highlights_are_in_the_video,
)


def _of(record: Record, *types: str) -> list[Row]:
    """The entries of these types (of all: none named) whose evidence names frames.

    Without what a person noted, who need not agree with what was found.
    """
    events = record.events
    chosen = events[events["type"].isin(types)] if types else events
    return [
        row
        for row in opened(chosen)
        if len(row["frames"]) == 2 and row["evidence"].get("source") != "person"
    ]


def _core(row: Row, record: Record) -> tuple[int, int]:
    edge = round(CHANGE_S * record.fps)
    return row["frames"][0] + edge, row["frames"][1] - edge


def _overlaps(rows: list[Row]) -> bool:
    ordered = sorted(rows, key=lambda row: (row["start_s"], row["end_s"]))
    return any(
        other["start_s"] < one["end_s"] - _OVERLAP_S for one, other in itertools.pairwise(ordered)
    )
