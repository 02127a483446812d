"""From a question and a report to an answer.

Belongs here: what is looked up, counted and put in order, and the evidence. Does not belong here:
understanding words (``asked``), the figures themselves (``report/statistics``).
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import NotSupportedError
from jarvis_dagster.hockey.questions.vocabulary import PLURALS
from jarvis_dagster.hockey.report.wording import clock, measured, size, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jarvis_dagster.hockey.questions.asked import Asked

__all__ = ["Answer", "answer"]

_FEW, _MANY = 5, 50
_WITHOUT = "Ask for all of them: each names its time in the video."
_MEASURES: dict[str, tuple[str, str, Callable[[Iterable[float]], float], str]] = {
    "time_on_ice_s": ("time on ice", "s", sum, "shift"),
    "time_in_view_s": ("time in view", "s", sum, "in_view"),
    "top_speed_mph": ("top speed", "mph", max, "top_speed"),
    "distance_ft": ("distance", "ft", sum, "top_speed"),
}
"""Of people: name, unit, how the tracks of one person go together, which event tells why not."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a report says.

    Attributes:
        text: The answer in a sentence.
        rows: What it rests on, in the order that was asked for. Of an event: ``when``, ``who``,
            ``what``, ``confidence`` (0 to 1), ``event_id``, ``start_s``, ``end_s`` (of the video),
            ``frames`` (half-open).
        understood: The question as it was understood.
        unused: Words of it that were not.
        video: The name of the video.
    """

    text: str
    rows: list[dict[str, Any]]
    understood: str
    unused: tuple[str, ...]
    video: str


def answer(report: dict[str, Any], asked: Asked) -> Answer:
    """What ``report.json`` says of a question.

    Raises:
        NotSupportedError: the footage does not tell; with the reason.
    """
    text, rows = _looked_up(report, asked)
    return Answer(text, rows, _said(asked), asked.unused, str(report["video"]["name"]))


def _looked_up(report: dict[str, Any], asked: Asked) -> tuple[str, list[dict[str, Any]]]:
    if asked.subject == "summary":
        return report["summary"], []
    if asked.subject == "trust":
        return _trust(report)
    if asked.subject == "score":
        return _score(report)
    if asked.subject == "highlights":
        return _highlights(report, asked)
    if asked.subject in _MEASURES:
        return _people(report, asked)
    return _events(report, asked)


# -- events ------------------------------------------------------------------------------


def _events(report: dict[str, Any], asked: Asked) -> tuple[str, list[dict[str, Any]]]:
    _require(report, asked.subject)
    begin, end = _interval(report, asked)
    chosen = [
        event
        for event in report["events"]
        if event["type"] == asked.subject and begin <= event["start_s"] < end
    ]
    chosen = _of_whom(report, asked, chosen)
    if asked.how == "who":
        return _by_person(report, asked, chosen)
    seconds = sum(event["end_s"] - event["start_s"] for event in chosen)
    if asked.how in {"longest", "shortest"}:
        chosen.sort(key=lambda event: event["start_s"] - event["end_s"])
    if asked.how in {"shortest", "last"}:
        chosen.reverse()
    few = {"list": _MANY, "count": _MANY, "total": _MANY, "first": 1, "last": 1}
    rows = [_row(report, event) for event in chosen[: asked.limit or few.get(asked.how, _FEW)]]
    text = f"{_counted(len(chosen), asked.subject)}{_about(asked)}"
    if asked.how == "total" and chosen:
        text += f", {size(seconds)} altogether"
    if rows and len(rows) < len(chosen):
        order = "" if asked.how in {"list", "count", "total"} else f"{asked.how} "
        text += f"; the {order}{len(rows) if len(rows) > 1 else 'one'} below"
    return text + ".", rows


def _of_whom(
    report: dict[str, Any], asked: Asked, events: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Those of the team and the people that are asked for, where events tell whose they are."""
    told = words(asked.subject).lower()
    if asked.team and events and not any(event["team"] for event in events):
        raise NotSupportedError(f"A report does not tell which team's each {told} was.", _WITHOUT)
    if not (asked.jersey or asked.role):
        return [event for event in events if asked.team in {"", event["team"]}]
    if events and not any(event["track_ids"] for event in events):
        raise NotSupportedError(f"A report does not tell whose each {told} was.", _WITHOUT)
    mine = {p["track_id"] for p in report["people"] if _is_asked_for(p, asked)}
    return [event for event in events if mine & set(event["track_ids"])]


