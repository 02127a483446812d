"""Who sees what in a Google Drive."""

from __future__ import annotations

import datetime
import threading
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError, NotSupportedError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from tests.fakes.google import GoogleServer

COACH = "coach@example.org"


def in_days(days: float) -> datetime.datetime:
    now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    return now.replace(microsecond=0)


def roles(drive: GoogleDrive, file_id: str) -> dict[str, str]:
    return {p.who: p.role for p in drive.permissions(file_id) if p.role != "owner"}


@pytest.fixture
def key(server: GoogleServer) -> str:
    return server.world.add_file("clip.mp4")


def test_an_end_is_set_changed_and_taken_away(drive: GoogleDrive, key: str) -> None:
    week, month = in_days(7), in_days(30)
    (given,) = drive.share(key, [COACH], expires=week)
    assert given.expires == week
    (given,) = drive.share(key, [COACH], expires=month)
    assert given.expires == month
    (given,) = drive.share(key, [COACH])
    assert given.expires is None
    assert [p.expires for p in drive.permissions(key)] == [None, None]


def test_ends_that_cannot_be(server: GoogleServer, drive: GoogleDrive, key: str) -> None:
    with pytest.raises(BadInputError, match="past"):
        drive.share(key, [COACH], expires=in_days(-1))
    with pytest.raises(BadInputError, match="time zone"):
        drive.share(key, [COACH], expires=in_days(7).replace(tzinfo=None))
    with pytest.raises(NotSupportedError, match="year"):
        drive.share(key, [COACH, "b@example.org"], expires=in_days(400))
    with pytest.raises(NotSupportedError, match="Links"):
        drive.share_link(key, expires=in_days(7))
    assert roles(drive, key) == {}
    assert not any("POST" in line and "permissions" in line for line in server.faults.log)


def test_roles_go_up_and_down_and_asking_again_changes_nothing(
    server: GoogleServer, drive: GoogleDrive, key: str
) -> None:
    for role in ("reader", "writer", "commenter", "commenter", "reader"):
        (given,) = drive.share(key, [COACH.upper()], role)
        assert (given.role, roles(drive, key)[given.who]) == (role, role)
        assert len(roles(drive, key)) == 1
    server.faults.clear()
    drive.share(key, [COACH])
    assert not any(line.startswith(("POST", "PATCH")) for line in server.faults.log)


def test_nobody_gets_mail(server: GoogleServer, drive: GoogleDrive, key: str) -> None:
    drive.share(key, [COACH])
    (line,) = [line for line in server.faults.log if "POST /drive/v3/files/" in line]
    assert "sendNotificationEmail=false" in line


def test_a_failed_mail_is_not_a_failed_share(
    server: GoogleServer, drive: GoogleDrive, key: str
) -> None:
    server.permissions.mail_fails = True
    (given,) = drive.share(key, [COACH])
    assert (given.who, given.role) == (COACH, "reader")
    with pytest.raises(PermanentError, match=r"invalidSharingRequest.*Google account"):
        drive.share(key, ["nobody@nowhere.example"])


@pytest.mark.parametrize("where", ["told", "not told", "shared drive"])
def test_what_comes_from_above_is_named_and_not_taken_back_below(
    server: GoogleServer, drive: GoogleDrive, open_drive: Callable[..., GoogleDrive], where: str
) -> None:
    server.world.tells_inheritance = where == "told"
    parent = None
    if where == "shared drive":
        parent = server.world.add_drive("Club")
        drive = open_drive(drive_id=parent)
    folder = server.world.add_folder("Team", parent)
    key = server.world.add_file("clip.mp4", parent=server.world.add_folder("Below", folder))
    (above,) = drive.share(folder, [COACH], "commenter")
    (below,) = [p for p in drive.permissions(key) if p.who == COACH]
    assert (below.inherited, below.id, below.role) == (True, "", "commenter")
    with pytest.raises(PermanentError, match="above"):
        drive.unshare(key, above.id)
    with pytest.raises(BadInputError):
        drive.unshare(key, below.id)
    for role in ("reader", "commenter"):  # they have that, or more, already
        (same,) = drive.share(key, [COACH], role)
        assert (same.inherited, same.role) == (True, "commenter")
    (more,) = drive.share(key, [COACH], "writer")
    assert (more.inherited, more.role) == (False, "writer")
    assert roles(drive, folder)[COACH] == "commenter"
    drive.unshare(key, more.id)
    assert roles(drive, key)[COACH] == "commenter"


def test_the_owner_stays(server: GoogleServer, drive: GoogleDrive, key: str) -> None:
    (owner,) = drive.permissions(key)
    assert (owner.role, owner.id, owner.who) == ("owner", "", server.world.user)
    assert list(drive.share(key, [server.world.user])) == [owner]
    (raw,) = server.world.files[key].permissions
    with pytest.raises(PermanentError, match="owner"):
        drive.unshare(key, raw)


def test_links_are_made_once_and_changed(drive: GoogleDrive, key: str) -> None:
    first = drive.share_link(key)
    assert drive.share_link(key) == first
    second = drive.share_link(key, "writer")
    assert (second.id, second.role) == (first.id, "writer")
    assert [p for p in drive.permissions(key) if p.kind == "link"] == [second]


def test_all_kinds_and_pages_are_listed(server: GoogleServer, drive: GoogleDrive, key: str) -> None:
    item = server.world.files[key]
    server.world.grant(item, "group", "writer", "staff@example.org")
    server.world.grant(item, "domain", "reader", "example.org")
    server.world.grant(item, "user", "reader", "left@example.org", deleted=True)
    server.permissions.page_size = 1
    assert {(p.kind, p.who) for p in drive.permissions(key)} == {
        ("person", server.world.user),
        ("group", "staff@example.org"),
        ("domain", "example.org"),
    }


def test_managers_of_a_shared_drive_are_like_owners(
    server: GoogleServer, open_drive: Callable[..., GoogleDrive]
) -> None:
    key = server.world.add_file("clip.mp4", parent=server.world.add_drive("Club"))
    drive = open_drive(drive_id=server.world.files[key].drive_id)
    (manager,) = drive.permissions(key)
    assert (manager.role, manager.id, manager.inherited) == ("owner", "", True)


def test_many_shares_at_once_are_all_made(drive: GoogleDrive, key: str) -> None:
    people = [f"{number}@example.org" for number in range(8)]
    threads = [threading.Thread(target=drive.share, args=(key, [person])) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(roles(drive, key)) == set(people)
