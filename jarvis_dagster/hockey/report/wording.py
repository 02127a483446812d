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
    "findings",
    "grades",
    "measures",
    "share",
    "size",
    "summary",
    "words",
]

DASH = "\N{EN DASH}"

_NAMES = {
    "in_view": "In view",
    "shift": "Shift",
    "camera_cut": "Camera cut",
    "stoppage": "Stoppage",
    "play_resumes": "Play resumes",
    "rush": "Rush",
    "crowding": "Crowding",
    "action_peak": "Peak of action",
    "zone_entry": "Zone entry",
    "line_change": "Line change",
    "top_speed": "Top speed",
    "shot": "Shot",
    "goal": "Goal",
}
_UNITS = (
    ("_heights_per_s", "body heights/s"),
    ("_ftps", "ft/s"),
    ("_ft", "ft"),
    ("seconds", "s"),
)
_NOTED = (
    ("goal", "goal", "goals"),
    ("shot", "shot", "shots"),
    ("rush", "rush", "rushes"),
    ("zone_entry", "zone entry", "zone entries"),
    ("crowding", "battle in one place", "battles in one place"),
    ("line_change", "line change", "line changes"),
    ("stoppage", "stoppage", "stoppages"),
)
_LETTERS = ("A", "B", "C", "D")
_HIDDEN = {"role", "observed_share"}


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


def measures(values: dict[str, Any]) -> str:
    """The measures of an event in one line."""
    parts = []
    for key, value in values.items():
        if key in _HIDDEN:
            continue
        label, unit = key, ""
        for ending, name in _UNITS:
            if key.endswith(ending):
                label, unit = key.removesuffix(ending), name
                break
        if isinstance(value, bool):
            said = "yes" if value else "no"
        else:
            said = f"{value:.1f}" if isinstance(value, float) else str(value)
        label = label.replace("_", " ").strip()
        parts.append(" ".join(part for part in (label, said, unit) if part))
    return ", ".join(parts)


def grades(preflight: dict[str, Any]) -> list[dict[str, Any]]:
    """Trust grades as rows of statistic, grade (A to D, or a dash) and reason."""
    rows = []
    for name, given in (preflight.get("grades") or {}).items():
        grade = str(given.get("grade", ""))
        letter = grade if grade in _LETTERS else ""
        reasons = " ".join(str(reason) for reason in given.get("reasons", ()))
        if not letter:
            reasons = f"{words(grade)}. {reasons}"
        rows.append({"statistic": words(name), "letter": letter, "reason": reasons})
    return rows


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


def summary(numbers: dict[str, Any]) -> str:
    """One or two sentences that say what was found."""
    people = numbers["people"]
    if not people:
        return "Nobody was found on the ice in this video, so there is little to report."
    by_role = {
        role: sum(p["role"] == role for p in people) for role in ("player", "goalkeeper", "referee")
    }
    parts = [f"{n} {role}{'' if n == 1 else 's'}" for role, n in by_role.items() if n]
    listed = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
    text = f"Followed {listed} (someone who leaves the picture and returns may count twice)."
    number = dict(counts(numbers["events"]))
    noted = [
        f"{number[kind]} {many if number[kind] > 1 else one}"
        for kind, one, many in _NOTED
        if kind in number
    ]
    if noted:
        text += f" Noted: {', '.join(noted)}."
    return text
