"""Corrections: what a person says is otherwise, as a small YAML file beside the results.

Belongs here: the file's form, its reading with line numbers, its writing. Does
not belong here: what a correction does to a table (``applying``, ``ledger``), which
track it is about after tracking ran anew (``sightings``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

import yaml

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "CORRECTIONS_NAME",
    "OF_EVENTS",
    "OF_NUMBERS",
    "OF_TRACKS",
    "Correction",
    "Sighting",
    "changed_kinds",
    "fingerprint",
    "from_json",
    "parse_corrections",
    "to_json",
    "write_entries",
]

CORRECTIONS_NAME = "corrections.yaml"
OF_TRACKS = ("role", "team", "same_person", "split", "delete")
OF_NUMBERS = ("number",)
OF_EVENTS = ("event_wrong", "event_missed")

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


@dataclasses.dataclass(frozen=True)
class Sighting:
    """One box that a correction is about: what makes it outlive track ids."""

    frame: int
    box: tuple[float, float, float, float]
    """x1, y1, x2, y2, px."""


@dataclasses.dataclass(frozen=True)
class Correction:
    """One thing that a person said.

    Attributes:
        kind: One of :data:`OF_TRACKS`, :data:`OF_NUMBERS`, :data:`OF_EVENTS`.
        line: Where it stands in the file, from 1.
        tracks: Ids as in the report that the person looked at.
        value: The number, role, team or type of event; "" takes a number or team away.
        event: Id of the event that is wrong.
        at_s, until_s: When; for a split, where.
        seen: For each of ``tracks`` boxes of it; () before it was bound.
    """

    kind: str
    line: int
    tracks: tuple[int, ...] = ()
    value: str = ""
    event: str = ""
    at_s: float | None = None
    until_s: float | None = None
    team: str = ""
    note: str = ""
    seen: tuple[tuple[Sighting, ...], ...] = ()

    @property
    def key(self) -> str:
        """What it is known by wherever it stands: what it says, without line, note and boxes."""
        said = dataclasses.replace(self, line=0, note="", seen=())
        if self.kind == "event_wrong":  # type and time only help to find it again
            said = dataclasses.replace(said, value="", team="", at_s=None, until_s=None)
        return hashlib.sha256(json.dumps(dataclasses.astuple(said)).encode()).hexdigest()[:16]

    @property
    def words(self) -> str:
        """The correction as a person would say it."""
        ids = " and ".join(str(track) for track in self.tracks)
        when = "" if self.at_s is None else f" at {self.at_s:.1f} s"
        return {
            "number": f"Track {ids} is number {self.value}"
            if self.value
            else f"Track {ids} shows no number",
            "role": f"Track {ids} is a {self.value}",
            "team": f"Track {ids} is of team {self.value}"
            if self.value
            else f"Track {ids} is of neither team",
            "same_person": f"Tracks {ids} are one person",
            "split": f"Track {ids} is another person from {self.at_s or 0:.1f} s on",
            "delete": f"Track {ids} is nobody",
            "event_wrong": f"There was no {self.value.replace('_', ' ') or self.event}{when}",
            "event_missed": f"There was a {self.value.replace('_', ' ')}{when}",
        }[self.kind]


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
            raise BadInputError(f"{name} has {len(entries)} entries, at most {_MOST_ENTRIES}.")
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


def write_entries(corrections: Iterable[Correction]) -> str:
    """Lines for a corrections file, one entry a correction, with the boxes that bind them."""
    lines = []
    for one in corrections:
        entry: dict[str, Any] = {}
        if one.kind in ("number", "role", "team"):
            entry = {"track": one.tracks[0], one.kind: one.value or "none"}
        elif one.kind == "split":
            entry = {"track": one.tracks[0], "split_at": one.at_s}
        elif one.kind == "delete":
            entry = {"track": one.tracks[0], "delete": True}
        elif one.kind == "same_person":
            entry = {"same_person": list(one.tracks)}
        elif one.kind == "event_wrong":
            entry = {"event": one.event, "wrong": True, "type": one.value or None}
            entry |= {"at": one.at_s, "until": one.until_s}
        else:
            entry = {"missed": one.value, "at": one.at_s, "until": one.until_s}
            entry |= {"team": one.team or None, "tracks": list(one.tracks) or None}
        entry["note"] = one.note or None
        if one.seen:
            entry["seen"] = {
                track: [[s.frame, *(round(value, 1) for value in s.box)] for s in seen]
                for track, seen in zip(one.tracks, one.seen, strict=True)
            }
        said = [f"{key}: {_flow(value)}\n" for key, value in entry.items() if value is not None]
        lines += [("  " if number else "- ") + line for number, line in enumerate(said)]
    return "".join(lines)


def _flow(value: Any) -> str:
    """YAML of a value in one line: boxes are not for people."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1_000_000)
    return text.removesuffix("\n...\n").strip()


def to_json(corrections: Iterable[Correction]) -> list[dict[str, Any]]:
    """Plain values for a JSON document."""
    return [dataclasses.asdict(one) for one in corrections]


def from_json(rows: Iterable[dict[str, Any]]) -> list[Correction]:
    """What :func:`to_json` gave."""
    return [
        Correction(
            **{
                **row,
                "tracks": tuple(row["tracks"]),
                "seen": tuple(
                    tuple(Sighting(s["frame"], tuple(s["box"])) for s in seen)
                    for seen in row["seen"]
                ),
            }
        )
        for row in rows
    ]


def changed_kinds(before: Sequence[tuple[str, str]], after: Sequence[tuple[str, str]]) -> set[str]:
    """The kinds of what was added or taken out, given (key, kind) of all; of all where only
    their order changed, which decides what each is about."""
    added, removed = set(after) - set(before), set(before) - set(after)
    if not added and not removed and list(before) != list(after):
        return {kind for _, kind in after}
    return {kind for _, kind in added | removed}


def fingerprint(corrections: Iterable[Correction]) -> str:
    """SHA-256 of what the corrections say; "" for none."""
    keys = [one.key for one in corrections]
    return hashlib.sha256("\n".join(keys).encode()).hexdigest() if keys else ""
