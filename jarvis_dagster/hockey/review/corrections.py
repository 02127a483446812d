"""Corrections: what a person says is otherwise, as a small YAML file beside the results.

Belongs here: what a correction is, and how it is written. Does not belong here: reading
the file (``entries``), what a correction does to a table (``applying``, ``ledger``), which
track it is about after tracking ran anew (``sightings``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import yaml

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
    "to_json",
    "write_entries",
]

CORRECTIONS_NAME = "corrections.yaml"
OF_TRACKS = ("role", "team", "same_person", "split", "delete")
OF_NUMBERS = ("number",)
OF_EVENTS = ("event_wrong", "event_missed")


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
