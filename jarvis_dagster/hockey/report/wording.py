"""How numbers and findings are put into words.

Belongs here: formats and sentences of the report. Does not belong here: any
number of its own.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "amount",
    "clock",
    "counts",
    "figure",
    "findings",
    "followed",
    "grades",
    "listed",
    "measured",
    "share",
    "size",
    "summary",
    "unsupported",
    "words",
]

DASH = "\N{EN DASH}"

_NAMES = {
    "in_view": "In view",
    "shift": "Shift",
    "camera_cut": "Camera cut",
    "period": "Period",
    "face_off": "Face-off",
    "stoppage": "Stoppage",
    "play_resumes": "Play resumes",
    "rush": "Rush",
    "crowding": "Crowding",
    "net_front": "Crowd before the goal",
    "action_peak": "Peak of action",
    "zone_entry": "Zone entry",
    "zone_exit": "Zone exit",
    "zone_time": "Zone time",
    "line_change": "Line change",
    "top_speed": "Top speed",
    "possession": "Possession",
    "shot": "Shot",
    "goal": "Goal",
}
_MEASURED = {
    "rush": "{people:.0f} players to the {direction} for {seconds:.1f} s, half of them faster than"
    " {median_speed_heights_per_s:.1f} body heights/s",
    "crowding": "{people:.0f} people for {seconds:.1f} s",
    "stoppage": "{people:.0f} people, half of them slower than"
    " {median_speed_heights_per_s:.1f} body heights/s",
    "stoppage clock": "the game clock stands for {seconds:.0f} s",
    "stoppage face-off": "{seconds:.0f} s or more until the face-off ({dot})",
    "face_off": "{dot}; {standing:.0f} players stand",
    "period": "period {period}, as the scoreboard shows",
    "play_resumes clock": "the game clock runs again",
    "play_resumes face-off": "up to {speed_after_ftps:.0f} ft/s after the face-off",
    "play_resumes": "from {speed_before:.1f} to {speed_after:.1f} body heights/s",
    "zone_entry": "{end} end, the middle of the skaters {middle_beyond_line_ft:.0f} ft beyond"
    " the blue line",
    "zone_exit": "{end} end, the middle of the skaters {middle_beyond_line_ft:.0f} ft out of it",
    "net_front": "{people:.0f} skaters for {seconds:.1f} s at the {end} goal",
    "goal": "{score} on the scoreboard; when is known to {uncertain_s:.0f} s",
    "line_change": "{on} on, {off} off",
    "shot": "{puck_speed_ftps:.0f} ft/s from {from_ft:.0f} ft at the {end} goal",
    "top_speed": "{speed_ftps:.1f} ft/s",
}
_NOTED = (
    ("goal", "goal", "goals"),
    ("shot", "shot", "shots"),
    ("rush", "rush", "rushes"),
    ("zone_entry", "zone entry", "zone entries"),
    ("face_off", "face-off", "face-offs"),
    ("crowding", "battle in one place", "battles in one place"),
    ("line_change", "line change", "line changes"),
    ("stoppage", "stoppage", "stoppages"),
)
_LETTERS = ("A", "B", "C", "D")
_LIVELY = 1.1
"""Times the usual movement from which on the number says something."""


def clock(seconds: float | None) -> str:
    """``75.5`` as ``1:15.5``; hours only where there are some."""
    if seconds is None:
        return DASH
    tenths = round(float(seconds) * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    whole, tenth = divmod(tenths, 10)
    head = f"{hours}:{minutes:02d}" if hours else str(minutes)
    return f"{head}:{whole:02d}" + (f".{tenth}" if tenth else "")


def amount(value: float | None, unit: str = "", digits: int = 1) -> str:
    """A number with its unit, or a dash where there is none."""
    if value is None:
        return DASH
    return f"{value:.{digits}f}" + (f" {unit}" if unit else "")


def figure(value: Any, unit: str = "") -> str:
    """A figure as it is, or a dash where there is none."""
    if value is None or value == "":
        return DASH
    text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f"{text} {unit}" if unit else text


def share(value: float | None) -> str:
    """``0.934`` as ``93%``."""
    return DASH if value is None else f"{value:.0%}"


def size(seconds: float) -> str:
    """A length of time in words: ``1 min 5 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 20 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def words(name: str) -> str:
    """A type or key in plain words."""
    return _NAMES.get(name, name.replace("_", " ").strip().capitalize())


