"""Reading a file of corrections: what each entry says, and the line of what is wrong.

Belongs here: from YAML to corrections. Does not belong here: what a correction is and how it is
written (``corrections``).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import yaml

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.review.corrections import CORRECTIONS_NAME, Correction, Sighting

__all__ = ["parse_corrections"]

_MOST_BYTES = 1 << 20
_MOST_ENTRIES = 2_000
_ROLES = {
    "player": "player",
    "skater": "player",
    "goalkeeper": "goalkeeper",
    "goalie": "goalkeeper",
    "referee": "referee",
    "linesman": "referee",
}
_KEYS = {
    "track": ("number", "role", "team", "split_at", "delete"),
    "same_person": (),
    "event": ("wrong", "type", "at", "until"),
    "missed": ("at", "until", "team", "tracks"),
}
_FREE = ("note", "seen")
_HELP = "docs/review.md lists what an entry may say."


def parse_corrections(text: str, name: str = CORRECTIONS_NAME) -> list[Correction]:
    """The corrections of a file, in its order.

    Raises:
        BadInputError: naming the line, what is wrong with it, and what is right.
    """
    if len(text.encode("utf-8", "replace")) > _MOST_BYTES:
        raise BadInputError(f"{name} is larger than 1 MB.", "Keep one file a video.")
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return []
        entries = _entries(loader, node, name)
        if len(entries) > _MOST_ENTRIES:
            raise BadInputError(
                f"{name} has {len(entries)} entries, at most {_MOST_ENTRIES}.",
                "Put the rest into a second file.",
            )
        found: list[Correction] = []
        for entry in entries:
            line = entry.start_mark.line + 1
            found += _read_entry(loader.construct_object(entry, deep=True), _Place(name, line))
        return found
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise BadInputError(f"{name}{where} is not YAML ({problem}).", _HELP) from error
    except (RecursionError, ValueError, TypeError) as error:
        raise BadInputError(f"{name} cannot be read ({error}).", _HELP) from error


@dataclasses.dataclass(frozen=True)
class _Place:
    name: str
    line: int

    def bad(self, what: str, remedy: str = _HELP) -> BadInputError:
        return BadInputError(f"{self.name}, line {self.line}: {what}", remedy)


def _entries(loader: yaml.SafeLoader, node: yaml.Node, name: str) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if loader.construct_object(key) == "corrections":
                if isinstance(value, yaml.SequenceNode):
                    return list(value.value)
                if value.tag.endswith(":null"):
                    return []
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    raise BadInputError(f"{name} has no list of corrections.", "Begin it with `corrections:`.")


def _read_entry(entry: Any, at: _Place) -> list[Correction]:
    if not isinstance(entry, dict):
        raise at.bad(
            f"{str(entry)[:60]!r} is not a correction.", "Write `track: 7` and what it is."
        )
    kinds = [kind for kind in _KEYS if kind in entry]
    if len(kinds) != 1:
        has = " and ".join(kinds) or "none"
        raise at.bad(f"An entry says one of {', '.join(_KEYS)}; this one has {has}.")
    kind = kinds[0]
    unknown = [str(key) for key in entry if key not in (kind, *_KEYS[kind], *_FREE)]
    if unknown:
        raise at.bad(f"{', '.join(unknown)} is not known for `{kind}`.")
    found = {
        "track": _of_track,
        "same_person": _same_person,
        "event": _event_wrong,
        "missed": _event_missed,
    }[kind](entry, at)
    seen = _seen(entry.get("seen"), at)
    return [
        dataclasses.replace(
            one,
            line=at.line,
            note=str(entry.get("note") or "")[:500],
            seen=tuple(seen[track] for track in one.tracks)
            if all(track in seen for track in one.tracks)
            else (),
        )
        for one in found
    ]


def _of_track(entry: dict[str, Any], at: _Place) -> list[Correction]:
    tracks = (_track(entry["track"], at),)
    found = []
    if "number" in entry:
        found.append(Correction("number", 0, tracks, _number(entry["number"], at)))
    if "role" in entry:
        role = _ROLES.get(str(entry["role"]).strip().lower())
        if role is None:
            raise at.bad(f"{entry['role']!r} is not a role.", "Use player, goalkeeper or referee.")
        found.append(Correction("role", 0, tracks, role))
    if "team" in entry:
        found.append(Correction("team", 0, tracks, _team(entry["team"], at)))
    if "split_at" in entry:
        found.append(
            Correction("split", 0, tracks, at_s=_seconds(entry["split_at"], "split_at", at))
        )
    if "delete" in entry:
        if entry["delete"] is not True or found:
            raise at.bad("`delete` is true, and says all there is to say of a track.")
        found.append(Correction("delete", 0, tracks))
    if not found:
        raise at.bad(
            f"It does not say what track {tracks[0]} is.",
            "Add number, role, team, split_at or delete.",
        )
    return found


def _same_person(entry: dict[str, Any], at: _Place) -> list[Correction]:
    ids = entry["same_person"]
    if not isinstance(ids, list) or len(ids) < 2:
        raise at.bad("`same_person` is a list of two or more tracks.", "Write [3, 9].")
    tracks = tuple(_track(one, at) for one in ids)
    if len(set(tracks)) < len(tracks):
        raise at.bad("`same_person` names a track twice.", "Name different ones.")
    return [Correction("same_person", 0, tracks)]


def _event_wrong(entry: dict[str, Any], at: _Place) -> list[Correction]:
    if entry.get("wrong") is not True:
        raise at.bad("An `event` can only be wrong.", "Add `wrong: true`.")
    start, end = (
        None if entry.get(word) is None else _seconds(entry[word], word, at)
        for word in ("at", "until")
    )
    kind, event = str(entry.get("type") or ""), str(entry["event"])
    return [Correction("event_wrong", 0, value=kind, event=event, at_s=start, until_s=end)]


def _event_missed(entry: dict[str, Any], at: _Place) -> list[Correction]:
    if entry.get("at") is None:
        raise at.bad("It does not say when.", "Add `at`, in seconds or as 1:23.5.")
    start = _seconds(entry["at"], "at", at)
    end = start + 1.0 if entry.get("until") is None else _seconds(entry["until"], "until", at)
    if end <= start:
        raise at.bad("`until` is not after `at`.")
    tracks = entry.get("tracks") or []
    if not isinstance(tracks, list):
        raise at.bad("`tracks` is a list.", "Write [7].")
    kind = str(entry["missed"]).strip().lower().replace(" ", "_").replace("-", "_")
    return [
        Correction(
            "event_missed",
            0,
            tuple(_track(one, at) for one in tracks),
            kind,
            at_s=start,
            until_s=end,
            team=_team(entry["team"], at) if "team" in entry else "",
        )
    ]


def _track(value: Any, at: _Place) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise at.bad(
            f"{value!r} is not the number of a track.", "It is in the video and the report."
        )
    return value


def _number(value: Any, at: _Place) -> str:
    if value is None or str(value).strip().lower() == "none":
        return ""
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and 1 <= int(text) <= 99):
        raise at.bad(f"{value!r} is not a jersey number.", "Use 1 to 99, or none.")
    return str(int(text))


def _team(value: Any, at: _Place) -> str:
    if value is None or str(value).strip().lower() in {"", "none"}:
        return ""
    team = str(value).strip().upper()
    if team not in {"A", "B"}:
        raise at.bad(
            f"{value!r} is not a team.", "Use A, B or none; the report shows which is which."
        )
    return team


def _seconds(value: Any, key: str, at: _Place) -> float:
    """Seconds of a number, or of 1:23.5."""
    try:
        if isinstance(value, bool):
            raise ValueError
        parts = [float(part) for part in str(value).strip().split(":")]
        seconds = sum(part * 60**power for power, part in enumerate(reversed(parts)))
        if not math.isfinite(seconds) or min(parts) < 0 or len(parts) > 3:
            raise ValueError
    except ValueError:
        raise at.bad(f"`{key}` is {value!r}, which is no time.", "Use 83.5 or 1:23.5.") from None
    return seconds


def _seen(value: Any, at: _Place) -> dict[int, tuple[Sighting, ...]]:
    if value is None:
        return {}
    try:
        return {
            int(track): tuple(
                Sighting(int(frame), (float(x1), float(y1), float(x2), float(y2)))
                for frame, x1, y1, x2, y2 in boxes
            )
            for track, boxes in value.items()
        }
    except (TypeError, ValueError, AttributeError):
        raise at.bad(
            "`seen` is not what Jarvis wrote.", "Take it out; Jarvis looks the track up again."
        ) from None
