"""Which uploads are ready: a pure function of what was seen before and what is there now.

Belongs here: the cursor and the decision. Does not belong here: listing a
drive, reading files, Dagster.

A file is ready once per version, when that version has been unchanged for the
settling time. Reading a file's content takes time, so a
look at the drive decides as many ready files as its budget allows and leaves
the rest, which stay ready for the next look.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jarvis_dagster.services.client_storage.drive import DriveFile

__all__ = ["Cursor", "Plan", "plan"]

_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Cursor:
    """What earlier looks left behind.

    Args:
        handled: Version of each file that was requested or quarantined.
        waiting: Version, and Unix time when it was first seen, of the others.
    """

    handled: dict[str, str] = dataclasses.field(default_factory=dict)
    waiting: dict[str, tuple[str, float]] = dataclasses.field(default_factory=dict)

    def dumps(self) -> str:
        """Text for Dagster to keep."""
        return json.dumps(
            {"version": _VERSION, "handled": self.handled, "waiting": self.waiting},
            sort_keys=True,
        )

    @classmethod
    def loads(cls, text: str | None) -> Cursor:
        """What :meth:`dumps` gave, or an empty cursor.

        Raises:
            BadInputError: the text is not a cursor of this sensor.
        """
        if not text:
            return cls()
        try:
            data = json.loads(text)
            if data["version"] != _VERSION:
                raise ValueError(f"version {data['version']}")
            return cls(
                {str(k): str(v) for k, v in data["handled"].items()},
                {str(k): (str(v), float(since)) for k, (v, since) in data["waiting"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInputError(
                f"The cursor of the upload sensor cannot be read ({error}).",
                "Reset the sensor's cursor; finished videos are not analysed again.",
            ) from error

    def handle(self, file: DriveFile) -> Cursor:
        """The cursor after ``file`` has been requested or quarantined."""
        waiting = {key: value for key, value in self.waiting.items() if key != file.id}
        return Cursor({**self.handled, file.id: file.version}, waiting)


@dataclasses.dataclass(frozen=True)
class Plan:
    """The files to decide now, oldest first, and the cursor if none of them were."""

    ready: list[DriveFile]
    cursor: Cursor


def plan(cursor: Cursor, listing: Iterable[DriveFile], *, now_s: float, settle_s: float) -> Plan:
    """Find the files whose present version is new and has settled.

    A file counts as settled when it was last changed at least ``settle_s`` ago
    and, if it has changed since an earlier look, that look is as long ago too.
    Files that are gone from the listing are forgotten.
    """
    handled: dict[str, str] = {}
    waiting: dict[str, tuple[str, float]] = {}
    ready: list[DriveFile] = []
    for file in listing:
        if cursor.handled.get(file.id) == file.version:
            handled[file.id] = file.version
            continue
        modified_s = file.modified.timestamp()
        before = cursor.waiting.get(file.id)
        if before is not None and before[0] == file.version:
            since = before[1]
        elif before is not None or file.id in cursor.handled:
            since = now_s  # it changed after an earlier look
        else:
            since = min(modified_s, now_s)
        waiting[file.id] = (file.version, since)
        # A time in the future is a wrong clock; then only our own looks count.
        quiet = modified_s > now_s or now_s - modified_s >= settle_s
        if quiet and now_s - since >= settle_s:
            ready.append(file)
    ready.sort(key=lambda file: (file.modified, file.path))
    return Plan(ready, Cursor(handled, waiting))
