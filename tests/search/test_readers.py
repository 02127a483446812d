"""Nobody gets a hit on a file that they cannot see."""

from __future__ import annotations

import datetime
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.client_storage import LocalFolderDrive
from jarvis_dagster.services.client_storage.drive import Permission
from jarvis_dagster.services.client_storage.search import SearchConfig, SearchIndex, index_drive
from tests.search.shared_drive import SharedDrive

pytestmark = pytest.mark.usefixtures("quick")
ANN, BOB = "ann@club.org", "bob@rival.net"
TEXT = b"hockey"


def seen(index: SearchIndex, asker: str | None, query: str = "hockey") -> set[str]:
    return {hit.file_id for hit in index.search(query, asker=asker, limit=1000)}


def may_see(drive: SharedDrive, asker: str) -> set[str]:
    """What the drive itself would show this person, of files with the text."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        node.id
        for node in drive.nodes.values()
        if node.content == TEXT
        and any(
            permission.who in (asker, asker.partition("@")[2])
            and permission.kind in ("person", "domain")
            and (permission.expires is None or permission.expires > now)
            for permission in drive.permissions(node.id)
        )
    }


def assert_no_hidden_folder_shows(index: SearchIndex, drive: SharedDrive, asker: str) -> None:
    folders = [node for node in drive.nodes.values() if node.content is None]
    hidden = {
        node.name
        for node in folders
        if not any(
            one.kind in ("person", "domain") and one.who in (asker, asker.partition("@")[2])
            for one in drive.permissions(node.id)
        )
    }
    for hit in index.search("hockey", asker=asker, limit=1000):
        assert not hidden & set(hit.path.split("/"))
    for name in hidden:
        assert index.search(name, asker=asker) == []
        assert index.search(f"hockey in:{name}", asker=asker) == []


def test_people_find_what_is_shared_with_them_and_the_operator_everything(
    index: SearchIndex,
) -> None:
    drive = SharedDrive()
    folder = drive.add("Team")
    for_ann = drive.add("a.txt", TEXT, folder)
    for_both = drive.add("b.txt", TEXT, folder)
    private = drive.add("c.txt", TEXT)
    drive.grant(folder, ANN)
    drive.grant(for_both, BOB)
    index_drive(index, "cloud", drive)
    assert seen(index, None) == {for_ann, for_both, private}
    assert seen(index, ANN) == {for_ann, for_both}
    assert seen(index, BOB) == {for_both}
    assert seen(index, "owner@club.org") == {for_ann, for_both, private}
    assert seen(index, "nobody@club.org") == set()


def test_addresses_are_compared_as_mail_does(index: SearchIndex) -> None:
    drive = SharedDrive()
    file = drive.add("a.txt", TEXT)
    drive.grant(file, " Ann@Club.ORG ")
    index_drive(index, "cloud", drive)
    assert seen(index, "ANN@club.org") == {file}
    for other in ("ann@club.org.evil.net", "xann@club.org", "ann@sub.club.org"):
        assert seen(index, other) == set()


@pytest.mark.parametrize("asker", ["", " ", "ann", "@", "ann@", "a@b@club.org", "ann@x\nclub.org"])
def test_who_is_not_an_address_is_nobody_not_the_operator(index: SearchIndex, asker: str) -> None:
    drive = SharedDrive()
    drive.add("a.txt", TEXT)
    index_drive(index, "cloud", drive)
    with pytest.raises(BadInputError, match="not an e-mail address"):
        index.search("hockey", asker=asker)


def test_organisations_count_groups_and_links_do_not(index: SearchIndex) -> None:
    drive = SharedDrive()
    by_kind = {kind: drive.add(f"{kind}.txt", TEXT) for kind in ("domain", "group", "link")}
    drive.grant(by_kind["domain"], "club.org", "domain")
    drive.grant(by_kind["group"], "coaches@club.org", "group")
    drive.grant(by_kind["link"], "", "link")
    index_drive(index, "cloud", drive)
    assert seen(index, ANN) == {by_kind["domain"]}
    assert seen(index, "coaches@club.org") == {by_kind["domain"]}
    assert seen(index, BOB) == set()


def test_a_grant_ends_by_itself_without_a_run(index: SearchIndex, monkeypatch: object) -> None:
    drive = SharedDrive()
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    file = drive.add("a.txt", TEXT)
    drive.grant(file, ANN, expires=soon)
    past = drive.add("b.txt", TEXT)
    drive.grant(past, ANN, expires=soon - datetime.timedelta(hours=2))
    index_drive(index, "cloud", drive)
    assert seen(index, ANN) == {file}
    from jarvis_dagster.services.client_storage.search import views

    monkeypatch.setattr(views.time, "time", lambda: soon.timestamp() + 1)  # type: ignore[attr-defined]
    assert seen(index, ANN) == set()


def test_a_filter_never_comes_after_the_limit(index: SearchIndex) -> None:
    drive = SharedDrive()
    for number in range(30):
        drive.add(f"hockey hockey {number}.txt", b"hockey hockey hockey")
    mine = drive.add("z.txt", b"much else was said and then, once, hockey")
    drive.grant(mine, ANN)
    index_drive(index, "cloud", drive)
    assert [hit.file_id for hit in index.search("hockey", asker=ANN, limit=1)] == [mine]


def test_scores_and_snippets_do_not_tell_of_hidden_files(index: SearchIndex) -> None:
    drive = SharedDrive()
    mine = drive.add("a.txt", b"hockey and trades")
    drive.grant(mine, ANN)
    index_drive(index, "cloud", drive)
    before = index.search("hockey trades", asker=ANN)
    for number in range(20):
        drive.add(f"secret {number}.txt", b"trades trades trades")
    index_drive(index, "cloud", drive)
    assert index.search("hockey trades", asker=ANN) == before


@pytest.mark.parametrize("tells", [True, False])
def test_taking_back_a_folder_hides_all_below_at_the_next_run(
    index: SearchIndex, tells: bool
) -> None:
    drive = SharedDrive(tells_sharing=tells)
    folder = drive.add("Team")
    below = drive.add("Deep", None, folder)
    file = drive.add("a.txt", TEXT, below)
    drive.grant(folder, ANN)
    index_drive(index, "cloud", drive)
    assert seen(index, ANN) == {file}
    drive.revoke(folder)
    report = index_drive(index, "cloud", drive)
    assert seen(index, ANN) == set()
    assert report.readers_changed == 3
    assert report.fetched == 0


def test_leaving_a_shared_drive_hides_all_of_it(index: SearchIndex) -> None:
    drive = SharedDrive(tells_sharing=False)
    folder = drive.add("Team")
    drive.add("a.txt", TEXT, folder)
    drive.add("b.txt", TEXT)
    drive.add("c.txt", TEXT)
    drive.members = [Permission("", "person", ANN, "reader")]
    index_drive(index, "cloud", drive)
    assert len(seen(index, ANN)) == 3
    drive.members = []
    index_drive(index, "cloud", drive)
    assert seen(index, ANN) == set()


def test_moving_into_a_private_folder_hides(index: SearchIndex) -> None:
    drive = SharedDrive()
    team, private = drive.add("Team"), drive.add("Private")
    folder = drive.add("Plans", None, team)
    drive.add("a.txt", TEXT, folder)
    drive.grant(team, ANN)
    index_drive(index, "cloud", drive)
    assert seen(index, ANN)
    drive.place(folder, parent=private)
    index_drive(index, "cloud", drive)
    assert seen(index, ANN) == set()
    assert [hit.path for hit in index.search("hockey")] == ["Private/Plans/a.txt"]


def test_names_of_folders_above_that_a_person_cannot_see_are_not_told(
    index: SearchIndex,
) -> None:
    drive = SharedDrive()
    secret = drive.add("Dismissal of Smith")
    team = drive.add("Team", None, secret)
    plans = drive.add("Plans", None, team)
    file = drive.add("a.txt", TEXT, plans)
    drive.grant(team, ANN)
    alone = drive.add("b.txt", TEXT, secret)
    drive.grant(alone, ANN)
    index_drive(index, "cloud", drive)
    found = {hit.file_id: hit.path for hit in index.search("hockey", asker=ANN)}
    assert found == {file: "Team/Plans/a.txt", alone: "b.txt"}
    for query in ("dismissal", "hockey smith", "smi*", "in:Dismissal*", "smith type:folder"):
        assert index.search(query, asker=ANN) == [], query
    for place in ("Dismissal of Smith", "Dismissal of Smith/Team", "dismissal of smith/team/plans"):
        assert index.search(f'hockey in:"{place}"', asker=ANN) == [], place
        assert index.search("hockey", folder=place, asker=ANN) == [], place
        assert index.search(f'hockey in:"{place}"'), place
    assert len(index.search("hockey -smith -in:Dismissal", asker=ANN)) == 2
    # What they may see, they may use.
    for query in ("hockey in:team", "hockey in:Team/Plans", "hockey team", "hockey plans team a"):
        assert seen(index, ANN, query) == {file}, query
    assert seen(index, ANN, "team plans") == {plans}
    assert seen(index, ANN, "hockey -in:Plans") == {alone}
    assert [hit.path for hit in index.search("hockey", folder="Team", asker=ANN)] == [found[file]]
    assert index.search("hockey", folder="Plans", asker=ANN) == []


def test_many_folders_of_one_name(index: SearchIndex) -> None:
    drive = SharedDrive()
    team = drive.add("Team")
    drive.grant(team, ANN)
    for _ in range(1500):
        drive.add("Deep", None, team)
    file = drive.add("a.txt", TEXT, drive.add("Deep", None, team))
    index_drive(index, "cloud", drive)
    query = "hockey in:Deep -in:Shallow " + "deep team " * 20
    assert seen(index, ANN, query) == {file}
    assert seen(index, None, query) == {file}


def test_the_same_bytes_elsewhere_are_not_shared_with_them(index: SearchIndex) -> None:
    drive = SharedDrive()
    hidden, shown = drive.add("hidden.txt", TEXT), drive.add("shown.txt", TEXT)
    drive.grant(shown, ANN)
    report = index_drive(index, "cloud", drive)
    assert (report.fetched, report.extracted) == (2, 1)
    assert seen(index, ANN) == {shown}
    drive.delete(shown)
    index_drive(index, "cloud", drive)
    assert seen(index, ANN) == set()
    assert seen(index, None) == {hidden}


def test_a_file_whose_readers_cannot_be_asked_is_shown_to_nobody_and_asked_again(
    index: SearchIndex,
) -> None:
    drive = SharedDrive()
    file = drive.add("a.txt", TEXT)
    other = drive.add("b.txt", TEXT)
    for one in (file, other):
        drive.grant(one, ANN)

    def fail(method: str, file_id: str) -> None:
        if (method, file_id) == ("permissions", file):
            raise TransientError("The server is tired.")

    drive.before = fail
    report = index_drive(index, "cloud", drive)
    assert seen(index, ANN) == {other}
    assert [path for path, _ in report.waiting] == ["a.txt"]
    drive.before = lambda _method, _file_id: None
    assert index_drive(index, "cloud", drive).waiting == []
    assert seen(index, ANN) == {file, other}


def test_no_right_to_know_the_readers_means_nobody(index: SearchIndex) -> None:
    drive = SharedDrive()
    file = drive.add("a.txt", TEXT)
    drive.grant(file, ANN)

    def refuse(method: str, _file_id: str) -> None:
        if method == "permissions":
            raise PermanentError("Not for you.")

    drive.before = refuse
    index_drive(index, "cloud", drive)
    assert (seen(index, ANN), seen(index, None)) == (set(), {file})


def test_an_outage_changes_no_readers(index: SearchIndex) -> None:
    drive = SharedDrive()
    file = drive.add("a.txt", TEXT)
    drive.grant(file, ANN)
    index_drive(index, "cloud", drive)

    def outage(method: str, _file_id: str) -> None:
        if method in ("permissions", "check"):
            raise TransientError("The network is down.")

    drive.before = outage
    drive.add("b.txt", TEXT)
    with pytest.raises(TransientError, match="network"):
        index_drive(index, "cloud", drive)
    assert seen(index, ANN) == {file}


def test_a_drive_without_people_is_for_the_operator(index: SearchIndex, tmp_path: Path) -> None:
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive" / "a.txt").write_bytes(TEXT)
    index_drive(index, "local", LocalFolderDrive(tmp_path / "drive"))
    assert (len(seen(index, None)), seen(index, ANN)) == (1, set())


def test_readers_are_asked_again_after_a_day(index: SearchIndex) -> None:
    drive = SharedDrive(tells_sharing=False)
    file = drive.add("a.txt", TEXT, drive.add("Team"))
    index_drive(index, "cloud", drive)
    drive.grant(file, ANN)
    index_drive(index, "cloud", drive)
    assert seen(index, ANN) == set()  # a grant that the drive did not tell waits
    index_drive(index, "cloud", drive, config=SearchConfig(readers_max_age_h=0))
    assert seen(index, ANN) == {file}


def test_a_quiet_run_asks_little(index: SearchIndex) -> None:
    drive = SharedDrive()
    folder = drive.add("Team")
    for number in range(50):
        drive.add(f"{number}.txt", TEXT, folder)
    drive.grant(folder, ANN)
    index_drive(index, "cloud", drive)
    drive.calls.clear()
    index_drive(index, "cloud", drive)
    assert drive.calls == {"changes": 1, "permissions": 1}


SHARED_UNTOLD = [
    [(0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0)],
    [(0, 0, 0, 0), (1, 0, 0, 0), (6, 0, 0, 0), (3, 27, 0, 0)],
    [(0, 0, 0, 0), (0, 0, 0, 0), (0, 1, 6, 0), (6, 4, 0, 0)],
    [(0, 0, 0, 0), (4, 21, 0, 0)],
]
"""A folder is shared, gets a file, and is shared no longer: the drive tells of the file alone."""
STEP = st.tuples(st.integers(0, 7), st.integers(0, 30), st.integers(0, 30), st.integers(0, 3))


def _do(drive: SharedDrive, step: tuple[int, int, int, int]) -> None:
    what, first, second, who = step
    ids = list(drive.nodes)
    folders = ["", *(node.id for node in drive.nodes.values() if node.content is None)]
    folder = folders[second % len(folders)]
    if what == 0:
        drive.add(f"f{len(drive._feed)}.txt", TEXT, folder)
    elif what == 1:
        drive.add(f"folder{len(drive._feed)}", None, folder)
    elif ids:
        file = ids[first % len(ids)]
        if what in (2, 3):
            kind = ("person", "person", "domain", "link")[who]
            drive.grant(file, (ANN, BOB, "club.org", "")[who], kind)
        elif what == 4:
            drive.revoke(file)
        elif what == 5 and not (folder and drive.is_below(folder, file)):
            drive.place(file, parent=folder)
        elif what == 6 and len(ids) > 3:
            drive.delete(file)
        elif what == 7 and drive.nodes[file].content is not None:
            drive.write(file, TEXT if who else b"nothing")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(st.lists(STEP, min_size=1, max_size=8), min_size=1, max_size=6),
    tells=st.booleans(),
)
@example(steps=SHARED_UNTOLD, tells=False)
def test_after_any_history_everybody_finds_what_they_may_see(
    steps: list[list[tuple[int, int, int, int]]], tells: bool
) -> None:
    drive = SharedDrive(tells_sharing=tells, page=3)
    folder = Path(tempfile.mkdtemp())
    index = SearchIndex(folder)
    try:
        for round_ in steps:
            for step in round_:
                _do(drive, step)
            index_drive(index, "cloud", drive)
            for asker in (ANN, BOB):
                found, allowed = seen(index, asker), may_see(drive, asker)
                assert found <= allowed
                assert_no_hidden_folder_shows(index, drive, asker)
                if tells:
                    assert found == allowed
            assert seen(index, None) == {
                node.id for node in drive.nodes.values() if node.content == TEXT
            }
        index_drive(index, "cloud", drive, config=SearchConfig(readers_max_age_h=0))
        assert seen(index, ANN) == may_see(drive, ANN)
    finally:
        index.close()
        shutil.rmtree(folder)