def _by_person(
    report: dict[str, Any], asked: Asked, events: list[dict[str, Any]]
) -> tuple[str, list[dict[str, Any]]]:
    if not any(event["track_ids"] for event in events):
        if not events:
            return f"{_counted(0, asked.subject)}{_about(asked)}.", []
        raise NotSupportedError(
            f"A report does not tell whose each {words(asked.subject).lower()} was.", _WITHOUT
        )
    names = _names(report)
    number: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for event in events:
        for name in {names.get(track, f"track {track}") for track in event["track_ids"]}:
            number[name] = number.get(name, 0) + 1
            seconds[name] = seconds.get(name, 0.0) + event["end_s"] - event["start_s"]
    ranked = sorted(number, key=lambda name: (-number[name], -seconds[name], name))
    rows = [
        {"who": name, "number": number[name], "seconds": round(seconds[name], 1)}
        for name in ranked[: asked.limit or _MANY]
    ]
    return f"{ranked[0]}: {_counted(number[ranked[0]], asked.subject)}{_about(asked)}.", rows


def _row(report: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    names = _names(report)
    who = dict.fromkeys(names.get(track, f"track {track}") for track in event["track_ids"])
    return {
        "when": f"{clock(event['start_s'])} \N{EN DASH} {clock(event['end_s'])}",
        "who": ", ".join(who) or (f"team {event['team']}" if event["team"] else ""),
        "what": measured(event) or size(event["end_s"] - event["start_s"]),
        **{name: event[name] for name in ("confidence", "event_id", "start_s", "end_s", "frames")},
    }


# -- people ------------------------------------------------------------------------------


def _people(report: dict[str, Any], asked: Asked) -> tuple[str, list[dict[str, Any]]]:
    name, unit, together, event = _MEASURES[asked.subject]
    if asked.period is not None or (asked.from_s, asked.to_s) != (0.0, math.inf):
        raise NotSupportedError(
            f"A report holds the {name} of the whole video, not of a part of it.",
            "Ask for shifts of that part, or without it.",
        )
    known: dict[str, list[float]] = {}
    names = _names(report)
    for person in report["people"]:
        if person[asked.subject] is not None and _is_asked_for(person, asked):
            known.setdefault(names[person["track_id"]], []).append(person[asked.subject])
    if not any(person[asked.subject] is not None for person in report["people"]):
        _require(report, event, what=name.capitalize())
        raise NotSupportedError(f"The footage tells nobody's {name}.", "See the report's reasons.")
    if not known:
        return f"Nobody{_about(asked)} is known in this video.", []
    figures = {who: together(values) for who, values in known.items()}
    ranked = sorted(figures, key=lambda who: (-figures[who], who))
    if asked.how in {"shortest", "last"}:
        ranked.reverse()
    rows = [
        {"who": who, name: size(figures[who]) if unit == "s" else f"{figures[who]:.1f} {unit}"}
        for who in ranked[: asked.limit or (_MANY if asked.how == "list" else _FEW)]
    ]
    if asked.how == "total" and together is sum:
        whole = sum(figures.values())
        said = size(whole) if unit == "s" else f"{whole:,.0f} {unit}"
        return f"{said} of {name}{_about(asked)} ({len(figures)} followed).", rows
    return f"{rows[0]['who']}: {rows[0][name]} {name}.", rows


def _is_asked_for(person: dict[str, Any], asked: Asked) -> bool:
    return (
        asked.team in {"", person["team"]}
        and (person["role"] == asked.role if asked.role else person["role"] != "referee")
        and (not asked.jersey or str(person["jersey_number"]) == asked.jersey)
    )


def _names(report: dict[str, Any]) -> dict[int, str]:
    """How each track's person is called: ``B-14``, where that is known."""
    return {
        person["track_id"]: person.get("person_id")
        or " ".join(
            filter(
                None,
                (
                    "" if person["role"] == "player" else person["role"],
                    f"#{person['jersey_number']}" if person["jersey_number"] else "",
                    f"track {person['track_id']}",
                    f"({person['team']})" if person["team"] else "",
                ),
            )
        )
        for person in report["people"]
    }


# -- the game ----------------------------------------------------------------------------


def _score(report: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    board = report["scoreboard"]
    if board is None or not board["score_last"]:
        _require(report, "goal", what="The score")
        raise NotSupportedError("No score could be read in this video.", "See the report.")
    left, right = board["names"] or ("left", "right")
    a, b = board["score_last"]
    last = board["last"]
    period = f" in period {last['period']}" if last["period"] else ""
    rows = [
        {"when": clock(one["video_s"]), "score": "{}:{}".format(*one["score"])}
        for one in board["changes"]
    ]
    return f"{left} {a}, {right} {b}, with {clock(last['clock_s'])} on the clock{period}.", rows


def _highlights(report: dict[str, Any], asked: Asked) -> tuple[str, list[dict[str, Any]]]:
    begin, end = _interval(report, asked)
    rows = [
        {
            "when": f"{clock(one['start_s'])} \N{EN DASH} {clock(one['end_s'])}",
            "what": one["title"],
            "why": one["reason"],
            "clip": one["clip"],
        }
        for one in report["highlights"]
        if begin <= one["start_s"] < end
    ]
    if not rows:
        return report.get("no_highlights") or "There are no highlights there.", []
    return f"{len(rows)} highlight{'s' if len(rows) > 1 else ''}.", rows[: asked.limit]


def _trust(report: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    rows = [
        {"what": words(name), "grade": given["grade"], "why": " ".join(given["reasons"])}
        for name, given in sorted(report["preflight"]["grades"].items())
    ]
    return report["preflight"]["summary"], rows


# -- what is common ----------------------------------------------------------------------


def _require(report: dict[str, Any], event: str, *, what: str = "") -> None:
    if event in report["not_supported"]:
        other = ""
        if event == "shift":
            other = 'Ask for "longest in view" instead; time in view is not time on ice.'
        raise NotSupportedError(
            f"{what or words(event)} is not supported for {report['video']['name']}:"
            f" {report['not_supported'][event]}",
            other,
        )


def _interval(report: dict[str, Any], asked: Asked) -> tuple[float, float]:
    """Seconds of the video that are asked about."""
    begin, end = asked.from_s, asked.to_s
    if begin < 0:
        begin += report["video"]["duration_s"]
    if asked.period is not None:
        _require(report, "period", what="A question about one period")
        spans = [
            (event["start_s"], event["end_s"])
            for event in report["events"]
            if event["type"] == "period" and event["measures"].get("period") == asked.period
        ]
        if not spans:
            raise NotSupportedError(
                f"The scoreboard of {report['video']['name']} never shows period {asked.period}.",
                "Ask without the period, or for a time in the video: between 3:00 and 5:00.",
            )
        begin, end = max(begin, spans[0][0]), min(end, spans[-1][1])
    return begin, end


def _counted(number: int, event: str) -> str:
    usual = words(event).lower()
    one, many = PLURALS.get(event, (usual, f"{usual}s"))
    return f"1 {one}" if number == 1 else f"{number or 'No'} {many}"


def _about(asked: Asked) -> str:
    """Of whom and when, in words."""
    parts = []
    if asked.team:
        parts.append(f"of team {asked.team}")
    if asked.jersey:
        parts.append(f"of #{asked.jersey}")
    if asked.role:
        parts.append(f"of {asked.role}s")
    if asked.period is not None:
        parts.append(f"in period {asked.period}")
    if asked.from_s < 0:
        parts.append(f"in the last {size(-asked.from_s)}")
    elif asked.from_s > 0:
        ends = asked.to_s != math.inf
        parts.append(f"from {clock(asked.from_s)} {f'to {clock(asked.to_s)}' if ends else 'on'}")
    elif asked.to_s != math.inf:
        parts.append(f"before {clock(asked.to_s)}")
    return "".join(f" {part}" for part in parts)


def _said(asked: Asked) -> str:
    """The question in the words of the vocabulary."""
    subject = _MEASURES[asked.subject][0] if asked.subject in _MEASURES else words(asked.subject)
    shown = f", {asked.limit} of them" if asked.limit else ""
    return f"{subject.lower()}: {asked.how}{shown}{_about(asked)}"