def measured(event: dict[str, Any]) -> str:
    """What was measured about an event, in one line."""
    kind, values = event["type"], event["measures"]
    if not values:
        return "added by a person"
    if kind == "action_peak":
        more = values["activity_heights_per_s"] / max(values["usual_activity_heights_per_s"], 1e-6)
        lively = f"{more:.1f} times the usual movement"
        return lively if more >= _LIVELY else "no livelier than usual"
    source = f"{kind} {values.get('found_from')}"
    said = _MEASURED.get(source, _MEASURED.get(kind, "")).format_map(values)
    return said + (", a goalkeeper among them" if values.get("goalkeeper_inside") else "")


def grades(preflight: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of grade (A to D), reason and the statistics that have both, the best first."""
    named: dict[tuple[str, str], list[str]] = {}
    for name, given in (preflight.get("grades") or {}).items():
        if given.get("grade") in _LETTERS:
            key = given["grade"], " ".join(given.get("reasons", ()))
            named.setdefault(key, []).append(words(name))
    return [
        {"letter": letter, "reason": reason, "statistics": listed(names)}
        for (letter, reason), names in sorted(named.items())
    ]


def unsupported(not_supported: dict[str, str], preflight: dict[str, Any]) -> list[dict[str, str]]:
    """Rows of reason and what it rules out, each said once.

    A reason of the pre-flight that begins one of the ledger's is the same reason.
    """
    ruled_out: dict[str, list[str]] = {}
    for name, reason in not_supported.items():
        ruled_out.setdefault(reason, []).append(words(name))
    for name, given in (preflight.get("grades") or {}).items():
        if given.get("grade") in _LETTERS:
            continue
        said = " ".join(given.get("reasons", ()))
        same = next((r for r in ruled_out if r.startswith(said.rstrip("."))), said)
        ruled_out.setdefault(same, []).append(words(name))
    return [{"reason": reason, "statistics": listed(names)} for reason, names in ruled_out.items()]


def listed(names: list[str]) -> str:
    """``A, b and c``: the first as it is, the others in small letters."""
    small = [names[0], *(name[0].lower() + name[1:] for name in names[1:])]
    return small[0] if len(small) == 1 else ", ".join(small[:-1]) + " and " + small[-1]


def findings(preflight: dict[str, Any]) -> list[dict[str, str]]:
    """What the pre-flight noticed, the most serious first, as it gave them."""
    return [
        {
            "title": str(found.get("title", "")),
            "text": str(found.get("text", "")),
            "severity": str(found.get("severity", "info")),
        }
        for found in preflight.get("findings") or []
    ]


def counts(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """How often each type of event occurs, most frequent first."""
    number: dict[str, int] = {}
    for event in events:
        number[event["type"]] = number.get(event["type"], 0) + 1
    return sorted(number.items(), key=lambda pair: (-pair[1], pair[0]))


def followed(people: list[dict[str, Any]]) -> str:
    """How many of whom were followed: ``11 players, 1 goalkeeper and 1 referee``."""
    # Who is told over several tracks counts once.
    once = {p.get("person_id") or p["track_id"]: p["role"] for p in reversed(people)}
    number = {
        role: sum(one == role for one in once.values())
        for role in ("player", "goalkeeper", "referee")
    }
    return listed([f"{n} {role}{'' if n == 1 else 's'}" for role, n in number.items() if n])


def summary(numbers: dict[str, Any]) -> str:
    """One or two sentences that say what was found."""
    if not numbers["people"]:
        return "Nobody was found on the ice in this video, so there is little to report."
    usual = round(numbers["video"]["people_in_view"])
    text = f"Usually {usual} {'person is' if usual == 1 else 'people are'} in view."
    number = dict(counts(numbers["events"]))
    noted = [
        f"{number[kind]} {many if number[kind] > 1 else one}"
        for kind, one, many in _NOTED
        if kind in number
    ]
    return text + (f" Noted: {listed(noted)}." if noted else " No single event stands out.")
