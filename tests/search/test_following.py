"""The index follows a drive: only what changed is fetched, and no crash loses anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage.search import SearchConfig, SearchIndex, index_drive
from tests.search.inside import assert_sound, content_of, paths
from tests.search.shared_drive import CrashError, SharedDrive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.usefixtures("quick")
class TestFollowing:
    def test_only_what_changed_is_fetched(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        ids = [drive.add(f"{n}.txt", f"word{n} common".encode()) for n in range(20)]
        assert index_drive(index, "cloud", drive).fetched == 20
        drive.write(ids[3], b"other common")
        report = index_drive(index, "cloud", drive)
        assert (report.full, report.fetched, report.updated) == (False, 1, 1)
        assert paths(index, "other") == {"3.txt"}
        assert paths(index, "word3") == set()
        assert len(paths(index, "common")) == 20
        assert_sound(index)

    def test_a_quiet_run_changes_nothing(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        drive.add("a.txt", b"one", drive.add("Team"))
        index_drive(index, "cloud", drive)
        before = content_of(index)
        assert not index_drive(index, "cloud", drive).changed
        assert content_of(index) == before

    def test_renamed_and_moved_files_are_not_fetched(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        team, archive = drive.add("Team"), drive.add("Archive")
        deep = drive.add("Deep", None, team)
        file, below = drive.add("a.txt", b"zone", team), drive.add("b.txt", b"zone", deep)
        index_drive(index, "cloud", drive)
        drive.place(file, name="breakout.txt")
        drive.place(team, parent=archive, name="Old team")
        report = index_drive(index, "cloud", drive)
        assert (report.fetched, report.extracted) == (0, 0)
        assert paths(index, "zone") == {
            "Archive/Old team/breakout.txt",
            "Archive/Old team/Deep/b.txt",
        }
        assert paths(index, "breakout zone") == {"Archive/Old team/breakout.txt"}
        assert paths(index, "in:Deep") == {"Archive/Old team/Deep/b.txt"}
        assert below in {hit.file_id for hit in index.search("archive deep zone")}
        assert_sound(index)

    def test_a_trashed_folder_takes_all_below_along(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        team = drive.add("Team")
        drive.add("a.txt", b"zone", drive.add("Deep", None, team))
        kept = drive.add("b.txt", b"zone", team)
        index_drive(index, "cloud", drive)
        drive.place(kept, parent="")
        drive.delete(team)
        report = index_drive(index, "cloud", drive)
        assert (report.removed, report.fetched) == (3, 0)
        assert paths(index, "zone") == {"b.txt"}
        assert_sound(index)

    def test_a_folder_that_comes_back_brings_what_is_in_it(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        team = drive.add("Team")
        deep = drive.add("Deep", None, team)
        drive.add("a.txt", b"zone", deep)
        index_drive(index, "cloud", drive)
        nodes = dict(drive.nodes)
        drive.delete(team)
        index_drive(index, "cloud", drive)
        assert paths(index, "zone") == set()
        drive.nodes = nodes
        drive.place(team)  # the feed names the folder alone
        index_drive(index, "cloud", drive)
        assert paths(index, "zone") == {"Team/Deep/a.txt"}

    def test_the_same_content_is_read_once(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        for name in ("a.txt", "b.txt", "c.txt"):
            drive.add(name, b"zone")
        report = index_drive(index, "cloud", drive)
        assert (report.fetched, report.extracted) == (3, 1)
        other = SharedDrive()
        other.add("d.txt", b"zone")
        assert index_drive(index, "other", other).extracted == 0
        assert len(paths(index, "zone")) == 4
        assert paths(index, "d zone") == {"d.txt"}

    def test_a_renamed_local_file_is_not_read_again(
        self, index: SearchIndex, tmp_path: Path
    ) -> None:
        drive = LocalFolderDrive(tmp_path / "drive")
        drive.check()
        (drive.root / "a.txt").write_text("zone")
        index_drive(index, "local", drive)
        (drive.root / "a.txt").rename(drive.root / "b.txt")
        assert index_drive(index, "local", drive).extracted == 0
        assert paths(index, "zone") == {"b.txt"}

    def test_another_extension_reads_the_content_anew(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        file = drive.add("page.html", b"<p>zo<b>ne</b></p><script>trap</script>")
        index_drive(index, "cloud", drive)
        assert paths(index, "trap") == set()
        drive.place(file, name="page.txt")
        index_drive(index, "cloud", drive)
        assert paths(index, "trap") == {"page.txt"}

    def test_a_forgotten_token_lists_everything_and_fetches_nothing_twice(
        self, index: SearchIndex
    ) -> None:
        drive = SharedDrive()
        ids = [drive.add(f"{n}.txt", b"zone") for n in range(5)]
        index_drive(index, "cloud", drive)
        drive.delete(ids[0])
        new = drive.add("new.txt", b"zone new")
        drive.expired = True
        drive.before = lambda method, _id: setattr(
            drive, "expired", drive.expired and method != "list"
        )
        report = index_drive(index, "cloud", drive)
        assert (report.full, report.fetched, report.removed) == (True, 1, 1)
        assert {hit.file_id for hit in index.search("zone")} == {*ids[1:], new}

    def test_a_listing_that_breaks_off_removes_nothing(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        for number in range(5):
            drive.add(f"{number}.txt", b"zone")
        index_drive(index, "cloud", drive)

        def fail(method: str, _file_id: str) -> None:
            if method == "list":
                raise TransientError("The listing is incomplete.")

        drive.before = fail
        with pytest.raises(TransientError):
            index_drive(index, "cloud", drive, full=True)
        assert len(paths(index, "zone")) == 5

    def test_what_arrives_during_the_first_listing_is_not_missed(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        drive.add("a.txt", b"zone")

        def arrive(method: str, _file_id: str) -> None:
            if method == "download" and len(drive.nodes) == 1:
                drive.add("b.txt", b"zone")

        drive.before = arrive
        index_drive(index, "cloud", drive)
        assert paths(index, "zone") == {"a.txt", "b.txt"}

    def test_a_file_that_cannot_be_fetched_now_is_found_by_name_and_tried_again(
        self, index: SearchIndex
    ) -> None:
        drive = SharedDrive()
        bad = drive.add("bad.txt", b"zone")
        for number in range(12):
            drive.add(f"{number}.txt", b"zone")

        def fail(method: str, file_id: str) -> None:
            if (method, file_id) == ("download", bad):
                raise TransientError("It changed while it was fetched.")

        drive.before = fail
        report = index_drive(index, "cloud", drive)
        assert report.waiting == [("bad.txt", "It changed while it was fetched.")]
        assert len(paths(index, "zone")) == 12
        assert paths(index, "bad") == {"bad.txt"}
        assert index.status().problems[0].will_retry
        drive.before = lambda _method, _file_id: None
        assert index_drive(index, "cloud", drive).waiting == []
        assert len(paths(index, "zone")) == 13

    def test_files_that_always_fail_do_not_stop_the_others(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        bad = {drive.add(f"bad{number}.txt", b"zone") for number in range(12)}
        drive.add("good.txt", b"zone")

        def fail(method: str, file_id: str) -> None:
            if method == "download" and file_id in bad:
                raise TransientError("Broken.")

        drive.before = fail
        assert len(index_drive(index, "cloud", drive).waiting) == 12
        assert paths(index, "zone") == {"good.txt"}

    def test_an_outage_stops_the_run_and_keeps_what_was_done(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        for number in range(20):
            drive.add(f"{number}.txt", f"zone {number}".encode())

        def fail(method: str, _file_id: str) -> None:
            if drive.calls["download"] > 8 and method in ("download", "check"):
                raise TransientError("The network is down.")

        drive.before = fail
        with pytest.raises(TransientError, match="network"):
            index_drive(index, "cloud", drive)
        assert len(paths(index, "zone")) == 8
        drive.before = lambda _method, _file_id: None
        drive.calls.clear()
        index_drive(index, "cloud", drive)
        assert drive.calls["download"] == 12
        assert len(paths(index, "zone")) == 20

    def test_a_file_that_goes_while_it_is_fetched_leaves(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        gone = drive.add("gone.txt", b"zone")

        def vanish(method: str, file_id: str) -> None:
            if method == "download" and file_id in drive.nodes:
                drive.delete(gone)

        drive.before = vanish
        assert index_drive(index, "cloud", drive).failed == []
        assert paths(index, "gone") == set()

    def test_a_new_folder_that_cannot_be_listed_does_not_stop_the_others(
        self, index: SearchIndex
    ) -> None:
        drive = SharedDrive()
        index_drive(index, "cloud", drive)
        secret = drive.add("Secret")
        drive.add("a.txt", b"zone", secret)
        good = drive.add("b.txt", b"zone")
        drive._feed = [secret, good]  # the feed names the folder, and not what is in it

        def refuse(method: str, file_id: str) -> None:
            if (method, file_id) == ("list", secret):
                raise PermanentError("Not for you.")

        drive.before = refuse
        report = index_drive(index, "cloud", drive)
        assert report.waiting == [("Secret", "Not for you.")]
        assert paths(index, "zone") == {"b.txt"}
        drive.before = lambda _method, _file_id: None
        assert index_drive(index, "cloud", drive).waiting == []
        assert paths(index, "zone") == {"Secret/a.txt", "b.txt"}

    def test_a_local_file_that_grows_while_it_is_read_is_read_again(
        self, index: SearchIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from jarvis_dagster.services.client_storage.search import fetching

        drive = LocalFolderDrive(tmp_path / "drive")
        drive.check()
        file = drive.root / "a.txt"
        file.write_text("zone")
        copy, times = fetching.shutil.copyfile, []

        def grow(source: Path, target: Path) -> None:
            copy(source, target)
            times.append(1)
            if len(times) <= 2:
                file.write_text("zone " * (10 + len(times)))

        monkeypatch.setattr(fetching.shutil, "copyfile", grow)
        assert index_drive(index, "local", drive).waiting == []
        assert len(times) > 2
        (hit,) = index.search("zone")
        assert hit.snippet.count("zone") == 12

    def test_large_empty_and_other_files_are_found_by_name(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        drive.add("large.txt", b"zone " * 300_000)
        drive.add("empty.txt", b"")
        drive.add("clip.mp4", b"zone")
        drive.add("noise.txt", bytes(range(256)))
        report = index_drive(index, "cloud", drive, config=SearchConfig(max_file_mb=1))
        assert drive.calls["download"] == 1
        assert dict(report.failed) == {
            "large.txt": "is larger than 1 MB",
            "noise.txt": "is not text",
        }
        for word in ("large", "empty", "clip", "noise"):
            assert len(paths(index, word)) == 1
        problems = {problem.path: problem.reason for problem in index.status().problems}
        assert problems == dict(report.failed)

    def test_what_could_not_be_read_is_tried_again_when_asked(
        self, index: SearchIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        drive = SharedDrive()
        drive.add("large.txt", b"zone " * 300_000)
        index_drive(index, "cloud", drive, config=SearchConfig(max_file_mb=1))
        assert index_drive(index, "cloud", drive).failed  # not by itself
        assert index_drive(index, "cloud", drive, retry=True).failed == []
        assert paths(index, "zone") == {"large.txt"}

    def test_readers_that_learnt_more_try_again(
        self, index: SearchIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from jarvis_dagster.services.client_storage.search import content_table, file_lookup

        drive = SharedDrive()
        drive.add("noise.txt", bytes(range(256)))
        index_drive(index, "cloud", drive)
        assert index_drive(index, "cloud", drive).fetched == 0
        for module in (content_table, file_lookup):
            monkeypatch.setattr(module, "READER_VERSION", 99)
        assert index_drive(index, "cloud", drive).extracted == 1
        assert index_drive(index, "cloud", drive).fetched == 0

    def test_a_drive_can_be_forgotten(self, index: SearchIndex) -> None:
        drive = SharedDrive()
        drive.add("a.txt", b"zone")
        index_drive(index, "cloud", drive)
        index_drive(index, "other", drive)
        with index.writing() as store:
            store.forget_drive("other")
        assert [hit.drive for hit in index.search("zone")] == ["cloud"]
        assert_sound(index)

    def test_a_crash_at_every_call_of_the_drive_converges(self, tmp_path: Path) -> None:
        def make() -> SharedDrive:
            drive = SharedDrive(page=3)
            team = drive.add("Team")
            for number in range(4):
                drive.add(f"{number}.txt", f"zone {number}".encode(), team)
            return drive

        def change(drive: SharedDrive) -> None:
            old = next(iter(drive.nodes))
            new = drive.add("New", None)
            drive.add("deep.txt", b"zone deep", drive.add("Deep", None, new))
            drive.place(old, parent=new)
            drive.grant(old, "ann@club.org")
            files = [node.id for node in drive.nodes.values() if node.content]
            drive.write(files[0], b"other")
            drive.delete(files[1])

        drive = make()
        plain = SearchIndex(tmp_path / "plain")
        index_drive(plain, "cloud", drive)
        change(drive)
        drive.calls.clear()
        index_drive(plain, "cloud", drive)
        wanted, calls = content_of(plain), drive.calls.total()
        assert calls > 10
        for crash_at in range(1, calls + 1):
            index, drive = SearchIndex(tmp_path / str(crash_at)), make()
            index_drive(index, "cloud", drive)
            change(drive)
            drive.calls.clear()
            drive.before = _crash(drive, crash_at)
            with pytest.raises(CrashError):
                index_drive(index, "cloud", drive)
            index_drive(index, "cloud", drive)
            assert content_of(index) == wanted, crash_at
            assert_sound(index)


def _crash(drive: SharedDrive, at: int) -> Callable[[str, str], None]:
    def crash(_method: str, _file_id: str) -> None:
        if drive.calls.total() == at:
            raise CrashError

    return crash
