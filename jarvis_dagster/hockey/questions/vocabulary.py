"""The words that questions are made of.

Belongs here: words and what they mean. Does not belong here: the grammar around them (``asked``).
"""

from __future__ import annotations

__all__ = ["HOW", "NUMBERS", "PLURALS", "ROLES", "SILENT", "SUBJECTS"]

SUBJECTS = {
    "shift": "shift",
    "goal": "goal",
    "scored": "goal",
    "shot": "shot",
    "attempt": "shot",
    "face off": "face_off",
    "faceoff": "face_off",
    "draw": "face_off",
    "zone entry": "zone_entry",
    "entry": "zone_entry",
    "zone exit": "zone_exit",
    "exit": "zone_exit",
    "breakout": "zone_exit",
    "zone time": "zone_time",
    "time in zone": "zone_time",
    "offensive zone": "zone_time",
    "line change": "line_change",
    "change": "line_change",
    "stoppage": "stoppage",
    "whistle": "stoppage",
    "restart": "play_resumes",
    "rush": "rush",
    "battle": "crowding",
    "scrum": "crowding",
    "crowding": "crowding",
    "net front": "net_front",
    "front of net": "net_front",
    "front of goal": "net_front",
    "peak": "action_peak",
    "camera cut": "camera_cut",
    "cut": "camera_cut",
    "period": "period",
    "possession": "possession",
    "puck": "possession",
    "time on ice": "time_on_ice_s",
    "ice time": "time_on_ice_s",
    "toi": "time_on_ice_s",
    "on ice": "time_on_ice_s",
    "time in view": "time_in_view_s",
    "in view": "time_in_view_s",
    "on screen": "time_in_view_s",
    "in picture": "time_in_view_s",
    "top speed": "top_speed_mph",
    "speed": "top_speed_mph",
    "fastest": "top_speed_mph",
    "quickest": "top_speed_mph",
    "distance": "distance_ft",
    "farthest": "distance_ft",
    "skated": "distance_ft",
    "score": "score",
    "result": "score",
    "clock": "score",
    "highlight": "highlights",
    "moment": "highlights",
    "trust": "trust",
    "trusted": "trust",
    "quality": "trust",
    "grade": "trust",
    "summary": "summary",
    "happened": "summary",
}
"""Phrases in the singular, and what they ask about; the longest that fits counts."""

PLURALS = {
    "action_peak": ("peak of action", "peaks of action"),
    "net_front": ("crowd before the goal", "crowds before the goal"),
    "crowding": ("battle in one place", "battles in one place"),
    "play_resumes": ("restart of play", "restarts of play"),
    "rush": ("rush", "rushes"),
    "zone_entry": ("zone entry", "zone entries"),
}
"""One and many of the types of events that do not just get an s."""

HOW = {
    "how many": "count",
    "number of": "count",
    "count": "count",
    "how long": "total",
    "how much": "total",
    "total": "total",
    "altogether": "total",
    "who": "who",
    "which player": "who",
    "whose": "who",
    "longest": "longest",
    "most": "who",
    "best": "longest",
    "fastest": "longest",
    "farthest": "longest",
    "shortest": "shortest",
    "least": "shortest",
    "slowest": "shortest",
    "first": "first",
    "earliest": "first",
    "last": "last",
    "latest": "last",
    "final": "last",
}

ROLES = {
    "goalkeeper": "goalkeeper",
    "goalie": "goalkeeper",
    "keeper": "goalkeeper",
    "referee": "referee",
    "official": "referee",
    "linesman": "referee",
    "skater": "player",
    "player": "",
}

NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10}

_SILENT = """
a about all an and any are at be by can did do does during each every find for from
game get give had has have he her him his i in is it its list many me minutes much
my of on one our out please see seen she show tell that the their them there they
this time to took top us video was we went were what when where which with you your
"""
SILENT = frozenset(_SILENT.split())
"""Words that may be anywhere and say nothing."""
