"""The videos' reports in the object store, and whose they are.

Belongs here: finding reports and fetching their files. Does not belong here: pages (``reports``).

A video is of the team that its drive is of (``security.drive_teams``); of a drive that is no
team's, it is everybody's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from jarvis_dagster.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jarvis_dagster.services.security import Principal
    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["Library", "Paper", "Remembered", "Video"]

T = TypeVar("T")

_LEAST_REST_S, _MOST_REST_S = 10.0, 60.0
_REST = 19  # seconds, for each of reading
_CACHE_BYTES = 4e9
_ASSETS = {
    "report.html": "game_report",
    "report.json": "game_report",
    "annotated.mp4": "annotated_video",
}


@dataclasses.dataclass(frozen=True)
class Video:
    """A video with a report; ``team`` is None where it is everybody's, times since 1970."""

    key: str
    name: str
    team: str | None
    seconds: float | None
    reported: float

    def is_for(self, principal: Principal) -> bool:
        """Whether this one may see it."""
        return principal.teams is None or self.team is None or self.team in principal.teams


@dataclasses.dataclass(frozen=True)
class Paper:
    """Another report that is kept: of a week, of a promotion, of a comparison."""

    id: str
    name: str
    team: str | None
    kept: float

    def is_for(self, principal: Principal) -> bool:
        """Whether this one may see it: what is no team's is for those who see all teams."""
        return principal.teams is None or self.team in principal.teams


class Remembered(Generic[T]):
    """What reading brought, until it is due again. Thread-safe.

    It is due after ten seconds, and up to a minute later where reading takes long, as the list of a
    store with thousands of videos does.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(
        self, read: Callable[[], T], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._clock = read, clock
        self._lock = threading.Lock()
        self._has: tuple[T, float] | None = None

    def get(self) -> T:
        """What was read last, or is read now."""
        with self._lock:
            began = self._clock()
            if self._has is None or began >= self._has[1]:
                value = self._read()
                ended = self._clock()
                rest_s = min(max(_REST * (ended - began), _LEAST_REST_S), _MOST_REST_S)
                self._has = value, ended + rest_s
            return self._has[0]


class Library:
    """Reads the store now and then, and keeps files that were just asked for.

    Args:
        cache: A folder for files; anything in it may be deleted at any time.
    """

    def __init__(
        self, storage: JarvisStorageService, drive_teams: Mapping[str, str], cache: Path
    ) -> None:
        self._storage, self._teams, self._cache = storage, drive_teams, cache
        self._listed = Remembered(self._list)
        self._kept = Remembered(self._papers)
        self._sources: dict[tuple[str, str], dict[str, Any]] = {}

    def videos(self, principal: Principal) -> list[Video]:
        """The videos with a report that this one may see, the last report first."""
        seen = [one for one in self._listed.get().values() if one.is_for(principal)]
        return sorted(seen, key=lambda one: -one.reported)

    def video(self, key: str, principal: Principal) -> Video | None:
        """One of them; None where there is none or it is another team's."""
        found = self._listed.get().get(key)
        return found if found is not None and found.is_for(principal) else None

    def papers(self, principal: Principal) -> list[Paper]:
        """The other reports that this one may see, the newest first."""
        return [one for one in self._kept.get() if one.is_for(principal)]

    def _papers(self) -> list[Paper]:
        return [
            Paper(
                one["id"],
                one["name"],
                (one["metadata"] or {}).get("team"),
                one["modified"].timestamp(),
            )
            for one in self._storage.list_stored("reports")
            if one["name"].endswith((".html", ".pdf"))
        ]

    def paper(self, paper_id: str, principal: Principal) -> Path | None:
        """The file of one of them; None where there is none or it is another team's."""
        found = next((one for one in self.papers(principal) if one.id == paper_id), None)
        if found is None:
            return None
        path = self._cache / found.id / found.name.rpartition("/")[2]
        if not path.is_file():
            self._make_room()
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self._storage.retrieve(found.id, path, "reports"):
                return None
        return path

    def file(self, video: Video, name: str) -> Path | None:
        """A file of a report, as in ``report.html`` or ``highlights/1.mp4``; None if it is gone."""
        asset = _ASSETS.get(name, "highlights")
        key = f"artifacts/{video.key}/{asset}/{name.rpartition('/')[2]}"
        ref = self._storage.stat(key)
        if ref is None:
            return None
        folder = self._cache / (ref.sha256 or "unknown")
        path = folder / name.rpartition("/")[2]
        if not ref.sha256 or not path.is_file():
            self._make_room()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._storage.get_file(key, path)
        with contextlib.suppress(OSError):
            os.utime(folder)
        return path

    def _list(self) -> dict[str, Video]:
        bucket = self._storage.config.artifacts_bucket
        reports: dict[str, float] = {}
        sources: dict[str, str] = {}
        for info in self._storage.raw.iter_objects(bucket, "artifacts/"):
            _, key, *rest = info.key.split("/")
            if rest == ["game_report", "report.html"]:
                reports[key] = info.modified.timestamp()
            elif rest == ["footage", "source.json"]:
                sources[key] = info.version
        return {
            key: self._described(key, sources[key], at)
            for key, at in reports.items()
            if key in sources  # or nobody knows whose it is
        }

    def _described(self, key: str, version: str, at: float) -> Video:
        known = self._sources.get((key, version))
        if known is None:
            known = self._sources[key, version] = self._source(key)
        return Video(
            key,
            str(known.get("name", key)),
            self._teams.get(str(known.get("drive"))),
            known.get("facts", {}).get("duration_s"),
            at,
        )

    def _source(self, key: str) -> dict[str, Any]:
        path = self._cache / "sources" / f"{key}.json"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._storage.get_file(f"artifacts/{key}/footage/source.json", path)
        try:
            content = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise PermanentError(
                f"The record of {key} is damaged ({error}).", "Materialise footage/video again."
            ) from None
        return content if isinstance(content, dict) else {}

    def _make_room(self) -> None:
        """Delete what was asked for longest ago, where there is too much."""
        if not self._cache.is_dir():
            return
        folders = [one for one in self._cache.iterdir() if one.is_dir() and one.name != "sources"]
        sizes = {one: sum(f.stat().st_size for f in one.glob("*")) for one in folders}
        total = sum(sizes.values())
        for folder in sorted(folders, key=lambda one: one.stat().st_mtime):
            if total <= _CACHE_BYTES:
                return
            shutil.rmtree(folder, ignore_errors=True)
            total -= sizes[folder]
