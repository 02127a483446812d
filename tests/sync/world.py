"""A pair of drives, the people who edit them, and what must never be lost.

Belongs here: what the property tests and the crash tests share. Does not belong
here: any expectation of one situation.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.client_storage.sync import Side, SyncOptions, SyncReport, sync
from tests.sync.memory_drive import Crash, MemoryDrive

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["World"]


class World:
    """Two drives and their state, with a ledger.

    ``agreed`` holds, for each path, every content that both sides had there at the
    same time after a run, be it a broken one: what a deletion may take away.
    """

    def __init__(self, folder: Path, a: MemoryDrive, b: MemoryDrive) -> None:
        self.drives = (a, b)
        self.state = folder / "state"
        self.agreed: dict[str, set[bytes]] = defaultdict(set)
        self.left = -1
        for drive in self.drives:
            drive.before = lambda name, what: self._count("before")
            drive.after = lambda name, what: self._count("after")
        self.calls = 0
        self._when = ""

    def crash_at(self, call: int, when: str) -> None:
        """The ``call``-th call from now ends the process, ``before`` or ``after`` its effect."""
        self.left, self._when, self.calls = call, when, 0

    def _count(self, when: str) -> None:
        if when == "before":
            self.calls += 1
        if self.left == self.calls and when == self._when:
            raise Crash

    def sync(self, **options: Any) -> SyncReport | None:
        """One run, after which nothing may be missing; None if it crashed."""
        before = [drive.all_files_by_id() for drive in self.drives]
        options = {"force_deletes": True, "allow_empty": True, **options}
        a, b = self.drives
        try:
            report = sync(Side(a), Side(b), state=self.state, options=SyncOptions(**options))
        except Crash:
            report = None
        self.left = -1
        self._nothing_is_missing(before)
        for path in a.files().keys() & b.files().keys():
            if a.files()[path] == b.files()[path]:
                self.agreed[path].add(a.files()[path])
        return report

    def _nothing_is_missing(self, before: list[dict[str, tuple[str, bytes]]]) -> None:
        for number, drive in enumerate(self.drives):
            after = {content for _, content in drive.all_files()}
            others = set(before[1 - number].values())
            for path, content in before[number].values():
                if content not in after:
                    assert content in self.agreed[path], f"{content!r} at {path} was lost"
                    assert (path, content) not in others, f"{content!r} at {path} was not deleted"

    def settle(self) -> dict[str, bytes]:
        """The next run brings both sides in step, and the one after does nothing."""
        report = self.sync()
        assert report is not None
        assert report.status == "ok", report
        a, b = self.drives
        assert a.all_files() == b.all_files()
        assert a.tree() == b.tree()
        items = (dict(a.items), dict(b.items))
        again = self.sync()
        assert again is not None
        assert (again.status, again.steps) == ("ok", ())
        assert (dict(a.items), dict(b.items)) == items
        return a.files()

    def forget_newest(self, copy: Path) -> None:
        """The state as it was before, as after a power cut."""
        for end in ("", "-wal", "-shm"):
            self.state.with_name(self.state.name + end).unlink(missing_ok=True)
        shutil.copyfile(copy, self.state)
