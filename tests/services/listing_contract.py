"""What every drive must tell of its files and of what changes; a part of DriveContract.

Belongs here: listings and changes. Does not belong here: what is done to files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError, TokenExpiredError
from jarvis_dagster.services.client_storage import Changes, Drive, DriveFile

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ListingContract"]


class ListingContract:
    """Needs a fixture ``drive`` that returns an empty drive."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        path = tmp_path / "source" / "clip.mp4"
        path.parent.mkdir()
        path.write_bytes(b"frames" * 5000)
        return path

    def test_listing_comes_in_pages_without_gaps(self, drive: Drive, tmp_path: Path) -> None:
        folder = drive.create_folder("Many")
        below = drive.create_folder("Below", folder.id)
        for number in range(7):
            path = tmp_path / f"{number}.txt"
            path.write_text(str(number))
            drive.upload(path, folder.id if number < 5 else below.id)
        seen, token = [], None
        while True:
            page = drive.list(folder.id, page_token=token, page_size=2)
            assert 0 < len(page.files) <= 2
            seen += [file.name for file in page.files]
            token = page.next_token
            if token is None:
                break
        assert sorted(seen) == ["0.txt", "1.txt", "2.txt", "3.txt", "4.txt", "Below"]
        everything = [file.path for file in drive.list_all(recursive=True)]
        paged = [file.path for file in Drive.list_all(drive, recursive=True)]
        assert paged == everything
        assert len(everything) == len(set(everything)) == 9
        assert "Many/Below/6.txt" in everything

    def test_changes_since_a_token(self, drive: Drive, source: Path) -> None:
        folder = drive.create_folder("Watched")
        first = drive.upload(source, folder.id)
        start = drive.start_token()
        assert _all_changes(drive, start)[:2] == ([], [])
        source.write_bytes(b"version 2, of another length")
        newer = drive.upload(source, folder.id, replace=first)
        source.write_bytes(b"another")
        other = drive.upload(source, folder.id, "other.mp4")
        files, _, token = _all_changes(drive, start)
        assert {newer, other} <= set(files)
        assert first.version not in {file.version for file in files}
        drive.trash(other.id)
        files, removed, token = _all_changes(drive, token)
        assert [file for file in files if not file.is_folder] == []
        assert removed == [other.id]
        assert _all_changes(drive, token)[:2] == ([], [])

    def test_changes_come_in_pages_without_gaps(self, drive: Drive, tmp_path: Path) -> None:
        token = drive.start_token()
        wanted = set()
        for number in range(7):
            path = tmp_path / f"{number}.txt"
            path.write_text(str(number))
            wanted.add(drive.upload(path).id)
        seen: set[str] = set()
        for _ in range(20):
            page = drive.changes(token, limit=2)
            seen |= {file.id for file in page.files}
            token = page.token
            if not page.more:
                break
        assert seen == wanted
        assert drive.changes(token) == Changes((), (), token)

    def test_a_moved_file_is_a_change(self, drive: Drive, source: Path) -> None:
        file = drive.upload(source)
        folder = drive.create_folder("Done")
        token = drive.start_token()
        moved = drive.move(file.id, folder.id, "renamed.mp4")
        files, removed, _ = _all_changes(drive, token)
        assert [found.path for found in files if not found.is_folder] == ["Done/renamed.mp4"]
        assert removed == ([] if moved.id == file.id else [file.id])

    def test_a_damaged_token_is_an_error(self, drive: Drive) -> None:
        with pytest.raises((BadInputError, TokenExpiredError), match="token"):
            drive.changes("not a token")


def _all_changes(drive: Drive, token: str) -> tuple[list[DriveFile], list[str], str]:
    """What changed since ``token``: each file once, as it is now."""
    files: dict[str, DriveFile] = {}
    removed: dict[str, None] = {}
    while True:
        page = drive.changes(token)
        for gone in page.removed:
            files.pop(gone, None)
            removed[gone] = None
        for file in page.files:
            removed.pop(file.id, None)
            files[file.id] = file
        token = page.token
        if not page.more:
            return list(files.values()), list(removed), token
