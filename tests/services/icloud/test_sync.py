"""A folder of this machine and iCloud Drive stay in step, whatever stops a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage.icloud import changing, transfer
from jarvis_dagster.services.client_storage.sync import Side, SyncOptions, sync
from jarvis_dagster.services.client_storage.sync.names import stand_ins

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage import Drive
    from jarvis_dagster.services.client_storage.icloud.drive import ICloudDrive
    from tests.fakes.icloud import ICloudServer


class Crash(BaseException):
    """As when the power fails."""


def _local(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".jarvis" not in path.parts and "jarvis-sync-" not in path.name
    }


def _cloud(server: ICloudServer) -> dict[str, bytes]:
    found = server.tree.contents()
    return {path: content for path, content in found.items() if "jarvis-" not in path}


def _run(folder: Path, drive: Drive, state: Path) -> str:
    sides = Side(LocalFolderDrive(folder)), Side(drive)
    options = SyncOptions(force_deletes=True)
    return sync(*sides, state=state, options=options).status


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("stop_at", [2, 5, 9])
def test_a_crash_between_any_two_calls_is_made_good(
    server: ICloudServer,
    again: Callable[[], ICloudDrive],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
    stop_at: int,
) -> None:
    folder, state = tmp_path / "local", tmp_path / "sync.sqlite"
    (folder / "Games").mkdir(parents=True)
    for name in ("kept", "edited", "deleted", "edited there", "deleted there"):
        (folder / "Games" / f"{name}.mp4").write_bytes(name.encode() * 100)
    assert _run(folder, again(), state) == "ok"
    assert _cloud(server) == _local(folder)
    (folder / "Games" / "edited.mp4").write_bytes(b"version 2")
    (folder / "Games" / "deleted.mp4").unlink()
    (folder / "new.mp4").write_bytes(b"new")
    (folder / "Games" / "edited there.mp4").write_bytes(b"mine")
    by_name = {item.name: item for item in server.tree.items.values()}
    server.tree.write(by_name["edited there.mp4"].id, b"theirs")
    server.tree.trash(by_name["deleted there.mp4"])
    server.tree.add("new there.mp4", b"new there", parent=by_name["Games"].id)
    calls = 0

    def stopping(work: Callable) -> Callable:
        def counted(*args: object) -> object:
            nonlocal calls
            calls += 1
            if calls == stop_at and when == "before":
                raise Crash
            answer = work(*args)
            if calls == stop_at:
                raise Crash
            return answer

        return counted

    monkeypatch.setattr(changing.Changer, "_act", stopping(changing.Changer._act))
    monkeypatch.setattr(transfer.Transfer, "send", stopping(transfer.Transfer.send))
    try:
        _run(folder, again(), state)
    except Crash:
        everything = set(_local(folder).values()) | set(server.tree.contents().values())
        assert {b"version 2", b"new", b"mine", b"theirs", b"new there"} <= everything
    monkeypatch.undo()
    monkeypatch.setattr("keyring.get_password", lambda *_: None)
    assert _run(folder, again(), state) == "ok"
    assert _cloud(server) == _local(folder)
    assert sorted(_local(folder).values()) == sorted(
        [b"kept" * 100, b"version 2", b"new", b"mine", b"theirs", b"new there"]
    )
    changes = len(server.faults.log)
    assert _run(folder, again(), state) == "ok"
    posted = server.faults.log[changes:]
    assert not [line for line in posted if "Items" in line and "retrieve" not in line]


@pytest.mark.parametrize("taken", ["number", "refuse"])
def test_names_that_icloud_takes_for_one_are_two_files(
    server: ICloudServer, again: Callable[[], ICloudDrive], tmp_path: Path, taken: Any
) -> None:
    server.tree.behaviour.taken, server.tree.behaviour.folds_case = taken, True
    folder, state = tmp_path / "local", tmp_path / "sync.sqlite"
    for name in ("A.txt", "a.txt", "D/x", "d/x", "same", "SAME"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"same" if name.lower() == "same" else name.encode())
    assert _run(folder, again(), state) == "ok"
    assert sorted(_cloud(server).values()) == sorted(_local(folder).values())
    (folder / "a.txt").write_bytes(b"edited")
    (folder / "A.txt").unlink()
    (folder / "D").rename(folder / "e")
    assert _run(folder, again(), state) == "ok"
    first, second = next(stand_ins("a.txt")), next(stand_ins("d", is_folder=True))
    assert _cloud(server).keys() == {first, "e/x", f"{second}/x", "SAME", next(stand_ins("same"))}
    assert _cloud(server)[first] == b"edited"
