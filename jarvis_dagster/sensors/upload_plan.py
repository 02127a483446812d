"""Which uploads are ready: what the sensor remembers between two looks.

Belongs here: the cursor, and the decision which files have settled. Does not
belong here: asking a drive (``upload_feed``), reading files, Dagster.

A file is ready once per version, when that version has been unchanged for the
settling time. The cursor grows with what waits, not with what is in the drive.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.drive import DriveFile

__all__ = ["MOST_WAITING", "Cursor"]

_VERSION = 2
_MOST_HANDLED = 2_000
MOST_WAITING = 5_000
"""How many files may wait before the feed is left to wait itself."""


@dataclasses.dataclass(frozen=True)
class Cursor:
    """What earlier looks left behind.

    Args:
        token: Where the drive's feed of changes was read to; None is not begun.
        listing: Folders that are still to be listed, and the page to go on with.
        waiting: Version, and Unix time since when it is the same, of files to decide.
        handled: Version of the files that were decided last. A drive tells of a
            new reader or name like of a change; these are known by it. What
            was decided before that is known by its runs.
    """

    token: str | None = None
    listing: tuple[tuple[str, str | None], ...] = ()
    waiting: dict[str, tuple[str, float]] = dataclasses.field(default_factory=dict)
    handled: dict[str, str] = dataclasses.field(default_factory=dict)

    def dumps(self) -> str:
        """Text for Dagster to keep."""
        return json.dumps({"version": _VERSION, **dataclasses.asdict(self)}, ensure_ascii=False)

    @classmethod
    def loads(cls, text: str | None) -> Cursor:
        """What :meth:`dumps` gave; an empty cursor for none, or one of an earlier form.

        Raises:
            BadInputError: the text is not a cursor of this sensor.
        """
        if not text:
            return cls()
        try:
            data = json.loads(text)
            if data["version"] != _VERSION:
                return cls()  # what it handled is known by its runs
            return cls(
                None if data["token"] is None else str(data["token"]),
                tuple((str(k), None if p is None else str(p)) for k, p in data["listing"]),
                {str(k): (str(v), float(since)) for k, (v, since) in data["waiting"].items()},
                {str(k): str(v) for k, v in data["handled"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInputError(
                f"The cursor of the upload sensor cannot be read ({error}).",
                "Reset the sensor's cursor; finished videos are not analysed again.",
            ) from error

    def see(self, file: DriveFile, now_s: float) -> Cursor:
        """The cursor after the drive told of a file."""
        if self.handled.get(file.id) == file.version:
            return self.forget(file.id)
        before = self.waiting.get(file.id)
        if before is not None and before[0] == file.version:
            return self
        # A version that is new here may have been there for long; one that changed
        # after an earlier look, or whose time is in the future, has our own look only.
        changed = before is not None or file.id in self.handled
        since = now_s if changed else min(file.modified.timestamp(), now_s)
        return dataclasses.replace(self, waiting={**self.waiting, file.id: (file.version, since)})

    def forget(self, file_id: str) -> Cursor:
        """The cursor without a file that is gone or need not be decided."""
        if file_id not in self.waiting:
            return self
        waiting = {key: value for key, value in self.waiting.items() if key != file_id}
        return dataclasses.replace(self, waiting=waiting)

    def handle(self, file: DriveFile) -> Cursor:
        """The cursor after ``file`` has been requested, quarantined or found to be known."""
        handled = {key: value for key, value in self.handled.items() if key != file.id}
        handled[file.id] = file.version
        for oldest in list(handled)[:-_MOST_HANDLED]:
            del handled[oldest]
        return dataclasses.replace(self.forget(file.id), handled=handled)

    def ready(self, now_s: float, settle_s: float) -> list[str]:
        """The ids of the files that have settled, oldest first."""
        settled = [(since, key) for key, (_, since) in self.waiting.items()]
        return [key for since, key in sorted(settled) if now_s - since >= settle_s]
