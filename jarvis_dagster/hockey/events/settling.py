"""Entries that cannot all be true, brought into agreement.

Belongs here: which of two claims that contradict each other stays, and how many were
taken back. Does not belong here: finding events, the rules as such (:mod:`.integrity`).
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jarvis_dagster.hockey.events.entry import Entry

__all__ = [
    "CHANGE_S",
    "MOST_A_SIDE",
    "PLAY_TYPES",
    "WHISTLE_S",
    "most_at_once",
    "overlapping",
    "settle",
]

PLAY_TYPES = ("rush", "zone_entry", "zone_exit", "zone_time", "possession", "shot")
"""What happens only while play is on."""
WHISTLE_S = 1.0
"""How far into a stoppage play may reach: skaters coast, and the edges are this unsure."""
CHANGE_S = 4.0
"""How long at either end of a shift someone may be one too many: the time of a change."""
MOST_A_SIDE = 6
_CUT_OUT = ("zone_time", "possession")
_SHORTEST_S = 1.0
_NEAR_END_S = 3.0
_SURE_SOURCES = ("clock", "face-off")

Span = tuple[int, int]


def settle(
    entries: list[Entry], fps: float, frame_count: int
) -> tuple[list[Entry], dict[str, int]]:
    """The entries that can all be true, and how many were taken back, by reason.

    In turn: what lies outside the video goes; of stoppages that overlap the surest source
    stays (the clock, then a face-off, then stillness); play in the middle of a stoppage
    goes, or the stoppage where only stillness speaks for it and the play is surer; of the
    shifts of a team that are more than six at once, or two goalkeepers, the weakest
    become presences ``in_view``, which claim less.
    """
    taken: collections.Counter[str] = collections.Counter()
    entries = list(_inside(entries, frame_count, taken))
    stoppages = _stoppages(entries, taken)
    others = [e for e in entries if e.type != "stoppage"]
    stoppages, others = _no_play_in_stoppages(stoppages, others, fps, taken)
    kept = [e for e in others if e.type != "play_resumes"]
    restarts = [e for e in others if e.type == "play_resumes"]
    kept += _restarts(restarts, stoppages, fps, frame_count, taken)
    return stoppages + _shifts(kept, fps, taken), dict(taken)


def _inside(
    entries: list[Entry], frame_count: int, taken: collections.Counter[str]
) -> Iterable[Entry]:
    for entry in entries:
        start, stop = max(0, entry.start), min(frame_count, entry.stop)
        if stop <= start:
            taken["outside_the_video"] += 1
        elif (start, stop) != (entry.start, entry.stop):
            yield dataclasses.replace(entry, start=start, stop=stop)
        else:
            yield entry


def _stoppages(entries: list[Entry], taken: collections.Counter[str]) -> list[Entry]:
    """Stoppages that do not overlap, in the order of time."""
    kept: list[Entry] = []
    found = [e for e in entries if e.type == "stoppage"]
    for entry in sorted(found, key=lambda e: (_source(e), -e.confidence, e.start, e.stop)):
        if any(overlapping(_span(entry), _span(other)) for other in kept):
            taken["stoppage_twice"] += 1
        else:
            kept.append(entry)
    return sorted(kept, key=lambda e: e.start)


def _restarts(
    restarts: list[Entry],
    stoppages: list[Entry],
    fps: float,
    frame_count: int,
    taken: collections.Counter[str],
) -> list[Entry]:
    """One restart at the end of a stoppage, the surest of those found near it."""
    best: dict[int, Entry] = {}
    for entry in restarts:
        near = [s.stop for s in stoppages if abs(s.stop - entry.start) <= _NEAR_END_S * fps]
        if not near:
            taken["restart_without_stoppage"] += 1
            continue
        end = min(near, key=lambda stop: (abs(stop - entry.start), stop))
        stop = min(frame_count, end + entry.stop - entry.start)
        if stop > end and (end not in best or best[end].confidence < entry.confidence):
            best[end] = dataclasses.replace(entry, start=end, stop=stop)
    return [best[end] for end in sorted(best)]


def _source(entry: Entry) -> int:
    source = entry.measures.get("found_from")
    return _SURE_SOURCES.index(source) if source in _SURE_SOURCES else len(_SURE_SOURCES)


def _no_play_in_stoppages(
    stoppages: list[Entry], others: list[Entry], fps: float, taken: collections.Counter[str]
) -> tuple[list[Entry], list[Entry]]:
    play = [e for e in others if e.type in PLAY_TYPES and e.type not in _CUT_OUT]
    for entry in play:
        for stoppage in [s for s in stoppages if _source(s) == len(_SURE_SOURCES)]:
            if _amid(entry, stoppage, fps) and entry.confidence > stoppage.confidence:
                stoppages = [s for s in stoppages if s is not stoppage]
                taken["stoppage_with_play_in_it"] += 1
    kept = []
    for entry in others:
        if entry.type in _CUT_OUT:
            parts = _without(entry, stoppages, fps)
            kept += parts
            taken["play_in_a_stoppage"] += not parts
        elif entry.type in PLAY_TYPES and any(_amid(entry, s, fps) for s in stoppages):
            taken["play_in_a_stoppage"] += 1
        else:
            kept.append(entry)
    taken += collections.Counter()  # without zeros
    return stoppages, kept


def _amid(entry: Entry, stoppage: Entry, fps: float) -> bool:
    """Whether the middle of ``entry`` is well inside the stoppage."""
    middle = (entry.start + entry.stop) / 2
    edge = WHISTLE_S * fps
    return stoppage.start + edge < middle < stoppage.stop - edge


def _without(entry: Entry, stoppages: list[Entry], fps: float) -> list[Entry]:
    """The parts of ``entry`` outside the stoppages, that are long enough."""
    parts = [_span(entry)]
    for stoppage in stoppages:
        parts = [
            part
            for a, b in parts
            for part in ((a, min(b, stoppage.start)), (max(a, stoppage.stop), b))
            if part[1] > part[0]
        ]
        parts = sorted(set(parts))
    if parts == [_span(entry)]:
        return [entry]
    return [
        dataclasses.replace(
            entry, start=a, stop=b, measures={**entry.measures, "seconds": (b - a) / fps}
        )
        for a, b in parts
        if b - a >= _SHORTEST_S * fps
    ]


def _shifts(entries: list[Entry], fps: float, taken: collections.Counter[str]) -> list[Entry]:
    """At most six shifts a side at once, one of a goalkeeper, one goalkeeper at each end."""
    shifts = [e for e in entries if e.type == "shift"]
    kept: list[Entry] = []
    for entry in sorted(shifts, key=lambda e: (-e.confidence * (e.stop - e.start), e.start)):
        core = _core(entry, fps)
        rivals = [other for other in kept if overlapping(core, _core(other, fps))]
        side = [_core(other, fps) for other in rivals if entry.team and other.team == entry.team]
        if most_at_once(side, core) >= MOST_A_SIDE:
            taken["seventh_of_a_side"] += 1
            entries[_index(entries, entry)] = dataclasses.replace(entry, type="in_view")
        elif any(_two_keepers(entry, other) for other in rivals):
            taken["second_goalkeeper"] += 1
            entries[_index(entries, entry)] = dataclasses.replace(entry, type="in_view")
        else:
            kept.append(entry)
    return entries


def _index(entries: list[Entry], entry: Entry) -> int:
    return next(i for i, other in enumerate(entries) if other is entry)


def _two_keepers(one: Entry, other: Entry) -> bool:
    if one.measures.get("role") != "goalkeeper" or other.measures.get("role") != "goalkeeper":
        return False
    same_end = one.measures.get("end") and one.measures["end"] == other.measures.get("end")
    return bool(same_end) or bool(one.team and one.team == other.team)


def _core(entry: Entry, fps: float) -> Span:
    """The shift without the time that a change may take at either end."""
    edge = round(CHANGE_S * fps)
    return entry.start + edge, entry.stop - edge


def most_at_once(spans: list[Span], within: Span) -> int:
    """How many of ``spans`` hold at once, at most, within ``within``."""
    clipped = [(max(a, within[0]), min(b, within[1])) for a, b in spans]
    edges = [(a, 1) for a, b in clipped if b > a] + [(b, -1) for a, b in clipped if b > a]
    if not edges:
        return 0
    steps = np.cumsum([step for _, step in sorted(edges)])
    return int(steps.max())


def overlapping(one: Span, other: Span) -> bool:
    """Whether two half-open spans, neither empty, share a frame."""
    return max(one[0], other[0]) < min(one[1], other[1])


def _span(entry: Entry) -> Span:
    return entry.start, entry.stop
