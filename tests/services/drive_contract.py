"""What every drive must do. A provider's tests subclass DriveContract.

Belongs here: the promises of ``Drive``. Does not belong here: any provider.
"""

from __future__ import annotations

import hashlib
import threading
import unicodedata
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    NotSupportedError,
)
from tests.services.listing_contract import ListingContract

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage import Drive

__all__ = ["HOSTILE_NAMES", "DriveContract"]

HOSTILE_NAMES = [
    "plain.mp4",
    "with space & 'quotes' \".mp4",
    "Größe 🏒 冰球.mp4",
    "U\u0308bung.mp4",  # decomposed
    "new\nline\ttab.mp4",
    "../../escape.mp4",
    "..\\..\\escape.mp4",
    "/etc/passwd",
    "..",
    ".",
    "...",
    ".hidden",
    "~$lock.docx",
    "NUL.txt",
    "trailing dot.",
    " leading and trailing ",
    "percent%2F..%00.mp4",
    "\u202egpj.exe",
    "nul\0byte",
    "x" * 300 + ".mp4",
    "ü" * 150 + ".mp4",
]


class DriveContract(ListingContract):
    """Subclass it and give it a fixture ``drive`` that returns an empty drive."""

    def test_what_goes_up_comes_down(self, drive: Drive, source: Path, tmp_path: Path) -> None:
        folder = drive.create_folder("Uploads")
        file = drive.upload(source, folder.id)
        assert (file.path, file.name, file.size) == ("Uploads/clip.mp4", "clip.mp4", 30_000)
        assert file.media_type == "video/mp4"
        assert file.modified.tzinfo is not None
        assert drive.stat(file.id) == file
        assert drive.find("Uploads/clip.mp4") == file
        assert drive.sha256(file.id) == hashlib.sha256(source.read_bytes()).hexdigest()
        target = tmp_path / "new" / "back.mp4"
        assert drive.download(file.id, target) == file
        assert target.read_bytes() == source.read_bytes()
        assert [p.name for p in target.parent.iterdir()] == ["back.mp4"]

    def test_an_empty_file_is_a_file(self, drive: Drive, tmp_path: Path) -> None:
        (tmp_path / "empty.txt").touch()
        file = drive.upload(tmp_path / "empty.txt")
        drive.download(file.id, tmp_path / "back")
        assert (file.size, (tmp_path / "back").read_bytes()) == (0, b"")

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_hostile_names_stay_inside_and_are_seen(
        self, drive: Drive, source: Path, name: str
    ) -> None:
        folder = drive.create_folder("Inside")
        file = drive.upload(source, folder.id, name)
        assert file.path.startswith("Inside/")
        assert file.path.count("/") == 1
        assert file.path == unicodedata.normalize("NFC", file.path)
        assert [f.id for f in drive.list_all(folder.id)] == [file.id]
        assert drive.sha256(file.id) == hashlib.sha256(source.read_bytes()).hexdigest()

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_hostile_folder_names_stay_inside(self, drive: Drive, name: str) -> None:
        parent = drive.create_folder("Inside")
        folder = drive.create_folder(name, parent.id)
        assert folder.is_folder
        assert folder.path.count("/") == 1
        assert [f.id for f in drive.list_all(parent.id)] == [folder.id]
        assert drive.create_folder(name, parent.id) == folder

    def test_same_name_same_content_is_one_file(self, drive: Drive, source: Path) -> None:
        first = drive.upload(source)
        assert drive.upload(source) == first
        assert len(list(drive.list_all())) == 1

    def test_same_name_other_content_never_overwrites(self, drive: Drive, source: Path) -> None:
        first = drive.upload(source)
        digest = drive.sha256(first.id)
        names = [first.name]
        for number in range(3):
            source.write_bytes(f"other {number}".encode())
            names.append(drive.upload(source).name)
        assert names == ["clip.mp4", "clip (2).mp4", "clip (3).mp4", "clip (4).mp4"]
        assert drive.sha256(first.id) == digest

    def test_unicode_forms_of_one_name_are_one_name(self, drive: Drive, source: Path) -> None:
        composed, decomposed = "\u00dcbung.mp4", "U\u0308bung.mp4"
        first = drive.upload(source, name=composed)
        assert drive.find(decomposed) == drive.find(composed) == first
        source.write_bytes(b"other")
        second = drive.upload(source, name=decomposed)
        assert second.name == "\u00dcbung (2).mp4"

    def test_replace_only_what_has_not_changed(self, drive: Drive, source: Path) -> None:
        first = drive.upload(source)
        source.write_bytes(b"version 2")
        second = drive.upload(source, replace=first)
        assert second.name == "clip.mp4"
        assert second.version != first.version
        source.write_bytes(b"version 3")
        third = drive.upload(source, replace=first)  # which is not what is there now
        assert third.name == "clip (2).mp4"
        assert drive.stat(second.id) == second

    def test_many_uploads_of_one_name_at_once_keep_all(self, drive: Drive, tmp_path: Path) -> None:
        def upload(number: int) -> None:
            path = tmp_path / f"in-{number}"
            path.write_bytes(str(number).encode() * 1000)
            drive.upload(path, name="same.mp4")

        threads = [threading.Thread(target=upload, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        contents = {drive.sha256(file.id) for file in drive.list_all()}
        assert len(contents) == 8

    def test_exact_uploads_take_no_other_name(self, drive: Drive, source: Path) -> None:
        first = drive.upload(source, exact=True)
        assert drive.upload(source, exact=True) == first
        source.write_bytes(b"version 2")
        with pytest.raises(ConflictError, match=r"clip\.mp4"):
            drive.upload(source, exact=True)
        second = drive.upload(source, replace=first, exact=True)
        source.write_bytes(b"version 3")
        with pytest.raises(ConflictError, match=r"clip\.mp4"):
            drive.upload(source, replace=first, exact=True)
        assert list(drive.list_all()) == [second]

    def test_exact_moves_take_no_other_name(self, drive: Drive, source: Path) -> None:
        folder = drive.create_folder("Done")
        drive.upload(source, folder.id)
        file = drive.upload(source, name="other.mp4")
        with pytest.raises(ConflictError, match=r"clip\.mp4"):
            drive.move(file.id, folder.id, "clip.mp4", exact=True)
        assert drive.stat(file.id) == file

    def test_only_the_version_that_was_seen_goes_to_the_trash(
        self, drive: Drive, source: Path
    ) -> None:
        first = drive.upload(source)
        source.write_bytes(b"version 2")
        second = drive.upload(source, replace=first)
        with pytest.raises(ConflictError, match=r"clip\.mp4"):
            drive.trash(second.id, version=first.version)
        assert drive.stat(second.id) == second
        drive.trash(second.id, version=second.version)
        assert drive.stat(second.id) is None

    def test_progress_ends_with_everything(
        self, drive: Drive, source: Path, tmp_path: Path
    ) -> None:
        sent: list[tuple[int, int]] = []
        fetched: list[tuple[int, int]] = []
        file = drive.upload(source, progress=lambda done, total: sent.append((done, total)))
        drive.download(
            file.id, tmp_path / "x", progress=lambda done, total: fetched.append((done, total))
        )
        assert sent[-1] == fetched[-1] == (30_000, 30_000)
        assert sent == sorted(sent)

    def test_parents_are_named(self, drive: Drive, source: Path) -> None:
        folder = drive.create_folder("Outer")
        inner = drive.create_folder("Inner", folder.id)
        file = drive.upload(source, inner.id)
        assert (folder.parent_id, inner.parent_id, file.parent_id) == ("", folder.id, inner.id)

    def test_quota_counts_bytes(self, drive: Drive) -> None:
        quota = drive.quota()
        assert quota.used >= 0
        assert quota.total is None or quota.total >= quota.free is not None

    def test_move_never_overwrites(self, drive: Drive, source: Path) -> None:
        folder = drive.create_folder("Done")
        drive.upload(source, folder.id)
        source.write_bytes(b"other")
        file = drive.upload(source)
        moved = drive.move(file.id, folder.id)
        assert moved.path == "Done/clip (2).mp4"
        assert drive.find("clip.mp4") is None
        assert drive.move(moved.id, folder.id, "renamed.mp4").path == "Done/renamed.mp4"
        assert len(list(drive.list_all(folder.id))) == 2

    def test_move_a_folder_with_what_is_in_it(self, drive: Drive, source: Path) -> None:
        folder, target = drive.create_folder("From"), drive.create_folder("To")
        drive.upload(source, folder.id)
        moved = drive.move(folder.id, target.id)
        assert moved.path == "To/From"
        assert drive.find("To/From/clip.mp4") is not None
        with pytest.raises(BadInputError, match="itself"):
            drive.move(target.id, moved.id)

    def test_trash_takes_out_of_the_listing(self, drive: Drive, source: Path) -> None:
        file = drive.upload(source)
        drive.trash(file.id)
        assert list(drive.list_all(recursive=True)) == []
        assert drive.stat(file.id) is None
        again = drive.upload(source)
        drive.trash(again.id)  # a second of the same name

    @pytest.mark.parametrize(
        "hostile", ["../x", "/etc/passwd", "a/../../x", "", ".", "..", "a//b", "nul\0byte"]
    )
    def test_ids_cannot_name_what_is_outside(
        self, drive: Drive, source: Path, tmp_path: Path, hostile: str
    ) -> None:
        for call in (
            lambda: drive.download(hostile, tmp_path / "x"),
            lambda: drive.sha256(hostile),
            lambda: drive.upload(source, hostile),
            lambda: drive.create_folder("x", hostile),
            lambda: drive.move(hostile),
            lambda: drive.trash(hostile),
            lambda: list(drive.list_all(hostile)),
        ):
            with pytest.raises(BadInputError):
                call()

    def test_an_unknown_id_is_an_error_but_stat_is_none(self, drive: Drive, tmp_path: Path) -> None:
        assert drive.stat("no-such-id") is None
        assert drive.find("no/such/path") is None
        with pytest.raises(BadInputError):
            drive.download("no-such-id", tmp_path / "x")
        assert not (tmp_path / "x").exists()

    def test_shares_with_people_or_says_that_it_cannot(self, drive: Drive, source: Path) -> None:
        folder = drive.create_folder("Shared")
        file = drive.upload(source, folder.id)
        if not drive.can_share:
            for call in (
                lambda: drive.share(file.id, ["coach@example.org"]),
                lambda: drive.share_link(file.id),
                lambda: drive.unshare(file.id, "1"),
                lambda: drive.permissions(file.id),
            ):
                with pytest.raises(NotSupportedError, match="share"):
                    call()
            return
        coach, parent = drive.share(folder.id, ["coach@example.org", "parent@example.org"])
        assert (coach.kind, coach.who, coach.role) == ("person", "coach@example.org", "reader")
        drive.share(folder.id, ["coach@example.org"])  # again: still one
        (writer,) = drive.share(folder.id, ["coach@example.org"], "writer")
        assert writer.role == "writer"
        seen = {p.who: p.role for p in drive.permissions(folder.id) if p.role != "owner"}
        assert seen == {"coach@example.org": "writer", "parent@example.org": "reader"}
        below = {p.who: p.inherited for p in drive.permissions(file.id) if p.role != "owner"}
        assert below == {"coach@example.org": True, "parent@example.org": True}
        drive.unshare(folder.id, parent.id)
        drive.unshare(folder.id, parent.id)  # gone already
        assert "parent@example.org" not in {p.who for p in drive.permissions(file.id)}

    def test_shares_by_link_until_it_is_taken_back(self, drive: Drive, source: Path) -> None:
        if not drive.can_share:
            return
        file = drive.upload(source)
        link = drive.share_link(file.id)
        assert (link.kind, link.role) == ("link", "reader")
        assert link.link.startswith("https://")
        assert link in drive.permissions(file.id)
        drive.unshare(file.id, link.id)
        assert link not in drive.permissions(file.id)

    def test_roles_are_checked(self, drive: Drive, source: Path) -> None:
        if not drive.can_share:
            return
        file = drive.upload(source)
        with pytest.raises(BadInputError, match="king"):
            drive.share(file.id, ["coach@example.org"], "king")
        with pytest.raises(BadInputError, match="not an address"):
            drive.share(file.id, ["not an address"])
        assert [p.role for p in drive.permissions(file.id)] == ["owner"]

    def test_searches_or_says_that_it_cannot(self, drive: Drive, source: Path) -> None:
        if not drive.can_search:
            with pytest.raises(NotSupportedError, match="search"):
                drive.search("clip")
            return
        file = drive.upload(source, name="semi-final clip.mp4")
        drive.upload(source, name="other.mp4")
        assert list(drive.search("clip")) == [file]
        assert list(drive.search('it\'s \\ a "trap"')) == []

    def test_check_passes(self, drive: Drive) -> None:
        drive.check()
        assert list(drive.list_all()) == []
