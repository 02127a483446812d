"""A pair of drives, the people who edit them, and what must never be lost.

Belongs here: what the property tests and the crash tests share. Does not belong
here: any expectation of one situation.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.client_storage.sync import Side, SyncOptions, SyncReport, sync
from jarvis_dagster.services.client_storage.sync.state import State
from tests.sync.memory_drive import Crash, MemoryDrive

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["World", "path_of"]

Tree = dict[str, bytes | None]


class World:
    """Two drives and their state, with a ledger.

    ``agreed`` holds, for each path, every content that both sides had there at the
    same time after a run, be it a broken one: what a deletion may take away.

    Args:
        aliases: Whether a side may hold a file under another name.
    """

    def __init__(
        self, folder: Path, a: MemoryDrive, b: MemoryDrive, *, aliases: bool = False
    ) -> None:
        self.drives = (a, b)
        self._has_aliases = aliases
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
        before = self._by_id()
        # Without a state, a person has said that it is lost.
        options = {
            "restart": not self.state.exists(),
            "force_deletes": True,
            "allow_empty": True,
            **options,
        }
        a, b = self.drives
        try:
            report = sync(Side(a), Side(b), state=self.state, options=SyncOptions(**options))
        except Crash:
            report = None
        self.left = -1
        self._nothing_is_missing(before)
        mine, yours = self.trees()
        for path, content in mine.items():
            if content is not None and content == yours.get(path):
                self.agreed[path].add(content)
        return report

    def trees(self) -> tuple[Tree, Tree]:
        """What both drives hold, by the paths that mean the same on both."""
        a, b = self._names()
        mine, yours = self.drives[0].tree(), self.drives[1].tree()
        return (
            {path_of(raw, a): content for raw, content in mine.items()},
            {path_of(raw, b): content for raw, content in yours.items()},
        )

    def _by_id(self) -> list[dict[str, tuple[str, bytes]]]:
        return [
            {one: (path_of(raw, names), content) for one, (raw, content) in files.items()}
            for files, names in zip(
                (drive.all_files_by_id() for drive in self.drives), self._names(), strict=True
            )
        ]

    def _names(self) -> tuple[dict[str, str], dict[str, str]]:
        """The path by the one on each side that it has instead."""
        if not self._has_aliases:
            return {}, {}
        with State(self.state) as state:
            agreed = state.agreed().items()
        return (
            {last.a.raw: path for path, last in agreed if last.a.raw},
            {last.b.raw: path for path, last in agreed if last.b.raw},
        )

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
        mine, yours = self.trees()
        assert mine == yours
        files = {path: content for path, content in mine.items() if content is not None}
        assert len(a.all_files()) == len(b.all_files()) == len(files)
        items = (dict(a.items), dict(b.items))
        again = self.sync()
        assert again is not None
        assert (again.status, again.steps) == ("ok", ())
        assert (dict(a.items), dict(b.items)) == items
        return files

    def lose(self) -> None:
        """No state any more."""
        for end in ("", "-wal", "-shm"):
            self.state.with_name(self.state.name + end).unlink(missing_ok=True)

    def forget_newest(self, copy: Path) -> None:
        """The state as it was before, as after a power cut."""
        self.lose()
        shutil.copyfile(copy, self.state)


def path_of(raw: str, names: dict[str, str]) -> str:
    """The path of what is called ``raw``, of which parts have other names."""
    if raw in names:
        return names[raw]
    above, _, name = raw.rpartition("/")
    return f"{path_of(above, names)}/{name}" if above else raw
