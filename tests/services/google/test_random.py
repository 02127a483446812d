"""Random work with random failures: what the drive says is what there is."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import ConflictError, TransientError

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer

NAMES = ["a.mp4", "b.txt", "\u00dc.csv", "o'c\\d.json"]


class Work:
    """Does the same to a drive and to a dictionary of paths and contents."""

    def __init__(self, server: GoogleServer, drive: GoogleDrive, path: Path, seed: int) -> None:
        self.server, self.drive, self.path = server, drive, path
        self.random = random.Random(seed)
        self.folders = {"": None, **{n: drive.create_folder(n).id for n in ("X", "Y")}}
        self.known: dict[str, bytes] = {}

    def step(self) -> None:
        kinds = ["put", "replace", "move", "trash", "get"]
        kind = self.random.choice(kinds if self.known else ["put"])
        getattr(self, kind)()

    def put(self) -> None:
        folder, content = self.random.choice(sorted(self.folders)), self.content()
        name = self.random.choice(NAMES)
        file = self.drive.upload(self.path, self.folders[folder], name)
        if file.path in self.known:
            assert self.known[file.path] == content
        self.known[file.path] = content

    def replace(self) -> None:
        path = self.random.choice(sorted(self.known))
        seen, content = self.drive.find(path), self.content()
        assert seen is not None
        if self.random.random() < 0.3:
            self.known[path] = self.random.randbytes(20)
            self.server.world.change(seen.id, self.known[path])
            with pytest.raises(ConflictError):
                self.drive.upload(self.path, replace=seen, exact=True)
            return
        folder = self.folders[path.rpartition("/")[0]]
        file = self.drive.upload(self.path, folder, seen.name, replace=seen, exact=True)
        assert (file.id, file.path) == (seen.id, path)
        self.known[path] = content

    def move(self) -> None:
        path = self.random.choice(sorted(self.known))
        folder = self.random.choice(sorted(self.folders))
        seen = self.drive.find(path)
        assert seen is not None
        content = self.known.pop(path)
        moved = self.drive.move(seen.id, self.folders[folder], self.random.choice(NAMES))
        assert moved.path not in self.known
        self.known[moved.path] = content

    def trash(self) -> None:
        path = self.random.choice(sorted(self.known))
        seen = self.drive.find(path)
        assert seen is not None
        self.drive.trash(seen.id, version=seen.version)
        del self.known[path]

    def get(self) -> None:
        path = self.random.choice(sorted(self.known))
        seen = self.drive.find(path)
        assert seen is not None
        target = self.path.with_name("got")
        self.drive.download(seen.id, target)
        assert target.read_bytes() == self.known[path]

    def content(self) -> bytes:
        """New content for the next upload; at times of more than one piece."""
        size = self.random.choice([0, 10, 1000, 300_000])
        content = self.random.randbytes(8) * (size // 8)
        self.path.write_bytes(content)
        return content

    def check(self) -> None:
        files = [f for f in self.drive.list_all(recursive=True) if not f.is_folder]
        assert sorted(f.path for f in files) == sorted(self.known)
        for file in files:
            assert self.server.world.files[file.id].content == self.known[file.path]


@pytest.mark.parametrize("seed", range(4))
def test_random_work(server: GoogleServer, drive: GoogleDrive, tmp_path: Path, seed: int) -> None:
    work = Work(server, drive, tmp_path / "source", seed)
    faults = [
        {"kind": "status", "status": 503},
        {"kind": "drop", "times": 2},
        {"kind": "drop", "times": 2, "done": True},
        {"kind": "truncate"},
        {"kind": "expire", "match": "files"},
    ]
    token = drive.start_token()
    told: dict[str, str | None] = {f.id: f.path for f in drive.list_all(recursive=True)}
    for _ in range(40):
        server.faults.add(**work.random.choice(faults), skip=work.random.randrange(6))
        work.step()
    server.faults.clear()
    work.check()
    while True:
        page = drive.changes(token, limit=7)
        told.update(dict.fromkeys(page.removed))
        told.update({file.id: file.path for file in page.files})
        token = page.token
        if not page.more:
            break
    now = {f.id: f.path for f in drive.list_all(recursive=True)}
    assert {key: path for key, path in told.items() if path is not None} == now


def test_a_call_that_failed_for_good_can_be_made_again(
    server: GoogleServer, drive: GoogleDrive, tmp_path: Path
) -> None:
    work = Work(server, drive, tmp_path / "source", 7)
    failed = 0
    for _ in range(25):
        kind = {"kind": "drop", "done": work.random.random() < 0.5, "times": 1000}
        server.faults.add(**kind, skip=work.random.randrange(8))
        content = work.content()
        try:
            drive.upload(work.path, work.folders["X"], "a.mp4")
        except TransientError:
            failed += 1
            server.faults.clear()
            drive.upload(work.path, work.folders["X"], "a.mp4")
        server.faults.clear()
        contents = [
            item.content
            for item in server.world.files.values()
            if item.revisions and not item.trashed
        ]
        assert contents.count(content) == 1
        assert len(contents) == len(set(contents))
    assert failed > 5
